// SPDX-License-Identifier: GPL-2.0-only
/* Tiny guests. See tiny.h. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include "host_policy.h"
#include "tiny.h"

#define IVT 0x0
#define GDT 0x800
#define IDT 0x1000
#define TRAP 0x2000
#define STACK 0x5000
#define TABLES 0x6000
#define ENTRIES 0x9000
#define TSS 0xb000
#define STR(x) #x
#define XSTR(x) STR(x)

/*
 * The common part of all entry points: vector and error code are on the stack above the frame. RBX
 * walks from the trap record to the frame; RIP is copied back before IRET.
 */
TINY_SNIPPET(common64, 64,
	     "push %rax; push %rbx\n"
	     "mov $0x2000, %ebx\n"
	     "mov 0x10(%rsp), %rax; mov %rax, 0(%rbx)\n"
	     "mov 0x18(%rsp), %rax; mov %rax, 8(%rbx)\n"
	     "mov 0x20(%rsp), %rax; mov %rax, 16(%rbx)\n"
	     "mov 0x28(%rsp), %rax; mov %rax, 24(%rbx)\n"
	     "mov 0x30(%rsp), %rax; mov %rax, 32(%rbx)\n"
	     "mov 0x38(%rsp), %rax; mov %rax, 40(%rbx)\n"
	     "mov %cr2, %rax; mov %rax, 48(%rbx)\n"
	     "incq 56(%rbx)\n"
	     "out %al, $" XSTR(TINY_TRAP_PORT) "\n"
	     "mov 16(%rbx), %rax; mov %rax, 0x20(%rsp)\n"
	     "mov 32(%rbx), %rax; mov %rax, 0x30(%rsp)\n"
	     "pop %rbx; pop %rax; add $16, %rsp\n"
	     "iretq");

TINY_SNIPPET(common32, 32,
	     "push %eax; push %ebx\n"
	     "mov $0x2000, %ebx\n"
	     "mov 0x08(%esp), %eax; mov %eax, 0(%ebx)\n"
	     "mov 0x0c(%esp), %eax; mov %eax, 8(%ebx)\n"
	     "mov 0x10(%esp), %eax; mov %eax, 16(%ebx)\n"
	     "mov 0x14(%esp), %eax; mov %eax, 24(%ebx)\n"
	     "mov 0x18(%esp), %eax; mov %eax, 32(%ebx)\n"
	     "mov %cr2, %eax; mov %eax, 48(%ebx)\n"
	     "incl 56(%ebx)\n"
	     "out %al, $" XSTR(TINY_TRAP_PORT) "\n"
	     "mov 16(%ebx), %eax; mov %eax, 0x10(%esp)\n"
	     "mov 32(%ebx), %eax; mov %eax, 0x18(%esp)\n"
	     "pop %ebx; pop %eax; add $8, %esp\n"
	     "iret");

static void die(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---------------------------------------------------------------------- the VM */

void (*tiny_edit_host)(void *policy);

static void set_policy(struct tiny *t, void (*edit)(struct ferry_cpuid_entry *, unsigned int))
{
	static struct cpu_policy host, guest;
	struct cpu_default_params params = { .topology = { .cores = 1, .threads = 1 },
					     .flags = CPU_DEFAULT_KVMCLOCK };
	struct ferry_policy args = { .size = sizeof(args) };

	if (host_policy_read(&host)) {
		errno = EINVAL;
		die("this host's CPUID is none");
	}
	if (tiny_edit_host)
		tiny_edit_host(&host);
	if (cpu_policy_default(&guest, &host, &params)) {
		errno = EINVAL;
		die("this host's CPUID makes no policy");
	}
	if (edit)
		edit((struct ferry_cpuid_entry *)guest.leaf, guest.nr_leaves);
	args.nr_cpuid = guest.nr_leaves;
	args.nr_msrs = guest.nr_msrs;
	args.cpuid = (uintptr_t)guest.leaf;
	args.msrs = (uintptr_t)guest.msr;
	if (ioctl(t->vm, FERRY_SET_POLICY, &args))
		die("FERRY_SET_POLICY");
}

static void open_vm(struct tiny *t, size_t size, uint32_t flags,
		    void (*edit)(struct ferry_cpuid_entry *, unsigned int))
{
	struct ferry_create_vm vm = { .size = sizeof(vm), .flags = flags, .name = "tiny",
				      .uuid = { 1 } };
	struct ferry_memory memory = { .size = sizeof(memory), .length = size };
	struct ferry_create_vcpu vcpu = { .size = sizeof(vcpu) };

	memset(t, 0, sizeof(*t));
	t->size = size;
	t->dev = open("/dev/ferry", O_RDWR | O_CLOEXEC);
	if (t->dev < 0)
		die("/dev/ferry");
	t->vm = ioctl(t->dev, FERRY_CREATE_VM, &vm);
	if (t->vm < 0)
		die("FERRY_CREATE_VM");
	set_policy(t, edit);
	if (ioctl(t->vm, FERRY_SET_MEMORY, &memory))
		die("FERRY_SET_MEMORY");
	t->mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, t->vm, 0);
	if (t->mem == MAP_FAILED)
		die("mapping guest memory");
	t->vcpu = ioctl(t->vm, FERRY_CREATE_VCPU, &vcpu);
	if (t->vcpu < 0)
		die("FERRY_CREATE_VCPU");
	t->run = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, t->vcpu, 0);
	if (t->run == MAP_FAILED)
		die("mapping the run page");
	t->trap = (void *)(t->mem + TRAP);
}

