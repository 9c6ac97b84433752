/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest that does what it is told, for tests of devices and interrupts: see selftests/lib/puppet.h.
 * 32-bit protected mode without paging, flat. EBX is the vCPU's box throughout, ESI the command.
 *
 *	0x1000	first vCPU's entry, main loop	0x2000	interrupt stubs, 16 bytes each
 *	0x7000	entry of the others (SIPI vector 7)
 *	0x10000	boxes, 4 KiB each		0x20000	stacks, 4 KiB each
 *	0x30000	IDT, made by the program outside
 */
#define BOX 0x10000
#define STACK 0x20000
#define BOX_EOI 0x0
#define BOX_FAULTS 0x4
#define BOX_LOGGED 0x8
#define BOX_EARLY 0xc
#define BOX_COUNT 0x10
#define BOX_LOG 0x410
#define BOX_COMMANDS 0x600
#define PORT_READY 0xf1
#define PORT_FATAL 0xf2
#define LAPIC 0xfee00000
#define VECTOR_PING 0x50

	.code32
	.org 0x1000
	.globl _start
_start:
	lgdt gdtr
	lidt idtr
main:
	out %al, $PORT_READY
	lea BOX_COMMANDS(%ebx), %esi
command:
	mov (%esi), %eax
	jmp *table(, %eax, 4)
done:
	cli
	add $16, %esi
	jmp command

table:	.long main, write32, read32, write_port, read_port, write_msr, read_msr, window, halt
	.long await, ping, pong, write_port32, write8, read_tsc, read_port16

write32:
	mov 4(%esi), %edi
	mov 8(%esi), %eax
	mov %eax, (%edi)
	jmp done
read32:
	mov 4(%esi), %edi
	mov (%edi), %eax
	mov %eax, 8(%esi)
	jmp done
write8:
	mov 4(%esi), %edi
	mov 8(%esi), %al
	mov %al, (%edi)
	jmp done
write_port:
	mov 4(%esi), %edx
	mov 8(%esi), %al
	out %al, %dx
	jmp done
write_port32:
	mov 4(%esi), %edx
	mov 8(%esi), %eax
	out %eax, %dx
	jmp done
read_port:
	mov 4(%esi), %edx
	xor %eax, %eax
	in %dx, %al
	mov %eax, 8(%esi)
	jmp done
read_port16:
	mov 4(%esi), %edx
	xor %eax, %eax
	in %dx, %ax
	mov %eax, 8(%esi)
	jmp done
write_msr:
	mov 4(%esi), %ecx
	mov 8(%esi), %eax
	mov 12(%esi), %edx
	wrmsr
	jmp done
read_msr:
	mov 4(%esi), %ecx
	rdmsr
	mov %eax, 8(%esi)
	mov %edx, 12(%esi)
	jmp done
read_tsc:
	rdtsc
	mov %eax, 8(%esi)
	mov %edx, 12(%esi)
	jmp done
window:
	sti
	nop
	nop
	jmp done
halt:
	sti
	hlt
	jmp done

/* Halt until the count of vector a has reached b. */
await:
	mov 4(%esi), %ecx
	mov 8(%esi), %eax
	call await_count
	jmp done

await_count:
	cli
	cmp %eax, BOX_COUNT(%ebx, %ecx, 4)
	jae 1f
	sti
await_hlt:
	hlt
	jmp await_count
1:	ret

/* b times: interrupt APIC id a and wait for its answer; or wait and answer. */
ping:
	xor %ebp, %ebp
1:	inc %ebp
	call send_ping
	call await_ping
	cmp 8(%esi), %ebp
	jb 1b
	jmp done
pong:
	xor %ebp, %ebp
1:	inc %ebp
	call await_ping
	call send_ping
	cmp 8(%esi), %ebp
	jb 1b
	jmp done

await_ping:
	mov $VECTOR_PING, %ecx
	mov %ebp, %eax
	jmp await_count

send_ping:
	cmpl $2, BOX_EOI(%ebx)
	je 1f
	mov 4(%esi), %eax
	shl $24, %eax
	mov %eax, LAPIC + 0x310
	movl $(0x4000 | VECTOR_PING), LAPIC + 0x300
	ret
1:	mov 4(%esi), %edx
	mov $(0x4000 | VECTOR_PING), %eax
	mov $0x830, %ecx
	wrmsr
	ret

/* The stack holds the vector and what the processor pushed. */
interrupt:
	pushal
	mov 32(%esp), %eax
	incl BOX_COUNT(%ebx, %eax, 4)
	mov BOX_LOGGED(%ebx), %ecx
	and $0xff, %ecx
	mov %al, BOX_LOG(%ebx, %ecx)
	incl BOX_LOGGED(%ebx)
	/* Between STI and HLT no interrupt may come: count it, and do not sleep over it. */
	cmpl $await_hlt, 36(%esp)
	jne 1f
	cmp $2, %eax
	je 1f
	incl BOX_EARLY(%ebx)
	incl 36(%esp)
1:	cmp $2, %eax
	je 9f
	mov BOX_EOI(%ebx), %edx
	dec %edx
	jz 1f
	dec %edx
	jz 2f
	dec %edx
	jnz 9f
	mov $0x20, %al
	out %al, $0x20
	jmp 9f
1:	movl $0, LAPIC + 0xb0
	jmp 9f
2:	mov $0x80b, %ecx
	xor %eax, %eax
	xor %edx, %edx
	wrmsr
9:	popal
	add $4, %esp
	iret

/* #GP: count it and go on behind the instruction's command. */
general_protection:
	incl BOX_FAULTS(%ebx)
	add $4, %esp
	movl $done, (%esp)
	iret

fatal:
	mov (%esp), %eax
	out %al, $PORT_FATAL
	jmp fatal

	.balign 8
gdt:	.quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
	.word 0
gdtr:	.word 23
	.long gdt
	.word 0
idtr:	.word 256 * 8 - 1
	.long 0x30000

	.org 0x2000
	.set vector, 0
	.rept 256
	.balign 16
	.if vector == 13
	jmp general_protection
	.elseif vector < 32 && vector != 2
	push $vector
	jmp fatal
	.else
	push $vector
	jmp interrupt
	.endif
	.set vector, vector + 1
	.endr

	.org 0x7000
	.code16
	cli
	mov %cs, %ax
	mov %ax, %ds
	lgdtl (gdtr16 - 0x7000)
	mov $0x11, %eax
	mov %eax, %cr0
	ljmpl $8, $protected
	.balign 8
gdtr16:	.word 23
	.long gdt
	.code32
protected:
	mov $16, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov LAPIC + 0x20, %ebx
	shr $12, %ebx
	lea STACK + 0x1000(%ebx), %esp
	add $BOX, %ebx
	jmp _start
