/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A CPU policy: everything a VM sees of its CPU, as data.
 *
 * The same structure holds what a host reports (raw CPUID and feature MSRs) and
 * what a guest is shown, so that one set of functions compares, intersects and
 * checks them. It has a fixed size, contains no pointers and needs no
 * allocation; its entries have the shape in which the ioctl and the wire carry
 * them.
 *
 * Owns: the leaf and MSR tables, the order in them, the vendor, the widths.
 * Locks: none; a policy belongs to its caller.
 */
#ifndef FERRY_LIB_CPU_POLICY_H
#define FERRY_LIB_CPU_POLICY_H

#include "../env.h"

/* Bounds of one policy; the largest real CPU seen has 92 leaves. */
#define CPU_POLICY_MAX_LEAVES 256
#define CPU_POLICY_MAX_MSRS   64

/* Bounds of what a policy may claim (SDM vol. 1, 3.3.1; APM vol. 2, 5.3). */
#define CPU_PHYS_BITS_MIN 32
#define CPU_PHYS_BITS_MAX 52

enum cpu_reg {
	CPU_EAX,
	CPU_EBX,
	CPU_ECX,
	CPU_EDX,
	CPU_NR_REGS,
};

/* The sub-leaf (ECX) selects among several answers of this leaf. */
#define CPU_LEAF_SUBLEAF_SIGNIFICANT BIT(0)

/**
 * struct cpu_leaf - one answer of CPUID
 * @leaf: value of EAX that asks for it
 * @subleaf: value of ECX that asks for it; 0 where the sub-leaf does not matter
 * @flags: CPU_LEAF_SUBLEAF_SIGNIFICANT
 * @reg: the four registers, indexed by enum cpu_reg
 * @reserved: zero
 */
struct cpu_leaf {
	u32 leaf;
	u32 subleaf;
	u32 flags;
	u32 reg[CPU_NR_REGS];
	u32 reserved;
};

/**
 * struct cpu_msr - the value of one MSR that enumerates features
 * @index: MSR number
 * @flags: zero
 * @value: what RDMSR returns
 */
struct cpu_msr {
	u32 index;
	u32 flags;
	u64 value;
};

/*
 * What a policy promises beyond CPUID lies in a leaf of its own, which no guest
 * is ever answered from: so it travels wherever the leaves do.
 *
 *	EAX	CPU_POLICY_* flags
 *	EBX	rate of the guest's TSC in kHz where the policy fixes it, else 0
 *	ECX	vulnerabilities (bits by enum cpu_vuln) whose mitigation the guest
 *		leaves off on some host, and whose owner knows it
 *	EDX	of a host its microcode revision, 0 not known; of a guest's policy zero
 */
#define CPU_LEAF_SETTINGS 0x4fffff00u
/* CPUs on which no guest with the policy may run: exclude.h. No guest is answered from it either. */
#define CPU_LEAF_EXCLUDED 0x4fffff01u

/* The guest may run on hosts of another vendor than the one it sees. */
#define CPU_POLICY_CROSS_VENDOR BIT(0)
/* The guest nests: what VMX and SVM can do counts in comparisons. */
#define CPU_POLICY_NESTED BIT(1)
/* What becomes of SYSCALL and SYSENTER on a host of another vendor. */
#define CPU_POLICY_SYSCALL_SHIFT 2
#define CPU_POLICY_SYSCALL_MASK	 (3u << CPU_POLICY_SYSCALL_SHIFT)
/*
 * A guest must be told that returns may use other predictors (RSBA), or so under enhanced IBRS
 * (RRSBA), because some host of its pool does that.
 */
#define CPU_POLICY_RSBA	 BIT(4)
#define CPU_POLICY_RRSBA BIT(5)
/* What Ferry virtualises and emulates has been applied: shown to a guest as it is. */
#define CPU_POLICY_EFFECTIVE BIT(6)
/* What becomes of a guest that keeps time by its TSC, and was promised no rate, on another one. */
#define CPU_POLICY_RAW_TSC_SHIFT 7
#define CPU_POLICY_RAW_TSC_MASK	 (3u << CPU_POLICY_RAW_TSC_SHIFT)
#define CPU_POLICY_FLAGS \
	(u32)(CPU_POLICY_CROSS_VENDOR | CPU_POLICY_NESTED | CPU_POLICY_SYSCALL_MASK | \
	      CPU_POLICY_RSBA | CPU_POLICY_RRSBA | CPU_POLICY_EFFECTIVE | CPU_POLICY_RAW_TSC_MASK)

enum cpu_syscall_mode {
	CPU_SYSCALL_EMULATE, /* Ferry executes what the host's CPU refuses */
	CPU_SYSCALL_IGNORE, /* there are no 32-bit programs in this guest */
	CPU_SYSCALL_REFUSE, /* do not move to another vendor */
	CPU_SYSCALL_HIDE, /* both are hidden: 32-bit programs use INT 0x80 */
};

