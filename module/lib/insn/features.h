/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The CPUID feature that each instruction form needs, as (leaf, sub-leaf,
 * register, bit); INSN_F_BASE needs none. SDM volume 2 "CPUID", APM volume 3
 * appendix E. Registers: 0 EAX, 1 EBX, 2 ECX, 3 EDX.
 *
 * Leaf 0 marks a feature that CPUID does not enumerate to an ordinary guest;
 * it is never offered. MMXEXT is AMD's name for what SSE also brings, so it is
 * tested by SSE's bit.
 */
#ifndef FERRY_LIB_INSN_FEATURES_H
#define FERRY_LIB_INSN_FEATURES_H

#define INSN_FEATURES(X) \
	X(FPU,		0x1, 0, 3, 0) \
	X(TSC,		0x1, 0, 3, 4) \
	X(MSR,		0x1, 0, 3, 5) \
	X(CX8,		0x1, 0, 3, 8) \
	X(SEP,		0x1, 0, 3, 11) \
	X(CMOV,		0x1, 0, 3, 15) \
	X(CLFSH,	0x1, 0, 3, 19) \
	X(MMX,		0x1, 0, 3, 23) \
	X(FXSR,		0x1, 0, 3, 24) \
	X(SSE,		0x1, 0, 3, 25) \
	X(MMXEXT,	0x1, 0, 3, 25) \
	X(SSE2,		0x1, 0, 3, 26) \
	X(SSE3,		0x1, 0, 2, 0) \
	X(PCLMUL,	0x1, 0, 2, 1) \
	X(MONITOR,	0x1, 0, 2, 3) \
	X(VMX,		0x1, 0, 2, 5) \
	X(SMX,		0x1, 0, 2, 6) \
	X(SSSE3,	0x1, 0, 2, 9) \
	X(CX16,		0x1, 0, 2, 13) \
	X(SSE41,	0x1, 0, 2, 19) \
	X(SSE42,	0x1, 0, 2, 20) \
	X(MOVBE,	0x1, 0, 2, 22) \
	X(POPCNT,	0x1, 0, 2, 23) \
	X(AES,		0x1, 0, 2, 25) \
	X(XSAVE,	0x1, 0, 2, 26) \
	X(AVX,		0x1, 0, 2, 28) \
	X(RDRAND,	0x1, 0, 2, 30) \
	X(FSGSBASE,	0x7, 0, 1, 0) \
	X(SGX,		0x7, 0, 1, 2) \
	X(BMI1,		0x7, 0, 1, 3) \
	X(AVX2,		0x7, 0, 1, 5) \
	X(BMI2,		0x7, 0, 1, 8) \
	X(INVPCID,	0x7, 0, 1, 10) \
	X(RTM,		0x7, 0, 1, 11) \
	X(MPX,		0x7, 0, 1, 14) \
	X(RDSEED,	0x7, 0, 1, 18) \
	X(ADX,		0x7, 0, 1, 19) \
	X(SMAP,		0x7, 0, 1, 20) \
	X(CLFLUSHOPT,	0x7, 0, 1, 23) \
	X(CLWB,		0x7, 0, 1, 24) \
	X(SHA,		0x7, 0, 1, 29) \
	X(PREFETCHWT1,	0x7, 0, 2, 0) \
	X(PKU,		0x7, 0, 2, 3) \
	X(WAITPKG,	0x7, 0, 2, 5) \
	X(CET_SS,	0x7, 0, 2, 7) \
	X(GFNI,		0x7, 0, 2, 8) \
	X(RDPID,	0x7, 0, 2, 22) \
	X(KL,		0x7, 0, 2, 23) \
	X(CLDEMOTE,	0x7, 0, 2, 25) \
	X(MOVDIRI,	0x7, 0, 2, 27) \
	X(MOVDIR64B,	0x7, 0, 2, 28) \
	X(ENQCMD,	0x7, 0, 2, 29) \
	X(UINTR,	0x7, 0, 3, 5) \
	X(SERIALIZE,	0x7, 0, 3, 14) \
	X(TSXLDTRK,	0x7, 0, 3, 16) \
	X(PCONFIG,	0x7, 0, 3, 18) \
	X(CET_IBT,	0x7, 0, 3, 20) \
	X(RAO_INT,	0x7, 1, 0, 3) \
	X(FRED,		0x7, 1, 0, 17) \
	X(LKGS,		0x7, 1, 0, 18) \
	X(WRMSRNS,	0x7, 1, 0, 19) \
	X(HRESET,	0x7, 1, 0, 22) \
	X(MSRLIST,	0x7, 1, 0, 27) \
	X(MOVRS,	0x7, 1, 0, 31) \
	X(PBNDKB,	0x7, 1, 1, 1) \
	X(PREFETCHI,	0x7, 1, 3, 14) \
	X(USER_MSR,	0x7, 1, 3, 15) \
	X(XSAVEOPT,	0xd, 1, 0, 0) \
	X(XSAVEC,	0xd, 1, 0, 1) \
	X(XSAVES,	0xd, 1, 0, 3) \
	X(PTWRITE,	0x14, 0, 1, 4) \
	X(KLWIDE,	0x19, 0, 1, 2) \
	X(SVM,		0x80000001, 0, 2, 2) \
	X(LAHF64,	0x80000001, 0, 2, 0) \
	X(LZCNT,	0x80000001, 0, 2, 5) \
	X(SSE4A,	0x80000001, 0, 2, 6) \
	X(PREFETCHW,	0x80000001, 0, 2, 8) \
	X(SKINIT,	0x80000001, 0, 2, 12) \
	X(MONITORX,	0x80000001, 0, 2, 29) \
	X(SYSCALL,	0x80000001, 0, 3, 11) \
	X(RDTSCP,	0x80000001, 0, 3, 27) \
	X(AMD3DNOW,	0x80000001, 0, 3, 31) \
	X(CLZERO,	0x80000008, 0, 1, 0) \
	X(INVLPGB,	0x80000008, 0, 1, 3) \
	X(RDPRU,	0x80000008, 0, 1, 4) \
	X(MCOMMIT,	0x80000008, 0, 1, 8) \
	X(WBNOINVD,	0x80000008, 0, 1, 9) \
	X(SNP,		0x8000001f, 0, 0, 4) \
	X(PADLOCK,	0xc0000001, 0, 3, 2) \
	X(TDX,		0, 0, 0, 0) \
	X(SEAM,		0, 0, 0, 0)

#endif /* FERRY_LIB_INSN_FEATURES_H */
