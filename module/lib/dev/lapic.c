// SPDX-License-Identifier: GPL-2.0-only
/*
 * Local APIC: interrupts in and out, priorities, timer, reset and state. The
 * registers are in lapic_reg.c, destination matching in lapic_route.c. The
 * locking rule is in lapic.h; nothing here takes a lock.
 */
#include "lapic.h"

static bool vec_test(const struct lapic_vectors *v, u8 n)
{
	return v->w[n >> 6] & BIT_ULL(n & 63);
}

static void vec_set(struct lapic_vectors *v, u8 n)
{
	v->w[n >> 6] |= BIT_ULL(n & 63);
}

static void vec_clear(struct lapic_vectors *v, u8 n)
{
	v->w[n >> 6] &= ~BIT_ULL(n & 63);
}

static int vec_highest(const struct lapic_vectors *v)
{
	int i;

	for (i = 3; i >= 0; i--)
		if (v->w[i])
			return i * 64 + fls64(v->w[i]) - 1;
	return -1;
}

/* Processor priority: SDM vol. 3, "Task and Processor Priorities". */
void lapic_refresh_ppr(struct lapic *l)
{
	int isrv = vec_highest(&l->isr);
	u32 ppr = l->tpr;

	if (isrv >= 0 && ((u32)isrv & 0xf0) > (ppr & 0xf0))
		ppr = isrv & 0xf0;
	WRITE_ONCE(l->ppr, ppr);
}

/**
 * lapic_highest_irr() - the highest vector that waits, whatever the priorities say
 * @l: the LAPIC
 *
 * Return: the vector, or -1.
 */
int lapic_highest_irr(const struct lapic *l)
{
	return vec_highest(&l->irr);
}

/**
 * lapic_pending() - the vector the processor would be given now
 * @l: the LAPIC
 *
 * Return: the vector, or -1 if none is above the processor priority.
 */
int lapic_pending(const struct lapic *l)
{
	int irrv = vec_highest(&l->irr);

	if (irrv >= 0 && ((u32)irrv & 0xf0) > (l->ppr & 0xf0))
		return irrv;
	return -1;
}

/**
 * lapic_ack() - the processor takes the interrupt that lapic_pending() reports
 * @l: the LAPIC
 *
 * Return: the vector, now in service, or -1 if nothing is deliverable (any more).
 */
int lapic_ack(struct lapic *l)
{
	int vector = lapic_pending(l);

	if (vector < 0)
		return -1;
	vec_clear(&l->irr, vector);
	vec_set(&l->isr, vector);
	lapic_refresh_ppr(l);
	return vector;
}

bool lapic_set_irr(struct lapic *l, u8 vector, bool level, struct lapic_out *out)
{
	if (vector < 16) {
		lapic_error(l, LAPIC_ESR_RECV_VECTOR, out);
		return false;
	}
	/* One that waits already has asked for attention. */
	if (!vec_test(&l->irr, vector))
		out->what |= LAPIC_DO_IRQ;
	vec_set(&l->irr, vector);
	if (level)
		vec_set(&l->tmr, vector);
	else
		vec_clear(&l->tmr, vector);
	return true;
}

/* An event of a local source; the LVT entry says what becomes of it. */
static bool lvt_fire(struct lapic *l, enum lapic_reg reg, bool level, struct lapic_out *out)
{
	u32 lvt = *lapic_lvt(l, reg);

	if (!lapic_hw_enabled(l) || (lvt & LAPIC_LVT_MASKED))
		return false;

	switch ((lvt >> 8) & 7) {
	case APIC_DELIVER_FIXED:
		return lapic_set_irr(l, lvt & LAPIC_LVT_VECTOR, level, out);
	case APIC_DELIVER_NMI:
		out->what |= LAPIC_DO_NMI;
		return true;
	case APIC_DELIVER_INIT:
		out->what |= LAPIC_DO_INIT;
		return true;
	case APIC_DELIVER_EXTINT:
		out->what |= LAPIC_DO_EXTINT | LAPIC_DO_IRQ;
		return true;
	default: /* SMI: there is no system management mode; the others are reserved */
		return false;
	}
}

/*
 * SDM vol. 3, "Error Handling": the error interrupt is armed again only by a
 * write to the ESR, so it fires once per batch of errors. That also ends the
 * recursion when the error LVT's own vector is an illegal one.
 */
void lapic_error(struct lapic *l, u32 bit, struct lapic_out *out)
{
	bool armed = !l->esr_pending;

	l->esr_pending |= bit;
	if (armed)
		lvt_fire(l, LAPIC_LVT_ERROR, false, out);
}

