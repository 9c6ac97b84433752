// SPDX-License-Identifier: GPL-2.0-only
/*
 * SYSCALL, SYSRET, SYSENTER, SYSEXIT: each as the vendor has it.
 *
 *		64-bit code	compatibility	legacy protected mode
 *	SYSCALL	both		AMD		AMD
 *	SYSENTER Intel		Intel		both
 *
 * Where one vendor raises #UD and the guest moved from the other, the
 * environment may carry the instruction out with the vendor changed.
 *
 * Pure functions over struct exec; takes no locks. SDM volume 2, APM volume 3,
 * pages of each.
 */
#include "segment.h"

#define MSR_SYSENTER_CS	0x174
#define MSR_SYSENTER_ESP 0x175
#define MSR_SYSENTER_EIP 0x176
#define MSR_STAR	0xc0000081
#define MSR_LSTAR	0xc0000082
#define MSR_CSTAR	0xc0000083
#define MSR_FMASK	0xc0000084

static bool is_amd(const struct exec *x)
{
	return x->cpu->vendor == INSN_VENDOR_AMD;
}

static int msr(struct exec *x, u32 index, u64 *value)
{
	return x->cpu->ops->read_msr ? x->cpu->ops->read_msr(x->cpu, index, value) :
				       INSN_UNIMPLEMENTED;
}

/* Flat segments that these instructions make up instead of reading a descriptor. */
static void flat_code(struct exec *x, u16 selector, unsigned int cpl, bool is64)
{
	struct insn_segment cs = {
		.limit = 0xffffffff, .selector = selector,
		.attr = (u16)(INSN_SEG_P | INSN_SEG_S | INSN_SEG_G | TYPE_CODE | TYPE_WRITE |
			      TYPE_ACCESSED | cpl << 5 | (is64 ? INSN_SEG_L : INSN_SEG_DB)),
	};

	x->cpu->cpl = (u8)cpl;
	commit_segment(x->cpu, INSN_CS, &cs);
}

static void flat_stack(struct exec *x, u16 selector, unsigned int cpl)
{
	struct insn_segment ss = {
		.limit = 0xffffffff, .selector = selector,
		.attr = (u16)(INSN_SEG_P | INSN_SEG_S | INSN_SEG_G | INSN_SEG_DB | TYPE_WRITE |
			      TYPE_ACCESSED | cpl << 5),
	};

	commit_segment(x->cpu, INSN_SS, &ss);
}

static bool syscall_exists(const struct exec *x)
{
	return x->cpu->efer & EFER_SCE && is_protected(x->cpu) && (is_64bit(x) || is_amd(x));
}

int x_syscall(struct exec *x)
{
	u64 star, target, mask;

	if (!syscall_exists(x))
		return ud(x);
	TRY(msr(x, MSR_STAR, &star));
	if (is_long(x->cpu)) {
		TRY(msr(x, is_64bit(x) ? MSR_LSTAR : MSR_CSTAR, &target));
		TRY(msr(x, MSR_FMASK, &mask));
		x->cpu->gpr[INSN_R11] = x->flags;
		x->cpu->gpr[INSN_RCX] = x->rip;
		x->flags = (x->flags & ~(mask & 0xffffffff)) | FL_ONE;
	} else {
		target = (u32)star;
		x->cpu->gpr[INSN_RCX] = x->rip;
		x->flags &= ~(u64)(FL_VM | FL_IF);
	}
	x->flags &= ~(u64)FL_RF;
	flat_code(x, (u16)(star >> 32) & 0xfffc, 0, is_long(x->cpu));
	flat_stack(x, (u16)((star >> 32) + 8) & 0xfffc, 0);
	x->rip = target;
	return INSN_DONE;
}

int x_sysret(struct exec *x)
{
	bool to64 = is_64bit(x) && x->insn->opsize == 8;
	struct insn_segment ss;
	u64 star, target;
	u16 base;

	if (!syscall_exists(x))
		return ud(x);
	if (x->cpu->cpl)
		return gp0(x);
	TRY(msr(x, MSR_STAR, &star));
	TRY(load_segment_cache(x->cpu, INSN_SS));
	base = (u16)(star >> 48);
	target = x->cpu->gpr[INSN_RCX];
	if (!to64)
		target = (u32)target;
	else if (!is_amd(x) && !is_canonical(x->cpu, target))
		return gp0(x);		/* Intel checks, at CPL 0; AMD faults in user mode */
	if (is_long(x->cpu))
		x->flags = (x->cpu->gpr[INSN_R11] & 0x3c7fd7) | FL_ONE;
	else
		x->flags |= FL_IF;
	flat_code(x, (u16)((to64 ? base + 16 : base) | 3), 3, to64);
	if (is_amd(x)) {
		/* AMD loads the selector; the hidden part stays, but for the privilege. */
		ss = x->cpu->seg[INSN_SS];
		ss.selector = (u16)((base + 8) | 3);
		ss.attr |= INSN_SEG_DPL;
		commit_segment(x->cpu, INSN_SS, &ss);
	} else {
		flat_stack(x, (u16)((base + 8) | 3), 3);
	}
	x->rip = target;
	return INSN_DONE;
}

static bool sysenter_exists(const struct exec *x)
{
	return !(is_long(x->cpu) && is_amd(x));
}

int x_sysenter(struct exec *x)
{
	u64 cs, sp, target;

	if (!sysenter_exists(x))
		return ud(x);
	TRY(msr(x, MSR_SYSENTER_CS, &cs));
	if (!(x->cpu->cr0 & CR0_PE) || !(cs & 0xfffc))
		return gp0(x);
	TRY(msr(x, MSR_SYSENTER_ESP, &sp));
	TRY(msr(x, MSR_SYSENTER_EIP, &target));
	x->flags &= ~(u64)(FL_VM | FL_IF | FL_RF);
	x->cpu->rflags &= ~(u64)FL_VM;
	flat_code(x, (u16)cs & 0xfffc, 0, is_long(x->cpu));
	flat_stack(x, (u16)(((u16)cs & 0xfffc) + 8), 0);
	x->cpu->gpr[INSN_RSP] = is_long(x->cpu) ? sp : (u32)sp;
	x->rip = is_long(x->cpu) ? target : (u32)target;
	return INSN_DONE;
}

int x_sysexit(struct exec *x)
{
	bool to64 = is_64bit(x) && x->insn->opsize == 8;
	u64 cs, sp = x->cpu->gpr[INSN_RCX], target = x->cpu->gpr[INSN_RDX];
	u16 selector;

	if (!sysenter_exists(x))
		return ud(x);
	TRY(msr(x, MSR_SYSENTER_CS, &cs));
	if (!is_protected(x->cpu) || x->cpu->cpl || !(cs & 0xfffc))
		return gp0(x);
	if (to64 && (!is_canonical(x->cpu, sp) || !is_canonical(x->cpu, target)))
		return gp0(x);
	selector = (u16)((cs & 0xfffc) + (to64 ? 32 : 16)) | 3;
	flat_code(x, selector, 3, to64);
	flat_stack(x, selector + 8, 3);
	x->cpu->gpr[INSN_RSP] = to64 ? sp : (u32)sp;
	x->rip = to64 ? target : (u32)target;
	return INSN_DONE;
}
