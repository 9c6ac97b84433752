// SPDX-License-Identifier: GPL-2.0-only
/* lib/wire, piece by piece: checksums, headers, heads, bodies, the map, the table of what may come. */
#include <regex.h>
#include <stdio.h>
#include "tap.h"
#include "wire_stream.h"

static u8 out[STREAM_MAX];
static u8 memory[VM_PAGES][WIRE_PAGE] __aligned(8);
static struct peer peer;
static struct wire_tx tx;
static struct membuf m;
static struct wire_io io = { .write = membuf_write, .ctx = &m };

static void begin(void)
{
	m = (struct membuf){ .p = out };
	wire_tx_init(&tx, &io, wire_crc32c);
}

static void checksums(void)
{
	u8 zero[32] = { 0 }, count[32];
	u64 a[4] = { 1, 2, 3, 4 }, b[4] = { 2, 1, 3, 4 };
	unsigned int i;

	for (i = 0; i < 32; i++)
		count[i] = i;
	/* RFC 3720, B.4, as little-endian words; and the usual check string. */
	ok_eq(wire_crc(wire_crc32c, zero, 32), 0x8a9136aa, "CRC32C of 32 zeros");
	ok_eq(wire_crc(wire_crc32c, count, 32), 0x46dd794e, "CRC32C of 0..31");
	ok_eq(wire_crc(wire_crc32c, "123456789", 9), 0xe3069283, "CRC32C of the check string");
	ok_eq(wire_crc32c(wire_crc32c(~0U, count, 13), count + 13, 19),
	      wire_crc32c(~0U, count, 32), "CRC32C in two parts");
	ok(wire_digest(1, a, 32) != wire_digest(1, b, 32), "the digest sees the order of words");
	ok(wire_digest(1, a, 31) != wire_digest(1, a, 32), "the digest sees a missing byte");
	memset(memory[0], 0, WIRE_PAGE);
	ok(wire_is_zero(memory[0], WIRE_PAGE), "a page of zeros is zero");
	for (i = 0; i < WIRE_PAGE; i++) {
		memory[0][i] = 0x80;
		if (wire_is_zero(memory[0], WIRE_PAGE))
			break;
		memory[0][i] = 0;
	}
	ok_eq(i, WIRE_PAGE, "one byte anywhere makes it not zero");
}

static void headers(void)
{
	struct ferry_stream_header h, good;
	const char *what = NULL;
	unsigned int bit, missed = 0;

	wire_header_init(&good, 0, vm_uuid, 3, 4, wire_crc32c);
	ok_eq(wire_header_check(&good, wire_crc32c, &what), 0, "a header is good");
	for (bit = 0; bit < sizeof(h) * 8; bit++) {
		h = good;
		((u8 *)&h)[bit / 8] ^= 1 << (bit % 8);
		if (!wire_header_check(&h, wire_crc32c, &what))
			missed++;
	}
	ok_eq(missed, 0, "every flipped bit of a header is seen");
	h = good;
	h.version = 2;
	h.crc = wire_crc(wire_crc32c, &h, 60);
	ok_eq(wire_header_check(&h, wire_crc32c, &what), -EPROTONOSUPPORT, "another version");
	h = good;
	h.flags = 1 << 7;
	h.crc = wire_crc(wire_crc32c, &h, 60);
	ok_eq(wire_header_check(&h, wire_crc32c, &what), -EPROTONOSUPPORT, "unknown flags");
	h = good;
	h.reserved[2] = 1;
	h.crc = wire_crc(wire_crc32c, &h, 60);
	ok_eq(wire_header_check(&h, wire_crc32c, &what), -EPROTO, "reserved fields");
	h = good;
	memset(h.uuid, 0, 16);
	h.crc = wire_crc(wire_crc32c, &h, 60);
	ok_eq(wire_header_check(&h, wire_crc32c, &what), -EPROTO, "no identity");
	h = good;
	wire_header_consume(&h, wire_crc32c);
	ok(!wire_header_check(&h, wire_crc32c, &what) && (h.flags & FERRY_STREAM_CONSUMED),
	   "a header marked as consumed is still a header");
}

