// SPDX-License-Identifier: GPL-2.0-only
/*
 * The reading engine: the part of Ferry that faces the network. It believes
 * nothing: a head is checked before its length is used, a body before it is
 * looked at, a page number before memory is touched.
 *
 * It allocates nothing; what a stream can make it read is bounded by
 * WIRE_BODY_BYTES at a time. No locks.
 */
#include "wire.h"

/* Pages cleared at a time: 128 MiB. */
#define ZERO_PIECE 32768

/**
 * wire_rx_init() - begin reading one direction
 * @rx: out
 * @io: with read()
 * @crc: checksum function
 * @buf: WIRE_BODY_BYTES, 8-byte aligned
 * @first: WIRE_RX_HELLO or WIRE_RX_BACK_HELLO
 */
void wire_rx_init(struct wire_rx *rx, const struct wire_io *io, wire_crc_fn crc, u8 *buf,
		  enum wire_rx_state first)
{
	memset(rx, 0, sizeof(*rx));
	rx->io = io;
	rx->crc = crc;
	rx->buf = buf;
	rx->body = buf;
	rx->state = first;
	rx->digest = WIRE_DIGEST_SEED;
}

/**
 * wire_rx_fail() - end the stream because of the record last read
 * @rx: direction
 * @err: negative errno
 * @what: constant string for a person
 *
 * For the owner too, when a record was well formed but cannot be honoured. The first error stays.
 *
 * Return: the error that is recorded.
 */
int wire_rx_fail(struct wire_rx *rx, int err, const char *what)
{
	rx->state = WIRE_RX_CLOSED;
	if (!rx->error.err) {
		rx->error.err = err;
		rx->error.record = rx->record.type;
		rx->error.seq = rx->seq;
		rx->error.offset = rx->record_offset;
		rx->error.what = what;
	}
	return rx->error.err;
}

static int rx_read_vec(struct wire_rx *rx, unsigned int nr, size_t total, bool first)
{
	int err = rx->io->read(rx->io->ctx, rx->vec, nr, total);

	if (!err) {
		rx->offset += total;
		return 0;
	}
	/* An end between records is an end; an end inside one is a cut. */
	if (err == -ENODATA && !first)
		err = -EPIPE;
	if (err == -ENODATA)
		return wire_rx_fail(rx, err, "the stream ended");
	if (err == -EPIPE)
		return wire_rx_fail(rx, err, "the stream was cut inside a record");
	return wire_rx_fail(rx, err, "the stream could not be read");
}

static int rx_read(struct wire_rx *rx, void *to, size_t len, bool first)
{
	rx->vec[0].base = to;
	rx->vec[0].len = len;
	return rx_read_vec(rx, 1, len, first);
}

/**
 * wire_rx_header() - read and check the stream's header
 * @rx: direction
 * Return: 0 or a negative errno, explained in rx->error.
 */
int wire_rx_header(struct wire_rx *rx)
{
	const char *what;
	int err = rx_read(rx, &rx->header, sizeof(rx->header), true);

	if (err)
		return err;
	err = wire_header_check(&rx->header, rx->crc, &what);
	return err ? wire_rx_fail(rx, err, what) : 0;
}

static bool bit_set(u64 *map, u64 bit)
{
	u64 mask = 1ULL << (bit & 63), old = map[bit / 64];

	map[bit / 64] = old | mask;
	return old & mask;
}

static bool bit_clear(u64 *map, u64 bit)
{
	u64 mask = 1ULL << (bit & 63), old = map[bit / 64];

	map[bit / 64] = old & ~mask;
	return old & mask;
}

static void page_done(struct wire_rx *rx, u64 index, bool good)
{
	if (!bit_set(rx->received, index))
		rx->nr_received++;
	if (good) {
		if (bit_clear(rx->unverified, index))
			rx->nr_unverified--;
	} else if (!bit_set(rx->unverified, index)) {
		rx->nr_unverified++;
	}
}

