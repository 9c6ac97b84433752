// SPDX-License-Identifier: GPL-2.0-only
/*
 * The MC146818: calendar against the C library, setting the clock, BCD and 12-hour forms, update,
 * alarm and periodic interrupts, save and load.
 */
#include <time.h>

#include "fakepc.h"
#include "ports.h"
#include "tap.h"

#define S 1000000000ULL

static struct fakepc pc;
static struct device *r;

static void fresh(u64 seconds)
{
	device_free(r);
	fakepc_init(&pc);
	pc.wall_ns = seconds * S;
	r = device_new(&mc146818_ops, &pc.env);
}

static u8 get(u8 reg)
{
	outb(r, PORT_RTC_INDEX, reg);
	return inb(r, PORT_RTC_DATA);
}

static void set(u8 reg, u8 v)
{
	outb(r, PORT_RTC_INDEX, reg);
	outb(r, PORT_RTC_DATA, v);
}

static u8 bcd(int v)
{
	return v / 10 << 4 | v % 10;
}

static bool time_is(time_t t)
{
	struct tm tm;

	gmtime_r(&t, &tm);
	return get(0) == bcd(tm.tm_sec) && get(2) == bcd(tm.tm_min) && get(4) == bcd(tm.tm_hour) &&
	       get(6) == tm.tm_wday + 1 && get(7) == bcd(tm.tm_mday) &&
	       get(8) == bcd(tm.tm_mon + 1) && get(9) == bcd(tm.tm_year % 100) &&
	       get(0x32) == bcd(19 + tm.tm_year / 100);
}

static void test_calendar(void)
{
	u64 t, seed = 12345;
	bool good = true;
	int i;

	fresh(0);
	ok(time_is(0), "1970-01-01 00:00:00");
	for (i = 0; i < 20000; i++) {
		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		t = (seed >> 20) % (8000000000ULL);
		pc.wall_ns = t * S;
		if (!time_is(t)) {
			diag("wrong at %llu", (unsigned long long)t);
			good = false;
			break;
		}
	}
	ok(good, "20000 dates up to 2223 agree with the C library");
	pc.wall_ns = 1709164800ULL * S;
	ok(time_is(1709164800) && get(7) == 0x29 && get(8) == 2, "29 February 2024");
	get(0x0c);
	ok_eq(get(0x0d), 0x80, "the battery is good");
}

static void test_formats(void)
{
	fresh(15 * 3600 + 59); /* 15:00:59 */
	ok_eq(get(4), 0x15, "24 hours, BCD");
	set(0x0b, 0x06);
	ok(get(4) == 15 && get(0) == 59, "binary");
	set(0x0b, 0x04);
	ok_eq(get(4), 0x83, "12 hours: 3 p.m.");
	set(0x0b, 0x00);
	pc.wall_ns = 0;
	ok_eq(get(4), 0x12, "12 hours: midnight is 12 a.m.");
	pc.wall_ns = 12 * 3600 * S;
	ok_eq(get(4), 0x92, "12 hours: noon is 12 p.m.");
}

static void test_setting(void)
{
	fresh(1000000);
	set(0x0b, 0x82);
	set(0x32, 0x20);
	set(9, 0x30);
	set(8, 0x12);
	set(7, 0x31);
	set(4, 0x23);
	set(2, 0x59);
	set(0, 0x58);
	fakepc_pass(&pc, 100 * S);
	ok_eq(get(0), 0x58, "the clock stands while it is being set");
	set(0x0b, 0x02);
	ok(time_is(1924991998), "then it has the time it was given");
	fakepc_pass(&pc, 3 * S);
	ok(time_is(1924992001), "and goes on into the next century's decade");
	set(2, 0x30);
	ok(get(2) == 0x30 && get(0) == 0x01, "one register written while it runs");
	set(0x0a, 0x60);
	ok_eq(get(0x0a), 0x60, "divider held");
	fakepc_pass(&pc, 5 * S);
	ok_eq(get(0), 0x01, "the clock stands");
	set(0x0a, 0x26);
	fakepc_pass(&pc, 2 * S);
	ok_eq(get(0), 0x03, "and goes on from where it was");
}

