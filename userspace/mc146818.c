// SPDX-License-Identifier: GPL-2.0-only
/*
 * MC146818 real-time clock and CMOS memory (Motorola data sheet; RTC/CMOS of the PC/AT).
 *
 * Its time is the host's time of day plus an offset that the guest makes by setting the clock, so
 * nothing has to tick while no interrupt is enabled: registers and flags are computed when they are
 * looked at. Pure.
 */
#include "device.h"
#include "guestram.h"
#include "ports.h"

#define NS_PER_S 1000000000LL
#define DAY_S 86400

#define REG_SECONDS 0
#define REG_SECONDS_ALARM 1
#define REG_MINUTES 2
#define REG_MINUTES_ALARM 3
#define REG_HOURS 4
#define REG_HOURS_ALARM 5
#define REG_WEEKDAY 6
#define REG_DAY 7
#define REG_MONTH 8
#define REG_YEAR 9
#define REG_A 0x0a
#define REG_B 0x0b
#define REG_C 0x0c
#define REG_D 0x0d
#define REG_CENTURY 0x32

#define A_UIP 0x80
#define A_DIVIDER 0x70
#define A_DIVIDER_ON 0x20
#define A_RATE 0x0f
#define B_SET 0x80
#define B_PIE 0x40
#define B_AIE 0x20
#define B_UIE 0x10
#define B_BINARY 0x04
#define B_24H 0x02
#define C_IRQF 0x80
#define C_PF 0x40
#define C_AF 0x20
#define C_UF 0x10
#define D_VALID 0x80

#define ALARM_ANY 0xc0 /* both top bits: every hour, minute or second */
#define UIP_NS 244000 /* update-in-progress rises that long before the second */

struct mc146818 {
	struct device dev;
	u8 index;
	u8 cmos[128]; /* the time's registers count only while the clock is being set */
	u64 offset; /* what to add to the host's time, as two's complement */
	u64 seen; /* last second whose update and alarm were accounted for */
	u64 periodic; /* guest time up to which periods were accounted for */
	u8 line;
};

static const struct dev_field fields[] = {
	DEV_FIELD(struct mc146818, index, 0x7f),
	DEV_ARRAY(struct mc146818, cmos, 0xff),
	DEV_FIELD(struct mc146818, offset, U64_MAX),
	DEV_FIELD(struct mc146818, seen, U64_MAX),
	DEV_FIELD(struct mc146818, periodic, U64_MAX),
};

static struct mc146818 *to_rtc(struct device *dev)
{
	return container_of(dev, struct mc146818, dev);
}

/* ---------------------------------------------------------------- calendar */

struct calendar {
	int year, month, day, weekday; /* month and day from 1, Sunday is weekday 1 */
	int hour, minute, second;
};

static bool leap(int year)
{
	return (!(year % 4) && year % 100) || !(year % 400);
}

static int month_days(int year, int month)
{
	static const u8 days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return days[month - 1] + (month == 2 && leap(year));
}

