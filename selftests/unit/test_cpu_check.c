// SPDX-License-Identifier: GPL-2.0-only
/*
 * lib/cpu: can this host take this guest? Each kind of reason, alone; and what it says in words.
 */
#include "cpu_help.h"
#include "lib/cpu/default.h"
#include "lib/cpu/explain.h"
#include "lib/cpu/vuln.h"
#include "tap.h"

static struct cpu_policy a, b, c;
static struct cpu_check_work work;
static const struct cpu_clocks none;

static void features(void)
{
	const struct cpu_finding *f;
	struct cpu_set warn = { 0 };
	struct cpu_gates gates = { 0 };
	struct cpu_check_options opt = { 0 };
	static struct cpu_view g, h;

	make_cpu(&a, "Intel", 6, 0x2d, 7, 46, SNB);
	make_cpu(&b, "Intel", 6, 0x2d, 7, 46, SNB);
	ok_eq(judge_cpu(&a, &b, 0), CPU_CHECK_OK, "a CPU takes its own guest");
	ok_eq(judged.total, 0, "... without a word");

	edit_cpu(&b, "", "monitor");
	ok_eq(judge_cpu(&a, &b, 0), CPU_CHECK_REFUSE, "a missing feature refuses");
	f = found(CPU_F_MONITOR);
	ok(f && judged.total == 1, "it is the only reason");
	ok(f->leaf == 1 && f->reg == CPU_ECX && f->bit == 3 && f->cause == CPU_CAUSE_FIRMWARE,
	   "MONITOR is at leaf 1 ECX bit 3, and firmware has it");
	ok((f->guest >> 3 & 1) == 1 && (f->host >> 3 & 1) == 0, "both values are there");
	ok_eq(judge_cpu(&b, &a, 0), CPU_CHECK_OK, "the other way there is nothing missing");

	edit_cpu(&b, "", "avx xsave aes popcnt");
	judge_cpu(&a, &b, 0);
	ok(found(CPU_F_AVX) && found(CPU_F_XSAVE) && found(CPU_F_AES) && found(CPU_F_POPCNT) &&
		   found(CPU_F_MONITOR),
	   "all reasons at once");
	ok_eq(found(CPU_F_POPCNT)->cause, CPU_CAUSE_SILICON, "POPCNT is silicon");
	ok_eq(found(CPU_F_AES)->cause, CPU_CAUSE_FIRMWARE, "AES beside PCLMULQDQ is firmware");

	make_cpu(&b, "Intel", 6, 0x2d, 7, 46, SNB);
	edit_cpu(&b, "", "x2apic tsc-deadline");
	ok_eq(judge_cpu(&a, &b, 0), CPU_CHECK_OK, "what Ferry emulates is never missing");
	edit_cpu(&b, "", "ht");
	ok_eq(judge_cpu(&a, &b, 0), CPU_CHECK_OK, "topology is the VM's own");
	edit_cpu(&b, "", "apic");
	ok_eq(judge_cpu(&a, &b, 0), CPU_CHECK_OK, "a dynamic bit is not compared");

	/* the guest never set CR4.PCIDE and never enabled AVX */
	make_cpu(&b, "Intel", 6, 0x2d, 7, 46, SNB);
	edit_cpu(&b, "", "pcid popcnt");
	cpu_view_init(&g, &a);
	cpu_view_init(&h, &b);
	opt.gates = &gates;
	cpu_check(&g, &h, &opt, &judged);
	ok_eq(found(CPU_F_PCID)->severity, CPU_WARNING, "never enabled: a warning");
	ok_eq(found(CPU_F_POPCNT)->severity, CPU_REFUSE, "without a gate it cannot be known");
	gates.cr4 = 1 << 17;
	cpu_check(&g, &h, &opt, &judged);
	ok_eq(found(CPU_F_PCID)->severity, CPU_REFUSE, "enabled: a refusal");
	opt.gates = NULL;
	opt.warn = &warn;
	cpu_set_put(&warn, CPU_F_PCID, true);
	cpu_set_put(&warn, CPU_F_POPCNT, true);
	ok_eq(cpu_check(&g, &h, &opt, &judged), CPU_CHECK_WARN, "warnings by name");

	/* SYSCALL in a dump taken by a 32-bit program */
	make_cpu(&b, "Intel", 6, 0x2d, 7, 46, SNB);
	edit_cpu(&b, "", "syscall");
	ok_eq(judge_cpu(&a, &b, 0), CPU_CHECK_OK, "long mode implies SYSCALL");
	cpu_policy_del_leaf(&b, 7);
	edit_cpu(&a, "fsgsbase", "");
	judge_cpu(&a, &b, 0);
	ok_eq(found(CPU_F_FSGSBASE)->cause, CPU_CAUSE_UNKNOWN, "a leaf that was not dumped is unknown");
}

