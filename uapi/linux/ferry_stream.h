/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The migration stream: what one Ferry host says to another, and what a suspend
 * file holds. Everything is little-endian. There are no pointers, and no field
 * depends on the CPU vendor of either host.
 *
 * A stream is one header, then records until one side closes:
 *
 *   +--------+--------------------------+--------------------------+----
 *   | header | record head | body | pad | record head | body | pad | ...
 *   +--------+--------------------------+--------------------------+----
 *     64 B         32 B       <= 1 MiB, padded with zero to 8 bytes
 *
 * A socket carries two streams, one each way; a file holds the source's alone.
 *
 *   source                                     destination
 *     | header HELLO POLICY MAP DEFINITION STATIC_END  |
 *     |----------------------------------------------->| policy, widths, memory checked;
 *     |                       header HELLO ACCEPT      | MAY-RUN made durable
 *     |<-----------------------------------------------| (or REFUSE with every reason)
 *     | { PAGES... ZERO... ROUND }...                  |
 *     |----------------------------------------------->|
 *     |                                    ROUND_ACK   |
 *     |<-----------------------------------------------|
 *     | FREEZE PAGES... STATE... DEVICES DIGEST END    |
 *     |----------------------------------------------->| all loaded, nothing left that may fail
 *     |                                     PREPARED   |
 *     |<-----------------------------------------------|
 *   fence                                              |
 *     | COMMIT                                         |
 *     |----------------------------------------------->| runs; RAN made durable
 *     |                                      RUNNING   |
 *     |<-----------------------------------------------|
 *   free
 *
 * Rules of the format:
 *  - A body may grow at its end and only there. A receiver accepts a longer body
 *    than it knows if the part it does not know is zero.
 *  - A record type the receiver does not know is an error, unless the sender
 *    marked it FERRY_REC_OPTIONAL: then it is checked and skipped.
 *  - Reserved fields and padding are zero, and checked to be.
 */
#ifndef _UAPI_LINUX_FERRY_STREAM_H
#define _UAPI_LINUX_FERRY_STREAM_H

#include <linux/types.h>

#define FERRY_STREAM_MAGIC 0x4d41455254535246ULL /* "FRSTREAM" as bytes */
#define FERRY_STREAM_VERSION 1
#define FERRY_STREAM_PAGE_SIZE 4096

#define FERRY_STREAM_MAX_BODY (1U << 20)
#define FERRY_STREAM_MAX_REGIONS 32
#define FERRY_STREAM_MAX_CPUID 256
#define FERRY_STREAM_MAX_MSRS 64
#define FERRY_STREAM_MAX_VCPUS 64
#define FERRY_STREAM_MAX_BATCH 255 /* pages of one PAGES record: just below MAX_BODY */
#define FERRY_STREAM_MAX_RUNS 4096 /* runs of one ZERO record */
#define FERRY_STREAM_MAX_DEFINITION (256U << 10)
#define FERRY_STREAM_MAX_DEVICES (16U << 20)
#define FERRY_STREAM_MAX_STATE (64U << 10) /* bytes of one state group */
#define FERRY_STREAM_MAX_FINDINGS 1024

/* ferry_stream_header.flags */
#define FERRY_STREAM_FILE (1U << 0) /* nobody answers: suspend file */
#define FERRY_STREAM_REPLY (1U << 1) /* the destination's direction */
#define FERRY_STREAM_CONSUMED (1U << 2) /* this file was resumed once */

/**
 * struct ferry_stream_header - the first 64 bytes of either direction
 * @magic: FERRY_STREAM_MAGIC
 * @version: FERRY_STREAM_VERSION; a receiver refuses what it does not know
 * @flags: FERRY_STREAM_*
 * @uuid: the VM's identity, the same on every host
 * @generation: number of this attempt to move the VM. It grows by one with every attempt, so an
 *	answer about one attempt never speaks for another, and a replayed stream is told by it
 * @nonce: random, fresh for each stream and direction
 * @reserved: zero
 * @crc: CRC32C of the 60 bytes before it
 *
 * ::
 *
 *    0               8       12      16
 *   +---------------+-------+-------+-------------------------------+
 *   | magic         |version| flags | uuid                          |
 *   +---------------+-------+-------+---------------+-------+-------+
 *   | generation    | nonce         | reserved              | crc   |
 *   +---------------+---------------+-----------------------+-------+
 *    32              40              48                      60
 */
