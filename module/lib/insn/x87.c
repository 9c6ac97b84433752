// SPDX-License-Identifier: GPL-2.0-only
/*
 * x87: control instructions and the environment in C; arithmetic by the
 * processor, one stub for each encoding, on a copy of the guest's state.
 *
 * An exception that the guest has not masked stays pending in the state, as it
 * does in a processor, and is raised by the next waiting instruction; stubs use
 * FXRSTOR, FXSAVE and FNINIT, which do not wait, and are not run while one is
 * pending. Pure functions over struct exec; takes no locks. SDM volume 1
 * chapter 8.
 */
#include "fpu.h"

/**
 * struct x87_op - one instruction on the processor
 * @fx:    [IN/OUT] the guest's legacy region
 * @own:   what the registers held before
 * @mem:   [IN/OUT] memory operand
 * @flags: [IN] low byte of RFLAGS, for FCMOV
 * @carry: [OUT] of the FCOMI family: CF, a byte
 * @parity: [OUT] PF
 * @zero:  [OUT] ZF
 * @fn:    stub
 */
struct x87_op {
	u8 fx[AREA_LEGACY] __aligned(16);
	u8 own[AREA_LEGACY] __aligned(16);
	u8 mem[16];
	u32 flags;
	u8 carry, parity, zero;
	void (*fn)(struct x87_op *op);
};

typedef void (*x87_fn)(struct x87_op *op);

#define BYTES(escape, modrm) "fxrstor64 (%0); .byte 0x" #escape ", 0x" #modrm "; fxsave64 (%0)"

/* Register forms: the byte after the escape is C0 to FF. */
#define REG(escape, modrm)						\
	static void reg_##escape##_##modrm(struct x87_op *op)		\
	{								\
		asm volatile(BYTES(escape, modrm) : : "D"(op->fx) : "memory", "rax", "cc");	\
	}
/* Those that read or write RFLAGS. */
#define FLAGS(escape, modrm)						\
	static void reg_##escape##_##modrm(struct x87_op *op)		\
	{								\
		asm volatile("shll $8, %%eax; sahf; " BYTES(escape, modrm)		\
			     "; setc (%1); setp 1(%1); setz 2(%1)"	\
			     : : "D"(op->fx), "S"(&op->carry), "a"(op->flags) : "memory", "cc"); \
	}
/* Memory forms: the operand is at (%rsi). */
#define MEM(escape, reg, modrm)						\
	static void mem_##escape##_##reg(struct x87_op *op)		\
	{								\
		asm volatile(BYTES(escape, modrm) : : "D"(op->fx), "S"(op->mem) : "memory", "cc"); \
	}

static_assert(offsetof(struct x87_op, parity) == offsetof(struct x87_op, carry) + 1 &&
	      offsetof(struct x87_op, zero) == offsetof(struct x87_op, carry) + 2, "stubs know this");

