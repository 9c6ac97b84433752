// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dirty log, with each mechanism there is: exactly the pages that guest, userspace and others wrote;
 * and under a storm of writes from all of them nothing is ever lost. The oracle is a copy that is
 * kept up to date from the log alone and must equal the guest's memory in the end.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../unit/tap.h"
#include "tiny.h"

#define PAGE	   4096UL
#define MIB	   (1UL << 20)
#define SIZE	   (16 * MIB)
#define NPAGES	   (SIZE / PAGE)
#define DATA_PAGE  (TINY_DATA / PAGE)
#define DATA_PAGES 2048 /* the guests below write here: a power of two */

static uint64_t bitmap[NPAGES / 64];

static int dirty(struct tiny *t, uint32_t op, uint32_t flags)
{
	struct ferry_dirty d = { .size = sizeof(d), .flags = flags, .op = op };

	return ioctl(t->vm, FERRY_DIRTY, &d) ? -errno : 0;
}

/* Pages reported, or -errno. */
static long harvest(struct tiny *t)
{
	struct ferry_dirty d = { .size = sizeof(d),
				 .op = FERRY_DIRTY_HARVEST,
				 .bitmap = (uintptr_t)bitmap,
				 .bitmap_bytes = sizeof(bitmap) };
	unsigned int i, nr = 0;

	memset(bitmap, 0, sizeof(bitmap));
	if (ioctl(t->vm, FERRY_DIRTY, &d))
		return -errno;
	for (i = 0; i < NPAGES / 64; i++)
		nr += __builtin_popcountll(bitmap[i]);
	return nr == d.nr_dirty ? nr : -EPROTO;
}

static bool reported(unsigned long page)
{
	return bitmap[page / 64] >> page % 64 & 1;
}

/* Exactly one page, that one. */
static bool only(struct tiny *t, unsigned long page)
{
	return harvest(t) == 1 && reported(page);
}

static const char *name_of(uint32_t flags)
{
	return flags & FERRY_DIRTY_PML	       ? "page-modification log" :
	       flags & FERRY_DIRTY_WRITE_PROTECT ? "write protection" :
						   "dirty bits";
}

static struct ferry_stats stats(struct tiny *t)
{
	struct ferry_stats s = { .size = sizeof(s) };

	if (ioctl(t->vm, FERRY_GET_STATS, &s))
		bail_out("FERRY_GET_STATS: %s", strerror(errno));
	return s;
}

/* --- guests ------------------------------------------------------------------------------------- */

/* Write to ECX pages from EDX on, EBX bytes apart; OUT. */
#define WRITER                       \
	"1: movl $0x600d, 8(%edx)\n" \
	"add %ebx, %edx\n"           \
	"dec %ecx\n"                 \
	"jnz 1b\n"                   \
	"out %eax, $0xf1"
#define READER                    \
	"1: movl 8(%edx), %eax\n" \
	"add %ebx, %edx\n"        \
	"dec %ecx\n"              \
	"jnz 1b\n"                \
	"out %eax, $0xf1"
TINY_SNIPPET(writer32, 32, WRITER);
TINY_SNIPPET(writer64, 64, WRITER);
TINY_SNIPPET(writer_int, 32,
	     "1: movl $0x600d, 8(%edx)\n"
	     "add %ebx, %edx\n"
	     "dec %ecx\n"
	     "jnz 1b\n"
	     "int $0x30");
TINY_SNIPPET(reader32, 32, READER);

/* Have the kernel write: kvmclock's wall clock, to the address in EDX. */
TINY_SNIPPET(kernel_writes, 32,
	     "mov %edx, %eax\n"
	     "xor %edx, %edx\n"
	     "mov $0x4b564d00, %ecx\n"
	     "wrmsr\n"
	     "out %eax, $0xf1");

/*
 * For ever: take a random page and count in it, at offset ESI, for a random while; EBX counts on. A
 * page is seldom visited twice, so that a lost report is not made good by the next visit.
 */