static int head(u32 type, u32 flags, u64 length, u64 seq, enum wire_rx_state state)
{
	struct ferry_stream_record r;
	const char *what = NULL;
	int ret;

	wire_head_init(&r, type, flags, length, seq, 0, wire_crc32c);
	ret = wire_head_check(&r, state, 9, wire_crc32c, &what);
	return ret < 0 && !what ? -999 : ret;
}

static void heads(void)
{
	struct ferry_stream_record r, good;
	const char *what;
	unsigned int bit, missed = 0;

	ok_eq(head(FERRY_REC_ROUND, 0, 24, 9, WIRE_RX_ROUNDS), 1, "a head is good");
	ok_eq(head(FERRY_REC_ROUND, 0, 24, 8, WIRE_RX_ROUNDS), -EPROTO, "a repeated record");
	ok_eq(head(FERRY_REC_ROUND, 0, 24, 10, WIRE_RX_ROUNDS), -EPROTO, "a missing record");
	ok_eq(head(FERRY_REC_ROUND, 0, 23, 9, WIRE_RX_ROUNDS), -EMSGSIZE, "too short");
	ok_eq(head(FERRY_REC_ROUND, 0, 32, 9, WIRE_RX_ROUNDS), 1, "a body that grew");
	ok_eq(head(FERRY_REC_ROUND, 0, 4097, 9, WIRE_RX_ROUNDS), -EMSGSIZE, "too long");
	ok_eq(head(FERRY_REC_ROUND, 0, ~0ULL, 9, WIRE_RX_ROUNDS), -EMSGSIZE, "far too long");
	ok_eq(head(FERRY_REC_ROUND, 2, 24, 9, WIRE_RX_ROUNDS), -EPROTONOSUPPORT, "unknown flags");
	ok_eq(head(50, 0, 8, 9, WIRE_RX_ROUNDS), -EPROTONOSUPPORT, "an unknown mandatory record");
	ok_eq(head(0, 0, 8, 9, WIRE_RX_ROUNDS), -EPROTONOSUPPORT, "type 0");
	ok_eq(head(~0U, 0, 8, 9, WIRE_RX_ROUNDS), -EPROTONOSUPPORT, "the largest type");
	ok_eq(head(50, 1, 8, 9, WIRE_RX_ROUNDS), 0, "an unknown optional record is skipped");
	ok_eq(head(50, 1, FERRY_STREAM_MAX_BODY + 1, 9, WIRE_RX_ROUNDS), -EMSGSIZE,
	      "... unless it is too long");
	ok_eq(head(50, 1, 8, 9, WIRE_RX_CLOSED), -EPROTONOSUPPORT, "... or the stream is over");
	ok_eq(head(FERRY_REC_ROUND, 1, 24, 9, WIRE_RX_FROZEN), -EPROTO,
	      "OPTIONAL does not let a known record come out of order");

	wire_head_init(&good, FERRY_REC_ROUND, 0, 24, 9, 0x1234, wire_crc32c);
	for (bit = 0; bit < sizeof(r) * 8; bit++) {
		r = good;
		((u8 *)&r)[bit / 8] ^= 1 << (bit % 8);
		if (wire_head_check(&r, WIRE_RX_ROUNDS, 9, wire_crc32c, &what) >= 0)
			missed++;
	}
	ok_eq(missed, 0, "every flipped bit of a head is seen");
}

