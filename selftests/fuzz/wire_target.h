/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One run of lib/wire's receiver over arbitrary bytes. Checksums always match, or a fuzzer would
 * never get past the first one; everything behind them is the real thing.
 */
#ifndef FERRY_FUZZ_WIRE_TARGET_H
#define FERRY_FUZZ_WIRE_TARGET_H

#include "../unit/wire_stream.h"

static inline u32 fuzz_crc(u32 crc, const void *data, size_t len)
{
	return ~0U;
}

#define FUZZ_CHECK(cond)                                                                           \
	do {                                                                                       \
		if (!(cond))                                                                       \
			__builtin_trap();                                                          \
	} while (0)

/* The first byte says where to begin: with a header, or in the middle of either direction. */
static inline int wire_fuzz_one(const u8 *data, size_t len)
{
	static const u8 first[] = { WIRE_RX_HELLO,	 WIRE_RX_HELLO,	      WIRE_RX_BACK_HELLO,
				    WIRE_RX_BACK_ROUNDS, WIRE_RX_BACK_HELLO };
	static struct peer peer;
	struct wire_rx *rx = &peer.rx;
	int type = 0;

	if (!len)
		return 0;
	peer_init(&peer, (u8 *)data + 1, len - 1, fuzz_crc, first[data[0] % sizeof(first)]);
	if (data[0] % sizeof(first) == 0)
		type = wire_rx_header(rx);
	while (type >= 0) {
		type = peer_next(&peer);
		FUZZ_CHECK(rx->offset <= len - 1);
		FUZZ_CHECK(rx->nr_received == hweight64(peer.received[0]));
		FUZZ_CHECK(rx->nr_unverified == hweight64(peer.unverified[0]));
		FUZZ_CHECK(!(peer.unverified[0] & ~peer.received[0]));
		FUZZ_CHECK(peer.max_zero <= VM_PAGES);
		FUZZ_CHECK(rx->map.pages <= VM_PAGES || type < 0);
		FUZZ_CHECK(type < 0 || !rx->error.err);
		FUZZ_CHECK(type > 0 || (rx->error.err == type && rx->error.what));
		if (type == FERRY_REC_END) {
			FUZZ_CHECK(rx->nr_received == rx->map.pages && !rx->nr_unverified);
			FUZZ_CHECK(rx->devices_offset == rx->devices_total);
			FUZZ_CHECK(!(VM_WIDE_GROUPS & ~rx->groups[FERRY_STREAM_MAX_VCPUS]));
		}
	}
	ASAN_UNPOISON_MEMORY_REGION(peer.body, sizeof(peer.body));
	return type;
}

#endif /* FERRY_FUZZ_WIRE_TARGET_H */
