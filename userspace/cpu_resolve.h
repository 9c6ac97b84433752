/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Descriptions made into one CPU. Owns nothing, takes no lock.
 */
#ifndef FERRY_CPU_RESOLVE_H
#define FERRY_CPU_RESOLVE_H

#include "cpu_input.h"

/* What every logical CPU of a host can do. */
int cpu_resolve_host(struct cpu_policy *out, const struct cpu_host *host, struct error *err);
/* The CPU that a policy stands for; @host may be NULL where the policy does not need one. */
int cpu_resolve(struct cpu_policy *out, const struct cpu_host *policy, const struct cpu_host *host,
		struct error *err);

/* What a pool's hosts have in common each has; what its owner adds must suit them, too: a TSC rate, exclusions. */
int cpu_hosts_take(const struct cpu_policy *policy, const struct cpu_host *h, u32 n, struct error *err);

/* Definitions may ask for CPUs of one vendor: do these ask for the same? */
int cpu_same_demands(const struct cpu_host *h, u32 n, struct error *err);

#endif /* FERRY_CPU_RESOLVE_H */
