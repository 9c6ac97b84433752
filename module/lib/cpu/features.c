// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tables made from feature_list.h and feature_depend.h, and the build-time
 * proofs that both are sound. See features.h.
 *
 * Owns: the tables. Locks: none.
 */
#include "features.h"

/* clang-format off */

/*
 * Where each feature stands in the list. BEGIN and END take no number of their
 * own: CPU_IX_END_word is one past the word's last feature.
 */
enum {
#define CPU_WORD(word, source, index, sub, reg) \
	CPU_IX_BEGIN_##word, CPU_IX_BEFORE_##word = CPU_IX_BEGIN_##word - 1,
#define F(word, bit, id, pool, hidden, names, meaning) CPU_IX_##id,
#define CPU_WORD_END(word) CPU_IX_END_##word, CPU_IX_AFTER_##word = CPU_IX_END_##word - 1,
#include "feature_list.h"
	CPU_NR_FEATURES,
};

/* A feature stands between the brackets of its own word, or the build fails here. */
#define CPU_WORD(word, source, index, sub, reg)
#define F(word, bit, id, pool, hidden, names, meaning)                   \
	static_assert((int)CPU_IX_##id >= (int)CPU_IX_BEGIN_##word &&    \
			      (int)CPU_IX_##id < (int)CPU_IX_END_##word, \
		      #id " stands under another word than " #word);     \
	static_assert((bit) < 32, #id " is not a bit of a 32-bit register");
#define CPU_WORD_END(word)
#include "feature_list.h"

/* A bit named twice defines its enumerator twice. */
enum {
#define CPU_WORD(word, source, index, sub, reg)
#define F(word, bit, id, pool, hidden, names, meaning) CPU_BIT_##word##_##bit,
#define CPU_WORD_END(word)
#include "feature_list.h"
};

/*
 * The rank of a feature is above those of all its parents. A parent that is not
 * declared yet is no identifier here: a cycle cannot be written down.
 */
enum {
#define CPU_ROOT(id)	 CPU_RANK_##id = 0,
#define DEPENDS(id, ...) CPU_RANK_##id = 1 __VA_ARGS__,
#define P(parent, why)	 +CPU_RANK_##parent
#define WORD_NEEDS(word, id, why)
#include "feature_depend.h"
};

const struct cpu_word cpu_words[CPU_NR_WORDS] = {
#define CPU_WORD(word, source_, index_, sub_, reg_)        \
	[CPU_W_##word] = { .source = CPU_SOURCE_##source_, \
			   .reg = CPU_##reg_,              \
			   .index = index_,                \
			   .sub = sub_,                    \
			   .defined = 0
#define F(word, bit, id, pool, hidden, names, meaning) | 1u << (bit)
#define CPU_WORD_END(word) },
#include "feature_list.h"
};

/* 1 + the feature a word is about; 0 for a word that stands alone. */
static const u16 word_needs[CPU_NR_WORDS] = {
#define CPU_ROOT(id)
#define DEPENDS(id, ...)
#define P(parent, why)
#define WORD_NEEDS(word, id, why) [CPU_W_##word] = 1 + CPU_F_##id,
#include "feature_depend.h"
};

const struct cpu_feature cpu_features[] = {
#define CPU_WORD(word, source, index, sub, reg)
#define F(word, bit, id, pool_, hidden_, names_, meaning_) \
	[CPU_IX_##id] = { .nr = CPU_F_##id,                \
			  .pool = CPU_POOL_##pool_,        \
			  .hidden = CPU_HIDDEN_##hidden_,  \
			  .names = names_,                 \
			  .meaning = meaning_ },
#define CPU_WORD_END(word)
#include "feature_list.h"
};

const unsigned int cpu_nr_features = CPU_NR_FEATURES;

const u32 cpu_rule_bits[CPU_NR_POOL_RULES][CPU_NR_WORDS] = {
#define RULE_BIT(pool, rule, bit) | (u32)(CPU_POOL_##pool == CPU_POOL_##rule) << (bit)
#define CPU_WORD(word, source, index, sub, reg) [CPU_W_##word] = 0
#define F(word, bit, id, pool, hidden, names, meaning) RULE_BIT(pool, AND, bit)
#define CPU_WORD_END(word) ,
	[CPU_POOL_AND] = {
#include "feature_list.h"
	},
#define CPU_WORD(word, source, index, sub, reg) [CPU_W_##word] = 0
#define F(word, bit, id, pool, hidden, names, meaning) RULE_BIT(pool, OR, bit)
#define CPU_WORD_END(word) ,
	[CPU_POOL_OR] = {
#include "feature_list.h"
	},
#define CPU_WORD(word, source, index, sub, reg) [CPU_W_##word] = 0
#define F(word, bit, id, pool, hidden, names, meaning) RULE_BIT(pool, EQUAL, bit)
#define CPU_WORD_END(word) ,
	[CPU_POOL_EQUAL] = {
#include "feature_list.h"
	},
#define CPU_WORD(word, source, index, sub, reg) [CPU_W_##word] = 0
#define F(word, bit, id, pool, hidden, names, meaning) RULE_BIT(pool, SYNTH, bit)
#define CPU_WORD_END(word) ,
	[CPU_POOL_SYNTH] = {
#include "feature_list.h"
	},
#define CPU_WORD(word, source, index, sub, reg) [CPU_W_##word] = 0
#define F(word, bit, id, pool, hidden, names, meaning) RULE_BIT(pool, TABLE, bit)
#define CPU_WORD_END(word) ,
	[CPU_POOL_TABLE] = {
#include "feature_list.h"
	},
#define CPU_WORD(word, source, index, sub, reg) [CPU_W_##word] = 0
#define F(word, bit, id, pool, hidden, names, meaning) RULE_BIT(pool, DYNAMIC, bit)
#define CPU_WORD_END(word) ,
	[CPU_POOL_DYNAMIC] = {
#include "feature_list.h"
	},
};

/* clang-format on */

/* 1 + the place in cpu_features of each feature number. */
static const u16 feature_place[CPU_F_NONE] = {
#define CPU_WORD(word, source, index, sub, reg)
#define F(word, bit, id, pool, hidden, names, meaning) [CPU_F_##id] = 1 + CPU_IX_##id,
#define CPU_WORD_END(word)
#include "feature_list.h"
};

const struct cpu_dependency cpu_dependencies[] = {
#define CPU_ROOT(id)
#define DEPENDS(id, ...) { CPU_F_##id, NULL }, __VA_ARGS__
#define P(parent, why)	 { CPU_F_##parent, why },
#define WORD_NEEDS(word, id, why)
#include "feature_depend.h"
};

const unsigned int cpu_nr_dependencies = ARRAY_SIZE(cpu_dependencies);

const char *const cpu_pool_rule_names[CPU_NR_POOL_RULES] = {
	[CPU_POOL_AND] = "and",	    [CPU_POOL_OR] = "or",	[CPU_POOL_EQUAL] = "equal",
	[CPU_POOL_SYNTH] = "synth", [CPU_POOL_TABLE] = "table", [CPU_POOL_DYNAMIC] = "dynamic",
};

const char *const cpu_hidden_names[CPU_NR_HIDDEN] = {
	[CPU_HIDDEN_FACT] = "fact",   [CPU_HIDDEN_CR4] = "cr4",	      [CPU_HIDDEN_EFER] = "efer",
	[CPU_HIDDEN_XCR0] = "xcr0",   [CPU_HIDDEN_MSR] = "msr",	      [CPU_HIDDEN_TRAP] = "trap",
	[CPU_HIDDEN_LEAKY] = "leaky", [CPU_HIDDEN_SILENT] = "silent",
};

/* The list's line for a feature number, or NULL. */
const struct cpu_feature *cpu_feature(unsigned int nr)
{
	if (nr >= CPU_F_NONE || !feature_place[nr])
		return NULL;
	return &cpu_features[feature_place[nr] - 1];
}

/* The feature that a whole word is about, or CPU_F_NONE. */
unsigned int cpu_word_needs(unsigned int word)
{
	return word_needs[word] ? word_needs[word] - 1u : CPU_F_NONE;
}

/* The reason for an edge of feature_depend.h, or NULL when there is none. */
const char *cpu_dependency_why(unsigned int child, unsigned int parent)
{
	unsigned int i, cur = CPU_F_NONE;

	for (i = 0; i < cpu_nr_dependencies; i++) {
		const struct cpu_dependency *d = &cpu_dependencies[i];

		if (!d->why)
			cur = d->nr;
		else if (cur == child && d->nr == parent)
			return d->why;
	}
	return NULL;
}

/* One field of "ours|Linux's|libvirt's". A list without bars has one field for all. */
static const char *names_field(const char *names, unsigned int field, size_t *len)
{
	const char *bar = strchr(names, '|');

	if (!bar)
		field = 0;
	while (field-- && bar) {
		names = bar + 1;
		bar = strchr(names, '|');
	}
	*len = bar ? (size_t)(bar - names) : strlen(names);
	return names;
}

/**
 * cpu_feature_name() - a feature's name in one naming
 * @f: the feature
 * @naming: whose name
 * @out: filled; empty when there is no name. A name that libvirt gives to the
 *	bit being clear keeps its "!".
 *
 * Return: whether there is a name.
 */
bool cpu_feature_name(const struct cpu_feature *f, enum cpu_naming naming, char out[CPU_NAME_MAX])
{
	size_t len, i, own_len;
	const char *own = names_field(f->names, CPU_NAMES_FERRY, &own_len);
	const char *s = names_field(f->names, naming, &len);
	bool underscores = false;

	if (len == 1 && (*s == '=' || *s == '~')) {
		underscores = *s == '~';
		s = own;
		len = own_len;
	}
	len = min_t(size_t, len, CPU_NAME_MAX - 1);
	for (i = 0; i < len; i++)
		out[i] = underscores && s[i] == '-' ? '_' : s[i];
	out[len] = 0;
	return len;
}

/* Is @name one of the words of @list? */
static bool has_word(const char *list, const char *name)
{
	size_t len = strlen(name);

	if (!len)
		return false;
	while (*list) {
		const char *end = strchr(list, ' ');
		size_t n = end ? (size_t)(end - list) : strlen(list);

		if (n == len && !memcmp(list, name, n))
			return true;
		list += n + (end ? 1 : 0);
	}
	return false;
}

/**
 * cpu_feature_find() - look a feature up by any of its names
 * @name: ours, libvirt's or Linux's, tried in this order
 * @negated: set when the name says that the bit is clear
 *
 * Where Linux has one flag for two spellings (ibrs, ssbd) the first wins.
 *
 * Return: the feature, or NULL.
 */
const struct cpu_feature *cpu_feature_find(const char *name, bool *negated)
{
	static const enum cpu_naming order[] = { CPU_NAMES_FERRY, CPU_NAMES_LIBVIRT,
						 CPU_NAMES_LINUX };
	char buf[CPU_NAME_MAX];
	unsigned int o, i;

	for (o = 0; o < ARRAY_SIZE(order); o++) {
		for (i = 0; i < cpu_nr_features; i++) {
			bool neg;

			if (!cpu_feature_name(&cpu_features[i], order[o], buf))
				continue;
			neg = buf[0] == '!';
			if (!has_word(buf + neg, name))
				continue;
			if (negated)
				*negated = neg;
			return &cpu_features[i];
		}
	}
	return NULL;
}

/**
 * cpu_word_get() - one register of feature bits
 * @p: the policy
 * @word: enum cpu_word_nr
 * @known: set to whether the policy has the leaf or MSR at all; may be NULL
 *
 * A leaf above the highest of its range is known: it has no features.
 */
u32 cpu_word_get(const struct cpu_policy *p, unsigned int word, bool *known)
{
	const struct cpu_word *w = &cpu_words[word];
	const struct cpu_leaf *l;
	const struct cpu_msr *m;

	if (w->source == CPU_SOURCE_MSR) {
		m = cpu_policy_find_msr(p, w->index);
		if (known)
			*known = m;
		if (!m)
			return 0;
		return w->reg == CPU_EDX ? (u32)(m->value >> 32) : (u32)m->value;
	}
	l = cpu_policy_find(p, w->index, w->sub);
	if (known)
		*known = l || w->index > cpu_policy_max_leaf(p, w->index & 0xffff0000);
	return l ? l->reg[w->reg] : 0;
}

/* Write one register of feature bits, adding its leaf or MSR. Return: 0 or -ENOSPC. */
int cpu_word_set(struct cpu_policy *p, unsigned int word, u32 value)
{
	const struct cpu_word *w = &cpu_words[word];
	u32 reg[CPU_NR_REGS] = { 0 };
	const struct cpu_leaf *l;
	const struct cpu_msr *m;
	u64 v;

	if (w->source == CPU_SOURCE_MSR) {
		m = cpu_policy_find_msr(p, w->index);
		v = m ? m->value : 0;
		if (w->reg == CPU_EDX)
			v = (u32)v | (u64)value << 32;
		else
			v = (v & ~0xffffffffULL) | value;
		return cpu_policy_set_msr(p, w->index, v);
	}
	l = cpu_policy_find(p, w->index, w->sub);
	if (l)
		memcpy(reg, l->reg, sizeof(reg));
	reg[w->reg] = value;
	return cpu_policy_set(p, w->index, w->sub, reg);
}

/* The features of a policy, as far as the list names them. */
void cpu_set_get(const struct cpu_policy *p, struct cpu_set *s)
{
	unsigned int i;

	for (i = 0; i < CPU_NR_WORDS; i++)
		s->w[i] = cpu_word_get(p, i, NULL) & cpu_words[i].defined;
}

/**
 * cpu_set_apply() - give a policy exactly these features
 * @p: the policy
 * @s: the features
 *
 * Bits that the list does not name keep their value; a leaf or MSR is added only
 * where a bit has to be set.
 *
 * Return: 0 or -ENOSPC.
 */
int cpu_set_apply(struct cpu_policy *p, const struct cpu_set *s)
{
	unsigned int i;
	int ret;

	for (i = 0; i < CPU_NR_WORDS; i++) {
		u32 old = cpu_word_get(p, i, NULL);
		u32 new = (old & ~cpu_words[i].defined) | s->w[i];

		if (new == old)
			continue;
		ret = cpu_word_set(p, i, new);
		if (ret)
			return ret;
	}
	return 0;
}

bool cpu_policy_has(const struct cpu_policy *p, unsigned int nr)
{
	return cpu_word_get(p, nr / 32, NULL) >> (nr % 32) & 1;
}

/**
 * cpu_set_close() - take away what depends on what was taken away
 * @s: features that are left
 * @before: features before some were removed; a parent that was missing already
 *	costs its children nothing
 *
 * One pass is enough: feature_depend.h names parents before children.
 *
 * Return: how many features went.
 */
unsigned int cpu_set_close(struct cpu_set *s, const struct cpu_set *before)
{
	unsigned int i, child = CPU_F_NONE, gone = 0;

	for (i = 0; i < cpu_nr_dependencies; i++) {
		const struct cpu_dependency *d = &cpu_dependencies[i];

		if (!d->why) {
			child = d->nr;
		} else if (cpu_set_has(before, d->nr) && !cpu_set_has(s, d->nr) &&
			   cpu_set_has(s, child)) {
			cpu_set_put(s, child, false);
			gone++;
		}
	}
	for (i = 0; i < CPU_NR_WORDS; i++) {
		unsigned int needs = cpu_word_needs(i);

		if (needs != CPU_F_NONE && cpu_set_has(before, needs) && !cpu_set_has(s, needs)) {
			for (; s->w[i]; s->w[i] &= s->w[i] - 1)
				gone++;
		}
	}
	return gone;
}
