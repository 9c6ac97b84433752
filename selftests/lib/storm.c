// SPDX-License-Identifier: GPL-2.0-only
/* A VM for migration tests. See storm.h. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host_policy.h"
#include "storm.h"

#define PAGE 4096UL
#define CODE 0x1000
#define TABLES 0x9000
#define COUNTS 0x100000 /* STORM_PAGES words for each vCPU */
#define PAGES 0x400000
#define HOST_PAGES 0xd00000
#define PORT_COUNT 0xf1
#define PORT_BACKWARDS 0xf2
#define EVERY 256
#define IDENTITY "storm0123456789"
#define STR(x) #x
#define XSTR(x) STR(x)

/*
 * r12 random state, r8 and r9 its constants, r13 mask of the page number, rbx table of counts, r14
 * pages, r15 writes so far, r10 pace, rbp the last TSC. rsi is the page being written.
 */
extern const char storm_begin[], storm_end[];
__asm__(".pushsection .rodata\nstorm_begin:\n"
	"1: imul %r8, %r12\n add %r9, %r12\n"
	"mov %r12, %rsi\n shr $33, %rsi\n and %r13, %rsi\n"
	"mov (%rbx, %rsi, 8), %rdx\n inc %rdx\n"
	"mov %rsi, %rdi\n shl $12, %rdi\n add %r14, %rdi\n"
	"mov %rsi, %rax\n shl $32, %rax\n xor %rdx, %rax\n"
	"mov %rax, (%rdi)\n mov %rax, 1024(%rdi)\n mov %rax, 2048(%rdi)\n mov %rax, 4088(%rdi)\n"
	"mov %rdx, (%rbx, %rsi, 8)\n"
	"inc %r15\n"
	"mov %r10, %rcx\n 2: dec %rcx\n jns 2b\n"
	"rdtsc\n shl $32, %rdx\n or %rdx, %rax\n cmp %rbp, %rax\n jb 4f\n mov %rax, %rbp\n"
	"3: test $" XSTR(EVERY) " - 1, %r15d\n jnz 1b\n"
	"mov %r15d, %eax\n out %eax, $" XSTR(PORT_COUNT) "\n jmp 1b\n"
	"4: mov %rax, %rbp\n out %eax, $" XSTR(PORT_BACKWARDS) "\n jmp 3b\n"
	"storm_end:\n.popsection\n");

static void die(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	fflush(stdout);
	_exit(1);
}

/* --------------------------------------------------------------------- the VM */

static void set_policy(struct storm *s)
{
	static struct cpu_policy host, guest;
	struct cpu_default_params params = { .topology = { .cores = s->nr, .threads = 1 } };
	struct ferry_policy args = { .size = sizeof(args) };

	if (host_policy_read(&host) || cpu_policy_default(&guest, &host, &params))
		die("this host's CPUID makes no policy");
	args.nr_cpuid = guest.nr_leaves;
	args.nr_msrs = guest.nr_msrs;
	args.cpuid = (uintptr_t)guest.leaf;
	args.msrs = (uintptr_t)guest.msr;
	if (ioctl(s->vm, FERRY_SET_POLICY, &args))
		die("FERRY_SET_POLICY");
}

static void create(struct storm *s, uint32_t flags, const char uuid[16])
{
	struct ferry_create_vm vm = { .size = sizeof(vm), .flags = flags, .name = "storm" };

	memset(s, 0, sizeof(*s));
	memcpy(vm.uuid, uuid, sizeof(vm.uuid));
	s->dev = open("/dev/ferry", O_RDWR | O_CLOEXEC);
	if (s->dev < 0)
		die("/dev/ferry");
	s->vm = ioctl(s->dev, FERRY_CREATE_VM, &vm);
	if (s->vm < 0)
		die("FERRY_CREATE_VM");
}

static void region(struct storm *s, uint32_t number, uint64_t gpa, uint64_t length)
{
	struct ferry_memory m = { .size = sizeof(m), .region = number, .gpa = gpa,
				  .length = length };

	if (ioctl(s->vm, FERRY_SET_MEMORY, &m))
		die("FERRY_SET_MEMORY");
}

static uint8_t *map(struct storm *s, uint64_t gpa, size_t length)
{
	void *p = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, s->vm, gpa);

	if (p == MAP_FAILED)
		die("mapping guest memory");
	return p;
}

