// SPDX-License-Identifier: GPL-2.0-only
/*
 * What this host's CPUs offer of VMX, checked by name against what is needed (SDM vol. 3, appendix
 * A). Run once at load; owns vmx_hw, takes no locks.
 */
#include <linux/atomic.h>
#include <linux/cpu.h>
#include <linux/kernel.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <asm/cpufeature.h>
#include <asm/msr-index.h>
#include <asm/processor.h>
#include <asm/special_insns.h>
#include <asm/tsc.h>

#include "vmx.h"

struct vmx_hardware vmx_hw;

#define BASIC_REVISION GENMASK_ULL(30, 0)
#define BASIC_MEMORY_WB (6ULL << 50)
#define BASIC_MEMORY GENMASK_ULL(53, 50)
#define BASIC_TRUE_CONTROLS BIT_ULL(55)

/* A guest that keeps IF clear is looked after this often; see struct vmx_hardware.timer. */
#define TIMER_MS 4

enum want { ON, OFF, MAY, BOTH, ASKED };

struct control {
	u32 bit;
	enum want want;
	const char *text;
};

static const struct control pin_controls[] = {
#define X(nr, name, want, text) { 1U << (nr), want, text },
	VMX_PIN_CONTROLS(X)
};
static const struct control primary_controls[] = { VMX_PRIMARY_CONTROLS(X) };
static const struct control secondary_controls[] = { VMX_SECONDARY_CONTROLS(X) };
static const struct control exit_controls[] = { VMX_EXIT_CONTROLS(X) };
static const struct control entry_controls[] = { VMX_ENTRY_CONTROLS(X) };
#undef X

/* What each CPU must agree on. */
struct raw_caps {
	u64 basic, pin, primary, secondary, exit, entry, ept, cr0[2], cr4[2];
};

static void read_raw(struct raw_caps *raw)
{
	bool exact;

	memset(raw, 0, sizeof(*raw));
	raw->basic = vmx_rdmsr(MSR_IA32_VMX_BASIC);
	exact = raw->basic & BASIC_TRUE_CONTROLS;
	raw->pin = vmx_rdmsr(exact ? MSR_IA32_VMX_TRUE_PINBASED_CTLS : MSR_IA32_VMX_PINBASED_CTLS);
	raw->primary = vmx_rdmsr(exact ? MSR_IA32_VMX_TRUE_PROCBASED_CTLS :
					 MSR_IA32_VMX_PROCBASED_CTLS);
	raw->exit = vmx_rdmsr(exact ? MSR_IA32_VMX_TRUE_EXIT_CTLS : MSR_IA32_VMX_EXIT_CTLS);
	raw->entry = vmx_rdmsr(exact ? MSR_IA32_VMX_TRUE_ENTRY_CTLS : MSR_IA32_VMX_ENTRY_CTLS);
	if (raw->primary >> 32 & VMX_PRI_SECONDARY)
		raw->secondary = vmx_rdmsr(MSR_IA32_VMX_PROCBASED_CTLS2);
	if (raw->secondary >> 32 & (VMX_SEC_EPT | VMX_SEC_VPID))
		raw->ept = vmx_rdmsr(MSR_IA32_VMX_EPT_VPID_CAP);
	raw->cr0[0] = vmx_rdmsr(MSR_IA32_VMX_CR0_FIXED0);
	raw->cr0[1] = vmx_rdmsr(MSR_IA32_VMX_CR0_FIXED1);
	raw->cr4[0] = vmx_rdmsr(MSR_IA32_VMX_CR4_FIXED0);
	raw->cr4[1] = vmx_rdmsr(MSR_IA32_VMX_CR4_FIXED1);
}

/* ---------------------------------------------------------------- what is missing */

/* A list of names for one message. */
struct missing {
	char text[400];
	size_t length;
};

static void miss(struct missing *m, const char *name)
{
	m->length += scnprintf(m->text + m->length, sizeof(m->text) - m->length, "%s%s",
			       m->length ? ", " : "", name);
}

/*
 * The low half of a capability MSR has the bits that must be set, the high half those that may be.
 * Bits that must be set and that we do not know are set: they are the manual's "default1" class.
 */
static u32 choose(u64 cap, const struct control *c, size_t n, struct missing *missing)
{
	u32 must = cap, may = cap >> 32, chosen = must;
	size_t i;

	for (i = 0; i < n; i++, c++) {
		switch (c->want) {
		case ON:
			if (!(may & c->bit))
				miss(missing, c->text);
			chosen |= c->bit;
			break;
		case OFF:
			if (must & c->bit)
				miss(missing, c->text);
			break;
		case MAY:
			chosen |= may & c->bit;
			break;
		case BOTH:
			if (!(may & c->bit) || (must & c->bit))
				miss(missing, c->text);
			break;
		case ASKED:
			break;
		}
	}
	return chosen;
}

