/* Carrying out what the core decided, in order. */
#include "runtime/node_impl.h"

/* The queues of messages are bounded for each link (node/flow.h); so much of them, over all links,
 * may be in use before a publisher has to wait: who is more urgent finds room for longer. */
static const uint8_t BUDGET_PERCENT[SG_FLOW_CLASS_COUNT] = {
    [SG_FLOW_CRITICAL] = 95, [SG_FLOW_NORMAL] = 75, [SG_FLOW_BULK] = 50};

/* The peer does not even take control frames: it goes, the others are not delayed. */
static void overload(struct sg_node *node, const struct sg_peer_id *peer)
{
    struct sg_peer_id id = *peer; /* may be in the link */
    sg_rt_report_refused(node, &id, SG_ERR_FULL, "closed: the peer does not read what it is sent");
    sg_rt_break_link(node, &id, SG_CLOSE_OVERLOAD, SG_ERR_FULL);
}

static void push_dropped(struct sg_node *node, const struct sg_core_out *out)
{
    const struct sg_core_in in = {.kind = SG_CORE_IN_PUSH_DROPPED,
                                  .peer = out->peer,
                                  .topic = out->topic,
                                  .id = out->id,
                                  .lane = out->lane};
    sg_rt_tell(node, &in);
}

static void send_mship(struct sg_node *node, struct sg_rt_link *link, const struct sg_core_out *out)
{
    sg_err err = SG_ERR_WOULD_BLOCK;
    /* no WRITABLE event follows where memory was short: what waits is tried again first */
    if (link->main != 0 && link->backlog.count != 0)
        sg_rt_flush_backlog(node, link);
    if (link->main != 0 && link->backlog.count == 0)
        err = sg_quic_write_frame(node->quic, link->main, out->lane, out->buf);
    if (err == SG_OK) {
        sg_rt_watch(node);
        return;
    }
    if (err != SG_ERR_WOULD_BLOCK && err != SG_ERR_NO_MEMORY)
        return; /* closing: CLOSED follows */
    /* Control is shed last: it waits in a bounded queue, in order. */
    if (sg_rt_frames_push(&link->backlog, node->mem, out->lane, out->buf) == SG_OK)
        (void)sg_buf_ref(out->buf);
    else
        overload(node, &out->peer);
}

/* What does not go at once is not worth sending later. */
static void send_datagram(struct sg_node *node, const struct sg_rt_link *link,
                          const struct sg_core_out *out)
{
    sg_err err = SG_ERR_WOULD_BLOCK;
    if (link->main != 0)
        err = sg_quic_write_datagram(node->quic, link->main, sg_buf_bytes(out->buf));
    node->counters.datagrams_dropped += err != SG_OK;
}

/* A stream of its own. There is no queue before the lane: the asker asks somebody else. */
static void send_bulk(struct sg_node *node, const struct sg_rt_link *link,
                      const struct sg_core_out *out)
{
    sg_quic_stream_id stream;
    sg_err err = SG_ERR_WOULD_BLOCK;
    if (link->main != 0)
        err = sg_quic_bulk_open(node->quic, link->main, &stream);
    if (err == SG_OK) {
        err = sg_quic_bulk_write(node->quic, link->main, stream, out->buf);
        if (err == SG_OK)
            err = sg_quic_bulk_fin(node->quic, link->main, stream);
        else
            (void)!sg_quic_bulk_reset(node->quic, link->main, stream, SG_CLOSE_OVERLOAD);
    }
    if (err == SG_OK)
        sg_rt_watch(node);
    else if (err == SG_ERR_WOULD_BLOCK || err == SG_ERR_NO_MEMORY)
        push_dropped(node, out);
}

static void send_frame(struct sg_node *node, const struct sg_core_out *out)
{
    struct sg_rt_link *link = sg_rt_links_find(&node->links, &out->peer);
    if (link == NULL)
        return; /* the core learns in a moment that the link is gone */
    if (out->lane == SG_LANE_DATAGRAM)
        send_datagram(node, link, out);
    else if (out->lane == SG_LANE_BULK)
        send_bulk(node, link, out);
    else if (out->lane == SG_LANE_MSHIP)
        send_mship(node, link, out);
    else if (!sg_rt_flow_send(node, link, out))
        overload(node, &out->peer);
}

void sg_rt_flush_backlog(struct sg_node *node, struct sg_rt_link *link)
{
    const struct sg_rt_frame *first;
    while (link->main != 0 && (first = sg_rt_frames_first(&link->backlog)) != NULL) {
        if (sg_quic_write_frame(node->quic, link->main, first->lane, first->buf) != SG_OK)
            return;
        sg_rt_frames_pop(&link->backlog, node->mem);
        sg_rt_watch(node);
    }
}

static void close_link(struct sg_node *node, const struct sg_core_out *out)
{
    struct sg_rt_acts acts;
    struct sg_rt_link *link = sg_rt_links_find(&node->links, &out->peer);
    if (link != NULL) {
        sg_rt_flush_backlog(node, link);
        sg_rt_flow_flush(node, link);
    }
    sg_rt_links_drop(&node->links, &out->peer, out->reason, &acts);
    sg_rt_dial_forget(node, &out->peer);
    sg_rt_run_acts(node, &acts);
    bool for_cause = out->reason != SG_CLOSE_LEAVING && out->reason != SG_CLOSE_SHUTDOWN;
    if (for_cause)
        sg_rt_report_refused(node, &out->peer, sg_rt_err_of_reason(out->reason),
                             sg_close_reason_text(out->reason));
}

