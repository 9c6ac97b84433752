// SPDX-License-Identifier: GPL-2.0-only
/*
 * Policies between files, this host and the module. See policy.h. No state.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "cpu_exclude.h"
#include "cpu_print.h"
#include "cpu_resolve.h"
#include "lib/cpu/default.h"
#include "lib/cpu/explain.h"
#include "lib/cpu/xsave.h"
#include "libferry.h"
#include "policy.h"

#define MAX_FINDINGS 256

_Static_assert(sizeof(struct cpu_leaf) == sizeof(struct ferry_cpuid_entry), "one layout");
_Static_assert(sizeof(struct cpu_msr) == sizeof(struct ferry_policy_msr), "one layout");
_Static_assert(offsetof(struct cpu_leaf, reg) == offsetof(struct ferry_cpuid_entry, eax), "");

/* ------------------------------------------------------------------ this host */

/* The registers of a component that the kernel has not enabled cannot be saved for a guest. */
static void limit_to_enabled(struct cpu_policy *host)
{
	u32 lo, hi;

	if (!(cpu_policy_reg(host, 1, 0, CPU_ECX) >> 27 & 1) || !cpu_policy_find(host, 0xd, 0))
		return;
	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	cpu_xsave_limit(host, lo | (u64)hi << 32, cpu_xsave_xss(host));
}

/* What all of its logical CPUs have: a vCPU runs on any of them. */
int policy_of_host(struct cpu_policy *host, struct error *err)
{
	struct cpu_host *h = xcalloc(1, sizeof(*h));
	int ret = cpu_host_live(h, false, err);

	if (!ret)
		ret = cpu_resolve_host(host, h, err);
	if (!ret)
		limit_to_enabled(host);
	cpu_host_free(h);
	free(h);
	return ret;
}

static void params_for(struct cpu_default_params *params, unsigned int vcpus, u64 module_caps)
{
	*params = (struct cpu_default_params){
		.topology = { .cores = vcpus, .threads = 1 },
		.flags = CPU_DEFAULT_KVMCLOCK,
	};
	if (module_caps & FERRY_CAP_TSC_STABLE)
		params->flags |= CPU_DEFAULT_KVMCLOCK_STABLE;
}

int policy_default(struct cpu_policy *out, unsigned int vcpus, u64 module_caps, struct error *err)
{
	struct cpu_policy *host = xcalloc(1, sizeof(*host));
	struct cpu_default_params params;
	int ret;

	params_for(&params, vcpus, module_caps);
	ret = policy_of_host(host, err);
	if (!ret && cpu_policy_default(out, host, &params))
		ret = fail(err, FERRY_X_POLICY,
			   "no policy can be made from this host's CPU: 'ferry cpu dump' shows it");
	free(host);
	return ret;
}

int policy_effective(struct cpu_policy *p, unsigned int vcpus, u64 module_caps, struct error *err)
{
	struct cpu_effective_work *work;
	struct cpu_default_params params;
	struct cpu_policy *host, *out;
	int ret;

	if (cpu_policy_settings(p).flags & CPU_POLICY_EFFECTIVE)
		return 0;
	work = xcalloc(1, sizeof(*work));
	host = xcalloc(2, sizeof(*host));
	out = &host[1];
	params_for(&params, vcpus, module_caps);
	ret = policy_of_host(host, err);
	if (!ret && cpu_effective(out, p, host, &params, work))
		ret = fail(err, FERRY_X_POLICY,
			   "the policy does not make a CPU for %u vCPUs: 'ferry cpu effective' shows "
			   "what becomes of it", vcpus);
	if (!ret)
		*p = *out;
	free(host);
	free(work);
	return ret;
}

/* ----------------------------------------------------------------------- JSON */

static json_object *hex(u64 v)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%llx", (unsigned long long)v);
	return json_object_new_string(text);
}

/* Numbers may be written as such or as "0x..." strings. */
static bool get_hex(json_object *o, const char *key, u64 max, u64 *out)
{
	const char *text = json_str(o, key);

	if (text)
		return parse_u64(text, 0, max, out);
	return json_get_number(o, key, out) && *out <= max;
}

static const char *const reg_names[CPU_NR_REGS] = { "eax", "ebx", "ecx", "edx" };

json_object *policy_to_json(const struct cpu_policy *p)
{
	json_object *o = json_object_new_object();
	json_object *leaves = json_object_new_array(), *msrs = json_object_new_array();
	json_object *excluded = cpu_exclude_to_json(p);
	u32 i, r;

	for (i = 0; i < p->nr_leaves; i++) {
		json_object *l;

		if (p->leaf[i].leaf == CPU_LEAF_EXCLUDED)
			continue;
		l = json_object_new_object();
		json_object_object_add(l, "leaf", hex(p->leaf[i].leaf));
		if (p->leaf[i].flags & CPU_LEAF_SUBLEAF_SIGNIFICANT)
			json_object_object_add(l, "subleaf", hex(p->leaf[i].subleaf));
		for (r = 0; r < CPU_NR_REGS; r++)
			json_object_object_add(l, reg_names[r], hex(p->leaf[i].reg[r]));
		json_object_array_add(leaves, l);
	}
	for (i = 0; i < p->nr_msrs; i++) {
		json_object *m = json_object_new_object();

		json_object_object_add(m, "index", hex(p->msr[i].index));
		json_object_object_add(m, "value", hex(p->msr[i].value));
		json_object_array_add(msrs, m);
	}
	json_object_object_add(o, "cpuid", leaves);
	json_object_object_add(o, "msrs", msrs);
	if (excluded)
		json_object_object_add(o, "exclude", excluded);
	return o;
}

