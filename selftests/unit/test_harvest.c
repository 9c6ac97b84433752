// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nested-table formats and the walker, without concurrency: selftests/model has that.
 */
#include "tap.h"

#include "lib/harvest/walk.h"

#define MAX_TABLES 64
#define MIB	   (1ULL << 20)
#define GIB	   (1ULL << 30)

static u64 tables[MAX_TABLES][512];
static int tables_used, tables_left, frees;

static u64 op_read(void *ctx, const u64 *entry)
{
	return *entry;
}

static u64 op_cmpxchg(void *ctx, u64 *entry, u64 old, u64 new)
{
	u64 was = *entry;

	if (was == old)
		*entry = new;
	return was;
}

static u64 *op_table(void *ctx, u64 pa)
{
	return tables[(pa >> 12) - 1];
}

static u64 *op_alloc(void *ctx, u64 *pa)
{
	if (!tables_left || tables_used == MAX_TABLES)
		return NULL;
	tables_left--;
	*pa = (u64)(tables_used + 1) << 12;
	return tables[tables_used++];
}

static void op_free(void *ctx, u64 *table)
{
	frees++;
}

static const struct npt_ops ops = { op_read, op_cmpxchg, op_table, op_alloc, op_free };

static struct npt_tree fresh(const struct npt_format *f)
{
	struct npt_tree t = { .format = f };
	u64 pa;

	memset(tables, 0, sizeof(tables));
	tables_used = frees = 0;
	tables_left = MAX_TABLES;
	t.root = op_alloc(NULL, &pa);
	return t;
}

static u64 leaf_at(const struct npt_tree *t, u64 gpa, int *level)
{
	u64 value;

	npt_lookup(&ops, NULL, t, gpa, level, &value);
	return value;
}

static void test_formats(void)
{
	const struct npt_format *n = &npt_format_npt4, *e = &npt_format_ept4;

	ok_eq(npt_limit(n), 1ULL << 48, "four levels reach 48 bits");
	ok_eq(npt_limit(&npt_format_npt5), 1ULL << 57, "five levels reach 57 bits");
	ok_eq(npt_span(n, 1), 4096, "level 1 maps 4 KiB");
	ok_eq(npt_span(n, 2), 2 * MIB, "level 2 covers 2 MiB");
	ok_eq(npt_span(n, 3), GIB, "level 3 covers 1 GiB");
	/* APM: P=1 W=2 U=4 A=20h D=40h PS=80h NX=bit 63 */
	ok_eq(npt_make_leaf(n, 1, 0x1000, true, true), 0x1007, "NPT page");
	ok_eq(npt_make_leaf(n, 1, 0x1000, false, true), 0x1005, "NPT read-only page");
	ok_eq(npt_make_leaf(n, 2, 0x200000, true, true), 0x200087, "NPT large page");
	ok_eq(npt_make_leaf(n, 1, 0x1000, true, false), 0x1007 | 1ULL << 63, "NPT no-execute page");
	ok_eq(npt_make_table(n, 0x5000), 0x5007, "NPT table");
	/* SDM: R=1 W=2 X=4 type 6 in 5:3, ignore-PAT 40h, large 80h, A=100h D=200h */
	ok_eq(npt_make_leaf(e, 1, 0x1000, true, true), 0x1077, "EPT page");
	ok_eq(npt_make_leaf(e, 1, 0x1000, false, true), 0x1075, "EPT read-only page");
	ok_eq(npt_make_leaf(e, 2, 0x200000, true, false), 0x2000f3, "EPT large page, no execute");
	ok_eq(npt_make_table(e, 0x5000), 0x5007, "EPT table");
	ok(!npt_format_ept4_noad.accessed && !npt_format_ept4_noad.dirty, "EPT without A/D");
	ok(npt_is_leaf(n, 1, 7) && npt_is_leaf(n, 2, 0x87) && !npt_is_leaf(n, 2, 7) &&
		   !npt_is_leaf(n, 4, 0x87) && !npt_is_leaf(&npt_format_npt5, 5, 0x87),
	   "what is a leaf depends on the level");
	ok(!(n->table & n->accessed) && !(e->table & e->accessed) &&
		   !(NPT_REMEMBERED & (n->addr | n->no_fetch)),
	   "our own bit clashes with nothing");
	ok_eq(npt_leaf_below(n, 2, 0x200000 | 0x80 | 0x67, 5), 0x205067,
	      "NPT: a piece of a large page");
	ok_eq(npt_leaf_below(e, 2, 0x200000 | 0x80 | 0x377, 511), 0x3ff377, "EPT: likewise");
}

