/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The virtual machine control block: what the CPU reads at VMRUN and writes at #VMEXIT.
 *
 * APM vol. 2, appendix B (layout), 15.5 (VMRUN), 15.9-15.14 (intercepts), 15.20 (injection),
 * 15.21 (interrupts), 15.25 (nested paging). Offsets in comments are from the start of the page.
 */
#ifndef FERRY_SVM_VMCB_H
#define FERRY_SVM_VMCB_H

#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/stddef.h>
#include <linux/types.h>

/* Intercepts by number: word = nr / 32, bit = nr % 32 of svm_control.intercept. */
enum svm_intercept {
	/* 000h: control registers 0-15, reads then writes */
	SVM_INTERCEPT_CR_READ = 0,
	SVM_INTERCEPT_CR_WRITE = 16,
	/* 004h: debug registers 0-15, reads then writes */
	SVM_INTERCEPT_DR_READ = 32,
	SVM_INTERCEPT_DR_WRITE = 48,
	/* 008h: exceptions by vector; 2 is not an exception */
	SVM_INTERCEPT_EXCEPTION = 64,
	/* 00Ch */
	SVM_INTERCEPT_INTR = 96,
	SVM_INTERCEPT_NMI,
	SVM_INTERCEPT_SMI,
	SVM_INTERCEPT_INIT,
	SVM_INTERCEPT_VINTR,
	SVM_INTERCEPT_CR0_SELECTIVE,
	SVM_INTERCEPT_IDTR_READ,
	SVM_INTERCEPT_GDTR_READ,
	SVM_INTERCEPT_LDTR_READ,
	SVM_INTERCEPT_TR_READ,
	SVM_INTERCEPT_IDTR_WRITE,
	SVM_INTERCEPT_GDTR_WRITE,
	SVM_INTERCEPT_LDTR_WRITE,
	SVM_INTERCEPT_TR_WRITE,
	SVM_INTERCEPT_RDTSC,
	SVM_INTERCEPT_RDPMC,
	SVM_INTERCEPT_PUSHF,
	SVM_INTERCEPT_POPF,
	SVM_INTERCEPT_CPUID,
	SVM_INTERCEPT_RSM,
	SVM_INTERCEPT_IRET,
	SVM_INTERCEPT_INTN,
	SVM_INTERCEPT_INVD,
	SVM_INTERCEPT_PAUSE,
	SVM_INTERCEPT_HLT,
	SVM_INTERCEPT_INVLPG,
	SVM_INTERCEPT_INVLPGA,
	SVM_INTERCEPT_IOIO,
	SVM_INTERCEPT_MSR,
	SVM_INTERCEPT_TASK_SWITCH,
	SVM_INTERCEPT_FERR_FREEZE,
	SVM_INTERCEPT_SHUTDOWN,
	/* 010h */
	SVM_INTERCEPT_VMRUN = 128,
	SVM_INTERCEPT_VMMCALL,
	SVM_INTERCEPT_VMLOAD,
	SVM_INTERCEPT_VMSAVE,
	SVM_INTERCEPT_STGI,
	SVM_INTERCEPT_CLGI,
	SVM_INTERCEPT_SKINIT,
	SVM_INTERCEPT_RDTSCP,
	SVM_INTERCEPT_ICEBP,
	SVM_INTERCEPT_WBINVD, /* and WBNOINVD */
	SVM_INTERCEPT_MONITOR, /* and MONITORX */
	SVM_INTERCEPT_MWAIT, /* and MWAITX */
	SVM_INTERCEPT_MWAIT_ARMED,
	SVM_INTERCEPT_XSETBV,
	SVM_INTERCEPT_RDPRU,
	/* 014h */
	SVM_INTERCEPT_INVLPGB = 160,
	SVM_INTERCEPT_INVLPGB_ILLEGAL,
	SVM_INTERCEPT_INVPCID,
	SVM_INTERCEPT_MCOMMIT,
	SVM_INTERCEPT_TLBSYNC,
};

/* svm_control.tlb_control */
#define SVM_TLB_KEEP 0
#define SVM_TLB_FLUSH_ALL 1
#define SVM_TLB_FLUSH_ASID 3 /* needs flush-by-ASID */

