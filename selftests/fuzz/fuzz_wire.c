// SPDX-License-Identifier: GPL-2.0-only
/* libFuzzer over the receiver of migration streams; selftests/checks/slow-fuzz builds and runs it. */
#include "wire_target.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);
size_t LLVMFuzzerMutate(u8 *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(u8 *data, size_t size, size_t max, unsigned int seed);

int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
	wire_fuzz_one(data, len);
	return 0;
}

/*
 * Half of the time put the sequence numbers right behind the change, or records that were dropped,
 * doubled or swapped would all end at the same check.
 */
size_t LLVMFuzzerCustomMutator(u8 *data, size_t size, size_t max, unsigned int seed)
{
	static u8 stream[STREAM_MAX], memory[VM_PAGES][WIRE_PAGE] __aligned(8);
	size_t at;
	u64 seq = 0;

	if (size < 2 && max > 100000) {
		data[0] = 0;
		size = 1 + stream_make(stream, memory, fuzz_crc);
		memcpy(data + 1, stream, size - 1);
	}
	size = LLVMFuzzerMutate(data, size, max);
	if (seed & 1)
		return size;
	for (at = 1 + (data[0] % 5 == 0) * 64; at + 32 <= size;) {
		struct ferry_stream_record r;

		memcpy(&r, data + at, sizeof(r));
		r.seq = seq++;
		r.crc = r.head_crc = 0;
		memcpy(data + at, &r, sizeof(r));
		if (r.length > FERRY_STREAM_MAX_BODY)
			break;
		at += sizeof(r) + wire_padded(r.length);
	}
	return size;
}
