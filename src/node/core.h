/* The node without I/O: composes HyParView and Plumtree per scope, links, verification and topic
 * finding. The runtime drives it over QUIC, the simulator over virtual links: exactly this code.
 *
 * A scope is one overlay: the base scope (zero topic id) holds every node, a topic's scope holds
 * its subscribers. All scopes share links; a link is one authenticated connection to a peer.
 *
 * Contract as in the machines: one event in, ordered outputs out, no call-backs, no clock. Inputs
 * never fail because of what a peer sent; such frames are dropped, counted and charged. */
#ifndef SG_NODE_CORE_H
#define SG_NODE_CORE_H

#include <saorsa/types.h>

#include "base/buf.h"
#include "base/time.h"
#include "base/trace.h"
#include "crypto/suite.h"
#include "hyparview/hyparview.h"
#include "node/flow.h"
#include "plumtree/plumtree.h"
#include "swim/swim.h"
#include "wire/frame.h"
#include "wire/hpv_msg.h"
#include "wire/link.h"

/* Where a process has many cores: one buffer for equal bytes that several of them hold. swap gives
 * a reference to such a buffer and takes over that of buf; never NULL. */
struct sg_core_share {
    struct sg_buf *(*swap)(void *user, struct sg_buf *buf); /* NULL = every core for itself */
    void *user;
};

struct sg_core_config {
    const struct sg_mem *mem;
    const struct sg_suite *suite;
    struct sg_signer signer; /* of this node; state borrowed for the core's life */
    struct sg_peer_id self;
    struct sg_bytes network; /* name, 1 .. 255 bytes; hashed in new, not kept */
    uint64_t boot;           /* boot counter: the high half of sequence numbers */
    uint64_t seed;           /* of all choices */
    struct sg_trace trace;
    struct sg_core_share share;    /* [none] of messages and their proofs */
    struct sg_hpv_config hpv;      /* mem is filled in */
    struct sg_pt_config pt;        /* mem is filled in */
    struct sg_swim_config swim;    /* mem is filled in */
    struct sg_bytes meta;          /* [<= SG_SWIM_META_MAX] metadata at the start; copied */
    uint32_t links_max;            /* [256] */
    uint32_t scopes_max;           /* [257] base and 256 topics */
    uint32_t book_max;             /* [2048] peers with address hints, oldest forgotten first */
    uint32_t keys_max;             /* [512] author keys kept after a good signature */
    uint32_t roots_max;            /* [512] verified batch roots */
    uint32_t authors_max;          /* [512] replay windows per scope */
    uint64_t held_bytes_max;       /* [32 MiB] messages held for GRAFT, all scopes; >= 1 MiB */
    uint64_t retention_ns;         /* [15 min] messages are kept for back-fill, by their signed
                                    * time, longer than a partition that heals in 10; 0 = no
                                    * back-fill */
    uint64_t retention_bytes_max;  /* [16 MiB] all scopes; >= 1 MiB */
    uint32_t retention_max;        /* [65536] messages per scope, <= 2^20 */
    uint64_t backfill_interval_ns; /* [30 s] +- 20 % between sessions of a topic, sync.md 2.5 */
    uint64_t large_bytes_max;      /* [64 MiB] large payloads, whole or on their way; >= 16 MiB */
    uint64_t large_have_ns;        /* [50 ms] news of chunks is told to neighbours after so long */
    uint32_t verify_rate;          /* [1000] signature checks per second and link */
    uint32_t verify_burst;         /* [2000] */
    bool offload;                  /* [false] signatures are made and checked by jobs that the
                                    * caller runs, see SG_CORE_OUT_SIGN; false: at once, in here */
    uint8_t batch_max;             /* [64] messages under one signature, <= SG_BATCH_MAX */
    uint64_t linger_ns;            /* [5 ms] least time between signatures, unless a batch fills */
    uint64_t unsigned_bytes_max;   /* [4 MiB] own messages that wait for their signature */
    uint32_t sign_jobs_max;        /* [16] at a time, >= 1 */
    uint32_t verify_jobs_max;      /* [256] at a time, of one link a quarter, >= 1 */
    uint64_t waiting_bytes_max;    /* [8 MiB] messages that wait for a verification, of one link a
                                    * quarter */
    uint32_t frame_rate;           /* [20000] frames per second and link, see charge.c */
    uint32_t pubsub_rate;          /* [200000] the same of the pubsub lane */
    uint32_t byte_rate;            /* [262144] KiB per second and link, of all lanes */
    uint32_t repair_rate;          /* [1024] KiB of messages per second and link for GRAFTs .. */
    uint32_t repair_burst;         /* [4096] .. and at once */
    uint64_t message_ttl_ms;       /* [900000] <= ttl_max_ms; a shorter one is as long as back-fill
                                    * brings a message to those who missed it */
    uint64_t ttl_max_ms;           /* [900000] a longer expiry is refused */
    uint64_t skew_ms;              /* [600000] how wrong a peer's wall clock may be */
    /* [false] LINK_ALIVE answers a PING, see there; at all nodes or none */
    bool datagram_acks;
    uint64_t link_linger_ns;       /* [10 s] an unneeded link is kept so long, > 0 */
    uint64_t ban_ns;               /* [60 s] */
    uint64_t scope_linger_ns;      /* [60 s] a topic without subscription is kept so long */
    uint64_t find_interval_ns;     /* [500 ms] first pause between topic walks, doubling .. */
    uint64_t find_interval_max_ns; /* [30 s] .. up to here */
    uint64_t advert_interval_ns;   /* [300 s] a subscriber says that it has a topic; 0 = never, and
                                    * what others say is not kept */
};

