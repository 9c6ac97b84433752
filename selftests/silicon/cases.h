/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between world.c (what the emulator sees), cases.c (making cases), fpu_cases.c (FPU state for
 * them) and test_insn_silicon.c (comparing).
 */
#ifndef FERRY_SILICON_CASES_H
#define FERRY_SILICON_CASES_H

#include "native.h"

/* ----- cases.c */

extern struct native_case current;
extern struct insn current_insn;
extern int current_decode;
extern u64 current_slot;	/* where in the window's code */
extern u64 seed;

u64 rnd(void);
bool chance(unsigned int percent);
/* Fill the above and put the bytes into the window. */
void make_case(void);
u64 segment_base(void);

/* ----- fpu_cases.c: for the current instruction, if it has to do with the FPU */

/* Before the case: the area (world.c) is what both begin with. */
void fit_fpu_state(void);
/* Memory operand: where it has to be for the save instructions, and what has to be there. */
bool fpu_operand(u64 *at);
void put_fpu_operand(u64 at);
void forget_mxcsr_mask(void);
/* XSAVE area in @area with what is not compared made equal. */
void normalise_area(u8 *area);

/* ----- world.c */

extern struct insn_cpu cpu;
extern u8 shadow[DATA_BYTES];	/* the emulator's copy of the window's data */
extern u8 area[AREA_BYTES];	/* and its FPU state */

void set_up_cpu(void);
void load_cpu(const struct native_case *c);

#endif /* FERRY_SILICON_CASES_H */
