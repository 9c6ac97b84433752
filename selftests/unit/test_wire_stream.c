// SPDX-License-Identifier: GPL-2.0-only
/*
 * A whole stream, cut at every byte and with every bit flipped: each must end in an error that names
 * the record, and none in a VM that could run.
 */
#include "tap.h"
#include "wire_stream.h"

static u8 stream[STREAM_MAX], copy[STREAM_MAX];
static u8 memory[VM_PAGES][WIRE_PAGE] __aligned(8);
static struct peer peer;
static size_t length;

/* Where each record begins, and the receiver just before it. */
static struct {
	size_t at;
	u32 type;
	struct wire_rx rx;
	u64 received;
	u64 unverified;
} mark[64];
static unsigned int marks;

/* The CPU's instruction, to afford half a million flips; the table is its oracle and the fallback. */
static bool have_crc;

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static u32 crc_insn(u32 crc, const void *data, size_t len)
{
	const u8 *p = data;
	u64 c = crc, word;

	for (; len >= 8; len -= 8, p += 8) {
		memcpy(&word, p, 8);
		c = __builtin_ia32_crc32di(c, word);
	}
	while (len--)
		c = __builtin_ia32_crc32qi(c, *p++);
	return c;
}
#else
#define crc_insn wire_crc32c
#endif

static u32 crc_fast(u32 crc, const void *data, size_t len)
{
	return have_crc ? crc_insn(crc, data, len) : wire_crc32c(crc, data, len);
}

static void rewind_to(unsigned int n, u8 *data, size_t len)
{
	peer.in = (struct membuf){ .p = data, .len = len, .pos = mark[n].at };
	peer.rx = mark[n].rx;
	peer.received[0] = mark[n].received;
	peer.unverified[0] = mark[n].unverified;
}

static void whole(void)
{
	unsigned int i, bad = 0;
	int type;

	length = stream_make(stream, memory, crc_fast);
	ok(length > 60000 && length < 90000, "the stream has %zu bytes", length);
	peer_init(&peer, stream, length, crc_fast, WIRE_RX_HELLO);
	memset(peer.memory, 0xee, sizeof(peer.memory));
	type = wire_rx_header(&peer.rx);
	while (type >= 0 && marks < ARRAY_SIZE(mark)) {
		mark[marks].at = peer.in.pos;
		mark[marks].rx = peer.rx;
		mark[marks].received = peer.received[0];
		mark[marks].unverified = peer.unverified[0];
		type = peer_next(&peer);
		if (type > 0)
			mark[marks++].type = type;
	}
	ok_eq(type, -ENODATA, "it is read to its end");
	ok_eq(mark[marks - 1].type, FERRY_REC_COMMIT, "... which is COMMIT");
	ok_eq(peer.rx.nr_received, VM_PAGES, "every page came");
	ok_mem(peer.memory, memory, sizeof(memory), "memory is what was sent last");
	ok_mem(peer.rx.header.uuid, vm_uuid, 16, "the header's identity");
	ok_eq(peer.rx.header.generation, 7, "... and generation");
	ok_eq(peer.rx.pages, 17, "page copies are counted");
	ok_eq(peer.rx.zero_pages, 1, "zero pages too");
	for (i = 0; i < 1000; i++)
		bad += crc_insn(i, stream + i, i) != wire_crc32c(i, stream + i, i) && have_crc;
	ok_eq(bad, 0, "the CPU's CRC32C agrees with the table");
}

static void cuts(void)
{
	unsigned int n = 0, accepted = 0, place = 0, code = 0, header = 0;
	size_t at;
	int type;

	for (at = 0; at < 64; at++) {
		peer_init(&peer, stream, at, crc_fast, WIRE_RX_HELLO);
		if (wire_rx_header(&peer.rx) != (at ? -EPIPE : -ENODATA))
			header++;
	}
	ok_eq(header, 0, "cut at every byte of the header");
	for (at = 64; at < length; at++) {
		while (n + 1 < marks && mark[n + 1].at <= at)
			n++;
		rewind_to(n, stream, at);
		do {
			type = peer_next(&peer);
		} while (type > 0 && type != FERRY_REC_COMMIT);
		accepted += type > 0;
		place += peer.rx.error.offset != mark[n].at;
		code += type != (at == mark[n].at ? -ENODATA : -EPIPE);
	}
	ok_eq(accepted, 0, "cut at every byte: %zu cuts, never a VM", length);
	ok_eq(place, 0, "... each error names the offset of its record");
	ok_eq(code, 0, "... and tells an end from a cut");
}

