// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPUs for tests. See cpu_help.h.
 */
#include "cpu_help.h"
#include "lib/cpu/xsave.h"
#include "tap.h"

struct cpu_findings judged;

static void set(struct cpu_policy *p, u32 leaf, u32 sub, u32 a, u32 b, u32 c, u32 d)
{
	const u32 reg[4] = { a, b, c, d };

	if (cpu_policy_set(p, leaf, sub, reg))
		bail_out("cannot set leaf %#x", leaf);
}

static void edit(struct cpu_set *s, const char *words, bool on)
{
	char *copy = strdup(words), *save, *w;

	for (w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		const struct cpu_feature *f = cpu_feature_find(w, NULL);

		if (!f)
			bail_out("no feature %s", w);
		cpu_set_put(s, f->nr, on);
	}
	free(copy);
}

void edit_cpu(struct cpu_policy *p, const char *plus, const char *minus)
{
	struct cpu_set s;

	cpu_set_get(p, &s);
	edit(&s, plus, true);
	edit(&s, minus, false);
	if (cpu_set_apply(p, &s))
		bail_out("cannot edit");
}

/* Intel and AMD put the same components at different offsets. */
static void layout(struct cpu_policy *p, u64 xcr0, bool amd)
{
	set(p, 0xd, 0, (u32)xcr0, 0, 0, (u32)(xcr0 >> 32));
	if (xcr0 & 4)
		set(p, 0xd, 2, 0x100, 0x240, 0, 0);
	if (xcr0 & 0xe0) {
		set(p, 0xd, 5, 0x40, amd ? 0x340 : 0x440, 0, 0);
		set(p, 0xd, 6, 0x200, amd ? 0x380 : 0x480, 0, 0);
		set(p, 0xd, 7, 0x400, amd ? 0x580 : 0x680, 0, 0);
	}
	if (xcr0 & 0x200)
		set(p, 0xd, 9, 8, amd ? 0x980 : 0xa80, 0, 0);
	cpu_policy_find_mut(p, 0xd, 0)->reg[CPU_ECX] = cpu_xsave_size(p, xcr0);
	cpu_policy_find_mut(p, 0xd, 0)->reg[CPU_EBX] = cpu_xsave_size(p, xcr0);
}

void make_cpu(struct cpu_policy *p, const char *vendor, u32 family, u32 model, u32 stepping,
	      unsigned int phys_bits, const char *features)
{
	bool amd = !strcmp(vendor, "AMD");
	const char *id = amd ? "AuthenticAMD" : !strcmp(vendor, "Intel") ? "GenuineIntel" : vendor;
	struct cpu_set s = { 0 };
	u32 v[3], base = family > 15 ? 15 : family;
	u64 xcr0 = 3;

	cpu_policy_init(p);
	memcpy(v, id, 12);
	set(p, 0, 0, 0xd, v[0], v[2], v[1]);
	set(p, 1, 0, stepping | (model & 15) << 4 | base << 8 | (model >> 4) << 16 | (family - base) << 20,
	    8 << 8, 0, 0);
	set(p, 7, 0, 2, 0, 0, 0);
	set(p, 0x80000000, 0, 0x80000021, 0, 0, 0);
	set(p, 0x80000001, 0, 0, 0, 0, 0);
	set(p, 0x80000008, 0, phys_bits | 48 << 8, 0, 0, 0);
	set(p, 5, 0, 64, 64, 3, 0);
	set(p, 6, 0, 4, 0, 0, 0);
	set(p, 4, 0, amd ? 0 : 0x121, 0x01c0003f, 0x3f, 0);
	edit(&s, features, true);
	if (cpu_set_apply(p, &s))
		bail_out("cannot make a CPU");
	if (!cpu_set_has(&s, CPU_F_XSAVE))
		return;
	if (cpu_set_has(&s, CPU_F_AVX))
		xcr0 |= 4;
	if (cpu_set_has(&s, CPU_F_AVX512F))
		xcr0 |= 0xe0;
	if (cpu_set_has(&s, CPU_F_PKU))
		xcr0 |= 0x200;
	set(p, 0xd, 1, s.w[CPU_W_D_1_EAX], 0, 0, 0);
	layout(p, xcr0, amd);
}

