// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stretches of guest code in software: where the CPU cannot be entered with the state the guest is
 * in, and in VMs that are never to enter it. Events are delivered here as well, through the guest's
 * own IVT or IDT.
 *
 * Called with vcpu->lock held; no other locks.
 */
#include <linux/sched/signal.h>

#include "emulate.h"

/* Instructions in one go, before the run loop looks at everything else. */
#define BATCH 1000

static u8 event_type(u32 type)
{
	switch (type) {
	case FERRY_EVENT_EXCEPTION:
		return INSN_EVENT_EXCEPTION;
	case FERRY_EVENT_SOFT_INT:
		return INSN_EVENT_SOFT_INT;
	case FERRY_EVENT_SOFT_EXC:
		return INSN_EVENT_SOFT_EXC;
	case FERRY_EVENT_PRIV_SOFT_EXC:
		return INSN_EVENT_INT1;
	default:
		return INSN_EVENT_EXTERNAL;
	}
}

static enum ferry_next cannot_deliver(struct ferry_emulation *em)
{
	struct ferry_vcpu *vcpu = em->vcpu;

	if (em->atomic)
		return FERRY_NEXT_STAGE; /* the report reads guest memory */
	ferry_exit_error(vcpu, FERRY_ERROR_EVENT,
			 "delivery of vector %u reached 0x%llx, where there is no memory",
			 vcpu->injected.vector, em->bad_gpa);
	return FERRY_TO_USER;
}

/*
 * vcpu->injected, through the guest's tables. A fault on the way replaces it, by the rules of
 * ferry_queue_exception(); an interrupt that fails so is lost, as on a CPU (SDM 6.15).
 */
static enum ferry_next deliver(struct ferry_emulation *em, bool atomic)
{
	struct ferry_vcpu *vcpu = em->vcpu;
	const struct ferry_event_state *from = &vcpu->injected;
	struct insn_event event = {
		.vector = from->vector,
		.type = event_type(from->type),
		.has_error = (from->flags & FERRY_EVENT_HAS_ERROR) && (vcpu->cr0 & X86_CR0_PE),
		.error = from->error,
	};
	u64 soft_len = 0;
	int ret;

	if (event.type != INSN_EVENT_EXTERNAL && event.type != INSN_EVENT_EXCEPTION)
		soft_len = from->insn_len; /* these push the next RIP */
	em->atomic = atomic;
	em->out_of_memory = false;
	em->bad_gpa = U64_MAX;
	ferry_emulation_load(em);
	insn_replay_reset(&em->replay);
	insn_replay_begin(&em->replay);
	em->cpu.rip += soft_len;
	ret = insn_deliver(&em->cpu, &event);
	switch (ret) {
	case INSN_DONE:
		ferry_emulation_store(em);
		vcpu->injected.type = FERRY_EVENT_NONE;
		ferry_backend->set_shadow(vcpu, 0);
		if (em->cpu.events & INSN_EV_TASK)
			ferry_queue_exception(vcpu, INSN_EXC_DB, false, 0, BIT_ULL(15));
		return FERRY_RESUME;
	case INSN_FAULT:
		if (em->cpu.rip == vcpu->rip + soft_len)
			em->cpu.rip = vcpu->rip;
		ferry_emulation_store(em); /* a task switch may have gone halfway */
		ferry_queue_exception(vcpu, em->cpu.fault.vector, em->cpu.fault.has_error,
				      em->cpu.fault.error, em->cpu.fault.payload);
		vcpu->injected.type = FERRY_EVENT_NONE;
		return FERRY_RESUME;
	case INSN_RETRY:
		return atomic ? FERRY_NEXT_STAGE : FERRY_RESUME;
	default:
		insn_replay_reset(&em->replay);
		return cannot_deliver(em);
	}
}

/**
 * ferry_emulate_task_switch() - the CPU met a hardware task switch
 * @vcpu: the vCPU
 * @stage: the context
 *
 * An event that was on its way through a task gate is delivered here, which switches tasks; else it
 * was the instruction at RIP: a jump, a call, an IRET, or INT n, INT3 and INTO, which run again.
 */
enum ferry_next ferry_emulate_task_switch(struct ferry_vcpu *vcpu, enum ferry_stage stage)
{
	if (stage == FERRY_STAGE_IRQSOFF)
		return FERRY_NEXT_STAGE;
	if (!vcpu->injected.type)
		return ferry_emulate(vcpu, stage);
	return deliver(vcpu->emulation, stage == FERRY_STAGE_SECTION);
}

/**
 * ferry_must_emulate() - can the hardware not run this vCPU as it is?
 * @vcpu: the vCPU
 */
bool ferry_must_emulate(struct ferry_vcpu *vcpu)
{
	if (vcpu->vm->flags & FERRY_VM_EMULATE)
		return true;
	return ferry_backend->can_enter && !ferry_backend->can_enter(vcpu);
}

/**
 * ferry_emulate_until_native() - run the guest in software until the hardware can go on
 * @vcpu: the vCPU
 * @stage: FERRY_STAGE_SECTION or FERRY_STAGE_SLEEP
 *
 * A backend that cannot enter some states (VMX without unrestricted guest: real mode, and protected
 * mode with segments that are still real mode's) says so by its can_enter(); the run loop then calls
 * this instead of enter(), events included: interrupts, NMIs and exceptions are delivered through
 * the guest's IVT or IDT by lib/insn, and inject() and request_window() are not called. It comes
 * back as soon as can_enter() is true, when the host or a request wants the CPU, or after some
 * thousand instructions; the run loop asks again. In a VM made with FERRY_VM_EMULATE it is all there
 * is.
 *
 * Return: RESUME; NEXT_STAGE when memory must be allocated; TO_USER with a request or an error in
 * the run page.
 */
enum ferry_next ferry_emulate_until_native(struct ferry_vcpu *vcpu, enum ferry_stage stage)
{
	struct ferry_emulation *em = vcpu->emulation;
	bool atomic = stage == FERRY_STAGE_SECTION;
	enum ferry_next next = FERRY_RESUME;
	unsigned int n;

	for (n = 0; n < BATCH && next == FERRY_RESUME; n++) {
		if (READ_ONCE(vcpu->requests) || need_resched() || signal_pending(current))
			break;
		if (n && !ferry_must_emulate(vcpu))
			break;
		if (ferry_take_event(vcpu))
			next = deliver(em, atomic);
		else if (vcpu->pending.type)
			break; /* a triple fault, which the run loop serves */
		else
			next = ferry_emulation_step(em, atomic, NULL);
	}
	return next;
}
