// SPDX-License-Identifier: GPL-2.0-only
/* The i8254 timer; see i8254.h for the locking rule and the manuals. */
#include "i8254.h"

#define NS_PER_SEC 1000000000ULL

/* Between two toggles of the DRAM refresh bit: 15 microseconds. */
#define REFRESH_TICKS 18

#define PORT61_GATE2   BIT(0)
#define PORT61_WRITTEN 0x0f
#define PORT61_REFRESH BIT(4)
#define PORT61_OUT2    BIT(5)

#define CONTROL_BCD	BIT(0)
#define READ_BACK	3 /* counter number of the read-back command */
#define READ_BACK_COUNT BIT(5) /* active low */
#define READ_BACK_STATE BIT(4) /* active low */
#define STATUS_OUT	BIT(7)
#define STATUS_NULL	BIT(6)

/* Far beyond any uptime, and far from where the conversions to nanoseconds overflow. */
#define TICK_LIMIT (1LL << 52)

static s64 tick_of(u64 ns)
{
	return mul_u64_u64_div_u64(ns, I8254_HZ, NS_PER_SEC);
}

/* The first nanosecond that belongs to this tick. */
static u64 ns_of(s64 tick)
{
	u64 ns;

	if (tick <= 0)
		return 0;
	ns = mul_u64_u64_div_u64(tick, NS_PER_SEC, I8254_HZ);
	return tick_of(ns) < tick ? ns + 1 : ns;
}

static bool is_periodic(const struct i8254_channel *c)
{
	return c->mode == 2 || c->mode == 3;
}

static bool is_triggered(const struct i8254_channel *c)
{
	return c->mode == 1 || c->mode == 5;
}

static s64 mod(s64 a, s64 b)
{
	u64 q;

	if (a >= 0) {
		q = div64_u64(a, b);
		return a - (s64)q * b;
	}
	a = -a;
	q = div64_u64(a, b);
	a -= (s64)q * b;
	return a ? b - a : 0;
}

/* Ticks counted; negative in the tick of the write, before the count is loaded. */
static s64 elapsed(const struct i8254_channel *c, s64 tick)
{
	if (c->phase != I8254_HELD)
		return tick - c->start;
	/* Loading a count does not wait for the gate. */
	return c->held < 0 && tick >= c->start ? 0 : c->held;
}

/* Mode 3 is high for the longer half. */
static s64 high_ticks(u32 count)
{
	return (count + 1) / 2;
}

static bool out_at(const struct i8254_channel *c, s64 tick)
{
	s64 t = elapsed(c, tick);

	if (c->phase == I8254_IDLE || c->phase == I8254_ARMED)
		return c->mode != 0;

	switch (c->mode) {
	case 0:
		return t >= c->count;
	case 1:
		return t < 0 ? !c->low : t >= c->count;
	case 2:
		/* A count of 1 is illegal; a held counter's output is high. */
		if (t < 0 || c->count < 2 || c->phase == I8254_HELD)
			return true;
		return mod(t, c->count) != c->count - 1;
	case 3:
		if (t < 0 || c->count < 2 || c->phase == I8254_HELD)
			return true;
		return mod(t, c->count) < high_ticks(c->count);
	default: /* 4 and 5: a strobe of one tick */
		return t != c->count;
	}
}

static u32 to_bcd(u32 n)
{
	return n % 10 | n / 10 % 10 << 4 | n / 100 % 10 << 8 | n / 1000 % 10 << 12;
}

static u32 from_bcd(u32 n)
{
	return (n & 0xf) + (n >> 4 & 0xf) * 10 + (n >> 8 & 0xf) * 100 + (n >> 12 & 0xf) * 1000;
}

static u16 count_at(const struct i8254_channel *c, s64 tick)
{
	s64 t = elapsed(c, tick), half, val;
	u32 n = c->count;

	if (c->phase == I8254_IDLE || c->phase == I8254_ARMED || t < 0) {
		val = n;
	} else if (c->mode == 2) {
		val = n - mod(t, n);
	} else if (c->mode == 3) {
		/* Counts down by two, from the even number below, in each half. */
		t = mod(t, n);
		half = high_ticks(n);
		val = (n & ~1U) - 2 * (t < half ? t : t - half);
	} else {
		val = mod(n - t, c->bcd ? 10000 : 65536);
	}
	return c->bcd ? to_bcd(val) : val;
}

