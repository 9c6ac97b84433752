/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The walker of guest page tables: 32-bit, PAE, 4- and 5-level.
 *
 * One implementation for the emulator's memory accesses and for the translate
 * call. SDM volume 3 chapter 4, APM volume 2 chapter 5.
 */
#ifndef FERRY_LIB_INSN_WALK_H
#define FERRY_LIB_INSN_WALK_H

#include "insn.h"

/* Page-fault error code. SDM volume 3 figure 4-12. */
#define INSN_PF_P	0x01	/* the page was present: a protection violation */
#define INSN_PF_W	0x02
#define INSN_PF_U	0x04
#define INSN_PF_RSVD	0x08
#define INSN_PF_I	0x10
#define INSN_PF_PK	0x20

/* struct insn_walk @rights */
#define INSN_WALK_WRITE	0x1	/* writable in every level */
#define INSN_WALK_USER	0x2	/* user in every level */
#define INSN_WALK_NX	0x4	/* no execution in some level */
#define INSN_WALK_GLOBAL 0x8
#define INSN_WALK_DIRTY	0x10	/* the leaf's D bit is set (now) */

/**
 * struct insn_walk - one translation
 * @cr0:         [IN] control registers of the guest
 * @cr3:         [IN]
 * @cr4:         [IN]
 * @efer:        [IN]
 * @pdpte:       [IN] PAE page-directory pointers, if @has_pdpte (VMX loads them
 *               with CR3; SVM reads them from memory at each walk)
 * @pkru:        [IN] protection keys; used if CR4.PKE
 * @phys_bits:   [IN] guest MAXPHYADDR; bits above are reserved
 * @user:        [IN] the access is made at CPL 3 (and is not implicitly supervisor)
 * @ac:          [IN] RFLAGS.AC: explicit supervisor accesses pass SMAP
 * @gbpages:     [IN] 1 GiB pages exist
 * @peek:        [IN] set no A or D bit
 * @read_entry:  [IN] 4 or 8 bytes of guest memory; INSN_DONE, or what the walk
 *               shall return
 * @set_entry:   [IN] compare and exchange a table entry: INSN_DONE, INSN_RETRY when
 *               it had changed, or what the walk shall return. Not used with @peek.
 * @ctx:         [IN] for both
 * @gpa:         [OUT] guest-physical address of the byte asked for
 * @page_size:   [OUT] 4 KiB to 1 GiB; without paging 4 KiB
 * @rights:      [OUT] INSN_WALK_*
 * @error:       [OUT] with INSN_FAULT: the #PF error code
 */
struct insn_walk {
	u64 cr0, cr3, cr4, efer;
	u64 pdpte[4];
	u32 pkru;
	u8 phys_bits;
	bool has_pdpte;
	bool user, ac, gbpages, peek;
	int (*read_entry)(void *ctx, u64 gpa, unsigned int bytes, u64 *value);
	int (*set_entry)(void *ctx, u64 gpa, unsigned int bytes, u64 old, u64 new);
	void *ctx;

	u64 gpa;
	u64 page_size;
	u32 rights;
	u32 error;
};

/**
 * insn_pdpte_reserved - the bits that must be zero in a present PAE page-directory pointer
 * @phys_bits: guest MAXPHYADDR
 *
 * SDM volume 3 table 4-8, APM volume 2 section 5.2.3. But bit 5: QEMU's TCG (7.2) sets A there as it walks,
 * against both manuals, and the guest would suffer for it.
 */
u64 insn_pdpte_reserved(unsigned int phys_bits);

/**
 * insn_walk - translate a linear address
 * @w:      [IN/OUT]
 * @linear: [IN] canonical where that matters
 * @access: [IN] INSN_ACC_WRITE, INSN_ACC_FETCH, INSN_ACC_SYSTEM
 *
 * A and D bits are set only once the access is known to be allowed.
 *
 * Return: INSN_DONE; INSN_FAULT with @w->error; or what a call-back returned.
 * Never loops without bound: INSN_RETRY after a few lost races.
 */
int insn_walk(struct insn_walk *w, u64 linear, u32 access);

#endif /* FERRY_LIB_INSN_WALK_H */
