// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dumps as text:
 *
 *	00000001 00000000 000306c3 02100800 7ffafbff bfebfbff
 *
 * as InstLatx64-like tools and "ferry cpu dump" write them (leaf, sub-leaf, EAX, EBX, ECX, EDX, all
 * hexadecimal, '#' begins a comment), and what "cpuid -r" prints:
 *
 *	CPU 0:
 *	   0x00000001 0x00: eax=0x000306c3 ebx=0x02100800 ecx=0x7ffafbff edx=0xbfebfbff
 *
 * Comments that mean something: "# name:", "# cpu: N" (what follows is logical CPU N),
 * "# msr: INDEX VALUE", and "# until: end" with its "# end", which "ferry cpu dump" writes: what was
 * cut off on its way would pass for a CPU without the rest.
 *
 * Owns: nothing. Locks: none.
 */
#include <stdlib.h>

#include "cpu_input.h"

/**
 * struct text - where we are
 * @h: what is being read
 * @line: number of the current line
 * @p: rest of it
 * @end: its end
 * @cpu: the logical CPU being read
 * @number: its number
 * @started: it has a leaf
 * @open: "# until: end" has been read and "# end" has not
 */
struct text {
	struct cpu_host *h;
	u32 line;
	const char *p;
	const char *end;
	struct cpu_policy *cpu;
	u32 number;
	bool started;
	bool open;
};

static int bad(struct text *t, struct error *err, const char *field, const char *what)
{
	return fail(err, FERRY_X_BAD_FILE, "%s: line %u: %s: %s", t->h->name, t->line, field, what);
}

static void skip_blanks(struct text *t)
{
	while (t->p < t->end && (*t->p == ' ' || *t->p == '\t' || *t->p == '\r'))
		t->p++;
}

