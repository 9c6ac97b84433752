/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest memory as memory.c, npt.c and dirty.c share it. The rest of the module uses ferry.h.
 */
#ifndef FERRY_MEMORY_H
#define FERRY_MEMORY_H

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/pagemap.h>
#include <linux/rcupdate.h>
#include <linux/rwsem.h>

#include "ferry.h"
#include "lib/harvest/format.h"

/* Memory is allocated in chunks of 2 MiB of guest-physical space, or in pages of one. */
#define CHUNK_ORDER 9
#define CHUNK_PAGES (1UL << CHUNK_ORDER)
#define CHUNK_SMALL 1UL /* in ferry_region.chunk[]: points to an array of pages */

/**
 * struct ferry_region - one range of guest-physical space that is memory
 * @id: the number userspace gave it
 * @flags: FERRY_MEM_READONLY
 * @gfn: first page
 * @npages: length
 * @nr_chunks: entries of @chunk; @chunk[0] is the chunk that holds @gfn
 * @chunk: 0: nothing there yet; first page of a chunk that is contiguous; or, with CHUNK_SMALL
 *	set, struct page *[CHUNK_PAGES]
 *
 * A page, once there, stays until the region goes.
 */
struct ferry_region {
	u32 id;
	u32 flags;
	u64 gfn;
	u64 npages;
	unsigned long nr_chunks;
	unsigned long chunk[];
};

/* All regions of a VM in rising order; replaced as a whole, read under RCU. */
struct ferry_region_map {
	int nr;
	struct ferry_region *region[FERRY_MAX_REGIONS];
};

#define ALLOC_LOCKS 8

/* Locks: see memory.c. */
struct ferry_mem {
	struct address_space mapping; /* of the VM's file; offset = guest-physical address */
	struct mem_cgroup *memcg; /* the creator's */
	struct rw_semaphore lock;
	struct ferry_region_map *map;
	struct mutex alloc[ALLOC_LOCKS];
	atomic_long_t present; /* pages */
	u64 dirty_harvests; /* over all logs; under npt->lock */
	u64 dirty_pages;
};

/* Under rcu_read_lock() or mem->lock. */
static inline struct ferry_region *ferry_region_find(struct ferry_mem *mem, u64 gfn)
{
	struct ferry_region_map *map = READ_ONCE(mem->map);
	int i;

	for (i = 0; i < map->nr; i++) {
		struct ferry_region *r = map->region[i];

		if (gfn - r->gfn < r->npages)
			return r;
	}
	return NULL;
}

static inline unsigned long *ferry_region_chunk(struct ferry_region *r, u64 gfn)
{
	return &r->chunk[(gfn >> CHUNK_ORDER) - (r->gfn >> CHUNK_ORDER)];
}

/* The first page of the contiguous chunk that holds gfn, or NULL. */
static inline struct page *ferry_region_large(struct ferry_region *r, u64 gfn)
{
	unsigned long c = smp_load_acquire(ferry_region_chunk(r, gfn));

	return c & CHUNK_SMALL ? NULL : (struct page *)c;
}

static inline struct page *ferry_region_page(struct ferry_region *r, u64 gfn)
{
	unsigned long c = smp_load_acquire(ferry_region_chunk(r, gfn));
	struct page **small = (struct page **)(c & ~CHUNK_SMALL);

	if (c & CHUNK_SMALL)
		return smp_load_acquire(&small[gfn & (CHUNK_PAGES - 1)]);
	return c ? (struct page *)c + (gfn & (CHUNK_PAGES - 1)) : NULL;
}

/* What npt.c offers memory.c and dirty.c; npt->lock is taken inside. */
void ferry_npt_unmap(struct ferry_vm *vm, u64 gfn, u64 npages);
struct mutex *ferry_npt_lock(struct ferry_vm *vm);

/* With ferry_npt_lock() held. Pages in [gfn, gfn + npages) that were written, flushed. */
typedef void (*ferry_emit_fn)(void *ctx, u64 gfn, u64 nr);
bool ferry_npt_harvest(struct ferry_vm *vm, u64 gfn, u64 npages, bool all, ferry_emit_fn emit,
		       void *ctx); /* whether all leaves are small now */
/* Take the right to write away, or D, no flush; leaves that had it. */
u64 ferry_npt_protect(struct ferry_vm *vm, u64 gfn, u64 npages);
u64 ferry_npt_clean(struct ferry_vm *vm, u64 gfn, u64 npages);
void ferry_npt_flush(struct ferry_vm *vm); /* nobody holds anything read before the call */
void ferry_npt_merge(struct ferry_vm *vm, struct ferry_region *r); /* large leaves may come back */

/* What dirty.c offers. Under rcu_read_lock(). */
void ferry_dirty_mark_region(struct ferry_vm *vm, struct ferry_region *r, u64 gfn);
/* Userspace is about to get a writable mapping; page lock held. */
void ferry_dirty_user(struct ferry_vm *vm, struct ferry_region *r, u64 gfn);

#endif /* FERRY_MEMORY_H */
