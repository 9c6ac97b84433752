/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Errors with an exit code and a sentence, numbers with units, files and JSON: what every command
 * needs. No state, no locks.
 */
#ifndef FERRY_UTIL_H
#define FERRY_UTIL_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "exitcode.h"
#include "lib/env.h"

/**
 * struct error - why something failed
 * @code: one of enum ferry_exit_code, 0 while nothing has failed
 * @text: for a person: what is wrong and what to do
 * @detail: more facts for --json and below the text, or NULL; owned
 */
struct error {
	int code;
	char text[6000];
	json_object *detail;
};

/* Record a failure; returns @code so that callers can `return fail(...)`. */
__printf(3, 4) int fail(struct error *err, int code, const char *fmt, ...);
/* The same for a failed system call: appends ": " and the errno in words. */
__printf(3, 4) int fail_errno(struct error *err, int code, const char *fmt, ...);
const char *exit_code_word(int code);

/* Print the failure to stderr, or as {"error": ...} to stdout with @json. Returns its code. */
int report(struct error *err, bool json);
__printf(1, 2) void complain(const char *fmt, ...);

/* Never return NULL: out of memory ends the program. */
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t size);
char *xstrdup(const char *s);
__printf(1, 2) char *xasprintf(const char *fmt, ...);

/* "512M", "1G", "4096K", "0x1000": bytes. A bare number counts in @unit. */
bool parse_size(const char *text, u64 unit, u64 *bytes);
bool parse_u64(const char *text, u64 min, u64 max, u64 *value);
/* "300ms", "30s", "5m", "250us": microseconds. A bare number counts in @unit microseconds. */
bool parse_duration(const char *text, u64 unit, u64 *us);
/* "64.0 MiB" into a ring of static buffers; for messages only. */
const char *human(u64 bytes);

bool parse_uuid(const char *text, u8 uuid[16]);
void format_uuid(const u8 uuid[16], char text[37]);
void random_uuid(u8 uuid[16]);
bool random_bytes(void *buf, size_t len);

/**
 * struct blob - a file in memory, read-only
 */
struct blob {
	void *data;
	size_t size;
};

/* Map a file; @what names it in messages ("kernel"). */
int blob_map(struct blob *b, const char *path, const char *what, struct error *err);
void blob_unmap(struct blob *b);
/* Read a text file of at most @max bytes, NUL-terminated; caller frees. */
char *read_text(const char *path, size_t max, const char *what, struct error *err);
/* All or nothing; retries on EINTR. */
bool write_all(int fd, const void *data, size_t len);
/* Make the directory entry of @path durable, which fsync() of the file does not. */
bool sync_directory(const char *path);
/* Write a file so that it is there completely or not at all, and durably. */
int write_file_durably(const char *path, const void *data, size_t len, struct error *err);

/* Print one object and a newline, whole. */
void print_json(FILE *f, json_object *o);
json_object *json_u64(u64 value);
/* Member access that never fails: NULL, @fallback or false where the type is another one. */
const char *json_str(json_object *o, const char *key);
bool json_get_number(json_object *o, const char *key, u64 *value);
bool json_flag(json_object *o, const char *key, bool fallback);
/* Is the member @key the version @known, of what the error calls @what? */
int json_version(json_object *o, const char *key, u64 known, const char *what, struct error *err);
/* Has @o members that are not among @names, which NULL ends? It is an error; @where stands before the name. */
int json_known(json_object *o, const char *const *names, const char *where, struct error *err);

/* @s as a shell's word: as it is, or in quotation marks; caller frees. */
char *shell_word(const char *s);

u64 monotonic_ns(void);
u64 realtime_ns(void);

/* What the tool prints ends at this column. */
#define TEXT_COLUMNS 78
/* @text behind @head, in lines of TEXT_COLUMNS; further lines are indented by @indent. */
void print_wrapped(FILE *f, const char *head, int indent, const char *text);

#endif /* FERRY_UTIL_H */
