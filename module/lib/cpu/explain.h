/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Findings in words: what differs, why, and what an administrator can do.
 *
 * Owns: the sentences. Locks: none.
 */
#ifndef FERRY_LIB_CPU_EXPLAIN_H
#define FERRY_LIB_CPU_EXPLAIN_H

#include "check.h"

/**
 * struct cpu_explanation - one finding for a human
 * @subject: a short name: "monitor", "physical address width", "srso"
 * @what: what differs, with both values
 * @why: the cause
 * @fix: what to do; every sentence stands alone
 * @harm: what happens to a guest that is moved all the same
 */
struct cpu_explanation {
	char subject[CPU_NAME_MAX];
	char what[240];
	char why[240];
	char fix[400];
	char harm[200];
};

void cpu_explain(const struct cpu_finding *f, const struct cpu_policy *guest, struct cpu_explanation *e);
const char *cpu_vendor_name(enum cpu_vendor vendor);
const char *cpu_xstate_name(unsigned int component);

#endif /* FERRY_LIB_CPU_EXPLAIN_H */
