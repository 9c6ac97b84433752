// SPDX-License-Identifier: GPL-2.0-only
/*
 * From the CPU's exit to struct ferry_exit. exits.h is the list; each row names one of the
 * decoders here. No locks; called right after the run, interrupts off.
 */
#include <linux/kernel.h>
#include <asm/debugreg.h>

#include "svm.h"

#define DR6_IDLE 0xffff0ff0UL
#define DR6_CONDITIONS 0xe00fUL /* B0-3, BD, BS, BT */

/* Of an instruction that was not executed. Never assumed: prefixes are legal everywhere. */
static u32 insn_length(const struct ferry_vcpu *vcpu, u64 next)
{
	u64 len = next - vcpu->rip;

	/* IP wraps at 64 KiB or 4 GiB; only then is the difference so large. */
	if (unlikely(len > 15))
		len &= (s64)len < -0xffffLL ? 0xffffffffULL : 0xffff;
	return len <= 15 ? len : 0;
}

static void decode_nothing(struct ferry_vcpu *vcpu, struct svm_control *c, struct ferry_exit *exit)
{
}

static void decode_insn(struct ferry_vcpu *vcpu, struct svm_control *c, struct ferry_exit *exit)
{
	if (svm_hw.nrips)
		exit->insn_len = insn_length(vcpu, c->next_rip);
}

static void decode_cr(struct ferry_vcpu *vcpu, struct svm_control *c, struct ferry_exit *exit)
{
	decode_insn(vcpu, c, exit);
	exit->reg = exit->code & 0xf;
}

static void decode_cr0(struct ferry_vcpu *vcpu, struct svm_control *c, struct ferry_exit *exit)
{
	decode_insn(vcpu, c, exit);
	exit->reg = 0;
}

static void decode_dr(struct ferry_vcpu *vcpu, struct svm_control *c, struct ferry_exit *exit)
{
	decode_insn(vcpu, c, exit);
	exit->reg = exit->code & 0xf;
}

/* EXITINFO1 bit 0: 0 read, 1 write (APM 15.11). */
static void decode_msr(struct ferry_vcpu *vcpu, struct svm_control *c, struct ferry_exit *exit)
{
	decode_insn(vcpu, c, exit);
	if (c->exit_info1 & 1)
		exit->kind = FERRY_XK_WRMSR;
}

/* EXITINFO2 is the next RIP on every CPU (APM 15.10.2). */
static void decode_io(struct ferry_vcpu *vcpu, struct svm_control *c, struct ferry_exit *exit)
{
	u32 info = c->exit_info1;

	exit->insn_len = insn_length(vcpu, c->exit_info2);
	exit->io.port = info >> SVM_IO_PORT_SHIFT;
	exit->io.width = info >> SVM_IO_SIZE_SHIFT & 7;
	exit->io.in = info & SVM_IO_IN;
	exit->io.string = info & SVM_IO_STRING;
}

static void decode_nested_fault(struct ferry_vcpu *vcpu, struct svm_control *c,
				struct ferry_exit *exit)
{
	u64 info = c->exit_info1;

	exit->gpa = c->exit_info2;
	exit->access = info & SVM_NPF_WRITE ? FERRY_ACCESS_WRITE :
		       info & SVM_NPF_FETCH ? FERRY_ACCESS_FETCH :
					      FERRY_ACCESS_READ;
	if (info & SVM_NPF_PRESENT)
		exit->access |= FERRY_ACCESS_PRESENT;
	if (info & SVM_NPF_WALK)
		exit->access |= FERRY_ACCESS_WALK;
}

/*
 * An instruction that svm_step_begin() would not let run, in an interrupt shadow. The NMI that
 * waits is let in before it; the shadow's purpose, a stack switch in two instructions, is not
 * served by any of these.
 */
static void decode_step_stopped(struct ferry_vcpu *vcpu, struct svm_control *c,
				struct ferry_exit *exit)
{
	exit->kind = FERRY_XK_NMI_WINDOW;
	c->int_state &= ~(u64)SVM_INT_SHADOW;
}

/* What the CPU has saved is undefined (APM 2, 15.14.3): whoever runs it again learns by name what is wrong. */
static void decode_shutdown(struct ferry_vcpu *vcpu, struct svm_control *c, struct ferry_exit *exit)
{
	c->clean = 0;
	to_svm(vcpu)->attention |= SVM_VERIFY;
}

static void decode_exception(struct ferry_vcpu *vcpu, struct svm_control *c,
			     struct ferry_exit *exit)
{
	u8 vector = exit->code - SVM_EXIT_EXCEPTION_DE;

