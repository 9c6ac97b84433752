// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every ioctl called wrongly: sizes, flags, reserved fields, addresses, files, order, descriptors, twice,
 * by two threads, while the file goes. Each has the errno that uapi/linux/ferry.h promises, and none
 * leaves anything behind: the lab looks at the kernel's log and unloads the module afterwards.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../lib/freemem.h"
#include "../lib/tiny.h"
#include "../unit/tap.h"

#define PAGE 4096UL
#define MIB (1UL << 20)

enum file { DEV, VM, VCPU, FILES };

/* Every call there is. @out: the struct is written on success. */
static const struct call {
	const char *name;
	enum file file;
	unsigned long request;
	size_t size;
	bool out;
} calls[] = {
#define CALL(file, name, type, out) { #name, file, FERRY_##name, sizeof(struct ferry_##type), out }
	CALL(DEV, GET_INFO, info, true),
	CALL(DEV, CREATE_VM, create_vm, false),
	CALL(VM, SET_POLICY, policy, false),
	CALL(VM, GET_POLICY, policy, false),
	CALL(VM, SET_MEMORY, memory, false),
	CALL(VM, DIRTY, dirty, false),
	CALL(VM, IRQ_LINE, irq_line, false),
	CALL(VM, MSI, msi, false),
	CALL(VM, IRQFD, irqfd, false),
	CALL(VM, IOEVENTFD, ioeventfd, false),
	CALL(VM, PAUSE, pause, false),
	CALL(VM, CONTINUE, pause, false),
	CALL(VM, GET_STATS, stats, true),
	CALL(VM, GET_EXIT_NAME, exit_name, true),
	CALL(VM, GET_EMULATED, emulated, false),
	CALL(VM, CREATE_VCPU, create_vcpu, false),
	CALL(VM, GET_STATE, state, false),
	CALL(VM, SET_STATE, state, false),
	CALL(VM, MIGRATE_SEND, migrate, false),
	CALL(VM, MIGRATE_FINISH, migrate, false),
	CALL(VM, MIGRATE_RECEIVE, migrate, false),
	CALL(VM, MIGRATE_ACCEPT, migrate, false),
	CALL(VM, MIGRATE_CONFIRM, migrate, false),
	CALL(VM, MIGRATE_ABORT, migrate, false),
	CALL(VM, MIGRATE_RESOLVE, migrate_resolve, false),
	CALL(VM, MIGRATE_STATUS, migrate_status, true),
	CALL(VCPU, RUN, vcpu_run, false),
	CALL(VCPU, NMI, nmi, false),
	CALL(VCPU, TRANSLATE, translate, true),
	CALL(VCPU, GET_STATE, state, false),
	CALL(VCPU, SET_STATE, state, false),
#undef CALL
};
#define NR_CALLS (sizeof(calls) / sizeof(calls[0]))

static int result(int fd, unsigned long request, void *arg)
{
	int ret = ioctl(fd, request, arg);

	return ret < 0 ? -errno : ret;
}

/* -------------------------------------------------- what the dispatcher must catch */

/* @bytes at the end of a page behind which nothing is. */
static uint8_t *edge(size_t bytes)
{
	static uint8_t *p;

	if (!p) {
		p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		munmap(p + 3 * PAGE, PAGE);
	}
	memset(p, 0, 3 * PAGE);
	return p + 3 * PAGE - bytes;
}

static bool known(enum file file, unsigned long request)
{
	size_t i;

	for (i = 0; i < NR_CALLS; i++)
		if (calls[i].file == file && calls[i].request == request)
			return true;
	return false;
}

