/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The vocabulary of the opcode tables: operand codes, row flags, selectors.
 *
 * A row is one line that can be read aloud: mnemonic, operands, what happens to
 * the first operand, and the CPUID feature the form needs. Operand letters are
 * those of the manuals' opcode maps (SDM volume 2 appendix A, APM volume 3
 * appendix A): E is ModRM.rm as general register or memory, G is ModRM.reg, Z
 * the low three opcode bits, and so on; the second letter is the size.
 *
 * Only the tables, decode.c and the executor include this file.
 */
#ifndef FERRY_LIB_INSN_ROW_H
#define FERRY_LIB_INSN_ROW_H

#include "insn.h"

/*
 * What an operand is. Bits 0-4 of an operand code.
 */
enum insn_kind {
	K_NONE,
	K_E,		/* ModRM.rm: general register or memory */
	K_G,		/* ModRM.reg: general register */
	K_Z,		/* opcode bits 2:0 and REX.B: general register */
	K_FIX,		/* a fixed general register */
	K_B,		/* VEX.vvvv: general register */
	K_IMM,		/* immediate, sign-extended at decode */
	K_ONE,		/* the constant 1 */
	K_REL,		/* branch displacement */
	K_FAR,		/* ptr16:16 or ptr16:32 in the code */
	K_MOFFS,	/* memory at an absolute offset of address size */
	K_SREG,		/* ModRM.reg: segment register */
	K_SFIX,		/* a fixed segment register */
	K_CR,		/* ModRM.reg: control register */
	K_DR,		/* ModRM.reg: debug register */
	K_SRC,		/* string source, DS:rSI (segment may be overridden) */
	K_DST,		/* string destination, ES:rDI */
	K_MMX,		/* ModRM.reg: MMX register */
	K_MMXRM,	/* ModRM.rm: MMX register or memory */
	K_XMM,		/* ModRM.reg: XMM register */
	K_XMMRM,	/* ModRM.rm: XMM register or memory */
	K_XMMV,		/* VEX.vvvv: XMM register */
	K_ST,		/* x87: ST(ModRM.rm) */
	K_ST0,		/* x87: ST(0) */
	K_BND,		/* MPX bound register */
};

/*
 * How wide an operand is. Bits 5-8 of an operand code. The letters are the
 * manuals'; insn_operand_size() turns them into bytes.
 */
enum insn_size {
	SZ_NONE,	/* not a plain number: the executor knows */
	SZ_B,		/* 1 */
	SZ_W,		/* 2 */
	SZ_D,		/* 4 */
	SZ_Q,		/* 8 */
	SZ_T,		/* 10 */
	SZ_X,		/* 16, or 32 under VEX.L */
	SZ_V,		/* operand size */
	SZ_Z,		/* operand size, at most 4 */
	SZ_Y,		/* operand size, at least 4 */
	SZ_P,		/* far pointer: operand size + 2 */
	SZ_S,		/* pseudo-descriptor: 6, or 10 in 64-bit mode */
	SZ_A,		/* two operand sizes (BOUND) */
};

/* What follows in the code; row flag bits 0-3. */
enum insn_imm {
	IMM_NONE,
	IMM_B,		/* 1 byte */
	IMM_W,		/* 2 bytes */
	IMM_Z,		/* 2 or 4 by operand size */
	IMM_V,		/* 2, 4 or 8 by operand size */
	IMM_FAR,	/* 2 or 4 by operand size, then a selector */
	IMM_MOFFS,	/* 2, 4 or 8 by address size */
	IMM_WB,		/* 2 bytes, then 1 (ENTER) */
	IMM_BB,		/* 1 byte, then 1 (EXTRQ, INSERTQ) */
	IMM_SUFFIX,	/* 1 byte that is the opcode (3DNow!) */
	IMM_D,		/* 4 bytes (XOP map 10) */
};

