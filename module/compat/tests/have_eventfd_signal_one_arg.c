// SPDX-License-Identifier: GPL-2.0-only
/* 3652117f8548 ("eventfd: simplify eventfd_signal()"), v6.8 */
#include <linux/eventfd.h>

void ask(struct eventfd_ctx *ctx);
void ask(struct eventfd_ctx *ctx)
{
	eventfd_signal(ctx);
}
