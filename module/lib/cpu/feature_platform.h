/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a platform manages and measures with: power, performance monitoring,
 * tracing, cache and bandwidth control, enclaves, memory encryption, machine
 * checks. No guest of a pool is normally given any of it. Part of
 * feature_list.h, which explains the columns.
 */
/* clang-format off */

CPU_WORD(5_ECX, CPUID, 0x5, 0, ECX)
F(5_ECX,  0, MWAIT_EXT,       EQUAL, TRAP, "mwait-ext||",       "MWAIT takes hints")
F(5_ECX,  1, MWAIT_IRQ_BREAK, EQUAL, TRAP,
  "mwait-irq-break||", "interrupts end MWAIT although IF is 0")
CPU_WORD_END(5_ECX)

CPU_WORD(6_EAX, CPUID, 0x6, 0, EAX)
F(6_EAX,  0, DTHERM,             AND, MSR,  "dtherm|=|",            "digital temperature sensor")
F(6_EAX,  1, TURBO,              AND, MSR,  "turbo|ida|",           "Intel Turbo Boost")
F(6_EAX,  2, ARAT,               AND, FACT, "arat",                 "the APIC timer never stops")
F(6_EAX,  4, PLN,                AND, MSR,  "pln|=|",               "power limit notification")
F(6_EAX,  5, ECMD,               AND, MSR,  "ecmd||",               "finer clock modulation")
F(6_EAX,  6, PTS,                AND, MSR,  "pts|=|",               "package thermal management")
F(6_EAX,  7, HWP,                AND, MSR,  "hwp|=|",               "hardware P-states")
F(6_EAX,  8, HWP_NOTIFY,         AND, MSR,  "hwp-notify|~|",        "HWP interrupt")
F(6_EAX,  9, HWP_ACT_WINDOW,     AND, MSR,  "hwp-act-window|~|",    "HWP activity window")
F(6_EAX, 10, HWP_EPP, AND, MSR, "hwp-epp|~|", "HWP Energy Performance Preference")
F(6_EAX, 11, HWP_PKG_REQ,        AND, MSR,  "hwp-pkg-req|~|",       "HWP Package Level Request")
F(6_EAX, 13, HDC,                AND, MSR,  "hdc||",                "HDC base registers")
F(6_EAX, 14, TURBO_MAX,          AND, MSR,  "turbo-max||",          "Intel Turbo Boost Max 3.0")
F(6_EAX, 15, HWP_HIGHEST_CHANGE, AND, MSR,
  "hwp-highest-change||", "HWP highest performance changes")
F(6_EAX, 16, HWP_PECI_OVERRIDE,  AND, MSR,  "hwp-peci-override||",  "HWP PECI override")
F(6_EAX, 17, HWP_FLEXIBLE,       AND, MSR,  "hwp-flexible||",       "flexible HWP")
F(6_EAX, 18, HWP_FAST,           AND, MSR,  "hwp-fast||",           "fast HWP request MSR")
F(6_EAX, 19, HFI,                AND, MSR,  "hfi|=|",               "hardware feedback interface")
F(6_EAX, 20, HWP_IGNORE_IDLE, AND, MSR, "hwp-ignore-idle||", "idle CPUs' HWP requests are ignored")
F(6_EAX, 22, HWP_CTL,            AND, MSR,  "hwp-ctl||",            "IA32_HWP_CTL MSR")
F(6_EAX, 23, THREAD_DIRECTOR,    AND, MSR,  "thread-director||",    "Intel thread director")
F(6_EAX, 24, THERM_INT_25,       AND, MSR,  "therm-int-25||",       "thermal interrupt bit 25")
CPU_WORD_END(6_EAX)

CPU_WORD(6_ECX, CPUID, 0x6, 0, ECX)
F(6_ECX,  0, APERFMPERF, AND, MSR, "aperfmperf|=|", "MPERF and APERF")
F(6_ECX,  3, EPB,        AND, MSR, "epb|=|",        "IA32_ENERGY_PERF_BIAS MSR")
CPU_WORD_END(6_ECX)

CPU_WORD(6_EDX, CPUID, 0x6, 0, EDX)
F(6_EDX,  0, HFI_PERF,   AND, FACT, "hfi-perf||",   "performance capability reporting")
F(6_EDX,  1, HFI_ENERGY, AND, FACT, "hfi-energy||", "energy efficiency capability reporting")
CPU_WORD_END(6_EDX)

CPU_WORD(9_EAX, CPUID, 0x9, 0, EAX)
F(9_EAX,  0, DCA_ON, AND, FACT, "dca-on||", "DCA is enabled in BIOS")
CPU_WORD_END(9_EAX)

CPU_WORD(A_EBX, CPUID, 0xa, 0, EBX)
F(A_EBX,  0, NO_CORE_CYCLE, OR,  FACT, "no-core-cycle||", "core cycle event not available")
F(A_EBX,  1, NO_INSTRUCTION_RETIRED, OR,  FACT,
  "no-instruction-retired||", "instruction retired event not available")
