/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The VM's own topology, written into every leaf that tells of one.
 *
 * A guest never sees the host's topology: its vCPUs are one package of cores
 * and threads with consecutive APIC ids, on every host of the pool.
 *
 * Owns: leaves 0xB and 0x1F and the topology fields of 1, 4, 0x80000001,
 * 0x80000008, 0x8000001D, 0x8000001E. Locks: none.
 */
#ifndef FERRY_LIB_CPU_TOPOLOGY_H
#define FERRY_LIB_CPU_TOPOLOGY_H

#include "policy.h"

/**
 * struct cpu_topology - one package
 * @cores: cores of the VM, at least 1
 * @threads: threads of each core, a power of two, at least 1
 */
struct cpu_topology {
	u32 cores;
	u32 threads;
};

int cpu_topology_set(struct cpu_policy *p, const struct cpu_topology *t);

#endif /* FERRY_LIB_CPU_TOPOLOGY_H */
