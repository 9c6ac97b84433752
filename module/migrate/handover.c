// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who may run the guest: every change of a migration's state goes through here, by lib/wire's tables,
 * with what the table says must be done about it. Also what both sides share: beginning and ending
 * a call, errors, and the calls that only step the table.
 *
 * m->call is held by the caller of everything but ferry_migrate_status() and _pinned().
 */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "migrate.h"

/* How long a vCPU's unfinished port or memory access may take userspace to answer. */
#define SETTLE_MS 5000
/* A guest that stood still for longer is told, so that its watchdogs keep quiet. */
#define LONG_STOP_NS NSEC_PER_SEC
#define DEFAULT_TIMEOUT_MS 30000
#define MAX_TIMEOUT_MS 600000
#define LAST_WORDS_MS 1000U

/* -------------------------------------------------------------- the object, a call */

static struct ferry_migration *migration_new(struct ferry_vm *vm)
{
	struct ferry_migration *m = kvzalloc(sizeof(*m), GFP_KERNEL_ACCOUNT);

	if (!m)
		return NULL;
	m->vm = vm;
	mutex_init(&m->call);
	m->link.cancel = &m->cancel;
	m->dest = vm->flags & FERRY_VM_INCOMING;
	m->state = m->dest ? (u8)WIRE_DST_IDLE : (u8)WIRE_SRC_RUNS;
	return m;
}

/**
 * ferry_migration_begin() - begin an ioctl
 * @vm: the VM
 * @create: make the migration if there was none
 *
 * Return: the migration with m->call held, or -EBUSY, -ENOENT, -ENOMEM.
 */
struct ferry_migration *ferry_migration_begin(struct ferry_vm *vm, bool create)
{
	struct ferry_migration *m;

	mutex_lock(&vm->lock);
	if (!vm->migration && create)
		vm->migration = migration_new(vm);
	m = vm->migration;
	mutex_unlock(&vm->lock);
	if (!m)
		return ERR_PTR(create ? -ENOMEM : -ENOENT);
	if (!mutex_trylock(&m->call))
		return ERR_PTR(-EBUSY);
	return m;
}

static u32 phase_of(struct ferry_migration *m)
{
	static const u8 source[WIRE_SRC_COUNT] = {
		[WIRE_SRC_OFFERED] = FERRY_MIGRATE_ROUNDS,
		[WIRE_SRC_COPYING] = FERRY_MIGRATE_ROUNDS,
		[WIRE_SRC_FROZEN] = FERRY_MIGRATE_FROZEN,
		[WIRE_SRC_SENT] = FERRY_MIGRATE_FROZEN,
		[WIRE_SRC_FENCED] = FERRY_MIGRATE_IN_DOUBT,
		[WIRE_SRC_IN_DOUBT] = FERRY_MIGRATE_IN_DOUBT,
		[WIRE_SRC_GONE] = FERRY_MIGRATE_DONE,
	};
	static const u8 dest[WIRE_DST_COUNT] = {
		[WIRE_DST_DEFINED] = FERRY_MIGRATE_DEFINED,
		[WIRE_DST_LOADING] = FERRY_MIGRATE_DEFINED,
		[WIRE_DST_LOADED] = FERRY_MIGRATE_LOADED,
		[WIRE_DST_PREPARED] = FERRY_MIGRATE_LOADED,
		[WIRE_DST_COMMITTED] = FERRY_MIGRATE_COMMITTED,
		[WIRE_DST_RUNNING] = FERRY_MIGRATE_RUNNING,
		[WIRE_DST_ABORTED] = FERRY_MIGRATE_ABORTED,
	};

	if (m->dest)
		return dest[m->state];
	if (m->state == WIRE_SRC_RUNS && m->err)
		return FERRY_MIGRATE_ABORTED;
	return source[m->state];
}

static int give_findings(struct ferry_migration *m, struct ferry_migrate *args)
{
	u32 have = min_t(u32, m->nr_findings, FERRY_STREAM_MAX_FINDINGS);

	have = min(have, args->nr_findings);
	args->nr_findings = m->nr_findings;
	if (!args->findings || !m->findings || !have)
		return 0;
	return copy_to_user(u64_to_user_ptr(args->findings), m->findings,
			    have * sizeof(*m->findings)) ? -EFAULT : 0;
}

