// SPDX-License-Identifier: GPL-2.0-only
/*
 * ferry cpu dump, show, features, xsave: one description, looked at.
 *
 * Owns: nothing. Locks: none.
 */
#include <stdlib.h>

#include "cpu_print.h"
#include "lib/cpu/exclude.h"
#include "lib/cpu/explain.h"
#include "lib/cpu/vuln.h"
#include "lib/cpu/xsave.h"
#include "policy.h"

/**
 * struct args - options of these commands
 * @json: machine-readable output
 * @all: every logical CPU
 * @output: file to write to, or NULL
 * @naming: whose names
 */
struct args {
	bool json;
	bool all;
	const char *output;
	enum cpu_naming naming;
};

static int set_json(void *ctx, const char *v, struct error *err)
{
	((struct args *)ctx)->json = true;
	return 0;
}

static int set_all(void *ctx, const char *v, struct error *err)
{
	((struct args *)ctx)->all = true;
	return 0;
}

static int set_output(void *ctx, const char *v, struct error *err)
{
	((struct args *)ctx)->output = v;
	return 0;
}

static int set_names(void *ctx, const char *v, struct error *err)
{
	static const char *const words[] = { "ferry", "linux", "libvirt" };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcmp(v, words[i])) {
			((struct args *)ctx)->naming = i;
			return 0;
		}
	return fail(err, FERRY_X_USAGE, "--names takes ferry, linux or libvirt, not '%s'", v);
}

static const struct opt json_opts[] = {
	{ "json", NULL, "machine-readable output", set_json },
	{ NULL },
};

static int one_file(const struct usage *u, struct args *a, int argc, char **argv, struct cpu_host *h,
		    struct error *err)
{
	const char *pos[1];
	int nr, ret = opts_parse(u, a, argc, argv, pos, 1, &nr, err);

	if (ret)
		return ret;
	if (!nr)
		return fail(err, FERRY_X_USAGE, "which description? ferry %s %s", u->command, u->args);
	ret = cpu_host_read(h, pos[0], err);
	if (ret)
		return ret;
	if (!h->nr) {
		ret = fail(err, FERRY_X_BAD_FILE,
			   "%s: tells of no CPU of its own: its mode is the host's CPU; see "
			   "'ferry cpu effective --host'", h->name);
		cpu_host_free(h);
	}
	return ret;
}

/* Help was asked for, or something failed. */
static int leave(int ret, struct error *err, bool json)
{
	return ret == OPTS_HELP ? FERRY_X_OK : report(err, json);
}

/* ------------------------------------------------------------------ dump */

static void write_text(FILE *f, const struct cpu_host *h)
{
	char text[200], vendor[13];
	u32 c, i;

	cpu_identity_text(&h->cpu[0], text, sizeof(text));
	cpu_policy_vendor_string(&h->cpu[0], vendor);
	fprintf(f, "# name: %s\n# vendor: %s\n", text, vendor);
	fprintf(f, "# logical-cpus: %u\n# kinds: %u\n", h->logical, h->nr);
	fprintf(f, "# format: LEAF SUBLEAF EAX EBX ECX EDX (hex)%s\n",
		h->nr_raw ? "" : "; one CPU of each kind, APIC ids left out");
	fprintf(f, "# until: end\n");
	for (c = 0; c < (h->nr_raw ?: h->nr); c++) {
		const struct cpu_policy *p = h->nr_raw ? &h->raw[c] : &h->cpu[c];

		if (h->nr > 1 || h->nr_raw)
			fprintf(f, "# cpu: %u\n", h->nr_raw ? h->raw_cpu[c] : h->first[c]);
		for (i = 0; i < p->nr_leaves; i++)
			fprintf(f, "%08x %08x %08x %08x %08x %08x\n", p->leaf[i].leaf,
				p->leaf[i].subleaf, p->leaf[i].reg[0], p->leaf[i].reg[1],
				p->leaf[i].reg[2], p->leaf[i].reg[3]);
		for (i = 0; i < p->nr_msrs; i++)
			fprintf(f, "# msr: %08x %016llx\n", p->msr[i].index,
				(unsigned long long)p->msr[i].value);
	}
	fprintf(f, "# end\n");
}

