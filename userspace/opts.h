/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Command lines as tables: one row per option serves parsing, --help and error messages. No state.
 */
#ifndef FERRY_OPTS_H
#define FERRY_OPTS_H

#include "util.h"

/**
 * struct opt - one option
 * @name: without dashes; NULL ends a table
 * @arg: what its value is called in the help, NULL for a flag; "[X]" means the value is optional
 *	and joined by '='
 * @help: one line
 * @set: store it; @value is NULL for a flag
 */
struct opt {
	const char *name;
	const char *arg;
	const char *help;
	int (*set)(void *ctx, const char *value, struct error *err);
};

/**
 * struct usage - a command's line
 * @command: its name
 * @args: positional arguments in words
 * @help: what it does, a paragraph
 * @opts: its own options
 * @more: options of a second table, or NULL
 */
struct usage {
	const char *command;
	const char *args;
	const char *help;
	const struct opt *opts;
	const struct opt *more;
};

/* Returned when --help was printed: the command is done and all is well. */
#define OPTS_HELP (-1)

/*
 * Parse argv[1..]: options in any order, up to @max positionals into @pos (count in *@nr). Both
 * tables' set() get @ctx. Returns 0, OPTS_HELP or FERRY_X_USAGE.
 */
int opts_parse(const struct usage *u, void *ctx, int argc, char **argv, const char **pos, int max,
	       int *nr, struct error *err);
void opts_help(const struct usage *u);

#endif /* FERRY_OPTS_H */
