// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPUID as a guest sees it. See answer.h.
 *
 * Owns: the out-of-range rules and the list of dynamic bits. Locks: none.
 */
#include "answer.h"
#include "xsave.h"

static const u32 range_base[CPU_INDEX_RANGES] = {
	CPU_LEAF_BASIC,
	CPU_LEAF_HYPERVISOR,
	CPU_LEAF_EXTENDED,
	CPU_LEAF_CENTAUR,
};

/* The range a leaf belongs to; leaves between the ranges belong to none. */
static int leaf_range(u32 leaf)
{
	unsigned int r;

	for (r = 0; r < CPU_INDEX_RANGES; r++)
		if ((leaf & 0xffff0000) == range_base[r])
			return r;
	return -1;
}

/**
 * cpu_index_build() - prepare a policy for cpu_answer()
 * @ix: filled
 * @p: a valid policy, which must not change while @ix is used
 */
void cpu_index_build(struct cpu_index *ix, const struct cpu_policy *p)
{
	const struct cpu_leaf *top;
	unsigned int r;
	u32 i;

	memset(ix, 0, sizeof(*ix));
	for (r = 0; r < CPU_INDEX_RANGES; r++) {
		u32 max = cpu_policy_max_leaf(p, range_base[r]);

		ix->max[r] = max ? max : range_base[r] - (r ? 1 : 0);
	}
	for (i = p->nr_leaves; i-- > 0;) {
		int range = leaf_range(p->leaf[i].leaf);
		u32 n = p->leaf[i].leaf & 0xffff;

		/* Walking down leaves the lowest sub-leaf in place. */
		if (range >= 0 && n < CPU_INDEX_SPAN && p->leaf[i].leaf <= ix->max[range])
			ix->first[range][n] = i + 1;
	}
	if (cpu_vendor_is_amd_like(cpu_policy_vendor(p)))
		return;
	for (i = 0; i < p->nr_leaves; i++) {
		top = &p->leaf[i];
		if (top->leaf == ix->max[0]) {
			ix->fallback = i + 1;
			break;
		}
	}
}

/* 1 + the position of the leaf that answers, any sub-leaf of it; 0 = zeros */
static u32 find_leaf(const struct cpu_index *ix, u32 leaf)
{
	int range = leaf_range(leaf);
	u32 n = leaf & 0xffff;

	if (range >= 0 && leaf <= ix->max[range] &&
	    (range == 0 || ix->max[range] >= range_base[range]))
		return n < CPU_INDEX_SPAN ? ix->first[range][n] : 0;
	return ix->fallback;
}

static const struct cpu_leaf *find_subleaf(const struct cpu_policy *p, u32 pos, u32 subleaf)
{
	const struct cpu_leaf *l = &p->leaf[pos], *end = &p->leaf[p->nr_leaves];
	u32 leaf = l->leaf;

	if (!(l->flags & CPU_LEAF_SUBLEAF_SIGNIFICANT))
		return l;
	/* Sub-leaves usually count up from 0. */
	if (subleaf < (u32)(end - l) && l[subleaf].leaf == leaf && l[subleaf].subleaf == subleaf)
		return l + subleaf;
	while (l < end && l->leaf == leaf && l->subleaf < subleaf)
		l++;
	return l < end && l->leaf == leaf && l->subleaf == subleaf ? l : NULL;
}

/**
 * cpu_answer_entry() - which entry of the policy answers
 * @p: the guest's policy
 * @ix: its index
 * @leaf: EAX
 * @subleaf: ECX
 *
 * Return: position in @p->leaf, or -1 when the answer is zeros.
 */
int cpu_answer_entry(const struct cpu_policy *p, const struct cpu_index *ix, u32 leaf, u32 subleaf)
{
	u32 pos = find_leaf(ix, leaf);
	const struct cpu_leaf *l = pos ? find_subleaf(p, pos - 1, subleaf) : NULL;

	return l ? l - p->leaf : -1;
}

/**
 * cpu_answer() - what CPUID returns, but for the dynamic bits
 * @p: the guest's policy
 * @ix: its index
 * @leaf: EAX
 * @subleaf: ECX
 * @out: the registers
 *
 * A leaf above the highest of its range: Intel answers with the highest basic
 * leaf and the sub-leaf asked for (SDM vol. 2A, CPUID), AMD and Hygon with zeros
 * (APM vol. 3, CPUID). The vendor is the one the guest sees. Within a range an
 * absent leaf or sub-leaf is zero, except that leaves 0xB and 0x1F echo the
 * sub-leaf in CL.
 */
