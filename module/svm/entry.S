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
#include "entry.h"

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
	PUSH_HOST

	clgi
	sti

	GUEST_SPEC_CTRL SW_GUEST_SPEC(%rdi), SW_HOST_SPEC(%rdi)

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

	LOAD_GUEST %rsi
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
	SAVE_GUEST %rax

	xor %ebx, %ebx
	xor %edi, %edi
	CLEAR_GUEST

	FILL_RETURN_BUFFER %rax, RSB_CLEAR_LOOPS, X86_FEATURE_RSB_VMEXIT, X86_FEATURE_RSB_VMEXIT_LITE

	ALTERNATIVE "jmp .Lhost_spec_done", "", X86_FEATURE_MSR_SPEC_CTRL
	mov (%rsp), %rcx
	mov SW_HOST_SPEC(%rcx), %rdx
	cmp SW_GUEST_SPEC(%rcx), %rdx
	je .Lhost_spec_done
	WRITE_SPEC_CTRL
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

	POP_HOST
	RET
SYM_FUNC_END(svm_vmrun)

.section .note.GNU-stack, "", @progbits
