/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A whole migration stream of a very small VM, in memory: 16 pages in two regions, two vCPUs, two
 * rounds, a zero run, device states in two pieces, both digests. Made by lib's sender, for the
 * tests and the fuzzer of lib's receiver.
 */
#ifndef FERRY_TEST_WIRE_STREAM_H
#define FERRY_TEST_WIRE_STREAM_H

#include <stdlib.h>
#include "lib/wire/wire.h"

/* What lies behind a record in the receiver's buffer is out of bounds for it. */
#if defined(__SANITIZE_ADDRESS__) || defined(__clang__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p))
#endif

#define VM_PAGES 16
#define VM_LOW 12 /* pages of the first region; the second lies above a hole */
#define VM_HIGH_GFN 0x100
#define VM_NONCE 0x1111222233334444ULL
#define VM_DST_NONCE 0x5555666677778888ULL
#define VM_GROUPS ((1ULL << 1) | (1ULL << 2))
#define VM_WIDE_GROUPS (1ULL << 32)
#define STREAM_MAX (1 << 20)

static const u8 vm_uuid[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };

struct membuf {
	u8 *p;
	size_t len;
	size_t pos;
};

static inline int membuf_read(void *ctx, struct wire_vec *vec, unsigned int nr, size_t total)
{
	struct membuf *m = ctx;
	size_t left = m->len - m->pos, n;
	unsigned int i;

	if (!left && total)
		return -ENODATA;
	for (i = 0; i < nr; i++) {
		n = min(left, vec[i].len);
		memcpy(vec[i].base, m->p + m->pos, n);
		m->pos += n;
		left -= n;
		if (n < vec[i].len)
			return -EPIPE;
	}
	return 0;
}

static inline int membuf_write(void *ctx, struct wire_vec *vec, unsigned int nr, size_t total)
{
	struct membuf *m = ctx;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (m->pos + vec[i].len > STREAM_MAX)
			return -ENOSPC;
		memcpy(m->p + m->pos, vec[i].base, vec[i].len);
		m->pos += vec[i].len;
	}
	m->len = m->pos;
	return 0;
}

/* A receiver and the memory of its VM. */
struct peer {
	struct wire_rx rx;
	struct wire_io io;
	struct membuf in;
	u64 received[1];
	u64 unverified[1];
	u8 body[WIRE_BODY_BYTES] __aligned(8);
	u8 memory[VM_PAGES][WIRE_PAGE] __aligned(8);
	u64 max_zero;
};

static inline u64 vm_gfn(unsigned int page)
{
	return page < VM_LOW ? page : VM_HIGH_GFN + page - VM_LOW;
}

static inline void vm_fill(u8 *page, unsigned int n, unsigned int version)
{
	u64 *word = (u64 *)page;
	unsigned int i;

	for (i = 0; i < WIRE_PAGE / 8; i++)
		word[i] = ((u64)(n + 1) << 48 | (u64)version << 32 | i) * 0x9e3779b97f4a7c15ULL;
}

static inline int peer_pages(void *ctx, const struct ferry_stream_page *entry, unsigned int nr,
			     void **page)
{
	struct peer *peer = ctx;
	unsigned int i;
	u64 index;

	for (i = 0; i < nr; i++) {
		if (!wire_map_index(&peer->rx.map, entry[i].gfn, &index) || index >= VM_PAGES)
			abort();
		page[i] = peer->memory[index];
	}
	return 0;
}

static inline int peer_zero(void *ctx, u64 gfn, u64 count)
{
	struct peer *peer = ctx;
	u64 index;

	if (count > peer->max_zero)
		peer->max_zero = count;
	if (!wire_map_index(&peer->rx.map, gfn, &index) || index + count > VM_PAGES)
		abort();
	memset(peer->memory[index], 0, count * WIRE_PAGE);
	return 0;
}

static const struct wire_rx_ops peer_ops = { .pages = peer_pages, .zero = peer_zero };

static inline int peer_read(void *ctx, struct wire_vec *vec, unsigned int nr, size_t total)
{
	struct peer *peer = ctx;

	if (vec[0].base == peer->body) {
		ASAN_UNPOISON_MEMORY_REGION(peer->body, sizeof(peer->body));
		ASAN_POISON_MEMORY_REGION(peer->body + total, sizeof(peer->body) - total);
	}
	return membuf_read(&peer->in, vec, nr, total);
}