static void test_map(const struct npt_format *f)
{
	struct npt_tree t = fresh(f);
	u64 rw = npt_make_leaf(f, 1, 0x7000, true, true);
	u64 ro = npt_make_leaf(f, 1, 0x7000, false, true);
	u64 large = npt_make_leaf(f, 2, 4 * MIB, true, true);
	u64 nr;
	int level;

	diag("%s", f->name);
	tables_left = f->levels - 2;
	ok_eq(npt_map(&ops, NULL, &t, 0x3000, 1, rw), NPT_NO_TABLE, "too few tables");
	tables_left = MAX_TABLES;
	ok_eq(npt_map(&ops, NULL, &t, 0x3000, 1, ro), NPT_DONE, "a read-only page");
	ok_eq(tables_used, f->levels, "as many tables as levels");
	ok(leaf_at(&t, 0x3123, &level) == ro && level == 1, "is found");
	ok(!leaf_at(&t, 0x4000, &level) && level == 1, "its neighbour is not there");
	ok_eq(npt_map(&ops, NULL, &t, 0x3000, 1, rw), NPT_DONE, "made writable");
	ok_eq(leaf_at(&t, 0x3000, &level), rw, "is writable");
	ok_eq(npt_map(&ops, NULL, &t, 0x3000, 1, ro), NPT_DONE, "asked for less");
	ok_eq(leaf_at(&t, 0x3000, &level), rw, "keeps its rights");
	ok_eq(npt_map(&ops, NULL, &t, 0x3000, 2, large), NPT_IN_WAY,
	      "a table is in a large leaf's way");
	ok_eq(npt_map(&ops, NULL, &t, GIB, 2, large), NPT_DONE, "a large leaf");
	ok(leaf_at(&t, GIB + MIB, &level) == large && level == 2, "is found");
	nr = tables_used;
	ok_eq(npt_map(&ops, NULL, &t, GIB + 0x1000, 1,
		      npt_make_leaf(f, 1, 4 * MIB + 0x1000, true, true)),
	      NPT_DONE, "a page of it");
	ok_eq(tables_used, nr, "needs no split");
	npt_take(&ops, NULL, &t, GIB, GIB + 0x2000, f->write, &nr);
	ok_eq(nr, 2, "two pages write-protected");
	ok(leaf_at(&t, GIB + 0x1000, &level) ==
			   npt_make_leaf(f, 1, 4 * MIB + 0x1000, false, true) &&
		   level == 1,
	   "the large leaf was split for it");
	ok_eq(leaf_at(&t, GIB + 0x2000, &level), npt_make_leaf(f, 1, 4 * MIB + 0x2000, true, true),
	      "the others are untouched");
	npt_take(&ops, NULL, &t, 0, npt_limit(f), f->write, &nr);
	ok_eq(nr, 1 + 510, "the rest of all");

	/* Rights that a large leaf lacks, for one page of it. */
	npt_map(&ops, NULL, &t, 2 * GIB, 2, npt_make_leaf(f, 2, 6 * MIB, false, false));
	npt_map(&ops, NULL, &t, 2 * GIB, 1, npt_make_leaf(f, 1, 6 * MIB, true, true));
	ok(leaf_at(&t, 2 * GIB, &level) == npt_make_leaf(f, 1, 6 * MIB, true, true) && level == 1,
	   "more rights for one page split its large leaf");
	ok_eq(leaf_at(&t, 2 * GIB + 0x1000, &level),
	      npt_make_leaf(f, 1, 6 * MIB + 0x1000, false, false),
	      "and leave its neighbours alone");
}

static u64 *gone[MAX_TABLES];
static int gone_level[MAX_TABLES], nr_gone;

static void detach(void *ctx, u64 *table, int level)
{
	gone[nr_gone] = table;
	gone_level[nr_gone++] = level;
}

static void test_unmap(const struct npt_format *f)
{
	struct npt_tree t = fresh(f);
	u64 gpa;
	int level;

	for (gpa = 0; gpa < 8 * 4096; gpa += 4096)
		npt_map(&ops, NULL, &t, gpa, 1, npt_make_leaf(f, 1, gpa, true, true));
	npt_map(&ops, NULL, &t, 2 * MIB, 2, npt_make_leaf(f, 2, 2 * MIB, true, true));
	npt_map(&ops, NULL, &t, 5 * GIB, 1, npt_make_leaf(f, 1, 0x9000, true, true));
	nr_gone = 0;
	ok_eq(npt_unmap(&ops, NULL, &t, 2 * 4096, 5 * 4096, detach), 3, "three pages unmapped");
	ok(leaf_at(&t, 0x1000, &level) && !leaf_at(&t, 0x2000, &level) &&
		   !leaf_at(&t, 0x4000, &level) && leaf_at(&t, 0x5000, &level),
	   "and no others");
	ok_eq(nr_gone, 0, "their table stays");
	ok_eq(npt_unmap(&ops, NULL, &t, 2 * MIB + 0x1000, 3 * MIB, detach), 255,
	      "half of a large leaf unmapped");
	ok(leaf_at(&t, 2 * MIB, &level) == npt_make_leaf(f, 1, 2 * MIB, true, true) &&
		   !leaf_at(&t, 3 * MIB - 1, &level) && leaf_at(&t, 3 * MIB, &level),
	   "page-exact");
	ok_eq(npt_unmap(&ops, NULL, &t, 0, 4 * MIB, detach), 2, "two tables unmapped whole");
	ok_eq(nr_gone, 2, "and handed over");
	ok_eq(npt_unmap(&ops, NULL, &t, 0, 4 * MIB, detach), 0, "nothing left there");
	npt_unmap(&ops, NULL, &t, 0, npt_limit(f), detach);
	while (nr_gone--)
		npt_free(&ops, NULL, f, gone[nr_gone], gone_level[nr_gone]);
	ok_eq(frees, tables_used - 1, "every table but the root is given back");
}

int main(void)
{
	test_formats();
	test_map(&npt_format_npt4);
	test_map(&npt_format_npt5);
	test_map(&npt_format_ept4);
	test_unmap(&npt_format_npt5);
	test_unmap(&npt_format_ept4_noad);
	return done();
}
