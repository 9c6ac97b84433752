// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whose name and whose caches the baseline of a pool shows, and which
 * vulnerabilities that choice leaves open. See combine.h.
 *
 * Owns: the order among members. Locks: none.
 */
#include "combine_pool.h"
#include "vuln.h"

/* The first entry of a leaf, and how many follow it. */
const struct cpu_leaf *cpu_pool_leaf(const struct cpu_policy *p, u32 leaf, u32 *count)
{
	u32 i, first;

	for (first = 0; first < p->nr_leaves && p->leaf[first].leaf < leaf; first++)
		;
	for (i = first; i < p->nr_leaves && p->leaf[i].leaf == leaf; i++)
		;
	*count = i - first;
	return &p->leaf[first];
}

bool cpu_pool_leaf_equal(const struct cpu_pool *pool, u32 leaf)
{
	u32 n0, ni, i;
	const struct cpu_leaf *first = cpu_pool_leaf(pool->m[0], leaf, &n0), *l;

	for (i = 1; i < pool->n; i++) {
		l = cpu_pool_leaf(pool->m[i], leaf, &ni);
		if (ni != n0 || memcmp(l, first, n0 * sizeof(*l)))
			return false;
	}
	return n0 > 0;
}

int cpu_pool_copy_leaf(struct cpu_policy *out, const struct cpu_policy *from, u32 leaf)
{
	u32 n, i;
	const struct cpu_leaf *l = cpu_pool_leaf(from, leaf, &n);
	int ret = 0;

	for (i = 0; i < n && !ret; i++)
		ret = cpu_policy_set(out, leaf, l[i].subleaf, l[i].reg);
	return ret;
}

void cpu_pool_set_field(struct cpu_policy *p, u32 leaf, enum cpu_reg reg, u32 mask, u32 v)
{
	struct cpu_leaf *l = cpu_policy_find_mut(p, leaf, 0);

	if (l)
		l->reg[reg] = (l->reg[reg] & ~mask) | (v & mask);
}

/* ------------------------------------------------------------ identity, caches */

/* A total order on members that does not depend on where they stand. */
static int member_cmp(const struct cpu_policy *a, const struct cpu_policy *b)
{
	u32 leaf, i;

	for (leaf = 0; leaf < 2; leaf++)
		for (i = 0; i < CPU_NR_REGS; i++) {
			u32 x = cpu_policy_reg(a, leaf ? 1 : 0, 0, i);
			u32 y = cpu_policy_reg(b, leaf ? 1 : 0, 0, i);

			/* Leaf 0 EAX is no part of an identity; of leaf 1 only EAX is. */
			if (leaf ? i != CPU_EAX : i == CPU_EAX)
				continue;
			if (x != y)
				return x < y ? -1 : 1;
		}
	for (leaf = 0x80000002; leaf <= 0x80000004; leaf++)
		for (i = 0; i < CPU_NR_REGS; i++) {
			u32 x = cpu_policy_reg(a, leaf, 0, i), y = cpu_policy_reg(b, leaf, 0, i);

			if (x != y)
				return x < y ? -1 : 1;
		}
	/* The same CPU with other firmware, perhaps. */
	if (a->nr_leaves != b->nr_leaves)
		return a->nr_leaves < b->nr_leaves ? -1 : 1;
	return memcmp(a->leaf, b->leaf, a->nr_leaves * sizeof(a->leaf[0]));
}

static unsigned int count(u32 v)
{
	unsigned int n = 0;

	for (; v; v &= v - 1)
		n++;
	return n;
}

u32 cpu_pool_vulns(const struct cpu_pool *pool)
{
	u32 i, vulns = 0;

	for (i = 0; i < pool->n; i++) {
		cpu_view_init(&pool->s->one, pool->m[i]);
		vulns |= cpu_vulns(&pool->s->one, false);
	}
	return vulns;
}