static json_object *host_json(const struct cpu_host *h)
{
	json_object *o = json_object_new_object(), *cpus = json_object_new_array();
	char text[200];
	u32 c;

	cpu_identity_text(&h->cpu[0], text, sizeof(text));
	json_object_object_add(o, "ferry_cpu", json_object_new_int(CPU_JSON_VERSION));
	json_object_object_add(o, "name", json_str_new(text));
	json_object_object_add(o, "logical_cpus", json_object_new_int(h->logical));
	for (c = 0; c < (h->nr_raw ?: h->nr); c++) {
		json_object *cpu = policy_to_json(h->nr_raw ? &h->raw[c] : &h->cpu[c]);

		json_object_object_add(cpu, "cpu",
				       json_object_new_int(h->nr_raw ? h->raw_cpu[c] : h->first[c]));
		json_object_object_add(cpu, "count", json_object_new_int(h->nr_raw ? 1 : h->count[c]));
		json_object_array_add(cpus, cpu);
	}
	json_object_object_add(o, "cpus", cpus);
	return o;
}

/* Say where logical CPUs of one machine differ: guests may run on any of them. */
static void tell_differences(const struct cpu_host *h)
{
	u32 c, i, r;

	for (c = 1; c < h->nr; c++) {
		fprintf(stderr, "note: CPU %u (and %u like it) differs from CPU %u:\n", h->first[c],
			h->count[c] - 1, h->first[0]);
		for (i = 0; i < h->cpu[c].nr_leaves; i++) {
			const struct cpu_leaf *l = &h->cpu[c].leaf[i];

			for (r = 0; r < 4; r++) {
				u32 other = cpu_policy_reg(&h->cpu[0], l->leaf, l->subleaf, r);

				if (other != l->reg[r])
					fprintf(stderr, "  leaf 0x%x.%u %s: 0x%08x, not 0x%08x\n",
						l->leaf, l->subleaf,
						(const char *const[]){ "EAX", "EBX", "ECX", "EDX" }[r],
						l->reg[r], other);
			}
		}
	}
}

int cpu_cmd_dump(int argc, char **argv)
{
	static const struct opt opts[] = {
		{ "all-cpus", NULL, "each logical CPU for itself, not one of each kind", set_all },
		{ "output", "FILE", "write there (also -o)", set_output },
		{ NULL },
	};
	static const struct usage usage = {
		"cpu dump", "",
		"Describes this host's CPUs: CPUID and, where they may be read, feature MSRs. Every "
		"logical CPU is asked; those that differ are reported.",
		opts, json_opts
	};
	struct error err = { 0 };
	struct args a = { 0 };
	struct cpu_host h = { 0 };
	char *text = NULL;
	size_t len = 0;
	int nr, ret = opts_parse(&usage, &a, argc, argv, NULL, 0, &nr, &err);
	FILE *f;

	if (!ret)
		ret = cpu_host_live(&h, a.all, &err);
	if (ret)
		return leave(ret, &err, a.json);
	cpu_print_notes(&h);
	tell_differences(&h);
	if (a.json) {
		json_object *o = host_json(&h);

		ret = cpu_write_json(a.output, o, &err);
		json_object_put(o);
	} else if (!a.output || !strcmp(a.output, "-")) {
		write_text(stdout, &h);
	} else {
		f = open_memstream(&text, &len);
		write_text(f, &h);
		fclose(f);
		ret = write_file_durably(a.output, text, len, &err);
		free(text);
	}
	cpu_host_free(&h);
	return ret ? report(&err, a.json) : FERRY_X_OK;
}

/* ------------------------------------------------------------------ show */

