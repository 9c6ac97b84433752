// SPDX-License-Identifier: GPL-2.0-only
/* KVM as a peer: the fewest calls that run a 64-bit guest. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hv.h"

#define HUGE (2UL << 20)

static bool set_memory(struct hv *hv, uint32_t flags)
{
	struct kvm_userspace_memory_region region = {
		.flags = flags,
		.memory_size = hv->size,
		.userspace_addr = (uintptr_t)hv->mem,
	};

	return !ioctl(hv->vm, KVM_SET_USER_MEMORY_REGION, &region);
}

static bool set_cpuid(struct hv *hv)
{
	const struct cpu_policy *guest = hv_policy();
	struct kvm_cpuid2 *cpuid;
	bool good;
	uint32_t i;

	if (!guest) {
		errno = EINVAL;
		return false;
	}
	cpuid = calloc(1, sizeof(*cpuid) + guest->nr_leaves * sizeof(cpuid->entries[0]));
	for (i = 0; i < guest->nr_leaves; i++) {
		const struct cpu_leaf *leaf = &guest->leaf[i];

		if (leaf->leaf == CPU_LEAF_SETTINGS)
			continue;
		cpuid->entries[cpuid->nent++] = (struct kvm_cpuid_entry2){
			.function = leaf->leaf,
			.index = leaf->subleaf,
			.flags = leaf->flags & CPU_LEAF_SUBLEAF_SIGNIFICANT ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0,
			.eax = leaf->reg[CPU_EAX],
			.ebx = leaf->reg[CPU_EBX],
			.ecx = leaf->reg[CPU_ECX],
			.edx = leaf->reg[CPU_EDX],
		};
	}
	good = !ioctl(hv->vcpu, KVM_SET_CPUID2, cpuid);
	free(cpuid);
	return good;
}

/* Said either way, so that a row does not depend on the host's setting. */
static bool map_memory(struct hv *hv)
{
	uintptr_t at;

	hv->map_size = hv->size + HUGE;
	hv->map = mmap(NULL, hv->map_size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (hv->map == MAP_FAILED)
		return false;
	at = ((uintptr_t)hv->map + HUGE - 1) & ~(HUGE - 1);
	hv->mem = (uint8_t *)at;
	return !madvise(hv->mem, hv->size, hv->huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
}

static bool kvm_open(struct hv *hv)
{
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };

	hv->fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (hv->fd < 0)
		return hv_fail(hv, "/dev/kvm");
	hv->vm = ioctl(hv->fd, KVM_CREATE_VM, 0);
	if (hv->vm < 0)
		return hv_fail(hv, "KVM_CREATE_VM");
	if (!map_memory(hv) || !set_memory(hv, 0))
		return hv_fail(hv, "memory");
	/* Both want the irqchip: it is what real guests run with. */
	if (ioctl(hv->vm, KVM_SET_TSS_ADDR, 0xfffbd000UL) ||
	    ioctl(hv->vm, KVM_CREATE_IRQCHIP, 0) || ioctl(hv->vm, KVM_CREATE_PIT2, &pit))
		return hv_fail(hv, "KVM_CREATE_IRQCHIP");
	hv->vcpu = ioctl(hv->vm, KVM_CREATE_VCPU, 0);
	if (hv->vcpu < 0)
		return hv_fail(hv, "KVM_CREATE_VCPU");
	hv->run_size = ioctl(hv->fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	hv->run = mmap(NULL, hv->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, hv->vcpu, 0);
	if (hv->run == MAP_FAILED || !set_cpuid(hv))
		return hv_fail(hv, "vCPU");
	return true;
}

static bool kvm_start(struct hv *hv)
{
	struct kvm_segment code = { .limit = ~0u, .selector = 8, .type = 11, .present = 1, .s = 1,
				    .l = 1, .g = 1 };
	struct kvm_segment data = { .limit = ~0u, .selector = 16, .type = 3, .present = 1, .s = 1,
				    .db = 1, .g = 1 };
	struct kvm_regs regs = { .rip = hv->entry ?: HV_CODE, .rsp = HV_STACK, .rsi = hv->arg,
				 .rflags = 2 };
	struct kvm_sregs s;

	if (ioctl(hv->vcpu, KVM_GET_SREGS, &s))
		return hv_fail(hv, "KVM_GET_SREGS");
	s.cs = code;
	s.ds = s.es = s.fs = s.gs = s.ss = data;
	s.cr0 = 0x80000011;
	s.cr3 = HV_TABLES;
	s.cr4 = 0x20;
	s.efer = 0x500;
	if (ioctl(hv->vcpu, KVM_SET_SREGS, &s) || ioctl(hv->vcpu, KVM_SET_REGS, &regs))
		return hv_fail(hv, "KVM_SET_SREGS");
	return true;
}

static enum hv_exit kvm_run(struct hv *hv)
{
	struct kvm_run *run = hv->run;

	if (ioctl(hv->vcpu, KVM_RUN, 0))
		return hv_fail(hv, "KVM_RUN");
	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		hv->port = run->io.port;
		hv->port_bytes = run->io.size;
		hv->port_in = run->io.direction == KVM_EXIT_IO_IN;
		hv->port_data = (char *)run + run->io.data_offset;
		return HV_PORT_ACCESS;
	case KVM_EXIT_MMIO:
		memset(run->mmio.data, 0, sizeof(run->mmio.data));
		return HV_NO_MEMORY;
	case KVM_EXIT_SHUTDOWN:
		return HV_SHUTDOWN;
	}
	errno = EPROTO;
	return hv_fail(hv, "an exit nobody expects");
}

/* It chooses itself. */
static bool kvm_has_pml(void)
{
	return false;
}

static bool kvm_log(struct hv *hv, bool on, bool pml)
{
	return set_memory(hv, on ? KVM_MEM_LOG_DIRTY_PAGES : 0) || hv_fail(hv, "dirty log");
}

static bool kvm_harvest(struct hv *hv)
{
	struct kvm_dirty_log log = { 0 };

	if (!hv->bitmap)
		hv->bitmap = calloc(1, hv->size / 4096 / 8 + 8);
	log.dirty_bitmap = hv->bitmap;
	return !ioctl(hv->vm, KVM_GET_DIRTY_LOG, &log) || hv_fail(hv, "KVM_GET_DIRTY_LOG");
}

/* The binary statistics name it; finding it costs nothing that is measured. */
static uint64_t kvm_exits(struct hv *hv)
{
	int fd = ioctl(hv->vcpu, KVM_GET_STATS_FD, NULL);
	struct kvm_stats_header h;
	uint64_t value = 0;
	char desc[256];
	uint32_t i;

	if (fd < 0)
		return 0;
	if (pread(fd, &h, sizeof(h), 0) == sizeof(h)) {
		size_t step = sizeof(struct kvm_stats_desc) + h.name_size;

		for (i = 0; i < h.num_desc && step <= sizeof(desc); i++) {
			struct kvm_stats_desc *d = (void *)desc;

			if (pread(fd, desc, step, h.desc_offset + i * step) != (ssize_t)step)
				break;
			if (!strcmp(d->name, "exits") &&
			    pread(fd, &value, sizeof(value), h.data_offset + d->offset) == 8)
				break;
		}
	}
	close(fd);
	return value;
}

static void kvm_close(struct hv *hv)
{
	free(hv->bitmap);
	munmap(hv->run, hv->run_size);
	munmap(hv->map, hv->map_size);
	close(hv->vcpu);
	close(hv->vm);
	close(hv->fd);
}

const struct hv_ops hv_kvm = {
	.name = "KVM",
	.open = kvm_open,
	.start = kvm_start,
	.run = kvm_run,
	.log = kvm_log,
	.has_pml = kvm_has_pml,
	.harvest = kvm_harvest,
	.exits = kvm_exits,
	.close = kvm_close,
};