static inline void peer_init(struct peer *peer, u8 *stream, size_t len, wire_crc_fn crc,
			     enum wire_rx_state first)
{
	memset(peer->received, 0, sizeof(peer->received));
	memset(peer->unverified, 0, sizeof(peer->unverified));
	peer->max_zero = 0;
	peer->in = (struct membuf){ .p = stream, .len = len };
	peer->io = (struct wire_io){ .read = peer_read, .ctx = peer };
	wire_rx_init(&peer->rx, &peer->io, crc, peer->body, first);
	peer->rx.ops = &peer_ops;
	peer->rx.ctx = peer;
	peer->rx.required_vcpu = VM_GROUPS;
	peer->rx.required_vm = VM_WIDE_GROUPS;
	peer->rx.token.source = VM_NONCE;
	peer->rx.token.destination = VM_DST_NONCE;
}

/* One record, with what its owner does about it. */
static inline int peer_next(struct peer *peer)
{
	int type = wire_rx_next(&peer->rx);

	if (type == FERRY_REC_MAP) {
		/* An owner refuses what it has no memory for; this one has 16 pages. */
		if (peer->rx.map.pages > VM_PAGES)
			return wire_rx_fail(&peer->rx, -ENOMEM, "too much memory");
		peer->rx.received = peer->received;
		peer->rx.unverified = peer->unverified;
	}
	return type;
}

static inline int peer_run(struct peer *peer)
{
	int type = wire_rx_header(&peer->rx);

	while (!type || (type > 0 && type != FERRY_REC_COMMIT))
		type = peer_next(peer);
	return type;
}

static inline void stream_hello(struct ferry_stream_hello *h, u32 flags)
{
	memset(h, 0, sizeof(*h));
	h->flags = flags;
	h->nr_vcpus = 2;
	h->memory_bytes = VM_PAGES * WIRE_PAGE;
	h->page_size = WIRE_PAGE;
	h->timeout_ms = 5000;
	memcpy(h->host, "here", 5);
}

/* One record of each kind, as a caller of wire_tx would send it; 0 or an error. */
static inline int stream_put(struct wire_tx *tx, u32 type, u8 (*memory)[WIRE_PAGE],
			     unsigned int first, unsigned int nr)
{
	static const u8 blob[100] = { 0xb1, 0x0b };
	union {
		struct ferry_stream_hello hello;
		struct ferry_stream_digest digest;
		struct ferry_stream_token token;
		struct ferry_stream_state state;
		struct ferry_stream_devices devices;
		struct ferry_stream_reason reason;
		struct ferry_stream_run run;
		struct {
			struct ferry_stream_policy head;
			u8 leaf[2 * FERRY_STREAM_CPUID_SIZE + FERRY_STREAM_MSR_SIZE];
		} policy;
		struct {
			struct ferry_stream_map head;
			struct ferry_stream_region region[2];
		} map;
	} b;
	u64 gfn[VM_PAGES];
	void *page[VM_PAGES];
	unsigned int i;

	memset(&b, 0, sizeof(b));
	switch (type) {
	case FERRY_REC_HELLO:
		stream_hello(&b.hello, FERRY_HELLO_VERIFY);
		return wire_tx_record(tx, type, &b.hello, sizeof(b.hello), NULL, 0);
	case FERRY_REC_POLICY:
		b.policy.head.nr_cpuid = 2;
		b.policy.head.nr_msrs = 1;
		memset(b.policy.leaf, 0x5a, sizeof(b.policy.leaf));
		return wire_tx_record(tx, type, &b.policy, sizeof(b.policy), NULL, 0);
	case FERRY_REC_MAP:
		b.map.head.count = 2;
		b.map.region[0].length = VM_LOW * WIRE_PAGE;
		b.map.region[1].gpa = (u64)VM_HIGH_GFN * WIRE_PAGE;
		b.map.region[1].length = (VM_PAGES - VM_LOW) * WIRE_PAGE;
		b.map.region[1].region = 1;
		return wire_tx_record(tx, type, &b.map, sizeof(b.map), NULL, 0);
	case FERRY_REC_DEFINITION:
		return wire_tx_record(tx, type, NULL, 0, "{\"name\":\"vm\"}", 13);
	case FERRY_REC_STATIC_END:
		return wire_tx_record(tx, type, NULL, 0, NULL, 0);
	case FERRY_REC_PAGES:
		for (i = 0; i < nr; i++) {
			gfn[i] = vm_gfn(first + i);
			page[i] = memory[first + i];
		}
		return wire_tx_pages(tx, gfn, page, nr);
	case FERRY_REC_ZERO:
		b.run.gfn = vm_gfn(first);
		b.run.count = nr;
		return wire_tx_zero(tx, &b.run, 1);
	case FERRY_REC_ROUND:
		return wire_tx_round(tx, first, nr);
	case FERRY_REC_FREEZE:
		return wire_tx_freeze(tx);
	case FERRY_REC_STATE:
		b.state.group = first;
		b.state.vcpu = nr;
		return wire_tx_record(tx, type, &b.state, sizeof(b.state), blob, 21);
	case FERRY_REC_DEVICES:
		b.devices.offset = first;
		b.devices.total = 150;
		return wire_tx_record(tx, type, &b.devices, sizeof(b.devices), blob, nr);
	case FERRY_REC_STATE_DIGEST:
		return wire_tx_state_digest(tx);
	case FERRY_REC_MEMORY_DIGEST:
		b.digest.digest = 42;
		return wire_tx_record(tx, type, &b.digest, sizeof(b.digest), NULL, 0);
	case FERRY_REC_END:
		return wire_tx_end(tx);
	case FERRY_REC_COMMIT:
	case FERRY_REC_PREPARED:
	case FERRY_REC_RUNNING:
		b.token.source = VM_NONCE;
		b.token.destination = VM_DST_NONCE;
		return wire_tx_record(tx, type, &b.token, sizeof(b.token), NULL, 0);
	case FERRY_REC_CANCEL:
	case FERRY_REC_ABORT:
	case FERRY_REC_REFUSE:
		b.reason.code = EINTR;
		return wire_tx_record(tx, type, &b.reason, sizeof(b.reason), NULL, 0);
	}
	return -EINVAL;
}

