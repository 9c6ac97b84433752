// SPDX-License-Identifier: GPL-2.0-only
/*
 * The decoder: prefixes, table walk, ModRM, SIB, displacement, immediates.
 *
 * Pure functions over their arguments; takes no locks. SDM volume 2 chapter 2,
 * APM volume 3 chapter 1.
 */
#include "row.h"

struct cursor {
	const u8 *pos, *end;
	u8 nbytes;
};

/* Reads past the end are recorded, not done: one test at the end suffices. */
#define FETCH(cur, to) do {						\
	if (unlikely((cur)->pos >= (cur)->end))				\
		return short_of(cur);					\
	(to) = *(cur)->pos++;						\
} while (0)

static int short_of(const struct cursor *cur)
{
	return cur->nbytes >= INSN_MAX_LENGTH ? INSN_TOO_LONG : INSN_SHORT;
}

static int fetch_imm(struct cursor *cur, unsigned int n, u64 *out)
{
	const u8 *p = cur->pos;

	if (unlikely((unsigned int)(cur->end - p) < n))
		return short_of(cur);
	cur->pos += n;
	switch (n) {
	case 1:
		*out = (u64)(s64)(s8)p[0];
		break;
	case 2:
		*out = (u64)(s64)(s16)(p[0] | p[1] << 8);
		break;
	case 4:
		*out = (u64)(s64)(s32)(p[0] | p[1] << 8 | p[2] << 16 | (u32)p[3] << 24);
		break;
	default:
		*out = (u64)(p[0] | p[1] << 8 | p[2] << 16 | (u32)p[3] << 24) |
		       (u64)(p[4] | p[5] << 8 | p[6] << 16 | (u32)p[7] << 24) << 32;
		break;
	}
	return INSN_OK;
}

/* 16-bit addressing: base, index and default segment by ModRM.rm. */
static const u8 addr16[8][3] = {
	{ INSN_RBX, INSN_RSI, INSN_DS },
	{ INSN_RBX, INSN_RDI, INSN_DS },
	{ INSN_RBP, INSN_RSI, INSN_SS },
	{ INSN_RBP, INSN_RDI, INSN_SS },
	{ INSN_RSI, INSN_REG_NONE, INSN_DS },
	{ INSN_RDI, INSN_REG_NONE, INSN_DS },
	{ INSN_RBP, INSN_REG_NONE, INSN_SS },
	{ INSN_RBX, INSN_REG_NONE, INSN_DS },
};

static int memory_operand(struct insn *insn, struct cursor *cur)
{
	unsigned int mod = insn->modrm >> 6, rm = insn->modrm & 7;
	unsigned int ndisp = mod == 1 ? 1 : mod == 2 ? 4 : 0;
	u8 seg = INSN_DS;
	u64 disp;

	if (insn->adsize == 2) {
		insn->base = addr16[rm][0];
		insn->index = addr16[rm][1];
		seg = addr16[rm][2];
		if (mod == 2)
			ndisp = 2;
		if (mod == 0 && rm == 6) {
			insn->base = INSN_REG_NONE;
			seg = INSN_DS;
			ndisp = 2;
		}
	} else {
		u8 base = rm | (insn->rex & 1) << 3;

		if (rm == 4) {
			u8 sib, index;

			FETCH(cur, sib);
			rm = sib & 7;
			base = rm | (insn->rex & 1) << 3;
			index = ((sib >> 3) & 7) | (insn->rex & 2) << 2;
			if (index != INSN_RSP) {
				insn->index = index;
				insn->scale = sib >> 6;
			}
			if (rm == 5 && mod == 0) {
				base = INSN_REG_NONE;
				ndisp = 4;
			}
		} else if (rm == 5 && mod == 0) {
			base = (insn->mode & INSN_MODE_MASK) == INSN_MODE_64 ?
				INSN_REG_RIP : INSN_REG_NONE;
			ndisp = 4;
		}
		insn->base = base;
		if (base == INSN_RSP || base == INSN_RBP)
			seg = INSN_SS;
	}
	if (!(insn->prefix & INSN_PFX_SEG))
		insn->seg = seg;
	if (ndisp) {
		int ret = fetch_imm(cur, ndisp, &disp);

		if (ret)
			return ret;
		insn->disp = (s32)disp;
	}
	return INSN_OK;
}