/**
 * ferry_migration_end() - end an ioctl: fill in what goes out, release m->call
 * @m: the migration
 * @args: the caller's struct
 * @ret: what the call returns
 */
int ferry_migration_end(struct ferry_migration *m, struct ferry_migrate *args, int ret)
{
	args->phase = phase_of(m);
	WRITE_ONCE(m->progress.phase, args->phase);
	args->generation = m->vm->generation;
	memcpy(args->uuid, m->vm->uuid, sizeof(args->uuid));
	memcpy(args->error, m->error, sizeof(args->error));
	args->error_record = m->err_record;
	args->error_offset = m->err_offset;
	args->nonce = m->token.source;
	if (!m->dest)
		args->journal = m->journal;
	if (ret != -ERESTARTNOHAND && give_findings(m, args) && !ret)
		ret = -EFAULT;
	mutex_unlock(&m->call);
	return ret;
}

static void free_bitmaps(struct ferry_migration *m)
{
	int i;

	for (i = 0; i < FERRY_MAX_REGIONS; i++) {
		kvfree(m->bitmap[i]);
		m->bitmap[i] = NULL;
	}
	kvfree(m->rx.received);
	kvfree(m->rx.unverified);
	m->rx.received = NULL;
	m->rx.unverified = NULL;
}

/* Everything an attempt holds; the VM's regions may change again. */
void ferry_migration_close(struct ferry_migration *m)
{
	if (m->pinned)
		FERRY_PROGRESS(m, elapsed_us, div_u64(ktime_get_ns() - m->began, 1000));
	ferry_link_close(&m->link);
	free_bitmaps(m);
	kvfree(m->buf);
	kvfree(m->definition);
	kvfree(m->blobs);
	m->buf = NULL;
	m->definition = NULL;
	m->blobs = NULL;
	WRITE_ONCE(m->pinned, false);
}

/**
 * ferry_migration_open() - begin an attempt
 * @m: the migration, idle
 * @args: descriptor, flags, limits
 * @dest: this side receives
 *
 * Return: 0 or -errno with nothing held.
 */
int ferry_migration_open(struct ferry_migration *m, struct ferry_migrate *args, bool dest)
{
	bool file = args->flags & FERRY_MIGRATE_FILE;
	u32 timeout = args->timeout_ms ?: DEFAULT_TIMEOUT_MS;
	int err;

	if (memchr_inv(args->reserved, 0, sizeof(args->reserved)) ||
	    args->timeout_ms > MAX_TIMEOUT_MS ||
	    (file && args->flags & FERRY_MIGRATE_DRY_RUN))
		return -EINVAL;
	kvfree(m->findings);
	m->findings = NULL;
	m->nr_findings = 0;
	m->err = 0;
	m->err_record = 0;
	m->err_offset = 0;
	memset(m->error, 0, sizeof(m->error));
	m->flags = args->flags;
	m->cancel = false;
	memset(m->why, 0, sizeof(m->why));
	m->greeted = false;
	m->abort_unsaid = false;
	m->in_round = false;
	m->stopped = false;
	m->definition_taken = false;
	m->blobs_taken = false;
	m->definition_length = 0;
	m->blobs_length = 0;
	memset(&m->token, 0, sizeof(m->token));
	memset(&m->progress, 0, sizeof(m->progress));
	m->link.timeout_ms = timeout;
	m->link.bandwidth = args->bandwidth;
	err = ferry_link_open(&m->link, args->fd, file, !dest);
	if (err)
		return err;
	m->io = ferry_link_io;
	m->io.ctx = &m->link;
	m->buf = kvmalloc(WIRE_BODY_BYTES, GFP_KERNEL_ACCOUNT);
	if (!m->buf) {
		ferry_link_close(&m->link);
		return -ENOMEM;
	}
	wire_tx_init(&m->tx, &m->io, ferry_crc32c);
	wire_rx_init(&m->rx, &m->io, ferry_crc32c, m->buf,
		     dest ? WIRE_RX_HELLO : WIRE_RX_BACK_HELLO);
	WRITE_ONCE(m->began, ktime_get_ns());
	WRITE_ONCE(m->pinned, true);
	return 0;
}

