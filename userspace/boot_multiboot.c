// SPDX-License-Identifier: GPL-2.0-only
/*
 * Multiboot 1 (specification 0.6.96): images as ELF or with addresses in their header, modules,
 * memory map, command lines. Pure.
 */
#include <stdio.h>

#include "boot.h"

#define MB_MAGIC 0x1badb002
#define MB_LOADED 0x2badb002
#define MB_SEARCH 8192

/* Header flags; of the lower half everything else is something we cannot give. */
#define MB_PAGE_ALIGN 0x1
#define MB_MEMORY_INFO 0x2
#define MB_VIDEO 0x4
#define MB_ADDRESSES 0x10000

/* Information flags. */
#define MBI_MEMORY 0x1
#define MBI_CMDLINE 0x4
#define MBI_MODULES 0x8
#define MBI_MEMORY_MAP 0x40
#define MBI_LOADER_NAME 0x200

#define MBI_MODS (BOOT_INFO + 0x200)
#define MBI_MMAP (BOOT_INFO + 0x1000)
#define MBI_NAME (BOOT_INFO + 0x1f00)
#define MBI_STRINGS (BOOT_INFO + 0x2000)

static const char loader_name[] = "ferry";

/* Offset of the header, or -1. */
static long find_header(const struct blob *image)
{
	const u8 *p = image->data;
	size_t off;

	for (off = 0; off + 12 <= min(image->size, (size_t)MB_SEARCH); off += 4)
		if (get_le32(p + off) == MB_MAGIC &&
		    !(u32)(get_le32(p + off) + get_le32(p + off + 4) + get_le32(p + off + 8)))
			return off;
	return -1;
}

bool boot_is_multiboot(const struct blob *image)
{
	return find_header(image) >= 0;
}

static int load_by_addresses(const struct boot_file *file, const struct guest_ram *ram, long header,
			     struct boot_extent *out, struct error *err)
{
	const u8 *p = (u8 *)file->blob.data + header;
	u64 header_addr, load, load_end, bss_end, start, bytes;

	if (header + 32 > file->blob.size)
		return fail(err, FERRY_X_BAD_FILE, "%s is cut off inside its Multiboot header",
			    file->path);
	header_addr = get_le32(p + 12);
	load = get_le32(p + 16);
	load_end = get_le32(p + 20);
	bss_end = get_le32(p + 24);
	out->entry = get_le32(p + 28);

	if (load > header_addr || header_addr - load > (u64)header)
		return fail(err, FERRY_X_BAD_FILE,
			    "%s: the load address %#llx in its Multiboot header lies before the "
			    "file", file->path, (unsigned long long)load);
	start = header - (header_addr - load);
	bytes = load_end ? load_end - load : file->blob.size - start;
	if ((load_end && load_end < load) || bytes > file->blob.size - start)
		return fail(err, FERRY_X_BAD_FILE, "%s is shorter than its Multiboot header says",
			    file->path);
	out->start = load;
	out->end = max(load + bytes, bss_end);
	return boot_place(ram, file->path, load, (u8 *)file->blob.data + start, bytes,
			  out->end - load, err);
}

/* "NAME ARGS", as boot loaders hand it over. */
static int put_string(const struct guest_ram *ram, const struct boot_file *file, u64 *at, u64 top,
		      u32 *gpa, struct error *err)
{
	size_t room = top - *at, len;
	char *to = ram_ptr(ram, *at, room);

	len = snprintf(to, room, "%s%s%s", file->path, *file->args ? " " : "", file->args);
	if (len >= room)
		return fail(err, FERRY_X_USAGE, "the command lines are too long for Multiboot");
	*gpa = *at;
	*at += len + 1;
	return 0;
}

