/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel-version shims, included before everything else by Kbuild.
 *
 * The module is written for the newest kernel's API; what an older kernel lacks
 * is made here and nowhere else. The HAVE_ answers come from compile tests
 * (configure.sh), because distributions carry later APIs under earlier version
 * numbers.
 */
#ifndef FERRY_COMPAT_H
#define FERRY_COMPAT_H

/* Here because the headers below bring in printk.h, whose default comes too early otherwise. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kconfig.h>

#ifndef HAVE_HRTIMER_SETUP
#include <linux/hrtimer.h>
static inline void hrtimer_setup(struct hrtimer *timer,
				 enum hrtimer_restart (*function)(struct hrtimer *),
				 clockid_t clock_id, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock_id, mode);
	timer->function = function;
}
#endif

#ifndef HAVE_EVENTFD_SIGNAL_ONE_ARG
#include <linux/eventfd.h>
#define eventfd_signal(ctx) eventfd_signal(ctx, 1)
#endif

#ifndef HAVE_VM_FLAGS_SET
#include <linux/mm.h>
static inline void vm_flags_set(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags |= flags;
}

static inline void vm_flags_clear(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags &= ~flags;
}
#endif

#ifndef HAVE_RCU_VIRT_NOTE_NO_ARG
#include <linux/rcupdate.h>
#define rcu_virt_note_context_switch() rcu_virt_note_context_switch(smp_processor_id())
#endif

#ifndef HAVE_RDMSRQ
#include <asm/msr.h>
#define rdmsrq(msr, value) rdmsrl(msr, value)
#define wrmsrq(msr, value) wrmsrl(msr, value)
#define rdmsrq_safe(msr, p) rdmsrl_safe(msr, p)
#define wrmsrq_safe(msr, value) wrmsrl_safe(msr, value)
#endif

#endif /* FERRY_COMPAT_H */
