// SPDX-License-Identifier: GPL-2.0-only
/* What both hypervisors' benchmark guests have in common. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "host_policy.h"
#include "hv.h"

#define PRESENT_WRITE 3
#define LARGE 0x80

void hv_load(struct hv *hv, const void *code, size_t length)
{
	uint64_t *pml4 = (uint64_t *)(hv->mem + HV_TABLES), *pdpt = pml4 + 512, *pd = pdpt + 512;
	int i;

	memset(pml4, 0, 3 * 4096);
	pml4[0] = (HV_TABLES + 0x1000) | PRESENT_WRITE;
	pdpt[0] = (HV_TABLES + 0x2000) | PRESENT_WRITE;
	for (i = 0; i < 512; i++)
		pd[i] = (uint64_t)i << 21 | PRESENT_WRITE | LARGE;
	memcpy(hv->mem + HV_CODE, code, length);
}

bool hv_fail(struct hv *hv, const char *what)
{
	snprintf(hv->why, sizeof(hv->why), "%s: %s: %s", hv->ops->name, what, strerror(errno));
	return false;
}

const struct cpu_policy *hv_policy(void)
{
	static struct cpu_policy host, guest;
	struct cpu_default_params params = { .topology = { .cores = 1, .threads = 1 },
					     .flags = CPU_DEFAULT_KVMCLOCK };

	if (guest.nr_leaves)
		return &guest;
	if (host_policy_read(&host) || cpu_policy_default(&guest, &host, &params))
		return NULL;
	return &guest;
}
