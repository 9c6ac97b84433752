// SPDX-License-Identifier: GPL-2.0-only
/*
 * SSE instructions with an immediate. Shuffles, blends, inserts and extracts
 * are done in C; what computes has a stub for each immediate that matters.
 *
 * Constant data and pure functions; takes no locks. SDM volume 2, page of each.
 */
#include "sse.h"

static void copy_lane(u8 *to, unsigned int i, const u8 *from, unsigned int j, unsigned int bytes)
{
	memcpy(to + i * bytes, from + j * bytes, bytes);
}

/* Words @first to @first + 3 of b by two bits of the immediate each. */
static void shuffle_words(struct sse_op *op, unsigned int first)
{
	u8 r[16];
	unsigned int i;

	memcpy(r, op->b, 16);
	for (i = 0; i < 4; i++)
		copy_lane(r, first + i, op->b, first + (op->imm >> i * 2 & 3), 2);
	memcpy(op->a, r, 16);
}

static void pshufw(struct sse_op *op)
{
	shuffle_words(op, 0);
}

static void pshufhw(struct sse_op *op)
{
	shuffle_words(op, 4);
}

static void pshufd(struct sse_op *op)
{
	unsigned int i;

	for (i = 0; i < 4; i++)
		copy_lane(op->a, i, op->b, op->imm >> i * 2 & 3, 4);
}

static void shufps(struct sse_op *op)
{
	u8 r[16];
	unsigned int i;

	for (i = 0; i < 4; i++)
		copy_lane(r, i, i < 2 ? op->a : op->b, op->imm >> i * 2 & 3, 4);
	memcpy(op->a, r, 16);
}

static void shufpd(struct sse_op *op)
{
	u8 r[16];

	copy_lane(r, 0, op->a, op->imm & 1, 8);
	copy_lane(r, 1, op->b, op->imm >> 1 & 1, 8);
	memcpy(op->a, r, 16);
}

/* Byte i of the result is byte i + @by of @bytes bytes: b below a. */
static void align(struct sse_op *op, unsigned int by, unsigned int width)
{
	u8 both[64] = { 0 };

	memcpy(both, op->b, width);
	memcpy(both + width, op->a, width);
	memcpy(op->a, both + min(by, 32U), width);
}

static void palignr(struct sse_op *op)
{
	align(op, op->imm, op->mmx ? 8 : 16);
}

static void psrldq(struct sse_op *op)
{
	u8 r[48] = { 0 };

	memcpy(r, op->a, 16);
	memcpy(op->a, r + min_t(unsigned int, op->imm, 16), 16);
}

static void pslldq(struct sse_op *op)
{
	u8 r[32] = { 0 };

	memcpy(r + 16, op->a, 16);
	memcpy(op->a, r + 16 - min_t(unsigned int, op->imm, 16), 16);
}

static void blend(struct sse_op *op, unsigned int bytes)
{
	unsigned int i;

	for (i = 0; i < 16 / bytes; i++)
		if (op->imm >> i & 1)
			copy_lane(op->a, i, op->b, i, bytes);
}

static void blendps(struct sse_op *op)
{
	blend(op, 4);
}

static void blendpd(struct sse_op *op)
{
	blend(op, 8);
}

static void pblendw(struct sse_op *op)
{
	blend(op, 2);
}

static void insert(struct sse_op *op, unsigned int bytes)
{
	unsigned int lane = op->imm & ((op->mmx ? 8 : 16) / bytes - 1);

	memcpy(op->a + lane * bytes, &op->gpr, bytes);
}

static void pinsrw(struct sse_op *op)
{
	insert(op, 2);
}

static void pinsrb(struct sse_op *op)
{
	insert(op, 1);
}

static void pinsrd(struct sse_op *op)
{
	insert(op, op->wide ? 8 : 4);
}

/* A memory operand is the dword itself; of a register, bits 7:6 choose one. */
static void insertps(struct sse_op *op)
{
	unsigned int i;

	copy_lane(op->a, op->imm >> 4 & 3, op->b, op->memory ? 0 : op->imm >> 6, 4);
	for (i = 0; i < 4; i++)
		if (op->imm >> i & 1)
			memset(op->a + i * 4, 0, 4);
}

static void extract(struct sse_op *op, unsigned int bytes)
{
	unsigned int lane = op->imm & ((op->mmx ? 8 : 16) / bytes - 1);

	op->gpr = 0;
	memcpy(&op->gpr, op->b + lane * bytes, bytes);
}

