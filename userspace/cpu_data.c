// SPDX-License-Identifier: GPL-2.0-only
/*
 * The files of userspace/data as strings. The Makefile rebuilds this when one of them changes.
 */
#include "cpu_data.h"

#define CARRY(symbol, file)                                                                        \
	__asm__(".pushsection .rodata\n"                                                           \
		".global " #symbol "\n"                                                            \
		".type " #symbol ", @object\n" #symbol ":\n"                                       \
		".incbin \"userspace/data/" file "\"\n"                                            \
		".byte 0\n"                                                                        \
		".size " #symbol ", . - " #symbol "\n"                                             \
		".popsection\n")

CARRY(cpu_data_levels, "cpu-levels.txt");
CARRY(cpu_data_models, "cpu-models.txt");
CARRY(cpu_data_mask_linux, "masks/linux.mask");
CARRY(cpu_data_mask_windows, "masks/windows.mask");
CARRY(cpu_data_mask_other, "masks/other.mask");
