/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The walker of nested page tables: map, split, protect, unmap, over call-backs.
 *
 * Everything here is lock-free against the processors that walk the same tables and set accessed
 * and dirty bits in them, and against other callers of npt_map() and npt_split(): entries change
 * by compare-and-exchange only, and a table, once linked, stays until npt_unmap() takes it out.
 * npt_unmap(), npt_take() and the harvest exclude one another; that is the caller's business, as
 * is keeping a table alive until no processor and no walker can hold it (flush, then wait for
 * walkers, then npt_free()).
 *
 * The functions are templates: with a constant struct npt_ops the calls through it become direct.
 */
#ifndef FERRY_LIB_HARVEST_WALK_H
#define FERRY_LIB_HARVEST_WALK_H

#include "format.h"

/**
 * struct npt_ops - what the walker needs of its surroundings
 * @read: load an entry once
 * @exchange: put @new into the entry if it holds @old, atomically against processors; returns what
 *	it held
 * @table: the table at a physical address
 * @alloc: a zeroed table and its physical address, or NULL; must not sleep if the caller may not
 * @free: give back a table
 */
struct npt_ops {
	u64 (*read)(void *ctx, const u64 *entry);
	u64 (*exchange)(void *ctx, u64 *entry, u64 old, u64 new);
	u64 *(*table)(void *ctx, u64 pa);
	u64 *(*alloc)(void *ctx, u64 *pa);
	void (*free)(void *ctx, u64 *table);
};

struct npt_tree {
	const struct npt_format *format;
	u64 *root;
};

enum npt_result {
	NPT_DONE,
	NPT_NO_TABLE, /* alloc gave none; nothing was changed that matters */
	NPT_IN_WAY, /* a table stands where a large leaf was to go */
};

/* Does [gpa, gpa + span of the level) lie within [start, end)? gpa may be anywhere in the span. */
static inline bool npt_covered(const struct npt_format *f, int level, u64 gpa, u64 start, u64 end)
{
	u64 span = npt_span(f, level);
	u64 from = gpa & ~(span - 1);

	return from >= start && end - from >= span;
}

/*
 * Where a depth-first walk goes after the entry for *gpa at *level: to the next entry, which may be
 * in a table further up.
 */
static inline void npt_next(const struct npt_format *f, u64 *gpa, int *level)
{
	*gpa = (*gpa & ~(npt_span(f, *level) - 1)) + npt_span(f, *level);
	while (*level < f->levels && !(*gpa & (npt_span(f, *level + 1) - 1)))
		(*level)++;
}

/* Replace a large leaf by a table of leaves with the same rights, accessed and dirty bits. */
static __always_inline enum npt_result npt_split_entry(const struct npt_ops *ops, void *ctx,
						       const struct npt_format *f, int level,
						       u64 *entry)
{
	u64 old = ops->read(ctx, entry);
	u64 *child = NULL;
	u64 pa, new, prev;
	unsigned int i;

	while (npt_present(f, old) && npt_is_leaf(f, level, old)) {
		if (!child)
			child = ops->alloc(ctx, &pa);
		if (!child)
			return NPT_NO_TABLE;
		for (i = 0; i < 1U << npt_level(f, level - 1)->bits; i++)
			child[i] = npt_leaf_below(f, level, old, i);
		/* Dirty leaves below: a harvest must find its way to them. */
		new = npt_make_table(f, pa) | f->accessed;
		prev = ops->exchange(ctx, entry, old, new);
		if (prev == old)
			return NPT_DONE;
		old = prev; /* a processor set A or D meanwhile, or another walker was first */
	}
	if (child)
		ops->free(ctx, child);
	return NPT_DONE;
}

/* @old with the rights and the accessed and dirty bits of @leaf added. */
static inline u64 npt_more_rights(const struct npt_format *f, u64 old, u64 leaf)
{
	u64 new = old | (leaf & (f->write | f->fetch | f->accessed | f->dirty));

	return npt_may_fetch(f, leaf) ? new & ~f->no_fetch : new;
}

/**
 * npt_map - make a leaf, or add rights to one
 * @gpa: what to map
 * @at: level of the leaf: 1 for 4 KiB, 2 for 2 MiB
 * @leaf: from npt_make_leaf(), with accessed and dirty bits if they are to be set from the start
 *
 * Rights that an existing leaf has are kept. A larger leaf with all the rights asked for is good
 * enough; one with fewer is split.
 */
static __always_inline enum npt_result npt_map(const struct npt_ops *ops, void *ctx,
					       const struct npt_tree *t, u64 gpa, int at, u64 leaf)
{
	const struct npt_format *f = t->format;
	u64 *table = t->root;
	u64 *entry;
	u64 old, new, pa, *child;
	int level = f->levels;

	for (;;) {
		entry = &table[npt_index(f, level, gpa)];
		old = ops->read(ctx, entry);
again:
		if (npt_present(f, old) && npt_is_leaf(f, level, old)) {
			/* A and D of one page are no reason to split a large leaf. */
			new = level == at ? leaf : leaf & ~(f->accessed | f->dirty);
			new = npt_more_rights(f, old, new);
			if (new == old)
				return NPT_DONE;
			if (level != at) {
				if (npt_split_entry(ops, ctx, f, level, entry))
					return NPT_NO_TABLE;
				old = ops->read(ctx, entry);
				goto again;
			}
		} else if (npt_present(f, old)) {
			if (level == at)
				return NPT_IN_WAY;
			table = ops->table(ctx, npt_addr(f, old));
			level--;
			continue;
		} else if (level == at) {
			new = leaf;
		} else {
			child = ops->alloc(ctx, &pa);
			if (!child)
				return NPT_NO_TABLE;
			new = npt_make_table(f, pa) | (leaf & f->accessed);
			old = ops->exchange(ctx, entry, old, new);
			if (npt_present(f, old)) {
				ops->free(ctx, child);
				goto again;
			}
			table = child;
			level--;
			continue;
		}
		new = ops->exchange(ctx, entry, old, new);
		if (new == old)
			return NPT_DONE;
		old = new;
		goto again;
	}
}

