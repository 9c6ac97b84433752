// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every kind of exit, one tiny guest each, in 16-, 32- and 64-bit code.
 *
 * A snippet writes what it found to TINY_PORT, or runs into an exception of which the test knows
 * vector, error code and address.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "emulator.h"
#include "tap.h"
#include "tiny.h"

#define OUT "out %eax, $0xf1\n"

static struct tiny t;

/* The next exit must be OUT to TINY_PORT; its value. */
static uint32_t out_value(const char *what)
{
	int ret = tiny_run(&t);

	if (ret == FERRY_EXIT_IO && t.run->io.port == TINY_PORT)
		return tiny_out(&t);
	diag("%s: exit %d instead of a port write", what, ret);
	if (ret == TINY_TRAP)
		diag("trap %llu, error %llx, rip %llx, cr2 %llx", (long long)t.trap->vector,
		     (long long)t.trap->error, (long long)t.trap->rip, (long long)t.trap->cr2);
	if (ret == FERRY_EXIT_ERROR)
		diag("%s (code %llx info %llx %llx)", (char *)t.run->error.detail,
		     (long long)t.run->error.code, (long long)t.run->error.info1,
		     (long long)t.run->error.info2);
	return 0xdeadbeef;
}

#define ok_out(want, ...) ok_eq(out_value(#want), want, __VA_ARGS__)

/* The next exit must be this exception at this offset of the snippet. */
static void ok_trap(int vector, uint64_t offset, const char *what)
{
	int ret = tiny_run(&t);

	if (!ok(ret == TINY_TRAP && t.trap->vector == (uint64_t)vector &&
			t.trap->rip == TINY_CODE + offset,
		"%s: exception %d", what, vector))
		diag("exit %d, vector %llu, error %llx, rip %llx", ret, (long long)t.trap->vector,
		     (long long)t.trap->error, (long long)t.trap->rip);
}

/* What QEMU's TCG does not check where the CPU must, without an exit. */
static bool lax_cpu(const char *what)
{
	if (!on_qemu())
		return false;
	skip("QEMU's TCG does not check it", "%s", what);
	return true;
}

/* ------------------------------------------------------------------------ CPUID */

#define CPUID_BODY                                                                                 \
	"mov $0x40000000, %eax; xor %ecx, %ecx; cpuid; mov %ebx, %eax\n" OUT                       \
	"mov $0x40000000, %eax; .byte 0xf3, 0x0f, 0xa2; mov %ebx, %eax\n" OUT                      \
	"mov $1, %eax; cpuid; mov %ecx, %eax\n" OUT "hlt\n"

TINY_SNIPPET(cpuid64, 64, CPUID_BODY);
TINY_SNIPPET(cpuid64_rex, 64,
	     "mov $0x40000000, %eax; .byte 0x66, 0x48, 0x0f, 0xa2; mov %rbx, %rax; shr $32, %rax\n" OUT
	     "or $-1, %rbx; or $-1, %rcx; xor %eax, %eax; cpuid; mov %rbx, %rax; shr $32, %rax\n" OUT);
TINY_SNIPPET(cpuid32, 32, CPUID_BODY);
TINY_SNIPPET(cpuid16, 16, CPUID_BODY);

static void test_cpuid(void)
{
	static const struct {
		const char *name, *begin, *end;
		enum tiny_mode mode;
	} modes[] = {
		{ "64-bit", cpuid64_begin, cpuid64_end, TINY_64 },
		{ "32-bit", cpuid32_begin, cpuid32_end, TINY_32 },
		{ "paged 32-bit", cpuid32_begin, cpuid32_end, TINY_PAGED32 },
		{ "16-bit", cpuid16_begin, cpuid16_end, TINY_REAL },
	};
	uint64_t before, emulated;
	size_t i;

	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		tiny_load(&t, modes[i].mode, modes[i].begin, modes[i].end - modes[i].begin);
		before = tiny_exits(&t, "cpuid");
		emulated = tiny_exits(&t, "emulate");
		ok_out(0x4b4d564b, "%s: CPUID shows the hypervisor leaf", modes[i].name);
		ok_out(0x4b4d564b, "%s: with a prefix", modes[i].name);
		ok(out_value("leaf 1") & 1u << 31, "%s: leaf 1 says hypervisor", modes[i].name);
		/* Without paging some CPUs run no guest: it is emulated, and nothing exits. */
		emulated = tiny_exits(&t, "emulate") - emulated;
		ok(!emulated || modes[i].mode == TINY_32 || modes[i].mode == TINY_REAL,
		   "%s: runs on the CPU if it can", modes[i].name);
		ok_eq(tiny_exits(&t, "cpuid") - before, emulated ? 0 : 3, "%s: three exits",
		      modes[i].name);
	}
	TINY_LOAD(&t, TINY_64, cpuid64_rex);
	ok_out(0, "CPUID with 66 and REX prefixes is four bytes long");
	ok_out(0, "CPUID clears the upper halves");
}

