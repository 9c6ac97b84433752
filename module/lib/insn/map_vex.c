// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VEX forms that have rows: the general-register ones (BMI1, BMI2).
 *
 * Constant data; takes no locks. SDM volume 2 chapter 2.3 and the pages of the
 * instructions. Every other VEX form is decoded for its length only.
 */
#include "row.h"

#define VGPR(feat, name, a, b, c, fl) RF(feat, name, a, b, c, WO | L0 | (fl))

static const struct insn_row row_38f2[4] = {
	VGPR(BMI1, ANDN, Gy, By, Ey, 0), UDM, UDM, UDM,
};

static const struct insn_row row_38f3[4] = {
	REG8(UDM, VGPR(BMI1, BLSR, By, Ey, __, 0), VGPR(BMI1, BLSMSK, By, Ey, __, 0),
	     VGPR(BMI1, BLSI, By, Ey, __, 0), UDM, UDM, UDM, UDM), UDM, UDM, UDM,
};

static const struct insn_row row_38f5[4] = {
	VGPR(BMI2, BZHI, Gy, Ey, By, 0), UDM,
	VGPR(BMI2, PEXT, Gy, By, Ey, 0), VGPR(BMI2, PDEP, Gy, By, Ey, 0),
};

static const struct insn_row row_38f6[4] = {
	UDM, UDM, UDM, VGPR(BMI2, MULX, Gy, By, Ey, 0),
};

static const struct insn_row row_38f7[4] = {
	VGPR(BMI1, BEXTR, Gy, Ey, By, 0), VGPR(BMI2, SHLX, Gy, Ey, By, 0),
	VGPR(BMI2, SARX, Gy, Ey, By, 0), VGPR(BMI2, SHRX, Gy, Ey, By, 0),
};

static const struct insn_row row_3af0[4] = {
	UDM, UDM, UDM, VGPR(BMI2, RORX, Gy, Ey, Ib, V1111),
};

const struct insn_row *insn_vex_row(u8 map, u8 opcode, u8 pp)
{
	switch (map << 8 | opcode) {
	case 0x2f2:
		return &row_38f2[pp];
	case 0x2f3:
		return &row_38f3[pp];
	case 0x2f5:
		return &row_38f5[pp];
	case 0x2f6:
		return &row_38f6[pp];
	case 0x2f7:
		return &row_38f7[pp];
	case 0x3f0:
		return &row_3af0[pp];
	default:
		return NULL;
	}
}
