/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The PC's pair of i8259A interrupt controllers with the edge/level registers
 * of EISA and PCI chipsets, as a register machine (Intel 8259A data sheet;
 * PIIX3 data sheet for ELCR).
 *
 * No locks here: the caller holds one lock per pair around every call.
 */
#ifndef FERRY_LIB_DEV_I8259_H
#define FERRY_LIB_DEV_I8259_H

#include "../env.h"

#define I8259_NR_IRQS 16
#define I8259_CASCADE 2

/**
 * struct i8259_chip - one of the two
 * @lines: levels at the inputs
 * @irr: requests: latched edges, and levels
 * @lowest: input with the lowest priority; the next one has the highest
 * @init: the initialisation word expected next, 2..4; 0 when initialised
 * @icw3: written and kept, but the wiring is what it is
 */
struct i8259_chip {
	u8 lines;
	u8 irr;
	u8 isr;
	u8 imr;
	u8 elcr;
	u8 base;
	u8 lowest;
	u8 init;
	u8 icw3;
	bool need_icw4;
	bool single; /* ICW1 said so: no ICW3 follows */
	bool auto_eoi;
	bool rotate_on_aeoi;
	bool special_mask;
	bool nested; /* special fully nested mode */
	bool read_isr;
	bool poll;
};

/**
 * struct i8259 - the pair
 * @chip: master, slave
 */
struct i8259 {
	struct i8259_chip chip[2];
};

/* struct i8259_chip_state.flags */
#define I8259_STATE_NEED_ICW4	 BIT(0)
#define I8259_STATE_AUTO_EOI	 BIT(1)
#define I8259_STATE_ROTATE	 BIT(2)
#define I8259_STATE_SPECIAL_MASK BIT(3)
#define I8259_STATE_NESTED	 BIT(4)
#define I8259_STATE_READ_ISR	 BIT(5)
#define I8259_STATE_POLL	 BIT(6)
#define I8259_STATE_SINGLE	 BIT(7)

/**
 * struct i8259_state - the pair at rest: state group and wire format; fields as struct i8259_chip
 */
struct i8259_state {
	struct i8259_chip_state {
		u8 lines;
		u8 irr;
		u8 isr;
		u8 imr;
		u8 elcr;
		u8 base;
		u8 lowest;
		u8 init;
		u8 icw3;
		u8 flags;
		u8 reserved[6];
	} chip[2];
};

static_assert(sizeof(struct i8259_state) == 32, "no padding, no surprise");

/* Is this port one of the pair's? Asked at every port access of a guest. */
static inline bool i8259_has_port(u16 port)
{
	return (port & ~0x81) == 0x20 || (port & ~1) == 0x4d0;
}

void i8259_reset(struct i8259 *p);
u8 i8259_read(struct i8259 *p, u16 port);
void i8259_write(struct i8259 *p, u16 port, u8 val);
void i8259_set_line(struct i8259 *p, unsigned int irq, bool level);
bool i8259_intr(const struct i8259 *p);
u8 i8259_ack(struct i8259 *p);
void i8259_get_state(const struct i8259 *p, struct i8259_state *s);
int i8259_set_state(struct i8259 *p, const struct i8259_state *s);

#endif /* FERRY_LIB_DEV_I8259_H */
