// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest state that lives in the VMCB, and what of the core's state is kept there in another form.
 *
 * Called with vcpu->lock held. No exit leaves anything of the guest in the CPU (entry.S saves it
 * all), so nothing here asks whether the vCPU is loaded, TSC_AUX apart.
 */
#include <linux/string.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "svm.h"

#define CPUID_80000001_EDX_RDTSCP 27
#define CPUID_7_EBX_INVPCID 10

#define FLAT_USER_DATA 0xcf3

#define PAT_RESET 0x0007040600070406ULL

#define DR6_IDLE 0xffff0ff0ULL
#define DR7_FIXED 0x400ULL
#define DR7_ENABLES 0xffULL
#define DR7_GD BIT_ULL(13)

/* ------------------------------------------------------------------- intercepts */

/*
 * What no guest may own or must not be left to. INVLPG, INVPCID, RDTSC, RDTSCP, CR3, PAUSE, flag
 * and table instructions are the guest's: nested paging needs none of their exits.
 */
static const u8 always_intercepted[] = {
	/* The host's events. */
	SVM_INTERCEPT_INTR,
	SVM_INTERCEPT_NMI,
	SVM_INTERCEPT_SMI,
	SVM_INTERCEPT_INIT,
	/* CR0 and CR4 decide what VMRUN accepts and belong to the policy. */
	SVM_INTERCEPT_CR_WRITE + 0,
	SVM_INTERCEPT_CR_WRITE + 4,
	/* What the CPU may only do as the policy says. */
	SVM_INTERCEPT_CPUID,
	SVM_INTERCEPT_MSR,
	SVM_INTERCEPT_IOIO,
	SVM_INTERCEPT_XSETBV,
	SVM_INTERCEPT_RDPMC,
	SVM_INTERCEPT_HLT,
	SVM_INTERCEPT_MONITOR,
	SVM_INTERCEPT_MWAIT,
	SVM_INTERCEPT_MWAIT_ARMED,
	SVM_INTERCEPT_INVD,
	SVM_INTERCEPT_WBINVD,
	SVM_INTERCEPT_TASK_SWITCH,
	SVM_INTERCEPT_SHUTDOWN,
	SVM_INTERCEPT_RSM,
	/* SVM itself. VMRUN's bit is mandatory. */
	SVM_INTERCEPT_VMRUN,
	SVM_INTERCEPT_VMMCALL,
	SVM_INTERCEPT_VMLOAD,
	SVM_INTERCEPT_VMSAVE,
	SVM_INTERCEPT_STGI,
	SVM_INTERCEPT_CLGI,
	SVM_INTERCEPT_SKINIT,
	SVM_INTERCEPT_INVLPGA,
};

/*
 * #MC is the host's. #DB and #AC can be raised by their own delivery, over and over inside one
 * instruction, where no interrupt gets in: a guest could hold the CPU for ever (CVE-2015-5307,
 * CVE-2015-8104). With the exit each round passes through the host.
 */
#define ALWAYS_EXCEPTIONS (BIT(1) | BIT(17) | BIT(18))
#define EXCEPTION_UD BIT(6)
#define EXCEPTION_SS BIT(12)
#define EXCEPTION_GP BIT(13)

static void set_intercepts(struct svm_vmcb *vmcb)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(always_intercepted); i++)
		svm_intercept_set(vmcb, always_intercepted[i]);
	/* The core holds DR0-7; hardware has them only while breakpoints are enabled. */
	vmcb->control.intercept[SVM_INTERCEPT_DR_READ / 32] = ~0U;
	if (svm_hw.rdpru)
		svm_intercept_set(vmcb, SVM_INTERCEPT_RDPRU);
	if (svm_hw.mcommit)
		svm_intercept_set(vmcb, SVM_INTERCEPT_MCOMMIT);
	if (svm_hw.invlpgb) {
		svm_intercept_set(vmcb, SVM_INTERCEPT_INVLPGB);
		svm_intercept_set(vmcb, SVM_INTERCEPT_INVLPGB_ILLEGAL);
		svm_intercept_set(vmcb, SVM_INTERCEPT_TLBSYNC);
	}
}

