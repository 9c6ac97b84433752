// SPDX-License-Identifier: GPL-2.0-only
/*
 * libvirt's expectations: names decoded from dumps, baselines, comparisons, guest CPUs, models.
 */
#include <unistd.h>

#include "cpu_data.h"
#include "cpu_model.h"
#include "cpu_print.h"
#include "cpu_resolve.h"
#include "lib/cpu/combine.h"

static json_object *expected;

static json_object *get(json_object *o, const char *key)
{
	json_object *v = NULL;

	json_object_object_get_ex(o, key, &v);
	return v;
}

static void attributes(FILE *f, json_object *o, const char *const *names)
{
	for (; *names; names++) {
		json_object *v = get(o, *names);

		if (v)
			fprintf(f, " %s='%s'", *names, json_object_get_string(v));
	}
}

int read_definition(struct cpu_host *h, json_object *cpu, struct error *err)
{
	static const char *const cpu_attrs[] = { "mode", "match", NULL };
	static const char *const sig_attrs[] = { "family", "model", "stepping", NULL };
	static const char *const feature_attrs[] = { "name", "policy", NULL };
	static const char *const texts[] = { "arch", "model", "vendor", NULL };
	json_object *features = get(cpu, "features"), *v;
	char *text = NULL;
	size_t len, i, n = features ? json_object_array_length(features) : 0;
	FILE *f = open_memstream(&text, &len);
	const char *const *t;
	int ret;

	fprintf(f, "<cpu");
	attributes(f, cpu, cpu_attrs);
	fprintf(f, ">\n");
	for (t = texts; *t; t++)
		if ((v = get(cpu, *t)) && json_object_is_type(v, json_type_string))
			fprintf(f, "<%s>%s</%s>\n", *t, json_object_get_string(v), *t);
	if (get(cpu, "signature")) {
		fprintf(f, "<signature");
		attributes(f, get(cpu, "signature"), sig_attrs);
		fprintf(f, "/>\n");
	}
	for (i = 0; i < n; i++) {
		fprintf(f, "<feature");
		attributes(f, json_object_array_get_idx(features, i), feature_attrs);
		fprintf(f, "/>\n");
	}
	fprintf(f, "</cpu>\n");
	fclose(f);
	ret = cpu_host_parse(h, "definition", text, len, err);
	free(text);
	return ret;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What VMX can do inside a guest comes from libvirt's models, not from its CPUs. */
static bool counts(const char *name)
{
	return strncmp(name, "vmx-", 4) != 0;
}

bool same_names(const struct cpu_policy *p, json_object *names, const char *what, struct family *f)
{
	size_t n = json_object_array_length(names), i, k, w = 0;
	char **want = calloc(n + 1, sizeof(*want)), **have;
	char text[400] = "";
	struct cpu_set set;
	unsigned int m;

	for (i = 0; i < n; i++) {
		const char *s = json_object_get_string(json_object_array_get_idx(names, i));

		if (counts(s))
			want[w++] = (char *)s;
	}
	qsort(want, w, sizeof(*want), by_name);
	cpu_set_get(p, &set);
	have = cpu_set_names(&set, CPU_NAMES_LIBVIRT, &m);
	for (i = k = 0; (i < w || k < m) && strlen(text) < 300;) {
		int c;

		if (k < m && !counts(have[k])) {
			k++;
			continue;
		}
		c = i == w ? 1 : k == m ? -1 : strcmp(want[i], have[k]);
		if (c < 0)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), " -%s", want[i]);
		if (c > 0)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), " +%s", have[k]);
		i += c <= 0;
		k += c >= 0;
	}
	cpu_names_free(have, m);
	free(want);
	if (*text)
		failed(f, "%s:%s", what, text);
	else
		equal(f);
	return !*text;
}

/* ------------------------------------------------------------------ CPUs */