/* Vulnerabilities of the pool that a guest with this identity leaves unmitigated. */
u32 cpu_pool_vulns_left(const struct cpu_pool *pool, const struct cpu_policy *identity, u32 vulns)
{
	struct cpu_view *base = &pool->s->base;
	bool rsba = cpu_view_has(base, CPU_F_RSBA);
	u32 left;

	base->vendor = identity ? cpu_policy_vendor(identity) : CPU_VENDOR_UNKNOWN;
	base->sig = identity ? cpu_policy_signature(identity) : cpu_signature_of(0x600);
	cpu_set_put(&base->set, CPU_F_RSBA, rsba || pool->rsba);
	left = cpu_vulns_left(base, vulns);
	cpu_set_put(&base->set, CPU_F_RSBA, rsba);
	return left;
}

/* A definition without a vendor fits every vendor. */
static bool any_vendor(const struct cpu_policy *p)
{
	return !cpu_policy_reg(p, 0, 0, CPU_EBX);
}

/* Members of more than one vendor? AMD and Hygon count as one. */
bool cpu_pool_mixed(const struct cpu_pool *pool)
{
	const struct cpu_policy *first = NULL;
	u32 i;

	for (i = 0; i < pool->n; i++) {
		enum cpu_vendor a = cpu_policy_vendor(pool->m[i]), b;

		if (any_vendor(pool->m[i]))
			continue;
		if (!first)
			first = pool->m[i];
		b = cpu_policy_vendor(first);
		if (a != b && !(cpu_vendor_is_amd_like(a) && cpu_vendor_is_amd_like(b)))
			return true;
	}
	return false;
}

/* The member whose identity is shown, or NULL for the artificial one. */
const struct cpu_policy *cpu_pool_identity(const struct cpu_pool *pool,
					   const struct cpu_combine_options *opt, u32 vulns)
{
	const struct cpu_policy *best = NULL;
	unsigned int least = ~0u;
	u32 i;

	if (opt->identity == CPU_IDENTITY_MEMBER)
		return pool->m[opt->identity_of];
	if (opt->identity == CPU_IDENTITY_ARTIFICIAL || cpu_pool_mixed(pool))
		return NULL;
	for (i = 0; i < pool->n; i++) {
		unsigned int left = count(cpu_pool_vulns_left(pool, pool->m[i], vulns));

		/* Whoever has a vendor comes before those who have none. */
		if (any_vendor(pool->m[i]))
			left += 100;
		if (!best || left < least || (left == least && member_cmp(pool->m[i], best) < 0)) {
			best = pool->m[i];
			least = left;
		}
	}
	return best;
}

static u32 get32(const char *s)
{
	return (u8)s[0] | (u32)(u8)s[1] << 8 | (u32)(u8)s[2] << 16 | (u32)(u8)s[3] << 24;
}

int cpu_pool_put_identity(struct cpu_policy *out, const struct cpu_policy *id)
{
	const char *v = CPU_ARTIFICIAL_VENDOR;
	char brand[48] = CPU_ARTIFICIAL_BRAND;
	u32 vendor[CPU_NR_REGS] = { 0, get32(v), get32(v + 8), get32(v + 4) };
	u32 sig = 0x600, i, r;
	int ret;

	if (id) {
		for (i = 1; i < CPU_NR_REGS; i++)
			vendor[i] = cpu_policy_reg(id, 0, 0, i);
		sig = cpu_policy_reg(id, 1, 0, CPU_EAX);
	}
	ret = cpu_policy_set(out, 0, 0, vendor);
	if (ret)
		return ret;
	cpu_pool_set_field(out, 1, CPU_EAX, ~0u, sig);
	if (id)
		cpu_pool_set_field(out, 1, CPU_EBX, 0xff, cpu_policy_reg(id, 1, 0, CPU_EBX));
	/* AMD repeats vendor and signature in the extended range; Intel has zeros there. */
	for (i = 1; i < CPU_NR_REGS; i++)
		cpu_pool_set_field(out, 0x80000000, i, ~0u,
				   id ? cpu_policy_reg(id, 0x80000000, 0, i) : vendor[i]);
	cpu_pool_set_field(out, 0x80000001, CPU_EAX, ~0u,
			   id ? cpu_policy_reg(id, 0x80000001, 0, CPU_EAX) : sig);
	if (id)
		cpu_pool_set_field(out, 0x80000001, CPU_EBX, ~0u,
				   cpu_policy_reg(id, 0x80000001, 0, CPU_EBX));
	for (i = 0; i < 3; i++) {
		u32 reg[CPU_NR_REGS];

		for (r = 0; r < CPU_NR_REGS; r++)
			reg[r] = id ? cpu_policy_reg(id, 0x80000002 + i, 0, r) :
				      get32(brand + i * 16 + r * 4);
		ret = cpu_policy_set(out, 0x80000002 + i, 0, reg);
		if (ret)
			return ret;
	}
	return 0;
}