static void maps(void)
{
	struct ferry_stream_region r = { .gpa = 0, .length = 2 * WIRE_PAGE };
	struct wire_map map = { 0 };
	const char *what;
	u64 index = 99;

	ok(!wire_map_index(&map, 0, &index), "an empty map holds nothing");
	ok_eq(wire_map_add(&map, &r, &what), 0, "a region");
	ok_eq(wire_map_add(&map, &r, &what), -EINVAL, "... not twice");
	r.gpa = WIRE_PAGE;
	ok_eq(wire_map_add(&map, &r, &what), -EINVAL, "... not overlapping");
	r.gpa = 2 * WIRE_PAGE;
	ok_eq(wire_map_add(&map, &r, &what), 0, "a neighbour");
	r.gpa = 6 * WIRE_PAGE + 1;
	ok_eq(wire_map_add(&map, &r, &what), -EINVAL, "an unaligned address");
	r.gpa = 6 * WIRE_PAGE;
	r.length = 0;
	ok_eq(wire_map_add(&map, &r, &what), -EINVAL, "an empty region");
	r.length = ~0ULL & ~4095ULL;
	ok_eq(wire_map_add(&map, &r, &what), -EINVAL, "a length that overflows");
	r.length = 1ULL << 52;
	ok_eq(wire_map_add(&map, &r, &what), -EINVAL, "beyond 52 bits");
	r.length = WIRE_PAGE;
	ok_eq(wire_map_add(&map, &r, &what), 0, "a region after a hole");
	ok_eq(map.pages, 5, "pages are counted");

	ok(wire_map_index(&map, 3, &index) && index == 3, "index of a page");
	ok(wire_map_index(&map, 6, &index) && index == 4, "index behind a hole");
	ok(!wire_map_index(&map, 4, &index) && !wire_map_index(&map, 5, &index), "no page in a hole");
	ok(!wire_map_index(&map, 7, &index) && !wire_map_index(&map, ~0ULL, &index),
	   "no page behind the end");
	ok(wire_map_run(&map, 0, 4), "a run over neighbouring regions");
	ok(!wire_map_run(&map, 3, 4), "no run over a hole");
	ok(!wire_map_run(&map, 0, 0), "no empty run");
	ok(!wire_map_run(&map, 1, ~0ULL), "no run that overflows");
	ok(!wire_map_run(&map, 6, 2), "no run over the end");

	memset(&map, 0, sizeof(map));
	r.gpa = 0;
	while (!wire_map_add(&map, &r, &what))
		r.gpa += 2 * WIRE_PAGE;
	ok_eq(map.count, FERRY_STREAM_MAX_REGIONS, "a full map takes no more");
}

/* A body as it is checked on arrival, with one 32-bit field set. */
static int body32(u32 type, const void *good, size_t len, size_t offset, u32 value)
{
	static u64 buf[1024];
	const char *what = NULL;
	int ret;

	memset(buf, 0, sizeof(buf));
	memcpy(buf, good, len);
	memcpy((u8 *)buf + offset, &value, 4);
	ret = wire_body_check(type, buf, len, &what);
	return ret && !what ? -999 : ret;
}

#define BODY(type, good, field, value)                                                             \
	body32(type, &(good), sizeof(good), offsetof(typeof(good), field), value)

