// SPDX-License-Identifier: GPL-2.0-only
/*
 * What lib/insn asks of a vCPU: memory through the guest's page tables, devices, registers.
 *
 * Device accesses go to the in-kernel bus first. What nobody there serves is noted in the replay
 * log; in-kernel answers are logged as well, so that an instruction that must be executed again,
 * in a sleepable context or after an answer, does not touch a device twice.
 *
 * Call-backs of struct insn_ops (lib/insn/insn.h has their contract); vcpu->lock is held.
 */
#include <linux/mm.h>
#include <linux/string.h>
#include <asm/fpu/api.h>

#include "control.h"
#include "emulate.h"

#define RFLAGS_AC BIT_ULL(18)

static struct ferry_emulation *of_cpu(struct insn_cpu *cpu)
{
	return container_of(cpu, struct ferry_emulation, cpu);
}

/* ------------------------------------------------------------- guest-physical */

static int memory_error(struct ferry_emulation *em, u64 gpa, int err)
{
	if (err == -EAGAIN)
		return INSN_RETRY;
	em->out_of_memory = err == -ENOMEM;
	em->bad_gpa = gpa;
	return INSN_UNIMPLEMENTED;
}

static int gpa_write(struct ferry_emulation *em, u64 gpa, const void *data, unsigned int bytes,
		     int *result)
{
	struct ferry_vm *vm = em->vcpu->vm;
	int err = em->atomic ? ferry_mem_write_atomic(vm, gpa, data, bytes) :
			       ferry_mem_write(vm, gpa, data, bytes);

	if (err && err != -ENOENT)
		*result = memory_error(em, gpa, err);
	return err;
}

static int gpa_cmpxchg(struct ferry_emulation *em, u64 gpa, void *old, const void *new,
		       unsigned int bytes)
{
	struct ferry_vm *vm = em->vcpu->vm;
	int err = ferry_mem_cmpxchg_atomic(vm, gpa, old, new, bytes);

	if (err == -EAGAIN && !em->atomic) {
		err = ferry_memory_touch(vm, gpa >> PAGE_SHIFT);
		if (!err)
			err = ferry_mem_cmpxchg_atomic(vm, gpa, old, new, bytes);
	}
	return err;
}

/* One device access of up to 8 bytes. */
static int device_access(struct ferry_emulation *em, u64 address, bool port, bool write, void *data,
			 unsigned int bytes)
{
	struct insn_replay_access what = {
		.address = address,
		.bytes = bytes,
		.write = write,
		.port = port,
	};
	int ret, err;

	if (write)
		memcpy(what.data, data, bytes);
	ret = insn_replay_access(&em->replay, &what);
	if (ret == INSN_EXIT) {
		err = port ? ferry_iobus_port(em->vcpu, address, bytes, write, what.data) :
			     ferry_iobus_mmio(em->vcpu, address, bytes, write, what.data);
		if (err)
			return INSN_EXIT;
		insn_replay_served(&em->replay, what.data);
		ret = INSN_DONE;
	}
	if (ret == INSN_DONE && !write)
		memcpy(data, what.data, bytes);
	return ret;
}

static int device_mmio(struct ferry_emulation *em, u64 gpa, bool write, void *data,
		       unsigned int bytes)
{
	while (bytes) {
		unsigned int part = min(bytes, 8U);
		int ret = device_access(em, gpa, false, write, data, part);

		if (ret != INSN_DONE)
			return ret;
		gpa += part;
		data += part;
		bytes -= part;
	}
	return INSN_DONE;
}

/* --------------------------------------------------------- linear to physical */

static int walk_read(void *ctx, u64 gpa, unsigned int bytes, u64 *value)
{
	struct ferry_emulation *em = ctx;

	if (ferry_mem_read_entry(em->vcpu->vm, gpa, bytes, value))
		*value = bytes == 4 ? U32_MAX : U64_MAX; /* an empty bus */
	return INSN_DONE;
}

