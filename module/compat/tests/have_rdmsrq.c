// SPDX-License-Identifier: GPL-2.0-only
/* c435e608cf59 ("x86/msr: Rename 'rdmsrl()' to 'rdmsrq()'"), v6.16 */
#include <asm/msr.h>

u64 ask(void);
u64 ask(void)
{
	u64 value;

	rdmsrq(MSR_EFER, value);
	wrmsrq(MSR_EFER, value);
	return value;
}