void cpu_answer(const struct cpu_policy *p, const struct cpu_index *ix, u32 leaf, u32 subleaf,
		struct cpu_regs *out)
{
	u32 pos = find_leaf(ix, leaf);
	const struct cpu_leaf *l;

	memset(out, 0, sizeof(*out));
	if (!pos)
		return;
	leaf = p->leaf[pos - 1].leaf;
	l = find_subleaf(p, pos - 1, subleaf);
	if (l)
		memcpy(out->reg, l->reg, sizeof(out->reg));
	if (leaf == 0xb || leaf == 0x1f)
		out->reg[CPU_ECX] = (out->reg[CPU_ECX] & ~0xffu) | (subleaf & 0xff);
}

/* Does the answer of this leaf depend on the state of the vCPU? */
bool cpu_answer_is_dynamic(u32 leaf)
{
	switch (leaf) {
	case 0x1:
	case 0x7:
	case 0xb:
	case 0xd:
	case 0x1f:
	case 0x80000001:
	case 0x8000001e:
	case 0x80000026:
		return true;
	}
	return false;
}

static void put_bit(u32 *reg, unsigned int bit, bool set)
{
	if (set)
		*reg |= 1u << bit;
	else
		*reg &= ~(1u << bit);
}

/**
 * cpu_answer_dynamic() - add what depends on the vCPU to an answer
 * @p: the guest's policy
 * @leaf: the leaf whose answer @out is; for a leaf that was out of range the one
 *	that answered
 * @subleaf: ECX
 * @dyn: state of the vCPU
 * @out: answer of cpu_answer(), amended
 *
 * A dynamic bit is never shown when the feature behind it is hidden: OSXSAVE
 * needs XSAVE in the policy, OSPKE needs PKU, APIC needs APIC.
 */
void cpu_answer_dynamic(const struct cpu_policy *p, u32 leaf, u32 subleaf,
			const struct cpu_dynamic *dyn, struct cpu_regs *out)
{
	u32 *r = out->reg;

	switch (leaf) {
	case 0x1:
		r[CPU_EBX] = (r[CPU_EBX] & 0x00ffffff) | dyn->x2apic_id << 24;
		put_bit(&r[CPU_ECX], 27, dyn->osxsave && (r[CPU_ECX] & BIT(26)));
		put_bit(&r[CPU_EDX], 9, dyn->apic_enabled && (r[CPU_EDX] & BIT(9)));
		break;
	case 0x7:
		if (subleaf == 0)
			put_bit(&r[CPU_ECX], 4, dyn->pke && (r[CPU_ECX] & BIT(3)));
		break;
	case 0xb:
	case 0x1f:
		r[CPU_EDX] = dyn->x2apic_id;
		break;
	case 0xd:
		if (subleaf == 0)
			r[CPU_EBX] = cpu_xsave_size(p, dyn->xcr0);
		else if (subleaf == 1 && (r[CPU_EAX] & (BIT(1) | BIT(3))))
			r[CPU_EBX] = cpu_xsave_compact_size(p, dyn->xcr0 | dyn->xss);
		break;
	case 0x80000001:
		if (cpu_vendor_is_amd_like(cpu_policy_vendor(p)))
			put_bit(&r[CPU_EDX], 9, dyn->apic_enabled && (r[CPU_EDX] & BIT(9)));
		else
			put_bit(&r[CPU_EDX], 11, dyn->code64 && (r[CPU_EDX] & BIT(11)));
		break;
	case 0x8000001e:
		r[CPU_EAX] = dyn->x2apic_id;
		/* Core id: the APIC id without the thread bits; the policy holds threads - 1. */
		r[CPU_EBX] = (r[CPU_EBX] & ~0xffu) |
			     ((dyn->x2apic_id / (((r[CPU_EBX] >> 8) & 0xff) + 1)) & 0xff);
		break;
	case 0x80000026:
		r[CPU_EDX] = dyn->x2apic_id;
		break;
	}
}
