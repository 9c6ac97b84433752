/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The PC's ports and interrupt lines, as device models, ACPI tables and the MP table agree on them.
 */
#ifndef FERRY_PORTS_H
#define FERRY_PORTS_H

#define PORT_KBD_DATA 0x60
#define PORT_KBD_STATUS 0x64
#define PORT_RTC_INDEX 0x70
#define PORT_RTC_DATA 0x71
#define PORT_POST 0x80
#define PORT_DELAY 0xed
#define PORT_DEBUG_EXIT 0xf4
#define PORT_COM1 0x3f8
#define PORT_PM1_EVENT 0x600 /* status, enable */
#define PORT_PM1_CONTROL 0x604
#define PORT_PM_TIMER 0x608
#define PORT_PCI_ADDRESS 0xcf8
#define PORT_RESET 0xcf9
#define PORT_PCI_DATA 0xcfc

/* ISA numbers; the module connects line 0 to pin 2 of the IOAPIC. */
#define IRQ_TIMER 0
#define IRQ_KBD 1
#define IRQ_COM1 4
#define IRQ_RTC 8
#define IRQ_SCI 9

/* PM1 control: what the \_S5 package says, and what ends the machine. */
#define PM1_S5_TYPE 5
/* Written to PORT_RESET, as the FADT says. */
#define RESET_VALUE 0x06

#define LAPIC_BASE 0xfee00000U
#define IOAPIC_BASE 0xfec00000U
#define IOAPIC_PINS 24

#endif /* FERRY_PORTS_H */
