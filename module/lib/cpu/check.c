// SPDX-License-Identifier: GPL-2.0-only
/*
 * The comparison of a guest's policy with a host. See check.h.
 *
 * Owns: the rules of compatibility. Locks: none.
 */
#include "check.h"
#include "exclude.h"
#include "virt.h"
#include "vuln.h"
#include "xsave.h"

const char *const cpu_cause_names[CPU_NR_CAUSES] = {
#define X(id, name, text, remedy) [CPU_CAUSE_##id] = name,
	CPU_CAUSES(X)
#undef X
};

const char *const cpu_cause_texts[CPU_NR_CAUSES] = {
#define X(id, name, text, remedy) [CPU_CAUSE_##id] = text,
	CPU_CAUSES(X)
#undef X
};

const char *const cpu_cause_remedies[CPU_NR_CAUSES] = {
#define X(id, name, text, remedy) [CPU_CAUSE_##id] = remedy,
	CPU_CAUSES(X)
#undef X
};

void cpu_findings_init(struct cpu_findings *list)
{
	list->nr = 0;
	list->total = 0;
	list->warnings = 0;
	list->refusals = 0;
}

void cpu_findings_add(struct cpu_findings *list, const struct cpu_finding *f)
{
	if (list->nr < CPU_MAX_FINDINGS)
		list->finding[list->nr++] = *f;
	list->total++;
	list->warnings += f->severity == CPU_WARNING;
	list->refusals += f->severity == CPU_REFUSE;
}

static bool same_finding(const struct cpu_finding *a, const struct cpu_finding *b)
{
	return a->leaf == b->leaf && a->subleaf == b->subleaf && a->reg == b->reg &&
	       a->bit == b->bit && a->detail == b->detail && a->guest == b->guest;
}

/**
 * cpu_findings_merge() - of several CPUs of one host: each reason once
 * @list: gets what it does not have
 * @more: findings about another CPU
 */
void cpu_findings_merge(struct cpu_findings *list, const struct cpu_findings *more)
{
	u32 i, k;

	for (i = 0; i < more->nr; i++) {
		for (k = 0; k < list->nr; k++)
			if (same_finding(&list->finding[k], &more->finding[i]))
				break;
		if (k == list->nr)
			cpu_findings_add(list, &more->finding[i]);
	}
}

enum cpu_verdict cpu_findings_verdict(const struct cpu_findings *list)
{
	if (list->refusals)
		return CPU_CHECK_REFUSE;
	return list->warnings ? CPU_CHECK_WARN : CPU_CHECK_OK;
}

/* The feature a finding is about, or CPU_F_NONE. */
unsigned int cpu_finding_feature(const struct cpu_finding *f)
{
	bool msr = f->reg == CPU_FINDING_MSR;
	unsigned int i, bit = f->bit;
	u8 reg = f->reg;

	if (bit == CPU_FINDING_FIELD)
		return CPU_F_NONE;
	if (msr) {
		reg = bit >= 32 ? CPU_EDX : CPU_EAX;
		bit %= 32;
	}
	for (i = 0; i < CPU_NR_WORDS; i++) {
		const struct cpu_word *w = &cpu_words[i];

		if (w->source == (msr ? CPU_SOURCE_MSR : CPU_SOURCE_CPUID) && w->index == f->leaf &&
		    w->sub == f->subleaf && w->reg == reg)
			return w->defined >> bit & 1 ? 32 * i + bit : CPU_F_NONE;
	}
	return CPU_F_NONE;
}

/* ------------------------------------------------------------------ features */

static bool is_nested_word(unsigned int word)
{
	const struct cpu_word *w = &cpu_words[word];

	if (w->source == CPU_SOURCE_MSR)
		return w->index >= 0x480 && w->index <= 0x4ff;
	return w->index == 0x8000000a;
}

/* Does the bit say "not affected by this", as a guest reads it? */
static int vuln_denied_by(unsigned int nr)
{
	int i;

	switch (nr) {
	case CPU_F_PSDP_NO:
	case CPU_F_SBDR_SSDP_NO:
		return CPU_VULN_MMIO;
	case CPU_F_AMD_SSB_NO:
		return CPU_VULN_SSB;
	case CPU_F_TSA_SQ_NO:
		return CPU_VULN_TSA;
	case CPU_F_SRSO_USER_KERNEL_NO:
		return CPU_VULN_SRSO;
	}
	for (i = 0; i < CPU_NR_VULNS; i++)
		if (cpu_vulnerabilities[i].no == nr)
			return i;
	return -1;
}

/*
 * The bit of CR4, EFER or XCR0 that a guest sets before it can use a feature. Not here: SMAP, whose
 * CLAC and STAC work without CR4.SMAP, and LAM, which CR3 enables for user addresses.
 */
