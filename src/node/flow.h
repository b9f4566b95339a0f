/* What waits for a link that does not take everything at once: byte-bounded queues by class, in
 * front of the pubsub lane, and the judgement whether a peer is too slow to be pushed to. Pure, one
 * per link; who owns it tells the time and how much of what was written is still unacknowledged.
 * See flow.c for the essay. */
#ifndef SG_NODE_FLOW_H
#define SG_NODE_FLOW_H

#include <saorsa/types.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/time.h"

/* In order of precedence. The last three are messages with their proofs: they may be dropped, and
 * leave an IHAVE. */
enum sg_flow_class {
    SG_FLOW_CONTROL,  /* GRAFT, PRUNE, PROOF_WANT, sync: before all, shed last */
    SG_FLOW_ANNOUNCE, /* IHAVE: next; when too many wait, the oldest go, back-fill finds the rest */
    SG_FLOW_CRITICAL, /* topics by the priority that their user gave them */
    SG_FLOW_NORMAL,
    SG_FLOW_BULK, /* and all that back-fill sends */
    SG_FLOW_CLASS_COUNT
};

struct sg_flow_config {
    size_t push_bytes_max;      /* [4 MiB] messages that wait .. */
    uint32_t push_count_max;    /* [8192] .. each class so many frames */
    size_t control_bytes_max;   /* [1 MiB] behind 64 KiB in the lane: a peer that does not read */
    uint32_t control_count_max; /* [1024] */
    size_t announce_bytes_max;  /* [256 KiB] */
    uint64_t slow_ns;           /* [1 s] a message waits longer, and nothing was acknowledged for so
                                 * long: the peer is slow .. */
    uint64_t patience_ns;       /* [5 s] .. or it waits longer than this */
    uint64_t pause_ns;          /* [1 s] before the first probe, doubled with each that fails .. */
    uint64_t pause_max_ns;      /* [30 s] .. up to here */
};

struct sg_flow_config sg_flow_config_default(void);

struct sg_flow_frame {
    struct sg_buf *buf; /* one reference */
    struct sg_topic_id topic;
    struct sg_msg_id id; /* as in the SEND that it comes from: for PUSH_DROPPED */
    enum sg_flow_class klass;
    sg_time_ns since; /* set by sg_flow_push */
};

struct sg_flow_queue {
    struct sg_flow_frame *items; /* [cap], a ring from head; NULL while it is empty */
    uint32_t cap, head, count;
    size_t bytes;
    uint64_t turn; /* bytes sent over weight, see sg_flow_next */
};

enum sg_flow_state {
    SG_FLOW_OPEN,
    SG_FLOW_SLOW, /* no message is pushed, until one may go as a probe */
    SG_FLOW_PROBE /* it is on its way */
};

/* Plain counters; they only grow. */
struct sg_flow_stats {
    uint64_t dropped;           /* messages and proofs that left an IHAVE */
    uint64_t announces_dropped; /* IHAVE frames */
    uint64_t slow;              /* times that the peer became slow */
    uint64_t probes;
    uint64_t recovered; /* probes that were acknowledged in time */
};

struct sg_flow {
    struct sg_flow_config config;
    enum sg_flow_state state;
    bool probe_is_open;  /* PROBE: the message itself may still come */
    uint32_t waiting;    /* frames, all classes */
    size_t push_bytes;   /* of the last three classes */
    uint64_t written;    /* bytes handed to the lane since ever .. */
    uint64_t mark;       /* .. up to here they have to be acknowledged: SLOW, PROBE */
    uint64_t pause_ns;   /* the next one */
    sg_time_ns at;       /* SLOW: not before; PROBE: not after */
    sg_time_ns open_at;  /* OPEN: since */
    uint64_t acked;      /* of written .. */
    sg_time_ns acked_at; /* .. and when that was seen to grow */
    struct sg_flow_stats stats;
    struct sg_flow_queue queue[SG_FLOW_CLASS_COUNT];
};

void sg_flow_init(struct sg_flow *f, const struct sg_flow_config *config, sg_time_ns now);
/* Lets go of all that waits; the state stays. */
void sg_flow_clear(struct sg_flow *f, const struct sg_mem *mem);
void sg_flow_stats_add(struct sg_flow_stats *sum, const struct sg_flow_stats *add);

/* Whether a frame of this class may go to the lane without waiting: nothing waits before it. */
bool sg_flow_is_idle(const struct sg_flow *f);
/* Takes a frame in, with its reference; on an error none is taken.
 * SG_ERR_WOULD_BLOCK: the peer is slow, drop it and leave an IHAVE. SG_ERR_FULL: control does not
 * fit either, the peer does not read at all. SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_flow_push(struct sg_flow *f, const struct sg_mem *mem, sg_time_ns now,
                                const struct sg_flow_frame *frame);
/* A frame that has to go, for want of room or because the peer has become slow; false when there is
 * none. The reference goes to the caller. Call until false after push and tick. */
bool sg_flow_shed(struct sg_flow *f, const struct sg_mem *mem, struct sg_flow_frame *frame);
/* The frame to be written next, borrowed until the next call; NULL when none waits. */
const struct sg_flow_frame *sg_flow_next(const struct sg_flow *f);
/* The frame of sg_flow_next was written: forgets it and its reference. */
void sg_flow_pop(struct sg_flow *f, const struct sg_mem *mem);
/* A frame of len bytes went to the lane without waiting. */
void sg_flow_wrote(struct sg_flow *f, size_t len);
/* unacked: bytes of the lane that are not acknowledged. Call when that has shrunk or the deadline
 * is there. */
void sg_flow_tick(struct sg_flow *f, sg_time_ns now, uint64_t unacked);
/* When to tick though nothing happens; SG_TIME_NEVER. */
sg_time_ns sg_flow_deadline(const struct sg_flow *f);
/* Bytes that wait, all classes. */
size_t sg_flow_bytes(const struct sg_flow *f);
/* Asserts every invariant. */
void sg_flow_check(const struct sg_flow *f);

#endif
