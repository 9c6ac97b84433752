// SPDX-License-Identifier: GPL-2.0-only
/*
 * Vector moves between registers and memory: what drivers use on device
 * memory. Nothing here computes with them.
 *
 * Pure functions over struct exec; takes no locks. SDM volume 2, page of each,
 * and section 2.4 for their exceptions.
 */
#include "fpu.h"

/* Which bytes of the register a move is about. */
enum part { WHOLE, LOW, HIGH };

struct move {
	u16 id;
	u8 part;
	bool aligned;		/* memory must be aligned to the width: #GP(0) */
	bool merges;		/* a load leaves the other bytes of the register */
};

static const struct move moves[] = {
	{ INSN_OP_MOVUPS, WHOLE, false, false }, { INSN_OP_MOVUPD, WHOLE, false, false },
	{ INSN_OP_MOVAPS, WHOLE, true, false }, { INSN_OP_MOVAPD, WHOLE, true, false },
	{ INSN_OP_MOVDQA, WHOLE, true, false }, { INSN_OP_MOVDQU, WHOLE, false, false },
	{ INSN_OP_LDDQU, WHOLE, false, false }, { INSN_OP_MOVNTPS, WHOLE, true, false },
	{ INSN_OP_MOVNTPD, WHOLE, true, false }, { INSN_OP_MOVNTDQ, WHOLE, true, false },
	{ INSN_OP_MOVNTDQA, WHOLE, true, false }, { INSN_OP_MOVNTQ, WHOLE, false, false },
	{ INSN_OP_MOVD, LOW, false, false }, { INSN_OP_MOVQ, LOW, false, false },
	{ INSN_OP_MOVSS, LOW, false, false }, { INSN_OP_MOVSD, LOW, false, false },
	{ INSN_OP_MOVLPS, LOW, false, true }, { INSN_OP_MOVLPD, LOW, false, true },
	{ INSN_OP_MOVNTSS, LOW, false, false }, { INSN_OP_MOVNTSD, LOW, false, false },
	{ INSN_OP_MOVHPS, HIGH, false, true }, { INSN_OP_MOVHPD, HIGH, false, true },
};

/* SDM volume 2 tables 2-17 to 2-29: what forbids the instruction altogether. */
static int check_enabled(struct exec *x, struct insn_fpu *fpu, bool mmx)
{
	struct insn_cpu *cpu = x->cpu;
	u64 xcr0;

	if (x->insn->enc == INSN_ENC_VEX) {
		if (!(cpu->cr4 & CR4_OSXSAVE) || !cpu->ops->read_xcr)
			return ud(x);
		TRY(cpu->ops->read_xcr(cpu, 0, &xcr0));
		if ((xcr0 & 6) != 6)
			return ud(x);
	} else if (cpu->cr0 & CR0_EM || (!mmx && !(cpu->cr4 & CR4_OSFXSR))) {
		return ud(x);
	}
	if (cpu->cr0 & CR0_TS)
		return raise(x, INSN_EXC_NM, 0);
	return mmx ? mmx_check(x, fpu) : fpu_open(x, fpu);
}

static bool is_vector(unsigned int kind)
{
	return kind == K_XMM || kind == K_XMMRM || kind == K_MMX || kind == K_MMXRM;
}

/* The register that operand @nr names, as vector_read() counts them. */
static unsigned int vector_number(const struct exec *x, unsigned int nr)
{
	switch (OPC_KIND(x->insn->row->op[nr])) {
	case K_XMM:
		return x->insn->reg;
	case K_MMX:
		return MMX_FIRST + (x->insn->reg & 7);
	case K_MMXRM:
		return MMX_FIRST + (x->insn->rm & 7);
	default:
		return x->insn->rm;
	}
}

