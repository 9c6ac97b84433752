// SPDX-License-Identifier: GPL-2.0-only
/*
 * lib/insn over a vCPU: memory and port accesses that need the instruction's meaning, instructions
 * that exit with their operands undecoded, instruction lengths, and the translate call.
 *
 * A device access that nobody in the kernel serves is asked of userspace through the run page; with
 * the answer the instruction is executed again from its start (see lib/insn/insn.h).
 *
 * Owns vcpu->emulation; vcpu->lock is held by all callers but ferry_emulation_busy(). Guest bytes and page
 * tables are read once for each instruction, as a CPU does: while userspace serves an access, the instruction
 * is in flight with its bytes and, where the CPU told it, its operand's address. Nothing is cached beyond.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <asm/processor.h>

#include "control.h"
#include "emulate.h"

#define DR6_BS BIT_ULL(14)

/* REP iterations before pending interrupts get their chance. */
#define MAX_REP 64
/* Lost races before the guest is simply entered again. */
#define MAX_TRIES 16

/* ------------------------------------------------------------------- execution */

void ferry_emulation_load(struct ferry_emulation *em)
{
	struct ferry_vcpu *vcpu = em->vcpu;
	struct insn_cpu *cpu = &em->cpu;

	memcpy(cpu->gpr, vcpu->regs, sizeof(cpu->gpr));
	cpu->rip = vcpu->rip;
	cpu->rflags = vcpu->rflags;
	cpu->cr0 = vcpu->cr0;
	cpu->cr4 = vcpu->cr4;
	cpu->efer = vcpu->efer;
	cpu->dr7 = vcpu->dr7;
	memcpy(cpu->dr, vcpu->dr, sizeof(cpu->dr));
	cpu->cpl = ferry_backend->cpl(vcpu);
	ferry_insn_ops.get_segment(cpu, INSN_CS);
	cpu->seg_valid = BIT(INSN_CS);
	if (em->replay_rip != cpu->rip) {
		insn_replay_reset(&em->replay);
		em->in_flight = false;
	}
	em->replay_rip = cpu->rip;
}

void ferry_emulation_store(struct ferry_emulation *em)
{
	struct ferry_vcpu *vcpu = em->vcpu;

	memcpy(vcpu->regs, em->cpu.gpr, sizeof(vcpu->regs));
	vcpu->rip = em->cpu.rip;
	vcpu->rflags = em->cpu.rflags;
}

