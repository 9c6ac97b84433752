// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events on their way into the guest: injection, recovery of what an exit interrupted, windows.
 *
 * Interrupt window: a virtual interrupt (V_IRQ) that is never taken, because its intercept exits
 * first. Everything real goes in by EVENTINJ.
 *
 * NMI window: the CPU has no NMI masking of its own that we could ask (virtual NMIs are newer than
 * what must work). From the injection of an NMI on, IRET is intercepted; its exit comes before the
 * IRET has run, so with another NMI waiting, one instruction is executed with TF set. Where an
 * interrupt shadow keeps an NMI out, likewise. TF must never be seen by the guest, so during that
 * one instruction every exception and every instruction that stores flags is intercepted: see
 * svm_step_begin().
 *
 * Called with vcpu->lock held; no other locks.
 */
#include <asm/debugreg.h>
#include <asm/processor-flags.h>

#include "svm.h"

/* -------------------------------------------------------------------- injection */

static bool is_soft(const struct ferry_event_state *event)
{
	return event->type == FERRY_EVENT_SOFT_INT || event->type == FERRY_EVENT_SOFT_EXC ||
	       event->type == FERRY_EVENT_PRIV_SOFT_EXC;
}

bool svm_can_inject(struct ferry_vcpu *vcpu, u8 type)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	if ((svm->attention & SVM_INJECT) || (svm->vmcb->control.int_state & SVM_INT_SHADOW))
		return false;
	if (type == FERRY_EVENT_NMI)
		return !svm->nmi_masked;
	return vcpu->rflags & X86_EFLAGS_IF;
}

/*
 * APM 15.20. The soft types push RIP as it stands, so it is moved behind the instruction here and
 * moved back if the delivery is interrupted.
 */
void svm_inject(struct ferry_vcpu *vcpu, const struct ferry_event_state *event)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	u64 field = SVM_EVENT_VALID | event->vector;

	switch (event->type) {
	case FERRY_EVENT_EXTINT:
		field |= SVM_EVENT_TYPE_INTR;
		break;
	case FERRY_EVENT_NMI:
		field = SVM_EVENT_VALID | SVM_EVENT_TYPE_NMI | 2;
		svm_set_nmi_mask(vcpu, true);
		break;
	case FERRY_EVENT_SOFT_INT:
		field |= SVM_EVENT_TYPE_SOFT;
		break;
	case FERRY_EVENT_EXCEPTION:
	case FERRY_EVENT_SOFT_EXC:
	case FERRY_EVENT_PRIV_SOFT_EXC:
		field |= SVM_EVENT_TYPE_EXCEPTION;
		/* Real mode pushes no error codes. */
		if ((event->flags & FERRY_EVENT_HAS_ERROR) && (vcpu->cr0 & X86_CR0_PE))
			field |= SVM_EVENT_HAS_ERROR | (u64)event->error << SVM_EVENT_ERROR_SHIFT;
		break;
	default:
		return;
	}
	svm->injected = *event;
	if (is_soft(event))
		vcpu->rip += event->insn_len;
	svm->injected_rip = vcpu->rip;
	svm->vmcb->control.event_inj = field;
	svm->attention |= SVM_INJECT;
}

/* Would VMRUN refuse event_inj? "A vector that does not correspond to an exception" (APM 15.20). */
bool svm_illegal_event(const struct svm_vcpu *svm)
{
	u64 field = svm->vmcb->control.event_inj;
	u8 vector = field & SVM_EVENT_VECTOR;

	return (field & SVM_EVENT_TYPE) == SVM_EVENT_TYPE_EXCEPTION && (vector == 2 || vector > 31);
}

/* The entry was refused: the event goes back to the core as it came. */
void svm_requeue_event(struct ferry_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	if (!(svm->attention & SVM_INJECT))
		return;
	svm->vmcb->control.event_inj = 0;
	svm->attention &= ~(SVM_INJECT | SVM_AT_ONCE);
	if (is_soft(&svm->injected))
		vcpu->rip -= svm->injected.insn_len;
	vcpu->injected = svm->injected;
	svm->injected.type = FERRY_EVENT_NONE;
}

