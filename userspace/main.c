// SPDX-License-Identifier: GPL-2.0-only
/*
 * ferry: the table of commands, and help.
 */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "exitcode.h"
#include "lib/env.h"

static const struct command commands[] = {
	{ "run", cmd_run, "start a VM and be its process until it ends" },
	{ "migrate", cmd_migrate, "move a running VM to another host" },
	{ "receive", cmd_receive, "wait for VMs from other hosts and run them" },
	{ "suspend", cmd_suspend, "save a running VM to a file" },
	{ "resume", cmd_resume, "go on with a saved VM" },
	{ "list", cmd_list, "the VMs that run here" },
	{ "stat", cmd_stat, "counters of a VM: exits by reason, memory, interrupts" },
	{ "pause", cmd_pause, "stop a VM's vCPUs and its clock" },
	{ "continue", cmd_continue, "let a paused or blocked VM go on" },
	{ "stop", cmd_stop, "press a VM's power button, or end it at once" },
	{ "nmi", cmd_nmi, "send a non-maskable interrupt to a VM" },
	{ "cpu", cmd_cpu, "describe CPUs, compare them, make policies and check hosts" },
	{ "info", cmd_info, "what this host and its module can do, and what is in the way" },
};

static void help(void)
{
	size_t i;

	printf("usage: ferry COMMAND [arguments]\n\n"
	       "Runs virtual machines and moves them between hosts whose CPUs differ.\n\n");
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		printf("  %-10s %s\n", commands[i].name, commands[i].help);
	printf("\n'ferry COMMAND --help' explains one. Every command takes --json.\n\nExit codes:\n");
#define X(name, number, word, text) printf("  %3d  %-15s %s\n", number, word, text);
	FERRY_EXIT_CODES(X)
#undef X
	printf("  odd  debug-exit      with run --debug-exit: (v << 1) | 1, v as the guest wrote\n"
	       "  128+n                ended by signal n\n");
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NULL;
	char *words[] = { argv[0], argc > 2 ? argv[2] : NULL, "--help", NULL };
	size_t i;

	if (name && !strcmp(name, "help") && argc > 2 && strcmp(argv[2], "help")) {
		name = argv[2];
		argc = 3;
		argv = words;
	} else if (name && (!strcmp(name, "help") || !strcmp(name, "--help") || !strcmp(name, "-h"))) {
		help();
		return FERRY_X_OK;
	}
	for (i = 0; name && i < ARRAY_SIZE(commands); i++)
		if (!strcmp(name, commands[i].name))
			return commands[i].fn(argc - 1, argv + 1);
	if (name)
		fprintf(stderr, "ferry: there is no command %s; 'ferry help' lists them\n", name);
	else
		fprintf(stderr, "ferry: say what to do; 'ferry help' lists the commands\n");
	return FERRY_X_USAGE;
}
