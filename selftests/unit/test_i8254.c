// SPDX-License-Identifier: GPL-2.0-only
/*
 * The i8254 timer: modes as the data sheet's diagrams show them, latches, port
 * 0x61, save and load, and a second model that counts every tick.
 */
#include "lib/dev/i8254.h"
#include "tap.h"

static struct i8254 p;
static u64 tick; /* of the timer's clock */

/* A time in the middle of the current tick. */
static u64 now(void)
{
	return (u64)(((unsigned __int128)tick * 1000000000 + 500000000) / 1193182);
}

static void wr(u16 port, u8 val)
{
	i8254_write(&p, port, val, now());
}

static u8 rd(u16 port)
{
	return i8254_read(&p, port, now());
}

static u16 rd16(u16 port)
{
	u8 low = rd(port);

	return low | rd(port) << 8;
}

static void reset(void)
{
	i8254_reset(&p);
	tick = 1000;
}

static void set(unsigned int ch, u8 mode, u16 count)
{
	wr(0x43, ch << 6 | 0x30 | mode << 1);
	wr(0x40 + ch, count);
	wr(0x40 + ch, count >> 8);
}

static u16 count(unsigned int ch)
{
	wr(0x43, ch << 6);
	return rd16(0x40 + ch);
}

static u8 status(unsigned int ch)
{
	wr(0x43, 0xe0 | 2 << ch);
	return rd(0x40 + ch);
}

static bool out(unsigned int ch)
{
	return i8254_out(&p, ch, now());
}

/* OUT of a channel over the next ticks as a picture: '-' high, '_' low. */
static const char *picture(unsigned int ch, unsigned int ticks)
{
	static char s[80];
	unsigned int i;

	for (i = 0; i < ticks; i++, tick++)
		s[i] = out(ch) ? '-' : '_';
	s[i] = 0;
	return s;
}

static void gate(bool high)
{
	wr(0x61, high);
}

static void test_modes(void)
{
	reset();
	gate(true);
	set(2, 0, 4);
	ok_str(picture(2, 8), "_____---", "mode 0: low for N + 1 ticks");
	set(2, 0, 4);
	tick += 2;
	ok_eq(count(2), 3, "mode 0: counts down");
	gate(false);
	tick += 10;
	ok_eq(count(2), 3, "mode 0: stops while the gate is low");
	gate(true);
	ok_str(picture(2, 5), "___--", "mode 0: goes on");
	tick += 5;
	ok_eq(count(2), 65536 - 7, "mode 0: counts on through zero");
	wr(0x42, 9);
	ok(!out(2), "mode 0: the first byte of a new count stops it");
	wr(0x42, 0);
	ok_str(picture(2, 12), "__________--", "mode 0: the second starts it");
	gate(false);
	set(2, 0, 3);
	tick += 9;
	gate(true);
	ok_str(picture(2, 5), "___--", "mode 0: a count written while the gate is low");

	gate(false);
	set(2, 1, 3);
	ok_str(picture(2, 3), "---", "mode 1: waits for its trigger");
	gate(true);
	ok_str(picture(2, 7), "-___---", "mode 1: one-shot");
	gate(false);
	gate(true);
	ok_str(picture(2, 2), "-_", "mode 1: again");
	gate(false);
	gate(true);
	ok_str(picture(2, 6), "____--", "mode 1: retriggered while low");
	gate(false);
	gate(true);
	tick++;
	wr(0x42, 5);
	wr(0x42, 0);
	ok_str(picture(2, 5), "___--", "mode 1: a new count leaves the current one alone");
	gate(false);
	gate(true);
	ok_str(picture(2, 8), "-_____--", "mode 1: and counts from the next trigger");

	set(2, 2, 4);
	ok_str(picture(2, 13), "----_---_---_", "mode 2: low in the last tick");
	gate(false);
	ok_str(picture(2, 3), "---", "mode 2: the gate forces it high");
	gate(true);
	ok_str(picture(2, 9), "----_---_", "mode 2: and starts it afresh");
	wr(0x42, 2);
	wr(0x42, 0);
	ok_str(picture(2, 9), "---_-_-_-", "mode 2: a new count begins with the next cycle");

	set(2, 3, 6);
	ok_str(picture(2, 13), "----___---___", "mode 3: even");
	set(2, 3, 5);
	ok_str(picture(2, 13), "----__---__--", "mode 3: odd");
	set(2, 3, 4);
	tick += 1;
	ok_eq(count(2), 4, "mode 3: starts at N");
	tick += 1;
	ok_eq(count(2), 2, "mode 3: counts by two");
	wr(0x42, 8);
	wr(0x42, 0);
	ok_str(picture(2, 12), "-____----___", "mode 3: a new count at the end of a half");
	gate(false);
	ok_str(picture(2, 2), "--", "mode 3: the gate forces it high");
	gate(true);
	ok_str(picture(2, 10), "-----____-", "mode 3: and starts it afresh");

	set(2, 4, 3);
	ok_str(picture(2, 8), "----_---", "mode 4: software-triggered strobe");
	set(2, 4, 3);
	tick += 2;
	gate(false);
	ok_str(picture(2, 4), "----", "mode 4: the gate stops it");
	gate(true);
	ok_str(picture(2, 5), "--_--", "mode 4: it goes on");
	gate(false);
	set(2, 5, 3);
	ok_str(picture(2, 6), "------", "mode 5: waits for its trigger");
	gate(true);
	ok_str(picture(2, 7), "----_--", "mode 5: hardware-triggered strobe");
	gate(false);
	gate(true);
	tick += 3;
	gate(false);
	gate(true);
	ok_str(picture(2, 7), "----_--", "mode 5: retriggered");

	wr(0x43, 0xbe);
	ok_eq(status(2), 0xf6, "mode 7 is mode 3");
	wr(0x43, 0xbc);
	ok_eq(status(2), 0xf4, "mode 6 is mode 2");
}

