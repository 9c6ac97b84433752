// SPDX-License-Identifier: GPL-2.0-only
/* Weak stand-ins until migrate/ lands. */
#include "ferry.h"

int __weak ferry_migrate_send(struct ferry_vm *vm, struct ferry_migrate *args) { return -EOPNOTSUPP; }
int __weak ferry_migrate_finish(struct ferry_vm *vm, struct ferry_migrate *args) { return -EOPNOTSUPP; }
int __weak ferry_migrate_receive(struct ferry_vm *vm, struct ferry_migrate *args) { return -EOPNOTSUPP; }
int __weak ferry_migrate_accept(struct ferry_vm *vm, struct ferry_migrate *args) { return -EOPNOTSUPP; }
int __weak ferry_migrate_confirm(struct ferry_vm *vm, struct ferry_migrate *args) { return -EOPNOTSUPP; }
int __weak ferry_migrate_abort(struct ferry_vm *vm, struct ferry_migrate *args) { return -EOPNOTSUPP; }
int __weak ferry_migrate_resolve(struct ferry_vm *vm, const struct ferry_migrate_resolve *args) { return -EOPNOTSUPP; }
int __weak ferry_migrate_status(struct ferry_vm *vm, struct ferry_migrate_status *args) { return -EOPNOTSUPP; }
void __weak ferry_migrate_destroy(struct ferry_vm *vm) {  }
