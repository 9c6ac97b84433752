/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the world switches of both vendors have in common: macros for svm/entry.S and vmx/entry.S.
 */
#ifndef FERRY_ENTRY_H
#define FERRY_ENTRY_H

#include <linux/linkage.h>
#include <asm/asm.h>
#include <asm/cpufeatures.h>
#include <asm/msr-index.h>
#include <asm/nospec-branch.h>

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

/* What a C function has to preserve, and its argument on top. */
.macro PUSH_HOST
	push %rbp
	push %r15
	push %r14
	push %r13
	push %r12
	push %rbx
	push %rdi
.endm

.macro POP_HOST
	pop %rdi
	pop %rbx
	pop %r12
	pop %r13
	pop %r14
	pop %r15
	pop %rbp
.endm

/* All but RAX, RSP and RSI: one of them holds \regs, and they differ in who loads what last. */
.macro LOAD_GUEST regs:req
	mov RCX(\regs), %rcx
	mov RDX(\regs), %rdx
	mov RBX(\regs), %rbx
	mov RBP(\regs), %rbp
	mov RDI(\regs), %rdi
	mov R8(\regs), %r8
	mov R9(\regs), %r9
	mov R10(\regs), %r10
	mov R11(\regs), %r11
	mov R12(\regs), %r12
	mov R13(\regs), %r13
	mov R14(\regs), %r14
	mov R15(\regs), %r15
.endm

/* All but RAX and RSP. */
.macro SAVE_GUEST regs:req
	mov %rcx, RCX(\regs)
	mov %rdx, RDX(\regs)
	mov %rbx, RBX(\regs)
	mov %rbp, RBP(\regs)
	mov %rsi, RSI(\regs)
	mov %rdi, RDI(\regs)
	mov %r8, R8(\regs)
	mov %r9, R9(\regs)
	mov %r10, R10(\regs)
	mov %r11, R11(\regs)
	mov %r12, R12(\regs)
	mov %r13, R13(\regs)
	mov %r14, R14(\regs)
	mov %r15, R15(\regs)
.endm

/*
 * Nothing of the guest's may be a value that host code speculates with. RAX, RBX and RDI are in use
 * here or there, and overwritten or cleared by hand.
 */
.macro CLEAR_GUEST
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
.endm

/* SPEC_CTRL := RDX. Spends RAX, RCX and RDX. */
.macro WRITE_SPEC_CTRL
	mov %edx, %eax
	shr $32, %rdx
	mov $MSR_IA32_SPEC_CTRL, %ecx
	wrmsr
.endm

/* The guest's SPEC_CTRL, where it differs from the host's and the CPU does not see to it. */
.macro GUEST_SPEC_CTRL guest:req, host:req
	ALTERNATIVE "jmp .Lguest_spec_done_\@", "", X86_FEATURE_MSR_SPEC_CTRL
	mov \guest, %rdx
	cmp \host, %rdx
	je .Lguest_spec_done_\@
	WRITE_SPEC_CTRL
.Lguest_spec_done_\@:
.endm

#endif /* FERRY_ENTRY_H */
