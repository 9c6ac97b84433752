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

#define HV_CODE 0x1000
#define HV_STACK 0x8000
#define HV_TABLES 0x9000 /* PML4, PDPT, PD */
#define HV_DATA 0x100000
#define HV_PORT 0xf1

struct hv;

/**
 * struct hv_ops - one hypervisor
 * @open: make a VM of hv->size bytes; false with a reason in hv->why
 * @start: put the vCPU at HV_CODE
 * @run: until the next port access; its data in hv->value; false with a reason
 * @log: start or stop the dirty log
 * @harvest: fetch and clear it
 * @exits: exits of the vCPU so far, 0 if it cannot tell
 */
struct hv_ops {
	const char *name;
	bool (*open)(struct hv *hv);
	bool (*start)(struct hv *hv);
	bool (*run)(struct hv *hv);
	bool (*log)(struct hv *hv, bool on);
	bool (*harvest)(struct hv *hv);
	uint64_t (*exits)(struct hv *hv);
	void (*close)(struct hv *hv);
};

struct hv {
	const struct hv_ops *ops;
	size_t size;
	uint8_t *mem; /* the guest's memory, mapped here */
	uint32_t value; /* last port write */
	int fd, vm, vcpu;
	void *run; /* the vCPU's run page */
	size_t run_size;
	void *bitmap;
	char why[160];
};

extern const struct hv_ops hv_kvm, hv_ferry;

/* Build page tables and copy code; the memory is mapped. */
void hv_load(struct hv *hv, const void *code, size_t length);
bool hv_fail(struct hv *hv, const char *what); /* what and errno into hv->why; false */

#endif /* FERRY_TEST_HV_H */
