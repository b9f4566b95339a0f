/* Events for the program. */
#include <stdio.h>

#include "runtime/node_impl.h"

static bool is_base(const struct sg_topic_id *topic)
{
    static const struct sg_topic_id base;
    return sg_topic_id_equal(topic, &base);
}

static void report_kind(struct sg_node *node, enum sg_event_kind kind)
{
    const struct sg_event event = {.kind = kind};
    sg_rt_events_push(&node->events, &event);
}

void sg_rt_report_neighbor(struct sg_node *node, const struct sg_core_out *out)
{
    bool is_up = out->kind == SG_CORE_OUT_NEIGHBOR_UP;
    const struct sg_event event = {.kind = is_up ? SG_EVENT_PEER_UP : SG_EVENT_PEER_DOWN,
                                   .peer = out->peer,
                                   .topic = out->topic,
                                   .err = is_up ? SG_OK : out->err};
    sg_rt_events_push(&node->events, &event);
    if (!is_base(&out->topic))
        return;
    if (is_up && node->base_neighbors++ == 0) {
        report_kind(node, SG_EVENT_JOINED);
        sg_rt_paths_set_lonely(&node->paths, node->now, false);
        sg_rt_seeds_joined(&node->seeds);
        sg_rt_cache_joined(node);
    } else if (!is_up && node->base_neighbors > 0 && --node->base_neighbors == 0) {
        report_kind(node, SG_EVENT_ISOLATED);
        sg_rt_paths_set_lonely(&node->paths, node->now, true);
        sg_rt_want_seeds(node);
    }
}

void sg_rt_report_member(struct sg_node *node, const struct sg_core_out *out)
{
    struct sg_event event = {.peer = out->peer, .err = SG_OK};
    const char *text = "";
    switch (out->member) {
    case SG_CORE_MEMBER_JOIN:
        event.kind = SG_EVENT_MEMBER_JOIN;
        break;
    case SG_CORE_MEMBER_SUSPECT:
        event.kind = SG_EVENT_MEMBER_SUSPECT;
        text = "does not answer";
        break;
    case SG_CORE_MEMBER_REFUTED:
        event.kind = SG_EVENT_MEMBER_REFUTED;
        text = "is alive after all";
        break;
    case SG_CORE_MEMBER_FAIL:
        event.kind = SG_EVENT_MEMBER_FAIL;
        event.err = SG_ERR_TIMEOUT;
        text = "has failed";
        break;
    case SG_CORE_MEMBER_LEAVE:
        event.kind = SG_EVENT_MEMBER_LEAVE;
        text = "has left";
        break;
    case SG_CORE_MEMBER_UPDATE:
        event.kind = SG_EVENT_MEMBER_UPDATE;
        break;
    case SG_CORE_MEMBER_DROPPED: /* of the sample; nothing happened to it */
        return;
    }
    (void)snprintf(event.text, sizeof event.text, "%s", text);
    sg_rt_events_push(&node->events, &event);
}

void sg_rt_report_refused(struct sg_node *node, const struct sg_peer_id *peer, sg_err err,
                          const char *what)
{
    struct sg_event event = {.kind = SG_EVENT_REFUSED, .peer = *peer, .err = err};
    (void)snprintf(event.text, sizeof event.text, "%s", what);
    sg_rt_note_error(node, "a peer was refused: %s", what);
    sg_rt_events_push(&node->events, &event);
}

void sg_rt_report_transfer(struct sg_node *node, const struct sg_core_out *out)
{
    const struct sg_event event = {.kind = SG_EVENT_TRANSFER,
                                   .peer = out->peer,
                                   .topic = out->topic,
                                   .err = out->err,
                                   .message = out->id,
                                   .done = out->done,
                                   .total = out->total};
    sg_rt_events_push(&node->events, &event);
}

static const char *state_advice(sg_err err)
{
    if (err == SG_ERR_NO_SPACE)
        return "no space left on the device; the node runs on and tries again";
    if (err == SG_ERR_LOCKED)
        return "another program holds it; the node runs on and tries again";
    if (err == SG_ERR_FULL)
        return "the disk does not keep up; messages are lost to it";
    if (err == SG_ERR_CORRUPT)
        return "the file was damaged while it was in use";
    return sg_err_text(err);
}

void sg_rt_report_state(struct sg_node *node, const char *file, sg_err err)
{
    struct sg_event event = {.kind = SG_EVENT_STATE_FAILED, .err = err};
    (void)snprintf(event.text, sizeof event.text, "cannot use %s: %s", file, state_advice(err));
    sg_rt_note_error(node, "%s", event.text);
    sg_rt_events_push(&node->events, &event);
}

sg_err sg_rt_err_of_reason(uint64_t reason)
{
    static const sg_err errors[SG_CLOSE_COUNT] = {
        [SG_CLOSE_NONE] = SG_ERR_CLOSED,
        [SG_CLOSE_SHUTDOWN] = SG_ERR_CLOSED,
        [SG_CLOSE_DUPLICATE] = SG_ERR_CLOSED,
        [SG_CLOSE_WRONG_NETWORK] = SG_ERR_WRONG_NETWORK,
        [SG_CLOSE_PROTOCOL] = SG_ERR_PROTOCOL,
        [SG_CLOSE_OVERSIZED] = SG_ERR_OVERSIZED,
        [SG_CLOSE_OVERLOAD] = SG_ERR_FULL,
        [SG_CLOSE_LEAVING] = SG_ERR_CLOSED,
        [SG_CLOSE_BANNED] = SG_ERR_BANNED,
        [SG_CLOSE_IDLE] = SG_ERR_TIMEOUT,
        [SG_CLOSE_STALLED] = SG_ERR_TIMEOUT,
        [SG_CLOSE_RESET] = SG_ERR_CLOSED,
        [SG_CLOSE_TRANSPORT] = SG_ERR_IO,
        [SG_CLOSE_SELF] = SG_ERR_CLOSED,
        [SG_CLOSE_WRONG_PROFILE] = SG_ERR_WRONG_PROFILE,
        [SG_CLOSE_VERSION] = SG_ERR_VERSION,
    };
    return reason < SG_CLOSE_COUNT ? errors[reason] : SG_ERR_CLOSED;
}
