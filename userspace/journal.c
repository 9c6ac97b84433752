// SPDX-License-Identifier: GPL-2.0-only
/*
 * The destination's journal. See journal.h.
 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/ferry_stream.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal.h"

#define MAX_ENTRY 4096
#define POLL_MS 50

static void journal_path(char *path, size_t room)
{
	const char *env = getenv("FERRY_STATE_DIR");

	snprintf(path, room, "%s/journal", env && *env ? env : "/var/lib/ferry");
}

static bool make_directories(const char *path)
{
	char part[400];
	size_t i;

	for (i = 1; path[i]; i++) {
		if (path[i] != '/')
			continue;
		snprintf(part, sizeof(part), "%.*s", (int)i, path);
		if (mkdir(part, 0755) && errno != EEXIST)
			return false;
	}
	return !mkdir(path, 0700) || errno == EEXIST;
}

/* The identity is made once; two processes that come at the same time agree on one. */
static int read_id(struct journal *j, struct error *err)
{
	char text[32] = "";
	int fd, tries;
	u64 fresh;

	for (tries = 0; tries < 2; tries++) {
		fd = openat(j->dir, "id", O_RDONLY | O_CLOEXEC);
		if (fd >= 0) {
			ssize_t n = read(fd, text, sizeof(text) - 1);

			close(fd);
			if (n > 0 && sscanf(text, "%llx", (unsigned long long *)&j->id) == 1 &&
			    j->id)
				return 0;
			return fail(err, FERRY_X_SYSTEM,
				    "the journal's identity %s/id is damaged: remove the journal "
				    "if no VM is in doubt", j->path);
		}
		if (!random_bytes(&fresh, sizeof(fresh)))
			break;
		snprintf(text, sizeof(text), "%016llx\n", (unsigned long long)(fresh | 1));
		fd = openat(j->dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
		if (fd < 0)
			break;
		if (write_all(fd, text, strlen(text)) && !fsync(fd)) {
			char self[40];

			/* A link fails if somebody was faster: then theirs is read. */
			snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
			if (linkat(AT_FDCWD, self, j->dir, "id", AT_SYMLINK_FOLLOW) &&
			    errno != EEXIST)
				tries = 2;
			fsync(j->dir);
		}
		close(fd);
	}
	return fail_errno(err, FERRY_X_SYSTEM, "cannot make the journal's identity in %s", j->path);
}

int journal_open(struct journal *j, struct error *err)
{
	memset(j, 0, sizeof(*j));
	journal_path(j->path, sizeof(j->path));
	j->dir = -1;
	if (make_directories(j->path))
		j->dir = open(j->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (j->dir < 0)
		return fail_errno(err, FERRY_X_SYSTEM,
				  "cannot open the journal %s (FERRY_STATE_DIR names another place)",
				  j->path);
	return read_id(j, err);
}

void journal_close(struct journal *j)
{
	if (j->dir >= 0)
		close(j->dir);
	j->dir = -1;
}

/* ------------------------------------------------------------------ entries */

static void entry_name(const u8 uuid[16], u64 generation, char name[64])
{
	char text[37];

	format_uuid(uuid, text);
	snprintf(name, 64, "%s.%llu", text, (unsigned long long)generation);
}

static int open_entry(struct journal *j, const u8 uuid[16], u64 generation)
{
	char name[64];

	entry_name(uuid, generation, name);
	return openat(j->dir, name, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* The last whole line counts: a line that a crash cut off was never relied on. */
static enum wire_journal read_state(int fd)
{
	enum wire_journal state = WIRE_JOURNAL_NONE;
	char text[MAX_ENTRY + 1], *line, *end;
	ssize_t n = pread(fd, text, MAX_ENTRY, 0);
	unsigned int i;

	if (n < 0)
		return WIRE_JOURNAL_MAY_RUN; /* unreadable: the safe answer is "perhaps" */
	text[n] = 0;
	for (line = text; (end = strchr(line, '\n')); line = end + 1) {
		*end = 0;
		for (i = 0; i < WIRE_JOURNAL_COUNT; i++)
			if (!strcmp(line, wire_journal_name(i)))
				state = i;
	}
	return state;
}

static bool append_state(int fd, enum wire_journal state)
{
	char line[32];
	int n = snprintf(line, sizeof(line), "\n%s\n", wire_journal_name(state));

	/* It begins with a newline to end a line that a crash cut off. */
	return write_all(fd, line, n) && !fdatasync(fd);
}

/* The latest attempt to move this VM that was seen here: earlier ones are over everywhere. */
static u64 latest(struct journal *j, const u8 uuid[16])
{
	int copy = openat(j->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *d;
	char text[37];
	u64 last = 0;

	format_uuid(uuid, text);
	while (dir && (d = readdir(dir)))
		if (!strncmp(d->d_name, text, 36) && d->d_name[36] == '.')
			last = max(last, (u64)strtoull(d->d_name + 37, NULL, 10));
	if (dir)
		closedir(dir);
	return last;
}

static int check(struct journal *j, const u8 uuid[16], u64 generation, enum wire_journal state,
		 struct error *err)
{
	u64 last = latest(j, uuid);

	if (state == WIRE_JOURNAL_NONE && last <= generation)
		return 0;
	return fail(err, FERRY_X_ABORTED,
		    "generation %llu of this VM was here before (%s): a VM is received once. If "
		    "this one was started anew, the clock was behind on the host where it was: "
		    "set that, or \"generation\": %llu in the VM's definition, and start it again",
		    (unsigned long long)generation,
		    state ? wire_journal_name(state) : "a later one came", (unsigned long long)last);
}

int journal_check(struct journal *j, const u8 uuid[16], u64 generation, struct error *err)
{
	enum wire_journal state = WIRE_JOURNAL_NONE;
	char name[64];
	int fd;

	entry_name(uuid, generation, name);
	fd = openat(j->dir, name, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		state = read_state(fd);
		close(fd);
	}
	return check(j, uuid, generation, state, err);
}

int journal_claim(struct journal *j, const u8 uuid[16], u64 generation, struct journal_entry *e,
		  struct error *err)
{
	e->fd = open_entry(j, uuid, generation);
	if (e->fd < 0)
		return fail_errno(err, FERRY_X_SYSTEM, "cannot write the journal %s", j->path);
	if (flock(e->fd, LOCK_EX | LOCK_NB)) {
		fail(err, FERRY_X_BUSY, "this VM is arriving already, by another connection");
		goto err_close;
	}
	e->state = read_state(e->fd);
	if (check(j, uuid, generation, e->state, err))
		goto err_close;
	if (journal_record(e, WIRE_JOURNAL_MAY_RUN, err))
		goto err_close;
	if (fsync(j->dir)) {
		fail_errno(err, FERRY_X_SYSTEM, "cannot write the journal %s", j->path);
		goto err_close;
	}
	return 0;

err_close:
	journal_release(e);
	return err->code;
}

int journal_record(struct journal_entry *e, enum wire_journal state, struct error *err)
{
	if (!append_state(e->fd, state))
		return fail_errno(err, FERRY_X_SYSTEM, "cannot write the journal");
	e->state = state;
	return 0;
}

void journal_release(struct journal_entry *e)
{
	if (e->fd >= 0)
		close(e->fd);
	e->fd = -1;
}

/* ------------------------------------------------------------------- answers */

static u32 answer_of(enum wire_say say)
{
	switch (say) {
	case WIRE_SAY_NEVER:
		return FERRY_ANSWER_NEVER;
	case WIRE_SAY_ABORTED:
		return FERRY_ANSWER_ABORTED;
	case WIRE_SAY_RAN:
		return FERRY_ANSWER_RAN;
	default:
		return FERRY_ANSWER_UNKNOWN;
	}
}

u32 journal_answer(struct journal *j, const u8 uuid[16], u64 generation, u64 id,
		   unsigned int wait_ms)
{
	enum wire_journal state, next;
	enum wire_say say;
	bool held;
	int fd;

	/* Another journal than the one of that time cannot know what the old one did. */
	if (id != j->id)
		return FERRY_ANSWER_UNKNOWN;
	fd = open_entry(j, uuid, generation);
	if (fd < 0)
		return FERRY_ANSWER_UNKNOWN;
	for (;;) {
		held = flock(fd, LOCK_EX | LOCK_NB);
		state = read_state(fd);
		say = wire_judge(state, held, &next);
		if (say != WIRE_SAY_WAIT || wait_ms < POLL_MS)
			break;
		poll(NULL, 0, POLL_MS);
		wait_ms -= POLL_MS;
	}
	/* What the answer promises has to be durable before it is given. */
	if (next != state && (held || !append_state(fd, next) || fsync(j->dir)))
		say = WIRE_SAY_UNKNOWN;
	close(fd);
	return answer_of(say);
}