struct ferry_stream_header {
	__u64 magic;
	__u32 version;
	__u32 flags;
	__u8 uuid[16];
	__u64 generation;
	__u64 nonce;
	__u32 reserved[3];
	__u32 crc;
};

/*
 * Record types. The source's are below 64, the destination's from 64 up; HELLO
 * goes both ways. Numbers are never used again for something else.
 */
#define FERRY_REC_HELLO 1
#define FERRY_REC_POLICY 2
#define FERRY_REC_MAP 3
#define FERRY_REC_DEFINITION 4
#define FERRY_REC_STATIC_END 5
#define FERRY_REC_PAGES 6
#define FERRY_REC_ZERO 7
#define FERRY_REC_ROUND 8
#define FERRY_REC_FREEZE 9
#define FERRY_REC_STATE 10
#define FERRY_REC_DEVICES 11
#define FERRY_REC_STATE_DIGEST 12
#define FERRY_REC_MEMORY_DIGEST 13
#define FERRY_REC_END 14
#define FERRY_REC_COMMIT 15
#define FERRY_REC_CANCEL 16
#define FERRY_REC_QUERY 17

#define FERRY_REC_ACCEPT 64
#define FERRY_REC_REFUSE 65
#define FERRY_REC_ROUND_ACK 66
#define FERRY_REC_PREPARED 67
#define FERRY_REC_RUNNING 68
#define FERRY_REC_ABORT 69
#define FERRY_REC_ANSWER 70

/* ferry_stream_record.flags */
#define FERRY_REC_OPTIONAL (1U << 0)

/**
 * struct ferry_stream_record - the 32 bytes before each body
 * @type: FERRY_REC_*
 * @flags: FERRY_REC_OPTIONAL
 * @length: bytes of the body without its padding, at most FERRY_STREAM_MAX_BODY
 * @seq: 0 for the first record of a direction, then one more each
 * @crc: CRC32C of the body and its padding; for PAGES of the part before the page contents, which
 *	have a CRC of their own each
 * @head_crc: CRC32C of the 28 bytes before it, so that no length is believed unchecked
 *
 * ::
 *
 *    0       4       8               16              24      28
 *   +-------+-------+---------------+---------------+-------+-------+
 *   | type  | flags | length        | seq           | crc   | hcrc  |
 *   +-------+-------+---------------+---------------+-------+-------+
 */
struct ferry_stream_record {
	__u32 type;
	__u32 flags;
	__u64 length;
	__u64 seq;
	__u32 crc;
	__u32 head_crc;
};

/* ferry_stream_hello.flags */
#define FERRY_HELLO_VERIFY (1U << 0) /* a MEMORY_DIGEST record will come */
#define FERRY_HELLO_DRY_RUN (1U << 1) /* ends after ACCEPT or REFUSE, nothing is created */
#define FERRY_HELLO_ALLOW_WARNINGS (1U << 2) /* findings of severity "warning" do not refuse */
#define FERRY_HELLO_KVMCLOCK (1U << 3) /* the guest has kvmclock, and time does not hang on its TSC's rate */

