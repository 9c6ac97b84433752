/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * TCP connections to the other host, and the question a source in doubt asks there. No state.
 */
#ifndef FERRY_QUERY_H
#define FERRY_QUERY_H

#include <stdatomic.h>

#include "util.h"

/* Connect, giving up when @cancel is set and a signal comes; -1 with @err filled in. */
int net_connect(const char *host, const char *port, atomic_bool *cancel, struct error *err);
/* Listen on "ADDRESS:PORT", "[ADDRESS]:PORT" or "PORT" of the loopback address. */
int net_listen(const char *where, struct error *err);
/* "HOST", "HOST:PORT", "[HOST]:PORT"; the caller frees both. */
bool net_split(const char *where, const char *default_port, char **host, char **port);
/* A sleep that signals end. */
void usleep_interruptible(unsigned int ms);

/**
 * struct query - which attempt to move which VM
 */
struct query {
	u8 uuid[16];
	u64 generation;
	u64 journal;
	u64 nonce;
};

/* FERRY_RESOLVE_NEVER, _ABORTED or _RAN; 0 while it cannot be known. */
u32 query_ask(const char *host, const char *port, const struct query *q, atomic_bool *cancel);

#endif /* FERRY_QUERY_H */
