// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a body must look like whatever came before it, and the map of guest
 * memory that page records are checked against. No locks.
 */
#include "wire.h"

/* Guest-physical addresses have at most 52 bits (SDM vol. 3, 4.1.4). */
#define MAX_GPA (1ULL << 52)

static bool zero_bytes(const u8 *p, size_t len)
{
	while (len--)
		if (*p++)
			return false;
	return true;
}

/**
 * wire_map_add() - append one region, checked
 * @map: zeroed before the first
 * @region: ascending, disjoint
 * @what: out; why not
 * Return: 0 or -EINVAL.
 */
int wire_map_add(struct wire_map *map, const struct ferry_stream_region *region, const char **what)
{
	u64 end;

	*what = "the memory map is not valid";
	if (map->count >= FERRY_STREAM_MAX_REGIONS || !region->length ||
	    (region->gpa | region->length) % WIRE_PAGE ||
	    check_add_overflow(region->gpa, region->length, &end) || end > MAX_GPA)
		return -EINVAL;
	if (map->count) {
		const struct ferry_stream_region *last = &map->region[map->count - 1];

		if (region->gpa < last->gpa + last->length) {
			*what = "regions of the memory map overlap or are out of order";
			return -EINVAL;
		}
	}
	map->region[map->count] = *region;
	map->first[map->count] = map->pages;
	map->count++;
	map->pages += region->length / WIRE_PAGE;
	return 0;
}

/* The last region that does not begin after gfn, or -1. */
static int map_find(const struct wire_map *map, u64 gfn)
{
	u32 low = 0, high = map->count;

	while (low < high) {
		u32 mid = (low + high) / 2;

		if (map->region[mid].gpa / WIRE_PAGE <= gfn)
			low = mid + 1;
		else
			high = mid;
	}
	return (int)low - 1;
}

/**
 * wire_map_index() - number of a page in the bitmaps
 * @map: guest memory
 * @gfn: page
 * @index: out
 * Return: false if the page is not in the map.
 */
bool wire_map_index(const struct wire_map *map, u64 gfn, u64 *index)
{
	int i = map_find(map, gfn);
	u64 off;

	if (i < 0)
		return false;
	off = gfn - map->region[i].gpa / WIRE_PAGE;
	if (off >= map->region[i].length / WIRE_PAGE)
		return false;
	*index = map->first[i] + off;
	return true;
}

/**
 * wire_map_run() - are all pages of a run in the map?
 * @map: guest memory
 * @gfn: first page
 * @count: pages
 *
 * A run may pass from one region to the next where nothing lies between; its indices are then
 * consecutive too.
 */
bool wire_map_run(const struct wire_map *map, u64 gfn, u64 count)
{
	u64 end, next;
	int i;

	if (!count || check_add_overflow(gfn, count, &end))
		return false;
	i = map_find(map, gfn);
	if (i < 0)
		return false;
	for (next = gfn; (u32)i < map->count; i++) {
		u64 first = map->region[i].gpa / WIRE_PAGE;
		u64 past = first + map->region[i].length / WIRE_PAGE;

		if (next < first || next >= past)
			return false;
		if (end <= past)
			return true;
		next = past;
	}
	return false;
}

static int bad(const char **what, const char *why)
{
	*what = why;
	return -EPROTO;
}

/* A list of @count entries of @size after a head: -1 if it does not fit, else bytes in all. */
static s64 list_bytes(size_t head, u64 count, size_t size, u64 max, size_t len)
{
	u64 bytes;

	if (!count || count > max || check_mul_overflow(count, (u64)size, &bytes) ||
	    check_add_overflow(bytes, (u64)head, &bytes) || bytes > len)
		return -1;
	return bytes;
}

/* Zero from @known on: a later version may have put something there that we would miss. */
static int tail(const void *body, size_t known, size_t len, const char **what)
{
	if (!zero_bytes((const u8 *)body + known, len - known))
		return bad(what, "a record carries more than this Ferry knows of");
	return 0;
}