/* Defaults in brackets; suite, signer, self, network, boot and seed are the caller's. */
struct sg_core_config sg_core_config_default(const struct sg_mem *mem);

struct sg_core;

enum sg_core_in_kind {
    SG_CORE_IN_TIMEOUT,
    SG_CORE_IN_LINK_UP,      /* peer, dialled, boot, hints (observed address), srtt_ns, rttvar_ns,
                              * secret */
    SG_CORE_IN_LINK_DOWN,    /* peer, err: the link is gone, or the dial asked for has failed */
    SG_CORE_IN_LINK_RTT,     /* peer, srtt_ns, rttvar_ns, lost_permille */
    SG_CORE_IN_LINK_ALIVE,   /* peer: its transport acknowledged a frame of SG_LANE_DATAGRAM: a
                              * PING is answered by that, an ACK is sent only when it has news */
    SG_CORE_IN_LINK_SECRET,  /* peer, secret: another connection carries the link from now on */
    SG_CORE_IN_SEED,         /* peer: a seed, whose link is up: join through it, or exchange one
                              * of enough neighbours for it. At the start, and about 10 s later */
    SG_CORE_IN_FRAME,        /* peer, lane or SG_LANE_DATAGRAM, bytes (borrowed), buf */
    SG_CORE_IN_PUSH_DROPPED, /* peer, topic, id, lane: the SEND with `droppable` found it full */
    SG_CORE_IN_SUBSCRIBE,    /* topic, on: counted; while there is one with on, the topic is
                              * durable: its messages are given out by STORE */
    SG_CORE_IN_PAST,         /* topic, id, past: what STORE gave out before a restart */
    SG_CORE_IN_PAST_FLOOR,   /* topic, wall_ms: what is signed before is not given. Before the first
                              * PAST: nobody knows any more whether a message from then was had */
    SG_CORE_IN_UNSUBSCRIBE,  /* topic, on: as it was subscribed; SG_ERR_NOT_FOUND */
    SG_CORE_IN_PRIORITY,     /* topic, klass: of its messages from now on; SG_ERR_LIMIT */
    SG_CORE_IN_CANDIDATE,    /* peer, hints: an entry of the peer cache, the answer to NEED_CACHE */
    SG_CORE_IN_CONTACT,      /* peer, hints, on: is (no longer) a contact, see hyparview.h */
    SG_CORE_IN_META,         /* bytes [<= SG_SWIM_META_MAX]: new metadata of this node */
    SG_CORE_IN_FORGET,       /* peer: give up a dead member */
    SG_CORE_IN_SIGNED,       /* job, err, bytes: the signature when err is SG_OK */
    SG_CORE_IN_VERIFIED, /* job, err: SG_OK, SG_ERR_BAD_SIGNATURE, or why it could not be told */
    /* Documents, node/docflow.h. job: the session that OUT_DOC named */
    SG_CORE_IN_DOC_BIND,  /* topic (subscribed), on: sessions are wanted, or no longer */
    SG_CORE_IN_DOC_SOON,  /* topic: a session is wanted soon; on: with all neighbours but peer */
    SG_CORE_IN_DOC_SEND,  /* topic, job, bytes [<= SG_DOC_MESSAGE_MAX]: the next message; answered
                           * by READY when the peer has taken it */
    SG_CORE_IN_DOC_TAKEN, /* topic, job: the MESSAGE is worked off */
    SG_CORE_IN_DOC_CLOSE, /* topic, job, err: the session is over; SG_OK: both sides know */
    SG_CORE_IN_FLUSH,     /* own messages that still gather are signed now: LEAVE is next */
    SG_CORE_IN_LEAVE      /* say goodbye everywhere; nothing but CLOSE follows */
};

