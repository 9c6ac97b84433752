// SPDX-License-Identifier: GPL-2.0-only
/*
 * NS16550A UART with FIFOs (National Semiconductor PC16550D data sheet).
 *
 * The line is infinitely fast: a byte written is gone at once, so the transmitter is always empty.
 * The far end is always ready. As on a PC, OUT2 gates the interrupt. Input waits until the guest
 * listens, by interrupt or by polling: what came before would be lost when its driver clears the
 * FIFO. Pure.
 */
#include "device.h"
#include "ports.h"

#define FIFO_SIZE 16
/*
 * That many looks at the line status without sending anything are somebody who waits for input; a
 * driver that probes the chip needs fewer.
 */
#define LISTENING_POLLS 64

#define REG_DATA 0 /* DLL with DLAB */
#define REG_IER 1 /* DLM with DLAB */
#define REG_IIR 2 /* FCR on write */
#define REG_LCR 3
#define REG_MCR 4
#define REG_LSR 5
#define REG_MSR 6
#define REG_SCR 7

#define IER_RX 0x01
#define IER_THRE 0x02
#define IER_LINE 0x04
#define IER_MODEM 0x08

#define IIR_NONE 0x01
#define IIR_MODEM 0x00
#define IIR_THRE 0x02
#define IIR_RX 0x04
#define IIR_LINE 0x06
#define IIR_TIMEOUT 0x0c
#define IIR_FIFO 0xc0

#define FCR_ENABLE 0x01
#define FCR_CLEAR_RX 0x02
#define FCR_TRIGGER 0xc0

#define LCR_DLAB 0x80

#define MCR_DTR 0x01
#define MCR_RTS 0x02
#define MCR_OUT1 0x04
#define MCR_OUT2 0x08
#define MCR_LOOP 0x10

#define LSR_DR 0x01
#define LSR_OE 0x02
#define LSR_THRE 0x20
#define LSR_TEMT 0x40

#define MSR_CTS 0x10
#define MSR_DSR 0x20
#define MSR_RI 0x40
#define MSR_DCD 0x80
#define MSR_DELTAS 0x0f

struct ns16550 {
	struct device dev;
	u8 ier;
	u8 fcr;
	u8 lcr;
	u8 mcr;
	u8 msr; /* deltas as well */
	u8 scr;
	u16 divisor;
	u8 overrun;
	u8 thre_pending; /* THRE has happened and was not acknowledged */
	u8 polls; /* looks at LSR since the last byte was sent, up to LISTENING_POLLS */
	u8 rx_count;
	u8 rx[FIFO_SIZE]; /* oldest first */
	u8 line; /* level of the interrupt line */
};

static const struct dev_field fields[] = {
	DEV_FIELD(struct ns16550, ier, 0x0f),
	DEV_FIELD(struct ns16550, fcr, 0xff),
	DEV_FIELD(struct ns16550, lcr, 0xff),
	DEV_FIELD(struct ns16550, mcr, 0x1f),
	DEV_FIELD(struct ns16550, msr, 0xff),
	DEV_FIELD(struct ns16550, scr, 0xff),
	DEV_FIELD(struct ns16550, divisor, 0xffff),
	DEV_FIELD(struct ns16550, overrun, 1),
	DEV_FIELD(struct ns16550, thre_pending, 1),
	DEV_FIELD(struct ns16550, polls, LISTENING_POLLS),
	DEV_FIELD(struct ns16550, rx_count, FIFO_SIZE),
	DEV_ARRAY(struct ns16550, rx, 0xff),
};

static struct ns16550 *to_uart(struct device *dev)
{
	return container_of(dev, struct ns16550, dev);
}

static unsigned int fifo_size(const struct ns16550 *u)
{
	return u->fcr & FCR_ENABLE ? FIFO_SIZE : 1;
}

