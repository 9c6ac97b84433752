// SPDX-License-Identifier: GPL-2.0-only
/*
 * The local APIC's registers, modes and priorities, rule by rule as the SDM's APIC chapter has
 * them. Timers, routing and state are in test_lapic_state.c.
 */
#include "lapic_help.h"

static void test_power_on(void)
{
	unsigned int i, bad = 0;

	power_on(3, ALL_FEATURES);
	ok_eq(l.base, 0xfee00800, "an application processor's base after power-up");
	power_on(0, ALL_FEATURES);
	ok_eq(l.base, 0xfee00900, "the bootstrap processor's");
	power_on(3, ALL_FEATURES);
	ok_eq(rd(LAPIC_ID), 3 << 24, "ID");
	ok_eq(rd(LAPIC_VER), 0x01050014, "version with EOI-broadcast suppression, six LVT entries");
	ok_eq(rd(LAPIC_SVR), 0xff, "SVR: software-disabled");
	ok_eq(rd(LAPIC_DFR), 0xffffffff, "DFR: flat");
	for (i = LAPIC_LVT_TIMER; i <= LAPIC_LVT_ERROR; i++)
		bad += rd(i) != 0x10000;
	ok_eq(bad, 0, "LVT entries masked");
	for (i = 0; i < 24; i++)
		bad += rd(LAPIC_ISR + i) != 0;
	bad += rd(LAPIC_TPR) || rd(LAPIC_PPR) || rd(LAPIC_LDR) || rd(LAPIC_ESR) || rd(LAPIC_ICR) ||
	       rd(LAPIC_ICR2) || rd(LAPIC_TMICT) || rd(LAPIC_TMCCT) || rd(LAPIC_TDCR);
	ok_eq(bad, 0, "everything else zero");
	power_on(3, 0);
	ok_eq(rd(LAPIC_VER), 0x00050014, "version without suppression");
	power_on(0, 0);
	lapic_virtual_wire(&l);
	ok(lapic_takes_extint(&l) && rd(LAPIC_SVR) == 0x1ff, "virtual wire passes the i8259");
	ok(l.addr & (1ULL << 44), "... and counts as enabled on the bus");
}

static void test_xapic_access(void)
{
	power_on(2, ALL_FEATURES);
	wr(LAPIC_ID, 0x05ffffff);
	ok_eq(rd(LAPIC_ID), 5 << 24, "ID is writable in its top byte");
	wr(LAPIC_LDR, 0x81ffffff);
	ok_eq(rd(LAPIC_LDR), 0x81000000, "LDR keeps its top byte");
	wr(LAPIC_DFR, 0);
	ok_eq(rd(LAPIC_DFR), 0x0fffffff, "DFR's low bits are ones");
	wr(LAPIC_SVR, 0xffffffff);
	ok_eq(rd(LAPIC_SVR), 0x13ff, "SVR's defined bits");
	wr(LAPIC_VER, 0);
	ok_eq(rd(LAPIC_VER), 0x01050014, "version is read-only");
	ok_eq(rd(LAPIC_ESR), 0, "... and writing it is no error");

	wr(LAPIC_LVT_TIMER, 0xffffffff & ~LAPIC_LVT_TIMER_PERIODIC);
	ok_eq(rd(LAPIC_LVT_TIMER), 0x500ff, "LVT timer bits");
	wr(LAPIC_LVT_THERMAL, 0xffffffff);
	ok_eq(rd(LAPIC_LVT_THERMAL), 0x107ff, "LVT thermal bits");
	wr(LAPIC_LVT_PERF, 0xffffffff);
	ok_eq(rd(LAPIC_LVT_PERF), 0x107ff, "LVT performance bits");
	wr(LAPIC_LVT_LINT0, 0xffffffff);
	ok_eq(rd(LAPIC_LVT_LINT0), 0x1a7ff, "LINT0: status and remote IRR are read-only");
	wr(LAPIC_LVT_LINT1, 0xffffffff);
	ok_eq(rd(LAPIC_LVT_LINT1), 0x1a7ff, "LINT1 bits");
	wr(LAPIC_LVT_ERROR, 0xffffffff);
	ok_eq(rd(LAPIC_LVT_ERROR), 0x100ff, "LVT error bits");
	wr(LAPIC_TDCR, 0xffffffff);
	ok_eq(rd(LAPIC_TDCR), 0xb, "divide configuration bits");
	wr(LAPIC_ICR2, 0xffffffff);
	ok_eq(rd(LAPIC_ICR2), 0xff000000, "ICR2 keeps the destination");

	power_on(2, 0);
	software_enable();
	wr(LAPIC_LVT_TIMER, 0xffffffff);
	ok_eq(rd(LAPIC_LVT_TIMER), 0x300ff, "no TSC-deadline bit where the policy has none");
	wr(LAPIC_SVR, 0xffffffff);
	ok_eq(rd(LAPIC_SVR), 0x3ff, "no suppression bit where the policy has none");

	power_on(2, 0);
	software_enable();
	wr(LAPIC_LDR, 0x12000000);
	ok_eq(lapic_mmio_read(&l, 0xd3, 1, now, &out), 0x12, "a byte of a register can be read");
	ok_eq(lapic_mmio_read(&l, 0xd2, 2, now, &out), 0x1200, "and a word");
	ok_eq(lapic_mmio_read(&l, 0xd4, 4, now, &out), 0, "nothing between the registers");
	lapic_mmio_write(&l, 0xd3, 1, 0x55, now, &out);
	lapic_mmio_write(&l, 0xd4, 4, 0x55000000, now, &out);
	lapic_mmio_write(&l, 0xd0, 2, 0, now, &out);
	ok_eq(rd(LAPIC_LDR), 0x12000000, "only aligned 32-bit writes count");
	ok_eq(l.esr_pending, 0, "... and the others are no errors");
}

