// SPDX-License-Identifier: GPL-2.0-only
/*
 * Segments as both vendors take them: a model of VMX's checks at entry (SDM 26.3.1.2, unrestricted
 * guest) and one of SVM's (APM 15.5.1), written from the manuals, judge what x86_segment_settle()
 * makes of every attribute value and of random states.
 */
#include "lib/state/settle.h"
#include "tap.h"

#define CR0_PE BIT_ULL(0)
#define EFER_LMA BIT_ULL(10)
#define RFLAGS_VM BIT_ULL(17)

static u64 seed = 88172645463325252ULL;

static u64 rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* --------------------------------------------------------------- the models */

static bool in_v86(const struct x86_mode *m)
{
	return (m->cr0 & CR0_PE) && (m->rflags & RFLAGS_VM) && !(m->efer & EFER_LMA);
}

static bool is_canonical(u64 v)
{
	return (u64)((s64)(v << 16) >> 16) == v;
}

struct rights {
	unsigned int type, s, dpl, p, avl, l, db, g, unusable;
};

/* The VMCS's access rights (SDM table 24-2) of a neutral segment, as a VMX backend writes them. */
static struct rights rights_of(const struct ferry_segment *seg)
{
	return (struct rights){
		.type = seg->attrib & 15, .s = seg->attrib >> 4 & 1, .dpl = seg->attrib >> 5 & 3,
		.p = seg->attrib >> 7 & 1, .avl = seg->attrib >> 8 & 1, .l = seg->attrib >> 9 & 1,
		.db = seg->attrib >> 10 & 1, .g = seg->attrib >> 11 & 1,
		.unusable = seg->attrib >> 15,
	};
}

#define MUST(cond, text)                                                                           \
	do {                                                                                       \
		if (!(cond))                                                                       \
			return text;                                                               \
	} while (0)

static const char *vmx_limit(const struct ferry_segment *s, struct rights r)
{
	MUST((s->limit & 0xfff) == 0xfff || !r.g, "a low bit of the limit is 0 and G is 1");
	MUST(!(s->limit >> 20) || r.g, "a high bit of the limit is 1 and G is 0");
	return NULL;
}

/* SDM 26.3.1.2, in its order. NULL: the entry takes these. */
static const char *vmx_refuses(const struct ferry_state_segments *st, const struct x86_mode *m)
{
	bool v86 = in_v86(m), lma = m->efer & EFER_LMA;
	struct rights cs = rights_of(&st->seg[FERRY_SEG_CS]), ss = rights_of(&st->seg[FERRY_SEG_SS]);
	const struct ferry_segment *s;
	struct rights r;
	const char *why;
	int i;

	r = rights_of(&st->seg[FERRY_SEG_TR]);
	s = &st->seg[FERRY_SEG_TR];
	MUST(!(s->selector & 4), "TR.TI");
	MUST(is_canonical(s->base), "TR base");
	MUST(r.type == 11 || (!lma && r.type == 3), "TR type");
	MUST(!r.s && r.p && !r.unusable, "TR rights");
	why = vmx_limit(s, r);
	MUST(!why, why);

	r = rights_of(&st->seg[FERRY_SEG_LDTR]);
	s = &st->seg[FERRY_SEG_LDTR];
	if (!r.unusable) {
		MUST(!(s->selector & 4), "LDTR.TI");
		MUST(is_canonical(s->base), "LDTR base");
		MUST(r.type == 2 && !r.s && r.p, "LDTR rights");
		why = vmx_limit(s, r);
		MUST(!why, why);
	}

	for (i = FERRY_SEG_ES; i <= FERRY_SEG_GS; i++) {
		s = &st->seg[i];
		r = rights_of(s);
		if (v86) {
			MUST(s->base == (u64)s->selector << 4, "v86 base");
			MUST(s->limit == 0xffff, "v86 limit");
			MUST(s->attrib == 0xf3, "v86 rights");
			continue;
		}
		if (i == FERRY_SEG_FS || i == FERRY_SEG_GS)
			MUST(is_canonical(s->base), "FS, GS base");
		else if (i == FERRY_SEG_CS || !r.unusable)
			MUST(!(s->base >> 32), "base above 32 bits");
		if (i == FERRY_SEG_CS) {
			MUST(r.type == 3 || r.type == 9 || r.type == 11 || r.type == 13 ||
			     r.type == 15, "CS type");
			MUST(!r.unusable, "CS unusable");
		} else if (r.unusable) {
			continue;
		} else if (i == FERRY_SEG_SS) {
			MUST(r.type == 3 || r.type == 7, "SS type");
		} else {
			MUST(r.type & 1, "not accessed");
			MUST(!(r.type & 8) || (r.type & 2), "code that cannot be read");
		}
		MUST(r.s, "S");
		MUST(r.p, "P");
		why = vmx_limit(s, r);
		MUST(!why, why);
	}
	if (v86)
		return NULL;
	if (cs.type == 3)
		MUST(!cs.dpl, "CS is data, with a DPL");
	else if (cs.type == 9 || cs.type == 11)
		MUST(cs.dpl == ss.dpl, "DPL of CS and SS");
	else
		MUST(cs.dpl <= ss.dpl, "DPL of conforming CS above SS's");
	MUST((cs.type != 3 && (m->cr0 & CR0_PE)) || !ss.dpl, "DPL of SS in real mode");
	MUST(!(lma && cs.l && cs.db), "CS.L and CS.D");
	return NULL;
}

