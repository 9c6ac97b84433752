// SPDX-License-Identifier: GPL-2.0-only
/*
 * ferry cpu effective, mask, model, models: policies made of policies.
 *
 * Owns: nothing. Locks: none.
 */
#include <stdlib.h>

#include "cpu_data.h"
#include "cpu_model.h"
#include "cpu_print.h"
#include "cpu_resolve.h"
#include "lib/cpu/default.h"
#include "lib/cpu/mask.h"
#include "lib/cpu/virt.h"

/**
 * struct args - options of these commands
 * @json: machine-readable output
 * @output: file to write the policy to, or NULL
 * @host: description of a host, or NULL
 * @cores: cores of the VM
 * @threads: threads of each core
 * @def: default mask: a file or a guest's name
 * @override: file of an override mask, or NULL
 * @compare: description of a destination, or NULL
 * @edit: features added and taken away
 */
struct args {
	bool json;
	const char *output;
	const char *host;
	u64 cores;
	u64 threads;
	const char *def;
	const char *override;
	const char *compare;
	struct cpu_host edit;
};

static int set_json(void *ctx, const char *v, struct error *err)
{
	((struct args *)ctx)->json = true;
	return 0;
}

static int set_output(void *ctx, const char *v, struct error *err)
{
	((struct args *)ctx)->output = v;
	return 0;
}

static int set_host(void *ctx, const char *v, struct error *err)
{
	((struct args *)ctx)->host = v;
	return 0;
}

static int set_number(const char *name, const char *v, u64 *out, struct error *err)
{
	if (!parse_u64(v, 1, 1024, out))
		return fail(err, FERRY_X_USAGE, "--%s takes a number from 1 to 1024, not '%s'", name, v);
	return 0;
}

static int set_cores(void *ctx, const char *v, struct error *err)
{
	return set_number("cores", v, &((struct args *)ctx)->cores, err);
}

static int set_threads(void *ctx, const char *v, struct error *err)
{
	return set_number("threads", v, &((struct args *)ctx)->threads, err);
}

static int set_def(void *ctx, const char *v, struct error *err)
{
	((struct args *)ctx)->def = v;
	return 0;
}

static int set_override(void *ctx, const char *v, struct error *err)
{
	((struct args *)ctx)->override = v;
	return 0;
}

static int set_compare(void *ctx, const char *v, struct error *err)
{
	((struct args *)ctx)->compare = v;
	return 0;
}

static int edit_feature(void *ctx, const char *v, enum cpu_feature_policy how, struct error *err)
{
	const struct cpu_feature *f = cpu_feature_find(v, NULL);

	if (!f)
		return fail(err, FERRY_X_USAGE, "there is no feature '%s'", v);
	cpu_host_set_feature(&((struct args *)ctx)->edit, f->nr, how);
	return 0;
}

static int set_plus(void *ctx, const char *v, struct error *err)
{
	return edit_feature(ctx, v, CPU_REQUIRE, err);
}

static int set_minus(void *ctx, const char *v, struct error *err)
{
	return edit_feature(ctx, v, CPU_DISABLE, err);
}

static const struct opt json_opts[] = {
	{ "json", NULL, "machine-readable output", set_json },
	{ NULL },
};

static int leave(int ret, struct error *err, bool json)
{
	return ret == OPTS_HELP ? FERRY_X_OK : report(err, json);
}

/* A policy for the terminal: what it is and its features. */
static void print_policy(const struct cpu_policy *p)
{
	struct cpu_set set;
	char text[200];

	cpu_identity_text(p, text, sizeof(text));
	cpu_set_get(p, &set);
	cpu_print_text(stdout, "identity       ", text);
	if (cpu_policy_hides_widths(p))
		printf("widths         not told\n");
	else if (cpu_policy_find(p, 0x80000008, 0))
		printf("widths         %u bits physical, %u linear\n", cpu_policy_phys_bits(p),
		       cpu_policy_lin_bits(p));
	if (cpu_policy_find(p, 0xd, 0))
		printf("xsave          XCR0 0x%llx, %u bytes\n",
		       (unsigned long long)cpu_xsave_xcr0(p), cpu_policy_reg(p, 0xd, 0, CPU_ECX));
	printf("features       %u:\n", cpu_set_count(&set));
	cpu_print_set(stdout, 2, &set);
}

static int write_policy(const struct args *a, const struct cpu_policy *p, const char *name,
			struct error *err)
{
	json_object *o;
	int ret;

