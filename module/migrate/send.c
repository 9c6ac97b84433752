// SPDX-License-Identifier: GPL-2.0-only
/*
 * The source: FERRY_MIGRATE_SEND from the offer to the frozen guest, FERRY_MIGRATE_FINISH from there
 * to the other side's word that it runs. Both run in the caller's context with m->call held, and sleep.
 *
 * Pages: a harvest of the dirty log says what a round must send; it clears first and we read last,
 * so a write that we miss is in the next harvest. What is found to be zero goes as a run.
 */
#include <linux/bitmap.h>
#include <linux/random.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../trace.h"
#include "migrate.h"

#define DEFAULT_BLACKOUT_US 300000
/* Beside the pages: states, device states, and three messages. */
#define FIXED_NS (2 * NSEC_PER_MSEC)
#define MAX_ROUNDS 60
/* As many rounds in a row that bring the end no nearer are enough. */
#define MAX_STUCK 8

/* ---------------------------------------------------------------------- the answer */

/* A record of the destination's that was not asked for, or is not what was. */
static int unexpected(struct ferry_migration *m, int type)
{
	return ferry_migration_fail(m, -EPROTO, "the other side said %s out of turn",
				    wire_type_name(type));
}

/*
 * What the destination says, one record at a time: 0 or the error that ends the attempt. A reason of
 * its own ends it too.
 */
int ferry_source_heard(struct ferry_migration *m, int type)
{
	switch (type) {
	case FERRY_REC_HELLO:
		m->journal = m->rx.hello.journal;
		if (m->rx.header.generation == m->vm->generation &&
		    !memcmp(m->rx.header.uuid, m->vm->uuid, sizeof(m->vm->uuid)))
			return 0;
		return ferry_migration_fail(m, -EPROTO, "the other side speaks of another VM");
	case FERRY_REC_ACCEPT:
	case FERRY_REC_ROUND_ACK:
	case FERRY_REC_PREPARED:
	case FERRY_REC_RUNNING:
		return 0;
	case FERRY_REC_REFUSE:
	case FERRY_REC_ABORT:
		ferry_read_reason(m);
		return m->err;
	}
	return type < 0 ? ferry_migration_rx_fail(m, type) : unexpected(m, type);
}

/* Wait for one record of this type. */
static int hear(struct ferry_migration *m, int wanted, u64 timeout_ns)
{
	int type, err = ferry_link_wait(&m->link, timeout_ns);

	if (err)
		return err;
	type = wire_rx_next(&m->rx);
	err = ferry_source_heard(m, type);
	if (!err && type != wanted)
		err = unexpected(m, type);
	return err;
}

static u64 patience(struct ferry_migration *m)
{
	return m->link.timeout_ms * (u64)NSEC_PER_MSEC;
}

/* Sending failed: the destination may have said why before it went. */
static int send_error(struct ferry_migration *m, int err)
{
	if (err == -ECONNRESET && ferry_link_readable(&m->link)) {
		m->link.timeout_ms = 1000;
		while (!ferry_source_heard(m, wire_rx_next(&m->rx)))
			;
		if (!m->rx.error.err)
			return m->err; /* its own words */
		m->err = 0;
	}
	return err;
}

/* ----------------------------------------------------------------------- the offer */

int ferry_send_offer(struct ferry_migration *m)
{
	return ferry_send_header(m, m->link.file ? FERRY_STREAM_FILE : 0) ?:
	       ferry_send_hello(m) ?: ferry_send_policy(m) ?: ferry_send_map(m) ?:
	       (m->definition_length ? wire_tx_record(&m->tx, FERRY_REC_DEFINITION, NULL, 0,
						      m->definition, m->definition_length) : 0) ?:
	       wire_tx_record(&m->tx, FERRY_REC_STATIC_END, NULL, 0, NULL, 0);
}

