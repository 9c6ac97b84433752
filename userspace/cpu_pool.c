// SPDX-License-Identifier: GPL-2.0-only
/*
 * ferry cpu baseline, advise: what a pool of hosts can do together, and what it would take to do more.
 *
 * Owns: nothing. Locks: none.
 */
#include <stdlib.h>

#include "cpu_exclude.h"
#include "cpu_model.h"
#include "cpu_print.h"
#include "cpu_resolve.h"
#include "lib/cpu/combine.h"
#include "lib/cpu/derive.h"
#include "lib/cpu/vuln.h"
#include "lib/cpu/xsave.h"

/**
 * struct pool - the hosts, read
 * @host: descriptions
 * @cpu: one CPU for each
 * @member: pointers to them
 * @n: how many
 */
struct pool {
	struct cpu_host host[CPU_MAX_FILES];
	struct cpu_policy *cpu;
	const struct cpu_policy **member;
	u32 n;
};

/**
 * struct args - options of these commands
 * @json: machine-readable output
 * @output: file to write the policy to, or NULL
 * @identity: "auto", "artificial" or one of the descriptions
 * @caches: enum cpu_caches
 * @join: a host that might join
 * @leave: one that might leave
 * @strict: mitigations left off are an error
 * @syscall: enum cpu_syscall_mode
 * @raw_tsc: enum cpu_raw_tsc_mode
 * @tsc_khz: rate of the TSC that the policy promises, 0 none
 * @phys_bits: physical address width, 0 the pool's
 * @edit: features hidden from the guest
 * @excluded: CPUs that the pool excludes
 */
struct args {
	bool json;
	const char *output;
	const char *identity;
	enum cpu_caches caches;
	const char *join;
	const char *leave;
	bool strict;
	enum cpu_syscall_mode syscall;
	enum cpu_raw_tsc_mode raw_tsc;
	u64 tsc_khz;
	u64 phys_bits;
	struct cpu_host edit;
	struct cpu_policy excluded;
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

static int set_identity(void *ctx, const char *v, struct error *err)
{
	((struct args *)ctx)->identity = v;
	return 0;
}

static int set_join(void *ctx, const char *v, struct error *err)
{
	((struct args *)ctx)->join = v;
	return 0;
}

static int set_leave(void *ctx, const char *v, struct error *err)
{
	((struct args *)ctx)->leave = v;
	return 0;
}

static int set_strict(void *ctx, const char *v, struct error *err)
{
	((struct args *)ctx)->strict = true;
	return 0;
}

static int set_minus(void *ctx, const char *v, struct error *err)
{
	const struct cpu_feature *f = cpu_feature_find(v, NULL);

	if (!f)
		return fail(err, FERRY_X_USAGE, "--minus: there is no feature '%s'", v);
	cpu_host_set_feature(&((struct args *)ctx)->edit, f->nr, CPU_DISABLE);
	return 0;
}

static int set_exclude(void *ctx, const char *v, struct error *err)
{
	return cpu_exclude_option(&((struct args *)ctx)->excluded, v, err);
}

static int set_word(const char *option, const char *v, const char *const *words, unsigned int n,
		    unsigned int *out, struct error *err)
{
	char list[100] = "";

	for (*out = 0; *out < n; ++*out) {
		if (!strcmp(v, words[*out]))
			return 0;
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s", *out ? ", " : "",
			 words[*out]);
	}
	return fail(err, FERRY_X_USAGE, "--%s takes one of %s, not '%s'", option, list, v);
}

static int set_caches(void *ctx, const char *v, struct error *err)
{
	static const char *const words[] = { "common", "smallest", "pass" };
	unsigned int i = 0;
	int ret = set_word("cache", v, words, ARRAY_SIZE(words), &i, err);

	((struct args *)ctx)->caches = i;
	return ret;
}

static int set_syscall(void *ctx, const char *v, struct error *err)
{
	static const char *const words[] = { "emulate", "ignore", "refuse", "hide" };
	unsigned int i = 0;
	int ret = set_word("syscall", v, words, ARRAY_SIZE(words), &i, err);

	((struct args *)ctx)->syscall = i;
	return ret;
}

