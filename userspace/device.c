// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of chips, port dispatch, and saving and loading by field lists. See device.h.
 */
#include <stdlib.h>

#include "device.h"

#define BLOB_VERSION 1

static const struct device_ops *const chips[] = {
	&ns16550_ops,
	&mc146818_ops,
	&i8042_ops,
	&acpi_pm_ops,
};

struct device *device_new(const struct device_ops *ops, const struct dev_env *env)
{
	struct device *dev = xcalloc(1, ops->size);

	dev->ops = ops;
	dev->env = env;
	memcpy(dev->ports, ops->ports, sizeof(dev->ports));
	ops->reset(dev);
	return dev;
}

void device_free(struct device *dev)
{
	free(dev);
}

void devices_init(struct devices *ds, const struct dev_env *env, u16 debug_exit_port)
{
	size_t i;

	memset(ds, 0, sizeof(*ds));
	for (i = 0; i < ARRAY_SIZE(chips); i++)
		ds->dev[ds->nr++] = device_new(chips[i], env);
	if (debug_exit_port) {
		struct device *dev = device_new(&debug_exit_ops, env);

		dev->ports[0][0] = debug_exit_port;
		dev->ports[0][1] = debug_exit_port + 3;
		ds->dev[ds->nr++] = dev;
	}
}

void devices_destroy(struct devices *ds)
{
	while (ds->nr)
		device_free(ds->dev[--ds->nr]);
}

struct device *devices_find(struct devices *ds, const struct device_ops *ops)
{
	unsigned int i;

	for (i = 0; i < ds->nr; i++)
		if (ds->dev[i]->ops == ops)
			return ds->dev[i];
	return NULL;
}

static struct device *decode(struct devices *ds, u16 port)
{
	unsigned int i, r;

	for (i = 0; i < ds->nr; i++)
		for (r = 0; r < DEV_MAX_RANGES && ds->dev[i]->ports[r][1]; r++)
			if (port >= ds->dev[i]->ports[r][0] && port <= ds->dev[i]->ports[r][1])
				return ds->dev[i];
	return NULL;
}

static void access_port(struct devices *ds, u16 port, unsigned int width, bool is_write, u8 *data)
{
	struct device *dev = decode(ds, port);
	u32 value = 0;

	if (!dev) {
		ds->unclaimed++;
		ds->last_unclaimed = port;
		if (!is_write)
			memset(data, 0xff, width);
		return;
	}
	if (is_write) {
		memcpy(&value, data, width);
		dev->ops->write(dev, port, width, le32toh(value));
	} else {
		value = htole32(dev->ops->read(dev, port, width));
		memcpy(data, &value, width);
	}
}

void devices_io(struct devices *ds, u16 port, unsigned int width, bool is_write, u8 *data)
{
	struct device *dev = decode(ds, port);
	unsigned int i;

	if (width > 1 && dev && dev->ops->byte_wide) {
		for (i = 0; i < width; i++)
			access_port(ds, port + i, 1, is_write, data + i);
		return;
	}
	access_port(ds, port, width, is_write, data);
}

u64 devices_deadline(struct devices *ds)
{
	u64 next = DEV_NEVER;
	unsigned int i;

	for (i = 0; i < ds->nr; i++)
		if (ds->dev[i]->ops->deadline)
			next = min(next, ds->dev[i]->ops->deadline(ds->dev[i]));
	return next;
}

void devices_tick(struct devices *ds, u64 now)
{
	unsigned int i;

	for (i = 0; i < ds->nr; i++)
		if (ds->dev[i]->ops->deadline && ds->dev[i]->ops->deadline(ds->dev[i]) <= now)
			ds->dev[i]->ops->tick(ds->dev[i]);
}

/* -------------------------------------------------------------- save and load */

static u64 get_element(const void *p, unsigned int bytes)
{
	switch (bytes) {
	case 1:
		return *(const u8 *)p;
	case 2:
		return *(const u16 *)p;
	case 4:
		return *(const u32 *)p;
	}
	return *(const u64 *)p;
}

