// SPDX-License-Identifier: GPL-2.0-only
/*
 * Data movement, conditional forms, exchanges and the flag instructions.
 *
 * Pure functions over struct exec; takes no locks.
 */
#include "exec.h"

int x_mov(struct exec *x)
{
	unsigned int bytes = op_size(x, 0);
	u64 a;

	TRY(get_op(x, 1, bytes, &a));
	return put_op(x, 0, bytes, a);
}

int x_movzx(struct exec *x)
{
	u64 a;

	TRY(get_op(x, 1, op_size(x, 1), &a));
	return put_op(x, 0, op_size(x, 0), a);
}

/* MOVSX and MOVSXD, whose 16-bit form reads 32 bits on AMD, 16 on Intel. */
int x_movsx(struct exec *x)
{
	unsigned int from = op_size(x, 1);
	u64 a;

	if (x->insn->id == INSN_OP_MOVSXD && x->cpu->vendor == INSN_VENDOR_AMD)
		from = 4;
	TRY(get_op(x, 1, from, &a));
	return put_op(x, 0, op_size(x, 0), sign_extend(a, from));
}

int x_lea(struct exec *x)
{
	return put_op(x, 0, op_size(x, 0), x->ea);
}

int x_xchg(struct exec *x)
{
	unsigned int bytes = op_size(x, 0);
	u64 a, b;

	TRY(get_op_rw(x, 0, bytes, &a));
	TRY(get_op(x, 1, bytes, &b));
	TRY(put_op_rw(x, 0, bytes, a, b));
	return put_op(x, 1, bytes, a);
}

int x_xlat(struct exec *x)
{
	u64 *gpr = x->cpu->gpr, value;

	TRY(mem_read_u(x, x->insn->seg,
		       (gpr[INSN_RBX] + (u8)gpr[INSN_RAX]) & mask_of(x->insn->adsize), &value, 1, 0));
	set_gpr(x, INSN_RAX, 1, value);
	return INSN_DONE;
}

static u64 byte_swap(u64 value, unsigned int bytes)
{
	u64 r = 0;

	while (bytes--) {
		r = r << 8 | (value & 0xff);
		value >>= 8;
	}
	return r;
}

int x_movbe(struct exec *x)
{
	unsigned int bytes = op_size(x, 0);
	u64 a;

	TRY(get_op(x, 1, bytes, &a));
	return put_op(x, 0, bytes, byte_swap(a, bytes));
}

/* The 16-bit form is undefined; processors give zero. */
int x_bswap(struct exec *x)
{
	unsigned int bytes = op_size(x, 0);
	u64 a;

	TRY(get_op(x, 0, bytes, &a));
	return put_op(x, 0, bytes, bytes == 2 ? 0 : byte_swap(a, bytes));
}

/* CBW, CWDE, CDQE. */
int x_cbw(struct exec *x)
{
	unsigned int bytes = x->insn->opsize;

	set_gpr(x, INSN_RAX, bytes, sign_extend(x->cpu->gpr[INSN_RAX], bytes / 2));
	return INSN_DONE;
}

/* CWD, CDQ, CQO. */
int x_cwd(struct exec *x)
{
	unsigned int bytes = x->insn->opsize;

	set_gpr(x, INSN_RDX, bytes, (s64)sign_extend(x->cpu->gpr[INSN_RAX], bytes) < 0 ? ~0ULL : 0);
	return INSN_DONE;
}

bool condition(u64 flags, unsigned int cc)
{
	bool r;

	switch (cc >> 1 & 7) {
	case 0:
		r = flags & FL_OF;
		break;
	case 1:
		r = flags & FL_CF;
		break;
	case 2:
		r = flags & FL_ZF;
		break;
	case 3:
		r = flags & (FL_CF | FL_ZF);
		break;
	case 4:
		r = flags & FL_SF;
		break;
	case 5:
		r = flags & FL_PF;
		break;
	case 6:
		r = (flags >> 7 ^ flags >> 11) & 1;
		break;
	default:
		r = flags & FL_ZF || (flags >> 7 ^ flags >> 11) & 1;
		break;
	}
	return r ^ (cc & 1);
}

