// SPDX-License-Identifier: GPL-2.0-only
/*
 * The MP table for guests that know no ACPI (Intel MultiProcessor Specification 1.4, chapter 4).
 * It lies in the BIOS area that such guests search. Pure.
 */
#include "acpi.h"
#include "ports.h"

#define FLOATING_SIZE 16
#define CONFIG_HEADER 44

#define MP_PROCESSOR 0
#define MP_BUS 1
#define MP_IOAPIC 2
#define MP_IO_INTERRUPT 3
#define MP_LOCAL_INTERRUPT 4

#define MP_INT 0
#define MP_NMI 1
#define MP_EXTINT 3
#define MP_LEVEL_HIGH 0x000d

#define BUS_ISA 0
#define LAPIC_VERSION 0x14
#define IOAPIC_VERSION 0x11

struct table {
	u8 *base;
	u8 *next;
	u16 entries;
};

static u8 *entry(struct table *t, u8 type, size_t len)
{
	u8 *p = t->next;

	memset(p, 0, len);
	p[0] = type;
	t->next += len;
	t->entries++;
	return p;
}

static void interrupt(struct table *t, u8 kind, u8 type, u16 flags, u8 irq, u8 apic, u8 pin)
{
	u8 *p = entry(t, kind, 8);

	p[1] = type;
	put_le16(p + 2, flags);
	p[4] = BUS_ISA;
	p[5] = irq;
	p[6] = apic;
	p[7] = pin;
}

int mptable_write(const struct guest_ram *ram, unsigned int vcpus, struct error *err)
{
	u8 *floating = ram_ptr(ram, MPTABLE_BASE, MPTABLE_TOP - MPTABLE_BASE);
	struct table t = { .base = floating + FLOATING_SIZE };
	u8 ioapic = ioapic_id(vcpus);
	unsigned int i;
	u8 *p;

	if (!floating)
		return fail(err, FERRY_X_SYSTEM, "the MP table does not fit its place");
	t.next = t.base + CONFIG_HEADER;

	for (i = 0; i < vcpus; i++) {
		p = entry(&t, MP_PROCESSOR, 20);
		p[1] = i;
		p[2] = LAPIC_VERSION;
		p[3] = i ? 1 : 3; /* usable; bootstrap */
		put_le32(p + 4, 0x600); /* family 6 */
		put_le32(p + 8, 0x201); /* APIC, FPU */
	}
	p = entry(&t, MP_BUS, 8);
	p[1] = BUS_ISA;
	memcpy(p + 2, "ISA   ", 6);
	p = entry(&t, MP_IOAPIC, 8);
	p[1] = ioapic;
	p[2] = IOAPIC_VERSION;
	p[3] = 1;
	put_le32(p + 4, IOAPIC_BASE);
	for (i = 0; i < 16; i++) {
		if (i == 2) /* the cascade; its pin carries the timer */
			continue;
		interrupt(&t, MP_IO_INTERRUPT, MP_INT, i == IRQ_SCI ? MP_LEVEL_HIGH : 0, i, ioapic,
			  i == IRQ_TIMER ? 2 : i);
	}
	interrupt(&t, MP_LOCAL_INTERRUPT, MP_EXTINT, 0, 0, 0xff, 0);
	interrupt(&t, MP_LOCAL_INTERRUPT, MP_NMI, 0, 0, 0xff, 1);

	memset(t.base, 0, CONFIG_HEADER);
	memcpy(t.base, "PCMP", 4);
	put_le16(t.base + 4, t.next - t.base);
	t.base[6] = 4;
	memcpy(t.base + 8, "FERRY   ", 8);
	memcpy(t.base + 16, "FERRYVM     ", 12);
	put_le16(t.base + 34, t.entries);
	put_le32(t.base + 36, LAPIC_BASE);
	t.base[7] = table_checksum(t.base, t.next - t.base);

	memset(floating, 0, FLOATING_SIZE);
	memcpy(floating, "_MP_", 4);
	put_le32(floating + 4, MPTABLE_BASE + FLOATING_SIZE);
	floating[8] = 1;
	floating[9] = 4;
	floating[10] = table_checksum(floating, FLOATING_SIZE);
	return 0;
}