static int hear_verdict(struct ferry_migration *m)
{
	int err;

	if (m->link.file)
		return 0;
	if (m->rx.state == WIRE_RX_BACK_HELLO && !m->rx.header.magic) {
		err = ferry_link_wait(&m->link, patience(m));
		if (err)
			return err;
		err = wire_rx_header(&m->rx);
		if (err)
			return ferry_migration_rx_fail(m, err);
		if (!(m->rx.header.flags & FERRY_STREAM_REPLY))
			return ferry_migration_fail(m, -EPROTO, "the other side is a source too");
	}
	if (m->rx.state == WIRE_RX_BACK_HELLO) {
		err = hear(m, FERRY_REC_HELLO, patience(m));
		if (err)
			return err;
	}
	m->timeout_ns = min(m->rx.hello.timeout_ms, m->link.timeout_ms) * (u64)NSEC_PER_MSEC;
	return hear(m, FERRY_REC_ACCEPT, patience(m));
}

/* -------------------------------------------------------------------------- rounds */

static int alloc_bitmaps(struct ferry_migration *m)
{
	u32 i;

	for (i = 0; i < m->map.count; i++) {
		const struct ferry_stream_region *r = &m->map.region[i];

		m->bitmap[i] = kvcalloc(BITS_TO_LONGS(r->length / WIRE_PAGE), sizeof(long),
					GFP_KERNEL_ACCOUNT);
		if (!m->bitmap[i])
			return -ENOMEM;
	}
	return 0;
}

/* Pages that are to be sent now, in all regions; adds what was written since the last time. */
static s64 harvest(struct ferry_migration *m, bool final)
{
	s64 found, sum = 0;
	u64 now;
	u32 i;

	for (i = 0; i < m->map.count; i++) {
		found = ferry_dirty_harvest(m->vm, m->map.region[i].region, m->bitmap[i], final);
		if (found == -EBUSY)
			return ferry_migration_fail(m, -EBUSY, "memory of the stopped guest is still"
						    " in use by somebody: drain all I/O first");
		if (found < 0)
			return found;
		sum += found;
	}
	now = ktime_get_ns();
	if (m->round_began && now > m->round_began)
		FERRY_PROGRESS(m, dirty_per_second,
			       mul_div_sat(sum * WIRE_PAGE, NSEC_PER_SEC,
					   now - m->round_began));
	m->left += sum;
	FERRY_PROGRESS(m, pages_left, m->left);
	FERRY_PROGRESS(m, pages_dirty, sum);
	return sum;
}

/* What was collected and not yet written: page contents, and runs of zero. */
struct batch {
	u64 gfn[FERRY_STREAM_MAX_BATCH];
	void *page[FERRY_STREAM_MAX_BATCH];
	unsigned int nr;
	struct ferry_stream_run run[512];
	unsigned int runs;
};

/* Bytes per second since the round began; what a socket holds counts as sent. */
static void show_rate(struct ferry_migration *m)
{
	u64 now = ktime_get_ns(), bytes = m->tx.offset - m->round_bytes;

	if (bytes >= SZ_256K && now > m->round_began)
		FERRY_PROGRESS(m, bytes_per_second,
			       mul_div_sat(bytes, NSEC_PER_SEC, now - m->round_began));
}

static int flush(struct ferry_migration *m, struct batch *b)
{
	int err = 0;

	if (b->nr)
		err = wire_tx_pages(&m->tx, b->gfn, b->page, b->nr);
	if (!err && b->runs)
		err = wire_tx_zero(&m->tx, b->run, b->runs);
	b->nr = 0;
	b->runs = 0;
	FERRY_PROGRESS(m, pages_sent, m->tx.pages);
	FERRY_PROGRESS(m, pages_zero, m->tx.zero_pages);
	FERRY_PROGRESS(m, pages_left, m->left);
	FERRY_PROGRESS(m, bytes_sent, m->tx.offset);
	if (m->in_round)
		show_rate(m);
	return err;
}

/*
 * Nanoseconds, less those in which this thread stood ready and had no CPU. While the guest runs that is
 * mostly its vCPUs' doing, and over when they are stopped.
 */
static u64 sending_clock(void)
{
	u64 now = ktime_get_ns();

#ifdef CONFIG_SCHED_INFO
	now -= current->sched_info.run_delay;
#endif
	return now;
}