static void show_caches(const struct cpu_policy *p)
{
	static const char *const types[] = { "", "data", "instruction", "unified" };
	u32 leaf = cpu_policy_find(p, 4, 0) ? 4 : 0x8000001d, i;
	bool any = false;

	for (i = 0; i < 16; i++) {
		const struct cpu_leaf *l = cpu_policy_find(p, leaf, i);
		u32 type = l ? l->reg[CPU_EAX] & 0x1f : 0;
		u64 size;

		if (!type)
			break;
		size = (u64)((l->reg[CPU_EBX] >> 22) + 1) * ((l->reg[CPU_EBX] >> 12 & 0x3ff) + 1) *
		       ((l->reg[CPU_EBX] & 0xfff) + 1) * ((u64)l->reg[CPU_ECX] + 1);
		printf("%s L%u %s %llu KiB, %u ways, %u-byte lines\n", any ? "              " : "caches        ",
		       l->reg[CPU_EAX] >> 5 & 7, type < 4 ? types[type] : "?",
		       (unsigned long long)(size >> 10), (l->reg[CPU_EBX] >> 22) + 1,
		       (l->reg[CPU_EBX] & 0xfff) + 1);
		any = true;
	}
}

static void show_topology(const struct cpu_policy *p)
{
	u32 leaf = cpu_policy_reg(p, 0x1f, 0, CPU_EBX) ? 0x1f : 0xb, i;
	char text[600] = "";

	if (!cpu_policy_reg(p, leaf, 0, CPU_EBX)) {
		u32 n = cpu_policy_reg(p, 1, 0, CPU_EBX) >> 16 & 0xff;

		if (n)
			printf("topology       up to %u logical CPUs in a package\n", n);
		return;
	}
	for (i = 0; i < 8; i++) {
		static const char *const levels[] = { "", "threads", "cores", "modules", "tiles", "dies",
						      "die groups" };
		u32 type = cpu_policy_reg(p, leaf, i, CPU_ECX) >> 8 & 0xff;

		if (!type)
			break;
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			 "%s%s: %u logical CPUs, APIC id shift %u", i ? "; " : "",
			 type < ARRAY_SIZE(levels) ? levels[type] : "level",
			 cpu_policy_reg(p, leaf, i, CPU_EBX) & 0xffff,
			 cpu_policy_reg(p, leaf, i, CPU_EAX) & 0x1f);
	}
	cpu_print_text(stdout, "topology       ", text);
}

static void show_xsave(const struct cpu_policy *p)
{
	u64 all = cpu_xsave_xcr0(p) | cpu_xsave_xss(p);
	unsigned int i;

	if (!all)
		return;
	printf("xsave          XCR0 0x%llx, XSS 0x%llx, %u bytes\n",
	       (unsigned long long)cpu_xsave_xcr0(p), (unsigned long long)cpu_xsave_xss(p),
	       cpu_policy_reg(p, 0xd, 0, CPU_ECX));
	for (i = 2; i < 63; i++) {
		struct cpu_xstate x;

		if ((all >> i & 1) && cpu_xsave_component(p, i, &x))
			printf("               %2u %-22s %5u bytes at 0x%x%s%s\n", i,
			       cpu_xstate_name(i), x.size, x.offset,
			       x.flags & XSTATE_F_SUPERVISOR ? ", supervisor" : "",
			       x.flags & XSTATE_F_ALIGN64 ? ", aligned" : "");
	}
}

static void show_excluded(const struct cpu_policy *p)
{
	struct cpu_exclusion x;
	char text[200];
	u32 at;

	for (at = 0; cpu_exclusion_get(p->leaf, p->nr_leaves, at, &x); at += CPU_EXCLUDED_STEP) {
		u32 b = x.reg[CPU_EBX];

		snprintf(text, sizeof(text), "%s family %u model %u to %u stepping %u to %u microcode 0x%x to 0x%x: %s",
			 cpu_vendor_name(x.reg[CPU_EAX] & 0xff), x.reg[CPU_EAX] >> 8, b & 0xff, b >> 8 & 0xff,
			 b >> 16 & 0xf, b >> 20 & 0xf, x.reg[CPU_ECX], x.reg[CPU_EDX], x.reason);
		cpu_print_text(stdout, "excludes       ", text);
	}
}

