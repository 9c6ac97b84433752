// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ioctls as functions that explain their failures. See libferry.h. No state.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "libferry.h"

static u64 address(const void *p)
{
	return (u64)(uintptr_t)p;
}

int ferry_open(int *fd, struct ferry_info *info, struct error *err)
{
	struct ferry_info local = { .size = sizeof(local) };

	*fd = open(FERRY_DEVICE, O_RDWR | O_CLOEXEC);
	if (*fd < 0) {
		switch (errno) {
		case ENOENT:
		case ENXIO:
		case ENODEV:
			return fail(err, FERRY_X_NO_MODULE,
				    "%s is not there: load the module (modprobe ferry, or insmod "
				    "ferry.ko); 'ferry info' says whether this host can run it",
				    FERRY_DEVICE);
		case EACCES:
		case EPERM:
			return fail(err, FERRY_X_NO_MODULE,
				    "%s is not open to you: join the group that owns it, or be root",
				    FERRY_DEVICE);
		}
		return fail_errno(err, FERRY_X_NO_MODULE, "cannot open %s", FERRY_DEVICE);
	}
	if (ioctl(*fd, FERRY_GET_INFO, &local)) {
		fail_errno(err, FERRY_X_NO_MODULE, "%s does not answer as Ferry's module does",
			   FERRY_DEVICE);
		goto err_close;
	}
	if (local.api_version != FERRY_API_VERSION) {
		fail(err, FERRY_X_NO_MODULE,
		     "the loaded module speaks version %u of the interface and this tool version "
		     "%u: install both from one release", local.api_version, FERRY_API_VERSION);
		goto err_close;
	}
	if (info)
		*info = local;
	return 0;

err_close:
	close(*fd);
	*fd = -1;
	return err->code;
}

int ferry_create_vm(int dev, u32 flags, const char *name, const u8 uuid[16], u64 generation,
		    int *vm, struct error *err)
{
	struct ferry_create_vm arg = {
		.size = sizeof(arg),
		.flags = flags,
		.generation = generation,
	};

	snprintf((char *)arg.name, sizeof(arg.name), "%s", name);
	memcpy(arg.uuid, uuid, sizeof(arg.uuid));
	*vm = ioctl(dev, FERRY_CREATE_VM, &arg);
	if (*vm >= 0)
		return 0;
	switch (errno) {
	case EBUSY:
		return fail(err, FERRY_X_HARDWARE_TAKEN,
			    "another hypervisor owns this host's virtualisation hardware. Unload "
			    "it (modprobe -r kvm_intel kvm_amd, or VirtualBox's or VMware's "
			    "modules) and try again; the kernel log names it");
	case ENOMEM:
		return fail(err, FERRY_X_MEMORY,
			    "the host has too little memory for another VM");
	}
	return fail_errno(err, FERRY_X_SYSTEM, "cannot create the VM");
}

int ferry_set_memory(int vm, u32 region, u64 gpa, u64 length, struct error *err)
{
	struct ferry_memory arg = {
		.size = sizeof(arg),
		.region = region,
		.gpa = gpa,
		.length = length,
	};

	if (!ioctl(vm, FERRY_SET_MEMORY, &arg))
		return 0;
	if (errno == EINVAL)
		return fail(err, FERRY_X_MEMORY,
			    "the module refuses guest memory %#llx-%#llx: it does not fit the "
			    "guest's physical address width",
			    (unsigned long long)gpa, (unsigned long long)(gpa + length));
	return fail_errno(err, errno == ENOMEM ? FERRY_X_MEMORY : FERRY_X_SYSTEM,
			  "cannot give the guest memory %#llx-%#llx", (unsigned long long)gpa,
			  (unsigned long long)(gpa + length));
}

int ferry_map(int vm, u64 gpa, u64 length, void **hva, struct error *err)
{
	*hva = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, vm, gpa);
	if (*hva != MAP_FAILED)
		return 0;
	*hva = NULL;
	return fail_errno(err, FERRY_X_SYSTEM, "cannot map guest memory at %#llx",
			  (unsigned long long)gpa);
}

