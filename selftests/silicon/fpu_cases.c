// SPDX-License-Identifier: GPL-2.0-only
/*
 * FPU state for cases: interesting numbers in the registers, masks and rounding, operands of the
 * save instructions.
 *
 * The pointers to the last x87 instruction are not compared: processors disagree about when they
 * change (SDM volume 1 section 8.1.8), so both sides begin with zeros and they are forgotten after.
 */
#include <string.h>

#include "cases.h"

#define FCW 0
#define FSW 2
#define FTW 4
#define POINTERS 6	/* FOP, FIP, FDP: 18 bytes */
#define MXCSR 24
#define ST 32
#define XMM 160
#define XSTATE_BV 512

static bool is_fpu(void)
{
	unsigned int id = current_insn.id;

	return current_decode == INSN_OK && ((id >= INSN_OP_X87_FIRST && id < INSN_OP_SSE_END) ||
	       (id >= INSN_OP_FXSAVE && id <= INSN_OP_STMXCSR) || id == INSN_OP_FWAIT);
}

static u64 some_double(void)
{
	static const u64 some[] = {
		0, 0x8000000000000000, 0x3ff0000000000000, 0xbff8000000000000, 0x7ff0000000000000,
		0xfff0000000000000, 0x7ff8000000000000, 0x7ff4000000000001, 1, 0x8010000000000000,
		0x000fffffffffffff, 0x7fefffffffffffff, 0x41dfffffffc00000, 0x43e0000000000000,
		0x40dfffe000000000, 0xfff8000000000000,
	};
	u64 v = rnd();

	switch (rnd() % 4) {
	case 0:
		return some[rnd() % ARRAY_SIZE(some)];
	case 1:		/* near one */
		return (v & 0x800fffffffffffff) | 0x3f00000000000000 | (v >> 8 & 0x01f0000000000000);
	case 2:		/* exponents that meet the ends */
		return (v & 0x800fffffffffffff) | (rnd() & 1 ? 0x7f00000000000000 : 0x0010000000000000);
	default:
		return v;
	}
}

static u32 some_single(void)
{
	static const u32 some[] = {
		0, 0x80000000, 0x3f800000, 0xbfc00000, 0x7f800000, 0xff800000, 0x7fc00000, 0x7fa00001, 1,
		0x80800000, 0x007fffff, 0x7f7fffff, 0x4f000000, 0x5f000000, 0x47000000, 0xffc00000,
	};
	u32 v = (u32)rnd();

	switch (rnd() % 4) {
	case 0:
		return some[rnd() % ARRAY_SIZE(some)];
	case 1:
		return (v & 0x807fffff) | 0x3f000000 | (v >> 4 & 0x01000000);
	case 2:
		return (v & 0x807fffff) | (rnd() & 1 ? 0x7f000000 : 0x00800000);
	default:
		return v;
	}
}

static void some_bytes(u8 *to, unsigned int bytes)
{
	unsigned int i;
	bool wide = rnd() & 1;

	for (i = 0; i + 8 <= bytes; i += 8) {
		u64 v = wide ? some_double() : some_single() | (u64)some_single() << 32;

		memcpy(to + i, &v, 8);
	}
}

static void some_extended(u8 *to)
{
	static const u16 exponents[] = { 0, 1, 0x3fff, 0x3ffe, 0x4000, 0x7fff, 0x7ffe, 0x401e, 0x403e };
	u64 fraction = rnd();
	u16 exponent = chance(60) ? exponents[rnd() % ARRAY_SIZE(exponents)] :
				    0x3fff + (u16)(rnd() % 40) - 20;

	if (chance(90) && exponent)
		fraction |= 1ULL << 63;
	if (chance(20))
		fraction &= 3ULL << 62;
	if (rnd() & 1)
		exponent |= 0x8000;
	memset(to, 0, 16);
	memcpy(to, &fraction, 8);
	memcpy(to + 8, &exponent, 2);
}

