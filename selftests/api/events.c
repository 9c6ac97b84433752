// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events on their way into the guest: exceptions, NMIs and interrupts, their windows, shadows and
 * masks, deliveries that a nested fault interrupts, and debug exceptions.
 *
 * Guest pages are unmapped at first, so that the first deliveries meet nested faults on the IDT, the
 * stack and the handler.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "emulator.h"
#include "tap.h"
#include "tiny.h"

#define OUT "out %eax, $0xf1\n"
#define RFLAGS_TF 0x100
#define RFLAGS_IF 0x200
#define RFLAGS_RF 0x10000

static struct tiny t;

/* QEMU's TCG pushes no RF and does not arm breakpoints from the VMCB. */
static bool lax_cpu(const char *what)
{
	if (!on_qemu())
		return false;
	skip("QEMU's TCG does not do it", "%s", what);
	return true;
}

static int run(const char *what)
{
	int ret = tiny_run(&t);

	if (ret == FERRY_EXIT_ERROR)
		diag("%s: %s (code %llx info %llx %llx)", what, (char *)t.run->error.detail,
		     (long long)t.run->error.code, (long long)t.run->error.info1,
		     (long long)t.run->error.info2);
	return ret;
}

static bool outs(uint32_t want)
{
	int ret = run("port write");

	if (ret == FERRY_EXIT_IO && t.run->io.port == TINY_PORT && tiny_out(&t) == want)
		return true;
	diag("exit %d, port %x, value %x; trap %llu rip %llx error %llx", ret, t.run->io.port,
	     tiny_out(&t), (long long)t.trap->vector, (long long)t.trap->rip,
	     (long long)t.trap->error);
	return false;
}

static bool traps(unsigned int vector, uint64_t offset)
{
	int ret = run("trap");

	if (ret == TINY_TRAP && t.trap->vector == vector && t.trap->rip == TINY_CODE + offset)
		return true;
	diag("exit %d, port %x, value %x; trap %llu rip %llx error %llx", ret, t.run->io.port,
	     tiny_out(&t), (long long)t.trap->vector, (long long)t.trap->rip,
	     (long long)t.trap->error);
	return false;
}

/*
 * The instruction in the shadow, at the first offset, has run. QEMU 7.2 does not read the shadow at VMRUN, and so
 * writes none at #VMEXIT (helper_vmrun(), do_vmexit()): where the host's own interrupt ends the run in the shadow it
 * is lost there. APM 2, 15.21.5, has it in the VMCB.
 */
static bool traps_behind_shadow(unsigned int vector, uint64_t in_shadow, uint64_t behind)
{
	uint64_t interrupts = tiny_exits(&t, "interrupt");

	if (traps(vector, behind))
		return true;
	return on_qemu() && tiny_exits(&t, "interrupt") != interrupts && t.trap->vector == vector &&
	       t.trap->rip == TINY_CODE + in_shadow;
}

static struct ferry_state_events events(void)
{
	struct ferry_state_events e;

	if (tiny_get(&t, FERRY_STATE_EVENTS, &e, sizeof(e)))
		bail_out("FERRY_STATE_EVENTS cannot be read");
	return e;
}

static int set_events(const struct ferry_state_events *e)
{
	return tiny_set(&t, FERRY_STATE_EVENTS, e, sizeof(*e));
}

static void nmi(void)
{
	struct ferry_nmi args = { .size = sizeof(args) };

	if (ioctl(t.vcpu, FERRY_NMI, &args))
		bail_out("FERRY_NMI fails");
}

/* ------------------------------------------------------- the guest's own exceptions */

/* Offsets: int 0x80 at 0, int3 at 2, ud2 at 3, #PF at 5 (7 bytes), then on */
TINY_SNIPPET(own, 64, "int $0x80; int3; ud2; mov 0x7fff0000, %eax; mov $9, %eax\n" OUT);

static void test_own(void)
{
	TINY_LOAD(&t, TINY_64, own);
	ok(traps(0x80, 2), "INT n pushes the next RIP, through nested faults of its delivery");
	ok(traps(3, 3), "INT3 likewise");
	ok(traps(6, 3), "#UD pushes its own RIP");
	t.trap->rip += 2;
	ok(traps(14, 5) && t.trap->error == 0 && t.trap->cr2 == 0x7fff0000,
	   "#PF with its error code and CR2");
	if (!lax_cpu("a fault sets RF in the saved flags"))
		ok(t.trap->rflags & RFLAGS_RF, "a fault sets RF in the saved flags");
	t.trap->rip += 7;
	ok(outs(9), "the guest goes on");
	ok_eq(events().injected.type, FERRY_EVENT_NONE, "nothing is left half-delivered");
}

