// SPDX-License-Identifier: GPL-2.0-only
/*
 * Errors, numbers with units, files, JSON. See util.h. No state but the ring of human().
 */
#include <ctype.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "util.h"

int fail(struct error *err, int code, const char *fmt, ...)
{
	va_list ap;

	err->code = code;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return code;
}

int fail_errno(struct error *err, int code, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;
	size_t n;

	err->code = code;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	n = strlen(err->text);
	snprintf(err->text + n, sizeof(err->text) - n, ": %s", strerror(saved));
	return code;
}

const char *exit_code_word(int code)
{
	switch (code) {
#define X(name, number, word, text) case number: return word;
	FERRY_EXIT_CODES(X)
#undef X
	}
	return "debug-exit";
}

int report(struct error *err, bool json)
{
	if (json) {
		json_object *o = json_object_new_object(), *e = json_object_new_object();

		json_object_object_add(e, "code", json_object_new_int(err->code));
		json_object_object_add(e, "class",
				       json_object_new_string(exit_code_word(err->code)));
		json_object_object_add(e, "message", json_object_new_string(err->text));
		if (err->detail)
			json_object_object_add(e, "detail", json_object_get(err->detail));
		json_object_object_add(o, "error", e);
		print_json(stdout, o);
		json_object_put(o);
	} else {
		fprintf(stderr, "ferry: %s\n", err->text);
	}
	json_object_put(err->detail);
	err->detail = NULL;
	return err->code;
}

void complain(const char *fmt, ...)
{
	char text[1100];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* One write: threads warn too. */
	fprintf(stderr, "ferry: %s\n", text);
}

static void *checked(void *p)
{
	if (!p) {
		fprintf(stderr, "ferry: out of memory\n");
		exit(FERRY_X_SYSTEM);
	}
	return p;
}

void *xcalloc(size_t n, size_t size)
{
	return checked(calloc(n ? n : 1, size ? size : 1));
}

void *xrealloc(void *p, size_t size)
{
	return checked(realloc(p, size ? size : 1));
}

char *xstrdup(const char *s)
{
	return checked(strdup(s));
}

char *xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		s = NULL;
	va_end(ap);
	return checked(s);
}

/* ------------------------------------------------------------------ numbers */

static bool parse_number(const char *text, u64 *value, const char **rest)
{
	unsigned long long v;
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	v = strtoull(text, &end, 0);
	if (errno || end == text)
		return false;
	*value = v;
	*rest = end;
	return true;
}

bool parse_u64(const char *text, u64 min, u64 max, u64 *value)
{
	const char *rest;
	u64 v;

	if (!parse_number(text, &v, &rest) || *rest || v < min || v > max)
		return false;
	*value = v;
	return true;
}

bool parse_size(const char *text, u64 unit, u64 *bytes)
{
	static const char suffix[] = "KMGT";
	const char *rest, *s;
	u64 v;

	if (!parse_number(text, &v, &rest))
		return false;
	if (*rest) {
		s = strchr(suffix, toupper((unsigned char)*rest));
		if (!s)
			return false;
		unit = 1024ULL << (10 * (s - suffix));
		rest++;
		if (!strcasecmp(rest, "iB") || !strcasecmp(rest, "B"))
			rest = "";
		if (*rest)
			return false;
	}
	return !check_mul_overflow(v, unit, bytes);
}

bool parse_duration(const char *text, u64 unit, u64 *us)
{
	static const struct {
		const char *name;
		u64 us;
	} units[] = { { "us", 1 }, { "ms", 1000 }, { "s", 1000000 }, { "m", 60000000 } };
	const char *rest;
	u64 v;

	if (!parse_number(text, &v, &rest))
		return false;
	if (*rest) {
		size_t i;

		for (i = 0; i < ARRAY_SIZE(units) && strcmp(rest, units[i].name); i++)
			;
		if (i == ARRAY_SIZE(units))
			return false;
		unit = units[i].us;
	}
	return !check_mul_overflow(v, unit, us);
}

