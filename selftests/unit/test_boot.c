// SPDX-License-Identifier: GPL-2.0-only
/*
 * The boot loaders, fed with images made here: what lands where in guest memory, what the vCPU is
 * told, and that damaged or too large images are refused with a reason.
 */
#include <elf.h>
#include <stdint.h>

#include "boot.h"
#include "tap.h"

#define MB(n) ((u64)(n) << 20)

static struct guest_ram ram;
static struct error err;
static struct boot_entry entry;

static void new_ram(u64 size)
{
	free(ram.low_hva);
	ram_layout(&ram, size);
	ram.low_hva = calloc(1, ram.low);
	memset(&err, 0, sizeof(err));
}

static u8 *at(u64 gpa)
{
	return ram_ptr(&ram, gpa, 1);
}

/* ---------------------------------------------------------------- bzImage */

#define SETUP_SECTS 4
#define SETUP_BYTES ((SETUP_SECTS + 1) * 512)

static u8 *make_bzimage(struct boot_source *src, size_t payload, u32 init_size, u16 version)
{
	u8 *p = calloc(1, SETUP_BYTES + payload);

	p[0x1f1] = SETUP_SECTS;
	put_le16(p + 0x1fe, 0xaa55);
	p[0x200] = 0xeb;
	p[0x201] = 0x6a;
	memcpy(p + 0x202, "HdrS", 4);
	put_le16(p + 0x206, version);
	p[0x211] = 1;
	put_le32(p + 0x214, MB(1));
	put_le32(p + 0x22c, 0x7fffffff);
	p[0x234] = 1;
	put_le16(p + 0x236, 1);
	put_le32(p + 0x238, 2047);
	put_le64(p + 0x258, MB(16));
	put_le32(p + 0x260, init_size);
	memset(p + SETUP_BYTES, 0x5a, payload);
	memset(src, 0, sizeof(*src));
	src->kernel = (struct boot_file){ "vmlinuz", "console=ttyS0", { p, SETUP_BYTES + payload } };
	src->rsdp = ACPI_BASE;
	return p;
}

static void test_linux(void)
{
	static u8 initrd[5000];
	struct boot_source src;
	u8 *image = make_bzimage(&src, 100000, MB(20), 0x020f);
	u8 *bp;
	u64 sum = 0, i;

	memset(initrd, 0x77, sizeof(initrd));
	src.module[0] = (struct boot_file){ "initrd", "", { initrd, sizeof(initrd) } };
	src.nr_modules = 1;
	new_ram(MB(64));
	ok_eq(boot_load(&src, &ram, &entry, &err), 0, "bzImage loads");
	ok(entry.long_mode && entry.protocol == BOOT_LINUX, "bzImage starts in 64-bit mode");
	ok_eq(entry.rip, MB(16) + 0x200, "bzImage: 64-bit entry point");
	ok_mem(at(MB(16)), image + SETUP_BYTES, 100000, "bzImage: payload at pref_address");
	bp = at(entry.gpr[FERRY_RSI]);
	ok_str((char *)at(get_le32(bp + 0x228)), "console=ttyS0", "bzImage: command line");
	ok_eq(get_le64(bp + 0x070), ACPI_BASE, "bzImage: acpi_rsdp_addr");
	ok_eq(bp[0x210], 0xff, "bzImage: type_of_loader");
	ok_eq(get_le32(bp + 0x21c), sizeof(initrd), "bzImage: initrd size");
	ok_eq(get_le32(bp + 0x218) & 0xfff, 0, "bzImage: initrd page-aligned");
	ok_mem(at(get_le32(bp + 0x218)), initrd, sizeof(initrd), "bzImage: initrd");
	ok_eq(get_le16(bp + 0x206), 0x020f, "bzImage: header copied to boot_params");
	for (i = 0; i < bp[0x1e8]; i++)
		if (get_le32(bp + 0x2d0 + 20 * i + 16) == E820_RAM)
			sum += get_le64(bp + 0x2d0 + 20 * i + 8);
	ok_eq(sum, MB(63) + EBDA_BASE, "bzImage: usable memory in e820");
	for (sum = i = 0; i < 256; i++)
		sum += *(u8 *)at(get_le16(at(4 * i)) + get_le16(at(4 * i + 2)) * 16) == 0xcf;
	ok_eq(sum, 24, "exceptions and hardware interrupts just return");
	ok_eq(*(u8 *)at(get_le16(at(4 * 0x15)) + get_le16(at(4 * 0x15 + 2)) * 16), 0x55,
	      "BIOS services answer");
	ok_eq(get_le64(at(entry.cr3)) & ~0xfffULL, BOOT_PAGE_TABLES + 0x1000, "page tables: root");
	ok_eq(get_le64(at(BOOT_PAGE_TABLES + 0x2000 + 8 * 0x7ff)), 0xffe00083,
	      "page tables: last 2 MiB below 4 GiB");

	free(image);
	image = make_bzimage(&src, 1000, MB(20), 0x0209);
	new_ram(MB(64));
	ok_eq(boot_load(&src, &ram, &entry, &err), 0, "old bzImage loads");
	ok(!entry.long_mode && entry.rip == MB(1), "old bzImage: 32-bit entry at 1 MiB");

	free(image);
	image = make_bzimage(&src, 1000, MB(20), 0x020f);
	put_le16(image + 0x236, 0);
	new_ram(MB(64));
	ok_eq(boot_load(&src, &ram, &entry, &err), 0, "32-bit bzImage loads");
	ok(!entry.long_mode && entry.rip == MB(16), "32-bit bzImage: entry is the load address");
	free(image);
}