int ferry_create_vcpu(int vm, u32 id, int *vcpu, struct error *err)
{
	struct ferry_create_vcpu arg = { .size = sizeof(arg), .id = id };

	*vcpu = ioctl(vm, FERRY_CREATE_VCPU, &arg);
	if (*vcpu >= 0)
		return 0;
	return fail_errno(err, errno == ENOMEM ? FERRY_X_MEMORY : FERRY_X_SYSTEM,
			  "cannot create vCPU %u", id);
}

int ferry_map_run(int vcpu, u32 run_size, struct ferry_run **run, struct error *err)
{
	void *p = mmap(NULL, run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);

	*run = p == MAP_FAILED ? NULL : p;
	if (*run)
		return 0;
	return fail_errno(err, FERRY_X_SYSTEM, "cannot map a vCPU's run page");
}

int ferry_set_policy(int vm, const struct ferry_cpuid_entry *cpuid, u32 nr_cpuid,
		     const struct ferry_policy_msr *msrs, u32 nr_msrs,
		     struct ferry_finding *findings, u32 *nr_findings, struct error *err)
{
	struct ferry_policy arg = {
		.size = sizeof(arg),
		.nr_cpuid = nr_cpuid,
		.nr_msrs = nr_msrs,
		.cpuid = address(cpuid),
		.msrs = address(msrs),
		.findings = address(findings),
		.nr_findings = *nr_findings,
	};
	u32 room = *nr_findings;
	int ret;

	ret = ioctl(vm, FERRY_SET_POLICY, &arg);
	*nr_findings = 0;
	if (!ret || errno == EOPNOTSUPP)
		*nr_findings = min(arg.nr_findings, room);
	if (!ret)
		return 0;
	if (errno == EOPNOTSUPP)
		return fail(err, FERRY_X_POLICY, "this host cannot honour the VM's CPU policy");
	return fail_errno(err, errno == EINVAL ? FERRY_X_BAD_FILE : FERRY_X_SYSTEM,
			  "the module does not take the VM's CPU policy");
}

int ferry_get_policy(int vm, struct ferry_cpuid_entry *cpuid, u32 *nr_cpuid,
		     struct ferry_policy_msr *msrs, u32 *nr_msrs, struct error *err)
{
	struct ferry_policy arg = {
		.size = sizeof(arg),
		.nr_cpuid = FERRY_MAX_CPUID,
		.nr_msrs = FERRY_MAX_POLICY_MSRS,
		.cpuid = address(cpuid),
		.msrs = address(msrs),
	};

	if (ioctl(vm, FERRY_GET_POLICY, &arg))
		return fail_errno(err, FERRY_X_SYSTEM, "cannot read the VM's CPU policy");
	*nr_cpuid = arg.nr_cpuid;
	*nr_msrs = arg.nr_msrs;
	return 0;
}

/* -------------------------------------------------------------------- state */

const char *ferry_state_name(u32 group)
{
	static const char *const names[] = {
		[FERRY_STATE_GENERAL] = "general registers",
		[FERRY_STATE_SEGMENTS] = "segments",
		[FERRY_STATE_CONTROL] = "control registers",
		[FERRY_STATE_DEBUG] = "debug registers",
		[FERRY_STATE_MSRS] = "MSRs",
		[FERRY_STATE_FPU] = "FPU",
		[FERRY_STATE_EVENTS] = "events",
		[FERRY_STATE_LAPIC] = "LAPIC",
		[FERRY_STATE_CLOCK] = "clock",
		[FERRY_STATE_MP] = "MP state",
		[FERRY_STATE_IOAPIC] = "IOAPIC",
		[FERRY_STATE_PIC] = "i8259",
		[FERRY_STATE_PIT] = "i8254",
		[FERRY_STATE_VMCLOCK] = "VM clock",
		[FERRY_STATE_SEEN] = "record of features",
	};

	return group < ARRAY_SIZE(names) && names[group] ? names[group] : "unknown group";
}

