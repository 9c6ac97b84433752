// SPDX-License-Identifier: GPL-2.0-only
/*
 * Local APIC registers: the xAPIC's page, the x2APIC's MSRs and
 * IA32_APIC_BASE. The locking rule is in lapic.h.
 */
#include "lapic.h"

#define XR  BIT(0) /* xAPIC: readable */
#define XW  BIT(1) /* xAPIC: writable */
#define X2R BIT(2) /* x2APIC: RDMSR */
#define X2W BIT(3) /* x2APIC: WRMSR */
#define ALL (XR | XW | X2R | X2W)

/*
 * SDM vol. 3, "Local APIC Register Address Map" and "x2APIC Register Address
 * Space". Zero means reserved: an error in the ESR by MMIO, #GP by MSR. APR and
 * RRD are gone from current processors but read as zero there.
 */
static const u8 reg_access[LAPIC_NR_REGS] = {
	[LAPIC_ID] = XR | XW | X2R,
	[LAPIC_VER] = XR | X2R,
	[LAPIC_TPR] = ALL,
	[LAPIC_APR] = XR,
	[LAPIC_PPR] = XR | X2R,
	[LAPIC_EOI] = XW | X2W,
	[LAPIC_RRD] = XR,
	[LAPIC_LDR] = XR | XW | X2R,
	[LAPIC_DFR] = XR | XW,
	[LAPIC_SVR] = ALL,
	[LAPIC_ISR... LAPIC_ISR + 7] = XR | X2R,
	[LAPIC_TMR... LAPIC_TMR + 7] = XR | X2R,
	[LAPIC_IRR... LAPIC_IRR + 7] = XR | X2R,
	[LAPIC_ESR] = ALL,
	[LAPIC_ICR] = ALL,
	[LAPIC_ICR2] = XR | XW,
	[LAPIC_LVT_TIMER... LAPIC_LVT_ERROR] = ALL,
	[LAPIC_TMICT] = ALL,
	[LAPIC_TMCCT] = XR | X2R,
	[LAPIC_TDCR] = ALL,
	[LAPIC_SELF_IPI] = X2W,
};

/* Bits that can be written; bit 14 (remote IRR) and bit 12 (delivery status) are read-only. */
static const u32 lvt_writable[LAPIC_NR_LVT] = {
	0x500ff | BIT(17), /* timer: vector, mask, mode */
	0x107ff, /* thermal: vector, delivery mode, mask */
	0x107ff, /* performance counters */
	0x1a7ff, /* LINT0: and polarity, trigger */
	0x1a7ff, /* LINT1 */
	0x100ff, /* error */
};

#define LVT_STATUS BIT(12)
#define ICR_STATUS BIT(12)
/* Vector, delivery and destination mode, level, trigger, shorthand. */
#define ICR_LOW	  0xccfffULL
#define ICR_DEST  0xffffffff00000000ULL
#define ICR_DEST8 0xff00000000000000ULL

u64 lapic_icr_mask(bool x2apic)
{
	return (ICR_LOW & ~ICR_STATUS) | (x2apic ? ICR_DEST : ICR_DEST8);
}

u32 lapic_svr_mask(const struct lapic_cfg *cfg)
{
	u32 mask = 0xff | LAPIC_SVR_ENABLE | LAPIC_SVR_FOCUS;

	if (cfg->features & LAPIC_HAS_EOI_SUPPRESS)
		mask |= LAPIC_SVR_EOI_SUPPRESS;
	return mask;
}

static u32 lvt_write_mask(const struct lapic_cfg *cfg, enum lapic_reg reg)
{
	u32 mask = lvt_writable[reg - LAPIC_LVT_TIMER];

	if (reg == LAPIC_LVT_TIMER && !(cfg->features & LAPIC_HAS_TSC_DEADLINE))
		mask &= ~LAPIC_LVT_TIMER_DEADLINE;
	return mask;
}

