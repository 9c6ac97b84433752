// SPDX-License-Identifier: GPL-2.0-only
/*
 * The DSDT, assembled by hand (ACPI 6.5, chapter 20). In ASL it reads:
 *
 *	DefinitionBlock ("", "DSDT", 2, "FERRY ", "FERRYVM ", 1)
 *	{
 *		Name (\_S5, Package () { 5, 5, 0, 0 })
 *		Scope (\_SB) {
 *			Device (COM1) {
 *				Name (_HID, EisaId ("PNP0501"))
 *				Name (_UID, 1)
 *				Name (_CRS, ResourceTemplate () {
 *					IO (Decode16, 0x03f8, 0x03f8, 1, 8)
 *					IRQNoFlags () { 4 }
 *				})
 *			}
 *			Device (RTC0) { PNP0B00, ports 0x70-0x71, interrupt 8 }
 *		}
 *	}
 *
 * Processors are in the MADT alone. Pure.
 */
#include "acpi.h"
#include "ports.h"

#define AML_BYTE 0x0a
#define AML_DWORD 0x0c
#define AML_NAME 0x08
#define AML_SCOPE 0x10
#define AML_BUFFER 0x11
#define AML_PACKAGE 0x12
#define AML_EXT 0x5b
#define AML_EXT_DEVICE 0x82

struct aml {
	u8 *buf;
	size_t len;
	size_t room;
	bool overflow;
};

static void byte(struct aml *a, u8 v)
{
	if (a->len < a->room)
		a->buf[a->len] = v;
	else
		a->overflow = true;
	a->len++;
}

static void bytes(struct aml *a, const void *data, size_t n)
{
	const u8 *p = data;

	while (n--)
		byte(a, *p++);
}

/*
 * PkgLength counts itself. Every package here is given the two-byte form, which is legal for any
 * length up to 4095, so that it can be filled in afterwards.
 */
static size_t begin(struct aml *a)
{
	byte(a, 0);
	byte(a, 0);
	return a->len - 2;
}

static void end(struct aml *a, size_t at)
{
	size_t n = a->len - at;

	if (a->overflow)
		return;
	a->buf[at] = 0x40 | (n & 0xf);
	a->buf[at + 1] = n >> 4;
}

static void integer(struct aml *a, u8 v)
{
	if (v <= 1) {
		byte(a, v); /* ZeroOp, OneOp */
		return;
	}
	byte(a, AML_BYTE);
	byte(a, v);
}

static void name(struct aml *a, const char seg[5])
{
	byte(a, AML_NAME);
	bytes(a, seg, 4);
}

/* Three letters of five bits and four hex digits, stored with the most significant byte first. */
static void eisa_id(struct aml *a, const char *id, u16 number)
{
	u16 letters = (id[0] - 0x40) << 10 | (id[1] - 0x40) << 5 | (id[2] - 0x40);

	byte(a, AML_DWORD);
	byte(a, letters >> 8);
	byte(a, letters);
	byte(a, number >> 8);
	byte(a, number);
}

static void device(struct aml *a, const char seg[5], u16 pnp, u8 uid, u16 port, u8 ports, u8 irq)
{
	size_t dev, buffer;

	byte(a, AML_EXT);
	byte(a, AML_EXT_DEVICE);
	dev = begin(a);
	bytes(a, seg, 4);
	name(a, "_HID");
	eisa_id(a, "PNP", pnp);
	name(a, "_UID");
	integer(a, uid);
	name(a, "_CRS");
	byte(a, AML_BUFFER);
	buffer = begin(a);
	integer(a, 8 + 3 + 2);
	byte(a, 0x47); /* I/O port descriptor, 7 bytes */
	byte(a, 1); /* decodes 16 bits */
	byte(a, port);
	byte(a, port >> 8);
	byte(a, port);
	byte(a, port >> 8);
	byte(a, 1);
	byte(a, ports);
	byte(a, 0x22); /* IRQ descriptor without flags, 2 bytes */
	byte(a, (1U << irq) & 0xff);
	byte(a, (1U << irq) >> 8);
	byte(a, 0x79); /* end tag; checksum 0 means "not computed" */
	byte(a, 0);
	end(a, buffer);
	end(a, dev);
}

size_t dsdt_build(u8 *buf, size_t room)
{
	struct aml a = { .buf = buf, .room = room };
	size_t scope, package;
	int i;

	for (i = 0; i < 36; i++)
		byte(&a, 0);

	byte(&a, AML_NAME);
	byte(&a, '\\');
	bytes(&a, "_S5_", 4);
	byte(&a, AML_PACKAGE);
	package = begin(&a);
	byte(&a, 4);
	integer(&a, PM1_S5_TYPE);
	integer(&a, PM1_S5_TYPE);
	integer(&a, 0);
	integer(&a, 0);
	end(&a, package);

	byte(&a, AML_SCOPE);
	scope = begin(&a);
	byte(&a, '\\');
	bytes(&a, "_SB_", 4);
	device(&a, "COM1", 0x0501, 1, PORT_COM1, 8, IRQ_COM1);
	device(&a, "RTC0", 0x0b00, 0, PORT_RTC_INDEX, 2, IRQ_RTC);
	end(&a, scope);

	if (a.overflow)
		return 0;
	acpi_header(buf, "DSDT", a.len, 2);
	buf[9] = 0;
	buf[9] = table_checksum(buf, a.len);
	return a.len;
}
