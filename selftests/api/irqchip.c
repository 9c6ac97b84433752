// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupt controllers and timers as a guest and as userspace see them in the running module:
 * registers by memory, port and MSR; lines, MSIs, eventfds; IPIs between vCPUs; timers; state.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "../unit/tap.h"
#include "emulator.h"
#include "puppet.h"

#define LAPIC	      0xfee00000
#define IOAPIC	      0xfec00000
#define MSR_APIC_BASE 0x1b
#define MSR_DEADLINE  0x6e0

static struct puppet p;

static struct puppet_box *box(unsigned int cpu)
{
	return p.cpu[cpu].box;
}

static uint32_t lapic(uint32_t reg)
{
	return puppet_read32(&p, 0, LAPIC + reg);
}

static void set_lapic(uint32_t reg, uint32_t val)
{
	puppet_write32(&p, 0, LAPIC + reg, val);
}

static void set_rte(unsigned int pin, uint64_t rte)
{
	puppet_write32(&p, 0, IOAPIC, 0x11 + 2 * pin);
	puppet_write32(&p, 0, IOAPIC + 0x10, rte >> 32);
	puppet_write32(&p, 0, IOAPIC, 0x10 + 2 * pin);
	puppet_write32(&p, 0, IOAPIC + 0x10, rte);
}

static int line(uint32_t gsi, uint32_t level)
{
	struct ferry_irq_line args = { .size = sizeof(args), .gsi = gsi, .level = level };

	return ioctl(p.vm, FERRY_IRQ_LINE, &args) ? -errno : 0;
}

static void pulse(uint32_t gsi)
{
	line(gsi, 1);
	line(gsi, 0);
}

/* Interrupts of a vector since the last call. */
static unsigned int came(unsigned int cpu, uint8_t vector)
{
	static unsigned int before[PUPPET_MAX][256];
	unsigned int now = box(cpu)->count[vector], n = now - before[cpu][vector];

	before[cpu][vector] = now;
	return n;
}

static unsigned int window(uint8_t vector)
{
	puppet_window(&p, 0);
	return came(0, vector);
}

/* A vCPU left halted by a time limit ends its command, and with it the list. */
static void wake_first(void)
{
	struct ferry_msi msi = { .size = sizeof(msi), .address = 0xfee00000, .data = 0x4099 };

	if (ioctl(p.vm, FERRY_MSI, &msi) || puppet_go(&p, 0, 5000))
		bail_out("an MSI does not wake the vCPU");
	came(0, 0x99);
}

static void begin(unsigned int nr)
{
	unsigned int i, v;

	puppet_open(&p, nr);
	for (i = 0; i < nr; i++)
		for (v = 0; v < 256; v++)
			came(i, v);
	set_lapic(0xf0, 0x1ff);
}

static uint64_t ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

/* --- registers -------------------------------------------------------------------------------- */

static void test_registers(void)
{
	uint64_t val;

	ok_eq(lapic(0x30) & 0xff00ff, 0x50014, "LAPIC version, in the register page");
	ok_eq(lapic(0x20), 0, "LAPIC id");
	puppet_write32(&p, 0, IOAPIC, 1);
	ok_eq(puppet_read32(&p, 0, IOAPIC + 0x10), 0x170011, "IOAPIC version");
	puppet_out(&p, 0, 0x21, 0x5a);
	ok_eq(puppet_in(&p, 0, 0x21), 0x5a, "i8259 mask");
	puppet_tell(&p, 0, PUPPET_IN16, 0x20, 0, 0);
	ok_eq(puppet_go(&p, 0, 1000), 0, "a word from two byte-wide ports");
	ok_eq(box(0)->command[0].b, 0x5a00, "has both");
	puppet_out(&p, 0, 0x61, 0x01);
	ok_eq(puppet_in(&p, 0, 0x61) & 3, 1, "port 0x61");
	ok(puppet_rdmsr(&p, 0, MSR_APIC_BASE, &val) && val == 0xfee00900, "APIC_BASE");
	ok(!puppet_rdmsr(&p, 0, 0x802, &val), "x2APIC MSRs are #GP in xAPIC mode");
	ok(!puppet_wrmsr(&p, 0, MSR_APIC_BASE, 0xfee00901), "reserved bits of APIC_BASE are #GP");
	ok(puppet_wrmsr(&p, 0, MSR_APIC_BASE, 0x1fe000900ULL & 0xfffff900),
	   "the page can be moved");
	ok(puppet_rdmsr(&p, 0, MSR_APIC_BASE, &val), "APIC_BASE again");
	puppet_tell(&p, 0, PUPPET_READ32, (val & 0xfffff000) + 0x30, 0, 0);
	ok_eq(puppet_go(&p, 0, 1000), 0, "the page is served at its new place");
	ok_eq(box(0)->command[0].b & 0xff, 0x14, "with its registers");
	puppet_tell(&p, 0, PUPPET_READ32, LAPIC + 0x30, 0, 0);
	ok_eq(puppet_go(&p, 0, 1000), FERRY_EXIT_MMIO, "and no longer at the old one");
	memset(p.cpu[0].run->mmio.data, 0xff, 8);
	ok_eq(puppet_go(&p, 0, 1000), 0, "userspace answers there");
	ok(puppet_wrmsr(&p, 0, MSR_APIC_BASE, 0xfee00900), "back");
}

