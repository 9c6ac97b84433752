// SPDX-License-Identifier: GPL-2.0-only
/*
 * Far jumps, calls and returns, call gates, and the stacks they change.
 *
 * Pure functions over struct exec; takes no locks. SDM volume 3 section 5.8,
 * volume 2 CALL, JMP, RET; APM volume 2 section 4.
 */
#include "far.h"

/* ----- stacks */

int current_stack(struct exec *x, struct far_stack *s)
{
	unsigned int width;

	TRY(load_segment_cache(x->cpu, INSN_SS));
	TRY(stack_width(x, &width));
	s->ss = x->cpu->seg[INSN_SS];
	s->sp = x->cpu->gpr[INSN_RSP];
	s->width = (u8)width;
	s->cpl = x->cpu->cpl;
	s->error = 0;
	return INSN_DONE;
}

static int tss_field(struct exec *x, unsigned int offset, unsigned int bytes, u64 *value)
{
	const struct insn_segment *tr = &x->cpu->seg[INSN_TR];

	*value = 0;
	if (offset + bytes - 1 > tr->limit)
		return raise_selector(x, INSN_EXC_TS, tr->selector);
	return sys_read(x->cpu, tr->base + offset, value, bytes);
}

int inner_stack(struct exec *x, unsigned int cpl, struct far_stack *s)
{
	struct insn_cpu *cpu = x->cpu;
	struct descriptor d;
	u64 sp, selector;

	TRY(load_segment_cache(cpu, INSN_TR));
	s->cpl = (u8)cpl;
	if (is_long(cpu)) {
		TRY(tss_field(x, 4 + cpl * 8, 8, &s->sp));
		if (!is_canonical(cpu, s->sp))
			return raise(x, INSN_EXC_SS, x->ext);
		s->ss = (struct insn_segment){ .selector = (u16)cpl, .attr = (u16)(cpl << 5) };
		s->width = 8;
		s->error = 0;
		return INSN_DONE;
	}
	if (cpu->seg[INSN_TR].attr & 8) {
		TRY(tss_field(x, 4 + cpl * 8, 4, &sp));
		TRY(tss_field(x, 8 + cpl * 8, 2, &selector));
	} else {
		TRY(tss_field(x, 2 + cpl * 4, 2, &sp));
		TRY(tss_field(x, 4 + cpl * 4, 2, &selector));
	}
	if (is_null((u16)selector))
		return raise_selector(x, INSN_EXC_TS, (u16)selector);
	TRY(fetch_descriptor(x, (u16)selector, INSN_EXC_TS, false, &d));
	TRY(check_stack_segment(x, &d, cpl, INSN_EXC_TS));
	TRY(mark_accessed(x, &d));
	s->ss = d.seg;
	s->sp = sp;
	s->width = d.seg.attr & INSN_SEG_DB ? 4 : 2;
	s->error = (u16)selector & 0xfffc;
	return INSN_DONE;
}

static int slot_address(struct exec *x, const struct far_stack *s, u64 sp, unsigned int bytes,
			u64 *linear)
{
	const struct insn_segment *ss = &s->ss;
	u64 last;

	sp &= mask_of(s->width);
	last = sp + bytes - 1;
	if (s->width == 8) {
		*linear = sp;
		if (is_canonical(x->cpu, sp) && is_canonical(x->cpu, last))
			return INSN_DONE;
		return raise(x, INSN_EXC_SS, s->error | x->ext);
	}
	*linear = (u32)(ss->base + sp);
	if ((ss->attr & 0xc) == 4 ?
	    sp > ss->limit && last <= (ss->attr & INSN_SEG_DB ? 0xffffffff : 0xffff) :
	    last <= ss->limit)
		return INSN_DONE;
	return raise(x, INSN_EXC_SS, s->error | x->ext);
}