static int set_raw_tsc(void *ctx, const char *v, struct error *err)
{
	static const char *const words[] = { "warn", "ignore", "refuse" };
	unsigned int i = 0;
	int ret = set_word("raw-tsc", v, words, ARRAY_SIZE(words), &i, err);

	((struct args *)ctx)->raw_tsc = i;
	return ret;
}

static int set_tsc(void *ctx, const char *v, struct error *err)
{
	if (!parse_u64(v, 100000, 10000000, &((struct args *)ctx)->tsc_khz))
		return fail(err, FERRY_X_USAGE, "--tsc-khz takes a rate in kHz, like 2600000, not '%s'", v);
	return 0;
}

static int set_phys(void *ctx, const char *v, struct error *err)
{
	if (!parse_u64(v, 36, CPU_PHYS_BITS_MAX, &((struct args *)ctx)->phys_bits))
		return fail(err, FERRY_X_USAGE, "--phys-bits takes a width from 36 to %u, not '%s'",
			    CPU_PHYS_BITS_MAX, v);
	return 0;
}

static const struct opt json_opts[] = {
	{ "json", NULL, "machine-readable output", set_json },
	{ NULL },
};

static int leave(int ret, struct error *err, bool json)
{
	return ret == OPTS_HELP ? FERRY_X_OK : report(err, json);
}

/* ------------------------------------------------------------------ reading */

static void pool_free(struct pool *pool)
{
	u32 i;

	for (i = 0; i < pool->n; i++)
		cpu_host_free(&pool->host[i]);
	free(pool->member);
	free(pool->cpu);
	free(pool);
}

static void point_members(struct pool *pool)
{
	u32 i;

	pool->member = xrealloc(pool->member, (pool->n + 1) * sizeof(*pool->member));
	for (i = 0; i < pool->n; i++)
		pool->member[i] = &pool->cpu[i];
}

/* A host that cannot be read fails the pool: leaving it out would promise what it cannot keep. */
static int pool_add(struct pool *pool, const char *path, struct error *err)
{
	int ret = cpu_host_read(&pool->host[pool->n], path, err);

	if (ret)
		return ret;
	pool->n++;
	pool->cpu = xrealloc(pool->cpu, pool->n * sizeof(*pool->cpu));
	ret = cpu_resolve(&pool->cpu[pool->n - 1], &pool->host[pool->n - 1], NULL, err);
	point_members(pool);
	return ret;
}

static int pool_read(struct pool *pool, const char *const *path, int nr, struct error *err)
{
	int i, ret = 0;

	for (i = 0; i < nr && !ret; i++)
		ret = pool_add(pool, path[i], err);
	return ret;
}

static int combine(const struct pool *pool, const struct cpu_policy *const *member, u32 n,
		   const struct cpu_combine_options *opt, struct cpu_policy *out, struct error *err)
{
	static const char *const texts[] = {
		[CPU_COMBINE_NO_MEMBERS] = "no host is left",
		[CPU_COMBINE_NO_LEAVES] = "without leaves 0 and 1 it is no CPU",
		[CPU_COMBINE_NARROW] = "its physical addresses are narrower than any CPU's",
		[CPU_COMBINE_FULL] = "the result has more leaves than a policy holds",
	};
	struct cpu_combine_scratch *s = xcalloc(1, sizeof(*s));
	enum cpu_combine_error e;
	u32 culprit = 0, i;
	const char *name = "pool";

	e = cpu_combine(out, member, n, opt, s, &culprit);
	free(s);
	if (e == CPU_COMBINE_OK)
		return 0;
	for (i = 0; i < pool->n; i++)
		if (n && &pool->cpu[i] == member[culprit])
			name = pool->host[i].name;
	return fail(err, FERRY_X_BAD_FILE, "%s: %s", name, texts[e]);
}

/* ------------------------------------------------------------------ baseline */