/* Days since 1970 of a date of the Gregorian calendar. */
static s64 days_of(int year, int month, int day)
{
	s64 days = 365LL * (year - 1970);
	int m;

	days += (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400 - 477;
	for (m = 1; m < month; m++)
		days += month_days(year, m);
	return days + day - 1;
}

static void to_calendar(s64 seconds, struct calendar *c)
{
	/* Whatever the guest made of the offset, stay within four-digit years. */
	s64 days, low = days_of(1, 1, 1) * DAY_S, high = days_of(10000, 1, 1) * DAY_S - 1;

	seconds = seconds < low ? low : seconds > high ? high : seconds;
	days = seconds / DAY_S - (seconds % DAY_S < 0);
	seconds -= days * DAY_S;
	c->hour = seconds / 3600;
	c->minute = seconds / 60 % 60;
	c->second = seconds % 60;
	c->weekday = ((days + 4) % 7 + 7) % 7 + 1;
	c->year = 1970 + days / 366;
	while (days_of(c->year + 1, 1, 1) <= days)
		c->year++;
	while (days_of(c->year, 1, 1) > days)
		c->year--;
	days -= days_of(c->year, 1, 1);
	for (c->month = 1; days >= month_days(c->year, c->month); c->month++)
		days -= month_days(c->year, c->month);
	c->day = days + 1;
}

/* ----------------------------------------------------- registers and encoding */

static u8 encode(const struct mc146818 *r, unsigned int v)
{
	return r->cmos[REG_B] & B_BINARY ? v : (v / 10) << 4 | v % 10;
}

static unsigned int decode(const struct mc146818 *r, u8 v)
{
	return r->cmos[REG_B] & B_BINARY ? v : (v >> 4) * 10 + (v & 15);
}

static u8 encode_hour(const struct mc146818 *r, unsigned int hour)
{
	if (r->cmos[REG_B] & B_24H)
		return encode(r, hour);
	return encode(r, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? 0x80 : 0);
}

static unsigned int decode_hour(const struct mc146818 *r, u8 v)
{
	if (r->cmos[REG_B] & B_24H)
		return decode(r, v);
	return decode(r, v & 0x7f) % 12 + (v & 0x80 ? 12 : 0);
}

static s64 now_ns(struct mc146818 *r)
{
	return (s64)(r->dev.env->wall_ns(r->dev.env->ctx) + r->offset);
}

static s64 now_s(struct mc146818 *r)
{
	s64 ns = now_ns(r);

	return ns / NS_PER_S - (ns % NS_PER_S < 0);
}

/* The clock stands while it is being set or its divider is held. */
static bool stopped(const struct mc146818 *r)
{
	return r->cmos[REG_B] & B_SET || (r->cmos[REG_A] & A_DIVIDER) != A_DIVIDER_ON;
}

static void latch_time(struct mc146818 *r)
{
	struct calendar c;

	to_calendar(now_s(r), &c);
	r->cmos[REG_SECONDS] = encode(r, c.second);
	r->cmos[REG_MINUTES] = encode(r, c.minute);
	r->cmos[REG_HOURS] = encode_hour(r, c.hour);
	r->cmos[REG_WEEKDAY] = encode(r, c.weekday);
	r->cmos[REG_DAY] = encode(r, c.day);
	r->cmos[REG_MONTH] = encode(r, c.month);
	r->cmos[REG_YEAR] = encode(r, c.year % 100);
	/* The century is plain memory to the chip: always BCD, by the PC's firmware's custom. */
	r->cmos[REG_CENTURY] = (c.year / 1000) << 4 | c.year / 100 % 10;
}

static unsigned int clamp_to(unsigned int v, unsigned int low, unsigned int high)
{
	return v < low ? low : v > high ? high : v;
}

/* The registers become the time: remember how far it is from the host's. */
static void set_time(struct mc146818 *r)
{
	unsigned int year, month, day;
	s64 seconds;

	year = (r->cmos[REG_CENTURY] >> 4) * 1000 + (r->cmos[REG_CENTURY] & 15) * 100 +
	       decode(r, r->cmos[REG_YEAR]) % 100;
	year = clamp_to(year, 1, 9999);
	month = clamp_to(decode(r, r->cmos[REG_MONTH]), 1, 12);
	day = clamp_to(decode(r, r->cmos[REG_DAY]), 1, month_days(year, month));
	seconds = days_of(year, month, day) * DAY_S +
		  clamp_to(decode_hour(r, r->cmos[REG_HOURS]), 0, 23) * 3600 +
		  clamp_to(decode(r, r->cmos[REG_MINUTES]), 0, 59) * 60 +
		  clamp_to(decode(r, r->cmos[REG_SECONDS]), 0, 59);
	r->offset = (u64)seconds * NS_PER_S - r->dev.env->wall_ns(r->dev.env->ctx);
	r->seen = seconds;
}

/* --------------------------------------------------------- alarm and periods */

static bool alarm_field(const struct mc146818 *r, int reg, unsigned int now)
{
	u8 v = r->cmos[reg];

	if ((v & ALARM_ANY) == ALARM_ANY)
		return true;
	return (reg == REG_HOURS_ALARM ? decode_hour(r, v) : decode(r, v)) == now;
}

static bool alarm_matches(const struct mc146818 *r, s64 second)
{
	unsigned int of_day = (second % DAY_S + DAY_S) % DAY_S;

	return alarm_field(r, REG_SECONDS_ALARM, of_day % 60) &&
	       alarm_field(r, REG_MINUTES_ALARM, of_day / 60 % 60) &&
	       alarm_field(r, REG_HOURS_ALARM, of_day / 3600);
}

/* Seconds from @second to the next match, at least 1; 0 if there is none in a day. */
static s64 alarm_distance(const struct mc146818 *r, s64 second)
{
	s64 n;

	for (n = 1; n <= DAY_S; n++)
		if (alarm_matches(r, second + n))
			return n;
	return 0;
}

/* Length of a period in units of 1/32768 s, 0 if off. */
static unsigned int period(const struct mc146818 *r)
{
	unsigned int rate = r->cmos[REG_A] & A_RATE;

	if (!rate)
		return 0;
	return 1U << ((rate <= 2 ? rate + 7 : rate) - 1);
}

static u64 period_ns(const struct mc146818 *r)
{
	return period(r) * NS_PER_S / 32768;
}

static void update_line(struct mc146818 *r)
{
	u8 *c = &r->cmos[REG_C];
	bool level = *c & r->cmos[REG_B] & (C_PF | C_AF | C_UF);

	*c = level ? *c | C_IRQF : *c & ~C_IRQF;
	if (level != r->line) {
		r->line = level;
		r->dev.env->set_irq(r->dev.env->ctx, IRQ_RTC, level);
	}
}

/* Bring the flags of register C up to date. */
static void update(struct mc146818 *r)
{
	u64 guest = r->dev.env->guest_ns(r->dev.env->ctx), length = period_ns(r);
	s64 now = now_s(r), seen = (s64)r->seen;

	if (!stopped(r) && now > seen) {
		s64 distance = now - seen >= DAY_S ? alarm_distance(r, now) :
						     alarm_distance(r, seen);

		r->cmos[REG_C] |= C_UF;
		if (distance && (now - seen >= DAY_S || distance <= now - seen))
			r->cmos[REG_C] |= C_AF;
	}
	r->seen = now;
	if (length && guest >= r->periodic && guest - r->periodic >= length) {
		r->periodic += (guest - r->periodic) / length * length;
		r->cmos[REG_C] |= C_PF;
	} else if (!length || guest < r->periodic) {
		r->periodic = guest;
	}
	update_line(r);
}

static u64 rtc_deadline(struct device *dev)
{
	struct mc146818 *r = to_rtc(dev);
	u8 b = r->cmos[REG_B], c = r->cmos[REG_C];
	u64 guest = dev->env->guest_ns(dev->env->ctx), next = DEV_NEVER;
	s64 distance = 0, now = now_s(r), rest = (now + 1) * NS_PER_S - now_ns(r), due;

	if ((b & B_PIE) && !(c & C_PF) && period(r))
		next = r->periodic + period_ns(r);
	if (stopped(r))
		return next;
	if ((b & B_UIE) && !(c & C_UF))
		distance = 1;
	else if ((b & B_AIE) && !(c & C_AF))
		distance = alarm_distance(r, r->seen);
	if (!distance)
		return next;
	due = (s64)r->seen + distance;
	return min(next, due <= now ? guest : guest + rest + (due - now - 1) * NS_PER_S);
}

static void rtc_tick(struct device *dev)
{
	update(to_rtc(dev));
}

/* -------------------------------------------------------------------- ports */

static bool is_time(u8 reg)
{
	return reg == REG_SECONDS || reg == REG_MINUTES || reg == REG_HOURS ||
	       (reg >= REG_WEEKDAY && reg <= REG_YEAR) || reg == REG_CENTURY;
}

static void write_reg(struct mc146818 *r, u8 reg, u8 v)
{
	u8 old = r->cmos[reg];

	switch (reg) {
	case REG_A:
		v &= ~A_UIP;
		r->cmos[REG_A] = v;
		/* Letting the divider go starts the time that is in the registers. */
		if ((old & A_DIVIDER) == A_DIVIDER_ON && (v & A_DIVIDER) != A_DIVIDER_ON)
			latch_time(r);
		else if ((old & A_DIVIDER) != A_DIVIDER_ON && !stopped(r))
			set_time(r);
		if ((old ^ v) & A_RATE)
			r->periodic = r->dev.env->guest_ns(r->dev.env->ctx);
		break;
	case REG_B:
		if (v & ~old & B_SET) {
			latch_time(r);
			v &= ~B_UIE; /* the chip clears it */
		}
		r->cmos[REG_B] = v;
		/* The mode counts that was in force when the registers were written: the new one. */
		if (old & ~v & B_SET && !stopped(r))
			set_time(r);
		break;
	case REG_C:
	case REG_D:
		break;
	default:
		if (!is_time(reg)) {
			r->cmos[reg] = v;
		} else if (stopped(r)) {
			r->cmos[reg] = v;
		} else {
			latch_time(r);
			r->cmos[reg] = v;
			set_time(r);
		}
	}
}

static void rtc_write(struct device *dev, u16 port, unsigned int width, u32 value)
{
	struct mc146818 *r = to_rtc(dev);

	if (port == PORT_RTC_INDEX) {
		r->index = value & 0x7f; /* bit 7 masks NMIs on a PC; there are none to mask */
		return;
	}
	update(r);
	write_reg(r, r->index, value);
	update_line(r);
	dev->env->rearm(dev->env->ctx);
}

static u32 rtc_read(struct device *dev, u16 port, unsigned int width)
{
	struct mc146818 *r = to_rtc(dev);
	u8 v;

	if (port == PORT_RTC_INDEX)
		return 0xff; /* write-only on a PC */
	update(r);
	if (is_time(r->index) && !stopped(r))
		latch_time(r);
	v = r->cmos[r->index];
	switch (r->index) {
	case REG_A:
		if (!stopped(r) && (now_s(r) + 1) * NS_PER_S - now_ns(r) <= UIP_NS)
			v |= A_UIP;
		break;
	case REG_C:
		r->cmos[REG_C] = 0;
		update_line(r);
		dev->env->rearm(dev->env->ctx);
		break;
	}
	return v;
}

static void rtc_reset(struct device *dev)
{
	struct mc146818 *r = to_rtc(dev);

	memset((u8 *)r + sizeof(*dev), 0, sizeof(*r) - sizeof(*dev));
	r->cmos[REG_A] = 0x26;
	r->cmos[REG_B] = B_24H;
	r->cmos[REG_D] = D_VALID;
	r->cmos[0x14] = 0x02; /* equipment: FPU */
	r->seen = now_s(r);
	r->periodic = dev->env->guest_ns(dev->env->ctx);
}

static bool rtc_loaded(struct device *dev)
{
	struct mc146818 *r = to_rtc(dev);

	r->cmos[REG_A] &= ~A_UIP;
	r->cmos[REG_D] = D_VALID;
	r->line = 0;
	dev->env->set_irq(dev->env->ctx, IRQ_RTC, false);
	update(r);
	return true;
}

void mc146818_set_memory(struct device *dev, u64 low, u64 high)
{
	struct mc146818 *r = to_rtc(dev);
	u64 kib = low > 0x100000 ? min((low - 0x100000) >> 10, 0xffffULL) : 0;
	u64 chunks = low > 0x1000000 ? min((low - 0x1000000) >> 16, 0xffffULL) : 0;
	u64 above = min(high >> 16, 0xffffffULL);

	put_le16(&r->cmos[0x15], 640);
	put_le16(&r->cmos[0x17], kib);
	put_le16(&r->cmos[0x30], kib);
	put_le16(&r->cmos[0x34], chunks);
	r->cmos[0x5b] = above;
	r->cmos[0x5c] = above >> 8;
	r->cmos[0x5d] = above >> 16;
}

const struct device_ops mc146818_ops = {
	.name = "mc146818",
	.size = sizeof(struct mc146818),
	.ports = { { PORT_RTC_INDEX, PORT_RTC_DATA } },
	.byte_wide = true,
	.fields = fields,
	.nr_fields = ARRAY_SIZE(fields),
	.reset = rtc_reset,
	.read = rtc_read,
	.write = rtc_write,
	.loaded = rtc_loaded,
	.deadline = rtc_deadline,
	.tick = rtc_tick,
};
