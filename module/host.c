// SPDX-License-Identifier: GPL-2.0-only
/*
 * What this host is: who owns VMX and SVM on its CPUs, whether its TSC can be trusted, and the
 * CPUID of its logical CPUs as policies that guests' policies are checked against.
 *
 * Two CPUs of one model and stepping can differ by firmware, and hybrid ones differ by design, so
 * every CPU is read; equal ones count as one kind. kinds_lock: the kinds, which only grow.
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
#include "lib/cpu/check.h"
#include "lib/cpu/read.h"
#include "lib/cpu/xsave.h"

#define MAX_KINDS 32

static DEFINE_MUTEX(kinds_lock);
static struct cpu_policy *kinds[MAX_KINDS];
static unsigned int nr_kinds;
static cpumask_t known_cpus; /* those that were read */

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
	pr_err_ratelimited("another hypervisor owns %s on this host; stop its guests and unload it "
			   "(for KVM: rmmod %s), then try again\n",
			   owned & OWNED_VMX ? "VMX" : "SVM",
			   owned & OWNED_VMX ? "kvm_intel" : "kvm_amd");
	return -EBUSY;
}

/* The hardware went to another hypervisor under a VM of ours. */
void ferry_host_taken(void)
{
	bool vmx = ferry_backend->id == FERRY_BACKEND_VMX;

	pr_warn_ratelimited("another hypervisor took %s, and VMs of Ferry wait; migrate them away, or stop its guests, unload it (for KVM: rmmod %s) and continue them\n",
			    vmx ? "VMX" : "SVM", vmx ? "kvm_intel" : "kvm_amd");
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
	return kinds[0];
}

static void read_leaf(u32 leaf, u32 subleaf, u32 reg[CPU_NR_REGS])
{
	asm volatile("cpuid"
		     : "=a"(reg[0]), "=b"(reg[1]), "=c"(reg[2]), "=d"(reg[3])
		     : "a"(leaf), "c"(subleaf));
}

/*
 * One CPU as its hardware says it: what the kernel hides from its own users is still silicon. But the
 * registers of a component that the kernel has not enabled in XCR0 are nobody's to save and restore.
 */
struct reading {
	struct cpu_policy policy;
	int err;
};

static void read_cpu(void *info)
{
	struct reading *r = info;
	u64 value;

	r->err = cpu_policy_read(&r->policy, read_leaf);
	if (r->err)
		return;
	cpu_policy_forget_ids(&r->policy);
	if (cpu_policy_find(&r->policy, 0xd, 0))
		cpu_xsave_limit(&r->policy, ferry_host_xcr0(), cpu_xsave_xss(&r->policy));
	if (boot_cpu_has(X86_FEATURE_ARCH_CAPABILITIES) &&
	    !rdmsrl_safe(MSR_IA32_ARCH_CAPABILITIES, &value))
		cpu_policy_set_msr(&r->policy, MSR_CPU_ARCH_CAPABILITIES, value);
	cpu_policy_set_settings(&r->policy,
				&(struct cpu_settings){ .microcode = cpu_data(smp_processor_id()).microcode });
	/* It says whether the CPU scales TSCs. */
	if (boot_cpu_has(X86_FEATURE_VMX) && !rdmsrl_safe(MSR_IA32_VMX_PROCBASED_CTLS2, &value))
		cpu_policy_set_msr(&r->policy, MSR_IA32_VMX_PROCBASED_CTLS2, value);
}

static int add_kind(const struct cpu_policy *p, int cpu)
{
	unsigned int i;

	for (i = 0; i < nr_kinds; i++)
		if (cpu_policy_equal(kinds[i], p))
			return 0;
	if (nr_kinds == MAX_KINDS) {
		pr_err("this host has more than %d kinds of CPUs\n", MAX_KINDS);
		return -E2BIG;
	}
	kinds[nr_kinds] = kvmalloc(sizeof(*p), GFP_KERNEL);
	if (!kinds[nr_kinds])
		return -ENOMEM;
	*kinds[nr_kinds++] = *p;
	if (nr_kinds > 1)
		pr_info("CPU %d differs from CPU 0; guests get what all CPUs have\n", cpu);
	return 0;
}

/* Read the CPUs that came online since the last time; kinds_lock held. */
static int read_new_cpus(void)
{
	struct reading *r;
	int cpu, ret = 0;

	if (cpumask_subset(cpu_online_mask, &known_cpus))
		return 0;
	r = kvmalloc(sizeof(*r), GFP_KERNEL);
	if (!r)
		return -ENOMEM;
	for_each_online_cpu(cpu) {
		if (cpumask_test_cpu(cpu, &known_cpus))
			continue;
		/* It may have gone offline: then it can run no guest either. */
		if (smp_call_function_single(cpu, read_cpu, r, 1))
			continue;
		ret = r->err ?: add_kind(&r->policy, cpu);
		if (ret) {
			pr_err("the CPUID of CPU %d cannot be kept as a policy\n", cpu);
			break;
		}
		cpumask_set_cpu(cpu, &known_cpus);
	}
	kvfree(r);
	return ret;
}

/**
 * ferry_host_check() - can every logical CPU of this host honour a policy?
 * @guest: the policy
 * @raw_khz: rate of the TSC that the guest keeps time by, 0 none or not known
 * @list: emptied, then filled with the reasons against it, each once
 *
 * Return: 0, -EOPNOTSUPP no, -ENOMEM.
 */
int ferry_host_check(const struct cpu_policy *guest, u32 raw_khz, struct cpu_findings *list)
{
	/* Not kept with the CPUs: the kernel measures it again soon after it has booted. */
	const struct cpu_clocks clocks = { .host_khz = tsc_khz, .raw_khz = raw_khz };
	struct cpu_check_work *work;
	unsigned int i;
	int ret;

	cpu_findings_init(list);
	work = kvzalloc(sizeof(*work), GFP_KERNEL);
	if (!work)
		return -ENOMEM;
	mutex_lock(&kinds_lock);
	ret = read_new_cpus();
	for (i = 0; !ret && i < nr_kinds; i++) {
		cpu_policy_check(guest, kinds[i], clocks, work);
		cpu_findings_merge(list, &work->list);
	}
	mutex_unlock(&kinds_lock);
	kvfree(work);
	if (!ret && cpu_findings_verdict(list) == CPU_CHECK_REFUSE)
		ret = -EOPNOTSUPP;
	return ret;
}

int ferry_host_init(void)
{
	int ret;

	mutex_lock(&kinds_lock);
	ret = read_new_cpus();
	mutex_unlock(&kinds_lock);
	if (ret)
		ferry_host_exit();
	return ret;
}

void ferry_host_exit(void)
{
	while (nr_kinds)
		kvfree(kinds[--nr_kinds]);
	cpumask_clear(&known_cpus);
}
