// SPDX-License-Identifier: GPL-2.0-only
/*
 * The executor against this machine's processor.
 *
 * Random structured instructions with random state run natively (native.c) and in the emulator
 * over a shadow of the same memory; registers, flags, RIP, memory and faults (vector, error code,
 * CR2) must agree, but for flags that the manuals call undefined (undefined.h).
 *
 * CASES in the environment sets how many (default 5 million); SEED the random sequence; SHOW=1
 * counts instructions.
 */
#include <cpuid.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "insn_names.h"
#include "lib/insn/insn.h"
#include "native.h"
#include "tap.h"
#include "undefined.h"

static struct shared {
	u64 cases, ran, faulted, undefined, wrong;
	u64 by_mode[3];
	u32 by_id[INSN_OP_END];
} *shared;

static u64 wanted_cases, seed;
static u8 shadow[DATA_BYTES];
static struct native_case current;
static struct insn current_insn;
static int current_decode;
static u64 current_slot;
static int emulated;		/* what the executor answered */

static u64 rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static bool chance(unsigned int percent)
{
	return rnd() % 100 < percent;
}

/* ------------------------------------------------------------------ the emulator's world */

/*
 * Tables as Linux has them (arch/x86/include/asm/segment.h), at addresses of our own. What a
 * process can see of them by LAR, LSL and faults is compared.
 */
#define FAKE_GDT 0xfffffe0000001000ULL
#define FAKE_IDT 0xfffffe0000002000ULL
#define FAKE_TSS 0xfffffe0000003000ULL
#define FAKE_LDT 0xfffffe0000004000ULL

static u64 gdt[16] = {
	[1] = 0x00cf9b000000ffff, [2] = 0x00af9b000000ffff, [3] = 0x00cf93000000ffff,
	[4] = 0x00cffb000000ffff, [5] = 0x00cff3000000ffff, [6] = 0x00affb000000ffff,
	[8] = 0x00008b0000002087, [10] = 0x000082000000000f,
};
static u64 ldt[2];

static u64 descriptor(u64 base, u64 limit, u64 attr)
{
	return (limit & 0xffff) | (base & 0xffffff) << 16 | (attr & 0xff) << 40 |
	       (limit >> 16 & 15) << 48 | (attr >> 8 & 15) << 52 | (base >> 24 & 0xff) << 56;
}

/* Every gate is there; INT3, INTO and INT 80h may be used at CPL 3. */
static void idt_entry(u64 offset, u64 *out)
{
	unsigned int vector = (unsigned int)(offset / 16);
	bool user = vector == 3 || vector == 4 || vector == 0x80;

	*out = offset & 8 ? 0 : 0x100000ULL | (user ? 0xeeULL : 0x8eULL) << 40;
}

static int system_read(u64 linear, void *data, unsigned int bytes)
{
	u16 map_base = 0x68;	/* no I/O permission map */
	u64 value = 0;

	if (linear >= FAKE_LDT && linear + bytes <= FAKE_LDT + sizeof(ldt))
		memcpy(data, (u8 *)ldt + (linear - FAKE_LDT), bytes);
	else if (linear >= FAKE_GDT && linear + bytes <= FAKE_GDT + sizeof(gdt))
		memcpy(data, (u8 *)gdt + (linear - FAKE_GDT), bytes);
	else if (linear >= FAKE_IDT && linear < FAKE_IDT + 4096)
		for (value = 0; value < bytes; value += 8)
			idt_entry(linear - FAKE_IDT + value, (u64 *)((u8 *)data + value));
	else if (linear == FAKE_TSS + 102)
		memcpy(data, &map_base, 2);
	else
		return INSN_UNIMPLEMENTED;
	return INSN_DONE;
}

#define RFLAGS_COMPARED 0x0ffffffffffeffffULL	/* all but RF */

enum { MAY_READ = 1, MAY_WRITE = 2 };

/* The bytes at @linear and what may be done with them; NULL: nothing is there. */
static u8 *window_byte(u64 linear, unsigned int *may)
{
	*may = 0;
	if (linear < WINDOW || linear >= DATA + DATA_BYTES)
		return NULL;
	if (linear < DATA) {
		*may = MAY_READ;
		return native_code + (linear - WINDOW);
	}
	linear -= DATA;
	if (linear >= 0x3000 && linear < 0x4000)
		return NULL;
	*may = linear >= RW1_BYTES && linear < 0x3000 ? MAY_READ : MAY_READ | MAY_WRITE;
	return shadow + linear;
}

static int check_access(struct insn_cpu *cpu, u64 linear, unsigned int bytes, bool write)
{
	u64 places[2] = { linear, linear + bytes - 1 };
	unsigned int i, may;

	if (!(cpu->seg[INSN_CS].attr & INSN_SEG_L))
		places[1] = (u32)places[1];
	for (i = 0; i < 2; i++) {
		u64 at = places[i] >> 12 == linear >> 12 ? linear : places[i] & ~0xfffULL;
		u8 *byte = window_byte(places[i], &may);
		u32 error = 4 | (write ? 2 : 0);

		if (!byte)
			return insn_raise_pf(cpu, at, error);
		if (write && !(may & MAY_WRITE))
			return insn_raise_pf(cpu, at, error | 1);
	}
	return INSN_DONE;
}