static int frame_pass(struct exec *x, const struct far_stack *s, const struct frame *f,
		      unsigned int bytes, bool probe)
{
	u64 sp = s->sp, linear, unused;
	unsigned int i;

	for (i = 0; i < f->n; i++) {
		sp -= bytes;
		TRY(slot_address(x, s, sp, bytes, &linear));
		if (unlikely(x->cpu->rflags & FL_AC))
			TRY(check_alignment(x, linear, bytes));
		if (probe)
			TRY(x->cpu->ops->read(x->cpu, linear, &unused, bytes,
					      INSN_ACC_WRITE | INSN_ACC_PROBE));
		else
			TRY(x->cpu->ops->write(x->cpu, linear, &f->value[i], bytes, 0));
	}
	return INSN_DONE;
}

int push_frame(struct exec *x, struct far_stack *s, const struct frame *f, unsigned int bytes)
{
	u8 cpl = x->cpu->cpl;
	int ret;

	x->cpu->cpl = s->cpl;
	ret = frame_pass(x, s, f, bytes, true);
	if (ret == INSN_DONE)
		ret = frame_pass(x, s, f, bytes, false);
	x->cpu->cpl = cpl;
	if (ret == INSN_DONE)
		s->sp -= f->n * bytes;
	return ret;
}

int peek_slot(struct exec *x, const struct far_stack *s, unsigned int offset, unsigned int bytes,
	      u64 *value)
{
	u64 linear;

	*value = 0;
	TRY(slot_address(x, s, s->sp + offset, bytes, &linear));
	if (unlikely(x->cpu->rflags & FL_AC))
		TRY(check_alignment(x, linear, bytes));
	return x->cpu->ops->read(x->cpu, linear, value, bytes, 0);
}

void commit_sp(struct exec *x, const struct far_stack *s)
{
	set_gpr_low(x->cpu, INSN_RSP, s->width, s->sp);
}

void commit_stack(struct exec *x, const struct far_stack *s)
{
	commit_segment(x->cpu, INSN_SS, &s->ss);
	commit_sp(x, s);
}

/* ----- code segments */

int check_code_size(struct exec *x, const struct descriptor *d)
{
	if (is_long(x->cpu) &&
	    (d->seg.attr & (INSN_SEG_L | INSN_SEG_DB)) == (INSN_SEG_L | INSN_SEG_DB))
		return raise_selector(x, INSN_EXC_GP, d->seg.selector);
	return INSN_DONE;
}

int check_target(struct exec *x, const struct insn_segment *cs, u64 offset)
{
	bool good = is_long(x->cpu) && cs->attr & INSN_SEG_L ? is_canonical(x->cpu, offset) :
								offset <= cs->limit;

	return good ? INSN_DONE : raise(x, INSN_EXC_GP, x->ext);
}

void commit_code(struct exec *x, struct insn_segment *cs, unsigned int cpl, u64 offset)
{
	cs->selector = (cs->selector & 0xfffc) | (u16)cpl;
	x->cpu->cpl = (u8)cpl;
	commit_segment(x->cpu, INSN_CS, cs);
	x->rip = offset;
}

void drop_inner_segments(struct insn_cpu *cpu)
{
	static const u8 data[] = { INSN_ES, INSN_DS, INSN_FS, INSN_GS };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(data); i++) {
		const struct insn_segment *seg = &cpu->seg[data[i]];

		if (load_segment_cache(cpu, data[i]) != INSN_DONE)
			continue;
		/* A null selector loses its RPL. */
		if (!(seg->attr & INSN_SEG_P)) {
			if (seg->selector)
				commit_null_segment(cpu, data[i], 0);
			continue;
		}
		if ((seg->attr & (TYPE_CODE | TYPE_CONFORMING)) == (TYPE_CODE | TYPE_CONFORMING))
			continue;
		if ((seg->attr >> 5 & 3) < cpu->cpl)
			commit_null_segment(cpu, data[i], 0);
	}
}

void unpack_gate(u64 low, u64 high, struct gate *g)
{
	g->selector = (u16)(low >> 16);
	g->type = low >> 40 & 15;
	g->dpl = low >> 45 & 3;
	g->present = low >> 47 & 1;
	g->ist = low >> 32 & 7;
	g->params = low >> 32 & 31;
	g->offset = (low & 0xffff) | (low >> 32 & 0xffff0000) | high << 32;
	if (!(g->type & 8))
		g->offset &= 0xffff;
}

