// SPDX-License-Identifier: GPL-2.0-only
/*
 * The thread that moves a VM away. See mover.h.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "mover.h"
#include "net.h"
#include "policy.h"
#include "query.h"
#include "vm.h"

#define MAX_FINDINGS 256
#define ASK_AGAIN_MS 2000

/* ------------------------------------------------------------------- targets */

static int open_file(struct mover *m)
{
	int fd = open(m->request.file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 && errno == EEXIST)
		fail(&m->err, FERRY_X_BAD_FILE,
		     "%s exists: choose another name, or remove it", m->request.file);
	else if (fd < 0)
		fail_errno(&m->err, FERRY_X_BAD_FILE, "cannot create %s", m->request.file);
	if (fd < 0 || sync_directory(m->request.file))
		return fd;
	/* A file that a power cut may leave without its name is no place for the only copy. */
	fail_errno(&m->err, FERRY_X_SYSTEM, "cannot make the name %s durable", m->request.file);
	unlink(m->request.file);
	close(fd);
	return -1;
}

static int open_target(struct mover *m)
{
	if (m->request.file)
		return open_file(m);
	return net_connect(m->request.host, m->request.port, &m->cancel, &m->err);
}

static void close_target(struct mover *m, int fd, bool keep)
{
	close(fd);
	if (m->request.file && !keep)
		unlink(m->request.file);
}

/* --------------------------------------------------------------------- phases */

/* The VM came to an end here before the move did. */
static void vm_over(struct mover *m)
{
	struct vm *vm = m->vm;
	bool again;

	pthread_mutex_lock(&vm->lock);
	again = vm->outcome.end == VM_END_REBOOT && !vm->def->no_reboot;
	fail(&m->err, again ? FERRY_X_ABORTED : FERRY_X_NO_VM,
	     again ? "%.1000s while it was being moved; it starts again here, and can be moved then" :
		     "%.1000s while the VM was being moved; it runs nowhere now",
	     again ? "the guest rebooted" : vm->outcome.text);
	pthread_mutex_unlock(&vm->lock);
}

static void aborted(struct mover *m)
{
	m->result = MOVE_ABORTED;
	if (m->timed_out)
		fail(&m->err, FERRY_X_TIMEOUT,
		     "the move did not end within %.1f s and was given up; the VM goes on here",
		     m->request.timeout_us / 1e6);
	else if (atomic_load(&m->leave))
		vm_over(m);
	else if (atomic_load(&m->cancel))
		fail(&m->err, FERRY_X_ABORTED, "the move was cancelled; the VM goes on here");
}

/* Chips stand still; what they are goes into one blob: {"devices": {...}, "paused": false}. */
static char *take_blobs(struct mover *m)
{
	json_object *o = json_object_new_object();
	struct vm *vm = m->vm;
	char *text;

	pthread_mutex_lock(&vm->lock);
	if (!vm->paused)
		vm_clock_stop_locked(vm);
	console_flush(&vm->console);
	json_object_object_add(o, "devices", devices_save(&vm->devices));
	json_object_object_add(o, "paused", json_object_new_boolean(vm->paused));
	pthread_mutex_unlock(&vm->lock);
	text = xstrdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
	return text;
}

static void go_on_here(struct mover *m)
{
	struct vm *vm = m->vm;

	pthread_mutex_lock(&vm->lock);
	if (!vm->paused)
		vm_clock_start_locked(vm);
	pthread_mutex_unlock(&vm->lock);
	vm_release_vcpus(vm);
}

static void remember(struct mover *m, const struct ferry_migrate *arg)
{
	struct error ignored;

	m->journal = arg->journal;
	m->nonce = arg->nonce;
	m->generation = arg->generation;
	/* The attempt counts, whatever becomes of it. */
	if (arg->generation > m->vm->def->generation)
		m->vm->def->generation = arg->generation;
	ferry_migrate_status(m->vm->fd, &m->status, &ignored);
}

