// SPDX-License-Identifier: GPL-2.0-only
/* Ferry as the hypervisor of a benchmark. */
#include <errno.h>
#include <fcntl.h>
#include <linux/ferry.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hv.h"

static bool set_policy(struct hv *hv)
{
	const struct cpu_policy *guest = hv_policy();
	struct ferry_policy args = { .size = sizeof(args) };

	if (!guest) {
		errno = EINVAL;
		return false;
	}
	args.nr_cpuid = guest->nr_leaves;
	args.nr_msrs = guest->nr_msrs;
	args.cpuid = (uintptr_t)guest->leaf;
	args.msrs = (uintptr_t)guest->msr;
	return !ioctl(hv->vm, FERRY_SET_POLICY, &args);
}

/* Memory comes in pages of 2 MiB wherever a region holds one whole. */
static bool set_memory(struct hv *hv)
{
	size_t at, step = hv->huge ? hv->size : 1 << 20;
	struct ferry_memory memory = { .size = sizeof(memory) };

	for (at = 0; at < hv->size; at += step, memory.region++) {
		memory.gpa = at;
		memory.length = step;
		if (ioctl(hv->vm, FERRY_SET_MEMORY, &memory))
			return false;
	}
	return true;
}

static bool ferry_open(struct hv *hv)
{
	struct ferry_create_vm vm = { .size = sizeof(vm), .name = "bench", .uuid = { 1 } };
	struct ferry_create_vcpu vcpu = { .size = sizeof(vcpu) };

	hv->fd = open("/dev/ferry", O_RDWR | O_CLOEXEC);
	if (hv->fd < 0)
		return hv_fail(hv, "/dev/ferry");
	hv->vm = ioctl(hv->fd, FERRY_CREATE_VM, &vm);
	if (hv->vm < 0)
		return hv_fail(hv, "FERRY_CREATE_VM");
	if (!set_policy(hv))
		return hv_fail(hv, "FERRY_SET_POLICY");
	if (!set_memory(hv))
		return hv_fail(hv, "FERRY_SET_MEMORY");
	hv->mem = mmap(NULL, hv->size, PROT_READ | PROT_WRITE, MAP_SHARED, hv->vm, 0);
	if (hv->mem == MAP_FAILED)
		return hv_fail(hv, "memory");
	hv->vcpu = ioctl(hv->vm, FERRY_CREATE_VCPU, &vcpu);
	if (hv->vcpu < 0)
		return hv_fail(hv, "FERRY_CREATE_VCPU");
	hv->run_size = 4096;
	hv->run = mmap(NULL, hv->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, hv->vcpu, 0);
	if (hv->run == MAP_FAILED)
		return hv_fail(hv, "run page");
	return true;
}

static bool state(struct hv *hv, unsigned long call, uint32_t group, void *buf, size_t length)
{
	struct ferry_state args = { .size = sizeof(args), .group = group, .length = length,
				    .addr = (uintptr_t)buf };

	return !ioctl(hv->vcpu, call, &args);
}

/* The last port access is finished by the next run: let that be over, or RIP moves once more. */
static void settle(struct hv *hv)
{
	struct ferry_vcpu_run args = { .size = sizeof(args) };
	struct ferry_run *run = hv->run;

	run->immediate_exit = 1;
	ioctl(hv->vcpu, FERRY_RUN, &args);
	run->immediate_exit = 0;
}

