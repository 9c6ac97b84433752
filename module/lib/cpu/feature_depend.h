/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What depends on what: a feature whose parent is taken away goes with it.
 *
 * The includer defines
 *
 *	CPU_ROOT(ID)		a feature that is a parent and has none itself
 *	DEPENDS(ID, parents)	one that has; parents is a row of
 *	P(parent, why)		the parent and the reason
 *	WORD_NEEDS(word, ID, why) a whole word that is about one feature
 *
 * and gets them undefined again.
 *
 * The order of this file is the proof that there is no cycle: a feature may name
 * as parents only what stands above it, and features.c turns any other order
 * into a build error. The closure also relies on it, to finish in one pass.
 *
 * The rule is for what a mask or a pool removes. It never condemns a real host:
 * 13 of 490 real CPUs break one of these edges and work. That is also why these
 * edges are absent on purpose: POPCNT under SSE4.2 and BMI, TBM under AVX (their
 * encodings need no vector state); LZCNT, MOVBE, ADX (general registers alone);
 * CX8, CMOV under anything (older than the bits that could be their parents).
 *
 * Sources: SDM vol. 1 (chapters 10-18: detection of each extension), APM vol. 3,
 * and the reasons given.
 */
#if !defined(CPU_ROOT) || !defined(DEPENDS) || !defined(P) || !defined(WORD_NEEDS)
#error "define CPU_ROOT, DEPENDS, P and WORD_NEEDS before including feature_depend.h"
#endif
/* clang-format off */

CPU_ROOT(FPU)
CPU_ROOT(FXSR)
CPU_ROOT(PAE)
CPU_ROOT(TSC)
CPU_ROOT(MSR)
CPU_ROOT(APIC)
CPU_ROOT(MCE)
CPU_ROOT(CLFLUSH)
CPU_ROOT(DS)
CPU_ROOT(XSAVE)
CPU_ROOT(MONITOR)
CPU_ROOT(NOW3D)
CPU_ROOT(SMEP)
CPU_ROOT(SGX)
CPU_ROOT(VMX)
CPU_ROOT(SVM)
CPU_ROOT(RTM)
CPU_ROOT(CQM)
CPU_ROOT(RDT_A)
CPU_ROOT(INTEL_PT)
CPU_ROOT(KEY_LOCKER)
CPU_ROOT(ARCH_LBR)
CPU_ROOT(ARCH_PERFMON_EXT)
CPU_ROOT(HWP)
CPU_ROOT(HFI)
CPU_ROOT(IBS)
CPU_ROOT(SME)
CPU_ROOT(INVLPGB)
CPU_ROOT(BPEXT)
CPU_ROOT(ARCH_CAPABILITIES)
CPU_ROOT(CORE_CAPABILITY)
CPU_ROOT(SPEC_CTRL)
CPU_ROOT(AMD_IBRS)
CPU_ROOT(AMD_IBPB)

/* the machine */
DEPENDS(MCA,		P(MCE, "MCA reports through the machine check exception"))
DEPENDS(SUCCOR,		P(MCA, "it extends the MCA banks"))
DEPENDS(OVERFLOW_RECOV,	P(MCA, "it is about MCA overflow"))
DEPENDS(SMCA,		P(MCA, "it replaces the MCA bank layout"))
DEPENDS(X2APIC,		P(APIC, "a mode of the APIC") P(MSR, "its registers are MSRs"))
DEPENDS(EXTAPIC,	P(APIC, "more registers of the APIC"))
DEPENDS(TSC_DEADLINE,	P(APIC, "a mode of its timer") P(TSC, "the deadline is a TSC value"))
DEPENDS(ARAT,		P(APIC, "a property of the APIC timer"))
DEPENDS(RDTSCP,		P(TSC, "it reads the TSC") P(MSR, "and TSC_AUX, which an MSR writes"))
DEPENDS(RDPID,		P(MSR, "it reads TSC_AUX, which an MSR writes"))
DEPENDS(TSC_ADJUST,	P(TSC, "it adjusts the TSC"))
DEPENDS(INVTSC,		P(TSC, "a property of the TSC"))
DEPENDS(DTES64,		P(DS, "the 64-bit layout of the debug store"))
DEPENDS(DS_CPL,		P(DS, "a filter of the debug store"))
DEPENDS(MWAIT_EXT,	P(MONITOR, "hints of MWAIT"))
DEPENDS(MWAIT_IRQ_BREAK, P(MWAIT_EXT, "one of those hints"))
DEPENDS(ADDR_MASK_EXT,	P(BPEXT, "wider masks of the same MSRs"))
DEPENDS(INVLPGB_NESTED,	P(INVLPGB, "a form of INVLPGB") P(SVM, "it invalidates guests' translations"))