void tiny_open_policy(struct tiny *t, size_t size,
		      void (*edit)(struct ferry_cpuid_entry *, unsigned int))
{
	open_vm(t, size, 0, edit);
}

void tiny_open(struct tiny *t, size_t size)
{
	open_vm(t, size, 0, NULL);
}

void tiny_open_emulated(struct tiny *t, size_t size)
{
	open_vm(t, size, FERRY_VM_EMULATE, NULL);
}

void tiny_close(struct tiny *t)
{
	munmap((void *)t->run, 4096);
	munmap(t->mem, t->size);
	close(t->vcpu);
	close(t->vm);
	close(t->dev);
}

/* ----------------------------------------------------------- state, by the group */

int tiny_get(struct tiny *t, uint32_t group, void *buf, size_t length)
{
	struct ferry_state args = { .size = sizeof(args), .group = group, .length = length,
				    .addr = (uintptr_t)buf };

	return ioctl(t->vcpu, FERRY_GET_STATE, &args) ? -errno : 0;
}

int tiny_set(struct tiny *t, uint32_t group, const void *buf, size_t length)
{
	struct ferry_state args = { .size = sizeof(args), .group = group, .length = length,
				    .addr = (uintptr_t)buf };

	return ioctl(t->vcpu, FERRY_SET_STATE, &args) ? -errno : 0;
}

struct ferry_state_general tiny_regs(struct tiny *t)
{
	struct ferry_state_general g;

	if (tiny_get(t, FERRY_STATE_GENERAL, &g, sizeof(g)))
		die("reading registers");
	return g;
}

void tiny_set_regs(struct tiny *t, const struct ferry_state_general *g)
{
	if (tiny_set(t, FERRY_STATE_GENERAL, g, sizeof(*g)))
		die("writing registers");
}

uint64_t tiny_reg(struct tiny *t, int reg)
{
	return tiny_regs(t).gpr[reg];
}

uint64_t tiny_exits(struct tiny *t, const char *kind)
{
	struct ferry_stats stats = { .size = sizeof(stats) };
	struct ferry_exit_name name = { .size = sizeof(name) };

	if (ioctl(t->vm, FERRY_GET_STATS, &stats))
		die("FERRY_GET_STATS");
	for (; !ioctl(t->vm, FERRY_GET_EXIT_NAME, &name); name.index++)
		if (!strcmp((char *)name.name, kind))
			return stats.exits[name.index];
	errno = ENOENT;
	die(kind);
	return 0;
}

uint64_t tiny_caps(void)
{
	struct ferry_info info = { .size = sizeof(info) };
	int dev = open("/dev/ferry", O_RDWR | O_CLOEXEC);

	if (dev < 0 || ioctl(dev, FERRY_GET_INFO, &info))
		die("FERRY_GET_INFO");
	close(dev);
	return info.caps;
}

/* ------------------------------------------------------------- modes and tables */

static uint64_t descriptor(uint32_t flags)
{
	/* base 0, limit 4 GiB in pages unless it is a TSS */
	return 0x000f00000000ffffULL | (uint64_t)flags << 40;
}

static bool pushes_error(int vector)
{
	return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21;
}

