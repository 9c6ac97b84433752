/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The instruction decoder and emulator: what callers see.
 *
 * insn_decode() is a function of its bytes and the mode alone. insn_execute()
 * carries a decoded instruction out over the call-backs of struct insn_ops;
 * insn_step() fetches, decodes and executes. Nothing here holds state of its
 * own, allocates or locks: the caller serialises use of one struct insn_cpu.
 *
 * The promise: a result other than INSN_DONE has changed no register, and no
 * memory but what the architecture lets a faulting instruction change (lower
 * part of a multi-part push, finished REP iterations).
 *
 * Accesses that somebody else must complete (MMIO or ports served by another
 * process): the call-back notes the request and returns INSN_EXIT; the caller
 * has it served and executes the instruction again from its start; this time
 * the call-back answers. The executor asks for the same accesses in the same
 * order as long as registers and memory are the same, so a log of answers since
 * the last iterated() call is enough; struct insn_replay (replay.h) is that
 * log. An instruction may make several such accesses (MOVS from device to
 * device, a misaligned one split by the call-back, PUSHA).
 */
#ifndef FERRY_LIB_INSN_INSN_H
#define FERRY_LIB_INSN_INSN_H

#include "../env.h"
#include "ids.h"
#include "features.h"

/* An instruction is at most this long; a longer one is #GP(0). SDM 2.3.11. */
#define INSN_MAX_LENGTH 15

enum insn_id {
	INSN_OP_NONE,
#define X(name) INSN_OP_##name,
	INSN_IDS_EXECUTED(X)
	INSN_OP_EXECUTED_END,
	INSN_OP_DECODED_FIRST = INSN_OP_EXECUTED_END - 1,
	INSN_IDS_DECODED(X)
	INSN_OP_X87_FIRST,
	INSN_OP_X87_BEFORE = INSN_OP_X87_FIRST - 1,
	INSN_IDS_X87(X)
	INSN_OP_SSE_FIRST,
	INSN_OP_SSE_BEFORE = INSN_OP_SSE_FIRST - 1,
	INSN_IDS_SSE(X)
	INSN_OP_SSE_END,
	INSN_OP_SSE_LAST = INSN_OP_SSE_END - 1,
#undef X
	INSN_OP_VEX,		/* a VEX, EVEX or XOP form that has no row */
	INSN_OP_END
};

enum insn_feature {
	INSN_F_BASE,
#define X(name, leaf, sub, reg, bit) INSN_F_##name,
	INSN_FEATURES(X)
#undef X
	INSN_F_END
};

/* Where CPUID tells about an enum insn_feature. */
struct insn_cpuid_bit {
	u32 leaf;
	u8 subleaf;
	u8 reg;		/* 0 EAX, 1 EBX, 2 ECX, 3 EDX */
	u8 bit;
};

extern const struct insn_cpuid_bit insn_feature_bits[INSN_F_END];

/* Results of decoding. */
enum insn_decode_result {
	INSN_OK,
	INSN_SHORT,		/* the bytes end inside the instruction */
	INSN_INVALID,		/* the processor raises #UD */
	INSN_TOO_LONG,		/* more than 15 bytes: #GP(0) */
	INSN_NOT_IMPL,		/* length is exact; the form has no row */
};

/* Default operand and address size of the code segment; flags may be added. */
enum insn_mode {
	INSN_MODE_16,
	INSN_MODE_32,
	INSN_MODE_64,
	INSN_MODE_MASK = 0x0f,
	/*
	 * AMD: in 64-bit mode a near branch with an operand-size prefix has a
	 * 16-bit displacement and truncates RIP; Intel ignores the prefix.
	 */
	INSN_MODE_AMD = 0x10,
};

enum insn_seg_nr {
	INSN_ES, INSN_CS, INSN_SS, INSN_DS, INSN_FS, INSN_GS,
	INSN_LDTR, INSN_TR, INSN_SEG_END
};

enum insn_gpr {
	INSN_RAX, INSN_RCX, INSN_RDX, INSN_RBX, INSN_RSP, INSN_RBP, INSN_RSI, INSN_RDI,
	INSN_R8, INSN_R9, INSN_R10, INSN_R11, INSN_R12, INSN_R13, INSN_R14, INSN_R15,
	INSN_GPRS,
	INSN_REG_RIP = INSN_GPRS,	/* only as a memory base */
	INSN_REG_NONE,
};

