// SPDX-License-Identifier: GPL-2.0-only
/*
 * ferry run: from a command line or a definition file to a running VM.
 */
#include <stdlib.h>
#include <unistd.h>

#include "command.h"
#include "policy.h"
#include "session.h"

/* vmdef_opts expect the definition first. */
struct run_args {
	struct vmdef *def;
	bool json;
	const char *write_definition;
};

static int set_json(void *ctx, const char *v, struct error *err)
{
	((struct run_args *)ctx)->json = true;
	return 0;
}

static int set_write(void *ctx, const char *v, struct error *err)
{
	((struct run_args *)ctx)->write_definition = v;
	return 0;
}

static const struct opt own_opts[] = {
	{ "write-definition", "FILE", "write the complete definition, CPU policy too, and exit",
	  set_write },
	{ "json", NULL, "at the end say how it ended as one JSON object on stderr", set_json },
	{ NULL }
};

static const struct usage usage = {
	.command = "run",
	.args = "[VM.json]",
	.help = "Starts a VM and is its process until it ends. What the VM is, is said by options,\n"
		"by a definition file, or by a file and options that change it.\n"
		"The exit code is 0 when the guest powers itself off; a reboot starts it again.",
	.opts = vmdef_opts,
	.more = own_opts,
};

/* The definition file comes first, so that options override it wherever they stand. */
static const char *find_file(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++) {
		const struct opt *o;

		if (!strcmp(argv[i], "--"))
			return i + 1 < argc ? argv[i + 1] : NULL;
		if (argv[i][0] != '-')
			return argv[i];
		if (strchr(argv[i], '=') || strncmp(argv[i], "--", 2))
			continue;
		for (o = vmdef_opts; o->name && strcmp(o->name, argv[i] + 2); o++)
			;
		if ((o->name && o->arg && *o->arg != '[') ||
		    !strcmp(argv[i], "--write-definition"))
			i++;
	}
	return NULL;
}

static int parse(struct run_args *args, int argc, char **argv, struct error *err)
{
	const char *file = find_file(argc, argv), *pos[1];
	int nr, ret = 0, i;

	for (i = 1; i < argc; i++)
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
			file = NULL;
	if (file)
		ret = vmdef_read(args->def, file, err);
	if (!ret)
		ret = opts_parse(&usage, args, argc, argv, pos, 1, &nr, err);
	return ret ? ret : vmdef_complete(args->def, err);
}

/* All that another host needs, with nothing left to that host's defaults. */
static int write_definition(struct vmdef *def, const char *path, struct error *err)
{
	struct ferry_info info = { 0 };
	struct error ignored;
	json_object *o;
	char *text;
	int fd, ret;

	if (!ferry_open(&fd, &info, &ignored))
		close(fd);
	if (!def->policy) {
		def->policy = xcalloc(1, sizeof(*def->policy));
		ret = policy_default(def->policy, def->vcpus, info.caps, err);
	} else {
		ret = policy_effective(def->policy, def->vcpus, info.caps, err);
	}
	if (ret)
		return ret;
	o = vmdef_to_json(def);
	text = xasprintf("%s\n", json_object_to_json_string_ext(o,
			 JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	ret = write_file_durably(path, text, strlen(text), err);
	free(text);
	json_object_put(o);
	return ret;
}

int cmd_run(int argc, char **argv)
{
	struct run_args args = { .def = vmdef_new() };
	struct session *s = xcalloc(1, sizeof(*s));
	struct error err = { 0 };
	int ret;

	ret = parse(&args, argc, argv, &err);
	if (ret || args.write_definition) {
		if (!ret)
			ret = write_definition(args.def, args.write_definition, &err);
		vmdef_free(args.def);
		free(s);
		return ret == OPTS_HELP ? FERRY_X_OK : ret ? report(&err, args.json) : ret;
	}

	/*
	 * Moves of this VM's earlier lives have numbers that other hosts remember: this one's begin
	 * above them, for no move takes less than a millisecond. A clock that is wrong leads to
	 * refusals, never to a number that is taken twice.
	 */
	args.def->generation = max(args.def->generation, realtime_ns() / 1000000);
	s->json = args.json;
	ret = session_init(s, args.def, &err);
	s->json = args.json;
	if (!ret)
		ret = session_open(s, true, &err);
	if (!ret)
		ret = vm_create(&s->vm, &err);
	if (!ret)
		ret = vm_boot(&s->vm, &err);
	if (!ret)
		ret = session_run(s, &err);
	ret = ret ? report(&err, args.json) : session_report(s);
	session_destroy(s);
	free(s);
	return ret;
}