static int walk_set(void *ctx, u64 gpa, unsigned int bytes, u64 old, u64 new)
{
	int err = gpa_cmpxchg(ctx, gpa, &old, &new, bytes);

	if (err > 0)
		return INSN_RETRY;
	/* A table in read-only memory keeps its bits, as a ROM does. */
	return !err || err == -ENOENT ? INSN_DONE : memory_error(ctx, gpa, err);
}

void ferry_walk_init(struct ferry_emulation *em, struct insn_walk *walk, bool user)
{
	struct ferry_vcpu *vcpu = em->vcpu;

	*walk = (struct insn_walk){
		.cr0 = vcpu->cr0,
		.cr3 = vcpu->cr3,
		.cr4 = vcpu->cr4,
		.efer = vcpu->efer,
		.phys_bits = vcpu->vm->phys_bits,
		.gbpages = em->gbpages,
		.user = user,
		.ac = vcpu->rflags & RFLAGS_AC,
		.read_entry = walk_read,
		.set_entry = walk_set,
		.ctx = em,
	};
	if (ferry_backend->get_pdptes && ferry_pae_paging(vcpu->cr0, vcpu->cr4, vcpu->efer)) {
		walk->has_pdpte = true;
		ferry_backend->get_pdptes(vcpu, walk->pdpte);
	}
}

static int translate(struct insn_cpu *cpu, u64 linear, u32 acc, u64 *gpa)
{
	struct insn_walk walk;
	int ret;

	ferry_walk_init(of_cpu(cpu), &walk, cpu->cpl == 3);
	ret = insn_walk(&walk, linear, acc);
	*gpa = walk.gpa;
	return ret == INSN_FAULT ? insn_raise_pf(cpu, linear, walk.error) : ret;
}

/* An access as at most two pieces, each inside one page. */
struct piece {
	u64 gpa;
	unsigned int offset, bytes;
};

static int split(struct insn_cpu *cpu, u64 linear, unsigned int bytes, u32 acc,
		 struct piece pieces[2])
{
	unsigned int first = min_t(unsigned int, bytes, PAGE_SIZE - offset_in_page(linear));
	u64 second = linear + first;
	int ret;

	pieces[0].offset = 0;
	pieces[0].bytes = first;
	pieces[1].offset = first;
	pieces[1].bytes = bytes - first;
	ret = translate(cpu, linear, acc, &pieces[0].gpa);
	if (ret != INSN_DONE || first == bytes)
		return ret;
	if (!(cpu->efer & EFER_LMA))
		second = (u32)second;
	return translate(cpu, second, acc, &pieces[1].gpa);
}

/* ------------------------------------------------------------------ call-backs */

static int cb_fetch(struct insn_cpu *cpu, u64 linear, u8 *buf, unsigned int *n)
{
	struct ferry_emulation *em = of_cpu(cpu);
	u64 gpa;
	int ret;

	ret = translate(cpu, linear, INSN_ACC_FETCH, &gpa);
	if (ret != INSN_DONE)
		return ret;
	*n = min_t(unsigned int, *n, PAGE_SIZE - offset_in_page(linear));
	if (ferry_mem_read(em->vcpu->vm, gpa, buf, *n)) {
		em->bad_gpa = gpa;
		return INSN_UNIMPLEMENTED;
	}
	return INSN_DONE;
}

/*
 * Is this the access that the exit was about? A nested fault on an operand comes after the guest's own
 * translation (SDM volume 3, "Prioritization of EPT Misconfigurations and EPT Violations"; APM volume 2,
 * 15.25.6): the CPU has walked the guest's tables to exit.gpa and found the access allowed.
 */
static bool is_exits_access(struct ferry_emulation *em, u64 linear, unsigned int bytes, u32 acc)
{
	const struct ferry_exit *exit = &em->vcpu->exit;

	return em->operand_known && !(acc & INSN_ACC_SYSTEM) &&
	       offset_in_page(linear) == offset_in_page(exit->gpa) &&
	       offset_in_page(linear) + bytes <= PAGE_SIZE &&
	       (exit->access & FERRY_ACCESS_WRITE || !(acc & INSN_ACC_WRITE));
}

