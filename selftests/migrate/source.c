// SPDX-License-Identifier: GPL-2.0-only
/*
 * The source's module against destinations that refuse, fall silent, hang up or lie at each point of
 * the protocol; against signals, cancels and calls out of turn. Up to COMMIT the guest always runs on,
 * rightly; after it, only by the destination's word.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../unit/tap.h"
#include "tape.h"

/* Where a destination that is not one does what it does. */
enum point { AT_HELLO, AT_ROUND, AT_END, AT_COMMIT };
enum deed { REFUSE, ABORT, SILENCE, HANG_UP, WRONG_NONCE, GARBAGE, DRIBBLE, RUN };

struct fake {
	pthread_t thread;
	int fd;
	enum point point;
	enum deed deed;
	int heard; /* what came after PREPARED */
	struct peer peer;
};

/* How much more time than elsewhere things take on this host: LAB_SLOW. */
static unsigned int slow(void)
{
	const char *n = getenv("LAB_SLOW");

	return n && atoi(n) > 0 ? atoi(n) : 1;
}

/* PREPARED, a byte at a time. */
static int dribble(void *ctx, struct wire_vec *vec, unsigned int nr, size_t total)
{
	struct peer *p = ctx;
	unsigned int i;
	size_t n;

	for (i = 0; i < nr; i++) {
		for (n = 0; n < vec[i].len; n++) {
			if (send(p->fd, (u8 *)vec[i].base + n, 1, MSG_NOSIGNAL) != 1)
				return -errno;
			usleep(250000 * slow());
		}
	}
	return 0;
}

static void *fake_thread(void *arg)
{
	struct fake *f = arg;
	struct peer *p = &f->peer;
	u64 ours = 77;
	int err;

	peer_init(p, f->fd, true);
	f->heard = 0;
	if (f->point == AT_HELLO) {
		if (f->deed == REFUSE) {
			struct ferry_stream_hello hello = { .page_size = WIRE_PAGE };
			struct ferry_stream_header header;

			if (wire_rx_header(&p->rx) || peer_read_to(p, FERRY_REC_STATIC_END))
				goto out;
			wire_header_init(&header, FERRY_STREAM_REPLY, p->rx.header.uuid,
					 p->rx.header.generation, 5, wire_crc32c);
			wire_tx_header(&p->tx, &header);
			wire_tx_record(&p->tx, FERRY_REC_HELLO, &hello, sizeof(hello), NULL, 0);
			peer_say_reason(p, FERRY_REC_REFUSE, EOPNOTSUPP, "not here");
		}
		goto deed;
	}
	if (peer_accept(p))
		goto out;
	err = peer_read_to(p, f->point == AT_ROUND ? FERRY_REC_ROUND : FERRY_REC_END);
	if (err) {
		f->heard = err == -ECANCELED ? FERRY_REC_CANCEL : err;
		goto out;
	}
	if (f->point != AT_COMMIT)
		goto deed;
	peer_say_token(p, FERRY_REC_PREPARED, p->rx.header.nonce, ours);
	p->rx.token.source = p->rx.header.nonce;
	p->rx.token.destination = ours;
	f->heard = peer_hear(p, 20000);
deed:
	switch (f->deed) {
	case ABORT:
		peer_say_reason(p, FERRY_REC_ABORT, ENOMEM, "no memory");
		break;
	case WRONG_NONCE:
		peer_say_token(p, FERRY_REC_PREPARED, p->rx.header.nonce + 1, ours);
		f->heard = peer_hear(p, 20000);
		break;
	case DRIBBLE:
		p->io.write = dribble;
		peer_say_token(p, FERRY_REC_PREPARED, p->rx.header.nonce, ours);
		break;
	case GARBAGE:
		send(f->fd, "this is not a Ferry stream, it is a sentence of sixty-four letters", 64, 0);
		break;
	case RUN:
		peer_say_token(p, FERRY_REC_RUNNING, p->rx.header.nonce, ours);
		break;
	default:
		break;
	}
	if (f->point == AT_HELLO && f->deed != REFUSE && f->deed != HANG_UP)
		while (recv(f->fd, p->body, sizeof(p->body), 0) > 0)
			;
	else if (f->deed != HANG_UP)
		while (f->heard = peer_hear(p, 20000), f->heard > 0)
			if (f->heard == FERRY_REC_CANCEL)
				break;
out:
	close(f->fd);
	return NULL;
}

