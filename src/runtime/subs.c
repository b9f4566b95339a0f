#include "runtime/subs.h"

#include <string.h>

#include "base/bytes.h"
#include "runtime/archive.h"
#include "wire/limits.h"

/* As many as the history of a topic keeps (core.h). */
#define BEHIND_MAX 65536
/* Of large payloads among them: as much as a node has of them under way (core.h). */
#define PARKED_BYTES_MAX ((size_t)64 << 20)

/* A message with its place in a queue; the public part points to the payload behind it. */
struct sg_rt_message {
    struct sg_rt_message *next;
    const struct sg_mem *mem;
    struct sg_message message;
    uint8_t payload[];
};

void sg_rt_subscribe_options_default(struct sg_subscribe_options *options)
{
    *options = (struct sg_subscribe_options){
        .queue_max = 1024, .queue_bytes_max = (size_t)16 << 20, .policy = SG_FULL_DROP_OLDEST};
}

sg_err sg_rt_sub_new(const struct sg_mem *mem, const struct sg_topic_id *topic,
                     const struct sg_subscribe_options *options, struct sg_subscription **out)
{
    struct sg_subscription *sub = sg_mem_new(mem, 1, sizeof *sub);
    if (sub == NULL)
        return SG_ERR_NO_MEMORY;
    if (sg_rt_wait_init(&sub->wait) != SG_OK) {
        sg_mem_free(mem, sub);
        return SG_ERR_NO_MEMORY;
    }
    sub->mem = mem;
    sub->topic = *topic;
    sub->options = *options;
    sg_rt_ready_init(&sub->ready);
    *out = sub;
    return SG_OK;
}

static void push_to(struct sg_rt_queue *queue, struct sg_rt_message *message)
{
    if (queue->last == NULL)
        queue->first = message;
    else
        queue->last->next = message;
    queue->last = message;
    queue->count++;
    queue->bytes += message->message.len;
}

static struct sg_rt_message *pop_from(struct sg_rt_queue *queue)
{
    struct sg_rt_message *first = queue->first;
    queue->first = first->next;
    if (queue->first == NULL)
        queue->last = NULL;
    first->next = NULL; /* it may go into another queue */
    queue->count--;
    queue->bytes -= first->message.len;
    return first;
}

static void clear(struct sg_rt_queue *queue)
{
    while (queue->count > 0) {
        struct sg_rt_message *message = pop_from(queue);
        sg_mem_free(message->mem, message);
    }
}

static bool is_empty(const struct sg_subscription *sub)
{
    return sub->queue.count == 0 && sub->events.count == 0;
}

/* Of both queues in turn, so that a flood in one does not keep the other waiting. */
static struct sg_rt_message *pop(struct sg_subscription *sub)
{
    bool is_event = sub->events.count > 0 && (sub->queue.count == 0 || !sub->was_event);
    sub->was_event = is_event;
    return pop_from(is_event ? &sub->events : &sub->queue);
}

void sg_rt_sub_free(struct sg_subscription *sub)
{
    sg_rt_wait_fini(&sub->wait);
    sg_rt_past_free(sub->mem, sub->past);
    clear(&sub->queue);
    clear(&sub->events);
    clear(&sub->parked);
    sg_rt_ready_fini(&sub->ready);
    sg_mem_free(sub->mem, sub->behind);
    sg_mem_free(sub->mem, sub);
}

void sg_rt_subs_add(struct sg_rt_subs *subs, struct sg_subscription *sub)
{
    sub->next = subs->first;
    subs->first = sub;
}

bool sg_rt_subs_remove(struct sg_rt_subs *subs, struct sg_subscription *sub)
{
    for (struct sg_subscription **at = &subs->first; *at != NULL; at = &(*at)->next) {
        if (*at == sub) {
            *at = sub->next;
            return true;
        }
    }
    return false;
}

static bool has_ended(const struct sg_subscription *sub)
{
    return sub->closed || sub->wait.stopped;
}

static struct sg_rt_message *copy_of(const struct sg_mem *mem, const struct sg_message *message)
{
    struct sg_rt_message *copy = mem->alloc(mem->user, sizeof *copy + message->len);
    if (copy == NULL)
        return NULL;
    copy->next = NULL;
    copy->mem = mem;
    copy->message = *message;
    copy->message.payload = copy->payload;
    if (message->len > 0)
        memcpy(copy->payload, message->payload, message->len);
    return copy;
}