/* paging */
DEPENDS(NX,		P(PAE, "bit 63 exists only in PAE and long-mode entries"))
DEPENDS(CLZERO,		P(CLFLUSH, "it works on the line size CLFLUSH tells"))
DEPENDS(CLFLUSHOPT,	P(CLFLUSH, "the same line size"))
DEPENDS(CLWB,		P(CLFLUSH, "the same line size"))
DEPENDS(CLDEMOTE,	P(CLFLUSH, "the same line size"))
DEPENDS(MOVDIR64B,	P(CLFLUSH, "it stores one such line"))

/* x87, SSE */
DEPENDS(MMX,		P(FPU, "MMX registers are x87 registers"))
DEPENDS(MMXEXT,		P(MMX, "more MMX instructions"))
DEPENDS(NOW3DEXT,	P(NOW3D, "more 3DNow! instructions"))
DEPENDS(FFXSR,		P(FXSR, "a mode of FXSAVE"))
DEPENDS(SSE,		P(FXSR, "XMM registers are saved by FXSAVE"))
DEPENDS(SSE2,		P(SSE, "more on the same registers"))
DEPENDS(SSE3,		P(SSE2, "more on the same registers"))
DEPENDS(SSSE3,		P(SSE3, "software takes the SSE levels as a ladder"))
DEPENDS(SSE4_1,		P(SSSE3, "the ladder again"))
DEPENDS(SSE4_2,		P(SSE4_1, "the ladder again"))
DEPENDS(SSE4A,		P(SSE3, "AMD's branch of the ladder"))
DEPENDS(MISALIGNSSE,	P(SSE, "a bit of MXCSR"))
DEPENDS(AES,		P(SSE2, "integer operations on XMM registers"))
DEPENDS(PCLMULQDQ,	P(SSE2, "integer operations on XMM registers"))
DEPENDS(SHA_NI,		P(SSE2, "integer operations on XMM registers"))
DEPENDS(GFNI,		P(SSE2, "integer operations on XMM registers"))

/* long mode */
DEPENDS(LM,		P(PAE, "long-mode paging is PAE's") P(SSE2, "part of the x86-64 baseline"))
DEPENDS(CX16,		P(LM, "16 bytes are a pair of 64-bit registers"))
DEPENDS(LAHF_LM,	P(LM, "LAHF in 64-bit mode"))
DEPENDS(PDPE1GB,	P(LM, "a level of long-mode paging"))
DEPENDS(PCID,		P(LM, "CR4.PCIDE needs long mode"))
DEPENDS(FSGSBASE,	P(LM, "64-bit mode instructions"))
DEPENDS(LA57,		P(LM, "a level of long-mode paging"))
DEPENDS(LAM,		P(LM, "masks 64-bit addresses"))
DEPENDS(LASS,		P(LM, "splits 64-bit addresses") P(SMEP, "it completes SMEP"))
DEPENDS(LKGS,		P(LM, "a 64-bit mode instruction"))
DEPENDS(FRED,		P(LM, "64-bit mode only") P(LKGS, "the FRED specification asks for it"))
DEPENDS(NMI_SOURCE,	P(FRED, "it is told in FRED event data"))
DEPENDS(UINTR,		P(LM, "64-bit mode only"))
DEPENDS(UIRET_UIF,	P(UINTR, "a detail of UIRET"))
DEPENDS(CMPCCXADD,	P(LM, "64-bit mode only"))
DEPENDS(UPPER_ADDR_IGNORE, P(LM, "ignores bits of 64-bit addresses"))

/* XSAVE and what its components hold */
DEPENDS(XSAVEOPT,	P(XSAVE, "a form of XSAVE"))
DEPENDS(XSAVEC,		P(XSAVE, "a form of XSAVE"))
DEPENDS(XGETBV1,	P(XSAVE, "a form of XGETBV"))
DEPENDS(XSAVES,		P(XSAVEC, "its area is in the compacted format"))
DEPENDS(XFD,		P(XSAVE, "it switches components of XCR0"))
DEPENDS(PKU,		P(XSAVE, "PKRU is component 9") P(LM, "a property of long-mode pages"))
DEPENDS(PKS,		P(LM, "a property of long-mode pages"))
DEPENDS(MPX,		P(XSAVE, "bounds are components 3 and 4"))
DEPENDS(LWP,		P(XSAVE, "component 62"))
DEPENDS(SHSTK,		P(XSAVES, "component 11 and 12 are supervisor state"))
DEPENDS(IBT,		P(XSAVES, "component 11 is supervisor state"))
DEPENDS(CET_SSS,	P(SHSTK, "a property of supervisor shadow stacks"))
DEPENDS(APX,		P(XSAVE, "component 19") P(LM, "64-bit mode only"))
DEPENDS(APX_NCI_NDD_NF,	P(APX, "part of APX"))

