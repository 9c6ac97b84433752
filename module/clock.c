// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest time: the TSC and kvmclock.
 *
 * Guest time is the host's boot time plus an offset per VM; a guest TSC is the host's, scaled to the
 * guest's rate, plus an offset per vCPU. Both offsets change together when a VM is paused, continues
 * or arrives from another host, so the two clocks never drift apart. A paused VM's time stands still.
 *
 * Without TSC scaling the guest's TSC ticks at this host's rate, whatever rate it was born with:
 * the kvmclock page carries the rate that the guest's TSC really has.
 *
 * vm->clock.lock (raw, irqs off) guards vm->clock; offsets of a vCPU change under its vcpu->lock
 * or while it is held out of the guest.
 */
#include <linux/math64.h>
#include <linux/timekeeping.h>
#include <asm/msr.h>
#include <asm/tsc.h>

#include "ferry.h"
#include "host.h"
#include "lib/dev/pvclock.h"
#include "lib/dev/tsc.h"

#define MSR_KVM_WALL_CLOCK_NEW 0x4b564d00
#define SYSTEM_TIME_ENABLED 1

/* What the guest's TSC counts at here. */
static u32 guest_khz(const struct ferry_vm *vm)
{
	return READ_ONCE(vm->clock.tsc_ratio) ? READ_ONCE(vm->clock.tsc_khz) : tsc_khz;
}

u32 ferry_clock_khz(const struct ferry_vm *vm)
{
	return READ_ONCE(vm->clock.tsc_khz) ?: tsc_khz;
}

u64 ferry_tsc_to_ns(struct ferry_vm *vm, u64 ticks)
{
	return pvclock_ticks_to_ns(pvclock_scale(guest_khz(vm)), ticks);
}

static u64 ns_to_tsc(const struct ferry_vm *vm, u64 ns)
{
	return mul_div_sat(ns, guest_khz(vm), 1000000);
}

static u64 scale(const struct ferry_vm *vm, u64 host_ticks)
{
	return tsc_scale(ferry_backend->tsc_format, READ_ONCE(vm->clock.tsc_ratio), host_ticks);
}

/* 0: as the host's, where the CPU does not scale as well. */
static u64 ratio_for(u32 khz)
{
	return ferry_backend->caps() & FERRY_CAP_TSC_SCALE ?
		       tsc_ratio(ferry_backend->tsc_format, khz, tsc_khz) : 0;
}

/* ---------------------------------------------------------------- reading time */

void ferry_clock_init(struct ferry_vm *vm)
{
	raw_spin_lock_init(&vm->clock.lock);
	vm->clock.ns_offset = -(s64)ktime_get_boottime_ns();
	if (vm->flags & FERRY_VM_INCOMING) {
		vm->clock.paused = true;
		vm->clock.paused_tsc = rdtsc_ordered();
	}
}

static u64 guest_ns_locked(struct ferry_vm *vm)
{
	if (vm->clock.paused)
		return vm->clock.paused_ns;
	return ktime_get_boottime_ns() + vm->clock.ns_offset;
}

u64 ferry_guest_ns(struct ferry_vm *vm)
{
	unsigned long flags;
	u64 ns;

	raw_spin_lock_irqsave(&vm->clock.lock, flags);
	ns = guest_ns_locked(vm);
	raw_spin_unlock_irqrestore(&vm->clock.lock, flags);
	return ns;
}

/* The host TSC that "now" means for this VM, at the guest's rate. */
static u64 host_tsc(struct ferry_vm *vm)
{
	return scale(vm, READ_ONCE(vm->clock.paused) ? vm->clock.paused_tsc : rdtsc_ordered());
}

u64 ferry_guest_tsc(struct ferry_vcpu *vcpu)
{
	return host_tsc(vcpu->vm) + vcpu->tsc_offset;
}

/* ---------------------------------------------------------------- writing time */

/* From any thread: what the CPU counts by is the vCPU's own business, before it runs next. */
static void move_tsc(struct ferry_vcpu *vcpu, u64 offset)
{
	WRITE_ONCE(vcpu->tsc_offset, offset);
	ferry_request(vcpu, FERRY_REQ_CLOCK);
}

