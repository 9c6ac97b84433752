// SPDX-License-Identifier: GPL-2.0-only
/*
 * The NS16550A: registers, FIFOs, interrupt priorities, loop-back; save and load.
 */
#include "fakepc.h"
#include "ports.h"
#include "tap.h"

#define DATA (PORT_COM1 + 0)
#define IER (PORT_COM1 + 1)
#define IIR (PORT_COM1 + 2)
#define FCR (PORT_COM1 + 2)
#define LCR (PORT_COM1 + 3)
#define MCR (PORT_COM1 + 4)
#define LSR (PORT_COM1 + 5)
#define MSR (PORT_COM1 + 6)
#define SCR (PORT_COM1 + 7)

static struct fakepc pc;
static struct device *u;

static void fresh(void)
{
	device_free(u);
	fakepc_init(&pc);
	u = device_new(&ns16550_ops, &pc.env);
}

static void give(const char *s)
{
	ns16550_receive(u, (const u8 *)s, strlen(s));
}

static void test_registers(void)
{
	fresh();
	ok_eq(inb(u, LSR), 0x60, "after reset the transmitter is empty");
	ok_eq(inb(u, IIR), 0x01, "and nothing is pending");
	outb(u, SCR, 0x5a);
	ok_eq(inb(u, SCR), 0x5a, "scratch register");
	outb(u, LCR, 0x83);
	outb(u, DATA, 0x34);
	outb(u, IER, 0x12);
	ok(inb(u, DATA) == 0x34 && inb(u, IER) == 0x12, "divisor behind DLAB");
	ok_eq(pc.nr_out, 0, "a divisor is not transmitted");
	outb(u, LCR, 0x03);
	ok_eq(inb(u, IER), 0, "IER is itself again");
	outb(u, IER, 0xff);
	ok_eq(inb(u, IER), 0x0f, "IER keeps four bits");
	outb(u, DATA, 'x');
	ok(pc.nr_out == 1 && pc.out[0] == 'x', "a byte is transmitted");
	ok_eq(inb(u, MSR) & 0xf0, 0xb0, "the far end is ready");
}

static void test_interrupts(void)
{
	fresh();
	outb(u, IER, 0x02);
	ok(!pc.line[4], "without OUT2 no interrupt leaves the card");
	outb(u, MCR, 0x08);
	ok(pc.line[4], "enabling THRE raises it at once");
	ok_eq(inb(u, IIR), 0x02, "IIR says THRE");
	ok(!pc.line[4], "reading IIR acknowledges THRE");
	ok_eq(inb(u, IIR), 0x01, "and then nothing is pending");
	outb(u, DATA, 'a');
	ok(pc.line[4], "a transmitted byte raises it again");
	outb(u, IER, 0x07);
	give("Q");
	ok_eq(inb(u, IIR), 0x04, "received data come before THRE");
	give("R");
	ok_eq(inb(u, IIR), 0x06, "an overrun comes before both");
	ok_eq(inb(u, LSR), 0x63, "LSR: data, overrun, empty");
	ok_eq(inb(u, LSR), 0x61, "reading LSR clears the overrun");
	ok_eq(inb(u, DATA), 'Q', "the first byte was kept");
	ok_eq(inb(u, IIR), 0x02, "THRE is still pending");
}

static void test_fifo(void)
{
	int i, good = 1;

	fresh();
	ok_eq(ns16550_room(u), 0, "nobody listens yet: input waits");
	for (i = 0; i < 63; i++)
		inb(u, LSR);
	ok_eq(ns16550_room(u), 0, "some looks at the line are a driver that probes");
	outb(u, DATA, 'x');
	for (i = 0; i < 63; i++)
		inb(u, LSR);
	ok_eq(ns16550_room(u), 0, "sending begins the count again");
	i = pc.rooms;
	inb(u, LSR);
	ok_eq(ns16550_room(u), 1, "64 are polling: without FIFO there is room for one byte");
	ok_eq(pc.rooms, i + 1, "and the console hears of it");
	fresh();
	outb(u, IER, 0x01);
	ok_eq(ns16550_room(u), 0, "an interrupt that OUT2 holds back is no listening");
	outb(u, MCR, 0x08);
	ok(ns16550_room(u) == 1 && pc.rooms == 1, "one that comes through is");
	fresh();
	outb(u, MCR, 0x08);
	outb(u, IER, 0x01);
	give("k");
	outb(u, FCR, 0x81);
	ok_eq(inb(u, DATA), 'k', "switching the FIFO on keeps a byte that waits");
	ok_eq(ns16550_room(u), 16, "with FIFO for sixteen");
	outb(u, MCR, 0x08);
	outb(u, IER, 0x01);
	give("1234567");
	ok_eq(inb(u, IIR), 0xcc, "below the trigger level: character time-out");
	give("8");
	ok_eq(inb(u, IIR), 0xc4, "at the trigger level: data");
	give("9abcdefg");
	ok_eq(ns16550_room(u), 0, "full");
	for (i = 0; i < 16; i++)
		good &= inb(u, DATA) == "123456789abcdefg"[i];
	ok(good, "bytes come out in order");
	ok(!pc.line[4] && inb(u, IIR) == 0xc1, "empty: no interrupt");
	ok(pc.rooms >= 16, "the console hears of the room");
	give("zz");
	outb(u, FCR, 0x83);
	ok(!(inb(u, LSR) & 1), "clearing the FIFO");
	give("zz");
	outb(u, FCR, 0x00);
	ok(!(inb(u, LSR) & 1) && inb(u, IIR) == 0x01, "switching it off empties it too");
}

