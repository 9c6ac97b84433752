/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A Multiboot 1 kernel for the tool's tests. It prints on COM1 what it was handed, then does what
 * the letter after "do:" on its command line says:
 *
 *	x  write 0x10 to the debug-exit port	p  power off through PM1 control
 *	t  triple fault				r  reset through the keyboard controller
 *	c  reset through port 0xcf9		e  echo lines until a 'q' comes (by interrupt), or a '!'
 *						   that resets
 *	m  read where nobody lives		h  halt for ever
 *
 * Loaded by the addresses in its header: the flat binary is the image.
 */
	.code32
	.text
	.globl	_start
_start:
	jmp	entry
	.balign	4
header:
	.long	0x1badb002, 0x10003, -(0x1badb002 + 0x10003)
	.long	header, _start, load_end, bss_end, entry

entry:
	movl	$stack_top, %esp
	movl	%eax, %ebp
	movl	$hello, %esi
	call	puts
	cmpl	$0x2badb002, %ebp
	movl	$bad_magic, %esi
	jne	fail
	movl	(%ebx), %eax
	andl	$0x4d, %eax			/* memory, command line, modules, map */
	cmpl	$0x4d, %eax
	movl	$bad_flags, %esi
	jne	fail
	movl	16(%ebx), %esi			/* command line */
	movl	%esi, cmdline
	call	puts
	call	newline

	movl	20(%ebx), %ecx			/* modules: string and first bytes */
	movl	24(%ebx), %edi
1:	jecxz	2f
	movl	8(%edi), %esi
	call	puts
	movb	$'=', %al
	call	putc
	movl	(%edi), %esi
	movl	4(%edi), %edx
	subl	%esi, %edx
3:	lodsb
	cmpb	$' ', %al
	jb	4f
	call	putc
	decl	%edx
	jnz	3b
4:	call	newline
	addl	$16, %edi
	decl	%ecx
	jmp	1b

2:	movl	48(%ebx), %edi			/* map: KiB of usable memory */
	movl	44(%ebx), %edx
	addl	%edi, %edx
	xorl	%eax, %eax
5:	cmpl	$1, 20(%edi)
	jne	6f
	movl	12(%edi), %ecx
	shrl	$10, %ecx
	addl	%ecx, %eax
6:	addl	(%edi), %edi
	addl	$4, %edi
	cmpl	%edx, %edi
	jb	5b
	pushl	%eax
	movl	$memory, %esi
	call	puts
	popl	%eax
	call	putdec
	call	newline

	movl	cmdline, %esi
7:	lodsb
	testb	%al, %al
	jz	halt
	cmpb	$'d', %al
	jne	7b
	cmpw	$0x3a6f, (%esi)			/* "o:" */
	jne	7b
	movb	2(%esi), %al
	cmpb	$'x', %al
	je	debug_exit
	cmpb	$'t', %al
	je	triple
	cmpb	$'p', %al
	je	power_off
	cmpb	$'r', %al
	je	reset
	cmpb	$'c', %al
	je	reset_cf9
	cmpb	$'e', %al
	je	echo
	cmpb	$'m', %al
	je	nobody
halt:
	cli
	hlt
	jmp	halt

fail:
	call	puts
	movb	$0x7f, %al
	outb	%al, $0xf4
	jmp	halt

debug_exit:
	movb	$0x10, %al
	outb	%al, $0xf4
	jmp	halt

triple:
	lidt	no_idt
	int3

power_off:
	movw	$0x604, %dx
	movw	$(5 << 10 | 1 << 13), %ax
	outw	%ax, %dx
	jmp	halt

reset:
	movb	$0xfe, %al
	outb	%al, $0x64
	jmp	halt

reset_cf9:
	movw	$0xcf9, %dx
	movb	$6, %al
	outb	%al, %dx
	jmp	halt

/* Reads of empty addresses and ports are all ones. */
nobody:
	movl	0xd0000000, %eax
	incl	%eax
	jnz	1f
	movw	$0x1234, %dx
	inl	%dx, %eax
	incl	%eax
	jnz	1f
	movl	$0x12345678, 0xd0000000
	movl	$ones, %esi
	jmp	fail
1:	movl	$not_ones, %esi
	jmp	fail

/* The UART's interrupt through the i8259, vector 0x24. */
echo:
	lgdt	gdt_ptr
	movl	$on_irq4, %eax
	movw	%ax, idt + 0x24 * 8
	movw	$8, idt + 0x24 * 8 + 2
	movw	$0x8e00, idt + 0x24 * 8 + 4
	shrl	$16, %eax
	movw	%ax, idt + 0x24 * 8 + 6
	lidt	idt_ptr
	ljmp	$8, $1f
1:	movb	$0x11, %al
	outb	%al, $0x20
	movb	$0x20, %al
	outb	%al, $0x21
	movb	$0x04, %al
	outb	%al, $0x21
	movb	$0x01, %al
	outb	%al, $0x21
	movb	$0xef, %al			/* line 4 alone */
	outb	%al, $0x21
	movw	$0x3fa, %dx
	movb	$0x01, %al			/* FIFOs */
	outb	%al, %dx
	movw	$0x3fc, %dx
	movb	$0x08, %al			/* OUT2 */
	outb	%al, %dx
	movw	$0x3f9, %dx
	movb	$0x01, %al
	outb	%al, %dx
	movl	$ready, %esi
	call	puts
2:	sti
	hlt
	jmp	2b

on_irq4:
	pushal
1:	movw	$0x3fd, %dx
	inb	%dx, %al
	testb	$1, %al
	jz	2f
	movw	$0x3f8, %dx
	inb	%dx, %al
	cmpb	$'q', %al
	je	power_off
	cmpb	$'!', %al
	je	reset
	call	putc
	jmp	1b
2:	movb	$0x20, %al
	outb	%al, $0x20
	popal
	iret

putc:	pushl	%edx
	pushl	%eax
	movw	$0x3fd, %dx
1:	inb	%dx, %al
	testb	$0x20, %al
	jz	1b
	popl	%eax
	movw	$0x3f8, %dx
	outb	%al, %dx
	popl	%edx
	ret

puts:	lodsb
	testb	%al, %al
	jz	1f
	call	putc
	jmp	puts
1:	ret

newline:
	movb	$'\n', %al
	jmp	putc

putdec:	pushl	%edx
	xorl	%edx, %edx
	movl	$10, %ecx
	divl	%ecx
	testl	%eax, %eax
	jz	1f
	call	putdec
1:	movb	%dl, %al
	addb	$'0', %al
	popl	%edx
	jmp	putc

hello:		.asciz "multiboot: up\n"
memory:		.asciz "memory KiB "
bad_magic:	.asciz "bad magic\n"
bad_flags:	.asciz "bad flags\n"
ones:		.asciz "all ones\n"
not_ones:	.asciz "not all ones\n"
ready:		.asciz "ready\n"
	.balign	8
gdt:	.quad	0, 0x00cf9b000000ffff
	.quad	0x00cf93000000ffff, 0x00cf93000000ffff
gdt_ptr: .word	31
	.long	gdt
no_idt:	.word	0
	.long	0
idt_ptr: .word	0x25 * 8 - 1
	.long	idt
load_end:

	.bss
	.balign	16
cmdline: .skip	16
idt:	.skip	0x25 * 8
	.skip	4096
stack_top:
bss_end:
