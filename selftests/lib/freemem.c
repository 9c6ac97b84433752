// SPDX-License-Identifier: GPL-2.0-only
/*
 * For tests that ask whether memory came back. See freemem.h.
 */
#include <stdio.h>

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
