/* SPDX-License-Identifier: GPL-2.0-only */
/* One LAPIC and short names for what is done to it, for the test_lapic programs. */
#ifndef FERRY_LAPIC_HELP_H
#define FERRY_LAPIC_HELP_H

#include "lib/dev/lapic.h"
#include "tap.h"

#define ALL_FEATURES (LAPIC_HAS_X2APIC | LAPIC_HAS_TSC_DEADLINE | LAPIC_HAS_EOI_SUPPRESS)

static struct lapic l;
static struct lapic_out out;
static struct lapic_now now;

static inline void power_on(u32 id, u32 features)
{
	struct lapic_cfg cfg;

	/* Cleared with its padding: LAPICs are compared as bytes below. */
	memset(&cfg, 0, sizeof(cfg));
	cfg.id = id;
	cfg.features = features;
	cfg.phys_bits = 40;
	cfg.bsp = id == 0;
	lapic_power_on(&l, &cfg);
	memset(&out, 0, sizeof(out));
	now = (struct lapic_now){ .ns = 1000000, .tsc = 5000000 };
}

static inline u32 rd(unsigned int reg)
{
	return lapic_mmio_read(&l, reg << 4, 4, now, &out);
}

/* Every write starts with a clean struct lapic_out, as the caller in the kernel does. */
static inline void wr(unsigned int reg, u32 val)
{
	memset(&out, 0, sizeof(out));
	lapic_mmio_write(&l, reg << 4, 4, val, now, &out);
}

static inline int x2_rd(unsigned int reg, u64 *val)
{
	return lapic_x2_read(&l, 0x800 + reg, val, now);
}

static inline int x2_wr(unsigned int reg, u64 val)
{
	memset(&out, 0, sizeof(out));
	return lapic_x2_write(&l, 0x800 + reg, val, now, &out);
}

static inline u64 x2_val(unsigned int reg)
{
	u64 val = 0xdeadbeefdeadbeefULL;

	return x2_rd(reg, &val) ? 0xbadbadbadULL : val;
}

static inline int base_wr(u64 val)
{
	memset(&out, 0, sizeof(out));
	return lapic_base_write(&l, val, &out);
}

static inline void software_enable(void)
{
	wr(LAPIC_SVR, 0x1ff);
}

static inline void enter_x2apic(void)
{
	if (base_wr(l.base | LAPIC_BASE_EXTD))
		bail_out("cannot enter x2APIC mode");
}

static inline bool accept(u8 mode, u8 vector, u8 flags)
{
	struct apic_msg m = { .mode = mode, .vector = vector, .flags = flags };

	memset(&out, 0, sizeof(out));
	return lapic_accept(&l, &m, &out);
}

static inline bool bit_of(unsigned int reg, u8 vector)
{
	return rd(reg + vector / 32) & (1U << (vector % 32));
}

#endif /* FERRY_LAPIC_HELP_H */
