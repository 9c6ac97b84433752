// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who is affected by what. See vuln.h.
 *
 * The rules are those by which a current Linux guest decides, so that the same
 * function answers both questions: does this host have it, and does a guest that
 * is shown this CPU know? Sources: the vendors' affected-processor lists, Linux's
 * arch/x86/kernel/cpu/common.c for what software makes of them.
 *
 * Owns: the model tables. Locks: none.
 */
#include "vuln.h"

#define V(id) BIT(CPU_VULN_##id)

const struct cpu_vulnerability cpu_vulnerabilities[CPU_NR_VULNS] = {
#define X(id, name_, no_, needs_, does_) \
	[CPU_VULN_##id] = { .name = name_, .no = no_, .needs = needs_, .does = does_ },
	CPU_VULNERABILITIES(X)
#undef X
};

#define ANY 0xff

/* Any vendor, for the table below. */
#define VENDOR_ANY 0xff

/**
 * struct model - CPUs and what is known of them
 * @vendor: enum cpu_vendor, or VENDOR_ANY
 * @family: family
 * @model: model, or ANY
 * @step_lo: first stepping meant
 * @step_hi: last stepping meant
 * @vulns: V() of each
 */
struct model {
	u8 vendor;
	u8 family;
	u8 model;
	u8 step_lo;
	u8 step_hi;
	u32 vulns;
};

/* clang-format off */
#define INTEL(m, vulns)		     { CPU_VENDOR_INTEL, 6, m, 0, 15, vulns }
#define INTEL_STEP(m, lo, hi, vulns) { CPU_VENDOR_INTEL, 6, m, lo, hi, vulns }
#define FAMILY(v, f, vulns)	     { CPU_VENDOR_##v, f, ANY, 0, 15, vulns }
/* clang-format on */

#define NOTHING_SPECULATES                                                                        \
	(V(MELTDOWN) | V(L1TF) | V(MDS) | V(SSB) | V(SWAPGS) | V(SPECTRE_V2) | V(BHI) | V(MMIO) | \
	 V(TAA))
#define AMD_SPARED (V(MELTDOWN) | V(L1TF) | V(MDS) | V(SWAPGS) | V(MMIO) | V(BHI))

/*
 * SPARED: CPUs known not to have what every other CPU is assumed to have. The
 * first line that matches counts.
 */
static const struct model spared[] = {
	{ VENDOR_ANY, 4, ANY, 0, 15, NOTHING_SPECULATES },
	FAMILY(CENTAUR, 5, NOTHING_SPECULATES),
	FAMILY(INTEL, 5, NOTHING_SPECULATES),

	/* in-order Atoms: Bonnell, Saltwell */
	INTEL(0x1c, NOTHING_SPECULATES),
	INTEL(0x26, NOTHING_SPECULATES),
	INTEL(0x27, NOTHING_SPECULATES),
	INTEL(0x35, NOTHING_SPECULATES),
	INTEL(0x36, NOTHING_SPECULATES),
	/* Silvermont, Airmont, Knights Landing and Mill */
	INTEL(0x37, V(SSB) | V(L1TF) | V(SWAPGS)),
	INTEL(0x4a, V(SSB) | V(L1TF) | V(SWAPGS)),
	INTEL(0x4d, V(SSB) | V(L1TF) | V(SWAPGS)),
	INTEL(0x4c, V(SSB) | V(L1TF) | V(SWAPGS)),
	INTEL(0x57, V(SSB) | V(L1TF) | V(SWAPGS)),
	INTEL(0x85, V(SSB) | V(L1TF) | V(SWAPGS)),
	INTEL(0x5a, V(L1TF) | V(SWAPGS)),
	INTEL(0x75, V(L1TF) | V(SWAPGS)),
	/* Yonah */
	INTEL(0x0e, V(SSB)),
	/* Goldmont, Goldmont Plus */
	INTEL(0x5c, V(MDS) | V(L1TF) | V(SWAPGS) | V(MMIO)),
	INTEL(0x5f, V(MDS) | V(L1TF) | V(SWAPGS) | V(MMIO)),
	INTEL(0x7a, V(MDS) | V(L1TF) | V(SWAPGS) | V(MMIO)),
	/* Tiger Lake, Alder Lake */
	INTEL(0x8c, V(MMIO)),
	INTEL(0x8d, V(MMIO)),
	INTEL(0x97, V(MMIO)),
	INTEL(0x9a, V(MMIO)),

	FAMILY(AMD, 0x0f, AMD_SPARED | V(SSB)),
	FAMILY(AMD, 0x10, AMD_SPARED | V(SSB)),
	FAMILY(AMD, 0x11, AMD_SPARED | V(SSB)),
	FAMILY(AMD, 0x12, AMD_SPARED | V(SSB)),
	{ CPU_VENDOR_AMD, ANY, ANY, 0, 15, AMD_SPARED },
	{ CPU_VENDOR_HYGON, ANY, ANY, 0, 15, AMD_SPARED },

	FAMILY(CENTAUR, 7, V(SPECTRE_V2) | V(SWAPGS) | V(MMIO) | V(BHI)),
	FAMILY(ZHAOXIN, 7, V(SPECTRE_V2) | V(SWAPGS) | V(MMIO) | V(BHI)),
};

/* LISTED: CPUs known to have what others are assumed not to have. */
static const struct model listed[] = {
	/* Ivy Bridge, Haswell, Broadwell clients */
	INTEL(0x3a, V(SRBDS)),
	INTEL(0x3c, V(SRBDS)),
	INTEL(0x45, V(SRBDS)),
	INTEL(0x46, V(SRBDS)),
	INTEL(0x3d, V(SRBDS)),
	INTEL(0x47, V(SRBDS)),
	/* Haswell and Broadwell servers */
	INTEL(0x3f, V(MMIO)),
	INTEL(0x4f, V(MMIO)),
	INTEL(0x56, V(MMIO)),
	/* Skylake, Cascade Lake, Cooper Lake servers; the later two from stepping 6 */
	INTEL_STEP(0x55, 0, 5, V(MMIO) | V(RETBLEED) | V(GDS)),
	INTEL_STEP(0x55, 6, 15, V(MMIO) | V(RETBLEED) | V(GDS) | V(ITS)),
	/* Skylake clients */
	INTEL(0x4e, V(MMIO) | V(RETBLEED) | V(GDS) | V(SRBDS)),
	INTEL(0x5e, V(MMIO) | V(RETBLEED) | V(GDS) | V(SRBDS)),
	/* Kaby, Coffee, Whiskey, Amber, early Comet Lake */
	INTEL_STEP(0x8e, 0, 11, V(MMIO) | V(RETBLEED) | V(GDS) | V(SRBDS)),
	INTEL_STEP(0x8e, 12, 15, V(MMIO) | V(RETBLEED) | V(GDS) | V(SRBDS) | V(ITS)),
	INTEL_STEP(0x9e, 0, 12, V(MMIO) | V(RETBLEED) | V(GDS) | V(SRBDS)),
	INTEL_STEP(0x9e, 13, 15, V(MMIO) | V(RETBLEED) | V(GDS) | V(SRBDS) | V(ITS)),
	/* Cannon Lake */
	INTEL(0x66, V(RETBLEED)),
	/* Comet Lake */
	INTEL(0xa5, V(MMIO) | V(RETBLEED) | V(GDS) | V(SRBDS) | V(ITS)),
	INTEL_STEP(0xa6, 0, 0, V(MMIO) | V(RETBLEED) | V(ITS)),
	INTEL_STEP(0xa6, 1, 15, V(MMIO) | V(RETBLEED) | V(GDS) | V(SRBDS) | V(ITS)),
	/* Ice Lake */
	INTEL(0x7e, V(MMIO) | V(RETBLEED) | V(GDS) | V(SRBDS) | V(ITS)),
	INTEL(0x6c, V(MMIO) | V(GDS) | V(ITS)),
	INTEL(0x6a, V(MMIO) | V(GDS) | V(ITS)),
	/* Tiger Lake, Lakefield, Rocket Lake */
	INTEL(0x8c, V(GDS) | V(ITS)),
	INTEL(0x8d, V(GDS) | V(ITS)),
	INTEL(0x8a, V(MMIO) | V(RETBLEED) | V(SRBDS)),
	INTEL(0xa7, V(MMIO) | V(RETBLEED) | V(GDS) | V(ITS)),
	/* Alder Lake, Raptor Lake, Gracemont */
	INTEL(0x97, V(RFDS)),
	INTEL(0x9a, V(RFDS)),
	INTEL(0xb7, V(RFDS)),
	INTEL(0xba, V(RFDS)),
	INTEL(0xbf, V(RFDS)),
	INTEL(0xbe, V(RFDS)),
	/* Tremont, Goldmont */
	INTEL(0x96, V(MMIO) | V(SRBDS) | V(RFDS)),
	INTEL(0x86, V(MMIO) | V(RFDS)),
	INTEL(0x9c, V(MMIO) | V(SRBDS) | V(RFDS)),
	INTEL(0x5c, V(RFDS)),
	INTEL(0x5f, V(RFDS)),
	INTEL(0x7a, V(RFDS)),

	FAMILY(AMD, 0x15, V(RETBLEED)),
	FAMILY(AMD, 0x16, V(RETBLEED)),
	FAMILY(AMD, 0x17, V(RETBLEED) | V(SRSO)),
	FAMILY(HYGON, 0x18, V(RETBLEED) | V(SRSO)),
	FAMILY(AMD, 0x19, V(SRSO) | V(TSA)),
	FAMILY(AMD, 0x1a, V(SRSO)),
};

static u32 match(const struct model *table, size_t n, const struct cpu_view *v)
{
	size_t i;

	for (i = 0; i < n; i++) {
		const struct model *m = &table[i];

		if (m->vendor != VENDOR_ANY && m->vendor != v->vendor)
			continue;
		if (m->family != ANY && m->family != v->sig.family)
			continue;
		if (m->model != ANY && m->model != v->sig.model)
			continue;
		if (v->sig.stepping >= m->step_lo && v->sig.stepping <= m->step_hi)
			return m->vulns;
	}
	return 0;
}

static bool all_of(const struct cpu_view *v, u16 a, u16 b, u16 c)
{
	return cpu_view_has(v, a) && cpu_view_has(v, b) && cpu_view_has(v, c);
}

/**
 * cpu_vulns() - all vulnerabilities of a CPU as software sees it
 * @v: a host, or the view a guest is given
 * @guest: the latter; its kernel knows that it runs under a hypervisor
 *
 * A feature MSR that is not known counts as zero: no immunity.
 *
 * Return: bit mask by enum cpu_vuln.
 */
u32 cpu_vulns(const struct cpu_view *v, bool guest)
{
	u32 not_these = match(spared, ARRAY_SIZE(spared), v);
	u32 these = match(listed, ARRAY_SIZE(listed), v);
	u32 vulns;

	/* assumed of everyone who is not spared */
	vulns = (V(MELTDOWN) | V(L1TF) | V(MDS) | V(SSB) | V(SWAPGS) | V(SPECTRE_V2)) & ~not_these;
	if (cpu_view_has(v, CPU_F_RDCL_NO))
		vulns &= ~(V(MELTDOWN) | V(L1TF));
	/* L1TF is a way to exploit what Meltdown's CPUs do. */
	if (not_these & V(MELTDOWN))
		vulns &= ~V(L1TF);
	if (cpu_view_has(v, CPU_F_MDS_NO))
		vulns &= ~V(MDS);
	if (cpu_view_has(v, CPU_F_SSB_NO) || cpu_view_has(v, CPU_F_AMD_SSB_NO))
		vulns &= ~V(SSB);

	/* TSX's own, where there is TSX or a switch for it */
	if (!cpu_view_has(v, CPU_F_TAA_NO) && !(not_these & V(TAA)) &&
	    (cpu_view_has(v, CPU_F_RTM) || cpu_view_has(v, CPU_F_TSX_CTRL)))
		vulns |= V(TAA);

	/* known models */
	if (!all_of(v, CPU_F_FBSDP_NO, CPU_F_PSDP_NO, CPU_F_SBDR_SSDP_NO))
		vulns |= these & V(MMIO);
	if (cpu_view_has(v, CPU_F_RDRAND) || cpu_view_has(v, CPU_F_RDSEED))
		vulns |= these & V(SRBDS);
	if (!cpu_view_has(v, CPU_F_GDS_NO) && cpu_view_has(v, CPU_F_AVX))
		vulns |= these & V(GDS);
	if (!cpu_view_has(v, CPU_F_RFDS_NO) &&
	    ((these & V(RFDS)) || cpu_view_has(v, CPU_F_RFDS_CLEAR)))
		vulns |= V(RFDS);
	if (!cpu_view_has(v, CPU_F_BTC_NO) &&
	    ((these & V(RETBLEED)) || cpu_view_has(v, CPU_F_RSBA)))
		vulns |= V(RETBLEED);
	if (!cpu_view_has(v, CPU_F_SRSO_NO))
		vulns |= these & V(SRSO);
	if (!cpu_view_has(v, CPU_F_ITS_NO) && !cpu_view_has(v, CPU_F_BHI_CTRL))
		vulns |= these & V(ITS);
	if (!(cpu_view_has(v, CPU_F_TSA_SQ_NO) && cpu_view_has(v, CPU_F_TSA_L1_NO)))
		vulns |= these & V(TSA);

	/* a guest cannot know whether enhanced IBRS was hidden from it */
	if (!cpu_view_has(v, CPU_F_BHI_NO) && !(not_these & V(BHI)) &&
	    (cpu_view_has(v, CPU_F_IBRS_ALL) || cpu_view_has(v, CPU_F_AUTO_IBRS) || guest ||
	     cpu_view_has(v, CPU_F_HYPERVISOR)))
		vulns |= V(BHI);
	return vulns;
}

/* All answered by VERW on the way out of the kernel: who does it for one does it for all. */
#define BY_VERW (V(MDS) | V(TAA) | V(MMIO) | V(RFDS) | V(TSA))

/**
 * cpu_vulns_left() - what a guest leaves unmitigated on a host
 * @guest: the guest's view
 * @host_vulns: cpu_vulns() of the host, or of a pool of hosts
 *
 * Vulnerabilities that a guest can do nothing about are the host's business.
 *
 * Return: bit mask by enum cpu_vuln.
 */
u32 cpu_vulns_left(const struct cpu_view *guest, u32 host_vulns)
{
	u32 known = cpu_vulns(guest, true);
	unsigned int i;

	if (known & BY_VERW)
		known |= BY_VERW;
	for (i = 0; i < CPU_NR_VULNS; i++)
		if (!cpu_vulnerabilities[i].does)
			known |= BIT(i);
	return host_vulns & ~known;
}

bool cpu_vuln_affects(const struct cpu_view *v, enum cpu_vuln vuln, bool guest)
{
	return cpu_vulns(v, guest) >> vuln & 1;
}

/**
 * cpu_vuln_lacks_microcode() - affected, and without what the mitigation needs?
 * @v: a host
 * @vuln: the vulnerability
 *
 * MMIO stale data counts as mitigated by FB_CLEAR, or by MD_CLEAR on CPUs that
 * have MDS as well (Intel, "Processor MMIO Stale Data Vulnerabilities").
 */
bool cpu_vuln_lacks_microcode(const struct cpu_view *v, enum cpu_vuln vuln)
{
	unsigned int needs = cpu_vulnerabilities[vuln].needs;

	if (!cpu_vuln_affects(v, vuln, false))
		return false;
	if (vuln == CPU_VULN_MMIO)
		return !cpu_view_has(v, CPU_F_FB_CLEAR) &&
		       !(cpu_view_has(v, CPU_F_MD_CLEAR) && cpu_view_has(v, CPU_F_FLUSH_L1D));
	return needs != CPU_F_NONE && !cpu_view_has_capability(v, needs);
}

/* Intel CPUs whose returns fall back to other predictors, by model. */
static const u8 rsba_models[] = {
	0x3d, 0x47, 0x4f, 0x56, /* Broadwell with newer microcode */
	0x4e, 0x5e, 0x55, /* Skylake, Cascade Lake, Cooper Lake */
	0x8e, 0x9e, 0xa5, 0xa6, /* Kaby, Coffee, Comet Lake */
	0x66, 0x67, 0x7d, 0x7e, 0x6a, 0x6c, /* Cannon, Ice Lake */
	0x8a, 0x8c, 0x8d, 0xa7, /* Lakefield, Tiger, Rocket Lake */
	0x97, 0x9a, 0xb7, 0xba, 0xbf, 0xbe, /* Alder, Raptor Lake */
	0x8f, 0xcf, 0xad, 0xae, 0xaa, 0xac, /* Sapphire, Emerald, Granite Rapids, Meteor Lake */
};

/**
 * cpu_suffers_rsba() - do returns use other predictors when the RSB is empty?
 * @v: a host
 *
 * Few CPUs tell (RSBA); the others are known by model (Intel, "Retpoline: A
 * Branch Target Injection Mitigation", RSB underflow). A guest that uses
 * retpolines must be told wherever it may land.
 */
bool cpu_suffers_rsba(const struct cpu_view *v)
{
	unsigned int i;

	if (cpu_view_has(v, CPU_F_RSBA) || cpu_view_has(v, CPU_F_RRSBA))
		return true;
	if (v->vendor != CPU_VENDOR_INTEL || v->sig.family != 6)
		return false;
	for (i = 0; i < ARRAY_SIZE(rsba_models); i++)
		if (rsba_models[i] == v->sig.model)
			return true;
	return false;
}