/* APM 15.5.1 and 4.5.3, with what an SVM backend makes of the neutral form: CPL is SS's DPL. */
static const char *svm_refuses(const struct ferry_state_segments *st, const struct x86_mode *m)
{
	unsigned int cpl = st->seg[FERRY_SEG_SS].attrib >> 5 & 3;
	struct rights cs = rights_of(&st->seg[FERRY_SEG_CS]);
	int i;

	MUST(!((m->efer & EFER_LMA) && cs.l && cs.db), "long mode with CS.L and CS.D");
	MUST((m->cr0 & CR0_PE) || !cpl, "a CPL in real mode");
	MUST(!in_v86(m) || cpl == 3, "virtual-8086 mode without CPL 3");
	MUST(in_v86(m) || cs.type == 3 ||
	     (cs.type & 4 ? cs.dpl <= cpl : cs.dpl == cpl), "CS.DPL is not the CPL");
	for (i = 0; i < FERRY_NR_SEGS; i++) {
		struct rights r = rights_of(&st->seg[i]);

		MUST(r.p != r.unusable, "null is a clear P, and only that");
		if (i >= FERRY_SEG_FS) /* VMRUN and VMLOAD would change these bases */
			MUST(is_canonical(st->seg[i].base), "base not canonical");
	}
	return NULL;
}

/* ------------------------------------------------------------------- helpers */

static void settle_all(struct ferry_state_segments *st, const struct x86_mode *m)
{
	unsigned int i;

	for (i = 0; i < FERRY_NR_SEGS; i++)
		x86_segment_settle(i, &st->seg[i], m);
}

static u64 random_base(void)
{
	u64 v = rnd();

	switch (rnd() % 4) {
	case 0:
		return (u32)v;
	case 1:
		return v >> 17; /* lower half */
	case 2:
		return ~(v >> 17);
	default:
		return v & 0xffff0;
	}
}

static struct ferry_segment random_segment(void)
{
	static const u32 limits[] = { 0, 0xfff, 0xffff, 0xfffff, 0x100fff, 0xffffffff, 0x67 };
	struct ferry_segment s = {
		.base = random_base(), .selector = (u16)rnd() & ~4,
		.attrib = rnd() & (rnd() % 8 ? 0x0fff : 0x8fff),
	};

	s.limit = rnd() % 4 ? limits[rnd() % ARRAY_SIZE(limits)] : (u32)rnd();
	return s;
}

