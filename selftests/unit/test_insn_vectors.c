// SPDX-License-Identifier: GPL-2.0-only
/*
 * Recorded answers of two disassemblers: length and mnemonic of every vector.
 *
 * FERRY_DATA names the directory that holds insn/{bddisasm,zydis}_decode_vectors.tar.gz. Legacy
 * maps are compared by length and mnemonic; VEX, EVEX and XOP by length.
 */
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "insn_names.h"
#include "tap.h"

struct tally {
	unsigned int seen, vex, mnemonic, undefined, skipped, wrong;
};

static void complain(struct tally *t, const char *what, const char *where, const char *hex,
		     int ret, const struct insn *insn, const char *want)
{
	if (t->wrong++ < 40)
		diag("%s: %s %s: result %d, length %u, %s; wanted %s", what, where, hex, ret,
		     insn->length, ret == INSN_OK && insn_name(insn) ? insn_name(insn) : "-", want);
}

/* For make check-data, which adds up families of cases. */
static void family(const char *name, const struct tally *t)
{
	diag("family %s: %u cases, %u equal, %u deviating with reason, %u failed", name, t->seen,
	     t->seen - t->skipped - t->wrong, t->skipped, t->wrong);
}

static unsigned int unhex(const char *hex, u8 *out, unsigned int max)
{
	unsigned int n = 0, byte;

	while (n < max && isxdigit((unsigned char)hex[0]) && isxdigit((unsigned char)hex[1])) {
		sscanf(hex, "%2x", &byte);
		out[n++] = (u8)byte;
		hex += 2;
	}
	return n;
}

/* What follows the opcode in bddisasm's first word is a prefix of these. */
static bool is_prefix_word(const char *w)
{
	static const char *const words[] = {
		"LOCK", "REP", "REPZ", "REPNZ", "XACQUIRE", "XRELEASE", "BND", "DNT", "BHT", "BHNT",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcmp(w, words[i]))
			return true;
	return false;
}

/* Encodings this decoder does not know: REX2 and the map-4 EVEX of APX. */
static bool is_apx(const u8 *b, unsigned int n, unsigned int mode)
{
	unsigned int i = 0;

	if (mode != INSN_MODE_64)
		return false;
	while (i < n && (strchr("\x66\x67\xf2\xf3\xf0\x2e\x36\x3e\x26\x64\x65", b[i]) || (b[i] & 0xf0) == 0x40))
		i++;
	if (i + 3 < n && b[i] == 0x62)
		return (b[i + 1] & 7) == 4 || (b[i + 1] & 8) || !(b[i + 2] & 4) || (b[i + 1] & 7) == 7;
	return i < n && b[i] == 0xd5;
}

static void one_bddisasm(struct tally *t, const char *file, const char *line, unsigned int mode)
{
	char hex[64] = "", word[32] = "", *rest;
	const char *name;
	struct insn insn;
	unsigned int n;
	u8 bytes[32];
	int ret, used;

	if (sscanf(line, "%*16[0-9A-F] %40[0-9a-f] %n", hex, &used) < 1)
		return;
	n = unhex(hex, bytes, sizeof(bytes));
	rest = strdup(line + used);
	for (name = strtok(rest, " \n"); name && is_prefix_word(name); name = strtok(NULL, " \n"))
		;
	snprintf(word, sizeof(word), "%s", name ? name : "");
	free(rest);
	t->seen++;
	/* CR8 by LOCK MOV CR0 is AMD's alone; bddisasm knows no vendors. */
	if (!strncmp(file, "cr8", 3))
		mode |= INSN_MODE_AMD;
	ret = insn_decode(&insn, bytes, n, mode);
	/* bddisasm has SALC in 64-bit mode; the APM and processors raise #UD. */
	if (!strcmp(word, "SALC") && mode == INSN_MODE_64) {
		t->skipped++;
		return;
	}
	if (!strcmp(word, "db")) {
		/* One byte of something undefined; the rest of it is not in the line. */
		t->undefined++;
		return;
	}
	if (is_apx(bytes, n, mode)) {
		t->skipped++;
		return;
	}
	if (ret == INSN_NOT_IMPL) {
		t->vex++;
		if (insn.length != n)
			complain(t, "length", file, hex, ret, &insn, word);
		return;
	}
	if (ret != INSN_OK || insn.length != n) {
		complain(t, "length", file, hex, ret, &insn, word);
		return;
	}
	t->mnemonic++;
	if (!insn_name(&insn) || strcmp(insn_name(&insn), insn_canonical(word)))
		complain(t, "mnemonic", file, hex, ret, &insn, word);
}

static void bddisasm(const char *dir)
{
	struct tally t = { 0 };
	char cmd[512], path[600], line[512];
	FILE *list, *f;

	snprintf(cmd, sizeof(cmd), "find %s -name '*.result' | sort", dir);
	list = popen(cmd, "r");
	while (fgets(path, sizeof(path), list)) {
		unsigned int mode;

		path[strcspn(path, "\n")] = 0;
		mode = strstr(path, "_64") ? INSN_MODE_64 : strstr(path, "_32") ? INSN_MODE_32 :
		       INSN_MODE_16;
		f = fopen(path, "r");
		if (!f)
			continue;
		while (fgets(line, sizeof(line), f))
			if (isxdigit((unsigned char)line[0]))
				one_bddisasm(&t, strrchr(path, '/') + 1, line, mode);
		fclose(f);
	}
	pclose(list);
	diag("bddisasm: %u vectors, %u by mnemonic, %u by length, %u undefined, %u of APX and SALC left out",
	     t.seen, t.mnemonic, t.vex, t.undefined, t.skipped);
	family("bddisasm vectors", &t);
	ok(t.seen > 1000 && t.mnemonic > 500, "bddisasm's vectors were found");
	ok_eq(t.wrong, 0, "every bddisasm vector has our length and mnemonic");
}

