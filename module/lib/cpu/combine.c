// SPDX-License-Identifier: GPL-2.0-only
/*
 * The baseline of a pool. See combine.h, and feature_list.h for the rule of each
 * bit. Everything here is symmetric in the members: their order never matters.
 *
 * Owns: the rules for what is no feature bit. Locks: none.
 */
#include "combine_pool.h"
#include "derive.h"
#include "exclude.h"
#include "vuln.h"
#include "xsave.h"

static u32 min_of(const struct cpu_pool *pool, u32 leaf, u32 sub, enum cpu_reg reg, u8 lo, u8 width)
{
	u32 mask = (u32)(BIT_ULL(width) - 1), least = mask, i;

	for (i = 0; i < pool->n; i++)
		least = min(least, cpu_policy_reg(pool->m[i], leaf, sub, reg) >> lo & mask);
	return least << lo;
}

/* ------------------------------------------------------------------ features */

/* VERW bits: shown if any member clears buffers, unless one would have to and cannot. */
static bool or_rule_holds(const struct cpu_pool *pool, unsigned int nr)
{
	u32 i;
	int v;

	for (i = 0; i < pool->n; i++) {
		cpu_view_init(&pool->s->one, pool->m[i]);
		for (v = 0; v < CPU_NR_VULNS; v++)
			if ((cpu_vulnerabilities[v].needs == nr ||
			     (v == CPU_VULN_MMIO && nr == CPU_F_FB_CLEAR)) &&
			    !cpu_view_has(&pool->s->one, nr) &&
			    cpu_vuln_lacks_microcode(&pool->s->one, v))
				return false;
	}
	return true;
}

static void combine_features(const struct cpu_pool *pool, struct cpu_set *all)
{
	struct cpu_view *one = &pool->s->one;
	struct cpu_set *any = &pool->s->before;
	u32 i, w;

	memset(any, 0, sizeof(*any));
	memset(all, 0xff, sizeof(*all));
	for (i = 0; i < pool->n; i++) {
		cpu_view_init(one, pool->m[i]);
		for (w = 0; w < CPU_NR_WORDS; w++) {
			/* RSBA as the CPU has it, without what a policy's settings say. */
			u32 table = cpu_rule_bits[CPU_POOL_TABLE][w];
			u32 has = (one->set.w[w] & ~table) | (one->raw[w] & table);

			any->w[w] |= has;
			all->w[w] &= has;
		}
	}
	for (w = 0; w < CPU_NR_WORDS; w++) {
		u32 or = any->w[w] & ~all->w[w] & cpu_rule_bits[CPU_POOL_OR][w];
		u32 equal = cpu_rule_bits[CPU_POOL_EQUAL][w];

		for (; or ; or &= or -1) {
			unsigned int nr = 32 * w + __ffs(or);

			cpu_set_put(all, nr, or_rule_holds(pool, nr));
		}
		if (equal && (all->w[w] & equal) && cpu_words[w].source == CPU_SOURCE_CPUID &&
		    cpu_words[w].index != 7 && !cpu_pool_leaf_equal(pool, cpu_words[w].index))
			all->w[w] &= ~equal;
	}
}

/*
 * What depends on what the pool lost goes as well. ARCH_CAPABILITIES is lost without harm: it is
 * made anew wherever one of the MSR's bits is shown.
 */
static void close_features(const struct cpu_pool *pool, struct cpu_set *all)
{
	bool had = cpu_set_has(all, CPU_F_ARCH_CAPABILITIES);

	if (all->w[CPU_W_MSR_10A_LO] | all->w[CPU_W_MSR_10A_HI])
		cpu_set_put(all, CPU_F_ARCH_CAPABILITIES, true);
	cpu_set_close(all, &pool->s->before);
	cpu_set_put(all, CPU_F_ARCH_CAPABILITIES, had);
}

/* Leaves that come with a feature as they are, or take it away when they differ. */
static const struct {
	u32 leaf;
	u16 feature;
} whole_leaves[] = {
	{ 0xf, CPU_F_CQM },	    { 0x10, CPU_F_RDT_A },
	{ 0x12, CPU_F_SGX },	    { 0x14, CPU_F_INTEL_PT },
	{ 0x19, CPU_F_KEY_LOCKER }, { 0x1b, CPU_F_PCONFIG },
	{ 0x1c, CPU_F_ARCH_LBR },   { 0x1d, CPU_F_AMX_TILE },
	{ 0x1e, CPU_F_AMX_TILE },   { 0x23, CPU_F_ARCH_PERFMON_EXT },
	{ 0x8000001b, CPU_F_IBS },  { 0x8000001c, CPU_F_LWP },
};

