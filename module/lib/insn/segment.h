/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Descriptors and segment registers, for the instructions that load them.
 */
#ifndef FERRY_LIB_INSN_SEGMENT_H
#define FERRY_LIB_INSN_SEGMENT_H

#include "exec.h"

/* Types of system descriptors. SDM volume 3 table 3-2. */
enum {
	SYS_TSS16 = 1, SYS_LDT = 2, SYS_TSS16_BUSY = 3, SYS_CALL16 = 4, SYS_TASK_GATE = 5,
	SYS_INT16 = 6, SYS_TRAP16 = 7, SYS_TSS = 9, SYS_TSS_BUSY = 11, SYS_CALL = 12,
	SYS_INT = 14, SYS_TRAP = 15,
};

#define TYPE_ACCESSED	1
#define TYPE_WRITE	2	/* data: writable; code: readable */
#define TYPE_CONFORMING	4
#define TYPE_CODE	8

/**
 * struct descriptor - an entry of the GDT, LDT or IDT
 * @low:     its first eight bytes
 * @high:    its next eight, for system descriptors in long mode
 * @address: linear address of the entry
 * @seg:     unpacked as a segment; @seg.selector is what was asked for
 */
struct descriptor {
	u64 low, high, address;
	struct insn_segment seg;
};

static inline unsigned int desc_type(const struct descriptor *d)
{
	return d->seg.attr & INSN_SEG_TYPE;
}

static inline unsigned int desc_dpl(const struct descriptor *d)
{
	return d->seg.attr >> 5 & 3;
}

static inline bool desc_is_system(const struct descriptor *d)
{
	return !(d->seg.attr & INSN_SEG_S);
}

static inline bool desc_present(const struct descriptor *d)
{
	return d->seg.attr & INSN_SEG_P;
}

static inline bool desc_is_code(const struct descriptor *d)
{
	return d->seg.attr & INSN_SEG_S && d->seg.attr & TYPE_CODE;
}

static inline bool desc_is_writable_data(const struct descriptor *d)
{
	return (d->seg.attr & (INSN_SEG_S | TYPE_CODE | TYPE_WRITE)) == (INSN_SEG_S | TYPE_WRITE);
}

static inline bool is_null(u16 selector)
{
	return !(selector & ~3);
}

/* A fault that names a selector. x->ext is set while an external event is delivered. */
static inline int raise_selector(struct exec *x, u8 vector, u16 selector)
{
	return raise(x, vector, (selector & 0xfffc) | x->ext);
}

void unpack_descriptor(struct descriptor *d, u16 selector);

/*
 * Read the descriptor of @selector; beyond its table: @vector(selector). @wide: in long mode a
 * system descriptor has 16 bytes.
 */
int fetch_descriptor(struct exec *x, u16 selector, u8 vector, bool wide, struct descriptor *d);
/* Set the accessed bit in memory (and in @d) if it is clear. */
int mark_accessed(struct exec *x, struct descriptor *d);
/* Checks of a stack segment for privilege @cpl; faults are @vector(selector), absent is #SS. */
int check_stack_segment(struct exec *x, const struct descriptor *d, unsigned int cpl, u8 vector);

/* The busy bit of a TSS descriptor. */
int set_busy(struct exec *x, struct descriptor *d, bool busy);
/* The far pointer that a memory operand holds. */
int read_far_pointer(struct exec *x, u64 *offset, u64 *selector);

/* Commit: nothing can fail any more. */
void commit_segment(struct insn_cpu *cpu, unsigned int nr, const struct insn_segment *seg);
void commit_real_segment(struct insn_cpu *cpu, unsigned int nr, u16 selector);
void commit_null_segment(struct insn_cpu *cpu, unsigned int nr, u16 selector);

/* MOV to a segment, POP and LDS: all checks, and the load. */
int load_segment(struct exec *x, unsigned int nr, u16 selector);

#endif /* FERRY_LIB_INSN_SEGMENT_H */
