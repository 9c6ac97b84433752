// SPDX-License-Identifier: GPL-2.0-only
/*
 * Instructions on device memory: the same code runs on RAM, where the CPU executes it, and on an
 * address without memory, where the module emulates it and this program plays the device. All
 * results, and what memory and device hold afterwards, must be the same.
 */
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "tap.h"
#include "tiny.h"

#define DEVICE 0x3f000000u /* no memory there */
#define RAM 0x200000u
#define RESULTS_RAM 0x240000u
#define RESULTS_DEVICE 0x260000u
#define SIZE (4u << 20)

static struct tiny t;
static uint8_t device[8192];
static unsigned int accesses, odd;

/* Serve device accesses until something else happens; the exit. */
static int run_with_device(void)
{
	for (;;) {
		int ret = tiny_run(&t);
		uint64_t at;

		if (ret != FERRY_EXIT_MMIO)
			return ret;
		at = t.run->mmio.gpa - DEVICE;
		accesses++;
		if (at >= sizeof(device) - 8 || !t.run->mmio.width || t.run->mmio.width > 8) {
			odd++;
			return ret;
		}
		if (t.run->mmio.is_write)
			memcpy(device + at, (void *)t.run->mmio.data, t.run->mmio.width);
		else
			memcpy((void *)t.run->mmio.data, device + at, t.run->mmio.width);
	}
}

/* One step: known registers, the instruction, and what it left; flags masked by @f. */
#define STEP64(f, insn)                                                                            \
	"movabs $0x1122334455667788, %rax; movabs $0x99aabbccddee0f01, %rdx; mov $3, %ecx\n"      \
	"lea 16(%rbx), %rdi; lea 64(%rbx), %rsi; pushq $2; popfq\n" insn "\n"                      \
	"pushfq; pop %r14; and $" #f ", %r14\n"                                                    \
	"mov %rax, (%r15); mov %rcx, 8(%r15); mov %rdx, 16(%r15); mov %r14, 24(%r15)\n"            \
	"sub %rbx, %rsi; sub %rbx, %rdi; mov %rsi, 32(%r15); mov %rdi, 40(%r15); add $48, %r15\n"

#define ALU(op) STEP64(0x8c5, op " %al, (%rbx)") STEP64(0x8c5, op " %dx, 2(%rbx)")                 \
	STEP64(0x8c5, op " %edx, 4(%rbx)") STEP64(0x8c5, op " %rax, 8(%rbx)")                      \
	STEP64(0x8c5, op "b $0x7f, 1(%rbx)") STEP64(0x8c5, op "l $0x12345, 20(%rbx)")              \
	STEP64(0x8c5, op "q $-3, 24(%rbx)") STEP64(0x8c5, op " (%rbx), %dl")                       \
	STEP64(0x8c5, op " 8(%rbx), %rdx")

#define MOVES                                                                                      \
	STEP64(0, "mov %al, (%rbx); mov %ah, 1(%rbx); mov %ax, 2(%rbx); mov %eax, 4(%rbx)")        \
	STEP64(0, "mov %rax, 8(%rbx); movb $0x91, 16(%rbx); movw $0x8182, 18(%rbx)")               \
	STEP64(0, "movl $0x83848586, 20(%rbx); movq $-5, 24(%rbx)")                                \
	STEP64(0, "mov (%rbx), %al") STEP64(0, "mov (%rbx), %ah") STEP64(0, "mov 2(%rbx), %ax")    \
	STEP64(0, "mov 4(%rbx), %eax") STEP64(0, "mov 8(%rbx), %rax")                              \
	STEP64(0, "movzbl 16(%rbx), %eax") STEP64(0, "movzbw 16(%rbx), %ax")                       \
	STEP64(0, "movzwl 18(%rbx), %eax") STEP64(0, "movzwq 18(%rbx), %rax")                      \
	STEP64(0, "movsbl 16(%rbx), %eax") STEP64(0, "movsbq 16(%rbx), %rax")                      \
	STEP64(0, "movswl 18(%rbx), %eax") STEP64(0, "movslq 20(%rbx), %rax")                      \
	STEP64(0, "mov 3(%rbx, %rcx, 4), %eax") STEP64(0, "xchg %al, (%rbx)")                      \
	STEP64(0, "xchg %edx, 4(%rbx)") STEP64(0, "xchg %rax, 8(%rbx)")                            \
	STEP64(0, "push 8(%rbx); pop %rax") STEP64(0, "push %rdx; popq 32(%rbx)")                  \
	STEP64(0, "pushw 2(%rbx); popw 34(%rbx)")                                                  \
	STEP64(0, "bswap %eax; movnti %eax, 40(%rbx)")

