// SPDX-License-Identifier: GPL-2.0-only
/* See pc.h. */
#include <cpuid.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/insn/walk.h"
#include "pc.h"

#define FL_TF 0x100
#define FL_IF 0x200
#define FL_RF 0x10000

static struct pc *of_cpu(struct insn_cpu *cpu)
{
	return container_of(cpu, struct pc, cpu);
}

/* ------------------------------------------------------------------------ memory */

static int walk_read(void *ctx, u64 gpa, unsigned int bytes, u64 *value)
{
	struct pc *pc = ctx;
	void *p = ram_ptr(&pc->ram, gpa, bytes);

	*value = bytes == 4 ? U32_MAX : U64_MAX;
	if (p) {
		*value = 0;
		memcpy(value, p, bytes);
	}
	return INSN_DONE;
}

static int walk_set(void *ctx, u64 gpa, unsigned int bytes, u64 old, u64 new)
{
	struct pc *pc = ctx;
	void *p = ram_ptr(&pc->ram, gpa, bytes);

	if (p)
		memcpy(p, &new, bytes);
	return INSN_DONE;
}

static void tlb_flush(struct pc *pc)
{
	memset(pc->tlb, 0, sizeof(pc->tlb));
}

/* One page: where it is here, NULL for no memory. Neither SMAP nor keys are offered. */
static int translate(struct insn_cpu *cpu, u64 linear, u32 acc, u8 **hva)
{
	struct pc *pc = of_cpu(cpu);
	bool user = cpu->cpl == 3 && !(acc & INSN_ACC_SYSTEM);
	unsigned int kind = acc & INSN_ACC_FETCH ? 2 : acc & INSN_ACC_WRITE ? 1 : 0;
	struct tlb_entry *e = &pc->tlb[user][kind][linear >> 12 & (TLB_ENTRIES - 1)];
	struct insn_walk walk;
	int ret;

	if (likely(e->page == ((linear & ~0xfffULL) | 1))) {
		*hva = e->hva + (linear & 0xfff);
		return INSN_DONE;
	}
	walk = (struct insn_walk){
		.cr0 = cpu->cr0, .cr3 = pc->cr3, .cr4 = cpu->cr4, .efer = cpu->efer, .phys_bits = 40,
		.gbpages = true, .user = user, .read_entry = walk_read, .set_entry = walk_set, .ctx = pc,
	};
	ret = insn_walk(&walk, linear, acc);
	if (ret == INSN_FAULT)
		return insn_raise_pf(cpu, linear, walk.error);
	if (ret != INSN_DONE)
		return ret;
	*hva = ram_ptr(&pc->ram, walk.gpa, 1);
	if (*hva) {
		e->page = (linear & ~0xfffULL) | 1;
		e->hva = *hva - (linear & 0xfff);
	}
	return INSN_DONE;
}

static int cb_fetch(struct insn_cpu *cpu, u64 linear, u8 *buf, unsigned int *n)
{
	u8 *hva;
	int ret = translate(cpu, linear, INSN_ACC_FETCH, &hva);

	if (ret != INSN_DONE)
		return ret;
	*n = min_t(unsigned int, *n, 4096 - (linear & 0xfff));
	if (!hva)
		return INSN_UNIMPLEMENTED;
	memcpy(buf, hva, *n);
	return INSN_DONE;
}

static int access_memory(struct insn_cpu *cpu, u64 linear, u8 *data, unsigned int bytes, u32 acc,
			 bool write)
{
	unsigned int first = min_t(unsigned int, bytes, 4096 - (linear & 0xfff)), i;
	u64 second = linear + first;
	u8 *hva[2] = { NULL, NULL };
	int ret;

	ret = translate(cpu, linear, acc, &hva[0]);
	if (ret != INSN_DONE)
		return ret;
	if (first < bytes) {
		ret = translate(cpu, cpu->efer & 0x400 ? second : (u32)second, acc, &hva[1]);
		if (ret != INSN_DONE)
			return ret;
	}
	if (acc & INSN_ACC_PROBE)
		return INSN_DONE;
	for (i = 0; i < 2; i++) {
		u8 *part = i ? data + first : data;
		unsigned int n = i ? bytes - first : first;

		if (!write && hva[i])
			memcpy(part, hva[i], n);
		else if (!write)
			memset(part, 0xff, n);	/* nobody is there */
		else if (hva[i])
			memcpy(hva[i], part, n);
	}
	return INSN_DONE;
}

