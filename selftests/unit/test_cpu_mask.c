// SPDX-License-Identifier: GPL-2.0-only
/*
 * lib/cpu: masks in VMware's notation, with the examples of its paper.
 */
#include "cpu_help.h"
#include "lib/cpu/mask.h"
#include "cpu_data.h"
#include "tap.h"

static struct cpu_mask def, over, final, again;
static struct cpu_mask_error err;
static struct cpu_policy p, q;

static int parse(struct cpu_mask *m, const char *text, bool override)
{
	return cpu_mask_parse(m, text, strlen(text), override, &err);
}

static const char *bits(const struct cpu_mask *m, u32 i)
{
	static char out[33];
	int b;

	for (b = 0; b < 32; b++)
		out[b] = m->word[i].bit[31 - b];
	return out;
}

static void paper(void)
{
	ok_eq(parse(&def, "Level 0x1h\nECX: RRRR RRRR RRRR RRR0 00xR R0H0 000H 0RRH\n", false), 0,
	      "the paper's default mask");
	ok_eq(parse(&over, "Level 0x1h\nECX: ---- ---- ---- ---- ---- --0- ---- ----", true), 0,
	      "the paper's override");
	ok_eq(cpu_mask_merge(&final, &def, &over), 0, "merged");
	ok_str(bits(&final, 0), "RRRRRRRRRRRRRRR000XRR000000H0RRH", "the paper's final mask");
	ok(final.word[0].leaf == 1 && final.word[0].reg == CPU_ECX && final.nr == 1, "of leaf 1 ECX");
}

static void syntax(void)
{
	static const struct {
		const char *text;
		bool override;
		u32 line, column;
		const char *what;
	} bad[] = {
		{ "ECX: ----", true, 1, 1, "Level" },
		{ "Level\nECX:", true, 1, 6, "leaf number" },
		{ "Level 0x1 ECX: 0000", true, 1, 20, "fewer" },
		{ "Level 0x1 ECX: 0000 0000 0000 0000 0000 0000 0000 0000 0", true, 1, 56, "more" },
		{ "Level 0x1 ECX: Z000", true, 1, 16, "one of" },
		{ "Level 0x1 ECX: ----", false, 1, 16, "override" },
		{ "Level 0x1 EIX: 0", true, 1, 11, "EAX" },
		{ "Level 0x1 ECX 0", true, 1, 15, "colon" },
		{ "Level 0x1.1 ECX: 0", true, 1, 11, "no sub-leaves" },
		{ "Level 0x1FFFFFFFF ECX: 0", true, 1, 7, "leaf number" },
		{ "\n\nLevel 0x1 EAX: TTTT TTTT TTTT TTTT TTTT TTTT TTTT TTTT\n"
		  "EAX: TTTT TTTT TTTT TTTT TTTT TTTT TTTT TTTT", true, 4, 1, "already" },
	};
	char text[4000], *t = text;
	unsigned int i;
	size_t n;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		int ret = parse(&over, bad[i].text, bad[i].override);

		if (!ok(ret == -EINVAL && err.line == bad[i].line && err.column == bad[i].column &&
				strstr(err.what, bad[i].what),
			"error %u names line, column and what", i))
			diag("%d: line %u column %u: %s", ret, err.line, err.column, err.what);
	}
	ok_eq(parse(&over, "", true), 0, "an empty mask is a mask");
	ok_eq(parse(&over, "# only a comment\n\n", true), 0, "comments and blank lines");
	ok_eq(parse(&over, "level 7.1 eax:tfhr10x-tfhr10x-tfhr10x-tfhr10x-#end", true), 0,
	      "any case, no blanks, a sub-leaf, a comment");
	ok(over.word[0].leaf == 7 && over.word[0].subleaf == 1, "leaf 7 sub-leaf 1");
	for (i = 0; i < CPU_MASK_MAX_WORDS + 1; i++)
		t += sprintf(t, "Level %x EAX: %032d\n", 0x100 + i, 0);
	ok_eq(parse(&over, text, true), -EINVAL, "too many registers");

	parse(&over, "Level 0x7.1 EAX: TFHR 10X- TFHR 10X- TFHR 10X- TFHR 10X-\n"
		     "Level 0xd.12 EAX: ---- ---- ---- ---- ---- ---- ---- ---0\n"
		     "Level 80000001h EDX: 0000 0000 0000 0000 0000 0000 0000 0001", true);
	n = cpu_mask_print(&over, text, sizeof(text));
	ok_eq(n, strlen(text), "print tells its length");
	ok_eq(cpu_mask_print(&over, NULL, 0), n, "... without a buffer, too");
	ok_eq(parse(&again, text, true), 0, "what is printed can be read");
	ok_mem(&again, &over, sizeof(over), "... and is the same");
}

