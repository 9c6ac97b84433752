// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exclusions in a policy. See exclude.h.
 */
#include "exclude.h"

/**
 * cpu_exclusion_get() - take one out
 * @leaf: a policy's leaves, which are valid
 * @nr: how many
 * @subleaf: its first sub-leaf, or any other of it
 * @x: filled
 *
 * Return: false if there is none.
 */
bool cpu_exclusion_get(const struct cpu_leaf *leaf, u32 nr, u32 subleaf, struct cpu_exclusion *x)
{
	u32 first = subleaf / CPU_EXCLUDED_STEP * CPU_EXCLUDED_STEP, i, k;
	bool found = false;

	memset(x, 0, sizeof(*x));
	for (i = 0; i < nr; i++) {
		u32 part = leaf[i].subleaf - first;

		if (leaf[i].leaf != CPU_LEAF_EXCLUDED || part >= CPU_EXCLUDED_STEP)
			continue;
		if (!part) {
			memcpy(x->reg, leaf[i].reg, sizeof(x->reg));
			found = true;
		}
		for (k = 0; part && part <= CPU_REASON_LEN / 16 && k < 16; k++)
			x->reason[16 * (part - 1) + k] = (char)(leaf[i].reg[k / 4] >> 8 * (k % 4));
	}
	return found;
}

static bool printable(char c)
{
	return c >= ' ' && c <= '~';
}

/* A reason, from its first blank-free character to the zeros behind its last. */
static bool valid_reason(const char *s)
{
	u32 i = 0;

	if (!printable(s[0]) || s[0] == ' ')
		return false;
	while (i < CPU_REASON_LEN && printable(s[i]))
		i++;
	while (i < CPU_REASON_LEN && !s[i])
		i++;
	return i == CPU_REASON_LEN && !s[i];
}

static bool valid_numbers(const u32 reg[CPU_NR_REGS])
{
	u32 vendor = reg[CPU_EAX] & 0xff, b = reg[CPU_EBX];

	return vendor > CPU_VENDOR_UNKNOWN && vendor <= CPU_VENDOR_ZHAOXIN && !(reg[CPU_EAX] >> 20) &&
	       !(b >> 24) && (b & 0xff) <= (b >> 8 & 0xff) && (b >> 16 & 0xf) <= (b >> 20 & 0xf) &&
	       reg[CPU_ECX] <= reg[CPU_EDX];
}

static int compare(const struct cpu_exclusion *a, const struct cpu_exclusion *b)
{
	u32 r;

	for (r = 0; r < CPU_NR_REGS; r++)
		if (a->reg[r] != b->reg[r])
			return a->reg[r] < b->reg[r] ? -1 : 1;
	return strcmp(a->reason, b->reason);
}

static u32 parts_of(const struct cpu_exclusion *x)
{
	return 1 + (strlen(x->reason) + 15) / 16;
}

static u32 count(const struct cpu_policy *p)
{
	struct cpu_exclusion x;
	u32 n = 0;

	while (cpu_exclusion_get(p->leaf, p->nr_leaves, n * CPU_EXCLUDED_STEP, &x))
		n++;
	return n;
}

/**
 * cpu_exclusion_add() - exclude CPUs from a policy
 * @p: the policy; its exclusions are valid
 * @x: which, and why; bytes behind the end of the reason are zero
 *
 * One that is there already stays alone.
 *
 * Return: 0, -EINVAL malformed, -ENOSPC too many, or too many leaves.
 */
