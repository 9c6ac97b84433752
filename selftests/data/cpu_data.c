// SPDX-License-Identifier: GPL-2.0-only
/*
 * The frame of the data-driven CPU tests: the index, families of cases. See cpu_data.h.
 *
 *	FERRY_DATA=DIR cpu_data [matrix]
 *
 * The matrix is a bench, too: without the directory it judges CPUs of the tool's own models.
 */
#include <stdarg.h>
#include <unistd.h>

#include "cpu_data.h"
#include "cpu_model.h"
#include "tap.h"

/* Without a data set. */
#define OWN_CPUS 733

struct dump *dumps;
unsigned int nr_dumps;

char *data_path(const char *name)
{
	return xasprintf("%s/cpuid/%s", getenv("FERRY_DATA") ?: "../shared/data", name);
}

json_object *data_json(const char *name)
{
	char *path = data_path(name);
	json_object *o = json_object_from_file(path);

	if (!o)
		diag("%s: cannot be read", path);
	free(path);
	return o;
}

void equal(struct family *f)
{
	f->cases++;
	f->equal++;
}

void deviates(struct family *f, const char *fmt, ...)
{
	va_list ap;

	f->cases++;
	f->deviating++;
	printf("# %s deviates: ", f->name);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

void failed(struct family *f, const char *fmt, ...)
{
	va_list ap;

	f->cases++;
	if (f->failed++ > 20)
		return;
	printf("# %s failed: ", f->name);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

void finish(struct family *f)
{
	ok(f->cases && !f->failed, "%s", f->name);
	printf("# family %s: %u cases, %u equal, %u deviating with reason, %u failed\n", f->name,
	       f->cases, f->equal, f->deviating, f->failed);
}

void verdict(bool good, const char *name)
{
	ok(good, "%s", name);
}

void absent(const char *name, const char *file)
{
	char *why = xasprintf("no %s", file);

	skip(why, "%s", name);
	free(why);
}

static bool flag(json_object *o, const char *key)
{
	json_object *v;

	return json_object_object_get_ex(o, key, &v) && json_object_get_boolean(v);
}

static void load(json_object *index)
{
	struct family f = { .name = "dumps read" };
	size_t i, n = json_object_array_length(index);

	dumps = calloc(n, sizeof(*dumps));
	for (i = 0; i < n; i++) {
		json_object *o = json_object_array_get_idx(index, i);
		const char *file = json_str(o, "file"), *kind = json_str(o, "kind");
		struct dump *d = &dumps[nr_dumps];
		struct error err = { 0 };
		char *path;

		if (!file || !kind) {
			failed(&f, "entry %zu of index.json", i);
			continue;
		}
		path = data_path(file);
		if (cpu_host_read(&d->host, path, &err)) {
			failed(&f, "%s", err.text);
		} else {
			d->name = strdup(file);
			d->bare_metal = !strcmp(kind, "bare-metal");
			d->xsave_oracle = flag(o, "xsave_oracle");
			cpu_view_init(&d->view, &d->host.cpu[0]);
			nr_dumps++;
			equal(&f);
		}
		free(path);
	}
	finish(&f);
}

/* As many as there are dumps, of every model and every width. */
static void load_models(void)
{
	const struct cpu_model *m;
	unsigned int i;

	dumps = calloc(OWN_CPUS, sizeof(*dumps));
	for (i = 0; i < OWN_CPUS; i++) {
		struct dump *d = &dumps[i];
		struct error err = { 0 };
		char *text;

		m = cpu_model_get(nr_dumps++);
		if (!m)
			m = cpu_model_get(nr_dumps = 0);
		text = xasprintf("<cpu><model>%s</model><maxphysaddr mode='emulate' bits='%u'/></cpu>",
				 m->name, 36 + i % 16);
		if (cpu_host_parse(&d->host, m->name, text, strlen(text), &err))
			bail_out("%s", err.text);
		cpu_view_init(&d->view, &d->host.cpu[0]);
		free(text);
	}
	nr_dumps = OWN_CPUS;
}

int main(int argc, char **argv)
{
	bool matrix = argc > 1 && !strcmp(argv[1], "matrix");
	char *path = data_path("index.json");
	json_object *index;

	if (matrix && access(path, R_OK)) {
		load_models();
		test_matrix();
		return done();
	}
	if (access(path, R_OK))
		skip_all("no cpuid/index.json below FERRY_DATA");
	free(path);
	index = data_json("index.json");
	if (!index || !json_object_is_type(index, json_type_array))
		bail_out("index.json is not a list");
	load(index);
	json_object_put(index);
	if (matrix) {
		test_matrix();
		return done();
	}
	test_names();
	test_facts();
	test_dumps();
	test_matrix();
	return done();
}