static void test_heads(const int fd[FILES])
{
	size_t i;

	for (i = 0; i < NR_CALLS; i++) {
		const struct call *c = &calls[i];
		uint8_t *whole = edge(c->size), *more;
		uint32_t *head = (uint32_t *)whole;
		int file = fd[c->file], bad = 0;
		enum file other;

#define WANT(what, got, want)                                                                      \
	do {                                                                                       \
		int _got = (got);                                                                  \
		if (_got != (want)) {                                                              \
			diag("%s: %d, not %d", what, _got, (want));                                \
			bad++;                                                                     \
		}                                                                                  \
	} while (0)
		WANT("size 0", result(file, c->request, head), -EINVAL);
		head[0] = c->size - 1;
		WANT("a byte too few", result(file, c->request, head), -EINVAL);
		head[0] = 2 * PAGE;
		WANT("two pages", result(file, c->request, head), -E2BIG);
		head[0] = ~0U;
		WANT("4 GiB", result(file, c->request, head), -E2BIG);
		head[0] = c->size;
		head[1] = 1U << 31;
		WANT("an unknown flag", result(file, c->request, head), -EINVAL);
		WANT("no address", result(file, c->request, NULL), -EFAULT);
		WANT("a kernel address", result(file, c->request, (void *)0xffff888000000000UL),
		     -EFAULT);
		more = edge(c->size + 8);
		((uint32_t *)more)[0] = c->size + 8;
		more[c->size + 7] = 1;
		WANT("a longer struct that asks for something", result(file, c->request, more),
		     -E2BIG);
		more = edge(c->size - 4);
		((uint32_t *)more)[0] = c->size;
		WANT("half outside", result(file, c->request, more), -EFAULT);
		for (other = DEV; other < FILES; other++)
			if (!known(other, c->request))
				WANT("another file", result(fd[other], c->request, edge(c->size)),
				     -ENOTTY);
		if (c->out) {
			uint32_t *ro = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
					    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

			ro[0] = c->size;
			WANT("all well", result(file, c->request, ro), 0);
			mprotect(ro, PAGE, PROT_READ);
			WANT("an answer to read-only memory", result(file, c->request, ro), -EFAULT);
			munmap(ro, PAGE);
		}
		ok(!bad, "FERRY_%s: size, flags, addresses, file", c->name);
	}
	ok_eq(result(fd[VM], _IO(FERRY_IOC, 0xff), edge(8)), -ENOTTY, "no such call");
	ok_eq(result(fd[VM], _IO('f', 0x20), edge(8)), -ENOTTY, "somebody else's call");
	ok(read(fd[VM], edge(8), 8) < 0 && write(fd[VCPU], edge(8), 8) < 0, "no file to read or write");
	ok(mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd[VCPU], 0) == MAP_FAILED &&
	   mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd[VCPU], 0) == MAP_FAILED &&
	   mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd[VCPU], PAGE) == MAP_FAILED &&
	   mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd[DEV], 0) == MAP_FAILED,
	   "nothing to map but one run page, shared");
}

/* ------------------------------------------------------------ contents, call by call */

static int create_vm(int dev, void (*edit)(struct ferry_create_vm *))
{
	struct ferry_create_vm vm = { .size = sizeof(vm), .name = "misuse", .uuid = { 3 } };
	int fd;

	if (edit)
		edit(&vm);
	fd = result(dev, FERRY_CREATE_VM, &vm);
	return fd;
}

static void no_uuid(struct ferry_create_vm *vm)
{
	memset(vm->uuid, 0, sizeof(vm->uuid));
}

static void endless_name(struct ferry_create_vm *vm)
{
	memset(vm->name, 'x', sizeof(vm->name));
}

static void reserved_set(struct ferry_create_vm *vm)
{
	vm->reserved[1] = 1;
}

static int create_vcpu(int vm, uint32_t id, uint32_t reserved)
{
	struct ferry_create_vcpu c = { .size = sizeof(c), .id = id, .reserved = reserved };

	return result(vm, FERRY_CREATE_VCPU, &c);
}

static int state(int fd, unsigned long request, uint32_t group, void *addr, uint32_t length)
{
	struct ferry_state s = { .size = sizeof(s), .group = group, .length = length,
				 .addr = (uintptr_t)addr };

	return result(fd, request, &s);
}

static int policy(int vm, unsigned long request, struct ferry_policy p)
{
	p.size = sizeof(p);
	return result(vm, request, &p);
}

static int dirty(int vm, uint32_t op, uint32_t region, void *bitmap, uint64_t bytes)
{
	struct ferry_dirty d = { .size = sizeof(d), .op = op, .region = region,
				 .bitmap = (uintptr_t)bitmap, .bitmap_bytes = bytes };
	int ret = result(vm, FERRY_DIRTY, &d);

	return ret ?: (int)d.nr_dirty;
}