	if (!a->output)
		return 0;
	o = cpu_policy_file(p, name);
	ret = cpu_write_json(a->output, o, err);
	json_object_put(o);
	return ret;
}

/* ------------------------------------------------------------------ effective */

static void print_hidden(const struct cpu_effective_work *w)
{
	struct cpu_set hidden, added;
	unsigned int i, kind;
	bool any;

	for (i = 0; i < CPU_NR_WORDS; i++) {
		hidden.w[i] = w->before.w[i] & ~w->after.w[i] & ~cpu_rule_bits[CPU_POOL_DYNAMIC][i];
		added.w[i] = w->after.w[i] & ~w->before.w[i];
	}
	printf("added by Ferry on every host:\n");
	cpu_print_set(stdout, 2, &added);
	for (kind = 0; kind < CPU_NR_HIDDEN; kind++) {
		static const char *const texts[CPU_NR_HIDDEN] = {
			[CPU_HIDDEN_FACT] = "hidden facts, nothing to use",
			[CPU_HIDDEN_CR4] = "hidden and blocked: the CR4 bit is refused",
			[CPU_HIDDEN_EFER] = "hidden and blocked: the EFER bit is refused",
			[CPU_HIDDEN_XCR0] = "hidden and blocked: the XCR0 bit is refused",
			[CPU_HIDDEN_MSR] = "hidden and blocked: the MSRs are intercepted",
			[CPU_HIDDEN_TRAP] = "hidden and blocked: the instructions are intercepted",
			[CPU_HIDDEN_LEAKY] = "hidden, but they work for those who do not ask CPUID",
			[CPU_HIDDEN_SILENT] = "hidden, and silently different where missing",
		};
		struct cpu_set s = { 0 };

		any = false;
		for (i = 0; i < cpu_nr_features; i++)
			if (cpu_set_has(&hidden, cpu_features[i].nr) &&
			    cpu_features[i].hidden == kind) {
				cpu_set_put(&s, cpu_features[i].nr, true);
				any = true;
			}
		if (!any)
			continue;
		printf("%s:\n", texts[kind]);
		cpu_print_set(stdout, 2, &s);
	}
}

int cpu_cmd_effective(int argc, char **argv)
{
	static const struct opt opts[] = {
		{ "host", "DUMP", "where it will run: fills what the policy leaves open", set_host },
		{ "cores", "N", "cores of the VM (1)", set_cores },
		{ "threads", "N", "threads of each core, a power of two (1)", set_threads },
		{ "output", "FILE", "write the policy there (also -o)", set_output },
		{ NULL },
	};
	static const struct usage usage = {
		"cpu effective", "POLICY",
		"What a guest with this policy will see: what Ferry virtualises, and what it emulates on "
		"every host.", opts, json_opts
	};
	struct cpu_effective_work *w = xcalloc(1, sizeof(*w));
	struct cpu_policy *p = xcalloc(3, sizeof(*p));
	struct args a = { .cores = 1, .threads = 1 };
	struct cpu_host policy = { 0 }, host = { 0 };
	struct cpu_default_params params = { 0 };
	struct error err = { 0 };
	const char *pos[1];
	int nr, ret = opts_parse(&usage, &a, argc, argv, pos, 1, &nr, &err);

	if (!ret && !nr)
		ret = fail(&err, FERRY_X_USAGE, "which policy? ferry cpu effective POLICY");
	if (!ret)
		ret = cpu_host_read(&policy, pos[0], &err);
	if (!ret && a.host) {
		ret = cpu_host_read(&host, a.host, &err);
		if (!ret)
			ret = cpu_resolve_host(&p[2], &host, &err);
	}
	if (!ret)
		ret = cpu_resolve(&p[0], &policy, a.host ? &host : NULL, &err);
	if (!ret) {
		params.topology.cores = a.cores;
		params.topology.threads = a.threads;
		params.flags = CPU_DEFAULT_KVMCLOCK;
		switch (cpu_effective(&p[1], &p[0], a.host ? &p[2] : NULL, &params, w)) {
		case 0:
			break;
		case -ENODATA:
			ret = fail(&err, FERRY_X_USAGE,
				   "%s: made of names, it does not tell how XSAVE lays out registers: name "
				   "a host (--host DUMP)", policy.name);
			break;
		default:
			ret = fail(&err, FERRY_X_USAGE,
				   "%s: no policy can be made of it with %llu cores of %llu threads",
				   policy.name, (unsigned long long)a.cores,
				   (unsigned long long)a.threads);
		}
	}
	if (!ret)
		ret = write_policy(&a, &p[1], policy.name, &err);
	if (ret) {
		ret = leave(ret, &err, a.json);
	} else if (a.json && !a.output) {
		json_object *o = cpu_policy_file(&p[1], policy.name);

		print_json(stdout, o);
		json_object_put(o);
	} else {
		cpu_print_notes(&policy);
		print_policy(&p[1]);
		print_hidden(w);
	}
	cpu_host_free(&policy);
	cpu_host_free(&host);
	free(p);
	free(w);
	return ret;
}

