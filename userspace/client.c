// SPDX-License-Identifier: GPL-2.0-only
/*
 * The client's side of the control socket. See client.h and control.c.
 */
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "client.h"
#include "rundir.h"
#include "vmdef.h"

static int no_vm(const char *name, struct error *err)
{
	return fail(err, FERRY_X_NO_VM, "no VM named %s runs here; 'ferry list' shows those that do",
		    name);
}

FILE *client_open(const char *name, struct error *err)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	char *path;
	FILE *f;
	int fd;

	if (!vmdef_name_valid(name)) {
		no_vm(name, err);
		return NULL;
	}
	path = rundir_socket(name);
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	free(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (void *)&sun, sizeof(sun))) {
		if (errno == EACCES || errno == EPERM)
			fail(err, FERRY_X_SYSTEM,
			     "VM %s belongs to another user: use that account, or root", name);
		else if (errno == ENOENT || errno == ECONNREFUSED)
			no_vm(name, err);
		else
			fail_errno(err, FERRY_X_SYSTEM, "cannot reach VM %s", name);
		/* A process that was killed leaves its socket; look only at real refusals. */
		if (err->code == FERRY_X_NO_VM)
			rundir_stale(name);
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	f = fdopen(fd, "r+");
	if (!f)
		close(fd);
	return f;
}

int client_send(FILE *f, json_object *request, struct error *err)
{
	char *line = xasprintf("%s\n", json_object_to_json_string_ext(request,
								      JSON_C_TO_STRING_PLAIN));
	size_t len = strlen(line);
	ssize_t n = send(fileno(f), line, len, MSG_NOSIGNAL);

	free(line);
	return n == (ssize_t)len ? 0 : fail_errno(err, FERRY_X_SYSTEM, "the VM's process hung up");
}

static void take_error(json_object *e, struct error *err)
{
	const char *text = json_str(e, "message");
	json_object *detail;
	u64 code = FERRY_X_SYSTEM;

	json_get_number(e, "code", &code);
	fail(err, code, "%s", text ? text : "the VM's process refused");
	if (json_object_object_get_ex(e, "detail", &detail))
		err->detail = json_object_get(detail);
}

json_object *client_receive(FILE *f, const char *name, struct error *err)
{
	json_object *o = NULL, *e;
	char *line = NULL;
	size_t room = 0;

	if (getline(&line, &room, f) > 0)
		o = json_tokener_parse(line);
	free(line);
	if (!o) {
		fail(err, FERRY_X_NO_VM, "VM %s ended before it answered", name);
		return NULL;
	}
	if (json_object_object_get_ex(o, "error", &e)) {
		take_error(e, err);
		json_object_put(o);
		return NULL;
	}
	return o;
}

json_object *client_request(const char *cmd)
{
	json_object *o = json_object_new_object();

	json_object_object_add(o, "cmd", json_object_new_string(cmd));
	return o;
}

json_object *client_call(const char *name, json_object *request, struct error *err)
{
	FILE *f = client_open(name, err);
	json_object *reply = NULL;

	if (f && !client_send(f, request, err))
		reply = client_receive(f, name, err);
	if (f)
		fclose(f);
	json_object_put(request);
	return reply;
}
