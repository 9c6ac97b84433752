// SPDX-License-Identifier: GPL-2.0-only
/*
 * Headers and record heads: building and checking them, and the table of what
 * may come when. No locks.
 */
#include "wire.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the stream is read in place");
static_assert(sizeof(struct ferry_stream_header) == 64, "size is part of the format");
static_assert(sizeof(struct ferry_stream_record) == 32, "size is part of the format");
static_assert(sizeof(struct ferry_stream_hello) == 152, "size is part of the format");
static_assert(sizeof(struct ferry_stream_policy) == 16, "size is part of the format");
static_assert(sizeof(struct ferry_stream_region) == 24, "size is part of the format");
static_assert(sizeof(struct ferry_stream_map) == 8, "size is part of the format");
static_assert(sizeof(struct ferry_stream_page) == 16, "size is part of the format");
static_assert(sizeof(struct ferry_stream_pages) == 8, "size is part of the format");
static_assert(sizeof(struct ferry_stream_run) == 16, "size is part of the format");
static_assert(sizeof(struct ferry_stream_zero) == 8, "size is part of the format");
static_assert(sizeof(struct ferry_stream_round) == 24, "size is part of the format");
static_assert(sizeof(struct ferry_stream_freeze) == 16, "size is part of the format");
static_assert(sizeof(struct ferry_stream_state) == 8, "size is part of the format");
static_assert(sizeof(struct ferry_stream_devices) == 16, "size is part of the format");
static_assert(sizeof(struct ferry_stream_digest) == 16, "size is part of the format");
static_assert(sizeof(struct ferry_stream_end) == 16, "size is part of the format");
static_assert(sizeof(struct ferry_stream_token) == 16, "size is part of the format");
static_assert(sizeof(struct ferry_stream_reason) == 160, "size is part of the format");
static_assert(sizeof(struct ferry_stream_query) == 16, "size is part of the format");
static_assert(sizeof(struct ferry_stream_answer) == 16, "size is part of the format");

/* How far a body of fixed size may grow in later versions. */
#define GROWTH 4096

/* Bounds of each type's body. A type that is not here does not exist. */
static const struct {
	const char *name;
	u32 min;
	u32 max;
} rec_rule[WIRE_TYPES] = {
	[FERRY_REC_HELLO] = { "HELLO", sizeof(struct ferry_stream_hello), GROWTH },
	[FERRY_REC_POLICY] = { "POLICY", sizeof(struct ferry_stream_policy),
			       sizeof(struct ferry_stream_policy) +
				       FERRY_STREAM_MAX_CPUID * FERRY_STREAM_CPUID_SIZE +
				       FERRY_STREAM_MAX_MSRS * FERRY_STREAM_MSR_SIZE + GROWTH },
	[FERRY_REC_MAP] = { "MAP",
			    sizeof(struct ferry_stream_map) + sizeof(struct ferry_stream_region),
			    sizeof(struct ferry_stream_map) +
				    FERRY_STREAM_MAX_REGIONS * sizeof(struct ferry_stream_region) },
	[FERRY_REC_DEFINITION] = { "DEFINITION", 0, FERRY_STREAM_MAX_DEFINITION },
	[FERRY_REC_STATIC_END] = { "STATIC_END", 0, GROWTH },
	[FERRY_REC_PAGES] = { "PAGES",
			      sizeof(struct ferry_stream_pages) + sizeof(struct ferry_stream_page) +
				      WIRE_PAGE,
			      FERRY_STREAM_MAX_BODY },
	[FERRY_REC_ZERO] = { "ZERO",
			     sizeof(struct ferry_stream_zero) + sizeof(struct ferry_stream_run),
			     sizeof(struct ferry_stream_zero) +
				     FERRY_STREAM_MAX_RUNS * sizeof(struct ferry_stream_run) },
	[FERRY_REC_ROUND] = { "ROUND", sizeof(struct ferry_stream_round), GROWTH },
	[FERRY_REC_FREEZE] = { "FREEZE", sizeof(struct ferry_stream_freeze), GROWTH },
	[FERRY_REC_STATE] = { "STATE", sizeof(struct ferry_stream_state) + 1,
			      sizeof(struct ferry_stream_state) + FERRY_STREAM_MAX_STATE },
	[FERRY_REC_DEVICES] = { "DEVICES", sizeof(struct ferry_stream_devices) + 1,
				FERRY_STREAM_MAX_BODY },
	[FERRY_REC_STATE_DIGEST] = { "STATE_DIGEST", sizeof(struct ferry_stream_digest), GROWTH },
	[FERRY_REC_MEMORY_DIGEST] = { "MEMORY_DIGEST", sizeof(struct ferry_stream_digest), GROWTH },
	[FERRY_REC_END] = { "END", sizeof(struct ferry_stream_end), GROWTH },
	[FERRY_REC_COMMIT] = { "COMMIT", sizeof(struct ferry_stream_token), GROWTH },
	[FERRY_REC_CANCEL] = { "CANCEL", sizeof(struct ferry_stream_reason), GROWTH },
	[FERRY_REC_QUERY] = { "QUERY", sizeof(struct ferry_stream_query), GROWTH },
	[FERRY_REC_ACCEPT] = { "ACCEPT", 0, GROWTH },
	[FERRY_REC_REFUSE] = { "REFUSE", sizeof(struct ferry_stream_reason),
			       sizeof(struct ferry_stream_reason) +
				       FERRY_STREAM_MAX_FINDINGS * FERRY_STREAM_FINDING_SIZE +
				       GROWTH },
	[FERRY_REC_ROUND_ACK] = { "ROUND_ACK", sizeof(struct ferry_stream_round), GROWTH },
	[FERRY_REC_PREPARED] = { "PREPARED", sizeof(struct ferry_stream_token), GROWTH },
	[FERRY_REC_RUNNING] = { "RUNNING", sizeof(struct ferry_stream_token), GROWTH },
	[FERRY_REC_ABORT] = { "ABORT", sizeof(struct ferry_stream_reason), GROWTH },
	[FERRY_REC_ANSWER] = { "ANSWER", sizeof(struct ferry_stream_answer), GROWTH },
};

