// SPDX-License-Identifier: GPL-2.0-only
/*
 * The main loop of a process that runs one VM. See session.h.
 */
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <stdlib.h>
#include <unistd.h>

#include "rundir.h"
#include "session.h"

#define PROGRESS_NS 200000000ULL
#define MAX_POLLS (CONSOLE_POLLS + 4 + CONTROL_CONNS)

static void no_op(int sig)
{
}

/* ------------------------------------------------------------ setting up */

int session_init(struct session *s, struct vmdef *def, struct error *err)
{
	struct sigaction kick = { .sa_handler = no_op };
	sigset_t set;
	int i;

	memset(s, 0, sizeof(*s));
	s->listen = s->lock = s->signal_fd = s->guard = -1;
	for (i = 0; i < CONTROL_CONNS; i++)
		s->conn[i].fd = -1;
	vm_init(&s->vm, def);

	sigaction(SIG_KICK, &kick, NULL);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->signal_fd < 0 || s->vm.wake_fd < 0 || s->vm.timer_fd < 0)
		return fail_errno(err, FERRY_X_SYSTEM, "cannot set up the main loop");
	return 0;
}

int session_open(struct session *s, bool own_terminal, struct error *err)
{
	struct vmdef *def = s->vm.def;
	int ret;

	snprintf(s->name, sizeof(s->name), "%s", def->name);
	ret = rundir_claim(s->name, &s->lock, err);
	if (ret)
		return ret;
	ret = control_listen(s, err);
	if (!ret)
		ret = console_open(&s->vm.console, def->console, own_terminal, err);
	if (!ret && guard_start(s))
		ret = fail_errno(err, FERRY_X_SYSTEM, "cannot start the guard process");
	return ret;
}

void session_destroy(struct session *s)
{
	if (s->mover.active) {
		mover_end(&s->mover);
		mover_forget(&s->mover);
	}
	vm_stop_vcpus(&s->vm);
	console_close(&s->vm.console);
	control_close(s);
	vm_destroy(&s->vm);
	if (s->lock >= 0)
		rundir_release(s->name, s->lock);
	guard_stop(s);
	if (s->signal_fd >= 0)
		close(s->signal_fd);
	s->lock = s->signal_fd = -1;
}

/* -------------------------------------------------------------- the loop */

static void take_signal(struct session *s)
{
	struct signalfd_siginfo info;

	while (read(s->signal_fd, &info, sizeof(info)) == sizeof(info))
		vm_end(&s->vm, VM_END_SIGNAL, 128 + info.ssi_signo, info.ssi_signo,
		       "ended by signal %u (%s)", info.ssi_signo, strsignal(info.ssi_signo));
}

static void take_timer(struct vm *vm)
{
	u64 expirations;

	if (read(vm->timer_fd, &expirations, sizeof(expirations)) < 0)
		return;
	pthread_mutex_lock(&vm->lock);
	if (vm->clock_runs)
		devices_tick(&vm->devices, vm_guest_ns_locked(vm));
	vm_rearm_locked(vm);
	pthread_mutex_unlock(&vm->lock);
}

/* Typed bytes go into the UART as far as it has room. */
static void feed_uart(struct vm *vm)
{
	u8 buf[16];
	unsigned int n;

	if (!vm->uart || !vm->clock_runs)
		return;
	while ((n = min(ns16550_room(vm->uart), (unsigned int)sizeof(buf)))) {
		n = console_receive(&vm->console, buf, n);
		if (!n)
			break;
		ns16550_receive(vm->uart, buf, n);
	}
}

static void take_console(struct session *s, const struct pollfd *pfd, int n)
{
	struct vm *vm = &s->vm;
	enum console_request request;

	pthread_mutex_lock(&vm->lock);
	request = console_handle(&vm->console, pfd, n);
	feed_uart(vm);
	if (request == CONSOLE_QUIT)
		vm_end_locked(vm, VM_END_STOPPED, FERRY_X_OK, 0, "ended from the terminal");
	pthread_mutex_unlock(&vm->lock);
}

/* The mover has finished: what that means for the VM. */
static void take_move(struct session *s)
{
	struct mover *m = &s->mover;
	struct vm *vm = &s->vm;

	mover_join(m);
	control_moved(s);
	pthread_mutex_lock(&vm->lock);
	switch (m->result) {
	case MOVE_DONE:
		/* Whatever was to end the VM here came too late: it has gone. */
		vm->outcome.end = VM_END_NONE;
		if (m->request.file)
			vm_end_locked(vm, VM_END_SUSPENDED, FERRY_X_OK, 0,
				      "the VM is suspended in %s", m->request.file);
		else
			vm_end_locked(vm, VM_END_MOVED, FERRY_X_OK, 0, "the VM runs on %s now",
				      m->request.host);
		break;
	case MOVE_IN_DOUBT:
		/* If this process ends, the copy that was kept here does: nobody else will say so. */
		if (atomic_load(&vm->ended)) {
			vm->outcome.end = VM_END_NONE;
			vm_end_locked(vm, VM_END_ERROR, FERRY_X_IN_DOUBT, 0, "%s", m->err.text);
		} else {
			complain("VM %s: %s", s->name, m->err.text);
		}
		break;
	case MOVE_ABORTED:
	case MOVE_CHECKED:
		break;
	}
	pthread_mutex_unlock(&vm->lock);
	mover_forget(m);
}

