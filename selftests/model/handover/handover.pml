/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The handover of one VM, one generation, from a source to a destination, over
 * a connection that may be cut at any time and then loses any part of what was
 * under way; either host may crash and restart; a captured stream may be
 * replayed; a journal may be lost. What each side does on each event comes from
 * the tables of module/lib/wire/handover.c, printed by gen_handover.c.
 *
 * Proved (all are assertions, checked in every reachable state):
 *  A  never two running copies, and never the source again once the destination ran;
 *  B  vCPUs of the source run exactly where its table says they may, and its
 *     fence stands exactly from COMMIT on;
 *  C  when nothing can happen any more, the guest runs somewhere, or its loss
 *     was reported to somebody;
 *  D  when nothing can happen any more, the source is in doubt only if the
 *     destination's host or its receiving process died in between, or its
 *     journal was lost;
 *  E  no event arrives for which a table has no row;
 *  F  what was answered stays true: after NEVER or ABORTED it never runs there,
 *     and RAN is only said of what ran.
 *
 * -DFILE models suspend and resume instead: one file, two hosts that may open
 * it, a lock that dies with its holder.
 *
 * COMMIT carries the destination's nonce, which is fresh at each PREPARED; so a
 * replayed COMMIT carries an old one. The source's nonce is not modelled: the
 * replayed stream has the right one.
 */
#ifdef COVER
/* Which rows does any run reach? Each is a trap in turn; see slow-handover. */
byte trap;
#define ROW(n) assert(trap != n)
#define CHOOSE_TRAP select (trap : 1 .. ROWS)
#else
#define ROW(n) skip
#define CHOOSE_TRAP skip
#endif

#include "handover_table.pml"

byte act;			/* the action of the last step, consumed at once */
byte src = SRC_RUNS;
bool src_alive = true;
bool fence;			/* the VM's fence, as actions set it */
bool src_vcpus = true;		/* vCPUs let go, as actions set it */
bool src_journal;		/* durable: SENDING */
byte dst = DST_IDLE;
byte journal = JOURNAL_NONE;	/* durable */
bool held;			/* its entry is locked by the receiving process */
bool journal_lost;
bool dst_died;			/* host or receiving process, while it held the entry */
bool reported;			/* a person was told that the guest is lost or in doubt */
bool ever_ran;			/* it ran at the destination */
bool said_not;			/* somebody was answered NEVER or ABORTED */
bool asked;			/* an answer came; it would be the same again */
bool crashes = true;		/* hosts may still crash, journals be lost, streams be replayed */

#define SOURCE_RUNS (src_alive && src_vcpus && !fence)
#define DEST_RUNS DST_MAY_RUN(dst)

inline check() {
	ever_ran = ever_ran || DEST_RUNS;
	assert(!(SOURCE_RUNS && ever_ran));			/* A */
	assert(!(said_not && ever_ran));			/* F */
	assert(!src_alive || (SRC_MAY_RUN(src) == src_vcpus));	/* B */
	assert(!src_alive || fence == (src == SRC_FENCED || src == SRC_IN_DOUBT || src == SRC_GONE));
}

/* From some moment on nothing bad happens any more: what comes to rest then is judged. */
proctype Calm()
{
	crashes = false
}

#ifndef FILE
/* ------------------------------------------------------------ the connection */

mtype = { HELLO, END, COMMIT, CANCEL, ACCEPT, REFUSE, PREPARED, RUNNING, ABORT };

chan s2d = [3] of { mtype, byte };
chan d2s = [3] of { mtype, byte };
bool up;			/* connected */
bool cut;			/* was connected, is no more */
byte nonce;			/* of the destination, of its last PREPARED */
byte src_nonce;			/* as the source heard it */
byte lost_answers;
bool replay;			/* the connection is a replay, the source is not on it */

/* What is sent into a dead connection is lost. */
inline tell(c, m, n) {
	if
	:: up && !replay && nfull(c) -> c!m(n)
	:: !up || replay || full(c) -> skip
	fi
}

inline close() {
	up = false;
	cut = true
}

inline src_do() {
	if
	:: act == DO_SEND_OFFER -> tell(s2d, HELLO, 0)
	:: act == DO_STOP_VCPUS -> src_vcpus = false
	:: act == DO_FENCE_THEN_COMMIT -> fence = true; tell(s2d, COMMIT, src_nonce)
	:: act == DO_GIVE_UP -> tell(s2d, CANCEL, 0); close()
	:: act == DO_RESUME -> src_vcpus = true; tell(s2d, CANCEL, 0); close()
	:: act == DO_UNFENCE -> fence = false; src_vcpus = true; close()
	:: act == DO_KEEP -> close()
	:: act == DO_FREE -> close()
	:: act == DO_START_LOG || act == DO_NOTHING -> skip
	:: else -> assert(false)
	fi;
	act = DO_NOTHING;
	check()
}

