// SPDX-License-Identifier: GPL-2.0-only
/*
 * Excluded CPUs as people write them. See cpu_exclude.h.
 */
#include <stdlib.h>
#include <strings.h>

#include "cpu_exclude.h"
#include "lib/cpu/explain.h"

enum field { VENDOR, FAMILY, MODEL, STEPPING, MICROCODE, NR_FIELDS };

/* In the order of their numbers, and what else an exclusion has in JSON. */
static const char *const names[] = { "vendor", "family", "model", "stepping", "microcode", "reason", NULL };
static const u32 highest[NR_FIELDS] = { 0, 0xfff, 0xff, 0xf, U32_MAX };

static bool parse_vendor(const char *text, u32 *vendor)
{
	u32 v, reg[3];

	if (strlen(text) == sizeof(reg)) {
		memcpy(reg, text, sizeof(reg));
		*vendor = cpu_vendor_of(reg[0], reg[1], reg[2]);
		if (*vendor != CPU_VENDOR_UNKNOWN)
			return true;
	}
	for (v = CPU_VENDOR_INTEL; v <= CPU_VENDOR_ZHAOXIN; v++)
		if (!strcasecmp(text, cpu_vendor_name(v))) {
			*vendor = v;
			return true;
		}
	return false;
}

/* "7", "0x3c-0x46", "5-", "-5", "*" */
static bool parse_range(const char *text, u32 max, u32 *lo, u32 *hi)
{
	char *copy = xstrdup(text), *dash = strchr(copy, '-');
	u64 a = 0, b = max;
	bool good;

	if (dash)
		*dash++ = 0;
	if (!strcmp(text, "*"))
		good = true;
	else if (!dash)
		good = parse_u64(copy, 0, max, &a) && (b = a, true);
	else
		good = (*copy || *dash) && (!*copy || parse_u64(copy, 0, max, &a)) &&
		       (!*dash || parse_u64(dash, 0, max, &b)) && a <= b;
	*lo = a;
	*hi = b;
	free(copy);
	return good;
}

/* @where: what stands before a message */
static int add(struct cpu_policy *p, char *const value[NR_FIELDS], const char *reason, int code,
	       const char *where, struct error *err)
{
	struct cpu_exclusion x = { 0 };
	u32 lo[NR_FIELDS] = { 0 }, hi[NR_FIELDS] = { 0 }, vendor, f;

	if (!value[VENDOR] || !parse_vendor(value[VENDOR], &vendor))
		return fail(err, code, "%svendor: Intel, AMD, Hygon, Centaur or Zhaoxin is expected", where);
	for (f = FAMILY; f < NR_FIELDS; f++) {
		if ((f == FAMILY || f == MODEL) && !value[f])
			return fail(err, code, "%s%s: missing", where, names[f]);
		if (!parse_range(value[f] ? value[f] : "*", highest[f], &lo[f], &hi[f]) ||
		    (f == FAMILY && lo[f] != hi[f]))
			return fail(err, code, "%s%s: a number%s up to 0x%x is expected, not '%.40s'", where,
				    names[f], f == FAMILY ? "" : ", or a range like 3-5, 3- or -5,", highest[f],
				    value[f]);
	}
	if (!reason || !*reason || strlen(reason) > CPU_REASON_LEN)
		return fail(err, code, "%sreason: a text of up to %u characters is expected: it is what others "
			    "will be told", where, CPU_REASON_LEN);
	x.reg[CPU_EAX] = cpu_exclusion_eax(vendor, lo[FAMILY]);
	x.reg[CPU_EBX] = cpu_exclusion_ebx(lo[MODEL], hi[MODEL], lo[STEPPING], hi[STEPPING]);
	x.reg[CPU_ECX] = lo[MICROCODE];
	x.reg[CPU_EDX] = hi[MICROCODE];
	memcpy(x.reason, reason, strlen(reason));
	switch (cpu_exclusion_add(p, &x)) {
	case 0:
		return 0;
	case -EINVAL:
		return fail(err, code, "%sreason: it has to be of printable ASCII characters and may not begin "
			    "with a blank", where);
	default:
		return fail(err, code, "%stoo many: a policy excludes up to %u", where, CPU_EXCLUDED_MAX);
	}
}

