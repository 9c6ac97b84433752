// SPDX-License-Identifier: GPL-2.0-only
/*
 * Near control transfer, and what works on the stack alone.
 *
 * Pure functions over struct exec; takes no locks. SDM volume 1 chapter 6.
 */
#include "exec.h"

int jump_near(struct exec *x, u64 target)
{
	target &= mask_of(x->insn->opsize);
	if (is_64bit(x)) {
		if (!is_canonical(x->cpu, target))
			return gp0(x);
	} else if (target > x->cpu->seg[INSN_CS].limit) {
		return gp0(x);
	}
	x->rip = target;
	return INSN_DONE;
}

static int jump_relative(struct exec *x)
{
	return jump_near(x, x->rip + x->insn->imm);
}

int x_jcc(struct exec *x)
{
	if (!condition(x->flags, x->insn->opcode & 15))
		return INSN_DONE;
	return jump_relative(x);
}

int x_jmp(struct exec *x)
{
	u64 target;

	if (OPC_KIND(x->insn->row->op[0]) == K_REL)
		return jump_relative(x);
	TRY(get_op(x, 0, x->insn->opsize, &target));
	return jump_near(x, target);
}

int x_call(struct exec *x)
{
	unsigned int bytes = x->insn->opsize;
	u64 back = x->rip, target = x->rip + x->insn->imm;
	struct stack s;

	if (OPC_KIND(x->insn->row->op[0]) != K_REL)
		TRY(get_op(x, 0, bytes, &target));
	TRY(stack_open(x, &s));
	TRY(stack_probe(x, &s, bytes));
	TRY(jump_near(x, target));
	TRY(stack_push(x, &s, back, bytes));
	stack_close(x, &s);
	return INSN_DONE;
}

int x_ret(struct exec *x)
{
	struct stack s;
	u64 target;

	TRY(stack_open(x, &s));
	TRY(stack_pop(x, &s, &target, x->insn->opsize));
	TRY(jump_near(x, target));
	s.sp += (u16)x->insn->imm;
	stack_close(x, &s);
	return INSN_DONE;
}

/*
 * LOOP, LOOPE, LOOPNE: the counter has address size. F3 and F2 are reserved
 * here; on AMD (seen on family 1Ah) they choose the condition of E0 and E1.
 */
int x_loop(struct exec *x)
{
	bool amd = x->cpu->vendor == INSN_VENDOR_AMD, until_zero = x->insn->id == INSN_OP_LOOPNE;
	unsigned int bytes = x->insn->adsize;
	u64 count = (x->cpu->gpr[INSN_RCX] - 1) & mask_of(bytes);
	bool taken = count;

	if (amd && x->insn->prefix & (INSN_PFX_F2 | INSN_PFX_F3))
		until_zero = x->insn->prefix & INSN_PFX_F2;
	if (x->insn->id != INSN_OP_LOOP)
		taken = taken && !(x->flags & FL_ZF) == until_zero;
	if (taken)
		TRY(jump_relative(x));
	set_gpr_low(x->cpu, INSN_RCX, bytes, count);
	return INSN_DONE;
}

int x_jcxz(struct exec *x)
{
	if (x->cpu->gpr[INSN_RCX] & mask_of(x->insn->adsize))
		return INSN_DONE;
	return jump_relative(x);
}

int x_bound(struct exec *x)
{
	unsigned int bytes = x->insn->opsize;
	s64 index = (s64)sign_extend(get_gpr(x, x->insn->reg, bytes), bytes);
	u64 low, high;

	TRY(mem_read_u(x, x->insn->seg, x->ea, &low, bytes, 0));
	TRY(mem_read_u(x, x->insn->seg, (x->ea + bytes) & mask_of(x->insn->adsize), &high, bytes, 0));
	if (index < (s64)sign_extend(low, bytes) || index > (s64)sign_extend(high, bytes))
		return raise(x, INSN_EXC_BR, 0);
	return INSN_DONE;
}

/* ----- stack */

int x_push(struct exec *x)
{
	unsigned int bytes = x->insn->opsize;
	struct stack s;
	u64 a;

	TRY(get_op(x, 0, bytes, &a));
	TRY(stack_open(x, &s));
	TRY(stack_push(x, &s, a, bytes));
	stack_close(x, &s);
	return INSN_DONE;
}

/* The destination's address is computed with rSP already incremented. */
int x_pop(struct exec *x)
{
	unsigned int bytes = x->insn->opsize;
	struct stack s;
	u64 a, sp;

	TRY(stack_open(x, &s));
	TRY(stack_pop(x, &s, &a, bytes));
	if (op_is_mem(x, 0)) {
		effective_address(x, bytes);
		TRY(put_op(x, 0, bytes, a));
		stack_close(x, &s);
		return INSN_DONE;
	}
	sp = x->cpu->gpr[INSN_RSP];
	stack_close(x, &s);
	if (put_op(x, 0, bytes, a) == INSN_DONE)
		return INSN_DONE;
	x->cpu->gpr[INSN_RSP] = sp;
	return INSN_UNIMPLEMENTED;
}

