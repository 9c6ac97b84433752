// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest state that the backend owns, in our copy of it (see vmx.h), and what of the core's state
 * goes into the VMCS in another form.
 *
 * Called with vcpu->lock held.
 */
#include <linux/string.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "../control.h"
#include "vmx.h"

#define CPUID_80000001_EDX_RDTSCP 27
#define CPUID_7_EBX_INVPCID 10
#define CPUID_7_ECX_RDPID 22

#define PAT_RESET 0x0007040600070406ULL
#define DR7_ENABLES 0xffULL

/*
 * #MC is the host's. #DB and #AC can be raised by their own delivery, over and over inside one
 * instruction, where no interrupt gets in: a guest could hold the CPU for ever (CVE-2015-5307,
 * CVE-2015-8104). With the exit each round passes through the host.
 */
#define HOST_EXCEPTIONS (BIT(1) | BIT(17) | BIT(18))
/* What only AMD CPUs execute is #UD here, and the core's to look at. */
#define CORE_EXCEPTIONS BIT(6)

/* #GP: SYSENTER where the guest has none. */
u32 vmx_exceptions(const struct vmx_vcpu *vmx)
{
	return HOST_EXCEPTIONS | CORE_EXCEPTIONS | (vmx->no_sysenter ? BIT(13) : 0);
}

/* XSAVES, ENCLS, VMFUNC, TPAUSE and the like stay off: #UD in the guest. */
u32 vmx_secondary(struct ferry_vcpu *vcpu)
{
	struct ferry_vm *vm = vcpu->vm;
	u32 controls = 0;
	u32 log = to_vmx(vcpu)->logging ? VMX_SEC_PML : 0;

	if (ferry_cpuid_has(vm, 0x80000001, 0, FERRY_REG_EDX, CPUID_80000001_EDX_RDTSCP) ||
	    ferry_cpuid_has(vm, 7, 0, FERRY_REG_ECX, CPUID_7_ECX_RDPID))
		controls |= VMX_SEC_RDTSCP;
	if (ferry_cpuid_has(vm, 7, 0, FERRY_REG_EBX, CPUID_7_EBX_INVPCID))
		controls |= VMX_SEC_INVPCID;
	return vmx_hw.secondary | log | (controls & vmx_hw.policy_controls);
}

void vmx_update_policy(struct ferry_vcpu *vcpu)
{
	to_vmx(vcpu)->dirty |= VMX_D_POLICY;
}

/* ------------------------------------------------------------------------ reset */

/* Power-up and INIT (SDM table 10-1). MSRs are the core's to reset; an INIT leaves them alone. */
void vmx_reset_state(struct ferry_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	int i;

	for (i = FERRY_SEG_ES; i <= FERRY_SEG_GS; i++)
		vmx->seg[i] = (struct vmx_segment){ .rights = 0x93, .limit = 0xffff };
	vmx->seg[FERRY_SEG_CS] = (struct vmx_segment){
		.selector = 0xf000, .rights = 0x9b, .limit = 0xffff, .base = 0xffff0000
	};
	vmx->seg[FERRY_SEG_LDTR] = (struct vmx_segment){ .rights = 0x82, .limit = 0xffff };
	vmx->seg[FERRY_SEG_TR] = (struct vmx_segment){ .rights = 0x8b, .limit = 0xffff };
	vmx->gdt_base = 0;
	vmx->idt_base = 0;
	vmx->gdt_limit = 0xffff;
	vmx->idt_limit = 0xffff;
	vmx->interruptibility = 0;
	vmx->pae = false;
	vmx->cr8 = 0xff; /* unlike any: vmx_set_cr8() writes */
	vmx->tpr_threshold = 0;
	vmx->primary = vmx_hw.primary;
	vmx->event.type = FERRY_EVENT_NONE;
	vmx->pat = vmx->pat ?: PAT_RESET;
	vmx->dirty |= VMX_D_ALL;
	vmx->dirty &= ~VMX_D_EVENT;
	vmx_update_policy(vcpu);
}

/* --------------------------------------------------------------------- segments */

/* The VMCS spreads a descriptor's attributes over 16 bits as memory does; ours are packed. */
static u32 to_rights(u16 attrib)
{
	return (attrib & 0xff) | (attrib & 0xf00) << 4;
}

static u16 to_attrib(u32 rights)
{
	return (rights & 0xff) | (rights >> 4 & 0xf00);
}

