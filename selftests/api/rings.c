// SPDX-License-Identifier: GPL-2.0-only
/*
 * Privileged code twice: in a VM that the hardware runs and in one that is emulated altogether
 * (FERRY_VM_EMULATE). At each port write and each exception, registers, flags, segments with their
 * hidden parts, error codes and CR2 must be the same in both, and in the end the memory.
 *
 * A snippet's T() runs one instruction and goes on behind it if it faults: the handler's frame is
 * sent to the address in rBP.
 */
#include <stdlib.h>
#include <string.h>

#include "emulator.h"
#include "tap.h"
#include "tiny.h"

#define SIZE (4u << 20)
#define IDT 0x1000 /* tiny.h */
#define GDT2 0x100000 /* of this test, in TINY_DATA */
#define LDT2 0x101000
#define TSS2 0x102000
#define DATA_BYTES 0x10000
#define TARGET 0x1e000 /* of call gates */
#define TASK 0x1e100
#define TSS3 0x103000
#define FAULT_TASK 0x1e180
#define EVENTS 600

#define OUT "out %eax, $0xf1\n"
#define T64(insn) "lea 9f(%rip), %rbp\n" insn "\n" OUT "9:\n"
/* Without RIP-relative addresses: what follows 8: is known to be at TINY_CODE + its offset. */
#define T32(insn) "mov $0x10000 + (9f - 1b), %ebp\n" insn "\n" OUT "9:\n"

struct event {
	int exit;
	uint32_t out;
	struct tiny_trap trap;
	struct ferry_state_general regs;
	struct ferry_segment seg[8];
};

struct record {
	struct event event[EVENTS];
	unsigned int n;
	uint8_t data[DATA_BYTES];
	uint64_t cr0;
};

static struct tiny native, emulated;
static struct record want, got;

static void put_descriptor(struct tiny *t, uint32_t table, unsigned int selector, uint32_t base,
			   uint32_t limit, uint32_t attrib)
{
	uint64_t d = (limit & 0xffff) | (uint64_t)(base & 0xffffff) << 16 |
		     (uint64_t)(attrib & 0xff) << 40 | (uint64_t)(limit >> 16 & 15) << 48 |
		     (uint64_t)(attrib >> 8 & 15) << 52 | (uint64_t)(base >> 24) << 56;

	memcpy(t->mem + table + (selector & ~7u), &d, 8);
}

static void put_gate(struct tiny *t, uint32_t at, unsigned int selector, uint32_t offset,
		     uint32_t attrib)
{
	uint64_t d = (offset & 0xffff) | (uint64_t)selector << 16 | (uint64_t)attrib << 40 |
		     (uint64_t)(offset >> 16) << 48;

	memcpy(t->mem + at, &d, 8);
}

/* Selectors of the test's own GDT, after those of tiny.h. */
#define CONFORMING 0x50
#define DATA_ABSENT 0x58
#define DATA_READ 0x60
#define CODE_XO 0x68
#define DATA_DOWN 0x70
#define SEL_LDT 0x78 /* 16 bytes in 64-bit mode */
#define CALL_GATE 0x88 /* likewise */
#define USER_GATE 0x98
#define OTHER_TSS 0xa8
#define DATA_USER 0xb8
#define TASK_GATE 0xc0
#define BUSY_TSS 0xc8
#define FAULT_TSS 0xe0
#define FIRST_TSS 0xd8 /* the one in TR, not busy: QEMU takes no stack from a busy one */

