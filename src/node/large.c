/* Large payloads: the table of transfers and their memory.
 *
 * A payload above 64 KiB is not pushed. Its message carries an announcement, the size and the
 * hashes of its chunks of 64 KiB, and travels like any other: signed, deduplicated, grafted. Who
 * accepts it asks the neighbours of the topic which chunks they have, and fetches from all of them
 * at the same time (large_fetch.c). A chunk is checked by its hash when it comes and is served to
 * others from then on, so chunks spread before anybody has all of them, and the author's upload is
 * not the limit. When the last one is here, the whole is delivered; nothing is before.
 *
 * A transfer outlives links, neighbours and the author: chunks that are here stay, only missing
 * ones are asked for. It ends when nothing has come for GIVE_UP_NS.
 *
 * Memory: a transfer reserves its whole size before it asks for anything, so that two halves never
 * wait for each other's room. Complete payloads are kept as long as their message is held, and a
 * while longer when somebody fetches them; the oldest one that nobody uses goes first when room is
 * wanted, and a part of the room is for this node's own (large_room.c). What finds no room waits.
 * While others wait, a transfer that does not move loses its place, with what it has, and waits
 * again at the end: somebody who announces what nobody serves blocks nobody for long. What finds no
 * place in the table stands in line (large_queue.c). */
#include "node/internal.h"

#include <assert.h>

/* An unfinished transfer to which no chunk came for so long ends; see ends_at. */
#define GIVE_UP_NS (60 * SG_NS_PER_S)
/* A complete payload that has not gone though room was wanted is looked at again. */
#define AGAIN_NS SG_NS_PER_S
/* Every MARK_NS a transfer that others wait for must have MARK_CHUNKS more. */
#define MARK_NS (10 * SG_NS_PER_S)
#define MARK_CHUNKS 4
/* The program is told about progress not more often. */
#define TELL_NS (250 * SG_NS_PER_MS)
/* Neighbours are asked again what they have after so long without a chunk; doubling. */
#define QUERY_NS SG_NS_PER_S
/* A HAVE does not wait longer when so many chunks came: 1 MiB. */
#define UNTOLD_MAX 16

void sg_large_init(struct sg_core *core)
{
    core->large.due = SG_TIME_NEVER;
}

static void drop_chunks(struct sg_core *core, struct sg_transfer *t)
{
    for (uint16_t i = 0; t->chunks != NULL && i < t->what.count; i++)
        sg_buf_unref(t->chunks[i]);
    sg_mem_free(core->config.mem, t->chunks);
    t->chunks = NULL;
    t->have = (struct sg_chunks){{0}};
    t->done = 0;
    t->mark = 0;
}

static void transfer_free(struct sg_core *core, struct sg_transfer *t)
{
    drop_chunks(core, t);
    sg_buf_unref(t->text);
    sg_mem_free(core->config.mem, t->sources);
    sg_mem_free(core->config.mem, t);
}

void sg_large_fini(struct sg_core *core)
{
    for (uint32_t i = 0; i < core->large.count; i++)
        transfer_free(core, core->large.slots[i]);
    sg_mem_free(core->config.mem, core->large.slots);
    sg_queue_fini(core);
    core->large = (struct sg_larges){.due = SG_TIME_NEVER};
}

uint64_t sg_large_bytes(const struct sg_core *core)
{
    return core->large.bytes;
}

struct sg_transfer *sg_transfer_find(const struct sg_core *core, const struct sg_msg_id *id)
{
    uint64_t tag = sg_tag_of(id->b);
    for (uint32_t i = 0; i < core->large.count; i++) {
        struct sg_transfer *t = core->large.slots[i];
        if (t->tag == tag && sg_msg_id_equal(&t->id, id))
            return t;
    }
    return NULL;
}

/* Takes it out of the table, keeping the order of the others. */
static void unlist(struct sg_larges *larges, const struct sg_transfer *t)
{
    uint32_t at = 0;
    while (larges->slots[at] != t)
        at++;
    larges->count--;
    larges->queue.may_start = true;
    for (; at < larges->count; at++)
        larges->slots[at] = larges->slots[at + 1];
}

static void leave_account(struct sg_larges *larges, const struct sg_transfer *t)
{
    if (t->state == SG_TRANSFER_WAITING)
        larges->waiting--;
    else
        larges->bytes -= t->what.size;
}

