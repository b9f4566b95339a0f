/* The QUIC endpoint: authenticated, encrypted links to peers, sans-IO. Datagrams come in through
 * sg_quic_recv and go out through sg_quic_send; time is an argument; nothing here opens a socket,
 * reads a clock, starts a thread or calls back. One endpoint serves one UDP socket in both roles.
 *
 * A link is a QUIC v1 connection whose both ends proved an ML-DSA-65 key (RFC 7250 raw public
 * keys, TLS 1.3, MLKEM768 only). It carries
 *  - two lanes of frames, mship and pubsub: reliable, ordered, independent of each other;
 *  - bulk streams, one per transfer, which never delay the lanes;
 *  - datagrams: small, unreliable, unordered.
 *
 * The loop of a caller:
 *      sg_quic_recv(ep, now, all_pending_datagrams)     read everything before writing
 *      sg_quic_expire(ep, now)                          when now >= sg_quic_deadline(ep)
 *      while (sg_quic_next_event(ep, &event)) ...       react: write_frame, close, dial
 *      while (sg_quic_send(ep, now, &tx)) ...           until it has nothing more
 * Sending is needed after every recv, expire, dial, write and close. Timestamps that go back are
 * taken as the latest one seen.
 *
 * A dialler is CONNECTED as soon as it has authenticated the peer (one round trip); the peer
 * authenticates it half a round trip later and may still refuse: CLOSED then follows at once.
 *
 * A handle (sg_quic_conn_id) is never used twice. A dialled one ends with exactly one event:
 * DIAL_FAILED, or CLOSED after CONNECTED. An accepted one appears with CONNECTED and ends with
 * CLOSED. Frames that arrived before the peer closed are delivered before CLOSED; a local close
 * drops what was not yet delivered. Afterwards every call with the handle says SG_ERR_NOT_FOUND. */
#ifndef SG_QUIC_ENDPOINT_H
#define SG_QUIC_ENDPOINT_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/mem.h"
#include "base/time.h"
#include "os/addr.h"
#include "wire/link.h"

struct sg_identity; /* crypto/identity.h */
struct sg_quic_endpoint;

typedef uint64_t sg_quic_conn_id;   /* 0 is never a connection */
typedef uint64_t sg_quic_stream_id; /* a bulk stream within its connection */

/* The largest payload of sg_quic_write_datagram: fits a 1200-byte UDP payload. */
#define SG_QUIC_DATAGRAM_MAX 1152
/* Room that sg_quic_send needs at least, and what it uses at most. */
#define SG_QUIC_TX_MIN 1500
#define SG_QUIC_TX_MAX 65507
#define SG_QUIC_EXPORTER_LEN 32

/* A short text for people, never NULL, static; unknown codes give "unknown". */
const char *sg_close_reason_text(uint64_t reason);

/* Every bound of the endpoint. Zero means unlimited only where it says so. */
struct sg_quic_limits {
    /* Live connections, both roles, half-open included [1024]. When we accept 7/8 at most, and of
     * these 1/4, at least 8, for an IPv4 address or IPv6 /64; loopback is exempt from the latter */
    uint32_t connections_max;
    uint32_t half_open_max;        /* handshakes under way that we accepted [64] */
    uint32_t half_open_prefix_max; /* the same per IPv4 address or IPv6 /64 without token; 0 = off
                                     * [8]; twice as many with a token; loopback is exempt */
    uint32_t retry_threshold;      /* half-open count from which addresses are proved first [32] */
    uint32_t initial_rate;         /* answers per s to unproved Initials above the threshold, per
                                     * prefix; 0 = off; loopback is exempt [20] */
    uint32_t initial_burst;        /* [5] */
    uint32_t handshake_rate;       /* accepted handshakes per s over all sources; 0 = off [200] */
    uint32_t handshake_burst;      /* half of it only for proved addresses [64] */
    uint32_t reset_rate;           /* stateless resets and version negotiations per s [100] */
    uint32_t frame_max[SG_FRAME_LANE_COUNT]; /* bytes of one received frame
                                              * [SG_FRAME_MSHIP_MAX, SG_FRAME_PUBSUB_MAX] */
    uint32_t lane_window;     /* receive window of a stream, bytes [256 KiB]; more than any
                                     * frame_max + 4 */
    uint32_t bulk_window_max; /* the bulk receive window grows up to this [8 MiB] */
    uint32_t streams_max;     /* unidirectional streams a peer may have open [16] */
    uint32_t send_budget[SG_LANE_COUNT]; /* unsent + unacknowledged bytes
                                     * [256 KiB, 4 MiB, 4 MiB] */
    uint32_t datagrams_max;              /* queued per connection and direction [64] */
    uint64_t receive_max;                /* received and not yet pulled, whole endpoint [64 MiB] */
    uint32_t tokens_max;                 /* address tokens kept for later dials [256] */
};

