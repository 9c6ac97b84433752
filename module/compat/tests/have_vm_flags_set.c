// SPDX-License-Identifier: GPL-2.0-only
/* bc292ab00f6c ("mm: introduce vma->vm_flags wrapper functions"), v6.3 */
#include <linux/mm.h>

void ask(struct vm_area_struct *vma);
void ask(struct vm_area_struct *vma)
{
	vm_flags_set(vma, VM_DONTEXPAND);
}
