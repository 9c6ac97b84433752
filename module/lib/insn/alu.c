// SPDX-License-Identifier: GPL-2.0-only
/*
 * Arithmetic, logic, multiplication and division, decimal adjustment.
 *
 * Pure functions over struct exec; takes no locks. Flags that the manuals call
 * undefined are left as processors of both vendors agree, else cleared or kept;
 * tests mask them by the manuals' tables (SDM volume 1 appendix A).
 */
#include "exec.h"

u64 alu_add(u64 a, u64 b, u64 carry, unsigned int bytes, u64 *fl)
{
	unsigned int top = bytes * 8 - 1;
	u64 r = (a + b + carry) & mask_of(bytes);
	u64 cout = (a & b) | ((a | b) & ~r);

	*fl = flags_szp(r, bytes) | (cout >> top & 1) | ((a ^ b ^ r) & FL_AF) |
	      ((((a ^ r) & (b ^ r)) >> top & 1) << 11);
	return r;
}

u64 alu_sub(u64 a, u64 b, u64 borrow, unsigned int bytes, u64 *fl)
{
	unsigned int top = bytes * 8 - 1;
	u64 r = (a - b - borrow) & mask_of(bytes);
	u64 bout = (~a & b) | ((~a | b) & r);

	*fl = flags_szp(r, bytes) | (bout >> top & 1) | ((a ^ b ^ r) & FL_AF) |
	      ((((a ^ b) & (a ^ r)) >> top & 1) << 11);
	return r;
}

enum alu_op { A_ADD, A_OR, A_ADC, A_SBB, A_AND, A_SUB, A_XOR };

static __always_inline int alu(struct exec *x, enum alu_op op)
{
	unsigned int bytes = op_size(x, 0);
	u64 a, b, r, fl;

	TRY(get_op_rw(x, 0, bytes, &a));
	TRY(get_op(x, 1, bytes, &b));
	switch (op) {
	case A_ADD:
		r = alu_add(a, b, 0, bytes, &fl);
		break;
	case A_ADC:
		r = alu_add(a, b, x->flags & FL_CF, bytes, &fl);
		break;
	case A_SUB:
		r = alu_sub(a, b, 0, bytes, &fl);
		break;
	case A_SBB:
		r = alu_sub(a, b, x->flags & FL_CF, bytes, &fl);
		break;
	default:
		r = op == A_OR ? a | b : op == A_AND ? a & b : a ^ b;
		fl = flags_szp(r, bytes);
		break;
	}
	TRY(put_op_rw(x, 0, bytes, a, r));
	set_arith(x, FL_ARITH, fl);
	return INSN_DONE;
}

int x_add(struct exec *x) { return alu(x, A_ADD); }
int x_or(struct exec *x) { return alu(x, A_OR); }
int x_adc(struct exec *x) { return alu(x, A_ADC); }
int x_sbb(struct exec *x) { return alu(x, A_SBB); }
int x_and(struct exec *x) { return alu(x, A_AND); }
int x_sub(struct exec *x) { return alu(x, A_SUB); }
int x_xor(struct exec *x) { return alu(x, A_XOR); }

int x_cmp(struct exec *x)
{
	unsigned int bytes = op_size(x, 0);
	u64 a, b, fl;

	TRY(get_op(x, 0, bytes, &a));
	TRY(get_op(x, 1, bytes, &b));
	alu_sub(a, b, 0, bytes, &fl);
	set_arith(x, FL_ARITH, fl);
	return INSN_DONE;
}

int x_test(struct exec *x)
{
	unsigned int bytes = op_size(x, 0);
	u64 a, b;

	TRY(get_op(x, 0, bytes, &a));
	TRY(get_op(x, 1, bytes, &b));
	set_arith(x, FL_ARITH, flags_szp(a & b, bytes));
	return INSN_DONE;
}

int x_not(struct exec *x)
{
	unsigned int bytes = op_size(x, 0);
	u64 a;

	TRY(get_op_rw(x, 0, bytes, &a));
	return put_op_rw(x, 0, bytes, a, ~a & mask_of(bytes));
}

int x_neg(struct exec *x)
{
	unsigned int bytes = op_size(x, 0);
	u64 a, r, fl;

	TRY(get_op_rw(x, 0, bytes, &a));
	r = alu_sub(0, a, 0, bytes, &fl);
	TRY(put_op_rw(x, 0, bytes, a, r));
	set_arith(x, FL_ARITH, fl);
	return INSN_DONE;
}

int x_inc(struct exec *x)
{
	unsigned int bytes = op_size(x, 0);
	u64 a, r, fl;

	TRY(get_op_rw(x, 0, bytes, &a));
	r = alu_add(a, 1, 0, bytes, &fl);
	TRY(put_op_rw(x, 0, bytes, a, r));
	set_arith(x, FL_ARITH & ~FL_CF, fl);
	return INSN_DONE;
}

