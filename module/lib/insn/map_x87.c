// SPDX-License-Identifier: GPL-2.0-only
/*
 * x87 opcodes D8 to DF: by the opcode's low bits, memory or register, ModRM.reg.
 *
 * Constant data; takes no locks. SDM volume 2 section A.5, APM volume 3 table
 * Encodings the 8087 and 287 left as aliases are listed where processors
 * still execute them.
 */
#include "row.h"

#define X(name, a, b, fl) RF(FPU, name, a, b, __, fl)
#define X0(name) RF(FPU, name, __, __, __, F_MODRM)
#define ARITH(M)	X(FADD, M, __, 0), X(FMUL, M, __, 0), X(FCOM, M, __, 0), X(FCOMP, M, __, 0), \
			X(FSUB, M, __, 0), X(FSUBR, M, __, 0), X(FDIV, M, __, 0), X(FDIVR, M, __, 0)
#define IARITH(M)	X(FIADD, M, __, 0), X(FIMUL, M, __, 0), X(FICOM, M, __, 0), X(FICOMP, M, __, 0), \
			X(FISUB, M, __, 0), X(FISUBR, M, __, 0), X(FIDIV, M, __, 0), X(FIDIVR, M, __, 0)
#define FCMOV(name) RF(CMOV, name, ST0, STi, __, 0)
#define ONLY0(row) RM8(row, UDM, UDM, UDM, UDM, UDM, UDM, UDM)

const struct insn_row insn_map_x87[8] = {
/* d8 */ MOD2(REG8(ARITH(Md)),
	      REG8(X(FADD, ST0, STi, 0), X(FMUL, ST0, STi, 0), X(FCOM, ST0, STi, 0), X(FCOMP, ST0, STi, 0),
		   X(FSUB, ST0, STi, 0), X(FSUBR, ST0, STi, 0), X(FDIV, ST0, STi, 0), X(FDIVR, ST0, STi, 0))),
/* d9 */ MOD2(REG8(X(FLD, Md, __, 0), UDM, X(FST, Md, __, WO), X(FSTP, Md, __, WO),
		   X(FLDENV, M_, __, 0), X(FLDCW, Mw, __, 0), X(FNSTENV, M_, __, WO), X(FNSTCW, Mw, __, WO)),
	      REG8(X(FLD, STi, __, 0), X(FXCH, ST0, STi, 0), ONLY0(X0(FNOP)), X(FSTP, STi, __, 0),
		   RM8(X0(FCHS), X0(FABS), UDM, UDM, X0(FTST), X0(FXAM), UDM, UDM),
		   RM8(X0(FLD1), X0(FLDL2T), X0(FLDL2E), X0(FLDPI), X0(FLDLG2), X0(FLDLN2), X0(FLDZ), UDM),
		   RM8(X0(F2XM1), X0(FYL2X), X0(FPTAN), X0(FPATAN), X0(FXTRACT), X0(FPREM1), X0(FDECSTP), X0(FINCSTP)),
		   RM8(X0(FPREM), X0(FYL2XP1), X0(FSQRT), X0(FSINCOS), X0(FRNDINT), X0(FSCALE), X0(FSIN), X0(FCOS)))),
/* da */ MOD2(REG8(IARITH(Md)),
	      REG8(FCMOV(FCMOVB), FCMOV(FCMOVE), FCMOV(FCMOVBE), FCMOV(FCMOVU), UDM,
		   RM8(UDM, X0(FUCOMPP), UDM, UDM, UDM, UDM, UDM, UDM), UDM, UDM)),
/* db */ MOD2(REG8(X(FILD, Md, __, 0), RF(SSE3, FISTTP, Md, __, __, WO), X(FIST, Md, __, WO), X(FISTP, Md, __, WO),
		   UDM, X(FLD, Mt, __, 0), UDM, X(FSTP, Mt, __, WO)),
	      REG8(FCMOV(FCMOVNB), FCMOV(FCMOVNE), FCMOV(FCMOVNBE), FCMOV(FCMOVNU),
		   RM8(X0(FENI), X0(FDISI), X0(FNCLEX), X0(FNINIT), X0(FSETPM), UDM, UDM, UDM),
		   RF(CMOV, FUCOMI, ST0, STi, __, 0), RF(CMOV, FCOMI, ST0, STi, __, 0), UDM)),
/* dc */ MOD2(REG8(ARITH(Mq)),
	      REG8(X(FADD, STi, ST0, 0), X(FMUL, STi, ST0, 0), X(FCOM, STi, ST0, 0), X(FCOMP, STi, ST0, 0),
		   X(FSUBR, STi, ST0, 0), X(FSUB, STi, ST0, 0), X(FDIVR, STi, ST0, 0), X(FDIV, STi, ST0, 0))),
/* dd */ MOD2(REG8(X(FLD, Mq, __, 0), RF(SSE3, FISTTP, Mq, __, __, WO), X(FST, Mq, __, WO), X(FSTP, Mq, __, WO),
		   X(FRSTOR, M_, __, 0), UDM, X(FNSAVE, M_, __, WO), X(FNSTSW, Mw, __, WO)),
	      REG8(X(FFREE, STi, __, 0), X(FXCH, STi, ST0, 0), X(FST, STi, __, 0), X(FSTP, STi, __, 0),
		   X(FUCOM, ST0, STi, 0), X(FUCOMP, ST0, STi, 0), UDM, UDM)),
/* de */ MOD2(REG8(IARITH(Mw)),
	      REG8(X(FADDP, STi, ST0, 0), X(FMULP, STi, ST0, 0), X(FCOMP, STi, ST0, 0),
		   RM8(UDM, X0(FCOMPP), UDM, UDM, UDM, UDM, UDM, UDM),
		   X(FSUBRP, STi, ST0, 0), X(FSUBP, STi, ST0, 0), X(FDIVRP, STi, ST0, 0), X(FDIVP, STi, ST0, 0))),
/* df */ MOD2(REG8(X(FILD, Mw, __, 0), RF(SSE3, FISTTP, Mw, __, __, WO), X(FIST, Mw, __, WO), X(FISTP, Mw, __, WO),
		   X(FBLD, Mt, __, 0), X(FILD, Mq, __, 0), X(FBSTP, Mt, __, WO), X(FISTP, Mq, __, WO)),
	      REG8(X(FFREEP, STi, __, 0), X(FXCH, STi, ST0, 0), X(FSTP, STi, __, 0), X(FSTP, STi, __, 0),
		   RM8(X0(FNSTSW_AX), UDM, UDM, UDM, UDM, UDM, UDM, UDM),
		   RF(CMOV, FUCOMIP, ST0, STi, __, 0), RF(CMOV, FCOMIP, ST0, STi, __, 0), UDM)),
};
