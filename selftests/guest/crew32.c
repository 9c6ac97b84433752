// SPDX-License-Identifier: GPL-2.0-only
/*
 * A 32-bit process in a travelling guest, without a libc (the build machine need not have a 32-bit one):
 *
 *	crew32 KIND [ROUNDS]	int80, sysenter, syscall, or vdso: how it enters its kernel
 *
 * SYSENTER and SYSCALL are executed here and not in the vDSO, but Linux returns from both to the vDSO's
 * landing pad (entry_64_compat.S, "SYSENTER loses" and do_fast_syscall_32()): it restores EBP, EDX and ECX
 * from the stack as __kernel_vsyscall has put them there, and returns. So does what calls here.
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
#define NR_MMAP 90
#define NR_NANOSLEEP 162
#define NR_RT_SIGACTION 174 /* ESI: the size of its mask */
#define NR_SET_THREAD_AREA 243
#define NR_CLOCK_GETTIME 265
#define CLOCK_MONOTONIC 1
#define SIGBUS 7
#define AT_NULL 0
#define AT_SYSINFO 32


static long int80(long nr, long a, long b, long c)
{
	long ret;

	asm volatile("int $0x80" : "=a"(ret) : "a"(nr), "b"(a), "c"(b), "d"(c), "S"(8) : "memory");
	return ret;
}

/*
 * Linux comes back from SYSENTER and SYSCALL by SYSRET with 32-bit operands, with SS null if it switched
 * to this process from one that an interrupt had stopped. Intel's SYSRET loads SS (SDM 2, SYSRET: "SS.Limit
 * <- FFFFFH; ... SS.B <- 1; SS.G <- 1"). Bochs's leaves limit and B as they were, on its Intel models too, so
 * that a program there, without any hypervisor as well, finds itself on a stack of 16 bits and dies; where the
 * kernel sees AMD's vendor it takes care. So these calls are made from a stack whose addresses have 16 bits,
 * and SS is loaded afterwards. In between Bochs does not look at the limit, zero, until an exit of a hypervisor
 * has saved and loaded it again, of which memory that was just moved has many: then the stack faults, and it
 * is enough to return from the signal, which loads SS. That is said, and only Bochs may be where it is said.
 */
#define LOW_STACK 0xe000

uint32_t crew_esp, crew_ss, crew_vdso; /* crew_vdso: AT_SYSINFO, __kernel_vsyscall, or 0 */

#define FROM_LOW_STACK(name, target, enter)                                                        \
	long name(long nr, long a, long b, long c);                                                \
	asm(#name ": push %ebx; push %ebp\n"                                                       \
	    "mov 12(%esp), %eax; mov 16(%esp), %ebx; mov 20(%esp), %ecx; mov 24(%esp), %edx\n"     \
	    "mov %esp, crew_esp; mov $0xfff0, %esp; call " target "\n"                             \
	    "mov crew_ss, %ecx; mov %cx, %ss; mov crew_esp, %esp\n"                                \
	    "pop %ebp; pop %ebx; ret\n" enter)
#define AS_VDSO(enter) "1: push %ecx; push %edx; push %ebp; " enter "; ud2\n"
FROM_LOW_STACK(crew_sysenter, "1f", AS_VDSO("mov %esp, %ebp; sysenter"));
FROM_LOW_STACK(crew_syscall, "1f", AS_VDSO("mov %ecx, %ebp; syscall"));
FROM_LOW_STACK(crew_vsyscall, "*crew_vdso", "");

static const struct way {
	const char *name;
	long (*call)(long nr, long a, long b, long c);
} ways[] = {
	{ "int80", int80 }, { "sysenter", crew_sysenter }, { "syscall", crew_syscall }, { "vdso", crew_vsyscall },
};
#define NR_WAYS (sizeof(ways) / sizeof(ways[0]))
static const struct way *way = ways;

static long call(long nr, long a, long b, long c)
{
	return way->call(nr, a, b, c);
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

static uint32_t parse(const char *text)
{
	uint32_t n = 0;

	while (*text)
		n = n * 10 + (uint32_t)(*text++ - '0');
	return n;
}

static int same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

static void say_by(const struct way *how, const char *kind, const char *what, uint32_t n)
{
	char line[96], *at = put(line, "crew: ");

	at = put(at, kind);
	*at++ = ' ';
	at = put(at, what);
	*at++ = ' ';
	at = number(at, n);
	*at++ = '\n';
	how->call(NR_WRITE, 1, (long)line, at - line);
}

static void say(const char *kind, const char *what, uint32_t n)
{
	say_by(way, kind, what, n);
}

struct context { /* the kernel's struct sigcontext_32 begins like this */
	uint32_t segments[4], registers[8], trap, error, ip;
};

/* In the vDSO's landing pad, and nowhere else. */
static void on_stack_fault(int signal, struct context at)
{
	int known = signal == SIGBUS && at.trap == 12 && at.ip >> 12 == crew_vdso >> 12;

	say_by(ways, way->name, known ? "SS repaired at" : "LOST its stack at", at.ip);
	if (!known)
		int80(NR_EXIT, 1, 0, 0);
}

static int set_up_low_stack(void)
{
	static const struct {
		uint32_t address, length, protection, flags;
		int32_t fd;
		uint32_t offset;
	} low = { LOW_STACK, 8192, 3 /* read, write */, 0x32 /* private, fixed, anonymous */, -1, 0 };

	static const struct {
		void (*handler)(int, struct context);
		uint32_t flags, restorer, mask[2];
	} action = { .handler = on_stack_fault };

	asm("mov %%ss, %0" : "=r"(crew_ss));
	return int80(NR_MMAP, (long)&low, 0, 0) == LOW_STACK &&
	       !int80(NR_RT_SIGACTION, SIGBUS, (long)&action, 0) ? 0 : -1;
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
	uint32_t rounds = stack[0] > 2 ? parse((const char *)stack[3]) : 0;
	struct { int32_t s, ns; } now = { 0, 0 }, last = { 0, 0 };
	uint32_t *aux = stack + stack[0] + 2;
	long pid;

	while (*aux++)
		;
	for (; aux[0] != AT_NULL; aux += 2)
		if (aux[0] == AT_SYSINFO)
			crew_vdso = aux[1];
	for (way = ways; way < ways + NR_WAYS - 1 && !same(way->name, kind); way++)
		;
	if (way != ways && (!crew_vdso || set_up_low_stack())) {
		way = ways;
		say(kind, "has no vDSO or no low stack, LOST", 0);
		int80(NR_EXIT, 1, 0, 0);
	}
	pid = call(NR_GETPID, 0, 0, 0);
	if (set_thread_data())
		lost = "LOST its thread data at the start, round";
	for (uint32_t round = 1; !rounds || round <= rounds; round++) {
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
	call(NR_EXIT, !!lost, 0, 0);
}

asm(".globl _start\n_start: mov %esp, %eax; and $-16, %esp; sub $12, %esp; push %eax; call start\n");
