// SPDX-License-Identifier: GPL-2.0-only
/*
 * Building a VM, taking it apart, its clock, and starting and stopping its vCPUs. See vm.h.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "acpi.h"
#include "policy.h"
#include "vm.h"

#define NS_PER_S 1000000000ULL

/* ------------------------------------------------------ what chips ask of us */

static void env_set_irq(void *ctx, unsigned int irq, bool level)
{
	struct vm *vm = ctx;

	/* While a VM is put together there is nobody to interrupt. */
	if (vm->fd >= 0)
		ferry_irq_line(vm->fd, irq, level);
}

static u64 env_guest_ns(void *ctx)
{
	return vm_guest_ns_locked(ctx);
}

static u64 env_wall_ns(void *ctx)
{
	return realtime_ns();
}

static void env_transmit(void *ctx, u8 byte)
{
	struct vm *vm = ctx;

	if (console_transmit(&vm->console, byte))
		vm_wake(vm);
}

static void env_receive_room(void *ctx)
{
	struct vm *vm = ctx;

	if (vm->console.nr_in)
		vm_wake(vm);
}

static void env_rearm(void *ctx)
{
	vm_rearm_locked(ctx);
}

static void env_event(void *ctx, enum dev_event event, u32 value)
{
	struct vm *vm = ctx;

	switch (event) {
	case DEV_POWEROFF:
		vm_end_locked(vm, VM_END_POWEROFF, FERRY_X_OK, 0, "the guest powered off");
		break;
	case DEV_RESET:
		vm_end_locked(vm, VM_END_REBOOT, FERRY_X_OK, 0, "the guest rebooted");
		break;
	case DEV_DEBUG_EXIT:
		vm_end_locked(vm, VM_END_DEBUG_EXIT, value & 0xff, value,
			      "the guest ended with debug-exit status %u", value);
		break;
	}
}

void vm_init(struct vm *vm, struct vmdef *def)
{
	memset(vm, 0, sizeof(*vm));
	vm->def = def;
	vm->dev = vm->fd = -1;
	pthread_mutex_init(&vm->lock, NULL);
	pthread_cond_init(&vm->cond, NULL);
	vm->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	vm->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	vm->env = (struct dev_env){
		.ctx = vm,
		.set_irq = env_set_irq,
		.guest_ns = env_guest_ns,
		.wall_ns = env_wall_ns,
		.transmit = env_transmit,
		.receive_room = env_receive_room,
		.rearm = env_rearm,
		.event = env_event,
	};
	vm->console.in = vm->console.out = vm->console.listen = vm->console.keep = -1;
}

void vm_destroy(struct vm *vm)
{
	vm_close(vm);
	if (vm->wake_fd >= 0)
		close(vm->wake_fd);
	if (vm->timer_fd >= 0)
		close(vm->timer_fd);
	pthread_cond_destroy(&vm->cond);
	pthread_mutex_destroy(&vm->lock);
	vmdef_free(vm->def);
	vm->def = NULL;
}

void vm_wake(struct vm *vm)
{
	u64 one = 1;

	if (write(vm->wake_fd, &one, sizeof(one)) < 0)
		return; /* full: it will look anyway */
}

/* ----------------------------------------------------------------- the clock */

u64 vm_guest_ns_locked(struct vm *vm)
{
	return vm->clock_runs ? vm->clock_base + (monotonic_ns() - vm->clock_mono) : vm->clock_base;
}

/* The module's idea of guest time is the one the guest sees; ours is set by it. */
static void sync_clock(struct vm *vm)
{
	struct ferry_state_vmclock clock;
	u32 length = sizeof(clock);
	struct error err;
	u64 mono = monotonic_ns();

	if (vm->fd < 0 || ferry_get_state(vm->fd, FERRY_STATE_VMCLOCK, &clock, &length, &err))
		clock.guest_ns = vm_guest_ns_locked(vm);
	vm->clock_base = clock.guest_ns;
	vm->clock_mono = mono;
}

void vm_clock_start_locked(struct vm *vm)
{
	sync_clock(vm);
	vm->clock_runs = true;
	vm_rearm_locked(vm);
}