static unsigned int imm_bytes(unsigned int kind, const struct insn *insn)
{
	switch (kind) {
	case IMM_NONE:
		return 0;
	case IMM_B:
	case IMM_BB:
	case IMM_SUFFIX:
		return 1;
	case IMM_W:
	case IMM_WB:
		return 2;
	case IMM_D:
		return 4;
	case IMM_Z:
	case IMM_FAR:
		return insn->opsize == 2 ? 2 : 4;
	case IMM_V:
		return insn->opsize;
	default:
		return insn->adsize;
	}
}

/* The suffix bytes that are 3DNow! instructions: APM volume 3 table A-9. */
static bool is_3dnow(u8 suffix)
{
	static const u64 defined[4] = {
		0x0000000030003000, 0x0000000000000000, 0x88d144d144d144c0, 0x0000000000000000,
	};

	return defined[suffix >> 6] >> (suffix & 63) & 1;
}

static int immediates(struct insn *insn, struct cursor *cur, unsigned int kind)
{
	u64 second;
	int ret;

	ret = fetch_imm(cur, imm_bytes(kind, insn), &insn->imm);
	if (ret)
		return ret;
	if (kind < IMM_FAR)
		return INSN_OK;
	if (kind == IMM_FAR || kind == IMM_WB || kind == IMM_BB) {
		ret = fetch_imm(cur, kind == IMM_FAR ? 2 : 1, &second);
		if (ret)
			return ret;
		insn->imm2 = (u16)(kind == IMM_FAR ? second : second & 0xff);
	} else if (kind == IMM_SUFFIX) {
		return is_3dnow((u8)insn->imm) ? INSN_OK : INSN_INVALID;
	} else if (kind == IMM_MOFFS && insn->adsize < 8) {
		/* An offset is not signed. */
		insn->imm &= insn->adsize == 2 ? 0xffff : 0xffffffff;
	}
	return INSN_OK;
}

/* Operand size: SDM 3.6.1, APM 1.2.2. */
static void operand_size(struct insn *insn, u32 flags)
{
	bool small = insn->prefix & INSN_PFX_66;

	switch (insn->mode & INSN_MODE_MASK) {
	case INSN_MODE_64:
		if (flags & BR)
			flags |= insn->mode & INSN_MODE_AMD ? D64 : F64;
		if (insn->rex & 8 || flags & F64 || (flags & D64 && !small))
			insn->opsize = 8;
		else
			insn->opsize = small ? 2 : 4;
		break;
	case INSN_MODE_32:
		insn->opsize = small && !(flags & D4) ? 2 : 4;
		break;
	default:
		insn->opsize = small || flags & D4 ? 4 : 2;
		break;
	}
}

/* Operands that name something the processor may not have, and LOCK. */
static int check_operands(const struct insn *insn, const struct insn_row *row)
{
	bool mem = insn->prefix & INSN_PFX_MEM;
	u32 fl = row->flags;
	unsigned int i;

	if (unlikely(insn->prefix & INSN_PFX_LOCK)) {
		/* AMD: LOCK MOV CR0 is MOV CR8 (AltMovCr8, APM volume 3). */
		if (insn->id == INSN_OP_MOV_FROM_CR || insn->id == INSN_OP_MOV_TO_CR) {
			if (!(insn->mode & INSN_MODE_AMD) || insn->reg)
				return INSN_INVALID;
		} else if (!(fl & LK) || !mem) {
			return INSN_INVALID;
		}
	}
	if (fl & F_MEM && !mem)
		return INSN_INVALID;
	if (fl & F_REG && mem)
		return INSN_INVALID;
	if (fl & (NP66 | NOREP | NO66)) {
		if (fl & (NP66 | NOREP) && insn->prefix & (INSN_PFX_F2 | INSN_PFX_F3))
			return INSN_INVALID;
		if (fl & (NP66 | NO66) && insn->prefix & INSN_PFX_66)
			return INSN_INVALID;
	}
	if (!(fl & F_CHECK))
		return INSN_OK;
	for (i = 0; i < 2; i++) {
		switch (OPC_KIND(row->op[i])) {
		case K_SREG:
			if ((insn->modrm >> 3 & 7) > INSN_GS)
				return INSN_INVALID;
			if (fl & NOCS && (insn->modrm >> 3 & 7) == INSN_CS)
				return INSN_INVALID;
			break;
		case K_CR:
			/* CR0, CR2, CR3, CR4, CR8. */
			if (insn->reg > 8 || !(BIT(insn->reg) & 0x11d))
				return INSN_INVALID;
			break;
		case K_DR:
			if (insn->reg > 7)
				return INSN_INVALID;
			break;
		}
	}
	return INSN_OK;
}

