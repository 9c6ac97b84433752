/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Device models: what a chip is to the machine, and the machine to a chip.
 *
 * Chips are pure: ports, time and interrupts come and go through struct dev_env, so unit tests
 * drive them without a VM. One lock, the machine's, is held around every call into a chip;
 * chips take none.
 */
#ifndef FERRY_DEVICE_H
#define FERRY_DEVICE_H

#include "util.h"

enum dev_event {
	DEV_POWEROFF,
	DEV_RESET,
	DEV_DEBUG_EXIT, /* value: the exit code */
};

/**
 * struct dev_env - what a chip may ask of the machine
 * @set_irq: drive an ISA line
 * @guest_ns: guest time; stands still while the VM is paused
 * @wall_ns: time of day, UTC, nanoseconds since 1970
 * @transmit: a byte for the console
 * @receive_room: the UART can take more input
 * @rearm: a chip's deadline has changed
 * @event: the guest asks for something that ends this run
 */
struct dev_env {
	void *ctx;
	void (*set_irq)(void *ctx, unsigned int irq, bool level);
	u64 (*guest_ns)(void *ctx);
	u64 (*wall_ns)(void *ctx);
	void (*transmit)(void *ctx, u8 byte);
	void (*receive_room)(void *ctx);
	void (*rearm)(void *ctx);
	void (*event)(void *ctx, enum dev_event event, u32 value);
};

/**
 * struct dev_field - one member of a chip's saved state
 * @bytes: size of one element: 1, 2, 4 or 8
 * @count: elements; above 1 it is saved as an array
 * @max: largest value that is believed
 */
struct dev_field {
	const char *name;
	u16 offset;
	u8 bytes;
	u16 count;
	u64 max;
};

#define DEV_FIELD(type, member, limit)                                                             \
	{ #member, offsetof(type, member), sizeof(((type *)0)->member), 1, limit }
#define DEV_ARRAY(type, member, limit)                                                             \
	{ #member, offsetof(type, member), sizeof(((type *)0)->member[0]),                         \
	  ARRAY_SIZE(((type *)0)->member), limit }

#define DEV_MAX_RANGES 4
#define DEV_NEVER U64_MAX

struct device;

/**
 * struct device_ops - a kind of chip, named after the part
 * @size: of its state, which begins with struct device
 * @ports: decoded ranges, first and last; ends with {0, 0}
 * @byte_wide: wider accesses are split into bytes
 * @loaded: after a load: false if the values contradict each other; else drive the lines again
 * @deadline: guest time of the next tick, or DEV_NEVER
 */
struct device_ops {
	const char *name;
	size_t size;
	u16 ports[DEV_MAX_RANGES][2];
	bool byte_wide;
	const struct dev_field *fields;
	unsigned int nr_fields;
	void (*reset)(struct device *dev);
	u32 (*read)(struct device *dev, u16 port, unsigned int width);
	void (*write)(struct device *dev, u16 port, unsigned int width, u32 value);
	bool (*loaded)(struct device *dev);
	u64 (*deadline)(struct device *dev);
	void (*tick)(struct device *dev);
};

struct device {
	const struct device_ops *ops;
	const struct dev_env *env;
	u16 ports[DEV_MAX_RANGES][2];
};

extern const struct device_ops ns16550_ops, mc146818_ops, i8042_ops, acpi_pm_ops, debug_exit_ops;

struct device *device_new(const struct device_ops *ops, const struct dev_env *env);
void device_free(struct device *dev);
json_object *device_save(const struct device *dev);
int device_load(struct device *dev, json_object *o, struct error *err);

/* --- all chips of a machine */

#define DEVICES_MAX 8

/**
 * struct devices - the chips of one machine
 * @unclaimed: accesses to ports nobody decodes
 * @last_unclaimed: the last one's port
 */
struct devices {
	unsigned int nr;
	struct device *dev[DEVICES_MAX];
	u64 unclaimed;
	u16 last_unclaimed;
};

/* The chips every machine has; @debug_exit_port is 0 for none. */
void devices_init(struct devices *ds, const struct dev_env *env, u16 debug_exit_port);
void devices_destroy(struct devices *ds);
struct device *devices_find(struct devices *ds, const struct device_ops *ops);
/* @data: @width bytes, little-endian. Reads of ports nobody decodes give all ones. */
void devices_io(struct devices *ds, u16 port, unsigned int width, bool is_write, u8 *data);
u64 devices_deadline(struct devices *ds);
void devices_tick(struct devices *ds, u64 now);
/* {"version": 1, "ns16550": {...}, ...} */
json_object *devices_save(const struct devices *ds);
int devices_load(struct devices *ds, json_object *o, struct error *err);

/* --- what the machine may do to a chip besides */

/* How many bytes the UART takes now; give it that many at most. */
unsigned int ns16550_room(struct device *dev);
void ns16550_receive(struct device *dev, const u8 *data, unsigned int n);
/* Sizes in bytes below and above 4 GiB, for guests that ask the CMOS. */
void mc146818_set_memory(struct device *dev, u64 low, u64 high);
void acpi_pm_power_button(struct device *dev);

#endif /* FERRY_DEVICE_H */