static void test_errors(void)
{
	power_on(0, 0);
	software_enable();
	wr(LAPIC_LVT_ERROR, 0xe1);
	rd(0x00);
	ok_eq(rd(LAPIC_ESR), 0, "an error shows only after a write to the ESR");
	ok(bit_of(LAPIC_IRR, 0xe1), "... but raises the error interrupt at once");
	ok_eq(lapic_ack(&l), 0xe1, "which is taken");
	lapic_eoi(&l, &out);
	rd(0x2e);
	ok(!bit_of(LAPIC_IRR, 0xe1), "a second error before that write raises none");
	wr(LAPIC_ESR, 0xffffffff);
	ok_eq(rd(LAPIC_ESR), LAPIC_ESR_ILLEGAL_REG, "illegal register address");
	wr(LAPIC_ESR, 0);
	ok_eq(rd(LAPIC_ESR), 0, "cleared by the next write");
	wr(0x3f, 0x40);
	ok(bit_of(LAPIC_IRR, 0xe1), "armed again; SELF IPI is reserved in xAPIC mode");
	wr(LAPIC_ESR, 0);
	lapic_mmio_read(&l, 0x400, 4, now, &out);
	wr(LAPIC_ESR, 0);
	ok_eq(rd(LAPIC_ESR), LAPIC_ESR_ILLEGAL_REG, "registers past the last one");

	wr(LAPIC_ICR2, 1 << 24);
	wr(LAPIC_ICR, 0x400f);
	ok(!(out.what & LAPIC_DO_IPI), "a fixed IPI with vector 15 is not sent");
	wr(LAPIC_ESR, 0);
	ok_eq(rd(LAPIC_ESR), LAPIC_ESR_SEND_VECTOR, "send illegal vector");
	ok(!accept(APIC_DELIVER_FIXED, 15, 0), "a message with vector 15 is not accepted");
	wr(LAPIC_ESR, 0);
	ok_eq(rd(LAPIC_ESR), LAPIC_ESR_RECV_VECTOR, "receive illegal vector");
	wr(LAPIC_LVT_ERROR, 5);
	rd(0x00);
	wr(LAPIC_ESR, 0);
	ok_eq(rd(LAPIC_ESR), LAPIC_ESR_RECV_VECTOR | LAPIC_ESR_ILLEGAL_REG,
	      "an illegal vector in the error entry itself ends there");
	wr(LAPIC_LVT_TIMER, 3);
	wr(LAPIC_TMICT, 1);
	now.ns += 10;
	lapic_timer_run(&l, now, &out);
	wr(LAPIC_ESR, 0);
	ok_eq(rd(LAPIC_ESR), LAPIC_ESR_RECV_VECTOR, "an illegal vector from the timer");
	ok_eq(lapic_highest_irr(&l), 0xe1, "no illegal vector ever reaches the IRR");
}

