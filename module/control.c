// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rules of CR0, CR3, CR4, CR8, EFER, XCR0 and DR0-7: what a guest may write is decided here,
 * from its policy, and nowhere else. Callers turn -EINVAL into #GP(0).
 */
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "control.h"
#include "ferry.h"
#include "lib/cpu/policy.h"
#include "lib/insn/walk.h"

#define SEG_TSS32 8 /* a type of TR: of 32 bits, or 64 */
#define CR0_FIXED_1 X86_CR0_ET
#define CR0_KNOWN                                                                                  \
	(X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | X86_CR0_ET | X86_CR0_NE |             \
	 X86_CR0_WP | X86_CR0_AM | X86_CR0_NW | X86_CR0_CD | X86_CR0_PG)

/* Bits whose change loads PAE's four upper entries again, as MOV to CR3 does (SDM 3, 4.4.1). */
#define PAE_CR0 (X86_CR0_CD | X86_CR0_NW | X86_CR0_PG)
#define PAE_CR4 (X86_CR4_PAE | X86_CR4_PGE | X86_CR4_PSE | X86_CR4_SMEP)

#define DR6_FIXED_1 0xffff0ff0ULL
#define DR6_VOLATILE 0x0000e00fULL
#define DR7_FIXED_1 0x400ULL
#define DR7_KNOWN 0xffff2bffULL

/* ------------------------------------------------------------------ CR4, EFER */

/* Each bit of CR4 belongs to a feature: without it in the policy the bit is reserved. */
static const struct {
	u64 bit;
	u32 leaf;
	u8 reg, nr;
} cr4_features[] = {
	{ X86_CR4_VME | X86_CR4_PVI, 1, CPU_EDX, 1 },
	{ X86_CR4_TSD, 1, CPU_EDX, 4 },
	{ X86_CR4_DE, 1, CPU_EDX, 2 },
	{ X86_CR4_PSE, 1, CPU_EDX, 3 },
	{ X86_CR4_PAE, 1, CPU_EDX, 6 },
	{ X86_CR4_MCE, 1, CPU_EDX, 7 },
	{ X86_CR4_PGE, 1, CPU_EDX, 13 },
	{ X86_CR4_OSFXSR, 1, CPU_EDX, 24 },
	{ X86_CR4_OSXMMEXCPT, 1, CPU_EDX, 25 },
	{ X86_CR4_UMIP, 7, CPU_ECX, 2 },
	{ X86_CR4_LA57, 7, CPU_ECX, 16 },
	{ X86_CR4_FSGSBASE, 7, CPU_EBX, 0 },
	{ X86_CR4_PCIDE, 1, CPU_ECX, 17 },
	{ X86_CR4_OSXSAVE, 1, CPU_ECX, 26 },
	{ X86_CR4_SMEP, 7, CPU_EBX, 7 },
	{ X86_CR4_SMAP, 7, CPU_EBX, 20 },
	{ X86_CR4_PKE, 7, CPU_ECX, 3 },
};

u64 ferry_cr4_allowed(struct ferry_vm *vm)
{
	u64 allowed = X86_CR4_PCE;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cr4_features); i++)
		if (ferry_cpuid_has(vm, cr4_features[i].leaf, 0, cr4_features[i].reg,
				    cr4_features[i].nr))
			allowed |= cr4_features[i].bit;
	return allowed;
}

u64 ferry_efer_allowed(struct ferry_vm *vm)
{
	u64 allowed = 0;

	/* SYSCALL: Intel shows the bit from 64-bit mode only, but long mode implies it. */
	if (ferry_cpuid_has(vm, 0x80000001, 0, CPU_EDX, 11))
		allowed |= EFER_SCE;
	if (ferry_cpuid_has(vm, 0x80000001, 0, CPU_EDX, 29))
		allowed |= EFER_LME | EFER_LMA | EFER_SCE;
	if (ferry_cpuid_has(vm, 0x80000001, 0, CPU_EDX, 20))
		allowed |= EFER_NX;
	if (ferry_cpuid_has(vm, 0x80000001, 0, CPU_EDX, 25))
		allowed |= EFER_FFXSR;
	return allowed;
}