/*
 * #UD: what only other CPUs have (VMCALL, SYSENTER in long mode) is the core's to look at. #GP: see
 * svm_hw.runs_sysenter.
 */
static void set_exceptions(struct ferry_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	svm->exceptions = ALWAYS_EXCEPTIONS | EXCEPTION_UD | (svm->foreign ? EXCEPTION_SS : 0);
	if (svm_hw.runs_sysenter && (vcpu->efer & EFER_LMA))
		svm->exceptions |= EXCEPTION_GP;
	svm->vmcb->control.intercept[SVM_INTERCEPT_EXCEPTION / 32] = svm->exceptions;
	svm->vmcb->control.clean &= ~SVM_CLEAN_INTERCEPTS;
}

void svm_update_policy(struct ferry_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct svm_vmcb *vmcb = svm->vmcb;
	struct ferry_vm *vm = vcpu->vm;

	svm->foreign = vm->guest_vendor != FERRY_VENDOR_AMD;
	set_exceptions(vcpu);
	svm_intercept(vmcb, SVM_INTERCEPT_RDTSCP,
		      !ferry_cpuid_has(vm, 0x80000001, 0, FERRY_REG_EDX,
				       CPUID_80000001_EDX_RDTSCP));
	svm_intercept(vmcb, SVM_INTERCEPT_INVPCID,
		      svm_hw.invpcid &&
			      !ferry_cpuid_has(vm, 7, 0, FERRY_REG_EBX, CPUID_7_EBX_INVPCID));
	vmcb->control.msrpm_base = svm_msrpm_pa(svm->foreign);
	vmcb->control.clean &= ~(SVM_CLEAN_INTERCEPTS | SVM_CLEAN_MAPS);
}

/* ------------------------------------------------------------------------ reset */

/* Power-up and INIT (APM 14.1.3). MSRs are the core's to reset; an INIT leaves them alone. */
void svm_reset_state(struct ferry_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct svm_vmcb *vmcb = svm->vmcb;
	struct svm_save old = vmcb->save, *save = &vmcb->save;
	const struct svm_segment data = { .attrib = 0x93, .limit = 0xffff };

	memset(vmcb, 0, sizeof(*vmcb));
	save->cs = (struct svm_segment){
		.selector = 0xf000, .attrib = 0x9b, .limit = 0xffff, .base = 0xffff0000
	};
	save->es = data;
	save->ss = data;
	save->ds = data;
	save->fs = data;
	save->gs = data;
	save->gdtr.limit = 0xffff;
	save->idtr.limit = 0xffff;
	save->ldtr = (struct svm_segment){ .attrib = 0x82, .limit = 0xffff };
	save->tr = (struct svm_segment){ .attrib = 0x8b, .limit = 0xffff };
	save->dr6 = DR6_IDLE;
	save->dr7 = DR7_FIXED;
	save->star = old.star;
	save->lstar = old.lstar;
	save->cstar = old.cstar;
	save->sfmask = old.sfmask;
	save->kernel_gs_base = old.kernel_gs_base;
	save->sysenter_cs = old.sysenter_cs;
	save->sysenter_esp = old.sysenter_esp;
	save->sysenter_eip = old.sysenter_eip;
	save->g_pat = old.g_pat ?: PAT_RESET;

	vmcb->control.iopm_base = svm_iopm_pa();
	vmcb->control.int_ctl = SVM_V_INTR_MASKING;
	vmcb->control.nested_ctl = SVM_NESTED_PAGING;
	vmcb->control.nested_cr3 = ferry_npt_root(vcpu->vm);
	vmcb->control.tsc_offset = vcpu->tsc_offset;
	set_intercepts(vmcb);
	svm_update_policy(vcpu);

	svm->attention = SVM_VERIFY | SVM_NEW_ASID;
	svm->refused = 0;
	svm->cr8 = 0;
	svm->irq_window = false;
	svm->nmi_masked = false;
	svm->stepped = false;
	svm->injected.type = FERRY_EVENT_NONE;
}

