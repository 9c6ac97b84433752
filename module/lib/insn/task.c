// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hardware task switches: 16- and 32-bit TSS, by JMP, CALL, IRET and task gate.
 *
 * Pure functions over struct exec; takes no locks. SDM volume 3 chapter 7.
 */
#include "far.h"

/* Offsets in a TSS. SDM volume 3 figures 7-2 and 7-10. */
struct layout {
	u8 bytes;	/* of a register slot */
	u8 cr3, eip, flags, gpr, seg, ldt, trap;
	u8 segs, min_limit;
};

static const struct layout layout32 = {
	.bytes = 4, .cr3 = 0x1c, .eip = 0x20, .flags = 0x24, .gpr = 0x28, .seg = 0x48, .ldt = 0x60,
	.trap = 0x64, .segs = 6, .min_limit = 0x67,
};

static const struct layout layout16 = {
	.bytes = 2, .eip = 0x0e, .flags = 0x10, .gpr = 0x12, .seg = 0x22, .ldt = 0x2a, .segs = 4,
	.min_limit = 0x2b,
};

/* The part of a TSS that a switch reads or writes. */
struct tss {
	u64 cr3, eip, flags, gpr[8], seg[6], ldt, trap;
};

static int slot(struct exec *x, u64 base, unsigned int offset, unsigned int bytes, u64 *value)
{
	*value = 0;
	return sys_read(x->cpu, base + offset, value, bytes);
}

static int read_tss(struct exec *x, const struct layout *l, u64 base, struct tss *t)
{
	unsigned int i;

	*t = (struct tss){ .trap = 0 };
	if (l->cr3)
		TRY(slot(x, base, l->cr3, 4, &t->cr3));
	TRY(slot(x, base, l->eip, l->bytes, &t->eip));
	TRY(slot(x, base, l->flags, l->bytes, &t->flags));
	for (i = 0; i < 8; i++)
		TRY(slot(x, base, l->gpr + i * l->bytes, l->bytes, &t->gpr[i]));
	for (i = 0; i < l->segs; i++)
		TRY(slot(x, base, l->seg + i * l->bytes, 2, &t->seg[i]));
	TRY(slot(x, base, l->ldt, 2, &t->ldt));
	if (l->trap)
		TRY(slot(x, base, l->trap, 2, &t->trap));
	return INSN_DONE;
}

static int save_tss(struct exec *x, const struct layout *l, u64 base, u64 flags)
{
	struct insn_cpu *cpu = x->cpu;
	unsigned int i;

	TRY(sys_write(cpu, base + l->eip, &x->rip, l->bytes));
	TRY(sys_write(cpu, base + l->flags, &flags, l->bytes));
	for (i = 0; i < 8; i++)
		TRY(sys_write(cpu, base + l->gpr + i * l->bytes, &cpu->gpr[i], l->bytes));
	for (i = 0; i < l->segs; i++) {
		TRY(load_segment_cache(cpu, i));
		TRY(sys_write(cpu, base + l->seg + i * l->bytes, &cpu->seg[i].selector, 2));
	}
	return INSN_DONE;
}

/* Everything that can still fault in the old task, and be as if nothing had happened. */
static int find_task(struct exec *x, u16 selector, enum insn_task_reason reason,
		     struct descriptor *d)
{
	/* IRET looks the back link up: its faults are #TS. */
	u8 vector = reason == INSN_TASK_IRET ? INSN_EXC_TS : INSN_EXC_GP;
	bool busy;

	if (is_null(selector) || selector & 4)
		return raise_selector(x, vector, selector);
	TRY(fetch_descriptor(x, selector, vector, false, d));
	if (!desc_is_system(d) || (desc_type(d) & 5) != 1)
		return raise_selector(x, vector, selector);
	busy = desc_type(d) & 2;
	if (busy != (reason == INSN_TASK_IRET))
		return raise_selector(x, vector, selector);
	if (!desc_present(d))
		return raise_selector(x, INSN_EXC_NP, selector);
	if (d->seg.limit < (desc_type(d) & 8 ? layout32.min_limit : layout16.min_limit))
		return raise_selector(x, INSN_EXC_TS, selector);
	return INSN_DONE;
}

