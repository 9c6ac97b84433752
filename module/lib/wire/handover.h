/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who may run the guest, and when that changes hands.
 *
 * Three tables: the source's, the destination's, and what the destination's
 * journal answers. The module and the tool step through them and do nothing of
 * their own; selftests/model/handover turns the same tables into a Spin model and proves
 * that no two copies ever run, that no loss goes unreported, and that IN_DOUBT
 * resolves. Change a row here and the proof is made again.
 */
#ifndef FERRY_LIB_WIRE_HANDOVER_H
#define FERRY_LIB_WIRE_HANDOVER_H

#include "../env.h"

/*
 * X(NAME, may the guest run here?)
 *
 * Source. FENCED and IN_DOUBT differ in that somebody still listens to the
 * connection in FENCED; neither may run, cancel or be freed.
 */
#define WIRE_SOURCE_STATES(X)                                                                      \
	X(RUNS, true) /* no migration */                                                           \
	X(OFFERED, true) /* HELLO is out */                                                        \
	X(COPYING, true) /* rounds */                                                              \
	X(FROZEN, false) /* vCPUs stopped */                                                       \
	X(SENT, false) /* END is out, waiting for PREPARED */                                      \
	X(FENCED, false) /* COMMIT is out, waiting for RUNNING */                                  \
	X(IN_DOUBT, false) /* connection lost after COMMIT; only an answer helps */                \
	X(GONE, false) /* runs elsewhere */

/*
 * Destination. What it does up to LOADED can be thrown away; in PREPARED
 * everything that may fail is behind it.
 */
#define WIRE_DEST_STATES(X)                                                                        \
	X(IDLE, false)                                                                             \
	X(READING, false) /* HELLO to STATIC_END */                                                \
	X(DEFINED, false) /* userspace decides; it makes MAY-RUN durable */                        \
	X(LOADING, false) /* memory and states */                                                  \
	X(LOADED, false) /* userspace loads device states, takes locks */                          \
	X(PREPARED, false) /* waiting for COMMIT */                                                \
	X(COMMITTED, true) /* runs; RAN not durable yet */                                         \
	X(RUNNING, true) /* RAN is durable, RUNNING was sent */                                    \
	X(ABORTED, false) /* for ever, of this generation */

#define WIRE_EVENTS(X)                                                                             \
	/* source */                                                                               \
	X(START) /* userspace asked */                                                             \
	X(ACCEPTED)                                                                                \
	X(REFUSED)                                                                                 \
	X(CONVERGED) /* the predicted blackout fits, or userspace said now */                      \
	X(ALL_SENT)                                                                                \
	X(HEARD_PREPARED)                                                                          \
	X(HEARD_RUNNING)                                                                           \
	X(HEARD_ABORT)                                                                             \
	X(SYNCED) /* a file: all of it is on disk */                                               \
	X(ANSWER_NEVER)                                                                            \
	X(ANSWER_ABORTED)                                                                          \
	X(ANSWER_RAN)                                                                              \
	X(ANSWER_UNKNOWN)                                                                          \
	X(FORCE) /* the operator's risk */                                                         \
	/* destination */                                                                          \
	X(OPEN) /* a connection, or a file */                                                      \
	X(STATIC_END)                                                                              \
	X(AGREE) /* userspace, after MAY-RUN was made durable */                                   \
	X(END)                                                                                     \
	X(READY) /* userspace: nothing left that may fail */                                       \
	X(HEARD_COMMIT) /* with the right nonces */                                                \
	X(RECORDED) /* userspace: RAN is durable */                                                \
	X(CONSUMED) /* a file: its mark is durable */                                              \
	X(TIMEOUT)                                                                                 \
	/* both */                                                                                 \
	X(LOST) /* the connection ended, and what it held was read */                              \
	X(CANCEL) /* a signal, FERRY_MIGRATE_ABORT, or the source's CANCEL */                      \
	X(FAILED) /* anything else: memory, a bad record, a refused state */

