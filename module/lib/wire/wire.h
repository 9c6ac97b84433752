/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The migration stream as code: building records (tx), reading and checking
 * them (rx). <linux/ferry_stream.h> is the format; nothing else knows it.
 *
 * Both engines are pull engines: they call read() or write() of their owner and
 * block in there. The module gives them a socket or a file, unit tests and
 * fuzzers a buffer, so the parser that faces the network is the one under the
 * fuzzer. An engine belongs to one thread at a time and takes no locks.
 */
#ifndef FERRY_LIB_WIRE_WIRE_H
#define FERRY_LIB_WIRE_WIRE_H

#include "../env.h"
#include "../../../uapi/linux/ferry_stream.h"

#define WIRE_PAGE FERRY_STREAM_PAGE_SIZE
#define WIRE_PAGE_SHIFT 12
/* Room an engine needs to hold any body in one piece. */
#define WIRE_BODY_BYTES FERRY_STREAM_MAX_BODY
/* One past the largest record type. */
#define WIRE_TYPES 71

/* ------------------------------------------------------------------ checksums */

/* CRC32C without the inversions, crc in, crc out. The module passes the CPU's instruction for it
 * where there is one. */
typedef u32 (*wire_crc_fn)(u32 crc, const void *data, size_t len);

u32 wire_crc32c(u32 crc, const void *data, size_t len);

/* The checksum as it stands in the stream: seeded with ones and inverted (RFC 3720, B.4). */
static inline u32 wire_crc(wire_crc_fn fn, const void *data, size_t len)
{
	return ~fn(~0U, data, len);
}

#define WIRE_DIGEST_SEED 0x66657272792d3031ULL

u64 wire_digest(u64 digest, const void *data, size_t len);
u64 wire_digest_u64(u64 digest, u64 value);
bool wire_is_zero(const void *data, size_t len);

/* ------------------------------------------------------------------------ I/O */

/**
 * struct wire_vec - a piece of memory to read into or write from
 * @base: address
 * @len: bytes
 */
struct wire_vec {
	void *base;
	size_t len;
};

/**
 * struct wire_io - how an engine reaches its peer
 * @read: fill all pieces, @total bytes, or fail: -ENODATA when the stream ended before the first
 *	byte, -EPIPE when it ended inside, or whatever the transport says
 * @write: write all pieces or fail
 * @ctx: passed to both
 */
struct wire_io {
	int (*read)(void *ctx, struct wire_vec *vec, unsigned int nr, size_t total);
	int (*write)(void *ctx, struct wire_vec *vec, unsigned int nr, size_t total);
	void *ctx;
};

/**
 * struct wire_error - where and why a stream was refused
 * @err: negative errno
 * @record: type of the record, 0 for the header
 * @seq: its number
 * @offset: byte offset of the record in the stream
 * @what: for a person; a constant string
 */
struct wire_error {
	int err;
	u32 record;
	u64 seq;
	u64 offset;
	const char *what;
};

/* ----------------------------------------------------------- headers and heads */

/* What a receiver expects next. 0 is no state: an empty cell of the table denies. */
enum wire_rx_state {
	WIRE_RX_DENY,
	/* the destination reads */
	WIRE_RX_HELLO,
	WIRE_RX_POLICY,
	WIRE_RX_MAP,
	WIRE_RX_DEFINITION,
	WIRE_RX_STATIC,
	WIRE_RX_ROUNDS,
	WIRE_RX_FROZEN,
	WIRE_RX_STATES,
	WIRE_RX_DEVICES,
	WIRE_RX_DIGESTS,
	WIRE_RX_END,
	WIRE_RX_COMMIT,
	/* the source reads */
	WIRE_RX_BACK_HELLO,
	WIRE_RX_BACK_VERDICT,
	WIRE_RX_BACK_ROUNDS,
	WIRE_RX_BACK_RUNNING,
	/* either */
	WIRE_RX_CLOSED,
	WIRE_RX_STATE_COUNT,
};

void wire_header_init(struct ferry_stream_header *h, u32 flags, const u8 uuid[16], u64 generation,
		      u64 nonce, wire_crc_fn crc);
int wire_header_check(const struct ferry_stream_header *h, wire_crc_fn crc, const char **what);
void wire_header_consume(struct ferry_stream_header *h, wire_crc_fn crc);
void wire_head_init(struct ferry_stream_record *r, u32 type, u32 flags, u64 length, u64 seq,
		    u32 body_crc, wire_crc_fn crc);
int wire_head_check(const struct ferry_stream_record *r, enum wire_rx_state state, u64 seq,
		    wire_crc_fn crc, const char **what);
enum wire_rx_state wire_next_state(enum wire_rx_state state, u32 type);
bool wire_type_known(u32 type);
const char *wire_type_name(u32 type);

static inline u64 wire_padded(u64 length)
{
	return (length + 7) & ~7ULL;
}

/* --------------------------------------------------------------------- bodies */

/**
 * struct wire_map - the regions of guest memory, and a dense page index over them
 * @count: regions
 * @pages: of all regions
 * @region: ascending
 * @first: index of the region's first page; indices run over all regions without gaps
 */
struct wire_map {
	u32 count;
	u64 pages;
	struct ferry_stream_region region[FERRY_STREAM_MAX_REGIONS];
	u64 first[FERRY_STREAM_MAX_REGIONS];
};

int wire_map_add(struct wire_map *map, const struct ferry_stream_region *region,
		 const char **what);
