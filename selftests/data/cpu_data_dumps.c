// SPDX-License-Identifier: GPL-2.0-only
/*
 * Real dumps: print and parse, leaf 0xD recomputed, random pools, all pairs.
 */
#include <sys/resource.h>
#include <time.h>

#include "cpu_data.h"
#include "cpu_print.h"
#include "lib/cpu/check.h"
#include "lib/cpu/combine.h"
#include "lib/cpu/default.h"
#include "lib/cpu/virt.h"
#include "lib/cpu/vuln.h"
#include "lib/cpu/xsave.h"

static void round_trip(void)
{
	struct family f = { .name = "parse(print(dump))" };
	unsigned int i;

	for (i = 0; i < nr_dumps; i++) {
		json_object *o = cpu_policy_file(&dumps[i].host.cpu[0], "x");
		const char *text = json_object_to_json_string(o);
		struct cpu_host h = { 0 };
		struct error err = { 0 };

		if (cpu_host_parse(&h, dumps[i].name, text, strlen(text), &err))
			failed(&f, "%s: %s", dumps[i].name, err.text);
		else if (!cpu_policy_equal(&h.cpu[0], &dumps[i].host.cpu[0]))
			failed(&f, "%s", dumps[i].name);
		else
			equal(&f);
		cpu_host_free(&h);
		json_object_put(o);
	}
	finish(&f);
}

static void xsave(void)
{
	struct family f = { .name = "leaf 0xD recomputed" };
	unsigned int i, c;

	for (i = 0; i < nr_dumps; i++) {
		const struct cpu_policy *p = &dumps[i].host.cpu[0];
		u64 xcr0 = cpu_xsave_xcr0(p), missing = 0;
		u32 ours = cpu_xsave_size(p, xcr0), theirs = cpu_policy_reg(p, 0xd, 0, CPU_ECX);
		struct cpu_xstate x;

		if (!dumps[i].xsave_oracle)
			continue;
		for (c = 2; c < 63; c++)
			if ((xcr0 >> c & 1) && !cpu_xsave_component(p, c, &x))
				missing |= BIT_ULL(c);
		if (ours == theirs)
			equal(&f);
		else if (missing)
			deviates(&f, "%s: components 0x%llx are enumerated and not described",
				 dumps[i].name, (unsigned long long)missing);
		else
			failed(&f, "%s: %u, the dump has %u", dumps[i].name, ours, theirs);
	}
	finish(&f);
}

/* Is a feature of the baseline one that this member has, or may lack by its rule? */
static bool may_show(const struct cpu_view *member, const struct cpu_feature *feature)
{
	return cpu_view_has_capability(member, feature->nr) || feature->pool == CPU_POOL_OR;
}