/* Everything is copied, except what mem and identity point to: they outlive the endpoint. */
struct sg_quic_config {
    const struct sg_mem *mem;
    const struct sg_identity *identity; /* our key: authenticates every connection */
    struct sg_quic_limits limits;
    uint64_t idle_timeout_ns;      /* [30 s] */
    uint64_t keep_alive_ns;        /* PING after this much silence; 0 = never [10 s] */
    uint64_t handshake_timeout_ns; /* [5 s] */
    uint64_t flush_timeout_ns;     /* a flushing close waits at most this long [2 s] */
    uint64_t token_secret_ns;      /* rotation of the Retry secret, two generations live [120 s] */
    uint64_t new_token_secret_ns;  /* the same for tokens of later dials [12 h] */
    uint64_t initial_rtt_ns;       /* before the first measurement [333 ms] */
    uint16_t udp_payload_max;      /* UDP payload we send, >= 1200 [1350] */
    bool datagram_acks;            /* DATAGRAM_ACKED is wanted [false] */
    /* Secret of stateless resets. All zero: random, so that resets work only until a restart.
     * Give 32 secret bytes that survive a restart to have peers notice it at once. */
    uint8_t reset_secret[32];
};

/* The values in brackets above; mem = sg_mem_default(), identity = NULL (to be set). */
void sg_quic_config_default(struct sg_quic_config *config);

/* A new endpoint without connections; the caller frees it. now is its first timestamp.
 * SG_ERR_INVALID_ARGUMENT (a bad config), SG_ERR_NO_MEMORY, SG_ERR_CRYPTO, SG_ERR_ENTROPY. */
SG_MUST_USE sg_err sg_quic_endpoint_new(const struct sg_quic_config *config, sg_time_ns now,
                                        struct sg_quic_endpoint **out);
/* Frees at once and tells nobody: use sg_quic_close_all and drain sg_quic_send first. NULL is
 * allowed. */
void sg_quic_endpoint_free(struct sg_quic_endpoint *ep);

/* ---- connecting ---- */

struct sg_quic_dial {
    struct sg_addr remote;
    const struct sg_peer_id *expected; /* NULL: take whoever answers; borrowed for the call */
    uint64_t initial_rtt_ns;           /* from the peer cache; 0: the config's */
    bool small_initial;    /* 1200-byte datagrams: for a path that never answered a first dial */
    struct sg_bytes token; /* from a NEW_TOKEN event of an earlier run; empty: the endpoint's own
                            * cache is asked; borrowed for the call */
};

/* Starts a handshake; the outcome is an event. SG_ERR_INVALID_ARGUMENT (address family, port 0),
 * SG_ERR_LIMIT (connections_max), SG_ERR_NO_MEMORY, SG_ERR_CRYPTO, SG_ERR_STOPPED (after
 * close_all). */
SG_MUST_USE sg_err sg_quic_dial(struct sg_quic_endpoint *ep, sg_time_ns now,
                                const struct sg_quic_dial *dial, sg_quic_conn_id *out);

/* Closes a connection (or cancels a dial: DIAL_FAILED with SG_ERR_CLOSED follows). flush: first
 * everything written so far is sent and acknowledged, for at most flush_timeout_ns; writes are
 * refused from now on. The peer learns reason at once; CLOSED follows. An unknown or already
 * closing handle is ignored, except that flush = false ends an earlier flush. */
void sg_quic_close(struct sg_quic_endpoint *ep, sg_time_ns now, sg_quic_conn_id conn,
                   uint64_t reason, bool flush);
/* Closes everything and refuses new connections from now on. */
void sg_quic_close_all(struct sg_quic_endpoint *ep, sg_time_ns now, uint64_t reason, bool flush);

/* ---- datagrams in and out ---- */

/* One received UDP payload; data is borrowed for the call. local is the address it was sent to, if
 * the socket knows it (family 0 or a wildcard otherwise). ecn is the codepoint of the IP header
 * (RFC 3168 s5): 0 none, 1 ECT(1), 2 ECT(0), 3 CE. */
