// SPDX-License-Identifier: GPL-2.0-only
/*
 * The one table of MSRs: which exist for a guest, where each value lives, what may be written,
 * and whether it is part of the FERRY_STATE_MSRS group.
 *
 * An MSR that is not here does not exist: #GP in the guest, counted; nothing is ever passed
 * through unseen. With FERRY_VM_MSR_IGNORE it reads 0 and swallows writes instead.
 */
#include <asm/msr.h>
#include <asm/msr-index.h>

#include "control.h"
#include "ferry.h"
#include "lib/cpu/policy.h"

#define MSR_KVM_WALL_CLOCK 0x11
#define MSR_KVM_SYSTEM_TIME 0x12
#define MSR_KVM_WALL_CLOCK_NEW 0x4b564d00
#define MSR_KVM_SYSTEM_TIME_NEW 0x4b564d01
#define MSR_AMD_BU_CFG2 0xc001102a

enum home {
	HARDWARE, /* the backend holds it */
	FIELD, /* a u64 in struct ferry_vcpu */
	CONSTANT, /* reads what the policy says, or .value; ignores writes */
	FUNCTION, /* fn() */
};

/* row.flags */
#define SAVED BIT(0) /* carried by FERRY_STATE_MSRS */
#define CANONICAL BIT(1) /* non-canonical values are #GP */
#define FROZEN BIT(2) /* guest writes other than the present value are #GP */
#define INTEL_ONLY BIT(3) /* guests of another vendor have no such MSR */
#define AMD_ONLY BIT(4)
#define NOT_AMD BIT(5) /* nor have AMD's */

struct msr_row {
	u32 first, last;
	u8 home;
	u8 flags;
	u16 offset; /* FIELD: of the first index */
	u64 mask; /* FIELD, HARDWARE: writable bits; others are #GP. 0 = all */
	u64 value; /* CONSTANT */
	int (*fn)(struct ferry_vcpu *vcpu, u32 index, u64 *value, bool write, bool host);
};

/* ------------------------------------------------------------------ functions */

static int tsc(struct ferry_vcpu *vcpu, u32 index, u64 *value, bool write, bool host)
{
	if (write)
		ferry_set_guest_tsc(vcpu, *value);
	else
		*value = ferry_guest_tsc(vcpu);
	return 0;
}

static int tsc_adjust(struct ferry_vcpu *vcpu, u32 index, u64 *value, bool write, bool host)
{
	if (!ferry_cpuid_has(vcpu->vm, 7, 0, CPU_EBX, 1))
		return -EINVAL;
	if (write)
		ferry_set_tsc_adjust(vcpu, *value);
	else
		*value = vcpu->tsc_adjust;
	return 0;
}

static int lapic(struct ferry_vcpu *vcpu, u32 index, u64 *value, bool write, bool host)
{
	if (!write)
		return ferry_lapic_msr_read(vcpu, index, value);
	return ferry_lapic_msr_write(vcpu, index, *value, host);
}

static int kvmclock(struct ferry_vcpu *vcpu, u32 index, u64 *value, bool write, bool host)
{
	/* The first pair of numbers belonged to KVM before it had a range of its own. */
	if (index == MSR_KVM_WALL_CLOCK)
		index = MSR_KVM_WALL_CLOCK_NEW;
	if (index == MSR_KVM_SYSTEM_TIME)
		index = MSR_KVM_SYSTEM_TIME_NEW;
	return write ? ferry_clock_msr_write(vcpu, index, *value) :
		       ferry_clock_msr_read(vcpu, index, value);
}

static int efer(struct ferry_vcpu *vcpu, u32 index, u64 *value, bool write, bool host)
{
	if (write)
		return ferry_set_efer(vcpu, *value);
	*value = vcpu->efer;
	return 0;
}