/* The source is read, and a 32-bit destination's upper half cleared, in any case. */
int x_cmov(struct exec *x)
{
	unsigned int bytes = op_size(x, 0);
	u64 a;

	TRY(get_op(x, 1, bytes, &a));
	if (!condition(x->flags, x->insn->opcode & 15))
		TRY(get_op(x, 0, bytes, &a));
	return put_op(x, 0, bytes, a);
}

int x_setcc(struct exec *x)
{
	return put_op(x, 0, 1, condition(x->flags, x->insn->opcode & 15));
}

static bool has_lahf(const struct exec *x)
{
	return !is_64bit(x) || insn_has(x->cpu, INSN_F_LAHF64);
}

int x_lahf(struct exec *x)
{
	u64 *rax = &x->cpu->gpr[INSN_RAX];

	if (!has_lahf(x))
		return ud(x);
	*rax = (*rax & ~0xff00ULL) |
	       ((x->flags & (FL_SF | FL_ZF | FL_AF | FL_PF | FL_CF)) | FL_ONE) << 8;
	return INSN_DONE;
}

int x_sahf(struct exec *x)
{
	if (!has_lahf(x))
		return ud(x);
	set_arith(x, FL_SF | FL_ZF | FL_AF | FL_PF | FL_CF, x->cpu->gpr[INSN_RAX] >> 8);
	return INSN_DONE;
}

int x_salc(struct exec *x)
{
	set_gpr(x, INSN_RAX, 1, x->flags & FL_CF ? 0xff : 0);
	return INSN_DONE;
}

/*
 * A failed compare writes memory back, so it faults like a write; a register is
 * left alone, upper half included.
 */
int x_cmpxchg(struct exec *x)
{
	unsigned int bytes = op_size(x, 0);
	u64 a, b, acc = x->cpu->gpr[INSN_RAX] & mask_of(bytes), fl;

	TRY(get_op_rw(x, 0, bytes, &a));
	TRY(get_op(x, 1, bytes, &b));
	alu_sub(acc, a, 0, bytes, &fl);
	if (fl & FL_ZF || op_is_mem(x, 0))
		TRY(put_op_rw(x, 0, bytes, a, fl & FL_ZF ? b : a));
	if (!(fl & FL_ZF))
		set_gpr(x, INSN_RAX, bytes, a);
	set_arith(x, FL_ARITH, fl);
	return INSN_DONE;
}

int x_xadd(struct exec *x)
{
	unsigned int bytes = op_size(x, 0);
	u64 a, b, r, fl;

	TRY(get_op_rw(x, 0, bytes, &a));
	TRY(get_op(x, 1, bytes, &b));
	r = alu_add(a, b, 0, bytes, &fl);
	if (op_is_mem(x, 0)) {
		TRY(put_op_rw(x, 0, bytes, a, r));
		TRY(put_op(x, 1, bytes, a));
	} else {
		/* With one register named twice the sum stays. */
		TRY(put_op(x, 1, bytes, a));
		TRY(put_op(x, 0, bytes, r));
	}
	set_arith(x, FL_ARITH, fl);
	return INSN_DONE;
}

/* CMPXCHG8B, and with REX.W CMPXCHG16B, whose operand must be aligned. */
int x_cmpxchg8b(struct exec *x)
{
	unsigned int half = x->insn->opsize == 8 ? 8 : 4;
	const struct insn *insn = x->insn;
	u64 *gpr = x->cpu->gpr, linear;
	u64 old[2] = { 0 }, new[2], value[2];
	u32 acc = INSN_ACC_WRITE | (insn->prefix & INSN_PFX_LOCK ? INSN_ACC_LOCK : 0);
	u32 small[2];
	bool equal;

	if (half == 8) {
		if (!insn_has(x->cpu, INSN_F_CX16))
			return ud(x);
		/* Alignment comes before the canonical form: #GP even through SS. */
		linear = x->ea;
		if (insn->seg >= INSN_FS) {
			TRY(load_segment_cache(x->cpu, insn->seg));
			linear += x->cpu->seg[insn->seg].base;
		}
		if (linear & 15)
			return gp0(x);
		TRY(mem_read(x, insn->seg, x->ea, old, 16, acc));
	} else {
		TRY(mem_read(x, insn->seg, x->ea, small, 8, acc));
		old[0] = small[0];
		old[1] = small[1];
	}
	equal = old[0] == (gpr[INSN_RAX] & mask_of(half)) &&
		old[1] == (gpr[INSN_RDX] & mask_of(half));
	new[0] = equal ? gpr[INSN_RBX] & mask_of(half) : old[0];
	new[1] = equal ? gpr[INSN_RCX] & mask_of(half) : old[1];
	value[0] = old[0];
	value[1] = old[1];
	if (half == 4) {
		value[0] |= value[1] << 32;
		new[0] |= new[1] << 32;
	}
	if (insn->prefix & INSN_PFX_LOCK && x->cpu->ops->compare_swap) {
		u64 seen[2] = { value[0], value[1] };

		TRY(linear_address(x, insn->seg, x->ea, half * 2, true, &linear));
		/* In parentheses: some kernels have a macro of that name. */
		TRY(x->cpu->ops->compare_swap(x->cpu, linear, seen, new, half * 2, 0));
		if (seen[0] != value[0] || (half == 8 && seen[1] != value[1]))
			return INSN_RETRY;
	} else {
		TRY(mem_write(x, insn->seg, x->ea, new, half * 2, 0));
	}
	if (!equal) {
		set_gpr(x, INSN_RAX, half, old[0]);
		set_gpr(x, INSN_RDX, half, old[1]);
	}
	set_arith(x, FL_ZF, equal ? FL_ZF : 0);
	return INSN_DONE;
}

