// SPDX-License-Identifier: GPL-2.0-only
/*
 * Execution: checks common to all instructions, dispatch, commit; fetching.
 *
 * Pure functions over struct insn_cpu; takes no locks.
 */
#include "fpu.h"

/* Which handler carries out what; the rest is decoded only. */
static const insn_handler handlers[INSN_OP_EXECUTED_END] = {
	[INSN_OP_MOV] = x_mov, [INSN_OP_MOVZX] = x_movzx, [INSN_OP_MOVSX] = x_movsx,
	[INSN_OP_MOVSXD] = x_movsx, [INSN_OP_LEA] = x_lea, [INSN_OP_XCHG] = x_xchg,
	[INSN_OP_XLAT] = x_xlat, [INSN_OP_MOVBE] = x_movbe, [INSN_OP_MOVNTI] = x_mov,
	[INSN_OP_MOVDIRI] = x_mov, [INSN_OP_BSWAP] = x_bswap, [INSN_OP_CBW] = x_cbw,
	[INSN_OP_CWD] = x_cwd, [INSN_OP_CMOVCC] = x_cmov, [INSN_OP_SETCC] = x_setcc,
	[INSN_OP_LAHF] = x_lahf, [INSN_OP_SAHF] = x_sahf, [INSN_OP_SALC] = x_salc,

	[INSN_OP_ADD] = x_add, [INSN_OP_OR] = x_or, [INSN_OP_ADC] = x_adc, [INSN_OP_SBB] = x_sbb,
	[INSN_OP_AND] = x_and, [INSN_OP_SUB] = x_sub, [INSN_OP_XOR] = x_xor, [INSN_OP_CMP] = x_cmp,
	[INSN_OP_TEST] = x_test, [INSN_OP_NOT] = x_not, [INSN_OP_NEG] = x_neg,
	[INSN_OP_INC] = x_inc, [INSN_OP_DEC] = x_dec, [INSN_OP_MUL] = x_mul,
	[INSN_OP_IMUL1] = x_imul1, [INSN_OP_IMUL] = x_imul, [INSN_OP_DIV] = x_div,
	[INSN_OP_IDIV] = x_idiv, [INSN_OP_ADCX] = x_adcx, [INSN_OP_ADOX] = x_adcx,
	[INSN_OP_CRC32] = x_crc32,

	[INSN_OP_ROL] = x_rol, [INSN_OP_ROR] = x_ror, [INSN_OP_RCL] = x_rcl, [INSN_OP_RCR] = x_rcr,
	[INSN_OP_SHL] = x_shl, [INSN_OP_SHR] = x_shr, [INSN_OP_SAR] = x_sar,
	[INSN_OP_SHLD] = x_shld, [INSN_OP_SHRD] = x_shrd,
	[INSN_OP_BT] = x_bt, [INSN_OP_BTS] = x_bt, [INSN_OP_BTR] = x_bt, [INSN_OP_BTC] = x_bt,
	[INSN_OP_BSF] = x_bsf, [INSN_OP_BSR] = x_bsr, [INSN_OP_TZCNT] = x_tzcnt,
	[INSN_OP_LZCNT] = x_lzcnt, [INSN_OP_POPCNT] = x_popcnt,
	[INSN_OP_ANDN] = x_andn, [INSN_OP_BEXTR] = x_bextr, [INSN_OP_BLSI] = x_bls,
	[INSN_OP_BLSMSK] = x_bls, [INSN_OP_BLSR] = x_bls, [INSN_OP_BZHI] = x_bzhi,
	[INSN_OP_MULX] = x_mulx, [INSN_OP_PDEP] = x_pdep, [INSN_OP_PEXT] = x_pext,
	[INSN_OP_RORX] = x_rorx, [INSN_OP_SARX] = x_shiftx, [INSN_OP_SHLX] = x_shiftx,
	[INSN_OP_SHRX] = x_shiftx,

	[INSN_OP_DAA] = x_daa, [INSN_OP_DAS] = x_das, [INSN_OP_AAA] = x_aaa, [INSN_OP_AAS] = x_aas,
	[INSN_OP_AAM] = x_aam, [INSN_OP_AAD] = x_aad,
	[INSN_OP_CMPXCHG] = x_cmpxchg, [INSN_OP_XADD] = x_xadd, [INSN_OP_CMPXCHG8B] = x_cmpxchg8b,

	[INSN_OP_MOVS] = x_movs, [INSN_OP_CMPS] = x_cmps, [INSN_OP_STOS] = x_stos,
	[INSN_OP_LODS] = x_lods, [INSN_OP_SCAS] = x_scas, [INSN_OP_INS] = x_ins,
	[INSN_OP_OUTS] = x_outs, [INSN_OP_IN] = x_in, [INSN_OP_OUT] = x_out,

	[INSN_OP_PUSH] = x_push, [INSN_OP_POP] = x_pop, [INSN_OP_PUSHA] = x_pusha,
	[INSN_OP_POPA] = x_popa, [INSN_OP_PUSHF] = x_pushf, [INSN_OP_POPF] = x_popf,
	[INSN_OP_ENTER] = x_enter, [INSN_OP_LEAVE] = x_leave,

	[INSN_OP_JCC] = x_jcc, [INSN_OP_JMP] = x_jmp, [INSN_OP_CALL] = x_call,
	[INSN_OP_RET] = x_ret, [INSN_OP_LOOP] = x_loop, [INSN_OP_LOOPE] = x_loop,
	[INSN_OP_LOOPNE] = x_loop, [INSN_OP_JCXZ] = x_jcxz, [INSN_OP_BOUND] = x_bound,
	[INSN_OP_UD0] = x_ud, [INSN_OP_UD1] = x_ud, [INSN_OP_UD2] = x_ud,

	[INSN_OP_JMP_FAR] = x_jmp_far, [INSN_OP_CALL_FAR] = x_call_far, [INSN_OP_RET_FAR] = x_ret_far,
	[INSN_OP_INT] = x_int, [INSN_OP_INT3] = x_int3, [INSN_OP_INTO] = x_into,
	[INSN_OP_INT1] = x_int1, [INSN_OP_IRET] = x_iret,
	[INSN_OP_SYSCALL] = x_syscall, [INSN_OP_SYSRET] = x_sysret,
	[INSN_OP_SYSENTER] = x_sysenter, [INSN_OP_SYSEXIT] = x_sysexit,

	[INSN_OP_CLC] = x_clc, [INSN_OP_STC] = x_stc, [INSN_OP_CMC] = x_cmc,
	[INSN_OP_CLD] = x_cld, [INSN_OP_STD] = x_std, [INSN_OP_CLI] = x_cli, [INSN_OP_STI] = x_sti,
	[INSN_OP_CLAC] = x_clac, [INSN_OP_STAC] = x_clac,
	[INSN_OP_FWAIT] = x_fwait, [INSN_OP_NOP] = x_nop, [INSN_OP_PAUSE] = x_pause, [INSN_OP_HLT] = x_hlt,
	[INSN_OP_ENDBR32] = x_nop, [INSN_OP_ENDBR64] = x_nop,
	[INSN_OP_PREFETCH] = x_nop, [INSN_OP_PREFETCHW] = x_nop, [INSN_OP_PREFETCHWT1] = x_nop,
	[INSN_OP_PREFETCHNTA] = x_nop, [INSN_OP_PREFETCHT0] = x_nop, [INSN_OP_PREFETCHT1] = x_nop,
	[INSN_OP_PREFETCHT2] = x_nop, [INSN_OP_PREFETCHRST2] = x_nop,
	[INSN_OP_PREFETCHIT0] = x_nop, [INSN_OP_PREFETCHIT1] = x_nop, [INSN_OP_CLDEMOTE] = x_nop,
	[INSN_OP_LFENCE] = x_fence, [INSN_OP_MFENCE] = x_fence, [INSN_OP_SFENCE] = x_fence,
	[INSN_OP_SERIALIZE] = x_fence,

	[INSN_OP_MOV_FROM_CR] = x_mov_from_cr, [INSN_OP_MOV_TO_CR] = x_mov_to_cr,
	[INSN_OP_MOV_FROM_DR] = x_mov_from_dr, [INSN_OP_MOV_TO_DR] = x_mov_to_dr,
	[INSN_OP_CLTS] = x_clts, [INSN_OP_SMSW] = x_smsw, [INSN_OP_LMSW] = x_lmsw,
	[INSN_OP_SGDT] = x_sgdt, [INSN_OP_SIDT] = x_sgdt,
	[INSN_OP_LGDT] = x_lgdt, [INSN_OP_LIDT] = x_lgdt,
	[INSN_OP_SLDT] = x_sldt, [INSN_OP_STR] = x_sldt,
	[INSN_OP_INVLPG] = x_invlpg, [INSN_OP_INVPCID] = x_invpcid,
	[INSN_OP_INVD] = x_invd, [INSN_OP_WBINVD] = x_invd, [INSN_OP_WBNOINVD] = x_invd,
	[INSN_OP_CLFLUSH] = x_clflush, [INSN_OP_CLFLUSHOPT] = x_clflush, [INSN_OP_CLWB] = x_clflush,
	[INSN_OP_CLZERO] = x_clzero,
	[INSN_OP_RDMSR] = x_rdmsr, [INSN_OP_WRMSR] = x_wrmsr, [INSN_OP_WRMSRNS] = x_wrmsr,
	[INSN_OP_RDTSC] = x_rdtsc, [INSN_OP_RDTSCP] = x_rdtsc, [INSN_OP_RDPID] = x_rdpid,
	[INSN_OP_RDPMC] = x_rdpmc, [INSN_OP_CPUID] = x_cpuid,
	[INSN_OP_RDRAND] = x_rdrand, [INSN_OP_RDSEED] = x_rdrand,
	[INSN_OP_XGETBV] = x_xgetbv, [INSN_OP_XSETBV] = x_xsetbv,
	[INSN_OP_RDPKRU] = x_rdpkru, [INSN_OP_WRPKRU] = x_wrpkru,
	[INSN_OP_MONITOR] = x_monitor, [INSN_OP_MWAIT] = x_mwait,
	[INSN_OP_MONITORX] = x_monitor, [INSN_OP_MWAITX] = x_mwait,
	[INSN_OP_SWAPGS] = x_swapgs, [INSN_OP_RDFSBASE] = x_rdfsbase,
	[INSN_OP_RDGSBASE] = x_rdfsbase, [INSN_OP_WRFSBASE] = x_wrfsbase,
	[INSN_OP_WRGSBASE] = x_wrfsbase,
	[INSN_OP_MOV_FROM_SEG] = x_mov_from_seg, [INSN_OP_MOV_TO_SEG] = x_mov_to_seg,
	[INSN_OP_PUSH_SEG] = x_push_seg, [INSN_OP_POP_SEG] = x_pop_seg,
	[INSN_OP_MOVUPS] = x_vector_move, [INSN_OP_MOVUPD] = x_vector_move,
	[INSN_OP_MOVAPS] = x_vector_move, [INSN_OP_MOVAPD] = x_vector_move,
	[INSN_OP_MOVDQA] = x_vector_move, [INSN_OP_MOVDQU] = x_vector_move,
	[INSN_OP_MOVD] = x_vector_move, [INSN_OP_MOVQ] = x_vector_move, [INSN_OP_MOVSS] = x_vector_move,
	[INSN_OP_MOVSD] = x_vector_move, [INSN_OP_MOVLPS] = x_vector_move,
	[INSN_OP_MOVLPD] = x_vector_move, [INSN_OP_MOVHPS] = x_vector_move,
	[INSN_OP_MOVHPD] = x_vector_move, [INSN_OP_MOVNTPS] = x_vector_move,
	[INSN_OP_MOVNTPD] = x_vector_move, [INSN_OP_MOVNTDQ] = x_vector_move,
	[INSN_OP_MOVNTDQA] = x_vector_move, [INSN_OP_MOVNTQ] = x_vector_move,
	[INSN_OP_LDDQU] = x_vector_move,
	[INSN_OP_FXSAVE] = x_fxsave, [INSN_OP_FXRSTOR] = x_fxrstor,
	[INSN_OP_LDMXCSR] = x_ldmxcsr, [INSN_OP_STMXCSR] = x_stmxcsr,
	[INSN_OP_XSAVE] = x_xsave, [INSN_OP_XSAVEOPT] = x_xsave, [INSN_OP_XSAVEC] = x_xsave,
	[INSN_OP_XSAVES] = x_xsave, [INSN_OP_XRSTOR] = x_xrstor, [INSN_OP_XRSTORS] = x_xrstor,
	[INSN_OP_LES] = x_load_far, [INSN_OP_LDS] = x_load_far, [INSN_OP_LSS] = x_load_far,
	[INSN_OP_LFS] = x_load_far, [INSN_OP_LGS] = x_load_far,
	[INSN_OP_LLDT] = x_lldt, [INSN_OP_LTR] = x_ltr, [INSN_OP_LAR] = x_lar, [INSN_OP_LSL] = x_lsl,
	[INSN_OP_VERR] = x_verr, [INSN_OP_VERW] = x_verr, [INSN_OP_ARPL] = x_arpl,
};

