// SPDX-License-Identifier: GPL-2.0-only
/*
 * lib/cpu: the tables of a policy, what CPUID answers from them, the XSAVE rules, the synthesised
 * topology and the policy of a VM that was given none.
 */
#include "tap.h"
#include "lib/cpu/answer.h"
#include "lib/cpu/default.h"
#include "lib/cpu/xsave.h"

static struct cpu_policy p, q;

static void set(struct cpu_policy *to, u32 leaf, u32 sub, u32 a, u32 b, u32 c, u32 d)
{
	const u32 reg[4] = { a, b, c, d };

	if (cpu_policy_set(to, leaf, sub, reg))
		bail_out("cannot set leaf %#x", leaf);
}

static void vendor(struct cpu_policy *to, const char *name, u32 max)
{
	u32 s[3];

	memcpy(s, name, 12);
	set(to, 0, 0, max, s[0], s[2], s[1]);
}

static void tables(void)
{
	struct cpu_leaf l = { .leaf = 7, .subleaf = 1, .reg = { 1, 2, 3, 4 } };
	u32 i, where;

	cpu_policy_init(&p);
	ok_eq(cpu_policy_add(&p, &l), 0, "an entry is added");
	ok_eq(cpu_policy_add(&p, &l), -EEXIST, "a second answer to the same question is refused");
	l.subleaf = 0;
	ok_eq(cpu_policy_add(&p, &l), 0, "another sub-leaf is not the same question");
	ok(p.leaf[0].subleaf == 0 && p.leaf[1].subleaf == 1, "entries are kept in order");
	ok(p.leaf[0].flags == CPU_LEAF_SUBLEAF_SIGNIFICANT,
	   "the sub-leaf flag follows from the leaf");
	l.leaf = 1;
	l.subleaf = 1;
	ok_eq(cpu_policy_add(&p, &l), -EINVAL, "leaf 1 has no sub-leaf 1");
	l.subleaf = 0;
	l.reserved = 1;
	ok_eq(cpu_policy_add(&p, &l), -EINVAL, "reserved must be zero");
	l.reserved = 0;
	l.flags = 2;
	ok_eq(cpu_policy_add(&p, &l), -EINVAL, "unknown flags are refused");

	cpu_policy_init(&p);
	for (i = 0; i < CPU_POLICY_MAX_LEAVES; i++)
		set(&p, 0x80000000 + CPU_POLICY_MAX_LEAVES - i, 0, i, 0, 0, 0);
	l = (struct cpu_leaf){ .leaf = 5 };
	ok_eq(cpu_policy_add(&p, &l), -ENOSPC, "entry %d is too many", CPU_POLICY_MAX_LEAVES + 1);
	ok_eq(cpu_policy_validate(&p, &where), 0, "a full table is valid");
	ok(cpu_policy_find(&p, 0x80000001, 0) && !cpu_policy_find(&p, 0x80000000, 0),
	   "found and not");
	cpu_policy_del(&p, 0x80000080, 0);
	ok_eq(p.nr_leaves, CPU_POLICY_MAX_LEAVES - 1, "one is removed");
	ok(!cpu_policy_find(&p, 0x80000080, 0), "the right one");
	ok_eq(p.leaf[p.nr_leaves].leaf, 0, "what it leaves behind is zero");
	q = p;
	ok(cpu_policy_equal(&p, &q), "a copy is equal");
	q.leaf[7].reg[CPU_EDX] ^= 1;
	ok(!cpu_policy_equal(&p, &q), "a flipped bit is a difference");

	q = p;
	q.leaf[3].leaf = q.leaf[2].leaf;
	ok(cpu_policy_validate(&q, &where) == -EINVAL && where == 3,
	   "a duplicate is invalid: entry 3");
	q = p;
	q.nr_leaves = CPU_POLICY_MAX_LEAVES + 1;
	ok_eq(cpu_policy_validate(&q, &where), -EINVAL, "a count beyond the table is invalid");
	q = p;
	q.leaf[9].subleaf = 1;
	ok(cpu_policy_validate(&q, &where) == -EINVAL && where == 9, "a stray sub-leaf is invalid");

	cpu_policy_init(&p);
	ok_eq(cpu_policy_add_msr(&p, 0x10a, 5), 0, "an MSR is added");
	ok_eq(cpu_policy_add_msr(&p, 0x10a, 6), -EEXIST, "... once");
	ok_eq(cpu_policy_set_msr(&p, 0xce, 7), 0, "a lower one");
	ok(p.msr[0].index == 0xce && p.msr[1].value == 5, "MSRs are in order");
	for (i = 2; i < CPU_POLICY_MAX_MSRS; i++)
		cpu_policy_add_msr(&p, 0x1000 + i, i);
	ok_eq(cpu_policy_add_msr(&p, 1, 1), -ENOSPC, "MSR %d is too many", CPU_POLICY_MAX_MSRS + 1);
}