F(A_EBX,  2, NO_REFERENCE_CYCLES, OR,  FACT,
  "no-reference-cycles||", "reference cycles event not available")
F(A_EBX,  3, NO_LLC_REFERENCE, OR,  FACT, "no-llc-reference||", "LLC-reference event not available")
F(A_EBX,  4, NO_LLC_MISSES, OR,  FACT, "no-llc-misses||", "LLC-misses event not available")
F(A_EBX,  5, NO_BR_INSN_RETIRED, OR,  FACT,
  "no-br-insn-retired||", "branch instruction retired event not available")
F(A_EBX,  6, NO_BR_MISSES_RETIRED, OR,  FACT,
  "no-br-misses-retired||", "branch mispredict retired event not available")
F(A_EBX,  7, NO_TOPDOWN_SLOTS, OR,  FACT, "no-topdown-slots||", "topdown slots event not available")
F(A_EBX,  8, NO_BACKEND_BOUND, OR,  FACT,
  "no-backend-bound||", "topdown backend bound not available")
F(A_EBX,  9, NO_BAD_SPECULATION, OR,  FACT,
  "no-bad-speculation||", "topdown bad speculation not available")
F(A_EBX, 10, NO_FRONTEND_BOUND, OR,  FACT,
  "no-frontend-bound||", "topdown frontend bound not available")
F(A_EBX, 11, NO_RETIRING, OR,  FACT, "no-retiring||", "topdown retiring not available")
F(A_EBX, 12, NO_LBR_INSERTS, OR,  FACT, "no-lbr-inserts||", "LBR inserts not available")
CPU_WORD_END(A_EBX)

CPU_WORD(A_EDX, CPUID, 0xa, 0, EDX)
F(A_EDX, 15, NO_ANYTHREAD, AND, FACT, "no-anythread||", "AnyThread mode deprecation")
CPU_WORD_END(A_EDX)

CPU_WORD(D_1_ECX, CPUID, 0xd, 1, ECX)
F(D_1_ECX,  8, XSS_PT,    SYNTH, MSR, "xss-pt||",    "processor trace state")
F(D_1_ECX, 10, XSS_PASID, SYNTH, MSR, "xss-pasid||", "PASID state")
F(D_1_ECX, 11, XSS_CET_U, SYNTH, MSR, "xss-cet-u||", "CET user state")
F(D_1_ECX, 12, XSS_CET_S, SYNTH, MSR, "xss-cet-s||", "CET supervisor state")
F(D_1_ECX, 13, XSS_HDC,   SYNTH, MSR, "xss-hdc||",   "HDC state")
F(D_1_ECX, 14, XSS_UINTR, SYNTH, MSR, "xss-uintr||", "UINTR state")
F(D_1_ECX, 15, XSS_LBR,   SYNTH, MSR, "xss-lbr||",   "LBR state")
F(D_1_ECX, 16, XSS_HWP,   SYNTH, MSR, "xss-hwp||",   "HWP state")
CPU_WORD_END(D_1_ECX)

CPU_WORD(F_EDX, CPUID, 0xf, 0, EDX)
F(F_EDX,  1, CQM_LLC, EQUAL, MSR, "cqm-llc|~|", "LLC QoS-monitoring")
CPU_WORD_END(F_EDX)

CPU_WORD(F_1_EAX, CPUID, 0xf, 1, EAX)
F(F_1_EAX,  8, CQM_OVERFLOW, EQUAL, MSR, "cqm-overflow||", "counters tell of overflow")
F(F_1_EAX,  9, IO_RDT_CMT,   EQUAL, MSR, "io-rdt-cmt||",   "devices' cache monitoring")
F(F_1_EAX, 10, IO_RDT_MBM,   EQUAL, MSR, "io-rdt-mbm||",   "devices' bandwidth monitoring")
CPU_WORD_END(F_1_EAX)

CPU_WORD(F_1_EDX, CPUID, 0xf, 1, EDX)
F(F_1_EDX,  0, CQM_OCCUP_LLC, EQUAL, MSR, "cqm-occup-llc|~|", "L3 QoS occupancy monitoring")
F(F_1_EDX,  1, CQM_MBM_TOTAL, EQUAL, MSR,
  "cqm-mbm-total|~|mbm_total", "L3 QoS total bandwidth monitoring")
F(F_1_EDX,  2, CQM_MBM_LOCAL, EQUAL, MSR,
  "cqm-mbm-local|~|mbm_local", "L3 QoS local bandwidth monitoring")
CPU_WORD_END(F_1_EDX)

