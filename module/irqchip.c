// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a VM's vCPUs share of interrupt controllers and timers: the IOAPIC, the i8259s and the i8254,
 * and the way from a line to a vCPU. Locks and wires are described in irqchip.h, the LAPICs are in
 * lapic.c.
 */
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "irqchip.h"

#define PIT_PIC_INPUT  0
#define PIT_IOAPIC_PIN 2

static struct ferry_lapic *lapic_at(struct ferry_irqchip *chip, unsigned int i)
{
	const struct lapic *l = READ_ONCE(chip->set[i]);

	return l ? container_of(l, struct ferry_lapic, lapic) : NULL;
}

/* -------------------------------------------------------- telling vCPUs, routing */

/* @from: the sender's id, FERRY_MAX_VCPUS for a device. Return: did anybody take it? */
bool ferry_irqchip_route(struct ferry_irqchip *chip, unsigned int from, const struct apic_msg *m)
{
	u64 to[DIV_ROUND_UP(FERRY_MAX_VCPUS, 64)], bits;
	unsigned int word, i, nr = READ_ONCE(chip->nr);
	struct ferry_lapic *fl;
	bool taken = false;

	rcu_read_lock();
	lapic_route(chip->set, nr, from, m, &chip->turn, to);
	for (word = 0; word < DIV_ROUND_UP(nr, 64); word++) {
		for (bits = to[word]; bits; bits &= bits - 1) {
			i = word * 64 + __ffs(bits);
			fl = lapic_at(chip, i);
			if (fl)
				taken |= ferry_lapic_deliver(fl, m);
		}
	}
	rcu_read_unlock();
	return taken;
}

static bool ioapic_send(void *ctx, const struct apic_msg *m)
{
	return ferry_irqchip_route(ctx, FERRY_MAX_VCPUS, m);
}

/* pic_lock held. Return: INT has risen, and extint_rose() must be called after the lock drops. */
static bool pic_changed(struct ferry_irqchip *chip)
{
	bool was = chip->intr;

	WRITE_ONCE(chip->intr, i8259_intr(&chip->pic));
	return chip->intr && !was;
}

static void extint_rose(struct ferry_irqchip *chip)
{
	struct ferry_lapic *fl;
	unsigned int i;

	rcu_read_lock();
	for (i = 0; i < READ_ONCE(chip->nr); i++) {
		fl = lapic_at(chip, i);
		if (fl && ferry_lapic_takes_extint(fl)) {
			ferry_lapic_tell(fl);
			break;
		}
	}
	rcu_read_unlock();
}

static void set_pic(struct ferry_irqchip *chip, unsigned int input, bool level)
{
	unsigned long flags;
	bool rose;

	raw_spin_lock_irqsave(&chip->pic_lock, flags);
	i8259_set_line(&chip->pic, input, level);
	rose = pic_changed(chip);
	raw_spin_unlock_irqrestore(&chip->pic_lock, flags);
	if (rose)
		extint_rose(chip);
}

/* The processor's INTA cycles. If INT rises again, the vCPU sees it at its next look. */
int ferry_irqchip_inta(struct ferry_irqchip *chip)
{
	unsigned long flags;
	int vector = -1;

	raw_spin_lock_irqsave(&chip->pic_lock, flags);
	if (chip->intr)
		vector = i8259_ack(&chip->pic);
	pic_changed(chip);
	raw_spin_unlock_irqrestore(&chip->pic_lock, flags);
	return vector;
}

void ferry_irqchip_eoi(struct ferry_irqchip *chip, u8 vector)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&chip->ioapic_lock, flags);
	ioapic_eoi(&chip->ioapic, vector);
	raw_spin_unlock_irqrestore(&chip->ioapic_lock, flags);
}

void ferry_irqchip_rescan(struct ferry_irqchip *chip)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&chip->ioapic_lock, flags);
	ioapic_rescan(&chip->ioapic);
	raw_spin_unlock_irqrestore(&chip->ioapic_lock, flags);
}

static void set_ioapic(struct ferry_irqchip *chip, unsigned int pin, bool level)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&chip->ioapic_lock, flags);
	ioapic_set_line(&chip->ioapic, pin, level);
	raw_spin_unlock_irqrestore(&chip->ioapic_lock, flags);
}

