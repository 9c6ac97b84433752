/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The core's objects and what each file offers the others.
 *
 * Objects: a VM is its file. A vCPU's file holds a reference on its VM, so a VM lives until its
 * own file and all vCPU files are closed.
 *
 * Locks, outermost first:
 *   vm->lock (mutex)         configuration: policy, vCPU creation, regions, migration phase
 *   vcpu->lock (mutex)       a vCPU's state; FERRY_RUN holds it while the vCPU runs
 *   memory, npt, dirty locks see memory.c
 *   irqchip and lapic locks  raw spinlocks, irqs off; see irqchip.c
 *   vcpu->wq.lock            innermost
 * Taking every vcpu->lock (pause, state of all) goes in rising id after asking the vCPUs to leave
 * with ferry_vm_stop(); vm->lock is never taken with a vcpu->lock held.
 */
#ifndef FERRY_MODULE_H
#define FERRY_MODULE_H

#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/ferry.h>

#include "backend.h"

struct mem_cgroup;
struct ferry_mem;
struct ferry_npt;
struct ferry_dirty_log;
struct ferry_irqchip;
struct ferry_lapic;
struct ferry_iobus;
struct ferry_cpuid_table;
struct ferry_fpu;
struct ferry_emulation;
struct ferry_migration;

/* Requests to a vCPU, served before its next entry. */
enum ferry_request {
	FERRY_REQ_EVENT, /* something to inject may have appeared */
	FERRY_REQ_CLOCK, /* the TSC has moved; rewrite the kvmclock page */
	FERRY_REQ_FLUSH_GUEST,
	FERRY_REQ_FLUSH_NESTED,
	FERRY_REQ_INIT, /* INIT signal latched */
	FERRY_REQ_LEAVE, /* leave the run section and look at vm->hold */
};

/* vm->hold: why vCPUs may not run; any bit set keeps FERRY_RUN from entering the guest. */
#define FERRY_HOLD_PAUSED BIT(0) /* FERRY_PAUSE */
#define FERRY_HOLD_MIGRATE BIT(1) /* frozen by a migration, or an incoming VM not yet RUNNING */
#define FERRY_HOLD_FENCED BIT(2) /* this generation may run elsewhere; never cleared by a pause */
#define FERRY_HOLD_STOP BIT(3) /* short: someone inside the module wants all vCPUs out */

struct ferry_counters {
	u64 entries;
	u64 exits[FERRY_XK_COUNT];
	u64 user_exits;
	u64 halts;
	u64 irq_injected;
	u64 nmi_injected;
	u64 exceptions_injected;
	u64 kicks;
	u64 emulated;
	u64 unknown_msr_reads;
	u64 unknown_msr_writes;
	u64 last_unknown_msr;
	u64 nested_faults;
	u64 tlb_flushes;
	u64 cpu_switches;
};

struct ferry_vm {
	struct kref ref;
	struct mutex lock;
	struct file *file; /* the VM's own file; not counted */
	char name[FERRY_NAME_LEN];
	u8 uuid[16];
	u64 generation;
	u32 flags; /* FERRY_VM_* of creation */
	atomic_t hold; /* FERRY_HOLD_* */

	struct ferry_vcpu *vcpus[FERRY_MAX_VCPUS]; /* written under lock, read with READ_ONCE */
	int nr_vcpus;
	struct wait_queue_head stop_wq; /* ferry_vm_stop() waits for vcpu->busy to clear */

	struct ferry_cpuid_table *cpuid; /* cpuid.c; frozen once nr_vcpus > 0 */
	u8 guest_vendor; /* FERRY_VENDOR_* of the policy */
	u8 syscall_mode; /* enum cpu_syscall_mode of the policy */
	u8 phys_bits; /* guest MAXPHYADDR */
	u64 guest_xcr0; /* components the policy offers */
	u64 seen_cr4; /* gates the guest opened before it came here; vcpu->seen_* has the rest */
	u64 seen_efer;
	u64 seen_xcr0;
	bool seen_kvmclock; /* a vCPU ever enabled it, here or before */

