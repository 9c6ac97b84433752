// SPDX-License-Identifier: GPL-2.0-only
/*
 * MMX, SSE, AES and SHA: operands, checks and exceptions around the stubs.
 *
 * Pure functions over struct exec; takes no locks. SDM volume 1 chapters 9 to
 * 12, volume 2 section 2.4 for the exceptions of each class.
 */
#include "sse.h"

#define CR4_OSXMMEXCPT 0x400ULL

static bool is_mmx(unsigned int kind)
{
	return kind == K_MMX || kind == K_MMXRM;
}

static bool is_xmm(unsigned int kind)
{
	return kind == K_XMM || kind == K_XMMRM;
}

static unsigned int kind_of(const struct exec *x, unsigned int nr)
{
	return OPC_KIND(x->insn->row->op[nr]);
}

static bool uses(const struct exec *x, bool (*what)(unsigned int kind))
{
	return what(kind_of(x, 0)) || what(kind_of(x, 1));
}

static bool names_memory(const struct exec *x, unsigned int nr)
{
	unsigned int kind = kind_of(x, nr);

	return x->insn->prefix & INSN_PFX_MEM &&
	       (kind == K_E || kind == K_XMMRM || kind == K_MMXRM);
}

static unsigned int vector_of(const struct exec *x, unsigned int nr)
{
	switch (kind_of(x, nr)) {
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

/* CVTPI2PD from memory leaves the x87 alone, and AMD's CVTPI2PS does (seen on an EPYC). */
static bool touches_mmx(const struct exec *x)
{
	if (names_memory(x, 1) && (x->insn->id == INSN_OP_CVTPI2PD ||
	    (x->insn->id == INSN_OP_CVTPI2PS && x->cpu->vendor == INSN_VENDOR_AMD)))
		return false;
	return uses(x, is_mmx);
}

static int check(struct exec *x, struct insn_fpu *fpu)
{
	if (!uses(x, is_xmm))
		return mmx_check(x, fpu);
	if (x->cpu->cr0 & CR0_EM || !(x->cpu->cr4 & CR4_OSFXSR))
		return ud(x);
	return x87_check(x, fpu, touches_mmx(x));
}

/* Legacy 16-byte operands are aligned, but for these (AMD's SHA: as seen on an EPYC). */
static bool may_be_misaligned(const struct exec *x)
{
	switch (x->insn->feature) {
	case INSN_F_SHA:
		return x->cpu->vendor == INSN_VENDOR_AMD;
	case INSN_F_SSE42:
		return x->insn->id >= INSN_OP_PCMPESTRM && x->insn->id <= INSN_OP_PCMPISTRI;
	default:
		return false;
	}
}

static int read_memory(struct exec *x, void *data, unsigned int bytes)
{
	if (bytes == 16 && !may_be_misaligned(x))
		TRY(fx_address(x, 16));
	return mem_read(x, x->insn->seg, x->ea, data, bytes, 0);
}

static int load_operands(struct exec *x, const struct insn_fpu *fpu, struct sse_op *op)
{
	unsigned int kind = kind_of(x, 1);

	memset(op, 0, sizeof(*op));
	op->imm = (u8)x->insn->imm;
	op->imm2 = (u8)x->insn->imm2;
	op->fields = (x->insn->row->flags & F_IMM_MASK) == IMM_BB;
	op->mmx = uses(x, is_mmx);
	op->wide = x->insn->opsize == 8;
	op->memory = names_memory(x, 1);
	if (is_mmx(kind_of(x, 0)) || is_xmm(kind_of(x, 0)))
		vector_get(fpu, vector_of(x, 0), op->a, is_mmx(kind_of(x, 0)) ? 8 : 16);
	vector_get(fpu, 0, op->c, 16);
	if (op->memory) {
		u8 *to = kind == K_E ? (u8 *)&op->gpr : op->b;

		return read_memory(x, to, insn_operand_size(x->insn, 1));
	}
	if (is_mmx(kind) || is_xmm(kind))
		vector_get(fpu, vector_of(x, 1), op->b, is_mmx(kind) ? 8 : 16);
	else if (kind == K_E)
		op->gpr = x->cpu->gpr[x->insn->rm];
	else if (kind == K_IMM)
		op->b[0] = op->imm;	/* a shift count */
	return INSN_DONE;
}

static bool is_tiny(const u8 *at, bool wide)
{
	u64 value = 0;

	memcpy(&value, at, wide ? 8 : 4);
	if (wide)
		return !(value & 0x7ff0000000000000ULL) && value & 0x000fffffffffffffULL;
	return !(value & 0x7f800000) && value & 0x007fffff;
}

/* A denormal result: an unmasked underflow is raised for it even if it is exact. */
static bool underflows(const struct sse_op *op, u8 flags)
{
	unsigned int i, n = flags & SSE_PS ? 4 : flags & SSE_PD ? 2 : 1;
	bool wide = flags & (SSE_PD | SSE_SD);

	for (i = 0; i < n; i++)
		if (is_tiny(op->a + i * (wide ? 8 : 4), wide))
			return true;
	return false;
}

/*
 * What the masked run left against the guest's masks. Exceptions of the operands come first, for
 * all elements; then those of the result (SDM volume 1 section 11.5.2). The result is stored only
 * if none is unmasked; the flags are set anyway. PE beside an unmasked overflow or underflow is
 * that of the masked result, which may be inexact where the unmasked one is not.
 */
static int settle(struct exec *x, struct insn_fpu *fpu, const struct sse_op *op, u8 flags)
{
	u32 mxcsr = area_u32(fpu, AREA_MXCSR), unmasked = ~(mxcsr >> 7) & FX_FLAGS;
	u32 raised = op->mxcsr & FX_FLAGS, first = raised & (FX_IE | FX_DE | FX_ZE);

	if (unmasked & FX_UE && flags & SSE_RESULTS && underflows(op, flags))
		raised |= FX_UE;
	if (first & unmasked)
		raised = first;
	area_put(fpu, AREA_MXCSR, mxcsr | raised, 4);
	if (!(raised & unmasked))
		return INSN_DONE;
	if (touches_mmx(x))
		mmx_enter(fpu);
	return x->cpu->cr4 & CR4_OSXMMEXCPT ? raise(x, INSN_EXC_XF, 0) : ud(x);
}

static int run(struct exec *x, struct insn_fpu *fpu, struct sse_op *op, u8 flags, sse_fn before)
{
	u32 mxcsr = area_u32(fpu, AREA_MXCSR);

	if (!(x->cpu->host_features[x->insn->feature >> 6] >> (x->insn->feature & 63) & 1))
		return INSN_UNIMPLEMENTED;
	/* Flush to zero is for masked underflow only. */
	if (!(mxcsr & FX_UE << 7))
		mxcsr &= ~0x8000U;
	/* A reserved bit would be our fault, not the guest's: it cannot have got there. */
	op->mxcsr = (mxcsr & MXCSR_MASK & ~(u32)FX_FLAGS) | FX_FLAGS << 7;
	if (before)
		before(op);
	fpu_run(x, insn_sse_run, op);
	return flags & SSE_FP ? settle(x, fpu, op, flags) : INSN_DONE;
}

static int store(struct exec *x, struct insn_fpu *fpu, const struct sse_op *op, u8 flags)
{
	unsigned int kind = kind_of(x, 0), bytes;

	if (flags & SSE_FLAGS) {
		x->flags &= ~(u64)FL_ARITH;
		x->flags |= (op->carry ? FL_CF : 0) | (op->parity ? FL_PF : 0) |
			    (op->zero ? FL_ZF : 0);
	} else if (kind == K_G) {
		bytes = insn_operand_size(x->insn, 0);
		set_gpr(x, x->insn->reg, bytes == 8 ? 8 : 4, op->gpr);
	} else if (kind == K_E && names_memory(x, 0)) {
		bytes = insn_operand_size(x->insn, 0);
		TRY(mem_write(x, x->insn->seg, x->ea, &op->gpr, bytes, 0));
	} else if (kind == K_E) {
		set_gpr(x, x->insn->rm, op->wide ? 8 : 4, op->gpr);
	} else {
		vector_put(x, fpu, vector_of(x, 0), op->a, is_mmx(kind) ? 8 : 16);
	}
	if (touches_mmx(x))
		mmx_enter(fpu);
	return INSN_DONE;
}

/* MASKMOVQ, MASKMOVDQU: bytes whose mask has its high bit, to DS:rDI. */
static int masked_move(struct exec *x, struct insn_fpu *fpu)
{
	unsigned int i, bytes = is_mmx(kind_of(x, 0)) ? 8 : 16;
	u64 at = x->cpu->gpr[INSN_RDI], mask = mask_of(x->insn->adsize);
	struct sse_op op;
	u8 unused[16];

	TRY(load_operands(x, fpu, &op));
	/* Whether bytes that are masked out fault is the processor's choice: here they do. */
	TRY(mem_read(x, x->insn->seg, at & mask, unused, bytes, INSN_ACC_WRITE | INSN_ACC_PROBE));
	for (i = 0; i < bytes; i++)
		if (op.b[i] & 0x80)
			TRY(mem_write(x, x->insn->seg, (at + i) & mask, &op.a[i], 1, 0));
	if (touches_mmx(x))
		mmx_enter(fpu);
	return INSN_DONE;
}

static const struct sse_stub *stub_of(unsigned int id)
{
	const struct sse_stub *stub = &insn_sse_stubs[id - INSN_OP_SSE_FIRST];

	return stub->xmm || stub->mmx ? stub : NULL;
}

int x_sse(struct exec *x)
{
	unsigned int id = x->insn->id;
	const struct sse_stub *stub = stub_of(id);
	const struct sse_imm *imm = stub ? NULL : insn_sse_imm(id);
	struct insn_fpu fpu;
	struct sse_op op;
	u8 flags;
	bool second;

	if (id == INSN_OP_MOVNTSS || id == INSN_OP_MOVNTSD)
		return x_vector_move(x);
	if (id == INSN_OP_EMMS || id == INSN_OP_FEMMS)
		return x_emms(x);
	TRY(check(x, &fpu));
	if (id == INSN_OP_MASKMOVQ || id == INSN_OP_MASKMOVDQU)
		return masked_move(x, &fpu);
	TRY(load_operands(x, &fpu, &op));
	if (!stub && !imm)
		return insn_sse_strings(x, &fpu, op.a, op.b);
	if (stub) {
		flags = stub->flags;
		/* With a general register the second stub is the 64-bit one. */
		if (flags & SSE_FROM_GPR || (flags & SSE_TO_GPR && flags & SSE_FP))
			second = op.wide;
		else
			second = op.mmx;
		op.fn = second ? stub->mmx : stub->xmm;
		TRY(run(x, &fpu, &op, flags, NULL));
	} else {
		flags = imm->flags;
		if (imm->c) {
			imm->c(&op);
		} else {
			op.fn = insn_sse_imm_stub(imm, op.imm);
			TRY(run(x, &fpu, &op, flags, imm->before));
			if (imm->after)
				imm->after(&op);
		}
	}
	return store(x, &fpu, &op, flags);
}

/* 3DNow!, Key Locker and the dot products are not implemented. */
bool sse_can(const struct insn *insn)
{
	switch (insn->id) {
	case INSN_OP_MOVNTSS: case INSN_OP_MOVNTSD: case INSN_OP_EMMS: case INSN_OP_FEMMS:
	case INSN_OP_MASKMOVQ: case INSN_OP_MASKMOVDQU:
	case INSN_OP_PCMPESTRM: case INSN_OP_PCMPESTRI: case INSN_OP_PCMPISTRM: case INSN_OP_PCMPISTRI:
		return true;
	}
	return stub_of(insn->id) || insn_sse_imm(insn->id);
}