/* Bytes that are moved: the narrower operand; a VEX.256 form moves 32. */
static unsigned int move_width(const struct exec *x, const struct move *m, bool mmx)
{
	unsigned int a = insn_operand_size(x->insn, 0), b = insn_operand_size(x->insn, 1);

	if (mmx)
		return x->insn->id == INSN_OP_MOVD && (a < 8 || b < 8) ? 4 : 8;
	if (m->part == WHOLE)
		return 16U << x->insn->vl;
	return m->part == HIGH ? 8 : min(a, b);
}

/* Comes before the checks of segment and canonical form: processors say #GP where those say #SS. */
static int check_aligned(struct exec *x, const struct move *m, unsigned int width)
{
	return m->aligned ? fx_address(x, width) : INSN_DONE;
}

static int source(struct exec *x, const struct insn_fpu *fpu, const struct move *m, unsigned int width, u8 *data)
{
	unsigned int kind = OPC_KIND(x->insn->row->op[1]);
	bool mem = x->insn->prefix & INSN_PFX_MEM && (kind == K_E || kind == K_XMMRM || kind == K_MMXRM);
	u8 reg[32];

	if (mem) {
		TRY(check_aligned(x, m, width));
		return mem_read(x, x->insn->seg, x->ea, data, width, 0);
	}
	if (!is_vector(kind)) {
		u64 value = x->cpu->gpr[x->insn->rm];

		memcpy(data, &value, width);
		return INSN_DONE;
	}
	vector_get(fpu, vector_number(x, 1), reg, width > 16 ? 32 : 16);
	memcpy(data, m->part == HIGH ? reg + 8 : reg, width);
	return INSN_DONE;
}

static int destination(struct exec *x, struct insn_fpu *fpu, const struct move *m, unsigned int width, const u8 *data)
{
	unsigned int kind = OPC_KIND(x->insn->row->op[0]), nr;
	bool mem = x->insn->prefix & INSN_PFX_MEM;
	bool from_register = !mem && is_vector(OPC_KIND(x->insn->row->op[1]));
	u8 reg[32] = { 0 };
	u64 value = 0;

	if (mem && kind != K_XMM && kind != K_MMX) {
		TRY(check_aligned(x, m, width));
		return mem_write(x, x->insn->seg, x->ea, data, width, 0);
	}
	if (!is_vector(kind)) {
		memcpy(&value, data, width);
		set_gpr(x, x->insn->rm, width, value);
		return INSN_DONE;
	}
	nr = vector_number(x, 0);
	if (nr >= MMX_FIRST) {
		memcpy(reg, data, width);
		vector_put(x, fpu, nr, reg, 8);
		return INSN_DONE;
	}
	/* MOVSS and MOVSD between registers merge; their loads clear. */
	if (m->merges || (from_register && (m->id == INSN_OP_MOVSS || m->id == INSN_OP_MOVSD)))
		vector_get(fpu, nr, reg, 16);
	memcpy(m->part == HIGH ? reg + 8 : reg, data, width);
	/* VEX clears the upper half of the 256-bit register, legacy encodings leave it. */
	vector_put(x, fpu, nr, reg, x->insn->enc == INSN_ENC_VEX ? 32 : 16);
	return INSN_DONE;
}

int x_vector_move(struct exec *x)
{
	unsigned int k0 = OPC_KIND(x->insn->row->op[0]), k1 = OPC_KIND(x->insn->row->op[1]);
	bool mmx = k0 == K_MMX || k0 == K_MMXRM || k1 == K_MMX || k1 == K_MMXRM;
	unsigned int i, width;
	struct insn_fpu fpu;
	u8 data[32];

	for (i = 0; i < ARRAY_SIZE(moves); i++)
		if (moves[i].id == x->insn->id)
			break;
	if (i == ARRAY_SIZE(moves))
		return INSN_UNIMPLEMENTED;
	TRY(check_enabled(x, &fpu, mmx));
	width = move_width(x, &moves[i], mmx);
	TRY(source(x, &fpu, &moves[i], width, data));
	TRY(destination(x, &fpu, &moves[i], width, data));
	if (mmx)
		mmx_enter(&fpu);
	return INSN_DONE;
}