static void bodies(void)
{
	struct {
		struct ferry_stream_pages head;
		struct ferry_stream_page e[2];
	} pages = { { 2, 0 }, { { 5, 0, 0 }, { 6, 0, 0 } } };
	struct {
		struct ferry_stream_zero head;
		struct ferry_stream_run run[2];
	} zero = { { 2, 0 }, { { 5, 2 }, { 7, 1 } } };
	struct {
		struct ferry_stream_hello h;
		u64 grown;
	} hello = { 0 };
	struct ferry_stream_reason reason = { .code = 5 };
	struct ferry_stream_policy policy = { .nr_cpuid = 0 };
	struct ferry_stream_answer answer = { .answer = 1 };
	struct ferry_stream_state state = { .group = 1 };
	struct {
		struct ferry_stream_devices d;
		u64 data;
	} dev = { { 0, 16 }, 1 };
	const char *what;
	size_t len = sizeof(pages) + 2 * WIRE_PAGE;

	ok_eq(wire_body_check(FERRY_REC_PAGES, &pages, len, &what), 0, "PAGES");
	ok_eq(wire_body_check(FERRY_REC_PAGES, &pages, len + 8, &what), -EPROTO, "... too long");
	ok_eq(wire_body_check(FERRY_REC_PAGES, &pages, len - 8, &what), -EPROTO, "... too short");
	pages.e[0].gfn = 6;
	ok_eq(wire_body_check(FERRY_REC_PAGES, &pages, len, &what), -EPROTO, "... a page twice");
	pages.e[0].gfn = 7;
	ok_eq(wire_body_check(FERRY_REC_PAGES, &pages, len, &what), -EPROTO, "... falling");
	pages.e[0].gfn = 5;
	pages.e[1].reserved = 1;
	ok_eq(wire_body_check(FERRY_REC_PAGES, &pages, len, &what), -EPROTO, "... reserved field");
	pages.e[1].reserved = 0;
	pages.head.count = 0x80000002;
	ok_eq(wire_body_check(FERRY_REC_PAGES, &pages, len, &what), -EPROTO, "... wrong count");

	ok_eq(BODY(FERRY_REC_ZERO, zero, head.count, 2), 0, "ZERO");
	ok_eq(BODY(FERRY_REC_ZERO, zero, head.count, 1), -EPROTO, "... wrong count");
	ok_eq(BODY(FERRY_REC_ZERO, zero, head.count, 0), -EPROTO, "... no count");
	ok_eq(BODY(FERRY_REC_ZERO, zero, head.reserved, 1), -EPROTO, "... reserved field");
	ok_eq(BODY(FERRY_REC_ZERO, zero, run[0].count, 3), -EPROTO, "... overlapping runs");
	ok_eq(BODY(FERRY_REC_ZERO, zero, run[0].count, 0), -EPROTO, "... an empty run");
	zero.run[1].count = ~0ULL;
	ok_eq(BODY(FERRY_REC_ZERO, zero, head.count, 2), -EPROTO, "... a run that overflows");

	stream_hello(&hello.h, 0);
	ok_eq(BODY(FERRY_REC_HELLO, hello, grown, 0), 0, "HELLO that grew by zero");
	ok_eq(BODY(FERRY_REC_HELLO, hello, grown, 1), -EPROTO, "... by something else");
	ok_eq(BODY(FERRY_REC_HELLO, hello, h.flags, 16), -EPROTO, "... unknown flag");
	ok_eq(BODY(FERRY_REC_HELLO, hello, h.features, 1), -EPROTO, "... unknown feature");
	ok_eq(BODY(FERRY_REC_HELLO, hello, h.page_size, 8192), -EPROTO, "... page size");
	ok_eq(BODY(FERRY_REC_HELLO, hello, h.nr_vcpus, 65), -EPROTO, "... too many vCPUs");
	ok_eq(BODY(FERRY_REC_HELLO, hello, h.reserved, 1), -EPROTO, "... reserved field");
	ok_eq(BODY(FERRY_REC_HELLO, hello, h.host[60], 0x61616161), -EPROTO, "... endless name");

	ok_eq(BODY(FERRY_REC_POLICY, policy, nr_cpuid, 0), -EPROTO, "POLICY without leaves");
	ok_eq(BODY(FERRY_REC_POLICY, policy, nr_cpuid, 1), -EPROTO, "... cut short");
	ok_eq(BODY(FERRY_REC_POLICY, policy, nr_cpuid, 257), -EPROTO, "... too many");

	ok_eq(BODY(FERRY_REC_STATE, state, group, 1), 0, "STATE");
	ok_eq(BODY(FERRY_REC_STATE, state, group, 0), -EPROTO, "... no group");
	ok_eq(BODY(FERRY_REC_STATE, state, group, 64), -EPROTO, "... group 64");
	ok_eq(BODY(FERRY_REC_STATE, state, vcpu, 64), -EPROTO, "... vCPU 64");
	ok_eq(BODY(FERRY_REC_STATE, state, vcpu, ~0U), 0, "... of the VM");

	ok_eq(BODY(FERRY_REC_DEVICES, dev, d.total, 16), 0, "DEVICES");
	ok_eq(BODY(FERRY_REC_DEVICES, dev, d.total, 7), -EPROTO, "... longer than the whole");
	ok_eq(BODY(FERRY_REC_DEVICES, dev, d.total, FERRY_STREAM_MAX_DEVICES + 1), -EPROTO,
	      "... too large a whole");
	ok_eq(BODY(FERRY_REC_DEVICES, dev, d.offset, 9), -EPROTO, "... behind the end");

	ok_eq(BODY(FERRY_REC_ABORT, reason, code, 5), 0, "ABORT");
	ok_eq(BODY(FERRY_REC_ABORT, reason, code, 0), -EPROTO, "... without an error");
	ok_eq(BODY(FERRY_REC_ABORT, reason, code, 4096), -EPROTO, "... with more than an errno");
	ok_eq(BODY(FERRY_REC_REFUSE, reason, nr_findings, 1), -EPROTO, "REFUSE cut short");
	ok_eq(BODY(FERRY_REC_ANSWER, answer, answer, 1), 0, "ANSWER");
	ok_eq(BODY(FERRY_REC_ANSWER, answer, answer, 0), -EPROTO, "... none");
	ok_eq(BODY(FERRY_REC_ANSWER, answer, answer, 5), -EPROTO, "... unknown");
}