/* Rising edges of OUT after tick a, up to and including tick b, while nothing is written. */
static s64 edges_between(const struct i8254_channel *c, s64 a, s64 b)
{
	s64 first;

	if (c->phase != I8254_RUNNING || b <= a)
		return 0;
	if (is_periodic(c)) {
		if (c->count < 2)
			return 0;
		a = max(a, c->start);
		if (b <= a)
			return 0;
		return div64_u64(b - c->start, c->count) - div64_u64(a - c->start, c->count);
	}
	first = c->start + c->count + (c->mode >= 4);
	return first > a && first <= b;
}

/* The first rising edge after tick a, or TICK_LIMIT * 2. */
static s64 edge_after(const struct i8254_channel *c, s64 a)
{
	s64 first;

	if (c->phase != I8254_RUNNING || (is_periodic(c) && c->count < 2))
		return TICK_LIMIT * 2;
	if (is_periodic(c)) {
		a = max(a, c->start);
		return c->start + (s64)(div64_u64(a - c->start, c->count) + 1) * c->count;
	}
	first = c->start + c->count + (c->mode >= 4);
	return first > a ? first : TICK_LIMIT * 2;
}

/* What the counter is once the count that waits in mode 2 or 3 has been loaded. */
static struct i8254_channel reloaded(const struct i8254_channel *c)
{
	struct i8254_channel next = *c;

	next.start = c->next_start;
	/* Loaded in the middle of a square wave: the low half comes first. */
	if (c->mode == 3 && mod(c->next_start - c->start, c->count))
		next.start -= high_ticks(c->next_count);
	next.count = c->next_count;
	next.next_count = 0;
	return next;
}

static bool reloads(const struct i8254_channel *c)
{
	return is_periodic(c) && c->phase == I8254_RUNNING && c->next_count;
}

/* Bring every counter, and the number of edges, up to a tick. */
static void sync(struct i8254 *p, s64 tick)
{
	unsigned int i;
	u64 edges = p->edges;

	if (tick < p->synced)
		return;
	for (i = 0; i < 3; i++) {
		struct i8254_channel *c = &p->ch[i];
		s64 from = p->synced;

		if (reloads(c) && c->next_start <= tick) {
			if (i == 0)
				edges += edges_between(c, from, c->next_start);
			from = max(from, c->next_start);
			*c = reloaded(c);
		}
		if (i == 0)
			edges += edges_between(c, from, tick);
	}
	p->edges = min_t(u64, edges, U32_MAX);
	p->synced = tick;
}

/* The guest changes something: an output that rises by that is an edge too. */
static void edge_by_write(struct i8254 *p, const struct i8254_channel *c, bool was)
{
	if (c == &p->ch[0] && !was && out_at(c, p->synced) && p->edges < U32_MAX)
		p->edges++;
}

static void load(struct i8254 *p, struct i8254_channel *c, u32 val)
{
	s64 tick = p->synced, cycle;
	u32 n = c->bcd ? from_bcd(val) : val;

	if (!n)
		n = c->bcd ? 10000 : 65536;

	if (is_triggered(c)) {
		if (c->phase == I8254_IDLE) {
			c->phase = I8254_ARMED;
			c->count = n;
		}
		c->next_count = n;
		return;
	}
	/* Once loaded, a cycle is not disturbed; one that the gate stopped waits for its trigger. */
	if (is_periodic(c) && c->phase != I8254_IDLE && tick >= c->start &&
	    (c->count > 1 || c->phase == I8254_HELD)) {
		c->next_count = n;
		cycle = mod(tick - c->start, c->count);
		if (c->mode == 3 && cycle < high_ticks(c->count))
			c->next_start = tick - cycle + high_ticks(c->count);
		else
			c->next_start = tick - cycle + c->count;
		return;
	}
	c->count = n;
	c->next_count = 0;
	c->held = -1;
	c->start = tick + 1;
	c->phase = c->gate ? I8254_RUNNING : I8254_HELD;
}

