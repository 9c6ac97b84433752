// SPDX-License-Identifier: GPL-2.0-only
/*
 * The destination's module against streams that are cut, damaged, do not fit this host, or come from
 * a source that does not keep to the protocol. All end in an error that says where and why, and none in
 * a guest that runs. (Every byte and every bit are tried in selftests/unit/test_wire_stream.c; here the
 * same engine is sampled in the kernel, with what the kernel adds.)
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "../unit/tap.h"
#include "freemem.h"
#include "host_policy.h"
#include "lib/cpu/check.h"
#include "lib/cpu/exclude.h"
#include "tape.h"

static struct tape tape;

/* What the two RECEIVE calls make of a file. */
static int receive_file(int fd, struct ferry_migrate *m, struct storm *s)
{
	static char definition[64], blobs[64];
	int err;

	storm_incoming(s);
	memset(m, 0, sizeof(*m));
	m->flags = FERRY_MIGRATE_FILE;
	m->fd = fd;
	m->definition = (uintptr_t)definition;
	m->definition_length = sizeof(definition);
	m->blobs = (uintptr_t)blobs;
	m->blobs_length = sizeof(blobs);
	err = storm_call(s->vm, FERRY_MIGRATE_RECEIVE, m);
	if (err)
		return err;
	storm_adopt(s, m->nr_vcpus);
	return storm_call(s->vm, FERRY_MIGRATE_RECEIVE, m);
}

static void cuts(void)
{
	struct ferry_migrate m;
	struct storm s;
	unsigned int n, tried = 0, taken = 0, place = 0, phase = 0, text = 0;
	size_t at, step;

	for (n = 0; n < tape.nr; n++) {
		/* The head, the body's beginning, its middle, its last byte. */
		size_t inside[] = { 0, 5, 32, 40, (tape.at[n + 1] - tape.at[n]) / 2,
				    tape.at[n + 1] - tape.at[n] - 1 };

		for (step = 0; step < ARRAY_SIZE(inside); step++) {
			int fd, err;

			at = tape.at[n] + inside[step];
			if ((n + step) % 2 || at >= tape.at[n + 1] || (n == tape.nr - 1 && step > 3))
				continue;
			fd = tape_file(&tape, at);
			err = receive_file(fd, &m, &s);
			tried++;
			taken += !err;
			place += m.error_offset != tape.at[n];
			phase += m.phase != FERRY_MIGRATE_ABORTED;
			text += !strstr((char *)m.error, inside[step] ? "cut" : "ended");
			if (text == 1 && !phase)
				diag("at %zu: %d, \"%s\"", at, err, m.error);
			storm_close(&s);
			close(fd);
		}
	}
	ok_eq(taken, 0, "cut in each of its records: %u files, never a VM", tried);
	ok_eq(place, 0, "... each error names the offset of the record");
	ok_eq(text, 0, "... and says that the stream was cut");
	ok_eq(phase, 0, "... and the phase is ABORTED");
}

static void flips(void)
{
	struct ferry_migrate m;
	struct tape bad;
	struct storm s;
	unsigned int n, tried = 0, taken = 0, place = 0;

	tape_copy(&bad, &tape);
	srand(1);
	for (n = 0; n < tape.nr; n++) {
		size_t size = tape.at[n + 1] - tape.at[n];
		size_t inside[] = { rand() % 32, rand() % size };
		unsigned int i;

		for (i = 0; i < ARRAY_SIZE(inside); i++) {
			u8 *byte = bad.p + tape.at[n] + inside[i], bit = 1 << rand() % 8;
			int fd;

			*byte ^= bit;
			fd = tape_file(&bad, bad.len);
			tried++;
			if (!receive_file(fd, &m, &s)) {
				taken++;
				diag("bit %#x of byte %zu in %s", bit, inside[i],
				     wire_type_name(tape.type[n]));
			}
			place += m.error_offset != tape.at[n];
			storm_close(&s);
			close(fd);
			*byte ^= bit;
		}
	}
	ok_eq(taken, 0, "a flipped bit in each of its records: %u files, never a VM", tried);
	ok_eq(place, 0, "... each error names the offset of the record");
	tape_free(&bad);
}