/**
 * struct ferry_stream_hello - who speaks and what it will need (HELLO)
 * @flags: FERRY_HELLO_*
 * @features: stream features in use; a bit the receiver does not know refuses the stream
 * @memory_bytes: sum of all regions
 * @resident_bytes: what of it is in use at the source now, so that a destination without room for
 *	it can say so at once
 * @nr_vcpus: vCPUs whose states will come
 * @page_size: 4096
 * @timeout_ms: the destination gives up this long after PREPARED without COMMIT; each side states
 *	its own wish and the smaller one holds
 * @journal: from the destination: identity of its journal. A query that names another one is
 *	answered UNKNOWN, since a new journal cannot know what the old one did
 * @tsc_khz: rate of the TSC that the guest was born with, or that its policy promises; 0 not told
 * @reserved: zero
 * @host: name of the speaker's host, for messages
 * @build: version of the speaker's module or tool, for messages
 */
struct ferry_stream_hello {
	__u32 flags;
	__u32 nr_vcpus;
	__u64 features;
	__u64 memory_bytes;
	__u32 page_size;
	__u32 timeout_ms;
	__u64 journal;
	__u64 resident_bytes;
	__u32 tsc_khz;
	__u32 reserved;
	__u8 host[64];
	__u8 build[32];
};

/**
 * struct ferry_stream_policy - the guest's CPU (POLICY)
 * @nr_cpuid: struct ferry_cpuid_entry (32 bytes each) that follow
 * @nr_msrs: struct ferry_policy_msr (16 bytes each) after those
 * @reserved: zero
 *
 * Checked against the destination's silicon before any page moves.
 */
struct ferry_stream_policy {
	__u32 nr_cpuid;
	__u32 nr_msrs;
	__u64 reserved;
};

#define FERRY_STREAM_CPUID_SIZE 32
#define FERRY_STREAM_MSR_SIZE 16
#define FERRY_STREAM_FINDING_SIZE 32

/**
 * struct ferry_stream_region - one region of guest memory in a MAP body
 * @gpa: first byte, page aligned
 * @length: bytes, a multiple of the page size, not zero
 * @region: its number, as FERRY_SET_MEMORY had it
 * @flags: as FERRY_SET_MEMORY had them
 *
 * Regions are in ascending order of @gpa and do not overlap.
 */
struct ferry_stream_region {
	__u64 gpa;
	__u64 length;
	__u32 region;
	__u32 flags;
};

/**
 * struct ferry_stream_map - which memory the guest has (MAP)
 * @count: regions that follow, 1 to FERRY_STREAM_MAX_REGIONS
 * @reserved: zero
 */
struct ferry_stream_map {
	__u32 count;
	__u32 reserved;
};

/**
 * struct ferry_stream_page - one entry of a PAGES body
 * @gfn: guest-physical address / 4096; ascending within a record
 * @crc: CRC32C of the contents, computed from the live page
 * @reserved: zero
 *
 * A guest that runs may write between checksum and send; such a page fails its CRC and stays
 * unverified until a later copy verifies. The CRC is per page and not per record, because only the
 * page that was written is sent again: its neighbours would stay unverified for ever. While the
 * guest is frozen a CRC that fails is an error at once.
 */
struct ferry_stream_page {
	__u64 gfn;
	__u32 crc;
	__u32 reserved;
};

/**
 * struct ferry_stream_pages - page contents (PAGES)
 * @count: pages, 1 to FERRY_STREAM_MAX_BATCH
 * @reserved: zero
 *
 * ::
 *
 *   +-------+-------+---------------------+-------------------------+
 *   | count | 0     | count x page entry  | count x 4096 bytes      |
 *   +-------+-------+---------------------+-------------------------+
 *   |<-------- under the record's crc --->|<-- under each entry's ->|
 */
struct ferry_stream_pages {
	__u32 count;
	__u32 reserved;
};

/**
 * struct ferry_stream_run - pages that are all zero
 * @gfn: the first
 * @count: how many
 */
struct ferry_stream_run {
	__u64 gfn;
	__u64 count;
};

/**
 * struct ferry_stream_zero - pages without contents (ZERO)
 * @count: runs that follow, ascending and disjoint; a run may span neighbouring regions
 * @reserved: zero
 */
struct ferry_stream_zero {
	__u32 count;
	__u32 reserved;
};

