// SPDX-License-Identifier: GPL-2.0-only
/*
 * The destination: FERRY_MIGRATE_RECEIVE, which is called twice, and FERRY_MIGRATE_ACCEPT. Both run in
 * the caller's context with m->call held, and sleep. lib/wire's engine reads and checks; here is what
 * its records mean for a VM. Nothing that comes in is believed before lib or this file checked it.
 *
 * Guest memory is filled while no vCPU runs, so no dirty log is needed and no lock is held for it: the
 * regions are pinned.
 */
#include <linux/random.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "migrate.h"

/* ------------------------------------------------------------------- guest memory */

static int take_pages(void *ctx, const struct ferry_stream_page *entry, unsigned int nr, void **to)
{
	struct ferry_migration *m = ctx;
	struct page *page;
	unsigned int i;
	int err;

	for (i = 0; i < nr; i++) {
		page = ferry_memory_page(m->vm, entry[i].gfn);
		if (!page) {
			err = ferry_memory_touch(m->vm, entry[i].gfn);
			if (err)
				return err;
			page = ferry_memory_page(m->vm, entry[i].gfn);
		}
		to[i] = page_address(page);
	}
	return 0;
}

/* What nobody has touched is zero already. */
static int take_zero(void *ctx, u64 gfn, u64 count)
{
	struct ferry_migration *m = ctx;
	struct page *page;
	u64 end = gfn + count;

	for (; gfn < end; gfn++) {
		page = ferry_memory_page(m->vm, gfn);
		if (page)
			clear_page(page_address(page));
		if (!(gfn % 512))
			cond_resched();
	}
	return ferry_link_interrupted(&m->link);
}

static const struct wire_rx_ops take_ops = { .pages = take_pages, .zero = take_zero };

/* --------------------------------------------------------------- HELLO to STATIC_END */

static int take_hello(struct ferry_migration *m)
{
	const struct ferry_stream_hello *hello = &m->rx.hello;
	u32 ours = m->link.timeout_ms;

	if (!hello->nr_vcpus)
		return ferry_migration_fail(m, -EINVAL, "the VM has no vCPU");
	if (m->link.file && hello->flags & FERRY_HELLO_DRY_RUN)
		return ferry_migration_fail(m, -EPROTO, "a file cannot be a dry run");
	m->timeout_ns = min(hello->timeout_ms ?: ours, ours) * (u64)NSEC_PER_MSEC;
	m->token.source = m->rx.header.nonce;
	m->rx.token.source = m->rx.header.nonce;
	return 0;
}

static int take_definition(struct ferry_migration *m)
{
	m->definition_length = m->rx.record.length;
	m->definition = kvmalloc(m->definition_length, GFP_KERNEL_ACCOUNT);
	if (!m->definition && m->definition_length)
		return -ENOMEM;
	memcpy(m->definition, m->rx.body, m->definition_length);
	return 0;
}

static int take_header(struct ferry_migration *m)
{
	const struct ferry_stream_header *h = &m->rx.header;
	int err = wire_rx_header(&m->rx);
	bool clone;

	if (err)
		return ferry_migration_rx_fail(m, err);
	if (h->flags & FERRY_STREAM_REPLY)
		return ferry_migration_fail(m, -EPROTO, "the other side is a destination too");
	if (!m->link.file != !(h->flags & FERRY_STREAM_FILE))
		return ferry_migration_fail(m, -EPROTO, m->link.file ?
			"this is a recorded migration, not a suspended VM" :
			"this is a suspended VM, not a migration: resume it from its file");
	/* A file may make a VM with another identity: a clone, however often. */
	clone = m->link.file && memcmp(m->vm->uuid, h->uuid, sizeof(h->uuid));
	if (!clone && (h->flags & FERRY_STREAM_CONSUMED))
		return ferry_migration_fail(m, -EALREADY, "this VM was already resumed from this file;"
					    " resuming again would bring back its past");
	mutex_lock(&m->vm->lock);
	if (!clone)
		memcpy(m->vm->uuid, h->uuid, sizeof(m->vm->uuid));
	m->vm->generation = h->generation;
	mutex_unlock(&m->vm->lock);
	return 0;
}

