// SPDX-License-Identifier: GPL-2.0-only
/*
 * Intel 8042 keyboard controller of the PC/AT, with a keyboard on which nobody types, no mouse,
 * and what guests use it for: the reset line and the A20 gate (always open). Port 0x92, the
 * chip set's shortcut to both lines, is here too. Pure.
 */
#include "device.h"
#include "ports.h"

#define PORT_SYSTEM_CONTROL 0x92

#define STATUS_OBF 0x01
#define STATUS_SYSTEM 0x04
#define STATUS_COMMAND 0x08
#define STATUS_UNLOCKED 0x10

#define MODE_IRQ1 0x01
#define MODE_SYSTEM 0x04
#define MODE_KBD_OFF 0x10
#define MODE_AUX_OFF 0x20
#define MODE_TRANSLATE 0x40

#define OUT_RESET 0x01
#define OUT_A20 0x02

#define QUEUE 16

struct i8042 {
	struct device dev;
	u8 mode; /* the "command byte" */
	u8 command; /* waits for its data byte, or 0 */
	u8 last_was_command;
	u8 kbd_command; /* likewise of the keyboard */
	u8 count;
	u8 from_kbd[QUEUE]; /* 1: raises the interrupt */
	u8 queue[QUEUE];
	u8 line;
};

static const struct dev_field fields[] = {
	DEV_FIELD(struct i8042, mode, 0x7f),
	DEV_FIELD(struct i8042, command, 0xff),
	DEV_FIELD(struct i8042, last_was_command, 1),
	DEV_FIELD(struct i8042, kbd_command, 0xff),
	DEV_FIELD(struct i8042, count, QUEUE),
	DEV_ARRAY(struct i8042, from_kbd, 1),
	DEV_ARRAY(struct i8042, queue, 0xff),
};

static struct i8042 *to_kbc(struct device *dev)
{
	return container_of(dev, struct i8042, dev);
}

static void update_line(struct i8042 *k)
{
	bool level = k->count && k->from_kbd[0] && (k->mode & MODE_IRQ1);

	if (level != k->line) {
		k->line = level;
		k->dev.env->set_irq(k->dev.env->ctx, IRQ_KBD, level);
	}
}

static void put(struct i8042 *k, u8 v, bool kbd)
{
	if (k->count == QUEUE)
		return;
	k->from_kbd[k->count] = kbd;
	k->queue[k->count++] = v;
}

static u8 get(struct i8042 *k)
{
	u8 v = k->queue[0];

	if (!k->count)
		return 0;
	k->count--;
	memmove(k->queue, k->queue + 1, QUEUE - 1);
	memmove(k->from_kbd, k->from_kbd + 1, QUEUE - 1);
	/* The line falls between two bytes, so that each makes an edge. */
	if (k->line) {
		k->line = 0;
		k->dev.env->set_irq(k->dev.env->ctx, IRQ_KBD, false);
	}
	return v;
}

static void output_port(struct i8042 *k, u8 v)
{
	if (!(v & OUT_RESET))
		k->dev.env->event(k->dev.env->ctx, DEV_RESET, 0);
}

static void kbd_write(struct i8042 *k, u8 v)
{
	k->mode &= ~MODE_KBD_OFF;
	if (k->kbd_command) {
		/* The argument of LEDs, rate or scan-code set: nothing to do for any of them. */
		k->kbd_command = 0;
		put(k, 0xfa, true);
		return;
	}
	switch (v) {
	case 0xee:
		put(k, 0xee, true);
		break;
	case 0xed:
	case 0xf0:
	case 0xf3:
		k->kbd_command = v;
		put(k, 0xfa, true);
		break;
	case 0xf2:
		put(k, 0xfa, true);
		put(k, 0xab, true);
		put(k, k->mode & MODE_TRANSLATE ? 0x41 : 0x83, true);
		break;
	case 0xf4:
	case 0xf5:
	case 0xf6:
		put(k, 0xfa, true);
		break;
	case 0xff:
		put(k, 0xfa, true);
		put(k, 0xaa, true);
		break;
	default:
		put(k, 0xfe, true);
	}
}

