// SPDX-License-Identifier: GPL-2.0-only
/*
 * The SVM backend: what this host's CPUs have, a vCPU's memory, and the table of operations.
 */
#include <linux/atomic.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <asm/cpufeature.h>
#include <asm/io.h>
#include <asm/mem_encrypt.h>
#include <asm/msr.h>
#include <asm/processor.h>
#include <asm/special_insns.h>

#include "../lib/harvest/format.h"
#include "svm.h"

struct svm_hardware svm_hw;

static atomic64_t tags = ATOMIC64_INIT(0);

/* MSR VM_CR (APM 15.30.1) */
#define VM_CR_LOCK BIT(3)
#define VM_CR_SVMDIS BIT(4)

#define CPUID_ECX 2

struct regs {
	u32 eax, ebx, ecx, edx;
};

static struct regs ask_cpuid(u32 leaf, u32 subleaf)
{
	struct regs r;

	asm volatile("cpuid"
		     : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
		     : "a"(leaf), "c"(subleaf));
	return r;
}

/* ------------------------------------------------------------------------ probe */

/*
 * CR4 bits and the CPUID bits they come with. Only used to explain a refusal before VMRUN makes
 * one: what guests may set is the policy's business.
 */
static u64 known_cr4(void)
{
	struct regs l1 = ask_cpuid(1, 0), l7 = ask_cpuid(7, 0);
	u64 cr4 = X86_CR4_VME | X86_CR4_PVI | X86_CR4_TSD | X86_CR4_DE | X86_CR4_PSE | X86_CR4_PAE |
		  X86_CR4_MCE | X86_CR4_PGE | X86_CR4_PCE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT;

	if (ask_cpuid(0, 0).eax < 7)
		l7 = (struct regs){};
	cr4 |= l1.ecx & BIT(17) ? X86_CR4_PCIDE : 0;
	cr4 |= l1.ecx & BIT(26) ? X86_CR4_OSXSAVE : 0;
	cr4 |= l7.ebx & BIT(0) ? X86_CR4_FSGSBASE : 0;
	cr4 |= l7.ebx & BIT(7) ? X86_CR4_SMEP : 0;
	cr4 |= l7.ebx & BIT(20) ? X86_CR4_SMAP : 0;
	cr4 |= l7.ecx & BIT(2) ? X86_CR4_UMIP : 0;
	cr4 |= l7.ecx & BIT(3) ? X86_CR4_PKE : 0;
	cr4 |= l7.ecx & BIT(16) ? X86_CR4_LA57 : 0;
	return cr4;
}

/*
 * Bochs 2.7 leaves CR2 out of the switch. It shows itself by what no CPU since family 15h is
 * without: VMCB clean bits beside nRIP.
 */
static bool lacks_cr2(void)
{
	return boot_cpu_data.x86 >= 0x15 && (svm_hw.features & SVM_FEATURE_NRIPS) &&
	       !(svm_hw.features & SVM_FEATURE_VMCB_CLEAN);
}

/* QEMU's TCG, which names itself where hypervisors do. */
static bool is_tcg(void)
{
	struct regs r;

	if (!boot_cpu_has(X86_FEATURE_HYPERVISOR))
		return false;
	r = ask_cpuid(0x40000000, 0);
	return r.ebx == 0x54474354 && r.ecx == 0x43544743 && r.edx == 0x47435447;
}

static void read_features(void)
{
	struct regs svm = ask_cpuid(0x8000000a, 0), ext = ask_cpuid(0x80000001, 0), size = {}, l7 = {};

	if (ask_cpuid(0x80000000, 0).eax >= 0x80000008)
		size = ask_cpuid(0x80000008, 0);
	if (ask_cpuid(0, 0).eax >= 7)
		l7 = ask_cpuid(7, 0);
	svm_hw.features = svm.edx;
	svm_hw.nr_asids = svm.ebx;
	svm_hw.phys_bits = size.eax & 0xff ?: 36;
	svm_hw.efer_known = EFER_SCE | EFER_LME | EFER_LMA | EFER_NX | EFER_SVME;
	if (ext.edx & BIT(25))
		svm_hw.efer_known |= EFER_FFXSR;
	svm_hw.cr4_known = known_cr4();
	svm_hw.host_mce = __read_cr4() & X86_CR4_MCE;
	svm_hw.nrips = svm.edx & SVM_FEATURE_NRIPS;
	/* int_ctl holds what the CPU itself changes, and CR2 goes in with every run. */
	if (svm.edx & SVM_FEATURE_VMCB_CLEAN)
		svm_hw.clean = 0xfff & ~(SVM_CLEAN_TPR | SVM_CLEAN_CR2);
	svm_hw.cr2_by_hand = lacks_cr2();
	svm_hw.idle_tss = is_tcg();
	svm_hw.runs_sysenter = is_tcg() || svm_hw.cr2_by_hand;
	svm_hw.tsc_aux = (ext.edx & BIT(27)) || (l7.ecx & BIT(22));
	svm_hw.v_spec_ctrl = svm.edx & SVM_FEATURE_V_SPEC_CTRL;
	svm_hw.spec_ctrl = boot_cpu_has(X86_FEATURE_MSR_SPEC_CTRL) && !svm_hw.v_spec_ctrl;
	svm_hw.rdpru = size.ebx & BIT(4);
	svm_hw.mcommit = size.ebx & BIT(8);
	svm_hw.invlpgb = size.ebx & BIT(3);
	svm_hw.invpcid = l7.ebx & BIT(10);
}

static void ask_vm_cr(void *locked)
{
	u64 vm_cr = svm_rdmsr(MSR_VM_CR);

	if (vm_cr & VM_CR_SVMDIS)
		atomic_or(vm_cr & VM_CR_LOCK ? 2 : 1, locked);
}