/**
 * ferry_irq_line() - set an input of the interrupt controllers; any context
 * @vm: the VM
 * @gsi: 0..23
 * @level: 0 or 1
 *
 * Return: 0, or -EINVAL for a GSI that does not exist.
 */
int ferry_irq_line(struct ferry_vm *vm, u32 gsi, int level)
{
	if (gsi >= FERRY_NR_GSIS)
		return -EINVAL;
	if (gsi < I8259_NR_IRQS)
		set_pic(vm->irqchip, gsi, level);
	set_ioapic(vm->irqchip, gsi, level);
	return 0;
}

/**
 * ferry_irq_msi() - deliver a message-signalled interrupt; any context
 * @vm: the VM
 * @address: where the device writes
 * @data: what it writes
 *
 * Return: 0, or -EINVAL for an address that is no interrupt. A message nobody takes is lost, as on
 * the bus.
 */
int ferry_irq_msi(struct ferry_vm *vm, u64 address, u32 data)
{
	struct apic_msg m;

	if (!apic_msg_from_msi(address, data, &m))
		return -EINVAL;
	ferry_irqchip_route(vm->irqchip, FERRY_MAX_VCPUS, &m);
	return 0;
}

/* --------------------------------------------------------- registers by address */

bool ferry_irqchip_mmio(struct ferry_vcpu *vcpu, u64 gpa, u8 width, bool write, u64 *value)
{
	struct ferry_irqchip *chip = vcpu->vm->irqchip;
	unsigned long flags;

	if (lapic_mmio_hit(&vcpu->lapic->lapic, gpa)) {
		ferry_lapic_page(vcpu, gpa & (LAPIC_MMIO_SIZE - 1), width, write, value);
		return true;
	}
	if (gpa - IOAPIC_BASE >= IOAPIC_MMIO_SIZE)
		return false;
	raw_spin_lock_irqsave(&chip->ioapic_lock, flags);
	if (write)
		ioapic_write(&chip->ioapic, gpa - IOAPIC_BASE, width, *value);
	else
		*value = ioapic_read(&chip->ioapic, gpa - IOAPIC_BASE, width);
	raw_spin_unlock_irqrestore(&chip->ioapic_lock, flags);
	return true;
}

/* pit_lock held. */
static void arm_pit(struct ferry_irqchip *chip, u64 least)
{
	u64 next = i8254_next_edge(&chip->pit), now;

	if (next == I8254_NEVER) {
		hrtimer_try_to_cancel(&chip->pit_timer);
		return;
	}
	if (chip->paused)
		return;
	now = ferry_guest_ns(chip->vm);
	hrtimer_start(
		&chip->pit_timer,
		ns_to_ktime(clamp_t(u64, next > now ? next - now : 0, least, FERRY_TIMER_MAX_NS)),
		HRTIMER_MODE_REL_HARD);
}

/* Ticks that were missed are one interrupt, as they would be on a machine that was too busy. */
static enum hrtimer_restart pit_timer_fn(struct hrtimer *timer)
{
	struct ferry_irqchip *chip = container_of(timer, struct ferry_irqchip, pit_timer);
	unsigned long flags;
	u32 edges = 0;

	raw_spin_lock_irqsave(&chip->pit_lock, flags);
	if (!chip->paused && !hrtimer_is_queued(timer)) {
		edges = i8254_take_edges(&chip->pit, ferry_guest_ns(chip->vm));
		arm_pit(chip, edges ? FERRY_TIMER_MIN_NS : NSEC_PER_USEC);
	}
	raw_spin_unlock_irqrestore(&chip->pit_lock, flags);
	if (edges) {
		set_pic(chip, PIT_PIC_INPUT, true);
		set_pic(chip, PIT_PIC_INPUT, false);
		set_ioapic(chip, PIT_IOAPIC_PIN, true);
		set_ioapic(chip, PIT_IOAPIC_PIN, false);
	}
	return HRTIMER_NORESTART;
}