static int cb_read(struct insn_cpu *cpu, u64 linear, void *data, unsigned int bytes, u32 acc)
{
	return access_memory(cpu, linear, data, bytes, acc, false);
}

static int cb_write(struct insn_cpu *cpu, u64 linear, const void *data, unsigned int bytes, u32 acc)
{
	return access_memory(cpu, linear, (u8 *)data, bytes, acc | INSN_ACC_WRITE, true);
}

/* ------------------------------------------------------------------------- ports */

static void run_timers(struct pc *pc)
{
	u64 next;

	while (i8254_take_edges(&pc->pit, pc->now)) {
		i8259_set_line(&pc->pic, 0, true);
		i8259_set_line(&pc->pic, 0, false);
	}
	if (devices_deadline(&pc->devices) <= pc->now)
		devices_tick(&pc->devices, pc->now);
	next = i8254_next_edge(&pc->pit);
	pc->next_event = min(next, devices_deadline(&pc->devices));
}

static int port(struct insn_cpu *cpu, u16 nr, unsigned int bytes, bool write, u32 *value)
{
	struct pc *pc = of_cpu(cpu);

	if (i8259_has_port(nr)) {
		if (write)
			i8259_write(&pc->pic, nr, (u8)*value);
		else
			*value = i8259_read(&pc->pic, nr);
	} else if (i8254_has_port(nr)) {
		if (write)
			i8254_write(&pc->pit, nr, (u8)*value, pc->now);
		else
			*value = i8254_read(&pc->pit, nr, pc->now);
	} else {
		devices_io(&pc->devices, nr, bytes, write, (u8 *)value);
	}
	run_timers(pc);
	return INSN_DONE;
}

static int cb_io_in(struct insn_cpu *cpu, u16 nr, unsigned int bytes, u32 *value)
{
	*value = 0;
	return port(cpu, nr, bytes, false, value);
}

static int cb_io_out(struct insn_cpu *cpu, u16 nr, unsigned int bytes, u32 value)
{
	return port(cpu, nr, bytes, true, &value);
}

static void env_set_irq(void *ctx, unsigned int irq, bool level)
{
	i8259_set_line(&((struct pc *)ctx)->pic, irq, level);
}

static u64 env_time(void *ctx)
{
	return ((struct pc *)ctx)->now;
}

static void env_transmit(void *ctx, u8 byte)
{
	struct pc *pc = ctx;

	pc->transmit(pc, byte);
}

static void env_nothing(void *ctx)
{
}

static void env_event(void *ctx, enum dev_event event, u32 value)
{
	struct pc *pc = ctx;

	pc->ended = event == DEV_POWEROFF ? "power off" : event == DEV_RESET ? "reset" : "debug exit";
}

/* --------------------------------------------------------------------- registers */

static int cb_get_segment(struct insn_cpu *cpu, unsigned int nr)
{
	return INSN_DONE;
}

static int cb_get_table(struct insn_cpu *cpu, enum insn_table which, u64 *base, u16 *limit)
{
	struct pc *pc = of_cpu(cpu);

	*base = which == INSN_GDTR ? pc->gdt_base : pc->idt_base;
	*limit = which == INSN_GDTR ? pc->gdt_limit : pc->idt_limit;
	return INSN_DONE;
}

static int cb_set_table(struct insn_cpu *cpu, enum insn_table which, u64 base, u16 limit)
{
	struct pc *pc = of_cpu(cpu);

	*(which == INSN_GDTR ? &pc->gdt_base : &pc->idt_base) = base;
	*(which == INSN_GDTR ? &pc->gdt_limit : &pc->idt_limit) = limit;
	return INSN_DONE;
}

static int cb_read_cr(struct insn_cpu *cpu, unsigned int nr, u64 *value)
{
	struct pc *pc = of_cpu(cpu);

	*value = nr == 0 ? cpu->cr0 : nr == 2 ? pc->cr2 : nr == 3 ? pc->cr3 : nr == 4 ? cpu->cr4 : 0;
	return INSN_DONE;
}

