// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tool's own part of the migration stream: queries, and a look at a stream's start. See
 * query.h.
 */
#include <linux/ferry.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "lib/wire/wire.h"
#include "net.h"
#include "query.h"

#define ANSWER_WAIT_S 20

static int io_read(void *ctx, struct wire_vec *vec, unsigned int nr, size_t total)
{
	int fd = *(int *)ctx;
	bool begun = false;

	for (; nr; nr--, vec++) {
		size_t done = 0;

		while (done < vec->len) {
			ssize_t n = recv(fd, (char *)vec->base + done, vec->len - done, 0);

			if (n < 0 && errno == EINTR)
				continue;
			if (n < 0)
				return -errno;
			if (!n)
				return begun ? -EPIPE : -ENODATA;
			begun = true;
			done += n;
		}
	}
	return 0;
}

static int io_write(void *ctx, struct wire_vec *vec, unsigned int nr, size_t total)
{
	int fd = *(int *)ctx;

	for (; nr; nr--, vec++) {
		size_t done = 0;

		while (done < vec->len) {
			ssize_t n = send(fd, (char *)vec->base + done, vec->len - done,
					 MSG_NOSIGNAL | (nr > 1 ? MSG_MORE : 0));

			if (n < 0 && errno == EINTR)
				continue;
			if (n < 0)
				return -errno;
			done += n;
		}
	}
	return 0;
}

static void set_time_limit(int fd)
{
	struct timeval limit = { .tv_sec = ANSWER_WAIT_S };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

/* Write a header and one record. */
static int say(const struct wire_io *io, u32 flags, const u8 uuid[16], u64 generation, u32 type,
	       const void *body, size_t len)
{
	struct wire_tx *tx = xcalloc(1, sizeof(*tx));
	struct ferry_stream_header h;
	u64 nonce = 0;
	int ret;

	random_bytes(&nonce, sizeof(nonce));
	wire_tx_init(tx, io, wire_crc32c);
	wire_header_init(&h, flags, uuid, generation, nonce, wire_crc32c);
	ret = wire_tx_header(tx, &h);
	if (!ret)
		ret = wire_tx_record(tx, type, body, len, NULL, 0);
	free(tx);
	return ret;
}

/* Read a header and one record of @type into @body; its header into *h. */
static int hear(const struct wire_io *io, enum wire_rx_state first, u32 type, void *body,
		size_t len, struct ferry_stream_header *h)
{
	struct wire_rx *rx = xcalloc(1, sizeof(*rx));
	u8 *buf = xcalloc(1, WIRE_BODY_BYTES);
	int ret;

	wire_rx_init(rx, io, wire_crc32c, buf, first);
	ret = wire_rx_header(rx);
	if (!ret) {
		*h = rx->header;
		ret = wire_rx_next(rx);
		if (ret == (int)type && rx->record.length >= len) {
			memcpy(body, rx->body, len);
			ret = 0;
		} else if (ret >= 0) {
			ret = -EPROTO;
		}
	}
	free(buf);
	free(rx);
	return ret;
}

u32 query_ask(const char *host, const char *port, const struct query *q, atomic_bool *cancel,
	      struct error *err)
{
	struct ferry_stream_query ask = { .journal = q->journal, .nonce = q->nonce };
	struct ferry_stream_answer answer;
	struct ferry_stream_header h;
	struct wire_io io = { io_read, io_write, NULL };
	int fd, ret;

	fd = net_connect(host, port, cancel, err);
	if (fd < 0)
		return 0;
	io.ctx = &fd;
	set_time_limit(fd);
	ret = say(&io, 0, q->uuid, q->generation, FERRY_REC_QUERY, &ask, sizeof(ask));
	if (!ret)
		ret = hear(&io, WIRE_RX_BACK_HELLO, FERRY_REC_ANSWER, &answer, sizeof(answer), &h);
	close(fd);
	if (ret) {
		fail(err, FERRY_X_NETWORK, "%s does not answer: %s", host, strerror(-ret));
		return 0;
	}
	if (memcmp(h.uuid, q->uuid, sizeof(h.uuid)) || h.generation != q->generation) {
		fail(err, FERRY_X_NETWORK, "%s answers another question", host);
		return 0;
	}
	if (answer.journal != q->journal) {
		fail(err, FERRY_X_IN_DOUBT, "%s has another journal now, and cannot know", host);
		return 0;
	}
	switch (answer.answer) {
	case FERRY_ANSWER_NEVER:
		return FERRY_RESOLVE_NEVER;
	case FERRY_ANSWER_ABORTED:
		return FERRY_RESOLVE_ABORTED;
	case FERRY_ANSWER_RAN:
		return FERRY_RESOLVE_RAN;
	}
	fail(err, FERRY_X_IN_DOUBT, "%s itself does not know whether the VM ran there", host);
	return 0;
}

int query_serve(int fd, struct journal *j)
{
	struct wire_io io = { io_read, io_write, &fd };
	struct ferry_stream_header h;
	struct ferry_stream_query q;
	struct ferry_stream_answer a = { .journal = j->id };
	int ret;

	set_time_limit(fd);
	ret = hear(&io, WIRE_RX_HELLO, FERRY_REC_QUERY, &q, sizeof(q), &h);
	if (ret)
		return ret;
	a.answer = journal_answer(j, h.uuid, h.generation, q.journal, ANSWER_WAIT_S * 500);
	return say(&io, FERRY_STREAM_REPLY, h.uuid, h.generation, FERRY_REC_ANSWER, &a, sizeof(a));
}

int stream_peek(int fd, bool file, struct stream_start *start, struct error *err)
{
	struct {
		struct ferry_stream_header header;
		struct ferry_stream_record record;
	} first;
	const char *what;
	ssize_t n;

	if (!file)
		set_time_limit(fd);
	n = file ? pread(fd, &first, sizeof(first), 0) :
		   recv(fd, &first, sizeof(first), MSG_PEEK | MSG_WAITALL);
	if (n != sizeof(first))
		return fail(err, FERRY_X_BAD_FILE, "%s", file ?
			    "the file is too short to hold a VM" :
			    "the other side sent nothing, or too little to be a VM");
	if (wire_header_check(&first.header, wire_crc32c, &what))
		return fail(err, FERRY_X_BAD_FILE, "%s", what);
	start->header = first.header;
	start->query = first.record.type == FERRY_REC_QUERY;
	return 0;
}