/* --------------------------------------------------------------------- segments */

static struct svm_segment *segment(struct svm_vcpu *svm, int seg)
{
	struct svm_save *save = &svm->vmcb->save;

	switch (seg) {
	case FERRY_SEG_ES:
		return &save->es;
	case FERRY_SEG_CS:
		return &save->cs;
	case FERRY_SEG_SS:
		return &save->ss;
	case FERRY_SEG_DS:
		return &save->ds;
	case FERRY_SEG_FS:
		return &save->fs;
	case FERRY_SEG_GS:
		return &save->gs;
	case FERRY_SEG_LDTR:
		return &save->ldtr;
	default:
		return &save->tr;
	}
}

/* As the VMCB has it; the core knows what an AMD CPU leaves out (lib/state/settle.h). */
void svm_get_segment(struct ferry_vcpu *vcpu, int seg, struct ferry_segment *out)
{
	const struct svm_segment *in = segment(to_svm(vcpu), seg);

	if (seg == FERRY_SEG_SS)
		svm_repair_stack(vcpu);
	out->base = in->base;
	out->limit = in->limit;
	out->selector = in->selector;
	out->attrib = in->attrib & 0xfff;
}

/*
 * SYSRET loads SS whole on Intel, but on AMD the selector only: the hidden part stays as the kernel
 * left it, null perhaps, and 32-bit code faults on its first PUSH (APM 3, SYSRET). Kernels know
 * that of AMD CPUs and nobody else's. Returns whether it was so; it is no more.
 */
bool svm_repair_stack(struct ferry_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct svm_save *save = &svm->vmcb->save;

	if (!svm->foreign || save->cpl != 3 || !(vcpu->efer & EFER_LMA) ||
	    (save->cs.attrib & FERRY_SEG_L) || (save->ss.attrib & FERRY_SEG_P) ||
	    !(save->ss.selector & ~3))
		return false;
	save->ss.base = 0;
	save->ss.limit = ~0U;
	save->ss.attrib = FLAT_USER_DATA;
	svm->vmcb->control.clean &= ~SVM_CLEAN_SEG;
	return true;
}

void svm_set_segment(struct ferry_vcpu *vcpu, int seg, const struct ferry_segment *in)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct svm_segment *out = segment(svm, seg);

	out->base = in->base;
	out->limit = in->limit;
	out->selector = in->selector;
	/* What is null has no P, and of SS its DPL all the same. */
	out->attrib = in->attrib & 0xfff;
	if (seg == FERRY_SEG_TR && svm_hw.idle_tss)
		out->attrib &= ~2;
	/* CPL has its own field here; SS.DPL carries it in the neutral form, null SS included. */
	if (seg == FERRY_SEG_SS)
		svm->vmcb->save.cpl = (in->attrib & FERRY_SEG_DPL) >> 5;
	svm->vmcb->control.clean &= ~SVM_CLEAN_SEG;
	svm->attention |= SVM_VERIFY;
}

void svm_get_tables(struct ferry_vcpu *vcpu, struct ferry_state_segments *out)
{
	const struct svm_save *save = &to_svm(vcpu)->vmcb->save;

	out->gdt_base = save->gdtr.base;
	out->gdt_limit = save->gdtr.limit & 0xffff;
	out->idt_base = save->idtr.base;
	out->idt_limit = save->idtr.limit & 0xffff;
}

void svm_set_tables(struct ferry_vcpu *vcpu, const struct ferry_state_segments *in)
{
	struct svm_vmcb *vmcb = to_svm(vcpu)->vmcb;

	vmcb->save.gdtr.base = in->gdt_base;
	vmcb->save.gdtr.limit = in->gdt_limit & 0xffff;
	vmcb->save.idtr.base = in->idt_base;
	vmcb->save.idtr.limit = in->idt_limit & 0xffff;
	vmcb->control.clean &= ~SVM_CLEAN_DT;
}

