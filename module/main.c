// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module's beginning and end: the device node /dev/ferry and its two calls.
 * Chooses the backend; after that the core speaks to the hardware through it alone.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/string.h>
#include <asm/processor.h>
#include <asm/tsc.h>

#include "ferry.h"
#include "host.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

#define FERRY_VERSION "0.1"

const struct ferry_backend *ferry_backend;

static const struct ferry_backend *const backends[] = {
	&svm_backend,
	&vmx_backend,
};

static long dev_get_info(void *object, void *arg)
{
	struct ferry_info *info = arg;

	if (memchr_inv(info->reserved, 0, sizeof(info->reserved)))
		return -EINVAL;
	*info = (struct ferry_info){
		.size = info->size,
		.api_version = FERRY_API_VERSION,
		.backend = ferry_backend->id,
		.caps = ferry_backend->caps() | FERRY_CAP_MIGRATE |
			(ferry_host_tsc_stable() ? FERRY_CAP_TSC_STABLE : 0),
		.max_vcpus = FERRY_MAX_VCPUS,
		.max_regions = FERRY_MAX_REGIONS,
		.phys_bits = boot_cpu_data.x86_phys_bits,
		.npt_levels = 4,
		.tsc_khz = tsc_khz,
		.run_size = PAGE_SIZE,
		.xcr0 = ferry_fpu_guest_xcr0(),
	};
	strscpy(info->version, FERRY_VERSION, sizeof(info->version));
	strscpy(info->hardware, ferry_backend->name, sizeof(info->hardware));
	return 0;
}

static long dev_create_vm(void *object, void *arg)
{
	return ferry_vm_create(arg);
}

static const struct ferry_ioctl dev_ioctls[] = {
	FERRY_IOCTL(FERRY_GET_INFO, struct ferry_info, 0, FERRY_IOC_OUT, dev_get_info),
	FERRY_IOCTL(FERRY_CREATE_VM, struct ferry_create_vm,
		    FERRY_VM_INCOMING | FERRY_VM_MSR_IGNORE | FERRY_VM_EMULATE, 0, dev_create_vm),
};

static long dev_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return ferry_ioctl_dispatch(dev_ioctls, ARRAY_SIZE(dev_ioctls), NULL, cmd, arg);
}

static const struct file_operations ferry_dev_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = dev_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice ferry_dev = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "ferry",
	.fops = &ferry_dev_fops,
	.mode = 0660,
};

static int __init ferry_init(void)
{
	int ret = -ENODEV;
	size_t i;

	BUILD_BUG_ON(FERRY_XK_COUNT > FERRY_STATS_EXITS);
	BUILD_BUG_ON(sizeof(struct ferry_run) > PAGE_SIZE);

	for (i = 0; i < ARRAY_SIZE(backends); i++) {
		ret = backends[i]->probe();
		if (!ret) {
			ferry_backend = backends[i];
			break;
		}
	}
	if (!ferry_backend)
		return ret;
	ret = ferry_host_init();
	if (ret)
		goto err_backend;
	ret = misc_register(&ferry_dev);
	if (ret)
		goto err_host;
	pr_info("version " FERRY_VERSION ", %s\n", ferry_backend->name);
	return 0;

err_host:
	ferry_host_exit();
err_backend:
	ferry_backend->remove();
	return ret;
}

static void __exit ferry_exit(void)
{
	misc_deregister(&ferry_dev);
	ferry_host_exit();
	ferry_backend->remove();
}

module_init(ferry_init);
module_exit(ferry_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Hypervisor that moves running guests between hosts whose CPUs differ");
MODULE_VERSION(FERRY_VERSION);
