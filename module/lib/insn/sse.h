/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between sse.c (operands), sse_stubs.c (what the processor computes) and
 * sse_imm.c (what C computes).
 */
#ifndef FERRY_LIB_INSN_SSE_H
#define FERRY_LIB_INSN_SSE_H

#include "fpu.h"

/**
 * struct sse_op - operands of one MMX or SSE instruction
 * @a:     [IN/OUT] destination register, low bytes first
 * @b:     source; an immediate shift count stands here too
 * @c:     XMM0, for the forms that name it implicitly
 * @gpr:   [IN/OUT] a general register
 * @carry: [OUT] comparisons: CF, a byte
 * @parity: [OUT] PF
 * @zero:  [OUT] ZF
 * @imm:   immediate
 * @mxcsr: [IN/OUT] exceptions all masked, flags clear before
 * @fn:    stub
 * @mmx:   it uses MMX registers
 * @wide:  the general operand has 64 bits
 * @memory: the source came from memory
 * @imm2:  second immediate, of @fields
 * @fields: the immediates are the length and place of a bit field
 */
struct sse_op {
	u8 a[16], b[16], c[16];
	u64 gpr;
	u8 carry, parity, zero;
	u8 imm, imm2;
	u32 mxcsr, own_mxcsr;
	void (*fn)(struct sse_op *op);
	bool mmx, wide, memory, fields;
};

typedef void (*sse_fn)(struct sse_op *op);

/* What a stub does besides op a, b: which of its results can underflow, and its shape. */
#define SSE_PS		0x01	/* floating-point results: packed single */
#define SSE_PD		0x02
#define SSE_SS		0x04
#define SSE_SD		0x08
#define SSE_RESULTS	0x0f
#define SSE_TO_GPR	0x10	/* op b -> general register */
#define SSE_FROM_GPR	0x20	/* op general register or memory -> a */
#define SSE_FLAGS	0x40	/* op a, b -> CF, PF, ZF */
#define SSE_FP		0x80	/* can raise SIMD floating-point exceptions */

/**
 * struct sse_stub - how one instruction is carried out
 * @xmm:   on XMM registers; of those with a general register, 32 bits
 * @mmx:   on MMX registers; of those with a general register, 64 bits
 * @flags: SSE_*
 */
struct sse_stub {
	sse_fn xmm, mmx;
	u8 flags;
};

extern const struct sse_stub insn_sse_stubs[INSN_OP_SSE_END - INSN_OP_SSE_FIRST];

/* Run @op->fn on the processor. */
void insn_sse_run(void *op);

/**
 * struct sse_imm - an instruction with an immediate
 * @id:     which
 * @flags:  SSE_*
 * @mask:   the bits of the immediate that choose among @stub
 * @c:      carries it out in C; or
 * @stub:   on the processor, with
 * @before: a change of op->mxcsr, and
 * @after:  what is left to do
 */
struct sse_imm {
	u16 id;
	u8 flags;
	u8 mask;
	sse_fn c;
	sse_fn stub[8];
	sse_fn before, after;
};

const struct sse_imm *insn_sse_imm(unsigned int id);
sse_fn insn_sse_imm_stub(const struct sse_imm *row, u8 imm);

/* sse_string.c: PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM. */
int insn_sse_strings(struct exec *x, struct insn_fpu *fpu, const u8 a[16], const u8 b[16]);

#endif /* FERRY_LIB_INSN_SSE_H */