static const u32 cache_leaves[] = { 0x2, 0x4, 0x80000005, 0x80000006, 0x80000019, 0x8000001d };

static bool same_caches(const struct cpu_policy *a, const struct cpu_policy *b)
{
	const struct cpu_policy *two[2] = { a, b };
	struct cpu_pool pool = { .m = two, .n = 2 };
	u32 i, na, nb;

	for (i = 0; i < ARRAY_SIZE(cache_leaves); i++) {
		cpu_pool_leaf(a, cache_leaves[i], &na);
		cpu_pool_leaf(b, cache_leaves[i], &nb);
		if ((na || nb) && !cpu_pool_leaf_equal(&pool, cache_leaves[i]))
			return false;
	}
	return true;
}

/* Bytes of the last-level cache, by leaf 4 or 0x8000001D, or AMD's leaf 0x80000006. */
static u64 last_level_bytes(const struct cpu_policy *p)
{
	u32 leaf = cpu_policy_find(p, 4, 0) ? 4 : 0x8000001d, sub;
	u64 bytes = 0;

	for (sub = 0; sub < 8; sub++) {
		const struct cpu_leaf *l = cpu_policy_find(p, leaf, sub);

		if (!l || !(l->reg[CPU_EAX] & 0x1f))
			break;
		bytes = (u64)((l->reg[CPU_EBX] >> 22) + 1) * ((l->reg[CPU_EBX] >> 12 & 0x3ff) + 1) *
			((l->reg[CPU_EBX] & 0xfff) + 1) * ((u64)l->reg[CPU_ECX] + 1);
	}
	if (!bytes)
		bytes = (u64)(cpu_policy_reg(p, 0x80000006, 0, CPU_ECX) >> 16) << 10;
	return bytes;
}

/* The member whose caches are shown: of the identity's vendor, if there is one. */
const struct cpu_policy *cpu_pool_caches(const struct cpu_pool *pool, enum cpu_caches how,
					 const struct cpu_policy *id)
{
	const struct cpu_policy *best = NULL;
	u64 best_bytes = 0;
	u32 i, j, best_votes = 0;

	for (i = 0; i < pool->n; i++) {
		const struct cpu_policy *p = pool->m[i];
		u64 bytes = last_level_bytes(p);
		u32 votes = 0;
		bool better;

		if (id && cpu_policy_vendor(p) != cpu_policy_vendor(id))
			continue;
		for (j = 0; j < pool->n; j++)
			votes += same_caches(p, pool->m[j]);
		if (!best)
			better = true;
		else if (how == CPU_CACHES_COMMON && votes != best_votes)
			better = votes > best_votes;
		else if (bytes != best_bytes)
			better = bytes < best_bytes;
		else
			better = member_cmp(p, best) < 0;
		if (better) {
			best = p;
			best_bytes = bytes;
			best_votes = votes;
		}
	}
	return best;
}

/*
 * Cache leaves also tell who shares a cache, which is the VM's own topology:
 * one CPU here, until cpu_effective() knows better.
 */
int cpu_pool_put_caches(struct cpu_policy *out, const struct cpu_policy *from)
{
	u32 i, n, j;
	int ret = 0;

	for (i = 0; i < ARRAY_SIZE(cache_leaves) && !ret; i++) {
		const struct cpu_leaf *l = cpu_pool_leaf(from, cache_leaves[i], &n);
		bool shared = cache_leaves[i] == 4 || cache_leaves[i] == 0x8000001d;

		for (j = 0; j < n && !ret; j++) {
			u32 reg[CPU_NR_REGS];

			memcpy(reg, l[j].reg, sizeof(reg));
			if (shared)
				reg[CPU_EAX] &= 0x3fff;
			if (shared && !(reg[CPU_EAX] & 0x1f))
				break;
			ret = cpu_policy_set(out, cache_leaves[i], l[j].subleaf, reg);
		}
	}
	return ret;
}