static int cb_read(struct insn_cpu *cpu, u64 linear, void *data, unsigned int bytes, u32 acc)
{
	unsigned int i, may;
	int ret;

	if (acc & INSN_ACC_SYSTEM)
		return system_read(linear, data, bytes);
	ret = check_access(cpu, linear, bytes, acc & INSN_ACC_WRITE);
	if (ret != INSN_DONE || acc & INSN_ACC_PROBE)
		return ret;
	for (i = 0; i < bytes; i++)
		((u8 *)data)[i] = *window_byte(linear + i, &may);
	return INSN_DONE;
}

static int cb_write(struct insn_cpu *cpu, u64 linear, const void *data, unsigned int bytes, u32 acc)
{
	int ret = check_access(cpu, linear, bytes, true);
	unsigned int i, may;

	if (ret != INSN_DONE)
		return ret;
	for (i = 0; i < bytes; i++)
		*window_byte(linear + i, &may) = ((const u8 *)data)[i];
	return INSN_DONE;
}

static int cb_compare_swap(struct insn_cpu *cpu, u64 linear, void *old, const void *new,
		      unsigned int bytes, u32 acc)
{
	return cb_write(cpu, linear, new, bytes, acc);
}

static int cb_read_xcr(struct insn_cpu *cpu, u32 index, u64 *value)
{
	u32 low, high;

	if (index)
		return insn_raise(cpu, INSN_EXC_GP, 0);
	asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	*value = low | (u64)high << 32;
	return INSN_DONE;
}

static int cb_get_table(struct insn_cpu *cpu, enum insn_table which, u64 *base, u16 *limit)
{
	*base = which == INSN_GDTR ? FAKE_GDT : FAKE_IDT;
	*limit = which == INSN_GDTR ? sizeof(gdt) - 1 : 4095;
	return INSN_DONE;
}

static u8 vec[16][32], mmx[8][8];

static int cb_vector_read(struct insn_cpu *cpu, unsigned int nr, void *data, unsigned int bytes)
{
	memcpy(data, nr >= 32 ? mmx[nr - 32] : vec[nr], bytes);
	return INSN_DONE;
}

static int cb_vector_write(struct insn_cpu *cpu, unsigned int nr, const void *data,
			   unsigned int bytes)
{
	memcpy(nr >= 32 ? mmx[nr - 32] : vec[nr], data, bytes);
	return INSN_DONE;
}

static const struct insn_ops ops = {
	.vector_read = cb_vector_read, .vector_write = cb_vector_write,
	.get_table = cb_get_table,
	.read = cb_read, .write = cb_write, .compare_swap = cb_compare_swap, .read_xcr = cb_read_xcr,
};

static struct insn_cpu cpu;

static bool host_has(void *ctx, const struct insn_cpuid_bit *bit)
{
	unsigned int r[4];

	if (!__get_cpuid_count(bit->leaf, bit->subleaf, &r[0], &r[1], &r[2], &r[3]))
		return false;
	return r[bit->reg] >> bit->bit & 1;
}

static u32 limit_of(u16 selector)
{
	u32 limit = 0;

	asm volatile("lsl %1, %0" : "+r"(limit) : "r"((u32)selector));
	return limit;
}

static void set_up_cpu(void)
{
	unsigned int max, b = 0, c, d;

	__get_cpuid(0, &max, &b, &c, &d);
	cpu.ops = &ops;
	cpu.vendor = b == 0x756e6547 ? INSN_VENDOR_INTEL : INSN_VENDOR_AMD;
	cpu.max_rep = 100;
	cpu.cpl = 3;
	cpu.cr0 = 0x80050033;
	cpu.cr4 = 0x350ef0;
	cpu.efer = 0xd01;
	insn_features_from_cpuid(cpu.features, host_has, NULL);
	ldt[0] = descriptor(WINDOW, 0xffff, 0x0fb);
	ldt[1] = descriptor(WINDOW, 0xffff, 0x0f3);
	/* CPU and node number: Linux keeps them in a limit. */
	gdt[15] = descriptor(0, limit_of(0x7b), 0x4f5);
}

static void load_cpu(const struct native_case *c)
{
	struct insn_segment code = { 0, 0xffffffff, SEL_CODE64, 0xafb };
	struct insn_segment data = { 0, 0xffffffff, SEL_DATA32, 0xcf3 }, null = { 0, 0, 0, 0 };

	if (c->mode == INSN_MODE_32) {
		code = (struct insn_segment){ 0, 0xffffffff, SEL_CODE32, 0xcfb };
	} else if (c->mode == INSN_MODE_16) {
		code = (struct insn_segment){ WINDOW, 0xffff, SEL_CODE16, 0x0fb };
		data = (struct insn_segment){ WINDOW, 0xffff, SEL_DATA16, 0x0f3 };
	}
	cpu.seg[INSN_CS] = code;
	cpu.seg[INSN_SS] = data;
	cpu.seg[INSN_DS] = cpu.seg[INSN_ES] = c->mode == INSN_MODE_64 ? null : data;
	cpu.seg[INSN_FS] = cpu.seg[INSN_GS] = null;
	cpu.seg[INSN_LDTR] = (struct insn_segment){ FAKE_LDT, sizeof(ldt) - 1, 0x50, 0x082 };
	cpu.seg[INSN_TR] = (struct insn_segment){ FAKE_TSS, 103, 0x40, 0x08b };
	cpu.seg_valid = 0xff;
	cpu.cpl = 3;
	memcpy(cpu.gpr, c->in.gpr, sizeof(cpu.gpr));
	cpu.rip = c->in.rip;
	cpu.rflags = c->in.rflags;
}

