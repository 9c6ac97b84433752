// SPDX-License-Identifier: GPL-2.0-only
/*
 * One run of the guest: what is written before, what is read after, and what must be done at once.
 * CPUID that the policy's table answers does not even leave the run.
 *
 * Called with interrupts off and the vCPU loaded; no locks.
 */
#include <linux/hw_breakpoint.h>
#include <linux/mm.h>
#include <asm/debugreg.h>
#include <asm/mce.h>
#include <asm/processor-flags.h>
#include <asm/ptrace.h>

#include "../cpuid_table.h"
#include "../trace.h"
#include "vmx.h"

#define VTPR 0x80 /* offset in the virtual-APIC page */

/* -------------------------------------------------------------------- after an exit */

/*
 * All that the core or decode.c may ask about an exit, but for segments: nobody has to know whether
 * the window is still open.
 */
static __always_inline void read_exit(struct ferry_vcpu *vcpu, struct vmx_vcpu *vmx)
{
	vmx->hw_rip = vmx_read(VMX_GUEST_RIP);
	vmx->hw_rsp = vmx_read(VMX_GUEST_RSP);
	vmx->hw_rflags = vmx_read(VMX_GUEST_RFLAGS);
	vmx->hw_cr3 = vmx_read(VMX_GUEST_CR3);
	vcpu->rip = vmx->hw_rip;
	vcpu->regs[FERRY_RSP] = vmx->hw_rsp;
	vcpu->rflags = vmx->hw_rflags;
	vcpu->cr3 = vmx->hw_cr3;
	vmx->interruptibility = vmx_read(VMX_GUEST_INTERRUPTIBILITY);
	vmx->qualification = vmx_read(VMX_QUALIFICATION);
	vmx->insn_length = vmx_read(VMX_EXIT_INSN_LENGTH);
	vmx->vectoring = vmx_read(VMX_VECTORING_EVENT);
	if (unlikely((vmx->vectoring & VMX_EVENT_VALID) && (vmx->vectoring & VMX_EVENT_HAS_ERROR)))
		vmx->vectoring_error = vmx_read(VMX_VECTORING_ERROR_CODE);
	if (vmx->reason == VMX_REASON_EPT_VIOLATION ||
	    vmx->reason == VMX_REASON_EPT_MISCONFIGURATION)
		vmx->gpa = vmx_read(VMX_GUEST_PHYSICAL);
	if (vmx->reason == VMX_REASON_EXCEPTION_NMI)
		vmx->exit_error = vmx_read(VMX_EXIT_ERROR_CODE);
}

static __always_inline bool is_nmi(const struct vmx_vcpu *vmx)
{
	return vmx->reason == VMX_REASON_EXCEPTION_NMI &&
	       (vmx->exit_event & VMX_EVENT_TYPE) == VMX_EVENT_NMI;
}

/*
 * One entry and its exit. An NMI that ended it blocks further ones until the next IRET: the host's
 * handler is called right here, from outside VMX operation, before anything can trap.
 *
 * Return: false if the entry failed.
 */
static noinstr bool run_once(struct ferry_vcpu *vcpu, struct vmx_vcpu *vmx)
{
	if (unlikely(vmx_enter_guest(&vmx->sw))) {
		vmx->reason = 0; /* that of the run before is over */
		vmx->failed = vmx_read(VMX_INSN_ERROR) ?: 1;
		return false;
	}
	vmx->reason = vmx_read(VMX_EXIT_REASON);
	if (unlikely(vmx->reason & VMX_REASON_ENTRY_FAILED))
		return false;
	vmx->sw.launched = 1;
	vmx->stale = true;
	if (unlikely(vmx->reason == VMX_REASON_EXCEPTION_NMI)) {
		vmx->exit_event = vmx_read(VMX_EXIT_EVENT);
		if (is_nmi(vmx)) {
			read_exit(vcpu, vmx);
			vmx_close(vmx);
			asm volatile("int $2" : : : "memory");
		}
	}
	return true;
}