static int irqfd(int vm, int fd, uint32_t gsi, uint32_t flags)
{
	struct ferry_irqfd i = { .size = sizeof(i), .flags = flags, .fd = fd, .gsi = gsi };

	return result(vm, FERRY_IRQFD, &i);
}

static int ioeventfd(int vm, int fd, uint64_t addr, uint32_t len, uint32_t flags)
{
	struct ferry_ioeventfd i = { .size = sizeof(i), .flags = flags, .addr = addr, .len = len,
				     .fd = fd, .datamatch = 0x1ff };

	return result(vm, FERRY_IOEVENTFD, &i);
}

static int pause_vm(int vm, unsigned long request)
{
	struct ferry_pause p = { .size = sizeof(p) };

	return result(vm, request, &p);
}

/* Before there is a policy. */
static void test_order(int dev)
{
	struct ferry_cpuid_entry e = { 0 };
	int vm = create_vm(dev, NULL);

	ok_eq(create_vm(dev, no_uuid), -EINVAL, "a VM without identity");
	ok_eq(create_vm(dev, endless_name), -EINVAL, "a name that does not end");
	ok_eq(create_vm(dev, reserved_set), -EINVAL, "reserved fields of a VM");
	ok_eq(create_vcpu(vm, 0, 0), -ENODATA, "a vCPU before the policy");
	ok_eq(policy(vm, FERRY_GET_POLICY, (struct ferry_policy){}), -ENODATA, "no policy to get");
	ok_eq(policy(vm, FERRY_SET_POLICY, (struct ferry_policy){}), -EINVAL, "an empty policy");
	ok_eq(policy(vm, FERRY_SET_POLICY, (struct ferry_policy){ .nr_cpuid = 1 << 30 }), -EINVAL,
	      "a policy of a thousand million leaves");
	ok_eq(policy(vm, FERRY_SET_POLICY, (struct ferry_policy){ .nr_cpuid = 1, .cpuid = 8 }),
	      -EFAULT, "a policy at a bad address");
	ok_eq(policy(vm, FERRY_SET_POLICY,
		     (struct ferry_policy){ .nr_cpuid = 1, .cpuid = (uintptr_t)&e, .reserved = 1 }),
	      -EINVAL, "reserved fields of a policy");
	ok_eq(dirty(vm, FERRY_DIRTY_HARVEST, 0, &e, 8), -ENOENT, "a harvest of no region");
	ok_eq(dirty(vm, FERRY_DIRTY_STOP, 0, NULL, 0), -ENOENT, "no log to stop");
	ok_eq(dirty(vm, 9, 0, NULL, 0), -EINVAL, "an unknown operation");
	ok_eq(pause_vm(vm, FERRY_CONTINUE), -EALREADY, "CONTINUE without PAUSE");
	ok_eq(pause_vm(vm, FERRY_PAUSE), 0, "PAUSE without a vCPU");
	ok_eq(pause_vm(vm, FERRY_PAUSE), -EALREADY, "PAUSE twice");
	close(vm);
}

static void test_states(struct tiny *t)
{
	static uint8_t buf[16384];
	struct ferry_state_events ev = { 0 };
	uint32_t group, bad = 0;

	for (group = 0; group < 70; group++) {
		bool cpu = group >= FERRY_STATE_GENERAL && group <= FERRY_STATE_VCPU_LAST;
		bool vm = group >= FERRY_STATE_VM_FIRST && group <= FERRY_STATE_VM_LAST;

		if (!cpu)
			bad += state(t->vcpu, FERRY_GET_STATE, group, buf, sizeof(buf)) != -EINVAL;
		if (!vm)
			bad += state(t->vm, FERRY_GET_STATE, group, buf, sizeof(buf)) != -EINVAL;
		if (cpu || vm) {
			int fd = cpu ? t->vcpu : t->vm;

			bad += state(fd, FERRY_GET_STATE, group, buf, 0) != -ENOSPC;
			bad += state(fd, FERRY_GET_STATE, group, (void *)8, sizeof(buf)) != -EFAULT;
			bad += state(fd, FERRY_SET_STATE, group, buf, 0) != -EINVAL;
			bad += state(fd, FERRY_SET_STATE, group, buf, 8192) != -EINVAL;
			bad += state(fd, FERRY_SET_STATE, group, buf, sizeof(buf)) != -EINVAL;
			bad += state(fd, FERRY_SET_STATE, group, (void *)8, 64) != -EFAULT;
		}
		if (bad == 1)
			diag("group %u", group);
	}
	ok_eq(bad, 0, "state groups: of the other file, unknown, too short, too long, at bad addresses");
	ev.pending = (struct ferry_event_state){ .type = FERRY_EVENT_EXCEPTION, .vector = 22 };
	ok_eq(tiny_set(t, FERRY_STATE_EVENTS, &ev, sizeof(ev)), -EINVAL, "an exception there is not");
	ev.pending.vector = 6;
	ev.pending.flags = FERRY_EVENT_HAS_ERROR;
	ok_eq(tiny_set(t, FERRY_STATE_EVENTS, &ev, sizeof(ev)), -EINVAL, "#UD with an error code");
	ev.pending.vector = 13;
	ok_eq(tiny_set(t, FERRY_STATE_EVENTS, &ev, sizeof(ev)), 0, "#GP with one");
	memset(&ev, 0, sizeof(ev));
	tiny_set(t, FERRY_STATE_EVENTS, &ev, sizeof(ev));
}

