// SPDX-License-Identifier: GPL-2.0-only
/* The I/O APIC: registers, triggers, remote IRR and EOI, save and load, random operations. */
#include "lib/dev/ioapic.h"
#include "tap.h"

static struct ioapic io;
static struct apic_msg last;
static unsigned int sent;
static bool nobody; /* no LAPIC takes messages */

static bool bus(void *ctx, const struct apic_msg *m)
{
	if (ctx != &sent)
		bail_out("the call-back got another context");
	if (nobody)
		return false;
	last = *m;
	sent++;
	return true;
}

static void reset(u32 version)
{
	memset(&io, 0, sizeof(io));
	io.send = bus;
	io.ctx = &sent;
	sent = 0;
	nobody = false;
	ioapic_reset(&io, version);
}

static u32 rd(u32 reg)
{
	ioapic_write(&io, 0, 4, reg);
	return ioapic_read(&io, 0x10, 4);
}

static void wr(u32 reg, u32 val)
{
	ioapic_write(&io, 0, 4, reg);
	ioapic_write(&io, 0x10, 4, val);
}

static u64 rte(unsigned int pin)
{
	return rd(0x10 + 2 * pin) | (u64)rd(0x11 + 2 * pin) << 32;
}

static void set_rte(unsigned int pin, u64 val)
{
	wr(0x11 + 2 * pin, val >> 32);
	wr(0x10 + 2 * pin, val);
}

/* How many messages does this make? */
static unsigned int line(unsigned int pin, bool level)
{
	unsigned int before = sent;

	ioapic_set_line(&io, pin, level);
	return sent - before;
}

static unsigned int eoi(u8 vector)
{
	unsigned int before = sent;

	ioapic_eoi(&io, vector);
	return sent - before;
}

static void test_registers(void)
{
	unsigned int pin, bad = 0;

	reset(0x11);
	ok_eq(rd(0), 0, "ID after reset");
	ok_eq(rd(1), 0x00170011, "version 0x11, 24 entries");
	for (pin = 0; pin < 24; pin++)
		bad += rte(pin) != 0x10000;
	ok_eq(bad, 0, "all pins masked");
	wr(0, 0xffffffff);
	ok_eq(rd(0), 0x0f000000, "ID has four bits");
	ok_eq(rd(2), 0x0f000000, "arbitration ID follows");
	wr(1, 0);
	wr(2, 0);
	ok(rd(1) == 0x00170011 && rd(2) == 0x0f000000, "version and arbitration are read-only");
	for (pin = 0; pin < 24; pin++)
		set_rte(pin, 0x1000000000010000ULL + pin);
	for (pin = 0; pin < 24; pin++)
		bad += rte(pin) != 0x1000000000010000ULL + pin;
	ok_eq(bad, 0, "each pin has its own entry");
	set_rte(0, 0x2200000000010077ULL);
	ok_eq(rte(0), 0x2200000000010077ULL, "the first one too");
	wr(0x0f, 0x55);
	set_rte(5, ~0ULL);
	ok_eq(rte(5), 0xff0000000001afffULL, "writable bits of an entry");
	ok(rd(0x40) == 0 && rd(0x0f) == 0 && rd(3) == 0, "undefined registers read zero");
	wr(0x40, ~0);
	wr(0x0f, ~0);
	ok_eq(rte(23), 0x1000000000010017ULL, "and take no writes");
	ioapic_write(&io, 0, 1, 0x12);
	ok_eq(ioapic_read(&io, 0, 4), 0x12, "the select register takes a byte");
	ioapic_write(&io, 0, 4, 0xffffff01);
	ok_eq(ioapic_read(&io, 0, 4), 0x01, "and has eight bits");
	ok_eq(ioapic_read(&io, 0x10, 1), 0x11, "the window can be read narrowly");
	ok_eq(ioapic_read(&io, 0x10, 2), 0x0011, "by words too");
	ioapic_write(&io, 0, 4, 0x10);
	ioapic_write(&io, 0x10, 2, 0);
	ok_eq(rte(0), 0x2200000000010077ULL, "but not written");
	ok_eq(ioapic_read(&io, 0x20, 4), 0, "nothing elsewhere in the page");
	ioapic_write(&io, 0x20, 4, 0);
	line(9, true);
	ioapic_reset(&io, 0x20);
	ok(io.lines == 0 && io.id == 0 && io.select == 0 && rte(9) == 0x10000, "reset");
	ok_eq(rd(1), 0x00170020, "version 0x20");
}

