/* What the files of this module share: the endpoint, a connection, and the calls between files.
 *
 * A connection has two lives. Its transport life is ngtcp2's conn, then, once closed, a few round
 * trips in which late datagrams are answered (closing) or ignored (draining). Its event life lasts
 * until the caller pulled the last event. The object goes when both have ended. */
#ifndef SG_QUIC_INTERNAL_H
#define SG_QUIC_INTERNAL_H

#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>
#include <ngtcp2/ngtcp2_crypto_ossl.h>

#include "base/bucket.h"
#include "quic/bucket.h"
#include "quic/cid_map.h"
#include "quic/endpoint.h"
#include "quic/labels.h"
#include "quic/list.h"
#include "quic/pacer.h"
#include "quic/stream.h"
#include "quic/timer.h"
#include "quic/token.h"

enum sg_quic_conn_state {
    SG_CONN_HANDSHAKE,
    SG_CONN_OPEN,
    SG_CONN_FLUSHING, /* local close: waits until everything is acknowledged */
    SG_CONN_CLOSE,    /* CONNECTION_CLOSE is to be written */
    SG_CONN_LINGER,   /* closed; datagrams that still come are ours */
    SG_CONN_GONE      /* nothing of the transport is left */
};

/* Classes of events, highest first; see sg_quic_next_event. */
enum sg_quic_event_class {
    SG_EV_CONTROL,
    SG_EV_DATAGRAM,
    SG_EV_MSHIP,
    SG_EV_PUBSUB,
    SG_EV_BULK,
    SG_EV_WRITABLE
};
#define SG_EV_COUNT 6

struct sg_quic_dgram {
    struct sg_quic_dgram *next;
    size_t len;
    uint8_t data[];
};

struct sg_quic_dgram_queue {
    struct sg_quic_dgram *first;
    struct sg_quic_dgram *last;
    uint32_t count;
    size_t bytes;
};

/* One lane: our stream and the peer's. */
struct sg_quic_lane_io {
    int64_t tx_stream; /* -1: not open */
    int64_t rx_stream;
    struct sg_quic_sendq tx;
    struct sg_quic_recvq rx;
    size_t checked; /* bytes of rx whose frame lengths were looked at, from rx.head */
};

/* A bulk stream, in one direction. */
struct sg_quic_bulk {
    struct sg_quic_node node; /* in the conn's bulk_tx (in turn) or bulk_rx */
    int64_t stream;
    struct sg_quic_sendq tx;
    struct sg_quic_recvq rx;
    bool incoming;
    bool fin; /* tx: nothing more is written; rx: nothing more follows */
    bool fin_sent;
    bool ended;   /* rx: reset by the peer; tx: stopped by the peer; tell with code, then free */
    bool dropped; /* rx: we do not want the rest: bytes are thrown away */
    bool closed;  /* QUIC has forgotten the stream */
    uint64_t code;
    uint64_t window;      /* rx: how much may be under way */
    uint64_t epoch_bytes; /* rx: pulled since epoch_at */
    sg_time_ns epoch_at;
};

struct sg_quic_conn {
    ngtcp2_crypto_conn_ref ref; /* TLS points to it: the object never moves */
    struct sg_quic_endpoint *ep;
    sg_quic_conn_id id;
    ngtcp2_conn *nc;              /* NULL from SG_CONN_LINGER on */
    ngtcp2_crypto_ossl_ctx *octx; /* both NULL after the handshake is confirmed */
    SSL *ssl;
    enum sg_quic_conn_state state;
    bool dialled;
    bool has_expected;
    bool completed; /* handshake done, as seen in ngtcp2's callback */
    bool announced; /* ... and acted upon: counted, lanes open, event pending */
    bool confirmed;
    bool answered;  /* a datagram came back */
    bool half_open; /* counted in ep->half_open */
    bool closed_by_peer;
    bool was_reset; /* by a stateless reset */
    bool path_changed;
    bool event_life;  /* the last event was not pulled yet */
    bool final_event; /* the last event may be pulled once the queues are empty */
    bool counted;     /* in ep->live */
    struct sg_peer_id expected;
    struct sg_peer_id peer;
    uint8_t exporter[SG_QUIC_EXPORTER_LEN];
    uint8_t *public_key; /* [public_key_len] until CONNECTED is pulled */
    size_t public_key_len;
    struct sg_addr remote;
    struct sg_addr local;
    sg_time_ns started;
    uint64_t handshake_ns;
    sg_time_ns last_receive;
    uint64_t packets_in;
    sg_time_ns stalled_since;
    sg_err verify_err; /* why the peer's key was refused */