static void pextrw(struct sse_op *op)
{
	extract(op, 2);
}

static void pextrb(struct sse_op *op)
{
	extract(op, 1);
}

static void pextrd(struct sse_op *op)
{
	extract(op, op->wide ? 8 : 4);
}

static void extractps(struct sse_op *op)
{
	extract(op, 4);
}

static void movq2dq(struct sse_op *op)
{
	memcpy(op->a, op->b, 8);
	memset(op->a + 8, 0, 8);
}

static void movdq2q(struct sse_op *op)
{
	memcpy(op->a, op->b, 8);
}

/* SSE4A: @length bits, 0 meaning 64, at @index; from immediates or, as 6 bits each, from a register. */
static u64 field(const struct sse_op *op, unsigned int at, unsigned int *index)
{
	unsigned int length = (op->fields ? op->imm : op->b[at]) & 63;

	*index = (op->fields ? op->imm2 : op->b[at + 1]) & 63;
	return length ? (1ULL << length) - 1 : ~0ULL;
}

static void extrq(struct sse_op *op)
{
	unsigned int index;
	u64 mask = field(op, 0, &index), value;

	memcpy(&value, op->a, 8);
	value = value >> index & mask;
	memcpy(op->a, &value, 8);
	memset(op->a + 8, 0, 8);	/* undefined; so on an EPYC */
}

static void insertq(struct sse_op *op)
{
	unsigned int index;
	u64 mask = field(op, 8, &index), value, from;

	memcpy(&value, op->a, 8);
	memcpy(&from, op->b, 8);
	value = (value & ~(mask << index)) | (from & mask) << index;
	memcpy(op->a, &value, 8);
	memset(op->a + 8, 0, 8);
}

/* ------------------------------------------------------------------- by stubs */

#define STUB(name, text)						\
	static void name(struct sse_op *op)				\
	{								\
		asm volatile("movdqu (%0), %%xmm0; movdqu 16(%0), %%xmm1; " text	\
			     " %%xmm1, %%xmm0; movdqu %%xmm0, (%0)" : : "r"(op) : "memory");	\
	}
