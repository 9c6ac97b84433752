/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A local APIC as a register machine: xAPIC and x2APIC (SDM vol. 3, chapter
 * "Advanced Programmable Interrupt Controller"; APM vol. 2, chapter 16).
 *
 * No clocks and no locks here. The caller holds one lock per LAPIC (in the
 * kernel: a raw spinlock per vCPU, because messages arrive from other CPUs)
 * around every function that takes a non-const struct lapic. What has to
 * happen elsewhere - IPIs to others, EOI messages to IOAPICs, a timer to be
 * set again - comes back in struct lapic_out and is done after that lock has
 * been dropped, so that no two of these locks nest.
 *
 * lapic_route() alone reads other LAPICs without their locks: it looks only at
 * @addr and @ppr, each one word that always holds a value that was true once.
 */
#ifndef FERRY_LIB_DEV_LAPIC_H
#define FERRY_LIB_DEV_LAPIC_H

#include "apic_msg.h"

#define LAPIC_DEFAULT_BASE 0xfee00000ULL
#define LAPIC_MMIO_SIZE	   0x1000
#define LAPIC_VERSION	   0x14

/* One tick of the timer's clock before the divider: a 1 GHz bus. */
#define LAPIC_TICK_NS 1

#define LAPIC_MSR_BASE	       0x1b
#define LAPIC_MSR_TSC_DEADLINE 0x6e0
#define LAPIC_MSR_X2_FIRST     0x800
#define LAPIC_MSR_X2_LAST      0x8ff

#define LAPIC_BASE_BSP	BIT_ULL(8)
#define LAPIC_BASE_EXTD BIT_ULL(10)
#define LAPIC_BASE_EN	BIT_ULL(11)

/* Registers by number: MMIO offset / 16, or x2APIC MSR - 0x800. */
enum lapic_reg {
	LAPIC_ID = 0x02,
	LAPIC_VER = 0x03,
	LAPIC_TPR = 0x08,
	LAPIC_APR = 0x09,
	LAPIC_PPR = 0x0a,
	LAPIC_EOI = 0x0b,
	LAPIC_RRD = 0x0c,
	LAPIC_LDR = 0x0d,
	LAPIC_DFR = 0x0e,
	LAPIC_SVR = 0x0f,
	LAPIC_ISR = 0x10,
	LAPIC_TMR = 0x18,
	LAPIC_IRR = 0x20,
	LAPIC_ESR = 0x28,
	LAPIC_ICR = 0x30,
	LAPIC_ICR2 = 0x31,
	LAPIC_LVT_TIMER = 0x32,
	LAPIC_LVT_THERMAL = 0x33,
	LAPIC_LVT_PERF = 0x34,
	LAPIC_LVT_LINT0 = 0x35,
	LAPIC_LVT_LINT1 = 0x36,
	LAPIC_LVT_ERROR = 0x37,
	LAPIC_TMICT = 0x38,
	LAPIC_TMCCT = 0x39,
	LAPIC_TDCR = 0x3e,
	LAPIC_SELF_IPI = 0x3f,
	LAPIC_NR_REGS = 0x40,
};

#define LAPIC_NR_LVT 6

#define LAPIC_LVT_VECTOR	 0xff
#define LAPIC_LVT_REMOTE_IRR	 BIT(14)
#define LAPIC_LVT_LEVEL		 BIT(15)
#define LAPIC_LVT_MASKED	 BIT(16)
#define LAPIC_LVT_TIMER_MODE	 (3U << 17)
#define LAPIC_LVT_TIMER_PERIODIC (1U << 17)
#define LAPIC_LVT_TIMER_DEADLINE (2U << 17)

#define LAPIC_SVR_ENABLE       BIT(8)
#define LAPIC_SVR_FOCUS	       BIT(9)
#define LAPIC_SVR_EOI_SUPPRESS BIT(12)

#define LAPIC_ESR_SEND_VECTOR BIT(5)
#define LAPIC_ESR_RECV_VECTOR BIT(6)
#define LAPIC_ESR_ILLEGAL_REG BIT(7)

/* struct lapic_cfg.features */
#define LAPIC_HAS_X2APIC       BIT(0)
#define LAPIC_HAS_TSC_DEADLINE BIT(1)
#define LAPIC_HAS_EOI_SUPPRESS BIT(2)
#define LAPIC_VENDOR_AMD       BIT(3) /* BSC read-only; LVTPC not masked by its interrupt */

