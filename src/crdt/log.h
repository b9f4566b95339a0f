/* Who wrote what after what: the batches of a document by author chain, and what each of them had
 * in its past. See log.c for the essay. */
#ifndef SG_CRDT_LOG_H
#define SG_CRDT_LOG_H

#include "base/index.h"
#include "crdt/limits.h"
#include "crdt/seq.h"

#define SG_LOG_NONE UINT32_MAX

/* A batch that is in. */
struct sg_log_batch {
    uint8_t name[SG_ID_LEN]; /* first: for the index */
    uint32_t chain, seq;
    uint32_t counter, ops;      /* its operations are counter .. counter + ops - 1 of the chain */
    uint32_t lamport;           /* of the first one */
    uint32_t offset, len;       /* of its rest in sg_log.bytes; len 0: not kept */
    uint32_t head_at : 31;      /* place in sg_log.heads + 1; 0: others have it in their past */
    uint32_t is_floor_head : 1; /* of the batches that the floor ends with */
};

/* From batch seq of the owning chain on, the past has the operations below upto. */
struct sg_log_step {
    uint32_t seq, upto;
};

/* What the owning chain has seen of another one. */
struct sg_log_track {
    uint32_t chain;
    uint32_t count, cap;
    struct sg_log_step *steps; /* [count] both fields rise */
};

/* From this counter on Lamport times go with counters. */
struct sg_log_clock {
    uint32_t counter, lamport;
};

struct sg_log_chain {
    uint8_t author[SG_ID_LEN]; /* first: for the index */
    uint32_t parent;           /* the chain it forked from, SG_LOG_NONE: none */
    uint32_t depth;            /* how many it goes on from .. */
    uint32_t jump;             /* .. and one of them, for long ways up; itself: there is none */
    uint32_t next_same;        /* chains of the author, in the order in which they came .. */
    uint32_t last_same;        /* .. of the first one: the last of them */
    uint32_t first_child;      /* of the chains that forked from it, the newest first .. */
    uint32_t next_child;       /* .. and of this one the next; SG_LOG_NONE: no more */
    uint32_t start_seq;        /* of its first batch, see sg_replica.used_seq .. */
    uint32_t start;            /* .. and that one's first counter */
    uint32_t end;              /* next counter */
    uint32_t end_seq;          /* next seq */
    uint32_t end_lamport;
    uint32_t signed_seq;      /* batches below this have a checkpoint */
    uint32_t made_seq;        /* batches below this were made here, or come from a floor */
    uint32_t floor;           /* operations below this are in the floor */
    uint8_t head[SG_ID_LEN];  /* name of the last batch, when end_seq > start_seq */
    uint8_t first[SG_ID_LEN]; /* name of the first batch .. */
    uint8_t rival[SG_ID_LEN]; /* .. and of the parent's with the same seq */
    uint32_t *batches;        /* [count] those above the floor, by seq; the last is end_seq - 1 */
    uint32_t count, cap;
    struct sg_log_track *tracks; /* [track_count] sorted by chain */
    uint32_t track_count, track_cap;
    struct sg_log_clock *clocks; /* [clock_count] sorted */
    uint32_t clock_count, clock_cap;
};

struct sg_log {
    const struct sg_mem *mem;
    struct sg_index_keys keys;
    struct sg_index index;        /* of batches by name */
    struct sg_log_batch *batches; /* [count] each after its past */
    uint32_t count, cap;
    struct sg_index authors;     /* of the first chain of each by author */
    struct sg_log_chain *chains; /* [chain_count] in the order in which they came */
    uint32_t chain_count, chain_cap;
    uint32_t branches; /* chains that have a parent */
    uint32_t *heads;   /* [head_count] numbers of batches that no other one has in its past */
    uint32_t head_count, head_cap;
    uint8_t *bytes; /* [bytes_len] of bytes_cap: what is kept of batches */
    uint32_t bytes_len, bytes_cap;
    uint32_t lamport;      /* the largest one */
    uint32_t open_lamport; /* of the first operation of what is being applied */
    /* The first floor_count batches stand for the floor: names without contents. */
    uint32_t floor_count, floor_heads;
    uint32_t floor_lamport; /* the largest one in the floor; 0: there is none */
    uint64_t seen;          /* bytes of tracks and steps: what chains have seen of others */
};

void sg_log_init(struct sg_log *log, const struct sg_mem *mem, uint64_t seed);
void sg_log_fini(struct sg_log *log);

/* Number of the batch with this name, or SG_LOG_NONE. */
uint32_t sg_log_find(const struct sg_log *log, const uint8_t name[SG_ID_LEN]);
/* The batch of a chain with this seq (the chains that it forked from included), or SG_LOG_NONE. */
uint32_t sg_log_at(const struct sg_log *log, uint32_t chain, uint32_t seq);
/* The first chain of this author that goes on from none and begins with this number, or
 * SG_LOG_NONE. */
uint32_t sg_log_root(const struct sg_log *log, const uint8_t author[SG_ID_LEN], uint32_t start_seq);
/* Whether a batch of this author has this number or a higher one. */
bool sg_log_is_used(const struct sg_log *log, const uint8_t author[SG_ID_LEN], uint32_t seq);
/* The chain of this author with the longest history, SG_LOG_NONE: none. */
uint32_t sg_log_longest(const struct sg_log *log, const uint8_t author[SG_ID_LEN]);
/* The chain of which this author has surely written the most, by the batches that were made here or
 * have a checkpoint: *end_seq is behind the last of them. What is beyond may be anybody's, for a
 * batch alone does not show who wrote it. SG_LOG_NONE: there is none. */