static void test_base(void)
{
	const u64 dis = LAPIC_DEFAULT_BASE, x = dis | LAPIC_BASE_EN, ext = dis | LAPIC_BASE_EXTD,
		  x2 = x | LAPIC_BASE_EXTD;
	unsigned int i, bad = 0;

	power_on(0x21, ALL_FEATURES);
	for (i = 0; i < 64; i++)
		if ((i < 8 || i == 9 || i >= 40) && !base_wr(x | 1ULL << i))
			bad++;
	ok_eq(bad, 0, "reserved bits of IA32_APIC_BASE are #GP");
	ok_eq(base_wr(0xfffffff000ULL | LAPIC_BASE_EN), 0, "the page may be moved");
	ok(lapic_mmio_hit(&l, 0xfffffff0b0ULL) && !lapic_mmio_hit(&l, 0xfee000b0), "... and moves");
	ok(out.what & LAPIC_DO_MODE, "... which the caller is told");
	base_wr(x);

	ok(base_wr(ext), "xAPIC to EXTD without EN: #GP");
	ok_eq(base_wr(x2), 0, "xAPIC to x2APIC");
	ok(!lapic_mmio_hit(&l, 0xfee000b0), "the page is gone in x2APIC mode");
	ok(base_wr(x), "x2APIC to xAPIC: #GP");
	ok(base_wr(ext), "x2APIC to EXTD without EN: #GP");
	ok_eq(base_wr(x2), 0, "x2APIC to x2APIC");
	x2_wr(LAPIC_TPR, 0x30);
	ok_eq(base_wr(dis), 0, "x2APIC to disabled");
	ok(!lapic_mmio_hit(&l, 0xfee000b0), "the page is gone when disabled");
	ok(base_wr(x2), "disabled to x2APIC: #GP");
	ok(base_wr(ext), "disabled to EXTD without EN: #GP");
	ok_eq(base_wr(x), 0, "disabled to xAPIC");
	ok(rd(LAPIC_ID) == 0x21 << 24 && rd(LAPIC_TPR) == 0 && rd(LAPIC_SVR) == 0xff,
	   "which finds the registers as after power-up");

	power_on(0x21, 0);
	ok(base_wr(x2), "x2APIC where the policy has none: #GP");
	power_on(0, 0);
	base_wr(x);
	ok_eq(l.base & LAPIC_BASE_BSP, 0, "BSP can be written");
	power_on(0, LAPIC_VENDOR_AMD);
	ok_eq(base_wr(x), 0, "BSC takes a write on AMD");
	ok(l.base & LAPIC_BASE_BSP, "... and ignores it");

	power_on(0, 0);
	software_enable();
	accept(APIC_DELIVER_FIXED, 0x40, 0);
	base_wr(dis);
	ok(!accept(APIC_DELIVER_FIXED, 0x40, 0) && !accept(APIC_DELIVER_NMI, 2, 0) &&
		   !accept(APIC_DELIVER_INIT, 0, 0),
	   "disabled: no message is heard");
	ok_eq(lapic_highest_irr(&l), -1, "... and what waited is forgotten");
	ok(lapic_takes_extint(&l), "disabled: LINT0 is INTR");
	lapic_lint(&l, 1, true, &out);
	ok(out.what & LAPIC_DO_NMI, "disabled: LINT1 is NMI");
}

