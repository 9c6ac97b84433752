// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM beside us. Whoever comes second is refused or waits, is told why, and harms nobody: KVM that
 * comes while guests of ours run stops them at their next entry, with all their state; they can be
 * suspended, and go on when it has gone. KVM's guests never notice.
 *
 * KVM has to find every CPU free when it comes, in the middle of a busy guest's run as well: with two
 * host CPUs it does so by interrupting them.
 *
 * Debian's 6.1 has KVM own the CPUs while it has a VM, 6.12 from load to unload.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../lib/hv.h"
#include "../lib/tiny.h"
#include "../unit/tap.h"

#define ROUNDS 5

TINY_SNIPPET(count, 64,
	     "1: incq 0x100000; mov 0x100000, %eax; out %eax, $0xf1; jmp 1b");
TINY_SNIPPET(spin, 64, TINY_LOOPS "1: incq 0x100000; jmp 1b");

static const char *module;

static int sh(const char *format, const char *word)
{
	char line[200];

	snprintf(line, sizeof(line), format, word);
	return system(line);
}

static bool load_kvm(void)
{
	return !sh("modprobe %s", module);
}

static void unload_kvm(void)
{
	sh("rmmod %s; rmmod kvm", module);
}

/* Does the kernel log have it, after what was there at the last call? */
static bool log_says(const char *what)
{
	static unsigned int mark;
	char line[200];
	bool found;

	snprintf(line, sizeof(line), "dmesg | awk '/test mark %u$/ { on = 1 } on' | grep -q 'ferry: .*%s'",
		 mark, what);
	found = !system(line);
	snprintf(line, sizeof(line), "echo test mark %u >/dev/kmsg", ++mark);
	return !system(line) && found;
}

static int create_vm(void)
{
	struct ferry_create_vm args = { .size = sizeof(args), .name = "late", .uuid = { 2 } };
	int dev = open("/dev/ferry", O_RDWR | O_CLOEXEC);
	int vm = ioctl(dev, FERRY_CREATE_VM, &args);
	int err = vm < 0 ? -errno : 0;

	if (vm >= 0)
		close(vm);
	close(dev);
	return err;
}

/* The guest counts on, from *at. */
static bool counts(struct tiny *t, unsigned int *at)
{
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		int why = tiny_run(t);

		if (why != FERRY_EXIT_IO || tiny_out(t) != ++*at) {
			diag("exit %d, %u instead of %u", why, tiny_out(t), *at);
			return false;
		}
	}
	return true;
}

/* ------------------------------------------------------------------------ KVM's VM */

static struct hv kvm;

static bool kvm_begins(void)
{
	memset(&kvm, 0, sizeof(kvm));
	kvm.ops = &hv_kvm;
	kvm.size = 4 << 20;
	if (!hv_kvm.open(&kvm)) {
		diag("KVM: %s", kvm.why);
		return false;
	}
	hv_load(&kvm, count_begin, count_end - count_begin);
	return hv_kvm.start(&kvm);
}

static bool kvm_counts(unsigned int *at)
{
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		uint32_t got = 0;

		if (hv_kvm.run(&kvm) != HV_PORT_ACCESS) {
			diag("KVM: %s", kvm.why);
			return false;
		}
		memcpy(&got, kvm.port_data, sizeof(got));
		if (got != ++*at)
			return false;
	}
	return true;
}

/* --------------------------------------------------------------- a guest that is busy */

struct busy {
	struct tiny t;
	pthread_t thread;
	int why;
	atomic_bool ended;
};

static void *busy_thread(void *arg)
{
	struct busy *b = arg;

	struct ferry_vcpu_run args = { .size = sizeof(args) };

	/* A spinning guest ends no run by itself. KVM's worker threads begin with signals to all. */
	do
		b->why = ioctl(b->t.vcpu, FERRY_RUN, &args) ? -errno : (int)b->t.run->exit_reason;
	while (b->why == -EINTR);
	b->ended = true;
	return NULL;
}

static void busy_start(struct busy *b)
{
	b->ended = false;
	pthread_create(&b->thread, NULL, busy_thread, b);
}

static uint64_t busy_count(struct busy *b)
{
	return *(volatile uint64_t *)(b->t.mem + TINY_DATA);
}

/* ---------------------------------------------------------------------------- files */

static int call(int vm, unsigned long request, struct ferry_migrate *m)
{
	m->size = sizeof(*m);
	return ioctl(vm, request, m) ? -errno : 0;
}

/* Suspend: what a VM whose hardware is gone can always do. */
static int suspend(struct tiny *t, int fd)
{
	struct ferry_migrate m = { .flags = FERRY_MIGRATE_FILE | FERRY_MIGRATE_VERIFY, .fd = fd,
				   .definition = (uintptr_t)"tiny", .definition_length = 4 };

	return call(t->vm, FERRY_MIGRATE_SEND, &m) ?: call(t->vm, FERRY_MIGRATE_FINISH, &m);
}

