// SPDX-License-Identifier: GPL-2.0-only
/*
 * Excluded CPUs: their form in a policy, which CPUs they name, what a pool and a guest's policy make of
 * them, and how people write them.
 */
#include <stdlib.h>

#include "cpu_exclude.h"
#include "cpu_help.h"
#include "cpu_input.h"
#include "lib/cpu/default.h"
#include "lib/cpu/explain.h"
#include "policy.h"
#include "tap.h"

static struct cpu_policy a, b, c, out;
static struct error err;

static bool option(struct cpu_policy *p, const char *text)
{
	memset(&err, 0, sizeof(err));
	return !cpu_exclude_option(p, text, &err);
}

static void written(void)
{
	static const struct {
		const char *text, *said; /* said: part of the error, NULL none */
		u32 reg[4];
	} rows[] = {
		{ "Intel/6/79/1=BDF76", NULL, { 0x601, 0x114f4f, 0, ~0u } },
		{ "GenuineIntel/6/0x4f=x", NULL, { 0x601, 0xf04f4f, 0, ~0u } },
		{ "amd/25/0-15/2-/-0xa0011d0=x y", NULL, { 0x1902, 0xf20f00, 0, 0xa0011d0 } },
		{ "Hygon/24/*/-1/7=x", NULL, { 0x1803, 0x10ff00, 7, 7 } },
		{ "Intel/6/79/1/0x10-=x=y", NULL, { 0x601, 0x114f4f, 0x10, ~0u } },
		{ "Intel/6/79", "reason", { 0 } },
		{ "Intel/6/79=", "reason", { 0 } },
		{ "Intel/6/79= x", "reason", { 0 } },
		{ "Intel/6/79=\xc3\xa4", "ASCII", { 0 } },
		{ "Intel/6/79=a\tb", "ASCII", { 0 } },
		{ "Intel/6/79=0123456789012345678901234567890123456789012345678901234567890123456789012345678901",
		  "80 characters", { 0 } },
		{ "Intel/6=x", "model: missing", { 0 } },
		{ "Intel=x", "family: missing", { 0 } },
		{ "Cyrix/6/1=x", "vendor", { 0 } },
		{ "/6/1=x", "vendor", { 0 } },
		{ "Intel/5-6/1=x", "family: a number up to", { 0 } },
		{ "Intel/*/1=x", "family: a number up to", { 0 } },
		{ "Intel/6/256=x", "model: a number", { 0 } },
		{ "Intel/6/5-4=x", "model: a number", { 0 } },
		{ "Intel/6/-=x", "model: a number", { 0 } },
		{ "Intel/6/=x", "model: a number", { 0 } },
		{ "Intel/6/1-2-3=x", "model: a number", { 0 } },
		{ "Intel/6/1/16=x", "stepping: a number", { 0 } },
		{ "Intel/6/1/1/0x100000000=x", "microcode: a number", { 0 } },
		{ "Intel/6/1/1/1/1=x", "--exclude takes", { 0 } },
	};
	struct cpu_exclusion x;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		cpu_policy_init(&a);
		if (rows[i].said) {
			ok(!option(&a, rows[i].text) && strstr(err.text, rows[i].said) && !a.nr_leaves,
			   "%s: %s", rows[i].text, err.text);
			continue;
		}
		ok(option(&a, rows[i].text) && cpu_exclusion_get(a.leaf, a.nr_leaves, 0, &x) &&
			   !memcmp(x.reg, rows[i].reg, sizeof(x.reg)) &&
			   !strcmp(x.reason, strchr(rows[i].text, '=') + 1),
		   "%s: %x %x %x %x %s", rows[i].text, x.reg[0], x.reg[1], x.reg[2], x.reg[3], x.reason);
	}
}

/* Sorted whatever the order, each once, and the same after a round trip through a file. */
static void form(void)
{
	static const char *const some[] = {
		"Intel/6/79/1=exactly sixteen b", "Intel/6/79/1=another reason, of more than thirty-two characters",
		"AMD/25/1=z", "Intel/6/63/*/-0x42=a", "Intel/6/79/1=exactly sixteen b",
		"Intel/6/79=01234567890123456789012345678901234567890123456789012345678901234567890123456789",
	};
	unsigned int i, n = 0;
	json_object *o;
	struct cpu_exclusion x;
	u32 where;

	make_cpu(&a, "Intel", 6, 0x2d, 7, 46, SNB);
	make_cpu(&b, "Intel", 6, 0x2d, 7, 46, SNB);
	for (i = 0; i < ARRAY_SIZE(some); i++) {
		option(&a, some[i]);
		option(&b, some[ARRAY_SIZE(some) - 1 - i]);
		n += cpu_policy_validate(&a, &where) || cpu_policy_validate(&b, &where);
	}
	ok_eq(n, 0, "all are well-formed");
	ok(cpu_policy_equal(&a, &b), "their order does not matter");
	for (n = 0; cpu_exclusion_get(a.leaf, a.nr_leaves, n * CPU_EXCLUDED_STEP, &x); n++)
		;
	ok_eq(n, ARRAY_SIZE(some) - 1, "one that is given twice counts once");
	o = policy_to_json(&a);
	ok(!policy_from_json(&b, o, &err) && cpu_policy_equal(&a, &b), "a file and back: %s", err.text);
	ok(!strstr(json_object_to_json_string(o), "4fffff01"), "in words, not in registers");
	json_object_object_add(o, "exlude", json_object_new_array());
	ok(policy_from_json(&b, o, &err) == FERRY_X_BAD_FILE && strstr(err.text, "exlude: there is no such member"),
	   "a typing error in a definition's policy: %s", err.text);
	json_object_put(o);

	cpu_policy_init(&c);
	for (i = 0; i < CPU_EXCLUDED_MAX; i++) {
		char text[40];

		snprintf(text, sizeof(text), "Intel/6/%u=x", i);
		option(&c, text);
	}
	ok(!option(&c, "Intel/6/77=x") && strstr(err.text, "too many"), "one too many: %s", err.text);
	ok(option(&c, "Intel/6/5=x"), "... but not one that is there");
	ok(!cpu_policy_validate(&c, &where), "a full list is well-formed");
	memset(c.leaf[c.nr_leaves - 1].reg, 0, 16);
	ok(cpu_policy_validate(&c, &where), "... and is judged to its end");
}