/* --- local interrupts ------------------------------------------------------------------------- */

static void test_local(void)
{
	uint32_t before;

	set_lapic(0x310, 0);
	set_lapic(0x300, 0x44061);
	ok_eq(came(0, 0x61), 0, "a self IPI waits while interrupts are off");
	ok_eq(lapic(0x230), 2, "in the IRR");
	ok_eq(window(0x61), 1, "and comes when they are on");
	ok_eq(lapic(0x230), 0, "once");
	set_lapic(0x80, 0x60);
	set_lapic(0x300, 0x44061);
	ok_eq(window(0x61), 0, "TPR keeps its class back");
	set_lapic(0x300, 0x44071);
	ok_eq(window(0x71), 1, "not a higher one");
	set_lapic(0x80, 0);
	ok_eq(window(0x61), 1, "lowering TPR lets it come");
	box(0)->eoi = PUPPET_NO_EOI;
	set_lapic(0x300, 0x44061);
	ok_eq(window(0x61), 1, "one in service");
	set_lapic(0x300, 0x44062);
	ok_eq(window(0x62), 0, "holds back its class");
	ok_eq(lapic(0xa0), 0x60, "PPR says so");
	set_lapic(0xb0, 0);
	ok_eq(window(0x62), 1, "until its EOI");
	set_lapic(0xb0, 0);
	box(0)->eoi = PUPPET_XAPIC;
	set_lapic(0x300, 0x44400);
	ok_eq(came(0, 2), 1, "an NMI to self needs no window");

	before = box(0)->logged;
	set_lapic(0x300, 0x44031);
	set_lapic(0x300, 0x44081);
	set_lapic(0x300, 0x44055);
	puppet_window(&p, 0);
	ok(box(0)->logged == before + 3 && box(0)->log[before & 255] == 0x31 + 0x50 &&
		   box(0)->log[(before + 1) & 255] == 0x55 &&
		   box(0)->log[(before + 2) & 255] == 0x31,
	   "three in order of priority");
	came(0, 0x31);
	came(0, 0x55);
	came(0, 0x81);
}

/* --- timers ----------------------------------------------------------------------------------- */