/*
 * Records in another order, twice, or not at all. As they are, their numbers say so; renumbered, with
 * checksums that fit, what they mean must.
 */
enum deed { SWAP, TWICE, DROP };

static void rearrange(struct tape *to, enum deed deed, unsigned int n, bool renumber)
{
	static const u8 order[][3] = { [SWAP] = { 1, 0 }, [TWICE] = { 0, 0, 1 }, [DROP] = { 1 } };
	static const u8 count[] = { [SWAP] = 2, [TWICE] = 3, [DROP] = 1 };
	size_t rest = tape.at[n + 2], len = tape.at[n];
	unsigned int i, at = n;

	to->p = malloc(tape.len * 2);
	memcpy(to->p, tape.p, len);
	for (i = 0; i < count[deed]; i++) {
		unsigned int from = n + order[deed][i];

		memcpy(to->p + len, tape.p + tape.at[from], tape.at[from + 1] - tape.at[from]);
		to->at[at++] = len;
		len += tape.at[from + 1] - tape.at[from];
	}
	for (i = n + 2; i < tape.nr; i++)
		to->at[at++] = len + tape.at[i] - rest;
	memcpy(to->p + len, tape.p + rest, tape.len - rest);
	to->len = len + tape.len - rest;
	to->nr = at;
	to->at[at] = to->len;
	for (i = n; renumber && i < to->nr; i++)
		tape_number(to, i, i);
}

/* Which of two batches of different pages, or of two states, comes first is all the same. */
static bool same_order(u32 a, u32 b)
{
	bool pages = a == FERRY_REC_PAGES || a == FERRY_REC_ZERO;

	return a == b || (pages && (b == FERRY_REC_PAGES || b == FERRY_REC_ZERO));
}

static void orders(void)
{
	static const char *const name[] = { "swapped with the next", "doubled", "missing" };
	struct ferry_migrate m;
	struct tape bad;
	struct storm s;
	unsigned int n, deed, renumber, tried, taken, silent;

	for (deed = SWAP; deed <= DROP; deed++) {
		tried = taken = silent = 0;
		for (n = 0; n + 1 < tape.nr; n++) {
			bool same = deed == SWAP && same_order(tape.type[n], tape.type[n + 1]);

			for (renumber = 0; renumber < 2 && !(renumber && same); renumber++) {
				int fd, err;

				rearrange(&bad, deed, n, renumber);
				fd = tape_file(&bad, bad.len);
				err = receive_file(fd, &m, &s);
				tried++;
				silent += !m.error[0];
				if (!err) {
					taken++;
					diag("%s, renumbered %u, was taken", wire_type_name(tape.type[n]),
					     renumber);
				}
				storm_close(&s);
				close(fd);
				tape_free(&bad);
			}
		}
		ok_eq(taken, 0, "each record %s: %u files, never a VM", name[deed], tried);
		ok_eq(silent, 0, "... and why is said each time");
	}
}

/* One record changed, its checksums right. */
static void changed(u32 type, size_t offset, u32 value, int want, const char *what)
{
	struct ferry_migrate m;
	struct tape bad;
	struct storm s;
	unsigned int n = tape_find(&tape, type);
	int fd, err;

	tape_copy(&bad, &tape);
	memcpy((u8 *)tape_body(&bad, n) + offset, &value, 4);
	tape_mend(&bad, n);
	fd = tape_file(&bad, bad.len);
	err = receive_file(fd, &m, &s);
	ok_eq(err, want, "%s: %s", what, m.error);
	storm_close(&s);
	close(fd);
	tape_free(&bad);
}