static void nested(void)
{
	make_cpu(&a, "AMD", 0x19, 1, 1, 48, ZEN4 " npt vgif");
	make_cpu(&b, "AMD", 0x19, 1, 1, 48, ZEN4 " npt");
	ok_eq(judge_cpu(&a, &b, 0), CPU_CHECK_OK, "nested features do not bind a guest that does not nest");
	ok_eq(judge_cpu(&a, &b, CPU_CHECK_NESTED), CPU_CHECK_REFUSE, "... but one that does");
	ok(found(CPU_F_VGIF), "... by name");
}

static void widths_and_layout(void)
{
	unsigned int i;

	make_cpu(&a, "Intel", 6, 0x55, 4, 46, SKX);
	make_cpu(&b, "Intel", 6, 0x55, 4, 39, SKX);
	ok_eq(judge_cpu(&a, &b, 0), CPU_CHECK_REFUSE, "a narrower host refuses");
	ok(found_detail(CPU_DETAIL_PHYS_BITS)->guest == 46 && judged.nr == 1, "46 bits, alone");
	ok_eq(judge_cpu(&b, &a, 0), CPU_CHECK_OK, "a wider one takes it");
	judge_cpu(&b, &a, CPU_CHECK_NOTES);
	ok(found_detail(CPU_DETAIL_PHYS_BITS)->severity == CPU_NOTE, "... with a note");

	make_cpu(&b, "Intel", 6, 0x55, 4, 46, SKX);
	cpu_policy_find_mut(&b, 0xd, 6)->reg[CPU_EBX] = 0x380;
	ok_eq(judge_cpu(&a, &b, 0), CPU_CHECK_REFUSE, "state at another offset refuses");
	ok(found_detail(CPU_DETAIL_XSAVE)->subleaf == 6 &&
		   found_detail(CPU_DETAIL_XSAVE)->cause == CPU_CAUSE_LAYOUT,
	   "component 6, layout");
	cpu_policy_del(&b, 0xd, 6);
	judge_cpu(&a, &b, 0);
	ok_eq(found_detail(CPU_DETAIL_XSAVE)->cause, CPU_CAUSE_UNKNOWN, "not described: unknown");

	/* What XSETBV would fault on, and what nobody switches. */
	make_cpu(&b, "Intel", 6, 0x55, 4, 46, SKX);
	a = b;
	cpu_policy_find_mut(&a, 0xd, 0)->reg[CPU_EDX] |= 1u << 31;
	ok_eq(judge_cpu(&a, &b, 0), CPU_CHECK_REFUSE, "XCR0[63] refuses");
	ok_eq(found_detail(CPU_DETAIL_XSAVE)->subleaf, 63, "as component 63");
	judge_cpu(&a, &b, CPU_CHECK_EFFECTIVE);
	for (i = 0; i < judged.nr; i++)
		if (judged.finding[i].leaf == 0xd && judged.finding[i].reg == CPU_EDX && judged.finding[i].bit == 31)
			break;
	ok(i < judged.nr && judged.finding[i].detail == CPU_DETAIL_NOT_VIRTUALISED, "as state that is not virtualised");
	a = b;
	cpu_policy_find_mut(&a, 0xd, 0)->reg[CPU_EAX] |= 1u << 8;
	cpu_policy_find_mut(&b, 0xd, 1)->reg[CPU_ECX] |= 1u << 8;
	ok_eq(judge_cpu(&a, &b, 0), CPU_CHECK_REFUSE, "a component of XSS is none of XCR0");
	make_cpu(&b, "Intel", 6, 0x55, 4, 46, SKX);
	cpu_policy_find_mut(&b, 1, 0)->reg[CPU_EBX] = 4 << 8;
	judge_cpu(&a, &b, 0);
	ok(found_detail(CPU_DETAIL_CLFLUSH)->guest == 64 && found_detail(CPU_DETAIL_CLFLUSH)->host == 32,
	   "other cache lines");
}