/* Bits that can be set in an LVT entry at rest. */
u32 lapic_lvt_mask(const struct lapic_cfg *cfg, enum lapic_reg reg)
{
	return lvt_write_mask(cfg, reg) | (reg == LAPIC_LVT_LINT0 ? LAPIC_LVT_REMOTE_IRR : 0);
}

/* Version, number of LVT entries, EOI-broadcast suppression. */
static u32 version(const struct lapic *l)
{
	u32 v = LAPIC_VERSION | (LAPIC_NR_LVT - 1) << 16;

	return l->cfg.features & LAPIC_HAS_EOI_SUPPRESS ? v | BIT(24) : v;
}

static u32 x2_ldr(u32 id)
{
	return (id >> 4) << 16 | BIT(id & 15);
}

/**
 * lapic_reg_needs_time() - do accesses to this register look at the clocks?
 * @reg: number of the register
 *
 * Others may be given any struct lapic_now, so that a caller need not read clocks for an EOI.
 */
bool lapic_reg_needs_time(unsigned int reg)
{
	return reg == LAPIC_SVR || reg == LAPIC_LVT_TIMER ||
	       (reg >= LAPIC_TMICT && reg <= LAPIC_TDCR);
}

static u32 vec_word(const struct lapic_vectors *v, unsigned int i)
{
	return v->w[i / 2] >> (i & 1 ? 32 : 0);
}

static u32 reg_read(const struct lapic *l, unsigned int reg, struct lapic_now now)
{
	bool x2 = lapic_x2apic(l);

	switch (reg) {
	case LAPIC_ID:
		return x2 ? l->cfg.id : l->id << 24;
	case LAPIC_VER:
		return version(l);
	case LAPIC_TPR:
		return l->tpr;
	case LAPIC_PPR:
		return l->ppr;
	case LAPIC_LDR:
		return x2 ? x2_ldr(l->cfg.id) : l->ldr;
	case LAPIC_DFR:
		return l->dfr;
	case LAPIC_SVR:
		return l->svr;
	case LAPIC_ISR ... LAPIC_ISR + 7:
		return vec_word(&l->isr, reg - LAPIC_ISR);
	case LAPIC_TMR ... LAPIC_TMR + 7:
		return vec_word(&l->tmr, reg - LAPIC_TMR);
	case LAPIC_IRR ... LAPIC_IRR + 7:
		return vec_word(&l->irr, reg - LAPIC_IRR);
	case LAPIC_ESR:
		return l->esr;
	case LAPIC_ICR:
		return (u32)l->icr;
	case LAPIC_ICR2:
		return l->icr >> 32;
	case LAPIC_LVT_TIMER ... LAPIC_LVT_ERROR:
		return l->lvt[reg - LAPIC_LVT_TIMER];
	case LAPIC_TMICT:
		return l->tmict;
	case LAPIC_TMCCT:
		return lapic_timer_count(l, now);
	case LAPIC_TDCR:
		return l->tdcr;
	default: /* APR, RRD, EOI */
		return 0;
	}
}

static void svr_write(struct lapic *l, u32 val, struct lapic_now now, struct lapic_out *out)
{
	unsigned int i;

	l->svr = val & lapic_svr_mask(&l->cfg);
	if (!(val & LAPIC_SVR_ENABLE)) {
		lapic_timer_run(l, now, out);
		for (i = 0; i < LAPIC_NR_LVT; i++)
			l->lvt[i] |= LAPIC_LVT_MASKED;
		out->what |= LAPIC_DO_TIMER;
	}
	lapic_refresh_addr(l);
	out->what |= LAPIC_DO_MODE;
}

static void lvt_write(struct lapic *l, enum lapic_reg reg, u32 val, struct lapic_now now,
		      struct lapic_out *out)
{
	u32 *lvt = lapic_lvt(l, reg);
	u32 mask = lvt_write_mask(&l->cfg, reg);
	bool was_deadline;

	if (!(l->svr & LAPIC_SVR_ENABLE))
		val |= LAPIC_LVT_MASKED;
	val = (val & mask) | (*lvt & LAPIC_LVT_REMOTE_IRR);

