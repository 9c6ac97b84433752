// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's FPU state in memory: registers, initial states, FXSAVE and
 * FXRSTOR, MXCSR.
 *
 * Pure functions over struct exec; takes no locks. SDM volume 1 chapters 8 to 10
 * and 13, APM volume 2 chapter 11.
 */
#include "fpu.h"

int fpu_open(struct exec *x, struct insn_fpu *fpu)
{
	if (!x->cpu->ops->fpu)
		return INSN_UNIMPLEMENTED;
	return x->cpu->ops->fpu(x->cpu, fpu);
}

u64 fpu_in_use(const struct insn_fpu *fpu)
{
	u64 in_use = 3;

	if (fpu->components)
		in_use = area_u64(fpu, AREA_XSTATE_BV) & fpu->components;
	/* MXCSR is not part of a component, but counts as SSE's. SDM volume 1 section 13.6. */
	if (area_u32(fpu, AREA_MXCSR) != MXCSR_INIT)
		in_use |= BIT(XC_SSE);
	return in_use;
}

static void initial_bytes(struct insn_fpu *fpu, unsigned int nr)
{
	switch (nr) {
	case XC_X87:
		memset(fpu->area, 0, AREA_MXCSR);
		memset(fpu->area + AREA_ST, 0, 128);
		area_put(fpu, AREA_FCW, FCW_INIT, 2);
		break;
	case XC_SSE:
		memset(fpu->area + AREA_XMM, 0, 256);
		break;
	case XC_AVX:
		memset(fpu->area + AREA_YMM, 0, 256);
		break;
	}
}

void fpu_use(struct insn_fpu *fpu, unsigned int nr)
{
	u64 bv = area_u64(fpu, AREA_XSTATE_BV);

	if (!fpu->components || bv & BIT(nr))
		return;
	initial_bytes(fpu, nr);
	area_put(fpu, AREA_XSTATE_BV, bv | BIT(nr), 8);
}

void fpu_initialise(struct insn_fpu *fpu, unsigned int nr)
{
	initial_bytes(fpu, nr);
	if (fpu->components)
		area_put(fpu, AREA_XSTATE_BV, area_u64(fpu, AREA_XSTATE_BV) & ~BIT_ULL(nr), 8);
}

void vector_get(const struct insn_fpu *fpu, unsigned int nr, void *data, unsigned int bytes)
{
	u64 in_use = fpu->components ? area_u64(fpu, AREA_XSTATE_BV) : 3;

	memset(data, 0, bytes);
	if (nr >= MMX_FIRST) {
		/* MMX registers are the physical ones; the area has them by the stack. */
		unsigned int top = area_u16(fpu, AREA_FSW) >> 11 & 7;

		if (in_use & BIT(XC_X87))
			memcpy(data, fpu->area + AREA_ST + ((nr - MMX_FIRST - top) & 7) * 16, 8);
		return;
	}
	if (in_use & BIT(XC_SSE))
		memcpy(data, fpu->area + AREA_XMM + nr * 16, 16);
	if (bytes == 32 && in_use & BIT(XC_AVX))
		memcpy((u8 *)data + 16, fpu->area + AREA_YMM + nr * 16, 16);
}

void mmx_enter(struct insn_fpu *fpu)
{
	fpu_use(fpu, XC_X87);
	x87_set_top(fpu, 0);
	area_put(fpu, AREA_FTW, 0xff, 1);
}

void vector_put(struct exec *x, struct insn_fpu *fpu, unsigned int nr, const void *data,
		unsigned int bytes)
{
	struct xcomponent high;
	u8 *st;

	if (nr >= MMX_FIRST) {
		mmx_enter(fpu);
		st = fpu->area + AREA_ST + (nr - MMX_FIRST) * 16;
		memcpy(st, data, 8);
		memset(st + 8, 0xff, 2);
		return;
	}
	fpu_use(fpu, XC_SSE);
	memcpy(fpu->area + AREA_XMM + nr * 16, data, 16);
	if (bytes < 32 || !(fpu->components & BIT(XC_AVX)))
		return;
	fpu_use(fpu, XC_AVX);
	memcpy(fpu->area + AREA_YMM + nr * 16, (const u8 *)data + 16, 16);
	if (fpu->components & area_u64(fpu, AREA_XSTATE_BV) & BIT(XC_ZMM_HIGH) &&
	    xcomponent(x, XC_ZMM_HIGH, &high) == INSN_DONE)
		memset(fpu->area + high.offset + nr * 32, 0, 32);
}

void fpu_run(struct exec *x, void (*fn)(void *arg), void *arg)
{
	if (x->cpu->ops->fpu_run)
		x->cpu->ops->fpu_run(x->cpu, fn, arg);
	else
		fn(arg);
}

