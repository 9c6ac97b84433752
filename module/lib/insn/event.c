// SPDX-License-Identifier: GPL-2.0-only
/*
 * Delivery of interrupts and exceptions, the INT family, and IRET.
 *
 * Pure functions over struct exec; takes no locks. SDM volume 3 chapter 6 and
 * section 20.3 (virtual-8086 mode), volume 2 INT n and IRET; APM volume 2
 * chapter 8.
 */
#include "far.h"

static bool is_software(const struct insn_event *event)
{
	return event->type == INSN_EVENT_SOFT_INT || event->type == INSN_EVENT_SOFT_EXC;
}

/* Faults of the IDT name the vector: bit 1 says so. */
static int raise_idt(struct exec *x, u8 vector, const struct insn_event *event)
{
	return raise(x, vector, event->vector * 8U + 2 + x->ext);
}

static int read_idt(struct exec *x, const struct insn_event *event, unsigned int bytes, u64 entry[2])
{
	u64 base, offset = (u64)event->vector * bytes;
	u16 limit;

	if (!x->cpu->ops->get_table)
		return INSN_UNIMPLEMENTED;
	TRY(x->cpu->ops->get_table(x->cpu, INSN_IDTR, &base, &limit));
	if (offset + bytes - 1 > limit)
		return raise_idt(x, INSN_EXC_GP, event);
	return sys_read(x->cpu, base + offset, entry, bytes);
}

/*
 * As an 8086 does it: real mode, and software interrupts that the TSS's bitmap
 * redirects in virtual-8086 mode. @flags is the image pushed.
 */
static int deliver_real(struct exec *x, const struct insn_event *event, u64 rip, u64 flags)
{
	struct frame f = { .n = 0 };
	struct far_stack s;
	u64 entry[2] = { 0 };

	if (is_vm86(x->cpu))
		TRY(sys_read(x->cpu, event->vector * 4U, entry, 4));
	else
		TRY(read_idt(x, event, 4, entry));
	TRY(current_stack(x, &s));
	frame_add(&f, flags);
	frame_add(&f, x->cpu->seg[INSN_CS].selector);
	frame_add(&f, rip);
	if ((entry[0] & 0xffff) > x->cpu->seg[INSN_CS].limit)
		return gp0(x);
	TRY(push_frame(x, &s, &f, 2));
	commit_sp(x, &s);
	commit_real_segment(x->cpu, INSN_CS, (u16)(entry[0] >> 16));
	x->rip = entry[0] & 0xffff;
	return INSN_DONE;
}

static bool type_is_gate(const struct exec *x, unsigned int type)
{
	if (type == SYS_INT || type == SYS_TRAP)
		return true;
	return !is_long(x->cpu) &&
	       (type == SYS_INT16 || type == SYS_TRAP16 || type == SYS_TASK_GATE);
}

/* Virtual-8086 mode is left: the data segments are pushed and become null. */
static void push_vm86_segments(struct exec *x, struct frame *f)
{
	static const u8 order[] = { INSN_GS, INSN_FS, INSN_DS, INSN_ES };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(order); i++)
		frame_add(f, x->cpu->seg[order[i]].selector);
}

static int stack_for_event(struct exec *x, const struct gate *g, unsigned int cpl,
			   struct far_stack *s)
{
	struct insn_cpu *cpu = x->cpu;

	if (is_long(cpu) && g->ist) {
		const struct insn_segment *tr = &cpu->seg[INSN_TR];
		u32 offset = 36 + 8 * (g->ist - 1);

		TRY(load_segment_cache(cpu, INSN_TR));
		if (offset + 7 > tr->limit)
			return raise_selector(x, INSN_EXC_TS, tr->selector);
		TRY(sys_read(cpu, tr->base + offset, &s->sp, 8));
		if (!is_canonical(cpu, s->sp))
			return raise(x, INSN_EXC_SS, x->ext);
		/* SS becomes null when privilege changes, and stays otherwise. */
		TRY(load_segment_cache(cpu, INSN_SS));
		s->ss = cpu->seg[INSN_SS];
		if (cpl < cpu->cpl)
			s->ss = (struct insn_segment){ .selector = (u16)cpl,
						       .attr = (u16)(cpl << 5) };
		s->cpl = (u8)cpl;
		s->error = 0;
	} else if (cpl < cpu->cpl) {
		TRY(inner_stack(x, cpl, s));
	} else {
		TRY(current_stack(x, s));
	}
	if (is_long(cpu)) {
		s->width = 8;
		s->sp &= ~15ULL;
	}
	return INSN_DONE;
}

