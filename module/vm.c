// SPDX-License-Identifier: GPL-2.0-only
/*
 * VM objects: creation, their file and its ioctls, stopping and letting go of all vCPUs.
 *
 * vm->lock orders everything that configures a VM; no user memory is touched under it, which may take
 * for ever. vm->hold is read by vCPUs without a lock: who
 * sets a bit then waits for vcpu->busy to clear (ferry_vm_stop), who clears the last one wakes.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "ferry.h"

static void vm_free(struct kref *ref)
{
	struct ferry_vm *vm = container_of(ref, struct ferry_vm, ref);
	int i;

	ferry_migrate_destroy(vm);
	for (i = 0; i < FERRY_MAX_VCPUS; i++)
		if (vm->vcpus[i])
			ferry_vcpu_destroy(vm->vcpus[i]);
	ferry_iobus_destroy(vm);
	ferry_irqchip_destroy(vm);
	ferry_dirty_destroy(vm);
	ferry_npt_destroy(vm);
	ferry_backend->vm_exit(vm);
	ferry_memory_destroy(vm);
	ferry_cpuid_free(vm);
	mutex_destroy(&vm->lock);
	kfree(vm);
}

void ferry_vm_get(struct ferry_vm *vm)
{
	kref_get(&vm->ref);
}

void ferry_vm_put(struct ferry_vm *vm)
{
	kref_put(&vm->ref, vm_free);
}

/* ------------------------------------------------------------- stopping vCPUs */

static bool all_idle(struct ferry_vm *vm)
{
	struct ferry_vcpu *vcpu;
	int i;

	ferry_for_each_vcpu(i, vcpu, vm)
		if (READ_ONCE(vcpu->busy))
			return false;
	return true;
}

/**
 * ferry_vm_stop() - keep all vCPUs out of the guest
 * @vm: the VM
 * @hold: FERRY_HOLD_* to set
 *
 * Returns when no vCPU runs guest code or handles an exit. Bounded: a vCPU looks at vm->hold
 * after each exit, and waits nowhere but in interruptible sleeps that the hold ends.
 */
void ferry_vm_stop(struct ferry_vm *vm, int hold)
{
	struct ferry_vcpu *vcpu;
	int i;

	atomic_or(hold, &vm->hold);
	smp_mb__after_atomic(); /* pairs with the one in begin_busy() */
	ferry_for_each_vcpu(i, vcpu, vm) {
		ferry_request(vcpu, FERRY_REQ_LEAVE);
		ferry_kick(vcpu);
	}
	wait_event(vm->stop_wq, all_idle(vm));
}

void ferry_vm_release(struct ferry_vm *vm, int hold)
{
	struct ferry_vcpu *vcpu;
	int i;

	atomic_andnot(hold, &vm->hold);
	smp_mb__after_atomic();
	ferry_for_each_vcpu(i, vcpu, vm)
		wake_up(&vcpu->wq);
}

static bool all_settled(struct ferry_vm *vm)
{
	struct ferry_vcpu *vcpu;
	int i;

	ferry_for_each_vcpu(i, vcpu, vm)
		if (READ_ONCE(vcpu->busy) || ferry_emulation_busy(vcpu))
			return false;
	return true;
}

int ferry_vm_settle(struct ferry_vm *vm, unsigned int timeout_ms)
{
	long left = wait_event_interruptible_timeout(vm->stop_wq, all_settled(vm),
						     msecs_to_jiffies(timeout_ms));

	if (left > 0)
		return 0;
	return left ? -EINTR : -ETIMEDOUT;
}

/* --------------------------------------------------------------------- ioctls */

static long vm_set_policy(void *object, void *arg)
{
	return ferry_cpuid_set_policy(object, arg);
}

static long vm_get_policy(void *object, void *arg)
{
	return ferry_cpuid_get_policy(object, arg);
}

static long vm_set_memory(void *object, void *arg)
{
	struct ferry_vm *vm = object;
	long ret;

	mutex_lock(&vm->lock);
	ret = ferry_memory_set(vm, arg);
	mutex_unlock(&vm->lock);
	return ret;
}

static long vm_dirty(void *object, void *arg)
{
	return ferry_dirty_ioctl(object, arg);
}

