// SPDX-License-Identifier: GPL-2.0-only
/*
 * lib/cpu: baselines of pools: single rules, and properties over random pools.
 */
#include "cpu_help.h"
#include "lib/cpu/default.h"
#include "lib/cpu/derive.h"
#include "lib/cpu/vuln.h"
#include "lib/cpu/xsave.h"
#include "tap.h"

static struct cpu_policy a, b, c, out, again;

static bool has(unsigned int nr)
{
	return cpu_policy_has(&out, nr);
}

static void rules(void)
{
	u32 i;

	make_cpu(&a, "Intel", 6, 0x2d, 7, 46, SNB);
	make_cpu(&b, "Intel", 6, 0x4f, 1, 39, BDW);
	ok_eq(pool_of(&out, &a, &b, NULL, NULL), CPU_COMBINE_OK, "Sandy Bridge and Broadwell");
	ok(has(CPU_F_AVX) && !has(CPU_F_AVX2) && !has(CPU_F_SMAP), "the intersection");
	ok_eq(cpu_policy_phys_bits(&out), 39, "the narrower width");
	cpu_policy_find_mut(&a, 0x80000008, 0)->reg[CPU_EAX] = 0;
	pool_of(&out, &a, &b, NULL, NULL);
	ok(cpu_policy_phys_bits(&out) == 36 && cpu_policy_lin_bits(&out) == 48,
	   "a model made of names: the least that a CPU with long mode has");
	make_cpu(&a, "Intel", 6, 0x2d, 7, 46, SNB);
	pool_of(&out, &a, &b, NULL, NULL);
	ok_eq(cpu_xsave_xcr0(&out), 7, "the common state");
	ok_eq(cpu_policy_reg(&out, 0xd, 0, CPU_ECX), 0x340, "its size");

	edit_cpu(&b, "", "xsave");
	pool_of(&out, &a, &b, NULL, NULL);
	ok(!has(CPU_F_AVX) && !has(CPU_F_XSAVEOPT) && !cpu_policy_find(&out, 0xd, 0),
	   "without XSAVE no AVX and no leaf 0xD");

	/* equal bits, other offsets */
	make_cpu(&a, "Intel", 6, 0x8f, 8, 46, SKX);
	make_cpu(&b, "AMD", 0x19, 0x11, 1, 48, ZEN4);
	pool_of(&out, &a, &b, NULL, NULL);
	ok(!has(CPU_F_AVX512F) && !has(CPU_F_AVX512BW) && !has(CPU_F_PKU), "no AVX-512 and no PKU");
	ok_eq(cpu_xsave_xcr0(&out), 7, "XCR0 ends at AVX");
	ok(cpu_policy_settings(&out).flags & CPU_POLICY_CROSS_VENDOR, "made for two vendors");
	ok_eq(cpu_policy_vendor(&out), CPU_VENDOR_UNKNOWN, "and shows none of them");

	/* two spellings */
	make_cpu(&a, "Intel", 6, 0x8f, 8, 46, SKX " spec-ctrl stibp ssbd");
	pool_of(&out, &a, &b, NULL, NULL);
	ok(has(CPU_F_SPEC_CTRL) && has(CPU_F_AMD_IBRS) && has(CPU_F_SSBD) && has(CPU_F_AMD_STIBP),
	   "IBRS, STIBP and SSBD survive a mixed pool, in both spellings");
	edit_cpu(&b, "", "amd-ssbd");
	pool_of(&out, &a, &b, NULL, NULL);
	ok(!has(CPU_F_SSBD) && !has(CPU_F_AMD_SSBD) && has(CPU_F_STIBP), "SSBD does not, if one lacks it");

	/* OR rules */
	make_cpu(&a, "Intel", 6, 0x55, 7, 46, SKX " arch-capabilities mds-no rdctl-no taa-no");
	make_cpu(&b, "Intel", 6, 0x55, 4, 46, SKX " md-clear zero-fcs-fds");
	pool_of(&out, &a, &b, NULL, NULL);
	ok(has(CPU_F_MD_CLEAR), "MD_CLEAR if any has it and none needs it in vain");
	ok(has(CPU_F_ZERO_FCS_FDS), "inverted facts are taken over");
	ok(!has(CPU_F_MDS_NO) && !has(CPU_F_RDCL_NO), "immunities are not");
	make_cpu(&c, "Intel", 6, 0x55, 4, 46, SKX);
	pool_of(&out, &b, &c, NULL, NULL);
	ok(!has(CPU_F_MD_CLEAR), "MD_CLEAR is not shown when a member needs it and lacks it");

	/* RSBA */
	make_cpu(&a, "Intel", 6, 0x3f, 2, 46, HSW);
	pool_of(&out, &a, &a, NULL, NULL);
	ok(!(cpu_policy_settings(&out).flags & CPU_POLICY_RSBA), "Haswells need no RSBA");
	pool_of(&out, &a, &b, NULL, NULL);
	ok(cpu_policy_settings(&out).flags & CPU_POLICY_RSBA, "a Skylake among them does");

	/* CLFLUSH, MONITOR */
	make_cpu(&a, "Intel", 6, 0x2d, 7, 46, SNB);
	make_cpu(&b, "Intel", 6, 0x2d, 7, 46, SNB);
	cpu_policy_find_mut(&b, 5, 0)->reg[CPU_EAX] = 128;
	pool_of(&out, &a, &b, NULL, NULL);
	ok(!has(CPU_F_MONITOR) && !cpu_policy_find(&out, 5, 0) && has(CPU_F_CLFLUSH),
	   "other monitor lines: MONITOR goes");
	cpu_policy_find_mut(&b, 1, 0)->reg[CPU_EBX] = 4 << 8;
	pool_of(&out, &a, &b, NULL, NULL);
	ok(!has(CPU_F_CLFLUSH) && !(cpu_policy_reg(&out, 1, 0, CPU_EBX) & 0xff00),
	   "other cache lines: CLFLUSH goes");

	/* identity: the one whose mitigations serve all */
	make_cpu(&a, "Intel", 6, 0x2d, 7, 46, SNB);
	make_cpu(&b, "Intel", 6, 0x55, 7, 46, SKX);
	pool_of(&out, &a, &b, NULL, NULL);
	ok_eq(cpu_policy_signature(&out).model, 0x55, "Cascade Lake's identity knows of ITS");
	ok_eq(cpu_policy_settings(&out).accepted, 0, "nothing is left open");
	{
		const struct cpu_policy *m[2] = { &a, &b };
		static struct cpu_combine_scratch s;
		struct cpu_combine_options opt = { .identity = CPU_IDENTITY_MEMBER };

		cpu_combine(&out, m, 2, &opt, &s, &i);
		ok_eq(cpu_policy_signature(&out).model, 0x2d, "Sandy Bridge's if asked for");
		ok(cpu_policy_settings(&out).accepted & 1 << CPU_VULN_ITS, "... with ITS open");
		ok(!(cpu_policy_settings(&out).accepted & 1 << CPU_VULN_RETBLEED),
		   "... but not Retbleed, which RSBA tells of");
		ok_eq(judge_cpu(&out, &b, 0), CPU_CHECK_OK, "... which its owner has accepted");
	}
	ok_eq(pool_of(&out, NULL, NULL, NULL, NULL), CPU_COMBINE_NO_MEMBERS, "no members, no baseline");
	cpu_policy_del(&b, 1, 0);
	ok_eq(pool_of(&out, &a, &b, NULL, NULL), CPU_COMBINE_NO_LEAVES, "a member without leaf 1 fails it");
}

