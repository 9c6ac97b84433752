// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest memory: regions, their pages, userspace's mapping of them, and the kernel's own accesses.
 *
 * The VM owns its memory, so one place sees every write: vCPUs through the nested tables (npt.c),
 * the kernel through ferry_mem_write(), userspace through a mapping whose faults end here.
 *
 * Locks, outermost first:
 *   vm->lock		changes of the region map; start and stop of the dirty log
 *   mem->lock		read: allocation of pages; write: change of the region map
 *   mem->alloc[]	one of them, by chunk: allocation of its pages
 *   npt->lock		(npt.c) harvests, unmapping, start and stop of the log; not with alloc[]
 *   page lock		a mapping fault from the look at the region map until its entry is
 *			installed; removal and harvest take it to wait such faults out
 *   i_mmap, page-table	the kernel's
 * Look-ups take no lock but RCU: a region is taken from the map, then waited for, then emptied.
 * What must not miss a region's end looks again under the page lock.
 *
 * Memory is zeroed when allocated and never passed on but through the page allocator.
 */
#include <linux/memcontrol.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "memory.h"

/* No region is longer: it bounds what a caller can make us allocate for bookkeeping. */
#define MAX_REGION_PAGES (1ULL << (44 - PAGE_SHIFT))

/*
 * A chunk is a gamble, so it is cheap to lose; for a page try hard. The OOM killer would kill the
 * wrong one: a guest that cannot have its page stops with a message.
 */
#define GFP_CHUNK  (GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN | __GFP_NORETRY)
#define GFP_SINGLE (GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN | __GFP_RETRY_MAYFAIL)

/* ------------------------------------------------------------- pages of a region */

static struct mutex *alloc_lock(struct ferry_mem *mem, u64 gfn)
{
	return &mem->alloc[(gfn >> CHUNK_ORDER) % ALLOC_LOCKS];
}

static bool chunk_inside(struct ferry_region *r, u64 gfn)
{
	u64 first = round_down(gfn, CHUNK_PAGES);

	return first >= r->gfn && first + CHUNK_PAGES <= r->gfn + r->npages;
}

/* With the chunk's lock and the creator's cgroup active. */
static int populate(struct ferry_mem *mem, struct ferry_region *r, u64 gfn)
{
	unsigned long *chunk = ferry_region_chunk(r, gfn);
	struct page **small;
	struct page *page;

	if (ferry_region_page(r, gfn))
		return 0;
	if (!*chunk && chunk_inside(r, gfn)) {
		page = alloc_pages(GFP_CHUNK, CHUNK_ORDER);
		if (page) {
			split_page(page, CHUNK_ORDER);
			smp_store_release(chunk, (unsigned long)page);
			atomic_long_add(CHUNK_PAGES, &mem->present);
			return 0;
		}
	}
	if (!*chunk) {
		small = kcalloc(CHUNK_PAGES, sizeof(*small), GFP_KERNEL_ACCOUNT);
		if (!small)
			return -ENOMEM;
		smp_store_release(chunk, (unsigned long)small | CHUNK_SMALL);
	}
	small = (struct page **)(*chunk & ~CHUNK_SMALL);
	page = alloc_page(GFP_SINGLE);
	if (!page)
		return -ENOMEM;
	smp_store_release(&small[gfn & (CHUNK_PAGES - 1)], page);
	atomic_long_inc(&mem->present);
	return 0;
}

/**
 * ferry_memory_touch() - make a page present
 * @vm: the VM
 * @gfn: guest page number
 *
 * Sleepable context.
 *
 * Return: 0, -ENOENT if there is no memory at @gfn, -ENOMEM.
 */
int ferry_memory_touch(struct ferry_vm *vm, u64 gfn)
{
	struct ferry_mem *mem = vm->mem;
	struct mem_cgroup *old;
	struct ferry_region *r;
	int ret = -ENOENT;

	down_read(&mem->lock);
	r = ferry_region_find(mem, gfn);
	if (r) {
		mutex_lock(alloc_lock(mem, gfn));
		old = set_active_memcg(mem->memcg);
		ret = populate(mem, r, gfn);
		set_active_memcg(old);
		mutex_unlock(alloc_lock(mem, gfn));
	}
	up_read(&mem->lock);
	return ret;
}

/**
 * ferry_memory_page() - look up a present page
 * @vm: the VM
 * @gfn: guest page number
 *
 * Any context. The page lives as long as its region; the caller knows why that stays: regions
 * cannot be removed while a dirty log or a migration is under way, or with vm->lock held.
 *
 * Return: the page or NULL.
 */
