// SPDX-License-Identifier: GPL-2.0-only
/*
 * vCPU objects and the run loop.
 *
 * FERRY_RUN is three nested loops. The outer one may sleep: it waits while the vCPU is halted or
 * held, and handles what needs a schedulable context. Inside it the run section has preemption
 * off and the guest's FPU state loaded. Innermost, with interrupts off, the guest is entered
 * again and again for as long as exits can be handled right there.
 *
 * vcpu->lock is held throughout FERRY_RUN. Other CPUs speak to a vCPU by setting a request bit
 * and kicking it; the bit is set before vcpu->where is read, the vCPU sets vcpu->where before it
 * reads the bits, so one of the two always sees the other.
 */
#include <linux/anon_inodes.h>
#include <linux/context_tracking.h>
#include <linux/file.h>
#include <linux/interrupt.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/processor-flags.h>
#include <asm/smp.h>

#include "ferry.h"
#include "host.h"
#include "trace.h"

#define X86_EXC_DB 1
#define X86_EXC_DF 8
#define X86_EXC_GP 13
#define X86_EXC_PF 14
#define X86_EXC_UD 6

/* ------------------------------------------------------- requests and signals */

void ferry_request(struct ferry_vcpu *vcpu, enum ferry_request req)
{
	set_bit(req, &vcpu->requests);
	smp_mb__after_atomic(); /* before reading ->where in ferry_kick() */
}

/**
 * ferry_kick() - make a vCPU look at its requests
 * @vcpu: the vCPU
 *
 * Any context. Wakes it if it sleeps, interrupts its CPU if it is in the guest. Does not wait.
 */
void ferry_kick(struct ferry_vcpu *vcpu)
{
	int cpu;

	if (wq_has_sleeper(&vcpu->wq))
		wake_up(&vcpu->wq);
	if (READ_ONCE(vcpu->where) != FERRY_IN_GUEST)
		return;
	/* A CPU does not go offline while another may not be preempted. */
	preempt_disable();
	cpu = READ_ONCE(vcpu->cpu);
	if (cpu >= 0 && cpu != smp_processor_id() && cpu_online(cpu)) {
		vcpu->count.kicks++;
		(smp_ops.smp_send_reschedule)(cpu); /* also a macro since 6.4 */
	}
	preempt_enable();
}

static void acknowledge(void *unused)
{
}

/**
 * ferry_kick_all_sync() - set a request on all vCPUs and wait for those inside the guest
 * @vm: the VM
 * @req: FERRY_REQ_*
 *
 * When it returns, every vCPU has left the guest at least once since the request was set and
 * serves it before it enters again. Sleepable context, interrupts on.
 */
void ferry_kick_all_sync(struct ferry_vm *vm, enum ferry_request req)
{
	struct ferry_vcpu *vcpu;
	cpumask_var_t mask;
	int i, cpu;

	/* Without memory for a mask interrupt everybody: slow, but right. */
	if (!zalloc_cpumask_var(&mask, GFP_KERNEL)) {
		ferry_for_each_vcpu(i, vcpu, vm)
			ferry_request(vcpu, req);
		on_each_cpu(acknowledge, NULL, 1);
		return;
	}
	ferry_for_each_vcpu(i, vcpu, vm) {
		ferry_request(vcpu, req);
		cpu = READ_ONCE(vcpu->cpu);
		if (READ_ONCE(vcpu->where) == FERRY_IN_GUEST && cpu >= 0)
			cpumask_set_cpu(cpu, mask);
	}
	on_each_cpu_mask(mask, acknowledge, NULL, true);
	free_cpumask_var(mask);
}

void ferry_vcpu_signal_init(struct ferry_vcpu *vcpu)
{
	ferry_request(vcpu, FERRY_REQ_INIT);
	ferry_kick(vcpu);
}

void ferry_vcpu_signal_sipi(struct ferry_vcpu *vcpu, u8 vector)
{
	/* A SIPI is lost unless its target waits for it or is about to (SDM 8.4.1). */
	if (READ_ONCE(vcpu->mp_state) != FERRY_MP_WAIT_SIPI &&
	    !test_bit(FERRY_REQ_INIT, &vcpu->requests))
		return;
	WRITE_ONCE(vcpu->sipi_vector, vector);
	smp_mb(); /* vector before wake-up */
	ferry_kick(vcpu);
}

