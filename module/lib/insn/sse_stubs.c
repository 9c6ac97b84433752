// SPDX-License-Identifier: GPL-2.0-only
/*
 * MMX, SSE, AES and SHA as the processor has them: one stub for each
 * instruction, on fixed registers loaded from struct sse_op. Nothing is
 * generated at run time, and nothing here may be called before the caller knows
 * that this processor has the feature (insn_cpu.host_features).
 *
 * Stubs run with all exceptions masked; sse.c derives from the flags they leave
 * what an unmasked one would have done. Constant data; takes no locks.
 */
#include "sse.h"

#define STUB(name, text)						\
	static void name(struct sse_op *op)				\
	{								\
		asm volatile(text : : "r"(op) : "memory", "rax", "cc");	\
	}

#define LOAD_XMM "movdqu (%0), %%xmm0; movdqu 16(%0), %%xmm1; "
#define STORE_XMM "; movdqu %%xmm0, (%0)"
#define LOAD_MMX "movq (%0), %%mm0; movq 16(%0), %%mm1; "
#define STORE_MMX "; movq %%mm0, (%0)"

/* Offsets in struct sse_op that the texts use. */
static_assert(offsetof(struct sse_op, b) == 16 && offsetof(struct sse_op, c) == 32 &&
	      offsetof(struct sse_op, gpr) == 48 && offsetof(struct sse_op, carry) == 56 &&
	      offsetof(struct sse_op, parity) == 57 && offsetof(struct sse_op, zero) == 58,
	      "stubs know these places");

/* op a, b on XMM registers: name, which results are floating point. */
#define XMM_ONLY(X) \
	X(ADDPS, SSE_PS) X(ADDPD, SSE_PD) X(ADDSS, SSE_SS) X(ADDSD, SSE_SD) \
	X(SUBPS, SSE_PS) X(SUBPD, SSE_PD) X(SUBSS, SSE_SS) X(SUBSD, SSE_SD) \
	X(MULPS, SSE_PS) X(MULPD, SSE_PD) X(MULSS, SSE_SS) X(MULSD, SSE_SD) \
	X(DIVPS, SSE_PS) X(DIVPD, SSE_PD) X(DIVSS, SSE_SS) X(DIVSD, SSE_SD) \
	X(SQRTPS, SSE_FP) X(SQRTPD, SSE_FP) X(SQRTSS, SSE_FP) X(SQRTSD, SSE_FP) \
	X(MINPS, SSE_FP) X(MINPD, SSE_FP) X(MINSS, SSE_FP) X(MINSD, SSE_FP) \
	X(MAXPS, SSE_FP) X(MAXPD, SSE_FP) X(MAXSS, SSE_FP) X(MAXSD, SSE_FP) \
	X(ADDSUBPD, SSE_PD) X(ADDSUBPS, SSE_PS) X(HADDPD, SSE_PD) X(HADDPS, SSE_PS) \
	X(HSUBPD, SSE_PD) X(HSUBPS, SSE_PS) \
	X(CVTPS2PD, SSE_FP) X(CVTPD2PS, SSE_PS) X(CVTSS2SD, SSE_FP) X(CVTSD2SS, SSE_SS) \
	X(CVTDQ2PS, SSE_FP) X(CVTPS2DQ, SSE_FP) X(CVTTPS2DQ, SSE_FP) X(CVTTPD2DQ, SSE_FP) \
	X(CVTDQ2PD, 0) X(CVTPD2DQ, SSE_FP) \
	X(RSQRTPS, 0) X(RSQRTSS, 0) X(RCPPS, 0) X(RCPSS, 0) \
	X(ANDPS, 0) X(ANDPD, 0) X(ANDNPS, 0) X(ANDNPD, 0) X(ORPS, 0) X(ORPD, 0) X(XORPS, 0) \
	X(XORPD, 0) X(MOVHLPS, 0) X(MOVLHPS, 0) X(MOVSLDUP, 0) X(MOVSHDUP, 0) X(MOVDDUP, 0) \
	X(UNPCKLPS, 0) X(UNPCKLPD, 0) X(UNPCKHPS, 0) X(UNPCKHPD, 0) X(PUNPCKLQDQ, 0) \
	X(PUNPCKHQDQ, 0) \
	X(PMOVSXBW, 0) X(PMOVSXBD, 0) X(PMOVSXBQ, 0) X(PMOVSXWD, 0) X(PMOVSXWQ, 0) X(PMOVSXDQ, 0) \
	X(PMOVZXBW, 0) X(PMOVZXBD, 0) X(PMOVZXBQ, 0) X(PMOVZXWD, 0) X(PMOVZXWQ, 0) X(PMOVZXDQ, 0) \
	X(PMULDQ, 0) X(PCMPEQQ, 0) X(PACKUSDW, 0) X(PCMPGTQ, 0) X(PMINSB, 0) X(PMINSD, 0) \
	X(PMINUW, 0) X(PMINUD, 0) X(PMAXSB, 0) X(PMAXSD, 0) X(PMAXUW, 0) X(PMAXUD, 0) \
	X(PMULLD, 0) X(PHMINPOSUW, 0) X(AESIMC, 0) X(AESENC, 0) X(AESENCLAST, 0) X(AESDEC, 0) \
	X(AESDECLAST, 0) X(SHA1NEXTE, 0) X(SHA1MSG1, 0) X(SHA1MSG2, 0) X(SHA256MSG1, 0) \
	X(SHA256MSG2, 0) X(GF2P8MULB, 0)

