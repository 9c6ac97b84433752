// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPUs by name. See cpu_model.h, and data/cpu-levels.txt and data/cpu-models.txt for the format.
 *
 * Owns: the table. Locks: none.
 */
#include <libxml/parser.h>
#include <stdlib.h>
#include <unistd.h>

#include "cpu_data.h"
#include "cpu_model.h"

#define MAX_MODELS 256

static struct cpu_model *models;
static unsigned int nr_models;

const char *cpu_vendor_id(const char *vendor)
{
	static const char *const ids[][2] = { { "Intel", "GenuineIntel" },
					      { "AMD", "AuthenticAMD" },
					      { "Hygon", "HygonGenuine" } };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ids); i++)
		if (!strcmp(vendor, ids[i][0]) || !strcmp(vendor, ids[i][1]))
			return ids[i][1];
	return NULL;
}

u32 cpu_signature_make(u32 family, u32 model, u32 stepping)
{
	u32 base = family > 15 ? 15 : family;

	return stepping | (model & 15) << 4 | base << 8 | (model >> 4) << 16 |
	       (family - base) << 20;
}

/* ------------------------------------------------------------- own tables */

static struct cpu_model *find_own(const char *name)
{
	unsigned int i;

	for (i = 0; i < nr_models; i++) {
		const char *a = models[i].alias;
		size_t len = strlen(name);

		if (!strcmp(models[i].name, name))
			return &models[i];
		while ((a = strstr(a, name))) {
			if ((a == models[i].alias || a[-1] == ' ') && (a[len] == ' ' || !a[len]))
				return &models[i];
			a += len;
		}
	}
	return NULL;
}

/* A mistake in the tables is ours: say where and stop. The unit tests read all of them. */
static void broken(const char *what, const char *word)
{
	complain("the tool's own table of CPU models is broken: %s %s", what, word);
	abort();
}

static void edit_set(struct cpu_set *set, char *words, bool on)
{
	char *save, *word;

	for (word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		const struct cpu_feature *f = cpu_feature_find(word, NULL);

		if (!f)
			broken("unknown feature", word);
		cpu_set_put(set, f->nr, on);
	}
}

static void own_line(struct cpu_model **m, char *line)
{
	char *rest = strchr(line, ' ');
	const struct cpu_model *base;

	if (!*line || *line == '#')
		return;
	if (!rest)
		broken("a word alone:", line);
	*rest++ = 0;
	if (!strcmp(line, "model")) {
		if (nr_models == MAX_MODELS || find_own(rest))
			broken("too many, or twice:", rest);
		*m = &models[nr_models++];
		snprintf((*m)->name, sizeof((*m)->name), "%s", rest);
		snprintf((*m)->source, sizeof((*m)->source), "libvirt's CPU map");
	} else if (!*m) {
		broken("no model before", line);
	} else if (!strcmp(line, "alias")) {
		snprintf((*m)->alias, sizeof((*m)->alias), "%s", rest);
	} else if (!strcmp(line, "vendor")) {
		snprintf((*m)->vendor, sizeof((*m)->vendor), "%s", rest);
	} else if (!strcmp(line, "source")) {
		snprintf((*m)->source, sizeof((*m)->source), "%s", rest);
	} else if (!strcmp(line, "signature")) {
		if (sscanf(rest, "%u %u %u", &(*m)->family, &(*m)->model, &(*m)->stepping) != 3)
			broken("signature", rest);
	} else if (!strcmp(line, "base")) {
		base = find_own(rest);
		if (!base || base == *m)
			broken("unknown base", rest);
		(*m)->set = base->set;
	} else if (!strcmp(line, "add") || !strcmp(line, "remove")) {
		edit_set(&(*m)->set, rest, *line == 'a');
	} else {
		broken("unknown word", line);
	}
}

static void load_own(void)
{
	unsigned int i;

	if (models)
		return;
	models = xcalloc(MAX_MODELS, sizeof(*models));
	for (i = 0; i < 2; i++) {
		char *text = xstrdup(i ? cpu_data_models : cpu_data_levels), *save, *line;
		struct cpu_model *m = NULL;

		for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
			own_line(&m, line);
		free(text);
	}
}

const struct cpu_model *cpu_model_get(unsigned int i)
{
	load_own();
	return i < nr_models ? &models[i] : NULL;
}

