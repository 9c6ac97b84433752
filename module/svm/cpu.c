// SPDX-License-Identifier: GPL-2.0-only
/*
 * A physical CPU: owning its SVM for a round, its ASIDs, and what is exchanged when a vCPU
 * comes to it and goes.
 *
 * Everything here runs with preemption off on the CPU it is about; there are no locks.
 *
 * EFER.SVME is set only while interrupts are off in a run section, so that KVM may use the CPU at
 * other times, and finds it free when it enables itself by an interrupt to all CPUs: otherwise it
 * would refuse to load beside a running guest. Our VM_HSAVE_PA stays behind as a mark: if it is still
 * there at the next round, nobody has run guests on this CPU in between and the TLB holds only our
 * ASIDs. INIT, suspend, hotplug and other hypervisors all change it.
 */
#include <linux/cpumask.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/smp.h>
#include <linux/topology.h>
#include <asm/cpufeature.h>
#include <asm/io.h>
#include <asm/msr.h>
#include <asm/nospec-branch.h>

#include "svm.h"

DEFINE_PER_CPU(struct svm_cpu, svm_cpus);

/* ------------------------------------------------------------------ ownership */

/* Mitigations that need a bit of a CPU's configuration for as long as guests run there. */
static void configure_cpu(void)
{
#ifdef X86_FEATURE_SRSO_BP_SPEC_REDUCE
	/* SRSO: the kernel chose "reduced speculation" and leaves the bit to hypervisors. */
	if (cpu_feature_enabled(X86_FEATURE_SRSO_BP_SPEC_REDUCE)) {
		u64 config = svm_rdmsr(MSR_ZEN4_BP_CFG);

		svm_wrmsr(MSR_ZEN4_BP_CFG, config | BIT_ULL(MSR_ZEN4_BP_CFG_BP_SPEC_REDUCE_BIT));
	}
#endif
}

static void unconfigure_cpu(void)
{
#ifdef X86_FEATURE_SRSO_BP_SPEC_REDUCE
	if (cpu_feature_enabled(X86_FEATURE_SRSO_BP_SPEC_REDUCE)) {
		u64 config = svm_rdmsr(MSR_ZEN4_BP_CFG);

		svm_wrmsr(MSR_ZEN4_BP_CFG, config & ~BIT_ULL(MSR_ZEN4_BP_CFG_BP_SPEC_REDUCE_BIT));
	}
#endif
}

/* The value at reset, too. */
#define TSC_RATIO_ONE BIT_ULL(TSC_FORMAT_SVM.frac_bits)

/*
 * TSC_RATIO works between VMRUN and #VMEXIT only (APM 2, 15.30.5), so a guest's can stay for its whole
 * section. Between sections every CPU has 1, as KVM leaves it too, and nothing is written for guests
 * whose TSC has the host's rate.
 */
static void hold_tsc_ratio(struct svm_cpu *cpu, u64 ratio)
{
	if (likely(cpu->tsc_ratio == ratio))
		return;
	cpu->tsc_ratio = ratio;
	svm_wrmsr(MSR_AMD64_TSC_RATIO, ratio);
}

static u64 guest_tsc_ratio(const struct ferry_vcpu *vcpu)
{
	return vcpu->vm->clock.tsc_ratio ?: TSC_RATIO_ONE;
}

/* First section on this CPU, or somebody else used its SVM, or it was reset. */
static int take_over(struct svm_cpu *cpu)
{
	/* A CPU that came online late may have SVM locked by its firmware: do not fault on it. */
	if (wrmsrq_safe(MSR_EFER, cpu->efer | EFER_SVME))
		return -EBUSY;
	svm_wrmsr(MSR_VM_HSAVE_PA, cpu->hsave_pa);
	/* Their translations may carry our ASIDs: the next one handed out flushes all. */
	cpu->generation++;
	cpu->next_asid = svm_hw.nr_asids;
	cpu->last_tag = 0;
	/* KVM writes it when it begins, even in the middle of a section; of others nothing is known. */
	if (svm_hw.features & SVM_FEATURE_TSC_RATIO) {
		cpu->tsc_ratio = 0;
		hold_tsc_ratio(cpu, TSC_RATIO_ONE);
	}
	configure_cpu();
	return 0;
}

int svm_cpu_enable(void)
{
	struct svm_cpu *cpu = this_cpu_ptr(&svm_cpus);
	u64 efer = svm_rdmsr(MSR_EFER);

	if (efer & EFER_SVME)
		return -EBUSY;
	cpu->efer = efer;
	if (unlikely(svm_rdmsr(MSR_VM_HSAVE_PA) != cpu->hsave_pa)) {
		if (take_over(cpu))
			return -EBUSY;
	} else {
		svm_wrmsr(MSR_EFER, efer | EFER_SVME);
	}
	cpu->owned = true;
	return 0;
}

