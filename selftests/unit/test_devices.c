// SPDX-License-Identifier: GPL-2.0-only
/*
 * ACPI's registers, the keyboard controller, the debug-exit port; port dispatch; the blob that
 * carries all chips from host to host.
 */
#include "fakepc.h"
#include "ports.h"
#include "tap.h"

#define S 1000000000ULL

static struct fakepc pc;
static struct devices ds;

static void fresh(void)
{
	devices_destroy(&ds);
	fakepc_init(&pc);
	devices_init(&ds, &pc.env, PORT_DEBUG_EXIT);
}

static u32 in(u16 port, unsigned int width)
{
	u8 data[8] = { 0 };
	u32 v;

	devices_io(&ds, port, width, false, data);
	memcpy(&v, data, 4);
	return v;
}

static void out(u16 port, unsigned int width, u32 value)
{
	u8 data[8] = { 0 };

	memcpy(data, &value, 4);
	devices_io(&ds, port, width, true, data);
}

static void test_acpi(void)
{
	struct device *pm;

	fresh();
	pm = devices_find(&ds, &acpi_pm_ops);
	ok_eq(in(PORT_PM_TIMER, 4), 0, "PM timer starts at 0");
	fakepc_pass(&pc, S);
	ok_eq(in(PORT_PM_TIMER, 4), 3579545, "PM timer: 3.579545 MHz");
	pc.guest_ns -= 1000;
	ok_eq(in(PORT_PM_TIMER, 4), 3579545, "PM timer never goes back");
	ok_eq(in(PORT_PM1_CONTROL, 2), 1, "SCI_EN is always set");
	acpi_pm_power_button(pm);
	ok(!pc.line[9], "power button: no SCI while disabled");
	ok_eq(in(PORT_PM1_EVENT, 2), 0x100, "power button: status");
	out(PORT_PM1_EVENT + 2, 2, 0x100);
	ok(pc.line[9], "power button: SCI once enabled");
	out(PORT_PM1_EVENT, 2, 0x100);
	ok(!pc.line[9] && in(PORT_PM1_EVENT, 4) == 0x1000000, "writing one clears the status");
	out(PORT_PM1_EVENT + 2, 2, 0x001);
	ok_eq(pm->ops->deadline(pm) / S, 599, "timer overflow is due after 2^31 ticks");
	fakepc_pass(&pc, 600 * S);
	devices_tick(&ds, pc.guest_ns);
	ok(pc.line[9] && (in(PORT_PM1_EVENT, 2) & 1), "timer overflow raises the SCI");
	out(PORT_PM1_EVENT, 1, 1);
	ok(!pc.line[9], "and is cleared by a byte");

	out(PORT_PM1_CONTROL, 2, 5 << 10);
	ok_eq(pc.events[DEV_POWEROFF], 0, "a sleep type alone does nothing");
	out(PORT_PM1_CONTROL, 2, 3 << 10 | 0x2000);
	ok_eq(pc.events[DEV_POWEROFF], 0, "nor does another type");
	out(PORT_PM1_CONTROL, 2, 5 << 10 | 0x2000);
	ok_eq(pc.events[DEV_POWEROFF], 1, "S5 powers off");
	out(PORT_RESET, 1, 2);
	ok_eq(pc.events[DEV_RESET], 0, "reset register: bit 1 alone does nothing");
	out(PORT_RESET, 1, 6);
	ok_eq(pc.events[DEV_RESET], 1, "reset register: the FADT's value resets");
}

static u8 kbc(u8 command)
{
	out(PORT_KBD_STATUS, 1, command);
	return in(PORT_KBD_DATA, 1);
}

