/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Can this host run VMs, and if not, why not and what to do? Facts are gathered in one place and
 * judged in another, so that the judgement can be tested without the hardware.
 */
#ifndef FERRY_HOSTINFO_H
#define FERRY_HOSTINFO_H

#include <linux/ferry.h>

#include "util.h"

/* IA32_FEATURE_CONTROL (SDM vol. 3, 24.7) and VM_CR (APM vol. 2, 15.30.1) */
#define MSR_FEATURE_CONTROL 0x3a
#define FEATURE_CONTROL_LOCK (1U << 0)
#define FEATURE_CONTROL_VMX (1U << 2)
#define MSR_VMX_PROCBASED_CTLS 0x482
#define MSR_VMX_PROCBASED_CTLS2 0x48b
#define MSR_VM_CR 0xc0010114
#define VM_CR_LOCK (1U << 3)
#define VM_CR_SVMDIS (1U << 4)

enum module_state {
	MODULE_OK,
	MODULE_ABSENT, /* no /dev/ferry */
	MODULE_DENIED,
	MODULE_FOREIGN, /* it answers, but not as this tool's version does */
};

/**
 * struct host_facts - what was found
 * @msr_known: @msr is the vendor's of the two above
 * @owners: names of other hypervisors' loaded modules, "" if none
 * @module_error: of opening /dev/ferry
 * @create_code: exit code of a trial VM, with MODULE_OK
 */
struct host_facts {
	char vendor[13];
	char model[49];
	bool vmx;
	bool svm;
	bool npt; /* nested paging of SVM; EPT, or not known */
	bool under_hypervisor;
	bool msr_known;
	u64 msr;
	char owners[128];
	enum module_state module;
	char module_error[300];
	struct ferry_info info;
	int create_code;
	char create_error[400];
};

/**
 * struct host_verdict - what it means
 * @firmware: "enabled", "disabled", "locked", "unlocked", "unknown" or "absent"
 * @advice: what to do, "" if nothing
 */
struct host_verdict {
	int code;
	const char *firmware;
	char advice[1000];
};

void host_gather(struct host_facts *f);
void host_judge(const struct host_facts *f, struct host_verdict *v);

#endif /* FERRY_HOSTINFO_H */
