// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest memory as userspace sees it: regions and their errors, the mapping under everything a
 * process can do to one, first touch, the creator's memory cgroup. No vCPU is needed.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/ferry.h>
#include <linux/loop.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <stdlib.h>
#include <unistd.h>

#include "../unit/tap.h"

#define PAGE 4096UL
#define MIB  (1UL << 20)
#define GIB  (1UL << 30)

static int dev;

static int new_vm(void)
{
	struct ferry_create_vm vm = { .size = sizeof(vm), .name = "memory", .uuid = { 2 } };
	int fd = ioctl(dev, FERRY_CREATE_VM, &vm);

	if (fd < 0)
		bail_out("FERRY_CREATE_VM: %s", strerror(errno));
	return fd;
}

static int region_flags(int vm, uint32_t region, uint64_t gpa, uint64_t length, uint32_t flags)
{
	struct ferry_memory m = {
		.size = sizeof(m), .flags = flags, .region = region, .gpa = gpa, .length = length
	};

	return ioctl(vm, FERRY_SET_MEMORY, &m) ? -errno : 0;
}

static int region(int vm, uint32_t number, uint64_t gpa, uint64_t length)
{
	return region_flags(vm, number, gpa, length, 0);
}

static int region_remove(int vm, uint32_t number)
{
	return region_flags(vm, number, 0, 0, FERRY_MEM_REMOVE);
}

static uint8_t *map(int vm, uint64_t gpa, size_t length)
{
	void *p = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, vm, gpa);

	return p == MAP_FAILED ? NULL : p;
}

static uint64_t pages_present(int vm)
{
	struct ferry_stats s = { .size = sizeof(s) };

	return ioctl(vm, FERRY_GET_STATS, &s) ? ~0ULL : s.pages_present;
}

/* --- touching what may not be there ----------------------------------------------------------- */

static sigjmp_buf escape;

static void on_fault(int sig)
{
	siglongjmp(escape, sig);
}

/* 0, or the signal that reading or writing there brings. */
static int touch(volatile uint8_t *p, bool write)
{
	int sig = sigsetjmp(escape, 1);

	if (sig)
		return sig;
	if (write)
		*p = 1;
	else
		(void)*p;
	return 0;
}

static bool all_zero(const uint8_t *p, size_t length)
{
	while (length && !*p) {
		p++;
		length--;
	}
	return !length;
}

/* --- regions ---------------------------------------------------------------------------------- */

static void test_regions(void)
{
	int vm = new_vm();
	uint32_t i;
	int bad = 0;

	ok_eq(region(vm, 0, 0, 16 * MIB), 0, "a region");
	ok_eq(region(vm, 0, GIB, MIB), -EEXIST, "a number in use");
	ok_eq(region(vm, 1, 16 * MIB - PAGE, PAGE), -EEXIST, "overlap at the end");
	ok_eq(region(vm, 1, 0, GIB), -EEXIST, "overlap from outside");
	ok_eq(region(vm, 1, 16 * MIB, PAGE), 0, "right behind it");
	ok_eq(region(vm, 2, GIB + 1, PAGE), -EINVAL, "an address in mid-page");
	ok_eq(region(vm, 2, GIB, PAGE + 512), -EINVAL, "a length that is no whole number of pages");
	ok_eq(region(vm, 2, GIB, 0), -EINVAL, "no length");
	ok_eq(region(vm, 2, -PAGE, PAGE), -EINVAL, "the last page of all");
	ok_eq(region(vm, 2, -PAGE, 2 * PAGE), -EINVAL, "around the end of all");
	ok_eq(region(vm, 2, PAGE, -PAGE), -EINVAL, "a length that wraps");
	ok_eq(region(vm, 2, 1ULL << 57, PAGE), -EINVAL, "beyond any page table");
	ok_eq(region(vm, 2, GIB, 1ULL << 52), -EINVAL, "longer than anything");
	ok_eq(region(vm, FERRY_MAX_REGIONS, GIB, PAGE), -EINVAL, "a number too large");
	ok_eq(region_flags(vm, 2, GIB, PAGE, 0x80), -EINVAL, "an unknown flag");
	ok_eq(region_remove(vm, 2), -ENOENT, "removing what is not there");
	ok_eq(region_flags(vm, 1, 0, PAGE, FERRY_MEM_REMOVE), -EINVAL, "removing with a length");
	ok_eq(region_remove(vm, 1), 0, "removing");
	ok_eq(region_remove(vm, 1), -ENOENT, "removing twice");
	for (i = 1; i < FERRY_MAX_REGIONS; i++)
		bad |= region(vm, i, GIB + (FERRY_MAX_REGIONS - i) * 2 * PAGE, PAGE);
	ok_eq(bad, 0, "as many regions as there may be, in falling order");
	ok_eq(region(vm, 5, 2 * GIB, PAGE), -EEXIST, "and no more");
	ok_eq(pages_present(vm), 0, "nothing is allocated for any of this");
	close(vm);
}