/* What outlives the instruction. */
static void finish(struct ferry_emulation *em, bool foreign)
{
	struct ferry_vcpu *vcpu = em->vcpu;
	u32 events = em->cpu.events, shadow = 0;

	insn_replay_reset(&em->replay);
	vcpu->count.emulated++;
	em->executed[em->id]++;
	em->foreign[em->id] += foreign;
	if (events & INSN_EV_SHADOW_STI)
		shadow |= FERRY_EVENTS_SHADOW_STI;
	if (events & INSN_EV_SHADOW_SS)
		shadow |= FERRY_EVENTS_SHADOW_MOVSS;
	ferry_backend->set_shadow(vcpu, shadow);
	if (events & INSN_EV_NMI_UNMASK)
		ferry_backend->set_nmi_mask(vcpu, false);
	if (events & INSN_EV_HALT) {
		WRITE_ONCE(vcpu->mp_state, FERRY_MP_HALTED);
		vcpu->count.halts++;
		set_bit(FERRY_REQ_LEAVE, &vcpu->requests); /* to wait, outside the section */
	}
	if (events & (INSN_EV_STEP | INSN_EV_BREAK)) {
		ferry_queue_exception(vcpu, INSN_EXC_DB, false, 0,
				      em->cpu.hits | (events & INSN_EV_STEP ? DR6_BS : 0));
		em->cpu.hits = 0;
	}
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

static int fetch(struct ferry_emulation *em, ferry_vet_fn *vet)
{
	const struct ferry_exit *exit = &em->vcpu->exit;
	int ret;

	em->operand_known = false;
	ret = insn_fetch_decode(&em->cpu, &em->insn);
	if (ret == INSN_DONE && vet)
		ret = vet(em, &em->insn);
	if (ret != INSN_DONE)
		return ret;
	em->id = insn_can_execute(&em->insn) ? em->insn.id : INSN_OP_NONE;
	em->operand_known = exit->kind == FERRY_XK_NESTED_FAULT &&
			    !(exit->access & (FERRY_ACCESS_WALK | FERRY_ACCESS_FETCH)) &&
			    insn_one_address(&em->insn);
	return INSN_DONE;
}

static int execute(struct ferry_emulation *em, ferry_vet_fn *vet)
{
	int ret = em->in_flight ? INSN_DONE : fetch(em, vet);

	if (ret == INSN_DONE)
		ret = insn_execute(&em->cpu, &em->insn);
	em->in_flight = ret == INSN_EXIT;
	return ret;
}

/* What is not emulated is the CPU's to judge if it was the CPU that brought it here. */
static bool as_the_cpu_said(struct ferry_emulation *em, ferry_vet_fn *vet)
{
	if (!vet || em->out_of_memory || em->bad_gpa != U64_MAX)
		return false;
	ferry_emulation_refuse(em);
	return true;
}

/**
 * ferry_emulation_step() - one instruction, or one stretch of a REP
 * @em: the emulator
 * @atomic: the context may not sleep
 * @vet: of an instruction that the CPU answered with an exception (vcpu->exit): INSN_DONE to carry
 *	 it out, or ferry_emulation_refuse(); NULL for all others
 */
enum ferry_next ferry_emulation_step(struct ferry_emulation *em, bool atomic, ferry_vet_fn *vet)
{
	struct ferry_vcpu *vcpu = em->vcpu;
	unsigned int tries;
	int ret;

	em->atomic = atomic;
	em->out_of_memory = false;
	em->bad_gpa = U64_MAX;
	ferry_emulation_load(em);
	for (tries = 0; tries < MAX_TRIES; tries++) {
		insn_replay_begin(&em->replay);
		ret = execute(em, vet);
		if (ret == INSN_UNIMPLEMENTED && as_the_cpu_said(em, vet))
			ret = INSN_FAULT;
		/* Even an unfinished REP has done something. */
		ferry_emulation_store(em);
		switch (ret) {
		case INSN_DONE:
			finish(em, vet);
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

/* The exception that brought us here is the guest's after all. */
int ferry_emulation_refuse(struct ferry_emulation *em)
{
	const struct ferry_exit *exit = &em->vcpu->exit;

	em->cpu.fault.vector = exit->exception.vector;
	em->cpu.fault.has_error = exit->exception.has_error;
	em->cpu.fault.error = exit->exception.error;
	em->cpu.fault.payload = exit->exception.payload;
	return INSN_FAULT;
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
	return ferry_emulation_step(vcpu->emulation, stage == FERRY_STAGE_SECTION, NULL);
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
	return ferry_skip_insn(vcpu) ? FERRY_RESUME : FERRY_NEXT_STAGE;
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
		next = ferry_emulation_step(em, false, NULL);
	}
	if (next == FERRY_NEXT_STAGE) {
		ferry_exit_error(vcpu, FERRY_ERROR_EMULATION,
				 "the bytes of the instruction at 0x%llx cannot be read", vcpu->rip);
		next = FERRY_TO_USER;
	}
	return next;
}

/**
 * ferry_emulation_forget() - the vCPU's state was replaced
 * @vcpu: the vCPU
 *
 * What is under way begins anew, from what the registers say now. Answers of devices are kept for it.
 */
void ferry_emulation_forget(struct ferry_vcpu *vcpu)
{
	vcpu->emulation->in_flight = false;
	vcpu->exit.kind = FERRY_XK_NONE;
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

	ferry_insn_ops.get_segment(&em->cpu, INSN_CS);
	em->cpu.efer = vcpu->efer;
	em->cpu.cr0 = vcpu->cr0;
	em->cpu.rflags = vcpu->rflags;
	ferry_walk_init(em, &walk, false);
	walk.peek = true;
	walk.cr4 &= ~(u64)X86_CR4_SMEP;
	if (!(vcpu->efer & EFER_LMA) || !(em->cpu.seg[INSN_CS].attr & INSN_SEG_L))
		linear = (u32)(linear + em->cpu.seg[INSN_CS].base);
	while (have < len) {
		unsigned int n = min_t(unsigned int, len - have,
				       PAGE_SIZE - offset_in_page(linear + have));

		if (insn_walk(&walk, linear + have, INSN_ACC_FETCH) != INSN_DONE ||
		    ferry_mem_read(em->vcpu->vm, walk.gpa, buf + have, n))
			break;
		have += n;
	}
	return have;
}

/**
 * ferry_insn_length() - length of the instruction at RIP
 * @vcpu: the vCPU
 *
 * For exits whose length the CPU does not tell. The bytes are the guest's and may have changed
 * since the exit, so this is the length of what is there now. Any context.
 *
 * Return: 1 to 15, or 0 when the bytes cannot be read.
 */
int ferry_insn_length(struct ferry_vcpu *vcpu)
{
	struct ferry_emulation *em = vcpu->emulation;
	u8 buf[INSN_MAX_LENGTH];
	struct insn insn;
	int have, ret;

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
 * Any context. Return: bytes read.
 */
int ferry_insn_bytes(struct ferry_vcpu *vcpu, u8 *buf, int len)
{
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
	ferry_walk_init(em, &walk, args->flags & FERRY_TRANSLATE_USER);
	walk.peek = true;
	ret = insn_walk(&walk, args->gva, access);
	args->valid = ret == INSN_DONE;
	args->gpa = ret == INSN_DONE ? walk.gpa : 0;
	args->error_code = ret == INSN_FAULT ? walk.error : 0;
	return ret == INSN_DONE || ret == INSN_FAULT ? 0 : -ENOMEM;
}

/* -------------------------------------------------------------------- counters */

static const char *const names[INSN_OP_EXECUTED_END] = {
#define X(name) [INSN_OP_##name] = #name,
	INSN_IDS_EXECUTED(X)
#undef X
};

/**
 * ferry_emulation_count() - FERRY_GET_EMULATED: the next instruction that was ever emulated
 * @vm: the VM
 * @args: in and out
 *
 * Counters are read while vCPUs go on counting. Return: 0, -ENOENT.
 */
long ferry_emulation_count(struct ferry_vm *vm, struct ferry_emulated *args)
{
	struct ferry_vcpu *vcpu;
	int i;

	for (; args->index < INSN_OP_EXECUTED_END; args->index++) {
		args->count = 0;
		args->foreign = 0;
		ferry_for_each_vcpu(i, vcpu, vm) {
			args->count += READ_ONCE(vcpu->emulation->executed[args->index]);
			args->foreign += READ_ONCE(vcpu->emulation->foreign[args->index]);
		}
		if (!args->count || !names[args->index])
			continue;
		memset(args->name, 0, sizeof(args->name));
		strscpy(args->name, names[args->index], sizeof(args->name));
		return 0;
	}
	return -ENOENT;
}

/* ------------------------------------------------------------------ life cycle */

static bool policy_has(void *ctx, const struct insn_cpuid_bit *bit)
{
	return ferry_cpuid_has(ctx, bit->leaf, bit->subleaf, bit->reg, bit->bit);
}

/* Arithmetic on vector and x87 registers is the CPU's own. */
static bool cpu_has_bit(void *ctx, const struct insn_cpuid_bit *bit)
{
	u32 regs[4];

	if (bit->leaf > cpuid_eax(bit->leaf & 0x80000000))
		return false;
	cpuid_count(bit->leaf, bit->subleaf, &regs[0], &regs[1], &regs[2], &regs[3]);
	return regs[bit->reg] >> bit->bit & 1;
}

int ferry_emulation_init(struct ferry_vcpu *vcpu)
{
	struct ferry_emulation *em = kzalloc(sizeof(*em), GFP_KERNEL_ACCOUNT);

	if (!em)
		return -ENOMEM;
	em->vcpu = vcpu;
	em->cpu.ops = &ferry_insn_ops;
	em->cpu.vendor = vcpu->vm->guest_vendor == FERRY_VENDOR_INTEL ? INSN_VENDOR_INTEL :
									INSN_VENDOR_AMD;
	em->cpu.max_rep = MAX_REP;
	insn_features_from_cpuid(em->cpu.features, policy_has, vcpu->vm);
	em->gbpages = ferry_cpuid_has(vcpu->vm, 0x80000001, 0, FERRY_REG_EDX, 26);
	insn_features_from_cpuid(em->cpu.host_features, cpu_has_bit, NULL);
	vcpu->emulation = em;
	return 0;
}

void ferry_emulation_free(struct ferry_vcpu *vcpu)
{
	kfree(vcpu->emulation);
	vcpu->emulation = NULL;
}
