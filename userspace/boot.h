/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Loading what a guest boots: Linux bzImage, ELF with a PVH note, Multiboot 1. Pure: files come in
 * as memory, results go into guest memory and struct boot_entry. No locks.
 */
#ifndef FERRY_BOOT_H
#define FERRY_BOOT_H

#include <linux/ferry.h>

#include "guestram.h"

enum boot_protocol {
	BOOT_AUTO,
	BOOT_LINUX,
	BOOT_PVH,
	BOOT_MULTIBOOT,
};

#define BOOT_MAX_MODULES 32

/**
 * struct boot_file - an image or a module
 * @path: for messages, and for Multiboot's command lines
 * @args: text after the name, "" if none
 */
struct boot_file {
	const char *path;
	const char *args;
	struct blob blob;
};

/**
 * struct boot_source - what to boot
 * @kernel: the image; its @args are the kernel command line
 * @module: the initrd is the first one
 * @rsdp: guest-physical address of the ACPI root pointer, or 0
 */
struct boot_source {
	enum boot_protocol protocol;
	struct boot_file kernel;
	unsigned int nr_modules;
	struct boot_file module[BOOT_MAX_MODULES];
	u64 rsdp;
};

/**
 * struct boot_entry - the state in which the bootstrap processor starts
 * @protocol: the one that was found
 * @long_mode: 64-bit code with paging on; else 32-bit protected mode, paging off
 * @cr3: page tables, with @long_mode
 */
struct boot_entry {
	enum boot_protocol protocol;
	bool long_mode;
	u64 rip;
	u64 cr3;
	u64 gpr[16];
};

int boot_load(const struct boot_source *src, const struct guest_ram *ram, struct boot_entry *entry,
	      struct error *err);
bool boot_protocol_parse(const char *word, enum boot_protocol *protocol);
const char *boot_protocol_name(enum boot_protocol protocol);

/* The state groups that put a vCPU there. */
void boot_state(const struct boot_entry *entry, struct ferry_state_segments *segs,
		struct ferry_state_control *ctl, struct ferry_state_general *gen);

/* --- between boot.c and the loaders */

/* 1 if the image is of this kind, 0 if it is not. */
bool boot_is_linux(const struct blob *image);
bool boot_is_pvh(const struct blob *image);
bool boot_is_multiboot(const struct blob *image);
bool boot_is_elf32(const struct blob *image);
int boot_linux(const struct boot_source *src, const struct guest_ram *ram,
	       struct boot_entry *entry, struct error *err);
int boot_pvh(const struct boot_source *src, const struct guest_ram *ram, struct boot_entry *entry,
	     struct error *err);
int boot_multiboot(const struct boot_source *src, const struct guest_ram *ram,
		   struct boot_entry *entry, struct error *err);

/**
 * struct boot_extent - what an image occupied
 */
struct boot_extent {
	u64 start;
	u64 end;
	u64 entry;
};

/* Load the PT_LOAD segments at their physical addresses. */
int boot_elf(const struct boot_file *file, const struct guest_ram *ram, struct boot_extent *out,
	     struct error *err);
/* Copy [@data, @data + @filled) to @gpa and clear up to @total. */
int boot_place(const struct guest_ram *ram, const char *what, u64 gpa, const void *data, u64 filled,
	       u64 total, struct error *err);
int boot_cmdline(const struct guest_ram *ram, const char *text, size_t limit, u64 *gpa,
		 struct error *err);
/* The end of usable memory that 32-bit pointers and the initrd share. */
u64 boot_low_top(const struct guest_ram *ram);
__printf(4, 5) int boot_too_small(const struct guest_ram *ram, u64 needed, struct error *err,
				  const char *fmt, ...);

#endif /* FERRY_BOOT_H */