/* ------------------------------------------------------------------------- errors */

/**
 * ferry_migration_fail() - remember why the attempt ends; the first reason stays
 * @m: the migration
 * @err: negative errno
 * @fmt: for a person: what is wrong, and what to do
 *
 * Return: @err.
 */
int ferry_migration_fail(struct ferry_migration *m, int err, const char *fmt, ...)
{
	va_list ap;

	if (m->err)
		return err;
	m->err = err;
	va_start(ap, fmt);
	vsnprintf(m->error, sizeof(m->error), fmt, ap);
	va_end(ap);
	return err;
}

/* Cancelled by whom, if he said so. */
static const char *cancelled(struct ferry_migration *m)
{
	return smp_load_acquire(&m->cancel) && m->why[0] ? m->why : "cancelled";
}

/* wire_rx_next() failed: its reason names the record and its offset. */
int ferry_migration_rx_fail(struct ferry_migration *m, int err)
{
	const struct wire_error *e = &m->rx.error;

	/* A peer that has gone, or a file that is cut. */
	if (err == -ENODATA || err == -EPIPE)
		err = m->link.file ? -EPROTO : -ECONNRESET;
	if (m->err)
		return err;
	m->err_record = e->record;
	m->err_offset = e->offset;
	if (err == -EINTR || err == -ECANCELED)
		return ferry_migration_fail(m, err, "%s", cancelled(m));
	if (err == -ETIMEDOUT && m->link.limit && ktime_get_ns() > m->link.limit)
		return err; /* ferry_source_over() says why */
	if (err == -ETIMEDOUT)
		return ferry_migration_fail(m, err, "nothing was heard for %u ms", m->link.timeout_ms);
	return ferry_migration_fail(m, err, "%s at byte %llu: %s",
				    e->record ? wire_type_name(e->record) :
				    e->offset ? "record" : "header", e->offset,
				    e->what ?: "unreadable");
}

static enum wire_event event_of(int err)
{
	switch (err) {
	case -EINTR:
	case -ECANCELED:
		return WIRE_EV_CANCEL;
	case -ECONNRESET:
	case -ETIMEDOUT:
	case -ENETUNREACH:
	case -EHOSTUNREACH:
		return WIRE_EV_LOST;
	}
	return WIRE_EV_FAILED;
}

/* -------------------------------------------------------------------- the source */

static int stop_vcpus(struct ferry_migration *m)
{
	struct ferry_vm *vm = m->vm;
	int err;

	mutex_lock(&vm->lock);
	ferry_vm_stop(vm, FERRY_HOLD_MIGRATE);
	mutex_unlock(&vm->lock);
	m->frozen = ktime_get_ns();
	err = ferry_vm_settle(vm, SETTLE_MS);
	if (err)
		ferry_migration_fail(m, err, "a vCPU's port or memory access was not finished: "
				     "call FERRY_RUN on every vCPU until it says PAUSED");
	mutex_lock(&vm->lock);
	if (!(atomic_read(&vm->hold) & FERRY_HOLD_PAUSED)) {
		ferry_irqchip_pause(vm);
		ferry_clock_pause(vm);
	}
	mutex_unlock(&vm->lock);
	m->stopped = true;
	return err;
}

static void let_vcpus_run(struct ferry_migration *m)
{
	struct ferry_vm *vm = m->vm;
	bool waited = ktime_get_ns() - m->frozen > LONG_STOP_NS;

	if (!m->stopped)
		return;
	mutex_lock(&vm->lock);
	if (!(atomic_read(&vm->hold) & FERRY_HOLD_PAUSED)) {
		ferry_clock_continue(vm, waited);
		ferry_irqchip_continue(vm);
	}
	ferry_vm_release(vm, FERRY_HOLD_MIGRATE);
	mutex_unlock(&vm->lock);
	m->stopped = false;
}

