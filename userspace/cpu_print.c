// SPDX-License-Identifier: GPL-2.0-only
/*
 * Output of the "ferry cpu" commands. See cpu_print.h.
 *
 * Owns: nothing. Locks: none.
 */
#include <stdlib.h>

#include "cpu_print.h"
#include "lib/cpu/explain.h"
#include "lib/cpu/virt.h"
#include "lib/cpu/vuln.h"
#include "policy.h"

static const char *const severity_names[] = { "note", "warning", "refused" };
static const char *const reg_names[] = { "eax", "ebx", "ecx", "edx" };

json_object *json_str_new(const char *s)
{
	return json_object_new_string(s);
}

json_object *json_hex(u64 v)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%llx", (unsigned long long)v);
	return json_object_new_string(text);
}

/* ------------------------------------------------------------------ words, text */

void cpu_print_words(FILE *f, int indent, char *const *words, unsigned int n)
{
	int column = 0;
	unsigned int i;

	for (i = 0; i < n; i++) {
		int len = strlen(words[i]);

		if (column && column + 1 + len > CPU_COLUMNS) {
			fputc('\n', f);
			column = 0;
		}
		if (!column)
			column = fprintf(f, "%*s%s", indent, "", words[i]);
		else
			column += fprintf(f, " %s", words[i]);
	}
	if (column)
		fputc('\n', f);
}