/* ------------------------------------------------------------ events set from outside */

static void set_rflags(uint64_t rflags)
{
	struct ferry_state_general g = tiny_regs(&t);

	g.rflags = rflags;
	tiny_set_regs(&t, &g);
}

TINY_SNIPPET(nops, 64, "nop; nop; nop; nop; mov $1, %eax\n" OUT);
TINY_SNIPPET(int80, 64, "int $0x80; mov $2, %eax\n" OUT);

static void test_set(void)
{
	struct ferry_state_events e = { 0 };

	TINY_LOAD(&t, TINY_64, nops);
	e.pending = (struct ferry_event_state){ .type = FERRY_EVENT_EXCEPTION, .vector = 13,
						.flags = FERRY_EVENT_HAS_ERROR, .error = 0x5a8 };
	ok(!set_events(&e), "a pending exception can be set");
	ok(traps(13, 0) && t.trap->error == 0x5a8, "it is delivered with its error code");
	ok(t.trap->rflags & RFLAGS_RF, "and RF set in the saved flags");
	ok(outs(1), "the guest goes on");

	TINY_LOAD(&t, TINY_64, nops);
	e.pending = (struct ferry_event_state){ .type = FERRY_EVENT_EXCEPTION, .vector = 14,
						.flags = FERRY_EVENT_HAS_ERROR |
							 FERRY_EVENT_HAS_PAYLOAD,
						.error = 6, .payload = 0xabcd000 };
	ok(!set_events(&e) && traps(14, 0) && t.trap->cr2 == 0xabcd000 && t.trap->error == 6,
	   "a #PF's payload becomes CR2");

	/* It had begun, so IF is set; VT-x refuses the contradiction (SDM 26.3.1.4). */
	TINY_LOAD(&t, TINY_64, nops);
	set_rflags(RFLAGS_IF | 2);
	memset(&e, 0, sizeof(e));
	e.injected = (struct ferry_event_state){ .type = FERRY_EVENT_EXTINT, .vector = 0x77 };
	ok(!set_events(&e) && traps(0x77, 0), "an interrupt half-delivered elsewhere is finished");
	ok(outs(1), "once");

	TINY_LOAD(&t, TINY_64, int80);
	e.injected = (struct ferry_event_state){ .type = FERRY_EVENT_SOFT_INT, .vector = 0x80,
						 .insn_len = 2 };
	ok(!set_events(&e) && traps(0x80, 2), "an INT n half-delivered elsewhere is finished");
	ok(outs(2), "once, and RIP is behind it");

	e.injected = (struct ferry_event_state){ .type = FERRY_EVENT_EXCEPTION, .vector = 2 };
	ok_eq(set_events(&e), -EINVAL, "an exception with the NMI's vector is refused");
	e.injected = (struct ferry_event_state){ .type = FERRY_EVENT_EXCEPTION, .vector = 32 };
	ok_eq(set_events(&e), -EINVAL, "and one above 31");
	e.injected = (struct ferry_event_state){ .type = FERRY_EVENT_SOFT_EXC, .vector = 99 };
	ok_eq(set_events(&e), -EINVAL, "and an INT3 with another vector");
}

/* --------------------------------------------------------------------------- NMIs */

