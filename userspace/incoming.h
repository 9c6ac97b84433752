/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM that comes from another host or out of a file: taking it in, then running it as `ferry run`
 * would. One per process; everything happens in the main thread.
 */
#ifndef FERRY_INCOMING_H
#define FERRY_INCOMING_H

#include "journal.h"
#include "util.h"

/**
 * struct incoming - what comes, and what the user said about it
 * @fd: connected socket, or the file
 * @from: address or file name, for messages
 * @clone: a new VM with the file's contents; the file is not used up
 * @flags: FERRY_MIGRATE_ALLOW_WARNINGS
 * @name: instead of the definition's, or NULL
 * @console: likewise; with a socket, NULL lets the definition choose only among those without a path
 * @boot_files: directory that a reboot may read from, or NULL: with a socket for none, with a file for any
 * @own_terminal: this process may use the terminal
 * @journal: with a socket
 * @listener: closed once the VM is here, if not 0
 * @no_vm: out; it was a query, a dry run, or refused before a page came: the next one may bring a VM
 */
struct incoming {
	int fd;
	const char *from;
	bool file;
	bool clone;
	u32 flags;
	const char *name;
	const char *console;
	const char *boot_files;
	bool own_terminal;
	bool json;
	struct journal *journal;
	int listener;
	bool no_vm;
};

/* Take it in and run it to its end. Returns the exit code; failures are reported. */
int incoming_run(struct incoming *in);

#endif /* FERRY_INCOMING_H */
