// SPDX-License-Identifier: GPL-2.0-only
/*
 * State groups: one function pair that ioctls, suspend files and the migration stream share.
 *
 * Nothing in a group belongs to one vendor. Values from outside are checked before anything is
 * changed: a group that is refused has left no trace.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "control.h"
#include "ferry.h"
#include "lib/state/settle.h"

#define RFLAGS_KNOWN 0x003f7fd7ULL
#define RFLAGS_FIXED_1 2ULL

/* -------------------------------------------------------------- general, debug */

static int get_general(struct ferry_vcpu *vcpu, void *buf)
{
	struct ferry_state_general *g = buf;

	memcpy(g->gpr, vcpu->regs, sizeof(g->gpr));
	g->rip = vcpu->rip;
	g->rflags = vcpu->rflags;
	return sizeof(*g);
}

static int set_general(struct ferry_vcpu *vcpu, const void *buf)
{
	const struct ferry_state_general *g = buf;

	if (g->rflags & ~RFLAGS_KNOWN)
		return -EINVAL;
	memcpy(vcpu->regs, g->gpr, sizeof(g->gpr));
	vcpu->rip = g->rip;
	vcpu->rflags = g->rflags | RFLAGS_FIXED_1;
	vcpu->unsettled = true;
	return 0;
}

static int get_debug(struct ferry_vcpu *vcpu, void *buf)
{
	struct ferry_state_debug *d = buf;

	memcpy(d->dr, vcpu->dr, sizeof(d->dr));
	d->dr6 = vcpu->dr6;
	d->dr7 = vcpu->dr7;
	return sizeof(*d);
}

static int set_debug(struct ferry_vcpu *vcpu, const void *buf)
{
	const struct ferry_state_debug *d = buf;

	if (d->dr6 >> 32 || d->dr7 >> 32)
		return -EINVAL;
	memcpy(vcpu->dr, d->dr, sizeof(d->dr));
	ferry_set_dr(vcpu, 6, d->dr6);
	ferry_set_dr(vcpu, 7, d->dr7);
	return 0;
}

/* -------------------------------------------------------------------- segments */

static struct x86_mode mode_of(struct ferry_vcpu *vcpu, int cpl)
{
	return (struct x86_mode){
		.cr0 = vcpu->cr0,
		.efer = vcpu->efer,
		.rflags = vcpu->rflags,
		.cpl = cpl,
	};
}

void ferry_get_segment(struct ferry_vcpu *vcpu, unsigned int nr, struct ferry_segment *seg)
{
	bool privileged = nr == FERRY_SEG_CS || nr == FERRY_SEG_SS;
	struct x86_mode mode = mode_of(vcpu, privileged ? ferry_backend->cpl(vcpu) : 0);

	ferry_backend->get_segment(vcpu, nr, seg);
	x86_segment_settle(nr, seg, &mode);
}

void ferry_set_segment(struct ferry_vcpu *vcpu, unsigned int nr, const struct ferry_segment *seg)
{
	struct ferry_segment settled = *seg;

	x86_segment_settle(nr, &settled, NULL);
	ferry_backend->set_segment(vcpu, nr, &settled);
}

/**
 * ferry_settle_state() - make what state groups have brought fit together
 * @vcpu: the vCPU, about to run; its lock is held
 *
 * Segments, events, control and general registers are set one after the other, in any order: only
 * now is it known which mode the segments are for, and whether interrupts are on.
 */
void ferry_settle_state(struct ferry_vcpu *vcpu)
{
	u32 shadow = ferry_backend->get_shadow(vcpu);
	struct ferry_segment seg;
	unsigned int i;

	vcpu->unsettled = false;
	ferry_backend->set_shadow(vcpu, x86_shadow_settle(shadow, vcpu->rflags));
	for (i = 0; i < FERRY_NR_SEGS; i++) {
		ferry_get_segment(vcpu, i, &seg);
		ferry_backend->set_segment(vcpu, i, &seg);
	}
}