	if (reg != LAPIC_LVT_TIMER) {
		*lvt = val;
		if (reg == LAPIC_LVT_LINT0) {
			lapic_lint_recheck(l, out);
			if (lapic_takes_extint(l))
				out->what |= LAPIC_DO_IRQ;
		}
		return;
	}

	/* What expired before this write did so under the old rules. */
	lapic_timer_run(l, now, out);
	was_deadline = (*lvt & LAPIC_LVT_TIMER_MODE) == LAPIC_LVT_TIMER_DEADLINE;
	*lvt = val;
	/* SDM: changing into or out of TSC-deadline mode disarms the timer. */
	if (was_deadline != ((val & LAPIC_LVT_TIMER_MODE) == LAPIC_LVT_TIMER_DEADLINE)) {
		l->tsc_deadline = 0;
		l->expiry_ns = 0;
		l->tmict = 0;
	}
	out->what |= LAPIC_DO_TIMER;
}

/*
 * SDM vol. 3, "Valid Combinations of Delivery Modes, Destination Shorthands
 * and Trigger Modes". To oneself only a fixed interrupt is defined; NMI works
 * on real parts and guests rely on it.
 */
static void icr_send(struct lapic *l, struct lapic_out *out)
{
	bool level = l->icr & BIT(15);
	struct apic_msg *m = &out->ipi;
	bool to_self;

	m->vector = l->icr & 0xff;
	m->mode = (l->icr >> 8) & 7;
	m->shorthand = (l->icr >> 18) & 3;
	m->flags = l->icr & BIT(11) ? APIC_MSG_LOGICAL : 0;
	if (lapic_x2apic(l)) {
		m->dest = l->icr >> 32;
		m->flags |= APIC_MSG_WIDE;
	} else {
		m->dest = l->icr >> 56;
	}
	to_self = m->shorthand == APIC_SHORT_SELF || m->shorthand == APIC_SHORT_ALL;

	switch (m->mode) {
	case APIC_DELIVER_FIXED:
	case APIC_DELIVER_LOWEST:
		if (m->vector < 16) {
			lapic_error(l, LAPIC_ESR_SEND_VECTOR, out);
			return;
		}
		/* "Lowest priority" of one, or of everybody, leaves nothing to arbitrate. */
		if (to_self)
			m->mode = APIC_DELIVER_FIXED;
		break;
	case APIC_DELIVER_NMI:
		break;
	case APIC_DELIVER_INIT:
		/* Level de-assert only synchronised arbitration ids, long ago. */
		if (level && !(l->icr & BIT(14)))
			return;
		fallthrough;
	case APIC_DELIVER_SIPI:
		if (to_self)
			return;
		break;
	default:
		return;
	}

	if (m->shorthand == APIC_SHORT_SELF) {
		lapic_accept(l, m, out);
		return;
	}
	out->what |= LAPIC_DO_IPI;
}

static void reg_write(struct lapic *l, unsigned int reg, u32 val, struct lapic_now now,
		      struct lapic_out *out)
{
	u32 count;

	switch (reg) {
	case LAPIC_ID:
		l->id = val >> 24;
		lapic_refresh_addr(l);
		break;
	case LAPIC_TPR:
		lapic_tpr_write(l, val, out);
		break;
	case LAPIC_EOI:
		lapic_eoi(l, out);
		break;
	case LAPIC_LDR:
		l->ldr = val & 0xff000000;
		lapic_refresh_addr(l);
		break;
	case LAPIC_DFR:
		l->dfr = val | 0x0fffffff;
		lapic_refresh_addr(l);
		break;
	case LAPIC_SVR:
		svr_write(l, val, now, out);
		break;
	case LAPIC_ESR:
		l->esr = l->esr_pending;
		l->esr_pending = 0;
		break;
	case LAPIC_ICR:
		l->icr = (l->icr & ICR_DEST) | (val & lapic_icr_mask(false));
		icr_send(l, out);
		break;
	case LAPIC_ICR2:
		l->icr = (u32)l->icr | (u64)(val & 0xff000000) << 32;
		break;
	case LAPIC_LVT_TIMER ... LAPIC_LVT_ERROR:
		lvt_write(l, reg, val, now, out);
		break;
	case LAPIC_TMICT:
		if ((*lapic_lvt(l, LAPIC_LVT_TIMER) & LAPIC_LVT_TIMER_MODE) ==
		    LAPIC_LVT_TIMER_DEADLINE)
			break;
		lapic_timer_run(l, now, out);
		l->tmict = val;
		lapic_timer_start(l, val, now);
		out->what |= LAPIC_DO_TIMER;
		break;
	case LAPIC_TDCR:
		lapic_timer_run(l, now, out);
		count = lapic_timer_count(l, now);
		l->tdcr = val & 0xb;
		if (count)
			lapic_timer_start(l, count, now);
		out->what |= LAPIC_DO_TIMER;
		break;
	}
}