/* --- the mapping ------------------------------------------------------------------------------ */

static void test_mapping(void)
{
	int vm = new_vm();
	uint8_t *p, *low;

	ok(mmap(NULL, MIB, PROT_READ, MAP_PRIVATE, vm, 0) == MAP_FAILED && errno == EINVAL,
	   "a private mapping is refused");
	ok(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, vm, 1ULL << 57) == MAP_FAILED,
	   "a mapping of what no guest can address is refused");
	p = map(vm, GIB, 8 * MIB);
	ok(p, "mapping before there is memory");
	ok_eq(touch(p, false), SIGBUS, "a read there is SIGBUS");
	ok_eq(touch(p, true), SIGBUS, "so is a write");
	region(vm, 0, GIB, 4 * MIB);
	ok(!touch(p, false) && !touch(p + 4 * MIB - 1, true), "the region has come: fine");
	ok_eq(touch(p + 4 * MIB, false), SIGBUS, "but not beyond it");
	ok_eq(pages_present(vm), 1024, "two chunks of 2 MiB are there");
	p[4 * MIB - 1] = 0;
	ok(all_zero(p, 4 * MIB), "and all zero");
	memset(p, 0xa5, 4 * MIB);
	low = map(vm, GIB + MIB, PAGE);
	ok(low && low[5] == 0xa5, "another mapping shows the same");
	low[5] = 7;
	ok_eq(p[MIB + 5], 7, "both ways");
	ok_eq(region_remove(vm, 0), 0, "removing a region that is mapped");
	ok_eq(pages_present(vm), 0, "its pages are gone");
	ok_eq(touch(p, false), SIGBUS, "reading it is SIGBUS again");
	ok_eq(touch(low, false), SIGBUS, "through the other mapping, too");
	region(vm, 3, GIB, 4 * MIB);
	ok(all_zero(p, 4 * MIB), "a new region in its place is zero: nothing stale");

	ok(mremap(p, 8 * MIB, 16 * MIB, MREMAP_MAYMOVE) == MAP_FAILED, "the mapping cannot grow");
	memset(p, 0x11, PAGE);
	ok(!madvise(p, PAGE, MADV_DONTNEED) && p[9] == 0x11, "MADV_DONTNEED loses nothing");
	ok(!mprotect(p, PAGE, PROT_READ) && touch(p, true) == SIGSEGV, "mprotect holds");
	ok(!mprotect(p, PAGE, PROT_READ | PROT_WRITE) && !touch(p, true), "and can be undone");
	close(vm);
	ok(!touch(p + PAGE, true), "the mapping outlives the descriptor");
	munmap(p, 8 * MIB);
	munmap(low, PAGE);
}

static void test_small(void)
{
	int vm = new_vm();
	uint8_t *p = map(vm, 0, 4 * MIB);

	region(vm, 0, 0, 640 * 1024);
	region(vm, 1, MIB, 2 * MIB);
	region_flags(vm, 2, 0xff000, PAGE, FERRY_MEM_READONLY);
	touch(p, true);
	touch(p + 639 * 1024, true);
	ok_eq(pages_present(vm), 2, "a region below 2 MiB takes single pages");
	touch(p + MIB, true);
	touch(p + 3 * MIB - 1, true);
	ok_eq(pages_present(vm), 4, "a chunk that two regions share does, too");
	ok_eq(touch(p + 640 * 1024, false), SIGBUS, "the hole between them is a hole");
	ok(!touch(p + 0xff000, true), "userspace may fill what is read-only to the guest");
	p[MIB] = 0x5a;
	region_remove(vm, 0);
	ok_eq(p[MIB], 0x5a, "removing one region leaves its neighbour alone");
	munmap(p, 4 * MIB);
	close(vm);
}

/* --- other ways to reach the pages ------------------------------------------------------------ */

