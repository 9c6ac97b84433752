// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which leaves and sub-leaves there are to read. See read.h.
 */
#include "read.h"

#define MAX_SUBLEAVES 64

static bool all_zero(const u32 reg[CPU_NR_REGS])
{
	return !(reg[CPU_EAX] | reg[CPU_EBX] | reg[CPU_ECX] | reg[CPU_EDX]);
}

/*
 * Does this sub-leaf end its leaf? Caches (4, 0x8000001D) end with type 0, topology (0xB, 0x1F,
 * 0x80000026) with level type 0, leaf 7 and the counted ones with the count in sub-leaf 0.
 */
static bool is_end(u32 leaf, u32 subleaf, const u32 reg[CPU_NR_REGS])
{
	switch (leaf) {
	case 0x4:
	case 0x8000001d:
		return !(reg[CPU_EAX] & 0x1f);
	case 0xb:
	case 0x1f:
	case 0x80000026:
		return subleaf && !(reg[CPU_ECX] & 0xff00);
	case 0xd: /* components are numbered with gaps */
		return false;
	default:
		return subleaf > 1 && all_zero(reg);
	}
}

static int read_range(struct cpu_policy *out, cpu_read_fn read, u32 base)
{
	u32 reg[CPU_NR_REGS], max, leaf, sub;
	int ret;

	read(base, 0, reg);
	max = reg[CPU_EAX];
	/* Without the extended range a CPU answers for some other leaf. */
	if (max < base || max - base > 0xff)
		return base ? 0 : -EINVAL;
	for (leaf = base; leaf <= max; leaf++) {
		u32 subs = cpu_leaf_has_subleaves(leaf) ? MAX_SUBLEAVES : 1;

		for (sub = 0; sub < subs; sub++) {
			read(leaf, sub, reg);
			if (sub && all_zero(reg) && !is_end(leaf, sub, reg))
				continue;
			if (sub && is_end(leaf, sub, reg))
				break;
			ret = cpu_policy_set(out, leaf, sub, reg);
			if (ret)
				return ret;
			if (is_end(leaf, sub, reg))
				break;
		}
	}
	return 0;
}

/**
 * cpu_policy_read() - everything CPUID says, basic and extended
 * @out: filled
 * @read: executes CPUID on the CPU in question
 *
 * Return: 0, -EINVAL nonsense in leaf 0, -ENOSPC more leaves than a policy holds.
 */
int cpu_policy_read(struct cpu_policy *out, cpu_read_fn read)
{
	int ret;

	cpu_policy_init(out);
	ret = read_range(out, read, CPU_LEAF_BASIC);
	return ret ? ret : read_range(out, read, CPU_LEAF_EXTENDED);
}

/**
 * cpu_policy_forget_ids() - clear what differs from one logical CPU to the next of one kind
 * @p: as read; APIC ids and what follows from them become zero
 */
void cpu_policy_forget_ids(struct cpu_policy *p)
{
	struct cpu_leaf *l;
	u32 i;

	for (i = 0; i < p->nr_leaves; i++) {
		l = &p->leaf[i];
		switch (l->leaf) {
		case 0x1:
			l->reg[CPU_EBX] &= 0x00ffffff;
			break;
		case 0xb:
		case 0x1f:
		case 0x80000026:
			l->reg[CPU_EDX] = 0;
			break;
		case 0x8000001e:
			l->reg[CPU_EAX] = 0;
			l->reg[CPU_EBX] &= ~0xffu;
			l->reg[CPU_ECX] &= ~0xffu;
			break;
		}
	}
}