/* One NMI may be pending behind the one being served, no more (SDM 6.7.1). */
void ferry_vcpu_signal_nmi(struct ferry_vcpu *vcpu)
{
	atomic_add_unless(&vcpu->nmi_pending, 1, 2);
	ferry_request(vcpu, FERRY_REQ_EVENT);
	ferry_kick(vcpu);
}

/* ------------------------------------------------------------------ exceptions */

static bool contributory(u8 vector)
{
	return vector == 0 || (vector >= 10 && vector <= 13);
}

/**
 * ferry_queue_exception() - raise an exception at the next entry
 * @vcpu: the vCPU
 * @vector: 0..31
 * @has_error: @error is pushed
 * @error: error code
 * @payload: CR2 for #PF, bits to set in DR6 for #DB; applied when the exception is delivered
 *
 * An exception met while another is being delivered becomes #DF or a shutdown, or is served
 * after it (SDM 6.15, table 6-5; APM 8.2.9).
 */
void ferry_queue_exception(struct ferry_vcpu *vcpu, u8 vector, bool has_error, u32 error,
			   u64 payload)
{
	struct ferry_event_state *first = &vcpu->injected;
	struct ferry_event_state *event = &vcpu->pending;
	bool nested = first->type == FERRY_EVENT_EXCEPTION;

	if (!nested && event->type == FERRY_EVENT_EXCEPTION) {
		first = event;
		nested = true;
	}
	if (nested) {
		u8 old = first->vector;

		if (old == X86_EXC_DF) {
			first->type = FERRY_EVENT_NONE;
			event->type = FERRY_EVENT_EXCEPTION;
			event->vector = 0xff; /* triple fault: served as SHUTDOWN */
			return;
		}
		if ((contributory(old) && contributory(vector)) ||
		    (old == X86_EXC_PF && (contributory(vector) || vector == X86_EXC_PF))) {
			first->type = FERRY_EVENT_NONE;
			vector = X86_EXC_DF;
			has_error = true;
			error = 0;
			payload = 0;
		}
	}
	*event = (struct ferry_event_state){
		.type = FERRY_EVENT_EXCEPTION,
		.vector = vector,
		.flags = has_error ? FERRY_EVENT_HAS_ERROR : 0,
		.error = error,
		.payload = payload,
	};
	if (vector == X86_EXC_PF || vector == X86_EXC_DB)
		event->flags |= FERRY_EVENT_HAS_PAYLOAD;
}

void ferry_queue_gp(struct ferry_vcpu *vcpu, u32 error)
{
	ferry_queue_exception(vcpu, X86_EXC_GP, true, error, 0);
}

void ferry_queue_ud(struct ferry_vcpu *vcpu)
{
	ferry_queue_exception(vcpu, X86_EXC_UD, false, 0, 0);
}

static void apply_payload(struct ferry_vcpu *vcpu, struct ferry_event_state *event)
{
	if (!(event->flags & FERRY_EVENT_HAS_PAYLOAD))
		return;
	event->flags &= ~FERRY_EVENT_HAS_PAYLOAD;
	if (event->vector == X86_EXC_PF) {
		vcpu->cr2 = event->payload;
	} else if (event->vector == X86_EXC_DB) {
		/* Bits 0-3 describe this #DB alone, the others stick (SDM 17.2.3). */
		vcpu->dr6 = (vcpu->dr6 & ~0xfULL) | event->payload;
		vcpu->dr7 &= ~BIT_ULL(13); /* GD */
		ferry_backend->update_debug(vcpu);
	}
}

/* ----------------------------------------------------------- before each entry */

/*
 * An interrupt waits for the shadow of STI to end, and the next instruction is HLT: it would end as
 * soon as it began, so it is over. That spares a window, and a guest's sleep where an emulator's
 * VMRUN forgets the shadow (QEMU's does): there the interrupt would come before the HLT.
 */
static bool halt_is_over(struct ferry_vcpu *vcpu)
{
	const struct ferry_backend *hw = ferry_backend;
	u8 op;

	if (vcpu->injected.type || !(vcpu->rflags & X86_EFLAGS_IF) ||
	    (vcpu->rflags & X86_EFLAGS_TF) || !hw->get_shadow(vcpu) || hw->cpl(vcpu))
		return false;
	if (ferry_insn_bytes(vcpu, &op, 1) != 1 || op != 0xf4)
		return false;
	vcpu->rip++;
	hw->set_shadow(vcpu, 0);
	return hw->can_inject(vcpu, FERRY_EVENT_EXTINT);
}