static void stop_log(struct ferry_migration *m)
{
	mutex_lock(&m->vm->lock);
	ferry_dirty_stop(m->vm);
	mutex_unlock(&m->vm->lock);
}

/* The signal that brought us here has had its effect; and nobody waits long for a last word. */
static void last_words(struct ferry_migration *m)
{
	m->link.deaf = true;
	m->link.limit = 0;
	m->link.timeout_ms = min(m->link.timeout_ms, LAST_WORDS_MS);
}

/* The other side need not wait for its time-out. */
static void tell_cancel(struct ferry_migration *m)
{
	if (!m->greeted || m->link.file || m->link.broken)
		return;
	last_words(m);
	if (!ferry_send_reason(m, FERRY_REC_CANCEL))
		ferry_link_bye(&m->link, m->buf, WIRE_BODY_BYTES);
}

static int source_do(struct ferry_migration *m, enum wire_action action)
{
	struct ferry_vm *vm = m->vm;
	int err;

	switch (action) {
	case WIRE_DO_NOTHING:
		return 0;
	case WIRE_DO_KEEP:
		ferry_link_close(&m->link);
		return 0;
	case WIRE_DO_SEND_OFFER:
		return ferry_send_offer(m);
	case WIRE_DO_START_LOG:
		mutex_lock(&vm->lock);
		err = ferry_dirty_start(vm, 0, true);
		mutex_unlock(&vm->lock);
		if (err)
			ferry_migration_fail(m, err, err == -EBUSY ?
					     "the dirty log is in use; stop it first" :
					     "no memory for the dirty log");
		return err;
	case WIRE_DO_STOP_VCPUS:
		return stop_vcpus(m);
	case WIRE_DO_GIVE_UP:
	case WIRE_DO_RESUME:
		if (action == WIRE_DO_RESUME)
			let_vcpus_run(m);
		tell_cancel(m);
		if (vm->dirty)
			stop_log(m);
		ferry_migration_close(m);
		return 0;
	case WIRE_DO_FENCE_THEN_COMMIT:
		/* Nothing on this side may run this generation from here on. */
		atomic_or(FERRY_HOLD_FENCED, &vm->hold);
		m->link.deaf = true;
		m->link.limit = 0;
		return ferry_send_token(m, FERRY_REC_COMMIT);
	case WIRE_DO_UNFENCE:
		atomic_andnot(FERRY_HOLD_FENCED, &vm->hold);
		let_vcpus_run(m);
		stop_log(m);
		ferry_migration_close(m);
		return 0;
	case WIRE_DO_FENCE_AND_FREE:
		atomic_or(FERRY_HOLD_FENCED, &vm->hold);
		fallthrough;
	case WIRE_DO_FREE:
		FERRY_PROGRESS(m, blackout_us, div_u64(ktime_get_ns() - m->frozen, 1000));
		stop_log(m);
		ferry_migration_close(m);
		return 0;
	default:
		WARN_ON_ONCE(1);
		return -EINVAL;
	}
}

/**
 * ferry_source_event() - something happened to a source
 * @m: the migration
 * @event: what
 *
 * The new state is entered first, then its action is done.
 *
 * Return: what the action returned; the caller tells failures by ferry_source_over().
 */
int ferry_source_event(struct ferry_migration *m, enum wire_event event)
{
	int action = wire_source_step(&m->state, event);

	if (WARN_ON_ONCE(action < 0))
		return -EINVAL;
	WRITE_ONCE(m->progress.phase, phase_of(m));
	return source_do(m, action);
}

/**
 * ferry_source_over() - an attempt fails
 * @m: the migration
 * @err: negative errno, -ERESTARTNOHAND to come back instead
 * Return: @err.
 */
