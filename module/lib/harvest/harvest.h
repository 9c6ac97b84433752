/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which pages did the guest write? Fetch-and-clear of dirty bits from nested tables, in time
 * proportional to what was touched, while processors run.
 *
 * What a processor may do (SDM vol. 3, 4.8, 4.10.3, 29.3.5 and 29.4; APM vol. 2, 5.5.2 and 15.25):
 *  - a walk sets A in every entry it goes through, then D in the leaf if it is a write;
 *  - with the leaf in its TLB and D known to be set, a write touches no table at all;
 *  - with an upper entry in a paging-structure cache, a walk starts below it: it sets A further
 *    down, and D in the leaf, without setting A in that entry or above again;
 *  - it may walk and cache ahead of need, and forgets only what it is told to forget.
 * So clear D means "not written" only if no TLB knew it set, and clear A means "nothing below has
 * changed" only if no cache held the entry when A was cleared. Hence the order:
 *
 *  1. From the root down, clear A of upper entries and remember where it was set. Where it is clear
 *     nothing was written below since the last harvest, and nobody holds the entry: that harvest
 *     flushed after it cleared A.
 *  2. Flush translations and paging-structure caches of every processor. From here on each walk
 *     starts at the root and sets all A anew, for the next harvest to see.
 *  3. Below remembered entries, collect and clear D of leaves. Go also through entries whose A is
 *     set now: until step 2 a processor could reach them past the entries cleared in step 1, so the
 *     next harvest might not. Their A stays.
 *  4. Flush, so that the next write to a collected page sets D again.
 *  5. Only now may the pages be read: a write before step 4 need not have set D anew.
 *
 * An entry that reaches out of the range of a harvest keeps its A: what was below it elsewhere is
 * not lost. Large leaves are split on sight in step 1 (their D goes to all their pages), so pages
 * are told apart from the second harvest on.
 *
 * selftests/model runs this file against processors that use every one of these freedoms.
 */
#ifndef FERRY_LIB_HARVEST_HARVEST_H
#define FERRY_LIB_HARVEST_HARVEST_H

#include "walk.h"

/**
 * struct harvest_ops - what a harvest needs of its surroundings
 * @npt: tables
 * @flush: return when no processor holds anything of these tables that it read before the call
 * @emit: @nr pages from @gfn on were written; may reach out of the range if a large leaf does
 * @relax: called between tables; may sleep
 */
struct harvest_ops {
	struct npt_ops npt;
	void (*flush)(void *ctx);
	void (*emit)(void *ctx, u64 gfn, u64 nr);
	void (*relax)(void *ctx);
};

/* Step 1. Returns whether anything was changed that processors may hold. */
static __always_inline bool harvest_remember(const struct harvest_ops *ops, void *ctx,
					     const struct npt_tree *t, u64 start, u64 end, bool all)
{
	const struct npt_format *f = t->format;
	u64 *table[NPT_MAX_LEVELS + 1];
	int level = f->levels;
	bool changed = false;
	u64 gpa = start;
	u64 *entry;
	u64 e;

	table[level] = t->root;
	while (gpa < end) {
		entry = &table[level][npt_index(f, level, gpa)];
		e = ops->npt.read(ctx, entry);
		if (npt_present(f, e) && npt_is_leaf(f, level, e)) {
			if (npt_split_entry(&ops->npt, ctx, f, level, entry) == NPT_DONE) {
				changed = true;
				continue; /* look again: a table now */
			}
		} else if (npt_present(f, e) && (all || e & f->accessed)) {
			if (npt_covered(f, level, gpa, start, end)) {
				npt_change(&ops->npt, ctx, entry, f->accessed, NPT_REMEMBERED);
				changed = true;
			}
			if (level > 2) {
				table[--level] = ops->npt.table(ctx, npt_addr(f, e));
				ops->relax(ctx);
				continue;
			}
		}
		npt_next(f, &gpa, &level);
	}
	return changed;
}

/* Step 3, the leaves of one table: from gpa to end or the end of the table. Returns their number. */
static __always_inline u64 harvest_leaves(const struct harvest_ops *ops, void *ctx,
					  const struct npt_format *f, u64 *table, u64 *gpa, u64 end)
{
	u64 last = min(end, (*gpa & ~(npt_span(f, 2) - 1)) + npt_span(f, 2));
	u64 *entry = &table[npt_index(f, 1, *gpa)];
	u64 nr = 0;
	u64 at;

	for (at = *gpa; at < last; at += npt_span(f, 1), entry++) {
		if (!(ops->npt.read(ctx, entry) & f->dirty))
			continue;
		npt_change(&ops->npt, ctx, entry, f->dirty, 0);
		ops->emit(ctx, at >> NPT_PAGE_SHIFT, 1);
		nr++;
	}
	*gpa = last - npt_span(f, 1);
	return nr;
}

/* Step 3. Returns the number of pages collected. */
static __always_inline u64 harvest_collect(const struct harvest_ops *ops, void *ctx,
					   const struct npt_tree *t, u64 start, u64 end)
{
	const struct npt_format *f = t->format;
	u64 *table[NPT_MAX_LEVELS + 1];
	int level = f->levels;
	u64 gpa = start;
	u64 nr = 0;
	u64 *entry;
	u64 e;

	table[level] = t->root;
	while (gpa < end) {
		entry = &table[level][npt_index(f, level, gpa)];
		e = ops->npt.read(ctx, entry);
		if (level == 1) {
			nr += harvest_leaves(ops, ctx, f, table[1], &gpa, end);
		} else if (npt_present(f, e) && npt_is_leaf(f, level, e)) {
			u64 pages = npt_span(f, level) >> NPT_PAGE_SHIFT;

			if (e & f->dirty) {
				npt_change(&ops->npt, ctx, entry, f->dirty, 0);
				ops->emit(ctx, (gpa >> NPT_PAGE_SHIFT) & ~(pages - 1), pages);
				nr += pages;
			}
		} else if (npt_present(f, e) && e & (f->accessed | NPT_REMEMBERED)) {
			if (e & NPT_REMEMBERED)
				npt_change(&ops->npt, ctx, entry, NPT_REMEMBERED, 0);
			table[--level] = ops->npt.table(ctx, npt_addr(f, e));
			ops->relax(ctx);
			continue;
		}
		npt_next(f, &gpa, &level);
	}
	return nr;
}

/**
 * harvest - fetch and clear what was written in a range
 * @start: guest-physical, page aligned
 * @end: likewise
 * @all: look everywhere, whatever the A bits say: the first harvest of a log
 *
 * Harvests of one tree exclude one another and npt_unmap(); faults may go on. Needs a format with
 * accessed and dirty bits.
 *
 * Return: the number of pages emitted. They may be read from now on.
 */
static __always_inline u64 harvest(const struct harvest_ops *ops, void *ctx,
				   const struct npt_tree *t, u64 start, u64 end, bool all)
{
	u64 nr;

	if (harvest_remember(ops, ctx, t, start, end, all))
		ops->flush(ctx);
	nr = harvest_collect(ops, ctx, t, start, end);
	if (nr)
		ops->flush(ctx);
	return nr;
}

#endif /* FERRY_LIB_HARVEST_HARVEST_H */