static void test_i8042(void)
{
	fresh();
	ok_eq(in(PORT_KBD_STATUS, 1) & 3, 0, "8042: both buffers empty");
	ok_eq(kbc(0xaa), 0x55, "8042: self-test");
	ok_eq(kbc(0xab), 0x00, "8042: keyboard line");
	out(PORT_KBD_STATUS, 1, 0x60);
	out(PORT_KBD_DATA, 1, 0x47);
	ok_eq(kbc(0x20), 0x47, "8042: command byte");
	ok_eq(pc.rises[1], 0, "8042: the controller's own answers raise nothing");
	out(PORT_KBD_DATA, 1, 0xff);
	ok(pc.line[1] && in(PORT_KBD_STATUS, 1) & 1, "keyboard reset: interrupt");
	ok(in(PORT_KBD_DATA, 1) == 0xfa && in(PORT_KBD_DATA, 1) == 0xaa, "acknowledged, passed");
	ok(!pc.line[1] && pc.rises[1] == 2, "one interrupt for each byte");
	out(PORT_KBD_DATA, 1, 0xed);
	out(PORT_KBD_DATA, 1, 7);
	ok(in(PORT_KBD_DATA, 1) == 0xfa && in(PORT_KBD_DATA, 1) == 0xfa, "LEDs");
	out(PORT_KBD_STATUS, 1, 0xd1);
	out(PORT_KBD_DATA, 1, 0xdf);
	ok_eq(pc.events[DEV_RESET], 0, "output port: A20 without reset");
	out(PORT_KBD_STATUS, 1, 0xd1);
	out(PORT_KBD_DATA, 1, 0xde);
	ok_eq(pc.events[DEV_RESET], 1, "output port: reset");
	out(PORT_KBD_STATUS, 1, 0xff);
	ok_eq(pc.events[DEV_RESET], 1, "pulsing no line");
	out(PORT_KBD_STATUS, 1, 0xfe);
	ok_eq(pc.events[DEV_RESET], 2, "pulsing the reset line");
	out(0x92, 1, 2);
	ok_eq(pc.events[DEV_RESET], 2, "port 0x92: A20");
	out(0x92, 1, 3);
	ok_eq(pc.events[DEV_RESET], 3, "port 0x92: reset");
}

static void test_dispatch(void)
{
	u64 before;

	fresh();
	out(PORT_DEBUG_EXIT, 1, 0x10);
	ok(pc.events[DEV_DEBUG_EXIT] == 1 && pc.event_value == 0x21, "debug exit: (v << 1) | 1");
	out(PORT_DEBUG_EXIT, 4, 0);
	ok(pc.events[DEV_DEBUG_EXIT] == 2 && pc.event_value == 1, "debug exit: 32 bits wide");
	before = ds.unclaimed;
	ok_eq(in(PORT_PCI_DATA, 4), 0xffffffff, "PCI configuration reads all ones");
	ok_eq(in(PORT_PCI_ADDRESS, 4), 0xffffffff, "so does its address port, as a dword");
	out(PORT_POST, 1, 0x42);
	out(PORT_DELAY, 1, 0);
	ok_eq(ds.unclaimed - before, 4, "accesses to nobody are counted");
	ok_eq(ds.last_unclaimed, PORT_DELAY, "with the last port");
	out(PORT_COM1 + 6, 2, 0x5a00);
	ok_eq(in(PORT_COM1 + 7, 1), 0x5a, "a word to a byte-wide chip is two bytes");
	ok_eq(in(PORT_COM1 + 7, 4), 0xffffff5a, "one that leaves the chip reads ones there");
}

static void test_blob(void)
{
	struct devices other;
	struct error err;
	struct fakepc pc2;
	json_object *o, *copy;
	const char *text;

	fresh();
	out(PORT_COM1 + 7, 1, 0x77);
	out(PORT_PM1_EVENT + 2, 2, 0x100);
	fakepc_pass(&pc, 5 * S);
	in(PORT_PM_TIMER, 4);
	in(PORT_RTC_DATA, 1); /* what is computed when looked at has been looked at */
	o = devices_save(&ds);
	text = json_object_to_json_string(o);
	copy = json_tokener_parse(text);
	fakepc_init(&pc2);
	pc2.guest_ns = pc.guest_ns;
	pc2.wall_ns = pc.wall_ns;
	devices_init(&other, &pc2.env, PORT_DEBUG_EXIT);
	ok_eq(devices_load(&other, copy, &err), 0, "all chips load from text");
	json_object_put(copy);
	copy = devices_save(&other);
	ok_str(json_object_to_json_string(copy), text, "and save to the same");

	json_object_object_add(copy, "version", json_object_new_int(2));
	ok_eq(devices_load(&other, copy, &err), FERRY_X_BAD_FILE, "another version is refused");
	json_object_object_add(copy, "version", json_object_new_int(1));
	json_object_object_add(copy, "ne2000", json_object_new_object());
	ok_eq(devices_load(&other, copy, &err), FERRY_X_BAD_FILE, "an unknown chip is refused");
	json_object_object_del(copy, "ne2000");
	json_object_object_del(copy, "i8042");
	ok_eq(devices_load(&other, copy, &err), FERRY_X_BAD_FILE, "a missing chip is refused");
	ok_eq(devices_load(&other, NULL, &err), FERRY_X_BAD_FILE, "nothing is refused");
	json_object_put(copy);
	json_object_put(o);
	devices_destroy(&other);
}

int main(void)
{
	test_acpi();
	test_i8042();
	test_dispatch();
	test_blob();
	devices_destroy(&ds);
	return done();
}