static void test_linux_refusals(void)
{
	static u8 initrd[MB(10)];
	struct boot_source src;
	u8 *image = make_bzimage(&src, 1000, MB(40), 0x020f);

	src.module[0] = (struct boot_file){ "initrd", "", { initrd, sizeof(initrd) } };
	src.nr_modules = 1;
	new_ram(MB(64));
	ok_eq(boot_load(&src, &ram, &entry, &err), FERRY_X_MEMORY, "too little memory is refused");
	ok_str(err.text,
	       "64 MiB of memory is too little: this needs 16 MiB (where the kernel loads) + 40 MiB "
	       "(its init_size) + 10 MiB (initrd) = 66 MiB. Use --memory 66M or more",
	       "... with the arithmetic");
	new_ram(MB(66));
	ok_eq(boot_load(&src, &ram, &entry, &err), 0, "... and what it asks for suffices");

	put_le32(image + 0x22c, MB(30));
	ok_eq(boot_load(&src, &ram, &entry, &err), FERRY_X_BAD_FILE,
	      "an initrd that fits below initrd_addr_max nowhere is refused");
	src.nr_modules = 0;
	put_le32(image + 0x238, 4);
	ok_eq(boot_load(&src, &ram, &entry, &err), FERRY_X_USAGE, "long command line is refused");
	put_le32(image + 0x238, 2047);
	image[0x211] = 0;
	ok_eq(boot_load(&src, &ram, &entry, &err), FERRY_X_BAD_FILE, "zImage is refused");
	image[0x211] = 1;
	put_le32(image + 0x214, 0);
	ok_eq(boot_load(&src, &ram, &entry, &err), FERRY_X_BAD_FILE, "real mode only is refused");
	put_le32(image + 0x214, MB(1));
	src.kernel.blob.size = SETUP_BYTES;
	ok_eq(boot_load(&src, &ram, &entry, &err), FERRY_X_BAD_FILE, "cut-off image is refused");
	src.kernel.blob.size = 100;
	ok_eq(boot_load(&src, &ram, &entry, &err), FERRY_X_BAD_FILE, "a scrap is no image");
	src.nr_modules = 2;
	src.kernel.blob.size = SETUP_BYTES + 1000;
	ok_eq(boot_load(&src, &ram, &entry, &err), FERRY_X_USAGE, "two initrds are refused");
	src.protocol = BOOT_PVH;
	ok_eq(boot_load(&src, &ram, &entry, &err), FERRY_X_BAD_FILE, "--boot pvh: not a bzImage");
	free(image);
}