static void take_exception(struct ferry_vcpu *vcpu)
{
	apply_payload(vcpu, &vcpu->pending);
	vcpu->injected = vcpu->pending;
	vcpu->pending.type = FERRY_EVENT_NONE;
	/* Faults show RF in the saved RFLAGS; emulated ones must set it (SDM 17.3.1.1). */
	if (vcpu->injected.vector != X86_EXC_DB && vcpu->injected.vector != 3 &&
	    vcpu->injected.vector != 4)
		vcpu->rflags |= BIT_ULL(16);
	vcpu->count.exceptions_injected++;
}

static void take_nmi(struct ferry_vcpu *vcpu)
{
	atomic_dec(&vcpu->nmi_pending);
	vcpu->injected = (struct ferry_event_state){ .type = FERRY_EVENT_NMI, .vector = 2 };
	ferry_backend->set_nmi_mask(vcpu, true);
	vcpu->count.nmi_injected++;
}

static bool take_irq(struct ferry_vcpu *vcpu)
{
	int vector = ferry_irq_ack(vcpu);

	if (vector < 0)
		return false;
	vcpu->injected = (struct ferry_event_state){ .type = FERRY_EVENT_EXTINT, .vector = vector };
	vcpu->count.irq_injected++;
	return true;
}

/**
 * ferry_take_event() - the event that comes before the next instruction, for who delivers it himself
 * @vcpu: the vCPU; preemption may be on
 *
 * In the order of prepare_events(), into vcpu->injected. A triple fault (vector 0xff) stays in
 * vcpu->pending: it is no delivery.
 *
 * Return: whether there is one.
 */
bool ferry_take_event(struct ferry_vcpu *vcpu)
{
	if (vcpu->injected.type)
		return true;
	if (vcpu->pending.type) {
		if (vcpu->pending.vector == 0xff)
			return false;
		take_exception(vcpu);
		return true;
	}
	if (ferry_backend->get_shadow(vcpu))
		return false;
	if (atomic_read(&vcpu->nmi_pending) && !ferry_backend->get_nmi_mask(vcpu)) {
		take_nmi(vcpu);
		return true;
	}
	return (vcpu->rflags & X86_EFLAGS_IF) && ferry_irq_peek(vcpu) >= 0 && take_irq(vcpu);
}

/*
 * Put at most one event into the entry, and ask for a window where something must wait.
 * Order: a delivery that was interrupted, then exceptions, NMI, interrupts (SDM 6.9).
 */
static void prepare_events(struct ferry_vcpu *vcpu)
{
	const struct ferry_backend *hw = ferry_backend;
	bool want_irq = false, want_nmi = false;

	if (vcpu->injected.type) {
		hw->inject(vcpu, &vcpu->injected);
	} else if (vcpu->pending.type) {
		take_exception(vcpu);
		hw->inject(vcpu, &vcpu->injected);
	}
	if (atomic_read(&vcpu->nmi_pending)) {
		if (!vcpu->injected.type && hw->can_inject(vcpu, FERRY_EVENT_NMI)) {
			take_nmi(vcpu);
			hw->inject(vcpu, &vcpu->injected);
		}
		want_nmi = atomic_read(&vcpu->nmi_pending);
	}
	if (ferry_irq_peek(vcpu) >= 0) {
		if ((!vcpu->injected.type && hw->can_inject(vcpu, FERRY_EVENT_EXTINT)) ||
		    halt_is_over(vcpu)) {
			if (take_irq(vcpu))
				hw->inject(vcpu, &vcpu->injected);
			want_irq = ferry_irq_peek(vcpu) >= 0;
		} else {
			want_irq = true;
		}
	}
	hw->request_window(vcpu, want_irq, want_nmi);
	hw->set_cr8(vcpu, ferry_lapic_get_cr8(vcpu), ferry_lapic_highest_irr(vcpu));
}

