// SPDX-License-Identifier: GPL-2.0-only
/*
 * lib/insn over a vCPU: memory and port accesses that need the instruction's meaning, instructions
 * that exit with their operands undecoded, instruction lengths, and the translate call.
 *
 * Device accesses go to the in-kernel bus first. What nobody there serves is noted in the replay
 * log and asked of userspace through the run page; with the answer the instruction is executed
 * again from its start (see lib/insn/insn.h). In-kernel answers are logged as well, so that an
 * instruction that must be executed again, in a sleepable context or after an answer, does not
 * touch a device twice.
 *
 * Owns vcpu->emulation; vcpu->lock is held by all callers but ferry_emulation_busy(). Guest bytes
 * and page tables are read anew each time: nothing is cached between executions.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "control.h"
#include "ferry.h"
#include "lib/insn/insn.h"
#include "lib/insn/replay.h"
#include "lib/insn/walk.h"

#define RFLAGS_AC BIT_ULL(18)
#define DR6_BS BIT_ULL(14)

/* REP iterations before pending interrupts get their chance. */
#define MAX_REP 64
/* Lost races before the guest is simply entered again. */
#define MAX_TRIES 16

enum busy {
	NOT_BUSY,
	BUSY_PORT, /* a plain IN or OUT: registers and length are all it takes */
	BUSY_INSN, /* the replay log waits for an answer */
};

/**
 * struct ferry_emulation - one vCPU's emulator
 * @cpu: the executor's registers, loaded from the vCPU for each execution
 * @vcpu: whose
 * @replay: answers to device accesses of the current instruction
 * @replay_rip: where that instruction is
 * @busy: which kind of request userspace has to answer
 * @port: BUSY_PORT: the access
 * @atomic: the current context may not sleep
 * @out_of_memory: guest memory at @bad_gpa could not be allocated
 * @bad_gpa: what stopped the emulation
 */
struct ferry_emulation {
	struct insn_cpu cpu;
	struct ferry_vcpu *vcpu;
	struct insn_replay replay;
	u64 replay_rip;
	enum busy busy;
	struct {
		u8 width;
		u8 insn_len;
		bool in;
	} port;
	bool atomic;
	bool out_of_memory;
	u64 bad_gpa;
};

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

/* 0, -ENOENT for a device, else *result is what the emulator answers. */
static int gpa_read(struct ferry_emulation *em, u64 gpa, void *data, unsigned int bytes,
		    int *result)
{
	struct ferry_vm *vm = em->vcpu->vm;
	int err = em->atomic ? ferry_mem_read_atomic(vm, gpa, data, bytes) :
			       ferry_mem_read(vm, gpa, data, bytes);

	if (err && err != -ENOENT)
		*result = memory_error(em, gpa, err);
	return err;
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
	int result = INSN_DONE;

	*value = 0;
	if (gpa_read(ctx, gpa, value, bytes, &result) == -ENOENT)
		*value = bytes == 4 ? U32_MAX : U64_MAX; /* an empty bus */
	return result;
}

static int walk_set(void *ctx, u64 gpa, unsigned int bytes, u64 old, u64 new)
{
	int err = gpa_cmpxchg(ctx, gpa, &old, &new, bytes);

	if (err > 0)
		return INSN_RETRY;
	/* A table in read-only memory keeps its bits, as a ROM does. */
	return !err || err == -ENOENT ? INSN_DONE : memory_error(ctx, gpa, err);
}

static void walk_init(struct ferry_emulation *em, struct insn_walk *walk, bool user)
{
	struct ferry_vcpu *vcpu = em->vcpu;

	*walk = (struct insn_walk){
		.cr0 = vcpu->cr0,
		.cr3 = vcpu->cr3,
		.cr4 = vcpu->cr4,
		.efer = vcpu->efer,
		.phys_bits = vcpu->vm->phys_bits,
		.gbpages = ferry_cpuid_has(vcpu->vm, 0x80000001, 0, 3, 26),
		.user = user,
		.ac = vcpu->rflags & RFLAGS_AC,
		.read_entry = walk_read,
		.set_entry = walk_set,
		.ctx = em,
	};
}