CPU_WORD(10_EBX, CPUID, 0x10, 0, EBX)
F(10_EBX,  1, CAT_L3, EQUAL, MSR, "cat-l3|~|", "L3 Cache Allocation Technology")
F(10_EBX,  2, CAT_L2, EQUAL, MSR, "cat-l2|~|", "L2 Cache Allocation Technology")
F(10_EBX,  3, MBA,    EQUAL, MSR, "mba|=|",    "memory Bandwidth Allocation")
CPU_WORD_END(10_EBX)

CPU_WORD(10_1_ECX, CPUID, 0x10, 1, ECX)
F(10_1_ECX,  1, CAT_INFREQUENT, EQUAL, FACT, "cat-infrequent||", "change classes rarely")
F(10_1_ECX,  2, CDP_L3,         EQUAL, FACT, "cdp-l3|~|",        "code and data apart")
F(10_1_ECX,  3, CAT_SPARSE_1S,  EQUAL, FACT, "cat-sparse-1s||",  "masks with gaps")
CPU_WORD_END(10_1_ECX)

CPU_WORD(10_3_ECX, CPUID, 0x10, 3, ECX)
F(10_3_ECX,  0, PER_THREAD_MBA,   EQUAL, FACT, "per-thread-mba||",   "per-thread MBA controls")
F(10_3_ECX,  2, MBA_DELAY_LINEAR, EQUAL, FACT, "mba-delay-linear||", "delay values are linear")
CPU_WORD_END(10_3_ECX)

CPU_WORD(12_EAX, CPUID, 0x12, 0, EAX)
F(12_EAX,  0, SGX1,               EQUAL, TRAP, "sgx1||=",              "SGX1 leaf functions")
F(12_EAX,  1, SGX2,               EQUAL, TRAP, "sgx2||=",              "SGX2 leaf functions")
F(12_EAX,  5, SGX_ENCLV,          EQUAL, TRAP, "sgx-enclv||",          "ENCLV leaves")
F(12_EAX,  6, SGX_ENCLS,          EQUAL, TRAP, "sgx-encls||",          "ENCLS leaves")
F(12_EAX,  7, SGX_EVERIFYREPORT2, EQUAL, TRAP, "sgx-everifyreport2||", "ENCLU leaf EVERIFYREPORT2")
F(12_EAX, 10, SGX_EUPDATESVN,     EQUAL, TRAP, "sgx-eupdatesvn||",     "ENCLS leaf EUPDATESVN")
F(12_EAX, 11, SGX_EDECCSSA,       EQUAL, TRAP, "sgx-edeccssa||=",      "ENCLU leaf EDECCSSA")
CPU_WORD_END(12_EAX)

CPU_WORD(12_EBX, CPUID, 0x12, 0, EBX)
F(12_EBX,  0, SGX_EXINFO, EQUAL, FACT, "sgx-exinfo||=", "enclaves see #PF and #GP")
F(12_EBX,  1, SGX_CPINFO, EQUAL, FACT, "sgx-cpinfo||",  "enclaves see #CP")
CPU_WORD_END(12_EBX)

CPU_WORD(12_1_EAX, CPUID, 0x12, 1, EAX)
F(12_1_EAX,  0, SGX_INIT,       EQUAL, TRAP, "sgx-init||",          "enclave initialized by EINIT")
F(12_1_EAX,  1, SGX_DEBUG, EQUAL, TRAP, "sgx-debug||=", "enclave permits debugger read/write")
F(12_1_EAX,  2, SGX_MODE64,     EQUAL, TRAP, "sgx-mode64||=",       "enclave runs in 64-bit mode")
F(12_1_EAX,  4, SGX_PROVISIONKEY, EQUAL, TRAP, "sgx-provisionkey||=", "provisioning key")
F(12_1_EAX,  5, SGX_TOKENKEY,   EQUAL, TRAP, "sgx-tokenkey||=",     "EINIT token key")
F(12_1_EAX,  6, SGX_CET,        EQUAL, TRAP, "sgx-cet||",           "CET attributes")
F(12_1_EAX,  7, SGX_KSS,        EQUAL, TRAP, "sgx-kss||=",          "key Separation and Sharing")
F(12_1_EAX, 10, SGX_AEX_NOTIFY, EQUAL, TRAP,
  "sgx-aex-notify||=", "enclave threads: AEX notifications")
CPU_WORD_END(12_1_EAX)

CPU_WORD(14_EBX, CPUID, 0x14, 0, EBX)
F(14_EBX,  0, PT_CR3_FILTERING, EQUAL, MSR, "pt-cr3-filtering||", "CR3 filter")
F(14_EBX,  1, PT_PSB_CYC,       EQUAL, MSR, "pt-psb-cyc||",       "PSB and cycle-accurate mode")
F(14_EBX,  2, PT_IP_FILTERING, EQUAL, MSR,
  "pt-ip-filtering||", "IP filters; MSRs survive a warm reset")
