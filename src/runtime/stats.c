/* The node's numbers. */
#include "os/clock.h"
#include "runtime/node_impl.h"

static void fill_messages(struct sg_stats *out, const struct sg_core_stats *core)
{
    const struct sg_pt_stats *pt = &core->pt;
    out->published = core->published;
    out->delivered = core->delivered;
    out->payloads_received = pt->payloads_new + pt->payloads_duplicate;
    out->payloads_duplicate = pt->payloads_duplicate;
    out->payloads_sent = pt->payloads_sent;
    out->push_dropped = core->push_dropped;
    out->kept_dropped = core->history_dropped;
    out->backfill_sessions = core->backfill_sessions;
    out->backfill_failed = core->backfill_failed;
    out->backfill_answered = core->backfill_answered;
    out->backfill_received = core->backfill_received;
    out->backfill_served = core->backfill_served;
    out->ihaves_sent = pt->ihaves_sent;
    out->ihaves_received = pt->ihaves_received;
    out->grafts_sent = pt->grafts_sent;
    out->grafts_received = pt->grafts_received;
    out->prunes_sent = pt->prunes_sent;
    out->prunes_received = pt->prunes_received;
    out->recovered = pt->missing_recovered;
    out->given_up = pt->missing_given_up;
}

static void fill_conduct(struct sg_stats *out, const struct sg_core_stats *core)
{
    const struct sg_pt_stats *pt = &core->pt;
    out->dontwants_sent = pt->dontwants_sent;
    out->dontwants_received = pt->dontwants_received;
    out->donthaves_received = pt->donthaves_received;
    out->pushes_spared = pt->pushes_spared;
    out->faults = pt->faults;
    out->grafts_in_backoff = pt->grafts_in_backoff;
    out->grafts_refused = pt->grafts_refused;
    out->repairs_refused = core->repairs_refused;
    out->ihaves_refused = pt->ihaves_refused;
    out->asks_held = pt->asks_held;
    out->promises_kept = pt->promises_kept;
    out->promises_broken = pt->promises_broken;
    out->sources_lost = pt->sources_lost;
    out->median_grafts = pt->median_grafts;
    out->cut_by_score = pt->cut_by_score;
    out->put_away = pt->put_away;
}

static void fill_large(struct sg_stats *out, const struct sg_core_stats *core,
                       const struct sg_core_gauges *now)
{
    out->transfers = now->transfers;
    out->large_bytes = now->large_bytes;
    out->large_published = core->large_published;
    out->large_received = core->large_completed;
    out->large_failed = core->large_given_up + core->large_refused + core->large_lost;
    out->chunks_in = core->chunks_in;
    out->chunks_out = core->chunks_out;
    out->chunks_late = core->chunks_late;
    out->chunks_refused = core->chunks_wrong + core->chunks_unasked;
    out->chunk_bytes_in = core->chunk_bytes_in;
    out->chunk_bytes_out = core->chunk_bytes_out;
}

static void fill_checks(struct sg_stats *out, const struct sg_core_stats *core,
                        const struct sg_rt_counters *counters)
{
    out->signatures_made = core->signatures_made;
    out->signatures_verified = core->signatures_verified;
    out->refused_signature = core->refused_signature;
    out->refused_proof = core->refused_proof;
    out->refused_expired = core->refused_expired;
    out->refused_future = core->refused_future;
    out->refused_malformed = core->refused_malformed;
    out->refused_version = core->refused_version + counters->refused_version;
    out->refused_network = counters->refused_network;
    out->refused_overload = core->refused_overload;
    out->peers_banned = core->peers_banned;
}

static void fill_members(struct sg_stats *out, const struct sg_core_stats *core,
                         const struct sg_core_gauges *now)
{
    const struct sg_swim_stats *swim = &core->swim;
    out->members = now->members;
    out->health = now->health;
    out->probes = swim->pings;
    out->probes_failed = swim->probes_failed;
    out->suspicions = swim->suspicions;
    out->refutations = swim->refutations;
    out->failures = swim->deaths;
    out->failures_undone = swim->deaths_undone;
}

static uint64_t packets_lost(struct sg_node *node)
{
    uint64_t lost = node->counters.packets_lost;
    for (size_t i = 0; i < node->links.conn_count; i++) {
        struct sg_rt_conn *conn = node->links.conns[i];
        struct sg_quic_conn_info info;
        if (sg_quic_conn_info(node->quic, conn->id, &info) == SG_OK)
            conn->packets_lost = info.packets_lost;
        lost += conn->packets_lost;
    }
    return lost;
}