#define ARITHMETIC                                                                                 \
	ALU("add") ALU("or") ALU("adc") ALU("sbb") ALU("and") ALU("sub") ALU("xor") ALU("cmp")     \
	STEP64(0x8c5, "test %al, (%rbx)") STEP64(0x8c5, "testl $0x80000000, 4(%rbx)")              \
	STEP64(0x8c5, "incb (%rbx)") STEP64(0x8c5, "decl 4(%rbx)") STEP64(0x8c5, "negq 8(%rbx)")   \
	STEP64(0, "notl 20(%rbx)") STEP64(0x8c5, "lock addl $1, 4(%rbx)")                          \
	STEP64(0x8c5, "lock incq 8(%rbx)") STEP64(0x8c5, "xadd %edx, 4(%rbx)")                     \
	STEP64(0x8c5, "lock xadd %rax, 24(%rbx)")                                                  \
	STEP64(0x8c5, "mov 4(%rbx), %eax; lock cmpxchg %edx, 4(%rbx)")                             \
	STEP64(0x8c5, "cmpxchg %dl, (%rbx)") STEP64(0x40, "cmpxchg8b 8(%rbx)")                     \
	STEP64(0x40, "mov 24(%rbx), %eax; mov 28(%rbx), %edx; push %rbx; lea 24(%rbx), %rdi\n"    \
		     "mov $0x1234567, %ebx; lock cmpxchg8b (%rdi); pop %rbx")                      \
	STEP64(0x8c5, "shlb (%rbx)") STEP64(0xc5, "shrl $5, 4(%rbx)") STEP64(0xc5, "sarq %cl, 8(%rbx)") \
	STEP64(1, "roll $7, 20(%rbx)") STEP64(1, "rcrw 2(%rbx)")                                   \
	STEP64(0xc5, "shldl $4, %edx, 4(%rbx)") STEP64(0, "imul 4(%rbx), %edx")                    \
	STEP64(0, "imul $7, 8(%rbx), %rdx") STEP64(0, "mull 4(%rbx)")                              \
	STEP64(0, "xor %edx, %edx; movl $77, 36(%rbx); divl 36(%rbx)")                             \
	STEP64(1, "btl $5, 4(%rbx)") STEP64(1, "mov $77, %edx; btsl %edx, (%rbx)")                 \
	STEP64(1, "mov $-3, %rdx; btrq %rdx, 40(%rbx)") STEP64(1, "lock btcl $31, 4(%rbx)")        \
	STEP64(0x40, "bsf 8(%rbx), %rax") STEP64(0x40, "bsr 4(%rbx), %eax")                        \
	STEP64(0, "stc; setc 3(%rbx); setnc 5(%rbx)") STEP64(0, "cmovnz 8(%rbx), %rax")            \
	STEP64(0, "cmovz 8(%rbx), %rax")