/* Not more than this member has, but for what OR rules, spellings and long mode bring. */
static bool is_subset(const struct cpu_policy *of)
{
	struct cpu_view *v = calloc(1, sizeof(*v));
	unsigned int i, bad = 0;

	cpu_view_init(v, of);
	for (i = 0; i < cpu_nr_features; i++) {
		unsigned int nr = cpu_features[i].nr;

		if (!cpu_policy_has(&out, nr) || cpu_view_has_capability(v, nr) ||
		    cpu_features[i].pool == CPU_POOL_OR)
			continue;
		bad++;
	}
	free(v);
	return !bad;
}

static void properties(void)
{
	static struct cpu_policy pool[8];
	static struct cpu_combine_scratch s;
	const struct cpu_combine_options opt = { 0 };
	unsigned int seed = 1, t, i, n, refused = 0, order = 0, idem = 0, subset = 0, shown = 0,
		     mixed = 0, closed = 0;
	u32 culprit;

	for (t = 0; t < 3000; t++) {
		const struct cpu_policy *m[8], *r[8], *one[1] = { &out };
		struct cpu_default_params d = { .topology = { 2, 1 } };
		static struct cpu_effective_work w;
		static struct cpu_policy guest;
		struct cpu_set set, before;

		n = 2 + t % 7;
		for (i = 0; i < n; i++) {
			random_cpu(&pool[i], &seed);
			m[i] = &pool[i];
			r[n - 1 - i] = &pool[i];
		}
		if (cpu_combine(&out, m, n, &opt, &s, &culprit)) {
			refused++;
			continue;
		}
		for (i = 0; i < n; i++) {
			if (judge_cpu(&out, m[i], CPU_CHECK_NESTED) != CPU_CHECK_OK || judged.total) {
				if (refused++ < 3)
					diag("pool %u member %u: %u findings, first 0x%x.%u %u bit %u "
					     "detail %u", t, i, judged.total, judged.finding[0].leaf,
					     judged.finding[0].subleaf, judged.finding[0].reg,
					     judged.finding[0].bit, judged.finding[0].detail);
			}
			subset += !is_subset(m[i]);
		}
		cpu_combine(&again, r, n, &opt, &s, &culprit);
		order += !cpu_policy_equal(&out, &again);
		cpu_combine(&again, one, 1, &opt, &s, &culprit);
		if (!cpu_policy_equal(&out, &again) && idem++ < 3) {
			diag("pool %u: %u leaves and %u, %u MSRs and %u", t, out.nr_leaves,
			     again.nr_leaves, out.nr_msrs, again.nr_msrs);
			for (i = 0; i < out.nr_leaves; i++)
				if (memcmp(&out.leaf[i], &again.leaf[i], sizeof(out.leaf[i]))) {
					diag("leaf 0x%x.%u: %x %x %x %x and 0x%x.%u: %x %x %x %x",
					     out.leaf[i].leaf, out.leaf[i].subleaf, out.leaf[i].reg[0],
					     out.leaf[i].reg[1], out.leaf[i].reg[2], out.leaf[i].reg[3],
					     again.leaf[i].leaf, again.leaf[i].subleaf,
					     again.leaf[i].reg[0], again.leaf[i].reg[1],
					     again.leaf[i].reg[2], again.leaf[i].reg[3]);
					break;
				}
		}
		/* what depends on what went has gone, too */
		cpu_set_get(&out, &set);
		for (i = 0; i < CPU_NR_WORDS; i++)
			before.w[i] = 0;
		for (i = 0; i < n; i++) {
			struct cpu_set one_set;
			unsigned int k;

			cpu_set_get(m[i], &one_set);
			for (k = 0; k < CPU_NR_WORDS; k++)
				before.w[k] |= one_set.w[k];
		}
		cpu_set_put(&set, CPU_F_ARCH_CAPABILITIES, true);
		closed += cpu_set_close(&set, &before) != 0;
		if ((cpu_policy_settings(&out).flags & CPU_POLICY_CROSS_VENDOR) &&
		    cpu_policy_find(&out, 0xd, 0) && cpu_xsave_xcr0(&out) > 7)
			for (i = 0; i < n; i++)
				if (cpu_policy_vendor(m[i]) == CPU_VENDOR_AMD)
					mixed++;
		/* what a guest is shown of it is accepted as well */
		if (cpu_policy_has(&out, CPU_F_LM) && !cpu_effective(&guest, &out, NULL, &d, &w))
			for (i = 0; i < n; i++)
				shown += judge_cpu(&guest, m[i], CPU_CHECK_EFFECTIVE) == CPU_CHECK_REFUSE;
	}
	ok(!refused, "3000 random pools: every member accepts the baseline without a word");
	ok(!subset, "... which is a subset of each");
	ok(!order, "... whatever the order of the members");
	ok(!idem, "... and its own baseline");
	ok(!closed, "... closed under dependencies");
	ok(!mixed, "... with AMD members never beyond AVX in XCR0 unless all are AMD's");
	ok(!shown, "... and each accepts what a guest sees of it");
}