static const struct {
	u16 nr;
	u8 reg; /* CPU_HIDDEN_CR4, CPU_HIDDEN_EFER, CPU_HIDDEN_XCR0 */
	u8 bit;
} gates[] = {
	{ CPU_F_VME, CPU_HIDDEN_CR4, 0 }, /* VME */
	{ CPU_F_VME, CPU_HIDDEN_CR4, 1 }, /* PVI */
	{ CPU_F_DE, CPU_HIDDEN_CR4, 3 },
	{ CPU_F_PSE, CPU_HIDDEN_CR4, 4 },
	{ CPU_F_PAE, CPU_HIDDEN_CR4, 5 },
	{ CPU_F_MCE, CPU_HIDDEN_CR4, 6 },
	{ CPU_F_PGE, CPU_HIDDEN_CR4, 7 },
	{ CPU_F_UMIP, CPU_HIDDEN_CR4, 11 },
	{ CPU_F_LA57, CPU_HIDDEN_CR4, 12 },
	{ CPU_F_VMX, CPU_HIDDEN_CR4, 13 },
	{ CPU_F_SMX, CPU_HIDDEN_CR4, 14 },
	{ CPU_F_FSGSBASE, CPU_HIDDEN_CR4, 16 },
	{ CPU_F_PCID, CPU_HIDDEN_CR4, 17 },
	{ CPU_F_XSAVE, CPU_HIDDEN_CR4, 18 },
	{ CPU_F_KEY_LOCKER, CPU_HIDDEN_CR4, 19 },
	{ CPU_F_SMEP, CPU_HIDDEN_CR4, 20 },
	{ CPU_F_PKU, CPU_HIDDEN_CR4, 22 },
	{ CPU_F_SHSTK, CPU_HIDDEN_CR4, 23 },
	{ CPU_F_IBT, CPU_HIDDEN_CR4, 23 },
	{ CPU_F_PKS, CPU_HIDDEN_CR4, 24 },
	{ CPU_F_UINTR, CPU_HIDDEN_CR4, 25 },
	{ CPU_F_LASS, CPU_HIDDEN_CR4, 27 },
	{ CPU_F_FRED, CPU_HIDDEN_CR4, 32 },
	{ CPU_F_SYSCALL, CPU_HIDDEN_EFER, 0 },
	{ CPU_F_LM, CPU_HIDDEN_EFER, 8 },
	{ CPU_F_NX, CPU_HIDDEN_EFER, 11 },
	{ CPU_F_SVM, CPU_HIDDEN_EFER, 12 },
	{ CPU_F_FFXSR, CPU_HIDDEN_EFER, 14 },
	{ CPU_F_TCE, CPU_HIDDEN_EFER, 15 },
	{ CPU_F_UPPER_ADDR_IGNORE, CPU_HIDDEN_EFER, 20 },
	{ CPU_F_AUTO_IBRS, CPU_HIDDEN_EFER, 21 },
	{ CPU_F_AVX, CPU_HIDDEN_XCR0, 2 },
	{ CPU_F_MPX, CPU_HIDDEN_XCR0, 3 },
	{ CPU_F_AVX512F, CPU_HIDDEN_XCR0, 5 },
	{ CPU_F_AMX_TILE, CPU_HIDDEN_XCR0, 18 },
	{ CPU_F_APX, CPU_HIDDEN_XCR0, 19 },
	{ CPU_F_LWP, CPU_HIDDEN_XCR0, 62 },
};

/* Some vector extensions have no gate but that of their registers. */
static unsigned int gate_feature(unsigned int nr)
{
	unsigned int i, child = CPU_F_NONE;

	for (i = 0; i < cpu_nr_dependencies; i++) {
		const struct cpu_dependency *d = &cpu_dependencies[i];

		if (!d->why)
			child = d->nr;
		else if (child == nr &&
			 (d->nr == CPU_F_AVX || d->nr == CPU_F_AVX512F || d->nr == CPU_F_AMX_TILE))
			return d->nr;
	}
	return nr;
}

/**
 * cpu_gate_of() - what has to be set before a feature works
 * @nr: the feature
 * @gate: the bits, in the register they belong to; any of them will do
 *
 * Return: false for a feature that works from reset: POPCNT, BMI, ADX, AES,
 * SSE4 and the like. Whether a guest used those cannot be known.
 */
bool cpu_gate_of(unsigned int nr, struct cpu_gates *gate)
{
	unsigned int i, want = gate_feature(nr);

	memset(gate, 0, sizeof(*gate));
	for (i = 0; i < ARRAY_SIZE(gates); i++) {
		if (gates[i].nr != want)
			continue;
		if (gates[i].reg == CPU_HIDDEN_CR4)
			gate->cr4 |= BIT_ULL(gates[i].bit);
		else if (gates[i].reg == CPU_HIDDEN_EFER)
			gate->efer |= BIT_ULL(gates[i].bit);
		else
			gate->xcr0 |= BIT_ULL(gates[i].bit);
	}
	return gate->cr4 || gate->efer || gate->xcr0;
}

static bool never_enabled(unsigned int nr, const struct cpu_gates *opened)
{
	struct cpu_gates gate;

	return opened && cpu_gate_of(nr, &gate) && !(gate.cr4 & opened->cr4) &&
	       !(gate.efer & opened->efer) && !(gate.xcr0 & opened->xcr0);
}