#define STRINGS                                                                                    \
	STEP64(0, "stosb") STEP64(0, "stosq") STEP64(0, "rep stosw") STEP64(0, "rep stosl")        \
	STEP64(0, "lodsb") STEP64(0, "lodsq") STEP64(0, "movsb") STEP64(0, "rep movsl")            \
	STEP64(0, "rep movsb") STEP64(0, "std; rep movsw; cld") STEP64(0x8d5, "cmpsl")             \
	STEP64(0x8d5, "repe cmpsb") STEP64(0x8d5, "repne scasb") STEP64(0x8d5, "scasl")            \
	STEP64(0, "mov $200, %ecx; rep stosb") STEP64(0, "mov $0, %ecx; rep movsq")                \
	/* between a device and memory, both ways */                                               \
	STEP64(0, "mov $0x230000, %edi; mov $5, %ecx; rep movsl; mov %rbx, %rdi")                  \
	STEP64(0, "mov $0x230000, %esi; mov $5, %ecx; rep movsl; mov %rbx, %rsi")                  \
	STEP64(0, "push %rbx; add $0x30, %rbx; xchg %rax, %rax; xlat; pop %rbx")

/* Misaligned, and across pages of the device. */
#define CROSSING                                                                                   \
	STEP64(0, "mov %rax, 4091(%rbx); mov 4089(%rbx), %rax") STEP64(0, "mov 4093(%rbx), %edx")  \
	STEP64(0x8c5, "add %rax, 4092(%rbx)") STEP64(0x8c5, "lock addl $3, 4094(%rbx)")            \
	STEP64(0, "movw $0x1234, 4095(%rbx)")

#define PROGRAM(body)                                                                              \
	"mov $0x200000, %ebx; mov $0x240000, %r15d\n"                                              \
	"1:\n" body                                                                                \
	"cmp $0x3f000000, %ebx; je 2f\n"                                                           \
	"mov $0x3f000000, %ebx; mov $0x260000, %r15d; jmp 1b\n"                                    \
	"2: mov $0x600d, %eax; out %eax, $0xf1; hlt\n"

/* Vector registers, read back by way of memory that both runs share; MMX last. */
#define VECTORS                                                                                    \
	STEP64(0, "movdqu 1(%rbx), %xmm0; movups %xmm0, 49(%rbx); movdqa 16(%rbx), %xmm9")         \
	STEP64(0, "movaps %xmm9, 96(%rbx); movq %xmm0, %rax; movntdq %xmm0, 112(%rbx)")            \
	STEP64(0, "movd 4(%rbx), %xmm1; movq %xmm1, %rax; movd %xmm0, 132(%rbx)")                  \
	STEP64(0, "movq 8(%rbx), %xmm2; movq %xmm2, 136(%rbx); movq %xmm2, %rax")                  \
	STEP64(0, "movss 20(%rbx), %xmm3; movss %xmm0, 144(%rbx); movq %xmm3, %rax")               \
	STEP64(0, "movsd 24(%rbx), %xmm4; movsd %xmm0, 152(%rbx); movq %xmm4, %rax")               \
	STEP64(0, "movlps 32(%rbx), %xmm0; movhps 40(%rbx), %xmm0; movups %xmm0, 160(%rbx)")       \
	STEP64(0, "movlpd %xmm9, 176(%rbx); movhpd %xmm9, 184(%rbx); lddqu 3(%rbx), %xmm5")        \
	STEP64(0, "movdqu %xmm5, 0x230040; mov 0x230048, %rax; movq %xmm5, %rdx")                  \
	STEP64(0, "movq 8(%rbx), %mm1; movq %mm1, 192(%rbx); movd 4(%rbx), %mm2; movq %mm2, %rax")  \
	STEP64(0, "movntq %mm1, 200(%rbx); movd %mm2, 208(%rbx); movq %mm1, %rdx; emms")           \
	STEP64(0, "movups %xmm0, 4090(%rbx); movups 4088(%rbx), %xmm6; movq %xmm6, %rax")

