/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FERRY_TEST_FREEMEM_H
#define FERRY_TEST_FREEMEM_H

#include <stdbool.h>

/* KiB of this host that nobody uses, -1 if that cannot be read. Quiet, it wanders by less than one MiB. */
long free_kib(void);

/* Waits until all but @slack KiB of what was free at @before is free again, ten seconds at most; @left is missing. */
bool all_freed(long before, long slack, long *left);

#endif /* FERRY_TEST_FREEMEM_H */