static void need_ept(u64 caps, struct missing *missing)
{
	static const struct {
		u64 bits;
		const char *text;
	} needed[] = {
		{ VMX_CAP_EPT_WALK4, "EPT page-walk length 4" },
		{ VMX_CAP_EPT_WB, "write-back EPT structures" },
		{ VMX_CAP_EPT_2M, "EPT pages of 2 MiB" },
		{ VMX_CAP_INVEPT, "INVEPT" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(needed); i++)
		if (!(caps & needed[i].bits))
			miss(missing, needed[i].text);
	if ((caps & VMX_CAP_INVEPT) && !(caps & (VMX_CAP_INVEPT_SINGLE | VMX_CAP_INVEPT_ALL)))
		miss(missing, "a type of INVEPT");
}

static int check(const struct raw_caps *raw)
{
	struct missing missing = {};

	if ((raw->basic & BASIC_MEMORY) != BASIC_MEMORY_WB)
		miss(&missing, "write-back VMCS memory");
	vmx_hw.pin = choose(raw->pin, pin_controls, ARRAY_SIZE(pin_controls), &missing);
	vmx_hw.primary = choose(raw->primary, primary_controls, ARRAY_SIZE(primary_controls),
				&missing);
	if (raw->secondary >> 32 & VMX_SEC_EPT) {
		vmx_hw.secondary = choose(raw->secondary, secondary_controls,
					  ARRAY_SIZE(secondary_controls), &missing);
		need_ept(raw->ept, &missing);
	} else {
		miss(&missing, "EPT (extended page tables)");
	}
	vmx_hw.exit = choose(raw->exit, exit_controls, ARRAY_SIZE(exit_controls), &missing);
	vmx_hw.entry = choose(raw->entry, entry_controls, ARRAY_SIZE(entry_controls), &missing);
	if (!missing.length)
		return 0;
	pr_err("this CPU's VT-x lacks what is needed: %s\n", missing.text);
	return -ENODEV;
}

/* --------------------------------------------------------------------- firmware */

#define STATE_UNLOCKED BIT(0)
#define STATE_DISABLED BIT(1)
#define STATE_DIFFERENT BIT(2)

struct survey {
	struct raw_caps first;
	atomic_t state;
};

static void ask_cpu(void *info)
{
	struct survey *s = info;
	u64 control = vmx_rdmsr(MSR_IA32_FEAT_CTL);
	struct raw_caps mine;

	if (!(control & FEAT_CTL_LOCKED))
		atomic_or(STATE_UNLOCKED, &s->state);
	else if (!(control & FEAT_CTL_VMX_ENABLED_OUTSIDE_SMX))
		atomic_or(STATE_DISABLED, &s->state);
	read_raw(&mine);
	if (memcmp(&mine, &s->first, sizeof(mine)))
		atomic_or(STATE_DIFFERENT, &s->state);
}

static int check_all_cpus(struct survey *s)
{
	int state;

	on_each_cpu(ask_cpu, s, 1);
	state = atomic_read(&s->state);
	if (state & STATE_DISABLED) {
		pr_err("VT-x is disabled and locked by this machine's firmware; enable \"VT-x\" or \"virtualisation\" in its set-up\n");
		return -ENODEV;
	}
	if (state & STATE_UNLOCKED) {
		pr_err("VT-x is neither enabled nor locked on some CPU (IA32_FEATURE_CONTROL); update the firmware or enable VT-x in its set-up\n");
		return -ENODEV;
	}
	if (state & STATE_DIFFERENT) {
		pr_err("the CPUs of this machine differ in what their VT-x offers; update firmware and microcode\n");
		return -ENODEV;
	}
	return 0;
}

/* ------------------------------------------------------------------------ facts */

/* The timer counts the TSC shifted right by MISC[4:0]. */
static u32 timer_ticks(void)
{
	u64 ticks = (u64)tsc_khz * TIMER_MS >> (vmx_rdmsr(MSR_IA32_VMX_MISC) & 31);

	return clamp_t(u64, ticks, 1, U32_MAX);
}

/*
 * A CPU that suffers from L1TF lets a guest read what the host has left in the L1 data cache. It is
 * flushed before the first entry of each window; in between nothing runs but this backend.
 */
static void read_l1tf(void)
{
	if (!boot_cpu_has_bug(X86_BUG_L1TF) || cpu_mitigations_off())
		return;
	vmx_hw.flush_l1d = boot_cpu_has(X86_FEATURE_FLUSH_L1D);
	if (!vmx_hw.flush_l1d)
		pr_warn("this CPU's microcode cannot flush the L1 data cache: guests may read host memory (L1TF); update it\n");
}

static void read_facts(const struct raw_caps *raw)
{
	vmx_hw.revision = raw->basic & BASIC_REVISION;
	vmx_hw.policy_controls = raw->secondary >> 32 & (VMX_SEC_RDTSCP | VMX_SEC_INVPCID);
	vmx_hw.ept_caps = raw->ept;
	vmx_hw.unrestricted = vmx_hw.secondary & VMX_SEC_UNRESTRICTED;
	vmx_hw.ad = raw->ept & VMX_CAP_EPT_AD;
	vmx_hw.pml = vmx_hw.ad && raw->secondary >> 32 & VMX_SEC_PML;
	vmx_hw.vpid = (vmx_hw.secondary & VMX_SEC_VPID) && (raw->ept & VMX_CAP_INVVPID) &&
		      (raw->ept & (VMX_CAP_INVVPID_SINGLE | VMX_CAP_INVVPID_ALL));
	if (!vmx_hw.vpid)
		vmx_hw.secondary &= ~(u32)VMX_SEC_VPID;
	vmx_hw.tpr_shadow = vmx_hw.primary & VMX_PRI_TPR_SHADOW;
	if (!vmx_hw.tpr_shadow)
		vmx_hw.primary |= VMX_PRI_CR8_LOAD_EXIT | VMX_PRI_CR8_STORE_EXIT;
	vmx_hw.efer_list = !(vmx_hw.entry & VMX_ENTRY_LOAD_EFER) ||
			   !(vmx_hw.exit & VMX_EXIT_LOAD_EFER);
	if (vmx_hw.efer_list) {
		vmx_hw.entry &= ~(u32)VMX_ENTRY_LOAD_EFER;
		vmx_hw.exit &= ~(u32)VMX_EXIT_LOAD_EFER;
	}
	vmx_hw.cr0_fixed0 = raw->cr0[0];
	vmx_hw.cr0_fixed1 = raw->cr0[1];
	vmx_hw.cr4_fixed0 = raw->cr4[0];
	vmx_hw.cr4_fixed1 = raw->cr4[1];
	vmx_hw.phys_bits = boot_cpu_data.x86_phys_bits;
	vmx_hw.host_efer = vmx_rdmsr(MSR_EFER);
	vmx_hw.host_mce = __read_cr4() & X86_CR4_MCE;
	vmx_hw.tsc_aux = boot_cpu_has(X86_FEATURE_RDTSCP) || boot_cpu_has(X86_FEATURE_RDPID);
	vmx_hw.split_lock_detect = boot_cpu_has(X86_FEATURE_SPLIT_LOCK_DETECT);
	vmx_hw.spec_ctrl = boot_cpu_has(X86_FEATURE_MSR_SPEC_CTRL);
	/* PERF_GLOBAL_CTRL came with version 2 (SDM 20.2.2). */
	vmx_hw.perf = boot_cpu_has(X86_FEATURE_ARCH_PERFMON) && (cpuid_eax(0xa) & 0xff) >= 2;
	if (vmx_hw.pin & VMX_PIN_TIMER)
		vmx_hw.timer = timer_ticks();
	read_l1tf();
}

int vmx_caps_probe(void)
{
	struct survey survey = {};
	int ret;

	if (boot_cpu_data.x86_vendor != X86_VENDOR_INTEL &&
	    boot_cpu_data.x86_vendor != X86_VENDOR_CENTAUR &&
	    boot_cpu_data.x86_vendor != X86_VENDOR_ZHAOXIN)
		return -ENODEV;
	/* What the hardware says: the kernel hides the bit where firmware has disabled VMX. */
	if (!(cpuid_ecx(1) & BIT(5))) {
		pr_err("this CPU does not offer VT-x (in a virtual machine: enable nested virtualisation)\n");
		return -ENODEV;
	}
	read_raw(&survey.first);
	ret = check_all_cpus(&survey);
	if (ret)
		return ret;
	ret = check(&survey.first);
	if (ret)
		return ret;
#ifdef X86_FEATURE_FRED
	if (cpu_feature_enabled(X86_FEATURE_FRED)) {
		pr_err("this kernel runs with FRED, which is not supported yet; boot with fred=off\n");
		return -EOPNOTSUPP;
	}
#endif
	read_facts(&survey.first);
	if (!vmx_hw.unrestricted)
		pr_info("this CPU lacks unrestricted guest: real mode and unpaged code are emulated\n");
	return 0;
}