/* A value that the policy carries; the guest may read it if its feature says it exists. */
static int policy(struct ferry_vcpu *vcpu, u32 index, u64 *value, bool write, bool host)
{
	if (write)
		return -EINVAL;
	if (!host)
		ferry_policy_msr_shown(vcpu->vm, index);
	return ferry_policy_msr(vcpu->vm, index, value) ? 0 : -EINVAL;
}

/* The policy's value, or 0: an MSR that guests read without asking CPUID. */
static int platform_info(struct ferry_vcpu *vcpu, u32 index, u64 *value, bool write, bool host)
{
	if (write)
		return -EINVAL;
	if (!host)
		ferry_policy_msr_shown(vcpu->vm, index);
	if (!ferry_policy_msr(vcpu->vm, index, value))
		*value = 0;
	return 0;
}

/* IA32_PRED_CMD: a command, nothing is stored (SDM 4, table 2-2). */
static int pred_cmd(struct ferry_vcpu *vcpu, u32 index, u64 *value, bool write, bool host)
{
	bool intel = ferry_cpuid_has(vcpu->vm, 7, 0, CPU_EDX, 26);
	bool amd = ferry_cpuid_has(vcpu->vm, 0x80000008, 0, CPU_EBX, 12);

	if (!write || (!intel && !amd) || (*value & ~1ULL))
		return -EINVAL;
	if (*value && boot_cpu_has(X86_FEATURE_IBPB))
		wrmsrl(MSR_IA32_PRED_CMD, PRED_CMD_IBPB);
	return 0;
}

static int spec_ctrl(struct ferry_vcpu *vcpu, u32 index, u64 *value, bool write, bool host)
{
	u64 allowed = 0;

	if (ferry_cpuid_has(vcpu->vm, 7, 0, CPU_EDX, 26) ||
	    ferry_cpuid_has(vcpu->vm, 0x80000008, 0, CPU_EBX, 14))
		allowed |= SPEC_CTRL_IBRS;
	if (ferry_cpuid_has(vcpu->vm, 7, 0, CPU_EDX, 27) ||
	    ferry_cpuid_has(vcpu->vm, 0x80000008, 0, CPU_EBX, 15))
		allowed |= SPEC_CTRL_STIBP;
	if (ferry_cpuid_has(vcpu->vm, 7, 0, CPU_EDX, 31) ||
	    ferry_cpuid_has(vcpu->vm, 0x80000008, 0, CPU_EBX, 24))
		allowed |= SPEC_CTRL_SSBD;
	if (!allowed)
		return -EINVAL;
	if (!write) {
		*value = vcpu->msr.spec_ctrl;
		return 0;
	}
	if (*value & ~allowed)
		return -EINVAL;
	vcpu->msr.spec_ctrl = *value;
	return 0;
}

/* TSC_AUX is 32 bits wide; AMD ignores the upper half, Intel faults on it. */
static int tsc_aux(struct ferry_vcpu *vcpu, u32 index, u64 *value, bool write, bool host)
{
	if (!ferry_cpuid_has(vcpu->vm, 0x80000001, 0, CPU_EDX, 27) &&
	    !ferry_cpuid_has(vcpu->vm, 7, 0, CPU_ECX, 22))
		return -EINVAL;
	if (!write) {
		*value = vcpu->msr.tsc_aux;
		return 0;
	}
	if (vcpu->vm->guest_vendor == FERRY_VENDOR_INTEL && *value >> 32)
		return -EINVAL;
	/* The CPU may hold the guest's value now; the backend stores it in both places. */
	return ferry_backend->set_msr(vcpu, index, (u32)*value);
}

/*
 * SYSCALL's flag mask is 32 bits wide; the rest is reserved (SDM 3, figure 5-14). What a guest wrote there
 * must never reach an Intel CPU: it faults, in the host.
 */
static int sfmask(struct ferry_vcpu *vcpu, u32 index, u64 *value, bool write, bool host)
{
	if (!write)
		return ferry_backend->get_msr(vcpu, index, value);
	if (!host && vcpu->vm->guest_vendor == FERRY_VENDOR_INTEL && *value >> 32)
		return -EINVAL;
	return ferry_backend->set_msr(vcpu, index, (u32)*value);
}