TINY_SNIPPET(storm, 32, TINY_LOOPS
	     "1: imul $1664525, %eax, %eax\n"
	     "add $1013904223, %eax\n"
	     "mov %eax, %edx\n"
	     "shr $9, %edx\n"
	     "and $0x7ff000, %edx\n"
	     "mov %eax, %ecx\n"
	     "and $0xffff, %ecx\n"
	     "2: inc %ebx\n"
	     "mov %ebx, 0x100000(%edx,%esi)\n"
	     "dec %ecx\n"
	     "jg 2b\n"
	     "jmp 1b");

/* The OUT that ended the last run is finished by the next; let that one end there. */
static void finish(struct tiny *t)
{
	struct ferry_vcpu_run args = { .size = sizeof(args) };

	t->run->immediate_exit = 1;
	ioctl(t->vcpu, FERRY_RUN, &args);
	t->run->immediate_exit = 0;
}

static void start_at(struct tiny *t, unsigned long page, unsigned int count, unsigned int stride)
{
	struct ferry_state_general g = tiny_regs(t);

	g.rip = TINY_CODE;
	g.gpr[FERRY_RDX] = page * PAGE;
	g.gpr[FERRY_RCX] = count;
	g.gpr[FERRY_RBX] = stride * PAGE;
	tiny_set_regs(t, &g);
}

/* Run a writer or reader to its end. */
static bool go(struct tiny *t, unsigned long page, unsigned int count, unsigned int stride)
{
	bool good;

	start_at(t, page, count, stride);
	good = tiny_run(t) == FERRY_EXIT_IO;
	finish(t);
	return good;
}

/* --- without a guest ------------------------------------------------------------------------------ */

static void test_errors(struct tiny *t)
{
	struct ferry_dirty d = { .size = sizeof(d),
				 .op = FERRY_DIRTY_HARVEST,
				 .bitmap = (uintptr_t)bitmap,
				 .bitmap_bytes = sizeof(bitmap) };
	struct ferry_memory m = { .size = sizeof(m), .region = 1, .gpa = SIZE, .length = PAGE };

	ok_eq(harvest(t), -ENOENT, "no harvest without a log");
	ok_eq(dirty(t, FERRY_DIRTY_STOP, 0), -ENOENT, "nothing to stop");
	ok_eq(dirty(t, 0, 0), -EINVAL, "operation 0");
	ok_eq(dirty(t, 4, 0), -EINVAL, "an unknown operation");
	ok_eq(dirty(t, FERRY_DIRTY_START, 4), -EINVAL, "an unknown flag");
	ok_eq(dirty(t, FERRY_DIRTY_START, FERRY_DIRTY_WRITE_PROTECT | FERRY_DIRTY_PML), -EINVAL,
	      "two mechanisms");
	if (!(tiny_caps() & FERRY_CAP_DIRTY_PML))
		ok_eq(dirty(t, FERRY_DIRTY_START, FERRY_DIRTY_PML), -EOPNOTSUPP, "one that is not there");
	ok_eq(dirty(t, FERRY_DIRTY_START, 0), 0, "start");
	ok_eq(dirty(t, FERRY_DIRTY_START, 0), -EBUSY, "started twice");
	ok(ioctl(t->vm, FERRY_SET_MEMORY, &m) && errno == EBUSY, "no new region meanwhile");
	d.region = 1;
	ok(ioctl(t->vm, FERRY_DIRTY, &d) && errno == ENOENT, "no such region");
	d.region = ~0u;
	ok(ioctl(t->vm, FERRY_DIRTY, &d) && errno == ENOENT, "nor one beyond all");
	d.region = 0;
	d.bitmap_bytes--;
	ok(ioctl(t->vm, FERRY_DIRTY, &d) && errno == EINVAL, "a bitmap too small");
	d.bitmap_bytes++;
	d.flags = FERRY_DIRTY_WRITE_PROTECT;
	ok(ioctl(t->vm, FERRY_DIRTY, &d) && errno == EINVAL, "a flag that is not a harvest's");
	d.flags = 0;
	ok_eq(harvest(t), NPAGES, "everything is dirty at first");
	t->mem[5 * PAGE] = 1;
	d.bitmap = 8;
	ok(ioctl(t->vm, FERRY_DIRTY, &d) && errno == EFAULT, "a bitmap that is not there");
	ok(only(t, 5), "loses no report");
	ok_eq(dirty(t, FERRY_DIRTY_STOP, 0), 0, "stop");
	ok_eq(harvest(t), -ENOENT, "no harvest after it");
}