/* Where a feature that a CPU lacks might be found again. */
static const struct {
	u16 nr;
	u8 cause;
	u8 vendor; /* the rule holds for this vendor; UNKNOWN: for all */
	u16 if_has; /* ... and only if the host has this, or CPU_F_NONE */
} lost[] = {
	/* IA32_MISC_ENABLE[18]; every CPU with SSE3 but the first had MONITOR with it */
	{ CPU_F_MONITOR, CPU_CAUSE_FIRMWARE, CPU_VENDOR_UNKNOWN, CPU_F_SSE3 },
	/* IA32_MISC_ENABLE[34] */
	{ CPU_F_NX, CPU_CAUSE_FIRMWARE, CPU_VENDOR_UNKNOWN, CPU_F_LM },
	{ CPU_F_EST, CPU_CAUSE_FIRMWARE, CPU_VENDOR_INTEL, CPU_F_SSSE3 },
	{ CPU_F_TM2, CPU_CAUSE_FIRMWARE, CPU_VENDOR_INTEL, CPU_F_SSSE3 },
	{ CPU_F_VMX, CPU_CAUSE_FIRMWARE, CPU_VENDOR_INTEL, CPU_F_SSE4_2 },
	{ CPU_F_SMX, CPU_CAUSE_FIRMWARE, CPU_VENDOR_INTEL, CPU_F_VMX },
	{ CPU_F_SVM, CPU_CAUSE_FIRMWARE, CPU_VENDOR_AMD, CPU_F_SSE4A },
	{ CPU_F_SGX, CPU_CAUSE_FIRMWARE, CPU_VENDOR_INTEL, CPU_F_SGX_LC },
	{ CPU_F_X2APIC, CPU_CAUSE_FIRMWARE, CPU_VENDOR_INTEL, CPU_F_AVX },
	{ CPU_F_AES, CPU_CAUSE_FIRMWARE, CPU_VENDOR_INTEL, CPU_F_PCLMULQDQ },
	{ CPU_F_DCA, CPU_CAUSE_FIRMWARE, CPU_VENDOR_INTEL, CPU_F_XTPR },
	{ CPU_F_TME, CPU_CAUSE_FIRMWARE, CPU_VENDOR_INTEL, CPU_F_PCONFIG },
	{ CPU_F_ACPI, CPU_CAUSE_FIRMWARE, CPU_VENDOR_INTEL, CPU_F_TM },
	/* TSX went with microcode or IA32_TSX_CTRL, which Linux's tsx=off uses */
	{ CPU_F_RTM, CPU_CAUSE_KERNEL, CPU_VENDOR_INTEL, CPU_F_TSX_CTRL },
	{ CPU_F_HLE, CPU_CAUSE_KERNEL, CPU_VENDOR_INTEL, CPU_F_TSX_CTRL },
	{ CPU_F_RTM, CPU_CAUSE_MICROCODE, CPU_VENDOR_INTEL, CPU_F_RTM_ALWAYS_ABORT },
	{ CPU_F_RTM, CPU_CAUSE_MICROCODE, CPU_VENDOR_INTEL, CPU_F_TSX_FORCE_ABORT },
	{ CPU_F_RTM, CPU_CAUSE_MICROCODE, CPU_VENDOR_INTEL, CPU_F_AVX2 },
	{ CPU_F_HLE, CPU_CAUSE_MICROCODE, CPU_VENDOR_INTEL, CPU_F_AVX2 },
	/* mitigations came as updates to CPUs from Nehalem and Bulldozer on */
	{ CPU_F_SPEC_CTRL, CPU_CAUSE_MICROCODE, CPU_VENDOR_INTEL, CPU_F_SSE4_2 },
	{ CPU_F_STIBP, CPU_CAUSE_MICROCODE, CPU_VENDOR_INTEL, CPU_F_SSE4_2 },
	{ CPU_F_SSBD, CPU_CAUSE_MICROCODE, CPU_VENDOR_INTEL, CPU_F_SSE4_2 },
	{ CPU_F_MD_CLEAR, CPU_CAUSE_MICROCODE, CPU_VENDOR_INTEL, CPU_F_SSE4_2 },
	{ CPU_F_FLUSH_L1D, CPU_CAUSE_MICROCODE, CPU_VENDOR_INTEL, CPU_F_SSE4_2 },
	{ CPU_F_ARCH_CAPABILITIES, CPU_CAUSE_MICROCODE, CPU_VENDOR_INTEL, CPU_F_AVX2 },
	{ CPU_F_SRBDS_CTRL, CPU_CAUSE_MICROCODE, CPU_VENDOR_INTEL, CPU_F_RDRAND },
	{ CPU_F_FB_CLEAR, CPU_CAUSE_MICROCODE, CPU_VENDOR_INTEL, CPU_F_AVX2 },
	{ CPU_F_RFDS_CLEAR, CPU_CAUSE_MICROCODE, CPU_VENDOR_INTEL, CPU_F_GFNI },
	{ CPU_F_TSX_CTRL, CPU_CAUSE_MICROCODE, CPU_VENDOR_INTEL, CPU_F_ARCH_CAPABILITIES },
	{ CPU_F_INTEL_PSFD, CPU_CAUSE_MICROCODE, CPU_VENDOR_INTEL, CPU_F_AVX512_VBMI2 },
	{ CPU_F_IPRED_CTRL, CPU_CAUSE_MICROCODE, CPU_VENDOR_INTEL, CPU_F_GFNI },
	{ CPU_F_RRSBA_CTRL, CPU_CAUSE_MICROCODE, CPU_VENDOR_INTEL, CPU_F_GFNI },
	{ CPU_F_BHI_CTRL, CPU_CAUSE_MICROCODE, CPU_VENDOR_INTEL, CPU_F_GFNI },
	{ CPU_F_AMD_IBPB, CPU_CAUSE_MICROCODE, CPU_VENDOR_AMD, CPU_F_XOP },
	{ CPU_F_AMD_IBPB, CPU_CAUSE_MICROCODE, CPU_VENDOR_AMD, CPU_F_CLZERO },
	{ CPU_F_AMD_SSBD, CPU_CAUSE_MICROCODE, CPU_VENDOR_AMD, CPU_F_WBNOINVD },
	{ CPU_F_SBPB, CPU_CAUSE_MICROCODE, CPU_VENDOR_AMD, CPU_F_VAES },
	{ CPU_F_IBPB_BRTYPE, CPU_CAUSE_MICROCODE, CPU_VENDOR_AMD, CPU_F_VAES },
	{ CPU_F_VERW_CLEAR, CPU_CAUSE_MICROCODE, CPU_VENDOR_AMD, CPU_F_VAES },
};