int ferry_set_efer(struct ferry_vcpu *vcpu, u64 value)
{
	u64 old = vcpu->efer;

	/* LMA follows LME and PG; writing it has no effect (APM 3.1.7; SDM 2.2.1). */
	value = (value & ~EFER_LMA) | (old & EFER_LMA);
	if (value & ~ferry_efer_allowed(vcpu->vm))
		return -EINVAL;
	if ((vcpu->cr0 & X86_CR0_PG) && ((value ^ old) & EFER_LME))
		return -EINVAL;
	vcpu->efer = value;
	vcpu->seen_efer |= value;
	ferry_backend->update_control(vcpu);
	if ((value ^ old) & EFER_NX)
		ferry_backend->flush_guest(vcpu);
	return 0;
}

static bool pdpte_valid(struct ferry_vcpu *vcpu, u64 pdpte)
{
	return !(pdpte & 1) || !(pdpte & insn_pdpte_reserved(vcpu->vm->phys_bits));
}

/* A page that was never touched is all zero. */
static void read_pdptes(struct ferry_vcpu *vcpu, u64 cr3, u64 pdpte[4])
{
	if (ferry_mem_read(vcpu->vm, cr3 & 0xffffffe0, pdpte, 4 * sizeof(*pdpte)))
		memset(pdpte, 0, 4 * sizeof(*pdpte));
}

/*
 * A load of CR3, or a change of CR0 or CR4 that loads PAE's four upper entries, is #GP if a present one has a
 * reserved bit (SDM 3, 4.4.1; APM 3, MOV CRn). They are read once: another vCPU may write them meanwhile.
 */
static int load_pdptes(struct ferry_vcpu *vcpu, u64 cr0, u64 cr3, u64 cr4)
{
	u64 pdpte[4];
	size_t i;

	if (!ferry_pae_paging(cr0, cr4, vcpu->efer))
		return 0;
	read_pdptes(vcpu, cr3, pdpte);
	for (i = 0; i < ARRAY_SIZE(pdpte); i++)
		if (!pdpte_valid(vcpu, pdpte[i]))
			return -EINVAL;
	if (ferry_backend->set_pdptes)
		ferry_backend->set_pdptes(vcpu, pdpte);
	return 0;
}

/*
 * MOV to CR3 does not exit, and the CPU goes by the host's physical width, not by the guest's: bits between the two
 * lead nowhere, but no host would take such state.
 */
u64 ferry_visible_cr3(const struct ferry_vcpu *vcpu)
{
	return vcpu->cr3 & (BIT_ULL(vcpu->vm->phys_bits) - 1);
}

static void drop_invalid(struct ferry_vcpu *vcpu, u64 pdpte[4])
{
	size_t i;

	for (i = 0; i < 4; i++)
		if (!pdpte_valid(vcpu, pdpte[i]))
			pdpte[i] = 0;
}

void ferry_visible_pdptes(struct ferry_vcpu *vcpu, u64 pdpte[4])
{
	ferry_backend->get_pdptes(vcpu, pdpte);
	drop_invalid(vcpu, pdpte);
}

/**
 * ferry_pdptes_from_memory() - PAE's upper entries of a guest that comes from where no CPU held them
 * @vcpu: the vCPU
 * @pdpte: [OUT] what CR3 points to; absent what a walk there would have found a reserved bit in
 */
void ferry_pdptes_from_memory(struct ferry_vcpu *vcpu, u64 pdpte[4])
{
	read_pdptes(vcpu, vcpu->cr3, pdpte);
	drop_invalid(vcpu, pdpte);
}

int ferry_set_cr4(struct ferry_vcpu *vcpu, u64 val)
{
	u64 old = vcpu->cr4, flush;
	bool lma = vcpu->efer & EFER_LMA;

	if (val & ~ferry_cr4_allowed(vcpu->vm))
		return -EINVAL;
	if (lma && (!(val & X86_CR4_PAE) || ((val ^ old) & X86_CR4_LA57)))
		return -EINVAL;
	if ((val & ~old & X86_CR4_PCIDE) && (!lma || (vcpu->cr3 & 0xfff)))
		return -EINVAL;
	if (((val ^ old) & PAE_CR4) && load_pdptes(vcpu, vcpu->cr0, vcpu->cr3, val))
		return -EINVAL;
	vcpu->cr4 = val;
	vcpu->seen_cr4 |= val;
	ferry_backend->update_control(vcpu);
	flush = X86_CR4_PGE | X86_CR4_PSE | X86_CR4_PAE | X86_CR4_PCIDE | X86_CR4_SMEP |
		X86_CR4_SMAP | X86_CR4_PKE | X86_CR4_LA57;
	if ((val ^ old) & flush)
		ferry_backend->flush_guest(vcpu);
	return 0;
}