static void test_edge(void)
{
	reset(0x11);
	set_rte(4, 0x0300000000000034ULL);
	ok_eq(line(4, true), 1, "an edge is sent");
	ok(last.dest == 3 && last.vector == 0x34 && last.mode == APIC_DELIVER_FIXED &&
		   last.shorthand == APIC_SHORT_NONE && last.flags == 0,
	   "with its content");
	ok_eq(line(4, true), 0, "no second edge without a fall");
	ok_eq(line(4, false), 0, "the fall is silent");
	ok_eq(line(4, true), 1, "the next edge needs no EOI");
	ok(!(rte(4) & IOAPIC_RTE_REMOTE_IRR), "no remote IRR for edges");
	line(4, false);
	set_rte(4, 0x10034);
	ok_eq(line(4, true), 0, "masked");
	set_rte(4, 0x34);
	ok_eq(sent, 2, "an edge at a masked pin is lost");
	line(4, false);
	ok_eq(line(4, true), 1, "the next is not");
	ok_eq(eoi(0x34), 0, "EOI of an edge does nothing");
	set_rte(7, 0x8100000000000941ULL);
	line(7, true);
	ok(last.dest == 0x81 && last.mode == APIC_DELIVER_LOWEST && last.flags == APIC_MSG_LOGICAL,
	   "logical destination, lowest priority");
	set_rte(8, 0x8400);
	line(8, true);
	ok(last.mode == APIC_DELIVER_NMI && last.flags == 0,
	   "NMI is an edge whatever the trigger bit");
	ok(!(rte(8) & IOAPIC_RTE_REMOTE_IRR), "and sets no remote IRR");
}

static void test_level(void)
{
	reset(0x11);
	set_rte(16, 0x01000000000080c1ULL);
	ok_eq(line(16, true), 1, "a level is sent");
	ok_eq(last.flags, APIC_MSG_LEVEL, "as a level");
	ok_eq(rte(16), 0x010000000000c0c1ULL, "remote IRR is set");
	ok_eq(line(16, false) + line(16, true), 0, "nothing more until EOI");
	ok_eq(eoi(0xc0) + eoi(0xc2), 0, "other vectors' EOIs do nothing");
	ok_eq(eoi(0xc1), 1, "EOI with the line high: again");
	line(16, false);
	ok_eq(eoi(0xc1), 0, "EOI with the line low: done");
	ok_eq(rte(16), 0x01000000000080c1ULL, "remote IRR is clear");
	set_rte(16, 0x01000000000180c1ULL);
	ok_eq(line(16, true), 0, "masked");
	set_rte(16, 0x01000000000080c1ULL);
	ok_eq(sent, 3, "a level waits for its mask to go");
	set_rte(16, 0x01000000000180c1ULL);
	ok(rte(16) & IOAPIC_RTE_REMOTE_IRR, "masking keeps remote IRR");
	ok_eq(eoi(0xc1), 0, "EOI of a masked pin sends nothing");
	ok(!(rte(16) & IOAPIC_RTE_REMOTE_IRR), "but clears remote IRR");
	set_rte(16, 0x01000000000080c1ULL);
	ok_eq(sent, 4, "unmasked: again");
	set_rte(16, 0x01000000000100c1ULL);
	ok(!(rte(16) & IOAPIC_RTE_REMOTE_IRR), "switching to edge clears remote IRR");
	set_rte(16, 0x01000000000080c1ULL);
	ok_eq(sent, 5, "which is an EOI for parts without the register");

	line(17, false);
	set_rte(17, 0x80c1);
	line(17, true);
	ok_eq(eoi(0xc1), 2, "two pins with one vector both end");

	reset(0x11);
	nobody = true;
	set_rte(3, 0x80a0);
	line(3, true);
	ok_eq(rte(3), 0x80a0, "no remote IRR while no LAPIC took the message");
	nobody = false;
	ioapic_rescan(&io);
	ok(sent == 1 && (rte(3) & IOAPIC_RTE_REMOTE_IRR), "a rescan sends it");
	ioapic_rescan(&io);
	ok_eq(sent, 1, "once");

	ioapic_write(&io, 0x40, 4, 0xa0);
	ok_eq(sent, 1, "version 0x11 has no EOI register");
	reset(0x20);
	set_rte(3, 0x80a0);
	line(3, true);
	ioapic_write(&io, 0x40, 4, 0xa0);
	ok_eq(sent, 2, "version 0x20 has one");
}