static void test_reading(void)
{
	reset();
	set(0, 2, 0x1234);
	tick++;
	ok_eq(count(0), 0x1234, "the count");
	tick += 0x34;
	wr(0x43, 0x00);
	tick += 0x100;
	wr(0x43, 0x00);
	ok_eq(rd16(0x40), 0x1200, "a latch holds until it is read");
	ok_eq(rd16(0x40), 0x1100, "unlatched reads show the count itself");
	wr(0x43, 0xc2);
	tick += 0x10;
	ok_eq(rd(0x40), 0xb4, "both latched: the status first");
	ok_eq(rd16(0x40), 0x1100, "then the count");
	ok_eq(rd(0x40), 0xf0, "then the count that runs");
	rd(0x40);
	ok_eq(status(0), 0xb4, "status: OUT high, low and high byte, mode 2");

	wr(0x43, 0x14);
	ok_eq(status(0), 0xd4, "status after a control word: null count");
	wr(0x40, 0x80);
	ok_eq(status(0), 0xd4, "null until the next tick");
	tick++;
	ok_eq(status(0), 0x94, "loaded");
	ok_eq(rd(0x40), 0x80, "low byte only");
	tick++;
	ok_eq(rd(0x40), 0x7f, "each time");
	wr(0x40, 0x70);
	ok_eq(status(0), 0xd4, "null while a new count waits for the end of the cycle");
	tick += 0x7f;
	ok_eq(status(0), 0x94, "and then loaded");
	ok_eq(rd(0x40), 0x70, "the new count");
	wr(0x43, 0x24);
	wr(0x40, 0x12);
	tick += 2;
	ok_eq(rd(0x40), 0x11, "high byte only");
	wr(0x43, 0x00);
	tick += 0x200;
	ok_eq(rd(0x40), 0x11, "latched");
	ok_eq(rd(0x40), 0x0f, "once");

	wr(0x43, 0x31);
	wr(0x40, 0x00);
	wr(0x40, 0x01);
	tick += 2;
	ok_eq(count(0), 0x0099, "BCD: 100 - 1");
	wr(0x40, 0x00);
	wr(0x40, 0x00);
	tick += 2;
	ok_eq(count(0), 0x9999, "BCD: zero is 10000");
	tick += 10000;
	ok_eq(count(0), 0x9999, "BCD: wraps at 10000");
	set(0, 0, 0);
	tick++;
	ok_eq(count(0), 0, "binary: zero is 65536");
	tick++;
	ok_eq(count(0), 0xffff, "and counts");
	tick += 65534;
	ok(!out(0), "for 65536 ticks");
	tick++;
	ok(out(0), "exactly");

	reset();
	set(0, 2, 100);
	set(1, 3, 200);
	set(2, 0, 300);
	tick += 51;
	wr(0x43, 0xde);
	tick += 7;
	ok_eq(rd16(0x40), 50, "read-back latches counter 0");
	ok_eq(rd16(0x41), 100, "and 1");
	ok_eq(rd16(0x42), 300, "and 2, whose gate is low");
	ok_eq(rd(0x43), 0, "the control word cannot be read");
	set(0, 2, 100);
	wr(0x43, 0x00);
	wr(0x43, 0x34);
	wr(0x40, 50);
	wr(0x40, 0);
	tick++;
	ok_eq(rd(0x40), 50, "a control word drops the latch");
	ok(i8254_has_port(0x40) && i8254_has_port(0x43) && i8254_has_port(0x61), "ports");
	ok(!i8254_has_port(0x3f) && !i8254_has_port(0x44) && !i8254_has_port(0x60) &&
		   !i8254_has_port(0x62),
	   "and no others");
}

