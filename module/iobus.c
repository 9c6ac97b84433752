// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ports and guest-physical addresses that the kernel serves: the interrupt controllers and timers,
 * and eventfds in both directions - ioeventfd (a guest write signals) and irqfd (a signal pulses
 * an interrupt line).
 *
 * iobus->lock (mutex) guards both lists. Guest writes look up ioeventfds under RCU, with irqs
 * possibly off. An irqfd's wait-queue entry runs under the eventfd's wait-queue lock with irqs off;
 * it moves lines, whose locks are inside of that one.
 */
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/poll.h>
#include <linux/rculist.h>
#include <linux/slab.h>

#include "irqchip.h"

/* Of each kind; a VM has fewer devices than this by far. */
#define MAX_EVENTFDS 256

/* One address whose writes signal. */
struct ioeventfd {
	struct list_head link;
	struct eventfd_ctx *eventfd;
	u64 addr;
	u64 datamatch;
	u32 len; /* 0 matches any width */
	u32 flags; /* FERRY_IOEVENTFD_* */
};

/* One eventfd that pulses a line. */
struct irqfd {
	struct list_head link;
	struct ferry_vm *vm;
	struct eventfd_ctx *eventfd;
	u32 gsi;
	bool closed; /* nobody has the eventfd open: to be removed when the list is next changed */
	wait_queue_entry_t wait;
	poll_table poll;
};

struct ferry_iobus {
	struct mutex lock;
	struct list_head ioeventfds;
	struct list_head irqfds;
	unsigned int nr_ioeventfds;
	unsigned int nr_irqfds;
};

/* -------------------------------------------------------------- guest accesses */

static bool signal_ioeventfd(struct ferry_iobus *bus, u32 space, u64 addr, u8 width,
			     const void *data)
{
	struct ioeventfd *io;
	bool found = false;
	u64 value = 0;

	if (list_empty(&bus->ioeventfds))
		return false;
	memcpy(&value, data, width);
	rcu_read_lock();
	list_for_each_entry_rcu(io, &bus->ioeventfds, link)
	{
		if ((io->flags & FERRY_IOEVENTFD_PIO) != space || io->addr != addr ||
		    (io->len && io->len != width))
			continue;
		if ((io->flags & FERRY_IOEVENTFD_DATAMATCH) && io->datamatch != value)
			continue;
		eventfd_signal(io->eventfd);
		found = true;
		break;
	}
	rcu_read_unlock();
	return found;
}

static bool is_chip_port(u16 port, u8 width)
{
	int i;

	for (i = 0; i < width; i++)
		if (ferry_irqchip_has_port(port + i))
			return true;
	return false;
}

/**
 * ferry_iobus_may_have_port() - might ferry_iobus_port() serve this access?
 * @vm: the VM
 * @port: first port
 * @width: 1, 2 or 4
 *
 * Any context. false is sure: userspace serves it.
 */
bool ferry_iobus_may_have_port(struct ferry_vm *vm, u16 port, u8 width)
{
	return is_chip_port(port, width) || !list_empty(&vm->iobus->ioeventfds);
}

/* A wide access to byte-wide parts reaches one port after the other. */
static bool chip_ports(struct ferry_vm *vm, u16 port, u8 width, bool write, u8 *data)
{
	int i;

	if (!is_chip_port(port, width))
		return false;
	for (i = 0; i < width; i++) {
		if (!ferry_irqchip_has_port(port + i)) {
			if (!write)
				data[i] = 0xff;
		} else if (write) {
			ferry_irqchip_write_port(vm, port + i, data[i]);
		} else {
			data[i] = ferry_irqchip_read_port(vm, port + i);
		}
	}
	return true;
}

/**
 * ferry_iobus_port() - a guest's port access
 * @vcpu: the vCPU
 * @port: first port
 * @width: 1, 2 or 4
 * @write: OUT
 * @data: @width bytes, little-endian
 *
 * Never sleeps. Return: 0 served, -EOPNOTSUPP nobody's here.
 */
