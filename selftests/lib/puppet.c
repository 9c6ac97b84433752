// SPDX-License-Identifier: GPL-2.0-only
/* See puppet.h; the guest is selftests/guest/puppet.S. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "../unit/tap.h"
#include "host_policy.h"
#include "puppet.h"

#define MEMORY	   (2 << 20)
#define ENTRY	   0x1000
#define STUBS	   0x2000
#define BOXES	   0x10000
#define STACKS	   0x20000
#define IDT	   0x30000
#define PORT_READY 0xf1
#define PORT_FATAL 0xf2
#define GO_MS	   5000

static void set_policy(struct puppet *p)
{
	static struct cpu_policy host, guest;
	struct cpu_default_params params = { .topology = { .cores = p->nr, .threads = 1 } };
	struct ferry_policy args = { .size = sizeof(args) };

	if (host_policy_read(&host) || cpu_policy_default(&guest, &host, &params))
		bail_out("no policy for this host");
	args.nr_cpuid = guest.nr_leaves;
	args.nr_msrs = guest.nr_msrs;
	args.cpuid = (uintptr_t)guest.leaf;
	args.msrs = (uintptr_t)guest.msr;
	if (ioctl(p->vm, FERRY_SET_POLICY, &args))
		bail_out("FERRY_SET_POLICY: %s", strerror(errno));
}

static void load_guest(uint8_t *mem)
{
	char path[256];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 32);
	FILE *f;
	int i;

	path[n > 0 ? n : 0] = 0;
	strcpy(strrchr(path, '/') ? strrchr(path, '/') : path, "/../guest/puppet.bin");
	f = fopen(path, "rb");
	if (!f || !fread(mem, 1, BOXES, f))
		bail_out("%s: %s", path, strerror(errno));
	fclose(f);
	for (i = 0; i < 256; i++) {
		uint64_t stub = STUBS + 16 * i;

		/* 32-bit interrupt gate in segment 8 */
		((uint64_t *)(mem + IDT))[i] = stub | 8ULL << 16 | 0x8e00ULL << 32;
	}
}

int puppet_get(int fd, uint32_t group, void *buf, uint32_t length)
{
	struct ferry_state args = {
		.size = sizeof(args), .group = group, .length = length, .addr = (uintptr_t)buf
	};

	return ioctl(fd, FERRY_GET_STATE, &args) ? -errno : (int)args.length;
}

int puppet_set(int fd, uint32_t group, const void *buf, uint32_t length)
{
	struct ferry_state args = {
		.size = sizeof(args), .group = group, .length = length, .addr = (uintptr_t)buf
	};

	return ioctl(fd, FERRY_SET_STATE, &args) ? -errno : 0;
}

static void place_first(struct puppet *p)
{
	struct ferry_segment code = { .limit = ~0u, .selector = 8, .attrib = 0xc9b };
	struct ferry_segment data = { .limit = ~0u, .selector = 16, .attrib = 0xc93 };
	struct ferry_state_general g = { .rip = ENTRY, .rflags = 2 };
	struct ferry_state_segments s;
	struct ferry_state_control c;
	int fd = p->cpu[0].fd, i;

	if (puppet_get(fd, FERRY_STATE_SEGMENTS, &s, sizeof(s)) < 0 ||
	    puppet_get(fd, FERRY_STATE_CONTROL, &c, sizeof(c)) < 0)
		bail_out("FERRY_GET_STATE: %s", strerror(errno));
	for (i = FERRY_SEG_ES; i <= FERRY_SEG_GS; i++)
		s.seg[i] = i == FERRY_SEG_CS ? code : data;
	c.cr0 = 0x11;
	g.gpr[FERRY_RBX] = BOXES;
	g.gpr[FERRY_RSP] = STACKS + 0x1000;
	if (puppet_set(fd, FERRY_STATE_CONTROL, &c, sizeof(c)) ||
	    puppet_set(fd, FERRY_STATE_SEGMENTS, &s, sizeof(s)) ||
	    puppet_set(fd, FERRY_STATE_GENERAL, &g, sizeof(g)))
		bail_out("FERRY_SET_STATE: %s", strerror(errno));
}

