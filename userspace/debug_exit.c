// SPDX-License-Identifier: GPL-2.0-only
/*
 * A port that ends the machine with a status, for test kernels: writing v makes the tool exit with
 * (v << 1) | 1, as QEMU's isa-debug-exit does. Pure.
 */
#include "device.h"
#include "ports.h"

static void debug_reset(struct device *dev)
{
}

static u32 debug_read(struct device *dev, u16 port, unsigned int width)
{
	return 0;
}

static void debug_write(struct device *dev, u16 port, unsigned int width, u32 value)
{
	dev->env->event(dev->env->ctx, DEV_DEBUG_EXIT, (value << 1) | 1);
}

const struct device_ops debug_exit_ops = {
	.name = "debug-exit",
	.size = sizeof(struct device),
	.ports = { { PORT_DEBUG_EXIT, PORT_DEBUG_EXIT + 3 } },
	.reset = debug_reset,
	.read = debug_read,
	.write = debug_write,
};