/* AVX */
DEPENDS(AVX,		P(XSAVE, "YMM is component 2") P(SSE2, "VEX forms of SSE2"))
DEPENDS(FMA,		P(AVX, "VEX encodings"))
DEPENDS(FMA4,		P(AVX, "VEX encodings"))
DEPENDS(XOP,		P(AVX, "operates on YMM"))
DEPENDS(F16C,		P(AVX, "VEX encodings"))
DEPENDS(AVX2,		P(AVX, "integers on YMM"))
DEPENDS(VAES,		P(AVX2, "YMM integers") P(AES, "the wide form of AES"))
DEPENDS(VPCLMULQDQ,	P(AVX2, "YMM integers") P(PCLMULQDQ, "the wide form of PCLMULQDQ"))
DEPENDS(AVX_VNNI,	P(AVX2, "YMM integers"))
DEPENDS(AVX_IFMA,	P(AVX2, "YMM integers"))
DEPENDS(AVX_VNNI_INT8,	P(AVX2, "YMM integers"))
DEPENDS(AVX_VNNI_INT16,	P(AVX2, "YMM integers"))
DEPENDS(AVX_NE_CONVERT,	P(AVX2, "YMM operands"))
DEPENDS(SHA512,		P(AVX2, "YMM integers"))
DEPENDS(SM3,		P(AVX, "VEX encodings"))
DEPENDS(SM4,		P(AVX2, "YMM integers"))

/* AVX-512 */
DEPENDS(AVX512F,	P(AVX2, "every AVX-512 CPU has AVX2, and code assumes it"))
DEPENDS(AVX512DQ,	P(AVX512F, "the foundation"))
DEPENDS(AVX512_IFMA,	P(AVX512F, "the foundation"))
DEPENDS(AVX512PF,	P(AVX512F, "the foundation"))
DEPENDS(AVX512ER,	P(AVX512F, "the foundation"))
DEPENDS(AVX512CD,	P(AVX512F, "the foundation"))
DEPENDS(AVX512BW,	P(AVX512F, "the foundation"))
DEPENDS(AVX512VL,	P(AVX512F, "the foundation"))
DEPENDS(AVX512_VNNI,	P(AVX512F, "the foundation"))
DEPENDS(AVX512_VPOPCNTDQ, P(AVX512F, "the foundation"))
DEPENDS(AVX512_4VNNIW,	P(AVX512F, "the foundation"))
DEPENDS(AVX512_4FMAPS,	P(AVX512F, "the foundation"))
DEPENDS(AVX512_VP2INTERSECT, P(AVX512F, "the foundation"))
DEPENDS(AVX512_VBMI,	P(AVX512BW, "bytes under a 64-bit mask"))
DEPENDS(AVX512_VBMI2,	P(AVX512BW, "bytes under a 64-bit mask"))
DEPENDS(AVX512_BITALG,	P(AVX512BW, "bytes under a 64-bit mask"))
DEPENDS(AVX512_BF16,	P(AVX512BW, "words under a 32-bit mask"))
DEPENDS(AVX512_FP16,	P(AVX512BW, "words under a 32-bit mask"))
DEPENDS(AVX512_BMM,	P(AVX512BW, "bytes under a 64-bit mask"))
DEPENDS(AVX10,		P(AVX512F, "the same registers and masks"))
DEPENDS(AVX10_128,	P(AVX10, "a vector length of AVX10"))
DEPENDS(AVX10_256,	P(AVX10, "a vector length of AVX10"))
DEPENDS(AVX10_512,	P(AVX10, "a vector length of AVX10"))

/* AMX */
DEPENDS(AMX_TILE,	P(XSAVE, "tiles are components 17 and 18") P(LM, "64-bit mode only"))
DEPENDS(AMX_BF16,	P(AMX_TILE, "works on tiles"))
DEPENDS(AMX_INT8,	P(AMX_TILE, "works on tiles"))
DEPENDS(AMX_FP16,	P(AMX_TILE, "works on tiles"))
DEPENDS(AMX_COMPLEX,	P(AMX_TILE, "works on tiles"))

