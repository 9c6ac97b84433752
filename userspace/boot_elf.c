// SPDX-License-Identifier: GPL-2.0-only
/*
 * ELF images: their segments, and the PVH entry that a note of theirs names. The note and
 * hvm_start_info are those of Xen's public headers (elfnote.h, arch-x86/hvm/start_info.h). Pure.
 */
#include <elf.h>
#include <stdio.h>

#include "boot.h"

#define XEN_ELFNOTE_PHYS32_ENTRY 18

#define START_INFO_MAGIC 0x336ec578
#define START_INFO_SIZE 56
#define START_MODULES (BOOT_INFO + 0x100)
#define START_MEMMAP (BOOT_INFO + 0x1000)
#define START_MODULE_ARGS (BOOT_INFO + 0x2000)

struct phdr {
	u32 type;
	u64 offset;
	u64 paddr;
	u64 filesz;
	u64 memsz;
	u64 align;
};

static bool is_elf(const struct blob *image)
{
	const u8 *p = image->data;

	return image->size >= sizeof(Elf32_Ehdr) && !memcmp(p, ELFMAG, SELFMAG) &&
	       (p[EI_CLASS] == ELFCLASS32 ||
		(p[EI_CLASS] == ELFCLASS64 && image->size >= sizeof(Elf64_Ehdr))) &&
	       p[EI_DATA] == ELFDATA2LSB;
}

bool boot_is_elf32(const struct blob *image)
{
	return is_elf(image) && ((u8 *)image->data)[EI_CLASS] == ELFCLASS32;
}

static unsigned int phdr_count(const struct blob *image)
{
	const u8 *p = image->data;

	return get_le16(p + (boot_is_elf32(image) ? offsetof(Elf32_Ehdr, e_phnum) :
						    offsetof(Elf64_Ehdr, e_phnum)));
}

static u64 elf_entry(const struct blob *image)
{
	const u8 *p = image->data;

	return boot_is_elf32(image) ? get_le32(p + offsetof(Elf32_Ehdr, e_entry)) :
				      get_le64(p + offsetof(Elf64_Ehdr, e_entry));
}

/* Program header @i; false if it lies outside of the file. */
static bool phdr(const struct blob *image, unsigned int i, struct phdr *out)
{
	const u8 *p = image->data;
	u64 off, size;

	if (boot_is_elf32(image)) {
		Elf32_Phdr ph;

		off = get_le32(p + offsetof(Elf32_Ehdr, e_phoff));
		size = get_le16(p + offsetof(Elf32_Ehdr, e_phentsize));
		if (size < sizeof(ph) || check_add_overflow(off, size * i, &off) ||
		    off > image->size || sizeof(ph) > image->size - off)
			return false;
		memcpy(&ph, p + off, sizeof(ph));
		*out = (struct phdr){ ph.p_type, ph.p_offset, ph.p_paddr, ph.p_filesz, ph.p_memsz,
				      ph.p_align };
	} else {
		Elf64_Phdr ph;

		off = get_le64(p + offsetof(Elf64_Ehdr, e_phoff));
		size = get_le16(p + offsetof(Elf64_Ehdr, e_phentsize));
		if (size < sizeof(ph) || check_add_overflow(off, size * i, &off) ||
		    off > image->size || sizeof(ph) > image->size - off)
			return false;
		memcpy(&ph, p + off, sizeof(ph));
		*out = (struct phdr){ ph.p_type, ph.p_offset, ph.p_paddr, ph.p_filesz, ph.p_memsz,
				      ph.p_align };
	}
	return out->offset <= image->size && out->filesz <= image->size - out->offset;
}

int boot_elf(const struct boot_file *file, const struct guest_ram *ram, struct boot_extent *out,
	     struct error *err)
{
	const u8 *p = file->blob.data;
	unsigned int i, n = phdr_count(&file->blob);
	struct phdr ph;
	int ret;

	*out = (struct boot_extent){ .start = U64_MAX, .entry = elf_entry(&file->blob) };
	for (i = 0; i < n; i++) {
		if (!phdr(&file->blob, i, &ph))
			return fail(err, FERRY_X_BAD_FILE,
				    "%s is cut off: program header %u points outside of it",
				    file->path, i);
		if (ph.type != PT_LOAD || !ph.memsz)
			continue;
		ret = boot_place(ram, file->path, ph.paddr, p + ph.offset, ph.filesz, ph.memsz,
				 err);
		if (ret)
			return ret;
		out->start = min(out->start, ph.paddr);
		out->end = max(out->end, ph.paddr + ph.memsz);
	}
	if (!out->end)
		return fail(err, FERRY_X_BAD_FILE, "%s has nothing to load", file->path);
	return 0;
}