int xcomponent(struct exec *x, unsigned int nr, struct xcomponent *c)
{
	u32 regs[4] = { 0xd, 0, nr, 0 };

	if (!x->cpu->ops->cpuid)
		return INSN_UNIMPLEMENTED;
	TRY(x->cpu->ops->cpuid(x->cpu, regs));
	c->size = regs[0];
	c->offset = regs[1];
	c->aligned = regs[2] & 2;
	return INSN_DONE;
}

/* By the flags, not by ES: the state may come from anywhere. */
static bool x87_pending(const struct insn_fpu *fpu)
{
	return (!fpu->components || area_u64(fpu, AREA_XSTATE_BV) & BIT(XC_X87)) &&
	       area_u16(fpu, AREA_FSW) & ~area_u16(fpu, AREA_FCW) & FX_FLAGS;
}

/* With CR0.NE clear the error goes to the interrupt controller, which is not implemented. */
static int raise_pending(struct exec *x)
{
	return x->cpu->cr0 & CR0_NE ? raise(x, INSN_EXC_MF, 0) : INSN_UNIMPLEMENTED;
}

int x87_check(struct exec *x, struct insn_fpu *fpu, bool waits)
{
	if (x->cpu->cr0 & (CR0_EM | CR0_TS))
		return raise(x, INSN_EXC_NM, 0);
	TRY(fpu_open(x, fpu));
	return waits && x87_pending(fpu) ? raise_pending(x) : INSN_DONE;
}

int mmx_check(struct exec *x, struct insn_fpu *fpu)
{
	if (x->cpu->cr0 & CR0_EM)
		return ud(x);
	return x87_check(x, fpu, true);
}

int x_fwait(struct exec *x)
{
	const u64 both = CR0_MP | CR0_TS;
	struct insn_fpu fpu;

	if ((x->cpu->cr0 & both) == both)
		return raise(x, INSN_EXC_NM, 0);
	if (!x->cpu->ops->fpu)
		return INSN_DONE;
	TRY(fpu_open(x, &fpu));
	return x87_pending(&fpu) ? raise_pending(x) : INSN_DONE;
}

int x_emms(struct exec *x)
{
	struct insn_fpu fpu;

	TRY(mmx_check(x, &fpu));
	mmx_enter(&fpu);
	area_put(&fpu, AREA_FTW, 0, 1);
	return INSN_DONE;
}

/* ------------------------------------------------------------------------ MXCSR */

static int sse_check(struct exec *x, struct insn_fpu *fpu)
{
	if (x->cpu->cr0 & CR0_EM || !(x->cpu->cr4 & CR4_OSFXSR))
		return ud(x);
	if (x->cpu->cr0 & CR0_TS)
		return raise(x, INSN_EXC_NM, 0);
	return fpu_open(x, fpu);
}

int x_ldmxcsr(struct exec *x)
{
	struct insn_fpu fpu;
	u64 value;

	TRY(sse_check(x, &fpu));
	TRY(get_op(x, 0, 4, &value));
	if (value & ~(u64)MXCSR_MASK)
		return gp0(x);
	area_put(&fpu, AREA_MXCSR, value, 4);
	return INSN_DONE;
}

int x_stmxcsr(struct exec *x)
{
	struct insn_fpu fpu;

	TRY(sse_check(x, &fpu));
	return put_op(x, 0, 4, area_u32(&fpu, AREA_MXCSR));
}

/* --------------------------------------------------------------- FXSAVE, FXRSTOR */

/* Where in memory; #GP(0) unless aligned, before the checks of segment and page. */
int fx_address(struct exec *x, unsigned int align)
{
	u64 base = 0;

	if (!is_64bit(x) || x->insn->seg >= INSN_FS) {
		TRY(load_segment_cache(x->cpu, x->insn->seg));
		base = x->cpu->seg[x->insn->seg].base;
	}
	return (base + x->ea) & (align - 1) ? gp0(x) : INSN_DONE;
}

/* One part; alignment is not checked as of other operands, whatever RFLAGS.AC says. */
static int fx_linear(struct exec *x, unsigned int at, unsigned int bytes, bool write, u64 *linear)
{
	return linear_address(x, x->insn->seg, (x->ea + at) & mask_of(x->insn->adsize), bytes,
			      write, linear);
}

/* Every page of an operand, before any of it: all or nothing. */
int fx_probe(struct exec *x, unsigned int bytes, u32 acc)
{
	unsigned int at, part;
	u8 unused[64];
	u64 linear;

	for (at = 0; at < bytes; at += part) {
		part = min(bytes - at, 64U);
		TRY(fx_linear(x, at, part, acc & INSN_ACC_WRITE, &linear));
		TRY(x->cpu->ops->read(x->cpu, linear, unused, part, acc | INSN_ACC_PROBE));
	}
	return INSN_DONE;
}

int fx_read(struct exec *x, unsigned int at, void *to, unsigned int bytes)
{
	unsigned int n, part;
	u64 linear;

	for (n = 0; n < bytes; n += part) {
		part = min(bytes - n, 64U);
		TRY(fx_linear(x, at + n, part, false, &linear));
		TRY(x->cpu->ops->read(x->cpu, linear, (u8 *)to + n, part, 0));
	}
	return INSN_DONE;
}