/* The policy's switch: what it says of the guest in a and the host in b. */
static void syscall_modes(struct cpu_settings *s)
{
	static const struct {
		u32 mode;
		const char *word, *why, *harm;
	} rows[] = {
		{ CPU_SYSCALL_EMULATE, "syscall=emulate", "SYSENTER is emulated", "" },
		{ CPU_SYSCALL_IGNORE, "syscall=ignore", "SYSENTER is an invalid opcode here", "SIGILL" },
		{ CPU_SYSCALL_HIDE, "syscall=hide", "SYSENTER is an invalid opcode here", "SIGILL" },
		{ CPU_SYSCALL_REFUSE, "syscall=refuse", "behave differently", "" },
	};
	static struct cpu_explanation e;
	const struct cpu_finding *f;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		s->syscall = rows[i].mode;
		cpu_policy_set_settings(&a, s);
		ok_eq(cpu_policy_settings(&a).syscall, rows[i].mode, "%s is kept", rows[i].word);
		judge_cpu(&a, &b, 0);
		ok(!found_detail(CPU_DETAIL_SYSCALL) == (rows[i].mode != CPU_SYSCALL_REFUSE),
		   "%s refuses or does not", rows[i].word);
		judge_cpu(&a, &b, CPU_CHECK_NOTES);
		f = found_detail(CPU_DETAIL_SYSCALL);
		if (!ok(f, "%s is told with notes", rows[i].word))
			continue;
		ok_eq(f->severity, rows[i].mode == CPU_SYSCALL_REFUSE ? CPU_REFUSE : CPU_NOTE,
		      "%s: its severity", rows[i].word);
		cpu_explain(f, NULL, &e);
		ok(strstr(e.what, rows[i].word) && strstr(e.why, rows[i].why) && strstr(e.harm, rows[i].harm),
		   "%s in words: %s", rows[i].word, e.why);
	}
}

static void vendors(void)
{
	struct cpu_settings s = { .flags = CPU_POLICY_CROSS_VENDOR };

	make_cpu(&a, "Intel", 6, 0x2d, 7, 46, SNB);
	make_cpu(&b, "AMD", 0x19, 0x11, 1, 48, ZEN4 " ss tsc-deadline vmx est");
	judge_cpu(&a, &b, 0);
	ok(found_detail(CPU_DETAIL_VENDOR) && judged.nr >= 1, "another vendor refuses");
	cpu_policy_set_settings(&a, &s);
	judge_cpu(&a, &b, 0);
	ok(!found_detail(CPU_DETAIL_VENDOR), "... unless the policy was made for both");
	s.syscall = CPU_SYSCALL_REFUSE;
	cpu_policy_set_settings(&a, &s);
	judge_cpu(&a, &b, 0);
	ok(found_detail(CPU_DETAIL_SYSCALL), "... and forbids it for SYSCALL's sake");
	ok_eq(found_detail(CPU_DETAIL_SYSCALL)->severity, CPU_REFUSE, "... which is a refusal");
	syscall_modes(&s);
	make_cpu(&a, "FerryVirtual", 6, 0, 0, 46, SNB);
	judge_cpu(&a, &b, CPU_CHECK_NOTES);
	ok(!found_detail(CPU_DETAIL_SYSCALL), "an artificial vendor has no SYSCALL of its own to lose");
	judge_cpu(&a, &b, 0);
	ok(!found_detail(CPU_DETAIL_VENDOR), "an artificial vendor is at home everywhere");

	make_cpu(&a, "Intel", 6, 0x55, 4, 46, SNB " spec-ctrl stibp ssbd");
	judge_cpu(&a, &b, 0);
	ok(!found(CPU_F_SPEC_CTRL) && !found(CPU_F_STIBP) && !found(CPU_F_SSBD),
	   "IBRS, STIBP and SSBD are the same in AMD's spelling");
	edit_cpu(&b, "", "ibpb");
	judge_cpu(&a, &b, 0);
	ok(found(CPU_F_SPEC_CTRL), "Intel's bit means IBRS and IBPB");
}

