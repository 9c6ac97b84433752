// SPDX-License-Identifier: GPL-2.0-only
/* The local APIC's timer, who receives a message, save and load, and random operations. */
#include "lapic_help.h"

static u64 next_at(enum lapic_clock want)
{
	u64 at = 0;

	return lapic_timer_next(&l, &at) == want ? at : ~0ULL;
}

static void run_at(u64 ns)
{
	now.ns = ns;
	memset(&out, 0, sizeof(out));
	lapic_timer_run(&l, now, &out);
}

static bool took(u8 vector)
{
	if (lapic_ack(&l) != vector)
		return false;
	lapic_eoi(&l, &out);
	return true;
}

static void test_timer(void)
{
	static const u8 divs[] = { 2, 4, 8, 16, 32, 64, 128, 1 };
	unsigned int i;
	u64 t0;

	for (i = 0; i < 8; i++) {
		power_on(0, 0);
		software_enable();
		wr(LAPIC_LVT_TIMER, 0x60);
		wr(LAPIC_TDCR, (i & 3) | (i & 4) << 1);
		wr(LAPIC_TMICT, 1000);
		ok_eq(next_at(LAPIC_CLOCK_NS), now.ns + 1000 * divs[i], "divide by %u", divs[i]);
	}

	power_on(0, 0);
	software_enable();
	t0 = now.ns;
	wr(LAPIC_LVT_TIMER, 0x60);
	wr(LAPIC_TDCR, 0xb);
	wr(LAPIC_TMICT, 1000);
	ok(out.what & LAPIC_DO_TIMER, "one-shot: the caller is told");
	ok_eq(rd(LAPIC_TMCCT), 1000, "the count starts at the initial count");
	now.ns = t0 + 400;
	ok_eq(rd(LAPIC_TMCCT), 600, "and goes down");
	run_at(t0 + 999);
	ok(!out.what && rd(LAPIC_TMCCT) == 1, "one left");
	now.ns = t0 + 999;
	ok(!lapic_timer_run(&l, now, &out), "not expired");
	run_at(t0 + 1000);
	ok(took(0x60) && rd(LAPIC_TMCCT) == 0, "expired");
	ok_eq(next_at(LAPIC_CLOCK_NONE), 0, "and idle");
	run_at(t0 + 5000);
	ok_eq(lapic_highest_irr(&l), -1, "once");
	ok(!lapic_timer_run(&l, now, &out), "an idle timer does not expire");
	wr(LAPIC_TMICT, 1000);
	now.ns += 1000;
	ok(lapic_timer_run(&l, now, &out) && took(0x60), "the caller is told that it expired");
	ok_eq(rd(LAPIC_TMICT), 1000, "the initial count stays readable");
	wr(LAPIC_TMICT, 50);
	wr(LAPIC_TMICT, 0);
	ok_eq(next_at(LAPIC_CLOCK_NONE), 0, "an initial count of 0 stops it");

	wr(LAPIC_LVT_TIMER, 0x20061);
	t0 = now.ns;
	wr(LAPIC_TMICT, 1000);
	run_at(t0 + 1000);
	ok(took(0x61), "periodic: first");
	ok_eq(next_at(LAPIC_CLOCK_NS), t0 + 2000, "the second follows from the first");
	run_at(t0 + 2100);
	ok(took(0x61), "second, late");
	ok_eq(next_at(LAPIC_CLOCK_NS), t0 + 3000, "without drift");
	now.ns = t0 + 7300;
	ok_eq(rd(LAPIC_TMCCT), 700, "the count of a late timer wraps");
	run_at(t0 + 7300);
	ok(took(0x61) && lapic_pending(&l) == -1, "missed periods are one interrupt");
	ok_eq(next_at(LAPIC_CLOCK_NS), t0 + 8000, "and the phase is kept");
	run_at(t0 + 8000);
	ok(took(0x61), "on time again");

	now.ns = t0 + 8500;
	wr(LAPIC_TDCR, 0);
	ok_eq(rd(LAPIC_TMCCT), 500, "a new divider keeps the count");
	ok_eq(next_at(LAPIC_CLOCK_NS), t0 + 9500, "and stretches what is left");
	run_at(t0 + 9500);
	ok(took(0x61), "expires");
	ok_eq(next_at(LAPIC_CLOCK_NS), t0 + 11500, "next period at the new rate");

	wr(LAPIC_LVT_TIMER, 0x30061);
	ok_eq(next_at(LAPIC_CLOCK_NONE), 0, "masked: no call needed");
	now.ns = t0 + 13600;
	ok_eq(rd(LAPIC_TMCCT), 950, "but it counts");
	wr(LAPIC_LVT_TIMER, 0x20061);
	ok_eq(lapic_highest_irr(&l), -1, "what expired while masked is lost");
	ok_eq(next_at(LAPIC_CLOCK_NS), t0 + 15500, "and the phase is kept");
	wr(LAPIC_LVT_TIMER, 0x61);
	ok_eq(next_at(LAPIC_CLOCK_NS), t0 + 15500, "periodic to one-shot goes on");
	run_at(t0 + 15500);
	ok(took(0x61) && next_at(LAPIC_CLOCK_NONE) == 0, "and ends");

	wr(LAPIC_TMICT, 100);
	now.ns += 500;
	wr(LAPIC_LVT_TIMER, 0x10061);
	ok_eq(lapic_pending(&l), 0x61, "what expired just before a write to the LVT is not lost");
	took(0x61);
	wr(LAPIC_LVT_TIMER, 0x61);
	wr(LAPIC_TMICT, 100);
	now.ns += 500;
	wr(LAPIC_TMICT, 100);
	ok(took(0x61), "nor what expired before a write to the initial count");
	now.ns += 500;
	wr(LAPIC_SVR, 0xff);
	ok_eq(lapic_highest_irr(&l), 0x61, "nor before software-disabling");
	wr(LAPIC_TMICT, 0xffffffff);
	wr(LAPIC_TDCR, 0xa);
	ok_eq(l.expiry_ns - now.ns, 0xffffffffULL * 128, "the longest period");
}

