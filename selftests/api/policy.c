// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VM's CPU policy in the module: refused with reasons, frozen by the first vCPU, enforced,
 * CPUID faulting in both vendors' ways, and the record of what the guest was shown.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "emulator.h"
#include "host_policy.h"
#include "lib/cpu/check.h"
#include "lib/cpu/exclude.h"
#include "lib/cpu/features.h"
#include "lib/cpu/read.h"
#include "lib/cpu/vuln.h"
#include "tap.h"
#include "tiny.h"

#define OUT "out %eax, $0xf1\n"

static struct tiny t;

static uint32_t out_value(void)
{
	int ret = tiny_run(&t);

	if (ret == FERRY_EXIT_IO && t.run->io.port == TINY_PORT)
		return tiny_out(&t);
	diag("exit %d instead of a port write; vector %llu at %llx", ret, (long long)t.trap->vector,
	     (long long)t.trap->rip);
	return 0xdeadbeef;
}

/* The next exit must be #GP(0) with the guest in this code segment. */
static void ok_gp(uint64_t cs, const char *what)
{
	int ret = tiny_run(&t);

	if (!ok(ret == TINY_TRAP && t.trap->vector == 13 && !t.trap->error && t.trap->cs == cs, "%s",
		what))
		diag("exit %d, vector %llu, error %llx, cs %llx, rip %llx", ret,
		     (long long)t.trap->vector, (long long)t.trap->error, (long long)t.trap->cs,
		     (long long)t.trap->rip);
}

/* ------------------------------------------------------------- refused, frozen */

static struct cpu_policy policy;

static int get_policy(int vm)
{
	struct ferry_policy args = { .size = sizeof(args), .nr_cpuid = FERRY_MAX_CPUID,
				     .nr_msrs = FERRY_MAX_POLICY_MSRS,
				     .cpuid = (uintptr_t)policy.leaf, .msrs = (uintptr_t)policy.msr };

	if (ioctl(vm, FERRY_GET_POLICY, &args))
		return -errno;
	policy.nr_leaves = args.nr_cpuid;
	policy.nr_msrs = args.nr_msrs;
	return 0;
}

static struct ferry_finding findings[64];

static int set_policy(int vm, unsigned int *nr)
{
	struct ferry_policy args = { .size = sizeof(args), .nr_cpuid = policy.nr_leaves,
				     .nr_msrs = policy.nr_msrs, .nr_findings = 64,
				     .cpuid = (uintptr_t)policy.leaf, .msrs = (uintptr_t)policy.msr,
				     .findings = (uintptr_t)findings };
	int ret = ioctl(vm, FERRY_SET_POLICY, &args) ? -errno : 0;

	*nr = args.nr_findings;
	return ret;
}

static bool found(unsigned int nr, u32 leaf, u8 bit)
{
	unsigned int i;

	for (i = 0; i < nr && i < 64; i++)
		if (findings[i].leaf == leaf && findings[i].bit == bit)
			return true;
	return false;
}