#define CR0_PG 0x80000000ULL
#define EFER_LME 0x100ULL
#define EFER_LMA 0x400ULL

static int cb_write_cr(struct insn_cpu *cpu, unsigned int nr, u64 value)
{
	struct pc *pc = of_cpu(cpu);

	switch (nr) {
	case 0:
		if (value >> 32 || (value & CR0_PG && !(value & 1)))
			return insn_raise(cpu, INSN_EXC_GP, 0);
		cpu->cr0 = value | 0x10;
		cpu->efer &= ~EFER_LMA;
		if (value & CR0_PG && cpu->efer & EFER_LME)
			cpu->efer |= EFER_LMA;
		break;
	case 2:
		pc->cr2 = value;
		return INSN_DONE;
	case 3:
		pc->cr3 = value & ~0x8000000000000000ULL;
		break;
	case 4:
		/* VME, PVI, TSD, DE, PSE, PAE, MCE, PGE, PCE, OSFXSR, OSXMMEXCPT, OSXSAVE. */
		if (value & ~0x407ffULL)
			return insn_raise(cpu, INSN_EXC_GP, 0);
		cpu->cr4 = value;
		break;
	}
	tlb_flush(pc);
	return INSN_DONE;
}

static int cb_read_dr(struct insn_cpu *cpu, unsigned int nr, u64 *value)
{
	*value = of_cpu(cpu)->dr[nr];
	return INSN_DONE;
}

static int cb_write_dr(struct insn_cpu *cpu, unsigned int nr, u64 value)
{
	of_cpu(cpu)->dr[nr] = value;
	return INSN_DONE;
}

/* Those that are nothing but storage. */
static const u32 stored[] = {
	0x174, 0x175, 0x176, 0x277, 0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0xc0000102,
	0xc0000103,
};

static int msr(struct insn_cpu *cpu, u32 index, u64 *value, bool write)
{
	struct pc *pc = of_cpu(cpu);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(stored); i++)
		if (stored[i] == index) {
			*(write ? &pc->msr[i] : value) = write ? *value : pc->msr[i];
			return INSN_DONE;
		}
	switch (index) {
	case 0x10:
		if (!write)
			*value = pc->now;
		return INSN_DONE;
	case 0xc0000080:
		if (write)
			cpu->efer = (*value & 0x901) | (cpu->efer & EFER_LMA);
		else
			*value = cpu->efer;
		tlb_flush(pc);
		return INSN_DONE;
	case 0xc0000100:
	case 0xc0000101: {
		u64 *base = &cpu->seg[index == 0xc0000100 ? INSN_FS : INSN_GS].base;

		*(write ? base : value) = write ? *value : *base;
		return INSN_DONE;
	}
	}
	return insn_raise(cpu, INSN_EXC_GP, 0);
}

static int cb_read_msr(struct insn_cpu *cpu, u32 index, u64 *value)
{
	*value = 0;
	return msr(cpu, index, value, false);
}

static int cb_write_msr(struct insn_cpu *cpu, u32 index, u64 value)
{
	return msr(cpu, index, &value, true);
}

static int cb_read_xcr(struct insn_cpu *cpu, u32 index, u64 *value)
{
	*value = of_cpu(cpu)->xcr0;
	return index ? insn_raise(cpu, INSN_EXC_GP, 0) : INSN_DONE;
}

static int cb_write_xcr(struct insn_cpu *cpu, u32 index, u64 value)
{
	if (index || (value != 1 && value != 3))
		return insn_raise(cpu, INSN_EXC_GP, 0);
	of_cpu(cpu)->xcr0 = value;
	return INSN_DONE;
}

/*
 * A processor of no maker: x86-64 with SSE4.2, XSAVE for x87 and SSE, no AVX, no APIC.
 */