static int translate(struct insn_cpu *cpu, u64 linear, u32 acc, u64 *gpa)
{
	struct insn_walk walk;
	int ret;

	walk_init(of_cpu(cpu), &walk, cpu->cpl == 3);
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
	int ret, result = INSN_DONE;
	u64 gpa;

	ret = translate(cpu, linear, INSN_ACC_FETCH, &gpa);
	if (ret != INSN_DONE)
		return ret;
	*n = min_t(unsigned int, *n, PAGE_SIZE - offset_in_page(linear));
	if (gpa_read(em, gpa, buf, *n, &result) == -ENOENT) {
		em->bad_gpa = gpa;
		return INSN_UNIMPLEMENTED;
	}
	return result;
}

static int cb_read(struct insn_cpu *cpu, u64 linear, void *data, unsigned int bytes, u32 acc)
{
	struct ferry_emulation *em = of_cpu(cpu);
	int ret, i, result = INSN_DONE;
	struct piece pieces[2];

	ret = split(cpu, linear, bytes, acc, pieces);
	if (ret != INSN_DONE || acc & INSN_ACC_PROBE)
		return ret;
	for (i = 0; i < 2 && pieces[i].bytes; i++) {
		void *to = data + pieces[i].offset;

		if (gpa_read(em, pieces[i].gpa, to, pieces[i].bytes, &result) == -ENOENT)
			result = device_mmio(em, pieces[i].gpa, false, to, pieces[i].bytes);
		if (result != INSN_DONE)
			return result;
	}
	return INSN_DONE;
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
		int err = gpa_read(em, pieces[i].gpa, &probe, 1, &result);

		if (err && err != -ENOENT)
			return result;
		device[i] = err;
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
	struct piece pieces[2];
	int ret;

	ret = split(cpu, linear, bytes, acc | INSN_ACC_WRITE, pieces);
	return ret == INSN_DONE ? write_pieces(of_cpu(cpu), pieces, data) : ret;
}

