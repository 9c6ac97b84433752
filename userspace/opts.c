// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parsing by option tables. See opts.h. No state.
 */
#include "opts.h"

static const struct opt *find_in(const struct opt *table, const char *name, size_t len)
{
	for (; table && table->name; table++)
		if (strlen(table->name) == len && !memcmp(table->name, name, len))
			return table;
	return NULL;
}

static const struct opt *find(const struct usage *u, const char *name, size_t len)
{
	const struct opt *o = find_in(u->opts, name, len);

	return o ? o : find_in(u->more, name, len);
}

static void help_table(const struct opt *o)
{
	for (; o && o->name; o++) {
		char left[64], head[72];

		if (!o->arg)
			snprintf(left, sizeof(left), "--%s", o->name);
		else if (*o->arg == '[')
			snprintf(left, sizeof(left), "--%s[=%.*s]", o->name,
				 (int)strlen(o->arg) - 2, o->arg + 1);
		else
			snprintf(left, sizeof(left), "--%s %s", o->name, o->arg);
		snprintf(head, sizeof(head), "  %-26s ", left);
		print_wrapped(stdout, head, 29, o->help);
	}
}

void opts_help(const struct usage *u)
{
	printf("usage: ferry %s%s%s%s\n\n", u->command, *u->args ? " " : "", u->args,
	       u->opts || u->more ? " [options]" : "");
	print_wrapped(stdout, "", 0, u->help);
	if (u->opts || u->more)
		printf("\n");
	help_table(u->opts);
	help_table(u->more);
}

int opts_parse(const struct usage *u, void *ctx, int argc, char **argv, const char **pos, int max,
	       int *nr, struct error *err)
{
	bool only_pos = false;
	int i, ret;

	*nr = 0;
	for (i = 1; i < argc; i++) {
		const char *arg = argv[i], *value;
		const struct opt *o;
		size_t len;

		if (only_pos || arg[0] != '-' || !arg[1]) {
			if (*nr == max)
				return fail(err, FERRY_X_USAGE,
					    "'%s' is one argument too many; see 'ferry %s --help'",
					    arg, u->command);
			pos[(*nr)++] = arg;
			continue;
		}
		if (!strcmp(arg, "--")) {
			only_pos = true;
			continue;
		}
		if (!strcmp(arg, "--help") || !strcmp(arg, "-h")) {
			opts_help(u);
			return OPTS_HELP;
		}
		value = strchr(arg, '=');
		len = value ? (size_t)(value - arg) : strlen(arg);
		o = arg[1] == '-' ? find(u, arg + 2, len - 2) : NULL;
		if (!o)
			return fail(err, FERRY_X_USAGE,
				    "there is no option %.*s; see 'ferry %s --help'", (int)len, arg,
				    u->command);
		if (value)
			value++;
		if (value && !o->arg)
			return fail(err, FERRY_X_USAGE, "--%s takes no value", o->name);
		if (!value && o->arg && *o->arg != '[') {
			if (++i == argc)
				return fail(err, FERRY_X_USAGE, "--%s needs %s", o->name, o->arg);
			value = argv[i];
		}
		ret = o->set(ctx, value, err);
		if (ret)
			return ret;
	}
	return 0;
}
