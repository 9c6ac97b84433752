// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dirty log: which pages were written since the last harvest, whoever wrote them.
 *
 *  - vCPUs: dirty bits of the nested tables (lib/harvest), or write faults if the log protects, or
 *    the CPU's own log of which dirty bits it has set (PML), which goes into .dirty whenever a vCPU
 *    leaves the guest for the host.
 *  - The kernel: ferry_mem_write() and friends mark the page in log->region[].dirty, after writing.
 *  - Userspace: the first write through a mapping marks the page in log->region[].user, after which
 *    it is taken to be written until a harvest has zapped the mapping. Who holds a reference to the
 *    page without a mapping (O_DIRECT, vmsplice, vhost's pins) may write on: its page stays in .user,
 *    and is reported each time, until the reference is gone.
 * Each clears first and reads pages last, so a write is in this harvest's pages or in the next one's
 * report. Starting marks everything dirty by one flag for each region.
 *
 * vm->dirty and what it points to change under mem->lock (read) and npt->lock, followed by a grace
 * period; a harvest holds npt->lock; marks are atomic and need only RCU. While a log exists regions
 * cannot change. Lock order: memory.c.
 */
#include <linux/bitmap.h>
#include <linux/delay.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "memory.h"

/* How long a foreign reference at the last harvest may take to go: somebody looking at /proc, say. */
#define FOREIGN_TRIES	20
#define FOREIGN_WAIT_US 1000

/* A log that does not fit is the caller's loss, and no reason to kill anybody. */
#define GFP_LOG (GFP_KERNEL_ACCOUNT | __GFP_NOWARN | __GFP_RETRY_MAYFAIL)

/* Userspace's mappings are zapped this many words of a bitmap at a time: 2 MiB of pages. */
#define ZAP_WORDS 8UL

struct log_region {
	unsigned long *dirty; /* one allocation for both */
	unsigned long *user;
	unsigned long words;
	bool harvested;
	bool listed; /* PML: every leaf is small, and its D set only if .dirty says so or will */
};

struct ferry_dirty_log {
	enum ferry_log_mode mode;
	bool migration;
	struct log_region region[FERRY_MAX_REGIONS]; /* by id */
};

/* Which of two mechanisms is better depends on the guest; see Documentation/architecture.rst. */
static bool prefer_pml;
module_param_named(pml, prefer_pml, bool, 0644);
MODULE_PARM_DESC(pml, "Log writes by PML (page-modification logging) where the CPU has it, not by dirty bits");

/* --------------------------------------------------------------------------- marks */

enum ferry_log_mode ferry_dirty_mode(struct ferry_vm *vm)
{
	struct ferry_dirty_log *log = smp_load_acquire(&vm->dirty);

	return log ? log->mode : FERRY_LOG_OFF;
}

void ferry_dirty_mark_region(struct ferry_vm *vm, struct ferry_region *r, u64 gfn)
{
	struct ferry_dirty_log *log = smp_load_acquire(&vm->dirty);

	if (log)
		set_bit(gfn - r->gfn, log->region[r->id].dirty);
}

void ferry_dirty_user(struct ferry_vm *vm, struct ferry_region *r, u64 gfn)
{
	struct ferry_dirty_log *log = smp_load_acquire(&vm->dirty);

	if (log)
		set_bit(gfn - r->gfn, log->region[r->id].user);
}

void ferry_dirty_mark(struct ferry_vm *vm, u64 gfn)
{
	struct ferry_region *r;

	rcu_read_lock();
	r = ferry_region_find(vm->mem, gfn);
	if (r)
		ferry_dirty_mark_region(vm, r, gfn);
	rcu_read_unlock();
}

/* -------------------------------------------------------------------- start, stop */

static void log_free(struct ferry_dirty_log *log)
{
	int i;

	for (i = 0; i < FERRY_MAX_REGIONS; i++)
		kvfree(log->region[i].dirty);
	kfree(log);
}

static struct ferry_dirty_log *log_alloc(struct ferry_mem *mem)
{
	struct ferry_dirty_log *log = kzalloc(sizeof(*log), GFP_KERNEL_ACCOUNT);
	int i;

	for (i = 0; log && i < mem->map->nr; i++) {
		struct ferry_region *r = mem->map->region[i];
		struct log_region *l = &log->region[r->id];

		l->words = BITS_TO_LONGS(r->npages);
		l->dirty = kvcalloc(l->words, 2 * sizeof(long), GFP_LOG);
		if (!l->dirty) {
			log_free(log);
			return NULL;
		}
		l->user = l->dirty + l->words;
	}
	return log;
}

static enum ferry_log_mode choose_mode(u32 flags)
{
	const struct npt_format *f = ferry_backend->npt_format();
	bool has_pml = ferry_backend->caps() & FERRY_CAP_DIRTY_PML;

	if (flags & FERRY_DIRTY_WRITE_PROTECT || (!(flags & FERRY_DIRTY_PML) && !f->dirty))
		return FERRY_LOG_PROTECT;
	if (flags & FERRY_DIRTY_PML)
		return has_pml ? FERRY_LOG_PML : FERRY_LOG_OFF;
	return has_pml && prefer_pml ? FERRY_LOG_PML : FERRY_LOG_AD;
}

/**
 * ferry_dirty_start() - start logging
 * @vm: the VM
 * @flags: FERRY_DIRTY_WRITE_PROTECT or FERRY_DIRTY_PML, for one mechanism rather than the best
 * @migration: the log belongs to a migration; FERRY_DIRTY is refused until it ends
 *
 * Everything counts as dirty: the first harvest of each region says so. No vCPU is stopped.
 *
 * Return: 0, -EBUSY if there is a log, -ENOMEM, -EOPNOTSUPP, -EINVAL.
 */
int ferry_dirty_start(struct ferry_vm *vm, u32 flags, bool migration)
{
	enum ferry_log_mode mode = choose_mode(flags);
	struct ferry_mem *mem = vm->mem;
	struct ferry_dirty_log *log;
	int ret = 0;

	if ((flags & FERRY_DIRTY_PML) && (flags & FERRY_DIRTY_WRITE_PROTECT))
		return -EINVAL;
	if (!mode)
		return -EOPNOTSUPP;
	down_read(&mem->lock);
	mutex_lock(ferry_npt_lock(vm));
	log = vm->dirty ? NULL : log_alloc(mem);
	if (log) {
		log->mode = mode;
		log->migration = migration;
		smp_store_release(&vm->dirty, log);
	} else {
		ret = vm->dirty ? -EBUSY : -ENOMEM;
	}
	mutex_unlock(ferry_npt_lock(vm));
	up_read(&mem->lock);
	/* From here on every fault and every kernel write knows of the log. */
	if (!ret)
		synchronize_rcu();
	return ret;
}

/**
 * ferry_dirty_stop() - end the log, and let large leaves come back
 * @vm: the VM
 *
 * Sleeps for as long as it takes to go over the tables; not for the time a VM stands still.
 */
void ferry_dirty_stop(struct ferry_vm *vm)
{
	struct ferry_mem *mem = vm->mem;
	struct ferry_dirty_log *log;
	int i;

	down_read(&mem->lock);
	mutex_lock(ferry_npt_lock(vm));
	log = vm->dirty;
	if (log) {
		WRITE_ONCE(vm->dirty, NULL);
		synchronize_rcu();
		log_free(log);
		for (i = 0; i < mem->map->nr; i++)
			ferry_npt_merge(vm, mem->map->region[i]);
	}
	mutex_unlock(ferry_npt_lock(vm));
	up_read(&mem->lock);
}

/* No vCPU is left and nobody can call. */
void ferry_dirty_destroy(struct ferry_vm *vm)
{
	if (vm->dirty)
		log_free(vm->dirty);
	vm->dirty = NULL;
}

/* ------------------------------------------------------------------------ harvest */

struct harvest_ctx {
	struct ferry_vm *vm;
	struct ferry_region *r;
	struct log_region *l;
	unsigned long *bitmap;
	u64 nr;
};

/* A bitmap may be of many millions of words. */
static void rest(unsigned long word)
{
	if (!(word % 4096))
		cond_resched();
}

/* Bits of one word of the bitmap. */
static void report(struct harvest_ctx *h, unsigned long word, unsigned long bits)
{
	h->nr += hweight_long(bits & ~h->bitmap[word]);
	h->bitmap[word] |= bits;
}

static void report_pages(void *ctx, u64 gfn, u64 nr)
{
	struct harvest_ctx *h = ctx;
	u64 page = gfn - h->r->gfn;
	u64 end = min(page + nr, h->r->npages);
	unsigned int from, to;

	for (; page < end; page += to - from) {
		from = page % BITS_PER_LONG;
		to = min_t(u64, BITS_PER_LONG, from + end - page);
		report(h, page / BITS_PER_LONG, GENMASK(to - 1, from));
		rest(page / BITS_PER_LONG);
	}
}

static void zap(struct harvest_ctx *h, u64 page, u64 nr)
{
	unmap_mapping_range(&h->vm->mem->mapping, (h->r->gfn + page) << PAGE_SHIFT,
			    nr << PAGE_SHIFT, 1);
}

/*
 * After a zap: does somebody hold the page who could write to it?
 *
 * A mapping fault that marked the page before the mark was fetched, but had not installed its entry
 * at the zap, holds a reference and the page lock: with the lock in our hands it is through, and the
 * second zap takes its entry. No new entry is made while we hold the lock, so what is left is not a
 * mapping.
 */
static bool foreign(struct harvest_ctx *h, u64 page)
{
	struct page *p = ferry_region_page(h->r, h->r->gfn + page);
	bool held;

	if (!p || page_count(p) == 1)
		return false;
	lock_page(p);
	zap(h, page, 1);
	held = page_count(p) > 1;
	unlock_page(p);
	return held;
}

/* Of the pages whose mappings were just zapped. Returns how many are still held by somebody. */
static u64 check_foreign(struct harvest_ctx *h, unsigned long word, unsigned long bits)
{
	unsigned long bit;
	u64 nr = 0;

	for_each_set_bit(bit, &bits, BITS_PER_LONG)
	{
		u64 page = (u64)word * BITS_PER_LONG + bit;

		if (page >= h->r->npages || !foreign(h, page))
			continue;
		set_bit(page, h->l->user);
		nr++;
	}
	return nr;
}

/* Fetch the marks of mapped writers. Returns how many pages are still held by somebody. */
static u64 harvest_user(struct harvest_ctx *h, bool first)
{
	unsigned long i, k, nr, bits[ZAP_WORDS];
	u64 from, to, held = 0;

	/* Mappings and references from before the log are in no bitmap. */
	if (first)
		zap(h, 0, h->r->npages);
	for (i = 0; i < h->l->words; i += nr) {
		nr = min(h->l->words - i, ZAP_WORDS);
		from = U64_MAX;
		for (k = 0; k < nr; k++) {
			bits[k] = READ_ONCE(h->l->user[i + k]) ? xchg(&h->l->user[i + k], 0) : 0;
			if (first)
				bits[k] = ~0UL;
			if (!bits[k])
				continue;
			from = min(from, (u64)(i + k) * BITS_PER_LONG + __ffs(bits[k]));
			to = (u64)(i + k) * BITS_PER_LONG + __fls(bits[k]) + 1;
		}
		if (from == U64_MAX)
			continue;
		/* What lies between is zapped with it: cheaper than a TLB flush for each page. */
		if (!first)
			zap(h, from, to - from);
		for (k = 0; k < nr; k++) {
			held += check_foreign(h, i + k, bits[k]);
			if (!first)
				report(h, i + k, bits[k]);
		}
		cond_resched();
	}
	return held;
}

/* Make the next write to these pages mark them again, once flushed; leaves that were changed. */
static u64 arm(struct harvest_ctx *h, enum ferry_log_mode mode, u64 page, u64 nr)
{
	if (mode == FERRY_LOG_PROTECT)
		return ferry_npt_protect(h->vm, h->r->gfn + page, nr);
	return ferry_npt_clean(h->vm, h->r->gfn + page, nr);
}

/* Fetch the kernel's marks, and those of write faults or of the CPUs' logs. */
static void harvest_marks(struct harvest_ctx *h, enum ferry_log_mode mode, bool first)
{
	bool marks_writes = mode != FERRY_LOG_AD;
	unsigned long i, bits;
	u64 armed = 0;

	if (mode == FERRY_LOG_PROTECT && first)
		armed = arm(h, mode, 0, h->r->npages);
	for (i = 0; i < h->l->words; i++) {
		unsigned int from, to;

		rest(i);
		if (!READ_ONCE(h->l->dirty[i]))
			continue;
		bits = xchg(&h->l->dirty[i], 0);
		report(h, i, bits);
		for (from = 0; marks_writes && from < BITS_PER_LONG; from = to) {
			from = find_next_bit(&bits, BITS_PER_LONG, from);
			to = find_next_zero_bit(&bits, BITS_PER_LONG, from);
			if (from < to)
				armed += arm(h, mode, (u64)i * BITS_PER_LONG + from, to - from);
		}
		cond_resched();
	}
	if (armed)
		ferry_npt_flush(h->vm);
}

/*
 * With PML. First every vCPU leaves the guest: what its CPU has logged becomes marks, and it goes back
 * with logging on. From there on D of a small leaf goes from clear to set with an entry in a log, so
 * after one pass over all leaves D is clear in a page that is not marked, now or when its CPU's log is
 * read. Then the marks alone say which leaves to look at, however much else was read. A page that is
 * logged after its mark was fetched is marked again, by the kick of the flush at the latest, for the
 * next harvest; whether its D was cleared in between does not matter.
 *
 * A large leaf is logged once for all its pages. The pass leaves none unless there was no memory for a
 * table to split it; then the next harvest makes the pass again.
 */
static void harvest_logs(struct harvest_ctx *h)
{
	ferry_kick_all_sync(h->vm, FERRY_REQ_EVENT);
	if (h->l->listed) {
		harvest_marks(h, FERRY_LOG_PML, false);
		return;
	}
	harvest_marks(h, FERRY_LOG_AD, false);
	h->l->listed = ferry_npt_harvest(h->vm, h->r->gfn, h->r->npages, true, report_pages, h);
}

/* The VM stands still and userspace has drained its I/O: a reference must go, or be a fault. */
static bool foreign_for_good(struct harvest_ctx *h)
{
	unsigned long i, bits;
	u64 held = 1;
	int try;

	for (try = 0; held && try < FOREIGN_TRIES; try++) {
		usleep_range(FOREIGN_WAIT_US, 2 * FOREIGN_WAIT_US);
		held = 0;
		for (i = 0; i < h->l->words; i++) {
			rest(i);
			bits = READ_ONCE(h->l->user[i]) ? xchg(&h->l->user[i], 0) : 0;
			if (bits)
				held += check_foreign(h, i, bits);
		}
	}
	return held;
}

static struct ferry_region *region_of(struct ferry_mem *mem, u32 id)
{
	int i;

	for (i = 0; i < mem->map->nr; i++)
		if (mem->map->region[i]->id == id)
			return mem->map->region[i];
	return NULL;
}

/**
 * ferry_dirty_harvest() - fetch and clear what was written in a region
 * @vm: the VM; a log exists and stays, so its regions do
 * @region: number of the region
 * @bitmap: one bit for each page, in whole longs; bits are added
 * @final: all vCPUs are stopped and userspace has drained its I/O
 *
 * When it returns the pages may be read: whoever writes to one from now on marks it anew.
 *
 * Return: bits added; -ENOENT no log or no such region; -EBUSY if @final and somebody still holds
 * references to pages that userspace wrote (the bitmap is filled in all the same).
 */
s64 ferry_dirty_harvest(struct ferry_vm *vm, u32 region, unsigned long *bitmap, bool final)
{
	struct harvest_ctx h = { .vm = vm, .bitmap = bitmap };
	struct ferry_dirty_log *log;
	bool first;
	u64 held;
	s64 ret;

	mutex_lock(ferry_npt_lock(vm));
	log = vm->dirty;
	ret = -ENOENT;
	if (!log || region >= FERRY_MAX_REGIONS || !log->region[region].dirty)
		goto out;
	h.l = &log->region[region];
	h.r = region_of(vm->mem, region);
	first = !h.l->harvested;
	h.l->harvested = true;

	held = harvest_user(&h, first);
	if (log->mode == FERRY_LOG_PML)
		harvest_logs(&h);
	else
		harvest_marks(&h, log->mode, first);
	if (log->mode == FERRY_LOG_AD)
		ferry_npt_harvest(vm, h.r->gfn, h.r->npages, first, report_pages, &h);
	if (first)
		report_pages(&h, h.r->gfn, h.r->npages);
	vm->mem->dirty_harvests++;
	vm->mem->dirty_pages += h.nr;
	ret = h.nr;
	if (final && held && foreign_for_good(&h))
		ret = -EBUSY;
out:
	mutex_unlock(ferry_npt_lock(vm));
	return ret;
}

/* -------------------------------------------------------------------------- ioctl */

/*
 * The report did not reach userspace: the pages are as dirty as before. By now it may be another log,
 * of other regions; that began with everything dirty, and a bit too many does no harm.
 */
static void put_back(struct ferry_vm *vm, u32 region, const unsigned long *bitmap, unsigned long words)
{
	struct log_region *l;
	unsigned long i;

	mutex_lock(ferry_npt_lock(vm));
	l = vm->dirty ? &vm->dirty->region[region] : NULL;
	for (i = 0; l && i < min(words, l->words); i++) {
		if (bitmap[i])
			atomic_long_or(bitmap[i], (atomic_long_t *)&l->dirty[i]);
		rest(i);
	}
	mutex_unlock(ferry_npt_lock(vm));
}

/* With vm->lock: the log is no migration's, and neither it nor the regions change. */
static int harvest_locked(struct ferry_vm *vm, struct ferry_dirty *args, unsigned long **bitmap,
			  unsigned long *words)
{
	struct ferry_region *r = region_of(vm->mem, args->region);
	s64 nr;

	if (!r)
		return -ENOENT;
	*words = BITS_TO_LONGS(r->npages);
	if (args->bitmap_bytes < *words * sizeof(long))
		return -EINVAL;
	*bitmap = kvcalloc(*words, sizeof(long), GFP_LOG);
	if (!*bitmap)
		return -ENOMEM;
	nr = ferry_dirty_harvest(vm, args->region, *bitmap, false);
	args->nr_dirty = nr;
	return min_t(s64, nr, 0);
}

/* A migration's log is nobody else's to fetch or stop, nor may another come before it. */
static bool busy_migrating(struct ferry_vm *vm, u32 op)
{
	return (vm->dirty && vm->dirty->migration) ||
	       (op == FERRY_DIRTY_START && ferry_migrate_sending(vm));
}

/**
 * ferry_dirty_ioctl() - FERRY_DIRTY
 * @vm: the VM
 * @args: checked for size and known flags
 *
 * Return: 0 or -errno as struct ferry_dirty says.
 */
int ferry_dirty_ioctl(struct ferry_vm *vm, struct ferry_dirty *args)
{
	unsigned long *bitmap = NULL, words;
	int ret = -EINVAL;

	if (args->op != FERRY_DIRTY_START && args->flags)
		return -EINVAL;
	mutex_lock(&vm->lock);
	if (busy_migrating(vm, args->op)) {
		ret = -EBUSY;
	} else if (args->op == FERRY_DIRTY_START) {
		ret = ferry_dirty_start(vm, args->flags, false);
	} else if (args->op == FERRY_DIRTY_HARVEST) {
		ret = harvest_locked(vm, args, &bitmap, &words);
	} else if (args->op == FERRY_DIRTY_STOP) {
		ret = vm->dirty ? 0 : -ENOENT;
		ferry_dirty_stop(vm);
	}
	mutex_unlock(&vm->lock);
	if (!ret && bitmap &&
	    copy_to_user(u64_to_user_ptr(args->bitmap), bitmap, words * sizeof(long))) {
		put_back(vm, args->region, bitmap, words);
		ret = -EFAULT;
	}
	kvfree(bitmap);
	return ret;
}

void ferry_dirty_stats(struct ferry_vm *vm, struct ferry_stats *stats)
{
	stats->dirty_harvests = vm->mem->dirty_harvests;
	stats->dirty_pages = vm->mem->dirty_pages;
}