static void on_alarm(int sig)
{
}

void puppet_open(struct puppet *p, unsigned int nr)
{
	struct ferry_create_vm vm = { .size = sizeof(vm), .name = "puppet", .uuid = { 7 } };
	struct ferry_memory memory = { .size = sizeof(memory), .length = MEMORY };
	struct sigaction alarm = { .sa_handler = on_alarm };
	unsigned int i;

	memset(p, 0, sizeof(*p));
	p->nr = nr;
	p->dev = open("/dev/ferry", O_RDWR | O_CLOEXEC);
	p->vm = ioctl(p->dev, FERRY_CREATE_VM, &vm);
	if (p->vm < 0)
		bail_out("FERRY_CREATE_VM: %s", strerror(errno));
	set_policy(p);
	if (ioctl(p->vm, FERRY_SET_MEMORY, &memory))
		bail_out("FERRY_SET_MEMORY: %s", strerror(errno));
	p->mem = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, p->vm, 0);
	if (p->mem == MAP_FAILED)
		bail_out("mmap: %s", strerror(errno));
	load_guest(p->mem);
	for (i = 0; i < nr; i++) {
		struct ferry_create_vcpu args = { .size = sizeof(args), .id = i };
		struct puppet_cpu *c = &p->cpu[i];

		c->fd = ioctl(p->vm, FERRY_CREATE_VCPU, &args);
		if (c->fd < 0)
			bail_out("FERRY_CREATE_VCPU: %s", strerror(errno));
		c->run = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, 0);
		if (c->run == MAP_FAILED)
			bail_out("run page: %s", strerror(errno));
		c->box = (void *)(p->mem + BOXES + 0x1000 * i);
		c->box->eoi = PUPPET_XAPIC;
	}
	/* A halted vCPU's FERRY_RUN must not wait for ever. */
	sigaction(SIGALRM, &alarm, NULL);
	place_first(p);
	i = puppet_go(p, 0, GO_MS);
	if (i)
		bail_out("the guest does not start: %d", (int)i);
}

void puppet_close(struct puppet *p)
{
	unsigned int i;

	munmap(p->mem, MEMORY);
	for (i = 0; i < p->nr; i++) {
		munmap(p->cpu[i].run, 4096);
		close(p->cpu[i].fd);
	}
	close(p->vm);
	close(p->dev);
}

void puppet_tell(struct puppet *p, unsigned int cpu, enum puppet_op op, uint32_t a, uint32_t b,
		 uint32_t c)
{
	struct puppet_cpu *v = &p->cpu[cpu];

	if (v->told == PUPPET_COMMANDS)
		bail_out("too many commands");
	v->box->command[v->told].a = a;
	v->box->command[v->told].b = b;
	v->box->command[v->told].c = c;
	v->box->command[v->told++].op = op;
	v->box->command[v->told].op = PUPPET_END;
}

static int run(struct puppet_cpu *v)
{
	struct ferry_vcpu_run args = { .size = sizeof(args) };

	v->told = 0;
	if (ioctl(v->fd, FERRY_RUN, &args))
		return -errno;
	if (v->run->exit_reason != FERRY_EXIT_IO)
		return v->run->exit_reason;
	if (v->run->io.port == PORT_FATAL) {
		diag("exception %d in the guest", v->run->io.data[0]);
		return -EFAULT;
	}
	return v->run->io.port == PORT_READY ? 0 : FERRY_EXIT_IO;
}

