// SPDX-License-Identifier: GPL-2.0-only
/* Mnemonics in the SDM's spelling, and the aliases of other disassemblers. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "insn_names.h"

static const char *const names[INSN_OP_END] = {
#define X(name) [INSN_OP_##name] = #name,
	INSN_IDS_EXECUTED(X)
	INSN_IDS_DECODED(X)
	INSN_IDS_X87(X)
	INSN_IDS_SSE(X)
#undef X
};

static const char *const conditions[16] = {
	"O", "NO", "B", "AE", "E", "NE", "BE", "A", "S", "NS", "P", "NP", "L", "GE", "LE", "G"
};

/* By size: byte (first operand), 16, 32, 64 bit. */
static const struct {
	u16 id;
	const char *by_size[4];
} sized[] = {
	{ INSN_OP_CBW, { NULL, "CBW", "CWDE", "CDQE" } },
	{ INSN_OP_CWD, { NULL, "CWD", "CDQ", "CQO" } },
	{ INSN_OP_MOVS, { "MOVSB", "MOVSW", "MOVSD", "MOVSQ" } },
	{ INSN_OP_CMPS, { "CMPSB", "CMPSW", "CMPSD", "CMPSQ" } },
	{ INSN_OP_STOS, { "STOSB", "STOSW", "STOSD", "STOSQ" } },
	{ INSN_OP_LODS, { "LODSB", "LODSW", "LODSD", "LODSQ" } },
	{ INSN_OP_SCAS, { "SCASB", "SCASW", "SCASD", "SCASQ" } },
	{ INSN_OP_INS, { "INSB", "INSW", "INSD", "INSD" } },
	{ INSN_OP_OUTS, { "OUTSB", "OUTSW", "OUTSD", "OUTSD" } },
	{ INSN_OP_PUSHF, { NULL, "PUSHF", "PUSHFD", "PUSHFQ" } },
	{ INSN_OP_POPF, { NULL, "POPF", "POPFD", "POPFQ" } },
	{ INSN_OP_PUSHA, { NULL, "PUSHA", "PUSHAD", NULL } },
	{ INSN_OP_POPA, { NULL, "POPA", "POPAD", NULL } },
	{ INSN_OP_IRET, { NULL, "IRET", "IRETD", "IRETQ" } },
	{ INSN_OP_CMPXCHG8B, { NULL, "CMPXCHG8B", "CMPXCHG8B", "CMPXCHG16B" } },
	{ INSN_OP_FXSAVE, { NULL, "FXSAVE", "FXSAVE", "FXSAVE64" } },
	{ INSN_OP_FXRSTOR, { NULL, "FXRSTOR", "FXRSTOR", "FXRSTOR64" } },
	{ INSN_OP_XSAVE, { NULL, "XSAVE", "XSAVE", "XSAVE64" } },
	{ INSN_OP_XSAVEC, { NULL, "XSAVEC", "XSAVEC", "XSAVEC64" } },
	{ INSN_OP_XSAVES, { NULL, "XSAVES", "XSAVES", "XSAVES64" } },
	{ INSN_OP_XSAVEOPT, { NULL, "XSAVEOPT", "XSAVEOPT", "XSAVEOPT64" } },
	{ INSN_OP_XRSTOR, { NULL, "XRSTOR", "XRSTOR", "XRSTOR64" } },
	{ INSN_OP_XRSTORS, { NULL, "XRSTORS", "XRSTORS", "XRSTORS64" } },
	{ INSN_OP_SYSRET, { NULL, "SYSRET", "SYSRET", "SYSRETQ" } },
	{ INSN_OP_SYSEXIT, { NULL, "SYSEXIT", "SYSEXIT", "SYSEXITQ" } },
	{ INSN_OP_PEXTRD, { NULL, "PEXTRD", "PEXTRD", "PEXTRQ" } },
	{ INSN_OP_PINSRD, { NULL, "PINSRD", "PINSRD", "PINSRQ" } },
	{ INSN_OP_RDSSP, { NULL, "RDSSPD", "RDSSPD", "RDSSPQ" } },
	{ INSN_OP_INCSSP, { NULL, "INCSSPD", "INCSSPD", "INCSSPQ" } },
	{ INSN_OP_WRSS, { NULL, "WRSSD", "WRSSD", "WRSSQ" } },
	{ INSN_OP_WRUSS, { NULL, "WRUSSD", "WRUSSD", "WRUSSQ" } },
	{ INSN_OP_MOVD, { NULL, "MOVD", "MOVD", "MOVQ" } },
};

static const struct {
	u16 id;
	const char *name;
} renamed[] = {
	{ INSN_OP_MOV_FROM_SEG, "MOV" }, { INSN_OP_MOV_TO_SEG, "MOV" },
	{ INSN_OP_MOV_FROM_CR, "MOV" }, { INSN_OP_MOV_TO_CR, "MOV" },
	{ INSN_OP_MOV_FROM_DR, "MOV" }, { INSN_OP_MOV_TO_DR, "MOV" },
	{ INSN_OP_PUSH_SEG, "PUSH" }, { INSN_OP_POP_SEG, "POP" },
	{ INSN_OP_CALL_FAR, "CALLF" }, { INSN_OP_JMP_FAR, "JMPF" }, { INSN_OP_RET_FAR, "RETF" },
	{ INSN_OP_IMUL1, "IMUL" }, { INSN_OP_FNSTSW_AX, "FNSTSW" }, { INSN_OP_XLAT, "XLATB" },
};

