/* Events by virtual time, first in first out among those of one time: a radix heap (Ahuja,
 * Mehlhorn, Orlin, Tarjan 1990). Time never goes back: an event lies in the bucket of the highest
 * bit in which its time differs from the last one taken, and only moves to lower buckets. Equal
 * times are always in one bucket, in order of arrival, so no sequence numbers are needed. Moves are
 * sequential: no cache miss per level as in a binary heap. Buckets are lists of parts that all of
 * them share: each bucket is full at some time, and seldom two at once.
 *
 * The lowest buckets are not emptied one by one: a few dozen events are sorted into a run, so that
 * the loop can look ahead and have the memory of the next nodes fetched while it works on this
 * one. The run gets the next events before it is empty, so that there is always something ahead. */
#ifndef SG_SIM_QUEUE_H
#define SG_SIM_QUEUE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/time.h"

enum sg_sim_event_kind {
    SG_SIM_EV_FRAME,        /* conn, end, lane, buf */
    SG_SIM_EV_TIMER,        /* node */
    SG_SIM_EV_ARRIVE,       /* conn: the first flight of a dial is there */
    SG_SIM_EV_REPLY,        /* conn: its answer */
    SG_SIM_EV_ESTABLISHED,  /* conn: the last flight */
    SG_SIM_EV_CLOSE,        /* conn, end: the other end has closed */
    SG_SIM_EV_GIVE_UP,      /* conn, end: the handshake has taken too long */
    SG_SIM_EV_SILENT,       /* conn, end: maybe nothing has been heard for too long */
    SG_SIM_EV_PUSH_DROPPED, /* conn, end, buf: the message id */
    SG_SIM_EV_SEED,         /* node: needs a seed */
    SG_SIM_EV_JOIN,         /* node: starts */
    SG_SIM_EV_PUBLISH,      /* the next message */
    SG_SIM_EV_KILL,         /* crash the victims */
    SG_SIM_EV_CUT_IDLE,     /* the partition has lasted for an idle timeout */
    SG_SIM_EV_TICK,         /* look at the whole once a second */
    SG_SIM_EV_CACHE,        /* node: needs its peer cache */
    SG_SIM_EV_NO_PEER,      /* node, buf: the id it dialled, which nobody has */
    SG_SIM_EV_ACTION,       /* of the scenario, by number */
    SG_SIM_EV_END,          /* of a partition, by number; end 1: of a node that has left */
    SG_SIM_EV_ADVERSARY,    /* node: an attacker's next moment */
    SG_SIM_EV_JOB           /* node, buf: a signature is made or checked */
};

struct sg_sim_event {
    sg_time_ns at;
    struct sg_buf *buf; /* one reference, or NULL */
    uint32_t index;     /* of a connection or a node */
    uint8_t kind;       /* enum sg_sim_event_kind */
    uint8_t end;        /* 0 = the dialler's, 1 = the acceptor's: who receives */
    uint8_t lane;
    bool is_push; /* FRAME: counts in the lane's budget */
};

/* So many events after the next one are known, if there are so many. */
#define SG_SIM_QUEUE_AHEAD 12

/* Two kilobytes with their link. */
#define SG_SIM_QUEUE_PART 84

struct sg_sim_queue_part {
    struct sg_sim_queue_part *next;
    struct sg_sim_event events[SG_SIM_QUEUE_PART];
};

/* Events in order of arrival. All parts are full but the newest. */
struct sg_sim_bucket {
    struct sg_sim_queue_part *oldest, *newest;
    size_t count;
    size_t room;      /* in the newest */
    sg_time_ns first; /* the earliest, when there is one */
};

/* Sorted; those from head to count wait. */
struct sg_sim_queue_run {
    struct sg_sim_event *events; /* [cap] */
    size_t head, count, cap;
};

struct sg_sim_queue {
    const struct sg_mem *mem;
    sg_time_ns popped; /* time of the event popped last */
    sg_time_ns last;   /* not after any event outside of the run */
    struct sg_sim_queue_run run;
    sg_time_ns run_end; /* what is later is not in the run */
    struct sg_sim_bucket bucket[65];
    struct sg_sim_queue_part *free;
    sg_err err; /* sticky: an event was lost for lack of memory */
};

void sg_sim_queue_init(struct sg_sim_queue *q, const struct sg_mem *mem);
/* Lets go of the buffers of events that still wait. */
void sg_sim_queue_fini(struct sg_sim_queue *q);
/* event->at is not before the last one popped. Takes over the reference of buf. */
void sg_sim_queue_push(struct sg_sim_queue *q, const struct sg_sim_event *event);
/* The earliest event; false when there is none or, with err set, no memory for a run of them.
 * The caller owns the reference of buf. */
bool sg_sim_queue_pop(struct sg_sim_queue *q, struct sg_sim_event *event);
/* The event that is popped after n others, as far as is known now; NULL when it is not. */
static inline const struct sg_sim_event *sg_sim_queue_ahead(const struct sg_sim_queue *q, size_t n)
{
    return n < q->run.count - q->run.head ? &q->run.events[q->run.head + n] : NULL;
}

#endif