static void test_nmi(void)
{
	struct ferry_state_events e = { 0 };

	TINY_LOAD(&t, TINY_64, nops);
	nmi();
	ok(traps(2, 0), "an NMI is delivered");
	ok(events().flags & FERRY_EVENTS_NMI_MASKED, "and masks others");
	nmi();
	ok_eq(events().nmi_pending, 1, "a second one waits");
	ok(run("NMI again") == TINY_TRAP && t.trap->vector == 2 && t.trap->count == 2,
	   "it comes after the first one's IRET");
	ok_eq(t.trap->rip, TINY_CODE, "before another instruction has run");
	ok(!(t.trap->rflags & RFLAGS_TF), "without our TF in its frame");
	ok(outs(1), "the guest goes on after both");
	ok_eq(t.trap->count, 2, "and there were two");
	ok(!(events().flags & FERRY_EVENTS_NMI_MASKED), "NMIs are no longer masked");
	nmi();
	nmi();
	nmi();
	ok_eq(events().nmi_pending, 2, "no more than two wait");

	TINY_LOAD(&t, TINY_64, nops);
	memset(&e, 0, sizeof(e));
	e.nmi_pending = 1;
	e.flags = FERRY_EVENTS_SHADOW_STI;
	ok(!set_events(&e), "an interrupt shadow can be set");
	ok(traps_behind_shadow(2, 0, 1), "an NMI comes behind the instruction in the shadow");
	ok(!(t.trap->rflags & RFLAGS_TF), "without our TF in its frame");
	ok(outs(1), "the guest goes on");
	ok(!(tiny_regs(&t).rflags & RFLAGS_TF), "without our TF in its flags");

	/* Last: Bochs 2.7 keeps its virtual NMIs masked after an entry with them masked. */
	TINY_LOAD(&t, TINY_64, nops);
	e.flags = FERRY_EVENTS_NMI_MASKED;
	e.nmi_pending = 1;
	ok(!set_events(&e) && outs(1), "with NMIs masked, one waits");
	ok_eq(events().nmi_pending, 1, "and is not lost");
}

TINY_SNIPPET(pushf_first, 64, "pushf; pop %rax; and $0x100, %eax\n" OUT);
TINY_SNIPPET(ud_first, 64, "ud2\n" OUT);
TINY_SNIPPET(int_first, 64, "int $0x80; mov $4, %eax\n" OUT);

/* What runs in an NMI's shadow must not see the flag that ends it. */
static void test_nmi_shadow(void)
{
	static const struct {
		const char *name, *begin, *end;
		int second; /* vector of the instruction's own trap, 0 none */
	} first[] = {
		{ "PUSHF", pushf_first_begin, pushf_first_end, 0 },
		{ "UD2", ud_first_begin, ud_first_end, 6 },
		{ "INT n", int_first_begin, int_first_end, 0x80 },
	};
	struct ferry_state_events e = { .flags = FERRY_EVENTS_SHADOW_MOVSS, .nmi_pending = 1 };
	size_t i;

	if (on_bochs()) {
		skip("Bochs 2.7 traps in the host when TF meets an exit", "NMIs in a shadow");
		return;
	}
	for (i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
		bool nmi_seen = false, own_seen = false, clean = true;
		int ret;

		tiny_load(&t, TINY_64, first[i].begin, first[i].end - first[i].begin);
		set_events(&e);
		while ((ret = run(first[i].name)) == TINY_TRAP) {
			clean &= !(t.trap->rflags & RFLAGS_TF);
			if (t.trap->vector == 2) {
				nmi_seen = true;
			} else if (t.trap->vector == (uint64_t)first[i].second) {
				own_seen = true;
				if (first[i].second == 6)
					t.trap->rip += 2;
			} else {
				diag("vector %llu at %llx", (long long)t.trap->vector,
				     (long long)t.trap->rip);
				break;
			}
		}
		ok(ret == FERRY_EXIT_IO && nmi_seen && own_seen == !!first[i].second,
		   "%s in a shadow with an NMI waiting: each comes once", first[i].name);
		ok(clean && (first[i].second || tiny_out(&t) == 0), "%s sees no TF of ours",
		   first[i].name);
	}
}

/* ------------------------------------------------------------------------ debugging */

/* mov at 0 (5 bytes), nop at 5, nop at 6, write at 7, nop */
TINY_SNIPPET(debug, 64, "mov $0x100000, %edi; nop; nop; movl $1, (%rdi); nop; mov $5, %eax\n" OUT);
TINY_SNIPPET(step_cpuid, 64, "nop; cpuid; nop; nop\n" OUT);

static void dr6_says(uint64_t bits, const char *what)
{
	struct ferry_state_debug d = { 0 };

	if (on_bochs()) {
		skip("Bochs 2.7 keeps it from the VMCB", "DR6 says %s", what);
		return;
	}
	tiny_get(&t, FERRY_STATE_DEBUG, &d, sizeof(d));
	ok_eq(d.dr6, 0xffff0ff0 | bits, "DR6 says %s", what);
}