/*
 * {state, record} -> next state; what is not written here is refused. CANCEL is
 * the source's way to give up: from STATIC_END on, until COMMIT.
 */
static const u8 rx_table[WIRE_RX_STATE_COUNT][WIRE_TYPES] = {
	[WIRE_RX_HELLO] = {
		[FERRY_REC_HELLO] = WIRE_RX_POLICY,
		[FERRY_REC_QUERY] = WIRE_RX_CLOSED,
	},
	[WIRE_RX_POLICY] = {
		[FERRY_REC_POLICY] = WIRE_RX_MAP,
	},
	[WIRE_RX_MAP] = {
		[FERRY_REC_MAP] = WIRE_RX_DEFINITION,
	},
	[WIRE_RX_DEFINITION] = {
		[FERRY_REC_DEFINITION] = WIRE_RX_STATIC,
		[FERRY_REC_STATIC_END] = WIRE_RX_ROUNDS,
	},
	[WIRE_RX_STATIC] = {
		[FERRY_REC_STATIC_END] = WIRE_RX_ROUNDS,
	},
	[WIRE_RX_ROUNDS] = {
		[FERRY_REC_PAGES] = WIRE_RX_ROUNDS,
		[FERRY_REC_ZERO] = WIRE_RX_ROUNDS,
		[FERRY_REC_ROUND] = WIRE_RX_ROUNDS,
		[FERRY_REC_FREEZE] = WIRE_RX_FROZEN,
		[FERRY_REC_CANCEL] = WIRE_RX_CLOSED,
	},
	[WIRE_RX_FROZEN] = {
		[FERRY_REC_PAGES] = WIRE_RX_FROZEN,
		[FERRY_REC_ZERO] = WIRE_RX_FROZEN,
		[FERRY_REC_STATE] = WIRE_RX_STATES,
		[FERRY_REC_CANCEL] = WIRE_RX_CLOSED,
	},
	[WIRE_RX_STATES] = {
		[FERRY_REC_STATE] = WIRE_RX_STATES,
		[FERRY_REC_DEVICES] = WIRE_RX_DEVICES,
		[FERRY_REC_STATE_DIGEST] = WIRE_RX_DIGESTS,
		[FERRY_REC_CANCEL] = WIRE_RX_CLOSED,
	},
	[WIRE_RX_DEVICES] = {
		[FERRY_REC_DEVICES] = WIRE_RX_DEVICES,
		[FERRY_REC_STATE_DIGEST] = WIRE_RX_DIGESTS,
		[FERRY_REC_CANCEL] = WIRE_RX_CLOSED,
	},
	[WIRE_RX_DIGESTS] = {
		[FERRY_REC_MEMORY_DIGEST] = WIRE_RX_END,
		[FERRY_REC_END] = WIRE_RX_COMMIT,
		[FERRY_REC_CANCEL] = WIRE_RX_CLOSED,
	},
	[WIRE_RX_END] = {
		[FERRY_REC_END] = WIRE_RX_COMMIT,
		[FERRY_REC_CANCEL] = WIRE_RX_CLOSED,
	},
	[WIRE_RX_COMMIT] = {
		[FERRY_REC_COMMIT] = WIRE_RX_CLOSED,
		[FERRY_REC_CANCEL] = WIRE_RX_CLOSED,
	},
	[WIRE_RX_BACK_HELLO] = {
		[FERRY_REC_HELLO] = WIRE_RX_BACK_VERDICT,
		[FERRY_REC_ANSWER] = WIRE_RX_CLOSED,
	},
	[WIRE_RX_BACK_VERDICT] = {
		[FERRY_REC_ACCEPT] = WIRE_RX_BACK_ROUNDS,
		[FERRY_REC_REFUSE] = WIRE_RX_CLOSED,
	},
	[WIRE_RX_BACK_ROUNDS] = {
		[FERRY_REC_ROUND_ACK] = WIRE_RX_BACK_ROUNDS,
		[FERRY_REC_PREPARED] = WIRE_RX_BACK_RUNNING,
		[FERRY_REC_ABORT] = WIRE_RX_CLOSED,
	},
	[WIRE_RX_BACK_RUNNING] = {
		[FERRY_REC_RUNNING] = WIRE_RX_CLOSED,
		[FERRY_REC_ABORT] = WIRE_RX_CLOSED,
	},
};