/* Of a feature whose leaf is not dumped anywhere, as in a list of names, nothing is known. */
static bool leaf_absent(const struct cpu_pool *pool, u32 leaf)
{
	u32 i, n;

	for (i = 0; i < pool->n; i++) {
		cpu_pool_leaf(pool->m[i], leaf, &n);
		if (n)
			return false;
	}
	return true;
}

static void drop_unequal(const struct cpu_pool *pool, struct cpu_set *all)
{
	u32 i, line = cpu_policy_reg(pool->m[0], 1, 0, CPU_EBX) & 0xff00;

	for (i = 0; i < ARRAY_SIZE(whole_leaves); i++)
		if (cpu_set_has(all, whole_leaves[i].feature) &&
		    !cpu_pool_leaf_equal(pool, whole_leaves[i].leaf) &&
		    !leaf_absent(pool, whole_leaves[i].leaf))
			cpu_set_put(all, whole_leaves[i].feature, false);
	for (i = 1; i < pool->n; i++) {
		if ((cpu_policy_reg(pool->m[i], 1, 0, CPU_EBX) & 0xff00) != line)
			cpu_set_put(all, CPU_F_CLFLUSH, false);
		if (cpu_policy_reg(pool->m[i], 5, 0, CPU_EAX) !=
			    cpu_policy_reg(pool->m[0], 5, 0, CPU_EAX) ||
		    cpu_policy_reg(pool->m[i], 5, 0, CPU_EBX) !=
			    cpu_policy_reg(pool->m[0], 5, 0, CPU_EBX))
			cpu_set_put(all, CPU_F_MONITOR, false);
		/* where the encryption bit of a page-table entry is */
		if (cpu_policy_reg(pool->m[i], 0x8000001f, 0, CPU_EBX) !=
		    cpu_policy_reg(pool->m[0], 0x8000001f, 0, CPU_EBX))
			cpu_set_put(all, CPU_F_SME, false);
	}
}

/* IBRS and its kin, which Intel and AMD tell in different bits. */
static void combine_spellings(const struct cpu_pool *pool, struct cpu_set *all,
			      enum cpu_vendor identity)
{
	unsigned int i;
	u32 m;

	for (i = 0; i < 2 * cpu_nr_spellings; i++) {
		const struct cpu_spelling *s = &cpu_spellings[i / 2];
		unsigned int nr = i % 2 ? s->amd : s->intel;
		bool amd = cpu_vendor_is_amd_like(identity), everywhere = true;

		if (identity != CPU_VENDOR_UNKNOWN && amd != (bool)(i % 2))
			continue;
		for (m = 0; m < pool->n && everywhere; m++) {
			cpu_view_init(&pool->s->one, pool->m[m]);
			everywhere = cpu_view_has_capability(&pool->s->one, nr);
		}
		if (everywhere)
			cpu_set_put(all, nr, true);
	}
}

/*
 * RSBA wherever a member's returns may go astray; RRSBA while enhanced IBRS is shown. The bits may
 * need an MSR that no member has, so they are settings here and become bits in cpu_effective().
 */
static u32 combine_rsba(const struct cpu_pool *pool, const struct cpu_set *all)
{
	bool suffers = false, told = false;
	bool eibrs = cpu_set_has(all, CPU_F_IBRS_ALL);
	u32 i;

	for (i = 0; i < pool->n; i++) {
		struct cpu_view *one = &pool->s->one;
		bool restricted;

		cpu_view_init(one, pool->m[i]);
		restricted = cpu_view_has(one, CPU_F_IBRS_ALL) && !cpu_view_has(one, CPU_F_RSBA);
		/* With enhanced IBRS shown, a CPU that has it suffers the lesser kind. */
		if (cpu_suffers_rsba(one) && !(restricted && eibrs))
			suffers = true;
		if (cpu_view_has(one, CPU_F_RRSBA))
			told = true;
		/* An MSR that is not there cannot carry the warning. */
		if (cpu_view_unknown(one, CPU_W_MSR_10A_LO))
			suffers |= cpu_suffers_rsba(one);
	}
	return (suffers ? CPU_POLICY_RSBA : 0) | (told && eibrs ? CPU_POLICY_RRSBA : 0);
}