static void test_debug(void)
{
	struct ferry_state_debug d = { .dr6 = 0xffff0ff0, .dr7 = 0x400 };
	struct ferry_state_general g;

	TINY_LOAD(&t, TINY_64, debug);
	g = tiny_regs(&t);
	g.rflags |= RFLAGS_TF;
	tiny_set_regs(&t, &g);
	ok(traps(1, 5), "TF: a trap after the first instruction");
	dr6_says(0x4000, "single step");
	ok(traps(1, 6), "and after the next");
	t.trap->rflags &= ~RFLAGS_TF;
	ok(outs(5), "and no more once TF is clear");

	if (on_bochs()) {
		skip("Bochs 2.7 gives the host the trap", "TF: CPUID is stepped over");
	} else {
		TINY_LOAD(&t, TINY_64, step_cpuid);
		g = tiny_regs(&t);
		g.rflags |= RFLAGS_TF;
		tiny_set_regs(&t, &g);
		ok(traps(1, 1) && traps(1, 3) && traps(1, 4),
		   "TF: CPUID is stepped over like the others");
		t.trap->rflags &= ~RFLAGS_TF;
	}
	if (lax_cpu("breakpoints"))
		return;

	TINY_LOAD(&t, TINY_64, debug);
	d = (struct ferry_state_debug){ .dr = { TINY_CODE + 6, TINY_DATA }, .dr6 = 0xffff0ff0,
					.dr7 = 0x400 | 0x1 | 0x4 | 0xd00000 };
	ok(!tiny_set(&t, FERRY_STATE_DEBUG, &d, sizeof(d)), "breakpoints can be set");
	ok(traps(1, 6), "an instruction breakpoint comes before its instruction");
	dr6_says(1, "which");
	t.trap->rflags |= RFLAGS_RF;
	ok(traps(1, 13), "a data breakpoint comes behind its write");
	dr6_says(2, "which");
	ok(outs(5), "the guest goes on");
}

TINY_SNIPPET(icebp, 64, ".byte 0xf1; mov $6, %eax\n" OUT);
TINY_SNIPPET(step_sti, 64, "sti; nop; mov $7, %eax\n" OUT);
TINY_SNIPPET(step_ss, 64, "mov %ecx, %ss; .byte 0xf1; mov $8, %eax\n" OUT);

/*
 * #DB in an interrupt shadow, with TF set: VM entries want to be told of the step that waits (SDM
 * 27.3.1.5), and a process can bring it about.
 */
static void test_debug_shadow(void)
{
	struct ferry_state_general g;

	/* Its INT1 is #UD, and TF waits for the end of STI's shadow. */
	if (lax_cpu("#DB by INT1, and in a shadow"))
		return;
	TINY_LOAD(&t, TINY_64, icebp);
	ok(traps(1, 1), "INT1 is #DB behind the instruction");
	ok(outs(6), "and the guest goes on");

	TINY_LOAD(&t, TINY_64, step_sti);
	g = tiny_regs(&t);
	g.rflags |= RFLAGS_TF;
	tiny_set_regs(&t, &g);
	ok(traps(1, 1), "TF: a trap after STI");
	ok(t.trap->rflags & RFLAGS_IF, "IF is set in its frame");
	t.trap->rflags &= ~(RFLAGS_TF | RFLAGS_IF);
	ok(outs(7), "and the guest goes on");

	TINY_LOAD(&t, TINY_64, step_ss);
	g = tiny_regs(&t);
	g.gpr[FERRY_RCX] = TINY_DS;
	g.rflags |= RFLAGS_TF;
	tiny_set_regs(&t, &g);
	ok(traps(1, 3), "TF: INT1 behind MOV SS");
	t.trap->rflags &= ~RFLAGS_TF;
	ok(outs(8), "and the guest goes on");
}

TINY_SNIPPET(dr, 64,
	     "mov $0x12345000, %eax; mov %rax, %dr1; xor %eax, %eax; mov %dr1, %rax\n" OUT
	     "mov %dr6, %rax\n" OUT "mov %dr7, %rax\n" OUT
	     "mov $0xffff0fff, %eax; mov %rax, %dr6; mov %dr6, %rax\n" OUT
	     "mov $0x100000500, %rax; mov %rax, %dr7\n" OUT);

static void test_dr(void)
{
	TINY_LOAD(&t, TINY_64, dr);
	ok(outs(0x12345000), "DR1 keeps its value");
	ok(outs(0xffff0ff0), "DR6 reads its reset value");
	ok(outs(0x400), "DR7 too");
	ok(outs(0xffff0fff), "DR6 keeps what is written");
	ok(run("DR7") == TINY_TRAP && t.trap->vector == 13, "DR7 bits above 31 are #GP");
}

/* ------------------------------------------------------------------------------ #AC */