static long vm_irq_line(void *object, void *arg)
{
	struct ferry_irq_line *line = arg;

	if (line->level > 1)
		return -EINVAL;
	return ferry_irq_line(object, line->gsi, line->level);
}

static long vm_msi(void *object, void *arg)
{
	struct ferry_msi *msi = arg;

	if (msi->reserved)
		return -EINVAL;
	return ferry_irq_msi(object, msi->address, msi->data);
}

static long vm_irqfd(void *object, void *arg)
{
	return ferry_irqfd(object, arg);
}

static long vm_ioeventfd(void *object, void *arg)
{
	return ferry_ioeventfd(object, arg);
}

static long vm_pause(void *object, void *arg)
{
	struct ferry_vm *vm = object;
	long ret = 0;

	mutex_lock(&vm->lock);
	if (atomic_read(&vm->hold) & FERRY_HOLD_MIGRATE) {
		ret = -EBUSY;
	} else if (atomic_read(&vm->hold) & FERRY_HOLD_PAUSED) {
		ret = -EALREADY;
	} else {
		ferry_vm_stop(vm, FERRY_HOLD_PAUSED);
		ferry_irqchip_pause(vm);
		ferry_clock_pause(vm);
	}
	mutex_unlock(&vm->lock);
	return ret;
}

static long vm_continue(void *object, void *arg)
{
	struct ferry_pause *args = arg;
	struct ferry_vm *vm = object;
	long ret = 0;

	mutex_lock(&vm->lock);
	if (atomic_read(&vm->hold) & FERRY_HOLD_MIGRATE) {
		ret = -EBUSY;
	} else if (!(atomic_read(&vm->hold) & FERRY_HOLD_PAUSED)) {
		ret = -EALREADY;
	} else {
		ferry_clock_continue(vm, args->flags & FERRY_PAUSE_NMI_WATCHDOG_SAFE);
		ferry_irqchip_continue(vm);
		ferry_vm_release(vm, FERRY_HOLD_PAUSED);
	}
	mutex_unlock(&vm->lock);
	return ret;
}

static void add_counters(struct ferry_stats *out, const struct ferry_counters *c)
{
	int k;

	out->entries += c->entries;
	for (k = 0; k < FERRY_XK_COUNT; k++)
		out->exits[k] += c->exits[k];
	out->user_exits += c->user_exits;
	out->halts += c->halts;
	out->irq_injected += c->irq_injected;
	out->nmi_injected += c->nmi_injected;
	out->exceptions_injected += c->exceptions_injected;
	out->kicks += c->kicks;
	out->emulated += c->emulated;
	out->unknown_msr_reads += c->unknown_msr_reads;
	out->unknown_msr_writes += c->unknown_msr_writes;
	if (c->last_unknown_msr)
		out->last_unknown_msr = c->last_unknown_msr;
	out->nested_faults += c->nested_faults;
	out->tlb_flushes += c->tlb_flushes;
	out->cpu_switches += c->cpu_switches;
}

/* Counters are read while they move: each is right, their sum need not be of one instant. */
static long vm_get_stats(void *object, void *arg)
{
	struct ferry_stats *stats = arg;
	struct ferry_vm *vm = object;
	struct ferry_vcpu *vcpu;
	int i;

	*stats = (struct ferry_stats){ .size = stats->size };
	ferry_for_each_vcpu(i, vcpu, vm)
		add_counters(stats, &vcpu->count);
	ferry_memory_stats(vm, stats);
	ferry_npt_stats(vm, stats);
	ferry_dirty_stats(vm, stats);
	return 0;
}

static long vm_get_exit_name(void *object, void *arg)
{
	struct ferry_exit_name *name = arg;

	if (name->reserved)
		return -EINVAL;
	if (name->index >= FERRY_XK_COUNT)
		return -ENOENT;
	memset(name->name, 0, sizeof(name->name));
	strscpy(name->name, ferry_exit_kind_name(name->index), sizeof(name->name));
	return 0;
}

static long vm_get_emulated(void *object, void *arg)
{
	struct ferry_emulated *args = arg;

	return args->reserved ? -EINVAL : ferry_emulation_count(object, args);
}