/* The alarm goes to this thread: a signal that comes before FERRY_RUN sleeps still ends it. */
int puppet_go(struct puppet *p, unsigned int cpu, unsigned int ms)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGALRM };
	struct itimerspec when = { .it_value = { ms / 1000, ms % 1000 * 1000000L + 1 },
				   .it_interval = { 0, 50000000 } };
	timer_t timer;
	int ret;

	event._sigev_un._tid = gettid();
	if (timer_create(CLOCK_MONOTONIC, &event, &timer))
		bail_out("timer_create: %s", strerror(errno));
	timer_settime(timer, 0, &when, NULL);
	ret = run(&p->cpu[cpu]);
	timer_delete(timer);
	return ret;
}

struct job {
	struct puppet *p;
	unsigned int cpu;
};

static void *thread_fn(void *arg)
{
	struct job *job = arg;

	job->p->cpu[job->cpu].result = puppet_go(job->p, job->cpu, 60000);
	free(job);
	return NULL;
}

void puppet_start(struct puppet *p, unsigned int cpu)
{
	struct job *job = malloc(sizeof(*job));

	job->p = p;
	job->cpu = cpu;
	if (pthread_create(&p->cpu[cpu].thread, NULL, thread_fn, job))
		bail_out("pthread_create: %s", strerror(errno));
}

int puppet_wait(struct puppet *p, unsigned int cpu)
{
	pthread_join(p->cpu[cpu].thread, NULL);
	return p->cpu[cpu].result;
}

int puppet_boot(struct puppet *p, unsigned int cpu)
{
	puppet_tell(p, 0, PUPPET_WRITE32, 0xfee00310, cpu << 24, 0);
	puppet_tell(p, 0, PUPPET_WRITE32, 0xfee00300, 0x4500, 0);
	puppet_tell(p, 0, PUPPET_WRITE32, 0xfee00310, cpu << 24, 0);
	puppet_tell(p, 0, PUPPET_WRITE32, 0xfee00300, 0x4607, 0);
	puppet_go(p, 0, GO_MS);
	return puppet_go(p, cpu, GO_MS);
}

static void one(struct puppet *p, unsigned int cpu, enum puppet_op op, uint32_t a, uint32_t b,
		uint32_t c)
{
	int ret;

	puppet_tell(p, cpu, op, a, b, c);
	ret = puppet_go(p, cpu, GO_MS);
	if (ret)
		bail_out("command %d %#x %#x of vCPU %u: %d", op, a, b, cpu, ret);
}

void puppet_write32(struct puppet *p, unsigned int cpu, uint32_t addr, uint32_t val)
{
	one(p, cpu, PUPPET_WRITE32, addr, val, 0);
}

uint32_t puppet_read32(struct puppet *p, unsigned int cpu, uint32_t addr)
{
	one(p, cpu, PUPPET_READ32, addr, 0, 0);
	return p->cpu[cpu].box->command[0].b;
}

void puppet_out(struct puppet *p, unsigned int cpu, uint16_t port, uint8_t val)
{
	one(p, cpu, PUPPET_OUT, port, val, 0);
}

uint8_t puppet_in(struct puppet *p, unsigned int cpu, uint16_t port)
{
	one(p, cpu, PUPPET_IN, port, 0, 0);
	return p->cpu[cpu].box->command[0].b;
}

bool puppet_wrmsr(struct puppet *p, unsigned int cpu, uint32_t index, uint64_t val)
{
	uint32_t before = p->cpu[cpu].box->faults;

	one(p, cpu, PUPPET_WRMSR, index, val, val >> 32);
	return p->cpu[cpu].box->faults == before;
}

bool puppet_rdmsr(struct puppet *p, unsigned int cpu, uint32_t index, uint64_t *val)
{
	struct puppet_box *box = p->cpu[cpu].box;
	uint32_t before = box->faults;

	one(p, cpu, PUPPET_RDMSR, index, 0, 0);
	*val = box->command[0].b | (uint64_t)box->command[0].c << 32;
	return box->faults == before;
}

void puppet_window(struct puppet *p, unsigned int cpu)
{
	one(p, cpu, PUPPET_WINDOW, 0, 0, 0);
}
