// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest memory's layout and its map. See guestram.h. Pure.
 */
#include "guestram.h"

void ram_layout(struct guest_ram *ram, u64 size)
{
	memset(ram, 0, sizeof(*ram));
	ram->size = size;
	ram->low = min(size, RAM_LOW_TOP);
	ram->high = size - ram->low;
}

void *ram_ptr(const struct guest_ram *ram, u64 gpa, u64 len)
{
	if (gpa < ram->low)
		return len <= ram->low - gpa ? ram->low_hva + gpa : NULL;
	if (gpa < RAM_HIGH_BASE)
		return NULL;
	gpa -= RAM_HIGH_BASE;
	return gpa <= ram->high && len <= ram->high - gpa ? ram->high_hva + gpa : NULL;
}

unsigned int ram_e820(const struct guest_ram *ram, struct e820_entry map[E820_MAX])
{
	unsigned int n = 0;

	map[n++] = (struct e820_entry){ 0, EBDA_BASE, E820_RAM };
	map[n++] = (struct e820_entry){ EBDA_BASE, 0xa0000 - EBDA_BASE, E820_RESERVED };
	map[n++] = (struct e820_entry){ ACPI_BASE, 0x100000 - ACPI_BASE, E820_RESERVED };
	if (ram->low > 0x100000)
		map[n++] = (struct e820_entry){ 0x100000, ram->low - 0x100000, E820_RAM };
	if (ram->high)
		map[n++] = (struct e820_entry){ RAM_HIGH_BASE, ram->high, E820_RAM };
	return n;
}
