// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bytes to and from the peer: a stream socket or a file.
 *
 * Waits are cut into slices, so that another thread's cancel and the time limit are seen. A signal
 * that will be handled or will kill ends a wait; a stop and a continue do not: inside a record we go
 * on without sleeping on the socket, between records the ioctl is restarted. A peer that always has
 * something to say, or takes it a byte at a time, keeps nobody in here. The socket's own time-outs are
 * put back when we are done. No locks of ours.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/net.h>
#include <linux/sched/signal.h>
#include <linux/socket.h>
#include <linux/uio.h>
#include <net/sock.h>

#include "migrate.h"

#define SLICE msecs_to_jiffies(200)
/* After a last word: how long, and for how many bytes, we listen so that it is not cut off. */
#define BYE_NS (1000ULL * NSEC_PER_MSEC)
#define BYE_BYTES (64U << 20)

static_assert(sizeof(struct wire_vec) == sizeof(struct kvec));
static_assert(offsetof(struct wire_vec, base) == offsetof(struct kvec, iov_base));
static_assert(offsetof(struct wire_vec, len) == offsetof(struct kvec, iov_len));

/* CRC32C by the CPU: SSE4.2's instruction works on general registers, so no FPU section is needed. */
u32 ferry_crc32c(u32 crc, const void *data, size_t len)
{
	const u8 *p = data;
	u64 c = crc;

	if (!boot_cpu_has(X86_FEATURE_XMM4_2))
		return wire_crc32c(crc, data, len);
	for (; len >= 8; len -= 8, p += 8)
		asm("crc32q %1, %0" : "+r"(c) : "m"(*(const u64 *)p));
	for (; len; len--, p++)
		asm("crc32b %1, %0" : "+r"(c) : "m"(*p));
	return c;
}

/* -------------------------------------------------------------------- open, close */

/**
 * ferry_link_open() - take a descriptor for a migration
 * @link: out; @timeout_ms, @bandwidth and @cancel are set by the caller
 * @fd: of the calling process
 * @file: a file or pipe rather than a socket
 * @write: the stream goes out
 *
 * Return: 0, -EBADF, -ENOTSOCK, -EINVAL not a stream socket, or a socket where a file was promised.
 */
int ferry_link_open(struct ferry_link *link, int fd, bool file, bool write)
{
	struct socket *sock;
	struct file *f;
	int err;

	link->deaf = false;
	link->patient = false;
	link->broken = false;
	link->limit = 0;
	link->written = 0;
	link->began = ktime_get();
	if (file) {
		f = fget(fd);
		if (!f)
			return -EBADF;
		err = -EINVAL;
		if (sock_from_file(f) || S_ISDIR(file_inode(f)->i_mode))
			goto err_file;
		err = -EBADF;
		if (!(f->f_mode & (write ? FMODE_WRITE : FMODE_READ)))
			goto err_file;
		link->file = f;
		link->pos = f->f_pos;
		return 0;
	}
	sock = sockfd_lookup(fd, &err);
	if (!sock)
		return err;
	if (sock->type != SOCK_STREAM || !sock->sk) {
		sockfd_put(sock);
		return -EINVAL;
	}
	link->rcvtimeo = READ_ONCE(sock->sk->sk_rcvtimeo);
	link->sndtimeo = READ_ONCE(sock->sk->sk_sndtimeo);
	WRITE_ONCE(sock->sk->sk_rcvtimeo, SLICE);
	WRITE_ONCE(sock->sk->sk_sndtimeo, SLICE);
	link->sock = sock;
	return 0;

err_file:
	fput(f);
	return err;
}

void ferry_link_close(struct ferry_link *link)
{
	if (link->sock) {
		WRITE_ONCE(link->sock->sk->sk_rcvtimeo, link->rcvtimeo);
		WRITE_ONCE(link->sock->sk->sk_sndtimeo, link->sndtimeo);
		sockfd_put(link->sock);
	}
	if (link->file) {
		link->file->f_pos = link->pos;
		fput(link->file);
	}
	link->sock = NULL;
	link->file = NULL;
}

bool ferry_link_is_open(struct ferry_link *link)
{
	return link->sock || link->file;
}

/* ------------------------------------------------------------------------ signals */

