// SPDX-License-Identifier: GPL-2.0-only
/*
 * The destination's half of a move, and resuming from a file. See incoming.h and the order of the
 * calls in <linux/ferry.h>, struct ferry_migrate.
 */
#include <linux/ferry_stream.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "incoming.h"
#include "lib/wire/wire.h"
#include "net.h"
#include "policy.h"
#include "query.h"
#include "rundir.h"
#include "session.h"

#define MAX_FINDINGS 256

/* While a VM is taken in, signals end the call that waits; see struct ferry_migrate. */
static volatile sig_atomic_t interrupted;

static void on_signal(int sig)
{
	interrupted = sig;
}

static void signals(bool interrupt)
{
	struct sigaction act = { .sa_handler = on_signal };
	static const int list[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	sigset_t set;
	size_t i;

	sigemptyset(&set);
	for (i = 0; i < ARRAY_SIZE(list); i++) {
		sigaddset(&set, list[i]);
		if (interrupt)
			sigaction(list[i], &act, NULL);
	}
	pthread_sigmask(interrupt ? SIG_UNBLOCK : SIG_BLOCK, &set, NULL);
}

/**
 * struct arrival - a VM on its way in
 * @armed: MAY_RUN is in the journal and nothing else yet
 * @begun: pages may have come
 */
struct arrival {
	struct incoming *in;
	struct session *s;
	struct stream_start start;
	struct journal_entry entry;
	bool armed;
	bool begun;
	u64 generation;
	bool msr_ignore;
	bool paused;
};

static int receive_call(struct arrival *a, struct ferry_migrate *m, struct error *err)
{
	int ret;

	m->fd = a->in->fd;
	m->flags = a->in->flags | (a->in->file ? FERRY_MIGRATE_FILE : 0) |
		   (a->msr_ignore ? FERRY_MIGRATE_MSR_IGNORE : 0);
	m->journal = a->in->journal ? a->in->journal->id : 0;
	ret = ferry_migrate(a->s->vm.fd, FERRY_MIGRATE_RECEIVE, m, err);
	if (ret && interrupted)
		return fail(err, 128 + interrupted, "interrupted while the VM was coming in");
	return ret;
}

/* --------------------------------------------------------------- definition */

/*
 * Who sends a VM has no say about this host's files: of consoles only those that name none, and of
 * policies the policy itself.
 */
static void choose_console(struct vmdef *def, const struct incoming *in)
{
	const char *own = def->console ? def->console : "tty";
	char *chosen;

	if (in->console) {
		chosen = xstrdup(in->console);
	} else if (in->file || !strcmp(own, "tty") || !strcmp(own, "pty") || !strcmp(own, "none")) {
		chosen = xstrdup(own);
	} else {
		complain("VM %s comes with the console %s, which is not for its sender to say: it gets "
			 "a pty ('ferry receive --console' chooses)", def->name, own);
		chosen = xstrdup("pty");
	}
	free(def->console);
	def->console = chosen;
}

static int take_definition(struct arrival *a, const char *text, const struct ferry_migrate *m,
			   struct error *err)
{
	struct vmdef *def = a->s->vm.def;
	u8 uuid[16];
	json_object *o, *policy;
	int ret;

	o = json_tokener_parse(text);
	if (!o)
		return fail(err, FERRY_X_BAD_FILE, "the VM's definition is damaged");
	/* As a string it would be the name of a file here. */
	if (json_object_object_get_ex(o, "policy", &policy) &&
	    !json_object_is_type(policy, json_type_object))
		ret = fail(err, FERRY_X_BAD_FILE, "the VM's definition has no policy of its own");
	else
		ret = vmdef_from_json(def, o, err);
	json_object_put(o);
	if (ret)
		return ret;
	if (def->vcpus != m->nr_vcpus || !def->kernel || !def->name[0])
		return fail(err, FERRY_X_BAD_FILE, "the VM's definition contradicts its state");
	memcpy(uuid, def->uuid, sizeof(uuid));
	if (a->in->clone)
		random_uuid(def->uuid);
	else if (memcmp(uuid, a->start.header.uuid, sizeof(uuid)))
		return fail(err, FERRY_X_BAD_FILE, "the VM's definition is of another VM");
	def->generation = a->generation;
	if (a->in->name)
		snprintf(def->name, sizeof(def->name), "%s", a->in->name);
	choose_console(def, a->in);
	a->msr_ignore = def->msr_ignore;
	ret = vmdef_complete(def, err);
	ram_layout(&a->s->vm.ram, def->memory);
	return ret;
}

/* RECEIVE up to DEFINED. *dry: the other side only wants to know. */
static int define(struct arrival *a, bool *dry, struct error *err)
{
	struct ferry_finding *findings = xcalloc(MAX_FINDINGS, sizeof(*findings));
	char *definition = xcalloc(1, FERRY_STREAM_MAX_DEFINITION + 1);
	struct ferry_migrate m = {
		.definition = (u64)(uintptr_t)definition,
		.definition_length = FERRY_STREAM_MAX_DEFINITION,
		.findings = (u64)(uintptr_t)findings,
		.nr_findings = MAX_FINDINGS,
	};
	int ret;

	ret = receive_call(a, &m, err);
	if (ret == FERRY_X_POLICY && m.nr_findings) {
		policy_findings(findings, min(m.nr_findings, (u32)MAX_FINDINGS), NULL, err);
	} else if (!ret) {
		*dry = m.flags & FERRY_MIGRATE_DRY_RUN;
		a->generation = m.generation ? m.generation : a->start.header.generation;
		definition[min(m.definition_length, (u32)FERRY_STREAM_MAX_DEFINITION)] = 0;
		ret = take_definition(a, definition, &m, err);
	}
	free(definition);
	free(findings);
	return ret;
}

/* A guest in memory needs no kernel file until it reboots: too late to hear of it then. */
static void check_reboot(const struct session *s)
{
	const struct vmdef *def = s->vm.def;
	struct error err = { 0 };

	if (!def->no_reboot && vmdef_check_boot(def, s->boot_files, &err))
		complain("VM %s: a reboot of the guest will end it here: %s", def->name, err.text);
}

/* Everything on this side that may fail, before the first page comes. */
static int prepare(struct arrival *a, struct error *err)
{
	struct session *s = a->s;
	int ret;

	ret = session_open(s, a->in->own_terminal, err);
	if (!ret)
		ret = vm_create_vcpus(&s->vm, err);
	if (!ret)
		ret = vm_map_memory(&s->vm, err);
	if (!ret && a->in->journal) {
		ret = journal_claim(a->in->journal, a->start.header.uuid, a->generation, &a->entry,
				    err);
		a->armed = !ret;
	}
	if (!ret) {
		vm_create_devices(&s->vm);
		check_reboot(s);
	}
	return ret;
}

/*
 * A dry run: what prepare() would find in its way, of what can be found without leaving a trace. The
 * move itself will be the VM's next generation.
 */
static int answer(struct arrival *a, struct error *err)
{
	struct session *s = a->s;
	struct ferry_migrate m = { 0 };
	int ret;

	ret = rundir_check(s->vm.def->name, err);
	if (!ret)
		ret = journal_check(a->in->journal, a->start.header.uuid, a->generation + 1, err);
	if (!ret)
		ret = vm_create_vcpus(&s->vm, err);
	if (!ret)
		ret = vm_map_memory(&s->vm, err);
	return ret ? ret : receive_call(a, &m, err);
}

static int take_blobs(struct arrival *a, const char *text, struct error *err)
{
	json_object *o = json_tokener_parse(text), *devices = NULL;
	struct vm *vm = &a->s->vm;
	int ret;

	if (!o || !json_object_object_get_ex(o, "devices", &devices)) {
		json_object_put(o);
		return fail(err, FERRY_X_BAD_FILE, "the VM's device states are damaged");
	}
	a->paused = json_flag(o, "paused", false);
	pthread_mutex_lock(&vm->lock);
	vm_clock_stop_locked(vm);
	ret = devices_load(&vm->devices, devices, err);
	pthread_mutex_unlock(&vm->lock);
	json_object_put(o);
	return ret;
}

/* RECEIVE up to LOADED. */
static int load(struct arrival *a, struct error *err)
{
	char *blobs = xcalloc(1, FERRY_STREAM_MAX_DEVICES + 1);
	struct ferry_migrate m = {
		.blobs = (u64)(uintptr_t)blobs,
		.blobs_length = FERRY_STREAM_MAX_DEVICES,
	};
	int ret;

	ret = receive_call(a, &m, err);
	if (!ret && m.phase != FERRY_MIGRATE_LOADED)
		ret = fail(err, FERRY_X_SYSTEM, "the module stopped in phase %s",
			   ferry_phase_name(m.phase));
	if (!ret) {
		blobs[min(m.blobs_length, (u32)FERRY_STREAM_MAX_DEVICES)] = 0;
		ret = take_blobs(a, blobs, err);
	}
	free(blobs);
	return ret;
}

/* ----------------------------------------------------------------- handover */

/* No file is resumed twice: the mark is on the disk before the first entry. */
static int consume(struct arrival *a, struct error *err)
{
	struct ferry_stream_header h = a->start.header;

	if (a->in->clone)
		return 0;
	wire_header_consume(&h, wire_crc32c);
	if (pwrite(a->in->fd, &h, sizeof(h), 0) != sizeof(h) || fsync(a->in->fd))
		return fail_errno(err, FERRY_X_SYSTEM, "cannot mark %s as resumed", a->in->from);
	return 0;
}

static int hand_over(struct arrival *a, struct error *err)
{
	struct ferry_migrate m = { .fd = a->in->fd };
	int vm = a->s->vm.fd, ret;

	if (a->in->file) {
		signals(false);
		if (interrupted)
			return fail(err, 128 + interrupted, "interrupted; the file is untouched");
		ret = consume(a, err);
		m.flags = FERRY_MIGRATE_FILE;
	} else {
		ret = ferry_migrate(vm, FERRY_MIGRATE_ACCEPT, &m, err);
		signals(false);
		if (ret)
			return ret;
		/* It runs from here on, whatever happens: this host has the only copy. */
		a->armed = false;
		if (journal_record(&a->entry, WIRE_JOURNAL_RAN, err))
			complain("%s; VM %s runs here all the same", err->text, a->s->vm.def->name);
	}
	if (!ret)
		ret = ferry_migrate(vm, FERRY_MIGRATE_CONFIRM, &m, err);
	/* COMMIT was heard: that RUNNING could not be said is the source's doubt, not ours. */
	if (ret && !a->in->file && m.phase == FERRY_MIGRATE_RUNNING)
		ret = 0;
	return ret;
}

/* @why goes to the source, which shows it to whoever waits there. */
static void give_up(struct arrival *a, const struct error *why)
{
	struct ferry_migrate m = { 0 };
	struct error ignored = { 0 };

	snprintf((char *)m.error, sizeof(m.error), "%.*s", (int)sizeof(m.error) - 1, why->text);

	/* Durable first, then said: a query must not find less than the source was told. */
	if (a->armed && journal_record(&a->entry, WIRE_JOURNAL_ABORTED, &ignored))
		complain("%s", ignored.text);
	if (a->s->vm.fd >= 0)
		ferry_migrate(a->s->vm.fd, FERRY_MIGRATE_ABORT, &m, &ignored);
}

static void announce(struct arrival *a)
{
	const struct vmdef *def = a->s->vm.def;

	if (a->in->json) {
		json_object *o = json_object_new_object();

		json_object_object_add(o, "arrived", session_status(a->s));
		json_object_object_add(o, "from", json_object_new_string(a->in->from));
		print_json(stderr, o);
		json_object_put(o);
	} else {
		complain("VM %s came from %s and runs here", def->name, a->in->from);
	}
}

static int take_in(struct arrival *a, bool *dry, struct error *err)
{
	struct session *s = a->s;
	char uuid[37];
	u8 id[16];
	int ret;

	memcpy(id, a->start.header.uuid, sizeof(id));
	if (a->in->clone)
		random_uuid(id);
	format_uuid(id, uuid);
	ret = vm_create_incoming(&s->vm, uuid, id, a->start.header.generation, err);
	if (!ret)
		ret = define(a, dry, err);
	if (!ret && *dry) {
		ret = answer(a, err);
	} else if (!ret) {
		ret = prepare(a, err);
		a->begun = !ret;
		if (!ret)
			ret = load(a, err);
		if (!ret)
			ret = hand_over(a, err);
	}
	if (ret)
		give_up(a, err);
	journal_release(&a->entry);
	return ret;
}

int incoming_run(struct incoming *in)
{
	struct arrival a = { .in = in, .entry.fd = -1 };
	struct error err = { 0 };
	bool dry = false;
	int ret;

	in->no_vm = true;
	ret = stream_peek(in->fd, in->file, &a.start, &err);
	if (ret)
		return report(&err, in->json);
	if (!in->file && a.start.query)
		return query_serve(in->fd, in->journal) ? FERRY_X_NETWORK : FERRY_X_OK;
	if (!in->file != !(a.start.header.flags & FERRY_STREAM_FILE)) {
		fail(&err, FERRY_X_BAD_FILE, "%s is not what it should be: a %s", in->from,
		     in->file ? "suspend file" : "live stream");
		return report(&err, in->json);
	}
	if ((a.start.header.flags & FERRY_STREAM_CONSUMED) && !in->clone) {
		fail(&err, FERRY_X_CONSUMED,
		     "%s was resumed before: its VM has gone on since. --clone makes a new VM of "
		     "the old state", in->from);
		return report(&err, in->json);
	}

	a.s = xcalloc(1, sizeof(*a.s));
	ret = session_init(a.s, vmdef_new(), &err);
	a.s->json = in->json;
	/* A guest can read what it is booted with: no file of this host for its sender to choose. */
	a.s->boot_files = in->file || in->boot_files ? in->boot_files : "";
	signals(true);
	if (!ret)
		ret = take_in(&a, &dry, &err);
	signals(false);
	in->no_vm = !a.begun && !interrupted;
	if (!ret && !dry) {
		struct error pause = { 0 };

		if (a.paused && vm_pause(&a.s->vm, &pause))
			complain("%s: it runs, though it was paused where it came from", pause.text);
		close(in->fd);
		if (in->listener)
			close(in->listener);
		announce(&a);
		ret = session_run(a.s, &err);
		ret = ret ? report(&err, in->json) : session_report(a.s);
	} else if (ret) {
		char why[sizeof(err.text)];

		snprintf(why, sizeof(why), "%s", err.text);
		snprintf(err.text, sizeof(err.text), "the VM from %.100s %s taken in: %.5000s", in->from,
			 dry ? "would not be" : "was not", why);
		report(&err, in->json);
	}
	session_destroy(a.s);
	free(a.s);
	return ret;
}
