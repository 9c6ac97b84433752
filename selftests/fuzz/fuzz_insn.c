// SPDX-License-Identifier: GPL-2.0-only
/*
 * lib/insn under a fuzzer: any bytes, any mode, any state.
 *
 * The input is a mode, control registers and registers, then code, memory and FPU state. Decoding must read
 * only its bytes and give a length of at most 15; execution must end within bounded call-backs,
 * whatever the (hostile) memory holds: page tables, descriptors and task state come from it too.
 */
#include <cpuid.h>
#include <stdlib.h>
#include <string.h>

#include "lib/insn/insn.h"
#include "lib/insn/walk.h"

#define MEMORY 8192
#define MAX_CALLS 20000
#define AREA 832 /* x87, SSE, header, AVX */

static u8 memory[MEMORY];
static u8 *area; /* of just that size, so that the sanitizer sees what goes beyond */
static unsigned int calls;

static u8 *at(u64 address)
{
	if (++calls > MAX_CALLS)
		abort();	/* unbounded work */
	return &memory[address % MEMORY];
}

static int walk_read(void *ctx, u64 gpa, unsigned int bytes, u64 *value)
{
	unsigned int i;

	*value = 0;
	for (i = 0; i < bytes; i++)
		*value |= (u64)*at(gpa + i) << (i * 8);
	return INSN_DONE;
}

static int walk_set(void *ctx, u64 gpa, unsigned int bytes, u64 old, u64 new)
{
	unsigned int i;

	for (i = 0; i < bytes; i++)
		*at(gpa + i) = (u8)(new >> (i * 8));
	return INSN_DONE;
}

static int translate(struct insn_cpu *cpu, u64 linear, u32 acc, u64 *gpa)
{
	struct insn_walk w = {
		.cr0 = cpu->cr0, .cr3 = memory[0] * 64, .cr4 = cpu->cr4, .efer = cpu->efer,
		.phys_bits = 40, .gbpages = true, .user = cpu->cpl == 3, .ac = cpu->rflags & 0x40000,
		.pkru = cpu->pkru, .read_entry = walk_read, .set_entry = walk_set,
	};
	int ret = insn_walk(&w, linear, acc);

	*gpa = w.gpa;
	return ret == INSN_FAULT ? insn_raise_pf(cpu, linear, w.error) : ret;
}

static int cb_fetch(struct insn_cpu *cpu, u64 linear, u8 *buf, unsigned int *n)
{
	unsigned int i;
	u64 gpa;
	int ret = translate(cpu, linear, INSN_ACC_FETCH, &gpa);

	if (ret != INSN_DONE)
		return ret;
	if (!*n || *n > INSN_MAX_LENGTH)
		abort();
	if (4096 - (linear & 4095) < *n)
		*n = 4096 - (unsigned int)(linear & 4095);
	for (i = 0; i < *n; i++)
		buf[i] = *at(gpa + i);
	return INSN_DONE;
}

static int cb_read(struct insn_cpu *cpu, u64 linear, void *data, unsigned int bytes, u32 acc)
{
	unsigned int i;
	u64 gpa;
	int ret = translate(cpu, linear, acc, &gpa);

	if (!bytes || bytes > 64)
		abort();
	if (ret != INSN_DONE || acc & INSN_ACC_PROBE)
		return ret;
	for (i = 0; i < bytes; i++)
		((u8 *)data)[i] = *at(gpa + i);
	return INSN_DONE;
}

static int cb_write(struct insn_cpu *cpu, u64 linear, const void *data, unsigned int bytes, u32 acc)
{
	unsigned int i;
	u64 gpa;
	int ret = translate(cpu, linear, acc | INSN_ACC_WRITE, &gpa);

	if (!bytes || bytes > 64)
		abort();
	if (ret != INSN_DONE)
		return ret;
	for (i = 0; i < bytes; i++)
		*at(gpa + i) = ((const u8 *)data)[i];
	return INSN_DONE;
}

static int cb_in(struct insn_cpu *cpu, u16 port, unsigned int bytes, u32 *value)
{
	*value = *at(port);
	return port & 0x100 ? INSN_EXIT : INSN_DONE;
}