/* ------------------------------------------------------------------ making cases */

/* Not comparable here: they end the process, need the kernel, or answer differently each time. */
static bool is_excluded(const struct insn *insn)
{
	switch (insn->id) {
	case INSN_OP_INT1: case INSN_OP_INT3: case INSN_OP_INTO:
	case INSN_OP_SYSCALL: case INSN_OP_SYSENTER: case INSN_OP_SYSRET: case INSN_OP_SYSEXIT:
	case INSN_OP_RDTSC: case INSN_OP_RDTSCP: case INSN_OP_RDRAND: case INSN_OP_RDSEED:
	case INSN_OP_RDPID: case INSN_OP_RDPMC: case INSN_OP_CPUID:
	/* Linux emulates these for processes when UMIP faults. */
	case INSN_OP_SGDT: case INSN_OP_SIDT: case INSN_OP_SLDT: case INSN_OP_STR: case INSN_OP_SMSW:
	/* The handler's own thread pointer. */
	case INSN_OP_WRFSBASE: case INSN_OP_RDFSBASE: case INSN_OP_WRGSBASE: case INSN_OP_RDGSBASE:
	case INSN_OP_LFS:
	case INSN_OP_MONITOR: case INSN_OP_MWAIT: case INSN_OP_MONITORX: case INSN_OP_MWAITX:
		return true;
	/* XCR1 is XINUSE: what the process has used just then. */
	case INSN_OP_XGETBV:
		return (u32)current.in.gpr[INSN_RCX] == 1;
	/* Into 64-bit code, RSP's upper half counts, and Linux's return to 16-bit stacks has filled it. */
	case INSN_OP_CALL_FAR:
		return current.mode == INSN_MODE_16;
	case INSN_OP_MOV_TO_SEG:
		return (insn->modrm >> 3 & 7) == INSN_FS;
	case INSN_OP_POP_SEG:
		return insn->opcode == 0xa1;
	case INSN_OP_INT:
		return insn->imm == 3 || insn->imm == 4 || (u8)insn->imm == 0x80;
	}
	return !insn_can_execute(insn);
}

static u64 interesting(void)
{
	static const u64 some[] = {
		0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
		0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff, 0x9, 0x99, 0x0a0a,
	};

	switch (rnd() % 4) {
	case 0:
		return some[rnd() % ARRAY_SIZE(some)];
	case 1:
		return rnd() & 0xffff;
	default:
		return rnd();
	}
}

/* A linear address for an operand: mostly memory that is there. */
static u64 target(unsigned int mode)
{
	unsigned int r = (unsigned int)(rnd() % 100), off = (unsigned int)(rnd() % 0x1f00);

	if (r < 50)
		return DATA + 0x40 + (off & ~15u);
	if (r < 70)
		return DATA + 0x40 + off;
	if (r < 78)
		return DATA + 0x1000 - rnd() % 17;
	if (r < 82)
		return DATA + 0x2000 - rnd() % 17;	/* into read-only */
	if (r < 86)
		return DATA + 0x2000 + rnd() % 0xf00;
	if (r < 89)
		return DATA + 0x3000 - rnd() % 17;	/* into nothing */
	if (r < 92)
		return DATA + 0x3000 + rnd() % 0x1000;
	if (r < 95)
		return RW2 - rnd() % 17;
	if (r < 97)
		return WINDOW + 0x3000 + rnd() % 0x800;	/* code page */
	if (mode == INSN_MODE_64)
		return rnd() & 1 ? 0x800000000000ULL - rnd() % 17 : rnd() | 1ULL << 62;
	return mode == INSN_MODE_16 ? WINDOW + 0x10000 - rnd() % 17 : (u32)(0 - rnd() % 17);
}

static u64 segment_base(void)
{
	return current.mode == INSN_MODE_16 ? WINDOW : 0;
}

/* Where in the code a 4-, 2- or 8-byte displacement stands, by trying. */
static void patch_displacement(u64 value, unsigned int bytes, bool moffs)
{
	unsigned int i;

	if (moffs) {
		memcpy(current.code + current_insn.length - bytes, &value, bytes);
		return;
	}
	for (i = 1; i + bytes <= current_insn.length; i++) {
		u8 saved[16];
		struct insn again;

		memcpy(saved, current.code, 16);
		memcpy(current.code + i, &value, bytes);
		if (insn_decode(&again, current.code, 15, current_insn.mode) == INSN_OK &&
		    again.length == current_insn.length && again.id == current_insn.id &&
		    again.base == current_insn.base && again.index == current_insn.index &&
		    again.modrm == current_insn.modrm && again.imm == current_insn.imm &&
		    again.prefix == current_insn.prefix &&
		    (bytes == 4 ? again.disp == (s32)value : (u16)again.disp == (u16)value))
			return;
		memcpy(current.code, saved, 16);
	}
}