/* What is under way for it is not waited for any more. */
static void ground(struct sg_core *core, struct sg_transfer *t)
{
    for (uint8_t i = 0; i < t->source_count; i++)
        sg_fetch_drop(core, t, &t->sources[i]);
}

static void drop(struct sg_core *core, struct sg_transfer *t)
{
    ground(core, t);
    leave_account(&core->large, t);
    unlist(&core->large, t);
    transfer_free(core, t);
}

/* ---- telling the program ---- */

static void tell_program(struct sg_core *core, struct sg_transfer *t, sg_err err)
{
    uint64_t done = (uint64_t)t->done * SG_CHUNK_LEN;
    struct sg_core_out out = {.kind = SG_CORE_OUT_TRANSFER,
                              .peer = t->author,
                              .topic = t->topic,
                              .id = t->id,
                              .err = err,
                              .done = done < t->what.size ? done : t->what.size,
                              .total = t->what.size};
    t->told_at = core->now;
    sg_emit(core, &out);
}

/* The payload in one piece; NULL when out of memory. */
static struct sg_buf *assemble(const struct sg_core *core, const struct sg_transfer *t)
{
    struct sg_buf *whole = sg_buf_new(core->config.mem, (size_t)t->what.size);
    if (whole == NULL)
        return NULL;
    for (uint16_t i = 0; i < t->what.count; i++) {
        size_t len = sg_chunk_len(&t->what, i);
        /* a CHUNK frame ends with its bytes */
        memcpy(whole->data + whole->len, t->chunks[i]->data + t->chunks[i]->len - len, len);
        whole->len += (uint32_t)len;
    }
    return whole;
}

static void deliver(struct sg_core *core, const struct sg_transfer *t)
{
    const struct sg_scope *scope = sg_scope_find(core, &t->topic);
    struct sg_core_out out = {.kind = SG_CORE_OUT_DELIVER, .topic = t->topic, .id = t->id};
    if (scope == NULL || scope->subscriptions == 0)
        return;
    out.buf = assemble(core, t);
    if (out.buf == NULL) {
        core->stats.large_lost++;
        return;
    }
    out.message.author = t->author;
    out.message.last_hop = t->last_hop;
    out.message.sequence = t->sequence;
    out.message.time_ms = t->time_ms;
    out.message.hops = t->hops;
    out.message.payload = sg_buf_bytes(out.buf);
    core->stats.delivered++;
    sg_trace(&core->config.trace, SG_TRACE_DELIVER, t->last_hop.b, t->id.b, t->hops);
    sg_emit(core, &out);
}

/* ---- memory ---- */

/* Whether size fits; complete payloads give way. */
static bool make_room(struct sg_core *core, uint64_t size, bool for_own)
{
    while (sg_room_lacks(core, size, for_own)) {
        struct sg_transfer *oldest = sg_room_gives_way(core, for_own);
        if (oldest == NULL)
            return false;
        drop(core, oldest);
    }
    return true;
}

/* When an unfinished one is given up. That one waits for room which others make good use of is
 * nobody's fault, so this time does not count. */
static sg_time_ns ends_at(const struct sg_core *core, const struct sg_transfer *t)
{
    sg_time_ns at = sg_time_add(t->moved_at, GIVE_UP_NS);
    if (t->state == SG_TRANSFER_WAITING)
        at = sg_time_add(at, sg_time_since(core->large.moved_at, t->waits_from));
    return at;
}

/* Gives a waiting transfer its room, which is there. */
static bool begin(struct sg_core *core, struct sg_transfer *t)
{
    t->chunks = sg_mem_new(core->config.mem, t->what.count, sizeof(struct sg_buf *));
    if (t->chunks == NULL)
        return false;
    core->large.waiting--;
    core->large.bytes += t->what.size;
    t->moved_at = sg_time_add(t->moved_at, sg_time_since(core->large.moved_at, t->waits_from));
    t->state = SG_TRANSFER_FETCHING;
    t->mark_at = sg_time_add(core->now, MARK_NS);
    return true;
}

/* In order of arrival; a smaller one does not overtake, or a large one would wait for ever. */
static void begin_waiting(struct sg_core *core)
{
    uint32_t i = 0;
    while (core->large.waiting > 0 && i < core->large.count) {
        struct sg_transfer *t = core->large.slots[i];
        if (t->state == SG_TRANSFER_WAITING) {
            if (!make_room(core, t->what.size, false) || !begin(core, t))
                return;
            i = 0; /* making room may have moved the others */
        } else {
            i++;
        }
    }
}

