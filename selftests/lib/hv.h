/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The little that a benchmark needs of a hypervisor, so that the same guest bytes run under Ferry
 * and under KVM in the same emulated host.
 *
 * A guest is flat memory from 0, one vCPU in 64-bit mode with the first gigabyte mapped one to
 * one, its page tables at HV_TABLES, code at HV_CODE. It speaks through port HV_PORT.
 */
#ifndef FERRY_TEST_HV_H
#define FERRY_TEST_HV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/cpu/policy.h"

#define HV_CODE 0x1000
#define HV_STACK 0x8000
#define HV_TABLES 0x9000 /* PML4, PDPT, PD */
#define HV_DATA 0x100000
#define HV_PORT 0xf1

struct hv;

/* Why a run ended. */
enum hv_exit {
	HV_FAILED,
	HV_PORT_ACCESS, /* hv->port and what follows it */
	HV_NO_MEMORY, /* an access to an address without memory; a read finds zeroes */
	HV_SHUTDOWN, /* triple fault */
};

/**
 * struct hv_ops - one hypervisor
 * @open: make a VM of hv->size bytes; false with a reason in hv->why
 * @start: put the vCPU at hv->entry (HV_CODE if that is 0) with hv->arg in RSI
 * @run: until userspace is needed; HV_FAILED with a reason
 * @log: start or stop the dirty log, with PML if that is to be chosen
 * @has_pml: it can be chosen
 * @harvest: fetch and clear it
 * @exits: exits of the vCPU so far, 0 if it cannot tell
 */
struct hv_ops {
	const char *name;
	bool (*open)(struct hv *hv);
	bool (*start)(struct hv *hv);
	enum hv_exit (*run)(struct hv *hv);
	bool (*log)(struct hv *hv, bool on, bool pml);
	bool (*has_pml)(void);
	bool (*harvest)(struct hv *hv);
	uint64_t (*exits)(struct hv *hv);
	void (*close)(struct hv *hv);
};

struct hv {
	const struct hv_ops *ops;
	size_t size;
	uint8_t *mem; /* the guest's memory, mapped here */
	bool huge; /* in: memory comes in pages of 2 MiB, else of 4 KiB */
	uint64_t entry, arg;
	uint16_t port; /* the last port access */
	uint8_t port_bytes;
	bool port_in;
	void *port_data; /* what was written, or where to put what is read */
	int fd, vm, vcpu;
	void *map; /* what the memory was cut from, if that was more */
	size_t map_size;
	void *run; /* the vCPU's run page */
	size_t run_size;
	void *bitmap;
	char why[160];
};

extern const struct hv_ops hv_kvm, hv_ferry;

/* Build page tables and copy code; the memory is mapped. */
void hv_load(struct hv *hv, const void *code, size_t length);
/* What both tell a guest of its CPU: this host's, with one processor and a kvmclock; NULL on failure. */
const struct cpu_policy *hv_policy(void);
bool hv_fail(struct hv *hv, const char *what); /* what and errno into hv->why; false */

#endif /* FERRY_TEST_HV_H */