const char *human(u64 bytes)
{
	static const char *const unit[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
	static __thread char ring[8][24];
	static __thread unsigned int next;
	char *out = ring[next++ % ARRAY_SIZE(ring)];
	double v = bytes;
	size_t i = 0;

	while (v >= 1024 && i + 1 < ARRAY_SIZE(unit)) {
		v /= 1024;
		i++;
	}
	snprintf(out, sizeof(ring[0]), v == (u64)v ? "%.0f %s" : "%.1f %s", v, unit[i]);
	return out;
}

/* --------------------------------------------------------------------- uuid */

bool parse_uuid(const char *text, u8 uuid[16])
{
	u8 out[16];
	int n = 0;

	for (; *text; text++) {
		int digit;

		if (*text == '-' && (n == 8 || n == 12 || n == 16 || n == 20))
			continue;
		if (!isxdigit((unsigned char)*text) || n == 32)
			return false;
		digit = isdigit((unsigned char)*text) ? *text - '0' :
							(tolower((unsigned char)*text) - 'a' + 10);
		out[n / 2] = n & 1 ? out[n / 2] | digit : digit << 4;
		n++;
	}
	if (n != 32)
		return false;
	memcpy(uuid, out, 16);
	return true;
}

void format_uuid(const u8 uuid[16], char text[37])
{
	int i, n = 0;

	for (i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			text[n++] = '-';
		n += sprintf(text + n, "%02x", uuid[i]);
	}
}

bool random_bytes(void *buf, size_t len)
{
	return getrandom(buf, len, 0) == (ssize_t)len;
}

void random_uuid(u8 uuid[16])
{
	if (!random_bytes(uuid, 16)) {
		fprintf(stderr, "ferry: getrandom: %s\n", strerror(errno));
		exit(FERRY_X_SYSTEM);
	}
	uuid[6] = (uuid[6] & 0x0f) | 0x40;
	uuid[8] = (uuid[8] & 0x3f) | 0x80;
}

/* -------------------------------------------------------------------- files */

int blob_map(struct blob *b, const char *path, const char *what, struct error *err)
{
	struct stat st;
	int fd, ret = 0;

	b->data = NULL;
	b->size = 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(err, FERRY_X_BAD_FILE, "cannot open the %s %s", what, path);
	if (fstat(fd, &st)) {
		ret = fail_errno(err, FERRY_X_BAD_FILE, "cannot read the %s %s", what, path);
	} else if (!S_ISREG(st.st_mode)) {
		ret = fail(err, FERRY_X_BAD_FILE, "the %s %s is not a regular file", what, path);
	} else if (st.st_size) {
		b->data = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		b->size = st.st_size;
		if (b->data == MAP_FAILED) {
			b->data = NULL;
			ret = fail_errno(err, FERRY_X_BAD_FILE, "cannot map the %s %s", what, path);
		}
	}
	close(fd);
	return ret;
}

void blob_unmap(struct blob *b)
{
	if (b->data)
		munmap(b->data, b->size);
	b->data = NULL;
	b->size = 0;
}

char *read_text(const char *path, size_t max, const char *what, struct error *err)
{
	size_t len = 0, room = 4096;
	char *text = NULL;
	ssize_t n;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		fail_errno(err, FERRY_X_BAD_FILE, "cannot open the %s %s", what, path);
		return NULL;
	}
	for (;;) {
		text = xrealloc(text, room + 1);
		n = read(fd, text + len, room - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			fail_errno(err, FERRY_X_BAD_FILE, "cannot read the %s %s", what, path);
			goto err_free;
		}
		if (!n)
			break;
		len += n;
		if (len > max) {
			fail(err, FERRY_X_BAD_FILE, "the %s %s is larger than %s", what, path,
			     human(max));
			goto err_free;
		}
		if (len == room)
			room *= 2;
	}
	close(fd);
	text[len] = 0;
	return text;

err_free:
	close(fd);
	free(text);
	return NULL;
}

bool write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		len -= n;
	}
	return true;
}

bool sync_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash ? strndup(path, slash == path ? 1 : slash - path) : xstrdup(".");
	bool good;
	int fd;

	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(dir);
	if (fd < 0)
		return false;
	good = !fsync(fd);
	close(fd);
	return good;
}