static void test_port61(void)
{
	unsigned int i, toggles = 0;
	u8 before;

	reset();
	wr(0x61, 0xff);
	ok_eq(rd(0x61) & 0x0f, 0x0f, "four bits are kept");
	ok_eq(rd(0x61) & 0xc0, 0, "no parity or channel error");
	before = rd(0x61) & 0x10;
	for (i = 0; i < 1193182 / 1000; i++, tick++)
		if ((rd(0x61) & 0x10) != before) {
			before ^= 0x10;
			toggles++;
		}
	ok_eq(toggles, 66, "the refresh bit toggles 66 times in a millisecond");
	/* The way Linux calibrates the TSC. */
	wr(0x61, 0x01);
	set(2, 0, 11932);
	tick += 11932;
	ok(!(rd(0x61) & 0x20), "OUT2 is low while counter 2 counts 10 ms");
	tick++;
	ok(rd(0x61) & 0x20, "and high afterwards");
}

/* Edges found by asking only at the times that i8254_next_edge() names. */
static void follow(unsigned int n, u64 *when)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		when[i] = i8254_next_edge(&p);
		if (when[i] == I8254_NEVER || i8254_take_edges(&p, when[i]) != 1)
			bail_out("edge %u is not where it was announced", i);
	}
}

static void test_edges(void)
{
	u64 at[4], t0;

	reset();
	ok_eq(i8254_next_edge(&p), I8254_NEVER, "nothing programmed, no edge");
	set(0, 2, 11932);
	i8254_take_edges(&p, now());
	follow(3, at);
	ok_eq((at[1] - at[0] + 500) / 1000, 10000, "100 Hz");
	ok_eq((at[2] - at[1] + 500) / 1000, 10000, "and again");
	t0 = at[2] + 35000000;
	ok_eq(i8254_take_edges(&p, t0), 3, "three ticks passed unnoticed");
	ok(i8254_next_edge(&p) > t0, "the next lies ahead");
	ok_eq(i8254_take_edges(&p, i8254_next_edge(&p) - 1), 0, "a nanosecond early is too early");

	reset();
	set(0, 2, 1000);
	tick += 500;
	wr(0x40, 100);
	wr(0x40, 0);
	follow(3, at);
	ok_eq(((at[1] - at[0]) * 1193182 + 500000000) / 1000000000, 100,
	      "a new count from the end of the current cycle on");
	reset();
	set(0, 2, 1000);
	tick++;
	wr(0x40, 100);
	wr(0x40, 0);
	ok_eq(i8254_take_edges(&p, now() + 2000000), 14, "counted across the change");

	reset();
	set(0, 0, 100);
	i8254_take_edges(&p, now());
	follow(1, at);
	ok_eq(i8254_next_edge(&p), I8254_NEVER, "mode 0: one edge");
	set(0, 4, 100);
	follow(1, at);
	ok_eq(i8254_next_edge(&p), I8254_NEVER, "mode 4: one edge");
	wr(0x43, 0x30);
	ok_eq(i8254_next_edge(&p), I8254_NEVER, "mode 0 without a count: none");
	wr(0x43, 0x34);
	ok_eq(i8254_take_edges(&p, now()), 1, "a control word that raises OUT makes one");
	set(0, 2, 1);
	i8254_take_edges(&p, now());
	ok_eq(i8254_next_edge(&p), I8254_NEVER, "mode 2 with the illegal count 1: none");
	set(0, 3, 1);
	ok_eq(i8254_next_edge(&p), I8254_NEVER, "mode 3 likewise");
	set(0, 2, 2);
	tick = 1ULL << 51;
	ok_eq(i8254_take_edges(&p, now()), U32_MAX, "the number of edges saturates");
}

