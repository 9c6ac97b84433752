/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM for migration tests. Its guest writes over its memory as fast as it is told to, in random
 * order, and what it writes says which page it belongs to and how often that page was written; so
 * any page that is lost, stale or in the wrong place shows afterwards.
 *
 * Each vCPU has its own pages and its own table of how often it wrote each. Every 256 writes it says
 * its count at a port: the numbers of a vCPU follow each other without a gap, whoever hears them.
 * It also reads the TSC at each write, and says so if time ran backwards.
 *
 * Guest memory: region 0 from 0, STORM_LOW bytes: code, page tables, tables of counts, the vCPUs' pages
 * and the host's (written by the test through its mapping); region 5 at STORM_HIGH with contents that
 * never change; one page in the middle of nowhere that is never touched.
 */
#ifndef FERRY_TEST_STORM_H
#define FERRY_TEST_STORM_H

#include <linux/ferry.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define STORM_VCPUS 2
#define STORM_PAGES 1024 /* a vCPU's */
#define STORM_HOST_PAGES 256
#define STORM_LOW (16UL << 20)
#define STORM_HIGH (1UL << 32)
#define STORM_HIGH_SIZE (1UL << 20)
#define STORM_PAGES_ALL ((STORM_LOW + STORM_HIGH_SIZE) / 4096 + 1)
#define STORM_LONE (STORM_HIGH + (1UL << 31)) /* region 7: one page */

struct storm_cpu {
	struct storm *vm;
	int fd;
	struct ferry_run *run;
	pthread_t thread;
	atomic_uint said; /* the last number */
	atomic_uint gaps; /* numbers that did not follow */
	atomic_uint backwards; /* time did */
	atomic_uint reason; /* exit that ended the thread, 0 while it runs */
};

struct storm {
	int dev, vm;
	unsigned int nr;
	uint8_t *low, *high;
	struct storm_cpu cpu[STORM_VCPUS];
	atomic_bool stop;
	bool running;
};

/* The VM, its guest ready to start; @pace: spin this often between two writes. Bails out. */
void storm_open(struct storm *s, unsigned int vcpus, uint64_t pace);
/* An empty VM for a stream to fill, and, at DEFINED, its vCPUs and mappings. */
void storm_incoming(struct storm *s);
void storm_incoming_as(struct storm *s, const char uuid[16]);
void storm_adopt(struct storm *s, unsigned int vcpus);
void storm_close(struct storm *s);

/* One thread for each vCPU, in FERRY_RUN until storm_stop() or an exit nobody expects. */
void storm_start(struct storm *s);
void storm_stop(struct storm *s);
/* Wait until each vCPU has written @more pages more. */
bool storm_progress(struct storm *s, unsigned int more);
/* The numbers go on where @from's ended. */
void storm_continue_from(struct storm *s, const struct storm *from);

/* The VM stands still: is every page what the guest wrote? Says what is not. */
bool storm_check(struct storm *s);
uint64_t storm_writes(struct storm *s); /* of all vCPUs, by their registers */

/* The host's pages: write one after the other until told to stop; then all are known. */
struct storm_writer {
	struct storm *vm;
	pthread_t thread;
	atomic_bool stop;
	uint64_t count[STORM_HOST_PAGES];
};
void storm_writer_start(struct storm_writer *w, struct storm *s);
void storm_writer_stop(struct storm_writer *w);
bool storm_writer_check(const struct storm_writer *w, const struct storm *s);

/* --- a move between two VMs of this process --- */

struct storm_move {
	uint32_t flags; /* FERRY_MIGRATE_* for the source */
	uint64_t blackout_us;
	uint64_t bandwidth;
	uint32_t timeout_ms;
	struct storm_writer *writer; /* stopped when the guest is frozen */
	void (*frozen)(struct storm_move *mv);

	struct storm *from, *to;
	int fd[2]; /* source's, destination's */
	int send, finish, receive, load, accept, confirm; /* results: 0 or -errno, 1 not called */
	struct ferry_migrate source, dest; /* as the last call left them */
	char definition[64], blobs[3000];
	struct ferry_migrate_status status;
	pthread_t thread;
};

void storm_connect(int fd[2]); /* TCP over loopback */
/* All calls of both sides, as far as they go. */
void storm_move(struct storm_move *mv, struct storm *from, struct storm *to);
/* The destination's calls alone, in a thread. */
void storm_dest_start(struct storm_move *mv, struct storm *to, int fd);
void storm_dest_wait(struct storm_move *mv);

int storm_call(int vm, unsigned long request, struct ferry_migrate *m); /* 0 or -errno */

#endif /* FERRY_TEST_STORM_H */
