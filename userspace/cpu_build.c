// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPUs made of names: a model with features added and removed. What such a description does not
 * tell (widths, XSAVE layout, caches) it does not promise either.
 *
 * Owns: nothing. Locks: none.
 */
#include <stdlib.h>

#include "cpu_input.h"
#include "cpu_model.h"

/* Words of which a list of names tells everything: what it does not name is not there. */
static int scaffold(struct cpu_policy *p, const char *vendor_id, u32 signature)
{
	u32 zero[4] = { 0 }, v[3] = { 0 };
	u32 leaf0[4] = { 0 }, leaf1[4] = { signature, 0, 0, 0 }, ext[4] = { 0x80000022, 0, 0, 0 };
	int ret;

	if (vendor_id)
		memcpy(v, vendor_id, 12);
	leaf0[CPU_EAX] = 0x24;
	leaf0[CPU_EBX] = v[0];
	leaf0[CPU_EDX] = v[1];
	leaf0[CPU_ECX] = v[2];
	cpu_policy_init(p);
	ret = cpu_policy_set(p, 0, 0, leaf0);
	if (!ret)
		ret = cpu_policy_set(p, 1, 0, leaf1);
	if (!ret)
		ret = cpu_policy_set(p, 0x80000000, 0, ext);
	if (!ret)
		ret = cpu_policy_set(p, 0x80000001, 0, zero);
	return ret;
}

/* Give each feature word a leaf, so that "not named" reads as "not there" and not as "unknown". */
static int know_all(struct cpu_policy *p)
{
	u32 zero[4] = { 0 };
	unsigned int i;

	for (i = 0; i < CPU_NR_WORDS; i++) {
		const struct cpu_word *w = &cpu_words[i];

		if (w->source == CPU_SOURCE_CPUID && w->index != 0xd &&
		    w->index <= cpu_policy_max_leaf(p, w->index & 0xffff0000) &&
		    !cpu_policy_find(p, w->index, w->sub) && cpu_policy_set(p, w->index, w->sub, zero))
			return -1;
	}
	return 0;
}

int cpu_host_build(struct cpu_host *h, const char *vendor, const u32 *signature, struct error *err)
{
	struct cpu_model *m = xcalloc(1, sizeof(*m));
	struct cpu_policy *p = xcalloc(1, sizeof(*p));
	const char *id;
	u32 sig = 0;
	unsigned int i;
	int ret = 0;

	h->names_only = true;
	if (h->mode == CPU_MODE_PASSTHROUGH || h->mode == CPU_MODE_HOST_MODEL)
		goto out; /* made when the host is known */
	if (*h->model) {
		ret = cpu_model_find(h->model, m, err);
		if (ret) {
			char text[sizeof(err->text)];

			snprintf(text, sizeof(text), "%s", err->text);
			ret = fail(err, FERRY_X_BAD_FILE, "%s: %s", h->name, text);
			goto out;
		}
		if (*vendor && *m->vendor && strcmp(cpu_vendor_id(vendor), cpu_vendor_id(m->vendor))) {
			ret = fail(err, FERRY_X_BAD_FILE,
				   "%s: vendor: the model %s is one of %s, not of %s", h->name, h->model,
				   m->vendor, vendor);
			goto out;
		}
	}
	id = *vendor ? cpu_vendor_id(vendor) : *m->vendor ? cpu_vendor_id(m->vendor) : NULL;
	if (signature)
		sig = cpu_signature_make(signature[0], signature[1], signature[2]);
	else if (m->family)
		sig = cpu_signature_make(m->family, m->model, m->stepping);
	for (i = 0; i < CPU_NR_WORDS; i++) {
		m->set.w[i] |= h->features[CPU_FORCE].w[i] | h->features[CPU_REQUIRE].w[i] |
			       h->features[CPU_OPTIONAL].w[i];
		m->set.w[i] &= ~(h->features[CPU_DISABLE].w[i] | h->features[CPU_FORBID].w[i]);
	}
	if (scaffold(p, id, sig) || know_all(p) || cpu_set_apply(p, &m->set))
		ret = fail(err, FERRY_X_BAD_FILE, "%s: too many features for one CPU", h->name);
	else
		ret = cpu_host_add(h, p, 0, err);
out:
	free(p);
	free(m);
	return ret;
}
