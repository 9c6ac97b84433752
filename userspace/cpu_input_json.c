// SPDX-License-Identifier: GPL-2.0-only
/*
 * JSON: our own hosts and policies, and the cpu_info of OpenStack's "hypervisor show".
 *
 *	{ "ferry_cpu": 1, "cpus": [ { "cpu": 0, "cpuid": [...], "msrs": [...] }, ... ] }
 *	{ "ferry_policy": 1, "cpuid": [...], "msrs": [...] }
 *	{ "ferry_policy": 1, "mode": "host-model", "features": { "monitor": "disable" }, "exclude": [...] }
 *	{ "ferry_policy": 1, "mode": "custom", "model": "Haswell", "features": {...} }
 *	{ "vendor": "Intel", "model": "SandyBridge", "arch": "x86_64", "features": ["pcid", ...] }
 *
 * Owns: nothing. Locks: none.
 */
#include <ctype.h>
#include <stdlib.h>

#include "cpu_exclude.h"
#include "cpu_input.h"
#include "cpu_model.h"
#include "policy.h"

/* ------------------------------------------------------------------ our own */

/* An error of those who do not know the file gets it and the place in front. */
static int in_file(const struct cpu_host *h, const char *where, struct error *err)
{
	char text[sizeof(err->text) - 200];

	snprintf(text, sizeof(text), "%.*s", (int)sizeof(text) - 1, err->text);
	return fail(err, FERRY_X_BAD_FILE, "%s: %s%s", h->name, where, text);
}

/* @members: all that @o may have */
static int one_cpu(struct cpu_host *h, json_object *o, const char *const *members, const char *where,
		   u32 number, struct error *err)
{
	struct cpu_policy *p = xcalloc(1, sizeof(*p));
	u32 at;
	int ret;

	if (!json_object_is_type(o, json_type_object)) {
		ret = fail(err, FERRY_X_BAD_FILE, "%s: %.*s: an object is expected", h->name,
			   (int)strlen(where) - 1, where);
	} else if (json_known(o, members, "", err) || policy_within_json(p, o, err)) {
		ret = in_file(h, where, err);
	} else if (cpu_policy_validate(p, &at)) {
		ret = fail(err, FERRY_X_BAD_FILE, "%s: %scpuid[%u]: is not valid", h->name, where, at);
	} else if (!p->nr_leaves) {
		ret = fail(err, FERRY_X_BAD_FILE, "%s: %scpuid: no leaf in it", h->name, where);
	} else {
		ret = cpu_host_add(h, p, number, err);
	}
	free(p);
	return ret;
}

static int our_host(struct cpu_host *h, json_object *o, struct error *err)
{
	static const char *const members[] = { "ferry_cpu", "name", "logical_cpus", "cpus", NULL };
	static const char *const of_cpu[] = { "cpu", "count", POLICY_MEMBERS, NULL };
	json_object *cpus, *c;
	size_t i, n;
	int ret = json_version(o, "ferry_cpu", CPU_JSON_VERSION, h->name, err);

	if (ret)
		return ret;
	h->format = "Ferry's JSON";
	if (json_known(o, members, "", err))
		return in_file(h, "", err);
	if (!json_object_object_get_ex(o, "cpus", &cpus) ||
	    !json_object_is_type(cpus, json_type_array) || !json_object_array_length(cpus))
		return fail(err, FERRY_X_BAD_FILE, "%s: cpus: a list of CPUs is expected", h->name);
	n = json_object_array_length(cpus);
	for (i = 0; i < n && !ret; i++) {
		char where[40];
		u64 number = i;

		c = json_object_array_get_idx(cpus, i);
		snprintf(where, sizeof(where), "cpus[%zu].", i);
		if (json_object_is_type(c, json_type_object))
			json_get_number(c, "cpu", &number);
		ret = one_cpu(h, c, of_cpu, where, number, err);
	}
	return ret;
}

static int our_features(struct cpu_host *h, json_object *list, struct error *err)
{
	struct json_object_iterator it, end;

	if (!json_object_is_type(list, json_type_object))
		return fail(err, FERRY_X_BAD_FILE,
			    "%s: features: an object {\"name\": \"require\"} is expected", h->name);
	it = json_object_iter_begin(list);
	end = json_object_iter_end(list);
	for (; !json_object_iter_equal(&it, &end); json_object_iter_next(&it)) {
		const char *name = json_object_iter_peek_name(&it);
		json_object *v = json_object_iter_peek_value(&it);
		const struct cpu_feature *f;
		enum cpu_feature_policy how;
		bool negated;

		f = cpu_feature_find(name, &negated);
		if (!f || negated)
			return fail(err, FERRY_X_BAD_FILE, "%s: features: unknown feature %.60s",
				    h->name, name);
		if (!json_object_is_type(v, json_type_string) ||
		    !cpu_parse_feature_policy(json_object_get_string(v), &how))
			return fail(err, FERRY_X_BAD_FILE,
				    "%s: features: %.60s: force, require, optional, disable or forbid is "
				    "expected", h->name, name);
		cpu_host_set_feature(h, f->nr, how);
	}
	return 0;
}