/* ------------------------------------------------------------------ CR0, CR3 */

int ferry_set_cr0(struct ferry_vcpu *vcpu, u64 val)
{
	u64 old = vcpu->cr0, efer = vcpu->efer;
	struct ferry_segment cs, tr;
	bool activated;

	if (val >> 32)
		return -EINVAL;
	val = (val & CR0_KNOWN) | CR0_FIXED_1;
	if ((val & X86_CR0_PG) && !(val & X86_CR0_PE))
		return -EINVAL;
	if ((val & X86_CR0_NW) && !(val & X86_CR0_CD))
		return -EINVAL;
	if ((val & ~old & X86_CR0_PG) && (efer & EFER_LME)) {
		/* Activating long mode (SDM volume 2, MOV to CR0; APM 14.6.1). */
		ferry_get_segment(vcpu, FERRY_SEG_CS, &cs);
		ferry_get_segment(vcpu, FERRY_SEG_TR, &tr);
		if (!(vcpu->cr4 & X86_CR4_PAE) || (cs.attrib & FERRY_SEG_L))
			return -EINVAL;
		if (vcpu->vm->guest_vendor == FERRY_VENDOR_INTEL && !(tr.attrib & SEG_TSS32))
			return -EINVAL;
		efer |= EFER_LMA;
	}
	if (old & ~val & X86_CR0_PG) {
		if (vcpu->cr4 & X86_CR4_PCIDE)
			return -EINVAL;
		if ((efer & EFER_LMA) && ferry_backend->code64(vcpu))
			return -EINVAL;
		efer &= ~EFER_LMA;
	}
	if (((val ^ old) & PAE_CR0) && !(efer & EFER_LMA) && load_pdptes(vcpu, val, vcpu->cr3, vcpu->cr4))
		return -EINVAL;
	vcpu->cr0 = val;
	activated = efer & ~vcpu->efer & EFER_LMA;
	vcpu->efer = efer;
	if (activated) {
		/* An AMD CPU goes on with a 16-bit TSS, which VMX does not allow in long mode. */
		ferry_get_segment(vcpu, FERRY_SEG_TR, &tr);
		ferry_set_segment(vcpu, FERRY_SEG_TR, &tr);
	}
	vcpu->seen_efer |= efer;
	ferry_backend->update_control(vcpu);
	if ((val ^ old) & (X86_CR0_PG | X86_CR0_WP | X86_CR0_PE))
		ferry_backend->flush_guest(vcpu);
	return 0;
}

int ferry_set_cr3(struct ferry_vcpu *vcpu, u64 val)
{
	bool keep = false;

	if (vcpu->efer & EFER_LMA) {
		if (vcpu->cr4 & X86_CR4_PCIDE) {
			keep = val >> 63;
			val &= ~BIT_ULL(63);
		}
		if (val >> vcpu->vm->phys_bits)
			return -EINVAL;
	} else {
		val = (u32)val;
		if (load_pdptes(vcpu, vcpu->cr0, val, vcpu->cr4))
			return -EINVAL;
	}
	vcpu->cr3 = val;
	ferry_backend->update_control(vcpu);
	if (!keep)
		ferry_backend->flush_guest(vcpu);
	return 0;
}

u64 ferry_get_cr8(struct ferry_vcpu *vcpu)
{
	return ferry_lapic_get_cr8(vcpu);
}

int ferry_set_cr8(struct ferry_vcpu *vcpu, u64 val)
{
	if (val >> 4)
		return -EINVAL;
	ferry_lapic_set_cr8(vcpu, val);
	set_bit(FERRY_REQ_EVENT, &vcpu->requests);
	return 0;
}

/* ------------------------------------------------------------------------ XCR0 */

bool ferry_xcr0_valid(struct ferry_vm *vm, u64 xcr0)
{
	u64 avx512 = 7ULL << 5;

	if (!(xcr0 & 1) || (xcr0 & ~vm->guest_xcr0))
		return false;
	if ((xcr0 & 4) && !(xcr0 & 2))
		return false;
	if ((xcr0 & avx512) && ((xcr0 & avx512) != avx512 || !(xcr0 & 4)))
		return false;
	return true;
}

