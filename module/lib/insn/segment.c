// SPDX-License-Identifier: GPL-2.0-only
/*
 * Segment registers: loads with all checks, system segments, and the
 * instructions that only look at descriptors.
 *
 * Pure functions over struct exec; takes no locks. SDM volume 3 chapters 3 and
 * 5, APM volume 2 chapter 4.
 */
#include "segment.h"

void unpack_descriptor(struct descriptor *d, u16 selector)
{
	u64 low = d->low;
	u32 limit = (low & 0xffff) | (low >> 32 & 0xf0000);

	d->seg.selector = selector;
	d->seg.attr = (low >> 40 & 0xff) | (low >> 44 & 0xf00);
	d->seg.limit = d->seg.attr & INSN_SEG_G ? limit << 12 | 0xfff : limit;
	d->seg.base = (low >> 16 & 0xffffff) | (low >> 32 & 0xff000000);
}

int fetch_descriptor(struct exec *x, u16 selector, u8 vector, bool wide, struct descriptor *d)
{
	struct insn_cpu *cpu = x->cpu;
	u32 offset = selector & ~7U;
	u64 base;
	u16 limit16;
	u32 limit;

	if (selector & 4) {
		const struct insn_segment *ldt = &cpu->seg[INSN_LDTR];

		TRY(load_segment_cache(cpu, INSN_LDTR));
		if (!(ldt->attr & INSN_SEG_P))
			return raise_selector(x, vector, selector);
		base = ldt->base;
		limit = ldt->limit;
	} else {
		if (!cpu->ops->get_table)
			return INSN_UNIMPLEMENTED;
		TRY(cpu->ops->get_table(cpu, INSN_GDTR, &base, &limit16));
		limit = limit16;
	}
	if (offset + 7 > limit)
		return raise_selector(x, vector, selector);
	d->address = base + offset;
	d->low = 0;
	d->high = 0;
	TRY(sys_read(cpu, d->address, &d->low, 8));
	unpack_descriptor(d, selector);
	if (wide && is_long(cpu) && desc_is_system(d)) {
		if (offset + 15 > limit)
			return raise_selector(x, vector, selector);
		TRY(sys_read(cpu, d->address + 8, &d->high, 8));
		d->seg.base |= d->high << 32;
	}
	return INSN_DONE;
}

int mark_accessed(struct exec *x, struct descriptor *d)
{
	u8 old = (u8)(d->low >> 40), new = old | TYPE_ACCESSED;

	if (old == new)
		return INSN_DONE;
	if (x->cpu->ops->compare_swap)
		TRY(x->cpu->ops->compare_swap(x->cpu, d->address + 5, &old, &new, 1, INSN_ACC_SYSTEM));
	else
		TRY(sys_write(x->cpu, d->address + 5, &new, 1));
	if (old != (u8)(d->low >> 40))
		return INSN_RETRY;
	d->seg.attr |= TYPE_ACCESSED;
	return INSN_DONE;
}

void commit_segment(struct insn_cpu *cpu, unsigned int nr, const struct insn_segment *seg)
{
	cpu->seg[nr] = *seg;
	cpu->seg_valid |= BIT(nr);
	if (cpu->ops->set_segment)
		cpu->ops->set_segment(cpu, nr);
}

/* Real mode changes the base alone; virtual-8086 mode has fixed rights. */
void commit_real_segment(struct insn_cpu *cpu, unsigned int nr, u16 selector)
{
	struct insn_segment seg = cpu->seg[nr];

	seg.selector = selector;
	seg.base = (u64)selector << 4;
	if (is_vm86(cpu)) {
		seg.limit = 0xffff;
		seg.attr = INSN_SEG_P | INSN_SEG_DPL | INSN_SEG_S | TYPE_WRITE | TYPE_ACCESSED;
	}
	commit_segment(cpu, nr, &seg);
}

void commit_null_segment(struct insn_cpu *cpu, unsigned int nr, u16 selector)
{
	struct insn_segment seg = { .selector = selector };

	/* A null SS in 64-bit mode keeps its privilege, which is the CPL. */
	if (nr == INSN_SS)
		seg.attr = (selector & 3) << 5;
	commit_segment(cpu, nr, &seg);
}

