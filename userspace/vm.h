/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One VM in this process: its descriptors, memory, chips, vCPU threads and how it ends.
 *
 * Threads: the main loop (loop.c) owns the console, the control socket and starting and stopping;
 * one thread per vCPU runs FERRY_RUN; while the VM moves, one mover thread makes the migration
 * calls. vm->lock guards chips, console, clock and outcome; it is never held across FERRY_RUN or
 * a migration call. Descriptors and memory change only while no other thread runs.
 */
#ifndef FERRY_VM_H
#define FERRY_VM_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "console.h"
#include "device.h"
#include "libferry.h"
#include "vmdef.h"

/* Wakes a thread out of a blocking call; its handler does nothing. */
#define SIG_KICK SIGUSR1

enum vm_end {
	VM_END_NONE,
	VM_END_POWEROFF,
	VM_END_REBOOT,
	VM_END_DEBUG_EXIT,
	VM_END_TRIPLE_FAULT,
	VM_END_ERROR,
	VM_END_STOPPED, /* ferry stop, Ctrl-A x */
	VM_END_SIGNAL, /* value: its number */
	VM_END_MOVED,
	VM_END_SUSPENDED,
};

/**
 * struct outcome - how a run ended
 * @code: exit code
 * @value: debug-exit status or signal number
 * @text: for a person
 */
struct outcome {
	enum vm_end end;
	int code;
	u32 value;
	char text[6000];
};

struct vm;

struct vcpu {
	struct vm *vm;
	u32 id;
	int fd;
	struct ferry_run *run;
	pthread_t thread;
	bool started;
	u64 io_exits; /* under vm->lock */
	u64 mmio_exits;
};

/**
 * struct vm - a VM
 * @epoch: grows each time vCPUs that were told to stop may run again
 * @ended: there is an outcome
 * @ending: vCPU threads leave
 * @blocked: why vCPUs wait although nobody paused them, or ""
 * @clock_base: guest time at @clock_mono; see vm_guest_ns()
 */
struct vm {
	struct vmdef *def;
	struct ferry_info info;
	int dev;
	int fd;
	struct guest_ram ram;
	struct vcpu vcpu[FERRY_MAX_VCPUS];
	unsigned int nr_vcpus;

	pthread_mutex_t lock;
	pthread_cond_t cond;
	struct devices devices;
	struct dev_env env;
	struct device *uart;
	struct console console;
	struct outcome outcome;
	char blocked[300];
	bool paused;
	bool clock_runs;
	u64 clock_base;
	u64 clock_mono;

	_Atomic u64 epoch;
	atomic_bool ended;
	atomic_bool ending;
	int wake_fd; /* main loop: look again */
	int timer_fd; /* main loop: a chip's deadline */
	u64 started_ns;
	unsigned int boots;
};

/* Takes over @def. */
void vm_init(struct vm *vm, struct vmdef *def);
void vm_destroy(struct vm *vm);

/* Open the device, create the VM and its policy, memory and vCPUs. */
int vm_create(struct vm *vm, struct error *err);
/* The same for a VM that arrives: @uuid and @generation are the stream's; nothing else yet. */
int vm_create_incoming(struct vm *vm, const char *name, const u8 uuid[16], u64 generation,
		       struct error *err);
int vm_map_memory(struct vm *vm, struct error *err);
int vm_create_vcpus(struct vm *vm, struct error *err);
void vm_create_devices(struct vm *vm);
/* Load kernel and tables; set the vCPUs to their entry. */
int vm_boot(struct vm *vm, struct error *err);
/* Close what vm_create() opened: the next vm_create() starts afresh. vCPUs are stopped. */
void vm_close(struct vm *vm);

int vm_start_vcpus(struct vm *vm, struct error *err);
/* Make every vCPU thread leave, and wait until they have. */
void vm_stop_vcpus(struct vm *vm);
/* vCPUs that FERRY_RUN told to wait may try again. */
void vm_release_vcpus(struct vm *vm);

/* The first outcome counts. _locked: vm->lock is held. */
__printf(5, 6) void vm_end(struct vm *vm, enum vm_end end, int code, u32 value, const char *fmt,
			   ...);
__printf(5, 6) void vm_end_locked(struct vm *vm, enum vm_end end, int code, u32 value,
				  const char *fmt, ...);
void vm_wake(struct vm *vm);

/* Guest time for the chips: follows the module's kvmclock, stands still while paused. */
u64 vm_guest_ns_locked(struct vm *vm);
void vm_clock_start_locked(struct vm *vm);
void vm_clock_stop_locked(struct vm *vm);
void vm_rearm_locked(struct vm *vm);

int vm_pause(struct vm *vm, struct error *err);
int vm_continue(struct vm *vm, struct error *err);

/* vcpu.c */
void *vcpu_thread(void *vcpu);

#endif /* FERRY_VM_H */
