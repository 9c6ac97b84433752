// SPDX-License-Identifier: GPL-2.0-only
/* Scaled TSCs, as VMX and SVM scale them: exact enough, and never a step back. */
#include <stdlib.h>

#include "lib/dev/tsc.h"
#include "tap.h"

static const struct {
	struct tsc_format format;
	const char *name;
} cpus[] = { { { 16, 48 }, "VMX" }, { { 8, 32 }, "SVM" } };

static const u32 rates[] = { 75000, 1000000, 1999999, 2000000, 2394230, 2500000, 2893202, 3700001, 5200000 };

#define YEAR_OF_5GHZ (5000000000ULL * 86400 * 365)

/* A year of the host's ticks, as the guest should count them: in 128 bits. */
static void rate(unsigned int c, u32 guest, u32 host)
{
	u64 ratio = tsc_ratio(cpus[c].format, guest, host), got, want;

	want = (u64)((unsigned __int128)YEAR_OF_5GHZ * guest / host);
	got = tsc_scale(cpus[c].format, ratio, YEAR_OF_5GHZ);
	/* The last bit of the ratio, of each tick. */
	ok(got <= want && want - got <= (YEAR_OF_5GHZ >> cpus[c].format.frac_bits) + 1,
	   "%s: %u kHz on %u kHz", cpus[c].name, guest, host);
	/* Half a billionth is 0.016 s a year. */
	if (guest >= host / 2)
		ok((want - got) / (guest * 1000ULL) <= 1, "... a year is right within a second");
}

/*
 * A guest goes from host to host, each of another rate, width of fraction and age. Its offset is what
 * module/clock.c makes it: the TSC goes on from the value it had.
 */
static void journey(void)
{
	u64 tsc = 1000, last = 0, back = 0, moves = 0, i, k;

	srand(1);
	for (i = 0; i < 20000; i++) {
		const struct tsc_format f = cpus[rand() & 1].format;
		u32 host = rates[rand() % ARRAY_SIZE(rates)], born = rates[i / 500 % ARRAY_SIZE(rates)];
		u64 ratio = tsc_ratio(f, born, host);
		/* Also hosts that will wrap, or have wrapped, 64 bits of the product. */
		u64 now = ((u64)rand() << 40) ^ ((u64)rand() << 20) ^ rand(), offset;

		offset = tsc - tsc_scale(f, ratio, now);
		for (k = 0; k < 20; k++) {
			tsc = tsc_scale(f, ratio, now) + offset;
			back += (s64)(tsc - last) < 0;
			last = tsc;
			now += k & 1 ? (u64)rand() & 7 : rand();
		}
		moves++;
	}
	ok(!back, "%llu moves: no reading below the one before", (unsigned long long)moves);
}

int main(void)
{
	unsigned int c, i, k;

	for (c = 0; c < ARRAY_SIZE(cpus); c++) {
		struct tsc_format f = cpus[c].format;
		u64 one = BIT_ULL(f.frac_bits);

		for (i = 0; i < ARRAY_SIZE(rates); i++)
			for (k = 0; k < ARRAY_SIZE(rates); k++)
				rate(c, rates[i], rates[k]);
		ok_eq(tsc_ratio(f, 2000000, 2000000), 0, "%s: no ratio where there is nothing to scale",
		      cpus[c].name);
		ok_eq(tsc_ratio(f, 3000000, 2000000), one + one / 2, "... one and a half");
		ok_eq(tsc_ratio(f, 1000000, 2000000), one / 2, "... half");
		/* The largest has every bit before the point; what is beyond is reserved (APM 2, 15.30.5). */
		ok(tsc_ratio(f, (1u << f.int_bits) - 1, 1) == ((u64)(1u << f.int_bits) - 1) << f.frac_bits,
		   "... the largest");
		ok_eq(tsc_ratio(f, 1u << f.int_bits, 1), 0, "... more cannot be had");
		ok(f.int_bits + f.frac_bits == 64 ||
		   !(tsc_ratio(f, 1000 * ((1u << f.int_bits) - 1) + 999, 1000) >> (f.int_bits + f.frac_bits)),
		   "... and no reserved bit is set");
		ok_eq(tsc_scale(f, 0, 12345), 12345, "... no ratio is 1");
		ok_eq(tsc_scale(f, one, ~0ULL), -1ULL, "... 1 is 1, at the end of the counter too");
		ok_eq(tsc_scale(f, 2 * one, 1ULL << 63), 0, "... and it wraps as the guest's does");
	}
	ok_eq(tsc_ratio((struct tsc_format){ 0, 0 }, 3000000, 2000000), 0, "a CPU without scaling has no ratio");
	journey();
	return done();
}