/* Zero pages cost time and next to no bytes: what they take is no measure of the link. */
static void count_zero(struct ferry_migration *m, bool zero)
{
	if (zero && !m->zero_began) {
		m->zero_began = sending_clock();
	} else if (!zero && m->zero_began) {
		m->zero_ns += sending_clock() - m->zero_began;
		m->zero_began = 0;
	}
}

static void add(struct ferry_migration *m, struct batch *b, u64 gfn)
{
	struct page *page = ferry_memory_page(m->vm, gfn);
	struct ferry_stream_run *last = b->runs ? &b->run[b->runs - 1] : NULL;
	bool zero = !page || wire_is_zero(page_address(page), PAGE_SIZE);

	count_zero(m, zero);
	if (!zero) {
		b->gfn[b->nr] = gfn;
		b->page[b->nr++] = page_address(page);
	} else if (last && last->gfn + last->count == gfn) {
		last->count++;
	} else {
		b->run[b->runs++] = (struct ferry_stream_run){ .gfn = gfn, .count = 1 };
	}
}

/* A destination that gave up need not be sent the rest. */
static int look_back(struct ferry_migration *m)
{
	if (!ferry_link_readable(&m->link))
		return 0;
	return ferry_source_heard(m, wire_rx_next(&m->rx)) ?: unexpected(m, m->rx.record.type);
}

/*
 * Send what the bitmaps say, clearing them. -ERESTARTNOHAND leaves the rest in them, for the same
 * call to go on with.
 */
static int send_pages(struct ferry_migration *m, bool restart)
{
	struct batch *b = kvmalloc(sizeof(*b), GFP_KERNEL_ACCOUNT);
	unsigned long page, npages;
	int err = 0;
	u32 i;

	if (!b)
		return -ENOMEM;
	b->nr = 0;
	b->runs = 0;
	for (i = 0; !err && i < m->map.count; i++) {
		npages = m->map.region[i].length / WIRE_PAGE;
		page = find_first_bit(m->bitmap[i], npages);
		while (!err && page < npages) {
			__clear_bit(page, m->bitmap[i]);
			m->left--;
			add(m, b, m->map.region[i].gpa / WIRE_PAGE + page);
			if (b->nr == FERRY_STREAM_MAX_BATCH || b->runs == ARRAY_SIZE(b->run)) {
				err = flush(m, b) ?: look_back(m) ?: ferry_link_throttle(&m->link) ?:
				      ferry_link_interrupted(&m->link);
				if (!err && restart && signal_pending(current))
					err = -ERESTARTNOHAND;
			}
			if (!(page % 512))
				cond_resched();
			page = find_next_bit(m->bitmap[i], npages, page + 1);
		}
	}
	count_zero(m, false);
	if (!err)
		err = flush(m, b);
	kvfree(b);
	return err;
}

static int begin_round(struct ferry_migration *m)
{
	m->round_clock = sending_clock();
	m->zero_ns = 0;
	m->zero_began = 0;
	m->in_round = true;
	m->round_began = ktime_get_ns();
	m->round_bytes = m->tx.offset;
	m->progress.round++;
	trace_ferry_migrate_round(m->progress.round, m->tx.pages, m->tx.zero_pages,
				  m->progress.pages_dirty);
	return 0;
}

/* The round is over when the destination has it all: only then is its rate a rate. */
static int end_round(struct ferry_migration *m)
{
	u64 took, bytes, now;
	int err;

	if (m->in_round) {
		err = wire_tx_round(&m->tx, m->progress.round, m->progress.pages_dirty);
		if (err)
			return send_error(m, err);
		m->in_round = false;
	}
	err = hear(m, FERRY_REC_ROUND_ACK, patience(m));
	if (err)
		return err;
	took = max_t(s64, sending_clock() - m->round_clock - m->zero_ns, 1);
	bytes = m->tx.offset - m->round_bytes;
	now = ktime_get_ns();
	FERRY_PROGRESS(m, bytes_per_second, mul_div_sat(bytes, NSEC_PER_SEC,
							max_t(s64, now - m->round_began, 1)));
	/* A short round says little about the link: latency is most of it. */
	if (bytes >= SZ_256K || !m->rate)
		m->rate = mul_div_sat(bytes, NSEC_PER_SEC, took) ?: 1;
	return 0;
}