	struct ferry_mem *mem; /* memory.c */
	struct ferry_npt *npt; /* npt.c */
	struct ferry_dirty_log *dirty; /* dirty.c; NULL when off */
	struct ferry_irqchip *irqchip; /* irqchip.c */
	struct ferry_iobus *iobus; /* iobus.c */
	struct ferry_migration *migration; /* migrate/ */
	void *arch; /* backend */

	struct { /* clock.c; all under its lock */
		raw_spinlock_t lock;
		u32 tsc_khz; /* rate the guest was born with; 0: this host's, however it is measured */
		u32 raw_khz; /* of an incoming guest that keeps time by it, for the check of its policy */
		u64 tsc_ratio; /* that over the host's, by backend->tsc_format; 0: not scaled */
		s64 ns_offset; /* guest_ns = host boottime ns + ns_offset */
		bool paused; /* time stands still at ... */
		u64 paused_ns; /* ... this guest_ns and ... */
		u64 paused_tsc; /* ... this host TSC */
		u64 paused_wall; /* host CLOCK_REALTIME at that instant, 0 unknown */
		u64 wall_clock_msr;
		bool wall_clock_due; /* write the wall-clock page at the next update */
	} clock;
};

/* vm->guest_vendor */
#define FERRY_VENDOR_OTHER 0
#define FERRY_VENDOR_INTEL 1
#define FERRY_VENDOR_AMD 2 /* and Hygon */

/* vcpu->where */
#define FERRY_OUTSIDE 0
#define FERRY_IN_SECTION 1 /* preemption off, will look at requests before entering */
#define FERRY_IN_GUEST 2 /* an IPI is needed to make it look */

struct ferry_vcpu {
	/* --- what entry and exit touch --- */
	u64 regs[16]; /* FERRY_RAX.. order */
	u64 rip;
	u64 rflags;
	u64 cr2;
	u64 cr3;
	void *arch; /* backend: svm_vcpu */
	int where; /* FERRY_OUTSIDE.. */
	int cpu; /* physical CPU while loaded, else -1 */
	int last_cpu;
	unsigned long requests; /* bits of enum ferry_request */
	struct ferry_exit exit; /* of the last run */
	struct ferry_event_state injected; /* delivery under way, goes in first */
	struct ferry_event_state pending; /* exception to raise; payload applied at injection */
	u64 cr0;
	u64 cr4;
	u64 efer;
	u64 xcr0;
	u64 dr[4];
	u64 dr6;
	u64 dr7;
	bool xcr0_loaded; /* the CPU holds the guest's XCR0 and XSS; irqs are off */
	struct ferry_fpu *fpu; /* fpu.c */
	struct ferry_cpuid_table *cpuid; /* = vm->cpuid */
	struct ferry_counters count;

	/* --- the rest --- */
	struct ferry_vm *vm;
	u32 id;
	struct mutex lock;
	struct wait_queue_head wq; /* halted, waiting for SIPI, held */
	struct page *run_page;
	struct ferry_run *run;
	int running; /* a thread is in FERRY_RUN */
	bool busy; /* ... and may touch guest state; false while it waits out a hold */
	bool unsettled; /* state was set: it is made to fit together before the vCPU runs */
	u32 mp_state; /* FERRY_MP_* */
	atomic_t nmi_pending; /* 0..2 */
	int sipi_vector; /* latched SIPI, -1 none */
	struct ferry_lapic *lapic; /* irqchip.c */
	struct ferry_emulation *emulation; /* emulate.c: unfinished MMIO/PIO and its decode state */
	u64 tsc_offset; /* guest TSC = host TSC * clock.tsc_ratio + tsc_offset */
	u64 tsc_adjust;
	u64 system_time_msr; /* kvmclock page of this vCPU | 1 */
	int tsc_cpu; /* where it was seen */
	u64 tsc_seen; /* guest TSC at the last load, which a change of CPU must not undercut */
	bool guest_stopped; /* PVCLOCK_GUEST_STOPPED at the next update */
	u64 seen_xcr0; /* gates this vCPU ever opened: cpuid.c adds them up */
	u64 seen_cr4;
	u64 seen_efer;
	struct { /* msr.c: MSRs without a hardware home */
		u64 misc_enable;
		u64 spec_ctrl;
		u64 mtrr_def_type;
		u64 mtrr_fixed[11];
		u64 mtrr_var[16];
		u64 mcg_status;
		u64 tsc_aux;
		u64 hwcr;
		u64 syscfg;
		u64 bios_sign;
		u64 feature_enables; /* Intel MSR 0x140 */
		u64 de_cfg;
		bool cpuid_fault; /* CPUID above CPL 0 is #GP: from hwcr or feature_enables */
	} msr;
};

