// SPDX-License-Identifier: GPL-2.0-only
/*
 * The MSR bitmap (SDM 25.6.9): which accesses do not leave the guest. One read-only map serves all
 * VMs. Ports need none: unconditional I/O exiting says what an all-ones I/O bitmap would.
 *
 * What the VMCS switches whole and the guest may hold any canonical value in is the guest's, as is
 * KERNEL_GS_BASE, which is exchanged at load and put. SYSCALL's MSRs may be read (they are loaded
 * while the guest runs) but not written: guests write them once, and so they never have to be read
 * back. SYSENTER's are not always what the guest wrote (state.c).
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <asm/io.h>
#include <asm/msr-index.h>

#include "vmx.h"

#define GUEST_READS BIT(0)
#define GUEST_WRITES BIT(1)

static const struct {
	u32 msr;
	u32 access;
} guest_owned[] = {
	{ MSR_FS_BASE, GUEST_READS | GUEST_WRITES },
	{ MSR_GS_BASE, GUEST_READS | GUEST_WRITES },
	{ MSR_KERNEL_GS_BASE, GUEST_READS | GUEST_WRITES },
	{ MSR_STAR, GUEST_READS },
	{ MSR_LSTAR, GUEST_READS },
	{ MSR_SYSCALL_MASK, GUEST_READS },
};

static struct page *bitmap;

/* 1 KiB each: reads of low MSRs, reads of 0xc0000000.., writes of both. */
static void pass_through(u32 msr, u32 access)
{
	unsigned long *map = page_address(bitmap);
	u32 nr = msr & 0x1fff;
	u32 half = msr >= 0xc0000000 ? 8192 : 0;

	if (access & GUEST_READS)
		__clear_bit(half + nr, map);
	if (access & GUEST_WRITES)
		__clear_bit(2 * 8192 + half + nr, map);
}

int vmx_maps_init(void)
{
	size_t i;

	bitmap = alloc_page(GFP_KERNEL);
	if (!bitmap)
		return -ENOMEM;
	memset(page_address(bitmap), 0xff, PAGE_SIZE);
	for (i = 0; i < ARRAY_SIZE(guest_owned); i++)
		pass_through(guest_owned[i].msr, guest_owned[i].access);
	return 0;
}

void vmx_maps_exit(void)
{
	__free_page(bitmap);
	bitmap = NULL;
}

u64 vmx_msr_bitmap_pa(void)
{
	return page_to_phys(bitmap);
}