static int check_hello(const struct ferry_stream_hello *h, size_t len, const char **what)
{
	if (h->flags & ~(FERRY_HELLO_VERIFY | FERRY_HELLO_DRY_RUN | FERRY_HELLO_ALLOW_WARNINGS |
			 FERRY_HELLO_KVMCLOCK))
		return bad(what, "unknown HELLO flags; the other side is a newer Ferry");
	if (h->features)
		return bad(what, "the stream uses features this Ferry does not know");
	if (h->page_size != WIRE_PAGE)
		return bad(what, "the page size is not 4096");
	if (h->nr_vcpus > FERRY_STREAM_MAX_VCPUS)
		return bad(what, "more vCPUs than a VM may have");
	if (h->reserved)
		return bad(what, "reserved HELLO fields are not zero");
	if (h->host[sizeof(h->host) - 1] | h->build[sizeof(h->build) - 1])
		return bad(what, "a name in HELLO does not end");
	return tail(h, sizeof(*h), len, what);
}

static int check_policy(const struct ferry_stream_policy *p, size_t len, const char **what)
{
	size_t need;

	if (!p->nr_cpuid || p->nr_cpuid > FERRY_STREAM_MAX_CPUID ||
	    p->nr_msrs > FERRY_STREAM_MAX_MSRS)
		return bad(what, "the CPU policy has no leaves or too many");
	if (p->reserved)
		return bad(what, "reserved POLICY fields are not zero");
	need = sizeof(*p) + p->nr_cpuid * FERRY_STREAM_CPUID_SIZE +
	       p->nr_msrs * FERRY_STREAM_MSR_SIZE;
	if (need > len)
		return bad(what, "the CPU policy is cut short");
	return tail(p, need, len, what);
}

static int check_map(const struct ferry_stream_map *m, size_t len, const char **what)
{
	s64 need = list_bytes(sizeof(*m), m->count, sizeof(struct ferry_stream_region),
			      FERRY_STREAM_MAX_REGIONS, len);

	if (need < 0 || m->reserved || (size_t)need != len)
		return bad(what, "the memory map does not fit its record");
	return 0;
}

static int check_pages(const struct ferry_stream_pages *p, size_t len, const char **what)
{
	const struct ferry_stream_page *e = (const void *)(p + 1);
	s64 need = list_bytes(sizeof(*p), p->count, sizeof(*e) + WIRE_PAGE, FERRY_STREAM_MAX_BATCH,
			      len);
	u32 i;

	if (need < 0 || p->reserved || (size_t)need != len)
		return bad(what, "a page record's count and length disagree");
	for (i = 0; i < p->count; i++) {
		if (e[i].reserved)
			return bad(what, "a reserved field of a page entry is not zero");
		if (i && e[i].gfn <= e[i - 1].gfn)
			return bad(what, "pages of a record repeat or are out of order");
	}
	return 0;
}

static int check_zero(const struct ferry_stream_zero *z, size_t len, const char **what)
{
	const struct ferry_stream_run *run = (const void *)(z + 1);
	s64 need = list_bytes(sizeof(*z), z->count, sizeof(*run), FERRY_STREAM_MAX_RUNS, len);
	u64 end = 0, next;
	u32 i;

	if (need < 0 || z->reserved || (size_t)need != len)
		return bad(what, "a zero record's count and length disagree");
	for (i = 0; i < z->count; i++) {
		if (!run[i].count || check_add_overflow(run[i].gfn, run[i].count, &next))
			return bad(what, "a run of zero pages is empty or overflows");
		if (i && run[i].gfn < end)
			return bad(what, "runs of zero pages overlap or are out of order");
		end = next;
	}
	return 0;
}

static int check_state(const struct ferry_stream_state *s, size_t len, const char **what)
{
	if (!s->group || s->group > 63)
		return bad(what, "unknown state group");
	if (s->vcpu >= FERRY_STREAM_MAX_VCPUS && s->vcpu != FERRY_STREAM_VM_WIDE)
		return bad(what, "state of a vCPU that cannot exist");
	return 0;
}

