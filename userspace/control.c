// SPDX-License-Identifier: GPL-2.0-only
/*
 * The control socket: one JSON object per line in, replies one per line out.
 *
 *	{"cmd": "status"}		-> {"ok": true, "status": {...}}
 *	{"cmd": "pause"}		-> {"ok": true}
 *	{"cmd": "stop", ...}		-> {"ok": true} and when the VM has ended {"end": "...", ...}
 *	{"cmd": "migrate", ...}		-> {"progress": {...}} ... {"ok": true, "report": {...}}
 *	anything that fails		-> {"error": {"code", "class", "message", "detail"}}
 *
 * Only the socket's owner may connect (mode 0600). Everything runs in the main loop; clients that
 * do not read are dropped rather than waited for.
 */
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "net.h"
#include "rundir.h"
#include "seen.h"
#include "session.h"

static void drop(struct conn *c)
{
	if (c->fd >= 0)
		close(c->fd);
	free(c->line);
	*c = (struct conn){ .fd = -1 };
}

bool control_send(struct conn *c, json_object *o)
{
	const char *text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN);
	char *line = xasprintf("%s\n", text);
	size_t len = strlen(line);
	bool good;

	good = c->fd >= 0 && send(c->fd, line, len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)len;
	free(line);
	if (!good)
		drop(c);
	return good;
}

json_object *control_error(struct error *err)
{
	json_object *o = json_object_new_object(), *e = json_object_new_object();

	json_object_object_add(e, "code", json_object_new_int(err->code));
	json_object_object_add(e, "class", json_object_new_string(exit_code_word(err->code)));
	json_object_object_add(e, "message", json_object_new_string(err->text));
	if (err->detail)
		json_object_object_add(e, "detail", err->detail);
	err->detail = NULL;
	json_object_object_add(o, "error", e);
	return o;
}

/* --------------------------------------------------------------- connections */

int control_listen(struct session *s, struct error *err)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	char *path = rundir_socket(s->name);
	mode_t mask;
	int ret = 0;

	if (strlen(path) >= sizeof(sun.sun_path)) {
		ret = fail(err, FERRY_X_USAGE, "the control socket's path %s is too long", path);
		free(path);
		return ret;
	}
	strcpy(sun.sun_path, path);
	s->listen = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mask = umask(0177);
	if (s->listen < 0 || bind(s->listen, (void *)&sun, sizeof(sun)) || listen(s->listen, 8))
		ret = fail_errno(err, FERRY_X_SYSTEM, "cannot listen on %s", path);
	umask(mask);
	free(path);
	return ret;
}

void control_close(struct session *s)
{
	int i;

	for (i = 0; i < CONTROL_CONNS; i++)
		drop(&s->conn[i]);
	if (s->listen >= 0)
		close(s->listen);
	s->listen = -1;
}

void control_accept(struct session *s)
{
	int fd = accept4(s->listen, NULL, NULL, SOCK_CLOEXEC), i;

	if (fd < 0)
		return;
	for (i = 0; i < CONTROL_CONNS; i++) {
		if (s->conn[i].fd < 0) {
			s->conn[i] = (struct conn){ .fd = fd,
						    .line = xcalloc(1, CONTROL_LINE) };
			return;
		}
	}
	close(fd);
}

static void serve(struct session *s, struct conn *c, const char *line)
{
	json_object *request = json_tokener_parse(line), *reply;
	struct error err = { 0 };

	if (!request) {
		fail(&err, FERRY_X_USAGE, "the request is not JSON");
		reply = control_error(&err);
	} else {
		reply = control_request(s, c, request);
	}
	if (reply)
		control_send(c, reply);
	json_object_put(reply);
	json_object_put(request);
}

void control_read(struct session *s, struct conn *c)
{
	ssize_t n = recv(c->fd, c->line + c->len, CONTROL_LINE - 1 - c->len, MSG_DONTWAIT);
	char *end;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		/* Whoever waited for the move and went away meant to cancel it. */
		if (c->follows)
			mover_cancel(&s->mover);
		drop(c);
		return;
	}
	c->len += n;
	c->line[c->len] = 0;
	while (c->fd >= 0 && (end = strchr(c->line, '\n'))) {
		size_t used = end - c->line + 1;
		char *line = strndup(c->line, used - 1);

		memmove(c->line, c->line + used, c->len + 1 - used);
		c->len -= used;
		if (line)
			serve(s, c, line);
		free(line);
	}
	if (c->fd >= 0 && c->len == CONTROL_LINE - 1)
		drop(c);
}