/* struct insn @prefix. */
#define INSN_PFX_LOCK	0x01
#define INSN_PFX_F2	0x02		/* REPNE: the last of F2 and F3 counts */
#define INSN_PFX_F3	0x04		/* REP, REPE */
#define INSN_PFX_66	0x08
#define INSN_PFX_67	0x10
#define INSN_PFX_SEG	0x20		/* @seg was overridden */
#define INSN_PFX_REX	0x40
#define INSN_PFX_MEM	0x80		/* ModRM names memory */

/* struct insn @vex. */
enum insn_vex {
	INSN_ENC_LEGACY, INSN_ENC_VEX, INSN_ENC_EVEX, INSN_ENC_XOP
};

struct insn_row;

/**
 * struct insn - one decoded instruction
 * @row:     table row; operands, flags and feature come from there
 * @imm:     immediate or branch displacement, sign-extended; offset of a far
 *           pointer; offset of a moffs operand
 * @disp:    displacement of a ModRM memory operand
 * @imm2:    selector of a far pointer; second immediate
 * @id:      enum insn_id
 * @length:  bytes in all
 * @opcode:  the last opcode byte
 * @modrm:   as in the code (valid if the row has ModRM)
 * @prefix:  INSN_PFX_*
 * @rex:     W, R, X, B in bits 3 to 0; from VEX and XOP as well
 * @seg:     segment of the memory operand, override applied
 * @opsize:  operand size in bytes: 2, 4 or 8
 * @adsize:  address size in bytes: 2, 4 or 8
 * @mode:    as given to insn_decode()
 * @base:    base register of the memory operand, RIP, or INSN_REG_NONE
 * @index:   index register or INSN_REG_NONE
 * @scale:   shift count of the index
 * @reg:     ModRM.reg with its extension
 * @rm:      ModRM.rm or opcode register, with its extension
 * @feature: enum insn_feature
 * @enc:     enum insn_vex
 * @vvvv:    VEX.vvvv, not inverted any more
 * @vl:      VEX.L, EVEX.L'L
 */
struct insn {
	const struct insn_row *row;
	u64 imm;
	s32 disp;
	u16 imm2;
	u16 id;
	u8 length, opcode, modrm, prefix;
	u8 rex, seg, opsize, adsize;
	u8 mode, base, index, scale;
	u8 reg, rm, feature, enc;
	u8 vvvv, vl;
};

/**
 * insn_decode - decode one instruction
 * @insn:   [OUT] the instruction. After INSN_OK and INSN_NOT_IMPL all of it is
 *          valid; after the others only that @insn may have been written.
 * @bytes:  [IN] code
 * @nbytes: [IN] how many bytes may be read
 * @mode:   [IN] enum insn_mode, with flags
 *
 * LOCK where it is not allowed is INSN_INVALID, as is an undefined register
 * number. Whether the processor has the feature, privilege and mode are the
 * executor's business.
 *
 * Return: enum insn_decode_result. With INSN_SHORT, more bytes may help.
 */
int insn_decode(struct insn *insn, const u8 *bytes, unsigned int nbytes, unsigned int mode);

/**
 * insn_operand_size - width of an operand in bytes
 * @insn: a decoded instruction
 * @nr:   operand number, destination first
 *
 * Return: bytes; 0 when there is no such operand or it has no plain width.
 */
unsigned int insn_operand_size(const struct insn *insn, unsigned int nr);

/**
 * insn_one_address - does it access at most one place in memory?
 * @insn: a decoded instruction
 *
 * True of what moves and computes with an operand of its own (the families of ids.h up to the atomic ones);
 * strings, the stack, and all that reads tables may access several.
 */
static inline bool insn_one_address(const struct insn *insn)
{
	return insn->id >= INSN_OP_MOV && insn->id <= INSN_OP_CMPXCHG8B;
}

/* ------------------------------------------------------------ execution */