/*
 * A machine check of the host's that came while the guest ran, or during the entry. The exit has
 * swallowed it: hand it to the kernel as if it had interrupted user mode.
 */
static noinline void serve_machine_check(struct vmx_vcpu *vmx)
{
#if IS_ENABLED(CONFIG_X86_MCE)
	struct pt_regs regs = {
		.cs = 3,
		.flags = X86_EFLAGS_IF,
	};
#endif

	if (vmx->window)
		vmx_close(vmx);
#if IS_ENABLED(CONFIG_X86_MCE)
	do_machine_check(&regs);
#endif
}

static bool is_machine_check(const struct vmx_vcpu *vmx)
{
	if ((vmx->reason & VMX_REASON_BASIC) == VMX_REASON_ENTRY_MACHINE_CHECK)
		return true;
	return vmx->reason == VMX_REASON_EXCEPTION_NMI &&
	       (vmx->exit_event & (VMX_EVENT_TYPE | VMX_EVENT_VECTOR)) ==
		       (VMX_EVENT_EXCEPTION | 18);
}

/* ------------------------------------------------------------------- around a run */

static void load_guest_breakpoints(const struct ferry_vcpu *vcpu)
{
	/* The guest's addresses must not arm the host's breakpoints; those return in vmx_leave(). */
	set_debugreg(DR7_AFTER_EXIT, 7);
	set_debugreg(vcpu->dr[0], 0);
	set_debugreg(vcpu->dr[1], 1);
	set_debugreg(vcpu->dr[2], 2);
	set_debugreg(vcpu->dr[3], 3);
}

static __always_inline u64 current_cr2(void)
{
	u64 value;

	asm volatile("mov %%cr2, %0" : "=r"(value));
	return value;
}

static __always_inline void write_changed(struct ferry_vcpu *vcpu, struct vmx_vcpu *vmx)
{
	if (vcpu->rip != vmx->hw_rip) {
		vmx->hw_rip = vcpu->rip;
		vmx_write(VMX_GUEST_RIP, vcpu->rip);
	}
	if (unlikely(vcpu->regs[FERRY_RSP] != vmx->hw_rsp)) {
		vmx->hw_rsp = vcpu->regs[FERRY_RSP];
		vmx_write(VMX_GUEST_RSP, vmx->hw_rsp);
	}
	if (unlikely(vcpu->rflags != vmx->hw_rflags)) {
		vmx->hw_rflags = vcpu->rflags;
		vmx_write(VMX_GUEST_RFLAGS, vmx->hw_rflags);
	}
	if (unlikely(vcpu->cr3 != vmx->hw_cr3)) {
		vmx->hw_cr3 = vcpu->cr3;
		vmx_write(VMX_GUEST_CR3, vmx->hw_cr3);
	}
}

/*
 * Answer CPUID and go on, where that is a look-up in a table and nothing else wants a word. All
 * else is the core's. The guest's state stays in the VMCS but for the registers that entry.S has
 * put into vcpu->regs.
 *
 * Requests are not looked at: who makes one that cannot wait sends an interrupt, and a host
 * interrupt ends the next run before it has begun.
 */
