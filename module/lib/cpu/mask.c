// SPDX-License-Identifier: GPL-2.0-only
/*
 * Masks per bit. See mask.h for the notation.
 *
 * Owns: the notation. Locks: none.
 */
#include "mask.h"
#include "derive.h"

static const char *const reg_names[CPU_NR_REGS] = { "EAX", "EBX", "ECX", "EDX" };

/* The mask of one register, or NULL. */
static struct cpu_mask_word *find_word(const struct cpu_mask *m, u32 leaf, u32 subleaf, u8 reg)
{
	u32 i;

	for (i = 0; i < m->nr; i++)
		if (m->word[i].leaf == leaf && m->word[i].subleaf == subleaf &&
		    m->word[i].reg == reg)
			return (struct cpu_mask_word *)&m->word[i];
	return NULL;
}

/* ------------------------------------------------------------------ parser */

struct text {
	const char *p;
	const char *end;
	const char *line_start;
	u32 line;
	struct cpu_mask_error *err;
};

static int complain(struct text *t, const char *at, const char *what)
{
	t->err->line = t->line;
	t->err->column = at - t->line_start + 1;
	t->err->what = what;
	return -EINVAL;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void skip_blanks(struct text *t)
{
	while (t->p < t->end && is_blank(*t->p))
		t->p++;
}

static bool at_end_of_line(const struct text *t)
{
	return t->p == t->end || *t->p == '\n' || *t->p == '#';
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

/* Take a word, whatever its case. */
static bool take_word(struct text *t, const char *word)
{
	const char *p = t->p;

	while (*word && p < t->end && lower(*p) == *word) {
		p++;
		word++;
	}
	if (*word)
		return false;
	t->p = p;
	return true;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "0x80000001", "80000001h", "1"; always hexadecimal where it can be. */
static bool take_number(struct text *t, u32 *value)
{
	const char *start;
	u64 v = 0;

	if (t->p + 1 < t->end && t->p[0] == '0' && lower(t->p[1]) == 'x')
		t->p += 2;
	for (start = t->p; t->p < t->end && digit(*t->p) >= 0; t->p++) {
		v = v * 16 + digit(*t->p);
		if (v > U32_MAX)
			return false;
	}
	if (t->p == start)
		return false;
	if (t->p < t->end && lower(*t->p) == 'h')
		t->p++;
	*value = (u32)v;
	return true;
}

static int parse_level(struct text *t, u32 *leaf, u32 *subleaf)
{
	const char *at;

	skip_blanks(t);
	at = t->p;
	if (!take_number(t, leaf))
		return complain(t, at, "a leaf number like 0x1 or 80000001h is expected");
	*subleaf = 0;
	if (t->p < t->end && (*t->p == '.' || *t->p == '/')) {
		t->p++;
		at = t->p;
		if (!take_number(t, subleaf))
			return complain(t, at, "a sub-leaf number is expected after the point");
		if (*subleaf && !cpu_leaf_has_subleaves(*leaf))
			return complain(t, at, "this leaf has no sub-leaves");
	}
	return 0;
}

static int parse_bits(struct text *t, bool override, char bits[32])
{
	unsigned int n = 0;

	while (!at_end_of_line(t)) {
		char c = *t->p;

		if (is_blank(c)) {
			t->p++;
			continue;
		}
		if (c >= 'a' && c <= 'z')
			c -= 32;
		if (!strchr("TFHR10X-", c) || !c)
			return complain(t, t->p, "a bit is one of T F H R 1 0 X -");
		if (c == '-' && !override)
			return complain(t, t->p,
					"'-' is for override masks; there is no mask below");
		if (n == 32)
			return complain(t, t->p, "more than 32 bits");
		bits[31 - n++] = c;
		t->p++;
	}
	if (n != 32)
		return complain(t, t->p, "fewer than 32 bits");
	return 0;
}

static int parse_register(struct text *t, struct cpu_mask *m, bool override, u32 leaf, u32 subleaf)
{
	static const char *const words[CPU_NR_REGS] = { "eax", "ebx", "ecx", "edx" };
	const char *at = t->p;
	struct cpu_mask_word *w;
	unsigned int reg;

	for (reg = 0; reg < CPU_NR_REGS && !take_word(t, words[reg]); reg++)
		;
	if (reg == CPU_NR_REGS)
		return complain(t, at, "EAX, EBX, ECX or EDX is expected, or 'Level'");
	skip_blanks(t);
	if (t->p == t->end || *t->p != ':')
		return complain(t, t->p, "a colon is expected after the register");
	t->p++;
	if (find_word(m, leaf, subleaf, reg))
		return complain(t, at, "this register has a mask already");
	if (m->nr == CPU_MASK_MAX_WORDS)
		return complain(t, at, "too many registers in one mask");
	w = &m->word[m->nr];
	w->leaf = leaf;
	w->subleaf = subleaf;
	w->reg = reg;
	m->nr++;
	return parse_bits(t, override, w->bit);
}

/**
 * cpu_mask_parse() - read a mask
 * @m: filled
 * @text: the text, which need not end in a zero
 * @len: its length
 * @override: "-" is allowed
 * @err: on an error says where and what
 *
 * Return: 0 or -EINVAL.
 */
int cpu_mask_parse(struct cpu_mask *m, const char *text, size_t len, bool override,
		   struct cpu_mask_error *err)
{
	struct text t = { .p = text, .end = text + len, .line_start = text, .line = 1, .err = err };
	bool have_level = false;
	u32 leaf = 0, subleaf = 0;
	int ret;

	memset(m, 0, sizeof(*m));
	for (;;) {
		skip_blanks(&t);
		if (!at_end_of_line(&t)) {
			if (take_word(&t, "level")) {
				ret = parse_level(&t, &leaf, &subleaf);
				if (ret)
					return ret;
				have_level = true;
				skip_blanks(&t);
			}
			if (!at_end_of_line(&t)) {
				if (!have_level)
					return complain(&t, t.p, "'Level' and a leaf come first");
				ret = parse_register(&t, m, override, leaf, subleaf);
				if (ret)
					return ret;
			}
		}
		while (t.p < t.end && *t.p != '\n')
			t.p++;
		if (t.p == t.end)
			return 0;
		t.line_start = ++t.p;
		t.line++;
	}
}

/**
 * cpu_mask_print() - write a mask so that cpu_mask_parse() reads the same
 * @m: the mask
 * @out: buffer
 * @size: its size
 *
 * Return: bytes written, or that would have been; as snprintf().
 */
int cpu_mask_print(const struct cpu_mask *m, char *out, size_t size)
{
	size_t used = 0;
	u32 i;
	int b;

	for (i = 0; i < m->nr; i++) {
		const struct cpu_mask_word *w = &m->word[i];
		char bits[40], *p = bits;

		for (b = 31; b >= 0; b--) {
			*p++ = w->bit[b];
			if (b && b % 4 == 0)
				*p++ = ' ';
		}
		*p = 0;
		if (cpu_leaf_has_subleaves(w->leaf))
			b = snprintf(used < size ? out + used : NULL, used < size ? size - used : 0,
				     w->subleaf < 10 ? "Level 0x%x.%x %s: %s\n" :
						       "Level 0x%x.0x%x %s: %s\n",
				     w->leaf, w->subleaf, reg_names[w->reg], bits);
		else
			b = snprintf(used < size ? out + used : NULL, used < size ? size - used : 0,
				     "Level 0x%x %s: %s\n", w->leaf, reg_names[w->reg], bits);
		used += b;
	}
	return used;
}

/**
 * cpu_mask_merge() - the final mask
 * @final: filled; may not be one of the others
 * @def: the default mask
 * @override: the VM's own, or NULL
 *
 * A register that only the override names has "X" where the override says "-".
 *
 * Return: 0 or -ENOSPC.
 */
int cpu_mask_merge(struct cpu_mask *final, const struct cpu_mask *def,
		   const struct cpu_mask *override)
{
	u32 i, b;

	*final = *def;
	if (!override)
		return 0;
	for (i = 0; i < override->nr; i++) {
		const struct cpu_mask_word *o = &override->word[i];
		struct cpu_mask_word *w = find_word(final, o->leaf, o->subleaf, o->reg);

		if (!w) {
			if (final->nr == CPU_MASK_MAX_WORDS)
				return -ENOSPC;
			w = &final->word[final->nr++];
			*w = *o;
			memset(w->bit, 'X', sizeof(w->bit));
		}
		for (b = 0; b < 32; b++)
			if (o->bit[b] != '-')
				w->bit[b] = o->bit[b];
	}
	return 0;
}

/* ------------------------------------------------------------ apply, compare */

static void add_finding(struct cpu_findings *list, const struct cpu_mask_word *w, u32 bit,
			u32 detail, u32 guest, u32 host)
{
	const struct cpu_finding f = {
		.leaf = w->leaf,
		.subleaf = w->subleaf,
		.reg = w->reg,
		.bit = bit,
		.severity = CPU_REFUSE,
		.cause = CPU_CAUSE_POLICY,
		.detail = detail,
		.guest = guest,
		.host = host,
	};

	cpu_findings_add(list, &f);
}

static u32 bits_of(const struct cpu_mask_word *w, const char *which)
{
	u32 v = 0, b;

	for (b = 0; b < 32; b++)
		if (strchr(which, w->bit[b]))
			v |= 1u << b;
	return v;
}

/**
 * cpu_mask_apply() - what a guest sees of a CPU through a mask
 * @p: the CPU; becomes the result
 * @final: the final mask
 * @list: filled with each T that the CPU has clear and each F that it has set
 *
 * Features that depend on hidden ones go as well, and derived leaves follow.
 *
 * Return: 0 or -ENOSPC.
 */
int cpu_mask_apply(struct cpu_policy *p, const struct cpu_mask *final, struct cpu_findings *list)
{
	struct cpu_set after;
	u32 i, b;
	int ret;

	cpu_findings_init(list);
	cpu_set_get(p, &after);
	for (i = 0; i < final->nr; i++) {
		const struct cpu_mask_word *w = &final->word[i];
		const struct cpu_leaf *l = cpu_policy_find(p, w->leaf, w->subleaf);
		u32 reg[CPU_NR_REGS] = { 0 }, hw, v;

		if (l)
			memcpy(reg, l->reg, sizeof(reg));
		hw = reg[w->reg];
		v = (hw | bits_of(w, "1T")) & ~bits_of(w, "0FR");
		for (b = bits_of(w, "T") & ~hw; b; b &= b - 1)
			add_finding(list, w, __ffs(b), CPU_DETAIL_FEATURE, v, hw);
		for (b = bits_of(w, "F") & hw; b; b &= b - 1)
			add_finding(list, w, __ffs(b), CPU_DETAIL_FORBIDDEN, v, hw);
		if (v == hw)
			continue;
		/* Features are given at the end, when it is known which of them went. */
		reg[w->reg] = v;
		for (b = 0; b < CPU_NR_WORDS; b++)
			if (cpu_words[b].source == CPU_SOURCE_CPUID &&
			    cpu_words[b].index == w->leaf && cpu_words[b].sub == w->subleaf &&
			    cpu_words[b].reg == w->reg) {
				after.w[b] = v & cpu_words[b].defined;
				reg[w->reg] =
					(v & ~cpu_words[b].defined) | (hw & cpu_words[b].defined);
			}
		ret = cpu_policy_set(p, w->leaf, w->subleaf, reg);
		if (ret)
			return ret;
	}
	return cpu_policy_set_features(p, &after);
}

/**
 * cpu_mask_compare() - may a VM with this mask move?
 * @final: the VM's final mask
 * @source: where it runs
 * @destination: where it is to run
 * @list: filled with every compared bit that differs
 */
void cpu_mask_compare(const struct cpu_mask *final, const struct cpu_policy *source,
		      const struct cpu_policy *destination, struct cpu_findings *list)
{
	u32 i, b;

	cpu_findings_init(list);
	for (i = 0; i < final->nr; i++) {
		const struct cpu_mask_word *w = &final->word[i];
		u32 s = cpu_policy_reg(source, w->leaf, w->subleaf, w->reg);
		u32 d = cpu_policy_reg(destination, w->leaf, w->subleaf, w->reg);

		for (b = (s ^ d) & bits_of(w, "TFHR"); b; b &= b - 1)
			add_finding(list, w, __ffs(b), CPU_DETAIL_FEATURE, s, d);
	}
}
