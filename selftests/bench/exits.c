// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ticks of the paths a guest takes through its hypervisor, under Ferry or KVM: `exits ferry`,
 * `exits kvm`, with one path's name after it for that alone. The same guest bytes run in both; the
 * guest reads the TSC around a loop and leaves the difference in memory. An empty loop is subtracted
 * where there is one.
 *
 * Memory comes in pages of 4 KiB for both or of 2 MiB for both: the latter's rows end in -2m.
 *
 * Prints one line per row, "row NAME UNIT VALUE", for selftests/bench/run to put side by side.
 * Under icount a tick is an instruction of the emulated host.
 */
#include <stdio.h>
#include <string.h>

#include "hv.h"

#define COUNT 1000
#define PAGES 2048 /* 8 MiB: enough to amortise table pages */
#define NOWHERE 0x20000000 /* mapped by the guest's tables, and no memory there */
#define NOWHERE_PDE 0xb800 /* what maps it: HV_TABLES's third page */
#define LAPIC_PDE 0xfee00093 /* the local APIC, in 2 MiB, writable, uncached */
#define LAPIC_VERSION 0x30
#define STR(x) #x
#define XSTR(x) STR(x)

/*
 * Each snippet: a program at HV_CODE. It ends with OUT to HV_PORT; ticks of its loop are at
 * HV_STACK (just above the stack). BEGIN reads the TSC into r8, END stores the difference.
 */