void storm_adopt(struct storm *s, unsigned int vcpus)
{
	unsigned int i;

	s->nr = vcpus;
	for (i = 0; i < vcpus; i++) {
		struct ferry_create_vcpu args = { .size = sizeof(args), .id = i };
		struct storm_cpu *c = &s->cpu[i];

		c->vm = s;
		c->fd = ioctl(s->vm, FERRY_CREATE_VCPU, &args);
		if (c->fd < 0)
			die("FERRY_CREATE_VCPU");
		c->run = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, 0);
		if (c->run == MAP_FAILED)
			die("mapping a run page");
	}
	s->low = map(s, 0, STORM_LOW);
	s->high = map(s, STORM_HIGH, STORM_HIGH_SIZE);
}

static void set_state(struct storm_cpu *c, uint32_t group, const void *buf, uint32_t length)
{
	struct ferry_state args = { .size = sizeof(args), .group = group, .length = length,
				    .addr = (uintptr_t)buf };

	if (ioctl(c->fd, FERRY_SET_STATE, &args))
		die("FERRY_SET_STATE");
}

static void get_state(const struct storm_cpu *c, uint32_t group, void *buf, uint32_t length)
{
	struct ferry_state args = { .size = sizeof(args), .group = group, .length = length,
				    .addr = (uintptr_t)buf };

	if (ioctl(c->fd, FERRY_GET_STATE, &args))
		die("FERRY_GET_STATE");
}

static void set_registers(struct storm_cpu *c, unsigned int nr, uint64_t pace)
{
	struct ferry_segment code = { .limit = ~0U, .selector = 8, .attrib = 0xa9b };
	struct ferry_segment data = { .limit = ~0U, .selector = 16, .attrib = 0xc93 };
	struct ferry_state_mp mp = { .state = FERRY_MP_RUNNABLE };
	struct ferry_state_general g = { .rip = CODE, .rflags = 2 };
	struct ferry_state_segments segs;
	struct ferry_state_control control;
	int i;

	get_state(c, FERRY_STATE_SEGMENTS, &segs, sizeof(segs));
	get_state(c, FERRY_STATE_CONTROL, &control, sizeof(control));
	for (i = FERRY_SEG_ES; i <= FERRY_SEG_GS; i++)
		segs.seg[i] = i == FERRY_SEG_CS ? code : data;
	control.cr0 = 0x80000011;
	control.cr3 = TABLES;
	control.cr4 = 0x20;
	control.efer = 0x500;
	g.gpr[FERRY_RBX] = COUNTS + nr * STORM_PAGES * 8;
	g.gpr[8] = 6364136223846793005;
	g.gpr[9] = 1442695040888963407;
	g.gpr[10] = pace;
	g.gpr[12] = nr * 77 + 1;
	g.gpr[13] = STORM_PAGES - 1;
	g.gpr[14] = PAGES + nr * STORM_PAGES * PAGE;
	set_state(c, FERRY_STATE_CONTROL, &control, sizeof(control));
	set_state(c, FERRY_STATE_SEGMENTS, &segs, sizeof(segs));
	set_state(c, FERRY_STATE_GENERAL, &g, sizeof(g));
	set_state(c, FERRY_STATE_MP, &mp, sizeof(mp));
}

static uint64_t still(size_t word)
{
	return (word + 1) * 0x9e3779b97f4a7c15;
}

void storm_open(struct storm *s, unsigned int vcpus, uint64_t pace)
{
	uint64_t *table;
	unsigned int i;
	size_t n;

	create(s, 0, IDENTITY);
	s->nr = vcpus;
	set_policy(s);
	region(s, 5, STORM_HIGH, STORM_HIGH_SIZE);
	region(s, 0, 0, STORM_LOW);
	region(s, 7, STORM_LONE, PAGE);
	storm_adopt(s, vcpus);
	memcpy(s->low + CODE, storm_begin, storm_end - storm_begin);
	table = (uint64_t *)(s->low + TABLES);
	table[0] = (TABLES + PAGE) | 3;
	table[512] = (TABLES + 2 * PAGE) | 3;
	for (i = 0; i < 512; i++)
		table[1024 + i] = (uint64_t)i << 21 | 0x83;
	for (n = 0; n < STORM_HIGH_SIZE / 8; n++)
		((uint64_t *)s->high)[n] = still(n);
	for (i = 0; i < vcpus; i++)
		set_registers(&s->cpu[i], i, pace);
}

void storm_incoming(struct storm *s)
{
	create(s, FERRY_VM_INCOMING, IDENTITY);
}