static void identity(void)
{
	char s[49];

	cpu_policy_init(&p);
	vendor(&p, "AuthenticAMD", 1);
	ok_eq(cpu_policy_vendor(&p), CPU_VENDOR_AMD, "AuthenticAMD is AMD");
	cpu_policy_vendor_string(&p, s);
	ok_str(s, "AuthenticAMD", "the vendor string");
	ok_eq(cpu_policy_vendor(&q), CPU_VENDOR_UNKNOWN, "no leaf 0 is no vendor");
	ok_eq(cpu_signature_of(0x000306c3).model, 0x3c, "Haswell's model");
	ok_eq(cpu_signature_of(0x00870f10).family, 0x17, "Zen 2's family");
	ok_eq(cpu_signature_of(0x00870f10).model, 0x71, "Zen 2's model");
	ok_eq(cpu_signature_of(0x00000543).model, 4, "no extended model on family 5");
	ok_eq(cpu_policy_phys_bits(&p), 32, "32 bits where nothing tells of more");
	set(&p, 1, 0, 0, 0, 0, 1 << 6);
	ok_eq(cpu_policy_phys_bits(&p), 36, "36 bits with PAE where leaf 0x80000008 is absent");
	set(&p, 0x80000008, 0, 0x3930, 0, 0, 0);
	ok(cpu_policy_phys_bits(&p) == 48 && cpu_policy_lin_bits(&p) == 57, "widths");
}

static struct cpu_regs ask(const struct cpu_policy *of, u32 leaf, u32 sub)
{
	struct cpu_index ix;
	struct cpu_regs r;

	cpu_index_build(&ix, of);
	cpu_answer(of, &ix, leaf, sub, &r);
	return r;
}