int ferry_iobus_port(struct ferry_vcpu *vcpu, u16 port, u8 width, bool write, void *data)
{
	if (chip_ports(vcpu->vm, port, width, write, data))
		return 0;
	if (write && signal_ioeventfd(vcpu->vm->iobus, FERRY_IOEVENTFD_PIO, port, width, data))
		return 0;
	return -EOPNOTSUPP;
}

/**
 * ferry_iobus_mmio() - a guest's access to an address without memory
 * @vcpu: the vCPU
 * @gpa: address
 * @width: 1..8
 * @write: a write
 * @data: @width bytes, little-endian
 *
 * Never sleeps. Return: 0 served, -EOPNOTSUPP nobody's here.
 */
int ferry_iobus_mmio(struct ferry_vcpu *vcpu, u64 gpa, u8 width, bool write, void *data)
{
	u64 value = 0;

	if (write)
		memcpy(&value, data, width);
	if (ferry_irqchip_mmio(vcpu, gpa, width, write, &value)) {
		if (!write)
			memcpy(data, &value, width);
		return 0;
	}
	if (write && signal_ioeventfd(vcpu->vm->iobus, 0, gpa, width, data))
		return 0;
	return -EOPNOTSUPP;
}

/* -------------------------------------------------------------------- ioeventfd */

static bool same(const struct ioeventfd *a, const struct ioeventfd *b)
{
	return a->addr == b->addr &&
	       (a->flags & FERRY_IOEVENTFD_PIO) == (b->flags & FERRY_IOEVENTFD_PIO);
}

/* Would one write match both? */
static bool clash(const struct ioeventfd *a, const struct ioeventfd *b)
{
	if (!same(a, b) || (a->len && b->len && a->len != b->len))
		return false;
	return !(a->flags & b->flags & FERRY_IOEVENTFD_DATAMATCH) || a->datamatch == b->datamatch;
}

static int ioeventfd_assign(struct ferry_iobus *bus, const struct ioeventfd *want)
{
	struct ioeventfd *io, *other;
	int ret = -ENOSPC;

	io = kmemdup(want, sizeof(*want), GFP_KERNEL_ACCOUNT);
	if (!io)
		return -ENOMEM;
	mutex_lock(&bus->lock);
	if (bus->nr_ioeventfds >= MAX_EVENTFDS)
		goto err_unlock;
	ret = -EEXIST;
	list_for_each_entry (other, &bus->ioeventfds, link)
		if (clash(io, other))
			goto err_unlock;
	list_add_tail_rcu(&io->link, &bus->ioeventfds);
	bus->nr_ioeventfds++;
	mutex_unlock(&bus->lock);
	return 0;

err_unlock:
	mutex_unlock(&bus->lock);
	kfree(io);
	return ret;
}

static void ioeventfd_remove(struct ferry_iobus *bus, struct ioeventfd *io)
{
	list_del_rcu(&io->link);
	bus->nr_ioeventfds--;
	synchronize_rcu();
	eventfd_ctx_put(io->eventfd);
	kfree(io);
}

static int ioeventfd_deassign(struct ferry_iobus *bus, const struct ioeventfd *want)
{
	struct ioeventfd *io;
	int ret = -ENOENT;

	mutex_lock(&bus->lock);
	list_for_each_entry (io, &bus->ioeventfds, link) {
		if (same(io, want) && io->eventfd == want->eventfd && io->len == want->len &&
		    io->flags == want->flags && io->datamatch == want->datamatch) {
			ioeventfd_remove(bus, io);
			ret = 0;
			break;
		}
	}
	mutex_unlock(&bus->lock);
	return ret;
}

/**
 * ferry_ioeventfd() - FERRY_IOEVENTFD
 * @vm: the VM
 * @args: checked for size and known flags
 *
 * Return: 0; -EINVAL width, address or data out of range; -EBADF no eventfd; -EEXIST a write would
 * match two; -ENOSPC too many; -ENOENT nothing to remove.
 */