static void show_one(const struct cpu_policy *p)
{
	struct cpu_view *v = xcalloc(1, sizeof(*v));
	struct cpu_settings s = cpu_policy_settings(p);
	char text[200], vulns[400] = "";
	unsigned int i;
	u32 mask;

	cpu_view_init(v, p);
	cpu_identity_text(p, text, sizeof(text));
	cpu_print_text(stdout, "identity       ", text);
	if (cpu_policy_hides_widths(p))
		printf("widths         not told\n");
	else if (cpu_policy_find(p, 0x80000008, 0))
		printf("widths         %u bits physical, %u linear\n", v->phys_bits, v->lin_bits);
	show_topology(p);
	show_caches(p);
	show_xsave(p);
	mask = cpu_vulns(v, false);
	for (i = 0; i < CPU_NR_VULNS; i++)
		if (mask >> i & 1)
			snprintf(vulns + strlen(vulns), sizeof(vulns) - strlen(vulns), "%s%s",
				 *vulns ? " " : "", cpu_vulnerabilities[i].name);
	cpu_print_text(stdout, "affected by    ", *vulns ? vulns : "nothing known");
	if (s.flags & CPU_POLICY_CROSS_VENDOR)
		printf("policy         made for hosts of more than one vendor\n");
	show_excluded(p);
	printf("features       %u:\n", cpu_set_count(&v->set));
	cpu_set_get(p, &v->set);
	cpu_print_set(stdout, 2, &v->set);
	free(v);
}

static json_object *one_json(const struct cpu_policy *p)
{
	struct cpu_view *v = xcalloc(1, sizeof(*v));
	json_object *o = json_object_new_object(), *list = json_object_new_array();
	char vendor[13], brand[49];
	unsigned int i;
	u32 mask;

	cpu_view_init(v, p);
	cpu_policy_vendor_string(p, vendor);
	cpu_policy_brand_string(p, brand);
	json_object_object_add(o, "vendor", json_str_new(vendor));
	json_object_object_add(o, "brand", json_str_new(brand));
	json_object_object_add(o, "family", json_object_new_int(v->sig.family));
	json_object_object_add(o, "model", json_object_new_int(v->sig.model));
	json_object_object_add(o, "stepping", json_object_new_int(v->sig.stepping));
	if (!cpu_policy_hides_widths(p)) {
		json_object_object_add(o, "physical_bits", json_object_new_int(v->phys_bits));
		json_object_object_add(o, "linear_bits", json_object_new_int(v->lin_bits));
	}
	json_object_object_add(o, "xcr0", json_hex(v->xcr0));
	json_object_object_add(o, "xss", json_hex(v->xss));
	mask = cpu_vulns(v, false);
	for (i = 0; i < CPU_NR_VULNS; i++)
		if (mask >> i & 1)
			json_object_array_add(list, json_str_new(cpu_vulnerabilities[i].name));
	json_object_object_add(o, "affected_by", list);
	cpu_set_get(p, &v->set);
	json_object_object_add(o, "features", cpu_set_json(&v->set));
	free(v);
	return o;
}

