/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * State groups: what FERRY_GET_STATE and FERRY_SET_STATE, suspend files and the migration stream
 * carry. Included by ferry.h. Nothing here is the shape of one vendor's hardware.
 */
#ifndef _UAPI_LINUX_FERRY_STATE_H
#define _UAPI_LINUX_FERRY_STATE_H

#include <linux/types.h>

/* vCPU groups */
#define FERRY_STATE_GENERAL 1
#define FERRY_STATE_SEGMENTS 2
#define FERRY_STATE_CONTROL 3
#define FERRY_STATE_DEBUG 4
#define FERRY_STATE_MSRS 5
#define FERRY_STATE_FPU 6
#define FERRY_STATE_EVENTS 7
#define FERRY_STATE_LAPIC 8
#define FERRY_STATE_CLOCK 9
#define FERRY_STATE_MP 10
#define FERRY_STATE_VCPU_LAST 10
/* VM groups */
#define FERRY_STATE_IOAPIC 32
#define FERRY_STATE_PIC 33
#define FERRY_STATE_PIT 34
#define FERRY_STATE_VMCLOCK 35
#define FERRY_STATE_SEEN 36
#define FERRY_STATE_VM_FIRST 32
#define FERRY_STATE_VM_LAST 36

/* Order of ferry_state_general.gpr: the hardware's register numbers. */
#define FERRY_RAX 0
#define FERRY_RCX 1
#define FERRY_RDX 2
#define FERRY_RBX 3
#define FERRY_RSP 4
#define FERRY_RBP 5
#define FERRY_RSI 6
#define FERRY_RDI 7
/* 8..15 are R8..R15 */

struct ferry_state_general {
	__u64 gpr[16];
	__u64 rip;
	__u64 rflags;
};

/* Order of ferry_state_segments.seg: the hardware's segment numbers, then LDTR and TR. */
#define FERRY_SEG_ES 0
#define FERRY_SEG_CS 1
#define FERRY_SEG_SS 2
#define FERRY_SEG_DS 3
#define FERRY_SEG_FS 4
#define FERRY_SEG_GS 5
#define FERRY_SEG_LDTR 6
#define FERRY_SEG_TR 7
#define FERRY_NR_SEGS 8

/* ferry_segment.attrib: descriptor bits 40-47 in 0-7, bits 52-55 in 8-11 (APM 15.5.1) */
#define FERRY_SEG_TYPE 0x000f
#define FERRY_SEG_S 0x0010
#define FERRY_SEG_DPL 0x0060
#define FERRY_SEG_P 0x0080
#define FERRY_SEG_AVL 0x0100
#define FERRY_SEG_L 0x0200
#define FERRY_SEG_DB 0x0400
#define FERRY_SEG_G 0x0800
#define FERRY_SEG_UNUSABLE 0x8000 /* VMX "unusable"; on SVM a null segment, P clear */

/**
 * struct ferry_segment - a segment register with its hidden part
 * @limit: in bytes, already scaled by granularity
 */
struct ferry_segment {
	__u64 base;
	__u32 limit;
	__u16 selector;
	__u16 attrib;
};

struct ferry_state_segments {
	struct ferry_segment seg[FERRY_NR_SEGS];
	__u64 gdt_base;
	__u64 idt_base;
	__u32 gdt_limit;
	__u32 idt_limit;
};

/* ferry_state_control.flags */
#define FERRY_CONTROL_PDPTRS (1U << 0) /* pdpte[] is valid */

/**
 * struct ferry_state_control - control registers, EFER and XCR0
 * @flags: FERRY_CONTROL_*; whoever changes @cr0, @cr3 or @cr4 clears PDPTRS
 * @pdpte: PAE paging's four upper entries, which Intel CPUs hold from one load of CR3 to the next (SDM 3, 4.4.1)
 *         and AMD's read at each walk (APM 2, 15.25.10). Without PDPTRS they come from the memory at @cr3.
 *
 * FERRY_SET_STATE fails with EINVAL if no CPU could be in that state, or not under the VM's policy; with PDPTRS
 * outside PAE paging; and with a present entry that has reserved bits.
 */
struct ferry_state_control {
	__u64 cr0;
	__u64 cr2;
	__u64 cr3;
	__u64 cr4;
	__u64 cr8;
	__u64 efer;
	__u64 xcr0;
	__u64 flags;
	__u64 pdpte[4];
};

struct ferry_state_debug {
	__u64 dr[4];
	__u64 dr6;
	__u64 dr7;
};

struct ferry_msr_value {
	__u32 index;
	__u32 reserved;
	__u64 value;
};

#define FERRY_MAX_STATE_MSRS 128

/**
 * struct ferry_state_msrs - MSRs that no other group carries
 * @nr: entries that follow
 */
struct ferry_state_msrs {
	__u32 nr;
	__u32 reserved;
	struct ferry_msr_value msr[];
};

