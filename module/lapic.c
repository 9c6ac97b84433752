// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each vCPU's local APIC: lib/dev's register machine with its lock and its host timer. Locks and
 * wires are described in irqchip.h.
 */
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <asm/msr-index.h>

#include "irqchip.h"

/* ----------------------------------------------------- telling the vCPU and others */

bool ferry_lapic_takes_extint(struct ferry_lapic *fl)
{
	/* The INTR pin of a processor whose LAPIC is off is wired at the first one only. */
	return lapic_takes_extint(&fl->lapic) &&
	       (lapic_hw_enabled(&fl->lapic) || fl->vcpu->id == 0);
}

static bool extint_waits(struct ferry_lapic *fl)
{
	return READ_ONCE(fl->chip->intr) && ferry_lapic_takes_extint(fl);
}

void ferry_lapic_tell(struct ferry_lapic *fl)
{
	ferry_request(fl->vcpu, FERRY_REQ_EVENT);
	ferry_kick(fl->vcpu);
}

/* What a LAPIC asks of others. Its lock has dropped. */
static void act(struct ferry_lapic *fl, const struct lapic_out *out)
{
	if (!out->what)
		return;
	if (out->what & LAPIC_DO_EOI)
		ferry_irqchip_eoi(fl->chip, out->eoi_vector);
	if (out->what & LAPIC_DO_MODE)
		ferry_irqchip_rescan(fl->chip);
	/* The entry path mirrors CR8. */
	if (out->what & (LAPIC_DO_TPR | LAPIC_DO_MODE))
		ferry_request(fl->vcpu, FERRY_REQ_EVENT);
	if (out->what & LAPIC_DO_IPI)
		ferry_irqchip_route(fl->chip, fl->vcpu->id, &out->ipi);
	if (out->what & LAPIC_DO_INIT)
		ferry_vcpu_signal_init(fl->vcpu);
	if (out->what & LAPIC_DO_SIPI)
		ferry_vcpu_signal_sipi(fl->vcpu, out->sipi_vector);
	if (out->what & LAPIC_DO_NMI)
		ferry_vcpu_signal_nmi(fl->vcpu);
	if ((out->what & LAPIC_DO_IRQ) && ferry_irq_pending(fl->vcpu))
		ferry_lapic_tell(fl);
}

bool ferry_lapic_deliver(struct ferry_lapic *fl, const struct apic_msg *m)
{
	struct lapic_out out = { 0 };
	unsigned long flags;
	bool taken;

	raw_spin_lock_irqsave(&fl->lock, flags);
	taken = lapic_accept(&fl->lapic, m, &out);
	raw_spin_unlock_irqrestore(&fl->lock, flags);
	act(fl, &out);
	return taken;
}

/* ----------------------------------------------------------------- LAPIC timers */

static struct lapic_now clocks(struct ferry_vcpu *vcpu)
{
	return (struct lapic_now){ .ns = ferry_guest_ns(vcpu->vm), .tsc = ferry_guest_tsc(vcpu) };
}

static struct lapic_now clocks_for(struct ferry_vcpu *vcpu, unsigned int reg)
{
	return lapic_reg_needs_time(reg) ? clocks(vcpu) : (struct lapic_now){ 0 };
}

/* fl->lock held. */
static void arm(struct ferry_lapic *fl, u64 least)
{
	u64 at, now, wait = 0;

	switch (lapic_timer_next(&fl->lapic, &at)) {
	case LAPIC_CLOCK_NS:
		now = ferry_guest_ns(fl->vcpu->vm);
		if (at > now)
			wait = at - now;
		break;
	case LAPIC_CLOCK_TSC:
		now = ferry_guest_tsc(fl->vcpu);
		/* Beyond 2^44 ticks, an hour of any TSC, the exact figure does not matter. */
		if (at > now)
			wait = at - now < BIT_ULL(44) ? ferry_tsc_to_ns(fl->vcpu->vm, at - now) :
							FERRY_TIMER_MAX_NS;
		break;
	default:
		hrtimer_try_to_cancel(&fl->timer);
		return;
	}
	if (fl->chip->paused)
		return;
	wait = clamp_t(u64, wait, least, FERRY_TIMER_MAX_NS);
	hrtimer_start(&fl->timer, ns_to_ktime(wait), HRTIMER_MODE_REL_PINNED_HARD);
}

static enum hrtimer_restart lapic_timer_fn(struct hrtimer *timer)
{
	struct ferry_lapic *fl = container_of(timer, struct ferry_lapic, timer);
	struct lapic_out out = { 0 };
	unsigned long flags;
	bool expired;