int insn_raise(struct insn_cpu *cpu, u8 vector, u32 error)
{
	/* #DF, #TS to #PF and #AC have error codes; in real mode none has. */
	const u32 with_error = 0x00027d00;

	cpu->fault.vector = vector;
	cpu->fault.has_error = cpu->cr0 & CR0_PE && vector < 32 && with_error >> vector & 1;
	cpu->fault.error = error;
	cpu->fault.payload = 0;
	return INSN_FAULT;
}

int insn_raise_pf(struct insn_cpu *cpu, u64 cr2, u32 error)
{
	insn_raise(cpu, INSN_EXC_PF, error);
	cpu->fault.payload = cr2;
	return INSN_FAULT;
}

int insn_raise_db(struct insn_cpu *cpu, u64 dr6)
{
	insn_raise(cpu, INSN_EXC_DB, 0);
	cpu->fault.payload = dr6;
	return INSN_FAULT;
}

unsigned int insn_cpu_mode(const struct insn_cpu *cpu)
{
	const struct insn_segment *cs = &cpu->seg[INSN_CS];
	unsigned int mode = cpu->vendor == INSN_VENDOR_AMD ? INSN_MODE_AMD : 0;

	if (!is_protected(cpu))
		return mode | INSN_MODE_16;
	if (is_long(cpu) && cs->attr & INSN_SEG_L)
		return mode | INSN_MODE_64;
	return mode | (cs->attr & INSN_SEG_DB ? INSN_MODE_32 : INSN_MODE_16);
}