/* What execution and every call-back answers. */
enum insn_result {
	INSN_DONE,
	INSN_FAULT,		/* cpu->fault tells which exception */
	INSN_RETRY,		/* nothing changed; execute again (in a context that may do more) */
	INSN_EXIT,		/* nothing changed; serve the noted request, then execute again */
	INSN_UNIMPLEMENTED,	/* nothing changed; the emulator does not know this one */
};

/* Exception vectors. SDM volume 3 table 6-1. */
enum insn_exception {
	INSN_EXC_DE = 0, INSN_EXC_DB = 1, INSN_EXC_NMI = 2, INSN_EXC_BP = 3, INSN_EXC_OF = 4,
	INSN_EXC_BR = 5, INSN_EXC_UD = 6, INSN_EXC_NM = 7, INSN_EXC_DF = 8, INSN_EXC_TS = 10,
	INSN_EXC_NP = 11, INSN_EXC_SS = 12, INSN_EXC_GP = 13, INSN_EXC_PF = 14, INSN_EXC_MF = 16,
	INSN_EXC_AC = 17, INSN_EXC_MC = 18, INSN_EXC_XF = 19,
};

/**
 * struct insn_segment - a segment register with its hidden part
 * @base:     linear base
 * @limit:    in bytes, scaled
 * @selector: visible part
 * @attr:     descriptor bits 40-47 in 0-7, bits 52-55 in 8-11 (APM 15.5.1); a
 *            null or otherwise unusable segment has INSN_SEG_P clear
 */
struct insn_segment {
	u64 base;
	u32 limit;
	u16 selector;
	u16 attr;
};

#define INSN_SEG_TYPE	0x00f
#define INSN_SEG_S	0x010
#define INSN_SEG_DPL	0x060
#define INSN_SEG_P	0x080
#define INSN_SEG_L	0x200
#define INSN_SEG_DB	0x400
#define INSN_SEG_G	0x800

enum insn_table { INSN_GDTR, INSN_IDTR };

/* How memory is accessed; a call-back adds cpu->cpl == 3 itself unless SYSTEM. */
#define INSN_ACC_WRITE	0x1	/* in read(): the same bytes will be written (RMW) */
#define INSN_ACC_SYSTEM	0x2	/* supervisor access whatever the CPL: tables, TSS */
#define INSN_ACC_FETCH	0x4
#define INSN_ACC_LOCK	0x8	/* LOCK or implied: compare_swap() will follow a read() */
#define INSN_ACC_PROBE	0x10	/* read(): raise the fault of an access, but access nothing */

/* Events that end with an instruction: cpu->events. */
#define INSN_EV_SHADOW_STI	0x01	/* interrupts are held off for one instruction */
#define INSN_EV_SHADOW_SS	0x02	/* interrupts and debug traps are held off */
#define INSN_EV_HALT		0x04	/* HLT */
#define INSN_EV_REP		0x08	/* a REP has iterations left; RIP stays */
#define INSN_EV_NMI_UNMASK	0x10	/* IRET ended NMI masking */
#define INSN_EV_STEP		0x20	/* RFLAGS.TF was set: #DB with DR6.BS is due */
#define INSN_EV_BREAK		0x80	/* breakpoints were hit: #DB with cpu->hits in DR6 is due */
#define INSN_EV_TASK		0x40	/* debug trap bit of a new TSS: #DB with DR6.BT is due */

/* Things the environment does for an instruction: special(). */
enum insn_special {
	INSN_SP_INVLPG,		/* arg: linear address */
	INSN_SP_INVPCID,	/* arg: type; addr: the descriptor's linear address */
	INSN_SP_INVD, INSN_SP_WBINVD, INSN_SP_WBNOINVD,
	INSN_SP_CLFLUSH,	/* arg: linear address; may do nothing */
	INSN_SP_MONITOR,	/* arg: linear address */
	INSN_SP_MWAIT,		/* arg: hints */
	INSN_SP_PAUSE,
	INSN_SP_CACHE_FENCE,	/* LFENCE, MFENCE, SFENCE, SERIALIZE; arg: enum insn_id */
	INSN_SP_HYPERCALL,	/* VMCALL, VMMCALL; arg: enum insn_id */
};

struct insn_cpu;