/**
 * lapic_mmio_read() - read the register page (xAPIC mode)
 * @l: the reading vCPU's LAPIC
 * @offset: within the page
 * @len: bytes, 1 to 8
 * @now: both clocks, if lapic_reg_needs_time(@offset >> 4)
 * @out: [OUT] an access to a reserved register can raise the error interrupt
 *
 * Only aligned 32-bit accesses are defined. Narrower ones inside a register's first four bytes
 * give its bytes; everything else reads zero.
 */
u32 lapic_mmio_read(struct lapic *l, unsigned int offset, unsigned int len, struct lapic_now now,
		    struct lapic_out *out)
{
	unsigned int reg = offset >> 4, byte = offset & 0xf;
	u32 val;

	if (reg >= LAPIC_NR_REGS || !(reg_access[reg] & (XR | XW))) {
		lapic_error(l, LAPIC_ESR_ILLEGAL_REG, out);
		return 0;
	}
	if (byte >= 4)
		return 0;
	val = reg_read(l, reg, now) >> (byte * 8);
	if (len < 4)
		val &= (1U << (len * 8)) - 1;
	return val;
}

/**
 * lapic_mmio_write() - write the register page (xAPIC mode)
 * @l: the writing vCPU's LAPIC
 * @offset: within the page
 * @len: bytes; only 4 has an effect
 * @val: value
 * @now: both clocks, if lapic_reg_needs_time(@offset >> 4)
 * @out: [OUT]
 */
void lapic_mmio_write(struct lapic *l, unsigned int offset, unsigned int len, u32 val,
		      struct lapic_now now, struct lapic_out *out)
{
	unsigned int reg = offset >> 4;

	if (reg >= LAPIC_NR_REGS || !(reg_access[reg] & (XR | XW))) {
		lapic_error(l, LAPIC_ESR_ILLEGAL_REG, out);
		return;
	}
	if (len == 4 && !(offset & 0xf) && (reg_access[reg] & XW))
		reg_write(l, reg, val, now, out);
}

/**
 * lapic_x2_read() - RDMSR of 0x800..0x8ff
 * @l: the LAPIC
 * @msr: index
 * @val: [OUT]
 * @now: both clocks, if lapic_reg_needs_time(@msr - 0x800)
 *
 * Return: 0, or -EINVAL for #GP.
 */
int lapic_x2_read(struct lapic *l, u32 msr, u64 *val, struct lapic_now now)
{
	u32 reg = msr - LAPIC_MSR_X2_FIRST;

	if (!lapic_x2apic(l) || reg >= LAPIC_NR_REGS || !(reg_access[reg] & X2R))
		return -EINVAL;
	*val = reg == LAPIC_ICR ? l->icr : reg_read(l, reg, now);
	return 0;
}

/* Bits of an x2APIC register that may be written as one; the rest are reserved: #GP. */
static u64 x2_write_mask(const struct lapic *l, unsigned int reg)
{
	switch (reg) {
	case LAPIC_TPR:
	case LAPIC_SELF_IPI:
		return 0xff;
	case LAPIC_SVR:
		return lapic_svr_mask(&l->cfg);
	case LAPIC_ICR:
		return lapic_icr_mask(true) | ICR_STATUS;
	case LAPIC_LVT_TIMER ... LAPIC_LVT_ERROR:
		return lapic_lvt_mask(&l->cfg, reg) | LVT_STATUS |
		       (reg == LAPIC_LVT_LINT1 ? LAPIC_LVT_REMOTE_IRR : 0);
	case LAPIC_TMICT:
		return U32_MAX;
	case LAPIC_TDCR:
		return 0xb;
	default: /* EOI, ESR: only zero */
		return 0;
	}
}