static void vulnerabilities(void)
{
	static struct cpu_view v;

	/* Cascade Lake without Meltdown and MDS; Skylake with both */
	make_cpu(&a, "Intel", 6, 0x55, 7, 46, SKX " arch-capabilities rdctl-no mds-no");
	make_cpu(&b, "Intel", 6, 0x55, 4, 46, SKX " md-clear");
	ok_eq(judge_cpu(&a, &b, 0), CPU_CHECK_REFUSE, "a guest told of immunity stays away");
	ok(found(CPU_F_RDCL_NO) && found(CPU_F_RDCL_NO)->cause == CPU_CAUSE_VULNERABILITY &&
		   found(CPU_F_MDS_NO),
	   "by the bits it was shown");
	ok_eq(found(CPU_F_RDCL_NO)->reg, CPU_FINDING_MSR, "in an MSR");

	/* an AMD identity knows no Meltdown */
	make_cpu(&a, "AMD", 0x19, 1, 1, 46, SNB);
	make_cpu(&b, "Intel", 6, 0x2d, 7, 46, SNB);
	judge_cpu(&a, &b, 0);
	ok(found_detail(CPU_DETAIL_VULNERABILITY) != NULL, "an AMD identity leaves mitigations off");
	ok_eq(found_detail(CPU_DETAIL_VULNERABILITY)->guest, CPU_VULN_MELTDOWN, "Meltdown first");

	/* Sandy Bridge knows no Retbleed, Skylake has it */
	make_cpu(&a, "Intel", 6, 0x2d, 7, 46, SNB);
	make_cpu(&b, "Intel", 6, 0x55, 4, 46, SKX);
	judge_cpu(&a, &b, 0);
	ok(found_detail(CPU_DETAIL_VULNERABILITY) &&
		   found_detail(CPU_DETAIL_VULNERABILITY)->guest == CPU_VULN_RETBLEED,
	   "Retbleed, although every bit matches");
	make_cpu(&b, "Intel", 6, 0x4f, 1, 46, BDW);
	ok_eq(judge_cpu(&a, &b, 0), CPU_CHECK_OK, "Broadwell has nothing Sandy Bridge does not know");

	/* the mitigation's microcode */
	make_cpu(&a, "Intel", 6, 0x3f, 2, 46, HSW " md-clear");
	make_cpu(&b, "Intel", 6, 0x3f, 2, 46, HSW);
	ok_eq(judge_cpu(&a, &b, 0), CPU_CHECK_REFUSE, "VERW that clears nothing refuses");
	ok(found_detail(CPU_DETAIL_MICROCODE)->cause == CPU_CAUSE_MICROCODE &&
		   found_detail(CPU_DETAIL_MICROCODE)->guest == CPU_VULN_MDS,
	   "for want of microcode");

	cpu_view_init(&v, &a);
	ok(cpu_vuln_affects(&v, CPU_VULN_MELTDOWN, false) && !cpu_vuln_affects(&v, CPU_VULN_SRSO, false),
	   "Haswell has Meltdown and no SRSO");
	make_cpu(&a, "AMD", 0x19, 1, 1, 48, ZEN4);
	cpu_view_init(&v, &a);
	ok(!cpu_vuln_affects(&v, CPU_VULN_MELTDOWN, false) && cpu_vuln_affects(&v, CPU_VULN_SRSO, false),
	   "Zen 3 has SRSO and no Meltdown");
	edit_cpu(&a, "srso-no", "");
	cpu_view_init(&v, &a);
	ok(!cpu_vuln_affects(&v, CPU_VULN_SRSO, false), "... unless it says so");
	make_cpu(&a, "Intel", 6, 0x55, 4, 46, SKX);
	cpu_view_init(&v, &a);
	ok(cpu_suffers_rsba(&v), "Skylake suffers RSBA without telling");
	make_cpu(&a, "Intel", 6, 0x3f, 2, 46, HSW);
	cpu_view_init(&v, &a);
	ok(!cpu_suffers_rsba(&v), "Haswell does not");
}