#define STUB4(name) STUB(name##_0, #name " $0,") STUB(name##_1, #name " $1,")	\
		    STUB(name##_2, #name " $2,") STUB(name##_3, #name " $3,")
#define STUB8(name) STUB4(name) STUB(name##_4, #name " $4,") STUB(name##_5, #name " $5,")	\
		    STUB(name##_6, #name " $6,") STUB(name##_7, #name " $7,")
#define ALL4(name) name##_0, name##_1, name##_2, name##_3
#define ALL8(name) ALL4(name), name##_4, name##_5, name##_6, name##_7

STUB8(cmpps)
STUB8(cmppd)
STUB8(cmpss)
STUB8(cmpsd)
STUB8(mpsadbw)
STUB4(sha1rnds4)
STUB(pclmulqdq_0, "pclmulqdq $0x00,")
STUB(pclmulqdq_1, "pclmulqdq $0x01,")
STUB(pclmulqdq_2, "pclmulqdq $0x10,")
STUB(pclmulqdq_3, "pclmulqdq $0x11,")
/* Rounding as MXCSR says; the second without the precision exception. */
STUB(roundps_0, "roundps $4,")
STUB(roundps_1, "roundps $12,")
STUB(roundpd_0, "roundpd $4,")
STUB(roundpd_1, "roundpd $12,")
STUB(roundss_0, "roundss $4,")
STUB(roundss_1, "roundss $12,")
STUB(roundsd_0, "roundsd $4,")
STUB(roundsd_1, "roundsd $12,")
STUB(aeskeygenassist_0, "aeskeygenassist $0,")
STUB(gf2p8affineqb_0, "gf2p8affineqb $0,")
STUB(gf2p8affineinvqb_0, "gf2p8affineinvqb $0,")

static void set_rounding(struct sse_op *op)
{
	if (!(op->imm & 4))
		op->mxcsr = (op->mxcsr & ~0x6000U) | (op->imm & 3U) << 13;
}

/* The round constant is added to the words that were rotated. */
static void add_round_constant(struct sse_op *op)
{
	op->a[4] ^= op->imm;
	op->a[12] ^= op->imm;
}

/* The constant of the affine transformation is added last. */
static void add_constant(struct sse_op *op)
{
	unsigned int i;

	for (i = 0; i < 16; i++)
		op->a[i] ^= op->imm;
}

/* @c: in C; or @stub by the immediate's bits @mask, shifted by @shift, with @before and @after. */
static const struct sse_imm rows[] = {
	{ INSN_OP_PSHUFW, .c = pshufw }, { INSN_OP_PSHUFLW, .c = pshufw },
	{ INSN_OP_PSHUFHW, .c = pshufhw }, { INSN_OP_PSHUFD, .c = pshufd },
	{ INSN_OP_SHUFPS, .c = shufps }, { INSN_OP_SHUFPD, .c = shufpd },
	{ INSN_OP_PALIGNR, .c = palignr }, { INSN_OP_PSRLDQ, .c = psrldq },
	{ INSN_OP_PSLLDQ, .c = pslldq }, { INSN_OP_BLENDPS, .c = blendps },
	{ INSN_OP_BLENDPD, .c = blendpd }, { INSN_OP_PBLENDW, .c = pblendw },
	{ INSN_OP_PINSRW, .c = pinsrw }, { INSN_OP_PINSRB, .c = pinsrb },
	{ INSN_OP_PINSRD, .c = pinsrd }, { INSN_OP_INSERTPS, .c = insertps },
	{ INSN_OP_PEXTRW, .c = pextrw }, { INSN_OP_PEXTRB, .c = pextrb },
	{ INSN_OP_PEXTRD, .c = pextrd }, { INSN_OP_EXTRACTPS, .c = extractps },
	{ INSN_OP_EXTRQ, .c = extrq }, { INSN_OP_INSERTQ, .c = insertq },
	{ INSN_OP_MOVQ2DQ, .c = movq2dq }, { INSN_OP_MOVDQ2Q, .c = movdq2q },
	{ INSN_OP_CMPPS, .stub = { ALL8(cmpps) }, .mask = 7, .flags = SSE_FP },
	{ INSN_OP_CMPPD, .stub = { ALL8(cmppd) }, .mask = 7, .flags = SSE_FP },
	{ INSN_OP_CMPSS, .stub = { ALL8(cmpss) }, .mask = 7, .flags = SSE_FP },
	{ INSN_OP_CMPSD, .stub = { ALL8(cmpsd) }, .mask = 7, .flags = SSE_FP },
	{ INSN_OP_MPSADBW, .stub = { ALL8(mpsadbw) }, .mask = 7 },
	{ INSN_OP_SHA1RNDS4, .stub = { ALL4(sha1rnds4) }, .mask = 3 },
	{ INSN_OP_PCLMULQDQ, .stub = { ALL4(pclmulqdq) }, .mask = 0x11 },
	{ INSN_OP_ROUNDPS, .stub = { roundps_0, roundps_1 }, .mask = 8, .flags = SSE_FP,
	  .before = set_rounding },
	{ INSN_OP_ROUNDPD, .stub = { roundpd_0, roundpd_1 }, .mask = 8, .flags = SSE_FP,
	  .before = set_rounding },
	{ INSN_OP_ROUNDSS, .stub = { roundss_0, roundss_1 }, .mask = 8, .flags = SSE_FP,
	  .before = set_rounding },
	{ INSN_OP_ROUNDSD, .stub = { roundsd_0, roundsd_1 }, .mask = 8, .flags = SSE_FP,
	  .before = set_rounding },
	{ INSN_OP_AESKEYGENASSIST, .stub = { aeskeygenassist_0 }, .after = add_round_constant },
	{ INSN_OP_GF2P8AFFINEQB, .stub = { gf2p8affineqb_0 }, .after = add_constant },
	{ INSN_OP_GF2P8AFFINEINVQB, .stub = { gf2p8affineinvqb_0 }, .after = add_constant },
};

const struct sse_imm *insn_sse_imm(unsigned int id)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].id == id)
			return &rows[i];
	return NULL;
}

/* Bits of the immediate that @mask selects, side by side. */
sse_fn insn_sse_imm_stub(const struct sse_imm *row, u8 imm)
{
	unsigned int index = 0, n = 0, i;

	for (i = 0; i < 8; i++)
		if (row->mask >> i & 1)
			index |= (imm >> i & 1U) << n++;
	return row->stub[index];
}
