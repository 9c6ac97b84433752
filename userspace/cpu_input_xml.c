// SPDX-License-Identifier: GPL-2.0-only
/*
 * libvirt's XML: <cpudata> (CPUID and MSRs as read), <cpu> definitions, and <capabilities>, <domain>,
 * <domainCapabilities> and <hostCPU>-like documents that contain one.
 *
 * Owns: nothing. Locks: none.
 */
#include <libxml/parser.h>
#include <stdlib.h>

#include "cpu_input.h"
#include "cpu_model.h"

/* No network, no entities from elsewhere; libxml2 bounds depth and expansion by itself. */
#define XML_OPTIONS (XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOBLANKS)

static bool is(const xmlNode *node, const char *name)
{
	return node->type == XML_ELEMENT_NODE && !xmlStrcmp(node->name, BAD_CAST name);
}

static xmlNode *child(xmlNode *node, const char *name)
{
	for (node = node->children; node; node = node->next)
		if (is(node, name))
			return node;
	return NULL;
}

static int bad(struct cpu_host *h, xmlNode *node, const char *field, const char *what,
	       struct error *err)
{
	return fail(err, FERRY_X_BAD_FILE, "%s: line %ld: <%s> %s: %s", h->name, xmlGetLineNo(node),
		    (const char *)node->name, field, what);
}

static bool attribute(xmlNode *node, const char *name, char *out, size_t size)
{
	xmlChar *v = xmlGetProp(node, BAD_CAST name);
	bool fits = v && strlen((const char *)v) < size;

	if (fits)
		memcpy(out, v, strlen((const char *)v) + 1);
	xmlFree(v);
	return fits;
}

static bool content(xmlNode *node, char *out, size_t size)
{
	xmlChar *v = xmlNodeGetContent(node);
	const char *s = (const char *)v;
	size_t n;

	while (s && (*s == ' ' || *s == '\n' || *s == '\t' || *s == '\r'))
		s++;
	n = s ? strlen(s) : 0;
	while (n && (s[n - 1] == ' ' || s[n - 1] == '\n' || s[n - 1] == '\t' || s[n - 1] == '\r'))
		n--;
	if (n && n < size) {
		memcpy(out, s, n);
		out[n] = 0;
	}
	xmlFree(v);
	return n && n < size;
}

static int number(struct cpu_host *h, xmlNode *node, const char *name, u32 fallback, u64 max,
		  u32 *out, struct error *err)
{
	char text[40];
	u64 v;

	if (!xmlHasProp(node, BAD_CAST name)) {
		*out = fallback;
		return 0;
	}
	if (!attribute(node, name, text, sizeof(text)) || !parse_u64(text, 0, max, &v))
		return bad(h, node, name, "a 32-bit number is expected", err);
	*out = v;
	return 0;
}

/* ------------------------------------------------------------------ cpudata */

static int cpuid_element(struct cpu_host *h, xmlNode *node, struct cpu_policy *p, struct error *err)
{
	static const char *const names[] = { "eax", "ebx", "ecx", "edx" };
	const struct cpu_leaf *old;
	struct cpu_leaf l = { 0 };
	u32 i;

	if (!xmlHasProp(node, BAD_CAST "eax_in"))
		return bad(h, node, "eax_in", "is missing", err);
	if (number(h, node, "eax_in", 0, U32_MAX, &l.leaf, err) ||
	    number(h, node, "ecx_in", 0, U32_MAX, &l.subleaf, err))
		return err->code;
	for (i = 0; i < 4; i++)
		if (number(h, node, names[i], 0, U32_MAX, &l.reg[i], err))
			return err->code;
	if (l.subleaf && !cpu_leaf_has_subleaves(l.leaf))
		return 0;
	old = cpu_policy_find(p, l.leaf, l.subleaf);
	if (old && memcmp(old->reg, l.reg, sizeof(l.reg)))
		return bad(h, node, "eax_in", "this leaf was given before with other values", err);
	if (!old && cpu_policy_add(p, &l))
		return bad(h, node, "eax_in", "more leaves than any CPU has", err);
	return 0;
}

