// SPDX-License-Identifier: GPL-2.0-only
/*
 * ferry cpu compare, check, explain: two descriptions, held against each other.
 *
 * Owns: nothing. Locks: none.
 */
#include <stdarg.h>
#include <stdlib.h>

#include "cpu_print.h"
#include "cpu_resolve.h"
#include "lib/cpu/xsave.h"
#include "seen.h"

/**
 * struct args - what these commands were given
 * @file: the two descriptions, as they were named
 * @json: machine-readable output
 * @flags: CPU_CHECK_*
 * @warn: features whose absence is a warning
 * @gates: what the guest ever enabled
 * @raw_khz: rate of the TSC that it keeps time by, 0 none
 * @seen: both are known
 */
struct args {
	const char *file[2];
	bool json;
	u32 flags;
	struct cpu_set warn;
	struct cpu_gates gates;
	u32 raw_khz;
	bool seen;
};

static int set_json(void *ctx, const char *v, struct error *err)
{
	((struct args *)ctx)->json = true;
	return 0;
}

static int set_nested(void *ctx, const char *v, struct error *err)
{
	((struct args *)ctx)->flags |= CPU_CHECK_NESTED;
	return 0;
}

static int set_notes(void *ctx, const char *v, struct error *err)
{
	((struct args *)ctx)->flags |= CPU_CHECK_NOTES;
	return 0;
}

static int set_warn(void *ctx, const char *v, struct error *err)
{
	const struct cpu_feature *f = cpu_feature_find(v, NULL);

	if (!f)
		return fail(err, FERRY_X_USAGE, "--warn: there is no feature '%s'", v);
	cpu_set_put(&((struct args *)ctx)->warn, f->nr, true);
	return 0;
}

static int set_seen(void *ctx, const char *v, struct error *err)
{
	struct args *a = ctx;

	a->seen = true;
	return seen_read(&a->gates, &a->raw_khz, v, err);
}

static const struct opt check_opts[] = {
	{ "warn", "FEATURE", "its absence is a warning, not a refusal (repeat)", set_warn },
	{ "seen", "FILE", "ferry stat --json of the guest: what it never enabled, and its clock",
	  set_seen },
	{ "nested", NULL, "the guest runs VMs: what VMX and SVM can do counts", set_nested },
	{ "notes", NULL, "harmless differences, and what is emulated", set_notes },
	{ "json", NULL, "machine-readable output", set_json },
	{ NULL },
};

static const struct opt json_opts[] = {
	{ "json", NULL, "machine-readable output", set_json },
	{ NULL },
};

static int leave(int ret, struct error *err, bool json)
{
	return ret == OPTS_HELP ? FERRY_X_OK : report(err, json);
}

static int two_files(const struct usage *u, struct args *a, int argc, char **argv,
		     struct cpu_host h[2], struct error *err)
{
	int nr, ret = opts_parse(u, a, argc, argv, a->file, 2, &nr, err);

	if (ret)
		return ret;
	if (nr < 2)
		return fail(err, FERRY_X_USAGE, "two descriptions are needed: ferry %s %s", u->command,
			    u->args);
	ret = cpu_host_read(&h[0], a->file[0], err);
	return ret ? ret : cpu_host_read(&h[1], a->file[1], err);
}

/* ------------------------------------------------------------------ check */

/* Features the policy forbids and the host has: the guest must not run there. */
static void add_forbidden(struct cpu_findings *list, const struct cpu_host *policy,
			  const struct cpu_policy *guest, const struct cpu_policy *host)
{
	unsigned int i;

	for (i = 0; i < cpu_nr_features; i++) {
		unsigned int nr = cpu_features[i].nr;
		const struct cpu_word *w = &cpu_words[nr / 32];
		struct cpu_finding f = {
			.leaf = w->index,
			.subleaf = w->sub,
			.reg = w->source == CPU_SOURCE_MSR ? CPU_FINDING_MSR : w->reg,
			.bit = nr % 32 + (w->source == CPU_SOURCE_MSR && w->reg == CPU_EDX ? 32 : 0),
			.severity = CPU_REFUSE,
			.cause = CPU_CAUSE_POLICY,
			.detail = CPU_DETAIL_FORBIDDEN,
			.guest = cpu_word_get(guest, nr / 32, NULL),
			.host = cpu_word_get(host, nr / 32, NULL),
		};

		if (cpu_set_has(&policy->features[CPU_FORBID], nr) && cpu_policy_has(host, nr))
			cpu_findings_add(list, &f);
	}
}