/**
 * cpu_cause_of_missing() - why does this host not have a feature?
 * @nr: the feature
 * @host: the host
 */
enum cpu_cause cpu_cause_of_missing(unsigned int nr, const struct cpu_view *host)
{
	bool amd = cpu_vendor_is_amd_like(host->vendor);
	unsigned int i;
	u32 max;

	if (cpu_view_unknown(host, nr / 32))
		return CPU_CAUSE_UNKNOWN;
	for (i = 0; i < ARRAY_SIZE(lost); i++) {
		if (lost[i].nr != nr)
			continue;
		if (lost[i].vendor == CPU_VENDOR_AMD ?
			    !amd :
			    lost[i].vendor != CPU_VENDOR_UNKNOWN && lost[i].vendor != host->vendor)
			continue;
		if (lost[i].if_has == CPU_F_NONE || cpu_view_has(host, lost[i].if_has))
			return lost[i].cause;
	}
	/* "Limit CPUID" in firmware, IA32_MISC_ENABLE[22]: the highest leaf becomes 2 or 3. */
	max = host->max_basic;
	if (max <= 3 && cpu_words[nr / 32].source == CPU_SOURCE_CPUID &&
	    cpu_words[nr / 32].index > max && cpu_words[nr / 32].index < 0x40000000 &&
	    cpu_view_has(host, CPU_F_SSE3))
		return CPU_CAUSE_FIRMWARE;
	return CPU_CAUSE_SILICON;
}

static void add_feature(struct cpu_findings *list, const struct cpu_view *guest,
			const struct cpu_view *host, unsigned int nr, u8 severity, u8 cause,
			u32 detail)
{
	const struct cpu_word *w = &cpu_words[nr / 32];
	struct cpu_finding f = {
		.leaf = w->index,
		.subleaf = w->sub,
		.reg = w->reg,
		.bit = nr % 32,
		.severity = severity,
		.cause = cause,
		.detail = detail,
	};

	if (w->source == CPU_SOURCE_MSR) {
		const struct cpu_msr *g = cpu_policy_find_msr(guest->p, w->index);
		const struct cpu_msr *h = cpu_policy_find_msr(host->p, w->index);

		f.guest = g ? g->value : 0;
		f.host = h ? h->value : 0;
		f.bit += w->reg == CPU_EDX ? 32 : 0;
		f.reg = CPU_FINDING_MSR;
	} else {
		f.guest = guest->raw[nr / 32];
		f.host = host->raw[nr / 32];
	}
	cpu_findings_add(list, &f);
}

static void missing_feature(const struct cpu_view *guest, const struct cpu_view *host,
			    const struct cpu_check_options *opt, unsigned int nr, u32 host_vulns,
			    struct cpu_findings *list)
{
	u8 severity = CPU_REFUSE, cause = cpu_cause_of_missing(nr, host);
	int vuln = vuln_denied_by(nr);
	u32 detail = CPU_DETAIL_FEATURE;

	if (vuln >= 0) {
		/* Another vendor's CPU need not say that it was never affected. */
		if (guest->vendor != host->vendor && !(host_vulns >> vuln & 1))
			return;
		if (cause != CPU_CAUSE_UNKNOWN)
			cause = CPU_CAUSE_VULNERABILITY;
	}
	if (opt->warn && cpu_set_has(opt->warn, nr)) {
		severity = CPU_WARNING;
	} else if (never_enabled(nr, opt->gates)) {
		severity = CPU_WARNING;
		detail = CPU_DETAIL_UNUSED;
	}
	add_feature(list, guest, host, nr, severity, cause, detail);
}

static void check_features(const struct cpu_view *guest, const struct cpu_view *host,
			   const struct cpu_check_options *opt, u32 host_vulns,
			   struct cpu_findings *list)
{
	bool nested =
		(opt->flags & CPU_CHECK_NESTED) || (guest->settings.flags & CPU_POLICY_NESTED);
	unsigned int i;

