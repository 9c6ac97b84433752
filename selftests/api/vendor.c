// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest's rules are its vendor's, whatever the host: SYSCALL, SYSRET, SYSENTER and SYSEXIT in every
 * mode, as the manuals have them:
 *
 *	SDM 2, SYSCALL and SYSRET: "#UD If ... not in 64-bit mode."
 *	APM 3, SYSCALL and SYSRET: legal in legacy (protected), compatibility and 64-bit mode.
 *	SDM 2, SYSENTER and SYSEXIT: legal in all modes but real mode.
 *	APM 3, SYSENTER and SYSEXIT: "Attempts to execute ... in long mode result in #UD."
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "emulator.h"
#include "lib/cpu/policy.h"
#include "lib/cpu/vuln.h"
#include "tap.h"
#include "tiny.h"

#define HIGH 0xffffff8000000000ULL /* the same memory again, for addresses of 64 bits */
#define ENTRY64 0x20000 /* LSTAR */
#define ENTRY32 0x20100 /* CSTAR */
#define SYSENTER 0x20200
#define ENTRY_STAR 0x20300 /* STAR[31:0] */
#define USER 0x21000 /* the instruction under test */
#define LANDING 0x22000 /* where SYSRET and SYSEXIT go */
#define MSR_TABLE 0x23000
#define KERNEL_STACK 0x30000
#define USER_STACK 0x38000

/* Each place tells by its port that it was reached. */
#define AT_64 0xe0
#define AT_32 0xe1
#define AT_SYSENTER 0xe2
#define AT_STAR 0xe3
#define AT_LANDING 0xe4
#define AT_NULL 0xe5 /* RIP 0 */
#define UD 6
#define GP 13

#define FLAGS 0x3003 /* user code may use ports; CF for SFMASK to clear */
#define FLAG_MASK 1

enum mode { M64, COMPAT, LEGACY, NR_MODES };
static const char *const mode_names[] = { "64-bit", "compatibility", "legacy" };
enum vendor { INTEL, AMD, ARTIFICIAL, NR_VENDORS };
static const char *const vendor_names[] = { "Intel", "AMD", "artificial" };

static struct tiny t;
static bool amd_host;
static enum vendor vendor;
static u32 syscall_mode;

/* ---------------------------------------------------------------------- the VM */

static void identity(void *host)
{
	static const u32 ids[NR_VENDORS][3] = {
		{ 0x756e6547, 0x6c65746e, 0x49656e69 }, /* GenuineIntel: EBX, ECX, EDX */
		{ 0x68747541, 0x444d4163, 0x69746e65 }, /* AuthenticAMD */
		{ 0x576e6558, 0x65726568, 0x61687361 },
	};
	/* What an identity leaves unmitigated on this host is of no interest here. */
	struct cpu_settings s = { .flags = CPU_POLICY_CROSS_VENDOR, .syscall = syscall_mode,
				  .accepted = (1u << CPU_NR_VULNS) - 1 };

	memcpy(&cpu_policy_find_mut(host, 0, 0)->reg[CPU_EBX], ids[vendor], sizeof(ids[0]));
	cpu_policy_set_settings(host, &s);
	cpu_policy_set_msr(host, 0xc0010141, 0x15);
}

static void open_as(enum vendor v, u32 how)
{
	vendor = v;
	syscall_mode = how;
	tiny_edit_host = identity;
	tiny_open(&t, 2 << 20);
	tiny_edit_host = NULL;
}

/* Write the MSRs of a table of { index, low, high }, an index of 0 at its end; say so. */
#define WRITE_MSRS                                                                                 \
	"mov $0x23000, %esi\n"                                                                     \
	"1: mov (%esi), %ecx; test %ecx, %ecx; jz 2f\n"                                            \
	"mov 4(%esi), %eax; mov 8(%esi), %edx; wrmsr; add $12, %esi; jmp 1b\n"                     \
	"2: out %al, $0xf1\n"
