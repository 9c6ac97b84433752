/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The message that interrupt controllers exchange: what an IOAPIC pin, an MSI
 * write or a write to the ICR puts on the bus, and what a local APIC accepts.
 */
#ifndef FERRY_LIB_DEV_APIC_MSG_H
#define FERRY_LIB_DEV_APIC_MSG_H

#include "../env.h"

/* Delivery modes: SDM vol. 3, "Interrupt Command Register"; the same in RTEs, LVTs and MSIs. */
#define APIC_DELIVER_FIXED	   0
#define APIC_DELIVER_LOWEST   1
#define APIC_DELIVER_SMI	   2
#define APIC_DELIVER_RESERVED 3
#define APIC_DELIVER_NMI	   4
#define APIC_DELIVER_INIT	   5
#define APIC_DELIVER_SIPI	   6
#define APIC_DELIVER_EXTINT   7

/* Destination shorthands of the ICR. */
#define APIC_SHORT_NONE	  0
#define APIC_SHORT_SELF	  1
#define APIC_SHORT_ALL	  2
#define APIC_SHORT_OTHERS 3

#define APIC_MSG_LOGICAL BIT(0) /* destination mode */
#define APIC_MSG_LEVEL	 BIT(1) /* trigger mode */
#define APIC_MSG_WIDE	 BIT(2) /* 32-bit destination: sent in x2APIC mode */

/**
 * struct apic_msg - one interrupt message
 * @dest: APIC id or logical destination; 8 bits unless APIC_MSG_WIDE
 * @vector: vector; start page number for SIPI
 * @mode: APIC_DELIVER_*
 * @shorthand: APIC_SHORT_*; @dest counts only for APIC_SHORT_NONE
 * @flags: APIC_MSG_*
 */
struct apic_msg {
	u32 dest;
	u8 vector;
	u8 mode;
	u8 shorthand;
	u8 flags;
};

/**
 * apic_msg_from_msi() - decode a message-signalled interrupt
 * @address: where the device wrote; SDM vol. 3, "Message Address Register Format"
 * @data: what it wrote
 * @m: [OUT]
 *
 * The redirection hint asks for the least busy of several processors, which is what lowest
 * priority delivery means, so a fixed message with the hint becomes one.
 *
 * Return: false if the address is not one that a processor takes as an interrupt.
 */
static inline bool apic_msg_from_msi(u64 address, u32 data, struct apic_msg *m)
{
	if (address >> 20 != 0xfee)
		return false;
	m->dest = (address >> 12) & 0xff;
	m->vector = data & 0xff;
	m->mode = (data >> 8) & 7;
	m->shorthand = APIC_SHORT_NONE;
	m->flags = 0;
	if (address & BIT(2))
		m->flags |= APIC_MSG_LOGICAL;
	if (data & BIT(15))
		m->flags |= APIC_MSG_LEVEL;
	if ((address & BIT(3)) && m->mode == APIC_DELIVER_FIXED)
		m->mode = APIC_DELIVER_LOWEST;
	return true;
}

#endif /* FERRY_LIB_DEV_APIC_MSG_H */