static void answers(void)
{
	struct cpu_dynamic dyn = { .x2apic_id = 0x105, .osxsave = true, .xcr0 = 3, .code64 = true };
	struct cpu_regs r;

	cpu_policy_init(&p);
	vendor(&p, "GenuineIntel", 0xd);
	set(&p, 1, 0, 0x306c3, 0x00100800, 1u << 26, 1 << 9);
	set(&p, 7, 0, 1, 0x20, 0, 0);
	set(&p, 7, 1, 0x77, 0, 0, 0);
	set(&p, 0xb, 0, 1, 2, 0x100, 0);
	set(&p, 0xb, 1, 4, 8, 0x201, 0);
	set(&p, 0xd, 0, 7, 0, 832, 0);
	set(&p, 0xd, 1, 0xf, 0, 0, 0);
	set(&p, 0xd, 2, 256, 576, 0, 0);
	set(&p, 0x80000000, 0, 0x80000001, 0, 0, 0);
	set(&p, 0x80000001, 0, 0, 0, 0, 1 << 11 | 1 << 29);

	ok_eq(ask(&p, 7, 1).reg[CPU_EAX], 0x77, "a sub-leaf");
	ok_eq(ask(&p, 7, 9).reg[CPU_EAX], 0, "an absent sub-leaf is zero");
	ok_eq(ask(&p, 1, 9).reg[CPU_EAX], 0x306c3, "ECX does not matter to leaf 1");
	ok_eq(ask(&p, 9, 0).reg[CPU_EAX], 0, "an absent leaf in range is zero");
	ok_eq(ask(&p, 0x80000002, 2).reg[CPU_EAX], 256,
	      "Intel: out of range is the highest basic leaf with its sub-leaf");
	ok_eq(ask(&p, 0x40000000, 2).reg[CPU_EAX], 256, "... so without a hypervisor's range, too");
	ok_eq(ask(&p, 0x12345678, 2).reg[CPU_EAX], 256, "... and between the ranges");
	ok_eq(ask(&p, 0xb, 1).reg[CPU_ECX], 0x201, "leaf 0xB");
	ok_eq(ask(&p, 0xb, 0x55).reg[CPU_ECX], 0x55, "leaf 0xB echoes an undefined sub-leaf");
	set(&p, 0x40000000, 0, 0x40000001, 1, 2, 3);
	set(&p, 0x40000001, 0, 8, 0, 0, 0);
	ok_eq(ask(&p, 0x40000001, 0).reg[CPU_EAX], 8, "the hypervisor's range");

	r = ask(&p, 1, 0);
	cpu_answer_dynamic(&p, 1, 0, &dyn, &r);
	ok_eq(r.reg[CPU_EBX], 0x05100800, "the APIC id's low byte in leaf 1");
	ok_eq(r.reg[CPU_ECX] >> 26 & 3, 3, "OSXSAVE follows CR4");
	ok_eq(r.reg[CPU_EDX], 0, "APIC follows IA32_APIC_BASE");
	r = ask(&p, 0xb, 1);
	cpu_answer_dynamic(&p, 0xb, 1, &dyn, &r);
	ok_eq(r.reg[CPU_EDX], 0x105, "the x2APIC id in leaf 0xB");
	r = ask(&p, 0xd, 0);
	cpu_answer_dynamic(&p, 0xd, 0, &dyn, &r);
	ok_eq(r.reg[CPU_EBX], 576, "the area's size for XCR0 = 3");
	dyn.xcr0 = 7;
	cpu_answer_dynamic(&p, 0xd, 0, &dyn, &r);
	ok_eq(r.reg[CPU_EBX], 832, "... and for 7");
	r = ask(&p, 0x80000001, 0);
	cpu_answer_dynamic(&p, 0x80000001, 0, &dyn, &r);
	ok(r.reg[CPU_EDX] & 1 << 11, "Intel shows SYSCALL in 64-bit mode");
	dyn.code64 = false;
	cpu_answer_dynamic(&p, 0x80000001, 0, &dyn, &r);
	ok(!(r.reg[CPU_EDX] & 1 << 11), "... and nowhere else");

	vendor(&p, "AuthenticAMD", 0xd);
	ok_eq(ask(&p, 0x80000002, 2).reg[CPU_EAX], 0, "AMD: out of range is zeros");
	r = ask(&p, 0x80000001, 0);
	cpu_answer_dynamic(&p, 0x80000001, 0, &dyn, &r);
	ok(r.reg[CPU_EDX] & 1 << 11, "AMD shows SYSCALL always");
	set(&p, 1, 0, 0, 0, 0, 0);
	r = ask(&p, 1, 0);
	cpu_answer_dynamic(&p, 1, 0, &dyn, &r);
	ok_eq(r.reg[CPU_ECX], 0, "no OSXSAVE without XSAVE, whatever CR4 says");
}