/* @guest is what @policy stands for there. A guest's vCPUs run on any logical CPU of a host: it must fit all of them. */
static int judge(const struct cpu_host *policy, const struct cpu_host *host, const struct args *a,
		 struct cpu_policy *guest, struct cpu_findings *all, struct error *err)
{
	const struct cpu_check_options opt = {
		.flags = a->flags,
		.clocks.raw_khz = a->raw_khz,
		.warn = &a->warn,
		.gates = a->seen ? &a->gates : NULL,
	};
	struct cpu_check_work *w = xcalloc(1, sizeof(*w));
	u32 c, i;
	int ret = cpu_resolve(guest, policy, host, err);

	cpu_findings_init(all);
	if (!ret && !host->nr)
		ret = fail(err, FERRY_X_BAD_FILE,
			   "%s: tells of no CPU of its own; a host's dump is needed", host->name);
	if (!ret && (!cpu_policy_find(guest, 0, 0) || !cpu_policy_find(guest, 1, 0)))
		ret = fail(err, FERRY_X_BAD_FILE, "%s: without leaves 0 and 1 it is no CPU",
			   policy->name);
	for (c = 0; c < host->nr && !ret; c++) {
		if (!cpu_policy_find(&host->cpu[c], 0, 0) || !cpu_policy_find(&host->cpu[c], 1, 0)) {
			ret = fail(err, FERRY_X_BAD_FILE, "%s: without leaves 0 and 1 it is no CPU",
				   host->name);
			break;
		}
		cpu_view_init(&w->guest, guest);
		cpu_view_init(&w->host, &host->cpu[c]);
		/* What the policy forces is shown whatever the host has. */
		for (i = 0; i < CPU_NR_WORDS; i++)
			w->guest.set.w[i] &= ~policy->features[CPU_FORCE].w[i];
		cpu_check(&w->guest, &w->host, &opt, &w->list);
		add_forbidden(&w->list, policy, guest, &host->cpu[c]);
		cpu_findings_merge(all, &w->list);
	}
	free(w);
	return ret;
}

static int verdict_code(const struct cpu_findings *list)
{
	switch (cpu_findings_verdict(list)) {
	case CPU_CHECK_OK:
		return FERRY_X_OK;
	case CPU_CHECK_WARN:
		return FERRY_X_WARNINGS;
	default:
		return FERRY_X_NO;
	}
}

static const char *verdict_word(int code)
{
	return code == FERRY_X_OK ? "yes" : code == FERRY_X_WARNINGS ? "yes, with warnings" : "no";
}

static void print_party(const char *who, const char *identity, const struct cpu_host *h)
{
	char head[12];

	snprintf(head, sizeof(head), "%-8s", who);
	cpu_print_text(stdout, head, identity);
	printf("        %s%s%s\n", h->name, *h->model ? ", model " : "", h->model);
}

static void print_way_out(const struct args *a, const char *feature)
{
	char *guest = shell_word(a->file[0]), *host = shell_word(a->file[1]);

	printf("A CPU that both can show, for the guest's next start:\n"
	       "  ferry cpu baseline %s \\\n    %s -o POLICY\n"
	       "  ferry run --policy POLICY ...\n"
	       "Or accept by name what you know to be harmless: --warn %s\n", guest, host, feature);
	free(guest);
	free(host);
}

/* The first feature among the reasons, as an example. */
static const char *first_feature(const struct cpu_findings *list)
{
	static char name[CPU_NAME_MAX] = "FEATURE";
	u32 i;

	for (i = list->nr; i--;) {
		unsigned int nr = cpu_finding_feature(&list->finding[i]);

		if (nr != CPU_F_NONE)
			cpu_feature_name(cpu_feature(nr), CPU_NAMES_FERRY, name);
	}
	return name;
}

/* Has it been through cpu_effective()? */
static bool in_force(const struct cpu_host *h)
{
	return h->nr && (cpu_policy_settings(&h->cpu[0]).flags & CPU_POLICY_EFFECTIVE);
}