int ferry_get_state(int fd, u32 group, void *buf, u32 *length, struct error *err)
{
	struct ferry_state arg = {
		.size = sizeof(arg),
		.group = group,
		.length = *length,
		.addr = address(buf),
	};

	if (ioctl(fd, FERRY_GET_STATE, &arg))
		return fail_errno(err, FERRY_X_SYSTEM, "cannot read the guest's %s",
				  ferry_state_name(group));
	*length = arg.length;
	return 0;
}

int ferry_set_state(int fd, u32 group, const void *buf, u32 length, struct error *err)
{
	struct ferry_state arg = {
		.size = sizeof(arg),
		.group = group,
		.length = length,
		.addr = address(buf),
	};

	if (ioctl(fd, FERRY_SET_STATE, &arg))
		return fail_errno(err, FERRY_X_SYSTEM, "cannot set the guest's %s",
				  ferry_state_name(group));
	return 0;
}

int ferry_irq_line(int vm, u32 gsi, u32 level)
{
	struct ferry_irq_line arg = { .size = sizeof(arg), .gsi = gsi, .level = level };

	return ioctl(vm, FERRY_IRQ_LINE, &arg);
}

/* --------------------------------------------------------------------- runs */

int ferry_run_vcpu(int vcpu)
{
	struct ferry_vcpu_run arg = { .size = sizeof(arg) };

	return ioctl(vcpu, FERRY_RUN, &arg);
}

int ferry_nmi(int vcpu, struct error *err)
{
	struct ferry_nmi arg = { .size = sizeof(arg) };

	if (ioctl(vcpu, FERRY_NMI, &arg))
		return fail_errno(err, FERRY_X_SYSTEM, "cannot send an NMI");
	return 0;
}

static int pause_call(int vm, unsigned long request, u32 flags, const char *verb,
		      struct error *err)
{
	struct ferry_pause arg = { .size = sizeof(arg), .flags = flags };

	if (!ioctl(vm, request, &arg) || errno == EALREADY)
		return 0;
	if (errno == EBUSY)
		return fail(err, FERRY_X_BUSY, "a migration owns the VM: wait for its end");
	return fail_errno(err, FERRY_X_SYSTEM, "cannot %s the VM", verb);
}

int ferry_pause(int vm, struct error *err)
{
	return pause_call(vm, FERRY_PAUSE, 0, "pause", err);
}

int ferry_continue(int vm, bool guest_stopped, struct error *err)
{
	return pause_call(vm, FERRY_CONTINUE, guest_stopped ? FERRY_PAUSE_NMI_WATCHDOG_SAFE : 0,
			  "continue", err);
}

int ferry_get_stats(int fd, struct ferry_stats *stats, struct error *err)
{
	memset(stats, 0, sizeof(*stats));
	stats->size = sizeof(*stats);
	if (ioctl(fd, FERRY_GET_STATS, stats))
		return fail_errno(err, FERRY_X_SYSTEM, "cannot read the VM's counters");
	return 0;
}

bool ferry_exit_name(int vm, u32 index, char name[24])
{
	struct ferry_exit_name arg = { .size = sizeof(arg), .index = index };

	if (ioctl(vm, FERRY_GET_EXIT_NAME, &arg))
		return false;
	memcpy(name, arg.name, sizeof(arg.name));
	name[23] = 0;
	return true;
}

bool ferry_next_emulated(int vm, struct ferry_emulated *e)
{
	e->size = sizeof(*e);
	if (ioctl(vm, FERRY_GET_EMULATED, e))
		return false;
	e->name[sizeof(e->name) - 1] = 0;
	return true;
}

/* ---------------------------------------------------------------- migration */