static void test_lapic_timer(void)
{
	uint64_t t0, t1, val;
	uint32_t count;

	set_lapic(0x3e0, 0xb);
	set_lapic(0x320, 0x40);
	set_lapic(0x380, 1000000000);
	count = lapic(0x390);
	ok(count < 1000000000 && count > 1, "the count goes down");
	set_lapic(0x380, 0);
	ok_eq(lapic(0x390), 0, "and stops");

	puppet_tell(&p, 0, PUPPET_WRITE32, LAPIC + 0x380, 20000000, 0);
	puppet_tell(&p, 0, PUPPET_HALT, 0, 0, 0);
	t0 = ns();
	ok_eq(puppet_go(&p, 0, 5000), 0, "one-shot ends a halt");
	t1 = ns() - t0;
	ok(t1 >= 20000000 && t1 < 2000000000, "after 20 ms, not before");
	ok_eq(came(0, 0x40), 1, "by one interrupt");
	puppet_tell(&p, 0, PUPPET_HALT, 0, 0, 0);
	ok_eq(puppet_go(&p, 0, 300), -EINTR, "there is no second");
	wake_first();

	set_lapic(0x320, 0x20041);
	puppet_tell(&p, 0, PUPPET_WRITE32, LAPIC + 0x380, 10000000, 0);
	puppet_tell(&p, 0, PUPPET_AWAIT, 0x41, box(0)->count[0x41] + 10, 0);
	t0 = ns();
	ok_eq(puppet_go(&p, 0, 20000), 0, "periodic: ten interrupts");
	t1 = ns() - t0;
	ok(t1 >= 99000000, "in 100 ms or more");
	set_lapic(0x320, 0x10041);
	came(0, 0x41);

	set_lapic(0x320, 0x20041);
	set_lapic(0x380, 1);
	puppet_tell(&p, 0, PUPPET_AWAIT, 0x41, box(0)->count[0x41] + 100, 0);
	ok_eq(puppet_go(&p, 0, 20000), 0, "a period of a nanosecond does no harm");
	set_lapic(0x320, 0x10041);
	set_lapic(0x380, 0);

	ok(puppet_wrmsr(&p, 0, MSR_DEADLINE, ~0ULL), "TSC_DEADLINE can be written");
	ok(puppet_rdmsr(&p, 0, MSR_DEADLINE, &val) && val == 0, "and reads 0 in other modes");
	set_lapic(0x320, 0x40042);
	puppet_tell(&p, 0, PUPPET_RDTSC, 0, 0, 0);
	puppet_go(&p, 0, 1000);
	val = box(0)->command[0].b | (uint64_t)box(0)->command[0].c << 32;
	val += 50000000;
	puppet_tell(&p, 0, PUPPET_WRMSR, MSR_DEADLINE, val, val >> 32);
	puppet_tell(&p, 0, PUPPET_AWAIT, 0x42, box(0)->count[0x42] + 1, 0);
	puppet_tell(&p, 0, PUPPET_RDTSC, 0, 0, 0);
	ok_eq(puppet_go(&p, 0, 20000), 0, "a deadline ends a halt");
	ok((box(0)->command[2].b | (uint64_t)box(0)->command[2].c << 32) >= val, "not early");
	ok(puppet_rdmsr(&p, 0, MSR_DEADLINE, &t0) && t0 == 0, "it is disarmed then");
	puppet_wrmsr(&p, 0, MSR_DEADLINE, 1);
	ok_eq(came(0, 0x42) + window(0x42), 2, "a deadline in the past fires at once");
	puppet_wrmsr(&p, 0, MSR_DEADLINE, ~0ULL);
	ok(puppet_rdmsr(&p, 0, MSR_DEADLINE, &t0) && t0 == ~0ULL,
	   "one at the end of time is armed");
	puppet_wrmsr(&p, 0, MSR_DEADLINE, 0);
	set_lapic(0x320, 0x10042);
}

static void init_pic(uint8_t base)
{
	static const uint8_t words[][2] = { { 0x20, 0x11 }, { 0xa0, 0x11 }, { 0x21, 0 },
					    { 0xa1, 8 },    { 0x21, 4 },    { 0xa1, 2 },
					    { 0x21, 1 },    { 0xa1, 1 },    { 0x21, 0xff },
					    { 0xa1, 0xff } };
	unsigned int i;

	for (i = 0; i < sizeof(words) / 2; i++)
		puppet_out(&p, 0, words[i][0],
			   words[i][1] + (words[i][0] & 1 && (i == 2 || i == 3) ? base : 0));
}

static void test_pit(void)
{
	uint64_t t0;

	init_pic(0x30);
	ok_eq(lapic(0x350), 0x700, "LINT0 passes the i8259 at start");
	box(0)->eoi = PUPPET_PIC;
	puppet_out(&p, 0, 0x21, 0xfe);
	puppet_out(&p, 0, 0x43, 0x34);
	puppet_out(&p, 0, 0x40, 11932 & 0xff);
	puppet_tell(&p, 0, PUPPET_OUT, 0x40, 11932 >> 8, 0);
	puppet_tell(&p, 0, PUPPET_AWAIT, 0x30, box(0)->count[0x30] + 10, 0);
	t0 = ns();
	ok_eq(puppet_go(&p, 0, 20000), 0, "the timer through the i8259");
	ok(ns() - t0 >= 95000000, "ten ticks of 10 ms");
	puppet_out(&p, 0, 0x21, 0xff);
	came(0, 0x30);
	set_lapic(0x350, 0x10700);
	box(0)->eoi = PUPPET_XAPIC;
	set_rte(2, 0x43);
	puppet_tell(&p, 0, PUPPET_AWAIT, 0x43, box(0)->count[0x43] + 5, 0);
	ok_eq(puppet_go(&p, 0, 20000), 0, "and through the IOAPIC's pin 2");
	puppet_out(&p, 0, 0x43, 0x30);
	set_rte(2, 0x10043);
	puppet_window(&p, 0);
	came(0, 0x43);
	puppet_tell(&p, 0, PUPPET_HALT, 0, 0, 0);
	ok_eq(puppet_go(&p, 0, 100), -EINTR, "stopped by a control word");
	wake_first();
}

/* --- lines and messages ----------------------------------------------------------------------- */

