// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP connections between hosts. See net.h. No state.
 */
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net.h"

#define CONNECT_MS 10000

void sleep_interruptible(unsigned int ms)
{
	poll(NULL, 0, ms);
}

bool net_split(const char *where, const char *default_port, char **host, char **port)
{
	const char *colon = strrchr(where, ':');

	if (*where == '[') {
		const char *end = strchr(where, ']');

		if (!end || (end[1] && end[1] != ':') || end == where + 1)
			return false;
		*host = strndup(where + 1, end - where - 1);
		*port = xstrdup(end[1] ? end + 2 : default_port);
	} else if (colon && strchr(where, ':') == colon) {
		*host = strndup(where, colon - where);
		*port = xstrdup(colon + 1);
	} else { /* no port, or a bare IPv6 address */
		*host = xstrdup(where);
		*port = xstrdup(default_port);
	}
	if (**host && **port)
		return true;
	free(*host);
	free(*port);
	return false;
}

/* A connect that a signal may end and that does not wait for minutes. */
static int connect_one(const struct addrinfo *ai, atomic_bool *cancel)
{
	int fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
			ai->ai_protocol);
	int one = 1, waited, problem = 0;
	socklen_t len = sizeof(problem);

	if (fd < 0)
		return -1;
	if (connect(fd, ai->ai_addr, ai->ai_addrlen) && errno != EINPROGRESS)
		goto err_close;
	for (waited = 0; waited < CONNECT_MS; waited += 100) {
		struct pollfd pfd = { .fd = fd, .events = POLLOUT };

		if (atomic_load(cancel)) {
			errno = EINTR;
			goto err_close;
		}
		if (poll(&pfd, 1, 100) <= 0)
			continue;
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &len) || problem) {
			errno = problem;
			goto err_close;
		}
		/* Back to blocking: the module waits with time limits of its own. */
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
		return fd;
	}
	errno = ETIMEDOUT;

err_close:
	problem = errno;
	close(fd);
	errno = problem;
	return -1;
}

int net_connect(const char *host, const char *port, atomic_bool *cancel, struct error *err)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list, *ai;
	int fd = -1, ret;

	ret = getaddrinfo(host, port, &hints, &list);
	if (ret) {
		fail(err, FERRY_X_NETWORK, "cannot find the host %s: %s", host, gai_strerror(ret));
		return -1;
	}
	for (ai = list; ai && fd < 0; ai = ai->ai_next)
		fd = connect_one(ai, cancel);
	freeaddrinfo(list);
	if (fd < 0)
		fail_errno(err, FERRY_X_NETWORK,
			   "cannot reach %s port %s ('ferry receive' must run there)", host, port);
	return fd;
}

int net_listen(const char *where, struct error *err)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE }, *ai;
	char *host, *port;
	int fd = -1, one = 1, ret;
	bool only_port = where[strspn(where, "0123456789")] == 0;

	if (only_port ? !(host = xstrdup("127.0.0.1"), port = xstrdup(where)) :
			!net_split(where, NET_PORT, &host, &port)) {
		fail(err, FERRY_X_USAGE, "'%s' is no address to listen on: ADDRESS:PORT", where);
		return -1;
	}
	ret = getaddrinfo(host, port, &hints, &ai);
	if (ret) {
		fail(err, FERRY_X_NETWORK, "cannot listen on %s: %s", where, gai_strerror(ret));
	} else {
		fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC, ai->ai_protocol);
		if (fd >= 0)
			setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		if (fd < 0 || bind(fd, ai->ai_addr, ai->ai_addrlen) || listen(fd, 16)) {
			fail_errno(err, FERRY_X_NETWORK, "cannot listen on %s", where);
			if (fd >= 0)
				close(fd);
			fd = -1;
		}
		freeaddrinfo(ai);
	}
	free(host);
	free(port);
	return fd;
}

void net_peer(int fd, char *text, size_t room)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);
	char host[64], port[16];

	if (getpeername(fd, (void *)&addr, &len) ||
	    getnameinfo((void *)&addr, len, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV))
		snprintf(text, room, "somewhere");
	else
		snprintf(text, room, addr.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}