F(14_EBX,  3, PT_MTC_TIMING,    EQUAL, MSR, "pt-mtc-timing||",    "MTC timing packets")
F(14_EBX,  4, PT_PTWRITE,       EQUAL, MSR, "pt-ptwrite||",       "PTWRITE instruction")
F(14_EBX,  5, PT_POWER_EVENT_TRACE, EQUAL, MSR, "pt-power-event-trace||", "power Event Trace")
F(14_EBX,  6, PT_PSB_PMI_PRESERVE, EQUAL, MSR, "pt-psb-pmi-preserve||", "PSB and PMI preservation")
F(14_EBX,  7, PT_EVENT_TRACE,   EQUAL, MSR, "pt-event-trace||",   "event Trace packet generation")
F(14_EBX,  8, PT_TNT_DISABLE,   EQUAL, MSR, "pt-tnt-disable||",   "TNT packet generation disable")
CPU_WORD_END(14_EBX)

CPU_WORD(14_ECX, CPUID, 0x14, 0, ECX)
F(14_ECX,  0, PT_TOPA_OUTPUT, EQUAL, MSR, "pt-topa-output||",            "ToPA output scheme")
F(14_ECX,  1, PT_TOPA_MULTIPLE_ENTRIES, EQUAL, MSR,
  "pt-topa-multiple-entries||", "ToPA tables with several entries")
F(14_ECX,  2, PT_SINGLE_RANGE_OUTPUT, EQUAL, MSR, "pt-single-range-output||", "single-range output")
F(14_ECX,  3, PT_TRACE_TRANSPORT_OUTPUT, EQUAL, MSR,
  "pt-trace-transport-output||", "trace Transport subsystem output")
F(14_ECX, 31, INTEL_PT_LIP,   EQUAL, MSR, "intel-pt-lip||=",             "IPs are linear addresses")
CPU_WORD_END(14_ECX)

CPU_WORD(19_EAX, CPUID, 0x19, 0, EAX)
F(19_EAX,  0, KL_CPL0_ONLY,  EQUAL, CR4, "kl-cpl0-only||",  "CPL0-only key locker restriction")
F(19_EAX,  1, KL_NO_ENCRYPT, EQUAL, CR4, "kl-no-encrypt||", "no-encrypt key locker restriction")
F(19_EAX,  2, KL_NO_DECRYPT, EQUAL, CR4, "kl-no-decrypt||", "no-decrypt key locker restriction")
CPU_WORD_END(19_EAX)

CPU_WORD(19_EBX, CPUID, 0x19, 0, EBX)
F(19_EBX,  0, AESKLE,      EQUAL, CR4, "aeskle||",      "AES key locker instructions")
F(19_EBX,  2, AES_WIDE_KL, EQUAL, CR4, "aes-wide-kl||", "AES wide key locker instructions")
F(19_EBX,  4, KL_MSRS,     EQUAL, CR4, "kl-msrs||",     "key locker MSRs and IWKEY backups")
CPU_WORD_END(19_EBX)

CPU_WORD(19_ECX, CPUID, 0x19, 0, ECX)
F(19_ECX,  0, KL_NO_BACKUP, EQUAL, CR4, "kl-no-backup||", "LOADIWKEY NoBackup parameter")
F(19_ECX,  1, KL_RANDOM,    EQUAL, CR4, "kl-random||",    "IWKEY randomisation")
CPU_WORD_END(19_ECX)

CPU_WORD(1C_EAX, CPUID, 0x1c, 0, EAX)
F(1C_EAX, 30, LBR_C_RESET,   EQUAL, MSR, "lbr-c-reset||",   "deep sleep clears LBRs")
F(1C_EAX, 31, LBR_IP_IS_LIP, EQUAL, MSR, "lbr-ip-is-lip||", "LBRs hold linear addresses")
CPU_WORD_END(1C_EAX)

CPU_WORD(1C_EBX, CPUID, 0x1c, 0, EBX)
F(1C_EBX,  0, LBR_CPL,           EQUAL, MSR, "lbr-cpl||",           "CPL filtering")
F(1C_EBX,  1, LBR_BRANCH_FILTER, EQUAL, MSR, "lbr-branch-filter||", "branch filtering")
F(1C_EBX,  2, LBR_CALL_STACK,    EQUAL, MSR, "lbr-call-stack||",    "call-stack mode")
CPU_WORD_END(1C_EBX)

CPU_WORD(1C_ECX, CPUID, 0x1c, 0, ECX)
F(1C_ECX,  0, LBR_MISPREDICT,  EQUAL, MSR, "lbr-mispredict||",  "branch misprediction bit")
F(1C_ECX,  1, LBR_TIMED_LBR,   EQUAL, MSR, "lbr-timed-lbr||",   "timed LBRs")
F(1C_ECX,  2, LBR_BRANCH_TYPE, EQUAL, MSR, "lbr-branch-type||", "branch type field")
CPU_WORD_END(1C_ECX)

CPU_WORD(20_EBX, CPUID, 0x20, 0, EBX)
F(20_EBX,  0, HRESET_ITD, AND, MSR, "hreset-itd||", "Intel thread director HRESET")
CPU_WORD_END(20_EBX)

