// SPDX-License-Identifier: GPL-2.0-only
/*
 * What one VM is shown. See default.h, and virt.c for the sets.
 *
 * A policy passes by permission: leaves, registers and bits that are not named in
 * virt.c or here stay hidden, so that a CPU younger than this file is safe.
 *
 * Owns: the fields of leaves that are no feature bits. Locks: none.
 */
#include "default.h"
#include "derive.h"
#include "view.h"
#include "virt.h"
#include "xsave.h"

/* Registers that are no feature words: which bits of them a guest is given. */
static const struct {
	u32 leaf;
	u32 mask[CPU_NR_REGS];
} passed[] = {
	{ 0x0, { 0, ~0u, ~0u, ~0u } },
	{ 0x1, { ~0u, 0x0000ffff, 0, 0 } },
	{ 0x2, { ~0u, ~0u, ~0u, ~0u } },
	{ 0x4, { ~0u, ~0u, ~0u, ~0u } },
	{ 0x80000000, { 0, ~0u, ~0u, ~0u } },
	{ 0x80000001, { ~0u, ~0u, 0, 0 } },
	{ 0x80000002, { ~0u, ~0u, ~0u, ~0u } },
	{ 0x80000003, { ~0u, ~0u, ~0u, ~0u } },
	{ 0x80000004, { ~0u, ~0u, ~0u, ~0u } },
	{ 0x80000005, { ~0u, ~0u, ~0u, ~0u } },
	{ 0x80000006, { ~0u, ~0u, ~0u, ~0u } },
	{ 0x80000008, { 0x0000ffff, 0, 0, 0 } },
	{ 0x80000019, { ~0u, ~0u, 0, 0 } },
	{ 0x8000001d, { ~0u, ~0u, ~0u, ~0u } },
	{ CPU_LEAF_SETTINGS, { ~0u, ~0u, ~0u, 0 } },
	{ CPU_LEAF_EXCLUDED, { ~0u, ~0u, ~0u, ~0u } },
};

/* Where a policy may leave a gap for each host to fill. */
static const u32 cache_leaves[] = { 0x2, 0x4, 0x80000005, 0x80000006, 0x80000019, 0x8000001d };

static int pass_leaf(struct cpu_policy *out, const struct cpu_policy *from, u32 leaf)
{
	unsigned int i, r;
	u32 k;
	int ret;

	for (i = 0; i < ARRAY_SIZE(passed) && passed[i].leaf != leaf; i++)
		;
	if (i == ARRAY_SIZE(passed))
		return 0;
	for (k = 0; k < from->nr_leaves; k++) {
		u32 reg[CPU_NR_REGS];

		if (from->leaf[k].leaf != leaf)
			continue;
		/* Caches end at the first of type 0, whatever follows. */
		if ((leaf == 4 || leaf == 0x8000001d) && !(from->leaf[k].reg[CPU_EAX] & 0x1f))
			break;
		for (r = 0; r < CPU_NR_REGS; r++)
			reg[r] = from->leaf[k].reg[r] & passed[i].mask[r];
		ret = cpu_policy_set(out, leaf, from->leaf[k].subleaf, reg);
		if (ret)
			return ret;
	}
	return 0;
}

static int pass_leaves(struct cpu_policy *out, const struct cpu_policy *policy,
		       const struct cpu_policy *host)
{
	bool amd = cpu_vendor_is_amd_like(cpu_policy_vendor(policy));
	bool has_caches = false;
	unsigned int i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(passed); i++) {
		u32 leaf = passed[i].leaf;

		/* Each vendor describes its caches in leaves the other leaves empty. */
		if ((leaf == 4 && amd) || (leaf == 0x8000001d && !amd))
			continue;
		ret = pass_leaf(out, policy, leaf);
		if (ret)
			return ret;
	}
	for (i = 0; i < ARRAY_SIZE(cache_leaves); i++)
		has_caches |= cpu_policy_find(out, cache_leaves[i], 0) != NULL;
	if (has_caches || !host || cpu_policy_vendor(host) != cpu_policy_vendor(policy))
		return 0;
	for (i = 0; i < ARRAY_SIZE(cache_leaves); i++) {
		ret = pass_leaf(out, host, cache_leaves[i]);
		if (ret)
			return ret;
	}
	return 0;
}

/* What the policy says of workarounds. */
static int pass_errata(struct cpu_policy *out, const struct cpu_policy *policy)
{
	unsigned int i;

	for (i = 0; i < CPU_NR_ERRATA_MSRS; i++) {
		const struct cpu_msr *m = cpu_policy_find_msr(policy, cpu_errata_msrs[i]);
		int ret = m ? cpu_policy_set_msr(out, m->index, m->value) : 0;

		if (ret)
			return ret;
	}
	return 0;
}