/* ----- in the new task: descriptors are loaded, faults are #TS and its own */

static int load_ldt(struct exec *x, u16 selector)
{
	struct descriptor d;

	commit_null_segment(x->cpu, INSN_LDTR, selector);
	if (is_null(selector))
		return INSN_DONE;
	if (selector & 4)
		return raise_selector(x, INSN_EXC_TS, selector);
	TRY(fetch_descriptor(x, selector, INSN_EXC_TS, false, &d));
	if (!desc_is_system(&d) || desc_type(&d) != SYS_LDT || !desc_present(&d))
		return raise_selector(x, INSN_EXC_TS, selector);
	commit_segment(x->cpu, INSN_LDTR, &d.seg);
	return INSN_DONE;
}

static int load_code(struct exec *x, u16 selector)
{
	unsigned int rpl = selector & 3;
	struct descriptor d;

	if (is_null(selector))
		return raise_selector(x, INSN_EXC_TS, selector);
	TRY(fetch_descriptor(x, selector, INSN_EXC_TS, false, &d));
	if (!desc_is_code(&d))
		return raise_selector(x, INSN_EXC_TS, selector);
	if (desc_type(&d) & TYPE_CONFORMING ? desc_dpl(&d) > rpl : desc_dpl(&d) != rpl)
		return raise_selector(x, INSN_EXC_TS, selector);
	if (!desc_present(&d))
		return raise_selector(x, INSN_EXC_NP, selector);
	TRY(mark_accessed(x, &d));
	commit_segment(x->cpu, INSN_CS, &d.seg);
	return INSN_DONE;
}

static int load_stack(struct exec *x, u16 selector)
{
	struct descriptor d;

	if (is_null(selector))
		return raise_selector(x, INSN_EXC_TS, selector);
	TRY(fetch_descriptor(x, selector, INSN_EXC_TS, false, &d));
	TRY(check_stack_segment(x, &d, x->cpu->cpl, INSN_EXC_TS));
	TRY(mark_accessed(x, &d));
	commit_segment(x->cpu, INSN_SS, &d.seg);
	return INSN_DONE;
}

static int load_data(struct exec *x, unsigned int nr, u16 selector)
{
	unsigned int cpl = x->cpu->cpl, rpl = selector & 3;
	struct descriptor d;

	if (is_null(selector))
		return INSN_DONE;
	TRY(fetch_descriptor(x, selector, INSN_EXC_TS, false, &d));
	if (desc_is_system(&d) || (desc_is_code(&d) && !(desc_type(&d) & TYPE_WRITE)))
		return raise_selector(x, INSN_EXC_TS, selector);
	if (!(desc_is_code(&d) && desc_type(&d) & TYPE_CONFORMING) &&
	    (rpl > desc_dpl(&d) || cpl > desc_dpl(&d)))
		return raise_selector(x, INSN_EXC_TS, selector);
	if (!desc_present(&d))
		return raise_selector(x, INSN_EXC_NP, selector);
	TRY(mark_accessed(x, &d));
	commit_segment(x->cpu, nr, &d.seg);
	return INSN_DONE;
}

static int enter_task(struct exec *x, const struct tss *t)
{
	static const u8 data[] = { INSN_DS, INSN_ES, INSN_FS, INSN_GS };
	struct insn_cpu *cpu = x->cpu;
	unsigned int i;

	/* Selectors are loaded first; until its descriptor is, a segment is unusable. */
	for (i = 0; i < 6; i++)
		commit_null_segment(cpu, i, (u16)t->seg[i]);
	if (cpu->rflags & FL_VM) {
		cpu->cpl = 3;
		for (i = 0; i < 6; i++)
			commit_real_segment(cpu, i, (u16)t->seg[i]);
		return load_ldt(x, (u16)t->ldt);
	}
	cpu->cpl = t->seg[INSN_CS] & 3;
	TRY(load_ldt(x, (u16)t->ldt));
	TRY(load_code(x, (u16)t->seg[INSN_CS]));
	TRY(load_stack(x, (u16)t->seg[INSN_SS]));
	for (i = 0; i < ARRAY_SIZE(data); i++)
		TRY(load_data(x, data[i], (u16)t->seg[data[i]]));
	return check_target(x, &cpu->seg[INSN_CS], cpu->rip);
}

