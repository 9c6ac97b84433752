// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's serial line on this side. See console.h.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "console.h"

/* A pipe that polls writable takes this much without blocking. */
#define CHUNK 4096

static int open_tty(struct console *c, struct error *err)
{
	c->kind = CONSOLE_TTY;
	c->in = STDIN_FILENO;
	c->out = STDOUT_FILENO;
	/* In the background a read would stop us. */
	if (isatty(c->in) && tcgetpgrp(c->in) != getpgrp())
		c->in = -1;
	return 0;
}

static int open_file(struct console *c, const char *path, struct error *err)
{
	c->kind = CONSOLE_FILE;
	c->out = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (c->out < 0)
		return fail_errno(err, FERRY_X_SYSTEM, "cannot open the console file %s", path);
	c->path = xstrdup(path);
	return 0;
}

static int open_pty(struct console *c, const char *link, struct error *err)
{
	struct termios tio;
	char name[64];

	c->kind = CONSOLE_PTY;
	c->in = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (c->in < 0 || grantpt(c->in) || unlockpt(c->in) ||
	    ptsname_r(c->in, name, sizeof(name)))
		return fail_errno(err, FERRY_X_SYSTEM, "cannot make a pseudo-terminal");
	c->out = c->in;
	c->keep = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (c->keep < 0 || tcgetattr(c->keep, &tio))
		return fail_errno(err, FERRY_X_SYSTEM, "cannot open the pseudo-terminal %s", name);
	cfmakeraw(&tio);
	tcsetattr(c->keep, TCSANOW, &tio);
	c->device = xstrdup(name);
	if (link && (unlink(link), symlink(name, link)))
		return fail_errno(err, FERRY_X_SYSTEM, "cannot link %s to %s", link, name);
	if (link)
		c->path = xstrdup(link);
	return 0;
}

static int open_socket(struct console *c, const char *path, struct error *err)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	c->kind = CONSOLE_SOCKET;
	if (strlen(path) >= sizeof(sun.sun_path))
		return fail(err, FERRY_X_USAGE, "the socket's path %s is too long", path);
	strcpy(sun.sun_path, path);
	c->listen = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->listen < 0 || (unlink(path), bind(c->listen, (void *)&sun, sizeof(sun))) ||
	    listen(c->listen, 1))
		return fail_errno(err, FERRY_X_SYSTEM, "cannot listen on %s", path);
	c->path = xstrdup(path);
	return 0;
}

int console_open(struct console *c, const char *where, bool own_terminal, struct error *err)
{
	int ret;

	memset(c, 0, sizeof(*c));
	c->in = c->out = c->listen = c->keep = -1;
	if (!strcmp(where, "none"))
		ret = 0;
	else if (!strcmp(where, "tty") && own_terminal)
		ret = open_tty(c, err);
	else if (!strcmp(where, "tty") || !strcmp(where, "pty"))
		ret = open_pty(c, NULL, err);
	else if (!strncmp(where, "pty:", 4) && where[4])
		ret = open_pty(c, where + 4, err);
	else if (!strncmp(where, "file:", 5) && where[5])
		ret = open_file(c, where + 5, err);
	else if (!strncmp(where, "socket:", 7) && where[7])
		ret = open_socket(c, where + 7, err);
	else
		ret = fail(err, FERRY_X_USAGE,
			   "'%s' is no console: tty, file:PATH, pty, pty:LINK, socket:PATH or none",
			   where);
	if (ret)
		console_close(c);
	return ret;
}

static void close_fd(int *fd)
{
	if (*fd > STDERR_FILENO)
		close(*fd);
	*fd = -1;
}

/*
 * What nobody has read of a pty is lost when it closes: give a reader a moment. What was written
 * reaches the reader's side a little later, so it has to be empty for a while.
 */
static void drain_pty(struct console *c)
{
	int waits, unread, empty = 0;

	for (waits = 0; waits < 100 && empty < 5; waits++) {
		if (ioctl(c->keep, FIONREAD, &unread))
			return;
		empty = unread ? 0 : empty + 1;
		poll(NULL, 0, 10);
	}
}

void console_close(struct console *c)
{
	console_flush(c);
	if (c->kind == CONSOLE_PTY && c->keep >= 0)
		drain_pty(c);
	console_cooked(c);
	if (c->path && (c->kind == CONSOLE_PTY || c->kind == CONSOLE_SOCKET))
		unlink(c->path);
	if (c->in != c->out)
		close_fd(&c->in);
	close_fd(&c->out);
	close_fd(&c->listen);
	close_fd(&c->keep);
	free(c->path);
	free(c->device);
	c->path = c->device = NULL;
	c->kind = CONSOLE_NONE;
	c->in = -1;
}

/* --------------------------------------------------------------- the terminal */

void console_raw(struct console *c)
{
	struct termios tio;

	if (c->kind != CONSOLE_TTY || c->in < 0 || tcgetattr(c->in, &tio))
		return;
	if (!c->raw)
		c->saved = tio;
	c->raw = true;
	cfmakeraw(&tio);
	/* The guest's terminal driver sends carriage returns itself. */
	tio.c_oflag |= c->saved.c_oflag & OPOST;
	tcsetattr(c->in, TCSANOW, &tio);
	fprintf(stderr, "ferry: Ctrl-A x ends the VM, Ctrl-A h lists more\r\n");
}

