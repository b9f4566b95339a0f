/* Two replicas of a document find out who lacks what: the first part of a sync session, before any
 * operation flows. A pure machine on either side, messages in and out. See doc_compare.c for the
 * essay. */
#ifndef SG_NODE_DOC_COMPARE_H
#define SG_NODE_DOC_COMPARE_H

#include "crdt/bundle.h"
#include "node/doc_ids.h"
#include "reconcile/reconcile.h"

#define SG_DOC_NONCE_LEN 16
/* Symbols that go out unasked: 100 entries that differ need 145 on average, and 175 in one case of
 * a hundred (sync.md 2.3). As many bytes as 312 short ids, so smaller frontiers go as they are. */
#define SG_DOC_SYMBOLS_FIRST 192

/* Values are the wire's. */
enum sg_doc_compare_kind {
    SG_DOC_OPEN = 1,    /* who I am and what I have, in short */
    SG_DOC_SYMBOLS = 2, /* messages of the reconciliation, one or more */
    SG_DOC_LIST = 3,    /* all short ids, when there are few */
    SG_DOC_DIFFER = 4,  /* the decoding side: what differs */
    SG_DOC_KNOWN = 5    /* the answer: what of it is known */
};

/* One end of a chain. */
struct sg_doc_end {
    uint64_t id; /* of the name, under the key of the session */
    uint32_t batch;
};

struct sg_doc_compare {
    const struct sg_replica *replica; /* borrowed; may grow meanwhile, but lose nothing */
    const struct sg_mem *mem;
    struct sg_doc_end *ends; /* [count] by id once there are keys */
    uint32_t count, their_count;
    uint32_t log_end; /* batches when it began */
    uint8_t nonce[SG_DOC_NONCE_LEN], their_nonce[SG_DOC_NONCE_LEN];
    uint8_t digest[SG_ID_LEN]; /* of the frontier */
    bool has_opened, peer_opened, is_equal;
    bool was_first; /* our OPEN went out before theirs was here */
    bool is_decoder, has_keys, has_listed, has_known;
    struct sg_riblt_keys keys;
    struct sg_rec rec;
    bool has_rec;
    struct sg_column queue;  /* messages of the reconciliation that are to go out */
    struct sg_column differ; /* DIFFER or KNOWN that is to go out; empty: none */
    uint32_t *ours;          /* [ours_count] places in ends: what the peer does not end with */
    uint32_t ours_count;
    bool has_differed;                   /* DIFFER went out, or came */
    bool is_ready;                       /* view says what the peer has */
    bool is_above;                       /* the peer has something above our floor .. */
    uint32_t floor_ends;                 /* .. or so many of its ends */
    struct sg_doc_wish wish, their_wish; /* the first one is the caller's, set before next */
    struct sg_frontier_view view;
};

/* Of the replica as it is now. nonce: random, and secret from third parties if the messages are.
 * SG_ERR_NO_MEMORY: nothing to be freed. SG_ERR_LIMIT: too many chains. */
SG_MUST_USE sg_err sg_doc_compare_init(struct sg_doc_compare *c, const struct sg_replica *replica,
                                       const uint8_t nonce[SG_DOC_NONCE_LEN]);
void sg_doc_compare_fini(struct sg_doc_compare *c);
/* Appends the next message, kind byte first; nothing when there is none now. SG_ERR_NO_MEMORY: the
 * session is over. */
SG_MUST_USE sg_err sg_doc_compare_next(struct sg_doc_compare *c, struct sg_column *out);
/* A message of the peer, its kind one of enum sg_doc_compare_kind. The peer's fault:
 * SG_ERR_WRONG_PEER (another document), SG_ERR_PROTOCOL (out of its order, or no set has such
 * symbols), SG_ERR_LIMIT (too much differs, or the peer has given up), SG_ERR_MALFORMED and so on.
 * SG_ERR_NO_MEMORY. Then the session is over. */
SG_MUST_USE sg_err sg_doc_compare_input(struct sg_doc_compare *c, enum sg_doc_compare_kind kind,
                                        struct sg_bytes body);
/* Both have the same; there is no view. */
static inline bool sg_doc_compare_is_equal(const struct sg_doc_compare *c)
{
    return c->peer_opened && c->is_equal;
}
/* What the peer has: set when sg_doc_compare_is_ready, and nothing that was to be said waits. */
static inline bool sg_doc_compare_is_ready(const struct sg_doc_compare *c)
{
    return c->is_ready && c->differ.len == 0;
}

#endif