/* It does not move, and others wait: it begins anew behind them. */
static void demote(struct sg_core *core, struct sg_transfer *t)
{
    ground(core, t);
    drop_chunks(core, t);
    core->large.bytes -= t->what.size;
    core->large.waiting++;
    t->state = SG_TRANSFER_WAITING;
    t->waits_from = core->now;
    t->have_at = SG_TIME_NEVER;
    unlist(&core->large, t);
    core->large.slots[core->large.count++] = t;
    core->stats.large_demoted++;
}

/* ---- beginning ---- */

uint32_t sg_transfers_unfinished(const struct sg_core *core, const struct sg_peer_id *author)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < core->large.count; i++) {
        const struct sg_transfer *t = core->large.slots[i];
        count += t->state != SG_TRANSFER_COMPLETE && sg_peer_id_equal(&t->author, author) ? 1 : 0;
    }
    return count;
}

bool sg_transfers_has_place(struct sg_core *core)
{
    return core->large.count < SG_TRANSFERS_MAX || sg_room_unused(core) != NULL;
}

static sg_err reserve_slot(struct sg_core *core)
{
    struct sg_larges *larges = &core->large;
    if (larges->slots == NULL)
        larges->slots =
            sg_mem_new(core->config.mem, SG_TRANSFERS_MAX, sizeof(struct sg_transfer *));
    if (larges->slots == NULL)
        return SG_ERR_NO_MEMORY;
    struct sg_transfer *oldest = sg_room_unused(core);
    if (larges->count == SG_TRANSFERS_MAX && oldest != NULL)
        drop(core, oldest);
    return larges->count < SG_TRANSFERS_MAX ? SG_OK : SG_ERR_WOULD_BLOCK;
}

/* A waiting transfer in the table. text: what the announcement points into, one reference more. */
static sg_err transfer_new(struct sg_core *core, const struct sg_msg_id *id, struct sg_buf *text,
                           struct sg_bytes announcement, struct sg_transfer **out)
{
    const struct sg_mem *mem = core->config.mem;
    SG_TRY(reserve_slot(core));
    struct sg_transfer *t = sg_mem_new(mem, 1, sizeof(*t));
    if (t == NULL)
        return SG_ERR_NO_MEMORY;
    t->sources = sg_mem_new(mem, SG_LARGE_SOURCES_MAX, sizeof(*t->sources));
    sg_err err = t->sources == NULL ? SG_ERR_NO_MEMORY : SG_OK;
    if (err == SG_OK)
        err = sg_announcement_decode(announcement, &t->what);
    if (err != SG_OK) {
        transfer_free(core, t);
        return err;
    }
    t->id = *id;
    t->tag = sg_tag_of(id->b);
    t->text = sg_buf_ref(text);
    t->have_at = SG_TIME_NEVER;
    t->moved_at = t->used_at = t->waits_from = core->now;
    t->query_pause_ns = QUERY_NS;
    t->query_at = sg_time_add(core->now, QUERY_NS);
    t->mark_at = SG_TIME_NEVER;
    core->large.slots[core->large.count++] = t;
    core->large.waiting++;
    *out = t;
    return SG_OK;
}

sg_err sg_transfer_begin(struct sg_core *core, const struct sg_queued *q,
                         const struct sg_held *held)
{
    struct sg_reader r = sg_frame_body(held->gossip);
    struct sg_gossip msg;
    struct sg_transfer *t = NULL;
    SG_TRY(sg_gossip_decode(&r, &msg));
    SG_TRY(transfer_new(core, &q->id, held->gossip, msg.payload, &t));
    t->topic = q->topic;
    t->author = q->author;
    t->last_hop = q->last_hop;
    t->sequence = msg.sequence;
    t->time_ms = msg.time_ms;
    t->hops = (uint8_t)(held->hop - 1);
    core->stats.large_started++;
    sg_trace(&core->config.trace, SG_TRACE_TRANSFER, t->author.b, t->id.b, t->what.count);
    tell_program(core, t, SG_OK);
    sg_large_query(core, t);
    return SG_OK;
}

