// SPDX-License-Identifier: GPL-2.0-only
/*
 * Between our copy of the guest's state and the VMCS: what an entry needs written, what a window's
 * close needs read. See vmx.h for who holds what.
 *
 * Called inside a window, interrupts off; no locks.
 */
#include <linux/io.h>
#include <linux/mm.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "../control.h"
#include "vmx.h"

#define DEBUGCTL_NONE 0
#define DR7_FIXED 0x400ULL
#define DR7_GD BIT_ULL(13)

/* ------------------------------------------------------------------------- reading */

static __always_inline void read_segments(struct vmx_vcpu *vmx)
{
	int i;

	for (i = 0; i < FERRY_NR_SEGS; i++) {
		struct vmx_segment *s = &vmx->seg[i];

		s->selector = vmx_read(VMX_GUEST_ES_SELECTOR + 2 * i);
		s->limit = vmx_read(VMX_GUEST_ES_LIMIT + 2 * i);
		s->rights = vmx_read(VMX_GUEST_ES_RIGHTS + 2 * i);
		s->base = vmx_read(VMX_GUEST_ES_BASE + 2 * i);
	}
	vmx->gdt_base = vmx_read(VMX_GUEST_GDTR_BASE);
	vmx->idt_base = vmx_read(VMX_GUEST_IDTR_BASE);
	vmx->gdt_limit = vmx_read(VMX_GUEST_GDTR_LIMIT);
	vmx->idt_limit = vmx_read(VMX_GUEST_IDTR_LIMIT);
	vmx->stale = false;
}

void vmx_sync_segments(struct vmx_vcpu *vmx)
{
	if (vmx->window && vmx->stale)
		read_segments(vmx);
}

static __always_inline void read_pdptes(struct vmx_vcpu *vmx)
{
	int i;

	for (i = 0; vmx->pae && !(vmx->dirty & VMX_D_PDPTES) && i < 4; i++)
		vmx->pdpte[i] = vmx_read(VMX_GUEST_PDPTE0 + 2 * i);
}

void vmx_sync_pdptes(struct vmx_vcpu *vmx)
{
	if (vmx->window)
		read_pdptes(vmx);
}

/* CR3, interruptibility and the general registers are read after every run. */
noinstr void vmx_sync_all(struct vmx_vcpu *vmx)
{
	if (vmx->stale)
		read_segments(vmx);
	read_pdptes(vmx);
}

/* ------------------------------------------------------------------------- writing */

static void write_segments(struct vmx_vcpu *vmx)
{
	int i;

	for (i = 0; i < FERRY_NR_SEGS; i++) {
		const struct vmx_segment *s = &vmx->seg[i];

		vmx_write(VMX_GUEST_ES_SELECTOR + 2 * i, s->selector);
		vmx_write(VMX_GUEST_ES_LIMIT + 2 * i, s->limit);
		vmx_write(VMX_GUEST_ES_RIGHTS + 2 * i, s->rights);
		vmx_write(VMX_GUEST_ES_BASE + 2 * i, s->base);
	}
	vmx_write(VMX_GUEST_GDTR_BASE, vmx->gdt_base);
	vmx_write(VMX_GUEST_IDTR_BASE, vmx->idt_base);
	vmx_write(VMX_GUEST_GDTR_LIMIT, vmx->gdt_limit);
	vmx_write(VMX_GUEST_IDTR_LIMIT, vmx->idt_limit);
}

/*
 * Every bit of CR0 and CR4 is ours: the guest reads the shadow, and writes exit if they would
 * change it. So neither register ever has to be read back.
 */
static void write_control(struct ferry_vcpu *vcpu, struct vmx_vcpu *vmx)
{
	u64 efer = vcpu->efer;

	vmx_write(VMX_GUEST_CR0, vmx_real_cr0(vcpu));
	vmx_write(VMX_CR0_SHADOW, vcpu->cr0);
	vmx_write(VMX_GUEST_CR4, vmx_real_cr4(vcpu));
	vmx_write(VMX_CR4_SHADOW, vcpu->cr4);
	if (vmx_hw.efer_list)
		vmx->entry_list.value = efer;
	else
		vmx_write(VMX_GUEST_EFER, efer);
	vmx_write(VMX_ENTRY_CONTROLS,
		  vmx_hw.entry | (efer & EFER_LMA ? VMX_ENTRY_GUEST_64 : 0));
}

