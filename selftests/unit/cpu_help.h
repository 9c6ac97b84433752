/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CPUs for tests, made from words instead of dumps.
 */
#ifndef FERRY_CPU_HELP_H
#define FERRY_CPU_HELP_H

#include "lib/cpu/check.h"
#include "lib/cpu/combine.h"

/*
 * A CPU of "Intel", "AMD" or any twelve characters, with these features (our names), a width, and
 * the XSAVE layout of its vendor for the components its features need.
 */
void make_cpu(struct cpu_policy *p, const char *vendor, u32 family, u32 model, u32 stepping,
	      unsigned int phys_bits, const char *features);
/* A random CPU: any features, any sane layout; the same seed makes the same one. */
void random_cpu(struct cpu_policy *p, unsigned int *seed);
/* Add or take away features, without what follows from it. */
void edit_cpu(struct cpu_policy *p, const char *plus, const char *minus);
/* check with default options; the findings are in a static list. */
enum cpu_verdict judge_cpu(const struct cpu_policy *guest, const struct cpu_policy *host, u32 flags);
extern struct cpu_findings judged;
/* The finding about a feature, or NULL. */
const struct cpu_finding *found(unsigned int feature);
const struct cpu_finding *found_detail(enum cpu_detail detail);
/* Combine two to four CPUs, the last ones may be NULL; returns the library's error. */
enum cpu_combine_error pool_of(struct cpu_policy *out, const struct cpu_policy *a,
			       const struct cpu_policy *b, const struct cpu_policy *c,
			       const struct cpu_policy *d);

/* Features of a Sandy Bridge server, as words. */
#define SNB                                                                                        \
	"fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr " \
	"sse sse2 ss ht sse3 pclmulqdq monitor ssse3 cx16 pcid sse4.1 sse4.2 x2apic popcnt "        \
	"tsc-deadline aes xsave avx syscall nx pdpe1gb rdtscp lm lahf_lm xsaveopt invtsc vmx est"
#define HSW SNB " f16c rdrand fsgsbase smep erms fma movbe avx2 bmi1 bmi2 invpcid abm"
#define BDW HSW " rdseed adx smap 3dnowprefetch"
#define SKX BDW " clflushopt clwb avx512f avx512dq avx512cd avx512bw avx512vl xsavec xgetbv1 pku"
#define ZEN4                                                                                       \
	"fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr " \
	"sse sse2 ht sse3 pclmulqdq monitor ssse3 fma cx16 pcid sse4.1 sse4.2 x2apic movbe popcnt " \
	"aes xsave avx f16c rdrand fsgsbase bmi1 avx2 smep bmi2 erms invpcid avx512f avx512dq "     \
	"rdseed adx smap clflushopt clwb sha-ni avx512cd avx512bw avx512vl pku xsaveopt xsavec "    \
	"xgetbv1 syscall nx mmxext fxsr_opt pdpe1gb rdtscp lm lahf_lm cmp_legacy svm abm sse4a "    \
	"misalignsse 3dnowprefetch topoext invtsc clzero ibpb ibrs amd-stibp amd-ssbd"

#endif /* FERRY_CPU_HELP_H */