/*
 * CPUID as the last two bytes of 4 GiB in compatibility mode: EIP goes on at 0. Any process can be
 * there. It is asked more than once, as the first time takes the longer way.
 */
#define COMPAT_TOP 0x102000 /* what lies there */
#define PT_TOP 0x103000
#define PD_TOP 0x104000
#define AT_ZERO 0xe5

static void test_cpuid_wraps(void)
{
	struct ferry_state_segments s;
	struct ferry_state_general g;
	bool good = true;
	int i, ret = 0;

	for (i = 0; good && i < 3; i++) {
		TINY_LOAD(&t, TINY_64, cpuid64);
		((uint64_t *)(t.mem + 0x7000))[3] = PD_TOP | 7;
		((uint64_t *)(t.mem + PD_TOP))[511] = PT_TOP | 7;
		((uint64_t *)(t.mem + PT_TOP))[511] = COMPAT_TOP | 7;
		memcpy(t.mem + COMPAT_TOP + 0xffe, "\x0f\xa2", 2);
		memcpy(t.mem, "\xe6\xe5", 2); /* out %al, $AT_ZERO */
		tiny_get(&t, FERRY_STATE_SEGMENTS, &s, sizeof(s));
		s.seg[FERRY_SEG_CS] = (struct ferry_segment){ .selector = TINY_CS32, .limit = ~0u,
							      .attrib = 0xc9b };
		tiny_set(&t, FERRY_STATE_SEGMENTS, &s, sizeof(s));
		g = tiny_regs(&t);
		g.rip = 0xfffffffe;
		g.gpr[FERRY_RAX] = 0x40000000;
		tiny_set_regs(&t, &g);
		ret = tiny_run(&t);
		good = ret == FERRY_EXIT_IO && t.run->io.port == AT_ZERO;
	}
	if (!ok(good, "CPUID at the end of 4 GiB goes on at 0"))
		diag("exit %d rip %llx: %s", ret, (long long)tiny_regs(&t).rip,
		     ret == FERRY_EXIT_ERROR ? (char *)t.run->error.detail : "");
}

/* ------------------------------------------------------------------------ ports */

#define PORT_BODY                                                                                  \
	"mov $0x11223344, %eax; mov $0x1234, %dx\n"                                                \
	"out %al, %dx; out %ax, %dx; out %eax, %dx; out %al, $0x80\n"                              \
	"in %dx, %al\n" OUT "in %dx, %ax\n" OUT "in %dx, %eax\n" OUT "hlt\n"

TINY_SNIPPET(port64, 64, PORT_BODY);
TINY_SNIPPET(port32, 32, PORT_BODY);
TINY_SNIPPET(port16, 16, PORT_BODY);

static bool wrote(uint16_t port, unsigned int width, uint32_t value)
{
	return tiny_run(&t) == FERRY_EXIT_IO && t.run->io.is_write && t.run->io.port == port &&
	       t.run->io.width == width && tiny_out(&t) == value;
}

static bool reads(unsigned int width)
{
	static const uint32_t answer = 0xaabbccdd;
	bool good = tiny_run(&t) == FERRY_EXIT_IO && !t.run->io.is_write &&
		    t.run->io.port == 0x1234 && t.run->io.width == width;

	memcpy((void *)t.run->io.data, &answer, 4);
	return good;
}

