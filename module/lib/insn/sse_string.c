// SPDX-License-Identifier: GPL-2.0-only
/*
 * The string comparisons of SSE4.2, whose immediate has 128 meanings: in C.
 *
 * Pure functions over struct exec; takes no locks. SDM volume 2 section 4.1.
 */
#include "sse.h"

/* Fields of the immediate. */
#define IMM_WORDS	0x01
#define IMM_SIGNED	0x02
#define IMM_HOW		0x0c
#define HOW_EQUAL_ANY	0x00
#define HOW_RANGES	0x04
#define HOW_EQUAL_EACH	0x08
#define HOW_ORDERED	0x0c
#define IMM_NEGATE	0x10
#define IMM_IF_VALID	0x20	/* negate valid elements only */
#define IMM_MOST	0x40	/* index of the last; mask of whole elements */

struct text {
	s32 element[16];
	unsigned int valid;
};

static void split(struct text *t, const u8 from[16], u8 imm)
{
	unsigned int i;

	for (i = 0; i < (imm & IMM_WORDS ? 8 : 16); i++) {
		u16 word = (u16)(from[i * 2 & 15] | from[(i * 2 + 1) & 15] << 8);

		if (imm & IMM_WORDS)
			t->element[i] = imm & IMM_SIGNED ? (s16)word : word;
		else
			t->element[i] = imm & IMM_SIGNED ? (s8)from[i] : from[i];
	}
}

/* Up to the first zero, or as EAX or EDX says. */
static void implicit_length(struct text *t, unsigned int n)
{
	for (t->valid = 0; t->valid < n && t->element[t->valid]; t->valid++)
		;
}

static void explicit_length(struct text *t, unsigned int n, u64 reg, bool wide)
{
	s64 length = wide ? (s64)reg : (s32)reg;
	u64 size = length < 0 ? 0 - (u64)length : (u64)length;

	t->valid = size < n ? (unsigned int)size : n;
}

/* Does element @j of the second text match, given the first? */
static bool match(const struct text *a, const struct text *b, unsigned int j, unsigned int n, u8 imm)
{
	unsigned int i;

	switch (imm & IMM_HOW) {
	case HOW_EQUAL_ANY:
		for (i = 0; i < a->valid; i++)
			if (j < b->valid && a->element[i] == b->element[j])
				return true;
		return false;
	case HOW_RANGES:
		for (i = 0; i + 1 < a->valid; i += 2)
			if (j < b->valid && b->element[j] >= a->element[i] &&
			    b->element[j] <= a->element[i + 1])
				return true;
		return false;
	case HOW_EQUAL_EACH:
		if (j >= a->valid || j >= b->valid)
			return j >= a->valid && j >= b->valid;
		return a->element[j] == b->element[j];
	default:
		for (i = 0; i < a->valid && i + j < n; i++)
			if (i + j >= b->valid || a->element[i] != b->element[i + j])
				return false;
		return true;
	}
}

int insn_sse_strings(struct exec *x, struct insn_fpu *fpu, const u8 a_bytes[16],
		     const u8 b_bytes[16])
{
	bool explicit = x->insn->id == INSN_OP_PCMPESTRM || x->insn->id == INSN_OP_PCMPESTRI;
	bool index = x->insn->id == INSN_OP_PCMPESTRI || x->insn->id == INSN_OP_PCMPISTRI;
	u8 imm = (u8)x->insn->imm, mask[16] = { 0 };
	unsigned int n = imm & IMM_WORDS ? 8 : 16, j, found;
	struct text a, b;
	u32 result = 0;

	split(&a, a_bytes, imm);
	split(&b, b_bytes, imm);
	if (explicit) {
		explicit_length(&a, n, x->cpu->gpr[INSN_RAX], x->insn->opsize == 8);
		explicit_length(&b, n, x->cpu->gpr[INSN_RDX], x->insn->opsize == 8);
	} else {
		implicit_length(&a, n);
		implicit_length(&b, n);
	}
	for (j = 0; j < n; j++)
		result |= (u32)match(&a, &b, j, n, imm) << j;
	if (imm & IMM_NEGATE)
		result ^= imm & IMM_IF_VALID ? (1U << b.valid) - 1 : (1U << n) - 1;

	x->flags &= ~(u64)FL_ARITH;
	x->flags |= (result ? FL_CF : 0) | (b.valid < n ? FL_ZF : 0) | (a.valid < n ? FL_SF : 0) |
		    (result & 1 ? FL_OF : 0);
	if (index) {
		for (found = n, j = 0; j < n; j++)
			if (result >> j & 1 && (found == n || imm & IMM_MOST))
				found = j;
		set_gpr(x, INSN_RCX, 4, found);
		return INSN_DONE;
	}
	for (j = 0; j < 16; j++) {
		if (!(imm & IMM_MOST))
			mask[j] = j < 2 ? (u8)(result >> j * 8) : 0;
		else
			mask[j] = result >> (imm & IMM_WORDS ? j / 2 : j) & 1 ? 0xff : 0;
	}
	vector_put(x, fpu, 0, mask, 16);
	return INSN_DONE;
}