static void test_lines(void)
{
	struct ferry_msi msi = { .size = sizeof(msi), .address = 0xfee00000, .data = 0x4066 };

	set_rte(5, 0x51);
	pulse(5);
	ok_eq(window(0x51), 1, "an edge through the IOAPIC");
	line(5, 1);
	ok_eq(window(0x51), 1, "a rising line is one");
	ok_eq(window(0x51), 0, "and no more");
	line(5, 0);
	box(0)->eoi = PUPPET_NO_EOI;
	set_rte(17, 0x8052);
	line(17, 1);
	ok_eq(window(0x52), 1, "a level");
	set_lapic(0xb0, 0);
	ok_eq(window(0x52), 1, "comes again after EOI");
	line(17, 0);
	line(17, 1);
	line(17, 0);
	set_lapic(0xb0, 0);
	ok_eq(window(0x52), 0, "until it falls");
	set_rte(17, 0x18052);
	line(17, 1);
	ok_eq(window(0x52), 0, "masked");
	set_rte(17, 0x8052);
	ok_eq(window(0x52), 1, "a level waits for its mask");
	line(17, 0);
	set_lapic(0xb0, 0);
	ok_eq(window(0x52), 0, "and is gone");
	box(0)->eoi = PUPPET_XAPIC;
	ok_eq(line(24, 1), -EINVAL, "there is no line 24");
	ok_eq(line(3, 2), -EINVAL, "nor a level 2");

	set_lapic(0x350, 0x700);
	box(0)->eoi = PUPPET_PIC;
	puppet_out(&p, 0, 0x21, 0xef);
	pulse(4);
	ok_eq(window(0x34), 1, "an edge through the i8259");
	puppet_tell(&p, 0, PUPPET_OUT, 0x21, 0xff, 0);
	pulse(4);
	puppet_go(&p, 0, 1000);
	ok_eq(window(0x34), 0, "not when it is masked in time");
	puppet_out(&p, 0, 0x21, 0xef);
	ok_eq(window(0x34), 1, "but then it waits");
	set_lapic(0x350, 0x10700);
	pulse(4);
	ok_eq(window(0x34), 0, "a masked LINT0 keeps the i8259 out");
	set_lapic(0x350, 0x700);
	ok_eq(window(0x34), 1, "and lets it in again");
	puppet_out(&p, 0, 0x21, 0xff);
	set_lapic(0x350, 0x10700);
	box(0)->eoi = PUPPET_XAPIC;

	ok_eq(ioctl(p.vm, FERRY_MSI, &msi), 0, "an MSI");
	ok_eq(window(0x66), 1, "arrives");
	msi.address = 0xfee09000;
	ok_eq(ioctl(p.vm, FERRY_MSI, &msi), 0, "an MSI to nobody");
	ok_eq(window(0x66), 0, "is lost");
	msi.address = 0xfed00000;
	ok(ioctl(p.vm, FERRY_MSI, &msi) && errno == EINVAL, "not an MSI");
}

/* --- eventfds --------------------------------------------------------------------------------- */

static int irqfd(int fd, uint32_t gsi, uint32_t flags)
{
	struct ferry_irqfd args = { .size = sizeof(args), .flags = flags, .fd = fd, .gsi = gsi };

	return ioctl(p.vm, FERRY_IRQFD, &args) ? -errno : 0;
}

static void test_irqfd(void)
{
	int fd = eventfd(0, EFD_NONBLOCK), other = eventfd(3, EFD_NONBLOCK), i, bad = 0;
	uint64_t n = 1;

	set_rte(6, 0x53);
	set_rte(7, 0x54);
	ok_eq(irqfd(fd, 24, 0), -EINVAL, "irqfd: no line 24");
	ok_eq(irqfd(fd, 6, 8), -EINVAL, "irqfd: unknown flag");
	ok_eq(irqfd(p.dev, 6, 0), -EINVAL, "irqfd: not an eventfd");
	ok_eq(irqfd(-1, 6, 0), -EBADF, "irqfd: no file");
	ok_eq(irqfd(fd, 6, FERRY_EVENTFD_DEASSIGN), -ENOENT, "irqfd: nothing to remove");
	ok_eq(irqfd(fd, 6, 0), 0, "irqfd");
	ok_eq(irqfd(fd, 7, 0), -EBUSY, "irqfd: one line each");
	ok_eq(write(fd, &n, 8), 8, "signalled");
	ok_eq(window(0x53), 1, "the interrupt comes");
	ok(read(fd, &n, 8) < 0 && errno == EAGAIN, "and the signal is consumed");
	ok_eq(irqfd(other, 7, 0), 0, "an eventfd that was signalled before");
	ok_eq(window(0x54), 1, "interrupts at once");
	puppet_tell(&p, 0, PUPPET_AWAIT, 0x53, box(0)->count[0x53] + 1, 0);
	puppet_start(&p, 0);
	usleep(100000);
	n = 1;
	ok_eq(write(fd, &n, 8), 8, "signalled while the vCPU is halted");
	ok_eq(puppet_wait(&p, 0), 0, "wakes it");
	came(0, 0x53);
	ok_eq(irqfd(fd, 7, FERRY_EVENTFD_DEASSIGN), -ENOENT, "irqfd: not that line's");
	ok_eq(irqfd(fd, 6, FERRY_EVENTFD_DEASSIGN), 0, "removed");
	ok_eq(write(fd, &n, 8), 8, "signalled");
	ok_eq(window(0x53), 0, "and silent");
	close(other);
	for (i = 0; i < 1000; i++) {
		other = eventfd(0, 0);
		bad += irqfd(other, 7, 0) != 0;
		close(other);
	}
	ok_eq(bad, 0, "eventfds that are closed without being removed make room");
	close(fd);
	for (i = 0; i < 300 && !irqfd(eventfd(0, 0), 7, 0); i++)
		;
	ok_eq(i, 256, "at most 256 irqfds");
	for (i = 3; i < 400; i++)
		if (i != p.dev && i != p.vm && i != p.cpu[0].fd && (p.nr < 2 || i != p.cpu[1].fd))
			close(i);
}

