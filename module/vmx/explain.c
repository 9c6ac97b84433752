// SPDX-License-Identifier: GPL-2.0-only
/*
 * Why did the CPU refuse the guest state? It says only that it did (exit reason 33). A refused
 * entry changes nothing, so the checks of SDM 27.3.1 are made once more here, in the manual's
 * order, on our copy of what the CPU was given. The first that fails is the answer.
 *
 * A CPU without unrestricted guest is asked by the same checks before: what it would refuse is
 * emulated instead.
 *
 * Called with vcpu->lock held; no locks.
 */
#include <linux/kernel.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "vmx.h"

#define RFLAGS_RESERVED 0xffffffffffc08028ULL
#define RIGHTS_RESERVED 0xfffe0f00U

/* Descriptor types, with the S bit above them. */
#define TYPE 0x1f
#define RIGHTS_S BIT(4)
#define RIGHTS_DPL(rights) ((rights) >> 5 & 3)
#define RIGHTS_P BIT(7)
#define RIGHTS_L BIT(13)
#define RIGHTS_DB BIT(14)
#define RIGHTS_G BIT(15)

/* What is wrong, and where: *value for the report. */
typedef int (*check_fn)(const struct ferry_vcpu *vcpu, const struct vmx_vcpu *vmx, u64 *value);

#define FINE (-1)

static bool canonical(u64 address, const struct ferry_vcpu *vcpu)
{
	int shift = vcpu->cr4 & X86_CR4_LA57 ? 64 - 57 : 64 - 48;

	return (u64)((s64)(address << shift) >> shift) == address;
}

static int check_control(const struct ferry_vcpu *vcpu, const struct vmx_vcpu *vmx, u64 *value)
{
	u64 cr0 = vmx_real_cr0(vcpu), cr4 = vmx_real_cr4(vcpu);
	bool lma = vcpu->efer & EFER_LMA;

	*value = cr0;
	if (cr0 & ~vmx_hw.cr0_fixed1)
		return VMX_REFUSAL_CR0;
	if ((cr0 & X86_CR0_PG) && !(cr0 & X86_CR0_PE))
		return VMX_REFUSAL_CR0_PG;
	if (!vmx_hw.unrestricted && (~cr0 & (X86_CR0_PG | X86_CR0_PE)))
		return VMX_REFUSAL_CR0;
	*value = cr4;
	if (cr4 & ~vmx_hw.cr4_fixed1)
		return VMX_REFUSAL_CR4;
	if (lma && (!(cr0 & X86_CR0_PG) || !(cr4 & X86_CR4_PAE)))
		return VMX_REFUSAL_LONG_PAE;
	if (!lma && (cr4 & X86_CR4_PCIDE))
		return VMX_REFUSAL_PCIDE;
	*value = vcpu->cr3;
	if (vcpu->cr3 >> vmx_hw.phys_bits)
		return VMX_REFUSAL_CR3;
	*value = vcpu->dr7;
	if (vcpu->dr7 >> 32)
		return VMX_REFUSAL_DR7;
	*value = vcpu->efer;
	if ((vcpu->efer & ~(u64)(EFER_SCE | EFER_LME | EFER_LMA | EFER_NX)) ||
	    ((cr0 & X86_CR0_PG) && lma != !!(vcpu->efer & EFER_LME)))
		return VMX_REFUSAL_EFER;
	*value = vmx->sysenter_esp;
	if (!canonical(vmx->sysenter_esp, vcpu))
		return VMX_REFUSAL_SYSENTER;
	*value = vmx->sysenter_eip;
	if (!canonical(vmx->sysenter_eip, vcpu))
		return VMX_REFUSAL_SYSENTER;
	return FINE;
}

static int check_flags(const struct ferry_vcpu *vcpu, const struct vmx_vcpu *vmx, u64 *value)
{
	bool lma = vcpu->efer & EFER_LMA;

	*value = vcpu->rflags;
	if ((vcpu->rflags & RFLAGS_RESERVED) || !(vcpu->rflags & X86_EFLAGS_FIXED))
		return VMX_REFUSAL_RFLAGS;
	if ((vcpu->rflags & X86_EFLAGS_VM) && (lma || !(vcpu->cr0 & X86_CR0_PE)))
		return VMX_REFUSAL_VM_LONG;
	if (vmx->event.type == FERRY_EVENT_EXTINT && !(vcpu->rflags & X86_EFLAGS_IF))
		return VMX_REFUSAL_EVENT_IF;
	*value = vcpu->rip;
	if (lma && (vmx->seg[FERRY_SEG_CS].rights & RIGHTS_L) ? !canonical(vcpu->rip, vcpu) :
								 vcpu->rip >> 32)
		return VMX_REFUSAL_RIP;
	return FINE;
}

