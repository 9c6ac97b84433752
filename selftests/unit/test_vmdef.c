// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a VM that arrived may boot from: files in the receiver's directory, wherever symbolic links lead;
 * and the versions that definitions and policies in them say.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../userspace/vmdef.h"
#include "tap.h"

static int check(const char *kernel, const char *below)
{
	struct vmdef def = { .kernel = (char *)kernel };
	struct error err = { 0 };

	return vmdef_check_boot(&def, below, &err);
}

static int define(const char *text)
{
	json_object *o = json_tokener_parse(text);
	struct vmdef *def = vmdef_new();
	struct error err = { 0 };
	int ret = vmdef_from_json(def, o, &err);

	json_object_put(o);
	vmdef_free(def);
	return ret;
}

#define POLICY "\"cpuid\": [{\"leaf\": 0, \"eax\": 0, \"ebx\": 0, \"ecx\": 0, \"edx\": 0}]"

int main(void)
{
	char dir[] = "/tmp/ferry-vmdef-XXXXXX", file[64], link[64], sibling[64];
	FILE *f;

	if (!mkdtemp(dir))
		bail_out("mkdtemp");
	snprintf(file, sizeof(file), "%s/kernel", dir);
	snprintf(link, sizeof(link), "%s/link", dir);
	snprintf(sibling, sizeof(sibling), "%.*s", (int)sizeof(dir) - 2, dir); /* its name less a letter */
	f = fopen(file, "w");
	if (!f || fclose(f) || symlink("/etc/passwd", link))
		bail_out("files in %s", dir);
	ok_eq(check(file, NULL), 0, "anywhere, if nobody says where");
	ok_eq(check(file, dir), 0, "in the directory");
	ok_eq(check(file, "/"), 0, "in the root directory all are");
	ok_eq(check(file, ""), FERRY_X_BAD_FILE, "in no directory none is");
	ok_eq(check(file, sibling), FERRY_X_BAD_FILE, "another directory, whose name this one's begins with");
	ok_eq(check(link, dir), FERRY_X_BAD_FILE, "a symbolic link that leads out");
	unlink(file);
	ok_eq(check(file, NULL), FERRY_X_BAD_FILE, "a file that is not there");
	unlink(link);
	rmdir(dir);

	ok_eq(define("{\"version\": 1, \"policy\": {" POLICY "}}"), 0, "a definition and its policy");
	ok_eq(define("{\"policy\": {\"ferry_policy\": 1, " POLICY "}}"), 0, "a policy that says its version");
	ok_eq(define("{\"version\": 2}"), FERRY_X_BAD_FILE, "a definition of another version");
	ok_eq(define("{\"policy\": {\"ferry_policy\": 2, " POLICY "}}"), FERRY_X_BAD_FILE,
	      "a policy of another version");
	return done();
}