/* Everything that can be known before a page moves. */
static int read_static(struct ferry_migration *m)
{
	int type, err = take_header(m);

	while (!err) {
		/* An offer is short, and a call that was stopped in it would have lost its place. */
		type = wire_rx_next(&m->rx);
		if (type < 0)
			return ferry_migration_rx_fail(m, type);
		switch (type) {
		case FERRY_REC_HELLO:
			err = take_hello(m);
			break;
		case FERRY_REC_POLICY:
			err = ferry_take_policy(m);
			break;
		case FERRY_REC_MAP:
			err = ferry_take_map(m);
			break;
		case FERRY_REC_DEFINITION:
			err = take_definition(m);
			break;
		case FERRY_REC_STATIC_END:
			return 0;
		default:
			err = ferry_migration_fail(m, -EPROTO, "%s is for ferry receive to answer, not"
						   " for a VM", wire_type_name(type));
		}
	}
	return err;
}

/* An incoming VM, as new as it was made. */
static int check_new(struct ferry_vm *vm)
{
	int err = 0;

	mutex_lock(&vm->lock);
	if (!(vm->flags & FERRY_VM_INCOMING))
		err = -EINVAL;
	else if (vm->nr_vcpus || ferry_memory_nr_regions(vm))
		err = -EEXIST;
	mutex_unlock(&vm->lock);
	return err;
}

static int give_definition(struct ferry_migration *m, struct ferry_migrate *args)
{
	u32 room = args->definition_length;

	args->definition_length = m->definition_length;
	args->nr_vcpus = m->rx.hello.nr_vcpus;
	if (room < m->definition_length)
		return -ENOSPC;
	if (copy_to_user(u64_to_user_ptr(args->definition), m->definition, m->definition_length))
		return -EFAULT;
	args->flags &= ~FERRY_MIGRATE_DRY_RUN;
	if (m->rx.hello.flags & FERRY_HELLO_DRY_RUN)
		args->flags |= FERRY_MIGRATE_DRY_RUN;
	m->definition_taken = true;
	return 0;
}

static int receive_static(struct ferry_migration *m, struct ferry_migrate *args)
{
	int err = check_new(m->vm);

	if (err)
		return err;
	err = ferry_migration_open(m, args, true);
	if (err)
		return err;
	m->journal = args->journal;
	m->frozen = 0;
	m->rx.ops = &take_ops;
	m->rx.ctx = m;
	ferry_require_states(m);
	ferry_dest_event(m, WIRE_EV_OPEN);
	err = read_static(m);
	if (err)
		return ferry_dest_over(m, err);
	FERRY_PROGRESS(m, pages_total, m->rx.map.pages);
	ferry_dest_event(m, WIRE_EV_STATIC_END);
	return give_definition(m, args);
}

/* -------------------------------------------------------------- rounds, states, END */

static int take_round(struct ferry_migration *m)
{
	struct ferry_stream_round ack = {
		.round = m->rx.round,
		.pages = m->rx.pages,
		.dirty = m->rx.nr_unverified,
	};

	FERRY_PROGRESS(m, round, m->rx.round);
	return m->link.file ? 0 : wire_tx_record(&m->tx, FERRY_REC_ROUND_ACK, &ack, sizeof(ack),
						 NULL, 0);
}

static int take_devices(struct ferry_migration *m)
{
	const struct ferry_stream_devices *body = m->rx.body;
	size_t part = m->rx.record.length - sizeof(*body);

	if (!m->blobs) {
		m->blobs = kvmalloc(body->total, GFP_KERNEL_ACCOUNT);
		if (!m->blobs)
			return -ENOMEM;
		m->blobs_length = body->total;
	}
	/* The engine has checked that pieces join and end where they said. */
	memcpy(m->blobs + body->offset, body + 1, part);
	return 0;
}