static int check_v86(const struct vmx_vcpu *vmx, u64 *value)
{
	int i;

	for (i = FERRY_SEG_ES; i <= FERRY_SEG_GS; i++) {
		const struct vmx_segment *s = &vmx->seg[i];

		*value = (u64)i << 56 | s->rights;
		if (s->base != (u64)s->selector << 4 || s->limit != 0xffff || s->rights != 0xf3)
			return VMX_REFUSAL_SEG_V86;
	}
	return FINE;
}

static bool wrong_type(int seg, u32 type)
{
	switch (seg) {
	case FERRY_SEG_CS: /* a data segment is what real mode leaves behind */
		return (type != 0x13 || !vmx_hw.unrestricted) && (type & 0x19) != 0x19;
	case FERRY_SEG_SS:
		return type != 0x13 && type != 0x17;
	default: /* accessed, and readable if it is code */
		return !(type & 0x11) || !(type & RIGHTS_S) || ((type & 8) && !(type & 2));
	}
}

/* Without unrestricted guest, DPL and RPL agree as instructions that load segments see to it. */
static bool wrong_level(const struct vmx_vcpu *vmx, int seg)
{
	const struct vmx_segment *s = &vmx->seg[seg];
	int rpl = s->selector & 3;

	if (vmx_hw.unrestricted || seg == FERRY_SEG_CS)
		return false;
	if (seg == FERRY_SEG_SS)
		return RIGHTS_DPL(s->rights) != rpl || rpl != (vmx->seg[FERRY_SEG_CS].selector & 3);
	return (s->rights & 0xc) != 0xc && (int)RIGHTS_DPL(s->rights) < rpl; /* but for conforming code */
}

static int check_segment(const struct ferry_vcpu *vcpu, const struct vmx_vcpu *vmx, int seg)
{
	const struct vmx_segment *s = &vmx->seg[seg];
	bool lma = vcpu->efer & EFER_LMA;

	if (seg != FERRY_SEG_CS && (s->rights & VMX_RIGHTS_UNUSABLE))
		return (seg == FERRY_SEG_FS || seg == FERRY_SEG_GS) && !canonical(s->base, vcpu) ?
			       VMX_REFUSAL_SEG_BASE : FINE;
	if (wrong_type(seg, s->rights & TYPE))
		return VMX_REFUSAL_SEG_TYPE;
	if (!(s->rights & RIGHTS_P))
		return VMX_REFUSAL_SEG_ABSENT;
	if ((s->rights & RIGHTS_RESERVED) ||
	    (seg == FERRY_SEG_CS && lma && (s->rights & RIGHTS_L) && (s->rights & RIGHTS_DB)))
		return VMX_REFUSAL_SEG_RIGHTS;
	if (((s->limit & 0xfff) != 0xfff && (s->rights & RIGHTS_G)) ||
	    (s->limit >> 20 && !(s->rights & RIGHTS_G)))
		return VMX_REFUSAL_SEG_LIMIT;
	if (seg == FERRY_SEG_FS || seg == FERRY_SEG_GS ? !canonical(s->base, vcpu) :
							 s->base >> 32)
		return VMX_REFUSAL_SEG_BASE;
	return wrong_level(vmx, seg) ? VMX_REFUSAL_SEG_DPL : FINE;
}

static int check_segments(const struct ferry_vcpu *vcpu, const struct vmx_vcpu *vmx, u64 *value)
{
	u32 cs = vmx->seg[FERRY_SEG_CS].rights, ss = vmx->seg[FERRY_SEG_SS].rights;
	int i, ret;

	if (vcpu->rflags & X86_EFLAGS_VM) {
		ret = check_v86(vmx, value);
		if (ret != FINE)
			return ret;
	} else {
		for (i = FERRY_SEG_ES; i <= FERRY_SEG_GS; i++) {
			*value = (u64)i << 56 | vmx->seg[i].rights;
			ret = check_segment(vcpu, vmx, i);
			if (ret != FINE)
				return ret;
		}
		*value = (u64)cs << 32 | ss;
		if ((cs & TYPE) == 0x13 ? RIGHTS_DPL(cs) || RIGHTS_DPL(ss) :
		    cs & BIT(2)		? RIGHTS_DPL(cs) > RIGHTS_DPL(ss) :
					  RIGHTS_DPL(cs) != RIGHTS_DPL(ss))
			return VMX_REFUSAL_SEG_DPL;
		if (!(vcpu->cr0 & X86_CR0_PE) && RIGHTS_DPL(ss))
			return VMX_REFUSAL_SEG_DPL;
	}
	return FINE;
}