static void test_user(struct tiny *t, uint32_t flags)
{
	uint8_t *other = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, t->vm, 0);
	struct iovec local, remote;
	volatile uint8_t sum = 0;
	int pipes[2], status;
	char buf[PAGE] = "";
	unsigned int i;
	pid_t child;

	diag("userspace's writes, %s", name_of(flags));
	memset(t->mem, 1, SIZE); /* mapped writable before the log */
	memset(other, 2, SIZE);
	dirty(t, FERRY_DIRTY_START, flags);
	ok_eq(harvest(t), NPAGES, "everything is dirty at first");
	ok_eq(harvest(t), 0, "nothing after that");
	t->mem[7 * PAGE + 3] = 1;
	ok(only(t, 7), "a page written through a mapping from before the log");
	t->mem[7 * PAGE + 4] = 1;
	ok(only(t, 7), "and again");
	other[9 * PAGE] = 1;
	ok(only(t, 9), "through another mapping");
	for (i = 0; i < NPAGES; i++)
		sum += t->mem[i * PAGE];
	ok_eq(harvest(t), 0, "reading all of it is no write");
	t->mem[11 * PAGE] = 1;
	ok(only(t, 11), "a write after a read");
	t->mem[12 * PAGE] = 1;
	t->mem[13 * PAGE] = other[12 * PAGE] = other[63 * PAGE] = other[64 * PAGE] = 1;
	ok(harvest(t) == 4 && reported(12) && reported(13) && reported(63) && reported(64),
	   "several, across a word's end");

	child = fork();
	if (!child) {
		t->mem[20 * PAGE] = 1;
		_exit(0);
	}
	waitpid(child, &status, 0);
	ok(only(t, 20), "a child's write");
	local = (struct iovec){ buf, 16 };
	remote = (struct iovec){ t->mem + 31 * PAGE - 8, 16 };
	process_vm_writev(getpid(), &local, 1, &remote, 1, 0);
	ok(harvest(t) == 2 && reported(30) && reported(31), "process_vm_writev() across two pages");

	if (pipe(pipes) || write(pipes[1], buf, 100) != 100)
		bail_out("pipe");
	if (read(pipes[0], t->mem + 40 * PAGE, 100) != 100)
		bail_out("read");
	ok(only(t, 40), "read() into it");
	t->mem[41 * PAGE] = 1;
	local = (struct iovec){ t->mem + 41 * PAGE, PAGE };
	vmsplice(pipes[1], &local, 1, 0);
	ok(only(t, 41) && only(t, 41) && only(t, 41),
	   "a page somebody holds a reference to stays dirty");
	ok(read(pipes[0], buf, PAGE) == PAGE && only(t, 41) && harvest(t) == 0,
	   "until it is let go, and is reported once more then");
	close(pipes[0]);
	close(pipes[1]);
	munmap(other, SIZE);
	dirty(t, FERRY_DIRTY_STOP, 0);
	t->mem[50 * PAGE] = 1;
	dirty(t, FERRY_DIRTY_START, flags);
	ok(harvest(t) == NPAGES && harvest(t) == 0, "a second log begins as the first did");
	dirty(t, FERRY_DIRTY_STOP, 0);
}

/* --- one vCPU, exact ------------------------------------------------------------------------------- */

static bool exactly(struct tiny *t, unsigned long page, unsigned int count, unsigned int stride)
{
	long nr = harvest(t);
	unsigned int i;

	for (i = 0; i < count; i++)
		if (!reported(page + i * stride))
			return false;
	if (nr != count)
		diag("%ld pages reported, %u written", nr, count);
	return nr == count;
}

