/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Firmware tables: ACPI (6.5, chapter 5) and, for guests without ACPI, an MP table (Intel
 * MultiProcessor Specification 1.4). Pure.
 */
#ifndef FERRY_ACPI_H
#define FERRY_ACPI_H

#include "guestram.h"

/* Write RSDP, RSDT, XSDT, FADT, FACS, MADT and DSDT; *rsdp is where the first one is. */
int acpi_write(const struct guest_ram *ram, unsigned int vcpus, u64 *rsdp, struct error *err);
int mptable_write(const struct guest_ram *ram, unsigned int vcpus, struct error *err);

/* The number that makes the bytes' sum zero. */
u8 table_checksum(const void *data, size_t len);
/* APIC id of the IOAPIC: one no vCPU has, where four bits allow it. */
u8 ioapic_id(unsigned int vcpus);

/* The DSDT with its header, into @buf; returns its length, 0 if @room is too small. */
size_t dsdt_build(u8 *buf, size_t room);
/* The 36 bytes every table but RSDP and FACS begins with; the checksum comes last. */
void acpi_header(u8 *table, const char signature[4], u32 length, u8 revision);

#endif /* FERRY_ACPI_H */