static int ioeventfd(int fd, uint64_t addr, uint32_t len, uint64_t match, uint32_t flags)
{
	struct ferry_ioeventfd args = { .size = sizeof(args),
					.flags = flags,
					.addr = addr,
					.datamatch = match,
					.len = len,
					.fd = fd };

	return ioctl(p.vm, FERRY_IOEVENTFD, &args) ? -errno : 0;
}

static bool signalled(int fd)
{
	uint64_t n;

	return read(fd, &n, 8) == 8;
}

static void test_ioeventfd(void)
{
	const uint32_t pio = FERRY_IOEVENTFD_PIO, match = FERRY_IOEVENTFD_DATAMATCH,
		       end = FERRY_EVENTFD_DEASSIGN;
	int a = eventfd(0, EFD_NONBLOCK), b = eventfd(0, EFD_NONBLOCK);

	ok_eq(ioeventfd(a, 0x500, 3, 0, pio), -EINVAL, "ioeventfd: width 3");
	ok_eq(ioeventfd(a, 0x500, 8, 0, pio), -EINVAL, "ioeventfd: eight bytes of ports");
	ok_eq(ioeventfd(a, 0xffff, 2, 0, pio), -EINVAL, "ioeventfd: past the last port");
	ok_eq(ioeventfd(a, ~0ULL, 2, 0, 0), -EINVAL, "ioeventfd: past the last address");
	ok_eq(ioeventfd(a, 0x500, 0, 1, pio | match), -EINVAL, "ioeventfd: match without width");
	ok_eq(ioeventfd(a, 0x500, 1, 256, pio | match), -EINVAL, "ioeventfd: match too wide");
	ok_eq(ioeventfd(-1, 0x500, 1, 0, pio), -EBADF, "ioeventfd: no file");
	ok_eq(ioeventfd(a, 0x500, 1, 0, pio | end), -ENOENT, "ioeventfd: nothing to remove");
	ok_eq(ioeventfd(a, 0x500, 1, 7, pio | match), 0, "a port and a value");
	ok_eq(ioeventfd(b, 0x500, 1, 7, pio | match), -EEXIST, "not twice");
	ok_eq(ioeventfd(b, 0x500, 0, 0, pio), -EEXIST, "nor any value at any width");
	ok_eq(ioeventfd(b, 0x500, 1, 8, pio | match), 0, "but another value");
	puppet_out(&p, 0, 0x500, 8);
	ok(!signalled(a) && signalled(b), "the one that matches is signalled");
	puppet_out(&p, 0, 0x500, 7);
	ok(signalled(a) && !signalled(b), "and the other");
	puppet_tell(&p, 0, PUPPET_OUT, 0x500, 9, 0);
	ok_eq(puppet_go(&p, 0, 1000), FERRY_EXIT_IO, "a third value goes to userspace");
	ok_eq(puppet_go(&p, 0, 1000), 0, "and on");
	puppet_tell(&p, 0, PUPPET_OUT32, 0x500, 7, 0);
	ok_eq(puppet_go(&p, 0, 1000), FERRY_EXIT_IO, "another width too");
	ok_eq(puppet_go(&p, 0, 1000), 0, "and on");
	puppet_tell(&p, 0, PUPPET_IN, 0x500, 0, 0);
	ok_eq(puppet_go(&p, 0, 1000), FERRY_EXIT_IO, "reads too");
	ok_eq(puppet_go(&p, 0, 1000), 0, "and on");
	ok_eq(ioeventfd(a, 0x500, 1, 7, pio | match | end), 0, "removed");
	puppet_tell(&p, 0, PUPPET_OUT, 0x500, 7, 0);
	ok_eq(puppet_go(&p, 0, 1000), FERRY_EXIT_IO, "and userspace's again");
	ok_eq(puppet_go(&p, 0, 1000), 0, "and on");

	ok_eq(ioeventfd(a, 0xd0000000, 0, 0, 0), 0, "an address, any width");
	puppet_write32(&p, 0, 0xd0000000, 5);
	ok(signalled(a), "signalled by a word");
	puppet_tell(&p, 0, PUPPET_WRITE8, 0xd0000000, 5, 0);
	ok(!puppet_go(&p, 0, 1000) && signalled(a), "and by a byte");
	puppet_tell(&p, 0, PUPPET_WRITE32, 0xd0000004, 5, 0);
	ok_eq(puppet_go(&p, 0, 1000), FERRY_EXIT_MMIO, "not at the next address");
	ok_eq(puppet_go(&p, 0, 1000), 0, "and on");
	close(b);
	puppet_write32(&p, 0, 0xd0000000, 5);
	ok(signalled(a), "closing one that is in use disturbs nobody");
	close(a);
	puppet_out(&p, 0, 0x500, 8);
	ok(true, "a write to a closed one goes nowhere");
}

