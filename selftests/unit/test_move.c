// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the tool makes of a move that is refused: warnings that are allowed by name, and calls that
 * failed before the module wrote anything back.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/ferry.h>
#include <stdlib.h>
#include <unistd.h>

#include "libferry.h"
#include "policy.h"
#include "tap.h"

static struct ferry_finding of_leaf7(unsigned int bit, unsigned int severity)
{
	return (struct ferry_finding){ .leaf = 7, .reg = FERRY_REG_EBX, .bit = bit,
				       .severity = severity, .guest = 1u << bit };
}

static void names(void)
{
	struct ferry_finding f[2] = { of_leaf7(8, FERRY_FINDING_WARNING),
				      of_leaf7(19, FERRY_FINDING_WARNING) };

	ok(policy_warnings_named(f, 1, "bmi2"), "a warning by its name");
	ok(policy_warnings_named(f, 1, "BMI2"), "... in capitals");
	ok(policy_warnings_named(f, 2, "adx,bmi2"), "two by theirs");
	ok(policy_warnings_named(f, 2, "bmi2,avx,adx"), "... and one that is not there");
	ok(!policy_warnings_named(f, 2, "bmi2"), "one of two is not enough");
	ok(!policy_warnings_named(f, 1, "bmi"), "nor is a part of the name");
	ok(!policy_warnings_named(f, 1, "bmi2x"), "nor more than the name");
	ok(!policy_warnings_named(f, 1, ""), "nor nothing");
	ok(!policy_warnings_named(f, 1, NULL), "nor no list");
	ok(!policy_warnings_named(f, 0, "bmi2"), "no finding is no warning");
	ok(!policy_warnings_named(f, 100000, "adx,bmi2"), "a list that was cut is not known whole");
	f[1].severity = FERRY_FINDING_REFUSE;
	ok(!policy_warnings_named(f, 2, "adx,bmi2"), "what is no warning cannot be allowed");
}

/* A file that knows none of our calls. */
static void failed_calls(void)
{
	static const struct {
		unsigned long request;
		const char *name;
	} call[] = {
		{ FERRY_MIGRATE_SEND, "SEND" },	      { FERRY_MIGRATE_FINISH, "FINISH" },
		{ FERRY_MIGRATE_RECEIVE, "RECEIVE" }, { FERRY_MIGRATE_ACCEPT, "ACCEPT" },
		{ FERRY_MIGRATE_CONFIRM, "CONFIRM" }, { FERRY_MIGRATE_ABORT, "ABORT" },
	};
	int fd = open("/dev/null", O_RDWR);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(call); i++) {
		struct ferry_migrate m = { .nr_findings = 256, .blobs_length = 99,
					   .definition_length = 98, .phase = FERRY_MIGRATE_DONE };
		struct error err = { 0 };
		int ret = ferry_migrate(fd, call[i].request, &m, &err);

		ok(ret == FERRY_X_ABORTED && ret == err.code, "%s fails", call[i].name);
		ok(strstr(err.text, call[i].name) && strstr(err.text, strerror(ENOTTY)),
		   "... is named with its reason: %s", err.text);
		ok(!m.nr_findings && !m.blobs_length && !m.definition_length &&
		   m.phase == FERRY_MIGRATE_IDLE, "... and what went in is not what came out");
	}
	close(fd);
}

int main(void)
{
	names();
	failed_calls();
	return done();
}