/* ------------------------------------------------------------------ mask */

/* A mask from a file, or the default of a guest by its name. */
static int read_mask(struct cpu_mask *m, const char *name, bool override, struct error *err)
{
	static const struct {
		const char *name;
		const char *text;
	} own[] = {
		{ "linux", cpu_data_mask_linux },
		{ "windows", cpu_data_mask_windows },
		{ "other", cpu_data_mask_other },
	};
	struct cpu_mask_error where;
	char *text = NULL;
	unsigned int i;
	int ret = 0;

	for (i = 0; i < ARRAY_SIZE(own) && !override; i++)
		if (!strcmp(name, own[i].name))
			text = xstrdup(own[i].text);
	if (!text)
		text = read_text(name, 1 << 20, "mask", err);
	if (!text)
		return err->code;
	if (cpu_mask_parse(m, text, strlen(text), override, &where))
		ret = fail(err, FERRY_X_BAD_FILE, "%s: line %u, column %u: %s", name, where.line,
			   where.column, where.what);
	free(text);
	return ret;
}

int cpu_cmd_mask(int argc, char **argv)
{
	static const struct opt opts[] = {
		{ "default", "FILE", "default mask: a file, or linux, windows, other", set_def },
		{ "override", "FILE", "override mask of the VM", set_override },
		{ "compare", "DUMP", "may a VM with this mask move to that host?", set_compare },
		{ "output", "FILE", "write the resulting policy there (also -o)", set_output },
		{ NULL },
	};
	static const struct usage usage = {
		"cpu mask", "POLICY",
		"Shows the final mask (the default overridden) and the CPU a guest sees through it. Ends "
		"with 3 when the mask demands what the CPU lacks, or a compared bit differs.",
		opts, json_opts
	};
	struct cpu_findings *list = xcalloc(1, sizeof(*list)), *moved = xcalloc(1, sizeof(*moved));
	struct cpu_policy *p = xcalloc(3, sizeof(*p));
	struct cpu_mask *m = xcalloc(3, sizeof(*m));
	struct args a = { .def = "other" };
	struct cpu_host policy = { 0 }, to = { 0 };
	struct error err = { 0 };
	const char *pos[1];
	char *text = NULL;
	int nr, len, code = 0, ret = opts_parse(&usage, &a, argc, argv, pos, 1, &nr, &err);

	cpu_findings_init(list);
	cpu_findings_init(moved);
	if (!ret && !nr)
		ret = fail(&err, FERRY_X_USAGE, "which policy? ferry cpu mask POLICY");
	if (!ret)
		ret = read_mask(&m[0], a.def, false, &err);
	if (!ret && a.override)
		ret = read_mask(&m[1], a.override, true, &err);
	if (!ret)
		ret = cpu_host_read(&policy, pos[0], &err);
	if (!ret)
		ret = cpu_resolve(&p[0], &policy, NULL, &err);
	if (!ret && a.compare) {
		ret = cpu_host_read(&to, a.compare, &err);
		if (!ret)
			ret = cpu_resolve_host(&p[2], &to, &err);
	}
	if (!ret && cpu_mask_merge(&m[2], &m[0], a.override ? &m[1] : NULL))
		ret = fail(&err, FERRY_X_BAD_FILE, "%s: too many registers", a.override);
	if (!ret) {
		p[1] = p[0];
		if (cpu_mask_apply(&p[1], &m[2], list))
			ret = fail(&err, FERRY_X_BAD_FILE, "%s: too many leaves", policy.name);
		if (a.compare)
			cpu_mask_compare(&m[2], &p[0], &p[2], moved);
	}
	if (!ret)
		ret = write_policy(&a, &p[1], policy.name, &err);
	if (ret) {
		code = leave(ret, &err, a.json);
		goto out;
	}
	code = list->total || moved->total ? FERRY_X_NO : FERRY_X_OK;
	len = cpu_mask_print(&m[2], NULL, 0);
	text = xcalloc(1, len + 1);
	cpu_mask_print(&m[2], text, len + 1);
	if (a.json) {
		json_object *o = json_object_new_object();

		json_object_object_add(o, "mask", json_str_new(text));
		json_object_object_add(o, "findings", cpu_findings_json(list, NULL));
		if (a.compare)
			json_object_object_add(o, "compared", cpu_findings_json(moved, NULL));
		json_object_object_add(o, "policy", cpu_policy_file(&p[1], policy.name));
		print_json(stdout, o);
		json_object_put(o);
	} else {
		fputs(text, stdout);
		putchar('\n');
		cpu_print_findings(stdout, list, NULL);
		if (a.compare) {
			printf("compared with %s: %s\n", to.name,
			       moved->total ? "these bits differ" : "no compared bit differs");
			cpu_print_findings(stdout, moved, NULL);
		}
		print_policy(&p[1]);
	}
	free(text);
out:
	cpu_host_free(&policy);
	cpu_host_free(&to);
	free(m);
	free(p);
	free(moved);
	free(list);
	return code;
}

