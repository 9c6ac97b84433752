// SPDX-License-Identifier: GPL-2.0-only
/* The processor and memory that the emulator sees: the window, and tables as Linux has them. */
#include <cpuid.h>
#include <string.h>

#include "cases.h"

struct insn_cpu cpu;
u8 shadow[DATA_BYTES];
u8 area[AREA_BYTES] __aligned(64);

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

static int cb_fpu(struct insn_cpu *cpu, struct insn_fpu *fpu)
{
	fpu->area = area;
	fpu->components = 7;
	return INSN_DONE;
}

static int cb_cpuid(struct insn_cpu *cpu, u32 regs[4])
{
	__get_cpuid_count(regs[0], regs[2], &regs[0], &regs[1], &regs[2], &regs[3]);
	return INSN_DONE;
}

static const struct insn_ops ops = {
	.fpu = cb_fpu, .cpuid = cb_cpuid,
	.get_table = cb_get_table,
	.read = cb_read, .write = cb_write, .compare_swap = cb_compare_swap, .read_xcr = cb_read_xcr,
};

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

void set_up_cpu(void)
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
	memcpy(cpu.host_features, cpu.features, sizeof(cpu.features));
	ldt[0] = descriptor(WINDOW, 0xffff, 0x0fb);
	ldt[1] = descriptor(WINDOW, 0xffff, 0x0f3);
	/* CPU and node number: Linux keeps them in a limit. */
	gdt[15] = descriptor(0, limit_of(0x7b), 0x4f5);
}

void load_cpu(const struct native_case *c)
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
	if (native_lacks.mode32)
		gdt[SEL_CODE32 >> 3] = 0;
	cpu.seg[INSN_LDTR] = native_lacks.mode16 ? null :
			     (struct insn_segment){ FAKE_LDT, sizeof(ldt) - 1, 0x50, 0x082 };
	cpu.seg[INSN_TR] = (struct insn_segment){ FAKE_TSS, 103, 0x40, 0x08b };
	cpu.seg_valid = 0xff;
	cpu.cpl = 3;
	memcpy(cpu.gpr, c->in.gpr, sizeof(cpu.gpr));
	cpu.rip = c->in.rip;
	cpu.rflags = c->in.rflags;
}