#define FERRY_MAX_XSAVE 4096

/**
 * struct ferry_state_fpu - the guest's XSAVE image, standard (non-compacted) format
 * @xfeatures: components that may be present (the policy's XCR0 mask)
 * @length: bytes of @xsave that follow
 */
struct ferry_state_fpu {
	__u64 xfeatures;
	__u32 length;
	__u32 reserved;
	__u8 xsave[];
};

/* ferry_event_state.type */
#define FERRY_EVENT_NONE 0
#define FERRY_EVENT_EXTINT 1
#define FERRY_EVENT_NMI 2
#define FERRY_EVENT_EXCEPTION 3
#define FERRY_EVENT_SOFT_INT 4 /* INT n */
#define FERRY_EVENT_SOFT_EXC 5 /* INT3, INTO: vector 3, 4 */
#define FERRY_EVENT_PRIV_SOFT_EXC 6 /* INT1 */

/* ferry_event_state.flags */
#define FERRY_EVENT_HAS_ERROR (1U << 0)
#define FERRY_EVENT_HAS_PAYLOAD (1U << 1) /* CR2 for #PF, DR6 bits for #DB, not yet applied */

/**
 * struct ferry_event_state - one event on its way into the guest
 * @insn_len: of the INT instruction for the soft types
 */
struct ferry_event_state {
	__u8 type;
	__u8 vector;
	__u8 flags;
	__u8 insn_len;
	__u32 error;
	__u64 payload;
};

/* ferry_state_events.flags */
#define FERRY_EVENTS_SHADOW_STI (1U << 0)
#define FERRY_EVENTS_SHADOW_MOVSS (1U << 1)
#define FERRY_EVENTS_NMI_MASKED (1U << 2) /* between NMI delivery and IRET */

/**
 * struct ferry_state_events - pending and half-delivered events
 * @injected: delivery had begun and must be repeated before anything else
 * @pending: an exception raised by emulation, not yet begun
 * @nmi_pending: NMIs waiting (0..2)
 */
struct ferry_state_events {
	struct ferry_event_state injected;
	struct ferry_event_state pending;
	__u32 flags;
	__u32 nmi_pending;
};

/* ferry_state_mp.state */
#define FERRY_MP_RUNNABLE 0
#define FERRY_MP_HALTED 1
#define FERRY_MP_WAIT_SIPI 2 /* after INIT; an application processor's first state */

/**
 * struct ferry_state_mp - multiprocessor state
 * @init_pending: INIT latched
 * @sipi_pending: SIPI latched, @sipi_vector valid
 */
struct ferry_state_mp {
	__u32 state;
	__u32 sipi_vector;
	__u8 init_pending;
	__u8 sipi_pending;
	__u8 reserved[6];
};

/**
 * struct ferry_state_clock - a vCPU's TSC and kvmclock
 * @tsc: guest TSC at the instant VMCLOCK's guest_ns describes
 * @tsc_adjust: IA32_TSC_ADJUST
 * @tsc_deadline: IA32_TSC_DEADLINE, 0 = disarmed
 * @system_time_msr: MSR_KVM_SYSTEM_TIME_NEW
 * @flags: reserved
 */
struct ferry_state_clock {
	__u64 tsc;
	__u64 tsc_adjust;
	__u64 tsc_deadline;
	__u64 system_time_msr;
	__u64 flags;
};

/**
 * struct ferry_state_vmclock - the VM's time
 * @guest_ns: kvmclock nanoseconds since boot
 * @wall_ns: host CLOCK_REALTIME at that instant
 * @tsc_khz: guest TSC rate
 * @wall_clock_msr: MSR_KVM_WALL_CLOCK_NEW
 */
struct ferry_state_vmclock {
	__u64 guest_ns;
	__u64 wall_ns;
	__u32 tsc_khz;
	__u32 flags;
	__u64 wall_clock_msr;
};

/*
 * Interrupt controllers and timers. Times in nanoseconds are ferry_state_vmclock.guest_ns, TSC
 * values are the guest's. Names of fields are those of the manuals: SDM vol. 3 (APIC), 82093AA,
 * 8259A and 82C54 data sheets.
 */

/**
 * struct ferry_state_lapic - a vCPU's local APIC
 * @base: IA32_APIC_BASE
 * @icr: high half: ICR2 (xAPIC) or destination (x2APIC)
 * @expiry_ns: when the one-shot or periodic count reaches zero, 0 = it stands still
 * @tsc_deadline: as ferry_state_clock has it, but kept even if it has just passed
 * @irr: 256 bits by vector, as @isr and @tmr
 * @esr_pending: errors since the last write to the ESR
 * @lines: levels of LINT0 and LINT1
 * @lvt: timer, thermal, performance counters, LINT0, LINT1, error
 */