/* Ask the other side until it says something, somebody forces it, or the process ends. */
static void resolve(struct mover *m)
{
	char said[sizeof(m->err.text)] = "";
	struct vm *vm = m->vm;
	u32 answer = 0;

	atomic_store(&m->in_doubt, true);
	complain("VM %s is in doubt: COMMIT was sent and its answer not heard. It stays paused "
		 "here while %s is asked; 'ferry migrate --force-resume %s' ends that at the risk "
		 "of running it twice", vm->def->name, m->request.host, vm->def->name);
	while (!answer && !atomic_load(&m->leave)) {
		struct query q = {
			.generation = m->generation,
			.journal = m->journal,
			.nonce = m->nonce,
		};

		struct error why = { 0 };

		memcpy(q.uuid, vm->def->uuid, sizeof(q.uuid));
		if (atomic_load(&m->force))
			answer = FERRY_RESOLVE_FORCE;
		else
			answer = query_ask(m->request.host, m->request.port, &q, &m->leave, &why);
		if (answer || atomic_load(&m->leave))
			continue;
		if (strcmp(why.text, said))
			complain("VM %s stays in doubt: %s", vm->def->name, why.text);
		snprintf(said, sizeof(said), "%s", why.text);
		sleep_interruptible(ASK_AGAIN_MS);
	}
	if (!answer) {
		fail(&m->err, FERRY_X_IN_DOUBT,
		     "the move was committed and its end not heard: ask on %s whether the VM runs "
		     "there", m->request.host);
		m->result = MOVE_IN_DOUBT;
		return;
	}
	atomic_store(&m->in_doubt, false);
	if (ferry_migrate_resolve(vm->fd, answer, &m->err)) {
		m->result = MOVE_IN_DOUBT;
		return;
	}
	if (answer == FERRY_RESOLVE_RAN) {
		m->result = MOVE_DONE;
		return;
	}
	fail(&m->err, FERRY_X_ABORTED, "the VM did not run on %s and goes on here%s",
	     m->request.host, answer == FERRY_RESOLVE_FORCE ? ", by force" : "");
	m->result = MOVE_ABORTED;
	go_on_here(m);
}

static void finish(struct mover *m, int fd)
{
	char *blobs = take_blobs(m);
	struct ferry_migrate arg = {
		.flags = m->request.file ? FERRY_MIGRATE_FILE : 0,
		.fd = fd,
		.blobs = (u64)(uintptr_t)blobs,
		.blobs_length = strlen(blobs),
	};
	int ret;

	ret = ferry_migrate(m->vm->fd, FERRY_MIGRATE_FINISH, &arg, &m->err);
	free(blobs);
	remember(m, &arg);
	if (!ret && m->request.file && fsync(fd)) {
		/* The VM is gone from here and perhaps not wholly there: say so, keep the file. */
		fail_errno(&m->err, FERRY_X_SYSTEM, "the VM is suspended, but %s may not be on disk",
			   m->request.file);
		complain("%s", m->err.text);
	}
	if (!ret || arg.phase == FERRY_MIGRATE_DONE) {
		m->result = MOVE_DONE;
	} else if (arg.phase == FERRY_MIGRATE_IN_DOUBT) {
		resolve(m);
	} else {
		aborted(m);
		go_on_here(m);
	}
}

/* Refused for reasons that are all warnings: how to go on. */
static void add_hint(struct mover *m, const struct ferry_finding *f, u32 nr)
{
	size_t n = strlen(m->err.text);
	u32 i;

	for (i = 0; i < nr; i++)
		if (f[i].severity != FERRY_FINDING_WARNING)
			return;
	snprintf(m->err.text + n, sizeof(m->err.text) - n,
		 "\n  --allow-warning NAME moves it all the same, for each name above");
}

/*
 * SEND, and what follows from it. False: refused for warnings that the caller has named; once they
 * are allowed, it is worth another connection.
 */
