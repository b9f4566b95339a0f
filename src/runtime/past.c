/* What was kept before a subscription began: recalled for the core, and read by the subscriber.
 *
 * A new durable subscription reads the retention's messages from the database and gives them to the
 * core, which then knows them as it did before the restart. With since_ms the subscriber first gets
 * what was kept: a page of the database at a time, in the thread that reads, then what was in
 * memory at the moment of subscribing, copied then. The database is read up to the number it had
 * before that moment: what came later is in memory or live, never twice. */
#include <stdlib.h>
#include <string.h>

#include "os/clock.h"
#include "runtime/node_impl.h"

/* ---- for the core ---------------------------------------------------------------------------- */

void sg_rt_recall_fini(struct sg_node *node, struct sg_rt_recall *recall)
{
    for (size_t i = 0; i < recall->count; i++)
        sg_messages_row_fini(&recall->rows[i]);
    sg_mem_free(node->mem, recall->rows);
    *recall = (struct sg_rt_recall){0};
}

/* Frames that came lately, by a byte of their names: a row brings a copy of its own of a root that
 * its batch has in common, and of a key that its author has. Borrowed from the rows. */
struct recent {
    struct sg_buf *root[256], *key[256];
};

/* One frame for all rows that have the same. */
static void share(struct sg_buf **known, struct sg_buf **frame)
{
    if (*known == NULL || !sg_bytes_equal(sg_buf_bytes(*known), sg_buf_bytes(*frame))) {
        *known = *frame;
        return;
    }
    sg_buf_unref(*frame);
    *frame = sg_buf_ref(*known);
}

static sg_err recall_page(struct sg_node *node, struct sg_messages_query *query,
                          struct sg_rt_recall *recall, struct recent *recent)
{
    size_t got = 0;
    if (recall->cap - recall->count < SG_RT_PAST_PAGE) {
        size_t cap = recall->cap == 0 ? 2 * SG_RT_PAST_PAGE : recall->cap * 2;
        void *rows = sg_mem_resize(node->mem, recall->rows, cap, sizeof *recall->rows);
        if (rows == NULL)
            return SG_ERR_NO_MEMORY;
        recall->rows = rows;
        recall->cap = cap;
    }
    SG_TRY(sg_messages_read(atomic_load(&node->archive.db), query, &recall->rows[recall->count],
                            SG_RT_PAST_PAGE, &got));
    for (size_t i = 0; i < got; i++) {
        struct sg_messages_row *row = &recall->rows[recall->count++];
        share(&recent->root[row->root[0]], &row->root_frame);
        share(&recent->key[row->author.b[0]], &row->key_frame);
        query->since_ms = row->time_ms;
        query->after_number = row->number;
    }
    recall->is_whole = got == 0;
    return SG_OK;
}

/* The newest of the retention that the core has room for: with them it refuses what is older. */
static sg_err recall_newest(struct sg_node *node, struct sg_messages_query *query,
                            struct sg_rt_recall *recall)
{
    struct sg_core_config config = sg_core_config_default(node->mem);
    uint64_t kept_ms = config.retention_ns / SG_NS_PER_MS;
    uint64_t wall_ms = sg_clock_wall_ms();
    struct sg_messages *db = atomic_load(&node->archive.db);
    struct recent recent = {0};
    uint64_t from_ms;
    SG_TRY(sg_messages_last(db, &recall->last));
    query->since_ms = wall_ms > kept_ms ? wall_ms - kept_ms : 0;
    query->upto_number = recall->last;
    SG_TRY(
        sg_messages_reach(db, query, config.retention_max, config.retention_bytes_max, &from_ms));
    recall->from_ms = from_ms > query->since_ms ? from_ms : 0;
    query->since_ms = from_ms;
    while (!recall->is_whole)
        SG_TRY(recall_page(node, query, recall, &recent));
    return SG_OK;
}

sg_err sg_rt_recall(struct sg_node *node, const struct sg_topic_id *topic,
                    struct sg_rt_recall *recall)
{
    struct sg_messages_query query = {.topic = *topic, .has_proofs = true};
    *recall = (struct sg_rt_recall){0};
    uv_mutex_lock(&node->archive.mutex);
    sg_err err = recall_newest(node, &query, recall);
    uv_mutex_unlock(&node->archive.mutex);
    if (err != SG_OK)
        sg_rt_recall_fini(node, recall);
    return err;
}