/* speculation, in both vendors' spelling */
DEPENDS(STIBP,		P(SPEC_CTRL, "a bit of SPEC_CTRL"))
DEPENDS(SSBD,		P(SPEC_CTRL, "a bit of SPEC_CTRL"))
DEPENDS(INTEL_PSFD,	P(SPEC_CTRL, "a bit of SPEC_CTRL"))
DEPENDS(IPRED_CTRL,	P(SPEC_CTRL, "bits of SPEC_CTRL"))
DEPENDS(RRSBA_CTRL,	P(SPEC_CTRL, "bits of SPEC_CTRL"))
DEPENDS(DDPD_U,		P(SPEC_CTRL, "a bit of SPEC_CTRL"))
DEPENDS(BHI_CTRL,	P(SPEC_CTRL, "a bit of SPEC_CTRL"))
DEPENDS(AMD_STIBP,	P(AMD_IBRS, "a bit of SPEC_CTRL"))
DEPENDS(AMD_SSBD,	P(AMD_IBRS, "a bit of SPEC_CTRL"))
DEPENDS(AMD_PSFD,	P(AMD_IBRS, "a bit of SPEC_CTRL"))
DEPENDS(IBRS_ALWAYS_ON,	P(AMD_IBRS, "how to use IBRS"))
DEPENDS(IBRS_PREFERRED,	P(AMD_IBRS, "how to use IBRS"))
DEPENDS(IBRS_SAME_MODE,	P(AMD_IBRS, "what IBRS does"))
DEPENDS(STIBP_ALWAYS_ON, P(AMD_STIBP, "how to use STIBP"))
DEPENDS(AUTO_IBRS,	P(AMD_IBRS, "IBRS by EFER"))
DEPENDS(IBPB_RET,	P(AMD_IBPB, "what IBPB does"))
DEPENDS(SBPB,		P(AMD_IBPB, "a lesser IBPB"))
DEPENDS(IBPB_BRTYPE,	P(AMD_IBPB, "what IBPB does"))
DEPENDS(IBRS_ALL,	P(SPEC_CTRL, "enhanced IBRS is a kind of IBRS"))
DEPENDS(RRSBA,		P(IBRS_ALL, "the restriction is enhanced IBRS's"))

/* transactional memory */
DEPENDS(TSXLDTRK,	P(RTM, "suspends tracking inside a transaction"))

/* power */
DEPENDS(HWP_NOTIFY,	P(HWP, "part of HWP"))
DEPENDS(HWP_ACT_WINDOW,	P(HWP, "part of HWP"))
DEPENDS(HWP_EPP,	P(HWP, "part of HWP"))
DEPENDS(HWP_PKG_REQ,	P(HWP, "part of HWP"))
DEPENDS(HWP_HIGHEST_CHANGE, P(HWP_NOTIFY, "it is told by the HWP interrupt"))
DEPENDS(HWP_PECI_OVERRIDE, P(HWP, "part of HWP"))
DEPENDS(HWP_FLEXIBLE,	P(HWP, "part of HWP"))
DEPENDS(HWP_FAST,	P(HWP, "part of HWP"))
DEPENDS(HWP_IGNORE_IDLE, P(HWP, "part of HWP"))
DEPENDS(HFI_PERF,	P(HFI, "a column of its table"))
DEPENDS(HFI_ENERGY,	P(HFI, "a column of its table"))
DEPENDS(THREAD_DIRECTOR, P(HFI, "it extends the feedback table"))
DEPENDS(HRESET,		P(THREAD_DIRECTOR, "it resets the director's history"))

/* enclaves, encryption */
DEPENDS(SGX_LC,		P(SGX, "part of SGX"))
DEPENDS(SGX_KEYS,	P(SGX, "part of SGX"))
DEPENDS(SEV,		P(SME, "encrypts by the same engine"))
DEPENDS(SEV_ES,		P(SEV, "it extends SEV"))
DEPENDS(SEV_SNP,	P(SEV_ES, "it extends SEV-ES"))

/*
 * Whole registers: each bit of the word is about the one feature.
 * WORD_NEEDS(word, ID, why)
 */