void storm_incoming_as(struct storm *s, const char uuid[16])
{
	create(s, FERRY_VM_INCOMING, uuid);
}

void storm_close(struct storm *s)
{
	unsigned int i;

	storm_stop(s);
	if (s->low) {
		munmap(s->low, STORM_LOW);
		munmap(s->high, STORM_HIGH_SIZE);
	}
	for (i = 0; i < s->nr; i++) {
		munmap(s->cpu[i].run, PAGE);
		close(s->cpu[i].fd);
	}
	close(s->vm);
	close(s->dev);
	memset(s, 0, sizeof(*s));
}

/* ------------------------------------------------------------------- running */

static void port(struct storm_cpu *c)
{
	uint32_t value;

	memcpy(&value, c->run->io.data, 4);
	if (c->run->io.port == PORT_BACKWARDS) {
		c->backwards++;
		return;
	}
	if (value != c->said + EVERY)
		c->gaps++;
	c->said = value;
}

static void *run_thread(void *arg)
{
	struct storm_cpu *c = arg;
	struct ferry_vcpu_run args = { .size = sizeof(args) };

	for (;;) {
		int ret = ioctl(c->fd, FERRY_RUN, &args);

		if (c->vm->stop)
			return NULL;
		if (ret) {
			if (errno == EINTR)
				continue;
			c->reason = 0x1000 + errno;
			return NULL;
		}
		switch (c->run->exit_reason) {
		case FERRY_EXIT_IO:
			port(c);
			break;
		case FERRY_EXIT_PAUSED:
			usleep(1000);
			break;
		case FERRY_EXIT_ERROR:
			printf("# vCPU error: %s\n", c->run->error.detail);
			/* fall through */
		default:
			c->reason = c->run->exit_reason;
			return NULL;
		}
	}
}

static void on_kick(int sig)
{
}

void storm_start(struct storm *s)
{
	struct sigaction act = { .sa_handler = on_kick };
	unsigned int i;

	sigaction(SIGUSR1, &act, NULL);
	s->stop = false;
	s->running = true;
	for (i = 0; i < s->nr; i++) {
		s->cpu[i].run->immediate_exit = 0;
		s->cpu[i].reason = 0;
		if (pthread_create(&s->cpu[i].thread, NULL, run_thread, &s->cpu[i]))
			die("pthread_create");
	}
}

/* A vCPU that was about to leave for a port has left; its thread has answered. */
void storm_stop(struct storm *s)
{
	unsigned int i;

	if (!s->running)
		return;
	s->stop = true;
	for (i = 0; i < s->nr; i++) {
		s->cpu[i].run->immediate_exit = 1;
		pthread_kill(s->cpu[i].thread, SIGUSR1);
		pthread_join(s->cpu[i].thread, NULL);
		if (s->cpu[i].run->exit_reason == FERRY_EXIT_IO) {
			struct ferry_vcpu_run args = { .size = sizeof(args) };

			/* The write is told but not complete: RIP is still before OUT. */
			port(&s->cpu[i]);
			ioctl(s->cpu[i].fd, FERRY_RUN, &args);
		}
	}
	s->running = false;
}

/* By the vCPU's own table. */
static uint64_t writes_seen(struct storm *s, unsigned int vcpu)
{
	const volatile uint64_t *count = (uint64_t *)(s->low + COUNTS) + vcpu * STORM_PAGES;
	uint64_t sum = 0;
	unsigned int n;

	for (n = 0; n < STORM_PAGES; n++)
		sum += count[n];
	return sum;
}

bool storm_progress(struct storm *s, unsigned int more)
{
	uint64_t from[STORM_VCPUS];
	unsigned int i, ms;

	for (i = 0; i < s->nr; i++)
		from[i] = writes_seen(s, i);
	for (ms = 0; ms < 30000; ms += 10) {
		for (i = 0; i < s->nr && writes_seen(s, i) - from[i] >= more; i++)
			;
		if (i == s->nr)
			return true;
		if (s->cpu[i].reason)
			break;
		usleep(10000);
	}
	printf("# vCPU %u: %llu writes, then %llu; exit %u\n", i, (unsigned long long)from[i],
	       (unsigned long long)writes_seen(s, i), s->cpu[i].reason);
	return false;
}