/* -------------------------------------------------------------- ELF, PVH */

#define ELF_TEXT 0x2000

/* One PT_LOAD at 2 MiB with some bss, and one PT_NOTE. */
static u8 *make_elf64(struct boot_source *src, bool note)
{
	size_t size = ELF_TEXT + 0x1000;
	u8 *p = calloc(1, size);
	Elf64_Ehdr eh = { 0 };
	Elf64_Phdr ph[2] = { 0 };

	memcpy(eh.e_ident, ELFMAG, SELFMAG);
	eh.e_ident[EI_CLASS] = ELFCLASS64;
	eh.e_ident[EI_DATA] = ELFDATA2LSB;
	eh.e_entry = MB(2);
	eh.e_phoff = sizeof(eh);
	eh.e_phentsize = sizeof(ph[0]);
	eh.e_phnum = 2;
	ph[0] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_offset = ELF_TEXT, .p_paddr = MB(2),
			      .p_filesz = 0x1000, .p_memsz = 0x5000 };
	ph[1] = (Elf64_Phdr){ .p_type = PT_NOTE, .p_offset = 0x1000, .p_filesz = 40, .p_align = 4 };
	/* A foreign note first. */
	put_le32(p + 0x1000, 4);
	put_le32(p + 0x1004, 1);
	put_le32(p + 0x1008, 7);
	memcpy(p + 0x100c, "GNU", 4);
	if (note) {
		put_le32(p + 0x1014, 4);
		put_le32(p + 0x1018, 4);
		put_le32(p + 0x101c, 18);
		memcpy(p + 0x1020, "Xen", 4);
		put_le32(p + 0x1024, MB(2) + 0x10);
	}
	memcpy(p, &eh, sizeof(eh));
	memcpy(p + sizeof(eh), ph, sizeof(ph));
	memset(p + ELF_TEXT, 0xcc, 0x1000);
	memset(src, 0, sizeof(*src));
	src->kernel = (struct boot_file){ "vmlinux", "a=b", { p, size } };
	src->rsdp = ACPI_BASE;
	return p;
}