	for (i = 0; i < CPU_NR_WORDS; i++) {
		u32 must = cpu_rule_bits[CPU_POOL_AND][i] | cpu_rule_bits[CPU_POOL_EQUAL][i];
		u32 missing = guest->set.w[i] & must & ~host->set.w[i] & ~cpu_emulated.w[i];
		u32 foreign;

		if (opt->flags & CPU_CHECK_EFFECTIVE) {
			foreign = guest->set.w[i] & ~cpu_virtualised.w[i] & ~cpu_emulated.w[i];
			/* A fixed TSC rate is the policy's own promise. */
			if (guest->settings.tsc_khz && i == CPU_W_80000007_EDX)
				foreign &= ~(1u << (CPU_F_INVTSC % 32));
			missing &= ~foreign;
			for (; foreign; foreign &= foreign - 1)
				add_feature(list, guest, host, 32 * i + __ffs(foreign), CPU_REFUSE,
					    CPU_CAUSE_POLICY, CPU_DETAIL_NOT_VIRTUALISED);
		}
		if (is_nested_word(i) && !nested)
			continue;
		for (; missing; missing &= missing - 1) {
			unsigned int nr = 32 * i + __ffs(missing);

			if (!cpu_view_has_capability(host, nr))
				missing_feature(guest, host, opt, nr, host_vulns, list);
		}
	}
}

/* Facts whose absence the guest relies on (pool rule OR): worth a note. */
static void check_inverted(const struct cpu_view *guest, const struct cpu_view *host,
			   struct cpu_findings *list)
{
	static const u16 inverted[] = { CPU_F_FDP_EXCPTN_ONLY, CPU_F_ZERO_FCS_FDS,
					CPU_F_NO_EFER_LMSLE };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(inverted); i++)
		if (cpu_view_has(host, inverted[i]) && !cpu_view_has(guest, inverted[i]))
			add_feature(list, guest, host, inverted[i], CPU_NOTE, CPU_CAUSE_SILICON,
				    CPU_DETAIL_INVERTED);
}

/* ------------------------------------------------------------ vulnerabilities */

static void check_vulns(const struct cpu_view *guest, const struct cpu_view *host, u32 host_vulns,
			struct cpu_findings *list)
{
	u32 left = cpu_vulns_left(guest, host_vulns);
	unsigned int i;

	for (i = 0; i < CPU_NR_VULNS; i++) {
		const struct cpu_vulnerability *v = &cpu_vulnerabilities[i];
		struct cpu_finding f = {
			.leaf = 1,
			.reg = CPU_EAX,
			.bit = CPU_FINDING_FIELD,
			.severity = CPU_REFUSE,
			.cause = CPU_CAUSE_VULNERABILITY,
			.detail = CPU_DETAIL_VULNERABILITY,
			.guest = i,
			.host = cpu_policy_reg(host->p, 1, 0, CPU_EAX),
		};

		if (!(host_vulns >> i & 1) || (guest->settings.accepted >> i & 1))
			continue;
		if (left >> i & 1) {
			/* reported as the missing bit */
			if (v->no != CPU_F_NONE && cpu_view_has(guest, v->no) &&
			    !cpu_view_has(host, v->no))
				continue;
			/* Hidden TSX runs on, but its user would attack itself. */
			if (i == CPU_VULN_TAA)
				f.severity = CPU_WARNING;
		} else {
			/* The guest protects itself by means that this host may not have. */
			if (v->needs == CPU_F_NONE || !cpu_view_has_capability(guest, v->needs) ||
			    !cpu_vuln_lacks_microcode(host, i))
				continue;
			/* reported as the missing feature */
			if (cpu_feature(v->needs)->pool == CPU_POOL_AND)
				continue;
			f.cause = CPU_CAUSE_MICROCODE;
			f.detail = CPU_DETAIL_MICROCODE;
		}
		cpu_findings_add(list, &f);
	}
}

/* ------------------------------------------------------------- layout, widths */

static u64 component_value(const struct cpu_xstate *x)
{
	return (u64)x->offset << 32 | x->size;
}

/* State that a guest is promised and never given: it is not switched. @low: where bits 31:0 are, 63:32 are in EDX. */
static void foreign_state(u64 foreign, unsigned int subleaf, u8 low, u64 guest, u64 host,
			  struct cpu_findings *list)
{
	unsigned int nr;

	for (nr = 0; nr < 64; nr++) {
		struct cpu_finding f = {
			.leaf = 0xd,
			.subleaf = subleaf,
			.reg = nr < 32 ? low : CPU_EDX,
			.bit = nr % 32,
			.severity = CPU_REFUSE,
			.cause = CPU_CAUSE_POLICY,
			.detail = CPU_DETAIL_NOT_VIRTUALISED,
			.guest = nr < 32 ? (u32)guest : guest >> 32,
			.host = nr < 32 ? (u32)host : host >> 32,
		};

		if (foreign >> nr & 1)
			cpu_findings_add(list, &f);
	}
}

