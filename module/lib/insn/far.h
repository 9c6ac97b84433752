/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What far transfers, event delivery and task switches share: stacks that are
 * not (yet) the current one, code segments that are about to be entered.
 */
#ifndef FERRY_LIB_INSN_FAR_H
#define FERRY_LIB_INSN_FAR_H

#include "segment.h"

/**
 * struct far_stack - a stack to push a frame on or to read one from
 * @ss:    its segment
 * @sp:    stack pointer
 * @width: 2, 4 or 8: how much of @sp counts
 * @cpl:   privilege of the accesses
 * @error: error code of #SS when the frame does not fit
 */
struct far_stack {
	struct insn_segment ss;
	u64 sp;
	u8 width;
	u8 cpl;
	u16 error;
};

/* Enough for a call gate's 31 parameters and what else it pushes. */
#define FRAME_MAX 36

/**
 * struct frame - values to push, first one first
 */
struct frame {
	u64 value[FRAME_MAX];
	unsigned int n;
};

static inline void frame_add(struct frame *f, u64 value)
{
	f->value[f->n++] = value;
}

int current_stack(struct exec *x, struct far_stack *s);
/* The stack that the TSS names for an inner privilege; segment checked (#TS). */
int inner_stack(struct exec *x, unsigned int cpl, struct far_stack *s);
/* Push all of @f in slots of @bytes, or nothing. */
int push_frame(struct exec *x, struct far_stack *s, const struct frame *f, unsigned int bytes);
/* Read slot number @nr above the stack pointer. */
int peek_slot(struct exec *x, const struct far_stack *s, unsigned int offset, unsigned int bytes,
	      u64 *value);
void commit_stack(struct exec *x, const struct far_stack *s);
void commit_sp(struct exec *x, const struct far_stack *s);

/* Long mode: L and D together are reserved. */
int check_code_size(struct exec *x, const struct descriptor *d);
/* Is @offset inside the code segment @d, or canonical: else #GP(0). */
int check_target(struct exec *x, const struct insn_segment *cs, u64 offset);
void commit_code(struct exec *x, struct insn_segment *cs, unsigned int cpl, u64 offset);
/* After a return to outer privilege: data segments it may not use become null. */
void drop_inner_segments(struct insn_cpu *cpu);

/* What RETF and IRET check of the segments they return to. */
int check_return_code(struct exec *x, u16 selector, struct descriptor *d);
int check_return_stack(struct exec *x, u16 selector, unsigned int cpl,
		       const struct insn_segment *cs, struct far_stack *s);

struct gate {
	u16 selector;
	u8 type, dpl, ist, params;
	bool present;
	u64 offset;
};

void unpack_gate(u64 low, u64 high, struct gate *g);

/* event.c */
int deliver(struct exec *x, const struct insn_event *event, u64 rip);
/* task.c */
int task_switch(struct exec *x, u16 selector, enum insn_task_reason reason,
		const struct insn_event *event);
/* An exec for what no instruction asked for. */
void exec_without_insn(struct exec *x, struct insn_cpu *cpu, struct insn *dummy);

#endif /* FERRY_LIB_INSN_FAR_H */