static void contents(void)
{
	size_t entry = sizeof(struct ferry_stream_state);

	changed(FERRY_REC_HELLO, offsetof(struct ferry_stream_hello, nr_vcpus), 0, -EINVAL,
		"no vCPUs");
	changed(FERRY_REC_HELLO, offsetof(struct ferry_stream_hello, features), 1, -EPROTO,
		"unknown features");
	changed(FERRY_REC_HELLO, offsetof(struct ferry_stream_hello, flags), FERRY_HELLO_DRY_RUN, -EPROTO,
		"a file that only asks");
	changed(FERRY_REC_HELLO, offsetof(struct ferry_stream_hello, memory_bytes) + 4, 7, -EPROTO,
		"another memory size than the map's");
	changed(FERRY_REC_HELLO, offsetof(struct ferry_stream_hello, resident_bytes) + 4, 0x1000,
		-ENOMEM, "more memory in use than this host has free");
	changed(FERRY_REC_MAP, sizeof(struct ferry_stream_map) +
		offsetof(struct ferry_stream_region, flags), 0x80, -EINVAL, "unknown region flags");
	changed(FERRY_REC_MAP, sizeof(struct ferry_stream_map) +
		offsetof(struct ferry_stream_region, region), 99, -EINVAL, "a region number too high");
	changed(FERRY_REC_MAP, sizeof(struct ferry_stream_map) +
		offsetof(struct ferry_stream_region, gpa) + 4, 0xff, -EPROTO, "regions out of order");
	changed(FERRY_REC_STATE, 0, 50, -EINVAL, "a state group this module does not know");
	changed(FERRY_REC_STATE, 4, 9, -EPROTO, "state of a vCPU that was not announced");
	changed(FERRY_REC_STATE, entry, ~0U, -EINVAL, "a state no CPU can be in");
	changed(FERRY_REC_STATE_DIGEST, 0, 1, -EBADMSG, "another digest of the states");
	changed(FERRY_REC_MEMORY_DIGEST, 0, 1, -EBADMSG, "another digest of memory");
	changed(FERRY_REC_END, 8, 1, -EPROTO, "another number of pages");
}

/* A feature this host does not have. */
static void make_misfit(struct tape *t)
{
	unsigned int n = tape_find(t, FERRY_REC_POLICY), i;
	struct ferry_stream_policy *p = tape_body(t, n);
	struct ferry_cpuid_entry *e = (void *)(p + 1);

	for (i = 0; i < p->nr_cpuid; i++)
		if (e[i].leaf == 0x80000001)
			e[i].ecx |= 1 << 11 | 1 << 16; /* XOP, FMA4 */
	tape_mend(t, n);
}

static void misfit(void)
{
	struct ferry_finding finding[8];
	struct ferry_migrate m = { 0 };
	static struct peer p;
	struct tape bad;
	struct storm s;
	struct ferry_stream_reason *r;
	struct storm_move mv = { .timeout_ms = 5000 };
	int fd[2], type;

	tape_copy(&bad, &tape);
	make_misfit(&bad);
	storm_incoming(&s);
	m.flags = FERRY_MIGRATE_FILE;
	m.fd = tape_file(&bad, bad.len);
	m.findings = (uintptr_t)finding;
	m.nr_findings = ARRAY_SIZE(finding);
	ok_eq(storm_call(s.vm, FERRY_MIGRATE_RECEIVE, &m), -EOPNOTSUPP,
	      "a policy this host cannot honour is refused: %s", m.error);
	ok_eq(m.nr_findings, 2, "... with every reason");
	ok_eq(finding[0].leaf, 0x80000001, "... the leaf");
	ok_eq(finding[0].severity, FERRY_FINDING_REFUSE, "... the severity");
	close(m.fd);
	storm_close(&s);

	tape_flags(&bad, 0);
	storm_incoming(&s);
	storm_connect(fd);
	storm_dest_start(&mv, &s, fd[1]);
	peer_init(&p, fd[0], false);
	type = peer_offer(&p, &bad);
	ok_eq(type, FERRY_REC_REFUSE, "over a socket, the source hears REFUSE");
	r = p.rx.body;
	if (type == FERRY_REC_REFUSE) {
		ok_eq(r->code, EOPNOTSUPP, "... why: %s", r->text);
		ok_eq(r->nr_findings, 2, "... with every reason");
	}
	storm_dest_wait(&mv);
	ok_eq(mv.receive, -EOPNOTSUPP, "... and the destination's tool too");
	close(fd[0]);
	storm_close(&s);
	tape_free(&bad);
}

