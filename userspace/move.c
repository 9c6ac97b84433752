// SPDX-License-Identifier: GPL-2.0-only
/*
 * ferry migrate, ferry suspend: ask a VM's process to move it away, and show how that goes.
 */
#include <linux/ferry.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"
#include "command.h"
#include "mover.h"
#include "net.h"
#include "opts.h"

struct args {
	json_object *request;
	bool json;
	bool plain;
	bool cancel;
	bool force_resume;
	bool dry_run;
	u64 flags;
	char *allow;
	const char *pos[2];
};

/* ------------------------------------------------------------------- options */

static int set_json(void *ctx, const char *v, struct error *err)
{
	((struct args *)ctx)->json = true;
	return 0;
}

static int set_plain(void *ctx, const char *v, struct error *err)
{
	((struct args *)ctx)->plain = true;
	return 0;
}

static int set_cancel(void *ctx, const char *v, struct error *err)
{
	((struct args *)ctx)->cancel = true;
	return 0;
}

static int set_force(void *ctx, const char *v, struct error *err)
{
	((struct args *)ctx)->force_resume = true;
	return 0;
}

static int set_verify(void *ctx, const char *v, struct error *err)
{
	((struct args *)ctx)->flags |= FERRY_MIGRATE_VERIFY;
	return 0;
}

static int set_dry(void *ctx, const char *v, struct error *err)
{
	struct args *a = ctx;

	a->flags |= FERRY_MIGRATE_DRY_RUN;
	a->dry_run = true;
	return 0;
}

static int set_warnings(void *ctx, const char *v, struct error *err)
{
	((struct args *)ctx)->flags |= FERRY_MIGRATE_ALLOW_WARNINGS;
	return 0;
}

static int set_warning(void *ctx, const char *v, struct error *err)
{
	struct args *a = ctx;
	char *list = a->allow ? xasprintf("%s,%s", a->allow, v) : xstrdup(v);

	free(a->allow);
	a->allow = list;
	return 0;
}

static int set_bandwidth(void *ctx, const char *v, struct error *err)
{
	u64 bytes;

	if (!parse_size(v, 1, &bytes) || !bytes)
		return fail(err, FERRY_X_USAGE, "'%s' is no rate: say 100M for 100 MiB/s", v);
	json_object_object_add(((struct args *)ctx)->request, "bandwidth", json_u64(bytes));
	return 0;
}

static int set_time(void *ctx, const char *key, const char *v, u64 unit, struct error *err)
{
	u64 us;

	if (!parse_duration(v, unit, &us) || !us)
		return fail(err, FERRY_X_USAGE, "'%s' is no time: say 300ms or 30s", v);
	json_object_object_add(((struct args *)ctx)->request, key, json_u64(us));
	return 0;
}

static int set_blackout(void *ctx, const char *v, struct error *err)
{
	return set_time(ctx, "blackout_us", v, 1000, err);
}

static int set_timeout(void *ctx, const char *v, struct error *err)
{
	return set_time(ctx, "timeout_us", v, 1000000, err);
}

/* ----------------------------------------------------------------- progress */

static u64 number(json_object *o, const char *key)
{
	u64 v = 0;

	json_get_number(o, key, &v);
	return v;
}

static const char *milliseconds(u64 us)
{
	static char ring[4][24];
	static unsigned int next;
	char *out = ring[next++ % 4];

	if (us < 10000000)
		snprintf(out, sizeof(ring[0]), "%.1f ms", us / 1e3);
	else
		snprintf(out, sizeof(ring[0]), "%.1f s", us / 1e6);
	return out;
}

static void show_progress(json_object *p)
{
	static char last_phase[24];
	static u64 last_round;
	const char *phase = json_str(p, "phase");
	u64 round = number(p, "rounds");
	bool tty = isatty(STDERR_FILENO);
	char tail[80] = "";
	u64 eta;

	if (!phase)
		phase = "?";
	/* A log gets a line when something changes, a terminal one line that lives. */
	if (!tty && !strcmp(phase, last_phase) && round == last_round)
		return;
	last_round = round;
	snprintf(last_phase, sizeof(last_phase), "%s", phase);
	if (!json_flag(p, "converges", true))
		snprintf(tail, sizeof(tail), ", will not converge: dirty %s/s > link %s/s",
			 human(number(p, "dirty_per_second")), human(number(p, "bytes_per_second")));
	else if (json_get_number(p, "eta_us", &eta))
		snprintf(tail, sizeof(tail), ", ETA %s", milliseconds(eta));
	fprintf(stderr, "%s%s, round %llu: %llu%%, %s left, %s/s, dirty %s/s, blackout %s%s%s",
		tty ? "\r\033[K" : "", phase, (unsigned long long)round,
		(unsigned long long)number(p, "percent"), human(number(p, "remaining")),
		human(number(p, "bytes_per_second")), human(number(p, "dirty_per_second")),
		milliseconds(number(p, "predicted_blackout_us")), tail, tty ? "" : "\n");
}

