/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the VMX backend share.
 *
 *  vmx.c     objects, the backend table            caps.c    what the CPUs offer, and must
 *  window.c  VMX operation, host state, load, put  entry.S   the world switch
 *  run.c     one run: before, after                decode.c  exit reasons to neutral exits
 *  event.c   injection, windows, recovery          state.c   segments, MSRs, control, debug
 *  sync.c    between our copy and the VMCS         explain.c what the CPU refuses to enter
 *  maps.c    the MSR bitmap                        pml.c     page-modification logging
 *
 * Who holds guest state. A VMCS can be read only by a CPU in VMX operation, and this CPU is in it
 * only for a window: from the first entry of a round in the run loop until interrupts are enabled
 * again. So struct vmx_vcpu holds a copy of all that the backend owns. Outside a window the copy is
 * complete. Inside, what the guest may have changed is read from the VMCS when somebody asks, and
 * all of it when the window closes. What the core changed is marked in .dirty and written before
 * the next entry.
 *
 * No locks: a vCPU's data belongs to the holder of vcpu->lock, a CPU's to who runs there with
 * preemption off.
 */
#ifndef FERRY_VMX_H
#define FERRY_VMX_H

#include <linux/percpu-defs.h>
#include <asm/desc_defs.h>

#include "../ferry.h"
#include "exits.h"
#include "vmcs.h"

/**
 * struct vmx_hardware - facts about this host's CPUs, constant after probe
 * @revision: goes into the first word of each VMCS and VMXON region
 * @pin: pin-based controls of every vCPU; likewise @primary, @secondary, @exit, @entry
 * @policy_controls: secondary controls that a policy may turn on
 * @ept_caps: VMX_CAP_*
 * @cr0_fixed0: bits that must be set; @cr0_fixed1: bits that may be; likewise CR4
 * @timer: preemption-timer ticks until a guest is looked after
 * @phys_bits: physical address width
 * @unrestricted: guests may run without paging and in real mode
 * @efer_list: no EFER controls: the MSR lists switch it
 * @host_mce: CR4.MCE as the host has it
 * @split_lock_detect: the CPU can raise #AC for split locks, guests' too
 * @flush_l1d: L1TF: the L1 data cache is flushed before a window's first entry
 * @perf: counters that must stand still while a guest runs may exist
 * @pml: the CPU can log which leaves it sets D in
 */
struct vmx_hardware {
	u32 revision;
	u32 pin, primary, secondary, exit, entry;
	u32 policy_controls;
	u64 ept_caps;
	u64 cr0_fixed0, cr0_fixed1;
	u64 cr4_fixed0, cr4_fixed1;
	u32 timer;
	u32 phys_bits;
	u64 host_efer;
	u64 host_mce;
	bool ad;
	bool unrestricted;
	bool vpid;
	bool tpr_shadow;
	bool efer_list;
	bool tsc_aux;
	bool spec_ctrl;
	bool split_lock_detect;
	bool flush_l1d;
	bool perf;
	bool pml;
};

extern struct vmx_hardware vmx_hw;

/**
 * struct vmx_host - what an exit must find in the VMCS, as written there last; see window.c
 */
struct vmx_host {
	u64 cr0, cr3, cr4;
	u64 fs_base, gs_base, tr_base, gdt_base, idt_base;
	u64 sysenter_esp, sysenter_eip;
	u32 sysenter_cs;
	u16 cs, ss, tr;
};

/**
 * struct vmx_cpu - one physical CPU
 * @vmxon: its VMXON region
 * @host: its own part of the host state, constant while it is online
 * @known: @host and the MSRs below have been read
 * @last_tag: vmx_vcpu.tag of the vCPU that ran here last
 */
struct vmx_cpu {
	struct page *vmxon;
	u64 vmxon_pa;
	bool known;
	u64 tr_base, sysenter_esp, sysenter_eip;
	u32 sysenter_cs;
	u64 star, lstar, sfmask, tsc_aux;
	u64 last_tag;
};

DECLARE_PER_CPU(struct vmx_cpu, vmx_cpus);

/* vmx_vcpu.dirty: what the VMCS must be told before the next entry. */
#define VMX_D_SEGMENTS BIT(0) /* and tables */
#define VMX_D_CONTROL BIT(1) /* CR0, CR4, EFER and what hangs on them */
#define VMX_D_DEBUG BIT(2)
#define VMX_D_SHADOW BIT(3) /* interruptibility */
#define VMX_D_SYSENTER BIT(4)
#define VMX_D_POLICY BIT(5) /* execution controls, exceptions */
#define VMX_D_TSC BIT(6)
#define VMX_D_PRIMARY BIT(7) /* windows */
#define VMX_D_EVENT BIT(8) /* an event to inject */
#define VMX_D_TPR BIT(9)
#define VMX_D_PDPTES BIT(10)
#define VMX_D_CONSTANT BIT(11) /* written once */
#define VMX_D_INVEPT BIT(12)
#define VMX_D_INVVPID BIT(13)
#define VMX_D_PENDING BIT(14) /* pending debug exceptions follow from the shadow */
#define VMX_D_ALL (VMX_D_SEGMENTS | VMX_D_CONTROL | VMX_D_DEBUG | VMX_D_SHADOW | VMX_D_SYSENTER |  \
		   VMX_D_POLICY | VMX_D_TSC | VMX_D_PRIMARY | VMX_D_TPR | VMX_D_PDPTES |  \
		   VMX_D_PENDING)