struct page *ferry_memory_page(struct ferry_vm *vm, u64 gfn)
{
	struct ferry_region *r;
	struct page *page;

	rcu_read_lock();
	r = ferry_region_find(vm->mem, gfn);
	page = r ? ferry_region_page(r, gfn) : NULL;
	rcu_read_unlock();
	return page;
}

static void region_free(struct ferry_mem *mem, struct ferry_region *r)
{
	unsigned long i, n, nr = 0;

	for (i = 0; i < r->nr_chunks; i++) {
		struct page **small = (struct page **)(r->chunk[i] & ~CHUNK_SMALL);
		struct page *page = (struct page *)r->chunk[i];

		if (!r->chunk[i])
			continue;
		for (n = 0; n < CHUNK_PAGES; n++) {
			if (!(r->chunk[i] & CHUNK_SMALL)) {
				__free_page(page + n);
				nr++;
			} else if (small[n]) {
				__free_page(small[n]);
				nr++;
			}
		}
		if (r->chunk[i] & CHUNK_SMALL)
			kfree(small);
		cond_resched();
	}
	atomic_long_sub(nr, &mem->present);
	kvfree(r);
}

/* ------------------------------------------------------------------- region map */

static int publish(struct ferry_mem *mem, const struct ferry_region_map *map)
{
	struct ferry_region_map *new = kmemdup(map, sizeof(*map), GFP_KERNEL_ACCOUNT);
	struct ferry_region_map *old = mem->map;

	if (!new)
		return -ENOMEM;
	smp_store_release(&mem->map, new);
	synchronize_rcu();
	kfree(old);
	return 0;
}

static struct ferry_region *region_by_id(struct ferry_mem *mem, u32 id, int *at)
{
	for (*at = 0; *at < mem->map->nr; (*at)++)
		if (mem->map->region[*at]->id == id)
			return mem->map->region[*at];
	return NULL;
}

static int region_add(struct ferry_mem *mem, const struct ferry_memory *args)
{
	struct ferry_region_map map = *mem->map;
	u64 gfn = args->gpa >> PAGE_SHIFT;
	u64 npages = args->length >> PAGE_SHIFT;
	u64 nr_chunks = ((gfn + npages - 1) >> CHUNK_ORDER) - (gfn >> CHUNK_ORDER) + 1;
	struct ferry_region *r;
	int at, i, ret;

	if (region_by_id(mem, args->region, &at))
		return -EEXIST;
	for (i = 0, at = 0; i < map.nr; i++) {
		if (gfn < map.region[i]->gfn + map.region[i]->npages &&
		    map.region[i]->gfn < gfn + npages)
			return -EEXIST;
		if (map.region[i]->gfn < gfn)
			at = i + 1;
	}
	r = kvzalloc(struct_size(r, chunk, nr_chunks), GFP_SINGLE);
	if (!r)
		return -ENOMEM;
	r->id = args->region;
	r->flags = args->flags & FERRY_MEM_READONLY;
	r->gfn = gfn;
	r->npages = npages;
	r->nr_chunks = nr_chunks;
	memmove(&map.region[at + 1], &map.region[at], (map.nr - at) * sizeof(r));
	map.region[at] = r;
	map.nr++;
	ret = publish(mem, &map);
	if (ret)
		kvfree(r);
	return ret;
}

/* A mapping fault that found the region before it was taken out has installed its entry now. */
static void wait_for_faults(struct ferry_region *r)
{
	struct page *page;
	u64 gfn;

	for (gfn = r->gfn; gfn < r->gfn + r->npages; gfn++) {
		if (!*ferry_region_chunk(r, gfn)) {
			gfn |= CHUNK_PAGES - 1;
			continue;
		}
		page = ferry_region_page(r, gfn);
		if (!page)
			continue;
		lock_page(page);
		unlock_page(page);
		cond_resched();
	}
}

static int region_remove(struct ferry_vm *vm, u32 id)
{
	struct ferry_mem *mem = vm->mem;
	struct ferry_region_map map = *mem->map;
	struct ferry_region *r;
	int at, ret;

	r = region_by_id(mem, id, &at);
	if (!r)
		return -ENOENT;
	map.nr--;
	memmove(&map.region[at], &map.region[at + 1], (map.nr - at) * sizeof(r));
	ret = publish(mem, &map); /* nested faults that saw it are over when this returns */
	if (ret)
		return ret;
	ferry_npt_unmap(vm, r->gfn, r->npages);
	wait_for_faults(r);
	unmap_mapping_range(&mem->mapping, r->gfn << PAGE_SHIFT, r->npages << PAGE_SHIFT, 1);
	region_free(mem, r);
	return 0;
}

