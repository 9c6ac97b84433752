// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nested page tables of a VM: faults, unmapping, flushing, and the harvest's surroundings.
 *
 * The walking is lib/harvest's; here is what it stands on: atomic accesses, table pages, RCU and
 * the kick. Faults of any number of vCPUs run at once and lock nothing: they walk and install
 * under rcu_read_lock(). npt->lock (see memory.c for its place) excludes everybody else: harvest,
 * write protection, unmapping, merging. A table that is taken out is freed after a flush (no
 * processor walks it) and a grace period (no fault handler does).
 *
 * Generations. npt->generation counts flushes. A vCPU remembers the generation and the CPU it last
 * flushed at; loaded anywhere else or later, it flushes first. A vCPU that is loaded already gets a
 * request and is kicked out of the guest, and ferry_npt_flush() waits for that. So when it returns,
 * no vCPU will use anything that any CPU had read from the tables before the call.
 */
#include <linux/io.h>
#include <linux/memcontrol.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <asm/cpufeature.h>

#include "lib/harvest/harvest.h"
#include "memory.h"

#define CACHE_TABLES 8 /* a fault needs at most one for each level below the root */

struct ferry_npt_vcpu {
	/* Tables for faults that may not sleep; all zero. The vCPU's own thread only. */
	unsigned int nr_tables;
	u64 *table[CACHE_TABLES];
	/* What the vCPU flushed last. Its own thread only, interrupts off. */
	int cpu;
	u64 generation;
} ____cacheline_aligned;

struct ferry_npt {
	struct npt_tree tree;
	struct mem_cgroup *memcg; /* the creator's, held by vm->mem */
	struct mutex lock;
	atomic64_t generation;
	u64 flushed; /* generation that the last complete flush made; under lock */
	bool large_fetch; /* large leaves may be executable */
	atomic_long_t tables;
	u64 splits; /* under lock */
	struct ferry_npt_vcpu vcpu[FERRY_MAX_VCPUS];
};

/* ------------------------------------------------------------- what the walker needs */

/* ctx of every call-back; members beyond npt as the caller needs them. */
struct walk {
	struct ferry_npt *npt;
	struct ferry_vm *vm;
	struct ferry_npt_vcpu *cache; /* NULL: the caller may sleep */
	unsigned long allocated;
	bool no_table; /* one was asked for in vain */
	struct list_head detached[NPT_MAX_LEVELS + 1];
	ferry_emit_fn emit;
	void *emit_ctx;
	u64 last_clear; /* generation at which D was last cleared */
};

/* Charged to the VM's creator, as what it maps is. */
static u64 *alloc_table(struct ferry_npt *npt)
{
	struct mem_cgroup *old = set_active_memcg(npt->memcg);
	u64 *table = (u64 *)get_zeroed_page(GFP_KERNEL_ACCOUNT | __GFP_NOWARN);

	set_active_memcg(old);
	if (table)
		atomic_long_inc(&npt->tables);
	return table;
}

static void free_table(struct ferry_npt *npt, u64 *table)
{
	atomic_long_dec(&npt->tables);
	free_page((unsigned long)table);
}

static u64 walk_read(void *ctx, const u64 *entry)
{
	return READ_ONCE(*entry);
}

static u64 walk_cmpxchg(void *ctx, u64 *entry, u64 old, u64 new)
{
	return cmpxchg(entry, old, new);
}

static u64 *walk_table(void *ctx, u64 pa)
{
	return __va(pa);
}

static u64 *walk_alloc(void *ctx, u64 *pa)
{
	struct walk *w = ctx;
	u64 *table;

	if (!w->cache)
		table = alloc_table(w->npt);
	else if (w->cache->nr_tables)
		table = w->cache->table[--w->cache->nr_tables];
	else
		table = NULL;
	w->no_table |= !table;
	if (!table)
		return NULL;
	w->allocated++;
	*pa = __pa(table);
	return table;
}

static void walk_free(void *ctx, u64 *table)
{
	struct walk *w = ctx;

	if (w->cache && w->cache->nr_tables < CACHE_TABLES) {
		clear_page(table); /* another fault was faster; a split had filled it */
		w->cache->table[w->cache->nr_tables++] = table;
	} else {
		free_table(w->npt, table);
	}
	w->allocated--;
}

#define NPT_OPS                                                                   \
	{                                                                         \
		.read = walk_read, .exchange = walk_cmpxchg, .table = walk_table, \
		.alloc = walk_alloc, .free = walk_free,                           \
	}

