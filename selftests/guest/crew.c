// SPDX-License-Identifier: GPL-2.0-only
/*
 * The processes of a travelling guest: starts the 32-bit ones (crew32) and a 64-bit one, and becomes compute.
 *
 *	crew STEPS [MIB]
 *
 * The 64-bit one sleeps, asks every clock for the time by its vDSO and by system call, forks, takes a
 * signal, and checks that clocks never go back, that vector registers keep their contents, and that its
 * thread's data is where it was. It prints "crew: long round N" every sixteen rounds, or what it LOST.
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const clockid_t clocks[] = { CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME, CLOCK_REALTIME };
static __thread uint32_t mine = 0x6665727279 & UINT32_MAX;
static volatile sig_atomic_t signals;

static void on_signal(int number)
{
	(void)number;
	signals++;
}

static int64_t ns(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

/* Sleeps with a pattern in a vector register; the sleep is made here, so that nothing else uses it. */
static int keeps_vectors(uint32_t round)
{
	static const struct timespec pause = { 0, 20000000 };
	uint32_t seen[8], wanted[8];
	int avx = __builtin_cpu_supports("avx");
	long ret;

	for (int i = 0; i < 8; i++)
		wanted[i] = round * 8 + (uint32_t)i;
	if (avx)
		asm volatile("vmovdqu %2, %%ymm15\n\tsyscall\n\tvmovdqu %%ymm15, %1"
			     : "=a"(ret), "=m"(seen)
			     : "m"(wanted), "0"((long)SYS_nanosleep), "D"(&pause), "S"(NULL)
			     : "rcx", "r11", "memory", "xmm15");
	else
		asm volatile("movdqu %2, %%xmm15\n\tsyscall\n\tmovdqu %%xmm15, %1"
			     : "=a"(ret), "=m"(seen)
			     : "m"(wanted), "0"((long)SYS_nanosleep), "D"(&pause), "S"(NULL)
			     : "rcx", "r11", "memory", "xmm15");
	return !ret && !memcmp(seen, wanted, avx ? 32 : 16);
}

static const char *clocks_are_wrong(int64_t *last)
{
	for (unsigned int i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
		struct timespec fast, slow;

		clock_gettime(clocks[i], &fast);
		syscall(SYS_clock_gettime, clocks[i], &slow);
		if (ns(&fast) < last[i])
			return "LOST time, a clock went back, round";
		if (ns(&slow) < ns(&fast))
			return "LOST time between vDSO and system call, round";
		last[i] = ns(&slow);
	}
	return NULL;
}

static void live(void)
{
	int64_t last[sizeof(clocks) / sizeof(clocks[0])] = { 0 };
	const char *lost = NULL, *wrong;

	signal(SIGUSR1, on_signal);
	for (uint32_t round = 1;; round++) {
		int before = signals;

		if (!keeps_vectors(round) && !lost)
			lost = "LOST a vector register, round";
		wrong = clocks_are_wrong(last);
		lost = lost ? lost : wrong;
		kill(getpid(), SIGUSR1);
		if (signals != before + 1 && !lost)
			lost = "LOST a signal, round";
		if (round % 16)
			continue;
		pid_t child = fork();
		int status = -1;

		if (!child)
			_exit(mine == (0x6665727279 & UINT32_MAX) ? 42 : 1);
		if ((waitpid(child, &status, 0) != child || status != 42 << 8) && !lost)
			lost = "LOST a child, round";
		printf("crew: long %s %u\n", lost ? lost : "round", round);
		fflush(stdout);
	}
}

int main(int argc, char **argv)
{
	static const char *const kinds[] = { "int80", "vdso" };

	for (unsigned int i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!fork()) {
			execl("/bin/crew32", "crew32", kinds[i], NULL);
			printf("crew: %s LOST: it cannot be run\n", kinds[i]);
			return 1;
		}
	if (!fork())
		live();
	execv("/bin/compute", argv);
	printf("crew: compute cannot be run\n");
	return argc < 0;
}
