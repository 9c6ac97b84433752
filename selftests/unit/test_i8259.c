// SPDX-License-Identifier: GPL-2.0-only
/* The i8259A pair: every command word and mode of the data sheet, save and load, a second model. */
#include "lib/dev/i8259.h"
#include "tap.h"

static struct i8259 p;

static void init_pair(u8 icw4_master, u8 icw4_slave)
{
	i8259_reset(&p);
	i8259_write(&p, 0x20, 0x11);
	i8259_write(&p, 0xa0, 0x11);
	i8259_write(&p, 0x21, 0x20);
	i8259_write(&p, 0xa1, 0x28);
	i8259_write(&p, 0x21, 0x04);
	i8259_write(&p, 0xa1, 0x02);
	i8259_write(&p, 0x21, icw4_master);
	i8259_write(&p, 0xa1, icw4_slave);
}

static void raise(unsigned int irq)
{
	i8259_set_line(&p, irq, true);
}

static void lower(unsigned int irq)
{
	i8259_set_line(&p, irq, false);
}

static void pulse(unsigned int irq)
{
	raise(irq);
	lower(irq);
}

static u8 irr(u16 port)
{
	i8259_write(&p, port, 0x0a);
	return i8259_read(&p, port);
}

static u8 isr(u16 port)
{
	i8259_write(&p, port, 0x0b);
	return i8259_read(&p, port);
}

static void test_init(void)
{
	i8259_reset(&p);
	ok_eq(i8259_read(&p, 0x21), 0xff, "masked before initialisation");
	init_pair(1, 1);
	ok(i8259_read(&p, 0x21) == 0 && i8259_read(&p, 0xa1) == 0, "ICW1 unmasks");
	ok(!i8259_intr(&p), "nothing waits");
	raise(3);
	ok(i8259_intr(&p), "INT rises");
	ok_eq(i8259_ack(&p), 0x23, "vector from ICW2");
	ok(!i8259_intr(&p), "INT falls");
	i8259_write(&p, 0x21, 0x5a);
	ok_eq(i8259_read(&p, 0x21), 0x5a, "OCW1 reads back");

	i8259_write(&p, 0x20, 0x11);
	ok(isr(0x20) == 0 && irr(0x20) == 0, "ICW1 clears requests and service");
	i8259_write(&p, 0x21, 0x4f);
	i8259_write(&p, 0x21, 0x04);
	i8259_write(&p, 0x21, 0x01);
	raise(3);
	ok(!i8259_intr(&p), "a line that was high needs a new edge after ICW1");
	lower(3);
	raise(3);
	ok_eq(i8259_ack(&p), 0x4b, "ICW2's low bits come from the input");

	i8259_write(&p, 0x20, 0x12);
	i8259_write(&p, 0x21, 0x60);
	i8259_write(&p, 0x21, 0x03);
	ok_eq(i8259_read(&p, 0x21), 0x03, "no ICW3 for a single chip, no ICW4 unless announced");
	i8259_write(&p, 0x20, 0x13);
	i8259_write(&p, 0x21, 0x60);
	i8259_write(&p, 0x21, 0x02);
	i8259_write(&p, 0x21, 0x04);
	ok_eq(i8259_read(&p, 0x21), 0x04, "single with ICW4");
	pulse(5);
	i8259_ack(&p);
	ok_eq(isr(0x20), 0, "which turned automatic EOI on");
	i8259_write(&p, 0x20, 0x10);
	i8259_write(&p, 0x21, 0x60);
	i8259_write(&p, 0x21, 0x04);
	i8259_write(&p, 0x21, 0x00);
	pulse(5);
	i8259_ack(&p);
	ok_eq(isr(0x20), 0x20, "without ICW4 its functions are off");

	/* Everything that ICW1 resets. */
	init_pair(0x13, 1);
	i8259_write(&p, 0x20, 0xc3);
	i8259_write(&p, 0x20, 0x80);
	i8259_write(&p, 0x20, 0x68);
	i8259_write(&p, 0x20, 0x0b);
	i8259_write(&p, 0x20, 0x0c);
	raise(6);
	i8259_write(&p, 0x20, 0x11);
	ok_eq(i8259_read(&p, 0x20), 0, "ICW1: no poll, no request, IRR is read");
	i8259_write(&p, 0x21, 0x20);
	i8259_write(&p, 0x21, 0x04);
	i8259_write(&p, 0x21, 0x01);
	pulse(4);
	pulse(3);
	ok_eq(i8259_read(&p, 0x20), 0x18, "edges are seen again");
	ok(i8259_ack(&p) == 0x23 && !i8259_intr(&p), "0 is the most urgent again, nothing rotates");
	i8259_write(&p, 0x21, 0x08);
	ok(!i8259_intr(&p), "no special mask mode");
	i8259_write(&p, 0x20, 0x20);
	ok_eq(isr(0x20), 0, "nor its EOI rule");
	i8259_write(&p, 0x4d0, 0x20);
	raise(5);
	i8259_write(&p, 0x20, 0x11);
	ok_eq(i8259_read(&p, 0x20), 0x20, "a level is there after ICW1 as before");
	i8259_write(&p, 0x4d0, 0);

	ok(i8259_has_port(0x20) && i8259_has_port(0x21) && i8259_has_port(0xa0) &&
		   i8259_has_port(0xa1) && i8259_has_port(0x4d0) && i8259_has_port(0x4d1),
	   "six ports");
	ok(!i8259_has_port(0x22) && !i8259_has_port(0xa2) && !i8259_has_port(0x4d2) &&
		   !i8259_has_port(0x4cf) && !i8259_has_port(0x60) && !i8259_has_port(0x420),
	   "and no others");
}

