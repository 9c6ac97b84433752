/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a guest was ever shown of its CPU and what it ever enabled: for ferry stat, and for answers
 * about where it can go.
 */
#ifndef FERRY_SEEN_H
#define FERRY_SEEN_H

#include "lib/cpu/check.h"
#include "util.h"

/* The record of a VM, as "ferry stat" has it under "cpu". */
json_object *seen_of_vm(int vm, struct error *err);
/*
 * What "ferry stat --json NAME" printed: the gates that the guest opened, and the rate of its TSC if it
 * keeps time by that.
 */
int seen_read(struct cpu_gates *gates, u32 *raw_khz, const char *path, struct error *err);

#endif /* FERRY_SEEN_H */
