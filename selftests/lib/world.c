// SPDX-License-Identifier: GPL-2.0-only
/* All state groups at once. See world.h. */
#include "world.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define TIMED 1 /* changes as time passes */
#define PER_VM 2

static const struct {
	uint32_t group;
	const char *name;
	size_t at, size;
	unsigned int flags;
} groups[] = {
#define ROW(id, member, flags)                                                                     \
	{ FERRY_STATE_##id, #member, offsetof(struct world, member),                               \
	  sizeof(((struct world *)0)->member), flags }
	ROW(GENERAL, general, 0),
	ROW(SEGMENTS, segments, 0),
	ROW(CONTROL, control, 0),
	ROW(DEBUG, debug, 0),
	{ FERRY_STATE_MSRS, "MSRs", offsetof(struct world, msrs),
	  sizeof(((struct world *)0)->msr_bytes), 0 },
	{ FERRY_STATE_FPU, "fpu", offsetof(struct world, fpu),
	  sizeof(((struct world *)0)->fpu_bytes), 0 },
	ROW(EVENTS, events, 0),
	ROW(LAPIC, lapic, TIMED),
	ROW(MP, mp, 0),
	ROW(IOAPIC, ioapic, PER_VM),
	ROW(PIC, pic, PER_VM | TIMED),
	ROW(PIT, pit, PER_VM | TIMED),
	ROW(VMCLOCK, vmclock, PER_VM | TIMED),
	ROW(CLOCK, clock, TIMED),
#undef ROW
};

#define NR_GROUPS (sizeof(groups) / sizeof(groups[0]))

static size_t used(const struct world *w, size_t i)
{
	if (groups[i].group == FERRY_STATE_MSRS)
		return sizeof(w->msrs) + w->msrs.nr * sizeof(w->msrs.msr[0]);
	if (groups[i].group == FERRY_STATE_FPU)
		return sizeof(w->fpu) + w->fpu.length;
	return groups[i].size;
}

static int transfer(struct tiny *t, size_t i, void *at, size_t length, bool set)
{
	struct ferry_state args = { .size = sizeof(args), .group = groups[i].group,
				    .length = length, .addr = (uintptr_t)at };

	return ioctl(groups[i].flags & PER_VM ? t->vm : t->vcpu,
		     set ? FERRY_SET_STATE : FERRY_GET_STATE, &args);
}

void world_get(struct tiny *t, struct world *w)
{
	size_t i;

	memset(w, 0, sizeof(*w));
	for (i = 0; i < NR_GROUPS; i++)
		if (transfer(t, i, (char *)w + groups[i].at, groups[i].size, false)) {
			printf("Bail out! reading %s: %s\n", groups[i].name, strerror(errno));
			exit(1);
		}
	world_canonical(w);
}

/*
 * The order does not matter, but that the clock, whose deadline is also the local APIC's, and devices
 * come behind what they depend on: backwards goes the first groups.
 */
const char *world_set(struct tiny *t, const struct world *w, bool backwards)
{
	size_t i, n;

	for (n = 0; n < NR_GROUPS; n++) {
		i = backwards && n < 7 ? 6 - n : n;
		if (transfer(t, i, (char *)w + groups[i].at, used(w, i), true))
			return groups[i].name;
	}
	return NULL;
}

/* ------------------------------------------------------------------------ XSAVE */

/* Where components lie in the standard form (SDM volume 1, 13.4). */
static const struct {
	unsigned int nr, at, size;
} components[] = { { 0, 32, 128 }, { 1, 160, 256 }, { 2, 576, 256 } };