void vm_clock_stop_locked(struct vm *vm)
{
	sync_clock(vm);
	vm->clock_runs = false;
	vm_rearm_locked(vm);
}

void vm_rearm_locked(struct vm *vm)
{
	u64 deadline = vm->clock_runs ? devices_deadline(&vm->devices) : DEV_NEVER;
	struct itimerspec its = { 0 };
	u64 wait;

	if (deadline != DEV_NEVER) {
		u64 now = vm_guest_ns_locked(vm);

		wait = deadline > now ? deadline - now : 1;
		its.it_value.tv_sec = wait / NS_PER_S;
		its.it_value.tv_nsec = wait % NS_PER_S;
	}
	timerfd_settime(vm->timer_fd, 0, &its, NULL);
}

/* ---------------------------------------------------------------- building */

int vm_map_memory(struct vm *vm, struct error *err)
{
	void *hva;
	int ret;

	ret = ferry_map(vm->fd, 0, vm->ram.low, &hva, err);
	if (ret)
		return ret;
	vm->ram.low_hva = hva;
	if (!vm->ram.high)
		return 0;
	ret = ferry_map(vm->fd, RAM_HIGH_BASE, vm->ram.high, &hva, err);
	if (!ret)
		vm->ram.high_hva = hva;
	return ret;
}

static int give_memory(struct vm *vm, struct error *err)
{
	int ret;

	ret = ferry_set_memory(vm->fd, 0, 0, vm->ram.low, err);
	if (!ret && vm->ram.high)
		ret = ferry_set_memory(vm->fd, 1, RAM_HIGH_BASE, vm->ram.high, err);
	return ret ? ret : vm_map_memory(vm, err);
}

int vm_create_vcpus(struct vm *vm, struct error *err)
{
	unsigned int i;
	int ret;

	for (i = 0; i < vm->def->vcpus; i++) {
		struct vcpu *v = &vm->vcpu[i];

		*v = (struct vcpu){ .vm = vm, .id = i, .fd = -1 };
		ret = ferry_create_vcpu(vm->fd, i, &v->fd, err);
		if (ret)
			return ret;
		vm->nr_vcpus = i + 1;
		ret = ferry_map_run(v->fd, vm->info.run_size, &v->run, err);
		if (ret)
			return ret;
	}
	return 0;
}

void vm_create_devices(struct vm *vm)
{
	devices_init(&vm->devices, &vm->env, vm->def->debug_exit);
	vm->uart = devices_find(&vm->devices, &ns16550_ops);
	mc146818_set_memory(devices_find(&vm->devices, &mc146818_ops), vm->ram.low, vm->ram.high);
}

/* vm->def keeps what the guest is shown in the end: that is what moves with it. */
static int set_policy(struct vm *vm, struct error *err)
{
	int ret;

	if (!vm->def->policy) {
		vm->def->policy = xcalloc(1, sizeof(*vm->def->policy));
		ret = policy_default(vm->def->policy, vm->def->vcpus, vm->info.caps, err);
	} else {
		ret = policy_effective(vm->def->policy, vm->def->vcpus, vm->info.caps, err);
	}
	return ret ? ret : policy_install(vm->fd, vm->def->policy, err);
}

static int open_vm(struct vm *vm, u32 flags, const char *name, const u8 uuid[16], u64 generation,
		   struct error *err)
{
	int ret;

	ret = ferry_open(&vm->dev, &vm->info, err);
	if (!ret)
		ret = ferry_create_vm(vm->dev, flags, name, uuid, generation, &vm->fd, err);
	return ret;
}

int vm_create(struct vm *vm, struct error *err)
{
	struct vmdef *def = vm->def;
	u32 flags = (def->msr_ignore ? FERRY_VM_MSR_IGNORE : 0) |
		    (def->emulate ? FERRY_VM_EMULATE : 0);
	int ret;

	ram_layout(&vm->ram, def->memory);
	ret = open_vm(vm, flags, def->name, def->uuid, def->generation, err);
	if (!ret && def->vcpus > vm->info.max_vcpus)
		ret = fail(err, FERRY_X_USAGE, "the module takes %u vCPUs at most",
			   vm->info.max_vcpus);
	if (!ret)
		ret = set_policy(vm, err);
	if (!ret)
		ret = give_memory(vm, err);
	if (!ret)
		ret = vm_create_vcpus(vm, err);
	if (!ret)
		vm_create_devices(vm);
	else
		vm_close(vm);
	return ret;
}

