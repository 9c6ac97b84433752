// SPDX-License-Identifier: GPL-2.0-only
/*
 * XSAVE, XSAVEOPT, XSAVEC, XSAVES, XRSTOR, XRSTORS on the guest's area.
 *
 * Pure functions over struct exec; takes no locks. SDM volume 1 chapter 13:
 * sections 13.7 to 13.12, one for each instruction.
 */
#include "fpu.h"

#define MSR_XSS		0xda0
#define COMPACTED	(1ULL << 63)
#define HEADER		64

/* An instruction at work. */
struct xs {
	struct insn_fpu fpu;
	u64 allowed;	/* XCR0, with IA32_XSS for the supervisor forms */
	u64 rfbm;	/* requested and allowed */
};

static int open(struct exec *x, struct xs *s, bool supervisor)
{
	struct insn_cpu *cpu = x->cpu;
	u64 xss = 0;

	if (!(cpu->cr4 & CR4_OSXSAVE))
		return ud(x);
	if (cpu->cr0 & CR0_TS)
		return raise(x, INSN_EXC_NM, 0);
	TRY(fx_address(x, 64));
	if (!cpu->ops->read_xcr)
		return INSN_UNIMPLEMENTED;
	TRY(cpu->ops->read_xcr(cpu, 0, &s->allowed));
	if (supervisor && cpu->ops->read_msr)
		TRY(cpu->ops->read_msr(cpu, MSR_XSS, &xss));
	s->allowed |= xss;
	s->rfbm = s->allowed & ((u64)(u32)cpu->gpr[INSN_RDX] << 32 | (u32)cpu->gpr[INSN_RAX]);
	TRY(fpu_open(x, &s->fpu));
	/* The environment lets XCR0 name only what the area holds. */
	return s->rfbm & ~s->fpu.components ? INSN_UNIMPLEMENTED : INSN_DONE;
}

/* Where component @nr stands in memory; @end: after the last one of a compacted area so far. */
static int place(struct exec *x, unsigned int nr, bool compacted, u32 *end, struct xcomponent *c,
		 u32 *at)
{
	TRY(xcomponent(x, nr, c));
	if (!compacted) {
		*at = c->offset;
		if (*end < c->offset + c->size)
			*end = c->offset + c->size;
		return INSN_DONE;
	}
	if (c->aligned)
		*end = (*end + 63) & ~63U;
	*at = *end;
	*end += c->size;
	return INSN_DONE;
}

/* Outside 64-bit mode there are eight vector registers. Bytes of component @nr that count. */
static u32 used_bytes(const struct exec *x, unsigned int nr, const struct xcomponent *c)
{
	if (is_64bit(x))
		return c->size;
	switch (nr) {
	case XC_AVX:
	case XC_ZMM_HIGH:
		return c->size / 2;
	case XC_ZMM_SECOND:
		return 0;
	default:
		return c->size;
	}
}

/* Bytes of memory that an image with the components @mask takes. */
static int extent(struct exec *x, u64 mask, bool compacted, u32 *end)
{
	struct xcomponent c;
	unsigned int i;
	u32 at;

	*end = AREA_EXTENDED;
	for (i = 2; i < 63; i++)
		if (mask & BIT_ULL(i))
			TRY(place(x, i, compacted, end, &c, &at));
	return INSN_DONE;
}

/* Components @which of an image whose layout is that of @layout. */
static int save_extended(struct exec *x, struct xs *s, u64 which, u64 layout, bool compacted)
{
	u32 end = AREA_EXTENDED, at;
	struct xcomponent c;
	unsigned int i;

	for (i = 2; i < 63; i++) {
		if (!(layout & BIT_ULL(i)))
			continue;
		TRY(place(x, i, compacted, &end, &c, &at));
		if (which & BIT_ULL(i))
			TRY(fx_write(x, at, s->fpu.area + c.offset, used_bytes(x, i, &c)));
	}
	return INSN_DONE;
}

/* Plain XSAVE writes components in their initial state as well: zeros, for those after SSE. */
static int save_initial(struct exec *x, u64 which)
{
	static const u8 zero[64];
	struct xcomponent c;
	unsigned int i;
	u32 at, end;

	for (i = 2; i < 63; i++) {
		if (!(which & BIT_ULL(i)))
			continue;
		TRY(xcomponent(x, i, &c));
		end = used_bytes(x, i, &c);
		for (at = 0; at < end; at += 64)
			TRY(fx_write(x, c.offset + at, zero, min(end - at, 64U)));
	}
	return INSN_DONE;
}

static int save(struct exec *x, bool compacted, bool optimised, bool supervisor)
{
	u64 header[2] = { 0, 0 }, in_use, which;
	struct xs s;
	u8 x87[24];
	u32 end;

	TRY(open(x, &s, supervisor));
	in_use = fpu_in_use(&s.fpu) & s.rfbm;
	which = optimised ? in_use : s.rfbm;
	TRY(extent(x, s.rfbm, compacted, &end));
	TRY(fx_probe(x, end, INSN_ACC_WRITE));
	if (!compacted)
		TRY(fx_read(x, AREA_XSTATE_BV, &header[0], 8));
	if (which & BIT(XC_X87)) {
		fx_x87_image(x, &s.fpu, x87);
		TRY(fx_write(x, 0, x87, 24));
		TRY(fx_write(x, AREA_ST, s.fpu.area + AREA_ST, 128));
	}
	if (compacted ? which & BIT(XC_SSE) : s.rfbm & (BIT(XC_SSE) | BIT(XC_AVX))) {
		area_put(&s.fpu, AREA_MXCSR_MASK, MXCSR_MASK, 4);
		TRY(fx_write(x, AREA_MXCSR, s.fpu.area + AREA_MXCSR, 8));
	}
	if (which & BIT(XC_SSE)) {
		fpu_use(&s.fpu, XC_SSE);
		TRY(fx_write(x, AREA_XMM, s.fpu.area + AREA_XMM, is_64bit(x) ? 256 : 128));
	}
	TRY(save_extended(x, &s, which & in_use, s.rfbm, compacted));
	TRY(save_initial(x, which & ~in_use));
	header[0] = (header[0] & ~s.rfbm) | in_use;
	if (!compacted)
		return fx_write(x, AREA_XSTATE_BV, header, 8);
	header[0] = in_use;
	header[1] = s.rfbm | COMPACTED;
	return fx_write(x, AREA_XSTATE_BV, header, 16);
}

