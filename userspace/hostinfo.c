// SPDX-License-Identifier: GPL-2.0-only
/*
 * Gathering and judging what a host offers. See hostinfo.h. No state.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "hostinfo.h"
#include "libferry.h"
#include "policy.h"

/* Modules that use VMX or SVM for themselves. */
static const char *const hypervisors[] = { "kvm_intel", "kvm_amd", "vboxdrv", "vmmon" };

static bool read_host_msr(u32 index, u64 *value)
{
	int fd = open("/dev/cpu/0/msr", O_RDONLY | O_CLOEXEC);
	bool good;

	if (fd < 0)
		return false;
	good = pread(fd, value, sizeof(*value), index) == sizeof(*value);
	close(fd);
	return good;
}

/* EPT, unless VT-x's capability MSRs can be read and say otherwise (SDM vol. 3, A.3.2 and A.3.3). */
static bool may_have_ept(void)
{
	u64 primary, secondary;

	if (!read_host_msr(MSR_VMX_PROCBASED_CTLS, &primary))
		return true;
	if (!(primary >> 63))
		return false;
	return !read_host_msr(MSR_VMX_PROCBASED_CTLS2, &secondary) || secondary >> 33 & 1;
}

static void find_owners(struct host_facts *f)
{
	size_t i, n = 0;

	for (i = 0; i < ARRAY_SIZE(hypervisors); i++) {
		char path[64];

		snprintf(path, sizeof(path), "/sys/module/%s", hypervisors[i]);
		if (access(path, F_OK))
			continue;
		n += snprintf(f->owners + n, sizeof(f->owners) - n, "%s%s", n ? " " : "",
			      hypervisors[i]);
	}
}

/* Whether the hardware is free is known only by taking it: make a VM and let it go. */
static void try_module(struct host_facts *f)
{
	struct error err = { 0 };
	u8 uuid[16];
	int dev, vm;

	if (ferry_open(&dev, &f->info, &err)) {
		f->module = access(FERRY_DEVICE, F_OK) ? MODULE_ABSENT :
			    access(FERRY_DEVICE, R_OK | W_OK) ? MODULE_DENIED : MODULE_FOREIGN;
		snprintf(f->module_error, sizeof(f->module_error), "%.290s", err.text);
		return;
	}
	f->module = MODULE_OK;
	random_uuid(uuid);
	f->create_code = ferry_create_vm(dev, 0, "ferry-info", uuid, 0, &vm, &err);
	if (f->create_code)
		snprintf(f->create_error, sizeof(f->create_error), "%.390s", err.text);
	else
		close(vm);
	close(dev);
}

void host_gather(struct host_facts *f)
{
	struct cpu_policy *host = xcalloc(1, sizeof(*host));
	struct error err;

	memset(f, 0, sizeof(*f));
	if (!policy_of_host(host, &err)) {
		cpu_policy_vendor_string(host, f->vendor);
		cpu_policy_brand_string(host, f->model);
		f->vmx = cpu_policy_reg(host, 1, 0, CPU_ECX) >> 5 & 1;
		f->under_hypervisor = cpu_policy_reg(host, 1, 0, CPU_ECX) >> 31;
		f->svm = cpu_policy_reg(host, 0x80000001, 0, CPU_ECX) >> 2 & 1;
		f->npt = f->vmx ? may_have_ept() : cpu_policy_reg(host, 0x8000000a, 0, CPU_EDX) & 1;
	}
	free(host);
	if (f->vmx || f->svm)
		f->msr_known = read_host_msr(f->vmx ? MSR_FEATURE_CONTROL : MSR_VM_CR, &f->msr);
	find_owners(f);
	try_module(f);
}

/* ------------------------------------------------------------------ judgement */

static const char *firmware_state(const struct host_facts *f)
{
	if (!f->vmx && !f->svm)
		return "absent";
	if (!f->msr_known)
		return "unknown";
	if (f->vmx) {
		if (!(f->msr & FEATURE_CONTROL_LOCK))
			return "unlocked"; /* a kernel may still enable it */
		return f->msr & FEATURE_CONTROL_VMX ? "enabled" : "locked";
	}
	if (!(f->msr & VM_CR_SVMDIS))
		return "enabled";
	return f->msr & VM_CR_LOCK ? "locked" : "disabled";
}

static void set(struct host_verdict *v, int code, const char *text)
{
	v->code = code;
	snprintf(v->advice, sizeof(v->advice), "%s", text);
}

void host_judge(const struct host_facts *f, struct host_verdict *v)
{
	char text[1000];

	memset(v, 0, sizeof(*v));
	v->firmware = firmware_state(f);
	if (!f->vmx && !f->svm) {
		set(v, FERRY_X_NO_HARDWARE, f->under_hypervisor ?
		    "This is a virtual machine without VT-x or SVM: turn nested virtualisation on "
		    "for it (KVM: kvm_intel.nested=1 or kvm_amd.nested=1 on its host and the "
		    "host's CPU model for the machine)." :
		    "The CPU shows neither VT-x nor SVM. Some firmware hides it when it is off: "
		    "look for \"Virtualization Technology\" or \"SVM Mode\" in the set-up.");
	} else if (!strcmp(v->firmware, "locked")) {
		set(v, FERRY_X_NO_HARDWARE, f->vmx ?
		    "Firmware switched VT-x off and locked it (IA32_FEATURE_CONTROL): enable "
		    "\"Intel Virtualization Technology\" in the firmware's set-up, then power the "
		    "machine off and on." :
		    "Firmware switched SVM off and locked it (VM_CR.SVMDIS): enable \"SVM Mode\" "
		    "in the firmware's set-up, then power the machine off and on.");
	} else if (!strcmp(v->firmware, "disabled")) {
		set(v, FERRY_X_NO_HARDWARE,
		    "SVM is switched off (VM_CR.SVMDIS) but not locked: enable \"SVM Mode\" in the "
		    "firmware's set-up.");
	} else if (!strcmp(v->firmware, "unlocked")) {
		set(v, FERRY_X_NO_HARDWARE,
		    "Firmware left VT-x undecided (IA32_FEATURE_CONTROL is not locked) and the "
		    "kernel did not enable it: enable \"Intel Virtualization Technology\" in the "
		    "firmware's set-up.");
	} else if (!f->npt) {
		set(v, FERRY_X_NO_HARDWARE, f->vmx ?
		    "This CPU's VT-x has no EPT (extended page tables), which Ferry needs: CPUs before "
		    "Nehalem lack it." :
		    "This CPU's SVM has no nested paging, which Ferry needs.");
	} else if (f->module == MODULE_ABSENT) {
		snprintf(text, sizeof(text),
			 "The module is not loaded: 'modprobe ferry', or 'insmod ferry.ko'.%s%s%s",
			 *f->owners ? " First unload what may own the hardware: modprobe -r " : "",
			 f->owners, *f->owners ? "." : "");
		set(v, FERRY_X_NO_MODULE, text);
	} else if (f->module != MODULE_OK) {
		set(v, FERRY_X_NO_MODULE, f->module_error);
	} else if (f->create_code == FERRY_X_HARDWARE_TAKEN) {
		snprintf(text, sizeof(text),
			 "Another hypervisor owns the hardware%s%s: stop its VMs and unload it "
			 "(modprobe -r %s).", *f->owners ? "; loaded: " : "", f->owners,
			 *f->owners ? f->owners : "kvm_intel kvm_amd");
		set(v, FERRY_X_HARDWARE_TAKEN, text);
	} else if (f->create_code) {
		set(v, f->create_code, f->create_error);
	}
}
