// SPDX-License-Identifier: GPL-2.0-only
/*
 * From a host's raw CPUID to a guest's policy. See default.h.
 *
 * The choice is by permission: a bit reaches the guest only when it is named
 * below, so that a feature of a CPU younger than this file stays hidden.
 *
 * Owns: the permitted bits. Locks: none.
 */
#include "default.h"
#include "xsave.h"

/*
 * Bits Ferry can let a guest use on a CPU that has them (@keep) and bits Ferry
 * provides on every CPU (@add).
 */
static const struct {
	u32 leaf;
	u32 subleaf;
	enum cpu_reg reg;
	u32 keep;
	u32 add;
} permitted[] = {
	/*
	 * SSE3 PCLMULQDQ SSSE3 FMA CX16 PCID SSE4.1 SSE4.2 MOVBE POPCNT AES XSAVE
	 * AVX F16C RDRAND; x2APIC, TSC deadline and HYPERVISOR are our own.
	 */
	{ 0x1, 0, CPU_ECX, 0x76da3203, 0x81200000 },
	/* FPU..PSE-36, CLFLUSH, MMX..SS; APIC is our own */
	{ 0x1, 0, CPU_EDX, 0x0f8bfbff, 0x00000200 },
	/* FSGSBASE BMI1 HLE AVX2 FDP_EXCPTN SMEP..RTM ZERO_FCS AVX-512 RDSEED ADX SMAP CLFLUSHOPT
	 * CLWB SHA; TSC_ADJUST is our own
	 */
	{ 0x7, 0, CPU_EBX, 0xfdbf2ff9, 0x00000002 },
	/* PREFETCHWT1 VBMI UMIP VBMI2 GFNI..BITALG VPOPCNTDQ LA57 RDPID CLDEMOTE MOVDIRI MOVDIR64B */
	{ 0x7, 0, CPU_ECX, 0x1a415f47, 0 },
	/* VNNIW FMAPS FSRM VP2INTERSECT MD_CLEAR RTM_ALWAYS_ABORT SERIALIZE TSXLDTRK FP16 SPEC_CTRL
	 * STIBP FLUSH_L1D ARCH_CAPABILITIES SSBD
	 */
	{ 0x7, 0, CPU_EDX, 0xbc814d1c, 0 },
	/* SHA512 SM3 SM4 RAO-INT AVX-VNNI BF16 CMPCCXADD FZRM FSRS FSRC AVX-IFMA */
	{ 0x7, 1, CPU_EAX, 0x00801cbf, 0 },
	/* AVX-VNNI-INT8 AVX-NE-CONVERT AVX-VNNI-INT16 PREFETCHI */
	{ 0x7, 1, CPU_EDX, 0x00004430, 0 },
	/* the SPEC_CTRL bits, MCDT_NO */
	{ 0x7, 2, CPU_EDX, 0x0000003f, 0 },
	/* XSAVEOPT XSAVEC XGETBV1 */
	{ 0xd, 1, CPU_EAX, 0x00000007, 0 },
	/* LAHF CMP_LEGACY CR8_LEGACY ABM SSE4A MISALIGNSSE PREFETCHW XOP FMA4 TBM TOPOEXT */
	{ 0x80000001, 0, CPU_ECX, 0x006109f3, 0 },
	/* AMD's copy of leaf 1, SYSCALL NX MMXEXT FFXSR 1GB RDTSCP LM 3DNOW */
	{ 0x80000001, 0, CPU_EDX, 0xefd3fbff, 0 },
	/* CLZERO XSAVEERPTR WBNOINVD IBPB IBRS STIBP and their preferences SSBD SSB_NO PSFD BTC_NO */
	{ 0x80000008, 0, CPU_EBX, 0x751fd205, 0 },
	/* NO_NESTED_DATA_BP LFENCE_SERIALIZING NULL_SEL_CLEARS_BASE and the SRSO facts */
	{ 0x80000021, 0, CPU_EAX, 0x38000045, 0 },
};

/* Leaves passed on as they are: the cache descriptors and what describes timing only. */
static const u32 passed[] = {
	0x2, 0x80000002, 0x80000003, 0x80000004, 0x80000005, 0x80000006, 0x80000019, 0x8000001a,
};

/* XCR0 components a guest may enable. */
#define DEFAULT_XCR0 \
	(BIT_ULL(XSTATE_X87) | BIT_ULL(XSTATE_SSE) | BIT_ULL(XSTATE_AVX) | XSTATE_AVX512)

/* Bits of leaf 1 EDX that AMD repeats in leaf 0x80000001 EDX (APM vol. 3, E.4.2). */
#define AMD_MIRROR_1_EDX 0x0183f3ffu

static int copy_leaf(struct cpu_policy *out, const struct cpu_policy *host, u32 leaf, u32 subleaf)
{
	const struct cpu_leaf *l = cpu_policy_find(host, leaf, subleaf);

	return l ? cpu_policy_add(out, l) : 0;
}