static const struct npt_ops npt_ops = NPT_OPS;

/* ------------------------------------------------------------------------ flushing */

/**
 * ferry_npt_flush() - make every processor forget this VM's nested translations
 * @vm: the VM; npt->lock held
 *
 * When it returns no vCPU uses a translation or an upper entry that was read before the call.
 */
void ferry_npt_flush(struct ferry_vm *vm)
{
	struct ferry_npt *npt = vm->npt;
	u64 generation = atomic64_inc_return(&npt->generation);

	ferry_kick_all_sync(vm, FERRY_REQ_FLUSH_NESTED);
	npt->flushed = generation;
}

/**
 * ferry_npt_needs_flush() - a vCPU has been loaded on a CPU
 * @vcpu: the vCPU
 * @cpu: this CPU; interrupts are off
 *
 * What this CPU still holds of the vCPU may be from before a flush that found the vCPU elsewhere.
 *
 * Return: whether nested translations must be flushed here before the guest is entered.
 */
bool ferry_npt_needs_flush(struct ferry_vcpu *vcpu, int cpu)
{
	struct ferry_npt *npt = vcpu->vm->npt;
	struct ferry_npt_vcpu *v = &npt->vcpu[vcpu->id];
	u64 generation = atomic64_read(&npt->generation);

	if (v->generation == generation && v->cpu == cpu)
		return false;
	v->generation = generation;
	v->cpu = cpu;
	return true;
}

/* -------------------------------------------------------------------------- faults */

/* Under rcu_read_lock(). SLEEP: a page or a table is missing. */
static enum ferry_fault fix(struct ferry_vm *vm, struct walk *w, u64 gpa, u32 access)
{
	const struct npt_format *f = w->npt->tree.format;
	bool fetch = access & FERRY_ACCESS_FETCH;
	bool write = access & FERRY_ACCESS_WRITE;
	u64 gfn = gpa >> PAGE_SHIFT;
	enum npt_result result = NPT_IN_WAY;
	enum ferry_log_mode log;
	struct ferry_region *r;
	struct page *page;
	bool may_write;
	u64 history;

	r = ferry_region_find(vm->mem, gfn);
	if (!r || (write && r->flags & FERRY_MEM_READONLY))
		return FERRY_FAULT_MMIO;
	page = ferry_region_page(r, gfn);
	if (!page)
		return FERRY_FAULT_SLEEP;
	log = ferry_dirty_mode(vm);
	may_write = !(r->flags & FERRY_MEM_READONLY) && (write || log != FERRY_LOG_PROTECT);
	/* Without a log nobody asks for A and D: spare the processor setting them. */
	history = log == FERRY_LOG_OFF ? f->accessed | (write ? f->dirty : 0) : 0;

	if (log == FERRY_LOG_OFF && (!fetch || w->npt->large_fetch)) {
		struct page *first = ferry_region_large(r, gfn);

		if (first)
			result = npt_map(&npt_ops, w, &w->npt->tree, gpa, 2,
					 npt_make_leaf(f, 2, page_to_phys(first), may_write,
						       w->npt->large_fetch) |
						 history);
	}
	if (result == NPT_IN_WAY)
		result =
			npt_map(&npt_ops, w, &w->npt->tree, gpa, 1,
				npt_make_leaf(f, 1, page_to_phys(page), may_write, true) | history);
	if (result != NPT_DONE)
		return FERRY_FAULT_SLEEP;
	/*
	 * After the leaf allows it, before this vCPU writes. Another vCPU may write earlier; a
	 * harvest between the two protects the page again, and the mark brings it into the next.
	 */
	if (log == FERRY_LOG_PROTECT && write)
		ferry_dirty_mark_region(vm, r, gfn);
	return FERRY_FAULT_FIXED;
}

static int refill(struct ferry_npt *npt, struct ferry_npt_vcpu *cache)
{
	u64 *table;

	while (cache->nr_tables < CACHE_TABLES) {
		table = alloc_table(npt);
		if (!table)
			return cache->nr_tables >= npt->tree.format->levels ? 0 : -ENOMEM;
		cache->table[cache->nr_tables++] = table;
	}
	return 0;
}

/**
 * ferry_npt_fault() - serve a nested page fault
 * @vcpu: the vCPU that took it
 * @gpa: where
 * @access: FERRY_ACCESS_*
 * @atomic: the caller cannot sleep
 *
 * Return: enum ferry_fault.
 */
