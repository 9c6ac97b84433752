// SPDX-License-Identifier: GPL-2.0-only
/*
 * The processors of machine.h, the fault handler and the kick, as the module has them.
 */
#include "machine.h"

static const struct npt_ops npt_ops = MACHINE_NPT_OPS;

static u64 arena[MAX_TABLES][MAX_ENTRIES];

static void step(struct machine *m);

static void broken(struct machine *m, const char *what)
{
	if (!m->broken)
		m->broken = what;
}

/* --- tables -------------------------------------------------------------------------------- */

static u64 *alloc_table(struct machine *m, u64 *pa)
{
	unsigned int entries = 1U << m->tree.format->level[0].bits;
	unsigned int i, n;

	for (i = 0; i < m->tree.format->levels; i++)
		entries = max(entries, 1U << m->tree.format->level[i].bits);
	if (!m->tables_to_give) {
		m->no_table = true;
		return NULL;
	}
	for (i = 0; i < MAX_TABLES; i++) {
		if (m->table_used[i])
			continue;
		if (m->tables_to_give != ~0U)
			m->tables_to_give--;
		m->table_used[i] = true;
		m->nr_tables++;
		for (n = 0; n < entries; n++)
			arena[i][n] = 0;
		*pa = (u64)(i + 1) << NPT_PAGE_SHIFT;
		return arena[i];
	}
	broken(m, "the model is out of tables");
	return NULL;
}

static void free_table(struct machine *m, u64 *table)
{
	unsigned int i = (table - arena[0]) / MAX_ENTRIES;

	if (!m->table_used[i])
		broken(m, "a table was freed twice");
	else
		m->nr_tables--;
	m->table_used[i] = false;
}

static u64 *table_at(struct machine *m, u64 pa)
{
	u64 i = (pa >> NPT_PAGE_SHIFT) - 1;

	if (i >= MAX_TABLES || !m->table_used[i]) {
		broken(m, "an entry points to no table");
		return arena[MAX_TABLES - 1];
	}
	return arena[i];
}

static bool table_alive(struct machine *m, const u64 *entry)
{
	return m->table_used[(entry - arena[0]) / MAX_ENTRIES];
}

/* --- processors ---------------------------------------------------------------------------- */

static struct caches *caches_of(struct machine *m, struct cpu *c)
{
	return &c->caches[m->tag_by_vm ? 0 : c->vcpu];
}

static unsigned int prefix(struct machine *m, int level, unsigned int page)
{
	return ((u64)page << NPT_PAGE_SHIFT) >> npt_level(m->tree.format, level)->shift;
}

static void drop(struct machine *m, struct caches *k)
{
	memset(k->page, 0, sizeof(k->page));
	if (!m->rules.keep_walk_caches)
		memset(k->table, 0, sizeof(k->table));
}

/* Only the transition from clear to set is logged, with the page accessed, not the whole leaf. */
static void set_dirty(struct cpu *c, const struct npt_format *f, u64 *entry)
{
	if (c->logging && !(*entry & f->dirty))
		c->log[c->op.page] = true;
	*entry |= f->accessed | f->dirty;
}

static void drain(struct machine *m, struct cpu *c)
{
	unsigned int i;

	if (m->rules.no_drain && rnd(m, 2))
		return;
	for (i = 0; i < m->nr_pages; i++) {
		m->marked[i] |= c->log[i];
		c->log[i] = false;
	}
}

static void leave_guest(struct machine *m, struct cpu *c)
{
	drain(m, c);
	c->where = LOADED;
	c->op.stage = OP_NONE;
	c->interrupt = false;
}

/* The guest's access found nothing, or no right: map it, as npt.c does, while others go on. */
static void fault(struct machine *m, struct cpu *c)
{
	const struct npt_format *f = m->tree.format;
	unsigned int page = c->op.page;
	bool write = c->op.kind == OP_WRITE;
	u64 gpa = (u64)page << NPT_PAGE_SHIFT;
	u64 preset = m->preset ? f->accessed | (write ? f->dirty : 0) : 0;
	unsigned int n = npt_span(f, 2) >> NPT_PAGE_SHIFT;
	enum npt_result r = NPT_IN_WAY;

	leave_guest(m, c);
	c->busy = true;
	if (m->large)
		r = npt_map(&npt_ops, m, &m->tree, gpa, 2,
			    npt_make_leaf(f, 2, PAGE_PA(page & ~(n - 1)), true, true) | preset);
	if (r == NPT_IN_WAY)
		r = npt_map(&npt_ops, m, &m->tree, gpa, 1,
			    npt_make_leaf(f, 1, PAGE_PA(page), true, true) | preset);
	c->busy = false;
}