static void set_gate(struct i8254 *p, struct i8254_channel *c, bool gate)
{
	s64 tick = p->synced;

	if (gate == c->gate)
		return;
	c->gate = gate;

	if (is_triggered(c)) {
		if (!gate || c->phase == I8254_IDLE)
			return;
		c->low = !out_at(c, tick);
		c->count = c->next_count ? c->next_count : c->count;
		c->next_count = 0;
		c->start = tick + 1;
		c->phase = I8254_RUNNING;
	} else if (!gate && c->phase == I8254_RUNNING) {
		c->held = tick - c->start;
		c->phase = I8254_HELD;
	} else if (gate && c->phase == I8254_HELD) {
		c->phase = I8254_RUNNING;
		if (!is_periodic(c)) {
			/* A count written while the gate was low needs no tick of its own. */
			c->start = c->held < 0 ? max(c->start, tick) : tick - c->held;
			return;
		}
		c->count = c->next_count ? c->next_count : c->count;
		c->next_count = 0;
		c->start = tick + 1;
	}
}

static void write_count(struct i8254 *p, struct i8254_channel *c, u8 val)
{
	bool was = out_at(c, p->synced);

	switch (c->rw) {
	case 1:
		load(p, c, val);
		break;
	case 2:
		load(p, c, val << 8);
		break;
	default:
		if (c->write_high) {
			c->write_high = false;
			load(p, c, c->write_low | val << 8);
			break;
		}
		c->write_low = val;
		c->write_high = true;
		/* Mode 0 stops at the first byte of a new count. */
		if (c->mode == 0)
			c->phase = I8254_IDLE;
	}
	edge_by_write(p, c, was);
}

static void latch_count(struct i8254_channel *c, s64 tick)
{
	if (c->count_latched)
		return;
	c->latch = count_at(c, tick);
	c->count_latched = true;
}

static void latch_status(struct i8254_channel *c, s64 tick)
{
	bool null = c->phase == I8254_IDLE || c->next_count ||
		    (c->phase != I8254_ARMED && tick < c->start);

	if (c->status_latched)
		return;
	c->status = (out_at(c, tick) ? STATUS_OUT : 0) | (null ? STATUS_NULL : 0) | c->rw << 4 |
		    c->mode << 1 | c->bcd;
	c->status_latched = true;
}

static void control(struct i8254 *p, u8 val)
{
	struct i8254_channel *c;
	unsigned int i, which = val >> 6, rw = val >> 4 & 3;
	bool was;

	if (which == READ_BACK) {
		for (i = 0; i < 3; i++) {
			if (!(val & BIT(i + 1)))
				continue;
			if (!(val & READ_BACK_COUNT))
				latch_count(&p->ch[i], p->synced);
			if (!(val & READ_BACK_STATE))
				latch_status(&p->ch[i], p->synced);
		}
		return;
	}
	c = &p->ch[which];
	if (!rw) {
		latch_count(c, p->synced);
		return;
	}
	was = out_at(c, p->synced);
	c->rw = rw;
	c->mode = val >> 1 & 7;
	if (c->mode > 5) /* 6 and 7 are 2 and 3 */
		c->mode -= 4;
	c->bcd = val & CONTROL_BCD;
	c->phase = I8254_IDLE;
	c->count = c->bcd ? 10000 : 65536;
	c->next_count = 0;
	c->write_high = false;
	c->read_high = false;
	c->count_latched = false;
	c->status_latched = false;
	edge_by_write(p, c, was);
}

static u8 read_count(struct i8254 *p, struct i8254_channel *c)
{
	bool high = c->rw == 2 || (c->rw == 3 && c->read_high);
	u16 val;

	if (c->status_latched) {
		c->status_latched = false;
		return c->status;
	}
	val = c->count_latched ? c->latch : count_at(c, p->synced);
	if (c->rw == 3)
		c->read_high = !c->read_high;
	/* A latch holds until all of it has been read. */
	if (c->rw != 3 || high)
		c->count_latched = false;
	return high ? val >> 8 : val;
}