	raw_spin_lock_irqsave(&fl->lock, flags);
	if (!fl->chip->paused && !hrtimer_is_queued(timer)) {
		expired = lapic_timer_run(&fl->lapic, clocks(fl->vcpu), &out);
		/* A little early is possible: the two clocks differ in their last digits. */
		arm(fl, expired ? FERRY_TIMER_MIN_NS : NSEC_PER_USEC);
	}
	raw_spin_unlock_irqrestore(&fl->lock, flags);
	act(fl, &out);
	return HRTIMER_NORESTART;
}

/* ------------------------------------------------------------------- LAPIC life */

/**
 * ferry_lapic_init() - give a vCPU its LAPIC; it is silent until its reset
 * @vcpu: the vCPU
 */
int ferry_lapic_init(struct ferry_vcpu *vcpu)
{
	struct ferry_irqchip *chip = vcpu->vm->irqchip;
	struct ferry_lapic *fl;

	fl = kzalloc(sizeof(*fl), GFP_KERNEL_ACCOUNT);
	if (!fl)
		return -ENOMEM;
	raw_spin_lock_init(&fl->lock);
	fl->vcpu = vcpu;
	fl->chip = chip;
	hrtimer_setup(&fl->timer, lapic_timer_fn, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED_HARD);
	vcpu->lapic = fl;
	smp_store_release(&chip->set[vcpu->id], &fl->lapic);
	WRITE_ONCE(chip->nr, max(chip->nr, vcpu->id + 1));
	return 0;
}

void ferry_lapic_destroy(struct ferry_vcpu *vcpu)
{
	struct ferry_lapic *fl = vcpu->lapic;

	if (!fl)
		return;
	WRITE_ONCE(fl->chip->set[vcpu->id], NULL);
	synchronize_rcu();
	hrtimer_cancel(&fl->timer);
	vcpu->lapic = NULL;
	kfree(fl);
}

static void power_on(struct ferry_lapic *fl)
{
	struct ferry_vm *vm = fl->vcpu->vm;
	struct lapic_cfg cfg = {
		.id = fl->vcpu->id,
		.phys_bits = vm->phys_bits,
		.bsp = fl->vcpu->id == 0,
	};

	if (ferry_cpuid_has(vm, 1, 0, FERRY_REG_ECX, 21))
		cfg.features |= LAPIC_HAS_X2APIC;
	if (ferry_cpuid_has(vm, 1, 0, FERRY_REG_ECX, 24))
		cfg.features |= LAPIC_HAS_TSC_DEADLINE;
	if (vm->guest_vendor == FERRY_VENDOR_AMD)
		cfg.features |= LAPIC_VENDOR_AMD;
	lapic_power_on(&fl->lapic, &cfg);
	/* There is no firmware: hand over what it would. */
	if (cfg.bsp)
		lapic_virtual_wire(&fl->lapic);
}

/**
 * ferry_lapic_reset() - power-up or INIT
 * @vcpu: the vCPU; its lock is held
 * @init: INIT
 */
void ferry_lapic_reset(struct ferry_vcpu *vcpu, bool init)
{
	struct ferry_lapic *fl = vcpu->lapic;
	unsigned long flags;

	raw_spin_lock_irqsave(&fl->lock, flags);
	if (init)
		lapic_init(&fl->lapic);
	else
		power_on(fl);
	arm(fl, 0);
	raw_spin_unlock_irqrestore(&fl->lock, flags);
}

/* ------------------------------------------------- questions of the vCPU's thread */

int ferry_irq_peek(struct ferry_vcpu *vcpu)
{
	/* Whatever the i8259 has goes first; its vector is known at the acknowledgement. */
	return extint_waits(vcpu->lapic) ? 0 : lapic_pending(&vcpu->lapic->lapic);
}

bool ferry_irq_pending(struct ferry_vcpu *vcpu)
{
	return ferry_irq_peek(vcpu) >= 0;
}

int ferry_irq_ack(struct ferry_vcpu *vcpu)
{
	struct ferry_lapic *fl = vcpu->lapic;
	unsigned long flags;
	int vector;

	if (extint_waits(fl)) {
		vector = ferry_irqchip_inta(fl->chip);
		if (vector >= 0)
			return vector;
	}
	raw_spin_lock_irqsave(&fl->lock, flags);
	vector = lapic_ack(&fl->lapic);
	raw_spin_unlock_irqrestore(&fl->lock, flags);
	return vector;
}

int ferry_lapic_highest_irr(struct ferry_vcpu *vcpu)
{
	return lapic_highest_irr(&vcpu->lapic->lapic);
}

u8 ferry_lapic_get_cr8(struct ferry_vcpu *vcpu)
{
	return vcpu->lapic->lapic.tpr >> 4;
}