static void run_timers(u64 ns)
{
	u64 end = pc.guest_ns + ns;

	while (pc.guest_ns < end) {
		u64 next = r->ops->deadline(r);

		if (next > end)
			next = end;
		if (next > pc.guest_ns)
			fakepc_pass(&pc, next - pc.guest_ns);
		if (r->ops->deadline(r) <= pc.guest_ns)
			r->ops->tick(r);
	}
}

static void test_interrupts(void)
{
	int i;

	fresh(0);
	fakepc_pass(&pc, S - 300000);
	ok_eq(get(0x0a) & 0x80, 0, "no update in progress 300 us before the second");
	fakepc_pass(&pc, 100000);
	ok_eq(get(0x0a) & 0x80, 0x80, "update in progress 200 us before it");
	fakepc_pass(&pc, 200000);
	ok_eq(get(0x0a) & 0x80, 0, "over after it");
	ok(get(0x0c) == 0x50 && !pc.rises[8], "UF and PF are set without being enabled, quietly");
	ok_eq(get(0x0c), 0, "reading C clears them");

	set(0x0b, 0x12);
	for (i = 0; i < 5; i++) {
		run_timers(S);
		get(0x0c);
	}
	ok_eq(pc.rises[8], 5, "five update interrupts in five seconds");
	run_timers(3 * S);
	ok_eq(pc.rises[8], 6, "an interrupt that is not acknowledged is not repeated");

	fresh(0);
	set(5, 0x00);
	set(3, 0x01);
	set(1, 0x30);
	set(0x0b, 0x22);
	run_timers(89 * S);
	ok(!pc.line[8], "89 s: no alarm yet");
	run_timers(2 * S);
	ok(pc.line[8] && (get(0x0c) & 0xa0) == 0xa0, "alarm at 00:01:30");
	run_timers(3600 * S);
	ok(!pc.line[8], "not again in this day");
	set(3, 0xff);
	set(5, 0xff);
	run_timers(60 * S);
	ok(pc.line[8], "with \"don't care\" every minute");

	fresh(0);
	set(0x0b, 0x42); /* rate 6: 1024 Hz */
	for (i = 0; i < 1024; i++) {
		run_timers(S / 1024);
		get(0x0c);
	}
	ok(pc.rises[8] >= 1022 && pc.rises[8] <= 1024, "about 1024 periodic interrupts a second");
	set(0x0a, 0x20);
	get(0x0c);
	i = pc.rises[8];
	run_timers(S);
	ok_eq(pc.rises[8], i, "rate 0: none");
}

static void test_state(void)
{
	struct error err;
	json_object *o;
	struct device *old = r;

	fresh(5000);
	old = r;
	set(0x0b, 0x82);
	set(9, 0x40);
	set(0x0b, 0x12);
	mc146818_set_memory(r, 1ULL << 30, 1ULL << 30);
	ok(get(0x34) == 0x00 && get(0x35) == 0x3f, "memory above 16 MiB, in 64 KiB");
	ok(get(0x5c) == 0x40 && get(0x17) == 0xff, "memory above 4 GiB, and below 64 MiB");
	fakepc_pass(&pc, S);
	r->ops->tick(r);
	o = device_save(r);
	r = device_new(&mc146818_ops, &pc.env);
	pc.line[8] = false;
	ok_eq(device_load(r, o, &err), 0, "a saved clock loads");
	ok(get(9) == 0x40 && get(0x5c) == 0x40, "with its time and memory");
	ok(pc.line[8], "and its interrupt");
	json_object_put(o);
	device_free(old);
}

/* Nothing a guest writes may make the calendar run away (under UBSan). */
static void test_nonsense(void)
{
	u64 seed = 1;
	int i;

	fresh(1700000000);
	for (i = 0; i < 200000; i++) {
		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		set(seed >> 33 & 0x3f, seed >> 40);
		get(seed >> 50 & 0x3f);
		if (!(i % 1000)) {
			fakepc_pass(&pc, (seed >> 8) & 0xffffffffff);
			r->ops->deadline(r);
		}
	}
	ok(1, "200000 random writes");
}

int main(void)
{
	test_calendar();
	test_formats();
	test_setting();
	test_interrupts();
	test_state();
	test_nonsense();
	device_free(r);
	return done();
}