TINY_SNIPPET(vectors, 64, PROGRAM(VECTORS));
TINY_SNIPPET(moves, 64, PROGRAM(MOVES));
TINY_SNIPPET(arithmetic, 64, PROGRAM(MOVES ARITHMETIC));
TINY_SNIPPET(strings, 64, PROGRAM(MOVES STRINGS));
TINY_SNIPPET(crossing, 64, PROGRAM(MOVES CROSSING));

static void fill(void)
{
	unsigned int i;

	for (i = 0; i < sizeof(device); i++)
		device[i] = (uint8_t)(i * 37 + (i >> 8));
	memcpy(t.mem + RAM, device, sizeof(device));
	for (i = 0; i < 256; i++)
		t.mem[0x230000 + i] = (uint8_t)(i ^ 0x5a);
}

static void compare(const char *what, enum tiny_mode mode, const char *begin, const char *end,
		    unsigned int step)
{
	unsigned int i, n, differ = 0;
	int ret;

	tiny_load(&t, mode, begin, (size_t)(end - begin));
	fill();
	memset(t.mem + RESULTS_RAM, 0, 0x20000);
	memset(t.mem + RESULTS_DEVICE, 0, 0x20000);
	accesses = odd = 0;
	ret = run_with_device();
	if (!ok(ret == FERRY_EXIT_IO && t.run->io.port == TINY_PORT && tiny_out(&t) == 0x600d,
		"%s: runs to its end", what)) {
		diag("exit %d, gpa %llx, rip %llx", ret, (long long)t.run->mmio.gpa,
		     (long long)tiny_regs(&t).rip);
		if (ret == TINY_TRAP)
			diag("trap %llu error %llx rip %llx", (long long)t.trap->vector,
			     (long long)t.trap->error, (long long)t.trap->rip);
		if (ret == FERRY_EXIT_ERROR)
			diag("%s", (char *)t.run->error.detail);
		return;
	}
	for (n = 0, i = 0; i + step <= 0x20000; i += step) {
		static const uint8_t zeros[48];

		if (memcmp(t.mem + RESULTS_RAM + i, zeros, step))
			n++;
		if (!memcmp(t.mem + RESULTS_RAM + i, t.mem + RESULTS_DEVICE + i, step))
			continue;
		if (differ++ < 5) {
			const uint64_t *a = (void *)(t.mem + RESULTS_RAM + i);
			const uint64_t *b = (void *)(t.mem + RESULTS_DEVICE + i);
			unsigned int j;

			for (j = 0; j < step / 8; j++)
				if (a[j] != b[j])
					diag("step %u word %u: CPU %llx, emulated %llx", i / step, j,
					     (long long)a[j], (long long)b[j]);
		}
	}
	ok(!differ && n > 5, "%s: %u results as the CPU has them", what, n);
	ok_mem(device, t.mem + RAM, sizeof(device), "%s: the device holds what memory holds", what);
	ok(accesses >= n / 2 && !odd, "%s: %u device accesses of 1 to 8 bytes", what, accesses);
}

/* The same in 32- and 16-bit code, fewer forms. */
#define STEP32(insn)                                                                               \
	"mov $0x55667788, %eax; mov $0x1dee0f01, %edx; mov $3, %ecx\n"                             \
	"lea 16(%ebx), %edi; lea 64(%ebx), %esi\n" insn "\n"                                       \
	"mov %eax, (%ebp); mov %ecx, 4(%ebp); mov %edx, 8(%ebp); sub %ebx, %esi\n"                 \
	"mov %esi, 12(%ebp); add $16, %ebp\n"

