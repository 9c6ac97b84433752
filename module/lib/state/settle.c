// SPDX-License-Identifier: GPL-2.0-only
/*
 * Segment registers as both vendors' CPUs take them; see settle.h.
 *
 * Pure functions; takes no locks. SDM 3.4.5 and 26.3.1.2, APM 4.7, 4.8 and 15.5.1.
 */
#include "settle.h"

#define KNOWN (0x0fff | FERRY_SEG_UNUSABLE)

/* Types: of code and data, and of system segments (SDM tables 3-1 and 3-2). */
#define ACCESSED 1
#define WRITABLE 2 /* data; of code: readable */
#define EXPAND_DOWN 4
#define CONFORMING 4
#define CODE 8
#define LDT 2
#define TSS16_BUSY 3
#define TSS_BUSY 11
#define TSS_IS_32 8

#define V86_RIGHTS 0xf3

#define CR0_PE BIT_ULL(0)
#define EFER_LMA BIT_ULL(10)
#define RFLAGS_IF BIT_ULL(9)
#define RFLAGS_VM BIT_ULL(17)

static bool canonical(u64 address, unsigned int va_bits)
{
	u64 above = address >> (va_bits - 1);

	return !above || above == ~0ULL >> (va_bits - 1);
}

static bool is_null(const struct ferry_segment *s)
{
	return (s->attrib & FERRY_SEG_UNUSABLE) || !(s->attrib & FERRY_SEG_P);
}

/* ----------------------------------------------------------------------- check */

static bool right_type(unsigned int nr, u16 attrib)
{
	u16 type = attrib & FERRY_SEG_TYPE;

	switch (nr) {
	case FERRY_SEG_TR: /* of 16 or 32 bits; busy or not is the CPU's to remember */
		return !(attrib & FERRY_SEG_S) && (type & ~(TSS_IS_32 | 2)) == 1;
	case FERRY_SEG_LDTR:
		return !(attrib & FERRY_SEG_S) && type == LDT;
	case FERRY_SEG_CS: /* or what real and virtual-8086 mode have there */
		return (attrib & FERRY_SEG_S) && ((type & CODE) || (type & ~ACCESSED) == WRITABLE);
	case FERRY_SEG_SS:
		return (attrib & FERRY_SEG_S) && !(type & CODE) && (type & WRITABLE);
	default:
		return (attrib & FERRY_SEG_S) && (!(type & CODE) || (type & WRITABLE));
	}
}

static int check_segment(unsigned int nr, const struct ferry_segment *s, unsigned int va_bits)
{
	bool system = nr == FERRY_SEG_LDTR || nr == FERRY_SEG_TR;

	if (s->attrib & ~KNOWN)
		return -EINVAL;
	if ((system || nr == FERRY_SEG_FS || nr == FERRY_SEG_GS) && !canonical(s->base, va_bits))
		return -EINVAL;
	if (is_null(s))
		return nr == FERRY_SEG_CS || nr == FERRY_SEG_TR ? -EINVAL : 0;
	if (!right_type(nr, s->attrib) || (system && (s->selector & 4)))
		return -EINVAL;
	if (nr == FERRY_SEG_CS && (s->attrib & FERRY_SEG_L) && (s->attrib & FERRY_SEG_DB))
		return -EINVAL;
	/* The limit must be one a descriptor can express. */
	if ((s->limit & 0xfff) != 0xfff && ((s->attrib & FERRY_SEG_G) || s->limit >> 20))
		return -EINVAL;
	if ((s->limit >> 20) && !(s->attrib & FERRY_SEG_G))
		return -EINVAL;
	return 0;
}

int x86_segments_check(const struct ferry_state_segments *s, unsigned int va_bits)
{
	unsigned int i;

	if (s->gdt_limit > 0xffff || s->idt_limit > 0xffff || !canonical(s->gdt_base, va_bits) ||
	    !canonical(s->idt_base, va_bits))
		return -EINVAL;
	for (i = 0; i < FERRY_NR_SEGS; i++)
		if (check_segment(i, &s->seg[i], va_bits))
			return -EINVAL;
	return 0;
}

/* ---------------------------------------------------------------------- settle */

static bool long_mode(const struct x86_mode *mode)
{
	return mode && (mode->efer & EFER_LMA);
}

static bool protected_mode(const struct x86_mode *mode)
{
	return mode && (mode->cr0 & CR0_PE);
}

static bool v86_mode(const struct x86_mode *mode)
{
	return protected_mode(mode) && !long_mode(mode) && (mode->rflags & RFLAGS_VM);
}

/* Outside virtual-8086 mode. */
static int privilege(const struct x86_mode *mode)
{
	if (!mode)
		return X86_CPL_UNKNOWN;
	return protected_mode(mode) ? mode->cpl : 0;
}

static void set_dpl(struct ferry_segment *s, unsigned int dpl)
{
	s->attrib = (s->attrib & ~FERRY_SEG_DPL) | dpl << 5;
}

/*
 * Code has a DPL that the CPL follows from, unless it is conforming. Real mode does not look at the
 * type: some CPUs show data there, some code, and so do those that have just left it.
 */
