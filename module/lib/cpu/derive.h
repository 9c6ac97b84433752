/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What follows from a set of features: which go with others, which XSAVE
 * components are left, what is repeated elsewhere.
 *
 * Owns: which feature needs which XSAVE component. Locks: none.
 */
#ifndef FERRY_LIB_CPU_DERIVE_H
#define FERRY_LIB_CPU_DERIVE_H

#include "features.h"

/* Bits of leaf 1 EDX that AMD repeats in leaf 0x80000001 EDX (APM vol. 3, E.4.2). */
#define CPU_AMD_MIRROR 0x0183f3ffu

void cpu_state_close(struct cpu_set *s, u64 state);
u64 cpu_state_for(const struct cpu_set *s, u64 state);
int cpu_policy_set_features(struct cpu_policy *p, struct cpu_set *s);

#endif /* FERRY_LIB_CPU_DERIVE_H */