bool wire_map_index(const struct wire_map *map, u64 gfn, u64 *index);
bool wire_map_run(const struct wire_map *map, u64 gfn, u64 count);

static inline u64 wire_bitmap_words(u64 bits)
{
	return (bits + 63) / 64;
}

int wire_body_check(u32 type, const void *body, size_t len, const char **what);

/* --------------------------------------------------------------------- sender */

/**
 * struct wire_tx - one direction being written
 * @io: where to
 * @crc: checksum function
 * @offset: bytes written so far
 * @seq: records written so far
 * @pages: page copies written so far, zero pages not counted
 * @zero_pages: pages sent as runs of zero
 * @digest: over STATE and DEVICES bodies
 * @digest_count: how many of them
 */
struct wire_tx {
	const struct wire_io *io;
	wire_crc_fn crc;
	u64 offset;
	u64 seq;
	u64 pages;
	u64 zero_pages;
	u64 digest;
	u64 digest_count;
	/* private: */
	struct wire_vec vec[FERRY_STREAM_MAX_BATCH + 4];
	struct ferry_stream_record head;
	struct ferry_stream_pages pages_body;
	struct ferry_stream_page entry[FERRY_STREAM_MAX_BATCH];
};

void wire_tx_init(struct wire_tx *tx, const struct wire_io *io, wire_crc_fn crc);
int wire_tx_header(struct wire_tx *tx, const struct ferry_stream_header *header);
int wire_tx_record(struct wire_tx *tx, u32 type, const void *body, size_t body_len,
		   const void *data, size_t data_len);
int wire_tx_pages(struct wire_tx *tx, const u64 *gfn, void *const *page, unsigned int nr);
int wire_tx_zero(struct wire_tx *tx, const struct ferry_stream_run *run, unsigned int nr);
int wire_tx_round(struct wire_tx *tx, u64 round, u64 dirty);
int wire_tx_freeze(struct wire_tx *tx);
int wire_tx_state_digest(struct wire_tx *tx);
int wire_tx_end(struct wire_tx *tx);

/* ------------------------------------------------------------------- receiver */

/**
 * struct wire_rx_ops - what a receiver of guest memory must provide
 * @pages: put the kernel-addressable address of each of @nr guest pages into @page; -ENOMEM
 * @zero: make @count pages from @gfn up read as zero; the run lies inside the map
 *
 * A receiver of the destination's direction has none.
 */
struct wire_rx_ops {
	int (*pages)(void *ctx, const struct ferry_stream_page *entry, unsigned int nr,
		     void **page);
	int (*zero)(void *ctx, u64 gfn, u64 count);
};

/**
 * struct wire_rx - one direction being read
 * @io: where from
 * @ops: guest memory, or NULL
 * @ctx: for @ops
 * @crc: checksum function
 * @state: what may come next
 * @buf: WIRE_BODY_BYTES of the owner's, 8-byte aligned
 * @received: bitmap over the map's page index, zeroed, set by the owner after MAP
 * @unverified: likewise
 * @required_vcpu: state groups (1 << group) every vCPU must have brought by END
 * @required_vm: state groups the VM must have brought by END
 * @token: nonces of the handover as the owner knows them
 *
 * Results, after each wire_rx_next():
 * @record: head of the record
 * @body: its body, in @buf; for PAGES only the part before the contents
 * @header: the stream's header
 * @hello: its HELLO
 * @map: guest memory, after MAP
 * @error: filled in when something failed
 * @offset: bytes read so far
 * @seq: records read so far
 * @pages: page copies received, zero pages not counted
 * @zero_pages: pages received as runs of zero
 * @nr_received: bits set in @received
 * @nr_unverified: bits set in @unverified
 * @round: number of the last ROUND or ROUND_ACK
 * @digest: over STATE and DEVICES bodies
 * @digest_count: how many of them
 * @devices_offset: bytes of device states received
 * @devices_total: bytes announced
 * @groups: state groups received, by vCPU; the VM's last
 */
struct wire_rx {
	const struct wire_io *io;
	const struct wire_rx_ops *ops;
	void *ctx;
	wire_crc_fn crc;
	enum wire_rx_state state;
	u8 *buf;
	u64 *received;
	u64 *unverified;
	u64 required_vcpu;
	u64 required_vm;
	struct ferry_stream_token token;

	struct ferry_stream_record record;
	void *body;
	struct ferry_stream_header header;
	struct ferry_stream_hello hello;
	struct wire_map map;
	struct wire_error error;

	u64 offset;
	u64 seq;
	u64 pages;
	u64 zero_pages;
	u64 nr_received;
	u64 nr_unverified;
	u64 round;
	u64 digest;
	u64 digest_count;
	u64 devices_offset;
	u64 devices_total;
	u64 groups[FERRY_STREAM_MAX_VCPUS + 1];
	/* private: */
	u64 record_offset;
	void *page[FERRY_STREAM_MAX_BATCH];
	struct wire_vec vec[FERRY_STREAM_MAX_BATCH + 4];
};

void wire_rx_init(struct wire_rx *rx, const struct wire_io *io, wire_crc_fn crc, u8 *buf,
		  enum wire_rx_state first);
int wire_rx_header(struct wire_rx *rx);
int wire_rx_next(struct wire_rx *rx);
int wire_rx_fail(struct wire_rx *rx, int err, const char *what);

#endif /* FERRY_LIB_WIRE_WIRE_H */
