/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The world switch.
 *
 * With GIF clear no interrupt, NMI, SMI or debug trap reaches this CPU (APM 15.17), so host and
 * guest state may be half exchanged between CLGI and STGI and nobody can look.
 *
 *   CLGI   #VMEXIT clears GIF anyway; before VMRUN it protects VMLOAD's result.
 *   STI    the host's IF is what lets a physical interrupt end the run (V_INTR_MASKING). Placed
 *          early: directly before VMRUN its shadow would leak into the guest's int_state.
 *   VMLOAD the guest's FS, GS, TR, LDTR, KERNEL_GS_BASE, SYSCALL and SYSENTER MSRs.
 *   VMRUN
 *   VMSAVE, VMLOAD: the guest's go back to the VMCB, the host's come back.
 *   CLI, STGI: pending NMIs are taken here, interrupts when the caller enables them.
 *
 * The three VMLOAD/VMSAVE are done on every run rather than once per section, because what
 * follows a run is C, which needs GS for per-CPU data, and host exceptions and NMIs, which need
 * TR for their stacks; a run section enables interrupts between runs.
 *
 * Mitigations, against KVM's svm/vmenter.S and svm.c by name:
 *   RSB stuffing               FILL_RETURN_BUFFER, before the first RET; LITE where that suffices
 *   SPEC_CTRL                  swapped here if guest and host differ and the CPU does not do it
 *                              (V_SPEC_CTRL): nothing speculative runs between WRMSR and VMRUN
 *   untrain return, SRSO, IBPB on exit   UNTRAIN_RET(_VM), entry_ibpb
 *   VERW (TSA; MDS family)     VM_CLEAR_CPU_BUFFERS, last thing before VMRUN
 *   DIV0                       a division before the entry, so that no quotient of ours is left
 *   IBPB on vCPU switch, on exit to user (VMSCAPE), BP_SPEC_REDUCE   cpu.c
 *   register clearing          all but RAX and RSP, which #VMEXIT restores
 *   BHI, L1D flush, PBRSB, ITS, retpoline for call depth   Intel only; no such CPU has SVM
 *   SSBD through VIRT_SPEC_CTRL or LS_CFG   policies never offer it; the guest runs with the
 *                              thread's own setting
 */
#include <linux/linkage.h>
#include <asm/asm.h>
#include <asm/msr-index.h>
#include <asm/nospec-branch.h>

/* Order of ferry_vcpu.regs, as in uapi FERRY_RAX.. */
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

/* struct svm_switch */
#define SW_VMCB_PA 0
#define SW_HOST_PA 8
#define SW_REGS 16
#define SW_GUEST_SPEC 24
#define SW_HOST_SPEC 32

.section .noinstr.text, "ax"

/*
 * void svm_vmrun(struct svm_switch *sw)
 *
 * Called with interrupts off, returns with interrupts off. RAX and RSP of the guest are in the
 * VMCB; the others are in sw->regs.
 */
SYM_FUNC_START(svm_vmrun)
	push %rbp
	push %r15
	push %r14
	push %r13
	push %r12
	push %rbx
	push %rdi

	clgi
	sti

	ALTERNATIVE "jmp .Lguest_spec_done", "", X86_FEATURE_MSR_SPEC_CTRL
	mov SW_GUEST_SPEC(%rdi), %rdx
	cmp SW_HOST_SPEC(%rdi), %rdx
	je .Lguest_spec_done
	mov %edx, %eax
	shr $32, %rdx
	mov $MSR_IA32_SPEC_CTRL, %ecx
	wrmsr
.Lguest_spec_done:

#ifdef X86_BUG_DIV0
	ALTERNATIVE "jmp .Ldivided", "", X86_BUG_DIV0
	xor %eax, %eax
	xor %edx, %edx
	mov $1, %ecx
	div %ecx
.Ldivided:
#endif

	mov SW_VMCB_PA(%rdi), %rax
	mov SW_REGS(%rdi), %rsi
	vmload %rax

	mov RCX(%rsi), %rcx
	mov RDX(%rsi), %rdx
	mov RBX(%rsi), %rbx
	mov RBP(%rsi), %rbp
	mov RDI(%rsi), %rdi
	mov R8(%rsi), %r8
	mov R9(%rsi), %r9
	mov R10(%rsi), %r10
	mov R11(%rsi), %r11
	mov R12(%rsi), %r12
	mov R13(%rsi), %r13
	mov R14(%rsi), %r14
	mov R15(%rsi), %r15
	mov RSI(%rsi), %rsi

#ifdef VM_CLEAR_CPU_BUFFERS
	VM_CLEAR_CPU_BUFFERS
#endif

	vmrun %rax

	vmsave %rax
	mov (%rsp), %rax
	mov SW_HOST_PA(%rax), %rax
	vmload %rax

	mov (%rsp), %rax
	mov SW_REGS(%rax), %rax
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

	/* Nothing of the guest's may be a value that host code speculates with. */
	xor %ecx, %ecx
	xor %edx, %edx
	xor %ebx, %ebx
	xor %ebp, %ebp
	xor %esi, %esi
	xor %edi, %edi
	xor %r8d, %r8d
	xor %r9d, %r9d
	xor %r10d, %r10d
	xor %r11d, %r11d
	xor %r12d, %r12d
	xor %r13d, %r13d
	xor %r14d, %r14d
	xor %r15d, %r15d

	FILL_RETURN_BUFFER %rax, RSB_CLEAR_LOOPS, X86_FEATURE_RSB_VMEXIT, X86_FEATURE_RSB_VMEXIT_LITE

	ALTERNATIVE "jmp .Lhost_spec_done", "", X86_FEATURE_MSR_SPEC_CTRL
	mov (%rsp), %rcx
	mov SW_HOST_SPEC(%rcx), %rdx
	cmp SW_GUEST_SPEC(%rcx), %rdx
	je .Lhost_spec_done
	mov %edx, %eax
	shr $32, %rdx
	mov $MSR_IA32_SPEC_CTRL, %ecx
	wrmsr
.Lhost_spec_done:

	/* Return predictions are the guest's until here: no RET before this line. */
#ifdef UNTRAIN_RET_VM
	UNTRAIN_RET_VM
#else
	UNTRAIN_RET
#ifdef X86_FEATURE_IBPB_ON_VMEXIT
	ALTERNATIVE "", "call entry_ibpb", X86_FEATURE_IBPB_ON_VMEXIT
#endif
#endif

	cli
	stgi

	pop %rdi
	pop %rbx
	pop %r12
	pop %r13
	pop %r14
	pop %r15
	pop %rbp
	RET
SYM_FUNC_END(svm_vmrun)

.section .note.GNU-stack, "", @progbits