struct ferry_state_lapic {
	__u64 base;
	__u64 icr;
	__u64 expiry_ns;
	__u64 tsc_deadline;
	__u64 irr[4];
	__u64 isr[4];
	__u64 tmr[4];
	__u32 id;
	__u32 tpr;
	__u32 ldr;
	__u32 dfr;
	__u32 svr;
	__u32 esr;
	__u32 esr_pending;
	__u32 tmict;
	__u32 tdcr;
	__u32 lines;
	__u32 lvt[6];
};

/**
 * struct ferry_state_ioapic - the IOAPIC
 * @rte: redirection table
 * @lines: levels of the pins
 */
struct ferry_state_ioapic {
	__u64 rte[24];
	__u32 version;
	__u32 select;
	__u32 id;
	__u32 lines;
};

/* ferry_state_pic_chip.flags */
#define FERRY_PIC_NEED_ICW4 (1U << 0)
#define FERRY_PIC_AUTO_EOI (1U << 1)
#define FERRY_PIC_ROTATE (1U << 2) /* on automatic EOI */
#define FERRY_PIC_SPECIAL_MASK (1U << 3)
#define FERRY_PIC_NESTED (1U << 4) /* special fully nested mode */
#define FERRY_PIC_READ_ISR (1U << 5)
#define FERRY_PIC_POLL (1U << 6)
#define FERRY_PIC_SINGLE (1U << 7)

/**
 * struct ferry_state_pic_chip - one i8259A
 * @lines: levels of the inputs
 * @lowest: input with the lowest priority
 * @init: initialisation word expected next, 0 or 2..4
 */
struct ferry_state_pic_chip {
	__u8 lines;
	__u8 irr;
	__u8 isr;
	__u8 imr;
	__u8 elcr;
	__u8 base;
	__u8 lowest;
	__u8 init;
	__u8 icw3;
	__u8 flags;
	__u8 reserved[6];
};

/**
 * struct ferry_state_pic - the i8259A pair: master, slave
 */
struct ferry_state_pic {
	struct ferry_state_pic_chip chip[2];
};

/* ferry_state_pit_channel.phase */
#define FERRY_PIT_IDLE 0 /* no count written */
#define FERRY_PIT_ARMED 1 /* waits for its trigger */
#define FERRY_PIT_RUNNING 2
#define FERRY_PIT_HELD 3 /* gate low */

/* ferry_state_pit_channel.flags */
#define FERRY_PIT_BCD (1U << 0)
#define FERRY_PIT_GATE (1U << 1)
#define FERRY_PIT_WRITE_HIGH (1U << 2) /* the high byte comes next */
#define FERRY_PIT_READ_HIGH (1U << 3)
#define FERRY_PIT_COUNT_LATCHED (1U << 4)
#define FERRY_PIT_STATUS_LATCHED (1U << 5)
#define FERRY_PIT_LOW (1U << 6) /* mode 1: triggered while the output was low */

/**
 * struct ferry_state_pit_channel - one counter; times in ticks of 1193182 Hz since guest_ns 0
 * @start: when @count was loaded (signed)
 * @held: ticks counted when the gate fell (signed)
 * @next_start: when @next_count will be loaded (signed)
 */
struct ferry_state_pit_channel {
	__u64 start;
	__u64 held;
	__u64 next_start;
	__u32 count;
	__u32 next_count;
	__u16 latch;
	__u8 status;
	__u8 mode;
	__u8 rw;
	__u8 write_low;
	__u8 phase;
	__u8 flags;
};

/**
 * struct ferry_state_pit - the i8254 timer
 * @synced: tick up to which @edges is counted
 * @edges: timer interrupts not yet raised
 * @port61: bits 3:0 as written
 */
struct ferry_state_pit {
	struct ferry_state_pit_channel ch[3];
	__u64 synced;
	__u32 edges;
	__u32 port61;
};

/* ferry_state_seen.flags */
#define FERRY_SEEN_KVMCLOCK (1ULL << 0) /* a vCPU enabled kvmclock's page */

/**
 * struct ferry_state_seen - what the guest was ever shown of its CPU, and what it ever enabled
 * @cr4: bits that were ever set in a vCPU's CR4
 * @efer: likewise
 * @xcr0: likewise
 * @cpuid: entries of the policy that a CPUID was answered from, 256 bits by position
 * @msrs: MSRs of the policy that were read, by position
 * @flags: FERRY_SEEN_*
 * @reserved: zero
 *
 * It travels with the VM. Setting adds: what was seen stays seen.
 */
struct ferry_state_seen {
	__u64 cr4;
	__u64 efer;
	__u64 xcr0;
	__u64 cpuid[4];
	__u64 msrs;
	__u64 flags;
	__u64 reserved[3];
};

#endif /* _UAPI_LINUX_FERRY_STATE_H */