/* EPT before Haswell has no accessed and dirty bits: there the log always protects. */
static void test_guest(struct tiny *t, uint32_t flags)
{
	bool faults_tell = flags & FERRY_DIRTY_WRITE_PROTECT || !(tiny_caps() & FERRY_CAP_DIRTY_AD);
	unsigned int count = faults_tell ? 150 : 0;
	uint64_t faults;

	diag("a guest's writes, %s", name_of(flags));
	TINY_LOAD(t, TINY_32, writer32);
	ok(go(t, DATA_PAGE, DATA_PAGES, 1), "the guest touches all its pages");
	ok(stats(t).huge_mappings > 0, "they are mapped large");
	dirty(t, FERRY_DIRTY_START, flags);
	ok_eq(harvest(t), NPAGES, "everything is dirty at first");
	ok_eq(stats(t).huge_mappings, 0, "large mappings are split");
	ok_eq(harvest(t), 0, "nothing after that");
	go(t, DATA_PAGE + 100, 1, 1);
	ok(exactly(t, DATA_PAGE + 100, 1, 1), "one page");
	go(t, DATA_PAGE + 100, 1, 1);
	ok(exactly(t, DATA_PAGE + 100, 1, 1), "the same again");
	faults = stats(t).nested_faults;
	go(t, DATA_PAGE + 3, 150, 13);
	ok_eq(stats(t).nested_faults - faults, count, "exits for 150 dirtied pages");
	ok(exactly(t, DATA_PAGE + 3, 150, 13), "every 13th page");
	ok_eq(harvest(t), 0, "and none twice");
	go(t, DATA_PAGE + 511, 2, 1);
	ok(exactly(t, DATA_PAGE + 511, 2, 1), "two in different chunks");
	TINY_LOAD(t, TINY_32, reader32);
	harvest(t); /* loading wrote the code */
	go(t, DATA_PAGE, DATA_PAGES, 1);
	ok_eq(harvest(t), 0, "reading is no write");
	TINY_LOAD(t, TINY_32, writer32);
	harvest(t);
	go(t, DATA_PAGE, DATA_PAGES, 1);
	t->mem[(DATA_PAGE + DATA_PAGES) * PAGE] = 1;
	ok(exactly(t, DATA_PAGE, DATA_PAGES + 1, 1), "all of them, and one of userspace's");
	dirty(t, FERRY_DIRTY_STOP, 0);
	go(t, DATA_PAGE, DATA_PAGES, 1);
	ok(stats(t).huge_mappings > 0, "after the log large mappings come back");
	faults = stats(t).nested_faults;
	go(t, DATA_PAGE, DATA_PAGES, 1);
	ok_eq(stats(t).nested_faults, faults, "and then nothing faults any more");
}

/* The module's own writes, which no dirty bit and no mapping shows. */
static void test_kernel(struct tiny *t, uint32_t flags)
{
	unsigned long page = DATA_PAGE + 77;

	diag("the kernel's writes, %s", name_of(flags));
	TINY_LOAD(t, TINY_32, kernel_writes);
	memset(t->mem + page * PAGE, 0, PAGE);
	dirty(t, FERRY_DIRTY_START, flags);
	ok(harvest(t) == NPAGES && harvest(t) == 0, "everything, then nothing");
	ok(go(t, page, 1, 1) && *(volatile uint32_t *)(t->mem + page * PAGE + 4),
	   "kvmclock has told the time of day");
	ok(only(t, page), "that page");
	start_at(t, page, 1, 1);
	ok(tiny_run(t) == FERRY_EXIT_IO && only(t, page), "and again");
	finish(t);
	ok_eq(harvest(t), 0, "and no other");
	dirty(t, FERRY_DIRTY_STOP, 0);
}

