// SPDX-License-Identifier: GPL-2.0-only
/*
 * ferry receive, ferry resume: VMs that come from other hosts and out of files.
 */
#include <fcntl.h>
#include <linux/ferry.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command.h"
#include "incoming.h"
#include "net.h"
#include "opts.h"
#include "vmdef.h"

struct args {
	struct incoming in;
	bool plain;
	bool once;
	const char *where;
};

static int set_json(void *ctx, const char *v, struct error *err)
{
	((struct args *)ctx)->in.json = true;
	return 0;
}

static int set_plain(void *ctx, const char *v, struct error *err)
{
	((struct args *)ctx)->plain = true;
	return 0;
}

static int set_once(void *ctx, const char *v, struct error *err)
{
	((struct args *)ctx)->once = true;
	return 0;
}

static int set_clone(void *ctx, const char *v, struct error *err)
{
	((struct args *)ctx)->in.clone = true;
	return 0;
}

static int set_warnings(void *ctx, const char *v, struct error *err)
{
	((struct args *)ctx)->in.flags |= FERRY_MIGRATE_ALLOW_WARNINGS;
	return 0;
}

static int set_name(void *ctx, const char *v, struct error *err)
{
	if (!vmdef_name_valid(v))
		return fail(err, FERRY_X_USAGE, "'%s' cannot be a name", v);
	((struct args *)ctx)->in.name = v;
	return 0;
}

static int set_console(void *ctx, const char *v, struct error *err)
{
	((struct args *)ctx)->in.console = v;
	return 0;
}

static int set_boot_files(void *ctx, const char *v, struct error *err)
{
	char *dir = realpath(v, NULL);

	if (!dir)
		return fail_errno(err, FERRY_X_USAGE, "cannot look for boot files in %s", v);
	((struct args *)ctx)->in.boot_files = dir;
	return 0;
}

static int leave(int ret, struct error *err, bool json)
{
	return ret == OPTS_HELP ? FERRY_X_OK : report(err, json);
}

/* -------------------------------------------------------------------- receive */

static void child_ended(int sig)
{
	int saved = errno;

	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	errno = saved;
}

static void announce(const struct args *a)
{
	if (a->in.json) {
		json_object *o = json_object_new_object();

		json_object_object_add(o, "listening", json_object_new_string(a->where));
		print_json(stdout, o);
		json_object_put(o);
	} else {
		printf("waiting for VMs on %s\n", a->where);
		fflush(stdout);
	}
}