/*
 * Is what was being delivered the event that the entry injected, or has the guest run on, and another one of its
 * vector has come since? Types alone do not tell: QEMU's TCG knows only exceptions and INT n.
 */
static bool was_injected(const struct svm_vcpu *svm, u64 rip, u8 vector, u32 type)
{
	const struct ferry_event_state *event = &svm->injected;

	return event->type && event->vector == vector && rip == svm->injected_rip &&
	       (event->type == FERRY_EVENT_SOFT_INT) == (type == SVM_EVENT_TYPE_SOFT);
}

/*
 * The exit came while an event was being delivered (EXITINTINFO, APM 15.7.2): it must be delivered
 * again before anything else. Only bit 31 says whether the field means anything.
 */
void svm_recover_event(struct ferry_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	u64 info = svm->vmcb->control.exit_int_info;
	u32 type = info & SVM_EVENT_TYPE;
	u8 vector = info & SVM_EVENT_VECTOR;
	struct ferry_event_state *event = &vcpu->injected;

	/* QEMU's TCG reports a virtual interrupt as an exception with an interrupt's vector. */
	if (type == SVM_EVENT_TYPE_EXCEPTION && vector >= 32)
		type = SVM_EVENT_TYPE_INTR;

	if (was_injected(svm, vcpu->rip, vector, type)) {
		*event = svm->injected;
		/* The same fault may have come again since, at the same place, with another code. */
		if (event->type == FERRY_EVENT_EXCEPTION && (info & SVM_EVENT_HAS_ERROR))
			event->error = info >> SVM_EVENT_ERROR_SHIFT;
		if (is_soft(event))
			vcpu->rip -= event->insn_len;
		if (event->type == FERRY_EVENT_NMI)
			svm_set_nmi_mask(vcpu, false);
		return;
	}
	*event = (struct ferry_event_state){ .vector = vector };
	switch (type) {
	case SVM_EVENT_TYPE_INTR:
		event->type = FERRY_EVENT_EXTINT;
		break;
	case SVM_EVENT_TYPE_NMI:
		event->type = FERRY_EVENT_NMI;
		svm_set_nmi_mask(vcpu, false);
		break;
	case SVM_EVENT_TYPE_EXCEPTION:
		/* The guest's own INT3 or INTO: RIP still points at it, so it runs again. */
		if (vector == 3 || vector == 4)
			break;
		event->type = FERRY_EVENT_EXCEPTION;
		if (info & SVM_EVENT_HAS_ERROR) {
			event->flags = FERRY_EVENT_HAS_ERROR;
			event->error = info >> SVM_EVENT_ERROR_SHIFT;
		}
		break;
	default:
		/* The guest's own INT n, likewise. */
		break;
	}
}

/* --------------------------------------------------------------------- windows */

static void set_irq_window(struct svm_vcpu *svm, bool on)
{
	struct svm_control *control = &svm->vmcb->control;

	svm->irq_window = on;
	/* Of the highest priority, so that only IF, GIF and the shadow hold it back. */
	if (on)
		control->int_ctl |= SVM_V_IRQ | SVM_V_IGN_TPR | SVM_V_INTR_PRIO;
	else
		control->int_ctl &= ~(SVM_V_IRQ | SVM_V_IGN_TPR | SVM_V_INTR_PRIO);
	control->int_vector = 0;
	control->clean &= ~SVM_CLEAN_TPR;
	svm_intercept(svm->vmcb, SVM_INTERCEPT_VINTR, on);
}

void svm_end_irq_window(struct svm_vcpu *svm)
{
	set_irq_window(svm, false);
}

void svm_request_window(struct ferry_vcpu *vcpu, bool irq, bool nmi)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	if (unlikely(irq != svm->irq_window))
		set_irq_window(svm, irq);
	if (likely(!nmi)) {
		svm->attention &= ~(SVM_STEP | SVM_AT_ONCE);
		return;
	}
	if (svm->nmi_masked) {
		/* Either the IRET's exit is still to come, or it is the next instruction. */
		if (svm->attention & SVM_IRET)
			svm->attention |= SVM_STEP;
	} else if (svm->vmcb->control.int_state & SVM_INT_SHADOW) {
		svm->attention |= SVM_STEP;
	} else {
		svm->attention |= SVM_AT_ONCE; /* only this entry's own event is in the way */
	}
}

