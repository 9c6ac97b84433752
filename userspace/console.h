/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the guest's serial line goes: the terminal, a file, a pseudo-terminal, a socket, nowhere.
 *
 * Output is buffered and written by the main loop; a full buffer makes the guest wait where
 * somebody reads (terminal, file, pipe) and is dropped where nobody may (pty, socket). The
 * machine's lock is held around every call but console_open() and console_close().
 */
#ifndef FERRY_CONSOLE_H
#define FERRY_CONSOLE_H

#include <poll.h>
#include <termios.h>

#include "util.h"

#define CONSOLE_OUT (64 << 10)
#define CONSOLE_IN 4096
#define CONSOLE_POLLS 3
#define CONSOLE_ESCAPE 0x01 /* Ctrl-A */

enum console_kind {
	CONSOLE_NONE,
	CONSOLE_TTY,
	CONSOLE_FILE,
	CONSOLE_PTY,
	CONSOLE_SOCKET,
};

/* What the user asked for on the terminal. */
enum console_request {
	CONSOLE_NOTHING,
	CONSOLE_QUIT,
};

struct console {
	enum console_kind kind;
	int in;
	int out;
	int listen;
	int keep; /* our own end of the pty: without it the master hangs up */
	char *path; /* socket or link to remove; what `ferry list` shows */
	char *device; /* of the pty */
	bool raw; /* the terminal's settings are in @saved */
	struct termios saved;
	bool escaped;
	size_t nr_out;
	size_t nr_in;
	u64 dropped;
	u8 out_buf[CONSOLE_OUT];
	u8 in_buf[CONSOLE_IN];
};

/*
 * @where: "tty", "file:PATH", "pty", "pty:LINK", "socket:PATH", "none". Without @own_terminal (a
 * process that serves several VMs) "tty" becomes a pty.
 */
int console_open(struct console *c, const char *where, bool own_terminal, struct error *err);
void console_close(struct console *c);
/* Put the terminal into raw mode, and back; no-ops for the rest. */
void console_raw(struct console *c);
void console_cooked(struct console *c);

/* True if the main loop must be woken to write. */
bool console_transmit(struct console *c, u8 byte);
void console_flush(struct console *c);
/* Bytes typed and not yet taken: at most @n into @data. */
unsigned int console_receive(struct console *c, u8 *data, unsigned int n);

/* Descriptors to wait for; returns how many. */
int console_polls(struct console *c, struct pollfd pfd[CONSOLE_POLLS]);
enum console_request console_handle(struct console *c, const struct pollfd *pfd, int n);

#endif /* FERRY_CONSOLE_H */
