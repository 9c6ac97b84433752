/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What SDM vol. 3 appendices A and B number: VMCS fields, execution controls, capability MSRs;
 * and the instructions that use them. Tables first, each name once.
 *
 * Owns nothing, takes no locks.
 */
#ifndef FERRY_VMX_VMCS_H
#define FERRY_VMX_VMCS_H

#include <linux/bug.h>
#include <linux/types.h>
#include <asm/asm.h>

/* Fields (SDM vol. 3, appendix B): X(encoding, NAME). Encoding bits 14:13 are the width. */
#define VMX_FIELDS(X)                                                                              \
	X(0x0000, VPID)                                                                            \
	X(0x0800, GUEST_ES_SELECTOR) /* ES, CS, SS, DS, FS, GS, LDTR, TR: 2 apart */               \
	X(0x0812, PML_INDEX)                                                                       \
	X(0x0c00, HOST_ES_SELECTOR)                                                                \
	X(0x0c02, HOST_CS_SELECTOR)                                                                \
	X(0x0c04, HOST_SS_SELECTOR)                                                                \
	X(0x0c06, HOST_DS_SELECTOR)                                                                \
	X(0x0c08, HOST_FS_SELECTOR)                                                                \
	X(0x0c0a, HOST_GS_SELECTOR)                                                                \
	X(0x0c0c, HOST_TR_SELECTOR)                                                                \
	X(0x2004, MSR_BITMAP)                                                                      \
	X(0x2006, EXIT_MSR_STORE)                                                                  \
	X(0x2008, EXIT_MSR_LOAD)                                                                   \
	X(0x200a, ENTRY_MSR_LOAD)                                                                  \
	X(0x200e, PML_ADDRESS)                                                                     \
	X(0x2010, TSC_OFFSET)                                                                      \
	X(0x2012, VIRTUAL_APIC)                                                                    \
	X(0x201a, EPT_POINTER)                                                                     \
	X(0x202e, ENCLS_BITMAP)                                                                    \
	X(0x2032, TSC_MULTIPLIER)                                                                  \
	X(0x2036, ENCLV_BITMAP)                                                                    \
	X(0x2400, GUEST_PHYSICAL)                                                                  \
	X(0x2800, LINK_POINTER)                                                                    \
	X(0x2802, GUEST_DEBUGCTL)                                                                  \
	X(0x2806, GUEST_EFER)                                                                      \
	X(0x280a, GUEST_PDPTE0) /* and 1 to 3: 2 apart */                                          \
	X(0x2c02, HOST_EFER)                                                                       \
	X(0x4000, PIN_CONTROLS)                                                                    \
	X(0x4002, PRIMARY_CONTROLS)                                                                \
	X(0x4004, EXCEPTIONS)                                                                      \
	X(0x4006, PF_ERROR_MASK)                                                                   \
	X(0x4008, PF_ERROR_MATCH)                                                                  \
	X(0x400a, CR3_TARGETS)                                                                     \
	X(0x400c, EXIT_CONTROLS)                                                                   \
	X(0x400e, EXIT_MSR_STORE_COUNT)                                                            \
	X(0x4010, EXIT_MSR_LOAD_COUNT)                                                             \
	X(0x4012, ENTRY_CONTROLS)                                                                  \
	X(0x4014, ENTRY_MSR_LOAD_COUNT)                                                            \
	X(0x4016, ENTRY_EVENT)                                                                     \
	X(0x4018, ENTRY_ERROR_CODE)                                                                \
	X(0x401a, ENTRY_INSN_LENGTH)                                                               \
	X(0x401c, TPR_THRESHOLD)                                                                   \
	X(0x401e, SECONDARY_CONTROLS)                                                              \
	X(0x4400, INSN_ERROR)                                                                      \
	X(0x4402, EXIT_REASON)                                                                     \
	X(0x4404, EXIT_EVENT)                                                                      \
	X(0x4406, EXIT_ERROR_CODE)                                                                 \
	X(0x4408, VECTORING_EVENT)                                                                 \
	X(0x440a, VECTORING_ERROR_CODE)                                                            \
	X(0x440c, EXIT_INSN_LENGTH)                                                                \
	X(0x4800, GUEST_ES_LIMIT) /* the order of selectors; then GDTR, IDTR */                    \
	X(0x4810, GUEST_GDTR_LIMIT)                                                                \
	X(0x4812, GUEST_IDTR_LIMIT)                                                                \
	X(0x4814, GUEST_ES_RIGHTS)                                                                 \
	X(0x4824, GUEST_INTERRUPTIBILITY)                                                          \
	X(0x4826, GUEST_ACTIVITY)                                                                  \
	X(0x482a, GUEST_SYSENTER_CS)                                                               \
	X(0x482e, PREEMPTION_TIMER)                                                                \
	X(0x4c00, HOST_SYSENTER_CS)                                                                \
	X(0x6000, CR0_MASK)                                                                        \
	X(0x6002, CR4_MASK)                                                                        \
	X(0x6004, CR0_SHADOW)                                                                      \
	X(0x6006, CR4_SHADOW)                                                                      \
	X(0x6400, QUALIFICATION)                                                                   \
	X(0x6800, GUEST_CR0)                                                                       \
	X(0x6802, GUEST_CR3)                                                                       \
	X(0x6804, GUEST_CR4)                                                                       \
	X(0x6806, GUEST_ES_BASE)                                                                   \
	X(0x6816, GUEST_GDTR_BASE)                                                                 \
	X(0x6818, GUEST_IDTR_BASE)                                                                 \
	X(0x681a, GUEST_DR7)                                                                       \
	X(0x681c, GUEST_RSP)                                                                       \
	X(0x681e, GUEST_RIP)                                                                       \
	X(0x6820, GUEST_RFLAGS)                                                                    \
	X(0x6822, GUEST_PENDING_DEBUG)                                                             \
	X(0x6824, GUEST_SYSENTER_ESP)                                                              \
	X(0x6826, GUEST_SYSENTER_EIP)                                                              \
	X(0x6c00, HOST_CR0)                                                                        \
	X(0x6c02, HOST_CR3)                                                                        \
	X(0x6c04, HOST_CR4)                                                                        \
	X(0x6c06, HOST_FS_BASE)                                                                    \
	X(0x6c08, HOST_GS_BASE)                                                                    \
	X(0x6c0a, HOST_TR_BASE)                                                                    \
	X(0x6c0c, HOST_GDTR_BASE)                                                                  \
	X(0x6c0e, HOST_IDTR_BASE)                                                                  \
	X(0x6c10, HOST_SYSENTER_ESP)                                                               \
	X(0x6c12, HOST_SYSENTER_EIP)                                                               \
	X(0x6c14, HOST_RSP)                                                                        \
	X(0x6c16, HOST_RIP)