static int our_policy(struct cpu_host *h, json_object *o, struct error *err)
{
#define COMMON "ferry_policy", "mode", "features", POLICY_REMARKS
	static const char *const of_data[] = { COMMON, POLICY_MEMBERS, NULL };
	static const char *const of_host[] = { COMMON, "exclude", NULL };
	static const char *const of_model[] = { COMMON, "exclude", "model", "vendor", NULL };
#undef COMMON
	static const struct {
		const char *name;
		enum cpu_mode mode;
		const char *const *members;
	} modes[] = {
		{ "data", CPU_MODE_DATA, of_data },
		{ "passthrough", CPU_MODE_PASSTHROUGH, of_host },
		{ "host-model", CPU_MODE_HOST_MODEL, of_host },
		{ "custom", CPU_MODE_CUSTOM, of_model },
	};
	bool told = json_object_object_get_ex(o, "mode", NULL);
	const char *mode = told ? json_str(o, "mode") : "data";
	const char *model = json_str(o, "model"), *vendor = json_str(o, "vendor");
	json_object *list;
	u32 i;
	int ret = json_version(o, "ferry_policy", CPU_JSON_VERSION, h->name, err);

	if (ret)
		return ret;
	h->format = "Ferry's policy";
	for (i = 0; i < ARRAY_SIZE(modes) && (!mode || strcmp(mode, modes[i].name)); i++)
		;
	if (i == ARRAY_SIZE(modes))
		return fail(err, FERRY_X_BAD_FILE,
			    "%s: mode: data, passthrough, host-model or custom is expected", h->name);
	h->mode = modes[i].mode;
	if (json_known(o, modes[i].members, "", err))
		return in_file(h, "", err);
	if (json_object_object_get_ex(o, "features", &list)) {
		ret = our_features(h, list, err);
		if (ret)
			return ret;
	}
	if (h->mode == CPU_MODE_DATA)
		return one_cpu(h, o, modes[i].members, "", 0, err);
	h->excluded = xcalloc(1, sizeof(*h->excluded));
	if (cpu_exclude_from_json(h->excluded, o, err))
		return in_file(h, "", err);
	if (h->mode == CPU_MODE_CUSTOM && (!model || strlen(model) >= sizeof(h->model)))
		return fail(err, FERRY_X_BAD_FILE, "%s: model: the name of a model is expected",
			    h->name);
	if (model)
		snprintf(h->model, sizeof(h->model), "%s", model);
	if (json_object_object_get_ex(o, "vendor", NULL) && (!vendor || !cpu_vendor_id(vendor)))
		return fail(err, FERRY_X_BAD_FILE, "%s: vendor: Intel, AMD or Hygon is expected",
			    h->name);
	return cpu_host_build(h, vendor ? vendor : "", NULL, err);
}

/* ------------------------------------------------------------------ OpenStack */

static int cpu_info(struct cpu_host *h, json_object *o, struct error *err)
{
	const char *vendor = json_str(o, "vendor"), *model = json_str(o, "model");
	const char *arch = json_str(o, "arch");
	json_object *list;
	size_t i, n;

	h->format = "OpenStack's cpu_info";
	h->mode = CPU_MODE_CUSTOM;
	if (arch && strcmp(arch, "x86_64") && strcmp(arch, "i686"))
		return fail(err, FERRY_X_BAD_FILE, "%s: arch: only x86_64 and i686 are understood",
			    h->name);
	if (!vendor || !cpu_vendor_id(vendor))
		return fail(err, FERRY_X_BAD_FILE, "%s: vendor: Intel, AMD or Hygon is expected",
			    h->name);
	if (!model || strlen(model) >= sizeof(h->model))
		return fail(err, FERRY_X_BAD_FILE, "%s: model: the name of a model is expected",
			    h->name);
	snprintf(h->model, sizeof(h->model), "%s", model);
	if (!json_object_object_get_ex(o, "features", &list) ||
	    !json_object_is_type(list, json_type_array))
		return fail(err, FERRY_X_BAD_FILE, "%s: features: a list of names is expected",
			    h->name);
	n = json_object_array_length(list);
	for (i = 0; i < n; i++) {
		json_object *v = json_object_array_get_idx(list, i);
		const char *name = json_object_is_type(v, json_type_string) ?
					   json_object_get_string(v) :
					   NULL;
		const struct cpu_feature *f;
		bool negated;

		if (!name)
			return fail(err, FERRY_X_BAD_FILE, "%s: features[%zu]: a name is expected",
				    h->name, i);
		f = cpu_feature_find(name, &negated);
		if (!f)
			return fail(err, FERRY_X_BAD_FILE, "%s: features[%zu]: unknown feature %.60s",
				    h->name, i, name);
		cpu_host_set_feature(h, f->nr, negated ? CPU_DISABLE : CPU_REQUIRE);
	}
	cpu_host_note(h, "made of feature names: widths, XSAVE layout and caches are not known");
	return cpu_host_build(h, vendor, NULL, err);
}