#define ferry_for_each_vcpu(i, v, vm)                                                              \
	for ((i) = 0; (i) < FERRY_MAX_VCPUS; (i)++)                                                \
		if (((v) = READ_ONCE((vm)->vcpus[i])))

extern const struct ferry_backend *ferry_backend;

/* What an exit handler answers; emulation answers the same. */
enum ferry_next {
	FERRY_RESUME, /* enter again */
	FERRY_NEXT_STAGE, /* this context cannot do it; try the next: irqs on, then sleepable */
	FERRY_TO_USER, /* run->exit_reason and its union are filled in */
};

/* The three contexts an exit handler can be called in, cheapest first. */
enum ferry_stage {
	FERRY_STAGE_IRQSOFF, /* interrupts off, section held */
	FERRY_STAGE_SECTION, /* interrupts on, preemption off, guest FPU loaded */
	FERRY_STAGE_SLEEP, /* section left; may fault, allocate and wait */
};

/* ----- main.c, ioctl.c, vm.c */
struct ferry_ioctl {
	unsigned int nr;
	u32 min_size; /* sizeof the struct's first version */
	u32 max_size; /* sizeof the struct as known here */
	u32 known_flags; /* other bits of ->flags are -EINVAL */
	u32 dir; /* FERRY_IOC_OUT: copy back on success; _ALWAYS: on failure too */
	long (*fn)(void *object, void *arg);
};
#define FERRY_IOC_OUT 1
#define FERRY_IOC_ALWAYS 2
#define FERRY_IOCTL(cmd, type, flags, out, func)                                                   \
	{                                                                                          \
		.nr = _IOC_NR(cmd), .min_size = sizeof(type), .max_size = sizeof(type),            \
		.known_flags = (flags), .dir = (out), .fn = (func)                                 \
	}
long ferry_ioctl_dispatch(const struct ferry_ioctl *table, size_t n, void *object, unsigned int cmd,
			  unsigned long arg);
extern const struct file_operations ferry_vm_fops;
long ferry_vm_create(const struct ferry_create_vm *args);
void ferry_vm_get(struct ferry_vm *vm);
void ferry_vm_put(struct ferry_vm *vm);

/*
 * Hold bits stop vCPUs. stop returns when no vCPU is inside the guest or the run section and
 * none can enter until release clears the last bit. Both may sleep; not with a vcpu->lock held.
 */
void ferry_vm_stop(struct ferry_vm *vm, int hold);
void ferry_vm_release(struct ferry_vm *vm, int hold);
/* After stop: wait until every vCPU's unfinished port or memory access has been answered by
 * userspace and completed. 0, -ETIMEDOUT, -EINTR. */
int ferry_vm_settle(struct ferry_vm *vm, unsigned int timeout_ms);