/* The contents behind a checked front, straight into guest memory. */
static int rx_pages(struct wire_rx *rx)
{
	const struct ferry_stream_pages *body = rx->body;
	const struct ferry_stream_page *entry = (const void *)(body + 1);
	bool frozen = rx->state == WIRE_RX_FROZEN;
	u64 index;
	u32 i;
	int err;

	if (!rx->ops || !rx->received || !rx->unverified)
		return wire_rx_fail(rx, -EPROTO, "pages came before memory was prepared");
	for (i = 0; i < body->count; i++)
		if (!wire_map_index(&rx->map, entry[i].gfn, &index))
			return wire_rx_fail(rx, -EPROTO, "a page lies outside the memory map");
	err = rx->ops->pages(rx->ctx, entry, body->count, rx->page);
	if (err)
		return wire_rx_fail(rx, err, "guest memory could not be allocated");
	for (i = 0; i < body->count; i++) {
		rx->vec[i].base = rx->page[i];
		rx->vec[i].len = WIRE_PAGE;
	}
	err = rx_read_vec(rx, body->count, (size_t)body->count * WIRE_PAGE, false);
	if (err)
		return err;
	for (i = 0; i < body->count; i++) {
		bool good = wire_crc(rx->crc, rx->page[i], WIRE_PAGE) == entry[i].crc;

		if (!good && frozen)
			return wire_rx_fail(rx, -EBADMSG, "a page of the stopped guest is damaged");
		wire_map_index(&rx->map, entry[i].gfn, &index);
		page_done(rx, index, good);
	}
	rx->pages += body->count;
	return 0;
}

/* A run in pieces, so that the owner can look up now and then. */
static int rx_zero_run(struct wire_rx *rx, u64 gfn, u64 count)
{
	u64 index, piece, n;
	int err;

	wire_map_index(&rx->map, gfn, &index);
	for (; count; count -= piece, gfn += piece, index += piece) {
		piece = min_t(u64, count, ZERO_PIECE);
		err = rx->ops->zero(rx->ctx, gfn, piece);
		if (err)
			return wire_rx_fail(rx, err, "guest memory could not be cleared");
		for (n = 0; n < piece; n++)
			page_done(rx, index + n, true);
		rx->zero_pages += piece;
	}
	return 0;
}

static int rx_zero(struct wire_rx *rx)
{
	const struct ferry_stream_zero *body = rx->body;
	const struct ferry_stream_run *run = (const void *)(body + 1);
	u32 i;
	int err = 0;

	if (!rx->ops || !rx->received || !rx->unverified)
		return wire_rx_fail(rx, -EPROTO, "pages came before memory was prepared");
	for (i = 0; i < body->count; i++)
		if (!wire_map_run(&rx->map, run[i].gfn, run[i].count))
			return wire_rx_fail(rx, -EPROTO, "a zero page lies outside the memory map");
	for (i = 0; !err && i < body->count; i++)
		err = rx_zero_run(rx, run[i].gfn, run[i].count);
	return err;
}

static int rx_map(struct wire_rx *rx)
{
	const struct ferry_stream_map *body = rx->body;
	const struct ferry_stream_region *region = (const void *)(body + 1);
	const char *what;
	u32 i;
	int err;

	for (i = 0; i < body->count; i++) {
		err = wire_map_add(&rx->map, &region[i], &what);
		if (err)
			return wire_rx_fail(rx, -EPROTO, what);
	}
	if (rx->map.pages * WIRE_PAGE != rx->hello.memory_bytes)
		return wire_rx_fail(rx, -EPROTO, "HELLO and the memory map disagree on its size");
	return 0;
}

static int rx_state(struct wire_rx *rx)
{
	const struct ferry_stream_state *body = rx->body;
	u32 slot = body->vcpu == FERRY_STREAM_VM_WIDE ? FERRY_STREAM_MAX_VCPUS : body->vcpu;
	u64 mask = 1ULL << body->group;

	if (slot != FERRY_STREAM_MAX_VCPUS && slot >= rx->hello.nr_vcpus)
		return wire_rx_fail(rx, -EPROTO, "state of a vCPU that HELLO did not announce");
	if (rx->groups[slot] & mask)
		return wire_rx_fail(rx, -EPROTO, "a state came twice");
	rx->groups[slot] |= mask;
	return 0;
}

