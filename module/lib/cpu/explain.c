// SPDX-License-Identifier: GPL-2.0-only
/*
 * Findings in words. See explain.h.
 *
 * A finding carries numbers alone, so that it can come from another host; the
 * words are made where they are read.
 *
 * Owns: the sentences. Locks: none.
 */
#include "exclude.h"
#include "explain.h"
#include "vuln.h"
#include "xsave.h"

static const char *const reg_names[] = { "EAX", "EBX", "ECX", "EDX" };

const char *cpu_vendor_name(enum cpu_vendor vendor)
{
	switch (vendor) {
	case CPU_VENDOR_INTEL:
		return "Intel";
	case CPU_VENDOR_AMD:
		return "AMD";
	case CPU_VENDOR_HYGON:
		return "Hygon";
	case CPU_VENDOR_CENTAUR:
		return "Centaur";
	case CPU_VENDOR_ZHAOXIN:
		return "Zhaoxin";
	case CPU_VENDOR_UNKNOWN:
		break;
	}
	return "another vendor";
}

const char *cpu_xstate_name(unsigned int component)
{
	static const char *const names[] = {
		"x87",
		"SSE",
		"AVX",
		"MPX bounds",
		"MPX config",
		"AVX-512 masks",
		"AVX-512 high halves",
		"AVX-512 high registers",
		"processor trace",
		"PKRU",
		"PASID",
		"CET user",
		"CET supervisor",
		"HDC",
		"user interrupts",
		"LBR",
		"HWP",
		"AMX config",
		"AMX tiles",
		"APX",
	};

	if (component < ARRAY_SIZE(names))
		return names[component];
	return component == XSTATE_LWP ? "LWP" : "unnamed";
}

/* What can be said of one feature beyond its cause. */
static const struct {
	u16 nr;
	const char *switched; /* by what it is switched off */
	const char *enable; /* how to get it back */
	const char *hide; /* what hiding it costs the guest */
} advice[] = {
	{ CPU_F_MONITOR, "firmware has cleared IA32_MISC_ENABLE[18] (Intel) or set HWCR[9] (AMD)",
	  "Enable MONITOR/MWAIT in the host's firmware setup.",
	  "Hiding it is harmless: guests only use it to idle." },
	{ CPU_F_NX, "firmware has set IA32_MISC_ENABLE[34]",
	  "Enable Execute Disable (XD, NX) in the host's firmware setup.",
	  "Hiding it costs the guest its protection against executing data." },
	{ CPU_F_VMX, "firmware has disabled VT-x", "Enable VT-x in the host's firmware setup.",
	  "Hiding it is harmless unless the guest runs VMs itself." },
	{ CPU_F_SVM, "firmware has set VM_CR.SVMDIS", "Enable SVM in the host's firmware setup.",
	  "Hiding it is harmless unless the guest runs VMs itself." },
	{ CPU_F_EST, "firmware has cleared IA32_MISC_ENABLE[16]",
	  "Enable SpeedStep in the host's firmware setup.",
	  "Hiding it is harmless: no guest controls the host's clock." },
	{ CPU_F_X2APIC, "firmware has opted out of x2APIC",
	  "Enable x2APIC in the host's firmware setup.", "Ferry emulates it on every host." },
	{ CPU_F_AES, "firmware has disabled AES-NI", "Enable AES-NI in the host's firmware setup.",
	  "Hiding it makes encryption slower." },
	{ CPU_F_SGX, "firmware has disabled SGX", "Enable SGX in the host's firmware setup.",
	  "Ferry does not give enclaves to guests." },
	{ CPU_F_RTM, "TSX was taken away by microcode or by the kernel's tsx=off",
	  "Boot the host with tsx=on if its CPU still has TSX.",
	  "Programs that do not ask CPUID may still use it." },
	{ CPU_F_HLE, "TSX was taken away by microcode or by the kernel's tsx=off",
	  "Boot the host with tsx=on if its CPU still has TSX.",
	  "Hiding it is harmless: its prefixes are ignored." },
	{ CPU_F_MPX, "Intel removed MPX after Cascade Lake", NULL,
	  "Hiding it is harmless to current software: compilers dropped it." },
	{ CPU_F_INVTSC, "the host's TSC stops or changes its rate", NULL,
	  "A guest that was shown it must not move to a TSC of another rate." },
	{ CPU_F_CQM, NULL, NULL, "Ferry does not give monitoring to guests." },
};

