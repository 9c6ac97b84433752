/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Virtualisation inside the guest: what SVM (leaf 0x8000000A) and VMX (the
 * capability MSRs) can do beyond being there. They matter to a guest that nests
 * and never block one that does not. Part of feature_list.h.
 *
 * Of the VMX controls the high half of each MSR tells which may be set; where
 * the interesting question is whether one may be clear, it is the low half, and
 * libvirt's name, with a "!", stands for the bit being 0.
 */
/* clang-format off */

CPU_WORD(8000000A_EDX, CPUID, 0x8000000a, 0, EDX)
F(8000000A_EDX,  0, NPT,            AND, TRAP, "npt",              "nested paging")
F(8000000A_EDX,  1, LBRV,           AND, TRAP, "lbrv",             "LBR virtualisation")
F(8000000A_EDX,  2, SVM_LOCK,       AND, MSR,  "svm-lock|~|=",     "SVM can be locked off")
F(8000000A_EDX,  3, NRIPS,          AND, TRAP, "nrip-save|~|=",    "the next RIP is saved at exits")
F(8000000A_EDX,  4, TSC_SCALE,      AND, MSR,  "tsc-scale|~|=",    "TSC scaling")
F(8000000A_EDX,  5, VMCB_CLEAN,     AND, FACT, "vmcb-clean|~|=",   "VMCB clean bits")
F(8000000A_EDX,  6, FLUSHBYASID,    AND, TRAP, "flushbyasid",      "TLB flush of one ASID")
F(8000000A_EDX,  7, DECODEASSISTS,  AND, TRAP, "decodeassists",    "decode assists")
F(8000000A_EDX, 10, PAUSE_FILTER,   AND, TRAP, "pause-filter|pausefilter|=", "PAUSE filter")
F(8000000A_EDX, 12, PFTHRESHOLD,    AND, TRAP, "pfthreshold",      "PAUSE filter threshold")
F(8000000A_EDX, 13, AVIC,           AND, TRAP, "avic",             "virtual interrupt controller")
F(8000000A_EDX, 15, V_VMSAVE_VMLOAD, AND, TRAP,
  "v-vmsave-vmload|~|=", "VMSAVE and VMLOAD without exits")
F(8000000A_EDX, 16, VGIF,           AND, TRAP, "vgif",             "virtual GIF")
F(8000000A_EDX, 17, GMET,           AND, TRAP, "gmet||",           "guest mode execute trap")
F(8000000A_EDX, 18, X2AVIC,         AND, TRAP, "x2avic|=|",        "AVIC in x2APIC mode")
F(8000000A_EDX, 19, SSS_CHECK,      AND, TRAP, "sss-check||",      "supervisor shadow stack check")
F(8000000A_EDX, 20, V_SPEC_CTRL,    AND, TRAP, "v-spec-ctrl|~|",   "SPEC_CTRL is virtualised")
F(8000000A_EDX, 21, RO_GPT, AND, TRAP, "ro-gpt||", "guest page tables may be read-only")
F(8000000A_EDX, 23, H_MCE_OVERRIDE, AND, TRAP, "h-mce-override||", "host machine checks override")
F(8000000A_EDX, 24, TLBSYNC_INT,    AND, TRAP, "tlbsync-int||",    "INVLPGB and TLBSYNC controls")
F(8000000A_EDX, 25, VNMI,           AND, TRAP, "vnmi",             "virtual NMI")
F(8000000A_EDX, 26, IBS_VIRT,       AND, TRAP, "ibs-virt||",       "IBS virtualisation")
F(8000000A_EDX, 27, EXT_LVT_OFFSET, AND, FACT, "ext-lvt-offset||", "extended LVT faults changed")
F(8000000A_EDX, 28, SVME_ADDR_CHK, AND, FACT,
  "svme-addr-chk||=", "VMCB addresses are checked first")
CPU_WORD_END(8000000A_EDX)

CPU_WORD(8000000A_ECX, CPUID, 0x8000000a, 0, ECX)
F(8000000A_ECX,  4, SVM_PML, AND, TRAP, "svm-pml||", "page modification logging")
CPU_WORD_END(8000000A_ECX)

CPU_WORD(MSR_480_HI, MSR, 0x480, 0, EDX)
F(MSR_480_HI, 22, VMX_INS_OUTS, AND, FACT,
  "vmx-ins-outs||=", "exits by INS and OUTS carry information")