int x_xsave(struct exec *x)
{
	switch (x->insn->id) {
	case INSN_OP_XSAVE:
		return save(x, false, false, false);
	case INSN_OP_XSAVEOPT:
		return save(x, false, true, false);
	case INSN_OP_XSAVEC:
		return save(x, true, true, false);
	default:
		return save(x, true, true, true);
	}
}

/* Section 13.8.1 and 13.12: what makes a header #GP(0). */
static bool header_bad(const struct xs *s, const u64 header[8], bool supervisor)
{
	u64 bv = header[0], comp = header[1];
	unsigned int i;

	for (i = 2; i < 8; i++)
		if (header[i])
			return comp & COMPACTED || i == 2;
	if (!(comp & COMPACTED))
		return comp || supervisor || bv & ~s->allowed;
	return (comp & ~COMPACTED & ~s->allowed) || bv & ~comp;
}

static int load_initial(struct exec *x, struct xs *s, unsigned int nr)
{
	struct xcomponent c;

	if (is_64bit(x)) {
		fpu_initialise(&s->fpu, nr);
		return INSN_DONE;
	}
	TRY(xcomponent(x, nr, &c));
	fpu_use(&s->fpu, nr);
	memset(s->fpu.area + c.offset, 0, used_bytes(x, nr, &c));
	return INSN_DONE;
}

static int load_extended(struct exec *x, struct xs *s, u64 bv, u64 layout, bool compacted)
{
	u32 end = AREA_EXTENDED, at;
	struct xcomponent c;
	unsigned int i;

	for (i = 2; i < 63; i++) {
		bool load = s->rfbm & bv & BIT_ULL(i);

		if (layout & BIT_ULL(i)) {
			TRY(place(x, i, compacted, &end, &c, &at));
			if (load) {
				fpu_use(&s->fpu, i);
				TRY(fx_read(x, at, s->fpu.area + c.offset, used_bytes(x, i, &c)));
			}
		}
		if (s->rfbm & BIT_ULL(i) && !load)
			TRY(load_initial(x, s, i));
	}
	return INSN_DONE;
}

static int load_legacy(struct exec *x, struct xs *s, u64 bv, bool compacted, u32 mxcsr)
{
	unsigned int i;
	u8 x87[24];

	if (s->rfbm & BIT(XC_X87)) {
		if (bv & BIT(XC_X87)) {
			TRY(fx_read(x, 0, x87, 24));
			fx_x87_load(x, &s->fpu, x87);
			TRY(fx_read(x, AREA_ST, s->fpu.area + AREA_ST, 128));
			for (i = 0; i < 8; i++)
				memset(s->fpu.area + AREA_ST + i * 16 + 10, 0, 6);
		} else {
			fpu_initialise(&s->fpu, XC_X87);
		}
	}
	if (compacted) {
		if (s->rfbm & BIT(XC_SSE))
			area_put(&s->fpu, AREA_MXCSR, bv & BIT(XC_SSE) ? mxcsr : MXCSR_INIT, 4);
	} else if (s->rfbm & (BIT(XC_SSE) | BIT(XC_AVX))) {
		area_put(&s->fpu, AREA_MXCSR, mxcsr, 4);
	}
	if (!(s->rfbm & BIT(XC_SSE)))
		return INSN_DONE;
	fpu_use(&s->fpu, XC_SSE);
	if (!(bv & BIT(XC_SSE))) {
		memset(s->fpu.area + AREA_XMM, 0, is_64bit(x) ? 256 : 128);
		return INSN_DONE;
	}
	return fx_read(x, AREA_XMM, s->fpu.area + AREA_XMM, is_64bit(x) ? 256 : 128);
}

int x_xrstor(struct exec *x)
{
	bool supervisor = x->insn->id == INSN_OP_XRSTORS, compacted;
	u64 header[8], layout;
	struct xs s;
	u32 mxcsr = MXCSR_INIT, end;

	TRY(open(x, &s, supervisor));
	TRY(fx_probe(x, AREA_EXTENDED, 0));
	TRY(fx_read(x, AREA_XSTATE_BV, header, HEADER));
	if (header_bad(&s, header, supervisor))
		return gp0(x);
	compacted = header[1] & COMPACTED;
	layout = compacted ? header[1] & ~COMPACTED : header[0] & s.rfbm;
	TRY(extent(x, layout, compacted, &end));
	TRY(fx_probe(x, end, 0));
	if (compacted ? s.rfbm & header[0] & BIT(XC_SSE) : s.rfbm & (BIT(XC_SSE) | BIT(XC_AVX)))
		TRY(fx_read(x, AREA_MXCSR, &mxcsr, 4));
	if (mxcsr & ~MXCSR_MASK)
		return gp0(x);
	TRY(load_legacy(x, &s, header[0], compacted, mxcsr));
	return load_extended(x, &s, header[0], layout, compacted);
}
