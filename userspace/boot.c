// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which kind of image it is, what the loaders share, and the vCPU state they ask for. See boot.h.
 */
#include <stdarg.h>
#include <stdio.h>

#include "boot.h"

static const struct {
	const char *name;
	const char *what;
	bool (*is)(const struct blob *image);
	int (*load)(const struct boot_source *src, const struct guest_ram *ram,
		    struct boot_entry *entry, struct error *err);
} protocols[] = {
	[BOOT_LINUX] = { "linux", "a Linux bzImage", boot_is_linux, boot_linux },
	[BOOT_PVH] = { "pvh", "an ELF image with a PVH note", boot_is_pvh, boot_pvh },
	[BOOT_MULTIBOOT] = { "multiboot", "a Multiboot 1 image", boot_is_multiboot,
			     boot_multiboot },
};

bool boot_protocol_parse(const char *word, enum boot_protocol *protocol)
{
	size_t i;

	if (!strcmp(word, "auto")) {
		*protocol = BOOT_AUTO;
		return true;
	}
	for (i = BOOT_LINUX; i < ARRAY_SIZE(protocols); i++) {
		if (!strcmp(word, protocols[i].name)) {
			*protocol = i;
			return true;
		}
	}
	return false;
}

const char *boot_protocol_name(enum boot_protocol protocol)
{
	return protocol == BOOT_AUTO ? "auto" : protocols[protocol].name;
}

/*
 * Images may be several kinds at once. A 32-bit ELF with a Multiboot header is taken as that,
 * since test kernels put it there on purpose; a 64-bit one only when it has no PVH note.
 */
static enum boot_protocol detect(const struct blob *image)
{
	if (boot_is_linux(image))
		return BOOT_LINUX;
	if (boot_is_elf32(image) && boot_is_multiboot(image))
		return BOOT_MULTIBOOT;
	if (boot_is_pvh(image))
		return BOOT_PVH;
	if (boot_is_multiboot(image))
		return BOOT_MULTIBOOT;
	return BOOT_AUTO;
}

/*
 * There is no BIOS, but kernels that go back to real mode ask one (Xen for disks and video modes).
 * Every service answers "no such function", as RBIL's INT 15h does: carry set, AH 86h; hardware
 * interrupts and exceptions return. Vectors of zeros would run the vector table as code.
 */
static void write_vectors(const struct guest_ram *ram)
{
	static const u8 code[] = {
		0xcf,			/* iret */
		0x55,			/* push bp */
		0x89, 0xe5,		/* mov bp, sp */
		0x80, 0x4e, 0x06, 0x01, /* or byte [bp + 6], 1: carry in the pushed flags */
		0x5d,			/* pop bp */
		0xb4, 0x86,		/* mov ah, 0x86 */
		0xcf,			/* iret */
	};
	u8 *vector = ram_ptr(ram, 0, 4 * 256);
	unsigned int i;

	memcpy(ram_ptr(ram, BIOS_CODE, sizeof(code)), code, sizeof(code));
	for (i = 0; i < 256; i++) {
		bool service = i >= 0x10 && (i & 0xf8) != 0x70; /* 70h-77h are the second PIC's */

		put_le16(vector + 4 * i, (BIOS_CODE & 0xffff) + service);
		put_le16(vector + 4 * i + 2, (BIOS_CODE & 0xf0000) >> 4);
	}
}

/* The BIOS data area's few words that kernels look at before anything else. */
static void write_bda(const struct guest_ram *ram)
{
	u8 *bda = ram_ptr(ram, BDA_BASE, 0x100);

	put_le16(bda + 0x00, 0x3f8); /* COM1 */
	put_le16(bda + 0x0e, EBDA_BASE >> 4);
	put_le16(bda + 0x13, EBDA_BASE >> 10); /* base memory, KiB */
	put_le16(ram_ptr(ram, EBDA_BASE, 2), 1); /* KiB of extended data area */
}

int boot_load(const struct boot_source *src, const struct guest_ram *ram, struct boot_entry *entry,
	      struct error *err)
{
	enum boot_protocol protocol = src->protocol;

	memset(entry, 0, sizeof(*entry));
	if (ram->low < RAM_MIN)
		return fail(err, FERRY_X_MEMORY, "%s of memory is less than the first megabyte, "
			    "which holds tables; use --memory 2M or more", human(ram->size));
	if (protocol == BOOT_AUTO) {
		protocol = detect(&src->kernel.blob);
		if (protocol == BOOT_AUTO)
			return fail(err, FERRY_X_BAD_FILE,
				    "%s is neither a Linux bzImage, nor an ELF image with a PVH "
				    "note, nor a Multiboot 1 image: give one of these with --kernel",
				    src->kernel.path);
	} else if (!protocols[protocol].is(&src->kernel.blob)) {
		return fail(err, FERRY_X_BAD_FILE, "%s is not %s, which --boot %s asks for",
			    src->kernel.path, protocols[protocol].what, protocols[protocol].name);
	}
	entry->protocol = protocol;
	write_vectors(ram);
	write_bda(ram);
	return protocols[protocol].load(src, ram, entry, err);
}

/* ------------------------------------------------------- what loaders share */

u64 boot_low_top(const struct guest_ram *ram)
{
	return ram->low & ~0xfffULL;
}