uint32_t sg_log_own(const struct sg_log *log, const uint8_t author[SG_ID_LEN], uint32_t *end_seq);
/* The chain that is this one of another log of the document, SG_LOG_NONE: it is not in. */
uint32_t sg_log_chain_like(const struct sg_log *log, const struct sg_log_chain *chain);
/* A new chain, which has no batch yet. SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_log_chain_new(struct sg_log *log, const uint8_t author[SG_ID_LEN],
                                    uint32_t parent, uint32_t start_seq, uint32_t *out);

/* Takes back the newest chain, which has no batch. O(chains of its author). */
void sg_log_chain_drop(struct sg_log *log);
/* Its parent, so that a chain of the same author becomes a fork: before it has batches. */
void sg_log_chain_fork(struct sg_log *log, uint32_t chain, uint32_t parent);

/* Where in the log a batch goes: its predecessor and what it depends on. */
struct sg_log_past {
    uint32_t chain;       /* that it belongs to */
    uint32_t prev;        /* number of a batch, or SG_LOG_NONE */
    const uint32_t *deps; /* [dep_count] numbers of batches, by rising name */
    uint32_t dep_count;
};

/* Whether the batch with which these operations of a chain end (counters below `end`) is the last
 * one of its author in a past that has upto [chain_count] (sg_log_upto_all), in no matter which
 * chain. That it is in the past is known. O(children of the chain). */
bool sg_log_is_last(const struct sg_log *log, const uint32_t *upto, uint32_t chain, uint32_t end);
/* Operations of a chain, itself without those it forked from, that are in the past of a new batch;
 * counters below this. O(deps * log). */
uint32_t sg_log_upto(const struct sg_log *log, const struct sg_log_past *past, uint32_t chain);
/* The same of all chains -> upto [chain_count]. O(what the dependencies have seen). */
void sg_log_upto_all(const struct sg_log *log, const struct sg_log_past *past, uint32_t *upto);
/* Whether the past names all heads, so that it has all that is in the log. O(heads log deps). */
bool sg_log_sees_all(const struct sg_log *log, const struct sg_log_past *past);
/* Whether the past has the floor. */
bool sg_log_sees_floor(const struct sg_log *log, const struct sg_log_past *past);
/* Whether no dependency is in the past of prev or of another one. The same answer with and without
 * the floor. most: room for [chain_count]. O(log) for few dependencies, else
 * O(chains that they have seen). */
bool sg_log_is_minimal(const struct sg_log *log, const struct sg_log_past *past, uint32_t *most);
/* Lamport time of the first operation of a batch with this past. */
uint32_t sg_log_next_lamport(const struct sg_log *log, const struct sg_log_past *past);

/* Bytes that adding a batch with this past adds to what chains have seen of others. O(what its
 * dependencies have seen). */
uint64_t sg_log_seen_by(const struct sg_log *log, const struct sg_log_past *past);
/* Adds a batch at the end of past->chain; name, ops, lamport and rest (kept as a copy, may be
 * empty) are set. SG_ERR_NO_MEMORY: nothing has changed that matters, but see sg_crdt. */
SG_MUST_USE sg_err sg_log_add(struct sg_log *log, const struct sg_log_past *past,
                              const struct sg_log_batch *batch, struct sg_bytes rest);

/* Number of tracks of a chain that are of lower chains. */
uint32_t sg_log_track_rank(const struct sg_log_chain *chain, uint32_t other);
/* What batch seq had seen by this track. */
uint32_t sg_log_track_upto(const struct sg_log_track *track, uint32_t seq);

/* The chain that an operation is in, when chain or one it forked from has it. */
struct sg_seq_id sg_log_resolve(const struct sg_log *log, uint32_t chain, uint32_t counter);
/* The same of a range that begins at counter: *count becomes how much of it is in that chain. All
 * of these O(log of how often the chain forked before it). */
struct sg_seq_id sg_log_resolve_range(const struct sg_log *log, uint32_t chain, uint32_t counter,
                                      uint32_t *count);
/* Operations beyond the end of their chain belong to what is being applied. */
uint32_t sg_log_lamport(const struct sg_log *log, struct sg_seq_id id);
/* Total and the same everywhere: author, counter, and between forks the names of the batches in
 * which they part. */
int sg_log_compare(const struct sg_log *log, struct sg_seq_id a, struct sg_seq_id b);
/* The rest of a batch, borrowed until the next one is added. */
struct sg_bytes sg_log_rest(const struct sg_log *log, const struct sg_log_batch *batch);
/* Notes that from counter on Lamport times of a chain go with lamport. SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_log_clock_add(struct sg_log *log, uint32_t chain, uint32_t counter,
                                    uint32_t lamport);
/* A batch is a head no more, if it was one. */
void sg_log_head_drop(struct sg_log *log, uint32_t batch);
/* One more head. SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_log_head_add(struct sg_log *log, uint32_t batch);

#endif