/* ------------------------------------------------------------- libvirt's map */

static bool attribute(xmlNode *node, const char *name, char *out, size_t size)
{
	xmlChar *v = xmlGetProp(node, BAD_CAST name);

	if (v)
		snprintf(out, size, "%s", (const char *)v);
	xmlFree(v);
	return v;
}

static int map_model(const char *name, struct cpu_model *m, int depth, struct error *err);

static int map_child(xmlNode *node, struct cpu_model *m, const char *path, int depth,
		     struct error *err)
{
	char value[64], removed[8] = "no", num[16];
	const struct cpu_feature *f;
	bool negated;

	if (!xmlStrcmp(node->name, BAD_CAST "vendor")) {
		attribute(node, "name", m->vendor, sizeof(m->vendor));
	} else if (!xmlStrcmp(node->name, BAD_CAST "signature") && !m->family) {
		if (attribute(node, "family", num, sizeof(num)))
			m->family = strtoul(num, NULL, 10);
		if (attribute(node, "model", num, sizeof(num)))
			m->model = strtoul(num, NULL, 10);
	} else if (!xmlStrcmp(node->name, BAD_CAST "model")) {
		struct cpu_model base = { 0 };

		if (!attribute(node, "name", value, sizeof(value)))
			return fail(err, FERRY_X_BAD_FILE, "%s: line %ld: a base model has no name",
				    path, xmlGetLineNo(node));
		if (map_model(value, &base, depth + 1, err))
			return err->code;
		m->set = base.set;
	} else if (!xmlStrcmp(node->name, BAD_CAST "feature")) {
		if (!attribute(node, "name", value, sizeof(value)))
			return fail(err, FERRY_X_BAD_FILE, "%s: line %ld: a feature has no name", path,
				    xmlGetLineNo(node));
		attribute(node, "removed", removed, sizeof(removed));
		f = cpu_feature_find(value, &negated);
		if (!f)
			return fail(err, FERRY_X_BAD_FILE, "%s: line %ld: unknown feature %s", path,
				    xmlGetLineNo(node), value);
		if (strcmp(removed, "yes"))
			cpu_set_put(&m->set, f->nr, !negated);
	}
	return 0;
}

/* x86_NAME.xml: <cpus><model name="NAME">...; models may build on others of the map. */
static int map_model(const char *name, struct cpu_model *m, int depth, struct error *err)
{
	char *path, found[64];
	xmlNode *node, *child;
	xmlDoc *doc;
	int ret = 0;

	if (depth > 8 || strchr(name, '/') || strlen(name) > 60)
		return fail(err, FERRY_X_BAD_FILE, "the CPU model %s is not in libvirt's CPU map", name);
	path = xasprintf("%s/x86_%s.xml", CPU_MAP_DIR, name);
	doc = access(path, R_OK) ? NULL :
				   xmlReadFile(path, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR |
								   XML_PARSE_NOWARNING);
	node = doc ? xmlDocGetRootElement(doc) : NULL;
	for (node = node ? node->children : NULL; node; node = node->next)
		if (node->type == XML_ELEMENT_NODE && !xmlStrcmp(node->name, BAD_CAST "model") &&
		    attribute(node, "name", found, sizeof(found)) && !strcmp(found, name))
			break;
	if (!node) {
		ret = fail(err, FERRY_X_BAD_FILE,
			   "there is no CPU model %s; 'ferry cpu models' lists them, and libvirt's CPU "
			   "map in %s (Debian: libvirt0) would be asked for more",
			   name, CPU_MAP_DIR);
	} else {
		snprintf(m->name, sizeof(m->name), "%s", name);
		snprintf(m->source, sizeof(m->source), "%s", path);
		for (child = node->children; child && !ret; child = child->next)
			if (child->type == XML_ELEMENT_NODE)
				ret = map_child(child, m, path, depth, err);
	}
	xmlFreeDoc(doc);
	free(path);
	return ret;
}

int cpu_model_find(const char *name, struct cpu_model *m, struct error *err)
{
	const struct cpu_model *own;

	load_own();
	own = find_own(name);
	if (own) {
		*m = *own;
		return 0;
	}
	memset(m, 0, sizeof(*m));
	return map_model(name, m, 0, err);
}