int ferry_set_xcr0(struct ferry_vcpu *vcpu, u64 val)
{
	if (!ferry_xcr0_valid(vcpu->vm, val))
		return -EINVAL;
	/* The CPU still holds the old value if this runs between two entries of one window. */
	if (irqs_disabled())
		ferry_xcr0_restore(vcpu);
	vcpu->xcr0 = val;
	vcpu->seen_xcr0 |= val;
	set_bit(FERRY_REQ_EVENT, &vcpu->requests);
	return 0;
}

/* ------------------------------------------------------------- debug registers */

/* DR4 and DR5 are DR6 and DR7 unless CR4.DE is set; the caller has raised #UD then. */
int ferry_get_dr(struct ferry_vcpu *vcpu, int nr, u64 *val)
{
	if (nr < 4)
		*val = vcpu->dr[nr];
	else if (nr == 4 || nr == 6)
		*val = vcpu->dr6;
	else
		*val = vcpu->dr7;
	return 0;
}

int ferry_set_dr(struct ferry_vcpu *vcpu, int nr, u64 val)
{
	if (nr < 4) {
		vcpu->dr[nr] = val;
	} else {
		if (val >> 32)
			return -EINVAL;
		if (nr == 4 || nr == 6)
			vcpu->dr6 = (val & DR6_VOLATILE) | DR6_FIXED_1;
		else
			vcpu->dr7 = (val & DR7_KNOWN) | DR7_FIXED_1;
	}
	ferry_backend->update_debug(vcpu);
	return 0;
}

/* -------------------------------------------------------- the whole group at once */

/**
 * ferry_check_control() - would a CPU enter a guest in this state?
 * @vcpu: the vCPU
 * @c: the group
 *
 * SDM 26.3.1.1, APM 15.5.1 (canonicalisation and consistency checks), and the policy.
 */
int ferry_check_control(struct ferry_vcpu *vcpu, const struct ferry_state_control *c)
{
	bool pg = c->cr0 & X86_CR0_PG;
	size_t i;

	if ((c->cr0 & ~(u64)CR0_KNOWN) || (c->cr4 & ~ferry_cr4_allowed(vcpu->vm)) ||
	    (c->efer & ~ferry_efer_allowed(vcpu->vm)) || c->cr8 > 15)
		return -EINVAL;
	if ((pg && !(c->cr0 & X86_CR0_PE)) ||
	    ((c->cr0 & X86_CR0_NW) && !(c->cr0 & X86_CR0_CD)))
		return -EINVAL;
	if (!!(c->efer & EFER_LMA) != ((c->efer & EFER_LME) && pg))
		return -EINVAL;
	if ((c->efer & EFER_LMA) && (!(c->cr4 & X86_CR4_PAE) || c->cr3 >> vcpu->vm->phys_bits))
		return -EINVAL;
	if ((c->cr4 & X86_CR4_PCIDE) && !(c->efer & EFER_LMA))
		return -EINVAL;
	if (!ferry_xcr0_valid(vcpu->vm, c->xcr0))
		return -EINVAL;
	if (c->flags & ~(u64)FERRY_CONTROL_PDPTRS)
		return -EINVAL;
	if (c->flags & FERRY_CONTROL_PDPTRS) {
		if (!ferry_pae_paging(c->cr0, c->cr4, c->efer))
			return -EINVAL;
		for (i = 0; i < ARRAY_SIZE(c->pdpte); i++)
			if (!pdpte_valid(vcpu, c->pdpte[i]))
				return -EINVAL;
	}
	return 0;
}

void ferry_load_control(struct ferry_vcpu *vcpu, const struct ferry_state_control *c)
{
	vcpu->cr0 = c->cr0 | CR0_FIXED_1;
	vcpu->cr2 = c->cr2;
	vcpu->cr3 = c->cr3;
	vcpu->cr4 = c->cr4;
	vcpu->efer = c->efer;
	vcpu->xcr0 = c->xcr0;
	vcpu->seen_cr4 |= c->cr4;
	vcpu->seen_efer |= c->efer;
	vcpu->seen_xcr0 |= c->xcr0;
	ferry_lapic_set_cr8(vcpu, c->cr8);
	ferry_backend->update_control(vcpu);
	if (ferry_backend->set_pdptes)
		ferry_backend->set_pdptes(vcpu, c->flags & FERRY_CONTROL_PDPTRS ? c->pdpte : NULL);
	ferry_backend->flush_guest(vcpu);
}
