// SPDX-License-Identifier: GPL-2.0-only
/*
 * What records say about a VM: bodies made from it, and bodies put into it. Lib has checked their
 * form; what they mean for this host is checked here. vm->lock is taken where the VM is configured;
 * a vcpu->lock for as long as one of its groups is copied.
 */
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/utsname.h>

#include "migrate.h"

static_assert(sizeof(struct ferry_cpuid_entry) == FERRY_STREAM_CPUID_SIZE);
static_assert(sizeof(struct ferry_policy_msr) == FERRY_STREAM_MSR_SIZE);
static_assert(sizeof(struct ferry_finding) == FERRY_STREAM_FINDING_SIZE);
static_assert(FERRY_MAX_CPUID == FERRY_STREAM_MAX_CPUID);
static_assert(FERRY_MAX_POLICY_MSRS == FERRY_STREAM_MAX_MSRS);
static_assert(FERRY_MAX_REGIONS == FERRY_STREAM_MAX_REGIONS);
static_assert(FERRY_MAX_VCPUS == FERRY_STREAM_MAX_VCPUS);
static_assert(FERRY_STATE_MAX_BYTES <= FERRY_STREAM_MAX_STATE);
static_assert(PAGE_SIZE == WIRE_PAGE);

/*
 * In the order of restoring: what later groups are checked against comes first; clocks after the
 * LAPIC whose timer they arm. The wire keeps the order, so the receiver restores as it reads.
 */
static const u8 vm_groups[] = { FERRY_STATE_IOAPIC, FERRY_STATE_PIC, FERRY_STATE_PIT,
				FERRY_STATE_VMCLOCK, FERRY_STATE_SEEN };
static const u8 vcpu_groups[] = { FERRY_STATE_CONTROL, FERRY_STATE_SEGMENTS, FERRY_STATE_GENERAL,
				  FERRY_STATE_DEBUG,   FERRY_STATE_FPU,	     FERRY_STATE_MSRS,
				  FERRY_STATE_LAPIC,   FERRY_STATE_CLOCK,    FERRY_STATE_MP,
				  FERRY_STATE_EVENTS };

void ferry_require_states(struct ferry_migration *m)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(vm_groups); i++)
		m->rx.required_vm |= BIT_ULL(vm_groups[i]);
	for (i = 0; i < ARRAY_SIZE(vcpu_groups); i++)
		m->rx.required_vcpu |= BIT_ULL(vcpu_groups[i]);
}

/* vCPUs are 0..n-1, so that a count says which there are; vm->lock or pinned. */
bool ferry_vcpus_dense(struct ferry_vm *vm)
{
	int i;

	for (i = 0; i < vm->nr_vcpus; i++)
		if (!vm->vcpus[i])
			return false;
	return true;
}

/* ------------------------------------------------------------------------ sending */

int ferry_send_header(struct ferry_migration *m, u32 flags)
{
	struct ferry_stream_header header;

	wire_header_init(&header, flags, m->vm->uuid, m->vm->generation,
			 flags & FERRY_STREAM_REPLY ? get_random_u64() : m->token.source,
			 ferry_crc32c);
	m->greeted = true;
	return wire_tx_header(&m->tx, &header);
}

int ferry_send_hello(struct ferry_migration *m)
{
	struct ferry_stats *stats;
	struct ferry_stream_hello hello = {
		.nr_vcpus = m->vm->nr_vcpus,
		.memory_bytes = ferry_map(m)->pages * WIRE_PAGE,
		.page_size = WIRE_PAGE,
		.timeout_ms = m->link.timeout_ms,
		.journal = m->dest ? m->journal : 0,
		.tsc_khz = m->dest ? 0 : ferry_clock_khz(m->vm),
	};

	if (m->flags & FERRY_MIGRATE_VERIFY)
		hello.flags |= FERRY_HELLO_VERIFY;
	if (m->flags & FERRY_MIGRATE_DRY_RUN)
		hello.flags |= FERRY_HELLO_DRY_RUN;
	if (m->flags & FERRY_MIGRATE_ALLOW_WARNINGS)
		hello.flags |= FERRY_HELLO_ALLOW_WARNINGS;
	if (!m->dest && READ_ONCE(m->vm->seen_kvmclock))
		hello.flags |= FERRY_HELLO_KVMCLOCK;
	stats = kzalloc(sizeof(*stats), GFP_KERNEL);
	if (stats) {
		ferry_memory_stats(m->vm, stats);
		hello.resident_bytes = min(stats->pages_present * WIRE_PAGE, hello.memory_bytes);
		kfree(stats);
	}
	strscpy(hello.host, utsname()->nodename, sizeof(hello.host));
	strscpy(hello.build, utsname()->release, sizeof(hello.build));
	return wire_tx_record(&m->tx, FERRY_REC_HELLO, &hello, sizeof(hello), NULL, 0);
}

