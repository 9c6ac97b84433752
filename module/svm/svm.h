/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the SVM backend share.
 *
 *  svm.c     probe, objects, the backend table     cpu.c     a CPU's ownership, ASIDs, load and put
 *  entry.S   the world switch                      run.c     one run: before, after, refusals
 *  decode.c  exit codes to neutral exits           event.c   injection, windows, recovery
 *  state.c   segments, MSRs, control, debug        maps.c    MSR and I/O permission maps
 *
 * No locks: a vCPU's data belongs to the holder of vcpu->lock, a CPU's to who runs there with
 * preemption off.
 */
#ifndef FERRY_SVM_H
#define FERRY_SVM_H

#include <linux/percpu-defs.h>

#include "../ferry.h"
#include "exits.h"
#include "vmcb.h"

/* CPUID 8000000Ah EDX (APM vol. 3, E.4.9) */
#define SVM_FEATURE_NPT BIT(0)
#define SVM_FEATURE_NRIPS BIT(3)
#define SVM_FEATURE_TSC_RATIO BIT(4)
#define SVM_FEATURE_VMCB_CLEAN BIT(5)
#define SVM_FEATURE_FLUSH_BY_ASID BIT(6)
#define SVM_FEATURE_V_SPEC_CTRL BIT(20)

/**
 * struct svm_hardware - facts about this host's CPUs, constant after probe
 * @features: SVM_FEATURE_*
 * @nr_asids: ASIDs 1..nr_asids-1 may be used
 * @phys_bits: host physical address width
 * @efer_known: EFER bits VMRUN accepts
 * @cr4_known: CR4 bits VMRUN accepts
 * @clean: value of the clean field after a run: everything but what each run changes
 * @nrips: the CPU saves the address of the next instruction
 * @cr2_by_hand: the CPU does not switch CR2 (Bochs 2.7 does not; see svm.c)
 * @runs_sysenter: the CPU executes SYSENTER and SYSEXIT in long mode (Bochs 2.7 does; QEMU's TCG in
 *	compatibility mode, and leaves a CS behind that VMRUN refuses): as on VMX, a null SYSENTER_CS
 *	makes them #GP(0), which the core gets
 * @idle_tss: the CPU wants a TSS that is not busy in TR (QEMU's TCG keeps it so after LTR, and ends
 *	itself when a legacy guest's exception finds another; APM 2, 12.2.2: LTR marks it busy)
 * @tsc_aux: MSR TSC_AUX exists
 * @spec_ctrl: SPEC_CTRL exists and is ours to switch
 * @v_spec_ctrl: the CPU switches it, from the VMCB
 * @host_mce: CR4.MCE as the host has it
 */
struct svm_hardware {
	u32 features;
	u32 nr_asids;
	u32 phys_bits;
	u64 efer_known;
	u64 cr4_known;
	u32 clean;
	bool nrips;
	bool cr2_by_hand;
	bool runs_sysenter;
	bool idle_tss;
	bool tsc_aux;
	bool spec_ctrl;
	bool v_spec_ctrl;
	u64 host_mce;
	bool rdpru, mcommit, invlpgb, invpcid;
};

extern struct svm_hardware svm_hw;

/**
 * struct svm_cpu - one physical CPU
 * @hsave: its host save area, written by VMRUN in a format of the CPU's own
 * @host: VMCB-shaped page for VMSAVE and VMLOAD of the host's state
 * @efer: the host's EFER while we own SVM
 * @owned: we do
 * @generation: ASIDs handed out under an older one are void
 * @next_asid: first ASID not handed out in this generation
 * @last_tag: svm_vcpu.tag of the vCPU that ran here last
 * @tsc_ratio: what MSR TSC_RATIO holds; 1.0 between sections, and where there is none
 */
struct svm_cpu {
	struct page *hsave;
	struct page *host;
	u64 hsave_pa;
	u64 host_pa;
	u64 efer;
	bool owned;
	u64 generation;
	u32 next_asid;
	u64 last_tag;
	u64 tsc_ratio;
};