static const char *hidden_text(unsigned int hidden)
{
	switch (hidden) {
	case CPU_HIDDEN_FACT:
		return "Little: there is nothing to use, a guest only tunes by it.";
	case CPU_HIDDEN_CR4:
	case CPU_HIDDEN_EFER:
	case CPU_HIDDEN_XCR0:
		return "The guest cannot enable it here: the attempt faults, which stops most kernels.";
	case CPU_HIDDEN_MSR:
		return "The guest's next access to the MSRs behind it will fault.";
	case CPU_HIDDEN_TRAP:
	case CPU_HIDDEN_LEAKY:
		return "A program that uses it will be killed by an invalid opcode.";
	case CPU_HIDDEN_SILENT:
		return "A program that uses it will go on with wrong results; nothing will tell.";
	}
	return "";
}

static const char *hide_text(unsigned int hidden)
{
	switch (hidden) {
	case CPU_HIDDEN_LEAKY:
		return " Hidden, it still works for programs that do not ask CPUID.";
	case CPU_HIDDEN_SILENT:
		return " Programs that do not ask CPUID will not notice that it is gone.";
	}
	return "";
}

static void where(const struct cpu_finding *f, char *out, size_t size)
{
	if (f->reg == CPU_FINDING_MSR)
		snprintf(out, size, "MSR 0x%x bit %u", f->leaf, f->bit);
	else if (f->bit == CPU_FINDING_FIELD && f->reg < 4)
		snprintf(out, size, "leaf 0x%x%s%.0u %s", f->leaf, f->subleaf ? " sub-leaf " : "",
			 f->subleaf, reg_names[f->reg]);
	else if (f->subleaf)
		snprintf(out, size, "leaf 0x%x sub-leaf %u %s bit %u", f->leaf, f->subleaf,
			 f->reg < 4 ? reg_names[f->reg] : "?", f->bit);
	else
		snprintf(out, size, "leaf 0x%x %s bit %u", f->leaf,
			 f->reg < 4 ? reg_names[f->reg] : "?", f->bit);
}

static unsigned int bit_of(u64 value, const struct cpu_finding *f)
{
	return f->bit < 64 ? value >> f->bit & 1 : 0;
}

