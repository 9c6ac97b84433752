/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The contract between the core and a hardware backend, on one screen.
 *
 * A backend knows how to own a CPU, enter a guest, say why it left, and read
 * and write the few pieces of guest state that live in its control block. It
 * knows nothing of policies, devices, userspace or migration.
 *
 * Who holds which state:
 *  core (struct ferry_vcpu): GPRs, RIP, RFLAGS, CR0, CR2, CR3, CR4, EFER, XCR0, DR0-7, events.
 *	enter() takes these from the vCPU and writes back what the guest may have changed.
 *	After core code changed cr0/cr3/cr4/efer/xcr0 it calls update_control(), after DRs
 *	update_debug(); GPRs, RIP, RFLAGS and CR2 are picked up at every entry.
 *  backend: segments, GDTR, IDTR, the MSRs of get_msr()/set_msr(), interrupt shadow, NMI mask.
 */
#ifndef FERRY_BACKEND_H
#define FERRY_BACKEND_H

#include <linux/types.h>
#include <linux/ferry.h>

#include "lib/dev/tsc.h"

struct ferry_vm;
struct ferry_vcpu;
struct npt_format;

/*
 * Neutral reasons for leaving the guest: X(KIND, name). Names are what `ferry stat` and the
 * tracepoints print.
 */
#define FERRY_EXIT_KINDS(X)                                                                        \
	X(NONE, "none")                                                                            \
	X(INTR, "interrupt") /* a host interrupt; enabling irqs delivers it */                     \
	X(NMI, "nmi") /* a host NMI; the backend has let the host serve it */                      \
	X(CPUID, "cpuid")                                                                          \
	X(HLT, "hlt")                                                                              \
	X(IO, "io")                                                                                \
	X(RDMSR, "rdmsr")                                                                          \
	X(WRMSR, "wrmsr")                                                                          \
	X(NESTED_FAULT, "nested-fault")                                                            \
	X(IRQ_WINDOW, "irq-window")                                                                \
	X(NMI_WINDOW, "nmi-window")                                                                \
	X(CR, "cr-access") /* MOV to/from CR0, CR4, CR8, LMSW, CLTS; operands need decoding */     \
	X(DR, "dr-access")                                                                         \
	X(EXCEPTION, "exception") /* an intercepted #DB, #UD, #AC, #MC, ... */                     \
	X(HYPERCALL, "hypercall")                                                                  \
	X(XSETBV, "xsetbv")                                                                        \
	X(RDPMC, "rdpmc")                                                                          \
	X(RDTSC, "rdtsc")                                                                          \
	X(PAUSE, "pause")                                                                          \
	X(INVALIDATE, "invd-wbinvd") /* INVD, WBINVD, WBNOINVD: nothing to do but skip */          \
	X(INVLPG, "invlpg")                                                                        \
	X(MWAIT, "monitor-mwait")                                                                  \
	X(FORBIDDEN, "forbidden") /* VMX and SVM instructions, SKINIT, ...: #UD */                 \
	X(TASK_SWITCH, "task-switch")                                                              \
	X(DTABLE, "descriptor-table")                                                              \
	X(SHUTDOWN, "shutdown")                                                                    \
	X(INIT, "init")                                                                            \
	X(SMI, "smi")                                                                              \
	X(LOG_FULL, "dirty-log-full") /* the CPU's log of written pages, which enter() has emptied */ \
	X(EMULATE, "emulate") /* not an exit: the state cannot be entered, software goes on */       \
	X(ENTRY_FAILED, "entry-failed")                                                            \
	X(UNKNOWN, "unknown")

enum ferry_exit_kind {
#define X(kind, name) FERRY_XK_##kind,
	FERRY_EXIT_KINDS(X)
#undef X
	FERRY_XK_COUNT
};

