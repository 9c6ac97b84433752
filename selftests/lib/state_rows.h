/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rows of api/state: a guest in some mode, and what is changed of it.
 */
#ifndef FERRY_TEST_STATE_ROWS_H
#define FERRY_TEST_STATE_ROWS_H

#include "world.h"

enum mode { REAL, PROT32, PAGED32, PAE, LONG };

#define QUIET 1 /* nothing is run: it would not be the same afterwards */
#define AVX 2 /* with XSAVE and AVX */
/*
 * Virtual-8086 mode, which runs only where the emulator can. QEMU 7.2 looks for the I/O map only in a TSS that
 * is not busy, and takes others for none. LTR makes the TSS busy, in its register too (SDM volume 2, LTR; VT-x
 * takes no other, 26.3.1.2). Bochs 2.7 ends with a panic at every #VMEXIT from such a guest ("VM is set in long
 * mode !"): it makes EFER the host's before it clears EFLAGS.VM ("Force CR0.PE = 1, RFLAGS.VM = 0", APM 2, 15.6).
 */
#define V86 4

/**
 * struct row - one state
 * @edit: from a plain guest in @mode
 * @code: what is run, ending with OUT to TINY_PORT; NULL: two NOPs and that
 */
struct row {
	const char *name;
	enum mode mode;
	void (*edit)(struct world *w);
	const char *code, *end;
	unsigned int flags;
};

extern const struct row state_rows[];
extern const unsigned int state_nr_rows;

#endif /* FERRY_TEST_STATE_ROWS_H */