int ferry_source_over(struct ferry_migration *m, int err)
{
	enum wire_event event = event_of(err);

	if (err == -ERESTARTNOHAND)
		return err;
	if (err == -ETIMEDOUT && m->link.limit && ktime_get_ns() > m->link.limit)
		ferry_migration_fail(m, err, "the guest stood still for %llu ms and the move had not"
				     " ended: the link has become too slow; the guest runs on here",
				     div_u64(ktime_get_ns() - m->frozen, NSEC_PER_MSEC));
	if (event == WIRE_EV_CANCEL)
		ferry_migration_fail(m, err, "%s", cancelled(m));
	ferry_migration_fail(m, err, err == -ETIMEDOUT ? "the other side did not answer in time" :
			     err == -ENOSPC ? "no space is left for the file" :
			     event == WIRE_EV_LOST && m->link.file ? "nobody reads the pipe any more" :
			     event == WIRE_EV_LOST ? "the connection to the other side was lost" :
			     m->link.file ? "the file cannot be written (%d)" :
			     "migration failed (%d)", err);
	if (m->state == WIRE_SRC_RUNS)
		ferry_migration_close(m);
	else
		ferry_source_event(m, event);
	return err;
}

/* --------------------------------------------------------------- the destination */

/* The guest goes on here. Its clocks advance by the time that no copy of it ran. */
static void run_here(struct ferry_migration *m)
{
	u64 stopped = m->frozen ? ktime_get_ns() - m->frozen : 0;
	struct ferry_vm *vm = m->vm;

	mutex_lock(&vm->lock);
	if (!m->link.file)
		ferry_clock_advance(vm, stopped);
	ferry_clock_continue(vm, m->link.file || stopped > LONG_STOP_NS);
	ferry_irqchip_continue(vm);
	ferry_vm_release(vm, FERRY_HOLD_MIGRATE);
	mutex_unlock(&vm->lock);
	FERRY_PROGRESS(m, blackout_us, div_u64(stopped, 1000));
}

/* One last word, then everything is given back; guest memory goes with the VM. */
static void say_abort(struct ferry_migration *m, bool refuse)
{
	if (!ferry_link_is_open(&m->link) || m->link.file)
		return;
	last_words(m);
	if (!m->greeted && (ferry_send_header(m, FERRY_STREAM_REPLY) || ferry_send_hello(m)))
		return;
	if (!ferry_send_reason(m, refuse ? FERRY_REC_REFUSE : FERRY_REC_ABORT))
		ferry_link_bye(&m->link, m->buf, WIRE_BODY_BYTES);
}

static int dest_do(struct ferry_migration *m, enum wire_action action, u8 was)
{
	switch (action) {
	case WIRE_DO_NOTHING:
	case WIRE_DO_READ:
	case WIRE_DO_ASK:
		return 0;
	case WIRE_DO_SEND_ACCEPT:
		if (m->link.file)
			return 0; /* nobody asked */
		return ferry_send_header(m, FERRY_STREAM_REPLY) ?: ferry_send_hello(m) ?:
		       wire_tx_record(&m->tx, FERRY_REC_ACCEPT, NULL, 0, NULL, 0);
	case WIRE_DO_SEND_PREPARED:
		return ferry_send_token(m, FERRY_REC_PREPARED);
	case WIRE_DO_RUN:
		run_here(m);
		if (m->state == WIRE_DST_RUNNING)
			ferry_migration_close(m);
		return 0;
	case WIRE_DO_SEND_RUNNING:
		ferry_send_token(m, FERRY_REC_RUNNING);
		ferry_migration_close(m);
		return 0;
	case WIRE_DO_DISCARD:
		say_abort(m, was == WIRE_DST_READING || was == WIRE_DST_DEFINED);
		ferry_migration_close(m);
		return 0;
	case WIRE_DO_RECORD_ABORT:
		m->abort_unsaid = true;
		return 0;
	default:
		WARN_ON_ONCE(1);
		return -EINVAL;
	}
}

/**
 * ferry_dest_event() - something happened to a destination
 * @m: the migration
 * @event: what
 * Return: what the action returned.
 */