static u64 predict(struct ferry_migration *m, u64 pages)
{
	/* The rate is what the other side makes it: a slow answer to a small round is next to nothing. */
	u64 ns = mul_div_sat(pages * (WIRE_PAGE + sizeof(struct ferry_stream_page)), NSEC_PER_SEC,
			     m->rate);

	ns = max(ns, ns + FIXED_NS);
	FERRY_PROGRESS(m, predicted_blackout_us, div_u64(ns, 1000));
	return ns;
}

/* Rounds until what is left fits the blackout. The bitmaps then hold what is left. */
static int rounds(struct ferry_migration *m)
{
	unsigned int stuck = 0;
	u64 best = ~0ULL;
	s64 dirty;
	int err;

	for (;;) {
		if (!m->in_round && m->rx.round == m->progress.round) {
			dirty = harvest(m, false);
			if (dirty < 0)
				return dirty;
			if (m->progress.round && predict(m, dirty) <= m->blackout_ns)
				return 0;
			stuck = dirty < best ? 0 : stuck + 1;
			best = min_t(u64, best, dirty);
			if (m->progress.round >= MAX_ROUNDS || stuck >= MAX_STUCK)
				return ferry_migration_fail(m, -ETIMEDOUT, "will not converge: the "
					"guest writes %llu kB/s, the link carries %llu kB/s; allow a "
					"longer blackout", m->progress.dirty_per_second / 1000,
					m->rate / 1000);
			begin_round(m);
		}
		if (m->in_round) {
			err = send_pages(m, true);
			if (err)
				return send_error(m, err);
		}
		err = end_round(m);
		if (err)
			return err;
	}
}

/*
 * From here to COMMIT the guest waits for the link, which may have died: a prediction that is ten
 * times wrong is not worth waiting for. A file is waited for by nobody but its writer.
 */
static int freeze(struct ferry_migration *m)
{
	int err = ferry_source_event(m, WIRE_EV_CONVERGED);

	if (err)
		return err;
	if (!m->link.file)
		m->link.limit = m->frozen + 10 * m->blackout_ns + NSEC_PER_SEC;
	err = wire_tx_freeze(&m->tx);
	return err ? send_error(m, err) : 0;
}

/* --------------------------------------------------------------------------- SEND */

static int take_definition(struct ferry_migration *m, struct ferry_migrate *args)
{
	void *copy;

	if (!args->definition_length)
		return 0;
	if (args->definition_length > FERRY_STREAM_MAX_DEFINITION)
		return -EINVAL;
	copy = kvmalloc(args->definition_length, GFP_KERNEL_ACCOUNT);
	if (!copy)
		return -ENOMEM;
	if (copy_from_user(copy, u64_to_user_ptr(args->definition), args->definition_length)) {
		kvfree(copy);
		return -EFAULT;
	}
	m->definition = copy;
	m->definition_length = args->definition_length;
	return 0;
}

/* May this VM be sent? Then its regions and vCPUs stay as they are. */
static int begin_send(struct ferry_migration *m, struct ferry_migrate *args)
{
	struct ferry_vm *vm = m->vm;
	int err;

	if (m->dest && m->state == WIRE_DST_RUNNING) {
		m->dest = false;
		m->state = WIRE_SRC_RUNS;
	}
	if (m->dest || m->state != WIRE_SRC_RUNS)
		return -EBUSY;
	err = ferry_migration_open(m, args, false);
	if (err)
		return err;
	m->blackout_ns = (args->blackout_us ?: DEFAULT_BLACKOUT_US) * NSEC_PER_USEC;
	m->rate = 0;
	m->left = 0;
	m->round_began = 0;
	m->token.source = get_random_u64();
	m->rx.token.source = m->token.source;
	mutex_lock(&vm->lock);
	if (!vm->cpuid || !vm->nr_vcpus)
		err = -ENODATA;
	else if (!ferry_vcpus_dense(vm))
		err = -EINVAL;
	else if (vm->dirty)
		err = -EBUSY;
	else if (!(args->flags & FERRY_MIGRATE_DRY_RUN))
		vm->generation++;
	mutex_unlock(&vm->lock);
	err = err ?: ferry_read_map(m) ?: alloc_bitmaps(m) ?: take_definition(m, args);
	FERRY_PROGRESS(m, pages_total, m->map.pages);
	if (err)
		ferry_migration_close(m);
	return err;
}