static void test_x2apic(void)
{
	static const u8 rw[] = { LAPIC_TPR,	  LAPIC_SVR,	   LAPIC_ESR,
				 LAPIC_ICR,	  LAPIC_LVT_TIMER, LAPIC_LVT_THERMAL,
				 LAPIC_LVT_PERF,  LAPIC_LVT_LINT0, LAPIC_LVT_LINT1,
				 LAPIC_LVT_ERROR, LAPIC_TMICT,	   LAPIC_TDCR };
	static const u8 wo[] = { LAPIC_EOI, LAPIC_SELF_IPI };
	unsigned int reg, i, bad_r = 0, bad_w = 0;
	u64 val;

	power_on(0x123, ALL_FEATURES);
	ok(x2_rd(LAPIC_TPR, &val), "RDMSR of an x2APIC register in xAPIC mode: #GP");
	ok(x2_wr(LAPIC_TPR, 0), "WRMSR likewise");
	wr(LAPIC_ID, 0x77000000);
	wr(LAPIC_LDR, 0xff000000);
	wr(LAPIC_ICR2, 0x55000000);
	wr(LAPIC_TPR, 0x40);
	enter_x2apic();
	ok_eq(x2_val(LAPIC_ID), 0x123, "ID is the 32-bit x2APIC id, whatever was written before");
	ok_eq(x2_val(LAPIC_LDR), 0x00120008, "LDR derives from it");
	ok_eq(x2_val(LAPIC_ICR) >> 32, 0, "ICR2 is not preserved");
	ok_eq(x2_val(LAPIC_TPR), 0x40, "TPR is");

	for (reg = 0; reg < 0x100; reg++) {
		bool r = memchr(rw, reg, sizeof(rw)), w = r || memchr(wo, reg, sizeof(wo));

		r = r || reg == LAPIC_ID || reg == LAPIC_VER || reg == LAPIC_PPR ||
		    reg == LAPIC_LDR || reg == LAPIC_TMCCT || (reg >= LAPIC_ISR && reg < LAPIC_ESR);
		bad_r += (x2_rd(reg, &val) == 0) != r;
		bad_w += (x2_wr(reg, 0) == 0) != w;
	}
	ok_eq(bad_r, 0, "exactly the defined registers can be read");
	ok_eq(bad_w, 0, "exactly the defined registers can be written");

	x2_wr(LAPIC_SVR, 0x1ff);
	for (i = 0; i < sizeof(rw); i++) {
		u64 mask = 0;

		for (reg = 0; reg < 64; reg++) {
			power_on(1, ALL_FEATURES);
			software_enable();
			enter_x2apic();
			if (!x2_wr(rw[i], 1ULL << reg))
				mask |= 1ULL << reg;
		}
		switch (rw[i]) {
		case LAPIC_TPR:
			val = 0xff;
			break;
		case LAPIC_SVR:
			val = 0x13ff;
			break;
		case LAPIC_ESR:
			val = 0;
			break;
		case LAPIC_ICR:
			val = 0xffffffff000cdfffULL;
			break;
		case LAPIC_LVT_TIMER:
			val = 0x710ff;
			break;
		case LAPIC_LVT_THERMAL:
		case LAPIC_LVT_PERF:
			val = 0x117ff;
			break;
		case LAPIC_LVT_LINT0:
		case LAPIC_LVT_LINT1:
			val = 0x1f7ff;
			break;
		case LAPIC_LVT_ERROR:
			val = 0x110ff;
			break;
		case LAPIC_TMICT:
			val = 0xffffffff;
			break;
		default:
			val = 0xb;
			break;
		}
		ok_eq(mask, val, "reserved bits of MSR %#x are #GP", 0x800 + rw[i]);
	}
	ok(x2_wr(LAPIC_EOI, 1), "EOI takes only zero");
	ok(x2_wr(LAPIC_SELF_IPI, 0x100), "SELF IPI takes only a vector");

	ok_eq(x2_wr(LAPIC_ICR, 0x0001000200004031ULL), 0, "ICR is one 64-bit register");
	ok(out.what & LAPIC_DO_IPI, "... whose write sends");
	ok(out.ipi.dest == 0x00010002 && (out.ipi.flags & APIC_MSG_WIDE), "... to 32 bits");
	ok_eq(x2_val(LAPIC_ICR), 0x0001000200004031ULL, "... and reads back");
	x2_wr(LAPIC_SELF_IPI, 0x61);
	ok_eq(lapic_pending(&l), 0x61, "SELF IPI");
	ok(!(out.what & LAPIC_DO_IPI), "... without a message");
	x2_wr(LAPIC_SELF_IPI, 3);
	x2_wr(LAPIC_ESR, 0);
	ok_eq(x2_val(LAPIC_ESR), LAPIC_ESR_SEND_VECTOR, "SELF IPI with an illegal vector");

	memset(&out, 0, sizeof(out));
	lapic_init(&l);
	ok(lapic_x2apic(&l) && x2_val(LAPIC_ID) == 1 && x2_val(LAPIC_SVR) == 0xff,
	   "INIT keeps x2APIC mode and id, and resets the rest");
}