static void test_deadline(void)
{
	power_on(0, ALL_FEATURES);
	software_enable();
	memset(&out, 0, sizeof(out));
	lapic_deadline_write(&l, now.tsc + 100, now, &out);
	ok(!out.what && lapic_deadline_read(&l, now) == 0, "ignored in one-shot mode");
	wr(LAPIC_LVT_TIMER, 0x60);
	wr(LAPIC_TMICT, 1000);
	wr(LAPIC_LVT_TIMER, 0x40060);
	ok(next_at(LAPIC_CLOCK_NONE) == 0 && rd(LAPIC_TMCCT) == 0, "entering the mode disarms");
	wr(LAPIC_TMICT, 1000);
	ok(rd(LAPIC_TMICT) == 0 && next_at(LAPIC_CLOCK_NONE) == 0, "the initial count is ignored");
	lapic_deadline_write(&l, now.tsc + 100, now, &out);
	ok(out.what & LAPIC_DO_TIMER, "the caller is told");
	ok_eq(next_at(LAPIC_CLOCK_TSC), now.tsc + 100, "armed on the TSC");
	ok_eq(lapic_deadline_read(&l, now), now.tsc + 100, "reads back");
	now.tsc += 99;
	lapic_timer_run(&l, now, &out);
	ok_eq(lapic_highest_irr(&l), -1, "not yet");
	now.tsc++;
	lapic_timer_run(&l, now, &out);
	ok(took(0x60), "fires at the deadline");
	ok(lapic_deadline_read(&l, now) == 0 && next_at(LAPIC_CLOCK_NONE) == 0, "and disarms");
	lapic_deadline_write(&l, now.tsc - 1, now, &out);
	ok(took(0x60) && next_at(LAPIC_CLOCK_NONE) == 0, "a deadline in the past fires at once");
	lapic_deadline_write(&l, now.tsc + 100, now, &out);
	lapic_deadline_write(&l, 0, now, &out);
	ok_eq(next_at(LAPIC_CLOCK_NONE), 0, "writing 0 disarms");
	now.tsc += 1000;
	lapic_timer_run(&l, now, &out);
	ok_eq(lapic_highest_irr(&l), -1, "for good");
	lapic_deadline_write(&l, now.tsc + 100, now, &out);
	now.tsc += 200;
	lapic_deadline_write(&l, now.tsc + 100, now, &out);
	ok(took(0x60), "a deadline that passed before the next write is not lost");
	wr(LAPIC_LVT_TIMER, 0x60);
	ok(lapic_deadline_read(&l, now) == 0 && next_at(LAPIC_CLOCK_NONE) == 0,
	   "leaving the mode disarms");
	wr(LAPIC_LVT_TIMER, 0x50060);
	lapic_deadline_write(&l, now.tsc + 100, now, &out);
	ok_eq(next_at(LAPIC_CLOCK_NONE), 0, "masked: no call needed");
	now.tsc += 100;
	ok_eq(lapic_deadline_read(&l, now), 0, "a masked deadline passes too");
	wr(LAPIC_LVT_TIMER, 0x40060);
	ok_eq(lapic_highest_irr(&l), -1, "and is lost");
	lapic_deadline_write(&l, now.tsc + 100, now, &out);
	memset(&out, 0, sizeof(out));
	lapic_init(&l);
	ok(l.tsc_deadline == 0 && rd(LAPIC_LVT_TIMER) == 0x10000, "INIT disarms");
}

