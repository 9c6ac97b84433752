/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The policy of a VM that was given none: this host's CPU as far as Ferry
 * virtualises it.
 *
 * Owns: which leaves a guest is given and what becomes of their fields.
 * Locks: none.
 */
#ifndef FERRY_LIB_CPU_DEFAULT_H
#define FERRY_LIB_CPU_DEFAULT_H

#include "policy.h"
#include "topology.h"

/* The module keeps a kvmclock page for the guest. */
#define CPU_DEFAULT_KVMCLOCK BIT(0)
/* ... whose reading never runs backwards between vCPUs (PVCLOCK_TSC_STABLE_BIT). */
#define CPU_DEFAULT_KVMCLOCK_STABLE BIT(1)

/* Signature and features of the paravirtual clock, as Linux guests look for them. */
#define CPU_KVM_LEAF_SIGNATURE	     0x40000000u
#define CPU_KVM_LEAF_FEATURES	     0x40000001u
#define CPU_KVM_FEATURE_CLOCKSOURCE2 BIT(3)
#define CPU_KVM_FEATURE_STABLE	     BIT(24)

/**
 * struct cpu_default_params - what cpu_policy_default() cannot read off the host
 * @topology: of the VM
 * @flags: CPU_DEFAULT_*
 */
struct cpu_default_params {
	struct cpu_topology topology;
	u32 flags;
};

int cpu_policy_default(struct cpu_policy *out, const struct cpu_policy *host,
		       const struct cpu_default_params *params);

#endif /* FERRY_LIB_CPU_DEFAULT_H */