static int msr_element(struct cpu_host *h, xmlNode *node, struct cpu_policy *p, struct error *err)
{
	const struct cpu_msr *old;
	u32 index, lo, hi;

	if (!xmlHasProp(node, BAD_CAST "index"))
		return bad(h, node, "index", "is missing", err);
	if (number(h, node, "index", 0, U32_MAX, &index, err) ||
	    number(h, node, "eax", 0, U32_MAX, &lo, err) ||
	    number(h, node, "edx", 0, U32_MAX, &hi, err))
		return err->code;
	old = cpu_policy_find_msr(p, index);
	if (old && old->value != ((u64)hi << 32 | lo))
		return bad(h, node, "index", "this MSR was given before with another value", err);
	if (cpu_is_feature_msr(index) && cpu_policy_set_msr(p, index, (u64)hi << 32 | lo))
		return bad(h, node, "index", "too many MSRs", err);
	return 0;
}

static int parse_cpudata(struct cpu_host *h, xmlNode *root, struct error *err)
{
	struct cpu_policy *p = xcalloc(1, sizeof(*p));
	char arch[16];
	xmlNode *node;
	int ret = 0;

	h->format = "libvirt's CPUID XML";
	if (attribute(root, "arch", arch, sizeof(arch)) && strcmp(arch, "x86"))
		ret = bad(h, root, "arch", "only x86 is understood", err);
	for (node = root->children; node && !ret; node = node->next) {
		if (is(node, "cpuid"))
			ret = cpuid_element(h, node, p, err);
		else if (is(node, "msr"))
			ret = msr_element(h, node, p, err);
		else if (node->type == XML_ELEMENT_NODE)
			ret = bad(h, node, "element", "<cpuid> and <msr> are expected", err);
	}
	if (!ret && !p->nr_leaves)
		ret = bad(h, root, "element", "no <cpuid> in it", err);
	if (!ret)
		ret = cpu_host_add(h, p, 0, err);
	free(p);
	return ret;
}

/* ------------------------------------------------------------------ <cpu> */

static int feature_element(struct cpu_host *h, xmlNode *node, struct error *err)
{
	enum cpu_feature_policy how = CPU_REQUIRE;
	const struct cpu_feature *f;
	char name[64], word[16];
	bool negated;

	if (!attribute(node, "name", name, sizeof(name)))
		return bad(h, node, "name", "is missing", err);
	if (xmlHasProp(node, BAD_CAST "policy") &&
	    (!attribute(node, "policy", word, sizeof(word)) ||
	     !cpu_parse_feature_policy(word, &how)))
		return bad(h, node, "policy",
			   "force, require, optional, disable or forbid is expected", err);
	f = cpu_feature_find(name, &negated);
	if (!f)
		return fail(err, FERRY_X_BAD_FILE, "%s: line %ld: <feature> name: unknown feature %s",
			    h->name, xmlGetLineNo(node), name);
	if (negated)
		how = how <= CPU_OPTIONAL ? CPU_DISABLE : CPU_REQUIRE;
	cpu_host_set_feature(h, f->nr, how);
	return 0;
}

