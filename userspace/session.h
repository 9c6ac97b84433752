/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A process that runs one VM: the VM, its name, its control socket, its way out. `ferry run`,
 * `ferry resume` and `ferry receive` all end up here.
 *
 * Everything in here belongs to the main thread, which serves console, control socket, timers and
 * signals in one loop; see vm.h for the others.
 */
#ifndef FERRY_SESSION_H
#define FERRY_SESSION_H

#include "mover.h"
#include "vm.h"

#define CONTROL_CONNS 8
#define CONTROL_LINE 65536

/**
 * struct conn - one client of the control socket
 * @fd: -1 if free
 * @follows: wants progress and the end of the move
 * @stops: wants to know how the VM ended
 */
struct conn {
	int fd;
	bool follows;
	bool stops;
	size_t len;
	char *line;
};

/**
 * struct session - a VM's process
 * @name: of the VM, kept beyond the definition
 * @lock: claim on the name, -1 if none
 * @boot_files: the directory that a reboot may read from, NULL for any, "" for none
 * @guard: pipe whose end tells the guard process that we are gone
 */
struct session {
	struct vm vm;
	struct mover mover;
	struct conn conn[CONTROL_CONNS];
	char name[FERRY_NAME_LEN];
	const char *boot_files;
	int listen;
	int lock;
	int signal_fd;
	int guard;
	pid_t guard_pid;
	bool json;
	u64 next_progress;
};

/* Block the signals the main loop reads; before any thread is made. */
int session_init(struct session *s, struct vmdef *def, struct error *err);
/* Claim the name and open control socket and console. */
int session_open(struct session *s, bool own_terminal, struct error *err);
/* Run the VM, which is ready to go, until it ends; reboots happen inside. */
int session_run(struct session *s, struct error *err);
void session_destroy(struct session *s);
/* How it ended, in JSON. */
json_object *session_end(const struct session *s);
/* Print how it ended; returns the exit code. A signal's default action is taken after clean-up. */
int session_report(struct session *s);

/* control.c: one request; a reply, or NULL when it comes later. */
json_object *control_request(struct session *s, struct conn *c, json_object *request);
json_object *control_error(struct error *err);
/* False if the client does not take it: it is dropped. */
bool control_send(struct conn *c, json_object *o);
int control_listen(struct session *s, struct error *err);
void control_accept(struct session *s);
void control_read(struct session *s, struct conn *c);
void control_close(struct session *s);
/* Progress or the end of a move, to whom it concerns. */
void control_progress(struct session *s);
void control_moved(struct session *s);
/* How the VM ended, to who stopped it. */
void control_ended(struct session *s);
const char *session_state(struct session *s);
json_object *session_status(struct session *s);

/* guard.c: a child that cleans up after us should we be killed. */
int guard_start(struct session *s);
void guard_stop(struct session *s);

#endif /* FERRY_SESSION_H */
