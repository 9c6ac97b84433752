/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The commands of the tool: each is main() for its own words.
 */
#ifndef FERRY_COMMAND_H
#define FERRY_COMMAND_H

struct command {
	const char *name;
	int (*fn)(int argc, char **argv);
	const char *help;
};

int cmd_run(int argc, char **argv);
int cmd_receive(int argc, char **argv);
int cmd_migrate(int argc, char **argv);
int cmd_suspend(int argc, char **argv);
int cmd_resume(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_stat(int argc, char **argv);
int cmd_pause(int argc, char **argv);
int cmd_continue(int argc, char **argv);
int cmd_stop(int argc, char **argv);
int cmd_nmi(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_cpu(int argc, char **argv);

#endif /* FERRY_COMMAND_H */
