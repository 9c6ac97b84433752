/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints, under events/ferry in tracefs. Names of exits are printed by number here and by
 * name in `ferry stat`: the order is FERRY_EXIT_KINDS of backend.h.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM ferry

#if !defined(FERRY_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define FERRY_TRACE_H

#include <linux/tracepoint.h>

TRACE_EVENT(ferry_entry,
	TP_PROTO(u32 vcpu, u64 rip),
	TP_ARGS(vcpu, rip),
	TP_STRUCT__entry(
		__field(u32, vcpu)
		__field(u64, rip)
	),
	TP_fast_assign(
		__entry->vcpu = vcpu;
		__entry->rip = rip;
	),
	TP_printk("vcpu %u rip 0x%llx", __entry->vcpu, __entry->rip)
);

TRACE_EVENT(ferry_exit,
	TP_PROTO(u32 vcpu, u32 kind, u64 code, u64 rip, u64 info1, u64 info2),
	TP_ARGS(vcpu, kind, code, rip, info1, info2),
	TP_STRUCT__entry(
		__field(u32, vcpu)
		__field(u32, kind)
		__field(u64, code)
		__field(u64, rip)
		__field(u64, info1)
		__field(u64, info2)
	),
	TP_fast_assign(
		__entry->vcpu = vcpu;
		__entry->kind = kind;
		__entry->code = code;
		__entry->rip = rip;
		__entry->info1 = info1;
		__entry->info2 = info2;
	),
	TP_printk("vcpu %u kind %u code 0x%llx rip 0x%llx info 0x%llx 0x%llx", __entry->vcpu,
		  __entry->kind, __entry->code, __entry->rip, __entry->info1, __entry->info2)
);

TRACE_EVENT(ferry_cpuid,
	TP_PROTO(u32 leaf, u32 subleaf, u32 eax, u32 ebx, u32 ecx, u32 edx),
	TP_ARGS(leaf, subleaf, eax, ebx, ecx, edx),
	TP_STRUCT__entry(
		__field(u32, leaf)
		__field(u32, subleaf)
		__field(u32, eax)
		__field(u32, ebx)
		__field(u32, ecx)
		__field(u32, edx)
	),
	TP_fast_assign(
		__entry->leaf = leaf;
		__entry->subleaf = subleaf;
		__entry->eax = eax;
		__entry->ebx = ebx;
		__entry->ecx = ecx;
		__entry->edx = edx;
	),
	TP_printk("0x%x/0x%x: 0x%08x 0x%08x 0x%08x 0x%08x", __entry->leaf, __entry->subleaf,
		  __entry->eax, __entry->ebx, __entry->ecx, __entry->edx)
);

TRACE_EVENT(ferry_msr,
	TP_PROTO(u32 vcpu, u32 index, u64 value, bool write, bool gp),
	TP_ARGS(vcpu, index, value, write, gp),
	TP_STRUCT__entry(
		__field(u32, vcpu)
		__field(u32, index)
		__field(u64, value)
		__field(bool, write)
		__field(bool, gp)
	),
	TP_fast_assign(
		__entry->vcpu = vcpu;
		__entry->index = index;
		__entry->value = value;
		__entry->write = write;
		__entry->gp = gp;
	),
	TP_printk("vcpu %u %s 0x%x = 0x%llx%s", __entry->vcpu, __entry->write ? "write" : "read",
		  __entry->index, __entry->value, __entry->gp ? " #GP" : "")
);

TRACE_EVENT(ferry_nested_fault,
	TP_PROTO(u32 vcpu, u64 gpa, u32 access, u64 rip),
	TP_ARGS(vcpu, gpa, access, rip),
	TP_STRUCT__entry(
		__field(u32, vcpu)
		__field(u32, access)
		__field(u64, gpa)
		__field(u64, rip)
	),
	TP_fast_assign(
		__entry->vcpu = vcpu;
		__entry->access = access;
		__entry->gpa = gpa;
		__entry->rip = rip;
	),
	TP_printk("vcpu %u gpa 0x%llx access 0x%x rip 0x%llx", __entry->vcpu, __entry->gpa,
		  __entry->access, __entry->rip)
);

TRACE_EVENT(ferry_migrate_round,
	TP_PROTO(u32 round, u64 sent, u64 zero, u64 dirty),
	TP_ARGS(round, sent, zero, dirty),
	TP_STRUCT__entry(
		__field(u32, round)
		__field(u64, sent)
		__field(u64, zero)
		__field(u64, dirty)
	),
	TP_fast_assign(
		__entry->round = round;
		__entry->sent = sent;
		__entry->zero = zero;
		__entry->dirty = dirty;
	),
	TP_printk("round %u sent %llu zero %llu dirty %llu", __entry->round, __entry->sent,
		  __entry->zero, __entry->dirty)
);

#endif /* FERRY_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
