// SPDX-License-Identifier: GPL-2.0-only
/* I/O APIC; see ioapic.h for the locking rule and the manuals. */
#include "ioapic.h"

#define OFFSET_SELECT 0x00
#define OFFSET_WINDOW 0x10
#define OFFSET_EOI    0x40

#define REG_ID	    0x00
#define REG_VERSION 0x01
#define REG_ARB	    0x02
#define REG_RTE	    0x10

/* Everything but the two read-only bits: vector, modes, polarity, trigger, mask, destination. */
#define RTE_WRITABLE 0xff0000000001afffULL

static u32 mode_of(u64 rte)
{
	return (rte >> 8) & 7;
}

/* Only interrupts with a vector of their own can be level-triggered and have an EOI. */
static bool is_level(u64 rte)
{
	return (rte & IOAPIC_RTE_LEVEL) &&
	       (mode_of(rte) == APIC_DELIVER_FIXED || mode_of(rte) == APIC_DELIVER_LOWEST);
}

static bool send(struct ioapic *io, u64 rte)
{
	struct apic_msg m = {
		.dest = rte >> 56,
		.vector = rte & IOAPIC_RTE_VECTOR,
		.mode = mode_of(rte),
		.flags = (rte & IOAPIC_RTE_LOGICAL ? APIC_MSG_LOGICAL : 0) |
			 (is_level(rte) ? APIC_MSG_LEVEL : 0),
	};

	return io->send(io->ctx, &m);
}

/*
 * A level pin that asks and may: remote IRR is set when a LAPIC has taken the
 * message. If none does, the pin keeps asking; see ioapic_rescan().
 */
static void service_level(struct ioapic *io, unsigned int pin)
{
	u64 rte = io->rte[pin];

	if (!is_level(rte) || !(io->lines & BIT(pin)) ||
	    (rte & (IOAPIC_RTE_MASKED | IOAPIC_RTE_REMOTE_IRR)))
		return;
	if (send(io, rte))
		io->rte[pin] |= IOAPIC_RTE_REMOTE_IRR;
}

/**
 * ioapic_set_line() - a level at an input pin
 * @io: the IOAPIC
 * @pin: 0..23
 * @level: asserted or not; polarity is taken as the guest programs it
 *
 * An edge at a masked pin is lost (82093AA, "Interrupt Mask"); a level waits.
 */
void ioapic_set_line(struct ioapic *io, unsigned int pin, bool level)
{
	bool was = io->lines & BIT(pin);
	u64 rte = io->rte[pin];

	io->lines = level ? io->lines | BIT(pin) : io->lines & ~BIT(pin);
	if (is_level(rte))
		service_level(io, pin);
	else if (level && !was && !(rte & IOAPIC_RTE_MASKED))
		send(io, rte);
}

/**
 * ioapic_eoi() - a LAPIC ended a level-triggered interrupt
 * @io: the IOAPIC
 * @vector: its vector; several pins may share it
 */
void ioapic_eoi(struct ioapic *io, u8 vector)
{
	unsigned int pin;

	for (pin = 0; pin < IOAPIC_NR_PINS; pin++) {
		u64 rte = io->rte[pin];

		if (!(rte & IOAPIC_RTE_REMOTE_IRR) || (rte & IOAPIC_RTE_VECTOR) != vector)
			continue;
		io->rte[pin] = rte & ~IOAPIC_RTE_REMOTE_IRR;
		service_level(io, pin);
	}
}

/**
 * ioapic_rescan() - a LAPIC may listen now that did not before
 * @io: the IOAPIC
 *
 * To be called after a LAPIC was enabled: level pins whose message nobody took send it again.
 */
void ioapic_rescan(struct ioapic *io)
{
	unsigned int pin;

	for (pin = 0; pin < IOAPIC_NR_PINS; pin++)
		service_level(io, pin);
}

static void rte_write(struct ioapic *io, unsigned int pin, bool high, u32 val)
{
	u64 old = io->rte[pin], rte;

	if (high)
		rte = (u32)old | (u64)val << 32;
	else
		rte = (old & ~(u64)U32_MAX) | val;
	rte = (rte & RTE_WRITABLE) | (old & IOAPIC_RTE_REMOTE_IRR);
	/*
	 * Making the pin edge-triggered clears remote IRR: that is how systems
	 * end an interrupt on a part without an EOI register.
	 */
	if (!is_level(rte))
		rte &= ~IOAPIC_RTE_REMOTE_IRR;
	io->rte[pin] = rte;
	service_level(io, pin);
}