static void decode(void)
{
	struct family f = { .name = "libvirt CPUs" };
	json_object *cpus = get(expected, "cpus");

	if (!cpus)
		return;
	json_object_object_foreach(cpus, name, cpu) {
		const char *dump = json_str(cpu, "dump");
		char *path = xasprintf("dumps/%s", dump ? dump : "");
		struct cpu_policy *p = calloc(1, sizeof(*p));
		struct cpu_signature s;
		unsigned int i;

		for (i = 0; i < nr_dumps && strcmp(dumps[i].name, path); i++)
			;
		if (i == nr_dumps) {
			failed(&f, "%s: no dump %s", name, path);
		} else {
			*p = dumps[i].host.cpu[0];
			s = cpu_policy_signature(p);
			/* libvirt leaves broken TSX out; cpu_show.c has the rule for --names libvirt */
			if (cpu_policy_vendor(p) == CPU_VENDOR_INTEL && s.family == 6 &&
			    (s.model == 60 || s.model == 69 || s.model == 70 ||
			     (s.model == 63 && s.stepping < 4))) {
				struct cpu_set set;

				cpu_set_get(p, &set);
				cpu_set_put(&set, CPU_F_HLE, false);
				cpu_set_put(&set, CPU_F_RTM, false);
				cpu_set_apply(p, &set);
			}
			same_names(p, get(get(cpu, "host"), "expanded"), name, &f);
		}
		free(path);
		free(p);
	}
	finish(&f);
}

/* ------------------------------------------------------------------ baselines */

static int baseline(json_object **members, size_t n, struct cpu_policy *out, struct error *err)
{
	struct cpu_host *h = calloc(n, sizeof(*h));
	struct cpu_policy *p = calloc(n, sizeof(*p));
	const struct cpu_policy **m = calloc(n, sizeof(*m));
	struct cpu_combine_scratch *s = calloc(1, sizeof(*s));
	const struct cpu_combine_options opt = { 0 };
	size_t i;
	u32 culprit;
	int ret = 0;

	for (i = 0; i < n && !ret; i++) {
		ret = read_definition(&h[i], members[i], err);
		if (!ret)
			ret = cpu_resolve(&p[i], &h[i], NULL, err);
		m[i] = &p[i];
	}
	if (!ret)
		ret = cpu_same_demands(h, n, err);
	if (!ret && cpu_combine(out, m, n, &opt, s, &culprit))
		ret = fail(err, FERRY_X_BAD_FILE, "cpu_combine");
	for (i = 0; i < n; i++)
		cpu_host_free(&h[i]);
	free(s);
	free(m);
	free(p);
	free(h);
	return ret;
}

static void baselines(void)
{
	struct family cpuid = { .name = "libvirt CPUID baselines" }, xml = { .name = "libvirt XML baselines" };
	json_object *list = get(expected, "cpuid_baselines"), *cpus = get(expected, "cpus");
	struct cpu_policy *out = calloc(1, sizeof(*out));
	struct error err = { 0 };
	json_object *members[64];
	size_t i, k, n;

	for (i = 0; list && i < json_object_array_length(list); i++) {
		json_object *b = json_object_array_get_idx(list, i), *names = get(b, "cpus");

		n = json_object_array_length(names);
		for (k = 0; k < n && k < 64; k++)
			members[k] = get(get(cpus, json_object_get_string(
							   json_object_array_get_idx(names, k))),
					 "json");
		if (baseline(members, n, out, &err))
			failed(&cpuid, "%s: %s", json_str(b, "name"), err.text);
		else
			same_names(out, get(get(b, "result"), "expanded"), json_str(b, "name"), &cpuid);
	}
	finish(&cpuid);
	list = get(expected, "xml_baselines");
	for (i = 0; list && i < json_object_array_length(list); i++) {
		json_object *b = json_object_array_get_idx(list, i), *inputs = get(b, "inputs");
		int ret;

		n = json_object_array_length(inputs);
		for (k = 0; k < n && k < 64; k++)
			members[k] = json_object_array_get_idx(inputs, k);
		ret = baseline(members, n, out, &err);
		if (get(b, "result") && !ret)
			same_names(out, get(get(b, "result"), "expanded"), json_str(b, "name"), &xml);
		else if (!get(b, "result") && ret == FERRY_X_NO)
			equal(&xml);
		else
			failed(&xml, "%s: %s", json_str(b, "name"), err.text);
	}
	finish(&xml);
	free(out);
}

/* ------------------------------------------------------------------ comparisons */

