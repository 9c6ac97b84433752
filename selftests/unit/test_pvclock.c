// SPDX-License-Identifier: GPL-2.0-only
/* Ticks to nanoseconds, as a guest computes them from the clock page. */
#include "lib/dev/pvclock.h"
#include "tap.h"

static const u32 rates[] = { 1, 1000, 50000, 999999, 1000000, 1000001, 1999999, 2000000,
			     2000001, 2893202, 3000000, 5000000, 10000000 };

int main(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rates); i++) {
		struct pvclock_scale s = pvclock_scale(rates[i]);
		u64 second = rates[i] * 1000ULL, day = second * 86400;
		u64 ns = pvclock_ticks_to_ns(s, second), days = pvclock_ticks_to_ns(s, day);

		ok(s.mul >= 1u << 31, "%u kHz: the multiplier uses all its bits", rates[i]);
		ok(ns <= 1000000000 && ns >= 1000000000 - 2, "%u kHz: a second is %llu ns",
		   rates[i], (unsigned long long)ns);
		ok(days <= 86400000000000ULL && days >= 86400000000000ULL - 50000,
		   "%u kHz: a day is %llu ns", rates[i], (unsigned long long)days);
	}
	return done();
}