/*
 * What may come when, told a second time, as a regular expression over one letter per record, and
 * compared with the table for every sequence up to a length and for long random ones.
 */
static const struct {
	char letter;
	u32 type;
} letters[] = {
	{ 'H', FERRY_REC_HELLO },      { 'P', FERRY_REC_POLICY },	 { 'M', FERRY_REC_MAP },
	{ 'D', FERRY_REC_DEFINITION }, { 'S', FERRY_REC_STATIC_END },	 { 'p', FERRY_REC_PAGES },
	{ 'z', FERRY_REC_ZERO },       { 'r', FERRY_REC_ROUND },	 { 'F', FERRY_REC_FREEZE },
	{ 's', FERRY_REC_STATE },      { 'v', FERRY_REC_DEVICES },	 { 'g', FERRY_REC_STATE_DIGEST },
	{ 'm', FERRY_REC_MEMORY_DIGEST }, { 'E', FERRY_REC_END },	 { 'C', FERRY_REC_COMMIT },
	{ 'X', FERRY_REC_CANCEL },     { 'Q', FERRY_REC_QUERY },	 { 'a', FERRY_REC_ACCEPT },
	{ 'R', FERRY_REC_REFUSE },     { 'k', FERRY_REC_ROUND_ACK },	 { 'e', FERRY_REC_PREPARED },
	{ 'u', FERRY_REC_RUNNING },    { 'A', FERRY_REC_ABORT },	 { 'w', FERRY_REC_ANSWER },
};

/* Prefixes of what a source may say, longest reading first; and of a destination. */
#define GIVE_UP "X?"
static const char forward[] =
	"^(H(P(M(D?(S([pzr]*(" GIVE_UP "|F[pz]*(" GIVE_UP "|s+(" GIVE_UP "|v*(" GIVE_UP
	"|gm?(" GIVE_UP "|E(C|X)?))))))?)?)?)?)?|Q)?$";
static const char backward[] = "^(H((R|a(k*(A|e(u|A)?)?))?)?|w)?$";

static bool table_takes(const char *s, enum wire_rx_state state)
{
	unsigned int i;

	for (; *s; s++) {
		for (i = 0; letters[i].letter != *s; i++)
			;
		state = wire_next_state(state, letters[i].type);
		if (state == WIRE_RX_DENY)
			return false;
	}
	return true;
}

static void table(void)
{
	static const struct {
		const char *pattern;
		enum wire_rx_state first;
		const char *name;
	} side[] = {
		{ forward, WIRE_RX_HELLO, "source" },
		{ backward, WIRE_RX_BACK_HELLO, "destination" },
	};
	unsigned int i, j, n, len, bad, tried, taken;
	regex_t re;
	char s[32];

	for (n = 0, i = 0; i < WIRE_TYPES; i++)
		n += wire_type_known(i);
	ok_eq(n, ARRAY_SIZE(letters), "the test knows every record type");
	for (i = 0; i < 2; i++) {
		if (regcomp(&re, side[i].pattern, REG_EXTENDED | REG_NOSUB))
			bail_out("regcomp");
		srand(1);
		bad = tried = taken = 0;
		for (tried = 0; tried < 300000; tried++) {
			/* Walk along what the table allows, then do anything. */
			enum wire_rx_state state = side[i].first;
			unsigned int stray = rand() % 20;

			len = rand() % 24;
			for (j = 0; j < len; j++) {
				unsigned int k, c = rand() % ARRAY_SIZE(letters);

				for (k = 0; j != stray && k < ARRAY_SIZE(letters); k++) {
					u32 at = (c + k) % ARRAY_SIZE(letters);

					if (wire_next_state(state, letters[at].type)) {
						c = at;
						break;
					}
				}
				s[j] = letters[c].letter;
				state = wire_next_state(state, letters[c].type);
			}
			s[j] = 0;
			taken += table_takes(s, side[i].first);
			if (table_takes(s, side[i].first) == !!regexec(&re, s, 0, NULL, 0)) {
				if (!bad++)
					diag("table and expression differ on \"%s\"", s);
			}
		}
		ok_eq(bad, 0, "what a %s may say agrees with the expression", side[i].name);
		ok(taken > 1000 && taken < tried - 1000, "... %u of %u sequences allowed", taken,
		   tried);
		regfree(&re);
	}
	ok_eq(wire_next_state(WIRE_RX_STATE_COUNT, FERRY_REC_HELLO), WIRE_RX_DENY, "no such state");
	ok_eq(wire_next_state(WIRE_RX_CLOSED, FERRY_REC_HELLO), WIRE_RX_DENY, "closed is closed");
}