/* What "ferry cpu compare" prints, by running its code on files. */
static const char *run_compare(json_object *host, json_object *cpu, char *out, size_t size)
{
	static const char *const words[] = { "identical", "superset", "subset", "incompatible" };
	char *argv[] = { (char *)"compare", NULL, NULL, (char *)"--json", NULL };
	char names[2][64] = { "/tmp/ferry-data-a-XXXXXX", "/tmp/ferry-data-b-XXXXXX" };
	json_object *in[2] = { host, cpu };
	char *text = NULL;
	size_t len;
	FILE *saved = stdout, *f;
	int i, code;

	for (i = 0; i < 2; i++) {
		static const char *const cpu_attrs[] = { "mode", "match", NULL };
		static const char *const feature_attrs[] = { "name", "policy", NULL };
		static const char *const texts[] = { "arch", "model", "vendor", NULL };
		json_object *features = get(in[i], "features"), *v;
		size_t k, n = features ? json_object_array_length(features) : 0;
		const char *const *t;

		f = fdopen(mkstemp(names[i]), "w");
		fprintf(f, "<cpu");
		attributes(f, in[i], cpu_attrs);
		fprintf(f, ">\n");
		for (t = texts; *t; t++)
			if ((v = get(in[i], *t)) && json_object_is_type(v, json_type_string))
				fprintf(f, "<%s>%s</%s>\n", *t, json_object_get_string(v), *t);
		for (k = 0; k < n; k++) {
			fprintf(f, "<feature");
			attributes(f, json_object_array_get_idx(features, k), feature_attrs);
			fprintf(f, "/>\n");
		}
		fprintf(f, "</cpu>\n");
		fclose(f);
		argv[1 + i] = names[i];
	}
	f = open_memstream(&text, &len);
	stdout = f;
	code = cpu_cmd_compare(4, argv);
	fclose(f);
	stdout = saved;
	unlink(names[0]);
	unlink(names[1]);
	snprintf(out, size, "error");
	for (i = 0; i < 4; i++) {
		char *key = xasprintf("\"result\":\"%s\"", words[i]);
		char *spaced = xasprintf("\"result\": \"%s\"", words[i]);

		if (strstr(text, key) || strstr(text, spaced))
			snprintf(out, size, "%s", words[i]);
		free(key);
		free(spaced);
	}
	if (!strcmp(out, "error") && code != FERRY_X_BAD_FILE)
		snprintf(out, size, "exit %d: %.60s", code, text);
	free(text);
	return out;
}

static void compare(void)
{
	struct family f = { .name = "libvirt comparisons" };
	json_object *list = get(expected, "compare");
	size_t i;

	for (i = 0; list && i < json_object_array_length(list); i++) {
		json_object *c = json_object_array_get_idx(list, i);
		const char *want = json_str(c, "expect"), *got;
		const char *arch = json_str(get(c, "cpu_xml"), "arch");
		char buf[100];

		got = run_compare(get(c, "host_xml"), get(c, "cpu_xml"), buf, sizeof(buf));
		/* libvirt has one word for what Ferry calls subset and incompatible. */
		if (!strcmp(got, want) || (!strcmp(got, "subset") && !strcmp(want, "incompatible")))
			equal(&f);
		else if (!strcmp(got, "error") && arch && strcmp(arch, "x86_64") && strcmp(arch, "i686"))
			deviates(&f, "%s and %s: a CPU of another architecture is an error, not merely "
				     "incompatible", json_str(c, "host"), json_str(c, "cpu"));
		else
			failed(&f, "%s and %s: %s, not %s", json_str(c, "host"), json_str(c, "cpu"), got,
			       want);
	}
	finish(&f);
}

static json_object *definition(const char *name, const char *side)
{
	json_object *list = get(expected, "compare");
	char *key = xasprintf("%s_xml", side);
	json_object *found = NULL;
	size_t i;

	for (i = 0; list && i < json_object_array_length(list) && !found; i++) {
		json_object *c = json_object_array_get_idx(list, i);

		if (json_str(c, side) && !strcmp(json_str(c, side), name))
			found = get(c, key);
	}
	free(key);
	return found;
}