int ferry_send_policy(struct ferry_migration *m)
{
	struct ferry_stream_policy body = {};
	const struct ferry_cpuid_entry *entries = ferry_cpuid_entries(m->vm, &body.nr_cpuid);
	const struct ferry_policy_msr *msrs = ferry_policy_msrs(m->vm, &body.nr_msrs);
	size_t leaves = body.nr_cpuid * sizeof(*entries);
	size_t values = body.nr_msrs * sizeof(*msrs);

	memcpy(m->buf, entries, leaves);
	memcpy(m->buf + leaves, msrs, values);
	return wire_tx_record(&m->tx, FERRY_REC_POLICY, &body, sizeof(body), m->buf,
			      leaves + values);
}

/* The regions of a source, in the order of their addresses. They are pinned. */
int ferry_read_map(struct ferry_migration *m)
{
	struct ferry_stream_region r[FERRY_MAX_REGIONS], key;
	const char *what;
	int i, n = 0, err = 0;
	u32 id;

	memset(&m->map, 0, sizeof(m->map));
	for (id = 0; id < FERRY_MAX_REGIONS; id++) {
		key = (struct ferry_stream_region){ .region = id };
		if (!ferry_memory_region(m->vm, id, &key.gpa, &key.length, &key.flags))
			continue;
		for (i = n++; i && r[i - 1].gpa > key.gpa; i--)
			r[i] = r[i - 1];
		r[i] = key;
	}
	for (i = 0; !err && i < n; i++)
		err = wire_map_add(&m->map, &r[i], &what);
	return err || n ? err : -ENODATA;
}

int ferry_send_map(struct ferry_migration *m)
{
	struct ferry_stream_map body = { .count = m->map.count };

	return wire_tx_record(&m->tx, FERRY_REC_MAP, &body, sizeof(body), m->map.region,
			      body.count * sizeof(m->map.region[0]));
}

/* REFUSE, ABORT or CANCEL: why, from m->err and its companions. */
int ferry_send_reason(struct ferry_migration *m, u32 type)
{
	struct ferry_stream_reason body = {
		.code = m->err ? -m->err : ECANCELED,
		.total_findings = m->nr_findings,
		.record = m->err_record,
		.offset = m->err_offset,
	};

	if (type == FERRY_REC_REFUSE)
		body.nr_findings = min_t(u32, m->nr_findings, FERRY_STREAM_MAX_FINDINGS);
	/* Numbers that mean something only inside this kernel go out as something that is known. */
	if (body.code >= 512)
		body.code = EINTR;
	strscpy(body.text, m->error, sizeof(body.text));
	return wire_tx_record(&m->tx, type, &body, sizeof(body), m->findings,
			      body.nr_findings * sizeof(*m->findings));
}

int ferry_send_token(struct ferry_migration *m, u32 type)
{
	return wire_tx_record(&m->tx, type, &m->token, sizeof(m->token), NULL, 0);
}

static int send_state(struct ferry_migration *m, struct ferry_vcpu *vcpu, u32 group)
{
	struct ferry_stream_state body = {
		.group = group,
		.vcpu = vcpu ? vcpu->id : FERRY_STREAM_VM_WIDE,
	};
	int len;

	memset(m->buf, 0, FERRY_STATE_MAX_BYTES);
	if (vcpu)
		mutex_lock(&vcpu->lock);
	len = ferry_state_get(m->vm, vcpu, group, m->buf, FERRY_STATE_MAX_BYTES);
	if (vcpu)
		mutex_unlock(&vcpu->lock);
	if (len < 0)
		return ferry_migration_fail(m, len, "state group %u could not be read", group);
	return wire_tx_record(&m->tx, FERRY_REC_STATE, &body, sizeof(body), m->buf, len);
}

