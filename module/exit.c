// SPDX-License-Identifier: GPL-2.0-only
/*
 * Vendor-neutral exit handlers: one table, one row per kind.
 *
 * A handler is called in the cheapest context first. One that cannot do its work there returns
 * FERRY_NEXT_STAGE without having changed anything and is called again in the next: interrupts
 * on, then sleepable. vcpu->lock is held throughout.
 */
#include <linux/kernel.h>
#include <linux/sched.h>

#include "control.h"
#include "ferry.h"
#include "trace.h"

#define RFLAGS_TF BIT_ULL(8)
#define RFLAGS_RF BIT_ULL(16)

#define DR6_BS BIT_ULL(14)

#define X86_EXC_UD 6
#define X86_EXC_GP 13

/* ------------------------------------------------------------------- services */

/* 0: the bytes cannot be read in this context. */
static u32 insn_length(struct ferry_vcpu *vcpu)
{
	if (!vcpu->exit.insn_len)
		vcpu->exit.insn_len = ferry_bare_length(vcpu);
	if (!vcpu->exit.insn_len)
		vcpu->exit.insn_len = ferry_insn_length(vcpu);
	return vcpu->exit.insn_len;
}

bool ferry_skip_insn(struct ferry_vcpu *vcpu)
{
	u32 len = insn_length(vcpu);
	u64 next;

	if (!len)
		return false;
	next = vcpu->rip + len;
	/* EIP wraps at 4 GiB outside 64-bit mode; only there can a sum cross it from below. */
	if (unlikely(next >> 32 && !(vcpu->rip >> 32)) && !ferry_backend->code64(vcpu))
		next = (u32)next;
	vcpu->rip = next;
	ferry_backend->set_shadow(vcpu, 0);
	if (unlikely(vcpu->rflags & (RFLAGS_TF | RFLAGS_RF))) {
		vcpu->rflags &= ~RFLAGS_RF;
		if (vcpu->rflags & RFLAGS_TF)
			ferry_queue_exception(vcpu, 1, false, 0, DR6_BS);
	}
	return true;
}

/**
 * ferry_exit_error() - end FERRY_RUN with an error report
 * @vcpu: the vCPU
 * @kind: FERRY_ERROR_*
 * @fmt: what happened, for a person
 *
 * The vCPU's state stays as it is: userspace may look at it, and may run it again.
 */
void ferry_exit_error(struct ferry_vcpu *vcpu, u32 kind, const char *fmt, ...)
{
	struct ferry_run *run = vcpu->run;
	va_list args;
	int len;

	memset(&run->error, 0, sizeof(run->error));
	run->exit_reason = FERRY_EXIT_ERROR;
	run->rip = vcpu->rip;
	run->error.kind = kind;
	run->error.code = vcpu->exit.code;
	run->error.info1 = vcpu->exit.info1;
	run->error.info2 = vcpu->exit.info2;
	len = ferry_insn_bytes(vcpu, run->error.insn, 15);
	run->error.insn_len = max(len, 0);
	va_start(args, fmt);
	vsnprintf(run->error.detail, sizeof(run->error.detail), fmt, args);
	va_end(args);
}

/* ------------------------------------------------------------------- handlers */

static enum ferry_next on_nothing(struct ferry_vcpu *vcpu, enum ferry_stage stage)
{
	return FERRY_RESUME;
}

static enum ferry_next on_window(struct ferry_vcpu *vcpu, enum ferry_stage stage)
{
	set_bit(FERRY_REQ_EVENT, &vcpu->requests);
	return FERRY_RESUME;
}

static enum ferry_next on_cpuid(struct ferry_vcpu *vcpu, enum ferry_stage stage)
{
	u32 eax = vcpu->regs[FERRY_RAX], ecx = vcpu->regs[FERRY_RCX], ebx, edx, leaf, subleaf;

	if (unlikely(vcpu->msr.cpuid_fault) && ferry_backend->cpl(vcpu)) {
		ferry_queue_gp(vcpu, 0);
		return FERRY_RESUME;
	}
	if (!ferry_skip_insn(vcpu))
		return FERRY_NEXT_STAGE;
	leaf = eax;
	subleaf = ecx;
	ferry_cpuid(vcpu, &eax, &ebx, &ecx, &edx);
	vcpu->regs[FERRY_RAX] = eax;
	vcpu->regs[FERRY_RBX] = ebx;
	vcpu->regs[FERRY_RCX] = ecx;
	vcpu->regs[FERRY_RDX] = edx;
	trace_ferry_cpuid(leaf, subleaf, eax, ebx, ecx, edx);
	return FERRY_RESUME;
}