static void effective(void)
{
	struct cpu_default_params d = { .topology = { 2, 1 }, .flags = 0 };
	static struct cpu_effective_work w;
	struct cpu_settings s;

	make_cpu(&a, "Intel", 6, 0x55, 4, 46, SKX " vmx pdcm");
	ok_eq(cpu_effective(&b, &a, NULL, &d, &w), 0, "what a guest sees of a Skylake");
	ok_eq(cpu_policy_check(&b, &a, none, &work), CPU_CHECK_OK, "the Skylake takes it");
	ok(!cpu_policy_has(&b, CPU_F_VMX) && !cpu_policy_has(&b, CPU_F_MONITOR) &&
		   !cpu_policy_has(&b, CPU_F_PKU) && !cpu_policy_has(&b, CPU_F_INVTSC),
	   "VMX, MONITOR, PKU and the invariant TSC are hidden");
	ok(cpu_policy_has(&b, CPU_F_HYPERVISOR) && cpu_policy_has(&b, CPU_F_TSC_ADJUST),
	   "HYPERVISOR and TSC_ADJUST are added");
	ok_eq(cpu_policy_reg(&b, 0xd, 0, CPU_EAX), 0xe7, "XCR0 ends at AVX-512");
	ok(cpu_policy_settings(&b).flags & CPU_POLICY_EFFECTIVE, "it is marked");

	edit_cpu(&b, "vmx", "");
	ok_eq(cpu_policy_check(&b, &a, none, &work), CPU_CHECK_REFUSE, "VMX in a guest's policy is refused");
	ok_eq(work.list.finding[0].detail, CPU_DETAIL_NOT_VIRTUALISED, "... as not virtualised");

	s = (struct cpu_settings){ .syscall = CPU_SYSCALL_HIDE, .tsc_khz = 2100000,
				   .flags = CPU_POLICY_RSBA };
	cpu_policy_set_settings(&a, &s);
	cpu_effective(&b, &a, NULL, &d, &w);
	ok(!cpu_policy_has(&b, CPU_F_SYSCALL) && !cpu_policy_has(&b, CPU_F_SEP), "SYSCALL hidden");
	ok(cpu_policy_has(&b, CPU_F_INVTSC), "the invariant TSC with a fixed rate");
	ok(cpu_policy_has(&b, CPU_F_RSBA) && cpu_policy_has(&b, CPU_F_ARCH_CAPABILITIES),
	   "RSBA brings the MSR with it");

	cpu_policy_set_msr(&a, 0xc0010141, 0x15);
	cpu_policy_set_msr(&a, 0xc0010142, 1);
	cpu_effective(&b, &a, NULL, &d, &w);
	ok(cpu_policy_find_msr(&b, 0xc0010141) && cpu_policy_find_msr(&b, 0xc0010141)->value == 0x15,
	   "a policy says which errata the guest works around");
	ok(!cpu_policy_find_msr(&b, 0xc0010142), "... and no other MSR");
	ok_eq(cpu_policy_check(&b, &a, none, &work), CPU_CHECK_OK, "any host takes that");

	make_cpu(&a, "Intel", 6, 0x55, 4, 46, SKX);
	cpu_policy_del_leaf(&a, 0xd);
	ok_eq(cpu_effective(&b, &a, NULL, &d, &w), -ENODATA, "no layout, no guest");
	make_cpu(&c, "Intel", 6, 0x55, 4, 46, SKX);
	ok_eq(cpu_effective(&b, &a, &c, &d, &w), 0, "... unless a host has one");
}