static void test_priorities(void)
{
	unsigned int irr, tpr, isr, bad = 0;

	power_on(0, ALL_FEATURES);
	software_enable();
	ok_eq(lapic_pending(&l), -1, "nothing waits");
	ok_eq(lapic_ack(&l), -1, "nothing to take");
	accept(APIC_DELIVER_FIXED, 0x55, 0);
	ok(out.what & LAPIC_DO_IRQ, "a message asks for attention");
	ok(bit_of(LAPIC_IRR, 0x55) && !bit_of(LAPIC_ISR, 0x55), "it waits in the IRR");
	ok_eq(lapic_pending(&l), 0x55, "it is deliverable");
	ok(accept(APIC_DELIVER_FIXED, 0x55, 0) && !out.what, "the same again has nothing to add");
	wr(LAPIC_TPR, 0x50);
	ok_eq(lapic_pending(&l), -1, "not above TPR class 5");
	ok_eq(rd(LAPIC_PPR), 0x50, "PPR follows TPR");
	wr(LAPIC_TPR, 0x4f);
	ok_eq(lapic_pending(&l), 0x55, "above TPR 4f");
	ok_eq(out.what, LAPIC_DO_IRQ | LAPIC_DO_TPR, "lowering TPR asks for attention");
	wr(LAPIC_TPR, 0x4f);
	wr(LAPIC_TPR, 0x4e);
	ok_eq(out.what & LAPIC_DO_TPR, 0, "CR8 shows only the class");
	wr(LAPIC_TPR, 0x4f);
	ok_eq(rd(LAPIC_PPR), 0x4f, "PPR has TPR's sub-class when TPR is the higher");
	ok_eq(lapic_ack(&l), 0x55, "it is taken");
	ok(!bit_of(LAPIC_IRR, 0x55) && bit_of(LAPIC_ISR, 0x55), "it is in service");
	ok_eq(rd(LAPIC_PPR), 0x50, "PPR is the class in service");
	accept(APIC_DELIVER_FIXED, 0x5f, 0);
	ok_eq(lapic_pending(&l), -1, "the same class does not nest");
	accept(APIC_DELIVER_FIXED, 0x60, 0);
	ok_eq(lapic_ack(&l), 0x60, "a higher class does");
	accept(APIC_DELIVER_FIXED, 0x60, 0);
	ok(bit_of(LAPIC_IRR, 0x60) && bit_of(LAPIC_ISR, 0x60), "one waits while one is in service");
	wr(LAPIC_EOI, 0);
	ok(!bit_of(LAPIC_ISR, 0x60) && bit_of(LAPIC_ISR, 0x55), "EOI ends the highest");
	ok(out.what == LAPIC_DO_IRQ, "... and finds the next");
	ok_eq(lapic_ack(&l), 0x60, "the second 60");
	wr(LAPIC_EOI, 0);
	wr(LAPIC_EOI, 0);
	ok_eq(rd(LAPIC_PPR), 0x4f, "PPR is TPR again");
	ok_eq(lapic_ack(&l), 0x5f, "the one that was held back");
	wr(LAPIC_EOI, 0);
	wr(LAPIC_EOI, 0);
	ok_eq(lapic_highest_irr(&l), -1, "a superfluous EOI does nothing");

	for (irr = 16; irr < 256; irr += 7)
		for (tpr = 0; tpr < 256; tpr += 5)
			for (isr = 15; isr < 256; isr += 11) {
				u32 want = tpr;

				power_on(0, 0);
				software_enable();
				if (isr > 15) {
					accept(APIC_DELIVER_FIXED, isr, 0);
					lapic_ack(&l);
					if (isr >> 4 > tpr >> 4)
						want = isr & 0xf0;
				}
				accept(APIC_DELIVER_FIXED, irr, 0);
				wr(LAPIC_TPR, tpr);
				bad += rd(LAPIC_PPR) != want;
				bad += (lapic_pending(&l) == (int)irr) != (irr >> 4 > want >> 4);
			}
	ok_eq(bad, 0, "PPR and deliverability over IRR x TPR x ISR");
}

static void test_trigger(void)
{
	power_on(0, ALL_FEATURES);
	software_enable();
	accept(APIC_DELIVER_FIXED, 0x70, APIC_MSG_LEVEL);
	accept(APIC_DELIVER_LOWEST, 0x80, 0);
	ok(bit_of(LAPIC_TMR, 0x70) && !bit_of(LAPIC_TMR, 0x80), "TMR tells level from edge");
	lapic_ack(&l);
	wr(LAPIC_EOI, 0);
	ok(!(out.what & LAPIC_DO_EOI), "EOI of an edge is nobody else's business");
	lapic_ack(&l);
	wr(LAPIC_EOI, 0);
	ok((out.what & LAPIC_DO_EOI) && out.eoi_vector == 0x70, "EOI of a level is broadcast");
	accept(APIC_DELIVER_FIXED, 0x70, 0);
	ok(!bit_of(LAPIC_TMR, 0x70), "TMR follows the last message");
	lapic_ack(&l);
	wr(LAPIC_EOI, 0);
	wr(LAPIC_SVR, 0x11ff);
	accept(APIC_DELIVER_FIXED, 0x70, APIC_MSG_LEVEL);
	lapic_ack(&l);
	wr(LAPIC_EOI, 0);
	ok(!(out.what & LAPIC_DO_EOI), "SVR bit 12 suppresses the broadcast");
}

static void test_software_disable(void)
{
	unsigned int i, bad = 0;

	power_on(0, ALL_FEATURES);
	software_enable();
	for (i = LAPIC_LVT_TIMER; i <= LAPIC_LVT_ERROR; i++)
		wr(i, 0x40 + i);
	accept(APIC_DELIVER_FIXED, 0x90, 0);
	wr(LAPIC_SVR, 0xff);
	for (i = LAPIC_LVT_TIMER; i <= LAPIC_LVT_ERROR; i++)
		bad += rd(i) != (0x10040 + i);
	ok_eq(bad, 0, "software-disabling masks the LVT");
	for (i = LAPIC_LVT_TIMER; i <= LAPIC_LVT_ERROR; i++) {
		wr(i, 0x50);
		bad += rd(i) != 0x10050;
	}
	ok_eq(bad, 0, "which stays masked");
	ok_eq(lapic_pending(&l), 0x90, "what waited still waits");
	ok(!accept(APIC_DELIVER_FIXED, 0xa0, 0), "no fixed message is accepted");
	ok(!accept(APIC_DELIVER_LOWEST, 0xa0, 0), "no lowest-priority message");
	ok(!accept(APIC_DELIVER_EXTINT, 0xa0, 0), "no ExtINT");
	ok(accept(APIC_DELIVER_NMI, 0, 0) && (out.what & LAPIC_DO_NMI), "NMI is");
	ok(accept(APIC_DELIVER_INIT, 0, 0) && (out.what & LAPIC_DO_INIT), "INIT is");
	ok(accept(APIC_DELIVER_SIPI, 0x9a, 0) && (out.what & LAPIC_DO_SIPI) &&
		   out.sipi_vector == 0x9a,
	   "SIPI is");
	ok(!accept(APIC_DELIVER_SMI, 0, 0) && !out.what, "SMI is ignored");
	wr(LAPIC_ICR2, 0x02000000);
	wr(LAPIC_ICR, 0x4040);
	ok(out.what & LAPIC_DO_IPI, "IPIs can still be sent");
	wr(LAPIC_SVR, 0x1ff);
	wr(LAPIC_LVT_ERROR, 0x50);
	ok_eq(rd(LAPIC_LVT_ERROR), 0x50, "enabled again, the LVT can be unmasked");
}

