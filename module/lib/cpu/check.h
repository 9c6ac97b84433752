/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Can this host take this guest? All reasons at once, in a bounded list.
 *
 * Owns: findings, what makes one, and its cause. Locks: none.
 */
#ifndef FERRY_LIB_CPU_CHECK_H
#define FERRY_LIB_CPU_CHECK_H

#include "view.h"

/* Findings a list holds; the rest are counted. */
#define CPU_MAX_FINDINGS 128

/* The answer of cpu_check(). */
enum cpu_verdict {
	CPU_CHECK_OK,
	CPU_CHECK_WARN,
	CPU_CHECK_REFUSE,
};

enum cpu_severity {
	CPU_NOTE, /* for completeness; only with CPU_CHECK_NOTES */
	CPU_WARNING,
	CPU_REFUSE,
};

/* Why something does not fit, and what an administrator can do about it. */
#define CPU_CAUSES(X)                                                                           \
	X(SILICON, "silicon", "this CPU model does not have it",                                \
	  "Only a new start of the guest helps: with the baseline of both hosts.")              \
	X(FIRMWARE, "firmware", "the CPU can do it, firmware has it switched off",              \
	  "Switch it on in this host's firmware setup and reboot the host; the guest can stay " \
	  "as it is.")                                                                          \
	X(MICROCODE, "microcode", "a microcode update brings it or has taken it away",          \
	  "Update this host's microcode (Debian: intel-microcode, amd64-microcode) or "         \
	  "firmware and reboot the host; the guest can stay as it is. Against what an update "  \
	  "took away (TSX) only a new start of the guest helps.")                               \
	X(KERNEL, "kernel", "the host's kernel has it switched off",                            \
	  "Change this host's kernel command line and reboot the host; the guest can stay as "  \
	  "it is.")                                                                             \
	X(POLICY, "policy", "the policy or this version of Ferry does not allow it",            \
	  "Change the policy, for the guest's next start.")                                     \
	X(LAYOUT, "layout", "state lies elsewhere in memory on this CPU",                       \
	  "Only a new start of the guest helps: with the baseline of both hosts, which leaves " \
	  "out what lies elsewhere.")                                                           \
	X(WIDTH, "width", "addresses are too narrow",                                           \
	  "Only a new start of the guest helps: with the baseline of both hosts, which is as "  \
	  "narrow as the narrowest.")                                                           \
	X(VENDOR, "vendor", "another vendor's CPU behaves differently",                         \
	  "Only a new start of the guest helps: with a policy made over hosts of both vendors.") \
	X(VULNERABILITY, "vulnerability", "the guest believes that it need not protect itself", \
	  "Keep the guest off this host, or start it anew with the baseline of both hosts.")    \
	X(UNKNOWN, "unknown", "the host's description does not tell",                           \
	  "Describe the host again, on itself and as root (ferry cpu dump), and ask again.")    \
	X(EXCLUDED, "excluded", "the guest's pool excludes this CPU",                           \
	  "Choose another host. What is excluded, and why, is in the policy; it can be changed " \
	  "for the guest's next start.")

enum cpu_cause {
#define X(id, name, text, remedy) CPU_CAUSE_##id,
	CPU_CAUSES(X)
#undef X
		CPU_NR_CAUSES,
};

extern const char *const cpu_cause_names[CPU_NR_CAUSES];
extern const char *const cpu_cause_texts[CPU_NR_CAUSES];
extern const char *const cpu_cause_remedies[CPU_NR_CAUSES];

/* cpu_finding.reg beyond enum cpu_reg: @leaf is the number of an MSR. */
#define CPU_FINDING_MSR 4
/* cpu_finding.bit: a whole register or field */
#define CPU_FINDING_FIELD 0xff

/* cpu_finding.detail: what kind of thing differs. */
enum cpu_detail {
	CPU_DETAIL_FEATURE, /* a feature bit is missing */
	CPU_DETAIL_NOT_VIRTUALISED, /* Ferry does not let guests have this feature */
	CPU_DETAIL_VENDOR, /* guest and host: enum cpu_vendor */
	CPU_DETAIL_SYSCALL, /* SYSCALL and SYSENTER differ; subleaf: enum cpu_syscall_mode */
	CPU_DETAIL_PHYS_BITS, /* guest and host: bits */
	CPU_DETAIL_LIN_BITS, /* guest and host: bits */
	CPU_DETAIL_XSAVE, /* component subleaf: guest and host: offset << 32 | size */
	CPU_DETAIL_CLFLUSH, /* guest and host: line size in bytes */
	CPU_DETAIL_LEAF, /* a leaf that must be equal is not: guest and host: register */
	CPU_DETAIL_COUNT, /* host has fewer: counters, ASIDs */
	CPU_DETAIL_VULNERABILITY, /* guest: enum cpu_vuln */
	CPU_DETAIL_MICROCODE, /* guest: enum cpu_vuln whose mitigation lacks microcode */
	CPU_DETAIL_INVERTED, /* the host has it and the guest was told that it is not so */
	CPU_DETAIL_FORBIDDEN, /* the host has what the policy forbids */
	CPU_DETAIL_TSC, /* guest: kHz the policy fixes; host: kHz, 0 unknown */
	CPU_DETAIL_UNUSED, /* a feature bit is missing that the guest never enabled */
	CPU_DETAIL_RAW_TSC, /* guest: kHz of the TSC it keeps time by; host: kHz, 0 unknown */
	CPU_DETAIL_EXCLUDED, /* subleaf: of the exclusion; guest: its EBX << 32 | EAX; host: microcode << 32 | leaf 1 EAX */
	CPU_NR_DETAILS,
};