/* A message that was kept: frames as they were given out. Borrowed, the core takes references. */
struct sg_core_past {
    struct sg_buf *gossip, *root, *key;
};

struct sg_core_in {
    enum sg_core_in_kind kind;
    struct sg_peer_id peer;
    struct sg_topic_id topic;
    struct sg_msg_id id;
    enum sg_lane lane;
    bool dialled;
    bool on;
    enum sg_flow_class klass; /* PRIORITY: CRITICAL, NORMAL or BULK */
    sg_err err;
    struct sg_bytes bytes;
    struct sg_buf *buf; /* FRAME: NULL, or a buffer of just these bytes, which may be kept by a
                         * reference of its own */
    uint64_t job;
    uint64_t boot;          /* LINK_UP: of the peer's HELLO */
    uint16_t lost_permille; /* LINK_RTT: packets lost since the last one */
    struct sg_hints hints;
    uint64_t srtt_ns;
    uint64_t rttvar_ns;
    const struct sg_core_past *past;
    uint64_t wall_ms;   /* PAST_FLOOR */
    uint8_t secret[32]; /* LINK_UP, LINK_SECRET: of the connection, the same at both ends (TLS
                         * exporter) */
};

enum sg_core_out_kind {
    SG_CORE_OUT_SEND,          /* peer, lane, klass, buf (one reference), droppable, topic, id. On
                                * SG_LANE_DATAGRAM it may be lost without a word, SG_LANE_BULK is a
                                * stream of its own */
    SG_CORE_OUT_DIAL,          /* peer, hints; answered by LINK_UP or LINK_DOWN */
    SG_CORE_OUT_CLOSE,         /* peer, reason; after what was sent before is flushed. The core
                                * has forgotten the link: no LINK_DOWN is wanted */
    SG_CORE_OUT_DELIVER,       /* message */
    SG_CORE_OUT_NEIGHBOR_UP,   /* peer, topic */
    SG_CORE_OUT_NEIGHBOR_DOWN, /* peer, topic, err */
    SG_CORE_OUT_NEED_CACHE,    /* no neighbour, no candidate: feed CANDIDATEs from the peer cache */
    SG_CORE_OUT_NEED_SEEDS,    /* nor in the cache and the member table: dial the seeds */
    SG_CORE_OUT_MEMBER,        /* peer, member: something happened to a member */
    SG_CORE_OUT_DOC,      /* topic, peer, job, doc, buf, err: of a session of a bound document */
    SG_CORE_OUT_STORE,    /* topic, id, message (author, time_ms), buf (GOSSIP), store: a message
                                * of a durable topic was accepted, or is this node's own */
    SG_CORE_OUT_TRANSFER, /* peer (author), topic, id, done, total: a large payload is on its way
                                * here; err: it is given up (SG_ERR_TIMEOUT), or never begun: too
                                * many wait (SG_ERR_LIMIT), SG_ERR_NO_MEMORY */
    /* Work for another thread (config.offload), answered by SIGNED and VERIFIED. Answers in the
     * order of the jobs keep the messages of an author in order. */
    SG_CORE_OUT_SIGN,  /* job, id: the root to be signed, see sg_core_job_sign */
    SG_CORE_OUT_VERIFY /* job, id: the root, buf: the proof for sg_core_job_verify */
};

enum sg_core_doc_kind {
    SG_CORE_DOC_OPENED,  /* this node is to begin a session with peer */
    SG_CORE_DOC_MESSAGE, /* buf: of the peer; the first one begins a session of its */
    SG_CORE_DOC_READY,   /* the message that was sent is taken */
    SG_CORE_DOC_CLOSED   /* err: the session is over */
};

enum sg_core_member_kind {
    SG_CORE_MEMBER_JOIN,
    SG_CORE_MEMBER_SUSPECT,
    SG_CORE_MEMBER_REFUTED,
    SG_CORE_MEMBER_FAIL,
    SG_CORE_MEMBER_LEAVE,
    SG_CORE_MEMBER_UPDATE, /* new metadata: sg_core_member gives it */
    SG_CORE_MEMBER_DROPPED /* out of the table, to make room; no verdict */
};