static void explain_feature(const struct cpu_finding *f, struct cpu_explanation *e)
{
	unsigned int nr = cpu_finding_feature(f), i;
	const struct cpu_feature *feat = cpu_feature(nr);
	const char *switched = NULL, *enable = NULL, *hide = "";
	bool harmless = false;
	char at[CPU_NAME_MAX];

	where(f, at, sizeof(at));
	if (feat)
		cpu_feature_name(feat, CPU_NAMES_FERRY, e->subject);
	else
		snprintf(e->subject, sizeof(e->subject), "%s", at);
	for (i = 0; i < ARRAY_SIZE(advice); i++)
		if (advice[i].nr == nr) {
			switched = advice[i].switched;
			enable = advice[i].enable;
			hide = advice[i].hide;
			harmless = !strncmp(hide, "Hiding it is harmless", 21);
		}
	snprintf(e->what, sizeof(e->what),
		 "%s%s%s: the guest sees %u (0x%llx), this host has %u (0x%llx)", at,
		 feat ? ", " : "", feat ? feat->meaning : "", bit_of(f->guest, f),
		 (unsigned long long)f->guest, bit_of(f->host, f), (unsigned long long)f->host);

	switch (f->cause) {
	case CPU_CAUSE_FIRMWARE:
		snprintf(e->why, sizeof(e->why), "The CPU can do it; %s.",
			 switched ? switched : "firmware has switched it off");
		snprintf(e->fix, sizeof(e->fix), "%s Or hide it (--minus %s when its policy is made) and restart the guest. %s",
			 enable ? enable : "Enable it in the host's firmware setup.", e->subject,
			 hide);
		break;
	case CPU_CAUSE_MICROCODE:
		if (nr == CPU_F_RTM || nr == CPU_F_HLE) {
			snprintf(e->why, sizeof(e->why), "%s.", switched);
			snprintf(e->fix, sizeof(e->fix),
				 "%s Otherwise start the guest without it (--minus %s). %s", enable,
				 e->subject, hide);
			break;
		}
		snprintf(e->why, sizeof(e->why),
			 "This CPU model has it with other microcode than this host's%s%s.",
			 switched ? ": " : "", switched ? switched : "");
		snprintf(e->fix, sizeof(e->fix),
			 "Update the host's microcode or firmware%s%s. Or hide it (--minus %s when its "
			 "policy is made) and restart the guest. %s",
			 enable ? ". " : "", enable ? enable : "", e->subject, hide);
		break;
	case CPU_CAUSE_KERNEL:
		snprintf(e->why, sizeof(e->why), "The host's kernel has it switched off%s%s.",
			 switched ? ": " : "", switched ? switched : "");
		snprintf(e->fix, sizeof(e->fix), "%s Or hide it: --minus %s. %s",
			 enable ? enable : "Change the host's kernel command line.", e->subject,
			 hide);
		break;
	case CPU_CAUSE_VULNERABILITY:
		snprintf(e->why, sizeof(e->why),
			 "The guest was told that it is not affected and left its mitigation off; "
			 "this host does not say so of itself.");
		snprintf(
			e->fix, sizeof(e->fix),
			"Start the guest with a policy that this host can honour (ferry cpu baseline "
			"over both hosts), or keep it where it is.");
		break;
	case CPU_CAUSE_UNKNOWN:
		snprintf(e->why, sizeof(e->why),
			 "The description of this host does not contain %s; the worst is assumed.",
			 f->reg == CPU_FINDING_MSR ? "this MSR" : "this leaf");
		snprintf(
			e->fix, sizeof(e->fix),
			"Make a complete description on the host itself, as root: ferry cpu dump.");
		break;
	case CPU_CAUSE_POLICY:
		snprintf(e->why, sizeof(e->why), "%s",
			 f->detail == CPU_DETAIL_NOT_VIRTUALISED ?
				 "Not virtualised by this version of Ferry." :
			 f->detail == CPU_DETAIL_FORBIDDEN ? "The policy forbids it." :
							     "The policy demands it.");
		snprintf(e->fix, sizeof(e->fix), "Remove it from the policy: --minus %s. %s",
			 e->subject, hide);
		break;
	default:
		/* What can be switched on again was switched off, which is another cause. */
		snprintf(e->why, sizeof(e->why), "This CPU model does not have it%s%s.",
			 switched && !enable ? ": " : "", switched && !enable ? switched : "");
		snprintf(
			e->fix, sizeof(e->fix),
			"Start the guest without it: --minus %s, or with the baseline of both hosts. "
			"A running guest keeps what it was shown until it restarts.%s%s%s",
			e->subject, *hide ? " " : "", hide,
			feat && !*hide ? hide_text(feat->hidden) : "");
		break;
	}
	if (harmless)
		snprintf(e->harm, sizeof(e->harm), "None is expected.");
	else if (feat)
		snprintf(e->harm, sizeof(e->harm), "%s", hidden_text(feat->hidden));
}

static void explain_xsave(const struct cpu_finding *f, struct cpu_explanation *e)
{
	const char *name = cpu_xstate_name(f->subleaf);

	snprintf(e->subject, sizeof(e->subject), "xsave layout");
	snprintf(
		e->what, sizeof(e->what),
		"XSAVE component %u (%s): the guest has %u bytes at offset 0x%x, this host %u at 0x%x",
		f->subleaf, name, (u32)f->guest, (u32)(f->guest >> 32), (u32)f->host,
		(u32)(f->host >> 32));
	if (f->cause == CPU_CAUSE_LAYOUT)
		snprintf(e->why, sizeof(e->why),
			 "Saved registers lie in the guest's memory where its first host put them; "
			 "no mask can move them.");
	else if (f->cause == CPU_CAUSE_UNKNOWN)
		snprintf(e->why, sizeof(e->why),
			 "The description of this host lacks leaf 0xd "
			 "sub-leaf %u.",
			 f->subleaf);
	else
		snprintf(e->why, sizeof(e->why), "This host cannot save this state.");
	snprintf(e->fix, sizeof(e->fix),
		 "Start the guest without the instructions that use it, with the baseline of both "
		 "hosts: it keeps only what lies in the same place.");
	snprintf(e->harm, sizeof(e->harm), "The guest's registers would be corrupted.");
}