static int check_tables(const struct ferry_vcpu *vcpu, const struct vmx_vcpu *vmx, u64 *value)
{
	const struct vmx_segment *tr = &vmx->seg[FERRY_SEG_TR], *ldtr = &vmx->seg[FERRY_SEG_LDTR];
	u32 type = tr->rights & TYPE;

	*value = tr->rights;
	if ((type != 0xb && (type != 3 || (vcpu->efer & EFER_LMA))) || !(tr->rights & RIGHTS_P) ||
	    (tr->rights & (RIGHTS_RESERVED | VMX_RIGHTS_UNUSABLE)) || (tr->selector & 4) ||
	    !canonical(tr->base, vcpu))
		return VMX_REFUSAL_TR;
	*value = ldtr->rights;
	if (!(ldtr->rights & VMX_RIGHTS_UNUSABLE) &&
	    ((ldtr->rights & TYPE) != 2 || !(ldtr->rights & RIGHTS_P) || (ldtr->selector & 4) ||
	     (ldtr->rights & RIGHTS_RESERVED) || !canonical(ldtr->base, vcpu)))
		return VMX_REFUSAL_LDTR;
	*value = vmx->gdt_base;
	if (!canonical(vmx->gdt_base, vcpu) || vmx->gdt_limit >> 16)
		return VMX_REFUSAL_TABLES;
	*value = vmx->idt_base;
	if (!canonical(vmx->idt_base, vcpu) || vmx->idt_limit >> 16)
		return VMX_REFUSAL_TABLES;
	return FINE;
}

static int check_events(const struct ferry_vcpu *vcpu, const struct vmx_vcpu *vmx, u64 *value)
{
	u32 blocked = vmx_read(VMX_GUEST_INTERRUPTIBILITY);
	u64 pending = vmx_read(VMX_GUEST_PENDING_DEBUG);
	u32 shadow = blocked & VMX_BLOCKED_SHADOW;
	bool step = vcpu->rflags & X86_EFLAGS_TF;

	*value = blocked;
	if (shadow == VMX_BLOCKED_SHADOW ||
	    ((blocked & VMX_BLOCKED_STI) && !(vcpu->rflags & X86_EFLAGS_IF)))
		return VMX_REFUSAL_SHADOW;
	if (shadow && (vmx->event.type == FERRY_EVENT_EXTINT ||
		       (vmx->event.type == FERRY_EVENT_NMI && (blocked & VMX_BLOCKED_MOVSS))))
		return VMX_REFUSAL_SHADOW;
	if (vmx->event.type == FERRY_EVENT_NMI && (blocked & VMX_BLOCKED_NMI))
		return VMX_REFUSAL_SHADOW;
	*value = pending;
	if (shadow && step != !!(pending & VMX_PENDING_BS))
		return VMX_REFUSAL_PENDING_DEBUG;
	return FINE;
}

static int check_pdptes(const struct ferry_vcpu *vcpu, const struct vmx_vcpu *vmx, u64 *value)
{
	u64 reserved = 0x1e6 | ~(BIT_ULL(vmx_hw.phys_bits) - 1);
	int i;

	if (!vmx->pae)
		return FINE;
	for (i = 0; i < 4; i++) {
		*value = vmx_read(VMX_GUEST_PDPTE0 + 2 * i);
		if ((*value & 1) && (*value & reserved))
			return VMX_REFUSAL_PDPTE;
	}
	return FINE;
}

/**
 * vmx_explain_refusal() - find the check that failed
 * @vcpu: the vCPU
 * @value: what was wrong; segments have their number in the highest byte
 *
 * Return: a code for vmx_exit_name().
 */
u64 vmx_explain_refusal(struct ferry_vcpu *vcpu, u64 *value)
{
	static const check_fn checks[] = { check_control, check_flags,	check_segments,
					   check_tables,  check_events, check_pdptes };
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	u64 found;
	size_t i;
	int ret;

	vmx_sync_segments(vmx);
	for (i = 0; i < ARRAY_SIZE(checks); i++) {
		ret = checks[i](vcpu, vmx, &found);
		if (ret != FINE) {
			*value = found;
			return VMX_REFUSED_BASE + ret;
		}
	}
	return VMX_REFUSED_BASE + VMX_REFUSAL_UNEXPLAINED;
}

/**
 * vmx_can_enter() - will the CPU take the guest's mode and segments?
 * @vcpu: the vCPU
 *
 * Real mode, protected mode without paging, and segments that are still those of the mode before
 * need unrestricted guest (SDM 27.3.1.2). With it everything is taken.
 */
bool vmx_can_enter(struct ferry_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	u64 value;

	if (likely(vmx_hw.unrestricted))
		return true;
	if ((vcpu->cr0 & (X86_CR0_PE | X86_CR0_PG)) != (X86_CR0_PE | X86_CR0_PG))
		return false;
	vmx_sync_segments(vmx);
	return check_segments(vcpu, vmx, &value) == FINE && check_tables(vcpu, vmx, &value) == FINE;
}