/* The path comes first: who reads files puts their line before it. */
static int bad(struct error *err, const char *list, size_t i, const char *field, const char *what)
{
	return fail(err, FERRY_X_BAD_FILE, "%s[%zu]%s%s: %s", list, i, *field ? "." : "", field, what);
}

static int read_leaves(struct cpu_policy *p, json_object *list, struct error *err)
{
	static const char *const members[] = { "leaf", "subleaf", "eax", "ebx", "ecx", "edx", NULL };
	static const char number[] = "a 32-bit number, or one in a string, is expected";
	size_t i, n = json_object_array_length(list);
	char where[40];
	u32 r;

	for (i = 0; i < n; i++) {
		json_object *o = json_object_array_get_idx(list, i);
		struct cpu_leaf l = { 0 };
		u64 v;

		if (!json_object_is_type(o, json_type_object))
			return bad(err, "cpuid", i, "", "an object is expected");
		snprintf(where, sizeof(where), "cpuid[%zu].", i);
		if (json_known(o, members, where, err))
			return err->code;
		if (!get_hex(o, "leaf", U32_MAX, &v))
			return bad(err, "cpuid", i, "leaf", number);
		l.leaf = v;
		if (json_object_object_get_ex(o, "subleaf", NULL)) {
			if (!get_hex(o, "subleaf", U32_MAX, &v))
				return bad(err, "cpuid", i, "subleaf", number);
			l.subleaf = v;
			l.flags = CPU_LEAF_SUBLEAF_SIGNIFICANT;
		}
		for (r = 0; r < CPU_NR_REGS; r++) {
			if (!get_hex(o, reg_names[r], U32_MAX, &v))
				return bad(err, "cpuid", i, reg_names[r], number);
			l.reg[r] = v;
		}
		if (cpu_policy_find(p, l.leaf, l.subleaf))
			return bad(err, "cpuid", i, "leaf", "this leaf was given before");
		if (cpu_policy_add(p, &l))
			return bad(err, "cpuid", i, "leaf",
				   p->nr_leaves == CPU_POLICY_MAX_LEAVES ?
					   "more leaves than any CPU has" :
					   "this leaf has no sub-leaves");
	}
	return 0;
}

static int read_msrs(struct cpu_policy *p, json_object *list, struct error *err)
{
	static const char *const members[] = { "index", "value", NULL };
	size_t i, n = json_object_array_length(list);
	char where[40];

	for (i = 0; i < n; i++) {
		json_object *o = json_object_array_get_idx(list, i);
		u64 index, value;

		if (!json_object_is_type(o, json_type_object))
			return bad(err, "msrs", i, "", "an object is expected");
		snprintf(where, sizeof(where), "msrs[%zu].", i);
		if (json_known(o, members, where, err))
			return err->code;
		if (!get_hex(o, "index", U32_MAX, &index))
			return bad(err, "msrs", i, "index", "a 32-bit number is expected");
		if (!get_hex(o, "value", U64_MAX, &value))
			return bad(err, "msrs", i, "value", "a 64-bit number is expected");
		if (cpu_policy_find_msr(p, index))
			return bad(err, "msrs", i, "index", "this MSR was given before");
		if (cpu_policy_add_msr(p, index, value))
			return bad(err, "msrs", i, "index", "too many MSRs");
	}
	return 0;
}

int policy_within_json(struct cpu_policy *p, json_object *o, struct error *err)
{
	json_object *cpuid, *msrs;
	int ret;

	cpu_policy_init(p);
	if (!json_object_object_get_ex(o, "cpuid", &cpuid) ||
	    !json_object_is_type(cpuid, json_type_array))
		return fail(err, FERRY_X_BAD_FILE, "cpuid: a list of leaves is expected");
	ret = read_leaves(p, cpuid, err);
	if (!ret && json_object_object_get_ex(o, "msrs", &msrs)) {
		if (!json_object_is_type(msrs, json_type_array))
			return fail(err, FERRY_X_BAD_FILE, "msrs: a list is expected");
		ret = read_msrs(p, msrs, err);
	}
	return ret ? ret : cpu_exclude_from_json(p, o, err);
}

int policy_from_json(struct cpu_policy *p, json_object *o, struct error *err)
{
	static const char *const members[] = { "ferry_policy", POLICY_REMARKS, POLICY_MEMBERS, NULL };
	int ret = json_known(o, members, "", err);

	if (!ret && json_object_object_get_ex(o, "ferry_policy", NULL))
		ret = json_version(o, "ferry_policy", CPU_JSON_VERSION, "the policy", err);
	return ret ? ret : policy_within_json(p, o, err);
}