static int rx_devices(struct wire_rx *rx)
{
	const struct ferry_stream_devices *body = rx->body;

	if (!rx->devices_total)
		rx->devices_total = body->total;
	if (body->total != rx->devices_total || body->offset != rx->devices_offset)
		return wire_rx_fail(rx, -EPROTO, "pieces of device state do not join");
	rx->devices_offset += rx->record.length - sizeof(*body);
	return 0;
}

static int rx_state_digest(struct wire_rx *rx)
{
	const struct ferry_stream_digest *body = rx->body;

	if (body->digest != rx->digest || body->count != rx->digest_count)
		return wire_rx_fail(rx, -EBADMSG, "the digest of the states does not match");
	if (rx->devices_offset != rx->devices_total)
		return wire_rx_fail(rx, -EPROTO, "device states are incomplete");
	return 0;
}

/* Everything that was announced is here, and every page is what the source sent. */
static int rx_end(struct wire_rx *rx)
{
	const struct ferry_stream_end *body = rx->body;
	u32 i;

	if (body->records != rx->seq || body->pages != rx->pages)
		return wire_rx_fail(rx, -EPROTO, "records or pages are missing");
	if (rx->nr_received != rx->map.pages)
		return wire_rx_fail(rx, -EPROTO, "pages of the memory map never came");
	if (rx->nr_unverified)
		return wire_rx_fail(rx, -EBADMSG, "pages were damaged and not sent again");
	if (rx->required_vm & ~rx->groups[FERRY_STREAM_MAX_VCPUS])
		return wire_rx_fail(rx, -EPROTO, "a state of the VM is missing");
	for (i = 0; i < rx->hello.nr_vcpus; i++)
		if (rx->required_vcpu & ~rx->groups[i])
			return wire_rx_fail(rx, -EPROTO, "a state of a vCPU is missing");
	return 0;
}

static int rx_token(struct wire_rx *rx)
{
	const struct ferry_stream_token *body = rx->body;

	if (rx->record.type == FERRY_REC_PREPARED) {
		if (body->source != rx->token.source || !body->destination)
			return wire_rx_fail(rx, -EPROTO, "PREPARED is not for this migration");
		rx->token.destination = body->destination;
		return 0;
	}
	/* Until it prepared, the destination has no nonce of its own and no COMMIT is right. */
	if (!rx->token.destination || body->source != rx->token.source ||
	    body->destination != rx->token.destination)
		return wire_rx_fail(rx, -EPROTO, "a nonce does not match: not of this migration");
	return 0;
}

static int rx_dispatch(struct wire_rx *rx)
{
	const struct ferry_stream_round *round = rx->body;
	const struct ferry_stream_freeze *freeze = rx->body;

	switch (rx->record.type) {
	case FERRY_REC_HELLO:
		memcpy(&rx->hello, rx->body, sizeof(rx->hello));
		return 0;
	case FERRY_REC_MAP:
		return rx_map(rx);
	case FERRY_REC_PAGES:
		return rx_pages(rx);
	case FERRY_REC_ZERO:
		return rx_zero(rx);
	case FERRY_REC_ROUND:
		if (round->round != rx->round + 1 || round->pages != rx->pages)
			return wire_rx_fail(rx, -EPROTO, "a round is missing or incomplete");
		rx->round++;
		return 0;
	case FERRY_REC_ROUND_ACK:
		if (round->round != rx->round + 1)
			return wire_rx_fail(rx, -EPROTO, "a round was not acknowledged in turn");
		rx->round++;
		return 0;
	case FERRY_REC_FREEZE:
		if (freeze->pages != rx->pages)
			return wire_rx_fail(rx, -EPROTO, "pages are missing at FREEZE");
		return 0;
	case FERRY_REC_STATE:
		return rx_state(rx);
	case FERRY_REC_DEVICES:
		return rx_devices(rx);
	case FERRY_REC_STATE_DIGEST:
		return rx_state_digest(rx);
	case FERRY_REC_MEMORY_DIGEST:
		if (!(rx->hello.flags & FERRY_HELLO_VERIFY))
			return wire_rx_fail(rx, -EPROTO, "a digest that HELLO did not announce");
		return 0;
	case FERRY_REC_END:
		/* The table lets END follow either digest; HELLO said which. */
		if (rx->state == WIRE_RX_DIGESTS && (rx->hello.flags & FERRY_HELLO_VERIFY))
			return wire_rx_fail(rx, -EPROTO, "the digest of memory is missing");
		return rx_end(rx);
	case FERRY_REC_PREPARED:
	case FERRY_REC_COMMIT:
	case FERRY_REC_RUNNING:
		return rx_token(rx);
	}
	return 0;
}

