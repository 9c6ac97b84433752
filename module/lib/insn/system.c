// SPDX-License-Identifier: GPL-2.0-only
/*
 * Control, debug and model-specific registers, tables, caches, time, CPUID.
 *
 * Privilege that a table row can say (CPL 0) was checked before; what depends
 * on more is checked here. SDM volume 2, page of each; volume 3 chapter 2.
 *
 * Pure functions over struct exec; takes no locks.
 */
#include "exec.h"

#define MSR_TSC			0x10
#define MSR_TSC_AUX		0xc0000103
#define MSR_FS_BASE		0xc0000100
#define MSR_GS_BASE		0xc0000101
#define MSR_KERNEL_GS_BASE	0xc0000102

#define DR7_GD	0x2000ULL
#define DR6_BD	0x2000ULL

/* A call-back, or INSN_UNIMPLEMENTED when there is none. */
#define CALL(x, op, ...)						\
	((x)->cpu->ops->op ? (x)->cpu->ops->op((x)->cpu, ##__VA_ARGS__) : INSN_UNIMPLEMENTED)

static u64 edx_eax(const struct exec *x)
{
	return (u32)x->cpu->gpr[INSN_RAX] | x->cpu->gpr[INSN_RDX] << 32;
}

static void put_edx_eax(struct exec *x, u64 value)
{
	x->cpu->gpr[INSN_RAX] = (u32)value;
	x->cpu->gpr[INSN_RDX] = value >> 32;
}

/* ----- control and debug registers */

/* AMD: LOCK turns CR0 into CR8. */
static unsigned int cr_number(const struct exec *x)
{
	return x->insn->reg | (x->insn->prefix & INSN_PFX_LOCK ? 8 : 0);
}

int x_mov_from_cr(struct exec *x)
{
	u64 value;

	TRY(CALL(x, read_cr, cr_number(x), &value));
	set_gpr(x, x->insn->rm, x->insn->opsize, value);
	return INSN_DONE;
}

int x_mov_to_cr(struct exec *x)
{
	return CALL(x, write_cr, cr_number(x), get_gpr(x, x->insn->rm, x->insn->opsize));
}

/* DR4 and DR5 are DR6 and DR7 unless CR4.DE; DR7.GD guards all of them. */
static int check_dr(struct exec *x, unsigned int *nr)
{
	u64 dr7;

	*nr = x->insn->reg;
	if (*nr == 4 || *nr == 5) {
		if (x->cpu->cr4 & CR4_DE)
			return ud(x);
		*nr += 2;
	}
	TRY(CALL(x, read_dr, 7, &dr7));
	if (dr7 & DR7_GD)
		return insn_raise_db(x->cpu, DR6_BD);
	return INSN_DONE;
}

int x_mov_from_dr(struct exec *x)
{
	unsigned int nr;
	u64 value;

	TRY(check_dr(x, &nr));
	TRY(CALL(x, read_dr, nr, &value));
	set_gpr(x, x->insn->rm, x->insn->opsize, value);
	return INSN_DONE;
}

int x_mov_to_dr(struct exec *x)
{
	u64 value = get_gpr(x, x->insn->rm, x->insn->opsize);
	unsigned int nr;

	TRY(check_dr(x, &nr));
	if (nr >= 6 && value >> 32)
		return gp0(x);
	return CALL(x, write_dr, nr, value);
}

int x_clts(struct exec *x)
{
	return CALL(x, write_cr, 0, x->cpu->cr0 & ~CR0_TS);
}

/* CR4.UMIP: SGDT, SIDT, SLDT, SMSW and STR are for CPL 0. */
static bool umip_forbids(const struct exec *x)
{
	return x->cpu->cr4 & CR4_UMIP && x->cpu->cpl;
}

int x_smsw(struct exec *x)
{
	if (umip_forbids(x))
		return gp0(x);
	return put_op(x, 0, op_size(x, 0), x->cpu->cr0);
}

/* PE can be set, not cleared. */
int x_lmsw(struct exec *x)
{
	u64 value;

	TRY(get_op(x, 0, 2, &value));
	return CALL(x, write_cr, 0, (x->cpu->cr0 & ~0xeULL) | (value & 0xf));
}

/* ----- tables */

static enum insn_table table_of(const struct exec *x)
{
	u16 id = x->insn->id;

	return id == INSN_OP_SGDT || id == INSN_OP_LGDT ? INSN_GDTR : INSN_IDTR;
}

int x_sgdt(struct exec *x)
{
	u8 image[10];
	u16 limit;
	u64 base;

	if (umip_forbids(x))
		return gp0(x);
	TRY(CALL(x, get_table, table_of(x), &base, &limit));
	memcpy(image, &limit, 2);
	memcpy(image + 2, &base, 8);
	return mem_write(x, x->insn->seg, x->ea, image, is_64bit(x) ? 10 : 6, 0);
}

/* With a 16-bit operand size the base has 24 bits. */
int x_lgdt(struct exec *x)
{
	u8 image[10] = { 0 };
	u16 limit;
	u64 base;

	TRY(mem_read(x, x->insn->seg, x->ea, image, is_64bit(x) ? 10 : 6, 0));
	memcpy(&limit, image, 2);
	memcpy(&base, image + 2, 8);
	if (!is_64bit(x) && x->insn->opsize == 2)
		base &= 0xffffff;
	if (is_64bit(x) && !is_canonical(x->cpu, base))
		return gp0(x);
	return CALL(x, set_table, table_of(x), base, limit);
}

/* SLDT and STR: 16 bits to memory, the operand size to a register. */
int x_sldt(struct exec *x)
{
	unsigned int nr = x->insn->id == INSN_OP_SLDT ? INSN_LDTR : INSN_TR;

	if (umip_forbids(x))
		return gp0(x);
	TRY(load_segment_cache(x->cpu, nr));
	return put_op(x, 0, op_is_mem(x, 0) ? 2 : x->insn->opsize, x->cpu->seg[nr].selector);
}

/* ----- FS and GS base */

static int write_segment_base(struct exec *x, unsigned int nr, u64 base)
{
	TRY(load_segment_cache(x->cpu, nr));
	x->cpu->seg[nr].base = base;
	if (x->cpu->ops->set_segment)
		x->cpu->ops->set_segment(x->cpu, nr);
	return INSN_DONE;
}

int x_swapgs(struct exec *x)
{
	u64 kernel, user;

	TRY(load_segment_cache(x->cpu, INSN_GS));
	TRY(CALL(x, read_msr, MSR_KERNEL_GS_BASE, &kernel));
	user = x->cpu->seg[INSN_GS].base;
	TRY(CALL(x, write_msr, MSR_KERNEL_GS_BASE, user));
	return write_segment_base(x, INSN_GS, kernel);
}

int x_rdfsbase(struct exec *x)
{
	unsigned int nr = x->insn->id == INSN_OP_RDFSBASE ? INSN_FS : INSN_GS;

	if (!(x->cpu->cr4 & CR4_FSGSBASE))
		return ud(x);
	TRY(load_segment_cache(x->cpu, nr));
	return put_op(x, 0, op_size(x, 0), x->cpu->seg[nr].base);
}

int x_wrfsbase(struct exec *x)
{
	unsigned int nr = x->insn->id == INSN_OP_WRFSBASE ? INSN_FS : INSN_GS;
	u64 base;

	if (!(x->cpu->cr4 & CR4_FSGSBASE))
		return ud(x);
	TRY(get_op(x, 0, op_size(x, 0), &base));
	if (!is_canonical(x->cpu, base))
		return gp0(x);
	return write_segment_base(x, nr, base);
}

/* ----- translations and caches */

int x_invlpg(struct exec *x)
{
	u64 linear = x->ea;

	/* No limit and no type is checked; a non-canonical address does nothing. */
	if (!is_64bit(x) || x->insn->seg >= INSN_FS) {
		TRY(load_segment_cache(x->cpu, x->insn->seg));
		linear += x->cpu->seg[x->insn->seg].base;
	}
	if (!is_64bit(x))
		linear = (u32)linear;
	else if (!is_canonical(x->cpu, linear))
		return INSN_DONE;
	return do_special(x, INSN_SP_INVLPG, linear, 0);
}

int x_invpcid(struct exec *x)
{
	u64 type = get_gpr(x, x->insn->reg, is_64bit(x) ? 8 : 4);
	u64 descriptor[2];

	TRY(mem_read(x, x->insn->seg, x->ea, descriptor, 16, 0));
	if (type > 3 || (type < 2 && descriptor[0] >> 12))
		return gp0(x);
	if (type == 0 && !is_canonical(x->cpu, descriptor[1]))
		return gp0(x);
	if (type < 2 && !(x->cpu->cr4 & CR4_PCIDE) && descriptor[0])
		return gp0(x);
	return do_special(x, INSN_SP_INVPCID, type, descriptor[1]);
}

int x_invd(struct exec *x)
{
	return do_special(x, x->insn->id == INSN_OP_INVD ? INSN_SP_INVD :
			  x->insn->id == INSN_OP_WBINVD ? INSN_SP_WBINVD : INSN_SP_WBNOINVD, 0, 0);
}

/* CLFLUSH, CLFLUSHOPT, CLWB: checked like a one-byte load. */
int x_clflush(struct exec *x)
{
	u64 linear, unused;

	TRY(mem_read_u(x, x->insn->seg, x->ea, &unused, 1, INSN_ACC_PROBE));
	TRY(linear_address(x, x->insn->seg, x->ea, 1, false, &linear));
	return do_special(x, INSN_SP_CLFLUSH, linear, 0);
}

/* The 64 bytes around rAX. */
int x_clzero(struct exec *x)
{
	static const u8 zeros[64];

	return mem_write(x, x->insn->seg,
			 x->cpu->gpr[INSN_RAX] & mask_of(x->insn->adsize) & ~63ULL, zeros, 64, 0);
}

/* ----- MSRs, time, identification */

int x_rdmsr(struct exec *x)
{
	u64 value;

	TRY(CALL(x, read_msr, (u32)x->cpu->gpr[INSN_RCX], &value));
	put_edx_eax(x, value);
	return INSN_DONE;
}

int x_wrmsr(struct exec *x)
{
	u32 index = (u32)x->cpu->gpr[INSN_RCX];

	TRY(CALL(x, write_msr, index, edx_eax(x)));
	if (x->cpu->ops->get_segment && (index == MSR_FS_BASE || index == MSR_GS_BASE))
		x->cpu->seg_valid &= ~(BIT(INSN_FS) | BIT(INSN_GS));
	return INSN_DONE;
}

/* RDTSC and RDTSCP. */
int x_rdtsc(struct exec *x)
{
	u64 tsc, aux = 0;

	if (x->cpu->cr4 & CR4_TSD && x->cpu->cpl)
		return gp0(x);
	TRY(CALL(x, read_msr, MSR_TSC, &tsc));
	if (x->insn->id == INSN_OP_RDTSCP) {
		TRY(CALL(x, read_msr, MSR_TSC_AUX, &aux));
		x->cpu->gpr[INSN_RCX] = (u32)aux;
	}
	put_edx_eax(x, tsc);
	return INSN_DONE;
}

int x_rdpid(struct exec *x)
{
	u64 aux;

	TRY(CALL(x, read_msr, MSR_TSC_AUX, &aux));
	return put_op(x, 0, op_size(x, 0), (u32)aux);
}

int x_rdpmc(struct exec *x)
{
	u64 value;

	if (!(x->cpu->cr4 & CR4_PCE) && x->cpu->cpl)
		return gp0(x);
	TRY(CALL(x, rdpmc, (u32)x->cpu->gpr[INSN_RCX], &value));
	put_edx_eax(x, value);
	return INSN_DONE;
}

int x_cpuid(struct exec *x)
{
	u64 *gpr = x->cpu->gpr;
	u32 regs[4] = { (u32)gpr[INSN_RAX], (u32)gpr[INSN_RBX], (u32)gpr[INSN_RCX],
			(u32)gpr[INSN_RDX] };

	TRY(CALL(x, cpuid, regs));
	gpr[INSN_RAX] = regs[0];
	gpr[INSN_RBX] = regs[1];
	gpr[INSN_RCX] = regs[2];
	gpr[INSN_RDX] = regs[3];
	return INSN_DONE;
}

int x_rdrand(struct exec *x)
{
	bool good = false;
	u64 value = 0;

	TRY(CALL(x, random, x->insn->id == INSN_OP_RDSEED, &value, &good));
	TRY(put_op(x, 0, op_size(x, 0), good ? value : 0));
	set_arith(x, FL_ARITH, good ? FL_CF : 0);
	return INSN_DONE;
}

int x_xgetbv(struct exec *x)
{
	u64 value;

	if (!(x->cpu->cr4 & CR4_OSXSAVE))
		return ud(x);
	TRY(CALL(x, read_xcr, (u32)x->cpu->gpr[INSN_RCX], &value));
	put_edx_eax(x, value);
	return INSN_DONE;
}

int x_xsetbv(struct exec *x)
{
	if (!(x->cpu->cr4 & CR4_OSXSAVE))
		return ud(x);
	if (x->cpu->cpl)
		return gp0(x);
	return CALL(x, write_xcr, (u32)x->cpu->gpr[INSN_RCX], edx_eax(x));
}

int x_rdpkru(struct exec *x)
{
	if (!(x->cpu->cr4 & CR4_PKE))
		return ud(x);
	if ((u32)x->cpu->gpr[INSN_RCX])
		return gp0(x);
	put_edx_eax(x, x->cpu->pkru);
	return INSN_DONE;
}

int x_wrpkru(struct exec *x)
{
	if (!(x->cpu->cr4 & CR4_PKE))
		return ud(x);
	if ((u32)x->cpu->gpr[INSN_RCX] || (u32)x->cpu->gpr[INSN_RDX])
		return gp0(x);
	x->cpu->pkru = (u32)x->cpu->gpr[INSN_RAX];
	return INSN_DONE;
}

/* MONITOR and MWAIT: #UD above CPL 0; the AMD pair with an X works everywhere. */
int x_monitor(struct exec *x)
{
	u64 offset = x->cpu->gpr[INSN_RAX] & mask_of(x->insn->adsize), linear, unused;

	if (x->insn->id == INSN_OP_MONITOR && x->cpu->cpl)
		return ud(x);
	if (x->insn->id == INSN_OP_MONITOR && (u32)x->cpu->gpr[INSN_RCX])
		return gp0(x);
	TRY(mem_read_u(x, x->insn->seg, offset, &unused, 1, INSN_ACC_PROBE));
	TRY(linear_address(x, x->insn->seg, offset, 1, false, &linear));
	return do_special(x, INSN_SP_MONITOR, linear, 0);
}

int x_mwait(struct exec *x)
{
	if (x->insn->id == INSN_OP_MWAIT && x->cpu->cpl)
		return ud(x);
	return do_special(x, INSN_SP_MWAIT, x->cpu->gpr[INSN_RAX], 0);
}
