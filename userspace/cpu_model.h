/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CPUs by name: the levels and models that the tool carries, and libvirt's CPU map where it is
 * installed.
 *
 * Owns: the parsed tables, read once. Locks: none; one thread.
 */
#ifndef FERRY_CPU_MODEL_H
#define FERRY_CPU_MODEL_H

#include "lib/cpu/features.h"
#include "util.h"

#define CPU_MAP_DIR "/usr/share/libvirt/cpu_map"

/**
 * struct cpu_model - one of them
 * @name: its name
 * @alias: other names, separated by spaces, or ""
 * @vendor: "Intel", "AMD", "Hygon" or "" for any
 * @source: where the list of features comes from
 * @family: family, model and stepping a guest is shown; 0 0 0 when it tells none
 * @model: see @family
 * @stepping: see @family
 * @set: its features
 */
struct cpu_model {
	char name[64];
	char alias[256];
	char vendor[16];
	char source[160];
	u32 family;
	u32 model;
	u32 stepping;
	struct cpu_set set;
};

/* Find one by name or alias, with libvirt's map as the last resort; fails when there is none. */
int cpu_model_find(const char *name, struct cpu_model *m, struct error *err);
/* Those the tool carries, by number; NULL after the last. */
const struct cpu_model *cpu_model_get(unsigned int i);
/* Leaf 1 EAX of a family, model and stepping (SDM vol. 2A, CPUID). */
u32 cpu_signature_make(u32 family, u32 model, u32 stepping);
/* The vendor string of leaf 0 for "Intel", "AMD", "Hygon"; NULL for another word. */
const char *cpu_vendor_id(const char *vendor);

#endif /* FERRY_CPU_MODEL_H */