#define N 6
static struct lapic many[N + 1];
static const struct lapic *set[N + 1];
static u32 turn;

static u64 route(u32 from, u32 dest, u8 mode, u8 shorthand, u8 flags)
{
	struct apic_msg m = {
		.dest = dest, .mode = mode, .shorthand = shorthand, .flags = flags, .vector = 0x40
	};
	u64 to[1] = { ~0ULL };
	unsigned int n = lapic_route(set, N + 1, from, &m, &turn, to);

	if (n != hweight64(to[0]))
		ok(false, "lapic_route() counts %u for %#llx", n, (unsigned long long)to[0]);
	return to[0];
}

static void each(void (*fn)(unsigned int i))
{
	unsigned int i;

	for (i = 0; i < N; i++) {
		l = many[i];
		fn(i);
		many[i] = l;
	}
}

static void setup_flat(unsigned int i)
{
	power_on(i, ALL_FEATURES);
	software_enable();
	wr(LAPIC_LDR, 1U << (24 + i));
}

static void setup_cluster(unsigned int i)
{
	setup_flat(i);
	wr(LAPIC_DFR, 0);
	wr(LAPIC_LDR, (i / 2) << 28 | 1U << (24 + i % 2));
}

static void setup_x2(unsigned int i)
{
	power_on(i < 3 ? i : 0x110 + i, ALL_FEATURES);
	software_enable();
	enter_x2apic();
}