/* The features left of a policy, and its settings obeyed. */
static void choose_features(const struct cpu_policy *policy, struct cpu_effective_work *work)
{
	bool amd = cpu_vendor_is_amd_like(cpu_policy_vendor(policy));
	struct cpu_settings settings = cpu_policy_settings(policy);
	struct cpu_set *s = &work->after;
	unsigned int i;

	cpu_set_get(policy, &work->before);
	for (i = 0; i < CPU_NR_WORDS; i++)
		s->w[i] = work->before.w[i] & (cpu_virtualised.w[i] | cpu_emulated.w[i]) &
			  ~cpu_rule_bits[CPU_POOL_DYNAMIC][i];
	/* The invariant TSC is a promise about its rate. */
	if (settings.tsc_khz)
		cpu_set_put(s, CPU_F_INVTSC, cpu_set_has(&work->before, CPU_F_INVTSC));
	if (settings.syscall == CPU_SYSCALL_HIDE) {
		cpu_set_put(s, CPU_F_SYSCALL, false);
		cpu_set_put(s, CPU_F_SEP, false);
	}
	cpu_set_close(s, &work->before);
	if (settings.flags & CPU_POLICY_RSBA)
		cpu_set_put(s, CPU_F_RSBA, true);
	if (settings.flags & CPU_POLICY_RRSBA)
		cpu_set_put(s, CPU_F_RRSBA, true);
	for (i = 0; i < CPU_NR_WORDS; i++)
		s->w[i] |= cpu_added.w[i];
	/* CPUID faulting in the way of the vendor that the guest sees. */
	cpu_set_put(s, amd ? CPU_F_CPUID_USER_DIS : CPU_F_CPUID_FAULTING, true);
	cpu_set_put(s, amd ? CPU_F_CPUID_FAULTING : CPU_F_CPUID_USER_DIS, false);
	cpu_set_put(s, CPU_F_ARCH_CAPABILITIES, s->w[CPU_W_MSR_10A_LO] || s->w[CPU_W_MSR_10A_HI]);
}

static int copy_xsave(struct cpu_policy *out, const struct cpu_policy *policy,
		      const struct cpu_policy *host, struct cpu_effective_work *work)
{
	const struct cpu_policy *from = cpu_policy_find(policy, 0xd, 0) ? policy : host;
	struct cpu_set *s = &work->after;
	u64 want = BIT_ULL(XSTATE_X87) | BIT_ULL(XSTATE_SSE), have = 0;
	u32 i;
	int ret;

	if (!cpu_set_has(s, CPU_F_XSAVE))
		return 0;
	if (!from)
		return -ENODATA;
	if (cpu_set_has(s, CPU_F_AVX))
		want |= BIT_ULL(XSTATE_AVX);
	if (cpu_set_has(s, CPU_F_AVX512F))
		want |= XSTATE_AVX512;
	want &= CPU_VIRT_XCR0;
	for (i = 0; i < from->nr_leaves; i++) {
		const struct cpu_leaf *l = &from->leaf[i];

		if (l->leaf != 0xd || l->subleaf == 1 || l->subleaf > 62)
			continue;
		ret = cpu_policy_set(out, 0xd, l->subleaf, l->reg);
		if (ret)
			return ret;
	}
	if (s->w[CPU_W_D_1_EAX]) {
		const u32 reg[CPU_NR_REGS] = { s->w[CPU_W_D_1_EAX], 0, 0, 0 };

		ret = cpu_policy_set(out, 0xd, 1, reg);
		if (ret)
			return ret;
	}
	ret = cpu_xsave_limit(out, want, CPU_VIRT_XSS);
	if (!ret)
		have = cpu_xsave_xcr0(out);

	/* Vector instructions need their registers (SDM vol. 1, 14.3, 15.2). */
	if (!(have & BIT_ULL(XSTATE_X87)))
		cpu_set_put(s, CPU_F_XSAVE, false);
	if (!(have & BIT_ULL(XSTATE_AVX)))
		cpu_set_put(s, CPU_F_AVX, false);
	if (!(have & BIT_ULL(XSTATE_OPMASK)))
		cpu_set_put(s, CPU_F_AVX512F, false);
	cpu_set_close(s, &work->before);
	if (!cpu_set_has(s, CPU_F_XSAVE))
		cpu_policy_del_leaf(out, 0xd);
	return 0;
}