bool wire_type_known(u32 type)
{
	return type < WIRE_TYPES && rec_rule[type].name;
}

const char *wire_type_name(u32 type)
{
	return wire_type_known(type) ? rec_rule[type].name : "unknown record";
}

/**
 * wire_next_state() - the table's answer
 * @state: of the receiver
 * @type: of the record
 * Return: the state after @type arrived in @state, WIRE_RX_DENY if it may not.
 */
enum wire_rx_state wire_next_state(enum wire_rx_state state, u32 type)
{
	if (state >= WIRE_RX_STATE_COUNT || !wire_type_known(type))
		return WIRE_RX_DENY;
	return rx_table[state][type];
}

#define CRC_FIELD(s, member) wire_crc(crc, s, offsetof(typeof(*(s)), member))

/**
 * wire_header_init() - fill in a stream header
 * @h: out
 * @flags: FERRY_STREAM_FILE, FERRY_STREAM_REPLY
 * @uuid: of the VM
 * @generation: of this attempt
 * @nonce: fresh
 * @crc: checksum function
 */
void wire_header_init(struct ferry_stream_header *h, u32 flags, const u8 uuid[16], u64 generation,
		      u64 nonce, wire_crc_fn crc)
{
	memset(h, 0, sizeof(*h));
	h->magic = FERRY_STREAM_MAGIC;
	h->version = FERRY_STREAM_VERSION;
	h->flags = flags;
	memcpy(h->uuid, uuid, sizeof(h->uuid));
	h->generation = generation;
	h->nonce = nonce;
	h->crc = CRC_FIELD(h, crc);
}

/**
 * wire_header_check() - may this stream be read at all?
 * @h: header
 * @crc: checksum function
 * @what: out; why not
 *
 * Return: 0, -EPROTO not a stream or damaged, -EPROTONOSUPPORT another version.
 */