/*
 * A table row as the command line client prints it has borders and is broken anywhere, inside names
 * too. Take what stands between the first brace and its partner and undo the breaks.
 */
static char *unwrap(const char *text, size_t len)
{
	const char *p = memchr(text, '{', len), *end = text + len;
	char *out = xcalloc(1, len + 1), *o = out;
	int depth = 0;

	for (; p && p < end; p++) {
		if (*p == '\n' || *p == '\r') {
			while (p + 1 < end && strchr(" \t|\r\n", p[1]))
				p++;
			continue;
		}
		*o++ = *p;
		if (*p == '{')
			depth++;
		if (*p == '}' && !--depth)
			break;
	}
	return out;
}

/* Names that somebody's editor has stripped of their quotes get them back. */
static char *quote_words(const char *text, unsigned int *words)
{
	char *out = xcalloc(1, 3 * strlen(text) + 1), *o = out;
	bool string = false;
	char before = 0;

	*words = 0;
	while (*text) {
		if (*text == '"' && before != '\\')
			string = !string;
		if (!string && isalpha((unsigned char)*text) && (before == ',' || before == '[')) {
			*o++ = '"';
			while (isalnum((unsigned char)*text) || (*text && strchr("_.-", *text)))
				*o++ = *text++;
			*o++ = '"';
			before = '"';
			++*words;
			continue;
		}
		if (!isspace((unsigned char)*text))
			before = *text;
		*o++ = *text++;
	}
	return out;
}

/* ------------------------------------------------------------------ any */

static int from_object(struct cpu_host *h, json_object *o, struct error *err)
{
	json_object *inner;
	const char *label;

	if (!json_object_is_type(o, json_type_object))
		return fail(err, FERRY_X_BAD_FILE, "%s: a JSON object is expected", h->name);
	label = json_str(o, "name");
	if (label)
		snprintf(h->label, sizeof(h->label), "%.120s", label);
	if (json_object_object_get_ex(o, "ferry_cpu", NULL))
		return our_host(h, o, err);
	if (json_object_object_get_ex(o, "ferry_policy", NULL))
		return our_policy(h, o, err);
	if (json_object_object_get_ex(o, "cpu_info", &inner)) {
		/* Some versions of the client print JSON within a JSON string. */
		if (json_object_is_type(inner, json_type_string)) {
			json_object *parsed = json_tokener_parse(json_object_get_string(inner));
			int ret = parsed ? cpu_info(h, parsed, err) :
					   fail(err, FERRY_X_BAD_FILE, "%s: cpu_info: not JSON",
						h->name);

			json_object_put(parsed);
			return ret;
		}
		if (json_object_is_type(inner, json_type_object))
			return cpu_info(h, inner, err);
		return fail(err, FERRY_X_BAD_FILE, "%s: cpu_info: an object is expected", h->name);
	}
	if (json_object_object_get_ex(o, "features", NULL) &&
	    json_object_object_get_ex(o, "model", NULL))
		return cpu_info(h, o, err);
	return fail(err, FERRY_X_BAD_FILE,
		    "%s: not a description of a CPU: none of ferry_cpu, ferry_policy, cpu_info and "
		    "model with features is in it", h->name);
}

static json_object *parse(const char *text, size_t len, size_t *at, const char **what)
{
	struct json_tokener *tok = json_tokener_new_ex(16);
	json_object *o;
	enum json_tokener_error e;
	size_t rest;

	if (!tok || len > INT_MAX) {
		*what = "too large";
		*at = 0;
		return NULL;
	}
	o = json_tokener_parse_ex(tok, text, len);
	e = json_tokener_get_error(tok);
	*at = json_tokener_get_parse_end(tok);
	*what = e == json_tokener_continue ? "it ends too early" : json_tokener_error_desc(e);
	for (rest = *at; o && rest < len; rest++)
		if (!isspace((unsigned char)text[rest])) {
			json_object_put(o);
			o = NULL;
			*at = rest;
			*what = "something follows its end";
		}
	json_tokener_free(tok);
	return o;
}