TINY_SNIPPET(msrs64, 64, WRITE_MSRS);
TINY_SNIPPET(msrs32, 32, WRITE_MSRS);

static struct msr {
	u32 index, low, high;
} *msr_table;

static void put(u32 index, u64 value)
{
	*msr_table++ = (struct msr){ index, (u32)value, (u32)(value >> 32) };
	memset(msr_table, 0, sizeof(*msr_table));
}

static void out_at(u32 where, u8 port)
{
	t.mem[where] = 0xe6;
	t.mem[where + 1] = port;
}

/* A kernel of that mode that has set up everything, CSTAR if it is told to. */
static bool boot(enum mode mode, u64 lstar, u64 cstar)
{
	u64 high = mode == LEGACY ? 0 : HIGH;
	struct ferry_state_control c;
	int ret;

	if (mode == LEGACY)
		TINY_LOAD(&t, TINY_32, msrs32);
	else
		TINY_LOAD(&t, TINY_64, msrs64);
	if (mode != LEGACY)
		((uint64_t *)(t.mem + 0x6000))[511] = ((uint64_t *)(t.mem + 0x6000))[0];
	out_at(0, AT_NULL);
	out_at(ENTRY64, AT_64);
	out_at(ENTRY32, AT_32);
	out_at(SYSENTER, AT_SYSENTER);
	out_at(ENTRY_STAR, AT_STAR);
	out_at(LANDING, AT_LANDING);
	tiny_get(&t, FERRY_STATE_CONTROL, &c, sizeof(c));
	c.efer |= 1; /* SCE, in legacy mode too */
	if (tiny_set(&t, FERRY_STATE_CONTROL, &c, sizeof(c)))
		return false;
	msr_table = (struct msr *)(t.mem + MSR_TABLE);
	put(0xc0000081, 0x18ULL << 48 | (mode == LEGACY ? 0x18ULL : 0x8ULL) << 32 | ENTRY_STAR);
	put(0xc0000082, lstar);
	put(0xc0000083, cstar);
	put(0xc0000084, FLAG_MASK);
	put(0x174, mode == LEGACY ? TINY_CS32 : TINY_CS64);
	put(0x175, high | KERNEL_STACK);
	put(0x176, high | SYSENTER);
	ret = tiny_run(&t);
	return ret == FERRY_EXIT_IO && t.run->io.port == TINY_PORT;
}

/* ------------------------------------------------------------------ one instruction */

/* What came of it: AT_*, or the vector of the exception. */
struct outcome {
	int what;
	struct ferry_state_general g;
	struct ferry_state_segments s;
};

static struct outcome step(enum mode mode, bool user, const char *code, size_t length)
{
	struct ferry_segment cs = { .limit = ~0u, .attrib = 0xc9b }, ss = { .limit = ~0u, .attrib = 0xc93 };
	struct ferry_state_general g = { .rip = USER, .rflags = FLAGS };
	struct outcome o = { .what = -1 };
	int ret;

	memcpy(t.mem + USER, code, length);
	memset(t.mem + USER + length, 0xf4, 4);
	tiny_settle(&t);
	tiny_get(&t, FERRY_STATE_SEGMENTS, &o.s, sizeof(o.s));
	if (mode == M64)
		cs.attrib = 0xa9b;
	cs.selector = mode == M64 ? TINY_CS64 : TINY_CS32;
	ss.selector = TINY_DS;
	if (user) {
		cs.selector = mode == M64 ? TINY_USER_CS64 : TINY_USER_CS32;
		ss.selector = TINY_USER_DS;
		cs.attrib |= 0x60;
		ss.attrib |= 0x60;
	}
	o.s.seg[FERRY_SEG_CS] = cs;
	o.s.seg[FERRY_SEG_SS] = ss;
	g.gpr[FERRY_RSP] = user ? USER_STACK : KERNEL_STACK;
	g.gpr[FERRY_RCX] = LANDING; /* SYSRET: RIP; SYSEXIT: RSP */
	g.gpr[FERRY_RDX] = LANDING;
	g.gpr[11] = 0x3002;
	if (tiny_set(&t, FERRY_STATE_SEGMENTS, &o.s, sizeof(o.s)))
		return o;
	tiny_set_regs(&t, &g);
	ret = tiny_run(&t);
	if (ret == TINY_TRAP)
		o.what = (int)t.trap->vector;
	else if (ret == FERRY_EXIT_IO)
		o.what = t.run->io.port;
	else
		diag("exit %d %s", ret, ret == FERRY_EXIT_ERROR ? (char *)t.run->error.detail : "");
	o.g = tiny_regs(&t);
	tiny_get(&t, FERRY_STATE_SEGMENTS, &o.s, sizeof(o.s));
	return o;
}