static void test_ports(enum tiny_mode mode, const char *begin, const char *end, const char *name)
{
	tiny_load(&t, mode, begin, end - begin);
	ok(wrote(0x1234, 1, 0x44), "%s: OUT, a byte", name);
	ok(wrote(0x1234, 2, 0x3344), "%s: OUT, a word", name);
	ok(wrote(0x1234, 4, 0x11223344), "%s: OUT, a doubleword", name);
	ok(wrote(0x80, 1, 0x44), "%s: OUT to an immediate port", name);
	ok(reads(1), "%s: IN, a byte", name);
	ok_out(0x112233dd, "%s: changes AL alone", name);
	ok(reads(2), "%s: IN, a word", name);
	ok_out(0x1122ccdd, "%s: changes AX alone", name);
	ok(reads(4), "%s: IN, a doubleword", name);
	ok_out(0xaabbccdd, "%s: changes EAX", name);
}

/* -------------------------------------------------------------------- HLT and IF */

TINY_SNIPPET(hlt, 64, "mov $7, %eax\n" OUT "hlt\n" OUT);
TINY_SNIPPET(spin, 64, "1: jmp 1b\n");
TINY_SNIPPET(spin_on, 64, "sti\n 1: jmp 1b\n");

static void test_hlt(void)
{
	struct ferry_state_mp mp;

	TINY_LOAD(&t, TINY_64, hlt);
	ok_out(7, "a guest runs to its HLT");
	ok_eq(tiny_run_ms(&t, 50), TINY_LATE, "HLT with interrupts off waits for a signal");
	ok(!tiny_get(&t, FERRY_STATE_MP, &mp, sizeof(mp)) && mp.state == FERRY_MP_HALTED,
	   "the vCPU is halted");
	mp.state = FERRY_MP_RUNNABLE;
	ok(!tiny_set(&t, FERRY_STATE_MP, &mp, sizeof(mp)), "it can be made runnable");
	ok_out(7, "and goes on behind the HLT");

	TINY_LOAD(&t, TINY_64, spin_on);
	ok_eq(tiny_run_ms(&t, 50), TINY_LATE, "a signal ends a loop with interrupts on");
	ok_eq(tiny_regs(&t).rip, TINY_CODE + 1, "RIP is where the loop is");
	if (on_bochs()) {
		skip("Bochs 2.7 lets no interrupt end it", "a loop with interrupts off");
		return;
	}
	TINY_LOAD(&t, TINY_64, spin);
	ok_eq(tiny_run_ms(&t, 50), TINY_LATE, "a signal ends a loop with interrupts off");
	ok_eq(tiny_regs(&t).rip, TINY_CODE, "RIP is where the loop is");
}

/* -------------------------------------------------------------------------- MSRs */

TINY_SNIPPET(wrmsr, 64, "wrmsr; rdmsr; mov %eax, %r8d; mov %edx, %eax\n" OUT "mov %r8d, %eax\n" OUT);
TINY_SNIPPET(rdmsr, 64, "rdmsr\n" OUT);

static void write_msr(uint32_t index, uint64_t value)
{
	struct ferry_state_general g;

	TINY_LOAD(&t, TINY_64, wrmsr);
	g = tiny_regs(&t);
	g.gpr[FERRY_RCX] = index;
	g.gpr[FERRY_RAX] = (uint32_t)value;
	g.gpr[FERRY_RDX] = value >> 32;
	tiny_set_regs(&t, &g);
}