static void test_loopback(void)
{
	fresh();
	inb(u, MSR);
	outb(u, MCR, 0x1a); /* Linux's presence test: loop, OUT2, RTS */
	ok_eq(inb(u, MSR) & 0xf0, 0x90, "loop-back: outputs appear as inputs");
	outb(u, IER, 0x01);
	outb(u, DATA, 'L');
	ok(pc.nr_out == 0 && inb(u, DATA) == 'L', "loop-back: data come back");
	ok_eq(ns16550_room(u), 0, "loop-back: the line is cut");
	ok_eq(pc.rises[4], 0, "loop-back: no interrupt");
	outb(u, MCR, 0x08);
	ok_eq(inb(u, MSR), 0xb2, "back: inputs and their changes since the last look");
	outb(u, IER, 0x08);
	ok(!pc.line[4], "no modem interrupt once the deltas were read");
	outb(u, MCR, 0x18);
	outb(u, MCR, 0x08);
	ok(pc.line[4] && inb(u, IIR) == 0x00, "a change raises the modem interrupt");
}

static void test_state(void)
{
	struct error err;
	struct fakepc pc2;
	struct device *v;
	json_object *o;

	fresh();
	outb(u, LCR, 0x13);
	outb(u, FCR, 0x41);
	outb(u, MCR, 0x08);
	outb(u, IER, 0x03);
	give("hello");
	o = device_save(u);
	fakepc_init(&pc2);
	v = device_new(&ns16550_ops, &pc2.env);
	ok_eq(device_load(v, o, &err), 0, "a saved UART loads");
	ok(pc2.line[4], "its interrupt line is driven again");
	ok(inb(v, LCR) == 0x13 && inb(v, DATA) == 'h' && inb(v, DATA) == 'e', "with its state");

	json_object_object_add(o, "rx_count", json_object_new_int(17));
	ok_eq(device_load(v, o, &err), FERRY_X_BAD_FILE, "an impossible count is refused");
	json_object_object_add(o, "rx_count", json_object_new_int(-1));
	ok_eq(device_load(v, o, &err), FERRY_X_BAD_FILE, "a negative one too");
	json_object_object_add(o, "rx_count", json_object_new_int(5));
	json_object_object_add(o, "fcr", json_object_new_int(0));
	ok_eq(device_load(v, o, &err), FERRY_X_BAD_FILE, "five bytes without a FIFO are refused");
	json_object_object_add(o, "fcr", json_object_new_int(1));
	json_object_object_add(o, "ier", json_object_new_int(0x10));
	ok_eq(device_load(v, o, &err), FERRY_X_BAD_FILE, "a bit the register lacks is refused");
	json_object_object_add(o, "ier", json_object_new_int(3));
	json_object_object_add(o, "fcr", json_object_new_string("1"));
	ok_eq(device_load(v, o, &err), FERRY_X_BAD_FILE, "a string is no number");
	json_object_object_add(o, "fcr", json_object_new_int(1));
	json_object_object_add(o, "more", json_object_new_int(1));
	ok_eq(device_load(v, o, &err), FERRY_X_BAD_FILE, "an unknown member is refused");
	json_object_object_del(o, "more");
	json_object_object_del(o, "scr");
	ok_eq(device_load(v, o, &err), FERRY_X_BAD_FILE, "a missing member is refused");
	json_object_object_add(o, "scr", json_object_new_int(0));
	json_object_object_add(o, "rx", json_object_new_array());
	ok_eq(device_load(v, o, &err), FERRY_X_BAD_FILE, "a short array is refused");
	ok_eq(device_load(v, NULL, &err), FERRY_X_BAD_FILE, "no state at all is refused");
	json_object_put(o);
	device_free(v);
}

int main(void)
{
	test_registers();
	test_interrupts();
	test_fifo();
	test_loopback();
	test_state();
	device_free(u);
	return done();
}