static int check_firmware(void)
{
	atomic_t disabled = ATOMIC_INIT(0);

	on_each_cpu(ask_vm_cr, &disabled, 1);
	if (!atomic_read(&disabled))
		return 0;
	pr_err("SVM is disabled%s by this machine's firmware; enable \"SVM\" or \"virtualisation\" in its set-up\n",
	       atomic_read(&disabled) & 2 ? " and locked" : "");
	return -ENODEV;
}

static int svm_probe(void)
{
	int ret;

	if (boot_cpu_data.x86_vendor != X86_VENDOR_AMD &&
	    boot_cpu_data.x86_vendor != X86_VENDOR_HYGON)
		return -ENODEV;
	if (ask_cpuid(0x80000000, 0).eax < 0x8000000a || !(ask_cpuid(0x80000001, 0).ecx & BIT(CPUID_ECX))) {
		pr_err("this CPU does not offer SVM (in a virtual machine: enable nested virtualisation)\n");
		return -ENODEV;
	}
	if (sme_me_mask) {
		/* Tables and permission maps would need the encryption bit. */
		pr_err("memory encryption (SME or SEV) is active and not supported yet; boot with mem_encrypt=off\n");
		return -EOPNOTSUPP;
	}
	ret = check_firmware();
	if (ret)
		return ret;
	read_features();
	if (!(svm_hw.features & SVM_FEATURE_NPT)) {
		pr_err("this CPU has SVM without nested paging, which is needed\n");
		return -ENODEV;
	}
	if (svm_hw.nr_asids < 2) {
		pr_err("this CPU offers guests no address space identifiers (%u)\n",
		       svm_hw.nr_asids);
		return -ENODEV;
	}
	ret = svm_maps_init();
	if (ret)
		return ret;
	ret = svm_cpus_init();
	if (ret)
		goto err_maps;
	return 0;

err_maps:
	svm_maps_exit();
	return ret;
}

static void svm_remove(void)
{
	svm_cpus_exit();
	svm_maps_exit();
}

static u64 svm_caps(void)
{
	return FERRY_CAP_DIRTY_AD | FERRY_CAP_DIRTY_WP | (svm_hw.nrips ? FERRY_CAP_NEXT_RIP : 0) |
	       (svm_hw.features & SVM_FEATURE_TSC_RATIO ? FERRY_CAP_TSC_SCALE : 0);
}

/* VMRUN walks nested tables in the host's paging mode (APM 15.25.3). */
static const struct npt_format *svm_npt_format(void)
{
	return __read_cr4() & X86_CR4_LA57 ? &npt_format_npt5 : &npt_format_npt4;
}

/* ---------------------------------------------------------------------- objects */

static int svm_vm_init(struct ferry_vm *vm)
{
	return 0;
}

static void svm_vm_exit(struct ferry_vm *vm)
{
}

static int svm_vcpu_init(struct ferry_vcpu *vcpu)
{
	struct svm_vcpu *svm;

	svm = kzalloc(sizeof(*svm), GFP_KERNEL_ACCOUNT);
	if (!svm)
		return -ENOMEM;
	svm->vmcb = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!svm->vmcb)
		goto err_svm;
	svm->before = kzalloc(sizeof(*svm->before), GFP_KERNEL_ACCOUNT);
	if (!svm->before)
		goto err_vmcb;
	svm->sw.vmcb_pa = virt_to_phys(svm->vmcb);
	svm->sw.regs = vcpu->regs;
	svm->asid_cpu = -1;
	svm->tag = atomic64_inc_return(&tags);
	vcpu->arch = svm;
	svm_reset_state(vcpu);
	return 0;

err_vmcb:
	free_page((unsigned long)svm->vmcb);
err_svm:
	kfree(svm);
	return -ENOMEM;
}

static void svm_vcpu_exit(struct ferry_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	vcpu->arch = NULL;
	kfree(svm->before);
	free_page((unsigned long)svm->vmcb);
	kfree(svm);
}

const struct ferry_backend svm_backend = {
	.name = "SVM",
	.id = FERRY_BACKEND_SVM,
	.tsc_format = TSC_FORMAT_SVM,
	.probe = svm_probe,
	.remove = svm_remove,
	.caps = svm_caps,
	.cpu_enable = svm_cpu_enable,
	.cpu_disable = svm_cpu_disable,
	.vm_init = svm_vm_init,
	.vm_exit = svm_vm_exit,
	.vcpu_init = svm_vcpu_init,
	.vcpu_exit = svm_vcpu_exit,
	.vcpu_reset = svm_reset_state,
	.load = svm_load,
	.put = svm_put,
	.host_changed = svm_host_changed,
	.enter = svm_enter,
	.leave = svm_leave,
	.decode = svm_decode,
	.exit_name = svm_exit_name,
	.get_segment = svm_get_segment,
	.set_segment = svm_set_segment,
	.get_tables = svm_get_tables,
	.set_tables = svm_set_tables,
	.get_msr = svm_get_msr,
	.set_msr = svm_set_msr,
	.cpl = svm_cpl,
	.code64 = svm_code64,
	.get_shadow = svm_get_shadow,
	.set_shadow = svm_set_shadow,
	.get_nmi_mask = svm_get_nmi_mask,
	.set_nmi_mask = svm_set_nmi_mask,
	.update_control = svm_update_control,
	.update_debug = svm_update_debug,
	.update_policy = svm_update_policy,
	.set_tsc = svm_set_tsc,
	.can_inject = svm_can_inject,
	.inject = svm_inject,
	.request_window = svm_request_window,
	.set_cr8 = svm_set_cr8,
	.flush_guest = svm_flush_guest,
	.flush_nested = svm_flush_nested,
	.npt_format = svm_npt_format,
};
