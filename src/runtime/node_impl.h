/* The node object, shared by the files of this folder.
 *
 * The one event loop (architecture.md s2, L4). Everything below the lock belongs to whoever holds
 * it: the loop thread for one turn, or a thread inside an API call. libuv's handles belong to the
 * loop alone; API calls only send `wake`. Nothing here blocks on the network: the socket does not,
 * names are resolved elsewhere, and readers of messages have locks of their own.
 *
 * One turn (turn.c): read the socket -> QUIC timers -> signature jobs that are done (work.h) ->
 * QUIC events -> core timers -> seeds, dials, links, watchdog, peer cache -> write the socket.
 * Events become inputs of the core (conns.c), the core's outputs are carried out in order
 * (outputs.c). Each step is bounded in number or time; what is
 * left over makes the next turn come at once, after the others who wait for the lock. */
#ifndef SG_RUNTIME_NODE_IMPL_H
#define SG_RUNTIME_NODE_IMPL_H

#include <saorsa/gossip.h>
#include <stdatomic.h>

#include <uv.h>

#include "crypto/identity.h"
#include "node/core.h"
#include "os/udp.h"
#include "quic/endpoint.h"
#include "runtime/archive.h"
#include "runtime/budget.h"
#include "runtime/bulk.h"
#include "runtime/cache.h"
#include "runtime/config.h"
#include "runtime/contacts.h"
#include "runtime/dials.h"
#include "runtime/events.h"
#include "runtime/fair_lock.h"
#include "runtime/journal.h"
#include "runtime/keystore.h"
#include "runtime/links.h"
#include "runtime/node_seams.h"
#include "runtime/paths.h"
#include "runtime/seeds.h"
#include "runtime/subs.h"
#include "runtime/work.h"

/* Datagrams read, and system calls made to read them, per turn. */
#define SG_RT_READS_PER_TURN 16
/* How long one turn works on events and timers before it writes. */
#define SG_RT_TURN_NS (5 * SG_NS_PER_MS)
/* Batches written per turn; each is one call of sg_udp_send. */
#define SG_RT_WRITES_PER_TURN 64
/* Aggregates per batch, and the room for them: one of the largest size always fits. */
#define SG_RT_BATCH 32
#define SG_RT_BATCH_BYTES (2 * SG_QUIC_TX_MAX)
/* A new aggregate is begun only with so much room, so that bulk is not cut into slices. */
#define SG_RT_BATCH_ROOM_MIN 16384
/* sg_publish refuses above so many bytes in all send queues. */
#define SG_RT_QUEUED_MAX (UINT64_C(32) << 20)
/* Links are looked at for stalls so often, if anything was sent, and for round-trip times and
 * losses so often, if the node is awake. */
#define SG_RT_WATCH_NS SG_NS_PER_S
/* A connection without progress is given up after the longer of this and 8 PTO. */
#define SG_RT_STALL_NS (10 * SG_NS_PER_S)
/* Goodbyes may take so long; with the rest a stop stays below one second. */
#define SG_RT_STOP_NS (500 * SG_NS_PER_MS)
#define SG_RT_ERROR_CAP 256

enum sg_rt_mode {
    SG_RT_NEW,      /* made: neither started nor driven */
    SG_RT_THREADED, /* has a loop thread */
    SG_RT_DRIVEN,   /* the caller drives */
    SG_RT_STOPPING, /* says goodbye */
    SG_RT_STOPPED
};

/* Outgoing datagrams between the endpoint and the socket. */
struct sg_rt_out {
    uint8_t *buf; /* [SG_RT_BATCH_BYTES] while something in it is to be sent, or NULL */
    struct sg_udp_out batch[SG_RT_BATCH];
    size_t count;
    size_t sent;  /* of count; the rest waits for the socket */
    bool blocked; /* the socket's buffer is full */
};

struct sg_rt_counters {
    uint64_t refused_network;
    uint64_t refused_version;
    uint64_t handshakes;
    uint64_t handshake_sum_us;
    uint64_t handshake_last_us;
    uint64_t dials_failed;
    uint64_t packets_lost;      /* of connections that are gone */
    uint64_t datagrams_dropped; /* by the runtime: no room, no link */
    uint64_t turns;
};

