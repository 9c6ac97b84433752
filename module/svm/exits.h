/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every #VMEXIT code once (APM vol. 2, appendix C): X(code, NAME, KIND, decoder).
 *
 * KIND is the neutral kind, FERRY_XK_##KIND; decoder names a decode_* function of decode.c that
 * fills in the rest. "insn" stands for an instruction that was not executed: its length is taken
 * from nRIP where the CPU saves it, and only there (nRIP means nothing for other exits).
 */
#ifndef FERRY_SVM_EXITS_H
#define FERRY_SVM_EXITS_H

#define SVM_EXITS(X)                                                                               \
	X(0x000, READ_CR0, CR, cr)                                                                 \
	X(0x002, READ_CR2, CR, cr)                                                                 \
	X(0x003, READ_CR3, CR, cr)                                                                 \
	X(0x004, READ_CR4, CR, cr)                                                                 \
	X(0x008, READ_CR8, CR, cr)                                                                 \
	X(0x010, WRITE_CR0, CR, cr) /* and LMSW, CLTS */                                           \
	X(0x012, WRITE_CR2, CR, cr)                                                                \
	X(0x013, WRITE_CR3, CR, cr)                                                                \
	X(0x014, WRITE_CR4, CR, cr)                                                                \
	X(0x018, WRITE_CR8, CR, cr)                                                                \
	X(0x020, READ_DR0, DR, dr)                                                                 \
	X(0x021, READ_DR1, DR, dr)                                                                 \
	X(0x022, READ_DR2, DR, dr)                                                                 \
	X(0x023, READ_DR3, DR, dr)                                                                 \
	X(0x024, READ_DR4, DR, dr)                                                                 \
	X(0x025, READ_DR5, DR, dr)                                                                 \
	X(0x026, READ_DR6, DR, dr)                                                                 \
	X(0x027, READ_DR7, DR, dr)                                                                 \
	X(0x030, WRITE_DR0, DR, dr)                                                                \
	X(0x031, WRITE_DR1, DR, dr)                                                                \
	X(0x032, WRITE_DR2, DR, dr)                                                                \
	X(0x033, WRITE_DR3, DR, dr)                                                                \
	X(0x034, WRITE_DR4, DR, dr)                                                                \
	X(0x035, WRITE_DR5, DR, dr)                                                                \
	X(0x036, WRITE_DR6, DR, dr)                                                                \
	X(0x037, WRITE_DR7, DR, dr)                                                                \
	X(0x040, EXCEPTION_DE, EXCEPTION, exception)                                               \
	X(0x041, EXCEPTION_DB, EXCEPTION, debug)                                                   \
	X(0x043, EXCEPTION_BP, EXCEPTION, exception)                                               \
	X(0x044, EXCEPTION_OF, EXCEPTION, exception)                                               \
	X(0x045, EXCEPTION_BR, EXCEPTION, exception)                                               \
	X(0x046, EXCEPTION_UD, EXCEPTION, exception)                                               \
	X(0x047, EXCEPTION_NM, EXCEPTION, exception)                                               \
	X(0x048, EXCEPTION_DF, EXCEPTION, exception)                                               \
	X(0x04a, EXCEPTION_TS, EXCEPTION, exception)                                               \
	X(0x04b, EXCEPTION_NP, EXCEPTION, exception)                                               \
	X(0x04c, EXCEPTION_SS, EXCEPTION, exception)                                               \
	X(0x04d, EXCEPTION_GP, EXCEPTION, exception)                                               \
	X(0x04e, EXCEPTION_PF, EXCEPTION, exception)                                               \
	X(0x050, EXCEPTION_MF, EXCEPTION, exception)                                               \
	X(0x051, EXCEPTION_AC, EXCEPTION, exception)                                               \
	X(0x052, EXCEPTION_MC, NMI, nothing) /* the host's machine check; served in enter() */     \
	X(0x053, EXCEPTION_XM, EXCEPTION, exception)                                               \
	X(0x055, EXCEPTION_CP, EXCEPTION, exception)                                               \
	X(0x060, INTR, INTR, nothing)                                                              \
	X(0x061, NMI, NMI, nothing)                                                                \
	X(0x062, SMI, SMI, nothing)                                                                \
	X(0x063, INIT, INIT, nothing)                                                              \
	X(0x064, VINTR, IRQ_WINDOW, vintr)                                                         \
	X(0x065, WRITE_CR0_SELECTIVE, CR, cr0)                                                     \
	X(0x066, READ_IDTR, DTABLE, insn)                                                          \
	X(0x067, READ_GDTR, DTABLE, insn)                                                          \
	X(0x068, READ_LDTR, DTABLE, insn)                                                          \
	X(0x069, READ_TR, DTABLE, insn)                                                            \
	X(0x06a, WRITE_IDTR, DTABLE, insn)                                                         \
	X(0x06b, WRITE_GDTR, DTABLE, insn)                                                         \
	X(0x06c, WRITE_LDTR, DTABLE, insn)                                                         \
	X(0x06d, WRITE_TR, DTABLE, insn)                                                           \
	X(0x06e, RDTSC, RDTSC, insn)                                                               \
	X(0x06f, RDPMC, RDPMC, insn)                                                               \
	X(0x070, PUSHF, NMI_WINDOW, step_stopped)                                                  \
	X(0x071, POPF, NMI_WINDOW, step_stopped)                                                   \
	X(0x072, CPUID, CPUID, insn)                                                               \
	X(0x073, RSM, FORBIDDEN, insn)                                                             \
	X(0x074, IRET, NMI_WINDOW, iret)                                                           \
	X(0x075, SWINT, NMI_WINDOW, step_stopped)                                                  \
	X(0x076, INVD, INVALIDATE, insn)                                                           \
	X(0x077, PAUSE, PAUSE, insn)                                                               \
	X(0x078, HLT, HLT, insn)                                                                   \
	X(0x079, INVLPG, INVLPG, insn)                                                             \
	X(0x07a, INVLPGA, FORBIDDEN, insn)                                                         \
	X(0x07b, IOIO, IO, io)                                                                     \
	X(0x07c, MSR, RDMSR, msr)                                                                  \
	X(0x07d, TASK_SWITCH, TASK_SWITCH, nothing)                                                \
	X(0x07e, FERR_FREEZE, UNKNOWN, nothing)                                                    \
	X(0x07f, SHUTDOWN, SHUTDOWN, shutdown)                                                     \
	X(0x080, VMRUN, FORBIDDEN, insn)                                                           \
	X(0x081, VMMCALL, HYPERCALL, insn)                                                         \
	X(0x082, VMLOAD, FORBIDDEN, insn)                                                          \
	X(0x083, VMSAVE, FORBIDDEN, insn)                                                          \
	X(0x084, STGI, FORBIDDEN, insn)                                                            \
	X(0x085, CLGI, FORBIDDEN, insn)                                                            \
	X(0x086, SKINIT, FORBIDDEN, insn)                                                          \
	X(0x087, RDTSCP, FORBIDDEN, insn) /* intercepted only where the policy hides it */         \
	X(0x088, ICEBP, NMI_WINDOW, step_stopped)                                                  \
	X(0x089, WBINVD, INVALIDATE, insn)                                                         \
	X(0x08a, MONITOR, MWAIT, insn)                                                             \
	X(0x08b, MWAIT, MWAIT, insn)                                                               \
	X(0x08c, MWAIT_ARMED, MWAIT, insn)                                                         \
	X(0x08d, XSETBV, XSETBV, insn)                                                             \
	X(0x08e, RDPRU, FORBIDDEN, insn)                                                           \
	X(0x08f, WRITE_EFER_TRAP, UNKNOWN, nothing)                                                \
	X(0x0a0, INVLPGB, FORBIDDEN, insn)                                                         \
	X(0x0a1, INVLPGB_ILLEGAL, FORBIDDEN, insn)                                                 \
	X(0x0a2, INVPCID, FORBIDDEN, insn) /* intercepted only where the policy hides it */        \
	X(0x0a3, MCOMMIT, FORBIDDEN, insn)                                                         \
	X(0x0a4, TLBSYNC, FORBIDDEN, insn)                                                         \
	X(0x400, NESTED_FAULT, NESTED_FAULT, nested_fault)                                         \
	X(0x401, AVIC_INCOMPLETE_IPI, UNKNOWN, nothing)                                            \
	X(0x402, AVIC_NO_ACCELERATION, UNKNOWN, nothing)                                           \
	X(0x403, VMGEXIT, UNKNOWN, nothing)