/* ferry_exit.access of NESTED_FAULT, a bit set */
#define FERRY_ACCESS_READ (1U << 0)
#define FERRY_ACCESS_WRITE (1U << 1)
#define FERRY_ACCESS_FETCH (1U << 2)
#define FERRY_ACCESS_PRESENT (1U << 3) /* the translation was there; a permission was missing */
#define FERRY_ACCESS_WALK (1U << 4) /* made by the guest's page-table walk, not the instruction */

/**
 * struct ferry_exit - one exit in neutral words
 * @kind: enum ferry_exit_kind
 * @insn_len: of the exiting instruction, 0 if the CPU did not say
 * @code: raw exit code, for reports and tracepoints
 * @info1: raw, likewise
 * @info2: raw, likewise
 * @gpa: NESTED_FAULT: guest-physical address
 * @access: NESTED_FAULT: FERRY_ACCESS_*
 * @io: IO: for non-string forms everything is known; string forms go to the emulator
 * @exception: EXCEPTION: what was intercepted
 * @reg: CR, DR: which register, 0xff if operands need decoding
 */
struct ferry_exit {
	u32 kind;
	u32 insn_len;
	u64 code;
	u64 info1;
	u64 info2;
	union {
		struct {
			u64 gpa;
			u32 access;
		};
		struct {
			u16 port;
			u8 width;
			bool in;
			bool string;
		} io;
		struct {
			u8 vector;
			bool has_error;
			u32 error;
			u64 payload; /* DR6 bits for #DB, CR2 for #PF */
		} exception;
		u8 reg;
	};
};

/* What enter() may return besides 0. */
#define FERRY_ENTER_TAKEN (-EBUSY) /* another hypervisor owns the hardware now */

/**
 * struct ferry_backend - one hardware backend
 *
 * Contexts: [load] at module load, sleepable; [vm] sleepable, vm->lock held; [vcpu] sleepable,
 * vcpu->lock held, not loaded; [cpu] preemption off, vCPU loaded here; [irqsoff] likewise with
 * interrupts off; [any] vcpu->lock held, loaded or not.
 */
struct ferry_backend {
	const char *name; /* "SVM", "VMX" */
	u32 id; /* FERRY_BACKEND_* */
	struct tsc_format tsc_format; /* of vm->clock.tsc_ratio, with FERRY_CAP_TSC_SCALE */

	/* [load] 0, or -ENODEV/-EOPNOTSUPP after a message that names what is missing */
	int (*probe)(void);
	void (*remove)(void);
	u64 (*caps)(void); /* FERRY_CAP_* that come from hardware */

	/* [irqsoff] own VMX/SVM on this CPU for the time a vCPU is loaded; -EBUSY if taken */
	int (*cpu_enable)(void);
	void (*cpu_disable)(void);

	/* [vm] */
	int (*vm_init)(struct ferry_vm *vm);
	void (*vm_exit)(struct ferry_vm *vm);

	/* [vcpu] control block; reset puts backend-held state to its power-up values */
	int (*vcpu_init)(struct ferry_vcpu *vcpu);
	void (*vcpu_exit)(struct ferry_vcpu *vcpu);
	void (*vcpu_reset)(struct ferry_vcpu *vcpu);

	/* [cpu] residence: host MSRs, segment state; load gets the previous CPU in vcpu->last_cpu */
	void (*load)(struct ferry_vcpu *vcpu, int cpu);
	void (*put)(struct ferry_vcpu *vcpu);
	/*
	 * [irqsoff] Interrupts were on since the last entry, and their handlers may have changed
	 * what enter() puts back of the host: take it anew. NULL: nothing is put back.
	 */
	void (*host_changed)(struct ferry_vcpu *vcpu);