static unsigned int trigger(const struct ns16550 *u)
{
	static const u8 level[] = { 1, 4, 8, 14 };

	return u->fcr & FCR_ENABLE ? level[u->fcr >> 6] : 1;
}

/* The identification register without its FIFO bits: the pending interrupt of highest priority. */
static u8 identify(const struct ns16550 *u)
{
	if ((u->ier & IER_LINE) && u->overrun)
		return IIR_LINE;
	if ((u->ier & IER_RX) && u->rx_count)
		/* Below the trigger the chip waits four characters: no time on our line. */
		return u->rx_count >= trigger(u) ? IIR_RX : IIR_TIMEOUT;
	if ((u->ier & IER_THRE) && u->thre_pending)
		return IIR_THRE;
	if ((u->ier & IER_MODEM) && (u->msr & MSR_DELTAS))
		return IIR_MODEM;
	return IIR_NONE;
}

static void update_line(struct ns16550 *u)
{
	bool level = identify(u) != IIR_NONE && (u->mcr & MCR_OUT2) && !(u->mcr & MCR_LOOP);

	if (level != u->line) {
		u->line = level;
		u->dev.env->set_irq(u->dev.env->ctx, IRQ_COM1, level);
	}
}

/* Modem inputs: a ready far end, or in loop-back our own outputs. */
static void update_modem(struct ns16550 *u)
{
	u8 now = MSR_DCD | MSR_DSR | MSR_CTS, old = u->msr & ~MSR_DELTAS;

	if (u->mcr & MCR_LOOP)
		now = (u->mcr & MCR_DTR ? MSR_DSR : 0) | (u->mcr & MCR_RTS ? MSR_CTS : 0) |
		      (u->mcr & MCR_OUT1 ? MSR_RI : 0) | (u->mcr & MCR_OUT2 ? MSR_DCD : 0);
	u->msr = now | (u->msr & MSR_DELTAS);
	u->msr |= ((now ^ old) & (MSR_CTS | MSR_DSR | MSR_DCD)) >> 4;
	if (old & ~now & MSR_RI) /* only the trailing edge of RI counts */
		u->msr |= MSR_RI >> 4;
}

static void push(struct ns16550 *u, u8 byte)
{
	if (u->rx_count == fifo_size(u)) {
		u->overrun = 1;
		return;
	}
	u->rx[u->rx_count++] = byte;
}

static bool listening(const struct ns16550 *u)
{
	/* Probing drivers switch interrupts on for a moment, but not through to the line. */
	return (u->ier & IER_RX && u->mcr & MCR_OUT2) || u->polls == LISTENING_POLLS;
}

static u8 pop(struct ns16550 *u)
{
	u8 byte = u->rx[0];

	if (!u->rx_count)
		return 0;
	memmove(u->rx, u->rx + 1, --u->rx_count);
	u->rx[u->rx_count] = 0;
	u->dev.env->receive_room(u->dev.env->ctx);
	return byte;
}

static void clear_rx(struct ns16550 *u)
{
	memset(u->rx, 0, sizeof(u->rx));
	u->rx_count = 0;
	u->dev.env->receive_room(u->dev.env->ctx);
}

static void write_fcr(struct ns16550 *u, u8 value)
{
	/*
	 * By the data sheet switching FIFOs on drops a byte that waits as well. Linux does so after
	 * it has asked for input, and on our fast line there is always a byte by then: keep it.
	 */
	if (u->fcr & ~value & FCR_ENABLE || value & FCR_CLEAR_RX)
		clear_rx(u);
	/* The other bits are taken only together with the enable bit. */
	u->fcr = value & FCR_ENABLE ? value & (FCR_ENABLE | FCR_TRIGGER) : 0;
}