static void test_contents(struct tiny *t)
{
	uint64_t bitmap[8] = { 0 };
	int null = open("/dev/null", O_RDWR), ev = eventfd(0, 0), other = eventfd(0, 0), i, fd, bad = 0;
	struct ferry_irq_line line = { .size = sizeof(line), .gsi = 24 };
	struct ferry_msi msi = { .size = sizeof(msi), .address = 0x1000 };
	struct ferry_exit_name name = { .size = sizeof(name), .index = 1000 };
	struct ferry_memory m = { .size = sizeof(m), .region = 3, .gpa = MIB << 10, .length = PAGE };

	ok_eq(create_vcpu(t->vm, 0, 0), -EEXIST, "a vCPU twice");
	ok_eq(create_vcpu(t->vm, FERRY_MAX_VCPUS, 0), -EINVAL, "a vCPU number too high");
	ok_eq(create_vcpu(t->vm, 1, 1), -EINVAL, "reserved fields of a vCPU");
	ok_eq(policy(t->vm, FERRY_SET_POLICY, (struct ferry_policy){}), -EBUSY,
	      "another policy once there is a vCPU");
	ok_eq(policy(t->vm, FERRY_GET_POLICY, (struct ferry_policy){}), -ENOSPC, "no room for it");
	ok_eq(policy(t->vm, FERRY_GET_POLICY, (struct ferry_policy){ .nr_cpuid = 256, .nr_msrs = 64,
								     .cpuid = 8, .msrs = 8 }),
	      -EFAULT, "room at a bad address");
	ok_eq(result(t->vm, FERRY_IRQ_LINE, &line), -EINVAL, "a line that does not exist");
	line = (struct ferry_irq_line){ .size = sizeof(line), .level = 2 };
	ok_eq(result(t->vm, FERRY_IRQ_LINE, &line), -EINVAL, "a level between");
	ok_eq(result(t->vm, FERRY_MSI, &msi), -EINVAL, "a message to memory");
	msi.address = 0xfee00000;
	msi.reserved = 1;
	ok_eq(result(t->vm, FERRY_MSI, &msi), -EINVAL, "reserved fields of a message");
	ok_eq(result(t->vm, FERRY_GET_EXIT_NAME, &name), -ENOENT, "the thousandth exit");

	ok_eq(irqfd(t->vm, -1, 1, 0), -EBADF, "irqfd: no descriptor");
	ok_eq(irqfd(t->vm, null, 1, 0), -EINVAL, "irqfd: not an eventfd");
	ok_eq(irqfd(t->vm, ev, 24, 0), -EINVAL, "irqfd: no such line");
	ok_eq(irqfd(t->vm, ev, 1, FERRY_EVENTFD_DEASSIGN), -ENOENT, "irqfd: nothing to remove");
	ok_eq(irqfd(t->vm, ev, 1, 0), 0, "irqfd");
	ok_eq(irqfd(t->vm, ev, 2, 0), -EBUSY, "irqfd: twice");
	ok_eq(irqfd(t->vm, ev, 2, FERRY_EVENTFD_DEASSIGN), -ENOENT, "irqfd: another line's");
	ok_eq(irqfd(t->vm, ev, 1, FERRY_EVENTFD_DEASSIGN), 0, "irqfd: removed");
	for (i = 0; i < 300; i++) {
		fd = eventfd(0, 0);
		bad += irqfd(t->vm, fd, i % 24, 0) != 0;
		close(fd); /* the module must let go of it */
	}
	ok_eq(bad, 0, "irqfd: closed without being removed, 300 times");
	ok_eq(ioeventfd(t->vm, null, 0x100, 1, 0), -EINVAL, "ioeventfd: not an eventfd");
	ok_eq(ioeventfd(t->vm, ev, 0x100, 3, 0), -EINVAL, "ioeventfd: three bytes");
	ok_eq(ioeventfd(t->vm, ev, 0xffff, 2, FERRY_IOEVENTFD_PIO), -EINVAL, "ioeventfd: past all ports");
	ok_eq(ioeventfd(t->vm, ev, ~0ULL, 2, 0), -EINVAL, "ioeventfd: past all addresses");
	ok_eq(ioeventfd(t->vm, ev, 0x100, 1, FERRY_IOEVENTFD_DATAMATCH), -EINVAL,
	      "ioeventfd: data wider than the access");
	ok_eq(ioeventfd(t->vm, ev, 0x100, 2, 0), 0, "ioeventfd");
	ok_eq(ioeventfd(t->vm, other, 0x100, 0, 0), -EEXIST, "ioeventfd: twice");
	ok_eq(ioeventfd(t->vm, other, 0x100, 2, FERRY_EVENTFD_DEASSIGN), -ENOENT,
	      "ioeventfd: another's");
	for (i = 0; i < 300 && !ioeventfd(t->vm, ev, 0x1000 + 8 * i, 8, 0); i++)
		;
	ok_eq(i, 255, "ioeventfd: as many as there may be");

	ok_eq(dirty(t->vm, FERRY_DIRTY_START, 0, NULL, 0), 0, "a log");
	ok_eq(dirty(t->vm, FERRY_DIRTY_START, 0, NULL, 0), -EBUSY, "a log twice");
	ok_eq(result(t->vm, FERRY_SET_MEMORY, &m), -EBUSY, "memory while there is a log");
	ok_eq(dirty(t->vm, FERRY_DIRTY_HARVEST, 1, bitmap, 64), -ENOENT, "a harvest elsewhere");
	ok_eq(dirty(t->vm, FERRY_DIRTY_HARVEST, 0, bitmap, 8), -EINVAL, "no room for it");
	ok_eq(dirty(t->vm, FERRY_DIRTY_HARVEST, 0, (void *)8, 64), -EFAULT, "room at a bad address");
	ok_eq(dirty(t->vm, FERRY_DIRTY_HARVEST, 0, bitmap, 64), 2 * MIB / PAGE,
	      "... loses nothing: all is still dirty");
	ok_eq(dirty(t->vm, FERRY_DIRTY_STOP, 0, NULL, 0), 0, "stopped");
	close(null);
	close(other);
	close(ev);
}