CPU_WORD(23_EAX, CPUID, 0x23, 0, EAX)
F(23_EAX,  0, PMU_SUBLEAF_0, EQUAL, FACT, "pmu-subleaf-0||", "sub-leaf 0, this sub-leaf")
F(23_EAX,  1, PMU_COUNTERS_SUBLEAF, EQUAL, FACT,
  "pmu-counters-subleaf||", "sub-leaf 1, PMU counter bitmaps")
F(23_EAX,  2, PMU_ACR_SUBLEAF, EQUAL, FACT,
  "pmu-acr-subleaf||", "sub-leaf 2, Auto Counter Reload bitmaps")
F(23_EAX,  3, PMU_EVENTS_SUBLEAF, EQUAL, FACT,
  "pmu-events-subleaf||", "sub-leaf 3, PMU event bitmaps")
F(23_EAX,  4, PMU_PEBS_CAPS_SUBLEAF, EQUAL, FACT,
  "pmu-pebs-caps-subleaf||", "sub-leaf 4, PEBS capabilities")
F(23_EAX,  5, PMU_PEBS_SUBLEAF, EQUAL, FACT, "pmu-pebs-subleaf||", "sub-leaf 5, Arch PEBS bitmaps")
CPU_WORD_END(23_EAX)

CPU_WORD(23_EBX, CPUID, 0x23, 0, EBX)
F(23_EBX,  0, PMU_UNITMASK2, EQUAL, MSR, "pmu-unitmask2||", "IA32_PERFEVTSELx MSRs UnitMask2 bit")
F(23_EBX,  1, PMU_EQ,        EQUAL, MSR, "pmu-eq||",        "IA32_PERFEVTSELx MSRs EQ bit")
F(23_EBX,  2, PMU_RDPMC_USER_DISABLE, EQUAL, MSR,
  "pmu-rdpmc-user-disable||", "RDPMC userspace disable")
CPU_WORD_END(23_EBX)

CPU_WORD(23_3_EAX, CPUID, 0x23, 3, EAX)
F(23_3_EAX,  0, PMU_CORE_CYCLES_EVT, EQUAL, FACT, "pmu-core-cycles-evt||", "core cycles event")
F(23_3_EAX,  1, PMU_INSN_RETIRED_EVT, EQUAL, FACT,
  "pmu-insn-retired-evt||", "instructions retired event")
F(23_3_EAX,  2, PMU_REF_CYCLES_EVT,  EQUAL, FACT, "pmu-ref-cycles-evt||",  "reference cycles event")
F(23_3_EAX,  3, PMU_LLC_REFS_EVT, EQUAL, FACT,
  "pmu-llc-refs-evt||", "last-level cache references event")
F(23_3_EAX,  4, PMU_LLC_MISSES_EVT, EQUAL, FACT,
  "pmu-llc-misses-evt||", "last-level cache misses event")
F(23_3_EAX,  5, PMU_BR_INSN_RET_EVT, EQUAL, FACT,
  "pmu-br-insn-ret-evt||", "branch instruction retired event")
F(23_3_EAX,  6, PMU_BR_MISPR_EVT, EQUAL, FACT,
  "pmu-br-mispr-evt||", "branch mispredict retired event")
F(23_3_EAX,  7, PMU_TD_SLOTS_EVT,    EQUAL, FACT, "pmu-td-slots-evt||",    "topdown slots event")
F(23_3_EAX,  8, PMU_TD_BACKEND_BOUND_EVT, EQUAL, FACT,
  "pmu-td-backend-bound-evt||", "topdown backend bound event")
F(23_3_EAX,  9, PMU_TD_BAD_SPEC_EVT, EQUAL, FACT,
  "pmu-td-bad-spec-evt||", "topdown bad speculation event")
F(23_3_EAX, 10, PMU_TD_FRONTEND_BOUND_EVT, EQUAL, FACT,
  "pmu-td-frontend-bound-evt||", "topdown frontend bound event")
F(23_3_EAX, 11, PMU_TD_RETIRING_EVT, EQUAL, FACT, "pmu-td-retiring-evt||", "topdown retiring event")
CPU_WORD_END(23_3_EAX)

CPU_WORD(23_4_EBX, CPUID, 0x23, 4, EBX)
F(23_4_EBX,  3, PMU_ALLOW_IN_RECORD, EQUAL, MSR,
  "pmu-allow-in-record||", "ALLOW_IN_RECORD bit in MSRs")
F(23_4_EBX,  4, PMU_COUNTERS_GP, EQUAL, MSR,
  "pmu-counters-gp||", "counters group sub-group general-purpose counters")
F(23_4_EBX,  5, PMU_COUNTERS_FIXED, EQUAL, MSR,
  "pmu-counters-fixed||", "counters group sub-group fixed-function counters")