/* Requests that can be served with interrupts off. false: the section must be left. */
static bool serve_requests(struct ferry_vcpu *vcpu)
{
	unsigned long stay = BIT(FERRY_REQ_EVENT) | BIT(FERRY_REQ_FLUSH_GUEST) |
			     BIT(FERRY_REQ_FLUSH_NESTED);

	if (READ_ONCE(vcpu->requests) & ~stay)
		return false;
	clear_bit(FERRY_REQ_EVENT, &vcpu->requests);
	if (test_and_clear_bit(FERRY_REQ_FLUSH_NESTED, &vcpu->requests)) {
		ferry_backend->flush_nested(vcpu);
		vcpu->count.tlb_flushes++;
	}
	if (test_and_clear_bit(FERRY_REQ_FLUSH_GUEST, &vcpu->requests)) {
		ferry_backend->flush_guest(vcpu);
		vcpu->count.tlb_flushes++;
	}
	smp_mb__after_atomic();
	return true;
}

/* ---------------------------------------------------------------- run section */

/*
 * Does work wait for this thread that the kernel does on the way to userspace and nowhere else? Limits and
 * timers of CPU time are kept by it, and NUMA balancing. (rseq sets the flag at each preemption, without work.)
 */
static bool has_task_work(void)
{
	return test_thread_flag(TIF_NOTIFY_RESUME) && READ_ONCE(current->task_works);
}

static bool host_wants_cpu(void)
{
	return need_resched() || signal_pending(current) || has_task_work() || local_softirq_pending();
}

static void leave_error(struct ferry_vcpu *vcpu, u32 reason)
{
	vcpu->run->exit_reason = reason;
	vcpu->run->rip = vcpu->rip;
}

/*
 * Enter the guest until something needs this CPU, a sleepable context or userspace.
 * RESUME: come back after scheduling. NEXT_STAGE: vcpu->exit waits for the sleepable stage.
 */
static enum ferry_next run_section(struct ferry_vcpu *vcpu)
{
	const struct ferry_backend *hw = ferry_backend;
	enum ferry_next next = FERRY_RESUME;
	int cpu;

	ferry_fpu_begin(vcpu); /* preemption off from here */
	cpu = smp_processor_id();
	local_irq_disable();
	if (hw->cpu_enable()) {
		leave_error(vcpu, FERRY_EXIT_HARDWARE_TAKEN);
		next = FERRY_TO_USER;
		goto out_fpu;
	}
	ferry_host_loaded(true);
	WRITE_ONCE(vcpu->cpu, cpu);
	hw->load(vcpu, cpu);
	if (vcpu->last_cpu != cpu)
		vcpu->count.cpu_switches++;
	vcpu->last_cpu = cpu;
	if (ferry_npt_needs_flush(vcpu, cpu))
		hw->flush_nested(vcpu);
	if (ferry_clock_load(vcpu, cpu))
		ferry_request(vcpu, FERRY_REQ_CLOCK);

	while (next == FERRY_RESUME && !host_wants_cpu()) {
		/* Pairs with ferry_request(): after this, whoever sets a bit sends an IPI. */
		smp_store_mb(vcpu->where, FERRY_IN_GUEST);
		if (READ_ONCE(vcpu->requests) && !serve_requests(vcpu))
			break;
		if (vcpu->pending.type && vcpu->pending.vector == 0xff) {
			vcpu->pending.type = FERRY_EVENT_NONE;
			leave_error(vcpu, FERRY_EXIT_SHUTDOWN);
			next = FERRY_TO_USER;
			break;
		}
		if (unlikely(ferry_must_emulate(vcpu))) {
			WRITE_ONCE(vcpu->where, FERRY_IN_SECTION);
			vcpu->exit.kind = FERRY_XK_EMULATE;
			vcpu->count.exits[FERRY_XK_EMULATE]++;
			if (hw->leave)
				hw->leave(vcpu);
			local_irq_enable();
			next = ferry_handle_exit(vcpu, FERRY_STAGE_SECTION);
			local_irq_disable();
			continue;
		}
		prepare_events(vcpu);
		if (hw->host_changed)
			hw->host_changed(vcpu);
		ferry_xcr0_load(vcpu);
		do {
			trace_ferry_entry(vcpu->id, vcpu->rip);
			if (hw->enter(vcpu)) {
				leave_error(vcpu, FERRY_EXIT_HARDWARE_TAKEN);
				next = FERRY_TO_USER;
				break;
			}
			vcpu->count.entries++;
			vcpu->injected.type = FERRY_EVENT_NONE;
			hw->decode(vcpu, &vcpu->exit);
			vcpu->count.exits[vcpu->exit.kind]++;
			trace_ferry_exit(vcpu->id, vcpu->exit.kind, vcpu->exit.code, vcpu->rip,
					 vcpu->exit.info1, vcpu->exit.info2);
			next = ferry_handle_exit(vcpu, FERRY_STAGE_IRQSOFF);
			/*
			 * Straight back in if nothing has happened that an entry must know of.
			 * A host interrupt that came meanwhile ends the next run at once.
			 */
		} while (next == FERRY_RESUME && vcpu->exit.kind != FERRY_XK_INTR &&
			 !READ_ONCE(vcpu->requests) && !vcpu->injected.type && !vcpu->pending.type);
		if (hw->leave)
			hw->leave(vcpu);
		ferry_xcr0_restore(vcpu);
		WRITE_ONCE(vcpu->where, FERRY_IN_SECTION);
		local_irq_enable(); /* delivers what is pending */
		if (next == FERRY_NEXT_STAGE)
			next = ferry_handle_exit(vcpu, FERRY_STAGE_SECTION);
		local_irq_disable();
	}
	WRITE_ONCE(vcpu->where, FERRY_OUTSIDE);
	hw->put(vcpu);
	WRITE_ONCE(vcpu->cpu, -1);
	hw->cpu_disable();
	ferry_host_loaded(false);
out_fpu:
	local_irq_enable();
	ferry_fpu_end(vcpu);
	return next;
}

