// SPDX-License-Identifier: GPL-2.0-only
/*
 * What follows from a set of features. See derive.h.
 *
 * Owns: the table below. Locks: none.
 */
#include "derive.h"
#include "xsave.h"

/*
 * Which features need which components, and the other way round. A feature goes
 * with the state it cannot do without (@vital); supervisor state that only saves
 * the feature's registers goes alone.
 */
static const struct {
	u64 components;
	u16 feature;
	bool vital;
} state_of[] = {
	{ BIT_ULL(XSTATE_X87) | BIT_ULL(XSTATE_SSE), CPU_F_XSAVE, true },
	{ BIT_ULL(XSTATE_AVX), CPU_F_AVX, true },
	{ XSTATE_MPX, CPU_F_MPX, true },
	{ XSTATE_AVX512, CPU_F_AVX512F, true },
	{ BIT_ULL(XSTATE_PKRU), CPU_F_PKU, true },
	{ XSTATE_AMX, CPU_F_AMX_TILE, true },
	{ BIT_ULL(XSTATE_APX), CPU_F_APX, true },
	{ BIT_ULL(XSTATE_LWP), CPU_F_LWP, true },
	{ BIT_ULL(XSTATE_PT), CPU_F_INTEL_PT, false },
	{ BIT_ULL(XSTATE_UINTR), CPU_F_UINTR, false },
	{ BIT_ULL(XSTATE_LBR), CPU_F_ARCH_LBR, false },
	{ BIT_ULL(XSTATE_PASID), CPU_F_ENQCMD, false },
	{ BIT_ULL(XSTATE_HWP), CPU_F_HWP, false },
};

/**
 * cpu_state_close() - take away features whose registers cannot be had
 * @s: features
 * @state: XCR0 and IA32_XSS components there are
 */
void cpu_state_close(struct cpu_set *s, u64 state)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(state_of); i++)
		if (state_of[i].vital && (state & state_of[i].components) != state_of[i].components)
			cpu_set_put(s, state_of[i].feature, false);
}

/**
 * cpu_state_for() - the components that some feature uses
 * @s: features
 * @state: components there are
 */
u64 cpu_state_for(const struct cpu_set *s, u64 state)
{
	u64 wanted = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(state_of); i++)
		if (cpu_set_has(s, state_of[i].feature))
			wanted |= state_of[i].components;
	if (cpu_set_has(s, CPU_F_SHSTK) || cpu_set_has(s, CPU_F_IBT))
		wanted |= XSTATE_CET;
	return state & wanted;
}

/**
 * cpu_policy_set_features() - give a policy other features and what follows
 * @p: the policy
 * @s: the features wanted; what depends on a missing one is taken away here, too
 *
 * Leaf 0xD is recomputed from the components the policy describes; a feature
 * whose state is not described cannot be had. AMD's copy of leaf 1 is kept.
 *
 * Return: 0 or -ENOSPC.
 */
int cpu_policy_set_features(struct cpu_policy *p, struct cpu_set *s)
{
	bool amd = cpu_vendor_is_amd_like(cpu_policy_vendor(p));
	struct cpu_set before;
	struct cpu_leaf *l;
	unsigned int i;
	int ret;

	cpu_set_get(p, &before);
	/* A feature newly asked for was there before, as far as its children care. */
	for (i = 0; i < CPU_NR_WORDS; i++)
		before.w[i] |= s->w[i];
	cpu_set_close(s, &before);
	if (cpu_policy_find(p, 0xd, 0)) {
		u64 state = cpu_xsave_close(cpu_xsave_xcr0(p) | cpu_xsave_xss(p));

		cpu_state_close(s, state);
		cpu_set_close(s, &before);
		state = cpu_state_for(s, state);
		if (cpu_set_has(s, CPU_F_XSAVE))
			cpu_xsave_limit(p, state, cpu_set_has(s, CPU_F_XSAVES) ? state : 0);
		else
			cpu_policy_del_leaf(p, 0xd);
	}
	ret = cpu_set_apply(p, s);
	l = cpu_policy_find_mut(p, 0x80000001, 0);
	if (l && amd)
		l->reg[CPU_EDX] = (l->reg[CPU_EDX] & ~CPU_AMD_MIRROR) |
				  (cpu_policy_reg(p, 1, 0, CPU_EDX) & CPU_AMD_MIRROR);
	if (!cpu_set_has(s, CPU_F_MONITOR))
		cpu_policy_del_leaf(p, 5);
	return ret;
}
