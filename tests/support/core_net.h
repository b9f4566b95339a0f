/* A handful of cores wired by an in-memory queue with a clock of its own: frames arrive in order
 * after one millisecond, dials succeed when the peer is there. For unit tests of src/node; whole
 * networks with delay and loss are the simulator's. */
#ifndef SG_TESTS_SUPPORT_CORE_NET_H
#define SG_TESTS_SUPPORT_CORE_NET_H

#include "crypto/identity.h"
#include "node/core.h"

#define NET_NODES_MAX 12
#define NET_QUEUE_MAX 8192
#define NET_DELIVERIES_MAX 4096
#define NET_WALL_MS UINT64_C(1700000000000)

struct net_delivery {
    size_t node;
    struct sg_msg_id id;
    struct sg_core_message message; /* payload is not kept */
    size_t payload_len;
    uint8_t first; /* byte of the payload */
    uint64_t sum;  /* net_sum of it */
};

struct net_frame {
    size_t from, to;
    enum sg_lane lane;
    struct sg_buf *buf; /* NULL: the sender closes the link */
};

#define NET_JOBS_MAX 256
struct net_job {
    size_t node;
    uint64_t number;
    enum sg_core_out_kind kind;
    struct sg_msg_id root;
    struct sg_buf *proof;
};

/* What a core gave out to be stored. */
#define NET_STORED_MAX 64
struct net_stored {
    size_t node;
    struct sg_topic_id topic;
    struct sg_msg_id id;
    struct sg_buf *gossip, *root, *key;
};

struct net {
    size_t count;
    struct sg_core *core[NET_NODES_MAX];
    struct sg_identity *identity[NET_NODES_MAX];
    bool is_linked[NET_NODES_MAX][NET_NODES_MAX];
    bool is_down[NET_NODES_MAX];
    bool is_cut[NET_NODES_MAX]; /* runs, but nothing comes or goes, dials included */
    bool has_hellos;            /* dials of the banned are refused */
    struct sg_core_outbox out;
    struct net_frame queue[NET_QUEUE_MAX];
    size_t head, tail;
    struct net_delivery deliveries[NET_DELIVERIES_MAX];
    size_t delivery_count;
    enum sg_close_reason last_close[NET_NODES_MAX]; /* by the node that closed */
    size_t need_seeds[NET_NODES_MAX];
    size_t need_cache[NET_NODES_MAX];
    struct sg_core_out transfers[NET_NODES_MAX]; /* the last TRANSFER */
    size_t transfer_events[NET_NODES_MAX];
    size_t neighbor_events[NET_NODES_MAX]; /* UP and DOWN */
    size_t member_events[NET_NODES_MAX][NET_NODES_MAX][SG_CORE_MEMBER_DROPPED + 1];
    sg_time_ns failed_at[NET_NODES_MAX][NET_NODES_MAX]; /* last FAIL of [1] at [0] */
    sg_time_ns now;
    /* Sees each frame before it arrives; false drops it. May be NULL. */
    bool (*filter)(struct net *net, const struct net_frame *frame);
    void *user;
    /* Sees each DOC. May be NULL. */
    void (*on_doc)(struct net *net, size_t node, const struct sg_core_out *out);
    /* with config.offload: jobs wait for net_finish_job instead of being done at once */
    bool jobs_wait;
    struct net_job jobs[NET_JOBS_MAX];
    size_t job_count;
    struct net_stored stored[NET_STORED_MAX];
    size_t stored_count;
    const struct sg_mem *mem;
};

/* count nodes of one network with fresh keys; config changes may be made by tune (may be NULL). */
void net_init(struct net *net, size_t count, void (*tune)(struct sg_core_config *config));
void net_fini(struct net *net);
/* One input to a node, and its outputs into the queue. Gives the core's error. */
sg_err net_input(struct net *net, size_t node, const struct sg_core_in *in);
/* A frame of bytes to `to` as if `from` had sent it. The link must be up. */
void net_inject(struct net *net, size_t from, size_t to, enum sg_lane lane, struct sg_bytes bytes);
/* Opens the link and joins `node` through `contact`. */
void net_join(struct net *net, size_t node, size_t contact);
void net_subscribe(struct net *net, size_t node, const struct sg_topic_id *topic);
sg_err net_publish(struct net *net, size_t node, const struct sg_topic_id *topic,
                   struct sg_bytes payload, struct sg_core_publish *result);
/* The node is gone without a word: it hears and does nothing any more. */
void net_crash(struct net *net, size_t node);
/* The node starts anew with this boot counter, knowing nothing and linked to nobody. */
void net_restart(struct net *net, size_t node, uint64_t boot);
/* How often a node was told this of another one. */
size_t net_told(const struct net *net, size_t node, size_t member, enum sg_core_member_kind kind);
/* Runs for duration of virtual time; all invariants are checked after each step. */
void net_run(struct net *net, uint64_t duration_ns);
/* Does the oldest waiting job and tells its node. */
void net_finish_job(struct net *net);
/* A checksum (FNV-1a) of bytes. */
uint64_t net_sum(struct sg_bytes bytes);
/* How often a node was given a message. */
size_t net_delivered(const struct net *net, size_t node, const struct sg_msg_id *id);
const struct sg_peer_id *net_id(const struct net *net, size_t node);
/* All nodes joined through node 0, subscribed to topic, and settled. */
void net_settle(struct net *net, const struct sg_topic_id *topic);

#endif