/* Each bit of each register of a good list: what is not well-formed is refused, the rest is canonical. */
static void malformed(void)
{
	static struct cpu_policy good, again;
	unsigned int i, bit, refused = 0, wrong = 0, total = 0;
	struct cpu_exclusion x;
	struct cpu_leaf gone;
	u32 where, at;

	cpu_policy_init(&good);
	option(&good, "Intel/6/79/1/1-2=seventeen letters");
	option(&good, "AMD/25/1=z");
	for (i = 0; i < good.nr_leaves; i++) {
		for (bit = 0; bit < 128 + 6; bit++) {
			a = good;
			if (bit < 128)
				a.leaf[i].reg[bit / 32] ^= 1u << bit % 32;
			else
				a.leaf[i].subleaf ^= 1u << (bit - 128);
			total++;
			if (cpu_policy_validate(&a, &where)) {
				refused++;
				continue;
			}
			cpu_policy_init(&again);
			for (at = 0; cpu_exclusion_get(a.leaf, a.nr_leaves, at, &x); at += CPU_EXCLUDED_STEP)
				wrong += cpu_exclusion_add(&again, &x) != 0;
			wrong += !cpu_policy_equal(&a, &again);
		}
		a = good;
		gone = a.leaf[i];
		cpu_policy_del(&a, gone.leaf, gone.subleaf);
		/* Without its last letter a reason still is one. */
		wrong += gone.subleaf % CPU_EXCLUDED_STEP < 2 && !cpu_policy_validate(&a, &where);
	}
	ok(refused > 150 && refused < total, "%u changes of %u are refused", refused, total);
	ok_eq(wrong, 0, "what is taken is as we would write it; neither numbers nor reason may be missing");
}

static void judged_by(void)
{
	static const struct {
		const char *text;
		u32 microcode;
		int cause; /* -1 taken */
	} rows[] = {
		{ "Intel/6/79/1=why", 0, CPU_CAUSE_EXCLUDED },
		{ "Intel/6/70-79=why", 0, CPU_CAUSE_EXCLUDED },
		{ "Intel/6/80-=why", 0, -1 },
		{ "Intel/6/-78=why", 0, -1 },
		{ "Intel/6/79/2-=why", 0, -1 },
		{ "Intel/6/79/0=why", 0, -1 },
		{ "Intel/15/79=why", 0, -1 },
		{ "AMD/6/79=why", 0, -1 },
		{ "Intel/6/79/1/-0x20=why", 0x20, CPU_CAUSE_EXCLUDED },
		{ "Intel/6/79/1/-0x20=why", 0x21, -1 },
		{ "Intel/6/79/1/0x20-=why", 0x1f, -1 },
		{ "Intel/6/79/1/0x20-=why", 0x20, CPU_CAUSE_EXCLUDED },
		{ "Intel/6/79/1/0x20-=why", 0, CPU_CAUSE_UNKNOWN },
		{ "Intel/6/79/2/0x20-=why", 0, -1 },
	};
	static struct cpu_explanation e;
	const struct cpu_finding *f;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct cpu_settings s = { .microcode = rows[i].microcode };

		make_cpu(&a, "Intel", 6, 0x2d, 7, 46, SNB);
		make_cpu(&b, "Intel", 6, 79, 1, 46, BDW);
		option(&a, rows[i].text);
		cpu_policy_set_settings(&b, &s);
		judge_cpu(&a, &b, 0);
		f = found_detail(CPU_DETAIL_EXCLUDED);
		if (!ok(!f == (rows[i].cause < 0), "%s, microcode 0x%x", rows[i].text, rows[i].microcode) || !f)
			continue;
		ok(f->severity == CPU_REFUSE && f->cause == rows[i].cause, "... refused, with its cause");
		cpu_explain(f, &a, &e);
		ok(strstr(e.why, "why") && strstr(e.what, "Intel family 6 model 79 stepping 1"),
		   "... in words: %s. %s", e.what, e.why);
		cpu_explain(f, NULL, &e);
		ok(strstr(e.why, "in the policy"), "... without the policy: %s", e.why);
	}
	make_cpu(&a, "Intel", 6, 0x2d, 7, 46, SNB);
	option(&a, "Intel/6/79=one");
	option(&a, "Intel/6/79/1=two");
	judge_cpu(&a, &b, 0);
	ok_eq(judged.refusals, 2, "all reasons at once");
}

