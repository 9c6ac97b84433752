// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's FPU and vector state, in an XSAVE area of our own.
 *
 * kernel_fpu_begin() parks the user's registers and keeps everybody else away; the guest's are
 * loaded right after and live in the registers for the whole run section. It covers neither XCR0
 * nor IA32_XSS: the guest's values are in place only while interrupts are off around entries, so
 * that no interrupt handler that uses the FPU ever sees them. XSS reads 0 to the guest even
 * though XSAVES is hidden, because SVM cannot intercept that instruction and the host's
 * supervisor state must not be readable.
 *
 * Components beyond FERRY_XCR0 (PKRU, AMX, CET) are not offered to guests.
 */
#include <linux/slab.h>
#include <asm/cpufeature.h>
#include <asm/fpu/api.h>
#include <asm/msr.h>

#include "control.h"
#include "ferry.h"
#include "host.h"
#include "lib/cpu/xsave.h"

#define FERRY_XCR0 (BIT_ULL(0) | BIT_ULL(1) | BIT_ULL(2) | XSTATE_AVX512)

struct ferry_fpu {
	u64 mask; /* components the policy offers; 0 without XSAVE on the host */
	u32 length; /* bytes of area in use */
	u8 area[] __aligned(64);
};

static u64 xgetbv0(void)
{
	u32 lo, hi;

	asm volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return lo | (u64)hi << 32;
}

static void xsetbv0(u64 value)
{
	asm volatile("xsetbv" : : "a"((u32)value), "d"((u32)(value >> 32)), "c"(0) : "memory");
}

u64 ferry_host_xcr0(void)
{
	return boot_cpu_has(X86_FEATURE_OSXSAVE) ? xgetbv0() : 3;
}

u64 ferry_fpu_guest_xcr0(void)
{
	return ferry_host_xcr0() & FERRY_XCR0;
}

u64 ferry_host_xss(void)
{
	u64 xss = 0;

	if (boot_cpu_has(X86_FEATURE_XSAVES))
		rdmsrl(MSR_IA32_XSS, xss);
	return xss;
}

/* ----------------------------------------------------------- XCR0 around entries */

/*
 * The host's values do not change while it runs, so they are read once; the first vCPU to come
 * by does it. Racing writers store the same.
 */
static u64 saved_host_xcr0, saved_host_xss;

void ferry_xcr0_load(struct ferry_vcpu *vcpu)
{
	if (vcpu->xcr0_loaded || !vcpu->fpu->mask)
		return;
	if (vcpu->xcr0 != saved_host_xcr0)
		xsetbv0(vcpu->xcr0);
	if (saved_host_xss)
		wrmsrl(MSR_IA32_XSS, 0);
	vcpu->xcr0_loaded = true;
}

/**
 * ferry_xcr0_sync() - learn what the guest made of XCR0
 * @vcpu: the vCPU; irqs off
 *
 * XSETBV is intercepted, and vcpu->xcr0 is what the guest wrote. QEMU's TCG does not honour the
 * intercept (APM 15.9, table 15-7 has it): there the register itself has to be asked. A value the
 * policy does not allow is forgotten, and gone at the next entry.
 */
void ferry_xcr0_sync(struct ferry_vcpu *vcpu)
{
	u64 now;

	if (!vcpu->xcr0_loaded)
		return;
	now = xgetbv0();
	if (unlikely(now != vcpu->xcr0) && ferry_xcr0_valid(vcpu->vm, now)) {
		vcpu->xcr0 = now;
		vcpu->seen_xcr0 |= now;
	}
}

void ferry_xcr0_restore(struct ferry_vcpu *vcpu)
{
	if (!vcpu->xcr0_loaded)
		return;
	ferry_xcr0_sync(vcpu);
	vcpu->xcr0_loaded = false;
	if (xgetbv0() != saved_host_xcr0)
		xsetbv0(saved_host_xcr0);
	if (saved_host_xss)
		wrmsrl(MSR_IA32_XSS, saved_host_xss);
}

/* -------------------------------------------------------------- run section */

/*
 * Without an exception pending, AMD CPUs before Zen do not restore the x87's last pointers: those of
 * whoever used the FPU here last would show in the guest. An instruction of ours overwrites them.
 */
static void forget_x87_pointers(const struct ferry_fpu *fpu)
{
	if (boot_cpu_has_bug(X86_BUG_FXSAVE_LEAK))
		asm volatile("fnclex; emms; fildl %0" : : "m"(fpu->length));
}

static void restore_area(struct ferry_fpu *fpu)
{
	forget_x87_pointers(fpu);
	if (fpu->mask)
		asm volatile("xrstor64 (%0)"
			     :
			     : "r"(fpu->area), "a"((u32)fpu->mask), "d"((u32)(fpu->mask >> 32))
			     : "memory");
	else
		asm volatile("fxrstor64 (%0)" : : "r"(fpu->area) : "memory");
}