struct ipi_case {
	u32 icr;
	bool sent;
	const char *what;
};

static void test_icr(void)
{
	static const struct ipi_case cases[] = {
		{ 0x04031, true, "fixed" },
		{ 0x04131, true, "lowest priority" },
		{ 0x04200, false, "SMI" },
		{ 0x04300, false, "reserved mode 3" },
		{ 0x04400, true, "NMI" },
		{ 0x04500, true, "INIT" },
		{ 0x0c500, true, "INIT level assert" },
		{ 0x08500, false, "INIT level de-assert" },
		{ 0x04609, true, "SIPI" },
		{ 0x04700, false, "ExtINT" },
		{ 0xc4031, true, "fixed to others" },
		{ 0xc4131, true, "lowest priority to others" },
		{ 0xc4400, true, "NMI to others" },
		{ 0xc4500, true, "INIT to others" },
		{ 0xc4608, true, "SIPI to others" },
		{ 0x84031, true, "fixed to all" },
		{ 0x84500, false, "INIT to all" },
		{ 0x84608, false, "SIPI to all" },
		{ 0x44500, false, "INIT to self" },
		{ 0x44608, false, "SIPI to self" },
	};
	unsigned int i;

	power_on(1, ALL_FEATURES);
	software_enable();
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		wr(LAPIC_ICR2, 0x07000000);
		wr(LAPIC_ICR, cases[i].icr);
		ok_eq(!!(out.what & LAPIC_DO_IPI), cases[i].sent, "%s is %ssent", cases[i].what,
		      cases[i].sent ? "" : "not ");
		if (cases[i].sent &&
		    (out.ipi.mode != ((cases[i].icr >> 8) & 7) ||
		     out.ipi.vector != (cases[i].icr & 0xff) ||
		     out.ipi.shorthand != cases[i].icr >> 18 || out.ipi.dest != 7 || out.ipi.flags))
			ok(false, "%s has the wrong content", cases[i].what);
	}
	wr(LAPIC_ICR, 0x4831);
	ok_eq(out.ipi.flags, APIC_MSG_LOGICAL, "logical destination mode");
	ok_eq(rd(LAPIC_ICR), 0x4831, "ICR reads back, idle");
	wr(LAPIC_ICR, 0x5831);
	ok_eq(rd(LAPIC_ICR), 0x4831, "delivery status is read-only");
	wr(LAPIC_ICR, 0x44071);
	ok(!(out.what & LAPIC_DO_IPI) && lapic_pending(&l) == 0x71, "self needs no bus");
	wr(LAPIC_ICR, 0x44400);
	ok(out.what & LAPIC_DO_NMI, "NMI to self");
}