static void aim_operand(u64 linear)
{
	const struct insn *insn = &current_insn;
	u64 mask = insn->adsize == 8 ? ~0ULL : insn->adsize == 4 ? 0xffffffff : 0xffff;
	u64 offset = (linear - segment_base()) & mask, rest = (u64)(s64)insn->disp;
	u64 *gpr = current.in.gpr;

	if (insn->index != INSN_REG_NONE && insn->index != insn->base) {
		if (chance(80))
			gpr[insn->index] &= 0xff;
		rest += gpr[insn->index] << insn->scale;
	}
	if (insn->base < INSN_GPRS)
		gpr[insn->base] = ((offset - rest) & mask) |
				  (mask != ~0ULL && current.mode == INSN_MODE_64 && chance(50) ?
				   rnd() & ~mask : 0);
	else if (insn->base == INSN_REG_RIP)
		patch_displacement(offset - current.in.rip - insn->length, 4, false);
	else
		patch_displacement(offset - (rest - (u64)(s64)insn->disp),
				   insn->adsize == 2 ? 2 : 4, false);
}

static void opcode_bytes(unsigned int mode)
{
	static const u8 prefixes[] = { 0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x2e, 0x36, 0x3e, 0x26 };
	static const u8 vex_moves[] = {
		0x10, 0x11, 0x13, 0x17, 0x28, 0x29, 0x2b, 0x6e, 0x6f, 0x7e, 0x7f, 0xd6, 0xe7, 0xf0,
	};
	u64 raw[2] = { rnd(), rnd() };
	unsigned int n = 0;

	memcpy(current.code, raw, 16);
	while (n < 3 && chance(30))
		current.code[n++] = prefixes[rnd() % ARRAY_SIZE(prefixes)];
	if (mode == INSN_MODE_64 && chance(50))
		current.code[n++] = 0x40 | (rnd() & 15);
	switch (rnd() % 16) {
	case 0:
		current.code[n++] = 0x0f;
		current.code[n++] = rnd() & 1 ? 0x38 : 0x3a;
		if (chance(70))
			current.code[n] = 0xf0 + rnd() % 8;
		break;
	case 1:	/* VEX with general registers */
		current.code[0] = 0xc4;
		current.code[1] = (rnd() & 0xe0) | (2 + rnd() % 2) | (mode == INSN_MODE_64 ? 0 : 0xc0);
		current.code[2] &= ~4;
		current.code[3] = 0xf0 + rnd() % 8;
		break;
	case 2:	/* VEX moves */
		current.code[0] = 0xc4;
		current.code[1] = (rnd() & 0xe0) | (chance(95) ? 1 : 2) | (mode == INSN_MODE_64 ? 0 : 0xc0);
		current.code[2] |= chance(95) ? 0x78 : 0;
		current.code[3] = current.code[1] & 2 ? 0x2a : vex_moves[rnd() % ARRAY_SIZE(vex_moves)];
		break;
	case 3 ... 8:
		current.code[n++] = 0x0f;
		break;
	}
}

static bool make_instruction(void)
{
	unsigned int mode = current.mode | (cpu.vendor == INSN_VENDOR_AMD ? INSN_MODE_AMD : 0);
	unsigned int tries;

	for (tries = 0; tries < 1000; tries++) {
		opcode_bytes(current.mode);
		current_decode = insn_decode(&current_insn, current.code, 15, mode);
		if (current_decode == INSN_INVALID && rnd() % 1000 == 0)
			return true;	/* seldom: #UD is slow under virtualisation */
		if (current_decode != INSN_OK || is_excluded(&current_insn))
			continue;
		if (current_insn.prefix & INSN_PFX_SEG && current_insn.seg >= INSN_FS)
			continue;
		return true;
	}
	return false;
}

static u16 some_selector(void)
{
	static const u16 good[] = {
		0, 1, 3, SEL_CODE64, SEL_CODE32, SEL_DATA32, SEL_CODE16, SEL_DATA16, 0x7b, 0x10, 0x18, 0x08,
		0x40, 0x43, 0x50, 0x53, 0x63, SEL_DATA32 & ~3, SEL_CODE32 & ~3, SEL_DATA16 & ~3, 0x83, 0x17,
	};

	return chance(85) ? good[rnd() % ARRAY_SIZE(good)] : (u16)rnd();
}

/* A frame for a far return: a target in the window, a code selector, flags, a stack. */
static void put_frame(u64 at, unsigned int bytes, bool far_only)
{
	static const u16 code[] = { SEL_CODE64, SEL_CODE32, SEL_CODE16 };
	u16 sel = chance(85) ? code[rnd() % 3] : some_selector();
	u64 base = (sel | 3) == SEL_CODE16 ? WINDOW : 0, frame[5];
	unsigned int i;

	if (at < DATA || at + 5 * bytes > DATA + RW1_BYTES)
		return;
	frame[0] = chance(90) ? WINDOW - base + rnd() % 0x3000 : rnd();
	frame[1] = sel | (chance(20) ? rnd() << 16 : 0);
	frame[2] = (rnd() & 0x8d5) | 0x202 | (chance(5) ? 0x40000 : 0);
	frame[3] = DATA - base + 0x200 + rnd() % 0x1000;
	frame[4] = chance(80) ? (base ? SEL_DATA16 : SEL_DATA32) : some_selector();
	if (!far_only && chance(10))
		frame[2] = rnd() & 0x3f7fd5;
	for (i = 0; i < 5; i++) {
		memcpy(shadow + (at - DATA) + i * bytes, &frame[i], bytes);
		memcpy(native_data + (at - DATA) + i * bytes, &frame[i], bytes);
	}
}

