// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vCPU's thread: FERRY_RUN, and what only userspace can answer. vm->lock is taken around every
 * use of chips, console and outcome, never across FERRY_RUN.
 */
#include <stdlib.h>

#include "vm.h"

/* Registers in words, for reports; after the vCPU has stopped. */
static void registers(struct vcpu *v, char *out, size_t room)
{
	struct ferry_state_general g;
	struct ferry_state_control c;
	struct ferry_state_segments s;
	struct error err;
	u32 lg = sizeof(g), lc = sizeof(c), ls = sizeof(s);

	if (ferry_get_state(v->fd, FERRY_STATE_GENERAL, &g, &lg, &err) ||
	    ferry_get_state(v->fd, FERRY_STATE_CONTROL, &c, &lc, &err) ||
	    ferry_get_state(v->fd, FERRY_STATE_SEGMENTS, &s, &ls, &err)) {
		snprintf(out, room, "registers: %.200s", err.text);
		return;
	}
	snprintf(out, room,
		 "rip %04x:%016llx rsp %016llx rflags %08llx\n"
		 "  rax %016llx rbx %016llx rcx %016llx rdx %016llx\n"
		 "  rsi %016llx rdi %016llx cr0 %08llx cr2 %016llx\n"
		 "  cr3 %016llx cr4 %08llx efer %llx",
		 s.seg[FERRY_SEG_CS].selector, (unsigned long long)g.rip,
		 (unsigned long long)g.gpr[FERRY_RSP], (unsigned long long)g.rflags,
		 (unsigned long long)g.gpr[FERRY_RAX], (unsigned long long)g.gpr[FERRY_RBX],
		 (unsigned long long)g.gpr[FERRY_RCX], (unsigned long long)g.gpr[FERRY_RDX],
		 (unsigned long long)g.gpr[FERRY_RSI], (unsigned long long)g.gpr[FERRY_RDI],
		 (unsigned long long)c.cr0, (unsigned long long)c.cr2, (unsigned long long)c.cr3,
		 (unsigned long long)c.cr4, (unsigned long long)c.efer);
}

static void exit_io(struct vcpu *v)
{
	struct vm *vm = v->vm;
	struct ferry_run *run = v->run;
	unsigned int width = run->io.width;

	if (width != 1 && width != 2 && width != 4) {
		vm_end(vm, VM_END_ERROR, FERRY_X_SYSTEM, 0,
		       "the module reports a port access of %u bytes", width);
		return;
	}
	pthread_mutex_lock(&vm->lock);
	v->io_exits++;
	devices_io(&vm->devices, run->io.port, width, run->io.is_write, run->io.data);
	pthread_mutex_unlock(&vm->lock);
}

/* Nobody lives there: reads give all ones, writes go nowhere. */
static void exit_mmio(struct vcpu *v)
{
	pthread_mutex_lock(&v->vm->lock);
	v->mmio_exits++;
	pthread_mutex_unlock(&v->vm->lock);
	if (!v->run->mmio.is_write)
		memset(v->run->mmio.data, 0xff, sizeof(v->run->mmio.data));
}

/* Wait until somebody lets the vCPUs go on, or stops them for good. */
static void wait_for_release(struct vm *vm, u64 epoch)
{
	pthread_mutex_lock(&vm->lock);
	while (atomic_load(&vm->epoch) == epoch && !atomic_load(&vm->ending))
		pthread_cond_wait(&vm->cond, &vm->lock);
	pthread_mutex_unlock(&vm->lock);
}

static void wait_for_end(struct vm *vm)
{
	pthread_mutex_lock(&vm->lock);
	while (!atomic_load(&vm->ending))
		pthread_cond_wait(&vm->cond, &vm->lock);
	pthread_mutex_unlock(&vm->lock);
}

/* Something a person has to put right; the VM keeps its state until then. */
static void block(struct vm *vm, u64 epoch, const char *why)
{
	bool first;

	pthread_mutex_lock(&vm->lock);
	first = !vm->blocked[0];
	if (first)
		snprintf(vm->blocked, sizeof(vm->blocked), "%s", why);
	pthread_mutex_unlock(&vm->lock);
	if (first)
		complain("VM %s waits: %s; then 'ferry continue %s'", vm->def->name, why,
			 vm->def->name);
	wait_for_release(vm, epoch);
}

