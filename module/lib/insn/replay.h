/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A log of the accesses that somebody else completes for an instruction.
 *
 * The caller keeps one per processor. Each execution begins with
 * insn_replay_begin(); a call-back that meets a device hands the access to
 * insn_replay_access(): answers from earlier executions come back in order,
 * and the first access beyond them is noted and answered INSN_EXIT. After it
 * was served, insn_replay_answer() adds it to the log and the instruction is
 * executed again. When it has finished, and after each REP iteration, the log
 * is forgotten with insn_replay_reset().
 */
#ifndef FERRY_LIB_INSN_REPLAY_H
#define FERRY_LIB_INSN_REPLAY_H

#include "insn.h"

/* PUSHA to a device makes 8 accesses; a misaligned one makes twice that. */
#define INSN_REPLAY_MAX 16

/**
 * struct insn_replay_access - one access
 * @address: guest-physical address, or port
 * @data:    written, or read once answered; little-endian
 * @bytes:   1 to 8
 * @write:   direction
 * @port:    a port access
 */
struct insn_replay_access {
	u64 address;
	u8 data[8];
	u8 bytes;
	bool write;
	bool port;
};

/**
 * struct insn_replay - the log
 * @access:  [0, @done) are answered; [@done] is the request when @waiting
 * @done:    how many are answered
 * @next:    which one the current execution meets next
 * @waiting: a request is noted and not answered
 */
struct insn_replay {
	struct insn_replay_access access[INSN_REPLAY_MAX];
	u8 done, next;
	bool waiting;
};

static inline void insn_replay_reset(struct insn_replay *r)
{
	r->done = 0;
	r->next = 0;
	r->waiting = false;
}

static inline void insn_replay_begin(struct insn_replay *r)
{
	r->next = 0;
}

/**
 * insn_replay_access - an execution meets a device
 * @r:     the log
 * @what:  [IN] the access; [OUT] for a read that is answered, its data
 *
 * An access other than the one logged here (another processor changed memory
 * in between) drops the rest of the log: what a device did for it stays done,
 * as on a bus.
 *
 * Return: INSN_DONE, INSN_EXIT with the request noted, or INSN_UNIMPLEMENTED
 * when one instruction makes more accesses than the log can hold.
 */
int insn_replay_access(struct insn_replay *r, struct insn_replay_access *what);

/**
 * insn_replay_answer - the noted request was served
 * @r:    the log; @r->waiting
 * @data: 8 bytes, of which the request's count; ignored for a write
 */
void insn_replay_answer(struct insn_replay *r, const u8 *data);

/* insn_replay_served - the noted request was served at once: the execution goes on */
void insn_replay_served(struct insn_replay *r, const u8 *data);

#endif /* FERRY_LIB_INSN_REPLAY_H */