static void vuln_words(u32 mask, char *out, size_t size)
{
	unsigned int i;

	*out = 0;
	for (i = 0; i < CPU_NR_VULNS; i++)
		if (mask >> i & 1)
			snprintf(out + strlen(out), size - strlen(out), "%s%s", *out ? " " : "",
				 cpu_vulnerabilities[i].name);
}

static json_object *vuln_json(u32 mask)
{
	json_object *list = json_object_new_array();
	unsigned int i;

	for (i = 0; i < CPU_NR_VULNS; i++)
		if (mask >> i & 1)
			json_object_array_add(list, json_str_new(cpu_vulnerabilities[i].name));
	return list;
}

/* Features that every host has and the pool lost all the same: to layout and dependencies. */
static void lost_to_layout(const struct pool *pool, const struct cpu_policy *base,
			   struct cpu_set *lost)
{
	struct cpu_view *v = xcalloc(1, sizeof(*v));
	u32 i, w;

	memset(lost, 0xff, sizeof(*lost));
	for (i = 0; i < pool->n; i++) {
		cpu_view_init(v, pool->member[i]);
		for (w = 0; w < CPU_NR_WORDS; w++)
			lost->w[w] &= v->set.w[w];
	}
	cpu_view_init(v, base);
	for (w = 0; w < CPU_NR_WORDS; w++)
		lost->w[w] &= ~v->set.w[w] & ~cpu_rule_bits[CPU_POOL_TABLE][w];
	free(v);
}

static json_object *pool_json(const struct pool *pool, const struct cpu_policy *base)
{
	struct cpu_combine_scratch *s = xcalloc(1, sizeof(*s));
	json_object *o = json_object_new_object(), *hosts = json_object_new_array();
	struct cpu_set lost, alone;
	char text[200];
	u32 i;

	for (i = 0; i < pool->n; i++) {
		json_object *h = json_object_new_object();

		cpu_combine_cost(pool->member, pool->n, i, base, &lost, &alone, s);
		cpu_identity_text(pool->member[i], text, sizeof(text));
		json_object_object_add(h, "file", json_str_new(pool->host[i].name));
		json_object_object_add(h, "identity", json_str_new(text));
		json_object_object_add(h, "costs", cpu_set_json(&lost));
		json_object_object_add(h, "costs_alone", cpu_set_json(&alone));
		json_object_object_add(h, "notes", cpu_notes_json(&pool->host[i]));
		json_object_array_add(hosts, h);
	}
	lost_to_layout(pool, base, &lost);
	json_object_object_add(o, "hosts", hosts);
	json_object_object_add(o, "lost_to_layout", cpu_set_json(&lost));
	json_object_object_add(o, "unmitigated", vuln_json(cpu_policy_settings(base).accepted));
	free(s);
	return o;
}

static void print_pool(const struct pool *pool, const struct cpu_policy *base)
{
	struct cpu_combine_scratch *s = xcalloc(1, sizeof(*s));
	struct cpu_settings settings = cpu_policy_settings(base);
	struct cpu_set set, lost, alone;
	char text[300];
	u32 i;

	cpu_identity_text(base, text, sizeof(text));
	cpu_set_get(base, &set);
	cpu_print_text(stdout, "identity       ", text);
	if (cpu_policy_hides_widths(base))
		printf("widths         not told\n");
	else if (cpu_policy_find(base, 0x80000008, 0))
		printf("widths         %u bits physical, %u linear\n", cpu_policy_phys_bits(base),
		       cpu_policy_lin_bits(base));
	if (cpu_policy_find(base, 0xd, 0))
		printf("xsave          XCR0 0x%llx, %u bytes\n",
		       (unsigned long long)cpu_xsave_xcr0(base),
		       cpu_policy_reg(base, 0xd, 0, CPU_ECX));
	printf("features       %u:\n", cpu_set_count(&set));
	cpu_print_set(stdout, 2, &set);
	vuln_words(settings.accepted, text, sizeof(text));
	if (settings.accepted)
		cpu_print_text(stdout, "unmitigated    ", text);
	if (settings.accepted)
		printf("               no identity covers these on every host: a guest leaves them open\n");
	for (i = 0; i < pool->n; i++) {
		cpu_combine_cost(pool->member, pool->n, i, base, &lost, &alone, s);
		printf("%s costs the pool %u features", pool->host[i].name, cpu_set_count(&lost));
		if (cpu_set_count(&alone)) {
			printf(", alone:\n");
			cpu_print_set(stdout, 2, &alone);
		} else {
			putchar('\n');
		}
	}
	lost_to_layout(pool, base, &lost);
	if (cpu_set_count(&lost)) {
		printf("every host has these, but not alike (state layout, line sizes):\n");
		cpu_print_set(stdout, 2, &lost);
	}
	free(s);
}