struct sg_node {
    /* constant after sg_node_new */
    const struct sg_mem *mem;
    struct sg_peer_id self;
    struct sg_addr address;
    char network[SG_NETWORK_NAME_MAX + 1];
    uint64_t boot;
    sg_time_ns born;
    atomic_int mode;            /* enum sg_rt_mode; written under the lock */
    struct sg_rt_events events; /* has its own lock */

    struct sg_rt_lock lock;
    /* under the lock */
    sg_time_ns now; /* of this turn or call */
    uint64_t wall_ms;
    struct sg_prng prng;
    struct sg_keystore keystore;
    bool has_keystore;
    struct sg_identity *identity;
    struct sg_udp *udp;            /* NULL once stopped */
    struct sg_udp_stats udp_stats; /* the last ones when udp is NULL */
    bool dual_stack;
    bool is_broken; /* the socket's descriptor is gone: a bug somewhere in the program */
    struct sg_quic_endpoint *quic;
    struct sg_core *core;
    struct sg_core_outbox outbox;
    struct sg_rt_work work;
    bool is_draining;         /* outputs are being carried out further up the stack */
    bool has_begun;           /* the first turn was */
    bool has_left;            /* sg_node_leave */
    bool more;                /* work is left over: another turn at once */
    sg_time_ns starved_until; /* the socket is left alone for want of memory; 0 = it is not */
    struct sg_rt_out out;
    struct sg_rt_links links;
    struct sg_rt_bulk bulk;
    struct sg_rt_dials dials;
    struct sg_rt_budget budget;
    struct sg_rt_paths paths;
    struct sg_rt_seeds seeds;
    struct sg_rt_subs subs;
    struct sg_rt_journal journal;
    struct sg_rt_cache cache;     /* locks of its own, see there */
    struct sg_rt_archive archive; /* likewise */
    struct sg_rt_contacts contacts;
    uint32_t base_neighbors;
    sg_time_ns mix_at;    /* a seed is asked again; 0 = not any more */
    sg_time_ns reseed_at; /* with few neighbours: the next try of all seeds; 0 = not set */
    bool has_local_peers; /* somebody was met at a loopback address */
    sg_time_ns watch_at;
    sg_time_ns look_at; /* no alarm: links are looked at when the node is awake anyway */
    unsigned postponed; /* turns in a row whose core timers had to wait */
    sg_time_ns stop_at; /* STOPPING: end of the goodbyes */
    struct sg_rt_counters counters;
    char last_error[SG_RT_ERROR_CAP];

    /* the loop's */
    uv_loop_t loop;
    bool has_loop;
    uv_poll_t poll;
    uv_timer_t timer;
    uv_async_t wake;
    uv_thread_t thread;
    int interest; /* poll events asked for */
    bool rearm;   /* the loop has to look at the descriptors anew */
};

/* ---- node.c: entering and leaving ---- */

/* Takes the lock and reads the clocks. SG_ERR_STOPPED (and the lock is not held) when the node does
 * not run any more, or has left. */
