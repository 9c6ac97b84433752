// SPDX-License-Identifier: GPL-2.0-only
/*
 * Recorded instructions of a real 80286 in real mode: registers, flags and memory after each.
 *
 * FERRY_DATA names the directory that holds insn/286_real. A test is one instruction and a HLT; an
 * exception goes through the recorded vector table to a HLT. What later processors do otherwise is
 * left out by the rules of excluded(), with the reason, and counted.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "insn_names.h"
#include "tap.h"

#define MEMORY 0x110000
#define TOUCHED_MAX 4096

static u8 memory[MEMORY], initial[MEMORY], expected[MEMORY];
static u32 touched[TOUCHED_MAX];
static unsigned int nr_touched;

enum { R_AX, R_BX, R_CX, R_DX, R_CS, R_SS, R_DS, R_ES, R_SP, R_BP, R_SI, R_DI, R_IP, R_FLAGS, REGS };

static const u8 gpr_of[] = {
	[R_AX] = INSN_RAX, [R_BX] = INSN_RBX, [R_CX] = INSN_RCX, [R_DX] = INSN_RDX,
	[R_SP] = INSN_RSP, [R_BP] = INSN_RBP, [R_SI] = INSN_RSI, [R_DI] = INSN_RDI,
};

struct test {
	char name[64];
	const u8 *bytes;
	u32 nbytes;
	u16 in[REGS], out[REGS];
	const u8 *ram_in, *ram_out;
	u32 nr_in, nr_out;
	bool exception;
	u8 vector;
};

/* ------------------------------------------------------------------ the machine */

static struct insn_cpu cpu;
static int first_fault;

static void touch(u64 at)
{
	if (nr_touched < TOUCHED_MAX)
		touched[nr_touched++] = (u32)at;
}

static int cb_fetch(struct insn_cpu *c, u64 linear, u8 *buf, unsigned int *n)
{
	unsigned int i;

	for (i = 0; i < *n; i++)
		buf[i] = linear + i < MEMORY ? memory[linear + i] : 0xff;
	return INSN_DONE;
}

static int cb_read(struct insn_cpu *c, u64 linear, void *data, unsigned int bytes, u32 acc)
{
	unsigned int i;

	if (acc & INSN_ACC_PROBE)
		return INSN_DONE;
	for (i = 0; i < bytes; i++)
		((u8 *)data)[i] = linear + i < MEMORY ? memory[linear + i] : 0xff;
	return INSN_DONE;
}

static int cb_write(struct insn_cpu *c, u64 linear, const void *data, unsigned int bytes, u32 acc)
{
	unsigned int i;

	for (i = 0; i < bytes; i++) {
		if (linear + i >= MEMORY)
			continue;
		touch(linear + i);
		memory[linear + i] = ((const u8 *)data)[i];
	}
	return INSN_DONE;
}

/* The recorder's ports answer all ones. */
static int cb_in(struct insn_cpu *c, u16 port, unsigned int bytes, u32 *value)
{
	*value = ~0U;
	return INSN_DONE;
}

static int cb_out(struct insn_cpu *c, u16 port, unsigned int bytes, u32 value)
{
	return INSN_DONE;
}

static int cb_get_table(struct insn_cpu *c, enum insn_table which, u64 *base, u16 *limit)
{
	*base = 0;
	*limit = which == INSN_IDTR ? 0x3ff : 0xffff;
	return INSN_DONE;
}

static const struct insn_ops ops = {
	.fetch = cb_fetch, .read = cb_read, .write = cb_write, .io_in = cb_in, .io_out = cb_out,
	.get_table = cb_get_table,
};

static void load_cpu(const struct test *t)
{
	static const u8 segs[] = { R_ES, R_CS, R_SS, R_DS };
	unsigned int i;

	memset(&cpu, 0, sizeof(cpu));
	cpu.ops = &ops;
	cpu.max_rep = 0xffff;
	cpu.features[0] = cpu.features[1] = 0;
	cpu.features[0] = 1 | 1ULL << INSN_F_FPU;
	for (i = 0; i < 4; i++)
		cpu.seg[i] = (struct insn_segment){ (u64)t->in[segs[i]] << 4, 0xffff, t->in[segs[i]],
						    i == INSN_CS ? 0x9b : 0x93 };
	cpu.seg[INSN_FS] = cpu.seg[INSN_GS] = (struct insn_segment){ 0, 0xffff, 0, 0x93 };
	cpu.seg_valid = 0xff;
	for (i = 0; i < REGS; i++)
		if (i < R_CS || (i >= R_SP && i <= R_DI))
			cpu.gpr[gpr_of[i]] = t->in[i];
	cpu.rip = t->in[R_IP];
	cpu.rflags = (t->in[R_FLAGS] & 0x0fd7) | 2;
}

