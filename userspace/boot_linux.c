// SPDX-License-Identifier: GPL-2.0-only
/*
 * Linux bzImage: the 64-bit boot protocol where the kernel has it, the 32-bit one otherwise.
 * Numbers and rules are those of the kernel's Documentation/arch/x86/boot.rst. Pure.
 */
#include <stdio.h>

#include "boot.h"

/* Offsets in the image's first sectors and, the same, in boot_params. */
#define HDR_SETUP_SECTS 0x1f1
#define HDR_BOOT_FLAG 0x1fe
#define HDR_JUMP 0x200
#define HDR_MAGIC 0x202
#define HDR_VERSION 0x206
#define HDR_TYPE_OF_LOADER 0x210
#define HDR_LOADFLAGS 0x211
#define HDR_CODE32_START 0x214
#define HDR_RAMDISK_IMAGE 0x218
#define HDR_RAMDISK_SIZE 0x21c
#define HDR_CMD_LINE_PTR 0x228
#define HDR_INITRD_ADDR_MAX 0x22c
#define HDR_KERNEL_ALIGNMENT 0x230
#define HDR_RELOCATABLE 0x234
#define HDR_XLOADFLAGS 0x236
#define HDR_CMDLINE_SIZE 0x238
#define HDR_PREF_ADDRESS 0x258
#define HDR_INIT_SIZE 0x260

#define BP_ACPI_RSDP 0x070
#define BP_ALT_MEM_K 0x1e0
#define BP_E820_ENTRIES 0x1e8
#define BP_E820 0x2d0
#define BP_SIZE 0x1000

#define LOADED_HIGH 0x01
#define XLF_KERNEL_64 0x0001
#define LOADER_UNDEFINED 0xff
#define ENTRY64 0x200

struct header {
	u16 version;
	u64 setup_bytes;
	u64 payload_bytes;
	u64 load; /* where the kernel wants to be */
	u64 init_size; /* and what it needs from there until it runs */
	u64 initrd_max;
	u64 cmdline_max;
	bool is64;
};

bool boot_is_linux(const struct blob *image)
{
	const u8 *p = image->data;

	return image->size > HDR_INIT_SIZE + 4 && get_le16(p + HDR_BOOT_FLAG) == 0xaa55 &&
	       !memcmp(p + HDR_MAGIC, "HdrS", 4);
}

static int read_header(const struct boot_file *file, struct header *h, struct error *err)
{
	const u8 *p = file->blob.data;
	u64 sects = p[HDR_SETUP_SECTS] ? p[HDR_SETUP_SECTS] : 4;

	h->version = get_le16(p + HDR_VERSION);
	if (h->version < 0x0202 || !(p[HDR_LOADFLAGS] & LOADED_HIGH))
		return fail(err, FERRY_X_BAD_FILE,
			    "%s is a zImage or older than boot protocol 2.02; a bzImage is needed",
			    file->path);
	if (!get_le32(p + HDR_CODE32_START))
		return fail(err, FERRY_X_BAD_FILE,
			    "%s has no 32-bit entry point (its code32_start is 0): it begins in real "
			    "mode and needs a BIOS, which a Ferry VM has not", file->path);
	h->setup_bytes = (sects + 1) * 512;
	if (h->setup_bytes >= file->blob.size)
		return fail(err, FERRY_X_BAD_FILE, "%s is cut off: it ends inside its set-up code",
			    file->path);
	h->payload_bytes = file->blob.size - h->setup_bytes;
	h->load = 0x100000;
	h->init_size = h->payload_bytes;
	h->initrd_max = h->version >= 0x0203 ? get_le32(p + HDR_INITRD_ADDR_MAX) : 0x37ffffff;
	h->cmdline_max = h->version >= 0x0206 ? get_le32(p + HDR_CMDLINE_SIZE) : 255;
	h->is64 = false;
	if (h->version >= 0x020a) {
		h->load = get_le64(p + HDR_PREF_ADDRESS);
		h->init_size = max(h->payload_bytes, (u64)get_le32(p + HDR_INIT_SIZE));
	}
	if (h->version >= 0x020c)
		h->is64 = get_le16(p + HDR_XLOADFLAGS) & XLF_KERNEL_64;
	if (h->load < 0x100000 || h->load >= RAM_LOW_TOP)
		return fail(err, FERRY_X_BAD_FILE, "%s wants to be loaded at %#llx, outside of "
			    "1 MiB to 3 GiB", file->path, (unsigned long long)h->load);
	return 0;
}

/* Identity-map 4 GiB with 2 MiB pages: the 64-bit entry runs with paging on. */
static u64 write_page_tables(const struct guest_ram *ram)
{
	u8 *pml4 = ram_ptr(ram, BOOT_PAGE_TABLES, 6 * 4096);
	u8 *pdpt = pml4 + 4096, *pd = pdpt + 4096;
	u64 i;

	memset(pml4, 0, 6 * 4096);
	put_le64(pml4, (BOOT_PAGE_TABLES + 0x1000) | 3);
	for (i = 0; i < 4; i++)
		put_le64(pdpt + 8 * i, (BOOT_PAGE_TABLES + 0x2000 + 0x1000 * i) | 3);
	for (i = 0; i < 4 * 512; i++)
		put_le64(pd + 8 * i, i << 21 | 0x83);
	return BOOT_PAGE_TABLES;
}