/* Row flags. Bits 0-8 are collected from the operand codes. */
#define F_IMM_MASK	0x0000000f
#define F_MODRM		0x00000010	/* a ModRM byte follows */
#define F_MEM		0x00000020	/* #UD with a register operand */
#define F_REG		0x00000040	/* #UD with a memory operand */
#define F_STRING	0x00000080	/* has a string operand: REP applies */
#define F_CHECK		0x00000100	/* names a register that may not exist */
#define RW		0x00000200	/* first operand is read and written */
#define WO		0x00000400	/* first operand is only written */
#define LK		0x00000800	/* LOCK allowed when it is memory */
#define D64		0x00001000	/* operand size 64 (or 16) in 64-bit mode */
#define F64		0x00002000	/* operand size always 64 in 64-bit mode */
#define BR		0x00004000	/* near branch: F64 on Intel, D64 on AMD */
#define N64		0x00008000	/* #UD in 64-bit mode */
#define O64		0x00010000	/* #UD outside 64-bit mode */
#define PM		0x00020000	/* #UD in real and virtual-8086 mode */
#define CPL0		0x00040000	/* #GP(0) unless CPL is 0 */
#define NOCS		0x00080000	/* #UD when the segment register is CS */
#define RAWMOD		0x00100000	/* ModRM.mod ignored: always a register */
#define L0		0x00200000	/* VEX.L must be 0 */
#define NP66		0x00400000	/* #UD with 66, F2 or F3 */
#define NOREP		0x00800000	/* #UD with F2 or F3 */
#define NO66		0x01000000	/* #UD with 66 */
#define V1111		0x02000000	/* VEX.vvvv must be 1111b */
#define INTEL		0x04000000	/* #UD on AMD */
#define ELSENOP		0x08000000	/* a NOP, not #UD, where the feature is missing */
#define D4		0x40000000	/* 66 does not select 16 bits */
#define F_DECODE_CHECKS	(F_MEM | F_REG | NP66 | NOREP | NO66 | F_CHECK)

/* How the next row is chosen. */
enum insn_select {
	SEL_LEAF,	/* this row is the instruction; undefined if its id is INSN_OP_NONE */
	SEL_PREFIX,	/* the byte is a legacy prefix, or REX */
	SEL_BYTE,	/* 256 rows by the next opcode byte */
	SEL_VEX,	/* C4/C5/62/8F: one row unless the next byte makes it VEX/EVEX/XOP */
	SEL_REG,	/* 8 rows by ModRM.reg */
	SEL_MOD,	/* 2 rows: memory, register */
	SEL_RM,		/* 8 rows by ModRM.rm */
	SEL_PFX,	/* 4 rows: none, 66, F3, F2 */
	SEL_LONG,	/* 2 rows: 16/32-bit mode, 64-bit mode */
	SEL_REXB,	/* 2 rows: REX.B clear, set */
	SEL_RIP,	/* 2 rows: other, RIP-relative memory */
	SEL_LOW,	/* 8 rows by the low three opcode bits */
};

/**
 * struct insn_row - one line of an opcode table
 * @id:      what it is; INSN_OP_NONE for an undefined opcode
 * @feature: CPUID feature the form needs, INSN_F_BASE if none
 * @select:  SEL_LEAF, or how @sub is indexed
 * @flags:   immediate kind, ModRM, and the row flags above
 * @op:      operand codes, destination first
 * @sub:     next table when @select is not SEL_LEAF
 */
struct insn_row {
	u16 id;
	u8 feature;
	u8 select;
	u32 flags;
	union {
		u16 op[4];
		const struct insn_row *sub;
	};
};

static_assert(sizeof(struct insn_row) == 16, "a table row is two words");

/* Operand code: low half goes into the row, high half into its flags. */
#define OPC(kind, size, nr, flags) ((kind) | (size) << 5 | (nr) << 9 | (flags) << 16)
#define OPC_KIND(op) ((op) & 0x1f)
#define OPC_SIZE(op) (((op) >> 5) & 0xf)
#define OPC_NR(op) (((op) >> 9) & 0xf)

#define __	0

#define Eb	OPC(K_E, SZ_B, 0, F_MODRM)
#define Ew	OPC(K_E, SZ_W, 0, F_MODRM)
#define Ed	OPC(K_E, SZ_D, 0, F_MODRM)
#define Eq	OPC(K_E, SZ_Q, 0, F_MODRM)
#define Ev	OPC(K_E, SZ_V, 0, F_MODRM)
#define Ez	OPC(K_E, SZ_Z, 0, F_MODRM)
#define Ey	OPC(K_E, SZ_Y, 0, F_MODRM)
#define Gb	OPC(K_G, SZ_B, 0, F_MODRM)
#define Gw	OPC(K_G, SZ_W, 0, F_MODRM)
#define Gd	OPC(K_G, SZ_D, 0, F_MODRM)
#define Gq	OPC(K_G, SZ_Q, 0, F_MODRM)
#define Gv	OPC(K_G, SZ_V, 0, F_MODRM)
#define Gz	OPC(K_G, SZ_Z, 0, F_MODRM)
#define Gy	OPC(K_G, SZ_Y, 0, F_MODRM)

