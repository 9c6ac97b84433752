// SPDX-License-Identifier: GPL-2.0-only
/*
 * ACPI's fixed hardware (ACPI 6.5, 4.8): PM1 event and control block, PM timer, sleep state S5; and
 * the reset register that the FADT names.
 *
 * The timer counts guest time and holds no state of its own, so it agrees with the guest's other
 * clocks after every move. Pure.
 */
#include "device.h"
#include "ports.h"

#define PM_TIMER_HZ 3579545ULL
#define NS_PER_S 1000000000ULL

#define PM1_TMR 0x0001
#define PM1_GBL 0x0020
#define PM1_PWRBTN 0x0100
#define PM1_RTC 0x0400
#define PM1_WAK 0x8000
#define PM1_ENABLES (PM1_TMR | PM1_GBL | PM1_PWRBTN | PM1_RTC)
#define PM1_STATUS (PM1_ENABLES | PM1_WAK)

#define PM1_SCI_EN 0x0001
#define PM1_SLP_TYPE(v) ((v) >> 10 & 7)
#define PM1_SLP_EN 0x2000
#define PM1_CNT_KEPT 0x1c03

#define RESET_CPU 0x04

struct acpi_pm {
	struct device dev;
	u16 status;
	u16 enable;
	u16 control;
	u8 reset_reg;
	u64 msb_flips; /* changes of the timer's top bit that were turned into status */
	u64 last; /* what the timer was last seen at: it never goes back */
	u8 line;
};

static const struct dev_field fields[] = {
	DEV_FIELD(struct acpi_pm, status, PM1_STATUS),
	DEV_FIELD(struct acpi_pm, enable, PM1_ENABLES),
	DEV_FIELD(struct acpi_pm, control, PM1_CNT_KEPT),
	DEV_FIELD(struct acpi_pm, reset_reg, 0xff),
	DEV_FIELD(struct acpi_pm, msb_flips, U64_MAX),
	DEV_FIELD(struct acpi_pm, last, U64_MAX),
};

static struct acpi_pm *to_pm(struct device *dev)
{
	return container_of(dev, struct acpi_pm, dev);
}

static u64 ticks(struct acpi_pm *pm)
{
	u64 now = mul_u64_u64_div_u64(pm->dev.env->guest_ns(pm->dev.env->ctx), PM_TIMER_HZ,
				      NS_PER_S);

	/* Guest time is read off two clocks around a pause; a step back would look like a wrap. */
	pm->last = max(pm->last, now);
	return pm->last;
}

/* The top bit of 32 (TMR_VAL_EXT is set) sets the status at each change. */
static void update(struct acpi_pm *pm)
{
	u64 flips = ticks(pm) >> 31;
	bool level;

	if (flips != pm->msb_flips) {
		pm->msb_flips = flips;
		pm->status |= PM1_TMR;
	}
	level = pm->status & pm->enable;
	if (level != pm->line) {
		pm->line = level;
		pm->dev.env->set_irq(pm->dev.env->ctx, IRQ_SCI, level);
	}
}

static u64 pm_deadline(struct device *dev)
{
	struct acpi_pm *pm = to_pm(dev);
	u64 flip = (pm->msb_flips + 1) << 31;

	if (!(pm->enable & PM1_TMR) || pm->status & PM1_TMR)
		return DEV_NEVER;
	return mul_u64_u64_div_u64(flip, NS_PER_S, PM_TIMER_HZ) + 1;
}

static void pm_tick(struct device *dev)
{
	update(to_pm(dev));
}

static void write_control(struct acpi_pm *pm, u16 value)
{
	pm->control = value & PM1_CNT_KEPT;
	if ((value & PM1_SLP_EN) && PM1_SLP_TYPE(value) == PM1_S5_TYPE)
		pm->dev.env->event(pm->dev.env->ctx, DEV_POWEROFF, 0);
}

/* The event block as one 32-bit register: status below, enable above. */
static u32 event_block(const struct acpi_pm *pm)
{
	return pm->status | (u32)pm->enable << 16;
}

static void write_event(struct acpi_pm *pm, unsigned int shift, unsigned int width, u32 value)
{
	u32 mask = (u32)((1ULL << (8 * width)) - 1) << shift, v = value << shift;

	pm->status &= ~(v & mask); /* ones clear */
	if (mask >> 16)
		pm->enable = ((pm->enable & ~(mask >> 16)) | ((v & mask) >> 16)) & PM1_ENABLES;
	update(pm);
	pm->dev.env->rearm(pm->dev.env->ctx);
}

static void pm_write(struct device *dev, u16 port, unsigned int width, u32 value)
{
	struct acpi_pm *pm = to_pm(dev);

	switch (port) {
	case PORT_PM1_EVENT ... PORT_PM1_EVENT + 3:
		write_event(pm, 8 * (port - PORT_PM1_EVENT), width, value);
		break;
	case PORT_PM1_CONTROL:
		if (width == 1)
			value = (pm->control & 0xff00) | (value & 0xff);
		write_control(pm, value);
		break;
	case PORT_PM1_CONTROL + 1:
		write_control(pm, (pm->control & 0xff) | (value & 0xff) << 8);
		break;
	case PORT_RESET:
		pm->reset_reg = value;
		if (value & RESET_CPU)
			dev->env->event(dev->env->ctx, DEV_RESET, 0);
		break;
	}
}

static u32 pm_read(struct device *dev, u16 port, unsigned int width)
{
	struct acpi_pm *pm = to_pm(dev);

	switch (port) {
	case PORT_PM1_EVENT ... PORT_PM1_EVENT + 3:
		update(pm);
		return event_block(pm) >> 8 * (port - PORT_PM1_EVENT);
	case PORT_PM1_CONTROL:
		return pm->control | PM1_SCI_EN;
	case PORT_PM1_CONTROL + 1:
		return pm->control >> 8;
	case PORT_PM_TIMER ... PORT_PM_TIMER + 3:
		return (u32)ticks(pm) >> 8 * (port - PORT_PM_TIMER);
	case PORT_RESET:
		return pm->reset_reg;
	}
	return 0;
}

static void pm_reset(struct device *dev)
{
	struct acpi_pm *pm = to_pm(dev);

	memset((u8 *)pm + sizeof(*dev), 0, sizeof(*pm) - sizeof(*dev));
	pm->msb_flips = ticks(pm) >> 31;
}

static bool pm_loaded(struct device *dev)
{
	struct acpi_pm *pm = to_pm(dev);

	if (pm->msb_flips > pm->last >> 31)
		return false;
	pm->line = 0;
	dev->env->set_irq(dev->env->ctx, IRQ_SCI, false);
	update(pm);
	return true;
}

void acpi_pm_power_button(struct device *dev)
{
	struct acpi_pm *pm = to_pm(dev);

	pm->status |= PM1_PWRBTN;
	update(pm);
}

const struct device_ops acpi_pm_ops = {
	.name = "acpi-pm",
	.size = sizeof(struct acpi_pm),
	.ports = { { PORT_PM1_EVENT, PORT_PM1_CONTROL + 1 },
		   { PORT_PM_TIMER, PORT_PM_TIMER + 3 },
		   { PORT_RESET, PORT_RESET } },
	.fields = fields,
	.nr_fields = ARRAY_SIZE(fields),
	.reset = pm_reset,
	.read = pm_read,
	.write = pm_write,
	.loaded = pm_loaded,
	.deadline = pm_deadline,
	.tick = pm_tick,
};
