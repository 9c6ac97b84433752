// SPDX-License-Identifier: GPL-2.0-only
/*
 * The handover as tables. See handover.h. No locks.
 */
#include "handover.h"

#define S(state, event, next, action)                                                              \
	{ WIRE_SRC_##state, WIRE_EV_##event, WIRE_SRC_##next, WIRE_DO_##action }
#define D(state, event, next, action)                                                              \
	{ WIRE_DST_##state, WIRE_EV_##event, WIRE_DST_##next, WIRE_DO_##action }

/*
 * Up to SENT everything can be taken back, by either side and without asking.
 * FENCED is the point of no return: only the destination's word leads out.
 */
const struct wire_step wire_source_steps[] = {
	S(RUNS, START, OFFERED, SEND_OFFER),

	S(OFFERED, ACCEPTED, COPYING, START_LOG),
	S(OFFERED, REFUSED, RUNS, GIVE_UP),
	S(OFFERED, HEARD_ABORT, RUNS, GIVE_UP),
	S(OFFERED, LOST, RUNS, GIVE_UP),
	S(OFFERED, CANCEL, RUNS, GIVE_UP),
	S(OFFERED, FAILED, RUNS, GIVE_UP),

	S(COPYING, CONVERGED, FROZEN, STOP_VCPUS),
	S(COPYING, HEARD_ABORT, RUNS, GIVE_UP),
	S(COPYING, LOST, RUNS, GIVE_UP),
	S(COPYING, CANCEL, RUNS, GIVE_UP),
	S(COPYING, FAILED, RUNS, GIVE_UP),

	S(FROZEN, ALL_SENT, SENT, NOTHING),
	S(FROZEN, HEARD_ABORT, RUNS, RESUME),
	S(FROZEN, LOST, RUNS, RESUME),
	S(FROZEN, CANCEL, RUNS, RESUME),
	S(FROZEN, FAILED, RUNS, RESUME),

	S(SENT, HEARD_PREPARED, FENCED, FENCE_THEN_COMMIT),
	S(SENT, SYNCED, GONE, FENCE_AND_FREE),
	S(SENT, HEARD_ABORT, RUNS, RESUME),
	S(SENT, LOST, RUNS, RESUME),
	S(SENT, CANCEL, RUNS, RESUME),
	S(SENT, FAILED, RUNS, RESUME),

	S(FENCED, HEARD_RUNNING, GONE, FREE),
	S(FENCED, HEARD_ABORT, RUNS, UNFENCE), /* it is durable there before it is said */
	S(FENCED, LOST, IN_DOUBT, KEEP),
	S(FENCED, CANCEL, IN_DOUBT, KEEP), /* a killed wait: no signal takes COMMIT back */
	S(FENCED, FAILED, IN_DOUBT, KEEP),

	S(IN_DOUBT, ANSWER_NEVER, RUNS, UNFENCE),
	S(IN_DOUBT, ANSWER_ABORTED, RUNS, UNFENCE),
	S(IN_DOUBT, ANSWER_RAN, GONE, FREE),
	S(IN_DOUBT, ANSWER_UNKNOWN, IN_DOUBT, KEEP),
	S(IN_DOUBT, FORCE, RUNS, UNFENCE),
};

const unsigned int wire_source_nr_steps = ARRAY_SIZE(wire_source_steps);

/*
 * PREPARED is where the destination may no longer decide alone that it runs,
 * and may still decide alone that it does not: durably, because a COMMIT may be
 * on its way and the source will ask.
 */
const struct wire_step wire_dest_steps[] = {
	D(IDLE, OPEN, READING, READ),

	D(READING, STATIC_END, DEFINED, ASK),
	D(READING, LOST, ABORTED, DISCARD),
	D(READING, CANCEL, ABORTED, DISCARD),
	D(READING, FAILED, ABORTED, DISCARD),

	D(DEFINED, AGREE, LOADING, SEND_ACCEPT),
	D(DEFINED, LOST, ABORTED, DISCARD),
	D(DEFINED, CANCEL, ABORTED, DISCARD),
	D(DEFINED, FAILED, ABORTED, DISCARD),

	D(LOADING, END, LOADED, ASK),
	D(LOADING, LOST, ABORTED, DISCARD),
	D(LOADING, CANCEL, ABORTED, DISCARD),
	D(LOADING, FAILED, ABORTED, DISCARD),

	D(LOADED, READY, PREPARED, SEND_PREPARED),
	D(LOADED, CONSUMED, RUNNING, RUN),
	D(LOADED, LOST, ABORTED, DISCARD),
	D(LOADED, CANCEL, ABORTED, DISCARD),
	D(LOADED, FAILED, ABORTED, DISCARD),

	D(PREPARED, HEARD_COMMIT, COMMITTED, RUN),
	D(PREPARED, TIMEOUT, ABORTED, RECORD_ABORT),
	D(PREPARED, LOST, ABORTED, RECORD_ABORT),
	D(PREPARED, CANCEL, ABORTED, RECORD_ABORT),
	D(PREPARED, FAILED, ABORTED, RECORD_ABORT),

	D(COMMITTED, RECORDED, RUNNING, SEND_RUNNING),
	D(COMMITTED, LOST, COMMITTED, NOTHING),

	D(RUNNING, LOST, RUNNING, NOTHING),
};

const unsigned int wire_dest_nr_steps = ARRAY_SIZE(wire_dest_steps);

#define J(journal, held, say, next)                                                                \
	{ WIRE_JOURNAL_##journal, held, WIRE_SAY_##say, WIRE_JOURNAL_##next }

const struct wire_judgement wire_judgements[] = {
	J(NONE, false, NEVER, NEVER),
	J(MAY_RUN, true, WAIT, MAY_RUN),
	J(MAY_RUN, false, UNKNOWN, MAY_RUN), /* its process died: it may have run */
	J(ABORTED, false, ABORTED, ABORTED),
	J(ABORTED, true, ABORTED, ABORTED),
	J(RAN, false, RAN, RAN),
	J(RAN, true, RAN, RAN),
	J(NEVER, false, NEVER, NEVER),
};

const unsigned int wire_nr_judgements = ARRAY_SIZE(wire_judgements);

#define RUNS_SOURCE(name, run) [WIRE_SRC_##name] = run,
#define RUNS_DEST(name, run) [WIRE_DST_##name] = run,
const bool wire_source_runs[WIRE_SRC_COUNT] = { WIRE_SOURCE_STATES(RUNS_SOURCE) };
const bool wire_dest_runs[WIRE_DST_COUNT] = { WIRE_DEST_STATES(RUNS_DEST) };

static int step(const struct wire_step *table, unsigned int nr, u8 *state, enum wire_event event)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (table[i].state == *state && table[i].event == event) {
			*state = table[i].next;
			return table[i].action;
		}
	}
	return -EINVAL;
}

/**
 * wire_source_step() - the source's next state
 * @state: in and out, enum wire_source
 * @event: what happened
 * Return: enum wire_action, or -EINVAL if the event cannot happen here; then nothing changed.
 */
int wire_source_step(u8 *state, enum wire_event event)
{
	return step(wire_source_steps, wire_source_nr_steps, state, event);
}

/**
 * wire_dest_step() - the destination's next state
 * @state: in and out, enum wire_dest
 * @event: what happened
 * Return: enum wire_action, or -EINVAL if the event cannot happen here; then nothing changed.
 */
int wire_dest_step(u8 *state, enum wire_event event)
{
	return step(wire_dest_steps, wire_dest_nr_steps, state, event);
}

/**
 * wire_judge() - answer a query from the journal
 * @journal: what the entry says; a lost or foreign journal is never asked, its answer is UNKNOWN
 * @held: the receiving process holds the entry
 * @next: out; what the entry must say, durably, before the answer is given
 * Return: the answer; WAIT means ask again when the entry is released.
 */
enum wire_say wire_judge(enum wire_journal journal, bool held, enum wire_journal *next)
{
	unsigned int i;

	for (i = 0; i < wire_nr_judgements; i++) {
		if (wire_judgements[i].journal == journal && wire_judgements[i].held == held) {
			*next = wire_judgements[i].next;
			return wire_judgements[i].say;
		}
	}
	*next = journal;
	return WIRE_SAY_UNKNOWN;
}

#define NAME(name) #name,
#define NAME_RUN(name, run) #name,
#define NAMES(fn, list, how, count)                                                                \
	const char *fn(unsigned int value)                                                         \
	{                                                                                          \
		static const char *const names[] = { list(how) };                                  \
                                                                                                   \
		return value < (count) ? names[value] : "?";                                       \
	}

NAMES(wire_source_name, WIRE_SOURCE_STATES, NAME_RUN, WIRE_SRC_COUNT)
NAMES(wire_dest_name, WIRE_DEST_STATES, NAME_RUN, WIRE_DST_COUNT)
NAMES(wire_event_name, WIRE_EVENTS, NAME, WIRE_EV_COUNT)
NAMES(wire_action_name, WIRE_ACTIONS, NAME, WIRE_DO_COUNT)
NAMES(wire_journal_name, WIRE_JOURNAL_STATES, NAME, WIRE_JOURNAL_COUNT)
NAMES(wire_say_name, WIRE_ANSWERS, NAME, WIRE_SAY_COUNT)