    /* how it ends */
    sg_err err;
    uint64_t reason; /* enum sg_close_reason */
    sg_err fault;    /* set in callbacks: close with reason fault_reason */
    uint64_t fault_reason;
    ngtcp2_ccerr ccerr;      /* what CONNECTION_CLOSE will say */
    sg_time_ns own_deadline; /* end of flush or linger */
    uint8_t *farewell;       /* CONNECTION_CLOSE, repeated while lingering */
    size_t farewell_len;
    uint32_t late; /* datagrams that came while lingering */

    struct sg_quic_lane_io lanes[SG_FRAME_LANE_COUNT];
    struct sg_quic_list bulk_tx; /* the next in turn is first */
    struct sg_quic_list bulk_rx;
    uint64_t bulk_window; /* share of the connection's receive window for bulk */
    size_t bulk_queued;
    struct sg_quic_pacer pacer;
    bool is_paced; /* no streams in the packets of this turn */
    struct sg_quic_dgram_queue dgram_tx;
    struct sg_quic_dgram_queue dgram_rx;
    unsigned want_write; /* bit per lane: WRITABLE is owed */
    unsigned writable;   /* bit per lane: WRITABLE may be pulled */
    bool connected_event;
    bool acked_event;            /* DATAGRAM_ACKED */
    struct sg_quic_dgram *token; /* NEW_TOKEN event */

    struct sg_quic_cid_entry *cids;
    struct sg_quic_cid_entry *reset_tokens;
    struct sg_quic_timer timer;
    struct sg_quic_node send; /* in ep->to_send */
    struct sg_quic_node role; /* in ep->half_open_list, ep->lingering or ep->dying */
    struct sg_quic_node events[SG_EV_COUNT];
};

/* An answer that belongs to no connection, or to a closed one. */
struct sg_quic_reply {
    struct sg_quic_reply *next;
    struct sg_addr local;
    struct sg_addr remote;
    size_t len;
    uint8_t data[];
};

struct sg_quic_slot {
    struct sg_quic_conn *conn; /* NULL: free */
    uint32_t next_free;
};

struct sg_quic_endpoint {
    const struct sg_mem *mem;
    ngtcp2_mem ngmem;
    struct sg_quic_config config;
    SSL_CTX *client_ctx;
    SSL_CTX *server_ctx;
    sg_time_ns now; /* the latest seen: timestamps never go back */
    bool stopped;
    struct sg_quic_slot *slots; /* [slots_cap] */
    uint32_t slots_cap;
    uint32_t free_slot; /* head of the free list; UINT32_MAX: none */
    uint64_t next_serial;
    uint32_t live; /* connections not yet lingering, or with an event to come */
    uint32_t half_open_count;
    uint32_t linger_count;
    struct sg_quic_list half_open_list; /* oldest first */
    struct sg_quic_list lingering;      /* oldest first */
    struct sg_quic_list dying;
    struct sg_quic_cid_map cids;
    struct sg_quic_cid_map reset_tokens; /* of the ids that peers gave us */
    struct sg_quic_timer_heap timers;
    struct sg_quic_list to_send;
    struct sg_quic_list events[SG_EV_COUNT];
    unsigned passed_over[SG_EV_COUNT]; /* events of higher classes served while it waited */
    struct sg_quic_reply *replies;
    struct sg_quic_reply *replies_last;
    uint32_t reply_count;
    struct sg_quic_token_keys retry_keys;
    struct sg_quic_token_keys token_keys;
    struct sg_quic_token_cache tokens;
    struct sg_bucket handshakes; /* of limits.handshake_rate */
    struct sg_bucket resets;     /* of limits.reset_rate */
    struct sg_quic_bucket_table initials;
    void *held;                   /* memory behind the last event */
    struct sg_quic_recvq *held_q; /* queue behind the last event */
    struct sg_quic_stats stats;
};

