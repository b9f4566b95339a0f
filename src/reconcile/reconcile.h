/* One reconciliation session: two peers find out which items of a set each of them lacks. A pure
 * machine on either side, messages in and out. See reconcile.c for the essay.
 *
 * The opener decodes and learns the difference; the answering side sends symbols of its set. What
 * the items are, keys and time slots are the caller's business. */
#ifndef SG_RECONCILE_RECONCILE_H
#define SG_RECONCILE_RECONCILE_H

#include "base/time.h"
#include "reconcile/riblt.h"

/* No input gives more outputs; more work leaves the deadline at once. */
#define SG_REC_OUT_MAX 16
/* The first batch is at least so long: .998 of all differences of 10 are in it (sync.md 2.3). */
#define SG_REC_FIRST_MIN 48

struct sg_rec_config {
    const struct sg_mem *mem;
    uint32_t symbols_max; /* [65536] of one session, <= SG_REC_SYMBOLS_MAX; also limited to four
                           * times the larger set */
    uint64_t bytes_max;   /* [1 MiB] of symbols or short ids in one session */
    uint64_t patience_ns; /* [10 s] without a message of the other side */
};

struct sg_rec_config sg_rec_config_default(const struct sg_mem *mem);

enum sg_rec_in_kind {
    SG_REC_IN_TIMEOUT,
    SG_REC_IN_OPEN,   /* number, from, to, count, estimate: become the opener */
    SG_REC_IN_SET,    /* keys, ids [count]: our set. The answering side's first input; the opener's
                       * when SKETCH has come, which says nonce and slots, and before it is fed */
    SG_REC_IN_MESSAGE /* msg of this session, not WANT, OFFER or SENT */
};

struct sg_rec_in {
    enum sg_rec_in_kind kind;
    uint32_t number;   /* of the session */
    uint32_t from, to; /* slots, passed on in OPEN */
    uint32_t count;
    uint32_t estimate;         /* of the difference: sg_rec_smooth; 0: digest first */
    struct sg_riblt_keys keys; /* of this session alone */
    const uint64_t *ids;       /* short ids under keys.id; borrowed */
    const struct sg_rec_msg *msg;
};

enum sg_rec_out_kind {
    SG_REC_OUT_SEND,  /* msg; its arrays point into the machine, valid until the next input */
    SG_REC_OUT_DONE,  /* opener: theirs and ours are known; answering side: the opener has ended */
    SG_REC_OUT_FAILED /* err: SG_ERR_TIMEOUT, SG_ERR_LIMIT (caps, or the peer is busy),
                       * SG_ERR_PROTOCOL (the peer's set is not what it says) */
};

struct sg_rec_out {
    enum sg_rec_out_kind kind;
    sg_err err;
    struct sg_rec_msg msg;
};

struct sg_rec_outbox {
    size_t count;
    struct sg_rec_out out[SG_REC_OUT_MAX];
};

enum sg_rec_state {
    SG_REC_NEW,
    SG_REC_OPENED,    /* opener: SKETCH is under way */
    SG_REC_DECODING,  /* opener: symbols come */
    SG_REC_LISTING,   /* opener: short ids come */
    SG_REC_ANSWERING, /* the other side */
    SG_REC_ENDED
};

struct sg_rec {
    struct sg_rec_config config;
    enum sg_rec_state state;
    bool has_set;
    bool has_listed, is_listing; /* answering side: short ids were asked for; more are to go out */
    sg_time_ns now, heard_at;
    uint32_t number, from, to;
    uint32_t their_count;
    struct sg_riblt_keys keys;
    struct sg_riblt_encoder encoder;
    struct sg_riblt_decoder decoder;
    struct sg_riblt_digest their_digest;
    uint32_t credit;               /* symbols asked for, in all */
    uint32_t sent;                 /* symbols, or short ids once is_listing */
    struct sg_rec_symbol *pending; /* [pending_count] of pending_cap, received, not yet decoded */
    uint32_t pending_count, pending_cap;
    uint64_t *theirs, *ours; /* the difference, by value */
    uint32_t theirs_count, ours_count, theirs_cap, ours_cap;
    struct sg_rec_symbol *piece; /* [SG_REC_OUT_MAX * SG_REC_PIECE_MAX] behind outputs */
    uint64_t *id_piece;          /* [SG_REC_IDS_MAX] */
};

void sg_rec_init(struct sg_rec *m, const struct sg_rec_config *config, sg_time_ns now);
void sg_rec_fini(struct sg_rec *m);
/* One event in, all its outputs out (out is emptied first). On an error neither machine nor out has
 * changed: SG_ERR_INVALID_STATE (input out of its order: a bug), SG_ERR_PROTOCOL (a message out of
 * its order, or more than was asked for: the peer's fault), SG_ERR_LIMIT (a set above 2^24 items).
 * SG_ERR_NO_MEMORY: the session is over. */
SG_MUST_USE sg_err sg_rec_input(struct sg_rec *m, sg_time_ns now, const struct sg_rec_in *in,
                                struct sg_rec_outbox *out);
/* When to feed IN_TIMEOUT; <= now: at once; SG_TIME_NEVER once it has ended. */
sg_time_ns sg_rec_deadline(const struct sg_rec *m);
/* Asserts every invariant. O(1). */
void sg_rec_check(const struct sg_rec *m);

/* The estimate for the next session with a peer, from the one kept of it (0 at first, in quarters)
 * and the difference just found: a quarter of the way. */
static inline uint32_t sg_rec_smooth(uint32_t quarters, uint32_t difference)
{
    uint32_t most = UINT32_C(1) << 24;
    return quarters - quarters / 4 + (difference < most ? difference : most);
}

#endif
