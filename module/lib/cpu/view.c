// SPDX-License-Identifier: GPL-2.0-only
/*
 * Policies digested for comparison, and capabilities with two spellings.
 *
 * Owns: the table of spellings. Locks: none.
 */
#include "view.h"
#include "xsave.h"

/*
 * Intel's spelling first. Intel's SPEC_CTRL is IBRS and IBPB in one bit, where
 * AMD has two.
 */
const struct cpu_spelling cpu_spellings[] = {
	{ CPU_F_SPEC_CTRL, CPU_F_AMD_IBRS },  { CPU_F_SPEC_CTRL, CPU_F_AMD_IBPB },
	{ CPU_F_STIBP, CPU_F_AMD_STIBP },     { CPU_F_SSBD, CPU_F_AMD_SSBD },
	{ CPU_F_INTEL_PSFD, CPU_F_AMD_PSFD }, { CPU_F_SSB_NO, CPU_F_AMD_SSB_NO },
};

const unsigned int cpu_nr_spellings = ARRAY_SIZE(cpu_spellings);

/**
 * cpu_view_init() - digest a policy
 * @v: filled
 * @p: the policy
 */
void cpu_view_init(struct cpu_view *v, const struct cpu_policy *p)
{
	unsigned int i;

	memset(v, 0, sizeof(*v));
	v->p = p;
	for (i = 0; i < CPU_NR_WORDS; i++) {
		bool known;

		v->raw[i] = cpu_word_get(p, i, &known);
		v->set.w[i] = v->raw[i] & cpu_words[i].defined;
		if (!known)
			v->unknown[i / 64] |= BIT_ULL(i % 64);
	}
	/* An MSR that the CPU does not enumerate is known to be absent. */
	for (i = 0; i < CPU_NR_WORDS; i++) {
		unsigned int needs = cpu_word_needs(i);

		if (needs != CPU_F_NONE && !cpu_set_has(&v->set, needs))
			v->unknown[i / 64] &= ~BIT_ULL(i % 64);
	}
	v->vendor = cpu_policy_vendor(p);
	/*
	 * Intel shows SYSCALL in 64-bit mode only, so that most dumps taken by 32-bit
	 * programs lack it. Long mode implies it.
	 */
	if (cpu_view_has(v, CPU_F_LM))
		cpu_set_put(&v->set, CPU_F_SYSCALL, true);
	v->sig = cpu_policy_signature(p);
	v->settings = cpu_policy_settings(p);
	if (v->settings.flags & CPU_POLICY_RSBA)
		cpu_set_put(&v->set, CPU_F_RSBA, true);
	if (v->settings.flags & CPU_POLICY_RRSBA)
		cpu_set_put(&v->set, CPU_F_RRSBA, true);
	v->max_basic = cpu_policy_max_leaf(p, CPU_LEAF_BASIC);
	v->phys_bits = cpu_policy_phys_bits(p);
	v->lin_bits = cpu_policy_lin_bits(p);
	v->xcr0 = cpu_xsave_xcr0(p);
	v->xss = cpu_xsave_xss(p);
}

/**
 * cpu_view_has_capability() - has it the feature, in whatever spelling?
 * @v: the CPU
 * @nr: the feature in one vendor's spelling
 *
 * Intel's SPEC_CTRL stands for two capabilities: AMD's IBRS or IBPB is there on
 * an Intel CPU with that bit; Intel's bit is there on an AMD CPU with both.
 */
bool cpu_view_has_capability(const struct cpu_view *v, unsigned int nr)
{
	bool as_intel = false, all = true;
	unsigned int i;

	if (cpu_view_has(v, nr))
		return true;
	for (i = 0; i < cpu_nr_spellings; i++) {
		if (cpu_spellings[i].amd == nr && cpu_view_has(v, cpu_spellings[i].intel))
			return true;
		if (cpu_spellings[i].intel == nr) {
			as_intel = true;
			all &= cpu_view_has(v, cpu_spellings[i].amd);
		}
	}
	return as_intel && all;
}