static void guest_cpus(void)
{
	struct family f = { .name = "libvirt guest CPUs" };
	json_object *list = get(expected, "guestcpu");
	size_t i;

	for (i = 0; list && i < json_object_array_length(list); i++) {
		json_object *c = json_object_array_get_idx(list, i), *result = get(c, "result");
		json_object *cpu = definition(json_str(c, "cpu"), "cpu");
		json_object *host = definition(json_str(c, "host"), "host");
		struct cpu_host hg = { 0 }, hh = { 0 }, hr = { 0 };
		struct cpu_policy *p = calloc(2, sizeof(*p));
		struct cpu_set a, b;
		struct error err = { 0 };
		char *what = xasprintf("%s on %s", json_str(c, "cpu"), json_str(c, "host"));

		if (!result) {
			deviates(&f, "%s: Ferry has no list of allowed models to fail by", what);
		} else if (!cpu || !host) {
			deviates(&f, "%s: the definition itself is not in the data set", what);
		} else if (read_definition(&hg, cpu, &err) || read_definition(&hh, host, &err) ||
			   read_definition(&hr, result, &err) || cpu_resolve(&p[0], &hg, &hh, &err) ||
			   cpu_resolve(&p[1], &hr, NULL, &err)) {
			failed(&f, "%s: %s", what, err.text);
		} else if (hg.mode == CPU_MODE_HOST_MODEL) {
			deviates(&f, "%s: Ferry's host-model leaves out what Ferry does not virtualise",
				 what);
		} else {
			cpu_set_get(&p[0], &a);
			cpu_set_get(&p[1], &b);
			if (memcmp(&a, &b, sizeof(a))) {
				char text[400] = "", name[CPU_NAME_MAX];
				unsigned int k;

				for (k = 0; k < cpu_nr_features && strlen(text) < 300; k++) {
					unsigned int nr = cpu_features[k].nr;

					if (cpu_set_has(&a, nr) == cpu_set_has(&b, nr))
						continue;
					cpu_feature_name(&cpu_features[k], CPU_NAMES_FERRY, name);
					snprintf(text + strlen(text), sizeof(text) - strlen(text),
						 " %c%s", cpu_set_has(&a, nr) ? '+' : '-', name);
				}
				failed(&f, "%s:%s", what, text);
			} else {
				equal(&f);
			}
		}
		cpu_host_free(&hg);
		cpu_host_free(&hh);
		cpu_host_free(&hr);
		free(what);
		free(p);
	}
	finish(&f);
}

static void has_feature(void)
{
	struct family f = { .name = "libvirt has-feature" };
	json_object *list = get(expected, "hasfeature");
	size_t i;

	for (i = 0; list && i < json_object_array_length(list); i++) {
		json_object *c = json_object_array_get_idx(list, i);
		const char *want = json_str(c, "expect"), *got = "NO", *name = json_str(c, "feature");
		const struct cpu_feature *feature = cpu_feature_find(name, NULL);
		json_object *host = definition(json_str(c, "host"), "host");
		struct cpu_host h = { 0 };
		struct error err = { 0 };

		if (!feature)
			got = "FAIL";
		else if (!host || read_definition(&h, host, &err))
			got = "?";
		else if (cpu_policy_has(&h.cpu[0], feature->nr))
			got = "YES";
		if (!strcmp(got, want))
			equal(&f);
		else
			failed(&f, "%s: %s, not %s", name, got, want);
		cpu_host_free(&h);
	}
	finish(&f);
}

/* ------------------------------------------------------------------ models */

static void libvirt_models(void)
{
	struct family f = { .name = "libvirt models" };
	json_object *o = data_json("libvirt-models.json"), *models = get(o, "models");

	if (!models)
		return;
	json_object_object_foreach(models, name, m) {
		struct cpu_host h = { 0 };
		struct error err = { 0 };
		char *text = xasprintf("<cpu><model>%s</model></cpu>", name);

		if (cpu_host_parse(&h, name, text, strlen(text), &err))
			failed(&f, "%s: %s", name, err.text);
		else
			same_names(&h.cpu[0], get(m, "features"), name, &f);
		cpu_host_free(&h);
		free(text);
	}
	finish(&f);
	json_object_put(o);
}

void test_names(void)
{
	expected = data_json("libvirt-expected.json");
	if (expected) {
		decode();
		baselines();
		compare();
		guest_cpus();
		has_feature();
		json_object_put(expected);
	} else {
		absent("libvirt's expectations", "libvirt-expected.json");
	}
	libvirt_models();
}