/* ----------------------------------------------------- what may sleep, waiting */

static void start_at_sipi(struct ferry_vcpu *vcpu, u8 vector)
{
	struct ferry_segment cs;

	ferry_get_segment(vcpu, FERRY_SEG_CS, &cs);
	cs.selector = vector << 8;
	cs.base = vector << 12;
	ferry_set_segment(vcpu, FERRY_SEG_CS, &cs);
	vcpu->rip = 0;
	WRITE_ONCE(vcpu->mp_state, FERRY_MP_RUNNABLE);
}

static void serve_slow_requests(struct ferry_vcpu *vcpu)
{
	clear_bit(FERRY_REQ_LEAVE, &vcpu->requests);
	if (test_bit(FERRY_REQ_INIT, &vcpu->requests)) {
		ferry_vcpu_reset(vcpu, true);
		WRITE_ONCE(vcpu->mp_state, vcpu->id ? FERRY_MP_WAIT_SIPI : FERRY_MP_RUNNABLE);
		smp_mb__before_atomic(); /* a SIPI sees one of the two */
		clear_bit(FERRY_REQ_INIT, &vcpu->requests);
	}
	if (test_and_clear_bit(FERRY_REQ_CLOCK, &vcpu->requests))
		ferry_clock_update(vcpu);
	if (vcpu->mp_state == FERRY_MP_WAIT_SIPI) {
		int vector = xchg(&vcpu->sipi_vector, -1);

		if (vector >= 0)
			start_at_sipi(vcpu, vector);
	}
}

static bool wakes_from_halt(struct ferry_vcpu *vcpu)
{
	if (vcpu->injected.type || vcpu->pending.type || atomic_read(&vcpu->nmi_pending))
		return true;
	return (vcpu->rflags & BIT_ULL(9)) && ferry_irq_pending(vcpu);
}

static bool may_run(struct ferry_vcpu *vcpu)
{
	if (vcpu->mp_state == FERRY_MP_HALTED && wakes_from_halt(vcpu))
		WRITE_ONCE(vcpu->mp_state, FERRY_MP_RUNNABLE);
	return vcpu->mp_state == FERRY_MP_RUNNABLE;
}

static bool has_work(struct ferry_vcpu *vcpu)
{
	if (atomic_read(&vcpu->vm->hold) || READ_ONCE(vcpu->run->immediate_exit))
		return true;
	if (READ_ONCE(vcpu->requests) & (BIT(FERRY_REQ_INIT) | BIT(FERRY_REQ_LEAVE)))
		return true;
	if (vcpu->mp_state == FERRY_MP_WAIT_SIPI)
		return READ_ONCE(vcpu->sipi_vector) >= 0;
	return may_run(vcpu);
}