/**
 * struct vmx_switch - what entry.S needs; it knows the offsets
 * @regs: ferry_vcpu.regs
 * @host_rsp: as written to the VMCS last
 * @guest_spec_ctrl: SPEC_CTRL while the guest runs
 * @host_spec_ctrl: and otherwise
 * @write_spec_ctrl: restore it even if equal (IBRS)
 * @launched: VMRESUME instead of VMLAUNCH
 */
struct vmx_switch {
	u64 *regs;
	u64 host_rsp;
	u64 guest_spec_ctrl;
	u64 host_spec_ctrl;
	u32 write_spec_ctrl;
	u32 launched;
};

static_assert(offsetof(struct vmx_switch, regs) == 0);
static_assert(offsetof(struct vmx_switch, host_rsp) == 8);
static_assert(offsetof(struct vmx_switch, guest_spec_ctrl) == 16);
static_assert(offsetof(struct vmx_switch, host_spec_ctrl) == 24);
static_assert(offsetof(struct vmx_switch, write_spec_ctrl) == 32);
static_assert(offsetof(struct vmx_switch, launched) == 36);

#define DR7_AFTER_EXIT 0x400UL /* no breakpoint is on */

/* An entry of an MSR-load list (SDM table 25-13). */
struct vmx_list_entry {
	u32 index, reserved;
	u64 value;
};

struct vmx_segment {
	u64 base;
	u32 limit;
	u32 rights; /* as the VMCS has them */
	u16 selector;
};

/**
 * struct vmx_vcpu - the backend's part of a vCPU (vcpu->arch)
 * @dirty: VMX_D_*
 * @window: this CPU is in VMX operation with our VMCS
 * @stale: inside a window: segments and tables are to be read from the VMCS first
 * @reason: exit reason, as read; likewise @qualification, ...
 * @failed: VMLAUNCH or VMRESUME failed with this instruction error
 * @hw_rip: as the VMCS has it; likewise @hw_rsp, ...
 */
struct vmx_vcpu {
	struct vmx_switch sw;
	u32 dirty;
	bool window;
	bool stale;
	bool unsettled; /* a window was closed; vmx_leave() has more to restore */
	bool cleared; /* VMCLEAR has initialised the VMCS once */
	bool debug; /* guest breakpoints are enabled: entries load DR0-3 */
	bool breakpoints; /* DR0-3 are the guest's */
	bool loaded;
	bool guest_msrs; /* SYSCALL's and TSC_AUX are the guest's */
	bool split_locks; /* the guest makes them: they are not detected while it is loaded */
	u64 vmcs_pa;
	struct page *vmcs;
	struct page *vapic;
	struct page *log; /* PML's, empty outside windows; NULL if there is no PML */
	bool logging;
	u16 log_index; /* as the window's close has read it */
	u64 eptp;
	u16 vpid;
	u64 tag;

	/* the last exit */
	u32 reason;
	u32 failed;
	u32 exit_event, exit_error;
	u32 vectoring, vectoring_error;
	u32 insn_length;
	u64 qualification;
	u64 gpa;

	/* what the VMCS has */
	u64 hw_rip, hw_rsp, hw_rflags, hw_cr3;
	u32 primary; /* wanted; windows come and go */

	/* the copy */
	struct vmx_segment seg[FERRY_NR_SEGS];
	u64 gdt_base, idt_base;
	u32 gdt_limit, idt_limit;
	u32 interruptibility;
	u64 pdpte[4];
	bool pae; /* paging: they are used */
	bool pdptes_absent; /* they come from guest memory yet */
	u64 sysenter_cs, sysenter_esp, sysenter_eip;
	u64 star, lstar, cstar, sfmask, kernel_gs_base, pat;
	u8 cr8;
	u8 tpr_threshold;
	bool no_sysenter; /* the guest's CPU has none in this mode */
	struct ferry_event_state event; /* to inject, .type NONE if none */

	/* the host's, while the window is open */
	struct vmx_host host;
	struct desc_ptr gdtr, idtr;
	u64 host_cr4;
	u64 host_dr7;
	u64 host_debugctl;
	u64 host_test_ctrl; /* the bits to be set again; not the window's, but the section's */
	u64 host_perf;
	u64 host_pebs;
	u16 host_ds, host_es, host_fs, host_gs, host_ldt;
	/* and while loaded */
	u64 host_fs_base, host_gs_base, host_kernel_gs_base;
	u64 hw_tsc_aux;

	struct vmx_list_entry entry_list __aligned(16);
	struct vmx_list_entry exit_list __aligned(16);
};

static inline struct vmx_vcpu *to_vmx(struct ferry_vcpu *vcpu)
{
	return vcpu->arch;
}