/* ------------------------------------------------------------------ XSAVE */

/* The components that every member has in the same place. */
static u64 common_state(const struct cpu_pool *pool)
{
	u64 common = ~0ULL;
	u32 i, c;

	for (i = 0; i < pool->n; i++)
		common &= cpu_xsave_xcr0(pool->m[i]) | cpu_xsave_xss(pool->m[i]);
	for (c = 2; c < 63; c++) {
		struct cpu_xstate first, x;

		if (!(common >> c & 1))
			continue;
		if (!cpu_xsave_component(pool->m[0], c, &first))
			common &= ~BIT_ULL(c);
		for (i = 1; i < pool->n; i++) {
			cpu_xsave_component(pool->m[i], c, &x);
			if (x.size != first.size || x.offset != first.offset ||
			    x.flags != first.flags)
				common &= ~BIT_ULL(c);
		}
	}
	return cpu_xsave_close(common);
}

/* Does anyone tell where XSAVE puts registers? Lists of names do not. */
static bool has_layout(const struct cpu_pool *pool)
{
	u32 i;

	for (i = 0; i < pool->n; i++)
		if (cpu_policy_find(pool->m[i], 0xd, 0))
			return true;
	return false;
}

static int combine_xsave(const struct cpu_pool *pool, struct cpu_policy *out,
			 const struct cpu_set *all, u64 state)
{
	u32 one = all->w[CPU_W_D_1_EAX];
	struct cpu_leaf *l;
	int ret;

	if (!cpu_set_has(all, CPU_F_XSAVE) || !has_layout(pool)) {
		cpu_policy_del_leaf(out, 0xd);
		if (one) {
			const u32 reg[CPU_NR_REGS] = { one, 0, 0, 0 };

			return cpu_policy_set(out, 0xd, 1, reg);
		}
		return 0;
	}
	ret = cpu_pool_copy_leaf(out, pool->m[0], 0xd);
	if (ret)
		return ret;
	l = cpu_policy_find_mut(out, 0xd, 1);
	if (l)
		l->reg[CPU_EAX] = one;
	if (!one)
		cpu_policy_del(out, 0xd, 1);
	state = cpu_state_for(all, state);
	return cpu_xsave_limit(out, state, cpu_set_has(all, CPU_F_XSAVES) ? state : 0);
}

/* ------------------------------------------------------------------ other leaves */

/* Numbers of which the least of all members is shown: leaf, register, field. */
static const struct {
	u32 leaf;
	u8 reg;
	u8 lo;
	u8 width;
	u16 feature; /* only with this feature, or CPU_F_NONE */
} least_of[] = {
	{ 0x6, CPU_EBX, 0, 4, CPU_F_NONE },
	{ 0xa, CPU_EAX, 0, 8, CPU_F_NONE },
	{ 0xa, CPU_EAX, 8, 8, CPU_F_NONE },
	{ 0xa, CPU_EAX, 16, 8, CPU_F_NONE },
	{ 0xa, CPU_EAX, 24, 8, CPU_F_NONE },
	{ 0xa, CPU_EDX, 0, 5, CPU_F_NONE },
	{ 0xa, CPU_EDX, 5, 8, CPU_F_NONE },
	{ 0x24, CPU_EBX, 0, 8, CPU_F_AVX10 },
	{ 0x80000008, CPU_EDX, 0, 16, CPU_F_INVLPGB },
	{ 0x80000008, CPU_EDX, 16, 16, CPU_F_RDPRU },
	{ 0x8000000a, CPU_EAX, 0, 8, CPU_F_SVM },
	{ 0x8000000a, CPU_EBX, 0, 32, CPU_F_SVM },
	{ 0x80000021, CPU_EBX, 0, 16, CPU_F_NONE },
	{ 0x80000021, CPU_EBX, 16, 8, CPU_F_NONE },
};

