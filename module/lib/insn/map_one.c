// SPDX-License-Identifier: GPL-2.0-only
/*
 * The one-byte opcode map: 256 rows, by the byte after the prefixes.
 *
 * Constant data; takes no locks. SDM volume 2 table A-2, APM volume 3 table A-1.
 */
#include "row.h"

/* The six encodings of a two-operand arithmetic instruction. */
#define ALU6(name, fl)					\
	R(name, Eb, Gb, __, fl),			\
	R(name, Ev, Gv, __, fl),			\
	R(name, Gb, Eb, __, (fl) & ~LK),		\
	R(name, Gv, Ev, __, (fl) & ~LK),		\
	R(name, rAL, Ib, __, (fl) & ~LK),		\
	R(name, rAX, Iz, __, (fl) & ~LK)

/* Group 1: arithmetic with an immediate. */
#define GROUP1(E, I, fl)				\
	REG8(R(ADD, E, I, __, RW | LK | (fl)),		\
	     R(OR,  E, I, __, RW | LK | (fl)),		\
	     R(ADC, E, I, __, RW | LK | (fl)),		\
	     R(SBB, E, I, __, RW | LK | (fl)),		\
	     R(AND, E, I, __, RW | LK | (fl)),		\
	     R(SUB, E, I, __, RW | LK | (fl)),		\
	     R(XOR, E, I, __, RW | LK | (fl)),		\
	     R(CMP, E, I, __, fl))

/* Group 2: rotates and shifts; /6 is SHL once more. */
#define GROUP2(E, C)					\
	REG8(R(ROL, E, C, __, RW), R(ROR, E, C, __, RW),	\
	     R(RCL, E, C, __, RW), R(RCR, E, C, __, RW),	\
	     R(SHL, E, C, __, RW), R(SHR, E, C, __, RW),	\
	     R(SHL, E, C, __, RW), R(SAR, E, C, __, RW))

/* Group 3: /1 is TEST once more. */
#define GROUP3(E, I)					\
	REG8(R(TEST, E, I, __, 0), R(TEST, E, I, __, 0),	\
	     R(NOT, E, __, __, RW | LK), R(NEG, E, __, __, RW | LK), \
	     R(MUL, E, __, __, 0), R(IMUL1, E, __, __, 0),	\
	     R(DIV, E, __, __, 0), R(IDIV, E, __, __, 0))

#define EIGHT(row) row, row, row, row, row, row, row, row

