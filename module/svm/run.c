// SPDX-License-Identifier: GPL-2.0-only
/*
 * One run of the guest: what is copied into the VMCB, what is copied out, and what must happen
 * around it. svm_vcpu.attention is zero on the common path; everything else is in slow_before()
 * and slow_after(). CPUID that the policy's table answers does not even leave the run.
 *
 * Called with interrupts off and the vCPU loaded; no locks.
 */
#include <linux/hw_breakpoint.h>
#include <linux/string.h>
#include <asm/debugreg.h>
#include <asm/mce.h>
#include <asm/processor-flags.h>
#include <asm/ptrace.h>
#include <asm/smp.h>

#include "../cpuid_table.h"
#include "../trace.h"
#include "svm.h"

/* The part of the save area that a refused entry can destroy. */
#define SAVED_BYTES offsetof(struct svm_save, reserved_6e8)

#define DR7_NONE 0x400 /* bit 10 is always set */

/* ------------------------------------------------------------------- refusals */

/*
 * Would VMRUN take this state (APM 15.5.1, "illegal guest state")? It would answer
 * VMEXIT_INVALID without saying why, and overwrite the save area. The code's low bits are an
 * enum svm_refusal; *value is what is wrong.
 */
static int illegal_state(struct svm_vcpu *svm, u64 *value)
{
	const struct svm_save *save = &svm->vmcb->save;
	bool pg = save->cr0 & X86_CR0_PG, lma = pg && (save->efer & EFER_LME);

	*value = save->efer;
	if (save->efer & ~svm_hw.efer_known)
		return SVM_REFUSAL_EFER;
	*value = save->cr0;
	if (save->cr0 >> 32)
		return SVM_REFUSAL_CR0_HIGH;
	if ((save->cr0 & X86_CR0_NW) && !(save->cr0 & X86_CR0_CD))
		return SVM_REFUSAL_CR0_NW;
	if (pg && !(save->cr0 & X86_CR0_PE))
		return SVM_REFUSAL_CR0_PG;
	*value = save->cr3;
	if (save->cr3 >> svm_hw.phys_bits)
		return SVM_REFUSAL_CR3;
	*value = save->cr4;
	if (save->cr4 & ~svm_hw.cr4_known)
		return SVM_REFUSAL_CR4;
	if (lma && !(save->cr4 & X86_CR4_PAE))
		return SVM_REFUSAL_LONG_PAE;
	*value = save->cs.attrib;
	if (lma && (save->cs.attrib & FERRY_SEG_L) && (save->cs.attrib & FERRY_SEG_DB))
		return SVM_REFUSAL_CS_L_D;
	*value = save->dr7;
	if (save->dr7 >> 32)
		return SVM_REFUSAL_DR7;
	*value = svm->vmcb->control.nested_cr3;
	if (*value >> svm_hw.phys_bits)
		return SVM_REFUSAL_NESTED_CR3;
	*value = save->g_pat;
	if (!ferry_valid_pat(save->g_pat))
		return SVM_REFUSAL_PAT;
	return -1;
}

static void refuse(struct svm_vcpu *svm, int reason, u64 value)
{
	svm->refused = SVM_REFUSED_BASE + reason;
	svm->refused_value = value;
}

/* VMEXIT_INVALID: put back what the CPU destroyed, if this entry kept a copy. */
static noinline void refused_by_cpu(struct ferry_vcpu *vcpu, struct svm_vcpu *svm)
{
	svm->refused = ~0ULL;
	svm->refused_value = svm->vmcb->control.event_inj;
	if (svm->attention & SVM_VERIFY) {
		memcpy(&svm->vmcb->save, svm->before, SAVED_BYTES);
	} else {
		/* What is there now is the host's: nobody may read it. */
		memset(&svm->vmcb->save, 0, SAVED_BYTES);
		svm->attention |= SVM_LOST;
	}
	svm->vmcb->control.clean = 0;
	/* Nobody says that it has flushed. */
	if (svm->attention & SVM_TLB)
		this_cpu_ptr(&svm_cpus)->next_asid = svm_hw.nr_asids;
	svm->attention |= SVM_NEW_ASID;
	if ((svm->attention & SVM_STEP) && !(svm->attention & SVM_INJECT))
		svm_step_end(vcpu);
}

/* ----------------------------------------------------------- around one entry */