enum svm_exit_code {
#define X(code, name, kind, decoder) SVM_EXIT_##name = (code),
	SVM_EXITS(X)
#undef X
};

/* Every code above as an index of one small table. */
#define SVM_EXIT_LOW 0xa8
#define SVM_EXIT_SLOTS (SVM_EXIT_LOW + 4)
#define SVM_EXIT_SLOT(code)                                                                        \
	((code) < SVM_EXIT_LOW		       ? (code) :                                          \
	 (code) >= 0x400 && (code) < 0x404     ? (code) - 0x400 + SVM_EXIT_LOW :                   \
						 SVM_EXIT_SLOTS)

/* VMEXIT_INVALID is -1; only its low half can be relied on. */
#define SVM_EXIT_INVALID 0xffffffffU

/*
 * Entries that were not tried because VMRUN would have refused them (APM 15.5.1), by our own codes
 * far from the CPU's: X(n, NAME, text).
 */
#define SVM_REFUSALS(X)                                                                            \
	X(0, EFER, "EFER has bits this CPU does not know")                                         \
	X(1, CR0_HIGH, "CR0 bits 63-32 are not zero")                                              \
	X(2, CR0_NW, "CR0.NW without CR0.CD")                                                      \
	X(3, CR0_PG, "CR0.PG without CR0.PE")                                                      \
	X(4, CR3, "CR3 has bits above the physical address width")                                 \
	X(5, CR4, "CR4 has bits this CPU does not know")                                           \
	X(6, LONG_PAE, "long mode without CR4.PAE")                                                \
	X(7, CS_L_D, "long mode with CS.L and CS.D")                                               \
	X(8, DR7, "DR7 bits 63-32 are not zero")                                                   \
	X(9, NESTED_CR3, "the nested page table lies above the physical address width")            \
	X(10, PAT, "PAT has a reserved memory type")                                               \
	X(11, EVENT, "an event that cannot be injected")                                           \
	X(12, LOST, "an earlier refused entry destroyed the vCPU's segments")

enum svm_refusal {
#define X(n, name, text) SVM_REFUSAL_##name = (n),
	SVM_REFUSALS(X)
#undef X
	SVM_NR_REFUSALS
};

#define SVM_REFUSED_BASE 0xfffffffe00000000ULL

#endif /* FERRY_SVM_EXITS_H */
