// SPDX-License-Identifier: GPL-2.0-only
/*
 * Paravirtual clock arithmetic. See pvclock.h. Owns nothing, takes no lock.
 */
#include "pvclock.h"

static_assert(sizeof(struct pvclock_page) == 32, "the guest's ABI");
static_assert(sizeof(struct pvclock_wall) == 12, "the guest's ABI");

#define NSEC_IN_SEC 1000000000ULL

/**
 * pvclock_scale() - the factor for a TSC rate
 * @tsc_khz: not 0
 *
 * Chooses the smallest shift at which the multiplier fits into 32 bits: it then has 32 significant
 * bits, an error below 2^-31, under half a nanosecond a second.
 */
struct pvclock_scale pvclock_scale(u32 tsc_khz)
{
	u64 ns = NSEC_IN_SEC, hz = tsc_khz * 1000ULL;
	struct pvclock_scale scale = { .shift = 0 };

	/* Bring hz into (ns, 2 * ns], so that ns / hz is in [1/2, 1). */
	while (hz <= ns) {
		hz <<= 1;
		scale.shift++;
	}
	while (hz > 2 * ns) {
		/* Halving ticks is doubling what is left to multiply by: exact, unlike hz >>= 1. */
		ns <<= 1;
		scale.shift--;
	}
	scale.mul = mul_u64_u64_div_u64(ns, 1ULL << 32, hz);
	return scale;
}

/* What the guest computes from a page, for our own timers and tests. */
u64 pvclock_ticks_to_ns(struct pvclock_scale scale, u64 ticks)
{
	if (scale.shift < 0)
		ticks >>= -scale.shift;
	else
		ticks <<= scale.shift;
	return mul_u64_u64_shr(ticks, scale.mul, 32);
}