static void one_zydis(struct tally *t, const char *in, const char *out)
{
	char args[128] = "", hex[64] = "", line[256], name[32] = "", enc[16] = "";
	unsigned int mode, n, length = 0, i;
	struct insn insn;
	u8 bytes[32];
	FILE *f;
	int ret;

	f = fopen(in, "r");
	if (!f)
		return;
	if (!fgets(args, sizeof(args), f))
		args[0] = 0;
	fclose(f);
	if (sscanf(args, "-64 %60[0-9a-fA-F]", hex) == 1)
		mode = INSN_MODE_64;
	else if (sscanf(args, "-32 %60[0-9a-fA-F]", hex) == 1)
		mode = INSN_MODE_32;
	else if (sscanf(args, "-16 %60[0-9a-fA-F]", hex) == 1)
		mode = INSN_MODE_16;
	else
		return;		/* Knights Corner */
	f = fopen(out, "r");
	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		sscanf(line, " MNEMONIC: %31s [ENC: %15[A-Z0-9]", name, enc);
		sscanf(line, " LENGTH: %u", &length);
	}
	fclose(f);
	for (i = 0; name[i]; i++)
		name[i] = (char)toupper((unsigned char)name[i]);
	t->seen++;
	n = unhex(hex, bytes, sizeof(bytes));
	if (!strcmp(enc, "MVEX") || !strcmp(name, "JKZD") || !strcmp(name, "JKNZD") ||
	    is_apx(bytes, n, mode)) {
		t->skipped++;
		return;
	}
	ret = insn_decode(&insn, bytes, n, mode);
	if (!length) {
		t->undefined++;
		if (ret == INSN_OK)
			complain(t, "undefined", in, hex, ret, &insn, "error");
		return;
	}
	if ((ret != INSN_OK && ret != INSN_NOT_IMPL) || insn.length != length) {
		complain(t, "length", in, hex, ret, &insn, name);
		return;
	}
	if (ret == INSN_NOT_IMPL) {
		t->vex++;
		if (!strcmp(enc, "DEFAULT"))
			complain(t, "not implemented", in, hex, ret, &insn, name);
		return;
	}
	t->mnemonic++;
	if (!insn_name(&insn) ||
	    (strcmp(insn_name(&insn), insn_canonical(name)) &&
	     /* Zydis does not tell far from near, nor FWAIT, by name. */
	     !(insn.id == INSN_OP_CALL_FAR && !strcmp(name, "CALL")) &&
	     !(insn.id == INSN_OP_JMP_FAR && !strcmp(name, "JMP")) &&
	     !(insn.id == INSN_OP_RET_FAR && !strcmp(name, "RET")) &&
	     !(insn.id == INSN_OP_SYSRET) && !(insn.id == INSN_OP_SYSEXIT)))
		complain(t, "mnemonic", in, hex, ret, &insn, name);
}

static void zydis(const char *dir)
{
	struct tally t = { 0 };
	char cmd[512], in[600], out[600];
	FILE *list;

	snprintf(cmd, sizeof(cmd), "find %s -name '*.in' | sort", dir);
	list = popen(cmd, "r");
	while (fgets(in, sizeof(in), list)) {
		in[strcspn(in, "\n")] = 0;
		snprintf(out, sizeof(out), "%.*s.out", (int)strlen(in) - 3, in);
		one_zydis(&t, in, out);
	}
	pclose(list);
	diag("Zydis: %u vectors, %u by mnemonic, %u by length, %u undefined, %u of APX and Knights Corner left out",
	     t.seen, t.mnemonic, t.vex, t.undefined, t.skipped);
	family("Zydis vectors", &t);
	ok(t.seen > 20, "Zydis's vectors were found");
	ok_eq(t.wrong, 0, "every Zydis vector has our length and mnemonic");
}

int main(void)
{
	const char *data = getenv("FERRY_DATA") ?: "../shared/data";
	static const struct {
		const char *archive;
		void (*run)(const char *dir);
	} sets[] = {
		{ "bddisasm_decode_vectors.tar.gz", bddisasm },
		{ "zydis_decode_vectors.tar.gz", zydis },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sets); i++) {
		char path[512], dir[] = "/tmp/ferry-vectors-XXXXXX", cmd[700];

		snprintf(path, sizeof(path), "%s/insn/%s", data, sets[i].archive);
		if (access(path, R_OK)) {
			skip("no such file below FERRY_DATA", "%s", sets[i].archive);
			continue;
		}
		if (!mkdtemp(dir))
			bail_out("cannot make a temporary directory");
		snprintf(cmd, sizeof(cmd), "tar -xzf '%s' -C %s", path, dir);
		if (system(cmd))
			ok(0, "%s unpacks", sets[i].archive);
		else
			sets[i].run(dir);
		snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
		if (system(cmd))
			diag("%s was left behind", dir);
	}
	return done();
}
