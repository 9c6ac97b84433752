/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside the executor: one execution's context, operands, memory, flags.
 *
 * A handler computes first, writes memory next and registers last, so that a
 * fault on the way leaves nothing behind. RIP and RFLAGS are committed by
 * insn_execute() when the handler says INSN_DONE.
 */
#ifndef FERRY_LIB_INSN_EXEC_H
#define FERRY_LIB_INSN_EXEC_H

#include "row.h"

/* RFLAGS. SDM volume 1 figure 3-8. */
#define FL_CF	0x00000001
#define FL_ONE	0x00000002
#define FL_PF	0x00000004
#define FL_AF	0x00000010
#define FL_ZF	0x00000040
#define FL_SF	0x00000080
#define FL_TF	0x00000100
#define FL_IF	0x00000200
#define FL_DF	0x00000400
#define FL_OF	0x00000800
#define FL_IOPL	0x00003000
#define FL_NT	0x00004000
#define FL_RF	0x00010000
#define FL_VM	0x00020000
#define FL_AC	0x00040000
#define FL_VIF	0x00080000
#define FL_VIP	0x00100000
#define FL_ID	0x00200000
#define FL_ARITH (FL_CF | FL_PF | FL_AF | FL_ZF | FL_SF | FL_OF)

#define CR0_PE	0x00000001ULL
#define CR0_MP	0x00000002ULL
#define CR0_EM	0x00000004ULL
#define CR0_TS	0x00000008ULL
#define CR0_NE	0x00000020ULL
#define CR0_WP	0x00010000ULL
#define CR0_AM	0x00040000ULL
#define CR0_PG	0x80000000ULL

#define CR4_VME	0x000001ULL
#define CR4_PVI	0x000002ULL
#define CR4_TSD	0x000004ULL
#define CR4_DE	0x000008ULL
#define CR4_PSE	0x000010ULL
#define CR4_PAE	0x000020ULL
#define CR4_PGE	0x000080ULL
#define CR4_PCE	0x000100ULL
#define CR4_OSFXSR 0x000200ULL
#define CR4_UMIP 0x000800ULL
#define CR4_LA57 0x001000ULL
#define CR4_FSGSBASE 0x010000ULL
#define CR4_PCIDE 0x020000ULL
#define CR4_OSXSAVE 0x040000ULL
#define CR4_SMEP 0x100000ULL
#define CR4_SMAP 0x200000ULL
#define CR4_PKE	0x400000ULL
#define CR4_CET	0x800000ULL

#define EFER_SCE 0x001ULL
#define EFER_LME 0x100ULL
#define EFER_LMA 0x400ULL
#define EFER_NXE 0x800ULL
#define EFER_FFXSR 0x4000ULL

/**
 * struct exec - one execution
 * @cpu:   the processor
 * @insn:  the instruction
 * @rip:   RIP if the handler succeeds
 * @flags: RFLAGS if the handler succeeds
 * @ea:    offset of the ModRM memory operand, address size applied
 * @ext:   error codes that name a selector have EXT set: an event came from outside
 */
struct exec {
	struct insn_cpu *cpu;
	const struct insn *insn;
	u64 rip;
	u64 flags;
	u64 ea;
	u32 ext;
};

typedef int (*insn_handler)(struct exec *x);

#define TRY(expr) do {							\
	int _ret = (expr);						\
	if (unlikely(_ret != INSN_DONE))				\
		return _ret;						\
} while (0)

#define DR7_ENABLED 0xffULL

static inline bool is_64bit(const struct exec *x)
{
	return (x->insn->mode & INSN_MODE_MASK) == INSN_MODE_64;
}

static inline bool is_protected(const struct insn_cpu *cpu)
{
	return cpu->cr0 & CR0_PE && !(cpu->rflags & FL_VM);
}

static inline bool is_vm86(const struct insn_cpu *cpu)
{
	return cpu->rflags & FL_VM;
}

/* Long mode is active, compatibility mode included. */
static inline bool is_long(const struct insn_cpu *cpu)
{
	return cpu->efer & EFER_LMA;
}

static inline int raise(struct exec *x, u8 vector, u32 error)
{
	return insn_raise(x->cpu, vector, error);
}

#define gp0(x) raise(x, INSN_EXC_GP, 0)
#define ud(x) raise(x, INSN_EXC_UD, 0)

/* ----- widths */

static inline u64 mask_of(unsigned int bytes)
{
	return bytes == 8 ? ~0ULL : (1ULL << (bytes * 8)) - 1;
}

static inline u64 sign_extend(u64 value, unsigned int bytes)
{
	unsigned int shift = 64 - bytes * 8;

	return (u64)((s64)(value << shift) >> shift);
}

