/* The public calls on a running node: thin, each enters, does its work at once, and leaves. */
#include <stdio.h>
#include <string.h>

#include "runtime/node_impl.h"

const char *sg_version(void)
{
    return "0.1.0";
}

void sg_node_id(const struct sg_node *node, struct sg_peer_id *id)
{
    *id = node->self;
}

void sg_node_address(const struct sg_node *node, char *text, size_t cap)
{
    char full[SG_ADDR_TEXT_CAP];
    if (cap > 0)
        (void)snprintf(text, cap, "%s", sg_addr_format(&node->address, full));
}

void sg_node_last_error(struct sg_node *node, char *text, size_t cap)
{
    sg_rt_enter_any(node);
    if (cap > 0)
        (void)snprintf(text, cap, "%s", node->last_error);
    sg_rt_leave_quiet(node);
}

sg_err sg_node_join(struct sg_node *node, const char *seed)
{
    struct sg_rt_seed *added = NULL;
    if (seed == NULL)
        return SG_ERR_INVALID_ARGUMENT;
    SG_TRY(sg_rt_enter(node));
    sg_err err = sg_rt_seeds_add(&node->seeds, node->mem, seed, &added);
    if (err == SG_OK) {
        added->insists = true;
        added->is_self = false;
        if (added->state == SG_RT_SEED_IDLE || added->state == SG_RT_SEED_WAITING) {
            added->state = SG_RT_SEED_WAITING;
            added->at = node->now;
        }
        if (atomic_load(&node->mode) != SG_RT_NEW)
            sg_rt_run_seeds(node);
    } else {
        sg_rt_note_error(node, "\"%.80s\" is not a seed: %s", seed,
                         err == SG_ERR_INVALID_ARGUMENT ? "give host:port or <peer id>@host:port"
                                                        : sg_err_text(err));
    }
    sg_rt_leave(node);
    return err;
}

sg_err sg_node_leave(struct sg_node *node)
{
    const struct sg_core_in in = {.kind = SG_CORE_IN_LEAVE};
    SG_TRY(sg_rt_enter(node));
    sg_rt_finish_jobs(node);
    sg_rt_cache_remember(node);
    sg_rt_tell(node, &in);
    node->has_left = true;
    sg_rt_leave(node);
    return SG_OK;
}

static enum sg_publish_outcome outcome_of(const struct sg_core_publish *done)
{
    if (done->neighbors == 0)
        return SG_PUBLISH_NO_PEERS;
    return done->is_waiting ? SG_PUBLISH_QUEUED : SG_PUBLISH_SENT;
}

sg_err sg_publish(struct sg_node *node, const struct sg_topic_id *topic, struct sg_bytes payload,
                  struct sg_publish_result *result)
{
    struct sg_core_publish_in in = {.topic = *topic, .payload = payload};
    struct sg_core_publish done = {0};
    uint64_t limit = 0;
    if (payload.len > SG_LARGE_MAX)
        return SG_ERR_TOO_LARGE;
    SG_TRY(sg_rt_enter(node));
    sg_err err = SG_OK;
    in.wall_ms = node->wall_ms;
    enum sg_flow_class klass = sg_core_topic_class(node->core, topic);
    uint64_t queued = sg_rt_bytes_queued(node, klass, &limit);
    if ((queued > 0 && queued >= limit) || sg_rt_subs_block(&node->subs, topic, payload.len))
        err = SG_ERR_WOULD_BLOCK;
    if (err == SG_OK)
        err = sg_core_publish(node->core, node->now, &in, &done, &node->outbox);
    if (err == SG_OK)
        sg_rt_trace_published(node, topic, &done);
    sg_rt_run_outputs(node);
    if (err == SG_ERR_LIMIT)
        sg_rt_note_error(node, "cannot publish: 256 topics are open, or all 2^32 message numbers "
                               "of this start are used up: restart the node");
    else if (err != SG_OK && err != SG_ERR_WOULD_BLOCK)
        sg_rt_note_error(node, "cannot publish: %s", sg_err_text(err));
    sg_rt_leave(node);
    if (err == SG_OK && result != NULL)
        *result = (struct sg_publish_result){.outcome = outcome_of(&done),
                                             .id = done.id,
                                             .sequence = done.sequence,
                                             .neighbors = done.neighbors,
                                             .pushed = done.pushed,
                                             .announced = done.announced};
    return err;
}

/* Under the lock: the queue, the overlay, and what was kept, in one step. */
static sg_err begin_subscription(struct sg_node *node, struct sg_subscription *sub,
                                 struct sg_rt_recall *recall)
{
    const struct sg_core_in in = {
        .kind = SG_CORE_IN_SUBSCRIBE, .topic = sub->topic, .on = sub->options.durable};
    /* first the queue, then the overlay: no message falls between them */
    sub->node = node;
    sg_rt_subs_add(&node->subs, sub);
    sg_err err = sg_rt_feed(node, &in);
    uint64_t last = recall->last;
    if (err == SG_OK)
        sg_rt_recall_feed(node, &sub->topic, recall);
    if (err == SG_OK && sub->options.since_ms > 0)
        err = sg_rt_past_new(node, sub, last, &sub->past);
    sub->has_past = sub->past != NULL;
    return err;
}