F(23_4_EBX,  6, PMU_COUNTERS_METRICS, EQUAL, MSR,
  "pmu-counters-metrics||", "counters group sub-group performance metrics")
F(23_4_EBX, 29, PMU_GPR,              EQUAL, MSR, "pmu-gpr||",              "GPR group")
F(23_4_EBX, 30, PMU_AUX,              EQUAL, MSR, "pmu-aux||",              "AUX group")
CPU_WORD_END(23_4_EBX)

CPU_WORD(80000007_EBX, CPUID, 0x80000007, 0, EBX)
F(80000007_EBX,  0, OVERFLOW_RECOV, AND, MSR,
  "overflow-recov|~|=", "machine check overflow is survivable")
F(80000007_EBX,  1, SUCCOR, AND, MSR, "succor", "uncorrectable errors can be contained")
F(80000007_EBX,  2, HW_ASSERT,      AND, MSR, "hw-assert||",        "hardware assert MSRs")
F(80000007_EBX,  3, SMCA,           AND, MSR, "smca|=|",            "scalable machine check MSRs")
CPU_WORD_END(80000007_EBX)

CPU_WORD(8000001A_EAX, CPUID, 0x8000001a, 0, EAX)
F(8000001A_EAX,  0, FP_128,         AND, FACT, "fp-128||",         "128-bit data paths")
F(8000001A_EAX,  1, MOVU_PREFERRED, AND, FACT,
  "movu-preferred||", "MOVU is better than MOVL and MOVH")
F(8000001A_EAX,  2, FP_256,         AND, FACT, "fp-256||",         "256-bit data paths")
CPU_WORD_END(8000001A_EAX)

CPU_WORD(8000001B_EAX, CPUID, 0x8000001b, 0, EAX)
F(8000001B_EAX,  0, IBS_FLAGS,           EQUAL, MSR, "ibs-flags||",           "IBS feature flags")
F(8000001B_EAX,  1, IBS_FETCH_SAMPLING,  EQUAL, MSR, "ibs-fetch-sampling||",  "IBS fetch sampling")
F(8000001B_EAX,  2, IBS_OP_SAMPLING, EQUAL, MSR, "ibs-op-sampling||", "IBS execution sampling")
F(8000001B_EAX,  3, IBS_RDWR_OP_COUNTER, EQUAL, MSR,
  "ibs-rdwr-op-counter||", "IBS read/write of op counter")
F(8000001B_EAX,  4, IBS_OP_COUNT, EQUAL, MSR, "ibs-op-count||", "IBS OP counting mode")
F(8000001B_EAX,  5, IBS_BRANCH_TARGET, EQUAL, MSR,
  "ibs-branch-target||", "IBS branch target address reporting")
F(8000001B_EAX,  6, IBS_OP_COUNTERS_EXT, EQUAL, MSR,
  "ibs-op-counters-ext||", "IBS IbsOpCurCnt/IbsOpMaxCnt extend by 7 bits")
F(8000001B_EAX,  7, IBS_RIP_INVALID_CHK, EQUAL, MSR,
  "ibs-rip-invalid-chk||", "IBS invalid RIP indication")
F(8000001B_EAX,  8, IBS_OP_BRANCH_FUSE, EQUAL, MSR,
  "ibs-op-branch-fuse||", "IBS fused branch micro-op indication")
F(8000001B_EAX,  9, IBS_FETCH_CTL_EXT, EQUAL, MSR,
  "ibs-fetch-ctl-ext||", "IBS Fetch Control Extended MSR")
F(8000001B_EAX, 10, IBS_OP_DATA_4,       EQUAL, MSR, "ibs-op-data-4||",       "IBS op data 4 MSR")
F(8000001B_EAX, 11, IBS_L3_MISS_FILTER, EQUAL, MSR,
  "ibs-l3-miss-filter||", "IBS L3-miss filtering (Zen4+)")
CPU_WORD_END(8000001B_EAX)

CPU_WORD(8000001C_EAX, CPUID, 0x8000001c, 0, EAX)
F(8000001C_EAX,  0, OS_LWP_AVAIL, EQUAL, XCR0, "os-lwp-avail||", "OS: LWP available")
F(8000001C_EAX,  1, OS_LWPVAL,    EQUAL, XCR0, "os-lwpval||",    "OS: LWPVAL instruction")
F(8000001C_EAX,  2, OS_LWP_IRE,   EQUAL, XCR0, "os-lwp-ire||",   "OS: Instructions Retired Event")
F(8000001C_EAX,  3, OS_LWP_BRE,   EQUAL, XCR0, "os-lwp-bre||",   "OS: Branch Retired Event")
F(8000001C_EAX,  4, OS_LWP_DME,   EQUAL, XCR0, "os-lwp-dme||",   "OS: Dcache Miss Event")
F(8000001C_EAX,  5, OS_LWP_CNH,   EQUAL, XCR0, "os-lwp-cnh||",   "OS: CPU Clocks Not Halted event")
F(8000001C_EAX,  6, OS_LWP_RNH, EQUAL, XCR0,
  "os-lwp-rnh||", "OS: CPU Reference clocks Not Halted event")