/* Is a signal waiting that will do more than stop or continue this thread? */
static bool meant_signal(void)
{
	/* A running task's own cannot go away. */
	struct sighand_struct *hand = rcu_dereference_protected(current->sighand, true);
	bool found = false;
	sigset_t set;
	int sig;

	spin_lock_irq(&hand->siglock);
	sigorsets(&set, &current->pending.signal, &current->signal->shared_pending.signal);
	sigandnsets(&set, &set, &current->blocked);
	for (sig = 1; sig <= _NSIG && !found; sig++) {
		__sighandler_t handler = hand->action[sig - 1].sa.sa_handler;

		if (!sigismember(&set, sig) || handler == SIG_IGN)
			continue;
		found = handler != SIG_DFL || !(sig_kernel_stop(sig) || sig_kernel_ignore(sig));
	}
	spin_unlock_irq(&hand->siglock);
	return found;
}

/**
 * ferry_link_interrupted() - must the migration end here?
 * @link: the link
 * Return: 0, -ECANCELED another thread said so, -EINTR a signal did, -ETIMEDOUT it is too late.
 */
int ferry_link_interrupted(struct ferry_link *link)
{
	if (READ_ONCE(*link->cancel) && !link->deaf)
		return -ECANCELED;
	if (link->limit && ktime_get_ns() > link->limit)
		return -ETIMEDOUT;
	if (!signal_pending(current))
		return 0;
	if (fatal_signal_pending(current))
		return -EINTR;
	return !link->deaf && meant_signal() ? -EINTR : 0;
}

/* Before a read, which may find its bytes there already: 0 or -errno. */
static int link_go_on(struct ferry_link *link)
{
	return link->deaf ? 0 : ferry_link_interrupted(link);
}

/* After a transfer moved nothing: -errno, or 0 to try again. */
static int link_idle(struct ferry_link *link, int err, u64 deadline)
{
	if (err == -EPIPE || err == -ECONNREFUSED || err == -ENOTCONN)
		return -ECONNRESET;
	if (err != -EAGAIN && err != -EINTR && err != -ERESTARTSYS)
		return err;
	err = ferry_link_interrupted(link);
	if (err)
		return err;
	if (ktime_get_ns() > deadline)
		return -ETIMEDOUT;
	/* With a signal pending no socket call sleeps. */
	if (signal_pending(current))
		schedule_timeout_uninterruptible(1);
	return 0;
}

static u64 deadline_of(struct ferry_link *link)
{
	return ktime_get_ns() + link->timeout_ms * (u64)NSEC_PER_MSEC;
}

static int sock_flags(void)
{
	return MSG_NOSIGNAL | (signal_pending(current) ? MSG_DONTWAIT : 0);
}

/* ---------------------------------------------------------------------- transfers */

static int file_write(struct ferry_link *link, struct wire_vec *vec, unsigned int nr)
{
	unsigned int i;
	size_t done;
	ssize_t n;
	int err;

	for (i = 0; i < nr; i++) {
		for (done = 0; done < vec[i].len; done += n) {
			n = kernel_write(link->file, vec[i].base + done, vec[i].len - done,
					 &link->pos);
			if (n > 0)
				continue;
			/* A pipe is full and a signal came. */
			err = n ? link_idle(link, n, ~0ULL) : -EIO;
			if (err)
				return err;
			n = 0;
		}
	}
	return 0;
}

static int link_write(void *ctx, struct wire_vec *vec, unsigned int nr, size_t total)
{
	struct ferry_link *link = ctx;
	struct msghdr msg = {};
	u64 deadline = deadline_of(link);
	int err = 0, n;

	if (link->broken)
		return -ECONNRESET;
	if (link->file) {
		err = file_write(link, vec, nr);
		goto out;
	}
	iov_iter_kvec(&msg.msg_iter, WRITE, (struct kvec *)vec, nr, total);
	while (!err && msg_data_left(&msg)) {
		msg.msg_flags = sock_flags();
		n = sock_sendmsg(link->sock, &msg);
		if (n <= 0) {
			err = link_idle(link, n, deadline);
		} else if (msg_data_left(&msg)) {
			/* A trickle is progress, but not for ever. */
			err = ferry_link_interrupted(link);
			deadline = deadline_of(link);
		}
	}
out:
	if (err)
		link->broken = true;
	else
		link->written += total;
	return err;
}

static int file_read(struct ferry_link *link, struct wire_vec *vec, unsigned int nr)
{
	bool any = false;
	unsigned int i;
	size_t done;
	ssize_t n;
	int err;

	for (i = 0; i < nr; i++) {
		for (done = 0; done < vec[i].len; done += n) {
			n = kernel_read(link->file, vec[i].base + done, vec[i].len - done,
					&link->pos);
			if (!n)
				return any ? -EPIPE : -ENODATA;
			if (n > 0) {
				any = true;
				continue;
			}
			err = link_idle(link, n, ~0ULL);
			if (err)
				return err;
			n = 0;
		}
	}
	return 0;
}