#define REFUSED(field, value, what)                                                      \
	do {                                                                             \
		struct i8254_state bad = s;                                              \
		struct i8254 was = p;                                                    \
                                                                                         \
		bad.field = (value);                                                     \
		ok(i8254_set_state(&p, &bad) == -EINVAL && !memcmp(&was, &p, sizeof(p)), \
		   "refused: %s", what);                                                 \
	} while (0)

static void test_state(void)
{
	struct i8254_state s, again;
	u64 next;

	reset();
	gate(true);
	set(0, 3, 1000);
	set(1, 5, 77);
	set(2, 0, 50);
	tick += 20;
	gate(false);
	wr(0x43, 0xc8);
	wr(0x40, 200);
	wr(0x40, 0);
	wr(0x43, 0x00);
	rd(0x40);
	wr(0x42, 5);
	tick += 7;
	i8254_take_edges(&p, now());
	i8254_get_state(&p, &s);
	next = i8254_next_edge(&p);
	i8254_reset(&p);
	ok_eq(i8254_set_state(&p, &s), 0, "a busy timer can be loaded");
	i8254_get_state(&p, &again);
	ok_mem(&again, &s, sizeof(s), "saving it again gives the same bytes");
	ok_eq(i8254_next_edge(&p), next, "the next edge stays");

	REFUSED(ch[0].mode, 6, "mode 6");
	REFUSED(ch[0].rw, 0, "access mode 0");
	REFUSED(ch[0].rw, 4, "access mode 4");
	REFUSED(ch[0].flags, 0x82, "unknown flag");
	REFUSED(ch[0].flags, 0, "counter 0 with its gate low");
	REFUSED(ch[2].flags, I8254_STATE_GATE, "counter 2's gate against port 0x61");
	REFUSED(ch[0].count, 0, "count 0");
	REFUSED(ch[0].count, 65537, "count 65537");
	REFUSED(ch[0].next_count, 65537, "next count 65537");
	REFUSED(ch[0].next_start, s.ch[0].next_start + 1, "a reload in the middle of a half");
	REFUSED(ch[0].next_start, s.ch[0].start - 1000, "a reload before the start");
	REFUSED(ch[0].mode, 0, "a reload in mode 0");
	REFUSED(ch[0].phase, I8254_IDLE, "a reload of an idle counter");
	REFUSED(ch[0].phase, I8254_ARMED, "mode 3 waiting for a trigger");
	REFUSED(ch[0].phase, I8254_HELD, "held with its gate high");
	REFUSED(ch[1].phase, I8254_HELD, "mode 5 held");
	REFUSED(ch[0].phase, 4, "unknown phase");
	REFUSED(ch[0].start, s.synced + 2, "started in the future");
	REFUSED(ch[0].start, 1ULL << 63, "started before all time");
	REFUSED(ch[0].next_start, 1ULL << 52, "next start beyond all time");
	REFUSED(ch[2].held, -2ULL, "held before it was loaded");
	REFUSED(ch[2].held, 1ULL << 52, "held beyond all time");
	REFUSED(synced, 1ULL << 63, "negative time");
	REFUSED(port61, 0x10, "read-only bits of port 0x61");
	s.ch[2].flags |= I8254_STATE_BCD;
	REFUSED(ch[2].count, 16666, "more than four BCD digits can say");
}

