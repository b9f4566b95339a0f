/* The peers that the core wants a link to: a bounded queue, a few tried at a time, each at its
 * hints one after the other. A dial lives from the core's request to the one answer that the core
 * gets, LINK_UP or LINK_DOWN. Pure. */
#ifndef SG_RUNTIME_DIALS_H
#define SG_RUNTIME_DIALS_H

#include <stdbool.h>

#include "base/mem.h"
#include "base/time.h"
#include "os/addr.h"
#include "wire/limits.h"

/* Requests at a time; more are answered with a failure. */
#define SG_RT_DIALS_MAX 128
/* Handshakes in flight that we began, and those of them that seeds may not use up: dead addresses
 * hold a place for the whole handshake timeout, and seeds must get through nevertheless. */
#define SG_RT_FLIGHTS_MAX 16
#define SG_RT_FLIGHTS_CORE 12

enum sg_rt_dial_state {
    SG_RT_DIAL_QUEUED,  /* the next address waits for its turn */
    SG_RT_DIAL_FLYING,  /* handshake under way */
    SG_RT_DIAL_GREETING /* connected, by this dial or by the peer: HELLO is under way */
};

struct sg_rt_dial {
    struct sg_peer_id peer;
    enum sg_rt_dial_state state;
    struct sg_addr addr[SG_HINTS_MAX];
    uint8_t count;
    uint8_t next;          /* the address to try next */
    uint64_t conn;         /* FLYING, GREETING */
    sg_err err;            /* of the last failure */
    bool is_tried;         /* an address was dialled, not left alone after earlier failures */
    sg_time_ns since;      /* asked for */
    sg_time_ns not_before; /* QUEUED: the budget was used up */
};

struct sg_rt_dials {
    struct sg_rt_dial dial[SG_RT_DIALS_MAX]; /* [count], oldest first */
    size_t count;
};

void sg_rt_dials_init(struct sg_rt_dials *d);
/* A new request, QUEUED; dial->since is the caller's. SG_ERR_FULL; SG_ERR_EXISTS:
 * the peer is in the list already. */
SG_MUST_USE sg_err sg_rt_dials_add(struct sg_rt_dials *d, const struct sg_rt_dial *dial);
/* NULL when there is none. Pointers are valid until the next add or remove. */
struct sg_rt_dial *sg_rt_dials_of_peer(struct sg_rt_dials *d, const struct sg_peer_id *peer);
struct sg_rt_dial *sg_rt_dials_of_conn(struct sg_rt_dials *d, uint64_t conn);
/* The oldest QUEUED one that may be tried now. */
struct sg_rt_dial *sg_rt_dials_next(struct sg_rt_dials *d, sg_time_ns now);
/* When a QUEUED one that waits for the budget may be tried. */
sg_time_ns sg_rt_dials_deadline(const struct sg_rt_dials *d);
/* Number FLYING. */
size_t sg_rt_dials_flying(const struct sg_rt_dials *d);
/* An attempt, or the connection that came of it, has failed: QUEUED again for the next address.
 * false: there is none left; the dial is to be answered and removed. */
bool sg_rt_dial_failed(struct sg_rt_dial *dial, sg_err err);
void sg_rt_dials_remove(struct sg_rt_dials *d, struct sg_rt_dial *dial);

#endif
