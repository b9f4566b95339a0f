/* How many handshakes this node begins because strangers named addresses: a bucket for all, and one
 * for each network, IPv4 /24 or IPv6 /64. Who spreads a victim's addresses under many ids gets a
 * trickle of datagrams out of each node that believes him, and a thousand dead addresses cost no
 * more than a few (traps.md 19).
 *
 * All: 16 per second after a burst of 64, which is more than joining, repair and probes of a node
 * with 12 neighbours in many topics take. A network: 2 per second after a burst of 16, enough to
 * find all of a small site's nodes. The site of this host, loopback, only counts for all. Networks
 * are kept in a fixed table; one that is pushed out by others begins anew with a burst, which the
 * bucket for all bounds. Seeds, named by people and paced by their own back-off, are free. */
#ifndef SG_RUNTIME_BUDGET_H
#define SG_RUNTIME_BUDGET_H

#include "base/bucket.h"
#include "os/addr.h"

#define SG_RT_BUDGET_RATE 16
#define SG_RT_BUDGET_BURST 64
#define SG_RT_BUDGET_NET_RATE 2
#define SG_RT_BUDGET_NET_BURST 16
#define SG_RT_BUDGET_NETS 64
/* A dial that found the budget used up asks again so often, and is given up after so long. */
#define SG_RT_BUDGET_PAUSE_NS (250 * SG_NS_PER_MS)
#define SG_RT_BUDGET_WAIT_NS (10 * SG_NS_PER_S)

struct sg_rt_budget_net {
    struct sg_addr prefix; /* family 0: free */
    struct sg_bucket bucket;
    sg_time_ns used;
};

struct sg_rt_budget {
    struct sg_bucket all;
    struct sg_rt_budget_net net[SG_RT_BUDGET_NETS];
};

void sg_rt_budget_init(struct sg_rt_budget *budget, sg_time_ns now);
/* Takes what one handshake with addr costs; false: not now, nothing was taken. O(networks). */
bool sg_rt_budget_take(struct sg_rt_budget *budget, sg_time_ns now, const struct sg_addr *addr);

#endif
