/* The pubsub lane of each link, behind its queues (node/flow.h): little is in the lane itself, so
 * that what is more urgent overtakes what waits, and a peer that takes nothing costs little. */
#include "runtime/node_impl.h"

/* So much of the lane may be unsent before frames wait: an aggregate, so that sending never runs
 * dry. */
#define LANE_AHEAD SG_QUIC_TX_MAX

static void push_dropped(struct sg_node *node, const struct sg_peer_id *peer,
                         const struct sg_flow_frame *frame)
{
    const struct sg_core_in in = {.kind = SG_CORE_IN_PUSH_DROPPED,
                                  .peer = *peer,
                                  .topic = frame->topic,
                                  .id = frame->id,
                                  .lane = SG_LANE_PUBSUB};
    if (frame->klass >= SG_FLOW_CRITICAL)
        sg_rt_tell(node, &in);
}

/* Telling the core may end links: it is looked for anew each time. */
static void shed(struct sg_node *node, const struct sg_peer_id *peer)
{
    struct sg_flow_frame frame;
    struct sg_rt_link *link = sg_rt_links_find(&node->links, peer);
    while (link != NULL && sg_flow_shed(&link->flow, node->mem, &frame)) {
        push_dropped(node, peer, &frame);
        sg_buf_unref(frame.buf);
        link = sg_rt_links_find(&node->links, peer);
    }
}

/* Whether it is dealt with: written, or the connection is closing and CLOSED follows. */
static bool write_at_once(struct sg_node *node, struct sg_rt_link *link, struct sg_buf *buf)
{
    if (link->main == 0 || !sg_flow_is_idle(&link->flow) ||
        sg_quic_lane_unsent(node->quic, link->main, SG_LANE_PUBSUB) >= LANE_AHEAD)
        return false;
    sg_err err = sg_quic_write_frame(node->quic, link->main, SG_LANE_PUBSUB, buf);
    if (err == SG_ERR_WOULD_BLOCK || err == SG_ERR_NO_MEMORY)
        return false;
    if (err == SG_OK)
        sg_flow_wrote(&link->flow, buf->len);
    return true;
}

bool sg_rt_flow_send(struct sg_node *node, struct sg_rt_link *link, const struct sg_core_out *out)
{
    const struct sg_flow_frame frame = {
        .buf = out->buf, .topic = out->topic, .id = out->id, .klass = out->klass};
    const struct sg_peer_id peer = out->peer;
    if (write_at_once(node, link, out->buf)) {
        sg_rt_watch(node);
        return true;
    }
    sg_err err = sg_flow_push(&link->flow, node->mem, node->now, &frame);
    if (err == SG_OK)
        (void)sg_buf_ref(out->buf);
    else
        push_dropped(node, &peer, &frame);
    shed(node, &peer);
    return err == SG_OK || frame.klass != SG_FLOW_CONTROL;
}

static bool pump(struct sg_node *node, struct sg_rt_link *link, size_t ahead)
{
    const struct sg_flow_frame *frame;
    bool any = false;
    while (link->main != 0 && (frame = sg_flow_next(&link->flow)) != NULL &&
           sg_quic_lane_unsent(node->quic, link->main, SG_LANE_PUBSUB) < ahead) {
        if (sg_quic_write_frame(node->quic, link->main, SG_LANE_PUBSUB, frame->buf) != SG_OK)
            break;
        sg_flow_pop(&link->flow, node->mem);
        any = true;
    }
    if (any)
        sg_rt_watch(node);
    return any;
}

void sg_rt_flow_flush(struct sg_node *node, struct sg_rt_link *link)
{
    (void)pump(node, link, SIZE_MAX);
}

bool sg_rt_flow_pump(struct sg_node *node)
{
    bool any = false;
    for (size_t i = 0; i < node->links.link_count; i++) {
        if (node->links.links[i]->flow.waiting > 0)
            any = pump(node, node->links.links[i], LANE_AHEAD) || any;
    }
    return any;
}

void sg_rt_flow_run(struct sg_node *node)
{
    /* From behind: shedding may end links. */
    for (size_t i = node->links.link_count; i-- > 0;) {
        if (i >= node->links.link_count || sg_flow_is_idle(&node->links.links[i]->flow))
            continue;
        struct sg_rt_link *link = node->links.links[i];
        const struct sg_peer_id peer = link->peer;
        uint64_t unacked = 0;
        if (link->main != 0)
            unacked = sg_quic_lane_queued(node->quic, link->main, SG_LANE_PUBSUB);
        sg_flow_tick(&link->flow, node->now, unacked);
        shed(node, &peer);
    }
}

sg_time_ns sg_rt_flow_deadline(const struct sg_node *node)
{
    sg_time_ns at = SG_TIME_NEVER;
    for (size_t i = 0; i < node->links.link_count; i++)
        at = sg_time_min(at, sg_flow_deadline(&node->links.links[i]->flow));
    return at;
}

void sg_rt_flow_stats(const struct sg_node *node, struct sg_stats *stats)
{
    struct sg_flow_stats sum = node->links.flow_gone;
    for (size_t i = 0; i < node->links.link_count; i++) {
        const struct sg_flow *flow = &node->links.links[i]->flow;
        sg_flow_stats_add(&sum, &flow->stats);
        stats->peers_slow += flow->state != SG_FLOW_OPEN;
    }
    stats->peers_slowed = sum.slow;
    stats->slow_probes = sum.probes;
    stats->slow_recovered = sum.recovered;
    stats->announces_dropped = sum.announces_dropped;
}