/* The member whose identity was asked for by its file. */
static int find_identity(const struct pool *pool, const struct args *a,
			 struct cpu_combine_options *opt, struct error *err)
{
	u32 i;

	if (!a->identity || !strcmp(a->identity, "auto"))
		return 0;
	if (!strcmp(a->identity, "artificial")) {
		opt->identity = CPU_IDENTITY_ARTIFICIAL;
		return 0;
	}
	for (i = 0; i < pool->n; i++)
		if (!strcmp(a->identity, pool->host[i].name) ||
		    (!strcmp(a->identity, "first") && !i)) {
			opt->identity = CPU_IDENTITY_MEMBER;
			opt->identity_of = i;
			return 0;
		}
	return fail(err, FERRY_X_USAGE,
		    "--identity takes auto, artificial, first or one of the descriptions, not '%s'",
		    a->identity);
}

/* Take features away, and what depends on them. */
static int hide(struct cpu_policy *p, const struct cpu_host *edit, struct error *err)
{
	struct cpu_set set;
	unsigned int i;

	cpu_set_get(p, &set);
	for (i = 0; i < CPU_NR_WORDS; i++)
		set.w[i] &= ~edit->features[CPU_DISABLE].w[i];
	if (cpu_policy_set_features(p, &set))
		return fail(err, FERRY_X_BAD_FILE, "the result has more leaves than a policy holds");
	return 0;
}

/* Widths and rates are axes of their own: narrower than the pool is possible, wider is not. */
static int set_axes(struct cpu_policy *p, const struct args *a, struct error *err)
{
	struct cpu_leaf *l = cpu_policy_find_mut(p, 0x80000008, 0);
	struct cpu_settings s = cpu_policy_settings(p);
	struct cpu_exclusion x;
	u32 at;

	if (a->phys_bits && (!l || cpu_policy_hides_widths(p)))
		return fail(err, FERRY_X_USAGE, "--phys-bits: these hosts do not tell their widths");
	if (a->phys_bits > cpu_policy_phys_bits(p))
		return fail(err, FERRY_X_USAGE, "--phys-bits: the pool has %u bits",
			    cpu_policy_phys_bits(p));
	if (a->phys_bits)
		l->reg[CPU_EAX] = (l->reg[CPU_EAX] & ~0xffu) | a->phys_bits;
	if (a->syscall)
		s.syscall = a->syscall;
	if (a->raw_tsc)
		s.raw_tsc = a->raw_tsc;
	if (a->tsc_khz)
		s.tsc_khz = a->tsc_khz;
	cpu_policy_set_settings(p, &s);
	for (at = 0; cpu_exclusion_get(a->excluded.leaf, a->excluded.nr_leaves, at, &x); at += CPU_EXCLUDED_STEP)
		if (cpu_exclusion_add(p, &x))
			return fail(err, FERRY_X_USAGE, "--exclude: too many, with those of the hosts' own");
	return 0;
}

