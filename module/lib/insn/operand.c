// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operands by their table codes: read, write, read-modify-write; the stack.
 *
 * Pure functions over struct exec; takes no locks.
 */
#include "exec.h"

/* Bytes by size code and operand size 2, 4, 8. */
static const u8 widths[16][3] = {
	[SZ_B] = { 1, 1, 1 },
	[SZ_W] = { 2, 2, 2 },
	[SZ_D] = { 4, 4, 4 },
	[SZ_Q] = { 8, 8, 8 },
	[SZ_T] = { 10, 10, 10 },
	[SZ_X] = { 16, 16, 16 },
	[SZ_V] = { 2, 4, 8 },
	[SZ_Z] = { 2, 4, 4 },
	[SZ_Y] = { 4, 4, 8 },
	[SZ_P] = { 4, 6, 10 },
	[SZ_A] = { 4, 8, 8 },
};

unsigned int op_size(const struct exec *x, unsigned int nr)
{
	return widths[OPC_SIZE(x->insn->row->op[nr])][x->insn->opsize >> 2];
}

static int get_operand(struct exec *x, unsigned int nr, unsigned int bytes, u64 *value, u32 acc)
{
	const struct insn *insn = x->insn;
	u16 op = insn->row->op[nr];

	switch (OPC_KIND(op)) {
	case K_E:
		if (insn->prefix & INSN_PFX_MEM)
			return mem_read_u(x, insn->seg, x->ea, value, bytes, acc);
		*value = get_gpr(x, insn->rm, bytes);
		break;
	case K_G:
		*value = get_gpr(x, insn->reg, bytes);
		break;
	case K_Z:
		*value = get_gpr(x, insn->rm, bytes);
		break;
	case K_IMM:
		*value = insn->imm & mask_of(bytes);
		break;
	case K_FIX:
		*value = x->cpu->gpr[OPC_NR(op)] & mask_of(bytes);
		break;
	case K_ONE:
		*value = 1;
		break;
	case K_B:
		*value = x->cpu->gpr[insn->vvvv] & mask_of(bytes);
		break;
	case K_MOFFS:
		return mem_read_u(x, insn->seg, insn->imm, value, bytes, acc);
	default:
		return INSN_UNIMPLEMENTED;
	}
	return INSN_DONE;
}

int get_op(struct exec *x, unsigned int nr, unsigned int bytes, u64 *value)
{
	return get_operand(x, nr, bytes, value, 0);
}

static bool is_locked(const struct exec *x)
{
	return x->insn->prefix & INSN_PFX_LOCK || x->insn->id == INSN_OP_XCHG;
}

int get_op_rw(struct exec *x, unsigned int nr, unsigned int bytes, u64 *value)
{
	return get_operand(x, nr, bytes, value,
			   is_locked(x) ? INSN_ACC_WRITE | INSN_ACC_LOCK : INSN_ACC_WRITE);
}

int put_op(struct exec *x, unsigned int nr, unsigned int bytes, u64 value)
{
	const struct insn *insn = x->insn;
	u16 op = insn->row->op[nr];

	switch (OPC_KIND(op)) {
	case K_E:
		if (insn->prefix & INSN_PFX_MEM)
			return mem_write_u(x, insn->seg, x->ea, value, bytes);
		set_gpr(x, insn->rm, bytes, value);
		break;
	case K_G:
		set_gpr(x, insn->reg, bytes, value);
		break;
	case K_Z:
		set_gpr(x, insn->rm, bytes, value);
		break;
	case K_FIX:
		set_gpr(x, OPC_NR(op), bytes, value);
		break;
	case K_B:
		x->cpu->gpr[insn->vvvv] = value & mask_of(bytes);
		break;
	case K_MOFFS:
		return mem_write_u(x, insn->seg, insn->imm, value, bytes);
	default:
		return INSN_UNIMPLEMENTED;
	}
	return INSN_DONE;
}

int put_op_rw(struct exec *x, unsigned int nr, unsigned int bytes, u64 old, u64 value)
{
	const struct insn *insn = x->insn;
	u64 linear, seen = old;

	if (likely(!is_locked(x)) || !op_is_mem(x, nr) || !x->cpu->ops->compare_swap)
		return put_op(x, nr, bytes, value);
	TRY(linear_address(x, insn->seg, x->ea, bytes, true, &linear));
	TRY(x->cpu->ops->compare_swap(x->cpu, linear, &seen, &value, bytes, 0));
	return seen == old ? INSN_DONE : INSN_RETRY;
}

/* The stack address size: SS.B outside 64-bit mode. */
int stack_width(struct exec *x, unsigned int *width)
{
	if (is_64bit(x)) {
		*width = 8;
		return INSN_DONE;
	}
	TRY(load_segment_cache(x->cpu, INSN_SS));
	*width = x->cpu->seg[INSN_SS].attr & INSN_SEG_DB ? 4 : 2;
	return INSN_DONE;
}

int stack_open(struct exec *x, struct stack *s)
{
	unsigned int width;

	TRY(stack_width(x, &width));
	s->width = (u8)width;
	s->sp = x->cpu->gpr[INSN_RSP];
	return INSN_DONE;
}

int stack_push(struct exec *x, struct stack *s, u64 value, unsigned int bytes)
{
	u64 sp = (s->sp - bytes) & mask_of(s->width);

	TRY(mem_write_u(x, INSN_SS, sp, value, bytes));
	s->sp = sp;
	return INSN_DONE;
}

int stack_probe(struct exec *x, const struct stack *s, unsigned int bytes)
{
	u64 unused;

	return mem_read_u(x, INSN_SS, (s->sp - bytes) & mask_of(s->width), &unused, bytes,
			  INSN_ACC_WRITE | INSN_ACC_PROBE);
}

int stack_pop(struct exec *x, struct stack *s, u64 *value, unsigned int bytes)
{
	TRY(mem_read_u(x, INSN_SS, s->sp & mask_of(s->width), value, bytes, 0));
	s->sp += bytes;
	return INSN_DONE;
}

void stack_close(struct exec *x, const struct stack *s)
{
	set_gpr_low(x->cpu, INSN_RSP, s->width, s->sp);
}