/* ------------------------------------------------------------------- status */

const char *session_state(struct session *s)
{
	if (s->mover.active && atomic_load(&s->mover.in_doubt))
		return "in-doubt";
	if (s->mover.active)
		return "migrating";
	if (s->vm.paused)
		return "paused";
	return s->vm.blocked[0] ? "blocked" : "running";
}

json_object *session_status(struct session *s)
{
	json_object *o = json_object_new_object();
	struct vm *vm = &s->vm;
	const struct vmdef *def = vm->def;
	const struct console *con = &vm->console;
	char uuid[37];

	format_uuid(def->uuid, uuid);
	json_object_object_add(o, "name", json_object_new_string(def->name));
	json_object_object_add(o, "state", json_object_new_string(session_state(s)));
	if (vm->blocked[0])
		json_object_object_add(o, "blocked", json_object_new_string(vm->blocked));
	json_object_object_add(o, "uuid", json_object_new_string(uuid));
	json_object_object_add(o, "generation", json_u64(def->generation));
	json_object_object_add(o, "pid", json_object_new_int(getpid()));
	json_object_object_add(o, "vcpus", json_object_new_int(def->vcpus));
	json_object_object_add(o, "memory", json_u64(def->memory));
	json_object_object_add(o, "boots", json_object_new_int(vm->boots));
	json_object_object_add(o, "uptime_ms",
			       json_u64((monotonic_ns() - vm->started_ns) / 1000000));
	pthread_mutex_lock(&vm->lock);
	json_object_object_add(o, "guest_ms", json_u64(vm_guest_ns_locked(vm) / 1000000));
	pthread_mutex_unlock(&vm->lock);
	json_object_object_add(o, "console", json_object_new_string(con->device ? con->device :
								    con->path ? con->path :
								    def->console));
	return o;
}

/*
 * Resident memory of this process without the guest's, which is mapped here too: of every mapping
 * but those, what nobody shares with us.
 */
static u64 own_memory(const struct vm *vm)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	unsigned long long start, v;
	bool guest = false;
	char line[512];
	u64 kib = 0;

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%llx-%llx ", &start, &v) == 2)
			guest = start == (uintptr_t)vm->ram.low_hva ||
				start == (uintptr_t)vm->ram.high_hva;
		else if (!guest && sscanf(line, "Private_Clean: %llu kB", &v) == 1)
			kib += v;
		else if (!guest && sscanf(line, "Private_Dirty: %llu kB", &v) == 1)
			kib += v;
	}
	if (f)
		fclose(f);
	return kib << 10;
}

/* By name: all, and those that only the guest's CPU has. */
static void add_emulated(json_object *o, int fd)
{
	json_object *all = json_object_new_object(), *foreign = json_object_new_object();
	struct ferry_emulated e = { 0 };

	for (; ferry_next_emulated(fd, &e); e.index++) {
		json_object_object_add(all, (char *)e.name, json_u64(e.count));
		if (e.foreign)
			json_object_object_add(foreign, (char *)e.name, json_u64(e.foreign));
	}
	json_object_object_add(o, "emulated_instructions", all);
	json_object_object_add(o, "foreign_instructions", foreign);
}

