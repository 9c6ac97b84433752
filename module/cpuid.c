// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VM's policy inside the module: set, verified against this host, frozen by the first vCPU,
 * and read at every CPUID.
 *
 * The table is written under vm->lock while no vCPU exists and constant afterwards, but for the
 * record of what the guest was shown: bits that are set, each by one atomic operation or store.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "control.h"
#include "cpuid_table.h"
#include "ferry.h"
#include "host.h"
#include "lib/cpu/answer.h"
#include "lib/cpu/check.h"
#include "lib/cpu/exclude.h"
#include "lib/cpu/policy.h"
#include "lib/cpu/xsave.h"

/* The ioctl and the library use one layout, so tables are copied whole. */
static_assert(sizeof(struct ferry_cpuid_entry) == sizeof(struct cpu_leaf));
static_assert(offsetof(struct ferry_cpuid_entry, eax) == offsetof(struct cpu_leaf, reg));
static_assert(sizeof(struct ferry_policy_msr) == sizeof(struct cpu_msr));
static_assert(FERRY_MAX_CPUID == CPU_POLICY_MAX_LEAVES);
static_assert(FERRY_MAX_POLICY_MSRS == CPU_POLICY_MAX_MSRS);

/* ---------------------------------------------------------------- run time */

/* Leaves above a range's highest are left to cpu_answer(): what they mean is the vendor's. */
static bool is_constant(const struct ferry_cpuid_table *t, u32 leaf)
{
	return leaf <= cpu_policy_max_leaf(&t->policy, leaf & 0xc0000000) &&
	       !cpu_answer_is_dynamic(leaf) && !cpu_leaf_has_subleaves(leaf);
}

/* The slot of the only row that could answer. */
static u32 row_of(u32 leaf)
{
	return (leaf >> 30) << 5 | (leaf & 0x1f);
}

static void record_shown(struct ferry_cpuid_table *t, u32 leaf, u32 subleaf)
{
	int entry = cpu_answer_entry(&t->policy, &t->index, leaf, subleaf);

	if (entry >= 0 && !test_bit(entry, t->shown))
		set_bit(entry, t->shown);
	/* From now on the row may answer: its registers were filled before any vCPU existed. */
	if ((leaf & 0x3fffffff) < 32 && is_constant(t, leaf))
		WRITE_ONCE(t->row[row_of(leaf)].leaf, leaf);
}

/**
 * ferry_cpuid() - answer CPUID
 * @vcpu: the vCPU
 * @eax: in: leaf; out: the registers, like the others
 * @ebx: out
 * @ecx: in: sub-leaf
 * @edx: out
 */
void ferry_cpuid(struct ferry_vcpu *vcpu, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx)
{
	struct ferry_cpuid_table *t = vcpu->cpuid;
	struct cpu_regs out;
	u32 leaf = *eax, subleaf = *ecx;

	record_shown(t, leaf, subleaf);
	cpu_answer(&t->policy, &t->index, leaf, subleaf, &out);
	if (cpu_answer_is_dynamic(leaf)) {
		struct cpu_dynamic dyn;

		if (leaf == 0xd)
			ferry_xcr0_sync(vcpu);
		dyn = (struct cpu_dynamic){
			.x2apic_id = ferry_lapic_id(vcpu),
			.apic_enabled = ferry_lapic_base(vcpu) & BIT_ULL(11),
			.osxsave = vcpu->cr4 & X86_CR4_OSXSAVE,
			.pke = vcpu->cr4 & X86_CR4_PKE,
			.code64 = leaf == 0x80000001 && ferry_backend->code64(vcpu),
			.xcr0 = vcpu->xcr0,
		};

		cpu_answer_dynamic(&t->policy, leaf, subleaf, &dyn, &out);
	}
	*eax = out.reg[CPU_EAX];
	*ebx = out.reg[CPU_EBX];
	*ecx = out.reg[CPU_ECX];
	*edx = out.reg[CPU_EDX];
}

bool ferry_cpuid_has(struct ferry_vm *vm, u32 leaf, u32 subleaf, int reg, int bit)
{
	return cpu_policy_reg(&vm->cpuid->policy, leaf, subleaf, reg) & BIT(bit);
}

u32 ferry_cpuid_signature(struct ferry_vm *vm)
{
	return cpu_policy_reg(&vm->cpuid->policy, 1, 0, CPU_EAX);
}

void ferry_policy_msr_shown(struct ferry_vm *vm, u32 index)
{
	const struct cpu_msr *msr = cpu_policy_find_msr(&vm->cpuid->policy, index);

	if (msr)
		set_bit(msr - vm->cpuid->policy.msr, vm->cpuid->shown_msrs);
}