F(MSR_480_HI, 23, VMX_TRUE_CTLS, AND, MSR, "vmx-true-ctls||=", "the TRUE control MSRs exist")
F(MSR_480_HI, 24, VMX_ANY_ERRCODE, AND, FACT,
  "vmx-any-errcode||=", "any exception may carry an error code")
F(MSR_480_HI, 26, VMX_NESTED_EXCEPTION, AND, FACT,
  "vmx-nested-exception||=", "nested exception state (FRED)")
CPU_WORD_END(MSR_480_HI)

CPU_WORD(MSR_485_LO, MSR, 0x485, 0, EAX)
F(MSR_485_LO,  5, VMX_STORE_LMA,     AND, FACT, "vmx-store-lma||=",          "exits store EFER.LMA")
F(MSR_485_LO,  6, VMX_ACTIVITY_HLT,  AND, MSR,  "vmx-activity-hlt||=",       "HLT activity state")
F(MSR_485_LO,  7, VMX_ACTIVITY_SHUTDOWN, AND, MSR,
  "vmx-activity-shutdown||=", "shutdown activity state")
F(MSR_485_LO,  8, VMX_ACTIVITY_SIPI, AND, MSR,
  "vmx-activity-wait-sipi||=", "wait-for-SIPI activity state")
F(MSR_485_LO, 29, VMX_VMWRITE_EXIT, AND, MSR,
  "vmx-vmwrite-vmexit-fields||=", "VMWRITE to any field")
F(MSR_485_LO, 30, VMX_ZERO_LEN_INJECT, AND, MSR,
  "vmx-zero-len-inject||=", "injection with instruction length 0")
CPU_WORD_END(MSR_485_LO)

CPU_WORD(MSR_48B_HI, MSR, 0x48b, 0, EDX)
F(MSR_48B_HI,  0, VMX_APICV_XAPIC,  AND, MSR, "vmx-apicv-xapic||=",    "virtualise APIC accesses")
F(MSR_48B_HI,  1, VMX_EPT,          AND, MSR, "vmx-ept|ept|=",         "extended page tables")
F(MSR_48B_HI,  2, VMX_DESC_EXIT, AND, MSR, "vmx-desc-exit||=", "exits by descriptor-table accesses")
F(MSR_48B_HI,  3, VMX_RDTSCP_EXIT,  AND, MSR, "vmx-rdtscp-exit||=",    "RDTSCP can be enabled")
F(MSR_48B_HI,  4, VMX_APICV_X2APIC, AND, MSR, "vmx-apicv-x2apic||=",   "virtualise x2APIC mode")
F(MSR_48B_HI,  5, VMX_VPID,         AND, MSR, "vmx-vpid|vpid|=",       "virtual processor ids")
F(MSR_48B_HI,  6, VMX_WBINVD_EXIT,  AND, MSR, "vmx-wbinvd-exit||=",    "exits by WBINVD")
F(MSR_48B_HI,  7, VMX_UNRESTRICTED, AND, MSR, "vmx-unrestricted-guest||=", "real mode in the guest")
F(MSR_48B_HI,  8, VMX_APICV_REGISTER, AND, MSR,
  "vmx-apicv-register||=", "APIC register virtualisation")
F(MSR_48B_HI,  9, VMX_APICV_VID,    AND, MSR, "vmx-apicv-vid||=",      "virtual interrupt delivery")
F(MSR_48B_HI, 10, VMX_PLE,          AND, MSR, "vmx-ple||=",            "exits by PAUSE loops")
F(MSR_48B_HI, 11, VMX_RDRAND_EXIT,  AND, MSR, "vmx-rdrand-exit||=",    "exits by RDRAND")
F(MSR_48B_HI, 12, VMX_INVPCID_EXIT, AND, MSR, "vmx-invpcid-exit||=",   "INVPCID can be enabled")
F(MSR_48B_HI, 13, VMX_VMFUNC,       AND, MSR, "vmx-vmfunc||=",         "VMFUNC")
F(MSR_48B_HI, 14, VMX_SHADOW_VMCS,  AND, MSR, "vmx-shadow-vmcs||=",    "shadow VMCS")
F(MSR_48B_HI, 15, VMX_ENCLS_EXIT,   AND, MSR, "vmx-encls-exit||=",     "exits by ENCLS")
F(MSR_48B_HI, 16, VMX_RDSEED_EXIT,  AND, MSR, "vmx-rdseed-exit||=",    "exits by RDSEED")
F(MSR_48B_HI, 17, VMX_PML,          AND, MSR, "vmx-pml||=",            "page modification logging")
F(MSR_48B_HI, 18, VMX_EPT_VE,       AND, MSR, "vmx-ept-ve||",          "virtualisation exceptions")
F(MSR_48B_HI, 20, VMX_XSAVES,       AND, MSR, "vmx-xsaves||=",         "XSAVES can be enabled")
F(MSR_48B_HI, 22, VMX_MODE_EXEC, AND, MSR,
  "vmx-mode-based-exec||", "execute permission by guest mode")
