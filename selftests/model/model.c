// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dirty-bit harvest of module/lib/harvest against the processors of machine.c.
 *
 * One trial: a machine of random shape works, a log is started, harvested a few times while the
 * processors go on, and stopped. After each harvest the pages it named are copied, as a migration
 * would. The oracle is a version number for each page: once the named pages are copied, no page's
 * copy may be older than the page was when the harvest began; at the end, with all processors
 * stopped, copy and guest must be equal, and a further harvest must name nothing.
 *
 * Half of the logs are by page-modification logging, which module/dirty.c harvests with npt_take() and a
 * first pass of the harvest; log_harvest() below has its steps.
 *
 *	model [TRIALS [SEED]]	the real thing loses nothing, each broken rule is noticed (TAP)
 *	model --find TRIALS	exit 0 if something goes wrong in so many trials: for mutated sources
 */
#include "../unit/tap.h"

#include <time.h>

#include "machine.h"

#define PS BIT_ULL(7)
#define SMALL_BITS                                                            \
	.present = BIT_ULL(0), .table = 7, .leaf = 5, .write = BIT_ULL(1),    \
	.no_fetch = BIT_ULL(63), .accessed = BIT_ULL(5), .dirty = BIT_ULL(6), \
	.addr = GENMASK_ULL(51, 12)

/* Narrow tables: many levels and subtrees for few pages, so that a trial takes microseconds. */
static const struct npt_format deep = {
	.name = "4 levels of 2",
	.levels = 4,
	.level = { { 12, 1, 0, 0 }, { 13, 1, PS, PS }, { 14, 1, PS, PS }, { 15, 1, 0, 1 } },
	SMALL_BITS,
};
static const struct npt_format deeper = {
	.name = "5 levels of 2",
	.levels = 5,
	.level = { { 12, 1, 0, 0 },
		   { 13, 1, PS, PS },
		   { 14, 1, PS, PS },
		   { 15, 1, 0, 1 },
		   { 16, 1, 0, 1 } },
	SMALL_BITS,
};
static const struct npt_format wide = {
	.name = "3 levels of 4",
	.levels = 3,
	.level = { { 12, 2, 0, 0 }, { 14, 2, PS, PS }, { 16, 2, 0, 1 } },
	SMALL_BITS,
};

static bool named[MAX_PAGES];
static u64 nr_named;
static u64 nr_harvests, nr_trials, nr_steps, nr_pages_named;

static void copy_page(struct machine *m, u64 gfn)
{
	m->copy[gfn] = m->version[gfn];
}

/* --- call-backs of the harvest ----------------------------------------------------------------- */

static unsigned int flushes;

static void op_flush(void *ctx)
{
	struct machine *m = ctx;
	/* A harvest flushes for cleared A first, for collected D after that. */
	bool before_read = nr_named || flushes;

	flushes++;
	if (before_read ? m->rules.no_flush_before_read : m->rules.no_flush_after_clear)
		return;
	machine_flush(m);
}

static void op_emit(void *ctx, u64 gfn, u64 nr)
{
	struct machine *m = ctx;

	for (; nr; nr--, gfn++) {
		if (gfn >= m->nr_pages)
			continue;
		named[gfn] = true;
		nr_named++;
		if (m->rules.read_before_flush)
			copy_page(m, gfn);
	}
}

static void op_relax(void *ctx)
{
	machine_run(ctx, rnd(ctx, 3));
}

static const struct harvest_ops ops = {
	.npt = MACHINE_NPT_OPS,
	.flush = op_flush,
	.emit = op_emit,
	.relax = op_relax,
};

/* --- one trial ----------------------------------------------------------------------------------- */

static const char *why;

static bool wrong(const char *what)
{
	why = what;
	return false;
}

static bool listed[2]; /* of the two parts that are harvested by themselves */

static void log_harvest(struct machine *m, unsigned int from, unsigned int to)
{
	bool *done = &listed[from != 0];
	u64 nr, taken = 0;
	unsigned int i;

	if (!m->rules.no_kick_for_logs)
		machine_kick(m);
	for (i = from; i < to; i++) {
		if (!m->marked[i])
			continue;
		m->marked[i] = false;
		op_emit(m, i, 1);
		if (!*done)
			continue;
		npt_take(&ops.npt, m, &m->tree, (u64)i << NPT_PAGE_SHIFT,
			 (u64)(i + 1) << NPT_PAGE_SHIFT, m->tree.format->dirty, &nr);
		taken += nr;
	}
	if (taken)
		op_flush(m);
	if (*done)
		return;
	m->no_table = false;
	harvest(&ops, m, &m->tree, (u64)from << NPT_PAGE_SHIFT, (u64)to << NPT_PAGE_SHIFT, true);
	*done = !m->no_table || m->rules.trust_large;
}