bool ferry_policy_msr(struct ferry_vm *vm, u32 index, u64 *value)
{
	const struct cpu_msr *msr = cpu_policy_find_msr(&vm->cpuid->policy, index);

	if (msr)
		*value = msr->value;
	return msr;
}

/* ------------------------------------------------------------ what was seen */

/**
 * ferry_seen_get() - FERRY_STATE_SEEN
 * @vm: the VM; its lock is held
 * @buf: kernel memory
 * @len: its size
 *
 * Return: bytes used, -ENOSPC, -ENODATA without a policy.
 */
int ferry_seen_get(struct ferry_vm *vm, void *buf, u32 len)
{
	struct ferry_state_seen *s = buf;
	struct ferry_vcpu *vcpu;
	int i;

	if (len < sizeof(*s))
		return -ENOSPC;
	if (!vm->cpuid)
		return -ENODATA;
	*s = (struct ferry_state_seen){
		.cr4 = vm->seen_cr4,
		.efer = vm->seen_efer,
		.xcr0 = vm->seen_xcr0,
		.flags = READ_ONCE(vm->seen_kvmclock) ? FERRY_SEEN_KVMCLOCK : 0,
	};
	ferry_for_each_vcpu(i, vcpu, vm) {
		s->cr4 |= READ_ONCE(vcpu->seen_cr4);
		s->efer |= READ_ONCE(vcpu->seen_efer);
		s->xcr0 |= READ_ONCE(vcpu->seen_xcr0);
	}
	bitmap_to_arr64(s->cpuid, vm->cpuid->shown, FERRY_MAX_CPUID);
	bitmap_to_arr64(&s->msrs, vm->cpuid->shown_msrs, FERRY_MAX_POLICY_MSRS);
	return sizeof(*s);
}

/**
 * ferry_seen_set() - add what the guest saw elsewhere
 * @vm: the VM; its lock is held
 * @buf: struct ferry_state_seen
 * @len: its size
 *
 * Return: 0, -EINVAL, -ENODATA without a policy.
 */
int ferry_seen_set(struct ferry_vm *vm, const void *buf, u32 len)
{
	const struct ferry_state_seen *s = buf;
	u32 i;

	if (len != sizeof(*s) || memchr_inv(s->reserved, 0, sizeof(s->reserved)) ||
	    (s->flags & ~FERRY_SEEN_KVMCLOCK))
		return -EINVAL;
	if (!vm->cpuid)
		return -ENODATA;
	/* Beyond the policy there is nothing to have been shown. */
	for (i = vm->cpuid->policy.nr_leaves; i < FERRY_MAX_CPUID; i++)
		if (s->cpuid[i / 64] & BIT_ULL(i % 64))
			return -EINVAL;
	for (i = vm->cpuid->policy.nr_msrs; i < FERRY_MAX_POLICY_MSRS; i++)
		if (s->msrs & BIT_ULL(i))
			return -EINVAL;
	vm->seen_cr4 |= s->cr4;
	vm->seen_efer |= s->efer;
	vm->seen_xcr0 |= s->xcr0;
	if (s->flags & FERRY_SEEN_KVMCLOCK)
		WRITE_ONCE(vm->seen_kvmclock, true);
	for (i = 0; i < FERRY_MAX_CPUID; i++)
		if (s->cpuid[i / 64] & BIT_ULL(i % 64))
			set_bit(i, vm->cpuid->shown);
	for (i = 0; i < FERRY_MAX_POLICY_MSRS; i++)
		if (s->msrs & BIT_ULL(i))
			set_bit(i, vm->cpuid->shown_msrs);
	return 0;
}

/* ------------------------------------------------------------------ set, check */

static int fill_policy(struct cpu_policy *p, const struct ferry_cpuid_entry *entries, u32 nr,
		       const struct ferry_policy_msr *msrs, u32 nr_msrs)
{
	u32 where, i;
	int ret;

	if (nr > FERRY_MAX_CPUID || nr_msrs > FERRY_MAX_POLICY_MSRS || !nr)
		return -EINVAL;
	cpu_policy_init(p);
	for (i = 0; i < nr; i++) {
		ret = cpu_policy_add(p, (const struct cpu_leaf *)&entries[i]);
		if (ret)
			return ret;
	}
	for (i = 0; i < nr_msrs; i++) {
		if (msrs[i].flags)
			return -EINVAL;
		ret = cpu_policy_add_msr(p, msrs[i].index, msrs[i].value);
		if (ret)
			return ret;
	}
	return cpu_policy_validate(p, &where);
}