static void words(void)
{
	static struct cpu_explanation e;
	struct cpu_finding f;
	unsigned int i, empty = 0;

	make_cpu(&a, "Intel", 6, 0x2d, 7, 46, SNB);
	make_cpu(&b, "Intel", 6, 0x4f, 1, 46, BDW);
	edit_cpu(&b, "", "monitor");
	judge_cpu(&a, &b, 0);
	cpu_explain(&judged.finding[0], NULL, &e);
	ok_str(e.subject, "monitor", "MONITOR by name");
	ok(strstr(e.what, "leaf 0x1 ECX bit 3") != NULL, "where it is");
	ok(strstr(e.why, "IA32_MISC_ENABLE[18]") != NULL, "what switched it off");
	ok(strstr(e.fix, "firmware") && strstr(e.fix, "--minus monitor") && strstr(e.fix, "harmless"),
	   "what to do: %s", e.fix);

	/* Findings come over the network: any numbers must do. */
	for (i = 0; i < 200000; i++) {
		u8 *bytes = (u8 *)&f;
		size_t k;

		for (k = 0; k < sizeof(f); k++)
			bytes[k] = rand();
		f.detail %= CPU_NR_DETAILS + 2;
		if (i & 1)
			f.leaf &= 0x1f;
		if (i & 2)
			f.reg &= 7;
		cpu_explain(&f, NULL, &e);
		empty += !*e.subject;
	}
	ok(!empty, "200000 random findings have words");
	for (i = 0; i < cpu_nr_features; i++) {
		const struct cpu_word *w = &cpu_words[cpu_features[i].nr / 32];

		f = (struct cpu_finding){ .leaf = w->index, .subleaf = w->sub, .reg = w->reg,
					  .bit = cpu_features[i].nr % 32, .cause = CPU_CAUSE_SILICON };
		if (w->source == CPU_SOURCE_MSR) {
			f.reg = CPU_FINDING_MSR;
			f.bit += w->reg == CPU_EDX ? 32 : 0;
		}
		empty += cpu_finding_feature(&f) != cpu_features[i].nr;
	}
	ok(!empty, "each feature is found again from its finding");
}

static void bounded(void)
{
	u32 i;

	make_cpu(&a, "Intel", 6, 0x55, 4, 46, SKX);
	for (i = 0; i < CPU_NR_WORDS; i++)
		if (cpu_words[i].index <= 0xd || cpu_words[i].index >= 0x80000000)
			cpu_word_set(&a, i, ~0u);
	make_cpu(&b, "AMD", 0x17, 1, 1, 40, "fpu");
	judge_cpu(&a, &b, 0);
	ok(judged.total > CPU_MAX_FINDINGS && judged.nr == CPU_MAX_FINDINGS,
	   "a full list counts on: %u", judged.total);
}