static int fake_start(struct fake *f, enum point point, enum deed deed)
{
	int fd[2];

	storm_connect(fd);
	f->fd = fd[1];
	f->point = point;
	f->deed = deed;
	pthread_create(&f->thread, NULL, fake_thread, f);
	return fd[0];
}

static void start_move(struct ferry_migrate *m, int fd)
{
	memset(m, 0, sizeof(*m));
	m->fd = fd;
	m->timeout_ms = 1000 * slow();
	m->blackout_us = 10000000;
}

/* SEND and FINISH, as far as they go: the first error, or 0. */
static int move(struct storm *s, struct ferry_migrate *m, int fd, u64 blackout_us)
{
	int err;

	start_move(m, fd);
	if (blackout_us)
		m->blackout_us = blackout_us;
	err = storm_call(s->vm, FERRY_MIGRATE_SEND, m);
	return err ?: storm_call(s->vm, FERRY_MIGRATE_FINISH, m);
}

static void runs_on(struct storm *s, const char *what)
{
	ok(storm_progress(s, 2000), "%s: the guest runs on", what);
	storm_stop(s);
	ok(storm_check(s), "%s: ... rightly", what);
	storm_start(s);
}

static void fails(struct storm *s, enum point point, enum deed deed, int want, const char *text,
		  const char *what)
{
	static struct fake f;
	struct ferry_migrate m;
	int fd = fake_start(&f, point, deed);
	int err = move(s, &m, fd, deed == DRIBBLE ? 500000 * slow() : 0);

	close(fd);
	pthread_join(f.thread, NULL);
	ok_eq(err, want, "%s: %s", what, m.error);
	ok_eq(m.phase, FERRY_MIGRATE_ABORTED, "%s: ABORTED", what);
	ok(strstr((char *)m.error, text) != NULL, "%s: the reason is told", what);
	if (s->cpu[0].reason == FERRY_EXIT_FENCED) {
		storm_stop(s);
		storm_start(s);
	}
	runs_on(s, what);
}

static unsigned int exit_reason(struct storm *s)
{
	struct ferry_vcpu_run args = { .size = sizeof(args) };

	s->cpu[0].run->immediate_exit = 0;
	if (ioctl(s->cpu[0].fd, FERRY_RUN, &args))
		return 0x1000 + errno;
	return s->cpu[0].run->exit_reason;
}

static int resolve(struct storm *s, uint32_t answer)
{
	struct ferry_migrate_resolve r = { .size = sizeof(r), .answer = answer };

	return ioctl(s->vm, FERRY_MIGRATE_RESOLVE, &r) ? -errno : 0;
}

static int memory(struct storm *s, uint64_t gpa)
{
	struct ferry_memory r = { .size = sizeof(r), .region = 9, .gpa = gpa, .length = 4096 };

	return ioctl(s->vm, FERRY_SET_MEMORY, &r) ? -errno : 0;
}

static int vcpu(struct storm *s, uint32_t id)
{
	struct ferry_create_vcpu c = { .size = sizeof(c), .id = id };
	int fd = ioctl(s->vm, FERRY_CREATE_VCPU, &c);

	if (fd >= 0)
		close(fd);
	return fd >= 0 ? 0 : -errno;
}

static int pause_vm(struct storm *s, unsigned long request)
{
	struct ferry_pause p = { .size = sizeof(p) };

	return ioctl(s->vm, request, &p) ? -errno : 0;
}