int vm_create_incoming(struct vm *vm, const char *name, const u8 uuid[16], u64 generation,
		       struct error *err)
{
	int ret = open_vm(vm, FERRY_VM_INCOMING, name, uuid, generation, err);

	if (ret)
		vm_close(vm);
	return ret;
}

void vm_close(struct vm *vm)
{
	unsigned int i;

	devices_destroy(&vm->devices);
	vm->uart = NULL;
	for (i = 0; i < vm->nr_vcpus; i++) {
		if (vm->vcpu[i].run)
			munmap(vm->vcpu[i].run, vm->info.run_size);
		if (vm->vcpu[i].fd >= 0)
			close(vm->vcpu[i].fd);
	}
	vm->nr_vcpus = 0;
	if (vm->ram.low_hva)
		munmap(vm->ram.low_hva, vm->ram.low);
	if (vm->ram.high_hva)
		munmap(vm->ram.high_hva, vm->ram.high);
	vm->ram.low_hva = vm->ram.high_hva = NULL;
	if (vm->fd >= 0)
		close(vm->fd);
	if (vm->dev >= 0)
		close(vm->dev);
	vm->fd = vm->dev = -1;
	vm->clock_runs = false;
	vm->clock_base = 0;
	vm->paused = false;
}

/* ------------------------------------------------------------------- booting */

static int open_source(const struct vmdef *def, struct boot_source *src, char **paths,
		       struct error *err)
{
	unsigned int i;
	int ret;

	memset(src, 0, sizeof(*src));
	src->protocol = def->boot;
	src->kernel.path = def->kernel;
	src->kernel.args = def->append;
	ret = blob_map(&src->kernel.blob, def->kernel, "kernel", err);
	for (i = 0; i < def->nr_modules && !ret; i++) {
		struct boot_file *m = &src->module[i];
		char *args;

		paths[i] = xstrdup(def->module[i]);
		args = strchr(paths[i], ' ');
		if (args)
			*args++ = 0;
		m->path = paths[i];
		m->args = args ? args : "";
		src->nr_modules = i + 1;
		ret = blob_map(&m->blob, m->path, i || !def->has_initrd ? "module" : "initrd", err);
	}
	return ret;
}

static void close_source(struct boot_source *src, char **paths)
{
	unsigned int i;

	blob_unmap(&src->kernel.blob);
	for (i = 0; i < src->nr_modules; i++) {
		blob_unmap(&src->module[i].blob);
		free(paths[i]);
	}
}

static int set_entry(struct vcpu *v, const struct boot_entry *entry, struct error *err)
{
	struct ferry_state_segments segs;
	struct ferry_state_control ctl;
	struct ferry_state_general gen;
	int ret;

	boot_state(entry, &segs, &ctl, &gen);
	ret = ferry_set_state(v->fd, FERRY_STATE_CONTROL, &ctl, sizeof(ctl), err);
	if (!ret)
		ret = ferry_set_state(v->fd, FERRY_STATE_SEGMENTS, &segs, sizeof(segs), err);
	if (!ret)
		ret = ferry_set_state(v->fd, FERRY_STATE_GENERAL, &gen, sizeof(gen), err);
	return ret;
}

int vm_boot(struct vm *vm, struct error *err)
{
	char *paths[BOOT_MAX_MODULES];
	struct boot_source src;
	struct boot_entry entry;
	int ret;

	ret = open_source(vm->def, &src, paths, err);
	if (!ret && vm->ram.low >= RAM_MIN) {
		ret = acpi_write(&vm->ram, vm->def->vcpus, &src.rsdp, err);
		if (!ret)
			ret = mptable_write(&vm->ram, vm->def->vcpus, err);
	}
	if (!ret)
		ret = boot_load(&src, &vm->ram, &entry, err);
	if (!ret)
		ret = set_entry(&vm->vcpu[0], &entry, err);
	close_source(&src, paths);
	return ret;
}

