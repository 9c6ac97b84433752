// SPDX-License-Identifier: GPL-2.0-only
/*
 * The decoder: hand-made vectors, properties of every table row, and libzydis (when installed)
 * as a second opinion on random bytes in all modes. CASES in the environment sets how many.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "insn_names.h"
#include "tap.h"

static u64 seed = 88172645463325252ULL;

static u64 rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

#define M16 INSN_MODE_16
#define M32 INSN_MODE_32
#define M64 INSN_MODE_64
#define A64 (INSN_MODE_64 | INSN_MODE_AMD)

static const struct {
	u8 mode;
	u8 result;
	u8 length;
	u16 id;
	const char *bytes;
	u8 n;
} vectors[] = {
#define V(mode, result, length, name, bytes) { mode, INSN_##result, length, INSN_OP_##name, bytes, sizeof(bytes) - 1 }
	V(M64, OK, 1, NOP, "\x90"),
	V(M64, OK, 2, PAUSE, "\xf3\x90"),
	V(M64, OK, 2, XCHG, "\x41\x90"),
	V(M64, OK, 4, CPUID, "\x66\x48\x0f\xa2"),
	V(M64, OK, 10, MOV, "\x48\xb8\x01\x02\x03\x04\x05\x06\x07\x08"),
	V(M32, OK, 5, MOV, "\xb8\x01\x02\x03\x04"),
	V(M16, OK, 3, MOV, "\xb8\x01\x02"),
	V(M64, OK, 9, MOV, "\xa0\x01\x02\x03\x04\x05\x06\x07\x08"),
	V(M64, OK, 6, MOV, "\x67\xa0\x01\x02\x03\x04"),
	V(M16, OK, 3, MOV, "\xa0\x01\x02"),
	V(M64, OK, 2, JCC, "\x74\x10"),
	V(M64, OK, 6, JCC, "\x0f\x84\x01\x02\x03\x04"),
	V(M64, OK, 7, JCC, "\x66\x0f\x84\x01\x02\x03\x04"),
	V(A64, OK, 5, JCC, "\x66\x0f\x84\x01\x02"),
	V(M32, OK, 5, JCC, "\x66\x0f\x84\x01\x02"),
	V(M32, OK, 7, JMP_FAR, "\xea\x01\x02\x03\x04\x05\x06"),
	V(M16, OK, 5, JMP_FAR, "\xea\x01\x02\x03\x04"),
	V(M64, INVALID, 0, NONE, "\xea\x01\x02\x03\x04\x05\x06"),
	V(M64, OK, 4, ENTER, "\xc8\x01\x02\x03"),
	V(M32, OK, 2, LES, "\xc4\x01"),
	V(M64, OK, 5, MOVAPS, "\xc4\xe1\x78\x28\xc1"),
	V(M64, NOT_IMPL, 5, VEX, "\xc4\xe1\x78\x58\xc1"),
	V(M64, NOT_IMPL, 6, VEX, "\xc4\xe3\x79\x0f\xc1\x04"),
	V(M64, NOT_IMPL, 3, VEX, "\xc5\xf8\x77"),
	V(M32, OK, 5, ANDN, "\xc4\xe2\x60\xf2\xc1"),
	V(M64, INVALID, 0, NONE, "\x66\xc5\xf8\x77"),
	V(M64, NOT_IMPL, 6, VEX, "\x62\xf1\x7c\x48\x28\xc1"),
	V(M32, OK, 2, BOUND, "\x62\x01"),
	V(M64, NOT_IMPL, 5, VEX, "\x8f\xe9\x78\x01\xc9"),
	V(M64, OK, 2, POP, "\x8f\xc0"),
	V(M64, INVALID, 0, NONE, "\xf0\x90"),
	V(M64, INVALID, 0, NONE, "\xf0\x01\xc0"),
	V(M64, OK, 3, ADD, "\xf0\x01\x00"),
	V(M64, INVALID, 0, NONE, "\xf0\x39\x00"),
	V(M64, INVALID, 0, NONE, "\x0f\x20\xc8"),
	V(M64, OK, 3, MOV_FROM_CR, "\x0f\x20\x00"),
	V(M64, OK, 4, MOV_FROM_CR, "\x44\x0f\x20\xc0"),
	V(A64, OK, 4, MOV_FROM_CR, "\xf0\x0f\x20\xc0"),
	V(M64, INVALID, 0, NONE, "\xf0\x0f\x20\xc0"),
	V(M64, INVALID, 0, NONE, "\x8e\xc8"),
	V(M64, INVALID, 0, NONE, "\x8e\xf0"),
	V(M64, OK, 3, MOV_TO_SEG, "\x4c\x8e\xc0"),
	V(M64, OK, 15, ADD, "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x00\x00"),
	V(M64, TOO_LONG, 0, NONE, "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x00\x00"),
	V(M64, SHORT, 0, NONE, "\x48"),
	V(M64, SHORT, 0, NONE, ""),
	V(M64, SHORT, 0, NONE, "\x8b\x05\x01\x02\x03"),
	V(M64, OK, 6, MOV, "\x8b\x05\x01\x02\x03\x04"),
	V(M64, OK, 7, MOV, "\x8b\x04\x25\x01\x02\x03\x04"),
	V(M16, OK, 4, MOV, "\x8b\x06\x01\x02"),
	V(M16, OK, 3, MOV, "\x67\x8b\x00"),
	V(M64, OK, 3, XCHG, "\x48\x87\x00"),
	V(M64, OK, 4, CMPXCHG8B, "\xf0\x0f\xc7\x08"),
	V(M64, OK, 4, POPCNT, "\xf3\x0f\xb8\xc0"),
	V(M64, INVALID, 0, NONE, "\x0f\xb8\xc0"),
	V(M64, OK, 6, CRC32, "\x66\xf2\x0f\x38\xf1\xc0"),
	V(M64, OK, 4, VMMCALL, "\x66\x0f\x01\xd9"),
	V(M64, OK, 6, TEST, "\xf7\xc0\x01\x02\x03\x04"),
	V(M64, OK, 6, TEST, "\xf7\xc8\x01\x02\x03\x04"),
	V(M64, OK, 2, NOT, "\xf7\xd0"),
	V(M64, OK, 4, PI3DNOW, "\x0f\x0f\xc0\x9e"),
	V(M64, INVALID, 0, NONE, "\x0f\x0f\xc0\x00"),
#undef V
};

static void hand_made(void)
{
	unsigned int i, bad = 0;

	for (i = 0; i < ARRAY_SIZE(vectors); i++) {
		struct insn insn;
		int ret = insn_decode(&insn, (const u8 *)vectors[i].bytes, vectors[i].n, vectors[i].mode);
		bool valid = ret == INSN_OK || ret == INSN_NOT_IMPL;

		if (ret == vectors[i].result &&
		    (!valid || (insn.length == vectors[i].length && insn.id == vectors[i].id)))
			continue;
		bad++;
		diag("vector %u: result %d, length %u, id %u", i, ret, insn.length, insn.id);
	}
	ok_eq(bad, 0, "%zu hand-made vectors", ARRAY_SIZE(vectors));
}

static void fields(void)
{
	struct insn i;

	insn_decode(&i, (const u8 *)"\x65\x4a\x8b\x84\x8d\x78\x56\x34\x92", 9, M64);
	ok(i.base == INSN_RBP && i.index == INSN_R9 && i.scale == 2 && i.seg == INSN_GS &&
	   i.disp == (s32)0x92345678 && i.opsize == 8 && i.adsize == 8, "SIB, REX.X and an override");
	insn_decode(&i, (const u8 *)"\x8b\x45\x08", 3, M64);
	ok(i.seg == INSN_SS && i.base == INSN_RBP && i.index == INSN_REG_NONE && i.disp == 8,
	   "rBP defaults to SS");
	insn_decode(&i, (const u8 *)"\x64\x2e\x8b\x00", 4, M64);
	ok_eq(i.seg, INSN_FS, "a null prefix leaves FS in force in 64-bit mode");
	insn_decode(&i, (const u8 *)"\x64\x2e\x8b\x00", 4, M32);
	ok_eq(i.seg, INSN_CS, "the last segment prefix counts in 32-bit mode");
	insn_decode(&i, (const u8 *)"\x8b\x42\xfe", 3, M16);
	ok(i.base == INSN_RBP && i.index == INSN_RSI && i.seg == INSN_SS && i.disp == -2,
	   "16-bit addressing");
	insn_decode(&i, (const u8 *)"\x48\x66\x01\x00", 4, M64);
	ok_eq(i.opsize, 2, "REX counts only directly before the opcode");
	insn_decode(&i, (const u8 *)"\x48\xc7\xc0\xff\xff\xff\xff", 7, M64);
	ok_eq(i.imm, ~0ULL, "a 32-bit immediate is sign-extended");
	insn_decode(&i, (const u8 *)"\x66\x50", 2, M64);
	ok_eq(i.opsize, 2, "PUSH with 66 has 16 bits in 64-bit mode");
	insn_decode(&i, (const u8 *)"\x50", 1, M64);
	ok_eq(i.opsize, 8, "PUSH has 64 bits in 64-bit mode");
	insn_decode(&i, (const u8 *)"\xf2\xf3\xa4", 3, M64);
	ok(i.prefix & INSN_PFX_F3 && !(i.prefix & INSN_PFX_F2), "the last of F2 and F3 counts");
}

/* Decoding reads nothing past the length and depends on nothing else. */
static void properties(unsigned int cases)
{
	unsigned int i, bad = 0, lengths = 0;

	for (i = 0; i < cases; i++) {
		u8 bytes[INSN_MAX_LENGTH];
		struct insn a, b;
		unsigned int n;
		int ret;
		u64 r[2] = { rnd(), rnd() };
		unsigned int mode = rnd() % 3 | (rnd() & INSN_MODE_AMD);

		memcpy(bytes, r, sizeof(bytes));
		if (rnd() & 1)
			bytes[0] = 0x0f;
		ret = insn_decode(&a, bytes, sizeof(bytes), mode);
		if (ret != INSN_OK && ret != INSN_NOT_IMPL)
			continue;
		lengths++;
		if (!a.length || a.length > INSN_MAX_LENGTH)
			bad++;
		for (n = 0; n < a.length; n++) {
			u8 *copy = malloc(n ?: 1);	/* so that a sanitizer sees over-reads */

			memcpy(copy, bytes, n);
			if (insn_decode(&b, copy, n, mode) != INSN_SHORT)
				bad++;
			free(copy);
		}
		for (n = a.length; n < sizeof(bytes); n++)
			bytes[n] ^= 0xff;
		if (insn_decode(&b, bytes, sizeof(bytes), mode) != ret || memcmp(&a, &b, sizeof(a)))
			bad++;
	}
	ok(lengths > cases / 4 && !bad, "decoding depends on its bytes alone (%u instructions)", lengths);
}