/* Run until HLT; true when it was reached. */
static bool run(void)
{
	struct insn_event event = { .type = INSN_EVENT_EXCEPTION };
	unsigned int i;
	int ret;

	first_fault = -1;
	for (i = 0; i < 100; i++) {
		ret = insn_step(&cpu);
		if (ret == INSN_FAULT) {
			if (first_fault < 0)
				first_fault = cpu.fault.vector;
			event.vector = cpu.fault.vector;
			ret = insn_deliver(&cpu, &event);
		}
		if (ret != INSN_DONE)
			return false;
		if (cpu.events & INSN_EV_HALT)
			return true;
	}
	return false;
}

/* ------------------------------------------------------------------ the file format */

static u32 le32(const u8 *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (u32)p[3] << 24;
}

static void registers(const u8 *p, u16 *regs)
{
	u16 mask = (u16)(p[0] | p[1] << 8);
	unsigned int i;

	for (p += 2, i = 0; i < 16; i++) {
		if (!(mask >> i & 1))
			continue;
		if (i < REGS)
			regs[i] = (u16)(p[0] | p[1] << 8);
		p += 2;
	}
}

static void state(const u8 *p, const u8 *end, u16 *regs, const u8 **ram, u32 *nr)
{
	while (p + 8 <= end) {
		u32 len = le32(p + 4);

		if (!memcmp(p, "REGS", 4)) {
			registers(p + 8, regs);
		} else if (!memcmp(p, "RAM ", 4)) {
			*nr = le32(p + 8);
			*ram = p + 12;
		}
		p += 8 + len;
	}
}

static void parse_test(const u8 *p, const u8 *end, struct test *t)
{
	memset(t, 0, sizeof(*t));
	for (p += 4; p + 8 <= end; p += 8 + le32(p + 4)) {
		const u8 *body = p + 8, *stop = body + le32(p + 4);

		if (!memcmp(p, "NAME", 4)) {
			snprintf(t->name, sizeof(t->name), "%.*s", (int)le32(body), body + 4);
		} else if (!memcmp(p, "BYTS", 4)) {
			t->nbytes = le32(body);
			t->bytes = body + 4;
		} else if (!memcmp(p, "INIT", 4)) {
			state(body, stop, t->in, &t->ram_in, &t->nr_in);
			memcpy(t->out, t->in, sizeof(t->out));
		} else if (!memcmp(p, "FINA", 4)) {
			state(body, stop, t->out, &t->ram_out, &t->nr_out);
		} else if (!memcmp(p, "EXCP", 4)) {
			t->exception = true;
			t->vector = body[0];
		}
	}
}

/* ------------------------------------------------------------------ metadata.json */

static char *metadata;

/* The flags mask of "D2.4" or "27"; 0xffff if the file names none. */
static u16 flags_mask(const char *form)
{
	char key[16], *p, *end, *mask;

	snprintf(key, sizeof(key), "\"%.*s\": {", (int)strcspn(form, "."), form);
	p = strstr(metadata, "\"opcodes\"");
	p = p ? strstr(p, key) : NULL;
	if (!p)
		return 0xffff;
	if (strchr(form, '.')) {
		snprintf(key, sizeof(key), "\"%s\": {", strchr(form, '.') + 1);
		p = strstr(p, "\"reg\"");
		p = p ? strstr(p, key) : NULL;
		if (!p)
			return 0xffff;
	}
	end = strchr(p, '}');
	mask = strstr(p, "\"flags-mask\":");
	if (!mask || mask > end)
		return 0xffff;
	return (u16)strtoul(mask + 13, NULL, 10);
}

/* ------------------------------------------------------------------ comparing */

static struct {
	unsigned int files, tests, passed, wrong, excluded;
} sum;

/*
 * Why a test cannot hold on a later processor: NULL, or the reason. @fault is the exception that
 * the emulator raised first, or -1.
 */