/* As they were before a session took them. */
static void default_signals(void)
{
	static const int list[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	sigset_t set;
	size_t i;

	sigemptyset(&set);
	for (i = 0; i < ARRAY_SIZE(list); i++) {
		signal(list[i], SIG_DFL);
		sigaddset(&set, list[i]);
	}
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* One VM in this process, terminal and all. What is only asked, or refused, does not count as a VM. */
static int receive_once(struct args *a, int listener)
{
	char from[96];
	int ret;

	do {
		a->in.fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (a->in.fd < 0) {
			ret = errno == EINTR ? FERRY_X_OK : FERRY_X_NETWORK;
			a->in.no_vm = errno == EINTR;
			continue;
		}
		net_peer(a->in.fd, from, sizeof(from));
		a->in.from = from;
		a->in.own_terminal = true;
		a->in.no_vm = false;
		a->in.listener = listener;
		ret = incoming_run(&a->in);
		if (a->in.no_vm) {
			close(a->in.fd);
			default_signals();
		}
	} while (a->in.no_vm);
	return ret;
}

/* A process of its own for each VM: it lives on when this one ends. */
static int receive_many(struct args *a, int listener)
{
	struct sigaction act = { .sa_handler = child_ended, .sa_flags = SA_RESTART };

	sigaction(SIGCHLD, &act, NULL);
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		char from[96];
		pid_t pid;

		if (fd < 0) {
			if (errno == EINTR || errno == ECONNABORTED)
				continue;
			/* Out of descriptors or memory: others will end some day. */
			complain("accept: %s", strerror(errno));
			sleep_interruptible(1000);
			continue;
		}
		pid = fork();
		if (pid < 0)
			complain("cannot start a process for the VM: %s", strerror(errno));
		if (pid) {
			close(fd);
			continue;
		}
		close(listener);
		signal(SIGCHLD, SIG_DFL);
		setsid();
		net_peer(fd, from, sizeof(from));
		a->in.fd = fd;
		a->in.from = from;
		exit(incoming_run(&a->in));
	}
}

int cmd_receive(int argc, char **argv)
{
	static const struct opt opts[] = {
		{ "plain", NULL, "over plain TCP, unencrypted; must be said, there is no TLS yet",
		  set_plain },
		{ "once", NULL, "take one VM and be its process, with this terminal",
		  set_once },
		{ "name", "NAME", "another name for the VM", set_name },
		{ "console", "WHERE", "where the VM's console goes: see 'ferry run --help'; default: "
		  "none or (--once) this terminal if that is the VM's own, else a pty", set_console },
		{ "boot-files", "DIR", "where a reboot may read kernel and initrd, if the VM's paths lie "
		  "there; default: nowhere, a reboot is the VM's end", set_boot_files },
		{ "allow-warnings", NULL, "take VMs that this host fits with warnings only",
		  set_warnings },
		{ "json", NULL, "say in JSON what happens", set_json },
		{ NULL }
	};
	static const struct usage usage = {
		.command = "receive",
		.args = "ADDRESS[:PORT]",
		.help = "Waits on this address of this host (port " NET_PORT ") for VMs that 'ferry migrate'\n"
			"sends, and runs each in a process of its own. A number alone is a port of 127.0.0.1.",
		.opts = opts,
	};
	struct args a = { 0 };
	struct error err = { 0 };
	struct journal journal;
	int nr, ret, listener;

	ret = opts_parse(&usage, &a, argc, argv, &a.where, 1, &nr, &err);
	if (!ret && !nr)
		ret = fail(&err, FERRY_X_USAGE, "on which address? ferry receive ADDRESS[:PORT]");
	if (!ret && !a.plain)
		ret = fail(&err, FERRY_X_USAGE,
			   "moves are neither encrypted nor authenticated yet: whoever reaches this "
			   "port can run a VM here. Say --plain if the network is yours");
	if (ret)
		return leave(ret, &err, a.in.json);
	ret = journal_open(&journal, &err);
	if (ret)
		return report(&err, a.in.json);
	a.in.journal = &journal;
	listener = net_listen(a.where, &err);
	if (listener < 0)
		return report(&err, a.in.json);
	announce(&a);
	ret = a.once ? receive_once(&a, listener) : receive_many(&a, listener);
	journal_close(&journal);
	return ret;
}

/* --------------------------------------------------------------------- resume */

int cmd_resume(int argc, char **argv)
{
	static const struct opt opts[] = {
		{ "clone", NULL, "a new VM with a UUID of its own; the file can be used again",
		  set_clone },
		{ "name", "NAME", "another name for the VM", set_name },
		{ "console", "WHERE", "instead of the VM's own: see 'ferry run --help'",
		  set_console },
		{ "allow-warnings", NULL, "resume although this host fits with warnings only",
		  set_warnings },
		{ "json", NULL, "say in JSON what happens", set_json },
		{ NULL }
	};
	static const struct usage usage = {
		.command = "resume",
		.args = "FILE",
		.help = "Goes on with a VM that 'ferry suspend' saved, and is its process. A file is\n"
			"used up by that, since a VM must not run twice; that a copy of the file was\n"
			"made before cannot be noticed.",
		.opts = opts,
	};
	struct args a = { .in.file = true, .in.own_terminal = true };
	struct error err = { 0 };
	int nr, ret;

	ret = opts_parse(&usage, &a, argc, argv, &a.where, 1, &nr, &err);
	if (!ret && !nr)
		ret = fail(&err, FERRY_X_USAGE, "which file? ferry resume FILE");
	if (ret)
		return leave(ret, &err, a.in.json);
	a.in.from = a.where;
	a.in.fd = open(a.where, (a.in.clone ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	if (a.in.fd < 0)
		fail_errno(&err, FERRY_X_BAD_FILE, "cannot open %s", a.where);
	else if (flock(a.in.fd, (a.in.clone ? LOCK_SH : LOCK_EX) | LOCK_NB))
		fail(&err, FERRY_X_BUSY, "%s is being resumed by another process", a.where);
	if (err.code)
		return report(&err, a.in.json);
	return incoming_run(&a.in);
}