static int check(int argc, char **argv, bool words)
{
	static const struct usage usages[2] = {
		{ "cpu check", "POLICY DUMP",
		  "Can this host take this guest? Ends with 0 for yes, 2 for yes with warnings, 3 for "
		  "no.", check_opts, NULL },
		{ "cpu explain", "POLICY DUMP",
		  "Says why a host can or cannot take a guest, and what to do. Ends as check does.",
		  check_opts, NULL },
	};
	struct cpu_findings *list = xcalloc(1, sizeof(*list));
	struct cpu_policy *policy = xcalloc(1, sizeof(*policy));
	struct cpu_host h[2] = { 0 };
	struct error err = { 0 };
	struct args a = { 0 };
	char guest[200], host[200];
	int code, ret = two_files(&usages[words], &a, argc, argv, h, &err);

	if (!ret)
		ret = judge(&h[0], &h[1], &a, policy, list, &err);
	if (ret) {
		code = leave(ret, &err, a.json);
		goto out;
	}
	code = verdict_code(list);
	if (a.json) {
		json_object *o = json_object_new_object();

		json_object_object_add(o, "policy", json_str_new(h[0].name));
		json_object_object_add(o, "host", json_str_new(h[1].name));
		json_object_object_add(o, "verdict", json_str_new(verdict_word(code)));
		json_object_object_add(o, "exit", json_object_new_int(code));
		json_object_object_add(o, "total", json_object_new_int(list->total));
		json_object_object_add(o, "summary", cpu_summary_json(list));
		json_object_object_add(o, "findings", cpu_findings_json(list, policy));
		json_object_object_add(o, "notes", cpu_notes_json(&h[1]));
		print_json(stdout, o);
		json_object_put(o);
		goto out;
	}
	cpu_print_notes(&h[0]);
	cpu_print_notes(&h[1]);
	printf("%s: %u reason%s against it, %u warning%s\n", verdict_word(code), list->refusals,
	       list->refusals == 1 ? "" : "s", list->warnings, list->warnings == 1 ? "" : "s");
	if (words) {
		if (h[0].nr)
			cpu_identity_text(&h[0].cpu[0], guest, sizeof(guest));
		else
			snprintf(guest, sizeof(guest), "the host's CPU");
		cpu_identity_text(&h[1].cpu[0], host, sizeof(host));
		print_party("guest", guest, &h[0]);
		print_party("host", host, &h[1]);
		if (list->nr) {
			printf("\nIN SHORT\n");
			cpu_print_summary(stdout, list, in_force(&h[0]));
		}
		if (list->nr)
			printf("\nONE BY ONE\n");
		cpu_explain_findings(stdout, list, policy);
		if (code == FERRY_X_NO)
			print_way_out(&a, first_feature(list));
	} else {
		cpu_print_findings(stdout, list, policy);
	}
out:
	cpu_host_free(&h[0]);
	cpu_host_free(&h[1]);
	free(policy);
	free(list);
	return code;
}

int cpu_cmd_check(int argc, char **argv)
{
	return check(argc, argv, false);
}

int cpu_cmd_explain(int argc, char **argv)
{
	return check(argc, argv, true);
}

/* ------------------------------------------------------------------ compare */

enum relation {
	IDENTICAL,
	SUPERSET,
	SUBSET,
	INCOMPATIBLE,
};

static const char *const relation_names[] = { "identical", "superset", "subset", "incompatible" };

/**
 * struct difference - what A and B differ in
 * @only_a: features
 * @only_b: features
 * @text: other differences, each a line
 * @nr: how many
 * @a_less: A is narrower somewhere
 * @b_less: B is narrower somewhere
 * @apart: they cannot be ordered at all
 */
struct difference {
	struct cpu_set only_a;
	struct cpu_set only_b;
	char *text[80];
	unsigned int nr;
	bool a_less;
	bool b_less;
	bool apart;
};

__printf(2, 3) static void differ(struct difference *d, const char *fmt, ...)
{
	va_list ap;

	if (d->nr == ARRAY_SIZE(d->text))
		return;
	va_start(ap, fmt);
	if (vasprintf(&d->text[d->nr], fmt, ap) >= 0)
		d->nr++;
	va_end(ap);
}

static void compare_other(struct difference *d, const struct cpu_policy *a,
			  const struct cpu_policy *b)
{
	char va[13], vb[13];
	unsigned int wa, wb, i;
	u64 both = (cpu_xsave_xcr0(a) | cpu_xsave_xss(a)) & (cpu_xsave_xcr0(b) | cpu_xsave_xss(b));

	cpu_policy_vendor_string(a, va);
	cpu_policy_vendor_string(b, vb);
	if (strcmp(va, vb) && *va && *vb) {
		differ(d, "vendor: %s and %s", va, vb);
		d->apart = true;
	}
	if (cpu_policy_find(a, 0x80000008, 0) && cpu_policy_find(b, 0x80000008, 0) &&
	    !cpu_policy_hides_widths(a) && !cpu_policy_hides_widths(b)) {
		wa = cpu_policy_phys_bits(a);
		wb = cpu_policy_phys_bits(b);
		if (wa != wb) {
			differ(d, "physical address width: %u and %u bits", wa, wb);
			d->a_less |= wa < wb;
			d->b_less |= wb < wa;
		}
		wa = cpu_policy_lin_bits(a);
		wb = cpu_policy_lin_bits(b);
		if (wa != wb) {
			differ(d, "linear address width: %u and %u bits", wa, wb);
			d->a_less |= wa < wb;
			d->b_less |= wb < wa;
		}
	}
	for (i = 2; i < 63; i++) {
		struct cpu_xstate x, y;

		if (!(both >> i & 1) || !cpu_xsave_component(a, i, &x) ||
		    !cpu_xsave_component(b, i, &y))
			continue;
		if (x.size != y.size || x.offset != y.offset) {
			differ(d, "XSAVE component %u: %u bytes at 0x%x and %u bytes at 0x%x", i, x.size,
			       x.offset, y.size, y.offset);
			d->apart = true;
		}
	}
}