/* A policy that excludes this host; the CPU's name makes room for it. */
static void excluded(void)
{
	struct ferry_finding finding;
	struct ferry_migrate m = { .flags = FERRY_MIGRATE_FILE, .findings = (uintptr_t)&finding, .nr_findings = 1 };
	static struct cpu_policy host;
	struct cpu_signature sig;
	struct ferry_stream_policy *p;
	struct ferry_cpuid_entry *e;
	unsigned int n = tape_find(&tape, FERRY_REC_POLICY), i;
	struct tape bad;
	struct storm s;

	if (host_policy_read(&host))
		bail_out("this host's CPUID");
	sig = cpu_policy_signature(&host);
	tape_copy(&bad, &tape);
	p = tape_body(&bad, n);
	e = (void *)(p + 1);
	for (i = 0; i < p->nr_cpuid; i++)
		if (e[i].leaf == 0x80000003)
			e[i] = (struct ferry_cpuid_entry){
				.leaf = CPU_LEAF_EXCLUDED, .flags = FERRY_CPUID_SUBLEAF,
				.eax = cpu_exclusion_eax(cpu_policy_vendor(&host), sig.family),
				.ebx = cpu_exclusion_ebx(sig.model, sig.model, 0, 15), .edx = ~0u,
			};
		else if (e[i].leaf == 0x80000004) /* "too old" */
			e[i] = (struct ferry_cpuid_entry){ .leaf = CPU_LEAF_EXCLUDED, .subleaf = 1,
							   .flags = FERRY_CPUID_SUBLEAF,
							   .eax = 0x206f6f74, .ebx = 0x00646c6f };
	tape_mend(&bad, n);
	storm_incoming(&s);
	m.fd = tape_file(&bad, bad.len);
	ok_eq(storm_call(s.vm, FERRY_MIGRATE_RECEIVE, &m), -EOPNOTSUPP, "a policy that excludes this host");
	ok(strstr((char *)m.error, "excludes this host: too old"), "... says why: %s", m.error);
	ok(m.nr_findings == 1 && finding.detail == CPU_DETAIL_EXCLUDED, "... and nothing else is wrong");
	close(m.fd);
	storm_close(&s);
	tape_free(&bad);
}

/* A vCPU that somebody makes while the offer is being read was made for another policy. */
static void early_vcpu(void)
{
	static struct peer p;
	struct ferry_create_vcpu vcpu = { .size = sizeof(vcpu) };
	unsigned int n = tape_find(&tape, FERRY_REC_POLICY);
	struct ferry_stream_policy *body = tape_body(&tape, n);
	struct ferry_policy policy = { .size = sizeof(policy), .nr_cpuid = body->nr_cpuid,
				       .nr_msrs = body->nr_msrs, .cpuid = (uintptr_t)(body + 1) };
	struct storm_move mv = { .timeout_ms = 5000 };
	struct wire_vec v = { tape.p, tape.at[n] };
	struct storm s;
	int fd[2], cpu;

	policy.msrs = policy.cpuid + body->nr_cpuid * sizeof(struct ferry_cpuid_entry);
	storm_incoming(&s);
	storm_connect(fd);
	storm_dest_start(&mv, &s, fd[1]);
	peer_init(&p, fd[0], false);
	p.io.write(&p, &v, 1, v.len);
	usleep(200000);
	ok_eq(ioctl(s.vm, FERRY_SET_POLICY, &policy) ? errno : 0, 0, "a policy during RECEIVE");
	cpu = ioctl(s.vm, FERRY_CREATE_VCPU, &vcpu);
	ok(cpu >= 0, "... and a vCPU");
	peer_play(&p, &tape, n, tape_find(&tape, FERRY_REC_STATIC_END) + 1);
	storm_dest_wait(&mv);
	ok_eq(mv.receive, -EBUSY, "... the stream's policy comes too late: %s", mv.dest.error);
	close(cpu);
	close(fd[0]);
	storm_close(&s);
}

struct endless {
	struct storm s;
	struct ferry_migrate m;
	int err;
};

static void *endless_thread(void *arg)
{
	struct endless *e = arg;

	e->err = storm_call(e->s.vm, FERRY_MIGRATE_RECEIVE, &e->m);
	return NULL;
}