static long vm_create_vcpu(void *object, void *arg)
{
	struct ferry_create_vcpu *args = arg;

	if (args->reserved || args->id >= FERRY_MAX_VCPUS)
		return -EINVAL;
	return ferry_vcpu_create(object, args->id);
}

static long vm_get_state(void *object, void *arg)
{
	return ferry_state_ioctl(object, NULL, arg, false);
}

static long vm_set_state(void *object, void *arg)
{
	return ferry_state_ioctl(object, NULL, arg, true);
}

#define MIGRATE_CALL(name)                                                                         \
	static long vm_migrate_##name(void *object, void *arg)                                     \
	{                                                                                          \
		return ferry_migrate_##name(object, arg);                                          \
	}
MIGRATE_CALL(send)
MIGRATE_CALL(finish)
MIGRATE_CALL(receive)
MIGRATE_CALL(accept)
MIGRATE_CALL(confirm)
MIGRATE_CALL(abort)
MIGRATE_CALL(resolve)
MIGRATE_CALL(status)

#define MIGRATE_FLAGS                                                                              \
	(FERRY_MIGRATE_FILE | FERRY_MIGRATE_VERIFY | FERRY_MIGRATE_DRY_RUN |                       \
	 FERRY_MIGRATE_ALLOW_WARNINGS | FERRY_MIGRATE_MSR_IGNORE)
#define MIGRATE(cmd, name)                                                                         \
	FERRY_IOCTL(cmd, struct ferry_migrate, MIGRATE_FLAGS, FERRY_IOC_ALWAYS, name)

static const struct ferry_ioctl vm_ioctls[] = {
	FERRY_IOCTL(FERRY_SET_POLICY, struct ferry_policy, 0, FERRY_IOC_ALWAYS, vm_set_policy),
	FERRY_IOCTL(FERRY_GET_POLICY, struct ferry_policy, 0, FERRY_IOC_ALWAYS, vm_get_policy),
	FERRY_IOCTL(FERRY_SET_MEMORY, struct ferry_memory,
		    FERRY_MEM_REMOVE | FERRY_MEM_READONLY, 0, vm_set_memory),
	FERRY_IOCTL(FERRY_DIRTY, struct ferry_dirty, FERRY_DIRTY_WRITE_PROTECT | FERRY_DIRTY_PML,
		    FERRY_IOC_OUT, vm_dirty),
	FERRY_IOCTL(FERRY_IRQ_LINE, struct ferry_irq_line, 0, 0, vm_irq_line),
	FERRY_IOCTL(FERRY_MSI, struct ferry_msi, 0, 0, vm_msi),
	FERRY_IOCTL(FERRY_IRQFD, struct ferry_irqfd, FERRY_EVENTFD_DEASSIGN, 0, vm_irqfd),
	FERRY_IOCTL(FERRY_IOEVENTFD, struct ferry_ioeventfd,
		    FERRY_EVENTFD_DEASSIGN | FERRY_IOEVENTFD_PIO | FERRY_IOEVENTFD_DATAMATCH, 0,
		    vm_ioeventfd),
	FERRY_IOCTL(FERRY_PAUSE, struct ferry_pause, 0, 0, vm_pause),
	FERRY_IOCTL(FERRY_CONTINUE, struct ferry_pause, FERRY_PAUSE_NMI_WATCHDOG_SAFE, 0,
		    vm_continue),
	FERRY_IOCTL(FERRY_GET_STATS, struct ferry_stats, 0, FERRY_IOC_OUT, vm_get_stats),
	FERRY_IOCTL(FERRY_GET_EXIT_NAME, struct ferry_exit_name, 0, FERRY_IOC_OUT,
		    vm_get_exit_name),
	FERRY_IOCTL(FERRY_GET_EMULATED, struct ferry_emulated, 0, FERRY_IOC_OUT, vm_get_emulated),
	FERRY_IOCTL(FERRY_CREATE_VCPU, struct ferry_create_vcpu, 0, 0, vm_create_vcpu),
	FERRY_IOCTL(FERRY_GET_STATE, struct ferry_state, 0, FERRY_IOC_OUT, vm_get_state),
	FERRY_IOCTL(FERRY_SET_STATE, struct ferry_state, 0, 0, vm_set_state),
	MIGRATE(FERRY_MIGRATE_SEND, vm_migrate_send),
	MIGRATE(FERRY_MIGRATE_FINISH, vm_migrate_finish),
	MIGRATE(FERRY_MIGRATE_RECEIVE, vm_migrate_receive),
	MIGRATE(FERRY_MIGRATE_ACCEPT, vm_migrate_accept),
	MIGRATE(FERRY_MIGRATE_CONFIRM, vm_migrate_confirm),
	MIGRATE(FERRY_MIGRATE_ABORT, vm_migrate_abort),
	FERRY_IOCTL(FERRY_MIGRATE_RESOLVE, struct ferry_migrate_resolve, 0, 0, vm_migrate_resolve),
	FERRY_IOCTL(FERRY_MIGRATE_STATUS, struct ferry_migrate_status, 0, FERRY_IOC_OUT,
		    vm_migrate_status),
};