static struct x86_mode random_mode(void)
{
	struct x86_mode m = { .cpl = rnd() & 3 };

	switch (rnd() % 4) {
	case 0:
		break;
	case 1:
		m.cr0 = CR0_PE;
		m.rflags = RFLAGS_VM;
		m.cpl = 3;
		break;
	case 2:
		m.cr0 = CR0_PE;
		break;
	default:
		m.cr0 = CR0_PE | BIT_ULL(31);
		m.efer = EFER_LMA;
		break;
	}
	return m;
}

static struct ferry_state_segments random_state(void)
{
	struct ferry_state_segments st = { .gdt_limit = 0xffff, .idt_limit = 0xffff };
	int i;

	for (i = 0; i < FERRY_NR_SEGS; i++)
		st.seg[i] = random_segment();
	return st;
}

static void show(const struct ferry_state_segments *st, const struct x86_mode *m, const char *why)
{
	int i;

	printf("# %s: cr0 %#llx efer %#llx rflags %#llx cpl %d\n", why, (unsigned long long)m->cr0,
	       (unsigned long long)m->efer, (unsigned long long)m->rflags, m->cpl);
	for (i = 0; i < FERRY_NR_SEGS; i++)
		printf("#   %d: %#06x base %#llx limit %#x attrib %#06x\n", i, st->seg[i].selector,
		       (unsigned long long)st->seg[i].base, st->seg[i].limit, st->seg[i].attrib);
}

/* --------------------------------------------------------------------- tests */

/* Both models, and that it is final and can be loaded again. */
static const char *judge(struct ferry_state_segments *st, const struct x86_mode *m)
{
	struct ferry_state_segments again;
	const char *why;

	settle_all(st, m);
	why = vmx_refuses(st, m);
	if (!why)
		why = svm_refuses(st, m);
	if (!why && x86_segments_check(st, 48))
		why = "x86_segments_check()";
	again = *st;
	settle_all(&again, m);
	if (!why && memcmp(&again, st, sizeof(again)))
		why = "settling again changes it";
	settle_all(&again, NULL);
	if (!why && memcmp(&again, st, sizeof(again)))
		why = "settling without a mode changes it";
	return why;
}

static void test_random(void)
{
	struct ferry_state_segments st, was;
	const char *why = NULL;
	struct x86_mode m;
	int i, order = 0;

	for (i = 0; i < 400000 && !why; i++) {
		st = random_state();
		was = st;
		m = random_mode();
		why = judge(&st, &m);
		if (why) {
			show(&was, &m, why);
			show(&st, &m, "settled");
			break;
		}
		/* As a state that is set first and whose mode becomes known later. */
		settle_all(&was, NULL);
		settle_all(&was, &m);
		order += !!memcmp(&was, &st, sizeof(st));
	}
	ok(!why, "400000 random states are settled so that both vendors take them");
	ok_eq(order, 0, "settling before the mode is known makes no difference");
}

/* Every attribute in every register in every mode, all others fine. */
static void test_every_attribute(void)
{
	static const struct x86_mode modes[] = {
		{ .cr0 = 0, .cpl = 0 },
		{ .cr0 = CR0_PE, .cpl = 0 },
		{ .cr0 = CR0_PE, .cpl = 3 },
		{ .cr0 = CR0_PE, .rflags = RFLAGS_VM, .cpl = 3 },
		{ .cr0 = CR0_PE, .efer = EFER_LMA, .cpl = 0 },
		{ .cr0 = CR0_PE, .efer = EFER_LMA, .cpl = 3 },
	};
	static const u32 limits[] = { 0, 0xffff, 0xffffffff };
	unsigned int mode, seg, attrib, l;
	const char *why = NULL;

	for (mode = 0; mode < ARRAY_SIZE(modes) && !why; mode++)
		for (seg = 0; seg < FERRY_NR_SEGS && !why; seg++)
			for (attrib = 0; attrib < 0x2000 && !why; attrib++)
				for (l = 0; l < ARRAY_SIZE(limits) && !why; l++) {
					struct ferry_state_segments st = random_state();

					st.seg[seg].attrib = (attrib & 0xfff) | (attrib >> 12) << 15;
					st.seg[seg].limit = limits[l];
					why = judge(&st, &modes[mode]);
					if (why)
						show(&st, &modes[mode], why);
				}
	ok(!why, "every attribute value of every register in every mode");
}