/* Records to be skipped, more than anybody waits for: the call can be ended all the same. */
static void endless(void)
{
	static char definition[64];
	unsigned int first = tape_find(&tape, FERRY_REC_STATIC_END) + 1, i, nr = 100000;
	struct ferry_stream_record *r;
	struct ferry_migrate m = { 0 };
	struct tape big = { .len = tape.at[first] + nr * sizeof(*r) };
	static struct endless e;
	pthread_t thread;

	big.p = malloc(big.len);
	memcpy(big.p, tape.p, tape.at[first]);
	r = (void *)(big.p + tape.at[first]);
	for (i = 0; i < nr; i++)
		wire_head_init(&r[i], 60, FERRY_REC_OPTIONAL, 0, first + i,
			       wire_crc(wire_crc32c, r, 0), wire_crc32c);
	storm_incoming(&e.s);
	e.m.flags = FERRY_MIGRATE_FILE;
	e.m.fd = tape_file(&big, big.len);
	e.m.definition = (uintptr_t)definition;
	e.m.definition_length = sizeof(definition);
	ok_eq(storm_call(e.s.vm, FERRY_MIGRATE_RECEIVE, &e.m), 0, "a file of very many records");
	storm_adopt(&e.s, e.m.nr_vcpus);
	pthread_create(&thread, NULL, endless_thread, &e);
	usleep(100000);
	ok_eq(storm_call(e.s.vm, FERRY_MIGRATE_ABORT, &m), 0, "... ABORT");
	pthread_join(thread, NULL);
	ok_eq(e.err, -ECANCELED, "... ends the call in the middle: %s", e.m.error);
	close(e.m.fd);
	storm_close(&e.s);
	tape_free(&big);
}

/* ----------------------------------------------------- the handover, as destination */

enum at_the_end { COMMIT, WRONG_NONCE, SILENT, STOPPED, HANG_UP, CANCEL, PAGES_AFTER_END };

/* A stop leaves its mark on a thread that waits in the kernel: its time must run on all the same. */
static void stop_and_continue(void)
{
	pid_t parent = getpid();

	if (fork())
		return;
	usleep(100000);
	kill(parent, SIGSTOP);
	usleep(100000);
	kill(parent, SIGCONT);
	_exit(0);
}

static void no_entry(struct storm *s, const char *what)
{
	storm_start(s);
	usleep(50000);
	storm_stop(s);
	ok(s->cpu[0].run->exit_reason == FERRY_EXIT_PAUSED && !storm_writes(s),
	   "%s: the guest does not run", what);
}

static void handover(enum at_the_end end, int want, const char *what)
{
	static struct peer p;
	struct storm_move mv = { .timeout_ms = end == SILENT || end == STOPPED ? 1500 : 20000 };
	struct ferry_migrate m = { 0 };
	struct storm s;
	unsigned int n;
	u64 mine;
	int fd[2], type;

	storm_incoming(&s);
	storm_connect(fd);
	storm_dest_start(&mv, &s, fd[1]);
	peer_init(&p, fd[0], false);
	type = peer_offer(&p, &tape);
	ok_eq(type, FERRY_REC_ACCEPT, "%s: the offer is accepted", what);
	ok_eq(p.rx.hello.journal, 4711, "%s: the journal is named", what);
	peer_play(&p, &tape, tape_find(&tape, FERRY_REC_STATIC_END) + 1, tape.nr);
	type = peer_hear(&p, 20000);
	ok_eq(type, FERRY_REC_PREPARED, "%s: PREPARED", what);
	mine = p.rx.token.source;
	switch (end) {
	case COMMIT:
		peer_say_token(&p, FERRY_REC_COMMIT, mine, p.rx.token.destination);
		break;
	case WRONG_NONCE:
		peer_say_token(&p, FERRY_REC_COMMIT, mine, p.rx.token.destination + 1);
		break;
	case CANCEL:
		peer_say_reason(&p, FERRY_REC_CANCEL, ECANCELED, "changed my mind");
		break;
	case HANG_UP:
		shutdown(fd[0], SHUT_WR);
		break;
	case PAGES_AFTER_END:
		n = tape_find(&tape, FERRY_REC_PAGES);
		tape_number(&tape, n, tape.nr);
		peer_play(&p, &tape, n, n + 1);
		tape_number(&tape, n, n);
		break;
	case STOPPED:
		stop_and_continue();
		break;
	case SILENT:
		break;
	}
	storm_dest_wait(&mv);
	ok_eq(mv.accept, want, "%s: ACCEPT: %s", what, mv.dest.error);
	if (end == COMMIT) {
		ok_eq(mv.confirm, 0, "%s: CONFIRM", what);
		ok_eq(peer_hear(&p, 5000), FERRY_REC_RUNNING, "%s: RUNNING is said", what);
		storm_start(&s);
		ok(storm_progress(&s, 100), "%s: the guest runs", what);
		storm_stop(&s);
		m.fd = fd[0];
		ok_eq(storm_call(s.vm, FERRY_MIGRATE_ABORT, &m), -EBUSY, "%s: no way back", what);
	} else {
		ok_eq(mv.dest.phase, FERRY_MIGRATE_ABORTED, "%s: ABORTED", what);
		/* Not before it is in the journal, which is for the tool to do. */
		ok_eq(peer_hear(&p, 300), -ETIMEDOUT, "%s: no word yet to the source", what);
		ok_eq(storm_call(s.vm, FERRY_MIGRATE_ABORT, &m), 0, "%s: once recorded,", what);
		ok_eq(peer_hear(&p, 5000), FERRY_REC_ABORT, "%s: ... ABORT is said", what);
		ok_eq(storm_call(s.vm, FERRY_MIGRATE_ABORT, &m), -EALREADY, "%s: ... once", what);
		ok_eq(storm_call(s.vm, FERRY_MIGRATE_ACCEPT, &m), -EINVAL, "%s: it is over", what);
		no_entry(&s, what);
	}
	close(fd[0]);
	storm_close(&s);
}

