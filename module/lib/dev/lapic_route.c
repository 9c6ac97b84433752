// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which LAPICs a message is for: SDM vol. 3, "Determining IPI Destination" and
 * "Lowest Priority Delivery Mode". Reads only @addr and @ppr of each LAPIC, so
 * no lock is needed: see lapic.h.
 */
#include "lapic.h"

/* struct lapic.addr: everything that decides whether a message is for this LAPIC. */
#define ADDR_ID(a)   ((u32)(a))
#define ADDR_LDR(a)  ((u8)((a) >> 32))
#define ADDR_XAPIC   BIT_ULL(40)
#define ADDR_X2APIC  BIT_ULL(41)
#define ADDR_FLAT    BIT_ULL(42) /* xAPIC: logical model; neither bit: no logical messages */
#define ADDR_CLUSTER BIT_ULL(43)
#define ADDR_ENABLED BIT_ULL(44) /* software-enabled too */

void lapic_refresh_addr(struct lapic *l)
{
	u64 addr = 0;

	if (lapic_x2apic(l)) {
		addr = ADDR_X2APIC | l->cfg.id;
	} else if (lapic_hw_enabled(l)) {
		addr = ADDR_XAPIC | (u64)(l->ldr >> 24) << 32 | l->id;
		if (l->dfr >> 28 == 0xf)
			addr |= ADDR_FLAT;
		else if (l->dfr >> 28 == 0)
			addr |= ADDR_CLUSTER;
	}
	if (lapic_sw_enabled(l))
		addr |= ADDR_ENABLED;
	WRITE_ONCE(l->addr, addr);
}

static bool matches_logical(u64 addr, u32 dest)
{
	u32 id = ADDR_ID(addr), ldr = ADDR_LDR(addr);

	if (addr & ADDR_X2APIC)
		return dest >> 16 == id >> 4 && (dest & BIT(id & 15));
	if (dest > 0xff)
		return false;
	if (addr & ADDR_FLAT)
		return ldr & dest;
	if (addr & ADDR_CLUSTER)
		return ldr >> 4 == dest >> 4 && (ldr & dest & 0xf);
	return false;
}

/**
 * lapic_matches() - is a message without shorthand for this LAPIC?
 * @addr: the LAPIC's @addr
 * @m: the message
 *
 * All ones is a broadcast in both destination modes. A LAPIC that is disabled by IA32_APIC_BASE
 * hears nothing.
 */
bool lapic_matches(u64 addr, const struct apic_msg *m)
{
	if (!(addr & (ADDR_XAPIC | ADDR_X2APIC)))
		return false;
	if (m->dest == ((m->flags & APIC_MSG_WIDE) ? U32_MAX : 0xff))
		return true;
	if (m->flags & APIC_MSG_LOGICAL)
		return matches_logical(addr, m->dest);
	return ADDR_ID(addr) == m->dest;
}

static bool is_target(u64 addr, bool self, const struct apic_msg *m)
{
	switch (m->shorthand) {
	case APIC_SHORT_SELF:
		return self;
	case APIC_SHORT_ALL:
		return addr & (ADDR_XAPIC | ADDR_X2APIC);
	case APIC_SHORT_OTHERS:
		return !self && (addr & (ADDR_XAPIC | ADDR_X2APIC));
	default:
		return lapic_matches(addr, m);
	}
}

/**
 * lapic_route() - find the LAPICs that receive a message
 * @set: LAPICs by index, NULL where there is none
 * @nr: entries of @set
 * @from: index of the sender; any number past @nr if it is not a LAPIC
 * @m: the message
 * @turn: arbitration state of lowest-priority delivery: who won last
 * @to: [OUT] bitmap of indices, a bit for each of @nr, rounded up to whole words
 *
 * Lowest-priority arbitration takes the lowest processor priority and, among equals, the next one
 * in turn, so that equally busy processors share.
 *
 * Return: the number of receivers.
 */
unsigned int lapic_route(const struct lapic *const *set, unsigned int nr, unsigned int from,
			 const struct apic_msg *m, u32 *turn, u64 *to)
{
	bool lowest = m->mode == APIC_DELIVER_LOWEST;
	bool need_enabled = lowest || m->mode == APIC_DELIVER_FIXED;
	unsigned int i, n, count = 0, best = 0;
	u32 ppr, best_ppr = U32_MAX;
	const struct lapic *l;
	u64 addr;

	memset(to, 0, (nr + 63) / 64 * sizeof(*to));

	/* One processor by its x2APIC id, and ids are indices: no search. xAPIC ids can be changed. */
	if (m->shorthand == APIC_SHORT_NONE && !(m->flags & APIC_MSG_LOGICAL) && m->dest < nr &&
	    m->dest != 0xff) {
		l = READ_ONCE(set[m->dest]);
		addr = l ? READ_ONCE(l->addr) : 0;
		if ((addr & ADDR_X2APIC) && ADDR_ID(addr) == m->dest) {
			if (need_enabled && !(addr & ADDR_ENABLED))
				return 0;
			to[m->dest / 64] |= BIT_ULL(m->dest & 63);
			return 1;
		}
	}

	for (n = 0; n < nr; n++) {
		/* Start behind the last winner: the first of equals wins. */
		i = lowest ? (*turn + 1 + n) % nr : n;
		l = READ_ONCE(set[i]);
		if (!l)
			continue;
		addr = READ_ONCE(l->addr);
		if (!is_target(addr, i == from, m) || (need_enabled && !(addr & ADDR_ENABLED)))
			continue;
		count++;
		if (!lowest) {
			to[i / 64] |= BIT_ULL(i & 63);
			continue;
		}
		ppr = READ_ONCE(l->ppr);
		if (ppr < best_ppr) {
			best_ppr = ppr;
			best = i;
		}
	}
	if (lowest && count) {
		*turn = best;
		to[best / 64] |= BIT_ULL(best & 63);
		return 1;
	}
	return count;
}
