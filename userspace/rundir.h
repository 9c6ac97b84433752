/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where running VMs are found: a directory with NAME.sock, the control socket, and NAME.lock, whose
 * lock its process holds. The lock, not the files, says whether a VM runs: a killed process leaves
 * files behind and the next one that looks removes them.
 */
#ifndef FERRY_RUNDIR_H
#define FERRY_RUNDIR_H

#include "util.h"

/* $FERRY_RUN_DIR, /run/ferry for root, or $XDG_RUNTIME_DIR/ferry. */
const char *run_dir(void);
/* Claim @name; *lock is held until rundir_release(). */
int rundir_claim(const char *name, int *lock, struct error *err);
void rundir_release(const char *name, int lock);
/* Is the lock of @name free? Then its files are stale and removed. */
bool rundir_stale(const char *name);
/* Would rundir_claim() find the name taken? */
int rundir_check(const char *name, struct error *err);
char *rundir_socket(const char *name);
/* Names of all VMs that run; caller frees with rundir_free(). */
char **rundir_names(size_t *nr);
void rundir_free(char **names, size_t nr);

#endif /* FERRY_RUNDIR_H */