/* Only LINT0 can be level-triggered, and only in fixed mode. */
static bool lint_is_level(const struct lapic *l, unsigned int pin)
{
	u32 lvt = l->lvt[LAPIC_LVT_LINT0 - LAPIC_LVT_TIMER];

	return pin == 0 && (lvt & LAPIC_LVT_LEVEL) && ((lvt >> 8) & 7) == APIC_DELIVER_FIXED;
}

/* The level-triggered LINT0 asks again whenever it may: after EOI, unmasking or a new level. */
void lapic_lint_recheck(struct lapic *l, struct lapic_out *out)
{
	u32 *lvt = lapic_lvt(l, LAPIC_LVT_LINT0);

	if (!lint_is_level(l, 0)) {
		*lvt &= ~LAPIC_LVT_REMOTE_IRR;
		return;
	}
	if ((l->lines & BIT(0)) && !(*lvt & LAPIC_LVT_REMOTE_IRR) &&
	    lvt_fire(l, LAPIC_LVT_LINT0, true, out))
		*lvt |= LAPIC_LVT_REMOTE_IRR;
}

/**
 * lapic_lint() - a level at a local interrupt pin
 * @l: the LAPIC
 * @pin: 0 or 1
 * @level: the new level
 * @out: [OUT]
 *
 * With the APIC disabled by IA32_APIC_BASE the pins are INTR and NMI. The i8259's output needs no
 * call here where the caller asks lapic_takes_extint() instead.
 */
void lapic_lint(struct lapic *l, unsigned int pin, bool level, struct lapic_out *out)
{
	bool was = l->lines & BIT(pin);

	l->lines = level ? l->lines | BIT(pin) : l->lines & ~BIT(pin);
	if (!lapic_hw_enabled(l)) {
		if (level && !was)
			out->what |= pin ? LAPIC_DO_NMI : LAPIC_DO_EXTINT | LAPIC_DO_IRQ;
		return;
	}
	if (lint_is_level(l, pin))
		lapic_lint_recheck(l, out);
	else if (level && !was)
		lvt_fire(l, LAPIC_LVT_LINT0 + pin, false, out);
}

/**
 * lapic_takes_extint() - does the i8259's INT output reach this processor?
 * @l: the LAPIC
 */
bool lapic_takes_extint(const struct lapic *l)
{
	u32 lvt = l->lvt[LAPIC_LVT_LINT0 - LAPIC_LVT_TIMER];

	return !lapic_hw_enabled(l) ||
	       (!(lvt & LAPIC_LVT_MASKED) && ((lvt >> 8) & 7) == APIC_DELIVER_EXTINT);
}

/**
 * lapic_pmi() - a performance counter overflowed
 * @l: the LAPIC
 * @out: [OUT]
 *
 * Intel masks the entry when it delivers (SDM vol. 3, "Generating an Interrupt on Overflow"), AMD
 * does not; the guest's vendor decides.
 */
void lapic_pmi(struct lapic *l, struct lapic_out *out)
{
	if (lvt_fire(l, LAPIC_LVT_PERF, false, out) && !(l->cfg.features & LAPIC_VENDOR_AMD))
		*lapic_lvt(l, LAPIC_LVT_PERF) |= LAPIC_LVT_MASKED;
}

/**
 * lapic_accept() - take a message that lapic_route() found to be for this LAPIC
 * @l: the LAPIC
 * @m: the message
 * @out: [OUT]
 *
 * A software-disabled LAPIC takes INIT, NMI and SIPI only (SDM vol. 3, "Local APIC State After It
 * Has Been Software Disabled").
 *
 * Return: true if the message had an effect or met one that already waits.
 */
bool lapic_accept(struct lapic *l, const struct apic_msg *m, struct lapic_out *out)
{
	if (!lapic_hw_enabled(l))
		return false;

	switch (m->mode) {
	case APIC_DELIVER_FIXED:
	case APIC_DELIVER_LOWEST:
		if (!(l->svr & LAPIC_SVR_ENABLE))
			return false;
		return lapic_set_irr(l, m->vector, m->flags & APIC_MSG_LEVEL, out);
	case APIC_DELIVER_NMI:
		out->what |= LAPIC_DO_NMI;
		return true;
	case APIC_DELIVER_INIT:
		out->what |= LAPIC_DO_INIT;
		return true;
	case APIC_DELIVER_SIPI:
		out->what |= LAPIC_DO_SIPI;
		out->sipi_vector = m->vector;
		return true;
	case APIC_DELIVER_EXTINT:
		if (!(l->svr & LAPIC_SVR_ENABLE))
			return false;
		out->what |= LAPIC_DO_EXTINT | LAPIC_DO_IRQ;
		return true;
	default:
		return false;
	}
}

