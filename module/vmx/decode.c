// SPDX-License-Identifier: GPL-2.0-only
/*
 * From the CPU's exit to struct ferry_exit. exits.h is the list; each row names one of the
 * decoders here. No locks; called right after the run, interrupts off. The window may be closed.
 */
#include <linux/kernel.h>

#include "vmx.h"

#define DB_CONDITIONS 0x600fULL /* B0-3, BD, BS: where DR6 has them (SDM table 28-1) */

static void decode_nothing(struct ferry_vcpu *vcpu, struct vmx_vcpu *vmx, struct ferry_exit *exit)
{
}

static void decode_insn(struct ferry_vcpu *vcpu, struct vmx_vcpu *vmx, struct ferry_exit *exit)
{
	exit->insn_len = vmx->insn_length;
}

/* Bits 5:4 of the qualification: 2 is CLTS, 3 LMSW, both of CR0 (SDM table 28-3). */
static void decode_cr(struct ferry_vcpu *vcpu, struct vmx_vcpu *vmx, struct ferry_exit *exit)
{
	decode_insn(vcpu, vmx, exit);
	exit->reg = (vmx->qualification >> 4 & 3) >= 2 ? 0 : vmx->qualification & 0xf;
}

static void decode_dr(struct ferry_vcpu *vcpu, struct vmx_vcpu *vmx, struct ferry_exit *exit)
{
	decode_insn(vcpu, vmx, exit);
	exit->reg = vmx->qualification & 7;
}

/* SDM table 28-5. */
static void decode_io(struct ferry_vcpu *vcpu, struct vmx_vcpu *vmx, struct ferry_exit *exit)
{
	u64 info = vmx->qualification;

	decode_insn(vcpu, vmx, exit);
	exit->io.port = info >> 16;
	exit->io.width = (info & 7) + 1;
	exit->io.in = info & BIT(3);
	exit->io.string = info & BIT(4);
}

/* An IRET whose own access caused the exit had ended NMI masking already: it will run again. */
static void mask_nmis_again(struct ferry_vcpu *vcpu, const struct vmx_vcpu *vmx, bool unblocked)
{
	if (unlikely(unblocked) && !(vmx->vectoring & VMX_EVENT_VALID))
		vmx_set_nmi_mask(vcpu, true);
}

static void decode_ept_violation(struct ferry_vcpu *vcpu, struct vmx_vcpu *vmx,
				 struct ferry_exit *exit)
{
	u64 info = vmx->qualification;

	exit->gpa = vmx->gpa;
	/* With accessed and dirty bits a walk is reported as a write, some say as a read too. */
	exit->access = info & VMX_EPT_WRITE ? FERRY_ACCESS_WRITE :
		       info & VMX_EPT_FETCH ? FERRY_ACCESS_FETCH :
					      FERRY_ACCESS_READ;
	if (info & VMX_EPT_PERMISSIONS)
		exit->access |= FERRY_ACCESS_PRESENT;
	if ((info & VMX_EPT_LINEAR) && !(info & VMX_EPT_FINAL))
		exit->access |= FERRY_ACCESS_WALK;
	mask_nmis_again(vcpu, vmx, info & VMX_EPT_NMI_UNBLOCKED);
}

/*
 * INT1 is a trap, but the exit comes before it is over. Any other #DB in a shadow has taken the step
 * that waits along, and the next entry wants to find it again (SDM 27.3.1.5).
 */
static void decode_debug(struct ferry_vcpu *vcpu, struct vmx_vcpu *vmx)
{
	if ((vmx->exit_event & VMX_EVENT_TYPE) == VMX_EVENT_PRIV_SOFT_EXC) {
		vcpu->rip += vmx->insn_length;
		if (!vmx_code64(vcpu))
			vcpu->rip = (u32)vcpu->rip;
		vmx_set_shadow(vcpu, 0);
	} else if (vmx->interruptibility & VMX_BLOCKED_SHADOW) {
		vmx->dirty |= VMX_D_PENDING;
	}
}

static void decode_log_full(struct ferry_vcpu *vcpu, struct vmx_vcpu *vmx, struct ferry_exit *exit)
{
	mask_nmis_again(vcpu, vmx, vmx->qualification & VMX_EPT_NMI_UNBLOCKED);
}

static void decode_exception(struct ferry_vcpu *vcpu, struct vmx_vcpu *vmx,
			     struct ferry_exit *exit)
{
	u32 event = vmx->exit_event;
	u8 vector = event & VMX_EVENT_VECTOR;

