// SPDX-License-Identifier: GPL-2.0-only
/*
 * What this host is: who owns VMX and SVM on its CPUs, whether its TSC can be trusted, and its
 * CPUID as a policy that guests' policies are checked against.
 */
#include <linux/module.h>
#include <linux/smp.h>
#include <linux/slab.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>
#include <asm/processor.h>
#include <asm/tsc.h>

#include "ferry.h"
#include "host.h"
#include "lib/cpu/read.h"

static struct cpu_policy host_policy; /* constant after ferry_host_init() */

/* Bits of "owned by somebody" that the CPUs report into. */
#define OWNED_VMX BIT(0)
#define OWNED_SVM BIT(1)

/* A vCPU of ours is loaded on this CPU, and the backend owns the hardware for it. */
static DEFINE_PER_CPU(bool, loaded_here);

void ferry_host_loaded(bool loaded)
{
	this_cpu_write(loaded_here, loaded);
}

static void ask_owner(void *info)
{
	unsigned long *owned = info;
	u64 efer;

	if (this_cpu_read(loaded_here))
		return;
	if (boot_cpu_has(X86_FEATURE_VMX) && (__read_cr4() & X86_CR4_VMXE))
		set_bit(0, owned);
	if (boot_cpu_has(X86_FEATURE_SVM)) {
		rdmsrl(MSR_EFER, efer);
		if (efer & EFER_SVME)
			set_bit(1, owned);
	}
}

/**
 * ferry_host_owned() - does another hypervisor own the hardware?
 *
 * Ferry sets CR4.VMXE and EFER.SVME only while a vCPU is loaded, so a bit found on a CPU without
 * one belongs to somebody else.
 *
 * Return: 0, or -EBUSY after naming the owner in the kernel log.
 */
int ferry_host_owned(void)
{
	unsigned long owned = 0;

	on_each_cpu(ask_owner, &owned, 1);
	if (!owned)
		return 0;
	pr_err_ratelimited("ferry: another hypervisor owns %s on this host; stop its guests and unload it "
			   "(for KVM: rmmod %s), then try again\n",
			   owned & OWNED_VMX ? "VMX" : "SVM",
			   owned & OWNED_VMX ? "kvm_intel" : "kvm_amd");
	return -EBUSY;
}

/*
 * The TSC is one clock on all CPUs, of constant rate, in every sleep state, and the kernel's
 * watchdog has not caught it lying: what the kernel asks before it keeps its own time by it.
 */
bool ferry_host_tsc_stable(void)
{
	return boot_cpu_has(X86_FEATURE_CONSTANT_TSC) && boot_cpu_has(X86_FEATURE_NONSTOP_TSC) &&
	       !check_tsc_unstable();
}

const struct cpu_policy *ferry_host_policy(void)
{
	return &host_policy;
}

static void read_leaf(u32 leaf, u32 subleaf, u32 reg[CPU_NR_REGS])
{
	asm volatile("cpuid"
		     : "=a"(reg[0]), "=b"(reg[1]), "=c"(reg[2]), "=d"(reg[3])
		     : "a"(leaf), "c"(subleaf));
}

/* CPUID as the hardware says it: what the kernel hides from its own users is still silicon. */
int ferry_host_init(void)
{
	u64 value;
	int ret;

	ret = cpu_policy_read(&host_policy, read_leaf);
	if (ret) {
		pr_err("ferry: this CPU's CPUID does not fit a policy\n");
		return ret;
	}
	if (boot_cpu_has(X86_FEATURE_ARCH_CAPABILITIES) &&
	    !rdmsrl_safe(MSR_IA32_ARCH_CAPABILITIES, &value))
		cpu_policy_set_msr(&host_policy, MSR_CPU_ARCH_CAPABILITIES, value);
	return 0;
}