/**
 * lapic_eoi() - end of the interrupt in service with the highest priority
 * @l: the LAPIC
 * @out: [OUT]
 */
void lapic_eoi(struct lapic *l, struct lapic_out *out)
{
	int vector = vec_highest(&l->isr);
	u32 *lint0 = lapic_lvt(l, LAPIC_LVT_LINT0);

	if (vector < 0)
		return;
	vec_clear(&l->isr, vector);
	lapic_refresh_ppr(l);
	if (vec_test(&l->tmr, vector)) {
		if (!(l->svr & LAPIC_SVR_EOI_SUPPRESS)) {
			out->what |= LAPIC_DO_EOI;
			out->eoi_vector = vector;
		}
		if ((*lint0 & LAPIC_LVT_REMOTE_IRR) && (*lint0 & LAPIC_LVT_VECTOR) == (u32)vector) {
			*lint0 &= ~LAPIC_LVT_REMOTE_IRR;
			lapic_lint_recheck(l, out);
		}
	}
	if (lapic_pending(l) >= 0)
		out->what |= LAPIC_DO_IRQ;
}

/**
 * lapic_tpr_write() - set the task priority; CR8 is bits 7:4 of it
 * @l: the LAPIC
 * @tpr: new value, 8 bits
 * @out: [OUT]
 */
void lapic_tpr_write(struct lapic *l, u32 tpr, struct lapic_out *out)
{
	if ((l->tpr ^ tpr) & 0xf0)
		out->what |= LAPIC_DO_TPR;
	l->tpr = tpr & 0xff;
	lapic_refresh_ppr(l);
	if (lapic_pending(l) >= 0)
		out->what |= LAPIC_DO_IRQ;
}

/* Timer */

static u32 timer_mode(const struct lapic *l)
{
	return l->lvt[0] & LAPIC_LVT_TIMER_MODE;
}

static bool timer_masked(const struct lapic *l)
{
	return (l->lvt[0] & LAPIC_LVT_MASKED) || !lapic_hw_enabled(l);
}

/**
 * lapic_timer_next() - when does lapic_timer_run() have to be called?
 * @l: the LAPIC
 * @at: [OUT] the time on that clock; may have passed already
 *
 * A masked timer needs no call: it counts on and is brought up to date when the guest looks.
 */
enum lapic_clock lapic_timer_next(const struct lapic *l, u64 *at)
{
	if (timer_masked(l))
		return LAPIC_CLOCK_NONE;
	if (l->tsc_deadline) {
		*at = l->tsc_deadline;
		return LAPIC_CLOCK_TSC;
	}
	if (l->expiry_ns) {
		*at = l->expiry_ns;
		return LAPIC_CLOCK_NS;
	}
	return LAPIC_CLOCK_NONE;
}

/* Nanoseconds per count: SDM vol. 3, "Divide Configuration Register". */
static u64 timer_tick(const struct lapic *l)
{
	u32 code = (l->tdcr & 3) | ((l->tdcr & 8) >> 1);

	return (u64)LAPIC_TICK_NS << ((code + 1) & 7);
}

static u64 timer_period(const struct lapic *l)
{
	return l->tmict * timer_tick(l);
}

/**
 * lapic_timer_run() - let the timer expire if its time has come
 * @l: the LAPIC
 * @now: both clocks
 * @out: [OUT]
 *
 * Periods that passed unnoticed count as one interrupt, as they would where the first still waits
 * in the IRR.
 *
 * Return: true if it expired.
 */
bool lapic_timer_run(struct lapic *l, struct lapic_now now, struct lapic_out *out)
{
	u64 period;

	if (l->tsc_deadline) {
		if (now.tsc < l->tsc_deadline)
			return false;
		l->tsc_deadline = 0;
	} else if (l->expiry_ns) {
		if (now.ns < l->expiry_ns)
			return false;
		period = timer_period(l);
		if (timer_mode(l) == LAPIC_LVT_TIMER_PERIODIC)
			l->expiry_ns += (div64_u64(now.ns - l->expiry_ns, period) + 1) * period;
		else
			l->expiry_ns = 0;
	} else {
		return false;
	}
	lvt_fire(l, LAPIC_LVT_TIMER, false, out);
	return true;
}