enum ferry_fault ferry_npt_fault(struct ferry_vcpu *vcpu, u64 gpa, u32 access, bool atomic)
{
	struct ferry_vm *vm = vcpu->vm;
	struct walk w = { .npt = vm->npt, .vm = vm, .cache = &vm->npt->vcpu[vcpu->id] };
	enum ferry_fault fault;
	int ret;

	if (gpa >= npt_limit(w.npt->tree.format))
		return FERRY_FAULT_MMIO;
	for (;;) {
		rcu_read_lock();
		fault = fix(vm, &w, gpa, access);
		rcu_read_unlock();
		if (fault != FERRY_FAULT_SLEEP || atomic)
			return fault;
		ret = ferry_memory_touch(vm, gpa >> PAGE_SHIFT);
		if (ret == -ENOENT)
			return FERRY_FAULT_MMIO;
		if (ret || refill(w.npt, w.cache))
			return FERRY_FAULT_NOMEM;
	}
}

/* --------------------------------------------------------------------- unmapping */

static void init_walk(struct walk *w, struct ferry_vm *vm)
{
	int i;

	*w = (struct walk){ .npt = vm->npt, .vm = vm };
	for (i = 0; i < ARRAY_SIZE(w->detached); i++)
		INIT_LIST_HEAD(&w->detached[i]);
}

static void detach(void *ctx, u64 *table, int level)
{
	struct walk *w = ctx;

	list_add(&virt_to_page(table)->lru, &w->detached[level]);
}

static void free_detached(struct walk *w)
{
	struct page *page, *next;
	int level;

	for (level = 1; level < ARRAY_SIZE(w->detached); level++)
		list_for_each_entry_safe (page, next, &w->detached[level], lru) {
			list_del(&page->lru);
			npt_free(&npt_ops, w, w->npt->tree.format, page_address(page), level);
			cond_resched();
		}
}

/**
 * ferry_npt_unmap() - no vCPU reaches these pages through the nested tables when it returns
 * @vm: the VM
 * @gfn: first page
 * @npages: how many
 *
 * The caller has seen to it that faults do not map them again.
 */
void ferry_npt_unmap(struct ferry_vm *vm, u64 gfn, u64 npages)
{
	struct walk w;

	init_walk(&w, vm);
	mutex_lock(&w.npt->lock);
	if (npt_unmap(&npt_ops, &w, &w.npt->tree, gfn << PAGE_SHIFT, (gfn + npages) << PAGE_SHIFT,
		      detach)) {
		ferry_npt_flush(vm);
		synchronize_rcu();
		free_detached(&w);
	}
	mutex_unlock(&w.npt->lock);
}

/**
 * ferry_npt_merge() - take out tables of pages where a large leaf could stand
 * @vm: the VM; npt->lock held, no log
 * @r: the region
 *
 * The next fault in each maps it large. A break first, because a processor that finds a table and a
 * large leaf for one address at the same time may stop with a machine check (iTLB multihit, and AMD
 * erratum 383).
 */
void ferry_npt_merge(struct ferry_vm *vm, struct ferry_region *r)
{
	struct walk w;
	u64 gfn, nr = 0;
	int level;
	u64 value;

	init_walk(&w, vm);
	for (gfn = round_up(r->gfn, CHUNK_PAGES); gfn + CHUNK_PAGES <= r->gfn + r->npages;
	     gfn += CHUNK_PAGES) {
		cond_resched();
		if (!ferry_region_large(r, gfn))
			continue;
		npt_lookup(&npt_ops, &w, &w.npt->tree, gfn << PAGE_SHIFT, &level, &value);
		if (level == 1)
			nr += npt_unmap(&npt_ops, &w, &w.npt->tree, gfn << PAGE_SHIFT,
					(gfn + CHUNK_PAGES) << PAGE_SHIFT, detach);
	}
	if (!nr)
		return;
	ferry_npt_flush(vm);
	synchronize_rcu();
	free_detached(&w);
}

/* ---------------------------------------------------------- for the dirty log */

static void harvest_flush(void *ctx)
{
	struct walk *w = ctx;

	ferry_npt_flush(w->vm);
}

static void harvest_emit(void *ctx, u64 gfn, u64 nr)
{
	struct walk *w = ctx;

	w->last_clear = atomic64_read(&w->npt->generation);
	w->emit(w->emit_ctx, gfn, nr);
}

static void harvest_relax(void *ctx)
{
	cond_resched();
}

static const struct harvest_ops harvest_ops = {
	.npt = NPT_OPS,
	.flush = harvest_flush,
	.emit = harvest_emit,
	.relax = harvest_relax,
};