static enum ferry_next on_hlt(struct ferry_vcpu *vcpu, enum ferry_stage stage)
{
	if (stage != FERRY_STAGE_SLEEP || !ferry_skip_insn(vcpu))
		return FERRY_NEXT_STAGE;
	WRITE_ONCE(vcpu->mp_state, FERRY_MP_HALTED);
	vcpu->count.halts++;
	return FERRY_RESUME;
}

static u64 merge_by_width(u64 old, u64 value, u8 width)
{
	switch (width) {
	case 1:
		return (old & ~0xffULL) | (value & 0xff);
	case 2:
		return (old & ~0xffffULL) | (value & 0xffff);
	default:
		return value & 0xffffffff;
	}
}

static enum ferry_next on_io(struct ferry_vcpu *vcpu, enum ferry_stage stage)
{
	u8 width = vcpu->exit.io.width;
	bool in = vcpu->exit.io.in;
	u16 port = vcpu->exit.io.port;
	u64 rax = vcpu->regs[FERRY_RAX], data;

	if (stage == FERRY_STAGE_IRQSOFF) {
		if (vcpu->exit.io.string || ferry_iobus_may_have_port(vcpu->vm, port, width))
			return FERRY_NEXT_STAGE;
		return ferry_port_to_user(vcpu, port, width, in, vcpu->exit.insn_len);
	}
	if (vcpu->exit.io.string)
		return ferry_emulate(vcpu, stage);
	data = in ? 0 : rax;
	if (ferry_iobus_port(vcpu, port, width, !in, &data))
		return ferry_port_to_user(vcpu, port, width, in, vcpu->exit.insn_len);
	if (in)
		vcpu->regs[FERRY_RAX] = merge_by_width(rax, data, width);
	/* The CPU tells the length of port instructions on both vendors (APM 15.10.2, SDM 27.2.5). */
	ferry_skip_insn(vcpu);
	return FERRY_RESUME;
}

static enum ferry_next on_rdmsr(struct ferry_vcpu *vcpu, enum ferry_stage stage)
{
	u32 index = vcpu->regs[FERRY_RCX];
	u64 value = 0;
	int ret;

	ret = ferry_msr_read(vcpu, index, &value, false);
	trace_ferry_msr(vcpu->id, index, value, false, ret);
	if (ret) {
		ferry_queue_gp(vcpu, 0);
		return FERRY_RESUME;
	}
	if (!ferry_skip_insn(vcpu))
		return FERRY_NEXT_STAGE;
	vcpu->regs[FERRY_RAX] = (u32)value;
	vcpu->regs[FERRY_RDX] = value >> 32;
	return FERRY_RESUME;
}

static enum ferry_next on_wrmsr(struct ferry_vcpu *vcpu, enum ferry_stage stage)
{
	u64 value = (u32)vcpu->regs[FERRY_RAX] | vcpu->regs[FERRY_RDX] << 32;
	u32 index = vcpu->regs[FERRY_RCX];
	int ret;

	/* The write must not happen twice: make sure of the length before it. */
	if (!insn_length(vcpu))
		return FERRY_NEXT_STAGE;
	ret = ferry_msr_write(vcpu, index, value, false);
	trace_ferry_msr(vcpu->id, index, value, true, ret);
	if (ret)
		ferry_queue_gp(vcpu, 0);
	else
		ferry_skip_insn(vcpu);
	return FERRY_RESUME;
}

static enum ferry_next on_nested_fault(struct ferry_vcpu *vcpu, enum ferry_stage stage)
{
	enum ferry_fault fault;

	if (stage == FERRY_STAGE_IRQSOFF)
		return FERRY_NEXT_STAGE;
	if (stage == FERRY_STAGE_SECTION) {
		vcpu->count.nested_faults++;
		trace_ferry_nested_fault(vcpu->id, vcpu->exit.gpa, vcpu->exit.access, vcpu->rip);
	}
	fault = ferry_npt_fault(vcpu, vcpu->exit.gpa, vcpu->exit.access,
				stage == FERRY_STAGE_SECTION);
	switch (fault) {
	case FERRY_FAULT_FIXED:
		return FERRY_RESUME;
	case FERRY_FAULT_MMIO:
		return ferry_emulate(vcpu, stage);
	case FERRY_FAULT_SLEEP:
		return FERRY_NEXT_STAGE;
	case FERRY_FAULT_NOMEM:
		break;
	}
	ferry_exit_error(vcpu, FERRY_ERROR_MEMORY,
			 "no memory for guest page 0x%llx; free some, or raise the cgroup limit",
			 vcpu->exit.gpa);
	return FERRY_TO_USER;
}

