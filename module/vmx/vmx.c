// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VMX backend: a vCPU's memory, and the table of operations.
 */
#include <linux/atomic.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <asm/io.h>

#include "../lib/harvest/format.h"
#include "vmx.h"

static atomic64_t tags = ATOMIC64_INIT(0);

void vmx_field_failed(u32 field, u64 value, bool write)
{
	WARN_ONCE(1, "ferry: VMX field 0x%x: %s 0x%llx failed\n", field, write ? "write" : "read",
		  value);
}

static int vmx_probe(void)
{
	int ret;

	ret = vmx_caps_probe();
	if (ret)
		return ret;
	ret = vmx_maps_init();
	if (ret)
		return ret;
	ret = vmx_cpus_init();
	if (ret)
		goto err_maps;
	return 0;

err_maps:
	vmx_maps_exit();
	return ret;
}

static void vmx_remove(void)
{
	vmx_cpus_exit();
	vmx_maps_exit();
}

static u64 vmx_caps(void)
{
	return FERRY_CAP_DIRTY_WP | FERRY_CAP_NEXT_RIP | (vmx_hw.ad ? FERRY_CAP_DIRTY_AD : 0) |
	       (vmx_hw.pml ? FERRY_CAP_DIRTY_PML : 0) |
	       (vmx_hw.secondary & VMX_SEC_TSC_SCALING ? FERRY_CAP_TSC_SCALE : 0);
}

static const struct npt_format *vmx_npt_format(void)
{
	return vmx_hw.ad ? &npt_format_ept4 : &npt_format_ept4_noad;
}

/* ---------------------------------------------------------------------- objects */

static int vmx_vm_init(struct ferry_vm *vm)
{
	return 0;
}

static void vmx_vm_exit(struct ferry_vm *vm)
{
}

/*
 * VPIDs need to be different only within a VM: translations carry the EPT root's address as well
 * (SDM 29.4.1).
 */
static int vmx_vcpu_init(struct ferry_vcpu *vcpu)
{
	struct vmx_vcpu *vmx;

	vmx = kzalloc(sizeof(*vmx), GFP_KERNEL_ACCOUNT);
	if (!vmx)
		return -ENOMEM;
	vmx->vmcs = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!vmx->vmcs)
		goto err_vmx;
	vmx->vapic = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!vmx->vapic)
		goto err_vmcs;
	if (vmx_hw.pml)
		vmx->log = alloc_page(GFP_KERNEL_ACCOUNT);
	if (vmx_hw.pml && !vmx->log)
		goto err_vapic;
	*(u32 *)page_address(vmx->vmcs) = vmx_hw.revision;
	vmx->vmcs_pa = page_to_phys(vmx->vmcs);
	vmx->eptp = ferry_npt_root(vcpu->vm) | VMX_EPTP_WB | VMX_EPTP_WALK4 |
		    (vmx_hw.ad ? VMX_EPTP_AD : 0);
	vmx->vpid = vcpu->id + 1; /* 0 is the host's */
	vmx->tag = atomic64_inc_return(&tags);
	vmx->sw.regs = vcpu->regs;
	memset(&vmx->host, 0xff, sizeof(vmx->host)); /* unlike any: all is written */
	vmx->dirty = VMX_D_CONSTANT | VMX_D_INVEPT;
	vcpu->arch = vmx;
	vmx_reset_state(vcpu);
	return 0;

err_vapic:
	__free_page(vmx->vapic);
err_vmcs:
	__free_page(vmx->vmcs);
err_vmx:
	kfree(vmx);
	return -ENOMEM;
}

static void vmx_vcpu_exit(struct ferry_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	vcpu->arch = NULL;
	if (vmx->log)
		__free_page(vmx->log);
	__free_page(vmx->vapic);
	__free_page(vmx->vmcs);
	kfree(vmx);
}

const struct ferry_backend vmx_backend = {
	.name = "VMX",
	.id = FERRY_BACKEND_VMX,
	.tsc_format = TSC_FORMAT_VMX,
	.probe = vmx_probe,
	.remove = vmx_remove,
	.caps = vmx_caps,
	.cpu_enable = vmx_cpu_enable,
	.cpu_disable = vmx_cpu_disable,
	.vm_init = vmx_vm_init,
	.vm_exit = vmx_vm_exit,
	.vcpu_init = vmx_vcpu_init,
	.vcpu_exit = vmx_vcpu_exit,
	.vcpu_reset = vmx_reset_state,
	.load = vmx_load,
	.put = vmx_put,
	.can_enter = vmx_can_enter,
	.enter = vmx_enter,
	.leave = vmx_leave,
	.decode = vmx_decode,
	.exit_name = vmx_exit_name,
	.get_segment = vmx_get_segment,
	.set_segment = vmx_set_segment,
	.get_tables = vmx_get_tables,
	.set_tables = vmx_set_tables,
	.get_msr = vmx_get_msr,
	.set_msr = vmx_set_msr,
	.cpl = vmx_cpl,
	.code64 = vmx_code64,
	.get_shadow = vmx_get_shadow,
	.set_shadow = vmx_set_shadow,
	.get_nmi_mask = vmx_get_nmi_mask,
	.set_nmi_mask = vmx_set_nmi_mask,
	.update_control = vmx_update_control,
	.get_pdptes = vmx_get_pdptes,
	.set_pdptes = vmx_set_pdptes,
	.update_debug = vmx_update_debug,
	.update_policy = vmx_update_policy,
	.set_tsc = vmx_set_tsc,
	.can_inject = vmx_can_inject,
	.inject = vmx_inject,
	.request_window = vmx_request_window,
	.set_cr8 = vmx_set_cr8,
	.flush_guest = vmx_flush_guest,
	.flush_nested = vmx_flush_nested,
	.npt_format = vmx_npt_format,
};