static void test_msrs(void)
{
	static const struct {
		const char *name;
		uint32_t index;
		uint64_t value;
	} good[] = {
		{ "STAR", 0xc0000081, 0x0023001000000000 },
		{ "LSTAR", 0xc0000082, 0xffffffff81000000 },
		{ "CSTAR", 0xc0000083, 0xffffffff82000000 },
		{ "SFMASK", 0xc0000084, 0x47700 },
		{ "FS_BASE", 0xc0000100, 0x00007f1234567000 },
		{ "GS_BASE", 0xc0000101, 0xffff888012345000 },
		{ "KERNEL_GS_BASE", 0xc0000102, 0xffff888076543000 },
		{ "SYSENTER_CS", 0x174, 0x10 },
		{ "SYSENTER_ESP", 0x175, 0x12345678 },
		{ "SYSENTER_EIP", 0x176, 0x87654320 },
		{ "PAT", 0x277, 0x0407010600070106 },
		{ "EFER", 0xc0000080, 0xd01 },
		{ "TSC_AUX", 0xc0000103, 0x12345 },
		{ "MTRR_DEF_TYPE", 0x2ff, 0xc06 },
	};
	static const struct {
		const char *name;
		uint32_t index;
		uint64_t value;
	} bad[] = {
		{ "PAT with a reserved type", 0x277, 0x0407010600070102 },
		{ "EFER.SVME", 0xc0000080, 0x1d01 },
		{ "EFER.LME off under paging", 0xc0000080, 0x401 },
		{ "an MSR of SVM (VM_HSAVE_PA)", 0xc0010117, 0x1000 },
		{ "an MSR nobody knows", 0x12345678, 1 },
		{ "an MSR between the ranges", 0xc0020000, 1 },
	};
	struct ferry_state_general g;
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		uint64_t high, low;

		write_msr(good[i].index, good[i].value);
		high = out_value(good[i].name);
		low = out_value(good[i].name);
		ok_eq(high << 32 | low, good[i].value, "%s keeps its value", good[i].name);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		write_msr(bad[i].index, bad[i].value);
		ok_trap(13, 0, bad[i].name);
	}
	if (!lax_cpu("LSTAR not canonical")) {
		write_msr(0xc0000082, 0x8000000000000000);
		ok_trap(13, 0, "LSTAR not canonical");
	}
	TINY_LOAD(&t, TINY_64, rdmsr);
	g = tiny_regs(&t);
	g.gpr[FERRY_RCX] = 0x12345678;
	tiny_set_regs(&t, &g);
	ok_trap(13, 0, "reading an unknown MSR");
	ok_eq(t.trap->error, 0, "its error code is 0");
}

TINY_SNIPPET(rdtscp, 64,
	     "mov $0xc0000103, %ecx; mov $0xabc, %eax; xor %edx, %edx; wrmsr\n"
	     "rdtscp; mov %ecx, %eax\n" OUT
	     "mov $0xc0000103, %ecx; mov $0xdef, %eax; xor %edx, %edx; wrmsr\n"
	     "rdtscp; mov %ecx, %eax\n" OUT);
TINY_SNIPPET(gs, 64,
	     "mov $0xc0000101, %ecx; mov $0x100000, %eax; xor %edx, %edx; wrmsr\n"
	     "mov $0xc0000102, %ecx; mov $0x100008, %eax; xor %edx, %edx; wrmsr\n"
	     "movl $11, 0x100000; movl $22, 0x100008\n"
	     "mov %gs:0, %eax\n" OUT "swapgs; mov %gs:0, %eax\n" OUT "swapgs; mov %gs:0, %eax\n" OUT);

static void test_switched_state(void)
{
	TINY_LOAD(&t, TINY_64, rdtscp);
	ok_out(0xabc, "RDTSCP reads the guest's TSC_AUX");
	ok_out(0xdef, "and its new value at once");
	TINY_LOAD(&t, TINY_64, gs);
	ok_out(11, "GS_BASE survives exits");
	ok_out(22, "SWAPGS finds KERNEL_GS_BASE");
	ok_out(11, "and back");
}

/* ------------------------------------------------------------- control registers */

TINY_SNIPPET(cr64, 64,
	     "mov %cr0, %rax\n" OUT
	     "mov %cr0, %rax; or $8, %rax; mov %rax, %cr0; mov %cr0, %rax\n" OUT
	     "clts; mov %cr0, %rax\n" OUT
	     "mov %cr4, %rax; or $0x80, %rax; mov %rax, %cr4; mov %cr4, %rax\n" OUT
	     "mov %cr3, %rax; mov %rax, %cr3; mov %cr3, %rax\n" OUT
	     "smsw %ax; movzwl %ax, %eax\n" OUT
	     "mov $0x6000e011, %eax; mov %rax, %cr2; mov %cr2, %rax\n" OUT
	     "mov $5, %eax; mov %rax, %cr8; mov %cr8, %rax\n" OUT);