static int send(struct ferry_migration *m, struct ferry_migrate *args)
{
	int err;

	if (m->state == WIRE_SRC_RUNS || m->dest) {
		err = begin_send(m, args);
		if (err)
			return err;
		err = ferry_source_event(m, WIRE_EV_START);
		if (err)
			return ferry_source_over(m, send_error(m, err));
	}
	/* From here on a call that was interrupted by a stop goes on where it was. */
	if (m->state == WIRE_SRC_OFFERED) {
		err = hear_verdict(m);
		if (err && m->rx.record.type == FERRY_REC_REFUSE && m->rx.state == WIRE_RX_CLOSED) {
			ferry_source_event(m, WIRE_EV_REFUSED);
			return err;
		}
		if (err)
			return ferry_source_over(m, err);
		if (m->flags & FERRY_MIGRATE_DRY_RUN) {
			ferry_source_event(m, WIRE_EV_CANCEL);
			return 0;
		}
		err = ferry_source_event(m, WIRE_EV_ACCEPTED);
		if (err)
			return ferry_source_over(m, err);
	}
	if (m->state != WIRE_SRC_COPYING)
		return -EBUSY;
	/* Nobody waits for a file to be read: what is written once need not be written twice. */
	err = m->link.file ? 0 : rounds(m);
	if (!err)
		err = freeze(m);
	return err ? ferry_source_over(m, err) : 0;
}

/**
 * ferry_migrate_send() - FERRY_MIGRATE_SEND
 * @vm: the VM
 * @args: the caller's struct
 *
 * Offers the VM, copies memory while it runs, and returns FROZEN: vCPUs and clocks stand still, and
 * userspace is to quiesce its devices and call FERRY_MIGRATE_FINISH. After an error the VM runs on.
 *
 * Return: 0 or -errno as struct ferry_migrate says.
 */
int ferry_migrate_send(struct ferry_vm *vm, struct ferry_migrate *args)
{
	struct ferry_migration *m = ferry_migration_begin(vm, true);

	if (IS_ERR(m))
		return PTR_ERR(m);
	return ferry_migration_end(m, args, send(m, args));
}

/* ------------------------------------------------------------------------- FINISH */

static int send_blobs(struct ferry_migration *m)
{
	struct ferry_stream_devices body = { .total = m->blobs_length };
	size_t most = FERRY_STREAM_MAX_BODY - sizeof(body), part;
	int err = 0;

	for (; !err && body.offset < body.total; body.offset += part) {
		part = min_t(size_t, most, body.total - body.offset);
		err = wire_tx_record(&m->tx, FERRY_REC_DEVICES, &body, sizeof(body),
				     m->blobs + body.offset, part);
	}
	return err;
}

static int send_digests(struct ferry_migration *m)
{
	struct ferry_stream_digest body;
	int err = wire_tx_state_digest(&m->tx);

	if (err || !(m->flags & FERRY_MIGRATE_VERIFY))
		return err;
	body.digest = ferry_memory_digest(m, &body.count);
	/* Asked for, and no part of the blackout that was promised; the other side takes as long. */
	if (m->link.limit)
		m->link.limit += 5 * NSEC_PER_USEC * m->progress.verify_us;
	return wire_tx_record(&m->tx, FERRY_REC_MEMORY_DIGEST, &body, sizeof(body), NULL, 0);
}