/* More pages than the CPU's log has room for, and what is in it when nobody has left the guest. */
static void test_full(struct tiny *t)
{
	unsigned int i, traps = 0, in_delivery = 0;
	uint64_t full;

	diag("the page-modification log runs full");
	TINY_LOAD(t, TINY_32, writer32);
	go(t, DATA_PAGE, DATA_PAGES, 1);
	dirty(t, FERRY_DIRTY_START, FERRY_DIRTY_PML);
	harvest(t);
	full = tiny_exits(t, "dirty-log-full");
	go(t, DATA_PAGE, 500, 1);
	ok_eq(tiny_exits(t, "dirty-log-full"), full, "500 written pages have room");
	ok(exactly(t, DATA_PAGE, 500, 1), "all are reported");
	go(t, DATA_PAGE, DATA_PAGES, 1);
	full = tiny_exits(t, "dirty-log-full") - full;
	/* Each interrupt of the host's empties the log as well. */
	ok(full >= 1 && full <= DATA_PAGES / 512, "%u have not: %llu exits", DATA_PAGES,
	   (unsigned long long)full);
	ok(exactly(t, DATA_PAGE, DATA_PAGES, 1), "none of them is lost");
	ok_eq(harvest(t), 0, "and none comes twice");

	/* The 513th write is the delivery's own, to the stack. */
	TINY_LOAD(t, TINY_32, writer_int);
	for (i = 0; i < 5; i++) {
		harvest(t);
		start_at(t, DATA_PAGE, 512, 1);
		full = tiny_exits(t, "dirty-log-full");
		traps += tiny_run(t) == TINY_TRAP && t->trap->vector == 0x30 &&
			 t->trap->rip == TINY_CODE + writer_int_end - writer_int_begin;
		in_delivery += tiny_exits(t, "dirty-log-full") - full;
		finish(t);
	}
	ok(in_delivery > 0, "%u times it ran full as an interrupt was delivered", in_delivery);
	ok_eq(traps, 5, "each was delivered once, from where it was raised");
	dirty(t, FERRY_DIRTY_STOP, 0);
	TINY_LOAD(t, TINY_32, writer32);
	go(t, DATA_PAGE, DATA_PAGES, 1);
	full = tiny_exits(t, "dirty-log-full");
	go(t, DATA_PAGE, DATA_PAGES, 1);
	ok_eq(tiny_exits(t, "dirty-log-full"), full, "without a log the CPU keeps none");
}

/* Page tables, which the processor writes itself. Both mechanisms must say the same. */
static void test_tables(struct tiny *t, uint32_t flags)
{
	static uint64_t by_bits[NPAGES / 64];

	TINY_LOAD(t, TINY_64, writer64);
	go(t, DATA_PAGE, DATA_PAGES, 1);
	dirty(t, FERRY_DIRTY_START, flags);
	harvest(t);
	go(t, DATA_PAGE + 5, 100, 7);
	harvest(t);
	memcpy(by_bits, bitmap, sizeof(bitmap));
	dirty(t, FERRY_DIRTY_STOP, 0);

	dirty(t, FERRY_DIRTY_START, FERRY_DIRTY_WRITE_PROTECT);
	harvest(t);
	go(t, DATA_PAGE + 5, 100, 7);
	ok(harvest(t) >= 100, "a paged guest's writes, by write protection");
	dirty(t, FERRY_DIRTY_STOP, 0);
	ok_mem(by_bits, bitmap, sizeof(bitmap), "are what %s said, page tables included",
	       name_of(flags));
}

/* --- the creator's cgroup ---------------------------------------------------------------------- */

#define CGROUPS "/sys/fs/cgroup"

static bool write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	return f && fputs(text, f) >= 0 && !fclose(f);
}

/* What the kernel's own allocations for the group take. */
static long kernel_bytes(void)
{
	FILE *f = fopen(CGROUPS "/tables/memory.stat", "r");
	char line[128];
	long bytes = -1;

	while (f && bytes < 0 && fgets(line, sizeof(line), f))
		if (sscanf(line, "kernel %ld", &bytes) != 1)
			bytes = -1;
	if (f)
		fclose(f);
	return bytes;
}

