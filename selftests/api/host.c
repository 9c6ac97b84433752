// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is the host's stays the host's: state of the thread and the CPU that other threads of the
 * process change while a guest runs here, and the thread's own limits.
 */
#include <asm/ldt.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "../lib/tiny.h"
#include "../unit/tap.h"

#define ROUNDS 20
#define USER_DS 0x2b
#define LDT_SELECTOR 7 /* entry 0 of the LDT, RPL 3 */

TINY_SNIPPET(spin, 64, TINY_LOOPS "1: jmp 1b");

/* The CPUs that we may use, which need not begin with 0. */
static cpu_set_t ours;

/* Goes to the nth of them, or to the last if there are fewer: its number. */
static int on_cpu(unsigned int nth)
{
	unsigned int seen = 0;
	cpu_set_t set;
	int cpu, last = 0;

	for (cpu = 0; cpu < CPU_SETSIZE && seen <= nth; cpu++) {
		if (!CPU_ISSET(cpu, &ours))
			continue;
		last = cpu;
		seen++;
	}
	CPU_ZERO(&set);
	CPU_SET(last, &set);
	sched_setaffinity(0, sizeof(set), &set);
	return last;
}

/* A new table each time; the kernel frees the old one. */
static int set_limit(unsigned int limit)
{
	struct user_desc d = { .limit = limit, .seg_32bit = 1, .useable = 1 };

	return syscall(SYS_modify_ldt, 0x11, &d, sizeof(d));
}

/* 0: the CPU finds no such segment. */
static unsigned int limit_now(void)
{
	unsigned int limit = 0;

	__asm__ volatile("lsl %1, %0" : "+r"(limit) : "r"(LDT_SELECTOR) : "cc");
	return limit;
}

static void on_prof(int sig)
{
	(void)sig;
}

/* Timers and limits of CPU time hold for a thread whose guest needs nobody, too. */
static void test_cpu_time(struct tiny *t)
{
	struct itimerval soon = { .it_value = { 0, 300000 } };
	struct sigaction action = { .sa_handler = on_prof };
	struct timespec from, to;

	sigaction(SIGPROF, &action, NULL);
	TINY_LOAD(t, TINY_64, spin);
	setitimer(ITIMER_PROF, &soon, NULL);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	tiny_run_ms(t, 8000);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	if (!ok(to.tv_sec - from.tv_sec < 3, "a timer of CPU time ends FERRY_RUN"))
		diag("it ran for %ld s of CPU time", (long)(to.tv_sec - from.tv_sec));
}

static atomic_bool changed;

static void *changer(void *arg)
{
	on_cpu(0);
	usleep(30000);
	set_limit((uintptr_t)arg);
	changed = true;
	return NULL;
}

/* The interrupt that loads a new LDT comes while the guest runs on this CPU. */
static void test_ldt(void)
{
	unsigned int i, limit, seen = 0, stale = 0;
	struct tiny t;
	pthread_t thread;

	if (set_limit(0x1000)) {
		skip("a kernel without modify_ldt()", "an LDT that changes meanwhile");
		return;
	}
	tiny_open(&t, 2 << 20);
	TINY_LOAD(&t, TINY_64, spin);
	tiny_run_ms(&t, 20);
	ok_eq(limit_now(), 0x1000, "a thread's LDT is there after a run");
	tiny_close(&t);
	if (CPU_COUNT(&ours) < 2) {
		skip("one CPU", "an LDT that changes meanwhile");
		return;
	}
	tiny_open(&t, 2 << 20);
	TINY_LOAD(&t, TINY_64, spin);
	on_cpu(1);
	for (i = 0; i < ROUNDS; i++) {
		limit = 0x1000 + i;
		set_limit(0x2000 + i);
		changed = false;
		pthread_create(&thread, NULL, changer, (void *)(uintptr_t)limit);
		tiny_run_ms(&t, 100);
		if (changed) { /* in time */
			seen++;
			stale += limit_now() != limit;
		}
		pthread_join(thread, NULL);
	}
	ok(seen > ROUNDS / 4, "another thread changes the LDT while the guest runs: %u times", seen);
	ok_eq(stale, 0, "... and none was the old one afterwards");
	tiny_close(&t);
}

/* Has the kernel interrupt all CPUs by NMIs, to print what they do: not on the console. */
static void *nmi_sender(void *arg)
{
	int fd = open("/proc/sysrq-trigger", O_WRONLY);
	unsigned int i;

	on_cpu(0);
	for (i = 0; i < 5; i++) {
		usleep(20000);
		if (write(fd, "l", 1) != 1)
			break;
	}
	close(fd);
	return NULL;
}

/* What the kernel has printed by order is no complaint: gone from its log, if there was none besides. */
static bool log_was_clean(void)
{
	static char log[1 << 20];

	klogctl(3, log, sizeof(log) - 1);
	if (strstr(log, "WARNING:") || strstr(log, "BUG:") || strstr(log, "Oops"))
		return false;
	klogctl(5, NULL, 0);
	return true;
}

