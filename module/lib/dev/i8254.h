/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The PC's i8254 interval timer and the part of port 0x61 that belongs to it,
 * as a register machine (Intel 82C54 data sheet; PIIX3 data sheet, "NMI Status
 * and Control Register").
 *
 * Nothing counts here: a counter remembers the clock tick at which it was
 * loaded, and what it shows is computed from the time given. Time is the VM's,
 * in nanoseconds, and stops while the VM is paused.
 *
 * No locks here: the caller holds one lock per timer around every call, and
 * arms a timer of its own for i8254_next_edge().
 */
#ifndef FERRY_LIB_DEV_I8254_H
#define FERRY_LIB_DEV_I8254_H

#include "../env.h"

#define I8254_HZ	1193182
#define I8254_PORT	0x40 /* 0x40-0x42 counters, 0x43 control */
#define I8254_PORT_GATE 0x61

/* What a counter is doing. */
enum i8254_phase {
	I8254_IDLE, /* control word written, no count yet */
	I8254_ARMED, /* modes 1 and 5: count written, no trigger yet */
	I8254_RUNNING,
	I8254_HELD, /* modes 0, 2, 3, 4: gate low */
};

/**
 * struct i8254_channel - one counter
 * @start: tick at which @count was in the counting element
 * @held: HELD: ticks counted when the gate fell; -1 before the count was loaded
 * @count: 1..65536 or 1..16665 (four BCD digits, A-F included)
 * @next_count: written but not loaded yet; 0 if none
 * @next_start: modes 2 and 3: the tick at which it will be
 * @latch: latched count as the guest reads it
 * @rw: 1 low byte, 2 high byte, 3 low then high
 * @low: mode 1: the output was low already when the counter was triggered
 * @write_low: rw 3: the low byte, while @write_high waits for the other
 */
struct i8254_channel {
	s64 start;
	s64 held;
	s64 next_start;
	u32 count;
	u32 next_count;
	u16 latch;
	u8 status;
	u8 mode;
	u8 rw;
	u8 write_low;
	enum i8254_phase phase;
	bool bcd;
	bool gate;
	bool low;
	bool write_high;
	bool read_high;
	bool count_latched;
	bool status_latched;
};

/**
 * struct i8254 - the timer
 * @synced: tick up to which @edges is counted
 * @edges: rising edges of OUT 0 not yet taken
 * @port61: bits 3:0 of the port as written
 */
struct i8254 {
	struct i8254_channel ch[3];
	s64 synced;
	u32 edges;
	u8 port61;
};

/* struct i8254_channel_state.flags */
#define I8254_STATE_BCD		   BIT(0)
#define I8254_STATE_GATE	   BIT(1)
#define I8254_STATE_WRITE_HIGH	   BIT(2)
#define I8254_STATE_READ_HIGH	   BIT(3)
#define I8254_STATE_COUNT_LATCHED  BIT(4)
#define I8254_STATE_STATUS_LATCHED BIT(5)
#define I8254_STATE_LOW		   BIT(6)

/**
 * struct i8254_state - the timer at rest: state group and wire format; fields as in struct i8254
 */
struct i8254_state {
	struct i8254_channel_state {
		u64 start;
		u64 held;
		u64 next_start;
		u32 count;
		u32 next_count;
		u16 latch;
		u8 status;
		u8 mode;
		u8 rw;
		u8 write_low;
		u8 phase;
		u8 flags;
	} ch[3];
	u64 synced;
	u32 edges;
	u32 port61;
};

static_assert(sizeof(struct i8254_state) == 136, "no padding, no surprise");

#define I8254_NEVER U64_MAX

/* Is this port one of the timer's? Asked at every port access of a guest. */
static inline bool i8254_has_port(u16 port)
{
	return (port & ~3) == I8254_PORT || port == I8254_PORT_GATE;
}

void i8254_reset(struct i8254 *p);
u8 i8254_read(struct i8254 *p, u16 port, u64 now);
void i8254_write(struct i8254 *p, u16 port, u8 val, u64 now);
bool i8254_out(struct i8254 *p, unsigned int channel, u64 now);
u32 i8254_take_edges(struct i8254 *p, u64 now);
u64 i8254_next_edge(const struct i8254 *p);
void i8254_get_state(const struct i8254 *p, struct i8254_state *s);
int i8254_set_state(struct i8254 *p, const struct i8254_state *s);

#endif /* FERRY_LIB_DEV_I8254_H */
