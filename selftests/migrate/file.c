// SPDX-License-Identifier: GPL-2.0-only
/*
 * Suspend and resume: the same stream in a file, or through a pipe. Every page is what the guest wrote,
 * its numbers go on, a file is resumed once, and what cannot be written leaves the guest running.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../unit/tap.h"
#include "tape.h"

static char blobs[70000];

static int suspend(struct storm *s, struct ferry_migrate *m, int fd)
{
	int err;

	memset(m, 0, sizeof(*m));
	m->flags = FERRY_MIGRATE_FILE | FERRY_MIGRATE_VERIFY;
	m->fd = fd;
	m->definition = (uintptr_t)"definition";
	m->definition_length = 11;
	err = storm_call(s->vm, FERRY_MIGRATE_SEND, m);
	if (err)
		return err;
	m->blobs = (uintptr_t)blobs;
	m->blobs_length = sizeof(blobs);
	return storm_call(s->vm, FERRY_MIGRATE_FINISH, m);
}

static int resume(struct storm *s, struct ferry_migrate *m, int fd, bool confirm)
{
	static char definition[100], got[sizeof(blobs)];
	int err;

	memset(m, 0, sizeof(*m));
	m->flags = FERRY_MIGRATE_FILE;
	m->fd = fd;
	m->definition = (uintptr_t)definition;
	m->definition_length = 5;
	err = storm_call(s->vm, FERRY_MIGRATE_RECEIVE, m);
	if (err == -ENOSPC && m->definition_length == 11)
		err = storm_call(s->vm, FERRY_MIGRATE_RECEIVE, m);
	if (err)
		return err;
	if (strcmp(definition, "definition"))
		return -EBADMSG;
	m->blobs = (uintptr_t)got;
	err = storm_call(s->vm, FERRY_MIGRATE_RECEIVE, m);
	if (err != -ENODATA) {
		diag("RECEIVE without vCPUs: %d", err);
		return err ?: -EPROTO;
	}
	storm_adopt(s, m->nr_vcpus);
	m->blobs_length = 10;
	err = storm_call(s->vm, FERRY_MIGRATE_RECEIVE, m);
	if (err == -ENOSPC && m->blobs_length == sizeof(blobs))
		err = storm_call(s->vm, FERRY_MIGRATE_RECEIVE, m);
	if (err)
		return err;
	if (memcmp(got, blobs, sizeof(blobs)))
		return -EBADMSG;
	return confirm ? storm_call(s->vm, FERRY_MIGRATE_CONFIRM, m) : 0;
}

static void goes_on(struct storm *s, const struct storm *from, const char *what)
{
	uint64_t before = storm_writes(s);

	storm_continue_from(s, from);
	ok_eq(before, storm_writes((struct storm *)from), "%s: no write was made twice", what);
	ok(storm_check(s), "%s: every page is what the guest wrote", what);
	storm_start(s);
	ok(storm_progress(s, 3000), "%s: the guest goes on", what);
	storm_stop(s);
	ok(storm_check(s), "%s: ... rightly", what);
}

/* The consumed mark, as the tool makes it; or gone again. */
static void mark(int fd, bool consumed)
{
	struct ferry_stream_header h, n;

	if (pread(fd, &h, sizeof(h), 0) != sizeof(h))
		bail_out("reading a header");
	wire_header_init(&n, FERRY_STREAM_FILE, h.uuid, h.generation, h.nonce, wire_crc32c);
	if (consumed)
		wire_header_consume(&n, wire_crc32c);
	if (pwrite(fd, &n, sizeof(n), 0) != sizeof(h))
		bail_out("writing a header");
}