/* The answer is durable before it is given, so it counts as given even if it is lost. */
inline ask() {
	say = SAY_UNKNOWN;
	if
	:: journal_lost -> skip
	:: !journal_lost -> judge(journal, held, say)
	fi;
	assert(say != SAY_RAN || ever_ran);			/* F */
	said_not = said_not || say == SAY_NEVER || say == SAY_ABORTED;
	check()
}

#define NO_EVENT 255
#define SRC_ON_LINE (src == SRC_OFFERED || src == SRC_COPYING || src == SRC_FROZEN || \
		     src == SRC_SENT || src == SRC_FENCED)

proctype Source()
{
	mtype m;
	byte n, say, ev = NO_EVENT;

	do
	:: atomic {
		if
		/* The tool makes SENDING durable, connects, and asks. One attempt: a later one has
		 * another generation and shares nothing with this. */
		:: src_alive && src == SRC_RUNS && !src_journal && !up && !cut ->
			src_journal = true; up = true; ev = EV_START
		:: src_alive && SRC_ON_LINE && !replay && d2s?[m, n] -> d2s?m(n);
			if
			:: m == ACCEPT && src == SRC_OFFERED -> ev = EV_ACCEPTED
			:: m == REFUSE && src == SRC_OFFERED -> ev = EV_REFUSED
			:: m == PREPARED && src == SRC_SENT -> src_nonce = n; ev = EV_HEARD_PREPARED
			:: m == RUNNING && src == SRC_FENCED -> ev = EV_HEARD_RUNNING
			:: m == ABORT -> ev = EV_HEARD_ABORT
			:: else -> ev = EV_FAILED /* the stream's own table refuses it */
			fi
		:: src_alive && src == SRC_COPYING -> ev = EV_CONVERGED
		:: src_alive && src == SRC_FROZEN -> tell(s2d, END, 0); ev = EV_ALL_SENT
		/* Time-outs and cuts look alike; what had arrived was read first. */
		:: src_alive && SRC_ON_LINE && empty(d2s) -> ev = EV_LOST
		:: src_alive && SRC_ON_LINE -> ev = EV_CANCEL
		:: src_alive && SRC_ON_LINE -> ev = EV_FAILED
		/* Reconnect and ask; the answer may be lost on its way, though not for ever. */
		:: src_alive && src == SRC_IN_DOUBT && !asked ->
			reported = true; ask();
			if
			:: say != SAY_WAIT && lost_answers < 2 -> lost_answers++
			:: say == SAY_NEVER -> asked = true; ev = EV_ANSWER_NEVER
			:: say == SAY_ABORTED -> asked = true; ev = EV_ANSWER_ABORTED
			:: say == SAY_RAN -> asked = true; ev = EV_ANSWER_RAN
			:: say == SAY_UNKNOWN -> asked = true; ev = EV_ANSWER_UNKNOWN
			:: say == SAY_WAIT
			fi
		/* The host crashes: its VM is gone. */
		:: src_alive && crashes -> src_alive = false; src_vcpus = false; close(); reported = true
		/* After its restart the tool finds SENDING and asks, to say whether the VM lives. */
		:: !src_alive && src_journal && !asked ->
			ask();
			if
			:: say != SAY_WAIT && lost_answers < 2 -> lost_answers++
			:: say == SAY_WAIT
			:: say != SAY_WAIT -> asked = true
			fi
		fi;
		if
		:: ev != NO_EVENT -> source_step(src, ev); src_do(); ev = NO_EVENT
		:: ev == NO_EVENT
		fi }
	od
}

/* ------------------------------------------------------------ the destination */

inline dst_do() {
	if
	:: act == DO_SEND_ACCEPT -> tell(d2s, ACCEPT, 0)
	:: act == DO_SEND_PREPARED -> nonce++; tell(d2s, PREPARED, nonce)
	:: act == DO_SEND_RUNNING -> tell(d2s, RUNNING, 0)
	:: act == DO_DISCARD ->
		if
		:: held -> /* it may say so in the journal, or just end */
			if
			:: journal = JOURNAL_ABORTED
			:: true
			fi
		:: !held
		fi;
		held = false;
		if
		:: was == DST_READING || was == DST_DEFINED -> tell(d2s, REFUSE, 0)
		:: else -> tell(d2s, ABORT, 0)
		fi;
		replay = false
	:: act == DO_RECORD_ABORT -> say_abort = true /* a step of its own: a crash fits in between */
	:: act == DO_READ || act == DO_ASK || act == DO_RUN || act == DO_NOTHING -> skip
	:: else -> assert(false)
	fi;
	act = DO_NOTHING;
	check()
}