TINY_SNIPPET(cr0_bad, 64, "mov $0x80000010, %eax; mov %rax, %cr0\n" OUT);
TINY_SNIPPET(cr4_bad, 64, "mov $0x80000620, %eax; mov %rax, %cr4\n" OUT);
TINY_SNIPPET(cr8_bad, 64, "mov $16, %eax; mov %rax, %cr8\n" OUT);
TINY_SNIPPET(cr0_cd, 64,
	     "mov %cr0, %rax; or $0x40000000, %eax; mov %rax, %cr0; mov %cr0, %rax\n" OUT
	     "wbinvd; mov %cr0, %rax; and $0xffffffffbfffffff, %rax; mov %rax, %cr0\n"
	     "mov %cr0, %rax\n" OUT);
/* From real mode through protected mode to long mode, as a boot loader does it. */
TINY_SNIPPET(climb, 16,
	     "mov %cs, %ax; mov %ax, %ds\n"
	     "lgdtl 90f - climb_begin\n"
	     "mov %cr0, %eax; or $1, %eax; mov %eax, %cr0\n"
	     "ljmpl $0x18, $0x10000 + (32f - climb_begin)\n"
	     ".code32\n32: mov $0x10, %eax; mov %eax, %ds; mov %eax, %es; mov %eax, %ss\n"
	     "mov $0x5000, %esp\n"
	     "mov $1, %eax\n" OUT
	     "mov %cr4, %eax; or $0x20, %eax; mov %eax, %cr4\n"
	     "mov $0x6000, %eax; mov %eax, %cr3\n"
	     "mov $0xc0000080, %ecx; rdmsr; or $0x100, %eax; wrmsr\n"
	     "mov %cr0, %eax; or $0x80000000, %eax; mov %eax, %cr0\n"
	     "rdmsr\n" OUT
	     "ljmp $0x08, $0x10000 + (64f - climb_begin)\n"
	     ".code64\n64: mov $0x123456789, %rax; shr $4, %rax\n" OUT
	     "ljmp *91f(%rip)\n"
	     ".code32\n33: mov %cr0, %eax; and $0x7fffffff, %eax; mov %eax, %cr0; rdmsr\n" OUT
	     "90: .word 79; .long 0x800\n"
	     "91: .long 0x10000 + (33b - climb_begin); .word 0x18\n");

static void test_control(void)
{
	TINY_LOAD(&t, TINY_64, cr64);
	ok_out(0x80010011, "CR0 reads as set");
	ok_out(0x80010019, "CR0.TS can be set");
	ok_out(0x80010011, "CLTS clears it");
	ok_out(0x6a0, "CR4.PGE can be set");
	ok_out(0x6000, "CR3 keeps its value");
	ok_out(0x11, "SMSW");
	ok_out(0x6000e011, "CR2 keeps its value");
	ok_out(5, "CR8 keeps its value");
	TINY_LOAD(&t, TINY_64, cr0_bad);
	ok_trap(13, 5, "CR0.PG without PE");
	TINY_LOAD(&t, TINY_64, cr4_bad);
	ok_trap(13, 5, "a CR4 bit nobody knows");
	if (!lax_cpu("CR8 above 15")) {
		TINY_LOAD(&t, TINY_64, cr8_bad);
		ok_trap(13, 5, "CR8 above 15");
	}
	TINY_LOAD(&t, TINY_64, cr0_cd);
	ok_out(0xc0010011, "CR0.CD is seen set");
	ok_out(0x80010011, "and clear again");
	TINY_LOAD(&t, TINY_REAL, climb);
	/* The tables of 64-bit mode are wanted, the mode is not. */
	{
		uint64_t *pml4 = (uint64_t *)(t.mem + 0x6000);

		pml4[0] = 0x7007;
		pml4[512] = 0x8007;
		pml4[1024] = 0x87;
	}
	ok_out(1, "real mode to protected mode");
	ok_out(0x500, "long mode becomes active with paging");
	ok_out(0x12345678, "64-bit code runs");
	ok_out(0x100, "and leaving long mode clears LMA");
}

/* ------------------------------------------------------ what a guest may not have */

#define FORBIDDEN(name, insn) TINY_SNIPPET(name, 64, "mov $0x100000, %eax\n" insn "\n" OUT)

