// SPDX-License-Identifier: GPL-2.0-only
/* The i8259A pair; see i8259.h for the locking rule and the manuals. */
#include "i8259.h"

#define MASTER 0
#define SLAVE  1

#define ICW1	     0x10
#define ICW1_IC4     0x01
#define ICW1_SINGLE  0x02
#define ICW4_AEOI    0x02
#define ICW4_NESTED  0x10
#define OCW3	     0x08
#define OCW3_RIS     0x01
#define OCW3_RR	     0x02
#define OCW3_POLL    0x04
#define OCW3_SMM     0x20
#define OCW3_ESMM    0x40
#define POLL_REQUEST 0x80

/* IRQ 0, 1, 2, 8 and 13 cannot be level-triggered. */
static const u8 elcr_writable[2] = { 0xf8, 0xde };

/* Rank of the most urgent input in a set, 0 first; 8 for none. */
static unsigned int rank(const struct i8259_chip *c, u8 set)
{
	unsigned int r;

	for (r = 0; r < 8; r++)
		if (set & BIT((c->lowest + 1 + r) & 7))
			break;
	return r;
}

static unsigned int input_of(const struct i8259_chip *c, unsigned int r)
{
	return (c->lowest + 1 + r) & 7;
}

/* The input that makes this chip raise INT, or -1. */
static int request(const struct i8259_chip *c, bool master)
{
	unsigned int want = rank(c, c->irr & ~c->imr), serving;
	u8 busy = c->isr;

	if (want == 8)
		return -1;
	/* Special mask mode: an input that is masked inhibits nobody. */
	if (c->special_mask)
		busy &= ~c->imr;
	serving = rank(c, busy);
	if (want < serving)
		return input_of(c, want);
	/* Special fully nested mode: the slave does not inhibit itself. */
	if (want == serving && c->nested && master && input_of(c, want) == I8259_CASCADE)
		return I8259_CASCADE;
	return -1;
}

/*
 * The slave's INT is the master's input 2, an edge like the others. INTA makes
 * INT drop and rise again when something else waits: @fresh. As on the
 * hardware, a request that the slave withdraws leaves the master's latch set
 * and ends as a spurious interrupt 15.
 */
static void cascade(struct i8259 *p, bool fresh)
{
	struct i8259_chip *m = &p->chip[MASTER];
	bool was = m->lines & BIT(I8259_CASCADE);
	bool is = request(&p->chip[SLAVE], false) >= 0;

	if (is && (fresh || !was))
		m->irr |= BIT(I8259_CASCADE);
	m->lines = is ? m->lines | BIT(I8259_CASCADE) : m->lines & ~BIT(I8259_CASCADE);
}

/**
 * i8259_set_line() - a level at an input
 * @p: the pair
 * @irq: 0..15; 2 is the cascade and ignored
 * @level: the new level
 *
 * A latched edge stays until it is taken, even if the line falls before: stricter parts make a
 * spurious interrupt of that, and devices whose pulses userspace makes would lose interrupts.
 */
void i8259_set_line(struct i8259 *p, unsigned int irq, bool level)
{
	struct i8259_chip *c = &p->chip[irq >> 3];
	u8 bit = BIT(irq & 7);

	if (irq == I8259_CASCADE)
		return;
	if (c->elcr & bit)
		c->irr = level ? c->irr | bit : c->irr & ~bit;
	else if (level && !(c->lines & bit))
		c->irr |= bit;
	c->lines = level ? c->lines | bit : c->lines & ~bit;
	cascade(p, false);
}

/**
 * i8259_intr() - the level of the master's INT output
 * @p: the pair
 */
bool i8259_intr(const struct i8259 *p)
{
	return request(&p->chip[MASTER], true) >= 0;
}

static void take(struct i8259_chip *c, unsigned int input)
{
	u8 bit = BIT(input);

	if (!(c->elcr & bit))
		c->irr &= ~bit;
	if (!c->auto_eoi)
		c->isr |= bit;
	else if (c->rotate_on_aeoi)
		c->lowest = input;
}

/**
 * i8259_ack() - the processor's INTA cycles
 * @p: the pair
 *
 * If the request has gone, the chip answers with its input 7 and puts nothing in service.
 *
 * Return: the vector.
 */