/* A message for this node. The payload points into buf. */
struct sg_core_message {
    struct sg_peer_id author;
    struct sg_peer_id last_hop; /* self for own messages */
    uint64_t sequence;
    uint64_t time_ms;
    uint8_t hops;
    struct sg_bytes payload;
};

struct sg_core_out {
    enum sg_core_out_kind kind;
    struct sg_peer_id peer;
    struct sg_topic_id topic;
    struct sg_msg_id id;
    enum sg_lane lane;
    enum sg_flow_class klass; /* SEND on SG_LANE_PUBSUB; a push is in one of the last three */
    enum sg_close_reason reason;
    sg_err err;
    bool droppable;     /* a push: when the lane is full, drop it and feed PUSH_DROPPED */
    struct sg_buf *buf; /* SEND, DELIVER: owned by the outbox */
    struct sg_hints hints;
    uint64_t job;
    struct sg_core_message message;
    struct {
        struct sg_buf *root, *key;   /* frames, owned by the outbox */
    } store;                         /* STORE only */
    enum sg_core_member_kind member; /* MEMBER */
    enum sg_core_doc_kind doc;       /* DOC */
    uint64_t done, total;            /* TRANSFER: bytes */
    sg_incarnation incarnation;
};

/* Ordered outputs; grows as needed. Zero-initialise, then reuse. */
struct sg_core_outbox {
    struct sg_core_out *out;
    size_t count;
    size_t cap;
};

/* Lets go of all outputs' buffers; the array stays for reuse. */
void sg_core_outbox_clear(struct sg_core_outbox *box);
void sg_core_outbox_fini(struct sg_core_outbox *box, const struct sg_mem *mem);

/* pushed and announced: as the tree stands now; it goes out when its signature is made. */
struct sg_core_publish {
    struct sg_msg_id id;
    uint64_t sequence;
    uint32_t neighbors;
    uint32_t pushed;
    uint32_t announced;
    bool is_waiting; /* for its signature */
};

struct sg_core_stats {
    uint64_t published, delivered;
    uint64_t frames_in, frames_out, bytes_in, bytes_out; /* frames, without QUIC */
    uint64_t payload_bytes_in, payload_bytes_out;
    uint64_t signatures_made, signatures_verified;
    uint64_t publish_lost;  /* accepted, but then no memory, or no signature could be made */
    uint64_t verify_waited; /* messages that waited for the verification of their root */
    uint64_t roots_sent;
    uint64_t repairs_refused; /* GRAFTs above the link's budget */
    uint64_t refused_signature, refused_proof, refused_expired, refused_future;
    uint64_t refused_malformed, refused_version, refused_overload, refused_unknown_scope;
    uint64_t proofs_wanted, keys_sent, push_dropped;
    /* claims of topics: told, taken into the cache, refused (too many of a link, or no room) */
    uint64_t adverts_sent, adverts_received, adverts_refused;
    uint64_t dials, dials_failed, links_refused, peers_banned, charges;
    uint64_t outbox_lost; /* outputs lost to a failed allocation */
    uint64_t records_made, records_verified, records_refused;
    uint64_t backfill_sessions; /* opened by this node and ended with a difference, maybe none */
    uint64_t backfill_failed;   /* opened by this node, without a result */
    uint64_t backfill_answered; /* opened by others */
    uint64_t backfill_lacking, backfill_offered; /* messages that differed: here, there */
    uint64_t backfill_received;                  /* messages that came by back-fill */
    uint64_t backfill_served, backfill_bytes_out;
    uint64_t history_dropped; /* for want of room, before retention_ns */
    /* large payloads. refused: never begun, too many at a time; lost: complete, but no memory to
     * deliver it; demoted: made room for others, to begin anew */
    uint64_t large_published, large_started, large_completed, large_given_up;
    uint64_t large_refused, large_lost, large_demoted;
    /* late: asked of somebody else; twice: the other one was faster; unasked: nobody wanted it */
    uint64_t chunks_in, chunks_out, chunks_late, chunks_twice, chunks_wrong, chunks_unasked;
    uint64_t chunk_bytes_in, chunk_bytes_out;
    struct sg_pt_stats pt; /* summed over all scopes, closed ones included */
    struct sg_swim_stats swim;
};

/* *out is owned by the caller. SG_ERR_NO_MEMORY, SG_ERR_INVALID_ARGUMENT. */
SG_MUST_USE sg_err sg_core_new(struct sg_core **out, const struct sg_core_config *config,
                               sg_time_ns now);