static int take_memory_digest(struct ferry_migration *m)
{
	struct ferry_stream_digest *body = m->rx.body;
	u64 digest, pages, want = body->digest, count = body->count;

	digest = ferry_memory_digest(m, &pages);
	if (digest == want && pages == count)
		return 0;
	return ferry_migration_fail(m, -EBADMSG, "memory differs from the source's: digest %016llx of"
				    " %llu pages, not %016llx of %llu", digest, pages, want, count);
}

/* One record after ACCEPT: 0 go on, 1 END, -errno. */
static int take_record(struct ferry_migration *m, int type)
{
	switch (type) {
	case FERRY_REC_PAGES:
	case FERRY_REC_ZERO:
		FERRY_PROGRESS(m, pages_sent, m->rx.pages);
		FERRY_PROGRESS(m, pages_zero, m->rx.zero_pages);
		FERRY_PROGRESS(m, bytes_sent, m->rx.offset);
		return 0;
	case FERRY_REC_ROUND:
		return take_round(m);
	case FERRY_REC_FREEZE:
		m->frozen = ktime_get_ns();
		return 0;
	case FERRY_REC_STATE:
		return ferry_take_state(m);
	case FERRY_REC_DEVICES:
		return take_devices(m);
	case FERRY_REC_STATE_DIGEST:
		return 0;
	case FERRY_REC_MEMORY_DIGEST:
		return take_memory_digest(m);
	case FERRY_REC_END:
		return 1;
	case FERRY_REC_CANCEL:
		ferry_read_reason(m);
		return m->err;
	}
	return type < 0 ? ferry_migration_rx_fail(m, type) :
			  ferry_migration_fail(m, -EPROTO, "%s out of turn", wire_type_name(type));
}

static int read_memory(struct ferry_migration *m)
{
	int err;

	do {
		err = ferry_link_wait(&m->link, m->link.timeout_ms * (u64)NSEC_PER_MSEC);
		if (err)
			return err;
		err = take_record(m, wire_rx_next(&m->rx));
	} while (!err);
	return err < 0 ? err : 0;
}

/* Userspace has made the vCPUs that HELLO announced. */
static int check_vcpus(struct ferry_migration *m)
{
	struct ferry_vm *vm = m->vm;
	int err = 0;

	mutex_lock(&vm->lock);
	if (vm->nr_vcpus != m->rx.hello.nr_vcpus || !ferry_vcpus_dense(vm))
		err = -ENODATA;
	mutex_unlock(&vm->lock);
	return err;
}

static int give_blobs(struct ferry_migration *m, struct ferry_migrate *args)
{
	u32 room = args->blobs_length;

	args->blobs_length = m->blobs_length;
	if (room < m->blobs_length)
		return -ENOSPC;
	if (copy_to_user(u64_to_user_ptr(args->blobs), m->blobs, m->blobs_length))
		return -EFAULT;
	m->blobs_taken = true;
	return 0;
}

/* The source only wanted to know; its good-bye is the end of it. */
static int answer_dry_run(struct ferry_migration *m)
{
	int err = ferry_dest_event(m, WIRE_EV_AGREE);

	if (err)
		return ferry_dest_over(m, err);
	if (!ferry_link_wait(&m->link, m->link.timeout_ms * (u64)NSEC_PER_MSEC))
		wire_rx_next(&m->rx);
	ferry_dest_event(m, WIRE_EV_CANCEL);
	return 0;
}

static int receive_memory(struct ferry_migration *m, struct ferry_migrate *args)
{
	int err;

	if (m->state == WIRE_DST_DEFINED) {
		err = check_vcpus(m);
		if (err)
			return err;
		if (m->rx.hello.flags & FERRY_HELLO_DRY_RUN)
			return answer_dry_run(m);
		m->journal = args->journal ?: m->journal;
		mutex_lock(&m->vm->lock);
		if (args->flags & FERRY_MIGRATE_MSR_IGNORE)
			m->vm->flags |= FERRY_VM_MSR_IGNORE;
		ferry_irqchip_pause(m->vm);
		mutex_unlock(&m->vm->lock);
		err = ferry_dest_event(m, WIRE_EV_AGREE);
		if (err)
			return ferry_dest_over(m, err);
	}
	err = read_memory(m);
	if (err)
		return ferry_dest_over(m, err);
	ferry_dest_event(m, WIRE_EV_END);
	return give_blobs(m, args);
}

