/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FERRY_TEST_FREEMEM_H
#define FERRY_TEST_FREEMEM_H

/* KiB of this host that nobody uses, -1 if that cannot be read. Quiet, it wanders by less than one MiB. */
long free_kib(void);

#endif /* FERRY_TEST_FREEMEM_H */