static void check_xsave(const struct cpu_view *guest, const struct cpu_view *host,
			const struct cpu_check_options *opt, struct cpu_findings *list)
{
	u64 wanted = guest->xcr0 | guest->xss;
	u64 missing = (guest->xcr0 & ~host->xcr0) | (guest->xss & ~host->xss);
	unsigned int i;

	if (opt->flags & CPU_CHECK_EFFECTIVE) {
		foreign_state(guest->xcr0 & ~CPU_VIRT_XCR0, 0, CPU_EAX, guest->xcr0, host->xcr0, list);
		foreign_state(guest->xss & ~CPU_VIRT_XSS, 1, CPU_ECX, guest->xss, host->xss, list);
		wanted &= CPU_VIRT_XCR0 | CPU_VIRT_XSS;
	}
	if (!cpu_view_has(guest, CPU_F_XSAVE))
		return;
	for (i = 0; i < 64; i++) {
		struct cpu_xstate g, h;
		bool host_has = !(missing >> i & 1);
		struct cpu_finding f = {
			.leaf = 0xd,
			.subleaf = i,
			.reg = CPU_EAX,
			.bit = CPU_FINDING_FIELD,
			.severity = CPU_REFUSE,
			.cause = CPU_CAUSE_LAYOUT,
			.detail = CPU_DETAIL_XSAVE,
		};

		if (!(wanted >> i & 1))
			continue;
		cpu_xsave_component(guest->p, i, &g);
		cpu_xsave_component(host->p, i, &h);
		if (host_has && (i < 2 || (g.size == h.size && g.offset == h.offset &&
					   !((g.flags ^ h.flags) & ~XSTATE_F_XFD))))
			continue;
		f.guest = component_value(&g);
		f.host = component_value(&h);
		if (!host_has)
			f.cause = cpu_policy_find(host->p, 0xd, 0) ? CPU_CAUSE_SILICON :
								     CPU_CAUSE_UNKNOWN;
		else if (!h.size)
			f.cause = CPU_CAUSE_UNKNOWN;
		cpu_findings_add(list, &f);
	}
}

static void check_widths(const struct cpu_view *guest, const struct cpu_view *host,
			 const struct cpu_check_options *opt, struct cpu_findings *list)
{
	struct cpu_finding f = {
		.leaf = 0x80000008,
		.reg = CPU_EAX,
		.bit = CPU_FINDING_FIELD,
		.cause = CPU_CAUSE_WIDTH,
	};

	/* A policy of names alone promises no width. */
	if (!cpu_policy_find(guest->p, 0x80000008, 0) || cpu_policy_hides_widths(guest->p))
		return;
	if (cpu_policy_hides_widths(host->p))
		f.cause = CPU_CAUSE_UNKNOWN;
	f.detail = CPU_DETAIL_PHYS_BITS;
	f.guest = guest->phys_bits;
	f.host = host->phys_bits;
	if (f.guest > f.host) {
		f.severity = CPU_REFUSE;
		cpu_findings_add(list, &f);
	} else if (f.guest < f.host && (opt->flags & CPU_CHECK_NOTES)) {
		/* No reserved-bit fault comes where the guest expects one. */
		f.severity = CPU_NOTE;
		cpu_findings_add(list, &f);
	}
	f.detail = CPU_DETAIL_LIN_BITS;
	f.guest = guest->lin_bits;
	f.host = host->lin_bits;
	if (f.guest > f.host) {
		f.severity = CPU_REFUSE;
		cpu_findings_add(list, &f);
	}
}

/* kHz of a host's TSC: told beside its CPUID, or by the crystal (SDM vol. 3, 18.7.3); 0 unknown */
static u64 host_tsc_khz(const struct cpu_view *host)
{
	u32 den = cpu_policy_reg(host->p, 0x15, 0, CPU_EAX);
	u64 num = cpu_policy_reg(host->p, 0x15, 0, CPU_EBX);

	if (host->settings.tsc_khz)
		return host->settings.tsc_khz;
	if (!den || !num)
		return 0;
	return cpu_policy_reg(host->p, 0x15, 0, CPU_ECX) / 1000 * num / den;
}

/* Clocks of one nominal rate are up to this many millionths apart, and NTP makes up for it. */
#define SAME_RATE_PPM 250

static bool same_rate(u64 a, u64 b)
{
	return (a > b ? a - b : b - a) * 1000000 <= a * SAME_RATE_PPM;
}

/* What VMX and SVM can reach from a host's rate: the ratio has 16 bits and 8 before the point. */
static bool scales_to(const struct cpu_view *host, u64 khz, u64 host_khz)
{
	unsigned int int_bits = cpu_view_has(host, CPU_F_VMX_TSC_SCALING) ? 16 :
				cpu_view_has(host, CPU_F_TSC_SCALE)	  ? 8 : 0;

	return int_bits && (!host_khz || div64_u64(khz, host_khz) >> int_bits == 0);
}

/*
 * A guest that was promised a rate counts by it for ever; so does one that keeps time by its TSC, and what
 * becomes of that one is the policy's choice.
 */
