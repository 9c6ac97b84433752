/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * TCP connections between hosts. No state.
 */
#ifndef FERRY_NET_H
#define FERRY_NET_H

#include <stdatomic.h>

#include "util.h"

#define NET_PORT "7473"

/* Connect, giving up when @cancel is set and a signal comes; -1 with @err filled in. */
int net_connect(const char *host, const char *port, atomic_bool *cancel, struct error *err);
/* Listen on "ADDRESS", "ADDRESS:PORT" or "[ADDRESS]:PORT"; a bare port means the loopback. */
int net_listen(const char *where, struct error *err);
/* "HOST", "HOST:PORT", "[HOST]:PORT"; the caller frees both. */
bool net_split(const char *where, const char *default_port, char **host, char **port);
/* "10.0.0.1:34567" of the other end. */
void net_peer(int fd, char *text, size_t room);
/* A sleep that signals end. */
void sleep_interruptible(unsigned int ms);

#endif /* FERRY_NET_H */