#define M_	OPC(K_E, SZ_NONE, 0, F_MODRM | F_MEM)
#define Mb	OPC(K_E, SZ_B, 0, F_MODRM | F_MEM)
#define Mw	OPC(K_E, SZ_W, 0, F_MODRM | F_MEM)
#define Md	OPC(K_E, SZ_D, 0, F_MODRM | F_MEM)
#define Mq	OPC(K_E, SZ_Q, 0, F_MODRM | F_MEM)
#define Mt	OPC(K_E, SZ_T, 0, F_MODRM | F_MEM)
#define Mx	OPC(K_E, SZ_X, 0, F_MODRM | F_MEM)
#define Mv	OPC(K_E, SZ_V, 0, F_MODRM | F_MEM)
#define My	OPC(K_E, SZ_Y, 0, F_MODRM | F_MEM)
#define Mp	OPC(K_E, SZ_P, 0, F_MODRM | F_MEM)
#define Ms	OPC(K_E, SZ_S, 0, F_MODRM | F_MEM)
#define Ma	OPC(K_E, SZ_A, 0, F_MODRM | F_MEM)

#define Rw	OPC(K_E, SZ_W, 0, F_MODRM | F_REG)
#define Rd	OPC(K_E, SZ_D, 0, F_MODRM | F_REG)
#define Rq	OPC(K_E, SZ_Q, 0, F_MODRM | F_REG)
#define Rv	OPC(K_E, SZ_V, 0, F_MODRM | F_REG)
#define Ry	OPC(K_E, SZ_Y, 0, F_MODRM | F_REG)

#define Zb	OPC(K_Z, SZ_B, 0, 0)
#define Zv	OPC(K_Z, SZ_V, 0, 0)
#define Zy	OPC(K_Z, SZ_Y, 0, 0)
#define By	OPC(K_B, SZ_Y, 0, 0)

#define rAL	OPC(K_FIX, SZ_B, 0, 0)
#define rAX	OPC(K_FIX, SZ_V, 0, 0)
#define eAX	OPC(K_FIX, SZ_Z, 0, 0)
#define rCL	OPC(K_FIX, SZ_B, 1, 0)
#define rDX	OPC(K_FIX, SZ_W, 2, 0)

#define Ib	OPC(K_IMM, SZ_B, 0, IMM_B)
#define Iw	OPC(K_IMM, SZ_W, 0, IMM_W)
#define Iz	OPC(K_IMM, SZ_V, 0, IMM_Z)
#define Iv	OPC(K_IMM, SZ_V, 0, IMM_V)
#define IwIb	OPC(K_IMM, SZ_W, 0, IMM_WB)
#define IbIb	OPC(K_IMM, SZ_B, 0, IMM_BB)
#define I3D	OPC(K_IMM, SZ_B, 0, IMM_SUFFIX)
#define One	OPC(K_ONE, SZ_B, 0, 0)
#define Jb	OPC(K_REL, SZ_B, 0, IMM_B)
#define Jz	OPC(K_REL, SZ_Z, 0, IMM_Z)
#define Ap	OPC(K_FAR, SZ_P, 0, IMM_FAR)
#define Ob	OPC(K_MOFFS, SZ_B, 0, IMM_MOFFS)
#define Ov	OPC(K_MOFFS, SZ_V, 0, IMM_MOFFS)

#define Sw	OPC(K_SREG, SZ_W, 0, F_MODRM | F_CHECK)
#define sES	OPC(K_SFIX, SZ_W, INSN_ES, 0)
#define sCS	OPC(K_SFIX, SZ_W, INSN_CS, 0)
#define sSS	OPC(K_SFIX, SZ_W, INSN_SS, 0)
#define sDS	OPC(K_SFIX, SZ_W, INSN_DS, 0)
#define sFS	OPC(K_SFIX, SZ_W, INSN_FS, 0)
#define sGS	OPC(K_SFIX, SZ_W, INSN_GS, 0)
#define Cy	OPC(K_CR, SZ_Y, 0, F_MODRM | F_CHECK)
#define Dy	OPC(K_DR, SZ_Y, 0, F_MODRM | F_CHECK)