sg_err sg_rt_recall_place(struct sg_node *node, struct sg_rt_recall *recall)
{
    struct sg_messages *db = atomic_load(&node->archive.db);
    *recall = (struct sg_rt_recall){0};
    if (db == NULL)
        return SG_OK;
    uv_mutex_lock(&node->archive.mutex);
    sg_err err = sg_messages_last(db, &recall->last);
    uv_mutex_unlock(&node->archive.mutex);
    return err;
}

void sg_rt_recall_feed(struct sg_node *node, const struct sg_topic_id *topic,
                       struct sg_rt_recall *recall)
{
    const struct sg_core_in floor = {
        .kind = SG_CORE_IN_PAST_FLOOR, .topic = *topic, .wall_ms = recall->from_ms};
    if (recall->from_ms > 0)
        sg_rt_tell(node, &floor);
    for (size_t i = 0; i < recall->count; i++) {
        const struct sg_messages_row *row = &recall->rows[i];
        const struct sg_core_past past = {row->gossip, row->root_frame, row->key_frame};
        const struct sg_core_in in = {
            .kind = SG_CORE_IN_PAST, .topic = row->topic, .id = row->id, .past = &past};
        sg_err err = sg_rt_feed(node, &in);
        if (err == SG_ERR_CORRUPT)
            sg_rt_report_state(node, SG_MESSAGES_FILE, err);
    }
    sg_rt_recall_fini(node, recall);
}

/* ---- for a subscriber ------------------------------------------------------------------------ */

static bool is_wanted(const struct sg_node *node, const struct sg_subscription *sub,
                      const struct sg_core_message *message)
{
    return sub->options.own_messages || !sg_peer_id_equal(&message->author, &node->self);
}

static struct sg_message *message_of(const struct sg_subscription *sub, const struct sg_msg_id *id,
                                     const struct sg_core_message *in)
{
    const struct sg_message message = {.topic = sub->topic,
                                       .author = in->author,
                                       .id = *id,
                                       .sequence = in->sequence,
                                       .time_ms = in->time_ms,
                                       .age_us = sg_rt_age_us(in->time_ms),
                                       .hops = in->hops,
                                       .len = in->payload.len,
                                       .payload = in->payload.data};
    return sg_rt_message_copy(sub->mem, &message);
}

static int by_time(const void *a, const void *b)
{
    const struct sg_message *x = *(const struct sg_message *const *)a;
    const struct sg_message *y = *(const struct sg_message *const *)b;
    if (x->time_ms != y->time_ms)
        return x->time_ms < y->time_ms ? -1 : 1;
    int order = memcmp(x->author.b, y->author.b, SG_ID_LEN);
    if (order != 0)
        return order;
    return x->sequence < y->sequence ? -1 : 1;
}

/* Copies what memory has, from the time asked for on. */
static sg_err remember(struct sg_node *node, const struct sg_subscription *sub,
                       struct sg_rt_past *past)
{
    struct sg_core_kept kept;
    uint32_t at = 0;
    while (sg_core_past(node->core, &sub->topic, &at, &kept)) {
        if (kept.message.time_ms < past->query.since_ms || !is_wanted(node, sub, &kept.message))
            continue;
        if (past->recent_count == past->recent_cap) {
            void *recent = sg_mem_grow(node->mem, past->recent, &past->recent_cap, UINT32_MAX,
                                       sizeof *past->recent);
            if (recent == NULL)
                return SG_ERR_NO_MEMORY;
            past->recent = recent;
        }
        struct sg_message *copy = message_of(sub, &kept.id, &kept.message);
        if (copy == NULL)
            return SG_ERR_NO_MEMORY;
        past->recent[past->recent_count++] = copy;
    }
    if (past->recent_count > 1)
        qsort(past->recent, past->recent_count, sizeof *past->recent, by_time);
    return SG_OK;
}

void sg_rt_past_free(const struct sg_mem *mem, struct sg_rt_past *past)
{
    if (past == NULL)
        return;
    while (past->at < past->count)
        sg_messages_row_fini(&past->rows[past->at++]);
    while (past->recent_at < past->recent_count)
        sg_message_free(past->recent[past->recent_at++]);
    sg_mem_free(mem, past->recent);
    uv_mutex_destroy(&past->mutex);
    sg_mem_free(mem, past);
}