static int link_read(void *ctx, struct wire_vec *vec, unsigned int nr, size_t total)
{
	struct ferry_link *link = ctx;
	struct msghdr msg = {};
	u64 deadline = deadline_of(link);
	int err = link_go_on(link), n;

	if (err)
		return err;
	if (link->file)
		return file_read(link, vec, nr);
	iov_iter_kvec(&msg.msg_iter, READ, (struct kvec *)vec, nr, total);
	while (!err && msg_data_left(&msg)) {
		n = sock_recvmsg(link->sock, &msg, sock_flags() | MSG_WAITALL);
		if (!n)
			return msg_data_left(&msg) == total ? -ENODATA : -EPIPE;
		if (n <= 0) {
			err = link_idle(link, n, deadline);
			continue;
		}
		deadline = deadline_of(link);
		if (msg_data_left(&msg))
			err = link_go_on(link);
	}
	return err;
}

const struct wire_io ferry_link_io = { .read = link_read, .write = link_write };

/* -------------------------------------------------------------------------- waits */

static int peek(struct ferry_link *link, int flags)
{
	struct msghdr msg = {};
	struct kvec vec;
	u8 byte;

	vec.iov_base = &byte;
	vec.iov_len = 1;
	return kernel_recvmsg(link->sock, &msg, &vec, 1, 1, MSG_PEEK | flags);
}

/* Has the peer said something, or gone? Does not wait. */
bool ferry_link_readable(struct ferry_link *link)
{
	return link->sock && peek(link, MSG_DONTWAIT) != -EAGAIN;
}

/**
 * ferry_link_wait() - wait between two records until the peer says something
 * @link: the link
 * @timeout_ns: for how long
 *
 * Return: 0 there are bytes or the end; -ETIMEDOUT, -EINTR, -ECANCELED, a socket's error;
 * -ERESTARTNOHAND a signal that does not concern us: leave, and come back when it was served.
 */
int ferry_link_wait(struct ferry_link *link, u64 timeout_ns)
{
	u64 deadline = ktime_get_ns() + timeout_ns;
	int n, err;

	if (link->file)
		return ferry_link_interrupted(link);
	for (;;) {
		n = peek(link, sock_flags());
		if (n >= 0)
			return 0;
		err = link_idle(link, n, deadline);
		if (err)
			return err;
		if (signal_pending(current) && !link->deaf && !link->patient)
			return -ERESTARTNOHAND;
	}
}

/* Sleep as long as what was written is ahead of the bandwidth. */
int ferry_link_throttle(struct ferry_link *link)
{
	u64 due, now;
	int err;

	if (!link->bandwidth)
		return 0;
	due = mul_div_sat(link->written, NSEC_PER_SEC, link->bandwidth);
	for (;;) {
		now = ktime_to_ns(ktime_sub(ktime_get(), link->began));
		if (now + NSEC_PER_MSEC >= due)
			return 0;
		err = ferry_link_interrupted(link);
		if (err || signal_pending(current))
			return err;
		schedule_timeout_interruptible(
			min_t(u64, SLICE, nsecs_to_jiffies(due - now) + 1));
	}
}

/* All of a file on disk. Pipes have nothing to sync. */
int ferry_link_sync(struct ferry_link *link)
{
	int err = vfs_fsync(link->file, 0);

	return err == -EINVAL ? 0 : err;
}

/**
 * ferry_link_bye() - make sure that a last word is heard
 * @link: the link; nothing will be written any more
 * @sink: room for what nobody will look at
 * @len: bytes there
 *
 * A socket that is closed while bytes are waiting in it resets the connection, and the peer may lose
 * what we said last. So read what is under way, for a moment.
 */
void ferry_link_bye(struct ferry_link *link, void *sink, size_t len)
{
	u64 deadline = ktime_get_ns() + BYE_NS;
	size_t left = BYE_BYTES;
	struct msghdr msg;
	struct kvec vec;
	int n;

	if (!link->sock || link->broken)
		return;
	kernel_sock_shutdown(link->sock, SHUT_WR);
	while (left && ktime_get_ns() < deadline && !signal_pending(current)) {
		vec.iov_base = sink;
		vec.iov_len = len;
		msg = (struct msghdr){};
		n = kernel_recvmsg(link->sock, &msg, &vec, 1, len, 0);
		if (n == -EAGAIN)
			continue;
		if (n <= 0)
			return;
		left -= min_t(size_t, left, n);
	}
}
