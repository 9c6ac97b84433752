/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An I/O APIC as a register machine: Intel 82093AA data sheet (version 0x11),
 * and version 0x20 with its EOI register (ICH and PCH data sheets).
 *
 * No locks here: the caller holds one lock per IOAPIC around every call. The
 * send call-back runs under it and may take LAPIC locks; LAPICs report an EOI
 * only after theirs is dropped (lapic.h), so the order is always IOAPIC, LAPIC.
 */
#ifndef FERRY_LIB_DEV_IOAPIC_H
#define FERRY_LIB_DEV_IOAPIC_H

#include "apic_msg.h"

#define IOAPIC_BASE	 0xfec00000ULL
#define IOAPIC_MMIO_SIZE 0x1000
#define IOAPIC_NR_PINS	 24

#define IOAPIC_VERSION_82093AA 0x11
#define IOAPIC_VERSION_EOI     0x20

/* Redirection table entry. */
#define IOAPIC_RTE_VECTOR     0xffULL
#define IOAPIC_RTE_LOGICAL    BIT_ULL(11)
#define IOAPIC_RTE_STATUS     BIT_ULL(12)
#define IOAPIC_RTE_REMOTE_IRR BIT_ULL(14)
#define IOAPIC_RTE_LEVEL      BIT_ULL(15)
#define IOAPIC_RTE_MASKED     BIT_ULL(16)

/**
 * struct ioapic - one I/O APIC
 * @send: put a message on the bus; true if any LAPIC took it
 * @ctx: for @send
 * @lines: levels of the pins, active as the guest programmed their polarity
 */
struct ioapic {
	bool (*send)(void *ctx, const struct apic_msg *m);
	void *ctx;
	u32 version;
	u32 select;
	u32 id;
	u32 lines;
	u64 rte[IOAPIC_NR_PINS];
};

/**
 * struct ioapic_state - an IOAPIC at rest: state group and wire format
 */
struct ioapic_state {
	u64 rte[IOAPIC_NR_PINS];
	u32 version;
	u32 select;
	u32 id;
	u32 lines;
};

static_assert(sizeof(struct ioapic_state) == 208, "no padding, no surprise");

void ioapic_reset(struct ioapic *io, u32 version);
u32 ioapic_read(const struct ioapic *io, unsigned int offset, unsigned int len);
void ioapic_write(struct ioapic *io, unsigned int offset, unsigned int len, u32 val);
void ioapic_set_line(struct ioapic *io, unsigned int pin, bool level);
void ioapic_eoi(struct ioapic *io, u8 vector);
void ioapic_rescan(struct ioapic *io);
void ioapic_get_state(const struct ioapic *io, struct ioapic_state *s);
int ioapic_set_state(struct ioapic *io, const struct ioapic_state *s);

#endif /* FERRY_LIB_DEV_IOAPIC_H */