/* Walk one PT_NOTE segment; notes are padded to 4 bytes, or 8 where the segment says so. */
static bool find_note(const u8 *p, u64 size, u64 align, u64 *entry)
{
	u64 off = 0;

	align = align == 8 ? 8 : 4;
	while (size - off >= 12) {
		u64 namesz = get_le32(p + off), descsz = get_le32(p + off + 4);
		u32 type = get_le32(p + off + 8);
		u64 name = off + 12, desc, next;

		desc = (name + namesz + align - 1) & ~(align - 1);
		next = (desc + descsz + align - 1) & ~(align - 1);
		if (desc + descsz > size)
			return false;
		if (type == XEN_ELFNOTE_PHYS32_ENTRY && namesz == 4 &&
		    !memcmp(p + name, "Xen", 4) && (descsz == 4 || descsz == 8)) {
			*entry = descsz == 4 ? get_le32(p + desc) : get_le64(p + desc);
			return true;
		}
		if (next >= size)
			return false;
		off = next;
	}
	return false;
}

static bool pvh_entry(const struct blob *image, u64 *entry)
{
	const u8 *p = image->data;
	unsigned int i, n;
	struct phdr ph;

	if (!is_elf(image))
		return false;
	n = phdr_count(image);
	for (i = 0; i < n; i++)
		if (phdr(image, i, &ph) && ph.type == PT_NOTE &&
		    find_note(p + ph.offset, ph.filesz, ph.align, entry))
			return true;
	return false;
}

bool boot_is_pvh(const struct blob *image)
{
	u64 entry;

	return pvh_entry(image, &entry);
}

/* Modules from the top of memory down, the way boot_linux() places its initrd. */
static int place_modules(const struct boot_source *src, const struct guest_ram *ram, u64 floor,
			 u8 *list, struct error *err)
{
	u64 top = boot_low_top(ram), size, needed = floor;
	u64 args = START_MODULE_ARGS;
	unsigned int i;

	for (i = 0; i < src->nr_modules; i++)
		needed += (src->module[i].blob.size + 0xfff) & ~0xfffULL;
	if (needed > top)
		return boot_too_small(ram, needed, err, "%s (end of the image) + %s (%s)",
				      human(floor), human(needed - floor),
				      src->nr_modules > 1 ? "modules" : "initrd");
	for (i = 0; i < src->nr_modules; i++) {
		const struct boot_file *m = &src->module[i];
		size_t len = strlen(m->args) + 1;

		size = m->blob.size;
		top = (top - size) & ~0xfffULL;
		memcpy(ram_ptr(ram, top, size), m->blob.data, size);
		put_le64(list + 32 * i, top);
		put_le64(list + 32 * i + 8, size);
		put_le64(list + 32 * i + 16, 0);
		put_le64(list + 32 * i + 24, 0);
		if (len == 1)
			continue;
		if (len > BOOT_INFO_TOP - args)
			return fail(err, FERRY_X_USAGE, "the modules' arguments are too long");
		memcpy(ram_ptr(ram, args, len), m->args, len);
		put_le64(list + 32 * i + 16, args);
		args += len;
	}
	return 0;
}

int boot_pvh(const struct boot_source *src, const struct guest_ram *ram, struct boot_entry *entry,
	     struct error *err)
{
	struct e820_entry map[E820_MAX];
	struct boot_extent extent;
	u64 pvh = 0, cmdline, floor;
	unsigned int i, n;
	u8 *info, *memmap;
	int ret;

	pvh_entry(&src->kernel.blob, &pvh);
	if (pvh >= RAM_HIGH_BASE)
		return fail(err, FERRY_X_BAD_FILE, "%s: its PVH entry %#llx is not below 4 GiB",
			    src->kernel.path, (unsigned long long)pvh);
	ret = boot_elf(&src->kernel, ram, &extent, err);
	if (!ret)
		ret = boot_cmdline(ram, src->kernel.args, SIZE_MAX, &cmdline, err);
	if (ret)
		return ret;

	info = ram_ptr(ram, BOOT_INFO, BOOT_INFO_TOP - BOOT_INFO);
	memset(info, 0, BOOT_INFO_TOP - BOOT_INFO);
	floor = (extent.end + 0xfff) & ~0xfffULL;
	ret = place_modules(src, ram, floor, info + START_MODULES - BOOT_INFO, err);
	if (ret)
		return ret;

	memmap = info + START_MEMMAP - BOOT_INFO;
	n = ram_e820(ram, map);
	for (i = 0; i < n; i++) {
		put_le64(memmap + 24 * i, map[i].addr);
		put_le64(memmap + 24 * i + 8, map[i].size);
		put_le32(memmap + 24 * i + 16, map[i].type);
	}

	put_le32(info, START_INFO_MAGIC);
	put_le32(info + 4, 1); /* version: with a memory map */
	put_le32(info + 12, src->nr_modules);
	put_le64(info + 16, src->nr_modules ? START_MODULES : 0);
	put_le64(info + 24, cmdline);
	put_le64(info + 32, src->rsdp);
	put_le64(info + 40, START_MEMMAP);
	put_le32(info + 48, n);

	entry->rip = pvh;
	entry->gpr[FERRY_RBX] = BOOT_INFO;
	return 0;
}
