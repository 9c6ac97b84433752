// SPDX-License-Identifier: GPL-2.0-only
/* Preloaded into Bochs: it seeds its random numbers with the time of day, and runs would differ. */
void srand(unsigned int seed);
void srand(unsigned int seed)
{
	(void)seed;
}
