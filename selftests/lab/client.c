// SPDX-License-Identifier: GPL-2.0-only
/*
 * /bin/lab inside a host: talks to the lab, and through it to the other host.
 *
 *	lab barrier NAME	wait until every host has come to NAME
 *	lab put KEY VALUE...	leave a note for the other host
 *	lab get KEY		wait for a note and print it
 *	lab link down|up	unplug and plug this host's network
 *	lab cut			pull this host's plug, now
 *
 * $LAB_WAIT is the most seconds to wait (60). One request and one reply at a time go over the second
 * serial line, under a lock; "wait" is answered by asking again, so several processes may wait.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define LINE "/dev/ttyS1"
#define REPLY_MS 5000

static int ask(const char *request, char *reply, size_t size)
{
	int lock = open("/run/lab.lock", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	int line = open(LINE, O_RDWR | O_NOCTTY | O_CLOEXEC);
	size_t have = 0;
	int ret = -1;

	if (lock < 0 || line < 0 || flock(lock, LOCK_EX) < 0)
		goto out;
	if (write(line, request, strlen(request)) != (ssize_t)strlen(request))
		goto out;
	while (have < size - 1) {
		struct pollfd p = { .fd = line, .events = POLLIN };

		if (poll(&p, 1, REPLY_MS) != 1 || read(line, reply + have, 1) != 1)
			break;
		if (reply[have] == '\n') {
			ret = 0;
			break;
		}
		have++;
	}
	reply[have] = '\0';
out:
	if (line >= 0)
		close(line);
	if (lock >= 0)
		close(lock);
	return ret;
}

int main(int argc, char **argv)
{
	const char *limit = getenv("LAB_WAIT");
	time_t end = time(NULL) + (limit ? atoi(limit) : 60);
	char request[1024] = "", reply[1024];

	for (int i = 1; i < argc; i++) {
		if (strlen(request) + strlen(argv[i]) + 3 > sizeof(request)) {
			fprintf(stderr, "lab: a request has at most %zu bytes\n", sizeof(request));
			return 2;
		}
		strcat(request, i > 1 ? " " : "");
		strcat(request, argv[i]);
	}
	if (!request[0] || strchr(request, '\n')) {
		fprintf(stderr, "usage: lab barrier|put|get|link|cut ...\n");
		return 2;
	}
	strcat(request, "\n");
	while (time(NULL) < end) {
		if (ask(request, reply, sizeof(reply)) < 0) {
			fprintf(stderr, "lab: no answer on " LINE "\n");
			return 1;
		}
		if (!strncmp(reply, "ok", 2)) {
			if (reply[2])
				puts(reply + 3);
			return 0;
		}
		if (strcmp(reply, "wait")) {
			fprintf(stderr, "lab: %s\n", reply);
			return 1;
		}
		usleep(50000);
	}
	request[strlen(request) - 1] = '\0';
	fprintf(stderr, "lab: gave up waiting for \"%s\"\n", request);
	return 1;
}