static int cb_out(struct insn_cpu *cpu, u16 port, unsigned int bytes, u32 value)
{
	at(port);
	return INSN_DONE;
}

static int cb_table(struct insn_cpu *cpu, enum insn_table which, u64 *base, u16 *limit)
{
	*base = which == INSN_GDTR ? 0x400 : 0x800;
	*limit = (u16)(memory[1] << 4 | 15);
	return INSN_DONE;
}

static int cb_set_table(struct insn_cpu *cpu, enum insn_table which, u64 base, u16 limit)
{
	return INSN_DONE;
}

static int cb_write_cr(struct insn_cpu *cpu, unsigned int nr, u64 value)
{
	if (nr == 0)
		cpu->cr0 = value;
	return value >> 63 ? insn_raise(cpu, INSN_EXC_GP, 0) : INSN_DONE;
}

static int cb_read_reg(struct insn_cpu *cpu, unsigned int nr, u64 *value)
{
	*value = memory[nr & 63];
	return INSN_DONE;
}

static int cb_write_reg(struct insn_cpu *cpu, unsigned int nr, u64 value)
{
	return INSN_DONE;
}

static int cb_read_xcr(struct insn_cpu *cpu, unsigned int nr, u64 *value)
{
	*value = nr ? memory[nr & 63] : (memory[2] & 7) | 1;
	return INSN_DONE;
}

static int cb_cpuid(struct insn_cpu *cpu, u32 regs[4])
{
	static const u32 leaf_d[3][4] = { { 7, AREA, AREA, 0 }, { 0xf, AREA, 0, 0 }, { 256, 576, 0, 0 } };
	static const u32 zero[4];

	memcpy(regs, regs[0] == 0xd && regs[2] < 3 ? leaf_d[regs[2]] : zero, sizeof(zero));
	return INSN_DONE;
}

static int cb_fpu(struct insn_cpu *cpu, struct insn_fpu *fpu)
{
	fpu->area = area;
	fpu->components = memory[2] & 8 ? 0 : 7;
	return INSN_DONE;
}

static bool host_has(void *ctx, const struct insn_cpuid_bit *bit)
{
	u32 r[4];

	return __get_cpuid_count(bit->leaf, bit->subleaf, &r[0], &r[1], &r[2], &r[3]) &&
	       r[bit->reg] >> bit->bit & 1;
}

static const struct insn_ops ops = {
	.fetch = cb_fetch, .read = cb_read, .write = cb_write, .io_in = cb_in, .io_out = cb_out,
	.get_table = cb_table, .set_table = cb_set_table, .read_cr = cb_read_reg,
	.write_cr = cb_write_cr, .read_dr = cb_read_reg, .write_dr = cb_write_reg,
	.read_msr = cb_read_reg, .write_msr = cb_write_reg, .read_xcr = cb_read_xcr,
	.write_xcr = cb_write_reg, .cpuid = cb_cpuid, .fpu = cb_fpu,
};

struct input {
	u8 mode, cpl, control, segments;
	u64 gpr[16], rip, rflags;
	u8 code[16];
};

