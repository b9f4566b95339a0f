/* The half-open watchdog, and the quality of links for the core (protocol.md s2). The watchdog sets
 * an alarm, but only after something was sent on a lane, so that an idle node sleeps. Round-trip
 * times and losses are told once a second while the node is awake for other reasons. */
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

/* The table of addresses is long; small changes are not worth a search. */
static bool changed_notably(uint64_t told, uint64_t srtt)
{
    uint64_t difference = told > srtt ? told - srtt : srtt - told;
    return difference > told / 4 && difference > 500 * SG_NS_PER_US;
}

/* Losses since the last time, in thousandths of what was sent. */
static uint16_t lost_permille(const struct sg_rt_told *told, const struct sg_quic_conn_info *info)
{
    uint64_t sent = info->packets_out - told->packets_out;
    uint64_t lost = info->packets_lost - told->packets_lost;
    uint64_t permille = lost >= sent ? 1000 : lost * 1000 / sent;
    return (uint16_t)permille;
}

static void tell_quality(struct sg_node *node, struct sg_rt_link *link)
{
    struct sg_rt_told *told = &link->told;
    struct sg_quic_conn_info info;
    if (link->main == 0 || sg_quic_conn_info(node->quic, link->main, &info) != SG_OK)
        return;
    if (told->conn != link->main)
        *told = (struct sg_rt_told){.conn = link->main};
    if (info.packets_out == told->packets_out)
        return; /* not in use */
    const struct sg_core_in in = {.kind = SG_CORE_IN_LINK_RTT,
                                  .peer = link->peer,
                                  .srtt_ns = info.srtt_ns,
                                  .rttvar_ns = info.rttvar_ns,
                                  .lost_permille = lost_permille(told, &info)};
    if (changed_notably(told->srtt_ns, info.srtt_ns)) {
        told->srtt_ns = info.srtt_ns;
        sg_rt_paths_alive(&node->paths, &info.remote, info.srtt_ns);
    }
    told->packets_out = info.packets_out;
    told->packets_lost = info.packets_lost;
    sg_rt_tell(node, &in);
}

static void look(struct sg_node *node)
{
    if (node->look_at > node->now)
        return;
    node->look_at = sg_time_add(node->now, SG_RT_WATCH_NS);
    /* From behind: telling the core may end links. */
    for (size_t i = node->links.link_count; i-- > 0;) {
        if (i < node->links.link_count)
            tell_quality(node, node->links.links[i]);
    }
}

void sg_rt_watch(struct sg_node *node)
{
    if (node->watch_at == SG_TIME_NEVER)
        node->watch_at = sg_time_add(node->now, SG_RT_WATCH_NS);
}

/* Data waits for an acknowledgement: there is reason to look again. */
static bool has_unacknowledged(const struct sg_node *node)
{
    for (size_t i = 0; i < node->links.link_count; i++) {
        const struct sg_rt_link *link = node->links.links[i];
        struct sg_quic_conn_info info;
        if (link->main != 0 && sg_quic_conn_info(node->quic, link->main, &info) == SG_OK &&
            info.stalled_since != SG_TIME_NEVER)
            return true;
    }
    return false;
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
    look(node);
    if (node->watch_at > node->now)
        return;
    node->watch_at = SG_TIME_NEVER;
    const struct sg_rt_link *stalled = find_stalled(node);
    while (stalled != NULL) {
        struct sg_peer_id peer = stalled->peer;
        sg_rt_break_link(node, &peer, SG_CLOSE_STALLED, SG_ERR_TIMEOUT);
        stalled = find_stalled(node);
    }
    if (has_unacknowledged(node))
        sg_rt_watch(node);
}