void sg_large_start(struct sg_core *core, const struct sg_scope *scope,
                    const struct sg_peer_id *from, const struct sg_held *held)
{
    struct sg_reader r = sg_frame_body(held->gossip);
    struct sg_queued q = {.id = held->id, .topic = scope->topic, .last_hop = *from};
    struct sg_announcement what;
    struct sg_gossip msg;
    if (sg_gossip_decode(&r, &msg) != SG_OK || !msg.is_large ||
        sg_announcement_decode(msg.payload, &what) != SG_OK)
        return;
    q.author = msg.author;
    q.size = what.size;
    q.count = what.count;
    bool has_place = core->large.queue.count == 0 && sg_transfers_has_place(core) &&
                     sg_transfers_unfinished(core, &q.author) < SG_TRANSFERS_AUTHOR_MAX;
    if (!has_place || sg_transfer_begin(core, &q, held) != SG_OK)
        sg_queue_put(core, &q);
    sg_large_settle(core);
}

/* ---- own payloads ---- */

static sg_err fill_own(struct sg_core *core, struct sg_transfer *t, struct sg_bytes payload)
{
    for (uint16_t i = 0; i < t->what.count; i++) {
        const struct sg_large_msg msg = {.kind = SG_LARGE_CHUNK,
                                         .id = t->id,
                                         .index = i,
                                         .bytes = sg_large_chunk_of(payload, i)};
        t->chunks[i] = sg_large_chunk_frame(core, &t->topic, &msg);
        if (t->chunks[i] == NULL)
            return SG_ERR_NO_MEMORY;
        sg_chunks_add(&t->have, i);
        t->done++;
    }
    t->state = SG_TRANSFER_COMPLETE;
    return SG_OK;
}

bool sg_large_fits(struct sg_core *core, uint64_t size)
{
    return make_room(core, size, true);
}

sg_err sg_large_own(struct sg_core *core, const struct sg_own *own, struct sg_bytes payload)
{
    struct sg_transfer *t;
    if (!sg_large_fits(core, payload.len))
        return SG_ERR_WOULD_BLOCK;
    SG_TRY(transfer_new(core, &own->id, own->payload, sg_buf_bytes(own->payload), &t));
    t->topic = own->topic;
    t->author = core->config.self;
    sg_err err = begin(core, t) ? SG_OK : SG_ERR_NO_MEMORY;
    if (err == SG_OK)
        err = fill_own(core, t, payload);
    if (err != SG_OK)
        drop(core, t);
    else
        core->stats.large_published++;
    sg_large_settle(core);
    return err;
}

void sg_large_cancel(struct sg_core *core, const struct sg_msg_id *id)
{
    struct sg_transfer *t = sg_transfer_find(core, id);
    if (t != NULL)
        drop(core, t);
    sg_large_settle(core);
}

/* ---- going on ---- */

static void complete(struct sg_core *core, struct sg_transfer *t)
{
    t->state = SG_TRANSFER_COMPLETE;
    core->large.queue.may_start = true;
    core->stats.large_completed++;
    sg_trace(&core->config.trace, SG_TRACE_TRANSFERRED, t->author.b, t->id.b, t->what.count);
    tell_program(core, t, SG_OK);
    sg_large_tell(core, t);
    deliver(core, t);
}

void sg_transfer_add(struct sg_core *core, struct sg_transfer *t, uint16_t index,
                     struct sg_buf *frame)
{
    assert(t->state == SG_TRANSFER_FETCHING && t->chunks[index] == NULL);
    t->chunks[index] = frame;
    sg_chunks_add(&t->have, index);
    t->done++;
    t->untold++;
    core->large.moved_at = t->moved_at = t->used_at = core->now;
    t->query_pause_ns = QUERY_NS;
    t->query_at = sg_time_add(core->now, QUERY_NS);
    if (t->done == t->what.count) {
        complete(core, t);
        return;
    }
    if (core->now >= sg_time_add(t->told_at, TELL_NS))
        tell_program(core, t, SG_OK);
    if (t->untold >= UNTOLD_MAX)
        sg_large_tell(core, t);
    else if (t->have_at == SG_TIME_NEVER)
        t->have_at = sg_time_add(core->now, core->config.large_have_ns);
}

/* When a complete payload goes by itself; it may be looked at too early, not too late. */
static sg_time_ns goes_at(const struct sg_transfer *t)
{
    sg_time_ns last = t->used_at > t->wanted_at ? t->used_at : t->wanted_at;
    return t->is_forgotten ? sg_time_add(last, SG_LARGE_IDLE_NS) : SG_TIME_NEVER;
}