static __always_inline bool served_cpuid(struct ferry_vcpu *vcpu, struct vmx_vcpu *vmx)
{
	const struct ferry_cpuid_row *row;
	u32 leaf = vcpu->regs[FERRY_RAX];
	u64 rip, next;
	u32 blocked;

	if (unlikely(vcpu->msr.cpuid_fault))
		return false;
	if (unlikely(vmx_read(VMX_GUEST_RFLAGS) & (X86_EFLAGS_TF | X86_EFLAGS_RF)))
		return false;
	if (trace_ferry_exit_enabled() || trace_ferry_cpuid_enabled())
		return false;
	row = ferry_cpuid_row(vcpu->cpuid, leaf);
	OPTIMIZER_HIDE_VAR(row); /* or its address is computed again for each register */
	if (unlikely(row->leaf != leaf))
		return false;
	rip = vmx_read(VMX_GUEST_RIP);
	next = rip + vmx_read(VMX_EXIT_INSN_LENGTH);
	if (unlikely((next ^ rip) >> 32))
		return false; /* EIP may wrap, and entries refuse more than 32 bits of it */
	blocked = vmx_read(VMX_GUEST_INTERRUPTIBILITY);
	if (unlikely(blocked & VMX_BLOCKED_SHADOW))
		vmx_write(VMX_GUEST_INTERRUPTIBILITY, blocked & ~VMX_BLOCKED_SHADOW);
	vmx_write(VMX_GUEST_RIP, next);
	vcpu->regs[FERRY_RAX] = row->reg[CPU_EAX];
	vcpu->regs[FERRY_RBX] = row->reg[CPU_EBX];
	vcpu->regs[FERRY_RCX] = row->reg[CPU_ECX];
	vcpu->regs[FERRY_RDX] = row->reg[CPU_EDX];
	vcpu->count.entries++;
	vcpu->count.exits[FERRY_XK_CPUID]++;
	return true;
}

/* The guest reads and writes CR8 in its virtual-APIC page without exits. */
static __always_inline void read_tpr(struct ferry_vcpu *vcpu, struct vmx_vcpu *vmx)
{
	u8 cr8 = READ_ONCE(((u8 *)page_address(vmx->vapic))[VTPR]) >> 4;

	if (unlikely(cr8 != vmx->cr8)) {
		vmx->cr8 = cr8;
		ferry_lapic_set_cr8(vcpu, cr8);
	}
}

/* Nothing ran: the event waits for another try, and CPU and copy say the same. */
static noinline void entry_failed(struct ferry_vcpu *vcpu, struct vmx_vcpu *vmx)
{
	vmx->exit_event = 0;
	vmx->vectoring = 0;
	vmx_write(VMX_ENTRY_EVENT, 0);
	vmx->dirty &= ~VMX_D_EVENT;
	vmx->qualification = vmx->failed ? vmx->failed : vmx_read(VMX_QUALIFICATION);
}

int vmx_enter(struct ferry_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	bool ran;

	if (!vmx->window) {
		if (unlikely(vmx_open(vmx))) {
			vmx->dirty &= ~VMX_D_EVENT; /* the core has it still */
			vmx->event.type = FERRY_EVENT_NONE;
			return FERRY_ENTER_TAKEN;
		}
		vmx_log_open(vcpu);
	}
	vmx->failed = 0;
	vmx->reason = 0;
	if (unlikely(vmx->dirty))
		vmx_write_dirty(vcpu);
	write_changed(vcpu, vmx);
	if (unlikely(current_cr2() != vcpu->cr2))
		asm volatile("mov %0, %%cr2" : : "r"(vcpu->cr2) : "memory");
	vmx->sw.guest_spec_ctrl = vmx_hw.spec_ctrl ? vcpu->msr.spec_ctrl : vmx->sw.host_spec_ctrl;
	if (unlikely(vmx->debug)) {
		load_guest_breakpoints(vcpu);
		vmx->breakpoints = true;
	}

	do {
		ran = run_once(vcpu, vmx);
	} while (likely(vmx->reason == VMX_REASON_CPUID) && served_cpuid(vcpu, vmx));

	if (unlikely(!ran)) {
		entry_failed(vcpu, vmx);
		if (is_machine_check(vmx))
			serve_machine_check(vmx);
		return 0;
	}
	if (likely(vmx->window))
		read_exit(vcpu, vmx);
	vmx->dirty &= ~VMX_D_EVENT;
	vcpu->cr2 = current_cr2();
	if (vmx_hw.tpr_shadow)
		read_tpr(vcpu, vmx);
	if (unlikely(vmx->reason == VMX_REASON_PML_FULL))
		vmx_log_full(vcpu);
	if (unlikely(is_machine_check(vmx)))
		serve_machine_check(vmx);
	return 0;
}