static void end_busy(struct ferry_vcpu *vcpu)
{
	/* Everything this thread did to the guest is visible to who saw busy clear. */
	smp_store_release(&vcpu->busy, false);
	smp_mb();
	if (wq_has_sleeper(&vcpu->vm->stop_wq))
		wake_up_all(&vcpu->vm->stop_wq);
}

static void begin_busy(struct ferry_vcpu *vcpu)
{
	smp_store_mb(vcpu->busy, true); /* before reading hold; see ferry_vm_stop() */
}

/* vm->hold is set: wait it out if it is short, else tell userspace. 0, 1 to userspace, -EINTR. */
static int wait_held(struct ferry_vcpu *vcpu, int hold)
{
	struct ferry_vm *vm = vcpu->vm;
	int ret;

	if (hold & FERRY_HOLD_FENCED) {
		leave_error(vcpu, FERRY_EXIT_FENCED);
		return 1;
	}
	if (hold & (FERRY_HOLD_PAUSED | FERRY_HOLD_MIGRATE)) {
		leave_error(vcpu, FERRY_EXIT_PAUSED);
		return 1;
	}
	end_busy(vcpu);
	ret = wait_event_interruptible(vcpu->wq, atomic_read(&vm->hold) != FERRY_HOLD_STOP);
	begin_busy(vcpu);
	return ret ? -EINTR : 0;
}

static int run_loop(struct ferry_vcpu *vcpu)
{
	enum ferry_next next;
	int hold, ret;

	if (ferry_emulation_busy(vcpu) && ferry_emulate_complete(vcpu) == FERRY_TO_USER)
		return 0;
	for (;;) {
		hold = atomic_read(&vcpu->vm->hold);
		if (hold) {
			ret = wait_held(vcpu, hold);
			if (ret)
				return ret < 0 ? ret : 0;
			continue;
		}
		if (signal_pending(current) || READ_ONCE(vcpu->run->immediate_exit))
			return -EINTR;
		if (has_task_work()) {
			/* A signal that is none, as the freezer's: with no other by then, the call goes on. */
			set_thread_flag(TIF_SIGPENDING);
			return -ERESTARTSYS;
		}
		serve_slow_requests(vcpu);
		if (!may_run(vcpu)) {
			if (wait_event_interruptible(vcpu->wq, has_work(vcpu)))
				return -EINTR;
			continue;
		}
		next = run_section(vcpu);
		if (next == FERRY_NEXT_STAGE)
			next = ferry_handle_exit(vcpu, FERRY_STAGE_SLEEP);
		if (next == FERRY_TO_USER)
			return 0;
		cond_resched();
	}
}

static long vcpu_run(struct ferry_vcpu *vcpu)
{
	int ret;

	if (cmpxchg(&vcpu->running, 0, 1))
		return -EBUSY;
	if (mutex_lock_killable(&vcpu->lock)) {
		smp_store_release(&vcpu->running, 0);
		return -EINTR;
	}
	vcpu->run->exit_reason = FERRY_EXIT_NONE;
	begin_busy(vcpu);
	if (unlikely(vcpu->unsettled))
		ferry_settle_state(vcpu);
	ret = run_loop(vcpu);
	end_busy(vcpu);
	if (!ret && vcpu->run->exit_reason == FERRY_EXIT_HARDWARE_TAKEN)
		ferry_host_taken();
	if (ret == -EINTR || ret == -ERESTARTSYS)
		leave_error(vcpu, FERRY_EXIT_INTR);
	else
		vcpu->count.user_exits++;
	mutex_unlock(&vcpu->lock);
	smp_store_release(&vcpu->running, 0);
	return ret;
}

/* ----------------------------------------------------------------------- file */

static long vcpu_ioctl_run(void *object, void *arg)
{
	return vcpu_run(object);
}

static long vcpu_ioctl_nmi(void *object, void *arg)
{
	ferry_vcpu_signal_nmi(object);
	return 0;
}

/* Calls that read or write the state of a vCPU that is not running. */
static long vcpu_ioctl_translate(void *object, void *arg)
{
	struct ferry_vcpu *vcpu = object;
	long ret;

	if (!mutex_trylock(&vcpu->lock))
		return -EBUSY;
	ret = ferry_translate(vcpu, arg);
	mutex_unlock(&vcpu->lock);
	return ret;
}

static long vcpu_ioctl_get_state(void *object, void *arg)
{
	struct ferry_vcpu *vcpu = object;

	return ferry_state_ioctl(vcpu->vm, vcpu, arg, false);
}