/* Leaf 4 and 0x8000001D: all sub-leaves up to the first of type 0. */
static int copy_caches(struct cpu_policy *out, const struct cpu_policy *host, u32 leaf)
{
	u32 sub;
	int ret;

	for (sub = 0; sub < 8; sub++) {
		if (!(cpu_policy_reg(host, leaf, sub, CPU_EAX) & 0x1f))
			break;
		ret = copy_leaf(out, host, leaf, sub);
		if (ret)
			return ret;
	}
	return 0;
}

static int copy_permitted(struct cpu_policy *out, const struct cpu_policy *host)
{
	unsigned int i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(permitted); i++) {
		u32 leaf = permitted[i].leaf, sub = permitted[i].subleaf;
		u32 v = cpu_policy_reg(host, leaf, sub, permitted[i].reg);
		struct cpu_leaf *l = cpu_policy_find_mut(out, leaf, sub);

		v = (v & permitted[i].keep) | permitted[i].add;
		if (!l) {
			u32 zero[CPU_NR_REGS] = { 0 };

			if (!v)
				continue;
			ret = cpu_policy_set(out, leaf, sub, zero);
			if (ret)
				return ret;
			l = cpu_policy_find_mut(out, leaf, sub);
		}
		l->reg[permitted[i].reg] = v;
	}
	return 0;
}

static int copy_xsave(struct cpu_policy *out, const struct cpu_policy *host)
{
	struct cpu_leaf *one;
	u32 sub;
	int ret;

	if (!(cpu_policy_reg(out, 1, 0, CPU_ECX) & BIT(26))) {
		cpu_policy_del_leaf(out, 0xd);
		return 0;
	}
	for (sub = 0; sub < 63; sub++) {
		struct cpu_leaf *l = cpu_policy_find_mut(out, 0xd, sub);

		if (l)
			continue;
		ret = copy_leaf(out, host, 0xd, sub);
		if (ret)
			return ret;
	}
	one = cpu_policy_find_mut(out, 0xd, 1);
	if (one)
		one->reg[CPU_EBX] = one->reg[CPU_ECX] = one->reg[CPU_EDX] = 0;
	return cpu_xsave_limit(out, DEFAULT_XCR0, 0);
}

/* Vector instructions need their registers in XCR0 (SDM vol. 1, 14.3, 15.2). */
static void drop_without_state(struct cpu_policy *p)
{
	u64 xcr0 = cpu_xsave_xcr0(p);
	struct cpu_leaf *l;

	if (!(xcr0 & BIT_ULL(XSTATE_AVX))) {
		l = cpu_policy_find_mut(p, 1, 0);
		/* FMA AVX F16C */
		l->reg[CPU_ECX] &= ~(u32)(BIT(12) | BIT(28) | BIT(29));
		l = cpu_policy_find_mut(p, 7, 0);
		if (l) {
			l->reg[CPU_EBX] &= ~(u32)BIT(5);
			l->reg[CPU_ECX] &= ~(u32)(BIT(9) | BIT(10));
		}
		l = cpu_policy_find_mut(p, 7, 1);
		if (l) {
			l->reg[CPU_EAX] &= ~(u32)(BIT(0) | BIT(1) | BIT(2) | BIT(4) | BIT(23));
			l->reg[CPU_EDX] &= ~(u32)(BIT(4) | BIT(5) | BIT(10));
		}
		l = cpu_policy_find_mut(p, 0x80000001, 0);
		if (l) /* XOP FMA4 */
			l->reg[CPU_ECX] &= ~(u32)(BIT(11) | BIT(16));
	}
	if (!(xcr0 & BIT_ULL(XSTATE_OPMASK))) {
		l = cpu_policy_find_mut(p, 7, 0);
		if (l) {
			l->reg[CPU_EBX] &= ~0xdc230000u;
			l->reg[CPU_ECX] &= ~(u32)(BIT(1) | BIT(6) | BIT(11) | BIT(12) | BIT(14));
			l->reg[CPU_EDX] &= ~(u32)(BIT(2) | BIT(3) | BIT(8) | BIT(23));
		}
		l = cpu_policy_find_mut(p, 7, 1);
		if (l)
			l->reg[CPU_EAX] &= ~(u32)BIT(5);
	}
}

static int add_kvmclock(struct cpu_policy *out, u32 flags)
{
	/* "KVMKVMKVM\0\0\0" in EBX, ECX, EDX */
	const u32 sig[CPU_NR_REGS] = { CPU_KVM_LEAF_FEATURES, 0x4b4d564b, 0x564b4d56, 0x4d };
	u32 feat[CPU_NR_REGS] = { CPU_KVM_FEATURE_CLOCKSOURCE2, 0, 0, 0 };
	int ret;

	if (!(flags & CPU_DEFAULT_KVMCLOCK))
		return 0;
	if (flags & CPU_DEFAULT_KVMCLOCK_STABLE)
		feat[CPU_EAX] |= CPU_KVM_FEATURE_STABLE;
	ret = cpu_policy_set(out, CPU_KVM_LEAF_SIGNATURE, 0, sig);
	if (!ret)
		ret = cpu_policy_set(out, CPU_KVM_LEAF_FEATURES, 0, feat);
	return ret;
}