/* Does this byte belong to page contents, whose CRC may fail while the guest runs? */
static bool in_contents(unsigned int n, size_t at)
{
	const struct ferry_stream_pages *p = (void *)(stream + mark[n].at + 32);

	return mark[n].type == FERRY_REC_PAGES &&
	       at >= mark[n].at + 32 + sizeof(*p) + p->count * sizeof(struct ferry_stream_page);
}

static void flips(void)
{
	unsigned int n, bit, missed = 0, elsewhere = 0, unverified = 0, late = 0, ends = 0;
	size_t at, end;
	int type;

	memcpy(copy, stream, length);
	for (n = 0; n < marks; n++) {
		end = n + 1 < marks ? mark[n + 1].at : length;
		for (at = mark[n].at; at < end; at++) {
			for (bit = 0; bit < 8; bit++) {
				bool contents = in_contents(n, at);
				bool running = mark[n].rx.state == WIRE_RX_ROUNDS;

				copy[at] ^= 1 << bit;
				rewind_to(n, copy, length);
				type = peer_next(&peer);
				if (contents && running) {
					/* It may be a race with the guest: remembered, not refused. */
					unverified += peer.rx.nr_unverified !=
						      mark[n].rx.nr_unverified + 1;
					late++;
					if (at % 512 == 7) {
						do {
							type = peer_next(&peer);
						} while (type > 0 && type != FERRY_REC_COMMIT);
						/* Page 1 is sent twice, page 2 thrice: those heal. */
						ends += type > 0;
					}
				} else if (type >= 0) {
					missed++;
				} else {
					elsewhere += peer.rx.error.offset != mark[n].at;
				}
				copy[at] ^= 1 << bit;
			}
		}
	}
	ok_eq(missed, 0, "every bit flipped: %zu flips, none missed", (length - 64) * 8);
	ok_eq(elsewhere, 0, "... each error names the offset of its record");
	ok_eq(unverified, 0, "... %u in pages of the running guest leave the page unverified", late);
	/* Pages 1 and 2 of the first batch are sent again; 8 bytes of each page were tried, 8 bits. */
	ok_eq(ends, 2 * 8 * 8, "... and END refuses them unless a later copy came");
}

/* Pages damaged in a round and sent again are good; sent again and damaged, they are not. */
static void heal(void)
{
	static const struct ferry_stream_round r = { 1, 1, 1 };
	static struct wire_tx tx;
	struct membuf m = { .p = copy };
	struct wire_io io = { .write = membuf_write, .ctx = &m };
	size_t at;
	int type;

	wire_tx_init(&tx, &io, crc_fast);
	stream_put(&tx, FERRY_REC_HELLO, memory, 0, 0);
	stream_put(&tx, FERRY_REC_POLICY, memory, 0, 0);
	stream_put(&tx, FERRY_REC_MAP, memory, 0, 0);
	stream_put(&tx, FERRY_REC_STATIC_END, memory, 0, 0);
	stream_put(&tx, FERRY_REC_PAGES, memory, 3, 1);
	at = m.pos - 1;
	stream_put(&tx, FERRY_REC_PAGES, memory, 3, 1);
	wire_tx_record(&tx, FERRY_REC_CANCEL, &r, sizeof(r), NULL, 0);
	copy[at] ^= 1;
	peer_init(&peer, copy, m.len, crc_fast, WIRE_RX_HELLO);
	do {
		type = peer_next(&peer);
	} while (type > 0 && type != FERRY_REC_PAGES);
	ok_eq(peer.rx.nr_unverified, 1, "a raced page is unverified");
	peer_next(&peer);
	ok_eq(peer.rx.nr_unverified, 0, "... until a good copy comes");
	ok_eq(peer.rx.nr_received, 1, "... and is counted once");
	ok_eq(peer_next(&peer), -EMSGSIZE, "a CANCEL that is too short is refused");
}

/* A stream that is well formed, but in which something is missing or comes twice. */
static int without(u32 skip_type, unsigned int skip_nth, u32 twice_type)
{
	static struct wire_tx tx;
	struct membuf m = { .p = copy };
	unsigned int n, seen = 0, again;

	/* Renumber the records of the good stream; bodies and their CRCs stay. */
	memset(&tx, 0, sizeof(tx));
	memcpy(copy, stream, 64);
	m.pos = 64;
	for (n = 0; n < marks; n++) {
		size_t end = n + 1 < marks ? mark[n + 1].at : length;
		struct ferry_stream_record *r;

		if (mark[n].type == skip_type && seen++ == skip_nth)
			continue;
		for (again = 0; again < 1 + (mark[n].type == twice_type); again++) {
			memcpy(copy + m.pos, stream + mark[n].at, end - mark[n].at);
			r = (void *)(copy + m.pos);
			wire_head_init(r, r->type, 0, r->length, tx.seq++, r->crc, crc_fast);
			m.pos += end - mark[n].at;
		}
	}
	peer_init(&peer, copy, m.pos, crc_fast, WIRE_RX_HELLO);
	return peer_run(&peer);
}