static int receive(struct ferry_migration *m, struct ferry_migrate *args)
{
	if (!m->dest)
		return -EINVAL;
	switch (m->state) {
	case WIRE_DST_IDLE:
		return receive_static(m, args);
	case WIRE_DST_DEFINED:
		if (!m->definition_taken)
			return give_definition(m, args);
		return receive_memory(m, args);
	case WIRE_DST_LOADING:
		return receive_memory(m, args);
	case WIRE_DST_LOADED:
		return m->blobs_taken ? -EINVAL : give_blobs(m, args);
	}
	return -EBUSY;
}

/**
 * ferry_migrate_receive() - FERRY_MIGRATE_RECEIVE
 * @vm: an incoming VM without regions and vCPUs
 * @args: the caller's struct
 *
 * The first call reads the offer and returns DEFINED: policy and regions are made, userspace makes
 * the vCPUs, decides, and makes MAY-RUN durable. The second accepts and returns LOADED: memory and
 * states are in place, userspace loads its device states. If a buffer is too small the call returns
 * -ENOSPC with the length wanted, and is to be called again. Of a dry run, which the first call tells
 * by FERRY_MIGRATE_DRY_RUN in @args, the second says that all is well and returns ABORTED.
 *
 * Return: 0 or -errno as struct ferry_migrate says.
 */
int ferry_migrate_receive(struct ferry_vm *vm, struct ferry_migrate *args)
{
	struct ferry_migration *m = ferry_migration_begin(vm, true);

	if (IS_ERR(m))
		return PTR_ERR(m);
	return ferry_migration_end(m, args, receive(m, args));
}

/* ------------------------------------------------------------------------- ACCEPT */

static int hear_commit(struct ferry_migration *m)
{
	int type, err;

	m->link.patient = true;
	err = ferry_link_wait(&m->link, m->timeout_ns);
	if (err)
		return err;
	type = wire_rx_next(&m->rx);
	if (type == FERRY_REC_COMMIT)
		return 0;
	return take_record(m, type);
}

static int accept(struct ferry_migration *m)
{
	int err;

	if (!m->dest || m->state != WIRE_DST_LOADED)
		return -EINVAL;
	if (m->link.file)
		return -EINVAL; /* nobody to say COMMIT: FERRY_MIGRATE_CONFIRM is all */
	do {
		m->token.destination = get_random_u64();
	} while (!m->token.destination);
	m->rx.token.destination = m->token.destination;
	err = ferry_dest_event(m, WIRE_EV_READY) ?: hear_commit(m);
	return err ? ferry_dest_over(m, err) : ferry_dest_event(m, WIRE_EV_HEARD_COMMIT);
}

/**
 * ferry_migrate_accept() - FERRY_MIGRATE_ACCEPT
 * @vm: the VM, LOADED; userspace has nothing left to do that may fail
 * @args: the caller's struct
 *
 * COMMITTED: the guest runs here from now on; record RAN, then call FERRY_MIGRATE_CONFIRM. ABORTED:
 * record it, then call FERRY_MIGRATE_ABORT to let the source know.
 *
 * Return: 0 or -errno as struct ferry_migrate says.
 */
int ferry_migrate_accept(struct ferry_vm *vm, struct ferry_migrate *args)
{
	struct ferry_migration *m = ferry_migration_begin(vm, false);

	if (IS_ERR(m))
		return PTR_ERR(m) == -ENOENT ? -EINVAL : PTR_ERR(m);
	return ferry_migration_end(m, args, accept(m));
}
