// SPDX-License-Identifier: GPL-2.0-only
/*
 * One table of fields: each is an option of `ferry run` and a member of the JSON definition. See
 * vmdef.h. No state.
 */
#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "policy.h"
#include "ports.h"
#include "vmdef.h"

struct vmdef *vmdef_new(void)
{
	struct vmdef *def = xcalloc(1, sizeof(*def));

	def->memory = 512ULL << 20;
	def->vcpus = 1;
	return def;
}

void vmdef_free(struct vmdef *def)
{
	unsigned int i;

	if (!def)
		return;
	for (i = 0; i < def->nr_modules; i++)
		free(def->module[i]);
	free(def->kernel);
	free(def->append);
	free(def->console);
	free(def->policy);
	free(def);
}

bool vmdef_name_valid(const char *name)
{
	size_t len = strlen(name), i;

	/* It becomes a file name and a word on command lines. */
	if (!len || len >= FERRY_NAME_LEN || !isalnum((unsigned char)name[0]))
		return false;
	for (i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("-_.", name[i]))
			return false;
	return true;
}

static void replace(char **to, const char *value)
{
	free(*to);
	*to = xstrdup(value);
}

/* ------------------------------------------------------------------- setters */

static struct vmdef *def_of(void *ctx)
{
	return *(struct vmdef **)ctx;
}

static int set_name(void *ctx, const char *v, struct error *err)
{
	if (!vmdef_name_valid(v))
		return fail(err, FERRY_X_USAGE,
			    "'%s' cannot be a name: letters, digits, '-', '_' and '.', at most %d, "
			    "the first a letter or digit", v, FERRY_NAME_LEN - 1);
	snprintf(def_of(ctx)->name, FERRY_NAME_LEN, "%s", v);
	return 0;
}

static int set_uuid(void *ctx, const char *v, struct error *err)
{
	static const u8 zero[16];
	u8 uuid[16];

	if (!parse_uuid(v, uuid) || !memcmp(uuid, zero, sizeof(uuid)))
		return fail(err, FERRY_X_USAGE, "'%s' is not a UUID, or all zero", v);
	memcpy(def_of(ctx)->uuid, uuid, sizeof(uuid));
	return 0;
}

static int set_kernel(void *ctx, const char *v, struct error *err)
{
	replace(&def_of(ctx)->kernel, v);
	return 0;
}

static int set_append(void *ctx, const char *v, struct error *err)
{
	replace(&def_of(ctx)->append, v);
	return 0;
}

static int set_initrd(void *ctx, const char *v, struct error *err)
{
	struct vmdef *def = def_of(ctx);

	if (def->has_initrd) {
		replace(&def->module[0], v);
		return 0;
	}
	if (def->nr_modules == BOOT_MAX_MODULES)
		return fail(err, FERRY_X_USAGE, "more than %d modules", BOOT_MAX_MODULES);
	memmove(def->module + 1, def->module, def->nr_modules * sizeof(def->module[0]));
	def->module[0] = xstrdup(v);
	def->nr_modules++;
	def->has_initrd = true;
	return 0;
}

static int set_module(void *ctx, const char *v, struct error *err)
{
	struct vmdef *def = def_of(ctx);

	if (def->nr_modules == BOOT_MAX_MODULES)
		return fail(err, FERRY_X_USAGE, "more than %d modules", BOOT_MAX_MODULES);
	def->module[def->nr_modules++] = xstrdup(v);
	return 0;
}

static int set_memory(void *ctx, const char *v, struct error *err)
{
	u64 bytes;

	if (!parse_size(v, 1ULL << 20, &bytes) || bytes % 4096 || bytes < 64 << 10 ||
	    bytes > 1ULL << 46)
		return fail(err, FERRY_X_USAGE,
			    "'%s' is no amount of memory: say 512M or 2G, a multiple of 4K, at "
			    "least 64K", v);
	def_of(ctx)->memory = bytes;
	return 0;
}