/**
 * struct ferry_stream_round - end of one pass over memory (ROUND), and its echo (ROUND_ACK)
 * @round: 1 for the first
 * @pages: page copies sent (ACK: received) so far
 * @dirty: pages the harvest before this round found (ACK: pages now unverified)
 */
struct ferry_stream_round {
	__u64 round;
	__u64 pages;
	__u64 dirty;
};

/**
 * struct ferry_stream_freeze - the guest has stopped; from here contents are final (FREEZE)
 * @pages: page copies sent so far
 * @reserved: zero
 */
struct ferry_stream_freeze {
	__u64 pages;
	__u64 reserved;
};

#define FERRY_STREAM_VM_WIDE 0xffffffffU

/**
 * struct ferry_stream_state - one state group (STATE); its struct of <linux/ferry.h> follows
 * @group: FERRY_STATE_*
 * @vcpu: vCPU id, or FERRY_STREAM_VM_WIDE
 */
struct ferry_stream_state {
	__u32 group;
	__u32 vcpu;
};

/**
 * struct ferry_stream_devices - a piece of userspace's device states (DEVICES)
 * @offset: of this piece; pieces come in order without gaps
 * @total: bytes of all pieces, the same in each
 */
struct ferry_stream_devices {
	__u64 offset;
	__u64 total;
};

/**
 * struct ferry_stream_digest - over all STATE and DEVICES bodies in order (STATE_DIGEST), or over
 *	all memory (MEMORY_DIGEST)
 * @digest: see wire_digest() in module/lib/wire
 * @count: bodies, or pages that are not all zero, that went into it
 */
struct ferry_stream_digest {
	__u64 digest;
	__u64 count;
};

/**
 * struct ferry_stream_end - everything was sent (END)
 * @records: records before this one
 * @pages: page copies sent in all
 */
struct ferry_stream_end {
	__u64 records;
	__u64 pages;
};

/**
 * struct ferry_stream_token - the nonces of the handover (PREPARED, COMMIT, RUNNING)
 * @source: nonce of the source's header
 * @destination: made by the destination when it prepared
 *
 * Each record must carry both as its reader knows them; a wrong one ends the stream.
 */
struct ferry_stream_token {
	__u64 source;
	__u64 destination;
};

/**
 * struct ferry_stream_reason - why a side gives up (REFUSE, ABORT, CANCEL)
 * @code: a positive errno
 * @nr_findings: struct ferry_finding (32 bytes each) that follow; only REFUSE has any
 * @total_findings: how many there were before the list was cut
 * @record: type of the record that was refused, 0 if none
 * @offset: byte offset of that record in its stream
 * @reserved: zero
 * @text: for a person, NUL-terminated
 */
struct ferry_stream_reason {
	__u32 code;
	__u32 nr_findings;
	__u32 total_findings;
	__u32 record;
	__u64 offset;
	__u64 reserved;
	__u8 text[128];
};

/* ferry_stream_answer.answer */
#define FERRY_ANSWER_NEVER 1 /* this generation never ran there and now never will */
#define FERRY_ANSWER_ABORTED 2 /* it was given up there and now never will run */
#define FERRY_ANSWER_RAN 3 /* it runs or ran there */
#define FERRY_ANSWER_UNKNOWN 4 /* it may have run: restarted in between, or journal lost */

/**
 * struct ferry_stream_query - what became of this uuid and generation (QUERY)
 * @journal: as the destination's HELLO gave it
 * @nonce: of the header of the stream asked about
 */
struct ferry_stream_query {
	__u64 journal;
	__u64 nonce;
};

/**
 * struct ferry_stream_answer - answer from the destination's journal (ANSWER)
 * @answer: FERRY_ANSWER_*
 * @reserved: zero
 * @journal: identity of the journal that answers
 */
struct ferry_stream_answer {
	__u32 answer;
	__u32 reserved;
	__u64 journal;
};

#endif /* _UAPI_LINUX_FERRY_STREAM_H */
