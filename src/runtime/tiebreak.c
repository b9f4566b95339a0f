#include "runtime/tiebreak.h"

bool sg_rt_is_decider(const struct sg_peer_id *self, const struct sg_peer_id *peer)
{
    return sg_peer_id_compare(self, peer) < 0;
}

bool sg_rt_newer_wins(const struct sg_peer_id *self, const struct sg_peer_id *peer,
                      const struct sg_rt_claim *older, const struct sg_rt_claim *newer,
                      sg_time_ns now)
{
    if (newer->boot != older->boot)
        return newer->boot > older->boot;
    if (newer->dialled == older->dialled)
        return true;
    if (sg_time_since(now, older->since) >= SG_RT_CROSSING_NS)
        return true;
    bool self_is_smaller = sg_rt_is_decider(self, peer);
    return newer->dialled == self_is_smaller;
}