int ferry_ioeventfd(struct ferry_vm *vm, const struct ferry_ioeventfd *args)
{
	bool pio = args->flags & FERRY_IOEVENTFD_PIO;
	struct ioeventfd want = {
		.addr = args->addr,
		.len = args->len,
		.flags = args->flags & ~FERRY_EVENTFD_DEASSIGN,
	};
	u64 last;
	int ret;

	if (args->len > 8 || (args->len & (args->len - 1)) || (pio && args->len > 4))
		return -EINVAL;
	if (check_add_overflow(args->addr, (u64)max(args->len, 1U) - 1, &last) ||
	    (pio && last > 0xffff))
		return -EINVAL;
	if (args->flags & FERRY_IOEVENTFD_DATAMATCH) {
		/* Without a width it is not known which bytes are to match. */
		if (!args->len || (args->len < 8 && args->datamatch >> (args->len * 8)))
			return -EINVAL;
		want.datamatch = args->datamatch;
	}
	want.eventfd = eventfd_ctx_fdget(args->fd);
	if (IS_ERR(want.eventfd))
		return PTR_ERR(want.eventfd);
	if (args->flags & FERRY_EVENTFD_DEASSIGN) {
		ret = ioeventfd_deassign(vm->iobus, &want);
		eventfd_ctx_put(want.eventfd);
		return ret;
	}
	ret = ioeventfd_assign(vm->iobus, &want);
	if (ret)
		eventfd_ctx_put(want.eventfd);
	return ret;
}

/* ------------------------------------------------------------------------ irqfd */

static void pulse(struct irqfd *irqfd)
{
	ferry_irq_line(irqfd->vm, irqfd->gsi, 1);
	ferry_irq_line(irqfd->vm, irqfd->gsi, 0);
}

/* bus->lock held. Once it is off the queue no call-back runs or will. */
static void irqfd_remove(struct ferry_iobus *bus, struct irqfd *irqfd)
{
	u64 count;

	list_del(&irqfd->link);
	bus->nr_irqfds--;
	eventfd_ctx_remove_wait_queue(irqfd->eventfd, &irqfd->wait, &count);
	eventfd_ctx_put(irqfd->eventfd);
	kfree(irqfd);
}

/* bus->lock held. Userspace may close an eventfd without deassigning it. */
static void irqfd_sweep(struct ferry_iobus *bus)
{
	struct irqfd *irqfd, *tmp;

	list_for_each_entry_safe (irqfd, tmp, &bus->irqfds, link)
		if (READ_ONCE(irqfd->closed))
			irqfd_remove(bus, irqfd);
}

static int irqfd_wake(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key)
{
	struct irqfd *irqfd = container_of(wait, struct irqfd, wait);
	__poll_t events = key_to_poll(key);
	u64 count;

	if (events & EPOLLIN) {
		eventfd_ctx_do_read(irqfd->eventfd, &count);
		pulse(irqfd);
	}
	if (events & EPOLLHUP)
		WRITE_ONCE(irqfd->closed, true);
	return 0;
}

static void irqfd_queue(struct file *file, wait_queue_head_t *head, poll_table *table)
{
	struct irqfd *irqfd = container_of(table, struct irqfd, poll);

	add_wait_queue(head, &irqfd->wait);
}