static void test_pvh(void)
{
	static u8 initrd[123];
	struct boot_source src;
	u8 *image = make_elf64(&src, true), *info, *mod;
	u64 map;

	memset(initrd, 0x11, sizeof(initrd));
	src.module[0] = (struct boot_file){ "initrd", "args", { initrd, sizeof(initrd) } };
	src.nr_modules = 1;
	new_ram(MB(8));
	memset(at(MB(2)), 0xff, 0x5000);
	ok_eq(boot_load(&src, &ram, &entry, &err), 0, "PVH loads");
	ok(entry.protocol == BOOT_PVH && !entry.long_mode, "PVH starts in 32-bit mode");
	ok_eq(entry.rip, MB(2) + 0x10, "PVH: entry of the note, not of the ELF header");
	ok_eq(at(MB(2) + 0xfff)[0], 0xcc, "PVH: segment");
	ok_eq(at(MB(2) + 0x1000)[0] | at(MB(2) + 0x4fff)[0], 0, "PVH: bss is cleared");
	info = at(entry.gpr[FERRY_RBX]);
	ok_eq(get_le32(info), 0x336ec578, "start_info: magic");
	ok_str((char *)at(get_le64(info + 24)), "a=b", "start_info: command line");
	ok_eq(get_le64(info + 32), ACPI_BASE, "start_info: rsdp");
	ok_eq(get_le32(info + 12), 1, "start_info: one module");
	mod = at(get_le64(info + 16));
	ok_eq(get_le64(mod + 8), sizeof(initrd), "start_info: module size");
	ok_mem(at(get_le64(mod)), initrd, sizeof(initrd), "start_info: module");
	ok_str((char *)at(get_le64(mod + 16)), "args", "start_info: module's command line");
	map = get_le64(info + 40);
	ok_eq(get_le32(info + 48), 4, "start_info: four map entries");
	ok_eq(get_le64(at(map + 3 * 24)), MB(1), "start_info: memory from 1 MiB");
	ok_eq(get_le64(at(map + 3 * 24 + 8)), MB(7), "start_info: to its end");

	new_ram(MB(2));
	ok_eq(boot_load(&src, &ram, &entry, &err), FERRY_X_MEMORY, "PVH: too little memory");
	new_ram(MB(8));
	put_le64(image + 64 + offsetof(Elf64_Phdr, p_paddr), BOOT_INFO);
	ok_eq(boot_load(&src, &ram, &entry, &err), FERRY_X_BAD_FILE,
	      "an image on top of the boot structures is refused");
	put_le64(image + 64 + offsetof(Elf64_Phdr, p_paddr), MB(2));
	put_le64(image + 64 + offsetof(Elf64_Phdr, p_filesz), 0x6000);
	ok_eq(boot_load(&src, &ram, &entry, &err), FERRY_X_BAD_FILE, "filesz beyond the file");
	put_le64(image + 64 + offsetof(Elf64_Phdr, p_filesz), 0x1000);
	put_le64(image + 64 + offsetof(Elf64_Phdr, p_memsz), 0x800);
	ok_eq(boot_load(&src, &ram, &entry, &err), FERRY_X_BAD_FILE, "filesz above memsz");
	put_le64(image + 64 + offsetof(Elf64_Phdr, p_memsz), U64_MAX - 5);
	ok_eq(boot_load(&src, &ram, &entry, &err), FERRY_X_BAD_FILE, "memsz that overflows");
	free(image);

	image = make_elf64(&src, true);
	put_le64(image + 64 + 56 + offsetof(Elf64_Phdr, p_filesz), 38);
	ok_eq(boot_load(&src, &ram, &entry, &err), FERRY_X_BAD_FILE, "a note cut off in its middle");
	free(image);

	image = make_elf64(&src, false);
	ok_eq(boot_load(&src, &ram, &entry, &err), FERRY_X_BAD_FILE, "ELF without a note");
	free(image);
}

/* Every single-byte change of the headers, and every length: no over-read (under ASan). */
static void test_elf_damage(void)
{
	struct boot_source src;
	u8 *image = make_elf64(&src, true), *copy;
	size_t i, size, full = src.kernel.blob.size;
	unsigned int loaded = 0;

	new_ram(MB(8));
	for (i = 0; i < 0x1040; i++) {
		u8 old = image[i];
		int bit;

		for (bit = 0; bit < 8; bit++) {
			image[i] = old ^ (1 << bit);
			loaded += !boot_load(&src, &ram, &entry, &err);
		}
		image[i] = old;
	}
	ok(loaded > 0, "every bit of an ELF image flipped: no over-read");
	for (size = 0; size < full; size += size < 0x1040 ? 1 : 97) {
		copy = malloc(size ? size : 1);
		memcpy(copy, image, size);
		src.kernel.blob = (struct blob){ copy, size };
		boot_load(&src, &ram, &entry, &err);
		free(copy);
	}
	ok(1, "an ELF image cut at every length: no over-read");
	free(image);
}

/* -------------------------------------------------------------- Multiboot */