int cpu_cmd_baseline(int argc, char **argv)
{
	static const struct opt opts[] = {
		{ "identity", "WHOSE", "auto (default), artificial, first or one of the files",
		  set_identity },
		{ "cache", "WHICH", "common (default), smallest or pass: each host's own",
		  set_caches },
		{ "syscall", "HOW", "between vendors: emulate (default), ignore, refuse, hide",
		  set_syscall },
		{ "minus", "FEATURE", "hide it, and what depends on it (repeat)", set_minus },
		{ "exclude", "CPU=WHY", "keep off VENDOR/FAMILY/MODEL[/STEPPING[/MICROCODE]] (repeat)",
		  set_exclude },
		{ "phys-bits", "N", "physical address width, narrower than the pool's", set_phys },
		{ "tsc-khz", "N", "promise a TSC of this rate: shows the invariant TSC", set_tsc },
		{ "raw-tsc", "HOW", "a guest without kvmclock on a TSC of another rate: warn (default), ignore, "
		  "refuse", set_raw_tsc },
		{ "strict", NULL, "end with 3 if a mitigation is left off on some host", set_strict },
		{ "output", "FILE", "write the policy there (also -o)", set_output },
		{ NULL },
	};
	static const struct usage usage = {
		"cpu baseline", "DUMP...",
		"The policy that all of these hosts can honour (silicon only), and what each cost it.",
		opts, json_opts
	};
	struct pool *pool = xcalloc(1, sizeof(*pool));
	struct cpu_policy *base = xcalloc(1, sizeof(*base));
	struct cpu_combine_options opt = { 0 };
	const char **pos = xcalloc(CPU_MAX_FILES, sizeof(*pos));
	struct error err = { 0 };
	struct args a = { 0 };
	u32 i;
	int nr, code = 0, ret = opts_parse(&usage, &a, argc, argv, pos, CPU_MAX_FILES, &nr, &err);

	if (!ret && !nr)
		ret = fail(&err, FERRY_X_USAGE, "which hosts? ferry cpu baseline DUMP...");
	opt.caches = a.caches;
	if (!ret)
		ret = pool_read(pool, pos, nr, &err);
	if (!ret)
		ret = find_identity(pool, &a, &opt, &err);
	if (!ret && opt.identity == CPU_IDENTITY_AUTO)
		ret = cpu_same_demands(pool->host, pool->n, &err);
	if (!ret)
		ret = combine(pool, pool->member, pool->n, &opt, base, &err);
	if (!ret)
		ret = hide(base, &a.edit, &err);
	if (!ret)
		ret = set_axes(base, &a, &err);
	if (!ret)
		ret = cpu_hosts_take(base, pool->host, pool->n, &err);
	if (!ret && a.strict && cpu_policy_settings(base).accepted)
		code = FERRY_X_NO;
	if (!ret && a.output) {
		json_object *o = cpu_policy_file(base, "baseline");

		ret = cpu_write_json(a.output, o, &err);
		json_object_put(o);
	}
	if (ret) {
		code = leave(ret, &err, a.json);
	} else if (a.json) {
		json_object *o = pool_json(pool, base);

		json_object_object_add(o, "policy", cpu_policy_file(base, "baseline"));
		print_json(stdout, o);
		json_object_put(o);
	} else {
		for (i = 0; i < pool->n; i++)
			cpu_print_notes(&pool->host[i]);
		print_pool(pool, base);
	}
	pool_free(pool);
	free(pos);
	free(base);
	return code;
}

/* ------------------------------------------------------------------ advise */

static u32 features_without(const struct pool *pool, u32 skip, struct cpu_policy *out,
			    struct error *err)
{
	const struct cpu_policy **m = xcalloc(pool->n, sizeof(*m));
	struct cpu_combine_options opt = { 0 };
	struct cpu_set set;
	u32 i, n = 0;
	int ret;

	for (i = 0; i < pool->n; i++)
		if (i != skip)
			m[n++] = pool->member[i];
	ret = combine(pool, m, n, &opt, out, err);
	free(m);
	if (ret)
		return 0;
	cpu_set_get(out, &set);
	return cpu_set_count(&set);
}

