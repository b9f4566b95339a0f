/* Set reconciliation messages (docs/protocol.md, "Reconciliation") in decoded form, and their
 * codec.
 *
 * A session belongs to the peer that opened it: it asks, decodes, and says when it has enough; the
 * other side answers with symbols of its set. Which message comes from which side follows from its
 * kind, but for WANT, OFFER and SENT, which say it. Family 5, lane pubsub, any topic's scope. */
#ifndef SG_WIRE_RECONCILE_MSG_H
#define SG_WIRE_RECONCILE_MSG_H

#include <stdbool.h>

#include "base/reader.h"
#include "base/writer.h"
#include "wire/limits.h"

/* Values are the wire's. */
enum sg_rec_kind {
    SG_REC_OPEN = 1,    /* opener: compare messages of these time slots with me */
    SG_REC_SKETCH = 2,  /* answer: size and digest of the set, and the first symbols */
    SG_REC_SYMBOLS = 3, /* answer: the symbols that follow */
    SG_REC_MORE = 4,    /* opener: symbols up to here are wanted */
    SG_REC_DONE = 5,    /* either: the session's end */
    SG_REC_LIST = 6,    /* opener: symbols do not help, send all short ids */
    SG_REC_IDS = 7,     /* answer: some of them */
    SG_REC_WANT = 8,    /* either: send me these */
    SG_REC_OFFER = 9,   /* opener: you lack these */
    SG_REC_SENT = 10    /* either: a WANT is worked off */
};

/* Why a session ended. Values are the wire's. */
enum sg_rec_reason {
    SG_REC_COMPLETE = 0, /* nothing more is wanted */
    SG_REC_BUSY = 1,     /* no room for a session now */
    SG_REC_GAVE_UP = 2   /* a limit is reached, or the set has changed under the session */
};

/* A coded symbol; see reconcile/riblt.h. */
struct sg_rec_symbol {
    uint64_t id;    /* XOR of short ids */
    uint64_t check; /* XOR of checks: the low 32 bits below SG_REC_SHORT_CHECKS, then all */
    uint8_t count;  /* mod 256 */
};

/* Below this index a symbol is 13 bytes, from here on 17: the more symbols, the more of them are
 * looked at while peeling. */
#define SG_REC_SHORT_CHECKS 10000
#define SG_REC_DIGEST_LEN 16

struct sg_rec_msg {
    enum sg_rec_kind kind;
    uint32_t session; /* the opener's number on this link, and its nonce */
    bool by_opener;   /* WANT, OFFER, SENT: the sender has opened the session */
    uint32_t nonce;   /* SKETCH: the answering side's */
    uint32_t from;    /* OPEN, SKETCH: first time slot; the later one of both counts */
    uint32_t to;      /* OPEN: the slot after the last */
    uint32_t count;   /* OPEN, SKETCH: items in the set; SENT: messages served */
    uint32_t upto;    /* OPEN: symbols wanted at once; MORE: wanted in all */
    uint32_t index;   /* SYMBOLS: of the first one; 0 in SKETCH */
    uint8_t digest[SG_REC_DIGEST_LEN];   /* SKETCH */
    enum sg_rec_reason reason;           /* DONE */
    bool is_last;                        /* IDS: no more follow */
    uint16_t symbol_count;               /* SKETCH, SYMBOLS */
    uint16_t id_count;                   /* IDS, WANT, OFFER */
    const struct sg_rec_symbol *symbols; /* borrowed */
    const uint64_t *ids;                 /* short ids; borrowed */
};

/* Where a decoded message keeps its arrays. */
struct sg_rec_room {
    struct sg_rec_symbol symbols[SG_REC_PIECE_MAX];
    uint64_t ids[SG_REC_IDS_MAX];
};

/* Bodies with their kind byte. */
void sg_rec_msg_encode(struct sg_writer *w, const struct sg_rec_msg *msg);
/* Reads one body to its end; arrays point into room. SG_ERR_TRUNCATED, SG_ERR_TRAILING,
 * SG_ERR_MALFORMED (kind, flag, reason, empty or too long arrays, symbols across
 * SG_REC_SHORT_CHECKS, slots out of order, more symbols than SG_REC_SYMBOLS_MAX). On error msg is
 * unspecified. */
SG_MUST_USE sg_err sg_rec_msg_decode(struct sg_reader *r, struct sg_rec_msg *msg,
                                     struct sg_rec_room *room);

#endif
