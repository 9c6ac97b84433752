// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer over the algebra of policies: whatever leaves and MSRs three CPUs have, checks, baselines,
 * effective policies, masks and explanations keep their promises.
 */
#include <stdlib.h>

#include "lib/cpu/answer.h"
#include "lib/cpu/check.h"
#include "lib/cpu/combine.h"
#include "lib/cpu/default.h"
#include "lib/cpu/derive.h"
#include "lib/cpu/exclude.h"
#include "lib/cpu/explain.h"
#include "lib/cpu/xsave.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);

static struct cpu_policy cpu[3], base, again, guest;
static struct cpu_check_work w;
static struct cpu_combine_scratch scratch;
static struct cpu_effective_work effective;

static void must(bool good)
{
	if (!good)
		abort();
}

/* A sane exclusion, often of a CPU that is there; how long its reason is depends on the bytes, too. */
static void exclude(struct cpu_policy *p, const u8 *d)
{
	struct cpu_exclusion x = { .reg = { cpu_exclusion_eax(1 + d[0] % 5, d[1] % 32),
					    cpu_exclusion_ebx(0, d[2], 0, d[3] % 16), d[4] & 1 ? d[5] : 0,
					    ~0u } };

	memset(x.reason, 'a' + d[7] % 26, 1 + d[6] % CPU_REASON_LEN);
	must(cpu_exclusion_add(p, &x) != -EINVAL);
}

/* Any bytes where exclusions lie: taken only if they are just what we would write. */
static void raw_exclusions(const u8 *d, const u8 *end)
{
	static struct cpu_policy raw, same;
	struct cpu_exclusion x;
	u32 at;

	cpu_policy_init(&raw);
	cpu_policy_init(&same);
	for (; end - d >= 17; d += 17) {
		struct cpu_leaf l = { .leaf = CPU_LEAF_EXCLUDED, .subleaf = d[0] };

		memcpy(l.reg, d + 1, sizeof(l.reg));
		cpu_policy_set(&raw, l.leaf, l.subleaf, l.reg);
	}
	if (cpu_policy_validate(&raw, &at))
		return;
	for (at = 0; cpu_exclusion_get(raw.leaf, raw.nr_leaves, at, &x); at += CPU_EXCLUDED_STEP)
		must(!cpu_exclusion_add(&same, &x));
	must(cpu_policy_equal(&raw, &same));
}

/* One byte chooses a leaf that somebody looks at, then come its registers. */
static const u8 *make(struct cpu_policy *p, const u8 *d, const u8 *end)
{
	static const u32 leaves[] = { 0, 1, 2, 4, 5, 6, 7, 0xa, 0xb, 0xd, 0xf, 0x10, 0x12, 0x14, 0x15,
				      0x19, 0x1d, 0x1e, 0x1f, 0x23, 0x24, CPU_LEAF_SETTINGS, 0x40000000,
				      0x80000000, 0x80000001, 0x80000002, 0x80000005, 0x80000006,
				      0x80000007, 0x80000008, 0x8000000a, 0x8000001d, 0x8000001e,
				      0x8000001f, 0x80000021, 0xc0000000, 0xc0000001 };
	u32 n;

	cpu_policy_init(p);
	if (d == end)
		return d;
	for (n = *d++; n && end - d >= 18; n--) {
		struct cpu_leaf l = { .leaf = leaves[d[0] % ARRAY_SIZE(leaves)] };

		if (cpu_leaf_has_subleaves(l.leaf))
			l.subleaf = d[1] % 66;
		memcpy(l.reg, d + 2, sizeof(l.reg));
		if (l.leaf == CPU_LEAF_SETTINGS) {
			l.reg[CPU_EAX] &= CPU_POLICY_FLAGS;
			/* There is no fourth. */
			if ((l.reg[CPU_EAX] & CPU_POLICY_RAW_TSC_MASK) == CPU_POLICY_RAW_TSC_MASK)
				l.reg[CPU_EAX] &= ~CPU_POLICY_RAW_TSC_MASK;
		}
		if (d[0] == 0xfe)
			exclude(p, d + 1);
		else if (d[0] == 0xff)
			cpu_policy_set_msr(p, d[1] & 1 ? 0x10a : 0x480 + d[1] % 18,
					   (u64)l.reg[0] << 32 | l.reg[1]);
		else
			cpu_policy_set(p, l.leaf, l.subleaf, l.reg);
		d += 18;
	}
	return d;
}