bool svm_get_nmi_mask(struct ferry_vcpu *vcpu)
{
	return to_svm(vcpu)->nmi_masked;
}

void svm_set_nmi_mask(struct ferry_vcpu *vcpu, bool masked)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	svm->nmi_masked = masked;
	svm->attention &= ~SVM_IRET;
	svm_intercept(svm->vmcb, SVM_INTERCEPT_IRET, masked);
}

/* IRET is about to run with NMIs masked: nothing more to intercept until the next NMI. */
void svm_begin_iret(struct ferry_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	svm_intercept_clear(svm->vmcb, SVM_INTERCEPT_IRET);
	svm->attention |= SVM_IRET;
	svm->iret_rip = vcpu->rip;
}

/* Instructions that would store our TF where the guest sees it, or load another. */
static const u8 stores_flags[] = {
	SVM_INTERCEPT_PUSHF,
	SVM_INTERCEPT_POPF,
	SVM_INTERCEPT_INTN,
	SVM_INTERCEPT_ICEBP,
};

static void intercept_for_step(struct svm_vcpu *svm, bool on)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(stores_flags); i++)
		svm_intercept(svm->vmcb, stores_flags[i], on);
	svm->vmcb->control.intercept[SVM_INTERCEPT_EXCEPTION / 32] =
		on ? ~(u32)BIT(2) : svm->exceptions;
	if (!(svm->attention & SVM_IRET))
		svm_intercept(svm->vmcb, SVM_INTERCEPT_IRET, on || svm->nmi_masked);
}

/*
 * Execute one instruction. IRET with SVM_IRET set loads the guest's own TF with its flags; anything
 * else runs with TF added, or exits before it has done anything.
 */
void svm_step_begin(struct ferry_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	svm->step_tf = vcpu->rflags & X86_EFLAGS_TF;
	svm->vmcb->save.rflags |= X86_EFLAGS_TF;
	intercept_for_step(svm, true);
}

/* After any exit: vcpu->rip and rflags are already the guest's new ones, but for our TF. */
void svm_step_end(struct ferry_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct svm_vmcb *vmcb = svm->vmcb;
	u64 conditions = vmcb->save.dr6 & (DR_STEP | DR_TRAP_BITS);
	/* Bochs 2.7 names no condition at all. */
	bool trapped = (u32)vmcb->control.exit_code == SVM_EXIT_EXCEPTION_DB &&
		       (!conditions || (conditions & DR_STEP));
	bool iret_done = (svm->attention & SVM_IRET) && trapped && vcpu->rip != svm->iret_rip;

	intercept_for_step(svm, false);
	svm->attention &= ~SVM_STEP;
	if (!iret_done && !svm->step_tf)
		vcpu->rflags &= ~X86_EFLAGS_TF;
	svm->stepped = true;
	/* The trap is ours alone unless the guest was stepping itself. */
	if (trapped && !svm->step_tf)
		vmcb->save.dr6 &= ~DR_STEP;
}

/* ------------------------------------------------------------------------- CR8 */

/*
 * The guest reads and writes CR8 in V_TPR without exits; run.c takes what it wrote. A write is
 * intercepted only while it could unblock an interrupt that waits, or while a window is open:
 * QEMU's TCG up to 7.2 at least fails an assertion on MOV to CR8 with V_IRQ set.
 */
void svm_set_cr8(struct ferry_vcpu *vcpu, u8 cr8, int highest_irr)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct svm_vmcb *vmcb = svm->vmcb;
	u32 bit = BIT(SVM_INTERCEPT_CR_WRITE + 8);
	bool want = (highest_irr >= 0 && highest_irr >> 4 <= cr8) || svm->irq_window;

	if (cr8 != svm->cr8) {
		svm->cr8 = cr8;
		vmcb->control.int_ctl = (vmcb->control.int_ctl & ~SVM_V_TPR) | cr8;
		vmcb->control.clean &= ~SVM_CLEAN_TPR;
	}
	if (unlikely(want != !!(vmcb->control.intercept[0] & bit)))
		svm_intercept(vmcb, SVM_INTERCEPT_CR_WRITE + 8, want);
}
