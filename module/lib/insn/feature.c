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