static void build_tables(struct tiny *t, enum tiny_mode mode)
{
	uint32_t flat = 0xfffff, code_sel = mode == TINY_64 ? TINY_CS64 : TINY_CS32;

	memset(t->mem + GDT2, 0, DATA_BYTES);
	memcpy(t->mem + GDT2, t->mem + 0x800, 80);
	put_descriptor(t, GDT2, CONFORMING, 0, flat, mode == TINY_64 ? 0xa9f : 0xc9f);
	put_descriptor(t, GDT2, DATA_ABSENT, 0, flat, 0xc12);
	put_descriptor(t, GDT2, DATA_READ, 0x1234, 0xfff, 0x490);
	put_descriptor(t, GDT2, CODE_XO, 0, flat, 0xc98);
	put_descriptor(t, GDT2, DATA_DOWN, 0, 0xfff, 0x496);
	put_descriptor(t, GDT2, SEL_LDT, LDT2, 0x3f, 0x082);
	put_descriptor(t, GDT2, OTHER_TSS, TSS2, 0x67, 0x089);
	put_descriptor(t, GDT2, BUSY_TSS, TSS2, 0x67, 0x08b);
	put_descriptor(t, GDT2, FIRST_TSS, 0xb000, 0x67, 0x089);
	put_descriptor(t, GDT2, DATA_USER, 0x5000, 0xffff, 0x4f2);
	put_gate(t, GDT2 + CALL_GATE, code_sel, TARGET, 0x8c);
	put_gate(t, GDT2 + USER_GATE, code_sel, TARGET, 0xec);
	if (mode != TINY_64) {
		put_gate(t, GDT2 + TASK_GATE, OTHER_TSS, 0, 0x85);
		put_descriptor(t, GDT2, FAULT_TSS, TSS3, 0x67, 0x089);
	}
	put_descriptor(t, LDT2, 0x08, 0x3000, 0x7fff, 0x492);
	put_descriptor(t, LDT2, 0x10, 0, flat, 0xcf2);
	t->mem[TARGET] = 0xe7; /* out %eax, $0xf1 */
	t->mem[TARGET + 1] = 0xf1;
	if (mode == TINY_64)
		t->mem[TARGET + 2] = 0x48;
	t->mem[TARGET + 2 + (mode == TINY_64)] = 0xcb; /* far return */
}

/*
 * A 32-bit task that writes to the port, changes a register and goes back by IRET. Arithmetic flags
 * are zero throughout: QEMU does not load those from the TSS.
 */
static void build_task(struct tiny *t)
{
	uint32_t *tss = (uint32_t *)(t->mem + TSS2), i;
	static const uint8_t code[] = { 0xe7, 0xf1, 0x8d, 0x40, 1, 0xcf, 0xeb, 0xf8 };

	memcpy(t->mem + TASK, code, sizeof(code));
	tss[7] = t->mode == TINY_PAGED32 ? 0x6000 : 0;
	tss[8] = TASK;
	tss[9] = 2;
	for (i = 10; i < 18; i++)
		tss[i] = 0x1000 * i;
	tss[14] = 0x4400; /* ESP */
	for (i = 18; i < 24; i++)
		tss[i] = i == 19 ? TINY_CS32 : TINY_DS;
	tss[24] = 0;
	tss[25] = 0x680000;
	/* The first task's own TSS gets the page tables, for the way back. */
	((uint32_t *)(t->mem + 0xb000))[7] = tss[7];
}

/* The same, and #UD and INT 85h enter tasks through gates; the fault's steps over UD2 in the first TSS. */
static void build_fault_task(struct tiny *t)
{
	static const uint8_t code[] = {
		0xe7, 0xf1,			/* out %eax, $0xf1 */
		0xa1, 0x20, 0xb0, 0, 0,		/* mov 0xb020, %eax: the first task's EIP */
		0x8d, 0x40, 2,			/* lea 2(%eax), %eax */
		0xa3, 0x20, 0xb0, 0, 0,		/* mov %eax, 0xb020 */
		0xcf, 0xeb, 0xee,		/* iret; jmp to the beginning */
	};

	build_task(t);
	memcpy(t->mem + TSS3, t->mem + TSS2, 0x68);
	((uint32_t *)(t->mem + TSS3))[8] = FAULT_TASK;
	memcpy(t->mem + FAULT_TASK, code, sizeof(code));
	put_gate(t, IDT + 6 * 8, FAULT_TSS, 0, 0x85);
	put_gate(t, IDT + 0x85 * 8, OTHER_TSS, 0, 0x85);
}