int insn_fetch_decode(struct insn_cpu *cpu, struct insn *insn)
{
	const struct insn_segment *cs = &cpu->seg[INSN_CS];
	unsigned int mode = insn_cpu_mode(cpu), have = 0, got;
	bool is64 = (mode & INSN_MODE_MASK) == INSN_MODE_64;
	u64 limit = is64 ? ~0ULL : cs->limit, linear;
	u8 buf[INSN_MAX_LENGTH];
	int ret;

	for (;;) {
		u64 offset = cpu->rip + have;

		got = INSN_MAX_LENGTH - have;
		if (!is64) {
			/* The limit cuts the bytes off; #GP(0) if the instruction needs more. */
			if (offset > limit)
				return insn_raise(cpu, INSN_EXC_GP, 0);
			if (limit - offset + 1 < got)
				got = (unsigned int)(limit - offset + 1);
			linear = (u32)(cs->base + offset);
		} else {
			linear = offset;
			if (unlikely(!is_canonical(cpu, linear)))
				return insn_raise(cpu, INSN_EXC_GP, 0);
		}
		TRY(cpu->ops->fetch(cpu, linear, buf + have, &got));
		have += got;
		ret = insn_decode(insn, buf, have, mode);
		if (likely(ret == INSN_OK))
			return INSN_DONE;
		switch (ret) {
		case INSN_SHORT:
			break;
		case INSN_INVALID:
			return insn_raise(cpu, INSN_EXC_UD, 0);
		case INSN_TOO_LONG:
			return insn_raise(cpu, INSN_EXC_GP, 0);
		default:
			/* VEX, EVEX and XOP exist in protected mode only. */
			if (!is_protected(cpu))
				return insn_raise(cpu, INSN_EXC_UD, 0);
			return INSN_UNIMPLEMENTED;
		}
	}
}