/* Far pointers and selectors in memory, for instructions that load them. */
static void put_far_pointer(u64 at)
{
	u64 offset = WINDOW + rnd() % 0x3000;
	u16 sel = some_selector();
	unsigned int bytes = current_insn.opsize;

	if (at < DATA || at + 16 > DATA + RW1_BYTES)
		return;
	switch (current_insn.id) {
	case INSN_OP_JMP_FAR: case INSN_OP_CALL_FAR:
		sel = chance(80) ? (u16[]){ SEL_CODE64, SEL_CODE32, SEL_CODE16 }[rnd() % 3] : sel;
		if ((sel | 3) == SEL_CODE16)
			offset -= WINDOW;
		break;
	case INSN_OP_LES: case INSN_OP_LDS: case INSN_OP_LSS: case INSN_OP_LGS:
		break;
	case INSN_OP_MOV_TO_SEG: case INSN_OP_LAR: case INSN_OP_LSL: case INSN_OP_VERR:
	case INSN_OP_VERW: case INSN_OP_ARPL:
		bytes = 0;
		break;
	default:
		return;
	}
	if (bytes == 8 && cpu.vendor == INSN_VENDOR_AMD)
		bytes = 4;
	memcpy(shadow + (at - DATA), &offset, bytes);
	memcpy(shadow + (at - DATA) + bytes, &sel, 2);
	memcpy(native_data + (at - DATA), shadow + (at - DATA), 16);
}

/* State that lets the instruction do something, most of the time. */
static void fit_state(void)
{
	const struct insn *insn = &current_insn;
	u64 *gpr = current.in.gpr, base = segment_base(), at = target(current.mode);
	u64 *stack = &gpr[INSN_RSP];

	*stack = DATA + 0x800 + rnd() % 0x400 - base;
	if (chance(80))
		*stack &= ~7ULL;
	if (chance(15))
		*stack = target(current.mode) - base;
	switch (insn->id) {
	case INSN_OP_ENTER: case INSN_OP_LEAVE:
		gpr[INSN_RBP] = chance(90) ? DATA + 0xc00 + rnd() % 0x200 - base : target(current.mode) - base;
		break;
	case INSN_OP_MOVS: case INSN_OP_CMPS: case INSN_OP_STOS: case INSN_OP_LODS: case INSN_OP_SCAS:
	case INSN_OP_INS: case INSN_OP_OUTS:
		gpr[INSN_RSI] = target(current.mode) - base;
		gpr[INSN_RDI] = target(current.mode) - base;
		if (chance(90))
			gpr[INSN_RCX] = rnd() % 4;
		break;
	case INSN_OP_MOV_TO_SEG: case INSN_OP_LAR: case INSN_OP_LSL: case INSN_OP_VERR:
	case INSN_OP_VERW: case INSN_OP_ARPL:
		if (!(insn->prefix & INSN_PFX_MEM))
			gpr[insn->rm] = (gpr[insn->rm] & ~0xffffULL) | some_selector();
		break;
	case INSN_OP_POP_SEG: {
		u16 sel = some_selector();

		if (*stack + base >= DATA && *stack + base < DATA + RW1_BYTES - 2) {
			memcpy(shadow + (*stack + base - DATA), &sel, 2);
			memcpy(native_data + (*stack + base - DATA), &sel, 2);
		}
		break;
	}
	case INSN_OP_RET_FAR: case INSN_OP_IRET:
		/* How wide the selector is read, and so its alignment, is the processor's own. */
		current.in.rflags &= ~0x40000ULL;
		put_frame(*stack + base, insn->opsize, insn->id == INSN_OP_RET_FAR);
		break;
	case INSN_OP_XGETBV:
		/* XINUSE answers for the processor's own state. */
		if ((u32)gpr[INSN_RCX] == 1)
			gpr[INSN_RCX] = 0;
		break;
	case INSN_OP_XLAT:
		gpr[INSN_RBX] = at - base - (u8)gpr[INSN_RAX];
		break;
	case INSN_OP_CLZERO:
		gpr[INSN_RAX] = at - base;
		break;
	case INSN_OP_DIV: case INSN_OP_IDIV:
		if (chance(70))
			gpr[INSN_RDX] = chance(50) ? 0 : ~0ULL;
		if (chance(50))
			gpr[INSN_RAX] &= 0xfff;
		break;
	case INSN_OP_BT: case INSN_OP_BTS: case INSN_OP_BTR: case INSN_OP_BTC:
		if (insn->prefix & INSN_PFX_MEM && insn->opcode != 0xba)
			gpr[insn->reg] = (u64)(s64)(s16)(rnd() & 0x3fff) - 0x2000;
		break;
	case INSN_OP_JMP: case INSN_OP_CALL:
		/* Targets mostly canonical. */
		if (!(insn->prefix & INSN_PFX_MEM) && insn->opcode == 0xff && chance(80))
			gpr[insn->rm] &= 0x7fffffffffff;
		break;
	}
	if (insn->prefix & INSN_PFX_MEM) {
		aim_operand(at);
		put_far_pointer(at);
		if ((insn->id == INSN_OP_CMPXCHG || insn->id == INSN_OP_CMPXCHG8B) && chance(50) &&
		    at >= DATA && at < DATA + 0x1000 && insn->base != INSN_RAX && insn->base != INSN_RDX) {
			unsigned int half = insn->opsize;

			memcpy(&gpr[INSN_RAX], shadow + (at - DATA), 8);
			memcpy(&gpr[INSN_RDX], shadow + (at - DATA) + (half == 8 ? 8 : 4), 8);
		}
	}
	if ((insn->id == INSN_OP_JMP_FAR || insn->id == INSN_OP_CALL_FAR) && insn->opcode != 0xff) {
		u16 sel = chance(70) ? (u16[]){ SEL_CODE64, SEL_CODE32, SEL_CODE16 }[rnd() % 3] : some_selector();
		u64 to = WINDOW - ((sel | 3) == SEL_CODE16 ? WINDOW : 0) + rnd() % 0x3000;

		memcpy(current.code + insn->length - 2, &sel, 2);
		memcpy(current.code + insn->length - 2 - (insn->opsize == 2 ? 2 : 4), &to,
		       insn->opsize == 2 ? 2 : 4);
	}
	if (insn->opcode >= 0xa0 && insn->opcode <= 0xa3 && insn->id == INSN_OP_MOV)
		patch_displacement(at - base, insn->adsize, true);
}