void storm_continue_from(struct storm *s, const struct storm *from)
{
	unsigned int i;

	for (i = 0; i < s->nr; i++) {
		s->cpu[i].said = from->cpu[i].said;
		s->cpu[i].gaps = from->cpu[i].gaps;
		s->cpu[i].backwards = from->cpu[i].backwards;
	}
}

/* -------------------------------------------------------------------- checking */

static bool check_page(struct storm *s, unsigned int vcpu, uint64_t n, uint64_t count,
		       bool current)
{
	const uint64_t *page =
		(uint64_t *)(s->low + PAGES + (vcpu * STORM_PAGES + n) * PAGE);
	unsigned int i;

	for (i = 0; i < PAGE / 8; i++) {
		bool written = i == 0 || i == 128 || i == 256 || i == 511;
		uint64_t want = written && count ? n << 32 ^ count : 0;

		if (page[i] == want || (written && current && page[i] == (n << 32 ^ (count + 1))))
			continue;
		printf("# vCPU %u page %llu word %u: %#llx, not %#llx\n", vcpu,
		       (unsigned long long)n, i, (unsigned long long)page[i],
		       (unsigned long long)want);
		return false;
	}
	return true;
}

bool storm_check(struct storm *s)
{
	const uint64_t *high = (uint64_t *)s->high;
	struct ferry_state_general g;
	unsigned int v, bad = 0;
	uint64_t n, sum;

	for (v = 0; v < s->nr; v++) {
		const uint64_t *count = (uint64_t *)(s->low + COUNTS) + v * STORM_PAGES;

		get_state(&s->cpu[v], FERRY_STATE_GENERAL, &g, sizeof(g));
		for (n = sum = 0; n < STORM_PAGES && bad < 10; n++) {
			sum += count[n];
			bad += !check_page(s, v, n, count[n], n == g.gpr[FERRY_RSI]);
		}
		if (sum != g.gpr[15] && sum != g.gpr[15] + 1 && bad < 10) {
			printf("# vCPU %u: %llu writes by its table, %llu by its register\n", v,
			       (unsigned long long)sum, (unsigned long long)g.gpr[15]);
			bad++;
		}
	}
	for (n = 0; n < STORM_HIGH_SIZE / 8 && bad < 10; n++)
		if (high[n] != still(n)) {
			printf("# still memory, word %llu: %#llx\n", (unsigned long long)n,
			       (unsigned long long)high[n]);
			bad++;
		}
	for (v = 0; v < s->nr; v++)
		if (s->cpu[v].gaps || s->cpu[v].backwards) {
			printf("# vCPU %u: %u gaps in its numbers, time ran backwards %u times\n",
			       v, s->cpu[v].gaps, s->cpu[v].backwards);
			bad++;
		}
	return !bad;
}

uint64_t storm_writes(struct storm *s)
{
	struct ferry_state_general g;
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < s->nr; i++) {
		get_state(&s->cpu[i], FERRY_STATE_GENERAL, &g, sizeof(g));
		sum += g.gpr[15];
	}
	return sum;
}

/* ----------------------------------------------------------------- host's pages */

static void *writer_thread(void *arg)
{
	struct storm_writer *w = arg;
	uint64_t n;

	for (n = 0; !w->stop; n = (n + 97) % STORM_HOST_PAGES) {
		volatile uint64_t *page = (uint64_t *)(w->vm->low + HOST_PAGES + n * PAGE);

		page[n % 512] = ++w->count[n];
		if (!(n % 16))
			usleep(200);
	}
	return NULL;
}

void storm_writer_start(struct storm_writer *w, struct storm *s)
{
	memset(w, 0, sizeof(*w));
	w->vm = s;
	if (pthread_create(&w->thread, NULL, writer_thread, w))
		die("pthread_create");
}

void storm_writer_stop(struct storm_writer *w)
{
	if (w->stop)
		return;
	w->stop = true;
	pthread_join(w->thread, NULL);
}

bool storm_writer_check(const struct storm_writer *w, const struct storm *s)
{
	uint64_t n, written = 0;

	for (n = 0; n < STORM_HOST_PAGES; n++) {
		const uint64_t *page = (uint64_t *)(s->low + HOST_PAGES + n * PAGE);

		if (page[n % 512] != w->count[n]) {
			printf("# host's page %llu: %llu, not %llu\n", (unsigned long long)n,
			       (unsigned long long)page[n % 512], (unsigned long long)w->count[n]);
			return false;
		}
		written += w->count[n];
	}
	return written;
}

/* ------------------------------------------------------------------------ moves */

