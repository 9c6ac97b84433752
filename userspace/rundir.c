// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claims on names, and finding what runs. See rundir.h.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rundir.h"
#include "vmdef.h"

const char *run_dir(void)
{
	static char path[512];
	const char *env = getenv("FERRY_RUN_DIR"), *xdg = getenv("XDG_RUNTIME_DIR");

	if (path[0])
		return path;
	if (env && *env)
		snprintf(path, sizeof(path), "%s", env);
	else if (geteuid() && xdg && *xdg)
		snprintf(path, sizeof(path), "%s/ferry", xdg);
	else
		snprintf(path, sizeof(path), "/run/ferry");
	return path;
}

static char *in_dir(const char *name, const char *suffix)
{
	return xasprintf("%s/%s%s", run_dir(), name, suffix);
}

char *rundir_socket(const char *name)
{
	return in_dir(name, ".sock");
}

/*
 * The lock file may be removed by its last holder between our open and our lock: only a lock on
 * the file that is still there counts.
 */
static int lock_file(const char *path, int flags)
{
	struct stat mine, there;
	int fd;

	for (;;) {
		fd = open(path, O_RDWR | O_CLOEXEC | flags, 0600);
		if (fd < 0)
			return -1;
		if (flock(fd, LOCK_EX | LOCK_NB)) {
			close(fd);
			errno = EWOULDBLOCK;
			return -1;
		}
		if (!fstat(fd, &mine) && !stat(path, &there) && mine.st_ino == there.st_ino)
			return fd;
		close(fd);
		if (!(flags & O_CREAT)) {
			errno = ENOENT;
			return -1;
		}
	}
}

static int taken(const char *name, struct error *err)
{
	return fail(err, FERRY_X_NAME_TAKEN,
		    "a VM named %s runs already: choose another --name, or 'ferry stop %s'", name, name);
}

int rundir_claim(const char *name, int *lock, struct error *err)
{
	char *path, *sock;

	if (mkdir(run_dir(), 0755) && errno != EEXIST)
		return fail_errno(err, FERRY_X_SYSTEM,
				  "cannot make %s (FERRY_RUN_DIR names another place)", run_dir());
	path = in_dir(name, ".lock");
	*lock = lock_file(path, O_CREAT);
	if (*lock < 0) {
		if (errno == EWOULDBLOCK)
			taken(name, err);
		else
			fail_errno(err, FERRY_X_SYSTEM, "cannot lock %s", path);
	} else {
		/* Whatever socket is there belonged to a process that was killed. */
		sock = rundir_socket(name);
		unlink(sock);
		free(sock);
	}
	free(path);
	return *lock < 0 ? err->code : 0;
}

void rundir_release(const char *name, int lock)
{
	char *path = in_dir(name, ".lock"), *sock = rundir_socket(name);

	unlink(sock);
	unlink(path);
	close(lock);
	free(path);
	free(sock);
}

bool rundir_stale(const char *name)
{
	char *path = in_dir(name, ".lock");
	int fd = lock_file(path, 0);

	free(path);
	if (fd >= 0) {
		rundir_release(name, fd);
		return true;
	}
	return errno == ENOENT;
}

int rundir_check(const char *name, struct error *err)
{
	return rundir_stale(name) ? 0 : taken(name, err);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

char **rundir_names(size_t *nr)
{
	DIR *dir = opendir(run_dir());
	char **names = NULL;
	struct dirent *d;

	*nr = 0;
	while (dir && (d = readdir(dir))) {
		size_t len = strlen(d->d_name);
		char *name;

		if (len <= 5 || strcmp(d->d_name + len - 5, ".sock"))
			continue;
		name = strndup(d->d_name, len - 5);
		if (!name || !vmdef_name_valid(name) || rundir_stale(name)) {
			free(name);
			continue;
		}
		names = xrealloc(names, (*nr + 1) * sizeof(*names));
		names[(*nr)++] = name;
	}
	if (dir)
		closedir(dir);
	if (*nr)
		qsort(names, *nr, sizeof(*names), by_name);
	return names;
}

void rundir_free(char **names, size_t nr)
{
	while (nr)
		free(names[--nr]);
	free(names);
}