static void make_case(void)
{
	unsigned int i;
	do {
		unsigned int r = (unsigned int)(rnd() % 10);

		current.mode = INSN_MODE_64;
		if (r >= 6 && native_has_32)
			current.mode = INSN_MODE_32;
		if (r >= 8 && native_has_16)
			current.mode = INSN_MODE_16;
		for (i = 0; i < 16; i++) {
			current.in.gpr[i] = interesting();
			if (current.mode != INSN_MODE_64)
				current.in.gpr[i] = i < 8 ? (u32)current.in.gpr[i] : 0;
		}
		current.in.rflags = (rnd() & 0x8d5) | 0x202 | (chance(10) ? 0x400 : 0) |
				    (chance(4) ? 0x40000 : 0) | (chance(3) ? 0x100 : 0);
		/* Code seldom moves: most slots end well before the data. */
		current_slot = (rnd() % 0x300) * 16;
		current.in.rip = WINDOW - segment_base() + current_slot;
	} while (!make_instruction());
	fit_state();
	if (current.mode != INSN_MODE_64)
		for (i = 0; i < 8; i++)
			current.in.gpr[i] = (u32)current.in.gpr[i];
	current_decode = insn_decode(&current_insn, current.code, 15, current_insn.mode);
	memcpy(native_code + current_slot, current.code,
	       current_decode == INSN_OK ? current_insn.length : 15);
}

/* ------------------------------------------------------------------ comparing */

static u64 undefined_flags(void)
{
	const struct insn *insn = &current_insn;
	unsigned int i, bits = insn_operand_size(insn, 0) * 8, count;
	bool by_cl = insn->opcode == 0xd2 || insn->opcode == 0xd3 || insn->opcode == 0xa5 ||
		     insn->opcode == 0xad;

	for (i = 0; i < ARRAY_SIZE(undefined_always); i++)
		if (undefined_always[i].id == insn->id)
			return undefined_always[i].flags;
	if (insn->opcode == 0xd0 || insn->opcode == 0xd1)
		count = 1;
	else
		count = by_cl ? (u8)current.in.gpr[INSN_RCX] : (u8)insn->imm;
	return undefined_by_count(insn->id, count & (bits == 64 ? 63 : 31), bits);
}

/* Values the manuals leave undefined, besides flags. */
static bool undefined_result(void)
{
	const struct insn *insn = &current_insn;

	if (insn->id == INSN_OP_SHLD || insn->id == INSN_OP_SHRD)
		return insn->opsize == 2 &&
		       ((insn->opcode & 1 ? (u8)current.in.gpr[INSN_RCX] : (u8)insn->imm) & 31) > 16;
	return false;
}

