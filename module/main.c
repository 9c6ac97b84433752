// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module's beginning and end: the device node /dev/ferry.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

static const struct file_operations ferry_dev_fops = {
	.owner = THIS_MODULE,
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
	return misc_register(&ferry_dev);
}

static void __exit ferry_exit(void)
{
	misc_deregister(&ferry_dev);
}

module_init(ferry_init);
module_exit(ferry_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Hypervisor that moves running guests between hosts whose CPUs differ");
MODULE_VERSION("0.1");
