/* HyParView messages (Leitao, Pereira, Rodrigues, DSN 2007, s4) in decoded form, and their codec.
 *
 * The machine works on ids alone. Address hints travel beside the ids: they are opaque bytes to
 * everything but the dialler, and a peer id proves itself at the dial. */
#ifndef SG_WIRE_HPV_MSG_H
#define SG_WIRE_HPV_MSG_H

#include <stdbool.h>

#include "base/reader.h"
#include "base/writer.h"
#include "wire/limits.h"

/* Opaque addresses of one peer. */
struct sg_hints {
    uint8_t count; /* 0 .. SG_HINTS_MAX */
    struct {
        uint8_t len; /* 1 .. SG_HINT_LEN_MAX */
        uint8_t b[SG_HINT_LEN_MAX];
    } hint[SG_HINTS_MAX];
};

/* Values are the wire's. The sender is always the link's authenticated peer, no body names it. */
enum sg_hpv_kind {
    SG_HPV_JOIN = 1,           /* to the contact node, answered by NEIGHBOR_REPLY */
    SG_HPV_FORWARD_JOIN = 2,   /* id[0] = the joiner, ttl */
    SG_HPV_NEIGHBOR = 3,       /* high_priority */
    SG_HPV_NEIGHBOR_REPLY = 4, /* accepted */
    SG_HPV_DISCONNECT = 5,     /* leaving: the sender goes for good */
    SG_HPV_SHUFFLE = 6,        /* id[0] = the origin, id[1..] = its sample, ttl */
    SG_HPV_SHUFFLE_REPLY = 7   /* id[0..] = the answering sample */
};

struct sg_hpv_msg {
    enum sg_hpv_kind kind;
    bool high_priority; /* NEIGHBOR */
    bool accepted;      /* NEIGHBOR_REPLY */
    bool leaving;       /* DISCONNECT */
    uint8_t ttl;        /* FORWARD_JOIN, SHUFFLE: 0 .. SG_HPV_TTL_MAX */
    uint8_t count;      /* ids used: 1 in FORWARD_JOIN, 1 .. SG_HPV_SHUFFLE_MAX in SHUFFLE and
                         * SHUFFLE_REPLY, else 0. All different. */
    struct sg_peer_id id[SG_HPV_SHUFFLE_MAX];
};

/* Bodies (TLS presentation syntax, vectors of RFC 9420 s2.1.2):
 *
 *     opaque PeerId[32];  opaque Hint<1..19>;  enum { no(0), yes(1), (255) } Flag;
 *     struct { PeerId id; uint8 hint_count; Hint hints[hint_count]; } Entry;
 *     struct {
 *         uint8 kind;
 *         select (kind) {
 *             case JOIN:           struct {};
 *             case FORWARD_JOIN:   uint8 ttl; Entry joiner;
 *             case NEIGHBOR:       Flag high_priority;
 *             case NEIGHBOR_REPLY: Flag accepted;
 *             case DISCONNECT:     Flag leaving;
 *             case SHUFFLE:        uint8 ttl; uint8 count; Entry entries[count];
 *             case SHUFFLE_REPLY:  uint8 count; Entry entries[count];
 *         };
 *     } HyParView;
 *
 * Every message has one encoding. An id twice in one message is refused: views are sets, so no
 * correct peer repeats one. */

/* The longest body: a SHUFFLE with all entries and all hints. */
#define SG_HPV_MSG_LEN_MAX                                                                         \
    (3 + SG_HPV_SHUFFLE_MAX * (SG_ID_LEN + 1 + SG_HINTS_MAX * (1 + SG_HINT_LEN_MAX)))

/* Writes the body (without frame header) of a valid message. hints [msg->count] parallel to
 * msg->id, borrowed; NULL = none. */
void sg_hpv_msg_encode(struct sg_writer *w, const struct sg_hpv_msg *msg,
                       const struct sg_hints *hints);
/* Reads one body to its end. hints [SG_HPV_SHUFFLE_MAX] is filled for msg->count ids.
 * SG_ERR_TRUNCATED, SG_ERR_TRAILING, SG_ERR_MALFORMED (unknown kind, flag, ttl, count, empty hint
 * or repeated id), SG_ERR_NOT_CANONICAL (length of a hint), SG_ERR_OVERSIZED (hint). On error msg
 * and hints are unspecified. */
SG_MUST_USE sg_err sg_hpv_msg_decode(struct sg_reader *r, struct sg_hpv_msg *msg,
                                     struct sg_hints *hints);

#endif