static void xsave(void)
{
	cpu_policy_init(&p);
	vendor(&p, "GenuineIntel", 0xd);
	set(&p, 0xd, 0, 0x2e7, 0, 0, 0);
	set(&p, 0xd, 1, 0xf, 0, 0x100, 0);
	set(&p, 0xd, 2, 0x100, 0x240, 0, 0);
	set(&p, 0xd, 5, 0x40, 0x440, 0, 0);
	set(&p, 0xd, 6, 0x200, 0x480, 0, 0);
	set(&p, 0xd, 7, 0x400, 0x680, 0, 0);
	set(&p, 0xd, 8, 0x80, 0, 1, 0);
	set(&p, 0xd, 9, 8, 0xa80, 2, 0);
	ok_eq(cpu_xsave_size(&p, 0x2e7), 0xa88, "standard size, Skylake server");
	ok_eq(cpu_xsave_size(&p, 1), 576, "never below the legacy region");
	ok_eq(cpu_xsave_compact_size(&p, 0x207), 576 + 0x100 + 8, "compacted size leaves gaps out");
	ok_eq(cpu_xsave_compact_size(&p, 0x221), 576 + 0x40 + 8,
	      "aligned component after 64 bytes");
	set(&p, 0xd, 5, 0x41, 0x440, 0, 0);
	ok_eq(cpu_xsave_compact_size(&p, 0x221), 576 + 0x80 + 8, "... and after 65");
	set(&p, 0xd, 5, 0x40, 0x440, 0, 0);
	ok_eq(cpu_xsave_close(0xe3), 3, "AVX-512 needs AVX");
	ok_eq(cpu_xsave_close(0x67), 7, "AVX-512's parts go together");
	ok_eq(cpu_xsave_close(0xf), 7, "MPX's parts go together");
	ok_eq(cpu_xsave_close(5), 1, "AVX needs SSE");
	ok_eq(cpu_xsave_close(0x60007), 0x60007, "AMX whole");
	ok_eq(cpu_xsave_close(0x20007), 7, "AMX in half");
	ok(cpu_xsave_xcr0_valid(&p, 0x2e7) && !cpu_xsave_xcr0_valid(&p, 0x27), "XSETBV's rules");
	ok(!cpu_xsave_xcr0_valid(&p, 6), "x87 is always on");
	ok_eq(cpu_xsave_limit(&p, 7, 0), 0, "limit to AVX");
	ok_eq(cpu_xsave_xcr0(&p), 7, "what is left");
	ok_eq(cpu_policy_reg(&p, 0xd, 0, CPU_ECX), 0x340, "its size");
	ok(!cpu_policy_find(&p, 0xd, 9) && cpu_policy_find(&p, 0xd, 2), "its sub-leaves");
	set(&p, 0xd, 2, 0xffffffff, 0xfffffff0, 0, 0);
	ok_eq(cpu_xsave_size(&p, 7), U32_MAX, "a hostile size saturates");
}

static void haswell(struct cpu_policy *h)
{
	cpu_policy_init(h);
	vendor(h, "GenuineIntel", 0xd);
	set(h, 1, 0, 0x306c3, 0x05100800, 0x7ffafbff, 0xbfebfbff);
	set(h, 4, 0, 0x1c004121, 0x01c0003f, 0x3f, 0);
	set(h, 4, 1, 0x1c03c163, 0x03c0003f, 0x1fff, 6);
	set(h, 5, 0, 64, 64, 3, 0x42120);
	set(h, 6, 0, 0x77, 2, 9, 0);
	set(h, 7, 0, 0, 0x27ab, 0, 0x9c000000);
	set(h, 0xa, 0, 0x07300403, 0, 0, 0x603);
	set(h, 0xd, 0, 7, 832, 832, 0);
	set(h, 0xd, 1, 1, 0, 0, 0);
	set(h, 0xd, 2, 256, 576, 0, 0);
	set(h, 0x80000000, 0, 0x80000008, 0, 0, 0);
	set(h, 0x80000001, 0, 0, 0, 0x21, 0x2c100800);
	set(h, 0x80000007, 0, 0, 0, 0, 0x100);
	set(h, 0x80000008, 0, 0x3027, 0, 0, 0);
}

