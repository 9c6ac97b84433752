// SPDX-License-Identifier: GPL-2.0-only
/*
 * The handover's tables as tables: nothing twice, nothing unreachable, and the rows one would check
 * by hand. That they are right together is proved by selftests/model/handover.
 */
#include "tap.h"
#include "lib/wire/handover.h"

static void shape(const char *who, const struct wire_step *t, unsigned int nr, unsigned int states,
		  unsigned int first)
{
	bool seen[32] = { false };
	unsigned int i, j, twice = 0, again;

	for (i = 0; i < nr; i++)
		for (j = 0; j < i; j++)
			twice += t[i].state == t[j].state && t[i].event == t[j].event;
	ok_eq(twice, 0, "%s: one row per state and event", who);
	seen[first] = true;
	do {
		for (again = i = 0; i < nr; i++) {
			if (seen[t[i].state] && !seen[t[i].next]) {
				seen[t[i].next] = true;
				again = 1;
			}
		}
	} while (again);
	for (i = 0; i < states && seen[i]; i++)
		;
	ok_eq(i, states, "%s: every state can be reached", who);
}

static void source(void)
{
	unsigned int i, bad = 0, open = 0;
	u8 state = WIRE_SRC_RUNS;

	shape("source", wire_source_steps, wire_source_nr_steps, WIRE_SRC_COUNT,
	      WIRE_SRC_RUNS);
	for (i = 0; i < wire_source_nr_steps; i++) {
		const struct wire_step *s = &wire_source_steps[i];
		bool start = !wire_source_runs[s->state] && wire_source_runs[s->next];
		bool fenced = s->state == WIRE_SRC_FENCED || s->state == WIRE_SRC_IN_DOUBT;

		/* vCPUs are let go exactly where the table says so, and a fence only by UNFENCE. */
		bad += start != (s->action == WIRE_DO_RESUME || s->action == WIRE_DO_UNFENCE);
		bad += (s->action == WIRE_DO_UNFENCE) != (fenced && start);
		bad += s->next == WIRE_SRC_FENCED && s->action != WIRE_DO_FENCE_THEN_COMMIT;
	}
	ok_eq(bad, 0, "source: vCPUs start and fences fall only by the actions for it");
	/* Whatever state, a lost connection and a signal have an answer while one is open. */
	for (i = WIRE_SRC_OFFERED; i <= WIRE_SRC_FENCED; i++) {
		u8 a = i, b = i, c = i;

		open += wire_source_step(&a, WIRE_EV_LOST) < 0 ||
			wire_source_step(&b, WIRE_EV_CANCEL) < 0 ||
			wire_source_step(&c, WIRE_EV_FAILED) < 0;
		open += i == WIRE_SRC_FENCED ? b != WIRE_SRC_IN_DOUBT : b != WIRE_SRC_RUNS;
	}
	ok_eq(open, 0, "source: loss, signal and failure are answered everywhere");

	ok_eq(wire_source_step(&state, WIRE_EV_HEARD_RUNNING), -EINVAL, "an event out of place");
	ok_eq(state, WIRE_SRC_RUNS, "... changes nothing");
	state = WIRE_SRC_IN_DOUBT;
	ok_eq(wire_source_step(&state, WIRE_EV_CANCEL), -EINVAL, "no signal leads out of doubt");
	ok_eq(wire_source_step(&state, WIRE_EV_ANSWER_UNKNOWN), WIRE_DO_KEEP, "nor does UNKNOWN");
	ok_eq(state, WIRE_SRC_IN_DOUBT, "... it stays in doubt");
	ok_eq(wire_source_step(&state, WIRE_EV_FORCE), WIRE_DO_UNFENCE, "the operator may");
	ok_eq(state, WIRE_SRC_RUNS, "... and it runs");
}

static void dest(void)
{
	unsigned int i, bad = 0;
	u8 state = WIRE_DST_PREPARED;

	shape("destination", wire_dest_steps, wire_dest_nr_steps, WIRE_DST_COUNT,
	      WIRE_DST_IDLE);
	for (i = 0; i < wire_dest_nr_steps; i++) {
		const struct wire_step *s = &wire_dest_steps[i];

		bad += (!wire_dest_runs[s->state] && wire_dest_runs[s->next]) !=
		       (s->action == WIRE_DO_RUN);
		bad += wire_dest_runs[s->state] && !wire_dest_runs[s->next];
		bad += s->state == WIRE_DST_ABORTED;
		/* After PREPARED an abort must be durable before it is said. */
		bad += s->state == WIRE_DST_PREPARED && s->next == WIRE_DST_ABORTED &&
		       s->action != WIRE_DO_RECORD_ABORT;
	}
	ok_eq(bad, 0, "destination: runs only by RUN, never back, aborted is for ever");
	ok_eq(wire_dest_step(&state, WIRE_EV_HEARD_COMMIT), WIRE_DO_RUN, "COMMIT runs it");
	state = WIRE_DST_LOADED;
	ok_eq(wire_dest_step(&state, WIRE_EV_HEARD_COMMIT), -EINVAL, "not before PREPARED");
	state = WIRE_DST_ABORTED;
	ok_eq(wire_dest_step(&state, WIRE_EV_HEARD_COMMIT), -EINVAL, "nor after giving up");
}

static void journal(void)
{
	enum wire_journal next;

	ok_eq(wire_judge(WIRE_JOURNAL_NONE, false, &next), WIRE_SAY_NEVER, "nothing known: NEVER");
	ok_eq(next, WIRE_JOURNAL_NEVER, "... and from then on it is refused");
	ok_eq(wire_judge(WIRE_JOURNAL_MAY_RUN, true, &next), WIRE_SAY_WAIT, "undecided: wait");
	ok_eq(wire_judge(WIRE_JOURNAL_MAY_RUN, false, &next), WIRE_SAY_UNKNOWN,
	      "its process died: UNKNOWN, never a guess");
	ok_eq(wire_judge(WIRE_JOURNAL_RAN, false, &next), WIRE_SAY_RAN, "RAN");
	ok_eq(wire_judge(WIRE_JOURNAL_ABORTED, false, &next), WIRE_SAY_ABORTED, "ABORTED");
	ok_eq(wire_judge(99, false, &next), WIRE_SAY_UNKNOWN, "a damaged entry: UNKNOWN");
}

static void names(void)
{
	ok_str(wire_source_name(WIRE_SRC_IN_DOUBT), "IN_DOUBT", "a source state's name");
	ok_str(wire_dest_name(WIRE_DST_COMMITTED), "COMMITTED", "a destination state's name");
	ok_str(wire_event_name(WIRE_EV_FAILED), "FAILED", "the last event's name");
	ok_str(wire_action_name(WIRE_DO_RECORD_ABORT), "RECORD_ABORT", "the last action's name");
	ok_str(wire_say_name(WIRE_SAY_COUNT), "?", "no such answer");
}

int main(void)
{
	source();
	dest();
	journal();
	names();
	return done();
}