sg_err sg_rt_past_new(struct sg_node *node, const struct sg_subscription *sub, uint64_t last,
                      struct sg_rt_past **out)
{
    struct sg_rt_past *past = sg_mem_new(node->mem, 1, sizeof *past);
    uint64_t since_ms = sub->options.since_ms;
    if (past == NULL)
        return SG_ERR_NO_MEMORY;
    if (uv_mutex_init(&past->mutex) != 0) {
        sg_mem_free(node->mem, past);
        return SG_ERR_LIMIT;
    }
    past->query = (struct sg_messages_query){.topic = sub->topic, .upto_number = last};
    past->query.since_ms = node->wall_ms > since_ms ? node->wall_ms - since_ms : 0;
    past->reads_db = last > 0;
    sg_err err = remember(node, sub, past);
    if (err == SG_OK)
        *out = past;
    else
        sg_rt_past_free(node->mem, past);
    return err;
}

/* What is in memory as well is left to it. */
static bool is_recent(const struct sg_rt_past *past, const struct sg_messages_row *row)
{
    uint32_t low = past->recent_at;
    uint32_t high = past->recent_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (past->recent[middle]->time_ms < row->time_ms)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < past->recent_count && past->recent[low]->time_ms == row->time_ms; low++) {
        if (sg_msg_id_equal(&past->recent[low]->id, &row->id))
            return true;
    }
    return false;
}

static void read_page(struct sg_node *node, struct sg_rt_past *past)
{
    past->at = 0;
    past->count = 0;
    uv_mutex_lock(&node->archive.mutex);
    sg_err err = sg_messages_read(atomic_load(&node->archive.db), &past->query, past->rows,
                                  SG_RT_PAST_PAGE, &past->count);
    uv_mutex_unlock(&node->archive.mutex);
    past->reads_db = err == SG_OK && past->count > 0;
    if (past->reads_db) {
        past->query.since_ms = past->rows[past->count - 1].time_ms;
        past->query.after_number = past->rows[past->count - 1].number;
    }
    if (err == SG_OK)
        return;
    sg_rt_enter_any(node);
    sg_rt_report_state(node, SG_MESSAGES_FILE, err);
    sg_rt_leave_quiet(node);
}

/* NULL: not for this subscriber, or out of memory. */
static struct sg_message *open_row(struct sg_node *node, const struct sg_subscription *sub,
                                   const struct sg_rt_past *past, const struct sg_messages_row *row)
{
    struct sg_core_message message;
    if (is_recent(past, row) || !sg_core_open_past(row->gossip, &message) ||
        !is_wanted(node, sub, &message))
        return NULL;
    return message_of(sub, &row->id, &message);
}

static struct sg_message *next(struct sg_node *node, const struct sg_subscription *sub,
                               struct sg_rt_past *past)
{
    struct sg_message *message = NULL;
    while (message == NULL && (past->at < past->count || past->reads_db)) {
        if (past->at == past->count) {
            read_page(node, past);
            continue;
        }
        struct sg_messages_row *row = &past->rows[past->at++];
        message = open_row(node, sub, past, row);
        sg_messages_row_fini(row);
    }
    if (message == NULL && past->recent_at < past->recent_count)
        message = past->recent[past->recent_at++];
    return message;
}

sg_err sg_rt_past_next(struct sg_node *node, const struct sg_subscription *sub,
                       struct sg_rt_past *past, struct sg_message **message)
{
    uv_mutex_lock(&past->mutex);
    struct sg_message *found = next(node, sub, past);
    uv_mutex_unlock(&past->mutex);
    if (found == NULL)
        return SG_ERR_NOT_FOUND;
    *message = found;
    return SG_OK;
}

/* ---- for a subscription that was full -------------------------------------------------------- */

void sg_rt_sub_catch_up(struct sg_node *node, struct sg_subscription *sub)
{
    struct sg_core_message kept;
    struct sg_msg_id id;
    if (!sg_rt_sub_is_behind(sub))
        return;
    sg_rt_enter_any(node);
    for (int i = 0; i < SG_RT_PAST_PAGE && sg_rt_sub_behind(sub, &id); i++) {
        struct sg_message *message = NULL;
        if (sg_core_kept(node->core, &sub->topic, &id, &kept))
            message = message_of(sub, &id, &kept);
        sg_rt_sub_caught_up(&node->subs, sub, message);
    }
    sg_rt_leave_quiet(node);
}