static void explain_all(void)
{
	struct cpu_explanation e;
	u32 i;

	must(w.list.nr <= CPU_MAX_FINDINGS && w.list.nr <= w.list.total);
	for (i = 0; i < w.list.nr && i < 8; i++) {
		cpu_explain(&w.list.finding[i], NULL, &e);
		must(*e.subject && *e.what);
	}
}

static void answers(const struct cpu_policy *p)
{
	static const u32 ask[] = { 0, 1, 7, 0xb, 0xd, 0x1f, 0x40000000, 0x80000008, 0x8000001e, 0xffffffff };
	const struct cpu_dynamic dyn = { .x2apic_id = 300, .osxsave = true, .xcr0 = 7, .xss = 0x1800 };
	struct cpu_index ix;
	struct cpu_regs r;
	u32 i, s;

	cpu_index_build(&ix, p);
	for (i = 0; i < ARRAY_SIZE(ask); i++)
		for (s = 0; s < 70; s += 23) {
			cpu_answer(p, &ix, ask[i], s, &r);
			cpu_answer_dynamic(p, ask[i], s, &dyn, &r);
		}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
	const struct cpu_policy *m[3] = { &cpu[0], &cpu[1], &cpu[2] }, *one[1] = { &base };
	const struct cpu_check_options plain = { 0 }, nested = { .flags = CPU_CHECK_NESTED };
	const struct cpu_default_params params = { .topology = { 1 + len % 300, 1u << (len % 3) } };
	const struct cpu_combine_options opt = { 0 };
	const u8 *end = data + len;
	struct cpu_set set;
	u32 i, k, at;

	raw_exclusions(data, end);
	for (i = 0; i < 3; i++) {
		data = make(&cpu[i], data, end);
		must(!cpu_policy_validate(&cpu[i], &at));
		answers(&cpu[i]);
	}
	cpu_view_init(&w.guest, &cpu[0]);
	cpu_view_init(&w.host, &cpu[1]);
	cpu_check(&w.guest, &w.host, &plain, &w.list);
	explain_all();
	/* Nothing a CPU has is missing on that same CPU. */
	cpu_check(&w.guest, &w.guest, &nested, &w.list);
	for (i = 0; i < w.list.nr; i++)
		must(w.list.finding[i].detail != CPU_DETAIL_FEATURE &&
		     w.list.finding[i].detail != CPU_DETAIL_PHYS_BITS &&
		     w.list.finding[i].detail != CPU_DETAIL_LEAF);

	if (cpu_combine(&base, m, 3, &opt, &scratch, &at) == CPU_COMBINE_OK) {
		must(!cpu_policy_validate(&base, &at));
		cpu_view_init(&w.guest, &base);
		for (i = 0; i < 3; i++) {
			cpu_view_init(&w.host, &cpu[i]);
			cpu_check(&w.guest, &w.host, &nested, &w.list);
			/* Somebody else's policy may exclude a member. */
			for (k = 0; k < w.list.nr; k++)
				must(w.list.finding[k].detail == CPU_DETAIL_EXCLUDED);
		}
		must(cpu_combine(&again, one, 1, &opt, &scratch, &at) == CPU_COMBINE_OK);
		must(cpu_policy_equal(&base, &again));
		if (!cpu_effective(&guest, &base, NULL, &params, &effective)) {
			must(!cpu_policy_validate(&guest, &at));
			answers(&guest);
		}
	}
	if (!cpu_effective(&guest, &cpu[0], &cpu[1], &params, &effective)) {
		must(!cpu_policy_validate(&guest, &at));
		cpu_policy_check(&guest, &cpu[1], (struct cpu_clocks){ len, 3 * len }, &w);
		/* A policy in force holds nothing that Ferry does not virtualise. */
		for (i = 0; i < w.list.nr; i++)
			must(w.list.finding[i].detail != CPU_DETAIL_NOT_VIRTUALISED);
	}
	cpu_set_get(&cpu[1], &set);
	cpu_policy_set_features(&cpu[2], &set);
	must(!cpu_policy_validate(&cpu[2], &at));
	return 0;
}
