/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The instruction decoder and emulator: what callers see.
 *
 * insn_decode() is a function of its bytes and the mode alone. insn_execute()
 * (see insn_exec.h) carries a decoded instruction out over call-backs.
 */
#ifndef FERRY_LIB_INSN_INSN_H
#define FERRY_LIB_INSN_INSN_H

#include "../env.h"
#include "ids.h"
#include "features.h"

/* An instruction is at most this long; a longer one is #GP(0). SDM 2.3.11. */
#define INSN_MAX_LENGTH 15

enum insn_id {
	INSN_OP_NONE,
#define X(name) INSN_OP_##name,
	INSN_IDS_EXECUTED(X)
	INSN_OP_EXECUTED_END,
	INSN_OP_DECODED_FIRST = INSN_OP_EXECUTED_END - 1,
	INSN_IDS_DECODED(X)
#undef X
	INSN_OP_VEX,		/* a VEX, EVEX or XOP form that has no row */
	INSN_OP_END
};

enum insn_feature {
	INSN_F_BASE,
#define X(name, leaf, sub, reg, bit) INSN_F_##name,
	INSN_FEATURES(X)
#undef X
	INSN_F_END
};

/* Where CPUID tells about an enum insn_feature. */
struct insn_cpuid_bit {
	u32 leaf;
	u8 subleaf;
	u8 reg;		/* 0 EAX, 1 EBX, 2 ECX, 3 EDX */
	u8 bit;
};

extern const struct insn_cpuid_bit insn_feature_bits[INSN_F_END];

/* Results of decoding. */
enum insn_decode_result {
	INSN_OK,
	INSN_SHORT,		/* the bytes end inside the instruction */
	INSN_INVALID,		/* the processor raises #UD */
	INSN_TOO_LONG,		/* more than 15 bytes: #GP(0) */
	INSN_NOT_IMPL,		/* length is exact; the form has no row */
};

/* Default operand and address size of the code segment; flags may be added. */
enum insn_mode {
	INSN_MODE_16,
	INSN_MODE_32,
	INSN_MODE_64,
	INSN_MODE_MASK = 0x0f,
	/*
	 * AMD: in 64-bit mode a near branch with an operand-size prefix has a
	 * 16-bit displacement and truncates RIP; Intel ignores the prefix.
	 */
	INSN_MODE_AMD = 0x10,
};

enum insn_seg_nr {
	INSN_ES, INSN_CS, INSN_SS, INSN_DS, INSN_FS, INSN_GS,
	INSN_LDTR, INSN_TR, INSN_SEG_END
};

enum insn_gpr {
	INSN_RAX, INSN_RCX, INSN_RDX, INSN_RBX, INSN_RSP, INSN_RBP, INSN_RSI, INSN_RDI,
	INSN_R8, INSN_R9, INSN_R10, INSN_R11, INSN_R12, INSN_R13, INSN_R14, INSN_R15,
	INSN_GPRS,
	INSN_REG_RIP = INSN_GPRS,	/* only as a memory base */
	INSN_REG_NONE,
};

/* struct insn @prefix. */
#define INSN_PFX_LOCK	0x01
#define INSN_PFX_F2	0x02		/* REPNE: the last of F2 and F3 counts */
#define INSN_PFX_F3	0x04		/* REP, REPE */
#define INSN_PFX_66	0x08
#define INSN_PFX_67	0x10
#define INSN_PFX_SEG	0x20		/* @seg was overridden */
#define INSN_PFX_REX	0x40
#define INSN_PFX_MEM	0x80		/* ModRM names memory */

/* struct insn @vex. */
enum insn_vex {
	INSN_ENC_LEGACY, INSN_ENC_VEX, INSN_ENC_EVEX, INSN_ENC_XOP
};

struct insn_row;

/**
 * struct insn - one decoded instruction
 * @row:     table row; operands, flags and feature come from there
 * @imm:     immediate or branch displacement, sign-extended; offset of a far
 *           pointer; offset of a moffs operand
 * @disp:    displacement of a ModRM memory operand
 * @imm2:    selector of a far pointer; second immediate
 * @id:      enum insn_id
 * @length:  bytes in all
 * @opcode:  the last opcode byte
 * @modrm:   as in the code (valid if the row has ModRM)
 * @prefix:  INSN_PFX_*
 * @rex:     W, R, X, B in bits 3 to 0; from VEX and XOP as well
 * @seg:     segment of the memory operand, override applied
 * @opsize:  operand size in bytes: 2, 4 or 8
 * @adsize:  address size in bytes: 2, 4 or 8
 * @mode:    as given to insn_decode()
 * @base:    base register of the memory operand, RIP, or INSN_REG_NONE
 * @index:   index register or INSN_REG_NONE
 * @scale:   shift count of the index
 * @reg:     ModRM.reg with its extension
 * @rm:      ModRM.rm or opcode register, with its extension
 * @feature: enum insn_feature
 * @enc:     enum insn_vex
 * @vvvv:    VEX.vvvv, not inverted any more
 * @vl:      VEX.L, EVEX.L'L
 */
struct insn {
	const struct insn_row *row;
	u64 imm;
	s32 disp;
	u16 imm2;
	u16 id;
	u8 length, opcode, modrm, prefix;
	u8 rex, seg, opsize, adsize;
	u8 mode, base, index, scale;
	u8 reg, rm, feature, enc;
	u8 vvvv, vl;
};

/**
 * insn_decode - decode one instruction
 * @insn:   [OUT] the instruction. After INSN_OK and INSN_NOT_IMPL all of it is
 *          valid; after the others only that @insn may have been written.
 * @bytes:  [IN] code
 * @nbytes: [IN] how many bytes may be read
 * @mode:   [IN] enum insn_mode, with flags
 *
 * LOCK where it is not allowed is INSN_INVALID, as is an undefined register
 * number. Whether the processor has the feature, privilege and mode are the
 * executor's business.
 *
 * Return: enum insn_decode_result. With INSN_SHORT, more bytes may help.
 */
int insn_decode(struct insn *insn, const u8 *bytes, unsigned int nbytes, unsigned int mode);

/**
 * insn_operand_size - width of an operand in bytes
 * @insn: a decoded instruction
 * @nr:   operand number, destination first
 *
 * Return: bytes; 0 when there is no such operand or it has no plain width.
 */
unsigned int insn_operand_size(const struct insn *insn, unsigned int nr);

#endif /* FERRY_LIB_INSN_INSN_H */