static bool direct_io(uint8_t *p)
{
	char name[] = "/dev/loop0", file[] = "/tmp/direct.img";
	static uint8_t block[64 * 1024];
	int backing, loop, fd, i;
	bool good;

	backing = open(file, O_RDWR | O_CREAT, 0600);
	for (i = 0; i < sizeof(block); i++)
		block[i] = i * 7 + i / 4096;
	if (backing < 0 || write(backing, block, sizeof(block)) != sizeof(block))
		return false;
	loop = open(name, O_RDWR);
	if (loop < 0 && !system("modprobe loop"))
		loop = open(name, O_RDWR);
	if (loop < 0 || ioctl(loop, LOOP_SET_FD, backing))
		return false;
	fd = open(name, O_RDWR | O_DIRECT);
	good = fd >= 0 && read(fd, p, sizeof(block)) == sizeof(block) &&
	       !memcmp(p, block, sizeof(block));
	memset(p, 0x77, sizeof(block));
	good = good && pwrite(fd, p, sizeof(block), 0) == sizeof(block) &&
	       pread(fd, p + MIB, sizeof(block), 0) == sizeof(block) && p[MIB + 65535] == 0x77;
	close(fd);
	ioctl(loop, LOOP_CLR_FD, 0);
	close(loop);
	close(backing);
	unlink(file);
	return good;
}

static void test_other_ways(void)
{
	int vm = new_vm(), pipes[2], status, mem;
	struct iovec local, remote;
	char text[] = "through the back door";
	uint8_t *p;
	pid_t child;

	region(vm, 0, 0, 8 * MIB);
	p = map(vm, 0, 8 * MIB);
	local = (struct iovec){ text, sizeof(text) };
	remote = (struct iovec){ p + 2 * MIB - 5, sizeof(text) };
	ok_eq(process_vm_writev(getpid(), &local, 1, &remote, 1, 0), sizeof(text),
	      "process_vm_writev() across two chunks, untouched so far");
	ok_str((char *)p + 2 * MIB - 5, text, "has arrived");
	memset(text, 0, sizeof(text));
	ok(process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == sizeof(text) &&
		   !strcmp(text, "through the back door"),
	   "process_vm_readv() brings it back");

	mem = open("/proc/self/mem", O_RDWR);
	ok(pwrite(mem, "x", 1, (uintptr_t)p + 5 * PAGE) == 1 && p[5 * PAGE] == 'x',
	   "/proc/self/mem writes");
	close(mem);

	if (pipe(pipes))
		bail_out("pipe");
	memset(p, 0x42, PAGE);
	local = (struct iovec){ p, PAGE };
	ok_eq(vmsplice(pipes[1], &local, 1, 0), PAGE, "vmsplice() out of it");
	ok(read(pipes[0], p + PAGE, PAGE) == PAGE && p[PAGE + 77] == 0x42, "read() into it");
	close(pipes[0]);
	close(pipes[1]);

	ok(direct_io(p + 3 * MIB), "O_DIRECT reads into it and writes from it");

	child = fork();
	if (!child) {
		p[10] = 99;
		_exit(p[PAGE + 77] == 0x42 ? 0 : 1);
	}
	waitpid(child, &status, 0);
	ok(!status && p[10] == 99, "a child shares it");
	child = fork();
	if (!child) {
		munmap(p, 8 * MIB);
		_exit(0);
	}
	waitpid(child, &status, 0);
	ok(!touch(p + 10, true), "and takes nothing along when it goes");
	munmap(p, 8 * MIB);
	close(vm);
}

/* --- first touch from many sides --------------------------------------------------------------- */

#define THREADS	    4
#define STORM_PAGES 2048

static uint8_t *storm;

