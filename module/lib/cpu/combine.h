/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The baseline of a pool: the policy that every host of the pool can honour.
 *
 * Owns: the rules by which hosts are combined. Locks: none.
 */
#ifndef FERRY_LIB_CPU_COMBINE_H
#define FERRY_LIB_CPU_COMBINE_H

#include "view.h"

/* Which identity a baseline shows. */
enum cpu_identity {
	/* that of the member whose mitigations serve the pool best */
	CPU_IDENTITY_AUTO,
	/* that of member @identity_of */
	CPU_IDENTITY_MEMBER,
	/* CPU_ARTIFICIAL_VENDOR, which no operating system has special code for */
	CPU_IDENTITY_ARTIFICIAL,
};

/* Twelve characters, nobody's. */
#define CPU_ARTIFICIAL_VENDOR "FerryVirtual"
#define CPU_ARTIFICIAL_BRAND  "Ferry Virtual CPU"

/* Which cache sizes a baseline shows. */
enum cpu_caches {
	CPU_CACHES_COMMON, /* those most members have; the smallest of several */
	CPU_CACHES_SMALLEST, /* those of the member with the smallest last level */
	CPU_CACHES_PASS, /* each host's own, filled in by cpu_effective() */
};

struct cpu_combine_options {
	enum cpu_identity identity;
	u32 identity_of;
	enum cpu_caches caches;
};

/* What may go wrong besides errno: cpu_combine() says which member. */
enum cpu_combine_error {
	CPU_COMBINE_OK,
	CPU_COMBINE_NO_MEMBERS,
	CPU_COMBINE_NO_LEAVES, /* a member without leaves 0 and 1: not a CPU */
	CPU_COMBINE_NARROW, /* a member narrower than CPU_PHYS_BITS_MIN */
	CPU_COMBINE_FULL, /* the result does not fit a policy */
};

/**
 * struct cpu_combine_scratch - memory that cpu_combine() works in
 * @before: every feature any member has
 * @one: a member's view
 * @base: the result's view
 */
struct cpu_combine_scratch {
	struct cpu_set before;
	struct cpu_view one;
	struct cpu_view base;
};

enum cpu_combine_error cpu_combine(struct cpu_policy *out, const struct cpu_policy *const *pool,
				   u32 n, const struct cpu_combine_options *opt,
				   struct cpu_combine_scratch *scratch, u32 *culprit);
void cpu_combine_cost(const struct cpu_policy *const *pool, u32 n, u32 member,
		      const struct cpu_policy *baseline, struct cpu_set *lost,
		      struct cpu_set *alone, struct cpu_combine_scratch *scratch);

#endif /* FERRY_LIB_CPU_COMBINE_H */