/**
 * cpu_policy_default() - the guest's policy when none was given
 * @out: filled
 * @host: raw CPUID of this host, and its feature MSRs where known
 * @params: shape of the VM, features of the module
 *
 * Identity, caches and widths are the host's; features are the host's as far
 * as they are permitted above; topology is the VM's. IA32_ARCH_CAPABILITIES is
 * shown only if @host carries the MSR.
 *
 * Return: 0; -EINVAL when @host lacks leaves 0, 1, 0x80000000 or 0x80000001 or
 * is not a 64-bit CPU, or for an impossible topology; -ENOSPC.
 */
int cpu_policy_default(struct cpu_policy *out, const struct cpu_policy *host,
		       const struct cpu_default_params *params)
{
	bool amd = cpu_vendor_is_amd_like(cpu_policy_vendor(host));
	u32 max_basic = cpu_policy_max_leaf(host, CPU_LEAF_BASIC);
	u32 max_ext = cpu_policy_max_leaf(host, CPU_LEAF_EXTENDED);
	const u32 arat[CPU_NR_REGS] = { BIT(2), 0, 0, 0 };
	const u32 zero[CPU_NR_REGS] = { 0 };
	const struct cpu_msr *caps;
	struct cpu_leaf *l;
	unsigned int i;
	int ret;

	cpu_policy_init(out);
	if (!cpu_policy_find(host, 0, 0) || !cpu_policy_find(host, 1, 0) || max_ext < 0x80000001 ||
	    !(cpu_policy_reg(host, 0x80000001, 0, CPU_EDX) & BIT(29)))
		return -EINVAL;

	/* Leaf 0xB is offered on every CPU: a guest needs it to number x2APIC ids. */
	max_basic = max_basic < 0xb ? 0xb : min(max_basic, 0xdu);
	max_ext = min(max_ext, amd ? 0x80000021u : 0x80000008u);
	ret = copy_leaf(out, host, 0, 0);
	if (!ret)
		ret = copy_leaf(out, host, 0x80000000, 0);
	if (!ret)
		ret = copy_leaf(out, host, 1, 0);
	if (ret)
		return ret;
	cpu_policy_find_mut(out, 0, 0)->reg[CPU_EAX] = max_basic;
	cpu_policy_find_mut(out, 0x80000000, 0)->reg[CPU_EAX] = max_ext;

	ret = copy_permitted(out, host);
	if (ret)
		return ret;
	for (i = 0; i < ARRAY_SIZE(passed); i++) {
		ret = copy_leaf(out, host, passed[i], 0);
		if (ret)
			return ret;
	}
	ret = copy_caches(out, host, amd ? 0x8000001d : 0x4);
	if (ret)
		return ret;
	ret = copy_xsave(out, host);
	if (ret)
		return ret;
	ret = cpu_policy_set(out, 6, 0, arat);
	if (ret)
		return ret;

	/* Sub-leaves of leaf 7 that the guest may ask for. */
	l = cpu_policy_find_mut(out, 7, 0);
	l->reg[CPU_EAX] = cpu_policy_find(out, 7, 2) ? 2 : cpu_policy_find(out, 7, 1) ? 1 : 0;

	/* Widths; a guest's own physical width on AMD (EAX[23:16]) means nested paging. */
	l = cpu_policy_find_mut(out, 0x80000008, 0);
	if (!l && max_ext >= 0x80000008) {
		ret = cpu_policy_set(out, 0x80000008, 0, zero);
		if (ret)
			return ret;
		l = cpu_policy_find_mut(out, 0x80000008, 0);
	}
	if (l)
		l->reg[CPU_EAX] = cpu_policy_phys_bits(host) | cpu_policy_lin_bits(host) << 8;

	if (amd) {
		l = cpu_policy_find_mut(out, 0x80000001, 0);
		l->reg[CPU_EDX] = (l->reg[CPU_EDX] & ~AMD_MIRROR_1_EDX) |
				  (cpu_policy_reg(out, 1, 0, CPU_EDX) & AMD_MIRROR_1_EDX);
		if (max_ext >= 0x8000001e && (l->reg[CPU_ECX] & BIT(22))) {
			ret = cpu_policy_set(out, 0x8000001e, 0, zero);
			if (ret)
				return ret;
		}
	}
	drop_without_state(out);

	caps = cpu_policy_find_msr(host, MSR_CPU_ARCH_CAPABILITIES);
	l = cpu_policy_find_mut(out, 7, 0);
	if (caps && (l->reg[CPU_EDX] & BIT(29)))
		ret = cpu_policy_add_msr(out, MSR_CPU_ARCH_CAPABILITIES, caps->value);
	else
		l->reg[CPU_EDX] &= ~(u32)BIT(29);
	if (!ret)
		ret = add_kvmclock(out, params->flags);
	if (!ret)
		ret = cpu_topology_set(out, &params->topology);
	return ret;
}