struct sg_quic_rx {
    struct sg_addr local;
    struct sg_addr remote;
    uint8_t ecn;
    const uint8_t *data;
    size_t len;
};

/* Takes in count datagrams. Never fails: hostile bytes cost counters, at most. */
void sg_quic_recv(struct sg_quic_endpoint *ep, sg_time_ns now, const struct sg_quic_rx *datagrams,
                  size_t count);

/* One aggregate to send: len bytes in datagrams of segment_len, the last possibly shorter (one
 * sendmsg with UDP_SEGMENT). All of one aggregate goes to remote, from local if its family is not
 * 0. The caller sets buf and cap (>= SG_QUIC_TX_MIN, SG_QUIC_TX_MAX is ideal; below SG_QUIC_TX_MIN
 * nothing is sent) and owns them: a socket that does not accept can be retried with the same tx
 * later, and until then sg_quic_send is simply not called. */
struct sg_quic_tx {
    uint8_t *buf;
    size_t cap;
    struct sg_addr local;
    struct sg_addr remote;
    uint8_t ecn;
    size_t len;
    size_t segment_len;
};

/* Fills tx with the next aggregate; false when there is nothing to send now. Connections take
 * turns, an aggregate each. */
bool sg_quic_send(struct sg_quic_endpoint *ep, sg_time_ns now, struct sg_quic_tx *tx);

/* When to call sg_quic_expire: SG_TIME_NEVER when nothing waits. */
sg_time_ns sg_quic_deadline(const struct sg_quic_endpoint *ep);
/* Runs the timers that are due. Cheap when none is. */
void sg_quic_expire(struct sg_quic_endpoint *ep, sg_time_ns now);

/* ---- writing ---- */

/* Queues one frame on a lane (mship or pubsub) and takes a reference to it until it is
 * acknowledged; on error no reference is taken. The bytes must not change.
 * SG_ERR_INVALID_ARGUMENT (bulk lane, empty frame), SG_ERR_TOO_LARGE (above SG_VARINT_MAX or the
 * whole budget), SG_ERR_WOULD_BLOCK (the lane's budget is full: a WRITABLE event follows),
 * SG_ERR_NOT_FOUND, SG_ERR_INVALID_STATE (not connected yet, or closing), SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_quic_write_frame(struct sg_quic_endpoint *ep, sg_quic_conn_id conn,
                                       enum sg_lane lane, struct sg_buf *frame);
/* Queues one datagram, copied. It may get lost. SG_ERR_TOO_LARGE (above SG_QUIC_DATAGRAM_MAX),
 * SG_ERR_INVALID_ARGUMENT (empty), SG_ERR_WOULD_BLOCK (queue full), SG_ERR_NOT_FOUND,
 * SG_ERR_INVALID_STATE, SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_quic_write_datagram(struct sg_quic_endpoint *ep, sg_quic_conn_id conn,
                                          struct sg_bytes datagram);
/* Unsent and unacknowledged bytes of a lane (bulk: of all bulk streams); 0 for unknown handles. */
size_t sg_quic_lane_queued(const struct sg_quic_endpoint *ep, sg_quic_conn_id conn,
                           enum sg_lane lane);

/* Of them, the unsent bytes of mship or pubsub; 0 for other lanes and unknown handles. */
size_t sg_quic_lane_unsent(const struct sg_quic_endpoint *ep, sg_quic_conn_id conn,
                           enum sg_lane lane);

/* Opens a unidirectional bulk stream. SG_ERR_WOULD_BLOCK (the peer's stream limit; a WRITABLE
 * event for the bulk lane follows), SG_ERR_NOT_FOUND, SG_ERR_INVALID_STATE, SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_quic_bulk_open(struct sg_quic_endpoint *ep, sg_quic_conn_id conn,
                                     sg_quic_stream_id *out);
/* Appends a chunk, by reference as in sg_quic_write_frame. The same errors; SG_ERR_NOT_FOUND also
 * when the stream is finished, reset, or stopped by the peer. */
SG_MUST_USE sg_err sg_quic_bulk_write(struct sg_quic_endpoint *ep, sg_quic_conn_id conn,
                                      sg_quic_stream_id stream, struct sg_buf *chunk);
