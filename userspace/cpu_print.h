/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the "ferry cpu" commands have in common: their arguments, names in columns, findings in
 * words and in JSON.
 *
 * Owns: nothing. Locks: none.
 */
#ifndef FERRY_CPU_PRINT_H
#define FERRY_CPU_PRINT_H

#include "cpu_input.h"
#include "lib/cpu/check.h"
#include "opts.h"

/* Files a command takes at most. */
#define CPU_MAX_FILES 512

/* What the commands print ends at this column. */
#define CPU_COLUMNS TEXT_COLUMNS

struct cpu_command {
	const char *name;
	int (*fn)(int argc, char **argv);
	const char *help;
};

int cpu_cmd_dump(int argc, char **argv);
int cpu_cmd_show(int argc, char **argv);
int cpu_cmd_features(int argc, char **argv);
int cpu_cmd_xsave(int argc, char **argv);
int cpu_cmd_baseline(int argc, char **argv);
int cpu_cmd_advise(int argc, char **argv);
int cpu_cmd_effective(int argc, char **argv);
int cpu_cmd_mask(int argc, char **argv);
int cpu_cmd_model(int argc, char **argv);
int cpu_cmd_models(int argc, char **argv);
int cpu_cmd_compare(int argc, char **argv);
int cpu_cmd_check(int argc, char **argv);
int cpu_cmd_explain(int argc, char **argv);

json_object *json_str_new(const char *s);
json_object *json_hex(u64 v);

/* Words in lines of CPU_COLUMNS, each line begun with @indent blanks. */
void cpu_print_words(FILE *f, int indent, char *const *words, unsigned int n);
/* Names of a set, sorted; the caller frees each and the list. */
char **cpu_set_names(const struct cpu_set *s, enum cpu_naming naming, unsigned int *n);
void cpu_names_free(char **names, unsigned int n);
void cpu_print_set(FILE *f, int indent, const struct cpu_set *s);
json_object *cpu_set_json(const struct cpu_set *s);
unsigned int cpu_set_count(const struct cpu_set *s);

/* A text in lines of CPU_COLUMNS; the first begins with @head, the others are indented as far. */
void cpu_print_text(FILE *f, const char *head, const char *text);

void cpu_print_notes(const struct cpu_host *h);
json_object *cpu_notes_json(const struct cpu_host *h);
/* One line for each finding; @guest: the policy they are about, for the reasons in it, or NULL. */
void cpu_print_findings(FILE *f, const struct cpu_findings *list, const struct cpu_policy *guest);
/* A paragraph for each. */
void cpu_explain_findings(FILE *f, const struct cpu_findings *list, const struct cpu_policy *guest);
/* What to do about them, by cause; @effective: the guest is shown no more than Ferry virtualises. */
void cpu_print_summary(FILE *f, const struct cpu_findings *list, bool effective);
json_object *cpu_summary_json(const struct cpu_findings *list);
json_object *cpu_findings_json(const struct cpu_findings *list, const struct cpu_policy *guest);

/* "vendor family/model/stepping, brand" */
void cpu_identity_text(const struct cpu_policy *p, char *out, size_t size);

/* Write @o to @path, or to standard output when it is NULL or "-". */
int cpu_write_json(const char *path, json_object *o, struct error *err);
/* A policy with what a reader wants to know of it, as "ferry run --policy" takes it. */
json_object *cpu_policy_file(const struct cpu_policy *p, const char *name);

#endif /* FERRY_CPU_PRINT_H */
