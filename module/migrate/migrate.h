/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside of migrate/: one migration of one VM, seen from one side.
 *
 * A VM's struct ferry_migration is made by its first migration call and lives as long as the VM.
 * Locks: m->call is held throughout each migration ioctl but status; who finds it taken gets -EBUSY.
 * vm->lock is taken inside it for short moments, never while waiting for the peer. FERRY_MIGRATE_ABORT
 * while a call is under way only sets m->cancel. Progress is plain words that status reads.
 */
#ifndef FERRY_MIGRATE_H
#define FERRY_MIGRATE_H

#include <linux/ktime.h>
#include <linux/mm.h>

#include "../ferry.h"
#include "../lib/wire/handover.h"
#include "../lib/wire/wire.h"

struct socket;

/* ---------------------------------------------------------------- socket.c: bytes */

/**
 * struct ferry_link - a connected stream socket, or a file
 * @sock: or NULL
 * @file: or NULL
 * @pos: of the file
 * @timeout_ms: longest time without any progress
 * @limit: when everything must be over, in ktime ns; 0 = no such moment
 * @bandwidth: bytes per second written at most, 0 = unlimited
 * @cancel: set by another thread to end every wait
 * @deaf: no signal but a fatal one ends a wait: COMMIT was sent
 * @patient: no wait is left for a stop of this thread: the guest stands still
 * @broken: a write ended inside a record, or the peer is gone: nothing more can be sent
 * @written: bytes so far
 * @began: when the link was taken
 * @rcvtimeo: the socket's own, to be put back
 * @sndtimeo: likewise
 */
struct ferry_link {
	struct socket *sock;
	struct file *file;
	loff_t pos;
	unsigned int timeout_ms;
	u64 limit;
	u64 bandwidth;
	bool *cancel;
	bool deaf;
	bool patient;
	bool broken;
	u64 written;
	ktime_t began;
	long rcvtimeo;
	long sndtimeo;
};

int ferry_link_open(struct ferry_link *link, int fd, bool file, bool write);
void ferry_link_close(struct ferry_link *link);
bool ferry_link_is_open(struct ferry_link *link);
int ferry_link_wait(struct ferry_link *link, u64 timeout_ns);
bool ferry_link_readable(struct ferry_link *link);
int ferry_link_interrupted(struct ferry_link *link);
int ferry_link_throttle(struct ferry_link *link);
int ferry_link_sync(struct ferry_link *link);
void ferry_link_bye(struct ferry_link *link, void *sink, size_t len);
extern const struct wire_io ferry_link_io;
u32 ferry_crc32c(u32 crc, const void *data, size_t len);

/* -------------------------------------------------------------------- a migration */

struct ferry_migration {
	struct ferry_vm *vm;
	struct mutex call;
	bool dest; /* else this side is, or may become, a source */
	bool pinned; /* regions and vCPUs may not change */
	bool cancel; /* another thread said FERRY_MIGRATE_ABORT */
	char why[128]; /* ... and why, or empty; written once, before cancel */
	u8 state; /* enum wire_source or enum wire_dest */
	u32 flags; /* FERRY_MIGRATE_* of the caller */

	struct ferry_link link;
	struct wire_io io;
	struct wire_tx tx;
	struct wire_rx rx; /* source: of the destination's direction */
	u8 *buf; /* WIRE_BODY_BYTES, for rx; the sender builds bodies in it before the answer comes */
	struct ferry_stream_token token;
	u64 journal; /* of the destination */
	u64 timeout_ns; /* of PREPARED, as both sides agreed */
	bool greeted; /* this side's header is out */

	int err; /* why the attempt ended */
	u32 err_record;
	u64 err_offset;
	char error[128];
	u32 nr_findings; /* found; stored are at most FERRY_STREAM_MAX_FINDINGS */
	struct ferry_finding *findings;

	/* source */
	struct wire_map map;
	unsigned long *bitmap[FERRY_MAX_REGIONS]; /* what is still to be sent */
	u64 round_began; /* ktime ns */
	u64 round_bytes; /* tx.offset then */
	u64 round_clock; /* sending_clock() then */
	u64 zero_ns; /* of this round, by that clock: spent on pages that were found to be zero */
	u64 zero_began; /* 0: the last page was not zero */
	u64 left; /* pages of this round, or of the frozen guest, not sent yet */
	bool in_round;
	bool stopped; /* vCPUs held and clocks paused by us */
	u64 blackout_ns; /* budget */
	u64 rate; /* bytes per second, of the last round, as far as the guest does not stand in its way */

	/* destination */
	void *definition;
	u32 definition_length;
	bool definition_taken;
	u8 *blobs;
	u32 blobs_length;
	bool blobs_taken;
	bool abort_unsaid; /* ABORTED must be durable first, then FERRY_MIGRATE_ABORT says it */

	u64 began;
	u64 frozen; /* when the guest stopped, as this side knows it */
	struct ferry_migrate_status progress;
};

/* The guest memory this migration is about, as either side knows it. */
static inline const struct wire_map *ferry_map(struct ferry_migration *m)
{
	return m->dest ? &m->rx.map : &m->map;
}

#define FERRY_PROGRESS(m, field, value) WRITE_ONCE((m)->progress.field, value)

/* handover.c: what both sides share, and every change of state */
struct ferry_migration *ferry_migration_begin(struct ferry_vm *vm, bool create);
int ferry_migration_end(struct ferry_migration *m, struct ferry_migrate *args, int ret);
int ferry_migration_open(struct ferry_migration *m, struct ferry_migrate *args, bool dest);
void ferry_migration_close(struct ferry_migration *m);
int ferry_migration_fail(struct ferry_migration *m, int err, const char *fmt, ...) __printf(3, 4);
int ferry_migration_rx_fail(struct ferry_migration *m, int err);
int ferry_source_event(struct ferry_migration *m, enum wire_event event);
int ferry_source_over(struct ferry_migration *m, int err);
int ferry_dest_event(struct ferry_migration *m, enum wire_event event);
int ferry_dest_over(struct ferry_migration *m, int err);

/* send.c */
int ferry_send_offer(struct ferry_migration *m);
int ferry_source_heard(struct ferry_migration *m, int type);
int ferry_send_final(struct ferry_migration *m);

/* records.c: bodies from the VM, bodies into the VM */
int ferry_send_header(struct ferry_migration *m, u32 flags);
int ferry_send_hello(struct ferry_migration *m);
int ferry_send_policy(struct ferry_migration *m);
int ferry_read_map(struct ferry_migration *m);
int ferry_send_map(struct ferry_migration *m);
int ferry_send_reason(struct ferry_migration *m, u32 type);
int ferry_send_token(struct ferry_migration *m, u32 type);
int ferry_send_states(struct ferry_migration *m);
int ferry_take_policy(struct ferry_migration *m);
int ferry_take_map(struct ferry_migration *m);
int ferry_take_state(struct ferry_migration *m);
void ferry_require_states(struct ferry_migration *m);
void ferry_read_reason(struct ferry_migration *m);
u64 ferry_memory_digest(struct ferry_migration *m, u64 *pages);
bool ferry_vcpus_dense(struct ferry_vm *vm);

#endif /* FERRY_MIGRATE_H */