/**
 * struct insn_fpu - a processor's FPU state in memory
 * @area:       an XSAVE area in standard form, 64-byte aligned: the layout is what cpuid() tells
 *              of leaf 0DH. FCW, MXCSR and the like are as FXSAVE64 writes them.
 * @components: what it holds, a bit each as in XCR0; what XCR0 can name is among them. 0: the host
 *              has no XSAVE, and only the legacy region counts.
 */
struct insn_fpu {
	u8 *area;
	u64 components;
};

/**
 * struct insn_ops - the world around the executor
 *
 * All call-backs return enum insn_result; one that returns INSN_FAULT has
 * filled cpu->fault, with insn_raise(). Linear addresses are canonical in
 * 64-bit mode and below 4 GiB elsewhere; segment checks are done. A call-back
 * may be NULL: then what needs it is INSN_UNIMPLEMENTED (special(): ignored).
 */
struct insn_ops {
	/**
	 * @fetch: code bytes
	 * @linear: [IN] address of the first byte
	 * @buf:    [OUT] the bytes
	 * @n:      [IN] wanted, 1 to 15; [OUT] got, at least 1. Fewer than wanted only
	 *          when the next page starts there; the executor asks again if it must.
	 */
	int (*fetch)(struct insn_cpu *cpu, u64 linear, u8 *buf, unsigned int *n);
	/**
	 * @read: data
	 * @data:  [OUT] @bytes bytes, 1 to 64; may cross a page: all or nothing
	 * @acc:   [IN] INSN_ACC_*; with WRITE, faults as a write would
	 */
	int (*read)(struct insn_cpu *cpu, u64 linear, void *data, unsigned int bytes, u32 acc);
	/**
	 * @write: data
	 * @data: [IN] @bytes bytes; when they cross a page either all are written or none
	 */
	int (*write)(struct insn_cpu *cpu, u64 linear, const void *data, unsigned int bytes,
		     u32 acc);
	/**
	 * @compare_swap: atomically replace
	 * @old: [IN] expected, [OUT] what was there; they are equal if @new was stored
	 * @new: [IN] what to store; @bytes is 1, 2, 4, 8 or 16
	 *
	 * NULL: read() and write() are used; right for a machine with one processor.
	 */
	int (*compare_swap)(struct insn_cpu *cpu, u64 linear, void *old, const void *new,
		       unsigned int bytes, u32 acc);
	/* @iterated: a REP iteration was committed; forget answers given to it. May be NULL. */
	void (*iterated)(struct insn_cpu *cpu);

	/* @io_in, @io_out: @bytes is 1, 2 or 4. Permission was checked. */
	int (*io_in)(struct insn_cpu *cpu, u16 port, unsigned int bytes, u32 *value);
	int (*io_out)(struct insn_cpu *cpu, u16 port, unsigned int bytes, u32 value);

	/* @get_segment: [OUT] cpu->seg[nr]; called for those not in cpu->seg_valid. */
	int (*get_segment)(struct insn_cpu *cpu, unsigned int nr);
	/* @set_segment: cpu->seg[nr] was changed; cannot fail. May be NULL. */
	void (*set_segment)(struct insn_cpu *cpu, unsigned int nr);
	int (*get_table)(struct insn_cpu *cpu, enum insn_table which, u64 *base, u16 *limit);
	int (*set_table)(struct insn_cpu *cpu, enum insn_table which, u64 base, u16 limit);