	/* The host's NMI or machine check; served in enter(). */
	if ((event & VMX_EVENT_TYPE) == VMX_EVENT_NMI || vector == 18) {
		exit->kind = FERRY_XK_NMI;
		return;
	}
	exit->exception.vector = vector;
	exit->exception.has_error = event & VMX_EVENT_HAS_ERROR;
	exit->exception.error = exit->exception.has_error ? vmx->exit_error : 0;
	exit->exception.payload = vector == 1  ? vmx->qualification & DB_CONDITIONS :
				  vector == 14 ? vmx->qualification :
						 0;
	if (vector == 1)
		decode_debug(vcpu, vmx);
	mask_nmis_again(vcpu, vmx, vector != 8 && (event & VMX_EVENT_NMI_UNBLOCKED));
	if (vector == 17 && vmx_split_lock(vcpu))
		exit->kind = FERRY_XK_NMI; /* the host's as well, and served */
}

static void decode_refusal(struct ferry_vcpu *vcpu, struct vmx_vcpu *vmx, struct ferry_exit *exit)
{
}

struct row {
	const char *name;
	u32 kind;
	void (*decode)(struct ferry_vcpu *vcpu, struct vmx_vcpu *vmx, struct ferry_exit *exit);
};

static const struct row rows[VMX_NR_REASONS] = {
#define X(code, name, kind, decoder)                                                               \
	[code] = { "VMX " #name " " #code, FERRY_XK_##kind, decode_##decoder },
	VMX_EXITS(X)
#undef X
};

static const char *const refusals[VMX_NR_REFUSALS] = {
#define X(n, name, text) [n] = "entry refused: " text,
	VMX_REFUSALS(X)
#undef X
};

const char *vmx_exit_name(u64 code)
{
	if (code - VMX_REFUSED_BASE < VMX_NR_REFUSALS)
		return refusals[code - VMX_REFUSED_BASE];
	if (code < VMX_NR_REASONS && rows[code].name)
		return rows[code].name;
	return "VMX unknown exit";
}

/* The entry was refused: the event goes back to the core as it came. */
static void requeue_event(struct ferry_vcpu *vcpu, struct vmx_vcpu *vmx)
{
	if (vmx->event.type)
		vcpu->injected = vmx->event;
	vmx->event.type = FERRY_EVENT_NONE;
}

static bool decode_failed(struct ferry_vcpu *vcpu, struct vmx_vcpu *vmx, struct ferry_exit *exit)
{
	u32 reason = vmx->reason & VMX_REASON_BASIC;
	u64 value = vmx->qualification;

	if (!vmx->failed && !(vmx->reason & VMX_REASON_ENTRY_FAILED))
		return false;
	exit->insn_len = 0;
	exit->info2 = 0;
	exit->kind = FERRY_XK_ENTRY_FAILED;
	if (vmx->failed == 7)
		exit->code = VMX_REFUSED_BASE + VMX_REFUSAL_CONTROLS;
	else if (vmx->failed == 8)
		exit->code = VMX_REFUSED_BASE + VMX_REFUSAL_HOST;
	else if (vmx->failed)
		exit->code = VMX_REFUSED_BASE + VMX_REFUSAL_INSTRUCTION;
	else if (reason == VMX_REASON_MSR_LOADING)
		exit->code = VMX_REFUSED_BASE + VMX_REFUSAL_MSR_LIST;
	else if (reason == VMX_REASON_ENTRY_MACHINE_CHECK)
		exit->kind = FERRY_XK_NMI;
	else
		exit->code = vmx_explain_refusal(vcpu, &value);
	exit->info1 = value;
	requeue_event(vcpu, vmx);
	return true;
}

void vmx_decode(struct ferry_vcpu *vcpu, struct ferry_exit *exit)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	const struct row *row;

	vcpu->injected.type = FERRY_EVENT_NONE;
	if (unlikely(decode_failed(vcpu, vmx, exit)))
		return;
	if (unlikely(vmx->vectoring & VMX_EVENT_VALID))
		vmx_recover_event(vcpu);
	vmx->event.type = FERRY_EVENT_NONE;

	exit->code = vmx->reason & VMX_REASON_BASIC;
	exit->info1 = vmx->qualification;
	exit->info2 = exit->code == VMX_REASON_EXCEPTION_NMI ? vmx->exit_event : 0;
	exit->insn_len = 0;
	row = exit->code < VMX_NR_REASONS ? &rows[exit->code] : NULL;
	if (unlikely(!row || !row->name)) {
		exit->kind = FERRY_XK_UNKNOWN;
		return;
	}
	exit->kind = row->kind;
	row->decode(vcpu, vmx, exit);
}