static const char *excluded(const struct test *t, const struct insn *insn, int ret, int fault)
{
	unsigned int i;

	for (i = 0; ret == INSN_INVALID && i < t->nbytes; i++)
		if (t->bytes[i] == 0xf0)
			return "LOCK is #UD since the 386 where it means nothing (SDM 22.18.5)";
	if (ret == INSN_OK && insn->opcode >= 0xd8 && insn->opcode <= 0xdf)
		return "x87 escapes without a coprocessor; x87 arithmetic is not emulated";
	if (!t->exception)
		return NULL;
	if (ret == INSN_OK && insn->length > 10 && t->vector == INSN_EXC_GP)
		return "the 286 allows 10 bytes, later processors 15";
	if ((insn->id == INSN_OP_MOV_FROM_SEG || insn->id == INSN_OP_MOV_TO_SEG) &&
	    (insn->modrm >> 3 & 7) >= INSN_FS && t->vector == INSN_EXC_UD)
		return "FS and GS came with the 386";
	if (fault == INSN_EXC_SS && t->vector == INSN_EXC_GP)
		return "a stack overrun in real mode is vector 13 on the 286, 12 since the 386";
	if (insn->id >= INSN_OP_MOVS && insn->id <= INSN_OP_OUTS && t->vector == INSN_EXC_GP &&
	    fault == INSN_EXC_GP)
		return "the 286 has advanced when a string instruction faults, later processors restart it";
	return NULL;
}

/* Counted by reason and form, and listed at the end. */
static struct {
	const char *reason;
	unsigned int n;
	char forms[2000];
} exclusions[8];

static void exclude(const char *form, const char *reason)
{
	char entry[20];
	unsigned int i;

	sum.excluded++;
	for (i = 0; i < ARRAY_SIZE(exclusions); i++) {
		size_t used = strlen(exclusions[i].forms);

		if (exclusions[i].reason && exclusions[i].reason != reason)
			continue;
		exclusions[i].reason = reason;
		exclusions[i].n++;
		snprintf(entry, sizeof(entry), " %s", form);
		if ((used < strlen(entry) || strcmp(exclusions[i].forms + used - strlen(entry), entry)) &&
		    used + sizeof(entry) < sizeof(exclusions[i].forms))
			strcat(exclusions[i].forms, entry);
		return;
	}
}

static const char *const reg_names[REGS] = {
	"ax", "bx", "cx", "dx", "cs", "ss", "ds", "es", "sp", "bp", "si", "di", "ip", "flags"
};

static u16 final_reg(unsigned int i)
{
	switch (i) {
	case R_CS:
		return cpu.seg[INSN_CS].selector;
	case R_SS:
		return cpu.seg[INSN_SS].selector;
	case R_DS:
		return cpu.seg[INSN_DS].selector;
	case R_ES:
		return cpu.seg[INSN_ES].selector;
	case R_IP:
		return (u16)cpu.rip;
	case R_FLAGS:
		return (u16)cpu.rflags;
	default:
		return (u16)cpu.gpr[gpr_of[i]];
	}
}

/*
 * Where the pushed flags stand: above the return address. The recorder's own field is rounded down
 * to an even address.
 */
static u32 flags_image(const struct test *t)
{
	return ((u32)t->out[R_SS] << 4) + (u16)(t->out[R_SP] + 4);
}

static bool differs(const struct test *t, u16 mask, char *why, size_t size)
{
	unsigned int i;

	for (i = 0; i < REGS; i++) {
		u16 relevant = i == R_FLAGS ? mask & 0x0fd5 : 0xffff;

		if ((final_reg(i) ^ t->out[i]) & relevant) {
			snprintf(why, size, "%s is %04x, recorded %04x (was %04x)", reg_names[i],
				 final_reg(i), t->out[i], t->in[i]);
			return true;
		}
	}
	for (i = 0; i < nr_touched; i++) {
		u32 at = touched[i];
		u8 relevant = 0xff;

		if (t->exception && at == flags_image(t))
			relevant = mask & 0xff;
		else if (t->exception && at == flags_image(t) + 1)
			relevant = mask >> 8 & 0x0f;
		if ((memory[at] ^ expected[at]) & relevant) {
			snprintf(why, size, "memory at %05x is %02x, recorded %02x (was %02x)", at,
				 memory[at], expected[at], initial[at]);
			return true;
		}
	}
	return false;
}

