// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMX operation, entered for a window and left again, and what else is exchanged when a vCPU comes
 * to a CPU and goes.
 *
 * A window opens at a round's first entry and closes before interrupts are enabled, or before an
 * NMI or machine check that ended a run reaches the host's handler: no code but ours runs with
 * CR4.VMXE set, so KVM may use the CPU between windows, and neither panic nor kdump from a handler
 * begins in VMX operation. NMIs that come while we are in root mode are served as usual.
 * CR4 is written raw, never through the kernel's shadow, which must not learn of VMXE.
 *
 * What an exit leaves behind and the host would miss (SDM 28.5): GDT and IDT limits of 0xffff, DR7,
 * DEBUGCTL, data segments; and the TR limit of 0x67, which hides the I/O permission map.
 *
 * Stale translations: VMXON flushes nothing. Ours are tagged with the EPT root's address, which
 * nobody else uses while the VM exists, and each vCPU's first entry on a CPU invalidates that root
 * (ferry_npt_needs_flush()); so what others left behind under it is never used.
 *
 * Everything here runs with preemption off on the CPU it is about; there are no locks.
 */
#include <linux/cpumask.h>
#include <linux/gfp.h>
#include <linux/hw_breakpoint.h>
#include <linux/mm.h>
#include <linux/smp.h>
#include <linux/topology.h>
#include <asm/cpufeature.h>
#include <asm/debugreg.h>
#include <asm/desc.h>
#include <asm/io.h>
#include <asm/msr-index.h>
#include <asm/nospec-branch.h>
#include <asm/segment.h>
#include <asm/special_insns.h>

#include "vmx.h"

DEFINE_PER_CPU(struct vmx_cpu, vmx_cpus);

/* ------------------------------------------------------------ raw registers */

static __always_inline u64 raw_cr0(void)
{
	u64 value;

	asm volatile("mov %%cr0, %0" : "=r"(value));
	return value;
}

static __always_inline u64 raw_cr3(void)
{
	u64 value;

	asm volatile("mov %%cr3, %0" : "=r"(value));
	return value;
}

static __always_inline u64 raw_cr4(void)
{
	u64 value;

	asm volatile("mov %%cr4, %0" : "=r"(value));
	return value;
}

static __always_inline void write_raw_cr4(u64 value)
{
	asm volatile("mov %0, %%cr4" : : "r"(value) : "memory");
}

static __always_inline u64 raw_dr7(void)
{
	u64 value;

	asm volatile("mov %%dr7, %0" : "=r"(value));
	return value;
}

