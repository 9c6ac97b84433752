// SPDX-License-Identifier: GPL-2.0-only
/*
 * String instructions and port I/O.
 *
 * A REP commits after each iteration: registers are those of the finished
 * iterations whatever ends it (fault, exit, the bound of one call). SDM volume
 * 1 sections 7.3.9 and 19, volume 2 REP.
 *
 * Pure functions over struct exec; takes no locks.
 */
#include "exec.h"

/* One iteration: moves data, advances rSI and rDI by itself once nothing can fail. */
typedef int (*iteration)(struct exec *x, unsigned int bytes);

static void advance(struct exec *x, unsigned int reg, unsigned int bytes)
{
	u64 step = x->flags & FL_DF ? -(u64)bytes : bytes;

	set_gpr_low(x->cpu, reg, x->insn->adsize, x->cpu->gpr[reg] + step);
}

static u64 string_offset(const struct exec *x, unsigned int reg)
{
	return x->cpu->gpr[reg] & mask_of(x->insn->adsize);
}

static int src_read(struct exec *x, unsigned int bytes, u64 *value)
{
	return mem_read_u(x, x->insn->seg, string_offset(x, INSN_RSI), value, bytes, 0);
}

/*
 * @compares: CMPS and SCAS, where REPE and REPNE look at ZF; elsewhere either
 * prefix just repeats.
 */
static int repeat(struct exec *x, unsigned int bytes, iteration once, bool compares)
{
	struct insn_cpu *cpu = x->cpu;
	unsigned int left, width = x->insn->adsize;
	u64 count;

	if (!(x->insn->prefix & (INSN_PFX_F2 | INSN_PFX_F3)))
		return once(x, bytes);

	count = cpu->gpr[INSN_RCX] & mask_of(width);
	/* A single step traps after each iteration. */
	left = x->flags & FL_TF || cpu->dr7 & DR7_ENABLED || !cpu->max_rep ? 1 : cpu->max_rep;
	while (count) {
		int ret = once(x, bytes);

		if (ret != INSN_DONE) {
			/* Earlier iterations stand; comparisons have set flags. */
			cpu->rflags = x->flags | (cpu->rflags & FL_RF);
			return ret;
		}
		set_gpr_low(cpu, INSN_RCX, width, --count);
		if (cpu->ops->iterated)
			cpu->ops->iterated(cpu);
		if (compares && !(x->flags & FL_ZF) == !!(x->insn->prefix & INSN_PFX_F3))
			return INSN_DONE;
		if (count && !--left) {
			cpu->events |= INSN_EV_REP;
			x->rip = cpu->rip;
			return INSN_DONE;
		}
	}
	return INSN_DONE;
}

static int once_movs(struct exec *x, unsigned int bytes)
{
	u64 value;

	TRY(src_read(x, bytes, &value));
	TRY(mem_write_u(x, INSN_ES, string_offset(x, INSN_RDI), value, bytes));
	advance(x, INSN_RSI, bytes);
	advance(x, INSN_RDI, bytes);
	return INSN_DONE;
}

int x_movs(struct exec *x)
{
	return repeat(x, op_size(x, 0), once_movs, false);
}

static int once_cmps(struct exec *x, unsigned int bytes)
{
	u64 a, b, fl;

	TRY(src_read(x, bytes, &a));
	TRY(mem_read_u(x, INSN_ES, string_offset(x, INSN_RDI), &b, bytes, 0));
	alu_sub(a, b, 0, bytes, &fl);
	set_arith(x, FL_ARITH, fl);
	advance(x, INSN_RSI, bytes);
	advance(x, INSN_RDI, bytes);
	return INSN_DONE;
}

int x_cmps(struct exec *x)
{
	return repeat(x, op_size(x, 0), once_cmps, true);
}

static int once_stos(struct exec *x, unsigned int bytes)
{
	TRY(mem_write_u(x, INSN_ES, string_offset(x, INSN_RDI),
			x->cpu->gpr[INSN_RAX] & mask_of(bytes), bytes));
	advance(x, INSN_RDI, bytes);
	return INSN_DONE;
}

int x_stos(struct exec *x)
{
	return repeat(x, op_size(x, 0), once_stos, false);
}

static int once_lods(struct exec *x, unsigned int bytes)
{
	u64 value;

	TRY(src_read(x, bytes, &value));
	set_gpr(x, INSN_RAX, bytes, value);
	advance(x, INSN_RSI, bytes);
	return INSN_DONE;
}

int x_lods(struct exec *x)
{
	return repeat(x, op_size(x, 0), once_lods, false);
}

