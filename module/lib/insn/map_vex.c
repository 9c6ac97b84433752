// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VEX forms that have rows: the general-register ones (BMI1, BMI2) and the
 * moves that drivers use on device memory.
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

/* Moves. Three-operand forms stand as "not implemented", NI. */
#define VMOVE(name, a, b, fl) RF(AVX, name, a, b, __, WO | V1111 | (fl))
#define NI { .id = INSN_OP_VEX, .flags = F_MODRM }
#define VPAIR(n, p, a, b) VMOVE(n, a, b, 0), VMOVE(p, a, b, 0), UDM, UDM

static const struct insn_row row_10[4] = {
	VMOVE(MOVUPS, Vx, Wx, 0), VMOVE(MOVUPD, Vx, Wx, 0),
	MOD2(VMOVE(MOVSS, Vd, Wd, 0), NI), MOD2(VMOVE(MOVSD, Vq, Wq, 0), NI),
};

static const struct insn_row row_11[4] = {
	VMOVE(MOVUPS, Wx, Vx, 0), VMOVE(MOVUPD, Wx, Vx, 0),
	MOD2(VMOVE(MOVSS, Wd, Vd, 0), NI), MOD2(VMOVE(MOVSD, Wq, Vq, 0), NI),
};

static const struct insn_row row_13[4] = {
	VMOVE(MOVLPS, Mq, Vq, L0), VMOVE(MOVLPD, Mq, Vq, L0), UDM, UDM,
};

static const struct insn_row row_17[4] = {
	VMOVE(MOVHPS, Mq, Vx, L0), VMOVE(MOVHPD, Mq, Vx, L0), UDM, UDM,
};

static const struct insn_row row_28[4] = { VPAIR(MOVAPS, MOVAPD, Vx, Wx) };
static const struct insn_row row_29[4] = { VPAIR(MOVAPS, MOVAPD, Wx, Vx) };
static const struct insn_row row_2b[4] = { VPAIR(MOVNTPS, MOVNTPD, Mx, Vx) };
static const struct insn_row row_6e[4] = { UDM, VMOVE(MOVD, Vx, Ey, L0), UDM, UDM };
static const struct insn_row row_6f[4] = {
	UDM, VMOVE(MOVDQA, Vx, Wx, 0), VMOVE(MOVDQU, Vx, Wx, 0), UDM,
};

static const struct insn_row row_7e[4] = {
	UDM, VMOVE(MOVD, Ey, Vx, L0), VMOVE(MOVQ, Vq, Wq, L0), UDM,
};

static const struct insn_row row_7f[4] = {
	UDM, VMOVE(MOVDQA, Wx, Vx, 0), VMOVE(MOVDQU, Wx, Vx, 0), UDM,
};

static const struct insn_row row_d6[4] = { UDM, VMOVE(MOVQ, Wq, Vq, L0), UDM, UDM };
static const struct insn_row row_e7[4] = { UDM, VMOVE(MOVNTDQ, Mx, Vx, 0), UDM, UDM };
static const struct insn_row row_f0[4] = { UDM, UDM, UDM, VMOVE(LDDQU, Vx, Mx, 0) };
/* The 256-bit form came with AVX2; who has it has AVX. */
static const struct insn_row row_382a[4] = {
	UDM, VMOVE(MOVNTDQA, Vx, Mx, 0), UDM, UDM,
};

static const struct {
	u16 opcode;	/* map and opcode */
	const struct insn_row *rows;
} vex_moves[] = {
	{ 0x110, row_10 }, { 0x111, row_11 }, { 0x113, row_13 }, { 0x117, row_17 }, { 0x128, row_28 },
	{ 0x129, row_29 }, { 0x12b, row_2b }, { 0x16e, row_6e }, { 0x16f, row_6f }, { 0x17e, row_7e },
	{ 0x17f, row_7f }, { 0x1d6, row_d6 }, { 0x1e7, row_e7 }, { 0x1f0, row_f0 },
	{ 0x22a, row_382a },
};

static const struct insn_row *vex_move(u16 opcode, u8 pp)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vex_moves); i++)
		if (vex_moves[i].opcode == opcode)
			return &vex_moves[i].rows[pp];
	return NULL;
}

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
		return vex_move((u16)(map << 8 | opcode), pp);
	}
}