static void load_guest_breakpoints(const struct ferry_vcpu *vcpu)
{
	/* The guest's addresses must not arm the host's breakpoints; those return after the run. */
	set_debugreg(DR7_NONE, 7);
	set_debugreg(vcpu->dr[0], 0);
	set_debugreg(vcpu->dr[1], 1);
	set_debugreg(vcpu->dr[2], 2);
	set_debugreg(vcpu->dr[3], 3);
}

/* false: the entry is refused. */
static noinline bool slow_before(struct ferry_vcpu *vcpu, struct svm_vcpu *svm)
{
	u64 value;
	int reason;

	if (svm->attention & SVM_LOST) {
		refuse(svm, SVM_REFUSAL_LOST, 0);
		return false;
	}
	if (svm->attention & SVM_VERIFY) {
		reason = illegal_state(svm, &value);
		if (reason >= 0) {
			refuse(svm, reason, value);
			return false;
		}
		memcpy(svm->before, &svm->vmcb->save, SAVED_BYTES);
		svm->shadow_movss = false;
	}
	if ((svm->attention & SVM_INJECT) && svm_illegal_event(svm)) {
		refuse(svm, SVM_REFUSAL_EVENT, svm->vmcb->control.event_inj);
		return false;
	}
	if (svm->attention & (SVM_NEW_ASID | SVM_FLUSH))
		svm_take_asid(svm);
	if (svm->attention & SVM_DEBUG)
		load_guest_breakpoints(vcpu);
	if (svm->attention & (SVM_STEP | SVM_AT_ONCE)) {
		/*
		 * Injection comes before any interrupt exit: with an interrupt pending the run
		 * ends right after it. To step now would put our TF into the event's frame.
		 */
		if (svm->attention & SVM_INJECT)
			(smp_ops.smp_send_reschedule)(smp_processor_id());
		else if (svm->attention & SVM_STEP)
			svm_step_begin(vcpu);
	}
	return true;
}

static noinline void slow_after(struct ferry_vcpu *vcpu, struct svm_vcpu *svm)
{
	bool injecting = svm->attention & SVM_INJECT;

	if (injecting) {
		/* Stale parts stay behind with V clear: all 64 bits go. */
		svm->vmcb->control.event_inj = 0;
		svm->attention &= ~(SVM_INJECT | SVM_AT_ONCE);
	} else if (svm->attention & SVM_STEP) {
		svm_step_end(vcpu);
	}
	if (svm->attention & SVM_TLB) {
		svm->vmcb->control.tlb_control = SVM_TLB_KEEP;
		svm->attention &= ~SVM_TLB;
	}
	if (svm->attention & SVM_DEBUG)
		set_debugreg(DR7_NONE, 7);
	if ((svm->attention & SVM_IRET) && vcpu->rip != svm->iret_rip) {
		/* The IRET has been executed, or has faulted, which unmasks NMIs as well. */
		svm->attention &= ~SVM_IRET;
		svm->nmi_masked = false;
	}
	svm->attention &= ~SVM_VERIFY;
}

/*
 * A machine check of the host's that came while the guest ran. The intercept has swallowed it:
 * hand it to the kernel as if it had interrupted user mode.
 */
static noinline void serve_machine_check(void)
{
#if IS_ENABLED(CONFIG_X86_MCE)
	struct pt_regs regs = {
		.cs = 3,
		.flags = X86_EFLAGS_IF,
	};

	do_machine_check(&regs);
#endif
}

static __always_inline u64 current_cr2(void)
{
	u64 value;

	asm volatile("mov %%cr2, %0" : "=r"(value));
	return value;
}

/* Without nRIP the bytes must be looked at, for which the core wants to know where they are. */
static noinline u64 find_next_rip(struct ferry_vcpu *vcpu, const struct svm_vmcb *vmcb)
{
	u32 length;

	vcpu->rip = vmcb->save.rip;
	vcpu->cr3 = vmcb->save.cr3;
	vcpu->exit.kind = FERRY_XK_CPUID;
	length = ferry_bare_length(vcpu);
	return length ? vcpu->rip + length : 0;
}

/*
 * Answer CPUID and go on, where that is a look-up in a table and nothing else wants a word. All
 * else is the core's. The guest's state stays in the VMCB but for the registers that entry.S has
 * put into vcpu->regs.
 *
 * Requests are not looked at: who makes one that cannot wait sends an interrupt, and a host
 * interrupt ends the next run before it has begun.
 */
