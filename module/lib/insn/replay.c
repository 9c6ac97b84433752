// SPDX-License-Identifier: GPL-2.0-only
/* The log of accesses completed by others. See replay.h. Takes no locks. */
#include "replay.h"

int insn_replay_access(struct insn_replay *r, struct insn_replay_access *what)
{
	struct insn_replay_access *known = &r->access[r->next];

	if (r->next < r->done) {
		if (known->address == what->address && known->bytes == what->bytes &&
		    known->write == what->write && known->port == what->port) {
			if (!what->write)
				memcpy(what->data, known->data, sizeof(what->data));
			r->next++;
			return INSN_DONE;
		}
		r->done = r->next;
	}
	if (r->next >= INSN_REPLAY_MAX)
		return INSN_UNIMPLEMENTED;
	*known = *what;
	r->waiting = true;
	return INSN_EXIT;
}

void insn_replay_answer(struct insn_replay *r, const u8 *data)
{
	struct insn_replay_access *a = &r->access[r->done];

	if (!r->waiting)
		return;
	if (!a->write)
		memcpy(a->data, data, sizeof(a->data));
	r->waiting = false;
	r->done++;
}

void insn_replay_served(struct insn_replay *r, const u8 *data)
{
	insn_replay_answer(r, data);
	r->next++;
}