static long vcpu_ioctl_set_state(void *object, void *arg)
{
	struct ferry_vcpu *vcpu = object;

	return ferry_state_ioctl(vcpu->vm, vcpu, arg, true);
}

static const struct ferry_ioctl vcpu_ioctls[] = {
	FERRY_IOCTL(FERRY_RUN, struct ferry_vcpu_run, 0, 0, vcpu_ioctl_run),
	FERRY_IOCTL(FERRY_NMI, struct ferry_nmi, 0, 0, vcpu_ioctl_nmi),
	FERRY_IOCTL(FERRY_TRANSLATE, struct ferry_translate,
		    FERRY_TRANSLATE_WRITE | FERRY_TRANSLATE_FETCH | FERRY_TRANSLATE_USER,
		    FERRY_IOC_OUT, vcpu_ioctl_translate),
	FERRY_IOCTL(FERRY_GET_STATE, struct ferry_state, 0, FERRY_IOC_OUT, vcpu_ioctl_get_state),
	FERRY_IOCTL(FERRY_SET_STATE, struct ferry_state, 0, 0, vcpu_ioctl_set_state),
};

/* FERRY_RUN as everybody calls it, as the first eight bytes of its struct: size, no flags. */
#define PLAIN_RUN ((u64)sizeof(struct ferry_vcpu_run))

static long vcpu_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	u64 head;

	/* Behind every exit to userspace: one load says what the dispatcher would find out. */
	if (cmd == FERRY_RUN && !get_user(head, (u64 __user *)arg) && head == PLAIN_RUN)
		return vcpu_run(file->private_data);
	return ferry_ioctl_dispatch(vcpu_ioctls, ARRAY_SIZE(vcpu_ioctls), file->private_data, cmd,
				    arg);
}

static vm_fault_t run_page_fault(struct vm_fault *vmf)
{
	struct ferry_vcpu *vcpu = vmf->vma->vm_file->private_data;

	if (vmf->pgoff)
		return VM_FAULT_SIGBUS;
	get_page(vcpu->run_page);
	vmf->page = vcpu->run_page;
	return 0;
}

static const struct vm_operations_struct run_page_ops = {
	.fault = run_page_fault,
};