/* The body, checked against its CRC and for zero padding; PAGES stops before the contents. */
static int rx_body(struct wire_rx *rx)
{
	u64 len = rx->record.length, front = len, whole;
	u64 each = sizeof(struct ferry_stream_page) + WIRE_PAGE;
	int err;

	if (rx->record.type == FERRY_REC_PAGES) {
		u64 count = (len - sizeof(struct ferry_stream_pages)) / each;

		front = sizeof(struct ferry_stream_pages) +
			count * sizeof(struct ferry_stream_page);
	}
	whole = wire_padded(front);
	if (whole) {
		err = rx_read(rx, rx->buf, whole, false);
		if (err)
			return err;
	}
	if (wire_crc(rx->crc, rx->buf, whole) != rx->record.crc)
		return wire_rx_fail(rx, -EBADMSG, "a record is damaged: its CRC does not match");
	while (whole > front)
		if (rx->buf[--whole])
			return wire_rx_fail(rx, -EPROTO, "padding is not zero");
	return 0;
}

/**
 * wire_rx_next() - read one record
 * @rx: direction; a NULL ops refuses pages
 *
 * Pages and runs of zero are already in guest memory when this returns, digests and totals are
 * checked. What a record means beyond that is for the owner: rx->record, rx->body.
 *
 * Return: the record's type, or a negative errno explained in rx->error. -ENODATA: the stream
 * ended between two records.
 */
int wire_rx_next(struct wire_rx *rx)
{
	enum wire_rx_state next;
	const char *what;
	int use, err;

	if (rx->error.err)
		return rx->error.err;
	do {
		rx->record_offset = rx->offset;
		memset(&rx->record, 0, sizeof(rx->record));
		err = rx_read(rx, &rx->record, sizeof(rx->record), true);
		if (err)
			return err;
		use = wire_head_check(&rx->record, rx->state, rx->seq, rx->crc, &what);
		if (use < 0)
			return wire_rx_fail(rx, use, what);
		err = rx_body(rx);
		if (err)
			return err;
		if (!use)
			rx->seq++;
	} while (!use);

	err = wire_body_check(rx->record.type, rx->body, rx->record.length, &what);
	if (err)
		return wire_rx_fail(rx, err, what);
	if (rx->record.type == FERRY_REC_STATE || rx->record.type == FERRY_REC_DEVICES) {
		size_t head = rx->record.type == FERRY_REC_STATE ?
				      sizeof(struct ferry_stream_state) :
				      sizeof(struct ferry_stream_devices);

		rx->digest = wire_digest_u64(rx->digest, rx->record.type);
		rx->digest = wire_digest_u64(rx->digest, rx->record.length);
		rx->digest = wire_digest(rx->digest, rx->buf, head);
		rx->digest = wire_digest(rx->digest, rx->buf + head, rx->record.length - head);
		rx->digest_count++;
	}
	next = wire_next_state(rx->state, rx->record.type);
	err = rx_dispatch(rx);
	if (err)
		return err;
	rx->state = next;
	rx->seq++;
	return rx->record.type;
}