/**
 * struct cpu_finding - one reason
 * @leaf: leaf, or number of an MSR
 * @subleaf: sub-leaf
 * @reg: enum cpu_reg or CPU_FINDING_MSR
 * @bit: bit of the register (of an MSR: 0 to 63) or CPU_FINDING_FIELD
 * @severity: enum cpu_severity
 * @cause: enum cpu_cause
 * @detail: enum cpu_detail
 * @guest: what the policy promises; of a feature its whole register
 * @host: what the host has, likewise
 */
struct cpu_finding {
	u32 leaf;
	u32 subleaf;
	u8 reg;
	u8 bit;
	u8 severity;
	u8 cause;
	u32 detail;
	u64 guest;
	u64 host;
};

/**
 * struct cpu_findings - a bounded list of them
 * @nr: entries in @finding
 * @total: how many there were; more than @nr when the list was full
 * @warnings: of these warnings
 * @refusals: and refusals
 */
struct cpu_findings {
	u32 nr;
	u32 total;
	u32 warnings;
	u32 refusals;
	struct cpu_finding finding[CPU_MAX_FINDINGS];
};

/* Notes are wanted, too. */
#define CPU_CHECK_NOTES BIT(0)
/* The guest nests, whatever its policy says. */
#define CPU_CHECK_NESTED BIT(1)
/* The policy goes to the module as it is: Ferry must virtualise all of it. */
#define CPU_CHECK_EFFECTIVE BIT(2)

/**
 * struct cpu_gates - what a guest has ever enabled
 * @cr4: bits that were set in any vCPU's CR4
 * @efer: likewise
 * @xcr0: likewise
 *
 * A feature that only works after its bit was set, and whose bit never was, has
 * not been used: its absence is a warning.
 */
struct cpu_gates {
	u64 cr4;
	u64 efer;
	u64 xcr0;
};

/**
 * struct cpu_clocks - what CPUID does not tell of clocks
 * @host_khz: the rate of the host's TSC; 0: what its CPUID says
 * @raw_khz: the rate of the TSC that the guest keeps time by; 0: it has kvmclock, or it is not known
 */
struct cpu_clocks {
	u32 host_khz;
	u32 raw_khz;
};

/**
 * struct cpu_check_options - how to judge
 * @flags: CPU_CHECK_*
 * @clocks: rates
 * @gates: what the guest has enabled, or NULL when not known
 * @warn: features whose absence is a warning, or NULL
 */
struct cpu_check_options {
	u32 flags;
	struct cpu_clocks clocks;
	const struct cpu_gates *gates;
	const struct cpu_set *warn;
};

/* What cpu_policy_check() needs; too large for a kernel stack. */
struct cpu_check_work {
	struct cpu_view guest;
	struct cpu_view host;
	struct cpu_findings list;
};

void cpu_findings_init(struct cpu_findings *list);
void cpu_findings_add(struct cpu_findings *list, const struct cpu_finding *f);
void cpu_findings_merge(struct cpu_findings *list, const struct cpu_findings *more);
enum cpu_verdict cpu_findings_verdict(const struct cpu_findings *list);
unsigned int cpu_finding_feature(const struct cpu_finding *f);

enum cpu_verdict cpu_check(const struct cpu_view *guest, const struct cpu_view *host,
			   const struct cpu_check_options *opt, struct cpu_findings *list);
enum cpu_verdict cpu_policy_check(const struct cpu_policy *guest, const struct cpu_policy *host,
				  struct cpu_clocks clocks, struct cpu_check_work *work);
enum cpu_cause cpu_cause_of_missing(unsigned int nr, const struct cpu_view *host);
bool cpu_gate_of(unsigned int nr, struct cpu_gates *gate);

#endif /* FERRY_LIB_CPU_CHECK_H */