/* Every feature number in a table can be asked of CPUID, and no row lacks an answer. */
static void features(void)
{
	unsigned int i, bad = 0;

	for (i = 1; i < INSN_F_END; i++)
		if (!insn_feature_bits[i].leaf && i != INSN_F_TDX && i != INSN_F_SEAM)
			bad++;
	ok_eq(bad, 0, "every feature has a CPUID bit");
}

#if __has_include(<Zydis/Zydis.h>)
#include <Zydis/Zydis.h>

static struct {
	__typeof__(&ZydisDecoderInit) init;
	__typeof__(&ZydisDecoderEnableMode) mode;
	__typeof__(&ZydisDecoderDecodeInstruction) decode;
	__typeof__(&ZydisMnemonicGetString) name;
} z;

/* Instructions newer than the Zydis of Debian 12, or of other makers: not in its tables. */
static bool unknown_to_zydis(const struct insn *insn)
{
	switch (insn->id) {
	case INSN_OP_MOVRS: case INSN_OP_PREFETCHRST2: case INSN_OP_PREFETCHIT0: case INSN_OP_PREFETCHIT1:
	case INSN_OP_URDMSR: case INSN_OP_UWRMSR: case INSN_OP_AADD: case INSN_OP_AAND: case INSN_OP_AOR:
	case INSN_OP_AXOR: case INSN_OP_LKGS: case INSN_OP_ERETS: case INSN_OP_ERETU: case INSN_OP_WRMSRNS:
	case INSN_OP_WRMSRLIST: case INSN_OP_RDMSRLIST: case INSN_OP_PBNDKB: case INSN_OP_RMPQUERY:
	case INSN_OP_RMPREAD: case INSN_OP_WBNOINVD: case INSN_OP_VMGEXIT:
		return true;
	/* Combinations that MPX forbids are hints (NOP) where there is no MPX. */
	case INSN_OP_BNDLDX: case INSN_OP_BNDSTX: case INSN_OP_BNDMK: case INSN_OP_BNDMOV:
	case INSN_OP_BNDCL: case INSN_OP_BNDCU: case INSN_OP_BNDCN:
		return true;
	case INSN_OP_XCHG:
		return insn->opcode == 0x90;		/* F3 41 90 is no PAUSE on an EPYC */
	case INSN_OP_PI3DNOW:
		return (insn->imm & 0xfe) == 0x86;	/* Geode's PFRCPV, PFRSQRTV */
	case INSN_OP_MOV_FROM_CR: case INSN_OP_MOV_TO_CR:
		return insn->prefix & INSN_PFX_LOCK;	/* CR8 by LOCK, AMD */
	}
	return false;
}