void world_canonical(struct world *w)
{
	uint8_t *area = w->fpu.xsave;
	uint64_t bv, end = 576;
	size_t i;

	memcpy(&bv, area + 512, 8);
	memset(area + 28, 0, 4); /* MXCSR_MASK says what the CPU can */
	memset(area + 416, 0, 96); /* reserved, and software's */
	/* Not all CPUs keep the last instruction and operand unless an exception waits. */
	if (!(area[2] & 0x80))
		memset(area + 6, 0, 18);
	for (i = 0; i < sizeof(components) / sizeof(components[0]); i++) {
		if (bv >> components[i].nr & 1)
			end = components[i].nr == 2 ? 832 : end;
		else
			memset(area + components[i].at, 0, components[i].size);
	}
	if (!(bv & 1)) {
		memset(area, 0, 24);
		area[0] = 0x7f;
		area[1] = 3;
	}
	/* A component in its initial state may be marked in use or not. */
	for (i = 0; i < components[0].size && !area[32 + i]; i++)
		;
	if (i == components[0].size && !memcmp(area, "\x7f\x03\0\0\0\0\0\0", 8))
		bv &= ~1ULL;
	for (i = 0; i < 256 && !area[160 + i]; i++)
		;
	if (i == 256)
		bv &= ~2ULL;
	for (i = 0; i < 256 && !area[576 + i]; i++)
		;
	if (i == 256 || end == 576) {
		bv &= ~4ULL;
		end = 576;
	}
	memcpy(area + 512, &bv, 8);
	w->fpu.xfeatures = 0;
	w->fpu.length = end;
	/* Not all CPUs hold PAE's upper entries: api/paging has tests of them. */
	w->control.flags &= ~(__u64)FERRY_CONTROL_PDPTRS;
	memset(w->control.pdpte, 0, sizeof(w->control.pdpte));
	memset(area + end, 0, FERRY_MAX_XSAVE - end);
}

/* ------------------------------------------------------------------- comparison */

const char *world_differs(const struct world *got, const struct world *want, unsigned int flags)
{
	const char *what = NULL;
	size_t i, k;

	for (i = 0; i < NR_GROUPS; i++) {
		const uint32_t *a = (const void *)((const char *)got + groups[i].at);
		const uint32_t *b = (const void *)((const char *)want + groups[i].at);

		if ((flags & WORLD_RAN) && (groups[i].flags & TIMED))
			continue;
		if (!memcmp(a, b, groups[i].size))
			continue;
		what = groups[i].name;
		for (k = 0; k < groups[i].size / 4; k++)
			if (a[k] != b[k])
				printf("#   %s, byte %zu: got %#010x, want %#010x\n", what, 4 * k,
				       a[k], b[k]);
	}
	return what;
}

/* ------------------------------------------------------------------------ files */

bool world_write(FILE *f, const struct world *w)
{
	size_t i;

	for (i = 0; i < NR_GROUPS; i++) {
		uint32_t length = used(w, i);

		if (fwrite(&length, 4, 1, f) != 1 ||
		    fwrite((const char *)w + groups[i].at, length, 1, f) != 1)
			return false;
	}
	return true;
}

bool world_read(FILE *f, struct world *w)
{
	uint32_t length;
	size_t i;

	memset(w, 0, sizeof(*w));
	for (i = 0; i < NR_GROUPS; i++)
		if (fread(&length, 4, 1, f) != 1 || length > groups[i].size ||
		    fread((char *)w + groups[i].at, length, 1, f) != 1)
			return false;
	return true;
}

__u64 *world_msr(struct world *w, uint32_t index)
{
	uint32_t i;

	for (i = 0; i < w->msrs.nr; i++)
		if (w->msrs.msr[i].index == index)
			return &w->msrs.msr[i].value;
	return NULL;
}

void world_pause(struct tiny *t, bool pause)
{
	struct ferry_pause args = { .size = sizeof(args) };

	if (ioctl(t->vm, pause ? FERRY_PAUSE : FERRY_CONTINUE, &args)) {
		printf("Bail out! %s: %s\n", pause ? "FERRY_PAUSE" : "FERRY_CONTINUE",
		       strerror(errno));
		exit(1);
	}
}