#define REFUSED(field, value, what)                                                          \
	do {                                                                                 \
		struct ioapic_state bad = s;                                                 \
		struct ioapic was = io;                                                      \
                                                                                             \
		bad.field = (value);                                                         \
		ok(ioapic_set_state(&io, &bad) == -EINVAL && !memcmp(&was, &io, sizeof(io)), \
		   "refused: %s", what);                                                     \
	} while (0)

static void test_state(void)
{
	struct ioapic_state s, again;
	struct ioapic was;

	reset(0x11);
	wr(0, 0x03000000);
	set_rte(2, 0x0100000000000030ULL);
	set_rte(16, 0x02000000000089c1ULL);
	set_rte(17, 0x80d1);
	line(16, true);
	line(17, true);
	line(17, false);
	rd(0x15);
	ioapic_get_state(&io, &s);
	was = io;
	reset(0x20);
	ok_eq(ioapic_set_state(&io, &s), 0, "a busy IOAPIC can be loaded");
	ok_eq(sent, 0, "which sends nothing");
	ok_mem(&io, &was, sizeof(io), "and is what it was");
	ioapic_get_state(&io, &again);
	ok_mem(&again, &s, sizeof(s), "saving it again gives the same bytes");
	ok_eq(eoi(0xc1), 1, "a level that is high comes again at EOI");
	ok_eq(eoi(0xd1), 0, "one that is low does not");
	REFUSED(version, 0x12, "version");
	REFUSED(select, 0x100, "select");
	REFUSED(id, 1, "ID");
	REFUSED(lines, BIT(24), "a 25th line");
	REFUSED(rte[23], BIT(17), "reserved bit of an entry");
	REFUSED(rte[0], BIT(12), "delivery status at rest");
	REFUSED(rte[2], 0x4030, "remote IRR of an edge");
	REFUSED(rte[2], 0xc430, "remote IRR of an NMI");
}

static u64 seed = 88172645463325252ULL;

static u32 rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed >> 16;
}

/*
 * The rule a driver lives by, checked from outside: a level pin that is high,
 * unmasked and without an interrupt under way has sent one, if anybody listens.
 */
static void test_random(void)
{
	const char *why = NULL;
	unsigned int i, pin;

	reset(0x20);
	for (i = 0; i < 300000 && !why; i++) {
		struct ioapic_state s;
		struct ioapic copy;

		switch (rnd() % 8) {
		case 0:
			ioapic_write(&io, rnd() % 0x50, 1 + rnd() % 8, rnd());
			break;
		case 1:
		case 2:
			wr(0x10 + rnd() % 48, rnd());
			break;
		case 3:
			ioapic_eoi(&io, rnd());
			break;
		case 4:
			nobody = rnd() % 4 == 0;
			if (!nobody)
				ioapic_rescan(&io);
			break;
		case 5:
			ioapic_eoi(&io, io.rte[rnd() % 24]);
			break;
		default:
			line(rnd() % 24, rnd() & 1);
		}
		for (pin = 0; pin < 24 && !nobody; pin++) {
			u64 e = io.rte[pin];
			bool level = (e & 0x8000) && (e & 0x700) <= 0x100;

			if (level && (io.lines & BIT(pin)) && !(e & 0x14000))
				why = "a level is forgotten";
			if (!level && (e & 0x4000))
				why = "remote IRR without a level";
		}
		ioapic_get_state(&io, &s);
		copy = io;
		memset(copy.rte, 0x55, sizeof(copy.rte));
		if (ioapic_set_state(&copy, &s) || memcmp(&copy, &io, sizeof(io)))
			why = "a round trip changes it";
	}
	ok(!why, "300,000 random operations keep the invariants");
	if (why)
		diag("step %u: %s", i, why);
}

int main(void)
{
	test_registers();
	test_edge();
	test_level();
	test_state();
	test_random();
	return done();
}