static void ok_what(const struct outcome *o, int want, const char *name, enum mode mode)
{
	if (ok(o->what == want, "%s guest, %s code: %s is %s%02x", vendor_names[vendor], mode_names[mode],
	       name, want < 32 ? "exception " : "entry ", (unsigned int)want))
		return;
	diag("it was %x; rip %llx, cs %x attrib %x, vector %llu at %llx", (unsigned int)o->what,
	     (long long)o->g.rip, o->s.seg[FERRY_SEG_CS].selector, o->s.seg[FERRY_SEG_CS].attrib,
	     (long long)t.trap->vector, (long long)t.trap->rip);
}

/* Everything else that the instruction loads: selectors, CPL, code size, stack. */
static void ok_state(const struct outcome *o, u16 cs, u16 ss, bool wide, u64 rsp, const char *name)
{
	const struct ferry_segment *c = &o->s.seg[FERRY_SEG_CS], *s = &o->s.seg[FERRY_SEG_SS];
	u16 dpl = (cs & 3) << 5, flat = 0xc9b | dpl;

	if (wide)
		flat = 0xa9b | dpl;
	if (ok(c->selector == cs && s->selector == ss && c->attrib == flat && !c->base &&
	       (s->attrib & 0x60) == dpl && o->g.gpr[FERRY_RSP] == rsp,
	       "%s guest: %s loads CS, SS and RSP", vendor_names[vendor], name))
		return;
	diag("cs %x attrib %x, ss %x attrib %x, rsp %llx; want %x %x, %x, %llx", c->selector,
	     c->attrib, s->selector, s->attrib, (long long)o->g.gpr[FERRY_RSP], cs, flat, ss,
	     (long long)rsp);
}

#define SYSCALL_CODE "\x0f\x05"
#define SYSRET_CODE "\x0f\x07"
#define SYSRETQ_CODE "\x48\x0f\x07"
#define SYSENTER_CODE "\x0f\x34"
#define SYSEXIT_CODE "\x0f\x35"
#define SYSEXITQ_CODE "\x48\x0f\x35"
#define STEP(mode, user, code) step(mode, user, code, sizeof(code) - 1)

static bool has_syscall(enum mode mode)
{
	return mode == M64 || vendor != INTEL;
}

static bool has_sysenter(enum mode mode)
{
	return mode == LEGACY || vendor != AMD;
}