/* An ngtcp2 path with its storage; our own address is a constant: ngtcp2 need not know on which
 * interface a datagram came, and a changing one would look like a migration to it. */
struct sg_quic_path {
    ngtcp2_path path;
    struct sockaddr_storage local;
    struct sockaddr_storage remote;
};

/* -- path.c */
void sg_quic_path_set(struct sg_quic_path *path, const struct sg_addr *remote);
/* An empty one for ngtcp2 to fill in. */
void sg_quic_path_out(struct sg_quic_path *path);
struct sg_addr sg_quic_path_remote(const ngtcp2_path *path);

/* -- tls.c: contexts and the handshake's objects */
SG_MUST_USE sg_err sg_quic_tls_init(struct sg_quic_endpoint *ep);
void sg_quic_tls_fini(struct sg_quic_endpoint *ep);
/* Makes the TLS objects of a connection that has its nc. */
SG_MUST_USE sg_err sg_quic_tls_attach(struct sg_quic_conn *conn);
/* Frees them; nc may live on. */
void sg_quic_tls_detach(struct sg_quic_conn *conn);
/* Copies exporter secret into the connection after the handshake. */
SG_MUST_USE sg_err sg_quic_tls_export(struct sg_quic_conn *conn);

/* -- conn.c: life of a connection */
SG_MUST_USE sg_err sg_quic_conn_new(struct sg_quic_endpoint *ep, const struct sg_addr *remote,
                                    struct sg_quic_conn **out);
struct sg_quic_conn *sg_quic_conn_find(const struct sg_quic_endpoint *ep, sg_quic_conn_id id);
/* Fills settings and transport parameters that both roles share. */
void sg_quic_conn_settings(const struct sg_quic_conn *conn, ngtcp2_settings *settings,
                           ngtcp2_transport_params *params);
/* Maps one more id to the connection. */
SG_MUST_USE sg_err sg_quic_conn_add_cid(struct sg_quic_conn *conn, const ngtcp2_cid *cid);
SG_MUST_USE sg_err sg_quic_conn_random_cid(ngtcp2_cid *cid, size_t len);
/* To be called after each call that let ngtcp2 work: acts on what the callbacks noted. */
void sg_quic_conn_settle(struct sg_quic_conn *conn);
/* When the pacer lets more out, SG_TIME_NEVER while it holds nothing back. */
sg_time_ns sg_quic_tx_due(struct sg_quic_conn *conn);
/* Reads one datagram. */
void sg_quic_conn_read(struct sg_quic_conn *conn, const struct sg_quic_rx *rx);
void sg_quic_conn_expire(struct sg_quic_conn *conn);
/* It has something to send, or may have. */
void sg_quic_conn_wake(struct sg_quic_conn *conn);
void sg_quic_conn_update_timer(struct sg_quic_conn *conn);
/* To be called when one of its lives ended: when both have, it goes with the next sweep, at the end
 * of a public call, so that no pointer dies in the middle of one. */
void sg_quic_conn_reap(struct sg_quic_conn *conn);
void sg_quic_conn_sweep(struct sg_quic_endpoint *ep);
/* Frees it whatever lives. */
void sg_quic_conn_free(struct sg_quic_conn *conn);
void sg_quic_conn_clear_tx(struct sg_quic_conn *conn);
void sg_quic_conn_clear_rx(struct sg_quic_conn *conn);

/* -- callbacks.c */
extern const ngtcp2_callbacks sg_quic_callbacks;

