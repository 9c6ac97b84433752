// SPDX-License-Identifier: GPL-2.0-only
/*
 * A link that fails where it hurts: forwards one migration, record by record, and does its deed when
 * the record comes by that it waits for. Connections after that one are forwarded as they are, so that
 * the source may ask its question.
 *
 *	cutter PORT TARGET-PORT cut TYPE	the record is lost and both ends are hung up on
 *	cutter PORT TARGET-PORT late TYPE	the record comes through three seconds late
 *	cutter PORT TARGET-PORT hold TYPE	nothing comes through any more, in either direction
 *	cutter PORT TARGET-PORT run TYPE CMD	lost; CMD is run by the shell; then both ends are hung up on
 *	cutter PORT TARGET-PORT tap FILE	nothing fails; what the source said is in FILE
 *	cutter PORT TARGET-PORT play FILE	say to the target what is in FILE, and print its last words
 *
 * TYPE: FREEZE, END, PREPARED, COMMIT, RUNNING.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/wire/wire.h"

static const char *deed, *what;
static const char *command;
static u32 type;
static int tap = -1;

struct way {
	int from, to;
	bool source; /* what the source says */
};

static void die(const char *text)
{
	perror(text);
	exit(1);
}

static struct sockaddr_in local(const char *port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				     .sin_port = htons(atoi(port)) };
}

static int reach(const char *port)
{
	struct sockaddr_in to = local(port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
		die("connect");
	return fd;
}

static bool all(ssize_t (*fn)(int, void *, size_t), int fd, void *p, size_t len)
{
	ssize_t n;

	for (; len; len -= n, p = (u8 *)p + n) {
		n = fn(fd, p, len);
		if (n <= 0)
			return false;
	}
	return true;
}

static ssize_t put(int fd, void *p, size_t len)
{
	return send(fd, p, len, MSG_NOSIGNAL);
}

static bool forward(struct way *w, void *p, size_t len)
{
	if (w->source && tap >= 0 && write(tap, p, len) != (ssize_t)len)
		die("tap");
	return all(put, w->to, p, len);
}

static bool forward_body(struct way *w, size_t len)
{
	static _Thread_local u8 buf[65536];
	size_t part;

	for (; len; len -= part) {
		part = len < sizeof(buf) ? len : sizeof(buf);
		if (!all(read, w->from, buf, part) || !forward(w, buf, part))
			return false;
	}
	return true;
}

static void hang_up(struct way *w)
{
	shutdown(w->from, SHUT_RDWR);
	shutdown(w->to, SHUT_RDWR);
}

/* False if the connection goes on. */
static bool do_deed(struct way *w)
{
	fprintf(stderr, "cutter: %s: %s\n", what, deed);
	if (!strcmp(deed, "late")) {
		sleep(3);
		return false;
	}
	if (!strcmp(deed, "hold"))
		pause();
	if (!strcmp(deed, "run") && system(command))
		fprintf(stderr, "cutter: '%s' failed\n", command);
	hang_up(w);
	return true;
}

static void *one_way(void *arg)
{
	struct ferry_stream_header header;
	struct ferry_stream_record r;
	struct way *w = arg;

	if (!all(read, w->from, &header, sizeof(header)) || !forward(w, &header, sizeof(header)))
		goto out;
	while (all(read, w->from, &r, sizeof(r))) {
		if (type && r.type == type && do_deed(w))
			return NULL;
		if (!forward(w, &r, sizeof(r)) || !forward_body(w, wire_padded(r.length)))
			break;
	}
out:
	/* The end goes through like the rest. */
	shutdown(w->to, SHUT_WR);
	return NULL;
}

static void *as_it_is(void *arg)
{
	struct way *w = arg;
	u8 buf[4096];
	ssize_t n;

	while ((n = read(w->from, buf, sizeof(buf))) > 0 && all(put, w->to, buf, n))
		;
	shutdown(w->to, SHUT_WR);
	return NULL;
}

static void between(int source, int target, void *(*fn)(void *))
{
	struct way w[2] = { { source, target, true }, { target, source, false } };
	pthread_t thread[2];
	unsigned int i;

	for (i = 0; i < 2; i++)
		pthread_create(&thread[i], NULL, fn, &w[i]);
	for (i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	close(source);
	close(target);
}

static int play(const char *port, const char *path)
{
	static u8 buf[WIRE_BODY_BYTES];
	int file = open(path, O_RDONLY), fd = reach(port);
	struct ferry_stream_reason *reason;
	struct ferry_stream_header header;
	struct ferry_stream_record r;
	ssize_t n;

	if (file < 0)
		die(path);
	while ((n = read(file, buf, sizeof(buf))) > 0 && all(put, fd, buf, n))
		;
	shutdown(fd, SHUT_WR);
	if (!all(read, fd, &header, sizeof(header)))
		return 1;
	while (all(read, fd, &r, sizeof(r)) && wire_padded(r.length) <= sizeof(buf) &&
	       all(read, fd, buf, wire_padded(r.length))) {
		reason = (void *)buf;
		printf("%s", wire_type_name(r.type));
		if (r.type == FERRY_REC_REFUSE || r.type == FERRY_REC_ABORT)
			printf(": %s", reason->text);
		printf("\n");
	}
	return 0;
}

static u32 type_of(const char *name)
{
	u32 t;

	for (t = 1; t < WIRE_TYPES; t++)
		if (!strcmp(wire_type_name(t), name))
			return t;
	errno = EINVAL;
	die(name);
	return 0;
}

int main(int argc, char **argv)
{
	struct sockaddr_in at;
	int listener, one = 1, fd;

	if (argc < 5)
		return 64;
	deed = argv[3];
	what = argv[4];
	command = argv[5];
	signal(SIGPIPE, SIG_IGN);
	if (!strcmp(deed, "play"))
		return play(argv[2], what);
	if (!strcmp(deed, "tap"))
		tap = open(what, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	else
		type = type_of(what);
	at = local(argv[1]);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) || listen(listener, 4))
		die("listen");
	fd = accept(listener, NULL, NULL);
	if (fd < 0)
		die("accept");
	between(fd, reach(argv[2]), one_way);
	while ((fd = accept(listener, NULL, NULL)) >= 0)
		between(fd, reach(argv[2]), as_it_is);
	return 0;
}