/* The highest level that a host reaches, as a name for its kind. */
static const struct cpu_model *level_of(const struct cpu_policy *p)
{
	const struct cpu_model *m, *best = NULL;
	char vendor[13];
	struct cpu_set set;
	unsigned int i, w, most = 0;
	bool fits;

	cpu_policy_vendor_string(p, vendor);
	cpu_set_get(p, &set);
	cpu_set_put(&set, CPU_F_SYSCALL, cpu_set_has(&set, CPU_F_LM) || cpu_set_has(&set, CPU_F_SYSCALL));
	cpu_set_put(&set, CPU_F_APIC, true);
	for (i = 0; (m = cpu_model_get(i)); i++) {
		/* Levels come first in the table and have a source of their own. */
		if (!strcmp(m->source, "libvirt's CPU map"))
			break;
		if (*m->vendor && strcmp(cpu_vendor_id(m->vendor), vendor))
			continue;
		for (w = 0, fits = true; w < CPU_NR_WORDS; w++)
			fits &= !(m->set.w[w] & ~set.w[w]);
		if (fits && cpu_set_count(&m->set) + !!*m->vendor > most) {
			most = cpu_set_count(&m->set) + !!*m->vendor;
			best = m;
		}
	}
	return best;
}

/* Which identity leaves what open: for a mixed pool there is no right one. */
static void advise_identity(const struct pool *pool, json_object *o)
{
	struct cpu_policy *base = xcalloc(1, sizeof(*base));
	json_object *list = json_object_new_array();
	struct error err = { 0 };
	char text[300], id[200];
	u32 i;

	if (!o)
		printf("\nidentities, and what a guest with each leaves unmitigated on some host:\n");
	for (i = 0; i <= pool->n; i++) {
		struct cpu_combine_options opt = { .identity = CPU_IDENTITY_MEMBER,
						   .identity_of = i };
		u32 left;

		if (i == pool->n)
			opt.identity = CPU_IDENTITY_ARTIFICIAL;
		if (combine(pool, pool->member, pool->n, &opt, base, &err))
			continue;
		left = cpu_policy_settings(base).accepted;
		cpu_identity_text(base, id, sizeof(id));
		vuln_words(left, text, sizeof(text));
		if (o) {
			json_object *e = json_object_new_object();

			json_object_object_add(e, "identity",
					       json_str_new(i < pool->n ? pool->host[i].name :
									  "artificial"));
			json_object_object_add(e, "unmitigated", vuln_json(left));
			json_object_array_add(list, e);
		} else {
			printf("  %s: %s\n", i < pool->n ? pool->host[i].name : "artificial",
			       *text ? text : "nothing");
		}
	}
	if (o)
		json_object_object_add(o, "identities", list);
	else
		json_object_put(list);
	free(base);
}

/* What the pool's identity leaves open, and the hosts that would have to go for it. */
static void advise_exclude(const struct pool *pool, const struct cpu_policy *base, json_object *o)
{
	struct cpu_view *v = xcalloc(1, sizeof(*v));
	json_object *list = json_object_new_array();
	u32 left = cpu_policy_settings(base).accepted, i, k;

	if (!o && left)
		printf("\nhosts that have what the pool's identity leaves open:\n");
	for (k = 0; k < CPU_NR_VULNS; k++) {
		json_object *files = json_object_new_array(), *e;

		if (!(left >> k & 1)) {
			json_object_put(files);
			continue;
		}
		if (!o)
			printf("  %s:", cpu_vulnerabilities[k].name);
		for (i = 0; i < pool->n; i++) {
			cpu_view_init(v, pool->member[i]);
			if (!cpu_vuln_affects(v, k, false))
				continue;
			json_object_array_add(files, json_str_new(pool->host[i].name));
			if (!o)
				printf(" %s", pool->host[i].name);
		}
		if (!o)
			putchar('\n');
		e = json_object_new_object();
		json_object_object_add(e, "vulnerability", json_str_new(cpu_vulnerabilities[k].name));
		json_object_object_add(e, "hosts", files);
		json_object_array_add(list, e);
	}
	if (o)
		json_object_object_add(o, "exclude", list);
	else
		json_object_put(list);
	free(v);
}