static bool send_rounds(struct mover *m, int fd)
{
	struct ferry_finding *findings = xcalloc(MAX_FINDINGS, sizeof(*findings));
	struct cpu_policy *policy = xcalloc(1, sizeof(*policy));
	struct error ignored = { 0 };
	json_object *def = vmdef_to_json(m->vm->def);
	const char *text = json_object_to_json_string_ext(def, JSON_C_TO_STRING_PLAIN);
	struct ferry_migrate arg = {
		.flags = m->request.flags | (m->request.file ? FERRY_MIGRATE_FILE : 0),
		.fd = fd,
		.definition = (u64)(uintptr_t)text,
		.definition_length = strlen(text),
		.bandwidth = m->request.bandwidth,
		.blackout_us = m->request.blackout_us,
		.findings = (u64)(uintptr_t)findings,
		.nr_findings = MAX_FINDINGS,
	};
	bool again = false;
	u32 nr;
	int ret;

	ret = ferry_migrate(m->vm->fd, FERRY_MIGRATE_SEND, &arg, &m->err);
	remember(m, &arg);
	nr = min(arg.nr_findings, (u32)MAX_FINDINGS);
	if (ret) {
		if (ret == FERRY_X_POLICY && nr) {
			again = !(m->request.flags & FERRY_MIGRATE_ALLOW_WARNINGS) &&
				policy_warnings_named(findings, arg.nr_findings, m->request.allow);
			/* Whose reasons are not to be had are told without. */
			policy_findings(findings, nr, policy_of_vm(m->vm->fd, policy, &ignored) ? NULL : policy,
					&m->err);
			add_hint(m, findings, nr);
		}
		aborted(m);
		go_on_here(m);
	} else if (m->request.flags & FERRY_MIGRATE_DRY_RUN) {
		m->result = MOVE_CHECKED;
		go_on_here(m);
	} else {
		finish(m, fd);
	}
	json_object_put(def);
	free(policy);
	free(findings);
	return !again;
}

static void *mover_thread(void *arg)
{
	struct mover *m = arg;
	bool over;
	int fd;

	pthread_setname_np(pthread_self(), "mover");
	do {
		over = true;
		fd = open_target(m);
		if (fd < 0) {
			aborted(m);
			break;
		}
		atomic_store(&m->connected, true);
		over = send_rounds(m, fd);
		close_target(m, fd, m->result == MOVE_DONE);
		m->request.flags |= over ? 0 : FERRY_MIGRATE_ALLOW_WARNINGS;
	} while (!over && !atomic_load(&m->cancel));
	atomic_store(&m->done, true);
	vm_wake(m->vm);
	return NULL;
}

/* -------------------------------------------------------- from the main loop */

int mover_start(struct mover *m, struct vm *vm, struct move_request *request, struct error *err)
{
	memset(m, 0, sizeof(*m));
	m->vm = vm;
	m->request = *request;
	m->started_ns = monotonic_ns();
	errno = pthread_create(&m->thread, NULL, mover_thread, m);
	if (errno) {
		fail_errno(err, FERRY_X_SYSTEM, "cannot start the move's thread");
		mover_forget(m);
		return err->code;
	}
	m->active = true;
	return 0;
}

void mover_cancel(struct mover *m)
{
	if (!m->active)
		return;
	atomic_store(&m->cancel, true);
	pthread_kill(m->thread, SIG_KICK);
}

void mover_watch(struct mover *m)
{
	if (!m->active || atomic_load(&m->done))
		return;
	if (m->request.timeout_us && !atomic_load(&m->cancel) && !atomic_load(&m->in_doubt) &&
	    monotonic_ns() - m->started_ns > m->request.timeout_us * 1000) {
		m->timed_out = true;
		mover_cancel(m);
	} else if (atomic_load(&m->cancel) && !atomic_load(&m->in_doubt)) {
		/* The first signal may have come between two calls. */
		pthread_kill(m->thread, SIG_KICK);
	}
}