/**
 * struct lapic_cfg - what the policy says of this LAPIC; constant once the vCPU exists
 * @id: the APIC id after power-up, and the x2APIC id for ever
 * @features: LAPIC_HAS_*, LAPIC_VENDOR_AMD
 * @phys_bits: the guest's MAXPHYADDR
 * @bsp: bootstrap processor
 */
struct lapic_cfg {
	u32 id;
	u32 features;
	u8 phys_bits;
	bool bsp;
};

/**
 * struct lapic_now - the two clocks a LAPIC timer can follow
 * @ns: the VM's time: nanoseconds that stop while the VM is paused
 * @tsc: what the guest's RDTSC would read
 */
struct lapic_now {
	u64 ns;
	u64 tsc;
};

/* 256 bits by vector. */
struct lapic_vectors {
	u64 w[4];
};

/**
 * struct lapic - one local APIC
 * @addr: who I am on the bus, in one word; see lapic_addr() in lapic.c
 * @ppr: processor priority, kept current
 * @icr: the high half holds ICR2 (xAPIC: destination in bits 63:56) or the x2APIC destination
 * @esr: what the guest reads
 * @esr_pending: errors since the guest last wrote the ESR
 * @expiry_ns: VM time at which the count reaches zero; 0 while it stands still
 * @lines: level of the LINT0 and LINT1 inputs
 */
struct lapic {
	struct lapic_cfg cfg;
	u64 addr;
	u64 base;
	u32 id;
	u32 tpr;
	u32 ppr;
	u32 ldr;
	u32 dfr;
	u32 svr;
	u32 esr;
	u32 esr_pending;
	u64 icr;
	u32 lvt[LAPIC_NR_LVT];
	u32 tmict;
	u32 tdcr;
	struct lapic_vectors irr;
	struct lapic_vectors isr;
	struct lapic_vectors tmr;
	u64 expiry_ns;
	u64 tsc_deadline;
	u8 lines;
};

/* struct lapic_out.what */
#define LAPIC_DO_IRQ	BIT(0) /* an interrupt may have become deliverable: lapic_pending() */
#define LAPIC_DO_IPI	BIT(1) /* route @ipi */
#define LAPIC_DO_EOI	BIT(2) /* tell the IOAPICs about @eoi_vector */
#define LAPIC_DO_TIMER	BIT(3) /* ask lapic_timer_next() again */
#define LAPIC_DO_MODE	BIT(4) /* base, enable or x2APIC mode changed: MMIO window, CPUID bits */
#define LAPIC_DO_NMI	BIT(5)
#define LAPIC_DO_INIT	BIT(6)
#define LAPIC_DO_SIPI	BIT(7) /* start page in @sipi_vector */
#define LAPIC_DO_EXTINT BIT(8) /* take the vector from the i8259 */
#define LAPIC_DO_TPR	BIT(9) /* CR8 has another value */

/**
 * struct lapic_out - what an operation asks of its caller
 * @what: LAPIC_DO_*; the operations only ever add to it
 */
struct lapic_out {
	u32 what;
	u8 eoi_vector;
	u8 sipi_vector;
	struct apic_msg ipi;
};

/**
 * struct lapic_state - a LAPIC at rest: state group and wire format
 *
 * Times are as in struct lapic_now, so a VM whose clocks go on from where they stopped needs no
 * adjustment here.
 */
struct lapic_state {
	u64 base;
	u64 icr;
	u64 expiry_ns;
	u64 tsc_deadline;
	u64 irr[4];
	u64 isr[4];
	u64 tmr[4];
	u32 id;
	u32 tpr;
	u32 ldr;
	u32 dfr;
	u32 svr;
	u32 esr;
	u32 esr_pending;
	u32 tmict;
	u32 tdcr;
	u32 lines;
	u32 lvt[LAPIC_NR_LVT];
};

static_assert(sizeof(struct lapic_state) == 192, "no padding, no surprise");

/* What lapic_timer_next() answers. */
enum lapic_clock { LAPIC_CLOCK_NONE, LAPIC_CLOCK_NS, LAPIC_CLOCK_TSC };

void lapic_power_on(struct lapic *l, const struct lapic_cfg *cfg);
void lapic_init(struct lapic *l);
void lapic_virtual_wire(struct lapic *l);