	/*
	 * @read_cr, @write_cr: 0, 2, 3, 4, 8; @write_cr checks the value (raising #GP(0)), does
	 * what follows from it and keeps cpu->cr0, cr4 and efer current.
	 */
	int (*read_cr)(struct insn_cpu *cpu, unsigned int nr, u64 *value);
	int (*write_cr)(struct insn_cpu *cpu, unsigned int nr, u64 value);
	/* @read_dr, @write_dr: 0-3, 6, 7; aliases, CR4.DE and DR7.GD were seen to. */
	int (*read_dr)(struct insn_cpu *cpu, unsigned int nr, u64 *value);
	int (*write_dr)(struct insn_cpu *cpu, unsigned int nr, u64 value);
	/* @read_msr, @write_msr: as RDMSR and WRMSR at CPL 0 (raising #GP(0)). A written FS or
	 * GS base is fetched again with get_segment(). */
	int (*read_msr)(struct insn_cpu *cpu, u32 index, u64 *value);
	int (*write_msr)(struct insn_cpu *cpu, u32 index, u64 value);
	int (*read_xcr)(struct insn_cpu *cpu, u32 index, u64 *value);
	int (*write_xcr)(struct insn_cpu *cpu, u32 index, u64 value);
	/* @cpuid: regs are EAX, EBX, ECX, EDX, in and out. */
	int (*cpuid)(struct insn_cpu *cpu, u32 regs[4]);
	int (*rdpmc)(struct insn_cpu *cpu, u32 index, u64 *value);
	/* @random: RDRAND (or RDSEED); *ok false: none at hand, CF is cleared. */
	int (*random)(struct insn_cpu *cpu, bool seed, u64 *value, bool *ok);
	int (*special)(struct insn_cpu *cpu, enum insn_special what, u64 arg, u64 addr);

	/*
	 * @fpu: [OUT] where the x87, SSE and AVX registers are; what the executor writes there
	 * counts. NULL: instructions that need them are INSN_UNIMPLEMENTED.
	 */
	int (*fpu)(struct insn_cpu *cpu, struct insn_fpu *fpu);
	/* @fpu_run: call @fn where the host's vector and x87 registers may be used. NULL: anywhere. */
	void (*fpu_run)(struct insn_cpu *cpu, void (*fn)(void *arg), void *arg);
};

enum insn_vendor { INSN_VENDOR_INTEL, INSN_VENDOR_AMD };

/**
 * struct insn_cpu - a processor as the executor sees it
 * @ops:       [IN] the world
 * @gpr:       [IN/OUT] general registers, enum insn_gpr
 * @rip:       [IN/OUT] of the instruction, then of the next one
 * @rflags:    [IN/OUT]
 * @cr0:       [IN/OUT] current; a write_cr() call-back keeps it so, as @cr4 and @efer
 * @cr4:       [IN/OUT]
 * @efer:      [IN/OUT]
 * @cpl:       [IN/OUT]
 * @vendor:    [IN] enum insn_vendor: where the two differ
 * @max_rep:   [IN] REP iterations in one call, at least 1
 * @events:    [OUT] INSN_EV_*
 * @seg_valid: [IN/OUT] bit per segment: cpu->seg[] is current. CS must be.
 * @seg:       [IN/OUT]
 * @pkru:      [IN/OUT] protection keys of user pages
 * @features:  [IN] bit per enum insn_feature; see insn_features_from_cpuid()
 * @host_features: [IN] those of the processor this runs on: x87 and SSE arithmetic is the host's
 * @dr:        [IN] breakpoint addresses, with @dr7: data and port breakpoints of what instructions
 *             access are noted; instruction breakpoints are the caller's
 * @dr7:       [IN] 0 where the caller does not care for them
 * @hits:      [OUT] with INSN_EV_BREAK: bits 3:0 for DR6; the caller clears it
 * @fault:     [OUT] with INSN_FAULT
 */
struct insn_cpu {
	const struct insn_ops *ops;
	u64 gpr[INSN_GPRS];
	u64 rip;
	u64 rflags;
	u64 cr0, cr4, efer;
	u8 cpl, vendor;
	u16 max_rep;
	u16 events;
	u16 seg_valid;
	u32 pkru;
	u64 features[2], host_features[2];
	u64 dr[4], dr7;
	u8 hits;
	struct {
		u8 vector;
		bool has_error;
		u32 error;
		u64 payload;	/* #PF: CR2; #DB: bits for DR6 */
	} fault;
	struct insn_segment seg[INSN_SEG_END];
};

static inline bool insn_has(const struct insn_cpu *cpu, unsigned int feature)
{
	return cpu->features[feature >> 6] >> (feature & 63) & 1;
}

/**
 * insn_raise - note an exception; for call-backs and the executor
 * @cpu:    the processor
 * @vector: enum insn_exception; #PF by insn_raise_pf()
 * @error:  error code, pushed only for vectors that have one
 *
 * Return: INSN_FAULT.
 */
