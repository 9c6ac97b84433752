/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tool's own part of the migration stream: the question a source in doubt asks and its answer,
 * and a look at who comes. Everything else in the stream is the module's. No state.
 */
#ifndef FERRY_QUERY_H
#define FERRY_QUERY_H

#include <linux/ferry_stream.h>
#include <stdatomic.h>

#include "journal.h"
#include "util.h"

/**
 * struct query - which attempt to move which VM
 */
struct query {
	u8 uuid[16];
	u64 generation;
	u64 journal;
	u64 nonce;
};

/* FERRY_RESOLVE_NEVER, _ABORTED or _RAN; 0 while it cannot be known, and why not. */
u32 query_ask(const char *host, const char *port, const struct query *q, atomic_bool *cancel,
	      struct error *err);

/* Read a query from @fd and answer it from the journal: 0 or a negative errno. */
int query_serve(int fd, struct journal *j);

/**
 * struct stream_start - the first bytes of what somebody sends
 * @query: it asks about a VM rather than bringing one
 */
struct stream_start {
	struct ferry_stream_header header;
	bool query;
};

/* Look at a stream's start without taking it. */
int stream_peek(int fd, bool file, struct stream_start *start, struct error *err);

#endif /* FERRY_QUERY_H */
