// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long is the instruction that exited, on CPUs that do not say?
 *
 * The exit tells which instruction it was; what it does not tell is whether prefixes stand before
 * it. So for 64-bit code the bytes at RIP are compared with the bare opcode: if they are equal the
 * length is known for certain. Everything else is left to the decoder, which is right always and
 * ten times as slow.
 *
 * Owns nothing, takes no lock but RCU; any context.
 */
#include <linux/mm.h>
#include <asm/pgtable_types.h>

#include "control.h"
#include "ferry.h"
#include "memory.h"

#define ENTRY_PRESENT 1ULL
#define ENTRY_LARGE BIT_ULL(7)
#define ENTRY_ADDR GENMASK_ULL(51, 12)

/* The opcode without prefixes of each exit that belongs to one instruction. */
static const struct {
	u8 length;
	u8 byte[3];
} bare[FERRY_XK_COUNT] = {
	[FERRY_XK_CPUID] = { 2, { 0x0f, 0xa2 } },
	[FERRY_XK_HLT] = { 1, { 0xf4 } },
	[FERRY_XK_RDMSR] = { 2, { 0x0f, 0x32 } },
	[FERRY_XK_WRMSR] = { 2, { 0x0f, 0x30 } },
	[FERRY_XK_XSETBV] = { 3, { 0x0f, 0x01, 0xd1 } },
	[FERRY_XK_PAUSE] = { 2, { 0xf3, 0x90 } },
};

/* One entry or byte string in guest memory that is present, or NULL; inside an RCU section. */
static __always_inline const void *present(struct ferry_vm *vm, u64 gpa)
{
	struct ferry_region *r = ferry_region_find(vm->mem, gpa >> PAGE_SHIFT);
	struct page *page = r ? ferry_region_page(r, gpa >> PAGE_SHIFT) : NULL;

	return page ? page_address(page) + offset_in_page(gpa) : NULL;
}

/*
 * Linear address to bytes by the guest's 4- or 5-level tables. No rights are checked and no A bit
 * is set: the CPU has just fetched from there. A walk that fails in any way is the decoder's.
 */
static const u8 *code_at(struct ferry_vcpu *vcpu, u64 linear)
{
	int level = vcpu->cr4 & X86_CR4_LA57 ? 5 : 4;
	u64 table = vcpu->cr3 & ENTRY_ADDR, entry;
	const u64 *slot;

	for (; level; level--) {
		int shift = 12 + 9 * (level - 1);

		slot = present(vcpu->vm, table | (linear >> shift & 511) << 3);
		if (!slot)
			return NULL;
		entry = READ_ONCE(*slot);
		if (!(entry & ENTRY_PRESENT))
			return NULL;
		table = entry & ENTRY_ADDR;
		if (level > 1 && level <= 3 && (entry & ENTRY_LARGE))
			return present(vcpu->vm, (table & ~(BIT_ULL(shift) - 1)) |
						 (linear & (BIT_ULL(shift) - 1)));
	}
	return present(vcpu->vm, table | offset_in_page(linear));
}

/**
 * ferry_bare_length() - length of the exiting instruction if it has no prefix
 * @vcpu: the vCPU; vcpu->exit tells which instruction it was
 *
 * Return: the length, 0 if it is not known: ask ferry_insn_length().
 */
u32 ferry_bare_length(struct ferry_vcpu *vcpu)
{
	u32 length = bare[vcpu->exit.kind].length, i;
	const u8 *code;

	if (!length || offset_in_page(vcpu->rip) + length > PAGE_SIZE || !ferry_backend->code64(vcpu))
		return 0;
	rcu_read_lock();
	code = code_at(vcpu, vcpu->rip);
	for (i = 0; code && i < length; i++)
		if (READ_ONCE(code[i]) != bare[vcpu->exit.kind].byte[i])
			code = NULL;
	rcu_read_unlock();
	return code ? length : 0;
}