/* ModRM (when not yet fetched) to the end of the instruction. */
static int finish(struct insn *insn, struct cursor *cur, const struct insn_row *row,
		  const u8 *start)
{
	u32 flags = row->flags;
	int ret;

	insn->row = row;
	insn->id = row->id;
	insn->feature = row->feature;
	if (flags & F_MODRM) {
		insn->reg = (insn->modrm >> 3 & 7) | (insn->rex & 4) << 1;
		insn->rm = (insn->modrm & 7) | (insn->rex & 1) << 3;
		if (insn->modrm < 0xc0 && !(flags & RAWMOD)) {
			insn->prefix |= INSN_PFX_MEM;
			ret = memory_operand(insn, cur);
			if (ret)
				return ret;
		}
	} else {
		insn->rm = (insn->opcode & 7) | (insn->rex & 1) << 3;
	}
	if (flags & F_IMM_MASK) {
		ret = immediates(insn, cur, flags & F_IMM_MASK);
		if (ret)
			return ret;
	}
	insn->length = (u8)(cur->pos - start);
	if (unlikely(flags & F_DECODE_CHECKS || insn->prefix & INSN_PFX_LOCK))
		return check_operands(insn, row);
	return INSN_OK;
}

static unsigned int mandatory_prefix(const struct insn *insn)
{
	if (insn->prefix & INSN_PFX_F2)
		return 3;
	if (insn->prefix & INSN_PFX_F3)
		return 2;
	return insn->prefix & INSN_PFX_66 ? 1 : 0;
}

/* VEX, EVEX and XOP: SDM volume 2 section 2.3, APM volume 6. */
static const struct insn_row vex_plain = { .id = INSN_OP_VEX, .flags = F_MODRM };
static const struct insn_row vex_imm8 = { .id = INSN_OP_VEX, .flags = F_MODRM | IMM_B };
static const struct insn_row vex_imm32 = { .id = INSN_OP_VEX, .flags = F_MODRM | IMM_D };
static const struct insn_row vex_bare = { .id = INSN_OP_VEX };

static const struct insn_row *vex_shape(const struct insn *insn, unsigned int map)
{
	u8 op = insn->opcode;

	if (insn->enc == INSN_ENC_XOP)
		return map == 8 ? &vex_imm8 : map == 9 ? &vex_plain : map == 10 ? &vex_imm32 : NULL;
	switch (map) {
	case 1:
		if (op == 0x77 && insn->enc == INSN_ENC_VEX)
			return &vex_bare;
		if ((op >= 0x70 && op <= 0x73) || op == 0xc2 || (op >= 0xc4 && op <= 0xc6))
			return &vex_imm8;
		return &vex_plain;
	case 2:
		return &vex_plain;
	case 3:
		return &vex_imm8;
	case 5:
	case 6:
		return insn->enc == INSN_ENC_EVEX ? &vex_plain : NULL;
	case 7:
		return insn->enc == INSN_ENC_VEX ? &vex_imm32 : NULL;
	default:
		return NULL;
	}
}