#define DST_ON_LINE (dst == DST_READING || dst == DST_DEFINED || dst == DST_LOADING || \
		     dst == DST_LOADED || dst == DST_PREPARED)

proctype Destination()
{
	mtype m;
	byte n, was, ev = NO_EVENT;
	bool say_abort;		/* ABORTED was entered from PREPARED and is not recorded yet */
	bool told;		/* it knows that the connection is gone */

	do
	:: atomic {
		was = dst;
		if
		:: dst == DST_IDLE && s2d?[HELLO, n] -> s2d?m(n); told = false; ev = EV_OPEN
		:: dst == DST_READING -> ev = EV_STATIC_END
		/* Userspace: only a generation the journal knows nothing of, and then it is held. */
		:: dst == DST_DEFINED ->
			if
			:: journal == JOURNAL_NONE && !journal_lost ->
				journal = JOURNAL_MAY_RUN; held = true; ev = EV_AGREE
			:: else -> ev = EV_FAILED
			fi
		:: dst != DST_IDLE && s2d?[m, n] -> s2d?m(n);
			if
			:: m == END && dst == DST_LOADING -> ev = EV_END
			:: m == COMMIT && dst == DST_PREPARED && n == nonce -> ev = EV_HEARD_COMMIT
			:: m == COMMIT && dst == DST_ABORTED && !say_abort -> tell(d2s, ABORT, 0)
			:: m == CANCEL && DST_ON_LINE -> ev = EV_CANCEL
			:: else ->
				if
				:: DST_ON_LINE -> ev = EV_FAILED
				:: !DST_ON_LINE
				fi
			fi
		:: dst == DST_LOADED -> ev = EV_READY
		:: dst == DST_COMMITTED ->
			journal = JOURNAL_RAN; held = false; replay = false; ev = EV_RECORDED
		:: DST_ON_LINE && (cut || replay) && empty(s2d) -> ev = EV_LOST
		:: DST_MAY_RUN(dst) && cut && !told -> told = true; ev = EV_LOST
		:: dst == DST_PREPARED -> ev = EV_TIMEOUT
		:: DST_ON_LINE -> ev = EV_FAILED
		:: DST_ON_LINE -> ev = EV_CANCEL
		/* RECORD_ABORT: durable first, said then. */
		:: say_abort ->
			journal = JOURNAL_ABORTED; held = false; say_abort = false; replay = false;
			tell(d2s, ABORT, 0)
		/* Host or receiving process dies. What ran is gone, and whoever looks sees it. */
		:: crashes && ((dst != DST_IDLE && dst != DST_ABORTED) || say_abort) ->
			dst_died = dst_died || held || DST_MAY_RUN(dst);
			reported = reported || DST_MAY_RUN(dst);
			dst = DST_IDLE; held = false; say_abort = false; replay = false; close()
		/* The receiving process of an aborted attempt ends; the host takes other streams. */
		:: dst == DST_ABORTED && !say_abort && cut && empty(s2d) -> dst = DST_IDLE
		fi;
		if
		:: ev != NO_EVENT -> dest_step(dst, ev); dst_do(); ev = NO_EVENT
		:: ev == NO_EVENT -> check()
		fi;
		was = 0 }
	od
}

/* The network: cuts the connection and loses any tail of what was under way. */
proctype Network()
{
	mtype m;
	byte n;

	do
	:: atomic { up -> close() }
	:: atomic { cut && nempty(s2d) && !replay -> s2d?m(n);
		do
		:: nempty(s2d) -> s2d?m(n)
		:: empty(s2d) -> break
		od }
	:: atomic { cut && nempty(d2s) -> d2s?m(n);
		do
		:: nempty(d2s) -> d2s?m(n)
		:: empty(d2s) -> break
		od }
	od
}

/* Somebody who recorded the stream plays it again, once the real connection is gone. */
proctype Replay()
{
	atomic { crashes && cut && !up && empty(s2d) && dst == DST_IDLE && src != SRC_RUNS ->
		replay = true; s2d!HELLO(0); s2d!END(0); s2d!COMMIT(src_nonce) }
}