int x_pusha(struct exec *x)
{
	unsigned int bytes = x->insn->opsize, i;
	struct stack s;

	TRY(stack_open(x, &s));
	for (i = 0; i < 8; i++)
		TRY(stack_push(x, &s, x->cpu->gpr[i] & mask_of(bytes), bytes));
	stack_close(x, &s);
	return INSN_DONE;
}

int x_popa(struct exec *x)
{
	unsigned int bytes = x->insn->opsize, i;
	struct stack s;
	u64 v[8];

	TRY(stack_open(x, &s));
	for (i = 8; i--;)
		TRY(stack_pop(x, &s, &v[i], bytes));
	for (i = 0; i < 8; i++)
		if (i != INSN_RSP)
			set_gpr_low(x->cpu, i, bytes, v[i]);
	stack_close(x, &s);
	return INSN_DONE;
}

/* Virtual-8086 mode below IOPL 3: VME shows VIF as IF (16-bit forms), else #GP. */
static bool vme_flags(const struct exec *x)
{
	return is_vm86(x->cpu) && (x->flags & FL_IOPL) != FL_IOPL;
}

int x_pushf(struct exec *x)
{
	u64 flags = x->flags & ~(u64)(FL_RF | FL_VM);
	struct stack s;

	if (vme_flags(x)) {
		if (!(x->cpu->cr4 & CR4_VME) || x->insn->opsize != 2)
			return gp0(x);
		flags = (flags & ~(u64)FL_IF) | FL_IOPL | (x->flags & FL_VIF ? FL_IF : 0);
	}
	TRY(stack_open(x, &s));
	TRY(stack_push(x, &s, flags & mask_of(x->insn->opsize), x->insn->opsize));
	stack_close(x, &s);
	return INSN_DONE;
}

/* Which flags a POPF or IRET at this privilege may change. */
u64 writable_flags(const struct insn_cpu *cpu, unsigned int bytes)
{
	u64 mask = FL_ARITH | FL_TF | FL_DF | FL_NT;

	if (bytes > 2)
		mask |= FL_AC | FL_ID | FL_RF;
	if (!(cpu->cr0 & CR0_PE) || cpu->cpl == 0)
		mask |= FL_IF | FL_IOPL;
	else if (cpu->cpl <= (cpu->rflags >> 12 & 3))
		mask |= FL_IF;
	return mask;
}

int x_popf(struct exec *x)
{
	unsigned int bytes = x->insn->opsize;
	u64 mask = writable_flags(x->cpu, bytes), flags;
	struct stack s;

	if (vme_flags(x) && (!(x->cpu->cr4 & CR4_VME) || bytes != 2))
		return gp0(x);
	TRY(stack_open(x, &s));
	TRY(stack_pop(x, &s, &flags, bytes));
	if (vme_flags(x)) {
		if (flags & FL_TF || (flags & FL_IF && x->flags & FL_VIP))
			return gp0(x);
		x->flags = (x->flags & ~(u64)FL_VIF) | (flags & FL_IF ? FL_VIF : 0);
		mask &= ~(u64)(FL_IF | FL_IOPL);
	}
	/* RF is cleared, not loaded. */
	flags &= ~(u64)FL_RF;
	x->flags = (x->flags & ~mask) | (flags & mask);
	stack_close(x, &s);
	return INSN_DONE;
}

/*
 * ENTER: the frame pointer chain is copied at the old nesting level, and the
 * place rSP ends at must be writable (SDM volume 2).
 */
int x_enter(struct exec *x)
{
	unsigned int bytes = x->insn->opsize, level = x->insn->imm2 & 31, i;
	u64 rbp, frame, chain, value;
	struct stack s;

	TRY(stack_open(x, &s));
	rbp = x->cpu->gpr[INSN_RBP];
	TRY(stack_push(x, &s, rbp & mask_of(bytes), bytes));
	frame = s.sp;
	chain = rbp;
	for (i = 1; i < level; i++) {
		chain = (chain - bytes) & mask_of(s.width);
		TRY(mem_read_u(x, INSN_SS, chain, &value, bytes, 0));
		TRY(stack_push(x, &s, value, bytes));
	}
	if (level)
		TRY(stack_push(x, &s, frame & mask_of(bytes), bytes));
	s.sp = (s.sp - (u16)x->insn->imm) & mask_of(s.width);
	TRY(mem_read_u(x, INSN_SS, s.sp, &value, bytes, INSN_ACC_WRITE | INSN_ACC_PROBE));
	set_gpr_low(x->cpu, INSN_RBP, bytes, frame);
	stack_close(x, &s);
	return INSN_DONE;
}

int x_leave(struct exec *x)
{
	unsigned int bytes = x->insn->opsize;
	struct stack s;
	u64 value;

	TRY(stack_open(x, &s));
	s.sp = x->cpu->gpr[INSN_RBP];
	if (s.width < 8)
		s.sp = (x->cpu->gpr[INSN_RSP] & ~mask_of(s.width)) | (s.sp & mask_of(s.width));
	TRY(stack_pop(x, &s, &value, bytes));
	stack_close(x, &s);
	set_gpr_low(x->cpu, INSN_RBP, bytes, value);
	return INSN_DONE;
}