/* COMMIT was sent; @deed says what came back. */
static void in_doubt(struct storm *s, enum deed deed, uint32_t answer, const char *what)
{
	static struct fake f;
	struct ferry_migrate m;
	int fd = fake_start(&f, AT_COMMIT, deed), err = move(s, &m, fd, 0);

	close(fd);
	pthread_join(f.thread, NULL);
	ok(err < 0, "%s: FINISH fails: %d", what, err);
	ok_eq(m.phase, FERRY_MIGRATE_IN_DOUBT, "%s: IN_DOUBT: %s", what, m.error);
	ok_eq(m.journal, 99, "%s: whom to ask", what);
	storm_stop(s);
	ok_eq(exit_reason(s), FERRY_EXIT_FENCED, "%s: the guest may not run", what);
	ok_eq(pause_vm(s, FERRY_CONTINUE), -EBUSY, "%s: nor be continued", what);
	ok_eq(storm_call(s->vm, FERRY_MIGRATE_ABORT, &m), -EBUSY, "%s: nor the move be aborted",
	      what);
	ok_eq(storm_call(s->vm, FERRY_MIGRATE_SEND, &m), -EBUSY, "%s: nor another begun", what);
	ok_eq(storm_call(s->vm, FERRY_MIGRATE_FINISH, &m), -EINVAL, "%s: nor this finished", what);
	ok_eq(resolve(s, 5), -EINVAL, "%s: only an answer helps", what);
	ok_eq(exit_reason(s), FERRY_EXIT_FENCED, "%s: it is still fenced", what);
	ok_eq(resolve(s, answer), 0, "%s: the answer", what);
	ok_eq(resolve(s, answer), -EINVAL, "%s: ... once", what);
	if (answer == FERRY_RESOLVE_RAN) {
		ok_eq(exit_reason(s), FERRY_EXIT_FENCED, "%s: it ran there, so never again here",
		      what);
		return;
	}
	storm_start(s);
	runs_on(s, what);
}

/* --------------------------------------------------------- cancel, signals, misuse */

struct cancel {
	struct storm *s;
	struct ferry_migrate m;
	pthread_t thread;
	int fd, err;
	volatile bool over;
};

static void *send_thread(void *arg)
{
	struct cancel *c = arg;

	c->err = storm_call(c->s->vm, FERRY_MIGRATE_SEND, &c->m);
	c->over = true;
	return NULL;
}

static uint32_t phase(struct storm *s)
{
	struct ferry_migrate_status st = { .size = sizeof(st) };

	return ioctl(s->vm, FERRY_MIGRATE_STATUS, &st) ? ~0U : st.phase;
}

/* A SEND that is in its rounds, slowly. */
static void slow_send(struct cancel *c, struct storm *s, struct fake *f)
{
	unsigned int ms;

	c->s = s;
	c->over = false;
	c->fd = fake_start(f, AT_COMMIT, SILENCE);
	start_move(&c->m, c->fd);
	c->m.timeout_ms = 20000;
	c->m.bandwidth = 1 << 20;
	pthread_create(&c->thread, NULL, send_thread, c);
	for (ms = 0; ms < 10000 && phase(s) != FERRY_MIGRATE_ROUNDS; ms += 5)
		usleep(5000);
	usleep(100000);
}

static void slow_end(struct cancel *c, struct fake *f)
{
	pthread_join(c->thread, NULL);
	close(c->fd);
	pthread_join(f->thread, NULL);
}

static void on_signal(int sig)
{
}

static void cancels(struct storm *s)
{
	struct sigaction act = { .sa_handler = on_signal };
	static struct fake f;
	struct ferry_migrate m = { 0 };
	struct ferry_dirty log = { .size = sizeof(log), .op = FERRY_DIRTY_START };
	struct cancel c;

	slow_send(&c, s, &f);
	start_move(&m, c.fd);
	ok_eq(storm_call(s->vm, FERRY_MIGRATE_SEND, &m), -EBUSY, "a second SEND");
	ok_eq(storm_call(s->vm, FERRY_MIGRATE_FINISH, &m), -EBUSY, "FINISH during SEND");
	ok_eq(memory(s, 1ULL << 36), -EBUSY, "a region during SEND");
	ok_eq(vcpu(s, 1), -EBUSY, "a vCPU during SEND");
	ok_eq(ioctl(s->vm, FERRY_DIRTY, &log) ? -errno : 0, -EBUSY, "the dirty log during SEND");
	memset(&m, 0, sizeof(m));
	ok_eq(storm_call(s->vm, FERRY_MIGRATE_ABORT, &m), 0, "ABORT from another thread");
	slow_end(&c, &f);
	ok_eq(c.err, -ECANCELED, "... ends SEND: %s", c.m.error);
	ok_eq(c.m.phase, FERRY_MIGRATE_ABORTED, "... and the attempt");
	ok_eq(f.heard, FERRY_REC_CANCEL, "... and the other side is told");
	ok_eq(storm_call(s->vm, FERRY_MIGRATE_ABORT, &m), -EALREADY, "... once");
	ok_eq(memory(s, 1ULL << 36), 0, "... after it regions may change again");
	runs_on(s, "cancelled");

	sigaction(SIGUSR2, &act, NULL);
	slow_send(&c, s, &f);
	pthread_kill(c.thread, SIGUSR2);
	slow_end(&c, &f);
	ok_eq(c.err, -EINTR, "a handled signal cancels: %s", c.m.error);
	ok_eq(f.heard, FERRY_REC_CANCEL, "... and the other side is told");
	runs_on(s, "interrupted");

	act.sa_handler = SIG_IGN;
	sigaction(SIGUSR2, &act, NULL);
	slow_send(&c, s, &f);
	pthread_kill(c.thread, SIGUSR2);
	usleep(200000);
	ok(!c.over, "an ignored signal does not");
	storm_call(s->vm, FERRY_MIGRATE_ABORT, &m);
	slow_end(&c, &f);
	ok_eq(c.err, -ECANCELED, "... and it can still be aborted");
}