enum cpu_raw_tsc_mode {
	CPU_RAW_TSC_WARN, /* it moves if its owner says so by name */
	CPU_RAW_TSC_IGNORE,
	CPU_RAW_TSC_REFUSE,
	CPU_NR_RAW_TSC_MODES,
};

/**
 * struct cpu_policy - a CPU as a host has it or a guest sees it
 * @nr_leaves: entries used in @leaf
 * @nr_msrs: entries used in @msr
 * @leaf: sorted by leaf, then sub-leaf; each pair at most once
 * @msr: sorted by index; each at most once
 *
 * A leaf that is absent reads as zero to a guest; of a host, an absent leaf is
 * not known.
 */
struct cpu_policy {
	u32 nr_leaves;
	u32 nr_msrs;
	struct cpu_leaf leaf[CPU_POLICY_MAX_LEAVES];
	struct cpu_msr msr[CPU_POLICY_MAX_MSRS];
};

struct cpu_regs {
	u32 reg[CPU_NR_REGS];
};

enum cpu_vendor {
	CPU_VENDOR_UNKNOWN,
	CPU_VENDOR_INTEL,
	CPU_VENDOR_AMD,
	CPU_VENDOR_HYGON,
	CPU_VENDOR_CENTAUR,
	CPU_VENDOR_ZHAOXIN,
};

/* Family, model and stepping with the extended fields folded in (SDM CPUID, leaf 1). */
struct cpu_signature {
	u32 family;
	u32 model;
	u32 stepping;
};

/* The ranges of leaf numbers; each starts with a leaf that tells the highest one. */
#define CPU_LEAF_BASIC	    0x00000000u
#define CPU_LEAF_HYPERVISOR 0x40000000u
#define CPU_LEAF_EXTENDED   0x80000000u
#define CPU_LEAF_CENTAUR    0xc0000000u

#define MSR_CPU_ARCH_CAPABILITIES 0x10au
#define MSR_CPU_CORE_CAPABILITIES 0x0cfu
#define MSR_CPU_PLATFORM_INFO	  0x0ceu

void cpu_policy_init(struct cpu_policy *p);
const struct cpu_leaf *cpu_policy_find(const struct cpu_policy *p, u32 leaf, u32 subleaf);
struct cpu_leaf *cpu_policy_find_mut(struct cpu_policy *p, u32 leaf, u32 subleaf);
u32 cpu_policy_reg(const struct cpu_policy *p, u32 leaf, u32 subleaf, enum cpu_reg reg);
int cpu_policy_add(struct cpu_policy *p, const struct cpu_leaf *l);
int cpu_policy_set(struct cpu_policy *p, u32 leaf, u32 subleaf, const u32 reg[CPU_NR_REGS]);
void cpu_policy_del(struct cpu_policy *p, u32 leaf, u32 subleaf);
void cpu_policy_del_leaf(struct cpu_policy *p, u32 leaf);

const struct cpu_msr *cpu_policy_find_msr(const struct cpu_policy *p, u32 index);
int cpu_policy_add_msr(struct cpu_policy *p, u32 index, u64 value);
int cpu_policy_set_msr(struct cpu_policy *p, u32 index, u64 value);

int cpu_policy_validate(const struct cpu_policy *p, u32 *where);
bool cpu_policy_equal(const struct cpu_policy *a, const struct cpu_policy *b);

bool cpu_leaf_has_subleaves(u32 leaf);
u32 cpu_policy_max_leaf(const struct cpu_policy *p, u32 range);
enum cpu_vendor cpu_policy_vendor(const struct cpu_policy *p);
enum cpu_vendor cpu_vendor_of(u32 ebx, u32 edx, u32 ecx);
bool cpu_vendor_is_amd_like(enum cpu_vendor vendor);
void cpu_policy_vendor_string(const struct cpu_policy *p, char out[13]);
void cpu_policy_brand_string(const struct cpu_policy *p, char out[49]);
struct cpu_signature cpu_policy_signature(const struct cpu_policy *p);
struct cpu_signature cpu_signature_of(u32 eax);
/**
 * struct cpu_settings - CPU_LEAF_SETTINGS taken apart
 * @flags: CPU_POLICY_* without the two modes
 * @syscall: enum cpu_syscall_mode
 * @raw_tsc: enum cpu_raw_tsc_mode
 * @tsc_khz: fixed rate, or 0
 * @accepted: accepted vulnerabilities
 * @microcode: revision of a host's
 */
struct cpu_settings {
	u32 flags;
	u32 syscall;
	u32 raw_tsc;
	u32 tsc_khz;
	u32 accepted;
	u32 microcode;
};

struct cpu_settings cpu_policy_settings(const struct cpu_policy *p);
int cpu_policy_set_settings(struct cpu_policy *p, const struct cpu_settings *s);

bool cpu_policy_hides_widths(const struct cpu_policy *p);
unsigned int cpu_policy_phys_bits(const struct cpu_policy *p);
unsigned int cpu_policy_lin_bits(const struct cpu_policy *p);

#endif /* FERRY_LIB_CPU_POLICY_H */
