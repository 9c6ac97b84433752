/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The user interface of ferry.ko: ioctls of /dev/ferry, of a VM's file and of a
 * vCPU's file, the run page, and the state groups that ioctls, suspend files
 * and the migration stream share.
 *
 * Rules that hold for every call:
 *  - A struct begins with size (the caller's sizeof) and flags. A size below the
 *    first version of the struct is -EINVAL; a larger one than the module knows
 *    is accepted only if the tail is zero (-E2BIG otherwise).
 *  - Unknown flags and non-zero reserved fields are -EINVAL.
 *  - User addresses are __u64; there are no pointers, enums or bools in structs.
 *  - An ioctl the file does not know is -ENOTTY.
 *  - Output structs are written only on success unless said otherwise.
 */
#ifndef _UAPI_LINUX_FERRY_H
#define _UAPI_LINUX_FERRY_H

#include <linux/ferry_state.h>
#include <linux/ioctl.h>
#include <linux/types.h>

#define FERRY_API_VERSION 1
#define FERRY_IOC 0xFA

#define FERRY_MAX_VCPUS 64
#define FERRY_MAX_REGIONS 32
#define FERRY_NAME_LEN 64

/* ------------------------------------------------------------------ /dev/ferry */

#define FERRY_BACKEND_SVM 1
#define FERRY_BACKEND_VMX 2

/* ferry_info.caps */
#define FERRY_CAP_DIRTY_AD (1ULL << 0) /* dirty log from accessed/dirty bits */
#define FERRY_CAP_DIRTY_WP (1ULL << 1) /* dirty log by write protection */
#define FERRY_CAP_DIRTY_PML (1ULL << 2) /* dirty log by page-modification logging */
#define FERRY_CAP_NEXT_RIP (1ULL << 3) /* the CPU reports instruction lengths */
#define FERRY_CAP_MIGRATE (1ULL << 4)
#define FERRY_CAP_TSC_SCALE (1ULL << 5)
#define FERRY_CAP_TSC_STABLE (1ULL << 6) /* host clocksource is the TSC */

/**
 * struct ferry_info - what this host and this module offer (FERRY_GET_INFO)
 * @api_version: FERRY_API_VERSION of the module
 * @backend: FERRY_BACKEND_*
 * @caps: FERRY_CAP_* bits
 * @max_vcpus: vCPUs a VM may have
 * @max_regions: memory regions a VM may have
 * @phys_bits: guest-physical address width the nested tables can map
 * @npt_levels: depth of the nested tables (4 or 5)
 * @tsc_khz: host TSC rate
 * @run_size: bytes of a vCPU file's run page mapping
 * @xcr0: XSAVE components guests may use
 * @version: module version, NUL-terminated
 * @hardware: backend in words, NUL-terminated
 */
struct ferry_info {
	__u32 size;
	__u32 flags;
	__u32 api_version;
	__u32 backend;
	__u64 caps;
	__u32 max_vcpus;
	__u32 max_regions;
	__u32 phys_bits;
	__u32 npt_levels;
	__u32 tsc_khz;
	__u32 run_size;
	__u64 xcr0;
	__u8 version[32];
	__u8 hardware[32];
	__u64 reserved[4];
};

/* ferry_create_vm.flags */
#define FERRY_VM_INCOMING (1U << 0) /* may only be filled by FERRY_MIGRATE_RECEIVE */
#define FERRY_VM_MSR_IGNORE (1U << 1) /* unknown MSRs read 0 and drop writes, counted */
#define FERRY_VM_EMULATE (1U << 2) /* never enter the hardware: emulate all of it (tests) */

/**
 * struct ferry_create_vm - make a VM (FERRY_CREATE_VM); returns its file descriptor
 * @name: for logs and tracepoints, NUL-terminated
 * @uuid: identity across hosts; all zero is refused
 * @generation: number of the last attempt to move this VM, in this or an earlier life
 *
 * Errors: -EBUSY another hypervisor owns the CPUs' VMX or SVM (the kernel log names it),
 * -ENOMEM, -EINVAL.
 */
struct ferry_create_vm {
	__u32 size;
	__u32 flags;
	__u8 name[FERRY_NAME_LEN];
	__u8 uuid[16];
	__u64 generation;
	__u64 reserved[2];
};

#define FERRY_GET_INFO _IOWR(FERRY_IOC, 0x00, struct ferry_info)
#define FERRY_CREATE_VM _IOW(FERRY_IOC, 0x01, struct ferry_create_vm)

/* ------------------------------------------------------------------- VM: policy */

#define FERRY_MAX_CPUID 256
#define FERRY_MAX_POLICY_MSRS 64

/* ferry_cpuid_entry.flags */
#define FERRY_CPUID_SUBLEAF (1U << 0) /* subleaf is significant */

/**
 * struct ferry_cpuid_entry - one CPUID answer of a policy
 * @leaf: EAX on input
 * @subleaf: ECX on input, if FERRY_CPUID_SUBLEAF
 */
struct ferry_cpuid_entry {
	__u32 leaf;
	__u32 subleaf;
	__u32 flags;
	__u32 eax;
	__u32 ebx;
	__u32 ecx;
	__u32 edx;
	__u32 reserved;
};

/**
 * struct ferry_policy_msr - value of one read-only feature MSR of a policy
 */
struct ferry_policy_msr {
	__u32 index;
	__u32 flags;
	__u64 value;
};

/**
 * struct ferry_policy - everything a VM sees of its CPU (FERRY_SET_POLICY, FERRY_GET_POLICY)
 * @nr_cpuid: entries at @cpuid; on get: in capacity, out count
 * @nr_msrs: entries at @msrs; likewise
 * @cpuid: user address of struct ferry_cpuid_entry[]
 * @msrs: user address of struct ferry_policy_msr[]
 * @findings: user address of struct ferry_finding[] or 0
 * @nr_findings: in capacity, out how many were found (may exceed capacity)
 *
 * Per-vCPU values (APIC ids, x2APIC ids in leaves 1, 0xB, 0x1F, 0x8000001E), OSXSAVE, OSPKE and
 * the current XSAVE size are filled in at run time.
 *
 * Errors: -EBUSY a vCPU exists, so the policy is frozen; -EOPNOTSUPP this host cannot honour it
 * (the findings say why and are written); -EINVAL malformed; -ENOSPC capacity too small on get.
 */
struct ferry_policy {
	__u32 size;
	__u32 flags;
	__u32 nr_cpuid;
	__u32 nr_msrs;
	__u64 cpuid;
	__u64 msrs;
	__u64 findings;
	__u32 nr_findings;
	__u32 reserved;
};

/* ferry_finding.severity */
#define FERRY_FINDING_WARNING 1
#define FERRY_FINDING_REFUSE 2

/* ferry_finding.reg */
#define FERRY_REG_EAX 0
#define FERRY_REG_EBX 1
#define FERRY_REG_ECX 2
#define FERRY_REG_EDX 3
#define FERRY_REG_MSR 4 /* leaf is the MSR index */

/**
 * struct ferry_finding - one reason why a host does not fit a policy
 * @severity: FERRY_FINDING_*
 * @cause: cause class, enum cpu_cause in module/lib/cpu
 * @bit: bit number, or 0xff when the whole field or width differs
 * @detail: what kind of thing differs, enum cpu_detail in module/lib/cpu
 * @guest: what the policy promises
 * @host: what the host has
 */
struct ferry_finding {
	__u32 leaf;
	__u32 subleaf;
	__u8 reg;
	__u8 bit;
	__u8 severity;
	__u8 cause;
	__u32 detail;
	__u64 guest;
	__u64 host;
};

#define FERRY_SET_POLICY _IOWR(FERRY_IOC, 0x10, struct ferry_policy)
#define FERRY_GET_POLICY _IOWR(FERRY_IOC, 0x11, struct ferry_policy)

/* ------------------------------------------------------------------- VM: memory */

/* ferry_memory.flags */
#define FERRY_MEM_REMOVE (1U << 0)
#define FERRY_MEM_READONLY (1U << 1) /* guest writes leave as MMIO exits */

/**
 * struct ferry_memory - add or remove a region of guest memory (FERRY_SET_MEMORY)
 * @region: number chosen by the caller, below FERRY_MAX_REGIONS
 * @gpa: guest-physical start, 4 KiB aligned
 * @length: bytes, a multiple of 4 KiB
 *
 * Memory is zeroed and allocated on first touch, charged to the creator's memory cgroup.
 * Userspace maps it MAP_SHARED from the VM's file, offset = guest-physical address.
 *
 * Errors: -EEXIST overlap or region in use, -ENOENT nothing to remove, -EINVAL alignment, overflow
 * or beyond the guest's physical width, -EBUSY while a migration or the dirty log runs.
 */
struct ferry_memory {
	__u32 size;
	__u32 flags;
	__u32 region;
	__u32 reserved;
	__u64 gpa;
	__u64 length;
};

#define FERRY_SET_MEMORY _IOW(FERRY_IOC, 0x12, struct ferry_memory)

/* ---------------------------------------------------------------- VM: dirty log */

/* ferry_dirty.op */
#define FERRY_DIRTY_START 1 /* everything counts as dirty from here on */
#define FERRY_DIRTY_HARVEST 2 /* fetch and clear one region */
#define FERRY_DIRTY_STOP 3

/* ferry_dirty.flags */
#define FERRY_DIRTY_WRITE_PROTECT (1U << 0) /* START: log by write faults instead of D bits */
#define FERRY_DIRTY_PML (1U << 1) /* START: log by page-modification logging (FERRY_CAP_DIRTY_PML) */

/**
 * struct ferry_dirty - drive the dirty log (FERRY_DIRTY)
 * @op: FERRY_DIRTY_*
 * @region: HARVEST: which region
 * @bitmap: HARVEST: user address of length/4096 bits, rounded up to 64; bit n = page n of the region
 * @bitmap_bytes: size of that buffer
 * @nr_dirty: HARVEST: out, bits set
 *
 * Errors: -EBUSY already started or a migration owns the log, -ENOENT not started or no such
 * region, -EOPNOTSUPP mechanism not available.
 */
struct ferry_dirty {
	__u32 size;
	__u32 flags;
	__u32 op;
	__u32 region;
	__u64 bitmap;
	__u64 bitmap_bytes;
	__u64 nr_dirty;
};

#define FERRY_DIRTY _IOWR(FERRY_IOC, 0x13, struct ferry_dirty)

/* --------------------------------------------------------------- VM: interrupts */

/**
 * struct ferry_irq_line - set an input of the interrupt controllers (FERRY_IRQ_LINE)
 * @gsi: 0..23; 0..15 reach the i8259 pair and the IOAPIC, 16..23 the IOAPIC alone
 * @level: 0 or 1; an edge is 1 then 0
 */
struct ferry_irq_line {
	__u32 size;
	__u32 flags;
	__u32 gsi;
	__u32 level;
};

/**
 * struct ferry_msi - deliver one message-signalled interrupt (FERRY_MSI)
 */
struct ferry_msi {
	__u32 size;
	__u32 flags;
	__u64 address;
	__u32 data;
	__u32 reserved;
};

/* ferry_irqfd.flags, ferry_ioeventfd.flags */
#define FERRY_EVENTFD_DEASSIGN (1U << 0)
#define FERRY_IOEVENTFD_PIO (1U << 1)
#define FERRY_IOEVENTFD_DATAMATCH (1U << 2)

/**
 * struct ferry_irqfd - an eventfd whose signal pulses a line (FERRY_IRQFD)
 */
struct ferry_irqfd {
	__u32 size;
	__u32 flags;
	__s32 fd;
	__u32 gsi;
};

/**
 * struct ferry_ioeventfd - signal an eventfd on a guest write (FERRY_IOEVENTFD)
 * @addr: guest-physical address, or port with FERRY_IOEVENTFD_PIO
 * @len: 1, 2, 4 or 8; 0 matches any width
 */
struct ferry_ioeventfd {
	__u32 size;
	__u32 flags;
	__u64 addr;
	__u64 datamatch;
	__u32 len;
	__s32 fd;
};

#define FERRY_IRQ_LINE _IOW(FERRY_IOC, 0x18, struct ferry_irq_line)
#define FERRY_MSI _IOW(FERRY_IOC, 0x19, struct ferry_msi)
#define FERRY_IRQFD _IOW(FERRY_IOC, 0x1a, struct ferry_irqfd)
#define FERRY_IOEVENTFD _IOW(FERRY_IOC, 0x1b, struct ferry_ioeventfd)

/* ------------------------------------------------------------ VM: pause and stats */

/* ferry_pause.flags */
#define FERRY_PAUSE_NMI_WATCHDOG_SAFE (1U << 0) /* set PVCLOCK_GUEST_STOPPED on continue */

/**
 * struct ferry_pause - stop or continue every vCPU (FERRY_PAUSE, FERRY_CONTINUE)
 *
 * FERRY_PAUSE returns when no vCPU runs guest code; FERRY_RUN then returns with
 * FERRY_EXIT_PAUSED until FERRY_CONTINUE. Guest time stands still in between.
 * Errors: -EALREADY already in that state, -EBUSY a migration owns the VM.
 */
struct ferry_pause {
	__u32 size;
	__u32 flags;
};

/* Indices of ferry_stats.exits: neutral exit kinds, in the order of enum ferry_exit_kind. */
#define FERRY_STATS_EXITS 48

/**
 * struct ferry_stats - counters of a VM, or of one vCPU (FERRY_GET_STATS on either file)
 * @entries: guest entries
 * @exits: by kind; FERRY_GET_EXIT_NAMES names them
 */
struct ferry_stats {
	__u32 size;
	__u32 flags;
	__u64 entries;
	__u64 exits[FERRY_STATS_EXITS];
	__u64 user_exits;
	__u64 halts;
	__u64 irq_injected;
	__u64 nmi_injected;
	__u64 exceptions_injected;
	__u64 kicks;
	__u64 emulated;
	__u64 unknown_msr_reads;
	__u64 unknown_msr_writes;
	__u64 last_unknown_msr;
	__u64 nested_faults;
	__u64 pages_present;
	__u64 huge_mappings;
	__u64 table_pages;
	__u64 tlb_flushes;
	__u64 dirty_harvests;
	__u64 dirty_pages;
	__u64 page_splits;
	__u64 cpu_switches;
	__u64 reserved[16];
};

/**
 * struct ferry_exit_name - name of one index of ferry_stats.exits (FERRY_GET_EXIT_NAME)
 * Errors: -ENOENT past the last one.
 */
struct ferry_exit_name {
	__u32 size;
	__u32 flags;
	__u32 index;
	__u32 reserved;
	__u8 name[24];
};

/**
 * struct ferry_emulated - how often one instruction was emulated (FERRY_GET_EMULATED)
 * @index: in: where to begin, 0 at first; out: the instruction found. Ask again from @index + 1
 * @count: by all vCPUs, since the VM was made here
 * @foreign: of these, those that this CPU refused and the guest's has
 * @name: as the emulator calls it: "SYSENTER"
 *
 * Instructions that were never emulated are passed over. Errors: -ENOENT no more.
 */
struct ferry_emulated {
	__u32 size;
	__u32 flags;
	__u32 index;
	__u32 reserved;
	__u64 count;
	__u64 foreign;
	__u8 name[24];
};

#define FERRY_PAUSE _IOW(FERRY_IOC, 0x20, struct ferry_pause)
#define FERRY_CONTINUE _IOW(FERRY_IOC, 0x21, struct ferry_pause)
#define FERRY_GET_STATS _IOWR(FERRY_IOC, 0x22, struct ferry_stats)
#define FERRY_GET_EXIT_NAME _IOWR(FERRY_IOC, 0x23, struct ferry_exit_name)
#define FERRY_GET_EMULATED _IOWR(FERRY_IOC, 0x24, struct ferry_emulated)

/* ----------------------------------------------------------------- vCPU and runs */

/**
 * struct ferry_create_vcpu - add a vCPU (FERRY_CREATE_VCPU); returns its file descriptor
 * @id: 0..FERRY_MAX_VCPUS-1, also its APIC id; 0 is the bootstrap processor
 *
 * The first vCPU freezes the policy. Errors: -EEXIST, -EINVAL, -ENODATA no policy set.
 */
struct ferry_create_vcpu {
	__u32 size;
	__u32 flags;
	__u32 id;
	__u32 reserved;
};

#define FERRY_CREATE_VCPU _IOW(FERRY_IOC, 0x30, struct ferry_create_vcpu)

/* ferry_run.exit_reason */
#define FERRY_EXIT_NONE 0
#define FERRY_EXIT_INTR 1 /* a signal or immediate_exit; FERRY_RUN failed with -EINTR */
#define FERRY_EXIT_IO 2 /* port access nobody in the kernel serves */
#define FERRY_EXIT_MMIO 3 /* access to a guest-physical address without memory */
#define FERRY_EXIT_SHUTDOWN 4 /* triple fault */
#define FERRY_EXIT_PAUSED 5 /* FERRY_PAUSE or a migration holds the VM */
#define FERRY_EXIT_FENCED 6 /* this generation was handed to another host */
#define FERRY_EXIT_HARDWARE_TAKEN 7 /* another hypervisor took VMX/SVM; unload it and run again */
#define FERRY_EXIT_ERROR 8 /* see ferry_run.error; state is kept */

/* ferry_run.error.kind */
#define FERRY_ERROR_ENTRY 1 /* the CPU refused the guest state */
#define FERRY_ERROR_UNKNOWN_EXIT 2
#define FERRY_ERROR_EMULATION 3 /* instruction not implemented by the emulator */
#define FERRY_ERROR_MEMORY 4 /* guest memory could not be allocated; free some and run again */
#define FERRY_ERROR_EVENT 5 /* an event could not be delivered */

/**
 * struct ferry_run - the run page, mapped from the vCPU's file at offset 0
 * @immediate_exit: in; non-zero makes FERRY_RUN return -EINTR before the next entry
 * @exit_reason: out; FERRY_EXIT_*
 * @rip: out; guest RIP at the exit, for information
 * @io: port access; for reads userspace fills @io.data and calls FERRY_RUN again
 * @mmio: memory access; likewise
 * @error: raw facts for a bug report
 *
 * The module copies what it needs out of this page once and checks it: userspace may write it at
 * any time and harms only its own guest.
 */
struct ferry_run {
	__u32 immediate_exit;
	__u32 reserved0;
	__u32 exit_reason;
	__u32 exit_flags;
	__u64 rip;
	__u64 reserved1;
	union {
		struct {
			__u16 port;
			__u8 width; /* bytes: 1, 2 or 4 */
			__u8 is_write;
			__u32 reserved;
			__u8 data[8];
		} io;
		struct {
			__u64 gpa;
			__u32 width; /* bytes: 1..8 */
			__u32 is_write;
			__u8 data[8];
		} mmio;
		struct {
			__u32 kind; /* FERRY_ERROR_* */
			__u32 insn_len; /* valid bytes in insn */
			__u64 code; /* raw exit code */
			__u64 info1;
			__u64 info2;
			__u8 insn[16];
			__u8 detail[96]; /* in words, NUL-terminated */
		} error;
		__u8 pad[992];
	};
};

/**
 * struct ferry_vcpu_run - run the vCPU until something needs userspace (FERRY_RUN)
 *
 * Errors: -EINTR signal or immediate_exit, -EBUSY another thread runs this vCPU,
 * -EFAULT, -EINVAL. 0 with ferry_run.exit_reason otherwise.
 */
struct ferry_vcpu_run {
	__u32 size;
	__u32 flags;
};

/**
 * struct ferry_nmi - send an NMI to the vCPU (FERRY_NMI)
 */
struct ferry_nmi {
	__u32 size;
	__u32 flags;
};

/* ferry_translate.flags: access checked, and the result */
#define FERRY_TRANSLATE_WRITE (1U << 0)
#define FERRY_TRANSLATE_FETCH (1U << 1)
#define FERRY_TRANSLATE_USER (1U << 2)

/**
 * struct ferry_translate - walk the guest's page tables (FERRY_TRANSLATE)
 * @gva: linear address
 * @gpa: out
 * @valid: out; 1 if the walk succeeded, 0 with @error_code as #PF would have it
 */
struct ferry_translate {
	__u32 size;
	__u32 flags;
	__u64 gva;
	__u64 gpa;
	__u32 valid;
	__u32 error_code;
};

#define FERRY_RUN _IOW(FERRY_IOC, 0x40, struct ferry_vcpu_run)
#define FERRY_NMI _IOW(FERRY_IOC, 0x41, struct ferry_nmi)
#define FERRY_TRANSLATE _IOWR(FERRY_IOC, 0x42, struct ferry_translate)

/* ----------------------------------------------------------------- state groups */

/**
 * struct ferry_state - get or set one state group (FERRY_GET_STATE, FERRY_SET_STATE)
 * @group: FERRY_STATE_*; the vCPU's file knows the vCPU groups, the VM's file the others
 * @length: bytes at @addr; on get: in capacity, out used
 * @addr: user address of the group's struct
 *
 * vCPU groups: the vCPU must not be running (-EBUSY). Values are checked as an untrusted VM
 * entry would check them (-EINVAL) and nothing is changed when they fail.
 */
struct ferry_state {
	__u32 size;
	__u32 flags;
	__u32 group;
	__u32 length;
	__u64 addr;
};

#define FERRY_GET_STATE _IOWR(FERRY_IOC, 0x48, struct ferry_state)
#define FERRY_SET_STATE _IOW(FERRY_IOC, 0x49, struct ferry_state)

/* The groups are in ferry_state.h. */

/* -------------------------------------------------------------------- migration */

/* ferry_migrate.phase, in and out; the order of a healthy move */
#define FERRY_MIGRATE_IDLE 0
#define FERRY_MIGRATE_ROUNDS 1 /* source: copying while the guest runs */
#define FERRY_MIGRATE_FROZEN 2 /* source: vCPUs stopped; drain I/O, save device states */
#define FERRY_MIGRATE_IN_DOUBT 3 /* source: fenced, COMMIT sent, RUNNING not heard */
#define FERRY_MIGRATE_DONE 4 /* source: the other side runs; free this VM */
#define FERRY_MIGRATE_ABORTED 5 /* both: nothing was handed over */
#define FERRY_MIGRATE_DEFINED 6 /* destination: policy and map are set; create vCPUs */
#define FERRY_MIGRATE_LOADED 7 /* destination: everything received; load the blobs */
#define FERRY_MIGRATE_COMMITTED 8 /* destination: COMMIT heard, vCPUs may run; record RAN, confirm */
#define FERRY_MIGRATE_RUNNING 9 /* destination: confirmed */

/* ferry_migrate.flags */
#define FERRY_MIGRATE_FILE (1U << 0) /* the descriptor is a file: one-way stream, no handover */
#define FERRY_MIGRATE_VERIFY (1U << 1) /* digest of all frozen memory */
#define FERRY_MIGRATE_DRY_RUN (1U << 2) /* ends before the first page; nothing changes anywhere */
#define FERRY_MIGRATE_ALLOW_WARNINGS (1U << 3)
#define FERRY_MIGRATE_MSR_IGNORE (1U << 4) /* second RECEIVE: as FERRY_VM_MSR_IGNORE */

/**
 * struct ferry_migrate - one phase of a migration
 * @fd: connected stream socket, or a file with FERRY_MIGRATE_FILE; kept until the end
 * @phase: out; the phase reached
 * @definition: user address of an opaque definition of the VM (the tool's JSON):
 *	SEND reads it; RECEIVE writes it when it returns DEFINED
 * @definition_length: bytes; RECEIVE: in capacity, out length
 * @blobs: user address of device blobs: FINISH reads them; RECEIVE writes them when it returns LOADED
 * @blobs_length: bytes; RECEIVE: in capacity, out length
 * @bandwidth: bytes per second, 0 = unlimited
 * @blackout_us: budget the rounds converge to; 0 = the default of 300 ms. A guest that has stood
 *	still for ten times as long and a second before COMMIT runs on here: -ETIMEDOUT
 * @timeout_ms: of any single wait on the peer; 0 = the default of 30 s
 * @findings: user address of struct ferry_finding[]: what the destination objected to
 * @nr_findings: in capacity, out count, which may be more; 0 if nobody objected
 * @error_record: out; record type at which the stream was refused
 * @error_offset: out; byte offset of that record
 * @nr_vcpus: RECEIVE, out at DEFINED
 * @uuid: RECEIVE, out at DEFINED: the VM's identity; SEND, out: the same
 * @generation: out; number of this attempt
 * @journal: identity of the destination's journal. RECEIVE reads it and sends it in HELLO; SEND
 *	has written it at FROZEN, FINISH on every return
 * @nonce: out; of the source's stream header. A query after IN_DOUBT names both
 * @error: out; text for a person, NUL-terminated. ABORT reads it: the reason the peer is told
 *
 * Source:      SEND -> FROZEN, FINISH -> DONE | IN_DOUBT | ABORTED.
 * Destination: RECEIVE -> DEFINED, RECEIVE -> LOADED, ACCEPT -> COMMITTED, CONFIRM -> RUNNING.
 * From a file: RECEIVE -> DEFINED, RECEIVE -> LOADED, CONFIRM -> RUNNING.
 *
 * Between them userspace makes durable in its journal: MAY-RUN before the second RECEIVE, RAN before
 * CONFIRM, ABORTED when ACCEPT failed; in a file the consumed mark before CONFIRM. A buffer that is too
 * small makes RECEIVE return -ENOSPC with the length wanted: call again.
 *
 * In a dry run the first RECEIVE returns DEFINED as ever, and FERRY_MIGRATE_DRY_RUN in @flags. Userspace
 * looks whether anything is in its way, writes nothing down, and says so by ABORT or goes on: then the
 * second RECEIVE returns 0 with ABORTED, and SEND 0 with IDLE.
 *
 * ABORT ends it on either side before COMMIT was sent or heard; from another thread it makes the call
 * that is under way return -ECANCELED. When ACCEPT failed, ABORT is what tells the source, after the
 * journal knows. RESOLVE leaves IN_DOUBT with the destination's answer. Output fields are written on
 * failure too. A signal that only stops and continues the thread does not cancel.
 *
 * Errors: -EINTR cancelled by a signal (before COMMIT only), -ETIMEDOUT, -EOPNOTSUPP policy refused
 * (findings), -EPROTO bad stream, -ECONNRESET, -ENOMEM, -EBUSY, -ECANCELED the peer gave up.
 */
struct ferry_migrate {
	__u32 size;
	__u32 flags;
	__s32 fd;
	__u32 phase;
	__u64 definition;
	__u32 definition_length;
	__u32 blobs_length;
	__u64 blobs;
	__u64 bandwidth;
	__u64 blackout_us;
	__u32 timeout_ms;
	__u32 nr_findings;
	__u64 findings;
	__u32 error_record;
	__u32 nr_vcpus;
	__u64 error_offset;
	__u8 uuid[16];
	__u64 generation;
	__u64 journal;
	__u64 nonce;
	__u64 reserved[2];
	__u8 error[128];
};

/* ferry_migrate_resolve.answer: what the destination's journal says of this generation */
#define FERRY_RESOLVE_NEVER 1
#define FERRY_RESOLVE_ABORTED 2
#define FERRY_RESOLVE_RAN 3
#define FERRY_RESOLVE_FORCE 4 /* the operator takes the risk of running twice */

/**
 * struct ferry_migrate_resolve - leave IN_DOUBT (FERRY_MIGRATE_RESOLVE)
 */
struct ferry_migrate_resolve {
	__u32 size;
	__u32 flags;
	__u32 answer;
	__u32 reserved;
};

/**
 * struct ferry_migrate_status - progress, readable from another thread (FERRY_MIGRATE_STATUS)
 */
struct ferry_migrate_status {
	__u32 size;
	__u32 flags;
	__u32 phase;
	__u32 round;
	__u64 pages_total;
	__u64 pages_sent;
	__u64 pages_zero;
	__u64 pages_dirty; /* found by the last harvest: what this round has, or had, to send */
	__u64 bytes_sent;
	__u64 bytes_per_second; /* of this round so far, or of the last */
	__u64 dirty_per_second; /* bytes */
	__u64 predicted_blackout_us;
	__u64 blackout_us; /* once over */
	__u64 final_pages; /* sent while frozen */
	__u64 elapsed_us;
	__u64 verify_us;
	__u64 pages_left; /* of this round: not sent yet */
	__u64 reserved[3];
};

#define FERRY_MIGRATE_SEND _IOWR(FERRY_IOC, 0x60, struct ferry_migrate)
#define FERRY_MIGRATE_FINISH _IOWR(FERRY_IOC, 0x61, struct ferry_migrate)
#define FERRY_MIGRATE_RECEIVE _IOWR(FERRY_IOC, 0x62, struct ferry_migrate)
#define FERRY_MIGRATE_ACCEPT _IOWR(FERRY_IOC, 0x63, struct ferry_migrate)
#define FERRY_MIGRATE_CONFIRM _IOWR(FERRY_IOC, 0x64, struct ferry_migrate)
#define FERRY_MIGRATE_ABORT _IOWR(FERRY_IOC, 0x65, struct ferry_migrate)
#define FERRY_MIGRATE_RESOLVE _IOW(FERRY_IOC, 0x66, struct ferry_migrate_resolve)
#define FERRY_MIGRATE_STATUS _IOWR(FERRY_IOC, 0x67, struct ferry_migrate_status)

#endif /* _UAPI_LINUX_FERRY_H */