/* Operands are not in the exit: the emulator decodes and calls the set functions of control.c. */
static enum ferry_next on_emulate(struct ferry_vcpu *vcpu, enum ferry_stage stage)
{
	if (stage == FERRY_STAGE_IRQSOFF)
		return FERRY_NEXT_STAGE;
	return ferry_emulate(vcpu, stage);
}

/* No paravirtual call is offered: KVM's "no such call" (1000), and only the kernel may ask. */
static enum ferry_next on_hypercall(struct ferry_vcpu *vcpu, enum ferry_stage stage)
{
	if (!ferry_skip_insn(vcpu))
		return FERRY_NEXT_STAGE;
	vcpu->regs[FERRY_RAX] = ferry_backend->cpl(vcpu) ? -1LL : -1000LL;
	return FERRY_RESUME;
}

/* VMCALL and VMMCALL: the other vendor's is #UD here, and a guest may have come from there. */
static bool is_hypercall(struct ferry_vcpu *vcpu)
{
	u8 op[3];

	return ferry_insn_bytes(vcpu, op, sizeof(op)) == sizeof(op) && op[0] == 0x0f &&
	       op[1] == 0x01 && (op[2] == 0xc1 || op[2] == 0xd9);
}

/*
 * Most exceptions are intercepted only so that the host stays in control: the guest gets them. What
 * an instruction raised, rather than the delivery of an event, may be one this CPU does not know.
 */
static enum ferry_next on_exception(struct ferry_vcpu *vcpu, enum ferry_stage stage)
{
	u8 vector = vcpu->exit.exception.vector;

	if (vector == X86_EXC_UD && is_hypercall(vcpu)) {
		vcpu->exit.insn_len = 3;
		return on_hypercall(vcpu, stage);
	}
	if ((vector == X86_EXC_UD || (vector == X86_EXC_GP && !vcpu->exit.exception.error)) &&
	    !vcpu->injected.type)
		return ferry_foreign(vcpu, stage);
	ferry_queue_exception(vcpu, vcpu->exit.exception.vector, vcpu->exit.exception.has_error,
			      vcpu->exit.exception.error, vcpu->exit.exception.payload);
	/*
	 * What was being delivered when this was raised is over: an exception comes again with its
	 * instruction, an interrupt is lost, as on a CPU (SDM 6.15).
	 */
	vcpu->injected.type = FERRY_EVENT_NONE;
	return FERRY_RESUME;
}

static enum ferry_next on_xsetbv(struct ferry_vcpu *vcpu, enum ferry_stage stage)
{
	u64 value = (u32)vcpu->regs[FERRY_RAX] | vcpu->regs[FERRY_RDX] << 32;

	if (!(vcpu->cr4 & X86_CR4_OSXSAVE)) {
		ferry_queue_ud(vcpu);
		return FERRY_RESUME;
	}
	if (ferry_backend->cpl(vcpu) || (u32)vcpu->regs[FERRY_RCX] ||
	    !ferry_xcr0_valid(vcpu->vm, value)) {
		ferry_queue_gp(vcpu, 0);
		return FERRY_RESUME;
	}
	if (!ferry_skip_insn(vcpu))
		return FERRY_NEXT_STAGE;
	ferry_set_xcr0(vcpu, value);
	return FERRY_RESUME;
}

/* No performance counters are offered, so every index is out of range (SDM RDPMC). */
static enum ferry_next on_gp(struct ferry_vcpu *vcpu, enum ferry_stage stage)
{
	ferry_queue_gp(vcpu, 0);
	return FERRY_RESUME;
}

static enum ferry_next on_forbidden(struct ferry_vcpu *vcpu, enum ferry_stage stage)
{
	ferry_queue_ud(vcpu);
	return FERRY_RESUME;
}

/*
 * INVD and WBINVD: caches are coherent and the guest owns no device that is not, so there is
 * nothing to write back. PAUSE: only its length matters.
 */
static enum ferry_next on_skip(struct ferry_vcpu *vcpu, enum ferry_stage stage)
{
	return ferry_skip_insn(vcpu) ? FERRY_RESUME : FERRY_NEXT_STAGE;
}

static enum ferry_next on_shutdown(struct ferry_vcpu *vcpu, enum ferry_stage stage)
{
	vcpu->run->exit_reason = FERRY_EXIT_SHUTDOWN;
	vcpu->run->rip = vcpu->rip;
	return FERRY_TO_USER;
}