/* PAE paging keeps its four upper entries inside the CPU. */
static void write_pdptes(struct ferry_vcpu *vcpu, struct vmx_vcpu *vmx)
{
	int i;

	if (!vmx->pae)
		return;
	if (vmx->pdptes_absent)
		ferry_pdptes_from_memory(vcpu, vmx->pdpte);
	vmx->pdptes_absent = false;
	for (i = 0; i < 4; i++)
		/* What an emulated AMD host has put there (insn_pdpte_reserved()) VM entry would refuse. */
		vmx_write(VMX_GUEST_PDPTE0 + 2 * i, vmx->pdpte[i] & ~BIT_ULL(5));
}

static void write_constant(struct vmx_vcpu *vmx)
{
	vmx_write(VMX_PIN_CONTROLS, vmx_hw.pin);
	vmx_write(VMX_EXIT_CONTROLS, vmx_hw.exit);
	vmx_write(VMX_LINK_POINTER, ~0ULL);
	vmx_write(VMX_MSR_BITMAP, vmx_msr_bitmap_pa());
	vmx_write(VMX_EPT_POINTER, vmx->eptp);
	if (vmx_hw.vpid)
		vmx_write(VMX_VPID, vmx->vpid);
	if (vmx_hw.pml)
		vmx_write(VMX_PML_ADDRESS, page_to_phys(vmx->log));
	if (vmx_hw.tpr_shadow)
		vmx_write(VMX_VIRTUAL_APIC, page_to_phys(vmx->vapic));
	if (vmx_hw.secondary & VMX_SEC_ENCLS_EXIT)
		vmx_write(VMX_ENCLS_BITMAP, ~0ULL);
	if (vmx_hw.secondary & VMX_SEC_ENCLV_EXIT)
		vmx_write(VMX_ENCLV_BITMAP, ~0ULL);
	if (vmx_hw.pin & VMX_PIN_TIMER)
		vmx_write(VMX_PREEMPTION_TIMER, vmx_hw.timer);
	vmx_write(VMX_CR0_MASK, ~0ULL);
	vmx_write(VMX_CR4_MASK, ~0ULL);
	vmx_write(VMX_CR3_TARGETS, 0);
	vmx_write(VMX_PF_ERROR_MASK, 0);
	vmx_write(VMX_PF_ERROR_MATCH, 0);
	vmx_write(VMX_GUEST_DEBUGCTL, DEBUGCTL_NONE);
	vmx_write(VMX_GUEST_ACTIVITY, 0);
	vmx_write(VMX_EXIT_MSR_STORE_COUNT, 0);
	vmx_write(VMX_EXIT_MSR_LOAD_COUNT, vmx_hw.efer_list);
	vmx_write(VMX_ENTRY_MSR_LOAD_COUNT, vmx_hw.efer_list);
	vmx_write(VMX_HOST_ES_SELECTOR, 0);
	vmx_write(VMX_HOST_DS_SELECTOR, 0);
	vmx_write(VMX_HOST_FS_SELECTOR, 0);
	vmx_write(VMX_HOST_GS_SELECTOR, 0);
	vmx_write(VMX_HOST_RIP, (unsigned long)vmx_exit_here);
	if (vmx_hw.efer_list) {
		vmx->entry_list = (struct vmx_list_entry){ .index = MSR_EFER };
		vmx->exit_list = (struct vmx_list_entry){ .index = MSR_EFER,
							  .value = vmx_hw.host_efer };
		vmx_write(VMX_ENTRY_MSR_LOAD, virt_to_phys(&vmx->entry_list));
		vmx_write(VMX_EXIT_MSR_LOAD, virt_to_phys(&vmx->exit_list));
	} else {
		vmx_write(VMX_HOST_EFER, vmx_hw.host_efer);
	}
	/* So that the comparisons of run.c hold. */
	vmx->hw_rip = ~0ULL;
	vmx_write(VMX_GUEST_RIP, vmx->hw_rip);
	vmx->hw_rsp = 0;
	vmx_write(VMX_GUEST_RSP, 0);
	vmx->hw_rflags = 2;
	vmx_write(VMX_GUEST_RFLAGS, 2);
	vmx->hw_cr3 = 0;
	vmx_write(VMX_GUEST_CR3, 0);
	vmx_write(VMX_ENTRY_EVENT, 0);
}

