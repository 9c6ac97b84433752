// SPDX-License-Identifier: GPL-2.0-only
/*
 * Debian's kernel from its 64-bit entry point through its init to a reboot, under Ferry or KVM:
 * `linux ferry|kvm VMLINUX INITRD`. The same userspace for both, as small as can be: the hypervisor's
 * own interrupt controllers and timer, no ACPI, a serial port that is always ready. So what differs is
 * the hypervisors' work.
 *
 * Ticks are the host's from the first entry to the end; the same without the time in which the vCPU
 * slept come from the thread's CPU clock, at a tick a nanosecond under icount.
 */
#include <asm/bootparam.h>
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "hv.h"

#define MEMORY (256UL << 20)
#define PARAMS 0x10000
#define CMDLINE_AT 0x20000
#define LOW_END 0x9fc00
#define MIB (1UL << 20)
/* noxsave: QEMU's SVM lets XSETBV through, so that KVM's answers and the guest's XCR0 disagree. */
#define CMDLINE                                                                                  \
	"earlyprintk=ttyS0,115200,keep acpi=off pci=off reboot=t panic=-1 nokaslr noxsave "      \
	"cryptomgr.notests random.trust_cpu=on guest.end=reboot "                                \
	"initcall_blacklist=load_system_certificate_list,blacklist_init"

struct file {
	uint8_t *data;
	size_t size;
};

static char console[256 << 10];
static size_t said;

static uint64_t tsc(void)
{
	return __builtin_ia32_rdtsc();
}

static uint64_t cpu_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static bool read_file(const char *path, struct file *f)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return false;
	f->size = st.st_size;
	f->data = mmap(NULL, f->size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	close(fd);
	return f->data != MAP_FAILED;
}

static bool load_elf(struct hv *hv, const struct file *f)
{
	const Elf64_Ehdr *e = (const void *)f->data;
	const Elf64_Phdr *p = (const void *)(f->data + e->e_phoff);
	int i;

	if (f->size < sizeof(*e) || memcmp(e->e_ident, ELFMAG, SELFMAG))
		return false;
	for (i = 0; i < e->e_phnum; i++)
		if (p[i].p_type == PT_LOAD) {
			if (p[i].p_paddr + p[i].p_memsz > hv->size)
				return false;
			memcpy(hv->mem + p[i].p_paddr, f->data + p[i].p_offset, p[i].p_filesz);
		}
	hv->entry = e->e_entry;
	return true;
}

/* Documentation/arch/x86/boot.rst, 64-bit boot protocol. */
static void set_params(struct hv *hv, const struct file *initrd)
{
	struct boot_params *b = (void *)(hv->mem + PARAMS);
	size_t at = (hv->size - initrd->size) & ~4095UL;

	memcpy(hv->mem + at, initrd->data, initrd->size);
	strcpy((char *)hv->mem + CMDLINE_AT, CMDLINE);
	memset(b, 0, sizeof(*b));
	b->hdr.type_of_loader = 0xff;
	b->hdr.boot_flag = 0xaa55;
	b->hdr.header = 0x53726448;
	b->hdr.cmd_line_ptr = CMDLINE_AT;
	b->hdr.cmdline_size = sizeof(CMDLINE);
	b->hdr.ramdisk_image = at;
	b->hdr.ramdisk_size = initrd->size;
	b->e820_entries = 2;
	b->e820_table[0].size = LOW_END;
	b->e820_table[0].type = 1;
	b->e820_table[1].addr = MIB;
	b->e820_table[1].size = hv->size - MIB;
	b->e820_table[1].type = 1;
	hv->arg = PARAMS;
}

static void serve_port(const struct hv *hv)
{
	if (hv->port_in) {
		/*
		 * Absent, but for the serial port's line status (sent, and ready for more) and the
		 * clock: all ones there would be an update in progress, waited for a second.
		 */
		memset(hv->port_data, 0xff, hv->port_bytes);
		if (hv->port == 0x3fd)
			*(uint8_t *)hv->port_data = 0x60;
		else if (hv->port == 0x71)
			*(uint8_t *)hv->port_data = 0;
	} else if (hv->port == 0x3f8 && said < sizeof(console) - 1) {
		console[said++] = *(const char *)hv->port_data;
	}
}

static void row(const char *name, const char *unit, uint64_t value)
{
	printf("row %s %s %.1f\n", name, unit, (double)value);
}

int main(int argc, char **argv)
{
	struct hv hv = { .size = MEMORY, .huge = true };
	uint64_t ticks, cpu, exits = 0;
	struct file kernel, initrd;
	enum hv_exit why;
	bool good;

	if (argc != 4 || (strcmp(argv[1], "kvm") && strcmp(argv[1], "ferry"))) {
		fprintf(stderr, "usage: linux ferry|kvm VMLINUX INITRD\n");
		return 2;
	}
	hv.ops = strcmp(argv[1], "kvm") ? &hv_ferry : &hv_kvm;
	if (!read_file(argv[2], &kernel) || !read_file(argv[3], &initrd)) {
		perror("linux: kernel or initrd");
		return 1;
	}
	if (!hv.ops->open(&hv))
		goto failed;
	hv_load(&hv, "", 0);
	if (!load_elf(&hv, &kernel))
		goto failed;
	set_params(&hv, &initrd);
	if (!hv.ops->start(&hv))
		goto failed;
	ticks = tsc();
	cpu = cpu_time();
	while ((why = hv.ops->run(&hv)) == HV_PORT_ACCESS || why == HV_NO_MEMORY) {
		exits++;
		if (why == HV_PORT_ACCESS)
			serve_port(&hv);
	}
	ticks = tsc() - ticks;
	cpu = cpu_time() - cpu;
	good = why == HV_SHUTDOWN && strstr(console, "Run /init as init process") &&
	       strstr(console, "reboot: machine restart");
	if (good) {
		row("guest-boot", "ticks", ticks);
		row("guest-boot-cpu", "ticks", cpu);
		row("guest-boot-exits", "exits", hv.ops->exits(&hv));
		row("guest-boot-userspace-exits", "exits", exits);
	} else {
		printf("# exit %d %s\n# %s\n", why, hv.why, console);
	}
	printf("%sok 1 - Linux came up under %s and ended\n1..1\n", good ? "" : "not ", hv.ops->name);
	hv.ops->close(&hv);
	return !good;

failed:
	printf("# %s\nnot ok 1 - Linux under %s\n1..1\n", hv.why, hv.ops->name);
	return 1;
}