void ferry_lapic_set_cr8(struct ferry_vcpu *vcpu, u8 cr8)
{
	struct ferry_lapic *fl = vcpu->lapic;
	struct lapic_out out = { 0 };
	unsigned long flags;

	raw_spin_lock_irqsave(&fl->lock, flags);
	lapic_tpr_write(&fl->lapic, cr8 << 4, &out);
	raw_spin_unlock_irqrestore(&fl->lock, flags);
	act(fl, &out);
}

u64 ferry_lapic_base(struct ferry_vcpu *vcpu)
{
	return READ_ONCE(vcpu->lapic->lapic.base);
}

u32 ferry_lapic_id(struct ferry_vcpu *vcpu)
{
	return vcpu->lapic->lapic.cfg.id;
}

int ferry_lapic_msr_read(struct ferry_vcpu *vcpu, u32 index, u64 *value)
{
	struct ferry_lapic *fl = vcpu->lapic;
	unsigned long flags;
	int ret = 0;

	raw_spin_lock_irqsave(&fl->lock, flags);
	if (index == MSR_IA32_APICBASE)
		*value = fl->lapic.base;
	else if (index != MSR_IA32_TSC_DEADLINE)
		ret = lapic_x2_read(&fl->lapic, index, value,
				    clocks_for(vcpu, index - LAPIC_MSR_X2_FIRST));
	else if (fl->lapic.cfg.features & LAPIC_HAS_TSC_DEADLINE)
		*value = lapic_deadline_read(&fl->lapic, clocks(vcpu));
	else
		ret = -EINVAL;
	raw_spin_unlock_irqrestore(&fl->lock, flags);
	return ret;
}

int ferry_lapic_msr_write(struct ferry_vcpu *vcpu, u32 index, u64 value, bool host)
{
	struct ferry_lapic *fl = vcpu->lapic;
	struct lapic_out out = { 0 };
	unsigned long flags;
	int ret = 0;

	raw_spin_lock_irqsave(&fl->lock, flags);
	if (index == MSR_IA32_APICBASE)
		ret = lapic_base_write(&fl->lapic, value, &out);
	else if (index != MSR_IA32_TSC_DEADLINE)
		ret = lapic_x2_write(&fl->lapic, index, value,
				     clocks_for(vcpu, index - LAPIC_MSR_X2_FIRST), &out);
	else if (fl->lapic.cfg.features & LAPIC_HAS_TSC_DEADLINE)
		lapic_deadline_write(&fl->lapic, value, clocks(vcpu), &out);
	else if (!host || value)
		ret = -EINVAL; /* a state without a deadline suits a policy without the feature */
	if (out.what & LAPIC_DO_TIMER)
		arm(fl, 0);
	raw_spin_unlock_irqrestore(&fl->lock, flags);
	act(fl, &out);
	return ret;
}

/* ------------------------------------------------------------------ page and state */

void ferry_lapic_page(struct ferry_vcpu *vcpu, unsigned int offset, u8 width, bool write,
		      u64 *value)
{
	struct lapic_now now = clocks_for(vcpu, offset >> 4);
	struct ferry_lapic *fl = vcpu->lapic;
	struct lapic_out out = { 0 };
	unsigned long flags;

	raw_spin_lock_irqsave(&fl->lock, flags);
	if (write)
		lapic_mmio_write(&fl->lapic, offset, width, *value, now, &out);
	else
		*value = lapic_mmio_read(&fl->lapic, offset, width, now, &out);
	if (out.what & LAPIC_DO_TIMER)
		arm(fl, 0);
	raw_spin_unlock_irqrestore(&fl->lock, flags);
	act(fl, &out);
}

/* The lock makes this see, and be seen by, whoever starts the timer. */
void ferry_lapic_rearm(struct ferry_lapic *fl)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&fl->lock, flags);
	arm(fl, 0);
	raw_spin_unlock_irqrestore(&fl->lock, flags);
}

void ferry_lapic_save(struct ferry_lapic *fl, struct lapic_state *s)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&fl->lock, flags);
	lapic_get_state(&fl->lapic, s);
	raw_spin_unlock_irqrestore(&fl->lock, flags);
}

int ferry_lapic_load(struct ferry_lapic *fl, const struct lapic_state *s)
{
	unsigned long flags;
	int ret;

	raw_spin_lock_irqsave(&fl->lock, flags);
	ret = lapic_set_state(&fl->lapic, s);
	if (!ret)
		arm(fl, 0);
	raw_spin_unlock_irqrestore(&fl->lock, flags);
	if (!ret)
		ferry_lapic_tell(fl);
	return ret;
}