/* To user mode with AC set, and a misaligned read at 2b. */
TINY_SNIPPET(ac, 64,
	     "mov %cr0, %rax; or $0x40000, %eax; mov %rax, %cr0\n"
	     "push $0x33; push $0x100800; push $0x40002; push $0x2b\n"
	     "push $0x10000 + (1f - ac_begin); iretq\n"
	     "1: mov $0x100001, %eax\n"
	     "2: mov (%rax), %ecx\n");

/* Intercepted, so that a delivery that raises it again and again stays in our hands. */
static void test_ac(void)
{
	if (lax_cpu("alignment checks"))
		return;
	TINY_LOAD(&t, TINY_64, ac);
	ok(run("#AC") == TINY_TRAP && t.trap->vector == 17 && t.trap->error == 0 &&
		   t.trap->cs == TINY_USER_CS64,
	   "an alignment check reaches the guest, with its error code");
}

/* ---------------------------------------------------------------------- interrupts */

TINY_SNIPPET(sti, 64, "nop; sti; nop; nop; mov $3, %eax\n" OUT);
TINY_SNIPPET(cr8, 64,
	     "mov $8, %eax; mov %rax, %cr8; sti; nop; nop; mov $8, %eax\n" OUT
	     "xor %eax, %eax; mov %rax, %cr8; nop; nop; mov $9, %eax\n" OUT);
/* APIC on (x2APIC), vector 0x31 to itself */
TINY_SNIPPET(apic, 64,
	     "mov $0x1b, %ecx; rdmsr; or $0xc00, %eax; wrmsr\n"
	     "mov $0x80f, %ecx; mov $0x1ff, %eax; xor %edx, %edx; wrmsr\n"
	     "mov $1, %eax\n" OUT);

static bool apic_on(void)
{
	TINY_LOAD(&t, TINY_64, apic);
	return outs(1);
}

static void msi(unsigned int vector)
{
	struct ferry_msi args = { .size = sizeof(args), .address = 0xfee00000, .data = vector };

	if (ioctl(t.vm, FERRY_MSI, &args))
		bail_out("FERRY_MSI fails");
}

/* Code at TINY_CODE once more, the APIC as it is. */
static void reload(const char *begin, const char *end)
{
	tiny_load(&t, TINY_64, begin, end - begin);
}

static void test_interrupts(void)
{
	struct ferry_state_events e = { 0 };
	struct ferry_state_general g;

	if (!ok(apic_on(), "the guest switches its APIC on"))
		return;
	reload(sti_begin, sti_end);
	msi(0x31);
	ok(traps_behind_shadow(0x31, 2, 3), "an interrupt waits for STI and the instruction behind it");
	ok(t.trap->rflags & RFLAGS_IF, "IF is set in its frame");
	ok(outs(3), "the guest goes on");

	/* 0x31 is in service now; a higher class gets through, a lower one does not. */
	reload(nops_begin, nops_end);
	g = tiny_regs(&t);
	g.rflags |= RFLAGS_IF;
	tiny_set_regs(&t, &g);
	msi(0x22);
	ok(outs(1), "one of a lower class waits for the EOI");
	reload(nops_begin, nops_end);
	g.rip = TINY_CODE;
	tiny_set_regs(&t, &g);
	msi(0x55);
	ok(traps(0x55, 0), "one of a higher class does not");
	ok(outs(1), "the guest goes on");

	if (on_bochs() || lax_cpu("an interrupt waits for the end of a shadow with IF set"))
		return;
	reload(sti_begin, sti_end);
	g.rip = TINY_CODE + 2;
	g.rflags |= RFLAGS_IF;
	tiny_set_regs(&t, &g);
	e.flags = FERRY_EVENTS_SHADOW_STI;
	set_events(&e);
	msi(0x66);
	ok(traps(0x66, 3), "an interrupt waits for the end of a shadow with IF set");
}

/* Vectors up to 0x66 are in service from the test before. */
static void test_cr8(void)
{
	reload(cr8_begin, cr8_end);
	msi(0x81);
	ok(outs(8), "CR8 of its class keeps an interrupt out");
	ok(run("CR8") == TINY_TRAP && t.trap->vector == 0x81, "CR8 below lets it in");
	ok(outs(9), "the guest goes on");
}

int main(void)
{
	tiny_open(&t, 16 << 20);
	test_own();
	test_set();
	test_nmi();
	test_nmi_shadow();
	test_debug();
	test_debug_shadow();
	test_dr();
	test_ac();
	test_interrupts();
	test_cr8();
	tiny_close(&t);
	return done();
}
