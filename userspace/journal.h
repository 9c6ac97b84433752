/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What this host, as a destination, knows of VMs that came or wanted to: one file per VM and
 * generation, in which each state is a line that is on the disk before anything depends on it.
 * What is answered follows from lib/wire's table, which is proved.
 *
 * An entry is locked (flock) by the receiving process from MAY_RUN until it is decided.
 */
#ifndef FERRY_JOURNAL_H
#define FERRY_JOURNAL_H

#include "lib/wire/handover.h"
#include "util.h"

/**
 * struct journal - a directory; $FERRY_STATE_DIR/journal or /var/lib/ferry/journal
 * @id: its identity; a new journal has a new one
 */
struct journal {
	char path[400];
	int dir;
	u64 id;
};

struct journal_entry {
	int fd;
	enum wire_journal state;
};

int journal_open(struct journal *j, struct error *err);
void journal_close(struct journal *j);
/*
 * A VM wants in: take the entry and make MAY_RUN durable. Refused if this generation was decided
 * before or a later one was seen: the stream is a replay.
 */
int journal_claim(struct journal *j, const u8 uuid[16], u64 generation, struct journal_entry *e,
		  struct error *err);
/* Would that be refused? Nothing is written. */
int journal_check(struct journal *j, const u8 uuid[16], u64 generation, struct error *err);
/* Make @state durable. */
int journal_record(struct journal_entry *e, enum wire_journal state, struct error *err);
void journal_release(struct journal_entry *e);
/* Answer a query: FERRY_ANSWER_*. Waits up to @wait_ms for an entry that is being decided. */
u32 journal_answer(struct journal *j, const u8 uuid[16], u64 generation, u64 id,
		   unsigned int wait_ms);

#endif /* FERRY_JOURNAL_H */
