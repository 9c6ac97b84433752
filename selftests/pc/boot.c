// SPDX-License-Identifier: GPL-2.0-only
/*
 *	boot [-v] KERNEL BUSYBOX
 *
 * An unmodified Linux kernel boots to a shell, which computes, on lib/insn alone: see pc.h. KERNEL is a
 * bzImage or an ELF with a PVH note; BUSYBOX a static one for the initial RAM disk, which is made here.
 * TAP; -v shows the console.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "insn_names.h"
#include "pc.h"
#include "tap.h"

#define MEMORY (128ULL << 20)
#define LIMIT 6000000000ULL
#define APPEND "console=ttyS0 earlyprintk=ttyS0 panic=-1 nolapic noapic acpi=off pci=off nokaslr mitigations=off " \
	"cryptomgr.notests raid=noautodetect tsc=reliable lpj=1000000 " \
	"initcall_blacklist=load_system_certificate_list,blacklist_init"
/* The shell's work: processes, pipes, arithmetic of integers and of doubles (awk). */
#define TYPED "echo sum-$((6 * 7)); cat /proc/version | wc -l | sed 's/^ */lines-/'; " \
	"awk 'BEGIN { printf \"ratio-%.9f\\n\", 355 / 113; printf \"big-%.3f\\n\", 1e12 / 3 }'; " \
	"poweroff -f\n"

static bool verbose, typed;
static char line[4096];
static unsigned int nr_line;
static struct {
	const char *text, *what;
	bool seen;
} wanted[] = {
	{ "Linux version", "the kernel runs", false },
	{ "guest: up", "init runs", false },
	{ "sum-42", "a shell takes commands", false },
	{ "lines-1", "processes and pipes work", false },
	{ "ratio-3.141592920", "x87 and SSE divide and print", false },
	{ "big-333333333333.333", "and round", false },
	{ "System halted", "the guest comes to its end", false },
};
static unsigned int complaints;
static struct pc pc;

static void feed(void)
{
	static unsigned int done;
	struct device *uart = devices_find(&pc.devices, &ns16550_ops);
	unsigned int room = ns16550_room(uart), left = (unsigned int)strlen(TYPED) - done;

	if (typed && left && room) {
		unsigned int n = min(room, left);

		ns16550_receive(uart, (const u8 *)TYPED + done, n);
		done += n;
	}
}

static void transmit(struct pc *pc, u8 byte)
{
	unsigned int i;

	if (verbose)
		putchar(byte);
	if (byte != '\n' && nr_line < sizeof(line) - 1) {
		line[nr_line++] = (char)byte;
		return;
	}
	line[nr_line] = 0;
	nr_line = 0;
	/* What the terminal echoes of the commands is not their answer. */
	if (strstr(line, "awk"))
		return;
	for (i = 0; i < ARRAY_SIZE(wanted); i++)
		wanted[i].seen |= strstr(line, wanted[i].text) != NULL;
	if (strstr(line, "guest: up"))
		typed = true;
	if (strstr(line, "Call Trace") || strstr(line, "BUG:") || strstr(line, "WARNING:")) {
		complaints++;
		diag("guest: %s", line);
	}
}

/* ----------------------------------------------------------------- initial RAM disk */

static u8 *disk;
static size_t disk_bytes, disk_room;

static void append(const void *data, size_t bytes)
{
	if (disk_bytes + bytes + 4 > disk_room) {
		disk_room = (disk_bytes + bytes) * 2 + 4096;
		disk = realloc(disk, disk_room);
	}
	memcpy(disk + disk_bytes, data, bytes);
	disk_bytes += bytes;
	while (disk_bytes & 3)
		disk[disk_bytes++] = 0;
}

/* "newc" format, Documentation/driver-api/early-userspace/buffer-format.rst of Linux. */
static void node(const char *name, unsigned int mode, const void *data, size_t bytes,
		 unsigned int major, unsigned int minor)
{
	static unsigned int inode;
	char header[1200];
	int n = snprintf(header, sizeof(header), "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%s",
			 ++inode, mode, 0, 0, 1, 0, (unsigned int)bytes, 0, 0, major, minor,
			 (unsigned int)strlen(name) + 1, 0, name);

	append(header, (size_t)n + 1);
	append(data, bytes);
}