void sg_core_free(struct sg_core *core);

/* One event in; outputs are appended to out. wall_ms: milliseconds since 1970. Peers' bytes never
 * make it fail. SG_ERR_INVALID_ARGUMENT, SG_ERR_LIMIT (scopes, links), SG_ERR_NO_MEMORY,
 * SG_ERR_NOT_FOUND (topic, session that is over), SG_ERR_STOPPED after LEAVE, of DOC_*:
 * SG_ERR_EXISTS (bound), SG_ERR_TOO_LARGE, SG_ERR_INVALID_STATE (a message is under way); then
 * nothing has changed. */
SG_MUST_USE sg_err sg_core_input(struct sg_core *core, sg_time_ns now, uint64_t wall_ms,
                                 const struct sg_core_in *in, struct sg_core_outbox *out);
/* Publishes payload [<= SG_LARGE_MAX] on topic; outputs are appended to out. When nothing was
 * signed within linger_ns, it is signed at once; else it gathers with what follows until then, or
 * until the batch is full. With config.offload it goes out after SIGNED; the order of publishing is
 * the order of going out. The node's own subscription is served at once, by a DELIVER with hops 0
 * and last_hop self.
 * SG_ERR_TOO_LARGE, SG_ERR_INVALID_ARGUMENT (base scope, ttl above ttl_max_ms), SG_ERR_LIMIT
 * (scopes; or 2^32 - 1 messages of one boot: the numbers are used up),
 * SG_ERR_WOULD_BLOCK (too much waits for signatures; a payload above SG_PAYLOAD_MAX: other large
 * ones take all room), SG_ERR_NO_MEMORY, SG_ERR_STOPPED, without offload SG_ERR_CRYPTO; then the
 * message does not exist and no sequence number is used, though the topic may have been opened. */
struct sg_core_publish_in {
    uint64_t wall_ms; /* as for sg_core_input */
    struct sg_topic_id topic;
    struct sg_bytes payload;
    uint64_t ttl_ms; /* 0 = config.message_ttl_ms */
};
SG_MUST_USE sg_err sg_core_publish(struct sg_core *core, sg_time_ns now,
                                   const struct sg_core_publish_in *in,
                                   struct sg_core_publish *result, struct sg_core_outbox *out);
/* The work of a job; touches no core, so any thread may do it. signature [suite->sig_len].
 * Errors of the suite. */
SG_MUST_USE sg_err sg_core_job_sign(const struct sg_signer *signer, const struct sg_msg_id *root,
                                    uint8_t *signature);
SG_MUST_USE sg_err sg_core_job_verify(const struct sg_suite *suite, const struct sg_msg_id *root,
                                      struct sg_bytes proof);
/* When to feed IN_TIMEOUT; <= now: at once. */
sg_time_ns sg_core_deadline(const struct sg_core *core);
/* An input from peer, or a TIMEOUT (NULL), is about to come: has the memory fetched that it will
 * need first; is_packet: a frame of SG_LANE_DATAGRAM, which needs less. The stages 0
 * .. SG_CORE_PREFETCH_STAGES - 1 lead to each other: after each, the memory should have time to
 * arrive before the next. A hint, without effect on anything. */
#define SG_CORE_PREFETCH_STAGES 5
void sg_core_prefetch(const struct sg_core *core, const struct sg_peer_id *peer, bool is_packet,
                      unsigned stage);
/* Asserts every invariant of the core and of its machines. O(everything). */
void sg_core_check(const struct sg_core *core);

void sg_core_stats(const struct sg_core *core, struct sg_core_stats *stats);
/* Now: links up, scopes, base views, eager and lazy neighbours over all topics. */
struct sg_core_gauges {
    uint32_t links, topics, base_active, base_passive, eager, lazy;
    uint64_t history, history_bytes; /* messages kept for back-fill, all topics */
    uint32_t members;                /* alive and suspect, without this node */
    uint32_t transfers;              /* large payloads, whole or on their way */
    uint32_t large_queued;           /* announced ones that wait for their turn */
    uint64_t large_bytes;            /* reserved for them */
    uint8_t health;                  /* Lifeguard's local health, 0 = healthy */
};
void sg_core_gauges(const struct sg_core *core, struct sg_core_gauges *gauges);
/* A message that the history of a topic keeps. The payload is borrowed until the next call that
 * changes the core; last_hop is not known any more. */
