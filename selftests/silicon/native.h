/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Running single instructions on this machine's processor, in 64-, 32- and 16-bit code.
 *
 * A child process lives in one signal handler: it looks at the state that the last instruction
 * left (in the signal context), asks for the next case, and returns into it. Code that is not the
 * instruction is INT3, so a case costs one signal (#BP: hypervisors tend to intercept #DB). The child may make no system call but sigreturn, write and
 * exit (seccomp), and everything it touches lies in one window of low addresses.
 */
#ifndef FERRY_SILICON_NATIVE_H
#define FERRY_SILICON_NATIVE_H

#include "lib/insn/insn.h"

/*
 * The window, as the guest code sees it:
 *
 *	WINDOW		code, read and execute
 *	DATA		two pages, read and write
 *	DATA + 0x2000	one page, read only
 *	DATA + 0x3000	nothing
 *	DATA + 0x4000	one page, read and write
 *
 * 16-bit segments have WINDOW as their base and limit 0xffff.
 */
#define WINDOW		0x10000000UL
#define CODE_BYTES	0x4000UL
#define DATA		(WINDOW + CODE_BYTES)
#define DATA_BYTES	0x5000UL
#define RW1_BYTES	0x2000UL
#define RO_BYTES	0x1000UL
#define RW2		(DATA + 0x4000UL)

#define AREA_BYTES	832

struct native_state {
	u64 gpr[16];
	u64 rip, rflags;
	u16 sel[6];		/* left: selectors in enum insn_seg_nr order */
	int vector;		/* INSN_EXC_BP: it ran into the INT3 (@rip is past it); DB: TF was set */
	u32 error;
	u64 cr2;
	u8 area[AREA_BYTES];	/* FPU state as XSAVE writes it, up to AVX */
};

/* Selectors of Linux, and of the LDT that native.c makes: 16-bit code and data. */
#define SEL_CODE64 0x33
#define SEL_CODE32 0x23
#define SEL_DATA32 0x2b
#define SEL_CODE16 ((0 << 3) | 7)
#define SEL_DATA16 ((1 << 3) | 7)

struct native_case {
	unsigned int mode;	/* INSN_MODE_16, 32 or 64 */
	struct native_state in;
	u8 code[16];
};

/**
 * native_run - run cases in a child process until @next says stop
 * @next: the state the last case left (NULL at first), the case to run next; false ends. It runs
 *        inside a signal handler.
 *
 * Return: the child's wait status, or -1 when this machine cannot (message printed).
 */
int native_run(bool (*next)(const struct native_state *left, struct native_case *todo));

/* Writable views of code and data, at other addresses. */
extern u8 *native_code, *native_data;

/**
 * struct native_limits - what a process on this machine cannot try, or not as the processor does it
 * @mode32: 32-bit code
 * @mode16: 16-bit code, and with it descriptors of the LDT
 * @wild_state: running with a stack pointer that is not canonical, or with NT set
 * @int_n: what INT to one of the kernel's own gates leaves behind
 *
 * A kernel may have the first two switched off; all four happen where a hypervisor runs the kernel itself
 * without privilege.
 */
struct native_limits {
	bool mode32, mode16, wild_state, int_n;
};
extern struct native_limits native_lacks;	/* known after native_run() began */

#endif /* FERRY_SILICON_NATIVE_H */