int ferry_dest_event(struct ferry_migration *m, enum wire_event event)
{
	u8 was = m->state;
	int action = wire_dest_step(&m->state, event);

	if (WARN_ON_ONCE(action < 0))
		return -EINVAL;
	WRITE_ONCE(m->progress.phase, phase_of(m));
	return dest_do(m, action, was);
}

int ferry_dest_over(struct ferry_migration *m, int err)
{
	enum wire_event event = event_of(err);

	if (err == -ERESTARTNOHAND)
		return err;
	if (event == WIRE_EV_CANCEL)
		ferry_migration_fail(m, err, "%s", cancelled(m));
	ferry_migration_fail(m, err, err == -ETIMEDOUT ? "the source fell silent" :
			     event == WIRE_EV_LOST ? "the connection to the source was lost" :
			     err == -ENOMEM ? "not enough memory on this host" :
			     "receiving failed (%d)", err);
	if (m->state == WIRE_DST_PREPARED && err == -ETIMEDOUT)
		event = WIRE_EV_TIMEOUT;
	if (m->state != WIRE_DST_IDLE && m->state != WIRE_DST_ABORTED)
		ferry_dest_event(m, event);
	else
		ferry_migration_close(m);
	return err;
}

/* ---------------------------------------------------------------------- the calls */

/**
 * ferry_migrate_confirm() - FERRY_MIGRATE_CONFIRM
 * @vm: the VM, COMMITTED: RAN is durable in the journal; or LOADED from a file, whose mark is durable
 * @args: the caller's struct
 *
 * A guest that came over a socket runs since COMMITTED; this tells the source that it may free its
 * copy. A source that does not hear it asks the journal. A guest from a file runs from here on.
 *
 * Return: 0, -EINVAL not the time for it.
 */
int ferry_migrate_confirm(struct ferry_vm *vm, struct ferry_migrate *args)
{
	struct ferry_migration *m = ferry_migration_begin(vm, false);
	int ret = -EINVAL;

	if (IS_ERR(m))
		return PTR_ERR(m);
	if (m->dest && m->state == WIRE_DST_COMMITTED)
		ret = ferry_dest_event(m, WIRE_EV_RECORDED);
	else if (m->dest && m->state == WIRE_DST_LOADED && m->link.file)
		ret = ferry_dest_event(m, WIRE_EV_CONSUMED);
	return ferry_migration_end(m, args, ret);
}

static int abort_source(struct ferry_migration *m)
{
	switch (m->state) {
	case WIRE_SRC_OFFERED:
	case WIRE_SRC_COPYING:
	case WIRE_SRC_FROZEN:
	case WIRE_SRC_SENT:
		ferry_source_over(m, -ECANCELED);
		return 0;
	case WIRE_SRC_RUNS:
		return -EALREADY;
	}
	return -EBUSY; /* COMMIT was sent */
}

static int abort_dest(struct ferry_migration *m)
{
	switch (m->state) {
	case WIRE_DST_DEFINED:
	case WIRE_DST_LOADING:
	case WIRE_DST_LOADED:
	case WIRE_DST_PREPARED:
		ferry_dest_over(m, -ECANCELED);
		return 0;
	case WIRE_DST_ABORTED:
		if (!m->abort_unsaid)
			return -EALREADY;
		m->abort_unsaid = false;
		say_abort(m, false);
		ferry_migration_close(m);
		return 0;
	case WIRE_DST_IDLE:
		return -EALREADY;
	}
	return -EBUSY; /* COMMIT was heard */
}

/* The first to cancel a call says why. */
static void cancel_call(struct ferry_vm *vm, const struct ferry_migrate *args)
{
	struct ferry_migration *m = vm->migration;

	mutex_lock(&vm->lock);
	if (!m->cancel && memchr(args->error, 0, sizeof(args->error)))
		strscpy(m->why, (const char *)args->error, sizeof(m->why));
	smp_store_release(&m->cancel, true);
	mutex_unlock(&vm->lock);
}

