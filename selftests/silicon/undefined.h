/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which flags the manuals leave undefined: SDM volume 1 table A-2 and the pages of the
 * instructions; APM volume 3 appendix F. Only these are left out of comparisons.
 */
#ifndef FERRY_SILICON_UNDEFINED_H
#define FERRY_SILICON_UNDEFINED_H

#include "lib/insn/insn.h"

#define U_CF 0x001
#define U_PF 0x004
#define U_AF 0x010
#define U_ZF 0x040
#define U_SF 0x080
#define U_OF 0x800
#define U_ALL 0x8d5

static const struct {
	u16 id;
	u16 flags;
} undefined_always[] = {
	{ INSN_OP_AND, U_AF }, { INSN_OP_OR, U_AF }, { INSN_OP_XOR, U_AF }, { INSN_OP_TEST, U_AF },
	{ INSN_OP_MUL, U_SF | U_ZF | U_AF | U_PF }, { INSN_OP_IMUL, U_SF | U_ZF | U_AF | U_PF },
	{ INSN_OP_IMUL1, U_SF | U_ZF | U_AF | U_PF },
	{ INSN_OP_DIV, U_ALL }, { INSN_OP_IDIV, U_ALL },
	{ INSN_OP_BT, U_OF | U_SF | U_AF | U_PF }, { INSN_OP_BTS, U_OF | U_SF | U_AF | U_PF },
	{ INSN_OP_BTR, U_OF | U_SF | U_AF | U_PF }, { INSN_OP_BTC, U_OF | U_SF | U_AF | U_PF },
	{ INSN_OP_BSF, U_ALL & ~U_ZF }, { INSN_OP_BSR, U_ALL & ~U_ZF },
	{ INSN_OP_TZCNT, U_OF | U_SF | U_AF | U_PF }, { INSN_OP_LZCNT, U_OF | U_SF | U_AF | U_PF },
	{ INSN_OP_AAA, U_OF | U_SF | U_ZF | U_PF }, { INSN_OP_AAS, U_OF | U_SF | U_ZF | U_PF },
	{ INSN_OP_DAA, U_OF }, { INSN_OP_DAS, U_OF },
	{ INSN_OP_AAM, U_OF | U_AF | U_CF }, { INSN_OP_AAD, U_OF | U_AF | U_CF },
	{ INSN_OP_ANDN, U_AF | U_PF }, { INSN_OP_BEXTR, U_SF | U_AF | U_PF },
	{ INSN_OP_BLSI, U_AF | U_PF }, { INSN_OP_BLSR, U_AF | U_PF },
	{ INSN_OP_BLSMSK, U_AF | U_PF }, { INSN_OP_BZHI, U_AF | U_PF },
};

/* Undefined flags of shifts depend on the masked count; @bits is the operand width. */
static inline u16 undefined_by_count(u16 id, unsigned int count, unsigned int bits)
{
	u16 u = 0;

	if (!count)
		return 0;
	switch (id) {
	case INSN_OP_ROL: case INSN_OP_ROR: case INSN_OP_RCL: case INSN_OP_RCR:
		return count == 1 ? 0 : U_OF;
	case INSN_OP_SHL: case INSN_OP_SHR:
		if (count >= bits)
			u |= U_CF;
		/* fall through */
	case INSN_OP_SAR:
		return u | U_AF | (count == 1 ? 0 : U_OF);
	case INSN_OP_SHLD: case INSN_OP_SHRD:
		return count > bits ? U_ALL : U_AF | (count == 1 ? 0 : U_OF);
	}
	return 0;
}

#endif /* FERRY_SILICON_UNDEFINED_H */
