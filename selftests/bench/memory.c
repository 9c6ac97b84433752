// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a hypervisor takes of its host's memory: `memory ferry|kvm`. The loaded modules, an idle VM with
 * one vCPU, and what there is beyond its own memory once the guest has touched all of that.
 *
 * Free memory is compared before and after several VMs are made, so small change averages out.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hv.h"

#define VMS 8
#define SIZE (32UL << 20)

/* Writes to every page from HV_DATA to SIZE, then OUT. */
extern const char touch_begin[], touch_end[];
__asm__(".pushsection .rodata\ntouch_begin:\n"
	"mov $0x100000, %edi\n"
	"1: mov %edi, (%rdi)\n add $4096, %edi\n cmp $0x2000000, %edi\n jb 1b\n"
	"2: out %eax, $0xf1\n jmp 2b\ntouch_end:\n.popsection\n");

static long field(const char *path, const char *name)
{
	char line[256];
	long value = -1;
	size_t n = strlen(name);
	FILE *f = fopen(path, "r");

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, n) && sscanf(line + n, "%ld", &value) == 1)
			break;
	if (f)
		fclose(f);
	return value;
}

/* Settled: per-CPU lists of free pages and deferred frees are handed back. */
static long free_kib(void)
{
	FILE *f = fopen("/proc/sys/vm/drop_caches", "w");

	if (f) {
		fputs("3\n", f);
		fclose(f);
	}
	usleep(100000);
	return field("/proc/meminfo", "MemFree:");
}

static long module_kib(const char *name)
{
	char path[64];
	long bytes;

	snprintf(path, sizeof(path), "/sys/module/%s/coresize", name);
	bytes = field(path, "");
	return bytes < 0 ? 0 : bytes / 1024;
}

static bool open_vm(struct hv *hv, const struct hv_ops *ops)
{
	memset(hv, 0, sizeof(*hv));
	hv->ops = ops;
	hv->size = SIZE;
	hv->huge = true;
	return ops->open(hv);
}

static bool touch_all(struct hv *hv)
{
	hv_load(hv, touch_begin, touch_end - touch_begin);
	return hv->ops->start(hv) && hv->ops->run(hv) == HV_PORT_ACCESS;
}

int main(int argc, char **argv)
{
	const struct hv_ops *ops = argc > 1 && !strcmp(argv[1], "kvm") ? &hv_kvm : &hv_ferry;
	static struct hv vm[VMS + 1];
	long none, idle, touched;
	bool good;
	int i;

	/* The first VM pays for what all share. */
	good = open_vm(&vm[0], ops) && touch_all(&vm[0]);
	none = free_kib();
	for (i = 1; good && i <= VMS; i++)
		good = open_vm(&vm[i], ops);
	idle = free_kib();
	for (i = 1; good && i <= VMS; i++)
		good = touch_all(&vm[i]);
	touched = free_kib();
	for (i = 0; !good && i <= VMS; i++)
		if (*vm[i].why)
			printf("# %s\n", vm[i].why);
	if (good) {
		printf("row module-memory KiB %ld.0\n",
		       ops == &hv_kvm ? module_kib("kvm") + module_kib("kvm_amd") +
						module_kib("irqbypass") + module_kib("ccp") :
					module_kib("ferry"));
		printf("row idle-vm-memory KiB %.1f\n", (double)(none - idle) / VMS);
		printf("row touched-vm-overhead KiB %.1f\n",
		       (double)(none - touched) / VMS - (double)(SIZE >> 10));
	}
	printf("%sok 1 - the memory %s takes was measured\n1..1\n", good ? "" : "not ", ops->name);
	return !good;
}