static void test_enter(enum mode mode)
{
	u64 high = mode == LEGACY ? 0 : HIGH;
	struct outcome o;
	int want;

	want = mode == M64 ? AT_64 : mode == COMPAT ? AT_32 : AT_STAR;
	boot(mode, HIGH | ENTRY64, vendor == INTEL ? 0 : HIGH | ENTRY32);
	o = STEP(mode, true, SYSCALL_CODE);
	if (!has_syscall(mode))
		/* An AMD CPU cannot be told to refuse it: it ends where 64-bit code's does. */
		want = mode == COMPAT && amd_host ? AT_64 : UD;
	ok_what(&o, want, "SYSCALL", mode);
	if (want != UD) {
		ok_state(&o, mode == LEGACY ? 0x18 : TINY_CS64, mode == LEGACY ? 0x20 : TINY_DS,
			 mode != LEGACY, USER_STACK, "SYSCALL");
		ok(o.g.gpr[FERRY_RCX] == USER + 2 &&
		   (mode == LEGACY || o.g.gpr[11] == FLAGS) && !(o.g.rflags & 0x200) &&
		   (mode == LEGACY || !(o.g.rflags & FLAG_MASK)),
		   "%s guest, %s code: SYSCALL keeps RIP and flags", vendor_names[vendor],
		   mode_names[mode]);
	}

	boot(mode, HIGH | ENTRY64, HIGH | ENTRY32);
	o = STEP(mode, true, SYSENTER_CODE);
	want = has_sysenter(mode) ? AT_SYSENTER : UD;
	ok_what(&o, want, "SYSENTER", mode);
	if (want != UD)
		ok_state(&o, mode == LEGACY ? TINY_CS32 : TINY_CS64, mode == LEGACY ? TINY_CS32 + 8 : TINY_DS,
			 mode != LEGACY, high | KERNEL_STACK, "SYSENTER");
}

static void test_leave(enum mode mode)
{
	struct outcome o;
	int want;

	boot(mode, HIGH | ENTRY64, HIGH | ENTRY32);
	o = STEP(mode, false, SYSRET_CODE);
	/* A kernel in compatibility mode: an AMD CPU cannot be told to refuse it, and none does it. */
	want = has_syscall(mode) || (mode == COMPAT && amd_host) ? AT_LANDING : UD;
	ok_what(&o, want, "SYSRET", mode);
	if (want == AT_LANDING)
		ok_state(&o, 0x1b, 0x23, false, KERNEL_STACK, "SYSRET");
	boot(mode, HIGH | ENTRY64, HIGH | ENTRY32);
	o = STEP(mode, false, SYSEXIT_CODE);
	ok_what(&o, has_sysenter(mode) ? AT_LANDING : UD, "SYSEXIT", mode);
	if (has_sysenter(mode)) {
		u16 cs = (mode == LEGACY ? TINY_CS32 : TINY_CS64) + 16;

		ok_state(&o, cs | 3, (cs + 8) | 3, false, LANDING, "SYSEXIT");
	}
	boot(mode, HIGH | ENTRY64, HIGH | ENTRY32);
	o = STEP(mode, true, SYSEXIT_CODE);
	ok_what(&o, has_sysenter(mode) ? GP : UD, "SYSEXIT in user mode", mode);
	if (mode != M64)
		return;
	boot(mode, HIGH | ENTRY64, HIGH | ENTRY32);
	o = STEP(mode, false, SYSRETQ_CODE);
	ok_what(&o, AT_LANDING, "64-bit SYSRET", mode);
	ok_state(&o, 0x2b, 0x23, true, KERNEL_STACK, "64-bit SYSRET");
	boot(mode, HIGH | ENTRY64, HIGH | ENTRY32);
	o = STEP(mode, false, SYSEXITQ_CODE);
	ok_what(&o, has_sysenter(mode) ? AT_LANDING : UD, "64-bit SYSEXIT", mode);
	if (has_sysenter(mode))
		ok_state(&o, 0x2b, 0x33, true, LANDING, "64-bit SYSEXIT");
}

/* A kernel that has written no entry point must not be entered at RIP 0, where a process has code. */
static void test_hole(void)
{
	struct outcome o;

	if (vendor == AMD)
		return; /* that is how an AMD CPU is; its kernels write CSTAR */
	boot(COMPAT, 0, 0);
	o = STEP(COMPAT, true, SYSCALL_CODE);
	ok(o.what == UD, "%s guest without LSTAR and CSTAR: SYSCALL of a 32-bit process is #UD, not %x",
	   vendor_names[vendor], o.what);
	o = STEP(M64, true, SYSCALL_CODE);
	ok(o.what == AT_NULL, "%s guest without LSTAR: SYSCALL of 64-bit code goes to 0, as it asked",
	   vendor_names[vendor]);
	boot(COMPAT, HIGH | ENTRY64, 0);
	o = STEP(COMPAT, true, SYSCALL_CODE);
	ok(o.what == (amd_host ? AT_64 : UD), "%s guest with LSTAR only: it does not reach RIP 0",
	   vendor_names[vendor]);
	if (o.what != (amd_host ? AT_64 : UD))
		diag("what %x", o.what);
}