static int vcpu_mmap(struct file *file, struct vm_area_struct *vma)
{
	if (vma->vm_pgoff || vma_pages(vma) != 1 || !(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	vma->vm_ops = &run_page_ops;
	return 0;
}

static int vcpu_release(struct inode *inode, struct file *file)
{
	struct ferry_vcpu *vcpu = file->private_data;

	ferry_vm_put(vcpu->vm);
	return 0;
}

static const struct file_operations vcpu_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = vcpu_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = vcpu_mmap,
	.release = vcpu_release,
	.llseek = noop_llseek,
};

/* --------------------------------------------------------- creation and reset */

/**
 * ferry_vcpu_reset() - power-up or INIT state (SDM 9.1, table 9-1; APM 14.1)
 * @vcpu: the vCPU
 * @init: an INIT signal: FPU, MSRs, TSC and CR0.CD/NW keep their values
 */
void ferry_vcpu_reset(struct ferry_vcpu *vcpu, bool init)
{
	u64 keep = init ? vcpu->cr0 & (BIT_ULL(30) | BIT_ULL(29)) : BIT_ULL(30) | BIT_ULL(29);

	memset(vcpu->regs, 0, sizeof(vcpu->regs));
	vcpu->regs[FERRY_RDX] = ferry_cpuid_signature(vcpu->vm);
	vcpu->rip = 0xfff0;
	vcpu->rflags = 2;
	vcpu->cr0 = keep | BIT_ULL(4);
	vcpu->cr2 = 0;
	vcpu->cr3 = 0;
	vcpu->cr4 = 0;
	vcpu->efer = 0;
	memset(vcpu->dr, 0, sizeof(vcpu->dr));
	vcpu->dr6 = 0xffff0ff0;
	vcpu->dr7 = 0x400;
	vcpu->injected.type = FERRY_EVENT_NONE;
	vcpu->pending.type = FERRY_EVENT_NONE;
	atomic_set(&vcpu->nmi_pending, 0);
	if (!init) {
		vcpu->xcr0 = 1;
		ferry_fpu_reset(vcpu);
		ferry_msr_reset(vcpu);
		vcpu->sipi_vector = -1;
		WRITE_ONCE(vcpu->mp_state, vcpu->id ? FERRY_MP_WAIT_SIPI : FERRY_MP_RUNNABLE);
	}
	ferry_backend->vcpu_reset(vcpu);
	ferry_backend->update_control(vcpu);
	ferry_backend->update_debug(vcpu);
	ferry_lapic_reset(vcpu, init);
	ferry_backend->flush_guest(vcpu);
}

void ferry_vcpu_destroy(struct ferry_vcpu *vcpu)
{
	ferry_emulation_free(vcpu);
	ferry_lapic_destroy(vcpu);
	ferry_backend->vcpu_exit(vcpu);
	ferry_fpu_free(vcpu);
	__free_page(vcpu->run_page);
	mutex_destroy(&vcpu->lock);
	kfree(vcpu);
}

static struct ferry_vcpu *vcpu_alloc(struct ferry_vm *vm, u32 id)
{
	struct ferry_vcpu *vcpu;
	int ret = -ENOMEM;

	vcpu = kzalloc(sizeof(*vcpu), GFP_KERNEL_ACCOUNT);
	if (!vcpu)
		return ERR_PTR(-ENOMEM);
	vcpu->vm = vm;
	vcpu->id = id;
	vcpu->cpu = -1;
	vcpu->last_cpu = -1;
	vcpu->cpuid = vm->cpuid;
	vcpu->sipi_vector = -1;
	mutex_init(&vcpu->lock);
	init_waitqueue_head(&vcpu->wq);
	vcpu->run_page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!vcpu->run_page)
		goto err_vcpu;
	vcpu->run = page_address(vcpu->run_page);
	ret = ferry_fpu_init(vcpu);
	if (ret)
		goto err_page;
	ret = ferry_backend->vcpu_init(vcpu);
	if (ret)
		goto err_fpu;
	ret = ferry_lapic_init(vcpu);
	if (ret)
		goto err_backend;
	ret = ferry_emulation_init(vcpu);
	if (ret)
		goto err_lapic;
	ferry_clock_vcpu_init(vcpu);
	ferry_vcpu_reset(vcpu, false);
	ferry_backend->update_policy(vcpu);
	return vcpu;

err_lapic:
	ferry_lapic_destroy(vcpu);
err_backend:
	ferry_backend->vcpu_exit(vcpu);
err_fpu:
	ferry_fpu_free(vcpu);
err_page:
	__free_page(vcpu->run_page);
err_vcpu:
	kfree(vcpu);
	return ERR_PTR(ret);
}

/**
 * ferry_vcpu_create() - add a vCPU to a VM
 * @vm: the VM
 * @id: vCPU number
 *
 * Return: file descriptor, or -errno as struct ferry_create_vcpu says.
 */
long ferry_vcpu_create(struct ferry_vm *vm, u32 id)
{
	struct ferry_vcpu *vcpu;
	struct file *file;
	long ret;
	int fd;

	mutex_lock(&vm->lock);
	ret = -EEXIST;
	if (vm->vcpus[id])
		goto out;
	/* A VM that is being sent has told how many it has; an incoming one is still being made. */
	ret = -EBUSY;
	if (ferry_migrate_sending(vm))
		goto out;
	ret = -ENODATA;
	if (!vm->cpuid)
		goto out;
	vcpu = vcpu_alloc(vm, id);
	ret = PTR_ERR(vcpu);
	if (IS_ERR(vcpu))
		goto out;
	fd = get_unused_fd_flags(O_CLOEXEC | O_RDWR);
	ret = fd;
	if (fd < 0)
		goto err_vcpu;
	file = anon_inode_getfile("[ferry-vcpu]", &vcpu_fops, vcpu, O_RDWR);
	ret = PTR_ERR(file);
	if (IS_ERR(file))
		goto err_fd;
	ferry_vm_get(vm);
	smp_store_release(&vm->vcpus[id], vcpu);
	vm->nr_vcpus++;
	mutex_unlock(&vm->lock);
	fd_install(fd, file);
	return fd;

err_fd:
	put_unused_fd(fd);
err_vcpu:
	ferry_vcpu_destroy(vcpu);
out:
	mutex_unlock(&vm->lock);
	return ret;
}
