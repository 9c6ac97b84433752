/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Talking to the process that runs a VM, from another command. No state, no locks.
 */
#ifndef FERRY_CLIENT_H
#define FERRY_CLIENT_H

#include <stdio.h>

#include "util.h"

/* Connect to @name's control socket; NULL with @err filled in. */
FILE *client_open(const char *name, struct error *err);
int client_send(FILE *f, json_object *request, struct error *err);
/* The next reply. An error reply becomes @err; NULL then, and when the VM's process is gone. */
json_object *client_receive(FILE *f, const char *name, struct error *err);
/* Open, send, receive, close. @request is consumed. */
json_object *client_call(const char *name, json_object *request, struct error *err);
json_object *client_request(const char *cmd);

#endif /* FERRY_CLIENT_H */