struct sg_message *sg_rt_message_copy(const struct sg_mem *mem, const struct sg_message *message)
{
    struct sg_rt_message *copy = copy_of(mem, message);
    return copy == NULL ? NULL : &copy->message;
}

/* ---- outside a full queue -------------------------------------------------------------------- */

static bool grow_behind(struct sg_subscription *sub)
{
    uint32_t cap = sub->behind_cap == 0 ? 64 : sub->behind_cap * 2;
    struct sg_msg_id *ids = sg_mem_new(sub->mem, cap, sizeof *ids);
    if (ids == NULL)
        return false;
    for (uint32_t i = 0; i < sub->behind_count; i++)
        ids[i] = sub->behind[(sub->behind_at + i) % sub->behind_cap];
    sg_mem_free(sub->mem, sub->behind);
    sub->behind = ids;
    sub->behind_cap = cap;
    sub->behind_at = 0;
    return true;
}

/* Whether the oldest that waits is a large payload. */
static bool is_parked(const struct sg_subscription *sub)
{
    return sub->behind_count > 0 && sub->parked.count > 0 &&
           sg_msg_id_equal(&sub->parked.first->message.id, &sub->behind[sub->behind_at]);
}

/* The memory goes with the last one. The oldest one's payload if it is large, else NULL. */
static struct sg_rt_message *pop_behind(struct sg_subscription *sub)
{
    struct sg_rt_message *large = is_parked(sub) ? pop_from(&sub->parked) : NULL;
    sub->behind_at = (sub->behind_at + 1) % sub->behind_cap;
    if (--sub->behind_count > 0)
        return large;
    sg_mem_free(sub->mem, sub->behind);
    sub->behind = NULL;
    sub->behind_cap = 0;
    sub->behind_at = 0;
    return large;
}

/* Of a large payload the node keeps only the announcement. */
static bool park(struct sg_subscription *sub, const struct sg_message *message)
{
    bool has_place = sub->parked.bytes + message->len <= PARKED_BYTES_MAX;
    struct sg_rt_message *copy = has_place ? copy_of(sub->mem, message) : NULL;
    if (copy != NULL)
        push_to(&sub->parked, copy);
    return copy != NULL;
}

/* How many messages were dropped for it. */
static uint64_t hold(struct sg_subscription *sub, const struct sg_message *message)
{
    uint64_t gone = 0;
    if (sub->behind_count == BEHIND_MAX) { /* the oldest are gone from the history first, too */
        struct sg_rt_message *large = pop_behind(sub);
        sg_mem_free(sub->mem, large);
        gone++;
    }
    if (sub->behind_count == sub->behind_cap && !grow_behind(sub))
        return gone + 1;
    if (message->len > SG_PAYLOAD_MAX && !park(sub, message))
        return gone + 1;
    sub->behind[(sub->behind_at + sub->behind_count++) % sub->behind_cap] = message->id;
    sg_rt_wait_signal(&sub->wait);
    return gone;
}

static bool has_room(const struct sg_subscription *sub, size_t len)
{
    return sub->queue.count < sub->options.queue_max && len <= sub->options.queue_bytes_max &&
           sub->queue.bytes <= sub->options.queue_bytes_max - len;
}

/* Makes room as the policy says; how many old messages went for it. */
static uint64_t make_room(struct sg_subscription *sub, size_t len)
{
    uint64_t gone = 0;
    switch (sub->options.policy) {
    case SG_FULL_DROP_OLDEST:
        while (len <= sub->options.queue_bytes_max && sub->queue.count > 0 && !has_room(sub, len)) {
            struct sg_rt_message *oldest = pop_from(&sub->queue);
            sg_mem_free(oldest->mem, oldest);
            gone++;
        }
        break;
    case SG_FULL_DROP_NEWEST:
    case SG_FULL_BLOCK:
        break;
    case SG_FULL_CLOSE:
        sub->closed = true;
        sg_rt_wait_signal_all(&sub->wait);
        sg_rt_ready_set(&sub->ready, true);
        break;
    }
    return gone;
}

static void append(struct sg_subscription *sub, struct sg_rt_message *message)
{
    if (is_empty(sub))
        sg_rt_ready_set(&sub->ready, true);
    push_to(&sub->queue, message);
    sg_rt_wait_signal(&sub->wait);
}