static void tsc_rate(void)
{
	struct cpu_settings s = { .tsc_khz = 2600000 }, host = { .tsc_khz = 2600100 };
	const u32 crystal[4] = { 2, 208, 25000000, 0 }; /* 2.6 GHz */
	static struct cpu_explanation e;

	make_cpu(&a, "Intel", 6, 0x4f, 1, 46, BDW);
	make_cpu(&b, "Intel", 6, 0x4f, 1, 46, BDW);
	ok_eq(judge_cpu(&a, &b, 0), CPU_CHECK_OK, "no rate promised, none asked for");
	cpu_policy_set_settings(&a, &s);
	ok_eq(judge_cpu(&a, &b, 0), CPU_CHECK_WARN, "a rate promised, the host's unknown: a warning");
	ok_eq(found_detail(CPU_DETAIL_TSC)->cause, CPU_CAUSE_UNKNOWN, "... since it is not known");
	cpu_policy_set(&b, 0x15, 0, crystal);
	ok_eq(judge_cpu(&a, &b, 0), CPU_CHECK_OK, "the host's crystal says it");
	s.tsc_khz = 2700000;
	cpu_policy_set_settings(&a, &s);
	ok_eq(judge_cpu(&a, &b, 0), CPU_CHECK_REFUSE, "another rate is refused");
	ok(found_detail(CPU_DETAIL_TSC)->host == 2600000, "with both rates");
	ok_eq(found_detail(CPU_DETAIL_TSC)->cause, CPU_CAUSE_UNKNOWN, "whether it scales is in an MSR not told");
	cpu_policy_set_msr(&b, 0x48b, 0);
	judge_cpu(&a, &b, 0);
	ok_eq(found_detail(CPU_DETAIL_TSC)->cause, CPU_CAUSE_SILICON, "the MSR says that it does not");
	cpu_explain(found_detail(CPU_DETAIL_TSC), NULL, &e);
	ok(strstr(e.why, "do not scale") && strstr(e.fix, "--tsc-khz") && strstr(e.harm, "slow by 3.7 %"),
	   "in words: %s %s", e.why, e.harm);
	cpu_policy_set_msr(&b, 0x48b, 1ULL << 57);
	ok_eq(judge_cpu(&a, &b, 0), CPU_CHECK_OK, "a host that scales takes it");
	edit_cpu(&b, "", "invtsc");
	ok_eq(judge_cpu(&a, &b, 0), CPU_CHECK_REFUSE, "but not one whose TSC stops");
	make_cpu(&b, "Intel", 6, 0x4f, 1, 46, BDW);
	cpu_policy_set(&b, 0x15, 0, crystal);
	s.tsc_khz = 2600000;
	cpu_policy_set_settings(&a, &s);
	cpu_policy_set_settings(&b, &host);
	ok_eq(judge_cpu(&a, &b, 0), CPU_CHECK_OK, "a measured rate counts, and 40 ppm do not");
	host.tsc_khz = 2600000 + 650;
	cpu_policy_set_settings(&b, &host);
	ok_eq(judge_cpu(&a, &b, 0), CPU_CHECK_OK, "250 ppm do not");
	host.tsc_khz = 2600000 - 651;
	cpu_policy_set_settings(&b, &host);
	ok_eq(judge_cpu(&a, &b, 0), CPU_CHECK_REFUSE, "more do");

	/* SVM: the ratio has eight bits before the point. */
	make_cpu(&a, "AMD", 0x19, 0x11, 1, 48, ZEN4);
	make_cpu(&b, "AMD", 0x19, 0x11, 1, 48, ZEN4 " tsc-scale");
	s.tsc_khz = 2560000;
	cpu_policy_set_settings(&a, &s);
	ok_eq(judge_cpu(&a, &b, 0), CPU_CHECK_OK, "AMD's bit counts, and the rate need not be told");
	host.tsc_khz = 10001;
	cpu_policy_set_settings(&b, &host);
	ok_eq(judge_cpu(&a, &b, 0), CPU_CHECK_OK, "just under 256 times the host's");
	host.tsc_khz = 10000;
	cpu_policy_set_settings(&b, &host);
	ok_eq(judge_cpu(&a, &b, 0), CPU_CHECK_REFUSE, "256 times cannot be had");
}