static int parse_cpu(struct cpu_host *h, xmlNode *root, struct error *err)
{
	char vendor[16] = "", mode[24] = "", word[64];
	u32 sig[3] = { 0 }, mask = 0, bits = 0;
	xmlNode *node;
	int ret = 0;

	h->format = "libvirt's CPU definition";
	h->mode = CPU_MODE_CUSTOM;
	if (attribute(root, "mode", mode, sizeof(mode))) {
		if (!strcmp(mode, "host-passthrough") || !strcmp(mode, "maximum"))
			h->mode = CPU_MODE_PASSTHROUGH;
		else if (!strcmp(mode, "host-model") && !child(root, "model"))
			h->mode = CPU_MODE_HOST_MODEL;
		else if (strcmp(mode, "custom") && strcmp(mode, "host-model"))
			return bad(h, root, "mode", "not one of libvirt's", err);
	}
	if (attribute(root, "match", mode, sizeof(mode))) {
		if (!strcmp(mode, "strict"))
			h->match = CPU_MATCH_STRICT;
		else if (!strcmp(mode, "minimum"))
			h->match = CPU_MATCH_MINIMUM;
		else if (strcmp(mode, "exact"))
			return bad(h, root, "match", "exact, minimum or strict is expected", err);
	}
	for (node = root->children; node && !ret; node = node->next) {
		if (is(node, "arch")) {
			if (!content(node, word, sizeof(word)) ||
			    (strcmp(word, "x86_64") && strcmp(word, "i686")))
				ret = bad(h, node, "content", "only x86_64 and i686 are understood",
					  err);
		} else if (is(node, "model")) {
			if (!content(node, h->model, sizeof(h->model)))
				ret = bad(h, node, "content", "the name of a model is expected", err);
		} else if (is(node, "vendor")) {
			if (!content(node, vendor, sizeof(vendor)) || !cpu_vendor_id(vendor))
				ret = bad(h, node, "content", "Intel, AMD or Hygon is expected", err);
		} else if (is(node, "signature")) {
			ret = number(h, node, "family", 0, 270, &sig[0], err) ?:
			      number(h, node, "model", 0, 255, &sig[1], err) ?:
			      number(h, node, "stepping", 0, 15, &sig[2], err);
			mask = 1;
		} else if (is(node, "maxphysaddr")) {
			ret = number(h, node, "bits", 0, CPU_PHYS_BITS_MAX, &bits, err);
		} else if (is(node, "feature")) {
			ret = feature_element(h, node, err);
		}
	}
	if (!ret)
		ret = cpu_host_build(h, vendor, mask ? sig : NULL, err);
	if (!ret && bits && h->nr) {
		struct cpu_leaf *l = cpu_policy_find_mut(&h->cpu[0], 0x80000008, 0);

		if (l)
			l->reg[CPU_EAX] = bits | 48 << 8;
	}
	return ret;
}

/* What a guest asks for, where a host's capabilities tell what is there. */
static int parse_demand(struct cpu_host *h, xmlNode *root, struct error *err)
{
	h->demands_vendor = child(root, "vendor");
	return parse_cpu(h, root, err);
}

static int parse_root(struct cpu_host *h, xmlNode *root, struct error *err)
{
	xmlNode *node;

	if (is(root, "cpudata"))
		return parse_cpudata(h, root, err);
	if (is(root, "cpu") || is(root, "guestcpu"))
		return parse_demand(h, root, err);
	if (is(root, "capabilities")) {
		node = child(root, "host");
		node = node ? child(node, "cpu") : NULL;
		return node ? parse_cpu(h, node, err) :
			      bad(h, root, "element", "no <host><cpu> in it", err);
	}
	if (is(root, "domain")) {
		node = child(root, "cpu");
		return node ? parse_demand(h, node, err) :
			      bad(h, root, "element", "no <cpu> in it", err);
	}
	if (is(root, "domainCapabilities")) {
		char name[24];

		node = child(root, "cpu");
		for (node = node ? node->children : NULL; node; node = node->next)
			if (is(node, "mode") && attribute(node, "name", name, sizeof(name)) &&
			    !strcmp(name, "host-model"))
				return parse_cpu(h, node, err);
		return bad(h, root, "element", "no <cpu><mode name='host-model'> in it", err);
	}
	return bad(h, root, "element",
		   "<cpudata>, <cpu>, <capabilities>, <domainCapabilities> or <domain> is expected", err);
}

int cpu_parse_xml(struct cpu_host *h, const char *text, size_t len, struct error *err)
{
	xmlParserCtxt *ctxt = xmlNewParserCtxt();
	xmlDoc *doc;
	int ret;

	if (!ctxt)
		return fail(err, FERRY_X_MEMORY, "%s: no memory for the XML parser", h->name);
	doc = xmlCtxtReadMemory(ctxt, text, len, NULL, NULL, XML_OPTIONS);
	if (!doc || !xmlDocGetRootElement(doc)) {
		const xmlError *e = xmlCtxtGetLastError(ctxt);
		const char *what = e && e->message ? e->message : "no XML\n";

		ret = fail(err, FERRY_X_BAD_FILE, "%s: line %d: XML: %.*s", h->name, e ? e->line : 1,
			   (int)strcspn(what, "\n"), what);
	} else {
		ret = parse_root(h, xmlDocGetRootElement(doc), err);
	}
	xmlFreeDoc(doc);
	xmlFreeParserCtxt(ctxt);
	return ret;
}