static int put_least(const struct cpu_pool *pool, struct cpu_policy *out, const struct cpu_set *all)
{
	const u32 zero[CPU_NR_REGS] = { 0 };
	u32 i, v;
	int ret;

	for (i = 0; i < ARRAY_SIZE(least_of); i++) {
		u32 leaf = least_of[i].leaf;

		if (least_of[i].feature != CPU_F_NONE && !cpu_set_has(all, least_of[i].feature))
			continue;
		v = min_of(pool, leaf, 0, least_of[i].reg, least_of[i].lo, least_of[i].width);
		if (!v)
			continue;
		if (!cpu_policy_find(out, leaf, 0)) {
			ret = cpu_policy_set(out, leaf, 0, zero);
			if (ret)
				return ret;
		}
		cpu_pool_set_field(out, leaf, least_of[i].reg, v, v);
	}
	/* Of leaf 0xA nothing is left without a version. */
	if (!(cpu_policy_reg(out, 0xa, 0, CPU_EAX) & 0xff))
		cpu_policy_del_leaf(out, 0xa);
	return 0;
}

static int put_monitor(const struct cpu_pool *pool, struct cpu_policy *out,
		       const struct cpu_set *all)
{
	u32 reg[CPU_NR_REGS], i;

	if (!cpu_set_has(all, CPU_F_MONITOR) || leaf_absent(pool, 5)) {
		if (!cpu_set_has(all, CPU_F_MONITOR))
			cpu_policy_del_leaf(out, 5);
		return 0;
	}
	reg[CPU_EAX] = cpu_policy_reg(pool->m[0], 5, 0, CPU_EAX);
	reg[CPU_EBX] = cpu_policy_reg(pool->m[0], 5, 0, CPU_EBX);
	reg[CPU_ECX] = all->w[CPU_W_5_ECX];
	reg[CPU_EDX] = 0;
	for (i = 0; i < 8; i++)
		reg[CPU_EDX] |= min_of(pool, 5, 0, CPU_EDX, 4 * i, 4);
	return cpu_policy_set(out, 5, 0, reg);
}

static u32 least_max(const struct cpu_pool *pool, u32 range)
{
	u32 i, max = ~0u;

	for (i = 0; i < pool->n; i++)
		max = min(max, cpu_policy_max_leaf(pool->m[i], range));
	return max;
}

static int put_other_leaves(const struct cpu_pool *pool, struct cpu_policy *out,
			    const struct cpu_set *all)
{
	static const u32 if_equal[] = { 0x15, 0x16, 0x17, 0x18, 0x1a, 0x80000020, 0x80000022 };
	unsigned int phys = CPU_PHYS_BITS_MAX, lin = 57;
	const u32 zero[CPU_NR_REGS] = { 0 };
	bool told = false;
	u32 i, widths = 0;
	int ret = 0;

	for (i = 0; i < ARRAY_SIZE(whole_leaves) && !ret; i++)
		if (cpu_set_has(all, whole_leaves[i].feature) &&
		    cpu_pool_leaf_equal(pool, whole_leaves[i].leaf))
			ret = cpu_pool_copy_leaf(out, pool->m[0], whole_leaves[i].leaf);
	for (i = 0; i < ARRAY_SIZE(if_equal) && !ret; i++)
		if (cpu_pool_leaf_equal(pool, if_equal[i]))
			ret = cpu_pool_copy_leaf(out, pool->m[0], if_equal[i]);
	if (!ret)
		ret = put_monitor(pool, out, all);
	if (!ret)
		ret = put_least(pool, out, all);
	if (ret)
		return ret;
	if (cpu_set_has(all, CPU_F_SME))
		cpu_pool_set_field(out, 0x8000001f, CPU_EBX, ~0u,
				   cpu_policy_reg(pool->m[0], 0x8000001f, 0, CPU_EBX));
	if (cpu_set_has(all, CPU_F_CLFLUSH))
		cpu_pool_set_field(out, 1, CPU_EBX, 0xff00,
				   cpu_policy_reg(pool->m[0], 1, 0, CPU_EBX));

	for (i = 0; i < pool->n; i++) {
		phys = min(phys, cpu_policy_phys_bits(pool->m[i]));
		lin = min(lin, cpu_policy_lin_bits(pool->m[i]));
		widths += !!cpu_policy_find(pool->m[i], 0x80000008, 0);
		told |= !cpu_policy_hides_widths(pool->m[i]);
	}
	if (!cpu_set_has(all, CPU_F_LA57))
		lin = min(lin, 48u);
	if (widths == pool->n || cpu_policy_find(out, 0x80000008, 0)) {
		if (!cpu_policy_find(out, 0x80000008, 0))
			ret = cpu_policy_set(out, 0x80000008, 0, zero);
		/* Lists of names tell no widths, and neither does their baseline. */
		cpu_pool_set_field(out, 0x80000008, CPU_EAX, 0xffff, told ? phys | lin << 8 : 0);
	}
	if (!ret && cpu_set_has(all, CPU_F_TOPOEXT))
		ret = cpu_policy_set(out, 0x8000001e, 0, zero);
	return ret;
}