static int get_segments(struct ferry_vcpu *vcpu, void *buf)
{
	struct ferry_state_segments *s = buf;
	unsigned int i;

	memset(s, 0, sizeof(*s));
	for (i = 0; i < FERRY_NR_SEGS; i++)
		ferry_get_segment(vcpu, i, &s->seg[i]);
	ferry_backend->get_tables(vcpu, s);
	return sizeof(*s);
}

static int set_segments(struct ferry_vcpu *vcpu, const void *buf)
{
	const struct ferry_state_segments *s = buf;
	unsigned int i;

	if (x86_segments_check(s, ferry_va_bits(vcpu->vm)))
		return -EINVAL;
	for (i = 0; i < FERRY_NR_SEGS; i++)
		ferry_set_segment(vcpu, i, &s->seg[i]);
	ferry_backend->set_tables(vcpu, s);
	vcpu->unsettled = true;
	return 0;
}

/* --------------------------------------------------------------------- control */

static int get_control(struct ferry_vcpu *vcpu, void *buf)
{
	struct ferry_state_control *c = buf;

	*c = (struct ferry_state_control){
		.cr0 = vcpu->cr0,
		.cr2 = vcpu->cr2,
		.cr3 = ferry_visible_cr3(vcpu),
		.cr4 = vcpu->cr4,
		.cr8 = ferry_lapic_get_cr8(vcpu),
		.efer = vcpu->efer,
		.xcr0 = vcpu->xcr0,
	};
	if (ferry_backend->get_pdptes && ferry_pae_paging(c->cr0, c->cr4, c->efer)) {
		c->flags = FERRY_CONTROL_PDPTRS;
		ferry_visible_pdptes(vcpu, c->pdpte);
	}
	return sizeof(*c);
}

static int set_control(struct ferry_vcpu *vcpu, const void *buf)
{
	const struct ferry_state_control *c = buf;
	int ret = ferry_check_control(vcpu, c);

	if (ret)
		return ret;
	ferry_load_control(vcpu, c);
	vcpu->unsettled = true;
	return 0;
}

/* ---------------------------------------------------------------- events and MP */

static int get_events(struct ferry_vcpu *vcpu, void *buf)
{
	struct ferry_state_events *e = buf;

	*e = (struct ferry_state_events){
		.injected = vcpu->injected,
		.pending = vcpu->pending,
		.flags = x86_shadow_settle(ferry_backend->get_shadow(vcpu), vcpu->rflags),
		.nmi_pending = atomic_read(&vcpu->nmi_pending),
	};
	if (ferry_backend->get_nmi_mask(vcpu))
		e->flags |= FERRY_EVENTS_NMI_MASKED;
	return sizeof(*e);
}

/* Vectors that are exceptions a guest can have (SDM table 6-1, APM table 8-1), and those with errors. */
#define EXCEPTIONS 0x000f7dfbU
#define WITH_ERROR 0x00027d00U

static int check_event(const struct ferry_event_state *e)
{
	u32 error = e->flags & FERRY_EVENT_HAS_ERROR ? WITH_ERROR : ~0U;

	if (e->type > FERRY_EVENT_PRIV_SOFT_EXC || e->insn_len > 15 ||
	    (e->flags & ~(FERRY_EVENT_HAS_ERROR | FERRY_EVENT_HAS_PAYLOAD)))
		return -EINVAL;
	switch (e->type) {
	case FERRY_EVENT_NMI:
		return e->vector == 2 ? 0 : -EINVAL;
	case FERRY_EVENT_EXCEPTION:
		return e->vector < 32 && BIT(e->vector) & EXCEPTIONS & error ? 0 : -EINVAL;
	case FERRY_EVENT_SOFT_EXC:
		return e->vector == 3 || e->vector == 4 ? 0 : -EINVAL;
	case FERRY_EVENT_PRIV_SOFT_EXC:
		return e->vector == 1 ? 0 : -EINVAL;
	}
	return 0;
}