uint64_t sg_rt_age_us(uint64_t time_ms)
{
    uv_timeval64_t now;
    if (uv_gettimeofday(&now) != 0 || now.tv_sec < 0)
        return 0;
    uint64_t now_us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_usec;
    if (time_ms > now_us / 1000)
        return 0;
    return now_us - time_ms * 1000;
}

static void deliver(struct sg_node *node, const struct sg_core_out *out)
{
    const struct sg_core_message *in = &out->message;
    const struct sg_message message = {.topic = out->topic,
                                       .author = in->author,
                                       .last_hop = in->last_hop,
                                       .id = out->id,
                                       .sequence = in->sequence,
                                       .time_ms = in->time_ms,
                                       .age_us = sg_rt_age_us(in->time_ms),
                                       .hops = in->hops,
                                       .len = in->payload.len,
                                       .payload = in->payload.data};
    bool own = in->hops == 0 && sg_peer_id_equal(&in->last_hop, &node->self);
    sg_rt_trace_delivered(node, out);
    sg_rt_subs_deliver(&node->subs, &message, own);
}

static void begin_job(struct sg_node *node, const struct sg_core_out *out)
{
    bool is_done = false;
    sg_err err = sg_rt_work_submit(&node->work, out, &is_done);
    node->more = node->more || is_done;
    if (err == SG_OK)
        return;
    struct sg_core_in in = {.kind = SG_CORE_IN_VERIFIED, .job = out->job, .err = err};
    if (out->kind == SG_CORE_OUT_SIGN)
        in.kind = SG_CORE_IN_SIGNED;
    sg_rt_tell(node, &in);
}

void sg_rt_run_jobs(struct sg_node *node)
{
    struct sg_core_in in;
    struct sg_rt_task *job;
    while ((job = sg_rt_work_take(&node->work, false, &in)) != NULL) {
        sg_rt_tell(node, &in);
        sg_rt_task_free(&node->work, job);
    }
}

void sg_rt_finish_jobs(struct sg_node *node)
{
    const struct sg_core_in flush = {.kind = SG_CORE_IN_FLUSH};
    struct sg_core_in in;
    struct sg_rt_task *job;
    sg_rt_tell(node, &flush);
    while ((job = sg_rt_work_take(&node->work, true, &in)) != NULL) {
        sg_rt_tell(node, &in);
        sg_rt_task_free(&node->work, job);
    }
}

static void carry_out(struct sg_node *node, const struct sg_core_out *out)
{
    switch (out->kind) {
    case SG_CORE_OUT_SEND:
        send_frame(node, out);
        break;
    case SG_CORE_OUT_DIAL:
        sg_rt_dial_wanted(node, out);
        break;
    case SG_CORE_OUT_CLOSE:
        close_link(node, out);
        break;
    case SG_CORE_OUT_DELIVER:
        deliver(node, out);
        break;
    case SG_CORE_OUT_NEIGHBOR_UP:
    case SG_CORE_OUT_NEIGHBOR_DOWN:
        sg_rt_report_neighbor(node, out);
        break;
    case SG_CORE_OUT_MEMBER:
        sg_rt_report_member(node, out);
        break;
    case SG_CORE_OUT_TRANSFER:
        sg_rt_report_transfer(node, out);
        break;
    case SG_CORE_OUT_DOC:
        sg_rt_doc_event(node, out);
        break;
    case SG_CORE_OUT_SIGN:
    case SG_CORE_OUT_VERIFY:
        begin_job(node, out);
        break;
    case SG_CORE_OUT_STORE:
        sg_rt_archive_store(node, out);
        break;
    case SG_CORE_OUT_NEED_CACHE:
        sg_rt_cache_wanted(node);
        break;
    case SG_CORE_OUT_NEED_SEEDS:
        sg_rt_want_seeds(node);
        break;
    }
}

void sg_rt_run_outputs(struct sg_node *node)
{
    /* Carrying out may feed the core, whose answers are appended behind: a loop, no recursion. */
    node->is_draining = true;
    for (size_t i = 0; i < node->outbox.count; i++) {
        const struct sg_core_out out = node->outbox.out[i]; /* the array may move meanwhile */
        carry_out(node, &out);
    }
    sg_core_outbox_clear(&node->outbox);
    node->is_draining = false;
}

uint64_t sg_rt_bytes_queued(const struct sg_node *node, enum sg_flow_class klass, uint64_t *limit)
{
    uint64_t queued = 0;
    uint64_t budget = 0;
    for (size_t i = 0; i < node->links.link_count; i++) {
        const struct sg_rt_link *link = node->links.links[i];
        queued += link->backlog.bytes + sg_flow_bytes(&link->flow);
        for (size_t lane = 0; lane < SG_FRAME_LANE_COUNT && link->main != 0; lane++)
            queued += sg_quic_lane_queued(node->quic, link->main, (enum sg_lane)lane);
        budget += link->flow.config.push_bytes_max;
    }
    budget = budget < SG_RT_QUEUED_MAX ? budget : SG_RT_QUEUED_MAX;
    *limit = budget / 100 * BUDGET_PERCENT[klass];
    return queued;
}
