/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A PC of one processor in one process: lib/insn is the processor, lib/dev the interrupt controllers
 * and the timer, the tool's device models and loaders the rest. No kernel module is involved.
 *
 * Time is the number of instructions executed, a nanosecond each, and what HLT skips: every run is the
 * same.
 */
#ifndef FERRY_PC_H
#define FERRY_PC_H

#include "boot.h"
#include "device.h"
#include "lib/dev/i8254.h"
#include "lib/dev/i8259.h"
#include "lib/insn/insn.h"

#define TLB_ENTRIES 1024

struct tlb_entry {
	u64 page;	/* linear address | 1; 0 is empty */
	u8 *hva;
};

/**
 * struct pc - the machine
 * @cpu: its processor
 * @instructions: executed, events delivered not counted
 * @now: guest time in nanoseconds
 * @console: what the UART sent since the last line
 * @ended: why the machine stopped, or NULL
 * @tlb: by user, and read, write or fetch
 */
struct pc {
	struct insn_cpu cpu;
	struct guest_ram ram;
	struct devices devices;
	struct dev_env env;
	struct i8254 pit;
	struct i8259 pic;
	u64 instructions, now, next_event;
	u64 cr2, cr3, dr[8], xcr0;
	u64 gdt_base, idt_base;
	u16 gdt_limit, idt_limit;
	u64 msr[12];
	u64 unimplemented;
	const char *ended;
	void (*transmit)(struct pc *pc, u8 byte);
	struct tlb_entry tlb[2][3][TLB_ENTRIES];
	u8 fpu[1024] __aligned(64);
};

/* Memory and chips; then a loader and pc_start(). */
void pc_init(struct pc *pc, u64 memory, void (*transmit)(struct pc *pc, u8 byte));
void pc_start(struct pc *pc, const struct boot_entry *entry);
/* Run until it ends, or @limit instructions. */
void pc_run(struct pc *pc, u64 limit);

#endif /* FERRY_PC_H */
