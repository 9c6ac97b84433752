// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every state group, on whatever CPU this host has, and carried to another:
 *
 *	state			set each row's state, read it back, run a little of the guest, look again
 *	state save FILE		the same, and keep what was read
 *	state load FILE		set what another host kept, and see the same
 *
 * A row begins with a guest in some mode and changes what it is about. The guests' CPU is an invented
 * one that every host of the lab can honour, once of either vendor; rows about AVX need more of it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "emulator.h"
#include "host_policy.h"
#include "lib/state/settle.h"
#include "tap.h"
#include "state_rows.h"

#define MAGIC 0x7374617465203031ULL
#define PDPT 0xc000
#define TSS 0xb000

/* In all modes the same bytes: NOP, NOP, OUT. */
static const char nops[] = "\x90\x90\xe6\xf1";

/* --------------------------------------------------------------------- the guest CPU */

static bool intel, with_avx;

/* Level 2 of the psABI without VME, which QEMU has not, and with what Ferry itself provides. */
static void invent(void *out)
{
	struct cpu_policy *p = out;
	const u32 vendor[2][CPU_NR_REGS] = { { 0xd, 0x68747541, 0x444d4163, 0x69746e65 },
					     { 0xd, 0x756e6547, 0x6c65746e, 0x49656e69 } };
	u32 ecx = 0x00982201 | 1u << 21 | 1u << 24;

	if (with_avx)
		ecx |= 1u << 26 | 1u << 28;
	/* What hosts of the other vendor leave unmitigated is of no interest here. */
	struct cpu_settings settings = { .flags = CPU_POLICY_CROSS_VENDOR,
					 .accepted = ~0u };

	cpu_policy_init(p);
	cpu_policy_set_settings(p, &settings);
	cpu_policy_set(p, 0, 0, vendor[intel]);
	cpu_policy_set(p, 1, 0, (u32[]){ intel ? 0x306c3 : 0x800f12, 0x800, ecx, 0x078bfbfd });
	if (with_avx) {
		cpu_policy_set(p, 0xd, 0, (u32[]){ 7, 832, 832, 0 });
		cpu_policy_set(p, 0xd, 1, (u32[]){ 0, 0, 0, 0 });
		cpu_policy_set(p, 0xd, 2, (u32[]){ 256, 576, 0, 0 });
	}
	cpu_policy_set(p, 0x80000000, 0, (u32[]){ 0x80000008, vendor[intel][1], vendor[intel][2],
						  vendor[intel][3] });
	cpu_policy_set(p, 0x80000001, 0, (u32[]){ 0, 0, 1, 0x20100800 });
	cpu_policy_set(p, 0x80000008, 0, (u32[]){ 36 | 48 << 8, 0, 0, 0 });
}

static bool host_has_avx(void)
{
	u32 reg[CPU_NR_REGS];

	host_policy_cpuid(1, 0, reg);
	return (reg[CPU_ECX] >> 26 & 0x7) == 7; /* XSAVE, OSXSAVE, AVX */
}

/* -------------------------------------------------------------------------- one row */

static void prepare(struct tiny *t, const struct row *r)
{
	static const enum tiny_mode tiny_modes[] = { TINY_REAL, TINY_32, TINY_PAGED32, TINY_64,
						     TINY_64 };

	tiny_load(t, tiny_modes[r->mode], r->code ?: nops,
		  r->code ? r->end - r->code : sizeof(nops) - 1);
	/* An I/O map that lets everything below port 0x100 through. */
	*(uint16_t *)(t->mem + TSS + 0x66) = 0x68;
	memset(t->mem + TSS + 0x68, 0, 0x20);
	t->mem[TSS + 0x88] = 0xff;
	memset(t->mem + PDPT, 0, 4096);
	if (r->mode == PAE)
		*(uint64_t *)(t->mem + PDPT) = 0x8001; /* tiny's page directory */
}

static struct world fresh;

/* From tiny's mode to the row's, then the row. */
static void compose(const struct row *r, struct world *w)
{
	struct ferry_state_general *g = &w->general;

	/* What tiny_load() leaves alone is as in a new VM, whatever the row before did to it. */
	w->lapic = fresh.lapic;
	w->ioapic = fresh.ioapic;
	w->pic = fresh.pic;
	w->clock.tsc_deadline = 0;
	w->control.cr8 = fresh.control.cr8;
	w->control.xcr0 = fresh.control.xcr0;
	memcpy(w->msr_bytes, fresh.msr_bytes, sizeof(w->msr_bytes));
	memcpy(w->fpu_bytes, fresh.fpu_bytes, sizeof(w->fpu_bytes));
	memset(g->gpr, 0, sizeof(g->gpr));
	g->gpr[FERRY_RSP] = 0x5000;
	if (r->mode == PAE) {
		w->control.efer = 0;
		w->control.cr3 = PDPT;
		w->segments.seg[FERRY_SEG_CS].attrib = 0xc9b;
		w->segments.seg[FERRY_SEG_CS].selector = TINY_CS32;
	}
	r->edit(w);
}

/* Run to the OUT, and have that over. False: it went elsewhere. */
static bool run(struct tiny *t)
{
	struct ferry_vcpu_run args = { .size = sizeof(args) };
	int ret, tries;

	world_pause(t, false);
	ret = tiny_run(t);
	t->run->immediate_exit = 1;
	for (tries = 0; tries < 100 && !ioctl(t->vcpu, FERRY_RUN, &args); tries++)
		;
	t->run->immediate_exit = 0;
	world_pause(t, true);
	if (ret == FERRY_EXIT_IO && t->run->io.port == TINY_PORT)
		return true;
	printf("#   it left with %d (exit code %#llx)\n", ret,
	       (unsigned long long)t->run->exit_reason);
	return false;
}