/* Highest guest-physical address + 1 that regions may reach. */
static u64 gpa_limit(struct ferry_vm *vm)
{
	u64 table = npt_limit(ferry_backend->npt_format());
	u8 bits = boot_cpu_data.x86_phys_bits;

	if (vm->phys_bits)
		bits = min(bits, vm->phys_bits);
	return min(table, BIT_ULL(bits));
}

/**
 * ferry_memory_set() - FERRY_SET_MEMORY
 * @vm: the VM, vm->lock held
 * @args: sizes and flags have been checked, nothing else
 *
 * Return: 0 or -errno as struct ferry_memory says.
 */
int ferry_memory_set(struct ferry_vm *vm, const struct ferry_memory *args)
{
	struct ferry_mem *mem = vm->mem;
	u64 end;
	int ret;

	if (args->reserved || args->region >= FERRY_MAX_REGIONS)
		return -EINVAL;
	if (args->flags & FERRY_MEM_REMOVE) {
		if (args->flags & FERRY_MEM_READONLY || args->gpa || args->length)
			return -EINVAL;
	} else if (!args->length || (args->gpa | args->length) & ~PAGE_MASK ||
		   check_add_overflow(args->gpa, args->length, &end) || end > gpa_limit(vm) ||
		   args->length >> PAGE_SHIFT > MAX_REGION_PAGES) {
		return -EINVAL;
	}
	down_write(&mem->lock);
	if (vm->dirty || ferry_migrate_pinned(vm))
		ret = -EBUSY;
	else if (args->flags & FERRY_MEM_REMOVE)
		ret = region_remove(vm, args->region);
	else
		ret = region_add(mem, args);
	up_write(&mem->lock);
	return ret;
}

int ferry_memory_nr_regions(struct ferry_vm *vm)
{
	int nr;

	rcu_read_lock();
	nr = READ_ONCE(vm->mem->map)->nr;
	rcu_read_unlock();
	return nr;
}

/* @region is the number userspace gave; false: there is none of that number. */
bool ferry_memory_region(struct ferry_vm *vm, u32 region, u64 *gpa, u64 *length, u32 *flags)
{
	struct ferry_region_map *map;
	bool found = false;
	int i;

	rcu_read_lock();
	map = READ_ONCE(vm->mem->map);
	for (i = 0; i < map->nr && !found; i++) {
		struct ferry_region *r = map->region[i];

		if (r->id != region)
			continue;
		*gpa = r->gfn << PAGE_SHIFT;
		*length = r->npages << PAGE_SHIFT;
		*flags = r->flags;
		found = true;
	}
	rcu_read_unlock();
	return found;
}

/* ----------------------------------------------------------- userspace's mapping */

/* Is this page (still) the one at gfn? With its lock held the answer stays. */
static bool page_current(struct ferry_vm *vm, struct page *page, u64 gfn)
{
	return ferry_memory_page(vm, gfn) == page;
}

static vm_fault_t memory_fault(struct vm_fault *vmf)
{
	struct ferry_vm *vm = vmf->vma->vm_file->private_data;
	struct ferry_region *r;
	struct page *page;
	int ret;

	for (;;) {
		ret = ferry_memory_touch(vm, vmf->pgoff);
		/* VM_FAULT_OOM would try again for ever: the limit is a cgroup's, not the host's. */
		if (ret)
			return VM_FAULT_SIGBUS;
		rcu_read_lock();
		r = ferry_region_find(vm->mem, vmf->pgoff);
		page = r ? ferry_region_page(r, vmf->pgoff) : NULL;
		if (page)
			get_page(page);
		rcu_read_unlock();
		if (!page)
			continue;
		lock_page(page);
		if (page_current(vm, page, vmf->pgoff))
			break;
		unlock_page(page);
		folio_put(page_folio(page)); /* put_page() looks for device memory first */
	}
	vmf->page = page;
	return VM_FAULT_LOCKED;
}

/*
 * The first write through a mapping since it was made or zapped. LOCKED, because the fault code
 * takes an unlocked page without ->mapping for a truncated one and tries for ever.
 */
static vm_fault_t memory_mkwrite(struct vm_fault *vmf)
{
	struct ferry_vm *vm = vmf->vma->vm_file->private_data;
	struct page *page = vmf->page;
	struct ferry_region *r;

	lock_page(page);
	rcu_read_lock();
	r = ferry_region_find(vm->mem, vmf->pgoff);
	if (r && ferry_region_page(r, vmf->pgoff) == page) {
		ferry_dirty_user(vm, r, vmf->pgoff);
		rcu_read_unlock();
		return VM_FAULT_LOCKED;
	}
	rcu_read_unlock();
	unlock_page(page);
	return VM_FAULT_NOPAGE;
}