/* ----- vcpu.c */
long ferry_vcpu_create(struct ferry_vm *vm, u32 id);
void ferry_vcpu_destroy(struct ferry_vcpu *vcpu);
void ferry_request(struct ferry_vcpu *vcpu, enum ferry_request req); /* sets the bit only */
void ferry_kick(struct ferry_vcpu *vcpu); /* wake or IPI; any context */
/* Set a request on all vCPUs and wait until each that was in the guest has left it. */
void ferry_kick_all_sync(struct ferry_vm *vm, enum ferry_request req);
void ferry_vcpu_reset(struct ferry_vcpu *vcpu, bool init);
void ferry_vcpu_signal_init(struct ferry_vcpu *vcpu); /* from an ICR */
void ferry_vcpu_signal_sipi(struct ferry_vcpu *vcpu, u8 vector);
void ferry_vcpu_signal_nmi(struct ferry_vcpu *vcpu);
void ferry_queue_exception(struct ferry_vcpu *vcpu, u8 vector, bool has_error, u32 error,
			   u64 payload); /* turns into #DF or shutdown by SDM 6.15's rules */
void ferry_queue_gp(struct ferry_vcpu *vcpu, u32 error);
void ferry_queue_ud(struct ferry_vcpu *vcpu);
bool ferry_take_event(struct ferry_vcpu *vcpu);

/* ----- exit.c */
enum ferry_next ferry_handle_exit(struct ferry_vcpu *vcpu, enum ferry_stage stage);
const char *ferry_exit_kind_name(u32 kind);
/* Advance RIP over the exiting instruction, end its shadow, raise #DB for TF.
 * false: its bytes could not be read in this context, nothing changed. */
bool ferry_skip_insn(struct ferry_vcpu *vcpu);
/* length.c: the quick answer where the CPU gives none; 0 = ask ferry_insn_length() */
u32 ferry_bare_length(struct ferry_vcpu *vcpu);
void ferry_exit_error(struct ferry_vcpu *vcpu, u32 kind, const char *fmt, ...) __printf(3, 4);
/* Port and memory accesses from exits and the emulator; see emulate.c for the user half. */
int ferry_set_cr0(struct ferry_vcpu *vcpu, u64 val); /* 0, or -EINVAL for #GP(0) */
int ferry_set_cr3(struct ferry_vcpu *vcpu, u64 val);
int ferry_set_cr4(struct ferry_vcpu *vcpu, u64 val);
int ferry_set_cr8(struct ferry_vcpu *vcpu, u64 val);
u64 ferry_get_cr8(struct ferry_vcpu *vcpu);
int ferry_set_xcr0(struct ferry_vcpu *vcpu, u64 val);
int ferry_get_dr(struct ferry_vcpu *vcpu, int nr, u64 *val);
int ferry_set_dr(struct ferry_vcpu *vcpu, int nr, u64 val);

/* ----- cpuid.c */
int ferry_cpuid_set_policy(struct ferry_vm *vm, struct ferry_policy *args);
int ferry_cpuid_get_policy(struct ferry_vm *vm, struct ferry_policy *args);
void ferry_cpuid_free(struct ferry_vm *vm);
/* regs in and out: EAX, EBX, ECX, EDX */
void ferry_cpuid(struct ferry_vcpu *vcpu, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx);
bool ferry_cpuid_has(struct ferry_vm *vm, u32 leaf, u32 subleaf, int reg, int bit);
u32 ferry_cpuid_signature(struct ferry_vm *vm); /* leaf 1 EAX */
bool ferry_policy_msr(struct ferry_vm *vm, u32 index, u64 *value);
/* The guest has read it: that goes into the record of what it was shown. */
void ferry_policy_msr_shown(struct ferry_vm *vm, u32 index);
int ferry_seen_get(struct ferry_vm *vm, void *buf, u32 len); /* FERRY_STATE_SEEN */
int ferry_seen_set(struct ferry_vm *vm, const void *buf, u32 len);
/* In-kernel halves for migrate/: arrays in kernel memory. */
int ferry_cpuid_install(struct ferry_vm *vm, const struct ferry_cpuid_entry *entries, u32 nr,
			const struct ferry_policy_msr *msrs, u32 nr_msrs,
			struct ferry_finding *findings, u32 cap, u32 *nr_findings);
bool ferry_cpuid_excluded(const struct ferry_cpuid_entry *entries, u32 nr, const struct ferry_finding *findings,
			  u32 nr_findings, char *reason, size_t size);
