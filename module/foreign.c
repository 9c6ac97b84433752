// SPDX-License-Identifier: GPL-2.0-only
/*
 * Instructions that the guest's CPU has and this one has not, or has otherwise: carried out by
 * lib/insn from the exception that this CPU answers them with.
 *
 * The guest's CPU is its policy's. What the vendors disagree on (SDM 2 and APM 3, pages of each):
 *
 *			64-bit mode	compatibility	legacy protected
 *	SYSCALL, SYSRET	both		AMD		AMD
 *	SYSENTER, SYSEXIT Intel		Intel		both
 *
 * where the other raises #UD. A guest of an artificial vendor gets the union, so that it finds the
 * same on every host.
 *
 * Where this CPU executes what the guest's would refuse, the backend takes the ground from under
 * it, for such a guest has no handler behind it, or half an address of one:
 *
 *	SYSENTER of an AMD guest on Intel. Its kernel believes that it cannot happen in long mode,
 *	and may have left 32 bits of SYSENTER_EIP behind: the CPU's SYSENTER_CS is null while such
 *	a guest is in long mode, so that it is #GP(0), which is turned into #UD here.
 *	SYSCALL from compatibility mode of an Intel guest on AMD: svm/state.c.
 *
 * Called with vcpu->lock held; takes no locks.
 */
#include "control.h"
#include "emulate.h"
#include "host.h"
#include "lib/cpu/policy.h"

/* ------------------------------------------------------------------- who has what */

/**
 * ferry_guest_has_amd_syscall() - is SYSCALL defined outside 64-bit mode?
 * @vm: the VM, with a policy
 */
bool ferry_guest_has_amd_syscall(struct ferry_vm *vm)
{
	return vm->guest_vendor != FERRY_VENDOR_INTEL;
}

/**
 * ferry_guest_has_intel_sysenter() - is SYSENTER defined in long mode?
 * @vm: the VM, with a policy
 */
bool ferry_guest_has_intel_sysenter(struct ferry_vm *vm)
{
	return vm->guest_vendor != FERRY_VENDOR_AMD;
}

/*
 * A policy that does not say "emulate" leaves 32-bit system calls to the CPU. In 64-bit mode
 * SYSCALL exists everywhere, and gets here only from a guest that has set no LSTAR.
 */
static bool left_to_the_cpu(struct ferry_vcpu *vcpu, bool everywhere)
{
	u32 mode = vcpu->vm->syscall_mode;

	if (mode != CPU_SYSCALL_IGNORE && mode != CPU_SYSCALL_HIDE)
		return false;
	return !everywhere || !ferry_backend->code64(vcpu);
}

static int vet_syscall(struct ferry_emulation *em)
{
	struct ferry_vcpu *vcpu = em->vcpu;
	u64 cstar = 0;

	if (left_to_the_cpu(vcpu, true))
		return ferry_emulation_refuse(em);
	em->cpu.vendor = ferry_guest_has_amd_syscall(vcpu->vm) ? INSN_VENDOR_AMD :
								 INSN_VENDOR_INTEL;
	if (vcpu->vm->guest_vendor != FERRY_VENDOR_OTHER || !(vcpu->efer & EFER_LMA) ||
	    ferry_backend->code64(vcpu))
		return INSN_DONE;
	/* A kernel that knows no such vendor may have set up Intel's way only. */
	ferry_backend->get_msr(vcpu, MSR_CSTAR, &cstar);
	return cstar ? INSN_DONE : ferry_emulation_refuse(em);
}

static int vet_sysenter(struct ferry_emulation *em)
{
	struct ferry_vm *vm = em->vcpu->vm;

	em->cpu.vendor = ferry_guest_has_intel_sysenter(vm) ? INSN_VENDOR_INTEL : INSN_VENDOR_AMD;
	/* This CPU's SYSENTER_CS may be null; the guest's CPU says #UD. */
	return left_to_the_cpu(em->vcpu, false) ? insn_raise(&em->cpu, INSN_EXC_UD, 0) : INSN_DONE;
}

static bool host_has(void *ctx, const struct insn_cpuid_bit *bit)
{
	return cpu_policy_reg(ctx, bit->leaf, bit->subleaf, bit->reg) & BIT(bit->bit);
}

/* A feature that the guest was shown and this host's CPU lacks. */
static bool has_vanished(struct ferry_emulation *em, u8 feature)
{
	return feature != INSN_F_BASE && insn_has(&em->cpu, feature) &&
	       !host_has((void *)ferry_host_policy(), &insn_feature_bits[feature]);
}

static int vet(struct ferry_emulation *em, const struct insn *insn)
{
	switch (insn->id) {
	case INSN_OP_SYSCALL:
	case INSN_OP_SYSRET:
		if (em->vcpu->exit.exception.vector == INSN_EXC_UD)
			return vet_syscall(em);
		break;
	case INSN_OP_SYSENTER:
	case INSN_OP_SYSEXIT:
		return vet_sysenter(em);
	}
	if (em->vcpu->exit.exception.vector == INSN_EXC_UD && has_vanished(em, insn->feature))
		return INSN_DONE;
	return ferry_emulation_refuse(em);
}

/**
 * ferry_foreign() - #UD, or #GP(0) where the backend asks for it
 * @vcpu: the vCPU; vcpu->exit is the exception
 * @stage: the context
 *
 * Return: RESUME with the instruction done or an exception queued, NEXT_STAGE, TO_USER.
 */
enum ferry_next ferry_foreign(struct ferry_vcpu *vcpu, enum ferry_stage stage)
{
	struct ferry_emulation *em = vcpu->emulation;
	u8 vendor = em->cpu.vendor;
	enum ferry_next next;

	if (stage == FERRY_STAGE_IRQSOFF)
		return FERRY_NEXT_STAGE;
	next = ferry_emulation_step(em, stage == FERRY_STAGE_SECTION, vet);
	em->cpu.vendor = vendor;
	return next;
}