/**
 * i8254_read() - IN from a port of the timer
 * @p: the timer
 * @port: 0x40-0x43 or 0x61
 * @now: VM time in ns
 */
u8 i8254_read(struct i8254 *p, u16 port, u64 now)
{
	u8 val;

	sync(p, tick_of(now));
	if (port == I8254_PORT_GATE) {
		val = p->port61;
		if (mod(p->synced, 2 * REFRESH_TICKS) >= REFRESH_TICKS)
			val |= PORT61_REFRESH;
		if (out_at(&p->ch[2], p->synced))
			val |= PORT61_OUT2;
		return val;
	}
	if ((port & 3) == 3)
		return 0; /* the control word cannot be read */
	return read_count(p, &p->ch[port & 3]);
}

/**
 * i8254_write() - OUT to a port of the timer
 * @p: the timer
 * @port: 0x40-0x43 or 0x61
 * @val: value
 * @now: VM time in ns
 *
 * i8254_next_edge() may have changed afterwards.
 */
void i8254_write(struct i8254 *p, u16 port, u8 val, u64 now)
{
	sync(p, tick_of(now));
	if (port == I8254_PORT_GATE) {
		p->port61 = val & PORT61_WRITTEN;
		set_gate(p, &p->ch[2], val & PORT61_GATE2);
	} else if ((port & 3) == 3) {
		control(p, val);
	} else {
		write_count(p, &p->ch[port & 3], val);
	}
}

/**
 * i8254_out() - level of an output
 * @p: the timer
 * @channel: 0..2
 * @now: VM time in ns
 */
bool i8254_out(struct i8254 *p, unsigned int channel, u64 now)
{
	sync(p, tick_of(now));
	return out_at(&p->ch[channel], p->synced);
}

/**
 * i8254_take_edges() - rising edges of output 0, the timer interrupt, since the last call
 * @p: the timer
 * @now: VM time in ns
 */
u32 i8254_take_edges(struct i8254 *p, u64 now)
{
	u32 edges;

	sync(p, tick_of(now));
	edges = p->edges;
	p->edges = 0;
	return edges;
}

/**
 * i8254_next_edge() - when output 0 rises next
 * @p: the timer
 *
 * Return: VM time in ns, which may have passed if edges wait to be taken; I8254_NEVER.
 */
u64 i8254_next_edge(const struct i8254 *p)
{
	const struct i8254_channel *c = &p->ch[0];
	struct i8254_channel next;
	s64 tick;

	if (p->edges)
		return ns_of(p->synced);
	tick = edge_after(c, p->synced);
	if (reloads(c) && tick > c->next_start) {
		next = reloaded(c);
		tick = edge_after(&next, max(p->synced, c->next_start));
	}
	return tick < TICK_LIMIT * 2 ? ns_of(tick) : I8254_NEVER;
}

/**
 * i8254_reset() - the state after power-up: nothing programmed, gates of 0 and 1 tied high
 * @p: the timer
 */
void i8254_reset(struct i8254 *p)
{
	unsigned int i;

	memset(p, 0, sizeof(*p));
	for (i = 0; i < 3; i++) {
		p->ch[i].mode = 3;
		p->ch[i].rw = 3;
		p->ch[i].count = 65536;
		p->ch[i].gate = i < 2;
	}
}

/**
 * i8254_get_state() - take the state
 * @p: the timer
 * @s: [OUT]
 */
