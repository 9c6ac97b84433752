// SPDX-License-Identifier: GPL-2.0-only
/*
 * The record of what a guest was shown and enabled. See seen.h.
 *
 * Owns: the names of its parts in JSON. Locks: none.
 */
#include <stdlib.h>

#include "cpu_print.h"
#include "libferry.h"
#include "policy.h"
#include "seen.h"

static bool bit(const __u64 *map, u32 i)
{
	return map[i / 64] >> (i % 64) & 1;
}

/* Of a policy, what stands in entries that were shown. */
static void keep_shown(struct cpu_policy *p, const struct ferry_state_seen *s)
{
	struct cpu_policy all = *p;
	u32 i;

	cpu_policy_init(p);
	for (i = 0; i < all.nr_leaves; i++)
		if (bit(s->cpuid, i))
			cpu_policy_add(p, &all.leaf[i]);
	for (i = 0; i < all.nr_msrs; i++)
		if (bit(&s->msrs, i))
			cpu_policy_add_msr(p, all.msr[i].index, all.msr[i].value);
}

json_object *seen_of_vm(int vm, struct error *err)
{
	struct cpu_policy *p = xcalloc(1, sizeof(*p));
	struct ferry_state_seen s = { 0 };
	struct ferry_state_vmclock clock;
	u32 length = sizeof(s), clock_length = sizeof(clock), i;
	json_object *o = NULL;
	struct cpu_set set;

	if (policy_of_vm(vm, p, err) ||
	    ferry_get_state(vm, FERRY_STATE_SEEN, &s, &length, err) ||
	    ferry_get_state(vm, FERRY_STATE_VMCLOCK, &clock, &clock_length, err))
		goto out;
	o = json_object_new_object();
	json_object_object_add(o, "cr4_ever_set", json_hex(s.cr4));
	json_object_object_add(o, "efer_ever_set", json_hex(s.efer));
	json_object_object_add(o, "xcr0_ever_set", json_hex(s.xcr0));
	json_object_object_add(o, "kvmclock_ever_enabled",
			       json_object_new_boolean(s.flags & FERRY_SEEN_KVMCLOCK));
	json_object_object_add(o, "tsc_khz", json_object_new_int64(clock.tsc_khz));
	/* Features that need a bit set before they work, and never had it. */
	cpu_set_get(p, &set);
	for (i = 0; i < cpu_nr_features; i++) {
		unsigned int nr = cpu_features[i].nr;
		struct cpu_gates g;

		if (!cpu_gate_of(nr, &g) || (g.cr4 & s.cr4) || (g.efer & s.efer) || (g.xcr0 & s.xcr0))
			cpu_set_put(&set, nr, false);
	}
	json_object_object_add(o, "never_enabled", cpu_set_json(&set));
	keep_shown(p, &s);
	cpu_set_get(p, &set);
	json_object_object_add(o, "shown", cpu_set_json(&set));
out:
	free(p);
	return o;
}

static bool get_gate(json_object *o, const char *key, u64 *out)
{
	const char *text = json_str(o, key);

	return text && parse_u64(text, 0, U64_MAX, out);
}

int seen_read(struct cpu_gates *gates, u32 *raw_khz, const char *path, struct error *err)
{
	char *text = read_text(path, 1 << 20, "output of ferry stat --json", err);
	json_object *o, *cpu;
	int ret = 0;
	u64 khz;

	if (!text)
		return err->code;
	o = json_tokener_parse(text);
	if (!o || !json_object_object_get_ex(o, "cpu", &cpu))
		ret = fail(err, FERRY_X_BAD_FILE, "%s: cpu: missing: this is no output of "
			   "'ferry stat --json NAME'", path);
	else if (!get_gate(cpu, "cr4_ever_set", &gates->cr4) ||
		 !get_gate(cpu, "efer_ever_set", &gates->efer) ||
		 !get_gate(cpu, "xcr0_ever_set", &gates->xcr0))
		ret = fail(err, FERRY_X_BAD_FILE, "%s: cpu: cr4_ever_set, efer_ever_set and "
			   "xcr0_ever_set are expected, each a number in a string", path);
	else if (!json_flag(cpu, "kvmclock_ever_enabled", true) &&
		 json_get_number(cpu, "tsc_khz", &khz) && khz <= U32_MAX)
		*raw_khz = khz;
	json_object_put(o);
	free(text);
	return ret;
}
