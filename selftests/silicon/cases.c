// SPDX-License-Identifier: GPL-2.0-only
/* Making cases: random instructions, and state that lets them do something. */
#include <string.h>

#include "cases.h"

struct native_case current;
struct insn current_insn;
int current_decode;
u64 current_slot;
u64 seed;

u64 rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

bool chance(unsigned int percent)
{
	return rnd() % 100 < percent;
}

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
	/* EDX:EAX choose components. */
	if (insn->id >= INSN_OP_XSAVE && insn->id <= INSN_OP_XRSTORS &&
	    (insn->base == INSN_RAX || insn->index == INSN_RAX || insn->base == INSN_RDX ||
	     insn->index == INSN_RDX))
		return true;
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

u64 segment_base(void)
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
	fit_fpu_state();
	if (insn->prefix & INSN_PFX_MEM) {
		bool fpu = fpu_operand(&at);

		aim_operand(at);
		put_far_pointer(at);
		if (fpu)
			put_fpu_operand(at);
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

void make_case(void)
{
	unsigned int i;
	do {
		unsigned int r = (unsigned int)(rnd() % 10);

		current.mode = INSN_MODE_64;
		if (r >= 6 && !native_lacks.mode32)
			current.mode = INSN_MODE_32;
		if (r >= 8 && !native_lacks.mode16)
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

