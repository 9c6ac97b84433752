/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The definition of a VM: what `ferry run` is told by options or by one JSON file, what a suspend
 * file and the migration stream carry, and what another host needs to start the same machine. One
 * table of fields serves all of these. No locks: a definition belongs to its VM.
 */
#ifndef FERRY_VMDEF_H
#define FERRY_VMDEF_H

#include <linux/ferry.h>

#include "boot.h"
#include "lib/cpu/policy.h"
#include "opts.h"

#define VMDEF_VERSION 1
#define VMDEF_MAX_JSON (256U << 10)

/**
 * struct vmdef - a machine on paper
 * @memory: bytes
 * @module: the initrd first; "FILE" or "FILE ARGS"
 * @console: see console_open()
 * @debug_exit: port, 0 for none
 * @policy: what the guest sees of its CPU; NULL means this host's, decided at the start
 * @generation: number of the last attempt to move it; see Documentation/migration.rst
 */
struct vmdef {
	char name[FERRY_NAME_LEN];
	u8 uuid[16];
	u64 generation;
	u64 memory;
	unsigned int vcpus;
	char *kernel;
	char *append;
	unsigned int nr_modules;
	char *module[BOOT_MAX_MODULES];
	bool has_initrd;
	enum boot_protocol boot;
	char *console;
	u16 debug_exit;
	bool msr_ignore;
	bool no_reboot;
	bool emulate;
	struct cpu_policy *policy;
};

/* Defaults: 512 MiB, one vCPU, the terminal. */
struct vmdef *vmdef_new(void);
void vmdef_free(struct vmdef *def);
/* Options that fill a definition; ctx is a pointer whose first member is struct vmdef *. */
extern const struct opt vmdef_opts[];
/* Name and uuid if they are missing; refuses what cannot work. */
int vmdef_complete(struct vmdef *def, struct error *err);
json_object *vmdef_to_json(const struct vmdef *def);
int vmdef_from_json(struct vmdef *def, json_object *o, struct error *err);
/* Read a definition file; relative paths in it are relative to it. */
int vmdef_read(struct vmdef *def, const char *path, struct error *err);
/*
 * Can all that a boot reads be read here, and is it in the directory @below (as realpath() says it;
 * NULL: anywhere)? Else FERRY_X_BAD_FILE and which of it cannot.
 */
int vmdef_check_boot(const struct vmdef *def, const char *below, struct error *err);
bool vmdef_name_valid(const char *name);

#endif /* FERRY_VMDEF_H */
