// SPDX-License-Identifier: GPL-2.0-only
/*
 * One dispatcher for the ioctls of all three kinds of file: it does every check that can be done
 * without knowing what the call means, so that the functions behind it see clean arguments.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "ferry.h"

/* Every argument struct begins like this. */
struct head {
	u32 size;
	u32 flags;
};

static const struct ferry_ioctl *find(const struct ferry_ioctl *table, size_t n, unsigned int cmd)
{
	size_t i;

	if (_IOC_TYPE(cmd) != FERRY_IOC)
		return NULL;
	for (i = 0; i < n; i++)
		if (table[i].nr == _IOC_NR(cmd))
			return &table[i];
	return NULL;
}

/**
 * ferry_ioctl_dispatch() - check an ioctl's argument and call its function
 * @table: the file's calls
 * @n: rows of @table
 * @object: handed to the function
 * @cmd: ioctl number; its size field is ignored, structs carry their own
 * @arg: user address of the struct
 *
 * The struct is read once. A caller's struct may be longer than ours if its tail is zero, so that
 * programs built for a later version run here as long as they ask for nothing new.
 *
 * Return: what the function returns, -ENOTTY unknown call, -EINVAL size below the first version
 * or unknown flags, -E2BIG tail not zero, -EFAULT, -ENOMEM.
 */
long ferry_ioctl_dispatch(const struct ferry_ioctl *table, size_t n, void *object, unsigned int cmd,
			  unsigned long arg)
{
	const struct ferry_ioctl *row = find(table, n, cmd);
	void __user *user = (void __user *)arg;
	u64 small[8];
	struct head *head;
	u32 size;
	long ret;

	if (!row)
		return -ENOTTY;
	if (get_user(size, (u32 __user *)user))
		return -EFAULT;
	if (size < row->min_size)
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;

	if (row->max_size <= sizeof(small)) {
		head = (struct head *)small;
	} else {
		head = kzalloc(row->max_size, GFP_KERNEL);
		if (!head)
			return -ENOMEM;
	}
	ret = copy_struct_from_user(head, row->max_size, user, size);
	if (ret)
		goto out;
	ret = -EINVAL;
	if (head->flags & ~row->known_flags)
		goto out;
	head->size = size;
	ret = row->fn(object, head);
	if ((row->dir == FERRY_IOC_ALWAYS || (row->dir == FERRY_IOC_OUT && ret >= 0)) &&
	    copy_to_user(user, head, min(size, row->max_size)))
		ret = -EFAULT;
out:
	if ((void *)head != small)
		kfree(head);
	return ret;
}
