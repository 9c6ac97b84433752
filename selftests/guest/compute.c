// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest's work in the demo and in simple moves: computes, prints, and notices if anything of it was
 * lost on the way.
 *
 *	compute STEPS [MIB]
 *
 * Each step counts primes, rewrites its share of MIB of memory with values made from address and step,
 * checks that share's values from its last turn, and prints one line with guest time. The last line is
 * "compute: done, N steps, nothing lost" or says what was.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define SHARES 16

static double now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t value(size_t i, unsigned int step)
{
	uint64_t x = (i + 1) * 0x9e3779b97f4a7c15ULL ^ (uint64_t)step << 40;

	return x ^ x >> 29;
}

static unsigned int primes(unsigned int from, unsigned int to)
{
	unsigned int found = 0;

	for (unsigned int n = from; n < to; n++) {
		unsigned int d = 2;

		while (d * d <= n && n % d)
			d++;
		found += n > 1 && d * d > n;
	}
	return found;
}

int main(int argc, char **argv)
{
	unsigned int steps = argc > 1 ? (unsigned int)atoi(argv[1]) : 100;
	size_t words = (argc > 2 ? (size_t)atoi(argv[2]) : 32) << 17;
	uint64_t *memory = malloc(words * sizeof(*memory));
	double last = now(CLOCK_MONOTONIC);
	unsigned int lost = 0, found = 0;

	if (!memory || !steps) {
		printf("compute: no memory, or no steps\n");
		return 1;
	}
	for (size_t i = 0; i < words; i++)
		memory[i] = value(i, 0);
	for (unsigned int step = 1; step <= steps; step++) {
		size_t share = step % SHARES, first = words / SHARES * share;
		unsigned int before = step > SHARES ? step - SHARES : 0;
		double t;

		for (size_t i = first; i < first + words / SHARES; i++) {
			lost += memory[i] != value(i, before);
			memory[i] = value(i, step);
		}
		found += primes((step - 1) * 500, step * 500);
		t = now(CLOCK_MONOTONIC);
		if (t < last) {
			printf("compute: time went back by %.6f s\n", last - t);
			lost++;
		}
		printf("compute: step %u, %u primes below %u, up %.2f s%s\n", step, found, step * 500, t,
		       lost ? ", MEMORY LOST" : "");
		fflush(stdout);
		last = t;
		usleep(100000);
	}
	if (lost)
		printf("compute: done, %u steps, %u things lost\n", steps, lost);
	else
		printf("compute: done, %u steps, nothing lost\n", steps);
	return lost != 0;
}