/* Registers; lapic_reg.c */
bool lapic_reg_needs_time(unsigned int reg);
u32 lapic_mmio_read(struct lapic *l, unsigned int offset, unsigned int len, struct lapic_now now,
		    struct lapic_out *out);
void lapic_mmio_write(struct lapic *l, unsigned int offset, unsigned int len, u32 val,
		      struct lapic_now now, struct lapic_out *out);
int lapic_x2_read(struct lapic *l, u32 msr, u64 *val, struct lapic_now now);
int lapic_x2_write(struct lapic *l, u32 msr, u64 val, struct lapic_now now, struct lapic_out *out);
int lapic_base_write(struct lapic *l, u64 val, struct lapic_out *out);
u64 lapic_deadline_read(const struct lapic *l, struct lapic_now now);
void lapic_deadline_write(struct lapic *l, u64 val, struct lapic_now now, struct lapic_out *out);
void lapic_tpr_write(struct lapic *l, u32 tpr, struct lapic_out *out);

/* Interrupts in and out */
bool lapic_accept(struct lapic *l, const struct apic_msg *m, struct lapic_out *out);
void lapic_lint(struct lapic *l, unsigned int pin, bool level, struct lapic_out *out);
void lapic_pmi(struct lapic *l, struct lapic_out *out);
bool lapic_takes_extint(const struct lapic *l);
int lapic_pending(const struct lapic *l);
int lapic_highest_irr(const struct lapic *l);
int lapic_ack(struct lapic *l);
void lapic_eoi(struct lapic *l, struct lapic_out *out);

/* Timer */
enum lapic_clock lapic_timer_next(const struct lapic *l, u64 *at);
bool lapic_timer_run(struct lapic *l, struct lapic_now now, struct lapic_out *out);

/* Who receives a message; lapic_route.c */
bool lapic_matches(u64 addr, const struct apic_msg *m);
unsigned int lapic_route(const struct lapic *const *set, unsigned int nr, unsigned int from,
			 const struct apic_msg *m, u32 *turn, u64 *to);

/* State */
void lapic_get_state(const struct lapic *l, struct lapic_state *s);
int lapic_set_state(struct lapic *l, const struct lapic_state *s);

static inline bool lapic_hw_enabled(const struct lapic *l)
{
	return l->base & LAPIC_BASE_EN;
}

static inline bool lapic_x2apic(const struct lapic *l)
{
	return l->base & LAPIC_BASE_EXTD;
}

static inline bool lapic_sw_enabled(const struct lapic *l)
{
	return lapic_hw_enabled(l) && (l->svr & LAPIC_SVR_ENABLE);
}

/**
 * lapic_mmio_hit() - does a guest-physical access fall into this LAPIC's register page?
 * @l: the LAPIC of the vCPU that makes the access; every vCPU sees its own
 * @gpa: guest-physical address
 */
static inline bool lapic_mmio_hit(const struct lapic *l, u64 gpa)
{
	return (l->base & (LAPIC_BASE_EN | LAPIC_BASE_EXTD)) == LAPIC_BASE_EN &&
	       (gpa & ~0xfffULL) == (l->base & ~0xfffULL);
}

/* Shared by the lapic*.c files; not for others. */
void lapic_refresh_addr(struct lapic *l);
void lapic_refresh_ppr(struct lapic *l);
bool lapic_set_irr(struct lapic *l, u8 vector, bool level, struct lapic_out *out);
void lapic_error(struct lapic *l, u32 bit, struct lapic_out *out);
void lapic_lint_recheck(struct lapic *l, struct lapic_out *out);
void lapic_disable(struct lapic *l);
u32 lapic_timer_count(const struct lapic *l, struct lapic_now now);
void lapic_timer_start(struct lapic *l, u32 count, struct lapic_now now);
bool lapic_base_valid(const struct lapic_cfg *cfg, u64 val);
u64 lapic_icr_mask(bool x2apic);
u32 lapic_svr_mask(const struct lapic_cfg *cfg);
u32 lapic_lvt_mask(const struct lapic_cfg *cfg, enum lapic_reg reg);

static inline u32 *lapic_lvt(struct lapic *l, enum lapic_reg reg)
{
	return &l->lvt[reg - LAPIC_LVT_TIMER];
}

#endif /* FERRY_LIB_DEV_LAPIC_H */