int svm_cpl(struct ferry_vcpu *vcpu)
{
	return to_svm(vcpu)->vmcb->save.cpl;
}

bool svm_code64(struct ferry_vcpu *vcpu)
{
	return (vcpu->efer & EFER_LMA) && (to_svm(vcpu)->vmcb->save.cs.attrib & FERRY_SEG_L);
}

/* ------------------------------------------------------------------------- MSRs */

/*
 * Four registers hold less, or other, than a guest wrote that does not believe in an AMD CPU, and
 * are intercepted for it (maps.c). An AMD CPU keeps 32 bits of SYSENTER_ESP and EIP. And where
 * SYSCALL from a 32-bit process is #UD on Intel, an AMD CPU enters the kernel at CSTAR, which such
 * a kernel never sets: at RIP 0, with CPL 0 and the process's stack. No value of CSTAR makes that
 * a fault of the process, so until the guest writes CSTAR the CPU's holds LSTAR's value: the entry
 * point made for what SYSCALL leaves behind, from a process that can reach it by a far jump to
 * 64-bit code anyway. While neither is written, EFER.SCE is off: update_control().
 */
static u64 *msr_field(struct svm_vcpu *svm, u32 index)
{
	struct svm_save *save = &svm->vmcb->save;

	switch (index) {
	case MSR_STAR:
		return &save->star;
	case MSR_LSTAR:
		return &save->lstar;
	case MSR_CSTAR:
		return svm->foreign ? &svm->cstar : &save->cstar;
	case MSR_SYSCALL_MASK:
		return &save->sfmask;
	case MSR_FS_BASE:
		return &save->fs.base;
	case MSR_GS_BASE:
		return &save->gs.base;
	case MSR_KERNEL_GS_BASE:
		return &save->kernel_gs_base;
	case MSR_IA32_SYSENTER_CS:
		return svm_hw.runs_sysenter ? &svm->sysenter_cs : &save->sysenter_cs;
	case MSR_IA32_SYSENTER_ESP:
		return svm->foreign ? &svm->sysenter_esp : &save->sysenter_esp;
	case MSR_IA32_SYSENTER_EIP:
		return svm->foreign ? &svm->sysenter_eip : &save->sysenter_eip;
	case MSR_IA32_CR_PAT:
		return &save->g_pat;
	default:
		return NULL;
	}
}

int svm_get_msr(struct ferry_vcpu *vcpu, u32 index, u64 *value)
{
	u64 *field;

	if (index == MSR_TSC_AUX) {
		*value = vcpu->msr.tsc_aux;
		return 0;
	}
	field = msr_field(to_svm(vcpu), index);
	if (!field)
		return -ENOENT;
	*value = *field;
	return 0;
}

int svm_set_msr(struct ferry_vcpu *vcpu, u32 index, u64 value)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct svm_save *save = &svm->vmcb->save;
	u64 *field;

	if (index == MSR_TSC_AUX) {
		vcpu->msr.tsc_aux = value;
		if (svm->aux_taken) {
			svm->hw_tsc_aux = value;
			svm_wrmsr(MSR_TSC_AUX, value);
		}
		return 0;
	}
	field = msr_field(svm, index);
	if (!field)
		return -ENOENT;
	if (index == MSR_IA32_CR_PAT && !ferry_valid_pat(value))
		return -EINVAL;
	*field = value;
	if (svm->foreign) {
		save->cstar = svm->cstar ?: save->lstar;
		save->sysenter_esp = svm->sysenter_esp;
		save->sysenter_eip = svm->sysenter_eip;
		if (index == MSR_LSTAR || index == MSR_CSTAR)
			svm_update_control(vcpu);
	}
	if (index == MSR_IA32_SYSENTER_CS)
		svm_update_control(vcpu);
	if (index == MSR_IA32_CR_PAT) {
		svm->vmcb->control.clean &= ~SVM_CLEAN_NP;
		svm->attention |= SVM_VERIFY;
	}
	return 0;
}