SG_MUST_USE sg_err sg_rt_enter(struct sg_node *node);
/* The same for calls that are always allowed. */
void sg_rt_enter_any(struct sg_node *node);
/* Hands what the call caused to the loop, or writes it out when the caller drives, and unlocks. */
void sg_rt_leave(struct sg_node *node);
/* Unlocks; nothing was caused. */
void sg_rt_leave_quiet(struct sg_node *node);
void sg_rt_read_clocks(struct sg_node *node);
/* Keeps a sentence for sg_node_last_error. */
void sg_rt_note_error(struct sg_node *node, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- turn.c ---- */

void sg_rt_turn(struct sg_node *node);
/* The next time anything is due; the node's own `more` counts as now. */
sg_time_ns sg_rt_deadline(struct sg_node *node);
/* Feeds the core and carries out what it answers, now or further up the stack. */
SG_MUST_USE sg_err sg_rt_feed(struct sg_node *node, const struct sg_core_in *in);
/* The same for inputs that only fail for want of memory, and are then lost like a frame. */
void sg_rt_tell(struct sg_node *node, const struct sg_core_in *in);

/* ---- outputs.c ---- */

/* Carries out the core's outputs in order, those that come meanwhile included. */
void sg_rt_run_outputs(struct sg_node *node);
/* Since time_ms by the wall clock, in microseconds; 0 when that is ahead. */
uint64_t sg_rt_age_us(uint64_t time_ms);
/* Feeds the results of signature jobs that are done. */
void sg_rt_run_jobs(struct sg_node *node);
/* Has what was published signed, and waits for it and all other jobs: before saying goodbye. */
void sg_rt_finish_jobs(struct sg_node *node);
/* Writes as much of a link's backlog as its mship lane takes. */
void sg_rt_flush_backlog(struct sg_node *node, struct sg_rt_link *link);
/* Bytes in send queues, and how many they may be before sg_publish refuses a message of that
 * class. */
uint64_t sg_rt_bytes_queued(const struct sg_node *node, enum sg_flow_class klass, uint64_t *limit);

/* ---- flow.c ---- */

/* A frame for the pubsub lane; what finds no room and may be dropped is. false: it is control, and
 * there is no room. */
SG_MUST_USE bool sg_rt_flow_send(struct sg_node *node, struct sg_rt_link *link,
                                 const struct sg_core_out *out);
/* Writes what waits, as far as the lane takes it: the link is about to close. */
void sg_rt_flow_flush(struct sg_node *node, struct sg_rt_link *link);
/* Refills the lanes that have sent what they had; whether there was anything. */
bool sg_rt_flow_pump(struct sg_node *node);
/* Looks at the peers for which something waits: slow ones, and those that come back. */
void sg_rt_flow_run(struct sg_node *node);
sg_time_ns sg_rt_flow_deadline(const struct sg_node *node);
void sg_rt_flow_stats(const struct sg_node *node, struct sg_stats *stats);

/* ---- topics.c: the steps of messages ---- */

/* The core's trace; user: the node. */
void sg_rt_on_trace(void *user, enum sg_trace_event event, const uint8_t *peer, const uint8_t *id,
                    uint64_t number);
void sg_rt_trace_published(struct sg_node *node, const struct sg_topic_id *topic,
                           const struct sg_core_publish *done);
void sg_rt_trace_delivered(struct sg_node *node, const struct sg_core_out *out);

/* ---- past.c ---- */

/* Moves messages that waited outside a full queue into it (SG_FULL_BLOCK). */
void sg_rt_sub_catch_up(struct sg_node *node, struct sg_subscription *sub);

/* ---- net.c ---- */

/* Reads a bounded number of datagrams into the endpoint. */
void sg_rt_read_socket(struct sg_node *node);
/* Writes until there is nothing more, the socket is full, or the turn's share is used up. */
void sg_rt_write_socket(struct sg_node *node);

/* ---- conns.c: the endpoint's events, and the acts of the link table ---- */

void sg_rt_on_event(struct sg_node *node, const struct sg_quic_event *event);
void sg_rt_run_acts(struct sg_node *node, const struct sg_rt_acts *acts);
/* Ends a link for a reason of ours; the core is told. */
void sg_rt_break_link(struct sg_node *node, const struct sg_peer_id *peer,
                      enum sg_close_reason reason, sg_err err);
/* Spares, limbo and missing HELLOs that are due. */
void sg_rt_expire_links(struct sg_node *node);

/* ---- report.c: events for the program ---- */

void sg_rt_report_neighbor(struct sg_node *node, const struct sg_core_out *out);
void sg_rt_report_member(struct sg_node *node, const struct sg_core_out *out);
/* A connection was refused or closed for cause. */
void sg_rt_report_refused(struct sg_node *node, const struct sg_peer_id *peer, sg_err err,
                          const char *what);
/* A file of the state folder could not be written or read; the node runs on. */
void sg_rt_report_state(struct sg_node *node, const char *file, sg_err err);
void sg_rt_report_transfer(struct sg_node *node, const struct sg_core_out *out);
/* The err that stands for a close reason. */
sg_err sg_rt_err_of_reason(uint64_t reason);

/* ---- dialer.c ---- */

/* The core wants a link. */
void sg_rt_dial_wanted(struct sg_node *node, const struct sg_core_out *out);
/* Starts queued dials as far as the budget goes. */
void sg_rt_run_dials(struct sg_node *node);
/* When a dial that waits for the budget may be tried. */
sg_time_ns sg_rt_dial_deadline(const struct sg_node *node);
/* Nobody wants the peer any more; its handshake, if any, is cancelled. */
void sg_rt_dial_forget(struct sg_node *node, const struct sg_peer_id *peer);
/* The peer's link is up: its dial has been answered. */
void sg_rt_dial_answered(struct sg_node *node, const struct sg_peer_id *peer);
/* A connection of a dial ended before its link was up. peer: its other end, NULL when the
 * handshake failed. Answers the core when nothing is left to try. */
void sg_rt_dial_lost(struct sg_node *node, sg_quic_conn_id conn, const struct sg_peer_id *peer,
                     sg_err err);
/* Whether this socket reaches such an address at all, and it is not the node's own. */
bool sg_rt_reaches(const struct sg_node *node, const struct sg_addr *addr);
bool sg_rt_is_own(const struct sg_node *node, const struct sg_addr *addr);
/* Starts a handshake for a core dial or a seed. Errors of sg_quic_dial. */
SG_MUST_USE sg_err sg_rt_dial_address(struct sg_node *node, const struct sg_addr *addr,
                                      const struct sg_peer_id *expected, sg_quic_conn_id *conn);

/* ---- seeder.c ---- */

/* All seeds are wanted: at the start, and when the node is isolated. */
void sg_rt_want_seeds(struct sg_node *node);
void sg_rt_run_seeds(struct sg_node *node);
/* When all seeds are wanted once more, because neighbours are few. */
sg_time_ns sg_rt_reseed_deadline(const struct sg_node *node);
/* Asks one of them again some seconds after the start. */
void sg_rt_mix_later(struct sg_node *node);
/* conn, a seed's, is connected to peer. */
void sg_rt_seed_connected(struct sg_node *node, sg_quic_conn_id conn,
                          const struct sg_peer_id *peer);
/* conn's link is up: joins when conn is a seed's. */
void sg_rt_seed_link_up(struct sg_node *node, sg_quic_conn_id conn);
struct sg_rt_seed_loss {
    sg_err err;
    bool answered;   /* somebody was there */
    uint64_t reason; /* the peer's enum sg_close_reason, if any */
};
/* conn ended before its link was up. Whether it was a seed's. */
bool sg_rt_seed_lost(struct sg_node *node, sg_quic_conn_id conn,
                     const struct sg_rt_seed_loss *loss);
/* conn reached this node itself. Whether it was a seed's. */
bool sg_rt_seed_is_self(struct sg_node *node, sg_quic_conn_id conn);

/* ---- watch.c ---- */

/* Something was sent: look at the links after a while. */
void sg_rt_watch(struct sg_node *node);
void sg_rt_run_watch(struct sg_node *node);

/* ---- members.c ---- */

/* The first address of hints as text [cap], "" when there is none. */
void sg_rt_hint_text(const struct sg_hints *hints, char *text, size_t cap);

/* ---- doc_bind.c ---- */

/* Something happened to a session of a bound document. */
void sg_rt_doc_event(struct sg_node *node, const struct sg_core_out *out);

/* ---- contact_api.c ---- */

/* Reads the contacts from the disk. Errors of sg_peers_contacts. */
SG_MUST_USE sg_err sg_rt_contacts_load(struct sg_node *node);
/* Tells the core about all contacts. */
void sg_rt_contacts_begin(struct sg_node *node);

/* ---- loop.c ---- */

SG_MUST_USE sg_err sg_rt_loop_init(struct sg_node *node);
/* Closes the handles and the loop; the loop thread is gone or never was. */
void sg_rt_loop_fini(struct sg_node *node);

#endif