/**
 * lapic_x2_write() - WRMSR to 0x800..0x8ff
 * @l: the LAPIC
 * @msr: index
 * @val: value
 * @now: both clocks, if lapic_reg_needs_time(@msr - 0x800)
 * @out: [OUT]
 *
 * Return: 0, or -EINVAL for #GP; then nothing has changed.
 */
int lapic_x2_write(struct lapic *l, u32 msr, u64 val, struct lapic_now now, struct lapic_out *out)
{
	u32 reg = msr - LAPIC_MSR_X2_FIRST;

	if (!lapic_x2apic(l) || reg >= LAPIC_NR_REGS || !(reg_access[reg] & X2W))
		return -EINVAL;
	if (val & ~x2_write_mask(l, reg))
		return -EINVAL;

	switch (reg) {
	case LAPIC_ICR:
		l->icr = val & lapic_icr_mask(true);
		icr_send(l, out);
		break;
	case LAPIC_SELF_IPI:
		if (val < 16)
			lapic_error(l, LAPIC_ESR_SEND_VECTOR, out);
		else if (l->svr & LAPIC_SVR_ENABLE)
			lapic_set_irr(l, val, false, out);
		break;
	default:
		reg_write(l, reg, val, now, out);
	}
	return 0;
}

/* Could this value ever be in IA32_APIC_BASE? */
bool lapic_base_valid(const struct lapic_cfg *cfg, u64 val)
{
	u64 mode = val & (LAPIC_BASE_EN | LAPIC_BASE_EXTD);

	if (val & ~(LAPIC_BASE_BSP | LAPIC_BASE_EXTD | LAPIC_BASE_EN |
		    GENMASK_ULL(cfg->phys_bits - 1, 12)))
		return false;
	if (mode == LAPIC_BASE_EXTD)
		return false;
	return !(mode & LAPIC_BASE_EXTD) || (cfg->features & LAPIC_HAS_X2APIC);
}

/**
 * lapic_base_write() - WRMSR to IA32_APIC_BASE
 * @l: the LAPIC
 * @val: value
 * @out: [OUT]
 *
 * The allowed transitions are those of SDM vol. 3, "x2APIC State Transitions": x2APIC is entered
 * from xAPIC only and left by disabling only.
 *
 * Return: 0, or -EINVAL for #GP; then nothing has changed.
 */
int lapic_base_write(struct lapic *l, u64 val, struct lapic_out *out)
{
	const u64 mode = LAPIC_BASE_EN | LAPIC_BASE_EXTD;
	u64 old = l->base & mode, new = val &mode;

	if (!lapic_base_valid(&l->cfg, val))
		return -EINVAL;
	if (old == mode && new == LAPIC_BASE_EN)
		return -EINVAL;
	if (!old && new == mode)
		return -EINVAL;

	/* APM vol. 2, "APIC Base Address Register": BSC is read-only; SDM vol. 4: read/write. */
	if (l->cfg.features & LAPIC_VENDOR_AMD)
		val = (val & ~LAPIC_BASE_BSP) | (l->base & LAPIC_BASE_BSP);
	l->base = val;
	if (!new &&old) {
		lapic_disable(l);
		out->what |= LAPIC_DO_TIMER;
	} else if (new == mode && old != mode) {
		/* The id is the x2APIC id from here on, LDR derives from it, DFR is gone. */
		l->id = l->cfg.id & 0xff;
		l->ldr = 0;
		l->dfr = ~0U;
		l->icr = (u32)l->icr;
	}
	lapic_refresh_addr(l);
	out->what |= LAPIC_DO_MODE;
	return 0;
}
