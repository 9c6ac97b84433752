// SPDX-License-Identifier: GPL-2.0-only
/*
 * Arithmetic of scaled TSCs. See tsc.h. Owns nothing, takes no lock.
 */
#include "tsc.h"

/**
 * tsc_ratio() - what to multiply a host's TSC by
 * @format: of the CPU's ratio
 * @guest_khz: the rate wanted, not 0
 * @host_khz: the host's, not 0
 *
 * Rounded down: the guest's TSC is slow by less than the last bit, which is a billionth where the
 * ratio is a quarter and SVM's 32 bits are all there is.
 *
 * Return: the ratio; 0 where the rates are equal, or the rate cannot be had.
 */
u64 tsc_ratio(struct tsc_format format, u32 guest_khz, u32 host_khz)
{
	if (!format.frac_bits || guest_khz == host_khz || guest_khz / host_khz >> format.int_bits)
		return 0;
	return mul_div_sat(guest_khz, BIT_ULL(format.frac_bits), host_khz);
}

/**
 * tsc_scale() - ticks as a guest counts them, without its offset
 * @format: of @ratio
 * @ratio: by tsc_ratio(); 0 is 1
 * @host_ticks: the host's TSC
 *
 * Never less for a later host TSC: whoever sets the offset anew at each change of the ratio has a
 * TSC that never steps back.
 */
u64 tsc_scale(struct tsc_format format, u64 ratio, u64 host_ticks)
{
	return ratio ? mul_u64_u64_shr(host_ticks, ratio, format.frac_bits) : host_ticks;
}