/* __BOOT_CS is 0x10, __BOOT_DS 0x18. */
static void write_gdt(const struct guest_ram *ram, bool is64)
{
	u8 *gdt = ram_ptr(ram, BOOT_GDT, 4 * 8);

	memset(gdt, 0, 4 * 8);
	put_le64(gdt + 0x10, is64 ? 0x00af9b000000ffffULL : 0x00cf9b000000ffffULL);
	put_le64(gdt + 0x18, 0x00cf93000000ffffULL);
}

static void write_e820(const struct guest_ram *ram, u8 *bp)
{
	struct e820_entry map[E820_MAX];
	unsigned int i, n = ram_e820(ram, map);

	bp[BP_E820_ENTRIES] = n;
	for (i = 0; i < n; i++) {
		put_le64(bp + BP_E820 + 20 * i, map[i].addr);
		put_le64(bp + BP_E820 + 20 * i + 8, map[i].size);
		put_le32(bp + BP_E820 + 20 * i + 16, map[i].type);
	}
	put_le32(bp + BP_ALT_MEM_K, ram->low > 0x100000 ? (ram->low - 0x100000) >> 10 : 0);
}

static int check_memory(const struct header *h, const struct guest_ram *ram, u64 initrd,
			struct error *err)
{
	u64 needed = h->load + h->init_size + ((initrd + 0xfff) & ~0xfffULL);

	if (needed <= boot_low_top(ram))
		return 0;
	if (!initrd)
		return boot_too_small(ram, needed, err, "%s (where the kernel loads) + %s (its "
				      "init_size)", human(h->load), human(h->init_size));
	return boot_too_small(ram, needed, err, "%s (where the kernel loads) + %s (its init_size) "
			      "+ %s (initrd)", human(h->load), human(h->init_size), human(initrd));
}

static int place_initrd(const struct header *h, const struct guest_ram *ram,
			const struct boot_file *file, u8 *bp, struct error *err)
{
	u64 size = file->blob.size, top, gpa;
	u8 *to;

	top = min(boot_low_top(ram), h->initrd_max + 1);
	if (size > top || ((top - size) & ~0xfffULL) < h->load + h->init_size)
		return fail(err, FERRY_X_BAD_FILE,
			    "the initrd %s (%s) does not fit below %#llx, where this kernel wants "
			    "it", file->path, human(size), (unsigned long long)h->initrd_max);
	gpa = (top - size) & ~0xfffULL;
	to = ram_ptr(ram, gpa, size);
	memcpy(to, file->blob.data, size);
	put_le32(bp + HDR_RAMDISK_IMAGE, gpa);
	put_le32(bp + HDR_RAMDISK_SIZE, size);
	return 0;
}

int boot_linux(const struct boot_source *src, const struct guest_ram *ram,
	       struct boot_entry *entry, struct error *err)
{
	const u8 *image = src->kernel.blob.data;
	const struct boot_file *initrd = src->nr_modules ? &src->module[0] : NULL;
	struct header h = { 0 };
	u64 cmdline, header_end;
	u8 *bp;
	int ret;

	if (src->nr_modules > 1)
		return fail(err, FERRY_X_USAGE,
			    "Linux takes one initrd, %u modules were given: concatenate the "
			    "archives into one file", src->nr_modules);
	ret = read_header(&src->kernel, &h, err);
	if (!ret)
		ret = check_memory(&h, ram, initrd ? initrd->blob.size : 0, err);
	if (!ret)
		ret = boot_place(ram, "the kernel", h.load, image + h.setup_bytes, h.payload_bytes,
				 h.payload_bytes, err);
	if (!ret)
		ret = boot_cmdline(ram, src->kernel.args, h.cmdline_max, &cmdline, err);
	if (ret)
		return ret;

	bp = ram_ptr(ram, BOOT_INFO, BP_SIZE);
	memset(bp, 0, BP_SIZE);
	/* The set-up header ends where the jump at its start goes. */
	header_end = HDR_MAGIC + image[HDR_JUMP + 1];
	header_end = min(header_end, (u64)BP_E820);
	memcpy(bp + HDR_SETUP_SECTS, image + HDR_SETUP_SECTS, header_end - HDR_SETUP_SECTS);
	bp[HDR_TYPE_OF_LOADER] = LOADER_UNDEFINED;
	put_le32(bp + HDR_CODE32_START, h.load);
	put_le32(bp + HDR_CMD_LINE_PTR, cmdline);
	put_le32(bp + HDR_RAMDISK_IMAGE, 0);
	put_le32(bp + HDR_RAMDISK_SIZE, 0);
	put_le64(bp + BP_ACPI_RSDP, src->rsdp);
	write_e820(ram, bp);
	if (initrd) {
		ret = place_initrd(&h, ram, initrd, bp, err);
		if (ret)
			return ret;
	}

	write_gdt(ram, h.is64);
	entry->long_mode = h.is64;
	entry->rip = h.load + (h.is64 ? ENTRY64 : 0);
	entry->gpr[FERRY_RSI] = BOOT_INFO;
	if (h.is64)
		entry->cr3 = write_page_tables(ram);
	return 0;
}