enum vmx_field {
#define X(code, name) VMX_##name = (code),
	VMX_FIELDS(X)
#undef X
};

/*
 * Controls (SDM vol. 3, tables 25-5 to 25-15): X(bit, NAME, want, text). want: ON and OFF are
 * required, MAY is used where the CPU has it, BOTH is turned on and off as we go and must allow it,
 * ASKED is turned on for a policy that wants it, or where something else is missing.
 */
#define VMX_PIN_CONTROLS(X)                                                                        \
	X(0, INTR_EXIT, ON, "external-interrupt exiting")                                          \
	X(3, NMI_EXIT, ON, "NMI exiting")                                                          \
	X(5, VIRTUAL_NMI, ON, "virtual NMIs")                                                      \
	X(6, TIMER, MAY, "VMX-preemption timer")

#define VMX_PRIMARY_CONTROLS(X)                                                                    \
	X(2, INTR_WINDOW, BOTH, "interrupt-window exiting")                                       \
	X(3, TSC_OFFSETTING, ON, "use TSC offsetting")                                             \
	X(7, HLT_EXIT, ON, "HLT exiting")                                                          \
	X(9, INVLPG_EXIT, OFF, "INVLPG exiting")                                                   \
	X(10, MWAIT_EXIT, ON, "MWAIT exiting")                                                     \
	X(11, RDPMC_EXIT, ON, "RDPMC exiting")                                                     \
	X(12, RDTSC_EXIT, OFF, "RDTSC exiting")                                                    \
	X(15, CR3_LOAD_EXIT, OFF, "CR3-load exiting")                                              \
	X(16, CR3_STORE_EXIT, OFF, "CR3-store exiting")                                            \
	X(19, CR8_LOAD_EXIT, ASKED, "CR8-load exiting")                                            \
	X(20, CR8_STORE_EXIT, ASKED, "CR8-store exiting")                                          \
	X(21, TPR_SHADOW, MAY, "use TPR shadow")                                                   \
	X(22, NMI_WINDOW, BOTH, "NMI-window exiting")                                             \
	X(23, DR_EXIT, ON, "MOV-DR exiting")                                                       \
	X(24, IO_EXIT, ON, "unconditional I/O exiting")                                            \
	X(28, MSR_BITMAPS, ON, "use MSR bitmaps")                                                  \
	X(29, MONITOR_EXIT, ON, "MONITOR exiting")                                                 \
	X(31, SECONDARY, ON, "activate secondary controls")