int x_dec(struct exec *x)
{
	unsigned int bytes = op_size(x, 0);
	u64 a, r, fl;

	TRY(get_op_rw(x, 0, bytes, &a));
	r = alu_sub(a, 1, 0, bytes, &fl);
	TRY(put_op_rw(x, 0, bytes, a, r));
	set_arith(x, FL_ARITH & ~FL_CF, fl);
	return INSN_DONE;
}

/* ADCX works on CF alone, ADOX on OF alone. */
int x_adcx(struct exec *x)
{
	u64 flag = x->insn->id == INSN_OP_ADCX ? FL_CF : FL_OF;
	unsigned int bytes = op_size(x, 0);
	u64 a, b, r, fl;

	TRY(get_op(x, 1, bytes, &b));
	TRY(get_op(x, 0, bytes, &a));
	r = alu_add(a, b, !!(x->flags & flag), bytes, &fl);
	TRY(put_op(x, 0, bytes, r));
	set_arith(x, flag, fl & FL_CF ? flag : 0);
	return INSN_DONE;
}

/* ----- multiplication: 128-bit products without 128-bit types */

u64 mul_high(u64 a, u64 b, u64 *low)
{
	u64 al = (u32)a, ah = a >> 32, bl = (u32)b, bh = b >> 32;
	u64 ll = al * bl, lh = al * bh, hl = ah * bl;
	u64 mid = (ll >> 32) + (u32)lh + (u32)hl;

	*low = a * b;
	return ah * bh + (lh >> 32) + (hl >> 32) + (mid >> 32);
}

static u64 imul_high(u64 a, u64 b, u64 *low)
{
	u64 high = mul_high(a, b, low);

	if ((s64)a < 0)
		high -= b;
	if ((s64)b < 0)
		high -= a;
	return high;
}

/* rDX:rAX, or AX for bytes. */
static void put_double(struct exec *x, unsigned int bytes, u64 low, u64 high)
{
	if (bytes == 1) {
		set_gpr(x, INSN_RAX, 2, (low & 0xff) | high << 8);
		return;
	}
	set_gpr(x, INSN_RAX, bytes, low);
	set_gpr(x, INSN_RDX, bytes, high);
}

int x_mul(struct exec *x)
{
	unsigned int bytes = op_size(x, 0);
	u64 a = x->cpu->gpr[INSN_RAX] & mask_of(bytes), b, low, high;

	TRY(get_op(x, 0, bytes, &b));
	high = mul_high(a, b, &low);
	if (bytes < 8) {
		high = low >> (bytes * 8) & mask_of(bytes);
		low &= mask_of(bytes);
	}
	put_double(x, bytes, low, high);
	set_arith(x, FL_CF | FL_OF, high ? FL_CF | FL_OF : 0);
	return INSN_DONE;
}

/* CF and OF: the product does not fit the lower half. */
static u64 imul_flags(u64 low, u64 high, unsigned int bytes)
{
	u64 sign = low >> (bytes * 8 - 1) & 1 ? mask_of(bytes) : 0;

	return high == sign ? 0 : FL_CF | FL_OF;
}

static void imul(u64 a, u64 b, unsigned int bytes, u64 *low, u64 *high)
{
	*high = imul_high(sign_extend(a, bytes), sign_extend(b, bytes), low);
	if (bytes < 8) {
		*high = *low >> (bytes * 8) & mask_of(bytes);
		*low &= mask_of(bytes);
	}
}

int x_imul1(struct exec *x)
{
	unsigned int bytes = op_size(x, 0);
	u64 b, low, high;

	TRY(get_op(x, 0, bytes, &b));
	imul(x->cpu->gpr[INSN_RAX], b, bytes, &low, &high);
	put_double(x, bytes, low, high);
	set_arith(x, FL_CF | FL_OF, imul_flags(low, high, bytes));
	return INSN_DONE;
}

/* Two operands (the first is read too) or three. */
int x_imul(struct exec *x)
{
	bool three = OPC_KIND(x->insn->row->op[2]) != K_NONE;
	unsigned int bytes = op_size(x, 0);
	u64 a, b, low, high;

	TRY(get_op(x, 1, bytes, &a));
	TRY(get_op(x, three ? 2 : 0, bytes, &b));
	imul(a, b, bytes, &low, &high);
	TRY(put_op(x, 0, bytes, low));
	set_arith(x, FL_CF | FL_OF, imul_flags(low, high, bytes));
	return INSN_DONE;
}

/* 128 by 64 bits; false when the quotient does not fit. */
static bool divide(u64 high, u64 low, u64 by, u64 *quotient, u64 *remainder)
{
	unsigned int i;

	if (high >= by)
		return false;
	if (!high) {
		*quotient = div64_u64(low, by);
		*remainder = low - *quotient * by;
		return true;
	}
	for (i = 0; i < 64; i++) {
		bool carry = high >> 63;

		high = high << 1 | low >> 63;
		low <<= 1;
		if (carry || high >= by) {
			high -= by;
			low |= 1;
		}
	}
	*quotient = low;
	*remainder = high;
	return true;
}