static void uart_write(struct device *dev, u16 port, unsigned int width, u32 value)
{
	struct ns16550 *u = to_uart(dev);
	bool listened = listening(u);
	u8 v = value;

	switch (port - PORT_COM1) {
	case REG_DATA:
		if (u->lcr & LCR_DLAB) {
			u->divisor = (u->divisor & 0xff00) | v;
			break;
		}
		if (u->mcr & MCR_LOOP)
			push(u, v);
		else
			dev->env->transmit(dev->env->ctx, v);
		u->thre_pending = 1;
		u->polls = 0;
		break;
	case REG_IER:
		if (u->lcr & LCR_DLAB) {
			u->divisor = (u->divisor & 0xff) | v << 8;
			break;
		}
		/* Enabling it while the register is empty raises it. */
		if (v & ~u->ier & IER_THRE)
			u->thre_pending = 1;
		u->ier = v & 0x0f;
		break;
	case REG_IIR:
		write_fcr(u, v);
		break;
	case REG_LCR:
		u->lcr = v;
		break;
	case REG_MCR:
		u->mcr = v & 0x1f;
		update_modem(u);
		break;
	case REG_SCR:
		u->scr = v;
		break;
	}
	if (listening(u) && !listened)
		dev->env->receive_room(dev->env->ctx);
	update_line(u);
}

static u32 uart_read(struct device *dev, u16 port, unsigned int width)
{
	struct ns16550 *u = to_uart(dev);
	u8 v = 0;

	switch (port - PORT_COM1) {
	case REG_DATA:
		v = u->lcr & LCR_DLAB ? u->divisor & 0xff : pop(u);
		break;
	case REG_IER:
		v = u->lcr & LCR_DLAB ? u->divisor >> 8 : u->ier;
		break;
	case REG_IIR:
		v = identify(u);
		if (v == IIR_THRE)
			u->thre_pending = 0;
		if (u->fcr & FCR_ENABLE)
			v |= IIR_FIFO;
		break;
	case REG_LCR:
		v = u->lcr;
		break;
	case REG_MCR:
		v = u->mcr;
		break;
	case REG_LSR:
		v = LSR_THRE | LSR_TEMT | (u->rx_count ? LSR_DR : 0) | (u->overrun ? LSR_OE : 0);
		u->overrun = 0;
		if (u->polls < LISTENING_POLLS && ++u->polls == LISTENING_POLLS)
			dev->env->receive_room(dev->env->ctx);
		break;
	case REG_MSR:
		v = u->msr;
		u->msr &= ~MSR_DELTAS;
		break;
	case REG_SCR:
		v = u->scr;
		break;
	}
	update_line(u);
	return v;
}

static void uart_reset(struct device *dev)
{
	struct ns16550 *u = to_uart(dev);

	memset((u8 *)u + sizeof(*dev), 0, sizeof(*u) - sizeof(*dev));
	u->msr = MSR_DCD | MSR_DSR | MSR_CTS;
	u->divisor = 12; /* 9600 baud */
}

static bool uart_loaded(struct device *dev)
{
	struct ns16550 *u = to_uart(dev);

	if (u->rx_count > fifo_size(u))
		return false;
	u->line = 0;
	dev->env->set_irq(dev->env->ctx, IRQ_COM1, false);
	update_line(u);
	return true;
}

unsigned int ns16550_room(struct device *dev)
{
	struct ns16550 *u = to_uart(dev);

	return u->mcr & MCR_LOOP || !listening(u) ? 0 : fifo_size(u) - u->rx_count;
}

void ns16550_receive(struct device *dev, const u8 *data, unsigned int n)
{
	struct ns16550 *u = to_uart(dev);

	while (n--)
		push(u, *data++);
	update_line(u);
}

const struct device_ops ns16550_ops = {
	.name = "ns16550",
	.size = sizeof(struct ns16550),
	.ports = { { PORT_COM1, PORT_COM1 + 7 } },
	.byte_wide = true,
	.fields = fields,
	.nr_fields = ARRAY_SIZE(fields),
	.reset = uart_reset,
	.read = uart_read,
	.write = uart_write,
	.loaded = uart_loaded,
};
