/* Large payloads: what neighbours say to each other.
 *
 * HAVE is told to neighbours that lack chunks, after 1 MiB and otherwise large_have_ns after a
 * chunk came, and to all when the last one is here: they need not keep theirs for this node. It
 * asks for an answer when a transfer begins, when a neighbour is new, and when nothing moves; so
 * whoever joins late, or missed something, learns what others have. NONE says that nothing of this
 * payload will come: the sender does not hold it, or has no room in its link just now. */
#include "node/internal.h"

/* A neighbour may fetch the whole twice, and some: what it asks for above that is dropped. */
#define SERVED_SLACK 16

void sg_large_chunk_hash(const struct sg_core *core, uint16_t index, struct sg_bytes bytes,
                         uint8_t hash[SG_ID_LEN])
{
    const uint8_t number[2] = {(uint8_t)(index >> 8), (uint8_t)index};
    const struct sg_bytes parts[] = {SG_BYTES_LIT("saorsa chunk v1"), sg_bytes(number, 2), bytes};
    core->config.suite->hash(parts, 3, hash);
}

/* ---- sending ---- */

static struct sg_buf *frame_of(const struct sg_core *core, const struct sg_topic_id *topic,
                               const struct sg_large_msg *msg)
{
    struct sg_frame_head head = {.family = SG_FAMILY_LARGE, .scope = *topic};
    struct sg_writer w;
    struct sg_buf *frame = sg_frame_begin(core, &head, 80 + msg->bytes.len, &w);
    if (frame != NULL)
        sg_large_msg_encode(&w, msg);
    return sg_frame_end(frame, &w);
}

struct sg_buf *sg_large_chunk_frame(const struct sg_core *core, const struct sg_topic_id *topic,
                                    const struct sg_large_msg *msg)
{
    return frame_of(core, topic, msg);
}

void sg_large_send(struct sg_core *core, const struct sg_peer_id *peer,
                   const struct sg_topic_id *topic, const struct sg_large_msg *msg)
{
    sg_frame_send(core, peer, SG_LANE_PUBSUB, topic, frame_of(core, topic, msg));
}

static void send_have(struct sg_core *core, const struct sg_transfer *t,
                      const struct sg_peer_id *peer, bool wants_reply)
{
    const struct sg_large_msg msg = {.kind = SG_LARGE_HAVE,
                                     .id = t->id,
                                     .wants_reply = wants_reply,
                                     .len = (uint8_t)((t->what.count + 7) / 8),
                                     .chunks = t->have};
    sg_large_send(core, peer, &t->topic, &msg);
}

static void send_none(struct sg_core *core, const struct sg_topic_id *topic,
                      const struct sg_peer_id *peer, const struct sg_msg_id *id)
{
    const struct sg_large_msg msg = {.kind = SG_LARGE_NONE, .id = *id};
    sg_large_send(core, peer, topic, &msg);
}

void sg_large_tell(struct sg_core *core, struct sg_transfer *t)
{
    t->have_at = SG_TIME_NEVER;
    t->untold = 0;
    for (uint8_t i = 0; i < t->source_count; i++) {
        if (!t->sources[i].is_complete || t->state == SG_TRANSFER_COMPLETE)
            send_have(core, t, &t->sources[i].peer, false);
    }
}

void sg_large_query(struct sg_core *core, struct sg_transfer *t)
{
    const struct sg_scope *scope = sg_scope_find(core, &t->topic);
    for (uint16_t i = 0; scope != NULL && i < scope->hpv.active_count; i++)
        send_have(core, t, &scope->hpv.active[i].id, true);
}

void sg_large_want(struct sg_core *core, const struct sg_queued *q)
{
    const struct sg_scope *scope = sg_scope_find(core, &q->topic);
    const struct sg_large_msg msg = {
        .kind = SG_LARGE_HAVE, .id = q->id, .len = (uint8_t)((q->count + 7) / 8)};
    for (uint16_t i = 0; scope != NULL && i < scope->hpv.active_count; i++)
        sg_large_send(core, &scope->hpv.active[i].id, &q->topic, &msg);
}

/* ---- own payloads ---- */

struct sg_bytes sg_large_chunk_of(struct sg_bytes payload, uint16_t index)
{
    size_t at = (size_t)index * SG_CHUNK_LEN;
    size_t left = payload.len - at;
    return sg_bytes(payload.data + at, left < SG_CHUNK_LEN ? left : SG_CHUNK_LEN);
}

