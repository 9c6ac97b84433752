/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a guest reads when it executes CPUID.
 *
 * A policy is a table of leaves; this turns it into answers: leaves and
 * sub-leaves that are out of range or absent, and the bits that follow the state
 * of the vCPU (OSXSAVE, APIC ids, XSAVE sizes). The index is made once, when the
 * policy is set, so that the common answer costs one load.
 *
 * Owns: struct cpu_index. Locks: none.
 */
#ifndef FERRY_LIB_CPU_ANSWER_H
#define FERRY_LIB_CPU_ANSWER_H

#include "policy.h"

#define CPU_INDEX_RANGES 4
#define CPU_INDEX_SPAN	 64

/**
 * struct cpu_index - where each leaf of a policy begins
 * @first: per range and leaf number, 1 + the position in the policy; 0 = absent
 * @max: highest leaf of each range; for an absent range the range's own number
 *	less one
 * @fallback: 1 + the position of the highest basic leaf, which answers for
 *	leaves out of range where the vendor's CPUs do so; 0 = zeros
 */
struct cpu_index {
	u16 first[CPU_INDEX_RANGES][CPU_INDEX_SPAN];
	u32 max[CPU_INDEX_RANGES];
	u16 fallback;
};

/**
 * struct cpu_dynamic - the state of a vCPU that CPUID shows
 * @x2apic_id: APIC id; its low eight bits are the initial APIC id
 * @apic_enabled: IA32_APIC_BASE[11]
 * @osxsave: CR4.OSXSAVE
 * @pke: CR4.PKE
 * @code64: CS.L in long mode: Intel shows SYSCALL only there
 * @xcr0: current XCR0
 * @xss: current IA32_XSS
 */
struct cpu_dynamic {
	u32 x2apic_id;
	bool apic_enabled;
	bool osxsave;
	bool pke;
	bool code64;
	u64 xcr0;
	u64 xss;
};

void cpu_index_build(struct cpu_index *ix, const struct cpu_policy *p);
void cpu_answer(const struct cpu_policy *p, const struct cpu_index *ix, u32 leaf, u32 subleaf,
		struct cpu_regs *out);
int cpu_answer_entry(const struct cpu_policy *p, const struct cpu_index *ix, u32 leaf, u32 subleaf);
bool cpu_answer_is_dynamic(u32 leaf);
void cpu_answer_dynamic(const struct cpu_policy *p, u32 leaf, u32 subleaf,
			const struct cpu_dynamic *dyn, struct cpu_regs *out);

#endif /* FERRY_LIB_CPU_ANSWER_H */
