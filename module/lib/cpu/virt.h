/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What this version of Ferry lets a guest use: features it virtualises where the
 * host has them, and features it emulates on every host.
 *
 *	what a guest sees = (policy AND (virtualised OR emulated)) OR added
 *
 * where added are those emulated features that every guest is given. The sets
 * are data with a version, so that two hosts can compare them before a
 * migration. A CPU younger than this file hides what the file does not name.
 *
 * Owns: the sets. Locks: none.
 */
#ifndef FERRY_LIB_CPU_VIRT_H
#define FERRY_LIB_CPU_VIRT_H

#include "features.h"
#include "xsave.h"

/* Counts up with every change of a set. */
#define CPU_VIRT_VERSION 1

extern const struct cpu_set cpu_virtualised;
extern const struct cpu_set cpu_emulated;
extern const struct cpu_set cpu_added;

/* State a guest may enable: x87, SSE, AVX, AVX-512; nothing through IA32_XSS. */
#define CPU_VIRT_XCR0 \
	(BIT_ULL(XSTATE_X87) | BIT_ULL(XSTATE_SSE) | BIT_ULL(XSTATE_AVX) | XSTATE_AVX512)
#define CPU_VIRT_XSS 0ULL

/*
 * MSRs that enumerate no feature and tell a kernel which workarounds it needs: a policy that has one
 * says what the guest reads there.
 */
#define CPU_NR_ERRATA_MSRS 8
extern const u32 cpu_errata_msrs[CPU_NR_ERRATA_MSRS];

bool cpu_feature_virtualised(unsigned int nr);

#endif /* FERRY_LIB_CPU_VIRT_H */
