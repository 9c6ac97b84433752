/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest memory as the loaders see it: where it is, who uses which part of the first megabyte, and
 * the only way from a guest-physical address to a pointer.
 *
 *	0x00000000  interrupt vectors, BIOS data area          usable
 *	0x00001000  boot structures (BOOT_* below)             usable
 *	0x0009fc00  extended BIOS data area                    reserved
 *	0x000a0000  where PCs have adapters                    not listed
 *	0x000e0000  ACPI tables, MP table, interrupt returns   reserved
 *	0x00100000  memory up to 3 GiB                         usable
 *	0xc0000000  devices; LAPIC and IOAPIC                  not listed
 *	0x100000000 the rest of memory                         usable
 *
 * All of it below 3 GiB is memory in one region: the map alone tells the guest what to leave
 * alone. No locks: regions do not change while a VM exists.
 */
#ifndef FERRY_GUESTRAM_H
#define FERRY_GUESTRAM_H

#include "util.h"

#define RAM_LOW_TOP 0xc0000000ULL
#define RAM_HIGH_BASE 0x100000000ULL
#define RAM_MIN (1ULL << 20)

#define BDA_BASE 0x400
#define EBDA_BASE 0x9fc00
#define ACPI_BASE 0xe0000
#define ACPI_TOP 0xf0000
#define MPTABLE_BASE 0xf0000
#define MPTABLE_TOP 0xfff00
#define BIOS_CODE 0xfff00 /* what the interrupt vectors point to */

/* What a loader may use below 640 KiB; an image that wants to be there itself is refused. */
#define BOOT_GDT 0x1000
#define BOOT_INFO 0x2000 /* boot_params, start_info or Multiboot information */
#define BOOT_INFO_TOP 0x8000
#define BOOT_PAGE_TABLES 0x8000 /* six pages */
#define BOOT_CMDLINE 0x10000
#define BOOT_CMDLINE_TOP 0x30000
#define BOOT_LOW 0x1000
#define BOOT_HIGH 0x30000

/**
 * struct guest_ram - memory of a guest
 * @size: bytes in all
 * @low: bytes from address 0
 * @high: bytes from RAM_HIGH_BASE
 * @low_hva: where @low is mapped
 * @high_hva: where @high is mapped
 */
struct guest_ram {
	u64 size;
	u64 low;
	u64 high;
	u8 *low_hva;
	u8 *high_hva;
};

/* Divide @size bytes; the caller maps them. */
void ram_layout(struct guest_ram *ram, u64 size);
/* NULL unless all of [gpa, gpa + len) is memory in one piece. */
void *ram_ptr(const struct guest_ram *ram, u64 gpa, u64 len);

#define E820_RAM 1
#define E820_RESERVED 2
#define E820_MAX 8

struct e820_entry {
	u64 addr;
	u64 size;
	u32 type;
};

/* The map every boot protocol hands over, ascending. Returns the number of entries. */
unsigned int ram_e820(const struct guest_ram *ram, struct e820_entry map[E820_MAX]);

static inline void put_le16(void *p, u16 v)
{
	v = htole16(v);
	memcpy(p, &v, sizeof(v));
}

static inline void put_le32(void *p, u32 v)
{
	v = htole32(v);
	memcpy(p, &v, sizeof(v));
}

static inline void put_le64(void *p, u64 v)
{
	v = htole64(v);
	memcpy(p, &v, sizeof(v));
}

static inline u16 get_le16(const void *p)
{
	u16 v;

	memcpy(&v, p, sizeof(v));
	return le16toh(v);
}

static inline u32 get_le32(const void *p)
{
	u32 v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static inline u64 get_le64(const void *p)
{
	u64 v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

#endif /* FERRY_GUESTRAM_H */