/* Harvest [from, to) in pages and copy what it names. */
static bool one_harvest(struct machine *m, unsigned int from, unsigned int to, bool first)
{
	u32 before[MAX_PAGES];
	unsigned int i;

	if (from == to)
		return true;
	memcpy(before, m->version, sizeof(before));
	for (i = 0; i < m->nr_pages; i++)
		named[i] = first && i >= from && i < to;
	nr_named = flushes = 0;
	if (m->pml)
		log_harvest(m, from, to);
	else
		harvest(&ops, m, &m->tree, (u64)from << NPT_PAGE_SHIFT, (u64)to << NPT_PAGE_SHIFT,
			first);
	nr_harvests++;
	nr_pages_named += nr_named;
	for (i = 0; i < m->nr_pages; i++) {
		if (!named[i])
			continue;
		machine_run(m, rnd(m, 3));
		if (!m->rules.read_before_flush || first)
			copy_page(m, i);
	}
	for (i = from; i < to; i++)
		if (m->copy[i] < before[i])
			return wrong("a write from before a harvest was not in its pages");
	return !m->broken || wrong(m->broken);
}

static bool log_once(struct machine *m, unsigned int cut)
{
	bool large = m->large, preset = m->preset;
	unsigned int rounds = 2 + rnd(m, 4);
	unsigned int r, i;
	u64 again;

	m->large = false;
	m->preset = false;
	m->pml = rnd(m, 2);
	listed[0] = listed[1] = false;
	memset(m->marked, 0, sizeof(m->marked));
	for (r = 0; r < rounds; r++) {
		machine_run(m, rnd(m, rnd(m, 4) ? 200 : 20));
		if (!rnd(m, 3)) {
			m->hot_from = rnd(m, m->nr_pages);
			m->hot_pages = 1 + rnd(m, m->nr_pages);
		}
		if (!rnd(m, 8))
			m->tables_to_give = rnd(m, 3);
		if (!one_harvest(m, 0, cut, !r) || !one_harvest(m, cut, m->nr_pages, !r))
			return false;
		m->tables_to_give = ~0U;
	}
	machine_stop(m);
	if (!one_harvest(m, 0, cut, false) || !one_harvest(m, cut, m->nr_pages, false))
		return false;
	for (i = 0; i < m->nr_pages; i++)
		if (m->copy[i] != m->version[i])
			return wrong("guest and copy differ at the end");
	nr_named = 0;
	if (!one_harvest(m, 0, cut, false))
		return false;
	again = nr_named;
	if (!one_harvest(m, cut, m->nr_pages, false))
		return false;
	if (again || nr_named)
		return wrong("a harvest of an idle machine named a page");
	m->pml = false;
	m->large = large;
	m->preset = preset;
	m->held = false;
	return true;
}

static bool trial(const struct npt_format *f, const struct rules *rules, u64 seed)
{
	static struct machine m;
	unsigned int logs, cut;
	bool good;

	machine_init(&m, f, seed);
	m.rules = *rules;
	m.nr_pages = min_t(u64, MAX_PAGES, npt_limit(f) >> NPT_PAGE_SHIFT);
	m.nr_cpus = 1 + rnd(&m, MAX_CPUS);
	m.nr_vcpus = 1 + rnd(&m, MAX_VCPUS);
	m.tag_by_vm = rnd(&m, 2);
	m.large = rnd(&m, 2);
	m.preset = rnd(&m, 2);
	m.write_share = 1 + rnd(&m, 12);
	m.hot_pages = 1 + rnd(&m, rnd(&m, 2) ? 4 : m.nr_pages);
	m.hot_from = rnd(&m, m.nr_pages);
	m.pace = rnd(&m, 2) ? 1 : rnd(&m, 12);
	cut = rnd(&m, 2) ? 0 : rnd(&m, m.nr_pages);
	good = true;
	for (logs = 1 + rnd(&m, 2); logs && good; logs--) {
		machine_run(&m, rnd(&m, 300));
		good = log_once(&m, cut);
		/* The log is over: tables go, so that large leaves can come back. */
		if (good && rnd(&m, 2)) {
			machine_run(&m, rnd(&m, 100));
			machine_unmap(&m, 0, (u64)m.nr_pages << NPT_PAGE_SHIFT);
			machine_run(&m, rnd(&m, 100));
		}
		if (good && m.broken)
			good = wrong(m.broken);
	}
	machine_stop(&m); /* until the end of the trial */
	machine_unmap(&m, 0, npt_limit(f));
	if (good && m.nr_tables != 1)
		good = wrong("tables leaked");
	nr_trials++;
	nr_steps += m.steps;
	return good;
}