static int set_vcpus(void *ctx, const char *v, struct error *err)
{
	u64 n;

	if (!parse_u64(v, 1, FERRY_MAX_VCPUS, &n))
		return fail(err, FERRY_X_USAGE, "'%s' vCPUs: there may be 1 to %d", v,
			    FERRY_MAX_VCPUS);
	def_of(ctx)->vcpus = n;
	return 0;
}

static int set_boot(void *ctx, const char *v, struct error *err)
{
	if (!boot_protocol_parse(v, &def_of(ctx)->boot))
		return fail(err, FERRY_X_USAGE,
			    "'%s' is no boot protocol: auto, linux, pvh or multiboot", v);
	return 0;
}

static int set_console(void *ctx, const char *v, struct error *err)
{
	replace(&def_of(ctx)->console, v);
	return 0;
}

static int set_policy(void *ctx, const char *v, struct error *err)
{
	struct vmdef *def = def_of(ctx);

	if (!def->policy)
		def->policy = xcalloc(1, sizeof(*def->policy));
	return policy_read(def->policy, v, err);
}

static int set_unknown_msr(void *ctx, const char *v, struct error *err)
{
	if (strcmp(v, "fault") && strcmp(v, "ignore"))
		return fail(err, FERRY_X_USAGE,
			    "--unknown-msr is 'fault' (the guest gets #GP) or 'ignore' (reads 0)");
	def_of(ctx)->msr_ignore = !strcmp(v, "ignore");
	return 0;
}

static int set_debug_exit(void *ctx, const char *v, struct error *err)
{
	u64 port = PORT_DEBUG_EXIT;

	if (v && !parse_u64(v, 1, 0xfffc, &port))
		return fail(err, FERRY_X_USAGE, "'%s' is no port number", v);
	def_of(ctx)->debug_exit = port;
	return 0;
}

static int set_no_reboot(void *ctx, const char *v, struct error *err)
{
	def_of(ctx)->no_reboot = true;
	return 0;
}

static int set_emulate(void *ctx, const char *v, struct error *err)
{
	def_of(ctx)->emulate = true;
	return 0;
}

const struct opt vmdef_opts[] = {
	{ "name", "NAME", "name for other commands; default: the kernel's file name", set_name },
	{ "kernel", "FILE", "bzImage, ELF with PVH note, or Multiboot 1 image", set_kernel },
	{ "initrd", "FILE", "initial RAM disk, or the first module", set_initrd },
	{ "module", "\"FILE ARGS\"", "a further module; may be repeated", set_module },
	{ "append", "TEXT", "kernel command line", set_append },
	{ "boot", "PROTOCOL", "auto, linux, pvh or multiboot; default: by what the image is",
	  set_boot },
	{ "memory", "SIZE", "512M, 2G; default 512M", set_memory },
	{ "vcpus", "N", "virtual CPUs; default 1", set_vcpus },
	{ "console", "WHERE", "tty (default), file:PATH, pty[:LINK], socket:PATH or none",
	  set_console },
	{ "policy", "FILE", "what the guest sees of its CPU; default: this host's", set_policy },
	{ "unknown-msr", "fault|ignore", "what an MSR nobody knows does; default fault",
	  set_unknown_msr },
	{ "debug-exit", "[PORT]", "writing v to this port (0xf4) exits with (v << 1) | 1",
	  set_debug_exit },
	{ "no-reboot", NULL, "a guest that reboots ends the run", set_no_reboot },
	{ "emulate", NULL, "never enter the CPU's guest mode: slow, for tests", set_emulate },
	{ "uuid", "UUID", "identity across hosts; default: a new one", set_uuid },
	{ NULL }
};

/* ---------------------------------------------------------------------- JSON */

static void add_string(json_object *o, const char *key, const char *v)
{
	if (v)
		json_object_object_add(o, key, json_object_new_string(v));
}