/* What VMX takes already was made by instructions: it may lose only what nobody can see. */
static bool invisible(unsigned int nr, const struct ferry_segment *was,
		      const struct ferry_segment *is, const struct x86_mode *m)
{
	/* CS as data is what real mode has left behind: no CPU tells it from code. */
	bool data = !(was->attrib & 8);
	u16 ignored = nr != FERRY_SEG_CS ? FERRY_SEG_L :
		      (m->cr0 & CR0_PE) && !data ? 0 : FERRY_SEG_TYPE;

	if (nr == FERRY_SEG_TR || nr == FERRY_SEG_LDTR)
		ignored |= FERRY_SEG_DB;
	if (is->selector != was->selector)
		return false;
	if (is->attrib & FERRY_SEG_UNUSABLE)
		return ((was->attrib & FERRY_SEG_UNUSABLE) ||
			(nr == FERRY_SEG_LDTR && was->limit < 7)) &&
		       ((nr != FERRY_SEG_FS && nr != FERRY_SEG_GS) || is->base == was->base) &&
		       (nr != FERRY_SEG_SS || !((is->attrib ^ was->attrib) & FERRY_SEG_DPL));
	return is->base == was->base && is->limit == was->limit &&
	       !((is->attrib ^ was->attrib) & ~ignored);
}

/* Random, but mostly what VMX wants. */
static struct ferry_state_segments likely_state(struct x86_mode *m)
{
	static const u16 cs[] = { 0x9b, 0x99, 0xfb, 0xa9b, 0xc9f, 0xc9b, 0x93, 0xafb };
	static const u16 data[] = { 0x93, 0xc93, 0xc97, 0xcf3, 0x91, 0x9b, 0x8000, 0x8060, 0xcf7 };
	struct ferry_state_segments st = random_state();
	int i;

	for (i = 0; i < FERRY_NR_SEGS; i++) {
		st.seg[i].attrib = data[rnd() % ARRAY_SIZE(data)];
		st.seg[i].limit = st.seg[i].attrib & FERRY_SEG_G ? 0xffffffff : rnd() & 0xffff;
		st.seg[i].base = i < FERRY_SEG_FS ? (u32)st.seg[i].base : st.seg[i].base;
	}
	st.seg[FERRY_SEG_CS].attrib = cs[rnd() % ARRAY_SIZE(cs)];
	st.seg[FERRY_SEG_TR].attrib = rnd() & 1 ? 0x8b : 0x83;
	st.seg[FERRY_SEG_LDTR].attrib = rnd() & 1 ? 0x82 : 0x8000;
	for (i = 0; i < FERRY_NR_SEGS; i++)
		if ((st.seg[i].attrib & FERRY_SEG_G))
			st.seg[i].limit |= 0xfff;
		else
			st.seg[i].limit &= 0xfffff;
	m->cpl = st.seg[FERRY_SEG_SS].attrib >> 5 & 3;
	return st;
}

static void test_observable(void)
{
	unsigned int taken = 0, changed = 0, refused = 0, i, nr;

	for (i = 0; i < 400000; i++) {
		struct x86_mode m = random_mode();
		struct ferry_state_segments st = likely_state(&m), was = st;

		if (in_v86(&m) || vmx_refuses(&st, &m) || svm_refuses(&st, &m))
			continue;
		taken++;
		refused += !!x86_segments_check(&st, 48);
		settle_all(&st, &m);
		for (nr = 0; nr < FERRY_NR_SEGS; nr++)
			if (!invisible(nr, &was.seg[nr], &st.seg[nr], &m)) {
				if (!changed++) {
					show(&was, &m, "was");
					show(&st, &m, "is");
				}
			}
	}
	ok(taken > 10000, "%u states that VMX takes as they are", taken);
	ok_eq(changed, 0, "nothing of them is changed that a guest can see");
	ok_eq(refused, 0, "none of them is refused");
}

