/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The exit codes of the tool: one list, printed by `ferry help` and documented in the README.
 *
 * Every failure of `ferry run` is an even number, because a guest that writes v to the debug-exit
 * port ends `ferry run --debug-exit` with (v << 1) | 1, which is odd. So the two never meet. Numbers
 * are stable: they are added, never reused.
 */
#ifndef FERRY_EXITCODE_H
#define FERRY_EXITCODE_H

#define FERRY_EXIT_CODES(X) \
	X(OK, 0, "ok", "done; for run, resume and receive: the guest powered itself off") \
	X(WARNINGS, 2, "warnings", "ferry cpu: yes, with warnings; or equal but for a difference") \
	X(NO, 3, "no", "ferry cpu: no, this host cannot; or incompatible") \
	X(SYSTEM, 4, "system", "a system call failed; the message names it") \
	X(NO_VM, 6, "no-vm", "no VM of that name runs here") \
	X(NAME_TAKEN, 8, "name-taken", "a VM of that name runs here already") \
	X(NO_MODULE, 10, "no-module", "/dev/ferry is missing, refused or of another version") \
	X(NO_HARDWARE, 12, "no-hardware", "the CPU or its firmware offers no virtualisation") \
	X(HARDWARE_TAKEN, 14, "hardware-taken", "another hypervisor owns the CPU's virtualisation") \
	X(BAD_FILE, 16, "bad-file", "a file is missing, damaged or of a kind not understood") \
	X(MEMORY, 18, "memory", "too little memory, for the guest's kernel or on the host") \
	X(POLICY, 20, "policy", "a host cannot honour the VM's CPU policy") \
	X(TRIPLE_FAULT, 22, "triple-fault", "the guest shut down by a triple fault") \
	X(GUEST_ERROR, 24, "guest-error", "the module had to stop the guest; the report says why") \
	X(ABORTED, 26, "aborted", "a move was given up; the VM goes on where it was") \
	X(IN_DOUBT, 28, "in-doubt", "a move was committed and its end not heard") \
	X(TIMEOUT, 30, "timeout", "something did not happen in time") \
	X(NETWORK, 32, "network", "the other host cannot be reached") \
	X(BUSY, 34, "busy", "the VM is in another state or does something else now") \
	X(CONSUMED, 36, "consumed", "the suspend file was resumed before") \
	X(USAGE, 64, "usage", "the command line is wrong")

enum ferry_exit_code {
#define X(name, number, word, text) FERRY_X_##name = (number),
	FERRY_EXIT_CODES(X)
#undef X
};

#endif /* FERRY_EXITCODE_H */