static void file(void)
{
	struct storm a, b;
	struct ferry_migrate m;
	int fd = open("/tmp/suspended", O_RDWR | O_CREAT | O_TRUNC, 0600), err;

	storm_open(&a, 2, 0);
	storm_start(&a);
	storm_progress(&a, 5000);
	err = suspend(&a, &m, fd);
	ok_eq(err, 0, "suspend: %s", m.error);
	ok_eq(m.phase, FERRY_MIGRATE_DONE, "... DONE");
	storm_stop(&a);
	ok_eq(a.cpu[0].reason, FERRY_EXIT_FENCED, "... and the guest is fenced");
	diag("%lld bytes", (long long)lseek(fd, 0, SEEK_END));

	lseek(fd, 0, SEEK_SET);
	storm_incoming(&b);
	err = resume(&b, &m, fd, true);
	ok_eq(err, 0, "resume: %s", m.error);
	ok_eq(m.phase, FERRY_MIGRATE_RUNNING, "... RUNNING");
	goes_on(&b, &a, "resumed");
	storm_close(&b);

	/* A resumed VM is marked by the tool; the mark is honoured, unless it is to be a clone. */
	mark(fd, true);
	lseek(fd, 0, SEEK_SET);
	storm_incoming(&b);
	err = resume(&b, &m, fd, true);
	ok_eq(err, -EALREADY, "a consumed file is not resumed: %s", m.error);
	storm_close(&b);
	lseek(fd, 0, SEEK_SET);
	storm_incoming_as(&b, "clone9876543210");
	err = resume(&b, &m, fd, true);
	ok_eq(err, 0, "... but as another VM it is: %s", m.error);
	ok_eq(memcmp(m.uuid, "clone9876543210", 16), 0, "... which keeps its name");
	goes_on(&b, &a, "cloned");
	storm_close(&b);

	/* Loaded and then not confirmed: nothing runs. */
	mark(fd, false);
	lseek(fd, 0, SEEK_SET);
	storm_incoming(&b);
	err = resume(&b, &m, fd, false);
	ok_eq(err, 0, "loaded: %s", m.error);
	ok_eq(storm_call(b.vm, FERRY_MIGRATE_ACCEPT, &m), -EINVAL, "a file has nothing to accept");
	storm_start(&b);
	usleep(50000);
	storm_stop(&b);
	ok_eq(b.cpu[0].run->exit_reason, FERRY_EXIT_PAUSED, "before CONFIRM nothing runs");
	storm_close(&b);
	storm_close(&a);
	close(fd);
	unlink("/tmp/suspended");
}

struct writer {
	struct storm *s;
	struct ferry_migrate m;
	int fd, err;
};

static void *suspend_thread(void *arg)
{
	struct writer *w = arg;

	w->err = suspend(w->s, &w->m, w->fd);
	close(w->fd);
	return NULL;
}

static void through_pipe(void)
{
	struct storm a, b;
	struct ferry_migrate m;
	struct writer w = { .s = &a };
	pthread_t thread;
	int fd[2], err;

	if (pipe(fd))
		bail_out("pipe");
	storm_open(&a, 1, 0);
	storm_start(&a);
	storm_progress(&a, 5000);
	storm_incoming(&b);
	w.fd = fd[1];
	pthread_create(&thread, NULL, suspend_thread, &w);
	err = resume(&b, &m, fd[0], true);
	pthread_join(thread, NULL);
	storm_stop(&a);
	ok_eq(w.err, 0, "into a pipe: %s", w.m.error);
	ok_eq(err, 0, "out of a pipe: %s", m.error);
	if (!err && !w.err)
		goes_on(&b, &a, "piped");
	close(fd[0]);
	storm_close(&a);
	storm_close(&b);
}

static void cannot_write(void)
{
	struct ferry_migrate m;
	struct storm s;
	int full, ro = open("/dev/null", O_RDONLY), fd[2];

	mkdir("/tmp/small", 0700);
	if (mount("none", "/tmp/small", "tmpfs", 0, "size=512k"))
		bail_out("mount: %s", strerror(errno));
	full = open("/tmp/small/file", O_RDWR | O_CREAT, 0600);
	storm_open(&s, 1, 100);
	storm_start(&s);
	storm_progress(&s, 500);
	ok_eq(suspend(&s, &m, full), -ENOSPC, "a full disk: %s", m.error);
	ok_eq(m.phase, FERRY_MIGRATE_ABORTED, "... ABORTED");
	ok(storm_progress(&s, 500), "... and the guest runs on");
	ok_eq(suspend(&s, &m, ro), -EBADF, "a file that is only for reading");
	if (pipe(fd))
		bail_out("pipe");
	close(fd[0]);
	ok_eq(suspend(&s, &m, fd[1]), -ECONNRESET, "a pipe nobody reads: %s", m.error);
	close(fd[1]);
	ok(storm_progress(&s, 500), "... and the guest runs on");
	storm_stop(&s);
	ok(storm_check(&s), "... rightly");
	storm_close(&s);
	close(full);
	close(ro);
	umount("/tmp/small");
}

int main(void)
{
	unsigned int i;

	for (i = 0; i < sizeof(blobs); i++)
		blobs[i] = i * 13 + i / 256;
	signal(SIGPIPE, SIG_IGN);
	file();
	through_pipe();
	cannot_write();
	return done();
}
