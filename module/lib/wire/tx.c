// SPDX-License-Identifier: GPL-2.0-only
/*
 * The writing engine. It numbers, checksums and pads; what is sent when is its
 * owner's business. No locks.
 */
#include "wire.h"

static const u8 padding[8];

/**
 * wire_tx_init() - begin one direction
 * @tx: out
 * @io: with write()
 * @crc: checksum function
 */
void wire_tx_init(struct wire_tx *tx, const struct wire_io *io, wire_crc_fn crc)
{
	memset(tx, 0, sizeof(*tx));
	tx->io = io;
	tx->crc = crc;
	tx->digest = WIRE_DIGEST_SEED;
}

static int tx_write(struct wire_tx *tx, unsigned int nr)
{
	size_t total = 0;
	unsigned int i;
	int err;

	for (i = 0; i < nr; i++)
		total += tx->vec[i].len;
	err = tx->io->write(tx->io->ctx, tx->vec, nr, total);
	if (!err)
		tx->offset += total;
	return err;
}

static void tx_vec(struct wire_tx *tx, unsigned int *nr, const void *base, size_t len)
{
	if (!len)
		return;
	tx->vec[*nr].base = (void *)base;
	tx->vec[*nr].len = len;
	(*nr)++;
}

/**
 * wire_tx_header() - write the stream's header
 * @tx: direction
 * @header: made by wire_header_init()
 * Return: 0 or what write() said.
 */
int wire_tx_header(struct wire_tx *tx, const struct ferry_stream_header *header)
{
	unsigned int nr = 0;

	tx_vec(tx, &nr, header, sizeof(*header));
	return tx_write(tx, nr);
}

/**
 * wire_tx_record() - write one record other than PAGES
 * @tx: direction
 * @type: FERRY_REC_*
 * @body: its struct, or NULL
 * @body_len: bytes
 * @data: what follows the struct, or NULL
 * @data_len: bytes
 *
 * Return: 0, -EMSGSIZE, or what write() said; after an error nothing more can be sent.
 */
int wire_tx_record(struct wire_tx *tx, u32 type, const void *body, size_t body_len,
		   const void *data, size_t data_len)
{
	size_t len = body_len + data_len;
	size_t pad = wire_padded(len) - len;
	unsigned int nr = 0;
	u32 crc = ~0U;
	int err;

	if (body_len > FERRY_STREAM_MAX_BODY || data_len > FERRY_STREAM_MAX_BODY ||
	    len > FERRY_STREAM_MAX_BODY)
		return -EMSGSIZE;
	crc = tx->crc(crc, body, body_len);
	crc = tx->crc(crc, data, data_len);
	crc = ~tx->crc(crc, padding, pad);
	wire_head_init(&tx->head, type, 0, len, tx->seq, crc, tx->crc);

	if (type == FERRY_REC_STATE || type == FERRY_REC_DEVICES) {
		tx->digest = wire_digest_u64(tx->digest, type);
		tx->digest = wire_digest_u64(tx->digest, len);
		tx->digest = wire_digest(tx->digest, body, body_len);
		tx->digest = wire_digest(tx->digest, data, data_len);
		tx->digest_count++;
	}
	tx_vec(tx, &nr, &tx->head, sizeof(tx->head));
	tx_vec(tx, &nr, body, body_len);
	tx_vec(tx, &nr, data, data_len);
	tx_vec(tx, &nr, padding, pad);
	err = tx_write(tx, nr);
	if (!err)
		tx->seq++;
	return err;
}

/**
 * wire_tx_pages() - write one batch of pages
 * @tx: direction
 * @gfn: ascending
 * @page: address of each page; the guest may be writing to it
 * @nr: 1 to FERRY_STREAM_MAX_BATCH
 */
int wire_tx_pages(struct wire_tx *tx, const u64 *gfn, void *const *page, unsigned int nr)
{
	unsigned int n = 0, i;
	size_t front;
	u32 crc = ~0U;
	int err;

	if (!nr || nr > FERRY_STREAM_MAX_BATCH)
		return -EINVAL;
	front = nr * sizeof(tx->entry[0]);
	tx->pages_body.count = nr;
	tx->pages_body.reserved = 0;
	for (i = 0; i < nr; i++) {
		tx->entry[i].gfn = gfn[i];
		tx->entry[i].crc = wire_crc(tx->crc, page[i], WIRE_PAGE);
		tx->entry[i].reserved = 0;
	}
	crc = tx->crc(crc, &tx->pages_body, sizeof(tx->pages_body));
	crc = ~tx->crc(crc, tx->entry, front);
	wire_head_init(&tx->head, FERRY_REC_PAGES, 0,
		       sizeof(tx->pages_body) + front + (u64)nr * WIRE_PAGE, tx->seq, crc, tx->crc);

	tx_vec(tx, &n, &tx->head, sizeof(tx->head));
	tx_vec(tx, &n, &tx->pages_body, sizeof(tx->pages_body));
	tx_vec(tx, &n, tx->entry, front);
	for (i = 0; i < nr; i++)
		tx_vec(tx, &n, page[i], WIRE_PAGE);
	err = tx_write(tx, n);
	if (err)
		return err;
	tx->seq++;
	tx->pages += nr;
	return 0;
}

/**
 * wire_tx_zero() - write runs of zero pages
 * @tx: direction
 * @run: ascending, disjoint
 * @nr: 1 to FERRY_STREAM_MAX_RUNS
 */
int wire_tx_zero(struct wire_tx *tx, const struct ferry_stream_run *run, unsigned int nr)
{
	struct ferry_stream_zero body = { .count = nr };
	unsigned int i;
	int err;

	if (!nr || nr > FERRY_STREAM_MAX_RUNS)
		return -EINVAL;
	err = wire_tx_record(tx, FERRY_REC_ZERO, &body, sizeof(body), run, nr * sizeof(*run));
	for (i = 0; !err && i < nr; i++)
		tx->zero_pages += run[i].count;
	return err;
}

int wire_tx_round(struct wire_tx *tx, u64 round, u64 dirty)
{
	struct ferry_stream_round body = { .round = round, .pages = tx->pages, .dirty = dirty };

	return wire_tx_record(tx, FERRY_REC_ROUND, &body, sizeof(body), NULL, 0);
}

int wire_tx_freeze(struct wire_tx *tx)
{
	struct ferry_stream_freeze body = { .pages = tx->pages };

	return wire_tx_record(tx, FERRY_REC_FREEZE, &body, sizeof(body), NULL, 0);
}

/**
 * wire_tx_state_digest() - seal the states and device states written so far
 * @tx: direction
 */
int wire_tx_state_digest(struct wire_tx *tx)
{
	struct ferry_stream_digest body = { .digest = tx->digest, .count = tx->digest_count };

	return wire_tx_record(tx, FERRY_REC_STATE_DIGEST, &body, sizeof(body), NULL, 0);
}

int wire_tx_end(struct wire_tx *tx)
{
	struct ferry_stream_end body = { .records = tx->seq, .pages = tx->pages };

	return wire_tx_record(tx, FERRY_REC_END, &body, sizeof(body), NULL, 0);
}