static void test_route(void)
{
	const u8 L = APIC_MSG_LOGICAL, W = APIC_MSG_WIDE;
	unsigned int i;

	/* The last slot is a vCPU that does not exist. */
	for (i = 0; i < N; i++)
		set[i] = &many[i];

	each(setup_flat);
	ok_eq(route(0, 3, APIC_DELIVER_FIXED, 0, 0), 0x08, "physical: one");
	ok_eq(route(0, N, APIC_DELIVER_FIXED, 0, 0), 0, "physical: nobody");
	ok_eq(route(0, 0xff, APIC_DELIVER_FIXED, 0, 0), 0x3f, "physical: broadcast");
	ok_eq(route(0, 0xffffffff, APIC_DELIVER_FIXED, 0, W), 0x3f, "broadcast from an x2APIC");
	ok_eq(route(0, 0xff, APIC_DELIVER_FIXED, 0, W), 0, "0xff from an x2APIC is an id");
	ok_eq(route(2, 9, APIC_DELIVER_FIXED, APIC_SHORT_SELF, 0), 0x04, "self");
	ok_eq(route(2, 9, APIC_DELIVER_FIXED, APIC_SHORT_ALL, 0), 0x3f, "all");
	ok_eq(route(2, 9, APIC_DELIVER_INIT, APIC_SHORT_OTHERS, 0), 0x3b, "others");
	ok_eq(route(0, 0x15, APIC_DELIVER_FIXED, 0, L), 0x15, "flat: a set");
	ok_eq(route(0, 0xc0, APIC_DELIVER_FIXED, 0, L), 0, "flat: nobody");
	ok_eq(route(0, 0xff, APIC_DELIVER_FIXED, 0, L), 0x3f, "flat: all");
	l = many[4];
	wr(LAPIC_ID, 0x99000000);
	many[4] = l;
	ok_eq(route(0, 4, APIC_DELIVER_FIXED, 0, 0), 0, "a changed id is gone from its place");
	ok_eq(route(0, 0x99, APIC_DELIVER_FIXED, 0, 0), 0x10, "and found by its new value");
	l = many[1];
	wr(LAPIC_SVR, 0xff);
	many[1] = l;
	ok_eq(route(0, 0xff, APIC_DELIVER_FIXED, 0, 0), 0x3d, "not the software-disabled one");
	ok_eq(route(0, 1, APIC_DELIVER_FIXED, 0, 0), 0, "not by id either");
	ok_eq(route(0, 1, APIC_DELIVER_INIT, 0, 0), 0x02, "but INIT");
	ok_eq(route(0, 0xff, APIC_DELIVER_NMI, 0, 0), 0x3f, "and NMI");
	l = many[1];
	base_wr(0xfee00000);
	many[1] = l;
	ok_eq(route(0, 0xff, APIC_DELIVER_NMI, 0, 0), 0x3d, "a disabled one hears nothing");
	ok_eq(route(0, 1, APIC_DELIVER_INIT, 0, 0), 0, "not even INIT");
	ok_eq(route(0, 9, APIC_DELIVER_INIT, APIC_SHORT_OTHERS, 0), 0x3c, "nor by shorthand");

	each(setup_flat);
	l = many[3];
	wr(LAPIC_ID, 0x02000000);
	many[3] = l;
	set[2] = NULL;
	ok_eq(route(0, 2, APIC_DELIVER_FIXED, 0, 0), 0x08, "an id is not an index");
	set[2] = &many[2];
	ok_eq(route(0, 2, APIC_DELIVER_FIXED, 0, 0), 0x0c, "two with one id both receive");
	ok_eq(route(0, 0x105, APIC_DELIVER_FIXED, 0, L | W), 0, "a wide destination misses xAPICs");

	each(setup_cluster);
	ok_eq(route(0, 0x13, APIC_DELIVER_FIXED, 0, L), 0x0c, "cluster: both of cluster 1");
	ok_eq(route(0, 0x21, APIC_DELIVER_FIXED, 0, L), 0x10, "cluster: one of cluster 2");
	ok_eq(route(0, 0x3f, APIC_DELIVER_FIXED, 0, L), 0, "cluster: nobody");
	ok_eq(route(0, 0xff, APIC_DELIVER_FIXED, 0, L), 0x3f, "cluster: all");
	l = many[0];
	wr(LAPIC_DFR, 0x40000000);
	many[0] = l;
	ok_eq(route(0, 0x03, APIC_DELIVER_FIXED, 0, L), 0x02, "an undefined model matches nothing");

	each(setup_x2);
	ok_eq(route(0, 2, APIC_DELIVER_FIXED, 0, W), 0x04, "x2APIC: by id");
	ok_eq(route(0, 0x114, APIC_DELIVER_FIXED, 0, W), 0x10, "x2APIC: a wide id");
	ok_eq(route(0, 0x00000005, APIC_DELIVER_FIXED, 0, L | W), 0x05, "x2APIC: cluster 0");
	ok_eq(route(0, 0x00110028, APIC_DELIVER_FIXED, 0, L | W), 0x28, "x2APIC: cluster 0x11");
	ok_eq(route(0, 0x00100028, APIC_DELIVER_FIXED, 0, L | W), 0, "x2APIC: another cluster");
	ok_eq(route(0, 0xffffffff, APIC_DELIVER_FIXED, 0, L | W), 0x3f, "x2APIC: all");
	ok_eq(route(99, 1, APIC_DELIVER_FIXED, 0, 0), 0x02,
	      "an IOAPIC reaches x2APICs by 8-bit id");
	ok_eq(route(99, 3, APIC_DELIVER_FIXED, 0, 0), 0, "but none by its place");
	l = many[2];
	x2_wr(LAPIC_SVR, 0xff);
	many[2] = l;
	ok_eq(route(0, 2, APIC_DELIVER_FIXED, 0, W), 0, "x2APIC: not a software-disabled one");
	ok_eq(route(0, 2, APIC_DELIVER_NMI, 0, W), 0x04, "x2APIC: but NMI");
	l = many[2];
	x2_wr(LAPIC_SVR, 0x1ff);
	many[2] = l;
	ok_eq(route(99, 6, APIC_DELIVER_FIXED, 0, L), 0x06, "and cluster 0 by logical destination");

	each(setup_flat);
	turn = 0;
	ok_eq(route(99, 0x3e, APIC_DELIVER_LOWEST, 0, L), 0x02, "lowest priority: after 0 comes 1");
	ok_eq(route(99, 0x3e, APIC_DELIVER_LOWEST, 0, L), 0x04, "then 2");
	ok_eq(route(99, 0x0e, APIC_DELIVER_LOWEST, 0, L), 0x08, "then 3");
	ok_eq(route(99, 0x0e, APIC_DELIVER_LOWEST, 0, L), 0x02, "then 1 again");
	l = many[2];
	wr(LAPIC_TPR, 0x20);
	many[2] = l;
	ok_eq(route(99, 0x0e, APIC_DELIVER_LOWEST, 0, L), 0x08, "not the busier one");
	l = many[5];
	wr(LAPIC_TPR, 0x1f);
	many[5] = l;
	ok_eq(route(99, 0x24, APIC_DELIVER_LOWEST, 0, L), 0x20, "the lowest of busy ones");
	ok_eq(route(99, 0xc0, APIC_DELIVER_LOWEST, 0, L), 0, "nobody to choose");
}