static void decode_only(const u8 *data, size_t size)
{
	unsigned int n = size < 20 ? (unsigned int)size : 20, mode;
	u8 *exact = malloc(n ?: 1);
	struct insn a, b;
	int ret;

	memcpy(exact, data, n);
	for (mode = 0; mode < 6; mode++) {
		unsigned int m = mode % 3 | (mode >= 3 ? INSN_MODE_AMD : 0);

		ret = insn_decode(&a, exact, n, m);
		if (ret != INSN_OK && ret != INSN_NOT_IMPL)
			continue;
		if (!a.length || a.length > INSN_MAX_LENGTH || a.length > n)
			abort();
		if (insn_decode(&b, exact, a.length, m) != ret || memcmp(&a, &b, sizeof(a)))
			abort();
		if (ret == INSN_OK && insn_operand_size(&a, 0) > 64)
			abort();
	}
	free(exact);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct insn_cpu cpu = { .ops = &ops, .max_rep = 20 };
	struct insn_event event = { .has_error = true, .error = 0x1234 };
	struct input in;
	unsigned int i;

	decode_only(data, size);
	if (size < sizeof(in))
		return 0;
	memcpy(&in, data, sizeof(in));
	memset(memory, 0, sizeof(memory));
	memcpy(memory, data + sizeof(in), size - sizeof(in) < MEMORY ? size - sizeof(in) : MEMORY);

	area = area ?: aligned_alloc(64, AREA);
	memcpy(area, memory + 64, AREA);

	memcpy(cpu.gpr, in.gpr, sizeof(cpu.gpr));
	cpu.rflags = (in.rflags & 0x3f7fd5) | 2;
	cpu.cpl = in.cpl & 1 ? 3 : in.cpl >> 1 & 3;
	cpu.vendor = in.cpl >> 3 & 1;
	cpu.cr0 = (in.control & 1) | (in.control & 2 ? 0x80000000 : 0) | (in.control & 4 ? 0x10000 : 0) |
		  (in.control & 8 ? 0x40000 : 0);
	if (!(cpu.cr0 & 1))
		cpu.cr0 &= ~0x80000000ULL;
	cpu.cr4 = (in.control & 16 ? 0x20 : 0) | (in.control & 32 ? 0x301 : 0) |
		  (in.control & 64 ? 0x350000 : 0) | (in.control & 128 ? 0x1000 : 0);
	memset(cpu.features, 0xff, sizeof(cpu.features));
	insn_features_from_cpuid(cpu.host_features, host_has, NULL);
	if (in.mode % 3 == 2) {
		cpu.cr0 |= 0x80000001;
		cpu.cr4 |= 0x20;
		cpu.efer = 0xd01;
		cpu.rflags &= ~0x20000ULL;
	}
	for (i = 0; i < INSN_SEG_END; i++)
		cpu.seg[i] = (struct insn_segment){ in.segments & 1 ? 0 : 0x1000, in.segments & 2 ? ~0U : 0xffff,
						    (u16)(i * 8 | cpu.cpl), i == INSN_CS ? 0xfb : 0xf3 };
	cpu.seg[INSN_CS].attr |= in.mode % 3 == 2 ? INSN_SEG_L : in.mode % 3 == 1 ? INSN_SEG_DB : 0;
	cpu.seg[INSN_SS].attr |= in.segments & 4 ? INSN_SEG_DB : 0;
	cpu.seg[INSN_TR] = (struct insn_segment){ 0x300, in.segments & 8 ? 0x67 : 0x2b, 0x28,
						  in.segments & 8 ? 0x8b : 0x83 };
	cpu.seg[INSN_LDTR] = (struct insn_segment){ 0x500, 0xff, 0x30, in.segments & 16 ? 0x82 : 0 };
	cpu.seg_valid = 0xff;
	cpu.rip = in.rip;
	event.vector = in.code[15];
	event.type = in.code[14] % 5;

	for (i = 0; i < 8; i++) {
		struct insn_cpu before = cpu;
		struct insn insn;
		int ret;

		calls = 0;
		/* The code given, then what memory holds. */
		if (!i && insn_decode(&insn, in.code, INSN_MAX_LENGTH, insn_cpu_mode(&cpu)) == INSN_OK)
			ret = insn_execute(&cpu, &insn);
		else
			ret = insn_step(&cpu);
		if (ret == INSN_FAULT) {
			calls = 0;
			event.vector = cpu.fault.vector;
			event.type = INSN_EVENT_EXCEPTION;
			ret = insn_deliver(&cpu, &event);
		}
		if (ret == INSN_UNIMPLEMENTED && memcmp(before.gpr, cpu.gpr, sizeof(cpu.gpr)))
			abort();
		if (ret != INSN_DONE)
			break;
	}
	calls = 0;
	insn_deliver(&cpu, &event);
	calls = 0;
	insn_task_switch(&cpu, (u16)in.rip, in.code[13] % 4, &event);
	return 0;
}
