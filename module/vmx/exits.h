/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every VM exit reason once (SDM vol. 3, appendix C): X(code, NAME, KIND, decoder).
 *
 * KIND is the neutral kind, FERRY_XK_##KIND; decoder names a decode_* function of decode.c that
 * fills in the rest. "insn" stands for an instruction that was not executed: the CPU gives its
 * length.
 */
#ifndef FERRY_VMX_EXITS_H
#define FERRY_VMX_EXITS_H

#define VMX_EXITS(X)                                                                               \
	X(0, EXCEPTION_NMI, EXCEPTION, exception)                                                  \
	X(1, EXTERNAL_INTERRUPT, INTR, nothing)                                                    \
	X(2, TRIPLE_FAULT, SHUTDOWN, nothing)                                                      \
	X(3, INIT, INIT, nothing)                                                                  \
	X(4, SIPI, UNKNOWN, nothing)                                                               \
	X(5, IO_SMI, SMI, nothing)                                                                 \
	X(6, OTHER_SMI, SMI, nothing)                                                              \
	X(7, INTERRUPT_WINDOW, IRQ_WINDOW, nothing)                                                \
	X(8, NMI_WINDOW, NMI_WINDOW, nothing)                                                      \
	X(9, TASK_SWITCH, TASK_SWITCH, nothing)                                                    \
	X(10, CPUID, CPUID, insn)                                                                  \
	X(11, GETSEC, FORBIDDEN, insn)                                                             \
	X(12, HLT, HLT, insn)                                                                      \
	X(13, INVD, INVALIDATE, insn)                                                              \
	X(14, INVLPG, INVLPG, insn)                                                                \
	X(15, RDPMC, RDPMC, insn)                                                                  \
	X(16, RDTSC, RDTSC, insn)                                                                  \
	X(17, RSM, FORBIDDEN, insn)                                                                \
	X(18, VMCALL, HYPERCALL, insn)                                                             \
	X(19, VMCLEAR, FORBIDDEN, insn)                                                            \
	X(20, VMLAUNCH, FORBIDDEN, insn)                                                           \
	X(21, VMPTRLD, FORBIDDEN, insn)                                                            \
	X(22, VMPTRST, FORBIDDEN, insn)                                                            \
	X(23, VMREAD, FORBIDDEN, insn)                                                             \
	X(24, VMRESUME, FORBIDDEN, insn)                                                           \
	X(25, VMWRITE, FORBIDDEN, insn)                                                            \
	X(26, VMXOFF, FORBIDDEN, insn)                                                             \
	X(27, VMXON, FORBIDDEN, insn)                                                              \
	X(28, CR_ACCESS, CR, cr)                                                                   \
	X(29, DR_ACCESS, DR, dr)                                                                   \
	X(30, IO, IO, io)                                                                          \
	X(31, RDMSR, RDMSR, insn)                                                                  \
	X(32, WRMSR, WRMSR, insn)                                                                  \
	X(33, INVALID_GUEST_STATE, ENTRY_FAILED, refusal)                                          \
	X(34, MSR_LOADING, ENTRY_FAILED, refusal)                                                  \
	X(36, MWAIT, MWAIT, insn)                                                                  \
	X(37, MONITOR_TRAP, UNKNOWN, nothing)                                                      \
	X(39, MONITOR, MWAIT, insn)                                                                \
	X(40, PAUSE, PAUSE, insn)                                                                  \
	X(41, ENTRY_MACHINE_CHECK, NMI, nothing) /* served in enter() */                           \
	X(43, TPR_BELOW_THRESHOLD, IRQ_WINDOW, nothing)                                            \
	X(44, APIC_ACCESS, UNKNOWN, nothing)                                                       \
	X(45, VIRTUAL_EOI, UNKNOWN, nothing)                                                       \
	X(46, GDTR_IDTR, DTABLE, insn)                                                             \
	X(47, LDTR_TR, DTABLE, insn)                                                               \
	X(48, EPT_VIOLATION, NESTED_FAULT, ept_violation)                                          \
	X(49, EPT_MISCONFIGURATION, UNKNOWN, nothing) /* our own tables are wrong */               \
	X(50, INVEPT, FORBIDDEN, insn)                                                             \
	X(51, RDTSCP, FORBIDDEN, insn)                                                             \
	X(52, PREEMPTION_TIMER, INTR, nothing) /* the host gets its turn */                        \
	X(53, INVVPID, FORBIDDEN, insn)                                                            \
	X(54, WBINVD, INVALIDATE, insn)                                                            \
	X(55, XSETBV, XSETBV, insn)                                                                \
	X(56, APIC_WRITE, UNKNOWN, nothing)                                                        \
	X(57, RDRAND, FORBIDDEN, insn)                                                             \
	X(58, INVPCID, FORBIDDEN, insn)                                                            \
	X(59, VMFUNC, FORBIDDEN, insn)                                                             \
	X(60, ENCLS, FORBIDDEN, insn)                                                              \
	X(61, RDSEED, FORBIDDEN, insn)                                                             \
	X(62, PML_FULL, LOG_FULL, log_full)                                                        \
	X(63, XSAVES, FORBIDDEN, insn)                                                             \
	X(64, XRSTORS, FORBIDDEN, insn)                                                            \
	X(65, PCONFIG, FORBIDDEN, insn)                                                            \
	X(66, SPP, UNKNOWN, nothing)                                                               \
	X(67, UMWAIT, FORBIDDEN, insn)                                                             \
	X(68, TPAUSE, FORBIDDEN, insn)                                                             \
	X(69, LOADIWKEY, FORBIDDEN, insn)                                                          \
	X(70, ENCLV, FORBIDDEN, insn)                                                              \
	X(74, BUS_LOCK, NONE, nothing)                                                             \
	X(75, NOTIFY, INTR, nothing)                                                               \
	X(76, SEAMCALL, FORBIDDEN, insn) /* these two exit from any privilege level */             \
	X(77, TDCALL, FORBIDDEN, insn)                                                             \
	X(84, RDMSR_IMM, FORBIDDEN, insn)                                                          \
	X(85, WRMSRNS_IMM, FORBIDDEN, insn)

