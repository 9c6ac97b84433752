// SPDX-License-Identifier: GPL-2.0-only
/*
 * The processes of a travelling guest: starts the 32-bit ones (crew32), one for each way into the kernel that
 * its CPU has, and a 64-bit one; says which; and becomes compute.
 *
 *	crew STEPS [MIB]
 *
 * The 64-bit one sleeps, asks every clock for the time by its vDSO and by system call, forks, takes a
 * signal, and checks that clocks never go back, that vector registers keep their contents, and that its
 * thread's data is where it was. It prints "crew: long round N" every sixteen rounds, or what it LOST.
 */
#include <cpuid.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/klog.h>
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

/*
 * What a 32-bit process may do in long mode on the CPU that it sees: SYSENTER is not AMD's, SYSCALL not Intel's
 * (APM 3, SYSENTER; SDM 2, SYSCALL). A CPU of neither has both.
 */
static int has_way(const char *way)
{
	unsigned int a, vendor, c, d;

	__cpuid(0, a, vendor, c, d);
	return !(vendor == signature_AMD_ebx && !strcmp(way, "sysenter")) &&
	       !(vendor == signature_INTEL_ebx && !strcmp(way, "syscall"));
}

/* What the kernel said of a 32-bit process's end. */
static void print_kernels_words(void)
{
	static char log[1 << 18];
	int length = klogctl(3 /* read all */, log, sizeof(log) - 1);

	for (char *line = strtok(log, "\n"); length > 0 && line; line = strtok(NULL, "\n"))
		if (strstr(line, "crew32["))
			printf("crew: %s\n", line);
}

/* Runs a 32-bit process and tells if it ends, which it should not. */
static void watch(const char *way)
{
	pid_t child = fork();
	int status;

	if (!child) {
		execl("/bin/crew32", "crew32", way, NULL);
		_exit(127);
	}
	waitpid(child, &status, 0);
	print_kernels_words();
	printf("crew: %s LOST: it has ended, status %#x\n", way, (unsigned int)status);
	fflush(stdout);
	_exit(1);
}

int main(int argc, char **argv)
{
	static const char *const ways[] = { "int80", "vdso", "sysenter", "syscall" };

	printf("crew: long");
	for (unsigned int i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		printf("%s%s", has_way(ways[i]) ? " " : "", has_way(ways[i]) ? ways[i] : "");
	printf("\n");
	fflush(stdout);
	for (unsigned int i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (has_way(ways[i]) && !fork())
			watch(ways[i]);
	if (!fork())
		live();
	execv("/bin/compute", argv);
	printf("crew: compute cannot be run\n");
	return argc < 0;
}