struct sg_core_kept {
    struct sg_msg_id id;
    struct sg_core_message message;
};
/* The same of a GOSSIP frame that STORE gave out; false when it is none. */
bool sg_core_open_past(const struct sg_buf *gossip, struct sg_core_message *message);
/* The root of a ROOT frame that STORE gave out. */
void sg_core_root_name(const struct sg_buf *frame, uint8_t root[SG_ID_LEN]);
/* The next one from *at on (0 at first), in no order; false at the end. */
bool sg_core_past(const struct sg_core *core, const struct sg_topic_id *topic, uint32_t *at,
                  struct sg_core_kept *kept);
/* Of a topic, see SG_CORE_IN_PRIORITY. O(topics of other than normal priority). */
enum sg_flow_class sg_core_topic_class(const struct sg_core *core, const struct sg_topic_id *topic);
/* The i-th topic, in order of joining; false when there are fewer. pt is borrowed until the next
 * input. */
struct sg_core_topic {
    struct sg_topic_id id;
    uint32_t subscriptions;
    bool is_durable;
    enum sg_flow_class klass;
    uint32_t neighbors, eager, lazy, candidates;
    uint64_t kept, kept_bytes;
    const struct sg_pt_stats *pt;
};
bool sg_core_topic(const struct sg_core *core, uint32_t i, struct sg_core_topic *topic);
/* Eager and lazy neighbours of a topic, 0 when it is not open. */
void sg_core_degrees(const struct sg_core *core, const struct sg_topic_id *topic, size_t *eager,
                     size_t *lazy);
bool sg_core_is_eager(const struct sg_core *core, const struct sg_topic_id *topic,
                      const struct sg_peer_id *peer);
/* A message that the history of a topic keeps, as sg_core_past gives it; false: not, or not any
 * more, or a large one. */
bool sg_core_kept(const struct sg_core *core, const struct sg_topic_id *topic,
                  const struct sg_msg_id *id, struct sg_core_message *message);
/* Whether peer is in the base active view, and in how many topics' active views. */
void sg_core_peer_use(const struct sg_core *core, const struct sg_peer_id *peer, bool *base_active,
                      uint16_t *topics);
/* Active view of a scope (NULL topic: base): copies up to cap ids, returns how many there are. */
size_t sg_core_neighbors(const struct sg_core *core, const struct sg_topic_id *topic,
                         struct sg_peer_id *peers, size_t cap);

/* Those of a topic's neighbours that messages are expected from. */
size_t sg_core_sources(const struct sg_core *core, const struct sg_topic_id *topic,
                       struct sg_peer_id *peers, size_t cap);

/* The next known member from *at on, 0 at first: living ones first, without this node and without
 * those who answer nobody. false: there are no more. meta is borrowed until the next input. The
 * order holds until then. */
struct sg_core_member {
    struct sg_swim_view view;
    struct sg_hints hints;
    struct sg_bytes meta;
    bool is_contact;
};
bool sg_core_member(const struct sg_core *core, uint32_t *at, struct sg_core_member *member);
SG_MUST_USE sg_err sg_core_member_find(const struct sg_core *core, const struct sg_peer_id *peer,
                                       struct sg_core_member *member);
/* Whether there are members that the table has no place for; of them only FAIL is told. */
bool sg_core_is_sample(const struct sg_core *core);
/* Peers worth keeping in a cache on disk, best first: neighbours, other links, members, passive
 * view; without hints none. Copies up to cap, returns how many. */
size_t sg_core_cache(const struct sg_core *core, struct sg_peer_id *peers, struct sg_hints *hints,
                     size_t cap);

/* HELLO, the first frame of each connection on the mship lane in both directions. Checked by
 * whoever owns connections before LINK_UP is fed; no other frame is read before it. */
/* frame [SG_HELLO_MAX] -> length used. */
size_t sg_core_hello(const struct sg_core *core, uint8_t frame[SG_HELLO_MAX]);
/* SG_ERR_VERSION, SG_ERR_WRONG_NETWORK, SG_ERR_WRONG_PROFILE, SG_ERR_BANNED (now a banned peer), or
 * the decoder's errors. *boot is the peer's boot counter. */
SG_MUST_USE sg_err sg_core_hello_check(const struct sg_core *core, const struct sg_peer_id *peer,
                                       struct sg_bytes frame, uint64_t *boot);
/* The close reason to give for an error of sg_core_hello_check. */
enum sg_close_reason sg_core_hello_reason(sg_err err);

#endif