static void defaults(void)
{
	struct cpu_default_params d = { .topology = { 4, 2 }, .flags = CPU_DEFAULT_KVMCLOCK };
	struct cpu_index ix;
	u32 where;

	haswell(&p);
	ok_eq(cpu_policy_default(&q, &p, &d), 0, "a policy from a Haswell");
	ok_eq(cpu_policy_validate(&q, &where), 0, "it is valid");
	ok(!(cpu_policy_reg(&q, 1, 0, CPU_ECX) & (1 << 3 | 1 << 5)), "no MONITOR, no VMX");
	ok(cpu_policy_reg(&q, 1, 0, CPU_ECX) & 1u << 31, "HYPERVISOR");
	ok(cpu_policy_reg(&q, 1, 0, CPU_ECX) & 1u << 28, "AVX stays");
	ok_eq(cpu_policy_reg(&q, 6, 0, CPU_EAX), 4, "of power management only ARAT");
	ok(!cpu_policy_find(&q, 5, 0) && !cpu_policy_find(&q, 0xa, 0), "no leaf 5, no leaf 0xA");
	ok(!cpu_policy_reg(&q, 0x80000007, 0, CPU_EDX), "no invariant TSC");
	ok_eq(cpu_policy_reg(&q, 0xb, 1, CPU_EBX), 8, "eight logical CPUs in leaf 0xB");
	ok_eq(cpu_policy_reg(&q, 0xb, 1, CPU_EAX), 3, "three bits of APIC id");
	ok_eq(cpu_policy_reg(&q, 0xb, 0, CPU_EAX), 1, "one of them the thread's");
	ok_eq(cpu_policy_reg(&q, 1, 0, CPU_EBX) >> 16, 8, "eight in leaf 1, APIC id 0");
	ok_eq(cpu_policy_reg(&q, 4, 0, CPU_EAX) >> 14 & 0xfff, 1, "two threads share L1");
	ok_eq(cpu_policy_reg(&q, 4, 1, CPU_EAX) >> 14 & 0xfff, 7, "all share L3");
	ok_eq(cpu_policy_reg(&q, 0x40000000, 0, CPU_EBX), 0x4b4d564b, "the clock's signature");
	ok_eq(cpu_policy_reg(&q, 0x40000001, 0, CPU_EAX), 8, "... and its features");
	ok(!(cpu_policy_reg(&q, 7, 0, CPU_EDX) & 1 << 29), "no ARCH_CAPABILITIES without the MSR");
	cpu_policy_set_msr(&p, MSR_CPU_ARCH_CAPABILITIES, 1);
	set(&p, 7, 0, 0, 0x27ab, 0, 0xbc000000);
	cpu_policy_default(&q, &p, &d);
	ok(cpu_policy_find_msr(&q, MSR_CPU_ARCH_CAPABILITIES), "the MSR where the host has it");
	set(&p, 0xd, 0, 3, 832, 576, 0);
	cpu_policy_default(&q, &p, &d);
	ok(!(cpu_policy_reg(&q, 1, 0, CPU_ECX) & (1u << 28 | 1 << 12)), "no AVX without its state");
	ok(cpu_policy_has(&q, CPU_F_CPUID_FAULTING) && !cpu_policy_has(&q, CPU_F_CPUID_USER_DIS),
	   "CPUID faulting as Intel has it");
	set(&p, 0, 0, 0x16, 0x68747541, 0x444d4163, 0x69746e65);
	cpu_policy_default(&q, &p, &d);
	ok(cpu_policy_has(&q, CPU_F_CPUID_USER_DIS) && !cpu_policy_has(&q, CPU_F_CPUID_FAULTING),
	   "and as AMD has it");
	cpu_index_build(&ix, &q);
	ok_eq(q.leaf[cpu_answer_entry(&q, &ix, 4, 0)].leaf, 4, "the entry that answers");
	ok_eq(cpu_answer_entry(&q, &ix, 0x7fffffff, 0), -1, "none for AMD out of range");
	ok_eq(cpu_answer_entry(&q, &ix, 0xb, 9), -1, "none beyond the last sub-leaf");
	haswell(&p);
	cpu_policy_default(&q, &p, &d);
	cpu_index_build(&ix, &q);
	ok_eq(q.leaf[cpu_answer_entry(&q, &ix, 0x7fffffff, 0)].leaf, cpu_policy_max_leaf(&q, 0),
	      "Intel's highest basic leaf answers for what is out of range");
	d.topology.threads = 3;
	ok_eq(cpu_policy_default(&q, &p, &d), -EINVAL, "three threads a core are impossible");
	cpu_policy_del(&p, 1, 0);
	d.topology.threads = 1;
	ok_eq(cpu_policy_default(&q, &p, &d), -EINVAL, "a host without leaf 1 is no host");
}

int main(void)
{
	tables();
	identity();
	answers();
	xsave();
	defaults();
	return done();
}