/* The families of x87 and SSE have tables of their own. */
static insn_handler find_handler(const struct insn *insn)
{
	unsigned int id = insn->id;

	if (likely(id < INSN_OP_EXECUTED_END))
		return handlers[id];
	if (id >= INSN_OP_X87_FIRST && id < INSN_OP_SSE_FIRST)
		return x_x87;
	if (id >= INSN_OP_SSE_FIRST && id < INSN_OP_SSE_END && sse_can(insn))
		return x_sse;
	return NULL;
}

/* A feature is missing: #UD, or what the encoding was before the feature took it. */
static insn_handler without_feature(const struct insn *insn)
{
	if (insn->row->flags & ELSENOP)
		return x_nop;
	switch (insn->id) {
	case INSN_OP_TZCNT:
		return x_bsf;
	case INSN_OP_LZCNT:
		return x_bsr;
	case INSN_OP_WBNOINVD:
		return x_invd;
	default:
		return x_ud;
	}
}

/*
 * The single-step trap belongs to an instruction that began with TF set. A load of SS holds it off, and
 * what enters a handler with TF cleared is not stepped over. SDM volume 3 sections 6.8.3 and 18.3.1.4.
 */
static bool steps(const struct exec *x)
{
	switch (x->insn->id) {
	case INSN_OP_INT: case INSN_OP_INT3: case INSN_OP_INTO: case INSN_OP_INT1:
	case INSN_OP_SYSCALL:
		return x->flags & FL_TF;
	default:
		return !(x->cpu->events & INSN_EV_SHADOW_SS);
	}
}

