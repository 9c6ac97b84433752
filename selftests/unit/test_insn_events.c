// SPDX-License-Identifier: GPL-2.0-only
/*
 * What ends with an instruction: RF, the single-step trap, the shadows of MOV SS, POP SS and STI,
 * breakpoints on data and ports; in real mode over 64 KiB of memory. SDM volume 3 sections 6.8 and 18.3.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/insn/insn.h"
#include "tap.h"

#define TF 0x100ULL
#define IF 0x200ULL
#define RF 0x10000ULL

static u8 memory[0x10000 + 64];

static int fetch(struct insn_cpu *cpu, u64 linear, u8 *buf, unsigned int *n)
{
	memcpy(buf, memory + (linear & 0xffff), *n);
	return INSN_DONE;
}

static int read_memory(struct insn_cpu *cpu, u64 linear, void *data, unsigned int bytes, u32 acc)
{
	memcpy(data, memory + (linear & 0xffff), bytes);
	return INSN_DONE;
}

static int write_memory(struct insn_cpu *cpu, u64 linear, const void *data, unsigned int bytes,
			u32 acc)
{
	memcpy(memory + (linear & 0xffff), data, bytes);
	return INSN_DONE;
}

static int get_table(struct insn_cpu *cpu, enum insn_table which, u64 *base, u16 *limit)
{
	*base = 0;
	*limit = 0x3ff;
	return INSN_DONE;
}

static int io_in(struct insn_cpu *cpu, u16 port, unsigned int bytes, u32 *value)
{
	return INSN_DONE;
}

static const struct insn_ops ops = {
	.fetch = fetch, .read = read_memory, .write = write_memory, .get_table = get_table,
	.io_in = io_in,
};

static struct insn_cpu cpu;

static void begin(const char *code, unsigned int bytes, u64 flags)
{
	unsigned int i;

	memset(memory, 0, sizeof(memory));
	memcpy(memory + 0x1000, code, bytes);
	memset(&cpu, 0, sizeof(cpu));
	cpu.ops = &ops;
	cpu.max_rep = 100;
	cpu.features[0] = 1;
	cpu.rip = 0x1000;
	cpu.rflags = flags | 2;
	cpu.gpr[INSN_RSP] = 0x800;
	for (i = 0; i < INSN_SEG_END; i++)
		cpu.seg[i] = (struct insn_segment){ 0, 0xffff, 0, 0x93 };
	cpu.seg_valid = 0xff;
}

#define BEGIN(code, flags) begin(code, sizeof(code) - 1, flags)

/* One step; the events it ends with. */
static unsigned int step(void)
{
	return insn_step(&cpu) == INSN_DONE ? cpu.events : 0x8000;
}

int main(void)
{
	BEGIN("\x90\x90", TF | RF);
	ok_eq(step(), INSN_EV_STEP, "TF gives a trap after an instruction");
	ok_eq(cpu.rflags & RF, 0, "an instruction that completes clears RF");
	BEGIN("\x8e\xd0\x90", TF);
	ok_eq(step(), INSN_EV_SHADOW_SS, "MOV SS holds the trap off");
	ok_eq(step(), INSN_EV_STEP, "for one instruction");
	BEGIN("\x17\x90", TF);
	ok_eq(step(), INSN_EV_SHADOW_SS, "POP SS likewise");
	BEGIN("\xfb\xfb\x90", 0);
	ok_eq(step(), INSN_EV_SHADOW_STI, "STI holds interrupts off");
	ok_eq(step(), 0, "but not if IF was set");
	BEGIN("\xfb", TF);
	ok_eq(step(), INSN_EV_SHADOW_STI | INSN_EV_STEP, "STI does not hold the trap off");
	BEGIN("\xcd\x21", TF | IF);
	ok_eq(step(), 0, "INT n clears TF and is not stepped over");
	ok_eq(cpu.rflags & (TF | IF), 0, "it cleared TF and IF");
	ok_eq(memory[0x7ff] & 1, 1, "the pushed image has TF");
	BEGIN("\x9d", TF);
	ok_eq(step(), INSN_EV_STEP, "POPF that clears TF is stepped over");
	ok_eq(cpu.rflags & TF, 0, "and TF is clear");
	BEGIN("\x9d\x90", 0);
	memory[0x801] = 1;
	ok_eq(step(), 0, "POPF that sets TF is not");
	ok_eq(step(), INSN_EV_STEP, "but the next instruction is");
	BEGIN("\xf3\xa4", TF);
	cpu.gpr[INSN_RCX] = 3;
	cpu.gpr[INSN_RDI] = 0x2000;
	ok_eq(step(), INSN_EV_STEP | INSN_EV_REP, "REP MOVS traps after an iteration");
	ok(cpu.rip == 0x1000 && cpu.gpr[INSN_RCX] == 2, "and RIP stays");

	/* Breakpoint 1: four bytes at 0x2000, written; 2: a port; 3: a byte read or written. */
	BEGIN("\xa3\x03\x20\xa1\x02\x20\xa3\x04\x20\xa0\x10\x20\xe5\x42", 0);
	cpu.dr[1] = 0x2000;
	cpu.dr[2] = 0x43;
	cpu.dr[3] = 0x2010;
	cpu.dr7 = 4 | 0x20 | 0x80 | 0xdULL << 20 | 0x2ULL << 24 | 0x3ULL << 28;
	cpu.cr4 = 8;
	ok(step() == INSN_EV_BREAK && cpu.hits == 2, "a write that overlaps is a hit");
	cpu.hits = 0;
	ok_eq(step(), 0, "a read is none");
	ok_eq(step(), 0, "nor is what lies beside");
	ok(step() == INSN_EV_BREAK && cpu.hits == 8, "a read of a read-write breakpoint is one");
	cpu.hits = 0;
	ok(step() == INSN_EV_BREAK && cpu.hits == 4, "and a port that overlaps");
	BEGIN("\x8e\x16\x10\x20\x90", 0);
	cpu.dr[3] = 0x2010;
	cpu.dr7 = 0x80 | 0x3ULL << 28;
	ok_eq(step(), INSN_EV_SHADOW_SS, "MOV SS holds the hit back");
	ok(step() == INSN_EV_BREAK && cpu.hits == 8, "until the next instruction is done");
	BEGIN("\xf3\xa4", 0);
	cpu.gpr[INSN_RCX] = 3;
	cpu.gpr[INSN_RDI] = 0x2000;
	cpu.dr[0] = 0x2001;
	cpu.dr7 = 1 | 0x1ULL << 16;
	ok_eq(step(), INSN_EV_REP, "REP goes on");
	ok(step() == (INSN_EV_REP | INSN_EV_BREAK) && cpu.gpr[INSN_RCX] == 1,
	   "and stops after the iteration that hit");
	return done();
}