/* The microcode revision: guests write 0 before they ask for it with CPUID (SDM 9.11.7). */
static int bios_sign(struct ferry_vcpu *vcpu, u32 index, u64 *value, bool write, bool host)
{
	if (!write) {
		*value = vcpu->msr.bios_sign;
		return 0;
	}
	if (host)
		vcpu->msr.bios_sign = *value;
	return 0;
}

#define HWCR_CPUID_USER_DIS BIT_ULL(35)

/* Either vendor's way of it, whichever the policy shows. */
static void update_cpuid_fault(struct ferry_vcpu *vcpu)
{
	vcpu->msr.cpuid_fault = (vcpu->msr.feature_enables & 1) ||
				(vcpu->msr.hwcr & HWCR_CPUID_USER_DIS);
}

static int misc_feature_enables(struct ferry_vcpu *vcpu, u32 index, u64 *value, bool write,
				bool host)
{
	u64 info = 0;

	ferry_policy_msr(vcpu->vm, MSR_PLATFORM_INFO, &info);
	if (!(info & MSR_PLATFORM_INFO_CPUID_FAULT))
		return -EINVAL;
	if (!write) {
		*value = vcpu->msr.feature_enables;
		return 0;
	}
	if (*value & ~1ULL)
		return -EINVAL;
	vcpu->msr.feature_enables = *value;
	update_cpuid_fault(vcpu);
	return 0;
}

#define HWCR_IGNORED (BIT_ULL(3) | BIT_ULL(6) | BIT_ULL(8)) /* cache and TLB hints */
#define HWCR_KEPT (BIT_ULL(18) | BIT_ULL(24)) /* McStatusWrEn, TscFreqSel */

static int hwcr(struct ferry_vcpu *vcpu, u32 index, u64 *value, bool write, bool host)
{
	u64 allowed = HWCR_KEPT, val = *value & ~HWCR_IGNORED;

	if (!write) {
		*value = vcpu->msr.hwcr;
		return 0;
	}
	if (ferry_cpuid_has(vcpu->vm, 0x80000021, 0, CPU_EAX, 17))
		allowed |= HWCR_CPUID_USER_DIS;
	if (val & ~allowed)
		return -EINVAL;
	vcpu->msr.hwcr = val;
	update_cpuid_fault(vcpu);
	return 0;
}

bool ferry_valid_pat(u64 pat)
{
	int i;

	for (i = 0; i < 8; i++, pat >>= 8)
		if ((pat & 0xff) > 7 || (pat & 0xff) == 2 || (pat & 0xff) == 3)
			return false;
	return true;
}

static bool mtrr_type_ok(u8 type)
{
	return type == 0 || type == 1 || (type >= 4 && type <= 6);
}

/* MTRRs are kept for the guest to read back: nested paging decides the memory type. */
static int mtrr(struct ferry_vcpu *vcpu, u32 index, u64 *value, bool write, bool host)
{
	u64 *slot, width = GENMASK_ULL(vcpu->vm->phys_bits - 1, 0);
	int i;

	if (!ferry_cpuid_has(vcpu->vm, 1, 0, CPU_EDX, 12))
		return -EINVAL;
	switch (index) {
	case MSR_MTRRcap:
		*value = 0x508; /* eight variable ranges, fixed ranges, write-combining */
		return write ? -EINVAL : 0;
	case MSR_MTRRdefType:
		slot = &vcpu->msr.mtrr_def_type;
		if (write && ((*value & ~0xcffULL) || !mtrr_type_ok(*value)))
			return -EINVAL;
		break;
	case 0x200 ... 0x20f:
		slot = &vcpu->msr.mtrr_var[index - 0x200];
		if (write && (*value & ~width))
			return -EINVAL;
		if (write && !(index & 1) && ((*value & 0xf00) || !mtrr_type_ok(*value)))
			return -EINVAL;
		if (write && (index & 1) && (*value & 0x7ff))
			return -EINVAL;
		break;
	default:
		i = index == MSR_MTRRfix64K_00000 ? 0 :
		    index < MSR_MTRRfix4K_C0000   ? 1 + index - MSR_MTRRfix16K_80000 :
						    3 + index - MSR_MTRRfix4K_C0000;
		slot = &vcpu->msr.mtrr_fixed[i];
		for (i = 0; write && i < 64; i += 8)
			if (!mtrr_type_ok(*value >> i))
				return -EINVAL;
		break;
	}
	if (write)
		*slot = *value;
	else
		*value = *slot;
	return 0;
}