static int cb_read(struct insn_cpu *cpu, u64 linear, void *data, unsigned int bytes, u32 acc)
{
	struct ferry_emulation *em = of_cpu(cpu);
	const struct ferry_exit *exit = &em->vcpu->exit;
	struct piece pieces[2];
	int ret, i;

	if (is_exits_access(em, linear, bytes, acc)) {
		/* A write may have met memory that is read-only. */
		if (acc & INSN_ACC_PROBE || (exit->access & FERRY_ACCESS_WRITE &&
					     !ferry_mem_read(em->vcpu->vm, exit->gpa, data, bytes)))
			return INSN_DONE;
		return device_mmio(em, exit->gpa, false, data, bytes);
	}
	ret = split(cpu, linear, bytes, acc, pieces);
	if (acc & INSN_ACC_PROBE)
		return ret;
	for (i = 0; i < 2 && pieces[i].bytes && ret == INSN_DONE; i++) {
		void *to = data + pieces[i].offset;

		if (ferry_mem_read(em->vcpu->vm, pieces[i].gpa, to, pieces[i].bytes))
			ret = device_mmio(em, pieces[i].gpa, false, to, pieces[i].bytes);
	}
	return ret;
}

/*
 * Device parts go first: until they are done the instruction may have to be executed again, and
 * memory it also reads must not have changed. For the same reason all memory must be present.
 */
static int write_pieces(struct ferry_emulation *em, struct piece pieces[2], const void *data)
{
	bool device[2] = { false, false };
	int i, result = INSN_DONE;
	u8 probe;

	for (i = 0; i < 2 && pieces[1].bytes; i++) {
		device[i] = ferry_mem_read(em->vcpu->vm, pieces[i].gpa, &probe, 1);
		if (!device[i])
			continue;
		result = device_mmio(em, pieces[i].gpa, true, (void *)data + pieces[i].offset,
				     pieces[i].bytes);
		if (result != INSN_DONE)
			return result;
	}
	for (i = 0; i < 2 && pieces[i].bytes; i++) {
		const void *from = data + pieces[i].offset;

		if (device[i])
			continue;
		if (gpa_write(em, pieces[i].gpa, from, pieces[i].bytes, &result) == -ENOENT)
			result = device_mmio(em, pieces[i].gpa, true, (void *)from, pieces[i].bytes);
		if (result != INSN_DONE)
			return result;
	}
	return INSN_DONE;
}

static int cb_write(struct insn_cpu *cpu, u64 linear, const void *data, unsigned int bytes, u32 acc)
{
	struct ferry_emulation *em = of_cpu(cpu);
	struct piece pieces[2];
	int ret;

	/* No memory is there that could be written. */
	if (is_exits_access(em, linear, bytes, acc | INSN_ACC_WRITE))
		return device_mmio(em, em->vcpu->exit.gpa, true, (void *)data, bytes);
	ret = split(cpu, linear, bytes, acc | INSN_ACC_WRITE, pieces);
	return ret == INSN_DONE ? write_pieces(em, pieces, data) : ret;
}

/* Across two pages, and on devices, a locked access is two plain ones. */
static int cb_compare_swap(struct insn_cpu *cpu, u64 linear, void *old, const void *new,
		      unsigned int bytes, u32 acc)
{
	struct ferry_emulation *em = of_cpu(cpu);
	struct piece pieces[2];
	int ret, err;

	ret = split(cpu, linear, bytes, acc | INSN_ACC_WRITE, pieces);
	if (ret != INSN_DONE)
		return ret;
	if (pieces[1].bytes)
		return write_pieces(em, pieces, new);
	err = gpa_cmpxchg(em, pieces[0].gpa, old, new, bytes);
	if (err == -ENOENT || err == -EINVAL)
		return write_pieces(em, pieces, new);
	return err < 0 ? memory_error(em, pieces[0].gpa, err) : INSN_DONE;
}