int check_stack_segment(struct exec *x, const struct descriptor *d, unsigned int cpl, u8 vector)
{
	u16 selector = d->seg.selector;

	if ((selector & 3) != cpl || desc_dpl(d) != cpl || !desc_is_writable_data(d))
		return raise_selector(x, vector, selector);
	if (!desc_present(d))
		return raise_selector(x, INSN_EXC_SS, selector);
	return INSN_DONE;
}

static int load_protected(struct exec *x, unsigned int nr, u16 selector)
{
	struct insn_cpu *cpu = x->cpu;
	struct descriptor d;

	if (is_null(selector)) {
		if (nr == INSN_SS && (!is_64bit(x) || cpu->cpl == 3 || (selector & 3) != cpu->cpl))
			return gp0(x);
		commit_null_segment(cpu, nr, selector);
		return INSN_DONE;
	}
	TRY(fetch_descriptor(x, selector, INSN_EXC_GP, false, &d));
	if (nr == INSN_SS) {
		TRY(check_stack_segment(x, &d, cpu->cpl, INSN_EXC_GP));
	} else {
		unsigned int rpl = selector & 3;
		bool code = desc_is_code(&d);

		if (desc_is_system(&d) || (code && !(desc_type(&d) & TYPE_WRITE)))
			return raise_selector(x, INSN_EXC_GP, selector);
		if (!(code && desc_type(&d) & TYPE_CONFORMING) &&
		    (rpl > desc_dpl(&d) || cpu->cpl > desc_dpl(&d)))
			return raise_selector(x, INSN_EXC_GP, selector);
		if (!desc_present(&d))
			return raise_selector(x, INSN_EXC_NP, selector);
	}
	TRY(mark_accessed(x, &d));
	commit_segment(cpu, nr, &d.seg);
	return INSN_DONE;
}

int load_segment(struct exec *x, unsigned int nr, u16 selector)
{
	if (is_protected(x->cpu))
		return load_protected(x, nr, selector);
	TRY(load_segment_cache(x->cpu, nr));
	commit_real_segment(x->cpu, nr, selector);
	return INSN_DONE;
}

static void hold_interrupts(struct exec *x, unsigned int nr)
{
	if (nr == INSN_SS)
		x->cpu->events |= INSN_EV_SHADOW_SS;
}

int x_mov_from_seg(struct exec *x)
{
	unsigned int nr = x->insn->modrm >> 3 & 7;

	TRY(load_segment_cache(x->cpu, nr));
	return put_op(x, 0, op_is_mem(x, 0) ? 2 : x->insn->opsize, x->cpu->seg[nr].selector);
}

int x_mov_to_seg(struct exec *x)
{
	unsigned int nr = x->insn->modrm >> 3 & 7;
	u64 selector;

	TRY(get_op(x, 1, 2, &selector));
	TRY(load_segment(x, nr, (u16)selector));
	hold_interrupts(x, nr);
	return INSN_DONE;
}

int x_push_seg(struct exec *x)
{
	unsigned int nr = OPC_NR(x->insn->row->op[0]);
	struct stack s;

	TRY(load_segment_cache(x->cpu, nr));
	TRY(stack_open(x, &s));
	TRY(stack_push(x, &s, x->cpu->seg[nr].selector, x->insn->opsize));
	stack_close(x, &s);
	return INSN_DONE;
}

int x_pop_seg(struct exec *x)
{
	unsigned int nr = OPC_NR(x->insn->row->op[0]);
	struct stack s;
	u64 selector;

	TRY(stack_open(x, &s));
	TRY(stack_pop(x, &s, &selector, x->insn->opsize));
	TRY(load_segment(x, nr, (u16)selector));
	/* The width of the stack pointer is the old SS's. */
	stack_close(x, &s);
	hold_interrupts(x, nr);
	return INSN_DONE;
}