struct sg_buf *sg_large_announce(const struct sg_core *core, struct sg_bytes payload)
{
    uint8_t hashes[SG_CHUNKS_MAX * SG_ID_LEN];
    struct sg_announcement what = {.size = payload.len, .hashes = hashes};
    struct sg_buf *buf = sg_buf_new(core->config.mem, SG_ANNOUNCEMENT_MAX);
    if (buf == NULL)
        return NULL;
    what.count = (uint16_t)((payload.len + SG_CHUNK_LEN - 1) / SG_CHUNK_LEN);
    for (uint16_t i = 0; i < what.count; i++)
        sg_large_chunk_hash(core, i, sg_large_chunk_of(payload, i), hashes + (size_t)i * SG_ID_LEN);
    struct sg_writer w = sg_writer(buf->data, buf->cap);
    sg_announcement_encode(&w, &what);
    buf->len = (uint32_t)w.len;
    return buf;
}

/* ---- neighbours ---- */

static bool is_of(const struct sg_transfer *t, const struct sg_scope *scope)
{
    return sg_topic_id_equal(&t->topic, &scope->topic);
}

void sg_large_neighbor_up(struct sg_core *core, const struct sg_scope *scope,
                          const struct sg_peer_id *peer)
{
    for (uint32_t i = 0; i < core->large.count; i++) {
        struct sg_transfer *t = core->large.slots[i];
        if (t->state != SG_TRANSFER_COMPLETE && is_of(t, scope))
            send_have(core, t, peer, true);
    }
}

void sg_large_neighbor_down(struct sg_core *core, const struct sg_scope *scope,
                            const struct sg_peer_id *peer)
{
    bool any = false;
    for (uint32_t i = 0; i < core->large.count; i++) {
        struct sg_transfer *t = core->large.slots[i];
        struct sg_source *source = is_of(t, scope) ? sg_source_find(t, peer) : NULL;
        any = any || source != NULL;
        if (source != NULL)
            sg_source_remove(core, t, source);
    }
    if (any)
        sg_large_settle(core);
}

/* ---- receiving ---- */

/* Whether the set fits the payload: as long as it must be, no bit behind the last chunk. */
static bool is_fitting(const struct sg_transfer *t, const struct sg_large_msg *msg)
{
    unsigned last = t->what.count % 8u;
    if (msg->len != (t->what.count + 7) / 8)
        return false;
    return last == 0 || msg->chunks.b[msg->len - 1] >> last == 0;
}

static sg_err receive_have(struct sg_core *core, const struct sg_link *link, struct sg_transfer *t,
                           const struct sg_large_msg *msg)
{
    if (!is_fitting(t, msg))
        return SG_ERR_MALFORMED;
    struct sg_source *source = sg_source_get(t, &link->peer);
    if (source != NULL)
        sg_source_has(t, source, &msg->chunks);
    if (source != NULL && !source->is_complete)
        t->wanted_at = core->now;
    if (msg->wants_reply)
        send_have(core, t, &link->peer, false);
    sg_large_settle(core);
    return SG_OK;
}

static void serve(struct sg_core *core, const struct sg_link *link, struct sg_transfer *t,
                  uint16_t index)
{
    struct sg_frame_wait wait = {
        .topic = t->topic, .id = t->id, .lane = SG_LANE_BULK, .droppable = true};
    wait.buf = sg_buf_ref(t->chunks[index]);
    core->stats.chunks_out++;
    core->stats.chunk_bytes_out += wait.buf->len;
    t->used_at = core->now;
    sg_link_send(core, &link->peer, &wait);
}

static sg_err receive_ask(struct sg_core *core, const struct sg_link *link, struct sg_transfer *t,
                          const struct sg_large_msg *msg)
{
    uint32_t served_max = 2u * t->what.count + SERVED_SLACK;
    bool has_all = true;
    if (!is_fitting(t, msg))
        return SG_ERR_MALFORMED;
    struct sg_source *source = sg_source_get(t, &link->peer);
    for (uint16_t i = 0; source != NULL && i < t->what.count; i++) {
        if (!sg_chunks_has(&msg->chunks, i))
            continue;
        bool is_here = sg_chunks_has(&t->have, i);
        has_all = has_all && is_here;
        if (!is_here)
            continue;
        if (source->served == served_max)
            return SG_ERR_LIMIT;
        source->served++;
        serve(core, link, t, i);
    }
    if (!has_all || source == NULL) /* demoted since it told so: it asks others */
        send_none(core, &t->topic, &link->peer, &t->id);
    return SG_OK;
}

/* Keeps the frame, by reference where the caller allows it. */
static struct sg_buf *keep(const struct sg_core *core, const struct sg_core_in *in)
{
    return in->buf != NULL ? sg_buf_ref(in->buf) : sg_buf_copy(core->config.mem, in->bytes);
}

static sg_err check_chunk(const struct sg_core *core, const struct sg_transfer *t,
                          const struct sg_large_msg *msg)
{
    uint8_t hash[SG_ID_LEN];
    if (msg->index >= t->what.count || msg->bytes.len != sg_chunk_len(&t->what, msg->index))
        return SG_ERR_BAD_PROOF;
    sg_large_chunk_hash(core, msg->index, msg->bytes, hash);
    bool is_good = memcmp(hash, t->what.hashes + (size_t)msg->index * SG_ID_LEN, SG_ID_LEN) == 0;
    return is_good ? SG_OK : SG_ERR_BAD_PROOF;
}