static void show_report(json_object *r, const char *name, const char *where)
{
	if (!strcmp(json_str(r, "result") ?: "", "compatible")) {
		printf("%s accepts VM %s: nothing stands in the way of a move\n", where, name);
		return;
	}
	printf("VM %s: moved to %s in %s\n", name, where, milliseconds(number(r, "elapsed_us")));
	printf("  rounds       %llu\n", (unsigned long long)number(r, "rounds"));
	printf("  pages        %llu sent, %llu zero, %llu of them while frozen\n",
	       (unsigned long long)number(r, "pages_sent"),
	       (unsigned long long)number(r, "pages_zero"),
	       (unsigned long long)number(r, "final_pages"));
	printf("  bytes        %s\n", human(number(r, "bytes")));
	printf("  blackout     %s", milliseconds(number(r, "blackout_us")));
	if (number(r, "predicted_blackout_us"))
		printf(", predicted %s", milliseconds(number(r, "predicted_blackout_us")));
	putchar('\n');
	if (number(r, "verify_us"))
		printf("  verified in  %s\n", milliseconds(number(r, "verify_us")));
}

/* Ctrl-C cancels the move and waits for its end; the second one gives up waiting. */
static int follow_fd = -1;

static void on_interrupt(int sig)
{
	static const char line[] = "{\"cmd\": \"cancel\"}\n";
	static volatile sig_atomic_t times;

	if (times++ || send(follow_fd, line, sizeof(line) - 1, MSG_NOSIGNAL) < 0)
		_exit(128 + sig);
}

static int follow(FILE *f, const char *name, const char *where, bool json, struct error *err)
{
	struct sigaction act = { .sa_handler = on_interrupt, .sa_flags = SA_RESTART };
	bool over = false, live = false;
	json_object *o, *m;

	follow_fd = fileno(f);
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	while (!over && (o = client_receive(f, name, err))) {
		over = json_object_object_get_ex(o, "report", &m);
		if (json) {
			print_json(stdout, o);
		} else if (over) {
			if (live && isatty(STDERR_FILENO))
				fprintf(stderr, "\r\033[K");
			show_report(m, name, where);
		} else if (json_object_object_get_ex(o, "progress", &m)) {
			show_progress(m);
			live = true;
		}
		json_object_put(o);
	}
	if (!over && live && !json && isatty(STDERR_FILENO))
		fputc('\n', stderr);
	return over ? 0 : err->code;
}

/* Send @a->request and follow what comes of it; consumes the request. */
static int request_and_follow(struct args *a, const char *name, const char *where,
			      struct error *err)
{
	FILE *f = client_open(name, err);
	int ret = err->code;

	if (f) {
		ret = client_send(f, a->request, err);
		if (!ret)
			ret = follow(f, name, where, a->json, err);
		fclose(f);
	}
	return ret;
}

static int leave(int ret, struct args *a, struct error *err)
{
	json_object_put(a->request);
	free(a->allow);
	return ret == OPTS_HELP ? FERRY_X_OK : ret ? report(err, a->json) : FERRY_X_OK;
}

/* -------------------------------------------------------------------- migrate */

static int control_only(struct args *a, const char *cmd, struct error *err)
{
	json_object *reply;

	json_object_object_add(a->request, "cmd", json_object_new_string(cmd));
	if (a->force_resume)
		return request_and_follow(a, a->pos[0], "here", err);
	reply = client_call(a->pos[0], json_object_get(a->request), err);
	if (reply && a->json)
		print_json(stdout, reply);
	json_object_put(reply);
	return err->code;
}