static void editing(void)
{
	struct cpu_set s;

	make_cpu(&a, "AMD", 0x19, 0x11, 1, 48, ZEN4);
	cpu_set_get(&a, &s);
	cpu_set_put(&s, CPU_F_AVX, false);
	ok_eq(cpu_policy_set_features(&a, &s), 0, "AVX is taken from a Zen 4");
	ok(!cpu_policy_has(&a, CPU_F_AVX512F) && !cpu_policy_has(&a, CPU_F_FMA), "its children go");
	ok_eq(cpu_xsave_xcr0(&a), 0x203, "its state goes, PKRU stays");
	ok_eq(cpu_policy_reg(&a, 0x80000001, 0, CPU_EDX) & CPU_AMD_MIRROR,
	      cpu_policy_reg(&a, 1, 0, CPU_EDX) & CPU_AMD_MIRROR, "AMD's copy of leaf 1 is kept");
	cpu_set_get(&a, &s);
	cpu_set_put(&s, CPU_F_MONITOR, false);
	cpu_policy_set_features(&a, &s);
	ok(!cpu_policy_find(&a, 5, 0), "leaf 5 goes with MONITOR");
}

static void costs(void)
{
	const struct cpu_policy *m[3] = { &a, &b, &c };
	static struct cpu_combine_scratch s;
	struct cpu_set lost, alone;

	make_cpu(&a, "Intel", 6, 0x4f, 1, 46, BDW);
	make_cpu(&b, "Intel", 6, 0x3f, 2, 46, HSW);
	make_cpu(&c, "Intel", 6, 0x4f, 1, 46, BDW);
	edit_cpu(&c, "", "aes");
	pool_of(&out, &a, &b, &c, NULL);
	cpu_combine_cost(m, 3, 1, &out, &lost, &alone, &s);
	ok(cpu_set_has(&alone, CPU_F_ADX) && !cpu_set_has(&lost, CPU_F_AES), "Haswell alone costs ADX");
	cpu_combine_cost(m, 3, 2, &out, &lost, &alone, &s);
	ok(cpu_set_has(&alone, CPU_F_AES) && !cpu_set_has(&lost, CPU_F_ADX), "the other costs AES");
	cpu_combine_cost(m, 3, 0, &out, &lost, &alone, &s);
	ok(!cpu_set_has(&lost, CPU_F_AES) && !cpu_set_has(&lost, CPU_F_ADX), "the best costs nothing");
}

int main(void)
{
	rules();
	editing();
	costs();
	properties();
	return done();
}