/* The data sheet's counter, clocked tick by tick. */
struct ref {
	int mode, bcd, n, ce, out, gate, load, trig, active, fresh;
};

static int ref_mod(const struct ref *r, int v)
{
	int m = r->bcd ? 10000 : 65536;

	return (v + m) % m;
}

static void ref_control(struct ref *r, int mode, int bcd)
{
	*r = (struct ref){
		.mode = mode, .bcd = bcd, .gate = r->gate, .n = r->n, .ce = r->n, .out = mode != 0
	};
}

static void ref_count(struct ref *r, int n)
{
	r->n = n;
	if (r->mode == 0 || r->mode == 4) {
		r->load = 1;
		r->out = r->mode != 0;
	} else if ((r->mode == 2 || r->mode == 3) && !r->active) {
		r->load = 1;
	}
	r->fresh = 1;
	if (r->mode != 1 && r->mode != 5)
		r->active = 1;
}

static void ref_gate(struct ref *r, int g)
{
	if (g && !r->gate && r->fresh)
		r->trig = 1;
	if (!g && (r->mode == 2 || r->mode == 3))
		r->out = 1;
	r->gate = g;
}

static void ref_half(struct ref *r)
{
	r->out = !r->out;
	r->ce = r->n & ~1;
	/* Parity of the count that this half was loaded with. */
	r->load = 0;
}

static int odd; /* of the half under way in the mode 3 model */