static void test_lvt(void)
{
	power_on(0, ALL_FEATURES);
	software_enable();
	lapic_lint(&l, 0, true, &out);
	ok(!out.what || !(out.what & LAPIC_DO_IRQ), "masked LINT0");
	lapic_lint(&l, 0, false, &out);
	wr(LAPIC_LVT_LINT0, 0x45);
	lapic_lint(&l, 0, true, &out);
	ok_eq(lapic_ack(&l), 0x45, "LINT0 fixed edge");
	lapic_eoi(&l, &out);
	lapic_lint(&l, 0, true, &out);
	ok_eq(lapic_pending(&l), -1, "no edge, no interrupt");
	wr(LAPIC_LVT_LINT0, 0x8046);
	ok_eq(lapic_pending(&l), 0x46, "LINT0 fixed level, high already");
	ok_eq(rd(LAPIC_LVT_LINT0), 0xc046, "remote IRR set");
	lapic_ack(&l);
	lapic_eoi(&l, &out);
	ok_eq(lapic_pending(&l), 0x46, "asks again after EOI");
	lapic_lint(&l, 0, false, &out);
	lapic_ack(&l);
	lapic_eoi(&l, &out);
	ok_eq(lapic_pending(&l), -1, "not when the line has gone");
	ok_eq(rd(LAPIC_LVT_LINT0), 0x8046, "remote IRR clear");
	wr(LAPIC_LVT_LINT0, 0x700);
	ok(lapic_takes_extint(&l), "LINT0 ExtINT passes the i8259");
	wr(LAPIC_LVT_LINT0, 0x10700);
	ok(!lapic_takes_extint(&l), "not when masked");
	wr(LAPIC_LVT_LINT1, 0x400);
	memset(&out, 0, sizeof(out));
	lapic_lint(&l, 1, true, &out);
	ok_eq(out.what, LAPIC_DO_NMI, "LINT1 NMI");
	memset(&out, 0, sizeof(out));
	lapic_lint(&l, 1, true, &out);
	ok_eq(out.what, 0, "once per edge");

	wr(LAPIC_LVT_PERF, 0x400);
	memset(&out, 0, sizeof(out));
	lapic_pmi(&l, &out);
	ok_eq(out.what, LAPIC_DO_NMI, "performance counter NMI");
	ok_eq(rd(LAPIC_LVT_PERF), 0x10400, "Intel: LVTPC masks itself");
	memset(&out, 0, sizeof(out));
	lapic_pmi(&l, &out);
	ok_eq(out.what, 0, "... so the next is lost");
	power_on(0, LAPIC_VENDOR_AMD);
	software_enable();
	wr(LAPIC_LVT_PERF, 0xf3);
	lapic_pmi(&l, &out);
	ok(lapic_pending(&l) == 0xf3 && rd(LAPIC_LVT_PERF) == 0xf3, "AMD: LVTPC does not");
}

