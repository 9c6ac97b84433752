// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where CPUID enumerates each instruction's feature. Constant data.
 */
#include "insn.h"

const struct insn_cpuid_bit insn_feature_bits[INSN_F_END] = {
#define X(name, l, s, r, b) [INSN_F_##name] = { .leaf = l, .subleaf = s, .reg = r, .bit = b },
	INSN_FEATURES(X)
#undef X
};

void insn_features_from_cpuid(u64 features[2],
			      bool (*ask)(void *ctx, const struct insn_cpuid_bit *bit), void *ctx)
{
	unsigned int i;

	static_assert(INSN_F_END <= 128, "features fit two words");
	features[0] = 1;	/* INSN_F_BASE */
	features[1] = 0;
	for (i = 1; i < INSN_F_END; i++)
		if (insn_feature_bits[i].leaf && ask(ctx, &insn_feature_bits[i]))
			features[i >> 6] |= 1ULL << (i & 63);
}