static void test_nesting(void)
{
	init_pair(1, 1);
	raise(4);
	raise(6);
	ok_eq(irr(0x20), 0x50, "both wait");
	ok_eq(i8259_ack(&p), 0x24, "the more urgent first");
	ok(irr(0x20) == 0x40 && isr(0x20) == 0x10, "it moves from IRR to ISR");
	ok(!i8259_intr(&p), "the less urgent does not interrupt it");
	raise(1);
	ok_eq(i8259_ack(&p), 0x21, "the more urgent does");
	ok_eq(isr(0x20), 0x12, "two in service");
	i8259_write(&p, 0x20, 0x20);
	ok_eq(isr(0x20), 0x10, "EOI ends the more urgent");
	ok(!i8259_intr(&p), "4 still runs");
	i8259_write(&p, 0x20, 0x20);
	ok_eq(i8259_ack(&p), 0x26, "now the waiting one");
	i8259_write(&p, 0x20, 0x65);
	ok_eq(isr(0x20), 0x40, "a specific EOI of another input");
	i8259_write(&p, 0x20, 0x66);
	ok_eq(isr(0x20), 0, "and of the right one");
	i8259_write(&p, 0x20, 0x20);
	ok_eq(isr(0x20), 0, "a superfluous EOI");
	i8259_write(&p, 0x21, 0x02);
	lower(1);
	raise(1);
	ok(!i8259_intr(&p), "masked");
	ok_eq(irr(0x20), 0x02, "but latched");
	i8259_write(&p, 0x21, 0);
	ok_eq(i8259_ack(&p), 0x21, "and delivered when unmasked");
}

static void test_cascade(void)
{
	init_pair(1, 1);
	raise(10);
	ok(irr(0x20) == 0x04 && irr(0xa0) == 0x04, "the slave asks through input 2");
	ok_eq(i8259_ack(&p), 0x2a, "the slave gives the vector");
	ok(isr(0x20) == 0x04 && isr(0xa0) == 0x04, "in service on both");
	raise(14);
	ok(!i8259_intr(&p), "a less urgent slave input waits");
	raise(8);
	ok(!i8259_intr(&p), "a more urgent one too, while the master serves the slave");
	i8259_write(&p, 0xa0, 0x20);
	i8259_write(&p, 0x20, 0x20);
	ok_eq(i8259_ack(&p), 0x28, "after both EOIs the most urgent");
	i8259_write(&p, 0xa0, 0x20);
	i8259_write(&p, 0x20, 0x20);
	ok_eq(i8259_ack(&p), 0x2e, "then the other");
	i8259_write(&p, 0x20, 0x20);
	ok(!i8259_intr(&p), "the master's EOI alone brings nothing while the slave serves");
	i8259_write(&p, 0xa0, 0x20);
	raise(3);
	lower(14);
	raise(14);
	ok_eq(i8259_ack(&p), 0x2e, "input 2 is more urgent than 3");
	raise(1);
	ok_eq(i8259_ack(&p), 0x21, "and less than 1");
	i8259_set_line(&p, 2, true);
	ok_eq(irr(0x20), 0x08, "the cascade input is not a line");

	init_pair(0x11, 1);
	raise(14);
	ok_eq(i8259_ack(&p), 0x2e, "special fully nested mode");
	raise(9);
	ok(i8259_intr(&p) && i8259_ack(&p) == 0x29, "a more urgent slave input nests");
	ok_eq(isr(0xa0), 0x42, "both in service on the slave");
	raise(3);
	ok(!i8259_intr(&p), "a less urgent master input does not");
}