static void advise_what_if(const struct pool *pool, const struct cpu_policy *base, json_object *o)
{
	struct cpu_policy *without = xcalloc(1, sizeof(*without));
	json_object *list = json_object_new_array();
	struct cpu_set have, then;
	struct error err = { 0 };
	u32 i, w;

	cpu_set_get(base, &have);
	if (!o && pool->n > 1)
		printf("\nif one host left:\n");
	for (i = 0; i < pool->n && pool->n > 1; i++) {
		u32 n = features_without(pool, i, without, &err);

		cpu_set_get(without, &then);
		for (w = 0; w < CPU_NR_WORDS; w++)
			then.w[w] &= ~have.w[w];
		if (o) {
			json_object *e = json_object_new_object();

			json_object_object_add(e, "leaves", json_str_new(pool->host[i].name));
			json_object_object_add(e, "gains", cpu_set_json(&then));
			json_object_array_add(list, e);
		} else {
			printf("  without %s: %u features, %u more\n", pool->host[i].name, n,
			       cpu_set_count(&then));
			if (cpu_set_count(&then))
				cpu_print_set(stdout, 4, &then);
		}
	}
	if (o)
		json_object_object_add(o, "if_one_left", list);
	else
		json_object_put(list);
	free(without);
}

static void advise_pools(const struct pool *pool, json_object *o)
{
	json_object *list = json_object_new_array();
	bool *done = xcalloc(pool->n + 1, sizeof(*done));
	u32 i, k;

	if (!o)
		printf("\nsub-pools of hosts that reach the same level:\n");
	for (i = 0; i < pool->n; i++) {
		const struct cpu_model *level = level_of(pool->member[i]);
		json_object *files;

		if (done[i])
			continue;
		files = json_object_new_array();
		if (!o)
			printf("  %s:", level ? level->name : "below every level");
		for (k = i; k < pool->n; k++)
			if (level_of(pool->member[k]) == level) {
				done[k] = true;
				json_object_array_add(files, json_str_new(pool->host[k].name));
				if (!o)
					printf(" %s", pool->host[k].name);
			}
		if (o) {
			json_object *e = json_object_new_object();

			json_object_object_add(e, "level", json_str_new(level ? level->name : ""));
			json_object_object_add(e, "hosts", files);
			json_object_array_add(list, e);
		} else {
			putchar('\n');
			json_object_put(files);
		}
	}
	if (o)
		json_object_object_add(o, "sub_pools", list);
	else
		json_object_put(list);
	free(done);
}

/* Would guests started in the pool as it is still fit, and what would change for new ones? */
static int advise_join(struct pool *pool, const char *path, const struct cpu_policy *base,
		       json_object *o, struct error *err)
{
	struct cpu_check_work *w = xcalloc(1, sizeof(*w));
	const struct cpu_check_options none = { 0 };
	struct cpu_policy *now = xcalloc(1, sizeof(*now));
	struct cpu_combine_options opt = { 0 };
	struct cpu_set before, after;
	int ret = pool_add(pool, path, err);
	u32 i;

	if (!ret)
		ret = combine(pool, pool->member, pool->n, &opt, now, err);
	if (ret)
		goto out;
	cpu_view_init(&w->guest, base);
	cpu_view_init(&w->host, pool->member[pool->n - 1]);
	cpu_check(&w->guest, &w->host, &none, &w->list);
	cpu_set_get(base, &before);
	cpu_set_get(now, &after);
	for (i = 0; i < CPU_NR_WORDS; i++)
		before.w[i] &= ~after.w[i];
	if (o) {
		json_object *e = json_object_new_object();

		json_object_object_add(e, "host", json_str_new(path));
		json_object_object_add(e, "running_guests_fit",
				       json_object_new_boolean(!w->list.refusals));
		json_object_object_add(e, "findings", cpu_findings_json(&w->list, base));
		json_object_object_add(e, "costs", cpu_set_json(&before));
		json_object_object_add(o, "join", e);
	} else {
		printf("\nif %s joined:\n", path);
		printf("  guests with the pool's policy as it is %s move there\n",
		       w->list.refusals ? "could NOT" : "could");
		cpu_print_findings(stdout, &w->list, base);
		printf("  a new baseline would lose %u features\n", cpu_set_count(&before));
		if (cpu_set_count(&before))
			cpu_print_set(stdout, 4, &before);
	}
out:
	free(now);
	free(w);
	return ret;
}