/* What must be read back: in the form that lib/state gives it. */
static void settle(struct world *w)
{
	unsigned int nr;
	struct x86_mode m = { .cr0 = w->control.cr0, .efer = w->control.efer,
			      .rflags = w->general.rflags,
			      .cpl = w->segments.seg[FERRY_SEG_SS].attrib >> 5 & 3 };

	for (nr = 0; nr < FERRY_NR_SEGS; nr++)
		x86_segment_settle(nr, &w->segments.seg[nr], &m);
	w->events.flags = x86_shadow_settle(w->events.flags, w->general.rflags);
}

struct dump {
	bool runs;
	struct world before, after;
};

/*
 * Set, read back, run, read again. @want: what another host had, or NULL. Returns what was wrong, or
 * NULL.
 */
static const char *try(struct tiny *t, const struct row *r, struct dump *d, const struct dump *want)
{
	static struct world base, w;
	const char *why;
	uint64_t ticks;
	int order;

	prepare(t, r);
	if (want) {
		w = want->before;
	} else {
		world_get(t, &base);
		w = base;
		compose(r, &w);
	}
	/* Set twice: the order in which groups come does not matter. */
	for (order = 0; order < 2; order++) {
		why = world_set(t, &w, order);
		if (why) {
			printf("# %s is refused\n", why);
			return "taken";
		}
		world_get(t, &d->before);
		if (!want) {
			settle(&w);
			world_canonical(&w);
		}
		if (world_differs(&d->before, &w, 0))
			return order ? "read back, set in the other order" : "read back";
	}
	d->runs = !(r->flags & QUIET);
	if ((r->flags & V86) && (on_qemu() || (on_bochs() && host_is_amd()))) {
		printf("# %s: not run, which this emulator cannot\n", r->name);
		d->runs = false;
	}
	if (!d->runs)
		return NULL;
	if (!run(t))
		return "run";
	world_get(t, &d->after);
	if (want && want->runs) {
		if (world_differs(&d->after, &want->after, WORLD_RAN))
			return "run on as on the other host";
	} else if (!r->code) {
		/* Three instructions on: nothing else has changed. */
		w.general.rip += sizeof(nops) - 1;
		w.general.rflags &= ~0x10000ULL;
		w.events.flags &= ~(FERRY_EVENTS_SHADOW_STI | FERRY_EVENTS_SHADOW_MOVSS);
		if (world_differs(&d->after, &w, WORLD_RAN))
			return "left alone but for RIP";
	}
	ticks = d->after.clock.tsc - w.clock.tsc;
	if (!ticks || ticks > 120000000000ULL || d->after.vmclock.tsc_khz != w.vmclock.tsc_khz)
		return "followed by a TSC that goes on, at its rate";
	return NULL;
}

/* ----------------------------------------------------------------------------- files */

struct mark {
	uint64_t magic;
	uint32_t row, runs;
};

static void put(FILE *f, uint32_t row, const struct dump *d)
{
	struct mark m = { .magic = MAGIC, .row = row, .runs = d->runs };

	if (fwrite(&m, sizeof(m), 1, f) != 1 || !world_write(f, &d->before) ||
	    (d->runs && !world_write(f, &d->after)))
		bail_out("writing: %s", strerror(errno));
}

/* False at the end. */
static bool take(FILE *f, uint32_t *row, struct dump *d)
{
	struct mark m;

	if (fread(&m, sizeof(m), 1, f) != 1)
		return false;
	*row = m.row;
	d->runs = m.runs;
	if (m.magic != MAGIC || !world_read(f, &d->before) || (m.runs && !world_read(f, &d->after)))
		bail_out("the file is damaged");
	return true;
}

/* Rows by number, all of one VM's before the next. */
#define VARIANTS 4

int main(int argc, char **argv)
{
	bool save = argc == 3 && !strcmp(argv[1], "save"), load = argc == 3 && !strcmp(argv[1], "load");
	FILE *f = argc == 3 ? fopen(argv[2], save ? "w" : "r") : NULL;
	static struct dump d, want;
	uint32_t variant, i, n, next = 0;
	bool more = false;
	const char *why;
	struct tiny t;

	if (argc != 1 && ((!save && !load) || !f))
		bail_out("usage: state [save|load FILE]");
	tiny_edit_host = invent;
	if (load)
		more = take(f, &next, &want);
	for (variant = 0; variant < VARIANTS; variant++) {
		intel = variant & 1;
		with_avx = variant & 2;
		if (with_avx && !host_has_avx()) {
			skip("its CPU has none", "a guest CPU by %s with AVX", intel ? "Intel" : "AMD");
			continue;
		}
		printf("# a guest CPU by %s%s\n", intel ? "Intel" : "AMD", with_avx ? ", with AVX" : "");
		tiny_open(&t, 2 << 20);
		world_pause(&t, true);
		world_get(&t, &fresh);
		for (i = 0; i < state_nr_rows; i++) {
			n = variant * state_nr_rows + i;
			if (!(state_rows[i].flags & AVX) != !with_avx)
				continue;
			while (more && next < n)
				more = take(f, &next, &want);
			if (load && (!more || next != n))
				continue;
			why = try(&t, &state_rows[i], &d, load ? &want : NULL);
			ok(!why, "%s%s%s", state_rows[i].name, why ? ": is not " : "", why ?: "");
			if (save)
				put(f, n, &d);
		}
		world_pause(&t, false);
		tiny_close(&t);
	}
	if (save && fclose(f))
		bail_out("writing: %s", strerror(errno));
	return done();
}
