// SPDX-License-Identifier: GPL-2.0-only
/*
 * The MSR and I/O permission maps (APM 15.10.1, 15.11): which accesses do not leave the guest.
 *
 * Three read-only maps serve all VMs. Every port is intercepted. Every MSR is intercepted but
 * those whose value VMLOAD and VMSAVE switch whole, so that a guest reads and writes its own.
 * A guest that believes in an Intel CPU loses some of these: state.c keeps what an AMD CPU would
 * not (the upper halves of SYSENTER_ESP and EIP) or must not (CSTAR) store.
 *
 * G_PAT could be left to the guest too, but QEMU's TCG lets an unintercepted WRMSR through to the
 * host's PAT; the guest writes it once. EFER, SPEC_CTRL and TSC_AUX need a look at the value.
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <asm/io.h>
#include <asm/msr-index.h>

#include "svm.h"

#define IOPM_ORDER 2 /* 12 KiB are used: 64 Ki ports, and 3 more for an access at 0xffff */
#define MSRPM_ORDER 1

static const u32 guest_owned[] = {
	MSR_STAR,	       MSR_SYSCALL_MASK,    MSR_FS_BASE,	    MSR_GS_BASE,
	MSR_KERNEL_GS_BASE,    MSR_IA32_SYSENTER_CS,
};

static const u32 guest_owned_on_amd[] = {
	MSR_LSTAR,
	MSR_CSTAR,
	MSR_IA32_SYSENTER_ESP,
	MSR_IA32_SYSENTER_EIP,
};

static struct page *iopm, *msrpm_amd, *msrpm_intel;

/* Two bits per MSR, read and write; three ranges of 8192 MSRs, 2 KiB each. */
static void pass_through(struct page *map, u32 msr)
{
	static const u32 range[] = { 0, 0xc0000000, 0xc0010000 };
	u8 *byte = page_address(map);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(range); i++) {
		u32 nr = msr - range[i];

		if (nr >= 0x2000)
			continue;
		byte[i * 0x800 + nr / 4] &= ~(3 << nr % 4 * 2);
		return;
	}
	WARN_ON_ONCE(1);
}

static struct page *alloc_map(unsigned int order)
{
	struct page *map = alloc_pages(GFP_KERNEL, order);

	if (map)
		memset(page_address(map), 0xff, PAGE_SIZE << order);
	return map;
}

static void free_map(struct page **map, unsigned int order)
{
	if (*map)
		__free_pages(*map, order);
	*map = NULL;
}

int svm_maps_init(void)
{
	unsigned int i;

	iopm = alloc_map(IOPM_ORDER);
	msrpm_amd = alloc_map(MSRPM_ORDER);
	msrpm_intel = alloc_map(MSRPM_ORDER);
	if (!iopm || !msrpm_amd || !msrpm_intel) {
		svm_maps_exit();
		return -ENOMEM;
	}
	for (i = 0; i < ARRAY_SIZE(guest_owned); i++) {
		if (guest_owned[i] == MSR_IA32_SYSENTER_CS && svm_hw.runs_sysenter)
			continue;
		pass_through(msrpm_amd, guest_owned[i]);
		pass_through(msrpm_intel, guest_owned[i]);
	}
	for (i = 0; i < ARRAY_SIZE(guest_owned_on_amd); i++)
		pass_through(msrpm_amd, guest_owned_on_amd[i]);
	return 0;
}

void svm_maps_exit(void)
{
	free_map(&iopm, IOPM_ORDER);
	free_map(&msrpm_amd, MSRPM_ORDER);
	free_map(&msrpm_intel, MSRPM_ORDER);
}

u64 svm_iopm_pa(void)
{
	return page_to_phys(iopm);
}

u64 svm_msrpm_pa(bool intel)
{
	return page_to_phys(intel ? msrpm_intel : msrpm_amd);
}