/* Half an address, as an AMD CPU leaves it in SYSENTER_EIP, is nothing to enter CPL 0 at. */
static void test_half(void)
{
	struct outcome o;

	if (vendor != AMD)
		return;
	boot(COMPAT, HIGH | ENTRY64, HIGH | ENTRY32);
	msr_table = (struct msr *)(t.mem + MSR_TABLE);
	o = STEP(COMPAT, true, "\x66\x0f\x34");
	ok(o.what == UD && t.trap->cs == TINY_USER_CS32 && t.trap->rip == USER,
	   "AMD guest: SYSENTER with a prefix is #UD in the process");
	/* Another #GP(0) stays one. */
	o = STEP(COMPAT, true, "\x0f\x32");
	ok(o.what == GP && !t.trap->error && t.trap->rip == USER, "AMD guest: RDMSR of a process stays #GP(0)");
	o = STEP(COMPAT, true, "\x0f\x0b");
	ok(o.what == UD && t.trap->rip == USER, "UD2 stays #UD");
}

/* SYSRET leaves SS as it was on AMD; 32-bit code of a kernel that does not know must not suffer. */
static void test_stack(void)
{
	struct ferry_state_general g = { .rip = USER, .rflags = FLAGS };
	struct ferry_state_segments s;
	int ret;

	if (!amd_host)
		return; /* no such SYSRET there, and what comes from elsewhere is whole */
	boot(COMPAT, HIGH | ENTRY64, HIGH | ENTRY32);
	tiny_settle(&t);
	tiny_get(&t, FERRY_STATE_SEGMENTS, &s, sizeof(s));
	s.seg[FERRY_SEG_CS] = (struct ferry_segment){ .selector = TINY_USER_CS32, .limit = ~0u,
						      .attrib = 0xcfb };
	s.seg[FERRY_SEG_SS] = (struct ferry_segment){ .selector = TINY_USER_DS,
						      .attrib = FERRY_SEG_UNUSABLE | 0x60 };
	memcpy(t.mem + USER, "\x6a\x07\x58\xe6\xe4", 5); /* push $7; pop %eax; out */
	g.gpr[FERRY_RSP] = USER_STACK;
	tiny_set(&t, FERRY_STATE_SEGMENTS, &s, sizeof(s));
	tiny_set_regs(&t, &g);
	ret = tiny_run(&t);
	if (vendor == AMD && on_qemu())
		skip("QEMU does not look at the stack segment", "AMD guest: PUSH with a null SS is #SS");
	else if (vendor == AMD)
		ok(ret == TINY_TRAP && t.trap->vector == 12, "AMD guest: PUSH with a null SS is #SS");
	else
		ok(ret == FERRY_EXIT_IO && t.run->io.port == AT_LANDING && tiny_reg(&t, FERRY_RAX) == 7,
		   "%s guest: the SS that SYSRET left null is as Intel's SYSRET loads it",
		   vendor_names[vendor]);
	if (ret == TINY_TRAP && vendor != AMD)
		diag("vector %llu at %llx", (long long)t.trap->vector, (long long)t.trap->rip);
}

/* MSRs that only one vendor's CPUs have; RDMSR tells, #GP(0) elsewhere. */
TINY_SNIPPET(read_msr, 64, "rdmsr; out %eax, $0xf1\n");
TINY_SNIPPET(write_msr, 64, "wrmsr; rdmsr; mov %edx, %eax; out %eax, $0xf1\n");