/* -- accept.c: first datagrams of strangers */
void sg_quic_accept(struct sg_quic_endpoint *ep, const struct sg_quic_rx *rx);
/* Sends a Retry for the Initial in rx, if the source may have one. */
void sg_quic_accept_retry(struct sg_quic_endpoint *ep, const struct sg_quic_rx *rx);
void sg_quic_accept_done(struct sg_quic_conn *conn); /* not half-open any more */

/* -- stateless.c: answers without a connection */
void sg_quic_stateless_queue(struct sg_quic_endpoint *ep, const struct sg_addr *local,
                             const struct sg_addr *remote, struct sg_bytes data);
bool sg_quic_stateless_send(struct sg_quic_endpoint *ep, struct sg_quic_tx *tx);
void sg_quic_stateless_clear(struct sg_quic_endpoint *ep);
void sg_quic_stateless_version(struct sg_quic_endpoint *ep, const struct sg_quic_rx *rx,
                               const ngtcp2_version_cid *vc);
void sg_quic_stateless_reset(struct sg_quic_endpoint *ep, const struct sg_quic_rx *rx,
                             struct sg_bytes dcid);
/* The reset token of one of our ids. */
SG_MUST_USE sg_err sg_quic_stateless_token(const struct sg_quic_endpoint *ep, const ngtcp2_cid *cid,
                                           uint8_t token[NGTCP2_STATELESS_RESET_TOKENLEN]);

/* -- close.c */
/* A local decision: err and reason for our event, CONNECTION_CLOSE as an application error. */
void sg_quic_close_local(struct sg_quic_conn *conn, sg_err err, uint64_t reason);
/* ngtcp2 returned liberr from read, expiry or write. */
void sg_quic_close_liberr(struct sg_quic_conn *conn, int liberr);
/* Writes CONNECTION_CLOSE into tx and lingers; false: there was nothing to send. */
bool sg_quic_close_write(struct sg_quic_conn *conn, struct sg_quic_tx *tx);
/* Ends the transport without a word. */
void sg_quic_close_silent(struct sg_quic_conn *conn);
/* A datagram for a lingering connection. */
void sg_quic_close_late(struct sg_quic_conn *conn, const struct sg_quic_rx *rx);
/* Everything written is acknowledged: a flushing close may go on. */
void sg_quic_close_check_flushed(struct sg_quic_conn *conn);

/* -- lane.c, bulk.c, datagram.c: bytes of the application */
SG_MUST_USE sg_err sg_quic_lanes_open(struct sg_quic_conn *conn);
/* The lane whose stream of the peer this is; SG_LANE_BULK: none. */
enum sg_lane sg_quic_lane_of_rx(const struct sg_quic_conn *conn, int64_t stream);
enum sg_lane sg_quic_lane_of_tx(const struct sg_quic_conn *conn, int64_t stream);
/* Bytes of a lane's stream, behind the lane byte. SG_OK or a fault, see sg_quic_conn_fault. */
sg_err sg_quic_lane_received(struct sg_quic_conn *conn, enum sg_lane lane, struct sg_bytes bytes);
void sg_quic_lane_acked(struct sg_quic_conn *conn, enum sg_lane lane, size_t len);
/* The next complete frame into event; false: there is none. */
bool sg_quic_lane_pull(struct sg_quic_conn *conn, enum sg_lane lane, struct sg_quic_event *event);
bool sg_quic_lane_has_frame(const struct sg_quic_conn *conn, enum sg_lane lane);
void sg_quic_lanes_clear_rx(struct sg_quic_conn *conn);
void sg_quic_lanes_clear_tx(struct sg_quic_conn *conn);
/* Unsent and unacknowledged bytes of a lane. */
size_t sg_quic_conn_queued(const struct sg_quic_conn *conn, enum sg_lane lane);
/* May len more bytes wait on the lane? SG_ERR_TOO_LARGE, SG_ERR_WOULD_BLOCK (noted: WRITABLE will
 * come), SG_ERR_INVALID_STATE. */