static void invalidate(struct vmx_vcpu *vmx)
{
	if (vmx->dirty & VMX_D_INVEPT) {
		if (vmx_hw.ept_caps & VMX_CAP_INVEPT_SINGLE)
			vmx_invept(VMX_INV_SINGLE, vmx->eptp);
		else
			vmx_invept(VMX_INV_ALL, 0);
	}
	/* Without VPIDs each entry flushes the guest's translations (SDM 29.4.3.1). */
	if ((vmx->dirty & VMX_D_INVVPID) && vmx_hw.vpid) {
		if (vmx_hw.ept_caps & VMX_CAP_INVVPID_SINGLE)
			vmx_invvpid(VMX_INV_SINGLE, vmx->vpid);
		else
			vmx_invvpid(VMX_INV_ALL, 0);
	}
}

/**
 * vmx_write_dirty() - write what was changed since the last entry
 * @vcpu: the vCPU, its window open
 */
void vmx_write_dirty(struct ferry_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	u32 dirty = vmx->dirty;

	if (dirty & VMX_D_CONSTANT)
		write_constant(vmx);
	if (dirty & VMX_D_POLICY) {
		vmx_write(VMX_SECONDARY_CONTROLS, vmx_secondary(vcpu));
		vmx_write(VMX_EXCEPTIONS, vmx_exceptions(vmx));
	}
	if (dirty & VMX_D_PRIMARY)
		vmx_write(VMX_PRIMARY_CONTROLS, vmx->primary);
	if (dirty & VMX_D_SEGMENTS)
		write_segments(vmx);
	if (dirty & VMX_D_CONTROL)
		write_control(vcpu, vmx);
	if (dirty & VMX_D_PDPTES)
		write_pdptes(vcpu, vmx);
	if (dirty & VMX_D_DEBUG)
		/* GD is the core's: all accesses to debug registers exit anyway. */
		vmx_write(VMX_GUEST_DR7, (vcpu->dr7 & ~DR7_GD) | DR7_FIXED);
	if (dirty & VMX_D_SHADOW)
		vmx_write(VMX_GUEST_INTERRUPTIBILITY, vmx->interruptibility);
	if (dirty & VMX_D_PENDING) {
		/* In a shadow the trap of a stepped instruction waits (SDM 27.3.1.5). */
		vmx_write(VMX_GUEST_PENDING_DEBUG, (vmx->interruptibility & VMX_BLOCKED_SHADOW) &&
						   (vcpu->rflags & X86_EFLAGS_TF) ? VMX_PENDING_BS : 0);
	}
	if (dirty & VMX_D_SYSENTER) {
		/* A null selector makes SYSENTER and SYSEXIT #GP(0): see foreign.c. */
		vmx_write(VMX_GUEST_SYSENTER_CS, vmx->no_sysenter ? 0 : vmx->sysenter_cs);
		vmx_write(VMX_GUEST_SYSENTER_ESP, vmx->sysenter_esp);
		vmx_write(VMX_GUEST_SYSENTER_EIP, vmx->sysenter_eip);
	}
	if (dirty & VMX_D_TSC) {
		vmx_write(VMX_TSC_OFFSET, vcpu->tsc_offset);
		if (vmx_hw.secondary & VMX_SEC_TSC_SCALING)
			vmx_write(VMX_TSC_MULTIPLIER, vcpu->vm->clock.tsc_ratio ?: BIT_ULL(TSC_FORMAT_VMX.frac_bits));
	}
	if ((dirty & VMX_D_TPR) && vmx_hw.tpr_shadow)
		vmx_write(VMX_TPR_THRESHOLD, vmx->tpr_threshold);
	if (dirty & (VMX_D_INVEPT | VMX_D_INVVPID))
		invalidate(vmx);
	if (dirty & VMX_D_EVENT)
		vmx_write_event(vcpu);
	vmx->dirty &= VMX_D_EVENT;
}