static void explain(const char *what, const struct native_state *left, int ret)
{
	unsigned int i;

	if (shared->wrong++ >= 30)
		return;
	printf("# %s: mode %u %s:", what, current.mode,
	       current_decode == INSN_OK ? insn_name(&current_insn) : "invalid");
	for (i = 0; i < (current_decode == INSN_OK ? current_insn.length : 8); i++)
		printf(" %02x", current.code[i]);
	printf("\n#   native vector %d error %#x cr2 %#llx, emulated %d vector %u error %#x payload %#llx\n",
	       left->vector, left->error, (unsigned long long)left->cr2, ret, cpu.fault.vector,
	       cpu.fault.error, (unsigned long long)cpu.fault.payload);
	printf("#   flags in %#llx, native %#llx, emulated %#llx; rip in %#llx, %#llx, %#llx\n",
	       (unsigned long long)current.in.rflags, (unsigned long long)left->rflags,
	       (unsigned long long)cpu.rflags, (unsigned long long)current.in.rip,
	       (unsigned long long)left->rip, (unsigned long long)cpu.rip);
	for (i = 0; i < sizeof(shadow); i++)
		if (shadow[i] != native_data[i])
			printf("#   memory at %#lx native %02x emulated %02x\n", DATA + i, native_data[i],
			       shadow[i]);
	for (i = 0; i < 6; i++)
		if (left->sel[i] != cpu.seg[i].selector)
			printf("#   segment %u native %#x emulated %#x\n", i, left->sel[i],
			       cpu.seg[i].selector);
	for (i = 0; i < 16; i++)
		if (left->gpr[i] != cpu.gpr[i] || current.in.gpr[i] != cpu.gpr[i])
			printf("#   r%u in %#llx native %#llx emulated %#llx\n", i,
			       (unsigned long long)current.in.gpr[i], (unsigned long long)left->gpr[i],
			       (unsigned long long)cpu.gpr[i]);
	fflush(stdout);
}

/* The emulator's turn comes first, so that an instruction that jumps to itself is not tried. */
static int emulate(void)
{
	unsigned int i;
	int ret;

	load_cpu(&current);
	if (current_decode != INSN_OK)
		return insn_raise(&cpu, INSN_EXC_UD, 0);
	for (i = 0; i < 10000; i++) {
		ret = insn_execute(&cpu, &current_insn);
		if (ret != INSN_DONE || !(cpu.events & INSN_EV_REP) || cpu.rflags & 0x100)
			break;
	}
	return ret;
}

static u16 code_selector(void)
{
	return current.mode == INSN_MODE_16 ? SEL_CODE16 : current.mode == INSN_MODE_32 ? SEL_CODE32 :
	       SEL_CODE64;
}

/* It ran, and then met an INT3, the step trap, or nothing at the place it jumped to. */
static bool native_ran(const struct native_state *left, u64 *rip)
{
	/* The segment may be another one by now. */
	u64 linear = left->rip + (left->sel[INSN_CS] == SEL_CODE16 ? WINDOW : 0);

	*rip = left->rip;
	if (left->vector == INSN_EXC_DB)
		return true;
	if (left->vector == INSN_EXC_BP) {
		--*rip;
		return true;
	}
	if (left->rip == current.in.rip && left->sel[INSN_CS] == code_selector())
		return false;
	/* Fetching from the target failed: the jump itself was done. */
	return (left->vector == INSN_EXC_PF && left->cr2 == linear && left->error & 0x10) ||
	       (left->vector == INSN_EXC_GP && left->sel[INSN_CS] != SEL_CODE64);
}

static void compare(const struct native_state *left)
{
	u64 reg_mask = current.mode == INSN_MODE_64 ? ~0ULL : 0xffffffff, flag_mask = RFLAGS_COMPARED;
	unsigned int i;
	u64 rip;
	bool ran = native_ran(left, &rip);
	int ret = emulated;

	/* A hypervisor may hide a feature in CPUID, but not make the processor refuse it. */
	if (left->vector != INSN_EXC_UD && ret == INSN_FAULT && cpu.fault.vector == INSN_EXC_UD &&
	    current_decode == INSN_OK && !insn_has(&cpu, current_insn.feature)) {
		cpu.features[current_insn.feature >> 6] |= 1ULL << (current_insn.feature & 63);
		printf("# %s runs here though CPUID does not say so\n", insn_name(&current_insn));
		ret = emulate();
	}
	shared->cases++;
	shared->by_mode[current.mode]++;
	shared->by_id[current_decode == INSN_OK ? current_insn.id : 0]++;
	if (ret == INSN_UNIMPLEMENTED)
		return explain("not implemented", left, ret);
	if (ran != (ret == INSN_DONE))
		return explain("outcome", left, ret);
	if (!ran) {
		shared->faulted++;
		if (left->vector != cpu.fault.vector)
			return explain("vector", left, ret);
		if (cpu.fault.vector == INSN_EXC_PF) {
			/* Linux hides what is in its half: P is always set there. */
			u32 hidden = left->cr2 >= 0x7ffffffff000 ? 1 : 0;

			if ((left->error | hidden) != (cpu.fault.error | hidden) ||
			    left->cr2 != cpu.fault.payload)
				return explain("page fault", left, ret);
		} else if (cpu.fault.has_error && left->error != cpu.fault.error) {
			return explain("error code", left, ret);
		}
	} else {
		shared->ran++;
		flag_mask &= ~undefined_flags();
	}
	if (undefined_result()) {
		shared->undefined++;
		memcpy(shadow, native_data, sizeof(shadow));
		return;
	}
	/*
	 * POPA that faults midway: this processor family has loaded registers already, others have
	 * not; restarting it gives the same either way.
	 */
	if (!ran && current_insn.id == INSN_OP_POPA)
		reg_mask = 0;
	for (i = 0; i < 16; i++) {
		/*
		 * A return to a 16-bit stack leaves the kernel's bits in the upper half; what leaves
		 * 32-bit code saves 32 bits of the stack pointer.
		 */
		u64 mask = left->sel[INSN_SS] == SEL_DATA16 && i == INSN_RSP ? reg_mask & 0xffff : reg_mask;

		if (i == INSN_RSP && left->sel[INSN_CS] != SEL_CODE64)
			mask &= 0xffffffff;

		if ((left->gpr[i] ^ cpu.gpr[i]) & mask)
			return explain("register", left, ret);
	}
	/* The kernel's IRET clears the RPL of null selectors. */
	for (i = 0; i < 6; i++)
		if (left->sel[i] != cpu.seg[i].selector && (left->sel[i] || cpu.seg[i].selector & ~3))
			return explain("selector", left, ret);
	if ((rip ^ cpu.rip) & (current.mode == INSN_MODE_64 ? ~0ULL : 0xffffffff))
		return explain("rip", left, ret);
	if ((left->rflags ^ cpu.rflags) & flag_mask)
		return explain("flags", left, ret);
	if (memcmp(left->vec, vec, sizeof(vec)) || memcmp(left->mmx, mmx, sizeof(mmx))) {
		explain("vector register", left, ret);
		memcpy(vec, left->vec, sizeof(vec));
		memcpy(mmx, left->mmx, sizeof(mmx));
		return;
	}
	if (memcmp(shadow, native_data, RW1_BYTES) ||
	    memcmp(shadow + (RW2 - DATA), native_data + (RW2 - DATA), 0x1000))
		explain("memory", left, ret);
}