/* The pool excludes this very CPU, or one that has next to nothing to do with it. */
static void test_excluded(int vm, const struct cpu_policy *good)
{
	static struct cpu_policy host, kept;
	struct cpu_signature s;
	struct cpu_exclusion x = { .reason = "test of exclusions" };
	unsigned int nr;

	if (host_policy_read(&host))
		bail_out("this host's CPUID");
	s = cpu_policy_signature(&host);
	x.reg[CPU_EAX] = cpu_exclusion_eax(cpu_policy_vendor(&host), s.family);
	x.reg[CPU_EBX] = cpu_exclusion_ebx(s.model, s.model, s.stepping, s.stepping);
	x.reg[CPU_EDX] = ~0u;
	policy = *good;
	ok_eq(cpu_exclusion_add(&policy, &x), 0, "a policy that excludes this CPU");
	ok_eq(-set_policy(vm, &nr), EOPNOTSUPP, "... is refused");
	ok(nr == 1 && findings[0].cause == CPU_CAUSE_EXCLUDED && findings[0].severity == FERRY_FINDING_REFUSE,
	   "... with the cause: cause %u of %u", findings[0].cause, nr);
	ok_eq((uint32_t)findings[0].host, cpu_policy_reg(&host, 1, 0, CPU_EAX), "... and the CPU's signature");
	diag("microcode 0x%x", (uint32_t)(findings[0].host >> 32));
	cpu_policy_find_mut(&policy, CPU_LEAF_EXCLUDED, 1)->reg[0] = 7;
	ok_eq(-set_policy(vm, &nr), EINVAL, "a reason that is no text is nonsense");
	/* Another family; its exclusion is carried along. */
	x.reg[CPU_EAX] += 1 << 8;
	policy = *good;
	cpu_exclusion_add(&policy, &x);
	kept = policy;
	ok_eq(set_policy(vm, &nr), 0, "one that excludes others is taken");
	get_policy(vm);
	ok(cpu_policy_equal(&policy, &kept), "... and kept");
	/* By microcode: the kernel's revision counts. */
	x.reg[CPU_EAX] -= 1 << 8;
	x.reg[CPU_ECX] = (uint32_t)(findings[0].host >> 32) + 1;
	policy = *good;
	cpu_exclusion_add(&policy, &x);
	ok_eq(-set_policy(vm, &nr), findings[0].host >> 32 ? 0 : EOPNOTSUPP,
	      "... as is one that excludes this CPU with newer microcode");
}

/* A promised rate: the host's own, and one that only a CPU that scales can keep. */
static void test_rate(int vm, const struct cpu_policy *good)
{
	struct ferry_info info = { .size = sizeof(info) };
	struct ferry_state_vmclock clock;
	struct ferry_state args = { .size = sizeof(args), .group = FERRY_STATE_VMCLOCK,
				    .length = sizeof(clock), .addr = (uintptr_t)&clock };
	struct cpu_settings s = cpu_policy_settings(good);
	bool scales;
	unsigned int nr;

	if (ioctl(t.dev, FERRY_GET_INFO, &info))
		bail_out("FERRY_GET_INFO");
	scales = info.caps & FERRY_CAP_TSC_SCALE;
	policy = *good;
	s.tsc_khz = info.tsc_khz + info.tsc_khz / 5000;
	cpu_policy_set_settings(&policy, &s);
	ok_eq(set_policy(vm, &nr), 0, "a promised rate 200 ppm from the host's");
	s.tsc_khz = info.tsc_khz * 2;
	cpu_policy_set_settings(&policy, &s);
	ok_eq(-set_policy(vm, &nr), scales ? 0 : EOPNOTSUPP, "twice the host's rate: the CPU %s",
	      scales ? "scales" : "does not scale");
	ok(scales || (nr == 1 && findings[0].detail == CPU_DETAIL_TSC && findings[0].host == info.tsc_khz),
	   "... refused with both rates");
	if (ioctl(vm, FERRY_GET_STATE, &args))
		bail_out("reading the VM's clock");
	ok_eq(clock.tsc_khz, scales ? s.tsc_khz : info.tsc_khz + info.tsc_khz / 5000,
	      "the VM's rate is what was promised");
	policy = *good;
	ok_eq(set_policy(vm, &nr), 0, "without a promise");
	ok(!ioctl(vm, FERRY_GET_STATE, &args) && clock.tsc_khz == info.tsc_khz, "... it is the host's");
}