/* Highest leaves: as low as the lowest member's, as high as what is shown. */
static void put_limits(const struct cpu_pool *pool, struct cpu_policy *out)
{
	u32 basic = least_max(pool, CPU_LEAF_BASIC), ext = least_max(pool, CPU_LEAF_EXTENDED);
	u32 sub7 = min_of(pool, 7, 0, CPU_EAX, 0, 32), i;

	for (i = 0; i < out->nr_leaves; i++) {
		u32 leaf = out->leaf[i].leaf;

		if (leaf < CPU_LEAF_HYPERVISOR)
			basic = max(basic, leaf);
		else if ((leaf & 0xffff0000) == CPU_LEAF_EXTENDED)
			ext = max(ext, leaf);
		if (leaf == 7)
			sub7 = max(sub7, out->leaf[i].subleaf);
	}
	cpu_pool_set_field(out, 0, CPU_EAX, ~0u, basic);
	cpu_pool_set_field(out, 0x80000000, CPU_EAX, ~0u, ext);
	cpu_pool_set_field(out, 7, CPU_EAX, ~0u, sub7);
}

/* Members may be policies themselves: what was settled for one holds for the pool. */
static void combine_settings(struct cpu_settings *all, const struct cpu_policy *member, bool first)
{
	struct cpu_settings s = cpu_policy_settings(member);

	/* A baseline is silicon only, whoever its members are. */
	all->flags |= s.flags & ~(u32)CPU_POLICY_EFFECTIVE;
	all->accepted |= s.accepted;
	if (first) {
		all->syscall = s.syscall;
		all->raw_tsc = s.raw_tsc;
		all->tsc_khz = s.tsc_khz;
	}
	if (all->syscall != s.syscall)
		all->syscall = CPU_SYSCALL_EMULATE;
	if (all->raw_tsc != s.raw_tsc)
		all->raw_tsc = CPU_RAW_TSC_WARN;
	if (all->tsc_khz != s.tsc_khz)
		all->tsc_khz = 0;
}

/* What any member excludes the pool excludes. */
static int combine_exclusions(const struct cpu_pool *pool, struct cpu_policy *out)
{
	struct cpu_exclusion x;
	u32 i, n;
	int ret;

	for (i = 0; i < pool->n; i++) {
		const struct cpu_policy *m = pool->m[i];

		for (n = 0; cpu_exclusion_get(m->leaf, m->nr_leaves, n, &x); n += CPU_EXCLUDED_STEP) {
			ret = cpu_exclusion_add(out, &x);
			if (ret)
				return ret;
		}
	}
	return 0;
}

/**
 * cpu_combine() - the policy that all members of a pool can honour
 * @out: filled
 * @members: the pool; order does not matter
 * @n: how many
 * @opt: what to show for identity and caches
 * @scratch: memory to work in
 * @culprit: on an error the member that is to blame
 *
 * Silicon only: what Ferry virtualises and emulates comes later, with
 * cpu_effective(). A member with a leaf missing costs the pool what the leaf
 * could have said. Vulnerabilities that no choice of identity covers are in
 * the settings (accepted), for the caller to tell.
 *
 * Return: CPU_COMBINE_OK or what is wrong.
 */
enum cpu_combine_error cpu_combine(struct cpu_policy *out, const struct cpu_policy *const *members,
				   u32 n, const struct cpu_combine_options *opt,
				   struct cpu_combine_scratch *scratch, u32 *culprit)
{
	struct cpu_pool pool = { .m = members, .n = n, .s = scratch };
	const struct cpu_policy *id, *caches;
	const u32 zero[CPU_NR_REGS] = { 0 };
	struct cpu_settings settings = { 0 };
	struct cpu_set *all = &scratch->base.set;
	enum cpu_vendor vendor;
	u32 i, vulns;
	u64 state;
	int ret;

