// SPDX-License-Identifier: GPL-2.0-only
/*
 * lib/cpu: the feature list as data. What the compiler cannot see: names are unique, every name
 * leads back to its feature, dependencies close as they should.
 */
#include "tap.h"
#include "lib/cpu/features.h"

static struct cpu_policy p;

static const char *const naming_names[] = { "ours", "Linux's", "libvirt's" };

static void names(void)
{
	char a[CPU_NAME_MAX], b[CPU_NAME_MAX];
	unsigned int i, j, naming, dup, lost, n;
	bool neg;

	ok(cpu_nr_features > 400, "more than 400 features: %u", cpu_nr_features);
	for (naming = CPU_NAMES_FERRY; naming <= CPU_NAMES_LIBVIRT; naming++) {
		dup = lost = n = 0;
		for (i = 0; i < cpu_nr_features; i++) {
			if (!cpu_feature_name(&cpu_features[i], naming, a))
				continue;
			n++;
			/* Linux shows both vendors' spellings of ibrs and ssbd as one flag. */
			if (naming != CPU_NAMES_LINUX && !cpu_feature_find(a + (a[0] == '!'), &neg))
				lost++;
			for (j = 0; j < i; j++)
				if (cpu_feature_name(&cpu_features[j], naming, b) &&
				    !strcmp(a, b) && naming != CPU_NAMES_LINUX) {
					diag("%s twice", a);
					dup++;
				}
		}
		ok(!dup, "%s names are unique (%u)", naming_names[naming], n);
		ok(!lost, "%s names can be looked up", naming_names[naming]);
	}
	dup = 0;
	for (i = 0; i < cpu_nr_features; i++) {
		cpu_feature_name(&cpu_features[i], CPU_NAMES_FERRY, a);
		if (cpu_feature_find(a, NULL) != &cpu_features[i]) {
			diag("%s finds another feature", a);
			dup++;
		}
		if (cpu_feature_name(&cpu_features[i], CPU_NAMES_LIBVIRT, a) &&
		    cpu_feature_find(a + (a[0] == '!'), NULL) != &cpu_features[i]) {
			diag("libvirt's %s finds another feature", a);
			dup++;
		}
	}
	ok(!dup, "a name leads back to its own feature");
	ok(cpu_feature_find("pni", NULL) == cpu_feature(CPU_F_SSE3), "pni is SSE3");
	ok(cpu_feature_find("nonstop_tsc", NULL) == cpu_feature(CPU_F_INVTSC),
	   "nonstop_tsc is invtsc");
	ok(cpu_feature_find("vmx-cr3-load-noexit", &neg) && neg, "a name for a clear bit");
	ok(!cpu_feature_find("", NULL) && !cpu_feature_find("nosuch", NULL), "no such feature");
	ok(cpu_feature_find("ibrs", NULL) == cpu_feature(CPU_F_AMD_IBRS), "our names come first");
}

static void words(void)
{
	bool known;
	unsigned int i, bad = 0;

	for (i = 0; i < cpu_nr_features; i++) {
		const struct cpu_feature *f = &cpu_features[i];

		if (cpu_feature(f->nr) != f || !(cpu_words[f->nr / 32].defined >> (f->nr % 32) & 1))
			bad++;
		if (!*f->meaning)
			bad++;
	}
	ok(!bad, "every feature is found by its number, is defined and has a meaning");

	cpu_policy_init(&p);
	cpu_word_get(&p, CPU_W_7_EBX, &known);
	ok(known, "a leaf above the highest is known to have nothing");
	ok_eq(cpu_word_set(&p, CPU_W_MSR_10A_HI, 1u << 30), 0, "the high half of an MSR");
	ok_eq(p.msr[0].value, 1ULL << 62, "... is its high half");
	ok_eq(cpu_word_set(&p, CPU_W_MSR_10A_LO, 1), 0, "the low half");
	ok_eq(p.msr[0].value, 1ULL << 62 | 1, "... leaves the other alone");
	ok(cpu_policy_has(&p, CPU_F_ITS_NO) && !cpu_policy_has(&p, CPU_F_FPU), "has and has not");
}

static void closure(void)
{
	struct cpu_set all, s;
	unsigned int i;

	for (i = 0; i < CPU_NR_WORDS; i++)
		all.w[i] = cpu_words[i].defined;
	s = all;
	ok_eq(cpu_set_close(&s, &all), 0, "with everything there, nothing goes");
	cpu_set_put(&s, CPU_F_AVX, false);
	cpu_set_close(&s, &all);
	ok(!cpu_set_has(&s, CPU_F_AVX2) && !cpu_set_has(&s, CPU_F_FMA) &&
		   !cpu_set_has(&s, CPU_F_AVX512F) && !cpu_set_has(&s, CPU_F_AVX512_VBMI) &&
		   !cpu_set_has(&s, CPU_F_VAES) && !cpu_set_has(&s, CPU_F_AVX10_512),
	   "with AVX go its children and theirs");
	ok(cpu_set_has(&s, CPU_F_BMI1) && cpu_set_has(&s, CPU_F_TBM) &&
		   cpu_set_has(&s, CPU_F_POPCNT) && cpu_set_has(&s, CPU_F_AES) &&
		   cpu_set_has(&s, CPU_F_XSAVE),
	   "... and not BMI, TBM, POPCNT, AES, XSAVE");

	s = all;
	cpu_set_put(&s, CPU_F_XSAVE, false);
	cpu_set_close(&s, &all);
	ok(!s.w[CPU_W_D_1_EAX] && !cpu_set_has(&s, CPU_F_PKU) && !cpu_set_has(&s, CPU_F_AMX_INT8) &&
		   !cpu_set_has(&s, CPU_F_SHSTK),
	   "with XSAVE goes all of leaf 0xD and what its components hold");
	s = all;
	cpu_set_put(&s, CPU_F_VMX, false);
	cpu_set_close(&s, &all);
	ok(!s.w[CPU_W_MSR_48B_HI] && s.w[CPU_W_8000000A_EDX],
	   "with VMX its capability MSRs, SVM stays");
	s = all;
	cpu_set_put(&s, CPU_F_SSE4_2, false);
	cpu_set_close(&s, &all);
	ok(cpu_set_has(&s, CPU_F_POPCNT), "POPCNT does not hang on SSE4.2");

	/* A CPU that has a child without its parent keeps it. */
	memset(&all, 0, sizeof(all));
	cpu_set_put(&all, CPU_F_AES, true);
	s = all;
	ok(!cpu_set_close(&s, &all) && cpu_set_has(&s, CPU_F_AES),
	   "a parent that was never there costs nothing");
	ok_str(cpu_dependency_why(CPU_F_SSE2, CPU_F_SSE), "more on the same registers", "a reason");
	ok(!cpu_dependency_why(CPU_F_SSE, CPU_F_SSE2), "no reason for what is no edge");
}

int main(void)
{
	names();
	words();
	closure();
	return done();
}