DECLARE_PER_CPU(struct svm_cpu, svm_cpus);

/* svm_vcpu.attention: what the next entry must not pass over. */
#define SVM_VERIFY BIT(0) /* guest state changed in a way VMRUN may refuse */
#define SVM_NEW_ASID BIT(1)
#define SVM_FLUSH BIT(2)
#define SVM_STEP BIT(3) /* leave after one instruction, to open the NMI window */
#define SVM_DEBUG BIT(4) /* guest breakpoints are enabled: DR0-3 are the guest's */
#define SVM_INJECT BIT(5) /* event_inj is set */
#define SVM_AT_ONCE BIT(6) /* come back as soon as the injected event is delivered */
#define SVM_LOST BIT(7) /* the CPU overwrote the save area; no entry any more until reset */
#define SVM_IRET BIT(8) /* an IRET that ends NMI masking is about to execute */
#define SVM_TLB BIT(9) /* tlb_control is set, for one entry */

/**
 * struct svm_switch - what entry.S needs; it knows the offsets
 * @vmcb_pa: the guest's VMCB
 * @host_pa: svm_cpu.host_pa of the CPU the vCPU is loaded on
 * @regs: ferry_vcpu.regs
 * @guest_spec_ctrl: SPEC_CTRL while the guest runs
 * @host_spec_ctrl: and otherwise; equal if there is nothing to switch
 */
struct svm_switch {
	u64 vmcb_pa;
	u64 host_pa;
	u64 *regs;
	u64 guest_spec_ctrl;
	u64 host_spec_ctrl;
};

static_assert(offsetof(struct svm_switch, vmcb_pa) == 0);
static_assert(offsetof(struct svm_switch, host_pa) == 8);
static_assert(offsetof(struct svm_switch, regs) == 16);
static_assert(offsetof(struct svm_switch, guest_spec_ctrl) == 24);
static_assert(offsetof(struct svm_switch, host_spec_ctrl) == 32);

/**
 * struct svm_vcpu - the backend's part of a vCPU (vcpu->arch)
 * @attention: SVM_* above; zero on the common path
 * @refused: SVM_REFUSED_BASE + reason while the last entry was refused, else 0
 * @asid_generation: of the CPU @asid_cpu when svm_control.asid was taken
 * @tag: unique, to know whether another vCPU ran on a CPU in between
 * @injected: what event_inj holds, for recovery
 * @exceptions: exceptions intercepted while not stepping
 * @iret_rip: RIP of the IRET of SVM_IRET
 * @step_tf: guest's TF at the stepped instruction
 * @cr8: V_TPR as last set
 * @before: save area before an entry with SVM_VERIFY, to be put back if the CPU refuses it
 */
struct svm_vcpu {
	struct svm_switch sw;
	struct svm_vmcb *vmcb;
	u32 attention;
	u8 cr8;
	bool irq_window;
	bool shadow_movss; /* the interrupt shadow is MOV SS's; the guest has not run since */
	bool nmi_masked;
	bool step_tf;
	bool stepped; /* the last run was a step */
	u64 refused;
	u64 refused_value;
	u64 host_tsc_aux;
	u64 host_debugctl;
	u64 hw_tsc_aux;
	u64 asid_generation;
	int asid_cpu;
	bool aux_taken; /* TSC_AUX is the guest's */
	bool foreign; /* the guest does not believe in an AMD CPU */
	u32 exceptions;
	u64 tag;
	u64 iret_rip;
	u64 sysenter_cs; /* with svm_hw.runs_sysenter */
	u64 cstar; /* what a foreign guest believes CSTAR to be; see state.c */
	u64 sysenter_esp; /* all 64 bits */
	u64 sysenter_eip;
	struct ferry_event_state injected;
	u64 injected_rip; /* RIP of that entry */
	struct svm_save *before;
};