	/*
	 * [any] Can the CPU run the guest in the state it is in? While it cannot (real mode
	 * without unrestricted guest), the core emulates and asks again. NULL: always.
	 */
	bool (*can_enter)(struct ferry_vcpu *vcpu);
	/*
	 * [irqsoff] Run the guest once. 0: it ran (or the entry was refused: decode says
	 * ENTRY_FAILED). FERRY_ENTER_TAKEN: it did not run. Host NMIs and #MC that ended the run
	 * have been served when this returns; interrupts are still pending.
	 */
	int (*enter)(struct ferry_vcpu *vcpu);
	/*
	 * [irqsoff] Interrupts are about to be enabled: leave nothing of the guest's and of the
	 * hardware's guest mode in the CPU that an interrupt handler must not meet. NULL: nothing
	 * ever is.
	 */
	void (*leave)(struct ferry_vcpu *vcpu);
	/* [irqsoff] raw exit to neutral; puts an interrupted delivery into vcpu->injected */
	void (*decode)(struct ferry_vcpu *vcpu, struct ferry_exit *exit);
	/* [any] "SVM CPUID 0x72": the raw name of an exit code for reports */
	const char *(*exit_name)(u64 code);

	/* [any] hardware-held state; seg is FERRY_SEG_* */
	void (*get_segment)(struct ferry_vcpu *vcpu, int seg, struct ferry_segment *out);
	void (*set_segment)(struct ferry_vcpu *vcpu, int seg, const struct ferry_segment *in);
	void (*get_tables)(struct ferry_vcpu *vcpu, struct ferry_state_segments *out);
	void (*set_tables)(struct ferry_vcpu *vcpu, const struct ferry_state_segments *in);
	int (*get_msr)(struct ferry_vcpu *vcpu, u32 index, u64 *value); /* -ENOENT not held here */
	int (*set_msr)(struct ferry_vcpu *vcpu, u32 index, u64 value);
	int (*cpl)(struct ferry_vcpu *vcpu);
	bool (*code64)(struct ferry_vcpu *vcpu); /* long mode and CS.L */
	u32 (*get_shadow)(struct ferry_vcpu *vcpu); /* FERRY_EVENTS_SHADOW_* */
	void (*set_shadow)(struct ferry_vcpu *vcpu, u32 shadow);
	bool (*get_nmi_mask)(struct ferry_vcpu *vcpu);
	void (*set_nmi_mask)(struct ferry_vcpu *vcpu, bool masked);
	void (*update_control)(struct ferry_vcpu *vcpu);
	/*
	 * PAE's four upper entries, where the CPU holds them from one load to the next; NULL where it reads
	 * them at each walk. Set with NULL: as ferry_pdptes_from_memory() finds them at the next entry.
	 */
	void (*get_pdptes)(struct ferry_vcpu *vcpu, u64 pdpte[4]);
	void (*set_pdptes)(struct ferry_vcpu *vcpu, const u64 pdpte[4]);
	void (*update_debug)(struct ferry_vcpu *vcpu);
	void (*update_policy)(struct ferry_vcpu *vcpu); /* intercepts and MSR bitmap */
	void (*set_tsc)(struct ferry_vcpu *vcpu); /* from vcpu->tsc_offset and vm->clock.tsc_ratio */

	/* [irqsoff] events */
	bool (*can_inject)(struct ferry_vcpu *vcpu, u8 type); /* EXTINT or NMI, now? */
	void (*inject)(struct ferry_vcpu *vcpu, const struct ferry_event_state *event);
	void (*request_window)(struct ferry_vcpu *vcpu, bool irq, bool nmi);
	void (*set_cr8)(struct ferry_vcpu *vcpu, u8 cr8, int highest_irr); /* TPR shadow */

	/* [irqsoff] TLB: this vCPU's guest translations; all nested translations of the VM here */
	void (*flush_guest)(struct ferry_vcpu *vcpu);
	void (*flush_nested)(struct ferry_vcpu *vcpu);

	const struct npt_format *(*npt_format)(void);
};

extern const struct ferry_backend svm_backend;
extern const struct ferry_backend vmx_backend;

#endif /* FERRY_BACKEND_H */
