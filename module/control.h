/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Control registers, EFER, XCR0 and debug registers as the guest may write them.
 */
#ifndef FERRY_CONTROL_H
#define FERRY_CONTROL_H

#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "ferry.h"

static inline bool ferry_pae_paging(u64 cr0, u64 cr4, u64 efer)
{
	return (cr0 & X86_CR0_PG) && (cr4 & X86_CR4_PAE) && !(efer & EFER_LMA);
}

bool ferry_xcr0_valid(struct ferry_vm *vm, u64 xcr0);
u64 ferry_cr4_allowed(struct ferry_vm *vm);
u64 ferry_efer_allowed(struct ferry_vm *vm);
int ferry_set_efer(struct ferry_vcpu *vcpu, u64 value);
u64 ferry_visible_cr3(const struct ferry_vcpu *vcpu);
void ferry_visible_pdptes(struct ferry_vcpu *vcpu, u64 pdpte[4]); /* where the backend has get_pdptes() */
void ferry_pdptes_from_memory(struct ferry_vcpu *vcpu, u64 pdpte[4]);
int ferry_check_control(struct ferry_vcpu *vcpu, const struct ferry_state_control *c);
void ferry_load_control(struct ferry_vcpu *vcpu, const struct ferry_state_control *c);

#endif /* FERRY_CONTROL_H */
