/* The table of connections and links: which connection carries the link to which peer. Pure: no
 * sockets, no clock, no call-backs. The runtime tells it what happened to connections and carries
 * out the acts that it answers with.
 *
 * A connection is one QUIC connection; a link is what the core knows: one per peer. A connection
 * waits for the peer's HELLO, then it carries the link (MAIN) or has lost against another one
 * (SPARE: still read, never written, closed after a while). A link whose connection was closed as
 * a duplicate while the survivor's HELLO is still under way goes on without connection for a
 * moment (limbo), so that the core sees one continuous link. */
#ifndef SG_RUNTIME_LINKS_H
#define SG_RUNTIME_LINKS_H

#include <stdbool.h>

#include "node/flow.h"
#include "runtime/frames.h"
#include "runtime/tiebreak.h"

/* A connection whose peer does not say HELLO for so long is closed. */
#define SG_RT_HELLO_NS (5 * SG_NS_PER_S)
/* How long a loser is kept: by the end that decides, until what the other end sent before it knew
 * has come; by the other end, until it would have been overruled. */
#define SG_RT_LINGER_DECIDER_NS (500 * SG_NS_PER_MS)
#define SG_RT_LINGER_OTHER_NS (3 * SG_NS_PER_S)
/* How long a link may be without a connection. */
#define SG_RT_LIMBO_NS (3 * SG_NS_PER_S)
/* Losers kept per peer; the oldest goes at once when there are more. */
#define SG_RT_SPARES_MAX 2
/* Connections of one peer in whatever state. More are refused: one identity must not use up the
 * node's connections by opening them without a HELLO. */
#define SG_RT_CONNS_PER_PEER_MAX 6
/* Frames of a connection before its HELLO: what fits an initial flow-control window. */
#define SG_RT_HELD_MAX 256
/* Of them datagrams: probes that overtook the HELLO. */
#define SG_RT_HELD_DATAGRAMS_MAX 16
#define SG_RT_HELD_BYTES_MAX (UINT32_C(128) << 10)
/* Frames that wait for room in the mship lane. Behind 256 KiB in the lane itself this is a peer
 * that does not read. */
#define SG_RT_BACKLOG_MAX 1024
#define SG_RT_BACKLOG_BYTES_MAX (UINT32_C(1) << 20)

typedef uint64_t sg_rt_conn_id; /* the endpoint's handle, 0 = none */

enum sg_rt_conn_state {
    SG_RT_CONN_HELLO,
    SG_RT_CONN_MAIN,
    SG_RT_CONN_SPARE,
    SG_RT_CONN_CLOSING /* closed by us: its CLOSED event is still to come */
};

struct sg_rt_conn {
    sg_rt_conn_id id;
    struct sg_peer_id peer;
    enum sg_rt_conn_state state;
    bool dialled;
    uint64_t boot;
    sg_time_ns since;         /* connected */
    sg_time_ns deadline;      /* HELLO, SPARE: to be closed then */
    uint64_t packets_lost;    /* as far as anybody looked */
    struct sg_rt_frames held; /* HELLO: frames that came too early */
};

/* What the core knows of the quality of a link, so that only news is told. */
struct sg_rt_told {
    sg_rt_conn_id conn; /* whose counters these are */
    uint64_t packets_out;
    uint64_t packets_lost;
    uint64_t srtt_ns;
};

struct sg_rt_link {
    struct sg_peer_id peer;
    sg_rt_conn_id main; /* 0: limbo */
    uint64_t boot;
    sg_time_ns since;
    sg_time_ns limbo_until;
    struct sg_rt_told told;
    struct sg_rt_frames backlog; /* of mship */
    struct sg_flow flow;         /* of pubsub */
};

struct sg_rt_links {
    const struct sg_mem *mem;
    struct sg_peer_id self;
    struct sg_rt_conn **conns; /* [conn_count], in order of arrival */
    size_t conn_count;
    size_t conn_cap;
    struct sg_rt_link **links; /* [link_count] */
    size_t link_count;
    size_t link_cap;
    struct sg_flow_stats flow_gone; /* of links that are gone */
};

enum sg_rt_act_kind {
    SG_RT_ACT_DOWN, /* peer, err: the link is gone */
    SG_RT_ACT_UP,   /* peer, conn: there is a link now */
    SG_RT_ACT_MAIN, /* peer, conn: the link goes on over this connection */
    SG_RT_ACT_CLOSE /* conn, reason, flush */
};

struct sg_rt_act {
    enum sg_rt_act_kind kind;
    struct sg_peer_id peer;
    sg_rt_conn_id conn;
    sg_err err;
    enum sg_close_reason reason;
    bool flush;
};

/* What to do, in order. A restarted peer's HELLO gives DOWN, UP and a CLOSE; a drop closes a main
 * connection and its spares. */
#define SG_RT_ACTS_MAX (3 + SG_RT_SPARES_MAX)
struct sg_rt_acts {
    size_t count;
    struct sg_rt_act act[SG_RT_ACTS_MAX];
};

void sg_rt_links_init(struct sg_rt_links *t, const struct sg_mem *mem,
                      const struct sg_peer_id *self);
void sg_rt_links_fini(struct sg_rt_links *t);

/* NULL when unknown. */
struct sg_rt_conn *sg_rt_links_conn(const struct sg_rt_links *t, sg_rt_conn_id id);
struct sg_rt_link *sg_rt_links_find(const struct sg_rt_links *t, const struct sg_peer_id *peer);
/* A connection to peer that still waits for its HELLO, or NULL. */
struct sg_rt_conn *sg_rt_links_greeting(const struct sg_rt_links *t, const struct sg_peer_id *peer);

/* All functions below empty acts first and cost O(connections). */

/* A connection is there; it waits for HELLO. SG_ERR_NO_MEMORY, SG_ERR_LIMIT (of this peer): it is
 * not known, close it. */
SG_MUST_USE sg_err sg_rt_links_connected(struct sg_rt_links *t, sg_time_ns now,
                                         const struct sg_rt_conn *conn);
/* Its HELLO came and was good. SG_ERR_NO_MEMORY: nothing has changed, close it. */
SG_MUST_USE sg_err sg_rt_links_hello(struct sg_rt_links *t, sg_time_ns now, sg_rt_conn_id id,
                                     uint64_t boot, struct sg_rt_acts *acts);
/* We close it for another reason than a lost tie-break. It must not carry a link: see drop. */
void sg_rt_links_closing(struct sg_rt_links *t, sg_rt_conn_id id);
/* It is gone. is_duplicate: the peer closed it because another one survives. err: for DOWN. */
void sg_rt_links_closed(struct sg_rt_links *t, sg_time_ns now, sg_rt_conn_id id,
                        const struct sg_rt_act *why, struct sg_rt_acts *acts);
/* The core has let go of the link: closes what carried it, after what was sent before. No DOWN.
 * Connections that wait for their HELLO stay: they are the peer's new attempts. */
void sg_rt_links_drop(struct sg_rt_links *t, const struct sg_peer_id *peer,
                      enum sg_close_reason reason, struct sg_rt_acts *acts);

sg_time_ns sg_rt_links_deadline(const struct sg_rt_links *t);
/* Handles one thing that is due; false when there is none. */
bool sg_rt_links_expire(struct sg_rt_links *t, sg_time_ns now, struct sg_rt_acts *acts);

/* Asserts: at most one MAIN per peer, and exactly the one its link names. */
void sg_rt_links_check(const struct sg_rt_links *t);

#endif