static void test_msi(void)
{
	struct apic_msg m;

	ok(apic_msg_from_msi(0xfee05000, 0x4041, &m) && m.dest == 5 && m.vector == 0x41 &&
		   m.mode == APIC_DELIVER_FIXED && m.flags == 0,
	   "MSI: fixed, physical, edge");
	ok(apic_msg_from_msi(0xfee0300c, 0xc042, &m) && m.dest == 3 && m.vector == 0x42 &&
		   m.mode == APIC_DELIVER_LOWEST && m.flags == (APIC_MSG_LOGICAL | APIC_MSG_LEVEL),
	   "MSI: redirection hint, logical, level");
	ok(apic_msg_from_msi(0xfee00000, 0x0400, &m) && m.mode == APIC_DELIVER_NMI, "MSI: NMI");
	ok(!apic_msg_from_msi(0xfed00000, 0, &m) && !apic_msg_from_msi(0x1fee00000ULL, 0, &m),
	   "MSI: not an interrupt address");
}

/* A LAPIC in the middle of everything. */
static void busy(void)
{
	power_on(3, ALL_FEATURES);
	wr(LAPIC_SVR, 0x3aa);
	wr(LAPIC_ID, 0x44000000);
	wr(LAPIC_LDR, 0x81000000);
	wr(LAPIC_DFR, 0x0fffffff);
	wr(LAPIC_LVT_LINT0, 0x8046);
	lapic_lint(&l, 0, true, &out);
	lapic_ack(&l);
	wr(LAPIC_LVT_ERROR, 0xe5);
	rd(0);
	lapic_ack(&l);
	accept(APIC_DELIVER_FIXED, 0x52, APIC_MSG_LEVEL);
	accept(APIC_DELIVER_FIXED, 0xf2, 0);
	wr(LAPIC_TPR, 0x23);
	wr(LAPIC_ICR2, 0x12000000);
	wr(LAPIC_ICR, 0xc8f3);
	wr(LAPIC_ESR, 0);
	wr(LAPIC_ICR, 0x0);
	wr(LAPIC_LVT_TIMER, 0x20061);
	wr(LAPIC_TDCR, 2);
	wr(LAPIC_TMICT, 100000);
}

static bool set_is_refused(const struct lapic_state *s)
{
	struct lapic before = l;

	return lapic_set_state(&l, s) == -EINVAL && !memcmp(&before, &l, sizeof(l));
}

#define REFUSED(field, value, what)                            \
	do {                                                   \
		struct lapic_state bad = s;                    \
                                                               \
		bad.field = (value);                           \
		ok(set_is_refused(&bad), "refused: %s", what); \
	} while (0)