static void explain_vuln(const struct cpu_finding *f, struct cpu_explanation *e)
{
	const struct cpu_vulnerability *v;
	struct cpu_signature sig = cpu_signature_of((u32)f->host);

	if (f->guest >= CPU_NR_VULNS) {
		snprintf(e->subject, sizeof(e->subject), "vulnerability");
		return;
	}
	v = &cpu_vulnerabilities[f->guest];
	snprintf(e->subject, sizeof(e->subject), "%s", v->name);
	if (f->detail == CPU_DETAIL_MICROCODE) {
		snprintf(
			e->what, sizeof(e->what),
			"%s: the guest protects itself (%s), this host (family %u model %u) lacks the "
			"microcode that this needs",
			v->name, v->does ? v->does : "", sig.family, sig.model);
		snprintf(e->why, sizeof(e->why),
			 "The host is affected and does not offer what the mitigation uses.");
		snprintf(e->fix, sizeof(e->fix), "Update the host's microcode or firmware.");
	} else {
		snprintf(
			e->what, sizeof(e->what),
			"%s: this host (family %u model %u) is affected, the guest believes that its "
			"CPU is not",
			v->name, sig.family, sig.model);
		snprintf(
			e->why, sizeof(e->why),
			"By the identity it was shown at boot the guest left a mitigation off; one "
			"that knows %s.",
			v->does ? v->does : "leaves it to the host");
		snprintf(e->fix, sizeof(e->fix),
			 "Start the guest with the baseline of both hosts, whose identity has the "
			 "mitigation on, or keep it off this host.");
	}
	snprintf(e->harm, sizeof(e->harm),
		 "Programs in the guest could read each other's or its kernel's memory.");
}

/* What becomes of 32-bit system calls between two vendors; module/foreign.c does it. */
static void explain_syscall(const struct cpu_finding *f, struct cpu_explanation *e)
{
	static const char *const modes[] = { "emulate", "ignore", "refuse", "hide" };
	u32 mode = f->subleaf & 3;

	snprintf(e->subject, sizeof(e->subject), "syscall");
	snprintf(e->what, sizeof(e->what),
		 "the guest sees a CPU of %s, this host has one of %s, and its policy says syscall=%s",
		 cpu_vendor_name(f->guest), cpu_vendor_name(f->host), modes[mode]);
	if (mode == CPU_SYSCALL_REFUSE) {
		snprintf(e->why, sizeof(e->why),
			 "32-bit programs' SYSCALL and SYSENTER behave differently.");
		snprintf(e->fix, sizeof(e->fix),
			 "Set syscall to emulate in the policy, or to ignore if the guest runs no "
			 "32-bit programs.");
		return;
	}
	if (f->guest == CPU_VENDOR_INTEL)
		snprintf(e->why, sizeof(e->why),
			 "32-bit SYSENTER is %s. 32-bit SYSCALL, which Intel CPUs refuse, is served as "
			 "64-bit SYSCALL unless the kernel has set CSTAR; it cannot reach address 0.",
			 mode == CPU_SYSCALL_EMULATE ? "emulated" : "an invalid opcode here");
	else
		snprintf(e->why, sizeof(e->why),
			 "32-bit SYSCALL is %s. SYSENTER is an invalid opcode, as on the guest's CPU.",
			 mode == CPU_SYSCALL_EMULATE ? "emulated" : "an invalid opcode here");
	if (mode == CPU_SYSCALL_EMULATE) {
		snprintf(e->fix, sizeof(e->fix), "Nothing to do.");
		return;
	}
	snprintf(e->fix, sizeof(e->fix),
		 "Nothing to do if the guest runs no 32-bit programs; else set syscall to emulate.");
	snprintf(e->harm, sizeof(e->harm), "32-bit programs would end with SIGILL.");
}

/* Two rates; nothing but kvmclock follows from one to the other where the CPU does not scale. */
static void explain_tsc(const struct cpu_finding *f, struct cpu_explanation *e)
{
	bool raw = f->detail == CPU_DETAIL_RAW_TSC;
	const char *whose = raw ? "the guest keeps time by a TSC of" : "the policy promises a TSC of";
	u64 apart = f->guest > f->host ? f->guest - f->host : f->host - f->guest;

	snprintf(e->subject, sizeof(e->subject), raw ? "raw-tsc" : "TSC rate");
	if (f->host)
		snprintf(e->what, sizeof(e->what), "%s %llu kHz, this host's runs at %llu kHz", whose,
			 (unsigned long long)f->guest, (unsigned long long)f->host);
	else
		snprintf(e->what, sizeof(e->what), "%s %llu kHz, the rate of this host's is not told",
			 whose, (unsigned long long)f->guest);
	snprintf(e->why, sizeof(e->why), "%s%s", raw ? "No vCPU ever enabled kvmclock. " : "",
		 f->cause == CPU_CAUSE_UNKNOWN ?
			 "Whether this host's CPUs scale TSCs, or run at that rate, its description "
			 "does not tell." :
			 "This host's CPUs do not scale TSCs, and are more than 250 ppm away from that "
			 "rate.");
	snprintf(e->fix, sizeof(e->fix), "Choose a host whose CPUs scale TSCs or run at that rate. %s",
		 raw ? "Or have the guest use kvmclock, which follows the host (Linux: "
		       "clocksource=kvm-clock). For its next start a policy can promise the rate "
		       "(--tsc-khz), or ignore this (--raw-tsc ignore)." :
		       "Or start the guest without a promised rate (no --tsc-khz): it then uses "
		       "kvmclock, which follows the host.");
	if (f->host && f->guest && f->guest <= ~0u && f->host <= ~0u)
		snprintf(e->harm, sizeof(e->harm), "The guest's clocks would run %s by %llu.%llu %%.",
			 f->host > f->guest ? "fast" : "slow",
			 (unsigned long long)div_u64(apart * 100, f->guest),
			 (unsigned long long)div_u64(apart * 1000, f->guest) % 10);
	else
		snprintf(e->harm, sizeof(e->harm), "The guest's clocks would run fast or slow.");
}