struct row {
	const char *what;
	unsigned int nr;
	struct ferry_segment in, out;
	struct x86_mode mode;
};

#define REAL { .cr0 = 0, .cpl = 2 }
#define PROT(l) { .cr0 = CR0_PE, .cpl = l }
#define LONG(l) { .cr0 = CR0_PE, .efer = EFER_LMA, .cpl = l }
#define V86 { .cr0 = CR0_PE, .rflags = RFLAGS_VM, .cpl = 3 }
#define SEG(b, l, s, a) { .base = b, .limit = l, .selector = s, .attrib = a }

static const struct row rows[] = {
	{ "AMD's null SS after SYSRET: CPL 3, a selector, no P", FERRY_SEG_SS,
	  SEG(0, 0xffffffff, 0x2b, 0xc13), SEG(0, 0, 0x2b, 0x8060), LONG(3) },
	{ "null SS at CPL 0 of 64-bit mode", FERRY_SEG_SS, SEG(0x1234, 5, 0, 0),
	  SEG(0, 0, 0, 0x8000), LONG(0) },
	{ "null FS keeps its base", FERRY_SEG_FS, SEG(0x7f0000001000, 9, 0, 0),
	  SEG(0x7f0000001000, 0, 0, 0x8000), LONG(3) },
	{ "null DS does not", FERRY_SEG_DS, SEG(0x1000, 9, 3, 0), SEG(0, 0, 3, 0x8000), PROT(3) },
	{ "expand-down stack keeps its limit and B", FERRY_SEG_SS, SEG(0, 0xfff, 0x10, 0x496),
	  SEG(0, 0xfff, 0x10, 0x497), PROT(0) },
	{ "available 32-bit TSS is busy", FERRY_SEG_TR, SEG(0x2000, 0x67, 0x40, 0x89),
	  SEG(0x2000, 0x67, 0x40, 0x8b), LONG(0) },
	{ "16-bit TSS in protected mode stays one", FERRY_SEG_TR, SEG(0x2000, 0x2b, 0x40, 0x81),
	  SEG(0x2000, 0x2b, 0x40, 0x83), PROT(0) },
	{ "and not in long mode", FERRY_SEG_TR, SEG(0x2000, 0x2b, 0x40, 0x83),
	  SEG(0x2000, 0x2b, 0x40, 0x8b), LONG(0) },
	{ "code not yet accessed", FERRY_SEG_CS, SEG(0, 0xffffffff, 8, 0xa9a),
	  SEG(0, 0xffffffff, 8, 0xa9b), LONG(0) },
	{ "conforming code keeps a lower DPL", FERRY_SEG_CS, SEG(0, 0xffffffff, 8, 0xc9f),
	  SEG(0, 0xffffffff, 8, 0xc9f), PROT(3) },
	{ "other code has the CPL", FERRY_SEG_CS, SEG(0, 0xffffffff, 8, 0xc9b),
	  SEG(0, 0xffffffff, 8, 0xcfb), PROT(3) },
	{ "data in CS after real mode", FERRY_SEG_CS, SEG(0xf0000, 0xffff, 0xf000, 0x93),
	  SEG(0xf0000, 0xffff, 0xf000, 0x9b), PROT(0) },
	{ "and in it is code", FERRY_SEG_CS, SEG(0xf0000, 0xffff, 0xf000, 0x93),
	  SEG(0xf0000, 0xffff, 0xf000, 0x9b), REAL },
	{ "L in a legacy CS with D means nothing", FERRY_SEG_CS, SEG(0, 0xffffffff, 8, 0xe9b),
	  SEG(0, 0xffffffff, 8, 0xc9b), PROT(0) },
	{ "privilege ends with protected mode", FERRY_SEG_SS, SEG(0, 0xffff, 0, 0xd3),
	  SEG(0, 0xffff, 0, 0x93), REAL },
	{ "big real mode keeps its limits", FERRY_SEG_DS, SEG(0, 0xffffffff, 0, 0x893),
	  SEG(0, 0xffffffff, 0, 0x893), REAL },
	{ "virtual-8086 mode has but one form", FERRY_SEG_GS, SEG(5, 6, 0x1234, 0x8000),
	  SEG(0x12340, 0xffff, 0x1234, 0xf3), V86 },
	{ "TR is not part of that", FERRY_SEG_TR, SEG(0x2000, 0x67, 0x40, 0x8b),
	  SEG(0x2000, 0x67, 0x40, 0x8b), V86 },
	{ "no LDT", FERRY_SEG_LDTR, SEG(0x2000, 0x67, 0, 0x02), SEG(0, 0, 0, 0x8000), LONG(0) },
	{ "an LDT without entries", FERRY_SEG_LDTR, SEG(0, 0, 0, 0x82), SEG(0, 0, 0, 0x8000), LONG(0) },
	{ "an LDT", FERRY_SEG_LDTR, SEG(0xffff888000002000, 0xfff, 0x50, 0x82),
	  SEG(0xffff888000002000, 0xfff, 0x50, 0x82), LONG(0) },
	{ "a limit of pages without G", FERRY_SEG_ES, SEG(0, 0xffffffff, 0x10, 0x493),
	  SEG(0, 0xffffffff, 0x10, 0xc93), PROT(0) },
	{ "a limit of bytes with G", FERRY_SEG_ES, SEG(0, 0x1234, 0x10, 0xc93),
	  SEG(0, 0x1234, 0x10, 0x493), PROT(0) },
	{ "a DS base of 64-bit mode", FERRY_SEG_DS, SEG(0xffffffff00001000, 0xffffffff, 0x10, 0xc93),
	  SEG(0x1000, 0xffffffff, 0x10, 0xc93), LONG(0) },
};