static void *toucher(void *arg)
{
	uintptr_t me = (uintptr_t)arg;
	unsigned int i;

	for (i = 0; i < STORM_PAGES; i++) {
		unsigned int n = (i * 769 + me * 13) % STORM_PAGES;

		__atomic_fetch_add((uint32_t *)(storm + n * PAGE), 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void test_parallel(void)
{
	pthread_t t[THREADS];
	int vm = new_vm();
	unsigned int n, bad = 0;
	uintptr_t i;

	region(vm, 0, 0, STORM_PAGES * PAGE);
	storm = map(vm, 0, STORM_PAGES * PAGE);
	for (i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, toucher, (void *)i);
	for (i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	for (n = 0; n < STORM_PAGES; n++)
		bad += *(uint32_t *)(storm + n * PAGE) != THREADS;
	ok_eq(bad, 0, "threads that touch the same pages first meet the same pages");
	ok_eq(pages_present(vm), STORM_PAGES, "each allocated once");
	munmap(storm, STORM_PAGES * PAGE);
	close(vm);
}

/* Regions come and go under a thread that writes: it sees its memory, zero, or SIGBUS. */
static volatile bool stop;

static void *hammer(void *arg)
{
	volatile uint8_t *p = arg;

	while (!stop) {
		volatile uint8_t *at = p + (rand() % 1024) * PAGE;

		if (!sigsetjmp(escape, 1))
			*at = *at + 1;
	}
	return NULL;
}

static void test_removal(void)
{
	int vm = new_vm(), i, bad = 0;
	uint8_t *p = map(vm, 0, 4 * MIB);
	pthread_t t;

	pthread_create(&t, NULL, hammer, p);
	for (i = 0; i < 50; i++) {
		bad |= region(vm, 0, 0, 4 * MIB);
		usleep(500);
		bad |= region_remove(vm, 0);
	}
	stop = true;
	pthread_join(t, NULL);
	ok_eq(bad, 0, "a region comes and goes 50 times under a writer");
	ok_eq(pages_present(vm), 0, "and leaves nothing");
	ok_eq(touch(p, false), SIGBUS, "in no mapping either");
	munmap(p, 4 * MIB);
	close(vm);
}

/* --- the creator's cgroup ---------------------------------------------------------------------- */

#define CGROUPS "/sys/fs/cgroup"

static long long read_number(const char *path)
{
	char text[64] = "";
	int fd = open(path, O_RDONLY);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return -1;
	close(fd);
	return atoll(text);
}

static bool write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	close(fd);
	return good;
}

static void test_cgroup(void)
{
	const char *current = CGROUPS "/ferry/memory.current";
	long long before, after;
	int vm, pages = 0, status;
	uint8_t *p;
	pid_t child;

	if (access(CGROUPS "/cgroup.procs", F_OK))
		mount("cgroup2", CGROUPS, "cgroup2", 0, NULL);
	if (!write_text(CGROUPS "/cgroup.subtree_control", "+memory") ||
	    (mkdir(CGROUPS "/ferry", 0755) && errno != EEXIST)) {
		skip("no cgroup v2 memory controller", "memory is charged to the creator");
		return;
	}
	ok(write_text(CGROUPS "/ferry/cgroup.procs", "0"), "in a cgroup of its own");
	vm = new_vm();
	region(vm, 0, 0, 64 * MIB);
	p = map(vm, 0, 64 * MIB);
	ok(write_text(CGROUPS "/cgroup.procs", "0"), "and out of it again");
	before = read_number(current);
	memset(p, 1, 8 * MIB);
	after = read_number(current);
	ok(after - before >= 8 * MIB && after - before < 9 * MIB,
	   "what is touched from outside is charged to the creator's (%lld KiB)",
	   (after - before) >> 10);
	child = fork();
	if (!child) {
		memset(p + 8 * MIB, 1, 4 * MIB);
		_exit(0);
	}
	waitpid(child, &status, 0);
	ok(read_number(current) - after >= 4 * MIB, "so is what another process touches");

	ok(write_text(CGROUPS "/ferry/memory.max", "20000000"), "a limit");
	while (pages < 64 * 256 && !touch(p + pages * PAGE, true))
		pages++;
	ok(pages < 64 * 256, "over the limit a touch is SIGBUS, nobody is killed");
	ok(pages > 4000 && pages < 20000000 / 4096, "and the limit is used up in single pages (%d)",
	   pages);
	ok(write_text(CGROUPS "/ferry/memory.max", "max") && !touch(p + pages * PAGE, true),
	   "with a higher limit it goes on");
	munmap(p, 64 * MIB);
	close(vm);
	usleep(200000);
	after = read_number(current);
	ok(after < before + MIB, "closing the VM gives it all back (%lld KiB left)", after >> 10);
}

int main(void)
{
	struct sigaction sa = { .sa_handler = on_fault };

	sigaction(SIGBUS, &sa, NULL);
	sigaction(SIGSEGV, &sa, NULL);
	dev = open("/dev/ferry", O_RDWR | O_CLOEXEC);
	if (dev < 0)
		bail_out("/dev/ferry: %s", strerror(errno));
	test_regions();
	test_mapping();
	test_small();
	test_other_ways();
	test_parallel();
	test_removal();
	test_cgroup();
	return done();
}