int write_file_durably(const char *path, const void *data, size_t len, struct error *err)
{
	char *tmp = xasprintf("%s.%d.tmp", path, (int)getpid());
	int fd, ret = 0;

	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || !write_all(fd, data, len) || fsync(fd) || rename(tmp, path) ||
	    !sync_directory(path)) {
		ret = fail_errno(err, FERRY_X_SYSTEM, "cannot write %s", path);
		unlink(tmp);
	}
	if (fd >= 0)
		close(fd);
	free(tmp);
	return ret;
}

/* --------------------------------------------------------------------- JSON */

void print_json(FILE *f, json_object *o)
{
	fprintf(f, "%s\n", json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
							     JSON_C_TO_STRING_NOSLASHESCAPE));
	fflush(f);
}

json_object *json_u64(u64 value)
{
	return json_object_new_uint64(value);
}

const char *json_str(json_object *o, const char *key)
{
	json_object *m;

	if (!json_object_object_get_ex(o, key, &m) || !json_object_is_type(m, json_type_string))
		return NULL;
	return json_object_get_string(m);
}

bool json_get_number(json_object *o, const char *key, u64 *value)
{
	json_object *m;

	if (!json_object_object_get_ex(o, key, &m) || !json_object_is_type(m, json_type_int))
		return false;
	/* Negative numbers are none of ours. */
	if (json_object_get_int64(m) < 0)
		return false;
	*value = json_object_get_uint64(m);
	return true;
}

bool json_flag(json_object *o, const char *key, bool fallback)
{
	json_object *m;

	if (!json_object_object_get_ex(o, key, &m) || !json_object_is_type(m, json_type_boolean))
		return fallback;
	return json_object_get_boolean(m);
}

int json_version(json_object *o, const char *key, u64 known, const char *what, struct error *err)
{
	u64 v;

	if (!json_get_number(o, key, &v))
		return fail(err, FERRY_X_BAD_FILE, "%s: %s: a version number is expected", what, key);
	if (v != known)
		return fail(err, FERRY_X_BAD_FILE, "%s: %s: version %llu; this tool understands version %llu",
			    what, key, (unsigned long long)v, (unsigned long long)known);
	return 0;
}

int json_known(json_object *o, const char *const *names, const char *where, struct error *err)
{
	struct json_object_iterator it = json_object_iter_begin(o), end = json_object_iter_end(o);
	char list[300] = "";
	size_t n = 0;
	u32 i;

	for (; !json_object_iter_equal(&it, &end); json_object_iter_next(&it)) {
		const char *name = json_object_iter_peek_name(&it);

		for (i = 0; names[i] && strcmp(name, names[i]); i++)
			;
		if (names[i])
			continue;
		for (i = 0; names[i] && n < sizeof(list); i++)
			n += snprintf(list + n, sizeof(list) - n, "%s%s", i ? ", " : "", names[i]);
		return fail(err, FERRY_X_BAD_FILE, "%s%.60s: there is no such member; there are %s", where, name,
			    list);
	}
	return 0;
}

/* -------------------------------------------------------------------- shell */

char *shell_word(const char *s)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./_-";
	char *word, *o;

	if (*s && !s[strspn(s, plain)])
		return xstrdup(s);
	/* Between quotation marks all but themselves is plain: they end, one is escaped, and they go on. */
	word = o = xcalloc(1, 4 * strlen(s) + 3);
	*o++ = '\'';
	for (; *s; s++)
		o = *s == '\'' ? stpcpy(o, "'\\''") : (*o = *s, o + 1);
	*o = '\'';
	return word;
}

/* --------------------------------------------------------------------- time */

static u64 clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

u64 monotonic_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

u64 realtime_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

/* ------------------------------------------------------------------ terminal */

void print_wrapped(FILE *f, const char *head, int indent, const char *text)
{
	int column = strlen(head);
	bool first = true;

	fputs(head, f);
	while (*text) {
		int len = strcspn(text, " \n");

		if (!len) {
			text++;
			continue;
		}
		if (column + !first + len > TEXT_COLUMNS && column > indent) {
			fprintf(f, "\n%*s", indent, "");
			column = indent;
			first = true;
		}
		column += fprintf(f, "%s%.*s", first ? "" : " ", len, text);
		first = false;
		text += len;
	}
	fputc('\n', f);
}
