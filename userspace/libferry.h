/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libferry: the ioctls of <linux/ferry.h> as functions that explain their failures.
 *
 * Each returns 0, or one of enum ferry_exit_code with @err filled in. Nothing is kept between
 * calls; descriptors belong to the caller.
 */
#ifndef FERRY_LIBFERRY_H
#define FERRY_LIBFERRY_H

#include <linux/ferry.h>

#include "util.h"

#define FERRY_DEVICE "/dev/ferry"

/* Open /dev/ferry and check the API version; *fd >= 0 on success. */
int ferry_open(int *fd, struct ferry_info *info, struct error *err);
int ferry_create_vm(int dev, u32 flags, const char *name, const u8 uuid[16], u64 generation,
		    int *vm, struct error *err);
int ferry_set_memory(int vm, u32 region, u64 gpa, u64 length, struct error *err);
/* Map guest memory at @gpa; unmap with munmap(). */
int ferry_map(int vm, u64 gpa, u64 length, void **hva, struct error *err);
int ferry_create_vcpu(int vm, u32 id, int *vcpu, struct error *err);
int ferry_map_run(int vcpu, u32 run_size, struct ferry_run **run, struct error *err);
/* On refusal *nr_findings of @findings are filled in (capacity in, count out). */
int ferry_set_policy(int vm, const struct ferry_cpuid_entry *cpuid, u32 nr_cpuid,
		     const struct ferry_policy_msr *msrs, u32 nr_msrs,
		     struct ferry_finding *findings, u32 *nr_findings, struct error *err);
/* Up to FERRY_MAX_CPUID and FERRY_MAX_POLICY_MSRS entries. */
int ferry_get_policy(int vm, struct ferry_cpuid_entry *cpuid, u32 *nr_cpuid,
		     struct ferry_policy_msr *msrs, u32 *nr_msrs, struct error *err);
int ferry_get_state(int fd, u32 group, void *buf, u32 *length, struct error *err);
int ferry_set_state(int fd, u32 group, const void *buf, u32 length, struct error *err);
const char *ferry_state_name(u32 group);
/* Failure is our own bug or a VM going away: the return value of ioctl() only. */
int ferry_irq_line(int vm, u32 gsi, u32 level);
/* ioctl()'s return value and errno: the run loop has to tell EINTR from the rest. */
int ferry_run_vcpu(int vcpu);
int ferry_nmi(int vcpu, struct error *err);
/* -EALREADY is success: the caller wants a state, not a transition. */
int ferry_pause(int vm, struct error *err);
int ferry_continue(int vm, bool guest_stopped, struct error *err);
int ferry_get_stats(int fd, struct ferry_stats *stats, struct error *err);
/* false past the last exit kind. */
/* From e->index, 0 at first; false: no more. Go on with ++e->index. */
bool ferry_next_emulated(int vm, struct ferry_emulated *e);
bool ferry_exit_name(int vm, u32 index, char name[24]);

/* One migration phase: @request is FERRY_MIGRATE_SEND ... FERRY_MIGRATE_ABORT. */
int ferry_migrate(int vm, unsigned long request, struct ferry_migrate *m, struct error *err);
int ferry_migrate_resolve(int vm, u32 answer, struct error *err);
int ferry_migrate_status(int vm, struct ferry_migrate_status *st, struct error *err);
const char *ferry_phase_name(u32 phase);

#endif /* FERRY_LIBFERRY_H */