static void pools(void)
{
	struct family accept = { .name = "pools: accepted" }, order = { .name = "pools: order" },
		      idem = { .name = "pools: idempotent" }, subset = { .name = "pools: subset" },
		      mixed = { .name = "pools: mixed vendors' XCR0" }, shown = { .name = "pools: shown" };
	struct cpu_policy *out = calloc(3, sizeof(*out));
	struct cpu_combine_scratch *s = calloc(1, sizeof(*s));
	struct cpu_check_work *w = calloc(1, sizeof(*w));
	struct cpu_effective_work *e = calloc(1, sizeof(*e));
	const struct cpu_combine_options opt = { 0 };
	const struct cpu_check_options nested = { .flags = CPU_CHECK_NESTED };
	const struct cpu_default_params params = { .topology = { 4, 1 } };
	unsigned int t, i, k, n, seed = 20261120;
	u32 culprit;

	for (t = 0; t < 5000; t++) {
		const struct cpu_policy *m[8], *r[8], *one[1] = { out };
		struct dump *d[8];
		bool amd = false, other = false, bad = false, fresh_bad = false;

		n = 2 + t % 7;
		for (i = 0; i < n; i++) {
			seed = seed * 1103515245 + 12345;
			d[i] = &dumps[(seed >> 8) % nr_dumps];
			m[i] = &d[i]->host.cpu[0];
			r[n - 1 - i] = m[i];
			if (cpu_vendor_is_amd_like(d[i]->view.vendor))
				amd = true;
			else
				other = true;
		}
		if (cpu_combine(out, m, n, &opt, s, &culprit)) {
			/* Some files of the set are no whole CPU. */
			if (cpu_policy_find(m[culprit], 1, 0))
				failed(&accept, "%s", d[culprit]->name);
			continue;
		}
		cpu_view_init(&w->guest, out);
		for (i = 0; i < n && !bad; i++) {
			cpu_check(&w->guest, &d[i]->view, &nested, &w->list);
			if (w->list.total) {
				failed(&accept, "%s: %u findings", d[i]->name, w->list.total);
				bad = true;
			}
			for (k = 0; k < cpu_nr_features && !bad; k++)
				if (cpu_policy_has(out, cpu_features[k].nr) &&
				    !may_show(&d[i]->view, &cpu_features[k])) {
					failed(&subset, "%s lacks %s", d[i]->name, cpu_features[k].names);
					bad = true;
				}
		}
		if (!bad) {
			equal(&accept);
			equal(&subset);
		}
		cpu_combine(&out[1], r, n, &opt, s, &culprit);
		if (cpu_policy_equal(out, &out[1]))
			equal(&order);
		else
			failed(&order, "%s and others", d[0]->name);
		cpu_combine(&out[1], one, 1, &opt, s, &culprit);
		if (cpu_policy_equal(out, &out[1]))
			equal(&idem);
		else
			failed(&idem, "%s and others", d[0]->name);
		if (amd && other) {
			if (cpu_xsave_xcr0(out) & ~7ULL)
				failed(&mixed, "%s and others", d[0]->name);
			else
				equal(&mixed);
		}
		if (!cpu_policy_has(out, CPU_F_LM) || cpu_effective(&out[2], out, NULL, &params, e))
			continue;
		cpu_view_init(&w->guest, &out[2]);
		for (i = 0; i < n && !fresh_bad; i++) {
			const struct cpu_check_options o = { .flags = CPU_CHECK_EFFECTIVE };

			if (cpu_check(&w->guest, &d[i]->view, &o, &w->list) == CPU_CHECK_REFUSE) {
				failed(&shown, "%s", d[i]->name);
				fresh_bad = true;
			}
		}
		if (!fresh_bad)
			equal(&shown);
	}
	finish(&accept);
	finish(&subset);
	finish(&order);
	finish(&idem);
	finish(&mixed);
	finish(&shown);
	free(e);
	free(w);
	free(s);
	free(out);
}

/* ------------------------------------------------------------------ pairs */