static int deliver_protected(struct exec *x, const struct insn_event *event, u64 rip)
{
	struct insn_cpu *cpu = x->cpu;
	bool wide = is_long(cpu), from_vm86 = is_vm86(cpu);
	u64 flags = cpu->rflags, entry[2] = { 0 };
	struct frame f = { .n = 0 };
	struct far_stack s;
	struct descriptor d;
	unsigned int cpl, bytes;
	struct gate g;

	TRY(read_idt(x, event, wide ? 16 : 8, entry));
	unpack_gate(entry[0], entry[1], &g);
	if (!type_is_gate(x, g.type) || entry[0] >> 44 & 1)
		return raise_idt(x, INSN_EXC_GP, event);
	if (is_software(event) && g.dpl < cpu->cpl)
		return raise_idt(x, INSN_EXC_GP, event);
	if (!g.present)
		return raise_idt(x, INSN_EXC_NP, event);
	if (g.type == SYS_TASK_GATE) {
		x->rip = rip;
		return task_switch(x, g.selector, INSN_TASK_GATE, event);
	}
	if (is_null(g.selector))
		return raise(x, INSN_EXC_GP, x->ext);
	TRY(fetch_descriptor(x, g.selector, INSN_EXC_GP, false, &d));
	if (!desc_is_code(&d) || desc_dpl(&d) > cpu->cpl)
		return raise_selector(x, INSN_EXC_GP, g.selector);
	if (wide && (d.seg.attr & (INSN_SEG_L | INSN_SEG_DB)) != INSN_SEG_L)
		return raise_selector(x, INSN_EXC_GP, g.selector);
	if (!desc_present(&d))
		return raise_selector(x, INSN_EXC_NP, g.selector);
	cpl = desc_type(&d) & TYPE_CONFORMING ? cpu->cpl : desc_dpl(&d);
	if (from_vm86 && cpl)
		return raise_selector(x, INSN_EXC_GP, g.selector);
	bytes = wide ? 8 : g.type & 8 ? 4 : 2;

	TRY(stack_for_event(x, &g, cpl, &s));
	TRY(load_segment_cache(cpu, INSN_SS));
	if (from_vm86)
		push_vm86_segments(x, &f);
	if (wide || cpl < cpu->cpl) {
		frame_add(&f, cpu->seg[INSN_SS].selector);
		frame_add(&f, cpu->gpr[INSN_RSP]);
	}
	frame_add(&f, flags);
	frame_add(&f, cpu->seg[INSN_CS].selector);
	frame_add(&f, rip);
	if (event->has_error)
		frame_add(&f, event->error);
	TRY(check_target(x, &d.seg, g.offset));
	TRY(push_frame(x, &s, &f, bytes));
	TRY(mark_accessed(x, &d));

	x->flags = flags & ~(u64)(FL_TF | FL_NT | FL_RF | FL_VM);
	if (g.type == SYS_INT || g.type == SYS_INT16)
		x->flags &= ~(u64)FL_IF;
	/* Segment commits below must not take the virtual-8086 path. */
	cpu->rflags &= ~(u64)FL_VM;
	if (from_vm86) {
		commit_null_segment(cpu, INSN_ES, 0);
		commit_null_segment(cpu, INSN_DS, 0);
		commit_null_segment(cpu, INSN_FS, 0);
		commit_null_segment(cpu, INSN_GS, 0);
	}
	commit_stack(x, &s);
	commit_code(x, &d.seg, cpl, g.offset);
	return INSN_DONE;
}

int deliver(struct exec *x, const struct insn_event *event, u64 rip)
{
	x->ext = event->type == INSN_EVENT_EXTERNAL || event->type == INSN_EVENT_EXCEPTION ||
		 event->type == INSN_EVENT_INT1;
	if (x->cpu->cr0 & CR0_PE)
		return deliver_protected(x, event, rip);
	TRY(deliver_real(x, event, rip, x->cpu->rflags));
	x->flags = x->cpu->rflags & ~(u64)(FL_IF | FL_TF | FL_AC | FL_RF);
	return INSN_DONE;
}

void exec_without_insn(struct exec *x, struct insn_cpu *cpu, struct insn *dummy)
{
	*dummy = (struct insn){ .mode = (u8)insn_cpu_mode(cpu), .base = INSN_REG_NONE,
				.index = INSN_REG_NONE, .opsize = 4 };
	*x = (struct exec){ .cpu = cpu, .insn = dummy, .rip = cpu->rip, .flags = cpu->rflags };
}

