// SPDX-License-Identifier: GPL-2.0-only
/*
 * A move between two VMs of one host, over its loopback, while the guest writes: rounds, pages, bytes,
 * and how long no copy of the guest ran, from the last word the source's guest could have said to the
 * first that the destination's could.
 *
 * Sender, receiver, guest and host kernel share what CPUs the host has.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../unit/tap.h"
#include "storm.h"

static void row(const char *name, const char *unit, uint64_t value)
{
	printf("row %s %s %.1f\n", name, unit, (double)value);
}

static void measure(const char *what, uint64_t pace)
{
	struct storm_move mv = { .blackout_us = 50000 };
	const struct ferry_migrate_status *s = &mv.status;
	struct storm a, b;
	char name[64];
	bool good;

	storm_open(&a, 1, pace);
	storm_start(&a);
	storm_progress(&a, 1000);
	storm_incoming(&b);
	storm_move(&mv, &a, &b);
	good = !mv.send && !mv.finish && !mv.confirm &&
	       mv.source.phase == FERRY_MIGRATE_DONE && mv.dest.phase == FERRY_MIGRATE_RUNNING;
	storm_stop(&a);
	if (good) {
		storm_continue_from(&b, &a);
		storm_start(&b);
		good = storm_progress(&b, 50);
		storm_stop(&b);
	}
	ok(good && storm_check(&b), "a guest that writes %s is moved and whole", what);
	if (!good)
		diag("send %d finish %d (%s), confirm %d (%s)", mv.send, mv.finish,
		     mv.source.error, mv.confirm, mv.dest.error);
#define ROW(which, unit, value)                                               \
	(snprintf(name, sizeof(name), "move-%s-%s", what, which), row(name, unit, value))
	ROW("rounds", "rounds", s->round);
	ROW("pages", "pages", s->pages_sent);
	ROW("zero-pages", "pages", s->pages_zero);
	ROW("bytes", "bytes", s->bytes_sent);
	ROW("blackout-pages", "pages", s->final_pages);
	/* One tick is a nanosecond under icount. */
	ROW("blackout", "ticks", s->blackout_us * 1000);
	ROW("blackout-predicted", "ticks", s->predicted_blackout_us * 1000);
	/*
	 * The 2 ms are what messages and states are taken to cost on a real link. Receiver and sender
	 * share the CPU here, so that the sender's waiting is not the guest's doing alone.
	 */
	if (getenv("LAB_ICOUNT") && atoi(getenv("LAB_ICOUNT")))
		ok(s->predicted_blackout_us >= s->blackout_us * 0.65 &&
		   s->predicted_blackout_us <= s->blackout_us * 1.35 + 2000,
		   "... and the blackout was predicted: %llu us for %llu us",
		   (unsigned long long)s->predicted_blackout_us, (unsigned long long)s->blackout_us);
	storm_close(&a);
	storm_close(&b);
}

int main(void)
{
	measure("seldom", 100000);
	measure("often", 1000);
	return done();
}