/* ------------------------------------------------------------------ the table */

#define IN_VCPU(member) offsetof(struct ferry_vcpu, member)

/* Sorted by index: looked up by bisection. */
static const struct msr_row rows[] = {
	{ MSR_IA32_TSC, MSR_IA32_TSC, FUNCTION, .fn = tsc },
	{ MSR_KVM_WALL_CLOCK, MSR_KVM_SYSTEM_TIME, FUNCTION, .fn = kvmclock },
	{ MSR_IA32_PLATFORM_ID, MSR_IA32_PLATFORM_ID, CONSTANT, INTEL_ONLY },
	{ MSR_IA32_APICBASE, MSR_IA32_APICBASE, FUNCTION, .fn = lapic },
	{ MSR_IA32_FEAT_CTL, MSR_IA32_FEAT_CTL, CONSTANT, INTEL_ONLY, .value = FEAT_CTL_LOCKED },
	{ MSR_IA32_TSC_ADJUST, MSR_IA32_TSC_ADJUST, FUNCTION, .fn = tsc_adjust },
	{ MSR_IA32_SPEC_CTRL, MSR_IA32_SPEC_CTRL, FUNCTION, SAVED, .fn = spec_ctrl },
	{ MSR_IA32_PRED_CMD, MSR_IA32_PRED_CMD, FUNCTION, .fn = pred_cmd },
	{ MSR_IA32_UCODE_REV, MSR_IA32_UCODE_REV, FUNCTION, SAVED, .fn = bios_sign },
	{ MSR_PLATFORM_INFO, MSR_PLATFORM_INFO, FUNCTION, .fn = platform_info },
	{ MSR_MTRRcap, MSR_MTRRcap, FUNCTION, .fn = mtrr },
	{ MSR_IA32_ARCH_CAPABILITIES, MSR_IA32_ARCH_CAPABILITIES, FUNCTION, .fn = policy },
	{ MSR_MISC_FEATURES_ENABLES, MSR_MISC_FEATURES_ENABLES, FUNCTION, SAVED,
	  .fn = misc_feature_enables },
	{ MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_CS, HARDWARE, SAVED },
	{ MSR_IA32_SYSENTER_ESP, MSR_IA32_SYSENTER_EIP, HARDWARE, SAVED | CANONICAL },
	{ MSR_IA32_MCG_CAP, MSR_IA32_MCG_CAP, CONSTANT }, /* no banks */
	{ MSR_IA32_MCG_STATUS, MSR_IA32_MCG_STATUS, FIELD, SAVED, IN_VCPU(msr.mcg_status),
	  .mask = 7 },
	{ MSR_IA32_MISC_ENABLE, MSR_IA32_MISC_ENABLE, FIELD, SAVED | NOT_AMD,
	  IN_VCPU(msr.misc_enable) },
	/* Branch tracing is not offered: 0 is all there is. */
	{ MSR_IA32_DEBUGCTLMSR, MSR_IA32_DEBUGCTLMSR, CONSTANT, FROZEN },
	{ MSR_IA32_LASTBRANCHFROMIP, MSR_IA32_LASTINTTOIP, CONSTANT, FROZEN },
	{ 0x200, 0x20f, FUNCTION, SAVED, .fn = mtrr },
	{ MSR_MTRRfix64K_00000, MSR_MTRRfix64K_00000, FUNCTION, SAVED, .fn = mtrr },
	{ MSR_MTRRfix16K_80000, MSR_MTRRfix16K_A0000, FUNCTION, SAVED, .fn = mtrr },
	{ MSR_MTRRfix4K_C0000, MSR_MTRRfix4K_F8000, FUNCTION, SAVED, .fn = mtrr },
	{ MSR_IA32_CR_PAT, MSR_IA32_CR_PAT, HARDWARE, SAVED },
	{ MSR_MTRRdefType, MSR_MTRRdefType, FUNCTION, SAVED, .fn = mtrr },
	{ MSR_IA32_TSC_DEADLINE, MSR_IA32_TSC_DEADLINE, FUNCTION, .fn = lapic },
	{ 0x800, 0x8ff, FUNCTION, .fn = lapic },
	{ MSR_KVM_WALL_CLOCK_NEW, MSR_KVM_SYSTEM_TIME_NEW, FUNCTION, .fn = kvmclock },
	{ MSR_EFER, MSR_EFER, FUNCTION, .fn = efer },
	{ MSR_STAR, MSR_STAR, HARDWARE, SAVED },
	{ MSR_LSTAR, MSR_CSTAR, HARDWARE, SAVED | CANONICAL },
	{ MSR_SYSCALL_MASK, MSR_SYSCALL_MASK, FUNCTION, SAVED, .fn = sfmask },
	/* Bases of FS and GS live in the segments group. */
	{ MSR_FS_BASE, MSR_GS_BASE, HARDWARE, CANONICAL },
	{ MSR_KERNEL_GS_BASE, MSR_KERNEL_GS_BASE, HARDWARE, SAVED | CANONICAL },
	{ MSR_TSC_AUX, MSR_TSC_AUX, FUNCTION, SAVED, .fn = tsc_aux },
	/* Counters that never count: every AMD64 CPU has these four, so guests clear them unasked. */
	{ MSR_K7_EVNTSEL0, MSR_K7_PERFCTR3, CONSTANT, AMD_ONLY },
	{ MSR_AMD64_SYSCFG, MSR_AMD64_SYSCFG, FIELD, SAVED | AMD_ONLY, IN_VCPU(msr.syscfg) },
	{ MSR_K7_HWCR, MSR_K7_HWCR, FUNCTION, SAVED | AMD_ONLY, .fn = hwcr },
	{ MSR_K8_TOP_MEM1, MSR_K8_TOP_MEM1, CONSTANT, AMD_ONLY },
	{ MSR_K8_TOP_MEM2, MSR_K8_TOP_MEM2, CONSTANT, AMD_ONLY },
	{ MSR_AMD64_NB_CFG, MSR_AMD64_NB_CFG, CONSTANT, AMD_ONLY },
	{ MSR_K8_INT_PENDING_MSG, MSR_K8_INT_PENDING_MSG, CONSTANT, AMD_ONLY },
	{ MSR_FAM10H_MMIO_CONF_BASE, MSR_FAM10H_MMIO_CONF_BASE, CONSTANT, AMD_ONLY },
	{ MSR_AMD64_OSVW_ID_LENGTH, MSR_AMD64_OSVW_STATUS, CONSTANT, AMD_ONLY },
	{ MSR_AMD64_LS_CFG, MSR_AMD64_LS_CFG, CONSTANT, AMD_ONLY },
	{ MSR_AMD64_DC_CFG, MSR_AMD64_DC_CFG, CONSTANT, AMD_ONLY },
	/* LFENCE serialises (bit 1); the mitigation that needs it finds it set. */
	{ MSR_AMD64_DE_CFG, MSR_AMD64_DE_CFG, FIELD, SAVED | AMD_ONLY | FROZEN,
	  IN_VCPU(msr.de_cfg) },
	{ MSR_AMD_BU_CFG2, MSR_AMD_BU_CFG2, CONSTANT, AMD_ONLY },
};