/* While the other side thinks about the offer nothing is copied yet, but the move has begun. */
static void offered(struct storm *s)
{
	struct ferry_dirty log = { .size = sizeof(log), .op = FERRY_DIRTY_START };
	struct ferry_migrate m = { 0 };
	static struct fake f;
	struct cancel c = { .s = s };
	unsigned int ms;

	c.fd = fake_start(&f, AT_HELLO, SILENCE);
	start_move(&c.m, c.fd);
	c.m.timeout_ms = 20000;
	pthread_create(&c.thread, NULL, send_thread, &c);
	for (ms = 0; ms < 10000 && phase(s) != FERRY_MIGRATE_ROUNDS; ms += 5)
		usleep(5000);
	ok_eq(ioctl(s->vm, FERRY_DIRTY, &log) ? -errno : 0, -EBUSY,
	      "the dirty log between the offer and its answer");
	ok_eq(storm_call(s->vm, FERRY_MIGRATE_ABORT, &m), 0, "... ABORT");
	slow_end(&c, &f);
	ok_eq(c.err, -ECANCELED, "... ends SEND: %s", c.m.error);
	ok_eq(ioctl(s->vm, FERRY_DIRTY, &log) ? -errno : 0, 0, "... after it the log is free");
	log.op = FERRY_DIRTY_STOP;
	ioctl(s->vm, FERRY_DIRTY, &log);
}

/* Stopped and continued in the middle, it goes on where it was. */
static void stopped(void)
{
	static struct fake f;
	struct storm s;
	struct cancel c;
	pid_t child, parent = getpid();
	int status;

	storm_open(&s, 1, 2000);
	storm_start(&s);
	c.s = &s;
	c.fd = fake_start(&f, AT_COMMIT, RUN);
	start_move(&c.m, c.fd);
	c.m.timeout_ms = 20000;
	c.m.bandwidth = 2 << 20;
	child = fork();
	if (!child) {
		unsigned int i;

		for (i = 0; i < 4; i++) {
			usleep(150000);
			kill(parent, SIGSTOP);
			usleep(150000);
			kill(parent, SIGCONT);
		}
		_exit(0);
	}
	c.err = storm_call(s.vm, FERRY_MIGRATE_SEND, &c.m);
	ok_eq(c.err, 0, "SEND outlives being stopped and continued: %s", c.m.error);
	ok_eq(c.m.phase, FERRY_MIGRATE_FROZEN, "... and freezes the guest");
	waitpid(child, &status, 0);
	ok_eq(storm_call(s.vm, FERRY_MIGRATE_FINISH, &c.m), 0, "... FINISH: %s", c.m.error);
	ok_eq(c.m.phase, FERRY_MIGRATE_DONE, "... DONE");
	close(c.fd);
	pthread_join(f.thread, NULL);
	storm_close(&s);
}