static void explain_excluded(const struct cpu_finding *f, const struct cpu_policy *guest,
			     struct cpu_explanation *e)
{
	struct cpu_signature s = cpu_signature_of((u32)f->host);
	struct cpu_exclusion x;
	char microcode[24] = "";

	snprintf(e->subject, sizeof(e->subject), "excluded CPU");
	if (f->host >> 32)
		snprintf(microcode, sizeof(microcode), ", microcode 0x%x", (u32)(f->host >> 32));
	snprintf(e->what, sizeof(e->what),
		 "the policy excludes this host's CPU: %s family %u model %u stepping %u%s",
		 cpu_vendor_name((u8)f->guest), s.family, s.model, s.stepping, microcode);
	if (f->cause == CPU_CAUSE_UNKNOWN)
		snprintf(e->what, sizeof(e->what),
			 "the policy excludes CPUs like this host's by their microcode, whose revision is "
			 "not told: %s family %u model %u stepping %u", cpu_vendor_name((u8)f->guest),
			 s.family, s.model, s.stepping);
	if (guest && cpu_exclusion_get(guest->leaf, guest->nr_leaves, f->subleaf, &x))
		snprintf(e->why, sizeof(e->why), "The policy's reason: %s.", x.reason);
	else
		snprintf(e->why, sizeof(e->why), "The reason is in the policy.");
	snprintf(e->fix, sizeof(e->fix), "%sChoose another host, or take the exclusion out of the policy for "
		 "the guest's next start.",
		 f->cause == CPU_CAUSE_UNKNOWN ? "Describe the host again, on itself: ferry cpu dump. " : "");
}

/**
 * cpu_explain() - a finding in words
 * @f: the finding; its numbers may come from another host and need not be sane
 * @guest: the policy it is about, which has the reasons of exclusions; may be NULL
 * @e: filled; parts without something to say are empty
 */