enum vmx_exit_reason {
#define X(code, name, kind, decoder) VMX_REASON_##name = (code),
	VMX_EXITS(X)
#undef X
	VMX_NR_REASONS = 86
};

#define VMX_REASON_BASIC 0xffffU
#define VMX_REASON_ENTRY_FAILED BIT(31)

/*
 * Why an entry was refused, by our own codes far from the CPU's: X(n, NAME, text). The first are
 * SDM 27.3's checks of the guest state, found after the fact; see explain.c.
 */
#define VMX_REFUSALS(X)                                                                            \
	X(0, UNEXPLAINED, "guest state, for a reason that is not on our list")                     \
	X(1, CR0, "CR0 has bits VMX fixes otherwise")                                              \
	X(2, CR0_PG, "CR0.PG without CR0.PE")                                                      \
	X(3, CR4, "CR4 has bits this CPU does not know")                                           \
	X(4, LONG_PAE, "long mode without paging or CR4.PAE")                                      \
	X(5, PCIDE, "CR4.PCIDE outside long mode")                                                 \
	X(6, CR3, "CR3 has bits above the physical address width")                                 \
	X(7, DR7, "DR7 bits 63-32 are not zero")                                                   \
	X(8, EFER, "EFER has bits this CPU does not know")                                         \
	X(9, RFLAGS, "RFLAGS has reserved bits")                                                   \
	X(10, VM_LONG, "RFLAGS.VM in long mode or without CR0.PE")                                 \
	X(11, EVENT_IF, "an interrupt is injected with RFLAGS.IF clear")                           \
	X(12, RIP, "RIP is not an address of this mode")                                           \
	X(13, SEG_V86, "a segment is not as virtual-8086 mode makes it")                           \
	X(14, SEG_TYPE, "a segment register holds a descriptor of the wrong type")                 \
	X(15, SEG_ABSENT, "a segment in use is not present")                                       \
	X(16, SEG_RIGHTS, "reserved access rights, or L and D together")                           \
	X(17, SEG_LIMIT, "a segment's limit and granularity contradict each other")                \
	X(18, SEG_BASE, "a segment base is not an address of this mode")                           \
	X(19, SEG_DPL, "the privilege levels of CS and SS contradict each other")                  \
	X(20, TR, "TR does not hold a busy task state segment")                                    \
	X(21, LDTR, "LDTR does not hold a local descriptor table")                                 \
	X(22, TABLES, "a descriptor table's base or limit is out of range")                        \
	X(23, SHADOW, "the interrupt shadow contradicts RFLAGS or the event")                      \
	X(24, PENDING_DEBUG, "pending debug exceptions contradict RFLAGS.TF")                      \
	X(25, PDPTE, "a page-directory-pointer entry has reserved bits")                           \
	X(26, SYSENTER, "SYSENTER_ESP or SYSENTER_EIP is not canonical")                           \
	X(27, EVENT, "an event that cannot be injected")                                           \
	X(28, CONTROLS, "VMX controls (instruction error 7)")                                      \
	X(29, HOST, "host state (instruction error 8)")                                            \
	X(30, INSTRUCTION, "VMLAUNCH or VMRESUME failed")                                          \
	X(31, MSR_LIST, "an MSR of the entry list")

enum vmx_refusal {
#define X(n, name, text) VMX_REFUSAL_##name = (n),
	VMX_REFUSALS(X)
#undef X
	VMX_NR_REFUSALS
};

#define VMX_REFUSED_BASE 0xfffffffd00000000ULL

#endif /* FERRY_VMX_EXITS_H */