static void order(void)
{
	static const struct {
		u32 type;
		unsigned int nth;
		int err;
		const char *what;
	} missing[] = {
		{ FERRY_REC_HELLO, 0, -EPROTO, "HELLO" },
		{ FERRY_REC_POLICY, 0, -EPROTO, "POLICY" },
		{ FERRY_REC_MAP, 0, -EPROTO, "MAP" },
		{ FERRY_REC_STATIC_END, 0, -EPROTO, "STATIC_END" },
		{ FERRY_REC_PAGES, 0, -EPROTO, "pages of round 1" },
		{ FERRY_REC_PAGES, 3, -EPROTO, "pages of round 2" },
		{ FERRY_REC_PAGES, 5, -EPROTO, "pages of the frozen guest" },
		{ FERRY_REC_ZERO, 0, -EPROTO, "zero pages" },
		{ FERRY_REC_ROUND, 0, -EPROTO, "ROUND" },
		{ FERRY_REC_FREEZE, 0, -EPROTO, "FREEZE" },
		{ FERRY_REC_STATE, 0, -EBADMSG, "state of the VM" },
		{ FERRY_REC_STATE, 4, -EBADMSG, "state of a vCPU" },
		{ FERRY_REC_DEVICES, 1, -EBADMSG, "a piece of device state" },
		{ FERRY_REC_STATE_DIGEST, 0, -EPROTO, "STATE_DIGEST" },
		{ FERRY_REC_MEMORY_DIGEST, 0, -EPROTO, "MEMORY_DIGEST" },
		{ FERRY_REC_END, 0, -EPROTO, "END" },
	};
	static const u32 twice[] = { FERRY_REC_HELLO, FERRY_REC_POLICY, FERRY_REC_MAP,
				     FERRY_REC_DEFINITION, FERRY_REC_STATIC_END, FERRY_REC_PAGES,
				     FERRY_REC_ROUND, FERRY_REC_FREEZE, FERRY_REC_STATE,
				     FERRY_REC_DEVICES, FERRY_REC_STATE_DIGEST,
				     FERRY_REC_MEMORY_DIGEST, FERRY_REC_END };
	unsigned int i;
	int type;

	ok_eq(without(0, 0, 0), FERRY_REC_COMMIT, "the renumbered stream is good");
	for (i = 0; i < ARRAY_SIZE(missing); i++) {
		type = without(missing[i].type, missing[i].nth, 0);
		ok_eq(type, missing[i].err, "without %s: %s", missing[i].what,
		      peer.rx.error.what ? peer.rx.error.what : "accepted");
	}
	ok_eq(without(FERRY_REC_DEFINITION, 0, 0), -EPROTO, "END counts even an optional part");
	for (i = 0; i < ARRAY_SIZE(twice); i++) {
		type = without(0, 0, twice[i]);
		ok(type < 0, "%s twice: %s", wire_type_name(twice[i]),
		   peer.rx.error.what ? peer.rx.error.what : "accepted");
	}
}

/* What the states carry is announced and complete. */
static void states(void)
{
	struct peer *p = &peer;

	peer_init(p, stream, length, crc_fast, WIRE_RX_HELLO);
	p->rx.required_vcpu |= 1ULL << 3;
	ok_eq(peer_run(p), -EPROTO, "a required group of a vCPU that never came");
	ok_str(p->rx.error.what, "a state of a vCPU is missing", "... is named");
	peer_init(p, stream, length, crc_fast, WIRE_RX_HELLO);
	p->rx.required_vm |= 1ULL << 33;
	ok_eq(peer_run(p), -EPROTO, "a required group of the VM that never came");
	peer_init(p, stream, length, crc_fast, WIRE_RX_HELLO);
	p->rx.ops = NULL;
	ok_eq(peer_run(p), -EPROTO, "pages for a receiver without memory");
	ok_eq(p->rx.error.record, FERRY_REC_PAGES, "... are refused as such");
}

int main(void)
{
#ifdef __x86_64__
	have_crc = __builtin_cpu_supports("sse4.2");
#endif
	whole();
	cuts();
	flips();
	heal();
	order();
	states();
	return done();
}