static void test_rows(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ferry_segment s = rows[i].in;
		const struct ferry_segment *w = &rows[i].out;

		x86_segment_settle(rows[i].nr, &s, &rows[i].mode);
		if (!ok(!memcmp(&s, w, sizeof(s)), "%s", rows[i].what))
			printf("#  got base %#llx limit %#x selector %#x attrib %#06x\n"
			       "# want base %#llx limit %#x selector %#x attrib %#06x\n",
			       (unsigned long long)s.base, s.limit, s.selector, s.attrib,
			       (unsigned long long)w->base, w->limit, w->selector, w->attrib);
	}
}

static const struct {
	const char *what;
	unsigned int nr;
	struct ferry_segment seg;
} impossible[] = {
	{ "null CS", FERRY_SEG_CS, SEG(0, 0, 0, 0x8000) },
	{ "absent CS", FERRY_SEG_CS, SEG(0, 0xffff, 8, 0x1b) },
	{ "CS with L and D", FERRY_SEG_CS, SEG(0, 0xffffffff, 8, 0xe9b) },
	{ "an LDT in CS", FERRY_SEG_CS, SEG(0, 0xffff, 8, 0x82) },
	{ "a read-only CS that is data", FERRY_SEG_CS, SEG(0, 0xffff, 8, 0x91) },
	{ "code in SS", FERRY_SEG_SS, SEG(0, 0xffff, 8, 0x9b) },
	{ "a read-only stack", FERRY_SEG_SS, SEG(0, 0xffff, 8, 0x91) },
	{ "code that cannot be read in DS", FERRY_SEG_DS, SEG(0, 0xffff, 8, 0x99) },
	{ "a TSS in ES", FERRY_SEG_ES, SEG(0, 0xffff, 8, 0x8b) },
	{ "null TR", FERRY_SEG_TR, SEG(0, 0, 0, 0x8000) },
	{ "a call gate in TR", FERRY_SEG_TR, SEG(0, 0x67, 0x40, 0x8c) },
	{ "TR from the LDT", FERRY_SEG_TR, SEG(0, 0x67, 0x44, 0x8b) },
	{ "a TSS in LDTR", FERRY_SEG_LDTR, SEG(0, 0x67, 0x40, 0x8b) },
	{ "LDTR from the LDT", FERRY_SEG_LDTR, SEG(0, 0x67, 0x44, 0x82) },
	{ "FS base not canonical", FERRY_SEG_FS, SEG(1ULL << 47, 0, 0, 0x8000) },
	{ "TR base not canonical", FERRY_SEG_TR, SEG(1ULL << 47, 0x67, 0x40, 0x8b) },
	{ "limit above 1 MiB without G", FERRY_SEG_ES, SEG(0, 0x100000, 8, 0x93) },
	{ "limit of bytes with G", FERRY_SEG_ES, SEG(0, 0x1234, 8, 0x893) },
	{ "an attribute nobody knows", FERRY_SEG_ES, SEG(0, 0xffff, 8, 0x1093) },
};