static long vm_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return ferry_ioctl_dispatch(vm_ioctls, ARRAY_SIZE(vm_ioctls), file->private_data, cmd, arg);
}

static int vm_file_mmap(struct file *file, struct vm_area_struct *vma)
{
	return ferry_memory_mmap(file->private_data, vma);
}

static int vm_release(struct inode *inode, struct file *file)
{
	ferry_vm_put(file->private_data);
	return 0;
}

const struct file_operations ferry_vm_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = vm_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = vm_file_mmap,
	.release = vm_release,
	.llseek = noop_llseek,
};

/* ------------------------------------------------------------------- creation */

static int check_create(const struct ferry_create_vm *args)
{
	if (memchr_inv(args->reserved, 0, sizeof(args->reserved)))
		return -EINVAL;
	if (!memchr(args->name, 0, sizeof(args->name)))
		return -EINVAL;
	if (!memchr_inv(args->uuid, 0, sizeof(args->uuid)))
		return -EINVAL;
	return 0;
}

/**
 * ferry_vm_create() - make a VM and its file
 * @args: checked copy of the caller's struct
 *
 * Return: file descriptor, or -errno as struct ferry_create_vm says.
 */
long ferry_vm_create(const struct ferry_create_vm *args)
{
	struct ferry_vm *vm;
	struct file *file;
	int fd, ret;

	ret = check_create(args);
	if (ret)
		return ret;
	ret = ferry_host_owned();
	if (ret)
		return ret;
	vm = kzalloc(sizeof(*vm), GFP_KERNEL_ACCOUNT);
	if (!vm)
		return -ENOMEM;
	kref_init(&vm->ref);
	mutex_init(&vm->lock);
	init_waitqueue_head(&vm->stop_wq);
	memcpy(vm->name, args->name, sizeof(vm->name));
	memcpy(vm->uuid, args->uuid, sizeof(vm->uuid));
	vm->generation = args->generation;
	vm->flags = args->flags;
	if (args->flags & FERRY_VM_INCOMING)
		atomic_set(&vm->hold, FERRY_HOLD_MIGRATE);
	ferry_clock_init(vm);

	ret = ferry_memory_init(vm);
	if (ret)
		goto err_vm;
	ret = ferry_backend->vm_init(vm);
	if (ret)
		goto err_memory;
	ret = ferry_npt_init(vm);
	if (ret)
		goto err_backend;
	ret = ferry_irqchip_init(vm);
	if (ret)
		goto err_npt;
	ret = ferry_iobus_init(vm);
	if (ret)
		goto err_irqchip;

	fd = get_unused_fd_flags(O_CLOEXEC | O_RDWR);
	if (fd < 0) {
		ret = fd;
		goto err_iobus;
	}
	file = anon_inode_getfile("[ferry-vm]", &ferry_vm_fops, vm, O_RDWR);
	if (IS_ERR(file)) {
		ret = PTR_ERR(file);
		goto err_fd;
	}
	vm->file = file;
	ferry_memory_attach(vm, file);
	fd_install(fd, file);
	return fd;

err_fd:
	put_unused_fd(fd);
err_iobus:
	ferry_iobus_destroy(vm);
err_irqchip:
	ferry_irqchip_destroy(vm);
err_npt:
	ferry_npt_destroy(vm);
err_backend:
	ferry_backend->vm_exit(vm);
err_memory:
	ferry_memory_destroy(vm);
err_vm:
	kfree(vm);
	return ret;
}
