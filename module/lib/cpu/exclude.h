/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CPUs that a policy's guests must not run on, whatever they can do: by signature, each with the
 * reason, for the people who meet it.
 *
 * They lie in a leaf of their own beside the settings, so they are frozen with the policy, and travel and
 * are checked wherever it is. Exclusion N has the sub-leaves from N * CPU_EXCLUDED_STEP on. The first:
 *
 *	EAX	7:0 enum cpu_vendor, 19:8 family, rest zero
 *	EBX	7:0 lowest model, 15:8 highest, 19:16 lowest stepping, 23:20 highest, rest zero
 *	ECX	lowest microcode revision
 *	EDX	highest microcode revision
 *
 * Each further one has 16 bytes of the reason, EAX's lowest first: printable ASCII, zeros behind its end.
 * The exclusions are sorted by the registers of their first sub-leaves, then by their reasons.
 *
 * Owns: this form. Locks: none.
 */
#ifndef FERRY_LIB_CPU_EXCLUDE_H
#define FERRY_LIB_CPU_EXCLUDE_H

#include "policy.h"

#define CPU_EXCLUDED_MAX 16
#define CPU_EXCLUDED_STEP 8
#define CPU_REASON_LEN 80 /* bytes of a reason */

/**
 * struct cpu_exclusion - one of them
 * @reg: the registers of its first sub-leaf
 * @reason: NUL-terminated, not empty
 */
struct cpu_exclusion {
	u32 reg[CPU_NR_REGS];
	char reason[CPU_REASON_LEN + 1];
};

/* Does it name this CPU? */
enum cpu_excluded {
	CPU_EXCLUDED_NO,
	CPU_EXCLUDED_YES,
	CPU_EXCLUDED_UNKNOWN, /* it depends on the microcode, and that is not known */
};

static inline u32 cpu_exclusion_eax(enum cpu_vendor vendor, u32 family)
{
	return vendor | family << 8;
}

static inline u32 cpu_exclusion_ebx(u32 model_lo, u32 model_hi, u32 stepping_lo, u32 stepping_hi)
{
	return model_lo | model_hi << 8 | stepping_lo << 16 | stepping_hi << 20;
}

bool cpu_exclusion_get(const struct cpu_leaf *leaf, u32 nr, u32 subleaf, struct cpu_exclusion *x);
int cpu_exclusion_add(struct cpu_policy *p, const struct cpu_exclusion *x);
bool cpu_exclusion_valid(const struct cpu_policy *p, u32 *where);
enum cpu_excluded cpu_exclusion_matches(const struct cpu_exclusion *x, const struct cpu_policy *host);
bool cpu_exclusion_in(const struct cpu_policy *p, const struct cpu_exclusion *x);

#endif /* FERRY_LIB_CPU_EXCLUDE_H */