json_object *vmdef_to_json(const struct vmdef *def)
{
	json_object *o = json_object_new_object(), *list;
	char uuid[37];
	unsigned int i;

	format_uuid(def->uuid, uuid);
	json_object_object_add(o, "version", json_object_new_int(VMDEF_VERSION));
	add_string(o, "name", def->name);
	add_string(o, "uuid", uuid);
	json_object_object_add(o, "generation", json_u64(def->generation));
	json_object_object_add(o, "memory", json_u64(def->memory));
	json_object_object_add(o, "vcpus", json_object_new_int(def->vcpus));
	add_string(o, "kernel", def->kernel);
	if (def->has_initrd)
		add_string(o, "initrd", def->module[0]);
	if (def->nr_modules > def->has_initrd) {
		list = json_object_new_array();
		for (i = def->has_initrd; i < def->nr_modules; i++)
			json_object_array_add(list, json_object_new_string(def->module[i]));
		json_object_object_add(o, "module", list);
	}
	add_string(o, "append", def->append);
	add_string(o, "boot", boot_protocol_name(def->boot));
	add_string(o, "console", def->console);
	add_string(o, "unknown-msr", def->msr_ignore ? "ignore" : "fault");
	if (def->debug_exit)
		json_object_object_add(o, "debug-exit", json_object_new_int(def->debug_exit));
	if (def->no_reboot)
		json_object_object_add(o, "no-reboot", json_object_new_boolean(true));
	if (def->emulate)
		json_object_object_add(o, "emulate", json_object_new_boolean(true));
	if (def->policy)
		json_object_object_add(o, "policy", policy_to_json(def->policy));
	return o;
}

/* A member as its option would be written; flags are true or absent. */
static int set_member(struct vmdef *def, const struct opt *opt, json_object *v, struct error *err)
{
	char number[24];
	u64 n;

	switch (json_object_get_type(v)) {
	case json_type_string:
		return opt->set(&def, json_object_get_string(v), err);
	case json_type_int:
		n = json_object_get_uint64(v);
		snprintf(number, sizeof(number), "%llu", (unsigned long long)n);
		/* An option's bare number counts in MiB, a file's in bytes. */
		if (opt->set == set_memory) {
			if (n % 1024)
				break;
			snprintf(number, sizeof(number), "%lluK", (unsigned long long)n / 1024);
		}
		return opt->set(&def, number, err);
	case json_type_boolean:
		if (opt->arg && *opt->arg != '[')
			break;
		return json_object_get_boolean(v) ? opt->set(&def, NULL, err) : 0;
	case json_type_array:
		if (opt->set == set_module) {
			size_t i, len = json_object_array_length(v);
			int ret = 0;

			for (i = 0; i < len && !ret; i++)
				ret = set_member(def, opt, json_object_array_get_idx(v, i), err);
			return ret;
		}
		break;
	case json_type_object:
		if (opt->set == set_policy) {
			if (!def->policy)
				def->policy = xcalloc(1, sizeof(*def->policy));
			return policy_from_json(def->policy, v, err);
		}
		break;
	default:
		break;
	}
	return fail(err, FERRY_X_BAD_FILE, "the definition's \"%s\" has the wrong type", opt->name);
}

int vmdef_from_json(struct vmdef *def, json_object *o, struct error *err)
{
	int ret;

	if (!json_object_is_type(o, json_type_object))
		return fail(err, FERRY_X_BAD_FILE, "the definition is not a JSON object");
	if (json_object_object_get_ex(o, "version", NULL)) {
		ret = json_version(o, "version", VMDEF_VERSION, "the definition", err);
		if (ret)
			return ret;
	}
	json_object_object_foreach(o, key, v)
	{
		const struct opt *opt = vmdef_opts;

		if (!strcmp(key, "version"))
			continue;
		if (!strcmp(key, "generation")) {
			if (!json_get_number(o, key, &def->generation))
				return fail(err, FERRY_X_BAD_FILE,
					    "the definition's \"generation\" is not a number");
			continue;
		}
		while (opt->name && strcmp(opt->name, key))
			opt++;
		if (!opt->name)
			return fail(err, FERRY_X_BAD_FILE,
				    "the definition has a member \"%s\" that this tool does not "
				    "know", key);
		ret = set_member(def, opt, v, err);
		if (ret) {
			/* The same complaint as for an option, but the file is to blame. */
			err->code = ret == FERRY_X_USAGE ? FERRY_X_BAD_FILE : ret;
			return err->code;
		}
	}
	return 0;
}

