// SPDX-License-Identifier: GPL-2.0-only
/* See native.h. */
#include <asm/ldt.h>
#include <asm/prctl.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "native.h"

u8 *native_code, *native_data;
struct native_limits native_lacks;

/* Shared with the child: what it runs, and that it gets on. */
static struct {
	volatile u64 cases;
	struct native_case todo;
} *shared;

static bool (*next_case)(const struct native_state *left, struct native_case *todo);

static const int gpr_index[16] = {
	REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
	REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

static void load_data_segments(unsigned int mode)
{
	u16 sel = mode == INSN_MODE_16 ? SEL_DATA16 : mode == INSN_MODE_32 ? SEL_DATA32 : 0;

	asm volatile("mov %0, %%ds; mov %0, %%es; mov %1, %%gs" :: "r"(sel), "r"(0));
}

static void read_segments(u16 sel[6], u64 csgsfs)
{
	asm volatile("mov %%es, %0" : "=r"(sel[INSN_ES]));
	asm volatile("mov %%ds, %0" : "=r"(sel[INSN_DS]));
	asm volatile("mov %%fs, %0" : "=r"(sel[INSN_FS]));
	asm volatile("mov %%gs, %0" : "=r"(sel[INSN_GS]));
	sel[INSN_CS] = (u16)csgsfs;
	sel[INSN_SS] = (u16)(csgsfs >> 48);
}

/* In the signal frame's XSAVE image. SDM volume 1 section 13.4. */
#define FRAME_SOFTWARE 464	/* Linux's own bytes, to 511 */
#define FRAME_XSTATE_BV 512
#define FRAME_HEADER_END 576

static void read_fpu(struct native_state *left, const u8 *frame)
{
	memcpy(left->area, frame, AREA_BYTES);
	memset(left->area + FRAME_SOFTWARE, 0, FRAME_XSTATE_BV - FRAME_SOFTWARE);
	if (!(frame[FRAME_XSTATE_BV] & 4))
		memset(left->area + FRAME_HEADER_END, 0, AREA_BYTES - FRAME_HEADER_END);
}

static void write_fpu(const struct native_state *in, u8 *frame)
{
	memcpy(frame, in->area, FRAME_SOFTWARE);
	memcpy(frame + FRAME_HEADER_END, in->area + FRAME_HEADER_END, AREA_BYTES - FRAME_HEADER_END);
	frame[FRAME_XSTATE_BV] = (frame[FRAME_XSTATE_BV] & ~7) | (in->area[FRAME_XSTATE_BV] & 7);
}

static void __attribute__((used)) on_signal(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	greg_t *regs = uc->uc_mcontext.gregs;
	struct native_case *todo = &shared->todo;
	static bool begun;
	struct native_state left;
	u16 cs, ss;
	int i;

	if (begun) {
		for (i = 0; i < 16; i++)
			left.gpr[i] = (u64)regs[gpr_index[i]];
		left.rip = (u64)regs[REG_RIP];
		left.rflags = (u64)regs[REG_EFL];
		left.vector = (int)regs[REG_TRAPNO];
		left.error = (u32)regs[REG_ERR];
		left.cr2 = (u64)regs[REG_CR2];
		read_fpu(&left, (const u8 *)uc->uc_mcontext.fpregs);
		read_segments(left.sel, (u64)regs[REG_CSGSFS]);
		if (sig == SIGSYS)
			left.vector = 256;
	}
	if (!next_case(begun ? &left : NULL, todo))
		_exit(0);
	begun = true;
	shared->cases++;
	for (i = 0; i < 16; i++)
		regs[gpr_index[i]] = (greg_t)todo->in.gpr[i];
	regs[REG_RIP] = (greg_t)todo->in.rip;
	regs[REG_EFL] = (greg_t)todo->in.rflags;
	switch (todo->mode) {
	case INSN_MODE_16:
		cs = SEL_CODE16;
		ss = SEL_DATA16;
		break;
	case INSN_MODE_32:
		cs = SEL_CODE32;
		ss = SEL_DATA32;
		break;
	default:
		cs = SEL_CODE64;
		ss = SEL_DATA32;
		break;
	}
	write_fpu(&todo->in, (u8 *)uc->uc_mcontext.fpregs);
	load_data_segments(todo->mode);
	regs[REG_CSGSFS] = (greg_t)(cs | (u64)ss << 48);
}

/* AC, NT and ID survive into the handler: compiled code must not run with AC. */
asm(".text\n"
    ".type handler, @function\n"
    "handler:\n"
    "	pushfq\n"
    "	andq $~0x244400, (%rsp)\n"
    "	popfq\n"
    "	cld\n"
    "	jmp on_signal\n");
void handler(int sig, siginfo_t *info, void *context);

/* Let 16- and 32-bit code exist: descriptors of the LDT, and a try of each. */
static bool set_ldt(void)
{
	struct user_desc code = {
		.entry_number = 0, .base_addr = WINDOW, .limit = 0xffff, .seg_32bit = 0,
		.contents = 2, .read_exec_only = 0, .limit_in_pages = 0, .seg_not_present = 0,
	};
	struct user_desc data = code;

	data.entry_number = 1;
	data.contents = 0;
	return !syscall(SYS_modify_ldt, 1, &code, sizeof(code)) &&
	       !syscall(SYS_modify_ldt, 1, &data, sizeof(data));
}

static bool map_window(void)
{
	int fd = (int)syscall(SYS_memfd_create, "silicon", 0);
	u8 *window = (u8 *)WINDOW, *alias;
	size_t total = CODE_BYTES + DATA_BYTES;

	if (fd < 0 || ftruncate(fd, (off_t)total))
		return false;
	alias = mmap(NULL, total, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (alias == MAP_FAILED)
		return false;
	if (mmap(window, CODE_BYTES, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED_NOREPLACE, fd,
		 0) != window ||
	    mmap(window + CODE_BYTES, DATA_BYTES, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED_NOREPLACE, fd, CODE_BYTES) != window + CODE_BYTES)
		return false;
	if (mprotect((u8 *)DATA + RW1_BYTES, RO_BYTES, PROT_READ) ||
	    mprotect((u8 *)DATA + RW1_BYTES + RO_BYTES, 0x1000, PROT_NONE))
		return false;
	native_code = alias;
	native_data = alias + CODE_BYTES;
	close(fd);
	return true;
}

static void confine(void)
{
	struct sock_filter rules[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigreturn, 4, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 2, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = ARRAY_SIZE(rules), .filter = rules };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program)) {
		printf("# cannot confine the child\n");
		_exit(3);
	}
}

