/* SPDX-License-Identifier: GPL-2.0-only */
/* Mnemonics, for tests and their messages. */
#ifndef FERRY_UNIT_INSN_NAMES_H
#define FERRY_UNIT_INSN_NAMES_H

#include "lib/insn/insn.h"

/* The SDM's mnemonic of a decoded instruction, in a static buffer at times. */
const char *insn_name(const struct insn *insn);

/* The spelling insn_name() uses, for one that another disassembler uses. */
const char *insn_canonical(const char *name);

#endif