/* Ends the stream after what was written. SG_ERR_NOT_FOUND. */
SG_MUST_USE sg_err sg_quic_bulk_fin(struct sg_quic_endpoint *ep, sg_quic_conn_id conn,
                                    sg_quic_stream_id stream);
/* Abandons a stream in the direction it has: one that we send is reset, one that we receive is
 * stopped. code is the application's. SG_ERR_NOT_FOUND. */
SG_MUST_USE sg_err sg_quic_bulk_reset(struct sg_quic_endpoint *ep, sg_quic_conn_id conn,
                                      sg_quic_stream_id stream, uint64_t code);

/* ---- events ---- */

enum sg_quic_event_type {
    SG_QUIC_CONNECTED = 1, /* the handshake is done and the peer is authenticated */
    SG_QUIC_DIAL_FAILED,   /* the end of a dialled handle that never connected */
    SG_QUIC_CLOSED,        /* the end of a connected handle */
    SG_QUIC_FRAME,         /* one complete frame */
    SG_QUIC_DATAGRAM,
    SG_QUIC_BULK,          /* the next bytes of a bulk stream */
    SG_QUIC_BULK_RESET,    /* the peer abandoned a bulk stream that it sent; code */
    SG_QUIC_BULK_STOPPED,  /* the peer does not want the rest of a bulk stream; code. The stream
                            * is gone */
    SG_QUIC_WRITABLE,      /* after SG_ERR_WOULD_BLOCK: the lane has room again */
    SG_QUIC_NEW_TOKEN,     /* an address token to keep for the next dial to remote */
    SG_QUIC_DATAGRAM_ACKED /* the peer has acknowledged one datagram or several: it is alive. Only
                            * where the config asks for it */
};

/* Only the fields of its type are set. Spans are borrowed: valid until the next call of
 * sg_quic_next_event, sg_quic_recv, sg_quic_expire, sg_quic_send or sg_quic_endpoint_free. Pulling
 * the event gives the peer its flow-control credit back. */
struct sg_quic_event {
    enum sg_quic_event_type type;
    sg_quic_conn_id conn;
    union {
        struct {
            struct sg_peer_id peer;     /* hash of public_key, proved by the handshake */
            struct sg_bytes public_key; /* raw ML-DSA-65 key [1952] */
            struct sg_addr remote;
            bool dialled; /* we opened it */
            bool resumed;
            uint64_t srtt_ns;
            uint64_t handshake_ns; /* from the first datagram to now */
        } connected;
        struct {
            struct sg_addr remote;
            sg_err err;      /* SG_ERR_TIMEOUT, WRONG_PEER, REFUSED, VERSION (ALPN or QUIC version),
                             * WRONG_PROFILE (no common algorithms), AUTH, CLOSED, PROTOCOL,
                             * NO_MEMORY, BANNED ... */
            bool answered;   /* some datagram came back: false suggests a dead address or a path
                             * that needs small_initial */
            uint64_t reason; /* the peer's enum sg_close_reason if it gave one */
        } dial_failed;
        struct {
            sg_err err;      /* SG_OK for an orderly close by either end */
            uint64_t reason; /* enum sg_close_reason; codes of other programs pass unchanged */
            bool by_peer;
            struct sg_addr remote;
        } closed;
        struct {
            enum sg_lane lane;
            struct sg_bytes bytes;
        } frame;
        struct {
            struct sg_bytes bytes;
        } datagram;
        struct {
            sg_quic_stream_id stream;
            struct sg_bytes bytes; /* may be empty when fin */
            bool fin;              /* nothing follows; the stream is gone */
            uint64_t code;         /* BULK_RESET, BULK_STOPPED */
        } bulk;
        struct {
            enum sg_lane lane;
        } writable;
        struct {
            struct sg_addr remote;
            struct sg_bytes token;
        } new_token;
    };
};

/* The next event; false when there is none. Order: control events, datagrams, mship, pubsub, bulk,
 * writable, connections in turn; after 16 events of higher classes a waiting lower class gets
 * one. */
bool sg_quic_next_event(struct sg_quic_endpoint *ep, struct sg_quic_event *event);

/* ---- looking ---- */