SG_MUST_USE sg_err sg_quic_lane_admit(struct sg_quic_conn *conn, enum sg_lane lane, size_t len);
/* What was written is about to be sent, or was acknowledged: keeps the stall clock and WRITABLE. */
void sg_quic_lane_sending(struct sg_quic_conn *conn);
void sg_quic_lane_progress(struct sg_quic_conn *conn, enum sg_lane lane);

/* The connection has a fault: it will be closed with err and reason when ngtcp2 has returned.
 * Returns err. The first fault counts. */
sg_err sg_quic_conn_fault(struct sg_quic_conn *conn, sg_err err, enum sg_close_reason reason);
/* Takes n bytes into the endpoint's account of received bytes. A fault when it is full. */
sg_err sg_quic_conn_account(struct sg_quic_conn *conn, size_t n);
/* Gives n bytes of credit back to the peer, for a stream and the connection. */
void sg_quic_conn_credit(struct sg_quic_conn *conn, int64_t stream, size_t n);

SG_MUST_USE sg_err sg_quic_bulk_incoming(struct sg_quic_conn *conn, int64_t stream,
                                         struct sg_quic_bulk **out);
sg_err sg_quic_bulk_received(struct sg_quic_conn *conn, struct sg_quic_bulk *bulk,
                             struct sg_bytes bytes, bool fin);
void sg_quic_bulk_acked(struct sg_quic_conn *conn, struct sg_quic_bulk *bulk, size_t len);
/* QUIC forgets the stream. */
void sg_quic_bulk_closed(struct sg_quic_conn *conn, struct sg_quic_bulk *bulk);
/* The peer reset (incoming) or stopped (outgoing) the stream. */
void sg_quic_bulk_ended(struct sg_quic_conn *conn, struct sg_quic_bulk *bulk, uint64_t code);
bool sg_quic_bulk_pull(struct sg_quic_conn *conn, struct sg_quic_event *event);
bool sg_quic_bulk_has_event(const struct sg_quic_conn *conn);
/* The bulk stream whose turn it is to send, with at most *max bytes; NULL: none. */
struct sg_quic_bulk *sg_quic_bulk_next(struct sg_quic_conn *conn, size_t *max);
void sg_quic_bulk_rotate(struct sg_quic_conn *conn, struct sg_quic_bulk *bulk);
void sg_quic_bulks_clear_rx(struct sg_quic_conn *conn);
void sg_quic_bulks_clear_tx(struct sg_quic_conn *conn);

sg_err sg_quic_dgram_received(struct sg_quic_conn *conn, struct sg_bytes bytes);
bool sg_quic_dgram_pull(struct sg_quic_conn *conn, struct sg_quic_event *event);
struct sg_quic_dgram *sg_quic_dgram_new(const struct sg_mem *mem, struct sg_bytes bytes);
struct sg_quic_dgram *sg_quic_dgram_pop(struct sg_quic_dgram_queue *queue);
void sg_quic_dgram_clear(struct sg_quic_conn *conn, struct sg_quic_dgram_queue *queue);

/* -- event.c */
void sg_quic_event_mark(struct sg_quic_conn *conn, enum sg_quic_event_class class);
/* The transport has ended: the last event may come when the queues are empty. */
void sg_quic_event_final(struct sg_quic_conn *conn);
/* Memory that the last event borrowed is not needed any more. */
void sg_quic_event_release(struct sg_quic_endpoint *ep);
/* The event at hand points into q: takes q's memory when q is empty, else remembers q. */
void sg_quic_event_keep(struct sg_quic_endpoint *ep, struct sg_quic_recvq *q);
/* Empties q for good, but not the memory behind the event at hand. */
void sg_quic_event_forget(struct sg_quic_endpoint *ep, struct sg_quic_recvq *q);

/* -- endpoint.c */
/* The time to work with: never before an earlier one. */
static inline sg_time_ns sg_quic_ep_time(struct sg_quic_endpoint *ep, sg_time_ns now)
{
    if (now > ep->now && now != SG_TIME_NEVER)
        ep->now = now;
    return ep->now;
}

#endif