F(8000001C_EAX, 29, OS_LWP_CONT, EQUAL, XCR0,
  "os-lwp-cont||", "OS: LWP sampling in continuous mode")
F(8000001C_EAX, 30, OS_LWP_PTSC,  EQUAL, XCR0, "os-lwp-ptsc||",  "OS: PTSC in event records")
F(8000001C_EAX, 31, OS_LWP_INT, EQUAL, XCR0, "os-lwp-int||", "OS: Interrupt on threshold overflow")
CPU_WORD_END(8000001C_EAX)

CPU_WORD(8000001C_EDX, CPUID, 0x8000001c, 0, EDX)
F(8000001C_EDX,  0, HW_LWP_AVAIL, EQUAL, XCR0, "hw-lwp-avail||", "HW: LWP available")
F(8000001C_EDX,  1, HW_LWPVAL,    EQUAL, XCR0, "hw-lwpval||",    "HW: LWPVAL available")
F(8000001C_EDX,  2, HW_LWP_IRE,   EQUAL, XCR0, "hw-lwp-ire||",   "HW: Instructions Retired Event")
F(8000001C_EDX,  3, HW_LWP_BRE,   EQUAL, XCR0, "hw-lwp-bre||",   "HW: Branch Retired Event")
F(8000001C_EDX,  4, HW_LWP_DME,   EQUAL, XCR0, "hw-lwp-dme||",   "HW: Dcache Miss Event")
F(8000001C_EDX,  5, HW_LWP_CNH,   EQUAL, XCR0, "hw-lwp-cnh||",   "HW: Clocks Not Halted event")
F(8000001C_EDX,  6, HW_LWP_RNH, EQUAL, XCR0,
  "hw-lwp-rnh||", "HW: Reference clocks Not Halted event")
F(8000001C_EDX, 29, HW_LWP_CONT, EQUAL, XCR0,
  "hw-lwp-cont||", "HW: LWP sampling in continuous mode")
F(8000001C_EDX, 30, HW_LWP_PTSC,  EQUAL, XCR0, "hw-lwp-ptsc||",  "HW: PTSC in event records")
F(8000001C_EDX, 31, HW_LWP_INT, EQUAL, XCR0, "hw-lwp-int||", "HW: Interrupt on threshold overflow")
CPU_WORD_END(8000001C_EDX)

CPU_WORD(8000001F_EAX, CPUID, 0x8000001f, 0, EAX)
F(8000001F_EAX,  0, SME, AND, MSR, "sme|=|", "secure Memory Encryption")
F(8000001F_EAX,  1, SEV, AND, MSR, "sev|=|", "secure Encrypted Virtualisation")
F(8000001F_EAX,  2, VM_PAGE_FLUSH,        AND, MSR, "vm-page-flush||",        "VM Page Flush MSR")
F(8000001F_EAX,  3, SEV_ES,               AND, MSR, "sev-es|~|",              "SEV Encrypted State")
F(8000001F_EAX,  4, SEV_SNP, AND, MSR, "sev-snp|~|", "SEV secure nested paging")
F(8000001F_EAX,  5, VM_PERMISSION_LEVELS, AND, MSR,
  "vm-permission-levels||", "VM permission levels")
F(8000001F_EAX,  6, RPMQUERY, AND, MSR, "rpmquery||", "RPMQUERY instruction")
F(8000001F_EAX,  7, VMPL_SSS, AND, MSR, "vmpl-sss||", "VMPL supervisor shadow stack")
F(8000001F_EAX,  8, SECURE_TSC,           AND, MSR, "secure-tsc||",           "secure TSC")
F(8000001F_EAX,  9, V_TSC_AUX, AND, MSR, "v-tsc-aux||", "TSC_AUX is virtualised")
F(8000001F_EAX, 10, SME_COHERENT, AND, MSR, "sme-coherent||", "caches are coherent over encryption")
F(8000001F_EAX, 11, REQ_64BIT_HYPERVISOR, AND, MSR,
  "req-64bit-hypervisor||", "SEV needs a 64-bit hypervisor")
F(8000001F_EAX, 12, RESTRICTED_INJECTION, AND, MSR,
  "restricted-injection||", "restricted Injection supported")
F(8000001F_EAX, 13, ALTERNATE_INJECTION, AND, MSR,
  "alternate-injection||", "alternate Injection supported")
F(8000001F_EAX, 14, DEBUG_SWAP, AND, MSR, "debug-swap|~|", "SEV-ES: Full debug state swap")
F(8000001F_EAX, 15, DISALLOW_HOST_IBS, AND, MSR,
  "disallow-host-ibs||", "SEV-ES: no IBS for the host")
