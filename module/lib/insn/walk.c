// SPDX-License-Identifier: GPL-2.0-only
/*
 * The walker of guest page tables. See walk.h.
 *
 * Pure functions over struct insn_walk; takes no locks.
 */
#include "exec.h"
#include "walk.h"

#define PTE_P	0x001ULL
#define PTE_W	0x002ULL
#define PTE_U	0x004ULL
#define PTE_A	0x020ULL
#define PTE_D	0x040ULL
#define PTE_PS	0x080ULL
#define PTE_G	0x100ULL
#define PTE_NX	(1ULL << 63)

/* A paging mode: how many levels, how many index bits each has, how wide entries are. */
struct format {
	u8 levels, bits, entry;
};

static const struct format legacy = { 2, 10, 4 };
static const struct format pae = { 3, 9, 8 };
static const struct format long4 = { 4, 9, 8 };
static const struct format long5 = { 5, 9, 8 };

static const struct format *format_of(const struct insn_walk *w)
{
	if (w->efer & EFER_LMA)
		return w->cr4 & CR4_LA57 ? &long5 : &long4;
	return w->cr4 & CR4_PAE ? &pae : &legacy;
}

static u64 bits_from_to(unsigned int low, unsigned int high)
{
	return high < low ? 0 : GENMASK_ULL(high, low);
}

/* May an entry of this level (1 is the last table) be a page? */
static bool can_be_page(const struct insn_walk *w, const struct format *f, unsigned int level)
{
	if (level == 1)
		return true;
	if (f == &legacy)
		return level == 2 && w->cr4 & CR4_PSE;
	return level == 2 || (level == 3 && f != &pae);
}

u64 insn_pdpte_reserved(unsigned int phys_bits)
{
	return bits_from_to(phys_bits, 63) | bits_from_to(1, 2) | bits_from_to(6, 8);
}

/* Bits that must be zero. SDM volume 3 tables 4-4 to 4-20. */
static u64 reserved_bits(const struct insn_walk *w, const struct format *f, unsigned int level,
			 u64 entry)
{
	bool large = level > 1 && entry & PTE_PS && can_be_page(w, f, level);
	u64 rsvd;

	if (f == &legacy) {
		/* 4 MiB pages: bits 39:32 of the address in 20:13 (PSE-36), 21 up are zero. */
		if (!large)
			return 0;
		return w->phys_bits >= 40 ? 1ULL << 21 :
		       bits_from_to(w->phys_bits < 32 ? 13 : w->phys_bits - 32 + 13, 21);
	}
	if (f == &pae && level == 3)
		return insn_pdpte_reserved(w->phys_bits);
	rsvd = bits_from_to(w->phys_bits, 51);
	if (!(w->efer & EFER_NXE))
		rsvd |= PTE_NX;
	if (f == &pae) {
		rsvd |= bits_from_to(52, 62);
	} else if (level > 3 || (level == 3 && !w->gbpages)) {
		rsvd |= PTE_PS;
	}
	if (large)
		rsvd |= bits_from_to(13, level == 2 ? 20 : 29);
	return rsvd;
}

static int page_fault(struct insn_walk *w, u32 access, u32 error)
{
	if (access & INSN_ACC_WRITE)
		error |= INSN_PF_W;
	if (w->user && !(access & INSN_ACC_SYSTEM))
		error |= INSN_PF_U;
	if (access & INSN_ACC_FETCH &&
	    (w->cr4 & CR4_SMEP || (w->efer & EFER_NXE && w->cr4 & CR4_PAE)))
		error |= INSN_PF_I;
	w->error = error;
	return INSN_FAULT;
}

/* Protection keys: data accesses to user pages in long mode. SDM volume 3 4.6.2. */
static bool key_forbids(const struct insn_walk *w, u64 leaf, u32 access)
{
	u32 rights;

	if (!(w->cr4 & CR4_PKE) || !(w->efer & EFER_LMA) || access & INSN_ACC_FETCH)
		return false;
	rights = w->pkru >> ((leaf >> 59 & 15) * 2);
	if (rights & 1)
		return true;
	return rights & 2 && access & INSN_ACC_WRITE &&
	       ((w->user && !(access & INSN_ACC_SYSTEM)) || w->cr0 & CR0_WP);
}

