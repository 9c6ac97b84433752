/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tiny guests: a few instructions of 16-, 32- or 64-bit code in a VM of their own, for tests that
 * look at one exit at a time.
 *
 * Guest memory, from 0:
 *	0x0000	IVT (real mode)			0x5000	stacks end here
 *	0x0800	GDT: TINY_CS64.. below		0x6000	page tables: 1 GiB one to one,
 *	0x1000	IDT, 256 gates			0x9000	one entry point per vector
 *	0x2000	struct tiny_trap		0xb000	TSS
 *	0x10000	code (TINY_CODE)		0x100000 data, as far as the VM is large
 *
 * In 32- and 64-bit mode every vector's entry point fills in the struct tiny_trap and leaves to
 * userspace through TINY_TRAP_PORT: tiny_run() returns TINY_TRAP then. Running on returns from the
 * exception to trap->rip, which the test may have changed.
 */
#ifndef FERRY_TEST_TINY_H
#define FERRY_TEST_TINY_H

#include <linux/ferry.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TINY_CODE 0x10000
#define TINY_DATA 0x100000
#define TINY_TRAP_PORT 0xf2
#define TINY_PORT 0xf1 /* tests' own */

#define TINY_CS64 0x08
#define TINY_DS 0x10
#define TINY_CS32 0x18
#define TINY_CS16 0x20
#define TINY_USER_CS64 0x2b
#define TINY_USER_DS 0x33
#define TINY_USER_CS32 0x3b
#define TINY_TSS 0x40

enum tiny_mode { TINY_REAL, TINY_32, TINY_PAGED32, TINY_64 };

/* What an exception or interrupt pushed; the entry point writes it, and reads rip back. */
struct tiny_trap {
	uint64_t vector;
	uint64_t error;
	uint64_t rip;
	uint64_t cs;
	uint64_t rflags;
	uint64_t rsp;
	uint64_t cr2;
	uint64_t count; /* of all traps so far */
};

struct tiny {
	int dev, vm, vcpu;
	size_t size;
	uint8_t *mem;
	volatile struct ferry_run *run;
	volatile struct tiny_trap *trap;
	enum tiny_mode mode;
};

/*
 * TINY_SNIPPET(name, bits, "code") makes name_begin and name_end.
 */
#define TINY_SNIPPET(name, bits, body)                                                             \
	extern const char name##_begin[], name##_end[];                                            \
	__asm__(".pushsection .rodata\n.code" #bits "\n" #name "_begin:\n" body "\n" #name         \
		"_end:\n.code64\n.popsection\n")
/*
 * Before a loop that nothing but the host ends: with interrupts on. Which physical interrupts end a run is up to
 * the host's IF (APM 2, 15.21.1), but under SVM, Bochs 2.7 goes by the guest's, and then the host hangs.
 */
#define TINY_LOOPS "sti\n"
#define TINY_LOAD(t, mode, name) tiny_load(t, mode, name##_begin, name##_end - name##_begin)

/* tiny_run() results above the FERRY_EXIT_ values */
#define TINY_TRAP 100
#define TINY_LATE 101 /* the guest did not leave within the time */

/* All of these end the program with "Bail out!" where the module refuses what must work. */
void tiny_open(struct tiny *t, size_t size);
void tiny_open_policy(struct tiny *t, size_t size, void (*edit)(struct ferry_cpuid_entry *, unsigned int));
/* If set, it may change what tiny_open() takes for this host's CPU (a struct cpu_policy). */
extern void (*tiny_edit_host)(void *policy);
void tiny_open_emulated(struct tiny *t, size_t size); /* by FERRY_VM_EMULATE */
void tiny_close(struct tiny *t);
/* Put code at TINY_CODE and the vCPU at its start, registers zero, interrupts off. */
void tiny_load(struct tiny *t, enum tiny_mode mode, const void *code, size_t length);
/* Run until an exit to userspace: FERRY_EXIT_*, TINY_TRAP, TINY_LATE or -errno. */
int tiny_run(struct tiny *t);
int tiny_run_ms(struct tiny *t, unsigned int ms);

int tiny_get(struct tiny *t, uint32_t group, void *buf, size_t length);
int tiny_set(struct tiny *t, uint32_t group, const void *buf, size_t length);
struct ferry_state_general tiny_regs(struct tiny *t);
void tiny_set_regs(struct tiny *t, const struct ferry_state_general *g);
uint64_t tiny_reg(struct tiny *t, int reg);
/* An access that userspace was asked for is finished by the next run; let that be over. */
void tiny_settle(struct tiny *t);
uint64_t tiny_caps(void); /* FERRY_CAP_* of this host */
uint64_t tiny_exits(struct tiny *t, const char *kind); /* of the vCPU, by name */

/* run->io of a port exit, as one number */
uint32_t tiny_out(struct tiny *t);

#endif /* FERRY_TEST_TINY_H */
