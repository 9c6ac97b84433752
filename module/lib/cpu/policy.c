// SPDX-License-Identifier: GPL-2.0-only
/*
 * The two sorted tables of a policy and what is read straight out of them:
 * vendor, signature, widths.
 *
 * Owns: the order and bounds of both tables. Locks: none.
 */
#include "exclude.h"
#include "policy.h"

void cpu_policy_init(struct cpu_policy *p)
{
	memset(p, 0, sizeof(*p));
}

static int leaf_cmp(const struct cpu_leaf *l, u32 leaf, u32 subleaf)
{
	if (l->leaf != leaf)
		return l->leaf < leaf ? -1 : 1;
	if (l->subleaf != subleaf)
		return l->subleaf < subleaf ? -1 : 1;
	return 0;
}

/* The first position whose entry is not below (leaf, subleaf). */
static u32 leaf_pos(const struct cpu_policy *p, u32 leaf, u32 subleaf)
{
	u32 lo = 0, hi = p->nr_leaves;

	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;

		if (leaf_cmp(&p->leaf[mid], leaf, subleaf) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/**
 * cpu_policy_find() - look up one entry
 * @p: the policy
 * @leaf: CPUID leaf
 * @subleaf: sub-leaf; ignored where the leaf has none
 *
 * This is the table as it stands, not what CPUID answers: see cpu_answer() for
 * leaves out of range.
 *
 * Return: the entry, or NULL.
 */
const struct cpu_leaf *cpu_policy_find(const struct cpu_policy *p, u32 leaf, u32 subleaf)
{
	u32 pos;

	if (!cpu_leaf_has_subleaves(leaf))
		subleaf = 0;
	pos = leaf_pos(p, leaf, subleaf);
	if (pos < p->nr_leaves && !leaf_cmp(&p->leaf[pos], leaf, subleaf))
		return &p->leaf[pos];
	return NULL;
}

struct cpu_leaf *cpu_policy_find_mut(struct cpu_policy *p, u32 leaf, u32 subleaf)
{
	const struct cpu_leaf *l = cpu_policy_find(p, leaf, subleaf);

	return l ? &p->leaf[l - p->leaf] : NULL;
}

/* One register of one entry; 0 when the entry is absent. */
u32 cpu_policy_reg(const struct cpu_policy *p, u32 leaf, u32 subleaf, enum cpu_reg reg)
{
	const struct cpu_leaf *l = cpu_policy_find(p, leaf, subleaf);

	return l ? l->reg[reg] : 0;
}

/**
 * cpu_policy_add() - add an entry that must not be there yet
 * @p: the policy
 * @l: the entry; @l->flags may leave out CPU_LEAF_SUBLEAF_SIGNIFICANT, which
 *     follows from the leaf
 *
 * Return: 0, -EEXIST for a second answer to the same question, -ENOSPC when
 * full, -EINVAL for unknown flags or a sub-leaf of a leaf that has none.
 */
int cpu_policy_add(struct cpu_policy *p, const struct cpu_leaf *l)
{
	bool sub = cpu_leaf_has_subleaves(l->leaf);
	u32 pos;

	if (l->reserved || (l->flags & ~CPU_LEAF_SUBLEAF_SIGNIFICANT))
		return -EINVAL;
	if (!sub && (l->subleaf || l->flags))
		return -EINVAL;
	pos = leaf_pos(p, l->leaf, l->subleaf);
	if (pos < p->nr_leaves && !leaf_cmp(&p->leaf[pos], l->leaf, l->subleaf))
		return -EEXIST;
	if (p->nr_leaves >= CPU_POLICY_MAX_LEAVES)
		return -ENOSPC;
	memmove(&p->leaf[pos + 1], &p->leaf[pos], (p->nr_leaves - pos) * sizeof(*l));
	p->leaf[pos] = *l;
	p->leaf[pos].flags = sub ? CPU_LEAF_SUBLEAF_SIGNIFICANT : 0;
	p->nr_leaves++;
	return 0;
}

/* Add an entry or replace its registers. Return: 0 or the error of cpu_policy_add(). */
int cpu_policy_set(struct cpu_policy *p, u32 leaf, u32 subleaf, const u32 reg[CPU_NR_REGS])
{
	struct cpu_leaf *old = cpu_policy_find_mut(p, leaf, subleaf);
	struct cpu_leaf l = { .leaf = leaf, .subleaf = subleaf };

	if (old) {
		memcpy(old->reg, reg, sizeof(old->reg));
		return 0;
	}
	memcpy(l.reg, reg, sizeof(l.reg));
	return cpu_policy_add(p, &l);
}

static void leaf_remove_at(struct cpu_policy *p, u32 pos, u32 n)
{
	memmove(&p->leaf[pos], &p->leaf[pos + n], (p->nr_leaves - pos - n) * sizeof(p->leaf[0]));
	p->nr_leaves -= n;
	/* Unused entries stay zero: a policy is copied out whole. */
	memset(&p->leaf[p->nr_leaves], 0, n * sizeof(p->leaf[0]));
}

void cpu_policy_del(struct cpu_policy *p, u32 leaf, u32 subleaf)
{
	const struct cpu_leaf *l = cpu_policy_find(p, leaf, subleaf);

	if (l)
		leaf_remove_at(p, l - p->leaf, 1);
}

/* Remove a leaf with all its sub-leaves. */
void cpu_policy_del_leaf(struct cpu_policy *p, u32 leaf)
{
	u32 first = leaf_pos(p, leaf, 0), last = first;

	while (last < p->nr_leaves && p->leaf[last].leaf == leaf)
		last++;
	if (last > first)
		leaf_remove_at(p, first, last - first);
}

static u32 msr_pos(const struct cpu_policy *p, u32 index)
{
	u32 i = 0;

	while (i < p->nr_msrs && p->msr[i].index < index)
		i++;
	return i;
}

const struct cpu_msr *cpu_policy_find_msr(const struct cpu_policy *p, u32 index)
{
	u32 pos = msr_pos(p, index);

	return pos < p->nr_msrs && p->msr[pos].index == index ? &p->msr[pos] : NULL;
}

/* Return: 0, -EEXIST, or -ENOSPC when full. */
int cpu_policy_add_msr(struct cpu_policy *p, u32 index, u64 value)
{
	u32 pos = msr_pos(p, index);

	if (pos < p->nr_msrs && p->msr[pos].index == index)
		return -EEXIST;
	if (p->nr_msrs >= CPU_POLICY_MAX_MSRS)
		return -ENOSPC;
	memmove(&p->msr[pos + 1], &p->msr[pos], (p->nr_msrs - pos) * sizeof(p->msr[0]));
	p->msr[pos] = (struct cpu_msr){ .index = index, .value = value };
	p->nr_msrs++;
	return 0;
}

int cpu_policy_set_msr(struct cpu_policy *p, u32 index, u64 value)
{
	const struct cpu_msr *m = cpu_policy_find_msr(p, index);

	if (!m)
		return cpu_policy_add_msr(p, index, value);
	p->msr[m - p->msr].value = value;
	return 0;
}

/**
 * cpu_policy_validate() - is this a well-formed policy?
 * @p: a policy from an untrusted source (ioctl, stream, file)
 * @where: set to the index of the offending entry: below
 *	CPU_POLICY_MAX_LEAVES a leaf, from there on an MSR
 *
 * Only the form is judged here, which every other function relies on: bounds,
 * order, uniqueness, known flags. Whether a host can honour the content is
 * cpu_check()'s question.
 *
 * Return: 0 or -EINVAL.
 */
int cpu_policy_validate(const struct cpu_policy *p, u32 *where)
{
	u32 i;

	*where = 0;
	if (p->nr_leaves > CPU_POLICY_MAX_LEAVES || p->nr_msrs > CPU_POLICY_MAX_MSRS)
		return -EINVAL;
	for (i = 0; i < p->nr_leaves; i++) {
		const struct cpu_leaf *l = &p->leaf[i];
		bool sub = cpu_leaf_has_subleaves(l->leaf);

		*where = i;
		if (l->reserved)
			return -EINVAL;
		if (l->flags != (sub ? CPU_LEAF_SUBLEAF_SIGNIFICANT : 0))
			return -EINVAL;
		if (!sub && l->subleaf)
			return -EINVAL;
		if (l->leaf == CPU_LEAF_SETTINGS &&
		    ((l->reg[CPU_EAX] & ~CPU_POLICY_FLAGS) ||
		     cpu_policy_settings(p).raw_tsc >= CPU_NR_RAW_TSC_MODES))
			return -EINVAL;
		if (i && leaf_cmp(&p->leaf[i - 1], l->leaf, l->subleaf) >= 0)
			return -EINVAL;
	}
	if (!cpu_exclusion_valid(p, where))
		return -EINVAL;
	for (i = 0; i < p->nr_msrs; i++) {
		*where = CPU_POLICY_MAX_LEAVES + i;
		if (p->msr[i].flags)
			return -EINVAL;
		if (i && p->msr[i - 1].index >= p->msr[i].index)
			return -EINVAL;
	}
	return 0;
}

/* Same leaves and MSRs with the same values. */
bool cpu_policy_equal(const struct cpu_policy *a, const struct cpu_policy *b)
{
	return a->nr_leaves == b->nr_leaves && a->nr_msrs == b->nr_msrs &&
	       !memcmp(a->leaf, b->leaf, a->nr_leaves * sizeof(a->leaf[0])) &&
	       !memcmp(a->msr, b->msr, a->nr_msrs * sizeof(a->msr[0]));
}

/**
 * cpu_leaf_has_subleaves() - does ECX select the answer of this leaf?
 * @leaf: CPUID leaf
 *
 * SDM vol. 2A, CPUID; APM vol. 3, appendix E.4. A property of the leaf number,
 * the same on every CPU that has the leaf.
 */
bool cpu_leaf_has_subleaves(u32 leaf)
{
	switch (leaf) {
	case 0x4: /* deterministic cache parameters */
	case 0x7: /* structured extended features */
	case 0xb: /* extended topology */
	case 0xd: /* XSAVE */
	case 0xf: /* RDT monitoring */
	case 0x10: /* RDT allocation */
	case 0x12: /* SGX */
	case 0x14: /* processor trace */
	case 0x17: /* SoC vendor */
	case 0x18: /* deterministic address translation */
	case 0x1b: /* PCONFIG */
	case 0x1d: /* AMX tiles */
	case 0x1e: /* AMX TMUL */
	case 0x1f: /* extended topology, version 2 */
	case 0x20: /* HRESET */
	case 0x21: /* reserved for TDX */
	case 0x23: /* architectural performance monitoring, extended */
	case 0x24: /* AVX10 */
	case 0x27: /* RDT monitoring, CPU agents */
	case 0x28: /* RDT allocation, CPU agents */
	case 0x29: /* APX */
	case CPU_LEAF_EXCLUDED:
	case 0x8000001d: /* AMD cache topology */
	case 0x80000020: /* AMD platform QoS */
	case 0x80000026: /* AMD extended topology */
		return true;
	}
	return false;
}

/* The highest leaf of a range, or 0 when the range is not there. */
u32 cpu_policy_max_leaf(const struct cpu_policy *p, u32 range)
{
	u32 max = cpu_policy_reg(p, range, 0, CPU_EAX);

	/* CPUs without a range answer with something unrelated. */
	if (range != CPU_LEAF_BASIC && (max & 0xffff0000) != range)
		return 0;
	return max;
}

static const struct {
	enum cpu_vendor vendor;
	char name[13];
} cpu_vendors[] = {
	{ CPU_VENDOR_INTEL, "GenuineIntel" },	{ CPU_VENDOR_INTEL, "GenuineIotel" },
	{ CPU_VENDOR_AMD, "AuthenticAMD" },	{ CPU_VENDOR_HYGON, "HygonGenuine" },
	{ CPU_VENDOR_CENTAUR, "CentaurHauls" }, { CPU_VENDOR_ZHAOXIN, "  Shanghai  " },
};

static void put_le32(char *out, u32 v)
{
	unsigned int i;

	for (i = 0; i < 4; i++)
		out[i] = (char)(v >> (8 * i));
}

/* The vendor from the registers of leaf 0, in the order of the string. */
enum cpu_vendor cpu_vendor_of(u32 ebx, u32 edx, u32 ecx)
{
	char s[12];
	unsigned int i;

	put_le32(s, ebx);
	put_le32(s + 4, edx);
	put_le32(s + 8, ecx);
	for (i = 0; i < ARRAY_SIZE(cpu_vendors); i++)
		if (!memcmp(s, cpu_vendors[i].name, sizeof(s)))
			return cpu_vendors[i].vendor;
	return CPU_VENDOR_UNKNOWN;
}

enum cpu_vendor cpu_policy_vendor(const struct cpu_policy *p)
{
	const struct cpu_leaf *l = cpu_policy_find(p, 0, 0);

	if (!l)
		return CPU_VENDOR_UNKNOWN;
	return cpu_vendor_of(l->reg[CPU_EBX], l->reg[CPU_EDX], l->reg[CPU_ECX]);
}

/* AMD and Hygon share leaves, MSRs and their behaviour outside the leaf ranges. */
bool cpu_vendor_is_amd_like(enum cpu_vendor vendor)
{
	return vendor == CPU_VENDOR_AMD || vendor == CPU_VENDOR_HYGON;
}

void cpu_policy_vendor_string(const struct cpu_policy *p, char out[13])
{
	const struct cpu_leaf *l = cpu_policy_find(p, 0, 0);

	memset(out, 0, 13);
	if (!l)
		return;
	put_le32(out, l->reg[CPU_EBX]);
	put_le32(out + 4, l->reg[CPU_EDX]);
	put_le32(out + 8, l->reg[CPU_ECX]);
}

/* The brand string of leaves 0x80000002-4, as the CPU pads it. */
void cpu_policy_brand_string(const struct cpu_policy *p, char out[49])
{
	unsigned int i, r;

	memset(out, 0, 49);
	for (i = 0; i < 3; i++)
		for (r = 0; r < CPU_NR_REGS; r++)
			put_le32(out + i * 16 + r * 4, cpu_policy_reg(p, 0x80000002 + i, 0, r));
}

/**
 * cpu_signature_of() - decode leaf 1 EAX
 * @eax: the register
 *
 * SDM vol. 2A, CPUID, "Version Information": the extended family counts only
 * for family 15, the extended model for families 6 and 15. AMD uses the
 * extended model for family 15 alone, where the two rules agree.
 */
struct cpu_signature cpu_signature_of(u32 eax)
{
	struct cpu_signature s;

	s.family = (eax >> 8) & 0xf;
	s.model = (eax >> 4) & 0xf;
	s.stepping = eax & 0xf;
	if (s.family == 6 || s.family == 15)
		s.model |= (eax >> 12) & 0xf0;
	if (s.family == 15)
		s.family += (eax >> 20) & 0xff;
	return s;
}

struct cpu_signature cpu_policy_signature(const struct cpu_policy *p)
{
	return cpu_signature_of(cpu_policy_reg(p, 1, 0, CPU_EAX));
}

/* Made of names alone: there is a leaf for widths, with features in it, and it tells no width. */
bool cpu_policy_hides_widths(const struct cpu_policy *p)
{
	const struct cpu_leaf *l = cpu_policy_find(p, 0x80000008, 0);

	return l && !(l->reg[CPU_EAX] & 0xff);
}

/*
 * MAXPHYADDR. Where leaf 0x80000008 is absent 36, or 32 without PAE and PSE-36
 * (SDM vol. 3A, 4.1.4).
 */
unsigned int cpu_policy_phys_bits(const struct cpu_policy *p)
{
	unsigned int bits = cpu_policy_reg(p, 0x80000008, 0, CPU_EAX) & 0xff;

	if (bits)
		return bits;
	return cpu_policy_reg(p, 1, 0, CPU_EDX) & (BIT(6) | BIT(17)) ? 36 : 32;
}

/* Linear-address width. Where it is not told, 48 with long mode (a list of names), or else 32. */
unsigned int cpu_policy_lin_bits(const struct cpu_policy *p)
{
	unsigned int bits = (cpu_policy_reg(p, 0x80000008, 0, CPU_EAX) >> 8) & 0xff;

	if (bits)
		return bits;
	return cpu_policy_reg(p, 0x80000001, 0, CPU_EDX) & BIT(29) ? 48 : 32;
}

struct cpu_settings cpu_policy_settings(const struct cpu_policy *p)
{
	const struct cpu_leaf *l = cpu_policy_find(p, CPU_LEAF_SETTINGS, 0);
	struct cpu_settings s = { 0 };

	if (l) {
		s.flags = l->reg[CPU_EAX] & ~(CPU_POLICY_SYSCALL_MASK | CPU_POLICY_RAW_TSC_MASK);
		s.syscall = (l->reg[CPU_EAX] & CPU_POLICY_SYSCALL_MASK) >> CPU_POLICY_SYSCALL_SHIFT;
		s.raw_tsc = (l->reg[CPU_EAX] & CPU_POLICY_RAW_TSC_MASK) >> CPU_POLICY_RAW_TSC_SHIFT;
		s.tsc_khz = l->reg[CPU_EBX];
		s.accepted = l->reg[CPU_ECX];
		s.microcode = l->reg[CPU_EDX];
	}
	return s;
}

/* Settings that are all zero need no leaf. Return: 0 or -ENOSPC. */
int cpu_policy_set_settings(struct cpu_policy *p, const struct cpu_settings *s)
{
	const u32 reg[CPU_NR_REGS] = { s->flags | s->syscall << CPU_POLICY_SYSCALL_SHIFT |
					       s->raw_tsc << CPU_POLICY_RAW_TSC_SHIFT,
				       s->tsc_khz, s->accepted, s->microcode };

	cpu_policy_del_leaf(p, CPU_LEAF_SETTINGS);
	if (!(reg[0] | reg[1] | reg[2] | reg[3]))
		return 0;
	return cpu_policy_set(p, CPU_LEAF_SETTINGS, 0, reg);
}
