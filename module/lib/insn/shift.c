// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shifts, rotates, bit tests and scans, BMI.
 *
 * Pure functions over struct exec; takes no locks. SDM volume 2, page of each.
 */
#include "exec.h"

enum shift_op { S_ROL, S_ROR, S_RCL, S_RCR, S_SHL, S_SHR, S_SAR };

/* One bit of a value, as 0 or 1. */
static u64 bit_of(u64 value, unsigned int nr)
{
	return value >> nr & 1;
}

static u64 of_flag(bool set)
{
	return set ? FL_OF : 0;
}

/* @n is 1 to 31, or 63 for 64-bit operands. OF is defined for single bits only. */
static u64 shift_value(enum shift_op op, u64 a, unsigned int n, unsigned int bytes, u64 cf,
		       u64 *out_cf, bool *out_of)
{
	unsigned int bits = bytes * 8, m;
	u64 r = a;

	switch (op) {
	case S_ROL:
		m = n % bits;
		if (m)
			r = (a << m | a >> (bits - m)) & mask_of(bytes);
		*out_cf = r & 1;
		*out_of = bit_of(r, bits - 1) ^ *out_cf;
		return r;
	case S_ROR:
		m = n % bits;
		if (m)
			r = (a >> m | a << (bits - m)) & mask_of(bytes);
		*out_cf = bit_of(r, bits - 1);
		*out_of = bit_of(r, bits - 1) ^ bit_of(r, bits - 2);
		return r;
	case S_RCL:
		for (m = n % (bits + 1); m; m--) {
			u64 top = bit_of(r, bits - 1);

			r = (r << 1 | cf) & mask_of(bytes);
			cf = top;
		}
		*out_cf = cf;
		*out_of = bit_of(r, bits - 1) ^ cf;
		return r;
	case S_RCR:
		for (m = n % (bits + 1); m; m--) {
			u64 low = r & 1;

			r = r >> 1 | cf << (bits - 1);
			cf = low;
		}
		*out_cf = cf;
		*out_of = bit_of(r, bits - 1) ^ bit_of(r, bits - 2);
		return r;
	case S_SHL:
		*out_cf = n <= bits ? bit_of(a, bits - n) : 0;
		r = n < bits ? a << n & mask_of(bytes) : 0;
		*out_of = bit_of(r, bits - 1) ^ *out_cf;
		return r;
	case S_SHR:
		*out_cf = n <= bits ? bit_of(a, n - 1) : 0;
		*out_of = n == 1 && bit_of(a, bits - 1);
		return n < bits ? a >> n : 0;
	default:
		a = sign_extend(a, bytes);
		*out_cf = bit_of((u64)((s64)a >> (n - 1)), 0);
		*out_of = false;
		return (u64)((s64)a >> n) & mask_of(bytes);
	}
}

static __always_inline int shift(struct exec *x, enum shift_op op)
{
	unsigned int bytes = op_size(x, 0), n;
	u64 a, count, r = 0, cf;
	bool of;

	TRY(get_op_rw(x, 0, bytes, &a));
	TRY(get_op(x, 1, 1, &count));
	n = count & (bytes == 8 ? 63 : 31);
	if (!n)
		return put_op(x, 0, bytes, a);
	r = shift_value(op, a, n, bytes, x->flags & FL_CF, &cf, &of);
	TRY(put_op(x, 0, bytes, r));
	if (op <= S_RCR)
		set_arith(x, FL_CF | FL_OF, cf | of_flag(of));
	else
		set_arith(x, FL_ARITH, cf | of_flag(of) | flags_szp(r, bytes));
	return INSN_DONE;
}

int x_rol(struct exec *x) { return shift(x, S_ROL); }
int x_ror(struct exec *x) { return shift(x, S_ROR); }
int x_rcl(struct exec *x) { return shift(x, S_RCL); }
int x_rcr(struct exec *x) { return shift(x, S_RCR); }
int x_shl(struct exec *x) { return shift(x, S_SHL); }
int x_shr(struct exec *x) { return shift(x, S_SHR); }
int x_sar(struct exec *x) { return shift(x, S_SAR); }