static void test_state(void)
{
	struct lapic_state s, again;
	struct lapic was;
	u64 t0;

	busy();
	t0 = now.ns;
	was = l;
	memset(&s, 0x55, sizeof(s));
	lapic_get_state(&l, &s);
	power_on(3, ALL_FEATURES);
	ok_eq(lapic_set_state(&l, &s), 0, "a busy LAPIC can be loaded");
	ok_mem(&l, &was, sizeof(l), "and is what it was");
	lapic_get_state(&l, &again);
	ok_mem(&again, &s, sizeof(s), "saving it again gives the same bytes");
	run_at(t0 + 800000);
	ok_eq(lapic_ack(&l), 0xf2, "the waiting interrupt comes out");
	lapic_eoi(&l, &out);
	ok(bit_of(LAPIC_IRR, 0x61), "the timer fires on time");
	memset(&out, 0, sizeof(out));
	lapic_eoi(&l, &out);
	lapic_eoi(&l, &out);
	ok((out.what & LAPIC_DO_EOI) && out.eoi_vector == 0x46, "a level in service is remembered");
	ok_eq(lapic_highest_irr(&l), 0xe5, "so is an error interrupt that waits");
	ok(bit_of(LAPIC_IRR, 0x46), "LINT0 asks again, for its level is remembered");

	busy();
	lapic_get_state(&l, &s);
	REFUSED(base, s.base | 1, "reserved bit in the base");
	REFUSED(base, s.base | 1ULL << 41, "base beyond MAXPHYADDR");
	REFUSED(base, 0xfee00400, "EXTD without EN");
	REFUSED(base, s.base | LAPIC_BASE_EXTD, "x2APIC with an xAPIC's LDR");
	REFUSED(id, 0x100, "xAPIC id beyond 8 bits");
	REFUSED(ldr, 1, "LDR low bits");
	REFUSED(dfr, 0, "DFR low bits");
	REFUSED(icr, s.icr | BIT(12), "ICR busy");
	REFUSED(icr, s.icr | BIT_ULL(33), "ICR2 low bits");
	REFUSED(tpr, 0x100, "TPR");
	REFUSED(svr, s.svr | BIT(10), "SVR");
	REFUSED(svr, 0xff, "software-disabled with an unmasked LVT");
	REFUSED(tdcr, 4, "divider");
	REFUSED(esr, 1, "ESR");
	REFUSED(esr_pending, 0x100, "pending errors");
	REFUSED(lines, 4, "a third line");
	REFUSED(lvt[5], 0x200e5, "LVT reserved bit");
	REFUSED(lvt[0], 0xa0061, "LVT timer reserved bit");
	REFUSED(irr[0], BIT(15), "vector 15 waiting");
	REFUSED(isr[0], BIT(0), "vector 0 in service");
	REFUSED(tmr[0], BIT(7), "TMR of vector 7");
	REFUSED(tsc_deadline, 5, "a deadline in periodic mode");
	REFUSED(tmict, 0, "a count in progress without an initial count");
	REFUSED(expiry_ns, 1ULL << 63, "an expiry beyond all time");
	REFUSED(lvt[0], 0x40061, "a count in progress in TSC-deadline mode");
	power_on(3, LAPIC_HAS_X2APIC);
	REFUSED(lvt[0], 0x40061, "TSC-deadline where the policy has none");
	REFUSED(svr, 0x11ff, "suppression where the policy has none");

	power_on(0x123, ALL_FEATURES);
	software_enable();
	enter_x2apic();
	x2_wr(LAPIC_LVT_TIMER, 0x40061);
	lapic_deadline_write(&l, 12345678, now, &out);
	x2_wr(LAPIC_ICR, 0x1234567800000031ULL);
	lapic_get_state(&l, &s);
	was = l;
	power_on(0x123, ALL_FEATURES);
	ok_eq(lapic_set_state(&l, &s), 0, "an x2APIC with a deadline can be loaded");
	ok_mem(&l, &was, sizeof(l), "and is what it was");
	power_on(0x123, LAPIC_HAS_TSC_DEADLINE);
	ok(set_is_refused(&s), "refused: x2APIC where the policy has none");
	power_on(0x124, ALL_FEATURES);
	ok(set_is_refused(&s), "refused: another vCPU's x2APIC");
}

static u64 seed = 88172645463325252ULL;