/**
 * npt_lookup - find the entry that decides about an address
 * @level: out; its level
 *
 * Return: the leaf that maps @gpa or the entry that is not present, its value in *@value.
 */
static __always_inline u64 *npt_lookup(const struct npt_ops *ops, void *ctx,
				       const struct npt_tree *t, u64 gpa, int *level, u64 *value)
{
	const struct npt_format *f = t->format;
	u64 *table = t->root;
	u64 *entry;

	for (*level = f->levels;; (*level)--) {
		entry = &table[npt_index(f, *level, gpa)];
		*value = ops->read(ctx, entry);
		if (!npt_present(f, *value) || npt_is_leaf(f, *level, *value))
			return entry;
		table = ops->table(ctx, npt_addr(f, *value));
	}
}

/* Replace an entry's bits atomically; returns what it held before. */
static __always_inline u64 npt_change(const struct npt_ops *ops, void *ctx, u64 *entry, u64 clear,
				      u64 set)
{
	u64 old = ops->read(ctx, entry);
	u64 prev;

	while ((prev = ops->exchange(ctx, entry, old, (old & ~clear) | set)) != old)
		old = prev;
	return old;
}

/**
 * npt_take - take a bit, f->write or f->dirty, from every leaf in [start, end), splitting large ones
 * @nr: out; leaves that had it
 *
 * The caller flushes before it relies on it. Of a large leaf that cannot be split it is taken whole.
 */
static __always_inline void npt_take(const struct npt_ops *ops, void *ctx, const struct npt_tree *t,
				     u64 start, u64 end, u64 bit, u64 *nr)
{
	const struct npt_format *f = t->format;
	u64 *table[NPT_MAX_LEVELS + 1];
	int level = f->levels;
	u64 gpa = start;
	u64 *entry;
	u64 e;

	*nr = 0;
	table[level] = t->root;
	while (gpa < end) {
		entry = &table[level][npt_index(f, level, gpa)];
		e = ops->read(ctx, entry);
		if (npt_present(f, e) && npt_is_leaf(f, level, e)) {
			if (level > 1 && e & bit &&
			    npt_split_entry(ops, ctx, f, level, entry) == NPT_DONE)
				continue; /* look again */
			if (e & bit) {
				npt_change(ops, ctx, entry, bit, 0);
				(*nr)++;
			}
		} else if (npt_present(f, e)) {
			table[--level] = ops->table(ctx, npt_addr(f, e));
			continue;
		}
		npt_next(f, &gpa, &level);
	}
}

/**
 * npt_unmap - take [start, end) out of the tables
 * @detach: told of each table that is no longer linked (with what hangs below it) and its level
 *
 * After it the caller flushes, waits for walkers, and gives each detached table to npt_free().
 * Leaves that reach out of the range are split if possible and else unmapped whole.
 *
 * Return: leaves and tables taken out; if 0, there is nothing to flush.
 */
static __always_inline u64 npt_unmap(const struct npt_ops *ops, void *ctx, const struct npt_tree *t,
				     u64 start, u64 end,
				     void (*detach)(void *ctx, u64 *table, int level))
{
	const struct npt_format *f = t->format;
	u64 *table[NPT_MAX_LEVELS + 1];
	int level = f->levels;
	u64 gpa = start;
	u64 *entry;
	u64 nr = 0;
	u64 e;

	table[level] = t->root;
	while (gpa < end) {
		bool covered = npt_covered(f, level, gpa, start, end);

		entry = &table[level][npt_index(f, level, gpa)];
		e = ops->read(ctx, entry);
		if (npt_present(f, e)) {
			bool leaf = npt_is_leaf(f, level, e);

			if (!covered && leaf && level > 1 &&
			    npt_split_entry(ops, ctx, f, level, entry) == NPT_DONE)
				continue;
			if (!covered && !leaf) {
				table[--level] = ops->table(ctx, npt_addr(f, e));
				continue;
			}
			e = npt_change(ops, ctx, entry, ~0ULL, 0);
			/* Between the read and here a leaf may have been split, never a table merged. */
			if (npt_present(f, e) && !npt_is_leaf(f, level, e))
				detach(ctx, ops->table(ctx, npt_addr(f, e)), level - 1);
			nr++;
		}
		npt_next(f, &gpa, &level);
	}
	return nr;
}

/* Free a table that was detached, and all below it. */
static __always_inline void npt_free(const struct npt_ops *ops, void *ctx,
				     const struct npt_format *f, u64 *table, int top)
{
	u64 *stack[NPT_MAX_LEVELS + 1];
	unsigned int at[NPT_MAX_LEVELS + 1];
	int level = top;
	u64 e;

	stack[level] = table;
	at[level] = 0;
	while (level <= top) {
		if (level == 1 || at[level] == 1U << npt_level(f, level)->bits) {
			ops->free(ctx, stack[level++]);
			continue;
		}
		e = ops->read(ctx, &stack[level][at[level]++]);
		if (!npt_present(f, e) || npt_is_leaf(f, level, e))
			continue;
		stack[--level] = ops->table(ctx, npt_addr(f, e));
		at[level] = 0;
	}
}

#endif /* FERRY_LIB_HARVEST_WALK_H */
