/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between emulate.c (when and why instructions are emulated) and emulate_ops.c (what lib/insn asks
 * of a vCPU).
 */
#ifndef FERRY_EMULATE_H
#define FERRY_EMULATE_H

#include "ferry.h"
#include "lib/insn/insn.h"
#include "lib/insn/replay.h"
#include "lib/insn/walk.h"

enum busy {
	NOT_BUSY,
	BUSY_PORT, /* a plain IN or OUT: registers and length are all it takes */
	BUSY_INSN, /* the replay log waits for an answer */
};

/**
 * struct ferry_emulation - one vCPU's emulator
 * @cpu: the executor's registers, loaded from the vCPU for each execution
 * @vcpu: whose
 * @replay: answers to device accesses of the current instruction
 * @replay_rip: where that instruction is
 * @insn: the current instruction
 * @in_flight: userspace serves an access of @insn, which was fetched once and is not fetched again
 * @operand_known: vcpu->exit has the guest-physical address of @insn's operand
 * @busy: which kind of request userspace has to answer
 * @port: BUSY_PORT: the access
 * @gbpages: the policy has 1 GiB pages
 * @atomic: the current context may not sleep
 * @out_of_memory: guest memory at @bad_gpa could not be allocated
 * @bad_gpa: what stopped the emulation
 * @id: the current instruction
 * @executed: instructions carried out, by enum insn_id
 * @foreign: of these, those from foreign.c
 */
struct ferry_emulation {
	struct insn_cpu cpu;
	struct ferry_vcpu *vcpu;
	struct insn_replay replay;
	u64 replay_rip;
	struct insn insn;
	bool in_flight;
	bool operand_known;
	enum busy busy;
	struct {
		u8 width;
		u8 insn_len;
		bool in;
	} port;
	bool gbpages;
	bool atomic;
	bool out_of_memory;
	u64 bad_gpa;
	u16 id;
	u64 executed[INSN_OP_EXECUTED_END];
	u64 foreign[INSN_OP_EXECUTED_END];
};

typedef int ferry_vet_fn(struct ferry_emulation *em, const struct insn *insn);

extern const struct insn_ops ferry_insn_ops;

/* emulate.c: the vCPU's registers into em->cpu and back; one instruction. */
void ferry_emulation_load(struct ferry_emulation *em);
void ferry_emulation_store(struct ferry_emulation *em);
enum ferry_next ferry_emulation_step(struct ferry_emulation *em, bool atomic, ferry_vet_fn *vet);
int ferry_emulation_refuse(struct ferry_emulation *em); /* INSN_FAULT: vcpu->exit's exception */
void ferry_walk_init(struct ferry_emulation *em, struct insn_walk *walk, bool user);

#endif /* FERRY_EMULATE_H */
