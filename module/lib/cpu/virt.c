// SPDX-License-Identifier: GPL-2.0-only
/*
 * The features this version of Ferry virtualises and emulates. See virt.h.
 *
 * What is missing below is missing for a reason: no virtual performance
 * monitoring, debug store, tracing, power management, resource control, enclaves
 * or memory encryption; no VMX or SVM inside a guest; no state behind IA32_XSS
 * (CET); no PKRU, AMX or APX state; no MONITOR, for idle guests belong to the
 * host's scheduler; no invariant TSC unless the policy fixes the rate.
 *
 * Owns: the sets. Locks: none.
 */
#include "virt.h"

/* A feature named under the wrong word makes an array of size -1. */
#define B(word, id) \
	(sizeof(char[CPU_F_##id / 32 == CPU_W_##word ? 1 : -1]) * (1u << (CPU_F_##id % 32)))

const struct cpu_set cpu_virtualised = {
	.w = {
		[CPU_W_1_EDX] =
			B(1_EDX, FPU) | B(1_EDX, VME) | B(1_EDX, DE) | B(1_EDX, PSE) |
			B(1_EDX, TSC) | B(1_EDX, MSR) | B(1_EDX, PAE) | B(1_EDX, MCE) |
			B(1_EDX, CX8) | B(1_EDX, APIC) | B(1_EDX, SEP) | B(1_EDX, MTRR) |
			B(1_EDX, PGE) | B(1_EDX, MCA) | B(1_EDX, CMOV) | B(1_EDX, PAT) |
			B(1_EDX, PSE36) | B(1_EDX, CLFLUSH) | B(1_EDX, MMX) | B(1_EDX, FXSR) |
			B(1_EDX, SSE) | B(1_EDX, SSE2) | B(1_EDX, SS) | B(1_EDX, HT),
		[CPU_W_1_ECX] =
			B(1_ECX, SSE3) | B(1_ECX, PCLMULQDQ) | B(1_ECX, SSSE3) | B(1_ECX, FMA) |
			B(1_ECX, CX16) | B(1_ECX, PCID) | B(1_ECX, SSE4_1) | B(1_ECX, SSE4_2) |
			B(1_ECX, X2APIC) | B(1_ECX, MOVBE) | B(1_ECX, POPCNT) |
			B(1_ECX, TSC_DEADLINE) | B(1_ECX, AES) | B(1_ECX, XSAVE) |
			B(1_ECX, OSXSAVE) | B(1_ECX, AVX) | B(1_ECX, F16C) | B(1_ECX, RDRAND) |
			B(1_ECX, HYPERVISOR),
		[CPU_W_6_EAX] = B(6_EAX, ARAT),
		[CPU_W_7_EBX] =
			B(7_EBX, FSGSBASE) | B(7_EBX, TSC_ADJUST) | B(7_EBX, BMI1) | B(7_EBX, HLE) |
			B(7_EBX, AVX2) | B(7_EBX, FDP_EXCPTN_ONLY) | B(7_EBX, SMEP) |
			B(7_EBX, BMI2) | B(7_EBX, ERMS) | B(7_EBX, INVPCID) | B(7_EBX, RTM) |
			B(7_EBX, ZERO_FCS_FDS) | B(7_EBX, AVX512F) | B(7_EBX, AVX512DQ) |
			B(7_EBX, RDSEED) | B(7_EBX, ADX) | B(7_EBX, SMAP) | B(7_EBX, AVX512_IFMA) |
			B(7_EBX, CLFLUSHOPT) | B(7_EBX, CLWB) | B(7_EBX, AVX512PF) |
			B(7_EBX, AVX512ER) | B(7_EBX, AVX512CD) | B(7_EBX, SHA_NI) |
			B(7_EBX, AVX512BW) | B(7_EBX, AVX512VL),
		[CPU_W_7_ECX] =
			B(7_ECX, PREFETCHWT1) | B(7_ECX, AVX512_VBMI) | B(7_ECX, UMIP) |
			B(7_ECX, AVX512_VBMI2) | B(7_ECX, GFNI) | B(7_ECX, VAES) |
			B(7_ECX, VPCLMULQDQ) | B(7_ECX, AVX512_VNNI) | B(7_ECX, AVX512_BITALG) |
			B(7_ECX, AVX512_VPOPCNTDQ) | B(7_ECX, LA57) | B(7_ECX, RDPID) |
			B(7_ECX, CLDEMOTE) | B(7_ECX, MOVDIRI) | B(7_ECX, MOVDIR64B),
		[CPU_W_7_EDX] =
			B(7_EDX, AVX512_4VNNIW) | B(7_EDX, AVX512_4FMAPS) | B(7_EDX, FSRM) |
			B(7_EDX, AVX512_VP2INTERSECT) | B(7_EDX, MD_CLEAR) |
			B(7_EDX, RTM_ALWAYS_ABORT) | B(7_EDX, SERIALIZE) | B(7_EDX, TSXLDTRK) |
			B(7_EDX, AVX512_FP16) | B(7_EDX, SPEC_CTRL) | B(7_EDX, STIBP) |
			B(7_EDX, FLUSH_L1D) | B(7_EDX, ARCH_CAPABILITIES) | B(7_EDX, SSBD),
		[CPU_W_7_1_EAX] =
			B(7_1_EAX, SHA512) | B(7_1_EAX, SM3) | B(7_1_EAX, SM4) |
			B(7_1_EAX, RAO_INT) | B(7_1_EAX, AVX_VNNI) | B(7_1_EAX, AVX512_BF16) |
			B(7_1_EAX, CMPCCXADD) | B(7_1_EAX, FZRM) | B(7_1_EAX, FSRS) |
			B(7_1_EAX, FSRC) | B(7_1_EAX, AVX_IFMA),
		[CPU_W_7_1_EDX] =
			B(7_1_EDX, AVX_VNNI_INT8) | B(7_1_EDX, AVX_NE_CONVERT) |
			B(7_1_EDX, AVX_VNNI_INT16) | B(7_1_EDX, PREFETCHI),
		[CPU_W_7_2_EDX] =
			B(7_2_EDX, INTEL_PSFD) | B(7_2_EDX, IPRED_CTRL) | B(7_2_EDX, RRSBA_CTRL) |
			B(7_2_EDX, DDPD_U) | B(7_2_EDX, BHI_CTRL) | B(7_2_EDX, MCDT_NO),
		[CPU_W_D_1_EAX] =
			B(D_1_EAX, XSAVEOPT) | B(D_1_EAX, XSAVEC) | B(D_1_EAX, XGETBV1),
		[CPU_W_80000001_EDX] =
			B(80000001_EDX, SYSCALL) | B(80000001_EDX, NX) | B(80000001_EDX, MMXEXT) |
			B(80000001_EDX, FFXSR) | B(80000001_EDX, PDPE1GB) |
			B(80000001_EDX, RDTSCP) | B(80000001_EDX, LM) |
			B(80000001_EDX, NOW3DEXT) | B(80000001_EDX, NOW3D),
		[CPU_W_80000001_ECX] =
			B(80000001_ECX, LAHF_LM) | B(80000001_ECX, CMP_LEGACY) |
			B(80000001_ECX, CR8_LEGACY) | B(80000001_ECX, ABM) |
			B(80000001_ECX, SSE4A) | B(80000001_ECX, MISALIGNSSE) |
			B(80000001_ECX, NOW3DPREFETCH) | B(80000001_ECX, XOP) |
			B(80000001_ECX, FMA4) | B(80000001_ECX, TBM) | B(80000001_ECX, TOPOEXT),
		[CPU_W_8000001A_EAX] =
			B(8000001A_EAX, FP_128) | B(8000001A_EAX, MOVU_PREFERRED) |
			B(8000001A_EAX, FP_256),
		[CPU_W_80000008_EBX] =
			B(80000008_EBX, CLZERO) | B(80000008_EBX, XSAVEERPTR) |
			B(80000008_EBX, WBNOINVD) | B(80000008_EBX, AMD_IBPB) |
			B(80000008_EBX, AMD_IBRS) | B(80000008_EBX, AMD_STIBP) |
			B(80000008_EBX, IBRS_ALWAYS_ON) | B(80000008_EBX, STIBP_ALWAYS_ON) |
			B(80000008_EBX, IBRS_PREFERRED) | B(80000008_EBX, IBRS_SAME_MODE) |
			B(80000008_EBX, NO_EFER_LMSLE) | B(80000008_EBX, AMD_SSBD) |
			B(80000008_EBX, AMD_SSB_NO) | B(80000008_EBX, AMD_PSFD) |
			B(80000008_EBX, BTC_NO) | B(80000008_EBX, IBPB_RET),
		[CPU_W_80000021_EAX] =
			B(80000021_EAX, NO_NESTED_DATA_BP) | B(80000021_EAX, FSGS_NS) |
			B(80000021_EAX, LFENCE_RDTSC) | B(80000021_EAX, VERW_CLEAR) |
			B(80000021_EAX, NSCB) | B(80000021_EAX, AMD_FSRS) |
			B(80000021_EAX, AMD_FSRC) | B(80000021_EAX, EPSF) |
			B(80000021_EAX, CPUID_USER_DIS) | B(80000021_EAX, SBPB) |
			B(80000021_EAX, IBPB_BRTYPE) | B(80000021_EAX, SRSO_NO) |
			B(80000021_EAX, SRSO_USER_KERNEL_NO),
		[CPU_W_80000021_ECX] = B(80000021_ECX, TSA_SQ_NO) | B(80000021_ECX, TSA_L1_NO),
		[CPU_W_MSR_CE_LO] = B(MSR_CE_LO, CPUID_FAULTING),
		[CPU_W_MSR_10A_LO] =
			B(MSR_10A_LO, RDCL_NO) | B(MSR_10A_LO, IBRS_ALL) | B(MSR_10A_LO, RSBA) |
			B(MSR_10A_LO, SKIP_L1DFL_VMENTRY) | B(MSR_10A_LO, SSB_NO) |
			B(MSR_10A_LO, MDS_NO) | B(MSR_10A_LO, PSCHANGE_MC_NO) |
			B(MSR_10A_LO, TAA_NO) | B(MSR_10A_LO, SBDR_SSDP_NO) |
			B(MSR_10A_LO, FBSDP_NO) | B(MSR_10A_LO, PSDP_NO) |
			B(MSR_10A_LO, FB_CLEAR) | B(MSR_10A_LO, RRSBA) | B(MSR_10A_LO, BHI_NO) |
			B(MSR_10A_LO, PBRSB_NO) | B(MSR_10A_LO, GDS_NO) | B(MSR_10A_LO, RFDS_NO) |
			B(MSR_10A_LO, RFDS_CLEAR),
		[CPU_W_MSR_10A_HI] = B(MSR_10A_HI, ITS_NO),
	},
};

const struct cpu_set cpu_emulated = {
	.w = {
		[CPU_W_1_EDX] = B(1_EDX, APIC),
		[CPU_W_1_ECX] =
			B(1_ECX, X2APIC) | B(1_ECX, TSC_DEADLINE) | B(1_ECX, HYPERVISOR),
		[CPU_W_6_EAX] = B(6_EAX, ARAT),
		[CPU_W_7_EBX] = B(7_EBX, TSC_ADJUST),
		/* CPUID faulting is ours alone to do: every CPUID of a guest exits. */
		[CPU_W_80000021_EAX] = B(80000021_EAX, CPUID_USER_DIS),
		[CPU_W_MSR_CE_LO] = B(MSR_CE_LO, CPUID_FAULTING),
		/* The MSR is the policy's value. */
		[CPU_W_7_EDX] = B(7_EDX, ARCH_CAPABILITIES),
	},
};

const struct cpu_set cpu_added = {
	.w = {
		[CPU_W_1_EDX] = B(1_EDX, APIC),
		[CPU_W_1_ECX] =
			B(1_ECX, X2APIC) | B(1_ECX, TSC_DEADLINE) | B(1_ECX, HYPERVISOR),
		[CPU_W_6_EAX] = B(6_EAX, ARAT),
		[CPU_W_7_EBX] = B(7_EBX, TSC_ADJUST),
	},
};

const u32 cpu_errata_msrs[CPU_NR_ERRATA_MSRS] = {
	0x8b, /* microcode revision, both vendors */
	0xc001001f, /* NB_CFG */
	0xc0010140, 0xc0010141, /* OSVW: which errata the OS must work around (APM 2, appendix B) */
	0xc0011020, /* LS_CFG */
	0xc0011022, /* DC_CFG */
	0xc0011029, /* DE_CFG */
	0xc001102a, /* BU_CFG2 */
};

bool cpu_feature_virtualised(unsigned int nr)
{
	return cpu_set_has(&cpu_virtualised, nr) || cpu_set_has(&cpu_emulated, nr);
}