static u32 copy_findings(struct ferry_finding *out, u32 cap, const struct cpu_findings *list)
{
	u32 i, nr = min(cap, list->nr);

	for (i = 0; i < nr; i++) {
		const struct cpu_finding *f = &list->finding[i];

		out[i] = (struct ferry_finding){
			.leaf = f->leaf,
			.subleaf = f->subleaf,
			.reg = f->reg,
			.bit = f->bit,
			.severity = f->severity,
			.cause = f->cause,
			.detail = f->detail,
			.guest = f->guest,
			.host = f->host,
		};
	}
	return nr;
}

/* 0, -EOPNOTSUPP with findings, -ENOMEM */
static int check_policy(const struct ferry_vm *vm, const struct cpu_policy *p,
			struct ferry_finding *findings, u32 cap, u32 *nr_findings)
{
	struct cpu_findings *list = kvzalloc(sizeof(*list), GFP_KERNEL);
	int ret;

	if (!list)
		return -ENOMEM;
	ret = ferry_host_check(p, vm->clock.raw_khz, list);
	copy_findings(findings, cap, list);
	*nr_findings = list->total;
	kvfree(list);
	return ret;
}

static u8 vendor_class(enum cpu_vendor vendor)
{
	if (vendor == CPU_VENDOR_INTEL)
		return FERRY_VENDOR_INTEL;
	return cpu_vendor_is_amd_like(vendor) ? FERRY_VENDOR_AMD : FERRY_VENDOR_OTHER;
}

static void build_rows(struct ferry_cpuid_table *t)
{
	struct cpu_regs answer;
	u32 slot, leaf;

	for (slot = 0; slot < FERRY_CPUID_ROWS; slot++) {
		leaf = (slot >> 5) << 30 | (slot & 0x1f);
		t->row[slot].leaf = ~leaf;
		if (!is_constant(t, leaf))
			continue;
		cpu_answer(&t->policy, &t->index, leaf, 0, &answer);
		memcpy(t->row[slot].reg, answer.reg, sizeof(answer.reg));
	}
}

/**
 * ferry_cpuid_install() - give a VM its policy; vm->lock held
 * @vm: the VM
 * @entries: the policy's leaves
 * @nr: entries at @entries
 * @msrs: its feature MSRs
 * @nr_msrs: entries at @msrs
 * @findings: room for @cap reasons, warnings included; NULL with @cap 0
 * @cap: entries at @findings
 * @nr_findings: out: how many there are, perhaps more than @cap
 *
 * The old policy stays if the new one is refused.
 *
 * Return: 0, -EOPNOTSUPP this host cannot honour it, -EINVAL malformed, -EBUSY a vCPU exists, -ENOMEM.
 */
int ferry_cpuid_install(struct ferry_vm *vm, const struct ferry_cpuid_entry *entries, u32 nr,
			const struct ferry_policy_msr *msrs, u32 nr_msrs,
			struct ferry_finding *findings, u32 cap, u32 *nr_findings)
{
	struct ferry_cpuid_table *t;
	u32 promised;
	int ret;

	*nr_findings = 0;
	/* vCPUs point into the table, and were made as it said. */
	if (vm->nr_vcpus)
		return -EBUSY;
	t = kvzalloc(sizeof(*t), GFP_KERNEL_ACCOUNT);
	if (!t)
		return -ENOMEM;
	ret = fill_policy(&t->policy, entries, nr, msrs, nr_msrs);
	if (!ret)
		ret = check_policy(vm, &t->policy, findings, cap, nr_findings);
	if (ret) {
		kvfree(t);
		return ret;
	}
	cpu_index_build(&t->index, &t->policy);
	build_rows(t);
	/* Where neither promises a rate, the VM's may have come by FERRY_SET_STATE. */
	promised = cpu_policy_settings(&t->policy).tsc_khz;
	if (promised || (vm->cpuid && cpu_policy_settings(&vm->cpuid->policy).tsc_khz))
		ferry_clock_promise(vm, promised);
	kvfree(vm->cpuid);
	vm->cpuid = t;
	vm->guest_vendor = vendor_class(cpu_policy_vendor(&t->policy));
	vm->syscall_mode = cpu_policy_settings(&t->policy).syscall;
	vm->phys_bits = cpu_policy_phys_bits(&t->policy);
	/* Whatever a policy says: what XSETBV would fault on, or nobody switches, is no guest's. */
	vm->guest_xcr0 = (cpu_xsave_xcr0(&t->policy) & ferry_fpu_guest_xcr0()) | 1;
	return 0;
}

/**
 * ferry_cpuid_excluded() - does the policy exclude this host, and why?
 * @entries: the policy's leaves, as ferry_cpuid_install() refused them
 * @nr: entries at @entries
 * @findings: what it found
 * @nr_findings: entries at @findings
 * @reason: filled with the first reason
 * @size: its size
 */