FORBIDDEN(vmrun, "vmrun %rax");
FORBIDDEN(vmload, "vmload %rax");
FORBIDDEN(vmsave, "vmsave %rax");
FORBIDDEN(stgi, "stgi");
FORBIDDEN(clgi, "clgi");
FORBIDDEN(skinit, "skinit");
FORBIDDEN(invlpga, "invlpga %rax, %ecx");
FORBIDDEN(vmxoff, "vmxoff");
FORBIDDEN(monitor, "monitor");
FORBIDDEN(mwait, "mwait");
FORBIDDEN(rsm, "rsm");
FORBIDDEN(xsetbv_off, "xsetbv");
FORBIDDEN(ud2, "ud2");
FORBIDDEN(rdpmc, "rdpmc");
TINY_SNIPPET(vmmcall, 64, "mov $99, %eax; vmmcall\n" OUT);
TINY_SNIPPET(caches, 64, "wbinvd; invd; invlpg 0x100000; mov $3, %eax\n" OUT);

static void test_forbidden(void)
{
	static const struct {
		const char *name, *begin, *end;
		int vector;
	} insns[] = {
#define ROW(n, v) { #n, n##_begin, n##_end, v }
		ROW(vmrun, 6),	ROW(vmload, 6),	 ROW(vmsave, 6),  ROW(stgi, 6), ROW(clgi, 6),
		ROW(skinit, 6), ROW(invlpga, 6), ROW(vmxoff, 6),  ROW(monitor, 6),
		ROW(mwait, 6),	ROW(rsm, 6),	 ROW(xsetbv_off, 6), ROW(ud2, 6), ROW(rdpmc, 13),
#undef ROW
	};
	size_t i;

	for (i = 0; i < sizeof(insns) / sizeof(insns[0]); i++) {
		tiny_load(&t, TINY_64, insns[i].begin, insns[i].end - insns[i].begin);
		ok_trap(insns[i].vector, 5, insns[i].name);
	}
	TINY_LOAD(&t, TINY_64, vmmcall);
	ok_out((uint32_t)-1000, "VMMCALL: no such call");
	TINY_LOAD(&t, TINY_64, caches);
	ok_out(3, "WBINVD, INVD and INVLPG are passed over");
}

/* Sizes of the XSAVE area for XCR0 = 1, 3 and 7; XGETBV reads back what XSETBV wrote. */
TINY_SNIPPET(xsave, 64,
	     "mov $1, %eax; cpuid; shr $26, %ecx; and $1, %ecx; mov %ecx, %eax\n" OUT
	     "mov %cr4, %rax; or $0x40000, %eax; mov %rax, %cr4\n"
	     "mov $0xd, %eax; xor %ecx, %ecx; cpuid; mov %ebx, %eax\n" OUT
	     "mov $7, %eax; xor %edx, %edx; xor %ecx, %ecx; xsetbv\n"
	     "mov $0xd, %eax; xor %ecx, %ecx; cpuid; mov %ebx, %eax\n" OUT
	     "xor %ecx, %ecx; xgetbv\n" OUT
	     "mov $1, %eax; xor %edx, %edx; xor %ecx, %ecx; xsetbv; xgetbv\n" OUT
	     "mov $2, %eax; xsetbv\n");

static void test_xsave(void)
{
	uint32_t has, size;

	TINY_LOAD(&t, TINY_64, xsave);
	has = out_value("CPUID");
	if (!has) {
		skip("this CPU has none", "XSAVE");
		return;
	}
	ok_out(576, "XCR0 is 1 at first: 576 bytes");
	size = out_value("XSETBV");
	ok(size >= 576 + 256, "CPUID sees the new XCR0: %u bytes", size);
	ok_out(7, "XGETBV reads what XSETBV wrote");
	ok_out(1, "and once more");
	ok(tiny_run(&t) == TINY_TRAP && t.trap->vector == 13, "XCR0 without x87 is #GP");
}

/* ------------------------------------------------------------------------ memory */

TINY_SNIPPET(touch, 64,
	     "mov $0x100000, %edi; mov $512, %ecx\n"
	     "1: mov (%rdi), %eax; mov %edi, (%rdi); add $4096, %rdi; dec %ecx; jnz 1b\n"
	     "mov $512, %ecx; mov $0x100000, %edi; xor %eax, %eax\n"
	     "1: add (%rdi), %rax; add $4096, %rdi; dec %ecx; jnz 1b\n" OUT);