static bool access_msr(const char *code, size_t length, u32 index, u32 high, u32 *value)
{
	struct ferry_state_general g;
	int ret;

	tiny_load(&t, TINY_64, code, length);
	g = tiny_regs(&t);
	g.gpr[FERRY_RCX] = index;
	g.gpr[FERRY_RDX] = high;
	tiny_set_regs(&t, &g);
	ret = tiny_run(&t);
	*value = ret == FERRY_EXIT_IO ? tiny_out(&t) : 0;
	return ret == FERRY_EXIT_IO;
}
#define ACCESS_MSR(name, index, high, value)                                                       \
	access_msr(name##_begin, (size_t)(name##_end - name##_begin), index, high, value)

static void test_msrs(void)
{
	static const struct {
		const char *name;
		u32 index;
		bool has[NR_VENDORS];
	} rows[] = {
		{ "PLATFORM_ID", 0x17, { true, false, false } },
		{ "FEATURE_CONTROL", 0x3a, { true, false, false } },
		{ "MISC_ENABLE", 0x1a0, { true, false, true } },
		{ "the microcode revision", 0x8b, { true, true, true } },
		{ "SYSCFG", 0xc0010010, { false, true, false } },
		{ "HWCR", 0xc0010015, { false, true, false } },
		{ "OSVW status", 0xc0010141, { false, true, false } },
		{ "DE_CFG", 0xc0011029, { false, true, false } },
	};
	unsigned int i;
	u32 value;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ok(ACCESS_MSR(read_msr, rows[i].index, 0, &value) == rows[i].has[vendor],
		   "%s guest: %s is %sthere", vendor_names[vendor], rows[i].name,
		   rows[i].has[vendor] ? "" : "not ");
	/* SDM 3, figure 5-14: SFMASK's upper half is reserved. SVM leaves the register to the guest. */
	if (!amd_host) {
		i = ACCESS_MSR(write_msr, 0xc0000084, 1, &value);
		ok(i == (vendor != INTEL) && !value, "%s guest: the upper half of SFMASK is %s",
		   vendor_names[vendor], vendor == INTEL ? "#GP" : "ignored");
	}
	ACCESS_MSR(read_msr, 0xc0010141, 0, &value);
	ok_eq(value, vendor == AMD ? 0x15 : 0, "%s guest: OSVW is the policy's", vendor_names[vendor]);
	if (!ACCESS_MSR(read_msr, 0xc0000103, 0, &value)) {
		skip("this CPU has no TSC_AUX", "the upper half of TSC_AUX");
		return;
	}
	/* SDM 2, RDTSCP: bits 63:32 reserved. AMD CPUs ignore them. */
	i = ACCESS_MSR(write_msr, 0xc0000103, 1, &value);
	ok(i == (vendor != INTEL) && !value, "%s guest: the upper half of TSC_AUX is %s",
	   vendor_names[vendor], vendor == INTEL ? "#GP" : "ignored");
}

/* SDM 2, CPUID: beyond the last basic leaf the last one answers. APM 3: zero. */
TINY_SNIPPET(beyond, 64,
	     "xor %eax, %eax; cpuid; xor %ecx, %ecx; cpuid; mov %ebx, %r8d; xor %edx, %r8d\n"
	     "mov $0x7fff, %eax; xor %ecx, %ecx; cpuid; mov %ebx, %r9d; or %ecx, %r9d; or %edx, %r9d\n"
	     "or %eax, %r9d; xor %edx, %ebx; cmp %ebx, %r8d; sete %al; movzbl %al, %eax\n"
	     "out %eax, $0xf1; mov %r9d, %eax; out %eax, $0xf1\n");

static void test_cpuid(void)
{
	bool last, zero;

	TINY_LOAD(&t, TINY_64, beyond);
	tiny_run(&t);
	last = tiny_out(&t);
	tiny_run(&t);
	zero = !tiny_out(&t);
	ok(vendor == AMD ? zero : last, "%s guest: a leaf out of range is %s", vendor_names[vendor],
	   vendor == AMD ? "zero" : "the last one");
}

/* How often an instruction was carried out because this CPU does not do it for the guest. */
static u64 foreign(const char *name)
{
	struct ferry_emulated e = { .size = sizeof(e) };

	for (; !ioctl(t.vm, FERRY_GET_EMULATED, &e); e.index++)
		if (!strcmp((char *)e.name, name))
			return e.foreign <= e.count ? e.foreign : 0;
	return 0;
}

static void test_counters(void)
{
	const char *theirs = amd_host ? "SYSENTER" : "SYSCALL", *ours = amd_host ? "SYSCALL" : "SYSENTER";
	u64 before;

	if (vendor == ARTIFICIAL)
		return;
	if (vendor != (amd_host ? INTEL : AMD)) {
		ok_eq(foreign(ours), 0, "%s guest: no %s was emulated", vendor_names[vendor], ours);
		return;
	}
	boot(amd_host ? M64 : LEGACY, HIGH | ENTRY64, HIGH | ENTRY32);
	before = foreign(theirs);
	if (amd_host)
		STEP(M64, true, SYSENTER_CODE);
	else
		STEP(LEGACY, true, SYSCALL_CODE);
	ok(before, "%s guest: %s is counted", vendor_names[vendor], theirs);
	ok_eq(foreign(theirs), before + 1, "once each time");
	ok_eq(foreign("ADD"), 0, "and nothing else");
}

/* Both calls, whoever made the CPU; KVM's number for "no such call". */
TINY_SNIPPET(calls, 64,
	     "xor %eax, %eax; vmcall; out %eax, $0xf1\n"
	     "xor %eax, %eax; vmmcall; out %eax, $0xf1\n");

static void test_calls(void)
{
	int i;

	TINY_LOAD(&t, TINY_64, calls);
	for (i = 0; i < 2; i++)
		ok(tiny_run(&t) == FERRY_EXIT_IO && t.run->io.port == TINY_PORT &&
		   tiny_out(&t) == (u32)-1000, "%s guest: %s is answered", vendor_names[vendor],
		   i ? "VMMCALL" : "VMCALL");
}

/* "ignore" and "hide": the host's CPU decides, but RIP 0 stays out of reach. */
static void test_ignore(u32 how, const char *name)
{
	struct outcome o;

	open_as(amd_host ? INTEL : AMD, how);
	if (amd_host) {
		boot(COMPAT, HIGH | ENTRY64, 0);
		o = STEP(COMPAT, true, SYSENTER_CODE);
		ok(o.what == UD, "syscall=%s: SYSENTER is left to the CPU, which refuses it", name);
		o = STEP(COMPAT, true, SYSCALL_CODE);
		ok(o.what == AT_64, "syscall=%s: the way to RIP 0 is closed all the same", name);
	} else {
		boot(LEGACY, HIGH | ENTRY64, HIGH | ENTRY32);
		o = STEP(LEGACY, true, SYSCALL_CODE);
		ok(o.what == UD, "syscall=%s: SYSCALL is left to the CPU, which refuses it", name);
		boot(COMPAT, HIGH | ENTRY64, HIGH | ENTRY32);
		o = STEP(COMPAT, true, SYSENTER_CODE);
		ok(o.what == UD, "syscall=%s: SYSENTER does not enter an AMD kernel", name);
	}
	tiny_close(&t);
}

int main(void)
{
	enum mode mode;
	enum vendor v;

	amd_host = host_is_amd();
	for (v = 0; v < NR_VENDORS; v++) {
		open_as(v, CPU_SYSCALL_EMULATE);
		for (mode = 0; mode < NR_MODES; mode++) {
			test_enter(mode);
			test_leave(mode);
		}
		test_hole();
		test_half();
		test_stack();
		test_calls();
		test_counters();
		test_msrs();
		test_cpuid();
		tiny_close(&t);
	}
	test_ignore(CPU_SYSCALL_IGNORE, "ignore");
	test_ignore(CPU_SYSCALL_HIDE, "hide");
	return done();
}