void mover_end(struct mover *m)
{
	struct ferry_migrate why = { .fd = -1 };
	struct error ignored = { 0 };

	atomic_store(&m->leave, true);
	pthread_mutex_lock(&m->vm->lock);
	snprintf((char *)why.error, sizeof(why.error), "%.100s", m->vm->outcome.end == VM_END_REBOOT ?
		 "the guest rebooted" : m->vm->outcome.text);
	pthread_mutex_unlock(&m->vm->lock);
	/* The other side is told why; a move that has not reached the module is ended by the signal. */
	ferry_migrate(m->vm->fd, FERRY_MIGRATE_ABORT, &why, &ignored);
	json_object_put(ignored.detail);
	while (!atomic_load(&m->done)) {
		mover_cancel(m);
		usleep(10000);
	}
	mover_join(m);
}

void mover_join(struct mover *m)
{
	if (m->active)
		pthread_join(m->thread, NULL);
	m->active = false;
}

void mover_forget(struct mover *m)
{
	free(m->request.host);
	free(m->request.port);
	free(m->request.file);
	free(m->request.allow);
	memset(&m->request, 0, sizeof(m->request));
	json_object_put(m->err.detail);
	m->err.detail = NULL;
}

/* ---------------------------------------------------------------- in numbers */

static void add_status(json_object *o, const struct ferry_migrate_status *st)
{
	json_object_object_add(o, "rounds", json_u64(st->round));
	json_object_object_add(o, "pages_total", json_u64(st->pages_total));
	json_object_object_add(o, "pages_sent", json_u64(st->pages_sent));
	json_object_object_add(o, "pages_zero", json_u64(st->pages_zero));
	json_object_object_add(o, "pages_dirty", json_u64(st->pages_dirty));
	json_object_object_add(o, "pages_left", json_u64(st->pages_left));
	json_object_object_add(o, "bytes", json_u64(st->bytes_sent));
	json_object_object_add(o, "bytes_per_second", json_u64(st->bytes_per_second));
	json_object_object_add(o, "dirty_per_second", json_u64(st->dirty_per_second));
	json_object_object_add(o, "predicted_blackout_us", json_u64(st->predicted_blackout_us));
	json_object_object_add(o, "elapsed_us", json_u64(st->elapsed_us));
}

/* The guest writes on meanwhile, so an estimate holds only while the link is the faster of the two. */
static void add_estimate(json_object *o, const struct ferry_migrate_status *st)
{
	u64 left = st->round ? st->pages_left : st->pages_total;
	u64 percent = st->pages_total ? 100 - min(100 * left / st->pages_total, 100ULL) : 0;

	json_object_object_add(o, "percent", json_u64(percent));
	json_object_object_add(o, "remaining", json_u64(left * 4096));
	if (!st->bytes_per_second)
		return;
	if (st->dirty_per_second >= st->bytes_per_second)
		json_object_object_add(o, "converges", json_object_new_boolean(false));
	else
		json_object_object_add(o, "eta_us",
				       json_u64(left * 4096 * 1000000 /
						(st->bytes_per_second - st->dirty_per_second)));
}

json_object *mover_progress(struct mover *m)
{
	json_object *o = json_object_new_object();
	bool connected = atomic_load(&m->connected);
	struct ferry_migrate_status st;
	struct error err;

	if (!connected || ferry_migrate_status(m->vm->fd, &st, &err))
		memset(&st, 0, sizeof(st));
	json_object_object_add(o, "phase",
			       json_object_new_string(atomic_load(&m->in_doubt) ? "in-doubt" :
						      !connected ? "connecting" :
						      ferry_phase_name(st.phase)));
	add_status(o, &st);
	add_estimate(o, &st);
	return o;
}

json_object *mover_report(struct mover *m)
{
	const struct ferry_migrate_status *st = &m->status;
	json_object *o = json_object_new_object();

	json_object_object_add(o, "result", json_object_new_string(m->result == MOVE_CHECKED ?
								   "compatible" : "moved"));
	add_status(o, st);
	json_object_object_add(o, "final_pages", json_u64(st->final_pages));
	json_object_object_add(o, "blackout_us", json_u64(st->blackout_us));
	if (m->request.flags & FERRY_MIGRATE_VERIFY)
		json_object_object_add(o, "verify_us", json_u64(st->verify_us));
	json_object_object_add(o, "generation", json_u64(m->generation));
	return o;
}
