/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM's CPU policy in the tool: read from a file, made for this host, handed to the module. The
 * algebra is lib/cpu's.
 */
#ifndef FERRY_POLICY_H
#define FERRY_POLICY_H

#include <linux/ferry.h>

#include "lib/cpu/policy.h"
#include "util.h"

/* What this host's CPU says of itself (the CPU this thread runs on). */
int policy_of_host(struct cpu_policy *host, struct error *err);
/* The policy of a VM that was given none. */
int policy_default(struct cpu_policy *out, unsigned int vcpus, u64 module_caps, struct error *err);
/* What a VM of this shape is shown of a policy; one that is in force already stays as it is. */
int policy_effective(struct cpu_policy *p, unsigned int vcpus, u64 module_caps, struct error *err);

#define CPU_JSON_VERSION 1	/* of "ferry_cpu" and "ferry_policy" */
/* Members of a policy in JSON: what it is made of, and what is written for people. */
#define POLICY_MEMBERS "cpuid", "msrs", "exclude"
#define POLICY_REMARKS "name", "identity", "physical_bits", "accepted_vulnerabilities", "feature_names"

json_object *policy_to_json(const struct cpu_policy *p);
/* A policy that gives its CPU leaf by leaf, in an object of its own; with other members it is refused. */
int policy_from_json(struct cpu_policy *p, json_object *o, struct error *err);
/* The same of an object that has other members, too: who calls knows which. */
int policy_within_json(struct cpu_policy *p, json_object *o, struct error *err);
/* Any description of a CPU; modes that mean the host's CPU mean this host's. */
int policy_read(struct cpu_policy *p, const char *path, struct error *err);
/* Hand it to the module; a refusal lists every reason in err->detail and in the text. */
int policy_install(int vm, const struct cpu_policy *p, struct error *err);
/* Findings as text lines appended to err->text and as JSON in err->detail; @p: whose they are, or NULL. */
void policy_findings(const struct ferry_finding *f, u32 nr, const struct cpu_policy *p, struct error *err);
/* What a VM has. */
int policy_of_vm(int vm, struct cpu_policy *p, struct error *err);
/* Are there warnings alone, and is each in this list of names, separated by commas? */
bool policy_warnings_named(const struct ferry_finding *f, u32 nr, const char *names);

#endif /* FERRY_POLICY_H */