static int put_widths(struct cpu_policy *out, const struct cpu_policy *policy,
		      const struct cpu_policy *host, const struct cpu_set *s)
{
	bool told = cpu_policy_find(policy, 0x80000008, 0) && !cpu_policy_hides_widths(policy);
	const struct cpu_policy *from = told ? policy : host;
	u32 reg[CPU_NR_REGS] = { 0 };
	unsigned int phys, lin;

	if (!from || !cpu_set_has(s, CPU_F_LM))
		return 0;
	phys = cpu_policy_phys_bits(from);
	lin = cpu_policy_lin_bits(from);
	if (!cpu_set_has(s, CPU_F_LA57))
		lin = min(lin, 48u);
	reg[CPU_EAX] = phys | lin << 8;
	return cpu_policy_set(out, 0x80000008, 0, reg);
}

/* The highest leaves follow from what is there; leaf 0xB comes with the topology. */
static void put_limits(struct cpu_policy *out)
{
	u32 basic = 0xb, ext = 0x80000001, sub7 = 0, i;
	struct cpu_leaf *l;

	for (i = 0; i < out->nr_leaves; i++) {
		u32 leaf = out->leaf[i].leaf;

		if (leaf < CPU_LEAF_HYPERVISOR)
			basic = max(basic, leaf);
		else if ((leaf & 0xffff0000) == CPU_LEAF_EXTENDED)
			ext = max(ext, leaf);
		if (leaf == 7)
			sub7 = max(sub7, out->leaf[i].subleaf);
	}
	l = cpu_policy_find_mut(out, 0, 0);
	if (l)
		l->reg[CPU_EAX] = basic;
	l = cpu_policy_find_mut(out, 0x80000000, 0);
	if (l)
		l->reg[CPU_EAX] = ext;
	l = cpu_policy_find_mut(out, 7, 0);
	if (l)
		l->reg[CPU_EAX] = sub7;
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
 * cpu_effective() - what a guest with this policy will see
 * @out: filled
 * @policy: a host's CPU, a baseline or a named model
 * @host: where it will run, to fill what the policy leaves open (caches, widths,
 *	the XSAVE layout of a policy made of names); may be NULL
 * @params: shape of the VM, features of the module
 * @work: memory to work in; afterwards tells what was hidden
 *
 * Return: 0; -EINVAL when @policy lacks leaves 0 or 1, or for an impossible
 * topology; -ENODATA when @policy needs a @host to be complete; -ENOSPC.
 */
int cpu_effective(struct cpu_policy *out, const struct cpu_policy *policy,
		  const struct cpu_policy *host, const struct cpu_default_params *params,
		  struct cpu_effective_work *work)
{
	bool amd = cpu_vendor_is_amd_like(cpu_policy_vendor(policy));
	const u32 zero[CPU_NR_REGS] = { 0 };
	struct cpu_settings settings;
	struct cpu_leaf *l;
	int ret;

	cpu_policy_init(out);
	if (!cpu_policy_find(policy, 0, 0) || !cpu_policy_find(policy, 1, 0))
		return -EINVAL;
	choose_features(policy, work);
	ret = pass_leaves(out, policy, host);
	if (!ret)
		ret = copy_xsave(out, policy, host, work);
	if (!ret)
		ret = put_widths(out, policy, host, &work->after);
	if (!ret)
		ret = cpu_set_apply(out, &work->after);
	/* Sub-leaf 1 of leaf 7 cannot be without sub-leaf 0. */
	if (!ret && !cpu_policy_find(out, 7, 0))
		ret = cpu_policy_set(out, 7, 0, zero);
	if (!ret && cpu_set_has(&work->after, CPU_F_TOPOEXT))
		ret = cpu_policy_set(out, 0x8000001e, 0, zero);
	if (!ret)
		ret = pass_errata(out, policy);
	settings = cpu_policy_settings(out);
	settings.flags |= CPU_POLICY_EFFECTIVE;
	if (!ret)
		ret = cpu_policy_set_settings(out, &settings);
	if (!ret)
		ret = add_kvmclock(out, params->flags);
	if (ret)
		return ret;
	l = cpu_policy_find_mut(out, 0x80000001, 0);
	if (l && amd)
		l->reg[CPU_EDX] = (l->reg[CPU_EDX] & ~CPU_AMD_MIRROR) |
				  (cpu_policy_reg(out, 1, 0, CPU_EDX) & CPU_AMD_MIRROR);
	put_limits(out);
	return cpu_topology_set(out, &params->topology);
}

/**
 * cpu_policy_default() - the guest's policy when none was given: this host's CPU
 * @out: filled
 * @host: raw CPUID of this host, and its feature MSRs where known
 * @params: shape of the VM, features of the module
 *
 * Return: 0; -EINVAL when @host is no 64-bit CPU, or for an impossible topology;
 * -ENOSPC.
 */
int cpu_policy_default(struct cpu_policy *out, const struct cpu_policy *host,
		       const struct cpu_default_params *params)
{
	struct cpu_effective_work work;

	if (!cpu_policy_has(host, CPU_F_LM))
		return -EINVAL;
	return cpu_effective(out, host, host, params, &work);
}
