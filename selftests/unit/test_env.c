// SPDX-License-Identifier: GPL-2.0-only
/* lib/env.h promises userspace the kernel's meaning of these. */
#include "lib/env.h"
#include "tap.h"

int main(void)
{
	int a = 3, sum;

	ok_eq(GENMASK_ULL(51, 12), 0x000ffffffffff000ULL, "GENMASK_ULL() includes both ends");
	ok_eq(GENMASK_ULL(63, 0), ~0ULL, "GENMASK_ULL() of all bits");
	ok_eq(min(a++, 10), 3, "min() evaluates its arguments once");
	ok_eq(a, 4, "... and leaves them evaluated");
	ok_eq(fls64(0), 0, "fls64(0)");
	ok_eq(fls64(1ULL << 63), 64, "fls64() of the top bit");
	ok(check_add_overflow(0x7fffffff, 1, &sum), "check_add_overflow() sees an overflow");
	ok_eq(mul_u64_u64_shr(~0ULL, ~0ULL, 64), ~0ULL - 1, "mul_u64_u64_shr() keeps 128 bits");
	ok_eq(mul_u64_u64_div_u64(~0ULL, 10, 20), ~0ULL / 2, "mul_u64_u64_div_u64() keeps 128 bits");
	ok_eq(mul_div_sat(~0ULL, 10, 20), ~0ULL / 2, "mul_div_sat() keeps 128 bits");
	ok_eq(mul_div_sat(1ULL << 40, 1ULL << 30, 1 << 6), ~0ULL, "... says when 64 are too few");
	ok_eq(mul_div_sat(1ULL << 40, 1ULL << 30, (1 << 6) + 1), 0xfc0fc0fc0fc0fc0fULL,
	      "... and only then");
	ok_eq(mul_div_sat(5, 7, 0), ~0ULL, "... and outlives a zero");
	return done();
}
