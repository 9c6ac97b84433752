/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What irqchip.c, lapic.c and iobus.c share: the interrupt controllers of a VM.
 *
 * Wires: a GSI below 16 is an i8259 input and the IOAPIC pin of the same number, 16 to 23 are
 * IOAPIC pins only. The i8254's output 0 is i8259 input 0 and IOAPIC pin 2, as the ACPI tables say.
 * The i8259's INT is LINT0 of every LAPIC. A vCPU's LAPIC id is its number.
 *
 * Locks, all raw, irqs off:
 *   chip->pit_lock      the i8254; drops before a line moves
 *   chip->pic_lock      the i8259s; drops before a vCPU is told
 *   chip->ioapic_lock   the IOAPIC; encloses the delivery of its messages, so it is outside of ...
 *   ferry_lapic.lock    ... one LAPIC, never two
 *   vm->clock.lock      inside any of them
 * A LAPIC's effects on others (IPIs, EOIs) happen after its lock has dropped. Its host timer is
 * started and stopped under its lock, so a callback that finds the timer queued leaves it alone.
 *
 * A vCPU's own questions (may an interrupt be delivered?) read its LAPIC without the lock: others
 * only ever add requests, and say so afterwards with FERRY_REQ_EVENT. chip->set is read under RCU.
 */
#ifndef FERRY_IRQCHIP_H
#define FERRY_IRQCHIP_H

#include <linux/hrtimer.h>
#include <linux/spinlock.h>

#include "ferry.h"
#include "lib/dev/i8254.h"
#include "lib/dev/i8259.h"
#include "lib/dev/ioapic.h"
#include "lib/dev/lapic.h"

#define FERRY_NR_GSIS 24

/* Least wait after a timer interrupt: a periodic timer makes no more than 5,000 a second. */
#define FERRY_TIMER_MIN_NS (200 * NSEC_PER_USEC)
/* Longer waits are taken in steps, for the arithmetic's sake. */
#define FERRY_TIMER_MAX_NS (3600ULL * NSEC_PER_SEC)

/* One vCPU's local APIC. */
struct ferry_lapic {
	raw_spinlock_t lock; /* @lapic, and the arming of @timer */
	struct lapic lapic;
	struct hrtimer timer;
	struct ferry_vcpu *vcpu;
	struct ferry_irqchip *chip;
};

/* What the vCPUs of a VM share. */
struct ferry_irqchip {
	struct ferry_vm *vm;
	const struct lapic *set[FERRY_MAX_VCPUS]; /* the LAPICs by id */
	unsigned int nr; /* one more than the highest id in @set */
	u32 turn; /* in lowest-priority delivery */
	bool paused; /* no host timer may be started */
	bool intr; /* level of the i8259's INT, written under pic_lock */
	raw_spinlock_t pic_lock;
	raw_spinlock_t ioapic_lock;
	raw_spinlock_t pit_lock;
	struct i8259 pic;
	struct ioapic ioapic;
	struct i8254 pit;
	struct hrtimer pit_timer;
};

/* ----- irqchip.c */
/* @from: the sender's id, FERRY_MAX_VCPUS for a device. Return: did anybody take it? */
bool ferry_irqchip_route(struct ferry_irqchip *chip, unsigned int from, const struct apic_msg *m);
void ferry_irqchip_eoi(struct ferry_irqchip *chip, u8 vector);
void ferry_irqchip_rescan(struct ferry_irqchip *chip); /* a LAPIC was enabled */
int ferry_irqchip_inta(struct ferry_irqchip *chip); /* the i8259's vector, -1 if it has none */
static inline bool ferry_irqchip_has_port(u16 port)
{
	return i8259_has_port(port) || i8254_has_port(port);
}

u8 ferry_irqchip_read_port(struct ferry_vm *vm, u16 port);
void ferry_irqchip_write_port(struct ferry_vm *vm, u16 port, u8 value);
/* false: not one of the controllers' addresses. @width 1..8; a read gives its low bytes. */
bool ferry_irqchip_mmio(struct ferry_vcpu *vcpu, u64 gpa, u8 width, bool write, u64 *value);

/* ----- lapic.c */
bool ferry_lapic_deliver(struct ferry_lapic *fl, const struct apic_msg *m);
bool ferry_lapic_takes_extint(struct ferry_lapic *fl);
void ferry_lapic_tell(struct ferry_lapic *fl); /* look for interrupts before the next entry */
void ferry_lapic_page(struct ferry_vcpu *vcpu, unsigned int offset, u8 width, bool write,
		      u64 *value);
void ferry_lapic_rearm(struct ferry_lapic *fl); /* after chip->paused has changed */
void ferry_lapic_save(struct ferry_lapic *fl, struct lapic_state *s);
int ferry_lapic_load(struct ferry_lapic *fl, const struct lapic_state *s);

#endif /* FERRY_IRQCHIP_H */
