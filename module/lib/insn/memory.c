// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory as an instruction names it: effective address, segment, alignment.
 *
 * Pure functions over struct exec; takes no locks. SDM volume 3 chapters 3 and
 * 5, APM volume 2 chapters 1 and 4.
 */
#include "exec.h"

bool is_canonical(const struct insn_cpu *cpu, u64 linear)
{
	unsigned int unused = cpu->cr4 & CR4_LA57 ? 7 : 16;

	return (u64)((s64)(linear << unused) >> unused) == linear;
}

int load_segment_cache(struct insn_cpu *cpu, unsigned int nr)
{
	if (likely(cpu->seg_valid & BIT(nr)))
		return INSN_DONE;
	if (!cpu->ops->get_segment)
		return INSN_UNIMPLEMENTED;
	TRY(cpu->ops->get_segment(cpu, nr));
	cpu->seg_valid |= BIT(nr);
	return INSN_DONE;
}

void effective_address(struct exec *x, u64 rsp_bias)
{
	const struct insn *insn = x->insn;
	u64 ea = (u64)(s64)insn->disp;

	if (insn->base < INSN_GPRS) {
		ea += x->cpu->gpr[insn->base];
		if (unlikely(insn->base == INSN_RSP))
			ea += rsp_bias;
	} else if (insn->base == INSN_REG_RIP) {
		ea += x->cpu->rip + insn->length;
	}
	if (insn->index != INSN_REG_NONE)
		ea += x->cpu->gpr[insn->index] << insn->scale;
	x->ea = ea & mask_of(insn->adsize);
}

static int segment_fault(struct exec *x, unsigned int seg)
{
	return raise(x, seg == INSN_SS ? INSN_EXC_SS : INSN_EXC_GP, 0);
}

/* SDM volume 3 sections 5.3 and 5.5: limit, and type in protected mode. */
static int check_segment(struct exec *x, unsigned int nr, u64 offset, unsigned int bytes,
			 bool write)
{
	const struct insn_segment *seg = &x->cpu->seg[nr];
	u64 last = offset + bytes - 1;

	if (is_protected(x->cpu)) {
		bool code = seg->attr & 8;

		if (!(seg->attr & INSN_SEG_P))
			return segment_fault(x, nr);
		/* Bit 1: data writable, code readable. */
		if (write ? code || !(seg->attr & 2) : code && !(seg->attr & 2))
			return segment_fault(x, nr);
	}
	if ((seg->attr & 0xc) == 4) {
		/* Expand-down: valid above the limit. */
		if (offset <= seg->limit || last > (seg->attr & INSN_SEG_DB ? 0xffffffff : 0xffff))
			return segment_fault(x, nr);
	} else if (last > seg->limit) {
		return segment_fault(x, nr);
	}
	return INSN_DONE;
}

int linear_address(struct exec *x, unsigned int seg, u64 offset, unsigned int bytes, bool write,
		   u64 *linear)
{
	struct insn_cpu *cpu = x->cpu;
	u64 addr = offset;

	if (is_64bit(x)) {
		if (seg >= INSN_FS) {
			TRY(load_segment_cache(cpu, seg));
			addr += cpu->seg[seg].base;
		}
		if (unlikely(!is_canonical(cpu, addr) || !is_canonical(cpu, addr + bytes - 1)))
			return segment_fault(x, seg);
		*linear = addr;
		return INSN_DONE;
	}
	TRY(load_segment_cache(cpu, seg));
	TRY(check_segment(x, seg, offset, bytes, write));
	*linear = (u32)(cpu->seg[seg].base + addr);
	return INSN_DONE;
}

/* Alignment is checked at CPL 3 only, and after the segment. SDM volume 3 6.15, #AC. */
int check_alignment(struct exec *x, u64 linear, unsigned int bytes)
{
	unsigned int align = bytes;

	if (x->cpu->cpl != 3 || !(x->cpu->cr0 & CR0_AM))
		return INSN_DONE;
	if (bytes == 6 || bytes == 10)	/* far pointers and pseudo-descriptors */
		align = bytes - 2;
	if (bytes == 32)	/* two 16-byte halves */
		align = 16;
	if (align & (align - 1) || !(linear & (align - 1)))
		return INSN_DONE;
	return raise(x, INSN_EXC_AC, 0);
}

/* SDM volume 3 sections 18.2.4 and 18.2.5: length 0 is one byte, 1 two, 2 eight, 3 four. */
void note_breakpoints(struct insn_cpu *cpu, u64 address, unsigned int bytes, bool write, bool port)
{
	static const u8 sizes[4] = { 1, 2, 8, 4 };
	unsigned int i;

	for (i = 0; i < 4; i++) {
		unsigned int type = cpu->dr7 >> (16 + i * 4) & 3;
		u64 size = sizes[cpu->dr7 >> (18 + i * 4) & 3], at = cpu->dr[i] & ~(size - 1);

		if (!(cpu->dr7 >> i * 2 & 3))
			continue;
		if (port ? type != 2 || !(cpu->cr4 & CR4_DE) : type != 3 && !(type == 1 && write))
			continue;
		if (address < at + size && at < address + bytes)
			cpu->hits |= (u8)BIT(i);
	}
}

int mem_read(struct exec *x, unsigned int seg, u64 offset, void *data, unsigned int bytes, u32 acc)
{
	u64 linear;

	TRY(linear_address(x, seg, offset, bytes, acc & INSN_ACC_WRITE, &linear));
	if (unlikely(x->cpu->rflags & FL_AC))
		TRY(check_alignment(x, linear, bytes));
	if (unlikely(x->cpu->dr7 & DR7_ENABLED) && !(acc & INSN_ACC_PROBE))
		note_breakpoints(x->cpu, linear, bytes, acc & INSN_ACC_WRITE, false);
	return x->cpu->ops->read(x->cpu, linear, data, bytes, acc);
}

int mem_write(struct exec *x, unsigned int seg, u64 offset, const void *data, unsigned int bytes,
	      u32 acc)
{
	u64 linear;

	TRY(linear_address(x, seg, offset, bytes, true, &linear));
	if (unlikely(x->cpu->rflags & FL_AC))
		TRY(check_alignment(x, linear, bytes));
	if (unlikely(x->cpu->dr7 & DR7_ENABLED))
		note_breakpoints(x->cpu, linear, bytes, true, false);
	return x->cpu->ops->write(x->cpu, linear, data, bytes, acc);
}

int sys_read(struct insn_cpu *cpu, u64 linear, void *data, unsigned int bytes)
{
	return cpu->ops->read(cpu, linear, data, bytes, INSN_ACC_SYSTEM);
}

int sys_write(struct insn_cpu *cpu, u64 linear, const void *data, unsigned int bytes)
{
	return cpu->ops->write(cpu, linear, data, bytes, INSN_ACC_SYSTEM);
}
