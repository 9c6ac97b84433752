/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nested page tables as data: one description per format, so that AMD's NPT (4 and 5 levels) and
 * Intel's EPT (with and without accessed/dirty bits) share one walker and one harvest.
 *
 * Manuals: APM vol. 2, 5.3 and 15.25 (NPT); SDM vol. 3, 29.3 (EPT, entry formats in 29.3.2).
 */
#ifndef FERRY_LIB_HARVEST_FORMAT_H
#define FERRY_LIB_HARVEST_FORMAT_H

#include "../env.h"

#define NPT_MAX_LEVELS 5
#define NPT_PAGE_SHIFT 12

/*
 * Ours, in a bit that both vendors ignore in entries that point to a table: the harvest under way
 * cleared A here and has yet to look below.
 */
#define NPT_REMEMBERED BIT_ULL(52)

/**
 * struct npt_level - one level of a format
 * @shift: log2 of the bytes one entry covers
 * @bits: log2 of the entries in a table
 * @leaf_mask: an entry maps memory, rather than pointing to a table, if
 * @leaf_value: (entry & leaf_mask) == leaf_value; no entry of the level can if that is never so
 */
struct npt_level {
	u8 shift;
	u8 bits;
	u64 leaf_mask;
	u64 leaf_value;
};

/**
 * struct npt_format - a nested-table format
 * @name: for messages
 * @levels: depth; level[levels - 1] is the root's
 * @level: level[0] maps pages of 4 KiB
 * @present: an entry is present if any of these bits is set
 * @table: bits of an entry that points to a table; permissions are the leaf's business
 * @leaf: bits of every leaf: readable, of ordinary cacheable memory
 * @write: set in a writable leaf
 * @fetch: set in an executable leaf (EPT), 0 if only @no_fetch counts
 * @no_fetch: set in a leaf that is not executable (NPT), 0 if only @fetch counts
 * @accessed: the accessed bit at all levels, 0 if the format has none
 * @dirty: the dirty bit of a leaf, 0 if the format has none
 * @addr: the physical-address field
 */
struct npt_format {
	const char *name;
	u8 levels;
	struct npt_level level[NPT_MAX_LEVELS];
	u64 present;
	u64 table;
	u64 leaf;
	u64 write;
	u64 fetch;
	u64 no_fetch;
	u64 accessed;
	u64 dirty;
	u64 addr;
};

extern const struct npt_format npt_format_npt4;
extern const struct npt_format npt_format_npt5; /* host CR4.LA57: VMRUN walks as deep as the host */
extern const struct npt_format npt_format_ept4; /* EPTP.AD set */
extern const struct npt_format npt_format_ept4_noad;

/* Levels are numbered as in the manuals: 1 maps 4 KiB, f->levels is the root's. */
static inline const struct npt_level *npt_level(const struct npt_format *f, int level)
{
	return &f->level[level - 1];
}

/* Bytes an entry covers. */
static inline u64 npt_span(const struct npt_format *f, int level)
{
	return 1ULL << npt_level(f, level)->shift;
}

static inline unsigned int npt_index(const struct npt_format *f, int level, u64 gpa)
{
	const struct npt_level *l = npt_level(f, level);

	return (gpa >> l->shift) & ((1U << l->bits) - 1);
}

/* Guest-physical addresses at and above this cannot be mapped. */
static inline u64 npt_limit(const struct npt_format *f)
{
	const struct npt_level *l = npt_level(f, f->levels);

	return 1ULL << (l->shift + l->bits);
}

static inline bool npt_present(const struct npt_format *f, u64 entry)
{
	return entry & f->present;
}

/* Of a present entry: does it map memory? */
static inline bool npt_is_leaf(const struct npt_format *f, int level, u64 entry)
{
	const struct npt_level *l = npt_level(f, level);

	return (entry & l->leaf_mask) == l->leaf_value;
}

static inline u64 npt_addr(const struct npt_format *f, u64 entry)
{
	return entry & f->addr;
}

static inline bool npt_may_write(const struct npt_format *f, u64 leaf)
{
	return leaf & f->write;
}

static inline bool npt_may_fetch(const struct npt_format *f, u64 leaf)
{
	return f->fetch ? leaf & f->fetch : !(leaf & f->no_fetch);
}

static inline u64 npt_make_table(const struct npt_format *f, u64 pa)
{
	return pa | f->table;
}

static inline u64 npt_make_leaf(const struct npt_format *f, int level, u64 pa, bool write,
				bool fetch)
{
	return pa | f->leaf | npt_level(f, level)->leaf_value | (write ? f->write : 0) |
	       (fetch ? f->fetch : f->no_fetch);
}

/* The same memory with the same rights and history, as entry @index of a table one level below. */
static inline u64 npt_leaf_below(const struct npt_format *f, int level, u64 leaf,
				 unsigned int index)
{
	u64 rest = leaf & ~(f->addr | npt_level(f, level)->leaf_value);
	u64 pa = npt_addr(f, leaf) + ((u64)index << npt_level(f, level - 1)->shift);

	return pa | rest | npt_level(f, level - 1)->leaf_value;
}

#endif /* FERRY_LIB_HARVEST_FORMAT_H */