/* svm_control.int_ctl */
#define SVM_V_TPR 0x0000000fU
#define SVM_V_IRQ BIT(8)
#define SVM_V_INTR_PRIO 0x000f0000U
#define SVM_V_IGN_TPR BIT(20)
#define SVM_V_INTR_MASKING BIT(24)

/* svm_control.int_state */
#define SVM_INT_SHADOW BIT(0)

/* svm_control.exit_int_info and event_inj share a format (APM 15.20). */
#define SVM_EVENT_VECTOR 0xffU
#define SVM_EVENT_TYPE 0x700U
#define SVM_EVENT_TYPE_INTR 0x000U
#define SVM_EVENT_TYPE_NMI 0x200U
#define SVM_EVENT_TYPE_EXCEPTION 0x300U
#define SVM_EVENT_TYPE_SOFT 0x400U
#define SVM_EVENT_HAS_ERROR BIT(11)
#define SVM_EVENT_VALID BIT(31)
#define SVM_EVENT_ERROR_SHIFT 32

/* svm_control.nested_ctl */
#define SVM_NESTED_PAGING BIT_ULL(0)

/* svm_control.clean: groups of fields unchanged since the last run (APM 15.15.3) */
#define SVM_CLEAN_INTERCEPTS BIT(0) /* intercepts, TSC offset, pause filter */
#define SVM_CLEAN_MAPS BIT(1)
#define SVM_CLEAN_ASID BIT(2)
#define SVM_CLEAN_TPR BIT(3) /* int_ctl, int_vector */
#define SVM_CLEAN_NP BIT(4) /* nested_cr3, g_pat */
#define SVM_CLEAN_CR BIT(5) /* CR0, CR3, CR4, EFER */
#define SVM_CLEAN_DR BIT(6)
#define SVM_CLEAN_DT BIT(7) /* GDTR, IDTR */
#define SVM_CLEAN_SEG BIT(8) /* CS, DS, SS, ES, CPL */
#define SVM_CLEAN_CR2 BIT(9)
#define SVM_CLEAN_LBR BIT(10)
#define SVM_CLEAN_AVIC BIT(11)

/* EXITINFO1 of an I/O exit (APM 15.10.2) */
#define SVM_IO_IN BIT(0)
#define SVM_IO_STRING BIT(2)
#define SVM_IO_SIZE_SHIFT 4 /* bits 4-6: 1, 2 or 4 bytes, one hot */
#define SVM_IO_PORT_SHIFT 16

/* EXITINFO1 of a nested page fault (APM 15.25.6) */
#define SVM_NPF_PRESENT BIT_ULL(0)
#define SVM_NPF_WRITE BIT_ULL(1)
#define SVM_NPF_FETCH BIT_ULL(4)
#define SVM_NPF_WALK BIT_ULL(33)

struct svm_control {
	u32 intercept[6]; /* 000 */
	u32 reserved_018[9];
	u16 pause_filter_threshold; /* 03c */
	u16 pause_filter_count; /* 03e */
	u64 iopm_base; /* 040 */
	u64 msrpm_base; /* 048 */
	u64 tsc_offset; /* 050 */
	u32 asid; /* 058 */
	u32 tlb_control; /* 05c; bits 8-31 reserved */
	u32 int_ctl; /* 060 */
	u32 int_vector; /* 064 */
	u64 int_state; /* 068 */
	u64 exit_code; /* 070; QEMU's TCG writes the low half only */
	u64 exit_info1; /* 078 */
	u64 exit_info2; /* 080 */
	u64 exit_int_info; /* 088 */
	u64 nested_ctl; /* 090 */
	u64 avic_apic_bar; /* 098 */
	u64 ghcb; /* 0a0 */
	u64 event_inj; /* 0a8 */
	u64 nested_cr3; /* 0b0 */
	u64 virt_ext; /* 0b8 */
	u32 clean; /* 0c0 */
	u32 reserved_0c4;
	u64 next_rip; /* 0c8 */
	u8 insn_len; /* 0d0 */
	u8 insn_bytes[15];
	u8 reserved_0e0[0x400 - 0x0e0];
};

struct svm_segment {
	u16 selector;
	u16 attrib; /* descriptor bits 40-47 and 52-55 */
	u32 limit;
	u64 base;
};

