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
#include <linux/linkage.h>
#include <linux/objtool.h>
#include <asm/asm.h>
#include <asm/cpufeatures.h>
#include <asm/ibt.h>
#include <asm/msr-index.h>
#include <asm/nospec-branch.h>
#include <asm/unwind_hints.h>

/* Order of ferry_vcpu.regs, as in uapi FERRY_RAX.. */
#define RAX (8 * 0)
#define RCX (8 * 1)
#define RDX (8 * 2)
#define RBX (8 * 3)
#define RBP (8 * 5)
#define RSI (8 * 6)
#define RDI (8 * 7)
#define R8 (8 * 8)
#define R9 (8 * 9)
#define R10 (8 * 10)
#define R11 (8 * 11)
#define R12 (8 * 12)
#define R13 (8 * 13)
#define R14 (8 * 14)
#define R15 (8 * 15)

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
	push %rbp
	push %r15
	push %r14
	push %r13
	push %r12
	push %rbx
	push %rdi

	cmp %rsp, SW_HOST_RSP(%rdi)
	je .Lhost_rsp_known
	mov %rsp, SW_HOST_RSP(%rdi)
	mov $VMX_HOST_RSP, %eax
	vmwrite %rsp, %rax
.Lhost_rsp_known:

	ALTERNATIVE "jmp .Lguest_spec_done", "", X86_FEATURE_MSR_SPEC_CTRL
	mov SW_GUEST_SPEC(%rdi), %rdx
	cmp SW_HOST_SPEC(%rdi), %rdx
	je .Lguest_spec_done
	mov %edx, %eax
	shr $32, %rdx
	mov $MSR_IA32_SPEC_CTRL, %ecx
	wrmsr
.Lguest_spec_done:

	mov SW_REGS(%rdi), %rax
	cmpl $0, SW_LAUNCHED(%rdi)
	mov RCX(%rax), %rcx
	mov RDX(%rax), %rdx
	mov RBX(%rax), %rbx
	mov RBP(%rax), %rbp
	mov RSI(%rax), %rsi
	mov RDI(%rax), %rdi
	mov R8(%rax), %r8
	mov R9(%rax), %r9
	mov R10(%rax), %r10
	mov R11(%rax), %r11
	mov R12(%rax), %r12
	mov R13(%rax), %r13
	mov R14(%rax), %r14
	mov R15(%rax), %r15
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
	mov %rcx, RCX(%rax)
	mov %rdx, RDX(%rax)
	mov %rbx, RBX(%rax)
	mov %rbp, RBP(%rax)
	mov %rsi, RSI(%rax)
	mov %rdi, RDI(%rax)
	mov %r8, R8(%rax)
	mov %r9, R9(%rax)
	mov %r10, R10(%rax)
	mov %r11, R11(%rax)
	mov %r12, R12(%rax)
	mov %r13, R13(%rax)
	mov %r14, R14(%rax)
	mov %r15, R15(%rax)
	xor %edi, %edi

.Lclear:
	/* Nothing of the guest's may be a value that host code speculates with. */
	xor %eax, %eax
	xor %ecx, %ecx
	xor %edx, %edx
	xor %ebp, %ebp
	xor %esi, %esi
	xor %r8d, %r8d
	xor %r9d, %r9d
	xor %r10d, %r10d
	xor %r11d, %r11d
	xor %r12d, %r12d
	xor %r13d, %r13d
	xor %r14d, %r14d
	xor %r15d, %r15d
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
	mov %edx, %eax
	shr $32, %rdx
	mov $MSR_IA32_SPEC_CTRL, %ecx
	wrmsr
.Lhost_spec_same:
	/* A mispredicted branch past the write would run with the guest's setting. */
	lfence
.Lhost_spec_done:

#ifdef X86_FEATURE_CLEAR_BHB_LOOP_ON_VMEXIT
	CLEAR_BRANCH_HISTORY_VMEXIT
#endif

	mov %ebx, %eax
	pop %rdi
	pop %rbx
	pop %r12
	pop %r13
	pop %r14
	pop %r15
	pop %rbp
	RET

.Lfailed:
	mov $1, %edi
	jmp .Lclear
SYM_FUNC_END(vmx_enter_guest)

.section .note.GNU-stack, "", @progbits