u8 ferry_irqchip_read_port(struct ferry_vm *vm, u16 port)
{
	struct ferry_irqchip *chip = vm->irqchip;
	unsigned long flags;
	bool rose;
	u8 value;

	if (i8254_has_port(port)) {
		raw_spin_lock_irqsave(&chip->pit_lock, flags);
		value = i8254_read(&chip->pit, port, ferry_guest_ns(vm));
		raw_spin_unlock_irqrestore(&chip->pit_lock, flags);
		return value;
	}
	raw_spin_lock_irqsave(&chip->pic_lock, flags);
	value = i8259_read(&chip->pic, port);
	rose = pic_changed(chip);
	raw_spin_unlock_irqrestore(&chip->pic_lock, flags);
	if (rose)
		extint_rose(chip);
	return value;
}

void ferry_irqchip_write_port(struct ferry_vm *vm, u16 port, u8 value)
{
	struct ferry_irqchip *chip = vm->irqchip;
	unsigned long flags;
	bool rose;

	if (i8254_has_port(port)) {
		raw_spin_lock_irqsave(&chip->pit_lock, flags);
		i8254_write(&chip->pit, port, value, ferry_guest_ns(vm));
		arm_pit(chip, 0);
		raw_spin_unlock_irqrestore(&chip->pit_lock, flags);
		return;
	}
	raw_spin_lock_irqsave(&chip->pic_lock, flags);
	i8259_write(&chip->pic, port, value);
	rose = pic_changed(chip);
	raw_spin_unlock_irqrestore(&chip->pic_lock, flags);
	if (rose)
		extint_rose(chip);
}

/* ------------------------------------------------------------- the VM's controllers */

int ferry_irqchip_init(struct ferry_vm *vm)
{
	struct ferry_irqchip *chip;

	chip = kzalloc(sizeof(*chip), GFP_KERNEL_ACCOUNT);
	if (!chip)
		return -ENOMEM;
	chip->vm = vm;
	/* An incoming VM's clocks stand still until it runs. */
	chip->paused = vm->flags & FERRY_VM_INCOMING;
	raw_spin_lock_init(&chip->pic_lock);
	raw_spin_lock_init(&chip->ioapic_lock);
	raw_spin_lock_init(&chip->pit_lock);
	hrtimer_setup(&chip->pit_timer, pit_timer_fn, CLOCK_MONOTONIC, HRTIMER_MODE_REL_HARD);
	chip->ioapic.send = ioapic_send;
	chip->ioapic.ctx = chip;
	ioapic_reset(&chip->ioapic, IOAPIC_VERSION_82093AA);
	i8259_reset(&chip->pic);
	i8254_reset(&chip->pit);
	vm->irqchip = chip;
	return 0;
}

void ferry_irqchip_destroy(struct ferry_vm *vm)
{
	if (!vm->irqchip)
		return;
	hrtimer_cancel(&vm->irqchip->pit_timer);
	kfree(vm->irqchip);
	vm->irqchip = NULL;
}

/* Who starts a timer holds its lock: once each has been held here, none can have been started. */
static void set_paused(struct ferry_irqchip *chip, bool paused)
{
	struct ferry_lapic *fl;
	unsigned long flags;
	unsigned int i;

	raw_spin_lock_irqsave(&chip->pit_lock, flags);
	WRITE_ONCE(chip->paused, paused);
	if (!paused)
		arm_pit(chip, 0);
	raw_spin_unlock_irqrestore(&chip->pit_lock, flags);
	for (i = 0; i < chip->nr; i++) {
		fl = lapic_at(chip, i);
		if (fl)
			ferry_lapic_rearm(fl);
	}
}

/**
 * ferry_irqchip_pause() - stop all timers; vm->lock held, vCPUs stopped
 * @vm: the VM
 *
 * When it returns no timer of the VM is running and nothing but userspace changes the state.
 */
void ferry_irqchip_pause(struct ferry_vm *vm)
{
	struct ferry_irqchip *chip = vm->irqchip;
	struct ferry_lapic *fl;
	unsigned int i;

	set_paused(chip, true);
	hrtimer_cancel(&chip->pit_timer);
	for (i = 0; i < chip->nr; i++) {
		fl = lapic_at(chip, i);
		if (fl)
			hrtimer_cancel(&fl->timer);
	}
}

/**
 * ferry_irqchip_continue() - start the timers again; the VM's clocks run
 * @vm: the VM
 */
void ferry_irqchip_continue(struct ferry_vm *vm)
{
	set_paused(vm->irqchip, false);
}

/* ------------------------------------------------------------------ state groups */