/* Counts above the operand size (16-bit form) are undefined; the operands repeat. */
static int shift_double(struct exec *x, bool left)
{
	unsigned int bytes = op_size(x, 0), bits = bytes * 8, n;
	u64 a, b, count, r, cf;

	TRY(get_op_rw(x, 0, bytes, &a));
	TRY(get_op(x, 1, bytes, &b));
	TRY(get_op(x, 2, 1, &count));
	n = count & (bytes == 8 ? 63 : 31);
	if (!n)
		return put_op(x, 0, bytes, a);
	if (n > bits) {
		u64 t = a;

		a = b;
		b = t;
		n -= bits;
	}
	if (left) {
		cf = bit_of(a, bits - n);
		r = n < bits ? (a << n | b >> (bits - n)) & mask_of(bytes) : b;
	} else {
		cf = bit_of(a, n - 1);
		r = n < bits ? (a >> n | b << (bits - n)) & mask_of(bytes) : b;
	}
	TRY(put_op(x, 0, bytes, r));
	set_arith(x, FL_ARITH, cf | of_flag(bit_of(a ^ r, bits - 1)) | flags_szp(r, bytes));
	return INSN_DONE;
}

int x_shld(struct exec *x) { return shift_double(x, true); }
int x_shrd(struct exec *x) { return shift_double(x, false); }

/* BT, BTS, BTR, BTC. A register bit offset reaches beyond a memory operand. */
int x_bt(struct exec *x)
{
	unsigned int bytes = op_size(x, 0), bits = bytes * 8;
	u64 a, nr, r;

	if (OPC_KIND(x->insn->row->op[1]) == K_G) {
		nr = get_gpr(x, x->insn->reg, bytes);
		if (op_is_mem(x, 0)) {
			s64 offset = (s64)sign_extend(nr, bytes);

			x->ea += (u64)(offset >> (bytes == 2 ? 4 : bytes == 4 ? 5 : 6)) * bytes;
			x->ea &= mask_of(x->insn->adsize);
		}
	} else {
		nr = x->insn->imm;
	}
	nr &= bits - 1;
	if (x->insn->id == INSN_OP_BT) {
		TRY(get_op(x, 0, bytes, &a));
	} else {
		TRY(get_op_rw(x, 0, bytes, &a));
		if (x->insn->id == INSN_OP_BTS)
			r = a | 1ULL << nr;
		else if (x->insn->id == INSN_OP_BTR)
			r = a & ~(1ULL << nr);
		else
			r = a ^ 1ULL << nr;
		TRY(put_op_rw(x, 0, bytes, a, r));
	}
	set_arith(x, FL_CF, bit_of(a, nr));
	return INSN_DONE;
}

static unsigned int lowest(u64 value)
{
	return (unsigned int)__ffs(value);
}

static unsigned int highest(u64 value)
{
	return (unsigned int)fls64(value) - 1;
}

/* With a zero source the destination stays, upper half included. */
static int scan(struct exec *x, bool forward)
{
	unsigned int bytes = op_size(x, 0);
	u64 a;

	TRY(get_op(x, 1, bytes, &a));
	if (a)
		TRY(put_op(x, 0, bytes, forward ? lowest(a) : highest(a)));
	set_arith(x, FL_ZF, a ? 0 : FL_ZF);
	return INSN_DONE;
}

int x_bsf(struct exec *x) { return scan(x, true); }
int x_bsr(struct exec *x) { return scan(x, false); }

int x_tzcnt(struct exec *x)
{
	unsigned int bytes = op_size(x, 0);
	u64 a, r;

	TRY(get_op(x, 1, bytes, &a));
	r = a ? lowest(a) : bytes * 8;
	TRY(put_op(x, 0, bytes, r));
	set_arith(x, FL_CF | FL_ZF, (a ? 0 : FL_CF) | (r ? 0 : FL_ZF));
	return INSN_DONE;
}

int x_lzcnt(struct exec *x)
{
	unsigned int bytes = op_size(x, 0);
	u64 a, r;

	TRY(get_op(x, 1, bytes, &a));
	r = a ? bytes * 8 - 1 - highest(a) : bytes * 8;
	TRY(put_op(x, 0, bytes, r));
	set_arith(x, FL_CF | FL_ZF, (a ? 0 : FL_CF) | (r ? 0 : FL_ZF));
	return INSN_DONE;
}

