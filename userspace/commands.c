// SPDX-License-Identifier: GPL-2.0-only
/*
 * The short commands that ask a running VM's process for something: list, stat, pause, continue,
 * stop, nmi.
 */
#include <poll.h>
#include <stdlib.h>

#include "client.h"
#include "command.h"
#include "cpu_print.h"
#include "opts.h"
#include "rundir.h"

struct args {
	bool json;
	bool force;
	u64 timeout_us;
	const char *name;
};

static int set_json(void *ctx, const char *v, struct error *err)
{
	((struct args *)ctx)->json = true;
	return 0;
}

static int set_force(void *ctx, const char *v, struct error *err)
{
	((struct args *)ctx)->force = true;
	return 0;
}

static int set_timeout(void *ctx, const char *v, struct error *err)
{
	if (!parse_duration(v, 1000000, &((struct args *)ctx)->timeout_us))
		return fail(err, FERRY_X_USAGE, "'%s' is no time: say 30s or 500ms", v);
	return 0;
}

static const struct opt json_opt[] = { { "json", NULL, "answer in JSON", set_json }, { NULL } };

static int parse(const struct usage *u, struct args *args, int argc, char **argv, bool named,
		 struct error *err)
{
	int nr, ret = opts_parse(u, args, argc, argv, &args->name, named, &nr, err);

	if (!ret && named && !nr)
		ret = fail(err, FERRY_X_USAGE, "which VM? 'ferry list' shows their names");
	return ret;
}

static int leave(int ret, struct error *err, bool json)
{
	return ret == OPTS_HELP ? FERRY_X_OK : ret ? report(err, json) : FERRY_X_OK;
}

/* The member of a reply that is the answer, alone. */
static void print_member(json_object *reply, const char *key)
{
	json_object *o;

	if (json_object_object_get_ex(reply, key, &o))
		print_json(stdout, o);
}

/* ----------------------------------------------------------------------- list */

static u64 number(json_object *o, const char *key)
{
	u64 v = 0;

	json_get_number(o, key, &v);
	return v;
}

static void print_row(json_object *st)
{
	u64 s = number(st, "uptime_ms") / 1000;

	printf("%-20s %-10s %5llu %10s %7llu %4llu:%02llu:%02llu  %s\n", json_str(st, "name"),
	       json_str(st, "state"), (unsigned long long)number(st, "vcpus"),
	       human(number(st, "memory")), (unsigned long long)number(st, "pid"),
	       (unsigned long long)s / 3600, (unsigned long long)s / 60 % 60,
	       (unsigned long long)s % 60, json_str(st, "console"));
}

int cmd_list(int argc, char **argv)
{
	static const struct usage usage = {
		.command = "list",
		.args = "",
		.help = "Lists the VMs that run here.",
		.opts = json_opt,
	};
	struct args args = { 0 };
	struct error err = { 0 };
	json_object *all;
	size_t i, nr;
	char **names;
	int ret;

	ret = parse(&usage, &args, argc, argv, false, &err);
	if (ret)
		return leave(ret, &err, args.json);
	names = rundir_names(&nr);
	all = json_object_new_array();
	for (i = 0; i < nr; i++) {
		struct error gone = { 0 };
		json_object *reply = client_call(names[i], client_request("status"), &gone), *st;

		/* Another user's VM, or one that ended this moment, is not an error of the list. */
		if (reply && json_object_object_get_ex(reply, "status", &st))
			json_object_array_add(all, json_object_get(st));
		json_object_put(reply);
	}
	if (args.json) {
		print_json(stdout, all);
	} else if (json_object_array_length(all)) {
		printf("%-20s %-10s %5s %10s %7s %10s  %s\n", "NAME", "STATE", "VCPUS", "MEMORY",
		       "PID", "UPTIME", "CONSOLE");
		for (i = 0; i < json_object_array_length(all); i++)
			print_row(json_object_array_get_idx(all, i));
	}
	json_object_put(all);
	rundir_free(names, nr);
	return FERRY_X_OK;
}

/* ----------------------------------------------------------------------- stat */

static void print_words(const char *key, json_object *list, int indent)
{
	size_t i, n = json_object_array_length(list);
	char **words = xcalloc(n + 1, sizeof(*words));

	for (i = 0; i < n; i++)
		words[i] = (char *)json_object_get_string(json_object_array_get_idx(list, i));
	printf("%*s%s:\n", indent, "", key);
	cpu_print_words(stdout, indent + 2, words, n);
	free(words);
}

static void print_stat(json_object *o, int indent)
{
	json_object_object_foreach(o, key, v)
	{
		if (json_object_is_type(v, json_type_object)) {
			if (!json_object_object_length(v))
				continue;
			printf("%*s%s:\n", indent, "", key);
			print_stat(v, indent + 2);
		} else if (json_object_is_type(v, json_type_array)) {
			print_words(key, v, indent);
		} else if (json_object_is_type(v, json_type_string)) {
			printf("%*s%-*s %s\n", indent, "", 26 - indent, key,
			       json_object_get_string(v));
		} else if (json_object_get_uint64(v)) {
			printf("%*s%-*s %llu\n", indent, "", 26 - indent, key,
			       (unsigned long long)json_object_get_uint64(v));
		}
	}
}