static void record(struct tiny *t, struct record *r)
{
	struct ferry_state_segments s;
	struct ferry_state_control c;
	struct event *e;
	int i;

	memset(r, 0, sizeof(*r));
	for (r->n = 0; r->n < EVENTS; r->n++) {
		e = &r->event[r->n];
		e->exit = tiny_run(t);
		e->regs = tiny_regs(t);
		/*
		 * QEMU clears RF at the end of a translated block, not "after the instruction
		 * returned to by the IRET has been successfully executed" (SDM 3, 18.3.1.1).
		 */
		if (on_qemu())
			e->regs.rflags &= ~0x10000ULL;
		tiny_get(t, FERRY_STATE_SEGMENTS, &s, sizeof(s));
		for (i = 0; i < 8; i++)
			if (!(s.seg[i].attrib & FERRY_SEG_UNUSABLE) && s.seg[i].selector & ~3)
				e->seg[i] = s.seg[i];
			else
				e->seg[i].selector = s.seg[i].selector;
		/* QEMU's LTR makes the TSS busy in memory only. */
		e->seg[FERRY_SEG_TR].attrib |= 2;
		/* Some make a data segment of CS when real mode loads it, some keep its type. */
		if (t->mode == TINY_REAL && !(s.seg[FERRY_SEG_CS].attrib & 0x400))
			e->seg[FERRY_SEG_CS].attrib |= 0xf;
		if (e->exit == TINY_TRAP) {
			memcpy(&e->trap, (void *)t->trap, sizeof(e->trap));
			if (e->trap.vector != 14)
				e->trap.cr2 = 0;
			if (on_qemu())
				e->trap.rflags &= ~0x10000ULL; /* pushes no RF for faults */
			t->trap->rip = e->regs.gpr[FERRY_RBP];
		} else if (e->exit == FERRY_EXIT_IO) {
			e->out = tiny_out(t);
			if (e->out == 0x600d) {
				r->n++;
				break;
			}
		} else {
			if (e->exit == FERRY_EXIT_ERROR)
				diag("%s", (char *)t->run->error.detail);
			r->n++;
			break;
		}
	}
	tiny_get(t, FERRY_STATE_CONTROL, &c, sizeof(c));
	r->cr0 = c.cr0;
	memcpy(r->data, t->mem + GDT2, DATA_BYTES);
}

static bool same_event(const char *what, unsigned int n, const struct event *a,
		       const struct event *b)
{
	unsigned int i;
	bool same = true;

#define FIELD(f)                                                                                   \
	do {                                                                                       \
		if (a->f != b->f) {                                                                \
			diag("%s, event %u: " #f " %#llx natively, %#llx emulated", what, n,       \
			     (long long)a->f, (long long)b->f);                                    \
			same = false;                                                              \
		}                                                                                  \
	} while (0)
	FIELD(exit);
	FIELD(out);
	FIELD(trap.vector);
	FIELD(trap.error);
	FIELD(trap.rip);
	FIELD(trap.cs);
	FIELD(trap.rflags);
	FIELD(trap.cr2);
	FIELD(regs.rip);
	FIELD(regs.rflags);
	for (i = 0; i < 16; i++)
		FIELD(regs.gpr[i]);
	for (i = 0; i < 8; i++) {
		FIELD(seg[i].selector);
		FIELD(seg[i].base);
		FIELD(seg[i].limit);
		FIELD(seg[i].attrib);
	}
	return same;
}

static void both(enum tiny_mode mode, const char *begin, const char *end, const char *what,
		 void (*prepare)(struct tiny *t))
{
	struct tiny *vms[2] = { &native, &emulated };
	struct record *records[2] = { &want, &got };
	unsigned int i, differ = 0;

	for (i = 0; i < 2; i++) {
		tiny_load(vms[i], mode, begin, (size_t)(end - begin));
		if (mode != TINY_REAL)
			build_tables(vms[i], mode);
		if (prepare)
			prepare(vms[i]);
		record(vms[i], records[i]);
	}
	for (i = 0; i < want.n && i < got.n && differ < 3; i++)
		differ += !same_event(what, i, &want.event[i], &got.event[i]);
	ok(!differ && want.n == got.n, "%s: %u events, the same in both (%u)", what, want.n, got.n);
	if (!ok(want.n && want.event[want.n - 1].out == 0x600d, "%s: natively to its end", what))
		diag("ends with exit %d at %#llx", want.event[want.n - 1].exit,
		     (long long)want.event[want.n - 1].regs.rip);
	ok_mem(got.data, want.data, DATA_BYTES, "%s: memory is the same", what);
	ok_eq(got.cr0, want.cr0, "%s: CR0 is the same", what);
}