/* ----- real and virtual-8086 mode */

static int far_real(struct exec *x, u16 selector, u64 offset, bool call)
{
	unsigned int bytes = x->insn->opsize;
	struct far_stack s;
	struct frame f = { .n = 0 };

	offset &= mask_of(bytes);
	if (call) {
		TRY(current_stack(x, &s));
		frame_add(&f, x->cpu->seg[INSN_CS].selector);
		frame_add(&f, x->rip);
	}
	if (offset > x->cpu->seg[INSN_CS].limit)
		return gp0(x);
	if (call) {
		TRY(push_frame(x, &s, &f, bytes));
		commit_sp(x, &s);
	}
	commit_real_segment(x->cpu, INSN_CS, selector);
	x->rip = offset;
	return INSN_DONE;
}

/* ----- protected mode */

/* A code segment named by the instruction itself. */
static int check_direct_code(struct exec *x, const struct descriptor *d)
{
	u16 selector = d->seg.selector;
	unsigned int cpl = x->cpu->cpl;

	if (desc_type(d) & TYPE_CONFORMING) {
		if (desc_dpl(d) > cpl)
			return raise_selector(x, INSN_EXC_GP, selector);
	} else if ((selector & 3U) > cpl || desc_dpl(d) != cpl) {
		return raise_selector(x, INSN_EXC_GP, selector);
	}
	if (!desc_present(d))
		return raise_selector(x, INSN_EXC_NP, selector);
	return check_code_size(x, d);
}

static int far_to_code(struct exec *x, struct descriptor *d, u64 offset, bool call)
{
	unsigned int bytes = x->insn->opsize;
	struct far_stack s;
	struct frame f = { .n = 0 };

	TRY(check_direct_code(x, d));
	offset &= mask_of(bytes);
	if (!call) {
		TRY(check_target(x, &d->seg, offset));
		TRY(mark_accessed(x, d));
		commit_code(x, &d->seg, x->cpu->cpl, offset);
		return INSN_DONE;
	}
	TRY(current_stack(x, &s));
	/* The push is the new code's already: its mode says how wide the stack pointer is. */
	if (is_long(x->cpu))
		s.width = d->seg.attr & INSN_SEG_L ? 8 : s.ss.attr & INSN_SEG_DB ? 4 : 2;
	frame_add(&f, x->cpu->seg[INSN_CS].selector);
	frame_add(&f, x->rip);
	TRY(push_frame(x, &s, &f, bytes));
	/* Seen on silicon: a target beyond the limit faults with the frame written. */
	TRY(check_target(x, &d->seg, offset));
	TRY(mark_accessed(x, d));
	commit_sp(x, &s);
	commit_code(x, &d->seg, x->cpu->cpl, offset);
	return INSN_DONE;
}

/* To inner privilege: stack and parameters of the caller are pushed on the new stack. */
static int call_inner(struct exec *x, const struct gate *g, struct descriptor *code,
		      unsigned int bytes)
{
	unsigned int cpl = desc_dpl(code), i;
	struct far_stack old, new;
	struct frame f = { .n = 0 };
	u64 value;

	TRY(current_stack(x, &old));
	TRY(inner_stack(x, cpl, &new));
	frame_add(&f, old.ss.selector);
	frame_add(&f, old.sp & (bytes == 8 ? ~0ULL : mask_of(old.width)));
	if (bytes < 8) {
		for (i = g->params; i--;) {
			TRY(peek_slot(x, &old, i * bytes, bytes, &value));
			frame_add(&f, value);
		}
	}
	frame_add(&f, x->cpu->seg[INSN_CS].selector);
	frame_add(&f, x->rip);
	TRY(check_target(x, &code->seg, g->offset));
	TRY(push_frame(x, &new, &f, bytes));
	TRY(mark_accessed(x, code));
	commit_stack(x, &new);
	commit_code(x, &code->seg, cpl, g->offset);
	return INSN_DONE;
}

