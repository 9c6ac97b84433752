// SPDX-License-Identifier: GPL-2.0-only
#include <linux/module.h>

int sane_no(void);
int sane_no(void)
{
	return this_kernel_has_no_such_function();
}