/* The current-count register. */
u32 lapic_timer_count(const struct lapic *l, struct lapic_now now)
{
	u64 left, period, rem;

	if (!l->expiry_ns)
		return 0;
	if (l->expiry_ns > now.ns) {
		left = l->expiry_ns - now.ns;
	} else if (timer_mode(l) == LAPIC_LVT_TIMER_PERIODIC) {
		period = timer_period(l);
		rem = now.ns - l->expiry_ns;
		left = period - (rem - div64_u64(rem, period) * period);
	} else {
		return 0;
	}
	/* Rounded up: the count is 0 only once the timer has expired. */
	left = div64_u64(left + timer_tick(l) - 1, timer_tick(l));
	return min_t(u64, left, l->tmict);
}

void lapic_timer_start(struct lapic *l, u32 count, struct lapic_now now)
{
	l->expiry_ns = count ? now.ns + count * timer_tick(l) : 0;
}

/**
 * lapic_deadline_read() - RDMSR of IA32_TSC_DEADLINE
 * @l: the LAPIC
 * @now: both clocks
 *
 * Return: the deadline that is armed; 0 once it has passed, and in other modes.
 */
u64 lapic_deadline_read(const struct lapic *l, struct lapic_now now)
{
	return now.tsc < l->tsc_deadline ? l->tsc_deadline : 0;
}

/**
 * lapic_deadline_write() - WRMSR to IA32_TSC_DEADLINE
 * @l: the LAPIC
 * @val: guest TSC value; 0 disarms
 * @now: both clocks
 * @out: [OUT]
 *
 * SDM vol. 3, "TSC-Deadline Mode": ignored in other modes; a deadline that has passed fires at
 * once.
 */
void lapic_deadline_write(struct lapic *l, u64 val, struct lapic_now now, struct lapic_out *out)
{
	if (timer_mode(l) != LAPIC_LVT_TIMER_DEADLINE || !lapic_hw_enabled(l))
		return;
	/* The old deadline may have passed before this write, unseen because it was masked. */
	lapic_timer_run(l, now, out);
	l->tsc_deadline = val;
	lapic_timer_run(l, now, out);
	out->what |= LAPIC_DO_TIMER;
}

/* Reset and state */

/* What power-up and INIT have in common: SDM vol. 3, "Local APIC Status and Location". */
static void reset_registers(struct lapic *l)
{
	unsigned int i;

	l->tpr = 0;
	l->ldr = 0;
	l->dfr = ~0U;
	l->svr = 0xff;
	l->esr = 0;
	l->esr_pending = 0;
	l->icr = 0;
	for (i = 0; i < LAPIC_NR_LVT; i++)
		l->lvt[i] = LAPIC_LVT_MASKED;
	l->tmict = 0;
	l->tdcr = 0;
	memset(&l->irr, 0, sizeof(l->irr));
	memset(&l->isr, 0, sizeof(l->isr));
	memset(&l->tmr, 0, sizeof(l->tmr));
	l->expiry_ns = 0;
	l->tsc_deadline = 0;
	lapic_refresh_ppr(l);
}

/**
 * lapic_power_on() - the state after power-up or RESET
 * @l: the LAPIC
 * @cfg: copied
 */
void lapic_power_on(struct lapic *l, const struct lapic_cfg *cfg)
{
	memset(l, 0, sizeof(*l));
	l->cfg = *cfg;
	l->base = LAPIC_DEFAULT_BASE | LAPIC_BASE_EN | (cfg->bsp ? LAPIC_BASE_BSP : 0);
	l->id = cfg->id & 0xff;
	reset_registers(l);
	lapic_refresh_addr(l);
}

/**
 * lapic_init() - the state after INIT: mode, base and APIC id stay
 * @l: the LAPIC
 */
void lapic_init(struct lapic *l)
{
	reset_registers(l);
	lapic_refresh_addr(l);
}

/**
 * lapic_virtual_wire() - the state firmware hands to an operating system
 * @l: the bootstrap processor's LAPIC, just powered on
 *
 * MultiProcessor Specification 1.4, 3.6.2.2: enabled, LINT0 passes the i8259 through, LINT1 is the
 * NMI. A kernel that is started without firmware and without APIC support relies on it.
 */
void lapic_virtual_wire(struct lapic *l)
{
	l->svr |= LAPIC_SVR_ENABLE;
	*lapic_lvt(l, LAPIC_LVT_LINT0) = APIC_DELIVER_EXTINT << 8;
	*lapic_lvt(l, LAPIC_LVT_LINT1) = APIC_DELIVER_NMI << 8;
	lapic_refresh_addr(l);
}