static u8 *make_multiboot(struct boot_source *src, u32 flags)
{
	u8 *p = calloc(1, 0x2000), *h = p + 0x40;

	put_le32(h, 0x1badb002);
	put_le32(h + 4, flags);
	put_le32(h + 8, -(0x1badb002 + flags));
	put_le32(h + 12, MB(1) + 0x40); /* header_addr */
	put_le32(h + 16, MB(1)); /* load_addr */
	put_le32(h + 20, 0); /* all of the file */
	put_le32(h + 24, MB(1) + 0x8000); /* bss_end */
	put_le32(h + 28, MB(1) + 0x100);
	memset(p + 0x100, 0x90, 0x100);
	memset(src, 0, sizeof(*src));
	src->kernel = (struct boot_file){ "kernel.bin", "one two", { p, 0x2000 } };
	return p;
}

static void test_multiboot(void)
{
	static u8 m1[5000], m2[10];
	struct boot_source src;
	u8 *image = make_multiboot(&src, 0x10003), *info, *mods, *map;

	memset(m1, 1, sizeof(m1));
	memset(m2, 2, sizeof(m2));
	src.module[0] = (struct boot_file){ "mod1", "x", { m1, sizeof(m1) } };
	src.module[1] = (struct boot_file){ "mod2", "", { m2, sizeof(m2) } };
	src.nr_modules = 2;
	new_ram(MB(4));
	memset(at(MB(1)), 0xff, 0x8000);
	ok_eq(boot_load(&src, &ram, &entry, &err), 0, "Multiboot loads");
	ok_eq(entry.protocol, BOOT_MULTIBOOT, "Multiboot is recognised");
	ok_eq(entry.gpr[FERRY_RAX], 0x2badb002, "Multiboot: magic in EAX");
	ok_eq(entry.rip, MB(1) + 0x100, "Multiboot: entry");
	ok_eq(at(MB(1) + 0x100)[0], 0x90, "Multiboot: image");
	ok_eq(at(MB(1) + 0x2000)[0] | at(MB(1) + 0x7fff)[0], 0, "Multiboot: bss is cleared");
	info = at(entry.gpr[FERRY_RBX]);
	ok_eq(get_le32(info) & 0x4d, 0x4d, "Multiboot: memory, command line, modules, map");
	ok_eq(get_le32(info + 8), 3 * 1024, "Multiboot: upper memory in KiB");
	ok_str((char *)at(get_le32(info + 16)), "kernel.bin one two", "Multiboot: command line");
	ok_eq(get_le32(info + 20), 2, "Multiboot: two modules");
	mods = at(get_le32(info + 24));
	ok_eq(get_le32(mods), MB(1) + 0x8000, "Multiboot: first module after the bss");
	ok_eq(get_le32(mods + 4) - get_le32(mods), sizeof(m1), "Multiboot: its size");
	ok_str((char *)at(get_le32(mods + 8)), "mod1 x", "Multiboot: its string");
	ok_eq(get_le32(mods + 16), MB(1) + 0xa000, "Multiboot: second module page-aligned");
	ok_mem(at(get_le32(mods + 16)), m2, sizeof(m2), "Multiboot: its contents");
	map = at(get_le32(info + 48));
	ok_eq(get_le32(map), 20, "Multiboot: size field of the map");
	ok_eq(get_le64(map + 12), EBDA_BASE, "Multiboot: first map entry");
	ok_eq(get_le32(info + 44) % 24, 0, "Multiboot: map length");

	put_le32(image + 0x40 + 28, MB(1) - 4);
	ok_eq(boot_load(&src, &ram, &entry, &err), FERRY_X_BAD_FILE, "entry outside the image");
	put_le32(image + 0x40 + 28, MB(1) + 0x100);
	put_le32(image + 0x40 + 20, MB(1) + 0x3000);
	ok_eq(boot_load(&src, &ram, &entry, &err), FERRY_X_BAD_FILE, "load_end beyond the file");
	put_le32(image + 0x40 + 20, 0);
	put_le32(image + 0x40 + 24, MB(3));
	src.module[0].blob.size = 5000;
	src.module[1].blob = (struct blob){ ram.low_hva, MB(2) };
	ok_eq(boot_load(&src, &ram, &entry, &err), FERRY_X_MEMORY, "modules that do not fit");
	src.nr_modules = 0;
	put_le32(image + 0x40 + 24, MB(5));
	ok_eq(boot_load(&src, &ram, &entry, &err), FERRY_X_MEMORY, "bss that does not fit");
	free(image);

	image = make_multiboot(&src, 0x10008);
	ok_eq(boot_load(&src, &ram, &entry, &err), FERRY_X_BAD_FILE, "unknown mandatory flag");
	free(image);
	image = make_multiboot(&src, 0x3);
	ok_eq(boot_load(&src, &ram, &entry, &err), FERRY_X_BAD_FILE,
	      "neither addresses nor ELF");
	free(image);
}

