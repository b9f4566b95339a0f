/* SWIM messages (Das, Gupta, Motivala, "SWIM", DSN 2002; Dadgar, Phillips, Currey, "Lifeguard",
 * arXiv 1707.00788) in decoded form, and their codec.
 *
 * Packets are losable and ride in QUIC DATAGRAM frames; tables and records are frames of the mship
 * lane. The sender is always the link's authenticated peer, no body names it. Family 4, base
 * scope. */
#ifndef SG_WIRE_SWIM_MSG_H
#define SG_WIRE_SWIM_MSG_H

#include <stdbool.h>

#include "base/reader.h"
#include "base/writer.h"
#include "wire/hpv_msg.h"
#include "wire/limits.h"

/* Boot counter in the high half, counter in memory in the low half: a restarted node outranks its
 * own ghost. */
typedef uint64_t sg_incarnation;

/* What is said of a member. Values are the wire's. */
enum sg_swim_rumor_kind {
    SG_SWIM_ALIVE = 1,   /* hearsay; with hints where the sender has them */
    SG_SWIM_SUSPECT = 2, /* by accuser */
    SG_SWIM_DEAD = 3,    /* by accuser: its own suspicion has run out */
    SG_SWIM_FORGET = 4   /* by accuser, an operator: a dead member is not waited for any more */
};

struct sg_swim_rumor {
    enum sg_swim_rumor_kind kind;
    struct sg_peer_id member;
    sg_incarnation incarnation;
    struct sg_peer_id accuser; /* all but ALIVE */
};

/* Values are the wire's. PING .. GOSSIP are packets, on the datagram lane; the others frames. */
enum sg_swim_kind {
    SG_SWIM_PING = 1,     /* seq */
    SG_SWIM_PING_REQ = 2, /* seq, target: ping it and answer ACK or NACK with this seq */
    SG_SWIM_ACK = 3,      /* seq of the PING or PING_REQ */
    SG_SWIM_NACK = 4,     /* seq of the PING_REQ: the target did not answer so far (Lifeguard) */
    SG_SWIM_GOSSIP = 5,   /* only rumors */
    SG_SWIM_TABLE = 6,    /* push/pull of the member table */
    SG_SWIM_RECORD = 7,   /* signed by its subject */
    SG_SWIM_WANT = 8      /* ids of members whose records the sender wants */
};

/* Bytes that rumors have in a packet: without the head of a base scope's frame, kind, seq, target
 * and count. */
#define SG_SWIM_RUMOR_BYTES (SG_SWIM_PACKET_MAX - 3 - 38)

struct sg_swim_packet {
    enum sg_swim_kind kind; /* PING .. GOSSIP */
    uint32_t seq;           /* 0 in GOSSIP */
    struct sg_peer_id target;
    uint8_t count; /* of rumor, 0 .. SG_SWIM_RUMORS_MAX */
    struct sg_swim_rumor rumor[SG_SWIM_RUMORS_MAX];
};

/* Values are the wire's. */
enum sg_swim_state { SG_SWIM_IS_ALIVE = 1, SG_SWIM_IS_SUSPECT = 2, SG_SWIM_IS_DEAD = 3 };

struct sg_swim_entry {
    struct sg_peer_id member;
    sg_incarnation incarnation;
    enum sg_swim_state state;
    bool has_record; /* the sender holds a RECORD of this incarnation: ask by WANT */
};

/* Part of a member table. The first is the sender itself (alive). A long table is several frames:
 * each is complete in itself. */
struct sg_swim_table {
    bool wants_reply; /* push/pull: the first TABLE of an exchange asks for the other's */
    uint8_t count;    /* 1 .. SG_SWIM_TABLE_MAX */
    struct sg_swim_entry entry[SG_SWIM_TABLE_MAX];
};

/* What a member says of itself, signed: refutations, leaving, metadata.
 *
 *     struct { opaque public_key<V>; uint64 incarnation; Flag leaves; opaque meta<V>;
 *              opaque signature<V>; } Record;
 *     signed: context "saorsa member v1", over network hash [32] || PeerId [32] || incarnation ||
 *             leaves || meta<V> */
struct sg_swim_record {
    struct sg_bytes public_key; /* of the subject: its hash is the PeerId */
    sg_incarnation incarnation;
    bool leaves;
    struct sg_bytes meta; /* [<= SG_SWIM_META_MAX] of the application */
    struct sg_bytes signature;
};

/* A packet with its kind byte. hints [packet->count] parallel to packet->rumor, used for ALIVE
 * rumors, borrowed; NULL = none. The whole fits SG_SWIM_PACKET_MAX when the rumors were chosen by
 * sg_swim_rumor_len. */
void sg_swim_packet_encode(struct sg_writer *w, const struct sg_swim_packet *packet,
                           const struct sg_hints *hints);
/* Bytes that a rumor takes with these hints (NULL = none). */
size_t sg_swim_rumor_len(const struct sg_swim_rumor *rumor, const struct sg_hints *hints);
/* Reads one packet to its end; hints [SG_SWIM_RUMORS_MAX] is filled for packet->count rumors.
 * SG_ERR_TRUNCATED, SG_ERR_TRAILING, SG_ERR_MALFORMED (unknown kind, too many rumors, empty hint),
 * SG_ERR_NOT_CANONICAL, SG_ERR_OVERSIZED. On error packet and hints are unspecified. */
SG_MUST_USE sg_err sg_swim_packet_decode(struct sg_reader *r, struct sg_swim_packet *packet,
                                         struct sg_hints *hints);
/* The frames, each with its kind byte, decoded after the kind byte was read. Errors as above.
 * hints [SG_SWIM_TABLE_MAX] parallel to the entries. */
void sg_swim_table_encode(struct sg_writer *w, const struct sg_swim_table *table,
                          const struct sg_hints *hints);
SG_MUST_USE sg_err sg_swim_table_decode(struct sg_reader *r, struct sg_swim_table *table,
                                        struct sg_hints *hints);
void sg_swim_record_encode(struct sg_writer *w, const struct sg_swim_record *record);
/* Spans borrowed from the reader's bytes. Key and signature lengths are the caller's to check. */
SG_MUST_USE sg_err sg_swim_record_decode(struct sg_reader *r, struct sg_swim_record *record);
void sg_swim_want_encode(struct sg_writer *w, const struct sg_peer_id *members, size_t count);
/* members [SG_SWIM_WANT_MAX]. */
SG_MUST_USE sg_err sg_swim_want_decode(struct sg_reader *r, struct sg_peer_id *members,
                                       size_t *count);

#endif