/* ----- registers */

/* Without REX, byte registers 4 to 7 are AH, CH, DH, BH. */
static inline bool is_high_byte(const struct insn *insn, unsigned int nr, unsigned int bytes)
{
	return bytes == 1 && nr >= 4 && nr < 8 && !(insn->prefix & INSN_PFX_REX);
}

static inline u64 get_gpr(const struct exec *x, unsigned int nr, unsigned int bytes)
{
	if (unlikely(is_high_byte(x->insn, nr, bytes)))
		return x->cpu->gpr[nr - 4] >> 8 & 0xff;
	return x->cpu->gpr[nr] & mask_of(bytes);
}

/* A 32-bit result clears the upper half; 8- and 16-bit ones leave it. */
static inline void set_gpr(struct exec *x, unsigned int nr, unsigned int bytes, u64 value)
{
	u64 *reg = &x->cpu->gpr[nr];

	switch (bytes) {
	case 8:
		*reg = value;
		break;
	case 4:
		*reg = (u32)value;
		break;
	case 2:
		*reg = (*reg & ~0xffffULL) | (u16)value;
		break;
	default:
		if (unlikely(is_high_byte(x->insn, nr, 1))) {
			reg = &x->cpu->gpr[nr - 4];
			*reg = (*reg & ~0xff00ULL) | (u64)(u8)value << 8;
		} else {
			*reg = (*reg & ~0xffULL) | (u8)value;
		}
		break;
	}
}

/* Registers as addresses: only the low bits of the address size exist. */
static inline void set_gpr_low(struct insn_cpu *cpu, unsigned int nr, unsigned int bytes, u64 value)
{
	if (bytes == 2)
		cpu->gpr[nr] = (cpu->gpr[nr] & ~0xffffULL) | (u16)value;
	else
		cpu->gpr[nr] = bytes == 4 ? (u32)value : value;
}

/* ----- memory.c: segmentation, alignment, the call-backs */

int linear_address(struct exec *x, unsigned int seg, u64 offset, unsigned int bytes, bool write,
		   u64 *linear);
int mem_read(struct exec *x, unsigned int seg, u64 offset, void *data, unsigned int bytes, u32 acc);
int mem_write(struct exec *x, unsigned int seg, u64 offset, const void *data, unsigned int bytes,
	      u32 acc);
/* #AC, when it is on. */
int check_alignment(struct exec *x, u64 linear, unsigned int bytes);
/* Data and port breakpoints on an access. @port: of a port, else by @write. */
void note_breakpoints(struct insn_cpu *cpu, u64 address, unsigned int bytes, bool write, bool port);
/* Supervisor accesses to tables, by linear address. */
int sys_read(struct insn_cpu *cpu, u64 linear, void *data, unsigned int bytes);
int sys_write(struct insn_cpu *cpu, u64 linear, const void *data, unsigned int bytes);
int load_segment_cache(struct insn_cpu *cpu, unsigned int nr);
bool is_canonical(const struct insn_cpu *cpu, u64 linear);
void effective_address(struct exec *x, u64 rsp_bias);

static inline int mem_read_u(struct exec *x, unsigned int seg, u64 offset, u64 *value,
			     unsigned int bytes, u32 acc)
{
	*value = 0;
	return mem_read(x, seg, offset, value, bytes, acc);
}

static inline int mem_write_u(struct exec *x, unsigned int seg, u64 offset, u64 value,
			      unsigned int bytes)
{
	return mem_write(x, seg, offset, &value, bytes, 0);
}

/* ----- operands (operand.c) */

unsigned int op_size(const struct exec *x, unsigned int nr);
static inline bool op_is_mem(const struct exec *x, unsigned int nr)
{
	unsigned int kind = OPC_KIND(x->insn->row->op[nr]);

	return (kind == K_E && x->insn->prefix & INSN_PFX_MEM) || kind == K_MOFFS;
}
int get_op(struct exec *x, unsigned int nr, unsigned int bytes, u64 *value);
/* For an operand that will be written as well: faults as the write would. */
int get_op_rw(struct exec *x, unsigned int nr, unsigned int bytes, u64 *value);
int put_op(struct exec *x, unsigned int nr, unsigned int bytes, u64 value);
/*
 * Second half of a read-modify-write: LOCK and XCHG compare with what get_op_rw() gave.
 * INSN_RETRY when another processor was faster.
 */
int put_op_rw(struct exec *x, unsigned int nr, unsigned int bytes, u64 old, u64 value);

/* ----- stack (stack.c): a pointer that is committed last */

struct stack {
	u64 sp;
	u8 width;	/* 2, 4 or 8: how much of rSP counts */
};