/* It would run for ever, or Linux would act: the vsyscall page is its own. */
static bool unsuitable_target(void)
{
	u64 at = cpu.rip + (cpu.seg[INSN_CS].selector == SEL_CODE16 ? WINDOW : 0) - current.in.rip -
		 segment_base();
	return (at < 16 && at != current_insn.length) || cpu.rip >> 12 == 0xffffffffff600;
}

static bool next(const struct native_state *left, struct native_case *todo)
{
	if (left) {
		u64 wrong = shared->wrong;

		compare(left);
		if (shared->wrong != wrong)
			memcpy(shadow, native_data, sizeof(shadow));
		if (shared->cases >= wanted_cases)
			return false;
	} else {
		unsigned int i;

		for (i = 0; i < DATA_BYTES; i++)
			native_data[i] = (u8)rnd();
		for (i = 0; i < sizeof(vec); i++)
			vec[i / 32][i % 32] = (u8)rnd();
		memset(native_code, 0xcc, CODE_BYTES);
		memcpy(shadow, native_data, sizeof(shadow));
		/* Faults must be those of protection, not of a first touch. */
		for (i = 0; i < DATA_BYTES + CODE_BYTES; i += 0x1000)
			if (i < CODE_BYTES + 0x3000 || i >= CODE_BYTES + 0x4000)
				(void)*(volatile u8 *)(WINDOW + i);
	}
	for (;;) {
		memset(native_code + current_slot, 0xcc, 16);
		make_case();
		memcpy(current.in.vec, vec, sizeof(vec));
		memcpy(current.in.mmx, mmx, sizeof(mmx));
		emulated = emulate();
		if (emulated != INSN_DONE || !unsuitable_target())
			break;
		memcpy(shadow, native_data, sizeof(shadow));	/* it may have pushed */
	}
	*todo = current;
	return true;
}

/* Linux tells the CPU's number by a segment limit, which LSL shows. */
static void stay_on_cpu(void)
{
	int now = sched_getcpu();
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(now < 0 ? 0 : now, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

int main(void)
{
	const char *env = getenv("CASES");
	unsigned int i;
	int status;

	wanted_cases = env ? strtoull(env, NULL, 0) : 5000000;
	env = getenv("SEED");
	seed = (env ? strtoull(env, NULL, 0) : 1) * 0x9e3779b97f4a7c15ULL;
	stay_on_cpu();
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	set_up_cpu();
	setvbuf(stdout, malloc(1 << 16), _IOFBF, 1 << 16);
	diag("%llu cases", (unsigned long long)wanted_cases);
	status = native_run(next);
	if (status == -1)
		skip_all("this machine cannot run the native half");
	diag("%llu cases: 64-bit %llu, 32-bit %llu, 16-bit %llu; %llu ran, %llu faulted, %llu undefined",
	     (unsigned long long)shared->cases, (unsigned long long)shared->by_mode[INSN_MODE_64],
	     (unsigned long long)shared->by_mode[INSN_MODE_32],
	     (unsigned long long)shared->by_mode[INSN_MODE_16], (unsigned long long)shared->ran,
	     (unsigned long long)shared->faulted, (unsigned long long)shared->undefined);
	if (getenv("SHOW"))
		for (i = 0; i < INSN_OP_END; i++)
			if (shared->by_id[i])
				diag("id %u: %u", i, shared->by_id[i]);
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the native half ended by itself (status %#x)",
	   status);
	ok_eq(shared->cases, wanted_cases, "all cases ran");
	ok(native_has_32, "32-bit code ran natively");
	ok(native_has_16, "16-bit code ran natively");
	ok_eq(shared->wrong, 0, "the emulator does what the processor does");
	return done();
}
