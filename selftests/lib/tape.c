// SPDX-License-Identifier: GPL-2.0-only
/* Recorded streams and peers that do as they are told. See tape.h. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tape.h"

static void die(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	fflush(stdout);
	_exit(1);
}

/* ----------------------------------------------------------------------- tapes */

static void find_records(struct tape *t)
{
	size_t at = sizeof(struct ferry_stream_header);
	struct ferry_stream_record r;

	for (t->nr = 0; at + sizeof(r) <= t->len && t->nr < TAPE_RECORDS; t->nr++) {
		memcpy(&r, t->p + at, sizeof(r));
		t->at[t->nr] = at;
		t->type[t->nr] = r.type;
		at += sizeof(r) + wire_padded(r.length);
	}
	t->at[t->nr] = at;
}

void tape_record(struct tape *t, struct storm *s)
{
	static char definition[] = "{\"name\": \"tape\"}", blobs[] = "devices";
	struct ferry_migrate m = {
		.flags = FERRY_MIGRATE_FILE | FERRY_MIGRATE_VERIFY,
		.fd = memfd_create("tape", MFD_CLOEXEC),
		.definition = (uintptr_t)definition,
		.definition_length = sizeof(definition),
		.blobs = (uintptr_t)blobs,
		.blobs_length = sizeof(blobs),
	};
	int err = storm_call(s->vm, FERRY_MIGRATE_SEND, &m);

	if (!err)
		err = storm_call(s->vm, FERRY_MIGRATE_FINISH, &m);
	errno = -err;
	if (err)
		die("suspending a VM");
	t->len = lseek(m.fd, 0, SEEK_END);
	t->p = malloc(t->len);
	if (!t->p || pread(m.fd, t->p, t->len, 0) != (ssize_t)t->len)
		die("reading the stream");
	close(m.fd);
	find_records(t);
}

void tape_copy(struct tape *to, const struct tape *from)
{
	*to = *from;
	to->p = malloc(from->len);
	memcpy(to->p, from->p, from->len);
}

void tape_free(struct tape *t)
{
	free(t->p);
	t->p = NULL;
}

unsigned int tape_find(const struct tape *t, u32 type)
{
	unsigned int n;

	for (n = 0; n < t->nr; n++)
		if (t->type[n] == type)
			return n;
	errno = ENOENT;
	die(wire_type_name(type));
	return 0;
}

void *tape_body(struct tape *t, unsigned int n)
{
	return t->p + t->at[n] + sizeof(struct ferry_stream_record);
}

void tape_mend(struct tape *t, unsigned int n)
{
	struct ferry_stream_record *r = (void *)(t->p + t->at[n]);

	wire_head_init(r, r->type, r->flags, r->length, n,
		       wire_crc(wire_crc32c, r + 1, wire_padded(r->length)), wire_crc32c);
}

void tape_number(struct tape *t, unsigned int n, u64 seq)
{
	struct ferry_stream_record *r = (void *)(t->p + t->at[n]);

	wire_head_init(r, r->type, r->flags, r->length, seq, r->crc, wire_crc32c);
}

void tape_flags(struct tape *t, u32 flags)
{
	struct ferry_stream_header *h = (void *)t->p;

	h->flags = flags;
	h->crc = wire_crc(wire_crc32c, h, offsetof(struct ferry_stream_header, crc));
}

int tape_file(const struct tape *t, size_t len)
{
	int fd = memfd_create("tape", MFD_CLOEXEC);

	if (fd < 0 || write(fd, t->p, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET))
		die("writing a file");
	return fd;
}

/* ----------------------------------------------------------------------- peers */

static int peer_read(void *ctx, struct wire_vec *vec, unsigned int nr, size_t total)
{
	struct peer *p = ctx;
	bool any = false;
	unsigned int i;
	size_t done;
	ssize_t n;

	for (i = 0; i < nr; i++) {
		for (done = 0; done < vec[i].len; done += n) {
			n = recv(p->fd, (u8 *)vec[i].base + done, vec[i].len - done, 0);
			if (n < 0)
				return errno == EAGAIN ? -ETIMEDOUT : -errno;
			if (!n)
				return any ? -EPIPE : -ENODATA;
			any = true;
		}
	}
	return 0;
}

static int peer_write(void *ctx, struct wire_vec *vec, unsigned int nr, size_t total)
{
	struct peer *p = ctx;
	unsigned int i;
	size_t done;
	ssize_t n;

	for (i = 0; i < nr; i++) {
		for (done = 0; done < vec[i].len; done += n) {
			n = send(p->fd, (u8 *)vec[i].base + done, vec[i].len - done, MSG_NOSIGNAL);
			if (n < 0)
				return -errno;
		}
	}
	return 0;
}

static u8 sink[FERRY_STREAM_MAX_BATCH][WIRE_PAGE];