/* -------------------------------------------------------- user memory that does not come */

struct stuck {
	int vm;
	unsigned long request;
	void *args;
	pthread_t thread;
	int ret;
};

static void *stuck_thread(void *arg)
{
	struct stuck *s = arg;

	s->ret = result(s->vm, s->request, s->args);
	return NULL;
}

static bool ends(struct stuck *s, unsigned int ms)
{
	for (; ms; ms -= 10) {
		if (!pthread_tryjoin_np(s->thread, NULL))
			return true;
		usleep(10000);
	}
	return false;
}

/* The call waits for its page; everybody else must be able to use the VM meanwhile. */
static void one_stuck(int faults, int vm, unsigned long request, void *args, uint8_t *page, int want,
		      const char *what)
{
	struct ferry_pause p = { .size = sizeof(p) };
	struct stuck call = { .vm = vm, .request = request, .args = args };
	struct stuck pause = { .vm = vm, .request = FERRY_PAUSE, .args = &p };
	struct uffdio_zeropage zero = { .range = { (uintptr_t)page, PAGE } };
	bool paused, waits;

	madvise(page, PAGE, MADV_DONTNEED);
	pthread_create(&call.thread, NULL, stuck_thread, &call);
	waits = !ends(&call, 200);
	pthread_create(&pause.thread, NULL, stuck_thread, &pause);
	paused = ends(&pause, 2000);
	ok(waits && paused, "while %s waits for user memory the VM can be paused", what);
	ioctl(faults, UFFDIO_ZEROPAGE, &zero);
	if (!paused)
		pthread_join(pause.thread, NULL);
	if (waits)
		pthread_join(call.thread, NULL);
	ok_eq(call.ret, want, "... and then it ends");
	pause_vm(vm, FERRY_CONTINUE);
}