/* --- several vCPUs ---------------------------------------------------------------------------- */

static void test_ipis(void)
{
	const uint32_t rounds = 500;
	int bad;

	puppet_tell(&p, 1, PUPPET_HALT, 0, 0, 0);
	ok_eq(puppet_go(&p, 1, 200), -EINTR, "a vCPU that waits for SIPI does not run");
	p.cpu[1].told = 0;
	box(1)->command[0].op = PUPPET_END;
	ok_eq(puppet_boot(&p, 1), 0, "INIT and SIPI start it");
	puppet_write32(&p, 1, LAPIC + 0xf0, 0x1ff);
	ok_eq(puppet_read32(&p, 1, LAPIC + 0x20), 1 << 24, "with its own LAPIC");

	set_lapic(0x310, 1 << 24);
	set_lapic(0x300, 0x4062);
	puppet_window(&p, 1);
	ok(came(1, 0x62) == 1 && came(0, 0x62) == 0, "an IPI");
	set_lapic(0x300, 0xc4063);
	puppet_window(&p, 1);
	ok(came(1, 0x63) == 1 && window(0x63) == 0, "to the others");
	set_lapic(0x300, 0x84064);
	puppet_window(&p, 1);
	ok(came(1, 0x64) == 1 && window(0x64) == 1, "to all");
	set_lapic(0x300, 0x4400);
	puppet_window(&p, 1);
	ok_eq(came(1, 2), 1, "an NMI");
	set_rte(8, 0x0100000000000055ULL);
	pulse(8);
	puppet_window(&p, 1);
	ok_eq(came(1, 0x55), 1, "an IOAPIC pin that points there");

	puppet_tell(&p, 1, PUPPET_AWAIT, 0x65, box(1)->count[0x65] + 1, 0);
	puppet_start(&p, 1);
	usleep(100000);
	set_lapic(0x300, 0x4065);
	ok_eq(puppet_wait(&p, 1), 0, "an IPI wakes a halted vCPU");

	puppet_tell(&p, 0, PUPPET_PINGER, 1, rounds, 0);
	puppet_tell(&p, 1, PUPPET_PONGER, 0, rounds, 0);
	puppet_start(&p, 0);
	puppet_start(&p, 1);
	bad = puppet_wait(&p, 0) | puppet_wait(&p, 1);
	ok_eq(bad, 0, "%u rounds of wake-ups lose none", rounds);
	ok_eq(came(0, PUPPET_PING), rounds, "and double none");
	came(1, PUPPET_PING);
	/*
	 * APM 15.21.5: VMRUN loads the interrupt shadow from the VMCB. QEMU's emulation does not,
	 * so there an exit between STI and HLT ends the shadow; the guest copes and counts it.
	 */
	if (on_qemu())
		skip("QEMU drops the interrupt shadow at VMRUN", "none in the shadow of STI");
	else
		ok_eq(box(0)->early + box(1)->early, 0, "none in the shadow of STI");

	set_lapic(0x310, 1 << 24);
	set_lapic(0x300, 0x4500);
	usleep(1000);
	ok_eq(puppet_boot(&p, 1), 0, "INIT and SIPI start it afresh");
	puppet_window(&p, 1);
	ok_eq(puppet_read32(&p, 1, LAPIC + 0xf0), 0xff, "with its LAPIC reset");
}