/* Every record type on its own through sender and receiver. */
static void round_trip(void)
{
	static const u32 types[] = { FERRY_REC_HELLO, FERRY_REC_POLICY, FERRY_REC_MAP,
				     FERRY_REC_DEFINITION, FERRY_REC_STATIC_END, FERRY_REC_PAGES,
				     FERRY_REC_ZERO, FERRY_REC_ROUND, FERRY_REC_FREEZE };
	unsigned int i;
	int type, good = 0;
	u64 seen = 0;

	begin();
	vm_fill(memory[0], 0, 1);
	vm_fill(memory[1], 1, 1);
	for (i = 0; i < ARRAY_SIZE(types); i++)
		good |= stream_put(&tx, types[i], memory, types[i] == FERRY_REC_ZERO ? 2 : 0,
				   types[i] == FERRY_REC_ROUND ? 7 : 2);
	ok_eq(good, 0, "records are written");
	ok_eq(tx.offset, m.len, "the offset is what was written");
	peer_init(&peer, out, m.len, wire_crc32c, WIRE_RX_HELLO);
	memset(peer.memory, 0xee, sizeof(peer.memory));
	for (i = 0; i < ARRAY_SIZE(types); i++) {
		type = peer_next(&peer);
		if (types[i] == FERRY_REC_ROUND) {
			/* round 0 is not the first */
			ok_eq(type, -EPROTO, "a wrong round is refused");
			break;
		}
		ok_eq(type, types[i], "%s comes back", wire_type_name(types[i]));
		seen = peer.rx.offset;
	}
	ok_str((char *)peer.rx.hello.host, "here", "HELLO's contents");
	ok_eq(peer.rx.map.pages, VM_PAGES, "MAP's contents");
	ok_mem(peer.memory[1], memory[1], WIRE_PAGE, "PAGES' contents");
	ok(wire_is_zero(peer.memory[2], 2 * WIRE_PAGE), "ZERO's contents");
	ok_eq(peer.memory[4][0], 0xee, "... and no more than that");
	ok_eq(peer.rx.nr_received, 4, "pages are counted once");
	ok_eq(peer.rx.error.record, FERRY_REC_ROUND, "the error names the record");
	ok_eq(peer.rx.error.offset, seen, "... and where it began");
	ok_eq(wire_rx_next(&peer.rx), -EPROTO, "and a stream in error stays there");
}

