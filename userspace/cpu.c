// SPDX-License-Identifier: GPL-2.0-only
/*
 * ferry cpu: what CPUs can do, what a pool of them can do together, and whether one can take another's
 * guest. Works on descriptions in files, without the module and without root.
 *
 * Owns: the table of sub-commands. Locks: none.
 */
#include <libxml/parser.h>
#include <stdlib.h>

#include "command.h"
#include "cpu_print.h"

static const struct cpu_command commands[] = {
	{ "dump", cpu_cmd_dump, "describe this host's CPUs" },
	{ "show", cpu_cmd_show, "decode a description" },
	{ "features", cpu_cmd_features, "features by name, one a line" },
	{ "xsave", cpu_cmd_xsave, "leaf 0xD recomputed beside the dump's" },
	{ "baseline", cpu_cmd_baseline, "the policy that all of these hosts can honour" },
	{ "advise", cpu_cmd_advise, "what each host costs a pool, and sub-pools" },
	{ "effective", cpu_cmd_effective, "what a guest with this policy will see" },
	{ "compare", cpu_cmd_compare, "identical, superset, subset or incompatible" },
	{ "check", cpu_cmd_check, "can this host take this guest?" },
	{ "explain", cpu_cmd_explain, "the same in words, with what to do" },
	{ "mask", cpu_cmd_mask, "masks in VMware's notation, applied" },
	{ "model", cpu_cmd_model, "the policy of a named model" },
	{ "models", cpu_cmd_models, "the models and levels there are" },
};

static void help(void)
{
	size_t i;

	printf("usage: ferry cpu COMMAND [arguments]\n\n");
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		printf("  %-10s %s\n", commands[i].name, commands[i].help);
	printf("\n"
	       "A DUMP is a file: \"ferry cpu dump\", \"cpuid -r\", libvirt's XML (cpudata, cpu,\n"
	       "capabilities), OpenStack's cpu_info or a policy; - is standard input, @host this\n"
	       "machine. A POLICY is a DUMP or what baseline, effective, mask and model write,\n"
	       "and what \"ferry run --policy\" takes.\n\n"
	       "check and explain end with 0 for yes, 2 for yes with warnings, 3 for no; a bad\n"
	       "file ends with 16, a wrong command line with 64.\n\n"
	       "'ferry cpu COMMAND --help' explains one. Every command takes --json.\n");
}

int cmd_cpu(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NULL;
	size_t i;
	int ret, k;

	if (!name) {
		complain("say what to do with CPUs; 'ferry cpu --help' lists the commands");
		return FERRY_X_USAGE;
	}
	if (!strcmp(name, "help") || !strcmp(name, "--help") || !strcmp(name, "-h")) {
		help();
		return FERRY_X_OK;
	}
	for (k = 2; k < argc; k++)
		if (!strcmp(argv[k], "-o"))
			argv[k] = (char *)"--output";
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(name, commands[i].name)) {
			ret = commands[i].fn(argc - 1, argv + 1);
			xmlCleanupParser();
			return ret;
		}
	complain("there is no command cpu %s; 'ferry cpu --help' lists them", name);
	return FERRY_X_USAGE;
}
