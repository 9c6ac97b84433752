/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading a CPU's CPUID into a policy. Owns nothing, takes no lock.
 */
#ifndef FERRY_LIB_CPU_READ_H
#define FERRY_LIB_CPU_READ_H

#include "policy.h"

/**
 * typedef cpu_read_fn - execute CPUID
 * @leaf: [IN] EAX
 * @subleaf: [IN] ECX
 * @reg: [OUT] EAX, EBX, ECX, EDX
 */
typedef void (*cpu_read_fn)(u32 leaf, u32 subleaf, u32 reg[CPU_NR_REGS]);

int cpu_policy_read(struct cpu_policy *out, cpu_read_fn read);
void cpu_policy_forget_ids(struct cpu_policy *p);

#endif /* FERRY_LIB_CPU_READ_H */