static void cb_iterated(struct insn_cpu *cpu)
{
	insn_replay_reset(&of_cpu(cpu)->replay);
}

static int cb_io_in(struct insn_cpu *cpu, u16 port, unsigned int bytes, u32 *value)
{
	return device_access(of_cpu(cpu), port, true, false, value, bytes);
}

static int cb_io_out(struct insn_cpu *cpu, u16 port, unsigned int bytes, u32 value)
{
	return device_access(of_cpu(cpu), port, true, true, &value, bytes);
}

static int cb_get_segment(struct insn_cpu *cpu, unsigned int nr)
{
	struct ferry_segment seg;

	ferry_get_segment(of_cpu(cpu)->vcpu, nr, &seg);
	cpu->seg[nr] = (struct insn_segment){
		.base = seg.base,
		.limit = seg.limit,
		.selector = seg.selector,
		.attr = seg.attrib & ~FERRY_SEG_UNUSABLE,
	};
	return INSN_DONE;
}

static void cb_set_segment(struct insn_cpu *cpu, unsigned int nr)
{
	const struct insn_segment *seg = &cpu->seg[nr];
	struct ferry_segment out = {
		.base = seg->base,
		.limit = seg->limit,
		.selector = seg->selector,
		.attrib = seg->attr,
	};

	ferry_set_segment(of_cpu(cpu)->vcpu, nr, &out);
}

static int cb_get_table(struct insn_cpu *cpu, enum insn_table which, u64 *base, u16 *limit)
{
	struct ferry_state_segments s;

	ferry_backend->get_tables(of_cpu(cpu)->vcpu, &s);
	*base = which == INSN_GDTR ? s.gdt_base : s.idt_base;
	*limit = which == INSN_GDTR ? s.gdt_limit : s.idt_limit;
	return INSN_DONE;
}

static int cb_set_table(struct insn_cpu *cpu, enum insn_table which, u64 base, u16 limit)
{
	struct ferry_state_segments s;

	ferry_backend->get_tables(of_cpu(cpu)->vcpu, &s);
	if (which == INSN_GDTR) {
		s.gdt_base = base;
		s.gdt_limit = limit;
	} else {
		s.idt_base = base;
		s.idt_limit = limit;
	}
	ferry_backend->set_tables(of_cpu(cpu)->vcpu, &s);
	return INSN_DONE;
}

static int or_gp(struct insn_cpu *cpu, int err)
{
	return err ? insn_raise(cpu, INSN_EXC_GP, 0) : INSN_DONE;
}

static int cb_read_cr(struct insn_cpu *cpu, unsigned int nr, u64 *value)
{
	struct ferry_vcpu *vcpu = of_cpu(cpu)->vcpu;

	switch (nr) {
	case 0:
		*value = vcpu->cr0;
		break;
	case 2:
		*value = vcpu->cr2;
		break;
	case 3:
		*value = vcpu->cr3;
		break;
	case 4:
		*value = vcpu->cr4;
		break;
	default:
		*value = ferry_get_cr8(vcpu);
		break;
	}
	return INSN_DONE;
}

static int cb_write_cr(struct insn_cpu *cpu, unsigned int nr, u64 value)
{
	struct ferry_vcpu *vcpu = of_cpu(cpu)->vcpu;
	int err = 0;

	switch (nr) {
	case 0:
		err = ferry_set_cr0(vcpu, value);
		break;
	case 2:
		vcpu->cr2 = value;
		break;
	case 3:
		err = ferry_set_cr3(vcpu, value);
		break;
	case 4:
		err = ferry_set_cr4(vcpu, value);
		break;
	default:
		err = ferry_set_cr8(vcpu, value);
		break;
	}
	cpu->cr0 = vcpu->cr0;
	cpu->cr4 = vcpu->cr4;
	cpu->efer = vcpu->efer;
	return or_gp(cpu, err);
}

static int cb_read_dr(struct insn_cpu *cpu, unsigned int nr, u64 *value)
{
	return or_gp(cpu, ferry_get_dr(of_cpu(cpu)->vcpu, nr, value));
}