static void test_x2apic(void)
{
	const uint32_t rounds = 500;
	uint64_t val;
	int bad;

	if (!puppet_rdmsr(&p, 0, MSR_APIC_BASE, &val) ||
	    !puppet_wrmsr(&p, 0, MSR_APIC_BASE, val | 0x400)) {
		skip("the policy has no x2APIC", "x2APIC");
		return;
	}
	puppet_write32(&p, 1, LAPIC + 0xf0, 0x1ff);
	puppet_wrmsr(&p, 1, MSR_APIC_BASE, 0xfee00c00);
	box(0)->eoi = PUPPET_X2APIC;
	box(1)->eoi = PUPPET_X2APIC;
	ok(puppet_rdmsr(&p, 1, 0x802, &val) && val == 1, "x2APIC id");
	ok(puppet_rdmsr(&p, 1, 0x80d, &val) && val == 2, "x2APIC LDR");
	ok(!puppet_wrmsr(&p, 0, 0x80b, 1), "EOI takes only 0: #GP");
	ok(!puppet_rdmsr(&p, 0, 0x80e, &val), "there is no DFR: #GP");
	ok(!puppet_rdmsr(&p, 0, 0x8ff, &val), "nor anything at the end: #GP");
	puppet_wrmsr(&p, 0, 0x83f, 0x67);
	ok_eq(window(0x67), 1, "SELF IPI");
	puppet_wrmsr(&p, 0, 0x830, 0x100004068ULL);
	puppet_window(&p, 1);
	ok_eq(came(1, 0x68), 1, "an IPI by id");
	puppet_wrmsr(&p, 0, 0x830, 0x300004869ULL);
	puppet_window(&p, 1);
	ok(came(1, 0x69) == 1 && window(0x69) == 1, "an IPI to a cluster");
	came(0, PUPPET_PING);
	box(0)->count[PUPPET_PING] = 0;
	box(1)->count[PUPPET_PING] = 0;
	puppet_tell(&p, 0, PUPPET_PINGER, 1, rounds, 0);
	puppet_tell(&p, 1, PUPPET_PONGER, 0, rounds, 0);
	puppet_start(&p, 0);
	puppet_start(&p, 1);
	bad = puppet_wait(&p, 0) | puppet_wait(&p, 1);
	ok_eq(bad, 0, "%u rounds of wake-ups", rounds);
	puppet_tell(&p, 0, PUPPET_READ32, LAPIC + 0x30, 0, 0);
	ok_eq(puppet_go(&p, 0, 1000), FERRY_EXIT_MMIO, "the register page is gone");
	ok_eq(puppet_go(&p, 0, 1000), 0, "and on");
}

/* --- state and pause -------------------------------------------------------------------------- */