static void test_set(void)
{
	struct ferry_create_vm create = { .size = sizeof(create), .name = "policy", .uuid = { 7 } };
	struct ferry_create_vcpu vcpu = { .size = sizeof(vcpu) };
	struct cpu_policy good;
	unsigned int nr;
	int vm;

	tiny_open(&t, 1 << 20);
	ok_eq(get_policy(t.vm), 0, "the policy can be read back");
	ok_eq(-set_policy(t.vm, &nr), EBUSY, "no other one once there is a vCPU");
	good = policy;
	tiny_close(&t);

	t.dev = open("/dev/ferry", O_RDWR | O_CLOEXEC);
	vm = ioctl(t.dev, FERRY_CREATE_VM, &create);
	ok_eq(-get_policy(vm), ENODATA, "a new VM has none");
	ok(ioctl(vm, FERRY_CREATE_VCPU, &vcpu) < 0 && errno == ENODATA, "and gets no vCPU without");

	/* Key Locker and fifty-two address bits: no host of this lab has both. */
	cpu_policy_find_mut(&policy, 7, 0)->reg[CPU_ECX] |= 1u << 23;
	cpu_policy_find_mut(&policy, 0x80000008, 0)->reg[CPU_EAX] |= 0x3f;
	cpu_policy_find_mut(&policy, 0x80000008, 0)->reg[CPU_EAX] &= 0xff34;
	ok_eq(-set_policy(vm, &nr), EOPNOTSUPP, "what this host lacks is refused");
	ok(found(nr, 7, 23) && found(nr, 0x80000008, 0xff), "with every reason, of %u", nr);
	/* What the CPU has and Ferry does not virtualise: SVM. */
	policy = good;
	cpu_policy_find_mut(&policy, 0x80000001, 0)->reg[CPU_ECX] |= 1u << 2;
	ok_eq(-set_policy(vm, &nr), EOPNOTSUPP, "what Ferry does not virtualise is refused");
	ok(found(nr, 0x80000001, 2), "by name");
	policy = good;
	policy.leaf[0].flags = 0xff;
	ok_eq(-set_policy(vm, &nr), EINVAL, "nonsense is nonsense");
	policy = good;
	policy.leaf[1] = policy.leaf[0];
	ok_eq(-set_policy(vm, &nr), EEXIST, "a leaf given twice is refused");
	policy = good;
	ok_eq(set_policy(vm, &nr), 0, "until the first vCPU it can be set");
	ok_eq(set_policy(vm, &nr), 0, "and set again");
	test_excluded(vm, &good);
	test_rate(vm, &good);
	close(vm);
}

/* -------------------------------------------------------------------- enforced */

/* With CR4.SMEP, EFER.NXE and AVX hidden, a guest cannot have them by asking the hardware. */
static void hide(void *host)
{
	struct cpu_set s;

	cpu_set_get(host, &s);
	cpu_set_put(&s, CPU_F_SMEP, false);
	cpu_set_put(&s, CPU_F_NX, false);
	cpu_set_put(&s, CPU_F_AVX, false);
	cpu_set_close(&s, &s);
	cpu_set_apply(host, &s);
}

TINY_SNIPPET(set_smep, 64, "mov %cr4, %rax; or $0x100000, %rax; mov %rax, %cr4\n" OUT);
TINY_SNIPPET(set_nx, 64, "mov $0xc0000080, %ecx; rdmsr; or $0x800, %eax; wrmsr\n" OUT);
TINY_SNIPPET(read_arch, 64, "mov $0x10a, %ecx; rdmsr\n" OUT);
TINY_SNIPPET(set_avx, 64,
	     "mov %cr4, %rax; or $0x40000, %rax; mov %rax, %cr4\n"
	     "xor %ecx, %ecx; xor %edx, %edx; mov $3, %eax; xsetbv; mov $7, %eax; xsetbv\n" OUT);

static void test_enforced(void)
{
	tiny_edit_host = hide;
	tiny_open(&t, 1 << 20);
	tiny_edit_host = NULL;
	TINY_LOAD(&t, TINY_64, set_smep);
	ok_gp(TINY_CS64, "CR4.SMEP is reserved when SMEP is hidden");
	TINY_LOAD(&t, TINY_64, set_nx);
	ok_gp(TINY_CS64, "EFER.NXE is reserved when NX is hidden");
	TINY_LOAD(&t, TINY_64, read_arch);
	ok_gp(TINY_CS64, "an MSR whose feature is hidden does not exist");
	get_policy(t.vm);
	if (!cpu_policy_has(&policy, CPU_F_XSAVE)) {
		skip("this CPU has no XSAVE", "XCR0[2] is reserved when AVX is hidden");
	} else if (on_qemu()) {
		skip("QEMU's TCG lets guests execute XSETBV", "XCR0[2] is reserved when AVX is hidden");
	} else {
		TINY_LOAD(&t, TINY_64, set_avx);
		ok_gp(TINY_CS64, "XCR0[2] is reserved when AVX is hidden");
	}
	tiny_close(&t);
}

/* ---------------------------------------------------------------- CPUID faulting */