static void save_area(struct ferry_fpu *fpu)
{
	if (fpu->mask)
		asm volatile("xsave64 (%0)"
			     :
			     : "r"(fpu->area), "a"((u32)fpu->mask), "d"((u32)(fpu->mask >> 32))
			     : "memory");
	else
		asm volatile("fxsave64 (%0)" : : "r"(fpu->area) : "memory");
}

void ferry_fpu_begin(struct ferry_vcpu *vcpu)
{
	kernel_fpu_begin();
	restore_area(vcpu->fpu);
}

void ferry_fpu_end(struct ferry_vcpu *vcpu)
{
	save_area(vcpu->fpu);
	kernel_fpu_end();
}

/* ------------------------------------------------------------------- object */

int ferry_fpu_init(struct ferry_vcpu *vcpu)
{
	struct ferry_fpu *fpu;
	u32 length = FERRY_MAX_XSAVE;

	/* kmalloc aligns powers of two to their size, and 64 bytes is all XSAVE asks for. */
	fpu = kzalloc(roundup_pow_of_two(sizeof(*fpu) + length), GFP_KERNEL_ACCOUNT);
	if (!fpu)
		return -ENOMEM;
	fpu->length = length;
	if (boot_cpu_has(X86_FEATURE_OSXSAVE)) {
		fpu->mask = ferry_fpu_guest_xcr0() & (vcpu->vm->guest_xcr0 | 3);
		saved_host_xcr0 = ferry_host_xcr0();
		saved_host_xss = ferry_host_xss();
	}
	vcpu->fpu = fpu;
	return 0;
}

void ferry_fpu_free(struct ferry_vcpu *vcpu)
{
	kfree(vcpu->fpu);
	vcpu->fpu = NULL;
}

/* Power-up values (SDM table 9-1): FCW 0x40, MXCSR 0x1f80, everything else in its init state. */
void ferry_fpu_reset(struct ferry_vcpu *vcpu)
{
	struct ferry_fpu *fpu = vcpu->fpu;

	memset(fpu->area, 0, fpu->length);
	*(u16 *)fpu->area = 0x40;
	*(u32 *)(fpu->area + 24) = 0x1f80;
	*(u32 *)(fpu->area + 28) = 0xffff;
	if (fpu->mask)
		*(u64 *)(fpu->area + 512) = 1; /* XSTATE_BV: x87 as above, the rest initial */
}

static u32 used_bytes(struct ferry_vcpu *vcpu)
{
	struct ferry_fpu *fpu = vcpu->fpu;
	struct cpu_xstate x;
	u32 bytes = XSAVE_MIN_SIZE;
	unsigned int i;

	for (i = 2; i < 63; i++) {
		if (!(fpu->mask & BIT_ULL(i)))
			continue;
		if (cpu_xsave_component(ferry_host_policy(), i, &x))
			bytes = max(bytes, x.offset + x.size);
	}
	return min(bytes, fpu->length);
}

int ferry_fpu_get(struct ferry_vcpu *vcpu, struct ferry_state_fpu *out, u32 capacity)
{
	struct ferry_fpu *fpu = vcpu->fpu;
	u32 bytes = used_bytes(vcpu);

	if (capacity < sizeof(*out) + bytes)
		return -ENOSPC;
	memset(out, 0, sizeof(*out));
	out->xfeatures = fpu->mask ?: 3;
	out->length = bytes;
	memcpy(out->xsave, fpu->area, bytes);
	if (!fpu->mask)
		*(u64 *)(out->xsave + 512) = 3;
	return sizeof(*out) + bytes;
}

/*
 * An image from outside: a reserved MXCSR bit, an unknown component or a non-zero header would
 * make XRSTOR fault in the host (SDM vol. 1, 13.8.1), so each is refused here.
 */
int ferry_fpu_set(struct ferry_vcpu *vcpu, const struct ferry_state_fpu *in, u32 length)
{
	struct ferry_fpu *fpu = vcpu->fpu;
	u32 bytes = used_bytes(vcpu), mxcsr;
	u64 bv;

	if (length < sizeof(*in) + XSAVE_MIN_SIZE || in->reserved ||
	    in->length != length - sizeof(*in) || in->length > bytes)
		return -EINVAL;
	memcpy(&bv, in->xsave + 512, sizeof(bv));
	memcpy(&mxcsr, in->xsave + 24, sizeof(mxcsr));
	if (bv & ~(fpu->mask ?: 3))
		return -EINVAL;
	if (memchr_inv(in->xsave + 520, 0, 56))
		return -EINVAL;
	if (mxcsr & ~0xffffu)
		return -EINVAL;
	memset(fpu->area, 0, fpu->length);
	memcpy(fpu->area, in->xsave, in->length);
	return 0;
}

/**
 * ferry_fpu_area() - the guest's registers, for the emulator
 * @vcpu: the vCPU, outside the run section
 * @components: [OUT] what the area holds, in standard form; 0: the legacy region alone
 *
 * What is written there must be what XRSTOR takes: no reserved bit in MXCSR or the header.
 */
u8 *ferry_fpu_area(struct ferry_vcpu *vcpu, u64 *components)
{
	*components = vcpu->fpu->mask;
	return vcpu->fpu->area;
}