static void test_spurious(void)
{
	init_pair(1, 1);
	ok_eq(i8259_ack(&p), 0x27, "nothing waits: spurious interrupt 7");
	ok_eq(isr(0x20), 0, "not in service");
	raise(12);
	i8259_write(&p, 0xa1, 0x10);
	ok(i8259_intr(&p), "the slave withdraws, the master's latch stays");
	ok_eq(i8259_ack(&p), 0x2f, "spurious interrupt 15");
	ok(isr(0x20) == 0x04 && isr(0xa0) == 0, "in service on the master only");
	i8259_write(&p, 0x20, 0x20);
	ok(!i8259_intr(&p), "and over");
	i8259_write(&p, 0xa1, 0);
	ok_eq(i8259_ack(&p), 0x2c, "unmasked it comes");
}

static void test_rotation(void)
{
	unsigned int i;

	init_pair(1, 1);
	for (i = 0; i < 8; i++)
		if (i != 2)
			raise(i);
	i8259_write(&p, 0x20, 0xc3);
	ok_eq(i8259_ack(&p), 0x24, "set priority: 3 lowest, 4 highest");
	lower(4);
	raise(4);
	i8259_write(&p, 0x20, 0xa0);
	ok_eq(isr(0x20), 0, "rotate on non-specific EOI ends 4");
	ok_eq(i8259_ack(&p), 0x25, "and makes it the lowest");
	lower(5);
	raise(5);
	i8259_write(&p, 0x20, 0xe5);
	ok_eq(isr(0x20), 0, "rotate on specific EOI ends 5");
	ok_eq(i8259_ack(&p), 0x26, "and makes it the lowest");
	ok_eq(irr(0x20), 0xbb, "the others still wait");
	i8259_write(&p, 0x20, 0xe1);
	ok_eq(isr(0x20), 0x40, "rotate on specific EOI of one that is not in service");
	ok_eq(i8259_ack(&p), 0x23, "rotates all the same, and 3 nests in 6");
	i8259_write(&p, 0x20, 0x20);
	ok_eq(isr(0x20), 0x40, "a non-specific EOI goes by rotated priority");
	i8259_write(&p, 0x20, 0x40);
	ok_eq(isr(0x20), 0x40, "OCW2 2 is no operation");

	init_pair(3, 1);
	i8259_write(&p, 0x20, 0x80);
	pulse(4);
	pulse(5);
	ok(i8259_ack(&p) == 0x24 && isr(0x20) == 0, "automatic EOI");
	pulse(4);
	ok_eq(i8259_ack(&p), 0x25, "with rotation");
	i8259_write(&p, 0x20, 0x00);
	i8259_ack(&p);
	pulse(4);
	pulse(7);
	ok_eq(i8259_ack(&p), 0x27, "rotation off: 5 stays lowest, 6 and 7 before 4");
}

static void test_special_mask(void)
{
	init_pair(1, 1);
	raise(4);
	i8259_ack(&p);
	raise(6);
	ok(!i8259_intr(&p), "4 inhibits 6");
	i8259_write(&p, 0x20, 0x68);
	i8259_write(&p, 0x21, 0x10);
	ok(i8259_intr(&p) && i8259_ack(&p) == 0x26, "in special mask mode a masked 4 does not");
	i8259_write(&p, 0x20, 0x20);
	ok_eq(isr(0x20), 0x10, "a non-specific EOI passes the masked one over");
	i8259_write(&p, 0x20, 0x20);
	ok_eq(isr(0x20), 0x10, "always");
	i8259_write(&p, 0x20, 0x48);
	raise(7);
	ok(!i8259_intr(&p), "mode off: 4 inhibits again");
	i8259_write(&p, 0x20, 0x28);
	ok(!i8259_intr(&p), "SMM without ESMM is ignored");
	i8259_write(&p, 0x20, 0x20);
	ok_eq(isr(0x20), 0, "and a non-specific EOI ends it");
}

