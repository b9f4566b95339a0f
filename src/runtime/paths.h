/* What we remember of addresses: how long a dead one is left alone, and the round-trip time of a
 * live one. A fixed table, the least recently used entry goes first: a thousand dead addresses
 * cost no more than a few (traps.md 19).
 *
 * An address that does not answer is dead for everybody. An address where somebody else answers is
 * wrong for one peer only: otherwise a liar who names our neighbour's address as somebody's would
 * keep us from dialling that neighbour. */
#ifndef SG_RUNTIME_PATHS_H
#define SG_RUNTIME_PATHS_H

#include <stdbool.h>

#include "base/prng.h"
#include "base/time.h"
#include "os/addr.h"

#define SG_RT_PATHS_MAX 256
/* The pause after a failure doubles from one to the other, +- 20 %. */
#define SG_RT_PATH_PAUSE_NS SG_NS_PER_S
#define SG_RT_PATH_PAUSE_MAX_NS (60 * SG_NS_PER_S)
/* .. and of a node without any neighbour, which has to find one: somebody is there again. */
#define SG_RT_PATH_PAUSE_LONELY_NS (8 * SG_NS_PER_S)
/* Failures of an address that was left alone for so long after its pause are forgotten. */
#define SG_RT_PATH_FORGET_NS (600 * SG_NS_PER_S)
/* A node that said it stops is not dialled for so long: nobody is there. */
#define SG_RT_PATH_GONE_NS (10 * SG_NS_PER_S)

struct sg_rt_path {
    struct sg_addr addr;    /* family 0: free */
    struct sg_peer_id peer; /* zero: about the address whoever lives there */
    uint32_t failures;      /* in a row */
    sg_time_ns until;       /* not to be dialled before */
    uint64_t srtt_ns;       /* 0: not known */
    uint64_t used;          /* tick of the last use */
};

struct sg_rt_paths {
    struct sg_rt_path path[SG_RT_PATHS_MAX];
    bool is_lonely;
    uint64_t tick;
};

void sg_rt_paths_init(struct sg_rt_paths *t);
/* Whether addr may be dialled now to find peer there. */
bool sg_rt_paths_may_dial(struct sg_rt_paths *t, sg_time_ns now, const struct sg_addr *addr,
                          const struct sg_peer_id *peer);
/* A dial failed. peer NULL: nobody answered at all. */
void sg_rt_paths_failed(struct sg_rt_paths *t, sg_time_ns now, const struct sg_addr *addr,
                        const struct sg_peer_id *peer, struct sg_prng *prng);
/* Whether this node has no neighbour; at first it has none. Pauses are short as long as that lasts,
 * those that have begun as well. */
void sg_rt_paths_set_lonely(struct sg_rt_paths *t, sg_time_ns now, bool is_lonely);
/* The node at addr has said that it stops. */
void sg_rt_paths_gone(struct sg_rt_paths *t, sg_time_ns now, const struct sg_addr *addr);
/* A connection with addr is or was up; srtt_ns 0: not measured. Its failures are forgotten. */
void sg_rt_paths_alive(struct sg_rt_paths *t, const struct sg_addr *addr, uint64_t srtt_ns);
/* The RTT to assume for a dial; 0: no idea, take the endpoint's default. */
uint64_t sg_rt_paths_rtt(struct sg_rt_paths *t, const struct sg_addr *addr);
/* Whether the next dial should use small datagrams: every other one after silence, since a path
 * with a small MTU is as silent as a dead one. */
bool sg_rt_paths_small(struct sg_rt_paths *t, const struct sg_addr *addr);

#endif