/* What is not ours may be KVM's by now: it is left alone. */
void svm_cpu_disable(void)
{
	struct svm_cpu *cpu = this_cpu_ptr(&svm_cpus);

	if (!cpu->owned)
		return;
	cpu->owned = false;
	svm_wrmsr(MSR_EFER, cpu->efer);
}

/*
 * TSC_AUX is readable by RDTSCP and RDPID in the guest without an exit and is not in the VMCB. The host reads it in
 * user mode only (the kernel's own entry code left it alone for KVM's sake, Linux commit 6a3ea3e68b8a). But KVM takes
 * what it finds there for the host's when its hardware is enabled, on 6.1 in an interrupt
 * (kvm_user_return_msr_cpu_online()): it is the host's whenever interrupts are on.
 */
static void take_tsc_aux(struct ferry_vcpu *vcpu, struct svm_vcpu *svm)
{
	if (!svm_hw.tsc_aux || svm->aux_taken)
		return;
	svm->aux_taken = true;
	svm->hw_tsc_aux = vcpu->msr.tsc_aux;
	if (svm->hw_tsc_aux != svm->host_tsc_aux)
		svm_wrmsr(MSR_TSC_AUX, svm->hw_tsc_aux);
}

/* Interrupts come on. */
void svm_leave(struct ferry_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	if (svm->aux_taken && svm->hw_tsc_aux != svm->host_tsc_aux)
		svm_wrmsr(MSR_TSC_AUX, svm->host_tsc_aux);
	svm->aux_taken = false;
	svm_cpu_disable();
}

/* ---------------------------------------------------------------------- ASIDs */

/*
 * Serve SVM_NEW_ASID and SVM_FLUSH for the next entry on this CPU.
 *
 * A translation, of the guest's tables and of the nested ones alike, is tagged with the ASID of
 * the vCPU that made it (APM 15.16, 15.25.9): under a new ASID all older ones are out of reach.
 * When the CPU has none left, everything is flushed and handing out starts again.
 */
void svm_take_asid(struct svm_vcpu *svm)
{
	struct svm_cpu *cpu = this_cpu_ptr(&svm_cpus);
	struct svm_control *control = &svm->vmcb->control;

	if (!(svm->attention & SVM_NEW_ASID) && (svm_hw.features & SVM_FEATURE_FLUSH_BY_ASID)) {
		control->tlb_control = SVM_TLB_FLUSH_ASID;
		svm->attention &= ~SVM_FLUSH;
		svm->attention |= SVM_TLB;
		return;
	}
	if (cpu->next_asid >= svm_hw.nr_asids) {
		cpu->generation++;
		cpu->next_asid = 1; /* 0 is the host's */
		control->tlb_control = SVM_TLB_FLUSH_ALL;
		svm->attention |= SVM_TLB;
	}
	control->asid = cpu->next_asid++;
	control->clean &= ~SVM_CLEAN_ASID;
	svm->asid_generation = cpu->generation;
	svm->asid_cpu = smp_processor_id();
	svm->attention &= ~(SVM_NEW_ASID | SVM_FLUSH);
}

void svm_flush_guest(struct ferry_vcpu *vcpu)
{
	to_svm(vcpu)->attention |= SVM_FLUSH;
}

/* Each vCPU has its own ASID, so its own nested translations are all that it can use. */
void svm_flush_nested(struct ferry_vcpu *vcpu)
{
	to_svm(vcpu)->attention |= SVM_FLUSH;
}

/* --------------------------------------------------------------- load and put */

/* Another guest trained this CPU's branch predictors: none of it may steer this one. */
static void separate_guests(struct svm_cpu *cpu, struct svm_vcpu *svm)
{
	if (cpu->last_tag == svm->tag)
		return;
	cpu->last_tag = svm->tag;
#ifdef X86_FEATURE_IBPB_ON_VMEXIT
	if (cpu_feature_enabled(X86_FEATURE_IBPB_ON_VMEXIT))
		return;
#endif
	indirect_branch_prediction_barrier();
}

/* Is what this CPU has of the vCPU its own, and of now? */
static void check_asid(const struct svm_cpu *cpu, struct svm_vcpu *svm, int nr)
{
	if (likely(svm->asid_cpu == nr && svm->asid_generation == cpu->generation))
		return;
	svm->attention |= SVM_NEW_ASID;
	svm->vmcb->control.clean = 0; /* what a CPU caches of a VMCB is its own */
}

/*
 * DEBUGCTL is not switched without LBR virtualisation (APM 2, 15.23): a bus-lock trap that the host has set would
 * be the guest's #DB, and the host's BTF make of the guest's single steps steps from branch to branch.
 */