void cpu_print_text(FILE *f, const char *head, const char *text)
{
	print_wrapped(f, head, strlen(head), text);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

char **cpu_set_names(const struct cpu_set *s, enum cpu_naming naming, unsigned int *n)
{
	char **names = xcalloc(2 * cpu_nr_features + 1, sizeof(*names));
	char buf[CPU_NAME_MAX], *save, *word;
	unsigned int i, out = 0;

	*n = 0;
	for (i = 0; i < cpu_nr_features; i++) {
		const struct cpu_feature *f = &cpu_features[i];

		if (!cpu_set_has(s, f->nr) || !cpu_feature_name(f, naming, buf) || buf[0] == '!')
			continue;
		for (word = strtok_r(buf, " ", &save); word; word = strtok_r(NULL, " ", &save))
			names[(*n)++] = xstrdup(word);
	}
	qsort(names, *n, sizeof(*names), by_name);
	/* Both vendors' spellings have one name in Linux. */
	for (i = 0; i < *n; i++) {
		if (out && !strcmp(names[out - 1], names[i]))
			free(names[i]);
		else
			names[out++] = names[i];
	}
	*n = out;
	return names;
}

void cpu_names_free(char **names, unsigned int n)
{
	while (n)
		free(names[--n]);
	free(names);
}

void cpu_print_set(FILE *f, int indent, const struct cpu_set *s)
{
	unsigned int n;
	char **names = cpu_set_names(s, CPU_NAMES_FERRY, &n);

	if (!n)
		fprintf(f, "%*s(none)\n", indent, "");
	cpu_print_words(f, indent, names, n);
	cpu_names_free(names, n);
}

json_object *cpu_set_json(const struct cpu_set *s)
{
	json_object *list = json_object_new_array();
	unsigned int n, i;
	char **names = cpu_set_names(s, CPU_NAMES_FERRY, &n);

	for (i = 0; i < n; i++)
		json_object_array_add(list, json_str_new(names[i]));
	cpu_names_free(names, n);
	return list;
}

unsigned int cpu_set_count(const struct cpu_set *s)
{
	unsigned int i, n = 0;

	for (i = 0; i < CPU_NR_WORDS; i++)
		n += __builtin_popcount(s->w[i]);
	return n;
}

void cpu_print_notes(const struct cpu_host *h)
{
	char head[300];
	u32 i;

	for (i = 0; i < h->nr_notes; i++) {
		snprintf(head, sizeof(head), "note: %.200s: ", h->name);
		fprintf(stderr, "%s%s\n", head, h->note[i]);
	}
}

json_object *cpu_notes_json(const struct cpu_host *h)
{
	json_object *list = json_object_new_array();
	u32 i;

	for (i = 0; i < h->nr_notes; i++)
		json_object_array_add(list, json_str_new(h->note[i]));
	return list;
}

void cpu_identity_text(const struct cpu_policy *p, char *out, size_t size)
{
	struct cpu_signature s = cpu_policy_signature(p);
	char vendor[13], brand[49], *b = brand;
	size_t n;

	cpu_policy_vendor_string(p, vendor);
	cpu_policy_brand_string(p, brand);
	while (*b == ' ')
		b++;
	n = strlen(b);
	while (n && b[n - 1] == ' ')
		b[--n] = 0;
	for (n = 0; b[n]; n++)
		if ((unsigned char)b[n] < 32 || (unsigned char)b[n] > 126)
			b[n] = '?';
	for (n = 0; vendor[n]; n++)
		if ((unsigned char)vendor[n] < 32 || (unsigned char)vendor[n] > 126)
			vendor[n] = '?';
	snprintf(out, size, "%s family %u model %u stepping %u%s%s", *vendor ? vendor : "any vendor",
		 s.family, s.model, s.stepping, *b ? ", " : "", b);
}

/* ------------------------------------------------------------------ findings */

void cpu_print_findings(FILE *f, const struct cpu_findings *list, const struct cpu_policy *guest)
{
	struct cpu_explanation *e = xcalloc(1, sizeof(*e));
	char head[CPU_NAME_MAX + 40];
	u32 i;

	for (i = 0; i < list->nr; i++) {
		const struct cpu_finding *x = &list->finding[i];

		cpu_explain(x, guest, e);
		snprintf(head, sizeof(head), "%-8s %-9.13s %s: ",
			 x->severity < 3 ? severity_names[x->severity] : "?",
			 x->cause < CPU_NR_CAUSES ? cpu_cause_names[x->cause] : "?", e->subject);
		print_wrapped(f, head, 19, e->what);
	}
	if (list->total > list->nr)
		fprintf(f, "and %u more\n", list->total - list->nr);
	free(e);
}

/* Subjects of the findings with this cause, each once. */
static char **subjects_of(const struct cpu_findings *list, unsigned int cause, unsigned int *n)
{
	struct cpu_explanation *e = xcalloc(1, sizeof(*e));
	char **names = xcalloc(list->nr + 1, sizeof(*names));
	u32 i, k;

	*n = 0;
	for (i = 0; i < list->nr; i++) {
		if (list->finding[i].cause != cause || list->finding[i].severity == CPU_NOTE)
			continue;
		cpu_explain(&list->finding[i], NULL, e);
		for (k = 0; k < strlen(e->subject); k++)
			if (e->subject[k] == ' ')
				e->subject[k] = '-';
		for (k = 0; k < *n && strcmp(names[k], e->subject); k++)
			;
		if (k == *n)
			names[(*n)++] = xstrdup(e->subject);
	}
	free(e);
	return names;
}

/* Features among the findings that Ferry shows to no guest. */
static void never_shown(const struct cpu_findings *list, struct cpu_set *set)
{
	u32 i;

	memset(set, 0, sizeof(*set));
	for (i = 0; i < list->nr; i++) {
		unsigned int nr = cpu_finding_feature(&list->finding[i]);

		if (nr != CPU_F_NONE && !cpu_feature_virtualised(nr))
			cpu_set_put(set, nr, true);
	}
}

void cpu_print_summary(FILE *f, const struct cpu_findings *list, bool effective)
{
	unsigned int cause, n;
	struct cpu_set unseen;

	never_shown(list, &unseen);
	for (cause = 0; cause < CPU_NR_CAUSES; cause++) {
		char **names = subjects_of(list, cause, &n);

		if (n) {
			fprintf(f, "%s (%u): %s\n", cpu_cause_names[cause], n, cpu_cause_texts[cause]);
			cpu_print_words(f, 3, names, n);
			cpu_print_text(f, "   -> ", cpu_cause_remedies[cause]);
		}
		cpu_names_free(names, n);
	}
	if (!effective && cpu_set_count(&unseen)) {
		fprintf(f, "of these Ferry shows to no guest:\n");
		cpu_print_set(f, 3, &unseen);
		cpu_print_text(f, "   -> ", "They count for a guest that runs elsewhere. What a guest of "
			       "Ferry is shown of this CPU: ferry cpu effective.");
	}
}

json_object *cpu_summary_json(const struct cpu_findings *list)
{
	json_object *out = json_object_new_array(), *o, *subjects;
	unsigned int cause, n, i;

	for (cause = 0; cause < CPU_NR_CAUSES; cause++) {
		char **names = subjects_of(list, cause, &n);

		if (n) {
			o = json_object_new_object();
			subjects = json_object_new_array();
			for (i = 0; i < n; i++)
				json_object_array_add(subjects, json_str_new(names[i]));
			json_object_object_add(o, "cause", json_str_new(cpu_cause_names[cause]));
			json_object_object_add(o, "means", json_str_new(cpu_cause_texts[cause]));
			json_object_object_add(o, "subjects", subjects);
			json_object_object_add(o, "remedy", json_str_new(cpu_cause_remedies[cause]));
			json_object_array_add(out, o);
		}
		cpu_names_free(names, n);
	}
	return out;
}

void cpu_explain_findings(FILE *f, const struct cpu_findings *list, const struct cpu_policy *guest)
{
	struct cpu_explanation *e = xcalloc(1, sizeof(*e));
	char head[160];
	u32 i;

	for (i = 0; i < list->nr; i++) {
		const struct cpu_finding *x = &list->finding[i];

		cpu_explain(x, guest, e);
		snprintf(head, sizeof(head), "%u. %s (%s, cause: %s)", i + 1, e->subject,
			 x->severity < 3 ? severity_names[x->severity] : "?",
			 x->cause < CPU_NR_CAUSES ? cpu_cause_names[x->cause] : "?");
		fprintf(f, "%s\n", head);
		cpu_print_text(f, "   what  ", e->what);
		if (*e->why)
			cpu_print_text(f, "   why   ", e->why);
		if (*e->harm)
			cpu_print_text(f, "   risk  ", e->harm);
		if (*e->fix)
			cpu_print_text(f, "   fix   ", e->fix);
		fputc('\n', f);
	}
	if (list->total > list->nr)
		fprintf(f, "and %u more\n", list->total - list->nr);
	free(e);
}

json_object *cpu_findings_json(const struct cpu_findings *list, const struct cpu_policy *guest)
{
	json_object *out = json_object_new_array();
	struct cpu_explanation *e = xcalloc(1, sizeof(*e));
	u32 i;

	for (i = 0; i < list->nr; i++) {
		const struct cpu_finding *x = &list->finding[i];
		json_object *o = json_object_new_object();

		cpu_explain(x, guest, e);
		json_object_object_add(o, "severity",
				       json_str_new(x->severity < 3 ? severity_names[x->severity] :
								      "?"));
		json_object_object_add(
			o, "cause",
			json_str_new(x->cause < CPU_NR_CAUSES ? cpu_cause_names[x->cause] : "?"));
		json_object_object_add(o, "subject", json_str_new(e->subject));
		if (x->reg == CPU_FINDING_MSR) {
			json_object_object_add(o, "msr", json_hex(x->leaf));
		} else {
			json_object_object_add(o, "leaf", json_hex(x->leaf));
			json_object_object_add(o, "subleaf", json_hex(x->subleaf));
			if (x->reg < 4)
				json_object_object_add(o, "register",
						       json_str_new(reg_names[x->reg]));
		}
		if (x->bit != CPU_FINDING_FIELD)
			json_object_object_add(o, "bit", json_object_new_int(x->bit));
		json_object_object_add(o, "guest", json_hex(x->guest));
		json_object_object_add(o, "host", json_hex(x->host));
		json_object_object_add(o, "what", json_str_new(e->what));
		json_object_object_add(o, "why", json_str_new(e->why));
		json_object_object_add(o, "risk", json_str_new(e->harm));
		json_object_object_add(o, "fix", json_str_new(e->fix));
		json_object_array_add(out, o);
	}
	free(e);
	return out;
}

/* ------------------------------------------------------------------ policies */

json_object *cpu_policy_file(const struct cpu_policy *p, const char *name)
{
	json_object *o = policy_to_json(p), *file = json_object_new_object(), *list, *v;
	struct cpu_settings s = cpu_policy_settings(p);
	struct cpu_set set;
	char text[200];
	unsigned int i;

	cpu_identity_text(p, text, sizeof(text));
	json_object_object_add(file, "ferry_policy", json_object_new_int(CPU_JSON_VERSION));
	json_object_object_add(file, "name", json_str_new(name));
	json_object_object_add(file, "identity", json_str_new(text));
	if (!cpu_policy_hides_widths(p))
		json_object_object_add(file, "physical_bits",
				       json_object_new_int(cpu_policy_phys_bits(p)));
	list = json_object_new_array();
	for (i = 0; i < CPU_NR_VULNS; i++)
		if (s.accepted >> i & 1)
			json_object_array_add(list, json_str_new(cpu_vulnerabilities[i].name));
	json_object_object_add(file, "accepted_vulnerabilities", list);
	cpu_set_get(p, &set);
	json_object_object_add(file, "feature_names", cpu_set_json(&set));
	json_object_object_get_ex(o, "cpuid", &v);
	json_object_object_add(file, "cpuid", json_object_get(v));
	json_object_object_get_ex(o, "msrs", &v);
	json_object_object_add(file, "msrs", json_object_get(v));
	if (json_object_object_get_ex(o, "exclude", &v))
		json_object_object_add(file, "exclude", json_object_get(v));
	json_object_put(o);
	return file;
}

int cpu_write_json(const char *path, json_object *o, struct error *err)
{
	const char *text;
	char *line;
	int ret;

	if (!path || !strcmp(path, "-")) {
		printf("%s\n", json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
								 JSON_C_TO_STRING_NOSLASHESCAPE));
		return 0;
	}
	text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
							 JSON_C_TO_STRING_NOSLASHESCAPE);
	line = xasprintf("%s\n", text);
	ret = write_file_durably(path, line, strlen(line), err);
	free(line);
	return ret;
}