#define Xb	OPC(K_SRC, SZ_B, 0, F_STRING)
#define Xv	OPC(K_SRC, SZ_V, 0, F_STRING)
#define Xz	OPC(K_SRC, SZ_Z, 0, F_STRING)
#define Yb	OPC(K_DST, SZ_B, 0, F_STRING)
#define Yv	OPC(K_DST, SZ_V, 0, F_STRING)
#define Yz	OPC(K_DST, SZ_Z, 0, F_STRING)

#define Pq	OPC(K_MMX, SZ_Q, 0, F_MODRM)
#define Qq	OPC(K_MMXRM, SZ_Q, 0, F_MODRM)
#define Qd	OPC(K_MMXRM, SZ_D, 0, F_MODRM)
#define Nq	OPC(K_MMXRM, SZ_Q, 0, F_MODRM | F_REG)
#define Vx	OPC(K_XMM, SZ_X, 0, F_MODRM)
#define Vd	OPC(K_XMM, SZ_D, 0, F_MODRM)
#define Vq	OPC(K_XMM, SZ_Q, 0, F_MODRM)
#define Wx	OPC(K_XMMRM, SZ_X, 0, F_MODRM)
#define Wq	OPC(K_XMMRM, SZ_Q, 0, F_MODRM)
#define Wd	OPC(K_XMMRM, SZ_D, 0, F_MODRM)
#define Ww	OPC(K_XMMRM, SZ_W, 0, F_MODRM)
#define Ux	OPC(K_XMMRM, SZ_X, 0, F_MODRM | F_REG)
#define Uq	OPC(K_XMMRM, SZ_Q, 0, F_MODRM | F_REG)
#define Hx	OPC(K_XMMV, SZ_X, 0, 0)
#define STi	OPC(K_ST, SZ_T, 0, F_MODRM)
#define ST0	OPC(K_ST0, SZ_T, 0, 0)
#define bBND	OPC(K_BND, SZ_X, 0, F_MODRM)

/* Rows. RF names a feature; UD is an undefined opcode. */
#define RF(feat, name, a, b, c, fl)					\
	{ .id = INSN_OP_##name, .feature = INSN_F_##feat,			\
	  .flags = (fl) | ((a) | (b) | (c)) >> 16,			\
	  .op = { (a) & 0xffff, (b) & 0xffff, (c) & 0xffff } }
#define R(name, a, b, c, fl) RF(BASE, name, a, b, c, fl)
#define UD { .id = INSN_OP_NONE }
#define UDM { .id = INSN_OP_NONE, .flags = F_MODRM }	/* undefined, with ModRM */
#define PREFIX { .select = SEL_PREFIX }

/* Selectors. The rows of small groups stand inside their parent's line. */
#define SUB(how, n, ...)						\
	{ .select = SEL_##how,						\
	  .flags = SEL_##how == SEL_REG || SEL_##how == SEL_MOD ||	\
		   SEL_##how == SEL_RM || SEL_##how == SEL_RIP ? F_MODRM : 0,			\
	  .sub = (const struct insn_row[n]){ __VA_ARGS__ } }
#define REG8(...)	SUB(REG, 8, __VA_ARGS__)
#define MOD2(...)	SUB(MOD, 2, __VA_ARGS__)
#define RM8(...)	SUB(RM, 8, __VA_ARGS__)
#define PFX4(...)	SUB(PFX, 4, __VA_ARGS__)
#define LONG2(...)	SUB(LONG, 2, __VA_ARGS__)
#define REXB2(...)	SUB(REXB, 2, __VA_ARGS__)
#define RIP2(...)	SUB(RIP, 2, __VA_ARGS__)
#define VEXESC(...)	SUB(VEX, 1, __VA_ARGS__)
#define NEXT(table)	{ .select = SEL_BYTE, .sub = table }
#define LOW8(table)	{ .select = SEL_LOW, .sub = table }

extern const struct insn_row insn_map_one[256];
extern const struct insn_row insn_map_0f[256];
extern const struct insn_row insn_map_0f38[256];
extern const struct insn_row insn_map_0f3a[256];
extern const struct insn_row insn_map_x87[8];
/* VEX rows; an undefined row here only means "not implemented". */
extern const struct insn_row *insn_vex_row(u8 map, u8 opcode, u8 pp);

#endif /* FERRY_LIB_INSN_ROW_H */