static int check_devices(const struct ferry_stream_devices *d, size_t len, const char **what)
{
	u64 end;

	if (!d->total || d->total > FERRY_STREAM_MAX_DEVICES)
		return bad(what, "device states are empty or too large");
	if (check_add_overflow(d->offset, (u64)(len - sizeof(*d)), &end) || end > d->total)
		return bad(what, "a piece of device state lies outside the whole");
	return 0;
}

static int check_reason(u32 type, const struct ferry_stream_reason *r, size_t len,
			const char **what)
{
	u64 need;

	if (r->nr_findings > FERRY_STREAM_MAX_FINDINGS || r->nr_findings > r->total_findings ||
	    (r->nr_findings && type != FERRY_REC_REFUSE))
		return bad(what, "a list of reasons is not valid");
	need = sizeof(*r) + (u64)r->nr_findings * FERRY_STREAM_FINDING_SIZE;
	if (need > len)
		return bad(what, "a list of reasons is cut short");
	/* It ends up as a negative errno: anything else would be read as success or a pointer. */
	if (!r->code || r->code > 4095)
		return bad(what, "a reason without an error number");
	if (r->reserved || r->text[sizeof(r->text) - 1])
		return bad(what, "a reason's text does not end");
	return tail(r, need, len, what);
}

static int check_answer(const struct ferry_stream_answer *a, size_t len, const char **what)
{
	if (a->answer < FERRY_ANSWER_NEVER || a->answer > FERRY_ANSWER_UNKNOWN || a->reserved)
		return bad(what, "an answer this Ferry does not know");
	return tail(a, sizeof(*a), len, what);
}

/**
 * wire_body_check() - is the body well formed?
 * @type: of the record; its length was checked by wire_head_check()
 * @body: 8-byte aligned; for PAGES up to the contents
 * @len: the record's length
 * @what: out; why not
 *
 * What depends on the map, on earlier records or on the host is the receiver's to check.
 *
 * Return: 0 or -EPROTO.
 */
int wire_body_check(u32 type, const void *body, size_t len, const char **what)
{
	switch (type) {
	case FERRY_REC_HELLO:
		return check_hello(body, len, what);
	case FERRY_REC_POLICY:
		return check_policy(body, len, what);
	case FERRY_REC_MAP:
		return check_map(body, len, what);
	case FERRY_REC_PAGES:
		return check_pages(body, len, what);
	case FERRY_REC_ZERO:
		return check_zero(body, len, what);
	case FERRY_REC_STATE:
		return check_state(body, len, what);
	case FERRY_REC_DEVICES:
		return check_devices(body, len, what);
	case FERRY_REC_REFUSE:
	case FERRY_REC_ABORT:
	case FERRY_REC_CANCEL:
		return check_reason(type, body, len, what);
	case FERRY_REC_ANSWER:
		return check_answer(body, len, what);
	case FERRY_REC_FREEZE:
		if (((const struct ferry_stream_freeze *)body)->reserved)
			return bad(what, "a reserved FREEZE field is not zero");
		return tail(body, sizeof(struct ferry_stream_freeze), len, what);
	case FERRY_REC_ROUND:
	case FERRY_REC_ROUND_ACK:
		return tail(body, sizeof(struct ferry_stream_round), len, what);
	case FERRY_REC_STATE_DIGEST:
	case FERRY_REC_MEMORY_DIGEST:
		return tail(body, sizeof(struct ferry_stream_digest), len, what);
	case FERRY_REC_END:
		return tail(body, sizeof(struct ferry_stream_end), len, what);
	case FERRY_REC_COMMIT:
	case FERRY_REC_PREPARED:
	case FERRY_REC_RUNNING:
		return tail(body, sizeof(struct ferry_stream_token), len, what);
	case FERRY_REC_QUERY:
		return tail(body, sizeof(struct ferry_stream_query), len, what);
	case FERRY_REC_STATIC_END:
	case FERRY_REC_ACCEPT:
		return tail(body, 0, len, what);
	case FERRY_REC_DEFINITION:
		return 0;
	}
	return bad(what, "a record without a check");
}