static void data_write(struct i8042 *k, u8 v)
{
	u8 command = k->command;

	k->command = 0;
	switch (command) {
	case 0:
		kbd_write(k, v);
		break;
	case 0x60:
		k->mode = v & 0x7f;
		break;
	case 0xd1:
		output_port(k, v);
		break;
	case 0xd2:
		put(k, v, true);
		break;
	case 0xd3:
		put(k, v, false);
		break;
	case 0xd4: /* to a mouse that is not there */
		break;
	}
}

static void command_write(struct i8042 *k, u8 v)
{
	k->command = 0;
	switch (v) {
	case 0x20:
		put(k, k->mode, false);
		break;
	case 0x60:
	case 0xd1 ... 0xd4:
		k->command = v;
		break;
	case 0xa7:
		k->mode |= MODE_AUX_OFF;
		break;
	case 0xa8:
		k->mode &= ~MODE_AUX_OFF;
		break;
	case 0xa9:
		put(k, 0x04, false); /* no mouse: its data line is stuck high */
		break;
	case 0xaa:
		k->mode |= MODE_SYSTEM;
		put(k, 0x55, false);
		break;
	case 0xab:
		put(k, 0x00, false);
		break;
	case 0xad:
		k->mode |= MODE_KBD_OFF;
		break;
	case 0xae:
		k->mode &= ~MODE_KBD_OFF;
		break;
	case 0xc0:
		put(k, 0x80, false); /* keyboard not locked */
		break;
	case 0xd0:
		put(k, 0xcc | OUT_RESET | OUT_A20, false);
		break;
	case 0xf0 ... 0xff: /* pulse the lines whose bit is clear */
		output_port(k, v & 0x0f);
		break;
	}
}

static void kbc_write(struct device *dev, u16 port, unsigned int width, u32 value)
{
	struct i8042 *k = to_kbc(dev);

	switch (port) {
	case PORT_KBD_DATA:
		k->last_was_command = 0;
		data_write(k, value);
		break;
	case PORT_KBD_STATUS:
		k->last_was_command = 1;
		command_write(k, value);
		break;
	case PORT_SYSTEM_CONTROL:
		if (value & 1)
			dev->env->event(dev->env->ctx, DEV_RESET, 0);
		break;
	}
	update_line(k);
}

static u32 kbc_read(struct device *dev, u16 port, unsigned int width)
{
	struct i8042 *k = to_kbc(dev);
	u8 v = 0xff;

	switch (port) {
	case PORT_KBD_DATA:
		v = get(k);
		break;
	case PORT_KBD_STATUS:
		v = STATUS_UNLOCKED | (k->count ? STATUS_OBF : 0) |
		    (k->mode & MODE_SYSTEM ? STATUS_SYSTEM : 0) |
		    (k->last_was_command ? STATUS_COMMAND : 0);
		break;
	case PORT_SYSTEM_CONTROL:
		v = OUT_A20;
		break;
	}
	update_line(k);
	return v;
}

static void kbc_reset(struct device *dev)
{
	struct i8042 *k = to_kbc(dev);

	memset((u8 *)k + sizeof(*dev), 0, sizeof(*k) - sizeof(*dev));
	k->mode = MODE_SYSTEM | MODE_AUX_OFF | MODE_TRANSLATE | MODE_IRQ1;
}

static bool kbc_loaded(struct device *dev)
{
	struct i8042 *k = to_kbc(dev);

	k->line = 0;
	dev->env->set_irq(dev->env->ctx, IRQ_KBD, false);
	update_line(k);
	return true;
}

const struct device_ops i8042_ops = {
	.name = "i8042",
	.size = sizeof(struct i8042),
	.ports = { { PORT_KBD_DATA, PORT_KBD_DATA },
		   { PORT_KBD_STATUS, PORT_KBD_STATUS },
		   { PORT_SYSTEM_CONTROL, PORT_SYSTEM_CONTROL } },
	.byte_wide = true,
	.fields = fields,
	.nr_fields = ARRAY_SIZE(fields),
	.reset = kbc_reset,
	.read = kbc_read,
	.write = kbc_write,
	.loaded = kbc_loaded,
};