static int loop_timeout(const struct session *s)
{
	u64 now = monotonic_ns();

	if (!s->mover.active)
		return -1;
	return s->next_progress > now ? (s->next_progress - now) / 1000000 + 1 : 0;
}

/* Until there is an outcome. */
static void loop(struct session *s)
{
	struct pollfd pfd[MAX_POLLS];
	struct vm *vm = &s->vm;

	while (!atomic_load(&vm->ended)) {
		int i, n = 0, console, first_conn;
		u64 count;

		pfd[n++] = (struct pollfd){ .fd = s->signal_fd, .events = POLLIN };
		pfd[n++] = (struct pollfd){ .fd = vm->wake_fd, .events = POLLIN };
		pfd[n++] = (struct pollfd){ .fd = vm->timer_fd, .events = POLLIN };
		pfd[n++] = (struct pollfd){ .fd = s->listen, .events = POLLIN };
		first_conn = n;
		for (i = 0; i < CONTROL_CONNS; i++)
			pfd[n++] = (struct pollfd){ .fd = s->conn[i].fd, .events = POLLIN };
		pthread_mutex_lock(&vm->lock);
		console = console_polls(&vm->console, pfd + n);
		pthread_mutex_unlock(&vm->lock);
		if (poll(pfd, n + console, loop_timeout(s)) < 0 && errno != EINTR) {
			vm_end(vm, VM_END_ERROR, FERRY_X_SYSTEM, 0, "poll: %s", strerror(errno));
			break;
		}

		if (pfd[0].revents)
			take_signal(s);
		if (pfd[1].revents && read(vm->wake_fd, &count, sizeof(count)) < 0)
			continue;
		if (pfd[2].revents)
			take_timer(vm);
		if (pfd[3].revents)
			control_accept(s);
		for (i = 0; i < CONTROL_CONNS; i++)
			if (pfd[first_conn + i].revents && s->conn[i].fd == pfd[first_conn + i].fd)
				control_read(s, &s->conn[i]);
		take_console(s, pfd + n, console);
		if (s->mover.active && atomic_load(&s->mover.done)) {
			take_move(s);
		} else if (s->mover.active && monotonic_ns() >= s->next_progress) {
			mover_watch(&s->mover);
			control_progress(s);
			s->next_progress = monotonic_ns() + PROGRESS_NS;
		}
	}
}

static int reboot(struct session *s, struct error *err)
{
	struct vm *vm = &s->vm;
	int ret;

	ret = vmdef_check_boot(vm->def, s->boot_files, err);
	if (!ret) {
		vm_close(vm);
		ret = vm_create(vm, err);
	}
	if (!ret)
		ret = vm_boot(vm, err);
	if (ret) {
		char why[sizeof(err->text)];

		snprintf(why, sizeof(why), "%s", err->text);
		return fail(err, ret, "the guest asked for a reboot, but: %.5000s", why);
	}
	return 0;
}

int session_run(struct session *s, struct error *err)
{
	struct vm *vm = &s->vm;
	int ret;

	console_raw(&vm->console);
	for (;;) {
		ret = vm_start_vcpus(vm, err);
		if (ret)
			break;
		loop(s);
		/* A move that is under way ends with the VM. */
		if (s->mover.active) {
			mover_end(&s->mover);
			take_move(s);
		}
		vm_stop_vcpus(vm);
		if (vm->outcome.end != VM_END_REBOOT)
			break;
		if (vm->def->no_reboot) {
			snprintf(vm->outcome.text, sizeof(vm->outcome.text),
				 "the guest rebooted, which --no-reboot makes the end");
			break;
		}
		ret = reboot(s, err);
		if (ret)
			break;
	}
	console_flush(&vm->console);
	console_cooked(&vm->console);
	if (!ret)
		control_ended(s);
	return ret;
}

/* ------------------------------------------------------------ how it ended */

static const char *end_word(enum vm_end end)
{
	static const char *const words[] = {
		[VM_END_NONE] = "none",
		[VM_END_POWEROFF] = "poweroff",
		[VM_END_REBOOT] = "reboot",
		[VM_END_DEBUG_EXIT] = "debug-exit",
		[VM_END_TRIPLE_FAULT] = "triple-fault",
		[VM_END_ERROR] = "error",
		[VM_END_STOPPED] = "stopped",
		[VM_END_SIGNAL] = "signal",
		[VM_END_MOVED] = "moved",
		[VM_END_SUSPENDED] = "suspended",
	};

	return words[end];
}

json_object *session_end(const struct session *s)
{
	const struct outcome *o = &s->vm.outcome;
	json_object *j = json_object_new_object();

	json_object_object_add(j, "name", json_object_new_string(s->name));
	json_object_object_add(j, "end", json_object_new_string(end_word(o->end)));
	json_object_object_add(j, "exit_code", json_object_new_int(o->code));
	json_object_object_add(j, "message", json_object_new_string(o->text));
	json_object_object_add(j, "boots", json_object_new_int(s->vm.boots));
	return j;
}

int session_report(struct session *s)
{
	const struct outcome *o = &s->vm.outcome;
	bool bad = o->code && o->end != VM_END_DEBUG_EXIT;

	if (s->json) {
		json_object *j = session_end(s);

		/* stdout may be the guest's console. */
		print_json(stderr, j);
		json_object_put(j);
	} else if (bad || o->end == VM_END_MOVED || o->end == VM_END_SUSPENDED) {
		complain("VM %s: %s", s->name, o->text);
	}
	return o->code;
}
