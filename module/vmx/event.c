// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events on their way into the guest: injection, recovery of what an exit interrupted, windows, the
 * interrupt shadow and the task priority.
 *
 * Virtual NMIs keep NMI masking in the CPU: injection sets it, IRET clears it.
 *
 * Called with vcpu->lock held; no other locks.
 */
#include <linux/mm.h>
#include <asm/processor-flags.h>

#include "vmx.h"

#define VTPR 0x80 /* offset in the virtual-APIC page */

/* ----------------------------------------------------------- the interruptibility */

void vmx_set_interruptibility(struct vmx_vcpu *vmx, u32 value)
{
	if (vmx->interruptibility == value)
		return;
	vmx->interruptibility = value;
	vmx->dirty |= VMX_D_SHADOW;
}

u32 vmx_get_shadow(struct ferry_vcpu *vcpu)
{
	u32 blocked = to_vmx(vcpu)->interruptibility;

	return (blocked & VMX_BLOCKED_STI ? FERRY_EVENTS_SHADOW_STI : 0) |
	       (blocked & VMX_BLOCKED_MOVSS ? FERRY_EVENTS_SHADOW_MOVSS : 0);
}

/* One of the two at most, and STI's only with IF set (SDM 27.3.1.5). */
void vmx_set_shadow(struct ferry_vcpu *vcpu, u32 shadow)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	u32 blocked = vmx->interruptibility & ~(u32)VMX_BLOCKED_SHADOW;

	if (shadow & FERRY_EVENTS_SHADOW_MOVSS)
		blocked |= VMX_BLOCKED_MOVSS;
	else if (shadow & FERRY_EVENTS_SHADOW_STI)
		blocked |= vcpu->rflags & X86_EFLAGS_IF ? VMX_BLOCKED_STI : VMX_BLOCKED_MOVSS;
	/* In a shadow what waits for its end depends on TF as well, which may be new. */
	if (likely(blocked == vmx->interruptibility && !(blocked & VMX_BLOCKED_SHADOW)))
		return;
	vmx_set_interruptibility(vmx, blocked);
	vmx->dirty |= VMX_D_PENDING;
}

bool vmx_get_nmi_mask(struct ferry_vcpu *vcpu)
{
	return to_vmx(vcpu)->interruptibility & VMX_BLOCKED_NMI;
}

void vmx_set_nmi_mask(struct ferry_vcpu *vcpu, bool masked)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	u32 others = vmx->interruptibility & ~(u32)VMX_BLOCKED_NMI;

	vmx_set_interruptibility(vmx, others | (masked ? VMX_BLOCKED_NMI : 0));
}

/* -------------------------------------------------------------------- injection */

/* An NMI waits for the end of either shadow: some CPUs refuse it in STI's (SDM 27.3.1.5). */
bool vmx_can_inject(struct ferry_vcpu *vcpu, u8 type)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	if ((vmx->dirty & VMX_D_EVENT) || (vmx->interruptibility & VMX_BLOCKED_SHADOW))
		return false;
	if (type == FERRY_EVENT_NMI)
		return !(vmx->interruptibility & VMX_BLOCKED_NMI);
	return vcpu->rflags & X86_EFLAGS_IF;
}

void vmx_inject(struct ferry_vcpu *vcpu, const struct ferry_event_state *event)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	/* The CPU masks NMIs as it delivers one, and refuses to deliver one while they are. */
	if (event->type == FERRY_EVENT_NMI)
		vmx_set_nmi_mask(vcpu, false);
	vmx->event = *event;
	vmx->dirty |= VMX_D_EVENT;
}