/* The dividend: AX for bytes, else rDX:rAX. */
static void get_double(const struct exec *x, unsigned int bytes, u64 *low, u64 *high)
{
	const u64 *gpr = x->cpu->gpr;

	*high = 0;
	if (bytes == 8) {
		*low = gpr[INSN_RAX];
		*high = gpr[INSN_RDX];
	} else if (bytes == 1) {
		*low = (u16)gpr[INSN_RAX];
	} else {
		*low = (gpr[INSN_RAX] & mask_of(bytes)) |
		       (gpr[INSN_RDX] & mask_of(bytes)) << (bytes * 8);
	}
}

int x_div(struct exec *x)
{
	unsigned int bytes = op_size(x, 0);
	u64 low, high, by, q, r;

	TRY(get_op(x, 0, bytes, &by));
	get_double(x, bytes, &low, &high);
	if (!by || !divide(high, low, by, &q, &r) || q > mask_of(bytes))
		return raise(x, INSN_EXC_DE, 0);
	put_double(x, bytes, q, r);
	return INSN_DONE;
}

int x_idiv(struct exec *x)
{
	unsigned int bytes = op_size(x, 0);
	u64 low, high, by, q, r, most;
	bool negative, by_negative;

	TRY(get_op(x, 0, bytes, &by));
	get_double(x, bytes, &low, &high);
	if (bytes < 8) {
		low = sign_extend(low, bytes * 2);
		high = (s64)low < 0 ? ~0ULL : 0;
	}
	by = sign_extend(by, bytes);
	negative = (s64)high < 0;
	by_negative = (s64)by < 0;
	if (negative) {
		low = -low;
		high = ~high + !low;
	}
	if (by_negative)
		by = -by;
	most = 1ULL << (bytes * 8 - 1);
	if (!by || !divide(high, low, by, &q, &r))
		return raise(x, INSN_EXC_DE, 0);
	if (q > most || (q == most && negative == by_negative))
		return raise(x, INSN_EXC_DE, 0);
	if (negative != by_negative)
		q = -q;
	if (negative)
		r = -r;
	put_double(x, bytes, q & mask_of(bytes), r & mask_of(bytes));
	return INSN_DONE;
}

/* ----- CRC32: polynomial 0x11EDC6F41, bits reflected (SDM volume 2) */

int x_crc32(struct exec *x)
{
	unsigned int bytes = op_size(x, 1), i;
	u64 value;
	u32 crc = (u32)x->cpu->gpr[x->insn->reg];

	TRY(get_op(x, 1, bytes, &value));
	while (bytes--) {
		crc ^= (u8)value;
		value >>= 8;
		for (i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	x->cpu->gpr[x->insn->reg] = crc;
	return INSN_DONE;
}

/* ----- decimal: SDM volume 2, pages of each */

static int decimal(struct exec *x, bool subtract)
{
	u8 al = (u8)x->cpu->gpr[INSN_RAX], old = al;
	bool cf = x->flags & FL_CF, af = x->flags & FL_AF, carry = false;

	if ((al & 15) > 9 || af) {
		carry = cf || (subtract ? al < 6 : al > 0xf9);
		al = subtract ? al - 6 : al + 6;
		af = true;
	}
	if (old > 0x99 || cf) {
		al = subtract ? al - 0x60 : al + 0x60;
		carry = true;
	}
	set_gpr(x, INSN_RAX, 1, al);
	set_arith(x, FL_ARITH & ~FL_OF, flags_szp(al, 1) | (af ? FL_AF : 0) | (carry ? FL_CF : 0));
	return INSN_DONE;
}

int x_daa(struct exec *x) { return decimal(x, false); }
int x_das(struct exec *x) { return decimal(x, true); }

static int ascii(struct exec *x, bool subtract)
{
	u16 ax = (u16)x->cpu->gpr[INSN_RAX];
	bool adjust = (ax & 15) > 9 || x->flags & FL_AF;

	if (adjust)
		ax = subtract ? ax - 0x106 : ax + 0x106;
	ax &= 0xff0f;
	set_gpr(x, INSN_RAX, 2, ax);
	set_arith(x, FL_AF | FL_CF, adjust ? FL_AF | FL_CF : 0);
	set_arith(x, FL_PF | FL_ZF | FL_SF, flags_szp(ax & 0xff, 1));
	return INSN_DONE;
}

int x_aaa(struct exec *x) { return ascii(x, false); }
int x_aas(struct exec *x) { return ascii(x, true); }

int x_aam(struct exec *x)
{
	u8 by = (u8)x->insn->imm, al = (u8)x->cpu->gpr[INSN_RAX];

	if (!by)
		return raise(x, INSN_EXC_DE, 0);
	set_gpr(x, INSN_RAX, 2, (u64)(al / by) << 8 | al % by);
	set_arith(x, FL_ARITH, flags_szp(al % by, 1));
	return INSN_DONE;
}

int x_aad(struct exec *x)
{
	u16 ax = (u16)x->cpu->gpr[INSN_RAX];
	u8 al = (u8)((ax & 0xff) + (ax >> 8) * (u8)x->insn->imm);

	set_gpr(x, INSN_RAX, 2, al);
	set_arith(x, FL_ARITH, flags_szp(al, 1));
	return INSN_DONE;
}