static void misuse(void)
{
	struct ferry_migrate m = { 0 };
	int pair[2], dgram = socket(AF_INET, SOCK_DGRAM, 0), null = open("/dev/null", O_WRONLY);
	struct storm s;

	storm_open(&s, 1, 0);
	storm_start(&s);
	storm_connect(pair);
	m.fd = -1;
	ok_eq(storm_call(s.vm, FERRY_MIGRATE_SEND, &m), -EBADF, "SEND to no descriptor");
	m.fd = null;
	ok_eq(storm_call(s.vm, FERRY_MIGRATE_SEND, &m), -ENOTSOCK, "SEND to a file, not said");
	m.fd = dgram;
	ok_eq(storm_call(s.vm, FERRY_MIGRATE_SEND, &m), -EINVAL, "SEND to a datagram socket");
	m.fd = pair[0];
	m.flags = FERRY_MIGRATE_FILE;
	ok_eq(storm_call(s.vm, FERRY_MIGRATE_SEND, &m), -EINVAL, "SEND to a socket said to be a file");
	m.flags = FERRY_MIGRATE_FILE | FERRY_MIGRATE_DRY_RUN;
	m.fd = null;
	ok_eq(storm_call(s.vm, FERRY_MIGRATE_SEND, &m), -EINVAL, "a dry run to a file");
	m.flags = 1 << 30;
	ok_eq(storm_call(s.vm, FERRY_MIGRATE_SEND, &m), -EINVAL, "unknown flags");
	m.flags = 0;
	m.fd = pair[0];
	m.reserved[1] = 1;
	ok_eq(storm_call(s.vm, FERRY_MIGRATE_SEND, &m), -EINVAL, "reserved fields");
	m.reserved[1] = 0;
	m.definition = 8;
	m.definition_length = 100;
	ok_eq(storm_call(s.vm, FERRY_MIGRATE_SEND, &m), -EFAULT, "a definition at a bad address");
	m.definition_length = 1 << 30;
	ok_eq(storm_call(s.vm, FERRY_MIGRATE_SEND, &m), -EINVAL, "a definition of 1 GiB");
	m.definition_length = 0;
	ok_eq(storm_call(s.vm, FERRY_MIGRATE_FINISH, &m), -EINVAL, "FINISH without SEND");
	ok_eq(storm_call(s.vm, FERRY_MIGRATE_RECEIVE, &m), -EINVAL, "RECEIVE into a VM that runs");
	ok_eq(storm_call(s.vm, FERRY_MIGRATE_ACCEPT, &m), -EINVAL, "ACCEPT without RECEIVE");
	ok_eq(storm_call(s.vm, FERRY_MIGRATE_CONFIRM, &m), -EINVAL, "CONFIRM without ACCEPT");
	ok_eq(storm_call(s.vm, FERRY_MIGRATE_ABORT, &m), -EALREADY, "ABORT of nothing");
	ok_eq(resolve(&s, FERRY_RESOLVE_FORCE), -EINVAL, "RESOLVE without doubt");
	ok_eq(phase(&s), FERRY_MIGRATE_IDLE, "STATUS of nothing");
	runs_on(&s, "after all that");
	close(pair[0]);
	close(pair[1]);
	close(dgram);
	close(null);
	storm_close(&s);

	storm_incoming(&s);
	memset(&m, 0, sizeof(m));
	m.fd = -1;
	ok_eq(storm_call(s.vm, FERRY_MIGRATE_SEND, &m), -EBUSY, "SEND of a VM that has not arrived");
	ok_eq(storm_call(s.vm, FERRY_MIGRATE_RECEIVE, &m), -EBADF, "RECEIVE from no descriptor");
	ok_eq(pause_vm(&s, FERRY_CONTINUE), -EBUSY, "an incoming VM cannot be continued");
	storm_close(&s);
}

static void dry_run(struct storm *s)
{
	struct storm to;
	struct storm_move mv = { .flags = FERRY_MIGRATE_DRY_RUN, .timeout_ms = 5000 };

	storm_incoming(&to);
	storm_move(&mv, s, &to);
	ok_eq(mv.send, 0, "a dry run: SEND: %s", mv.source.error);
	ok_eq(mv.source.phase, FERRY_MIGRATE_IDLE, "... IDLE");
	ok_eq(mv.receive, 0, "... RECEIVE: %s", mv.dest.error);
	ok(mv.dest.flags & FERRY_MIGRATE_DRY_RUN, "... says what it is");
	ok_eq(mv.load, 0, "... and agrees: %s", mv.dest.error);
	ok_eq(mv.dest.phase, FERRY_MIGRATE_ABORTED, "... over before a page has come");
	runs_on(s, "dry run");
	storm_close(&to);
}

static void set_vm(struct storm *s, uint32_t group, void *state, uint32_t length)
{
	struct ferry_state args = { .size = sizeof(args), .group = group, .length = length,
				    .addr = (uintptr_t)state };

	if (ioctl(s->vm, FERRY_SET_STATE, &args))
		bail_out("setting state group %u", group);
}

static int dry(struct storm *s, uint32_t flags, struct storm_move *mv)
{
	struct storm to;

	*mv = (struct storm_move){ .flags = FERRY_MIGRATE_DRY_RUN | flags, .timeout_ms = 5000 };
	storm_incoming(&to);
	storm_move(mv, s, &to);
	storm_close(&to);
	return mv->send;
}