TINY_SNIPPET(legacy32, 32,
	     "mov $0x200000, %ebx; mov $0x240000, %ebp\n1:\n"
	     STEP32("mov %al, (%ebx); mov %ah, 1(%ebx); mov %ax, 2(%ebx); mov %eax, 4(%ebx)")
	     STEP32("mov 1(%ebx, %ecx, 2), %ax") STEP32("add %eax, 4(%ebx)") STEP32("incw 2(%ebx)")
	     STEP32("xchg %edx, 8(%ebx)") STEP32("push 4(%ebx); pop 12(%ebx)") STEP32("rep movsl")
	     STEP32("rep stosb") STEP32("lock cmpxchg8b (%ebx)") STEP32("btsl $9, 4(%ebx)")
	     STEP32("movzbl 3(%ebx), %eax") STEP32("movl $0x230000, %edi; rep movsw")
	     "cmp $0x3f000000, %ebx; je 2f\n"
	     "mov $0x3f000000, %ebx; mov $0x260000, %ebp; jmp 1b\n"
	     "2: mov $0x600d, %eax; out %eax, $0xf1; hlt\n");

/* Memory ends at 4 MiB: what crosses its end is half memory, half device. */
TINY_SNIPPET(edge, 64,
	     "mov $0x3ffffd, %ebx; movabs $0x1122334455667788, %rax; mov %rax, (%rbx)\n"
	     "mov (%rbx), %rax; out %eax, $0xf1; shr $32, %rax; out %eax, $0xf1\n"
	     "addq $0x10, (%rbx); mov (%rbx), %eax; out %eax, $0xf1\n");

static void test_edge(void)
{
	uint64_t data = 0;
	unsigned int i, n = 0;
	bool added = false;
	int ret;

	TINY_LOAD(&t, TINY_64, edge);
	for (i = 0; i < 20; i++) {
		ret = tiny_run(&t);
		if (ret == FERRY_EXIT_IO) {
			static const uint32_t want[] = { 0x55667788, 0x11223344, 0x55667798 };

			ok_eq(tiny_out(&t), want[n], "across the end of memory: part %u", n);
			if (++n == 3)
				break;
			continue;
		}
		if (ret != FERRY_EXIT_MMIO || t.run->mmio.gpa != SIZE ||
		    t.run->mmio.width != (n == 2 && !t.run->mmio.is_write && added ? 1 : 5))
			break;
		if (t.run->mmio.is_write) {
			memcpy(&data, (void *)t.run->mmio.data, 5);
			added = n == 2;
		} else {
			memcpy((void *)t.run->mmio.data, &data, 5);
		}
	}
	ok_eq(n, 3, "memory and device each get their part");
	ok(!memcmp(t.mem + SIZE - 3, "\x98\x77\x66", 3), "memory has the low bytes");
}

/* String ports, with and without REP. */
TINY_SNIPPET(ports, 64,
	     "mov $0x200000, %esi; mov $0x1234, %edx; mov $5, %ecx; rep outsb\n"
	     "outsw; outsl; mov $0x201000, %edi; mov $3, %ecx; rep insl; insb\n"
	     "mov %esi, %eax; out %eax, $0xf1; mov %edi, %eax; out %eax, $0xf1\n"
	     /* straight from port to device memory */
	     "mov $0x3f000010, %edi; insl; mov $0x3f000010, %esi; outsl\n"
	     "mov $0x600d, %eax; out %eax, $0xf1\n");