/* The destination's direction. */
static void back(void)
{
	struct {
		struct ferry_stream_reason r;
		u8 finding[2][FERRY_STREAM_FINDING_SIZE];
	} refuse = { { .code = EOPNOTSUPP, .nr_findings = 2, .total_findings = 9 }, { { 0 } } };
	struct ferry_stream_token token = { VM_NONCE, VM_DST_NONCE };
	struct ferry_stream_round round = { 1, 2, 3 };
	struct ferry_stream_hello hello;

	stream_hello(&hello, 0);
	begin();
	wire_tx_record(&tx, FERRY_REC_HELLO, &hello, sizeof(hello), NULL, 0);
	wire_tx_record(&tx, FERRY_REC_REFUSE, &refuse, sizeof(refuse), NULL, 0);
	peer_init(&peer, out, m.len, wire_crc32c, WIRE_RX_BACK_HELLO);
	ok_eq(peer_next(&peer), FERRY_REC_HELLO, "HELLO back");
	ok_eq(peer_next(&peer), FERRY_REC_REFUSE, "REFUSE");
	ok_mem(peer.rx.body, &refuse, sizeof(refuse), "... with its findings");
	ok_eq(peer_next(&peer), -ENODATA, "the end");

	begin();
	wire_tx_record(&tx, FERRY_REC_HELLO, &hello, sizeof(hello), NULL, 0);
	wire_tx_record(&tx, FERRY_REC_ACCEPT, NULL, 0, NULL, 0);
	wire_tx_record(&tx, FERRY_REC_ROUND_ACK, &round, sizeof(round), NULL, 0);
	wire_tx_record(&tx, FERRY_REC_PREPARED, &token, sizeof(token), NULL, 0);
	wire_tx_record(&tx, FERRY_REC_RUNNING, &token, sizeof(token), NULL, 0);
	peer_init(&peer, out, m.len, wire_crc32c, WIRE_RX_BACK_HELLO);
	peer.rx.token.destination = 0;
	peer_next(&peer);
	ok_eq(peer_next(&peer), FERRY_REC_ACCEPT, "ACCEPT");
	ok_eq(peer_next(&peer), FERRY_REC_ROUND_ACK, "ROUND_ACK");
	ok_eq(peer_next(&peer), FERRY_REC_PREPARED, "PREPARED");
	ok_eq(peer.rx.token.destination, VM_DST_NONCE, "... tells the destination's nonce");
	ok_eq(peer_next(&peer), FERRY_REC_RUNNING, "RUNNING");

	/* Tokens of another migration, on either side. */
	begin();
	token.source++;
	wire_tx_record(&tx, FERRY_REC_PREPARED, &token, sizeof(token), NULL, 0);
	peer_init(&peer, out, m.len, wire_crc32c, WIRE_RX_BACK_ROUNDS);
	ok_eq(peer_next(&peer), -EPROTO, "PREPARED of another migration");
	begin();
	token.source--;
	wire_tx_record(&tx, FERRY_REC_COMMIT, &token, sizeof(token), NULL, 0);
	peer_init(&peer, out, m.len, wire_crc32c, WIRE_RX_COMMIT);
	peer.rx.token.destination++;
	ok_eq(peer_next(&peer), -EPROTO, "COMMIT with an old nonce");
	peer_init(&peer, out, m.len, wire_crc32c, WIRE_RX_COMMIT);
	ok_eq(peer_next(&peer), FERRY_REC_COMMIT, "COMMIT with the right one");
	begin();
	token.destination = 0;
	wire_tx_record(&tx, FERRY_REC_COMMIT, &token, sizeof(token), NULL, 0);
	peer_init(&peer, out, m.len, wire_crc32c, WIRE_RX_COMMIT);
	peer.rx.token.destination = 0;
	ok_eq(peer_next(&peer), -EPROTO, "COMMIT before PREPARED");
}

static void limits(void)
{
	struct ferry_stream_run run[2] = { { 0, 1 }, { 3, 2 } };
	u64 gfn = 0;
	void *page = memory[0];

	begin();
	ok_eq(wire_tx_pages(&tx, &gfn, &page, 0), -EINVAL, "an empty batch is not sent");
	ok_eq(wire_tx_pages(&tx, &gfn, &page, 256), -EINVAL, "nor one that is too large");
	ok_eq(wire_tx_zero(&tx, run, 0), -EINVAL, "nor no runs");
	ok_eq(wire_tx_record(&tx, FERRY_REC_DEVICES, NULL, 0, out, FERRY_STREAM_MAX_BODY + 1),
	      -EMSGSIZE, "nor a body above 1 MiB");
	ok_eq(m.len, 0, "nothing was written");
	ok_eq(wire_tx_zero(&tx, run, 2), 0, "runs are");
	ok_eq(tx.zero_pages, 3, "... and counted");
	ok(sizeof(struct ferry_stream_pages) +
			   FERRY_STREAM_MAX_BATCH * (sizeof(struct ferry_stream_page) + WIRE_PAGE) <=
		   FERRY_STREAM_MAX_BODY,
	   "a full batch fits a record");
}

int main(void)
{
	checksums();
	headers();
	heads();
	maps();
	bodies();
	table();
	round_trip();
	back();
	limits();
	return done();
}
