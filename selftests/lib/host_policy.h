/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The CPU that a test runs on, as a policy to make guests' policies from: what CPUID says, less the
 * register state that the kernel has not enabled.
 */
#ifndef FERRY_SELFTESTS_HOST_POLICY_H
#define FERRY_SELFTESTS_HOST_POLICY_H

#include "lib/cpu/default.h"
#include "lib/cpu/read.h"
#include "lib/cpu/xsave.h"

static inline void host_policy_cpuid(u32 leaf, u32 subleaf, u32 reg[CPU_NR_REGS])
{
	__asm__ volatile("cpuid"
			 : "=a"(reg[0]), "=b"(reg[1]), "=c"(reg[2]), "=d"(reg[3])
			 : "a"(leaf), "c"(subleaf));
}

static inline int host_policy_read(struct cpu_policy *host)
{
	int ret = cpu_policy_read(host, host_policy_cpuid);
	u32 lo, hi;

	if (ret || !(cpu_policy_reg(host, 1, 0, CPU_ECX) >> 27 & 1))
		return ret;
	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	cpu_xsave_limit(host, lo | (u64)hi << 32, cpu_xsave_xss(host));
	return 0;
}

#endif /* FERRY_SELFTESTS_HOST_POLICY_H */
