// SPDX-License-Identifier: GPL-2.0-only
/*
 * Decoding and executing: a compiled program under the instruction emulator, with nothing cached
 * between instructions. The program is a part of this one: it runs natively, then emulated on the same
 * memory, and the results must agree.
 *
 * Prints million instructions a second of this machine's CPU time; `insn ticks` prints ticks for each
 * instruction instead, for a host in which a tick is an instruction.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/insn/insn.h"

#define WORDS 2048
#define STACK 65536
/* No vector registers, and no loop made a call of memset(), which has them. */
#define INTEGER_ONLY                                                                             \
	__attribute__((noinline, noipa, target("general-regs-only"),                             \
		       optimize("no-tree-loop-distribute-patterns")))

static uint32_t words[WORDS];
static uint8_t sieve[8192];
static uint8_t stack[STACK] __attribute__((aligned(16)));

static INTEGER_ONLY void sort(uint32_t *v, long n)
{
	long gap, i, j;

	for (gap = n / 2; gap; gap /= 2)
		for (i = gap; i < n; i++) {
			uint32_t x = v[i];

			for (j = i; j >= gap && v[j - gap] > x; j -= gap)
				v[j] = v[j - gap];
			v[j] = x;
		}
}

static INTEGER_ONLY uint32_t crc32(const uint8_t *p, long n)
{
	uint32_t crc = ~0U;
	int bit;

	while (n--) {
		crc ^= *p++;
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (0xedb88320 & -(crc & 1));
	}
	return ~crc;
}

static INTEGER_ONLY uint32_t primes(uint8_t *s, long n)
{
	uint32_t found = 0;
	long i, j;

	for (i = 0; i < n; i++)
		s[i] = 1;
	for (i = 2; i < n; i++) {
		if (!s[i])
			continue;
		found++;
		for (j = i * i; j < n; j += i)
			s[j] = 0;
	}
	return found;
}

/* What is run: loops, calls, byte and word memory, multiplication and division. */
static INTEGER_ONLY uint64_t program(uint64_t rounds)
{
	uint64_t sum = 0, x = 88172645463325252ULL;
	long i;

	while (rounds--) {
		for (i = 0; i < WORDS; i++) {
			x = x * 6364136223846793005ULL + 1442695040888963407ULL;
			words[i] = x >> 33;
		}
		sort(words, WORDS);
		sum = sum * 31 + crc32((uint8_t *)words, sizeof(words));
		sum += primes(sieve, sizeof(sieve));
		sum ^= x / (words[WORDS / 2] + 1);
	}
	return sum;
}

static int fetch(struct insn_cpu *cpu, u64 linear, u8 *buf, unsigned int *n)
{
	memcpy(buf, (void *)linear, 15);
	*n = 15;
	return INSN_DONE;
}

/* Sizes that are known let the compiler do without a call. */
static int read_mem(struct insn_cpu *cpu, u64 linear, void *data, unsigned int bytes, u32 acc)
{
	switch (bytes) {
	case 1:
		*(u8 *)data = *(u8 *)linear;
		break;
	case 4:
		memcpy(data, (void *)linear, 4);
		break;
	case 8:
		memcpy(data, (void *)linear, 8);
		break;
	default:
		memcpy(data, (void *)linear, bytes);
	}
	return INSN_DONE;
}

static int write_mem(struct insn_cpu *cpu, u64 linear, const void *data, unsigned int bytes, u32 acc)
{
	switch (bytes) {
	case 1:
		*(u8 *)linear = *(u8 *)data;
		break;
	case 4:
		memcpy((void *)linear, data, 4);
		break;
	case 8:
		memcpy((void *)linear, data, 8);
		break;
	default:
		memcpy((void *)linear, data, bytes);
	}
	return INSN_DONE;
}

static const struct insn_ops ops = { .fetch = fetch, .read = read_mem, .write = write_mem };

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Runs program(rounds) to its return; how many instructions that were, 0 if it did not get there. */
static u64 emulate(u64 rounds, u64 *result)
{
	static struct insn_cpu cpu;
	u64 end = 0xdead000, *top = (u64 *)(stack + STACK) - 1, n;
	int i;

	memset(&cpu, 0, sizeof(cpu));
	cpu.ops = &ops;
	cpu.max_rep = 1000;
	cpu.cpl = 3;
	cpu.cr0 = 0x80050033;
	cpu.cr4 = 0x20;
	cpu.efer = 0xd01;
	cpu.rflags = 0x202;
	cpu.features[0] = cpu.features[1] = ~0ULL;
	for (i = 0; i < INSN_SEG_END; i++)
		cpu.seg[i] = (struct insn_segment){ .limit = ~0U, .selector = 0x2b, .attr = 0xcf3 };
	cpu.seg[INSN_CS].attr = 0xafb;
	cpu.seg_valid = (1 << INSN_SEG_END) - 1;
	*top = end;
	cpu.gpr[INSN_RSP] = (u64)top;
	cpu.gpr[INSN_RDI] = rounds;
	cpu.rip = (u64)program;
	for (n = 0; cpu.rip != end; n++) {
		int ret = insn_step(&cpu);

		if (ret != INSN_DONE) {
			printf("# result %d after %llu instructions, at program%+lld\n", ret,
			       (unsigned long long)n, (long long)(cpu.rip - (u64)program));
			return 0;
		}
	}
	*result = cpu.gpr[INSN_RAX];
	return n;
}

int main(int argc, char **argv)
{
	int in_ticks = argc > 1 && !strcmp(argv[1], "ticks");
	u64 rounds = in_ticks ? 2 : 40, native = program(rounds), got = 0, n, ticks;
	double best = 0, seconds;
	int i;

	/* Time shared with others only makes it slower: the best of a few is nearest the truth. */
	for (i = 0; i < (in_ticks ? 1 : 5); i++) {
		seconds = now();
		ticks = __builtin_ia32_rdtsc();
		n = emulate(rounds, &got);
		ticks = __builtin_ia32_rdtsc() - ticks;
		seconds = now() - seconds;
		if (n && (double)n / seconds / 1e6 > best)
			best = (double)n / seconds / 1e6;
	}
	if (n && in_ticks)
		printf("row emulate-instruction ticks %.1f\n", (double)ticks / (double)n);
	else if (n)
		printf("row emulate-rate MIPS %.1f\n", best);
	printf("%sok 1 - %llu instructions, emulated and native give the same\n1..1\n",
	       n && got == native ? "" : "not ", (unsigned long long)n);
	return !(n && got == native);
}