#define VMX_SECONDARY_CONTROLS(X)                                                                  \
	X(1, EPT, ON, "enable EPT")                                                                \
	X(3, RDTSCP, ASKED, "enable RDTSCP")                                                       \
	X(5, VPID, MAY, "enable VPID")                                                             \
	X(6, WBINVD_EXIT, ON, "WBINVD exiting")                                                    \
	X(7, UNRESTRICTED, MAY, "unrestricted guest")                                              \
	X(12, INVPCID, ASKED, "enable INVPCID")                                                    \
	X(15, ENCLS_EXIT, MAY, "ENCLS exiting")                                                    \
	X(17, PML, ASKED, "enable PML")                                                            \
	X(25, TSC_SCALING, MAY, "use TSC scaling")                                                 \
	X(28, ENCLV_EXIT, MAY, "ENCLV exiting")

#define VMX_EXIT_CONTROLS(X)                                                                       \
	X(2, SAVE_DEBUG, MAY, "save debug controls")                                               \
	X(9, HOST_64, ON, "host address-space size")                                               \
	X(15, ACK_INTR, OFF, "acknowledge interrupt on exit")                                      \
	X(21, LOAD_EFER, MAY, "load IA32_EFER on exit")

#define VMX_ENTRY_CONTROLS(X)                                                                      \
	X(2, LOAD_DEBUG, ON, "load debug controls")                                                \
	X(9, GUEST_64, BOTH, "IA-32e mode guest")                                                 \
	X(15, LOAD_EFER, MAY, "load IA32_EFER on entry")

enum {
#define X(nr, name, want, text) VMX_PIN_##name = 1U << (nr),
	VMX_PIN_CONTROLS(X)
#undef X
#define X(nr, name, want, text) VMX_PRI_##name = 1U << (nr),
	VMX_PRIMARY_CONTROLS(X)
#undef X
#define X(nr, name, want, text) VMX_SEC_##name = 1U << (nr),
	VMX_SECONDARY_CONTROLS(X)
#undef X
#define X(nr, name, want, text) VMX_EXIT_##name = 1U << (nr),
	VMX_EXIT_CONTROLS(X)
#undef X
#define X(nr, name, want, text) VMX_ENTRY_##name = 1U << (nr),
	VMX_ENTRY_CONTROLS(X)
#undef X
};

/* IA32_VMX_EPT_VPID_CAP (SDM vol. 3, A.10) */
#define VMX_CAP_EPT_WALK4 BIT_ULL(6)
#define VMX_CAP_EPT_WB BIT_ULL(14)
#define VMX_CAP_EPT_2M BIT_ULL(16)
#define VMX_CAP_INVEPT BIT_ULL(20)
#define VMX_CAP_EPT_AD BIT_ULL(21)
#define VMX_CAP_INVEPT_SINGLE BIT_ULL(25)
#define VMX_CAP_INVEPT_ALL BIT_ULL(26)
#define VMX_CAP_INVVPID BIT_ULL(32)
#define VMX_CAP_INVVPID_SINGLE BIT_ULL(41)
#define VMX_CAP_INVVPID_ALL BIT_ULL(42)

#define VMX_INV_SINGLE 1
#define VMX_INV_ALL 2

/* EPT pointer (SDM 25.6.11) */
#define VMX_EPTP_WB 6ULL
#define VMX_EPTP_WALK4 (3ULL << 3)
#define VMX_EPTP_AD BIT_ULL(6)