/* Guests of a pool without this host: could they come back? */
static int advise_leave(const struct pool *pool, const char *path, json_object *o,
			struct error *err)
{
	struct cpu_check_work *w = xcalloc(1, sizeof(*w));
	const struct cpu_check_options none = { 0 };
	struct cpu_policy *without = xcalloc(1, sizeof(*without));
	int ret = 0;
	u32 i;

	for (i = 0; i < pool->n && strcmp(pool->host[i].name, path); i++)
		;
	if (i == pool->n) {
		ret = fail(err, FERRY_X_USAGE, "--leave: %s is not one of the hosts", path);
	} else if (pool->n == 1) {
		ret = fail(err, FERRY_X_USAGE, "--leave: no host would be left");
	} else {
		features_without(pool, i, without, err);
		cpu_view_init(&w->guest, without);
		cpu_view_init(&w->host, pool->member[i]);
		cpu_check(&w->guest, &w->host, &none, &w->list);
		if (o) {
			json_object *e = json_object_new_object();

			json_object_object_add(e, "host", json_str_new(path));
			json_object_object_add(e, "new_guests_could_come_back",
					       json_object_new_boolean(!w->list.refusals));
			json_object_object_add(e, "findings", cpu_findings_json(&w->list, without));
			json_object_object_add(o, "leave", e);
		} else {
			printf("\nif %s left:\n  guests started afterwards %s come back to it\n", path,
			       w->list.refusals ? "could NOT" : "could");
			cpu_print_findings(stdout, &w->list, without);
		}
	}
	free(without);
	free(w);
	return ret;
}

int cpu_cmd_advise(int argc, char **argv)
{
	static const struct opt opts[] = {
		{ "join", "DUMP", "what if this host joined?", set_join },
		{ "leave", "DUMP", "what if this one left?", set_leave },
		{ NULL },
	};
	static const struct usage usage = {
		"cpu advise", "DUMP...",
		"Which host costs the pool which features, what would change if one left or joined, and "
		"pools that go together.", opts, json_opts
	};
	struct pool *pool = xcalloc(1, sizeof(*pool));
	struct cpu_policy *base = xcalloc(1, sizeof(*base));
	struct cpu_combine_options opt = { 0 };
	const char **pos = xcalloc(CPU_MAX_FILES, sizeof(*pos));
	struct error err = { 0 };
	struct args a = { 0 };
	json_object *o = NULL;
	int nr, code = 0;
	int ret = opts_parse(&usage, &a, argc, argv, pos, CPU_MAX_FILES - 1, &nr, &err);

	if (!ret && !nr)
		ret = fail(&err, FERRY_X_USAGE, "which hosts? ferry cpu advise DUMP...");
	if (!ret)
		ret = pool_read(pool, pos, nr, &err);
	if (!ret)
		ret = combine(pool, pool->member, pool->n, &opt, base, &err);
	if (!ret) {
		if (a.json)
			o = pool_json(pool, base);
		else
			print_pool(pool, base);
		advise_what_if(pool, base, o);
		advise_pools(pool, o);
		advise_identity(pool, o);
		advise_exclude(pool, base, o);
		if (a.leave)
			ret = advise_leave(pool, a.leave, o, &err);
		if (!ret && a.join)
			ret = advise_join(pool, a.join, base, o, &err);
	}
	if (ret)
		code = leave(ret, &err, a.json);
	else if (o)
		print_json(stdout, o);
	json_object_put(o);
	pool_free(pool);
	free(pos);
	free(base);
	return code;
}