int insn_execute(struct insn_cpu *cpu, const struct insn *insn)
{
	u32 flags = insn->row->flags;
	insn_handler handler;
	u8 hits = cpu->hits;
	struct exec x;
	int ret;

	cpu->events = 0;
	handler = find_handler(insn);
	if (unlikely(!insn_has(cpu, insn->feature))) {
		handler = without_feature(insn);
		if (handler == x_ud)
			return insn_raise(cpu, INSN_EXC_UD, 0);
	}
	/* VEX forms exist in protected mode only. SDM volume 2 table 2-15. */
	if (unlikely(flags & PM || insn->enc != INSN_ENC_LEGACY) && !is_protected(cpu))
		return insn_raise(cpu, INSN_EXC_UD, 0);
	if (unlikely(flags & CPL0 && cpu->cpl))
		return insn_raise(cpu, INSN_EXC_GP, 0);
	if (unlikely(!handler))
		return INSN_UNIMPLEMENTED;

	x.cpu = cpu;
	x.insn = insn;
	x.rip = cpu->rip + insn->length;
	x.flags = cpu->rflags & ~(u64)FL_RF;
	x.ea = 0;
	x.ext = 0;
	if ((insn->mode & INSN_MODE_MASK) != INSN_MODE_64)
		x.rip = (u32)x.rip;
	if (insn->prefix & INSN_PFX_MEM)
		effective_address(&x, 0);
	ret = handler(&x);
	if (likely(ret == INSN_DONE)) {
		if (unlikely(cpu->rflags & FL_TF) && steps(&x))
			cpu->events |= INSN_EV_STEP;
		if (unlikely(cpu->hits) && !(cpu->events & INSN_EV_SHADOW_SS))
			cpu->events |= INSN_EV_BREAK;
		cpu->rip = x.rip;
		cpu->rflags = x.flags;
	} else {
		cpu->hits = hits;
	}
	return ret;
}

bool insn_can_execute(const struct insn *insn)
{
	return find_handler(insn);
}

int insn_step(struct insn_cpu *cpu)
{
	struct insn insn;

	TRY(insn_fetch_decode(cpu, &insn));
	return insn_execute(cpu, &insn);
}