const struct insn_row insn_map_one[256] = {
/* 00 */ ALU6(ADD, RW | LK),
/* 06 */ R(PUSH_SEG, sES, __, __, N64),
/* 07 */ R(POP_SEG, sES, __, __, N64),
/* 08 */ ALU6(OR, RW | LK),
/* 0e */ R(PUSH_SEG, sCS, __, __, N64),
/* 0f */ NEXT(insn_map_0f),
/* 10 */ ALU6(ADC, RW | LK),
/* 16 */ R(PUSH_SEG, sSS, __, __, N64),
/* 17 */ R(POP_SEG, sSS, __, __, N64),
/* 18 */ ALU6(SBB, RW | LK),
/* 1e */ R(PUSH_SEG, sDS, __, __, N64),
/* 1f */ R(POP_SEG, sDS, __, __, N64),
/* 20 */ ALU6(AND, RW | LK),
/* 26 */ PREFIX,
/* 27 */ R(DAA, __, __, __, N64),
/* 28 */ ALU6(SUB, RW | LK),
/* 2e */ PREFIX,
/* 2f */ R(DAS, __, __, __, N64),
/* 30 */ ALU6(XOR, RW | LK),
/* 36 */ PREFIX,
/* 37 */ R(AAA, __, __, __, N64),
/* 38 */ ALU6(CMP, 0),
/* 3e */ PREFIX,
/* 3f */ R(AAS, __, __, __, N64),
/* 40 */ EIGHT(LONG2(R(INC, Zv, __, __, RW), PREFIX)),
/* 48 */ EIGHT(LONG2(R(DEC, Zv, __, __, RW), PREFIX)),
/* 50 */ EIGHT(R(PUSH, Zv, __, __, D64)),
/* 58 */ EIGHT(R(POP, Zv, __, __, WO | D64)),
/* 60 */ R(PUSHA, __, __, __, N64),
/* 61 */ R(POPA, __, __, __, N64),
/* 62 */ VEXESC(R(BOUND, Gv, Ma, __, N64)),
/* 63 */ LONG2(R(ARPL, Ew, Gw, __, RW | PM), R(MOVSXD, Gv, Ez, __, WO)),
/* 64 */ PREFIX,
/* 65 */ PREFIX,
/* 66 */ PREFIX,
/* 67 */ PREFIX,
/* 68 */ R(PUSH, Iz, __, __, D64),
/* 69 */ R(IMUL, Gv, Ev, Iz, WO),
/* 6a */ R(PUSH, Ib, __, __, D64),
/* 6b */ R(IMUL, Gv, Ev, Ib, WO),
/* 6c */ R(INS, Yb, rDX, __, WO),
/* 6d */ R(INS, Yz, rDX, __, WO),
/* 6e */ R(OUTS, rDX, Xb, __, 0),
/* 6f */ R(OUTS, rDX, Xz, __, 0),
/* 70 */ EIGHT(R(JCC, Jb, __, __, BR)),
/* 78 */ EIGHT(R(JCC, Jb, __, __, BR)),
/* 80 */ GROUP1(Eb, Ib, 0),
/* 81 */ GROUP1(Ev, Iz, 0),
/* 82 */ GROUP1(Eb, Ib, N64),
/* 83 */ GROUP1(Ev, Ib, 0),
/* 84 */ R(TEST, Eb, Gb, __, 0),
/* 85 */ R(TEST, Ev, Gv, __, 0),
/* 86 */ R(XCHG, Eb, Gb, __, RW | LK),
/* 87 */ R(XCHG, Ev, Gv, __, RW | LK),
/* 88 */ R(MOV, Eb, Gb, __, WO),
/* 89 */ R(MOV, Ev, Gv, __, WO),
/* 8a */ R(MOV, Gb, Eb, __, WO),
/* 8b */ R(MOV, Gv, Ev, __, WO),
/* 8c */ R(MOV_FROM_SEG, Ev, Sw, __, WO),
/* 8d */ R(LEA, Gv, M_, __, WO),
/* 8e */ R(MOV_TO_SEG, Sw, Ew, __, WO | NOCS),
/* 8f */ VEXESC(REG8(R(POP, Ev, __, __, WO | D64), UDM, UDM, UDM, UDM, UDM, UDM, UDM)),
/* 90 */ REXB2(PFX4(R(NOP, __, __, __, 0), R(NOP, __, __, __, 0),
		    R(PAUSE, __, __, __, 0), R(NOP, __, __, __, 0)),
	       R(XCHG, Zv, rAX, __, RW)),
/* 91 */ R(XCHG, Zv, rAX, __, RW),
/* 92 */ R(XCHG, Zv, rAX, __, RW),
/* 93 */ R(XCHG, Zv, rAX, __, RW),
/* 94 */ R(XCHG, Zv, rAX, __, RW),
/* 95 */ R(XCHG, Zv, rAX, __, RW),
/* 96 */ R(XCHG, Zv, rAX, __, RW),
/* 97 */ R(XCHG, Zv, rAX, __, RW),
/* 98 */ R(CBW, __, __, __, 0),
/* 99 */ R(CWD, __, __, __, 0),
/* 9a */ R(CALL_FAR, Ap, __, __, N64),
/* 9b */ RF(FPU, FWAIT, __, __, __, 0),
/* 9c */ R(PUSHF, __, __, __, D64),
/* 9d */ R(POPF, __, __, __, D64),
/* 9e */ R(SAHF, __, __, __, 0),
/* 9f */ R(LAHF, __, __, __, 0),
/* a0 */ R(MOV, rAL, Ob, __, WO),
/* a1 */ R(MOV, rAX, Ov, __, WO),
/* a2 */ R(MOV, Ob, rAL, __, WO),
/* a3 */ R(MOV, Ov, rAX, __, WO),
/* a4 */ R(MOVS, Yb, Xb, __, WO),
/* a5 */ R(MOVS, Yv, Xv, __, WO),
/* a6 */ R(CMPS, Xb, Yb, __, 0),
/* a7 */ R(CMPS, Xv, Yv, __, 0),
/* a8 */ R(TEST, rAL, Ib, __, 0),
/* a9 */ R(TEST, rAX, Iz, __, 0),
/* aa */ R(STOS, Yb, rAL, __, WO),
/* ab */ R(STOS, Yv, rAX, __, WO),
/* ac */ R(LODS, rAL, Xb, __, WO),
/* ad */ R(LODS, rAX, Xv, __, WO),
/* ae */ R(SCAS, rAL, Yb, __, 0),
/* af */ R(SCAS, rAX, Yv, __, 0),
/* b0 */ EIGHT(R(MOV, Zb, Ib, __, WO)),
/* b8 */ EIGHT(R(MOV, Zv, Iv, __, WO)),
/* c0 */ GROUP2(Eb, Ib),
/* c1 */ GROUP2(Ev, Ib),
/* c2 */ R(RET, Iw, __, __, BR),
/* c3 */ R(RET, __, __, __, BR),
/* c4 */ VEXESC(R(LES, Gz, Mp, __, N64)),
/* c5 */ VEXESC(R(LDS, Gz, Mp, __, N64)),
/* c6 */ REG8(R(MOV, Eb, Ib, __, WO), UDM, UDM, UDM, UDM, UDM, UDM,
	      MOD2(UDM, RM8(RF(RTM, XABORT, Ib, __, __, 0)))),
/* c7 */ REG8(R(MOV, Ev, Iz, __, WO), UDM, UDM, UDM, UDM, UDM, UDM,
	      MOD2(UDM, RM8(RF(RTM, XBEGIN, Jz, __, __, 0)))),
/* c8 */ R(ENTER, IwIb, __, __, D64),
/* c9 */ R(LEAVE, __, __, __, D64),
/* ca */ R(RET_FAR, Iw, __, __, 0),
/* cb */ R(RET_FAR, __, __, __, 0),
/* cc */ R(INT3, __, __, __, 0),
/* cd */ R(INT, Ib, __, __, 0),
/* ce */ R(INTO, __, __, __, N64),
/* cf */ R(IRET, __, __, __, 0),
/* d0 */ GROUP2(Eb, One),
/* d1 */ GROUP2(Ev, One),
/* d2 */ GROUP2(Eb, rCL),
/* d3 */ GROUP2(Ev, rCL),
/* d4 */ R(AAM, Ib, __, __, N64),
/* d5 */ R(AAD, Ib, __, __, N64),
/* d6 */ R(SALC, __, __, __, N64),
/* d7 */ R(XLAT, __, __, __, 0),
/* d8 */ EIGHT(LOW8(insn_map_x87)),
/* e0 */ R(LOOPNE, Jb, __, __, BR),
/* e1 */ R(LOOPE, Jb, __, __, BR),
/* e2 */ R(LOOP, Jb, __, __, BR),
/* e3 */ R(JCXZ, Jb, __, __, BR),
/* e4 */ R(IN, rAL, Ib, __, WO),
/* e5 */ R(IN, eAX, Ib, __, WO),
/* e6 */ R(OUT, Ib, rAL, __, 0),
/* e7 */ R(OUT, Ib, eAX, __, 0),
/* e8 */ R(CALL, Jz, __, __, BR),
/* e9 */ R(JMP, Jz, __, __, BR),
/* ea */ R(JMP_FAR, Ap, __, __, N64),
/* eb */ R(JMP, Jb, __, __, BR),
/* ec */ R(IN, rAL, rDX, __, WO),
/* ed */ R(IN, eAX, rDX, __, WO),
/* ee */ R(OUT, rDX, rAL, __, 0),
/* ef */ R(OUT, rDX, eAX, __, 0),
/* f0 */ PREFIX,
/* f1 */ R(INT1, __, __, __, 0),
/* f2 */ PREFIX,
/* f3 */ PREFIX,
/* f4 */ R(HLT, __, __, __, CPL0),
/* f5 */ R(CMC, __, __, __, 0),
/* f6 */ GROUP3(Eb, Ib),
/* f7 */ GROUP3(Ev, Iz),
/* f8 */ R(CLC, __, __, __, 0),
/* f9 */ R(STC, __, __, __, 0),
/* fa */ R(CLI, __, __, __, 0),
/* fb */ R(STI, __, __, __, 0),
/* fc */ R(CLD, __, __, __, 0),
/* fd */ R(STD, __, __, __, 0),
/* fe */ REG8(R(INC, Eb, __, __, RW | LK), R(DEC, Eb, __, __, RW | LK),
	      UDM, UDM, UDM, UDM, UDM, UDM),
/* ff */ REG8(R(INC, Ev, __, __, RW | LK), R(DEC, Ev, __, __, RW | LK),
	      R(CALL, Ev, __, __, BR), R(CALL_FAR, Mp, __, __, 0),
	      R(JMP, Ev, __, __, BR), R(JMP_FAR, Mp, __, __, 0),
	      R(PUSH, Ev, __, __, D64), UDM),
};