/* A mode change that ends in "disabled" forgets everything but the base: SDM, "x2APIC States". */
void lapic_disable(struct lapic *l)
{
	l->id = l->cfg.id & 0xff;
	reset_registers(l);
}

/**
 * lapic_get_state() - take the state of a LAPIC that nobody is using
 * @l: the LAPIC
 * @s: [OUT]
 */
void lapic_get_state(const struct lapic *l, struct lapic_state *s)
{
	memset(s, 0, sizeof(*s));
	s->base = l->base;
	s->icr = l->icr;
	s->expiry_ns = l->expiry_ns;
	s->tsc_deadline = l->tsc_deadline;
	memcpy(s->irr, l->irr.w, sizeof(s->irr));
	memcpy(s->isr, l->isr.w, sizeof(s->isr));
	memcpy(s->tmr, l->tmr.w, sizeof(s->tmr));
	s->id = l->id;
	s->tpr = l->tpr;
	s->ldr = l->ldr;
	s->dfr = l->dfr;
	s->svr = l->svr;
	s->esr = l->esr;
	s->esr_pending = l->esr_pending;
	s->tmict = l->tmict;
	s->tdcr = l->tdcr;
	s->lines = l->lines;
	memcpy(s->lvt, l->lvt, sizeof(s->lvt));
}

/* Everything that the register writes keep true of a LAPIC. */
static bool state_valid(const struct lapic *l, const struct lapic_state *s)
{
	const u32 errors = LAPIC_ESR_SEND_VECTOR | LAPIC_ESR_RECV_VECTOR | LAPIC_ESR_ILLEGAL_REG;
	bool x2 = s->base & LAPIC_BASE_EXTD;
	u32 mode = s->lvt[0] & LAPIC_LVT_TIMER_MODE;
	unsigned int i;

	if (!lapic_base_valid(&l->cfg, s->base))
		return false;
	if (x2 ? s->id != (l->cfg.id & 0xff) || s->ldr || s->dfr != ~0U :
		 s->id > 0xff || (s->ldr & 0xffffff) || (s->dfr | 0xf0000000) != ~0U)
		return false;
	if (s->icr & ~lapic_icr_mask(x2))
		return false;
	if (s->tpr > 0xff || (s->svr & ~lapic_svr_mask(&l->cfg)) || (s->tdcr & ~0xbU) ||
	    ((s->esr | s->esr_pending) & ~errors) || s->lines > 3)
		return false;
	for (i = 0; i < LAPIC_NR_LVT; i++) {
		if (s->lvt[i] & ~lapic_lvt_mask(&l->cfg, LAPIC_LVT_TIMER + i))
			return false;
		if (!(s->svr & LAPIC_SVR_ENABLE) && !(s->lvt[i] & LAPIC_LVT_MASKED))
			return false;
	}
	if ((s->irr[0] | s->isr[0] | s->tmr[0]) & 0xffff)
		return false;
	if (s->tsc_deadline && mode != LAPIC_LVT_TIMER_DEADLINE)
		return false;
	if (mode == LAPIC_LVT_TIMER_DEADLINE && (s->expiry_ns || s->tmict))
		return false;
	/* A count in progress ends within its longest period; periods are multiples of tmict. */
	return !s->expiry_ns || (s->tmict && s->expiry_ns <= S64_MAX);
}

/**
 * lapic_set_state() - load a state that may come from anywhere
 * @l: the LAPIC, configured for the same guest
 * @s: the state
 *
 * Return: 0, or -EINVAL for a state that no LAPIC of this configuration can have; then nothing has
 * changed.
 */
int lapic_set_state(struct lapic *l, const struct lapic_state *s)
{
	if (!state_valid(l, s))
		return -EINVAL;
	l->base = s->base;
	l->icr = s->icr;
	l->expiry_ns = s->expiry_ns;
	l->tsc_deadline = s->tsc_deadline;
	memcpy(l->irr.w, s->irr, sizeof(s->irr));
	memcpy(l->isr.w, s->isr, sizeof(s->isr));
	memcpy(l->tmr.w, s->tmr, sizeof(s->tmr));
	l->id = s->id;
	l->tpr = s->tpr;
	l->ldr = s->ldr;
	l->dfr = s->dfr;
	l->svr = s->svr;
	l->esr = s->esr;
	l->esr_pending = s->esr_pending;
	l->tmict = s->tmict;
	l->tdcr = s->tdcr;
	l->lines = s->lines;
	memcpy(l->lvt, s->lvt, sizeof(s->lvt));
	lapic_refresh_ppr(l);
	lapic_refresh_addr(l);
	return 0;
}
