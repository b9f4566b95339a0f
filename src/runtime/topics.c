/* The public calls about topics, and about the ways that messages took. */
#include "runtime/journal.h"
#include "runtime/node_impl.h"

static enum sg_priority priority_of(enum sg_flow_class klass)
{
    if (klass == SG_FLOW_CRITICAL)
        return SG_PRIORITY_CRITICAL;
    return klass == SG_FLOW_BULK ? SG_PRIORITY_BULK : SG_PRIORITY_NORMAL;
}

sg_err sg_topic_set_priority(struct sg_node *node, const struct sg_topic_id *topic,
                             enum sg_priority priority)
{
    struct sg_core_in in = {.kind = SG_CORE_IN_PRIORITY, .topic = *topic};
    static const struct sg_topic_id BASE;
    if (sg_topic_id_equal(topic, &BASE))
        return SG_ERR_INVALID_ARGUMENT;
    switch (priority) {
    case SG_PRIORITY_NORMAL:
        in.klass = SG_FLOW_NORMAL;
        break;
    case SG_PRIORITY_CRITICAL:
        in.klass = SG_FLOW_CRITICAL;
        break;
    case SG_PRIORITY_BULK:
        in.klass = SG_FLOW_BULK;
        break;
    }
    if (in.klass == SG_FLOW_CONTROL)
        return SG_ERR_INVALID_ARGUMENT;
    SG_TRY(sg_rt_enter(node));
    sg_err err = sg_rt_feed(node, &in);
    sg_rt_leave(node);
    return err;
}

static struct sg_topic_info info_of(const struct sg_core_topic *topic)
{
    return (struct sg_topic_info){.id = topic->id,
                                  .subscriptions = topic->subscriptions,
                                  .is_durable = topic->is_durable,
                                  .priority = priority_of(topic->klass),
                                  .neighbors = topic->neighbors,
                                  .eager = topic->eager,
                                  .lazy = topic->lazy,
                                  .candidates = topic->candidates,
                                  .kept = topic->kept,
                                  .kept_bytes = topic->kept_bytes,
                                  .received = topic->pt->payloads_new,
                                  .duplicates = topic->pt->payloads_duplicate,
                                  .sent = topic->pt->payloads_sent,
                                  .recovered = topic->pt->missing_recovered};
}

size_t sg_node_topics(struct sg_node *node, struct sg_topic_info *topics, size_t cap)
{
    struct sg_core_topic topic;
    size_t count = 0;
    sg_rt_enter_any(node);
    for (; sg_core_topic(node->core, (uint32_t)count, &topic); count++) {
        if (count < cap)
            topics[count] = info_of(&topic);
    }
    sg_rt_leave_quiet(node);
    return count;
}

static void fill_neighbor(const struct sg_node *node, const struct sg_topic_id *topic,
                          const struct sg_peer_id *peer, struct sg_topic_neighbor *out)
{
    const struct sg_rt_link *link = sg_rt_links_find(&node->links, peer);
    struct sg_quic_conn_info info;
    *out = (struct sg_topic_neighbor){.id = *peer,
                                      .is_eager = sg_core_is_eager(node->core, topic, peer)};
    if (link == NULL)
        return;
    out->is_slow = link->flow.state != SG_FLOW_OPEN;
    if (link->main != 0 && sg_quic_conn_info(node->quic, link->main, &info) == SG_OK)
        out->rtt_us = info.srtt_ns / SG_NS_PER_US;
}

size_t sg_topic_neighbors(struct sg_node *node, const struct sg_topic_id *topic,
                          struct sg_topic_neighbor *neighbors, size_t cap)
{
    struct sg_peer_id peers[SG_HPV_ACTIVE_HARD];
    sg_rt_enter_any(node);
    size_t count = sg_core_neighbors(node->core, topic, peers, SG_HPV_ACTIVE_HARD);
    for (size_t i = 0; i < count && i < cap; i++)
        fill_neighbor(node, topic, &peers[i], &neighbors[i]);
    sg_rt_leave_quiet(node);
    return count;
}

/* ---- steps ----------------------------------------------------------------------------------- */

void sg_rt_on_trace(void *user, enum sg_trace_event event, const uint8_t *peer, const uint8_t *id,
                    uint64_t number)
{
    struct sg_node *node = user;
    struct sg_trace_step step = {.hops = (uint8_t)(number < UINT8_MAX ? number : UINT8_MAX)};
    if (event == SG_TRACE_DELIVER)
        step.kind = SG_STEP_FIRST;
    else if (event == SG_TRACE_DUPLICATE)
        step.kind = SG_STEP_COPY;
    else if (event == SG_TRACE_PUSH)
        step.kind = SG_STEP_PUSHED;
    else if (event == SG_TRACE_PUSH_DROPPED)
        step.kind = SG_STEP_DROPPED;
    else if (event == SG_TRACE_GRAFT && number != 0)
        step.kind = SG_STEP_ASKED;
    else
        return;
    if (step.kind == SG_STEP_DROPPED || step.kind == SG_STEP_ASKED)
        step.hops = 0;
    memcpy(step.message.b, id, SG_ID_LEN);
    memcpy(step.peer.b, peer, SG_ID_LEN);
    bool is_own = step.kind == SG_STEP_FIRST && sg_peer_id_equal(&step.peer, &node->self);
    if (!is_own) /* PUBLISHED says it already */
        sg_rt_journal_add(&node->journal, node->mem, node->now, &step);
}

void sg_rt_trace_published(struct sg_node *node, const struct sg_topic_id *topic,
                           const struct sg_core_publish *done)
{
    const struct sg_trace_step step = {.message = done->id,
                                       .topic = *topic,
                                       .peer = node->self,
                                       .kind = SG_STEP_PUBLISHED,
                                       .eager = (uint16_t)done->pushed,
                                       .lazy = (uint16_t)done->announced};
    sg_rt_journal_add(&node->journal, node->mem, node->now, &step);
}

void sg_rt_trace_delivered(struct sg_node *node, const struct sg_core_out *out)
{
    struct sg_trace_step step = {.message = out->id, .topic = out->topic};
    size_t eager, lazy;
    if (sg_peer_id_equal(&out->message.last_hop, &node->self))
        return;
    sg_core_degrees(node->core, &out->topic, &eager, &lazy);
    step.eager = (uint16_t)eager;
    step.lazy = (uint16_t)lazy;
    sg_rt_journal_first(&node->journal, &step);
}

size_t sg_node_trace(struct sg_node *node, const struct sg_msg_id *id, struct sg_trace_step *steps,
                     size_t cap)
{
    uv_timeval64_t wall;
    uint64_t wall_us = 0;
    sg_rt_enter_any(node);
    if (uv_gettimeofday(&wall) == 0 && wall.tv_sec > 0)
        wall_us = (uint64_t)wall.tv_sec * 1000000 + (uint64_t)wall.tv_usec;
    size_t count = sg_rt_journal_copy(&node->journal, id, steps, cap);
    for (size_t i = 0; i < count && i < cap; i++)
        steps[i].at_us = sg_rt_journal_wall_us(&steps[i], node->now, wall_us);
    sg_rt_leave_quiet(node);
    return count;
}