/* After the image, page-aligned, in order: where test kernels look for free memory last. */
static int place_modules(const struct boot_source *src, const struct guest_ram *ram, u64 start,
			 u8 *list, struct error *err)
{
	u64 at = max((start + 0xfff) & ~0xfffULL, 0x100000ULL), needed = at;
	u64 strings = MBI_STRINGS;
	unsigned int i;
	u32 string;
	int ret;

	for (i = 0; i < src->nr_modules; i++)
		needed += (src->module[i].blob.size + 0xfff) & ~0xfffULL;
	if (needed > boot_low_top(ram))
		return boot_too_small(ram, needed, err, "%s (end of the image) + %s (modules)",
				      human(at), human(needed - at));
	for (i = 0; i < src->nr_modules; i++) {
		const struct boot_file *m = &src->module[i];

		memcpy(ram_ptr(ram, at, m->blob.size), m->blob.data, m->blob.size);
		ret = put_string(ram, m, &strings, BOOT_INFO_TOP, &string, err);
		if (ret)
			return ret;
		put_le32(list + 16 * i, at);
		put_le32(list + 16 * i + 4, at + m->blob.size);
		put_le32(list + 16 * i + 8, string);
		put_le32(list + 16 * i + 12, 0);
		at += (m->blob.size + 0xfff) & ~0xfffULL;
	}
	return 0;
}

static u32 write_memory_map(const struct guest_ram *ram, u8 *to)
{
	struct e820_entry map[E820_MAX];
	unsigned int i, n = ram_e820(ram, map);

	for (i = 0; i < n; i++) {
		put_le32(to + 24 * i, 20);
		put_le64(to + 24 * i + 4, map[i].addr);
		put_le64(to + 24 * i + 12, map[i].size);
		put_le32(to + 24 * i + 20, map[i].type);
	}
	return 24 * n;
}

int boot_multiboot(const struct boot_source *src, const struct guest_ram *ram,
		   struct boot_entry *entry, struct error *err)
{
	const struct boot_file *file = &src->kernel;
	long header = find_header(&file->blob);
	u32 flags = get_le32((u8 *)file->blob.data + header + 4);
	u64 strings = BOOT_CMDLINE;
	struct boot_extent extent;
	u32 cmdline;
	u8 *info;
	int ret;

	if (flags & 0xffff & ~(MB_PAGE_ALIGN | MB_MEMORY_INFO | MB_VIDEO))
		return fail(err, FERRY_X_BAD_FILE,
			    "%s requires Multiboot features this loader does not have (flags %#x)",
			    file->path, flags);
	if (flags & MB_ADDRESSES)
		ret = load_by_addresses(file, ram, header, &extent, err);
	else if (!memcmp(file->blob.data, "\177ELF", 4))
		ret = boot_elf(file, ram, &extent, err);
	else
		ret = fail(err, FERRY_X_BAD_FILE,
			   "%s has a Multiboot header without addresses, but is no ELF image",
			   file->path);
	if (ret)
		return ret;
	if (extent.entry < extent.start || extent.entry >= extent.end)
		return fail(err, FERRY_X_BAD_FILE,
			    "%s: its entry point %#llx lies outside of what it loads (%#llx-%#llx)",
			    file->path, (unsigned long long)extent.entry,
			    (unsigned long long)extent.start, (unsigned long long)extent.end);

	info = ram_ptr(ram, BOOT_INFO, BOOT_INFO_TOP - BOOT_INFO);
	memset(info, 0, BOOT_INFO_TOP - BOOT_INFO);
	ret = place_modules(src, ram, extent.end, info + MBI_MODS - BOOT_INFO, err);
	if (!ret)
		ret = put_string(ram, file, &strings, BOOT_CMDLINE_TOP, &cmdline, err);
	if (ret)
		return ret;
	memcpy(info + MBI_NAME - BOOT_INFO, loader_name, sizeof(loader_name));

	put_le32(info, MBI_MEMORY | MBI_CMDLINE | MBI_MODULES | MBI_MEMORY_MAP | MBI_LOADER_NAME);
	put_le32(info + 4, EBDA_BASE >> 10);
	put_le32(info + 8, ram->low > 0x100000 ? (ram->low - 0x100000) >> 10 : 0);
	put_le32(info + 16, cmdline);
	put_le32(info + 20, src->nr_modules);
	put_le32(info + 24, src->nr_modules ? MBI_MODS : 0);
	put_le32(info + 44, write_memory_map(ram, info + MBI_MMAP - BOOT_INFO));
	put_le32(info + 48, MBI_MMAP);
	put_le32(info + 64, MBI_NAME);

	entry->rip = extent.entry;
	entry->gpr[FERRY_RAX] = MB_LOADED;
	entry->gpr[FERRY_RBX] = BOOT_INFO;
	return 0;
}