static int set_events(struct ferry_vcpu *vcpu, const void *buf)
{
	const struct ferry_state_events *e = buf;
	u32 shadow = FERRY_EVENTS_SHADOW_STI | FERRY_EVENTS_SHADOW_MOVSS;
	/* A triple fault waits as an exception that is none. */
	bool triple = e->pending.type == FERRY_EVENT_EXCEPTION && e->pending.vector == 0xff;

	if (check_event(&e->injected) || (!triple && check_event(&e->pending)) ||
	    e->nmi_pending > 2 || (e->flags & ~(shadow | FERRY_EVENTS_NMI_MASKED)))
		return -EINVAL;
	if (e->pending.type != FERRY_EVENT_NONE && e->pending.type != FERRY_EVENT_EXCEPTION)
		return -EINVAL;
	vcpu->injected = e->injected;
	vcpu->pending = e->pending;
	atomic_set(&vcpu->nmi_pending, e->nmi_pending);
	ferry_backend->set_shadow(vcpu, e->flags & shadow);
	ferry_backend->set_nmi_mask(vcpu, e->flags & FERRY_EVENTS_NMI_MASKED);
	vcpu->unsettled = true;
	return 0;
}

static int get_mp(struct ferry_vcpu *vcpu, void *buf)
{
	struct ferry_state_mp *m = buf;
	int sipi = READ_ONCE(vcpu->sipi_vector);

	*m = (struct ferry_state_mp){
		.state = vcpu->mp_state,
		.sipi_vector = sipi >= 0 ? sipi : 0,
		.sipi_pending = sipi >= 0,
		.init_pending = test_bit(FERRY_REQ_INIT, &vcpu->requests),
	};
	return sizeof(*m);
}

static int set_mp(struct ferry_vcpu *vcpu, const void *buf)
{
	const struct ferry_state_mp *m = buf;

	if (m->state > FERRY_MP_WAIT_SIPI || m->sipi_vector > 0xff || m->init_pending > 1 ||
	    m->sipi_pending > 1 || memchr_inv(m->reserved, 0, sizeof(m->reserved)))
		return -EINVAL;
	WRITE_ONCE(vcpu->mp_state, m->state);
	WRITE_ONCE(vcpu->sipi_vector, m->sipi_pending ? (int)m->sipi_vector : -1);
	if (m->init_pending)
		ferry_request(vcpu, FERRY_REQ_INIT);
	else
		clear_bit(FERRY_REQ_INIT, &vcpu->requests);
	return 0;
}

/* -------------------------------------------------------------------- dispatch */