/* SDM 25.8.3. RIP stays at the instruction for the soft types: the CPU adds its length. */
void vmx_write_event(struct ferry_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	const struct ferry_event_state *event = &vmx->event;
	u32 field = VMX_EVENT_VALID | event->vector;

	switch (event->type) {
	case FERRY_EVENT_EXTINT:
		field |= VMX_EVENT_INTR;
		break;
	case FERRY_EVENT_NMI:
		field = VMX_EVENT_VALID | VMX_EVENT_NMI | 2;
		break;
	case FERRY_EVENT_SOFT_INT:
		field |= VMX_EVENT_SOFT_INT;
		break;
	case FERRY_EVENT_SOFT_EXC:
		field |= VMX_EVENT_SOFT_EXC;
		break;
	case FERRY_EVENT_PRIV_SOFT_EXC:
		field |= VMX_EVENT_PRIV_SOFT_EXC;
		break;
	case FERRY_EVENT_EXCEPTION:
		field |= VMX_EVENT_EXCEPTION;
		/* Real mode pushes no error codes. */
		if ((event->flags & FERRY_EVENT_HAS_ERROR) && (vcpu->cr0 & X86_CR0_PE)) {
			field |= VMX_EVENT_HAS_ERROR;
			vmx_write(VMX_ENTRY_ERROR_CODE, event->error);
		}
		break;
	default:
		return;
	}
	if ((field & VMX_EVENT_TYPE) >= VMX_EVENT_SOFT_INT)
		vmx_write(VMX_ENTRY_INSN_LENGTH, event->insn_len);
	vmx_write(VMX_ENTRY_EVENT, field);
}

/*
 * The exit came while an event was being delivered (SDM 28.2.4): it must be delivered again before
 * anything else.
 */
void vmx_recover_event(struct ferry_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	u32 info = vmx->vectoring;
	struct ferry_event_state *event = &vcpu->injected;

	*event = (struct ferry_event_state){ .vector = info & VMX_EVENT_VECTOR };
	switch (info & VMX_EVENT_TYPE) {
	case VMX_EVENT_INTR:
		event->type = FERRY_EVENT_EXTINT;
		break;
	case VMX_EVENT_NMI:
		event->type = FERRY_EVENT_NMI;
		vmx_set_nmi_mask(vcpu, false);
		break;
	case VMX_EVENT_EXCEPTION:
		event->type = FERRY_EVENT_EXCEPTION;
		break;
	case VMX_EVENT_SOFT_INT:
		event->type = FERRY_EVENT_SOFT_INT;
		break;
	case VMX_EVENT_SOFT_EXC:
		event->type = FERRY_EVENT_SOFT_EXC;
		break;
	case VMX_EVENT_PRIV_SOFT_EXC:
		event->type = FERRY_EVENT_PRIV_SOFT_EXC;
		break;
	default:
		return;
	}
	if ((info & VMX_EVENT_TYPE) >= VMX_EVENT_SOFT_INT)
		event->insn_len = vmx->insn_length;
	if (info & VMX_EVENT_HAS_ERROR) {
		event->flags = FERRY_EVENT_HAS_ERROR;
		event->error = vmx->vectoring_error;
	}
}

/* --------------------------------------------------------------------- windows */

void vmx_request_window(struct ferry_vcpu *vcpu, bool irq, bool nmi)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	u32 primary = vmx->primary & ~(u32)(VMX_PRI_INTR_WINDOW | VMX_PRI_NMI_WINDOW);

	/*
	 * An NMI waits for the end of STI's shadow (vmx_can_inject()), which an NMI window "may also prevent", or not
	 * (SDM 3, 26.2): then it would open at each entry, before the instruction in the shadow. In that shadow IF is
	 * set, so that an interrupt window opens behind it.
	 */
	if (unlikely(nmi && (vmx->interruptibility & VMX_BLOCKED_STI))) {
		nmi = false;
		irq = true;
	}
	primary |= (irq ? VMX_PRI_INTR_WINDOW : 0) | (nmi ? VMX_PRI_NMI_WINDOW : 0);
	if (unlikely(primary != vmx->primary)) {
		vmx->primary = primary;
		vmx->dirty |= VMX_D_PRIMARY;
	}
}

/*
 * An exit comes when the guest lowers its priority below the threshold: that of the interrupt which
 * it holds back (SDM 30.1.2).
 */
void vmx_set_cr8(struct ferry_vcpu *vcpu, u8 cr8, int highest_irr)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	u8 threshold = 0;

	if (!vmx_hw.tpr_shadow)
		return;
	if (cr8 != vmx->cr8) {
		vmx->cr8 = cr8;
		((u8 *)page_address(vmx->vapic))[VTPR] = cr8 << 4;
	}
	if (highest_irr >= 0 && highest_irr >> 4 <= cr8)
		threshold = highest_irr >> 4;
	if (unlikely(threshold != vmx->tpr_threshold)) {
		vmx->tpr_threshold = threshold;
		vmx->dirty |= VMX_D_TPR;
	}
}