static u32 line_of(const char *text, size_t len, size_t at)
{
	u32 line = 1;
	size_t i;

	for (i = 0; i < at && i < len; i++)
		line += text[i] == '\n';
	return line;
}

/* ------------------------------------------------------------------ where */

static const char *json_blanks(const char *p, const char *end)
{
	while (p < end && isspace((unsigned char)*p))
		p++;
	return p;
}

/* Behind the value at @p of a text that the parser has accepted. */
static const char *json_skip(const char *p, const char *end)
{
	int depth = 0;

	do {
		p = json_blanks(p, end);
		if (p < end && (*p == '"' || *p == '\'')) {
			char quote = *p++;

			for (; p < end && *p != quote; p++)
				p += *p == '\\';
			p++;
		} else if (p < end && strchr("{[", *p)) {
			depth++;
			p++;
		} else if (p < end && strchr("]},:", *p)) {
			if (!depth)
				return p;
			depth -= *p == '}' || *p == ']';
			p++;
		} else {
			while (p < end && !isspace((unsigned char)*p) && !strchr("]},:[{\"", *p))
				p++;
		}
	} while (p < end && depth);
	return p < end ? p : end;
}

/*
 * Where the value of "cpus[2].cpuid[0].eax" begins, or of as much of that path as there is. A name in
 * it is the file's and may be anything. Nor is everything known here that the parser accepts: what
 * cannot be skipped, as a comment with brackets, ends the search.
 */
static const char *json_where(const char *p, const char *end, const char *path)
{
	const char *start, *member;
	size_t len = strcspn(path, ".[: ");
	char close;

	while (*path && *path != ':') {
		start = p = json_blanks(p, end);
		if (p >= end)
			return end;
		close = *p == '{' ? '}' : ']';
		if (*path == '[' && *p == '[') {
			unsigned long i = strtoul(path + 1, NULL, 10);

			for (p = json_blanks(p + 1, end); i && p < end && *p != close; i--) {
				member = p;
				p = json_blanks(json_skip(p, end), end);
				p += p < end && *p == ',';
				if (p == member)
					return start;
			}
			path += strcspn(path, "]");
			path += *path == ']';
		} else if (*p == '{') {
			path += *path == '.';
			len = strcspn(path, ".[: ");
			for (p = json_blanks(p + 1, end); p < end && *p != close;) {
				bool found = *p == '"' && (size_t)(end - p) > len + 1 &&
					     !strncmp(p + 1, path, len) && p[len + 1] == '"';

				member = p;
				p = json_blanks(json_skip(p, end), end);
				p = json_blanks(p + (p < end && *p == ':'), end);
				if (found)
					break;
				p = json_blanks(json_skip(p, end), end);
				p = json_blanks(p + (p < end && *p == ','), end);
				if (p == member)
					return start;
			}
			path += len;
		} else {
			return start;
		}
		if (p >= end || *p == close)
			return start;
	}
	return json_blanks(p, end);
}

/* "file: path: what" becomes "file: line 3: path: what". */
static int add_line(const struct cpu_host *h, const char *text, size_t len, struct error *err)
{
	size_t name = strlen(h->name);
	char *what;
	int ret = err->code;

	if (strncmp(err->text, h->name, name) || strncmp(err->text + name, ": ", 2))
		return ret;
	what = xstrdup(err->text + name + 2);
	ret = fail(err, ret, "%s: line %u: %s", h->name,
		   line_of(text, len, json_where(text, text + len, what) - text), what);
	free(what);
	return ret;
}

int cpu_parse_json(struct cpu_host *h, const char *text, size_t len, struct error *err)
{
	char *copy = NULL, *quoted = NULL;
	unsigned int words = 0;
	const char *what;
	json_object *o;
	size_t at;
	int ret;

	o = parse(text, len, &at, &what);
	if (!o && memmem(text, len, "\"features\"", 10) && memmem(text, len, "\"model\"", 7)) {
		size_t at2;
		const char *what2;

		copy = unwrap(text, len);
		quoted = quote_words(copy, &words);
		o = parse(quoted, strlen(quoted), &at2, &what2);
		if (o && words)
			cpu_host_note(h, "%u name%s without quotation marks read as name%s", words,
				      words > 1 ? "s" : "", words > 1 ? "s" : "");
	}
	if (!o)
		ret = fail(err, FERRY_X_BAD_FILE, "%s: line %u: JSON: %s", h->name,
			   line_of(text, len, at), what);
	else
		ret = from_object(h, o, err);
	if (ret && o && !quoted)
		ret = add_line(h, text, len, err);
	json_object_put(o);
	free(quoted);
	free(copy);
	return ret;
}