const struct ferry_cpuid_entry *ferry_cpuid_entries(struct ferry_vm *vm, u32 *nr);
const struct ferry_policy_msr *ferry_policy_msrs(struct ferry_vm *vm, u32 *nr);

/* ----- msr.c: 0, or -EINVAL for #GP(0); host = from state set or get, not from the guest */
int ferry_msr_read(struct ferry_vcpu *vcpu, u32 index, u64 *value, bool host);
int ferry_msr_write(struct ferry_vcpu *vcpu, u32 index, u64 value, bool host);
bool ferry_valid_pat(u64 pat); /* every type exists */
unsigned int ferry_va_bits(struct ferry_vm *vm); /* of canonical addresses, by the policy */
void ferry_msr_reset(struct ferry_vcpu *vcpu);
int ferry_msr_save(struct ferry_vcpu *vcpu, struct ferry_state_msrs *out, u32 capacity);
int ferry_msr_load(struct ferry_vcpu *vcpu, const struct ferry_state_msrs *in);

/* ----- state.c: buf is kernel memory; get returns the bytes used */
int ferry_state_get(struct ferry_vm *vm, struct ferry_vcpu *vcpu, u32 group, void *buf, u32 len);
int ferry_state_set(struct ferry_vm *vm, struct ferry_vcpu *vcpu, u32 group, const void *buf,
		    u32 len);
long ferry_state_ioctl(struct ferry_vm *vm, struct ferry_vcpu *vcpu, struct ferry_state *args,
		       bool set);
#define FERRY_STATE_MAX_BYTES 8192 /* no group is larger */
/* What may be called of segments outside the backends: see lib/state/settle.h. */
void ferry_get_segment(struct ferry_vcpu *vcpu, unsigned int nr, struct ferry_segment *seg);
void ferry_set_segment(struct ferry_vcpu *vcpu, unsigned int nr, const struct ferry_segment *seg);
void ferry_settle_state(struct ferry_vcpu *vcpu);

/* ----- fpu.c: begin/end bracket the run section; load/put swap XCR0 with irqs off */
int ferry_fpu_init(struct ferry_vcpu *vcpu);
void ferry_fpu_free(struct ferry_vcpu *vcpu);
void ferry_fpu_reset(struct ferry_vcpu *vcpu);
void ferry_fpu_begin(struct ferry_vcpu *vcpu);
void ferry_fpu_end(struct ferry_vcpu *vcpu);
u8 *ferry_fpu_area(struct ferry_vcpu *vcpu, u64 *components);
void ferry_xcr0_load(struct ferry_vcpu *vcpu); /* [irqsoff] */
void ferry_xcr0_sync(struct ferry_vcpu *vcpu); /* [irqsoff] */
void ferry_xcr0_restore(struct ferry_vcpu *vcpu); /* [irqsoff] */
int ferry_fpu_get(struct ferry_vcpu *vcpu, struct ferry_state_fpu *out, u32 capacity);
int ferry_fpu_set(struct ferry_vcpu *vcpu, const struct ferry_state_fpu *in, u32 length);

/* ----- memory.c: guest memory, its mapping and kernel access. Sleepable unless _atomic. */
int ferry_memory_init(struct ferry_vm *vm); /* remembers the caller's mm's cgroup */
void ferry_memory_attach(struct ferry_vm *vm, struct file *file); /* own address_space */
void ferry_memory_destroy(struct ferry_vm *vm); /* after npt and all users */
int ferry_memory_set(struct ferry_vm *vm, const struct ferry_memory *args); /* vm->lock held */
int ferry_memory_mmap(struct ferry_vm *vm, struct vm_area_struct *vma);
int ferry_memory_touch(struct ferry_vm *vm, u64 gfn); /* make present: 0, -ENOENT, -ENOMEM */
struct page *ferry_memory_page(struct ferry_vm *vm, u64 gfn); /* present page or NULL, lockless */
int ferry_memory_nr_regions(struct ferry_vm *vm);
bool ferry_memory_region(struct ferry_vm *vm, u32 region, u64 *gpa, u64 *length, u32 *flags);
/* 0; -ENOENT no memory there (or read-only for writes); _atomic: -EAGAIN not present yet. Reads never sleep.
 * Ranges may cross pages and regions. Writes are seen by the dirty log. */
