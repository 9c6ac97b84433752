/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Descriptions of CPUs from files: dumps, libvirt's XML, OpenStack's JSON, our own JSON.
 *
 * A file is told by its content. Whatever is wrong with it is an error that names the line and the
 * field; nothing is guessed, and nothing is left out in silence.
 *
 * Owns: struct cpu_host. Locks: none.
 */
#ifndef FERRY_CPU_INPUT_H
#define FERRY_CPU_INPUT_H

#include "lib/cpu/features.h"
#include "lib/cpu/read.h"
#include "util.h"

/* Bounds of a description. */
#define CPU_FILE_MAX (16U << 20)
#define CPU_HOST_MAX_CPUS 8192
#define CPU_HOST_MAX_DISTINCT 64
#define CPU_HOST_MAX_NOTES 32

/* What a policy says of one feature, in libvirt's words. */
enum cpu_feature_policy {
	CPU_FORCE, /* shown, whatever the host has */
	CPU_REQUIRE, /* shown; a host without it is refused */
	CPU_OPTIONAL, /* shown if the host has it */
	CPU_DISABLE, /* hidden */
	CPU_FORBID, /* hidden; a host with it is refused */
	CPU_NR_FEATURE_POLICIES,
};

extern const char *const cpu_feature_policy_names[CPU_NR_FEATURE_POLICIES];

/* How the CPU of a policy comes about. */
enum cpu_mode {
	CPU_MODE_DATA, /* it is given leaf by leaf */
	CPU_MODE_CUSTOM, /* a named model with features added and removed */
	CPU_MODE_HOST_MODEL, /* the host's CPU as far as it can move */
	CPU_MODE_PASSTHROUGH, /* the host's CPU as it is */
};

/* How exactly a libvirt definition is meant. */
enum cpu_match {
	CPU_MATCH_EXACT,
	CPU_MATCH_MINIMUM,
	CPU_MATCH_STRICT, /* the host may have nothing more */
};

/**
 * struct cpu_host - one description: a host, a guest or a policy
 * @name: the file, for messages
 * @label: what the file says of itself, or ""
 * @format: in words
 * @cpu: the logical CPUs that differ, without what makes every CPU differ (APIC ids)
 * @first: number of the first logical CPU of each kind
 * @count: logical CPUs of each kind
 * @nr: kinds
 * @logical: logical CPUs in all
 * @raw: of the live host, if asked for: each logical CPU with its own APIC ids
 * @raw_cpu: their numbers
 * @nr_raw: how many
 * @mode: how the CPU comes about
 * @model: name of the model it was given by, or ""
 * @match: how exactly a definition is meant
 * @features: what is said of single features
 * @demands_vendor: a definition that asks for its vendor's CPU
 * @excluded: CPUs that a policy without leaves excludes, or NULL
 * @names_only: made of feature names: no widths, no layouts, no caches
 * @note: what a reader should know, each a sentence
 * @nr_notes: how many
 */
struct cpu_host {
	char *name;
	char label[128];
	const char *format;
	struct cpu_policy *cpu;
	u32 first[CPU_HOST_MAX_DISTINCT];
	u32 count[CPU_HOST_MAX_DISTINCT];
	u32 nr;
	u32 logical;
	struct cpu_policy *raw;
	u32 *raw_cpu;
	u32 nr_raw;
	enum cpu_mode mode;
	char model[64];
	enum cpu_match match;
	struct cpu_set features[CPU_NR_FEATURE_POLICIES];
	bool demands_vendor;
	struct cpu_policy *excluded;
	bool names_only;
	char *note[CPU_HOST_MAX_NOTES];
	u32 nr_notes;
};

/* Read a description. "-" is standard input, "@host" the machine this runs on. */
int cpu_host_read(struct cpu_host *h, const char *path, struct error *err);
int cpu_host_parse(struct cpu_host *h, const char *name, const char *text, size_t len,
		   struct error *err);
/*
 * This machine: every logical CPU that is online; a note tells how many of them a cpuset forbids.
 * @keep_raw: each for itself, too.
 */
int cpu_host_live(struct cpu_host *h, bool keep_raw, struct error *err);
void cpu_host_free(struct cpu_host *h);
__printf(2, 3) void cpu_host_note(struct cpu_host *h, const char *fmt, ...);
/* Add one logical CPU; equal ones are counted. */
int cpu_host_add(struct cpu_host *h, const struct cpu_policy *p, u32 number, struct error *err);
/* Record what a policy says of a feature. */
void cpu_host_set_feature(struct cpu_host *h, unsigned int nr, enum cpu_feature_policy how);
bool cpu_parse_feature_policy(const char *word, enum cpu_feature_policy *how);

/* The parsers; each fills @h from a text of its kind. */
int cpu_parse_text(struct cpu_host *h, const char *text, size_t len, struct error *err);
int cpu_parse_xml(struct cpu_host *h, const char *text, size_t len, struct error *err);
int cpu_parse_json(struct cpu_host *h, const char *text, size_t len, struct error *err);
/* MSRs in the data set's own format beside a dump. */
int cpu_parse_msrs(struct cpu_host *h, const char *name, const char *text, size_t len,
		   struct error *err);
/* Is this an MSR that enumerates features? */
bool cpu_is_feature_msr(u32 index);
/* Make the CPU of a model with features added and removed (mode custom). */
int cpu_host_build(struct cpu_host *h, const char *vendor, const u32 *signature, struct error *err);

#endif /* FERRY_CPU_INPUT_H */