/* ------------------------------------------------------------ state, memory */

static void test_state(void)
{
	struct ferry_state_segments segs;
	struct ferry_state_control ctl;
	struct ferry_state_general gen;
	struct boot_entry e = { .long_mode = true, .rip = 0x1000200, .cr3 = 0x8000 };

	e.gpr[FERRY_RSI] = 0x2000;
	boot_state(&e, &segs, &ctl, &gen);
	ok_eq(ctl.cr0, 0x80000011, "64-bit: CR0");
	ok_eq(ctl.cr4, 0x20, "64-bit: CR4");
	ok_eq(ctl.efer, 0x500, "64-bit: EFER");
	ok_eq(ctl.cr3, 0x8000, "64-bit: CR3");
	ok_eq(segs.seg[FERRY_SEG_CS].attrib, 0xa9b, "64-bit: CS");
	ok_eq(segs.seg[FERRY_SEG_SS].attrib, 0xc93, "64-bit: SS");
	ok_eq(segs.seg[FERRY_SEG_TR].attrib, 0x8b, "64-bit: TR");
	ok_eq(gen.rflags, 2, "RFLAGS");
	ok_eq(gen.gpr[FERRY_RSI], 0x2000, "RSI");
	e.long_mode = false;
	boot_state(&e, &segs, &ctl, &gen);
	ok_eq(ctl.cr0, 0x11, "32-bit: CR0");
	ok_eq(ctl.efer | ctl.cr4 | ctl.cr3, 0, "32-bit: no paging");
	ok_eq(segs.seg[FERRY_SEG_CS].attrib, 0xc9b, "32-bit: CS");
}

static void test_ram(void)
{
	struct e820_entry map[E820_MAX];
	unsigned int n, i;
	u64 end = 0;
	bool sorted = true;

	new_ram(MB(2));
	ok(ram_ptr(&ram, MB(2) - 1, 1) && !ram_ptr(&ram, MB(2) - 1, 2), "the last byte");
	ok(!ram_ptr(&ram, 5, U64_MAX), "a length that wraps");
	ok(!ram_ptr(&ram, RAM_HIGH_BASE, 1), "no high memory");
	free(ram.low_hva);
	ram_layout(&ram, 5ULL << 30);
	ram.low_hva = NULL;
	ok_eq(ram.low, 3ULL << 30, "5 GiB: 3 below the hole");
	ok_eq(ram.high, 2ULL << 30, "5 GiB: 2 above 4 GiB");
	ok(!ram_ptr(&ram, ram.low - 1, 2), "no pointer across the hole");
	n = ram_e820(&ram, map);
	for (i = 0; i < n; i++) {
		sorted &= map[i].addr >= end;
		end = map[i].addr + map[i].size;
	}
	ok(sorted && end == 6ULL << 30, "e820: ascending, to the end");
}

int main(void)
{
	test_linux();
	test_linux_refusals();
	test_pvh();
	test_elf_damage();
	test_multiboot();
	test_state();
	test_ram();
	return done();
}