int cpu_exclusion_add(struct cpu_policy *p, const struct cpu_exclusion *x)
{
	u32 n = count(p), at, i, k, part, parts = parts_of(x);
	struct cpu_exclusion other;
	int order = 1;

	if (!valid_numbers(x->reg) || !valid_reason(x->reason))
		return -EINVAL;
	for (at = 0; at < n; at++) {
		cpu_exclusion_get(p->leaf, p->nr_leaves, at * CPU_EXCLUDED_STEP, &other);
		order = compare(&other, x);
		if (order >= 0)
			break;
	}
	if (at < n && !order)
		return 0;
	if (n == CPU_EXCLUDED_MAX || p->nr_leaves + parts > CPU_POLICY_MAX_LEAVES)
		return -ENOSPC;
	for (i = 0; i < p->nr_leaves; i++)
		if (p->leaf[i].leaf == CPU_LEAF_EXCLUDED &&
		    p->leaf[i].subleaf >= at * CPU_EXCLUDED_STEP)
			p->leaf[i].subleaf += CPU_EXCLUDED_STEP;
	for (part = 0; part < parts; part++) {
		u32 reg[CPU_NR_REGS] = { 0 };
		int ret;

		for (k = 0; part && k < 16; k++)
			reg[k / 4] |= (u32)(u8)x->reason[16 * (part - 1) + k] << 8 * (k % 4);
		ret = cpu_policy_set(p, CPU_LEAF_EXCLUDED, at * CPU_EXCLUDED_STEP + part,
				     part ? reg : x->reg);
		if (ret)
			return ret;
	}
	return 0;
}

/**
 * cpu_exclusion_valid() - are a policy's exclusions well-formed?
 * @p: from an untrusted source; its leaves are in order
 * @where: set to the index of the leaf that is not
 */
bool cpu_exclusion_valid(const struct cpu_policy *p, u32 *where)
{
	struct cpu_exclusion x, before;
	u32 i = 0, n, part;

	while (i < p->nr_leaves && p->leaf[i].leaf != CPU_LEAF_EXCLUDED)
		i++;
	for (n = 0; i < p->nr_leaves && p->leaf[i].leaf == CPU_LEAF_EXCLUDED; n++) {
		*where = i;
		if (n == CPU_EXCLUDED_MAX ||
		    !cpu_exclusion_get(p->leaf, p->nr_leaves, n * CPU_EXCLUDED_STEP, &x) ||
		    !valid_numbers(x.reg) || !valid_reason(x.reason) || (n && compare(&before, &x) >= 0))
			return false;
		/* Just the sub-leaves that the reason takes. */
		for (part = 0; part < parts_of(&x); part++, i++)
			if (i == p->nr_leaves || p->leaf[i].leaf != CPU_LEAF_EXCLUDED ||
			    p->leaf[i].subleaf != n * CPU_EXCLUDED_STEP + part)
				return false;
		before = x;
	}
	return true;
}

/* Has this policy the very same exclusion? */
bool cpu_exclusion_in(const struct cpu_policy *p, const struct cpu_exclusion *x)
{
	struct cpu_exclusion other;
	u32 n;

	for (n = 0; cpu_exclusion_get(p->leaf, p->nr_leaves, n * CPU_EXCLUDED_STEP, &other); n++)
		if (!compare(&other, x))
			return true;
	return false;
}

/**
 * cpu_exclusion_matches() - does it name this CPU?
 * @x: the exclusion
 * @host: the CPU, with its microcode revision in the settings where known
 */
enum cpu_excluded cpu_exclusion_matches(const struct cpu_exclusion *x, const struct cpu_policy *host)
{
	struct cpu_signature s = cpu_policy_signature(host);
	u32 a = x->reg[CPU_EAX], b = x->reg[CPU_EBX];
	u32 lo = x->reg[CPU_ECX], hi = x->reg[CPU_EDX], revision;

	if (cpu_policy_vendor(host) != (a & 0xff) || s.family != a >> 8 || s.model < (b & 0xff) ||
	    s.model > (b >> 8 & 0xff) || s.stepping < (b >> 16 & 0xf) || s.stepping > (b >> 20 & 0xf))
		return CPU_EXCLUDED_NO;
	if (!lo && hi == ~0u)
		return CPU_EXCLUDED_YES;
	revision = cpu_policy_settings(host).microcode;
	if (!revision)
		return CPU_EXCLUDED_UNKNOWN;
	return revision >= lo && revision <= hi ? CPU_EXCLUDED_YES : CPU_EXCLUDED_NO;
}
