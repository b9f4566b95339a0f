/* The half-open watchdog and the round-trip times (protocol.md s2): at most once a second, and
 * only after something was sent, so that an idle node sleeps. */
#include "runtime/node_impl.h"

/* A probe timeout (RFC 9002 s6.2.1) without the peer's max_ack_delay of 25 ms. */
static uint64_t pto_ns(const struct sg_quic_conn_info *info)
{
    uint64_t var = 4 * info->rttvar_ns;
    return info->srtt_ns + (var > SG_NS_PER_MS ? var : SG_NS_PER_MS) + 25 * SG_NS_PER_MS;
}

static bool is_stalled(const struct sg_quic_conn_info *info, sg_time_ns now)
{
    if (!info->connected || info->stalled_since == SG_TIME_NEVER)
        return false;
    uint64_t patience = 8 * pto_ns(info);
    if (patience < SG_RT_STALL_NS)
        patience = SG_RT_STALL_NS;
    return sg_time_since(now, info->stalled_since) > patience;
}

/* The core's timers follow the RTT; small changes would only cost work. */
static bool changed_notably(uint64_t told, uint64_t srtt)
{
    uint64_t difference = told > srtt ? told - srtt : srtt - told;
    return difference > told / 4 && difference > 500 * SG_NS_PER_US;
}

void sg_rt_watch(struct sg_node *node)
{
    if (node->watch_at == SG_TIME_NEVER)
        node->watch_at = sg_time_add(node->now, SG_RT_WATCH_NS);
}

/* true: there is reason to look again. */
static bool watch_link(struct sg_node *node, struct sg_rt_link *link)
{
    struct sg_quic_conn_info info;
    if (link->main == 0 || sg_quic_conn_info(node->quic, link->main, &info) != SG_OK)
        return false;
    if (changed_notably(link->srtt_told_ns, info.srtt_ns)) {
        const struct sg_core_in in = {.kind = SG_CORE_IN_LINK_RTT,
                                      .peer = link->peer,
                                      .srtt_ns = info.srtt_ns,
                                      .rttvar_ns = info.rttvar_ns};
        link->srtt_told_ns = info.srtt_ns;
        sg_rt_paths_alive(&node->paths, &info.remote, info.srtt_ns);
        sg_rt_tell(node, &in);
    }
    return info.stalled_since != SG_TIME_NEVER;
}

static const struct sg_rt_link *find_stalled(const struct sg_node *node)
{
    for (size_t i = 0; i < node->links.link_count; i++) {
        const struct sg_rt_link *link = node->links.links[i];
        struct sg_quic_conn_info info;
        if (link->main != 0 && sg_quic_conn_info(node->quic, link->main, &info) == SG_OK &&
            is_stalled(&info, node->now))
            return link;
    }
    return NULL;
}

void sg_rt_run_watch(struct sg_node *node)
{
    if (node->watch_at > node->now)
        return;
    node->watch_at = SG_TIME_NEVER;
    const struct sg_rt_link *stalled = find_stalled(node);
    while (stalled != NULL) {
        struct sg_peer_id peer = stalled->peer;
        sg_rt_break_link(node, &peer, SG_CLOSE_STALLED, SG_ERR_TIMEOUT);
        stalled = find_stalled(node);
    }
    bool again = false;
    /* From behind: telling the core may end links. */
    for (size_t i = node->links.link_count; i-- > 0;) {
        if (i < node->links.link_count && watch_link(node, node->links.links[i]))
            again = true;
    }
    if (again)
        sg_rt_watch(node);
}