void console_cooked(struct console *c)
{
	if (c->raw)
		tcsetattr(c->in, TCSADRAIN, &c->saved);
	c->raw = false;
}

/* --------------------------------------------------------------------- output */

/* Write some of the buffer; blocks only if @wait. False if nothing could be written. */
static bool write_some(struct console *c, bool wait)
{
	struct pollfd pfd = { .fd = c->out, .events = POLLOUT };
	ssize_t n;

	if (!wait && poll(&pfd, 1, 0) <= 0)
		return false;
	n = c->kind == CONSOLE_SOCKET ?
		    send(c->out, c->out_buf, min(c->nr_out, (size_t)CHUNK),
			 MSG_NOSIGNAL | MSG_DONTWAIT) :
		    write(c->out, c->out_buf, min(c->nr_out, (size_t)CHUNK));
	if (n > 0) {
		c->nr_out -= n;
		memmove(c->out_buf, c->out_buf + n, c->nr_out);
		return true;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	/* The reader is gone for good. */
	c->dropped += c->nr_out;
	c->nr_out = 0;
	if (c->kind == CONSOLE_SOCKET) {
		close_fd(&c->out);
		c->in = -1;
	} else if (c->kind == CONSOLE_TTY) {
		c->out = -1;
	}
	return true;
}

bool console_transmit(struct console *c, u8 byte)
{
	if (c->out < 0) {
		c->dropped++;
		return false;
	}
	if (c->nr_out == CONSOLE_OUT) {
		bool may_wait = c->kind == CONSOLE_TTY || c->kind == CONSOLE_FILE;

		/* A signal ends the wait: then the VM is being stopped. */
		if (!write_some(c, may_wait)) {
			c->dropped++;
			return false;
		}
		if (c->out < 0)
			return false;
	}
	c->out_buf[c->nr_out++] = byte;
	return c->nr_out == 1;
}

void console_flush(struct console *c)
{
	while (c->out >= 0 && c->nr_out)
		if (!write_some(c, c->kind == CONSOLE_FILE))
			break;
}

/* ---------------------------------------------------------------------- input */

unsigned int console_receive(struct console *c, u8 *data, unsigned int n)
{
	n = min((size_t)n, c->nr_in);
	memcpy(data, c->in_buf, n);
	c->nr_in -= n;
	memmove(c->in_buf, c->in_buf + n, c->nr_in);
	return n;
}

static void say(const char *text)
{
	fputs(text, stderr);
}

/* One byte from a terminal: Ctrl-A introduces a command to us. */
static enum console_request typed(struct console *c, u8 byte)
{
	if (!c->escaped) {
		if (byte == CONSOLE_ESCAPE) {
			c->escaped = true;
			return CONSOLE_NOTHING;
		}
		c->in_buf[c->nr_in++] = byte;
		return CONSOLE_NOTHING;
	}
	c->escaped = false;
	switch (byte) {
	case 'x':
		return CONSOLE_QUIT;
	case CONSOLE_ESCAPE:
	case 'a':
		c->in_buf[c->nr_in++] = CONSOLE_ESCAPE;
		break;
	default:
		say("\r\nCtrl-A x  end the VM\r\nCtrl-A a  send Ctrl-A\r\nCtrl-A h  this\r\n");
	}
	return CONSOLE_NOTHING;
}

static enum console_request read_input(struct console *c)
{
	enum console_request request = CONSOLE_NOTHING;
	u8 buf[256];
	ssize_t i, n;

	n = read(c->in, buf, min(sizeof(buf), CONSOLE_IN - c->nr_in));
	if (n < 0 && (errno == EAGAIN || errno == EINTR || errno == EIO))
		return CONSOLE_NOTHING;
	if (n <= 0) {
		/* End of input is not the end of the guest. */
		if (c->kind == CONSOLE_SOCKET)
			close_fd(&c->out);
		c->in = -1;
		return CONSOLE_NOTHING;
	}
	for (i = 0; i < n; i++) {
		if (c->raw) {
			enum console_request r = typed(c, buf[i]);

			request = r ? r : request;
		} else {
			c->in_buf[c->nr_in++] = buf[i];
		}
	}
	return request;
}

static void accept_client(struct console *c)
{
	int fd = accept4(c->listen, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	if (c->out >= 0) { /* one at a time */
		close(fd);
		return;
	}
	c->in = c->out = fd;
}

int console_polls(struct console *c, struct pollfd pfd[CONSOLE_POLLS])
{
	int n = 0;

	if (c->in >= 0 && c->nr_in < CONSOLE_IN)
		pfd[n++] = (struct pollfd){ .fd = c->in, .events = POLLIN };
	if (c->out >= 0 && c->nr_out)
		pfd[n++] = (struct pollfd){ .fd = c->out, .events = POLLOUT };
	if (c->listen >= 0)
		pfd[n++] = (struct pollfd){ .fd = c->listen, .events = POLLIN };
	return n;
}

enum console_request console_handle(struct console *c, const struct pollfd *pfd, int n)
{
	enum console_request request = CONSOLE_NOTHING;
	int i;

	for (i = 0; i < n; i++) {
		if (!pfd[i].revents)
			continue;
		if (pfd[i].events == POLLOUT)
			while (c->out >= 0 && c->nr_out && write_some(c, false))
				;
		else if (pfd[i].fd == c->listen)
			accept_client(c);
		else if (pfd[i].fd == c->in)
			request = read_input(c);
	}
	return request;
}