static int far_to_gate(struct exec *x, const struct descriptor *d, bool call)
{
	unsigned int cpl = x->cpu->cpl, bytes;
	u16 selector = d->seg.selector;
	struct descriptor code;
	struct far_stack s;
	struct frame f = { .n = 0 };
	struct gate g;

	unpack_gate(d->low, d->high, &g);
	if (g.dpl < cpl || g.dpl < (selector & 3))
		return raise_selector(x, INSN_EXC_GP, selector);
	if (!g.present)
		return raise_selector(x, INSN_EXC_NP, selector);
	bytes = is_long(x->cpu) ? 8 : g.type == SYS_CALL ? 4 : 2;
	if (is_null(g.selector))
		return gp0(x);
	TRY(fetch_descriptor(x, g.selector, INSN_EXC_GP, false, &code));
	if (!desc_is_code(&code) || desc_dpl(&code) > cpl)
		return raise_selector(x, INSN_EXC_GP, g.selector);
	if (!call && !(desc_type(&code) & TYPE_CONFORMING) && desc_dpl(&code) != cpl)
		return raise_selector(x, INSN_EXC_GP, g.selector);
	if (bytes == 8 && (code.seg.attr & (INSN_SEG_L | INSN_SEG_DB)) != INSN_SEG_L)
		return raise_selector(x, INSN_EXC_GP, g.selector);
	if (!desc_present(&code))
		return raise_selector(x, INSN_EXC_NP, g.selector);
	if (call && !(desc_type(&code) & TYPE_CONFORMING) && desc_dpl(&code) < cpl)
		return call_inner(x, &g, &code, bytes);
	if (call) {
		TRY(current_stack(x, &s));
		if (bytes == 8)
			s.width = 8;
		frame_add(&f, x->cpu->seg[INSN_CS].selector);
		frame_add(&f, x->rip);
	}
	TRY(check_target(x, &code.seg, g.offset));
	if (call)
		TRY(push_frame(x, &s, &f, bytes));
	TRY(mark_accessed(x, &code));
	if (call)
		commit_sp(x, &s);
	commit_code(x, &code.seg, cpl, g.offset);
	return INSN_DONE;
}

/* A TSS, or a task gate that names one. */
static int far_to_task(struct exec *x, const struct descriptor *d, bool call)
{
	u16 selector = d->seg.selector, tss = selector;

	if (desc_dpl(d) < x->cpu->cpl || desc_dpl(d) < (selector & 3U))
		return raise_selector(x, INSN_EXC_GP, selector);
	if (desc_type(d) == SYS_TASK_GATE) {
		if (!desc_present(d))
			return raise_selector(x, INSN_EXC_NP, selector);
		tss = (u16)(d->low >> 16);
	}
	return task_switch(x, tss, call ? INSN_TASK_CALL : INSN_TASK_JMP, NULL);
}

static int far_transfer(struct exec *x, u16 selector, u64 offset, bool call)
{
	struct descriptor d;

	if (!is_protected(x->cpu))
		return far_real(x, selector, offset, call);
	if (is_null(selector))
		return gp0(x);
	TRY(fetch_descriptor(x, selector, INSN_EXC_GP, true, &d));
	if (desc_is_code(&d))
		return far_to_code(x, &d, offset, call);
	if (!desc_is_system(&d))
		return raise_selector(x, INSN_EXC_GP, selector);
	switch (desc_type(&d)) {
	case SYS_CALL:
		return far_to_gate(x, &d, call);
	case SYS_CALL16:
		if (!is_long(x->cpu))
			return far_to_gate(x, &d, call);
		break;
	case SYS_TASK_GATE:
	case SYS_TSS16:
	case SYS_TSS:
		if (!is_long(x->cpu))
			return far_to_task(x, &d, call);
		break;
	}
	return raise_selector(x, INSN_EXC_GP, selector);
}

static int far_operand(struct exec *x, u64 *offset, u64 *selector)
{
	if (OPC_KIND(x->insn->row->op[0]) != K_FAR)
		return read_far_pointer(x, offset, selector);
	*offset = x->insn->imm;
	*selector = x->insn->imm2;
	return INSN_DONE;
}

