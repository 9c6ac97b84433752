// SPDX-License-Identifier: GPL-2.0-only
/*
 * For tests that ask whether memory came back. See freemem.h.
 */
#include <stdio.h>
#include <unistd.h>

#include "freemem.h"

long free_kib(void)
{
	FILE *f = fopen("/proc/meminfo", "r"), *zones = fopen("/proc/zoneinfo", "r");
	long kib = -1, pages;
	char line[256];

	while (f && kib < 0 && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %ld", &kib) != 1)
			kib = -1;
	/* What was freed last waits in the CPUs' own lists, up to 18 MiB in each, and is not counted. */
	while (kib >= 0 && zones && fgets(line, sizeof(line), zones))
		if (sscanf(line, " count: %ld", &pages) == 1)
			kib += pages * 4;
	if (f)
		fclose(f);
	if (zones)
		fclose(zones);
	return kib;
}

bool all_freed(long before, long slack, long *left)
{
	unsigned int i;

	/* Some of it is freed after a grace period. */
	for (i = 0; i < 100 && (*left = before - free_kib()) >= slack; i++)
		usleep(100000);
	return before > 0 && *left < slack;
}
