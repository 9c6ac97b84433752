/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Segment registers as both vendors' CPUs take them.
 *
 * The neutral form of a segment (uapi/linux/ferry_state.h) leaves room for the same register to be
 * written down in several ways: an AMD CPU need not keep the accessed and the busy bit, says "null"
 * with a clear P and has the CPL beside the segments; an Intel CPU has a bit for "unusable", leaves
 * base and limit of such a segment undefined, and refuses an entry over a bit that has no meaning.
 * Here is the one place that knows, used by the state groups, the emulator and whoever else reads or
 * writes a segment through the core. Backends only move bits.
 *
 * A settled segment passes the checks of SDM 26.3.1.2 (with unrestricted guest) and those of APM
 * 15.5.1, and settling it again changes nothing. Nothing that a guest can observe is changed.
 */
#ifndef FERRY_LIB_STATE_SETTLE_H
#define FERRY_LIB_STATE_SETTLE_H

#include "../env.h"
#include "../../../uapi/linux/ferry_state.h"

#define X86_CPL_UNKNOWN (-1)

/**
 * struct x86_mode - what decides which rules hold
 * @cr0: PE counts
 * @efer: LMA
 * @rflags: VM
 * @cpl: privilege level, X86_CPL_UNKNOWN if SS's DPL is to be taken as it is and CS's left alone;
 *	without effect in real and virtual-8086 mode
 */
struct x86_mode {
	u64 cr0;
	u64 efer;
	u64 rflags;
	int cpl;
};

/**
 * x86_segments_check() - can any CPU have these?
 * @s: segments and table registers from outside
 * @va_bits: width of linear addresses, 48 or 57
 *
 * Only what no order of instructions leads to is refused, in no mode; the rest is for
 * x86_segment_settle().
 *
 * Return: 0 or -EINVAL.
 */
int x86_segments_check(const struct ferry_state_segments *s, unsigned int va_bits);

/**
 * x86_segment_settle() - bring a segment into the form both vendors take
 * @nr: FERRY_SEG_*
 * @s: the segment
 * @mode: the vCPU's, or NULL while that is not known: only what holds in every mode is done
 */
void x86_segment_settle(unsigned int nr, struct ferry_segment *s, const struct x86_mode *mode);

/**
 * x86_shadow_settle() - an interrupt shadow as both vendors have it
 * @shadow: FERRY_EVENTS_*; other bits are left alone
 * @rflags: the vCPU's
 *
 * VT-x takes one of the two, and STI's only with IF set (SDM 26.3.1.5). MOV SS's is the stricter.
 */
u32 x86_shadow_settle(u32 shadow, u64 rflags);

#endif /* FERRY_LIB_STATE_SETTLE_H */
