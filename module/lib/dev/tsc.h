/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A TSC scaled by the CPU: guest TSC = (host TSC * ratio >> frac_bits) + offset, modulo 2^64. The
 * product has all its bits before it is shifted, and the offset comes last.
 *
 * VMX: 48 bits of fraction (SDM vol. 3, "Time-Stamp Counter Offsetting and Scaling"). SVM: 8 bits
 * of integer and 32 of fraction, the rest reserved (APM vol. 2, 15.30.5, "TSC Ratio MSR").
 */
#ifndef FERRY_LIB_DEV_TSC_H
#define FERRY_LIB_DEV_TSC_H

#include "../env.h"

/**
 * struct tsc_format - the fixed-point numbers of one kind of CPU
 * @int_bits: bits before the point
 * @frac_bits: bits after it; 0: the CPU does not scale
 */
struct tsc_format {
	u8 int_bits;
	u8 frac_bits;
};

#define TSC_FORMAT_VMX ((struct tsc_format){ 16, 48 })
#define TSC_FORMAT_SVM ((struct tsc_format){ 8, 32 })

u64 tsc_ratio(struct tsc_format format, u32 guest_khz, u32 host_khz);
u64 tsc_scale(struct tsc_format format, u64 ratio, u64 host_ticks);

#endif /* FERRY_LIB_DEV_TSC_H */