static int cb_write_dr(struct insn_cpu *cpu, unsigned int nr, u64 value)
{
	return or_gp(cpu, ferry_set_dr(of_cpu(cpu)->vcpu, nr, value));
}

static int cb_read_msr(struct insn_cpu *cpu, u32 index, u64 *value)
{
	return or_gp(cpu, ferry_msr_read(of_cpu(cpu)->vcpu, index, value, false));
}

static int cb_write_msr(struct insn_cpu *cpu, u32 index, u64 value)
{
	struct ferry_vcpu *vcpu = of_cpu(cpu)->vcpu;
	int ret = or_gp(cpu, ferry_msr_write(vcpu, index, value, false));

	cpu->efer = vcpu->efer;
	return ret;
}

static int cb_read_xcr(struct insn_cpu *cpu, u32 index, u64 *value)
{
	*value = of_cpu(cpu)->vcpu->xcr0;
	return or_gp(cpu, index);
}

static int cb_write_xcr(struct insn_cpu *cpu, u32 index, u64 value)
{
	return or_gp(cpu, index || ferry_set_xcr0(of_cpu(cpu)->vcpu, value));
}

static int cb_cpuid(struct insn_cpu *cpu, u32 regs[4])
{
	ferry_cpuid(of_cpu(cpu)->vcpu, &regs[0], &regs[1], &regs[2], &regs[3]);
	return INSN_DONE;
}

/* No counters are offered. */
static int cb_rdpmc(struct insn_cpu *cpu, u32 index, u64 *value)
{
	return or_gp(cpu, 1);
}

/* Inside the run section the guest's registers are in the CPU; outside they are in memory. */
static int cb_fpu(struct insn_cpu *cpu, struct insn_fpu *fpu)
{
	if (of_cpu(cpu)->atomic)
		return INSN_RETRY;
	fpu->area = ferry_fpu_area(of_cpu(cpu)->vcpu, &fpu->components);
	return INSN_DONE;
}

/*
 * The x87 is initialised too, which kernel_fpu_begin() does not do on 64-bit: an exception that waits in
 * whatever is there, the VMM's own state or another guest's, would hit the kernel at the first MMX instruction.
 */
static void cb_fpu_run(struct insn_cpu *cpu, void (*fn)(void *arg), void *arg)
{
	kernel_fpu_begin_mask(KFPU_387 | KFPU_MXCSR);
	fn(arg);
	kernel_fpu_end();
}

static int cb_special(struct insn_cpu *cpu, enum insn_special what, u64 arg, u64 addr)
{
	switch (what) {
	case INSN_SP_INVLPG:
	case INSN_SP_INVPCID:
		ferry_backend->flush_guest(of_cpu(cpu)->vcpu);
		return INSN_DONE;
	case INSN_SP_MONITOR:
	case INSN_SP_MWAIT:
	case INSN_SP_HYPERCALL:
		return insn_raise(cpu, INSN_EXC_UD, 0);
	default:
		return INSN_DONE; /* caches are coherent, order is the CPU's */
	}
}

const struct insn_ops ferry_insn_ops = {
	.fetch = cb_fetch,
	.read = cb_read,
	.write = cb_write,
	.compare_swap = cb_compare_swap,
	.iterated = cb_iterated,
	.io_in = cb_io_in,
	.io_out = cb_io_out,
	.get_segment = cb_get_segment,
	.set_segment = cb_set_segment,
	.get_table = cb_get_table,
	.set_table = cb_set_table,
	.read_cr = cb_read_cr,
	.write_cr = cb_write_cr,
	.read_dr = cb_read_dr,
	.write_dr = cb_write_dr,
	.read_msr = cb_read_msr,
	.write_msr = cb_write_msr,
	.read_xcr = cb_read_xcr,
	.write_xcr = cb_write_xcr,
	.cpuid = cb_cpuid,
	.rdpmc = cb_rdpmc,
	.special = cb_special,
	.fpu = cb_fpu,
	.fpu_run = cb_fpu_run,
};