/* Where Zydis takes what processors do not (CLZERO with a prefix and 0F 0D tried on an EPYC). */
static bool too_much_of_zydis(const ZydisDecodedInstruction *zi, unsigned int mode)
{
	switch (zi->mnemonic) {
	case ZYDIS_MNEMONIC_JKZD: case ZYDIS_MNEMONIC_JKNZD:
		return true;				/* Knights Corner */
	case ZYDIS_MNEMONIC_CLZERO: case ZYDIS_MNEMONIC_RDPRU:
		return zi->attributes & (ZYDIS_ATTRIB_HAS_OPERANDSIZE) || zi->raw.prefix_count;
	case ZYDIS_MNEMONIC_NOP:
		return zi->opcode == 0x0d && mode & INSN_MODE_AMD;
	default:
		return zi->encoding == ZYDIS_INSTRUCTION_ENCODING_MVEX;
	}
}

static void against_zydis(unsigned long cases)
{
	static const ZydisMachineMode modes[] = {
		ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_MACHINE_MODE_LONG_64
	};
	static const ZydisStackWidth stacks[] = {
		ZYDIS_STACK_WIDTH_16, ZYDIS_STACK_WIDTH_32, ZYDIS_STACK_WIDTH_64
	};
	static const u8 prefixes[] = {
		0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65, 0x48, 0x40, 0x41, 0x44, 0x4f
	};
	unsigned long i, both = 0, wrong = 0, nameless = 0;
	ZydisDecoder decoders[6];

	for (i = 0; i < 6; i++) {
		z.init(&decoders[i], modes[i % 3], stacks[i % 3]);
		if (i >= 3)
			z.mode(&decoders[i], ZYDIS_DECODER_MODE_AMD_BRANCHES, 1);
	}
	for (i = 0; i < cases; i++) {
		unsigned int which = rnd() % 6, n = 0, r = (unsigned int)rnd();
		unsigned int mode = which % 3 | (which >= 3 ? INSN_MODE_AMD : 0);
		ZydisDecodedInstruction zi;
		struct insn insn;
		u64 raw[2] = { rnd(), rnd() };
		u8 b[16];
		bool theirs;
		int ours, valid;

		memcpy(b, raw, 16);
		/* Random bytes alone seldom reach the deeper maps. */
		if (r & 1) {
			b[n++] = prefixes[r >> 8 & 15];
			if (r & 2)
				b[n++] = prefixes[r >> 12 & 15];
		}
		if (r & 4) {
			b[n++] = 0x0f;
			if ((r & 0x18) == 0x18)
				b[n++] = r & 0x20 ? 0x38 : 0x3a;
		} else if ((r & 0xf8) == 0x80) {
			b[n++] = 0xc4;
			b[n] = (b[n] & 0xe0) | (b[n] & 3);
		} else if ((r & 0xf8) == 0x90) {
			b[n++] = 0x62;
			b[n] = (b[n] & 0xf0) | (b[n] & 3);
			b[n + 1] |= 4;
		}
		theirs = ZYAN_SUCCESS(z.decode(&decoders[which], NULL, b, INSN_MAX_LENGTH, &zi));
		ours = insn_decode(&insn, b, INSN_MAX_LENGTH, mode);
		valid = ours == INSN_OK || ours == INSN_NOT_IMPL;
		if (theirs && too_much_of_zydis(&zi, mode))
			continue;
		if (theirs && valid && zi.length == insn.length) {
			both++;
			if (ours == INSN_NOT_IMPL || unknown_to_zydis(&insn))
				continue;
			if (!insn_name(&insn) || (insn.id != INSN_OP_CALL_FAR && insn.id != INSN_OP_JMP_FAR &&
			    insn.id != INSN_OP_RET_FAR && insn.id != INSN_OP_SYSRET && insn.id != INSN_OP_SYSEXIT &&
			    strcmp(insn_name(&insn), insn_canonical(z.name(zi.mnemonic))) &&
			    nameless++ < 20))
				diag("mode %u %02x%02x%02x%02x%02x%02x: %s, Zydis says %s", mode & 15, b[0],
				     b[1], b[2], b[3], b[4], b[5], insn_name(&insn) ?: "?",
				     z.name(zi.mnemonic));
			continue;
		}
		/* VEX forms are recognised by shape, so undefined ones may pass here. */
		if (!theirs && (ours != INSN_OK || unknown_to_zydis(&insn)))
			continue;
		if (wrong++ < 20)
			diag("mode %u%s %02x%02x%02x%02x%02x%02x%02x%02x%02x%02x: Zydis %s %u, ours %d id %u %u",
			     mode & 15, mode & INSN_MODE_AMD ? " AMD" : "", b[0], b[1], b[2], b[3], b[4],
			     b[5], b[6], b[7], b[8], b[9], theirs ? z.name(zi.mnemonic) : "-",
			     theirs ? zi.length : 0, ours, insn.id, insn.length);
	}
	ok(both > cases / 4 && !wrong, "libzydis agrees about length and validity (%lu of %lu cases valid)",
	   both, cases);
	ok_eq(nameless, 0, "libzydis agrees about the mnemonic");
}

static void zydis(unsigned long cases)
{
	void *lib = dlopen("libZydis.so.4.0", RTLD_NOW);

	if (!lib) {
		skip("libzydis is not installed", "libzydis as a second decoder");
		return;
	}
	z.init = (__typeof__(z.init))dlsym(lib, "ZydisDecoderInit");
	z.mode = (__typeof__(z.mode))dlsym(lib, "ZydisDecoderEnableMode");
	z.decode = (__typeof__(z.decode))dlsym(lib, "ZydisDecoderDecodeInstruction");
	z.name = (__typeof__(z.name))dlsym(lib, "ZydisMnemonicGetString");
	against_zydis(cases);
	dlclose(lib);
}
#else
static void zydis(unsigned long cases)
{
	skip("libzydis-dev is not installed", "libzydis as a second decoder");
}
#endif

int main(void)
{
	const char *cases = getenv("CASES");

	hand_made();
	fields();
	properties(200000);
	features();
	zydis(cases ? strtoul(cases, NULL, 0) : 10000000);
	return done();
}