/* op a, b on MMX and on XMM registers. */
#define BOTH(X) \
	X(PUNPCKLBW) X(PUNPCKLWD) X(PUNPCKLDQ) X(PACKSSWB) X(PCMPGTB) X(PCMPGTW) X(PCMPGTD) \
	X(PACKUSWB) X(PUNPCKHBW) X(PUNPCKHWD) X(PUNPCKHDQ) X(PACKSSDW) X(PSRLW) X(PSRAW) \
	X(PSLLW) X(PSRLD) X(PSRAD) X(PSLLD) X(PSRLQ) X(PSLLQ) X(PCMPEQB) X(PCMPEQW) X(PCMPEQD) \
	X(PADDQ) X(PMULLW) X(PSUBUSB) X(PSUBUSW) X(PMINUB) X(PAND) X(PADDUSB) X(PADDUSW) \
	X(PMAXUB) X(PANDN) X(PAVGB) X(PAVGW) X(PMULHUW) X(PMULHW) X(PSUBSB) X(PSUBSW) X(PMINSW) \
	X(POR) X(PADDSB) X(PADDSW) X(PMAXSW) X(PXOR) X(PMULUDQ) X(PMADDWD) X(PSADBW) X(PSUBB) \
	X(PSUBW) X(PSUBD) X(PSUBQ) X(PADDB) X(PADDW) X(PADDD) X(PSHUFB) X(PHADDW) X(PHADDD) \
	X(PHADDSW) X(PMADDUBSW) X(PHSUBW) X(PHSUBD) X(PHSUBSW) X(PSIGNB) X(PSIGNW) X(PSIGND) \
	X(PMULHRSW) X(PABSB) X(PABSW) X(PABSD)

/* XMM0 is a third operand. */
#define WITH_XMM0(X) X(PBLENDVB) X(BLENDVPS) X(BLENDVPD) X(SHA256RNDS2)

/* A general register from b: 32 and 64 bits. */
#define TO_GPR(X) \
	X(CVTTSS2SI, SSE_FP) X(CVTTSD2SI, SSE_FP) X(CVTSS2SI, SSE_FP) X(CVTSD2SI, SSE_FP)

#define COMPARES(X) \
	X(UCOMISS, SSE_FP) X(UCOMISD, SSE_FP) X(COMISS, SSE_FP) X(COMISD, SSE_FP) X(PTEST, 0)