int stack_width(struct exec *x, unsigned int *width);
int stack_open(struct exec *x, struct stack *s);
int stack_push(struct exec *x, struct stack *s, u64 value, unsigned int bytes);
/* Would a push of @bytes fault? */
int stack_probe(struct exec *x, const struct stack *s, unsigned int bytes);
int stack_pop(struct exec *x, struct stack *s, u64 *value, unsigned int bytes);
void stack_close(struct exec *x, const struct stack *s);

/* ----- flags */

static inline u64 parity(u64 value)
{
	/* PF is set for an even number of ones in the low byte. */
	value ^= value >> 4;
	return (u64)(0x9669 >> (value & 15) & 1) << 2;
}

static inline u64 flags_szp(u64 result, unsigned int bytes)
{
	u64 fl = parity(result);

	if (!result)
		fl |= FL_ZF;
	return fl | (result >> (bytes * 8 - 1) & 1) << 7;
}

static inline void set_arith(struct exec *x, u64 which, u64 value)
{
	x->flags = (x->flags & ~which) | (value & which);
}

/* alu.c */
u64 alu_add(u64 a, u64 b, u64 carry, unsigned int bytes, u64 *fl);
u64 alu_sub(u64 a, u64 b, u64 borrow, unsigned int bytes, u64 *fl);
u64 mul_high(u64 a, u64 b, u64 *low);
bool condition(u64 flags, unsigned int cc);

/* ----- control transfer (flow.c, far.c) */

u64 writable_flags(const struct insn_cpu *cpu, unsigned int bytes);

/* Make @target the next RIP: size applied, limit or canonical form checked. */
int jump_near(struct exec *x, u64 target);

/* I/O permission: IOPL, then the TSS's bitmap (SDM volume 1 section 19.5). */
int check_io(struct exec *x, u16 port, unsigned int bytes);

/* special() if there is one. */
int do_special(struct exec *x, enum insn_special what, u64 arg, u64 addr);

/* Every handler: INSN_HANDLERS in exec.c maps ids to them. */
#define H(name) int x_##name(struct exec *x)
H(mov); H(movzx); H(movsx); H(lea); H(xchg); H(xlat); H(movbe); H(bswap); H(cbw); H(cwd);
H(cmov); H(setcc); H(lahf); H(sahf); H(salc);
H(add); H(or); H(adc); H(sbb); H(and); H(sub); H(xor); H(cmp); H(test); H(not); H(neg);
H(inc); H(dec); H(mul); H(imul1); H(imul); H(div); H(idiv); H(adcx); H(crc32);
H(rol); H(ror); H(rcl); H(rcr); H(shl); H(shr); H(sar); H(shld); H(shrd);
H(bt); H(bsf); H(bsr); H(tzcnt); H(lzcnt); H(popcnt); H(andn); H(bextr); H(bls);
H(bzhi); H(mulx); H(pdep); H(pext); H(rorx); H(shiftx);
H(daa); H(das); H(aaa); H(aas); H(aam); H(aad);
H(cmpxchg); H(xadd); H(cmpxchg8b);
H(movs); H(cmps); H(stos); H(lods); H(scas); H(ins); H(outs); H(in); H(out);
H(push); H(pop); H(pusha); H(popa); H(pushf); H(popf); H(enter); H(leave);
H(jcc); H(jmp); H(call); H(ret); H(loop); H(jcxz); H(bound);
H(clc); H(stc); H(cmc); H(cld); H(std); H(cli); H(sti); H(clac); H(nop); H(pause);
H(hlt); H(ud); H(fence); H(fwait);
H(mov_from_cr); H(mov_to_cr); H(mov_from_dr); H(mov_to_dr); H(clts); H(smsw); H(lmsw);
H(sgdt); H(lgdt); H(sldt); H(invlpg); H(invpcid); H(invd); H(clflush); H(clzero);
H(rdmsr); H(wrmsr); H(rdtsc); H(rdpid); H(rdpmc); H(cpuid); H(rdrand); H(xgetbv); H(xsetbv);
H(rdpkru); H(wrpkru); H(monitor); H(mwait); H(swapgs); H(rdfsbase); H(wrfsbase);
H(mov_from_seg); H(mov_to_seg); H(push_seg); H(pop_seg); H(load_far); H(lldt); H(ltr);
H(lar); H(lsl); H(verr); H(arpl);
H(jmp_far); H(call_far); H(ret_far); H(int); H(int3); H(into); H(int1); H(iret);
H(syscall); H(sysret); H(sysenter); H(sysexit); H(vector_move);
H(emms); H(ldmxcsr); H(stmxcsr); H(fxsave); H(fxrstor); H(xsave); H(xrstor);
#undef H

#endif /* FERRY_LIB_INSN_EXEC_H */