void vmx_get_segment(struct ferry_vcpu *vcpu, int seg, struct ferry_segment *out)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	const struct vmx_segment *in = &vmx->seg[seg];

	vmx_sync_segments(vmx);
	out->base = in->base;
	out->limit = in->limit;
	out->selector = in->selector;
	out->attrib = to_attrib(in->rights);
	if (in->rights & VMX_RIGHTS_UNUSABLE)
		out->attrib |= FERRY_SEG_UNUSABLE;
}

void vmx_set_segment(struct ferry_vcpu *vcpu, int seg, const struct ferry_segment *in)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	struct vmx_segment *out = &vmx->seg[seg];

	vmx_sync_segments(vmx); /* all are written together */
	out->base = in->base;
	out->limit = in->limit;
	out->selector = in->selector;
	out->rights = to_rights(in->attrib);
	if (in->attrib & FERRY_SEG_UNUSABLE)
		out->rights |= VMX_RIGHTS_UNUSABLE;
	vmx->dirty |= VMX_D_SEGMENTS;
}

void vmx_get_tables(struct ferry_vcpu *vcpu, struct ferry_state_segments *out)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	vmx_sync_segments(vmx);
	out->gdt_base = vmx->gdt_base;
	out->gdt_limit = vmx->gdt_limit;
	out->idt_base = vmx->idt_base;
	out->idt_limit = vmx->idt_limit;
}

void vmx_set_tables(struct ferry_vcpu *vcpu, const struct ferry_state_segments *in)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	vmx_sync_segments(vmx);
	vmx->gdt_base = in->gdt_base;
	vmx->gdt_limit = in->gdt_limit & 0xffff;
	vmx->idt_base = in->idt_base;
	vmx->idt_limit = in->idt_limit & 0xffff;
	vmx->dirty |= VMX_D_SEGMENTS;
}

/* Inside a window one field is asked for rather than all. */
static u32 rights_of(struct vmx_vcpu *vmx, int seg)
{
	if (vmx->window && vmx->stale)
		return vmx_read(VMX_GUEST_ES_RIGHTS + 2 * seg);
	return vmx->seg[seg].rights;
}

int vmx_cpl(struct ferry_vcpu *vcpu)
{
	return (rights_of(to_vmx(vcpu), FERRY_SEG_SS) & FERRY_SEG_DPL) >> 5;
}

bool vmx_code64(struct ferry_vcpu *vcpu)
{
	return (vcpu->efer & EFER_LMA) &&
	       (to_attrib(rights_of(to_vmx(vcpu), FERRY_SEG_CS)) & FERRY_SEG_L);
}

/* ------------------------------------------------------------------------- MSRs */

/* Where our copy of an MSR is; *live tells whether a loaded vCPU has it in the CPU as well. */
static u64 *msr_field(struct vmx_vcpu *vmx, u32 index, bool *live)
{
	*live = false;
	switch (index) {
	case MSR_FS_BASE:
		return &vmx->seg[FERRY_SEG_FS].base;
	case MSR_GS_BASE:
		return &vmx->seg[FERRY_SEG_GS].base;
	case MSR_IA32_SYSENTER_CS:
		return &vmx->sysenter_cs;
	case MSR_IA32_SYSENTER_ESP:
		return &vmx->sysenter_esp;
	case MSR_IA32_SYSENTER_EIP:
		return &vmx->sysenter_eip;
	case MSR_CSTAR: /* no Intel CPU uses it */
		return &vmx->cstar;
	case MSR_IA32_CR_PAT: /* EPT leaves ignore it */
		return &vmx->pat;
	}
	if (index == MSR_KERNEL_GS_BASE) {
		*live = vmx->loaded;
		return &vmx->kernel_gs_base;
	}
	*live = vmx->guest_msrs;
	switch (index) {
	case MSR_STAR:
		return &vmx->star;
	case MSR_LSTAR:
		return &vmx->lstar;
	case MSR_SYSCALL_MASK:
		return &vmx->sfmask;
	default:
		return NULL;
	}
}