static void child(void)
{
	static const int signals[] = { SIGTRAP, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGSYS };
	struct sigaction sa = { .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
	stack_t stack = { .ss_size = 1 << 17 };
	unsigned int i;

	stack.ss_sp = mmap(NULL, stack.ss_size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sa.sa_sigaction = handler;
	sigaltstack(&stack, NULL);
	for (i = 0; i < ARRAY_SIZE(signals); i++)
		sigaction(signals[i], &sa, NULL);
	confine();
	asm volatile("int3");
	_exit(3);
}

/*
 * Under a hypervisor that runs this machine's kernel without privilege, what a process can see may differ
 * from the processor. One instruction each tells: a NOP in the mode, a NOP with a stack pointer that is not
 * canonical (IRET loads any), INT to a gate that is the kernel's own.
 */
static const struct trial {
	unsigned int mode;
	u8 code[2];
	u64 rsp;
	int vector;
	u32 error;
	unsigned int advance;	/* how far RIP is afterwards */
	bool *lacks;
} trials[] = {
	{ INSN_MODE_32, { 0x90, 0xcc }, DATA + 0x800, INSN_EXC_BP, 0, 2, &native_lacks.mode32 },
	{ INSN_MODE_16, { 0x90, 0xcc }, CODE_BYTES + 0x800, INSN_EXC_BP, 0, 2, &native_lacks.mode16 },
	{ INSN_MODE_64, { 0x90, 0xcc }, 1ULL << 62, INSN_EXC_BP, 0, 2, &native_lacks.wild_state },
	{ INSN_MODE_64, { 0xcd, 0x17 }, DATA + 0x800, INSN_EXC_GP, 0x17 * 8 + 2, 0, &native_lacks.int_n },
};
static const struct trial *tried;

static bool trial(const struct native_state *left, struct native_case *c)
{
	u64 rip = tried->mode == INSN_MODE_16 ? 0 : WINDOW;

	if (left)
		_exit(left->vector != tried->vector || left->rip != rip + tried->advance ||
		      (left->vector != INSN_EXC_BP && left->error != tried->error));
	memset(c, 0, sizeof(*c));
	c->mode = tried->mode;
	memcpy(native_code, tried->code, sizeof(tried->code));
	c->in.rip = rip;
	c->in.rflags = 0x202;
	c->in.gpr[INSN_RSP] = tried->rsp;
	return true;
}

/* A child that does not get on for this long met an instruction that jumps to itself. */
#define STUCK_SECONDS 20

static void report_stuck(void)
{
	const struct native_case *c = &shared->todo;
	unsigned int i;

	printf("# stuck after %llu cases: mode %u, rip %#llx, flags %#llx, bytes", (unsigned long long)shared->cases,
	       c->mode, (unsigned long long)c->in.rip, (unsigned long long)c->in.rflags);
	for (i = 0; i < 16; i++)
		printf(" %02x", c->code[i]);
	printf("\n#");
	for (i = 0; i < 16; i++)
		printf(" r%u=%#llx", i, (unsigned long long)c->in.gpr[i]);
	printf("\n");
}

static int run_child(void)
{
	unsigned int idle = 0;
	u64 last = ~0ULL;
	int status, ret;
	pid_t pid = fork();

	if (!pid)
		child();
	if (pid < 0)
		return -1;
	for (;;) {
		ret = waitpid(pid, &status, WNOHANG);
		if (ret)
			break;
		usleep(5000);
		idle = shared->cases == last ? idle + 1 : 0;
		last = shared->cases;
		if (idle == STUCK_SECONDS * 200) {
			report_stuck();
			kill(pid, SIGKILL);
		}
	}
	return ret == pid ? status : -1;
}

int native_run(bool (*next)(const struct native_state *left, struct native_case *todo))
{
	static bool prepared;

	fflush(stdout);
	if (!prepared) {
		shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			      -1, 0);
		if (shared == MAP_FAILED || !map_window()) {
			printf("# cannot map the window: %s\n", strerror(errno));
			return -1;
		}
		(void)set_ldt();	/* 16-bit code tells whether it counts */
		next_case = trial;
		for (tried = trials; tried < trials + ARRAY_SIZE(trials); tried++)
			*tried->lacks = run_child() != 0;
		prepared = true;
	}
	next_case = next;
	return run_child();
}