WORD_NEEDS(5_ECX,	 MONITOR,	"leaf 5 is about MWAIT")
WORD_NEEDS(D_1_EAX,	 XSAVE,		"leaf 0xD is XSAVE's")
WORD_NEEDS(D_1_ECX,	 XSAVES,	"IA32_XSS exists with XSAVES")
WORD_NEEDS(F_EDX,	 CQM,		"leaf 0xF is about monitoring")
WORD_NEEDS(F_1_EAX,	 CQM,		"leaf 0xF is about monitoring")
WORD_NEEDS(F_1_EDX,	 CQM,		"leaf 0xF is about monitoring")
WORD_NEEDS(10_EBX,	 RDT_A,		"leaf 0x10 is about allocation")
WORD_NEEDS(10_1_ECX,	 RDT_A,		"leaf 0x10 is about allocation")
WORD_NEEDS(10_3_ECX,	 RDT_A,		"leaf 0x10 is about allocation")
WORD_NEEDS(12_EAX,	 SGX,		"leaf 0x12 is SGX's")
WORD_NEEDS(12_EBX,	 SGX,		"leaf 0x12 is SGX's")
WORD_NEEDS(12_1_EAX,	 SGX,		"leaf 0x12 is SGX's")
WORD_NEEDS(14_EBX,	 INTEL_PT,	"leaf 0x14 is processor trace's")
WORD_NEEDS(14_ECX,	 INTEL_PT,	"leaf 0x14 is processor trace's")
WORD_NEEDS(19_EAX,	 KEY_LOCKER,	"leaf 0x19 is key locker's")
WORD_NEEDS(19_EBX,	 KEY_LOCKER,	"leaf 0x19 is key locker's")
WORD_NEEDS(19_ECX,	 KEY_LOCKER,	"leaf 0x19 is key locker's")
WORD_NEEDS(1C_EAX,	 ARCH_LBR,	"leaf 0x1C is the LBRs'")
WORD_NEEDS(1C_EBX,	 ARCH_LBR,	"leaf 0x1C is the LBRs'")
WORD_NEEDS(1C_ECX,	 ARCH_LBR,	"leaf 0x1C is the LBRs'")
WORD_NEEDS(20_EBX,	 HRESET,	"leaf 0x20 is HRESET's")
WORD_NEEDS(23_EAX,	 ARCH_PERFMON_EXT, "leaf 0x23 is enumerated by it")
WORD_NEEDS(23_EBX,	 ARCH_PERFMON_EXT, "leaf 0x23 is enumerated by it")
WORD_NEEDS(23_3_EAX,	 ARCH_PERFMON_EXT, "leaf 0x23 is enumerated by it")
WORD_NEEDS(23_4_EBX,	 ARCH_PERFMON_EXT, "leaf 0x23 is enumerated by it")
WORD_NEEDS(24_EBX,	 AVX10,		"leaf 0x24 is AVX10's")
WORD_NEEDS(29_EBX,	 APX,		"leaf 0x29 is APX's")
WORD_NEEDS(8000000A_EDX, SVM,		"leaf 0x8000000A is SVM's")
WORD_NEEDS(8000000A_ECX, SVM,		"leaf 0x8000000A is SVM's")
WORD_NEEDS(8000001B_EAX, IBS,		"leaf 0x8000001B is IBS's")
WORD_NEEDS(8000001C_EAX, LWP,		"leaf 0x8000001C is LWP's")
WORD_NEEDS(8000001C_EDX, LWP,		"leaf 0x8000001C is LWP's")
WORD_NEEDS(MSR_CF_LO,	 CORE_CAPABILITY, "it enumerates the MSR")
WORD_NEEDS(MSR_10A_LO,	 ARCH_CAPABILITIES, "it enumerates the MSR")
WORD_NEEDS(MSR_10A_HI,	 ARCH_CAPABILITIES, "it enumerates the MSR")
WORD_NEEDS(MSR_480_HI,	 VMX,		"a VMX capability MSR")
WORD_NEEDS(MSR_485_LO,	 VMX,		"a VMX capability MSR")
WORD_NEEDS(MSR_48B_HI,	 VMX,		"a VMX capability MSR")
WORD_NEEDS(MSR_48C_LO,	 VMX,		"a VMX capability MSR")
WORD_NEEDS(MSR_48C_HI,	 VMX,		"a VMX capability MSR")
WORD_NEEDS(MSR_48D_HI,	 VMX,		"a VMX capability MSR")
WORD_NEEDS(MSR_48E_LO,	 VMX,		"a VMX capability MSR")
WORD_NEEDS(MSR_48E_HI,	 VMX,		"a VMX capability MSR")
WORD_NEEDS(MSR_48F_LO,	 VMX,		"a VMX capability MSR")
WORD_NEEDS(MSR_48F_HI,	 VMX,		"a VMX capability MSR")
WORD_NEEDS(MSR_490_LO,	 VMX,		"a VMX capability MSR")
WORD_NEEDS(MSR_490_HI,	 VMX,		"a VMX capability MSR")
WORD_NEEDS(MSR_491_LO,	 VMX,		"a VMX capability MSR")
/* clang-format on */

#undef CPU_ROOT
#undef DEPENDS
#undef P
#undef WORD_NEEDS