/**
 * ioapic_read() - read the register page
 * @io: the IOAPIC
 * @offset: within the page
 * @len: bytes
 */
u32 ioapic_read(const struct ioapic *io, unsigned int offset, unsigned int len)
{
	u32 val = 0, sel = io->select;

	if (offset == OFFSET_SELECT) {
		val = sel;
	} else if (offset == OFFSET_WINDOW) {
		if (sel == REG_ID || sel == REG_ARB)
			val = io->id;
		else if (sel == REG_VERSION)
			val = io->version | (IOAPIC_NR_PINS - 1) << 16;
		else if (sel >= REG_RTE && sel < REG_RTE + 2 * IOAPIC_NR_PINS)
			val = io->rte[(sel - REG_RTE) / 2] >> (sel & 1 ? 32 : 0);
	}
	if (len < 4)
		val &= (1U << (len * 8)) - 1;
	return val;
}

/**
 * ioapic_write() - write the register page
 * @io: the IOAPIC
 * @offset: within the page
 * @len: bytes; the select register takes any, the others only 32-bit accesses or wider
 * @val: value
 */
void ioapic_write(struct ioapic *io, unsigned int offset, unsigned int len, u32 val)
{
	u32 sel = io->select;

	if (offset == OFFSET_SELECT) {
		io->select = val & 0xff;
		return;
	}
	if (len < 4)
		return;
	if (offset == OFFSET_EOI && io->version >= IOAPIC_VERSION_EOI) {
		ioapic_eoi(io, val);
	} else if (offset == OFFSET_WINDOW) {
		if (sel == REG_ID)
			io->id = val & 0x0f000000;
		else if (sel >= REG_RTE && sel < REG_RTE + 2 * IOAPIC_NR_PINS)
			rte_write(io, (sel - REG_RTE) / 2, sel & 1, val);
	}
}

/**
 * ioapic_reset() - the state after power-up; @send and @ctx stay
 * @io: the IOAPIC
 * @version: IOAPIC_VERSION_*
 */
void ioapic_reset(struct ioapic *io, u32 version)
{
	unsigned int pin;

	io->version = version;
	io->select = 0;
	io->id = 0;
	io->lines = 0;
	for (pin = 0; pin < IOAPIC_NR_PINS; pin++)
		io->rte[pin] = IOAPIC_RTE_MASKED;
}

/**
 * ioapic_get_state() - take the state
 * @io: the IOAPIC
 * @s: [OUT]
 */
void ioapic_get_state(const struct ioapic *io, struct ioapic_state *s)
{
	memcpy(s->rte, io->rte, sizeof(s->rte));
	s->version = io->version;
	s->select = io->select;
	s->id = io->id;
	s->lines = io->lines;
}

/**
 * ioapic_set_state() - load a state that may come from anywhere; sends nothing
 * @io: the IOAPIC, reset
 * @s: the state
 *
 * Return: 0, or -EINVAL for a state that no IOAPIC can have; then nothing has changed.
 */
int ioapic_set_state(struct ioapic *io, const struct ioapic_state *s)
{
	unsigned int pin;

	if (s->version != IOAPIC_VERSION_82093AA && s->version != IOAPIC_VERSION_EOI)
		return -EINVAL;
	if (s->select > 0xff || (s->id & ~0x0f000000U) || s->lines >> IOAPIC_NR_PINS)
		return -EINVAL;
	for (pin = 0; pin < IOAPIC_NR_PINS; pin++) {
		u64 rte = s->rte[pin];

		if (rte & ~(RTE_WRITABLE | IOAPIC_RTE_REMOTE_IRR))
			return -EINVAL;
		if ((rte & IOAPIC_RTE_REMOTE_IRR) && !is_level(rte))
			return -EINVAL;
	}
	memcpy(io->rte, s->rte, sizeof(io->rte));
	io->version = s->version;
	io->select = s->select;
	io->id = s->id;
	io->lines = s->lines;
	return 0;
}