struct svm_save {
	struct svm_segment es; /* 400 */
	struct svm_segment cs;
	struct svm_segment ss;
	struct svm_segment ds;
	struct svm_segment fs;
	struct svm_segment gs;
	struct svm_segment gdtr;
	struct svm_segment ldtr;
	struct svm_segment idtr;
	struct svm_segment tr;
	u8 reserved_4a0[0x4cb - 0x4a0];
	u8 cpl; /* 4cb */
	u32 reserved_4cc;
	u64 efer; /* 4d0 */
	u8 reserved_4d8[0x548 - 0x4d8];
	u64 cr4; /* 548 */
	u64 cr3;
	u64 cr0;
	u64 dr7; /* 560 */
	u64 dr6;
	u64 rflags;
	u64 rip;
	u8 reserved_580[0x5d8 - 0x580];
	u64 rsp; /* 5d8 */
	u64 s_cet;
	u64 ssp;
	u64 isst_addr;
	u64 rax; /* 5f8 */
	u64 star;
	u64 lstar;
	u64 cstar;
	u64 sfmask;
	u64 kernel_gs_base; /* 620 */
	u64 sysenter_cs;
	u64 sysenter_esp;
	u64 sysenter_eip;
	u64 cr2; /* 640 */
	u8 reserved_648[0x668 - 0x648];
	u64 g_pat; /* 668 */
	u64 debugctl;
	u64 br_from;
	u64 br_to;
	u64 last_exception_from;
	u64 last_exception_to;
	u8 reserved_698[0x6e0 - 0x698];
	u64 spec_ctrl; /* 6e0 */
	u8 reserved_6e8[0x1000 - 0x6e8];
};

struct svm_vmcb {
	struct svm_control control;
	struct svm_save save;
};

#define SVM_AT(type, field, offset) static_assert(offsetof(type, field) == (offset))

static_assert(sizeof(struct svm_control) == 0x400);
static_assert(sizeof(struct svm_segment) == 16);
static_assert(sizeof(struct svm_vmcb) == 0x1000);
SVM_AT(struct svm_vmcb, control.iopm_base, 0x040);
SVM_AT(struct svm_vmcb, control.tsc_offset, 0x050);
SVM_AT(struct svm_vmcb, control.int_ctl, 0x060);
SVM_AT(struct svm_vmcb, control.exit_code, 0x070);
SVM_AT(struct svm_vmcb, control.exit_int_info, 0x088);
SVM_AT(struct svm_vmcb, control.event_inj, 0x0a8);
SVM_AT(struct svm_vmcb, control.nested_cr3, 0x0b0);
SVM_AT(struct svm_vmcb, control.clean, 0x0c0);
SVM_AT(struct svm_vmcb, control.next_rip, 0x0c8);
SVM_AT(struct svm_vmcb, save.es, 0x400);
SVM_AT(struct svm_vmcb, save.tr, 0x490);
SVM_AT(struct svm_vmcb, save.cpl, 0x4cb);
SVM_AT(struct svm_vmcb, save.efer, 0x4d0);
SVM_AT(struct svm_vmcb, save.cr4, 0x548);
SVM_AT(struct svm_vmcb, save.dr7, 0x560);
SVM_AT(struct svm_vmcb, save.rip, 0x578);
SVM_AT(struct svm_vmcb, save.rsp, 0x5d8);
SVM_AT(struct svm_vmcb, save.rax, 0x5f8);
SVM_AT(struct svm_vmcb, save.kernel_gs_base, 0x620);
SVM_AT(struct svm_vmcb, save.cr2, 0x640);
SVM_AT(struct svm_vmcb, save.g_pat, 0x668);
SVM_AT(struct svm_vmcb, save.spec_ctrl, 0x6e0);

static inline void svm_intercept_set(struct svm_vmcb *vmcb, unsigned int nr)
{
	vmcb->control.intercept[nr / 32] |= BIT(nr % 32);
	vmcb->control.clean &= ~SVM_CLEAN_INTERCEPTS;
}

static inline void svm_intercept_clear(struct svm_vmcb *vmcb, unsigned int nr)
{
	vmcb->control.intercept[nr / 32] &= ~BIT(nr % 32);
	vmcb->control.clean &= ~SVM_CLEAN_INTERCEPTS;
}

static inline void svm_intercept(struct svm_vmcb *vmcb, unsigned int nr, bool on)
{
	if (on)
		svm_intercept_set(vmcb, nr);
	else
		svm_intercept_clear(vmcb, nr);
}

#endif /* FERRY_SVM_VMCB_H */