static int decode_vex(struct insn *insn, struct cursor *cur, const u8 *start)
{
	bool is64 = (insn->mode & INSN_MODE_MASK) == INSN_MODE_64;
	const struct insn_row *row;
	unsigned int map, pp;
	u8 p0, p1, p2;
	int ret;

	if (insn->prefix & (INSN_PFX_LOCK | INSN_PFX_F2 | INSN_PFX_F3 | INSN_PFX_66 | INSN_PFX_REX))
		return INSN_INVALID;
	FETCH(cur, p0);
	switch (insn->opcode) {
	case 0xc5:
		insn->enc = INSN_ENC_VEX;
		map = 1;
		p1 = p0 & 0x7f;
		p0 |= 0x7f;
		break;
	case 0x62:
		insn->enc = INSN_ENC_EVEX;
		map = p0 & 7;
		FETCH(cur, p1);
		FETCH(cur, p2);
		if (p0 & 8 || !(p1 & 4))
			return INSN_INVALID;
		insn->vl = p2 >> 5 & 3;
		break;
	default:
		insn->enc = insn->opcode == 0x8f ? INSN_ENC_XOP : INSN_ENC_VEX;
		map = p0 & 0x1f;
		FETCH(cur, p1);
		break;
	}
	insn->rex = (~p0 >> 5 & 7) | (p1 >> 4 & 8);
	insn->vvvv = ~p1 >> 3 & 15;
	pp = p1 & 3;
	if (insn->enc != INSN_ENC_EVEX)
		insn->vl = p1 >> 2 & 1;
	if (!is64) {
		insn->rex = 0;
		insn->vvvv &= 7;
	}
	FETCH(cur, insn->opcode);
	row = vex_shape(insn, map);
	if (!row)
		return INSN_INVALID;
	if (row->flags & F_MODRM)
		FETCH(cur, insn->modrm);
	insn->opsize = is64 && p1 & 0x80 ? 8 : 4;
	if (insn->enc == INSN_ENC_VEX) {
		const struct insn_row *known = insn_vex_row(map, insn->opcode, pp);

		if (known && known->select == SEL_REG)
			known = &known->sub[insn->modrm >> 3 & 7];
		else if (known && known->select == SEL_MOD)
			known = &known->sub[insn->modrm >= 0xc0];
		if (known)
			row = known;
		if (row->id == INSN_OP_NONE)
			return INSN_INVALID;
		if (row->flags & L0 && insn->vl)
			return INSN_INVALID;
		if (row->flags & V1111 && (p1 & 0x78) != 0x78)
			return INSN_INVALID;
	}
	ret = finish(insn, cur, row, start);
	if (ret)
		return ret;
	return row->id == INSN_OP_VEX ? INSN_NOT_IMPL : INSN_OK;
}

/* The byte after C4, C5, 62 or 8F decides what it was. */
static bool is_vex(const struct insn *insn, u8 next)
{
	if (insn->opcode == 0x8f)
		return (next & 0x1f) >= 8;
	return (insn->mode & INSN_MODE_MASK) == INSN_MODE_64 || next >= 0xc0;
}

static void prefix_byte(struct insn *insn, u8 byte, bool is64)
{
	switch (byte) {
	case 0x66:
		insn->prefix |= INSN_PFX_66;
		break;
	case 0x67:
		insn->prefix |= INSN_PFX_67;
		break;
	case 0xf0:
		insn->prefix |= INSN_PFX_LOCK;
		break;
	case 0xf2:
		insn->prefix = (insn->prefix & ~INSN_PFX_F3) | INSN_PFX_F2;
		break;
	case 0xf3:
		insn->prefix = (insn->prefix & ~INSN_PFX_F2) | INSN_PFX_F3;
		break;
	case 0x64:
	case 0x65:
		insn->seg = byte == 0x64 ? INSN_FS : INSN_GS;
		insn->prefix |= INSN_PFX_SEG;
		break;
	default:
		/* ES, CS, SS, DS: ignored in 64-bit mode, FS and GS stay. */
		if (!is64) {
			insn->seg = byte >> 3 & 3;
			insn->prefix |= INSN_PFX_SEG;
		}
		break;
	}
}