static const char init[] =
	"#!/bin/sh\n"
	"export PATH=/bin\n"
	"mount -t proc proc /proc\n"
	"echo guest: up, $(uname -r)\n"
	"exec setsid cttyhack sh\n";

static void make_disk(const char *busybox, struct error *err)
{
	static const char *const applets[] = {
		"sh", "mount", "uname", "setsid", "cttyhack", "cat", "wc", "sed", "awk", "poweroff",
	};
	static const char *const dirs[] = { "bin", "dev", "proc" };
	struct blob blob;
	unsigned int i;
	char name[64];

	if (blob_map(&blob, busybox, "busybox", err)) {
		printf("Bail out! %s\n", err->text);
		exit(1);
	}
	for (i = 0; i < ARRAY_SIZE(dirs); i++)
		node(dirs[i], 0040755, NULL, 0, 0, 0);
	node("dev/console", 0020600, NULL, 0, 5, 1);
	node("dev/ttyS0", 0020600, NULL, 0, 4, 64);
	node("bin/busybox", 0100755, blob.data, blob.size, 0, 0);
	for (i = 0; i < ARRAY_SIZE(applets); i++) {
		snprintf(name, sizeof(name), "bin/%s", applets[i]);
		node(name, 0120777, "busybox", 7, 0, 0);
	}
	node("init", 0100755, init, sizeof(init) - 1, 0, 0);
	node("TRAILER!!!", 0, NULL, 0, 0, 0);
}

/* ----------------------------------------------------------------------------- main */

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void where(void)
{
	struct insn insn;
	unsigned int i;
	u8 bytes[15];

	diag("ended at %#llx after %llu instructions: %s", (unsigned long long)pc.cpu.rip,
	     (unsigned long long)pc.instructions, pc.ended ?: "its instructions were used up");
	if (!pc.unimplemented || pc.cpu.ops->read(&pc.cpu, pc.cpu.rip, bytes, 15, 0) != INSN_DONE)
		return;
	i = (unsigned int)insn_decode(&insn, bytes, 15, insn_cpu_mode(&pc.cpu));
	printf("# %s:", i == INSN_OK ? insn_name(&insn) : "no row");
	for (i = 0; i < 15; i++)
		printf(" %02x", bytes[i]);
	printf("\n");
}

int main(int argc, char **argv)
{
	struct boot_source source = { .protocol = BOOT_AUTO, .nr_modules = 1 };
	struct boot_entry entry;
	struct error err = { 0 };
	unsigned int i;
	double took;

	if (argc > 1 && !strcmp(argv[1], "-v")) {
		verbose = true;
		argv++;
		argc--;
	}
	if (argc != 3) {
		fprintf(stderr, "usage: boot [-v] KERNEL BUSYBOX\n");
		return 2;
	}
	pc_init(&pc, MEMORY, transmit);
	make_disk(argv[2], &err);
	source.kernel = (struct boot_file){ .path = argv[1], .args = APPEND };
	source.module[0] = (struct boot_file){ .path = "initrd", .args = "", .blob = { .data = disk, .size = disk_bytes } };
	if (blob_map(&source.kernel.blob, argv[1], "kernel", &err) ||
	    boot_load(&source, &pc.ram, &entry, &err)) {
		printf("Bail out! %s\n", err.text);
		return 1;
	}
	pc_start(&pc, &entry);
	took = -seconds();
	while (!pc.ended && pc.instructions < LIMIT) {
		pc_run(&pc, pc.instructions + 100000);
		feed();
	}
	took += seconds();
	diag("%llu instructions in %.1f s: %.1f million a second", (unsigned long long)pc.instructions,
	     took, (double)pc.instructions / took / 1e6);
	for (i = 0; i < ARRAY_SIZE(wanted); i++)
		ok(wanted[i].seen, "%s", wanted[i].what);
	ok_eq(complaints, 0, "the guest's kernel complains of nothing");
	if (!wanted[ARRAY_SIZE(wanted) - 1].seen) {
		where();
		diag("console: %.*s", (int)nr_line, line);
	}
	return done();
}