/* How many messages were dropped. */
static uint64_t take(struct sg_subscription *sub, const struct sg_message *message)
{
    uint64_t gone = 0;
    bool room = has_room(sub, message->len);
    if (!room) {
        gone = make_room(sub, message->len);
        room = !sub->closed && has_room(sub, message->len);
    }
    struct sg_rt_message *copy = room ? copy_of(sub->mem, message) : NULL;
    if (copy == NULL)
        return gone + 1;
    append(sub, copy);
    return gone;
}

/* Whether it has to wait outside the queue. */
static bool must_hold(const struct sg_subscription *sub, const struct sg_message *message)
{
    return sub->options.policy == SG_FULL_BLOCK &&
           (sub->behind_count > 0 || !has_room(sub, message->len));
}

static void deliver(struct sg_rt_subs *subs, struct sg_subscription *sub,
                    const struct sg_message *message)
{
    uint64_t gone = 0;
    sg_rt_wait_lock(&sub->wait);
    bool was_open = !has_ended(sub);
    if (was_open && must_hold(sub, message)) {
        gone = hold(sub, message);
        subs->held++;
    } else if (was_open) {
        gone = take(sub, message);
    }
    sub->dropped += gone;
    subs->dropped += gone;
    subs->closed += was_open && sub->closed;
    sg_rt_wait_unlock(&sub->wait);
}

bool sg_rt_sub_is_behind(struct sg_subscription *sub)
{
    sg_rt_wait_lock(&sub->wait);
    bool is_behind = is_empty(sub) && sub->behind_count > 0;
    sg_rt_wait_unlock(&sub->wait);
    return is_behind;
}

bool sg_rt_sub_behind(struct sg_subscription *sub, struct sg_msg_id *id)
{
    sg_rt_wait_lock(&sub->wait);
    while (is_parked(sub) && has_room(sub, 0) && !has_ended(sub))
        append(sub, pop_behind(sub));
    bool any = sub->behind_count > 0 && has_room(sub, 0) && !has_ended(sub);
    if (any)
        *id = sub->behind[sub->behind_at];
    sg_rt_wait_unlock(&sub->wait);
    return any;
}

void sg_rt_sub_caught_up(struct sg_rt_subs *subs, struct sg_subscription *sub,
                         struct sg_message *message)
{
    sg_rt_wait_lock(&sub->wait);
    (void)pop_behind(sub);
    if (message == NULL) {
        sub->dropped++;
        subs->dropped++;
    } else {
        uint8_t *bytes = (uint8_t *)message - offsetof(struct sg_rt_message, message);
        append(sub, (struct sg_rt_message *)(void *)bytes);
    }
    sg_rt_wait_unlock(&sub->wait);
}

void sg_rt_subs_deliver(struct sg_rt_subs *subs, const struct sg_message *message, bool own)
{
    for (struct sg_subscription *sub = subs->first; sub != NULL; sub = sub->next) {
        if (sg_topic_id_equal(&sub->topic, &message->topic) && (!own || sub->options.own_messages))
            deliver(subs, sub, message);
    }
}

/* ---- sessions of documents ------------------------------------------------------------------- */

/* What waits of a session that is over interests nobody any more. */
static void drop_events(struct sg_rt_queue *events, uint64_t session)
{
    struct sg_rt_queue kept = {0};
    while (events->count > 0) {
        struct sg_rt_message *event = pop_from(events);
        event->next = NULL;
        if (event->message.sequence == session)
            sg_mem_free(event->mem, event);
        else
            push_to(&kept, event);
    }
    *events = kept;
}

static void take_event(struct sg_subscription *sub, const struct sg_message *event, bool is_end)
{
    struct sg_rt_message *copy = copy_of(sub->mem, event);
    if (is_end)
        drop_events(&sub->events, event->sequence);
    /* of live sessions there are few: these are ends of which nobody has ever heard the begin */
    if (sub->events.count >= SG_RT_EVENTS_MAX) {
        struct sg_rt_message *oldest = pop_from(&sub->events);
        sg_mem_free(oldest->mem, oldest);
    }
    if (copy == NULL)
        return; /* the session stands still, and ends by itself */
    if (is_empty(sub))
        sg_rt_ready_set(&sub->ready, true);
    push_to(&sub->events, copy);
    sg_rt_wait_signal(&sub->wait);
}

void sg_rt_subs_tell_doc(struct sg_rt_subs *subs, const struct sg_topic_id *topic,
                         const struct sg_message *event, bool is_end)
{
    for (struct sg_subscription *sub = subs->first; sub != NULL; sub = sub->next) {
        if (!sub->takes_docs || !sg_topic_id_equal(&sub->topic, topic))
            continue;
        sg_rt_wait_lock(&sub->wait);
        if (!has_ended(sub))
            take_event(sub, event, is_end);
        sg_rt_wait_unlock(&sub->wait);
    }
}