/* The VM stands still. */
int ferry_send_states(struct ferry_migration *m)
{
	struct ferry_vcpu *vcpu;
	int i, g, err = 0;

	for (g = 0; !err && g < ARRAY_SIZE(vm_groups); g++)
		err = send_state(m, NULL, vm_groups[g]);
	ferry_for_each_vcpu(i, vcpu, m->vm)
		for (g = 0; !err && g < ARRAY_SIZE(vcpu_groups); g++)
			err = send_state(m, vcpu, vcpu_groups[g]);
	return err;
}

/* ---------------------------------------------------------------------- receiving */

/* Can this host honour the policy? If so it is the VM's. Findings are kept in any case. */
int ferry_take_policy(struct ferry_migration *m)
{
	const struct ferry_stream_policy *body = m->rx.body;
	const struct ferry_cpuid_entry *entries = (const void *)(body + 1);
	const struct ferry_policy_msr *msrs = (const void *)(entries + body->nr_cpuid);
	u32 flags = m->rx.hello.flags | (m->flags & FERRY_MIGRATE_ALLOW_WARNINGS ?
						 FERRY_HELLO_ALLOW_WARNINGS : 0);
	char reason[96];
	int err;

	m->findings = kvcalloc(FERRY_STREAM_MAX_FINDINGS, sizeof(*m->findings),
			       GFP_KERNEL_ACCOUNT);
	if (!m->findings)
		return -ENOMEM;
	mutex_lock(&m->vm->lock);
	m->vm->clock.raw_khz = m->rx.hello.flags & FERRY_HELLO_KVMCLOCK ? 0 : m->rx.hello.tsc_khz;
	err = ferry_cpuid_install(m->vm, entries, body->nr_cpuid, msrs, body->nr_msrs,
				  m->findings, FERRY_STREAM_MAX_FINDINGS, &m->nr_findings);
	mutex_unlock(&m->vm->lock);
	if (err == -EOPNOTSUPP &&
	    ferry_cpuid_excluded(entries, body->nr_cpuid, m->findings,
				 min_t(u32, m->nr_findings, FERRY_STREAM_MAX_FINDINGS), reason, sizeof(reason)))
		return ferry_migration_fail(m, err, "the VM's policy excludes this host: %s", reason);
	if (err == -EOPNOTSUPP)
		return ferry_migration_fail(m, err, "this host's CPU does not fit the VM's policy: "
					    "%u findings", m->nr_findings);
	if (!err && m->nr_findings && !(flags & FERRY_HELLO_ALLOW_WARNINGS))
		return ferry_migration_fail(m, -EOPNOTSUPP, "the VM's policy fits this host with %u"
					    " warnings; allow them or choose another host",
					    m->nr_findings);
	return err;
}