proctype Loss()
{
	atomic { crashes && journal != JOURNAL_NONE && !held -> journal_lost = true }
}

/* Nothing can happen any more. */
proctype Verdict()
{
	atomic { timeout ->
		assert(SOURCE_RUNS || DEST_RUNS || reported);			/* C */
		assert(src != SRC_IN_DOUBT || !src_alive || dst_died || journal_lost) } /* D */
}

init {
	atomic {
		CHOOSE_TRAP;
		run Source(); run Destination(); run Network(); run Replay(); run Loss(); run Calm();
		run Verdict()
	}
}

#else /* FILE ---------------------------------------------------- suspend, resume */

bool written;			/* the file is complete, END and all */
bool synced;			/* and durable */
bool consumed;			/* its mark, durable */
bool locked;			/* by whoever writes or resumes it */

#define NO_EVENT 255
#define SRC_WRITES (src == SRC_COPYING || src == SRC_FROZEN || src == SRC_SENT)

inline src_do() {
	if
	:: act == DO_STOP_VCPUS -> src_vcpus = false
	:: act == DO_FENCE_AND_FREE -> fence = true
	:: act == DO_RESUME -> src_vcpus = true
	:: act == DO_SEND_OFFER || act == DO_START_LOG || act == DO_GIVE_UP ||
	   act == DO_NOTHING -> skip
	:: else -> assert(false)
	fi;
	act = DO_NOTHING;
	check()
}

proctype Source()
{
	bool tried, mine;
	byte ev = NO_EVENT;

	do
	:: atomic {
		if
		:: src_alive && src == SRC_RUNS && !tried && !locked ->
			tried = true; mine = true; locked = true; ev = EV_START
		:: src_alive && src == SRC_OFFERED -> ev = EV_ACCEPTED /* nobody to ask */
		:: src_alive && src == SRC_COPYING -> ev = EV_CONVERGED
		:: src_alive && src == SRC_FROZEN -> written = true; ev = EV_ALL_SENT
		:: src_alive && src == SRC_SENT -> synced = true; ev = EV_SYNCED
		:: src_alive && SRC_WRITES -> ev = EV_CANCEL
		:: src_alive && SRC_WRITES -> ev = EV_FAILED
		/* The tool gives up the lock when the file is spoilt, or the VM gone. */
		:: src_alive && mine && tried && src == SRC_RUNS && src_vcpus ->
			written = false; locked = false; mine = false
		:: src_alive && mine && src == SRC_GONE -> locked = false; mine = false
		:: src_alive && crashes -> src_alive = false; src_vcpus = false; reported = true;
			if
			:: mine -> locked = false; mine = false
			:: !mine
			fi
		fi;
		if
		:: ev != NO_EVENT -> source_step(src, ev); src_do(); ev = NO_EVENT
		:: ev == NO_EVENT -> check()
		fi }
	od
}

inline dst_do() {
	act = DO_NOTHING;
	check()
}

proctype Destination()
{
	byte tries, ev = NO_EVENT;

	do
	:: atomic {
		if
		:: dst == DST_IDLE && tries < 3 && !locked && written && !consumed ->
			tries++; locked = true; ev = EV_OPEN
		:: dst == DST_READING -> ev = EV_STATIC_END
		:: dst == DST_DEFINED -> ev = EV_AGREE
		:: dst == DST_LOADING -> ev = EV_END
		:: dst == DST_LOADED -> consumed = true; ev = EV_CONSUMED
		:: dst == DST_READING || dst == DST_DEFINED || dst == DST_LOADING ||
		   dst == DST_LOADED -> ev = EV_FAILED
		:: dst == DST_ABORTED -> locked = false; dst = DST_IDLE
		/* Its host dies, which somebody sees. */
		:: dst == DST_RUNNING && crashes -> reported = true; dst = DST_IDLE; locked = false
		fi;
		if
		:: ev != NO_EVENT -> dest_step(dst, ev); dst_do(); ev = NO_EVENT
		:: ev == NO_EVENT -> check()
		fi }
	od
}

/* Nothing can happen any more: it runs, was reported lost, or waits in its file. */
proctype Verdict()
{
	atomic { timeout ->
		assert(SOURCE_RUNS || DEST_RUNS || reported || (synced && written && !consumed)) }
}

init {
	atomic { CHOOSE_TRAP; run Source(); run Destination(); run Calm(); run Verdict() }
}
#endif