static int push_error(struct exec *x, u32 error, unsigned int bytes)
{
	struct frame f = { .n = 0 };
	struct far_stack s;

	TRY(current_stack(x, &s));
	s.width = x->cpu->seg[INSN_SS].attr & INSN_SEG_DB ? 4 : 2;
	frame_add(&f, error);
	TRY(push_frame(x, &s, &f, bytes));
	commit_sp(x, &s);
	return INSN_DONE;
}

int task_switch(struct exec *x, u16 selector, enum insn_task_reason reason,
		const struct insn_event *event)
{
	bool nested = reason == INSN_TASK_CALL || reason == INSN_TASK_GATE;
	const struct layout *old_layout, *new_layout;
	struct insn_cpu *cpu = x->cpu;
	struct insn_segment *tr = &cpu->seg[INSN_TR];
	struct descriptor old, new;
	u64 saved_flags = x->flags, link;
	struct tss t;
	unsigned int i;

	TRY(load_segment_cache(cpu, INSN_TR));
	if (reason == INSN_TASK_IRET) {
		TRY(slot(x, tr->base, 0, 2, &link));
		selector = (u16)link;
		saved_flags &= ~(u64)FL_NT;
	}
	TRY(find_task(x, selector, reason, &new));
	new_layout = desc_type(&new) & 8 ? &layout32 : &layout16;
	old_layout = tr->attr & 8 ? &layout32 : &layout16;
	if (!nested)
		TRY(fetch_descriptor(x, tr->selector, INSN_EXC_TS, false, &old));
	TRY(read_tss(x, new_layout, new.seg.base, &t));

	/* From here on memory changes; SDM steps 5 to 10. */
	if (!nested)
		TRY(set_busy(x, &old, false));
	TRY(save_tss(x, old_layout, tr->base, saved_flags));
	if (nested) {
		TRY(sys_write(cpu, new.seg.base, &tr->selector, 2));
		t.flags |= FL_NT;
	}
	if (reason != INSN_TASK_IRET)
		TRY(set_busy(x, &new, true));
	commit_segment(cpu, INSN_TR, &new.seg);
	if (cpu->ops->write_cr) {
		TRY(cpu->ops->write_cr(cpu, 0, cpu->cr0 | CR0_TS));
		if (new_layout->cr3 && cpu->cr0 & CR0_PG)
			TRY(cpu->ops->write_cr(cpu, 3, t.cr3));
	}

	/* The new task: what faults now, faults there. */
	for (i = 0; i < 8; i++)
		cpu->gpr[i] = new_layout->bytes == 2 ? t.gpr[i] | 0xffff0000 : t.gpr[i];
	cpu->rip = t.eip;
	cpu->rflags = (t.flags & 0x3f7fd5) | FL_ONE;
	x->rip = cpu->rip;
	x->flags = cpu->rflags;
	if (new_layout->trap && t.trap & 1)
		cpu->events |= INSN_EV_TASK;
	TRY(enter_task(x, &t));
	if (event && event->has_error)
		TRY(push_error(x, event->error, new_layout->bytes));
	return INSN_DONE;
}

int insn_task_switch(struct insn_cpu *cpu, u16 selector, enum insn_task_reason reason,
		     const struct insn_event *event)
{
	struct insn dummy;
	struct exec x;

	cpu->events = 0;
	exec_without_insn(&x, cpu, &dummy);
	TRY(task_switch(&x, selector, reason, event));
	cpu->rip = x.rip;
	cpu->rflags = x.flags;
	return INSN_DONE;
}