int insn_deliver(struct insn_cpu *cpu, const struct insn_event *event)
{
	struct insn dummy;
	struct exec x;

	cpu->events = 0;
	exec_without_insn(&x, cpu, &dummy);
	TRY(deliver(&x, event, cpu->rip));
	cpu->rip = x.rip;
	cpu->rflags = x.flags;
	return INSN_DONE;
}

/* ----- INT n, INT3, INTO, INT1 */

/*
 * INT n in virtual-8086 mode, SDM volume 3 table 20-2: 0 handled here, 1 goes
 * through the IDT, else a result.
 */
static int int_vm86(struct exec *x, const struct insn_event *event, bool *through_idt)
{
	struct insn_cpu *cpu = x->cpu;
	bool trusted = (cpu->rflags & FL_IOPL) == FL_IOPL;
	const struct insn_segment *tr = &cpu->seg[INSN_TR];
	u64 image = cpu->rflags;
	u16 map_base;
	u8 redirect = 1;

	*through_idt = true;
	if (cpu->cr4 & CR4_VME) {
		TRY(load_segment_cache(cpu, INSN_TR));
		TRY(sys_read(cpu, tr->base + 102, &map_base, 2));
		/* The 32-byte map lies directly below the I/O permission map. */
		if ((u32)map_base - 32 + event->vector / 8 > tr->limit)
			return gp0(x);
		TRY(sys_read(cpu, tr->base + map_base - 32 + event->vector / 8, &redirect, 1));
		redirect = redirect >> (event->vector & 7) & 1;
	}
	if (redirect)
		return trusted ? INSN_DONE : gp0(x);
	*through_idt = false;
	if (!trusted) {
		image = (image & ~(u64)FL_IF) | FL_IOPL;
		if (cpu->rflags & FL_VIF)
			image |= FL_IF;
	}
	TRY(deliver_real(x, event, x->rip, image));
	x->flags &= ~(u64)(FL_TF | FL_NT | (trusted ? FL_IF : FL_VIF));
	return INSN_DONE;
}

int x_int(struct exec *x)
{
	struct insn_event event = { .vector = (u8)x->insn->imm, .type = INSN_EVENT_SOFT_INT };
	bool through_idt;

	if (is_vm86(x->cpu)) {
		TRY(int_vm86(x, &event, &through_idt));
		if (!through_idt)
			return INSN_DONE;
	}
	return deliver(x, &event, x->rip);
}

int x_int3(struct exec *x)
{
	struct insn_event event = { .vector = INSN_EXC_BP, .type = INSN_EVENT_SOFT_EXC };

	return deliver(x, &event, x->rip);
}

int x_into(struct exec *x)
{
	struct insn_event event = { .vector = INSN_EXC_OF, .type = INSN_EVENT_SOFT_EXC };

	if (!(x->flags & FL_OF))
		return INSN_DONE;
	return deliver(x, &event, x->rip);
}

int x_int1(struct exec *x)
{
	struct insn_event event = { .vector = INSN_EXC_DB, .type = INSN_EVENT_INT1 };

	return deliver(x, &event, x->rip);
}

/* ----- IRET */

static void load_flags(struct exec *x, u64 flags, u64 mask)
{
	x->flags = (x->flags & ~mask) | (flags & mask);
}

static int iret_real(struct exec *x, const struct far_stack *s, u64 offset, u64 selector, u64 flags)
{
	unsigned int bytes = x->insn->opsize;
	u64 mask = writable_flags(x->cpu, bytes);

	if (offset > x->cpu->seg[INSN_CS].limit)
		return gp0(x);
	commit_sp(x, s);
	commit_real_segment(x->cpu, INSN_CS, (u16)selector);
	x->rip = offset;
	load_flags(x, flags, mask);
	return INSN_DONE;
}

/* Below IOPL 3 the VME form works on VIF, with 16-bit operands only. */
static int iret_vm86(struct exec *x, const struct far_stack *s, u64 offset, u64 selector, u64 flags)
{
	unsigned int bytes = x->insn->opsize;
	u64 mask = writable_flags(x->cpu, bytes) & ~(u64)FL_IOPL;

	if ((x->flags & FL_IOPL) == FL_IOPL) {
		TRY(iret_real(x, s, offset, selector, (flags & ~(u64)FL_IOPL) | FL_IOPL));
		return INSN_DONE;
	}
	if (!(x->cpu->cr4 & CR4_VME) || bytes != 2)
		return gp0(x);
	if (flags & FL_TF || (flags & FL_IF && x->flags & FL_VIP))
		return gp0(x);
	if (offset > x->cpu->seg[INSN_CS].limit)
		return gp0(x);
	commit_sp(x, s);
	commit_real_segment(x->cpu, INSN_CS, (u16)selector);
	x->rip = offset;
	load_flags(x, flags, mask & ~(u64)FL_IF);
	x->flags = (x->flags & ~(u64)FL_VIF) | (flags & FL_IF ? FL_VIF : 0);
	return INSN_DONE;
}