/* Everything that is left, to END. The guest stands still and so do its devices. */
int ferry_send_final(struct ferry_migration *m)
{
	u64 before = m->tx.pages;
	s64 dirty = harvest(m, true);
	int err;

	if (dirty < 0)
		return dirty;
	err = send_pages(m, false);
	FERRY_PROGRESS(m, final_pages, m->tx.pages - before);
	err = err ?: ferry_send_states(m) ?: send_blobs(m) ?: send_digests(m) ?:
	      wire_tx_end(&m->tx);
	FERRY_PROGRESS(m, bytes_sent, m->tx.offset);
	return err ? send_error(m, err) : 0;
}

static int take_blobs(struct ferry_migration *m, struct ferry_migrate *args)
{
	if (!args->blobs_length)
		return 0;
	if (args->blobs_length > FERRY_STREAM_MAX_DEVICES)
		return -EINVAL;
	m->blobs = kvmalloc(args->blobs_length, GFP_KERNEL_ACCOUNT);
	if (!m->blobs)
		return -ENOMEM;
	m->blobs_length = args->blobs_length;
	return copy_from_user(m->blobs, u64_to_user_ptr(args->blobs), m->blobs_length) ? -EFAULT : 0;
}

/* COMMIT is out. Nothing but the destination's word, or its silence, ends this. */
static int hear_running(struct ferry_migration *m)
{
	int err = hear(m, FERRY_REC_RUNNING, patience(m));

	if (!err)
		return ferry_source_event(m, WIRE_EV_HEARD_RUNNING);
	if (m->rx.record.type == FERRY_REC_ABORT && m->rx.error.err == 0) {
		ferry_source_event(m, WIRE_EV_HEARD_ABORT);
		return err;
	}
	m->err = 0;
	ferry_migration_fail(m, err, "COMMIT was sent and no answer came (%d): ask the destination, "
			     "and resolve with what it says", err);
	if (m->state == WIRE_SRC_FENCED)
		ferry_source_event(m, err == -EINTR ? WIRE_EV_CANCEL : WIRE_EV_LOST);
	return err;
}

static int finish(struct ferry_migration *m, struct ferry_migrate *args)
{
	int err;

	if (m->dest || m->state != WIRE_SRC_FROZEN)
		return -EINVAL;
	err = take_blobs(m, args);
	if (!err) {
		m->link.patient = true;
		err = ferry_send_final(m);
	}
	if (err)
		return ferry_source_over(m, err);
	ferry_source_event(m, WIRE_EV_ALL_SENT);

	if (m->link.file) {
		err = ferry_link_sync(&m->link);
		return err ? ferry_source_over(m, err) : ferry_source_event(m, WIRE_EV_SYNCED);
	}
	err = hear(m, FERRY_REC_PREPARED, patience(m));
	if (err)
		return ferry_source_over(m, err);
	m->token.destination = m->rx.token.destination;
	err = ferry_source_event(m, WIRE_EV_HEARD_PREPARED);
	if (err) {
		ferry_migration_fail(m, err, "COMMIT could not be sent whole: ask the destination, and"
				     " resolve with what it says");
		ferry_source_event(m, WIRE_EV_LOST);
		return err;
	}
	return hear_running(m);
}

/**
 * ferry_migrate_finish() - FERRY_MIGRATE_FINISH
 * @vm: the VM, FROZEN; userspace has drained its I/O
 * @args: the caller's struct, with device states
 *
 * DONE: the other side runs. ABORTED: nothing was handed over and the VM runs on here. IN_DOUBT: the
 * VM is kept, and runs nowhere on this host before FERRY_MIGRATE_RESOLVE.
 *
 * Return: 0 DONE; -errno with the phase telling ABORTED from IN_DOUBT.
 */
int ferry_migrate_finish(struct ferry_vm *vm, struct ferry_migrate *args)
{
	struct ferry_migration *m = ferry_migration_begin(vm, false);

	if (IS_ERR(m))
		return PTR_ERR(m) == -ENOENT ? -EINVAL : PTR_ERR(m);
	return ferry_migration_end(m, args, finish(m, args));
}