/* Effects on others, and what must not happen beside the things tested above. */
static void test_effects(void)
{
	struct lapic_state fresh, after;
	unsigned int i, bad = 0;

	for (i = 0; i < 0x40; i++)
		bad += lapic_reg_needs_time(i) !=
		       (i == LAPIC_SVR || i == LAPIC_LVT_TIMER || i == LAPIC_TMICT ||
			i == LAPIC_TMCCT || i == LAPIC_TDCR || (i > LAPIC_TMCCT && i < LAPIC_TDCR));
	ok_eq(bad, 0, "the registers that look at clocks");

	power_on(0, ALL_FEATURES);
	wr(LAPIC_SVR, 0x1ff);
	ok(out.what & LAPIC_DO_MODE, "enabling is a change of mode");
	wr(LAPIC_SVR, 0xff);
	ok_eq(out.what, LAPIC_DO_MODE | LAPIC_DO_TIMER, "disabling too, and stops the timer");
	ok(x2_wr(LAPIC_SELF_IPI, 0x40), "no SELF IPI in xAPIC mode");
	enter_x2apic();
	x2_wr(LAPIC_SELF_IPI, 0x40);
	ok_eq(lapic_highest_irr(&l), -1, "SELF IPI to a software-disabled LAPIC is lost");
	x2_wr(LAPIC_SVR, 0x1ff);
	accept(APIC_DELIVER_FIXED, 0x10, APIC_MSG_LEVEL);
	ok_eq(lapic_pending(&l), 0x10, "16 is the first legal vector");
	x2_wr(LAPIC_SELF_IPI, 0x10);
	ok_eq(l.tmr.w[0], 0, "SELF IPI is an edge");
	x2_wr(LAPIC_LVT_LINT0, 0x700);
	ok(out.what & LAPIC_DO_IRQ, "opening LINT0 to the i8259 asks for attention");
	x2_wr(LAPIC_LVT_TIMER, 0x61);
	ok(out.what & LAPIC_DO_TIMER, "a write to the LVT timer entry concerns the timer");
	x2_wr(LAPIC_TDCR, 0xb);
	ok(out.what & LAPIC_DO_TIMER, "a write to the divider too");
	memset(&out, 0, sizeof(out));
	lapic_base_write(&l, 0xfee00000, &out);
	ok_eq(out.what, LAPIC_DO_MODE | LAPIC_DO_TIMER, "disabling by base stops the timer");
	lapic_lint(&l, 0, true, &out);
	ok(out.what & LAPIC_DO_EXTINT, "disabled: LINT0's edge is ExtINT");
	memset(&out, 0, sizeof(out));
	lapic_lint(&l, 0, true, &out);
	ok_eq(out.what, 0, "and no edge is nothing");

	power_on(0, ALL_FEATURES);
	software_enable();
	ok(accept(APIC_DELIVER_EXTINT, 0, 0) && out.what == (LAPIC_DO_EXTINT | LAPIC_DO_IRQ),
	   "an ExtINT message");
	wr(LAPIC_LVT_LINT1, 0x500);
	lapic_lint(&l, 1, true, &out);
	ok(out.what & LAPIC_DO_INIT, "LINT1 can be INIT");
	wr(LAPIC_LVT_LINT0, 0x700);
	memset(&out, 0, sizeof(out));
	lapic_lint(&l, 0, true, &out);
	ok_eq(out.what, LAPIC_DO_EXTINT | LAPIC_DO_IRQ, "an edge at LINT0 as ExtINT");
	wr(LAPIC_LVT_PERF, 0x200);
	memset(&out, 0, sizeof(out));
	lapic_pmi(&l, &out);
	ok(!out.what && rd(LAPIC_LVT_PERF) == 0x200, "SMI goes nowhere and masks nothing");
	wr(LAPIC_LVT_LINT0, 0x8400);
	lapic_lint(&l, 0, false, &out);
	memset(&out, 0, sizeof(out));
	lapic_lint(&l, 0, true, &out);
	ok(out.what == LAPIC_DO_NMI && rd(LAPIC_LVT_LINT0) == 0x8400,
	   "NMI at LINT0 is an edge whatever the trigger bit");

	power_on(0, ALL_FEATURES);
	software_enable();
	for (i = LAPIC_LVT_THERMAL; i <= LAPIC_LVT_ERROR; i++)
		wr(i, 0x30 + i);
	wr(LAPIC_LVT_TIMER, 0x62);
	wr(LAPIC_TMICT, 1);
	now.ns += 100;
	lapic_timer_run(&l, now, &out);
	lapic_pmi(&l, &out);
	lapic_lint(&l, 0, true, &out);
	rd(0);
	for (i = 0; i < 4; i++)
		bad += l.tmr.w[i] != 0;
	ok_eq(hweight64(l.irr.w[1]), 4, "timer, counter, LINT0 and error");
	ok_eq(bad, 0, "are edges");

	power_on(0, ALL_FEATURES);
	software_enable();
	wr(LAPIC_LVT_LINT0, 0x8050);
	lapic_lint(&l, 0, true, &out);
	lapic_ack(&l);
	accept(APIC_DELIVER_FIXED, 0x60, APIC_MSG_LEVEL);
	lapic_ack(&l);
	lapic_eoi(&l, &out);
	ok_eq(rd(LAPIC_LVT_LINT0), 0xc050, "another vector's EOI leaves LINT0's remote IRR");
	wr(LAPIC_ICR2, 0x07000000);
	wr(LAPIC_ICR, 0x84131);
	ok(out.ipi.mode == APIC_DELIVER_FIXED, "lowest priority to all is fixed");
	ok_eq(lapic_mmio_read(&l, 0x34f, 4, now, &out), 0, "the gap behind a register reads zero");
	wr(LAPIC_TPR, 0xff);
	ok_eq(lapic_mmio_read(&l, 0x350, 1, now, &out), 0x50, "a byte is a byte");
	ok_eq(lapic_mmio_read(&l, 0x350, 2, now, &out), 0xc050, "two are two");

	/* INIT of a LAPIC with something in every register. */
	power_on(5, ALL_FEATURES);
	lapic_get_state(&l, &fresh);
	wr(LAPIC_SVR, 0x3aa);
	wr(LAPIC_LDR, 0x81000000);
	wr(LAPIC_DFR, 0);
	wr(LAPIC_TPR, 0x23);
	for (i = LAPIC_LVT_TIMER; i <= LAPIC_LVT_ERROR; i++)
		wr(i, 0x40);
	wr(LAPIC_TDCR, 3);
	wr(LAPIC_TMICT, 10000);
	accept(APIC_DELIVER_FIXED, 0xf2, APIC_MSG_LEVEL);
	lapic_ack(&l);
	accept(APIC_DELIVER_FIXED, 0x52, APIC_MSG_LEVEL);
	rd(0);
	wr(LAPIC_ESR, 0);
	rd(0);
	wr(LAPIC_ICR2, 0x12000000);
	wr(LAPIC_ICR, 0xc40f3);
	lapic_init(&l);
	lapic_get_state(&l, &after);
	ok_mem(&after, &fresh, sizeof(fresh), "INIT leaves the registers as power-up does");
	ok_eq(l.ppr, 0, "and PPR");
	wr(LAPIC_ID, 0x09000000);
	lapic_init(&l);
	ok_eq(rd(LAPIC_ID), 9 << 24, "INIT keeps the id");
	base_wr(0xfee00000);
	base_wr(0xfee00800);
	ok_eq(rd(LAPIC_ID), 5 << 24, "disabling does not");
}

int main(void)
{
	test_power_on();
	test_xapic_access();
	test_errors();
	test_base();
	test_x2apic();
	test_priorities();
	test_trigger();
	test_software_disable();
	test_icr();
	test_lvt();
	test_effects();
	return done();
}
