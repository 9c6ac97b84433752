/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Moving a VM away: to another host or into a file. A thread of its own makes the migration calls,
 * which block; the main loop starts it, reads its progress and acts on its end.
 *
 * The thread takes vm->lock to stop the clock and to save the chips; mover->done is its last write
 * that the main loop looks at before it joins the thread.
 */
#ifndef FERRY_MOVER_H
#define FERRY_MOVER_H

#include <linux/ferry.h>
#include <pthread.h>
#include <stdatomic.h>

#include "util.h"

struct vm;

/**
 * struct move_request - where to, and how
 * @host: or NULL for a file
 * @file: or NULL for a host
 * @flags: FERRY_MIGRATE_VERIFY, _DRY_RUN, _ALLOW_WARNINGS
 * @allow: names of warnings that are no obstacle, separated by commas, or NULL
 * @timeout_us: for all of it, 0 = none
 */
struct move_request {
	char *host;
	char *port;
	char *file;
	char *allow;
	u32 flags;
	u64 bandwidth;
	u64 blackout_us;
	u64 timeout_us;
};

enum move_result {
	MOVE_ABORTED, /* the VM goes on here */
	MOVE_DONE,
	MOVE_IN_DOUBT,
	MOVE_CHECKED, /* a dry run that found no objection */
};

/**
 * struct mover - a move under way
 * @active: the thread exists
 * @done: the thread has nothing left to do
 * @phase: FERRY_MIGRATE_*, as far as the thread knows
 * @in_doubt: COMMIT is out and nobody has answered
 */
struct mover {
	bool active;
	atomic_bool done;
	atomic_bool cancel;
	atomic_bool force;
	atomic_bool in_doubt;
	atomic_bool connected; /* what the module counts is of this move */
	atomic_bool leave; /* the process ends: stop asking */
	bool timed_out;
	bool joined;
	pthread_t thread;
	struct vm *vm;
	struct move_request request;
	enum move_result result;
	struct error err;
	struct ferry_migrate_status status; /* final */
	u64 journal;
	u64 nonce;
	u64 generation;
	u64 started_ns;
};

/* Takes over the request's strings. */
int mover_start(struct mover *m, struct vm *vm, struct move_request *request, struct error *err);
/* Ask the thread to give up; after COMMIT it cannot. */
void mover_cancel(struct mover *m);
/* Cancel it and wait; one in doubt is left so. */
void mover_end(struct mover *m);
/* Every now and then: time-outs, and signals that came between two calls. */
void mover_watch(struct mover *m);
/* Wait for the thread's end. */
void mover_join(struct mover *m);
/* Free the request and the error. */
void mover_forget(struct mover *m);
/* Numbers for progress lines: {"phase", "percent", ...}. */
json_object *mover_progress(struct mover *m);
json_object *mover_report(struct mover *m);

#endif /* FERRY_MOVER_H */
