// SPDX-License-Identifier: GPL-2.0-only
/*
 * ACPI tables of a PC that is not hardware-reduced: Linux gives up the i8259 and the RTC on one
 * that is. See acpi.h. Pure.
 */
#include "acpi.h"
#include "ports.h"

#define RSDP_SIZE 36
#define FACS_SIZE 64
#define FADT_SIZE 244
#define HEADER_SIZE 36

/* FADT flags (ACPI 6.5, table 5.10) */
#define FADT_WBINVD (1U << 0)
#define FADT_PROC_C1 (1U << 2)
#define FADT_SLP_BUTTON (1U << 5) /* there is none in the fixed registers */
#define FADT_FIX_RTC (1U << 6) /* no RTC wake status in the fixed registers */
#define FADT_TMR_VAL_EXT (1U << 8)
#define FADT_RESET_REG (1U << 10)

/* FADT IAPC_BOOT_ARCH. No 8042: its reset line works, but there is nothing to type on. */
#define BOOT_LEGACY_DEVICES (1U << 0)
#define BOOT_NO_VGA (1U << 2)

u8 table_checksum(const void *data, size_t len)
{
	const u8 *p = data;
	u8 sum = 0;

	while (len--)
		sum += *p++;
	return -sum;
}

u8 ioapic_id(unsigned int vcpus)
{
	return vcpus < 15 ? vcpus : 0;
}

void acpi_header(u8 *table, const char signature[4], u32 length, u8 revision)
{
	memcpy(table, signature, 4);
	put_le32(table + 4, length);
	table[8] = revision;
	memcpy(table + 10, "FERRY ", 6);
	memcpy(table + 16, "FERRYVM ", 8);
	put_le32(table + 24, 1);
	memcpy(table + 28, "FRRY", 4);
	put_le32(table + 32, 1);
}

static void finish(u8 *table, size_t len)
{
	table[9] = 0;
	table[9] = table_checksum(table, len);
}

/* Generic address structure in port space; @bytes is the register's width. */
static void gas(u8 *p, u16 port, u8 bytes)
{
	p[0] = 1;
	p[1] = bytes * 8;
	p[2] = 0;
	p[3] = bytes == 1 ? 1 : bytes == 2 ? 2 : 3;
	put_le64(p + 4, port);
}

static void write_fadt(u8 *t, u32 facs, u32 dsdt)
{
	memset(t, 0, FADT_SIZE);
	acpi_header(t, "FACP", FADT_SIZE, 4);
	put_le32(t + 36, facs);
	put_le32(t + 40, dsdt);
	t[45] = 4; /* enterprise server */
	put_le16(t + 46, IRQ_SCI);
	/* SMI_CMD stays 0: the machine is in ACPI mode from the start. */
	put_le32(t + 56, PORT_PM1_EVENT);
	put_le32(t + 64, PORT_PM1_CONTROL);
	put_le32(t + 76, PORT_PM_TIMER);
	t[88] = 4;
	t[89] = 2;
	t[91] = 4;
	put_le16(t + 96, 0xfff); /* no C2 */
	put_le16(t + 98, 0xfff); /* no C3 */
	t[108] = 0x32; /* century byte of the RTC */
	put_le16(t + 109, BOOT_LEGACY_DEVICES | BOOT_NO_VGA);
	put_le32(t + 112, FADT_WBINVD | FADT_PROC_C1 | FADT_SLP_BUTTON | FADT_FIX_RTC |
		 FADT_TMR_VAL_EXT | FADT_RESET_REG);
	gas(t + 116, PORT_RESET, 1);
	t[128] = RESET_VALUE;
	put_le64(t + 140, dsdt);
	gas(t + 148, PORT_PM1_EVENT, 4);
	gas(t + 172, PORT_PM1_CONTROL, 2);
	gas(t + 208, PORT_PM_TIMER, 4);
	finish(t, FADT_SIZE);
}

static u8 *madt_override(u8 *p, u8 source, u32 gsi, u16 flags)
{
	p[0] = 2;
	p[1] = 10;
	p[2] = 0;
	p[3] = source;
	put_le32(p + 4, gsi);
	put_le16(p + 8, flags);
	return p + 10;
}