static bool ferry_start(struct hv *hv)
{
	struct ferry_segment code = { .limit = ~0u, .selector = 8, .attrib = 0xa9b };
	struct ferry_segment data = { .limit = ~0u, .selector = 16, .attrib = 0xc93 };
	struct ferry_state_general g = { .rip = hv->entry ?: HV_CODE, .rflags = 2 };
	struct ferry_state_segments s;
	struct ferry_state_control c;

	settle(hv);
	g.gpr[FERRY_RSP] = HV_STACK;
	g.gpr[FERRY_RSI] = hv->arg;
	if (!state(hv, FERRY_GET_STATE, FERRY_STATE_SEGMENTS, &s, sizeof(s)) ||
	    !state(hv, FERRY_GET_STATE, FERRY_STATE_CONTROL, &c, sizeof(c)))
		return hv_fail(hv, "FERRY_GET_STATE");
	s.seg[FERRY_SEG_CS] = code;
	s.seg[FERRY_SEG_DS] = s.seg[FERRY_SEG_ES] = s.seg[FERRY_SEG_FS] = data;
	s.seg[FERRY_SEG_GS] = s.seg[FERRY_SEG_SS] = data;
	c.cr0 = 0x80000011;
	c.cr3 = HV_TABLES;
	c.cr4 = 0x20;
	c.efer = 0x500;
	if (!state(hv, FERRY_SET_STATE, FERRY_STATE_CONTROL, &c, sizeof(c)) ||
	    !state(hv, FERRY_SET_STATE, FERRY_STATE_SEGMENTS, &s, sizeof(s)) ||
	    !state(hv, FERRY_SET_STATE, FERRY_STATE_GENERAL, &g, sizeof(g)))
		return hv_fail(hv, "FERRY_SET_STATE");
	return true;
}

static enum hv_exit ferry_run(struct hv *hv)
{
	struct ferry_vcpu_run args = { .size = sizeof(args) };
	struct ferry_run *run = hv->run;

	if (ioctl(hv->vcpu, FERRY_RUN, &args))
		return hv_fail(hv, "FERRY_RUN");
	switch (run->exit_reason) {
	case FERRY_EXIT_IO:
		hv->port = run->io.port;
		hv->port_bytes = run->io.width;
		hv->port_in = !run->io.is_write;
		hv->port_data = run->io.data;
		return HV_PORT_ACCESS;
	case FERRY_EXIT_MMIO:
		memset(run->mmio.data, 0, sizeof(run->mmio.data));
		return HV_NO_MEMORY;
	case FERRY_EXIT_SHUTDOWN:
		return HV_SHUTDOWN;
	}
	errno = EPROTO;
	return hv_fail(hv, run->exit_reason == FERRY_EXIT_ERROR ? (char *)run->error.detail :
								  "an exit nobody expects");
}

static bool ferry_has_pml(void)
{
	struct ferry_info info = { .size = sizeof(info) };
	int fd = open("/dev/ferry", O_RDWR);

	ioctl(fd, FERRY_GET_INFO, &info);
	close(fd);
	return info.caps & FERRY_CAP_DIRTY_PML;
}

static bool ferry_log(struct hv *hv, bool on, bool pml)
{
	struct ferry_dirty args = { .size = sizeof(args),
				    .flags = on && pml ? FERRY_DIRTY_PML : 0,
				    .op = on ? FERRY_DIRTY_START : FERRY_DIRTY_STOP };

	return !ioctl(hv->vm, FERRY_DIRTY, &args) || hv_fail(hv, "dirty log");
}

static bool ferry_harvest(struct hv *hv)
{
	struct ferry_dirty args = { .size = sizeof(args), .op = FERRY_DIRTY_HARVEST };

	args.bitmap_bytes = (hv->size / 4096 + 63) / 64 * 8;
	if (!hv->bitmap)
		hv->bitmap = calloc(1, args.bitmap_bytes);
	args.bitmap = (uintptr_t)hv->bitmap;
	return !ioctl(hv->vm, FERRY_DIRTY, &args) || hv_fail(hv, "FERRY_DIRTY_HARVEST");
}

static uint64_t ferry_exits(struct hv *hv)
{
	struct ferry_stats stats = { .size = sizeof(stats) };

	return ioctl(hv->vm, FERRY_GET_STATS, &stats) ? 0 : stats.entries;
}

static void ferry_close(struct hv *hv)
{
	free(hv->bitmap);
	munmap(hv->run, hv->run_size);
	munmap(hv->mem, hv->size);
	close(hv->vcpu);
	close(hv->vm);
	close(hv->fd);
}

const struct hv_ops hv_ferry = {
	.name = "Ferry",
	.open = ferry_open,
	.start = ferry_start,
	.run = ferry_run,
	.log = ferry_log,
	.has_pml = ferry_has_pml,
	.harvest = ferry_harvest,
	.exits = ferry_exits,
	.close = ferry_close,
};
