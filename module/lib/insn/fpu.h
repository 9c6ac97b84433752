/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's x87, MMX, SSE and AVX registers, as the executor sees them: an
 * XSAVE area in standard form that the environment hands out (insn_ops.fpu).
 *
 * Components that XSTATE_BV says are in their initial state hold anything; the
 * functions below hide that. Without XSAVE (components 0) the legacy region is
 * always valid.
 */
#ifndef FERRY_LIB_INSN_FPU_H
#define FERRY_LIB_INSN_FPU_H

#include "exec.h"

/* Places in the area. SDM volume 1 sections 10.5.1 and 13.4. */
#define AREA_FCW	0
#define AREA_FSW	2
#define AREA_FTW	4		/* one bit for each physical register: not empty */
#define AREA_FOP	6
#define AREA_FIP	8
#define AREA_FDP	16
#define AREA_MXCSR	24
#define AREA_MXCSR_MASK	28
#define AREA_ST		32		/* ST0 first */
#define AREA_XMM	160
#define AREA_LEGACY	512
#define AREA_XSTATE_BV	512
#define AREA_XCOMP_BV	520
#define AREA_EXTENDED	576
#define AREA_YMM	576

#define MXCSR_INIT	0x1f80
#define MXCSR_MASK	0xffff
#define FCW_INIT	0x037f

/* FSW and MXCSR: exception flags; the masks stand 7 bits higher in MXCSR, and alone in FCW. */
#define FX_IE		0x01
#define FX_DE		0x02
#define FX_ZE		0x04
#define FX_OE		0x08
#define FX_UE		0x10
#define FX_PE		0x20
#define FX_FLAGS	0x3f
#define FSW_SF		0x0040
#define FSW_ES		0x0080
#define FSW_B		0x8000
#define FSW_TOP		0x3800

#define XC_X87		0
#define XC_SSE		1
#define XC_AVX		2
#define XC_ZMM_HIGH	6
#define XC_ZMM_SECOND	7

#define MMX_FIRST	32		/* vector numbers: 0-15 XMM or YMM, 32-39 MMX */

static inline u16 area_u16(const struct insn_fpu *fpu, unsigned int at)
{
	u16 value;

	memcpy(&value, fpu->area + at, 2);
	return value;
}

static inline u32 area_u32(const struct insn_fpu *fpu, unsigned int at)
{
	u32 value;

	memcpy(&value, fpu->area + at, 4);
	return value;
}

static inline u64 area_u64(const struct insn_fpu *fpu, unsigned int at)
{
	u64 value;

	memcpy(&value, fpu->area + at, 8);
	return value;
}

static inline void area_put(struct insn_fpu *fpu, unsigned int at, u64 value, unsigned int bytes)
{
	memcpy(fpu->area + at, &value, bytes);
}

/* The area; INSN_UNIMPLEMENTED where the environment has none. */
int fpu_open(struct exec *x, struct insn_fpu *fpu);
/* Components that are not in their initial state (XINUSE). */
u64 fpu_in_use(const struct insn_fpu *fpu);
/* Component @nr is about to be read as bytes or changed: give it its initial form if it has none. */
void fpu_use(struct insn_fpu *fpu, unsigned int nr);
/* Put @nr of x87, SSE and AVX into its initial state; others by clearing XSTATE_BV. */
void fpu_initialise(struct insn_fpu *fpu, unsigned int nr);

/* 16 or 32 bytes of XMM/YMM register @nr, or 8 of MMX register @nr - MMX_FIRST. */
void vector_get(const struct insn_fpu *fpu, unsigned int nr, void *data, unsigned int bytes);
/* 16: the rest of the register stays; 32: what lies above becomes zero; 8: MMX. */
void vector_put(struct exec *x, struct insn_fpu *fpu, unsigned int nr, const void *data,
		unsigned int bytes);
/* An MMX instruction was executed: top of stack 0, all registers in use. SDM volume 1 9.5.1. */
void mmx_enter(struct insn_fpu *fpu);

/* #UD, #NM; then #MF if an exception is pending and @waits. */
int x87_check(struct exec *x, struct insn_fpu *fpu, bool waits);
/* MMX: as x87, but #UD under CR0.EM. */
int mmx_check(struct exec *x, struct insn_fpu *fpu);

/* Where component @nr is in the standard form, and how large; from the guest's CPUID. */
struct xcomponent {
	u32 size, offset;
	bool aligned;
};
int xcomponent(struct exec *x, unsigned int nr, struct xcomponent *c);

/* Run @fn where the host's vector and x87 registers may be used. */
void fpu_run(struct exec *x, void (*fn)(void *arg), void *arg);

/* Memory of the save instructions: alignment, a probe of all of it, and its parts. */
int fx_address(struct exec *x, unsigned int align);
int fx_probe(struct exec *x, unsigned int bytes, u32 acc);
int fx_read(struct exec *x, unsigned int at, void *to, unsigned int bytes);
int fx_write(struct exec *x, unsigned int at, const void *from, unsigned int bytes);
void fx_x87_image(struct exec *x, struct insn_fpu *fpu, u8 image[24]);
void fx_x87_load(struct exec *x, struct insn_fpu *fpu, const u8 image[24]);
void x87_summary(struct insn_fpu *fpu);
void x87_set_top(struct insn_fpu *fpu, unsigned int top);

int x_x87(struct exec *x);
int x_sse(struct exec *x);
bool sse_can(const struct insn *insn);

#endif /* FERRY_LIB_INSN_FPU_H */