int cpu_exclude_option(struct cpu_policy *p, const char *text, struct error *err)
{
	char *copy = xstrdup(text), *reason = strchr(copy, '='), *value[NR_FIELDS] = { NULL };
	char *rest = copy;
	u32 f;
	int ret;

	if (reason)
		*reason++ = 0;
	for (f = 0; f < NR_FIELDS && rest; f++)
		value[f] = strsep(&rest, "/");
	if (rest)
		ret = fail(err, FERRY_X_USAGE, "--exclude takes VENDOR/FAMILY/MODEL[/STEPPING[/MICROCODE]]=REASON, "
			   "not '%.100s'", text);
	else
		ret = add(p, value, reason, FERRY_X_USAGE, "--exclude: ", err);
	free(copy);
	return ret;
}

/* ------------------------------------------------------------------ JSON */

static void put_range(json_object *o, enum field f, u32 lo, u32 hi)
{
	char text[40];

	if (!lo && hi == highest[f])
		return;
	if (lo == hi)
		snprintf(text, sizeof(text), f == MICROCODE ? "0x%x" : "%u", lo);
	else if (f == MICROCODE)
		snprintf(text, sizeof(text), "0x%x-0x%x", lo, hi);
	else
		snprintf(text, sizeof(text), "%u-%u", lo, hi);
	json_object_object_add(o, names[f], json_object_new_string(text));
}

json_object *cpu_exclude_to_json(const struct cpu_policy *p)
{
	json_object *list = NULL;
	struct cpu_exclusion x;
	u32 at;

	for (at = 0; cpu_exclusion_get(p->leaf, p->nr_leaves, at, &x); at += CPU_EXCLUDED_STEP) {
		json_object *o = json_object_new_object();
		u32 b = x.reg[CPU_EBX];

		if (!list)
			list = json_object_new_array();
		json_object_object_add(o, "vendor",
				       json_object_new_string(cpu_vendor_name(x.reg[CPU_EAX] & 0xff)));
		json_object_object_add(o, "family", json_object_new_int(x.reg[CPU_EAX] >> 8));
		put_range(o, MODEL, b & 0xff, b >> 8 & 0xff);
		if (!(b & 0xff) && (b >> 8 & 0xff) == 0xff)
			json_object_object_add(o, "model", json_object_new_string("*"));
		put_range(o, STEPPING, b >> 16 & 0xf, b >> 20 & 0xf);
		put_range(o, MICROCODE, x.reg[CPU_ECX], x.reg[CPU_EDX]);
		json_object_object_add(o, "reason", json_object_new_string(x.reason));
		json_object_array_add(list, o);
	}
	return list;
}

static int one_from_json(struct cpu_policy *p, json_object *o, size_t i, struct error *err)
{
	char *value[NR_FIELDS] = { NULL }, where[40];
	u32 f;
	int ret;

	snprintf(where, sizeof(where), "exclude[%zu]%s", i, json_object_is_type(o, json_type_object) ? "." : ": ");
	if (!json_object_is_type(o, json_type_object))
		return fail(err, FERRY_X_BAD_FILE, "%san object is expected", where);
	/* What is not understood must not exclude less than was meant. */
	ret = json_known(o, names, where, err);
	if (ret)
		return ret;
	json_object_object_foreach(o, key, v) {
		for (f = 0; f < NR_FIELDS && strcmp(key, names[f]); f++)
			;
		if (!json_object_is_type(v, json_type_string) && !json_object_is_type(v, json_type_int))
			ret = fail(err, FERRY_X_BAD_FILE, "%s%s: a number or a string is expected", where, key);
		else if (f < NR_FIELDS)
			value[f] = xstrdup(json_object_get_string(v));
		if (ret)
			break;
	}
	if (!ret)
		ret = add(p, value, json_str(o, "reason"), FERRY_X_BAD_FILE, where, err);
	for (f = 0; f < NR_FIELDS; f++)
		free(value[f]);
	return ret;
}

int cpu_exclude_from_json(struct cpu_policy *p, json_object *o, struct error *err)
{
	json_object *list;
	size_t i;
	int ret = 0;

	if (!json_object_object_get_ex(o, "exclude", &list))
		return 0;
	if (!json_object_is_type(list, json_type_array))
		return fail(err, FERRY_X_BAD_FILE, "exclude: a list is expected");
	if (cpu_policy_find(p, CPU_LEAF_EXCLUDED, 0))
		return fail(err, FERRY_X_BAD_FILE, "exclude: leaf 0x%x has them already", CPU_LEAF_EXCLUDED);
	for (i = 0; i < json_object_array_length(list) && !ret; i++)
		ret = one_from_json(p, json_object_array_get_idx(list, i), i, err);
	return ret;
}
