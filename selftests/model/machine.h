/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A machine as bad as the manuals allow: processors that walk nested tables, cache translations
 * and upper entries for as long as nobody flushes them, set accessed and dirty bits as late and as
 * rarely as they may, and can be stopped between any two of their steps.
 *
 * One processor step is one atomic access to memory. Each call-back that lib/harvest makes runs a
 * random number of steps of random processors first, so every interleaving of the two can happen.
 */
#ifndef FERRY_MODEL_MACHINE_H
#define FERRY_MODEL_MACHINE_H

#include "lib/harvest/harvest.h"

#define MAX_PAGES   64
#define MAX_CPUS    3
#define MAX_VCPUS   3
#define MAX_TABLES  512
#define MAX_ENTRIES 512

/* What is done wrong on purpose; the test asserts that each is noticed. */
struct rules {
	bool no_flush_after_clear; /* step 2 of a harvest does nothing */
	bool no_flush_before_read; /* step 4 does nothing */
	bool read_before_flush; /* pages are copied as they are emitted */
	bool no_kick; /* requests are set, but running processors are left alone */
	bool no_wait; /* kicked, but not waited for */
	bool request_without_flush; /* the request makes a processor leave, and nothing more */
	bool request_before_announce; /* entry looks at requests before it says "in guest" */
	bool no_flush_on_move; /* a vCPU comes back to a CPU without a flush */
	bool keep_walk_caches; /* a flush drops translations only */
	bool free_before_flush; /* detached tables are freed at once */
	bool no_kick_for_logs; /* a harvest by logs begins with those it has */
	bool no_drain; /* a processor that leaves the guest keeps its log for the next exit */
	bool trust_large; /* a harvest by logs takes a large leaf's entry for one page's */
};

enum where { OUTSIDE, LOADED, ANNOUNCED, IN_GUEST };

/* One memory access of a guest, or a look ahead, in progress. */
struct op {
	enum { OP_NONE, OP_START, OP_WALK, OP_STORE } stage;
	enum { OP_READ, OP_WRITE, OP_AHEAD } kind;
	unsigned int page;
	int level; /* OP_WALK: of the entry to read next */
	u64 *table;
	bool fresh; /* OP_START: the translation is no good, walk */
};

struct translation {
	bool valid;
	bool dirty; /* D is known to be set */
	int level;
	u64 *entry;
};

struct caches {
	struct translation page[MAX_PAGES];
	u64 *table[NPT_MAX_LEVELS + 1][MAX_PAGES]; /* by level of the entry that points to it */
};

struct cpu {
	enum where where;
	int vcpu;
	bool busy; /* in a fault handler; no steps */
	bool looked; /* request_before_announce */
	bool interrupt; /* kicked */
	bool logging; /* as it entered the guest last */
	bool log[MAX_PAGES]; /* pages whose leaf it has set D in */
	struct op op;
	struct caches caches[MAX_VCPUS];
};

struct vcpu {
	int cpu; /* where it is loaded, or -1 */
	int last_cpu;
	bool request;
};

struct machine {
	struct rules rules;
	struct npt_tree tree;
	unsigned int nr_pages, nr_cpus, nr_vcpus;
	bool held; /* no vCPU may be loaded */
	bool tag_by_vm; /* caches are tagged by table root (EPT), not by vCPU (ASID) */
	bool large; /* fault handler maps large leaves */
	bool preset; /* fault handler sets A and D itself */
	bool pml; /* processors keep logs: page-modification logging */
	bool marked[MAX_PAGES]; /* where they put them as they leave the guest */
	bool no_table; /* a table was asked for in vain */
	unsigned int write_share; /* of 16 accesses */
	unsigned int hot_pages; /* the guest touches [hot_from, hot_from + hot_pages) */
	unsigned int hot_from;
	unsigned int pace; /* steps per call-back, on average */
	u64 seed;
	unsigned int depth;

	struct cpu cpu[MAX_CPUS];
	struct vcpu vcpu[MAX_VCPUS];
	u32 version[MAX_PAGES]; /* guest memory */
	u32 copy[MAX_PAGES]; /* what the receiver has */
	u32 clock;
	bool table_used[MAX_TABLES];
	unsigned int nr_tables;
	unsigned int tables_to_give; /* alloc fails after so many; ~0 never */

	const char *broken; /* a processor met what it never should */
	u64 steps, entries_read;
};

/* Processors ignore translations of tables; guest memory and tables are apart in "physical" memory. */
#define PAGE_PA(n) (BIT_ULL(40) + ((u64)(n) << NPT_PAGE_SHIFT))

void machine_init(struct machine *m, const struct npt_format *f, u64 seed);
void machine_run(struct machine *m, unsigned int steps); /* let the processors work */
void machine_stop(struct machine *m); /* all vCPUs out, as ferry_vm_stop() does */
void machine_flush(struct machine *m); /* set requests, kick, wait */
void machine_kick(struct machine *m); /* the same without the flush */
void machine_unmap(struct machine *m, u64 start, u64 end);
/* Call-backs of the walker; ctx is the machine. Each lets the processors work first. */
u64 machine_op_read(void *ctx, const u64 *entry);
u64 machine_op_cmpxchg(void *ctx, u64 *entry, u64 old, u64 new);
u64 *machine_op_table(void *ctx, u64 pa);
u64 *machine_op_alloc(void *ctx, u64 *pa);
void machine_op_free(void *ctx, u64 *table);

#define MACHINE_NPT_OPS                                                                        \
	{                                                                                      \
		.read = machine_op_read, .exchange = machine_op_cmpxchg,                       \
		.table = machine_op_table, .alloc = machine_op_alloc, .free = machine_op_free, \
	}

static inline u32 rnd(struct machine *m, u32 below)
{
	m->seed ^= m->seed << 13;
	m->seed ^= m->seed >> 7;
	m->seed ^= m->seed << 17;
	return below ? (u32)(m->seed >> 32) % below : 0;
}

#endif /* FERRY_MODEL_MACHINE_H */