int vmx_get_msr(struct ferry_vcpu *vcpu, u32 index, u64 *value)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	bool live;
	u64 *field;

	if (index == MSR_TSC_AUX) {
		*value = vcpu->msr.tsc_aux;
		return 0;
	}
	field = msr_field(vmx, index, &live);
	if (!field)
		return -ENOENT;
	if (index == MSR_FS_BASE || index == MSR_GS_BASE)
		vmx_sync_segments(vmx);
	/* The only one that the guest writes without an exit. */
	if (live && index == MSR_KERNEL_GS_BASE)
		*field = vmx_rdmsr(index);
	*value = *field;
	return 0;
}

int vmx_set_msr(struct ferry_vcpu *vcpu, u32 index, u64 value)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	bool live;
	u64 *field;

	if (index == MSR_TSC_AUX) {
		vcpu->msr.tsc_aux = value;
		vmx->hw_tsc_aux = value;
		if (vmx->guest_msrs && vmx_hw.tsc_aux)
			vmx_wrmsr(MSR_TSC_AUX, value);
		return 0;
	}
	field = msr_field(vmx, index, &live);
	if (!field)
		return -ENOENT;
	if (index == MSR_IA32_CR_PAT && !ferry_valid_pat(value))
		return -EINVAL;
	if (index == MSR_FS_BASE || index == MSR_GS_BASE) {
		vmx_sync_segments(vmx);
		vmx->dirty |= VMX_D_SEGMENTS;
	}
	*field = value;
	if (live)
		vmx_wrmsr(index, value);
	else
		vmx->dirty |= VMX_D_SYSENTER;
	return 0;
}

/* -------------------------------------------------------------- control and debug */

/*
 * The CPU runs with caches on and machine checks enabled whatever the guest says, and with what
 * VMX fixes: CR0.NE and CR4.VMXE (SDM 24.8). The guest reads its own values from the shadows.
 */
u64 vmx_real_cr0(const struct ferry_vcpu *vcpu)
{
	u64 fixed = vmx_hw.cr0_fixed0 & ~(u64)(X86_CR0_PE | X86_CR0_PG); /* unrestricted guest */

	return (vcpu->cr0 | X86_CR0_ET | fixed) & ~(u64)(X86_CR0_CD | X86_CR0_NW);
}

u64 vmx_real_cr4(const struct ferry_vcpu *vcpu)
{
	return vcpu->cr4 | vmx_hw.host_mce | vmx_hw.cr4_fixed0;
}

void vmx_update_control(struct ferry_vcpu *vcpu)
{
	bool no_sysenter = (vcpu->efer & EFER_LMA) && !ferry_guest_has_intel_sysenter(vcpu->vm);
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	vmx->dirty |= VMX_D_CONTROL;
	vmx->pae = ferry_pae_paging(vcpu->cr0, vcpu->cr4, vcpu->efer);
	/* The run loop asks vmx_can_enter() when it begins a round. */
	if (unlikely(!vmx_hw.unrestricted))
		ferry_request(vcpu, FERRY_REQ_EVENT);
	if (no_sysenter != vmx->no_sysenter) {
		vmx->no_sysenter = no_sysenter;
		vmx->dirty |= VMX_D_SYSENTER | VMX_D_POLICY;
	}
}

void vmx_get_pdptes(struct ferry_vcpu *vcpu, u64 pdpte[4])
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	if (vmx->pdptes_absent)
		ferry_pdptes_from_memory(vcpu, vmx->pdpte);
	else
		vmx_sync_pdptes(vmx);
	memcpy(pdpte, vmx->pdpte, sizeof(vmx->pdpte));
}

void vmx_set_pdptes(struct ferry_vcpu *vcpu, const u64 pdpte[4])
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	vmx->pdptes_absent = !pdpte;
	if (pdpte)
		memcpy(vmx->pdpte, pdpte, sizeof(vmx->pdpte));
	vmx->dirty |= VMX_D_PDPTES;
}

void vmx_update_debug(struct ferry_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	vmx->debug = vcpu->dr7 & DR7_ENABLES;
	vmx->dirty |= VMX_D_DEBUG;
}

void vmx_set_tsc(struct ferry_vcpu *vcpu)
{
	to_vmx(vcpu)->dirty |= VMX_D_TSC;
}

void vmx_flush_guest(struct ferry_vcpu *vcpu)
{
	to_vmx(vcpu)->dirty |= VMX_D_INVVPID;
}

/* Takes all combined translations of the root with it, whichever vCPU's. */
void vmx_flush_nested(struct ferry_vcpu *vcpu)
{
	to_vmx(vcpu)->dirty |= VMX_D_INVEPT;
}
