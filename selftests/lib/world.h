/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All state groups of a VM with one vCPU at once: read, written, compared and kept in a file.
 *
 * The canonical form is what two hosts must agree on: of an XSAVE image the components in use, and
 * not what CPUs leave behind in the rest.
 */
#ifndef FERRY_TEST_WORLD_H
#define FERRY_TEST_WORLD_H

#include "tiny.h"

#include <stdio.h>

struct world {
	struct ferry_state_general general;
	struct ferry_state_segments segments;
	struct ferry_state_control control;
	struct ferry_state_debug debug;
	struct ferry_state_events events;
	struct ferry_state_lapic lapic;
	struct ferry_state_clock clock;
	struct ferry_state_mp mp;
	struct ferry_state_ioapic ioapic;
	struct ferry_state_pic pic;
	struct ferry_state_pit pit;
	struct ferry_state_vmclock vmclock;
	union {
		struct ferry_state_msrs msrs;
		uint8_t msr_bytes[sizeof(struct ferry_state_msrs) +
				  FERRY_MAX_STATE_MSRS * sizeof(struct ferry_msr_value)];
	};
	union {
		struct ferry_state_fpu fpu;
		uint8_t fpu_bytes[sizeof(struct ferry_state_fpu) + FERRY_MAX_XSAVE];
	};
};

/* Not compared once the guest has run: time passes. */
#define WORLD_RAN (1U << 0)

/* These end the program if a group cannot be read; world_set() says which was refused, or NULL. */
void world_get(struct tiny *t, struct world *w);
const char *world_set(struct tiny *t, const struct world *w, bool backwards);
void world_canonical(struct world *w);
/* NULL, or which group differs; the words that do are printed. */
const char *world_differs(const struct world *got, const struct world *want, unsigned int flags);

/* Only what is in use of each group. */
bool world_write(FILE *f, const struct world *w);
bool world_read(FILE *f, struct world *w);

/* An entry of .msrs, or NULL if the guest has no such MSR. */
__u64 *world_msr(struct world *w, uint32_t index);

/* Every vCPU stands still, and so does time. */
void world_pause(struct tiny *t, bool pause);

#endif /* FERRY_TEST_WORLD_H */