/* SDM volume 3 section 4.6: determination of access rights. */
static int check_rights(struct insn_walk *w, u64 leaf, u32 access)
{
	bool user = w->user && !(access & INSN_ACC_SYSTEM);
	bool user_page = w->rights & INSN_WALK_USER;

	if (access & INSN_ACC_FETCH && w->rights & INSN_WALK_NX)
		return page_fault(w, access, INSN_PF_P);
	if (user) {
		if (!user_page || (access & INSN_ACC_WRITE && !(w->rights & INSN_WALK_WRITE)))
			return page_fault(w, access, INSN_PF_P);
	} else {
		if (user_page && access & INSN_ACC_FETCH && w->cr4 & CR4_SMEP)
			return page_fault(w, access, INSN_PF_P);
		if (user_page && !(access & INSN_ACC_FETCH) && w->cr4 & CR4_SMAP &&
		    (!w->ac || access & INSN_ACC_SYSTEM))
			return page_fault(w, access, INSN_PF_P);
		if (access & INSN_ACC_WRITE && !(w->rights & INSN_WALK_WRITE) && w->cr0 & CR0_WP)
			return page_fault(w, access, INSN_PF_P);
	}
	if (user_page && key_forbids(w, leaf, access))
		return page_fault(w, access, INSN_PF_P | INSN_PF_PK);
	return INSN_DONE;
}

struct path {
	u64 gpa[5], entry[5];
};

/* Set A on the way and D at a written leaf; the entries must still be what was read. */
static int mark(struct insn_walk *w, const struct format *f, struct path *path,
		unsigned int leaf_level, u32 access)
{
	unsigned int level;

	for (level = f->levels; level >= leaf_level; level--) {
		u64 want = PTE_A, entry = path->entry[level - 1];

		if (f == &pae && level == 3)
			continue;	/* PDPTEs have no A bit */
		if (level == leaf_level && access & INSN_ACC_WRITE)
			want |= PTE_D;
		if ((entry & want) == want)
			continue;
		TRY(w->set_entry(w->ctx, path->gpa[level - 1], f->entry, entry, entry | want));
		if (level == leaf_level && want & PTE_D)
			w->rights |= INSN_WALK_DIRTY;
	}
	return INSN_DONE;
}

static int walk_once(struct insn_walk *w, const struct format *f, u64 linear, u32 access)
{
	u64 table = w->cr3, entry = 0, offset_mask, address_mask;
	unsigned int level, shift;
	struct path path;

	address_mask = f == &legacy ? 0xfffff000 : bits_from_to(12, 51);
	table &= f == &pae ? 0xffffffe0 : address_mask;
	w->rights = INSN_WALK_WRITE | INSN_WALK_USER;
	for (level = f->levels; ; level--) {
		u64 index;

		shift = 12 + (level - 1) * f->bits;
		index = linear >> shift & ((1U << f->bits) - 1);
		if (f == &pae && level == 3) {
			index &= 3;
			path.entry[2] = w->pdpte[index];
		}
		path.gpa[level - 1] = table + index * f->entry;
		if (!(f == &pae && level == 3 && w->has_pdpte)) {
			path.entry[level - 1] = 0;
			TRY(w->read_entry(w->ctx, path.gpa[level - 1], f->entry,
					  &path.entry[level - 1]));
		}
		entry = path.entry[level - 1];
		if (!(entry & PTE_P))
			return page_fault(w, access, 0);
		if (entry & reserved_bits(w, f, level, entry))
			return page_fault(w, access, INSN_PF_P | INSN_PF_RSVD);
		if (!(f == &pae && level == 3)) {
			if (!(entry & PTE_W))
				w->rights &= ~INSN_WALK_WRITE;
			if (!(entry & PTE_U))
				w->rights &= ~INSN_WALK_USER;
			if (f != &legacy && entry & PTE_NX)
				w->rights |= INSN_WALK_NX;
		}
		if (level == 1 || (entry & PTE_PS && can_be_page(w, f, level)))
			break;
		table = entry & address_mask;
	}
	TRY(check_rights(w, entry, access));
	if (entry & PTE_D)
		w->rights |= INSN_WALK_DIRTY;
	if (entry & PTE_G && w->cr4 & CR4_PGE)
		w->rights |= INSN_WALK_GLOBAL;
	if (!w->peek)
		TRY(mark(w, f, &path, level, access));
	offset_mask = (1ULL << shift) - 1;
	w->page_size = offset_mask + 1;
	w->gpa = (entry & address_mask & ~offset_mask) | (linear & offset_mask);
	if (f == &legacy && level == 2)
		w->gpa |= (entry >> 13 & 0xff) << 32;
	return INSN_DONE;
}

int insn_walk(struct insn_walk *w, u64 linear, u32 access)
{
	const struct format *f = format_of(w);
	unsigned int tries;
	int ret;

	if (!(w->cr0 & CR0_PG)) {
		w->gpa = (u32)linear;
		w->page_size = 4096;
		w->rights = INSN_WALK_WRITE | INSN_WALK_USER | INSN_WALK_DIRTY;
		return INSN_DONE;
	}
	if (!(w->efer & EFER_LMA))
		linear = (u32)linear;
	for (tries = 0; tries < 4; tries++) {
		ret = walk_once(w, f, linear, access);
		if (ret != INSN_RETRY)
			return ret;
	}
	return INSN_RETRY;
}
