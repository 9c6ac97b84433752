// SPDX-License-Identifier: GPL-2.0-only
/* Weak stand-ins so that main links while the parts land. Goes away with the last of them. */
#include "ferry.h"

int __weak ferry_memory_init(struct ferry_vm *vm) { return 0; }
void __weak ferry_memory_attach(struct ferry_vm *vm, struct file *file) {  }
void __weak ferry_memory_destroy(struct ferry_vm *vm) {  }
int __weak ferry_memory_set(struct ferry_vm *vm, const struct ferry_memory *args) { return 0; }
int __weak ferry_memory_mmap(struct ferry_vm *vm, struct vm_area_struct *vma) { return 0; }
int __weak ferry_memory_touch(struct ferry_vm *vm, u64 gfn) { return 0; }
struct page * __weak ferry_memory_page(struct ferry_vm *vm, u64 gfn) { return NULL; }
int __weak ferry_memory_nr_regions(struct ferry_vm *vm) { return 0; }
bool __weak ferry_memory_region(struct ferry_vm *vm, u32 region, u64 *gpa, u64 *length, u32 *flags) { return false; }
int __weak ferry_mem_read(struct ferry_vm *vm, u64 gpa, void *buf, size_t len) { return 0; }
int __weak ferry_mem_write(struct ferry_vm *vm, u64 gpa, const void *buf, size_t len) { return 0; }
int __weak ferry_mem_read_atomic(struct ferry_vm *vm, u64 gpa, void *buf, size_t len) { return 0; }
int __weak ferry_mem_write_atomic(struct ferry_vm *vm, u64 gpa, const void *buf, size_t len) { return 0; }
int __weak ferry_mem_cmpxchg_atomic(struct ferry_vm *vm, u64 gpa, void *old, const void *new, size_t len) { return 0; }
void __weak ferry_memory_stats(struct ferry_vm *vm, struct ferry_stats *stats) {  }
int __weak ferry_npt_init(struct ferry_vm *vm) { return 0; }
void __weak ferry_npt_destroy(struct ferry_vm *vm) {  }
enum ferry_fault __weak ferry_npt_fault(struct ferry_vcpu *vcpu, u64 gpa, u32 access, bool atomic) { return FERRY_FAULT_NOMEM; }
phys_addr_t __weak ferry_npt_root(struct ferry_vm *vm) { return 0; }
bool __weak ferry_npt_needs_flush(struct ferry_vcpu *vcpu, int cpu) { return false; }
void __weak ferry_npt_stats(struct ferry_vm *vm, struct ferry_stats *stats) {  }
int __weak ferry_dirty_ioctl(struct ferry_vm *vm, struct ferry_dirty *args) { return 0; }
int __weak ferry_dirty_start(struct ferry_vm *vm, u32 flags, bool migration) { return 0; }
s64 __weak ferry_dirty_harvest(struct ferry_vm *vm, u32 region, unsigned long *bitmap, bool final) { return 0; }
void __weak ferry_dirty_stop(struct ferry_vm *vm) {  }
void __weak ferry_dirty_mark(struct ferry_vm *vm, u64 gfn) {  }
void __weak ferry_dirty_destroy(struct ferry_vm *vm) {  }
void __weak ferry_dirty_stats(struct ferry_vm *vm, struct ferry_stats *stats) {  }
int __weak ferry_emulation_init(struct ferry_vcpu *vcpu) { return 0; }
void __weak ferry_emulation_free(struct ferry_vcpu *vcpu) {  }
enum ferry_next __weak ferry_emulate(struct ferry_vcpu *vcpu, enum ferry_stage stage) { return FERRY_TO_USER; }
enum ferry_next __weak ferry_emulate_complete(struct ferry_vcpu *vcpu) { return FERRY_TO_USER; }
bool __weak ferry_emulation_busy(struct ferry_vcpu *vcpu) { return false; }
enum ferry_next __weak ferry_port_to_user(struct ferry_vcpu *vcpu, u16 port, u8 width, bool in, u8 insn_len) { return FERRY_TO_USER; }
int __weak ferry_insn_length(struct ferry_vcpu *vcpu, enum ferry_stage stage) { return 0; }
int __weak ferry_insn_bytes(struct ferry_vcpu *vcpu, u8 *buf, int len) { return 0; }
int __weak ferry_translate(struct ferry_vcpu *vcpu, struct ferry_translate *args) { return 0; }
int __weak ferry_migrate_send(struct ferry_vm *vm, struct ferry_migrate *args) { return 0; }
int __weak ferry_migrate_finish(struct ferry_vm *vm, struct ferry_migrate *args) { return 0; }
int __weak ferry_migrate_receive(struct ferry_vm *vm, struct ferry_migrate *args) { return 0; }
int __weak ferry_migrate_accept(struct ferry_vm *vm, struct ferry_migrate *args) { return 0; }
int __weak ferry_migrate_confirm(struct ferry_vm *vm, struct ferry_migrate *args) { return 0; }
int __weak ferry_migrate_abort(struct ferry_vm *vm, struct ferry_migrate *args) { return 0; }
int __weak ferry_migrate_resolve(struct ferry_vm *vm, const struct ferry_migrate_resolve *args) { return 0; }
int __weak ferry_migrate_status(struct ferry_vm *vm, struct ferry_migrate_status *args) { return 0; }
void __weak ferry_migrate_destroy(struct ferry_vm *vm) {  }
static int none(void) { return -ENODEV; }
const struct ferry_backend svm_backend __weak = { .name = "none", .probe = none };
