/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small VM whose guest does what it is told: reads and writes memory, ports and MSRs, opens its
 * interrupt window, halts. What it is told stands in the vCPU's box, a page of guest memory that is
 * mapped here; interrupts that arrive are counted there.
 *
 *	puppet_open(&p, 2);
 *	tell(&p, 0, PUPPET_WRITE32, 0xfee000f0, 0x1ff);
 *	go(&p, 0);
 *	ok_eq(puppet_read32(&p, 0, 0xfee00030), ...);
 */
#ifndef FERRY_PUPPET_H
#define FERRY_PUPPET_H

#include <linux/ferry.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define PUPPET_MAX	4
#define PUPPET_COMMANDS 120
#define PUPPET_PING	0x50 /* vector */

enum puppet_op {
	PUPPET_END,
	PUPPET_WRITE32, /* address, value */
	PUPPET_READ32, /* address; the value in b */
	PUPPET_OUT, /* port, value */
	PUPPET_IN,
	PUPPET_WRMSR, /* index, low, high */
	PUPPET_RDMSR,
	PUPPET_WINDOW, /* sti, nop, cli */
	PUPPET_HALT, /* sti, hlt, cli */
	PUPPET_AWAIT, /* vector, count: halt until it has come so often */
	PUPPET_PINGER, /* APIC id, rounds */
	PUPPET_PONGER,
	PUPPET_OUT32,
	PUPPET_WRITE8,
	PUPPET_RDTSC,
	PUPPET_IN16,
};

/* box.eoi: what the interrupt handlers do at their end */
enum puppet_eoi { PUPPET_NO_EOI, PUPPET_XAPIC, PUPPET_X2APIC, PUPPET_PIC };

struct puppet_box {
	volatile uint32_t eoi;
	volatile uint32_t faults; /* #GPs; the command that brought one is over */
	volatile uint32_t logged;
	volatile uint32_t early; /* interrupts in the shadow of STI */
	volatile uint32_t count[256];
	volatile uint8_t log[256]; /* vectors in order */
	uint8_t pad2[0xf0];
	struct {
		volatile uint32_t op, a, b, c;
	} command[PUPPET_COMMANDS + 1];
};

struct puppet_cpu {
	int fd;
	struct ferry_run *run;
	struct puppet_box *box;
	unsigned int told;
	pthread_t thread;
	int result;
};

struct puppet {
	int dev, vm;
	unsigned int nr;
	uint8_t *mem;
	struct puppet_cpu cpu[PUPPET_MAX];
};

/* The VM and its vCPUs, the first one ready; bails out if that fails. */
void puppet_open(struct puppet *p, unsigned int nr);
void puppet_close(struct puppet *p);

/* Add a command. */
void puppet_tell(struct puppet *p, unsigned int cpu, enum puppet_op op, uint32_t a, uint32_t b,
		 uint32_t c);
/*
 * Run until all commands are carried out. 0; -errno of FERRY_RUN (-EINTR after @ms milliseconds);
 * FERRY_EXIT_* for any other exit, and -EFAULT for an exception the guest did not expect.
 */
int puppet_go(struct puppet *p, unsigned int cpu, unsigned int ms);
/* The same in a thread of its own, and its result. */
void puppet_start(struct puppet *p, unsigned int cpu);
int puppet_wait(struct puppet *p, unsigned int cpu);
/* Another vCPU's turn to be started by INIT and SIPI from the first. */
int puppet_boot(struct puppet *p, unsigned int cpu);

/* One command at once. */
void puppet_write32(struct puppet *p, unsigned int cpu, uint32_t addr, uint32_t val);
uint32_t puppet_read32(struct puppet *p, unsigned int cpu, uint32_t addr);
void puppet_out(struct puppet *p, unsigned int cpu, uint16_t port, uint8_t val);
uint8_t puppet_in(struct puppet *p, unsigned int cpu, uint16_t port);
bool puppet_wrmsr(struct puppet *p, unsigned int cpu, uint32_t index, uint64_t val);
bool puppet_rdmsr(struct puppet *p, unsigned int cpu, uint32_t index, uint64_t *val);
void puppet_window(struct puppet *p, unsigned int cpu);

int puppet_get(int fd, uint32_t group, void *buf, uint32_t length); /* bytes or -errno */
int puppet_set(int fd, uint32_t group, const void *buf, uint32_t length);

#endif /* FERRY_PUPPET_H */