#define BOTH(mode, name, prepare) both(mode, name##_begin, name##_end, #name, prepare)
#define END "mov $0x600d, %eax\n" OUT "hlt\n"
#define LOAD_GDT64 "sub $16, %rsp; movw $0xe7, (%rsp); movl $0x100000, 2(%rsp); movl $0, 6(%rsp)\n" \
		   "lgdt (%rsp); add $16, %rsp; mov $0xd8, %eax; ltr %ax\n"
#define LOAD_GDT32 "sub $8, %esp; movw $0xe7, (%esp); movl $0x100000, 2(%esp); lgdt (%esp); add $8, %esp\n" \
		   "mov $0xd8, %eax; ltr %ax\n"

/* Each of these with selectors good and bad. */
#define SELECTORS(M)                                                                               \
	M("0") M("0x10") M("0x13") M("0x33") M("0x50") M("0x58") M("0x60") M("0x68")        \
	M("0x70") M("0x78") M("0x88") M("0xa8") M("0xb8") M("0xbb") M("0xc8") M("0xe8") M("0xfff8") \
	M("0x0c") M("0x14") M("0x17") M("0x44") M("0x1c")

#define LOADS64(s)                                                                                 \
	"mov $" s ", %ebx\n" T64("mov %ebx, %ds") T64("mov %ebx, %es") T64("mov %ebx, %fs")        \
	T64("mov %ebx, %gs") T64("xor %eax, %eax; lar %ebx, %eax; and $0xf0ff00, %eax") T64("xor %eax, %eax; lsl %ebx, %eax") \
	T64("verr %bx; pushfq; pop %rax; and $0x40, %eax")                                         \
	T64("verw %bx; pushfq; pop %rax; and $0x40, %eax")
#define STACKS64(s) "mov $" s ", %ebx\n" T64("mov %ebx, %ss") "mov $0x10, %ebx; mov %ebx, %ss\n"
TINY_SNIPPET(segments64, 64, LOAD_GDT64 T64("mov $0x78, %eax; lldt %ax; sldt %eax")
	     SELECTORS(LOADS64) END);
TINY_SNIPPET(stacks64, 64, LOAD_GDT64 T64("mov $0x78, %eax; lldt %ax") SELECTORS(STACKS64)
	     T64("mov $0, %eax; lldt %ax; sldt %eax") T64("mov $0x10, %eax; lldt %ax")
	     T64("mov $0xa8, %eax; ltr %ax; str %eax") T64("mov $0xa8, %eax; ltr %ax")
	     T64("mov $0x58, %eax; ltr %ax") END);

#define FRAME64(ss, flags, cs)                                                                     \
	"lea 9f(%rip), %rbp; pushq $" ss "; pushq $0x4000; pushq $" flags "; pushq $" cs "\n"      \
	"lea 7f(%rip), %rax; push %rax; iretq\n"                                                   \
	"7: mov %cs, %eax\n" OUT "mov $0x11, %eax; int $0x80\n" OUT "ud2\n 9: mov %cs, %eax\n" OUT
TINY_SNIPPET(iret64, 64, LOAD_GDT64
	     FRAME64("0x10", "0x3002", "0x08") FRAME64("0", "0x3002", "0x08") FRAME64("0x10", "0x3002", "0x0b")
	     FRAME64("0x33", "0x3002", "0x08") FRAME64("0x10", "0x7002", "0x50")
	     FRAME64("0x10", "0x3ed7", "0x08") FRAME64("0x10", "0x3002", "0x10") FRAME64("0x10", "0x3002", "0x58")
	     FRAME64("0x10", "0x3002", "0") FRAME64("0x10", "0x3002", "0xf0") END);

/* What QEMU's TCG does not check, or otherwise than the manuals say. */
TINY_SNIPPET(strict64, 64, LOAD_GDT64 T64("mov $0, %eax; ltr %ax") T64("mov $3, %eax; mov %eax, %ss") END);

