// SPDX-License-Identifier: GPL-2.0-only
/*
 * Moves between two VMs of one host, over its loopback: one, ten, under a storm of writes by the guest
 * and by userspace. After each, every page is what the guest wrote, no word to the console is lost or
 * said twice, and time went on.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../unit/tap.h"
#include "storm.h"

static bool done_well(struct storm_move *mv, const char *what)
{
	bool good = !mv->send && !mv->finish && !mv->receive && !mv->load && !mv->accept &&
		    !mv->confirm && mv->source.phase == FERRY_MIGRATE_DONE &&
		    mv->dest.phase == FERRY_MIGRATE_RUNNING;

	ok(good, "%s: both sides say that it is done", what);
	if (!good)
		diag("send %d finish %d (phase %u: %s), receive %d load %d accept %d confirm %d "
		     "(phase %u: %s)", mv->send, mv->finish, mv->source.phase, mv->source.error,
		     mv->receive, mv->load, mv->accept, mv->confirm, mv->dest.phase, mv->dest.error);
	return good;
}

static void report(const struct storm_move *mv)
{
	const struct ferry_migrate_status *s = &mv->status;

	diag("rounds %u pages %llu zero %llu final %llu bytes %llu, blackout %llu us predicted %llu us,"
	     " verify %llu us, %llu kB/s", s->round, s->pages_sent, s->pages_zero, s->final_pages,
	     s->bytes_sent, s->blackout_us, s->predicted_blackout_us, s->verify_us,
	     s->bytes_per_second / 1000);
}

/* The source's vCPUs are fenced, the destination's run on. Leaves @to standing still, checked. */
static void settle(struct storm_move *mv, struct storm *from, struct storm *to, const char *what)
{
	unsigned int i, fenced = 0;
	uint64_t before;

	storm_continue_from(to, from);
	usleep(20000);
	for (i = 0; i < from->nr; i++)
		fenced += from->cpu[i].reason == FERRY_EXIT_FENCED;
	ok_eq(fenced, from->nr, "%s: the source's vCPUs are fenced", what);
	before = storm_writes(to);
	ok_eq(before, storm_writes(from), "%s: no write was made twice", what);
	storm_start(to);
	ok(storm_progress(to, 50), "%s: the guest goes on", what);
	storm_stop(to);
	ok(storm_writes(to) > before, "%s: ... and writes", what);
	ok(storm_check(to), "%s: every page is what the guest wrote", what);
	(void)mv;
}

static uint64_t slow; /* how much longer things take on this host: LAB_SLOW */

static void one_move(unsigned int vcpus, uint64_t pace, uint64_t blackout_us, const char *what)
{
	struct storm a, b;
	struct storm_move mv = { .flags = FERRY_MIGRATE_VERIFY, .blackout_us = blackout_us };
	struct storm_writer w;

	storm_open(&a, vcpus, pace);
	storm_start(&a);
	storm_writer_start(&w, &a);
	ok(storm_progress(&a, 20), "%s: the guest runs", what);
	storm_incoming(&b);
	mv.writer = &w;
	storm_move(&mv, &a, &b);
	if (done_well(&mv, what)) {
		report(&mv);
		ok_str(mv.definition, "{\"name\": \"storm\"}", "%s: the definition came along", what);
		ok_eq(mv.source.journal, 4711, "%s: the source knows the destination's journal", what);
		ok_eq(mv.source.generation, 1, "%s: it was the first attempt", what);
		ok_eq(mv.dest.generation, 1, "%s: ... for the destination too", what);
		ok_eq(mv.status.pages_total, STORM_PAGES_ALL, "%s: all pages are counted", what);
		ok(storm_writer_check(&w, &b), "%s: userspace's writes are there", what);
		settle(&mv, &a, &b, what);
	}
	storm_writer_stop(&w); /* a move that failed has left it writing */
	storm_close(&a);
	storm_close(&b);
}

static void there_and_back(unsigned int times)
{
	struct storm vm[2];
	struct storm_move mv;
	unsigned int i, good = 0, checked = 0;

	storm_open(&vm[0], 2, 20);
	for (i = 0; i < times; i++) {
		struct storm *from = &vm[i % 2], *to = &vm[(i + 1) % 2];

		storm_start(from);
		if (!storm_progress(from, 600))
			break;
		storm_incoming(to);
		memset(&mv, 0, sizeof(mv));
		mv.flags = FERRY_MIGRATE_VERIFY;
		mv.blackout_us = 5000000 * slow;
		storm_move(&mv, from, to);
		storm_stop(from);
		if (mv.finish || mv.confirm || mv.source.generation != i + 1) {
			diag("move %u: send %d finish %d (%s), load %d accept %d confirm %d (%s), "
			     "generation %llu", i + 1, mv.send, mv.finish, mv.source.error, mv.load,
			     mv.accept, mv.confirm, mv.dest.error, mv.source.generation);
			break;
		}
		good++;
		storm_continue_from(to, from);
		if (storm_writes(to) != storm_writes(from) || !storm_check(to)) {
			diag("after move %u", i + 1);
			break;
		}
		checked++;
		storm_close(from);
	}
	ok_eq(good, times, "there and back: %u moves", times);
	ok_eq(checked, times, "... and after each every page is what the guest wrote");
	if (checked == times) {
		storm_start(&vm[times % 2]);
		ok(storm_progress(&vm[times % 2], 2000), "... and it goes on after the last");
		storm_stop(&vm[times % 2]);
		ok(storm_check(&vm[times % 2]), "... rightly");
		storm_close(&vm[times % 2]);
	}
}

/* A guest that writes faster than the link carries. */
static void no_convergence(void)
{
	struct storm a, b;
	struct storm_move mv = { .blackout_us = 1000, .bandwidth = 4 << 20, .timeout_ms = 5000 };

	storm_open(&a, 2, 0);
	storm_start(&a);
	storm_progress(&a, 5000);
	storm_incoming(&b);
	storm_move(&mv, &a, &b);
	ok_eq(mv.send, -ETIMEDOUT, "a guest that outruns the link is not copied for ever");
	ok(strstr((char *)mv.source.error, "will not converge"), "... and both rates are told: %s",
	   mv.source.error);
	ok_eq(mv.source.phase, FERRY_MIGRATE_ABORTED, "... the attempt is over");
	ok_eq(mv.dest.phase, FERRY_MIGRATE_ABORTED, "... on the other side too: %s", mv.dest.error);
	ok(storm_progress(&a, 5000), "... and the guest runs on");
	storm_stop(&a);
	ok(storm_check(&a), "... rightly");
	storm_close(&b);

	/* It may be tried again, as another attempt. */
	storm_start(&a);
	storm_incoming(&b);
	memset(&mv, 0, sizeof(mv));
	mv.blackout_us = 20000000;
	mv.flags = FERRY_MIGRATE_VERIFY;
	storm_move(&mv, &a, &b);
	if (done_well(&mv, "second attempt")) {
		ok_eq(mv.source.generation, 2, "second attempt: it has the next number");
		settle(&mv, &a, &b, "second attempt");
	}
	storm_close(&a);
	storm_close(&b);
}

int main(int argc, char **argv)
{
	const char *n = getenv("LAB_SLOW");

	slow = n && atoi(n) > 0 ? atoi(n) : 1;
	/* Blackouts are asked for with room: a busy machine's link carries a hundredth of an idle one's. */
	one_move(1, 300000, 2000000 * slow, "quiet guest, short blackout");
	one_move(2, 0, 10000000 * slow, "storm, long blackout");
	there_and_back(argc > 1 ? atoi(argv[1]) : 10);
	no_convergence();
	return done();
}