int storm_call(int vm, unsigned long request, struct ferry_migrate *m)
{
	m->size = sizeof(*m);
	return ioctl(vm, request, m) ? -errno : 0;
}

void storm_connect(int fd[2])
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(addr);
	int one = 1, l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	fd[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(l, (void *)&addr, sizeof(addr)) || listen(l, 1) ||
	    getsockname(l, (void *)&addr, &len) ||
	    connect(fd[0], (void *)&addr, sizeof(addr)))
		die("loopback");
	fd[1] = accept4(l, NULL, NULL, SOCK_CLOEXEC);
	if (fd[1] < 0)
		die("accept");
	close(l);
	setsockopt(fd[0], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd[1], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static void *dest_thread(void *arg)
{
	struct storm_move *mv = arg;
	struct ferry_migrate *d = &mv->dest;
	int vm = mv->to->vm;

	memset(d, 0, sizeof(*d));
	d->fd = mv->fd[1];
	d->flags = mv->flags & FERRY_MIGRATE_FILE;
	d->timeout_ms = mv->timeout_ms;
	d->journal = 4711;
	d->definition = (uintptr_t)mv->definition;
	d->definition_length = sizeof(mv->definition);
	d->blobs = (uintptr_t)mv->blobs;
	mv->receive = storm_call(vm, FERRY_MIGRATE_RECEIVE, d);
	if (mv->receive || d->phase != FERRY_MIGRATE_DEFINED)
		goto out;
	storm_adopt(mv->to, d->nr_vcpus);
	d->blobs_length = sizeof(mv->blobs);
	mv->load = storm_call(vm, FERRY_MIGRATE_RECEIVE, d);
	if (mv->load || d->phase != FERRY_MIGRATE_LOADED)
		goto out;
	if (!(d->flags & FERRY_MIGRATE_FILE)) {
		mv->accept = storm_call(vm, FERRY_MIGRATE_ACCEPT, d);
		if (mv->accept)
			goto out;
	}
	mv->confirm = storm_call(vm, FERRY_MIGRATE_CONFIRM, d);
out:
	if (mv->fd[1] >= 0)
		close(mv->fd[1]);
	mv->fd[1] = -1;
	return NULL;
}

void storm_dest_start(struct storm_move *mv, struct storm *to, int fd)
{
	mv->to = to;
	mv->fd[1] = fd;
	mv->receive = mv->load = mv->accept = mv->confirm = 1;
	if (pthread_create(&mv->thread, NULL, dest_thread, mv))
		die("pthread_create");
}

void storm_dest_wait(struct storm_move *mv)
{
	pthread_join(mv->thread, NULL);
}

void storm_move(struct storm_move *mv, struct storm *from, struct storm *to)
{
	static char definition[] = "{\"name\": \"storm\"}", blobs[2500];
	struct ferry_migrate *m = &mv->source;
	unsigned int i;

	mv->from = from;
	mv->finish = mv->send = 1;
	storm_connect(mv->fd);
	storm_dest_start(mv, to, mv->fd[1]);
	for (i = 0; i < sizeof(blobs); i++)
		blobs[i] = i * 7;
	memset(m, 0, sizeof(*m));
	m->flags = mv->flags;
	m->fd = mv->fd[0];
	m->definition = (uintptr_t)definition;
	m->definition_length = sizeof(definition);
	m->blackout_us = mv->blackout_us;
	m->bandwidth = mv->bandwidth;
	m->timeout_ms = mv->timeout_ms;
	mv->send = storm_call(from->vm, FERRY_MIGRATE_SEND, m);
	if (!mv->send && m->phase == FERRY_MIGRATE_FROZEN) {
		if (mv->writer)
			storm_writer_stop(mv->writer);
		if (mv->frozen)
			mv->frozen(mv);
		m->blobs = (uintptr_t)blobs;
		m->blobs_length = sizeof(blobs);
		mv->finish = storm_call(from->vm, FERRY_MIGRATE_FINISH, m);
	}
	close(mv->fd[0]);
	mv->fd[0] = -1;
	storm_dest_wait(mv);
	memset(&mv->status, 0, sizeof(mv->status));
	mv->status.size = sizeof(mv->status);
	ioctl(from->vm, FERRY_MIGRATE_STATUS, &mv->status);
	if (!mv->confirm && memcmp(mv->blobs, blobs, sizeof(blobs)))
		mv->confirm = -EBADMSG;
}
