// SPDX-License-Identifier: GPL-2.0-only
/*
 * A 32-bit process in a travelling guest, without a libc (the build machine need not have a 32-bit one):
 *
 *	crew32 KIND		int80, or vdso: how it enters its kernel
 *
 * Each round fills a page with values made from the round, asks for the time and for its process id in
 * its own way, checks that the one has not gone back, that the other is the same, and that the page, the
 * vector registers and the segment that holds its thread's data kept their contents over a sleep. Every
 * sixteen rounds it prints "crew: KIND round N"; once something was wrong, "crew: KIND LOST what" instead.
 */
#include <stdint.h>

#define NR_EXIT 1
#define NR_WRITE 4
#define NR_GETPID 20
#define NR_NANOSLEEP 162
#define NR_SET_THREAD_AREA 243
#define NR_CLOCK_GETTIME 265
#define CLOCK_MONOTONIC 1
#define AT_NULL 0
#define AT_SYSINFO 32

static uint32_t vdso_entry; /* AT_SYSINFO: __kernel_vsyscall, or 0 */
static int by_vdso;

static long int80(long nr, long a, long b, long c)
{
	long ret;

	asm volatile("int $0x80" : "=a"(ret) : "a"(nr), "b"(a), "c"(b), "d"(c) : "memory");
	return ret;
}

static long vsyscall(long nr, long a, long b, long c)
{
	long ret;

	asm volatile("call *%5" : "=a"(ret) : "a"(nr), "b"(a), "c"(b), "d"(c), "m"(vdso_entry) : "memory");
	return ret;
}

static long call(long nr, long a, long b, long c)
{
	return by_vdso ? vsyscall(nr, a, b, c) : int80(nr, a, b, c);
}

static char *put(char *at, const char *text)
{
	while (*text)
		*at++ = *text++;
	return at;
}

static char *number(char *at, uint32_t n)
{
	char digits[10];
	int i = 0;

	do
		digits[i++] = (char)('0' + n % 10);
	while (n /= 10);
	while (i)
		*at++ = digits[--i];
	return at;
}

static void say(const char *kind, const char *what, uint32_t n)
{
	char line[96], *at = put(line, "crew: ");

	at = put(at, kind);
	*at++ = ' ';
	at = put(at, what);
	*at++ = ' ';
	at = number(at, n);
	*at++ = '\n';
	call(NR_WRITE, 1, (long)line, at - line);
}

/* glibc keeps a thread's data behind GS, through a descriptor that the kernel holds. */
static uint32_t thread_data = 0x66657272;

static int set_thread_data(void)
{
	struct {
		uint32_t entry, base, limit, flags;
	} d = { ~0u, (uint32_t)&thread_data, 0xfffff, 0x51 /* 32 bits, limit in pages, usable */ };

	if (int80(NR_SET_THREAD_AREA, (long)&d, 0, 0))
		return -1;
	asm volatile("mov %w0, %%gs" : : "r"(d.entry * 8 + 3));
	return 0;
}

static uint32_t page[1024];

static __attribute__((used)) void start(uint32_t *stack)
{
	static const struct { int32_t s, ns; } pause = { 0, 20000000 };
	const char *kind = stack[0] > 1 ? (const char *)stack[2] : "int80", *lost = 0;
	struct { int32_t s, ns; } now = { 0, 0 }, last = { 0, 0 };
	uint32_t *aux = stack + stack[0] + 2;
	long pid;

	while (*aux++)
		;
	for (; aux[0] != AT_NULL; aux += 2)
		if (aux[0] == AT_SYSINFO)
			vdso_entry = aux[1];
	by_vdso = kind[0] == 'v';
	if (by_vdso && !vdso_entry) {
		by_vdso = 0;
		say(kind, "has no vDSO, LOST", 0);
		int80(NR_EXIT, 1, 0, 0);
	}
	pid = call(NR_GETPID, 0, 0, 0);
	if (set_thread_data())
		lost = "LOST its thread data at the start, round";
	for (uint32_t round = 1;; round++) {
		uint32_t seen[4], behind_gs;

		for (uint32_t i = 0; i < 1024; i++)
			page[i] = (i + round) * 0x9e3779b9u;
		asm volatile("movd %0, %%xmm5; pshufd $0, %%xmm5, %%xmm5" : : "r"(round) : "xmm5");
		if (call(NR_NANOSLEEP, (long)&pause, 0, 0) && !lost)
			lost = "LOST its sleep, round";
		asm volatile("movdqu %%xmm5, %0" : "=m"(seen));
		for (uint32_t i = 0; i < 4; i++)
			if (seen[i] != round && !lost)
				lost = "LOST a vector register, round";
		asm volatile("movl %%gs:0, %0" : "=r"(behind_gs));
		if (behind_gs != thread_data && !lost)
			lost = "LOST its thread data, round";
		for (uint32_t i = 0; i < 1024; i++)
			if (page[i] != (i + round) * 0x9e3779b9u && !lost)
				lost = "LOST memory, round";
		if (call(NR_CLOCK_GETTIME, CLOCK_MONOTONIC, (long)&now, 0) && !lost)
			lost = "LOST the time, round";
		if ((now.s < last.s || (now.s == last.s && now.ns < last.ns)) && !lost)
			lost = "LOST time, it went back, round";
		last = now;
		if (call(NR_GETPID, 0, 0, 0) != pid && !lost)
			lost = "LOST its process id, round";
		if (round % 16 == 0)
			say(kind, lost ? lost : "round", round);
	}
}

asm(".globl _start\n_start: mov %esp, %eax; and $-16, %esp; sub $12, %esp; push %eax; call start\n");
