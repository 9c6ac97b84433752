/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Facts about the host that are read once at load or asked before a VM is made.
 */
#ifndef FERRY_HOST_H
#define FERRY_HOST_H

#include <linux/types.h>

struct cpu_findings;
struct cpu_policy;

int ferry_host_init(void);
void ferry_host_loaded(bool loaded); /* on this CPU; irqs off */
bool ferry_host_tsc_stable(void);
u64 ferry_fpu_guest_xcr0(void);
u64 ferry_host_xcr0(void); /* components this kernel enabled */
u64 ferry_host_xss(void);
void ferry_host_exit(void);
const struct cpu_policy *ferry_host_policy(void); /* of one CPU */
int ferry_host_check(const struct cpu_policy *guest, u32 raw_khz, struct cpu_findings *list);

#endif /* FERRY_HOST_H */