/* X for every ModRM byte C0 to FF, and for memory at (%rsi) by ModRM.reg. */
#define EIGHT(X, esc, h, l0, l1, l2, l3, l4, l5, l6, l7)		\
	X(esc, h##l0) X(esc, h##l1) X(esc, h##l2) X(esc, h##l3)		\
	X(esc, h##l4) X(esc, h##l5) X(esc, h##l6) X(esc, h##l7)
#define SIXTEEN(X, esc, h)						\
	EIGHT(X, esc, h, 0, 1, 2, 3, 4, 5, 6, 7)			\
	EIGHT(X, esc, h, 8, 9, a, b, c, d, e, f)
#define ALL64(X, esc)							\
	SIXTEEN(X, esc, c) SIXTEEN(X, esc, d) SIXTEEN(X, esc, e) SIXTEEN(X, esc, f)
#define MEM8(X, esc)							\
	X(esc, 0, 06) X(esc, 1, 0e) X(esc, 2, 16) X(esc, 3, 1e)		\
	X(esc, 4, 26) X(esc, 5, 2e) X(esc, 6, 36) X(esc, 7, 3e)

ALL64(REG, d8)
ALL64(REG, d9)
ALL64(FLAGS, da)
ALL64(FLAGS, db)
ALL64(REG, dc)
ALL64(REG, dd)
ALL64(REG, de)
ALL64(FLAGS, df)
MEM8(MEM, d8)
MEM8(MEM, d9)
MEM8(MEM, da)
MEM8(MEM, db)
MEM8(MEM, dc)
MEM8(MEM, dd)
MEM8(MEM, de)
MEM8(MEM, df)

#define REG_ROW(esc, modrm) reg_##esc##_##modrm,
#define MEM_ROW(esc, reg, modrm) mem_##esc##_##reg,

/* By the escape's low bits and the ModRM byte's; which of them exist, the decoder knows. */
static const x87_fn register_stubs[8][64] = {
	{ ALL64(REG_ROW, d8) }, { ALL64(REG_ROW, d9) }, { ALL64(REG_ROW, da) }, { ALL64(REG_ROW, db) },
	{ ALL64(REG_ROW, dc) }, { ALL64(REG_ROW, dd) }, { ALL64(REG_ROW, de) }, { ALL64(REG_ROW, df) },
};

static const x87_fn memory_stubs[8][8] = {
	{ MEM8(MEM_ROW, d8) }, { MEM8(MEM_ROW, d9) }, { MEM8(MEM_ROW, da) }, { MEM8(MEM_ROW, db) },
	{ MEM8(MEM_ROW, dc) }, { MEM8(MEM_ROW, dd) }, { MEM8(MEM_ROW, de) }, { MEM8(MEM_ROW, df) },
};

static void run_stub(void *arg)
{
	struct x87_op *op = arg;

	asm volatile("fxsave64 %0" : "=m"(op->own));
	op->fn(op);
	/* Nothing may be left pending, should the restored state have none. */
	asm volatile("fninit; fxrstor64 %0" : : "m"(op->own));
}

/* Ten bytes are an access of eight and one of two. */
static int read_operand(struct exec *x, u8 *mem, unsigned int bytes, u32 acc)
{
	u64 rest = (x->ea + 8) & mask_of(x->insn->adsize);

	if (bytes != 10)
		return mem_read(x, x->insn->seg, x->ea, mem, bytes, acc);
	TRY(mem_read(x, x->insn->seg, x->ea, mem, 8, acc));
	return mem_read(x, x->insn->seg, rest, mem + 8, 2, acc);
}

static int write_operand(struct exec *x, const u8 *mem, unsigned int bytes)
{
	u64 rest = (x->ea + 8) & mask_of(x->insn->adsize);

	if (bytes != 10)
		return mem_write(x, x->insn->seg, x->ea, mem, bytes, 0);
	TRY(mem_write(x, x->insn->seg, x->ea, mem, 8, 0));
	return mem_write(x, x->insn->seg, rest, mem + 8, 2, 0);
}

static int arithmetic(struct exec *x, struct insn_fpu *fpu)
{
	const struct insn *insn = x->insn;
	bool mem = insn->prefix & INSN_PFX_MEM, stores = insn->row->flags & WO;
	unsigned int bytes = insn_operand_size(insn, 0);
	struct x87_op op;
	u16 fsw, fcw;

	if (!(x->cpu->host_features[insn->feature >> 6] >> (insn->feature & 63) & 1))
		return INSN_UNIMPLEMENTED;
	fpu_use(fpu, XC_X87);
	memset(op.fx, 0, sizeof(op.fx));
	memset(op.mem, 0, sizeof(op.mem));
	memcpy(op.fx, fpu->area, AREA_MXCSR);
	memcpy(op.fx + AREA_ST, fpu->area + AREA_ST, 128);
	memset(op.fx + 5, 0, AREA_MXCSR - 5);
	op.flags = (u8)x->flags;
	op.carry = op.parity = op.zero = 0;
	if (mem)
		TRY(read_operand(x, op.mem, bytes, stores ? INSN_ACC_WRITE | INSN_ACC_PROBE : 0));
	op.fn = mem ? memory_stubs[insn->opcode & 7][insn->modrm >> 3 & 7] :
		      register_stubs[insn->opcode & 7][insn->modrm & 63];
	fpu_run(x, run_stub, &op);

	memcpy(&fcw, op.fx + AREA_FCW, 2);
	memcpy(&fsw, op.fx + AREA_FSW, 2);
	/* An unmasked exception of these keeps a store from memory. */
	if (mem && stores && !(fsw & ~fcw & (FX_IE | FX_DE | FX_OE | FX_UE)))
		TRY(write_operand(x, op.mem, bytes));
	memcpy(fpu->area, op.fx, 6);
	memcpy(fpu->area + AREA_ST, op.fx + AREA_ST, 128);
	/* The pointers are the guest's, not those of the stub. */
	area_put(fpu, AREA_FOP, (insn->opcode & 7) << 8 | insn->modrm, 2);
	area_put(fpu, AREA_FIP, x->cpu->rip, 8);
	if (mem)
		area_put(fpu, AREA_FDP, x->ea, 8);
	switch (insn->id) {
	case INSN_OP_FCOMI: case INSN_OP_FCOMIP: case INSN_OP_FUCOMI: case INSN_OP_FUCOMIP:
		x->flags &= ~(u64)FL_ARITH;
		x->flags |= (op.carry ? FL_CF : 0) | (op.parity ? FL_PF : 0) | (op.zero ? FL_ZF : 0);
		break;
	}
	return INSN_DONE;
}

/* ------------------------------------------------------------- the environment */

/* Physical registers stay where they are; the area has them by the stack. */
void x87_set_top(struct insn_fpu *fpu, unsigned int top)
{
	u16 fsw = area_u16(fpu, AREA_FSW);
	unsigned int by = (top - (fsw >> 11)) & 7, i;
	u8 st[128];

	memcpy(st, fpu->area + AREA_ST, 128);
	for (i = 0; i < 8 && by; i++)
		memcpy(fpu->area + AREA_ST + i * 16, st + ((i + by) & 7) * 16, 16);
	area_put(fpu, AREA_FSW, (fsw & ~FSW_TOP) | top << 11, 2);
}

/* Two bits for each physical register: 0 valid, 1 zero, 2 special, 3 empty. SDM 8.1.7. */
static u16 full_tags(const struct insn_fpu *fpu)
{
	unsigned int top = area_u16(fpu, AREA_FSW) >> 11 & 7, i;
	u16 tags = 0;

	for (i = 0; i < 8; i++) {
		const u8 *st = fpu->area + AREA_ST + ((i - top) & 7) * 16;
		u16 exponent, tag;
		u64 fraction;

		memcpy(&fraction, st, 8);
		memcpy(&exponent, st + 8, 2);
		exponent &= 0x7fff;
		if (!(fpu->area[AREA_FTW] >> i & 1))
			tag = 3;
		else if (!exponent && !fraction)
			tag = 1;
		else
			tag = !exponent || exponent == 0x7fff || !(fraction >> 63) ? 2 : 0;
		tags |= tag << i * 2;
	}
	return tags;
}

/* The seven fields in memory, as words or as dwords. SDM volume 1 figures 8-9 to 8-12. */
static unsigned int build_environment(struct exec *x, const struct insn_fpu *fpu, u8 *out)
{
	bool wide = x->insn->opsize != 2, real = !is_protected(x->cpu);
	u64 ip = area_u64(fpu, AREA_FIP), dp = area_u64(fpu, AREA_FDP);
	u16 op = area_u16(fpu, AREA_FOP);
	u32 f[7] = {
		area_u16(fpu, AREA_FCW), area_u16(fpu, AREA_FSW), full_tags(fpu),
		(u32)ip, wide ? (u32)op << 16 : 0, (u32)dp, 0,
	};
	unsigned int i;

	if (real) {
		f[3] = (u16)ip;
		f[4] = (u32)(ip >> 16) << 12 | op;
		f[5] = (u16)dp;
		f[6] = (u32)(dp >> 16) << 12;
	}
	for (i = 0; i < 7; i++) {
		/* The unused upper halves are ones. */
		if (i < 3 || (real && (i == 3 || i == 5)) || i == 6)
			f[i] |= real && i == 6 ? 0 : 0xffff0000;
		memcpy(out + i * (wide ? 4 : 2), &f[i], wide ? 4 : 2);
	}
	return wide ? 28 : 14;
}

static void load_environment(struct exec *x, struct insn_fpu *fpu, const u8 *in)
{
	bool wide = x->insn->opsize != 2, real = !is_protected(x->cpu);
	u32 f[7] = { 0 };
	unsigned int i;
	u64 ip, dp;
	u16 op;
	u8 ftw = 0;

	for (i = 0; i < 7; i++)
		memcpy(&f[i], in + i * (wide ? 4 : 2), wide ? 4 : 2);
	fpu_use(fpu, XC_X87);
	x87_set_top(fpu, f[1] >> 11 & 7);
	for (i = 0; i < 8; i++)
		ftw |= (u8)(((f[2] >> i * 2 & 3) != 3) << i);
	ip = f[3];
	dp = f[5];
	op = wide ? (u16)(f[4] >> 16) : area_u16(fpu, AREA_FOP);
	if (real) {
		ip = (u16)f[3] | (u64)(f[4] >> 12) << 16;
		dp = (u16)f[5] | (u64)(f[6] >> 12) << 16;
		op = (u16)f[4];
	}
	area_put(fpu, AREA_FCW, f[0], 2);
	area_put(fpu, AREA_FSW, f[1], 2);
	area_put(fpu, AREA_FTW, ftw, 1);
	area_put(fpu, AREA_FOP, op & 0x7ff, 2);
	area_put(fpu, AREA_FIP, ip, 8);
	area_put(fpu, AREA_FDP, dp, 8);
	x87_summary(fpu);
}

static void reset(struct insn_fpu *fpu)
{
	x87_set_top(fpu, 0);
	memset(fpu->area, 0, AREA_MXCSR);
	area_put(fpu, AREA_FCW, FCW_INIT, 2);
}

/* Aligned as words or dwords are. */
static int environment_aligned(struct exec *x)
{
	unsigned int unit = x->insn->opsize == 2 ? 2 : 4;
	u64 linear;

	if (!(x->flags & FL_AC))
		return INSN_DONE;
	TRY(linear_address(x, x->insn->seg, x->ea, unit, false, &linear));
	return check_alignment(x, linear, unit);
}

static int store_environment(struct exec *x, struct insn_fpu *fpu, bool all)
{
	u8 image[108];
	unsigned int n, i;

	n = build_environment(x, fpu, image);
	for (i = 0; all && i < 8; i++, n += 10)
		memcpy(image + n, fpu->area + AREA_ST + i * 16, 10);
	TRY(environment_aligned(x));
	TRY(fx_probe(x, n, INSN_ACC_WRITE));
	TRY(fx_write(x, 0, image, n));
	if (all) {
		reset(fpu);
	} else {
		area_put(fpu, AREA_FCW, area_u16(fpu, AREA_FCW) | FX_FLAGS, 2);
		x87_summary(fpu);
	}
	return INSN_DONE;
}

static int restore_environment(struct exec *x, struct insn_fpu *fpu, bool all)
{
	unsigned int n = x->insn->opsize != 2 ? 28 : 14, i;
	u8 image[108];

	TRY(environment_aligned(x));
	TRY(fx_probe(x, n + (all ? 80 : 0), 0));
	TRY(fx_read(x, 0, image, n + (all ? 80 : 0)));
	load_environment(x, fpu, image);
	for (i = 0; all && i < 8; i++, n += 10) {
		memset(fpu->area + AREA_ST + i * 16, 0, 16);
		memcpy(fpu->area + AREA_ST + i * 16, image + n, 10);
	}
	return INSN_DONE;
}

/* ------------------------------------------------------------------- dispatch */

static bool waits(unsigned int id)
{
	switch (id) {
	case INSN_OP_FNINIT: case INSN_OP_FNCLEX: case INSN_OP_FNSTCW: case INSN_OP_FNSTSW:
	case INSN_OP_FNSTSW_AX: case INSN_OP_FNSTENV: case INSN_OP_FNSAVE: case INSN_OP_FENI:
	case INSN_OP_FDISI: case INSN_OP_FSETPM:
		return false;
	default:
		return true;
	}
}

int x_x87(struct exec *x)
{
	struct insn_fpu fpu;
	u64 value;

	TRY(x87_check(x, &fpu, waits(x->insn->id)));
	fpu_use(&fpu, XC_X87);
	switch (x->insn->id) {
	case INSN_OP_FENI: case INSN_OP_FDISI: case INSN_OP_FSETPM: case INSN_OP_FNOP:
		return INSN_DONE;
	case INSN_OP_FNINIT:
		reset(&fpu);
		return INSN_DONE;
	case INSN_OP_FNCLEX:
		area_put(&fpu, AREA_FSW, area_u16(&fpu, AREA_FSW) & 0x7f00, 2);
		return INSN_DONE;
	case INSN_OP_FNSTCW:
		return put_op(x, 0, 2, area_u16(&fpu, AREA_FCW));
	case INSN_OP_FNSTSW:
		return put_op(x, 0, 2, area_u16(&fpu, AREA_FSW));
	case INSN_OP_FNSTSW_AX:
		set_gpr(x, INSN_RAX, 2, area_u16(&fpu, AREA_FSW));
		return INSN_DONE;
	case INSN_OP_FLDCW:
		TRY(get_op(x, 0, 2, &value));
		area_put(&fpu, AREA_FCW, value, 2);
		x87_summary(&fpu);
		return INSN_DONE;
	case INSN_OP_FNSTENV:
		return store_environment(x, &fpu, false);
	case INSN_OP_FLDENV:
		return restore_environment(x, &fpu, false);
	case INSN_OP_FNSAVE:
		return store_environment(x, &fpu, true);
	case INSN_OP_FRSTOR:
		return restore_environment(x, &fpu, true);
	default:
		return arithmetic(x, &fpu);
	}
}