/* Groups of one fixed size. */
static const struct {
	u32 size;
	int (*get)(struct ferry_vcpu *vcpu, void *buf);
	int (*set)(struct ferry_vcpu *vcpu, const void *buf);
} fixed[FERRY_STATE_VCPU_LAST + 1] = {
#define ROW(group, name)                                                                           \
	[FERRY_STATE_##group] = { sizeof(struct ferry_state_##name), get_##name, set_##name }
	ROW(GENERAL, general), ROW(SEGMENTS, segments), ROW(CONTROL, control),
	ROW(DEBUG, debug),     ROW(EVENTS, events),	ROW(MP, mp),
#undef ROW
};

static bool vm_group(u32 group)
{
	return group >= FERRY_STATE_VM_FIRST && group <= FERRY_STATE_VM_LAST;
}

static bool valid_group(struct ferry_vcpu *vcpu, u32 group)
{
	return vcpu ? group >= FERRY_STATE_GENERAL && group <= FERRY_STATE_VCPU_LAST :
		      vm_group(group);
}

/**
 * ferry_state_get() - read one group
 * @vm: the VM
 * @vcpu: NULL for the VM's groups; else its lock is held
 * @group: FERRY_STATE_*
 * @buf: kernel memory
 * @len: its size
 *
 * Return: bytes used, -EINVAL no such group, -ENOSPC @len too small.
 */
int ferry_state_get(struct ferry_vm *vm, struct ferry_vcpu *vcpu, u32 group, void *buf, u32 len)
{
	if (!valid_group(vcpu, group))
		return -EINVAL;
	switch (group) {
	case FERRY_STATE_MSRS:
		return ferry_msr_save(vcpu, buf, len);
	case FERRY_STATE_FPU:
		return ferry_fpu_get(vcpu, buf, len);
	case FERRY_STATE_CLOCK:
	case FERRY_STATE_VMCLOCK:
		return ferry_clock_get_state(vm, vcpu, group, buf, len);
	case FERRY_STATE_LAPIC:
	case FERRY_STATE_IOAPIC:
	case FERRY_STATE_PIC:
	case FERRY_STATE_PIT:
		return ferry_irqchip_get_state(vm, vcpu, group, buf, len);
	case FERRY_STATE_SEEN:
		return ferry_seen_get(vm, buf, len);
	}
	return len < fixed[group].size ? -ENOSPC : fixed[group].get(vcpu, buf);
}

static int set_msrs(struct ferry_vcpu *vcpu, const struct ferry_state_msrs *in, u32 len)
{
	if (len < sizeof(*in) || in->nr > FERRY_MAX_STATE_MSRS ||
	    len != sizeof(*in) + in->nr * sizeof(in->msr[0]))
		return -EINVAL;
	return ferry_msr_load(vcpu, in);
}

/**
 * ferry_state_set() - write one group; arguments as ferry_state_get()
 * @vm: the VM
 * @vcpu: the vCPU
 * @group: FERRY_STATE_*
 * @buf: kernel memory
 * @len: bytes at @buf
 *
 * Return: 0, or -EINVAL with nothing changed.
 */
int ferry_state_set(struct ferry_vm *vm, struct ferry_vcpu *vcpu, u32 group, const void *buf,
		    u32 len)
{
	if (!valid_group(vcpu, group))
		return -EINVAL;
	if (vcpu)
		ferry_emulation_forget(vcpu);
	switch (group) {
	case FERRY_STATE_MSRS:
		return set_msrs(vcpu, buf, len);
	case FERRY_STATE_FPU:
		return ferry_fpu_set(vcpu, buf, len);
	case FERRY_STATE_CLOCK:
	case FERRY_STATE_VMCLOCK:
		return ferry_clock_set_state(vm, vcpu, group, buf, len);
	case FERRY_STATE_LAPIC:
	case FERRY_STATE_IOAPIC:
	case FERRY_STATE_PIC:
	case FERRY_STATE_PIT:
		return ferry_irqchip_set_state(vm, vcpu, group, buf, len);
	case FERRY_STATE_SEEN:
		return ferry_seen_set(vm, buf, len);
	}
	return len != fixed[group].size ? -EINVAL : fixed[group].set(vcpu, buf);
}

/**
 * ferry_state_ioctl() - FERRY_GET_STATE and FERRY_SET_STATE of both files
 * @vm: the VM
 * @vcpu: NULL for the VM's file
 * @args: the caller's struct
 * @set: FERRY_SET_STATE
 */
long ferry_state_ioctl(struct ferry_vm *vm, struct ferry_vcpu *vcpu, struct ferry_state *args,
		       bool set)
{
	struct mutex *lock = vcpu ? &vcpu->lock : &vm->lock;
	u32 len = min_t(u32, args->length, FERRY_STATE_MAX_BYTES);
	void __user *user = u64_to_user_ptr(args->addr);
	void *buf;
	int ret;

	if (set && args->length > FERRY_STATE_MAX_BYTES)
		return -EINVAL;
	buf = kzalloc(FERRY_STATE_MAX_BYTES, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	/* User memory may take for ever: no lock is held for it. */
	ret = -EFAULT;
	if (set && copy_from_user(buf, user, len))
		goto out;
	ret = -EBUSY;
	if (!vcpu)
		mutex_lock(lock);
	else if (!mutex_trylock(lock))
		goto out;
	ret = set ? ferry_state_set(vm, vcpu, args->group, buf, len) :
		    ferry_state_get(vm, vcpu, args->group, buf, len);
	mutex_unlock(lock);
	if (set || ret < 0)
		goto out;
	args->length = ret;
	ret = copy_to_user(user, buf, ret) ? -EFAULT : 0;
out:
	kfree(buf);
	return ret;
}
