/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Features by name and number, made from feature_list.h.
 *
 * A feature's number is 32 * word + bit, so that a set of features is an array
 * of words and each word one register of CPUID or half an MSR.
 *
 * Owns: the tables made of the list; sets of features. Locks: none.
 */
#ifndef FERRY_LIB_CPU_FEATURES_H
#define FERRY_LIB_CPU_FEATURES_H

#include "policy.h"

/* CPU_W_1_EDX, CPU_W_1_ECX, ... */
enum cpu_word_nr {
#define CPU_WORD(word, source, index, sub, reg) CPU_W_##word,
#define F(word, bit, id, pool, hidden, names, meaning)
#define CPU_WORD_END(word)
#include "feature_list.h"
	CPU_NR_WORDS,
};

/* CPU_F_FPU, CPU_F_VME, ...: the number of each feature */
enum cpu_feature_nr {
#define CPU_WORD(word, source, index, sub, reg)
#define F(word, bit, id, pool, hidden, names, meaning) CPU_F_##id = 32 * CPU_W_##word + (bit),
#define CPU_WORD_END(word)
#include "feature_list.h"
	CPU_F_NONE = 32 * CPU_NR_WORDS,
};

/* See "pool" in feature_list.h. */
enum cpu_pool_rule {
	CPU_POOL_AND,
	CPU_POOL_OR,
	CPU_POOL_EQUAL,
	CPU_POOL_SYNTH,
	CPU_POOL_TABLE,
	CPU_POOL_DYNAMIC,
	CPU_NR_POOL_RULES,
};

/* See "hidden" in feature_list.h. */
enum cpu_hidden {
	CPU_HIDDEN_FACT,
	CPU_HIDDEN_CR4,
	CPU_HIDDEN_EFER,
	CPU_HIDDEN_XCR0,
	CPU_HIDDEN_MSR,
	CPU_HIDDEN_TRAP,
	CPU_HIDDEN_LEAKY,
	CPU_HIDDEN_SILENT,
	CPU_NR_HIDDEN,
};

enum cpu_word_source {
	CPU_SOURCE_CPUID,
	CPU_SOURCE_MSR,
};

/**
 * struct cpu_word - one register full of feature bits
 * @source: enum cpu_word_source
 * @reg: enum cpu_reg; of an MSR EAX is the low half, EDX the high one
 * @index: leaf, or MSR number
 * @sub: sub-leaf
 * @defined: bits that the list names
 */
struct cpu_word {
	u8 source;
	u8 reg;
	u32 index;
	u32 sub;
	u32 defined;
};

/**
 * struct cpu_feature - one line of the list
 * @nr: enum cpu_feature_nr
 * @pool: enum cpu_pool_rule
 * @hidden: enum cpu_hidden
 * @names: as in the list; cpu_feature_name() takes it apart
 * @meaning: one line for humans
 */
struct cpu_feature {
	u16 nr;
	u8 pool;
	u8 hidden;
	const char *names;
	const char *meaning;
};

/**
 * struct cpu_dependency - a child, or one parent of the child before it
 * @nr: of the child or the parent
 * @why: the reason for the edge; NULL for a child, whose parents follow
 */
struct cpu_dependency {
	u16 nr;
	const char *why;
};

enum cpu_naming {
	CPU_NAMES_FERRY,
	CPU_NAMES_LINUX,
	CPU_NAMES_LIBVIRT,
};

/* Bytes that hold any feature name of any naming, terminator included. */
#define CPU_NAME_MAX 64

/**
 * struct cpu_set - a set of features
 * @w: one bit per feature, by number
 */
struct cpu_set {
	u32 w[CPU_NR_WORDS];
};

extern const struct cpu_word cpu_words[CPU_NR_WORDS];
extern const struct cpu_feature cpu_features[];
extern const unsigned int cpu_nr_features;
extern const struct cpu_dependency cpu_dependencies[];
extern const unsigned int cpu_nr_dependencies;
/* Bits of each word by pool rule. */
extern const u32 cpu_rule_bits[CPU_NR_POOL_RULES][CPU_NR_WORDS];
extern const char *const cpu_pool_rule_names[CPU_NR_POOL_RULES];
extern const char *const cpu_hidden_names[CPU_NR_HIDDEN];

const struct cpu_feature *cpu_feature(unsigned int nr);
bool cpu_feature_name(const struct cpu_feature *f, enum cpu_naming naming, char out[CPU_NAME_MAX]);
const struct cpu_feature *cpu_feature_find(const char *name, bool *negated);

static inline bool cpu_set_has(const struct cpu_set *s, unsigned int nr)
{
	return s->w[nr / 32] >> (nr % 32) & 1;
}

static inline void cpu_set_put(struct cpu_set *s, unsigned int nr, bool on)
{
	u32 bit = 1u << (nr % 32);

	s->w[nr / 32] = on ? s->w[nr / 32] | bit : s->w[nr / 32] & ~bit;
}

unsigned int cpu_word_needs(unsigned int word);
const char *cpu_dependency_why(unsigned int child, unsigned int parent);
u32 cpu_word_get(const struct cpu_policy *p, unsigned int word, bool *known);
int cpu_word_set(struct cpu_policy *p, unsigned int word, u32 value);
void cpu_set_get(const struct cpu_policy *p, struct cpu_set *s);
bool cpu_policy_has(const struct cpu_policy *p, unsigned int nr);
unsigned int cpu_set_close(struct cpu_set *s, const struct cpu_set *before);
int cpu_set_apply(struct cpu_policy *p, const struct cpu_set *s);

#endif /* FERRY_LIB_CPU_FEATURES_H */