static int resume(struct tiny *t, int fd)
{
	struct ferry_create_vm vm = { .size = sizeof(vm), .flags = FERRY_VM_INCOMING, .name = "back",
					.uuid = { 1 } }; /* as tiny_open() has it */
	struct ferry_create_vcpu vcpu = { .size = sizeof(vcpu) };
	char definition[16];
	struct ferry_migrate m = { .flags = FERRY_MIGRATE_FILE, .fd = fd,
				   .definition = (uintptr_t)definition,
				   .definition_length = sizeof(definition) };
	int err;

	memset(t, 0, sizeof(*t));
	t->size = 2 << 20;
	t->dev = open("/dev/ferry", O_RDWR | O_CLOEXEC);
	t->vm = ioctl(t->dev, FERRY_CREATE_VM, &vm);
	if (t->vm < 0)
		return -errno;
	err = call(t->vm, FERRY_MIGRATE_RECEIVE, &m);
	if (err)
		return err;
	t->vcpu = ioctl(t->vm, FERRY_CREATE_VCPU, &vcpu);
	if (t->vcpu < 0)
		return -errno;
	err = call(t->vm, FERRY_MIGRATE_RECEIVE, &m) ?: call(t->vm, FERRY_MIGRATE_CONFIRM, &m);
	if (err)
		return err;
	t->mem = mmap(NULL, t->size, PROT_READ | PROT_WRITE, MAP_SHARED, t->vm, 0);
	t->run = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, t->vcpu, 0);
	return 0;
}

/* ---------------------------------------------------------------------------- tests */

static struct tiny t;
static struct busy busy[2];
static unsigned int ours, theirs;

/* KVM takes the hardware under three VMs: one between two runs, two in the middle of theirs. */
static void test_kvm_comes(void)
{
	struct ferry_state_general before, after;
	uint64_t count;
	int file, i, why;

	log_says("anything");
	tiny_open(&t, 2 << 20);
	TINY_LOAD(&t, TINY_64, count);
	ok(counts(&t, &ours), "a guest counts");
	for (i = 0; i < 2; i++) {
		tiny_open(&busy[i].t, 2 << 20);
		TINY_LOAD(&busy[i].t, TINY_64, spin);
		busy_start(&busy[i]);
	}
	usleep(50000);
	ok(load_kvm(), "%s loads beside busy guests", module);
	ok(kvm_begins(), "KVM makes a VM");
	theirs = 0;
	ok(kvm_counts(&theirs), "KVM's guest counts");
	for (i = 0; i < 200 && !(busy[0].ended && busy[1].ended); i++)
		usleep(20000);
	for (i = 0; i < 2; i++) {
		ok(busy[i].ended, "busy guest %d stops at its next entry", i);
		pthread_join(busy[i].thread, NULL);
		ok_eq(busy[i].why, FERRY_EXIT_HARDWARE_TAKEN, "... with HARDWARE-TAKEN");
	}
	ok(log_says(module), "the kernel log names %s", module);
	count = busy_count(&busy[0]);
	ok(count > 0, "it had run before");
	for (i = 0; i < ROUNDS; i++) {
		why = tiny_run(&t);
		if (why != FERRY_EXIT_HARDWARE_TAKEN || !kvm_counts(&theirs))
			break;
		if (!i)
			before = tiny_regs(&t); /* the last port access is over now */
	}
	ok_eq(i, ROUNDS, "runs end so again and again, and KVM's guest counts in between");
	after = tiny_regs(&t);
	ok(!memcmp(&before, &after, sizeof(before)), "the registers are there to be read, and the same");
	ok_eq(create_vm(), -EBUSY, "no new VM can be made");
	ok(log_says(module), "the kernel log names %s", module);

	file = open("/tmp/neighbour.state", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ok_eq(suspend(&busy[0].t, file), 0, "a VM can be moved away (to a file)");
	tiny_close(&busy[0].t);
	ok(kvm_counts(&theirs), "KVM's guest counts");
	hv_kvm.close(&kvm);
	unload_kvm();

	ok(counts(&t, &ours), "without KVM the guest counts on where it was");
	lseek(file, 0, SEEK_SET);
	ok_eq(resume(&busy[0].t, file), 0, "what was moved away comes back");
	close(file);
	ok_eq(busy_count(&busy[0]), count, "... as it was");
	for (i = 0; i < 2; i++) {
		count = busy_count(&busy[i]);
		why = tiny_run_ms(&busy[i].t, 100);
		ok(busy_count(&busy[i]) > count, "busy guest %d goes on (%d)", i, why);
		tiny_close(&busy[i].t);
	}
}

/* The reverse order; and many times in turn where KVM gives the hardware back with its last VM. */
static void test_kvm_first(void)
{
	int i, err;

	if (!load_kvm() || !kvm_begins()) {
		ok(false, "KVM comes first");
		return;
	}
	log_says("anything");
	theirs = 0;
	ok(kvm_counts(&theirs), "KVM's guest counts");
	ok_eq(create_vm(), -EBUSY, "KVM was first: no VM of ours");
	ok(log_says(module), "the kernel log names %s", module);
	ok(kvm_counts(&theirs), "KVM's guest counts on");
	hv_kvm.close(&kvm);
	err = create_vm();
	if (err == -EBUSY) {
		skip("KVM keeps the hardware while it is loaded", "taking turns");
	} else {
		for (i = 0; i < ROUNDS; i++) {
			theirs = 0;
			if (!counts(&t, &ours) || !kvm_begins() || !kvm_counts(&theirs))
				break;
			hv_kvm.close(&kvm);
		}
		ok_eq(i, ROUNDS, "guests of both take turns");
	}
	unload_kvm();
	ok_eq(create_vm(), 0, "without KVM we make VMs again");
	ok(counts(&t, &ours), "and the first guest counts on");
	tiny_close(&t);
}

int main(void)
{
	module = !system("grep -qw svm /proc/cpuinfo") ? "kvm_amd" : "kvm_intel";
	test_kvm_comes();
	test_kvm_first();
	return done();
}