int cmd_stat(int argc, char **argv)
{
	static const struct usage usage = {
		.command = "stat",
		.args = "NAME",
		.help = "Shows a VM's counters; those that are zero only with --json.",
		.opts = json_opt,
	};
	struct args args = { 0 };
	struct error err = { 0 };
	json_object *reply, *stat;
	int ret;

	ret = parse(&usage, &args, argc, argv, true, &err);
	if (ret)
		return leave(ret, &err, args.json);
	reply = client_call(args.name, client_request("stat"), &err);
	if (!reply)
		return report(&err, args.json);
	if (args.json)
		print_member(reply, "stat");
	else if (json_object_object_get_ex(reply, "stat", &stat))
		print_stat(stat, 0);
	json_object_put(reply);
	return FERRY_X_OK;
}

/* ------------------------------------------------------- pause, continue, nmi */

static int simple(const struct usage *u, int argc, char **argv)
{
	struct args args = { 0 };
	struct error err = { 0 };
	json_object *reply;
	int ret;

	ret = parse(u, &args, argc, argv, true, &err);
	if (ret)
		return leave(ret, &err, args.json);
	reply = client_call(args.name, client_request(u->command), &err);
	if (!reply)
		return report(&err, args.json);
	if (args.json)
		print_json(stdout, reply);
	json_object_put(reply);
	return FERRY_X_OK;
}

int cmd_pause(int argc, char **argv)
{
	static const struct usage usage = {
		.command = "pause",
		.args = "NAME",
		.help = "Stops a VM's vCPUs and its clock until 'ferry continue'.",
		.opts = json_opt,
	};

	return simple(&usage, argc, argv);
}

int cmd_continue(int argc, char **argv)
{
	static const struct usage usage = {
		.command = "continue",
		.args = "NAME",
		.help = "Lets a VM go on that was paused, or that waited for memory or for the\n"
			"virtualisation hardware.",
		.opts = json_opt,
	};

	return simple(&usage, argc, argv);
}

int cmd_nmi(int argc, char **argv)
{
	static const struct usage usage = {
		.command = "nmi",
		.args = "NAME",
		.help = "Sends a non-maskable interrupt to a VM's first vCPU; Linux guests can be\n"
			"told to dump or panic on it.",
		.opts = json_opt,
	};

	return simple(&usage, argc, argv);
}

/* ----------------------------------------------------------------------- stop */

/* The VM's process says how the VM ended, if it can, and closes the connection. */
static bool wait_for_end(FILE *f, u64 timeout_us, json_object **end)
{
	u64 limit = monotonic_ns() + timeout_us * 1000, now;
	struct pollfd pfd = { .fd = fileno(f), .events = POLLIN };
	bool closed = false;
	char *line = NULL;
	size_t room = 0;

	while (!closed && (now = monotonic_ns()) < limit) {
		if (poll(&pfd, 1, (limit - now) / 1000000 + 1) <= 0)
			continue;
		closed = getline(&line, &room, f) <= 0;
		if (!closed) {
			json_object_put(*end);
			*end = json_tokener_parse(line);
		}
	}
	free(line);
	return closed;
}

/* A VM that has left this host is not stopped. */
static void judge_end(json_object *end, const char *name, struct error *err)
{
	const char *how = json_str(end, "end"), *text = json_str(end, "message");

	if (!how || !text)
		return;
	if (number(end, "exit_code") == FERRY_X_IN_DOUBT)
		fail(err, FERRY_X_IN_DOUBT, "VM %s is stopped here, but %s", name, text);
	else if (!strcmp(how, "moved") || !strcmp(how, "suspended"))
		fail(err, FERRY_X_NO_VM, "VM %s was not stopped, it left meanwhile: %s", name, text);
}

int cmd_stop(int argc, char **argv)
{
	static const struct opt opts[] = {
		{ "force", NULL, "end it at once, as by pulling the plug", set_force },
		{ "timeout", "TIME", "how long to wait for the guest; default 60s", set_timeout },
		{ "json", NULL, "answer in JSON", set_json },
		{ NULL }
	};
	static const struct usage usage = {
		.command = "stop",
		.args = "NAME",
		.help = "Presses a VM's ACPI power button and waits until the guest has powered off.",
		.opts = opts,
	};
	struct args args = { .timeout_us = 60000000 };
	struct error err = { 0 };
	json_object *request, *reply = NULL, *end = NULL;
	FILE *f;
	int ret;

	ret = parse(&usage, &args, argc, argv, true, &err);
	if (ret)
		return leave(ret, &err, args.json);
	request = client_request("stop");
	json_object_object_add(request, "force", json_object_new_boolean(args.force));
	f = client_open(args.name, &err);
	if (f && !client_send(f, request, &err))
		reply = client_receive(f, args.name, &err);
	if (reply && !wait_for_end(f, args.timeout_us, &end))
		fail(&err, FERRY_X_TIMEOUT,
		     "the guest did not power off within %.1f s; it may ignore the button: 'ferry "
		     "stop --force %s' ends it", args.timeout_us / 1e6, args.name);
	else if (reply)
		judge_end(end, args.name, &err);
	json_object_put(end);
	if (f)
		fclose(f);
	json_object_put(request);
	if (reply && !err.code && args.json)
		print_json(stdout, reply);
	json_object_put(reply);
	return err.code ? report(&err, args.json) : FERRY_X_OK;
}