static bool take(struct text *t, const char *word)
{
	size_t n = strlen(word);

	skip_blanks(t);
	if ((size_t)(t->end - t->p) < n || strncasecmp(t->p, word, n))
		return false;
	t->p += n;
	return true;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 32;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool take_hex(struct text *t, unsigned int max_digits, u64 *value)
{
	unsigned int n = 0;

	take(t, "0x");
	*value = 0;
	for (; t->p < t->end && digit(*t->p) >= 0; t->p++, n++)
		*value = *value << 4 | digit(*t->p);
	return n && n <= max_digits;
}

static bool take_hex32(struct text *t, u32 *value)
{
	u64 v;

	if (!take_hex(t, 8, &v))
		return false;
	*value = v;
	return true;
}

static int add_leaf(struct text *t, struct cpu_leaf *l, struct error *err)
{
	const struct cpu_leaf *old;
	char field[40];

	/* Other sub-leaves of a leaf that has none repeat its answer. */
	if (l->subleaf && !cpu_leaf_has_subleaves(l->leaf)) {
		old = cpu_policy_find(t->cpu, l->leaf, 0);
		if (!old)
			l->subleaf = 0;
		else
			return 0;
	}
	old = cpu_policy_find(t->cpu, l->leaf, l->subleaf);
	snprintf(field, sizeof(field), "leaf 0x%x sub-leaf 0x%x", l->leaf, l->subleaf);
	if (old && memcmp(old->reg, l->reg, sizeof(l->reg)))
		return bad(t, err, field, "was given before with other values");
	t->started = true;
	if (!old && cpu_policy_add(t->cpu, l))
		return bad(t, err, field, "more leaves than any CPU has");
	return 0;
}

static int add_msr(struct text *t, struct cpu_policy *p, u32 index, u64 value, struct error *err)
{
	const struct cpu_msr *old = cpu_policy_find_msr(p, index);
	char field[20];

	snprintf(field, sizeof(field), "MSR 0x%x", index);
	if (old && old->value != value)
		return bad(t, err, field, "was given before with another value");
	if (!old && cpu_policy_add_msr(p, index, value))
		return bad(t, err, field, "too many MSRs");
	return 0;
}

static int finish_cpu(struct text *t, struct error *err)
{
	int ret = 0;

	if (t->started)
		ret = cpu_host_add(t->h, t->cpu, t->number, err);
	cpu_policy_init(t->cpu);
	t->started = false;
	return ret;
}

/* "CPU 3:", "CPU:", "# cpu: 3" */
static int begin_cpu(struct text *t, struct error *err)
{
	u32 n = 0;
	bool any = false;
	int ret = finish_cpu(t, err);

	if (ret)
		return ret;
	take(t, ":");
	skip_blanks(t);
	for (; t->p < t->end && *t->p >= '0' && *t->p <= '9'; t->p++, any = true) {
		n = n * 10 + (*t->p - '0');
		if (n > 1000000)
			return bad(t, err, "CPU number", "too large");
	}
	take(t, ":");
	skip_blanks(t);
	if (t->p != t->end)
		return bad(t, err, "CPU number", "a number is expected, and nothing after it");
	t->number = any ? n : t->h->logical;
	return 0;
}

static int comment(struct text *t, struct error *err)
{
	u64 index, value;

	if (take(t, "name:")) {
		size_t n;

		skip_blanks(t);
		n = t->end - t->p;
		while (n && (t->p[n - 1] == '\r' || t->p[n - 1] == ' '))
			n--;
		snprintf(t->h->label, sizeof(t->h->label), "%.*s", (int)min_t(size_t, n, 120), t->p);
	} else if (take(t, "until: end")) {
		t->open = true;
	} else if (take(t, "end")) {
		skip_blanks(t);
		if (t->p == t->end)
			t->open = false;
	} else if (take(t, "cpu:")) {
		return begin_cpu(t, err);
	} else if (take(t, "msr:")) {
		skip_blanks(t);
		if (!take_hex(t, 8, &index))
			return bad(t, err, "msr", "an MSR number in hexadecimal is expected");
		skip_blanks(t);
		if (!take_hex(t, 16, &value))
			return bad(t, err, "msr", "a value in hexadecimal is expected");
		skip_blanks(t);
		if (t->p != t->end)
			return bad(t, err, "msr", "more than a number and a value");
		if (cpu_is_feature_msr(index))
			return add_msr(t, t->cpu, index, value, err);
	}
	return 0;
}

static int raw_line(struct text *t, struct error *err)
{
	static const char *const fields[] = { "leaf", "sub-leaf", "EAX", "EBX", "ECX", "EDX" };
	struct cpu_leaf l = { 0 };
	u32 v[6], i;

	for (i = 0; i < 6; i++) {
		skip_blanks(t);
		if (!take_hex32(t, &v[i]))
			return bad(t, err, fields[i],
				   t->p == t->end ? "missing: the line ends" :
						    "up to eight hexadecimal digits are expected");
		if (t->p < t->end && *t->p != ' ' && *t->p != '\t' && *t->p != '\r')
			return bad(t, err, fields[i], "up to eight hexadecimal digits are expected");
	}
	skip_blanks(t);
	if (t->p != t->end && *t->p != '#')
		return bad(t, err, "after EDX", "the line should end");
	l.leaf = v[0];
	l.subleaf = v[1];
	memcpy(l.reg, &v[2], sizeof(l.reg));
	return add_leaf(t, &l, err);
}

static int cpuid_r_line(struct text *t, struct error *err)
{
	static const char *const names[] = { "eax=", "ebx=", "ecx=", "edx=" };
	static const char *const fields[] = { "eax", "ebx", "ecx", "edx" };
	struct cpu_leaf l = { 0 };
	u32 i;

	if (!take_hex32(t, &l.leaf))
		return bad(t, err, "leaf", "a hexadecimal number is expected");
	skip_blanks(t);
	if (!take_hex32(t, &l.subleaf))
		return bad(t, err, "sub-leaf", "a hexadecimal number is expected");
	if (!take(t, ":"))
		return bad(t, err, "sub-leaf", "a colon is expected after it");
	for (i = 0; i < 4; i++) {
		skip_blanks(t);
		if (!take(t, names[i]) || !take_hex32(t, &l.reg[i]))
			return bad(t, err, fields[i], "missing or no hexadecimal number");
	}
	skip_blanks(t);
	if (t->p != t->end)
		return bad(t, err, "after edx", "the line should end");
	return add_leaf(t, &l, err);
}

static int one_line(struct text *t, struct error *err)
{
	skip_blanks(t);
	if (t->p == t->end)
		return 0;
	if (*t->p == '#') {
		t->p++;
		return comment(t, err);
	}
	if (take(t, "cpu"))
		return begin_cpu(t, err);
	if (memchr(t->p, '=', t->end - t->p)) {
		t->h->format = "output of cpuid -r";
		return cpuid_r_line(t, err);
	}
	return raw_line(t, err);
}

int cpu_parse_text(struct cpu_host *h, const char *text, size_t len, struct error *err)
{
	struct text t = { .h = h, .cpu = xcalloc(1, sizeof(*t.cpu)) };
	const char *end = text + len;
	int ret = 0;

	h->format = "dump of leaves";
	while (text < end && !ret) {
		const char *nl = memchr(text, '\n', end - text);

		t.p = text;
		t.end = nl ? nl : end;
		t.line++;
		if (t.end - t.p > 4096)
			ret = bad(&t, err, "line", "longer than 4096 characters");
		else
			ret = one_line(&t, err);
		text = nl ? nl + 1 : end;
	}
	if (!ret)
		ret = finish_cpu(&t, err);
	if (!ret && !h->nr)
		ret = fail(err, FERRY_X_BAD_FILE, "%s: no CPUID leaf in it", h->name);
	if (!ret && t.open)
		ret = fail(err, FERRY_X_BAD_FILE,
			   "%s: cut off after line %u: a dump ends with '# end'. Copy it again, or take it "
			   "again with 'ferry cpu dump'", h->name, t.line);
	free(t.cpu);
	return ret;
}

/*
 * "INDEX VALUE [VALUE...]", of several CPUs or readings; "GP" where reading faulted. Other MSRs than
 * feature MSRs are skipped. Values have to agree, with the dump's, too: it is not told which CPU has
 * which, and their common part is not safe: IA32_ARCH_CAPABILITIES has bits that are the worse for
 * being clear, as RDCL_NO, and one that is for being set, RSBA (SDM vol. 4, MSR 10AH).
 */
int cpu_parse_msrs(struct cpu_host *h, const char *name, const char *text, size_t len,
		   struct error *err)
{
	struct cpu_host where = { .name = (char *)name };
	struct text t = { .h = &where };
	const char *end = text + len;
	u64 index, value;
	u32 i;

	while (text < end) {
		const char *nl = memchr(text, '\n', end - text);

		t.p = text;
		t.end = nl ? nl : end;
		t.line++;
		text = nl ? nl + 1 : end;
		skip_blanks(&t);
		if (t.p == t.end || *t.p == '#')
			continue;
		if (!take_hex(&t, 8, &index))
			return bad(&t, err, "MSR", "a number in hexadecimal is expected");
		skip_blanks(&t);
		if (take(&t, "GP") || !cpu_is_feature_msr(index))
			continue;
		do {
			if (!take_hex(&t, 16, &value))
				return bad(&t, err, "value", "a number in hexadecimal or GP is expected");
			for (i = 0; i < h->nr; i++)
				if (add_msr(&t, &h->cpu[i], index, value, err))
					return err->code;
			skip_blanks(&t);
		} while (t.p < t.end && *t.p != '#');
	}
	return 0;
}
