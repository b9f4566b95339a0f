/* Which of two connections to the same peer carries the link (protocol.md s2). Pure.
 *
 * Both ends ask this question, each when the second HELLO reaches it, in whatever order the
 * network chose. For two dials that cross, the answer depends only on what both ends know: who
 * opened what. The other rules are for a peer that lost a connection and came back; there the two
 * ends can see different ages. So one end, the smaller PeerId, decides: it closes the loser soon.
 * The other one uses the same rule only to choose what it sends on, and keeps the loser open long
 * enough to be overruled: when its choice is closed, the loser carries the link again. Whatever
 * the orders and clocks, exactly one connection is left. */
#ifndef SG_RUNTIME_TIEBREAK_H
#define SG_RUNTIME_TIEBREAK_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/time.h"

/* Two connections of opposite directions that began within so long of each other crossed: a
 * handshake takes at most half of it. An older one is dead at the peer, or it would not dial. */
#define SG_RT_CROSSING_NS (10 * SG_NS_PER_S)

/* One connection that has shown the peer's HELLO. */
struct sg_rt_claim {
    bool dialled;     /* we opened it */
    uint64_t boot;    /* the peer's boot counter in its HELLO */
    sg_time_ns since; /* when it was connected */
};

/* Whether newer replaces older:
 * 1. the higher boot counter wins: the peer has restarted, the other one is its ghost's;
 * 2. the same direction: newer wins, its opener has given up the older one;
 * 3. opposite directions, older has lived SG_RT_CROSSING_NS: newer wins likewise;
 * 4. otherwise they crossed: the one opened by the smaller PeerId wins. */
bool sg_rt_newer_wins(const struct sg_peer_id *self, const struct sg_peer_id *peer,
                      const struct sg_rt_claim *older, const struct sg_rt_claim *newer,
                      sg_time_ns now);

/* Whether this end closes the loser. */
bool sg_rt_is_decider(const struct sg_peer_id *self, const struct sg_peer_id *peer);

#endif
