// SPDX-License-Identifier: GPL-2.0-only
/*
 * The four nested-table formats. Owns nothing but these tables.
 *
 * Only leaves of 4 KiB and 2 MiB are ever made; the 1 GiB row says how one would look.
 */
#include "format.h"

#define PAGE_SIZE_BIT BIT_ULL(7) /* both vendors: this entry of a higher level maps memory */
#define ADDRESS	      GENMASK_ULL(51, 12)

/* Both vendors: 9 address bits a level; a page-size bit at levels 2 and 3, reserved above. */
/* clang-format off */
#define LEVELS_1_TO_4							\
	{ .shift = 12, .bits = 9, .leaf_mask = 0, .leaf_value = 0 },	\
	{ .shift = 21, .bits = 9, .leaf_mask = PAGE_SIZE_BIT, .leaf_value = PAGE_SIZE_BIT }, \
	{ .shift = 30, .bits = 9, .leaf_mask = PAGE_SIZE_BIT, .leaf_value = PAGE_SIZE_BIT }, \
	{ .shift = 39, .bits = 9, .leaf_mask = 0, .leaf_value = 1 }
#define LEVEL_5								\
	{ .shift = 48, .bits = 9, .leaf_mask = 0, .leaf_value = 1 }
/* clang-format on */

/* APM vol. 2, 5.3.3-5.3.5: the long-mode entry, in which a guest's every access is a user access. */
#define NPT_P  BIT_ULL(0)
#define NPT_W  BIT_ULL(1)
#define NPT_U  BIT_ULL(2)
#define NPT_A  BIT_ULL(5)
#define NPT_D  BIT_ULL(6)
#define NPT_NX BIT_ULL(63) /* reserved unless the host's EFER.NXE is set */

#define NPT_BITS                                                                                 \
	.present = NPT_P, .table = NPT_P | NPT_W | NPT_U, .leaf = NPT_P | NPT_U, .write = NPT_W, \
	.no_fetch = NPT_NX, .accessed = NPT_A, .dirty = NPT_D, .addr = ADDRESS

/* SDM vol. 3, tables 29-1 to 29-7. */
#define EPT_R	       BIT_ULL(0)
#define EPT_W	       BIT_ULL(1)
#define EPT_X	       BIT_ULL(2)
#define EPT_WB	       (6ULL << 3)
#define EPT_IGNORE_PAT BIT_ULL(6) /* RAM stays write-back, whatever the guest's PAT says */
#define EPT_A	       BIT_ULL(8)
#define EPT_D	       BIT_ULL(9)

#define EPT_BITS                                                          \
	.present = EPT_R | EPT_W | EPT_X, .table = EPT_R | EPT_W | EPT_X, \
	.leaf = EPT_R | EPT_WB | EPT_IGNORE_PAT, .write = EPT_W, .fetch = EPT_X, .addr = ADDRESS

const struct npt_format npt_format_npt4 = {
	.name = "NPT, 4 levels",
	.levels = 4,
	.level = { LEVELS_1_TO_4 },
	NPT_BITS,
};

const struct npt_format npt_format_npt5 = {
	.name = "NPT, 5 levels",
	.levels = 5,
	.level = { LEVELS_1_TO_4, LEVEL_5 },
	NPT_BITS,
};

const struct npt_format npt_format_ept4 = {
	.name = "EPT, 4 levels, accessed/dirty bits",
	.levels = 4,
	.level = { LEVELS_1_TO_4 },
	EPT_BITS,
	.accessed = EPT_A,
	.dirty = EPT_D,
};

const struct npt_format npt_format_ept4_noad = {
	.name = "EPT, 4 levels",
	.levels = 4,
	.level = { LEVELS_1_TO_4 },
	EPT_BITS,
};
