// SPDX-License-Identifier: GPL-2.0-only
/*
 * ferry info's judgement: what stands in a host's way, and what to do about it.
 */
#include <string.h>

#include "../../userspace/hostinfo.h"
#include "tap.h"

int main(void)
{
	static const struct {
		const char *what;
		struct host_facts f;
		int code;
		const char *firmware, *says;
	} rows[] = {
		{ "no CPU for it", { .npt = true }, FERRY_X_NO_HARDWARE, "absent", "neither VT-x nor SVM" },
		{ "a virtual machine", { .under_hypervisor = true }, FERRY_X_NO_HARDWARE, "absent",
		  "nested virtualisation" },
		{ "VT-x locked off", { .vmx = true, .npt = true, .msr_known = true, .msr = FEATURE_CONTROL_LOCK },
		  FERRY_X_NO_HARDWARE, "locked", "locked it (IA32_FEATURE_CONTROL)" },
		{ "VT-x undecided", { .vmx = true, .npt = true, .msr_known = true },
		  FERRY_X_NO_HARDWARE, "unlocked", "undecided" },
		{ "VT-x without EPT",
		  { .vmx = true, .msr_known = true, .msr = FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX },
		  FERRY_X_NO_HARDWARE, "enabled", "no EPT" },
		{ "SVM off", { .svm = true, .npt = true, .msr_known = true, .msr = VM_CR_SVMDIS },
		  FERRY_X_NO_HARDWARE, "disabled", "not locked" },
		{ "SVM locked off",
		  { .svm = true, .npt = true, .msr_known = true, .msr = VM_CR_SVMDIS | VM_CR_LOCK },
		  FERRY_X_NO_HARDWARE, "locked", "locked it (VM_CR.SVMDIS)" },
		{ "SVM without nested paging", { .svm = true, .msr_known = true },
		  FERRY_X_NO_HARDWARE, "enabled", "no nested paging" },
		{ "no module", { .svm = true, .npt = true, .module = MODULE_ABSENT, .owners = "kvm_amd kvm" },
		  FERRY_X_NO_MODULE, "unknown", "modprobe -r kvm_amd kvm" },
		{ "a module of another version",
		  { .vmx = true, .npt = true, .module = MODULE_FOREIGN, .module_error = "interface 7" },
		  FERRY_X_NO_MODULE, "unknown", "interface 7" },
		{ "KVM has it",
		  { .svm = true, .npt = true, .owners = "kvm_amd", .create_code = FERRY_X_HARDWARE_TAKEN },
		  FERRY_X_HARDWARE_TAKEN, "unknown", "stop its VMs and unload it" },
		{ "all is well", { .svm = true, .npt = true, .msr_known = true }, 0, "enabled", "" },
	};
	struct host_verdict v;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		host_judge(&rows[i].f, &v);
		if (!ok(v.code == rows[i].code && !strcmp(v.firmware, rows[i].firmware) &&
			(*rows[i].says ? !!strstr(v.advice, rows[i].says) : !*v.advice), "%s", rows[i].what))
			diag("%d, %s: %s", v.code, v.firmware, v.advice);
	}
	return done();
}