int boot_too_small(const struct guest_ram *ram, u64 needed, struct error *err, const char *fmt, ...)
{
	char sum[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(sum, sizeof(sum), fmt, ap);
	va_end(ap);
	if (needed > RAM_LOW_TOP)
		return fail(err, FERRY_X_MEMORY,
			    "this needs %s = %s below 3 GiB, more than there can be", sum,
			    human(needed));
	return fail(err, FERRY_X_MEMORY,
		    "%s of memory is too little: this needs %s = %s. Use --memory %lluM or more",
		    human(ram->size), sum, human(needed),
		    (unsigned long long)((needed + 0xfffff) >> 20));
}

int boot_place(const struct guest_ram *ram, const char *what, u64 gpa, const void *data, u64 filled,
	       u64 total, struct error *err)
{
	u8 *to;
	u64 end;

	if (filled > total || check_add_overflow(gpa, total, &end))
		return fail(err, FERRY_X_BAD_FILE, "%s is damaged: its sizes make no sense", what);
	if (gpa < BOOT_HIGH && end > BOOT_LOW)
		return fail(err, FERRY_X_BAD_FILE,
			    "%s wants memory %#llx-%#llx, but %#x-%#x holds what the loader hands "
			    "over: link it higher", what, (unsigned long long)gpa,
			    (unsigned long long)end, BOOT_LOW, BOOT_HIGH);
	if (gpa < 0x100000 && end > EBDA_BASE)
		return fail(err, FERRY_X_BAD_FILE,
			    "%s wants memory %#llx-%#llx, but %#x-0x100000 is reserved for tables: "
			    "link it higher", what, (unsigned long long)gpa,
			    (unsigned long long)end, EBDA_BASE);
	to = ram_ptr(ram, gpa, total);
	if (!to)
		return boot_too_small(ram, end, err, "memory up to the end of %s", what);
	memcpy(to, data, filled);
	memset(to + filled, 0, total - filled);
	return 0;
}

int boot_cmdline(const struct guest_ram *ram, const char *text, size_t limit, u64 *gpa,
		 struct error *err)
{
	size_t len = strlen(text);

	limit = min(limit, (size_t)(BOOT_CMDLINE_TOP - BOOT_CMDLINE - 1));
	if (len > limit)
		return fail(err, FERRY_X_USAGE,
			    "the command line is %zu bytes long, the kernel takes %zu", len, limit);
	memcpy(ram_ptr(ram, BOOT_CMDLINE, len + 1), text, len + 1);
	*gpa = BOOT_CMDLINE;
	return 0;
}

/* -------------------------------------------------------------- vCPU's state */

#define ATTR(type, more) ((type) | FERRY_SEG_P | (more))
#define ATTR_CODE32 ATTR(0xb, FERRY_SEG_S | FERRY_SEG_DB | FERRY_SEG_G)
#define ATTR_CODE64 ATTR(0xb, FERRY_SEG_S | FERRY_SEG_L | FERRY_SEG_G)
#define ATTR_DATA ATTR(0x3, FERRY_SEG_S | FERRY_SEG_DB | FERRY_SEG_G)
#define ATTR_TSS ATTR(0xb, 0)
#define ATTR_LDT ATTR(0x2, 0)

#define CR0_PE 0x1ULL
#define CR0_ET 0x10ULL
#define CR0_PG 0x80000000ULL
#define CR4_PAE 0x20ULL
#define EFER_LME 0x100ULL
#define EFER_LMA 0x400ULL

void boot_state(const struct boot_entry *entry, struct ferry_state_segments *segs,
		struct ferry_state_control *ctl, struct ferry_state_general *gen)
{
	/* The selectors of Linux's boot protocol; the others leave them open. */
	const struct ferry_segment data = { 0, 0xffffffff, 0x18, ATTR_DATA };
	int i;

	memset(segs, 0, sizeof(*segs));
	memset(ctl, 0, sizeof(*ctl));
	memset(gen, 0, sizeof(*gen));

	for (i = FERRY_SEG_ES; i <= FERRY_SEG_GS; i++)
		segs->seg[i] = data;
	segs->seg[FERRY_SEG_CS] = (struct ferry_segment){
		0, 0xffffffff, 0x10, entry->long_mode ? ATTR_CODE64 : ATTR_CODE32
	};
	segs->seg[FERRY_SEG_LDTR] = (struct ferry_segment){ 0, 0xffff, 0, ATTR_LDT };
	segs->seg[FERRY_SEG_TR] = (struct ferry_segment){ 0, 0x67, 0, ATTR_TSS };
	segs->gdt_base = BOOT_GDT;
	segs->gdt_limit = 4 * 8 - 1;
	segs->idt_limit = 0;

	ctl->cr0 = CR0_PE | CR0_ET;
	ctl->xcr0 = 1;
	if (entry->long_mode) {
		ctl->cr0 |= CR0_PG;
		ctl->cr3 = entry->cr3;
		ctl->cr4 = CR4_PAE;
		ctl->efer = EFER_LME | EFER_LMA;
	}

	memcpy(gen->gpr, entry->gpr, sizeof(gen->gpr));
	gen->rip = entry->rip;
	gen->rflags = 2;
}