static int cb_cpuid(struct insn_cpu *cpu, u32 r[4])
{
	u32 leaf = r[0], sub = r[2];

	memset(r, 0, 16);
	switch (leaf) {
	case 0:
		r[0] = 0xd;
		memcpy(&r[1], "Ferr", 4);
		memcpy(&r[3], "ylib", 4);
		memcpy(&r[2], "insn", 4);
		break;
	case 1:
		r[0] = 0x600;
		r[1] = 0x10800;		/* lines of 64 bytes */
		/* SSE3, SSSE3, CX16, SSE4.1, SSE4.2, MOVBE, POPCNT, XSAVE */
		r[2] = 0x04d82201 | (cpu->cr4 & 0x40000 ? 1 << 27 : 0);
		r[3] = 0x0789a17f;	/* no APIC, no MTRR, no PSE36 */
		break;
	case 7:
		break;
	case 0xd:
		if (sub == 0) {
			r[0] = 3;
			r[1] = r[2] = 576;
		} else if (sub == 1) {
			r[0] = 3;	/* XSAVEOPT, XSAVEC */
			r[1] = 576;
		}
		break;
	case 0x80000000:
		r[0] = 0x80000008;
		break;
	case 0x80000001:
		r[2] = 1;		/* LAHF */
		r[3] = 0x2c100800;	/* LM, 1 GiB pages, RDTSCP, NX, SYSCALL */
		break;
	case 0x80000008:
		r[0] = 0x3028;
		break;
	}
	return INSN_DONE;
}

static int cb_special(struct insn_cpu *cpu, enum insn_special what, u64 arg, u64 addr)
{
	if (what == INSN_SP_INVLPG || what == INSN_SP_INVPCID)
		tlb_flush(of_cpu(cpu));
	return INSN_DONE;
}

static int cb_fpu(struct insn_cpu *cpu, struct insn_fpu *fpu)
{
	fpu->area = of_cpu(cpu)->fpu;
	fpu->components = 3;
	return INSN_DONE;
}

static const struct insn_ops ops = {
	.fetch = cb_fetch, .read = cb_read, .write = cb_write, .io_in = cb_io_in, .io_out = cb_io_out,
	.get_segment = cb_get_segment, .get_table = cb_get_table, .set_table = cb_set_table,
	.read_cr = cb_read_cr, .write_cr = cb_write_cr, .read_dr = cb_read_dr, .write_dr = cb_write_dr,
	.read_msr = cb_read_msr, .write_msr = cb_write_msr, .read_xcr = cb_read_xcr,
	.write_xcr = cb_write_xcr, .cpuid = cb_cpuid, .special = cb_special, .fpu = cb_fpu,
};

/* ------------------------------------------------------------------------ events */

static bool contributory(unsigned int vector)
{
	return vector == INSN_EXC_DE || (vector >= INSN_EXC_TS && vector <= INSN_EXC_GP);
}

/* Deliver an exception, and what delivering it raises. SDM volume 3 table 6-5. */
static void deliver_fault(struct pc *pc)
{
	struct insn_cpu *cpu = &pc->cpu;
	struct insn_event event;
	unsigned int first = 256;
	int ret;

	for (;;) {
		unsigned int vector = cpu->fault.vector;

		if (vector == INSN_EXC_PF)
			pc->cr2 = cpu->fault.payload;
		if (vector == INSN_EXC_DB)
			pc->dr[6] |= cpu->fault.payload;
		else
			cpu->rflags |= FL_RF;
		if (first == INSN_EXC_DF) {
			pc->ended = "triple fault";
			return;
		}
		event = (struct insn_event){
			.vector = (u8)vector, .type = INSN_EVENT_EXCEPTION,
			.has_error = cpu->fault.has_error, .error = cpu->fault.error,
		};
		if ((contributory(first) && contributory(vector)) ||
		    (first == INSN_EXC_PF && (contributory(vector) || vector == INSN_EXC_PF)))
			event = (struct insn_event){ .vector = INSN_EXC_DF,
						     .type = INSN_EVENT_EXCEPTION, .has_error = true };
		first = event.vector;
		ret = insn_deliver(cpu, &event);
		if (ret == INSN_DONE)
			return;
		if (ret != INSN_FAULT) {
			pc->ended = "an event cannot be delivered";
			return;
		}
	}
}

static void interrupt(struct pc *pc)
{
	struct insn_event event = { .vector = i8259_ack(&pc->pic), .type = INSN_EVENT_EXTERNAL };
	int ret = insn_deliver(&pc->cpu, &event);

	if (ret == INSN_FAULT)
		deliver_fault(pc);
	else if (ret != INSN_DONE)
		pc->ended = "an interrupt cannot be delivered";
}