static void set_element(void *p, unsigned int bytes, u64 value)
{
	switch (bytes) {
	case 1:
		*(u8 *)p = value;
		break;
	case 2:
		*(u16 *)p = value;
		break;
	case 4:
		*(u32 *)p = value;
		break;
	default:
		*(u64 *)p = value;
	}
}

json_object *device_save(const struct device *dev)
{
	json_object *o = json_object_new_object();
	unsigned int i, n;

	for (i = 0; i < dev->ops->nr_fields; i++) {
		const struct dev_field *f = &dev->ops->fields[i];
		const u8 *p = (const u8 *)dev + f->offset;
		json_object *v;

		if (f->count == 1) {
			v = json_u64(get_element(p, f->bytes));
		} else {
			v = json_object_new_array_ext(f->count);
			for (n = 0; n < f->count; n++)
				json_object_array_add(v, json_u64(get_element(p + n * f->bytes,
									      f->bytes)));
		}
		json_object_object_add(o, f->name, v);
	}
	return o;
}

static bool load_element(json_object *v, const struct dev_field *f, u8 *p)
{
	u64 value;

	if (!v || !json_object_is_type(v, json_type_int))
		return false;
	value = json_object_get_uint64(v);
	if ((json_object_get_int64(v) < 0 && value <= INT64_MAX) || value > f->max)
		return false;
	set_element(p, f->bytes, value);
	return true;
}

static bool load_field(json_object *v, const struct dev_field *f, u8 *p)
{
	unsigned int n;

	if (f->count == 1)
		return load_element(v, f, p);
	if (!json_object_is_type(v, json_type_array) || json_object_array_length(v) != f->count)
		return false;
	for (n = 0; n < f->count; n++)
		if (!load_element(json_object_array_get_idx(v, n), f, p + n * f->bytes))
			return false;
	return true;
}

int device_load(struct device *dev, json_object *o, struct error *err)
{
	const char *name = dev->ops->name;
	unsigned int i;

	if (!o || !json_object_is_type(o, json_type_object))
		return fail(err, FERRY_X_BAD_FILE, "the state of the %s is missing", name);
	if (json_object_object_length(o) != dev->ops->nr_fields)
		return fail(err, FERRY_X_BAD_FILE,
			    "the state of the %s has %d values instead of %u: it was saved by a "
			    "version of the tool this one does not know", name,
			    json_object_object_length(o), dev->ops->nr_fields);
	for (i = 0; i < dev->ops->nr_fields; i++) {
		const struct dev_field *f = &dev->ops->fields[i];
		json_object *v = NULL;

		json_object_object_get_ex(o, f->name, &v);
		if (!load_field(v, f, (u8 *)dev + f->offset))
			return fail(err, FERRY_X_BAD_FILE,
				    "the state of the %s is damaged: value %s", name, f->name);
	}
	if (dev->ops->loaded && !dev->ops->loaded(dev))
		return fail(err, FERRY_X_BAD_FILE, "the state of the %s contradicts itself", name);
	return 0;
}

json_object *devices_save(const struct devices *ds)
{
	json_object *o = json_object_new_object();
	unsigned int i;

	json_object_object_add(o, "version", json_object_new_int(BLOB_VERSION));
	for (i = 0; i < ds->nr; i++)
		json_object_object_add(o, ds->dev[i]->ops->name, device_save(ds->dev[i]));
	return o;
}

int devices_load(struct devices *ds, json_object *o, struct error *err)
{
	unsigned int i;
	u64 version;
	int ret;

	if (!json_get_number(o, "version", &version) || version != BLOB_VERSION)
		return fail(err, FERRY_X_BAD_FILE,
			    "the device states are not of version %d, the one this tool knows",
			    BLOB_VERSION);
	if (json_object_object_length(o) != ds->nr + 1)
		return fail(err, FERRY_X_BAD_FILE, "there are states of %d devices for %u",
			    json_object_object_length(o) - 1, ds->nr);
	for (i = 0; i < ds->nr; i++) {
		json_object *v = NULL;

		json_object_object_get_ex(o, ds->dev[i]->ops->name, &v);
		ret = device_load(ds->dev[i], v, err);
		if (ret)
			return ret;
	}
	return 0;
}