F(MSR_48B_HI, 25, VMX_TSC_SCALING,  AND, MSR, "vmx-tsc-scaling||=",    "TSC scaling")
F(MSR_48B_HI, 26, VMX_USER_WAIT, AND, MSR,
  "vmx-enable-user-wait-pause||=", "WAITPKG can be enabled")
CPU_WORD_END(MSR_48B_HI)

CPU_WORD(MSR_48C_LO, MSR, 0x48c, 0, EAX)
F(MSR_48C_LO,  0, VMX_EPT_EXECONLY,  AND, MSR,  "vmx-ept-execonly||=", "execute-only pages in EPT")
F(MSR_48C_LO,  6, VMX_PAGE_WALK_4,   AND, MSR,  "vmx-page-walk-4||=",  "four-level EPT")
F(MSR_48C_LO,  7, VMX_PAGE_WALK_5,   AND, MSR,  "vmx-page-walk-5||=",  "five-level EPT")
F(MSR_48C_LO,  8, VMX_EPT_UC, AND, MSR, "vmx-ept-uc||=", "EPT structures may be uncached")
F(MSR_48C_LO, 14, VMX_EPT_WB, AND, MSR, "vmx-ept-wb||=", "EPT structures may be write-back")
F(MSR_48C_LO, 16, VMX_EPT_2MB,       AND, MSR,  "vmx-ept-2mb||=",      "2 MiB pages in EPT")
F(MSR_48C_LO, 17, VMX_EPT_1GB,       AND, MSR,  "vmx-ept-1gb||=",      "1 GiB pages in EPT")
F(MSR_48C_LO, 20, VMX_INVEPT,        AND, MSR,  "vmx-invept||=",       "INVEPT")
F(MSR_48C_LO, 21, VMX_EPTAD, AND, MSR, "vmx-eptad|ept_ad|=", "accessed and dirty bits in EPT")
F(MSR_48C_LO, 22, VMX_EPT_EXITINFO, AND, FACT,
  "vmx-ept-advanced-exitinfo||=", "advanced EPT exit information")
F(MSR_48C_LO, 25, VMX_INVEPT_SINGLE, AND, MSR,
  "vmx-invept-single-context||=", "INVEPT of one EPT root")
F(MSR_48C_LO, 26, VMX_INVEPT_ALL,    AND, MSR,  "vmx-invept-all-context||=", "INVEPT of everything")
CPU_WORD_END(MSR_48C_LO)

CPU_WORD(MSR_48C_HI, MSR, 0x48c, 0, EDX)
F(MSR_48C_HI,  0, VMX_INVVPID,          AND, MSR, "vmx-invvpid||=",             "INVVPID")
F(MSR_48C_HI,  8, VMX_INVVPID_ADDR, AND, MSR,
  "vmx-invvpid-single-addr||=", "INVVPID of one address")
F(MSR_48C_HI,  9, VMX_INVVPID_SINGLE, AND, MSR,
  "vmx-invvpid-single-context||=", "INVVPID of one VPID")
F(MSR_48C_HI, 10, VMX_INVVPID_ALL, AND, MSR, "vmx-invvpid-all-context||=", "INVVPID of everything")
F(MSR_48C_HI, 11, VMX_INVVPID_NOGLOBAL, AND, MSR,
  "vmx-invvpid-single-context-noglobals||=", "INVVPID but globals")
CPU_WORD_END(MSR_48C_HI)

CPU_WORD(MSR_48D_HI, MSR, 0x48d, 0, EDX)
F(MSR_48D_HI,  0, VMX_INTR_EXIT, AND, MSR, "vmx-intr-exit||=", "exits by external interrupts")
F(MSR_48D_HI,  3, VMX_NMI_EXIT,         AND, MSR, "vmx-nmi-exit||=",         "exits by NMIs")
F(MSR_48D_HI,  5, VMX_VNMI,             AND, MSR, "vmx-vnmi||=",             "virtual NMIs")
F(MSR_48D_HI,  6, VMX_PREEMPTION_TIMER, AND, MSR, "vmx-preemption-timer||=", "preemption timer")
F(MSR_48D_HI,  7, VMX_POSTED_INTR,      AND, MSR, "vmx-posted-intr||=",      "posted interrupts")
CPU_WORD_END(MSR_48D_HI)

