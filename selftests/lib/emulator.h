/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What this host is: which emulator, and whose CPU it has. A test may ask only to leave out what the emulator
 * does otherwise than the manuals say, with their words beside it.
 */
#ifndef FERRY_TEST_EMULATOR_H
#define FERRY_TEST_EMULATOR_H

#include <cpuid.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static inline bool on_emulator(const char *name)
{
	const char *emulator = getenv("LAB_EMULATOR");

	return emulator && !strcmp(emulator, name);
}

static inline bool on_qemu(void)
{
	return on_emulator("qemu");
}

static inline bool on_bochs(void)
{
	return on_emulator("bochs");
}

static inline bool host_is_amd(void)
{
	unsigned int a, b = 0, c, d;

	__get_cpuid(0, &a, &b, &c, &d);
	return b == signature_AMD_ebx;
}

#endif /* FERRY_TEST_EMULATOR_H */