#define SNIPPET(name, body)                                                                        \
	extern const char name##_begin[], name##_end[];                                            \
	__asm__(".pushsection .rodata\n" #name "_begin:\n" body                                    \
		"\n1: out %eax, $" XSTR(HV_PORT) "\n jmp 1b\n" #name "_end:\n.popsection\n")
#define BEGIN "rdtsc; shl $32, %rdx; or %rdx, %rax; mov %rax, %r8\n"
#define END                                                                                        \
	"rdtsc; shl $32, %rdx; or %rdx, %rax; sub %r8, %rax\n"                                     \
	"mov %rax, " XSTR(HV_STACK) "\n"

SNIPPET(empty, BEGIN "mov $" XSTR(COUNT) ", %ebp\n 2: xor %eax, %eax\n xor %ecx, %ecx\n"
		     "dec %ebp\n jnz 2b\n" END);
SNIPPET(cpuid, BEGIN "mov $" XSTR(COUNT) ", %ebp\n 2: xor %eax, %eax\n xor %ecx, %ecx\n cpuid\n"
		     "dec %ebp\n jnz 2b\n" END);
SNIPPET(port, BEGIN "mov $" XSTR(COUNT) ", %ebp\n 2: xor %eax, %eax\n xor %ecx, %ecx\n"
		    "out %eax, $0x80\n dec %ebp\n jnz 2b\n" END);
/* Loads and stores where no memory is: userspace's to serve. */
SNIPPET(mmio_write, "mov $" XSTR(NOWHERE) ", %edi\n" BEGIN "mov $" XSTR(COUNT) ", %ebp\n"
		    "2: xor %eax, %eax\n xor %ecx, %ecx\n mov %eax, (%rdi)\n"
		    "dec %ebp\n jnz 2b\n" END);
SNIPPET(mmio_read, "mov $" XSTR(NOWHERE) ", %edi\n" BEGIN "mov $" XSTR(COUNT) ", %ebp\n"
		   "2: xor %eax, %eax\n xor %ecx, %ecx\n mov (%rdi), %eax\n"
		   "dec %ebp\n jnz 2b\n" END);
/* The same load from the local APIC, which both have in the kernel. The last answer is kept. */
SNIPPET(lapic_read, "movl $" XSTR(LAPIC_PDE) ", " XSTR(NOWHERE_PDE) "\n"
		    "mov $" XSTR(NOWHERE) " + " XSTR(LAPIC_VERSION) ", %edi\n invlpg (%rdi)\n"
		    BEGIN "mov $" XSTR(COUNT) ", %ebp\n"
		    "2: xor %eax, %eax\n xor %ecx, %ecx\n mov (%rdi), %eax\n"
		    "dec %ebp\n jnz 2b\n mov %rax, %r9\n" END
		    "mov %r9, " XSTR(HV_STACK) " + 8\n");
/* Write one word to each page. */
SNIPPET(touch, BEGIN "mov $" XSTR(PAGES) ", %ebp\n mov $" XSTR(HV_DATA) ", %edi\n"
		     "2: mov %edi, (%rdi)\n add $4096, %edi\n dec %ebp\n jnz 2b\n" END);
/* The same twice, with a stop between for the host to harvest. */
SNIPPET(dirty, "3: out %eax, $" XSTR(HV_PORT) "\n" BEGIN "mov $" XSTR(PAGES) ", %ebp\n"
	       "mov $" XSTR(HV_DATA) ", %edi\n"
	       "2: mov %edi, (%rdi)\n add $4096, %edi\n dec %ebp\n jnz 2b\n" END
	       "out %eax, $" XSTR(HV_PORT) "\n jmp 3b\n");

/* Write to four neighbouring pages, and read all if ESI says so; again after each stop. */
SNIPPET(roam, "3: mov $" XSTR(PAGES) ", %ebp\n mov $" XSTR(HV_DATA) ", %edi\n"
	      "mov %edi, (%rdi)\n mov %edi, 4096(%rdi)\n mov %edi, 8192(%rdi)\n"
	      "mov %edi, 12288(%rdi)\n test %esi, %esi\n jz 4f\n"
	      "2: mov (%rdi), %eax\n add $4096, %edi\n dec %ebp\n jnz 2b\n"
	      "4: out %eax, $" XSTR(HV_PORT) "\n jmp 3b\n");

static uint64_t ticks(struct hv *hv)
{
	uint64_t t;

	memcpy(&t, hv->mem + HV_STACK, sizeof(t));
	return t;
}

static bool begin(struct hv *hv, const struct hv_ops *ops, const char *from, const char *to,
		  bool huge)
{
	memset(hv, 0, sizeof(*hv));
	hv->ops = ops;
	hv->size = 16 << 20;
	hv->huge = huge;
	if (!ops->open(hv))
		return false;
	hv_load(hv, from, to - from);
	return ops->start(hv);
}

static bool run_to(struct hv *hv, enum hv_exit due)
{
	enum hv_exit got = hv->ops->run(hv);

	if (got != due && got != HV_FAILED)
		snprintf(hv->why, sizeof(hv->why), "%s: an exit of kind %d where %d was due",
			 hv->ops->name, got, due);
	return got == due;
}

/* Run to the end at HV_PORT, past so many exits to userspace of that kind, and none besides. */
static bool run_to_end(struct hv *hv, int exits, enum hv_exit kind)
{
	while (exits--)
		if (!run_to(hv, kind))
			return false;
	return run_to(hv, HV_PORT_ACCESS);
}

static void row(const char *name, const char *unit, double value)
{
	printf("row %s %s %.*f\n", name, unit, value < 10 ? 4 : 1, value);
}

/* One pass of a loop of COUNT, the second time round so that nothing is cold. */
struct pass {
	double ticks, exits;
	uint64_t left; /* what the guest put beside its ticks */
};

/* kind: of the exits to userspace, one in each turn; HV_FAILED when there is none. */
static bool loop(const struct hv_ops *ops, const char *from, const char *to, enum hv_exit kind,
		 struct pass *out)
{
	int exits = kind == HV_FAILED ? 0 : COUNT;
	uint64_t before = 0;
	struct hv hv;
	bool good =
		begin(&hv, ops, from, to, true) && run_to_end(&hv, exits, kind) && ops->start(&hv);

	if (good)
		before = ops->exits(&hv);
	good = good && run_to_end(&hv, exits, kind);
	if (good) {
		out->ticks = (double)ticks(&hv) / COUNT;
		out->exits = (double)(ops->exits(&hv) - before) / COUNT;
		memcpy(&out->left, hv.mem + HV_STACK + 8, sizeof(out->left));
	} else {
		fprintf(stderr, "%s\n", hv.why);
	}
	ops->close(&hv);
	return good;
}

/* The row of a loop, less an empty one. */
static bool loop_row(const struct hv_ops *ops, const char *name, const char *from, const char *to,
		     enum hv_exit kind, struct pass *out)
{
	struct pass base;

	if (!loop(ops, empty_begin, empty_end, HV_FAILED, &base) || !loop(ops, from, to, kind, out))
		return false;
	row(name, "ticks", out->ticks - base.ticks);
	return true;
}

static bool cpuid_exit(const struct hv_ops *ops)
{
	struct pass pass;

	return loop_row(ops, "cpuid-exit", cpuid_begin, cpuid_end, HV_FAILED, &pass);
}

static bool port_exit(const struct hv_ops *ops)
{
	struct pass pass;

	return loop_row(ops, "port-exit-to-userspace", port_begin, port_end, HV_PORT_ACCESS, &pass);
}

/* An integrated APIC's version is 0x10 to 0x15 (SDM volume 3): else it was none. */
static bool mmio(const struct hv_ops *ops)
{
	struct pass pass;

	if (!loop_row(ops, "mmio-write-to-userspace", mmio_write_begin, mmio_write_end,
		      HV_NO_MEMORY, &pass) ||
	    !loop_row(ops, "mmio-read-from-userspace", mmio_read_begin, mmio_read_end,
		      HV_NO_MEMORY, &pass) ||
	    !loop_row(ops, "mmio-read-in-kernel", lapic_read_begin, lapic_read_end, HV_FAILED,
		      &pass))
		return false;
	if ((pass.left & 0xf0) != 0x10) {
		fprintf(stderr, "%s: the local APIC's version is %#lx\n", ops->name, pass.left);
		return false;
	}
	row("mmio-read-in-kernel-exits", "exits/access", pass.exits);
	return true;
}

/* First touch by the guest of memory the host has, or has not, touched before. */
static bool first_touch(const struct hv_ops *ops, const char *what, bool present, bool huge)
{
	char name[64];
	struct hv hv;
	uint64_t before;
	bool good = begin(&hv, ops, touch_begin, touch_end, huge);

	if (good && present)
		memset(hv.mem + HV_DATA, 1, PAGES * 4096ul);
	before = good ? ops->exits(&hv) : 0;
	good = good && run_to_end(&hv, 0, HV_FAILED);
	if (good) {
		row(what, "ticks/page", (double)ticks(&hv) / PAGES);
		snprintf(name, sizeof(name), "%s-exits", what);
		row(name, "exits/page", (double)(ops->exits(&hv) - before) / PAGES);
	} else {
		fprintf(stderr, "%s\n", hv.why);
	}
	ops->close(&hv);
	return good;
}

static bool begin_log(struct hv *hv, const struct hv_ops *ops, const char *from, const char *to,
		      bool pml)
{
	return begin(hv, ops, from, to, true) && ops->run(hv) && ops->run(hv) &&
	       ops->log(hv, true, pml) && ops->harvest(hv) && ops->run(hv) && ops->run(hv) &&
	       ops->harvest(hv);
}

static void row_of(const char *name, bool pml, const char *what, const char *unit, double value)
{
	char full[64];

	snprintf(full, sizeof(full), "%s%s%s", name, pml ? "-pml" : "", what);
	row(full, unit, value);
}

/* Writing to clean pages while the log runs, after a first harvest has cleaned them. */
static bool dirty_pages(const struct hv_ops *ops, bool pml)
{
	struct hv hv;
	uint64_t before = 0;
	bool good = begin_log(&hv, ops, dirty_begin, dirty_end, pml) && ops->run(&hv);

	if (good)
		before = ops->exits(&hv);
	good = good && ops->run(&hv);
	if (good) {
		row_of("dirty-a-page", pml, "", "ticks/page", (double)ticks(&hv) / PAGES);
		row_of("dirty-a-page", pml, "-exits", "exits/page",
		       (double)(ops->exits(&hv) - before) / PAGES);
	} else {
		fprintf(stderr, "%s\n", hv.why);
	}
	ops->close(&hv);
	return good;
}

/* Fetching the log of a guest that has written to four pages, and read 2,048 or none. */
static bool harvest(const struct hv_ops *ops, bool pml, const char *name, bool read)
{
	uint64_t t = 0;
	struct hv hv;
	bool good = begin_log(&hv, ops, roam_begin, roam_end, pml);

	hv.arg = read;
	good = good && ops->start(&hv) && ops->run(&hv) && ops->harvest(&hv) && ops->run(&hv);
	if (good)
		t = __builtin_ia32_rdtsc();
	good = good && ops->harvest(&hv);
	if (good)
		row_of(name, pml, "", "ticks", (double)(__builtin_ia32_rdtsc() - t));
	else
		fprintf(stderr, "%s\n", hv.why);
	ops->close(&hv);
	return good;
}

/* KVM has one mechanism, the best the CPU offers; PML where there is one. */
static bool dirty_log(const struct hv_ops *ops)
{
	bool good = true;
	int pml;

	for (pml = 0; pml <= ops->has_pml(); pml++)
		good = good && dirty_pages(ops, pml) && harvest(ops, pml, "harvest-quiet", false) &&
		       harvest(ops, pml, "harvest-read", true);
	return good;
}

static bool map_present(const struct hv_ops *ops)
{
	return first_touch(ops, "map-present-page", true, false) &&
	       first_touch(ops, "map-present-page-2m", true, true);
}

static bool allocate(const struct hv_ops *ops)
{
	return first_touch(ops, "allocate-page", false, false) &&
	       first_touch(ops, "allocate-page-2m", false, true);
}

static const struct {
	const char *name;
	bool (*measure)(const struct hv_ops *ops);
} paths[] = {
	{ "cpuid", cpuid_exit }, { "port", port_exit }, { "mmio", mmio },
	{ "present", map_present }, { "allocate", allocate }, { "dirty", dirty_log },
};

int main(int argc, char **argv)
{
	const struct hv_ops *ops = argc > 1 && !strcmp(argv[1], "kvm") ? &hv_kvm : &hv_ferry;
	bool good = true;
	size_t i;

	if (argc < 2 || argc > 3 || (strcmp(argv[1], "kvm") && strcmp(argv[1], "ferry"))) {
		fprintf(stderr,
			"usage: exits ferry|kvm [cpuid|port|mmio|present|allocate|dirty]\n");
		return 2;
	}
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (argc == 2 || !strcmp(argv[2], paths[i].name))
			good &= paths[i].measure(ops);
	printf("%s 1 - %s was measured\n1..1\n", good ? "ok" : "not ok", ops->name);
	return !good;
}