static void test_stuck(struct tiny *t, int dev)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	int faults = syscall(SYS_userfaultfd, O_CLOEXEC), vm = create_vm(dev, NULL), other = create_vm(dev, NULL), want;
	uint8_t *page = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	static uint8_t msrs[4 * PAGE];
	struct ferry_policy p = { .size = sizeof(p), .nr_cpuid = 1, .cpuid = (uintptr_t)page };
	struct ferry_dirty d = { .size = sizeof(d), .op = FERRY_DIRTY_HARVEST, .bitmap_bytes = PAGE,
				 .bitmap = (uintptr_t)page };

	reg.range.start = (uintptr_t)page;
	reg.range.len = PAGE;
	if (faults < 0 || ioctl(faults, UFFDIO_API, &api) || ioctl(faults, UFFDIO_REGISTER, &reg)) {
		skip("no userfaultfd here", "user memory that does not come holds nobody up");
		close(other);
		close(vm);
		return;
	}
	/* A policy of zeros says nothing of vulnerabilities, which some CPUs have. */
	p.cpuid = (uintptr_t)msrs;
	want = result(other, FERRY_SET_POLICY, &p);
	p.cpuid = (uintptr_t)page;
	p.nr_findings = 0;
	one_stuck(faults, vm, FERRY_SET_POLICY, &p, page, want, "SET_POLICY");
	p = (struct ferry_policy){ .size = sizeof(p), .nr_cpuid = FERRY_MAX_CPUID,
				   .nr_msrs = FERRY_MAX_POLICY_MSRS, .cpuid = (uintptr_t)page,
				   .msrs = (uintptr_t)msrs };
	one_stuck(faults, t->vm, FERRY_GET_POLICY, &p, page, 0, "GET_POLICY");
	dirty(t->vm, FERRY_DIRTY_START, 0, NULL, 0);
	one_stuck(faults, t->vm, FERRY_DIRTY, &d, page, 0, "a harvest");
	dirty(t->vm, FERRY_DIRTY_STOP, 0, NULL, 0);
	munmap(page, 8 * PAGE);
	close(faults);
	close(other);
	close(vm);
}

/* ------------------------------------------------------------- threads, life, death */

TINY_SNIPPET(spin, 64, TINY_LOOPS "1: jmp 1b");
/* A port, an address without memory, a CPUID, again and again. */
TINY_SNIPPET(exits, 64,
	     "mov $0x40000000, %rbx\n"
	     "1: out %al, $0xf1; in $0xf1, %al; mov %rax, (%rbx); mov (%rbx), %rcx; cpuid\n"
	     "mov $0x40000000, %rbx; jmp 1b");

static atomic_bool halt;

static void on_signal(int sig)
{
}

struct runner {
	int vcpu;
	int last;
};

/* FERRY_RUN until told to stop. */
static void *run_thread(void *arg)
{
	struct ferry_vcpu_run args = { .size = sizeof(args) };
	struct runner *r = arg;

	do {
		r->last = result(r->vcpu, FERRY_RUN, &args);
	} while (!halt && (!r->last || r->last == -EBUSY));
	return NULL;
}

static void stop_thread(pthread_t thread)
{
	halt = true;
	/* A signal that comes before the ioctl is lost: once more, then. */
	while (pthread_tryjoin_np(thread, NULL)) {
		pthread_kill(thread, SIGUSR1);
		usleep(10000);
	}
	halt = false;
}