/* A guest that keeps time by its TSC and was promised no rate. */
static void raw_tsc(void)
{
	static const struct {
		u32 mode, guest, host;
		const char *minus;
		enum cpu_verdict verdict;
		const char *what;
	} rows[] = {
		{ CPU_RAW_TSC_WARN, 2000000, 3000000, "", CPU_CHECK_WARN, "another rate" },
		{ CPU_RAW_TSC_REFUSE, 2000000, 3000000, "", CPU_CHECK_REFUSE, "... refused by policy" },
		{ CPU_RAW_TSC_IGNORE, 2000000, 3000000, "", CPU_CHECK_OK, "... ignored by policy" },
		{ CPU_RAW_TSC_REFUSE, 2000000, 2000500, "", CPU_CHECK_OK, "the same rate, 250 ppm away" },
		{ CPU_RAW_TSC_REFUSE, 2000000, 2000501, "", CPU_CHECK_REFUSE, "... and 251" },
		{ CPU_RAW_TSC_REFUSE, 0, 3000000, "", CPU_CHECK_OK, "kvmclock, or nothing known" },
		{ CPU_RAW_TSC_REFUSE, 2000000, 3000000, "scales", CPU_CHECK_OK, "a host that scales" },
		{ CPU_RAW_TSC_WARN, 2000000, 0, "", CPU_CHECK_WARN, "a rate that is not told" },
	};
	static struct cpu_explanation e;
	struct cpu_clocks clocks;
	unsigned int i;
	u32 where;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct cpu_settings s = { .raw_tsc = rows[i].mode };

		make_cpu(&a, "AMD", 0x19, 0x11, 1, 48, ZEN4);
		make_cpu(&b, "AMD", 0x19, 0x11, 1, 48, ZEN4);
		if (*rows[i].minus)
			edit_cpu(&b, "tsc-scale", "");
		cpu_policy_set_settings(&a, &s);
		ok_eq(cpu_policy_settings(&a).raw_tsc, rows[i].mode, "%s: the policy's choice is kept",
		      rows[i].what);
		edit_cpu(&a, "", "monitor svm topoext mwaitx cmp_legacy invtsc pku");
		clocks = (struct cpu_clocks){ .host_khz = rows[i].host, .raw_khz = rows[i].guest };
		cpu_view_init(&work.guest, &a);
		cpu_view_init(&work.host, &b);
		ok_eq(cpu_check(&work.guest, &work.host,
				&(struct cpu_check_options){ .clocks = clocks }, &work.list),
		      rows[i].verdict, "%s", rows[i].what);
		if (rows[i].verdict == CPU_CHECK_OK)
			continue;
		cpu_explain(&work.list.finding[0], NULL, &e);
		ok_str(e.subject, "raw-tsc", "... by its name");
		ok(strstr(e.why, "kvmclock") && strstr(e.fix, "--raw-tsc ignore"), "... in words: %s", e.fix);
	}
	cpu_explain(&(struct cpu_finding){ .detail = CPU_DETAIL_RAW_TSC, .guest = 2000000, .host = 3000000 }, NULL, &e);
	ok(strstr(e.harm, "fast by 50.0 %"), "by how much: %s", e.harm);
	cpu_policy_set_settings(&a, &(struct cpu_settings){ .raw_tsc = CPU_NR_RAW_TSC_MODES });
	ok_eq(cpu_policy_validate(&a, &where), -EINVAL, "another choice is malformed");
	cpu_policy_set_settings(&a, &(struct cpu_settings){ .raw_tsc = CPU_RAW_TSC_IGNORE, .tsc_khz = 2000000 });
	cpu_view_init(&work.guest, &a);
	clocks = (struct cpu_clocks){ 3000000, 2000000 };
	cpu_check(&work.guest, &work.host, &(struct cpu_check_options){ .clocks = clocks }, &work.list);
	ok(work.list.refusals, "a promised rate is nothing to ignore");
}

/* Several kinds of CPU in one host: each reason once. */
static void merged(void)
{
	struct cpu_findings *all = calloc(1, sizeof(*all));
	struct cpu_policy *cpu = calloc(3, sizeof(*cpu));

	make_cpu(&cpu[0], "Intel", 6, 0x4f, 1, 46, BDW);
	make_cpu(&cpu[1], "Intel", 6, 0x4f, 1, 46, SNB);
	make_cpu(&cpu[2], "Intel", 6, 0x4f, 1, 39, HSW);
	cpu_findings_init(all);
	judge_cpu(&cpu[0], &cpu[1], 0);
	cpu_findings_merge(all, &judged);
	ok_eq(all->total, judged.total, "what is new is added");
	cpu_findings_merge(all, &judged);
	ok_eq(all->total, judged.total, "what is known is not");
	judge_cpu(&cpu[0], &cpu[2], 0);
	cpu_findings_merge(all, &judged);
	judge_cpu(&cpu[0], &cpu[1], 0);
	ok_eq(all->total, judged.total + 1, "of another CPU only what is its own: the width");
	ok_eq(cpu_findings_verdict(all), CPU_CHECK_REFUSE, "one CPU is enough to refuse");
	free(cpu);
	free(all);
}

int main(void)
{
	features();
	merged();
	tsc_rate();
	raw_tsc();
	nested();
	widths_and_layout();
	vendors();
	vulnerabilities();
	effective();
	words();
	bounded();
	return done();
}