static void meaning(void)
{
	static struct cpu_findings f;

	make_cpu(&p, "Intel", 6, 0x4f, 1, 46, BDW);
	q = p;
	/* SSE3 T, MONITOR F, SSSE3 0, AES R, HYPERVISOR 1, others H */
	parse(&def, "Level 1 ECX: 1HHH HHRH HHHH HHHH HHHH HH0H HHHH FHHT", false);
	ok_eq(cpu_mask_apply(&q, &def, &f), 0, "applied");
	ok(cpu_policy_has(&q, CPU_F_HYPERVISOR) && cpu_policy_has(&q, CPU_F_SSE3), "1 sets, T stays");
	ok(!cpu_policy_has(&q, CPU_F_SSSE3) && !cpu_policy_has(&q, CPU_F_AES) &&
		   !cpu_policy_has(&q, CPU_F_MONITOR),
	   "0, R and F clear");
	ok(!cpu_policy_has(&q, CPU_F_SSE4_1) && cpu_policy_has(&q, CPU_F_AVX),
	   "what depends on SSSE3 goes, AVX does not");
	ok(f.total == 1 && f.finding[0].detail == CPU_DETAIL_FORBIDDEN && f.finding[0].bit == 3,
	   "F on a set bit is a finding");
	edit_cpu(&p, "", "sse3 monitor");
	q = p;
	cpu_mask_apply(&q, &def, &f);
	ok(f.total == 1 && f.finding[0].detail == CPU_DETAIL_FEATURE && f.finding[0].bit == 0,
	   "T on a clear bit is a finding");

	/* compared: T F H R; not compared: 1 0 X */
	make_cpu(&p, "Intel", 6, 0x4f, 1, 46, BDW);
	q = p;
	edit_cpu(&q, "", "sse3 pclmulqdq monitor ssse3 fma cx16 aes");
	parse(&def, "Level 1 ECX: XXXX XXRX XXXX XXXX XXX1 XX0X XXXX FXHT", false);
	cpu_mask_compare(&def, &p, &q, &f);
	ok_eq(f.total, 4, "T, F, H and R are compared, 1, 0 and X are not");
	cpu_mask_compare(&def, &p, &p, &f);
	ok_eq(f.total, 0, "equal hosts do not differ");
	parse(&over, "Level 1 ECX: ---- --0- ---- ---- ---- ---- ---- 0-00", true);
	cpu_mask_merge(&final, &def, &over);
	cpu_mask_compare(&final, &p, &q, &f);
	ok_eq(f.total, 0, "an override lets the VM move");
	parse(&over, "Level 7.0 EBX: ---- ---- ---- ---- ---- ---- --H- ----", true);
	cpu_mask_merge(&final, &def, &over);
	ok(final.nr == 2 && final.word[1].bit[5] == 'H' && final.word[1].bit[0] == 'X',
	   "a register of the override alone");
}

static void carried(void)
{
	static const char *const text[] = { cpu_data_mask_linux, cpu_data_mask_windows,
					    cpu_data_mask_other };
	static const char *const names[] = { "linux", "windows", "other" };
	static struct cpu_findings f;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		if (!ok_eq(parse(&def, text[i], false), 0, "the %s mask can be read", names[i]))
			diag("line %u column %u: %s", err.line, err.column, err.what);
		make_cpu(&p, "Intel", 6, 0x4f, 1, 46, BDW);
		cpu_mask_apply(&p, &def, &f);
		ok(!f.total, "a Broadwell has what a %s guest demands", names[i]);
		make_cpu(&p, "AMD", 0x19, 0x11, 1, 48, ZEN4);
		cpu_mask_apply(&p, &def, &f);
		ok(!f.total, "... and so has a Zen 4");
		ok(!cpu_policy_has(&p, CPU_F_SVM) && !cpu_policy_has(&p, CPU_F_MONITOR) &&
			   cpu_policy_has(&p, CPU_F_AVX512F),
		   "... which shows it AVX-512, not SVM, not MONITOR");
	}
	parse(&def, text[0], false);
	make_cpu(&p, "Intel", 6, 0xd, 1, 32, "fpu tsc msr pae cx8 pge cmov fxsr sse sse2 pse");
	cpu_mask_apply(&p, &def, &f);
	ok(f.total == 1 && cpu_finding_feature(&f.finding[0]) == CPU_F_LM,
	   "a 64-bit Linux demands long mode");
}

int main(void)
{
	paper();
	syntax();
	meaning();
	carried();
	return done();
}