/* ---- blocking and stopping ------------------------------------------------------------------- */

static bool blocks(struct sg_subscription *sub, size_t len)
{
    sg_rt_wait_lock(&sub->wait);
    bool is_full = len <= sub->options.queue_bytes_max && !has_ended(sub) &&
                   (sub->behind_count > 0 || !has_room(sub, len));
    sg_rt_wait_unlock(&sub->wait);
    return is_full;
}

bool sg_rt_subs_block(struct sg_rt_subs *subs, const struct sg_topic_id *topic, size_t len)
{
    for (struct sg_subscription *sub = subs->first; sub != NULL; sub = sub->next) {
        const struct sg_subscribe_options *options = &sub->options;
        if (options->policy == SG_FULL_BLOCK && options->own_messages &&
            sg_topic_id_equal(&sub->topic, topic) && blocks(sub, len))
            return true;
    }
    return false;
}

void sg_rt_subs_stop(struct sg_rt_subs *subs)
{
    for (struct sg_subscription *sub = subs->first; sub != NULL; sub = sub->next) {
        sg_rt_wait_stop(&sub->wait);
        sg_rt_wait_lock(&sub->wait);
        sg_rt_ready_set(&sub->ready, true);
        sg_rt_wait_unlock(&sub->wait);
    }
}

/* ---- reading, from any thread ---------------------------------------------------------------- */

/* SG_OK when there is a message to take, or an end that lets nobody wait. */
static sg_err wait_for_message(struct sg_subscription *sub, int timeout_ms)
{
    sg_time_ns until = timeout_ms == 0 ? 0 : sg_rt_wait_until(timeout_ms);
    while (is_empty(sub)) {
        if (sub->closed)
            return SG_ERR_CLOSED;
        if (sub->wait.stopped)
            return SG_ERR_STOPPED;
        if (sub->behind_count > 0)
            return SG_ERR_NOT_FOUND;
        if (timeout_ms == 0)
            return SG_ERR_WOULD_BLOCK;
        if (!sg_rt_wait_once(&sub->wait, until) && is_empty(sub) && !has_ended(sub))
            return SG_ERR_TIMEOUT;
    }
    return SG_OK;
}

sg_err sg_rt_sub_next(struct sg_subscription *sub, int timeout_ms, struct sg_message **message)
{
    sg_rt_wait_lock(&sub->wait);
    sg_err err = wait_for_message(sub, timeout_ms);
    if (err == SG_OK) {
        *message = &pop(sub)->message;
        if (is_empty(sub) && sub->behind_count == 0 && !has_ended(sub))
            sg_rt_ready_set(&sub->ready, false);
    }
    sg_rt_wait_unlock(&sub->wait);
    return err;
}

void sg_rt_sub_past_ended(struct sg_subscription *sub)
{
    sg_rt_wait_lock(&sub->wait);
    if (sub->has_past && is_empty(sub) && sub->behind_count == 0 && !has_ended(sub))
        sg_rt_ready_set(&sub->ready, false);
    sub->has_past = false;
    sg_rt_wait_unlock(&sub->wait);
}

int sg_rt_sub_fd(struct sg_subscription *sub)
{
    sg_rt_wait_lock(&sub->wait);
    bool is_ready = sub->has_past || !is_empty(sub) || sub->behind_count > 0 || has_ended(sub);
    int fd = sg_rt_ready_fd(&sub->ready, is_ready);
    sg_rt_wait_unlock(&sub->wait);
    return fd;
}

uint64_t sg_rt_sub_dropped(struct sg_subscription *sub)
{
    sg_rt_wait_lock(&sub->wait);
    uint64_t dropped = sub->dropped;
    sg_rt_wait_unlock(&sub->wait);
    return dropped;
}

uint64_t sg_rt_sub_held(struct sg_subscription *sub)
{
    sg_rt_wait_lock(&sub->wait);
    uint64_t held = sub->behind_count;
    sg_rt_wait_unlock(&sub->wait);
    return held;
}

void sg_message_free(struct sg_message *message)
{
    if (message == NULL)
        return;
    uint8_t *bytes = (uint8_t *)message - offsetof(struct sg_rt_message, message);
    struct sg_rt_message *whole = (struct sg_rt_message *)(void *)bytes;
    sg_mem_free(whole->mem, whole);
}