static struct ferry_state_segments flat(void)
{
	struct ferry_state_segments st = { .gdt_limit = 0x7f, .idt_limit = 0xfff };
	int i;

	for (i = FERRY_SEG_ES; i <= FERRY_SEG_GS; i++)
		st.seg[i] = (struct ferry_segment)SEG(0, 0xffffffff, 0x10, 0xc93);
	st.seg[FERRY_SEG_CS].attrib = 0xa9b;
	st.seg[FERRY_SEG_LDTR].attrib = FERRY_SEG_UNUSABLE;
	st.seg[FERRY_SEG_TR] = (struct ferry_segment)SEG(0x2000, 0x67, 0x40, 0x8b);
	return st;
}

static void test_check(void)
{
	struct ferry_state_segments st = flat();
	size_t i;

	ok_eq(x86_segments_check(&st, 48), 0, "flat segments are taken");
	for (i = 0; i < ARRAY_SIZE(impossible); i++) {
		st = flat();
		st.seg[impossible[i].nr] = impossible[i].seg;
		ok_eq(x86_segments_check(&st, 48), -EINVAL, "refused: %s", impossible[i].what);
	}
	st = flat();
	st.seg[FERRY_SEG_FS].base = 1ULL << 47;
	ok_eq(x86_segments_check(&st, 57), 0, "a base of 48 bits where addresses have 57");
	st = flat();
	st.gdt_base = 1ULL << 63;
	ok_eq(x86_segments_check(&st, 48), -EINVAL, "refused: GDT base not canonical");
	st = flat();
	st.idt_limit = 0x10000;
	ok_eq(x86_segments_check(&st, 48), -EINVAL, "refused: IDT limit");
}

static void test_shadow(void)
{
	const u32 sti = FERRY_EVENTS_SHADOW_STI, movss = FERRY_EVENTS_SHADOW_MOVSS;
	const u32 nmi = FERRY_EVENTS_NMI_MASKED, open = 0x202, closed = 2;

	ok_eq(x86_shadow_settle(sti, open), sti, "STI's shadow with IF set");
	ok_eq(x86_shadow_settle(sti | nmi, closed), movss | nmi, "with IF clear it can only be MOV SS's");
	ok_eq(x86_shadow_settle(movss, open), movss, "MOV SS's with IF set");
	ok_eq(x86_shadow_settle(sti | movss, open), movss, "of both the stricter");
	ok_eq(x86_shadow_settle(nmi, closed), nmi, "none");
}

int main(void)
{
	test_shadow();
	test_rows();
	test_check();
	test_every_attribute();
	test_random();
	test_observable();
	return done();
}
