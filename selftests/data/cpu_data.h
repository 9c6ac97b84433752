/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tests against a directory of real CPUs' dumps and of other projects' expectations about them:
 * FERRY_DATA/cpuid. What is there is read from its own index; without it everything is skipped.
 */
#ifndef FERRY_CPU_DATA_TEST_H
#define FERRY_CPU_DATA_TEST_H

#include <json-c/json.h>

#include "cpu_input.h"
#include "lib/cpu/view.h"

/**
 * struct family - a kind of case, and how they came out
 * @name: for the last lines
 * @cases: how many
 * @equal: as expected
 * @deviating: not, for a stated reason
 * @failed: not, and that is a fault
 */
struct family {
	const char *name;
	unsigned int cases;
	unsigned int equal;
	unsigned int deviating;
	unsigned int failed;
};

/* One file of the index. */
struct dump {
	char *name;
	bool bare_metal;
	bool xsave_oracle;
	struct cpu_host host;
	struct cpu_view view;
};

extern struct dump *dumps;
extern unsigned int nr_dumps;

json_object *data_json(const char *name);
char *data_path(const char *name);

void equal(struct family *f);
__printf(2, 3) void deviates(struct family *f, const char *fmt, ...);
__printf(2, 3) void failed(struct family *f, const char *fmt, ...);
/* One TAP line for the family, and its line of numbers. */
void finish(struct family *f);
/* TAP lines of a single case; all are counted in cpu_data.c. */
void verdict(bool good, const char *name);
void absent(const char *name, const char *file);

/* A <cpu> element of libvirt's expectations, as XML, read. */
int read_definition(struct cpu_host *h, json_object *cpu, struct error *err);
/* Features by libvirt's names, without those of VMX inside a guest. */
bool same_names(const struct cpu_policy *p, json_object *names, const char *what, struct family *f);

void test_names(void);
void test_facts(void);
void test_dumps(void);
void test_matrix(void);

#endif /* FERRY_CPU_DATA_TEST_H */
