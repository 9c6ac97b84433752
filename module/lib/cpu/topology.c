// SPDX-License-Identifier: GPL-2.0-only
/*
 * Topology leaves from the VM's own shape. See topology.h.
 *
 * Owns: nothing beyond the policy it is given. Locks: none.
 */
#include "topology.h"

/* Bits of an APIC id needed to number @n things. */
static unsigned int id_bits(u32 n)
{
	unsigned int bits = 0;

	while (bits < 31 && (1u << bits) < n)
		bits++;
	return bits;
}

static void set_field(u32 *reg, unsigned int lo, unsigned int width, u32 v)
{
	u32 mask = ((1u << width) - 1) << lo;

	*reg = (*reg & ~mask) | ((v << lo) & mask);
}

/*
 * Who shares a cache: SDM leaf 4 EAX[25:14] and AMD leaf 0x8000001D EAX[25:14]
 * hold the number of APIC ids less one. Caches below level 3 belong to a core,
 * level 3 to the package.
 */
static void set_cache_sharing(struct cpu_policy *p, u32 leaf, u32 core_ids, u32 package_ids,
			      bool intel)
{
	u32 i;

	for (i = 0; i < p->nr_leaves; i++) {
		u32 *eax = &p->leaf[i].reg[CPU_EAX];
		u32 level = (*eax >> 5) & 7;

		if (p->leaf[i].leaf != leaf || !(*eax & 0x1f))
			continue;
		set_field(eax, 14, 12, (level >= 3 ? package_ids : core_ids) - 1);
		if (intel)
			set_field(eax, 26, 6, min(package_ids / core_ids, 64u) - 1);
		else
			set_field(eax, 26, 6, 0);
	}
}

static int set_x2apic_levels(struct cpu_policy *p, u32 leaf, u32 threads, u32 total,
			     unsigned int smt_bits, unsigned int pkg_bits)
{
	/* Level types: 1 SMT, 2 core (SDM leaf 0xB ECX[15:8]). */
	const u32 smt[CPU_NR_REGS] = { smt_bits, threads, 1 << 8, 0 };
	const u32 core[CPU_NR_REGS] = { pkg_bits, total, 2 << 8 | 1, 0 };
	int ret;

	cpu_policy_del_leaf(p, leaf);
	ret = cpu_policy_set(p, leaf, 0, smt);
	if (!ret)
		ret = cpu_policy_set(p, leaf, 1, core);
	return ret;
}

/**
 * cpu_topology_set() - rewrite all topology leaves
 * @p: a guest's policy with leaves 0, 1 and 0x80000000 in place
 * @t: the wanted shape
 *
 * Leaves are rewritten where the policy has room for them (its highest leaves);
 * none is added to a CPU that ends below it. APIC ids: thread in the lowest
 * bits, then core.
 *
 * Return: 0; -EINVAL for a shape that cannot be told; -ENOSPC when the policy
 * is full.
 */
int cpu_topology_set(struct cpu_policy *p, const struct cpu_topology *t)
{
	bool amd = cpu_vendor_is_amd_like(cpu_policy_vendor(p));
	u32 max_basic = cpu_policy_max_leaf(p, CPU_LEAF_BASIC);
	unsigned int smt_bits, pkg_bits;
	u32 total, core_ids, package_ids;
	struct cpu_leaf *l;
	int ret;

	if (!t->cores || !t->threads || (t->threads & (t->threads - 1)))
		return -EINVAL;
	if (check_mul_overflow(t->cores, t->threads, &total) || total > 0xffff)
		return -EINVAL;
	smt_bits = id_bits(t->threads);
	pkg_bits = smt_bits + id_bits(t->cores);
	core_ids = 1u << smt_bits;
	package_ids = 1u << pkg_bits;

	l = cpu_policy_find_mut(p, 1, 0);
	if (!l)
		return -EINVAL;
	/* Intel: addressable ids, a power of two; AMD: threads in the package. */
	set_field(&l->reg[CPU_EBX], 16, 8, min(amd ? total : package_ids, 255u));
	set_field(&l->reg[CPU_EBX], 24, 8, 0);
	set_field(&l->reg[CPU_EDX], 28, 1, total > 1);
	if (total == 1)
		set_field(&l->reg[CPU_EBX], 16, 8, amd ? 0 : 1);

	set_cache_sharing(p, 0x4, core_ids, package_ids, true);
	set_cache_sharing(p, 0x8000001d, core_ids, package_ids, false);

	if (max_basic >= 0xb) {
		ret = set_x2apic_levels(p, 0xb, t->threads, total, smt_bits, pkg_bits);
		if (ret)
			return ret;
	}
	if (max_basic >= 0x1f) {
		ret = set_x2apic_levels(p, 0x1f, t->threads, total, smt_bits, pkg_bits);
		if (ret)
			return ret;
	}

	if (!amd)
		return 0;
	l = cpu_policy_find_mut(p, 0x80000001, 0);
	if (l)
		set_field(&l->reg[CPU_ECX], 1, 1, total > 1);
	l = cpu_policy_find_mut(p, 0x80000008, 0);
	if (l) {
		set_field(&l->reg[CPU_ECX], 0, 8, min(total, 256u) - 1);
		set_field(&l->reg[CPU_ECX], 12, 4, min(pkg_bits, 15u));
	}
	l = cpu_policy_find_mut(p, 0x8000001e, 0);
	if (l) {
		l->reg[CPU_EAX] = 0;
		l->reg[CPU_EBX] = (t->threads - 1) << 8;
		l->reg[CPU_ECX] = 0; /* one node */
		l->reg[CPU_EDX] = 0;
	}
	return 0;
}