int x_jmp_far(struct exec *x)
{
	u64 offset, selector;

	TRY(far_operand(x, &offset, &selector));
	return far_transfer(x, (u16)selector, offset, false);
}

int x_call_far(struct exec *x)
{
	u64 offset, selector;

	TRY(far_operand(x, &offset, &selector));
	return far_transfer(x, (u16)selector, offset, true);
}

/* ----- RETF */

/* The code segment that a return names: its RPL is the new privilege. */
int check_return_code(struct exec *x, u16 selector, struct descriptor *d)
{
	unsigned int rpl = selector & 3;

	if (is_null(selector))
		return gp0(x);
	TRY(fetch_descriptor(x, selector, INSN_EXC_GP, false, d));
	if (rpl < x->cpu->cpl || !desc_is_code(d))
		return raise_selector(x, INSN_EXC_GP, selector);
	if (desc_type(d) & TYPE_CONFORMING ? desc_dpl(d) > rpl : desc_dpl(d) != rpl)
		return raise_selector(x, INSN_EXC_GP, selector);
	if (!desc_present(d))
		return raise_selector(x, INSN_EXC_NP, selector);
	return check_code_size(x, d);
}

/* The stack segment of a return: null is allowed in 64-bit mode outside CPL 3. */
int check_return_stack(struct exec *x, u16 selector, unsigned int cpl,
		       const struct insn_segment *cs, struct far_stack *s)
{
	bool to64 = is_long(x->cpu) && cs->attr & INSN_SEG_L;
	struct descriptor d;

	if (is_null(selector)) {
		if (!to64 || cpl == 3 || (selector & 3U) != cpl)
			return gp0(x);
		s->ss = (struct insn_segment){ .selector = selector, .attr = (u16)(cpl << 5) };
	} else {
		TRY(fetch_descriptor(x, selector, INSN_EXC_GP, false, &d));
		TRY(check_stack_segment(x, &d, cpl, INSN_EXC_GP));
		TRY(mark_accessed(x, &d));
		s->ss = d.seg;
	}
	s->width = to64 ? 8 : s->ss.attr & INSN_SEG_DB ? 4 : 2;
	return INSN_DONE;
}

int x_ret_far(struct exec *x)
{
	unsigned int bytes = x->insn->opsize, drop = (u16)x->insn->imm;
	u64 offset, selector, sp = 0, ss = 0;
	struct far_stack old, new;
	struct descriptor d;
	unsigned int rpl;

	TRY(current_stack(x, &old));
	TRY(peek_slot(x, &old, bytes, bytes, &selector));
	TRY(peek_slot(x, &old, 0, bytes, &offset));
	old.sp += bytes * 2 + drop;
	if (!is_protected(x->cpu)) {
		if (offset > x->cpu->seg[INSN_CS].limit)
			return gp0(x);
		commit_sp(x, &old);
		commit_real_segment(x->cpu, INSN_CS, (u16)selector);
		x->rip = offset;
		return INSN_DONE;
	}
	rpl = selector & 3;
	if (rpl != x->cpu->cpl) {
		TRY(peek_slot(x, &old, bytes, bytes, &ss));
		TRY(peek_slot(x, &old, 0, bytes, &sp));
	}
	TRY(check_return_code(x, (u16)selector, &d));
	if (rpl == x->cpu->cpl) {
		TRY(check_target(x, &d.seg, offset));
		TRY(mark_accessed(x, &d));
		commit_sp(x, &old);
		commit_code(x, &d.seg, rpl, offset);
		return INSN_DONE;
	}
	TRY(check_target(x, &d.seg, offset));
	TRY(check_return_stack(x, (u16)ss, rpl, &d.seg, &new));
	TRY(mark_accessed(x, &d));
	new.sp = sp + drop;
	commit_stack(x, &new);
	commit_code(x, &d.seg, rpl, offset);
	drop_inner_segments(x->cpu);
	return INSN_DONE;
}
