/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The Test Anything Protocol for small C programs, header only.
 *
 *	int main(void)
 *	{
 *		ok(1 + 1 == 2, "sums");
 *		ok_eq(f(3), 9, "f squares %d", 3);
 *		return done();
 *	}
 *
 * done() prints the plan, so tests need not be counted. A test that fails says where and, for
 * ok_eq() and ok_str(), what was wanted. bail_out() ends a program that cannot go on; skip() and
 * skip_all() say what could not be tried here, never that something is broken.
 */
#ifndef FERRY_TAP_H
#define FERRY_TAP_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
	unsigned int run;
	unsigned int failed;
} tap __attribute__((unused));

__attribute__((format(printf, 4, 5), unused)) static int
tap_ok(int good, const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	printf("%sok %u - ", good ? "" : "not ", ++tap.run);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	if (!good) {
		tap.failed++;
		printf("# failed at %s:%d\n", file, line);
	}
	fflush(stdout);
	return good;
}

/* Each is an expression that is true when the test passed. */
#define ok(cond, ...) tap_ok(!!(cond), __FILE__, __LINE__, __VA_ARGS__)

#define ok_eq(got, want, ...)                                                                      \
	({                                                                                         \
		unsigned long long _got = (unsigned long long)(got);                               \
		unsigned long long _want = (unsigned long long)(want);                             \
		int _good = tap_ok(_got == _want, __FILE__, __LINE__, __VA_ARGS__);                \
                                                                                                   \
		if (!_good)                                                                        \
			printf("#    got %#llx (%lld)\n#   want %#llx (%lld)\n", _got,             \
			       (long long)_got, _want, (long long)_want);                          \
		_good;                                                                             \
	})

#define ok_str(got, want, ...)                                                                     \
	({                                                                                         \
		const char *_got = (got), *_want = (want);                                         \
		int _good = tap_ok(_got && _want && !strcmp(_got, _want), __FILE__, __LINE__,      \
				   __VA_ARGS__);                                                   \
                                                                                                   \
		if (!_good)                                                                        \
			printf("#    got %s\n#   want %s\n", _got ? _got : "(null)",               \
			       _want ? _want : "(null)");                                          \
		_good;                                                                             \
	})

#define ok_mem(got, want, len, ...)                                                                \
	({                                                                                         \
		const unsigned char *_got = (const void *)(got), *_want = (const void *)(want);    \
		size_t _len = (len), _i = 0;                                                       \
                                                                                                   \
		while (_i < _len && _got[_i] == _want[_i])                                         \
			_i++;                                                                      \
		if (!tap_ok(_i == _len, __FILE__, __LINE__, __VA_ARGS__))                          \
			printf("# byte %zu of %zu: got %#x, want %#x\n", _i, _len, _got[_i],       \
			       _want[_i]);                                                         \
		_i == _len;                                                                        \
	})

#define diag(fmt, ...) (printf("# " fmt "\n", ##__VA_ARGS__), (void)fflush(stdout))

/* One test that this machine cannot do. */
#define skip(why, ...)                                                                             \
	do {                                                                                       \
		printf("ok %u - ", ++tap.run);                                                     \
		printf(__VA_ARGS__);                                                               \
		printf(" # SKIP %s\n", why);                                                       \
		fflush(stdout);                                                                    \
	} while (0)

#define skip_all(why)                                                                              \
	do {                                                                                       \
		printf("1..0 # SKIP %s\n", why);                                                   \
		exit(0);                                                                           \
	} while (0)

#define bail_out(...)                                                                              \
	do {                                                                                       \
		printf("Bail out! ");                                                              \
		printf(__VA_ARGS__);                                                               \
		putchar('\n');                                                                     \
		exit(1);                                                                           \
	} while (0)

static inline int done(void)
{
	printf("1..%u\n", tap.run);
	if (tap.failed)
		printf("# %u of %u failed\n", tap.failed, tap.run);
	fflush(stdout);
	return tap.failed != 0;
}

#endif /* FERRY_TAP_H */