/* The whole stream; memory holds the final contents, page 5 is all zero. Returns its length. */
static inline size_t stream_make(u8 *out, u8 (*memory)[WIRE_PAGE], wire_crc_fn crc)
{
	struct membuf m = { .p = out };
	struct wire_io io = { .write = membuf_write, .ctx = &m };
	struct ferry_stream_header header;
	static struct wire_tx tx;
	unsigned int i, v;
	int err = 0;

	wire_tx_init(&tx, &io, crc);
	wire_header_init(&header, 0, vm_uuid, 7, VM_NONCE, crc);
	err |= wire_tx_header(&tx, &header);
	err |= stream_put(&tx, FERRY_REC_HELLO, memory, 0, 0);
	err |= stream_put(&tx, FERRY_REC_POLICY, memory, 0, 0);
	err |= stream_put(&tx, FERRY_REC_MAP, memory, 0, 0);
	err |= stream_put(&tx, FERRY_REC_DEFINITION, memory, 0, 0);
	err |= stream_put(&tx, FERRY_REC_STATIC_END, memory, 0, 0);
	for (i = 0; i < VM_PAGES; i++)
		vm_fill(memory[i], i, 1);
	memset(memory[5], 0, WIRE_PAGE);
	err |= stream_put(&tx, FERRY_REC_PAGES, memory, 0, 3);
	err |= stream_put(&tx, FERRY_REC_PAGES, memory, 3, 2);
	err |= stream_put(&tx, FERRY_REC_ZERO, memory, 5, 1);
	err |= stream_put(&tx, FERRY_REC_PAGES, memory, 6, 6);
	err |= stream_put(&tx, FERRY_REC_ROUND, memory, 1, 16);
	vm_fill(memory[1], 1, 2);
	err |= stream_put(&tx, FERRY_REC_PAGES, memory, 1, 1);
	err |= stream_put(&tx, FERRY_REC_ROUND, memory, 2, 1);
	err |= stream_put(&tx, FERRY_REC_FREEZE, memory, 0, 0);
	vm_fill(memory[2], 2, 3);
	err |= stream_put(&tx, FERRY_REC_PAGES, memory, 2, 1);
	err |= stream_put(&tx, FERRY_REC_PAGES, memory, VM_LOW, VM_PAGES - VM_LOW);
	err |= stream_put(&tx, FERRY_REC_STATE, memory, 32, FERRY_STREAM_VM_WIDE);
	for (v = 0; v < 2; v++)
		for (i = 1; i <= 2; i++)
			err |= stream_put(&tx, FERRY_REC_STATE, memory, i, v);
	err |= stream_put(&tx, FERRY_REC_DEVICES, memory, 0, 100);
	err |= stream_put(&tx, FERRY_REC_DEVICES, memory, 100, 50);
	err |= stream_put(&tx, FERRY_REC_STATE_DIGEST, memory, 0, 0);
	err |= stream_put(&tx, FERRY_REC_MEMORY_DIGEST, memory, 0, 0);
	err |= stream_put(&tx, FERRY_REC_END, memory, 0, 0);
	err |= stream_put(&tx, FERRY_REC_COMMIT, memory, 0, 0);
	return err ? 0 : m.len;
}

#endif /* FERRY_TEST_WIRE_STREAM_H */