static void fill_links(struct sg_stats *out, struct sg_node *node)
{
    struct sg_quic_stats quic;
    const struct sg_rt_counters *counters = &node->counters;
    sg_quic_stats(node->quic, &quic);
    out->connections = (uint32_t)quic.connections_live;
    out->handshakes_done = quic.handshakes_done;
    out->handshakes_failed = quic.handshakes_failed;
    out->handshake_last_us = counters->handshake_last_us;
    if (counters->handshakes > 0)
        out->handshake_mean_us = counters->handshake_sum_us / counters->handshakes;
    out->dials = quic.dials;
    out->retries_sent = quic.retries_sent;
    out->datagrams_in = quic.datagrams_in;
    out->datagrams_out = quic.datagrams_out;
    out->bytes_in = quic.bytes_in;
    out->bytes_out = quic.bytes_out;
    out->probe_packets_in = quic.quic_datagrams_in;
    out->probe_packets_out = quic.quic_datagrams_out;
    out->probe_packets_dropped = quic.quic_datagrams_dropped + counters->datagrams_dropped;
    out->dials_failed = counters->dials_failed;
    out->packets_lost = packets_lost(node);
}

static void fill_socket(struct sg_stats *out, const struct sg_node *node)
{
    const struct sg_udp_stats *udp = &node->udp_stats;
    if (node->udp != NULL)
        udp = sg_udp_stats(node->udp);
    out->syscalls = udp->sent_calls + udp->recv_calls;
    for (size_t i = 0; i < SG_UDP_FAULT_COUNT; i++)
        out->socket_errors_transient += udp->send_faults[i] + udp->recv_faults[i];
}

void sg_node_stats(struct sg_node *node, struct sg_stats *stats)
{
    struct sg_core_stats core;
    struct sg_core_gauges now;
    uint64_t limit;
    *stats = (struct sg_stats){0};
    sg_rt_enter_any(node);
    sg_core_stats(node->core, &core);
    sg_core_gauges(node->core, &now);
    stats->uptime_ms = sg_time_since(node->now, node->born) / SG_NS_PER_MS;
    stats->incarnation = node->boot;
    stats->topics = now.topics;
    stats->base_active = now.base_active;
    stats->base_passive = now.base_passive;
    stats->neighbors_eager = now.eager;
    stats->neighbors_lazy = now.lazy;
    stats->bytes_queued = sg_rt_bytes_queued(node, SG_FLOW_NORMAL, &limit);
    sg_rt_flow_stats(node, stats);
    stats->subscriber_dropped = node->subs.dropped;
    stats->subscriber_closed = node->subs.closed;
    stats->subscriber_held = node->subs.held;
    fill_messages(stats, &core);
    fill_conduct(stats, &core);
    stats->kept = now.history;
    stats->kept_bytes = now.history_bytes;
    stats->stored = node->archive.stored;
    stats->store_lost = node->archive.lost;
    fill_large(stats, &core, &now);
    fill_checks(stats, &core, &node->counters);
    fill_members(stats, &core, &now);
    fill_links(stats, node);
    fill_socket(stats, node);
    sg_rt_leave_quiet(node);
}

static void fill_peer(struct sg_node *node, const struct sg_rt_link *link, struct sg_peer_info *out)
{
    struct sg_quic_conn_info info;
    char text[SG_ADDR_TEXT_CAP];
    *out = (struct sg_peer_info){.id = link->peer};
    out->up_ms = sg_time_since(node->now, link->since) / SG_NS_PER_MS;
    sg_core_peer_use(node->core, &link->peer, &out->base_active, &out->topics);
    out->queued = link->backlog.bytes + sg_flow_bytes(&link->flow);
    out->is_slow = link->flow.state != SG_FLOW_OPEN;
    out->push_dropped = link->flow.stats.dropped;
    if (link->main == 0 || sg_quic_conn_info(node->quic, link->main, &info) != SG_OK)
        return;
    sg_addr_format(&info.remote, text);
    for (size_t i = 0; i + 1 < sizeof out->address && text[i] != 0; i++)
        out->address[i] = text[i];
    out->dialled = info.dialled;
    out->rtt_us = info.srtt_ns / SG_NS_PER_US;
    out->bytes_in = info.bytes_in;
    out->bytes_out = info.bytes_out;
    for (size_t lane = 0; lane < SG_LANE_COUNT; lane++)
        out->queued += info.queued[lane];
}

size_t sg_node_peers(struct sg_node *node, struct sg_peer_info *peers, size_t cap)
{
    sg_rt_enter_any(node);
    size_t count = node->links.link_count;
    for (size_t i = 0; i < count && i < cap; i++)
        fill_peer(node, node->links.links[i], &peers[i]);
    sg_rt_leave_quiet(node);
    return count;
}