/* What the subscription needs of the disk. */
static sg_err read_disk(struct sg_node *node, const struct sg_topic_id *topic,
                        const struct sg_subscribe_options *options, struct sg_rt_recall *recall)
{
    sg_err err = SG_OK;
    if (options->durable) {
        err = sg_rt_archive_open(node);
        if (err == SG_OK)
            err = sg_rt_recall(node, topic, recall);
    } else if (options->since_ms > 0) {
        err = sg_rt_recall_place(node, recall);
    }
    if (err != SG_OK)
        sg_rt_archive_refused(node, err);
    return err;
}

sg_err sg_subscribe(struct sg_node *node, const struct sg_topic_id *topic,
                    const struct sg_subscribe_options *options, struct sg_subscription **sub)
{
    struct sg_subscribe_options chosen;
    struct sg_subscription *made = NULL;
    struct sg_rt_recall recall = {0};
    *sub = NULL;
    sg_rt_subscribe_options_default(&chosen);
    if (options != NULL)
        chosen = *options;
    if (chosen.queue_max == 0)
        return SG_ERR_INVALID_ARGUMENT;
    SG_TRY(read_disk(node, topic, &chosen, &recall));
    sg_err err = sg_rt_enter(node);
    if (err != SG_OK) {
        sg_rt_recall_fini(node, &recall);
        return err;
    }
    err = sg_rt_sub_new(node->mem, topic, &chosen, &made);
    if (err == SG_OK)
        err = begin_subscription(node, made, &recall);
    sg_rt_recall_fini(node, &recall);
    if (err != SG_OK && made != NULL) {
        (void)sg_rt_subs_remove(&node->subs, made);
        sg_rt_sub_free(made);
    }
    if (err != SG_OK)
        sg_rt_note_error(node, "cannot subscribe: %s", sg_err_text(err));
    sg_rt_leave(node);
    if (err == SG_OK)
        *sub = made;
    return err;
}

void sg_subscription_free(struct sg_subscription *sub)
{
    if (sub == NULL)
        return;
    struct sg_node *node = sub->node;
    const struct sg_core_in in = {
        .kind = SG_CORE_IN_UNSUBSCRIBE, .topic = sub->topic, .on = sub->options.durable};
    sg_rt_enter_any(node);
    (void)sg_rt_subs_remove(&node->subs, sub);
    sg_rt_tell(node, &in);
    sg_rt_leave(node);
    sg_rt_sub_free(sub);
}

/* Whoever drives the node must not wait for what only driving brings. */
static bool may_wait(const struct sg_node *node, int timeout_ms)
{
    return timeout_ms == 0 || atomic_load(&node->mode) != SG_RT_DRIVEN;
}

/* First what was kept, then what came. */
static sg_err next_message(struct sg_subscription *sub, int timeout_ms, struct sg_message **message)
{
    if (sub->past != NULL) {
        if (sg_rt_past_next(sub->node, sub, sub->past, message) == SG_OK)
            return SG_OK;
        sg_rt_sub_past_ended(sub);
    }
    sg_err err;
    do {
        if (sub->options.policy == SG_FULL_BLOCK)
            sg_rt_sub_catch_up(sub->node, sub);
        err = sg_rt_sub_next(sub, timeout_ms, message);
    } while (err == SG_ERR_NOT_FOUND); /* another reader was faster */
    return err;
}

sg_err sg_subscription_next(struct sg_subscription *sub, int timeout_ms,
                            struct sg_message **message)
{
    if (!may_wait(sub->node, timeout_ms))
        return SG_ERR_INVALID_STATE;
    sg_rt_wait_enter(&sub->wait);
    sg_err err = next_message(sub, timeout_ms, message);
    sg_rt_wait_leave(&sub->wait);
    return err;
}

int sg_subscription_fd(const struct sg_subscription *sub)
{
    /* The descriptor is made when it is first asked for: most readers just wait. */
    return sg_rt_sub_fd((struct sg_subscription *)(uintptr_t)sub);
}

uint64_t sg_subscription_held(const struct sg_subscription *sub)
{
    return sg_rt_sub_held((struct sg_subscription *)(uintptr_t)sub);
}

uint64_t sg_subscription_dropped(const struct sg_subscription *sub)
{
    return sg_rt_sub_dropped((struct sg_subscription *)(uintptr_t)sub);
}

sg_err sg_node_next_event(struct sg_node *node, int timeout_ms, struct sg_event *event)
{
    if (!may_wait(node, timeout_ms))
        return SG_ERR_INVALID_STATE;
    return sg_rt_events_next(&node->events, timeout_ms, event);
}

int sg_node_event_fd(const struct sg_node *node)
{
    return sg_rt_events_fd(&((struct sg_node *)(uintptr_t)node)->events);
}