/* Splitting large pages takes tables: of the VM's creator, whoever asks for the harvest. */
static void test_charge(void)
{
	struct tiny t;
	long before, charged = 0, tables;
	unsigned int i;

	if (access(CGROUPS "/cgroup.procs", F_OK))
		mount("cgroup2", CGROUPS, "cgroup2", 0, NULL);
	if (!write_text(CGROUPS "/cgroup.subtree_control", "+memory") ||
	    (mkdir(CGROUPS "/tables", 0755) && errno != EEXIST) || kernel_bytes() < 0) {
		skip("no cgroup v2 memory controller", "tables are charged to the creator");
		return;
	}
	write_text(CGROUPS "/tables/cgroup.procs", "0");
	tiny_open(&t, SIZE);
	TINY_LOAD(&t, TINY_32, writer32);
	go(&t, 512, NPAGES - 512, 1);
	write_text(CGROUPS "/cgroup.procs", "0");
	sleep(3); /* the numbers are brought up to date every two seconds */
	before = kernel_bytes();
	tables = stats(&t).table_pages;
	dirty(&t, FERRY_DIRTY_START, 0);
	harvest(&t);
	tables = stats(&t).table_pages - tables;
	for (i = 0; i < 50 && charged < tables * 4096; i++) {
		usleep(100000);
		charged = kernel_bytes() - before;
	}
	ok(tables >= 6 && charged >= tables * 4096,
	   "tables that a harvest takes are charged to the VM's creator (%ld, %ld KiB)", tables,
	   charged >> 10);
	dirty(&t, FERRY_DIRTY_STOP, 0);
	tiny_close(&t);
}

/* --- storms ------------------------------------------------------------------------------------------ */

#define STORM_HARVESTS 50

static volatile bool stop;

struct runner {
	struct tiny t;
	pthread_t thread;
	int result;
};

static void *run_vcpu(void *arg)
{
	struct ferry_vcpu_run args = { .size = sizeof(args) };
	struct runner *r = arg;
	int ret;

	do
		ret = ioctl(r->t.vcpu, FERRY_RUN, &args);
	while (ret && errno == EINTR);
	r->result = ret ? -errno : (int)r->t.run->exit_reason;
	return NULL;
}

/* Userspace writes, too: through the mapping, and from outside. */
static void *user_writer(void *arg)
{
	struct tiny *t = arg;
	struct timespec nap = { .tv_nsec = 500000 };
	uint32_t count = 0, x = 1;
	struct iovec local = { &count, sizeof(count) }, remote = { NULL, sizeof(count) };

	while (!stop) {
		x = x * 1664525 + 1013904223;
		remote.iov_base = t->mem + TINY_DATA + (x >> 16) % DATA_PAGES * PAGE + 64;
		count++;
		if (count % 8)
			*(volatile uint32_t *)remote.iov_base = count;
		else
			process_vm_writev(getpid(), &local, 1, &remote, 1, 0);
		nanosleep(&nap, NULL);
	}
	return NULL;
}

static void second_vcpu(struct tiny *t, const struct tiny *first)
{
	struct ferry_create_vcpu vcpu = { .size = sizeof(vcpu), .id = 1 };
	struct ferry_state_mp mp = { .state = FERRY_MP_RUNNABLE };

	*t = *first;
	t->vcpu = ioctl(t->vm, FERRY_CREATE_VCPU, &vcpu);
	t->run = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, t->vcpu, 0);
	if (t->vcpu < 0 || t->run == MAP_FAILED || tiny_set(t, FERRY_STATE_MP, &mp, sizeof(mp)))
		bail_out("a second vCPU: %s", strerror(errno));
}