/* All vCPUs begin with the same TSC: what the first one has counted since it was made. */
void ferry_clock_vcpu_init(struct ferry_vcpu *vcpu)
{
	struct ferry_vcpu *other;
	int i;

	vcpu->tsc_offset = -scale(vcpu->vm, rdtsc_ordered());
	ferry_for_each_vcpu(i, other, vcpu->vm) {
		vcpu->tsc_offset = other->tsc_offset - other->tsc_adjust;
		break;
	}
	ferry_backend->set_tsc(vcpu);
}

/* WRMSR to the TSC shows in TSC_ADJUST too (SDM 17.17.3). */
void ferry_set_guest_tsc(struct ferry_vcpu *vcpu, u64 tsc)
{
	u64 offset = tsc - host_tsc(vcpu->vm);

	vcpu->tsc_adjust += offset - vcpu->tsc_offset;
	move_tsc(vcpu, offset);
}

void ferry_set_tsc_adjust(struct ferry_vcpu *vcpu, u64 adjust)
{
	u64 offset = vcpu->tsc_offset + adjust - vcpu->tsc_adjust;

	vcpu->tsc_adjust = adjust;
	move_tsc(vcpu, offset);
}

/**
 * ferry_clock_load() - the vCPU is about to run on a CPU; irqs off
 * @vcpu: the vCPU; vcpu->last_cpu is still the one before
 * @cpu: the CPU
 *
 * Where CPUs' TSCs are not known to agree, the guest's must at least not run backwards when the
 * vCPU changes between them.
 *
 * Return: true if the kvmclock page has to be written again.
 */
bool ferry_clock_load(struct ferry_vcpu *vcpu, int cpu)
{
	bool moved = vcpu->tsc_cpu != cpu && !ferry_host_tsc_stable();
	u64 tsc = ferry_guest_tsc(vcpu);

	if (moved && (s64)(tsc - vcpu->tsc_seen) < 0) {
		vcpu->tsc_offset += vcpu->tsc_seen - tsc;
		ferry_backend->set_tsc(vcpu);
		tsc = vcpu->tsc_seen;
	}
	vcpu->tsc_seen = tsc;
	vcpu->tsc_cpu = cpu;
	return moved && (vcpu->system_time_msr & SYSTEM_TIME_ENABLED);
}

/* -------------------------------------------------------------------- kvmclock */

/*
 * The version is odd while the body changes: a reader that saw either an odd version or two
 * different ones tries again.
 */
static void write_page(struct ferry_vcpu *vcpu)
{
	u64 gpa = vcpu->system_time_msr & ~(u64)SYSTEM_TIME_ENABLED;
	struct ferry_vm *vm = vcpu->vm;
	struct pvclock_scale factor = pvclock_scale(guest_khz(vm));
	struct pvclock_page page;
	unsigned long flags;
	u32 version;

	if (ferry_mem_read(vm, gpa, &version, sizeof(version)))
		return;
	version = (version | 1) + 2;
	if (ferry_mem_write(vm, gpa, &version, sizeof(version)))
		return;
	smp_wmb();

	memset(&page, 0, sizeof(page));
	page.version = version;
	page.mul = factor.mul;
	page.shift = factor.shift;
	if (ferry_host_tsc_stable())
		page.flags |= PVCLOCK_TSC_STABLE;
	if (vcpu->guest_stopped)
		page.flags |= PVCLOCK_GUEST_STOPPED;
	vcpu->guest_stopped = false;
	raw_spin_lock_irqsave(&vm->clock.lock, flags);
	page.system_time = guest_ns_locked(vm);
	page.tsc_timestamp = ferry_guest_tsc(vcpu);
	raw_spin_unlock_irqrestore(&vm->clock.lock, flags);
	ferry_mem_write(vm, gpa, &page, sizeof(page));
	smp_wmb();
	version++;
	ferry_mem_write(vm, gpa, &version, sizeof(version));
}

static void write_wall_clock(struct ferry_vm *vm)
{
	u64 gpa = vm->clock.wall_clock_msr, boot;
	struct pvclock_wall wall;
	u32 version, nsec;

	if (ferry_mem_read(vm, gpa, &version, sizeof(version)))
		return;
	version = (version | 1) + 2;
	if (ferry_mem_write(vm, gpa, &version, sizeof(version)))
		return;
	smp_wmb();
	boot = ktime_get_real_ns() - ferry_guest_ns(vm);
	wall.version = version;
	wall.sec = div_u64_rem(boot, NSEC_PER_SEC, &nsec);
	wall.nsec = nsec;
	ferry_mem_write(vm, gpa, &wall, sizeof(wall));
	smp_wmb();
	version++;
	ferry_mem_write(vm, gpa, &version, sizeof(version));
}