static const struct msr_row *find_row(struct ferry_vm *vm, u32 index)
{
	size_t lo = 0, hi = ARRAY_SIZE(rows);
	const struct msr_row *row;

	while (lo < hi) {
		row = &rows[(lo + hi) / 2];
		if (index < row->first) {
			hi = row - rows;
		} else if (index > row->last) {
			lo = row - rows + 1;
		} else {
			if ((row->flags & INTEL_ONLY) && vm->guest_vendor != FERRY_VENDOR_INTEL)
				return NULL;
			if ((row->flags & NOT_AMD) && vm->guest_vendor == FERRY_VENDOR_AMD)
				return NULL;
			if ((row->flags & AMD_ONLY) && vm->guest_vendor != FERRY_VENDOR_AMD)
				return NULL;
			return row;
		}
	}
	return NULL;
}

static u64 *field(struct ferry_vcpu *vcpu, const struct msr_row *row, u32 index)
{
	return (u64 *)((char *)vcpu + row->offset) + (index - row->first);
}

unsigned int ferry_va_bits(struct ferry_vm *vm)
{
	return ferry_cpuid_has(vm, 7, 0, CPU_ECX, 16) ? 57 : 48;
}

static bool canonical(struct ferry_vcpu *vcpu, u64 value)
{
	int shift = 64 - ferry_va_bits(vcpu->vm);

	return (u64)((s64)(value << shift) >> shift) == value;
}