static void test_two_threads(struct tiny *t)
{
	struct ferry_vcpu_run run = { .size = sizeof(run) };
	struct ferry_translate tr = { .size = sizeof(tr) };
	struct ferry_nmi nmi = { .size = sizeof(nmi) };
	struct runner r = { .vcpu = t->vcpu };
	struct ferry_state_general g;
	pthread_t thread;
	int vcpu;

	TINY_LOAD(t, TINY_64, spin);
	pthread_create(&thread, NULL, run_thread, &r);
	usleep(100000);
	ok_eq(result(t->vcpu, FERRY_RUN, &run), -EBUSY, "FERRY_RUN by a second thread");
	ok_eq(state(t->vcpu, FERRY_GET_STATE, FERRY_STATE_GENERAL, &g, sizeof(g)), -EBUSY,
	      "... its state");
	ok_eq(state(t->vcpu, FERRY_SET_STATE, FERRY_STATE_GENERAL, &g, sizeof(g)), -EBUSY,
	      "... another state");
	ok_eq(result(t->vcpu, FERRY_TRANSLATE, &tr), -EBUSY, "... an address");
	ok_eq(pause_vm(t->vm, FERRY_PAUSE), 0, "... but it can be paused");
	ok_eq(state(t->vcpu, FERRY_GET_STATE, FERRY_STATE_GENERAL, &g, sizeof(g)) % -EBUSY, 0,
	      "... and looked at then, between two returns");
	ok_eq(pause_vm(t->vm, FERRY_CONTINUE), 0, "... and continued");
	usleep(50000);
	stop_thread(thread);
	ok_eq(r.last, -EINTR, "... and interrupted");
	ok_eq(result(t->vcpu, FERRY_NMI, &nmi), 0, "an NMI for a vCPU that does not run");

	vcpu = dup(t->vcpu);
	r.vcpu = vcpu;
	pthread_create(&thread, NULL, run_thread, &r);
	usleep(50000);
	munmap((void *)t->run, PAGE);
	close(t->vcpu);
	close(t->vm);
	ok_eq(result(vcpu, FERRY_RUN, &run), -EBUSY, "closing its other descriptor ends nothing");
	close(vcpu);
	usleep(50000);
	stop_thread(thread);
	ok_eq(r.last == -EINTR || r.last == -EBADF, 1, "closed while running: it ran on to the signal");
	munmap(t->mem, t->size);
	close(t->dev);
}

/* Everything at once on one VM for a while. */
static void *scribble(void *arg)
{
	struct tiny *t = arg;
	volatile uint64_t *run = (void *)t->run;
	unsigned int seed = 1;

	while (!halt)
		run[1 + rand_r(&seed) % 100] = (uint64_t)rand_r(&seed) << 32 | rand_r(&seed);
	return NULL;
}

static atomic_uint strange;

static void *states_thread(void *arg)
{
	static uint8_t buf[8192];
	struct tiny *t = arg;
	uint32_t group = 0;

	while (!halt) {
		struct ferry_state s = { .size = sizeof(s), .length = sizeof(buf),
					 .addr = (uintptr_t)buf };
		bool vm = ++group % 3 == 0;
		int ret;

		s.group = vm ? FERRY_STATE_VM_FIRST + group % 4 : 1 + group % FERRY_STATE_VCPU_LAST;
		ret = result(vm ? t->vm : t->vcpu, FERRY_GET_STATE, &s);
		if (!ret)
			ret = result(vm ? t->vm : t->vcpu, FERRY_SET_STATE, &s);
		if (ret && ret != -EBUSY) {
			diag("group %u: %d", s.group, ret);
			strange++;
		}
	}
	return NULL;
}