/* To CPL 3 and back by INT; user code tries what it may not. */
#define USER64(insn) "lea 9f(%rip), %rbp\n" insn "\n9:\n"
TINY_SNIPPET(user64, 64, LOAD_GDT64
	     "pushq $0x33; pushq $0x4000; pushq $0x3002; pushq $0x2b; lea 7f(%rip), %rax; push %rax; iretq\n7:\n"
	     USER64("hlt") USER64("cli") USER64("mov %cr0, %rax") USER64("mov %rax, %cr3") USER64("lgdt (%rsp)")
	     USER64("wrmsr") USER64("ltr %ax") USER64("mov $0x10, %eax; mov %eax, %ds")
	     USER64("mov $0xbb, %eax; mov %eax, %ds; mov %ds, %eax; out %eax, $0xf1") USER64("int $0x80") USER64("int3")
	     USER64("int $0x81") USER64("mov $0xbb, %ebx; lar %ebx, %eax; and $0xf0ff00, %eax; out %eax, $0xf1")
	     USER64("mov $0x10, %ebx; lar %ebx, %eax; setz %al; out %eax, $0xf1")
	     USER64("pushfq; pop %rax; out %eax, $0xf1; pushq $0x3ed7; popfq; pushfq; pop %rax; out %eax, $0xf1")
	     USER64("pushq $0x33; pushq $0x3f00; pushq $0x3002; pushq $0x2b; lea 6f(%rip), %rax; push %rax; iretq\n6: "
		    "mov %esp, %eax; out %eax, $0xf1")
	     USER64("pushq $0x33; pushq $0x3f00; pushq $0x3002; pushq $0x08; lea 6f(%rip), %rax; push %rax; iretq\n6:")
	     USER64("sysretl") USER64("pushq $0x3b; lea 6f(%rip), %rax; push %rax; lretq\n.code32\n6: mov %cs, %eax\n"
			    "out %eax, $0xf1; push $0x2b; call 5f; 5: addl $(4f - 5b), (%esp); lret\n.code64\n4:")
	     END);

#define LOADS32(s)                                                                                 \
	"mov $" s ", %ebx\n" T32("mov %ebx, %ds; mov %ds, %eax") "mov $0x10, %eax; mov %eax, %ds\n" \
	T32("mov %ebx, %es") T32("mov %ebx, %fs")                                                  \
	T32("mov %ebx, %gs") T32("xor %eax, %eax; lar %ebx, %eax; and $0xf0ff00, %eax") T32("xor %eax, %eax; lsl %ebx, %eax") \
	T32("verr %bx; pushf; pop %eax; and $0x40, %eax")                                         \
	T32("verw %bx; pushf; pop %eax; and $0x40, %eax")
#define STACKS32(s) "mov $" s ", %ebx; mov %esp, %edi\n" T32("mov %ebx, %ss; mov $0x10, %eax; mov %eax, %ss") \
	"mov %edi, %esp\n"
TINY_SNIPPET(segments32, 32, "1:\n" LOAD_GDT32 T32("mov $0x78, %eax; lldt %ax; sldt %eax")
	     SELECTORS(LOADS32) END);
TINY_SNIPPET(stacks32, 32, "1:\n" LOAD_GDT32 T32("mov $0x78, %eax; lldt %ax") SELECTORS(STACKS32)
	     T32("mov $0, %eax; lldt %ax; sldt %eax") T32("mov $0x10, %eax; lldt %ax")
	     T32("mov $0xa8, %eax; ltr %ax; str %eax") T32("mov $0xa8, %eax; ltr %ax") END);

/* Call gates, far calls and jumps, same privilege; then from CPL 3. */
TINY_SNIPPET(gates32, 32, "1:\n" LOAD_GDT32
	     T32("lcall $0x88, $0") T32("lcall $0x98, $0") T32("lcall $0x18, $0x1e000") T32("lcall $0x50, $0x1e000")
	     T32("lcall $0x10, $0") T32("lcall $0x58, $0") T32("lcall $0, $0") T32("lcall $0xfff8, $0")
	     T32("ljmp $0x18, $0x10000 + (6f - 1b)\n6: mov %cs, %eax")
	     "pushl $0x33; pushl $0x4000; pushl $0x3002; pushl $0x3b; pushl $0x10000 + (7f - 1b); iret\n7:\n"
	     T32("mov %cs, %eax") T32("mov $0x33, %eax; mov %eax, %ds; mov %eax, %es; mov %eax, %fs; mov %eax, %gs")
	     T32("lcall $0x9b, $0") T32("lcall $0x8b, $0") T32("lcall $0x88, $0")
	     T32("lcall $0x53, $0x1e000") T32("lcall $0x18, $0x1e000") T32("int $0x80") T32("int3") T32("cli; sti")
	     T32("mov $0xbb, %eax; mov %eax, %ds; mov $0x33, %eax; mov %eax, %ds") T32("mov $0x10, %eax; mov %eax, %ds") T32("into")
	     T32("mov $0x7fffffff, %eax; inc %eax; into") END);