static void prepare(struct tiny *t, unsigned int who)
{
	struct ferry_state_general g;

	TINY_LOAD(t, TINY_32, storm);
	g = tiny_regs(t);
	g.gpr[FERRY_RAX] = who * 77;
	g.gpr[FERRY_RSI] = 128 * (who + 1);
	tiny_set_regs(t, &g);
}

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void test_storm(unsigned int vcpus, uint32_t flags, bool user)
{
	struct ferry_pause pause = { .size = sizeof(pause) };
	static struct runner r[2];
	uint64_t progress, total = 0, rounds = 0;
	pthread_t writer;
	uint8_t *copy = malloc(SIZE);
	unsigned int i, h, bad = 0;
	long nr, began = now_ms();

	memset(r, 0, sizeof(r));
	stop = false;
	tiny_open(&r[0].t, SIZE);
	if (vcpus > 1)
		second_vcpu(&r[1].t, &r[0].t);
	for (i = 0; i < vcpus; i++)
		prepare(&r[i].t, i);
	for (i = 0; i < vcpus; i++)
		pthread_create(&r[i].thread, NULL, run_vcpu, &r[i]);
	if (user)
		pthread_create(&writer, NULL, user_writer, &r[0].t);
	usleep(20000);
	if (dirty(&r[0].t, FERRY_DIRTY_START, flags))
		bail_out("the log does not start");
	for (h = 0; h <= STORM_HARVESTS; h++) {
		if (h == STORM_HARVESTS) {
			stop = true;
			if (user)
				pthread_join(writer, NULL);
			if (ioctl(r[0].t.vm, FERRY_PAUSE, &pause))
				bail_out("FERRY_PAUSE: %s", strerror(errno));
		}
		nr = harvest(&r[0].t);
		if (nr < 0)
			bail_out("harvest: %s", strerror(-nr));
		for (i = 0; i < NPAGES; i++)
			if (reported(i))
				memcpy(copy + i * PAGE, r[0].t.mem + i * PAGE, PAGE);
		total += h ? nr : 0;
		rounds += h && nr;
		usleep(h % 5 * 2000);
	}
	for (i = 0; i < vcpus; i++)
		pthread_join(r[i].thread, NULL);
	for (i = 0; i < NPAGES; i++)
		if (memcmp(copy + i * PAGE, r[0].t.mem + i * PAGE, PAGE)) {
			if (!bad++)
				diag("the first page that differs: %u", i);
		}
	progress = 0;
	for (i = 0; i < vcpus; i++)
		progress += tiny_reg(&r[i].t, FERRY_RBX);
	ok_eq(bad, 0, "%u vCPU%s%s, %s: copy and guest are equal", vcpus, vcpus > 1 ? "s" : "",
	      user ? " and userspace" : "", name_of(flags));
	for (i = 0; i < vcpus; i++)
		if (r[i].result != FERRY_EXIT_PAUSED)
			diag("vCPU %u left for reason %d at %#llx: %s", i, r[i].result,
			     (unsigned long long)r[i].t.run->rip,
			     r[i].result == FERRY_EXIT_ERROR ? (char *)r[i].t.run->error.detail :
							       "");
	ok(rounds > STORM_HARVESTS / 2 && r[0].result == FERRY_EXIT_PAUSED &&
		   r[vcpus - 1].result == FERRY_EXIT_PAUSED && progress > 10000,
	   "the storm blew (%llu writes, %llu pages in %llu harvests, %ld ms)",
	   (unsigned long long)progress, (unsigned long long)total, (unsigned long long)rounds,
	   now_ms() - began);
	ok_eq(harvest(&r[0].t), 0, "a further harvest finds nothing");
	if (vcpus > 1) {
		munmap((void *)r[1].t.run, 4096);
		close(r[1].t.vcpu);
	}
	tiny_close(&r[0].t);
	free(copy);
}

/* dirty [ROUNDS]: with an argument storms alone, so many times. */
int main(int argc, char **argv)
{
	uint32_t mechanisms[3] = { 0, FERRY_DIRTY_WRITE_PROTECT };
	unsigned int i, nr_mechanisms = 2, rounds = argc > 1 ? atoi(argv[1]) : 1;
	struct tiny t;

	if (tiny_caps() & FERRY_CAP_DIRTY_PML)
		mechanisms[nr_mechanisms++] = FERRY_DIRTY_PML;
	if (argc == 1) {
		tiny_open(&t, SIZE);
		test_errors(&t);
		for (i = 0; i < nr_mechanisms; i++) {
			test_user(&t, mechanisms[i]);
			test_guest(&t, mechanisms[i]);
			test_kernel(&t, mechanisms[i]);
			if (mechanisms[i] != FERRY_DIRTY_WRITE_PROTECT)
				test_tables(&t, mechanisms[i]);
		}
		if (tiny_caps() & FERRY_CAP_DIRTY_PML)
			test_full(&t);
		tiny_close(&t);
		if (tiny_caps() & FERRY_CAP_DIRTY_AD)
			test_charge();
	}
	for (i = 0; i < 4 * nr_mechanisms * rounds; i++)
		test_storm(1 + (i & 1), mechanisms[i / 4 % nr_mechanisms], i & 2);
	return done();
}