static void ref_clock(struct ref *r)
{
	int trig = r->trig;

	r->trig = 0;
	switch (r->mode) {
	case 0:
	case 4:
		if (r->mode == 4 && !r->out && r->gate)
			r->out = 1;
		if (r->load) {
			r->load = 0;
			r->ce = r->n;
		} else if (r->active && r->gate) {
			r->ce = ref_mod(r, r->ce - 1);
			if (r->ce == 0)
				r->out = r->mode == 0;
		}
		break;
	case 1:
	case 5:
		if (r->mode == 5)
			r->out = 1;
		if (trig) {
			r->ce = r->n;
			r->active = 1;
			r->out = r->mode == 5;
		} else if (r->active) {
			r->ce = ref_mod(r, r->ce - 1);
			if (r->ce == 0)
				r->out = r->mode == 1;
		}
		break;
	case 2:
		if (r->load || (trig && r->active)) {
			r->load = 0;
			r->ce = r->n;
			r->out = 1;
		} else if (r->active && r->gate) {
			r->ce--;
			r->out = r->ce != 1;
			if (r->ce == 0) {
				r->ce = r->n;
				r->out = 1;
			}
		}
		break;
	case 3:
		if (r->load || (trig && r->active)) {
			r->load = 0;
			r->out = 1;
			r->ce = r->n & ~1;
			odd = r->n & 1;
		} else if (r->active && r->gate) {
			if (!(r->out && odd && r->ce == 0))
				r->ce -= 2;
			else
				r->ce = -1;
			if (r->ce < 0 || (r->ce == 0 && !(r->out && odd))) {
				ref_half(r);
				odd = r->n & 1;
			}
		}
		break;
	}
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
 * One channel against the second model. What the data sheet leaves open is not
 * done: writing a count in the tick of the last event, moving the gate during a
 * strobe or in the tick in which a count is loaded, reading before a count.
 */
static bool compare(unsigned int ch, int mode, int bcd)
{
	struct ref r = { 0 };
	unsigned int step, ticks, edges = 0, got = 0;
	bool quiet = false, was;
	int n;

	reset();
	r.gate = ch != 2;
	r.n = 65536;
	wr(0x43, ch << 6 | 0x30 | mode << 1 | bcd);
	i8254_take_edges(&p, now());
	ref_control(&r, mode, bcd);
	for (step = 0; step < 400; step++) {
		switch (quiet ? 9 : rnd() % 8) {
		case 0:
		case 1:
			n = 2 + rnd() % (rnd() & 3 ? 12 : 300);
			wr(0x40 + ch, bcd ? n % 10 | n / 10 % 10 << 4 : n);
			wr(0x40 + ch, bcd ? n / 100 : n >> 8);
			was = r.out;
			ref_count(&r, n);
			edges += !was && r.out;
			quiet = true;
			break;
		case 2:
			if (ch == 2 && !(r.mode >= 4 && !r.out)) {
				ref_gate(&r, !r.gate);
				gate(r.gate);
				quiet = true;
			}
			break;
		}
		ticks = 1 + (rnd() & 3 ? rnd() % 5 : rnd() % 400);
		while (ticks--) {
			tick++;
			was = r.out;
			ref_clock(&r);
			edges += !was && r.out;
		}
		quiet = rnd() % 4 == 0 && quiet;
		got += i8254_take_edges(&p, now());
		if (out(ch) != r.out) {
			diag("mode %d step %u tick %llu: OUT %d", mode, step,
			     (unsigned long long)tick, out(ch));
			return false;
		}
		if (ch == 0 && got != edges) {
			diag("mode %d step %u: %u edges, %u wanted", mode, step, got, edges);
			return false;
		}
		if (r.active) {
			n = bcd ? r.ce % 10 | r.ce / 10 % 10 << 4 | r.ce / 100 % 10 << 8 |
					    r.ce / 1000 % 10 << 12 :
				  r.ce & 0xffff;
			if (count(ch) != n) {
				diag("mode %d bcd %d step %u tick %llu: count %#x, %#x wanted, n %d",
				     mode, bcd, step, (unsigned long long)tick, count(ch), n, r.n);
				return false;
			}
		}
	}
	return true;
}

static void test_reference(void)
{
	unsigned int ch, mode, bcd, i, bad = 0;

	for (mode = 0; mode < 6; mode++) {
		bad = 0;
		for (i = 0; i < 100; i++)
			for (ch = 0; ch < 3; ch++)
				for (bcd = 0; bcd < 2 && !bad; bcd++)
					bad += !compare(ch, mode, bcd);
		ok_eq(bad, 0, "mode %u agrees with a counter clocked tick by tick", mode);
	}
}

static void test_random(void)
{
	static const u16 ports[] = { 0x40, 0x41, 0x42, 0x43, 0x61 };
	const char *why = NULL;
	unsigned int i;
	u64 ns = 5000, at;

	i8254_reset(&p);
	for (i = 0; i < 300000 && !why; i++) {
		struct i8254_state s, again;
		struct i8254 copy;

		ns += rnd() % (rnd() & 15 ? 3000 : 60000000);
		switch (rnd() % 4) {
		case 0:
		case 1:
			i8254_write(&p, ports[rnd() % 5], rnd(), ns);
			break;
		case 2:
			i8254_read(&p, ports[rnd() % 5], ns);
			break;
		default:
			i8254_take_edges(&p, ns);
			at = i8254_next_edge(&p);
			if (at == I8254_NEVER)
				break;
			if (at <= ns - 839)
				why = "the next edge lies in the past";
			copy = p;
			if (at && i8254_take_edges(&copy, at - 1))
				why = "an edge before it was announced";
			copy = p;
			if (i8254_take_edges(&copy, at) != 1)
				why = "no edge where one was announced";
		}
		i8254_get_state(&p, &s);
		memset(&copy, 0, sizeof(copy));
		if (i8254_set_state(&copy, &s))
			why = "its own state is refused";
		i8254_get_state(&copy, &again);
		if (memcmp(&again, &s, sizeof(s)))
			why = "a round trip changes it";
	}
	ok(!why, "300,000 random operations keep the invariants");
	if (why)
		diag("step %u: %s", i, why);
}

int main(void)
{
	test_modes();
	test_reading();
	test_port61();
	test_edges();
	test_state();
	test_reference();
	test_random();
	return done();
}