static sg_time_ns due_of(const struct sg_core *core, const struct sg_transfer *t)
{
    if (t->state == SG_TRANSFER_COMPLETE) {
        sg_time_ns free_at = sg_time_add(t->used_at, sg_room_keep_ns(core, t));
        /* what should have gone and has not: memory is short, so a while later */
        free_at = free_at > core->now ? free_at : sg_time_add(core->now, AGAIN_NS);
        bool is_wanted = core->large.waiting > 0 || core->large.queue.count > 0;
        return sg_time_min(is_wanted ? free_at : SG_TIME_NEVER, goes_at(t));
    }
    sg_time_ns at = sg_time_min(t->query_at, ends_at(core, t));
    if (t->state == SG_TRANSFER_WAITING)
        return at;
    at = sg_time_min(at, sg_time_min(t->have_at, sg_fetch_due(t)));
    return sg_time_min(at, t->mark_at);
}

void sg_large_settle(struct sg_core *core)
{
    struct sg_larges *larges = &core->large;
    sg_queue_start(core);
    if (larges->waiting > 0)
        begin_waiting(core);
    /* links are shared: what one transfer leaves of a window is another's */
    for (uint32_t i = 0; i < larges->count; i++)
        sg_fetch_ask(core, larges->slots[i]);
    larges->due = sg_queue_due(core);
    for (uint32_t i = 0; i < larges->count; i++)
        larges->due = sg_time_min(larges->due, due_of(core, larges->slots[i]));
}

static void give_up(struct sg_core *core, struct sg_transfer *t)
{
    core->stats.large_given_up++;
    sg_trace(&core->config.trace, SG_TRACE_TRANSFERRED, t->author.b, t->id.b, 0);
    tell_program(core, t, SG_ERR_TIMEOUT);
    drop(core, t);
}

static void query_again(struct sg_core *core, struct sg_transfer *t)
{
    t->query_pause_ns = t->query_pause_ns < 8 * QUERY_NS ? 2 * t->query_pause_ns : 8 * QUERY_NS;
    t->query_at = sg_time_add(core->now, t->query_pause_ns);
    sg_large_query(core, t);
}

/* Whether the transfer is still where it was. */
static bool look_for_stall(struct sg_core *core, struct sg_transfer *t)
{
    bool moves = t->done >= t->mark + MARK_CHUNKS;
    t->mark = t->done;
    t->mark_at = sg_time_add(core->now, MARK_NS);
    if (moves || core->large.waiting == 0)
        return true;
    demote(core, t);
    return false;
}

/* Whether the transfer is still where it was. */
static bool timeout_of(struct sg_core *core, struct sg_transfer *t)
{
    if (t->state == SG_TRANSFER_COMPLETE) {
        if (core->now < goes_at(t))
            return true;
        drop(core, t);
        return false;
    }
    if (core->now >= ends_at(core, t)) {
        give_up(core, t);
        return false;
    }
    if (core->now >= t->query_at)
        query_again(core, t);
    if (t->state == SG_TRANSFER_WAITING)
        return true;
    if (core->now >= t->have_at)
        sg_large_tell(core, t);
    sg_fetch_timeout(core, t);
    return core->now < t->mark_at || look_for_stall(core, t);
}

void sg_large_timeout(struct sg_core *core)
{
    struct sg_larges *larges = &core->large;
    if (core->now < larges->due)
        return;
    uint32_t left = larges->count;
    for (uint32_t i = 0; left > 0; left--)
        i += timeout_of(core, larges->slots[i]) ? 1 : 0;
    sg_queue_timeout(core);
    larges->queue.may_start = true; /* time alone lets complete ones give way */
    sg_large_settle(core);
}

/* ---- ending ---- */

void sg_large_forget(struct sg_core *core, const struct sg_msg_id *id)
{
    struct sg_transfer *t = core->large.count == 0 ? NULL : sg_transfer_find(core, id);
    if (t == NULL)
        return;
    t->is_forgotten = true;
    sg_large_settle(core);
}

void sg_large_scope_closed(struct sg_core *core, const struct sg_scope *scope)
{
    sg_queue_scope_closed(core, scope);
    if (core->large.count == 0)
        return;
    for (uint32_t i = core->large.count; i-- > 0;) {
        if (sg_topic_id_equal(&core->large.slots[i]->topic, &scope->topic))
            drop(core, core->large.slots[i]);
    }
    sg_large_settle(core);
}