int cpu_cmd_show(int argc, char **argv)
{
	static const struct usage usage = { "cpu show", "DUMP",
					    "Decodes a description: identity, features by name, "
					    "widths, XSAVE, cache, topology.",
					    json_opts, NULL };
	struct error err = { 0 };
	struct args a = { 0 };
	struct cpu_host h = { 0 };
	int ret = one_file(&usage, &a, argc, argv, &h, &err);
	u32 c;

	if (ret)
		return leave(ret, &err, a.json);
	if (a.json) {
		json_object *o = json_object_new_object(), *cpus = json_object_new_array();

		json_object_object_add(o, "file", json_str_new(h.name));
		json_object_object_add(o, "format", json_str_new(h.format));
		json_object_object_add(o, "logical_cpus", json_object_new_int(h.logical));
		for (c = 0; c < h.nr; c++)
			json_object_array_add(cpus, one_json(&h.cpu[c]));
		json_object_object_add(o, "cpus", cpus);
		json_object_object_add(o, "notes", cpu_notes_json(&h));
		print_json(stdout, o);
		json_object_put(o);
	} else {
		cpu_print_notes(&h);
		printf("format         %s%s%s\n", h.format, *h.model ? ", model " : "", h.model);
		for (c = 0; c < h.nr; c++) {
			if (h.nr > 1)
				printf("%scpu            %u (%u logical CPUs)\n", c ? "\n" : "",
				       h.first[c], h.count[c]);
			show_one(&h.cpu[c]);
		}
	}
	cpu_host_free(&h);
	return FERRY_X_OK;
}

/* ------------------------------------------------------------------ features */

/*
 * libvirt leaves HLE and RTM out on Haswell CPUs whose TSX is broken (erratum HSD136 and kin); of
 * Haswell servers stepping 4 is sound.
 */
static bool libvirt_drops_tsx(const struct cpu_policy *p)
{
	struct cpu_signature s = cpu_policy_signature(p);

	if (cpu_policy_vendor(p) != CPU_VENDOR_INTEL || s.family != 6)
		return false;
	return s.model == 60 || s.model == 69 || s.model == 70 ||
	       (s.model == 63 && s.stepping < 4);
}

int cpu_cmd_features(int argc, char **argv)
{
	static const struct opt opts[] = {
		{ "names", "WHOSE", "ferry (default), linux (/proc/cpuinfo) or libvirt", set_names },
		{ NULL },
	};
	static const struct usage usage = { "cpu features", "DUMP",
					    "Prints the names of features, one a line, sorted. Of "
					    "several kinds of CPU in one host: what all have.",
					    opts, json_opts };
	struct error err = { 0 };
	struct args a = { 0 };
	struct cpu_host h = { 0 };
	struct cpu_set set, one;
	unsigned int n, i;
	char **names;
	int ret = one_file(&usage, &a, argc, argv, &h, &err);
	u32 c, w;

	if (ret)
		return leave(ret, &err, a.json);
	cpu_set_get(&h.cpu[0], &set);
	for (c = 1; c < h.nr; c++) {
		cpu_set_get(&h.cpu[c], &one);
		for (w = 0; w < CPU_NR_WORDS; w++)
			set.w[w] &= one.w[w];
	}
	if (a.naming == CPU_NAMES_LIBVIRT && libvirt_drops_tsx(&h.cpu[0])) {
		cpu_set_put(&set, CPU_F_HLE, false);
		cpu_set_put(&set, CPU_F_RTM, false);
	}
	names = cpu_set_names(&set, a.naming, &n);
	if (a.json) {
		json_object *list = json_object_new_array();

		for (i = 0; i < n; i++)
			json_object_array_add(list, json_str_new(names[i]));
		print_json(stdout, list);
		json_object_put(list);
	} else {
		for (i = 0; i < n; i++)
			puts(names[i]);
	}
	cpu_names_free(names, n);
	cpu_host_free(&h);
	return FERRY_X_OK;
}

/* ------------------------------------------------------------------ xsave */

static json_object *row_json(const char *what, u64 dump, u64 ours, bool same)
{
	json_object *o = json_object_new_object();

	json_object_object_add(o, "what", json_str_new(what));
	json_object_object_add(o, "dump", json_hex(dump));
	json_object_object_add(o, "recomputed", json_hex(ours));
	json_object_object_add(o, "equal", json_object_new_boolean(same));
	return o;
}

