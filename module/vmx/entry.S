/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The world switch.
 *
 * VM entry and exit exchange RIP, RSP, RFLAGS, segments, CR0, CR3, CR4, EFER, DR7 and the SYSENTER
 * MSRs by themselves; here are the other registers, and what must stand directly at the boundary.
 * Interrupts are off throughout. NMIs may come at any point and find the host's state complete:
 * in root mode nothing of the guest's is loaded but general registers, CR2 and SPEC_CTRL.
 *
 * Mitigations, against KVM's vmx/vmenter.S and vmx.c by name:
 *   RSB stuffing               FILL_RETURN_BUFFER, before the first RET; LITE (PBRSB) where that
 *                              suffices
 *   SPEC_CTRL                  swapped here if guest and host differ, and always written at exit
 *                              with IBRS (vmx_spec_ctrl_restore_host)
 *   BHI                        CLEAR_BRANCH_HISTORY_VMEXIT, before the first indirect branch
 *   VERW (MDS, TAA, RFDS)      CLEAR_CPU_BUFFERS, last thing before the entry; for MMIO stale data
 *                              alone it is not needed: no guest reaches the host's MMIO
 *   L1D flush (L1TF)           window.c, at the window's opening
 *   IBPB on vCPU switch, on exit to user (VMSCAPE)   window.c
 *   register clearing          all but RSP, which the exit loads
 *   UNTRAIN_RET, SRSO          AMD only; no such CPU has VMX
 *   ITS                        indirect branches in C go through the kernel's thunks
 *   FB_CLEAR_DIS for guests    not switched: a guest that runs VERW spends its own time
 */
#include <linux/objtool.h>
#include <asm/ibt.h>
#include <asm/unwind_hints.h>

#include "entry.h"

/* struct vmx_switch */
#define SW_REGS 0
#define SW_HOST_RSP 8
#define SW_GUEST_SPEC 16
#define SW_HOST_SPEC 24
#define SW_WRITE_SPEC 32
#define SW_LAUNCHED 36

#define VMX_HOST_RSP 0x6c14

.section .noinstr.text, "ax"

/*
 * int vmx_enter_guest(struct vmx_switch *sw)
 *
 * Called with interrupts off and a VMCS current. RSP of the guest is in the VMCS; the others are
 * in sw->regs. Returns 0 after an exit, 1 if the instruction failed.
 */
SYM_FUNC_START(vmx_enter_guest)
	PUSH_HOST

	cmp %rsp, SW_HOST_RSP(%rdi)
	je .Lhost_rsp_known
	mov %rsp, SW_HOST_RSP(%rdi)
	mov $VMX_HOST_RSP, %eax
	vmwrite %rsp, %rax
.Lhost_rsp_known:

	GUEST_SPEC_CTRL SW_GUEST_SPEC(%rdi), SW_HOST_SPEC(%rdi)

	mov SW_REGS(%rdi), %rax
	cmpl $0, SW_LAUNCHED(%rdi)
	LOAD_GUEST %rax
	mov RSI(%rax), %rsi
	mov RAX(%rax), %rax
	je .Llaunch

#ifdef CLEAR_CPU_BUFFERS
	CLEAR_CPU_BUFFERS
#endif
	UNWIND_HINT_SAVE
	vmresume
	jmp .Lfailed

.Llaunch:
#ifdef CLEAR_CPU_BUFFERS
	CLEAR_CPU_BUFFERS
#endif
	vmlaunch
	jmp .Lfailed

SYM_INNER_LABEL(vmx_exit_here, SYM_L_GLOBAL)
	UNWIND_HINT_RESTORE
	ENDBR

	push %rax
	mov 8(%rsp), %rax
	mov SW_REGS(%rax), %rax
	pop RAX(%rax)
	SAVE_GUEST %rax
	xor %edi, %edi

.Lclear:
	xor %eax, %eax
	CLEAR_GUEST
	mov %edi, %ebx

	FILL_RETURN_BUFFER %rcx, RSB_CLEAR_LOOPS, X86_FEATURE_RSB_VMEXIT, X86_FEATURE_RSB_VMEXIT_LITE

	ALTERNATIVE "jmp .Lhost_spec_done", "", X86_FEATURE_MSR_SPEC_CTRL
	mov (%rsp), %rsi
	mov SW_HOST_SPEC(%rsi), %rdx
	cmpl $0, SW_WRITE_SPEC(%rsi)
	jne .Lwrite_host_spec
	cmp SW_GUEST_SPEC(%rsi), %rdx
	je .Lhost_spec_same
.Lwrite_host_spec:
	WRITE_SPEC_CTRL
.Lhost_spec_same:
	/* A mispredicted branch past the write would run with the guest's setting. */
	lfence
.Lhost_spec_done:

#ifdef X86_FEATURE_CLEAR_BHB_LOOP_ON_VMEXIT
	CLEAR_BRANCH_HISTORY_VMEXIT
#endif

	mov %ebx, %eax
	POP_HOST
	RET

.Lfailed:
	mov $1, %edi
	jmp .Lclear
SYM_FUNC_END(vmx_enter_guest)

.section .note.GNU-stack, "", @progbits