static unsigned int ones(u64 value)
{
	value -= value >> 1 & 0x5555555555555555ULL;
	value = (value & 0x3333333333333333ULL) + (value >> 2 & 0x3333333333333333ULL);
	value = (value + (value >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
	return (unsigned int)(value * 0x0101010101010101ULL >> 56);
}

int x_popcnt(struct exec *x)
{
	unsigned int bytes = op_size(x, 0);
	u64 a;

	TRY(get_op(x, 1, bytes, &a));
	TRY(put_op(x, 0, bytes, ones(a)));
	set_arith(x, FL_ARITH, a ? 0 : FL_ZF);
	return INSN_DONE;
}

/* ----- BMI1 and BMI2 */

int x_andn(struct exec *x)
{
	unsigned int bytes = op_size(x, 0);
	u64 a, b, r;

	TRY(get_op(x, 1, bytes, &a));
	TRY(get_op(x, 2, bytes, &b));
	r = ~a & b & mask_of(bytes);
	TRY(put_op(x, 0, bytes, r));
	set_arith(x, FL_ARITH & ~(FL_AF | FL_PF), flags_szp(r, bytes) & ~(u64)FL_PF);
	return INSN_DONE;
}

int x_bextr(struct exec *x)
{
	unsigned int bytes = op_size(x, 0), start, length;
	u64 a, control;

	TRY(get_op(x, 1, bytes, &a));
	TRY(get_op(x, 2, bytes, &control));
	start = control & 0xff;
	length = control >> 8 & 0xff;
	a = start < 64 ? a >> start : 0;
	if (length < 64)
		a &= (1ULL << length) - 1;
	TRY(put_op(x, 0, bytes, a));
	set_arith(x, FL_ZF | FL_CF | FL_OF, a ? 0 : FL_ZF);
	return INSN_DONE;
}

int x_bls(struct exec *x)
{
	unsigned int bytes = op_size(x, 0);
	u64 a, r;
	bool cf;

	TRY(get_op(x, 1, bytes, &a));
	switch (x->insn->id) {
	case INSN_OP_BLSR:
		r = a & (a - 1);
		cf = !a;
		break;
	case INSN_OP_BLSMSK:
		r = (a ^ (a - 1)) & mask_of(bytes);
		cf = !a;
		break;
	default:
		r = a & -a;
		cf = a;
		break;
	}
	TRY(put_op(x, 0, bytes, r));
	set_arith(x, FL_ZF | FL_SF | FL_CF | FL_OF,
		  (flags_szp(r, bytes) & ~(u64)FL_PF) | (cf ? FL_CF : 0));
	return INSN_DONE;
}

int x_bzhi(struct exec *x)
{
	unsigned int bytes = op_size(x, 0), bits = bytes * 8;
	u64 a, n;

	TRY(get_op(x, 1, bytes, &a));
	TRY(get_op(x, 2, bytes, &n));
	n &= 0xff;
	if (n < bits)
		a &= (1ULL << n) - 1;
	TRY(put_op(x, 0, bytes, a));
	set_arith(x, FL_ZF | FL_SF | FL_CF | FL_OF,
		  (flags_szp(a, bytes) & ~(u64)FL_PF) | (n >= bits ? FL_CF : 0));
	return INSN_DONE;
}

/* The low half is written first: with equal destinations the high half stays. */
int x_mulx(struct exec *x)
{
	unsigned int bytes = op_size(x, 0);
	u64 a = x->cpu->gpr[INSN_RDX] & mask_of(bytes), b, low, high;

	TRY(get_op(x, 2, bytes, &b));
	high = mul_high(a, b, &low);
	if (bytes == 4)
		high = low >> 32;
	TRY(put_op(x, 1, bytes, low));
	return put_op(x, 0, bytes, high);
}

int x_pdep(struct exec *x)
{
	unsigned int bytes = op_size(x, 0);
	u64 a, mask, r = 0;

	TRY(get_op(x, 1, bytes, &a));
	TRY(get_op(x, 2, bytes, &mask));
	for (; mask; mask &= mask - 1, a >>= 1)
		if (a & 1)
			r |= mask & -mask;
	return put_op(x, 0, bytes, r);
}

int x_pext(struct exec *x)
{
	unsigned int bytes = op_size(x, 0), to = 0;
	u64 a, mask, r = 0;

	TRY(get_op(x, 1, bytes, &a));
	TRY(get_op(x, 2, bytes, &mask));
	for (; mask; mask &= mask - 1, to++)
		if (a & mask & -mask)
			r |= 1ULL << to;
	return put_op(x, 0, bytes, r);
}

int x_rorx(struct exec *x)
{
	unsigned int bytes = op_size(x, 0), bits = bytes * 8;
	unsigned int n = x->insn->imm & (bits - 1);
	u64 a;

	TRY(get_op(x, 1, bytes, &a));
	if (n)
		a = a >> n | a << (bits - n);
	return put_op(x, 0, bytes, a & mask_of(bytes));
}

/* SARX, SHLX, SHRX. */
int x_shiftx(struct exec *x)
{
	unsigned int bytes = op_size(x, 0), n;
	u64 a, count;

	TRY(get_op(x, 1, bytes, &a));
	TRY(get_op(x, 2, bytes, &count));
	n = count & (bytes * 8 - 1);
	if (x->insn->id == INSN_OP_SHLX)
		a <<= n;
	else if (x->insn->id == INSN_OP_SHRX)
		a >>= n;
	else
		a = (u64)((s64)sign_extend(a, bytes) >> n);
	return put_op(x, 0, bytes, a & mask_of(bytes));
}