	cpu_policy_init(out);
	*culprit = 0;
	if (!n)
		return CPU_COMBINE_NO_MEMBERS;
	for (i = 0; i < n; i++) {
		*culprit = i;
		if (!cpu_policy_find(members[i], 0, 0) || !cpu_policy_find(members[i], 1, 0))
			return CPU_COMBINE_NO_LEAVES;
		if (cpu_policy_has(members[i], CPU_F_LM) &&
		    cpu_policy_phys_bits(members[i]) < CPU_PHYS_BITS_MIN)
			return CPU_COMBINE_NARROW;
		combine_settings(&settings, members[i], i == 0);
	}

	memset(&scratch->base, 0, sizeof(scratch->base));
	combine_features(&pool, all);
	drop_unequal(&pool, all);
	close_features(&pool, all);
	state = common_state(&pool);
	if (has_layout(&pool)) {
		cpu_state_close(all, state);
		close_features(&pool, all);
	}

	settings.flags |= combine_rsba(&pool, all);
	pool.rsba = settings.flags & CPU_POLICY_RSBA;

	/* The identity decides the spelling of capabilities, which decides mitigations. */
	vulns = cpu_pool_vulns(&pool);
	id = cpu_pool_identity(&pool, opt, vulns);
	vendor = id ? cpu_policy_vendor(id) : CPU_VENDOR_UNKNOWN;
	if (cpu_pool_mixed(&pool)) {
		settings.flags |= CPU_POLICY_CROSS_VENDOR;
		combine_spellings(&pool, all, vendor);
		close_features(&pool, all);
	}
	settings.accepted |= cpu_pool_vulns_left(&pool, id, vulns);

	ret = cpu_policy_set_settings(out, &settings);
	if (!ret)
		ret = combine_exclusions(&pool, out);
	if (!ret)
		ret = cpu_policy_set(out, 1, 0, zero);
	if (!ret && least_max(&pool, CPU_LEAF_EXTENDED))
		ret = cpu_policy_set(out, 0x80000000, 0, zero);
	if (!ret)
		ret = cpu_set_apply(out, all);
	if (!ret)
		ret = cpu_pool_put_identity(out, id);
	if (!ret)
		ret = combine_xsave(&pool, out, all, state);
	if (!ret)
		ret = put_other_leaves(&pool, out, all);
	caches = cpu_pool_caches(&pool, opt->caches, id);
	if (!ret && caches && opt->caches != CPU_CACHES_PASS)
		ret = cpu_pool_put_caches(out, caches);
	if (ret)
		return CPU_COMBINE_FULL;
	if (cpu_vendor_is_amd_like(vendor))
		cpu_pool_set_field(out, 0x80000001, CPU_EDX, CPU_AMD_MIRROR, all->w[CPU_W_1_EDX]);
	put_limits(&pool, out);
	return CPU_COMBINE_OK;
}

/**
 * cpu_combine_cost() - what one member costs the pool
 * @pool: the members
 * @n: how many
 * @member: the one in question
 * @baseline: what cpu_combine() made of the pool
 * @lost: features some other member has, this one lacks and the pool lost
 * @alone: of these the ones that every other member has
 * @scratch: memory to work in
 */
void cpu_combine_cost(const struct cpu_policy *const *pool, u32 n, u32 member,
		      const struct cpu_policy *baseline, struct cpu_set *lost,
		      struct cpu_set *alone, struct cpu_combine_scratch *scratch)
{
	u32 i, w;

	memset(lost, 0, sizeof(*lost));
	memset(alone, n > 1 ? 0xff : 0, sizeof(*alone));
	for (i = 0; i < n; i++) {
		if (i == member)
			continue;
		cpu_view_init(&scratch->one, pool[i]);
		for (w = 0; w < CPU_NR_WORDS; w++) {
			lost->w[w] |= scratch->one.set.w[w];
			alone->w[w] &= scratch->one.set.w[w];
		}
	}
	cpu_view_init(&scratch->one, pool[member]);
	cpu_view_init(&scratch->base, baseline);
	for (w = 0; w < CPU_NR_WORDS; w++) {
		lost->w[w] &= ~scratch->one.set.w[w] & ~scratch->base.set.w[w] &
			      ~cpu_rule_bits[CPU_POOL_DYNAMIC][w] & ~cpu_rule_bits[CPU_POOL_OR][w];
		alone->w[w] &= lost->w[w];
	}
}