/* From CPL 0 with VM set in the image: six more slots, all 32 bits wide. */
static int iret_to_vm86(struct exec *x, const struct far_stack *s, u64 offset, u64 selector,
			u64 flags)
{
	static const u8 order[] = { INSN_SS, INSN_ES, INSN_DS, INSN_FS, INSN_GS };
	struct insn_cpu *cpu = x->cpu;
	u64 sp, value[ARRAY_SIZE(order)];
	unsigned int i;

	TRY(peek_slot(x, s, 0, 4, &sp));
	for (i = 0; i < ARRAY_SIZE(order); i++)
		TRY(peek_slot(x, s, 4 + i * 4, 4, &value[i]));
	if (offset > 0xffff)
		return gp0(x);
	cpu->rflags |= FL_VM;
	cpu->cpl = 3;
	for (i = 0; i < ARRAY_SIZE(order); i++)
		commit_real_segment(cpu, order[i], (u16)value[i]);
	commit_real_segment(cpu, INSN_CS, (u16)selector);
	cpu->gpr[INSN_RSP] = (u32)sp;
	x->rip = offset;
	x->flags = (flags & 0x3f7fd5) | FL_ONE;
	return INSN_DONE;
}

static int iret_protected(struct exec *x, struct far_stack *old)
{
	unsigned int bytes = x->insn->opsize, rpl;
	struct insn_cpu *cpu = x->cpu;
	u64 offset, selector, flags, sp = 0, ss = 0, mask;
	struct far_stack new;
	struct descriptor d;
	bool pops_stack;

	if (x->flags & FL_NT) {
		if (is_long(cpu))
			return gp0(x);
		return task_switch(x, 0, INSN_TASK_IRET, NULL);
	}
	TRY(peek_slot(x, old, bytes * 2, bytes, &flags));
	TRY(peek_slot(x, old, bytes, bytes, &selector));
	TRY(peek_slot(x, old, 0, bytes, &offset));
	old->sp += bytes * 3;
	if (!is_long(cpu) && flags & FL_VM && !cpu->cpl && bytes == 4)
		return iret_to_vm86(x, old, offset, selector, flags);

	rpl = selector & 3;
	pops_stack = is_64bit(x) || rpl != cpu->cpl;
	if (pops_stack) {
		TRY(peek_slot(x, old, bytes, bytes, &ss));
		TRY(peek_slot(x, old, 0, bytes, &sp));
	}
	TRY(check_return_code(x, (u16)selector, &d));
	TRY(check_target(x, &d.seg, offset));
	if (pops_stack)
		TRY(check_return_stack(x, (u16)ss, rpl, &d.seg, &new));
	TRY(mark_accessed(x, &d));

	mask = writable_flags(cpu, bytes);
	if (bytes > 2 && !cpu->cpl)
		mask |= FL_VIF | FL_VIP;
	load_flags(x, flags, mask);
	if (pops_stack) {
		new.sp = sp;
		commit_stack(x, &new);
	} else {
		commit_sp(x, old);
	}
	if (rpl != cpu->cpl) {
		commit_code(x, &d.seg, rpl, offset);
		drop_inner_segments(cpu);
	} else {
		commit_code(x, &d.seg, rpl, offset);
	}
	return INSN_DONE;
}

int x_iret(struct exec *x)
{
	unsigned int bytes = x->insn->opsize;
	u64 offset, selector, flags;
	struct far_stack s;

	TRY(current_stack(x, &s));
	if (is_protected(x->cpu)) {
		TRY(iret_protected(x, &s));
	} else {
		if (is_vm86(x->cpu) && (x->flags & FL_IOPL) != FL_IOPL &&
		    (!(x->cpu->cr4 & CR4_VME) || bytes != 2))
			return gp0(x);
		TRY(peek_slot(x, &s, bytes * 2, bytes, &flags));
		TRY(peek_slot(x, &s, bytes, bytes, &selector));
		TRY(peek_slot(x, &s, 0, bytes, &offset));
		s.sp += bytes * 3;
		if (is_vm86(x->cpu))
			TRY(iret_vm86(x, &s, offset, selector, flags));
		else
			TRY(iret_real(x, &s, offset, selector, flags));
	}
	x->cpu->events |= INSN_EV_NMI_UNMASK;
	return INSN_DONE;
}