u8 i8259_ack(struct i8259 *p)
{
	struct i8259_chip *m = &p->chip[MASTER], *s = &p->chip[SLAVE];
	int input = request(m, true);

	if (input < 0)
		return m->base + 7;
	take(m, input);
	if (input != I8259_CASCADE)
		return m->base + input;

	input = request(s, false);
	if (input < 0)
		return s->base + 7;
	take(s, input);
	cascade(p, true);
	return s->base + input;
}

static void ocw2(struct i8259_chip *c, u8 val)
{
	u8 in_service = c->isr;
	unsigned int r, input = val & 7;

	/* A non-specific EOI in special mask mode leaves masked inputs alone. */
	if (c->special_mask)
		in_service &= ~c->imr;
	r = rank(c, in_service);

	switch (val >> 5) {
	case 0: /* rotate in automatic EOI mode: clear */
	case 4: /* set */
		c->rotate_on_aeoi = val >> 7;
		break;
	case 1: /* non-specific EOI */
	case 5: /* and rotate */
		if (r == 8)
			break;
		input = input_of(c, r);
		c->isr &= ~BIT(input);
		if (val >> 5 == 5)
			c->lowest = input;
		break;
	case 3: /* specific EOI */
		c->isr &= ~BIT(input);
		break;
	case 7: /* rotate on specific EOI */
		c->isr &= ~BIT(input);
		c->lowest = input;
		break;
	case 6: /* set priority */
		c->lowest = input;
		break;
	}
}

static void ocw3(struct i8259_chip *c, u8 val)
{
	if (val & OCW3_ESMM)
		c->special_mask = val & OCW3_SMM;
	if (val & OCW3_POLL)
		c->poll = true;
	if (val & OCW3_RR)
		c->read_isr = val & OCW3_RIS;
}

/* ICW1 also forgets latched edges: the lines must rise again. */
static void icw1(struct i8259_chip *c, u8 val)
{
	c->irr = c->lines & c->elcr;
	c->isr = 0;
	c->imr = 0;
	c->lowest = 7;
	c->auto_eoi = false;
	c->rotate_on_aeoi = false;
	c->special_mask = false;
	c->nested = false;
	c->read_isr = false;
	c->poll = false;
	c->need_icw4 = val & ICW1_IC4;
	c->single = val & ICW1_SINGLE;
	c->init = 2;
}

static void icw(struct i8259_chip *c, u8 val)
{
	switch (c->init) {
	case 2:
		c->base = val & 0xf8;
		if (!c->single)
			c->init = 3;
		else
			c->init = c->need_icw4 ? 4 : 0;
		break;
	case 3:
		c->icw3 = val;
		c->init = c->need_icw4 ? 4 : 0;
		break;
	default:
		c->auto_eoi = val & ICW4_AEOI;
		c->nested = val & ICW4_NESTED;
		c->init = 0;
	}
}

static void elcr_write(struct i8259_chip *c, u8 elcr)
{
	u8 changed = c->elcr ^ elcr;

	c->elcr = elcr;
	/* A level shows its line; a new edge input has seen no edge. */
	c->irr = (c->irr & ~changed) | (c->lines & elcr & changed);
}

/**
 * i8259_write() - OUT to a port of the pair
 * @p: the pair
 * @port: 0x20, 0x21, 0xa0, 0xa1, 0x4d0 or 0x4d1
 * @val: value
 */
void i8259_write(struct i8259 *p, u16 port, u8 val)
{
	bool elcr = port >> 8;
	unsigned int which = elcr ? port & 1 : port >> 7;
	struct i8259_chip *c = &p->chip[which];

	if (elcr)
		elcr_write(c, val & elcr_writable[which]);
	else if (port & 1 && c->init)
		icw(c, val);
	else if (port & 1)
		c->imr = val;
	else if (val & ICW1)
		icw1(c, val);
	else if (val & OCW3)
		ocw3(c, val);
	else
		ocw2(c, val);
	cascade(p, false);
}

/**
 * i8259_read() - IN from a port of the pair
 * @p: the pair
 * @port: as for i8259_write()
 *
 * After a poll command the next read of either port is an INTA cycle.
 */