#define X(name, flags) STUB(xmm_##name, LOAD_XMM #name " %%xmm1, %%xmm0" STORE_XMM)
XMM_ONLY(X)
#undef X
#define X(name)								\
	STUB(xmm_##name, LOAD_XMM #name " %%xmm1, %%xmm0" STORE_XMM)	\
	STUB(mmx_##name, LOAD_MMX #name " %%mm1, %%mm0" STORE_MMX)
BOTH(X)
#undef X
#define X(name)								\
	STUB(xmm_##name, "movdqu (%0), %%xmm2; movdqu 16(%0), %%xmm1; movdqu 32(%0), %%xmm0; "	\
	     #name " %%xmm0, %%xmm1, %%xmm2; movdqu %%xmm2, (%0)")
WITH_XMM0(X)
#undef X
#define X(name, flags)							\
	STUB(r32_##name, "movdqu 16(%0), %%xmm1; " #name " %%xmm1, %%eax; movq %%rax, 48(%0)") \
	STUB(r64_##name, "movdqu 16(%0), %%xmm1; " #name " %%xmm1, %%rax; movq %%rax, 48(%0)")
TO_GPR(X)
#undef X
#define X(name, flags)							\
	STUB(cmp_##name, LOAD_XMM #name " %%xmm1, %%xmm0; setc 56(%0); setp 57(%0); setz 58(%0)")
COMPARES(X)
#undef X

STUB(xmm_MOVMSKPS, "movdqu 16(%0), %%xmm1; movmskps %%xmm1, %%eax; movq %%rax, 48(%0)")
STUB(xmm_MOVMSKPD, "movdqu 16(%0), %%xmm1; movmskpd %%xmm1, %%eax; movq %%rax, 48(%0)")
STUB(xmm_PMOVMSKB, "movdqu 16(%0), %%xmm1; pmovmskb %%xmm1, %%eax; movq %%rax, 48(%0)")
STUB(mmx_PMOVMSKB, "movq 16(%0), %%mm1; pmovmskb %%mm1, %%eax; movq %%rax, 48(%0)")
STUB(r32_CVTSI2SS, "movdqu (%0), %%xmm0; cvtsi2ssl 48(%0), %%xmm0" STORE_XMM)
STUB(r64_CVTSI2SS, "movdqu (%0), %%xmm0; cvtsi2ssq 48(%0), %%xmm0" STORE_XMM)
STUB(r32_CVTSI2SD, "movdqu (%0), %%xmm0; cvtsi2sdl 48(%0), %%xmm0" STORE_XMM)
STUB(r64_CVTSI2SD, "movdqu (%0), %%xmm0; cvtsi2sdq 48(%0), %%xmm0" STORE_XMM)
/* MMX beside XMM registers. */
STUB(xmm_CVTPI2PS, "movdqu (%0), %%xmm0; movq 16(%0), %%mm1; cvtpi2ps %%mm1, %%xmm0" STORE_XMM)
STUB(xmm_CVTPI2PD, "movdqu (%0), %%xmm0; movq 16(%0), %%mm1; cvtpi2pd %%mm1, %%xmm0" STORE_XMM)
STUB(mmx_CVTPS2PI, "movdqu 16(%0), %%xmm1; cvtps2pi %%xmm1, %%mm0" STORE_MMX)
STUB(mmx_CVTTPS2PI, "movdqu 16(%0), %%xmm1; cvttps2pi %%xmm1, %%mm0" STORE_MMX)
STUB(mmx_CVTPD2PI, "movdqu 16(%0), %%xmm1; cvtpd2pi %%xmm1, %%mm0" STORE_MMX)
STUB(mmx_CVTTPD2PI, "movdqu 16(%0), %%xmm1; cvttpd2pi %%xmm1, %%mm0" STORE_MMX)

#define ROW(name) [INSN_OP_##name - INSN_OP_SSE_FIRST]

const struct sse_stub insn_sse_stubs[INSN_OP_SSE_END - INSN_OP_SSE_FIRST] = {
#define X(name, fl) ROW(name) = { .xmm = xmm_##name, .flags = (fl) & SSE_RESULTS ? (fl) | SSE_FP : (fl) },
	XMM_ONLY(X)
#undef X
#define X(name) ROW(name) = { .xmm = xmm_##name, .mmx = mmx_##name },
	BOTH(X)
#undef X
#define X(name) ROW(name) = { .xmm = xmm_##name },
	WITH_XMM0(X)
#undef X
#define X(name, fl) ROW(name) = { .xmm = r32_##name, .mmx = r64_##name, .flags = (fl) | SSE_TO_GPR },
	TO_GPR(X)
#undef X
#define X(name, fl) ROW(name) = { .xmm = cmp_##name, .flags = (fl) | SSE_FLAGS },
	COMPARES(X)
#undef X
	ROW(MOVMSKPS) = { .xmm = xmm_MOVMSKPS, .flags = SSE_TO_GPR },
	ROW(MOVMSKPD) = { .xmm = xmm_MOVMSKPD, .flags = SSE_TO_GPR },
	ROW(PMOVMSKB) = { .xmm = xmm_PMOVMSKB, .mmx = mmx_PMOVMSKB, .flags = SSE_TO_GPR },
	ROW(CVTSI2SS) = { .xmm = r32_CVTSI2SS, .mmx = r64_CVTSI2SS, .flags = SSE_FROM_GPR | SSE_FP },
	ROW(CVTSI2SD) = { .xmm = r32_CVTSI2SD, .mmx = r64_CVTSI2SD, .flags = SSE_FROM_GPR | SSE_FP },
	ROW(CVTPI2PS) = { .mmx = xmm_CVTPI2PS, .flags = SSE_FP },
	ROW(CVTPI2PD) = { .mmx = xmm_CVTPI2PD },
	ROW(CVTPS2PI) = { .mmx = mmx_CVTPS2PI, .flags = SSE_FP },
	ROW(CVTTPS2PI) = { .mmx = mmx_CVTTPS2PI, .flags = SSE_FP },
	ROW(CVTPD2PI) = { .mmx = mmx_CVTPD2PI, .flags = SSE_FP },
	ROW(CVTTPD2PI) = { .mmx = mmx_CVTTPD2PI, .flags = SSE_FP },
};

void insn_sse_run(void *arg)
{
	struct sse_op *op = arg;

	asm volatile("stmxcsr %0; ldmxcsr %1" : "=m"(op->own_mxcsr) : "m"(op->mxcsr));
	op->fn(op);
	asm volatile("stmxcsr %0; ldmxcsr %1" : "=m"(op->mxcsr) : "m"(op->own_mxcsr));
	if (op->mmx)
		asm volatile("emms");
}