/* FERRY_REQ_CLOCK; sleepable. A page outside memory is the guest's loss, as on bare metal. */
void ferry_clock_update(struct ferry_vcpu *vcpu)
{
	struct ferry_vm *vm = vcpu->vm;

	ferry_backend->set_tsc(vcpu);
	if (vm->clock.wall_clock_due) {
		vm->clock.wall_clock_due = false;
		write_wall_clock(vm);
	}
	if (vcpu->system_time_msr & SYSTEM_TIME_ENABLED)
		write_page(vcpu);
}

/* vcpu->lock is held; other vCPUs may be at the same point. */
static void set_system_time(struct ferry_vcpu *vcpu, u64 value)
{
	vcpu->system_time_msr = value;
	if (value & SYSTEM_TIME_ENABLED)
		WRITE_ONCE(vcpu->vm->seen_kvmclock, true);
}

int ferry_clock_msr_write(struct ferry_vcpu *vcpu, u32 index, u64 value)
{
	if (index == MSR_KVM_WALL_CLOCK_NEW) {
		vcpu->vm->clock.wall_clock_msr = value;
		vcpu->vm->clock.wall_clock_due = true;
	} else {
		set_system_time(vcpu, value);
	}
	ferry_request(vcpu, FERRY_REQ_CLOCK);
	return 0;
}

int ferry_clock_msr_read(struct ferry_vcpu *vcpu, u32 index, u64 *value)
{
	*value = index == MSR_KVM_WALL_CLOCK_NEW ? vcpu->vm->clock.wall_clock_msr :
						   vcpu->system_time_msr;
	return 0;
}

/* ------------------------------------------------------------ pause and continue */

/* vCPUs are stopped. */
void ferry_clock_pause(struct ferry_vm *vm)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&vm->clock.lock, flags);
	if (!vm->clock.paused) {
		vm->clock.paused_ns = guest_ns_locked(vm);
		vm->clock.paused_tsc = rdtsc_ordered();
		vm->clock.paused_wall = ktime_get_real_ns();
		vm->clock.paused = true;
	}
	raw_spin_unlock_irqrestore(&vm->clock.lock, flags);
}

static void move_all(struct ferry_vm *vm, u64 ticks)
{
	struct ferry_vcpu *vcpu;
	int i;

	ferry_for_each_vcpu(i, vcpu, vm)
		move_tsc(vcpu, vcpu->tsc_offset + ticks);
}

/* Guest TSCs jump. */
static void shift_all(struct ferry_vm *vm, u64 ticks)
{
	struct ferry_vcpu *vcpu;
	int i;

	ferry_for_each_vcpu(i, vcpu, vm)
		vcpu->tsc_seen += ticks;
	move_all(vm, ticks);
}

void ferry_clock_advance(struct ferry_vm *vm, u64 ns)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&vm->clock.lock, flags);
	vm->clock.paused_ns += ns;
	raw_spin_unlock_irqrestore(&vm->clock.lock, flags);
	shift_all(vm, ns_to_tsc(vm, ns));
}

/* Everything goes on where it stood; @guest_stopped tells the guest's watchdogs. */
void ferry_clock_continue(struct ferry_vm *vm, bool guest_stopped)
{
	struct ferry_vcpu *vcpu;
	unsigned long flags;
	u64 slept = 0;
	int i;

	raw_spin_lock_irqsave(&vm->clock.lock, flags);
	if (vm->clock.paused) {
		slept = scale(vm, rdtsc_ordered()) - scale(vm, vm->clock.paused_tsc);
		vm->clock.ns_offset = vm->clock.paused_ns - ktime_get_boottime_ns();
		vm->clock.paused = false;
	}
	raw_spin_unlock_irqrestore(&vm->clock.lock, flags);
	ferry_for_each_vcpu(i, vcpu, vm)
		vcpu->guest_stopped |= guest_stopped;
	shift_all(vm, -slept);
}