static void test_ports(void)
{
	static const struct {
		uint8_t width, write;
	} expect[] = {
		{ 1, 1 }, { 1, 1 }, { 1, 1 }, { 1, 1 }, { 1, 1 }, { 2, 1 }, { 4, 1 },
		{ 4, 0 }, { 4, 0 }, { 4, 0 }, { 1, 0 },
	};
	static const uint32_t answer = 0xcafe0000;
	uint8_t seen[16];
	unsigned int i, n = 0, good = 0;
	uint32_t a;
	int ret;

	TINY_LOAD(&t, TINY_64, ports);
	fill();
	for (i = 0; i < sizeof(expect) / sizeof(expect[0]); i++) {
		if (tiny_run(&t) != FERRY_EXIT_IO || t.run->io.port != 0x1234 ||
		    t.run->io.width != expect[i].width || t.run->io.is_write != expect[i].write)
			break;
		a = answer + i;
		if (expect[i].write) {
			memcpy(seen + n, (void *)t.run->io.data, expect[i].width);
			n += expect[i].width;
		} else {
			memcpy((void *)t.run->io.data, &a, 4);
		}
		good++;
	}
	ok_eq(good, sizeof(expect) / sizeof(expect[0]), "INS and OUTS come one element at a time");
	ok_mem(seen, device, 11, "OUTS takes bytes from memory");
	ok(tiny_run(&t) == FERRY_EXIT_IO && tiny_out(&t) == 0x20000b, "rSI has moved");
	ok(tiny_run(&t) == FERRY_EXIT_IO && tiny_out(&t) == 0x20100d, "rDI has moved");
	for (i = 0; i < 3; i++) {
		a = answer + 7 + i;
		ok_mem(t.mem + 0x201000 + i * 4, &a, 4, "INS stores element %u", i);
	}
	ok(t.mem[0x20100c] == (uint8_t)(answer + 10) && !memcmp(t.mem + 0x20100d, device + 0x100d, 3),
	   "and nothing behind the last");

	ret = run_with_device();
	ok(ret == FERRY_EXIT_IO && !t.run->io.is_write && t.run->io.width == 4, "INS to a device reads the port");
	memcpy((void *)t.run->io.data, &answer, 4);
	ret = run_with_device();
	ok(ret == FERRY_EXIT_IO && t.run->io.is_write && !memcmp((void *)t.run->io.data, &answer, 4),
	   "OUTS from a device takes what INS stored there");
	ok(run_with_device() == FERRY_EXIT_IO && tiny_out(&t) == 0x600d, "and the guest goes on");
}

/*
 * While userspace serves an access, the instruction is in flight: it was fetched and its operand translated,
 * and that other processors change its bytes or the page tables comes too late for it.
 */
TINY_SNIPPET(flight, 64,
	     "mov $0x3f000000, %esi; jmp 2f\n"		/* 7 bytes */
	     "1: mov 0x10(%rsi), %eax; out %eax, $0xf1; ret\n"
	     "2: call 1b; call 1b; call 1b; mov $0x30000100, %esi; addl $5, (%rsi); out %eax, $0xf1\n");
#define READ_AT (TINY_CODE + 7)

static void test_flight(void)
{
	struct ferry_memory rom = { .size = sizeof(rom), .region = 1, .gpa = 0x30000000, .length = 4096,
				    .flags = FERRY_MEM_READONLY };
	uint64_t *pde = (uint64_t *)(t.mem + 0x8000 + 8 * (0x3f000000 >> 21)), was = *pde;
	struct ferry_state_general regs;
	uint32_t answer = 0x77665544;
	static const uint8_t code[] = { 0x8b, 0x46, 0x10 };
	uint8_t *page;

	TINY_LOAD(&t, TINY_64, flight);
	ok(!memcmp(t.mem + READ_AT, code, sizeof(code)), "the read is where it is looked for");
	ok(tiny_run(&t) == FERRY_EXIT_MMIO && !t.run->mmio.is_write, "in flight: a read of a device");
	memset(t.mem + READ_AT, 0xf4, sizeof(code));
	memcpy((void *)t.run->mmio.data, &answer, 4);
	ok(tiny_run(&t) == FERRY_EXIT_IO && tiny_out(&t) == answer, "it completes though its bytes changed");

	memcpy(t.mem + READ_AT, code, sizeof(code));
	ok(tiny_run(&t) == FERRY_EXIT_MMIO, "another");
	*pde = 0;
	memcpy((void *)t.run->mmio.data, &answer, 4);
	ok(tiny_run(&t) == FERRY_EXIT_IO && tiny_out(&t) == answer, "it completes though its page is gone");
	*pde = was;

	ok(tiny_run(&t) == FERRY_EXIT_MMIO, "a third");
	memset(t.mem + READ_AT, 0x90, sizeof(code));
	regs = tiny_regs(&t);
	regs.gpr[FERRY_RAX] = 0x600d;
	tiny_set_regs(&t, &regs);
	ok(tiny_run(&t) == FERRY_EXIT_IO && tiny_out(&t) == 0x600d, "state from outside begins it anew");

	page = ioctl(t.vm, FERRY_SET_MEMORY, &rom) ? MAP_FAILED :
	       mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, t.vm, (off_t)rom.gpa);
	ok(page != MAP_FAILED, "a page that is read-only to the guest");
	if (page == MAP_FAILED)
		return;
	page[0x100] = 37;
	ok(tiny_run(&t) == FERRY_EXIT_MMIO && t.run->mmio.is_write && t.run->mmio.gpa == 0x30000100 &&
	   t.run->mmio.data[0] == 42, "ADD reads it as memory and writes to the device");
	ok(tiny_run(&t) == FERRY_EXIT_IO && page[0x100] == 37, "and it keeps its contents");
	munmap(page, 4096);
}