static void build_gdt(struct tiny *t)
{
	uint64_t *gdt = (uint64_t *)(t->mem + GDT);

	memset(gdt, 0, 10 * 8);
	gdt[TINY_CS64 / 8] = descriptor(0xa09b);
	gdt[TINY_DS / 8] = descriptor(0xc093);
	gdt[TINY_CS32 / 8] = descriptor(0xc09b);
	gdt[TINY_CS16 / 8] = descriptor(0x809b);
	gdt[TINY_USER_CS64 / 8] = descriptor(0xa0fb);
	gdt[TINY_USER_DS / 8] = descriptor(0xc0f3);
	gdt[TINY_USER_CS32 / 8] = descriptor(0xc0fb);
	gdt[TINY_TSS / 8] = 0x00008b0000000067ULL | (uint64_t)TSS << 16;
}

/* Each: push the vector, with an error code before it where the CPU pushes none; jump on. */
static void build_entries(struct tiny *t, enum tiny_mode mode)
{
	uint8_t *common = t->mem + ENTRIES + 256 * 16;
	bool wide = mode == TINY_64;
	int v;

	memcpy(common, wide ? common64_begin : common32_begin,
	       wide ? common64_end - common64_begin : common32_end - common32_begin);
	for (v = 0; v < 256; v++) {
		uint8_t *p = t->mem + ENTRIES + v * 16;
		uint32_t at = ENTRIES + v * 16;
		int32_t jump;

		if (!pushes_error(v)) {
			*p++ = 0x6a;
			*p++ = 0;
		}
		*p++ = 0x68;
		memcpy(p, &v, 4);
		p += 4;
		*p++ = 0xe9;
		jump = (int32_t)(common - (p + 4));
		memcpy(p, &jump, 4);
		if (wide) {
			uint64_t *gate = (uint64_t *)(t->mem + IDT) + v * 2;

			gate[0] = (at & 0xffff) | TINY_CS64 << 16 | 0xee0000000000ULL |
				  (uint64_t)(at & 0xffff0000) << 32;
			gate[1] = 0;
		} else {
			uint64_t *gate = (uint64_t *)(t->mem + IDT) + v;

			gate[0] = (at & 0xffff) | TINY_CS32 << 16 | 0xee0000000000ULL |
				  (uint64_t)(at & 0xffff0000) << 32;
		}
	}
}

static void build_pages(struct tiny *t, enum tiny_mode mode)
{
	uint64_t *pml4 = (uint64_t *)(t->mem + TABLES), *pdpt = pml4 + 512, *pd = pdpt + 512;
	uint32_t *pd32 = (uint32_t *)pml4;
	int i;

	memset(pml4, 0, 3 * 4096);
	if (mode == TINY_PAGED32) {
		for (i = 0; i < 1024; i++)
			pd32[i] = (uint32_t)i << 22 | 0x87;
		return;
	}
	pml4[0] = (TABLES + 0x1000) | 7;
	pdpt[0] = (TABLES + 0x2000) | 7;
	for (i = 0; i < 512; i++)
		pd[i] = (uint64_t)i << 21 | 0x87;
}

static void set_mode(struct tiny *t, enum tiny_mode mode)
{
	struct ferry_segment code = { .limit = ~0u }, data = { .limit = ~0u, .attrib = 0xc93 };
	struct ferry_state_segments s;
	struct ferry_state_control c;
	int i;

	if (tiny_get(t, FERRY_STATE_SEGMENTS, &s, sizeof(s)) ||
	    tiny_get(t, FERRY_STATE_CONTROL, &c, sizeof(c)))
		die("FERRY_GET_STATE");
	c.cr2 = 0;
	c.cr3 = TABLES;
	c.cr8 = 0;
	c.flags = 0;
	data.selector = TINY_DS;
	switch (mode) {
	case TINY_REAL:
		c.cr0 = 0x10;
		c.cr4 = 0;
		c.efer = 0;
		code = (struct ferry_segment){ .selector = TINY_CODE >> 4, .base = TINY_CODE,
					       .limit = 0xffff, .attrib = 0x9b };
		data = (struct ferry_segment){ .limit = 0xffff, .attrib = 0x93 };
		break;
	case TINY_32:
	case TINY_PAGED32:
		c.cr0 = mode == TINY_32 ? 0x11 : 0x80000011;
		c.cr4 = 0x610; /* PSE, OSFXSR, OSXMMEXCPT */
		c.efer = 0;
		code.selector = TINY_CS32;
		code.attrib = 0xc9b;
		break;
	case TINY_64:
		c.cr0 = 0x80010011; /* WP for its own sake */
		c.cr4 = 0x620;
		c.efer = 0x501; /* LMA, LME, SCE */
		code.selector = TINY_CS64;
		code.attrib = 0xa9b;
		break;
	}
	for (i = 0; i <= FERRY_SEG_GS; i++)
		s.seg[i] = i == FERRY_SEG_CS ? code : data;
	s.seg[FERRY_SEG_LDTR] = (struct ferry_segment){ .attrib = FERRY_SEG_UNUSABLE };
	s.seg[FERRY_SEG_TR] = (struct ferry_segment){ .selector = TINY_TSS, .base = TSS,
						      .limit = 0x67, .attrib = 0x8b };
	s.gdt_base = GDT;
	s.gdt_limit = 10 * 8 - 1;
	s.idt_base = mode == TINY_REAL ? IVT : IDT;
	s.idt_limit = mode == TINY_REAL ? 0x3ff : 0xfff;
	if (tiny_set(t, FERRY_STATE_CONTROL, &c, sizeof(c)) ||
	    tiny_set(t, FERRY_STATE_SEGMENTS, &s, sizeof(s)))
		die("FERRY_SET_STATE");
}