CPU_WORD(MSR_48E_LO, MSR, 0x48e, 0, EAX)
F(MSR_48E_LO, 15, VMX_CR3_LOAD_ALWAYS, OR,  FACT,
  "vmx-cr3-load-always||!vmx-cr3-load-noexit", "MOV to CR3 always exits")
F(MSR_48E_LO, 16, VMX_CR3_STORE_ALWAYS, OR,  FACT,
  "vmx-cr3-store-always||!vmx-cr3-store-noexit", "MOV from CR3 always exits")
CPU_WORD_END(MSR_48E_LO)

CPU_WORD(MSR_48E_HI, MSR, 0x48e, 0, EDX)
F(MSR_48E_HI,  2, VMX_VINTR_PENDING,  AND, MSR, "vmx-vintr-pending||=",  "interrupt-window exits")
F(MSR_48E_HI,  3, VMX_TSC_OFFSET,     AND, MSR, "vmx-tsc-offset||=",     "TSC offset")
F(MSR_48E_HI,  7, VMX_HLT_EXIT,       AND, MSR, "vmx-hlt-exit||=",       "exits by HLT")
F(MSR_48E_HI,  9, VMX_INVLPG_EXIT,    AND, MSR, "vmx-invlpg-exit||=",    "exits by INVLPG")
F(MSR_48E_HI, 10, VMX_MWAIT_EXIT,     AND, MSR, "vmx-mwait-exit||=",     "exits by MWAIT")
F(MSR_48E_HI, 11, VMX_RDPMC_EXIT,     AND, MSR, "vmx-rdpmc-exit||=",     "exits by RDPMC")
F(MSR_48E_HI, 12, VMX_RDTSC_EXIT,     AND, MSR, "vmx-rdtsc-exit||=",     "exits by RDTSC")
F(MSR_48E_HI, 19, VMX_CR8_LOAD_EXIT,  AND, MSR, "vmx-cr8-load-exit||=",  "exits by MOV to CR8")
F(MSR_48E_HI, 20, VMX_CR8_STORE_EXIT, AND, MSR, "vmx-cr8-store-exit||=", "exits by MOV from CR8")
F(MSR_48E_HI, 21, VMX_FLEXPRIORITY,   AND, MSR, "vmx-flexpriority|tpr_shadow|=", "TPR shadow")
F(MSR_48E_HI, 22, VMX_VNMI_PENDING,   AND, MSR, "vmx-vnmi-pending||=",   "NMI-window exits")
F(MSR_48E_HI, 23, VMX_MOVDR_EXIT, AND, MSR, "vmx-movdr-exit||=", "exits by debug register moves")
F(MSR_48E_HI, 24, VMX_IO_EXIT,        AND, MSR, "vmx-io-exit||=",        "exits by port accesses")
F(MSR_48E_HI, 25, VMX_IO_BITMAP,      AND, MSR, "vmx-io-bitmap||=",      "port bitmaps")
F(MSR_48E_HI, 27, VMX_MTF,            AND, MSR, "vmx-mtf||=",            "monitor trap flag")
F(MSR_48E_HI, 28, VMX_MSR_BITMAP,     AND, MSR, "vmx-msr-bitmap||=",     "MSR bitmaps")
F(MSR_48E_HI, 29, VMX_MONITOR_EXIT,   AND, MSR, "vmx-monitor-exit||=",   "exits by MONITOR")
F(MSR_48E_HI, 30, VMX_PAUSE_EXIT,     AND, MSR, "vmx-pause-exit||=",     "exits by PAUSE")
F(MSR_48E_HI, 31, VMX_SECONDARY_CTLS, AND, MSR, "vmx-secondary-ctls||=", "secondary controls")
CPU_WORD_END(MSR_48E_HI)

CPU_WORD(MSR_48F_LO, MSR, 0x48f, 0, EAX)
F(MSR_48F_LO,  2, VMX_EXIT_SAVES_DEBUGCTL, OR,  FACT,
  "vmx-exit-saves-debugctl||!vmx-exit-nosave-debugctl", "exits always save DEBUGCTL")
CPU_WORD_END(MSR_48F_LO)

CPU_WORD(MSR_48F_HI, MSR, 0x48f, 0, EDX)
F(MSR_48F_HI, 12, VMX_EXIT_PERF_CTRL, AND, MSR,
  "vmx-exit-load-perf-global-ctrl||=", "exits load PERF_GLOBAL_CTRL")