static size_t write_madt(u8 *t, unsigned int vcpus)
{
	u8 *p = t + 44;
	unsigned int i;

	put_le32(t + 36, LAPIC_BASE);
	put_le32(t + 40, 1); /* a pair of i8259 too */
	for (i = 0; i < vcpus; i++, p += 8) {
		p[0] = 0;
		p[1] = 8;
		p[2] = i;
		p[3] = i;
		put_le32(p + 4, 1);
	}
	p[0] = 1;
	p[1] = 12;
	p[2] = ioapic_id(vcpus);
	p[3] = 0;
	put_le32(p + 4, IOAPIC_BASE);
	put_le32(p + 8, 0);
	p += 12;
	p = madt_override(p, IRQ_TIMER, 2, 0); /* as the bus: edge, high */
	p = madt_override(p, IRQ_SCI, IRQ_SCI, 0x000d); /* level, high */
	/* NMI on LINT1 of every processor. */
	p[0] = 4;
	p[1] = 6;
	p[2] = 0xff;
	put_le16(p + 3, 0);
	p[5] = 1;
	p += 6;
	acpi_header(t, "APIC", p - t, 4);
	finish(t, p - t);
	return p - t;
}

/* Tables are placed one after the other, 64-byte aligned, since the FACS asks for that. */
struct place {
	u64 next;
	const struct guest_ram *ram;
};

static u8 *place(struct place *at, size_t len, u64 *gpa)
{
	*gpa = at->next;
	at->next = (at->next + len + 63) & ~63ULL;
	return at->next <= ACPI_TOP ? ram_ptr(at->ram, *gpa, len) : NULL;
}

int acpi_write(const struct guest_ram *ram, unsigned int vcpus, u64 *rsdp, struct error *err)
{
	struct place at = { ACPI_BASE, ram };
	u64 a_rsdp, a_rsdt, a_xsdt, a_fadt, a_facs, a_dsdt, a_madt;
	u8 dsdt_bytes[1024];
	size_t dsdt_len = dsdt_build(dsdt_bytes, sizeof(dsdt_bytes));
	u8 *r = place(&at, RSDP_SIZE, &a_rsdp);
	u8 *rsdt = place(&at, HEADER_SIZE + 2 * 4, &a_rsdt);
	u8 *xsdt = place(&at, HEADER_SIZE + 2 * 8, &a_xsdt);
	u8 *fadt = place(&at, FADT_SIZE, &a_fadt);
	u8 *facs = place(&at, FACS_SIZE, &a_facs);
	u8 *dsdt = place(&at, dsdt_len, &a_dsdt);
	u8 *madt = place(&at, 44 + 8 * vcpus + 64, &a_madt);

	if (!dsdt_len || !r || !madt)
		return fail(err, FERRY_X_SYSTEM, "the ACPI tables do not fit their place");

	memcpy(dsdt, dsdt_bytes, dsdt_len);
	memset(facs, 0, FACS_SIZE);
	memcpy(facs, "FACS", 4);
	put_le32(facs + 4, FACS_SIZE);
	facs[32] = 2;
	write_fadt(fadt, a_facs, a_dsdt);
	write_madt(madt, vcpus);

	acpi_header(rsdt, "RSDT", HEADER_SIZE + 2 * 4, 1);
	put_le32(rsdt + HEADER_SIZE, a_fadt);
	put_le32(rsdt + HEADER_SIZE + 4, a_madt);
	finish(rsdt, HEADER_SIZE + 2 * 4);
	acpi_header(xsdt, "XSDT", HEADER_SIZE + 2 * 8, 1);
	put_le64(xsdt + HEADER_SIZE, a_fadt);
	put_le64(xsdt + HEADER_SIZE + 8, a_madt);
	finish(xsdt, HEADER_SIZE + 2 * 8);

	memset(r, 0, RSDP_SIZE);
	memcpy(r, "RSD PTR ", 8);
	memcpy(r + 9, "FERRY ", 6);
	r[15] = 2;
	put_le32(r + 16, a_rsdt);
	put_le32(r + 20, RSDP_SIZE);
	put_le64(r + 24, a_xsdt);
	r[8] = table_checksum(r, 20);
	r[32] = table_checksum(r, RSDP_SIZE);
	*rsdp = a_rsdp;
	return 0;
}