static void test_poll(void)
{
	init_pair(1, 1);
	i8259_write(&p, 0x20, 0x0c);
	ok_eq(i8259_read(&p, 0x20), 0, "poll: nothing");
	raise(5);
	i8259_write(&p, 0x20, 0x0c);
	ok_eq(i8259_read(&p, 0x20), 0x85, "poll: 5");
	ok(isr(0x20) == 0x20 && !i8259_intr(&p), "which is an acknowledgement");
	ok_eq(i8259_read(&p, 0x20), 0x20, "for one read");
	raise(11);
	i8259_write(&p, 0xa0, 0x0c);
	ok_eq(i8259_read(&p, 0xa1), 0x83, "poll of the slave, by its other port");
	ok_eq(isr(0xa0), 0x08, "in service there");
}

static void test_level(void)
{
	init_pair(1, 1);
	i8259_write(&p, 0x4d0, 0xff);
	i8259_write(&p, 0x4d1, 0xff);
	ok(i8259_read(&p, 0x4d0) == 0xf8 && i8259_read(&p, 0x4d1) == 0xde, "ELCR's writable bits");
	raise(5);
	ok_eq(i8259_ack(&p), 0x25, "a level");
	ok_eq(irr(0x20), 0x20, "stays in IRR");
	i8259_write(&p, 0x20, 0x20);
	ok_eq(i8259_ack(&p), 0x25, "comes again after EOI");
	lower(5);
	ok_eq(irr(0x20), 0, "goes with its line");
	i8259_write(&p, 0x20, 0x20);
	ok(!i8259_intr(&p), "and is over");
	raise(5);
	lower(5);
	ok_eq(i8259_ack(&p), 0x27, "a level that goes before INTA is spurious");
	raise(11);
	i8259_ack(&p);
	i8259_write(&p, 0xa0, 0x20);
	i8259_write(&p, 0x20, 0x20);
	ok_eq(i8259_ack(&p), 0x2b, "a level at the slave comes again");
	i8259_write(&p, 0x4d1, 0);
	ok_eq(irr(0xa0), 0, "turned to edge it has seen none");
	i8259_write(&p, 0x4d1, 0x08);
	ok_eq(irr(0xa0), 0x08, "turned to level it shows its line");
	init_pair(1, 1);
	pulse(5);
	ok_eq(i8259_ack(&p), 0x25, "a latched edge outlives its pulse");
	init_pair(1, 3);
	i8259_write(&p, 0x4d1, 0x08);
	raise(11);
	i8259_ack(&p);
	i8259_write(&p, 0x20, 0x20);
	ok_eq(i8259_ack(&p), 0x2b, "with automatic EOI the slave asks again at once");
}

#define REFUSED(field, value, what)                                                      \
	do {                                                                             \
		struct i8259_state bad = s;                                              \
		struct i8259 was = p;                                                    \
                                                                                         \
		bad.field = (value);                                                     \
		ok(i8259_set_state(&p, &bad) == -EINVAL && !memcmp(&was, &p, sizeof(p)), \
		   "refused: %s", what);                                                 \
	} while (0)