#define USER                                                                                       \
	"mov $0x5000, %ebx; push $0x33; push %rbx; push $0x3002; push $0x2b\n"                     \
	"lea 1f(%rip), %rax; push %rax; iretq\n"                                                   \
	"1: xor %eax, %eax; xor %ecx, %ecx; cpuid; mov %ebx, %eax\n" OUT
#define KERNEL "xor %eax, %eax; cpuid; mov %ebx, %eax\n" OUT

TINY_SNIPPET(no_fault, 64, USER);
TINY_SNIPPET(fault_amd, 64,
	     "mov $0xc0010015, %ecx; rdmsr; or $8, %edx; wrmsr; rdmsr; mov %edx, %eax\n" OUT KERNEL USER);
TINY_SNIPPET(fault_intel, 64,
	     "mov $0xce, %ecx; rdmsr; shr $31, %eax\n" OUT
	     "mov $0x140, %ecx; mov $1, %eax; xor %edx, %edx; wrmsr; rdmsr\n" OUT KERNEL USER);
TINY_SNIPPET(again, 64, KERNEL USER);
TINY_SNIPPET(intel_bad, 64, "mov $0x140, %ecx; mov $2, %eax; xor %edx, %edx; wrmsr\n" OUT);

static void be(void *host, const u32 vendor[3])
{
	/* What one vendor's identity leaves unmitigated on the other's host is of no interest here. */
	struct cpu_settings s = { .flags = CPU_POLICY_CROSS_VENDOR,
				  .accepted = (1u << CPU_NR_VULNS) - 1 };
	u32 *name = &cpu_policy_find_mut(host, 0, 0)->reg[CPU_EBX];

	if (!memcmp(name, vendor, 12))
		return;
	memcpy(name, vendor, 12);
	cpu_policy_set_settings(host, &s);
}

static void be_intel(void *host)
{
	static const u32 intel[3] = { 0x756e6547, 0x6c65746e, 0x49656e69 };

	be(host, intel);
}

static void be_amd(void *host)
{
	static const u32 amd[3] = { 0x68747541, 0x444d4163, 0x69746e65 };

	be(host, amd);
}

static void test_faulting(bool intel)
{
	struct ferry_state_msrs *msrs = calloc(1, 65536);
	uint32_t vendor = intel ? 0x756e6547 : 0x68747541;
	struct ferry_state args = { .size = sizeof(args), .group = FERRY_STATE_MSRS, .length = 65536,
				    .addr = (uintptr_t)msrs };
	uint32_t i;

	tiny_edit_host = intel ? be_intel : be_amd;
	tiny_open(&t, 1 << 20);
	tiny_edit_host = NULL;
	get_policy(t.vm);
	ok(cpu_policy_has(&policy, intel ? CPU_F_CPUID_FAULTING : CPU_F_CPUID_USER_DIS),
	   "%s's CPUID faulting is offered", intel ? "Intel" : "AMD");
	TINY_LOAD(&t, TINY_64, no_fault);
	ok_eq(out_value(), vendor, "without it user programs execute CPUID");
	if (intel) {
		TINY_LOAD(&t, TINY_64, intel_bad);
		ok_gp(TINY_CS64, "no other bit of MSR 0x140 exists");
		TINY_LOAD(&t, TINY_64, fault_intel);
		ok_eq(out_value(), 1, "MSR 0xce says that it is there");
		ok_eq(out_value(), 1, "MSR 0x140 switches it on");
	} else {
		TINY_LOAD(&t, TINY_64, fault_amd);
		ok_eq(out_value(), 8, "HWCR[35] switches it on");
	}
	ok_eq(out_value(), vendor, "the kernel may still execute CPUID");
	ok_gp(TINY_USER_CS64, "a user program gets #GP(0)");

	/* Save, switch off, load: it is on again. */
	if (ioctl(t.vcpu, FERRY_GET_STATE, &args))
		bail_out("reading MSRs");
	for (i = 0; i < msrs->nr; i++)
		if (msrs->msr[i].index == (intel ? 0x140 : 0xc0010015))
			break;
	ok(i < msrs->nr, "it is part of the VM's state");
	if (i < msrs->nr) {
		u64 kept = msrs->msr[i].value;

		msrs->msr[i].value = 0;
		ok(!ioctl(t.vcpu, FERRY_SET_STATE, &args), "state without it is loaded");
		TINY_LOAD(&t, TINY_64, no_fault);
		ok_eq(out_value(), vendor, "and user programs execute CPUID");
		msrs->msr[i].value = kept;
		ok(!ioctl(t.vcpu, FERRY_SET_STATE, &args), "state with it is loaded");
		TINY_LOAD(&t, TINY_64, again);
		ok_eq(out_value(), vendor, "the kernel executes CPUID");
		ok_gp(TINY_USER_CS64, "and a user program gets #GP(0) again");
	}
	tiny_close(&t);
	free(msrs);
}