	/* INT3 and INTO push flags, and are not events that can be raised again. */
	if (vector == 3 || vector == 4) {
		decode_step_stopped(vcpu, c, exit);
		return;
	}
	if (vector == 12 && svm_repair_stack(vcpu)) {
		exit->kind = FERRY_XK_NONE;
		return;
	}
	exit->exception.vector = vector;
	exit->exception.has_error = vector == 8 || (vector >= 10 && vector <= 14) ||
				    vector == 17 || vector == 21;
	exit->exception.error = exit->exception.has_error ? c->exit_info1 : 0;
	exit->exception.payload = vector == 14 ? c->exit_info2 : 0;
}

/*
 * DR6 in the VMCB has no conditions set before a run, so those found now are this exception's
 * (APM 15.12.2: the VMCB holds what the handler would have seen).
 */
static void decode_debug(struct ferry_vcpu *vcpu, struct svm_control *c, struct ferry_exit *exit)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct svm_save *save = &svm->vmcb->save;
	u64 conditions = save->dr6 & DR6_CONDITIONS;

	save->dr6 = DR6_IDLE;
	c->clean &= ~SVM_CLEAN_DR;
	set_debugreg(DR6_IDLE, 6); /* #VMEXIT leaves the guest's; the host would misread it */
	if (svm->stepped && !conditions) {
		exit->kind = FERRY_XK_NMI_WINDOW;
		return;
	}
	exit->exception.vector = 1;
	exit->exception.has_error = false;
	exit->exception.error = 0;
	exit->exception.payload = conditions;
}

static void decode_vintr(struct ferry_vcpu *vcpu, struct svm_control *c, struct ferry_exit *exit)
{
	svm_end_irq_window(to_svm(vcpu));
}

static void decode_iret(struct ferry_vcpu *vcpu, struct svm_control *c, struct ferry_exit *exit)
{
	if (to_svm(vcpu)->nmi_masked)
		svm_begin_iret(vcpu);
	else
		decode_step_stopped(vcpu, c, exit);
}

struct row {
	const char *name;
	u32 kind;
	void (*decode)(struct ferry_vcpu *vcpu, struct svm_control *c, struct ferry_exit *exit);
};

static const struct row rows[SVM_EXIT_SLOTS] = {
#define X(code, name, kind, decoder)                                                               \
	[SVM_EXIT_SLOT(code)] = { "SVM " #name " " #code, FERRY_XK_##kind, decode_##decoder },
	SVM_EXITS(X)
#undef X
};

static const char *const refusals[SVM_NR_REFUSALS] = {
#define X(n, name, text) [n] = "entry refused: " text,
	SVM_REFUSALS(X)
#undef X
};

static const struct row *find_row(u32 code)
{
	u32 slot = SVM_EXIT_SLOT(code);

	return slot < SVM_EXIT_SLOTS && rows[slot].name ? &rows[slot] : NULL;
}

const char *svm_exit_name(u64 code)
{
	const struct row *row;

	if (code - SVM_REFUSED_BASE < SVM_NR_REFUSALS)
		return refusals[code - SVM_REFUSED_BASE];
	if ((u32)code == SVM_EXIT_INVALID)
		return "SVM INVALID -1";
	row = find_row(code);
	return row ? row->name : "SVM unknown exit";
}

static void decode_refusal(struct ferry_vcpu *vcpu, struct svm_vcpu *svm, struct ferry_exit *exit)
{
	exit->kind = FERRY_XK_ENTRY_FAILED;
	exit->code = svm->refused;
	exit->info1 = svm->refused_value;
	exit->info2 = 0;
	exit->insn_len = 0;
	svm_requeue_event(vcpu);
}

void svm_decode(struct ferry_vcpu *vcpu, struct ferry_exit *exit)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct svm_control *c = &svm->vmcb->control;
	const struct row *row;

	vcpu->injected.type = FERRY_EVENT_NONE;
	if (unlikely(svm->refused)) {
		decode_refusal(vcpu, svm, exit);
		return;
	}
	if (unlikely(c->exit_int_info & SVM_EVENT_VALID))
		svm_recover_event(vcpu);
	svm->injected.type = FERRY_EVENT_NONE;

	exit->code = (u32)c->exit_code;
	exit->info1 = c->exit_info1;
	exit->info2 = c->exit_info2;
	exit->insn_len = 0;
	if (likely(exit->code == SVM_EXIT_CPUID)) {
		exit->kind = FERRY_XK_CPUID;
		decode_insn(vcpu, c, exit);
		svm->stepped = false;
		return;
	}
	row = find_row(exit->code);
	if (unlikely(!row)) {
		exit->kind = FERRY_XK_UNKNOWN;
		return;
	}
	exit->kind = row->kind;
	row->decode(vcpu, c, exit);
	svm->stepped = false;
}