u8 i8259_read(struct i8259 *p, u16 port)
{
	bool elcr = port >> 8;
	unsigned int which = elcr ? port & 1 : port >> 7;
	struct i8259_chip *c = &p->chip[which];
	int input;

	if (elcr)
		return c->elcr;
	if (c->poll) {
		c->poll = false;
		input = request(c, which == MASTER);
		if (input < 0)
			return 0;
		take(c, input);
		cascade(p, which == SLAVE);
		return POLL_REQUEST | input;
	}
	if (port & 1)
		return c->imr;
	return c->read_isr ? c->isr : c->irr;
}

/**
 * i8259_reset() - the state after power-up
 * @p: the pair
 *
 * The data sheet leaves it undefined until ICW1; everything masked is the safe choice.
 */
void i8259_reset(struct i8259 *p)
{
	unsigned int i;

	memset(p, 0, sizeof(*p));
	for (i = 0; i < 2; i++) {
		p->chip[i].lowest = 7;
		p->chip[i].imr = 0xff;
	}
}

/**
 * i8259_get_state() - take the state
 * @p: the pair
 * @s: [OUT]
 */
void i8259_get_state(const struct i8259 *p, struct i8259_state *s)
{
	unsigned int i;

	memset(s, 0, sizeof(*s));
	for (i = 0; i < 2; i++) {
		const struct i8259_chip *c = &p->chip[i];

		s->chip[i] = (struct i8259_chip_state){
			.lines = c->lines,
			.irr = c->irr,
			.isr = c->isr,
			.imr = c->imr,
			.elcr = c->elcr,
			.base = c->base,
			.lowest = c->lowest,
			.init = c->init,
			.icw3 = c->icw3,
			.flags = (c->need_icw4 ? I8259_STATE_NEED_ICW4 : 0) |
				 (c->auto_eoi ? I8259_STATE_AUTO_EOI : 0) |
				 (c->rotate_on_aeoi ? I8259_STATE_ROTATE : 0) |
				 (c->special_mask ? I8259_STATE_SPECIAL_MASK : 0) |
				 (c->nested ? I8259_STATE_NESTED : 0) |
				 (c->read_isr ? I8259_STATE_READ_ISR : 0) |
				 (c->poll ? I8259_STATE_POLL : 0) |
				 (c->single ? I8259_STATE_SINGLE : 0),
		};
	}
}

static bool chip_state_valid(const struct i8259_chip_state *s, u8 elcr)
{
	static const u8 none[sizeof(s->reserved)];

	return !(s->elcr & ~elcr) && !(s->base & 7) && s->lowest < 8 && s->init != 1 &&
	       s->init <= 4 && !memcmp(s->reserved, none, sizeof(none)) &&
	       /* A level input's request is its line. */
	       !((s->irr ^ s->lines) & s->elcr);
}

/**
 * i8259_set_state() - load a state that may come from anywhere
 * @p: the pair
 * @s: the state
 *
 * Return: 0, or -EINVAL for a state that no pair can have; then nothing has changed.
 */
int i8259_set_state(struct i8259 *p, const struct i8259_state *s)
{
	struct i8259 new;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		const struct i8259_chip_state *c = &s->chip[i];

		if (!chip_state_valid(c, elcr_writable[i]))
			return -EINVAL;
		new.chip[i] = (struct i8259_chip){
			.lines = c->lines,
			.irr = c->irr,
			.isr = c->isr,
			.imr = c->imr,
			.elcr = c->elcr,
			.base = c->base,
			.lowest = c->lowest,
			.init = c->init,
			.icw3 = c->icw3,
			.need_icw4 = c->flags & I8259_STATE_NEED_ICW4,
			.auto_eoi = c->flags & I8259_STATE_AUTO_EOI,
			.rotate_on_aeoi = c->flags & I8259_STATE_ROTATE,
			.special_mask = c->flags & I8259_STATE_SPECIAL_MASK,
			.nested = c->flags & I8259_STATE_NESTED,
			.read_isr = c->flags & I8259_STATE_READ_ISR,
			.poll = c->flags & I8259_STATE_POLL,
			.single = c->flags & I8259_STATE_SINGLE,
		};
	}
	/* The cascade line is what the slave makes it. */
	if (!!(new.chip[MASTER].lines &BIT(I8259_CASCADE)) !=
	    (request(&new.chip[SLAVE], false) >= 0))
		return -EINVAL;
	*p = new;
	return 0;
}