/* ------------------------------------------------------------------ the record */

static int vm_state(unsigned long call, struct ferry_state_seen *s, uint32_t length)
{
	struct ferry_state args = { .size = sizeof(args), .group = FERRY_STATE_SEEN, .length = length,
				    .addr = (uintptr_t)s };

	return ioctl(t.vm, call, &args) ? -errno : 0;
}

static bool shown(const struct ferry_state_seen *s, u32 leaf, u32 subleaf)
{
	const struct cpu_leaf *l = cpu_policy_find(&policy, leaf, subleaf);
	unsigned int i = l ? l - policy.leaf : 0;

	return l && (s->cpuid[i / 64] >> (i % 64) & 1);
}

TINY_SNIPPET(ask, 64,
	     "mov $7, %eax; xor %ecx, %ecx; cpuid; mov $0x80000001, %eax; cpuid\n"
	     "mov $2, %ebp; 2: mov $0x80000002, %eax; cpuid; dec %ebp; jnz 2b\n"
	     "mov %cr4, %rax; mov %rax, %rbx; or $4, %rax; mov %rax, %cr4; mov %rbx, %cr4\n" OUT);

static void test_record(void)
{
	struct ferry_state_seen s, more = { 0 };

	tiny_open(&t, 1 << 20);
	get_policy(t.vm);
	ok_eq(vm_state(FERRY_GET_STATE, &s, sizeof(s)), 0, "the record can be read");
	ok(!s.cpuid[0] && !s.cpuid[1] && !s.cpuid[2] && !s.cpuid[3] && !s.msrs,
	   "before the guest asks nothing was shown");
	TINY_LOAD(&t, TINY_64, ask);
	out_value();
	vm_state(FERRY_GET_STATE, &s, sizeof(s));
	ok(shown(&s, 7, 0) && shown(&s, 0x80000001, 0) && shown(&s, 0x80000002, 0),
	   "what it asked for was shown");
	ok(!shown(&s, 1, 0) && !shown(&s, 0, 0) && !shown(&s, 0x80000003, 0), "and nothing else");
	ok(s.cr4 & 4, "a bit of CR4 set for a moment stays seen");
	ok(!(s.cr4 & 0x100000) && (s.efer & 0x400), "others were not, or were, as they are");

	more.cr4 = 1 << 11;
	more.xcr0 = 4;
	more.cpuid[0] = 1;
	ok_eq(vm_state(FERRY_SET_STATE, &more, sizeof(more)), 0, "what it saw elsewhere is added");
	vm_state(FERRY_GET_STATE, &s, sizeof(s));
	ok((s.cr4 & 0x804) == 0x804 && (s.xcr0 & 4) && shown(&s, 0, 0) && shown(&s, 7, 0),
	   "to what it saw here");
	more.cpuid[3] = 1ull << 63;
	ok_eq(-vm_state(FERRY_SET_STATE, &more, sizeof(more)), EINVAL, "beyond the policy is nothing");
	more.cpuid[3] = 0;
	more.reserved[2] = 1;
	ok_eq(-vm_state(FERRY_SET_STATE, &more, sizeof(more)), EINVAL, "reserved fields are zero");
	ok_eq(-vm_state(FERRY_SET_STATE, &more, 8), EINVAL, "a short record is none");
	tiny_close(&t);
}

int main(void)
{
	test_set();
	test_enforced();
	test_faulting(false);
	test_faulting(true);
	test_record();
	return done();
}