static void resolve(char **path, const char *base)
{
	const char *slash = strrchr(base, '/');
	char *joined;

	if (!*path || **path == '/' || !slash)
		return;
	joined = xasprintf("%.*s/%s", (int)(slash - base), base, *path);
	free(*path);
	*path = joined;
}

int vmdef_read(struct vmdef *def, const char *path, struct error *err)
{
	char *text = read_text(path, VMDEF_MAX_JSON, "definition", err);
	enum json_tokener_error why;
	json_object *o;
	unsigned int i;
	int ret;

	if (!text)
		return err->code;
	o = json_tokener_parse_verbose(text, &why);
	free(text);
	if (!o)
		return fail(err, FERRY_X_BAD_FILE, "the definition %s is not JSON: %s", path,
			    json_tokener_error_desc(why));
	ret = vmdef_from_json(def, o, err);
	json_object_put(o);
	if (ret)
		return ret;
	resolve(&def->kernel, path);
	for (i = 0; i < def->nr_modules; i++)
		resolve(&def->module[i], path);
	return 0;
}

/* ----------------------------------------------------------------- completion */

/* "vmlinuz-6.1" and the like make good names; what a name cannot have becomes '-'. */
static void name_from_kernel(struct vmdef *def)
{
	const char *base = strrchr(def->kernel, '/');
	char *c;

	snprintf(def->name, sizeof(def->name), "%s", base ? base + 1 : def->kernel);
	for (c = def->name; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("-_.", *c))
			*c = '-';
	if (!vmdef_name_valid(def->name))
		snprintf(def->name, sizeof(def->name), "vm");
}

static void make_absolute(char **path)
{
	char *args = strchr(*path, ' '), *real;

	if (args)
		*args = 0;
	real = realpath(*path, NULL);
	if (args)
		*args = ' ';
	if (!real)
		return; /* whoever opens it will say so */
	if (args) {
		char *joined = xasprintf("%s%s", real, args);

		free(real);
		real = joined;
	}
	free(*path);
	*path = real;
}

int vmdef_complete(struct vmdef *def, struct error *err)
{
	static const u8 zero[16];
	unsigned int i;

	if (!def->kernel)
		return fail(err, FERRY_X_USAGE,
			    "nothing to boot: say --kernel FILE, or give a definition file");
	if (!def->name[0])
		name_from_kernel(def);
	if (!memcmp(def->uuid, zero, sizeof(zero)))
		random_uuid(def->uuid);
	if (!def->append)
		def->append = xstrdup("");
	if (!def->console)
		def->console = xstrdup("tty");
	/* A move or a reboot from another directory must find them. */
	make_absolute(&def->kernel);
	for (i = 0; i < def->nr_modules; i++)
		make_absolute(&def->module[i]);
	return 0;
}

static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	/* "" is no directory: nothing is below it. */
	return len && !strncmp(path, dir, len) && (path[len] == '/' || dir[len - 1] == '/');
}

static int check_file(const char *path, const char *below, struct error *err)
{
	char *real = realpath(path, NULL);
	int ret = 0;

	/* First where it is: what is outside stays unknown. */
	if (below && !is_below(real ? real : path, below))
		ret = fail(err, FERRY_X_BAD_FILE, "%s is not in %s", path, *below ? below :
			   "a directory that 'ferry receive --boot-files' named");
	else if (!real || access(real, R_OK))
		ret = fail_errno(err, FERRY_X_BAD_FILE, "cannot read %s", path);
	free(real);
	return ret;
}

int vmdef_check_boot(const struct vmdef *def, const char *below, struct error *err)
{
	int ret = check_file(def->kernel, below, err);
	unsigned int i;

	for (i = 0; i < def->nr_modules && !ret; i++) {
		char *path = strndup(def->module[i], strcspn(def->module[i], " "));

		ret = check_file(path, below, err);
		free(path);
	}
	return ret;
}
