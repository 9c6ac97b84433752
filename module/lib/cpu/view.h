/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A policy with everything that comparisons ask of it worked out once.
 *
 * Owns: struct cpu_view. Locks: none.
 */
#ifndef FERRY_LIB_CPU_VIEW_H
#define FERRY_LIB_CPU_VIEW_H

#include "features.h"

/**
 * struct cpu_view - a policy, digested
 * @p: the policy; must live and stay as it is while the view is used
 * @raw: its words whole, bits included that the list does not name
 * @set: its features
 * @unknown: bits of words whose leaf or MSR the policy does not have
 * @vendor: of leaf 0
 * @sig: family, model, stepping
 * @settings: what the policy promises beyond CPUID
 * @max_basic: highest basic leaf
 * @phys_bits: physical address width
 * @lin_bits: linear address width
 * @xcr0: user components
 * @xss: supervisor components
 */
struct cpu_view {
	const struct cpu_policy *p;
	u32 raw[CPU_NR_WORDS];
	struct cpu_set set;
	u64 unknown[(CPU_NR_WORDS + 63) / 64];
	enum cpu_vendor vendor;
	struct cpu_signature sig;
	struct cpu_settings settings;
	u32 max_basic;
	unsigned int phys_bits;
	unsigned int lin_bits;
	u64 xcr0;
	u64 xss;
};

void cpu_view_init(struct cpu_view *v, const struct cpu_policy *p);

static inline bool cpu_view_has(const struct cpu_view *v, unsigned int nr)
{
	return cpu_set_has(&v->set, nr);
}

static inline bool cpu_view_unknown(const struct cpu_view *v, unsigned int word)
{
	return v->unknown[word / 64] >> (word % 64) & 1;
}

/* A capability that the two vendors spell with different bits. */
struct cpu_spelling {
	u16 intel;
	u16 amd;
};

extern const struct cpu_spelling cpu_spellings[];
extern const unsigned int cpu_nr_spellings;

bool cpu_view_has_capability(const struct cpu_view *v, unsigned int nr);

#endif /* FERRY_LIB_CPU_VIEW_H */