int policy_read(struct cpu_policy *p, const char *path, struct error *err)
{
	struct cpu_host *policy = xcalloc(2, sizeof(*policy)), *host = &policy[1];
	int ret = cpu_host_read(policy, path, err);

	if (!ret && (policy->mode == CPU_MODE_HOST_MODEL || policy->mode == CPU_MODE_PASSTHROUGH))
		ret = cpu_host_live(host, false, err);
	if (!ret)
		ret = cpu_resolve(p, policy, host->nr ? host : NULL, err);
	cpu_host_free(policy);
	cpu_host_free(host);
	free(policy);
	return ret;
}

/* ------------------------------------------------------------------- module */

/* The module's findings as the library knows them. */
static void to_list(const struct ferry_finding *f, u32 nr, struct cpu_findings *list)
{
	u32 i;

	cpu_findings_init(list);
	for (i = 0; i < nr; i++) {
		const struct cpu_finding x = {
			.leaf = f[i].leaf,
			.subleaf = f[i].subleaf,
			.reg = f[i].reg,
			.bit = f[i].bit,
			.severity = f[i].severity,
			.cause = f[i].cause,
			.detail = f[i].detail,
			.guest = f[i].guest,
			.host = f[i].host,
		};

		cpu_findings_add(list, &x);
	}
}

static json_object *findings_json(const struct ferry_finding *f, u32 nr, const struct cpu_policy *p)
{
	struct cpu_findings *list = xcalloc(1, sizeof(*list));
	json_object *o;

	to_list(f, nr, list);
	o = cpu_findings_json(list, p);
	free(list);
	return o;
}

static int finding_text(const struct ferry_finding *f, const struct cpu_policy *p, char *out, size_t room)
{
	const struct cpu_finding x = {
		.leaf = f->leaf,
		.subleaf = f->subleaf,
		.reg = f->reg,
		.bit = f->bit,
		.severity = f->severity,
		.cause = f->cause,
		.detail = f->detail,
		.guest = f->guest,
		.host = f->host,
	};
	struct cpu_explanation *e = xcalloc(1, sizeof(*e));
	int n;

	cpu_explain(&x, p, e);
	n = snprintf(out, room, "\n  %s%s: %s. %s %s",
		     f->severity == FERRY_FINDING_WARNING ? "(warning) " : "", e->subject, e->what,
		     e->why, e->fix);
	free(e);
	return n;
}

void policy_findings(const struct ferry_finding *f, u32 nr, const struct cpu_policy *p, struct error *err)
{
	size_t n = strlen(err->text);
	u32 i;

	if (!err->detail)
		err->detail = json_object_new_object();
	json_object_object_add(err->detail, "findings", findings_json(f, nr, p));
	for (i = 0; i < nr; i++) {
		char line[1200];
		int len = finding_text(&f[i], p, line, sizeof(line));

		if (len >= (int)sizeof(line) || n + len + 32 > sizeof(err->text)) {
			snprintf(err->text + n, sizeof(err->text) - n, "\n  ... and %u more",
				 nr - i);
			return;
		}
		memcpy(err->text + n, line, len + 1);
		n += len;
	}
}

static bool named(const char *names, const char *subject)
{
	size_t len = strlen(subject);
	const char *end;

	for (; names; names = *end ? end + 1 : NULL) {
		end = strchrnul(names, ',');
		if (end - names == (ssize_t)len && !strncasecmp(names, subject, len))
			return true;
	}
	return false;
}

bool policy_warnings_named(const struct ferry_finding *f, u32 nr, const char *names)
{
	struct cpu_findings *list;
	struct cpu_explanation *e;
	bool all = true;
	u32 i;

	/* Of more than a list holds, not all have been seen. */
	if (!nr || nr > ARRAY_SIZE(list->finding) || !names)
		return false;
	list = xcalloc(1, sizeof(*list));
	e = xcalloc(1, sizeof(*e));
	to_list(f, nr, list);
	for (i = 0; all && i < list->nr; i++) {
		cpu_explain(&list->finding[i], NULL, e);
		all = list->finding[i].severity == CPU_WARNING && named(names, e->subject);
	}
	free(e);
	free(list);
	return all;
}

int policy_of_vm(int vm, struct cpu_policy *p, struct error *err)
{
	cpu_policy_init(p);
	return ferry_get_policy(vm, (struct ferry_cpuid_entry *)p->leaf, &p->nr_leaves,
				(struct ferry_policy_msr *)p->msr, &p->nr_msrs, err);
}

int policy_install(int vm, const struct cpu_policy *p, struct error *err)
{
	struct ferry_finding *findings = xcalloc(MAX_FINDINGS, sizeof(*findings));
	u32 nr = MAX_FINDINGS;
	int ret;

	ret = ferry_set_policy(vm, (const struct ferry_cpuid_entry *)p->leaf, p->nr_leaves,
			       (const struct ferry_policy_msr *)p->msr, p->nr_msrs, findings, &nr,
			       err);
	if (ret == FERRY_X_POLICY)
		policy_findings(findings, nr, p, err);
	free(findings);
	return ret;
}