/* Faults of emulated instructions: a page that is not there, a bad address. */
TINY_SNIPPET(faults, 64,
	     "mov $0x3f000000, %esi; mov $0x7f000000, %edi; movsl\n"	/* not mapped: beyond 1 GiB */
	     "ud2\n");

static void test_faults(void)
{
	int ret;

	TINY_LOAD(&t, TINY_64, faults);
	ret = run_with_device();
	ok(ret == TINY_TRAP && t.trap->vector == 14 && t.trap->error == 2 &&
	   t.trap->cr2 == 0x7f000000 && t.trap->rip == TINY_CODE + 10,
	   "MOVS from a device to an unmapped page is #PF with its error code");
	if (ret == TINY_TRAP)
		diag("vector %llu error %llx cr2 %llx rip %llx", (long long)t.trap->vector,
		     (long long)t.trap->error, (long long)t.trap->cr2, (long long)t.trap->rip);
	ok_eq(tiny_reg(&t, FERRY_RSI), 0x3f000000, "and has changed no register");
}

TINY_SNIPPET(mmx_device, 64,
	     "mov $0x38000000, %ebx; pxor %mm1, %mm1; paddb (%rbx), %mm1; movq %mm1, %rax; out %eax, $0xf1\n");

/*
 * The VMM's own registers are in the CPU when it comes back with an answer. An x87 exception that waits
 * in them must not hit the host's kernel as it carries out the guest's instruction.
 */
static void test_x87_waits(void)
{
	static const uint16_t unmasked = 0x37e; /* #IA */
	int ret;

	TINY_LOAD(&t, TINY_64, mmx_device);
	ok(tiny_run(&t) == FERRY_EXIT_MMIO, "MMX: a read of a device");
	memset((void *)t.run->mmio.data, 7, sizeof(t.run->mmio.data));
	__asm__ volatile("fninit; fldcw %0; fld1; fchs; fsqrt" : : "m"(unmasked) : "st", "st(1)");
	ret = tiny_run(&t);
	__asm__ volatile("fnclex; fninit");
	ok(ret == FERRY_EXIT_IO && tiny_out(&t) == 0x07070707,
	   "MMX: is carried out while an x87 exception of the VMM's waits");
}

int main(void)
{
	tiny_open(&t, SIZE);
	compare("moves", TINY_64, moves_begin, moves_end, 48);
	compare("arithmetic", TINY_64, arithmetic_begin, arithmetic_end, 48);
	compare("vectors", TINY_64, vectors_begin, vectors_end, 48);
	compare("strings", TINY_64, strings_begin, strings_end, 48);
	compare("page crossing", TINY_64, crossing_begin, crossing_end, 48);
	compare("32-bit code", TINY_32, legacy32_begin, legacy32_end, 16);
	compare("paged 32-bit code", TINY_PAGED32, legacy32_begin, legacy32_end, 16);
	test_edge();
	test_ports();
	test_faults();
	test_flight();
	test_x87_waits();
	tiny_close(&t);
	return done();
}