/* ------------------------------------------------------------------ model */

int cpu_cmd_model(int argc, char **argv)
{
	static const struct opt opts[] = {
		{ "plus", "FEATURE", "add it (repeat)", set_plus },
		{ "minus", "FEATURE", "take it away (repeat)", set_minus },
		{ "output", "FILE", "write the policy there (also -o)", set_output },
		{ NULL },
	};
	static const struct usage usage = {
		"cpu model", "NAME",
		"The policy of a named model or level, with features added and taken away, and all that "
		"depends on them.", opts, json_opts
	};
	struct cpu_policy *p = xcalloc(1, sizeof(*p));
	struct cpu_model *m = xcalloc(1, sizeof(*m));
	struct args a = { 0 };
	struct error err = { 0 };
	const char *pos[1];
	int nr, ret = opts_parse(&usage, &a, argc, argv, pos, 1, &nr, &err);

	if (!ret && !nr)
		ret = fail(&err, FERRY_X_USAGE, "which model? 'ferry cpu models' lists them");
	if (!ret)
		ret = cpu_model_find(pos[0], m, &err);
	if (!ret) {
		struct cpu_host *h = &a.edit, base = { 0 };

		base.name = xstrdup(pos[0]);
		base.mode = CPU_MODE_CUSTOM;
		snprintf(base.model, sizeof(base.model), "%s", m->name);
		ret = cpu_host_build(&base, "", NULL, &err);
		h->name = xstrdup(pos[0]);
		if (!ret) {
			memcpy(base.features, h->features, sizeof(base.features));
			ret = cpu_resolve(p, &base, NULL, &err);
		}
		cpu_host_free(&base);
		cpu_host_free(h);
	}
	if (!ret)
		ret = write_policy(&a, p, pos[0], &err);
	if (ret) {
		ret = leave(ret, &err, a.json);
	} else if (a.json && !a.output) {
		json_object *o = cpu_policy_file(p, pos[0]);

		print_json(stdout, o);
		json_object_put(o);
	} else {
		printf("model          %s%s%s\nsource         %s\n", m->name, *m->alias ? ", also " : "",
		       m->alias, m->source);
		print_policy(p);
	}
	free(m);
	free(p);
	return ret;
}

int cpu_cmd_models(int argc, char **argv)
{
	static const struct usage usage = { "cpu models", "",
					    "The levels and models the tool carries. Where libvirt is "
					    "installed, its CPU map is asked for others.",
					    json_opts, NULL };
	struct args a = { 0 };
	struct error err = { 0 };
	const struct cpu_model *m;
	json_object *list = NULL;
	unsigned int i;
	int nr, ret = opts_parse(&usage, &a, argc, argv, NULL, 0, &nr, &err);

	if (ret)
		return leave(ret, &err, a.json);
	if (a.json)
		list = json_object_new_array();
	for (i = 0; (m = cpu_model_get(i)); i++) {
		if (a.json) {
			json_object *o = json_object_new_object();

			json_object_object_add(o, "name", json_str_new(m->name));
			json_object_object_add(o, "alias", json_str_new(m->alias));
			json_object_object_add(o, "vendor", json_str_new(m->vendor));
			json_object_object_add(o, "source", json_str_new(m->source));
			json_object_object_add(o, "features", cpu_set_json(&m->set));
			json_object_array_add(list, o);
		} else {
			printf("%-28s %-6s %3u features  %.36s\n", m->name,
			       *m->vendor ? m->vendor : "any", cpu_set_count(&m->set), m->source);
		}
	}
	if (a.json) {
		print_json(stdout, list);
		json_object_put(list);
	}
	return FERRY_X_OK;
}