/* A walk reached the leaf: set A, and D for a write, in one locked access. */
static void take_leaf(struct machine *m, struct cpu *c, int level, u64 *entry)
{
	const struct npt_format *f = m->tree.format;
	struct translation *t = &caches_of(m, c)->page[c->op.page];
	u64 pages = npt_span(f, level) >> NPT_PAGE_SHIFT;
	u64 e = *entry;

	if (npt_addr(f, e) != PAGE_PA(c->op.page & ~(pages - 1)))
		broken(m, "a leaf maps the wrong page");
	if (c->op.kind == OP_WRITE && !npt_may_write(f, e)) {
		fault(m, c);
		return;
	}
	*entry |= f->accessed;
	if (c->op.kind == OP_WRITE)
		set_dirty(c, f, entry);
	*t = (struct translation){ true, *entry & f->dirty, level, entry };
	c->op.stage = c->op.kind == OP_WRITE ? OP_STORE : OP_NONE;
}

static void walk_step(struct machine *m, struct cpu *c)
{
	const struct npt_format *f = m->tree.format;
	struct op *op = &c->op;
	u64 *entry = &op->table[npt_index(f, op->level, (u64)op->page << NPT_PAGE_SHIFT)];
	u64 e = *entry;

	if (!table_alive(m, entry)) {
		broken(m, "a processor walked a table that had been freed");
		op->stage = OP_NONE;
		return;
	}
	if (!npt_present(f, e)) {
		if (op->kind == OP_AHEAD)
			op->stage = OP_NONE;
		else
			fault(m, c);
		return;
	}
	if (npt_is_leaf(f, op->level, e)) {
		take_leaf(m, c, op->level, entry);
		return;
	}
	*entry |= f->accessed;
	op->table = table_at(m, npt_addr(f, e));
	/* An entry may be cached once its A is set; some are, some are not. */
	if (rnd(m, 4))
		caches_of(m, c)->table[op->level][prefix(m, op->level, op->page)] = op->table;
	op->level--;
}

static void start_step(struct machine *m, struct cpu *c)
{
	const struct npt_format *f = m->tree.format;
	struct caches *k = caches_of(m, c);
	struct translation *t = &k->page[c->op.page];
	struct op *op = &c->op;
	int level;

	if (t->valid && !op->fresh) {
		if (op->kind != OP_WRITE) {
			op->stage = OP_NONE;
			return;
		}
		if (t->dirty) {
			op->stage = OP_STORE;
			return;
		}
		/* D must be set: in the leaf it knows, without a look at anything above, or by a walk. */
		if (!table_alive(m, t->entry)) {
			broken(m, "a processor set D in a table that had been freed");
			op->stage = OP_NONE;
			return;
		}
		if (rnd(m, 4) && npt_present(f, *t->entry) && npt_may_write(f, *t->entry) &&
		    npt_is_leaf(f, t->level, *t->entry)) {
			set_dirty(c, f, t->entry);
			t->dirty = true;
			op->stage = OP_STORE;
			return;
		}
	}
	/* Walk from the lowest cached entry, or one further up, or the root. */
	op->stage = OP_WALK;
	op->level = f->levels;
	op->table = m->tree.root;
	for (level = 2; level <= f->levels; level++) {
		u64 *table = k->table[level][prefix(m, level, op->page)];

		if (table && rnd(m, 8)) {
			op->level = level - 1;
			op->table = table;
			break;
		}
	}
}

static void new_op(struct machine *m, struct cpu *c)
{
	c->op.stage = OP_START;
	c->op.page = m->hot_from + rnd(m, m->hot_pages);
	if (c->op.page >= m->nr_pages)
		c->op.page -= m->nr_pages;
	c->op.fresh = !rnd(m, 8); /* a translation may be dropped at any time */
	if (rnd(m, 16) < m->write_share)
		c->op.kind = OP_WRITE;
	else
		c->op.kind = rnd(m, 2) ? OP_READ : OP_AHEAD;
}

static void guest_step(struct machine *m, struct cpu *c)
{
	switch (c->op.stage) {
	case OP_NONE:
		if (c->interrupt || !rnd(m, 24))
			leave_guest(m, c);
		else
			new_op(m, c);
		break;
	case OP_START:
		start_step(m, c);
		break;
	case OP_WALK:
		walk_step(m, c);
		break;
	case OP_STORE:
		m->version[c->op.page] = ++m->clock;
		c->op.stage = OP_NONE;
		break;
	}
}

/* --- the run loop: load, announce, look at requests, enter; and the kick --------------------- */

static void serve_request(struct machine *m, struct cpu *c)
{
	m->vcpu[c->vcpu].request = false;
	if (!m->rules.request_without_flush)
		drop(m, caches_of(m, c));
}

static void load(struct machine *m, struct cpu *c)
{
	int v = rnd(m, m->nr_vcpus);

	if (m->held || m->vcpu[v].cpu >= 0)
		return;
	c->vcpu = v;
	c->where = LOADED;
	c->looked = false;
	m->vcpu[v].cpu = c - m->cpu;
	if (m->vcpu[v].last_cpu != m->vcpu[v].cpu && !m->rules.no_flush_on_move)
		drop(m, caches_of(m, c));
	m->vcpu[v].last_cpu = m->vcpu[v].cpu;
}

static void put(struct machine *m, struct cpu *c)
{
	m->vcpu[c->vcpu].cpu = -1;
	c->where = OUTSIDE;
	c->vcpu = -1;
}