void i8254_get_state(const struct i8254 *p, struct i8254_state *s)
{
	unsigned int i;

	memset(s, 0, sizeof(*s));
	for (i = 0; i < 3; i++) {
		const struct i8254_channel *c = &p->ch[i];

		s->ch[i] = (struct i8254_channel_state){
			.start = c->start,
			.held = c->held,
			.next_start = c->next_start,
			.count = c->count,
			.next_count = c->next_count,
			.latch = c->latch,
			.status = c->status,
			.mode = c->mode,
			.rw = c->rw,
			.write_low = c->write_low,
			.phase = c->phase,
			.flags = (c->bcd ? I8254_STATE_BCD : 0) | (c->gate ? I8254_STATE_GATE : 0) |
				 (c->write_high ? I8254_STATE_WRITE_HIGH : 0) |
				 (c->read_high ? I8254_STATE_READ_HIGH : 0) |
				 (c->count_latched ? I8254_STATE_COUNT_LATCHED : 0) |
				 (c->status_latched ? I8254_STATE_STATUS_LATCHED : 0) |
				 (c->low ? I8254_STATE_LOW : 0),
		};
	}
	s->synced = p->synced;
	s->edges = p->edges;
	s->port61 = p->port61;
}

static bool tick_valid(u64 tick)
{
	return (s64)tick > -TICK_LIMIT && (s64)tick < TICK_LIMIT;
}

/* A count that waits is loaded where a cycle, or half of a square wave, ends. */
static bool reload_valid(const struct i8254_channel_state *s)
{
	s64 ticks = s->next_start - s->start, into;

	if ((s->mode != 2 && s->mode != 3) || s->count < 2 || ticks < 0)
		return false;
	into = mod(ticks, s->count);
	return !into || (s->mode == 3 && into == high_ticks(s->count));
}

static bool channel_state_valid(const struct i8254_channel_state *s, bool gate, s64 synced)
{
	u32 limit = s->flags & I8254_STATE_BCD ? 16665 : 65536;

	if (!tick_valid(s->start) || !tick_valid(s->next_start) || !tick_valid(s->held) ||
	    (s64)s->held < -1 || (s64)s->start > synced + 1 || s->mode > 5 || s->rw < 1 ||
	    s->rw > 3 || s->flags >> 7)
		return false;
	if (!s->count || s->count > limit || s->next_count > limit)
		return false;
	if (!!(s->flags & I8254_STATE_GATE) != gate)
		return false;
	switch (s->phase) {
	case I8254_IDLE:
		return !s->next_count;
	case I8254_ARMED:
		return s->mode == 1 || s->mode == 5;
	case I8254_HELD:
		return !gate && s->mode != 1 && s->mode != 5 &&
		       (!s->next_count || s->mode == 2 || s->mode == 3);
	case I8254_RUNNING:
		if (s->mode == 1 || s->mode == 5)
			return true;
		return gate && (!s->next_count || reload_valid(s));
	default:
		return false;
	}
}

/**
 * i8254_set_state() - load a state that may come from anywhere
 * @p: the timer
 * @s: the state
 *
 * Return: 0, or -EINVAL for a state that no timer can have; then nothing has changed.
 */
int i8254_set_state(struct i8254 *p, const struct i8254_state *s)
{
	unsigned int i;

	if (!tick_valid(s->synced) || (s64)s->synced < 0 || s->port61 > PORT61_WRITTEN)
		return -EINVAL;
	for (i = 0; i < 3; i++)
		if (!channel_state_valid(&s->ch[i], i < 2 || (s->port61 & PORT61_GATE2), s->synced))
			return -EINVAL;
	for (i = 0; i < 3; i++) {
		const struct i8254_channel_state *c = &s->ch[i];

		p->ch[i] = (struct i8254_channel){
			.start = c->start,
			.held = c->held,
			.next_start = c->next_start,
			.count = c->count,
			.next_count = c->next_count,
			.latch = c->latch,
			.status = c->status,
			.mode = c->mode,
			.rw = c->rw,
			.write_low = c->write_low,
			.phase = c->phase,
			.bcd = c->flags & I8254_STATE_BCD,
			.gate = c->flags & I8254_STATE_GATE,
			.write_high = c->flags & I8254_STATE_WRITE_HIGH,
			.read_high = c->flags & I8254_STATE_READ_HIGH,
			.count_latched = c->flags & I8254_STATE_COUNT_LATCHED,
			.status_latched = c->flags & I8254_STATE_STATUS_LATCHED,
			.low = c->flags & I8254_STATE_LOW,
		};
	}
	p->synced = s->synced;
	p->edges = s->edges;
	p->port61 = s->port61;
	return 0;
}