static u32 rnd(unsigned int *seed)
{
	*seed = *seed * 1103515245 + 12345;
	return *seed >> 8;
}

void random_cpu(struct cpu_policy *p, unsigned int *seed)
{
	static const char *const vendors[] = { "Intel", "Intel", "AMD", "SomebodyElse" };
	static const u8 models[] = { 0x2d, 0x3f, 0x4f, 0x55, 0x6a, 0x8f, 0x31, 1, 17 };
	const char *vendor = vendors[rnd(seed) % 4];
	bool amd = !strcmp(vendor, "AMD");
	struct cpu_set s;
	unsigned int i;

	make_cpu(p, vendor, amd ? 0x17 + 2 * (rnd(seed) % 2) : 6, models[rnd(seed) % 9],
		 rnd(seed) % 8, 36 + rnd(seed) % 17, amd ? ZEN4 : SKX);
	cpu_set_get(p, &s);
	for (i = 0; i < CPU_NR_WORDS; i++)
		if (rnd(seed) % 3) {
			s.w[i] ^= rnd(seed) & rnd(seed) & rnd(seed) & cpu_words[i].defined;
			s.w[i] &= ~cpu_rule_bits[CPU_POOL_DYNAMIC][i];
		}
	/* More leaves than leaf 0 admits would be a lie. */
	for (i = 0; i < CPU_NR_WORDS; i++)
		if (cpu_words[i].source == CPU_SOURCE_CPUID &&
		    (cpu_words[i].index > 0xd && cpu_words[i].index < 0x80000000))
			s.w[i] = 0;
	if (cpu_set_apply(p, &s))
		bail_out("cannot make a random CPU");
	if (rnd(seed) % 4 == 0)
		cpu_policy_find_mut(p, 0xd, 0)->reg[CPU_EAX] &= ~(u32)0xe0;
	if (rnd(seed) % 8 == 0)
		cpu_policy_del(p, 0xd, 2);
	if (rnd(seed) % 8 == 0)
		cpu_policy_find_mut(p, 1, 0)->reg[CPU_EBX] = 4 << 8;
	if (rnd(seed) % 8 == 0)
		cpu_policy_del_leaf(p, 7);
}

enum cpu_verdict judge_cpu(const struct cpu_policy *guest, const struct cpu_policy *host, u32 flags)
{
	const struct cpu_check_options opt = { .flags = flags };
	static struct cpu_view g, h;

	cpu_view_init(&g, guest);
	cpu_view_init(&h, host);
	return cpu_check(&g, &h, &opt, &judged);
}

const struct cpu_finding *found(unsigned int feature)
{
	u32 i;

	for (i = 0; i < judged.nr; i++)
		if (cpu_finding_feature(&judged.finding[i]) == feature)
			return &judged.finding[i];
	return NULL;
}

const struct cpu_finding *found_detail(enum cpu_detail detail)
{
	u32 i;

	for (i = 0; i < judged.nr; i++)
		if (judged.finding[i].detail == detail)
			return &judged.finding[i];
	return NULL;
}

enum cpu_combine_error pool_of(struct cpu_policy *out, const struct cpu_policy *a,
			       const struct cpu_policy *b, const struct cpu_policy *c,
			       const struct cpu_policy *d)
{
	const struct cpu_policy *m[4] = { a, b, c, d };
	static struct cpu_combine_scratch s;
	const struct cpu_combine_options opt = { 0 };
	u32 n = 0, culprit;

	while (n < 4 && m[n])
		n++;
	return cpu_combine(out, m, n, &opt, &s, &culprit);
}
