// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest that was born on a host of another rate: where the CPU scales TSCs, its own goes on at the
 * guest's rate, from where it was; kvmclock is right either way.
 *
 *	clock [blind]	blind: an emulator that shows SVM's TSC scaling, takes writes to TSC_RATIO and does
 *			nothing. The guest runs, and is not asked: the module says what its TSC is.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "../lib/tiny.h"
#include "../unit/tap.h"
#include "lib/dev/pvclock.h"

#define PAGE TINY_DATA
#define WAIT_NS 40000000

TINY_SNIPPET(enable, 64,
	     "mov $0x4b564d01, %ecx; mov $0x100001, %eax; xor %edx, %edx; wrmsr\n"
	     "1: rdtsc; mov %eax, 0x101000; mov %edx, 0x101004; out %eax, $0xf1; jmp 1b");

static struct tiny t;
static bool blind;
static struct ferry_info info = { .size = sizeof(info) };

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static uint64_t rdtsc(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return lo | (uint64_t)hi << 32;
}

/* The guest's TSC, as the guest reads it. */
static uint64_t guest_tsc(void)
{
	struct ferry_state_clock c;

	if (tiny_run(&t) != FERRY_EXIT_IO)
		bail_out("the guest does not answer");
	if (blind) {
		if (tiny_get(&t, FERRY_STATE_CLOCK, &c, sizeof(c)))
			bail_out("reading the vCPU's clock");
		return c.tsc;
	}
	return *(volatile uint64_t *)(t.mem + 0x101000);
}

/* kvmclock at a TSC, as a guest computes it. */
static uint64_t guest_ns(uint64_t tsc)
{
	const struct pvclock_page *p = (void *)(t.mem + PAGE);
	struct pvclock_scale scale = { .mul = p->mul, .shift = p->shift };

	return p->system_time + pvclock_ticks_to_ns(scale, tsc - p->tsc_timestamp);
}

static void set_rate(uint32_t khz)
{
	struct ferry_state_vmclock vc;
	struct ferry_state args = { .size = sizeof(args), .group = FERRY_STATE_VMCLOCK,
				    .length = sizeof(vc), .addr = (uintptr_t)&vc };

	if (ioctl(t.vm, FERRY_GET_STATE, &args))
		bail_out("reading the VM's clock");
	vc.tsc_khz = khz;
	if (ioctl(t.vm, FERRY_SET_STATE, &args))
		bail_out("setting the VM's clock");
}

/* Within 1 in 20: other processes run on this host as well. */
static bool close_to(uint64_t got, uint64_t want)
{
	uint64_t apart = got > want ? got - want : want - got;

	if (apart <= want / 20)
		return true;
	diag("%llu instead of %llu", (unsigned long long)got, (unsigned long long)want);
	return false;
}

/* Both TSCs at one moment; once more if something else ran in between. */
static void both(uint64_t *host, uint64_t *guest)
{
	uint64_t after;
	int tries = 50;

	do {
		*host = rdtsc();
		*guest = guest_tsc();
		after = rdtsc();
	} while ((after - *host) * 1000000 / info.tsc_khz > WAIT_NS / 40 && --tries);
}

/* One stretch of time, by three clocks. @num/@den: the guest's rate to the host's. */
static void measure(uint64_t num, uint64_t den, const char *what)
{
	uint64_t host0, guest0, host1, guest1, ns0 = now_ns();

	both(&host0, &guest0);
	while (now_ns() - ns0 < WAIT_NS)
		;
	both(&host1, &guest1);
	ok(close_to(guest1 - guest0, (host1 - host0) * num / den), "%s: the TSC's rate", what);
	/* By the rate the kernel believes in: a busy emulator's can be far from what it measures. */
	ok(close_to(guest_ns(guest1) - guest_ns(guest0), (host1 - host0) * 1000000 / info.tsc_khz),
	   "%s: kvmclock's", what);
}

int main(int argc, char **argv)
{
	struct ferry_state_clock c;
	uint64_t before, after, num;
	bool scales;

	blind = argc > 1 && !strcmp(argv[1], "blind");
	tiny_open(&t, 4 << 20);
	if (ioctl(t.dev, FERRY_GET_INFO, &info))
		bail_out("FERRY_GET_INFO");
	scales = info.caps & FERRY_CAP_TSC_SCALE;
	ok(scales || !blind, "the module uses what the emulator shows");
	diag("%u kHz, the CPU %s TSCs", info.tsc_khz, scales ? "scales" : "does not scale");
	TINY_LOAD(&t, TINY_64, enable);
	guest_tsc();
	measure(1, 1, "born here");

	for (num = 1; num <= 6; num += 5) {
		before = guest_tsc();
		set_rate(info.tsc_khz * num / 2);
		if (tiny_get(&t, FERRY_STATE_CLOCK, &c, sizeof(c)))
			bail_out("reading the vCPU's clock");
		after = guest_tsc();
		ok(c.tsc > before && after > c.tsc && after - before < 1000 * (uint64_t)info.tsc_khz,
		   "another rate: the TSC goes on from where it was");
		if (scales)
			measure(num, 2, num == 1 ? "half the rate" : "three times the rate");
		else
			measure(1, 1, "no scaling");
	}
	set_rate(info.tsc_khz);
	measure(1, 1, "back to the host's rate");
	tiny_close(&t);
	return done();
}