struct sg_quic_conn_info {
    struct sg_peer_id peer; /* zero before CONNECTED */
    struct sg_addr remote;  /* follows the peer when its address changes */
    bool connected;
    bool confirmed; /* the handshake is confirmed, TLS objects are gone */
    bool dialled;
    bool closing; /* a flushing close is under way */
    uint64_t srtt_ns;
    uint64_t rttvar_ns;
    uint64_t min_rtt_ns;
    uint64_t cwnd; /* bytes */
    uint64_t bytes_in_flight;
    uint64_t bytes_in; /* UDP payload */
    uint64_t bytes_out;
    uint64_t packets_in;
    uint64_t packets_out;
    uint64_t packets_lost;
    uint64_t handshake_ns;
    size_t queued[SG_LANE_COUNT];
    /* Half-open indicator: data waits for acknowledgement without any progress since then (at the
     * earliest since it was first tried to be sent); SG_TIME_NEVER when nothing waits. */
    sg_time_ns stalled_since;
    sg_time_ns last_receive;
};

/* SG_ERR_NOT_FOUND. */
SG_MUST_USE sg_err sg_quic_conn_info(const struct sg_quic_endpoint *ep, sg_quic_conn_id conn,
                                     struct sg_quic_conn_info *info);
/* Channel binding: TLS exporter (RFC 8446 s7.5), equal on both ends. SG_ERR_NOT_FOUND,
 * SG_ERR_INVALID_STATE (not connected yet). */
SG_MUST_USE sg_err sg_quic_exporter(const struct sg_quic_endpoint *ep, sg_quic_conn_id conn,
                                    uint8_t out[SG_QUIC_EXPORTER_LEN]);
/* Live handles into ids [cap]; returns how many there are. */
size_t sg_quic_connections(const struct sg_quic_endpoint *ep, sg_quic_conn_id *ids, size_t cap);

/* Counters since the start, except the first four, which are current values. */
struct sg_quic_stats {
    uint64_t connections_live;
    uint64_t half_open;      /* accepted handshakes under way */
    uint64_t tls_live;       /* TLS objects */
    uint64_t receive_queued; /* bytes received and not yet pulled */

    uint64_t tls_created;
    uint64_t datagrams_in;
    uint64_t datagrams_out;
    uint64_t bytes_in;
    uint64_t bytes_out;
    uint64_t aggregates_out; /* results of sg_quic_send */
    uint64_t dials;
    uint64_t accepts;
    uint64_t handshakes_done;
    uint64_t handshakes_failed; /* all causes; some of them: */
    uint64_t failed_timeout;
    uint64_t failed_wrong_peer;
    uint64_t failed_auth;    /* no key, X.509, bad signature */
    uint64_t failed_profile; /* no common algorithm */
    uint64_t failed_version; /* ALPN or QUIC version */
    uint64_t failed_refused;
    uint64_t retries_sent;
    uint64_t retries_received;
    uint64_t tokens_accepted; /* Retry and NEW_TOKEN tokens that proved an address */
    uint64_t tokens_rejected;
    uint64_t version_negotiations_sent;
    uint64_t resets_sent;
    uint64_t resets_received;
    uint64_t refused_bucket;    /* Initials dropped: source prefix over its rate */
    uint64_t refused_prefix;    /* ... prefix has too many half-open, or its share */
    uint64_t refused_half_open; /* ... too many half-open */
    uint64_t refused_rate;      /* ... handshake budget of this node used up */
    uint64_t refused_full;      /* ... connections_max */
    uint64_t half_open_evicted;
    uint64_t dropped_malformed; /* not QUIC, or for no connection */
    uint64_t dropped_stateless; /* answers not queued: no room */
    uint64_t closed_local;
    uint64_t closed_by_peer;
    uint64_t closed_idle;
    uint64_t closed_error;
    uint64_t closed_bad_frame;  /* we closed: malformed, zero-length or oversized frame */
    uint64_t closed_bad_stream; /* we closed: unknown or duplicate lane, lane ended */
    uint64_t closed_overload;   /* we closed: receive_max */
    uint64_t frames_in[SG_FRAME_LANE_COUNT];
    uint64_t frames_out[SG_FRAME_LANE_COUNT];
    uint64_t bulk_bytes_in;
    uint64_t bulk_bytes_out;
    uint64_t quic_datagrams_in; /* DATAGRAM frames */
    uint64_t quic_datagrams_out;
    uint64_t quic_datagrams_dropped; /* receive queue full: the oldest went */
    uint64_t migrations;             /* a peer's address changed and was validated */
};

void sg_quic_stats(const struct sg_quic_endpoint *ep, struct sg_quic_stats *stats);

#endif