static json_object *stat_counters(struct session *s, struct error *err)
{
	static const struct {
		const char *name;
		size_t offset;
	} counters[] = {
#define C(n) { #n, offsetof(struct ferry_stats, n) }
		C(entries), C(user_exits), C(halts), C(irq_injected), C(nmi_injected),
		C(exceptions_injected), C(kicks), C(emulated), C(unknown_msr_reads),
		C(unknown_msr_writes), C(last_unknown_msr), C(nested_faults), C(pages_present),
		C(huge_mappings), C(table_pages), C(tlb_flushes), C(dirty_harvests),
		C(dirty_pages), C(page_splits), C(cpu_switches),
#undef C
	};
	json_object *o, *exits, *seen;
	struct vm *vm = &s->vm;
	struct ferry_stats st;
	u64 io = 0, mmio = 0;
	char name[24];
	size_t i;

	if (ferry_get_stats(vm->fd, &st, err))
		return NULL;
	seen = seen_of_vm(vm->fd, err);
	if (!seen)
		return NULL;
	o = json_object_new_object();
	for (i = 0; i < ARRAY_SIZE(counters); i++)
		json_object_object_add(o, counters[i].name,
				       json_u64(*(u64 *)((char *)&st + counters[i].offset)));
	exits = json_object_new_object();
	for (i = 0; i < FERRY_STATS_EXITS && ferry_exit_name(vm->fd, i, name); i++)
		if (st.exits[i])
			json_object_object_add(exits, name, json_u64(st.exits[i]));
	json_object_object_add(o, "exits", exits);
	add_emulated(o, vm->fd);
	pthread_mutex_lock(&vm->lock);
	for (i = 0; i < vm->nr_vcpus; i++) {
		io += vm->vcpu[i].io_exits;
		mmio += vm->vcpu[i].mmio_exits;
	}
	json_object_object_add(o, "user_io", json_u64(io));
	json_object_object_add(o, "user_mmio", json_u64(mmio));
	json_object_object_add(o, "unclaimed_ports", json_u64(vm->devices.unclaimed));
	json_object_object_add(o, "last_unclaimed_port", json_u64(vm->devices.last_unclaimed));
	json_object_object_add(o, "console_dropped", json_u64(vm->console.dropped));
	pthread_mutex_unlock(&vm->lock);
	json_object_object_add(o, "tool_memory", json_u64(own_memory(vm)));
	json_object_object_add(o, "cpu", seen);
	return o;
}

/* ------------------------------------------------------------------- requests */

static json_object *done(void)
{
	json_object *o = json_object_new_object();

	json_object_object_add(o, "ok", json_object_new_boolean(true));
	return o;
}

static json_object *done_with(const char *key, json_object *value)
{
	json_object *o = done();

	json_object_object_add(o, key, value);
	return o;
}

static json_object *req_status(struct session *s, struct conn *c, json_object *r, struct error *err)
{
	return done_with("status", session_status(s));
}

static json_object *req_stat(struct session *s, struct conn *c, json_object *r, struct error *err)
{
	json_object *o = stat_counters(s, err);

	return o ? done_with("stat", o) : NULL;
}

static bool moving(struct session *s, struct error *err)
{
	if (!s->mover.active)
		return false;
	if (atomic_load(&s->mover.in_doubt))
		fail(err, FERRY_X_BUSY, "the VM is in doubt: it may run on %s, and stands still here "
		     "until that host says that it does not. If you know, 'ferry migrate "
		     "--force-resume %s'", s->mover.request.host, s->name);
	else
		fail(err, FERRY_X_BUSY, "the VM is being moved: wait, or 'ferry migrate --cancel %s'",
		     s->name);
	return true;
}

static json_object *req_pause(struct session *s, struct conn *c, json_object *r, struct error *err)
{
	if (moving(s, err) || vm_pause(&s->vm, err))
		return NULL;
	return done();
}

static json_object *req_continue(struct session *s, struct conn *c, json_object *r,
				 struct error *err)
{
	if (moving(s, err) || vm_continue(&s->vm, err))
		return NULL;
	return done();
}

static json_object *req_stop(struct session *s, struct conn *c, json_object *r, struct error *err)
{
	struct vm *vm = &s->vm;

	if (s->mover.active && atomic_load(&s->mover.in_doubt) && !json_flag(r, "force", false)) {
		moving(s, err);
		return NULL;
	}
	pthread_mutex_lock(&vm->lock);
	if (json_flag(r, "force", false))
		vm_end_locked(vm, VM_END_STOPPED, FERRY_X_OK, 0, "stopped by 'ferry stop'");
	else
		acpi_pm_power_button(devices_find(&vm->devices, &acpi_pm_ops));
	pthread_mutex_unlock(&vm->lock);
	c->stops = true;
	return done();
}

static json_object *req_nmi(struct session *s, struct conn *c, json_object *r, struct error *err)
{
	if (moving(s, err) || ferry_nmi(s->vm.vcpu[0].fd, err))
		return NULL;
	return done();
}

static char *dup_member(json_object *r, const char *key)
{
	const char *v = json_str(r, key);

	return v ? xstrdup(v) : NULL;
}