bool ferry_npt_harvest(struct ferry_vm *vm, u64 gfn, u64 npages, bool all, ferry_emit_fn emit,
		       void *ctx)
{
	struct walk w;
	u64 nr;

	init_walk(&w, vm);
	w.emit = emit;
	w.emit_ctx = ctx;
	nr = harvest(&harvest_ops, &w, &w.npt->tree, gfn << PAGE_SHIFT,
		     (gfn + npages) << PAGE_SHIFT, all);
	w.npt->splits += w.allocated;
	/* What the pages' reader relies on: flushed since the last D was cleared. */
	WARN_ON_ONCE(nr && w.npt->flushed <= w.last_clear);
	return !w.no_table;
}

static u64 take(struct ferry_vm *vm, u64 gfn, u64 npages, u64 bit)
{
	struct walk w;
	u64 nr;

	init_walk(&w, vm);
	npt_take(&npt_ops, &w, &w.npt->tree, gfn << PAGE_SHIFT, (gfn + npages) << PAGE_SHIFT, bit,
		 &nr);
	w.npt->splits += w.allocated;
	return nr;
}

u64 ferry_npt_protect(struct ferry_vm *vm, u64 gfn, u64 npages)
{
	return take(vm, gfn, npages, vm->npt->tree.format->write);
}

u64 ferry_npt_clean(struct ferry_vm *vm, u64 gfn, u64 npages)
{
	return take(vm, gfn, npages, vm->npt->tree.format->dirty);
}

struct mutex *ferry_npt_lock(struct ferry_vm *vm)
{
	return &vm->npt->lock;
}

/* ---------------------------------------------------------------- beginning and end */

int ferry_npt_init(struct ferry_vm *vm)
{
	struct ferry_npt *npt = kzalloc(sizeof(*npt), GFP_KERNEL_ACCOUNT);

	if (!npt)
		return -ENOMEM;
	npt->memcg = vm->mem->memcg;
	npt->tree.format = ferry_backend->npt_format();
	npt->tree.root = alloc_table(npt);
	if (!npt->tree.root) {
		kfree(npt);
		return -ENOMEM;
	}
	mutex_init(&npt->lock);
	atomic64_set(&npt->generation, 1); /* nobody has flushed at 1 yet */
	/* Intel's "machine check error avoidance on page size change": no large executable pages. */
	npt->large_fetch = !boot_cpu_has_bug(X86_BUG_ITLB_MULTIHIT);
	vm->npt = npt;
	return 0;
}

void ferry_npt_destroy(struct ferry_vm *vm)
{
	struct ferry_npt *npt = vm->npt;
	struct walk w;
	int i;

	init_walk(&w, vm);
	npt_free(&npt_ops, &w, npt->tree.format, npt->tree.root, npt->tree.format->levels);
	for (i = 0; i < FERRY_MAX_VCPUS; i++)
		while (npt->vcpu[i].nr_tables)
			free_table(npt, npt->vcpu[i].table[--npt->vcpu[i].nr_tables]);
	WARN_ON_ONCE(atomic_long_read(&npt->tables));
	mutex_destroy(&npt->lock);
	kfree(npt);
	vm->npt = NULL;
}

phys_addr_t ferry_npt_root(struct ferry_vm *vm)
{
	return __pa(vm->npt->tree.root);
}

/* Large leaves, counted where they stand; lockless walkers may come and go, tables may not. */
static u64 count_large(struct ferry_npt *npt)
{
	const struct npt_format *f = npt->tree.format;
	u64 *table[NPT_MAX_LEVELS + 1];
	int level = f->levels;
	u64 gpa = 0, nr = 0;
	u64 e;

	table[level] = npt->tree.root;
	while (gpa < npt_limit(f)) {
		e = READ_ONCE(table[level][npt_index(f, level, gpa)]);
		if (npt_present(f, e) && npt_is_leaf(f, level, e)) {
			nr++;
		} else if (npt_present(f, e) && level > 2) {
			table[--level] = __va(npt_addr(f, e));
			continue;
		}
		npt_next(f, &gpa, &level);
	}
	return nr;
}

void ferry_npt_stats(struct ferry_vm *vm, struct ferry_stats *stats)
{
	struct ferry_npt *npt = vm->npt;

	mutex_lock(&npt->lock);
	stats->huge_mappings = count_large(npt);
	stats->page_splits = npt->splits;
	mutex_unlock(&npt->lock);
	stats->table_pages = atomic_long_read(&npt->tables);
}