int cmd_migrate(int argc, char **argv)
{
	static const struct opt opts[] = {
		{ "plain", NULL, "over plain TCP, unencrypted; must be said, there is no TLS yet",
		  set_plain },
		{ "dry-run", NULL, "only check whether the other host can take it", set_dry },
		{ "verify", NULL, "compare a digest of all memory before handing over",
		  set_verify },
		{ "allow-warning", "NAME", "go on in spite of this warning of the other host; say it "
		  "again for others", set_warning },
		{ "allow-warnings", NULL, "go on in spite of all its warnings", set_warnings },
		{ "bandwidth", "RATE", "at most this many bytes a second: 100M", set_bandwidth },
		{ "max-blackout", "TIME", "copy until the guest would stand still for this long at "
		  "most; default 300ms", set_blackout },
		{ "timeout", "TIME", "give up after this; the VM goes on here", set_timeout },
		{ "cancel", NULL, "end a move that is under way", set_cancel },
		{ "force-resume", NULL, "run a VM in doubt here. If it runs on the other host too, "
		  "it runs twice and its disks and network are damaged", set_force },
		{ "json", NULL, "progress and report as JSON, one object per line", set_json },
		{ NULL }
	};
	static const struct usage usage = {
		.command = "migrate",
		.args = "NAME HOST[:PORT]",
		.help = "Moves a running VM to a host where 'ferry receive' waits. Ctrl-C cancels;\n"
			"a move that fails or is cancelled leaves the VM running here.",
		.opts = opts,
	};
	struct args a = { .request = client_request("migrate") };
	struct error err = { 0 };
	char *host, *port;
	int nr, ret;

	ret = opts_parse(&usage, &a, argc, argv, a.pos, 2, &nr, &err);
	if (ret)
		return leave(ret, &a, &err);
	if (!nr)
		return leave(fail(&err, FERRY_X_USAGE, "which VM? 'ferry list' shows their names"),
			     &a, &err);
	if (a.cancel || a.force_resume)
		return leave(control_only(&a, a.cancel ? "cancel" : "force-resume", &err), &a,
			     &err);
	if (nr < 2)
		return leave(fail(&err, FERRY_X_USAGE, "where to? ferry migrate %s HOST[:PORT]",
				  a.pos[0]), &a, &err);
	if (!a.plain)
		return leave(fail(&err, FERRY_X_USAGE,
				  "moves are not encrypted yet, and the whole of the guest's memory "
				  "goes over the wire: say --plain if the network is yours"),
			     &a, &err);
	if (!net_split(a.pos[1], NET_PORT, &host, &port))
		return leave(fail(&err, FERRY_X_USAGE, "'%s' is no HOST or HOST:PORT", a.pos[1]),
			     &a, &err);
	json_object_object_add(a.request, "host", json_object_new_string(host));
	json_object_object_add(a.request, "port", json_object_new_string(port));
	if (a.allow)
		json_object_object_add(a.request, "allow", json_object_new_string(a.allow));
	json_object_object_add(a.request, "flags", json_u64(a.flags));
	free(host);
	free(port);
	ret = request_and_follow(&a, a.pos[0], a.pos[1], &err);
	return leave(ret, &a, &err);
}

/* -------------------------------------------------------------------- suspend */

int cmd_suspend(int argc, char **argv)
{
	static const struct opt opts[] = {
		{ "verify", NULL, "put a digest of all memory into the file", set_verify },
		{ "timeout", "TIME", "give up after this; the VM goes on", set_timeout },
		{ "json", NULL, "progress and report as JSON, one object per line", set_json },
		{ NULL }
	};
	static const struct usage usage = {
		.command = "suspend",
		.args = "NAME FILE",
		.help = "Saves a running VM to a new file and ends it here. 'ferry resume FILE' goes\n"
			"on with it, on this host or another.",
		.opts = opts,
	};
	struct args a = { .request = client_request("suspend") };
	struct error err = { 0 };
	char *path;
	int nr, ret;

	ret = opts_parse(&usage, &a, argc, argv, a.pos, 2, &nr, &err);
	if (!ret && nr < 2)
		ret = fail(&err, FERRY_X_USAGE, "which VM, and to which file? ferry suspend NAME FILE");
	if (ret)
		return leave(ret, &a, &err);
	/* The VM's process has another working directory. */
	path = *a.pos[1] == '/' ? xstrdup(a.pos[1]) : NULL;
	if (!path) {
		char *cwd = getcwd(NULL, 0);

		path = xasprintf("%s/%s", cwd ? cwd : ".", a.pos[1]);
		free(cwd);
	}
	json_object_object_add(a.request, "file", json_object_new_string(path));
	json_object_object_add(a.request, "flags", json_u64(a.flags));
	free(path);
	ret = request_and_follow(&a, a.pos[0], a.pos[1], &err);
	return leave(ret, &a, &err);
}
