/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Masks per bit, in VMware's notation (VMotion and CPU Compatibility, table 2).
 *
 *	T  must be set, in hardware and for the guest	compared
 *	F  must be clear, in hardware and for the guest	compared
 *	H  the guest sees the hardware's value		compared
 *	R  hidden from the guest			compared
 *	1  set for the guest				not compared
 *	0  cleared for the guest			not compared
 *	X  the guest does not care: the hardware's value not compared
 *	-  as in the default mask; in override masks only
 *
 * A mask as text, bit 31 first, blanks anywhere between the bits; after the
 * level a sub-leaf may stand behind a point:
 *
 *	Level 0x1 ECX: ---- ---- ---- ---- ---- --0- ---- ----
 *	Level 0x7.0
 *	EBX: HHHH HHHH ...
 *
 * A default mask belongs to a guest operating system, an override to a VM; the
 * final mask is the default overridden.
 *
 * Owns: struct cpu_mask. Locks: none.
 */
#ifndef FERRY_LIB_CPU_MASK_H
#define FERRY_LIB_CPU_MASK_H

#include "check.h"

#define CPU_MASK_MAX_WORDS 64

/**
 * struct cpu_mask_word - the mask of one register
 * @leaf: leaf
 * @subleaf: sub-leaf
 * @reg: enum cpu_reg
 * @bit: one of TFHR10X- for each bit, index 0 is bit 0
 */
struct cpu_mask_word {
	u32 leaf;
	u32 subleaf;
	u8 reg;
	char bit[32];
};

struct cpu_mask {
	u32 nr;
	struct cpu_mask_word word[CPU_MASK_MAX_WORDS];
};

/**
 * struct cpu_mask_error - what is wrong with a mask's text
 * @line: counted from 1
 * @column: counted from 1
 * @what: a sentence
 */
struct cpu_mask_error {
	u32 line;
	u32 column;
	const char *what;
};

int cpu_mask_parse(struct cpu_mask *m, const char *text, size_t len, bool override,
		   struct cpu_mask_error *err);
int cpu_mask_print(const struct cpu_mask *m, char *out, size_t size);
int cpu_mask_merge(struct cpu_mask *final, const struct cpu_mask *def,
		   const struct cpu_mask *override);
int cpu_mask_apply(struct cpu_policy *p, const struct cpu_mask *final, struct cpu_findings *list);
void cpu_mask_compare(const struct cpu_mask *final, const struct cpu_policy *source,
		      const struct cpu_policy *destination, struct cpu_findings *list);

#endif /* FERRY_LIB_CPU_MASK_H */