static void one_test(const char *form, const struct test *t, u16 mask)
{
	char why[128], bytes[64] = "";
	const char *reason;
	struct insn insn;
	unsigned int i;
	bool halted;
	int ret;

	for (i = 0; i < nr_touched; i++)
		memory[touched[i]] = initial[touched[i]] = expected[touched[i]] = 0;
	nr_touched = 0;
	for (i = 0; i < t->nr_in; i++) {
		u32 at = le32(t->ram_in + i * 5) % MEMORY;

		touch(at);
		memory[at] = initial[at] = expected[at] = t->ram_in[i * 5 + 4];
	}
	for (i = 0; i < t->nr_out; i++) {
		u32 at = le32(t->ram_out + i * 5) % MEMORY;

		touch(at);
		expected[at] = t->ram_out[i * 5 + 4];
	}
	sum.tests++;
	ret = insn_decode(&insn, t->bytes, t->nbytes, INSN_MODE_16);
	load_cpu(t);
	halted = run();
	if (halted && !differs(t, mask, why, sizeof(why))) {
		sum.passed++;
		return;
	}
	reason = excluded(t, &insn, ret, first_fault);
	if (reason) {
		exclude(form, reason);
		return;
	}
	if (!halted)
		snprintf(why, sizeof(why), "no HLT was reached");
	if (sum.wrong++ >= 60)
		return;
	for (i = 0; i < t->nbytes && i < 20; i++)
		sprintf(bytes + i * 3, "%02x ", t->bytes[i]);
	diag("%s %s (%s): %s%s", form, t->name, bytes, why, t->exception ? ", exception recorded" : "");
	if (t->exception)
		diag("    recorded vector %u, ours first %d", t->vector, first_fault);
}

static void one_file(const char *dir, const char *name)
{
	char cmd[800], form[16];
	size_t len = 0, cap = 1 << 20;
	u8 *data = malloc(cap);
	struct test t;
	u16 mask;
	FILE *f;
	u8 *p;

	snprintf(form, sizeof(form), "%.*s", (int)(strstr(name, ".MOO") - name), name);
	snprintf(cmd, sizeof(cmd), "gzip -dc '%s/%s'", dir, name);
	f = popen(cmd, "r");
	for (;;) {
		size_t n = fread(data + len, 1, cap - len, f);

		if (!n)
			break;
		len += n;
		if (len == cap)
			data = realloc(data, cap *= 2);
	}
	pclose(f);
	mask = flags_mask(form);
	sum.files++;
	for (p = data; p + 8 <= data + len; p += 8 + le32(p + 4)) {
		if (memcmp(p, "TEST", 4))
			continue;
		parse_test(p + 8, p + 8 + le32(p + 4), &t);
		one_test(form, &t, mask);
	}
	free(data);
}

int main(void)
{
	const char *data = getenv("FERRY_DATA") ?: "../shared/data";
	char dir[500], path[600];
	struct dirent **names;
	FILE *f;
	int i, n;

	snprintf(dir, sizeof(dir), "%s/insn/286_real", data);
	snprintf(path, sizeof(path), "%s/metadata.json", dir);
	f = fopen(path, "r");
	if (!f)
		skip_all("no insn/286_real below FERRY_DATA");
	metadata = calloc(1, 1 << 20);
	if (!fread(metadata, 1, (1 << 20) - 1, f))
		bail_out("metadata.json is empty");
	fclose(f);
	n = scandir(dir, &names, NULL, alphasort);
	for (i = 0; i < n; i++) {
		if (strstr(names[i]->d_name, ".MOO.gz"))
			one_file(dir, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	free(metadata);
	diag("%u files, %u tests, %u passed, %u excluded", sum.files, sum.tests, sum.passed, sum.excluded);
	for (i = 0; i < (int)ARRAY_SIZE(exclusions) && exclusions[i].reason; i++)
		diag("excluded %u: %s:%s", exclusions[i].n, exclusions[i].reason, exclusions[i].forms);
	/* For make check-data, which adds up families of cases. */
	diag("family recorded 286 tests: %u cases, %u equal, %u deviating with reason, %u failed",
	     sum.tests, sum.passed, sum.excluded, sum.wrong);
	ok(sum.files > 0 && sum.passed > 0, "recorded tests were found");
	ok_eq(sum.wrong, 0, "every test that holds on later processors passes");
	return done();
}
