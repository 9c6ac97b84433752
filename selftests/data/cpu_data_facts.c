// SPDX-License-Identifier: GPL-2.0-only
/*
 * The feature list against other lists: libvirt's CPU map, x86-cpuid-db's fields, Xen's pool rules.
 */
#include "cpu_data.h"

static json_object *get(json_object *o, const char *key)
{
	json_object *v = NULL;

	json_object_object_get_ex(o, key, &v);
	return v;
}

static u32 number(json_object *o, const char *key)
{
	const char *s = json_str(o, key);

	return s ? strtoul(s, NULL, 0) : 0;
}

static int reg_of(const char *name)
{
	static const char *const regs[] = { "eax", "ebx", "ecx", "edx" };
	int i;

	for (i = 0; i < 4; i++)
		if (name && !strcasecmp(name, regs[i]))
			return i;
	return -1;
}

/* The feature at a place, or NULL. */
static const struct cpu_feature *feature_at(bool msr, u32 index, u32 sub, int reg, unsigned int bit)
{
	unsigned int i;

	for (i = 0; i < CPU_NR_WORDS; i++) {
		const struct cpu_word *w = &cpu_words[i];

		if ((w->source == CPU_SOURCE_MSR) == msr && w->index == index && w->sub == sub &&
		    w->reg == reg)
			return cpu_feature(32 * i + bit);
	}
	return NULL;
}

/* Each of libvirt's features is at the place where ours of that name is. */
static void libvirt_places(void)
{
	struct family f = { .name = "libvirt's feature places" };
	json_object *o = data_json("libvirt-features.json"), *features = get(o, "features");

	if (!features)
		return;
	json_object_object_foreach(features, name, feature) {
		json_object *bits = get(feature, "bits");
		bool negated;
		const struct cpu_feature *ours = cpu_feature_find(name, &negated), *there = NULL;
		size_t i, n = json_object_array_length(bits);

		for (i = 0; i < n; i++) {
			json_object *b = json_object_array_get_idx(bits, i);
			bool msr = get(b, "msr") != NULL;
			u32 mask = number(b, "mask"), index = number(b, msr ? "msr" : "leaf");
			int reg = reg_of(json_str(b, "reg"));

			if (!mask)
				continue;
			/*
			 * QEMU's words for VMX controls hold what may be set, which the MSR has in
			 * its high half, and what may be clear, which is a 0 in the low half.
			 */
			if (msr && index >= 0x48b && index <= 0x490 && index != 0x48c)
				reg = negated ? CPU_EAX : CPU_EDX;
			there = feature_at(msr, index, msr ? 0 : number(b, "subleaf"), reg,
					   __ffs(mask));
		}
		if (!ours)
			failed(&f, "%s is not known", name);
		else if (ours != there)
			failed(&f, "%s is elsewhere", name);
		else
			equal(&f);
	}
	finish(&f);
	json_object_put(o);
}

/* Single-bit fields that are not features of their own. */
static const char *not_a_feature(u32 leaf, u32 sub, int reg, unsigned int bit)
{
	switch (leaf) {
	case 0x2:
		return "validity of cache descriptors";
	case 0x4:
	case 0x8000001d:
		return "a property of one cache";
	case 0xd:
		if (sub == 0 || sub >= 2)
			return "XSAVE components are handled as layout (xsave.c)";
		break;
	case 0x12:
		if (reg == CPU_ECX)
			return "the enclave's copy of XCR0";
		break;
	case 0x17:
	case 0x18:
		return "a property of one chip or TLB";
	case 0x80000001:
		if (reg == CPU_EDX && (1u << bit & 0x0183f3ff))
			return "AMD's copy of leaf 1 EDX (derive.h)";
		break;
	case 0x8000001c:
		if (reg == CPU_ECX)
			return "a property of LWP's hardware";
		break;
	case 0x80000026:
		return "topology";
	}
	if (leaf >= 0x80860000)
		return "neither Intel's nor AMD's";
	return NULL;
}

static void cpuid_db(void)
{
	struct family f = { .name = "x86-cpuid-db bits" };
	char *path = data_path("kcpuid-cpuid.csv"), line[400];
	FILE *in = fopen(path, "r");

	free(path);
	if (!in) {
		absent("x86-cpuid-db", "kcpuid-cpuid.csv");
		return;
	}
	while (fgets(line, sizeof(line), in)) {
		char subs[20], reg[8], bits[12], name[64], *colon;
		unsigned int leaf, sub, bit;
		const char *why;

		if (sscanf(line, " %x , %19[^,], %7[^,], %11[^,], %63s", &leaf, subs, reg, bits, name) != 5)
			continue;
		if (strchr(bits, ':'))
			continue;
		colon = strchr(subs, ':');
		sub = strtoul(colon ? colon + 1 : subs, NULL, 10);
		bit = strtoul(bits, NULL, 10);
		why = not_a_feature(leaf, sub, reg_of(reg), bit);
		if (feature_at(false, leaf, sub, reg_of(reg), bit))
			equal(&f);
		else if (why)
			f.cases++, f.deviating++;
		else
			failed(&f, "leaf 0x%x.%u %s bit %u (%s) is not in the list", leaf, sub, reg, bit,
			       name);
	}
	fclose(in);
	printf("# x86-cpuid-db: the deviating bits are cache, topology and XSAVE-layout fields, AMD's copy of "
	     "leaf 1, and other vendors' leaves\n");
	finish(&f);
}

/* Xen's facts: what is combined by OR there is OR here, and the other way round. */
static void xen_rules(void)
{
	struct family f = { .name = "Xen's pool rules" };
	json_object *o = data_json("xen-featureset.json"), *list = get(o, "features");
	size_t i, n = list ? json_object_array_length(list) : 0;

	for (i = 0; i < n; i++) {
		json_object *x = json_object_array_get_idx(list, i), *v = get(x, "bit");
		const char *word = json_str(x, "word"), *rule = json_str(x, "pool_rule");
		unsigned int bit = v ? json_object_get_int(v) : 0, leaf = 0, sub = 0;
		const struct cpu_feature *ours;
		char reg[8] = "", copy[32];
		bool msr = false;

		snprintf(copy, sizeof(copy), "%s", word ? word : "");
		if (sscanf(copy, "msr%x.%7s", &leaf, reg) == 2) {
			msr = true;
			snprintf(reg, sizeof(reg), "%s", bit >= 32 ? "edx" : "eax");
			bit %= 32;
		} else if (sscanf(copy, "%x.%u.%7s", &leaf, &sub, reg) != 3) {
			sub = 0;
			sscanf(copy, "%x.%7s", &leaf, reg);
		}
		ours = feature_at(msr, leaf, sub, reg_of(reg), bit);
		if (!ours) {
			failed(&f, "%s at %s bit %u is not in the list", json_str(x, "name"), word, bit);
		} else if (rule && !strcmp(rule, "or") != (ours->pool == CPU_POOL_OR)) {
			if (ours->nr == CPU_F_FDP_EXCPTN_ONLY || ours->nr == CPU_F_ZERO_FCS_FDS)
				deviates(&f, "%s: Xen has a rule of its own, Ferry takes OR",
					 json_str(x, "name"));
			else
				failed(&f, "%s: rule %s", json_str(x, "name"), rule);
		} else {
			equal(&f);
		}
	}
	if (n)
		finish(&f);
	json_object_put(o);
}

void test_facts(void)
{
	libvirt_places();
	cpuid_db();
	xen_rules();
}