static int once_scas(struct exec *x, unsigned int bytes)
{
	u64 value, fl;

	TRY(mem_read_u(x, INSN_ES, string_offset(x, INSN_RDI), &value, bytes, 0));
	alu_sub(x->cpu->gpr[INSN_RAX] & mask_of(bytes), value, 0, bytes, &fl);
	set_arith(x, FL_ARITH, fl);
	advance(x, INSN_RDI, bytes);
	return INSN_DONE;
}

int x_scas(struct exec *x)
{
	return repeat(x, op_size(x, 0), once_scas, true);
}

/* ----- ports */

/*
 * At CPL above IOPL, and in virtual-8086 mode always, the TSS's bitmap decides.
 * Two bytes of it are read, so the byte after the last one must be there.
 */
int check_io(struct exec *x, u16 port, unsigned int bytes)
{
	struct insn_cpu *cpu = x->cpu;
	const struct insn_segment *tr = &cpu->seg[INSN_TR];
	u16 base, bits;

	if (!(cpu->cr0 & CR0_PE))
		return INSN_DONE;
	if (!is_vm86(cpu) && cpu->cpl <= (x->flags >> 12 & 3))
		return INSN_DONE;
	TRY(load_segment_cache(cpu, INSN_TR));
	if (!(tr->attr & INSN_SEG_P) || (tr->attr & 0xd) != 9 || tr->limit < 103)
		return gp0(x);
	TRY(sys_read(cpu, tr->base + 102, &base, 2));
	if ((u32)base + port / 8 + 1 > tr->limit)
		return gp0(x);
	TRY(sys_read(cpu, tr->base + base + port / 8, &bits, 2));
	if (bits >> (port & 7) & (BIT(bytes) - 1))
		return gp0(x);
	return INSN_DONE;
}

static int port_in(struct exec *x, u16 port, unsigned int bytes, u32 *value)
{
	if (!x->cpu->ops->io_in)
		return INSN_UNIMPLEMENTED;
	*value = 0;
	if (unlikely(x->cpu->dr7 & DR7_ENABLED))
		note_breakpoints(x->cpu, port, bytes, false, true);
	return x->cpu->ops->io_in(x->cpu, port, bytes, value);
}

static int port_out(struct exec *x, u16 port, unsigned int bytes, u32 value)
{
	if (!x->cpu->ops->io_out)
		return INSN_UNIMPLEMENTED;
	if (unlikely(x->cpu->dr7 & DR7_ENABLED))
		note_breakpoints(x->cpu, port, bytes, false, true);
	return x->cpu->ops->io_out(x->cpu, port, bytes, value);
}

static u16 port_of(const struct exec *x, unsigned int operand)
{
	if (OPC_KIND(x->insn->row->op[operand]) == K_IMM)
		return (u8)x->insn->imm;
	return (u16)x->cpu->gpr[INSN_RDX];
}

int x_in(struct exec *x)
{
	unsigned int bytes = op_size(x, 0);
	u16 port = port_of(x, 1);
	u32 value;

	TRY(check_io(x, port, bytes));
	TRY(port_in(x, port, bytes, &value));
	set_gpr(x, INSN_RAX, bytes, value);
	return INSN_DONE;
}

int x_out(struct exec *x)
{
	unsigned int bytes = op_size(x, 1);
	u16 port = port_of(x, 0);

	TRY(check_io(x, port, bytes));
	return port_out(x, port, bytes, (u32)(x->cpu->gpr[INSN_RAX] & mask_of(bytes)));
}

/* The port must not be read before the destination is known to be writable. */
static int once_ins(struct exec *x, unsigned int bytes)
{
	u64 old;
	u32 value;

	TRY(mem_read_u(x, INSN_ES, string_offset(x, INSN_RDI), &old, bytes,
		       INSN_ACC_WRITE | INSN_ACC_PROBE));
	TRY(port_in(x, (u16)x->cpu->gpr[INSN_RDX], bytes, &value));
	TRY(mem_write_u(x, INSN_ES, string_offset(x, INSN_RDI), value, bytes));
	advance(x, INSN_RDI, bytes);
	return INSN_DONE;
}

int x_ins(struct exec *x)
{
	unsigned int bytes = op_size(x, 0);

	TRY(check_io(x, (u16)x->cpu->gpr[INSN_RDX], bytes));
	return repeat(x, bytes, once_ins, false);
}

static int once_outs(struct exec *x, unsigned int bytes)
{
	u64 value;

	TRY(src_read(x, bytes, &value));
	TRY(port_out(x, (u16)x->cpu->gpr[INSN_RDX], bytes, (u32)value));
	advance(x, INSN_RSI, bytes);
	return INSN_DONE;
}

int x_outs(struct exec *x)
{
	unsigned int bytes = op_size(x, 1);

	TRY(check_io(x, (u16)x->cpu->gpr[INSN_RDX], bytes));
	return repeat(x, bytes, once_outs, false);
}