static enum relation compare(struct difference *d, const struct cpu_host *ha,
			     const struct cpu_host *hb, const struct cpu_policy *a,
			     const struct cpu_policy *b)
{
	bool more_a = false, more_b = false;
	struct cpu_view *va = xcalloc(1, sizeof(*va)), *vb = xcalloc(1, sizeof(*vb));
	unsigned int i;

	cpu_view_init(va, a);
	cpu_view_init(vb, b);
	for (i = 0; i < CPU_NR_WORDS; i++) {
		u32 dynamic = cpu_rule_bits[CPU_POOL_DYNAMIC][i];
		/* B may say of features that it takes them either way. */
		u32 either = hb->features[CPU_FORCE].w[i] | hb->features[CPU_OPTIONAL].w[i] |
			     hb->features[CPU_DISABLE].w[i];
		u32 x = va->set.w[i] & ~dynamic, y = vb->set.w[i] & ~dynamic;

		d->only_a.w[i] = x & ~y & ~either;
		d->only_b.w[i] = y & ~x & ~either;
		more_a |= d->only_a.w[i];
		more_b |= d->only_b.w[i];
		if (va->set.w[i] & hb->features[CPU_FORBID].w[i]) {
			differ(d, "A has what B forbids");
			d->apart = true;
		}
	}
	free(va);
	free(vb);
	compare_other(d, a, b);
	more_a |= d->b_less;
	more_b |= d->a_less;
	if (more_a && hb->match == CPU_MATCH_STRICT)
		d->apart = true;
	if (d->apart || (more_a && more_b))
		return INCOMPATIBLE;
	return more_a ? SUPERSET : more_b ? SUBSET : IDENTICAL;
}

int cpu_cmd_compare(int argc, char **argv)
{
	static const struct usage usage = {
		"cpu compare", "A B",
		"Is A identical to B, a superset, a subset, or incompatible? Shows every difference. "
		"Ends with 0 for identical and superset, 2 for subset, 3 for incompatible.",
		json_opts, NULL
	};
	struct cpu_policy *p = xcalloc(2, sizeof(*p));
	struct difference *d = xcalloc(1, sizeof(*d));
	struct cpu_host h[2] = { 0 };
	struct error err = { 0 };
	struct args a = { 0 };
	enum relation r;
	unsigned int i;
	int code, ret = two_files(&usage, &a, argc, argv, h, &err);

	if (!ret)
		ret = cpu_resolve(&p[0], &h[0], NULL, &err);
	if (!ret)
		ret = cpu_resolve(&p[1], &h[1], &h[0], &err);
	if (ret) {
		code = leave(ret, &err, a.json);
		goto out;
	}
	r = compare(d, &h[0], &h[1], &p[0], &p[1]);
	code = r == INCOMPATIBLE ? FERRY_X_NO : r == SUBSET ? FERRY_X_WARNINGS : FERRY_X_OK;
	if (a.json) {
		json_object *o = json_object_new_object(), *list = json_object_new_array();

		json_object_object_add(o, "a", json_str_new(h[0].name));
		json_object_object_add(o, "b", json_str_new(h[1].name));
		json_object_object_add(o, "result", json_str_new(relation_names[r]));
		json_object_object_add(o, "only_in_a", cpu_set_json(&d->only_a));
		json_object_object_add(o, "only_in_b", cpu_set_json(&d->only_b));
		for (i = 0; i < d->nr; i++)
			json_object_array_add(list, json_str_new(d->text[i]));
		json_object_object_add(o, "other", list);
		print_json(stdout, o);
		json_object_put(o);
	} else {
		printf("%s\n", relation_names[r]);
		if (cpu_set_count(&d->only_a)) {
			printf("only in %s:\n", h[0].name);
			cpu_print_set(stdout, 2, &d->only_a);
		}
		if (cpu_set_count(&d->only_b)) {
			printf("only in %s:\n", h[1].name);
			cpu_print_set(stdout, 2, &d->only_b);
		}
		for (i = 0; i < d->nr; i++)
			printf("%s\n", d->text[i]);
	}
out:
	for (i = 0; i < d->nr; i++)
		free(d->text[i]);
	cpu_host_free(&h[0]);
	cpu_host_free(&h[1]);
	free(d);
	free(p);
	return code;
}