/* ---------------------------------------------------------------------- access */

static int row_read(struct ferry_vcpu *vcpu, const struct msr_row *row, u32 index, u64 *value,
		    bool host)
{
	switch (row->home) {
	case HARDWARE:
		return ferry_backend->get_msr(vcpu, index, value);
	case FIELD:
		*value = *field(vcpu, row, index);
		return 0;
	case CONSTANT:
		if (!ferry_policy_msr(vcpu->vm, index, value))
			*value = row->value;
		return 0;
	default:
		return row->fn(vcpu, index, value, false, host);
	}
}

static int row_write(struct ferry_vcpu *vcpu, const struct msr_row *row, u32 index, u64 value,
		     bool host)
{
	u64 old = 0;

	if ((row->flags & CANONICAL) && !canonical(vcpu, value))
		return -EINVAL;
	if (row->mask && (value & ~row->mask))
		return -EINVAL;
	if ((row->flags & FROZEN) && !host) {
		row_read(vcpu, row, index, &old, true);
		return value == old ? 0 : -EINVAL;
	}
	switch (row->home) {
	case HARDWARE:
		return ferry_backend->set_msr(vcpu, index, value);
	case FIELD:
		*field(vcpu, row, index) = value;
		return 0;
	case CONSTANT:
		return 0;
	default:
		return row->fn(vcpu, index, &value, true, host);
	}
}

static int unknown(struct ferry_vcpu *vcpu, u32 index, bool write, bool host)
{
	if (host)
		return -EINVAL;
	if (write)
		vcpu->count.unknown_msr_writes++;
	else
		vcpu->count.unknown_msr_reads++;
	vcpu->count.last_unknown_msr = index;
	return vcpu->vm->flags & FERRY_VM_MSR_IGNORE ? 0 : -EINVAL;
}

/**
 * ferry_msr_read() - RDMSR
 * @vcpu: the vCPU
 * @index: MSR number
 * @value: what to write, or where to put what was read
 * @host: for a state group rather than the guest
 *
 * Any context with vcpu->lock held. Return: 0, or -EINVAL for #GP(0).
 */
int ferry_msr_read(struct ferry_vcpu *vcpu, u32 index, u64 *value, bool host)
{
	const struct msr_row *row = find_row(vcpu->vm, index);

	*value = 0;
	if (!row)
		return unknown(vcpu, index, false, host);
	return row_read(vcpu, row, index, value, host) ? -EINVAL : 0;
}