F(MSR_48F_HI, 15, VMX_EXIT_ACK_INTR, AND, MSR,
  "vmx-exit-ack-intr||=", "exits acknowledge interrupts")
F(MSR_48F_HI, 18, VMX_EXIT_SAVE_PAT,   AND, MSR, "vmx-exit-save-pat||=",  "exits save PAT")
F(MSR_48F_HI, 19, VMX_EXIT_LOAD_PAT,   AND, MSR, "vmx-exit-load-pat||=",  "exits load PAT")
F(MSR_48F_HI, 20, VMX_EXIT_SAVE_EFER,  AND, MSR, "vmx-exit-save-efer||=", "exits save EFER")
F(MSR_48F_HI, 21, VMX_EXIT_LOAD_EFER,  AND, MSR, "vmx-exit-load-efer||=", "exits load EFER")
F(MSR_48F_HI, 22, VMX_EXIT_SAVE_TIMER, AND, MSR,
  "vmx-exit-save-preemption-timer||=", "exits save the timer")
F(MSR_48F_HI, 23, VMX_EXIT_CLEAR_BND,  AND, MSR, "vmx-exit-clear-bndcfgs||=", "exits clear BNDCFGS")
F(MSR_48F_HI, 25, VMX_EXIT_CLEAR_RTIT, AND, MSR,
  "vmx-exit-clear-rtit-ctl||=", "exits clear RTIT_CTL")
F(MSR_48F_HI, 28, VMX_EXIT_LOAD_CET,   AND, MSR, "vmx-exit-load-cet||",   "exits load CET state")
F(MSR_48F_HI, 29, VMX_EXIT_LOAD_PKRS,  AND, MSR, "vmx-exit-load-pkrs||=", "exits load PKRS")
F(MSR_48F_HI, 31, VMX_EXIT_SECONDARY, AND, MSR,
  "vmx-exit-secondary-ctls||=", "secondary exit controls")
CPU_WORD_END(MSR_48F_HI)

CPU_WORD(MSR_490_LO, MSR, 0x490, 0, EAX)
F(MSR_490_LO,  2, VMX_ENTRY_LOADS_DEBUGCTL, OR,  FACT,
  "vmx-entry-loads-debugctl||!vmx-entry-noload-debugctl", "entries always load DEBUGCTL")
CPU_WORD_END(MSR_490_LO)

CPU_WORD(MSR_490_HI, MSR, 0x490, 0, EDX)
F(MSR_490_HI,  9, VMX_ENTRY_IA32E,     AND, MSR, "vmx-entry-ia32e-mode||=",    "64-bit guests")
F(MSR_490_HI, 13, VMX_ENTRY_PERF_CTRL, AND, MSR,
  "vmx-entry-load-perf-global-ctrl||=", "entries load PERF_GLOBAL_CTRL")
F(MSR_490_HI, 14, VMX_ENTRY_LOAD_PAT,  AND, MSR, "vmx-entry-load-pat||=",      "entries load PAT")
F(MSR_490_HI, 15, VMX_ENTRY_LOAD_EFER, AND, MSR, "vmx-entry-load-efer||=",     "entries load EFER")
F(MSR_490_HI, 16, VMX_ENTRY_LOAD_BND, AND, MSR, "vmx-entry-load-bndcfgs||=", "entries load BNDCFGS")
F(MSR_490_HI, 18, VMX_ENTRY_LOAD_RTIT, AND, MSR,
  "vmx-entry-load-rtit-ctl||=", "entries load RTIT_CTL")
F(MSR_490_HI, 20, VMX_ENTRY_LOAD_CET, AND, MSR, "vmx-entry-load-cet||", "entries load CET state")
F(MSR_490_HI, 22, VMX_ENTRY_LOAD_PKRS, AND, MSR, "vmx-entry-load-pkrs||=",     "entries load PKRS")
F(MSR_490_HI, 23, VMX_ENTRY_LOAD_FRED, AND, MSR,
  "vmx-entry-load-fred||=", "entries load FRED state")
CPU_WORD_END(MSR_490_HI)

CPU_WORD(MSR_491_LO, MSR, 0x491, 0, EAX)
F(MSR_491_LO,  0, VMX_EPTP_SWITCHING, AND, MSR,
  "vmx-eptp-switching||=", "VMFUNC switches EPT roots")
CPU_WORD_END(MSR_491_LO)
/* clang-format on */