/* Judged again from the raw registers, by other code than cpu_check(). */
static const char *unsound(const struct dump *g, const struct dump *h)
{
	const struct cpu_policy *a = &g->host.cpu[0], *b = &h->host.cpu[0];
	const struct cpu_msr *ma = cpu_policy_find_msr(a, 0x10a), *mb = cpu_policy_find_msr(b, 0x10a);
	/* RDCL, SSB, MDS, TAA, SBDR_SSDP, FBSDP, PSDP, BHI, GDS, RFDS _NO, and ITS_NO */
	const u64 immunity = BIT_ULL(0) | BIT_ULL(4) | BIT_ULL(5) | BIT_ULL(8) | BIT_ULL(13) |
			     BIT_ULL(14) | BIT_ULL(15) | BIT_ULL(20) | BIT_ULL(26) | BIT_ULL(27) |
			     BIT_ULL(62);
	unsigned int i, c;

	for (i = 0; i < cpu_nr_features; i++) {
		const struct cpu_feature *f = &cpu_features[i];
		const struct cpu_word *w = &cpu_words[f->nr / 32];
		u32 bit = 1u << (f->nr % 32);

		if (w->source != CPU_SOURCE_CPUID || w->index == 0x8000000a ||
		    f->pool == CPU_POOL_DYNAMIC || f->pool == CPU_POOL_SYNTH ||
		    f->pool == CPU_POOL_OR || cpu_set_has(&cpu_emulated, f->nr))
			continue;
		if (!(cpu_policy_reg(a, w->index, w->sub, w->reg) & bit) ||
		    (cpu_policy_reg(b, w->index, w->sub, w->reg) & bit))
			continue;
		/* SYSCALL as seen by 32-bit programs */
		if (f->nr == CPU_F_SYSCALL &&
		    (cpu_policy_reg(b, 0x80000001, 0, CPU_EDX) & 1u << 29))
			continue;
		/* the other vendor's spelling */
		if (cpu_view_has_capability(&h->view, f->nr))
			continue;
		return f->names;
	}
	if (cpu_policy_find(a, 0x80000008, 0) &&
	    (cpu_policy_reg(a, 0x80000008, 0, CPU_EAX) & 0xff) > cpu_policy_phys_bits(b))
		return "a smaller physical width";
	for (c = 2; c < 63; c++) {
		u64 mask = cpu_xsave_xcr0(a) | cpu_xsave_xss(a);

		if ((mask >> c & 1) && (cpu_policy_reg(a, 1, 0, CPU_ECX) & 1u << 26) &&
		    (cpu_policy_reg(a, 0xd, c, CPU_EAX) != cpu_policy_reg(b, 0xd, c, CPU_EAX) ||
		     cpu_policy_reg(a, 0xd, c, CPU_EBX) != cpu_policy_reg(b, 0xd, c, CPU_EBX)))
			return "another layout";
	}
	if (ma && (ma->value & immunity & ~(mb ? mb->value : 0)))
		return "a vulnerability the guest was told it lacks";
	return NULL;
}

static void pairs(void)
{
	struct family f = { .name = "pairs: no unsound acceptance" };
	struct cpu_findings *list = calloc(1, sizeof(*list));
	const struct cpu_check_options opt = { 0 };
	unsigned int i, k, accepted = 0;

	for (i = 0; i < nr_dumps; i++)
		for (k = 0; k < nr_dumps; k++) {
			const char *why;

			if (!dumps[i].bare_metal || !dumps[k].bare_metal)
				continue;
			if (cpu_check(&dumps[i].view, &dumps[k].view, &opt, list) == CPU_CHECK_REFUSE) {
				equal(&f);
				continue;
			}
			accepted++;
			why = unsound(&dumps[i], &dumps[k]);
			if (why)
				failed(&f, "%s to %s: %s", dumps[i].name, dumps[k].name, why);
			else
				equal(&f);
		}
	printf("# %u of %u ordered pairs are accepted\n", accepted, f.cases);
	finish(&f);
	free(list);
}

void test_dumps(void)
{
	round_trip();
	xsave();
	pools();
	pairs();
}

/* The bench: every pair of every dump, one core. */
void test_matrix(void)
{
	struct cpu_findings *list = calloc(1, sizeof(*list));
	const struct cpu_check_options opt = { 0 };
	unsigned int i, k, count[3] = { 0 };
	struct timespec a, b;
	struct rusage ru;
	double seconds;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	for (i = 0; i < nr_dumps; i++)
		for (k = 0; k < nr_dumps; k++)
			count[cpu_check(&dumps[i].view, &dumps[k].view, &opt, list)]++;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	seconds = (b.tv_sec - a.tv_sec) + (b.tv_nsec - a.tv_nsec) * 1e-9;
	getrusage(RUSAGE_SELF, &ru);
	printf("# matrix: %u checks in %.2f s (%.1f us each), %ld MiB; %u accepted, %u with warnings, %u refused\n",
	       nr_dumps * nr_dumps, seconds, seconds / (nr_dumps * nr_dumps) * 1e6, ru.ru_maxrss >> 10,
	     count[0], count[1], count[2]);
	printf("# row cpu-pair-matrix s %.2f\n# row cpu-pair-matrix-memory MiB %ld\n", seconds,
	       ru.ru_maxrss >> 10);
	verdict(seconds < 10 * (nr_dumps * nr_dumps / 537289.0), "all pairs in the time allowed");
	verdict(ru.ru_maxrss < 100 << 10, "in less than 100 MiB");
	free(list);
}
