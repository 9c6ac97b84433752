/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What combine.c and combine_identity.c share; nobody else includes it.
 *
 * Owns: struct cpu_pool. Locks: none.
 */
#ifndef FERRY_LIB_CPU_COMBINE_POOL_H
#define FERRY_LIB_CPU_COMBINE_POOL_H

#include "combine.h"

/**
 * struct cpu_pool - what the steps below share
 * @m: the members
 * @n: how many
 * @s: scratch memory
 * @rsba: the guest will be told of RSBA
 */
struct cpu_pool {
	const struct cpu_policy *const *m;
	u32 n;
	struct cpu_combine_scratch *s;
	bool rsba;
};

const struct cpu_leaf *cpu_pool_leaf(const struct cpu_policy *p, u32 leaf, u32 *count);
bool cpu_pool_leaf_equal(const struct cpu_pool *pool, u32 leaf);
int cpu_pool_copy_leaf(struct cpu_policy *out, const struct cpu_policy *from, u32 leaf);
void cpu_pool_set_field(struct cpu_policy *p, u32 leaf, enum cpu_reg reg, u32 mask, u32 v);
bool cpu_pool_mixed(const struct cpu_pool *pool);
const struct cpu_policy *cpu_pool_identity(const struct cpu_pool *pool,
					   const struct cpu_combine_options *opt, u32 vulns);
int cpu_pool_put_identity(struct cpu_policy *out, const struct cpu_policy *id);
const struct cpu_policy *cpu_pool_caches(const struct cpu_pool *pool, enum cpu_caches how,
					 const struct cpu_policy *id);
int cpu_pool_put_caches(struct cpu_policy *out, const struct cpu_policy *from);
u32 cpu_pool_vulns(const struct cpu_pool *pool);
u32 cpu_pool_vulns_left(const struct cpu_pool *pool, const struct cpu_policy *identity, u32 vulns);

#endif /* FERRY_LIB_CPU_COMBINE_POOL_H */
