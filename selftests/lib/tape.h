/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Migration streams in a test's own hands: a recorded one that can be cut, damaged and played, and a
 * peer that speaks the protocol by lib/wire but does as the test says.
 */
#ifndef FERRY_TEST_TAPE_H
#define FERRY_TEST_TAPE_H

#include "lib/wire/wire.h"
#include "storm.h"

#define TAPE_RECORDS 512

/**
 * struct tape - a recorded stream
 * @p: its bytes
 * @at: where each record begins; at[nr] is the end
 */
struct tape {
	u8 *p;
	size_t len;
	unsigned int nr;
	size_t at[TAPE_RECORDS + 1];
	u32 type[TAPE_RECORDS];
};

/* Suspend a VM and keep what it wrote. */
void tape_record(struct tape *t, struct storm *s);
void tape_copy(struct tape *to, const struct tape *from);
void tape_free(struct tape *t);
unsigned int tape_find(const struct tape *t, u32 type);
void *tape_body(struct tape *t, unsigned int n);
void tape_mend(struct tape *t, unsigned int n); /* record n's checksums fit again */
void tape_number(struct tape *t, unsigned int n, u64 seq); /* its sequence number */
void tape_flags(struct tape *t, u32 flags); /* of the header */
/* A file with the first @len bytes; its descriptor, at the beginning. */
int tape_file(const struct tape *t, size_t len);

/**
 * struct peer - one end of a connection
 * @err: why the last peer_hear() failed
 */
struct peer {
	int fd;
	struct wire_io io;
	struct wire_tx tx;
	struct wire_rx rx;
	u8 body[WIRE_BODY_BYTES] __aligned(8);
};

void peer_init(struct peer *p, int fd, bool dest);
/* The next record's type, or -errno; -ETIMEDOUT after @ms of silence. Pages are thrown away. */
int peer_hear(struct peer *p, unsigned int ms);
/* As a destination: read the offer, answer HELLO and ACCEPT; 0 or -errno. */
int peer_accept(struct peer *p);
/* ... and read on, acknowledging rounds, up to this type; 0, -ECANCELED or -errno. */
int peer_read_to(struct peer *p, u32 type);
int peer_say_token(struct peer *p, u32 type, u64 source, u64 destination);
int peer_say_reason(struct peer *p, u32 type, int err, const char *text);
/* As a source: play a tape's records [from, to). */
bool peer_play(struct peer *p, const struct tape *t, unsigned int from, unsigned int to);
/* The header and everything to STATIC_END; then HELLO and ACCEPT are heard. */
int peer_offer(struct peer *p, struct tape *t);

#endif /* FERRY_TEST_TAPE_H */