static void halt(struct pc *pc)
{
	while (!i8259_intr(&pc->pic)) {
		if (!(pc->cpu.rflags & FL_IF) || pc->next_event == U64_MAX) {
			pc->ended = "halted";
			return;
		}
		pc->now = max(pc->now, pc->next_event);
		run_timers(pc);
	}
}

void pc_run(struct pc *pc, u64 limit)
{
	struct insn_cpu *cpu = &pc->cpu;
	bool shadow = false;

	while (!pc->ended && pc->instructions < limit) {
		int ret;

		if (unlikely(pc->now >= pc->next_event))
			run_timers(pc);
		if (cpu->rflags & FL_IF && !shadow && i8259_intr(&pc->pic))
			interrupt(pc);
		ret = insn_step(cpu);
		pc->instructions++;
		pc->now++;
		shadow = false;
		if (likely(ret == INSN_DONE)) {
			if (likely(!cpu->events))
				continue;
			shadow = cpu->events & (INSN_EV_SHADOW_STI | INSN_EV_SHADOW_SS);
			if (cpu->events & INSN_EV_HALT)
				halt(pc);
			if (cpu->events & INSN_EV_STEP) {
				insn_raise_db(cpu, 1 << 14);
				deliver_fault(pc);
			}
		} else if (ret == INSN_FAULT) {
			deliver_fault(pc);
		} else {
			pc->unimplemented = cpu->rip;
			pc->ended = "an instruction is not implemented";
		}
	}
}

/* ----------------------------------------------------------------------- building */

static bool offered(void *ctx, const struct insn_cpuid_bit *bit)
{
	u32 r[4] = { bit->leaf, 0, bit->subleaf, 0 };

	cb_cpuid(ctx, r);
	return r[bit->reg] >> bit->bit & 1;
}

static bool host_has(void *ctx, const struct insn_cpuid_bit *bit)
{
	unsigned int r[4];

	return __get_cpuid_count(bit->leaf, bit->subleaf, &r[0], &r[1], &r[2], &r[3]) &&
	       r[bit->reg] >> bit->bit & 1;
}

void pc_init(struct pc *pc, u64 memory, void (*transmit)(struct pc *pc, u8 byte))
{
	memset(pc, 0, sizeof(*pc));
	pc->transmit = transmit;
	ram_layout(&pc->ram, memory);
	pc->ram.low_hva = mmap(NULL, memory, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pc->env = (struct dev_env){
		.ctx = pc, .set_irq = env_set_irq, .guest_ns = env_time, .wall_ns = env_time,
		.transmit = env_transmit, .receive_room = env_nothing, .rearm = env_nothing,
		.event = env_event,
	};
	i8254_reset(&pc->pit);
	i8259_reset(&pc->pic);
	devices_init(&pc->devices, &pc->env, 0);
	run_timers(pc);
}

void pc_start(struct pc *pc, const struct boot_entry *entry)
{
	struct insn_cpu *cpu = &pc->cpu;
	struct ferry_state_segments segs;
	struct ferry_state_control ctl;
	struct ferry_state_general gen;
	unsigned int i;

	boot_state(entry, &segs, &ctl, &gen);
	cpu->ops = &ops;
	cpu->max_rep = 1000;
	insn_features_from_cpuid(cpu->features, offered, cpu);
	insn_features_from_cpuid(cpu->host_features, host_has, NULL);
	for (i = 0; i < INSN_SEG_END; i++)
		cpu->seg[i] = (struct insn_segment){ segs.seg[i].base, segs.seg[i].limit,
						     segs.seg[i].selector, segs.seg[i].attrib };
	cpu->seg_valid = 0xff;
	pc->gdt_base = segs.gdt_base;
	pc->gdt_limit = segs.gdt_limit;
	cpu->cr0 = ctl.cr0;
	pc->cr3 = ctl.cr3;
	cpu->cr4 = ctl.cr4;
	cpu->efer = ctl.efer;
	pc->xcr0 = 1;
	memcpy(cpu->gpr, gen.gpr, sizeof(cpu->gpr));
	cpu->rip = gen.rip;
	cpu->rflags = gen.rflags;
	pc->fpu[24] = 0x80;	/* MXCSR */
	pc->fpu[25] = 0x1f;
}