int insn_raise(struct insn_cpu *cpu, u8 vector, u32 error);
int insn_raise_pf(struct insn_cpu *cpu, u64 cr2, u32 error);
int insn_raise_db(struct insn_cpu *cpu, u64 dr6);

/**
 * insn_cpu_mode - mode for insn_decode(), from CS, EFER and the vendor
 */
unsigned int insn_cpu_mode(const struct insn_cpu *cpu);

/**
 * insn_fetch_decode - fetch and decode the instruction at CS:RIP
 * @cpu:  [IN] the processor
 * @insn: [OUT] the instruction
 *
 * Return: INSN_DONE; INSN_FAULT (#UD, #GP for length or limit, #PF of the fetch);
 * what fetch() returned; INSN_UNIMPLEMENTED for a form without a row (its length
 * is valid).
 */
int insn_fetch_decode(struct insn_cpu *cpu, struct insn *insn);

/**
 * insn_execute - carry out a decoded instruction
 * @cpu:  [IN/OUT] the processor; @rip is that of the instruction
 * @insn: [IN] from insn_decode()
 *
 * Return: enum insn_result. After INSN_DONE registers, RIP, RFLAGS and
 * cpu->events are those after the instruction (after some iterations, with
 * INSN_EV_REP). The caller acts on events and delivers exceptions.
 */
int insn_execute(struct insn_cpu *cpu, const struct insn *insn);

/* Where an event comes from: struct insn_event @type. */
enum insn_event_type {
	INSN_EVENT_EXTERNAL,	/* an interrupt of the interrupt controller, or NMI */
	INSN_EVENT_EXCEPTION,
	INSN_EVENT_SOFT_INT,	/* INT n */
	INSN_EVENT_SOFT_EXC,	/* INT3, INTO */
	INSN_EVENT_INT1,
};

/**
 * struct insn_event - an interrupt or exception to deliver
 * @vector:    its vector
 * @type:      enum insn_event_type
 * @has_error: an error code is pushed (not in real mode)
 * @error:     it
 */
struct insn_event {
	u8 vector;
	u8 type;
	bool has_error;
	u32 error;
};

/**
 * insn_deliver - deliver an event through the IVT or IDT
 * @cpu:   [IN/OUT] the processor; @rip and @rflags are what is pushed (the
 *         caller has set RF for a fault, CR2 for #PF and DR6 for #DB)
 * @event: [IN]
 *
 * Task gates switch tasks. A fault on the way is returned, not turned into #DF:
 * which pairs make a double fault is the caller's table (SDM table 6-5).
 *
 * Return: enum insn_result.
 */
int insn_deliver(struct insn_cpu *cpu, const struct insn_event *event);

enum insn_task_reason { INSN_TASK_JMP, INSN_TASK_CALL, INSN_TASK_IRET, INSN_TASK_GATE };

/**
 * insn_task_switch - switch to the task of a TSS
 * @cpu:      [IN/OUT] the processor; @rip is saved into the old TSS
 * @selector: [IN] of the new TSS; ignored for IRET, which follows the back link
 * @reason:   [IN] enum insn_task_reason
 * @event:    [IN] with GATE: the event, whose error code goes to the new stack
 *
 * For task-switch exits and for insn_execute(). A fault after the commit point
 * (SDM volume 3 section 7.3) is returned with the processor in the new task.
 *
 * Return: enum insn_result. INSN_EV_TASK if the new TSS asks for a trap.
 */
int insn_task_switch(struct insn_cpu *cpu, u16 selector, enum insn_task_reason reason,
		     const struct insn_event *event);

/* insn_can_execute - whether insn_execute() knows what this instruction does */
bool insn_can_execute(const struct insn *insn);

/* insn_step - insn_fetch_decode() and insn_execute() */
int insn_step(struct insn_cpu *cpu);

/**
 * insn_features_from_cpuid - fill cpu->features
 * @features: [OUT] two words
 * @ask:      [IN] whether a CPUID bit is set
 * @ctx:      [IN] for @ask
 */
void insn_features_from_cpuid(u64 features[2],
			      bool (*ask)(void *ctx, const struct insn_cpuid_bit *bit), void *ctx);

#endif /* FERRY_LIB_INSN_INSN_H */