static json_object *req_move(struct session *s, struct conn *c, json_object *r, struct error *err)
{
	struct move_request m = { 0 };
	u64 flags = 0;

	if (moving(s, err))
		return NULL;
	m.host = dup_member(r, "host");
	m.port = dup_member(r, "port");
	m.file = dup_member(r, "file");
	if (!m.host == !m.file) {
		fail(err, FERRY_X_USAGE, "a move needs a host or a file");
		free(m.host);
		free(m.port);
		free(m.file);
		return NULL;
	}
	m.allow = dup_member(r, "allow");
	if (!m.port)
		m.port = xstrdup(NET_PORT);
	json_get_number(r, "flags", &flags);
	m.flags = flags & (FERRY_MIGRATE_VERIFY | FERRY_MIGRATE_DRY_RUN |
			   FERRY_MIGRATE_ALLOW_WARNINGS);
	json_get_number(r, "bandwidth", &m.bandwidth);
	json_get_number(r, "blackout_us", &m.blackout_us);
	json_get_number(r, "timeout_us", &m.timeout_us);
	if (mover_start(&s->mover, &s->vm, &m, err))
		return NULL;
	c->follows = true;
	s->next_progress = 0;
	return NULL;
}

static json_object *req_cancel(struct session *s, struct conn *c, json_object *r, struct error *err)
{
	if (!s->mover.active) {
		fail(err, FERRY_X_BUSY, "the VM is not being moved");
		return NULL;
	}
	/* Nothing ends that but an answer: the VM may run over there. */
	if (atomic_load(&s->mover.in_doubt)) {
		moving(s, err);
		return NULL;
	}
	mover_cancel(&s->mover);
	return done();
}

static json_object *req_force(struct session *s, struct conn *c, json_object *r, struct error *err)
{
	if (!s->mover.active || !atomic_load(&s->mover.in_doubt)) {
		fail(err, FERRY_X_BUSY, "the VM is not in doubt: there is nothing to force");
		return NULL;
	}
	atomic_store(&s->mover.force, true);
	pthread_kill(s->mover.thread, SIG_KICK);
	c->follows = true;
	return NULL;
}

json_object *control_request(struct session *s, struct conn *c, json_object *request)
{
	static const struct {
		const char *cmd;
		json_object *(*fn)(struct session *s, struct conn *c, json_object *request,
				   struct error *err);
	} requests[] = {
		{ "status", req_status },
		{ "stat", req_stat },
		{ "pause", req_pause },
		{ "continue", req_continue },
		{ "stop", req_stop },
		{ "nmi", req_nmi },
		{ "migrate", req_move },
		{ "suspend", req_move },
		{ "cancel", req_cancel },
		{ "force-resume", req_force },
	};
	const char *cmd = json_str(request, "cmd");
	struct error err = { 0 };
	json_object *reply;
	size_t i;

	for (i = 0; cmd && i < ARRAY_SIZE(requests); i++) {
		if (strcmp(cmd, requests[i].cmd))
			continue;
		reply = requests[i].fn(s, c, request, &err);
		return err.code ? control_error(&err) : reply;
	}
	fail(&err, FERRY_X_USAGE, "there is no request %s", cmd ? cmd : "without \"cmd\"");
	return control_error(&err);
}

/* --------------------------------------------------------------------- moves */

static void tell_followers(struct session *s, json_object *o, bool last)
{
	int i;

	for (i = 0; i < CONTROL_CONNS; i++) {
		struct conn *c = &s->conn[i];

		if (c->fd < 0 || !c->follows)
			continue;
		if (last)
			c->follows = false;
		control_send(c, o);
	}
	json_object_put(o);
}

void control_progress(struct session *s)
{
	json_object *o = json_object_new_object();

	json_object_object_add(o, "progress", mover_progress(&s->mover));
	tell_followers(s, o, false);
}

void control_moved(struct session *s)
{
	struct mover *m = &s->mover;
	json_object *o;

	if (m->result == MOVE_DONE || m->result == MOVE_CHECKED)
		o = done_with("report", mover_report(m));
	else
		o = control_error(&m->err);
	tell_followers(s, o, true);
}

void control_ended(struct session *s)
{
	json_object *o = session_end(s);
	int i;

	for (i = 0; i < CONTROL_CONNS; i++)
		if (s->conn[i].stops)
			control_send(&s->conn[i], o);
	json_object_put(o);
}