int fx_write(struct exec *x, unsigned int at, const void *from, unsigned int bytes)
{
	unsigned int n, part;
	u64 linear;

	for (n = 0; n < bytes; n += part) {
		part = min(bytes - n, 64U);
		TRY(fx_linear(x, at + n, part, true, &linear));
		TRY(x->cpu->ops->write(x->cpu, linear, (const u8 *)from + n, part, 0));
	}
	return INSN_DONE;
}

/*
 * The x87 part as this instruction writes it: with REX.W pointers of 64 bits,
 * else of 32 bits and selectors, which new processors give as 0.
 */
void fx_x87_image(struct exec *x, struct insn_fpu *fpu, u8 image[24])
{
	fpu_use(fpu, XC_X87);
	memcpy(image, fpu->area, 24);
	if (!(x->insn->rex & 8)) {
		memset(image + AREA_FIP + 4, 0, 4);
		memset(image + AREA_FDP + 4, 0, 4);
	}
	image[5] = 0;
}

void fx_x87_load(struct exec *x, struct insn_fpu *fpu, const u8 image[24])
{
	fpu_use(fpu, XC_X87);
	memcpy(fpu->area, image, 24);
	fpu->area[5] = 0;
	area_put(fpu, AREA_FOP, area_u16(fpu, AREA_FOP) & 0x7ff, 2);
	if (!(x->insn->rex & 8)) {
		area_put(fpu, AREA_FIP + 4, 0, 4);
		area_put(fpu, AREA_FDP + 4, 0, 4);
	}
	x87_summary(fpu);
}

/* ES and B follow from flags and masks. */
void x87_summary(struct insn_fpu *fpu)
{
	u16 fsw = area_u16(fpu, AREA_FSW), fcw = area_u16(fpu, AREA_FCW) | 0x40;

	fsw &= ~(FSW_ES | FSW_B);
	if (fsw & ~fcw & FX_FLAGS)
		fsw |= FSW_ES | FSW_B;
	area_put(fpu, AREA_FSW, fsw, 2);
	area_put(fpu, AREA_FCW, fcw & 0x1f7f, 2);
}

static bool fast_fx(const struct exec *x)
{
	return x->cpu->efer & EFER_FFXSR && is_64bit(x) && !x->cpu->cpl;
}

static int fx_check(struct exec *x, struct insn_fpu *fpu)
{
	if (x->cpu->cr0 & (CR0_EM | CR0_TS))
		return raise(x, INSN_EXC_NM, 0);
	TRY(fx_address(x, 16));
	return fpu_open(x, fpu);
}

int x_fxsave(struct exec *x)
{
	unsigned int xmm = is_64bit(x) ? 256 : 128;
	struct insn_fpu fpu;
	u8 head[32];

	TRY(fx_check(x, &fpu));
	TRY(fx_probe(x, AREA_LEGACY, INSN_ACC_WRITE));
	fx_x87_image(x, &fpu, head);
	area_put(&fpu, AREA_MXCSR_MASK, MXCSR_MASK, 4);
	memcpy(head + AREA_MXCSR, fpu.area + AREA_MXCSR, 8);
	TRY(fx_write(x, 0, head, 32));
	TRY(fx_write(x, AREA_ST, fpu.area + AREA_ST, 128));
	if (fast_fx(x) || !(x->cpu->cr4 & CR4_OSFXSR))
		return INSN_DONE;
	fpu_use(&fpu, XC_SSE);
	return fx_write(x, AREA_XMM, fpu.area + AREA_XMM, xmm);
}

int x_fxrstor(struct exec *x)
{
	unsigned int xmm = is_64bit(x) ? 256 : 128, i;
	struct insn_fpu fpu;
	u8 head[32];
	u32 mxcsr;

	TRY(fx_check(x, &fpu));
	TRY(fx_probe(x, AREA_LEGACY, 0));
	TRY(fx_read(x, 0, head, 32));
	memcpy(&mxcsr, head + AREA_MXCSR, 4);
	if (x->cpu->cr4 & CR4_OSFXSR && mxcsr & ~MXCSR_MASK)
		return gp0(x);
	fx_x87_load(x, &fpu, head);
	TRY(fx_read(x, AREA_ST, fpu.area + AREA_ST, 128));
	for (i = 0; i < 8; i++)
		memset(fpu.area + AREA_ST + i * 16 + 10, 0, 6);
	if (!(x->cpu->cr4 & CR4_OSFXSR))
		return INSN_DONE;
	area_put(&fpu, AREA_MXCSR, mxcsr, 4);
	if (fast_fx(x))
		return INSN_DONE;
	fpu_use(&fpu, XC_SSE);
	return fx_read(x, AREA_XMM, fpu.area + AREA_XMM, xmm);
}