static void check_tsc(const struct cpu_view *guest, const struct cpu_view *host,
		      const struct cpu_check_options *opt, struct cpu_findings *list)
{
	u32 promised = guest->settings.tsc_khz;
	struct cpu_finding f = {
		.leaf = 0x15,
		.reg = CPU_EBX,
		.bit = CPU_FINDING_FIELD,
		.severity = CPU_WARNING,
		.detail = promised ? CPU_DETAIL_TSC : CPU_DETAIL_RAW_TSC,
		.guest = promised ? promised : opt->clocks.raw_khz,
		.host = opt->clocks.host_khz ? opt->clocks.host_khz : host_tsc_khz(host),
	};

	if (!f.guest || (!promised && guest->settings.raw_tsc == CPU_RAW_TSC_IGNORE))
		return;
	if (scales_to(host, f.guest, f.host) || (f.host && same_rate(f.guest, f.host)))
		return;
	if (!f.host) {
		f.cause = CPU_CAUSE_UNKNOWN;
	} else {
		/* Without its MSRs it is not known whether an Intel CPU scales. */
		f.cause = cpu_cause_of_missing(cpu_vendor_is_amd_like(host->vendor) ? CPU_F_TSC_SCALE :
									CPU_F_VMX_TSC_SCALING, host);
		if (promised || guest->settings.raw_tsc == CPU_RAW_TSC_REFUSE)
			f.severity = CPU_REFUSE;
	}
	cpu_findings_add(list, &f);
}

/* ------------------------------------------------------------------ other leaves */

static void check_leaf_equal(const struct cpu_view *guest, const struct cpu_view *host, u32 leaf,
			     struct cpu_findings *list)
{
	u32 i, r;

	for (i = 0; i < guest->p->nr_leaves; i++) {
		const struct cpu_leaf *g = &guest->p->leaf[i], *h;

		if (g->leaf != leaf)
			continue;
		h = cpu_policy_find(host->p, leaf, g->subleaf);
		for (r = 0; r < CPU_NR_REGS; r++) {
			struct cpu_finding f = {
				.leaf = leaf,
				.subleaf = g->subleaf,
				.reg = r,
				.bit = CPU_FINDING_FIELD,
				.severity = CPU_REFUSE,
				.cause = h ? CPU_CAUSE_SILICON : CPU_CAUSE_UNKNOWN,
				.detail = CPU_DETAIL_LEAF,
				.guest = g->reg[r],
				.host = h ? h->reg[r] : 0,
			};

			if (f.guest != f.host)
				cpu_findings_add(list, &f);
		}
	}
}

/* Leaves that describe how one feature works: alike, or the feature is another one. */
static const struct {
	u32 leaf;
	u16 feature;
} equal_leaves[] = {
	{ 0x12, CPU_F_SGX },	  { 0x14, CPU_F_INTEL_PT },	    { 0x19, CPU_F_KEY_LOCKER },
	{ 0x1b, CPU_F_PCONFIG },  { 0x1c, CPU_F_ARCH_LBR },	    { 0x1d, CPU_F_AMX_TILE },
	{ 0x1e, CPU_F_AMX_TILE }, { 0x23, CPU_F_ARCH_PERFMON_EXT }, { 0xf, CPU_F_CQM },
	{ 0x10, CPU_F_RDT_A },	  { 0x8000001b, CPU_F_IBS },	    { 0x8000001c, CPU_F_LWP },
};

/* Fields where the guest may have been shown at most what the host has. */
static const struct {
	u32 leaf;
	u8 reg;
	u8 lo;
	u8 width;
	u16 feature; /* looked at only if the guest has it, or CPU_F_NONE */
} counts[] = {
	{ 0xa, CPU_EAX, 0, 8, CPU_F_NONE },	      { 0xa, CPU_EAX, 8, 8, CPU_F_NONE },
	{ 0xa, CPU_EAX, 16, 8, CPU_F_NONE },	      { 0xa, CPU_EDX, 0, 5, CPU_F_NONE },
	{ 0xa, CPU_EDX, 5, 8, CPU_F_NONE },	      { 0x24, CPU_EBX, 0, 8, CPU_F_AVX10 },
	{ 0x80000008, CPU_EDX, 16, 16, CPU_F_RDPRU }, { 0x80000008, CPU_EDX, 0, 16, CPU_F_INVLPGB },
};

static u32 field(u32 v, u8 lo, u8 width)
{
	return v >> lo & (u32)(BIT_ULL(width) - 1);
}

static void check_leaves(const struct cpu_view *guest, const struct cpu_view *host,
			 struct cpu_findings *list)
{
	u32 g = field(cpu_policy_reg(guest->p, 1, 0, CPU_EBX), 8, 8) * 8;
	u32 h = field(cpu_policy_reg(host->p, 1, 0, CPU_EBX), 8, 8) * 8;
	unsigned int i;

	if (cpu_view_has(guest, CPU_F_CLFLUSH) && g && h && g != h) {
		struct cpu_finding f = {
			.leaf = 1,
			.reg = CPU_EBX,
			.bit = CPU_FINDING_FIELD,
			.severity = CPU_REFUSE,
			.cause = CPU_CAUSE_LAYOUT,
			.detail = CPU_DETAIL_CLFLUSH,
			.guest = g,
			.host = h,
		};

		cpu_findings_add(list, &f);
	}
	for (i = 0; i < ARRAY_SIZE(equal_leaves); i++)
		if (cpu_view_has(guest, equal_leaves[i].feature) &&
		    cpu_view_has(host, equal_leaves[i].feature))
			check_leaf_equal(guest, host, equal_leaves[i].leaf, list);
	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		struct cpu_finding f = {
			.leaf = counts[i].leaf,
			.reg = counts[i].reg,
			.bit = CPU_FINDING_FIELD,
			.severity = CPU_REFUSE,
			.cause = CPU_CAUSE_SILICON,
			.detail = CPU_DETAIL_COUNT,
		};