static __always_inline bool served_cpuid(struct ferry_vcpu *vcpu, struct svm_vcpu *svm,
					 struct svm_vmcb *vmcb)
{
	const struct ferry_cpuid_row *row;
	u32 leaf = vmcb->save.rax;
	u64 next;

	if (unlikely(svm->attention))
		return false;
	if (unlikely(vcpu->msr.cpuid_fault))
		return false;
	if (unlikely(vmcb->save.rflags & (X86_EFLAGS_TF | X86_EFLAGS_RF)))
		return false;
	if (trace_ferry_exit_enabled() || trace_ferry_cpuid_enabled())
		return false;
	row = ferry_cpuid_row(vcpu->cpuid, leaf);
	OPTIMIZER_HIDE_VAR(row); /* or its address is computed again for each register */
	if (unlikely(row->leaf != leaf))
		return false;
	if (svm_hw.nrips) {
		next = vmcb->control.next_rip;
	} else {
		next = find_next_rip(vcpu, vmcb);
		if (unlikely(!next))
			return false;
	}
	vmcb->save.rip = next;
	vmcb->control.int_state &= ~(u64)SVM_INT_SHADOW;
	vmcb->save.rax = row->reg[CPU_EAX];
	vcpu->regs[FERRY_RBX] = row->reg[CPU_EBX];
	vcpu->regs[FERRY_RCX] = row->reg[CPU_ECX];
	vcpu->regs[FERRY_RDX] = row->reg[CPU_EDX];
	vcpu->count.entries++;
	vcpu->count.exits[FERRY_XK_CPUID]++;
	return true;
}

int svm_enter(struct ferry_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct svm_vmcb *vmcb = svm->vmcb;
	u32 code;

	if (unlikely(!this_cpu_read(svm_cpus.owned))) {
		svm_requeue_event(vcpu); /* RIP may have been moved for it */
		return FERRY_ENTER_TAKEN;
	}
	svm->refused = 0;
	vmcb->save.rax = vcpu->regs[FERRY_RAX];
	vmcb->save.rsp = vcpu->regs[FERRY_RSP];
	vmcb->save.rip = vcpu->rip;
	vmcb->save.rflags = vcpu->rflags;
	vmcb->save.cr2 = vcpu->cr2;
	vmcb->save.spec_ctrl = vcpu->msr.spec_ctrl; /* read with V_SPEC_CTRL, else ignored */
	svm->sw.guest_spec_ctrl = vcpu->msr.spec_ctrl;
	if (!svm_hw.spec_ctrl)
		svm->sw.host_spec_ctrl = vcpu->msr.spec_ctrl;
	if (unlikely(svm->attention) && !slow_before(vcpu, svm))
		return 0;
	if (unlikely(svm_hw.cr2_by_hand))
		asm volatile("mov %0, %%cr2" : : "r"(vcpu->cr2) : "memory");

	do {
		svm_vmrun(&svm->sw);
		code = vmcb->control.exit_code;
	} while (likely(code == SVM_EXIT_CPUID) && served_cpuid(vcpu, svm, vmcb));

	if (unlikely(code == SVM_EXIT_INVALID)) {
		refused_by_cpu(vcpu, svm);
		if (hw_breakpoint_active())
			hw_breakpoint_restore();
		return 0;
	}
	vmcb->control.clean = svm_hw.clean;
	vcpu->cr2 = unlikely(svm_hw.cr2_by_hand) ? current_cr2() : vmcb->save.cr2;
	vcpu->regs[FERRY_RAX] = vmcb->save.rax;
	vcpu->regs[FERRY_RSP] = vmcb->save.rsp;
	vcpu->rip = vmcb->save.rip;
	vcpu->rflags = vmcb->save.rflags;
	vcpu->cr3 = vmcb->save.cr3;
	if (unlikely((vmcb->control.int_ctl & SVM_V_TPR) != svm->cr8)) {
		svm->cr8 = vmcb->control.int_ctl & SVM_V_TPR;
		ferry_lapic_set_cr8(vcpu, svm->cr8);
	}
	if (unlikely(svm->attention))
		slow_after(vcpu, svm);
	/* #VMEXIT disables all breakpoints (APM 15.6). */
	if (unlikely(hw_breakpoint_active()))
		hw_breakpoint_restore();
	if (unlikely(code == SVM_EXIT_EXCEPTION_MC))
		serve_machine_check();
	return 0;
}