static int irqfd_assign(struct ferry_vm *vm, const struct ferry_irqfd *args)
{
	struct ferry_iobus *bus = vm->iobus;
	struct irqfd *irqfd, *other;
	struct file *file;
	int ret;

	irqfd = kzalloc(sizeof(*irqfd), GFP_KERNEL_ACCOUNT);
	if (!irqfd)
		return -ENOMEM;
	irqfd->vm = vm;
	irqfd->gsi = args->gsi;
	init_waitqueue_func_entry(&irqfd->wait, irqfd_wake);
	init_poll_funcptr(&irqfd->poll, irqfd_queue);

	file = eventfd_fget(args->fd);
	ret = PTR_ERR(file);
	if (IS_ERR(file))
		goto err_irqfd;
	irqfd->eventfd = eventfd_ctx_fileget(file);
	ret = PTR_ERR(irqfd->eventfd);
	if (IS_ERR(irqfd->eventfd))
		goto err_file;

	mutex_lock(&bus->lock);
	irqfd_sweep(bus);
	ret = -ENOSPC;
	if (bus->nr_irqfds >= MAX_EVENTFDS)
		goto err_unlock;
	ret = -EBUSY;
	list_for_each_entry (other, &bus->irqfds, link)
		if (other->eventfd == irqfd->eventfd)
			goto err_unlock;
	list_add_tail(&irqfd->link, &bus->irqfds);
	bus->nr_irqfds++;
	/* It may have been signalled already. */
	if (vfs_poll(file, &irqfd->poll) & EPOLLIN)
		pulse(irqfd);
	mutex_unlock(&bus->lock);
	fput(file);
	return 0;

err_unlock:
	mutex_unlock(&bus->lock);
	eventfd_ctx_put(irqfd->eventfd);
err_file:
	fput(file);
err_irqfd:
	kfree(irqfd);
	return ret;
}

static int irqfd_deassign(struct ferry_iobus *bus, const struct ferry_irqfd *args)
{
	struct eventfd_ctx *eventfd;
	struct irqfd *irqfd;
	int ret = -ENOENT;

	eventfd = eventfd_ctx_fdget(args->fd);
	if (IS_ERR(eventfd))
		return PTR_ERR(eventfd);
	mutex_lock(&bus->lock);
	irqfd_sweep(bus);
	list_for_each_entry (irqfd, &bus->irqfds, link) {
		if (irqfd->eventfd == eventfd && irqfd->gsi == args->gsi) {
			irqfd_remove(bus, irqfd);
			ret = 0;
			break;
		}
	}
	mutex_unlock(&bus->lock);
	eventfd_ctx_put(eventfd);
	return ret;
}

/**
 * ferry_irqfd() - FERRY_IRQFD
 * @vm: the VM
 * @args: checked for size and known flags
 *
 * Return: 0; -EINVAL no such GSI, or no eventfd; -EBADF; -EBUSY the eventfd has a line already;
 * -ENOSPC too many; -ENOENT nothing to remove.
 */
int ferry_irqfd(struct ferry_vm *vm, const struct ferry_irqfd *args)
{
	if (args->gsi >= FERRY_NR_GSIS)
		return -EINVAL;
	if (args->flags & FERRY_EVENTFD_DEASSIGN)
		return irqfd_deassign(vm->iobus, args);
	return irqfd_assign(vm, args);
}

/* ------------------------------------------------------------------------- life */

int ferry_iobus_init(struct ferry_vm *vm)
{
	struct ferry_iobus *bus;

	bus = kzalloc(sizeof(*bus), GFP_KERNEL_ACCOUNT);
	if (!bus)
		return -ENOMEM;
	mutex_init(&bus->lock);
	INIT_LIST_HEAD(&bus->ioeventfds);
	INIT_LIST_HEAD(&bus->irqfds);
	vm->iobus = bus;
	return 0;
}

/* No vCPU is left. */
void ferry_iobus_destroy(struct ferry_vm *vm)
{
	struct ferry_iobus *bus = vm->iobus;
	struct irqfd *irqfd, *next;
	struct ioeventfd *io, *tmp;

	if (!bus)
		return;
	list_for_each_entry_safe (irqfd, next, &bus->irqfds, link)
		irqfd_remove(bus, irqfd);
	list_for_each_entry_safe (io, tmp, &bus->ioeventfds, link)
		ioeventfd_remove(bus, io);
	mutex_destroy(&bus->lock);
	kfree(bus);
	vm->iobus = NULL;
}
