// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page-modification logging (SDM vol. 3, 29.3.6): the CPU writes down each page whose leaf it sets D
 * in, 512 of them, and exits when it wants to write one more.
 *
 * On while a log asks for it, decided as a window opens. The log is empty whenever none is open: what
 * was written is known as soon as the vCPU has left the guest, kicked or parked or on its way to
 * another CPU. Each run begins with room, too.
 *
 * Called with interrupts off, the vCPU loaded; no locks.
 */
#include <linux/mm.h>
#include <linux/rcupdate.h>

#include "vmx.h"

#define ENTRIES 512 /* the index counts down from the last; anything beyond means full */

void vmx_log_open(struct ferry_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	bool on;

	if (!vmx_hw.pml)
		return;
	if (vmx->logging)
		vmx_log_drain(vcpu); /* an NMI closed the last window, and nobody has left since */
	rcu_read_lock();
	on = ferry_dirty_mode(vcpu->vm) == FERRY_LOG_PML;
	rcu_read_unlock();
	if (unlikely(on != vmx->logging)) {
		vmx->logging = on;
		vmx->log_index = ENTRIES - 1;
		vmx->dirty |= VMX_D_POLICY;
	}
	if (on)
		vmx_write(VMX_PML_INDEX, ENTRIES - 1);
}

/* After vmx_close(), which has read the index, or with it just read. */
void vmx_log_drain(struct ferry_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	const u64 *entry = page_address(vmx->log);
	unsigned int i = vmx->log_index < ENTRIES ? vmx->log_index + 1 : 0;

	/* Bochs does not clear the offset, as the manual says CPUs do. */
	for (; i < ENTRIES; i++)
		ferry_dirty_mark(vcpu->vm, entry[i] >> PAGE_SHIFT);
	vmx->log_index = ENTRIES - 1;
}

/* The write that found the log full has not been done: it comes again. */
void vmx_log_full(struct ferry_vcpu *vcpu)
{
	to_vmx(vcpu)->log_index = vmx_read(VMX_PML_INDEX);
	vmx_log_drain(vcpu);
	vmx_write(VMX_PML_INDEX, ENTRIES - 1);
}