/* -------------------------------------------------- interrupt shadow, control, debug */

/*
 * One bit for STI's and MOV SS's. What it was set for is remembered until the guest runs; after that
 * the common case is named.
 */
u32 svm_get_shadow(struct ferry_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	if (!(svm->vmcb->control.int_state & SVM_INT_SHADOW))
		return 0;
	return svm->shadow_movss ? FERRY_EVENTS_SHADOW_MOVSS : FERRY_EVENTS_SHADOW_STI;
}

void svm_set_shadow(struct ferry_vcpu *vcpu, u32 shadow)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	u64 *state = &svm->vmcb->control.int_state;

	if (shadow & (FERRY_EVENTS_SHADOW_STI | FERRY_EVENTS_SHADOW_MOVSS))
		*state |= SVM_INT_SHADOW;
	else
		*state &= ~(u64)SVM_INT_SHADOW;
	svm->shadow_movss = shadow & FERRY_EVENTS_SHADOW_MOVSS;
	if (svm->shadow_movss)
		svm->attention |= SVM_VERIFY; /* forgotten in slow_before() */
}

/*
 * Must SYSCALL be #UD, so that the core decides? Outside long mode an Intel guest has none. In long
 * mode one that has written no entry point would enter at RIP 0 from a 32-bit process.
 */
static bool no_syscall(struct ferry_vcpu *vcpu)
{
	const struct svm_vcpu *svm = to_svm(vcpu);

	if (!svm->foreign)
		return false;
	if (vcpu->efer & EFER_LMA)
		return !svm->vmcb->save.cstar;
	return !ferry_guest_has_amd_syscall(vcpu->vm);
}

/*
 * The CPU runs with caches on and machine checks enabled whatever the guest says: CR0.CD would slow
 * it to a crawl for nothing, and a machine check with CR4.MCE clear is a shutdown instead of the
 * host's business. A guest whose own bits differ has its reads intercepted too.
 */
void svm_update_control(struct ferry_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct svm_vmcb *vmcb = svm->vmcb;
	u64 cr0 = (vcpu->cr0 | X86_CR0_ET) & ~(u64)(X86_CR0_CD | X86_CR0_NW);
	u64 cr4 = vcpu->cr4 | svm_hw.host_mce;

	vmcb->save.cr0 = cr0;
	vmcb->save.cr4 = cr4;
	vmcb->save.cr3 = vcpu->cr3;
	vmcb->save.efer = vcpu->efer | EFER_SVME;
	if (no_syscall(vcpu))
		vmcb->save.efer &= ~(u64)EFER_SCE;
	if (svm_hw.runs_sysenter) {
		vmcb->save.sysenter_cs = vcpu->efer & EFER_LMA ? 0 : svm->sysenter_cs;
		set_exceptions(vcpu);
	}
	svm_intercept(vmcb, SVM_INTERCEPT_CR_READ + 0, cr0 != vcpu->cr0);
	svm_intercept(vmcb, SVM_INTERCEPT_CR_READ + 4, cr4 != vcpu->cr4);
	vmcb->control.clean &= ~SVM_CLEAN_CR;
	svm->attention |= SVM_VERIFY;
}

void svm_update_debug(struct ferry_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	/* GD is the core's: all accesses to debug registers exit anyway. */
	svm->vmcb->save.dr7 = (vcpu->dr7 & ~DR7_GD) | DR7_FIXED;
	svm->vmcb->control.clean &= ~SVM_CLEAN_DR;
	svm->attention &= ~SVM_DEBUG;
	if (vcpu->dr7 & DR7_ENABLES)
		svm->attention |= SVM_DEBUG;
	svm->attention |= SVM_VERIFY;
}

void svm_set_tsc(struct ferry_vcpu *vcpu)
{
	struct svm_control *control = &to_svm(vcpu)->vmcb->control;

	control->tsc_offset = vcpu->tsc_offset;
	control->clean &= ~SVM_CLEAN_INTERCEPTS;
}