static void step_cpu(struct machine *m, struct cpu *c)
{
	m->steps++;
	switch (c->where) {
	case OUTSIDE:
		load(m, c);
		break;
	case LOADED:
		if (m->rules.request_before_announce && !c->looked) {
			if (m->vcpu[c->vcpu].request)
				serve_request(m, c);
			c->looked = true;
			break;
		}
		c->looked = false;
		if (rnd(m, 6))
			c->where = ANNOUNCED;
		else
			put(m, c);
		break;
	case ANNOUNCED:
		if (m->vcpu[c->vcpu].request && !m->rules.request_before_announce) {
			serve_request(m, c);
			c->where = LOADED;
			c->interrupt = false;
			break;
		}
		c->where = IN_GUEST;
		c->logging = m->pml;
		c->op.stage = OP_NONE;
		break;
	case IN_GUEST:
		guest_step(m, c);
		break;
	}
}

static void step(struct machine *m)
{
	struct cpu *c = &m->cpu[rnd(m, m->nr_cpus)];

	if (!c->busy)
		step_cpu(m, c);
}

/* Processors work while the caller is between two accesses to memory. */
static void others(struct machine *m)
{
	unsigned int n = rnd(m, 2 * m->pace + 1);

	if (m->depth >= 3)
		return;
	m->depth++;
	while (n--)
		step(m);
	m->depth--;
}

void machine_run(struct machine *m, unsigned int steps)
{
	while (steps--)
		step(m);
}

/* Those in the guest have left it since. */
void machine_kick(struct machine *m)
{
	unsigned int i;

	for (i = 0; i < m->nr_cpus; i++) {
		struct cpu *c = &m->cpu[i];

		others(m);
		if (c->where != ANNOUNCED && c->where != IN_GUEST)
			continue;
		if (c->busy)
			continue;
		c->interrupt = true;
		while (!m->rules.no_wait && c->interrupt) {
			if (rnd(m, 2))
				step_cpu(m, c);
			else
				others(m);
		}
	}
}

/* ferry_kick_all_sync(): every vCPU gets the request; those in the guest are waited for. */
void machine_flush(struct machine *m)
{
	unsigned int i;

	for (i = 0; i < m->nr_vcpus; i++) {
		m->vcpu[i].request = true;
		others(m);
	}
	if (!m->rules.no_kick)
		machine_kick(m);
}

void machine_stop(struct machine *m)
{
	unsigned int i;

	m->held = true;
	for (i = 0; i < m->nr_cpus; i++) {
		struct cpu *c = &m->cpu[i];

		while (c->op.stage != OP_NONE && c->where == IN_GUEST)
			step_cpu(m, c);
		drain(m, c);
		if (c->where != OUTSIDE)
			put(m, c);
		c->interrupt = false;
		c->op.stage = OP_NONE;
	}
}

/* --- call-backs of the walker ---------------------------------------------------------------- */

u64 machine_op_read(void *ctx, const u64 *entry)
{
	struct machine *m = ctx;
	u64 e;

	others(m);
	m->entries_read++;
	e = *entry;
	return e;
}

u64 machine_op_cmpxchg(void *ctx, u64 *entry, u64 old, u64 new)
{
	struct machine *m = ctx;
	u64 was;

	others(m);
	was = *entry;
	if (was == old)
		*entry = new;
	return was;
}

u64 *machine_op_table(void *ctx, u64 pa)
{
	return table_at(ctx, pa);
}

u64 *machine_op_alloc(void *ctx, u64 *pa)
{
	others(ctx);
	return alloc_table(ctx, pa);
}

void machine_op_free(void *ctx, u64 *table)
{
	free_table(ctx, table);
}

static u64 *detached[MAX_TABLES];
static int detached_level[MAX_TABLES];
static unsigned int nr_detached;

static void detach(void *ctx, u64 *table, int level)
{
	(void)ctx;
	detached[nr_detached] = table;
	detached_level[nr_detached++] = level;
}

void machine_unmap(struct machine *m, u64 start, u64 end)
{
	u64 nr;

	nr_detached = 0;
	nr = npt_unmap(&npt_ops, m, &m->tree, start, end, detach);
	if (nr && !m->rules.free_before_flush)
		machine_flush(m);
	while (nr_detached--)
		npt_free(&npt_ops, m, m->tree.format, detached[nr_detached],
			 detached_level[nr_detached]);
	if (nr && m->rules.free_before_flush)
		machine_flush(m);
}

void machine_init(struct machine *m, const struct npt_format *f, u64 seed)
{
	unsigned int i;
	u64 pa;

	memset(m, 0, sizeof(*m));
	m->seed = seed * 0x9e3779b97f4a7c15ULL + 1;
	for (i = 0; i < 8; i++)
		rnd(m, 2);
	m->tree.format = f;
	m->tables_to_give = ~0U;
	m->tree.root = alloc_table(m, &pa);
	for (i = 0; i < MAX_CPUS; i++)
		m->cpu[i].vcpu = -1;
	for (i = 0; i < MAX_VCPUS; i++)
		m->vcpu[i].cpu = m->vcpu[i].last_cpu = -1;
}