void tiny_settle(struct tiny *t)
{
	struct ferry_vcpu_run args = { .size = sizeof(args) };
	int tries;

	t->run->immediate_exit = 1;
	for (tries = 0; tries < 100 && !ioctl(t->vcpu, FERRY_RUN, &args); tries++)
		;
	t->run->immediate_exit = 0;
}

void tiny_load(struct tiny *t, enum tiny_mode mode, const void *code, size_t length)
{
	struct ferry_state_general g = { .rip = TINY_CODE, .rflags = 2 };
	struct ferry_state_events none = { 0 };
	struct ferry_state_debug debug = { .dr6 = 0xffff0ff0, .dr7 = 0x400 };
	struct ferry_state_mp mp = { 0 };

	tiny_settle(t);
	t->mode = mode;
	memset(t->mem + IVT, 0, TINY_CODE + 0x1000);
	build_gdt(t);
	build_pages(t, mode);
	if (mode != TINY_REAL)
		build_entries(t, mode);
	/* RSP0, or ESP0 and SS0 */
	*(uint64_t *)(t->mem + TSS + 4) = mode == TINY_64 ? STACK - 0x800 :
				      (STACK - 0x800) | (uint64_t)TINY_DS << 32;
	memcpy(t->mem + TINY_CODE, code, length);
	set_mode(t, mode);
	g.gpr[FERRY_RSP] = STACK;
	if (mode == TINY_REAL)
		g.rip = 0;
	tiny_set_regs(t, &g);
	if (tiny_set(t, FERRY_STATE_EVENTS, &none, sizeof(none)) ||
	    tiny_set(t, FERRY_STATE_DEBUG, &debug, sizeof(debug)) ||
	    tiny_set(t, FERRY_STATE_MP, &mp, sizeof(mp)))
		die("FERRY_SET_STATE");
}

/* ---------------------------------------------------------------------- running */

static struct tiny *timed;

static void on_alarm(int sig)
{
	if (timed)
		timed->run->immediate_exit = 1;
}

int tiny_run_ms(struct tiny *t, unsigned int ms)
{
	struct itimerval time = { .it_value = { ms / 1000, ms % 1000 * 1000 },
				  .it_interval = { 0, 20000 } },
			 none = { 0 };
	struct ferry_vcpu_run args = { .size = sizeof(args) };
	struct sigaction action = { .sa_handler = on_alarm };
	int ret;

	t->run->immediate_exit = 0;
	timed = t;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &time, NULL);
	ret = ioctl(t->vcpu, FERRY_RUN, &args) ? -errno : 0;
	setitimer(ITIMER_REAL, &none, NULL);
	timed = NULL;
	t->run->immediate_exit = 0;
	if (ret == -EINTR)
		return TINY_LATE;
	if (ret)
		return ret;
	if (t->run->exit_reason == FERRY_EXIT_IO && t->run->io.port == TINY_TRAP_PORT &&
	    t->run->io.is_write)
		return TINY_TRAP;
	return t->run->exit_reason;
}

int tiny_run(struct tiny *t)
{
	return tiny_run_ms(t, 5000);
}

uint32_t tiny_out(struct tiny *t)
{
	uint32_t value = 0;

	memcpy(&value, (void *)t->run->io.data, t->run->io.width);
	return value;
}