static void exit_error(struct vcpu *v, u64 epoch)
{
	static const char *const kinds[] = {
		[FERRY_ERROR_ENTRY] = "the CPU refused the guest's state",
		[FERRY_ERROR_UNKNOWN_EXIT] = "the CPU left the guest for a reason not known",
		[FERRY_ERROR_EMULATION] = "an instruction cannot be emulated",
		[FERRY_ERROR_MEMORY] = "guest memory could not be allocated",
		[FERRY_ERROR_EVENT] = "an event could not be delivered",
	};
	struct ferry_run *run = v->run;
	u32 kind = run->error.kind, len = min(run->error.insn_len, (u32)sizeof(run->error.insn)), i;
	char regs[500], bytes[64] = "", detail[96];

	if (kind == FERRY_ERROR_MEMORY) {
		block(v->vm, epoch, "the host is out of memory for the guest: free some");
		return;
	}
	for (i = 0; i < len; i++)
		sprintf(bytes + 3 * i, " %02x", run->error.insn[i]);
	snprintf(detail, sizeof(detail), "%.*s", (int)sizeof(run->error.detail) - 1,
		 (char *)run->error.detail);
	registers(v, regs, sizeof(regs));
	vm_end(v->vm, VM_END_ERROR, FERRY_X_GUEST_ERROR, 0,
	       "%s (%s): exit code %#llx, info %#llx %#llx, bytes%s\n  vCPU %u: %s",
	       kind < ARRAY_SIZE(kinds) && kinds[kind] ? kinds[kind] : "the module gave up", detail,
	       (unsigned long long)run->error.code, (unsigned long long)run->error.info1,
	       (unsigned long long)run->error.info2, len ? bytes : ": none", v->id, regs);
}

static void exit_shutdown(struct vcpu *v)
{
	char regs[500];

	registers(v, regs, sizeof(regs));
	vm_end(v->vm, VM_END_TRIPLE_FAULT, FERRY_X_TRIPLE_FAULT, 0,
	       "the guest shut down by a triple fault\n  vCPU %u: %s", v->id, regs);
}

static void handle(struct vcpu *v, u64 epoch)
{
	switch (v->run->exit_reason) {
	case FERRY_EXIT_NONE:
	case FERRY_EXIT_INTR:
		break;
	case FERRY_EXIT_IO:
		exit_io(v);
		break;
	case FERRY_EXIT_MMIO:
		exit_mmio(v);
		break;
	case FERRY_EXIT_SHUTDOWN:
		exit_shutdown(v);
		break;
	case FERRY_EXIT_PAUSED:
	case FERRY_EXIT_FENCED:
		wait_for_release(v->vm, epoch);
		break;
	case FERRY_EXIT_HARDWARE_TAKEN:
		block(v->vm, epoch, "another hypervisor took this host's virtualisation hardware: "
		      "unload it (modprobe -r kvm_intel kvm_amd), or 'ferry migrate' the VM away");
		break;
	case FERRY_EXIT_ERROR:
		exit_error(v, epoch);
		break;
	default:
		vm_end(v->vm, VM_END_ERROR, FERRY_X_SYSTEM, 0,
		       "the module reports exit reason %u, which this tool does not know",
		       v->run->exit_reason);
	}
}

void *vcpu_thread(void *arg)
{
	struct vcpu *v = arg;
	struct vm *vm = v->vm;
	char name[16];

	snprintf(name, sizeof(name), "vcpu%u", v->id);
	pthread_setname_np(pthread_self(), name);
	while (!atomic_load(&vm->ending)) {
		/* Read before the call: a release while it returns must not be missed. */
		u64 epoch = atomic_load(&vm->epoch);

		if (ferry_run_vcpu(v->fd)) {
			if (errno == EINTR || errno == EAGAIN)
				continue;
			vm_end(vm, VM_END_ERROR, FERRY_X_SYSTEM, 0, "running vCPU %u: %s", v->id,
			       strerror(errno));
			break;
		}
		handle(v, epoch);
		/* After an end nothing of this vCPU may run on. */
		if (atomic_load(&vm->ended))
			wait_for_end(vm);
	}
	return NULL;
}
