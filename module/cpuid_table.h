/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM's CPUID table, and the look-up that a backend makes without leaving its run loop.
 */
#ifndef FERRY_CPUID_TABLE_H
#define FERRY_CPUID_TABLE_H

#include "ferry.h"
#include "lib/cpu/answer.h"
#include "lib/cpu/policy.h"

/**
 * struct ferry_cpuid_row - the answer to one leaf that depends on nothing else
 * @leaf: which, or something that does not belong in this slot, until the leaf was asked for once:
 *	so the slow path keeps the record of what was shown, and the fast one has nothing to do
 * @reg: the answer, indexed by enum cpu_reg
 */
struct ferry_cpuid_row {
	u32 leaf;
	u32 reg[CPU_NR_REGS];
	u32 reserved[3]; /* a power of two */
};

/* 32 leaves of each of the four ranges: 0, 0x40000000, 0x80000000, 0xc0000000. */
#define FERRY_CPUID_ROWS 128

/**
 * struct ferry_cpuid_table - a policy, indexed
 * @row: answers that are the same whatever the sub-leaf and the vCPU's state
 * @index: of @policy, for all others
 * @policy: the VM's
 * @shown: entries of @policy that a CPUID was answered from
 * @shown_msrs: MSRs of @policy that were read
 */
struct ferry_cpuid_table {
	struct ferry_cpuid_row row[FERRY_CPUID_ROWS];
	struct cpu_index index;
	struct cpu_policy policy;
	DECLARE_BITMAP(shown, FERRY_MAX_CPUID);
	DECLARE_BITMAP(shown_msrs, FERRY_MAX_POLICY_MSRS);
};

/* The only row that can answer @leaf; it does if its leaf is @leaf. Else ask ferry_cpuid(). */
static __always_inline const struct ferry_cpuid_row *
ferry_cpuid_row(const struct ferry_cpuid_table *t, u32 leaf)
{
	return &t->row[(leaf + (leaf >> 25)) & (FERRY_CPUID_ROWS - 1)];
}

#endif /* FERRY_CPUID_TABLE_H */