static enum ferry_next on_entry_failed(struct ferry_vcpu *vcpu, enum ferry_stage stage)
{
	if (stage != FERRY_STAGE_SLEEP)
		return FERRY_NEXT_STAGE;
	ferry_exit_error(vcpu, FERRY_ERROR_ENTRY, "the CPU refused the guest state (%s)",
			 ferry_backend->exit_name(vcpu->exit.code));
	return FERRY_TO_USER;
}

static enum ferry_next on_unknown(struct ferry_vcpu *vcpu, enum ferry_stage stage)
{
	if (stage != FERRY_STAGE_SLEEP)
		return FERRY_NEXT_STAGE;
	ferry_exit_error(vcpu, FERRY_ERROR_UNKNOWN_EXIT, "exit 0x%llx (%s) has no handler",
			 vcpu->exit.code, ferry_backend->exit_name(vcpu->exit.code));
	return FERRY_TO_USER;
}

static enum ferry_next (*const handlers[FERRY_XK_COUNT])(struct ferry_vcpu *, enum ferry_stage) = {
	[FERRY_XK_NONE] = on_nothing,
	[FERRY_XK_INTR] = on_nothing,
	[FERRY_XK_NMI] = on_nothing,
	[FERRY_XK_CPUID] = on_cpuid,
	[FERRY_XK_HLT] = on_hlt,
	[FERRY_XK_IO] = on_io,
	[FERRY_XK_RDMSR] = on_rdmsr,
	[FERRY_XK_WRMSR] = on_wrmsr,
	[FERRY_XK_NESTED_FAULT] = on_nested_fault,
	[FERRY_XK_IRQ_WINDOW] = on_window,
	[FERRY_XK_NMI_WINDOW] = on_window,
	[FERRY_XK_CR] = on_emulate,
	[FERRY_XK_DR] = on_emulate,
	[FERRY_XK_EXCEPTION] = on_exception,
	[FERRY_XK_HYPERCALL] = on_hypercall,
	[FERRY_XK_XSETBV] = on_xsetbv,
	[FERRY_XK_RDPMC] = on_gp,
	[FERRY_XK_RDTSC] = on_emulate,
	[FERRY_XK_PAUSE] = on_skip,
	[FERRY_XK_INVALIDATE] = on_skip,
	[FERRY_XK_INVLPG] = on_emulate,
	[FERRY_XK_MWAIT] = on_forbidden,
	[FERRY_XK_FORBIDDEN] = on_forbidden,
	[FERRY_XK_TASK_SWITCH] = ferry_emulate_task_switch,
	[FERRY_XK_DTABLE] = on_emulate,
	[FERRY_XK_SHUTDOWN] = on_shutdown,
	[FERRY_XK_INIT] = on_nothing,
	[FERRY_XK_SMI] = on_nothing,
	[FERRY_XK_LOG_FULL] = on_nothing,
	[FERRY_XK_EMULATE] = ferry_emulate_until_native,
	[FERRY_XK_ENTRY_FAILED] = on_entry_failed,
	[FERRY_XK_UNKNOWN] = on_unknown,
};

static const char *const kind_names[FERRY_XK_COUNT] = {
#define X(kind, name) [FERRY_XK_##kind] = name,
	FERRY_EXIT_KINDS(X)
#undef X
};

const char *ferry_exit_kind_name(u32 kind)
{
	return kind < FERRY_XK_COUNT ? kind_names[kind] : "?";
}

/**
 * ferry_handle_exit() - do what vcpu->exit asks for, as far as @stage allows
 * @vcpu: the vCPU
 * @stage: the context of this call
 *
 * Return: RESUME, TO_USER, or NEXT_STAGE with nothing changed. Never NEXT_STAGE from
 * FERRY_STAGE_SLEEP.
 */
enum ferry_next ferry_handle_exit(struct ferry_vcpu *vcpu, enum ferry_stage stage)
{
	u32 kind = vcpu->exit.kind;
	enum ferry_next next;

	/* The commonest first: a direct call costs less than one through a retpoline. */
	if (kind == FERRY_XK_CPUID)
		next = on_cpuid(vcpu, stage);
	else
		next = handlers[kind](vcpu, stage);
	if (unlikely(next == FERRY_NEXT_STAGE && stage == FERRY_STAGE_SLEEP)) {
		ferry_exit_error(vcpu, FERRY_ERROR_EMULATION,
				 "the bytes of the instruction at 0x%llx cannot be read", vcpu->rip);
		next = FERRY_TO_USER;
	}
	return next;
}
