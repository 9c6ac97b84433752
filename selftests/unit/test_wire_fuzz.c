// SPDX-License-Identifier: GPL-2.0-only
/*
 * The receiver under damaged streams: a fixed number of random changes to a good one, the same in
 * every run. The sanitizers and the checks in wire_target.h are the judges. selftests/fuzz goes
 * further, with coverage.
 */
#include <time.h>
#include "tap.h"
#include "../fuzz/wire_target.h"

static u8 input[STREAM_MAX], good[STREAM_MAX];
static u8 memory[VM_PAGES][WIRE_PAGE] __aligned(8);
static u64 rng = 0x1234567;

static u64 rnd(u64 below)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng % below;
}

static const u64 nasty[] = { 0, 1, 7, 8, 255, 256, 4095, 4096, 0x7fffffff, 0x80000000, 0xffffffff,
			     1ULL << 52, 1ULL << 63, ~0ULL, ~0ULL - 4095 };

/* Renumber, so that what was dropped, doubled or swapped is judged by more than its number. */
static void renumber(size_t len)
{
	size_t at = 1 + 64;
	u64 seq = 0;

	while (at + 32 <= len) {
		struct ferry_stream_record *r = (void *)(input + at);
		struct ferry_stream_record head;

		memcpy(&head, r, sizeof(head));
		head.seq = seq++;
		memcpy(r, &head, sizeof(head));
		if (head.length > FERRY_STREAM_MAX_BODY)
			break;
		at += sizeof(head) + wire_padded(head.length);
	}
}

int main(void)
{
	unsigned int runs, i, accepted = 0, errors[4] = { 0 };
	size_t len, at, from, n;
	clock_t start = clock();
	int ret;

	len = stream_make(good, memory, fuzz_crc);
	memcpy(input + 1, good, len);
	input[0] = 0;
	ok_eq(wire_fuzz_one(input, len + 1), -ENODATA, "the good stream passes every check");

	for (runs = 0; runs < 40000 && clock() - start < 10 * CLOCKS_PER_SEC; runs++) {
		size_t size = len + 1;

		memcpy(input + 1, good, len);
		input[0] = 0;
		for (i = 0; i <= rnd(3); i++) {
			/* Mostly where the structure is: the first 1200 bytes and the last 1500. */
			at = rnd(10) ? (rnd(2) ? 65 + rnd(1200) : size - 1 - rnd(1500)) :
				       1 + rnd(size - 1);
			at = at < size - 8 ? at : size - 9;
			switch (rnd(5)) {
			case 0:
				input[at] ^= 1 << rnd(8);
				break;
			case 1:
				n = rnd(ARRAY_SIZE(nasty));
				memcpy(input + (at & ~7ULL) + 1, &nasty[n], rnd(2) ? 8 : 4);
				break;
			case 2: /* drop a piece */
				n = 8 * rnd(20);
				n = min(n, size - at);
				memmove(input + at, input + at + n, size - at - n);
				size -= n;
				break;
			case 3: /* copy a piece elsewhere */
				from = 65 + rnd(1200);
				n = min_t(size_t, 8 * rnd(20), size - max(at, from));
				memmove(input + at, input + from, n);
				break;
			case 4:
				size = at;
				break;
			}
			if (size < 100)
				size = 100;
		}
		if (rnd(2))
			renumber(size);
		ret = wire_fuzz_one(input, size);
		accepted += ret == -ENODATA && size == len + 1;
		errors[0] += ret == -EPROTO;
		errors[1] += ret == -EBADMSG;
		errors[2] += ret == -EPIPE;
		errors[3] += ret == -EMSGSIZE || ret == -EPROTONOSUPPORT;
	}
	ok(runs >= 1000, "%u damaged streams, no over-read, no false count", runs);
	ok(errors[0] && errors[1] && errors[2] && errors[3],
	   "... refused as malformed %u, digest %u, cut %u, unknown %u; without effect %u", errors[0],
	   errors[1], errors[2], errors[3], accepted);
	return done();
}