/**
 * ferry_migrate_abort() - FERRY_MIGRATE_ABORT
 * @vm: the VM
 * @args: the caller's struct; @error is the reason for the other side, if not empty
 *
 * While another thread is inside a migration call, that call ends with -ECANCELED and this one
 * returns at once. A destination that gave up after PREPARED returned ABORTED without a word to the
 * source; called again, once ABORTED is durable in the journal, this says it.
 *
 * Return: 0, -EALREADY nothing to abort, -EBUSY COMMIT was sent or heard.
 */
int ferry_migrate_abort(struct ferry_vm *vm, struct ferry_migrate *args)
{
	struct ferry_migration *m = ferry_migration_begin(vm, false);

	if (PTR_ERR(m) == -EBUSY) {
		u32 phase = READ_ONCE(vm->migration->progress.phase);

		if (phase == FERRY_MIGRATE_IN_DOUBT || phase == FERRY_MIGRATE_COMMITTED)
			return -EBUSY;
		cancel_call(vm, args);
		return 0;
	}
	if (IS_ERR(m))
		return PTR_ERR(m) == -ENOENT ? -EALREADY : PTR_ERR(m);
	if (args->error[0] && memchr(args->error, 0, sizeof(args->error)))
		ferry_migration_fail(m, -ECANCELED, "%s", args->error);
	return ferry_migration_end(m, args, m->dest ? abort_dest(m) : abort_source(m));
}

/**
 * ferry_migrate_resolve() - FERRY_MIGRATE_RESOLVE
 * @vm: the VM, IN_DOUBT
 * @args: what the destination's journal says
 *
 * Return: 0, -EINVAL not in doubt or no such answer.
 */
int ferry_migrate_resolve(struct ferry_vm *vm, const struct ferry_migrate_resolve *args)
{
	static const u8 event[] = {
		[FERRY_RESOLVE_NEVER] = WIRE_EV_ANSWER_NEVER,
		[FERRY_RESOLVE_ABORTED] = WIRE_EV_ANSWER_ABORTED,
		[FERRY_RESOLVE_RAN] = WIRE_EV_ANSWER_RAN,
		[FERRY_RESOLVE_FORCE] = WIRE_EV_FORCE,
	};
	struct ferry_migration *m;
	int ret = -EINVAL;

	if (args->reserved || args->answer < FERRY_RESOLVE_NEVER ||
	    args->answer > FERRY_RESOLVE_FORCE)
		return -EINVAL;
	m = ferry_migration_begin(vm, false);
	if (IS_ERR(m))
		return PTR_ERR(m) == -ENOENT ? -EINVAL : PTR_ERR(m);
	if (!m->dest && m->state == WIRE_SRC_IN_DOUBT)
		ret = ferry_source_event(m, event[args->answer]);
	mutex_unlock(&m->call);
	return ret;
}

/**
 * ferry_migrate_status() - FERRY_MIGRATE_STATUS; from any thread, at any time
 * @vm: the VM
 * @args: out
 * Return: 0.
 */
int ferry_migrate_status(struct ferry_vm *vm, struct ferry_migrate_status *args)
{
	u32 size = args->size;

	mutex_lock(&vm->lock);
	memset(args, 0, sizeof(*args));
	if (vm->migration)
		*args = vm->migration->progress;
	if (vm->migration && ferry_migrate_pinned(vm))
		args->elapsed_us = div_u64(ktime_get_ns() - READ_ONCE(vm->migration->began), 1000);
	mutex_unlock(&vm->lock);
	args->size = size;
	return 0;
}

/* An attempt is under way: regions may not change. vm->lock held. */
bool ferry_migrate_pinned(struct ferry_vm *vm)
{
	return vm->migration && READ_ONCE(vm->migration->pinned);
}

/* ... and this is the source: nor may vCPUs come. */
bool ferry_migrate_sending(struct ferry_vm *vm)
{
	return ferry_migrate_pinned(vm) && !vm->migration->dest;
}

/* The VM goes: nobody calls any more. */
void ferry_migrate_destroy(struct ferry_vm *vm)
{
	struct ferry_migration *m = vm->migration;

	if (!m)
		return;
	ferry_migration_close(m);
	kvfree(m->findings);
	mutex_destroy(&m->call);
	kvfree(m);
	vm->migration = NULL;
}
