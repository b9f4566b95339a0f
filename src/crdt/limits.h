/* What a document may cost, with the reason for each value.
 *
 * A batch is refused for what it is and what its past says, never for what else happens to be here:
 * else replicas would differ for ever, or a document would not open again. So there is no limit to
 * the things and authors of a document but the bytes of its batches; only what this replica's own
 * author makes anew stops at 65 536 things with names. Two limits are no judgement but about this
 * machine's memory, pending and seen: what is beyond them is postponed (SG_ERR_LIMIT) like bytes on
 * a full disk, comes again with each sync, and is the same batch then; what is stored already is
 * always loaded. They cannot follow from a batch's past: k authors who have not seen each other may
 * each have seen the same n, and only who has them all knows that this makes k times n. */
#ifndef SG_CRDT_LIMITS_H
#define SG_CRDT_LIMITS_H

#include <stdint.h>

struct sg_crdt_limits {
    uint32_t batch_bytes;        /* [1 MiB] a pasted book; it goes over the bulk lane */
    uint32_t deps;               /* [16384] concurrent heads that one batch may merge */
    uint32_t refs;               /* [4096] other chains named in one batch */
    uint32_t objects;            /* [65536] named in one batch; of the document: see below */
    uint32_t value_bytes;        /* [65536] of a register or an element of a set */
    uint32_t pending_bytes;      /* [16 MiB] waiting for what they depend on, in all .. */
    uint32_t pending_peer_bytes; /* [4 MiB] .. and from one peer */
    uint64_t seen_bytes;         /* [1 GiB] to remember which author had seen which: it grows with
                                  * the square of authors, 32 bytes a pair .. */
    uint64_t seen_free;          /* [32 MiB] .. but not above this and .. */
    uint32_t seen_ratio;         /* [64] .. so many times what the batches are long: who sends a
                                  * megabyte of junk does not take a gigabyte for it */
    uint32_t ops;                /* [2^30 - 1] Lamport times and counters of a document */
};

/* A key is a person's word for something. */
#define SG_CRDT_KEY_MAX 255
/* Maps in maps: a path that people still understand. */
#define SG_CRDT_DEPTH_MAX 16

#define SG_CRDT_LIMITS_DEFAULT                                                                     \
    {                                                                                              \
        .batch_bytes = 1 << 20, .deps = 16384, .refs = 4096, .objects = 1 << 16,                   \
        .value_bytes = 1 << 16, .pending_bytes = 16 << 20, .pending_peer_bytes = 4 << 20,          \
        .seen_bytes = UINT64_C(1) << 30, .seen_free = UINT64_C(32) << 20, .seen_ratio = 64,        \
        .ops = 0x3fffffff,                                                                         \
    }

#endif