static u32 rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed >> 16;
}

/* What must hold of any LAPIC, whatever was done to it. */
static const char *broken(void)
{
	struct lapic_state s, again;
	struct lapic copy;
	int pending = lapic_pending(&l), irr = lapic_highest_irr(&l);
	u64 at = 0;

	if ((l.irr.w[0] | l.isr.w[0] | l.tmr.w[0]) & 0xffff)
		return "a vector below 16";
	if (l.ppr < l.tpr && (l.ppr >> 4) < (l.tpr >> 4))
		return "PPR below TPR";
	if (pending >= 0 && pending != irr)
		return "pending is not the highest";
	if (irr >= 0 && (pending >= 0) != ((u32)irr >> 4 > l.ppr >> 4))
		return "deliverability";
	if (!(l.svr & LAPIC_SVR_ENABLE) && lapic_timer_next(&l, &at) != LAPIC_CLOCK_NONE)
		return "a timer armed while software-disabled";
	if (l.expiry_ns && l.tsc_deadline)
		return "two timers";
	lapic_get_state(&l, &s);
	copy = l;
	memset(&copy.irr, 0xff, sizeof(copy.irr));
	if (lapic_set_state(&copy, &s))
		return "its own state is refused";
	lapic_get_state(&copy, &again);
	if (memcmp(&s, &again, sizeof(s)) || memcmp(&copy, &l, sizeof(l)))
		return "a round trip changes it";
	return NULL;
}

static void random_step(void)
{
	u64 val = rnd();
	struct apic_msg m = { .dest = rnd(),
			      .vector = rnd(),
			      .mode = rnd() & 7,
			      .shorthand = rnd() & 3,
			      .flags = rnd() & 7 };

	memset(&out, 0, sizeof(out));
	now.ns += rnd() % 3000;
	now.tsc += rnd() % 5000;
	if (rnd() & 1)
		val &= 0x1ff;
	switch (rnd() % 16) {
	case 0 ... 4:
		if (lapic_x2apic(&l))
			lapic_x2_write(&l, 0x800 + rnd() % 0x42, val, now, &out);
		else if (lapic_hw_enabled(&l))
			lapic_mmio_write(&l, rnd() % 0x410 & (rnd() & 3 ? ~0xfU : ~0U),
					 rnd() & 7 ? 4 : 1 + rnd() % 8, val, now, &out);
		break;
	case 5:
		if (lapic_hw_enabled(&l) && !lapic_x2apic(&l))
			lapic_mmio_read(&l, rnd() % 0x1000, 1 + rnd() % 8, now, &out);
		lapic_x2_read(&l, 0x800 + rnd() % 0x100, &val, now);
		break;
	case 6:
		if (rnd() % 64 == 0)
			lapic_base_write(&l, 0xfee00000 | (rnd() & 0xd00), &out);
		break;
	case 7:
		lapic_deadline_write(&l, rnd() & 1 ? now.tsc + rnd() % 9000 : rnd() & 1, now, &out);
		break;
	case 8:
		lapic_timer_run(&l, now, &out);
		break;
	case 9:
		lapic_lint(&l, rnd() & 1, rnd() & 1, &out);
		break;
	case 10:
		lapic_pmi(&l, &out);
		break;
	case 11:
		lapic_eoi(&l, &out);
		break;
	case 12:
		if (rnd() % 512 == 0)
			lapic_init(&l);
		else
			lapic_tpr_write(&l, val & 0xff, &out);
		break;
	case 13:
		lapic_ack(&l);
		break;
	default:
		lapic_accept(&l, &m, &out);
	}
}

static void test_random(void)
{
	const char *why = NULL;
	unsigned int i = 0;

	power_on(3, ALL_FEATURES);
	for (; i < 1000000 && !why; i++) {
		if (i % 50000 == 0)
			power_on(i / 50000 % 3, i & 1 << 17 ? ALL_FEATURES : rnd() & 15);
		random_step();
		why = broken();
	}
	ok(!why, "a million random operations keep the invariants");
	if (why)
		diag("step %u: %s", i, why);
}

int main(void)
{
	test_timer();
	test_deadline();
	test_route();
	test_msi();
	test_state();
	test_random();
	return done();
}
