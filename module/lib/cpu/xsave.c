// SPDX-License-Identifier: GPL-2.0-only
/*
 * Leaf 0xD: components, sizes, what may be enabled together. See xsave.h.
 *
 * Owns: the size rules and the groups of components. Locks: none.
 */
#include "xsave.h"

/* User components this policy lets a guest enable in XCR0. */
u64 cpu_xsave_xcr0(const struct cpu_policy *p)
{
	return cpu_policy_reg(p, 0xd, 0, CPU_EAX) | (u64)cpu_policy_reg(p, 0xd, 0, CPU_EDX) << 32;
}

/* Supervisor components this policy lets a guest enable in IA32_XSS. */
u64 cpu_xsave_xss(const struct cpu_policy *p)
{
	return cpu_policy_reg(p, 0xd, 1, CPU_ECX) | (u64)cpu_policy_reg(p, 0xd, 1, CPU_EDX) << 32;
}

/**
 * cpu_xsave_component() - describe one component
 * @p: the policy
 * @nr: component number
 * @x: filled; zero when absent
 *
 * x87 and SSE have no sub-leaf: they are the legacy region.
 *
 * Return: whether the component is described.
 */
bool cpu_xsave_component(const struct cpu_policy *p, unsigned int nr, struct cpu_xstate *x)
{
	const struct cpu_leaf *l;

	*x = (struct cpu_xstate){ 0 };
	if (nr < 2 || nr > 62)
		return false;
	l = cpu_policy_find(p, 0xd, nr);
	if (!l || !l->reg[CPU_EAX])
		return false;
	x->size = l->reg[CPU_EAX];
	x->offset = l->reg[CPU_EBX];
	x->flags = l->reg[CPU_ECX];
	return true;
}

/**
 * cpu_xsave_size() - bytes of a standard-format area
 * @p: the policy, for sizes and offsets
 * @xcr0: enabled components
 *
 * SDM vol. 1, 13.5: the end of the last component, at least the legacy region
 * and the header. Saturates instead of wrapping on hostile sizes.
 */
u32 cpu_xsave_size(const struct cpu_policy *p, u64 xcr0)
{
	u32 size = XSAVE_MIN_SIZE;
	unsigned int i;

	for (i = 2; i < 63; i++) {
		struct cpu_xstate x;
		u32 end;

		if (!(xcr0 & BIT_ULL(i)) || !cpu_xsave_component(p, i, &x))
			continue;
		if (check_add_overflow(x.offset, x.size, &end))
			return U32_MAX;
		size = max(size, end);
	}
	return size;
}

/**
 * cpu_xsave_compact_size() - bytes of a compacted-format area
 * @p: the policy, for sizes and alignments
 * @mask: components in the area: XCR0 | IA32_XSS
 *
 * SDM vol. 1, 13.4.3: components follow the header in order of their number,
 * each aligned to 64 bytes where its sub-leaf says so.
 */
u32 cpu_xsave_compact_size(const struct cpu_policy *p, u64 mask)
{
	u64 size = XSAVE_MIN_SIZE;
	unsigned int i;

	for (i = 2; i < 63; i++) {
		struct cpu_xstate x;

		if (!(mask & BIT_ULL(i)) || !cpu_xsave_component(p, i, &x))
			continue;
		if (x.flags & XSTATE_F_ALIGN64)
			size = (size + 63) & ~63ULL;
		size += x.size;
	}
	return size > U32_MAX ? U32_MAX : size;
}

/**
 * cpu_xsave_close() - drop components whose partners are missing
 * @mask: XCR0 | IA32_XSS candidates
 *
 * SDM vol. 1, 13.3: SSE is needed by AVX, AVX by AVX-512; the parts of MPX,
 * AVX-512, CET and AMX go together.
 */
u64 cpu_xsave_close(u64 mask)
{
	static const u64 groups[] = { XSTATE_MPX, XSTATE_AVX512, XSTATE_AMX, XSTATE_CET };
	unsigned int i;

	if (!(mask & BIT_ULL(XSTATE_SSE)))
		mask &= ~BIT_ULL(XSTATE_AVX);
	if (!(mask & BIT_ULL(XSTATE_AVX)))
		mask &= ~XSTATE_AVX512;
	for (i = 0; i < ARRAY_SIZE(groups); i++)
		if ((mask & groups[i]) != groups[i])
			mask &= ~groups[i];
	return mask;
}

/* May a guest with this policy load @xcr0? (SDM vol. 2D, XSETBV) */
bool cpu_xsave_xcr0_valid(const struct cpu_policy *p, u64 xcr0)
{
	if (!(xcr0 & BIT_ULL(XSTATE_X87)) || (xcr0 & ~cpu_xsave_xcr0(p)))
		return false;
	return cpu_xsave_close(xcr0) == xcr0;
}

/**
 * cpu_xsave_limit() - keep only some components and recompute leaf 0xD
 * @p: the policy; its sizes and offsets of kept components stay
 * @xcr0: user components wanted
 * @xss: supervisor components wanted
 *
 * EBX of sub-leaves 0 and 1 depends on the current XCR0 and XSS and is computed
 * when the guest asks; the policy holds the values after reset (XCR0 = 1,
 * XSS = 0).
 *
 * Return: 0; -ENOENT when the policy has no leaf 0xD.
 */
int cpu_xsave_limit(struct cpu_policy *p, u64 xcr0, u64 xss)
{
	struct cpu_leaf *top = cpu_policy_find_mut(p, 0xd, 0);
	struct cpu_leaf *one = cpu_policy_find_mut(p, 0xd, 1);
	unsigned int i;
	u64 all;

	if (!top)
		return -ENOENT;
	xcr0 &= cpu_xsave_xcr0(p);
	xss &= cpu_xsave_xss(p);
	all = cpu_xsave_close(xcr0 | xss);
	xcr0 &= all;
	xss &= all;

	top->reg[CPU_EAX] = (u32)xcr0;
	top->reg[CPU_EDX] = (u32)(xcr0 >> 32);
	top->reg[CPU_EBX] = XSAVE_MIN_SIZE;
	top->reg[CPU_ECX] = cpu_xsave_size(p, xcr0);
	if (one) {
		bool compact = one->reg[CPU_EAX] & (BIT(1) | BIT(3));

		one->reg[CPU_EBX] = compact ? XSAVE_MIN_SIZE : 0;
		one->reg[CPU_ECX] = (u32)xss;
		one->reg[CPU_EDX] = (u32)(xss >> 32);
	}
	/* Deleting moves the table: both pointers are stale from here on. */
	for (i = 2; i < 64; i++)
		if (!((xcr0 | xss) & BIT_ULL(i)))
			cpu_policy_del(p, 0xd, i);
	return 0;
}