int wire_header_check(const struct ferry_stream_header *h, wire_crc_fn crc, const char **what)
{
	static const u8 nobody[16];

	if (h->magic != FERRY_STREAM_MAGIC) {
		*what = "this is not a Ferry stream";
		return -EPROTO;
	}
	if (h->crc != CRC_FIELD(h, crc)) {
		*what = "the header is damaged";
		return -EPROTO;
	}
	if (h->version != FERRY_STREAM_VERSION) {
		*what = "the stream has another version; use the same Ferry on both sides";
		return -EPROTONOSUPPORT;
	}
	if (h->flags & ~(FERRY_STREAM_FILE | FERRY_STREAM_REPLY | FERRY_STREAM_CONSUMED)) {
		*what = "unknown header flags; the stream comes from a newer Ferry";
		return -EPROTONOSUPPORT;
	}
	if (h->reserved[0] | h->reserved[1] | h->reserved[2]) {
		*what = "reserved header fields are not zero";
		return -EPROTO;
	}
	if (!memcmp(h->uuid, nobody, sizeof(nobody))) {
		*what = "the header names no VM";
		return -EPROTO;
	}
	return 0;
}

/**
 * wire_header_consume() - mark a suspend file as resumed
 * @h: a header that passed wire_header_check()
 * @crc: checksum function
 *
 * The caller writes it back and syncs it before the guest's first entry, holding a lock on the
 * file throughout.
 */
void wire_header_consume(struct ferry_stream_header *h, wire_crc_fn crc)
{
	h->flags |= FERRY_STREAM_CONSUMED;
	h->crc = CRC_FIELD(h, crc);
}

/**
 * wire_head_init() - fill in a record head
 * @r: out
 * @type: FERRY_REC_*
 * @flags: FERRY_REC_OPTIONAL or 0
 * @length: of the body without padding
 * @seq: records before this one in this direction
 * @body_crc: see struct ferry_stream_record
 * @crc: checksum function
 */
void wire_head_init(struct ferry_stream_record *r, u32 type, u32 flags, u64 length, u64 seq,
		    u32 body_crc, wire_crc_fn crc)
{
	r->type = type;
	r->flags = flags;
	r->length = length;
	r->seq = seq;
	r->crc = body_crc;
	r->head_crc = CRC_FIELD(r, head_crc);
}

/**
 * wire_head_check() - may this record come now, and is its length believable?
 * @r: head
 * @state: of the receiver
 * @seq: the number it must have
 * @crc: checksum function
 * @what: out; why not
 *
 * Return: 1 to read it, 0 to skip it (optional and unknown), -EPROTO damaged or out of order,
 * -EPROTONOSUPPORT unknown and mandatory, -EMSGSIZE length.
 */
int wire_head_check(const struct ferry_stream_record *r, enum wire_rx_state state, u64 seq,
		    wire_crc_fn crc, const char **what)
{
	if (r->head_crc != CRC_FIELD(r, head_crc)) {
		*what = "a record head is damaged";
		return -EPROTO;
	}
	if (r->seq != seq) {
		*what = "a record is missing or repeated";
		return -EPROTO;
	}
	if (r->flags & ~FERRY_REC_OPTIONAL) {
		*what = "unknown record flags; the stream comes from a newer Ferry";
		return -EPROTONOSUPPORT;
	}
	if (r->length > FERRY_STREAM_MAX_BODY) {
		*what = "a record is longer than 1 MiB";
		return -EMSGSIZE;
	}
	if (!wire_type_known(r->type)) {
		if ((r->flags & FERRY_REC_OPTIONAL) && state != WIRE_RX_CLOSED)
			return 0;
		*what = "a record of unknown type; the stream comes from a newer Ferry";
		return -EPROTONOSUPPORT;
	}
	if (wire_next_state(state, r->type) == WIRE_RX_DENY) {
		*what = "this record may not come here";
		return -EPROTO;
	}
	if (r->length < rec_rule[r->type].min) {
		*what = "a record is shorter than its type needs";
		return -EMSGSIZE;
	}
	if (r->length > rec_rule[r->type].max) {
		*what = "a record is longer than its type allows";
		return -EMSGSIZE;
	}
	return 1;
}