static const struct vm_operations_struct memory_vm_ops = {
	.fault = memory_fault,
	.page_mkwrite = memory_mkwrite,
};

int ferry_memory_mmap(struct ferry_vm *vm, struct vm_area_struct *vma)
{
	u64 limit = npt_limit(ferry_backend->npt_format()) >> PAGE_SHIFT;

	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if (vma->vm_pgoff >= limit || vma_pages(vma) > limit - vma->vm_pgoff)
		return -EINVAL;
	vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_ops = &memory_vm_ops;
	return 0;
}

/* ------------------------------------------------------------- the kernel's accesses */

enum access { ACCESS_READ, ACCESS_WRITE };

/*
 * One page's part. Reading what nobody has touched needs no page: it is zero.
 * Return: 0, -ENOENT, or -EAGAIN if a page must be made present first.
 */
static int access_page(struct ferry_vm *vm, u64 gpa, void *buf, size_t len, enum access access)
{
	u64 gfn = gpa >> PAGE_SHIFT;
	struct ferry_region *r;
	struct page *page;
	int ret = 0;

	rcu_read_lock();
	r = ferry_region_find(vm->mem, gfn);
	if (!r || (access == ACCESS_WRITE && r->flags & FERRY_MEM_READONLY)) {
		ret = -ENOENT;
		goto out;
	}
	page = ferry_region_page(r, gfn);
	if (access == ACCESS_READ) {
		if (page)
			memcpy(buf, page_address(page) + offset_in_page(gpa), len);
		else
			memset(buf, 0, len);
	} else if (page) {
		memcpy(page_address(page) + offset_in_page(gpa), buf, len);
		/* After the write: a harvest between the two reads the page again next time. */
		ferry_dirty_mark_region(vm, r, gfn);
	} else {
		ret = -EAGAIN;
	}
out:
	rcu_read_unlock();
	return ret;
}

static int access_range(struct ferry_vm *vm, u64 gpa, void *buf, size_t len, enum access access,
			bool atomic)
{
	u64 end;
	int ret;

	if (check_add_overflow(gpa, (u64)len, &end))
		return -ENOENT;
	while (len) {
		size_t part = min_t(size_t, len, PAGE_SIZE - offset_in_page(gpa));

		ret = access_page(vm, gpa, buf, part, access);
		if (ret == -EAGAIN && !atomic) {
			ret = ferry_memory_touch(vm, gpa >> PAGE_SHIFT);
			if (!ret)
				continue;
		}
		if (ret)
			return ret;
		gpa += part;
		buf += part;
		len -= part;
	}
	return 0;
}

int ferry_mem_read(struct ferry_vm *vm, u64 gpa, void *buf, size_t len)
{
	return access_range(vm, gpa, buf, len, ACCESS_READ, true);
}

int ferry_mem_write(struct ferry_vm *vm, u64 gpa, const void *buf, size_t len)
{
	return access_range(vm, gpa, (void *)buf, len, ACCESS_WRITE, false);
}

/*
 * An entry of a guest's page table, read as the CPU's walk reads it: all at once (SDM volume 3, "Guaranteed
 * Atomic Operations"), while other vCPUs change it. @bytes is 4 or 8, @gpa a multiple of it.
 */
int ferry_mem_read_entry(struct ferry_vm *vm, u64 gpa, unsigned int bytes, u64 *entry)
{
	struct ferry_region *r;
	struct page *page;
	void *at;

	rcu_read_lock();
	r = ferry_region_find(vm->mem, gpa >> PAGE_SHIFT);
	page = r ? ferry_region_page(r, gpa >> PAGE_SHIFT) : NULL;
	*entry = 0;
	if (page) {
		at = page_address(page) + offset_in_page(gpa);
		*entry = bytes == 4 ? READ_ONCE(*(u32 *)at) : READ_ONCE(*(u64 *)at);
	}
	rcu_read_unlock();
	return r ? 0 : -ENOENT;
}

/* -EAGAIN may come after a part was written; writing it all again is right. */
int ferry_mem_write_atomic(struct ferry_vm *vm, u64 gpa, const void *buf, size_t len)
{
	return access_range(vm, gpa, (void *)buf, len, ACCESS_WRITE, true);
}

static bool cmpxchg16(void *p, u64 *old, const u64 *new)
{
	bool done;

	asm volatile("lock cmpxchg16b %1"
		     : "=@ccz"(done), "+m"(*(u64(*)[2])p), "+a"(old[0]), "+d"(old[1])
		     : "b"(new[0]), "c"(new[1])
		     : "memory");
	return done;
}

