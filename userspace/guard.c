// SPDX-License-Identifier: GPL-2.0-only
/*
 * A child that outlives us by a moment. A process that is killed cannot restore its terminal or
 * remove its files; the child sees the pipe between us end and does it. The module frees
 * everything else when our descriptors close.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rundir.h"
#include "session.h"

static void clean_up(struct session *s, const struct termios *terminal)
{
	/* Our process group may be in the background by now; that must not stop us. */
	signal(SIGTTOU, SIG_IGN);
	if (terminal)
		tcsetattr(STDIN_FILENO, TCSADRAIN, terminal);
	rundir_stale(s->name);
	if (s->vm.console.path && s->vm.console.kind != CONSOLE_FILE)
		unlink(s->vm.console.path);
}

int guard_start(struct session *s)
{
	struct termios terminal;
	bool is_terminal = s->vm.console.kind == CONSOLE_TTY && s->vm.console.in >= 0 &&
			   !tcgetattr(s->vm.console.in, &terminal);
	int fds[2];
	sigset_t all;
	char byte;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return -1;
	pid = fork();
	if (pid < 0) {
		close(fds[0]);
		close(fds[1]);
		return -1;
	}
	if (pid) {
		close(fds[0]);
		s->guard = fds[1];
		s->guard_pid = pid;
		return 0;
	}

	/* Signals for the terminal's group are for the VM, not for its guard. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	prctl(PR_SET_NAME, "ferry-guard");
	/* Nothing of the VM may stay open here: its end is the module's cue. */
	if (dup2(fds[0], 3) != 3 || close_range(4, ~0U, 0))
		_exit(1);
	/* A byte means that all is cleaned up already. */
	if (read(3, &byte, 1) == 0)
		clean_up(s, is_terminal ? &terminal : NULL);
	_exit(0);
}

void guard_stop(struct session *s)
{
	if (s->guard < 0)
		return;
	if (write(s->guard, "x", 1) != 1)
		complain("the guard process is gone");
	close(s->guard);
	s->guard = -1;
	while (waitpid(s->guard_pid, NULL, 0) < 0 && errno == EINTR)
		;
}