		if (counts[i].feature != CPU_F_NONE && !cpu_view_has(guest, counts[i].feature))
			continue;
		f.guest = field(cpu_policy_reg(guest->p, f.leaf, 0, f.reg), counts[i].lo,
				counts[i].width);
		f.host = field(cpu_policy_reg(host->p, f.leaf, 0, f.reg), counts[i].lo,
			       counts[i].width);
		if (f.guest > f.host)
			cpu_findings_add(list, &f);
	}
}

static void check_vendor(const struct cpu_view *guest, const struct cpu_view *host, u32 flags,
			 struct cpu_findings *list)
{
	bool same = guest->vendor == host->vendor ||
		    (cpu_vendor_is_amd_like(guest->vendor) && cpu_vendor_is_amd_like(host->vendor));
	struct cpu_finding f = {
		.reg = CPU_EBX,
		.bit = CPU_FINDING_FIELD,
		.severity = CPU_REFUSE,
		.cause = CPU_CAUSE_VENDOR,
		.detail = CPU_DETAIL_VENDOR,
		.guest = guest->vendor,
		.host = host->vendor,
	};

	/* An artificial vendor is at home nowhere and everywhere. */
	if (same || guest->vendor == CPU_VENDOR_UNKNOWN)
		return;
	if (guest->settings.flags & CPU_POLICY_CROSS_VENDOR) {
		f.detail = CPU_DETAIL_SYSCALL;
		f.subleaf = guest->settings.syscall;
		if (guest->settings.syscall != CPU_SYSCALL_REFUSE)
			f.severity = CPU_NOTE;
		if (f.severity == CPU_NOTE && !(flags & CPU_CHECK_NOTES))
			return;
	}
	cpu_findings_add(list, &f);
}

/* What the policy says of this very CPU. A host that is a policy itself was made under what it excludes. */
static void check_excluded(const struct cpu_view *guest, const struct cpu_view *host,
			   struct cpu_findings *list)
{
	struct cpu_exclusion x;
	u32 at;

	for (at = 0; cpu_exclusion_get(guest->p->leaf, guest->p->nr_leaves, at, &x); at += CPU_EXCLUDED_STEP) {
		struct cpu_finding f = {
			.leaf = CPU_LEAF_EXCLUDED,
			.subleaf = at,
			.reg = CPU_EAX,
			.bit = CPU_FINDING_FIELD,
			.severity = CPU_REFUSE,
			.cause = CPU_CAUSE_EXCLUDED,
			.detail = CPU_DETAIL_EXCLUDED,
			.guest = (u64)x.reg[CPU_EBX] << 32 | x.reg[CPU_EAX],
			.host = (u64)host->settings.microcode << 32 |
				cpu_policy_reg(host->p, 1, 0, CPU_EAX),
		};
		enum cpu_excluded excluded = cpu_exclusion_matches(&x, host->p);

		if (excluded == CPU_EXCLUDED_NO || cpu_exclusion_in(host->p, &x))
			continue;
		if (excluded == CPU_EXCLUDED_UNKNOWN)
			f.cause = CPU_CAUSE_UNKNOWN;
		cpu_findings_add(list, &f);
	}
}

/**
 * cpu_check() - can this host take this guest?
 * @guest: what the guest is shown
 * @host: the host
 * @opt: how to judge
 * @list: emptied, then filled with every reason against it
 *
 * Features that the guest is shown must be there, or be emulated by Ferry; state
 * must lie where the guest's memory has it; addresses must be wide enough; and
 * no vulnerability may be present that the guest was led to believe absent.
 *
 * Return: the verdict.
 */
enum cpu_verdict cpu_check(const struct cpu_view *guest, const struct cpu_view *host,
			   const struct cpu_check_options *opt, struct cpu_findings *list)
{
	u32 host_vulns = cpu_vulns(host, false);

	cpu_findings_init(list);
	check_excluded(guest, host, list);
	check_vendor(guest, host, opt->flags, list);
	check_features(guest, host, opt, host_vulns, list);
	check_vulns(guest, host, host_vulns, list);
	check_xsave(guest, host, opt, list);
	check_widths(guest, host, opt, list);
	check_tsc(guest, host, opt, list);
	check_leaves(guest, host, list);
	if (opt->flags & CPU_CHECK_NOTES)
		check_inverted(guest, host, list);
	return cpu_findings_verdict(list);
}

/**
 * cpu_policy_check() - the check of a host that is about to run a guest
 * @guest: the policy as it will be shown
 * @host: this host's CPUID and feature MSRs
 * @clocks: rates
 * @work: memory to work in; @work->list holds the reasons afterwards
 *
 * Beyond cpu_check(): a feature that Ferry does not virtualise is refused even
 * if the CPU has it.
 *
 * Return: the verdict.
 */
enum cpu_verdict cpu_policy_check(const struct cpu_policy *guest, const struct cpu_policy *host,
				  struct cpu_clocks clocks, struct cpu_check_work *work)
{
	const struct cpu_check_options opt = { .flags = CPU_CHECK_EFFECTIVE, .clocks = clocks };

	cpu_view_init(&work->guest, guest);
	cpu_view_init(&work->host, host);
	return cpu_check(&work->guest, &work->host, &opt, &work->list);
}