/* Tasks: by JMP, CALL and IRET, through a TSS and through a gate. */
#define CLEAR "pushl $2; popf\n"
TINY_SNIPPET(tasks32, 32, "1:\n" LOAD_GDT32
	     T32(CLEAR "lcall $0xa8, $0; str %eax") T32(CLEAR "lcall $0xc0, $0; mov %cr0, %eax")
	     T32(CLEAR "lcall $0xa8, $0; mov %cr0, %eax; clts") T32("lcall $0xc8, $0")
	     T32("lcall $0x58, $0") END);

TINY_SNIPPET(fault_tasks32, 32, "1:\n" LOAD_GDT32
	     T32(CLEAR "ud2; str %eax") T32(CLEAR "ud2; mov %cr0, %eax; clts") END);

/* Bochs saves the RIP after INT n, where hardware (and KVM) has that of INT n. */
TINY_SNIPPET(int_task32, 32, "1:\n" LOAD_GDT32 T32(CLEAR "int $0x85; str %eax; clts") END);

/* Through the interrupt table of real mode, then to protected mode, code and back. */
TINY_SNIPPET(real, 16,
	     "1: xor %ax, %ax; mov %ax, %ds; movw $(5f - 1b), 0x200; movw $0x1000, 0x202\n"
	     "movw $(5f - 1b), 0xc; movw $0x1000, 0xe; movw $(5f - 1b), 0x18; movw $0x1000, 0x1a\n"
	     "movw $(4f - 1b), 0x34; movw $0x1000, 0x36; movw $(5f - 1b), 0x10; movw $0x1000, 0x12\n"
	     "movw $(4f - 1b), 0x0; movw $0x1000, 0x2\n"
	     "sti; std; int $0x80\n" OUT "int3\n" OUT "mov $0x7fff, %ax; inc %ax; into\n" OUT
	     "mov $(9f - 1b), %bp; xor %cx, %cx; div %cx\n9:\n"
	     "lcall $0x1000, $(6f - 1b)\n" OUT
	     "pushw $2; pushw $0x1000; pushw $(7f - 1b); iretw\n7: pushf; pop %ax\n" OUT
	     /* big real mode */
	     "cli; cld; pushl $0; pushl $0x8000000; mov %sp, %bp; movw $79, (%bp); movl $0x800, 2(%bp); lgdtl %ss:(%bp)\n"
	     "mov %cr0, %eax; or $1, %al; mov %eax, %cr0; jmp 8f; 8:\n"
	     "mov $0x10, %bx; mov %bx, %fs; mov %cr0, %eax\n" OUT
	     "and $0xfe, %al; mov %eax, %cr0\n"
	     "mov $0x110000, %ebx; movl $0x12345678, %fs:(%ebx); mov %fs:(%ebx), %eax\n" OUT
	     /* to 32-bit code and back */
	     "mov %cr0, %eax; or $1, %al; mov %eax, %cr0; ljmpl $0x18, $0x10000 + (8f - 1b)\n.code32\n"
	     "8: mov $0x10, %eax; mov %eax, %ds; mov %eax, %ss; mov $0x4000, %esp; mov %esp, %eax\n" OUT
	     "movl $0x55aa, 0x104000; mov 0x104000, %eax\n" OUT "ljmp $0x20, $0x10000 + (8f - 1b)\n.code16\n"
	     "8: mov %cs, %ax\n" OUT
	     "mov %cr0, %eax; and $0xfe, %al; mov %eax, %cr0; ljmp $0x1000, $(8f - 1b)\n"
	     "8: xor %ax, %ax; mov %ax, %ds; mov %ax, %ss; mov $0x5000, %sp; sti; int $0x80\n" OUT END
	     /* handlers */
	     "5: pushf; pop %ax; mov %sp, %bx\n" OUT "iretw\n"
	     "4: pushf; pop %ax; mov %sp, %bx; out %ax, $0xf1; mov %sp, %bx; mov %bp, %ss:(%bx); iretw\n"
	     "6: mov %sp, %ax\n" OUT "lretw\n");