/* Entry, exit and vectoring events share one form (SDM tables 25-17, 25-19, 25-20). */
#define VMX_EVENT_VECTOR 0xffU
#define VMX_EVENT_TYPE (7U << 8)
#define VMX_EVENT_INTR (0U << 8)
#define VMX_EVENT_NMI (2U << 8)
#define VMX_EVENT_EXCEPTION (3U << 8)
#define VMX_EVENT_SOFT_INT (4U << 8)
#define VMX_EVENT_PRIV_SOFT_EXC (5U << 8)
#define VMX_EVENT_SOFT_EXC (6U << 8)
#define VMX_EVENT_HAS_ERROR BIT(11)
#define VMX_EVENT_NMI_UNBLOCKED BIT(12) /* exits only: an IRET had ended NMI blocking */
#define VMX_EVENT_VALID BIT(31)

/* GUEST_INTERRUPTIBILITY (SDM table 25-3) */
#define VMX_BLOCKED_STI BIT(0)
#define VMX_BLOCKED_MOVSS BIT(1)
#define VMX_BLOCKED_SMI BIT(2)
#define VMX_BLOCKED_NMI BIT(3)
#define VMX_BLOCKED_SHADOW (VMX_BLOCKED_STI | VMX_BLOCKED_MOVSS)

#define VMX_PENDING_BS BIT_ULL(14)

/* Access rights (SDM table 25-2): a descriptor's bits 40-47 and 52-55, and one of VMX's own. */
#define VMX_RIGHTS_UNUSABLE BIT(16)

/* Qualification of exits from EPT violations and a full page-modification log (SDM table 28-7) */
#define VMX_EPT_READ BIT(0)
#define VMX_EPT_WRITE BIT(1)
#define VMX_EPT_FETCH BIT(2)
#define VMX_EPT_PERMISSIONS (7U << 3) /* what the entries allowed; none: not present */
#define VMX_EPT_LINEAR BIT(7)
#define VMX_EPT_FINAL BIT(8) /* of the linear address itself, not of a walk for it */
#define VMX_EPT_NMI_UNBLOCKED BIT(12)

/* ----------------------------------------------------------------- instructions */

void vmx_field_failed(u32 field, u64 value, bool write);

/* Fails only for a field this CPU lacks: our own bug. */
static __always_inline u64 vmx_read(u32 field)
{
	u64 value;

	asm volatile("vmread %1, %0" : "=r"(value) : "r"((u64)field) : "cc");
	return value;
}

static __always_inline void vmx_write(u32 field, u64 value)
{
	bool failed;

	asm volatile("vmwrite %2, %1" : "=@ccna"(failed) : "r"((u64)field), "rm"(value));
	if (unlikely(failed))
		vmx_field_failed(field, value, true);
}

static __always_inline bool vmx_vmclear(u64 pa)
{
	bool failed;

	asm volatile("vmclear %1" : "=@ccna"(failed) : "m"(pa) : "memory");
	return failed;
}

static __always_inline bool vmx_vmptrld(u64 pa)
{
	bool failed;

	asm volatile("vmptrld %1" : "=@ccna"(failed) : "m"(pa) : "memory");
	return failed;
}

static __always_inline void vmx_vmxoff(void)
{
	asm volatile("vmxoff" : : : "cc", "memory");
}

/* Faults where firmware forbids VMX on this one CPU. */
static __always_inline bool vmx_vmxon(u64 pa)
{
	asm goto("1: vmxon %0\n\t"
		 "jna %l[failed]\n\t"
		 _ASM_EXTABLE(1b, %l[failed])
		 : : "m"(pa) : "memory", "cc" : failed);
	return false;
failed:
	return true;
}

static inline void vmx_invept(u64 type, u64 eptp)
{
	struct {
		u64 eptp, zero;
	} operand = { eptp, 0 };
	bool failed;

	asm volatile("invept %2, %1" : "=@ccna"(failed) : "r"(type), "m"(operand) : "memory");
	WARN_ON_ONCE(failed);
}

static inline void vmx_invvpid(u64 type, u16 vpid)
{
	struct {
		u64 vpid, linear;
	} operand = { vpid, 0 };
	bool failed;

	asm volatile("invvpid %2, %1" : "=@ccna"(failed) : "r"(type), "m"(operand) : "memory");
	WARN_ON_ONCE(failed);
}

#endif /* FERRY_VMX_VMCS_H */