const char *ferry_phase_name(u32 phase)
{
	static const char *const names[] = {
		[FERRY_MIGRATE_IDLE] = "idle",
		[FERRY_MIGRATE_ROUNDS] = "rounds",
		[FERRY_MIGRATE_FROZEN] = "frozen",
		[FERRY_MIGRATE_IN_DOUBT] = "in-doubt",
		[FERRY_MIGRATE_DONE] = "done",
		[FERRY_MIGRATE_ABORTED] = "aborted",
		[FERRY_MIGRATE_DEFINED] = "defined",
		[FERRY_MIGRATE_LOADED] = "loaded",
		[FERRY_MIGRATE_COMMITTED] = "committed",
		[FERRY_MIGRATE_RUNNING] = "running",
	};

	return phase < ARRAY_SIZE(names) ? names[phase] : "unknown";
}

static int migrate_code(int err_no)
{
	switch (err_no) {
	case EOPNOTSUPP:
		return FERRY_X_POLICY;
	case ETIMEDOUT:
		return FERRY_X_TIMEOUT;
	case ECONNRESET:
	case EPIPE:
		return FERRY_X_NETWORK;
	case ENOMEM:
		return FERRY_X_MEMORY;
	case EBUSY:
		return FERRY_X_BUSY;
	}
	return FERRY_X_ABORTED;
}

static const char *migrate_call_name(unsigned long request)
{
	switch (request) {
	case FERRY_MIGRATE_SEND:
		return "SEND";
	case FERRY_MIGRATE_FINISH:
		return "FINISH";
	case FERRY_MIGRATE_RECEIVE:
		return "RECEIVE";
	case FERRY_MIGRATE_ACCEPT:
		return "ACCEPT";
	case FERRY_MIGRATE_CONFIRM:
		return "CONFIRM";
	case FERRY_MIGRATE_ABORT:
		return "ABORT";
	}
	return "?";
}

/* No phase of the module's. */
#define UNTOUCHED 0xffffffff

/*
 * A call that failed before it began wrote nothing back: what went in as room for findings and texts
 * must not be read as what came out, and the phase is what it was.
 */
static void untouched(int vm, struct ferry_migrate *m)
{
	struct ferry_migrate_status st;
	struct error ignored;

	m->nr_findings = 0;
	m->definition_length = 0;
	m->blobs_length = 0;
	m->phase = ferry_migrate_status(vm, &st, &ignored) ? FERRY_MIGRATE_IDLE : st.phase;
}

int ferry_migrate(int vm, unsigned long request, struct ferry_migrate *m, struct error *err)
{
	int saved;

	m->size = sizeof(*m);
	m->phase = UNTOUCHED;
	if (request != FERRY_MIGRATE_ABORT)
		m->error[0] = 0;
	if (!ioctl(vm, request, m))
		return 0;
	saved = errno;
	m->error[sizeof(m->error) - 1] = 0;
	if (m->phase == UNTOUCHED) {
		untouched(vm, m);
		m->error[0] = 0;
	}
	if (m->error[0])
		fail(err, migrate_code(saved), "%s", m->error);
	else
		fail(err, migrate_code(saved), "the module refuses the migration's %s: %s",
		     migrate_call_name(request), strerror(saved));
	errno = saved;
	return err->code;
}

int ferry_migrate_resolve(int vm, u32 answer, struct error *err)
{
	struct ferry_migrate_resolve arg = { .size = sizeof(arg), .answer = answer };

	if (ioctl(vm, FERRY_MIGRATE_RESOLVE, &arg))
		return fail_errno(err, FERRY_X_SYSTEM, "cannot resolve the migration");
	return 0;
}

int ferry_migrate_status(int vm, struct ferry_migrate_status *st, struct error *err)
{
	memset(st, 0, sizeof(*st));
	st->size = sizeof(*st);
	if (ioctl(vm, FERRY_MIGRATE_STATUS, st))
		return fail_errno(err, FERRY_X_SYSTEM, "cannot read the migration's progress");
	return 0;
}