static const struct npt_format *format_of(u64 seed)
{
	switch (seed % 64) {
	case 0:
		return &npt_format_npt4;
	case 1:
		return &npt_format_npt5;
	case 2:
		return &npt_format_ept4;
	case 3 ... 15:
		return &wide;
	case 16 ... 31:
		return &deeper;
	default:
		return &deep;
	}
}

/* The first seed that goes wrong, or 0. */
static u64 search(const struct rules *rules, u64 from, u64 trials)
{
	u64 seed;

	for (seed = from; seed < from + trials; seed++)
		if (!trial(format_of(seed), rules, seed))
			return seed;
	return 0;
}

/* --- the test -------------------------------------------------------------------------------------- */

#define MUTANT(rule, text)                    \
	{                                     \
		{ .rule = true }, #rule, text \
	}

static const struct {
	struct rules rules;
	const char *name;
	const char *text;
} mutants[] = {
	MUTANT(no_flush_after_clear, "no flush between clearing A and collecting D"),
	MUTANT(no_flush_before_read, "no flush between clearing D and reading the page"),
	MUTANT(read_before_flush, "pages read before the last flush"),
	MUTANT(no_kick, "running processors not kicked"),
	MUTANT(no_wait, "kicked processors not waited for"),
	MUTANT(request_without_flush, "kicked processors do not flush"),
	MUTANT(request_before_announce, "entry looks for requests before it announces itself"),
	MUTANT(no_flush_on_move, "no flush when a vCPU comes back to a processor"),
	MUTANT(keep_walk_caches, "a flush that spares paging-structure caches"),
	MUTANT(free_before_flush, "tables freed before the flush"),
	MUTANT(no_kick_for_logs, "a harvest by logs that kicks nobody before"),
	MUTANT(no_drain, "a log that is not emptied at each exit"),
	MUTANT(trust_large, "a large leaf's log entry taken for one page's"),
};

int main(int argc, char **argv)
{
	static const struct rules right;
	u64 trials = 50000, from = 1, seed;
	struct timespec t0, t1;
	unsigned int i;

	if (argc == 3 && !strcmp(argv[1], "--find")) {
		seed = search(&right, from, strtoull(argv[2], NULL, 0));
		if (seed)
			printf("# trial %llu: %s\n", (unsigned long long)seed, why);
		return !seed;
	}
	if (argc > 1)
		trials = strtoull(argv[1], NULL, 0);
	if (argc > 2)
		from = strtoull(argv[2], NULL, 0);

	clock_gettime(CLOCK_MONOTONIC, &t0);
	seed = search(&right, from, trials);
	clock_gettime(CLOCK_MONOTONIC, &t1);
	ok(!seed, "no write is lost");
	if (seed)
		diag("trial %llu: %s", (unsigned long long)seed, why);
	diag("%llu trials, %llu harvests, %llu processor steps, %llu pages named, %.1f s",
	     (unsigned long long)nr_trials, (unsigned long long)nr_harvests,
	     (unsigned long long)nr_steps, (unsigned long long)nr_pages_named,
	     (double)(t1.tv_sec - t0.tv_sec) + (t1.tv_nsec - t0.tv_nsec) / 1e9);
	ok(nr_pages_named > nr_harvests, "harvests have found something to do");
	for (i = 0; i < ARRAY_SIZE(mutants); i++) {
		seed = search(&mutants[i].rules, from, 200000);
		ok(seed, "%s: noticed (%s)", mutants[i].text, mutants[i].name);
		if (seed)
			diag("trial %llu: %s", (unsigned long long)seed, why);
	}
	return done();
}