#define WIRE_ACTIONS(X)                                                                            \
	X(NOTHING)                                                                                 \
	/* source */                                                                               \
	X(SEND_OFFER)                                                                              \
	X(START_LOG)                                                                               \
	X(STOP_VCPUS)                                                                              \
	X(GIVE_UP) /* stop the log, tell the other side if it can be told */                       \
	X(RESUME) /* the same, and let vCPUs run again */                                          \
	X(FENCE_THEN_COMMIT)                                                                       \
	X(FENCE_AND_FREE)                                                                          \
	X(KEEP) /* paused, memory kept */                                                          \
	X(UNFENCE) /* resume although it was fenced */                                             \
	X(FREE)                                                                                    \
	/* destination */                                                                          \
	X(READ)                                                                                    \
	X(ASK) /* return to userspace */                                                           \
	X(SEND_ACCEPT)                                                                             \
	X(SEND_PREPARED)                                                                           \
	X(RUN)                                                                                     \
	X(SEND_RUNNING)                                                                            \
	X(DISCARD) /* free all, and tell the other side, if it can be told */                      \
	X(RECORD_ABORT) /* userspace makes ABORTED durable; only then is ABORT sent */

/*
 * The destination's journal, one entry per uuid and generation. An entry is
 * held (locked) by the receiving process from MAY_RUN until it is decided.
 */
#define WIRE_JOURNAL_STATES(X)                                                                     \
	X(NONE)                                                                                    \
	X(MAY_RUN)                                                                                 \
	X(ABORTED)                                                                                 \
	X(RAN)                                                                                     \
	X(NEVER) /* somebody asked before anything was known: refused from then on */

#define WIRE_ANSWERS(X)                                                                            \
	X(WAIT) /* held: the answer comes when the entry is decided */                             \
	X(NEVER)                                                                                   \
	X(ABORTED)                                                                                 \
	X(RAN)                                                                                     \
	X(UNKNOWN)

#define WIRE_ENUM_SOURCE(name, run) WIRE_SRC_##name,
#define WIRE_ENUM_DEST(name, run) WIRE_DST_##name,
#define WIRE_ENUM_EVENT(name) WIRE_EV_##name,
#define WIRE_ENUM_ACTION(name) WIRE_DO_##name,
#define WIRE_ENUM_JOURNAL(name) WIRE_JOURNAL_##name,
#define WIRE_ENUM_ANSWER(name) WIRE_SAY_##name,
enum wire_source { WIRE_SOURCE_STATES(WIRE_ENUM_SOURCE) WIRE_SRC_COUNT };
enum wire_dest { WIRE_DEST_STATES(WIRE_ENUM_DEST) WIRE_DST_COUNT };
enum wire_event { WIRE_EVENTS(WIRE_ENUM_EVENT) WIRE_EV_COUNT };
enum wire_action { WIRE_ACTIONS(WIRE_ENUM_ACTION) WIRE_DO_COUNT };
enum wire_journal { WIRE_JOURNAL_STATES(WIRE_ENUM_JOURNAL) WIRE_JOURNAL_COUNT };
enum wire_say { WIRE_ANSWERS(WIRE_ENUM_ANSWER) WIRE_SAY_COUNT };

/**
 * struct wire_step - one row of a side's table
 * @state: where it is
 * @event: what happens
 * @next: where that leads
 * @action: enum wire_action, what is to be done about it
 *
 * The state is entered before the action is carried out: the fence stands before COMMIT is sent.
 */
struct wire_step {
	u8 state;
	u8 event;
	u8 next;
	u8 action;
};

/**
 * struct wire_judgement - one row of the journal's answers
 * @journal: what the entry says
 * @held: its receiving process still lives and has not decided
 * @say: answer to a query
 * @next: what the entry must say, durably, before the answer is given
 */
struct wire_judgement {
	u8 journal;
	bool held;
	u8 say;
	u8 next;
};

extern const struct wire_step wire_source_steps[];
extern const unsigned int wire_source_nr_steps;
extern const struct wire_step wire_dest_steps[];
extern const unsigned int wire_dest_nr_steps;
extern const struct wire_judgement wire_judgements[];
extern const unsigned int wire_nr_judgements;
extern const bool wire_source_runs[WIRE_SRC_COUNT];
extern const bool wire_dest_runs[WIRE_DST_COUNT];

int wire_source_step(u8 *state, enum wire_event event);
int wire_dest_step(u8 *state, enum wire_event event);
enum wire_say wire_judge(enum wire_journal journal, bool held, enum wire_journal *next);

const char *wire_source_name(unsigned int state);
const char *wire_dest_name(unsigned int state);
const char *wire_event_name(unsigned int event);
const char *wire_action_name(unsigned int action);
const char *wire_journal_name(unsigned int journal);
const char *wire_say_name(unsigned int say);

#endif /* FERRY_LIB_WIRE_HANDOVER_H */
