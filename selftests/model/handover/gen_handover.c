// SPDX-License-Identifier: GPL-2.0-only
/*
 * Prints lib/wire's handover tables as Promela, for handover.pml; the numbers of their rows go to
 * standard error.
 *
 *	gen_handover				the tables as they are
 *	gen_handover source|dest STATE EVENT NEXT ACTION	with that row put in place of its own,
 *	gen_handover source|dest STATE EVENT -		without it: broken on purpose,
 *	gen_handover judge JOURNAL HELD SAY NEXT	to see that the proof can fail
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "lib/wire/handover.h"

static char **broken;
static unsigned int hit;
static unsigned int row;

static bool is_broken(const char *who, const char *a, const char *b)
{
	if (!broken || strcmp(broken[0], who) || strcmp(broken[1], a) || strcmp(broken[2], b))
		return false;
	hit++;
	return true;
}

static void defines(const char *prefix, unsigned int count, const char *(*name)(unsigned int))
{
	unsigned int i;

	for (i = 0; i < count; i++)
		printf("#define %s_%s %u\n", prefix, name(i), i);
}

static void may_run(const char *macro, const char *prefix, const bool *runs, unsigned int count,
		    const char *(*name)(unsigned int))
{
	unsigned int i;

	printf("#define %s(s) (false", macro);
	for (i = 0; i < count; i++)
		if (runs[i])
			printf(" || (s) == %s_%s", prefix, name(i));
	printf(")\n");
}

static void steps(const char *who, const char *prefix, const struct wire_step *t, unsigned int nr,
		  const char *(*name)(unsigned int))
{
	unsigned int i;

	printf("inline %s_step(s, e) {\n\tif\n", who);
	for (i = 0; i < nr; i++) {
		const char *next = name(t[i].next), *action = wire_action_name(t[i].action);

		if (is_broken(who, name(t[i].state), wire_event_name(t[i].event))) {
			if (!strcmp(broken[3], "-"))
				continue;
			next = broken[3];
			action = broken[4];
		}
		row++;
		fprintf(stderr, "%u %s %s %s\n", row, who, name(t[i].state),
			wire_event_name(t[i].event));
		printf("\t:: s == %s_%s && e == EV_%s -> ROW(%u); s = %s_%s; act = DO_%s\n", prefix,
		       name(t[i].state), wire_event_name(t[i].event), row, prefix, next, action);
	}
	printf("\t:: else -> assert(false) /* no row */\n\tfi\n}\n");
}

static void judge(void)
{
	unsigned int i;

	printf("inline judge(j, held, say) {\n\tif\n");
	for (i = 0; i < wire_nr_judgements; i++) {
		const struct wire_judgement *w = &wire_judgements[i];
		const char *say = wire_say_name(w->say), *next = wire_journal_name(w->next);

		if (is_broken("judge", wire_journal_name(w->journal), w->held ? "1" : "0")) {
			say = broken[3];
			next = broken[4];
		}
		row++;
		fprintf(stderr, "%u judge %s %u\n", row, wire_journal_name(w->journal), w->held);
		printf("\t:: j == JOURNAL_%s && %sheld -> ROW(%u); say = SAY_%s; j = JOURNAL_%s\n",
		       wire_journal_name(w->journal), w->held ? "" : "!", row, say, next);
	}
	printf("\t:: else -> say = SAY_UNKNOWN\n\tfi\n}\n");
}

int main(int argc, char **argv)
{
	if (argc > 1)
		broken = argv + 1;
	if (broken && argc != 6 && !(argc == 5 && !strcmp(argv[4], "-")))
		return 2;
	defines("SRC", WIRE_SRC_COUNT, wire_source_name);
	defines("DST", WIRE_DST_COUNT, wire_dest_name);
	defines("EV", WIRE_EV_COUNT, wire_event_name);
	defines("DO", WIRE_DO_COUNT, wire_action_name);
	defines("JOURNAL", WIRE_JOURNAL_COUNT, wire_journal_name);
	defines("SAY", WIRE_SAY_COUNT, wire_say_name);
	may_run("SRC_MAY_RUN", "SRC", wire_source_runs, WIRE_SRC_COUNT, wire_source_name);
	may_run("DST_MAY_RUN", "DST", wire_dest_runs, WIRE_DST_COUNT, wire_dest_name);
	steps("source", "SRC", wire_source_steps, wire_source_nr_steps, wire_source_name);
	steps("dest", "DST", wire_dest_steps, wire_dest_nr_steps, wire_dest_name);
	judge();
	printf("#define ROWS %u\n", row);
	if (broken && !hit) {
		fprintf(stderr, "gen_handover: no such row\n");
		return 2;
	}
	return 0;
}
