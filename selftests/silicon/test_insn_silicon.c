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
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "cases.h"
#include "insn_names.h"
#include "tap.h"
#include "undefined.h"

static struct shared {
	u64 cases, ran, faulted, undefined, wrong;
	u64 by_mode[3];
	u32 by_id[INSN_OP_END];
} *shared;

#define RFLAGS_COMPARED 0x0ffffffffffeffffULL	/* all but RF */

static u64 wanted_cases;
static int emulated;		/* what the executor answered */

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

/*
 * Instructions of many accesses, whose order is the processor's own: which of several faults comes,
 * where, and what was done by then.
 */
static bool fault_is_own(const struct insn *insn)
{
	switch (insn->id) {
	case INSN_OP_MASKMOVQ: case INSN_OP_MASKMOVDQU:
	case INSN_OP_FLDENV: case INSN_OP_FNSTENV: case INSN_OP_FRSTOR: case INSN_OP_FNSAVE:
	case INSN_OP_FXSAVE: case INSN_OP_FXRSTOR: case INSN_OP_XSAVE: case INSN_OP_XSAVEOPT:
	case INSN_OP_XSAVEC: case INSN_OP_XRSTOR:
		return cpu.fault.vector == INSN_EXC_PF || cpu.fault.vector == INSN_EXC_AC ||
		       cpu.fault.vector == INSN_EXC_GP || cpu.fault.vector == INSN_EXC_SS;
	}
	return false;
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

/*
 * What the emulator's area holds is the state of the next case as well; after a difference it
 * becomes the processor's.
 */
static bool fpu_differs(const struct native_state *left)
{
	u8 a[AREA_BYTES], b[AREA_BYTES];
	unsigned int i;
	bool differs;

	memcpy(a, left->area, AREA_BYTES);
	memcpy(b, area, AREA_BYTES);
	/* Components in their initial state hold anything. */
	for (i = 0; i < 2; i++) {
		u8 *image = i ? a : b;

		if (!(image[512] & 1)) {
			memset(image, 0, 24);
			memset(image + 32, 0, 128);
			image[0] = 0x7f;
			image[1] = 0x03;
		}
		if (!(image[512] & 2))
			memset(image + 160, 0, 256);
		if (!(image[512] & 4))
			memset(image + 576, 0, 256);
	}
	normalise_area(a);
	normalise_area(b);
	/* PE beside an unmasked overflow or underflow: see settle() in lib/insn/sse.c. */
	if (left->vector == INSN_EXC_XF && (a[24] & ~(a[24] >> 7 | a[25] << 1) & 0x18))
		b[24] = (b[24] & ~0x20) | (a[24] & 0x20);
	differs = memcmp(a, b, AREA_BYTES);
	if (differs && shared->wrong < 30)
		for (i = 0; i < AREA_BYTES; i++)
			if (a[i] != b[i])
				printf("#   FPU state at %u native %02x emulated %02x, in %02x\n", i, a[i], b[i],
				       current.in.area[i]);
	if (differs)
		memcpy(area, left->area, AREA_BYTES);
	return differs;
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
		if (fault_is_own(&current_insn)) {
			shared->undefined++;
			memcpy(area, left->area, AREA_BYTES);
			memcpy(shadow, native_data, sizeof(shadow));
			return;
		}
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
	if (fpu_differs(left))
		return explain("FPU state", left, ret);
	forget_mxcsr_mask();
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

/*
 * A far call from 32-bit to 64-bit code whose pushes wrap below 0: the fault is repeated for ever,
 * before Linux makes a signal of it (seen on an EPYC under a hypervisor).
 */
static bool never_comes_back(void)
{
	return current_decode == INSN_OK && current_insn.id == INSN_OP_CALL_FAR &&
	       current.mode == INSN_MODE_32 && (u32)current.in.gpr[INSN_RSP] < 32;
}

static bool canonical(u64 address)
{
	return (u64)((s64)(address << 16) >> 16) == address;
}

/*
 * What runs this machine's kernel would have a say. Interrupts pass through it too: one between the
 * instruction and its INT3 ends a program whose stack pointer is wild by then, and takes NT away.
 */
static bool not_the_processors(void)
{
	if (native_lacks.int_n && current_decode == INSN_OK && current_insn.id == INSN_OP_INT)
		return true;
	return native_lacks.wild_state && current.mode == INSN_MODE_64 &&
	       (!canonical(current.in.gpr[INSN_RSP]) || !canonical(cpu.gpr[INSN_RSP]) ||
		cpu.rflags & 0x4000 /* NT */);
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
		for (i = 576; i < AREA_BYTES; i++)
			area[i] = (u8)rnd();
		area[0] = 0x7f;
		area[1] = 0x03;
		area[24] = 0x80;
		area[25] = 0x1f;
		area[512] = 7;
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
		memcpy(current.in.area, area, AREA_BYTES);
		emulated = emulate();
		if (!never_comes_back() && !not_the_processors() && (emulated != INSN_DONE || !unsuitable_target()))
			break;
		memcpy(shadow, native_data, sizeof(shadow));	/* it may have pushed */
		memcpy(area, current.in.area, AREA_BYTES);
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

static void tried(bool lacks, const char *what)
{
	if (lacks)
		skip("this machine does not leave it to the processor", "%s ran natively", what);
	else
		ok(true, "%s ran natively", what);
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
	tried(native_lacks.mode32, "32-bit code");
	tried(native_lacks.mode16, "16-bit code and the LDT");
	tried(native_lacks.wild_state, "code with any stack pointer, and NT");
	tried(native_lacks.int_n, "INT n");
	ok_eq(shared->wrong, 0, "the emulator does what the processor does");
	return done();
}