static void pools(void)
{
	const struct cpu_default_params params = { .topology = { 1, 1 } };
	static struct cpu_effective_work work;
	struct cpu_exclusion x;
	struct error e = { 0 };
	struct cpu_host h;
	u32 where;

	make_cpu(&a, "Intel", 6, 0x2d, 7, 46, SNB);
	make_cpu(&b, "Intel", 6, 79, 1, 46, BDW);
	option(&a, "AMD/25/1=one");
	option(&b, "AMD/25/1=one");
	option(&b, "AMD/25/2=two");
	pool_of(&out, &a, &b, NULL, NULL);
	ok(cpu_exclusion_get(out.leaf, out.nr_leaves, CPU_EXCLUDED_STEP, &x) && !strcmp(x.reason, "two") &&
		   !cpu_exclusion_get(out.leaf, out.nr_leaves, 2 * CPU_EXCLUDED_STEP, &x),
	   "a pool of policies excludes what any of them excludes");
	pool_of(&c, &b, &a, NULL, NULL);
	ok(cpu_policy_equal(&out, &c), "... in any order");
	pool_of(&c, &out, NULL, NULL, NULL);
	ok(cpu_policy_equal(&out, &c), "... and again");
	ok(!cpu_effective(&c, &out, NULL, &params, &work) && !cpu_policy_validate(&c, &where) &&
		   cpu_exclusion_get(c.leaf, c.nr_leaves, CPU_EXCLUDED_STEP, &x),
	   "what a guest gets of it has them");
	option(&a, "Intel/6/45=ourselves");
	judge_cpu(&a, &a, 0);
	ok(!found_detail(CPU_DETAIL_EXCLUDED), "a policy that excludes its own identity is no host");

	memset(&h, 0, sizeof(h));
#define HOST_MODEL(list) "{\"ferry_policy\": 1, \"mode\": \"passthrough\", \"exclude\": " list "}"
#define PARSE(list) cpu_host_parse(&h, "f", HOST_MODEL(list), strlen(HOST_MODEL(list)), &e)
	ok(!PARSE("[{\"vendor\": \"AMD\", \"family\": 25, \"model\": \"1-3\", \"reason\": \"r\"}]") && h.excluded &&
		   cpu_exclusion_get(h.excluded->leaf, h.excluded->nr_leaves, 0, &x) && x.reg[1] == 0xf00301,
	   "a policy that takes the host's CPU has them, too: %s", e.text);
	cpu_host_free(&h);
	/* A whole policy, written and read as the tool does it. */
	{
		json_object *o = policy_to_json(&out);
		const char *text;

		json_object_object_add(o, "ferry_policy", json_object_new_int(1));
		text = json_object_to_json_string(o);
		ok(!cpu_host_parse(&h, "f", text, strlen(text), &e) && h.nr == 1 &&
			   cpu_exclusion_get(h.cpu[0].leaf, h.cpu[0].nr_leaves, CPU_EXCLUDED_STEP, &x) &&
			   !strcmp(x.reason, "two"),
		   "... and one that has its own");
		cpu_host_free(&h);
		json_object_put(o);
	}
#define TEXT "0 0 1 2 3 4\n1 0 1 2 3 4\n4fffff01 0 601 0 0 0\n"
	ok(cpu_host_parse(&h, "f", TEXT, strlen(TEXT), &e) && strstr(e.text, "4fffff01"),
	   "a dump has none that are malformed: %s", e.text);
#define BAD(list, said) do { \
	memset(&e, 0, sizeof(e)); \
	ok(PARSE(list) && strstr(e.text, said), "%s: %s", list, e.text); \
} while (0)
	BAD("{}", "exclude: a list");
	BAD("[1]", "exclude[0]: an object");
	BAD("[{\"vendor\": \"AMD\", \"family\": 25, \"reason\": \"r\"}]", "exclude[0].model: missing");
	BAD("[{\"vendor\": \"AMD\", \"family\": 25, \"model\": 1}]", "exclude[0].reason");
	BAD("[{\"vendor\": \"AMD\", \"family\": 25, \"model\": [1], \"reason\": \"r\"}]", "a number or a string");
	BAD("[{\"vendor\": \"AMD\", \"family\": 25, \"model\": 1, \"steping\": 1, \"reason\": \"r\"}]", "exclude[0].steping: there is no such member");
}

int main(void)
{
	written();
	form();
	malformed();
	judged_by();
	pools();
	return done();
}