static void test_state(void)
{
	struct i8259_state s, again;
	struct i8259 was;

	init_pair(0x13, 1);
	i8259_write(&p, 0x4d1, 0x08);
	i8259_write(&p, 0x20, 0xc4);
	i8259_write(&p, 0x20, 0x80);
	i8259_write(&p, 0xa0, 0x68);
	i8259_write(&p, 0xa0, 0x0b);
	i8259_write(&p, 0xa1, 0x40);
	raise(11);
	i8259_ack(&p);
	raise(15);
	pulse(6);
	i8259_write(&p, 0x20, 0x0c);
	i8259_write(&p, 0xa0, 0x11);
	i8259_get_state(&p, &s);
	was = p;
	i8259_reset(&p);
	ok_eq(i8259_set_state(&p, &s), 0, "a busy pair can be loaded");
	ok_mem(&p, &was, sizeof(p), "and is what it was");
	i8259_get_state(&p, &again);
	ok_mem(&again, &s, sizeof(s), "saving it again gives the same bytes");
	ok_eq(i8259_read(&p, 0x20), 0x86, "the poll goes on");
	i8259_write(&p, 0xa1, 0x70);
	i8259_write(&p, 0xa1, 0x02);
	i8259_write(&p, 0xa1, 0x01);
	ok_eq(i8259_ack(&p), 0x73, "and the initialisation of the slave");
	REFUSED(chip[0].elcr, 4, "a level-triggered cascade");
	REFUSED(chip[1].elcr, 1, "a level-triggered clock");
	REFUSED(chip[0].base, 1, "vector base");
	REFUSED(chip[1].lowest, 8, "priority");
	REFUSED(chip[1].init, 1, "initialisation step 1");
	REFUSED(chip[1].init, 5, "initialisation step 5");
	REFUSED(chip[0].reserved[5], 1, "reserved bytes");
	REFUSED(chip[1].irr, 0, "a level without its request");
	REFUSED(chip[0].lines, s.chip[0].lines ^ 4, "a cascade line that the slave does not drive");
}

static u64 seed = 88172645463325252ULL;

static u32 rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed >> 16;
}

/* The data sheet's priority rule, written the slow way: walk from the most urgent input down. */
static int slow_request(const struct i8259_chip *c, bool master)
{
	unsigned int n;

	for (n = 1; n <= 8; n++) {
		unsigned int input = (c->lowest + n) % 8;
		u8 bit = 1U << input;
		bool masked = c->imr & bit;

		if (c->nested && master && input == 2 && (c->irr & bit) && !masked)
			return input;
		if ((c->isr & bit) && !(c->special_mask && masked))
			return -1;
		if ((c->irr & bit) && !masked)
			return input;
	}
	return -1;
}

static void test_random(void)
{
	static const u16 ports[] = { 0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1 };
	const char *why = NULL;
	unsigned int i;

	i8259_reset(&p);
	for (i = 0; i < 500000 && !why; i++) {
		struct i8259_state s;
		struct i8259 copy;
		int want = slow_request(&p.chip[0], true), slave = slow_request(&p.chip[1], false);
		u8 vector;

		if (i % 1000 == 0)
			init_pair(1 | (rnd() & 0x12), 1 | (rnd() & 2));
		switch (rnd() % 8) {
		case 0:
			if (rnd() % 8)
				break;
			i8259_write(&p, ports[rnd() % 6], rnd());
			break;
		case 1:
			i8259_write(&p, rnd() & 1 ? 0x20 : 0xa0, rnd() & 0xe7);
			break;
		case 2:
			i8259_read(&p, ports[rnd() % 6]);
			break;
		case 3:
			want = slow_request(&p.chip[0], true);
			slave = slow_request(&p.chip[1], false);
			if (i8259_intr(&p) != (want >= 0))
				why = "INT is not what the rule says";
			copy = p;
			vector = i8259_ack(&p);
			if (want < 0)
				want = copy.chip[0].base + 7;
			else if (want != 2)
				want += copy.chip[0].base;
			else
				want = copy.chip[1].base + (slave < 0 ? 7 : slave);
			if (vector != want)
				why = "the vector is not what the rule says";
			break;
		default:
			i8259_set_line(&p, rnd() % 16, rnd() & 1);
		}
		if ((slow_request(&p.chip[1], false) >= 0) != !!(p.chip[0].lines & 4))
			why = "the cascade line";
		i8259_get_state(&p, &s);
		copy = p;
		memset(&copy, 0x55, sizeof(copy));
		if (i8259_set_state(&copy, &s) || memcmp(&copy, &p, sizeof(p)))
			why = "a round trip changes it";
	}
	ok(!why, "500,000 random operations agree with a second model");
	if (why)
		diag("step %u: %s", i, why);
}

int main(void)
{
	test_init();
	test_nesting();
	test_cascade();
	test_spurious();
	test_rotation();
	test_special_mask();
	test_poll();
	test_level();
	test_state();
	test_random();
	return done();
}
