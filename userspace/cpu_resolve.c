// SPDX-License-Identifier: GPL-2.0-only
/*
 * Policies that say how a CPU comes about (passthrough, host-model, a model with features added and
 * removed) made into one that says what it is.
 *
 * Owns: nothing. Locks: none.
 */
#include <stdlib.h>

#include "cpu_resolve.h"
#include "lib/cpu/combine.h"
#include "lib/cpu/derive.h"
#include "lib/cpu/exclude.h"
#include "lib/cpu/explain.h"
#include "lib/cpu/virt.h"

/* What every logical CPU of a host can do: a vCPU runs on any of them. */
int cpu_resolve_host(struct cpu_policy *out, const struct cpu_host *host, struct error *err)
{
	const struct cpu_combine_options opt = { .identity = CPU_IDENTITY_MEMBER };
	const struct cpu_policy **m = xcalloc(host->nr + 1, sizeof(*m));
	struct cpu_combine_scratch *s = xcalloc(1, sizeof(*s));
	u32 i, culprit;
	int ret = 0;

	if (!host->nr) {
		ret = fail(err, FERRY_X_BAD_FILE,
			   "%s: tells of no CPU of its own; a host's dump is needed", host->name);
	} else if (host->nr == 1) {
		*out = host->cpu[0];
	} else {
		for (i = 0; i < host->nr; i++)
			m[i] = &host->cpu[i];
		if (cpu_combine(out, m, host->nr, &opt, s, &culprit))
			ret = fail(err, FERRY_X_BAD_FILE, "%s: its CPUs have nothing in common",
				   host->name);
	}
	free(s);
	free(m);
	return ret;
}

/* The lines about one CPU. */
static void add_reasons(const struct cpu_findings *list, const struct cpu_policy *policy, const char *name,
			struct error *err)
{
	struct cpu_explanation *e = xcalloc(1, sizeof(*e));
	u32 i;

	for (i = 0; i < list->nr; i++) {
		size_t n = strlen(err->text);

		if (list->finding[i].severity != CPU_REFUSE ||
		    (list->finding[i].detail != CPU_DETAIL_TSC &&
		     list->finding[i].detail != CPU_DETAIL_EXCLUDED))
			continue;
		cpu_explain(&list->finding[i], policy, e);
		snprintf(err->text + n, sizeof(err->text) - n, "%s%s: %s. %s", n ? "\n  " : "", name,
			 e->what, e->why);
		err->code = FERRY_X_NO;
	}
	free(e);
}

int cpu_hosts_take(const struct cpu_policy *policy, const struct cpu_host *h, u32 n, struct error *err)
{
	struct cpu_check_work *w = xcalloc(1, sizeof(*w));
	const struct cpu_check_options opt = { 0 };
	u32 i, c;

	cpu_view_init(&w->guest, policy);
	for (i = 0; i < n; i++)
		for (c = 0; c < h[i].nr; c++) {
			cpu_view_init(&w->host, &h[i].cpu[c]);
			cpu_check(&w->guest, &w->host, &opt, &w->list);
			add_reasons(&w->list, policy, h[i].name, err);
		}
	free(w);
	return err->code;
}

int cpu_same_demands(const struct cpu_host *h, u32 n, struct error *err)
{
	const struct cpu_host *first = NULL;
	char a[13], b[13];
	u32 i;

	for (i = 0; i < n; i++) {
		enum cpu_vendor v, w;

		if (!h[i].demands_vendor || !h[i].nr)
			continue;
		if (!first)
			first = &h[i];
		v = cpu_policy_vendor(&first->cpu[0]);
		w = cpu_policy_vendor(&h[i].cpu[0]);
		if (v == w || (cpu_vendor_is_amd_like(v) && cpu_vendor_is_amd_like(w)))
			continue;
		cpu_policy_vendor_string(&first->cpu[0], a);
		cpu_policy_vendor_string(&h[i].cpu[0], b);
		return fail(err, FERRY_X_NO,
			    "%s demands a CPU of %s, %s one of %s: say --identity artificial, or whose, "
			    "for a policy over both vendors", first->name, a, h[i].name, b);
	}
	return 0;
}

/* What single features are said to be, given to a CPU; @has is what the host can do, or NULL. */
static int apply_features(struct cpu_policy *p, const struct cpu_host *h, const struct cpu_policy *has,
			  struct error *err)
{
	struct cpu_set set, host;
	unsigned int i;

	cpu_set_get(p, &set);
	if (has)
		cpu_set_get(has, &host);
	for (i = 0; i < CPU_NR_WORDS; i++) {
		u32 optional = h->features[CPU_OPTIONAL].w[i];

		set.w[i] |= h->features[CPU_FORCE].w[i] | h->features[CPU_REQUIRE].w[i];
		set.w[i] &= ~(h->features[CPU_DISABLE].w[i] | h->features[CPU_FORBID].w[i]);
		if (has)
			set.w[i] = (set.w[i] & ~optional) | (host.w[i] & optional);
		else
			set.w[i] |= optional;
	}
	if (cpu_policy_set_features(p, &set))
		return fail(err, FERRY_X_BAD_FILE, "%s: too many features for one CPU", h->name);
	/* Forced is forced, even where what it depends on is missing. */
	for (i = 0; i < CPU_NR_WORDS; i++)
		set.w[i] |= h->features[CPU_FORCE].w[i];
	if (cpu_set_apply(p, &set))
		return fail(err, FERRY_X_BAD_FILE, "%s: too many features for one CPU", h->name);
	return 0;
}

int cpu_resolve(struct cpu_policy *out, const struct cpu_host *policy, const struct cpu_host *host,
		struct error *err)
{
	struct cpu_policy *has = NULL;
	struct cpu_exclusion x;
	struct cpu_set set;
	unsigned int i;
	int ret = 0;

	if (host) {
		has = xcalloc(1, sizeof(*has));
		ret = cpu_resolve_host(has, host, err);
	}
	switch (ret ? -1 : (int)policy->mode) {
	case CPU_MODE_DATA:
	case CPU_MODE_CUSTOM:
		ret = cpu_resolve_host(out, policy, err);
		break;
	case CPU_MODE_HOST_MODEL:
	case CPU_MODE_PASSTHROUGH:
		if (!has) {
			ret = fail(err, FERRY_X_USAGE,
				   "%s: its mode is the host's CPU, so a host is needed (--host DUMP)",
				   policy->name);
			break;
		}
		*out = *has;
		if (policy->mode == CPU_MODE_HOST_MODEL) {
			/* What Ferry would not show anyway does not bind the guest to this host. */
			cpu_set_get(out, &set);
			for (i = 0; i < CPU_NR_WORDS; i++)
				set.w[i] &= cpu_virtualised.w[i] | cpu_emulated.w[i];
			if (cpu_policy_set_features(out, &set))
				ret = fail(err, FERRY_X_BAD_FILE, "%s: too many leaves", host->name);
		}
		break;
	}
	if (!ret)
		ret = apply_features(out, policy, has, err);
	for (i = 0; !ret && policy->excluded &&
		    cpu_exclusion_get(policy->excluded->leaf, policy->excluded->nr_leaves, i, &x);
	     i += CPU_EXCLUDED_STEP)
		if (cpu_exclusion_add(out, &x))
			ret = fail(err, FERRY_X_BAD_FILE, "%s: too many leaves", policy->name);
	free(has);
	return ret;
}
