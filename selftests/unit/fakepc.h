/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A machine for chips under test: time that the test moves, lines, console and events it can read.
 */
#ifndef FERRY_FAKEPC_H
#define FERRY_FAKEPC_H

#include "device.h"

struct fakepc {
	struct dev_env env;
	u64 guest_ns;
	u64 wall_ns;
	bool line[16];
	unsigned int rises[16];
	u8 out[256];
	unsigned int nr_out;
	unsigned int rooms;
	unsigned int rearms;
	unsigned int events[3];
	u32 event_value;
};

static void fake_set_irq(void *ctx, unsigned int irq, bool level)
{
	struct fakepc *pc = ctx;

	pc->rises[irq] += level && !pc->line[irq];
	pc->line[irq] = level;
}

static u64 fake_guest_ns(void *ctx)
{
	return ((struct fakepc *)ctx)->guest_ns;
}

static u64 fake_wall_ns(void *ctx)
{
	return ((struct fakepc *)ctx)->wall_ns;
}

static void fake_transmit(void *ctx, u8 byte)
{
	struct fakepc *pc = ctx;

	if (pc->nr_out < sizeof(pc->out))
		pc->out[pc->nr_out++] = byte;
}

static void fake_room(void *ctx)
{
	((struct fakepc *)ctx)->rooms++;
}

static void fake_rearm(void *ctx)
{
	((struct fakepc *)ctx)->rearms++;
}

static void fake_event(void *ctx, enum dev_event event, u32 value)
{
	struct fakepc *pc = ctx;

	pc->events[event]++;
	pc->event_value = value;
}

static inline void fakepc_init(struct fakepc *pc)
{
	memset(pc, 0, sizeof(*pc));
	pc->env = (struct dev_env){
		.ctx = pc,
		.set_irq = fake_set_irq,
		.guest_ns = fake_guest_ns,
		.wall_ns = fake_wall_ns,
		.transmit = fake_transmit,
		.receive_room = fake_room,
		.rearm = fake_rearm,
		.event = fake_event,
	};
}

static inline void fakepc_pass(struct fakepc *pc, u64 ns)
{
	pc->guest_ns += ns;
	pc->wall_ns += ns;
}

static inline void outb(struct device *dev, u16 port, u8 v)
{
	dev->ops->write(dev, port, 1, v);
}

static inline u8 inb(struct device *dev, u16 port)
{
	return dev->ops->read(dev, port, 1);
}

#endif /* FERRY_FAKEPC_H */