TINY_SNIPPET(mmio64, 64,
	     "mov $0x3f000000, %edi; mov $0x1122334455667788, %rax\n"
	     "mov %al, (%rdi); mov %ax, 2(%rdi); mov %eax, 4(%rdi); mov %rax, 8(%rdi)\n"
	     "xor %eax, %eax; mov (%rdi), %al\n" OUT
	     "movzwl 2(%rdi), %eax\n" OUT
	     "movsbl 1(%rdi), %eax\n" OUT
	     "mov $5, %eax; add %eax, (%rdi); mov $6, %eax\n" OUT);

static bool mmio_wrote(uint64_t gpa, unsigned int width, uint64_t value)
{
	uint64_t data = 0;

	if (tiny_run(&t) != FERRY_EXIT_MMIO)
		return false;
	memcpy(&data, (void *)t.run->mmio.data, width);
	return t.run->mmio.is_write && t.run->mmio.gpa == gpa && t.run->mmio.width == width &&
	       data == value;
}

static bool mmio_reads(uint64_t gpa, unsigned int width, uint64_t value)
{
	if (tiny_run(&t) != FERRY_EXIT_MMIO || t.run->mmio.is_write || t.run->mmio.gpa != gpa ||
	    t.run->mmio.width != width)
		return false;
	memcpy((void *)t.run->mmio.data, &value, 8);
	return true;
}

static void test_memory(void)
{
	uint32_t sum = 0, i;

	TINY_LOAD(&t, TINY_64, touch);
	for (i = 0; i < 512; i++)
		sum += 0x100000 + i * 4096;
	ok_out(sum, "memory is there on first touch and keeps what was written");
	ok(!memcmp(t.mem + 0x103000, &(uint32_t){ 0x103000 }, 4), "userspace sees it");

	TINY_LOAD(&t, TINY_64, mmio64);
	ok(mmio_wrote(0x3f000000, 1, 0x88), "MMIO: a byte written");
	ok(mmio_wrote(0x3f000002, 2, 0x7788), "MMIO: a word written");
	ok(mmio_wrote(0x3f000004, 4, 0x55667788), "MMIO: a doubleword written");
	ok(mmio_wrote(0x3f000008, 8, 0x1122334455667788), "MMIO: a quadword written");
	ok(mmio_reads(0x3f000000, 1, 0x42), "MMIO: a byte read");
	ok_out(0x42, "the guest gets it");
	ok(mmio_reads(0x3f000002, 2, 0xffff), "MMIO: a word read");
	ok_out(0xffff, "zero-extended");
	ok(mmio_reads(0x3f000001, 1, 0x80), "MMIO: a byte read");
	ok_out(0xffffff80, "sign-extended");
	ok(mmio_reads(0x3f000000, 4, 100), "MMIO: read-modify-write reads");
	ok(mmio_wrote(0x3f000000, 4, 105), "and writes");
	ok_out(6, "and goes on");
}

/* ---------------------------------------------------------------------- shutdown */

TINY_SNIPPET(triple, 64, "lidt 1f(%rip); ud2\n1: .word 0; .quad 0\n");

static void test_shutdown(void)
{
	if (on_bochs()) {
		skip("it ends Bochs 2.7", "a triple fault is a shutdown");
		return;
	}
	TINY_LOAD(&t, TINY_64, triple);
	ok_eq(tiny_run(&t), FERRY_EXIT_SHUTDOWN, "a triple fault is a shutdown");
	TINY_LOAD(&t, TINY_64, hlt);
	ok_out(7, "the vCPU can be set up and run again");
}

int main(void)
{
	tiny_open(&t, 16 << 20);
	test_cpuid();
	test_cpuid_wraps();
	test_ports(TINY_64, port64_begin, port64_end, "64-bit");
	test_ports(TINY_32, port32_begin, port32_end, "32-bit");
	test_ports(TINY_REAL, port16_begin, port16_end, "16-bit");
	test_hlt();
	test_msrs();
	test_switched_state();
	test_control();
	test_forbidden();
	test_xsave();
	test_memory();
	test_shutdown();
	tiny_close(&t);
	return done();
}