#define READ_SEGMENT(name)                                  \
	({                                                  \
		u16 selector;                               \
		asm volatile("mov %%" #name ", %0" : "=r"(selector)); \
		selector;                                   \
	})

/* ------------------------------------------------------------------- host state */

/* Write a host field if the VMCS has another value. */
#define TELL(field, member, value)                       \
	do {                                             \
		typeof(have->member) want = (value);     \
		if (have->member != want) {              \
			have->member = want;             \
			vmx_write(VMX_HOST_##field, want); \
		}                                        \
	} while (0)

static void write_host_state(struct vmx_vcpu *vmx, const struct vmx_cpu *cpu)
{
	struct vmx_host *have = &vmx->host;

	TELL(CR0, cr0, raw_cr0());
	TELL(CR3, cr3, raw_cr3());
	TELL(CR4, cr4, vmx->host_cr4 | X86_CR4_VMXE);
	TELL(FS_BASE, fs_base, vmx->host_fs_base);
	TELL(GS_BASE, gs_base, vmx->host_gs_base);
	TELL(TR_BASE, tr_base, cpu->tr_base);
	TELL(GDTR_BASE, gdt_base, vmx->gdtr.address);
	TELL(IDTR_BASE, idt_base, vmx->idtr.address);
	TELL(SYSENTER_CS, sysenter_cs, cpu->sysenter_cs);
	TELL(SYSENTER_ESP, sysenter_esp, cpu->sysenter_esp);
	TELL(SYSENTER_EIP, sysenter_eip, cpu->sysenter_eip);
	TELL(CS_SELECTOR, cs, __KERNEL_CS);
	TELL(SS_SELECTOR, ss, READ_SEGMENT(ss));
	TELL(TR_SELECTOR, tr, GDT_ENTRY_TSS * 8);
}

/* Counters of the host stand still: their NMIs would hit the guest, their buffers its memory. */
static void stop_perf(struct vmx_vcpu *vmx)
{
	vmx->host_pebs = 0;
	vmx->host_perf = vmx_rdmsr(MSR_CORE_PERF_GLOBAL_CTRL);
	if (!vmx->host_perf)
		return;
	vmx_wrmsr(MSR_CORE_PERF_GLOBAL_CTRL, 0);
	if (!boot_cpu_has(X86_FEATURE_PEBS))
		return;
	vmx->host_pebs = vmx_rdmsr(MSR_IA32_PEBS_ENABLE);
	if (vmx->host_pebs)
		vmx_wrmsr(MSR_IA32_PEBS_ENABLE, 0);
}

static __always_inline void start_perf(struct vmx_vcpu *vmx)
{
	if (vmx->host_pebs)
		vmx_wrmsr(MSR_IA32_PEBS_ENABLE, vmx->host_pebs);
	if (vmx->host_perf)
		vmx_wrmsr(MSR_CORE_PERF_GLOBAL_CTRL, vmx->host_perf);
	vmx->host_perf = 0;
	vmx->host_pebs = 0;
}

/* ------------------------------------------------------------- MSRs outside the VMCS */

/* What is this CPU's own and does not change while it is online. */
static void know_cpu(struct vmx_cpu *cpu)
{
	struct desc_ptr gdtr;
	const struct ldttss_desc *tss;
	u16 tr;

	asm volatile("str %0" : "=r"(tr));
	asm volatile("sgdt %0" : "=m"(gdtr));
	tss = (const void *)(gdtr.address + (tr & ~7));
	cpu->tr_base = tss->base0 | (u64)tss->base1 << 16 | (u64)tss->base2 << 24 |
		       (u64)tss->base3 << 32;
	cpu->sysenter_cs = vmx_rdmsr(MSR_IA32_SYSENTER_CS);
	cpu->sysenter_esp = vmx_rdmsr(MSR_IA32_SYSENTER_ESP);
	cpu->sysenter_eip = vmx_rdmsr(MSR_IA32_SYSENTER_EIP);
	cpu->star = vmx_rdmsr(MSR_STAR);
	cpu->lstar = vmx_rdmsr(MSR_LSTAR);
	cpu->sfmask = vmx_rdmsr(MSR_SYSCALL_MASK);
	if (vmx_hw.tsc_aux)
		cpu->tsc_aux = vmx_rdmsr(MSR_TSC_AUX);
	cpu->known = true;
}

/* Only where they differ: two kernels of one build often agree on STAR and SFMASK. */
static void exchange(u32 msr, u64 from, u64 to)
{
	if (from != to)
		vmx_wrmsr(msr, to);
}

/*
 * SYSCALL's MSRs and TSC_AUX are of no use to the kernel while it runs, but KVM takes what it finds there for the
 * host's when its hardware is enabled, on 6.1 in an interrupt (kvm_user_return_msr_cpu_online()), and brings that
 * back for good. So they are the host's whenever interrupts are on.
 */
static void take_guest_msrs(struct vmx_cpu *cpu, struct vmx_vcpu *vmx)
{
	if (vmx->guest_msrs)
		return; /* an NMI had closed the window, nobody has looked */
	vmx->guest_msrs = true;
	exchange(MSR_STAR, cpu->star, vmx->star);
	exchange(MSR_LSTAR, cpu->lstar, vmx->lstar);
	exchange(MSR_SYSCALL_MASK, cpu->sfmask, vmx->sfmask);
	if (vmx_hw.tsc_aux)
		exchange(MSR_TSC_AUX, cpu->tsc_aux, vmx->hw_tsc_aux);
}

static void bring_host_msrs_back(struct vmx_cpu *cpu, struct vmx_vcpu *vmx)
{
	if (!vmx->guest_msrs)
		return;
	vmx->guest_msrs = false;
	exchange(MSR_STAR, vmx->star, cpu->star);
	exchange(MSR_LSTAR, vmx->lstar, cpu->lstar);
	exchange(MSR_SYSCALL_MASK, vmx->sfmask, cpu->sfmask);
	if (vmx_hw.tsc_aux)
		exchange(MSR_TSC_AUX, vmx->hw_tsc_aux, cpu->tsc_aux);
}

/* ----------------------------------------------------------------- the window */

/**
 * vmx_open() - enter VMX operation and make the vCPU's VMCS current
 * @vmx: the vCPU, loaded here; interrupts are off
 *
 * Return: 0, or -EBUSY if somebody else is in VMX operation on this CPU.
 */
int vmx_open(struct vmx_vcpu *vmx)
{
	struct vmx_cpu *cpu = this_cpu_ptr(&vmx_cpus);

	vmx->host_cr4 = raw_cr4();
	if (unlikely(vmx->host_cr4 & X86_CR4_VMXE))
		return -EBUSY;
	if (unlikely(!cpu->known))
		know_cpu(cpu);
	write_raw_cr4(vmx->host_cr4 | X86_CR4_VMXE);
	if (unlikely(vmx_vmxon(cpu->vmxon_pa)))
		goto err_cr4;
	if (unlikely(!vmx->cleared)) {
		if (vmx_vmclear(vmx->vmcs_pa))
			goto err_vmxon;
		vmx->cleared = true;
	}
	if (unlikely(vmx_vmptrld(vmx->vmcs_pa)))
		goto err_vmxon;
	vmx->window = true;
	vmx->stale = false;
	vmx->sw.launched = 0;

	asm volatile("sgdt %0" : "=m"(vmx->gdtr));
	asm volatile("sidt %0" : "=m"(vmx->idtr));
	vmx->host_debugctl = vmx_rdmsr(MSR_IA32_DEBUGCTLMSR);
	asm volatile("sldt %0" : "=m"(vmx->host_ldt));
	vmx->host_ds = READ_SEGMENT(ds);
	vmx->host_es = READ_SEGMENT(es);
	/* An NMI may have closed the last window: what vmx_leave() puts back is not there yet. */
	if (likely(!vmx->unsettled)) {
		vmx->host_fs = READ_SEGMENT(fs);
		vmx->host_gs = READ_SEGMENT(gs);
		vmx->host_dr7 = raw_dr7();
	}
	write_host_state(vmx, cpu);
	take_guest_msrs(cpu, vmx);
	if (vmx_hw.perf)
		stop_perf(vmx);
	if (vmx_hw.flush_l1d)
		vmx_wrmsr(MSR_IA32_FLUSH_CMD, L1D_FLUSH);
	return 0;

err_vmxon:
	WARN_ON_ONCE(1);
	vmx_vmxoff();
err_cr4:
	write_raw_cr4(vmx->host_cr4);
	return -EBUSY;
}

/**
 * vmx_close() - leave VMX operation, with the copy of the guest's state complete
 * @vmx: the vCPU, its window open
 *
 * Also called with NMIs blocked, right after an exit: nothing here may fault or be traced.
 */
noinstr void vmx_close(struct vmx_vcpu *vmx)
{
	vmx_sync_all(vmx);
	if (unlikely(vmx->logging))
		vmx->log_index = vmx_read(VMX_PML_INDEX);
	vmx_vmclear(vmx->vmcs_pa);
	vmx_vmxoff();
	write_raw_cr4(vmx->host_cr4);
	vmx->window = false;
	vmx->unsettled = true;

	asm volatile("lgdt %0" : : "m"(vmx->gdtr));
	asm volatile("lidt %0" : : "m"(vmx->idtr));
	this_cpu_write(__tss_limit_invalid, true);
	/* An exit empties LDTR (SDM 3C 28.5.2); the selectors below may be in the table. */
	if (unlikely(vmx->host_ldt))
		asm volatile("lldt %0" : : "m"(vmx->host_ldt));
	if (unlikely(vmx->host_ds | vmx->host_es)) {
		asm volatile("mov %0, %%ds" : : "r"((u32)vmx->host_ds));
		asm volatile("mov %0, %%es" : : "r"((u32)vmx->host_es));
	}
	/* Not while the addresses in DR0-3 are the guest's: vmx_leave() restores all together. */
	if (unlikely(vmx->host_dr7 != DR7_AFTER_EXIT) && !vmx->breakpoints)
		asm volatile("mov %0, %%dr7" : : "r"(vmx->host_dr7));
	if (unlikely(vmx->host_debugctl))
		vmx_wrmsr(MSR_IA32_DEBUGCTLMSR, vmx->host_debugctl);
	start_perf(vmx);
}

/* The core is about to enable interrupts. */
void vmx_leave(struct ferry_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	if (vmx->window)
		vmx_close(vmx);
	bring_host_msrs_back(this_cpu_ptr(&vmx_cpus), vmx);
	if (!vmx->unsettled)
		return;
	vmx->unsettled = false;
	if (unlikely(vmx->logging))
		vmx_log_drain(vcpu);
	/* Selectors of a 32-bit process, or into an LDT; loading one changes a base. */
	if (unlikely(vmx->host_fs)) {
		loadsegment(fs, vmx->host_fs);
		vmx_wrmsr(MSR_FS_BASE, vmx->host_fs_base);
	}
	if (unlikely(vmx->host_gs)) {
		u64 kernel_gs_base = vmx_rdmsr(MSR_KERNEL_GS_BASE);

		load_gs_index(vmx->host_gs);
		vmx_wrmsr(MSR_KERNEL_GS_BASE, kernel_gs_base);
	}
	if (unlikely(vmx->breakpoints)) {
		vmx->breakpoints = false;
		if (hw_breakpoint_active())
			hw_breakpoint_restore();
	}
}

/* ------------------------------------------------------------------- ownership */

/*
 * VMX is not taken here but for each window. Said early, while nothing has been prepared: somebody
 * has it for longer.
 */
int vmx_cpu_enable(void)
{
	return raw_cr4() & X86_CR4_VMXE ? -EBUSY : 0;
}

void vmx_cpu_disable(void)
{
}

/* --------------------------------------------------------------- load and put */

/* Another guest trained this CPU's branch predictors: none of it may steer this one. */
static void separate_guests(struct vmx_cpu *cpu, struct vmx_vcpu *vmx)
{
	if (cpu->last_tag == vmx->tag)
		return;
	cpu->last_tag = vmx->tag;
	indirect_branch_prediction_barrier();
}

/*
 * While the host has split locks detected, a guest's raise #AC, which is nothing that it expects: it has not been
 * told of such a CPU, and began on one without, maybe. The bit is its core's, and no VMCS field; so that another
 * hyperthread may set it again, and #AC comes again.
 */
static void allow_split_locks(struct vmx_vcpu *vmx)
{
	u64 control = vmx_rdmsr(MSR_TEST_CTRL);

	vmx->host_test_ctrl |= control & MSR_TEST_CTRL_SPLIT_LOCK_DETECT;
	vmx_wrmsr(MSR_TEST_CTRL, control & ~MSR_TEST_CTRL_SPLIT_LOCK_DETECT);
}

static void detect_split_locks(struct vmx_vcpu *vmx)
{
	if (likely(!vmx->host_test_ctrl))
		return;
	vmx_wrmsr(MSR_TEST_CTRL, vmx_rdmsr(MSR_TEST_CTRL) | vmx->host_test_ctrl);
	vmx->host_test_ctrl = 0;
}

/**
 * vmx_split_lock() - was #AC the host's doing?
 * @vcpu: the vCPU, loaded here; interrupts are off
 *
 * Alignment checks are made at CPL 3 only, with CR0.AM and RFLAGS.AC (SDM 3, 6.15, "Interrupt 17").
 *
 * Return: true if it was; the instruction may be tried again.
 */
bool vmx_split_lock(struct ferry_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	if (!vmx_hw.split_lock_detect ||
	    ((vcpu->cr0 & X86_CR0_AM) && (vcpu->rflags & X86_EFLAGS_AC) && vmx_cpl(vcpu) == 3))
		return false;
	if (!vmx->split_locks)
		pr_warn_ratelimited("ferry: VM %s: split locks at 0x%llx slow this host down\n", vcpu->vm->name,
				    vcpu->rip);
	vmx->split_locks = true;
	allow_split_locks(vmx);
	return true;
}

void vmx_load(struct ferry_vcpu *vcpu, int nr)
{
	struct vmx_cpu *cpu = this_cpu_ptr(&vmx_cpus);
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	vmx->host_fs_base = vmx_rdmsr(MSR_FS_BASE);
	vmx->host_gs_base = vmx_rdmsr(MSR_GS_BASE);
	vmx->host_kernel_gs_base = vmx_rdmsr(MSR_KERNEL_GS_BASE);
	exchange(MSR_KERNEL_GS_BASE, vmx->host_kernel_gs_base, vmx->kernel_gs_base);
	vmx->hw_tsc_aux = vcpu->msr.tsc_aux;
	if (vmx_hw.spec_ctrl) {
		vmx->sw.host_spec_ctrl = vmx_rdmsr(MSR_IA32_SPEC_CTRL);
		/* With IBRS the write itself is the barrier against the guest's predictions. */
		vmx->sw.write_spec_ctrl = cpu_feature_enabled(X86_FEATURE_KERNEL_IBRS);
	}
	if (unlikely(vmx->split_locks))
		allow_split_locks(vmx);
	separate_guests(cpu, vmx);
	vmx->loaded = true;
}

void vmx_put(struct ferry_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	vmx_leave(vcpu);
	vmx->loaded = false;
	vmx->kernel_gs_base = vmx_rdmsr(MSR_KERNEL_GS_BASE);
	exchange(MSR_KERNEL_GS_BASE, vmx->kernel_gs_base, vmx->host_kernel_gs_base);
	detect_split_locks(vmx);
#ifdef X86_FEATURE_IBPB_EXIT_TO_USER
	/* VMSCAPE: this thread must not return to user mode with the guest's predictions. */
	if (cpu_feature_enabled(X86_FEATURE_IBPB_EXIT_TO_USER))
		this_cpu_write(x86_ibpb_exit_to_user, true);
#endif
}

/* --------------------------------------------------------- beginning and end */

int vmx_cpus_init(void)
{
	int nr;

	for_each_possible_cpu(nr) {
		struct vmx_cpu *cpu = per_cpu_ptr(&vmx_cpus, nr);

		cpu->vmxon = alloc_pages_node(cpu_to_node(nr), GFP_KERNEL | __GFP_ZERO, 0);
		if (!cpu->vmxon) {
			vmx_cpus_exit();
			return -ENOMEM;
		}
		cpu->vmxon_pa = page_to_phys(cpu->vmxon);
		*(u32 *)page_address(cpu->vmxon) = vmx_hw.revision;
	}
	return 0;
}

void vmx_cpus_exit(void)
{
	int nr;

	for_each_possible_cpu(nr) {
		struct vmx_cpu *cpu = per_cpu_ptr(&vmx_cpus, nr);

		if (cpu->vmxon)
			__free_page(cpu->vmxon);
		memset(cpu, 0, sizeof(*cpu));
	}
}