/* LDS, LES, LSS, LFS, LGS. AMD has no 64-bit offset: REX.W leaves it at 32. */
int x_load_far(struct exec *x)
{
	static const u8 target[] = { INSN_ES, INSN_DS, INSN_SS, INSN_FS, INSN_GS };
	unsigned int bytes = x->insn->opsize, which;
	u64 offset, selector;

	switch (x->insn->id) {
	case INSN_OP_LES:
		which = 0;
		break;
	case INSN_OP_LDS:
		which = 1;
		break;
	case INSN_OP_LSS:
		which = 2;
		break;
	default:
		which = x->insn->id == INSN_OP_LFS ? 3 : 4;
		break;
	}
	TRY(read_far_pointer(x, &offset, &selector));
	TRY(load_segment(x, target[which], (u16)selector));
	hold_interrupts(x, target[which]);
	set_gpr(x, x->insn->reg, bytes, offset);
	return INSN_DONE;
}

/* m16:16, m16:32, and on Intel m16:64. */
int read_far_pointer(struct exec *x, u64 *offset, u64 *selector)
{
	unsigned int bytes = x->insn->opsize;
	u64 at = x->ea;

	if (bytes == 8 && x->cpu->vendor == INSN_VENDOR_AMD)
		bytes = 4;
	TRY(mem_read_u(x, x->insn->seg, at, offset, bytes, 0));
	at = (at + bytes) & mask_of(x->insn->adsize);
	return mem_read_u(x, x->insn->seg, at, selector, 2, 0);
}

/* ----- LDTR and TR */

int x_lldt(struct exec *x)
{
	struct descriptor d;
	u64 value;
	u16 selector;

	TRY(get_op(x, 0, 2, &value));
	selector = (u16)value;
	if (is_null(selector)) {
		commit_null_segment(x->cpu, INSN_LDTR, selector);
		return INSN_DONE;
	}
	if (selector & 4)
		return raise_selector(x, INSN_EXC_GP, selector);
	TRY(fetch_descriptor(x, selector, INSN_EXC_GP, true, &d));
	if (!desc_is_system(&d) || desc_type(&d) != SYS_LDT)
		return raise_selector(x, INSN_EXC_GP, selector);
	if (!desc_present(&d))
		return raise_selector(x, INSN_EXC_NP, selector);
	if (is_long(x->cpu) && !is_canonical(x->cpu, d.seg.base))
		return raise_selector(x, INSN_EXC_GP, selector);
	commit_segment(x->cpu, INSN_LDTR, &d.seg);
	return INSN_DONE;
}

int x_ltr(struct exec *x)
{
	struct descriptor d;
	u64 value;
	u16 selector;

	TRY(get_op(x, 0, 2, &value));
	selector = (u16)value;
	if (is_null(selector))
		return gp0(x);
	if (selector & 4)
		return raise_selector(x, INSN_EXC_GP, selector);
	TRY(fetch_descriptor(x, selector, INSN_EXC_GP, true, &d));
	if (!desc_is_system(&d) ||
	    (desc_type(&d) != SYS_TSS && (is_long(x->cpu) || desc_type(&d) != SYS_TSS16)))
		return raise_selector(x, INSN_EXC_GP, selector);
	if (!desc_present(&d))
		return raise_selector(x, INSN_EXC_NP, selector);
	if (is_long(x->cpu) && !is_canonical(x->cpu, d.seg.base))
		return raise_selector(x, INSN_EXC_GP, selector);
	TRY(set_busy(x, &d, true));
	commit_segment(x->cpu, INSN_TR, &d.seg);
	return INSN_DONE;
}

int set_busy(struct exec *x, struct descriptor *d, bool busy)
{
	u8 byte = (u8)(d->low >> 40);

	byte = busy ? byte | 2 : byte & ~2;
	TRY(sys_write(x->cpu, d->address + 5, &byte, 1));
	d->seg.attr = (d->seg.attr & ~2) | (byte & 2);
	return INSN_DONE;
}

/* ----- LAR, LSL, VERR, VERW, ARPL: faults of the lookup just clear ZF */