static inline struct svm_vcpu *to_svm(struct ferry_vcpu *vcpu)
{
	return vcpu->arch;
}

/* The kernel's accessors go through paravirt calls and exception tables; these MSRs exist. */
static __always_inline u64 svm_rdmsr(u32 msr)
{
	u32 low, high;

	asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return low | (u64)high << 32;
}

static __always_inline void svm_wrmsr(u32 msr, u64 value)
{
	asm volatile("wrmsr" : : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

/* entry.S */
void svm_vmrun(struct svm_switch *sw);

/* cpu.c */
int svm_cpus_init(void);
void svm_cpus_exit(void);
int svm_cpu_enable(void);
void svm_cpu_disable(void);
void svm_leave(struct ferry_vcpu *vcpu);
void svm_load(struct ferry_vcpu *vcpu, int cpu);
void svm_put(struct ferry_vcpu *vcpu);
void svm_host_changed(struct ferry_vcpu *vcpu);
void svm_take_asid(struct svm_vcpu *svm); /* serves SVM_NEW_ASID and SVM_FLUSH */
void svm_flush_guest(struct ferry_vcpu *vcpu);
void svm_flush_nested(struct ferry_vcpu *vcpu);

/* run.c */
int svm_enter(struct ferry_vcpu *vcpu);

/* decode.c */
void svm_decode(struct ferry_vcpu *vcpu, struct ferry_exit *exit);
const char *svm_exit_name(u64 code);

/* event.c */
bool svm_can_inject(struct ferry_vcpu *vcpu, u8 type);
void svm_inject(struct ferry_vcpu *vcpu, const struct ferry_event_state *event);
void svm_request_window(struct ferry_vcpu *vcpu, bool irq, bool nmi);
void svm_set_cr8(struct ferry_vcpu *vcpu, u8 cr8, int highest_irr);
bool svm_illegal_event(const struct svm_vcpu *svm);
void svm_recover_event(struct ferry_vcpu *vcpu);
void svm_requeue_event(struct ferry_vcpu *vcpu);
void svm_step_begin(struct ferry_vcpu *vcpu);
void svm_step_end(struct ferry_vcpu *vcpu);
void svm_end_irq_window(struct svm_vcpu *svm);
void svm_begin_iret(struct ferry_vcpu *vcpu);
void svm_set_nmi_mask(struct ferry_vcpu *vcpu, bool masked);
bool svm_get_nmi_mask(struct ferry_vcpu *vcpu);

/* state.c */
void svm_reset_state(struct ferry_vcpu *vcpu);
void svm_get_segment(struct ferry_vcpu *vcpu, int seg, struct ferry_segment *out);
void svm_set_segment(struct ferry_vcpu *vcpu, int seg, const struct ferry_segment *in);
bool svm_repair_stack(struct ferry_vcpu *vcpu);
void svm_get_tables(struct ferry_vcpu *vcpu, struct ferry_state_segments *out);
void svm_set_tables(struct ferry_vcpu *vcpu, const struct ferry_state_segments *in);
int svm_get_msr(struct ferry_vcpu *vcpu, u32 index, u64 *value);
int svm_set_msr(struct ferry_vcpu *vcpu, u32 index, u64 value);
int svm_cpl(struct ferry_vcpu *vcpu);
bool svm_code64(struct ferry_vcpu *vcpu);
u32 svm_get_shadow(struct ferry_vcpu *vcpu);
void svm_set_shadow(struct ferry_vcpu *vcpu, u32 shadow);
void svm_update_control(struct ferry_vcpu *vcpu);
void svm_update_debug(struct ferry_vcpu *vcpu);
void svm_update_policy(struct ferry_vcpu *vcpu);
void svm_set_tsc(struct ferry_vcpu *vcpu);

/* maps.c */
int svm_maps_init(void);
void svm_maps_exit(void);
u64 svm_iopm_pa(void);
u64 svm_msrpm_pa(bool intel);

#endif /* FERRY_SVM_H */