static void *config_thread(void *arg)
{
	struct ferry_stats stats = { .size = sizeof(stats) };
	struct tiny *t = arg;
	static uint64_t bitmap[8];
	uint8_t *p = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, t->vm, 64 * MIB);

	while (!halt) {
		struct ferry_memory m = { .size = sizeof(m), .region = 5, .gpa = 64 * MIB,
					  .length = MIB };
		int fd[2], bad = 0;

		bad += pause_vm(t->vm, FERRY_PAUSE) != 0;
		bad += result(t->vm, FERRY_SET_MEMORY, &m) != 0;
		bad += pause_vm(t->vm, FERRY_CONTINUE) != 0;
		/* Into the region and out of it, through a pipe. */
		if (!pipe(fd)) {
			bad += write(fd[1], p + PAGE, PAGE) != PAGE;
			bad += read(fd[0], p, PAGE) != PAGE;
			close(fd[0]);
			close(fd[1]);
		}
		bad += dirty(t->vm, FERRY_DIRTY_START, 0, NULL, 0) != 0;
		bad += dirty(t->vm, FERRY_DIRTY_HARVEST, 0, bitmap, 64) < 0;
		bad += dirty(t->vm, FERRY_DIRTY_HARVEST, 0, bitmap, 64) < 0;
		bad += dirty(t->vm, FERRY_DIRTY_STOP, 0, NULL, 0) != 0;
		bad += result(t->vm, FERRY_GET_STATS, &stats) != 0;
		m = (struct ferry_memory){ .size = sizeof(m), .flags = FERRY_MEM_REMOVE, .region = 5 };
		bad += result(t->vm, FERRY_SET_MEMORY, &m) != 0;
		strange += bad;
	}
	munmap(p, MIB);
	return NULL;
}

static void test_all_at_once(void)
{
	pthread_t thread[5];
	struct runner r[2];
	struct tiny t;
	unsigned int i;

	tiny_open(&t, 2 * MIB);
	TINY_LOAD(&t, TINY_64, exits);
	for (i = 0; i < 2; i++) {
		r[i].vcpu = t.vcpu;
		pthread_create(&thread[i], NULL, run_thread, &r[i]);
	}
	pthread_create(&thread[2], NULL, states_thread, &t);
	pthread_create(&thread[3], NULL, config_thread, &t);
	pthread_create(&thread[4], NULL, scribble, &t);
	sleep(3);
	halt = true;
	for (i = 2; i < 5; i++)
		pthread_join(thread[i], NULL);
	stop_thread(thread[0]);
	stop_thread(thread[1]);
	ok_eq(strange, 0, "states, memory, log, pauses and a scribbled run page, all at once");
	TINY_LOAD(&t, TINY_64, spin);
	ok_eq(tiny_run_ms(&t, 50), TINY_LATE, "... and the guest still runs");
	tiny_close(&t);
}

/* A process that is killed in the middle of everything takes its VMs along. */
static void test_killed(void)
{
	long before = free_kib(), left = 0;
	unsigned int i, status, bad = 0;
	struct timespec a, b;
	bool gone;

	clock_gettime(CLOCK_MONOTONIC, &a);
	for (i = 0; i < 10; i++) {
		pid_t child = fork();

		if (!child) {
			struct tiny t;

			tiny_open(&t, 16 * MIB);
			memset(t.mem, 0x11, t.size);
			if (i % 2)
				TINY_LOAD(&t, TINY_64, spin);
			else
				TINY_LOAD(&t, TINY_64, exits);
			for (;;)
				tiny_run_ms(&t, 60000);
		}
		usleep(200000);
		kill(child, SIGKILL);
		bad += waitpid(child, (int *)&status, 0) != child || !WIFSIGNALED(status);
	}
	clock_gettime(CLOCK_MONOTONIC, &b);
	ok(!bad && b.tv_sec - a.tv_sec < 20, "killed in FERRY_RUN, ten times");
	gone = all_freed(before, 4 << 10, &left);
	ok(gone, "... nothing of their 160 MiB is left (%ld KiB)", left);
}

static void test_module(int dev)
{
	int vm = create_vm(dev, NULL);

	close(dev);
	ok(syscall(SYS_delete_module, "ferry", O_NONBLOCK) && errno == EAGAIN,
	   "the module stays while a VM does");
	close(vm);
}

int main(void)
{
	struct sigaction act = { .sa_handler = on_signal };
	struct tiny t;

	sigaction(SIGUSR1, &act, NULL);
	tiny_open(&t, 2 * MIB);
	test_heads((int[]){ t.dev, t.vm, t.vcpu });
	test_order(t.dev);
	test_states(&t);
	test_contents(&t);
	test_stuck(&t, t.dev);
	test_two_threads(&t);
	test_all_at_once();
	test_killed();
	test_module(open("/dev/ferry", O_RDWR));
	return done();
}