/* 1: @d is filled; 0: no such descriptor; else a result to return. */
static int look(struct exec *x, u16 selector, struct descriptor *d, int *found)
{
	int ret;

	*found = 0;
	if (is_null(selector))
		return INSN_DONE;
	ret = fetch_descriptor(x, selector, INSN_EXC_GP, true, d);
	if (ret == INSN_FAULT && x->cpu->fault.vector == INSN_EXC_GP)
		return INSN_DONE;
	*found = ret == INSN_DONE;
	return ret;
}

static bool visible(const struct exec *x, const struct descriptor *d)
{
	unsigned int dpl = desc_dpl(d);

	if (desc_is_code(d) && desc_type(d) & TYPE_CONFORMING)
		return true;
	return dpl >= x->cpu->cpl && dpl >= (d->seg.selector & 3U);
}

/* Which system types LAR and LSL take: SDM volume 2, tables of each. */
static bool type_for(const struct exec *x, const struct descriptor *d, bool limit)
{
	const u32 lar = BIT(SYS_TSS16) | BIT(SYS_LDT) | BIT(SYS_TSS16_BUSY) | BIT(SYS_CALL16) |
			BIT(SYS_TASK_GATE) | BIT(SYS_TSS) | BIT(SYS_TSS_BUSY) | BIT(SYS_CALL);
	const u32 lar_long = BIT(SYS_LDT) | BIT(SYS_TSS) | BIT(SYS_TSS_BUSY) | BIT(SYS_CALL);
	const u32 lsl = BIT(SYS_TSS16) | BIT(SYS_LDT) | BIT(SYS_TSS16_BUSY) | BIT(SYS_TSS) |
			BIT(SYS_TSS_BUSY);
	const u32 lsl_long = BIT(SYS_LDT) | BIT(SYS_TSS) | BIT(SYS_TSS_BUSY);

	if (!desc_is_system(d))
		return true;
	if (is_long(x->cpu))
		return (limit ? lsl_long : lar_long) >> desc_type(d) & 1;
	return (limit ? lsl : lar) >> desc_type(d) & 1;
}

/* LAR: SDM leaves bits 19:16 undefined, APM gives them: the limit's upper bits. */
static int load_rights(struct exec *x, bool limit)
{
	struct descriptor d;
	u64 selector;
	int found;

	TRY(get_op(x, 1, 2, &selector));
	TRY(look(x, (u16)selector, &d, &found));
	if (found && (!type_for(x, &d, limit) || !visible(x, &d)))
		found = 0;
	if (found)
		TRY(put_op(x, 0, x->insn->opsize, limit ? d.seg.limit : d.low >> 32 & 0x00ffff00));
	set_arith(x, FL_ZF, found ? FL_ZF : 0);
	return INSN_DONE;
}

int x_lar(struct exec *x) { return load_rights(x, false); }
int x_lsl(struct exec *x) { return load_rights(x, true); }

int x_verr(struct exec *x)
{
	bool write = x->insn->id == INSN_OP_VERW, good;
	struct descriptor d;
	u64 selector;
	int found;

	TRY(get_op(x, 0, 2, &selector));
	TRY(look(x, (u16)selector, &d, &found));
	good = found && !desc_is_system(&d) && visible(x, &d);
	if (good && write)
		good = desc_is_writable_data(&d);
	else if (good && desc_is_code(&d))
		good = desc_type(&d) & TYPE_WRITE;
	set_arith(x, FL_ZF, good ? FL_ZF : 0);
	return INSN_DONE;
}

int x_arpl(struct exec *x)
{
	u64 a, b;

	/* Memory is written only when the RPL was raised. */
	TRY(get_op(x, 0, 2, &a));
	TRY(get_op(x, 1, 2, &b));
	if ((a & 3) < (b & 3)) {
		TRY(put_op(x, 0, 2, (a & ~3ULL) | (b & 3)));
		x->flags |= FL_ZF;
	} else {
		x->flags &= ~(u64)FL_ZF;
	}
	return INSN_DONE;
}