int cpu_cmd_xsave(int argc, char **argv)
{
	static const struct usage usage = { "cpu xsave", "DUMP",
					    "Recomputes leaf 0xD from its components and shows it "
					    "beside the dump's. Ends with 2 where they differ.",
					    json_opts, NULL };
	struct error err = { 0 };
	struct args a = { 0 };
	struct cpu_host h = { 0 };
	json_object *rows = json_object_new_array();
	const struct cpu_policy *p;
	bool same, all_same = true;
	u64 xcr0, xss, dump, ours;
	int ret = one_file(&usage, &a, argc, argv, &h, &err);

	if (!ret && !cpu_policy_has(&h.cpu[0], CPU_F_XSAVE) && !cpu_policy_find(&h.cpu[0], 0xd, 0)) {
		if (a.json)
			print_json(stdout, rows);
		else
			printf("%s: this CPU has no XSAVE\n", h.name);
		cpu_host_free(&h);
		json_object_put(rows);
		return FERRY_X_OK;
	}
	if (!ret && !cpu_policy_find(&h.cpu[0], 0xd, 0))
		ret = fail(&err, FERRY_X_BAD_FILE, "%s: has no leaf 0xd", h.name);
	if (ret) {
		cpu_host_free(&h);
		json_object_put(rows);
		return leave(ret, &err, a.json);
	}
	p = &h.cpu[0];
	xcr0 = cpu_xsave_xcr0(p);
	xss = cpu_xsave_xss(p);
	if (!a.json) {
		show_xsave(p);
		printf("%-34s %10s %10s\n", "", "dump", "recomputed");
	}
	dump = cpu_policy_reg(p, 0xd, 0, CPU_ECX);
	ours = cpu_xsave_size(p, xcr0);
	all_same &= same = dump == ours;
	json_object_array_add(rows, row_json("0xd.0.ecx", dump, ours, same));
	if (!a.json)
		printf("%-34s %10llu %10llu%s\n", "largest area (0xD.0 ECX)",
		       (unsigned long long)dump, (unsigned long long)ours, same ? "" : "  differs");
	/* The size in use depends on what the dumping system had enabled: it must be one of ours. */
	dump = cpu_policy_reg(p, 0xd, 0, CPU_EBX);
	ours = cpu_xsave_size(p, xcr0);
	if (dump && dump != ours) {
		u64 mask, tried = 0;

		/* Some subset of XCR0 that the CPU would let an OS enable. */
		for (mask = xcr0; mask; mask = (mask - 1) & xcr0) {
			if (++tried > 1 << 16)
				break;
			if (cpu_xsave_xcr0_valid(p, mask) && cpu_xsave_size(p, mask) == dump) {
				ours = dump;
				break;
			}
		}
	}
	same = !dump || dump == ours;
	all_same &= same;
	json_object_array_add(rows, row_json("0xd.0.ebx", dump, ours, same));
	if (!a.json)
		printf("%-34s %10llu %10llu%s\n", "area in use (0xD.0 EBX)",
		       (unsigned long long)dump, (unsigned long long)ours, same ? "" : "  differs");
	ours = cpu_xsave_compact_size(p, xcr0 | xss);
	json_object_array_add(rows, row_json("compacted, all components",
					     cpu_policy_reg(p, 0xd, 1, CPU_EBX), ours, true));
	if (!a.json)
		printf("%-34s %10u %10llu\n", "compacted (0xD.1 EBX: as in use)",
		       cpu_policy_reg(p, 0xd, 1, CPU_EBX), (unsigned long long)ours);
	if (a.json) {
		json_object *o = json_object_new_object();

		json_object_object_add(o, "xcr0", json_hex(xcr0));
		json_object_object_add(o, "xss", json_hex(xss));
		json_object_object_add(o, "rows", json_object_get(rows));
		json_object_object_add(o, "equal", json_object_new_boolean(all_same));
		print_json(stdout, o);
		json_object_put(o);
	} else {
		cpu_print_notes(&h);
	}
	json_object_put(rows);
	cpu_host_free(&h);
	return all_same ? FERRY_X_OK : FERRY_X_WARNINGS;
}