/* Paging: rights, error codes, A and D bits; WP, NX, SMEP and SMAP where the CPU has them. */
TINY_SNIPPET(paging64, 64,
	     T64("mov 0x300000, %eax") T64("movl $1, 0x300000") T64("mov 0x301000, %eax") T64("movl $1, 0x301000")
	     T64("mov 0x302000, %eax") T64("mov %rax, 0x302ffc") T64("mov 0x303000, %eax")
	     T64("mov $0x301000, %eax; call *%rax")
	     T64("mov $0x305000, %eax; call *%rax") T64("mov 0x8000000000, %eax") T64("movabs $0x800000000000, %rax; mov (%rax), %eax")
	     T64("xchg %eax, 0x301000") T64("lock cmpxchg %ebx, 0x301000") T64("btsl $5, 0x301000")
	     "mov %cr0, %rax; btr $16, %rax; mov %rax, %cr0\n"
	     T64("movl $1, 0x301000") T64("movl $2, 0x305000")
	     "mov %cr0, %rax; bts $16, %rax; mov %rax, %cr0\n"
	     "pushq $0x33; pushq $0x4000; pushq $0x3002; pushq $0x2b; lea 7f(%rip), %rax; push %rax; iretq\n7:\n"
	     T64("mov 0x300000, %eax") T64("mov 0x306000, %eax") T64("movl $1, 0x306000") T64("mov 0x307000, %eax")
	     T64("movl $1, 0x307000") T64("mov 0x306ffe, %eax") T64("mov $0x300000, %eax; call *%rax") END);

TINY_SNIPPET(strict_paging64, 64,
	     T64("addl $1, 0x302ffe") T64("mov 0x304000, %eax") T64("movl $1, 0x304000") END);

static void prepare_pages(struct tiny *t)
{
	uint64_t *pd = (uint64_t *)(t->mem + 0x8000), *pt = (uint64_t *)(t->mem + 0x110000), i;
	static const uint64_t rights[8] = { 3, 1, 3, 0, 0x8000000000000001, 1, 5, 7 };

	pd[1] = 0x110000 | 7;
	for (i = 0; i < 512; i++)
		pt[i] = (0x200000 + i * 4096) | 7;
	for (i = 0; i < 8; i++)
		pt[256 + i] = (0x120000 + i * 4096) | rights[i];
	memset(t->mem + 0x120000, 0xc3, 8 * 4096); /* RET */
}

int main(void)
{
	tiny_open(&native, SIZE);
	tiny_open_emulated(&emulated, SIZE);
	BOTH(TINY_64, segments64, NULL);
	BOTH(TINY_64, stacks64, NULL);
	BOTH(TINY_64, iret64, NULL);
	BOTH(TINY_64, user64, NULL);
	BOTH(TINY_32, segments32, NULL);
	BOTH(TINY_32, stacks32, NULL);
	BOTH(TINY_32, gates32, NULL);
	BOTH(TINY_32, tasks32, build_task);
	BOTH(TINY_PAGED32, tasks32, build_task);
	BOTH(TINY_32, fault_tasks32, build_fault_task);
	BOTH(TINY_PAGED32, fault_tasks32, build_fault_task);
	if (on_qemu())
		BOTH(TINY_32, int_task32, build_fault_task);
	BOTH(TINY_REAL, real, NULL);
	BOTH(TINY_64, paging64, prepare_pages);
	if (on_qemu()) {
		skip("QEMU's TCG does otherwise", "what the manuals say and QEMU does not do");
	} else {
		BOTH(TINY_64, strict64, NULL);
		BOTH(TINY_64, strict_paging64, prepare_pages);
	}
	ok(tiny_exits(&emulated, "emulate") > 10 && !tiny_exits(&emulated, "io"),
	   "the emulated VM never entered the hardware");
	tiny_close(&native);
	tiny_close(&emulated);
	return done();
}