#define CMPXCHG(type, p, old, new)                                            \
	({                                                                    \
		type _old = *(type *)(old);                                   \
		type _was = cmpxchg((type *)(p), _old, *(const type *)(new)); \
                                                                              \
		*(type *)(old) = _was;                                        \
		_was == _old;                                                 \
	})

/*
 * A misaligned operand could cross a cache line, and the split lock stop the host: such a one is
 * compared and written without a lock, as the rest of the guest must not rely on it (SDM 9.1.1).
 */
static bool exchange(void *p, void *old, const void *new, size_t len)
{
	if ((unsigned long)p & (len - 1)) {
		if (!memcmp(p, old, len)) {
			memcpy(p, new, len);
			return true;
		}
		memcpy(old, p, len);
		return false;
	}
	switch (len) {
	case 1:
		return CMPXCHG(u8, p, old, new);
	case 2:
		return CMPXCHG(u16, p, old, new);
	case 4:
		return CMPXCHG(u32, p, old, new);
	case 8:
		return CMPXCHG(u64, p, old, new);
	default:
		return cmpxchg16(p, old, new);
	}
}

/**
 * ferry_mem_cmpxchg_atomic() - compare and exchange guest memory
 * @vm: the VM
 * @gpa: address; the operand lies within one page
 * @old: what is expected; what was there if that differed
 * @new: what to write
 * @len: 1, 2, 4, 8 or 16
 *
 * Any context.
 *
 * Return: 0 done, 1 @old differed, -ENOENT, -EAGAIN not present yet, -EINVAL size or page crossing.
 */
int ferry_mem_cmpxchg_atomic(struct ferry_vm *vm, u64 gpa, void *old, const void *new, size_t len)
{
	u64 gfn = gpa >> PAGE_SHIFT;
	struct ferry_region *r;
	struct page *page;
	int ret;

	if (!is_power_of_2(len) || len > 16 || offset_in_page(gpa) + len > PAGE_SIZE ||
	    (len == 16 && !boot_cpu_has(X86_FEATURE_CX16)))
		return -EINVAL;
	rcu_read_lock();
	r = ferry_region_find(vm->mem, gfn);
	page = r ? ferry_region_page(r, gfn) : NULL;
	if (!r || r->flags & FERRY_MEM_READONLY)
		ret = -ENOENT;
	else if (!page)
		ret = -EAGAIN;
	else if (exchange(page_address(page) + offset_in_page(gpa), old, new, len))
		ret = 0;
	else
		ret = 1;
	if (!ret)
		ferry_dirty_mark_region(vm, r, gfn);
	rcu_read_unlock();
	return ret;
}

/* ---------------------------------------------------------------- beginning and end */

int ferry_memory_init(struct ferry_vm *vm)
{
	struct ferry_mem *mem = kzalloc(sizeof(*mem), GFP_KERNEL_ACCOUNT);
	int i;

	if (!mem)
		return -ENOMEM;
	mem->map = kzalloc(sizeof(*mem->map), GFP_KERNEL_ACCOUNT);
	if (!mem->map) {
		kfree(mem);
		return -ENOMEM;
	}
	address_space_init_once(&mem->mapping);
	init_rwsem(&mem->lock);
	for (i = 0; i < ALLOC_LOCKS; i++)
		mutex_init(&mem->alloc[i]);
	mem->memcg = get_mem_cgroup_from_mm(current->mm);
	vm->mem = mem;
	return 0;
}

/* Anonymous inodes are one inode for all: unmapping through it would hit strangers. */
void ferry_memory_attach(struct ferry_vm *vm, struct file *file)
{
	struct address_space *mapping = &vm->mem->mapping;

	mapping->host = file_inode(file);
	mapping->a_ops = &empty_aops;
	mapping_set_gfp_mask(mapping, GFP_USER);
	file->f_mapping = mapping;
}

/* The file is closed, so nothing maps the memory; vCPUs and nested tables are gone. */
void ferry_memory_destroy(struct ferry_vm *vm)
{
	struct ferry_mem *mem = vm->mem;
	int i;

	for (i = 0; i < mem->map->nr; i++)
		region_free(mem, mem->map->region[i]);
	for (i = 0; i < ALLOC_LOCKS; i++)
		mutex_destroy(&mem->alloc[i]);
	mem_cgroup_put(mem->memcg);
	kfree(mem->map);
	kfree(mem);
	vm->mem = NULL;
}

void ferry_memory_stats(struct ferry_vm *vm, struct ferry_stats *stats)
{
	stats->pages_present = atomic_long_read(&vm->mem->present);
}