/* ---------------------------------------------------------------- state groups */

int ferry_clock_get_state(struct ferry_vm *vm, struct ferry_vcpu *vcpu, u32 group, void *buf,
			  u32 len)
{
	struct ferry_state_vmclock *vc = buf;
	struct ferry_state_clock *c = buf;
	unsigned long flags;

	if (group == FERRY_STATE_CLOCK) {
		if (len < sizeof(*c))
			return -ENOSPC;
		*c = (struct ferry_state_clock){
			.tsc = ferry_guest_tsc(vcpu),
			.tsc_adjust = vcpu->tsc_adjust,
			.system_time_msr = vcpu->system_time_msr,
		};
		ferry_lapic_msr_read(vcpu, MSR_IA32_TSC_DEADLINE, &c->tsc_deadline);
		return sizeof(*c);
	}
	if (len < sizeof(*vc))
		return -ENOSPC;
	raw_spin_lock_irqsave(&vm->clock.lock, flags);
	*vc = (struct ferry_state_vmclock){
		.guest_ns = guest_ns_locked(vm),
		.wall_ns = vm->clock.paused ? vm->clock.paused_wall : ktime_get_real_ns(),
		.tsc_khz = ferry_clock_khz(vm),
		.wall_clock_msr = vm->clock.wall_clock_msr,
	};
	raw_spin_unlock_irqrestore(&vm->clock.lock, flags);
	return sizeof(*vc);
}

static int set_vcpu_clock(struct ferry_vcpu *vcpu, const struct ferry_state_clock *c)
{
	if (c->flags)
		return -EINVAL;
	vcpu->tsc_adjust = c->tsc_adjust;
	set_system_time(vcpu, c->system_time_msr);
	vcpu->tsc_seen = c->tsc;
	move_tsc(vcpu, c->tsc - host_tsc(vcpu->vm));
	return ferry_lapic_msr_write(vcpu, MSR_IA32_TSC_DEADLINE, c->tsc_deadline, true);
}

/*
 * The guest was born on a CPU of this rate. Each TSC goes on where it is, at its own rate from now
 * on. No vCPU runs: one that did would count by half of the change.
 */
static void set_rate(struct ferry_vm *vm, u32 khz)
{
	u64 ratio = ratio_for(khz), host = READ_ONCE(vm->clock.paused) ? vm->clock.paused_tsc : rdtsc_ordered();
	u64 before = scale(vm, host);

	vm->clock.tsc_khz = khz;
	if (ratio == vm->clock.tsc_ratio)
		return;
	WRITE_ONCE(vm->clock.tsc_ratio, ratio);
	move_all(vm, before - scale(vm, host));
}

void ferry_clock_promise(struct ferry_vm *vm, u32 khz)
{
	vm->clock.tsc_khz = khz;
	vm->clock.tsc_ratio = khz ? ratio_for(khz) : 0;
}

static int set_vm_clock(struct ferry_vm *vm, const struct ferry_state_vmclock *vc)
{
	unsigned long flags;

	if (vc->flags || !vc->tsc_khz || (s64)vc->guest_ns < 0)
		return -EINVAL;
	ferry_vm_stop(vm, FERRY_HOLD_STOP);
	set_rate(vm, vc->tsc_khz);
	ferry_vm_release(vm, FERRY_HOLD_STOP);
	raw_spin_lock_irqsave(&vm->clock.lock, flags);
	vm->clock.wall_clock_msr = vc->wall_clock_msr;
	vm->clock.paused_ns = vc->guest_ns;
	vm->clock.paused_wall = vc->wall_ns;
	if (!vm->clock.paused)
		vm->clock.ns_offset = vc->guest_ns - ktime_get_boottime_ns();
	raw_spin_unlock_irqrestore(&vm->clock.lock, flags);
	return 0;
}

int ferry_clock_set_state(struct ferry_vm *vm, struct ferry_vcpu *vcpu, u32 group, const void *buf,
			  u32 len)
{
	if (group == FERRY_STATE_CLOCK)
		return len == sizeof(struct ferry_state_clock) ? set_vcpu_clock(vcpu, buf) :
								 -EINVAL;
	return len == sizeof(struct ferry_state_vmclock) ? set_vm_clock(vm, buf) : -EINVAL;
}