bool ferry_cpuid_excluded(const struct ferry_cpuid_entry *entries, u32 nr, const struct ferry_finding *findings,
			  u32 nr_findings, char *reason, size_t size)
{
	struct cpu_exclusion x;
	u32 i;

	for (i = 0; i < nr_findings && findings[i].detail != CPU_DETAIL_EXCLUDED; i++)
		;
	if (i == nr_findings ||
	    !cpu_exclusion_get((const struct cpu_leaf *)entries, nr, findings[i].subleaf, &x))
		return false;
	strscpy(reason, x.reason, size);
	return true;
}

void ferry_cpuid_free(struct ferry_vm *vm)
{
	kvfree(vm->cpuid);
	vm->cpuid = NULL;
}

const struct ferry_cpuid_entry *ferry_cpuid_entries(struct ferry_vm *vm, u32 *nr)
{
	*nr = vm->cpuid->policy.nr_leaves;
	return (const struct ferry_cpuid_entry *)vm->cpuid->policy.leaf;
}

const struct ferry_policy_msr *ferry_policy_msrs(struct ferry_vm *vm, u32 *nr)
{
	*nr = vm->cpuid->policy.nr_msrs;
	return (const struct ferry_policy_msr *)vm->cpuid->policy.msr;
}

/* --------------------------------------------------------------------- ioctls */

#define MAX_FINDINGS 1024

/* What an ioctl brings along in user memory, copied once. */
struct policy_args {
	struct ferry_cpuid_entry entries[FERRY_MAX_CPUID];
	struct ferry_policy_msr msrs[FERRY_MAX_POLICY_MSRS];
	struct ferry_finding findings[MAX_FINDINGS];
};

int ferry_cpuid_set_policy(struct ferry_vm *vm, struct ferry_policy *args)
{
	u32 cap = min_t(u32, args->nr_findings, MAX_FINDINGS), found = 0;
	struct policy_args *buf;
	int ret;

	if (args->reserved || args->nr_cpuid > FERRY_MAX_CPUID ||
	    args->nr_msrs > FERRY_MAX_POLICY_MSRS)
		return -EINVAL;
	if (!args->findings)
		cap = 0;
	buf = kvzalloc(sizeof(*buf), GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	ret = -EFAULT;
	if (copy_from_user(buf->entries, u64_to_user_ptr(args->cpuid),
			   args->nr_cpuid * sizeof(buf->entries[0])) ||
	    copy_from_user(buf->msrs, u64_to_user_ptr(args->msrs),
			   args->nr_msrs * sizeof(buf->msrs[0])))
		goto out;
	mutex_lock(&vm->lock);
	ret = ferry_cpuid_install(vm, buf->entries, args->nr_cpuid, buf->msrs, args->nr_msrs,
				  buf->findings, cap, &found);
	mutex_unlock(&vm->lock);
	args->nr_findings = found;
	if (copy_to_user(u64_to_user_ptr(args->findings), buf->findings,
			 min(cap, found) * sizeof(buf->findings[0])))
		ret = -EFAULT;
out:
	kvfree(buf);
	return ret;
}

int ferry_cpuid_get_policy(struct ferry_vm *vm, struct ferry_policy *args)
{
	u32 cap = args->nr_cpuid, cap_msrs = args->nr_msrs;
	struct policy_args *buf;
	int ret = -ENODATA;

	if (args->reserved)
		return -EINVAL;
	buf = kvmalloc(sizeof(*buf), GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	mutex_lock(&vm->lock);
	if (vm->cpuid) {
		const void *entries = ferry_cpuid_entries(vm, &args->nr_cpuid);
		const void *msrs = ferry_policy_msrs(vm, &args->nr_msrs);

		memcpy(buf->entries, entries, args->nr_cpuid * sizeof(buf->entries[0]));
		memcpy(buf->msrs, msrs, args->nr_msrs * sizeof(buf->msrs[0]));
		args->nr_findings = 0;
		ret = cap < args->nr_cpuid || cap_msrs < args->nr_msrs ? -ENOSPC : 0;
	}
	mutex_unlock(&vm->lock);
	if (!ret && (copy_to_user(u64_to_user_ptr(args->cpuid), buf->entries,
				  args->nr_cpuid * sizeof(buf->entries[0])) ||
		     copy_to_user(u64_to_user_ptr(args->msrs), buf->msrs,
				  args->nr_msrs * sizeof(buf->msrs[0]))))
		ret = -EFAULT;
	kvfree(buf);
	return ret;
}