/* Make the regions, and the bitmaps that say which pages have come. */
int ferry_take_map(struct ferry_migration *m)
{
	const struct wire_map *map = &m->rx.map;
	u64 need = m->rx.hello.resident_bytes >> 20, have, words = wire_bitmap_words(map->pages);
	struct ferry_memory args;
	int i, err = 0;

	/* A bound for what the bitmaps and tables of a stream can make us allocate, too. */
	if (map->pages > totalram_pages())
		return ferry_migration_fail(m, -ENOMEM, "the VM has %llu MiB, this host only %lu",
					    map->pages >> (20 - PAGE_SHIFT),
					    totalram_pages() >> (20 - PAGE_SHIFT));
	have = si_mem_available() >> (20 - PAGE_SHIFT);
	if (need > have)
		return ferry_migration_fail(m, -ENOMEM, "the VM needs %llu MiB now, this host has "
					    "%llu MiB free", need, have);
	m->rx.received = kvcalloc(words, sizeof(u64), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	m->rx.unverified = kvcalloc(words, sizeof(u64), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!m->rx.received || !m->rx.unverified)
		return -ENOMEM;

	mutex_lock(&m->vm->lock);
	m->pinned = false; /* by us; nobody else changes regions while we hold the lock */
	for (i = 0; !err && i < map->count; i++) {
		args = (struct ferry_memory){
			.size = sizeof(args),
			.flags = map->region[i].flags,
			.region = map->region[i].region,
			.gpa = map->region[i].gpa,
			.length = map->region[i].length,
		};
		err = args.flags & ~FERRY_MEM_READONLY ? -EINVAL :
							 ferry_memory_set(m->vm, &args);
	}
	m->pinned = true;
	mutex_unlock(&m->vm->lock);
	if (err)
		return ferry_migration_fail(m, err, "region %d of the VM's memory cannot be made "
					    "here (%d)", i - 1, err);
	return 0;
}

int ferry_take_state(struct ferry_migration *m)
{
	const struct ferry_stream_state *body = m->rx.body;
	u32 len = m->rx.record.length - sizeof(*body);
	struct ferry_vcpu *vcpu = NULL;
	int err;

	if (body->vcpu != FERRY_STREAM_VM_WIDE) {
		vcpu = m->vm->vcpus[body->vcpu];
		mutex_lock(&vcpu->lock);
	}
	err = ferry_state_set(m->vm, vcpu, body->group, body + 1, len);
	if (vcpu)
		mutex_unlock(&vcpu->lock);
	if (err && vcpu)
		return ferry_migration_fail(m, err, "state group %u of vCPU %u is not valid here",
					    body->group, vcpu->id);
	if (err)
		return ferry_migration_fail(m, err, "state group %u of the VM is not valid here",
					    body->group);
	return 0;
}

/* The peer's REFUSE, ABORT or CANCEL becomes our own reason. */
void ferry_read_reason(struct ferry_migration *m)
{
	const struct ferry_stream_reason *body = m->rx.body;
	size_t bytes = body->nr_findings * sizeof(*m->findings);
	char text[sizeof(body->text)];
	unsigned int i;

	/* It will be printed on somebody's terminal. */
	for (i = 0; i < sizeof(text); i++) {
		bool control = body->text[i] < ' ' || body->text[i] == 0x7f;

		text[i] = body->text[i] && control ? '?' : body->text[i];
	}
	m->err = 0;
	ferry_migration_fail(m, body->code < 512 ? -(int)body->code : -ECANCELED,
			     "the other side: %s", text);
	m->err_record = body->record;
	m->err_offset = body->offset;
	if (!body->nr_findings || m->findings)
		return;
	m->findings = kvmalloc(bytes, GFP_KERNEL_ACCOUNT);
	if (!m->findings)
		return;
	memcpy(m->findings, body + 1, bytes);
	m->nr_findings = body->nr_findings;
}

/* ------------------------------------------------------------------------- verify */

/**
 * ferry_memory_digest() - over all pages that are not zero, in ascending order
 * @m: the migration; the VM stands still
 * @pages: out; how many pages went into it
 *
 * A page that was never touched and one full of zeros are the same to a guest, and so to this.
 */
u64 ferry_memory_digest(struct ferry_migration *m, u64 *pages)
{
	const struct wire_map *map = ferry_map(m);
	u64 digest = WIRE_DIGEST_SEED, began = ktime_get_ns(), gfn, end;
	struct page *page;
	u32 i;

	*pages = 0;
	for (i = 0; i < map->count; i++) {
		gfn = map->region[i].gpa / WIRE_PAGE;
		end = gfn + map->region[i].length / WIRE_PAGE;
		for (; gfn < end; gfn++) {
			page = ferry_memory_page(m->vm, gfn);
			if (page && !wire_is_zero(page_address(page), PAGE_SIZE)) {
				digest = wire_digest_u64(digest, gfn);
				digest = wire_digest(digest, page_address(page), PAGE_SIZE);
				(*pages)++;
			}
			if (!(gfn % 512))
				cond_resched();
		}
	}
	FERRY_PROGRESS(m, verify_us, div_u64(ktime_get_ns() - began, 1000));
	return digest;
}