void fit_fpu_state(void)
{
	unsigned int i;
	u32 mxcsr = 0x1f80 | (rnd() & 0x3f);
	u16 fcw = 0x37f, fsw = (u16)(rnd() & 0x4700);

	memset(area + POINTERS, 0, 18);
	if (!is_fpu())
		return;
	if (chance(30))
		mxcsr ^= 1U << (7 + rnd() % 6);
	if (chance(30))
		mxcsr |= rnd() & 0xe040;		/* rounding, FTZ, DAZ */
	if (chance(5))
		mxcsr = rnd() & 0xffff;
	memcpy(area + MXCSR, &mxcsr, 4);
	if (chance(30))
		fcw ^= 1U << rnd() % 6;
	if (chance(30))
		fcw = (fcw & ~0xf00) | (rnd() & 0xf00);	/* precision and rounding */
	fsw |= (rnd() & 7) << 11;
	if (chance(30))
		fsw |= rnd() & 0x7f;
	if (fsw & ~fcw & 0x3f && chance(80))
		fsw &= ~0x3f;
	if (fsw & ~fcw & 0x3f)
		fsw |= 0x8080;
	memcpy(area + FCW, &fcw, 2);
	memcpy(area + FSW, &fsw, 2);
	area[FTW] = chance(60) ? 0xff : (u8)rnd();
	area[FTW + 1] = 0;
	for (i = 0; i < 8; i++)
		some_extended(area + ST + i * 16);
	for (i = 0; i < 16; i++)
		some_bytes(area + XMM + i * 16, 16);
	area[XSTATE_BV] |= 7;
	/* XSAVE's components: those that both sides know. */
	if (current_insn.id >= INSN_OP_XSAVE && current_insn.id <= INSN_OP_XRSTORS) {
		current.in.gpr[INSN_RAX] = chance(70) ? 7 : rnd() & 7;
		current.in.gpr[INSN_RDX] = 0;
		/* In use for the processor as well, which may look at the contents. */
		for (i = 576; i < AREA_BYTES; i++)
			area[i] = (u8)rnd() | 1;
	}
}

static u64 operand_at;

bool fpu_operand(u64 *at)
{
	unsigned int id = current_insn.id;

	if (!is_fpu())
		return false;
	if (id >= INSN_OP_FXSAVE && id <= INSN_OP_XRSTORS && chance(85))
		*at = DATA + 0x40 + (rnd() % 0x1400 & ~63ULL);
	operand_at = *at;
	return true;
}

/* An image that the restoring instructions take, most of the time; numbers for the others. */
void put_fpu_operand(u64 at)
{
	u8 *to = shadow + (at - DATA);
	unsigned int id = current_insn.id;
	u32 mxcsr = chance(95) ? 0x1f80 | (rnd() & 0x7f) : (u32)rnd();
	u64 header[8] = { rnd() & 7, 0 };

	if (at < DATA || at + AREA_BYTES > DATA + RW1_BYTES)
		return;
	some_bytes(to, 64);
	switch (id) {
	case INSN_OP_LDMXCSR:
		memcpy(to, &mxcsr, 4);
		break;
	case INSN_OP_FLDCW:
		memcpy(to, &(u16){ 0x37f ^ (chance(50) ? 0 : rnd() & 0xf3f) }, 2);
		break;
	case INSN_OP_FLD:
		if (chance(50))
			some_extended(to);
		break;
	case INSN_OP_FXRSTOR: case INSN_OP_XRSTOR: case INSN_OP_XRSTORS:
	case INSN_OP_XSAVE: case INSN_OP_XSAVEOPT:
		memset(to, 0, 24);
		memcpy(to, &(u16){ 0x37f }, 2);
		memcpy(to + FSW, &(u16){ rnd() & 0x7f3f }, 2);
		to[FTW] = (u8)rnd();
		memcpy(to + MXCSR, &mxcsr, 4);
		if (id == INSN_OP_FXRSTOR)
			break;
		if (chance(40))
			header[1] = 1ULL << 63 | (chance(80) ? 7 : rnd() & 7);
		if (chance(5))
			header[rnd() % 8] = rnd();
		memcpy(to + 512, header, 64);
		break;
	}
	memcpy(native_data + (at - DATA), to, AREA_BYTES);
}

void normalise_area(u8 *a)
{
	unsigned int i;

	memset(a + POINTERS, 0, 18);
	a[FTW + 1] = 0;
	memset(a + 28, 0, 4);		/* MXCSR_MASK */
	for (i = 0; i < 8; i++)
		memset(a + ST + i * 16 + 10, 0, 6);
	memset(a + 416, 0, 96);
	memset(a + 512, 0, 64);
}

/* MXCSR_MASK: AMD's has the bit that allows misaligned operands, which is not emulated. */
void forget_mxcsr_mask(void)
{
	u64 at = operand_at + 28 - DATA;

	if (current_insn.id >= INSN_OP_FXSAVE && current_insn.id <= INSN_OP_XRSTORS &&
	    at + 4 <= DATA_BYTES && !((shadow[at + 2] ^ native_data[at + 2]) & ~2))
		shadow[at + 2] = native_data[at + 2];
}