int ferry_mem_read(struct ferry_vm *vm, u64 gpa, void *buf, size_t len);
int ferry_mem_write(struct ferry_vm *vm, u64 gpa, const void *buf, size_t len);
int ferry_mem_read_entry(struct ferry_vm *vm, u64 gpa, unsigned int bytes, u64 *entry);
int ferry_mem_write_atomic(struct ferry_vm *vm, u64 gpa, const void *buf, size_t len);
/* Compare and exchange 1, 2, 4, 8 or 16 bytes inside one page: 0 done, 1 *old differed and now
 * holds what was there, -errno as above. */
int ferry_mem_cmpxchg_atomic(struct ferry_vm *vm, u64 gpa, void *old, const void *new, size_t len);
void ferry_memory_stats(struct ferry_vm *vm, struct ferry_stats *stats);

/* ----- npt.c */
enum ferry_fault {
	FERRY_FAULT_FIXED, /* enter again */
	FERRY_FAULT_MMIO, /* no memory there, or a write to a read-only region */
	FERRY_FAULT_SLEEP, /* only when atomic: call again from a sleepable context */
	FERRY_FAULT_NOMEM,
};
int ferry_npt_init(struct ferry_vm *vm);
void ferry_npt_destroy(struct ferry_vm *vm); /* no vCPU can run any more */
enum ferry_fault ferry_npt_fault(struct ferry_vcpu *vcpu, u64 gpa, u32 access, bool atomic);
phys_addr_t ferry_npt_root(struct ferry_vm *vm);
/* The vCPU is about to run on a CPU: must nested translations be flushed there first?
 * Called by the run loop at each load with irqs off; records the CPU as current. */
bool ferry_npt_needs_flush(struct ferry_vcpu *vcpu, int cpu);
void ferry_npt_stats(struct ferry_vm *vm, struct ferry_stats *stats);

/* ----- dirty.c */
enum ferry_log_mode { FERRY_LOG_OFF, FERRY_LOG_AD, FERRY_LOG_PML, FERRY_LOG_PROTECT };
enum ferry_log_mode ferry_dirty_mode(struct ferry_vm *vm); /* under rcu_read_lock() */
int ferry_dirty_ioctl(struct ferry_vm *vm, struct ferry_dirty *args);
int ferry_dirty_start(struct ferry_vm *vm, u32 flags, bool migration);
/* Fetch and clear: ORs into bitmap (1 bit per page of the region); returns bits set or -errno. */
s64 ferry_dirty_harvest(struct ferry_vm *vm, u32 region, unsigned long *bitmap, bool final);
void ferry_dirty_stop(struct ferry_vm *vm);
void ferry_dirty_mark(struct ferry_vm *vm, u64 gfn); /* a kernel write; any context */
void ferry_dirty_destroy(struct ferry_vm *vm);
void ferry_dirty_stats(struct ferry_vm *vm, struct ferry_stats *stats);