/**
 * ferry_msr_write() - WRMSR; arguments and return as ferry_msr_read()
 * @vcpu: the vCPU
 * @index: MSR number
 * @value: what to write, or where to put what was read
 * @host: for a state group rather than the guest
 */
int ferry_msr_write(struct ferry_vcpu *vcpu, u32 index, u64 value, bool host)
{
	const struct msr_row *row = find_row(vcpu->vm, index);

	if (!row)
		return unknown(vcpu, index, true, host);
	return row_write(vcpu, row, index, value, host) ? -EINVAL : 0;
}

/* Power-up values; those the backend holds are its own business. */
void ferry_msr_reset(struct ferry_vcpu *vcpu)
{
	memset(&vcpu->msr, 0, sizeof(vcpu->msr));
	vcpu->msr.misc_enable = MSR_IA32_MISC_ENABLE_FAST_STRING;
	if (!ferry_policy_msr(vcpu->vm, MSR_AMD64_DE_CFG, &vcpu->msr.de_cfg))
		vcpu->msr.de_cfg = BIT_ULL(1);
	if (!ferry_policy_msr(vcpu->vm, MSR_IA32_UCODE_REV, &vcpu->msr.bios_sign))
		vcpu->msr.bios_sign = vcpu->vm->guest_vendor == FERRY_VENDOR_INTEL ?
					      0x100000000ULL :
					      0x01000065;
}

/* ----------------------------------------------------------------- state group */

/**
 * ferry_msr_save() - every MSR of the group that exists for this guest
 * @vcpu: the vCPU
 * @out: the group
 * @capacity: bytes at @out
 *
 * Return: bytes used, or -ENOSPC.
 */
int ferry_msr_save(struct ferry_vcpu *vcpu, struct ferry_state_msrs *out, u32 capacity)
{
	u32 room, index, n = 0;
	u64 value;
	size_t i;

	if (capacity < sizeof(*out))
		return -ENOSPC;
	room = (capacity - sizeof(*out)) / sizeof(out->msr[0]);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!(rows[i].flags & SAVED) || !find_row(vcpu->vm, rows[i].first))
			continue;
		for (index = rows[i].first; index <= rows[i].last; index++) {
			if (row_read(vcpu, &rows[i], index, &value, true))
				continue;
			if (n == room || n == FERRY_MAX_STATE_MSRS)
				return -ENOSPC;
			out->msr[n++] = (struct ferry_msr_value){ .index = index, .value = value };
		}
	}
	out->nr = n;
	out->reserved = 0;
	return sizeof(*out) + n * sizeof(out->msr[0]);
}

static int load_one(struct ferry_vcpu *vcpu, const struct ferry_msr_value *v)
{
	const struct msr_row *row = find_row(vcpu->vm, v->index);

	if (!row || !(row->flags & SAVED) || v->reserved)
		return -EINVAL;
	return row_write(vcpu, row, v->index, v->value, true) ? -EINVAL : 0;
}

/**
 * ferry_msr_load() - set MSRs from a group whose length the caller has checked
 * @vcpu: the vCPU
 * @in: the group
 *
 * All or nothing: when one is refused, those before it get their old values back.
 */
int ferry_msr_load(struct ferry_vcpu *vcpu, const struct ferry_state_msrs *in)
{
	u64 old[FERRY_MAX_STATE_MSRS];
	u32 i;

	if (in->reserved || in->nr > FERRY_MAX_STATE_MSRS)
		return -EINVAL;
	for (i = 0; i < in->nr; i++) {
		if (ferry_msr_read(vcpu, in->msr[i].index, &old[i], true) ||
		    load_one(vcpu, &in->msr[i]))
			goto err_restore;
	}
	return 0;

err_restore:
	while (i--)
		ferry_msr_write(vcpu, in->msr[i].index, old[i], true);
	return -EINVAL;
}