static void test_state(void)
{
	struct ferry_state_lapic l, l2;
	struct ferry_state_ioapic io, io2;
	struct ferry_state_pic pic, pic2;
	struct ferry_state_pit pit, pit2;
	struct ferry_pause pause = { .size = sizeof(pause) };
	int cpu = p.cpu[0].fd;

	set_rte(9, 0x8056);
	line(9, 1);
	line(11, 1);
	set_lapic(0x320, 0x20044);
	set_lapic(0x300, 0x44057);
	ok_eq(puppet_get(cpu, FERRY_STATE_LAPIC, &l, sizeof(l)), sizeof(l), "LAPIC state");
	ok_eq(puppet_get(p.vm, FERRY_STATE_IOAPIC, &io, sizeof(io)), sizeof(io), "IOAPIC state");
	ok_eq(puppet_get(p.vm, FERRY_STATE_PIC, &pic, sizeof(pic)), sizeof(pic), "i8259 state");
	ok_eq(puppet_get(p.vm, FERRY_STATE_PIT, &pit, sizeof(pit)), sizeof(pit), "i8254 state");
	ok(l.irr[1] & 1ULL << (0x57 - 64) && l.irr[1] & 1ULL << (0x56 - 64), "what waits is in it");
	ok((io.lines & (1 << 9)) && (io.rte[9] & 0x4000), "a level under way too");
	ok(pic.chip[1].lines & 8, "the i8259's lines too");
	ok_eq(puppet_get(cpu, FERRY_STATE_LAPIC, &l2, sizeof(l2) - 1), -ENOSPC,
	      "too small a buffer");
	ok_eq(puppet_set(cpu, FERRY_STATE_LAPIC, &l, sizeof(l) - 8), -EINVAL, "too short a state");
	ok_eq(puppet_get(p.vm, FERRY_STATE_LAPIC, &l2, sizeof(l2)), -EINVAL, "not the VM's group");
	ok_eq(puppet_get(cpu, FERRY_STATE_PIC, &pic2, sizeof(pic2)), -EINVAL, "not the vCPU's");
	l2 = l;
	l2.irr[0] |= 1;
	ok_eq(puppet_set(cpu, FERRY_STATE_LAPIC, &l2, sizeof(l2)), -EINVAL, "vector 0 is refused");
	io2 = io;
	io2.rte[0] |= 1ULL << 40;
	ok_eq(puppet_set(p.vm, FERRY_STATE_IOAPIC, &io2, sizeof(io2)), -EINVAL,
	      "reserved bits too");
	pic2 = pic;
	pic2.chip[0].lowest = 9;
	ok_eq(puppet_set(p.vm, FERRY_STATE_PIC, &pic2, sizeof(pic2)), -EINVAL, "priority 9 too");
	pit2 = pit;
	pit2.ch[0].mode = 7;
	ok_eq(puppet_set(p.vm, FERRY_STATE_PIT, &pit2, sizeof(pit2)), -EINVAL, "mode 7 too");

	line(9, 0);
	ok_eq(window(0x57) + came(0, 0x56), 2, "both interrupts come");
	ok_eq(puppet_set(p.vm, FERRY_STATE_IOAPIC, &io, sizeof(io)), 0, "IOAPIC loaded");
	ok_eq(puppet_set(p.vm, FERRY_STATE_PIC, &pic, sizeof(pic)), 0, "i8259 loaded");
	ok_eq(puppet_set(p.vm, FERRY_STATE_PIT, &pit, sizeof(pit)), 0, "i8254 loaded");
	ok_eq(puppet_set(cpu, FERRY_STATE_LAPIC, &l, sizeof(l)), 0, "LAPIC loaded");
	puppet_get(cpu, FERRY_STATE_LAPIC, &l2, sizeof(l2));
	ok_mem(&l2, &l, sizeof(l), "LAPIC state as it was");
	puppet_get(p.vm, FERRY_STATE_IOAPIC, &io2, sizeof(io2));
	ok_mem(&io2, &io, sizeof(io), "IOAPIC state as it was");
	puppet_get(p.vm, FERRY_STATE_PIC, &pic2, sizeof(pic2));
	ok_mem(&pic2, &pic, sizeof(pic), "i8259 state as it was");
	puppet_get(p.vm, FERRY_STATE_PIT, &pit2, sizeof(pit2));
	ok_mem(&pit2, &pit, sizeof(pit), "i8254 state as it was");
	line(9, 0);
	line(11, 0);
	ok_eq(window(0x57) + came(0, 0x56), 2, "and they come again");

	/* 100 ms of guest time, of which none passes while the VM is paused. */
	set_lapic(0x320, 0x45);
	set_lapic(0x380, 100000000);
	ok_eq(ioctl(p.vm, FERRY_PAUSE, &pause), 0, "paused");
	usleep(400000);
	puppet_get(cpu, FERRY_STATE_LAPIC, &l, sizeof(l));
	ok(l.expiry_ns && !(l.irr[1] & 1ULL << (0x45 - 64)), "a timer waits out the pause");
	ok_eq(ioctl(p.vm, FERRY_CONTINUE, &pause), 0, "continued");
	puppet_tell(&p, 0, PUPPET_AWAIT, 0x45, box(0)->count[0x45] + 1, 0);
	ok_eq(puppet_go(&p, 0, 5000), 0, "and goes on");
	came(0, 0x45);
}

/* Closing everything under running timers leaves nothing behind: the lab looks at unloading. */
static void test_close(void)
{
	unsigned int i;

	for (i = 0; i < 3; i++) {
		begin(2);
		set_lapic(0x3e0, 0xb);
		set_lapic(0x320, 0x20040);
		set_lapic(0x380, 100000);
		puppet_out(&p, 0, 0x43, 0x34);
		puppet_out(&p, 0, 0x40, 0x20);
		puppet_out(&p, 0, 0x40, 0);
		irqfd(eventfd(0, 0), 3, 0);
		ioeventfd(eventfd(0, 0), 0x500, 0, 0, FERRY_IOEVENTFD_PIO);
		puppet_close(&p);
	}
	ok(true, "a VM is closed under its timers");
}

/* "irqchip smp" is what takes several vCPUs alone. */
int main(int argc, char **argv)
{
	if (argc == 1) {
		begin(1);
		test_registers();
		test_local();
		test_lapic_timer();
		test_pit();
		test_lines();
		test_ioeventfd();
		test_state();
		test_irqfd();
		puppet_close(&p);
	}
	begin(2);
	test_ipis();
	test_x2apic();
	puppet_close(&p);
	test_close();
	return done();
}
