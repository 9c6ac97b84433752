/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Control registers, EFER, XCR0 and debug registers as the guest may write them.
 */
#ifndef FERRY_CONTROL_H
#define FERRY_CONTROL_H

#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "ferry.h"

/* Bits whose change loads PAE's four upper entries again, as MOV to CR3 does (SDM 3, 4.4.1). */
#define FERRY_PAE_CR0 (X86_CR0_CD | X86_CR0_NW | X86_CR0_PG)
#define FERRY_PAE_CR4 (X86_CR4_PAE | X86_CR4_PGE | X86_CR4_PSE | X86_CR4_SMEP)

static inline bool ferry_pae_paging(u64 cr0, u64 cr4, u64 efer)
{
	return (cr0 & X86_CR0_PG) && (cr4 & X86_CR4_PAE) && !(efer & EFER_LMA);
}

bool ferry_xcr0_valid(struct ferry_vm *vm, u64 xcr0);
u64 ferry_cr4_allowed(struct ferry_vm *vm);
u64 ferry_efer_allowed(struct ferry_vm *vm);
int ferry_set_efer(struct ferry_vcpu *vcpu, u64 value);
int ferry_check_control(struct ferry_vcpu *vcpu, const struct ferry_state_control *c);
void ferry_load_control(struct ferry_vcpu *vcpu, const struct ferry_state_control *c);

#endif /* FERRY_CONTROL_H */