/* A chunk that nobody asked this peer for costs it a point, good or not; a wrong one that was asked
 * for proves that the peer lies, because nobody serves what it has not checked. */
static sg_err receive_chunk(struct sg_core *core, const struct sg_link *link, struct sg_transfer *t,
                            const struct sg_large_msg *msg, const struct sg_core_in *in)
{
    struct sg_source *source = sg_source_find(t, &link->peer);
    core->stats.chunks_in++;
    core->stats.chunk_bytes_in += in->bytes.len;
    if (source == NULL || !sg_fetch_came(core, t, source, msg->index)) {
        core->stats.chunks_unasked++;
        return SG_ERR_LIMIT;
    }
    bool is_missing = t->state == SG_TRANSFER_FETCHING && msg->index < t->what.count &&
                      !sg_chunks_has(&t->have, msg->index);
    sg_err err = SG_OK;
    if (is_missing)
        err = check_chunk(core, t, msg);
    else
        core->stats.chunks_twice++;
    if (err == SG_OK && is_missing) {
        struct sg_buf *frame = keep(core, in);
        sg_fetch_got(core, t, msg->index);
        if (frame != NULL)
            sg_transfer_add(core, t, msg->index, frame);
    }
    core->stats.chunks_wrong += err == SG_OK ? 0 : 1;
    sg_large_settle(core);
    return err;
}

static void receive_none(struct sg_core *core, const struct sg_link *link, struct sg_transfer *t)
{
    static const struct sg_chunks none = {{0}};
    struct sg_source *source = sg_source_find(t, &link->peer);
    if (source == NULL)
        return;
    sg_fetch_drop(core, t, source);
    sg_source_has(t, source, &none);
    sg_large_settle(core);
}

/* Of a payload that is not known here, or not any more. */
static sg_err receive_unknown(struct sg_core *core, const struct sg_link *link,
                              const struct sg_scope *scope, const struct sg_large_msg *msg)
{
    switch (msg->kind) {
    case SG_LARGE_HAVE:
        if (msg->wants_reply)
            send_none(core, &scope->topic, &link->peer, &msg->id);
        return SG_OK;
    case SG_LARGE_ASK:
        send_none(core, &scope->topic, &link->peer, &msg->id);
        return SG_OK;
    case SG_LARGE_CHUNK:
        core->stats.chunks_unasked++;
        return SG_ERR_LIMIT;
    case SG_LARGE_NONE:
        return SG_OK;
    }
    return SG_OK;
}

static sg_err receive(struct sg_core *core, struct sg_link *link, struct sg_transfer *t,
                      const struct sg_large_msg *msg, const struct sg_core_in *in)
{
    switch (msg->kind) {
    case SG_LARGE_HAVE:
        return receive_have(core, link, t, msg);
    case SG_LARGE_ASK:
        return receive_ask(core, link, t, msg);
    case SG_LARGE_CHUNK:
        return receive_chunk(core, link, t, msg, in);
    case SG_LARGE_NONE:
        receive_none(core, link, t);
        return SG_OK;
    }
    return SG_OK;
}

void sg_large_receive(struct sg_core *core, struct sg_link *link, struct sg_scope *scope,
                      struct sg_reader *r, const struct sg_core_in *in)
{
    struct sg_large_msg msg;
    sg_err err = sg_large_msg_decode(r, &msg);
    if (err == SG_OK && (msg.kind == SG_LARGE_CHUNK) != (in->lane == SG_LANE_BULK))
        err = SG_ERR_PROTOCOL;
    /* what crossed with a DISCONNECT means nothing any more */
    if (err == SG_OK && !sg_hpv_is_active(&scope->hpv, &link->peer))
        return;
    struct sg_transfer *t = err == SG_OK ? sg_transfer_find(core, &msg.id) : NULL;
    if (t != NULL && is_of(t, scope))
        err = receive(core, link, t, &msg, in);
    else if (err == SG_OK)
        err = receive_unknown(core, link, scope, &msg);
    if (err != SG_OK)
        sg_refuse(core, link, &msg.id, err);
}

void sg_large_push_dropped(struct sg_core *core, const struct sg_core_in *in)
{
    struct sg_link *link = sg_link_find(core, &in->peer);
    core->stats.push_dropped++;
    sg_trace(&core->config.trace, SG_TRACE_PUSH_DROPPED, in->peer.b, in->id.b, 0);
    if (link != NULL && link->state == SG_LINK_UP)
        send_none(core, &in->topic, &in->peer, &in->id);
}
