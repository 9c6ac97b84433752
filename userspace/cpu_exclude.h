/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Excluded CPUs as people write them: on a command line and in a policy file. The form that travels is
 * lib/cpu/exclude.h's. Owns nothing, takes no lock.
 */
#ifndef FERRY_CPU_EXCLUDE_H
#define FERRY_CPU_EXCLUDE_H

#include "lib/cpu/exclude.h"
#include "util.h"

/* "Intel/6/79/0-1/-0xb00003d=why": vendor, family, model, stepping, microcode; the last two may be missing. */
int cpu_exclude_option(struct cpu_policy *p, const char *text, struct error *err);
/* The list "exclude" of a policy; NULL if it has none. */
json_object *cpu_exclude_to_json(const struct cpu_policy *p);
int cpu_exclude_from_json(struct cpu_policy *p, json_object *o, struct error *err);

#endif /* FERRY_CPU_EXCLUDE_H */