static void settle_code(struct ferry_segment *s, const struct x86_mode *mode)
{
	unsigned int dpl = (s->attrib & FERRY_SEG_DPL) >> 5;
	int cpl = privilege(mode);

	s->attrib |= FERRY_SEG_S | ACCESSED;
	if (mode && (!protected_mode(mode) || !(s->attrib & CODE)))
		s->attrib = (s->attrib & ~FERRY_SEG_TYPE) | CODE | WRITABLE | ACCESSED;
	if (mode && (s->attrib & FERRY_SEG_L) && (s->attrib & FERRY_SEG_DB))
		s->attrib &= long_mode(mode) ? ~FERRY_SEG_DB : ~FERRY_SEG_L;
	if (cpl < 0)
		return;
	if (!(s->attrib & CONFORMING) || dpl > cpl)
		set_dpl(s, cpl);
}

/* The CPL is in SS's DPL, null or not: SYSRET on AMD CPUs leaves another there. */
static void settle_stack(struct ferry_segment *s, const struct x86_mode *mode)
{
	int cpl = privilege(mode);

	if (!(s->attrib & FERRY_SEG_UNUSABLE))
		s->attrib = (s->attrib & ~(FERRY_SEG_TYPE | FERRY_SEG_L)) | FERRY_SEG_S |
			    (s->attrib & EXPAND_DOWN) | WRITABLE | ACCESSED;
	if (cpl >= 0)
		set_dpl(s, cpl);
}

static void settle_data(struct ferry_segment *s)
{
	s->attrib = (s->attrib & ~FERRY_SEG_L) | FERRY_SEG_S | ACCESSED;
	if (s->attrib & CODE)
		s->attrib |= WRITABLE;
}

/* What is loaded is busy, and in long mode there is but one kind. */
static void settle_task(struct ferry_segment *s, const struct x86_mode *mode)
{
	bool is_32 = long_mode(mode) || (s->attrib & TSS_IS_32);

	s->attrib &= ~(FERRY_SEG_TYPE | FERRY_SEG_S | FERRY_SEG_L | FERRY_SEG_DB);
	s->attrib |= is_32 ? TSS_BUSY : TSS16_BUSY;
}

static void settle_limit(struct ferry_segment *s)
{
	if (s->limit >> 20) {
		s->limit |= 0xfff;
		s->attrib |= FERRY_SEG_G;
	} else if ((s->limit & 0xfff) != 0xfff) {
		s->attrib &= ~FERRY_SEG_G;
	}
}

/* Of a null segment the selector is left, and the base that 64-bit mode uses all the same. */
static void settle_null(unsigned int nr, struct ferry_segment *s)
{
	s->attrib = FERRY_SEG_UNUSABLE | (nr == FERRY_SEG_SS ? s->attrib & FERRY_SEG_DPL : 0);
	s->limit = 0;
	if (nr != FERRY_SEG_FS && nr != FERRY_SEG_GS)
		s->base = 0;
}

void x86_segment_settle(unsigned int nr, struct ferry_segment *s, const struct x86_mode *mode)
{
	s->attrib &= KNOWN;
	if (v86_mode(mode) && nr <= FERRY_SEG_GS) {
		s->base = (u64)s->selector << 4;
		s->limit = 0xffff;
		s->attrib = V86_RIGHTS;
		return;
	}
	if (nr == FERRY_SEG_CS || nr == FERRY_SEG_TR)
		s->attrib = (s->attrib & ~FERRY_SEG_UNUSABLE) | FERRY_SEG_P;
	else if (is_null(s) || (nr == FERRY_SEG_LDTR && s->limit < 7))
		settle_null(nr, s); /* no selector finds anything in so short an LDT */
	if (!(s->attrib & FERRY_SEG_UNUSABLE))
		settle_limit(s);
	/* 64-bit mode ignores these bases; elsewhere they have 32 bits. */
	if (nr <= FERRY_SEG_DS)
		s->base = (u32)s->base;
	if (nr == FERRY_SEG_CS)
		settle_code(s, mode);
	else if (nr == FERRY_SEG_SS)
		settle_stack(s, mode);
	else if (s->attrib & FERRY_SEG_UNUSABLE)
		return;
	else if (nr == FERRY_SEG_TR)
		settle_task(s, mode);
	else if (nr == FERRY_SEG_LDTR)
		s->attrib = (s->attrib & ~(FERRY_SEG_TYPE | FERRY_SEG_S | FERRY_SEG_L |
					   FERRY_SEG_DB)) | LDT;
	else
		settle_data(s);
}

u32 x86_shadow_settle(u32 shadow, u64 rflags)
{
	if ((shadow & FERRY_EVENTS_SHADOW_STI) && !(rflags & RFLAGS_IF))
		shadow |= FERRY_EVENTS_SHADOW_MOVSS;
	if (shadow & FERRY_EVENTS_SHADOW_MOVSS)
		shadow &= ~FERRY_EVENTS_SHADOW_STI;
	return shadow;
}