/* uapi/ cannot include lib/, nor lib/ uapi/: the structs are the same, and this says so. */
#define SAME_SIZE(group, lib) \
	static_assert(sizeof(struct ferry_state_##group) == sizeof(struct lib))
#define SAME(group, lib, field) \
	static_assert(offsetof(struct ferry_state_##group, field) == offsetof(struct lib, field))
static_assert(FERRY_NR_GSIS == IOAPIC_NR_PINS);
SAME_SIZE(lapic, lapic_state);
SAME(lapic, lapic_state, irr);
SAME(lapic, lapic_state, tmr);
SAME(lapic, lapic_state, id);
SAME(lapic, lapic_state, svr);
SAME(lapic, lapic_state, tmict);
SAME(lapic, lapic_state, lvt);
SAME_SIZE(ioapic, ioapic_state);
SAME(ioapic, ioapic_state, version);
SAME(ioapic, ioapic_state, lines);
SAME_SIZE(pic, i8259_state);
SAME(pic, i8259_state, chip[1].base);
SAME(pic, i8259_state, chip[1].flags);
SAME_SIZE(pit, i8254_state);
SAME(pit, i8254_state, ch[1].count);
SAME(pit, i8254_state, ch[2].flags);
SAME(pit, i8254_state, edges);

static u32 group_size(u32 group)
{
	switch (group) {
	case FERRY_STATE_LAPIC:
		return sizeof(struct lapic_state);
	case FERRY_STATE_IOAPIC:
		return sizeof(struct ioapic_state);
	case FERRY_STATE_PIC:
		return sizeof(struct i8259_state);
	default:
		return sizeof(struct i8254_state);
	}
}

int ferry_irqchip_get_state(struct ferry_vm *vm, struct ferry_vcpu *vcpu, u32 group, void *buf,
			    u32 len)
{
	struct ferry_irqchip *chip = vm->irqchip;
	unsigned long flags;

	if (len < group_size(group))
		return -ENOSPC;
	switch (group) {
	case FERRY_STATE_LAPIC:
		ferry_lapic_save(vcpu->lapic, buf);
		break;
	case FERRY_STATE_IOAPIC:
		raw_spin_lock_irqsave(&chip->ioapic_lock, flags);
		ioapic_get_state(&chip->ioapic, buf);
		raw_spin_unlock_irqrestore(&chip->ioapic_lock, flags);
		break;
	case FERRY_STATE_PIC:
		raw_spin_lock_irqsave(&chip->pic_lock, flags);
		i8259_get_state(&chip->pic, buf);
		raw_spin_unlock_irqrestore(&chip->pic_lock, flags);
		break;
	case FERRY_STATE_PIT:
		raw_spin_lock_irqsave(&chip->pit_lock, flags);
		i8254_get_state(&chip->pit, buf);
		raw_spin_unlock_irqrestore(&chip->pit_lock, flags);
		break;
	}
	return group_size(group);
}

int ferry_irqchip_set_state(struct ferry_vm *vm, struct ferry_vcpu *vcpu, u32 group,
			    const void *buf, u32 len)
{
	struct ferry_irqchip *chip = vm->irqchip;
	unsigned long flags;
	bool rose = false;
	int ret = 0;

	if (len != group_size(group))
		return -EINVAL;
	switch (group) {
	case FERRY_STATE_LAPIC:
		ret = ferry_lapic_load(vcpu->lapic, buf);
		break;
	case FERRY_STATE_IOAPIC:
		raw_spin_lock_irqsave(&chip->ioapic_lock, flags);
		ret = ioapic_set_state(&chip->ioapic, buf);
		raw_spin_unlock_irqrestore(&chip->ioapic_lock, flags);
		break;
	case FERRY_STATE_PIC:
		raw_spin_lock_irqsave(&chip->pic_lock, flags);
		ret = i8259_set_state(&chip->pic, buf);
		rose = pic_changed(chip);
		raw_spin_unlock_irqrestore(&chip->pic_lock, flags);
		break;
	case FERRY_STATE_PIT:
		raw_spin_lock_irqsave(&chip->pit_lock, flags);
		ret = i8254_set_state(&chip->pit, buf);
		if (!ret)
			arm_pit(chip, 0);
		raw_spin_unlock_irqrestore(&chip->pit_lock, flags);
		break;
	}
	if (rose)
		extint_rose(chip);
	return ret;
}