/* A guest that was born on a CPU of twice the rate. */
static void other_rate(struct storm *s)
{
	struct ferry_info info = { .size = sizeof(info) };
	struct ferry_state_vmclock clock;
	struct ferry_state_seen seen = { .flags = FERRY_SEEN_KVMCLOCK };
	struct ferry_state args = { .size = sizeof(args), .group = FERRY_STATE_VMCLOCK,
				    .length = sizeof(clock), .addr = (uintptr_t)&clock };
	struct storm_move mv;
	bool scales;

	if (ioctl(s->dev, FERRY_GET_INFO, &info) || ioctl(s->vm, FERRY_GET_STATE, &args))
		bail_out("reading clocks");
	scales = info.caps & FERRY_CAP_TSC_SCALE;
	ok_eq(dry(s, 0, &mv), 0, "a guest of this rate is taken: %s", mv.source.error);
	clock.tsc_khz = 2 * info.tsc_khz;
	set_vm(s, FERRY_STATE_VMCLOCK, &clock, sizeof(clock));
	ok_eq(dry(s, 0, &mv), scales ? 0 : -EOPNOTSUPP, "one of twice the rate is%s: %s",
	      scales ? ", by a CPU that scales" : " not", mv.source.error);
	ok(scales || strstr((char *)mv.source.error, "1 warnings"), "... with a warning");
	ok_eq(dry(s, FERRY_MIGRATE_ALLOW_WARNINGS, &mv), 0, "... which can be allowed: %s", mv.source.error);
	set_vm(s, FERRY_STATE_SEEN, &seen, sizeof(seen));
	ok_eq(dry(s, 0, &mv), 0, "with kvmclock it goes on: %s", mv.source.error);
	clock.tsc_khz = info.tsc_khz;
	set_vm(s, FERRY_STATE_VMCLOCK, &clock, sizeof(clock));
	runs_on(s, "another rate");
}

int main(void)
{
	struct storm s;

	storm_open(&s, 1, 200);
	storm_start(&s);
	fails(&s, AT_HELLO, REFUSE, -EOPNOTSUPP, "not here", "refused");
	fails(&s, AT_HELLO, SILENCE, -ETIMEDOUT, "in time", "no answer to HELLO");
	fails(&s, AT_HELLO, HANG_UP, -ECONNRESET, "", "hang up at HELLO");
	fails(&s, AT_HELLO, GARBAGE, -EPROTO, "not a Ferry stream", "something else there");
	fails(&s, AT_ROUND, SILENCE, -ETIMEDOUT, "in time", "no answer to ROUND");
	fails(&s, AT_ROUND, HANG_UP, -ECONNRESET, "", "hang up in the rounds");
	fails(&s, AT_ROUND, ABORT, -ENOMEM, "no memory", "ABORT in the rounds");
	fails(&s, AT_ROUND, GARBAGE, -EPROTO, "damaged", "garbage in the rounds");
	fails(&s, AT_END, SILENCE, -ETIMEDOUT, "in time", "no PREPARED");
	fails(&s, AT_END, DRIBBLE, -ETIMEDOUT, "too slow", "PREPARED in a dozen seconds");
	fails(&s, AT_END, HANG_UP, -ECONNRESET, "", "hang up instead of PREPARED");
	fails(&s, AT_END, ABORT, -ENOMEM, "no memory", "ABORT instead of PREPARED");
	fails(&s, AT_END, WRONG_NONCE, -EPROTO, "not for this migration", "PREPARED of another");
	fails(&s, AT_COMMIT, ABORT, -ENOMEM, "no memory", "ABORT after COMMIT");
	offered(&s);
	cancels(&s);
	dry_run(&s);
	other_rate(&s);
	in_doubt(&s, HANG_UP, FERRY_RESOLVE_ABORTED, "hang up after COMMIT");
	in_doubt(&s, SILENCE, FERRY_RESOLVE_NEVER, "silence after COMMIT");
	in_doubt(&s, GARBAGE, FERRY_RESOLVE_FORCE, "garbage after COMMIT");
	in_doubt(&s, HANG_UP, FERRY_RESOLVE_RAN, "it ran there");
	storm_close(&s);
	stopped();
	misuse();
	return done();
}