/* NMIs come while the guest runs, which goes on at once. A data segment in GS is in nobody's way. */
static void test_nmi(void)
{
	unsigned int selector = 0, i;
	struct tiny t;
	pthread_t thread;
	uint64_t nmis;

	if (CPU_COUNT(&ours) < 2) {
		skip("one CPU", "NMIs while the guest runs");
		return;
	}
	klogctl(8, NULL, 1);
	tiny_open(&t, 2 << 20);
	TINY_LOAD(&t, TINY_64, spin);
	on_cpu(1);
	for (i = 0; i < 5; i++) {
		__asm__ volatile("mov %0, %%gs" : : "r"(USER_DS));
		pthread_create(&thread, NULL, nmi_sender, NULL);
		tiny_run_ms(&t, 200);
		pthread_join(thread, NULL);
		__asm__ volatile("mov %%gs, %0" : "=r"(selector));
		if (selector != USER_DS)
			break;
	}
	nmis = tiny_exits(&t, "nmi");
	ok(nmis > 0, "%llu NMIs of the host's came while the guest ran", (unsigned long long)nmis);
	ok_eq(selector, USER_DS, "the thread's segment registers have outlived them");
	ok(log_was_clean(), "the kernel has not complained");
	__asm__ volatile("mov %0, %%gs" : : "r"(0));
	tiny_close(&t);
}

/* SYSCALL's MSRs and TSC_AUX, which KVM's interrupt handler takes for the host's where it finds them. */
static const uint32_t user_msrs[] = { 0xc0000081, 0xc0000082, 0xc0000084, 0xc0000103 };
#define NR_USER_MSRS (sizeof(user_msrs) / sizeof(user_msrs[0]))
TINY_SNIPPET(msrs_and_spin, 64,
	     "mov $0xc0000081, %ecx; mov $0x12345678, %eax; mov $0x00230010, %edx; wrmsr\n"
	     "mov $0xc0000082, %ecx; mov $0x12345678, %eax; mov $0xffffffff, %edx; wrmsr\n"
	     "mov $0xc0000084, %ecx; mov $0x00000301, %eax; xor %edx, %edx; wrmsr\n"
	     "mov $0xc0000103, %ecx; mov $0x00005a5a, %eax; xor %edx, %edx; wrmsr\n"
	     "out %al, $0xf1\n" TINY_LOOPS "1: jmp 1b");

static int msr_file;
static atomic_bool stop_reading;
static unsigned int msr_reads, msr_wrong;
static uint64_t host_msrs[NR_USER_MSRS];

/* Each read is an interrupt on the other CPU. */
static void *msr_reader(void *arg)
{
	uint64_t value;
	unsigned int i;

	on_cpu(0);
	while (!stop_reading) {
		for (i = 0; i < NR_USER_MSRS; i++)
			if (pread(msr_file, &value, 8, user_msrs[i]) == 8) {
				msr_reads++;
				msr_wrong += value != host_msrs[i];
			}
		usleep(200);
	}
	return NULL;
}

static void test_msrs(void)
{
	pthread_t thread;
	struct tiny t;
	unsigned int i;
	char path[40];

	snprintf(path, sizeof(path), "/dev/cpu/%d/msr", on_cpu(1));
	msr_file = system("modprobe msr 2>/dev/null") ? -1 : open(path, O_RDONLY);
	if (CPU_COUNT(&ours) < 2 || msr_file < 0) {
		skip(msr_file < 0 ? "no module msr here" : "one CPU", "interrupts find the host's MSRs");
		return;
	}
	for (i = 0; i < NR_USER_MSRS; i++)
		if (pread(msr_file, &host_msrs[i], 8, user_msrs[i]) != 8)
			host_msrs[i] = 0;
	tiny_open(&t, 2 << 20);
	TINY_LOAD(&t, TINY_64, msrs_and_spin);
	ok(tiny_run(&t) == FERRY_EXIT_IO, "a guest sets SYSCALL's MSRs and TSC_AUX");
	pthread_create(&thread, NULL, msr_reader, NULL);
	tiny_run_ms(&t, 300);
	stop_reading = true;
	pthread_join(thread, NULL);
	ok(msr_reads > 20, "%u times an interrupt reads them while it runs", msr_reads);
	ok_eq(msr_wrong, 0, "and finds the host's");
	tiny_close(&t);
	close(msr_file);
}

int main(void)
{
	struct tiny t;

	sched_getaffinity(0, sizeof(ours), &ours);
	tiny_open(&t, 2 << 20);
	test_cpu_time(&t);
	tiny_close(&t);
	test_ldt();
	test_nmi();
	test_msrs();
	return done();
}