static void hang_up_early(void)
{
	static struct peer p;
	struct storm_move mv = { .timeout_ms = 5000 };
	struct storm s;
	unsigned int n, bad = 0, tried = 0, total = tape.nr;
	int fd[2];

	for (n = 0; n < total; n += n < 8 || n > total - 8 ? 1 : 7) {
		unsigned int accepted = tape_find(&tape, FERRY_REC_STATIC_END) + 1;

		storm_incoming(&s);
		storm_connect(fd);
		storm_dest_start(&mv, &s, fd[1]);
		peer_init(&p, fd[0], false);
		tried++;
		if (n < accepted) {
			struct wire_vec v = { tape.p, tape.at[n] };

			bad += p.io.write(&p, &v, 1, v.len) != 0;
		} else {
			bad += peer_offer(&p, &tape) != FERRY_REC_ACCEPT;
			peer_play(&p, &tape, accepted, n);
		}
		close(fd[0]);
		storm_dest_wait(&mv);
		bad += mv.dest.phase != FERRY_MIGRATE_ABORTED || !mv.accept || !mv.confirm;
		storm_close(&s);
	}
	ok_eq(bad, 0, "a source that dies before one of %u records: the destination gives up", tried);
}

int main(void)
{
	long before, left = 0;
	struct utsname host;
	bool debug, gone;
	struct storm s;

	storm_open(&s, 1, 0);
	memset(s.low + 0xd00000, 0x5a, 64 * 4096);
	tape_record(&tape, &s);
	diag("%zu bytes, %u records", tape.len, tape.nr);
	storm_close(&s);
	before = free_kib();
	cuts();
	flips();
	orders();
	contents();
	misfit();
	excluded();
	/* Each of some four hundred VMs had 2 MiB chunks and 1.3 MB of stream. This process has grown by 4 MiB. */
	/* KASAN keeps a 32nd of all memory in quarantine: 64 MiB on the debug kernel's hosts. */
	debug = !uname(&host) && strstr(host.release, "-debug");
	gone = all_freed(before, debug ? 64 << 10 : 8 << 10, &left);
	ok(gone, "of all the refused VMs nothing is left (%ld KiB)", left);

	endless();
	tape_flags(&tape, 0);
	early_vcpu();
	handover(COMMIT, 0, "healthy");
	handover(WRONG_NONCE, -EPROTO, "COMMIT of another migration");
	handover(SILENT, -ETIMEDOUT, "no COMMIT");
	handover(STOPPED, -ETIMEDOUT, "no COMMIT, and stopped and continued");
	handover(HANG_UP, -ECONNRESET, "hang up");
	handover(CANCEL, -ECANCELED, "CANCEL after END");
	handover(PAGES_AFTER_END, -EPROTO, "pages after END");
	hang_up_early();
	return done();
}