/* Suffix byte of 3DNow!: APM volume 3 table A-9. */
static const char *amd3dnow(u8 suffix)
{
	static const char *const ops[256] = {
		[0x0c] = "PI2FW", [0x0d] = "PI2FD", [0x1c] = "PF2IW", [0x1d] = "PF2ID",
		[0x8a] = "PFNACC", [0x8e] = "PFPNACC", [0x90] = "PFCMPGE", [0x94] = "PFMIN",
		[0x96] = "PFRCP", [0x97] = "PFRSQRT", [0x9a] = "PFSUB", [0x9e] = "PFADD",
		[0xa0] = "PFCMPGT", [0xa4] = "PFMAX", [0xa6] = "PFRCPIT1", [0xa7] = "PFRSQIT1",
		[0xaa] = "PFSUBR", [0xae] = "PFACC", [0xb0] = "PFCMPEQ", [0xb4] = "PFMUL",
		[0xb6] = "PFRCPIT2", [0xb7] = "PMULHRW", [0xbb] = "PSWAPD", [0xbf] = "PAVGUSB",
		[0x86] = "PFRCPV", [0x87] = "PFRSQRTV",
	};

	return ops[suffix];
}

static const char *legacy_name(const struct insn *insn)
{
	static char buf[16];
	unsigned int i;

	switch (insn->id) {
	case INSN_OP_JCC:
	case INSN_OP_SETCC:
	case INSN_OP_CMOVCC:
		snprintf(buf, sizeof(buf), "%s%s", insn->id == INSN_OP_JCC ? "J" :
			 insn->id == INSN_OP_SETCC ? "SET" : "CMOV", conditions[insn->opcode & 15]);
		return buf;
	case INSN_OP_JCXZ:
		return insn->adsize == 2 ? "JCXZ" : insn->adsize == 4 ? "JECXZ" : "JRCXZ";
	case INSN_OP_PI3DNOW:
		return amd3dnow((u8)insn->imm);
	}
	for (i = 0; i < ARRAY_SIZE(sized); i++) {
		unsigned int size = insn->opsize;

		if (sized[i].id != insn->id)
			continue;
		if (sized[i].by_size[0] && (insn_operand_size(insn, 0) == 1 ||
					    insn_operand_size(insn, 1) == 1))
			size = 1;
		return sized[i].by_size[size == 1 ? 0 : size == 2 ? 1 : size == 4 ? 2 : 3];
	}
	for (i = 0; i < ARRAY_SIZE(renamed); i++)
		if (renamed[i].id == insn->id)
			return renamed[i].name;
	return names[insn->id];
}

const char *insn_name(const struct insn *insn)
{
	static char buf[32];
	const char *name = legacy_name(insn);

	/* Of the VEX forms with rows, only those on vector registers begin with V. */
	if (!name || insn->enc != INSN_ENC_VEX || insn->id < INSN_OP_MOVUPS)
		return name;
	snprintf(buf, sizeof(buf), "V%s", name);
	return buf;
}

/* Spellings of Zydis and bddisasm that are other names of the same opcode. */
static const char *const aliases[][2] = {
	{ "WAIT", "FWAIT" }, { "XLAT", "XLATB" }, { "SAL", "SHL" },
	{ "RETN", "RET" }, { "CALLNI", "CALL" }, { "JMPNI", "JMP" }, { "CALLNR", "CALL" },
	{ "JMPNR", "JMP" }, { "CALLFD", "CALLF" }, { "CALLFI", "CALLF" }, { "JMPFD", "JMPF" },
	{ "JMPFI", "JMPF" }, { "PUSHFW", "PUSHF" }, { "POPFW", "POPF" },
	{ "IRETW", "IRET" }, { "ICEBP", "INT1" },
	{ "LOOPNZ", "LOOPNE" }, { "LOOPZ", "LOOPE" }, { "PFCPIT1", "PFRCPIT1" }, { "PFSQRT", "PFRSQRT" },
	{ "FNDISI", "FDISI" }, { "FDISI8087_NOP", "FDISI" }, { "FENI8087_NOP", "FENI" },
	{ "FNENI", "FENI" }, { "FSETPM287_NOP", "FSETPM" }, { "FNSETPM", "FSETPM" },
	{ "FSTPNCE", "FSTP" }, { "FSTDW", "FNSTSW" },
};

const char *insn_canonical(const char *name)
{
	static const char *const cond[][2] = {
		{ "C", "B" }, { "NB", "AE" }, { "NC", "AE" }, { "Z", "E" }, { "NZ", "NE" },
		{ "NBE", "A" }, { "PE", "P" }, { "PO", "NP" }, { "NL", "GE" }, { "NLE", "G" },
		{ "NA", "BE" }, { "NAE", "B" }, { "NGE", "L" }, { "NG", "LE" },
	};
	static const char *const stems[] = { "J", "SET", "CMOV" };
	static char buf[16], upper[32];
	unsigned int i, j;

	for (i = 0; name[i] && i < sizeof(upper) - 1; i++)
		upper[i] = (char)toupper((unsigned char)name[i]);
	upper[i] = 0;
	name = upper;
	for (i = 0; i < ARRAY_SIZE(aliases); i++)
		if (!strcmp(name, aliases[i][0]))
			return aliases[i][1];
	for (i = 0; i < ARRAY_SIZE(stems); i++) {
		size_t n = strlen(stems[i]);

		if (strncmp(name, stems[i], n))
			continue;
		for (j = 0; j < ARRAY_SIZE(cond); j++) {
			if (strcmp(name + n, cond[j][0]))
				continue;
			snprintf(buf, sizeof(buf), "%s%s", stems[i], cond[j][1]);
			return buf;
		}
	}
	return name;
}
