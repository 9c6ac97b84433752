// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer over every parser of CPU descriptions, told apart by content, and over masks.
 * What is accepted must be a valid policy, and the same after print and parse.
 */
/* fuzz-with: userspace/cpu_input*.c userspace/cpu_exclude.c userspace/cpu_build.c userspace/cpu_model.c userspace/cpu_data.c */
/* fuzz-with: userspace/cpu_print.c userspace/cpu_resolve.c userspace/policy.c userspace/util.c */
/* fuzz-with: userspace/libferry.c userspace/opts.c -I/usr/include/libxml2 -Iuserspace -ljson-c -lxml2 */
#include <libxml/xmlerror.h>
#include <stdlib.h>

#include "cpu_input.h"
#include "cpu_print.h"
#include "cpu_resolve.h"
#include "lib/cpu/mask.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);

static void must(bool good)
{
	if (!good)
		abort();
}

static void description(const char *text, size_t len)
{
	struct cpu_host *h = calloc(2, sizeof(*h));
	struct cpu_policy *p = calloc(1, sizeof(*p));
	struct error err = { 0 };
	u32 i, at;

	if (cpu_host_parse(h, "input", text, len, &err)) {
		/* An error says something, and says of what. */
		must(err.code && !strncmp(err.text, "input", 5));
		goto out;
	}
	for (i = 0; i < h->nr; i++) {
		json_object *o;
		const char *printed;

		must(!cpu_policy_validate(&h->cpu[i], &at));
		o = cpu_policy_file(&h->cpu[i], "x");
		printed = json_object_to_json_string(o);
		must(!cpu_host_parse(&h[1], "input", printed, strlen(printed), &err));
		must(cpu_policy_equal(&h->cpu[i], &h[1].cpu[0]));
		cpu_host_free(&h[1]);
		json_object_put(o);
	}
	cpu_resolve(p, h, NULL, &err);
out:
	cpu_host_free(h);
	json_object_put(err.detail);
	free(p);
	free(h);
}

static void mask(const char *text, size_t len, bool override)
{
	struct cpu_mask *m = calloc(2, sizeof(*m));
	struct cpu_mask_error err;
	char *printed;
	int n;

	if (!cpu_mask_parse(&m[0], text, len, override, &err)) {
		n = cpu_mask_print(&m[0], NULL, 0);
		printed = calloc(1, n + 1);
		must(cpu_mask_print(&m[0], printed, n + 1) == n);
		must(!cpu_mask_parse(&m[1], printed, n, true, &err));
		must(!memcmp(&m[0], &m[1], sizeof(m[0])));
		free(printed);
	} else {
		must(err.line && err.column && err.what);
	}
	free(m);
}

static void quiet(void *ctx, const char *msg, ...)
{
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
	char *text = malloc(len + 1);

	xmlSetGenericErrorFunc(NULL, quiet);
	memcpy(text, data, len);
	text[len] = 0;
	description(text, len);
	mask(text, len, len & 1);
	free(text);
	return 0;
}