/* ----- irqchip.c: LAPICs, IOAPIC, i8259s, i8254 */
int ferry_irqchip_init(struct ferry_vm *vm);
void ferry_irqchip_destroy(struct ferry_vm *vm);
int ferry_lapic_init(struct ferry_vcpu *vcpu);
void ferry_lapic_destroy(struct ferry_vcpu *vcpu);
void ferry_lapic_reset(struct ferry_vcpu *vcpu, bool init);
int ferry_irq_line(struct ferry_vm *vm, u32 gsi, int level); /* any context */
int ferry_irq_msi(struct ferry_vm *vm, u64 address, u32 data);
/* [irqsoff] the vector that may be delivered now given TPR and priorities, or -1 */
int ferry_irq_peek(struct ferry_vcpu *vcpu);
int ferry_irq_ack(struct ferry_vcpu *vcpu); /* take it: the vector, or -1 if it went away */
bool ferry_irq_pending(struct ferry_vcpu *vcpu); /* for wake-up tests, any context */
int ferry_lapic_highest_irr(struct ferry_vcpu *vcpu); /* for the CR8 window, -1 none */
u8 ferry_lapic_get_cr8(struct ferry_vcpu *vcpu);
void ferry_lapic_set_cr8(struct ferry_vcpu *vcpu, u8 cr8);
/* APIC_BASE, 0x800-0x83f, TSC_DEADLINE: 0 or -EINVAL for #GP */
int ferry_lapic_msr_read(struct ferry_vcpu *vcpu, u32 index, u64 *value);
int ferry_lapic_msr_write(struct ferry_vcpu *vcpu, u32 index, u64 value, bool host);
u64 ferry_lapic_base(struct ferry_vcpu *vcpu); /* APIC_BASE */
u32 ferry_lapic_id(struct ferry_vcpu *vcpu);
/* Timers run while their vCPU does not; stop before state is taken, start before it runs. */
void ferry_irqchip_pause(struct ferry_vm *vm);
void ferry_irqchip_continue(struct ferry_vm *vm);
int ferry_irqchip_get_state(struct ferry_vm *vm, struct ferry_vcpu *vcpu, u32 group, void *buf,
			    u32 len); /* LAPIC, IOAPIC, PIC, PIT */
int ferry_irqchip_set_state(struct ferry_vm *vm, struct ferry_vcpu *vcpu, u32 group,
			    const void *buf, u32 len);

/* ----- iobus.c: ports and guest-physical ranges served in the kernel */
int ferry_iobus_init(struct ferry_vm *vm);
void ferry_iobus_destroy(struct ferry_vm *vm);
/* Not sleepable. 0 served, -EOPNOTSUPP nobody's: goes to userspace. Little-endian data. */
bool ferry_iobus_may_have_port(struct ferry_vm *vm, u16 port, u8 width);
int ferry_iobus_port(struct ferry_vcpu *vcpu, u16 port, u8 width, bool write, void *data);
int ferry_iobus_mmio(struct ferry_vcpu *vcpu, u64 gpa, u8 width, bool write, void *data);
int ferry_irqfd(struct ferry_vm *vm, const struct ferry_irqfd *args);
int ferry_ioeventfd(struct ferry_vm *vm, const struct ferry_ioeventfd *args);

/* ----- clock.c: guest TSC and kvmclock */
void ferry_clock_init(struct ferry_vm *vm);
void ferry_clock_vcpu_init(struct ferry_vcpu *vcpu);
u64 ferry_guest_ns(struct ferry_vm *vm); /* kvmclock time */
u64 ferry_guest_tsc(struct ferry_vcpu *vcpu); /* now */
void ferry_set_guest_tsc(struct ferry_vcpu *vcpu, u64 tsc); /* WRMSR TSC: moves tsc_adjust too */
void ferry_set_tsc_adjust(struct ferry_vcpu *vcpu, u64 adjust);
u32 ferry_clock_khz(const struct ferry_vm *vm); /* the rate that the guest was born with */
void ferry_clock_promise(struct ferry_vm *vm, u32 khz); /* by its policy, 0 none; no vCPU exists */
u64 ferry_tsc_to_ns(struct ferry_vm *vm, u64 ticks); /* ticks of the guest's TSC */
void ferry_clock_update(struct ferry_vcpu *vcpu); /* FERRY_REQ_CLOCK */
bool ferry_clock_load(struct ferry_vcpu *vcpu, int cpu); /* true: rewrite the page */
int ferry_clock_msr_write(struct ferry_vcpu *vcpu, u32 index, u64 value);
int ferry_clock_msr_read(struct ferry_vcpu *vcpu, u32 index, u64 *value);
void ferry_clock_pause(struct ferry_vm *vm);
void ferry_clock_continue(struct ferry_vm *vm, bool guest_stopped);
/* Paused, after a move: let the time of the blackout pass for the guest too. */
void ferry_clock_advance(struct ferry_vm *vm, u64 ns);
int ferry_clock_get_state(struct ferry_vm *vm, struct ferry_vcpu *vcpu, u32 group, void *buf,
			  u32 len); /* CLOCK, VMCLOCK */