/* ---------------------------------------------------------- starting, stopping */

int vm_start_vcpus(struct vm *vm, struct error *err)
{
	unsigned int i;
	int ret = 0;

	pthread_mutex_lock(&vm->lock);
	memset(&vm->outcome, 0, sizeof(vm->outcome));
	atomic_store(&vm->ended, false);
	atomic_store(&vm->ending, false);
	vm->blocked[0] = 0;
	/* A VM that arrived paused stays so, and its chips with it. */
	if (!vm->paused)
		vm_clock_start_locked(vm);
	pthread_mutex_unlock(&vm->lock);
	if (!vm->boots++)
		vm->started_ns = monotonic_ns();
	for (i = 0; i < vm->nr_vcpus && !ret; i++) {
		struct vcpu *v = &vm->vcpu[i];

		v->run->immediate_exit = 0;
		errno = pthread_create(&v->thread, NULL, vcpu_thread, v);
		v->started = !errno;
		if (errno)
			ret = fail_errno(err, FERRY_X_SYSTEM, "cannot start a vCPU's thread");
	}
	if (ret)
		vm_stop_vcpus(vm);
	return ret;
}

void vm_stop_vcpus(struct vm *vm)
{
	unsigned int i;

	pthread_mutex_lock(&vm->lock);
	atomic_store(&vm->ending, true);
	pthread_cond_broadcast(&vm->cond);
	pthread_mutex_unlock(&vm->lock);
	for (i = 0; i < vm->nr_vcpus; i++) {
		struct vcpu *v = &vm->vcpu[i];

		if (!v->started)
			continue;
		/* The flag catches a thread on its way into the call, the signal one inside. */
		v->run->immediate_exit = 1;
		pthread_kill(v->thread, SIG_KICK);
	}
	for (i = 0; i < vm->nr_vcpus; i++) {
		if (vm->vcpu[i].started)
			pthread_join(vm->vcpu[i].thread, NULL);
		vm->vcpu[i].started = false;
	}
}

void vm_release_vcpus(struct vm *vm)
{
	pthread_mutex_lock(&vm->lock);
	vm->blocked[0] = 0;
	atomic_fetch_add(&vm->epoch, 1);
	pthread_cond_broadcast(&vm->cond);
	pthread_mutex_unlock(&vm->lock);
}

static void end_locked(struct vm *vm, enum vm_end end, int code, u32 value, const char *fmt,
		       va_list ap)
{
	if (vm->outcome.end == VM_END_NONE) {
		vm->outcome.end = end;
		vm->outcome.code = code;
		vm->outcome.value = value;
		vsnprintf(vm->outcome.text, sizeof(vm->outcome.text), fmt, ap);
		atomic_store(&vm->ended, true);
	}
	vm_wake(vm);
}

void vm_end_locked(struct vm *vm, enum vm_end end, int code, u32 value, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	end_locked(vm, end, code, value, fmt, ap);
	va_end(ap);
}

void vm_end(struct vm *vm, enum vm_end end, int code, u32 value, const char *fmt, ...)
{
	va_list ap;

	pthread_mutex_lock(&vm->lock);
	va_start(ap, fmt);
	end_locked(vm, end, code, value, fmt, ap);
	va_end(ap);
	pthread_mutex_unlock(&vm->lock);
}

int vm_pause(struct vm *vm, struct error *err)
{
	int ret = ferry_pause(vm->fd, err);

	if (ret)
		return ret;
	pthread_mutex_lock(&vm->lock);
	if (!vm->paused)
		vm_clock_stop_locked(vm);
	vm->paused = true;
	pthread_mutex_unlock(&vm->lock);
	return 0;
}

int vm_continue(struct vm *vm, struct error *err)
{
	int ret = ferry_continue(vm->fd, true, err);

	if (ret)
		return ret;
	pthread_mutex_lock(&vm->lock);
	if (vm->paused)
		vm_clock_start_locked(vm);
	vm->paused = false;
	pthread_mutex_unlock(&vm->lock);
	vm_release_vcpus(vm);
	return 0;
}
