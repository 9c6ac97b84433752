/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From a policy to what one VM is shown: what Ferry virtualises and emulates
 * applied, the VM's own topology, the paravirtual clock.
 *
 * Owns: which leaves a guest is given and what becomes of their fields.
 * Locks: none.
 */
#ifndef FERRY_LIB_CPU_DEFAULT_H
#define FERRY_LIB_CPU_DEFAULT_H

#include "features.h"
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
 * struct cpu_default_params - what cannot be read off a policy
 * @topology: of the VM
 * @flags: CPU_DEFAULT_*
 */
struct cpu_default_params {
	struct cpu_topology topology;
	u32 flags;
};

/**
 * struct cpu_effective_work - memory to work in, and what was hidden
 * @before: features of the policy
 * @after: features of the guest
 */
struct cpu_effective_work {
	struct cpu_set before;
	struct cpu_set after;
};

int cpu_effective(struct cpu_policy *out, const struct cpu_policy *policy,
		  const struct cpu_policy *host, const struct cpu_default_params *params,
		  struct cpu_effective_work *work);
int cpu_policy_default(struct cpu_policy *out, const struct cpu_policy *host,
		       const struct cpu_default_params *params);

#endif /* FERRY_LIB_CPU_DEFAULT_H */