int ferry_clock_set_state(struct ferry_vm *vm, struct ferry_vcpu *vcpu, u32 group, const void *buf,
			  u32 len);

/* ----- emulate.c: lib/insn over this vCPU */
int ferry_emulation_init(struct ferry_vcpu *vcpu);
void ferry_emulation_free(struct ferry_vcpu *vcpu);
long ferry_emulation_count(struct ferry_vm *vm, struct ferry_emulated *args); /* the ioctl */
/* Emulate the instruction at RIP. stage tells what may be done; NEXT_STAGE leaves no trace.
 * TO_USER: run page holds an IO or MMIO request, or an emulation error. */
enum ferry_next ferry_emulate(struct ferry_vcpu *vcpu, enum ferry_stage stage);
bool ferry_must_emulate(struct ferry_vcpu *vcpu);
enum ferry_next ferry_emulate_until_native(struct ferry_vcpu *vcpu, enum ferry_stage stage);
enum ferry_next ferry_emulate_task_switch(struct ferry_vcpu *vcpu, enum ferry_stage stage);
/* FERRY_RUN found an IO or MMIO request answered: take the data. Non-string IN is finished here,
 * anything else re-executes. 0, or TO_USER again through the run page. */
enum ferry_next ferry_emulate_complete(struct ferry_vcpu *vcpu);
bool ferry_emulation_busy(struct ferry_vcpu *vcpu); /* a request is outstanding */
void ferry_emulation_forget(struct ferry_vcpu *vcpu); /* its state was replaced from outside */
/* A non-string IN/OUT exit nobody in the kernel serves. */
enum ferry_next ferry_port_to_user(struct ferry_vcpu *vcpu, u16 port, u8 width, bool in,
				   u8 insn_len);
int ferry_insn_length(struct ferry_vcpu *vcpu); /* of the instruction at RIP; 0 if it cannot be read */
int ferry_insn_bytes(struct ferry_vcpu *vcpu, u8 *buf, int len); /* for reports: bytes read */
int ferry_translate(struct ferry_vcpu *vcpu, struct ferry_translate *args);

/* ----- foreign.c: what the guest's CPU does otherwise than this one */
enum ferry_next ferry_foreign(struct ferry_vcpu *vcpu, enum ferry_stage stage);
bool ferry_guest_has_amd_syscall(struct ferry_vm *vm); /* outside 64-bit mode too */
bool ferry_guest_has_intel_sysenter(struct ferry_vm *vm); /* in long mode too */

/* ----- host.c */
int ferry_host_owned(void); /* 0, or -EBUSY after naming the owner */
void ferry_host_taken(void); /* a VM has to wait: name the owner */

/* ----- migrate/ */
int ferry_migrate_send(struct ferry_vm *vm, struct ferry_migrate *args);
int ferry_migrate_finish(struct ferry_vm *vm, struct ferry_migrate *args);
int ferry_migrate_receive(struct ferry_vm *vm, struct ferry_migrate *args);
int ferry_migrate_accept(struct ferry_vm *vm, struct ferry_migrate *args);
int ferry_migrate_confirm(struct ferry_vm *vm, struct ferry_migrate *args);
int ferry_migrate_abort(struct ferry_vm *vm, struct ferry_migrate *args);
int ferry_migrate_resolve(struct ferry_vm *vm, const struct ferry_migrate_resolve *args);
int ferry_migrate_status(struct ferry_vm *vm, struct ferry_migrate_status *args);
bool ferry_migrate_pinned(struct ferry_vm *vm); /* regions may not change */
bool ferry_migrate_sending(struct ferry_vm *vm); /* nor vCPUs */
void ferry_migrate_destroy(struct ferry_vm *vm);

#endif /* FERRY_MODULE_H */