static void put_debugctl_by(struct svm_vcpu *svm)
{
	svm->host_debugctl = svm_rdmsr(MSR_IA32_DEBUGCTLMSR);
	if (unlikely(svm->host_debugctl))
		svm_wrmsr(MSR_IA32_DEBUGCTLMSR, 0);
}

static void bring_debugctl_back(struct svm_vcpu *svm)
{
	/* With what an interrupt handler has set since: perf does. */
	if (unlikely(svm->host_debugctl))
		svm_wrmsr(MSR_IA32_DEBUGCTLMSR, svm->host_debugctl | svm_rdmsr(MSR_IA32_DEBUGCTLMSR));
}

void svm_load(struct ferry_vcpu *vcpu, int nr)
{
	struct svm_cpu *cpu = this_cpu_ptr(&svm_cpus);
	struct svm_vcpu *svm = to_svm(vcpu);

	svm->sw.host_pa = cpu->host_pa;
	check_asid(cpu, svm, nr);
	separate_guests(cpu, svm);
	if (svm_hw.spec_ctrl)
		svm->sw.host_spec_ctrl = svm_rdmsr(MSR_IA32_SPEC_CTRL);
	put_debugctl_by(svm);
	if (svm_hw.tsc_aux)
		svm->host_tsc_aux = svm_rdmsr(MSR_TSC_AUX);
	hold_tsc_ratio(cpu, guest_tsc_ratio(vcpu));
}

/*
 * A round begins: own the CPU again. If it is somebody else's now, the entry says so.
 *
 * What VMLOAD brings back after each run. FS, GS, TR and the MSRs belong to the thread and the CPU
 * and stay while preemption is off; LDTR does not: modify_ldt() in another thread of the process
 * interrupts this CPU to load the new table and frees the old one. To bring that back would leave
 * the process with descriptors in memory that is somebody else's by then.
 */
void svm_host_changed(struct ferry_vcpu *vcpu)
{
	struct svm_cpu *cpu = this_cpu_ptr(&svm_cpus);

	if (!cpu->owned) {
		if (svm_cpu_enable())
			return;
		check_asid(cpu, to_svm(vcpu), smp_processor_id());
		hold_tsc_ratio(cpu, guest_tsc_ratio(vcpu));
	}
	take_tsc_aux(vcpu, to_svm(vcpu));
	asm volatile("vmsave %0" : : "a"(to_svm(vcpu)->sw.host_pa) : "memory");
}

void svm_put(struct ferry_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	hold_tsc_ratio(this_cpu_ptr(&svm_cpus), TSC_RATIO_ONE);
	bring_debugctl_back(svm);
#ifdef X86_FEATURE_IBPB_EXIT_TO_USER
	/* VMSCAPE: this thread must not return to user mode with the guest's predictions. */
	if (cpu_feature_enabled(X86_FEATURE_IBPB_EXIT_TO_USER))
		this_cpu_write(x86_ibpb_exit_to_user, true);
#endif
}

/* --------------------------------------------------------- beginning and end */

int svm_cpus_init(void)
{
	int nr;

	for_each_possible_cpu(nr) {
		struct svm_cpu *cpu = per_cpu_ptr(&svm_cpus, nr);

		cpu->hsave = alloc_pages_node(cpu_to_node(nr), GFP_KERNEL | __GFP_ZERO, 0);
		cpu->host = alloc_pages_node(cpu_to_node(nr), GFP_KERNEL | __GFP_ZERO, 0);
		if (!cpu->hsave || !cpu->host) {
			svm_cpus_exit();
			return -ENOMEM;
		}
		cpu->next_asid = svm_hw.nr_asids; /* none before the first flush */
		cpu->tsc_ratio = TSC_RATIO_ONE;
		cpu->hsave_pa = page_to_phys(cpu->hsave);
		cpu->host_pa = page_to_phys(cpu->host);
	}
	return 0;
}

/* The page goes back to the kernel: no CPU may point to it. */
static void forget_hsave(void *unused)
{
	struct svm_cpu *cpu = this_cpu_ptr(&svm_cpus);
	u64 efer = svm_rdmsr(MSR_EFER);

	if (!cpu->hsave_pa || svm_rdmsr(MSR_VM_HSAVE_PA) != cpu->hsave_pa)
		return;
	svm_wrmsr(MSR_EFER, efer | EFER_SVME);
	svm_wrmsr(MSR_VM_HSAVE_PA, 0);
	svm_wrmsr(MSR_EFER, efer);
	unconfigure_cpu();
}

void svm_cpus_exit(void)
{
	int nr;

	on_each_cpu(forget_hsave, NULL, 1);
	for_each_possible_cpu(nr) {
		struct svm_cpu *cpu = per_cpu_ptr(&svm_cpus, nr);

		if (cpu->hsave)
			__free_page(cpu->hsave);
		if (cpu->host)
			__free_page(cpu->host);
		memset(cpu, 0, sizeof(*cpu));
	}
}
