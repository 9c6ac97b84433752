/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The XSAVE area: which components there are, where they lie, how large it is.
 *
 * All of leaf 0xD but 0xD.1.EAX follows from the set of components and their
 * sizes and offsets. Guest memory holds these offsets, so a policy carries the
 * layout with which the VM was born.
 *
 * Owns: the component rules. Locks: none.
 */
#ifndef FERRY_LIB_CPU_XSAVE_H
#define FERRY_LIB_CPU_XSAVE_H

#include "policy.h"

/* Component numbers (SDM vol. 1, 13.1; APM vol. 2, 11.5). */
#define XSTATE_X87	 0
#define XSTATE_SSE	 1
#define XSTATE_AVX	 2
#define XSTATE_BNDREGS	 3
#define XSTATE_BNDCSR	 4
#define XSTATE_OPMASK	 5
#define XSTATE_ZMM_HI256 6
#define XSTATE_HI16_ZMM	 7
#define XSTATE_PT	 8
#define XSTATE_PKRU	 9
#define XSTATE_PASID	 10
#define XSTATE_CET_U	 11
#define XSTATE_CET_S	 12
#define XSTATE_HDC	 13
#define XSTATE_UINTR	 14
#define XSTATE_LBR	 15
#define XSTATE_HWP	 16
#define XSTATE_TILECFG	 17
#define XSTATE_TILEDATA	 18
#define XSTATE_APX	 19
#define XSTATE_LWP	 62

/* Legacy region and header: the least an XSAVE area can be. */
#define XSAVE_MIN_SIZE 576

/* Components that live in XCR0 or XSS together or not at all. */
#define XSTATE_MPX (BIT_ULL(XSTATE_BNDREGS) | BIT_ULL(XSTATE_BNDCSR))
#define XSTATE_AVX512 \
	(BIT_ULL(XSTATE_OPMASK) | BIT_ULL(XSTATE_ZMM_HI256) | BIT_ULL(XSTATE_HI16_ZMM))
#define XSTATE_AMX (BIT_ULL(XSTATE_TILECFG) | BIT_ULL(XSTATE_TILEDATA))
#define XSTATE_CET (BIT_ULL(XSTATE_CET_U) | BIT_ULL(XSTATE_CET_S))

/**
 * struct cpu_xstate - one component as leaf 0xD, sub-leaf 2.. describes it
 * @size: bytes
 * @offset: in the standard format; 0 for a supervisor component
 * @flags: ECX: bit 0 supervisor (XSS), bit 1 64-byte alignment in the compacted
 *	format, bit 2 covered by XFD
 */
struct cpu_xstate {
	u32 size;
	u32 offset;
	u32 flags;
};

#define XSTATE_F_SUPERVISOR BIT(0)
#define XSTATE_F_ALIGN64    BIT(1)
#define XSTATE_F_XFD	    BIT(2)

u64 cpu_xsave_xcr0(const struct cpu_policy *p);
u64 cpu_xsave_xss(const struct cpu_policy *p);
bool cpu_xsave_component(const struct cpu_policy *p, unsigned int nr, struct cpu_xstate *x);
u32 cpu_xsave_size(const struct cpu_policy *p, u64 xcr0);
u32 cpu_xsave_compact_size(const struct cpu_policy *p, u64 mask);
bool cpu_xsave_xcr0_valid(const struct cpu_policy *p, u64 xcr0);
u64 cpu_xsave_close(u64 mask);
int cpu_xsave_limit(struct cpu_policy *p, u64 xcr0, u64 xss);

#endif /* FERRY_LIB_CPU_XSAVE_H */