/* The kernel's accessors go through paravirt calls and exception tables; these MSRs exist. */
static __always_inline u64 vmx_rdmsr(u32 msr)
{
	u32 low, high;

	asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return low | (u64)high << 32;
}

static __always_inline void vmx_wrmsr(u32 msr, u64 value)
{
	asm volatile("wrmsr" : : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

/* entry.S: 0, or 1 if VMLAUNCH or VMRESUME failed */
int vmx_enter_guest(struct vmx_switch *sw);
extern const char vmx_exit_here[];

/* caps.c */
int vmx_caps_probe(void);

/* window.c */
int vmx_cpus_init(void);
void vmx_cpus_exit(void);
int vmx_cpu_enable(void);
void vmx_cpu_disable(void);
void vmx_load(struct ferry_vcpu *vcpu, int cpu);
void vmx_put(struct ferry_vcpu *vcpu);
int vmx_open(struct vmx_vcpu *vmx); /* -EBUSY: somebody else is in VMX operation */
void vmx_close(struct vmx_vcpu *vmx);
void vmx_leave(struct ferry_vcpu *vcpu);
bool vmx_split_lock(struct ferry_vcpu *vcpu);

/* run.c */
int vmx_enter(struct ferry_vcpu *vcpu);

/* sync.c */
void vmx_sync_segments(struct vmx_vcpu *vmx); /* in a window or not: afterwards seg[] is right */
void vmx_sync_pdptes(struct vmx_vcpu *vmx); /* likewise, pdpte[] */
void vmx_sync_all(struct vmx_vcpu *vmx); /* at a window's close */
void vmx_write_dirty(struct ferry_vcpu *vcpu);

/* decode.c */
void vmx_decode(struct ferry_vcpu *vcpu, struct ferry_exit *exit);
const char *vmx_exit_name(u64 code);

/* explain.c */
u64 vmx_explain_refusal(struct ferry_vcpu *vcpu, u64 *value);
bool vmx_can_enter(struct ferry_vcpu *vcpu);

/* event.c */
bool vmx_can_inject(struct ferry_vcpu *vcpu, u8 type);
void vmx_inject(struct ferry_vcpu *vcpu, const struct ferry_event_state *event);
void vmx_write_event(struct ferry_vcpu *vcpu);
void vmx_recover_event(struct ferry_vcpu *vcpu);
void vmx_request_window(struct ferry_vcpu *vcpu, bool irq, bool nmi);
void vmx_set_cr8(struct ferry_vcpu *vcpu, u8 cr8, int highest_irr);
void vmx_set_nmi_mask(struct ferry_vcpu *vcpu, bool masked);
bool vmx_get_nmi_mask(struct ferry_vcpu *vcpu);
u32 vmx_get_shadow(struct ferry_vcpu *vcpu);
void vmx_set_shadow(struct ferry_vcpu *vcpu, u32 shadow);
void vmx_set_interruptibility(struct vmx_vcpu *vmx, u32 value);

/* state.c */
void vmx_reset_state(struct ferry_vcpu *vcpu);
u32 vmx_secondary(struct ferry_vcpu *vcpu);
void vmx_get_segment(struct ferry_vcpu *vcpu, int seg, struct ferry_segment *out);
void vmx_set_segment(struct ferry_vcpu *vcpu, int seg, const struct ferry_segment *in);
void vmx_get_tables(struct ferry_vcpu *vcpu, struct ferry_state_segments *out);
void vmx_set_tables(struct ferry_vcpu *vcpu, const struct ferry_state_segments *in);
int vmx_get_msr(struct ferry_vcpu *vcpu, u32 index, u64 *value);
int vmx_set_msr(struct ferry_vcpu *vcpu, u32 index, u64 value);
int vmx_cpl(struct ferry_vcpu *vcpu);
bool vmx_code64(struct ferry_vcpu *vcpu);
void vmx_get_pdptes(struct ferry_vcpu *vcpu, u64 pdpte[4]);
void vmx_set_pdptes(struct ferry_vcpu *vcpu, const u64 pdpte[4]);
void vmx_update_control(struct ferry_vcpu *vcpu);
void vmx_update_debug(struct ferry_vcpu *vcpu);
void vmx_update_policy(struct ferry_vcpu *vcpu);
void vmx_set_tsc(struct ferry_vcpu *vcpu);
void vmx_flush_guest(struct ferry_vcpu *vcpu);
void vmx_flush_nested(struct ferry_vcpu *vcpu);
u64 vmx_real_cr0(const struct ferry_vcpu *vcpu);
u64 vmx_real_cr4(const struct ferry_vcpu *vcpu);
u32 vmx_exceptions(const struct vmx_vcpu *vmx);

/* pml.c */
void vmx_log_open(struct ferry_vcpu *vcpu); /* a window has been opened */
void vmx_log_full(struct ferry_vcpu *vcpu);
void vmx_log_drain(struct ferry_vcpu *vcpu); /* it was closed */

/* maps.c */
int vmx_maps_init(void);
void vmx_maps_exit(void);
u64 vmx_msr_bitmap_pa(void);

#endif /* FERRY_VMX_H */