static int sink_pages(void *ctx, const struct ferry_stream_page *entry, unsigned int nr,
		      void **page)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		page[i] = sink[i];
	return 0;
}

static int sink_zero(void *ctx, u64 gfn, u64 count)
{
	return 0;
}

static const struct wire_rx_ops sink_ops = { .pages = sink_pages, .zero = sink_zero };

void peer_init(struct peer *p, int fd, bool dest)
{
	memset(p, 0, offsetof(struct peer, body));
	p->fd = fd;
	p->io = (struct wire_io){ .read = peer_read, .write = peer_write, .ctx = p };
	wire_tx_init(&p->tx, &p->io, wire_crc32c);
	wire_rx_init(&p->rx, &p->io, wire_crc32c, p->body,
		     dest ? WIRE_RX_HELLO : WIRE_RX_BACK_HELLO);
	p->rx.ops = &sink_ops;
	p->rx.ctx = p;
}

static int wait_for(struct peer *p, unsigned int ms)
{
	struct timeval limit = { .tv_sec = 20 };
	struct pollfd f = { .fd = p->fd, .events = POLLIN };

	setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return poll(&f, 1, ms) > 0 ? 0 : -ETIMEDOUT;
}

int peer_hear(struct peer *p, unsigned int ms)
{
	int type = wait_for(p, ms);

	if (!type)
		type = wire_rx_next(&p->rx);
	if (type == FERRY_REC_MAP) {
		p->rx.received = calloc(wire_bitmap_words(p->rx.map.pages), 8);
		p->rx.unverified = calloc(wire_bitmap_words(p->rx.map.pages), 8);
	}
	if (type < 0 && p->rx.error.what)
		printf("# peer: %s at %llu: %s\n", wire_type_name(p->rx.error.record),
		       (unsigned long long)p->rx.error.offset, p->rx.error.what);
	return type;
}

int peer_accept(struct peer *p)
{
	struct ferry_stream_hello hello = { .page_size = WIRE_PAGE, .timeout_ms = 20000,
					    .journal = 99 };
	struct ferry_stream_header header;
	int type = wait_for(p, 20000) ?: wire_rx_header(&p->rx);

	while (type >= 0 && type != FERRY_REC_STATIC_END)
		type = peer_hear(p, 20000);
	if (type < 0)
		return type;
	wire_header_init(&header, FERRY_STREAM_REPLY, p->rx.header.uuid, p->rx.header.generation, 5,
			 wire_crc32c);
	return wire_tx_header(&p->tx, &header) ?:
	       wire_tx_record(&p->tx, FERRY_REC_HELLO, &hello, sizeof(hello), NULL, 0) ?:
	       wire_tx_record(&p->tx, FERRY_REC_ACCEPT, NULL, 0, NULL, 0);
}

int peer_read_to(struct peer *p, u32 type)
{
	struct ferry_stream_round ack = { 0 };
	int heard;

	do {
		heard = peer_hear(p, 20000);
		if (heard == FERRY_REC_ROUND && type != FERRY_REC_ROUND) {
			ack.round = p->rx.round;
			wire_tx_record(&p->tx, FERRY_REC_ROUND_ACK, &ack, sizeof(ack), NULL, 0);
		}
	} while (heard >= 0 && heard != (int)type && heard != FERRY_REC_CANCEL);
	if (heard == FERRY_REC_CANCEL)
		return -ECANCELED;
	return heard < 0 ? heard : 0;
}

int peer_say_token(struct peer *p, u32 type, u64 source, u64 destination)
{
	struct ferry_stream_token token = { source, destination };

	return wire_tx_record(&p->tx, type, &token, sizeof(token), NULL, 0);
}

int peer_say_reason(struct peer *p, u32 type, int err, const char *text)
{
	struct ferry_stream_reason r = { .code = err };

	snprintf((char *)r.text, sizeof(r.text), "%s", text);
	return wire_tx_record(&p->tx, type, &r, sizeof(r), NULL, 0);
}

bool peer_play(struct peer *p, const struct tape *t, unsigned int from, unsigned int to)
{
	struct wire_vec vec = { t->p + t->at[from], t->at[to] - t->at[from] };

	p->tx.seq = to;
	return !peer_write(p, &vec, 1, vec.len);
}

int peer_offer(struct peer *p, struct tape *t)
{
	struct wire_vec header = { t->p, sizeof(struct ferry_stream_header) };
	int type;

	p->rx.token.source = ((struct ferry_stream_header *)t->p)->nonce;
	if (peer_write(p, &header, 1, header.len) ||
	    !peer_play(p, t, 0, tape_find(t, FERRY_REC_STATIC_END) + 1))
		return -EPIPE;
	type = wait_for(p, 20000) ?: wire_rx_header(&p->rx);
	while (type >= 0 && type != FERRY_REC_ACCEPT && type != FERRY_REC_REFUSE)
		type = peer_hear(p, 20000);
	return type;
}