int insn_decode(struct insn *insn, const u8 *bytes, unsigned int nbytes, unsigned int mode)
{
	bool is64 = (mode & INSN_MODE_MASK) == INSN_MODE_64;
	const struct insn_row *row, *table = insn_map_one;
	bool have_modrm = false;
	struct cursor cursor, *cur = &cursor;
	u8 byte;

	*insn = (struct insn) {
		.mode = mode, .seg = INSN_DS, .base = INSN_REG_NONE, .index = INSN_REG_NONE,
	};
	cur->nbytes = nbytes < INSN_MAX_LENGTH ? nbytes : INSN_MAX_LENGTH;
	cur->pos = bytes;
	cur->end = bytes + cur->nbytes;

	/* REX counts only directly before the opcode. */
	for (;;) {
		FETCH(cur, byte);
		row = &table[byte];
		if (row->select == SEL_LONG)
			row = &row->sub[is64];
		if (likely(row->select != SEL_PREFIX))
			break;
		insn->rex = 0;
		insn->prefix &= ~INSN_PFX_REX;
		if ((byte & 0xf0) == 0x40) {
			insn->rex = byte & 15;
			insn->prefix |= INSN_PFX_REX;
		} else {
			prefix_byte(insn, byte, is64);
		}
	}
	switch (mode & INSN_MODE_MASK) {
	case INSN_MODE_64:
		insn->adsize = insn->prefix & INSN_PFX_67 ? 4 : 8;
		break;
	case INSN_MODE_32:
		insn->adsize = insn->prefix & INSN_PFX_67 ? 2 : 4;
		break;
	default:
		insn->adsize = insn->prefix & INSN_PFX_67 ? 4 : 2;
		break;
	}
	insn->opcode = byte;

	while (unlikely(row->select != SEL_LEAF)) {
		unsigned int i = 0;

		if (row->flags & F_MODRM && !have_modrm) {
			FETCH(cur, insn->modrm);
			have_modrm = true;
		}
		switch (row->select) {
		case SEL_BYTE:
			FETCH(cur, insn->opcode);
			i = insn->opcode;
			break;
		case SEL_VEX:
			if (cur->pos >= cur->end)
				return short_of(cur);
			if (is_vex(insn, *cur->pos))
				return decode_vex(insn, cur, bytes);
			break;
		case SEL_REG:
			i = insn->modrm >> 3 & 7;
			break;
		case SEL_MOD:
			i = insn->modrm >= 0xc0;
			break;
		case SEL_RM:
			i = insn->modrm & 7;
			break;
		case SEL_PFX:
			i = mandatory_prefix(insn);
			break;
		case SEL_LONG:
			i = is64;
			break;
		case SEL_REXB:
			i = insn->rex & 1;
			break;
		case SEL_RIP:
			i = is64 && (insn->modrm & 0xc7) == 5;
			break;
		case SEL_LOW:
			i = insn->opcode & 7;
			break;
		}
		row = &row->sub[i];
	}
	if (row->id == INSN_OP_NONE || row->flags & (is64 ? N64 : O64))
		return INSN_INVALID;
	if (unlikely(row->flags & INTEL && mode & INSN_MODE_AMD))
		return INSN_INVALID;
	if (row->flags & F_MODRM && !have_modrm)
		FETCH(cur, insn->modrm);
	operand_size(insn, row->flags);
	return finish(insn, cur, row, bytes);
}

unsigned int insn_operand_size(const struct insn *insn, unsigned int nr)
{
	static const u8 fixed[] = {
		[SZ_B] = 1, [SZ_W] = 2, [SZ_D] = 4, [SZ_Q] = 8, [SZ_T] = 10, [SZ_X] = 16,
		[SZ_A] = 0,
	};
	unsigned int size;

	if (nr > 3 || insn->row->select != SEL_LEAF)
		return 0;
	size = OPC_SIZE(insn->row->op[nr]);
	switch (size) {
	case SZ_X:
		return 16U << insn->vl;
	case SZ_V:
		return insn->opsize;
	case SZ_Z:
		return insn->opsize == 2 ? 2 : 4;
	case SZ_Y:
		return insn->opsize == 8 ? 8 : 4;
	case SZ_P:
		return insn->opsize + 2U;
	case SZ_S:
		return (insn->mode & INSN_MODE_MASK) == INSN_MODE_64 ? 10 : 6;
	case SZ_A:
		return insn->opsize * 2U;
	default:
		return fixed[size];
	}
}