/* ----- flags */

int x_clc(struct exec *x) { x->flags &= ~(u64)FL_CF; return INSN_DONE; }
int x_stc(struct exec *x) { x->flags |= FL_CF; return INSN_DONE; }
int x_cmc(struct exec *x) { x->flags ^= FL_CF; return INSN_DONE; }
int x_cld(struct exec *x) { x->flags &= ~(u64)FL_DF; return INSN_DONE; }
int x_std(struct exec *x) { x->flags |= FL_DF; return INSN_DONE; }

/*
 * CLI and STI: SDM volume 2, table of STI. With CPL above IOPL, virtual-8086
 * extensions (CR4.VME) and protected-mode virtual interrupts (CR4.PVI, CPL 3)
 * work on VIF instead.
 */
static int interrupt_flag(struct exec *x, bool set)
{
	struct insn_cpu *cpu = x->cpu;
	unsigned int iopl = x->flags >> 12 & 3;
	u64 flag = FL_IF;

	if (cpu->cr0 & CR0_PE && iopl < (is_vm86(cpu) ? 3 : cpu->cpl)) {
		if (!(is_vm86(cpu) ? cpu->cr4 & CR4_VME : cpu->cr4 & CR4_PVI && cpu->cpl == 3))
			return gp0(x);
		if (set && x->flags & FL_VIP)
			return gp0(x);
		flag = FL_VIF;
	}
	if (set && flag == FL_IF && !(x->flags & FL_IF))
		cpu->events |= INSN_EV_SHADOW_STI;
	x->flags = set ? x->flags | flag : x->flags & ~flag;
	return INSN_DONE;
}

int x_cli(struct exec *x) { return interrupt_flag(x, false); }
int x_sti(struct exec *x) { return interrupt_flag(x, true); }

/* CLAC and STAC: #UD above CPL 0. */
int x_clac(struct exec *x)
{
	if (x->cpu->cpl)
		return ud(x);
	if (x->insn->id == INSN_OP_STAC)
		x->flags |= FL_AC;
	else
		x->flags &= ~(u64)FL_AC;
	return INSN_DONE;
}

int do_special(struct exec *x, enum insn_special what, u64 arg, u64 addr)
{
	return x->cpu->ops->special ? x->cpu->ops->special(x->cpu, what, arg, addr) : INSN_DONE;
}

/* NOP, ENDBR, prefetches: operands are not accessed. */
int x_nop(struct exec *x)
{
	return INSN_DONE;
}

int x_pause(struct exec *x)
{
	return do_special(x, INSN_SP_PAUSE, 0, 0);
}

int x_fence(struct exec *x)
{
	return do_special(x, INSN_SP_CACHE_FENCE, x->insn->id, 0);
}

/* An unmasked x87 exception that is pending is raised by the x87's own instructions. */
int x_hlt(struct exec *x)
{
	x->cpu->events |= INSN_EV_HALT;
	return INSN_DONE;
}

int x_ud(struct exec *x)
{
	return ud(x);
}
