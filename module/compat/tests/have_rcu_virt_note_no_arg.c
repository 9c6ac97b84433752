// SPDX-License-Identifier: GPL-2.0-only
/* rcu_virt_note_context_switch() has lost its cpu argument somewhere between v6.1 and v6.12. */
#include <linux/rcupdate.h>

void ask(void);
void ask(void)
{
	rcu_virt_note_context_switch();
}
