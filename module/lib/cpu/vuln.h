/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Vulnerabilities: which CPUs have them, and which identities make a guest
 * believe that it need not care.
 *
 * An operating system decides at boot, from vendor, family, model and a few
 * bits, which mitigations to use. It never decides again. So a guest that was
 * shown an identity without a vulnerability must not run where it is present,
 * although every feature bit matches.
 *
 * Owns: the list of vulnerabilities. Locks: none.
 */
#ifndef FERRY_LIB_CPU_VULN_H
#define FERRY_LIB_CPU_VULN_H

#include "view.h"

/*
 * X(ID, name, bit that says "not affected" or CPU_F_NONE, feature that the
 * mitigation inside a guest needs or CPU_F_NONE, what the guest does about it or
 * NULL where the host alone can do something)
 *
 * Host-only vulnerabilities (iTLB multihit, post-barrier RSB) are not here: the
 * host's kernel and Ferry deal with them.
 */
#define CPU_VULNERABILITIES(X)                                                                     \
	X(MELTDOWN, "meltdown", CPU_F_RDCL_NO, CPU_F_NONE, "isolates the kernel's page tables")    \
	X(L1TF, "l1tf", CPU_F_RDCL_NO, CPU_F_NONE, "inverts absent page-table entries")            \
	X(MDS, "mds", CPU_F_MDS_NO, CPU_F_MD_CLEAR, "clears CPU buffers with VERW")                \
	X(TAA, "taa", CPU_F_TAA_NO, CPU_F_MD_CLEAR, "clears CPU buffers or turns TSX off")         \
	X(MMIO, "mmio-stale-data", CPU_F_FBSDP_NO, CPU_F_NONE, "clears fill buffers with VERW")    \
	X(SRBDS, "srbds", CPU_F_NONE, CPU_F_NONE, NULL)                                            \
	X(RFDS, "rfds", CPU_F_RFDS_NO, CPU_F_RFDS_CLEAR, "clears register files with VERW")        \
	X(GDS, "gds", CPU_F_GDS_NO, CPU_F_NONE, NULL)                                              \
	X(SSB, "spec-store-bypass", CPU_F_SSB_NO, CPU_F_SSBD, "turns store bypass off on request") \
	X(SWAPGS, "swapgs", CPU_F_NONE, CPU_F_NONE, "fences SWAPGS at kernel entry")               \
	X(SPECTRE_V2, "spectre-v2", CPU_F_NONE, CPU_F_NONE, "uses retpolines or IBRS")             \
	X(RETBLEED, "retbleed", CPU_F_BTC_NO, CPU_F_NONE, "untrains returns or uses IBRS")         \
	X(BHI, "bhi", CPU_F_BHI_NO, CPU_F_NONE, "clears branch history at kernel entry")           \
	X(ITS, "its", CPU_F_ITS_NO, CPU_F_NONE, "keeps indirect branches out of low half lines")   \
	X(SRSO, "srso", CPU_F_SRSO_NO, CPU_F_NONE, "untrains returns at kernel entry")             \
	X(TSA, "tsa", CPU_F_TSA_L1_NO, CPU_F_VERW_CLEAR, "clears CPU buffers with VERW")

enum cpu_vuln {
#define X(id, name, no, needs, does) CPU_VULN_##id,
	CPU_VULNERABILITIES(X)
#undef X
		CPU_NR_VULNS,
};

/**
 * struct cpu_vulnerability - one line of the list
 * @name: as Linux names its file under /sys/devices/system/cpu/vulnerabilities,
 *	where it has one
 * @no: feature that tells software the CPU is not affected, or CPU_F_NONE
 * @needs: feature from microcode that the guest's mitigation uses, or CPU_F_NONE
 * @does: what a guest that knows does about it; NULL: nothing, the host must
 */
struct cpu_vulnerability {
	const char *name;
	u16 no;
	u16 needs;
	const char *does;
};

extern const struct cpu_vulnerability cpu_vulnerabilities[CPU_NR_VULNS];

bool cpu_vuln_affects(const struct cpu_view *v, enum cpu_vuln vuln, bool guest);
u32 cpu_vulns(const struct cpu_view *v, bool guest);
u32 cpu_vulns_left(const struct cpu_view *guest, u32 host_vulns);
bool cpu_vuln_lacks_microcode(const struct cpu_view *v, enum cpu_vuln vuln);
bool cpu_suffers_rsba(const struct cpu_view *v);

#endif /* FERRY_LIB_CPU_VULN_H */