/* Across two pages, and on devices, a locked access is two plain ones. */
static int cb_cmpxchg(struct insn_cpu *cpu, u64 linear, void *old, const void *new,
		      unsigned int bytes)
{
	struct ferry_emulation *em = of_cpu(cpu);
	struct piece pieces[2];
	int ret, err;

	ret = split(cpu, linear, bytes, INSN_ACC_WRITE, pieces);
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

	ferry_backend->get_segment(of_cpu(cpu)->vcpu, nr, &seg);
	cpu->seg[nr] = (struct insn_segment){
		.base = seg.base,
		.limit = seg.limit,
		.selector = seg.selector,
		.attr = seg.attrib & FERRY_SEG_UNUSABLE ? 0 : seg.attrib,
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
		.attrib = seg->attr & INSN_SEG_P ? seg->attr : seg->attr | FERRY_SEG_UNUSABLE,
	};

	ferry_backend->set_segment(of_cpu(cpu)->vcpu, nr, &out);
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

static const struct insn_ops ops = {
	.fetch = cb_fetch,
	.read = cb_read,
	.write = cb_write,
	.cmpxchg = cb_cmpxchg,
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
};

/* ------------------------------------------------------------------- execution */

static void load_cpu(struct ferry_emulation *em)
{
	struct ferry_vcpu *vcpu = em->vcpu;
	struct insn_cpu *cpu = &em->cpu;

	memcpy(cpu->gpr, vcpu->regs, sizeof(cpu->gpr));
	cpu->rip = vcpu->rip;
	cpu->rflags = vcpu->rflags;
	cpu->cr0 = vcpu->cr0;
	cpu->cr4 = vcpu->cr4;
	cpu->efer = vcpu->efer;
	cpu->cpl = ferry_backend->cpl(vcpu);
	cb_get_segment(cpu, INSN_CS);
	cpu->seg_valid = BIT(INSN_CS);
	if (em->replay_rip != cpu->rip)
		insn_replay_reset(&em->replay);
	em->replay_rip = cpu->rip;
}

static void store_cpu(struct ferry_emulation *em)
{
	struct ferry_vcpu *vcpu = em->vcpu;

	memcpy(vcpu->regs, em->cpu.gpr, sizeof(vcpu->regs));
	vcpu->rip = em->cpu.rip;
	vcpu->rflags = em->cpu.rflags;
}

/* What outlives the instruction. */
static void finish(struct ferry_emulation *em)
{
	struct ferry_vcpu *vcpu = em->vcpu;
	u32 events = em->cpu.events, shadow = 0;

	insn_replay_reset(&em->replay);
	vcpu->count.emulated++;
	if (events & INSN_EV_SHADOW_STI)
		shadow |= FERRY_EVENTS_SHADOW_STI;
	if (events & INSN_EV_SHADOW_SS)
		shadow |= FERRY_EVENTS_SHADOW_MOVSS;
	ferry_backend->set_shadow(vcpu, shadow);
	if (events & INSN_EV_NMI_UNMASK)
		ferry_backend->set_nmi_mask(vcpu, false);
	if (events & INSN_EV_HALT)
		WRITE_ONCE(vcpu->mp_state, FERRY_MP_HALTED);
	if (events & INSN_EV_STEP)
		ferry_queue_exception(vcpu, INSN_EXC_DB, false, 0, DR6_BS);
}

/* Put the replay log's request into the run page. */
static void ask_user(struct ferry_emulation *em)
{
	const struct insn_replay_access *want = &em->replay.access[em->replay.done];
	struct ferry_run *run = em->vcpu->run;

	em->busy = BUSY_INSN;
	run->rip = em->vcpu->rip;
	if (want->port) {
		memset(&run->io, 0, sizeof(run->io));
		run->exit_reason = FERRY_EXIT_IO;
		run->io.port = want->address;
		run->io.width = want->bytes;
		run->io.is_write = want->write;
		memcpy(run->io.data, want->data, sizeof(run->io.data));
	} else {
		memset(&run->mmio, 0, sizeof(run->mmio));
		run->exit_reason = FERRY_EXIT_MMIO;
		run->mmio.gpa = want->address;
		run->mmio.width = want->bytes;
		run->mmio.is_write = want->write;
		memcpy(run->mmio.data, want->data, sizeof(run->mmio.data));
	}
}

static void report(struct ferry_emulation *em)
{
	struct ferry_vcpu *vcpu = em->vcpu;

	if (em->out_of_memory)
		ferry_exit_error(vcpu, FERRY_ERROR_MEMORY,
				 "no memory for guest page 0x%llx; free some, or raise the cgroup limit",
				 em->bad_gpa);
	else if (em->bad_gpa != U64_MAX)
		ferry_exit_error(vcpu, FERRY_ERROR_EMULATION,
				 "the guest runs code at 0x%llx, where it has no memory",
				 em->bad_gpa);
	else
		ferry_exit_error(vcpu, FERRY_ERROR_EMULATION,
				 "the instruction at 0x%llx is not emulated", vcpu->rip);
}

static enum ferry_next execute(struct ferry_emulation *em, bool atomic)
{
	struct ferry_vcpu *vcpu = em->vcpu;
	unsigned int tries;
	int ret;

	em->atomic = atomic;
	em->out_of_memory = false;
	em->bad_gpa = U64_MAX;
	load_cpu(em);
	for (tries = 0; tries < MAX_TRIES; tries++) {
		insn_replay_begin(&em->replay);
		ret = insn_step(&em->cpu);
		/* Even an unfinished REP has done something. */
		store_cpu(em);
		switch (ret) {
		case INSN_DONE:
			finish(em);
			return FERRY_RESUME;
		case INSN_FAULT:
			insn_replay_reset(&em->replay);
			ferry_queue_exception(vcpu, em->cpu.fault.vector, em->cpu.fault.has_error,
					      em->cpu.fault.error, em->cpu.fault.payload);
			return FERRY_RESUME;
		case INSN_EXIT:
			ask_user(em);
			return FERRY_TO_USER;
		case INSN_UNIMPLEMENTED:
			if (atomic)
				return FERRY_NEXT_STAGE; /* the report reads guest memory */
			insn_replay_reset(&em->replay);
			report(em);
			return FERRY_TO_USER;
		}
		if (atomic)
			return FERRY_NEXT_STAGE;
	}
	return FERRY_RESUME;
}

/**
 * ferry_emulate() - execute the instruction at RIP in software
 * @vcpu: the vCPU
 * @stage: the context; FERRY_STAGE_IRQSOFF always answers NEXT_STAGE
 *
 * Return: RESUME with the instruction done or an exception queued; NEXT_STAGE when memory is not
 * present yet; TO_USER with a request or an error in the run page.
 */
enum ferry_next ferry_emulate(struct ferry_vcpu *vcpu, enum ferry_stage stage)
{
	if (stage == FERRY_STAGE_IRQSOFF)
		return FERRY_NEXT_STAGE;
	if (unlikely(vcpu->injected.type && vcpu->exit.kind == FERRY_XK_NESTED_FAULT)) {
		/* Not the instruction at RIP made the access, but the delivery before it. */
		if (stage != FERRY_STAGE_SLEEP)
			return FERRY_NEXT_STAGE;
		ferry_exit_error(vcpu, FERRY_ERROR_EVENT,
				 "delivery of vector %u reached 0x%llx, where there is no memory",
				 vcpu->injected.vector, vcpu->exit.gpa);
		return FERRY_TO_USER;
	}
	return execute(vcpu->emulation, stage == FERRY_STAGE_SECTION);
}

/**
 * ferry_port_to_user() - ask userspace to serve a plain IN or OUT
 * @vcpu: the vCPU
 * @port: its port
 * @width: bytes: 1, 2 or 4
 * @in: direction
 * @insn_len: of the instruction, to step over it with the answer
 */
enum ferry_next ferry_port_to_user(struct ferry_vcpu *vcpu, u16 port, u8 width, bool in,
				   u8 insn_len)
{
	struct ferry_emulation *em = vcpu->emulation;
	struct ferry_run *run = vcpu->run;

	em->busy = BUSY_PORT;
	em->port.width = width;
	em->port.in = in;
	em->port.insn_len = insn_len;
	memset(&run->io, 0, sizeof(run->io));
	run->exit_reason = FERRY_EXIT_IO;
	run->rip = vcpu->rip;
	run->io.port = port;
	run->io.width = width;
	run->io.is_write = !in;
	if (!in)
		memcpy(run->io.data, &vcpu->regs[FERRY_RAX], width);
	return FERRY_TO_USER;
}

static enum ferry_next finish_port(struct ferry_emulation *em)
{
	struct ferry_vcpu *vcpu = em->vcpu;
	u64 *rax = &vcpu->regs[FERRY_RAX];

	if (em->port.in) {
		u64 data = 0;

		memcpy(&data, vcpu->run->io.data, em->port.width);
		if (em->port.width == 4)
			*rax = data;
		else
			memcpy(rax, &data, em->port.width);
	}
	vcpu->exit.insn_len = em->port.insn_len;
	return ferry_skip_insn(vcpu, FERRY_STAGE_SLEEP) ? FERRY_RESUME : FERRY_NEXT_STAGE;
}

/**
 * ferry_emulate_complete() - userspace answered the request in the run page
 * @vcpu: the vCPU, ferry_emulation_busy()
 *
 * The run page is userspace's to change at any time: its data is copied once, and nothing else
 * of it is believed.
 *
 * Return: RESUME, or TO_USER with another request or an error.
 */
enum ferry_next ferry_emulate_complete(struct ferry_vcpu *vcpu)
{
	struct ferry_emulation *em = vcpu->emulation;
	enum busy was = em->busy;
	u8 data[8];
	enum ferry_next next;

	WRITE_ONCE(em->busy, NOT_BUSY);
	if (was == BUSY_PORT) {
		next = finish_port(em);
	} else {
		bool port = em->replay.access[em->replay.done].port;

		memcpy(data, port ? vcpu->run->io.data : vcpu->run->mmio.data, sizeof(data));
		insn_replay_answer(&em->replay, data);
		next = execute(em, false);
	}
	if (next == FERRY_NEXT_STAGE) {
		ferry_exit_error(vcpu, FERRY_ERROR_EMULATION,
				 "the bytes of the instruction at 0x%llx cannot be read", vcpu->rip);
		next = FERRY_TO_USER;
	}
	return next;
}

bool ferry_emulation_busy(struct ferry_vcpu *vcpu)
{
	return vcpu->emulation && READ_ONCE(vcpu->emulation->busy) != NOT_BUSY;
}

/* ---------------------------------------------------------------- looking only */

/* Code bytes at RIP without setting A bits; the count that could be read. */
static int peek_code(struct ferry_emulation *em, u8 *buf, unsigned int len)
{
	struct ferry_vcpu *vcpu = em->vcpu;
	unsigned int have = 0;
	struct insn_walk walk;
	u64 linear = vcpu->rip;

	cb_get_segment(&em->cpu, INSN_CS);
	em->cpu.efer = vcpu->efer;
	em->cpu.cr0 = vcpu->cr0;
	em->cpu.rflags = vcpu->rflags;
	walk_init(em, &walk, false);
	walk.peek = true;
	walk.cr4 &= ~(u64)X86_CR4_SMEP;
	if (!(vcpu->efer & EFER_LMA) || !(em->cpu.seg[INSN_CS].attr & INSN_SEG_L))
		linear = (u32)(linear + em->cpu.seg[INSN_CS].base);
	while (have < len) {
		unsigned int n = min_t(unsigned int, len - have,
				       PAGE_SIZE - offset_in_page(linear + have));
		int result = INSN_DONE;

		if (insn_walk(&walk, linear + have, INSN_ACC_FETCH) != INSN_DONE ||
		    gpa_read(em, walk.gpa, buf + have, n, &result))
			break;
		have += n;
	}
	return have;
}

/**
 * ferry_insn_length() - length of the instruction at RIP
 * @vcpu: the vCPU
 * @stage: the context; any
 *
 * For exits whose length the CPU does not tell. The bytes are the guest's and may have changed
 * since the exit, so this is the length of what is there now.
 *
 * Return: 1 to 15, or 0 when the bytes cannot be read in this context.
 */
int ferry_insn_length(struct ferry_vcpu *vcpu, enum ferry_stage stage)
{
	struct ferry_emulation *em = vcpu->emulation;
	u8 buf[INSN_MAX_LENGTH];
	struct insn insn;
	int have, ret;

	em->atomic = stage != FERRY_STAGE_SLEEP;
	have = peek_code(em, buf, sizeof(buf));
	ret = insn_decode(&insn, buf, have, insn_cpu_mode(&em->cpu));
	return ret == INSN_OK || ret == INSN_NOT_IMPL ? insn.length : 0;
}

/**
 * ferry_insn_bytes() - code at RIP, for reports
 * @vcpu: the vCPU
 * @buf: where to
 * @len: how many are wanted
 *
 * Takes what is present without sleeping. Return: bytes read.
 */
int ferry_insn_bytes(struct ferry_vcpu *vcpu, u8 *buf, int len)
{
	vcpu->emulation->atomic = true;
	return peek_code(vcpu->emulation, buf, len);
}

/**
 * ferry_translate() - FERRY_TRANSLATE: what the guest's page tables say
 * @vcpu: the vCPU, not running
 * @args: in and out
 *
 * A and D bits stay as they are.
 *
 * Return: 0, -EINVAL for unknown flags, -ENOMEM.
 */
int ferry_translate(struct ferry_vcpu *vcpu, struct ferry_translate *args)
{
	struct ferry_emulation *em = vcpu->emulation;
	struct insn_walk walk;
	u32 access = 0;
	int ret;

	if (args->flags & ~(FERRY_TRANSLATE_WRITE | FERRY_TRANSLATE_FETCH | FERRY_TRANSLATE_USER))
		return -EINVAL;
	if (args->flags & FERRY_TRANSLATE_WRITE)
		access |= INSN_ACC_WRITE;
	if (args->flags & FERRY_TRANSLATE_FETCH)
		access |= INSN_ACC_FETCH;
	em->atomic = false;
	walk_init(em, &walk, args->flags & FERRY_TRANSLATE_USER);
	walk.peek = true;
	ret = insn_walk(&walk, args->gva, access);
	args->valid = ret == INSN_DONE;
	args->gpa = ret == INSN_DONE ? walk.gpa : 0;
	args->error_code = ret == INSN_FAULT ? walk.error : 0;
	return ret == INSN_DONE || ret == INSN_FAULT ? 0 : -ENOMEM;
}

/* ------------------------------------------------------------------ life cycle */

static bool policy_has(void *ctx, const struct insn_cpuid_bit *bit)
{
	return ferry_cpuid_has(ctx, bit->leaf, bit->subleaf, bit->reg, bit->bit);
}

int ferry_emulation_init(struct ferry_vcpu *vcpu)
{
	struct ferry_emulation *em = kzalloc(sizeof(*em), GFP_KERNEL_ACCOUNT);

	if (!em)
		return -ENOMEM;
	em->vcpu = vcpu;
	em->cpu.ops = &ops;
	em->cpu.vendor = vcpu->vm->guest_vendor == FERRY_VENDOR_INTEL ? INSN_VENDOR_INTEL :
									INSN_VENDOR_AMD;
	em->cpu.max_rep = MAX_REP;
	insn_features_from_cpuid(em->cpu.features, policy_has, vcpu->vm);
	vcpu->emulation = em;
	return 0;
}

void ferry_emulation_free(struct ferry_vcpu *vcpu)
{
	kfree(vcpu->emulation);
	vcpu->emulation = NULL;
}
