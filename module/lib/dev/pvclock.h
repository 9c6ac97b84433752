/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The paravirtual clock that Linux guests know from KVM: its page, and the arithmetic that turns
 * TSC ticks into nanoseconds the way the guest will.
 *
 * Layout and meaning: Documentation/virt/kvm/x86/msr.rst in the Linux source.
 */
#ifndef FERRY_LIB_DEV_PVCLOCK_H
#define FERRY_LIB_DEV_PVCLOCK_H

#include "../env.h"

#define PVCLOCK_TSC_STABLE BIT(0) /* readings of different vCPUs may be compared */
#define PVCLOCK_GUEST_STOPPED BIT(1) /* the guest's watchdogs are to forget the past */

/**
 * struct pvclock_page - what a guest reads, one per vCPU
 * @version: odd while the rest is being written
 * @tsc_timestamp: guest TSC at which @system_time was right
 * @system_time: nanoseconds
 * @mul: nanoseconds = @system_time + (((tsc - @tsc_timestamp) << @shift) * @mul >> 32)
 * @shift: negative shifts right
 * @flags: PVCLOCK_*
 */
struct pvclock_page {
	u32 version;
	u32 pad0;
	u64 tsc_timestamp;
	u64 system_time;
	u32 mul;
	s8 shift;
	u8 flags;
	u8 pad[2];
};

/**
 * struct pvclock_wall - wall-clock time at which system_time was 0
 */
struct pvclock_wall {
	u32 version;
	u32 sec;
	u32 nsec;
};

/* The factor from ticks to nanoseconds. */
struct pvclock_scale {
	u32 mul;
	s8 shift;
};

struct pvclock_scale pvclock_scale(u32 tsc_khz);
u64 pvclock_ticks_to_ns(struct pvclock_scale scale, u64 ticks);

#endif /* FERRY_LIB_DEV_PVCLOCK_H */