F(8000001F_EAX, 16, VIRT_TRANSPARENT_ENC, AND, MSR,
  "virt-transparent-enc||", "virtual Transparent Encryption")
F(8000001F_EAX, 17, VMGEXIT_PARAMETER, AND, MSR,
  "vmgexit-parameter||", "SEV_FEATURES: VmgexitParameter")
F(8000001F_EAX, 18, VIRT_TOM_MSR,         AND, MSR, "virt-tom-msr||",         "virtual TOM MSR")
F(8000001F_EAX, 19, VIRT_IBS, AND, MSR, "virt-ibs||", "SEV-ES guests: IBS state virtualisation")
F(8000001F_EAX, 24, VMSA_REG_PROTECTION, AND, MSR,
  "vmsa-reg-protection||", "VMSA register protection")
F(8000001F_EAX, 25, SMT_PROTECTION,       AND, MSR, "smt-protection||",       "SMT protection")
F(8000001F_EAX, 28, SVSM_PAGE_MSR, AND, MSR, "svsm-page-msr||", "SVSM communication page MSR")
F(8000001F_EAX, 29, NESTED_VIRT_SNP_MSR, AND, MSR,
  "nested-virt-snp-msr||", "VIRT_RMPUPDATE/VIRT_PSMASH MSRs")
CPU_WORD_END(8000001F_EAX)

CPU_WORD(80000020_EBX, CPUID, 0x80000020, 0, EBX)
F(80000020_EBX,  1, QOS_MBA,    EQUAL, MSR, "qos-mba||",    "memory bandwidth allocation")
F(80000020_EBX,  2, QOS_SMBA,   EQUAL, MSR, "qos-smba||",   "slow memory bandwidth")
F(80000020_EBX,  3, QOS_BMEC,   EQUAL, MSR, "qos-bmec||",   "bandwidth event configuration")
F(80000020_EBX,  4, QOS_L3RR,   EQUAL, MSR, "qos-l3rr||",   "L3 Range Reservation support")
F(80000020_EBX,  5, QOS_ABMC,   EQUAL, MSR, "qos-abmc||",   "assignable counters")
F(80000020_EBX,  6, QOS_SDCIAE, EQUAL, MSR, "qos-sdciae||", "cache injection allocation")
CPU_WORD_END(80000020_EBX)

CPU_WORD(80000020_3_ECX, CPUID, 0x80000020, 3, ECX)
F(80000020_3_ECX,  0, QOS_BMEC_LOCAL_READS, EQUAL, MSR,
  "qos-bmec-local-reads||", "local NUMA reads can be tracked")
F(80000020_3_ECX,  1, QOS_BMEC_REMOTE_READS, EQUAL, MSR,
  "qos-bmec-remote-reads||", "remote NUMA reads can be tracked")
F(80000020_3_ECX,  2, QOS_BMEC_LOCAL_NONTEMP_WR, EQUAL, MSR,
  "qos-bmec-local-nontemp-wr||", "local NUMA non-temporal writes can be tracked")
F(80000020_3_ECX,  3, QOS_BMEC_REMOTE_NONTEMP_WR, EQUAL, MSR,
  "qos-bmec-remote-nontemp-wr||", "remote NUMA non-temporal writes can be tracked")
F(80000020_3_ECX,  4, QOS_BMEC_LOCAL_SLOW_MEM_RD, EQUAL, MSR,
  "qos-bmec-local-slow-mem-rd||", "local NUMA slow-memory reads can be tracked")
F(80000020_3_ECX,  5, QOS_BMEC_REMOTE_SLOW_MEM_RD, EQUAL, MSR,
  "qos-bmec-remote-slow-mem-rd||", "remote NUMA slow-memory reads can be tracked")
F(80000020_3_ECX,  6, QOS_BMEC_ALL_DIRTY_VICTIMS, EQUAL, MSR,
  "qos-bmec-all-dirty-victims||", "dirty victims can be tracked")
CPU_WORD_END(80000020_3_ECX)

CPU_WORD(80000022_EAX, CPUID, 0x80000022, 0, EAX)
F(80000022_EAX,  0, PERFMON_V2,     EQUAL, MSR, "perfmon-v2|~|=",     "performance monitoring v2")
F(80000022_EAX,  1, LBR_V2,         EQUAL, MSR, "lbr-v2|amd_lbr_v2|", "last branch record stack")
F(80000022_EAX,  2, LBR_PMC_FREEZE, EQUAL, MSR,
  "lbr-pmc-freeze|amd_lbr_pmc_freeze|", "counters freeze on overflow")
CPU_WORD_END(80000022_EAX)

CPU_WORD(80000023_EAX, CPUID, 0x80000023, 0, EAX)
F(80000023_EAX,  0, MEM_HMK_MODE, AND, MSR, "mem-hmk-mode||", "MEM-HMK encryption mode")
CPU_WORD_END(80000023_EAX)
/* clang-format on */