void cpu_explain(const struct cpu_finding *f, const struct cpu_policy *guest, struct cpu_explanation *e)
{
	char at[CPU_NAME_MAX];

	memset(e, 0, sizeof(*e));
	where(f, at, sizeof(at));
	switch (f->detail) {
	case CPU_DETAIL_FEATURE:
	case CPU_DETAIL_NOT_VIRTUALISED:
	case CPU_DETAIL_FORBIDDEN:
		explain_feature(f, e);
		break;
	case CPU_DETAIL_UNUSED:
		explain_feature(f, e);
		snprintf(e->harm, sizeof(e->harm),
			 "None unless it begins to: the guest has never enabled it. If it tries on this "
			 "host, the attempt will fault.");
		break;
	case CPU_DETAIL_INVERTED:
		explain_feature(f, e);
		snprintf(e->why, sizeof(e->why),
			 "The host has it and the guest was told otherwise.");
		snprintf(e->fix, sizeof(e->fix), "Nothing to do for software of this century.");
		snprintf(e->harm, sizeof(e->harm), "Values that no current software reads differ.");
		break;
	case CPU_DETAIL_VENDOR:
		snprintf(e->subject, sizeof(e->subject), "vendor");
		snprintf(e->what, sizeof(e->what),
			 "the guest sees a CPU of %s, this host has one of %s",
			 cpu_vendor_name(f->guest), cpu_vendor_name(f->host));
		snprintf(e->why, sizeof(e->why),
			 "SYSCALL, SYSENTER, mitigations and MSRs differ between vendors.");
		snprintf(
			e->fix, sizeof(e->fix),
			"Start the guest with a policy made for both: ferry cpu baseline over hosts of "
			"both vendors.");
		snprintf(e->harm, sizeof(e->harm),
			 "32-bit system calls and mitigations would fail.");
		break;
	case CPU_DETAIL_SYSCALL:
		explain_syscall(f, e);
		break;
	case CPU_DETAIL_PHYS_BITS:
	case CPU_DETAIL_LIN_BITS:
		snprintf(e->subject, sizeof(e->subject), "%s address width",
			 f->detail == CPU_DETAIL_PHYS_BITS ? "physical" : "linear");
		snprintf(e->what, sizeof(e->what),
			 "the guest uses %u-bit %s addresses, this host has %u", (u32)f->guest,
			 f->detail == CPU_DETAIL_PHYS_BITS ? "physical" : "linear", (u32)f->host);
		if (f->severity == CPU_NOTE) {
			snprintf(e->why, sizeof(e->why),
				 "A wider host gives no reserved-bit page fault "
				 "where a narrower CPU would.");
			snprintf(e->fix, sizeof(e->fix), "Nothing to do.");
			break;
		}
		if (f->cause == CPU_CAUSE_UNKNOWN) {
			snprintf(e->why, sizeof(e->why),
				 "The description of this host does not tell its width; the worst "
				 "is assumed.");
			snprintf(e->fix, sizeof(e->fix),
				 "Make a complete description on the host itself: ferry cpu dump.");
			break;
		}
		snprintf(e->why, sizeof(e->why), "Addresses the guest may use do not exist here.");
		snprintf(
			e->fix, sizeof(e->fix),
			"Start the guest with the baseline of both hosts, which is as narrow as the "
			"narrowest.");
		snprintf(e->harm, sizeof(e->harm),
			 "The guest would panic on a reserved page-table bit.");
		break;
	case CPU_DETAIL_TSC:
	case CPU_DETAIL_RAW_TSC:
		explain_tsc(f, e);
		break;
	case CPU_DETAIL_EXCLUDED:
		explain_excluded(f, guest, e);
		break;
	case CPU_DETAIL_XSAVE:
		explain_xsave(f, e);
		break;
	case CPU_DETAIL_CLFLUSH:
		snprintf(e->subject, sizeof(e->subject), "cache line size");
		snprintf(e->what, sizeof(e->what),
			 "the guest flushes lines of %u bytes, this host has %u", (u32)f->guest,
			 (u32)f->host);
		snprintf(e->why, sizeof(e->why), "CLFLUSH works on whole lines.");
		snprintf(e->fix, sizeof(e->fix), "Start the guest with --minus clflush.");
		snprintf(e->harm, sizeof(e->harm),
			 "Data shared with devices could stay in caches.");
		break;
	case CPU_DETAIL_LEAF:
		snprintf(e->subject, sizeof(e->subject), "leaf 0x%x", f->leaf);
		snprintf(e->what, sizeof(e->what),
			 "%s: the guest sees 0x%llx, this host has 0x%llx", at,
			 (unsigned long long)f->guest, (unsigned long long)f->host);
		snprintf(e->why, sizeof(e->why), "The feature works differently on this CPU.");
		snprintf(e->fix, sizeof(e->fix),
			 "Start the guest with the baseline of both hosts, which "
			 "hides the feature.");
		break;
	case CPU_DETAIL_COUNT:
		snprintf(e->subject, sizeof(e->subject), "leaf 0x%x", f->leaf);
		snprintf(e->what, sizeof(e->what),
			 "%s: the guest was promised %llu, this host has %llu", at,
			 (unsigned long long)f->guest, (unsigned long long)f->host);
		snprintf(e->why, sizeof(e->why), "This CPU model has fewer.");
		snprintf(e->fix, sizeof(e->fix),
			 "Start the guest with the baseline of both hosts.");
		break;
	case CPU_DETAIL_VULNERABILITY:
	case CPU_DETAIL_MICROCODE:
		explain_vuln(f, e);
		break;
	default:
		snprintf(e->subject, sizeof(e->subject), "%s", at);
		snprintf(e->what, sizeof(e->what), "%s: guest 0x%llx, host 0x%llx", at,
			 (unsigned long long)f->guest, (unsigned long long)f->host);
		snprintf(e->why, sizeof(e->why), "%s.",
			 f->cause < CPU_NR_CAUSES ? cpu_cause_texts[f->cause] : "Unknown cause");
		break;
	}
}
