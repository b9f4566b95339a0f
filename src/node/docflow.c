/* Sessions of documents that are bound to topics: how what they say gets to the other side. When
 * and with whom they are is docturn.c.
 *
 * A session is two rows of messages, one each way. Messages may be a batch of 1 MiB or a part of a
 * state, so they are cut into parts, each a bulk stream of its own, which nothing else waits for.
 * Streams overtake each other and are dropped when the lane is full: parts are numbered, two may
 * be under way, and what is not taken in time is sent again. The last part of a message counts as
 * taken only when the program has worked it off, so a slow disk slows its peer and no queue grows.
 *
 * Bounded: sessions per topic (docturn.c), bytes of a message, bytes of all that is gathered, parts
 * out of order, and the time in which nothing moves and which all takes. A session that ends early
 * costs nothing: the next one goes on. */
#include <assert.h>

#include "node/docflow_impl.h"

#define RETRIES 5
/* Nothing moves for so long: the program may have a large state to take in. */
#define PATIENCE_NS (60 * SG_NS_PER_S)
/* A session, however it goes on: who sends a byte a minute does not hold its place for ever. */
#define SESSION_NS (600 * SG_NS_PER_S)
#define RESEND_NS (2 * SG_NS_PER_S)
#define RESEND_MAX_NS (30 * SG_NS_PER_S)
/* The lane was full. */
#define DROPPED_NS (100 * SG_NS_PER_MS)

/* ---- life ------------------------------------------------------------------------------------ */

void sg_docflow_emit(struct sg_core *core, const struct sg_scope *scope,
                     const struct sg_doc_flow *f, struct sg_core_out *out)
{
    out->kind = SG_CORE_OUT_DOC;
    out->topic = scope->topic;
    out->peer = f->peer;
    out->job = f->handle;
    sg_emit(core, out);
}

static void flow_free(struct sg_core *core, struct sg_doc_flow *f)
{
    if (f->gathered != NULL)
        core->docs_bytes -= f->gathered->cap;
    sg_buf_unref(f->message);
    sg_buf_unref(f->gathered);
    sg_buf_unref(f->early);
    *f = (struct sg_doc_flow){0};
}

void sg_docflow_free(struct sg_core *core, struct sg_scope *scope)
{
    for (size_t i = 0; scope->docs != NULL && i < SG_DOC_FLOWS; i++)
        flow_free(core, sg_docflow_at(scope->docs, i));
    sg_mem_free(core->config.mem, scope->docs);
    scope->docs = NULL;
}

void sg_docflow_end(struct sg_core *core, struct sg_scope *scope, struct sg_doc_flow *f, sg_err err)
{
    struct sg_core_out out = {.doc = SG_CORE_DOC_CLOSED, .err = err};
    struct sg_docflow_state *docs = scope->docs;
    if (f->is_mine && err != SG_OK && docs->failures < RETRIES)
        sg_docturn_soon(core, docs, SG_DOC_SOON_NS << ++docs->failures);
    sg_docflow_emit(core, scope, f, &out);
    sg_docturn_left(core, docs, f);
    flow_free(core, f);
}

static void send_small(struct sg_core *core, const struct sg_scope *scope,
                       const struct sg_peer_id *peer, const struct sg_doc_msg *msg)
{
    struct sg_frame_head head = {.family = SG_FAMILY_DOC, .scope = scope->topic};
    struct sg_writer w;
    struct sg_buf *frame = sg_frame_begin(core, &head, 16, &w);
    if (frame == NULL)
        return;
    sg_doc_msg_encode(&w, msg);
    sg_frame_send(core, peer, SG_LANE_PUBSUB, &scope->topic, sg_frame_end(frame, &w));
}

void sg_docflow_send_close(struct sg_core *core, const struct sg_scope *scope,
                           const struct sg_doc_flow *f, enum sg_doc_close reason)
{
    const struct sg_doc_msg msg = {
        .kind = SG_DOC_CLOSE, .session = f->number, .by_opener = f->is_mine, .reason = reason};
    send_small(core, scope, &f->peer, &msg);
}

/* ---- sending --------------------------------------------------------------------------------- */

static void send_part(struct sg_core *core, const struct sg_scope *scope,
                      const struct sg_doc_flow *f, uint32_t number)
{
    size_t at = (size_t)(number - f->first) * SG_DOC_PART_MAX;
    size_t left = f->message->len - at;
    struct sg_frame_head head = {.family = SG_FAMILY_DOC, .scope = scope->topic};
    struct sg_doc_msg msg = {.kind = SG_DOC_PART,
                             .session = f->number,
                             .by_opener = f->is_mine,
                             .number = number,
                             .is_last = number + 1 == f->end};
    struct sg_writer w;
    msg.bytes = sg_bytes(f->message->data + at, left < SG_DOC_PART_MAX ? left : SG_DOC_PART_MAX);
    struct sg_buf *frame = sg_frame_begin(core, &head, 16 + msg.bytes.len, &w);
    if (frame == NULL)
        return; /* sent again later */
    sg_doc_msg_encode(&w, &msg);
    frame = sg_frame_end(frame, &w);
    const struct sg_frame_wait wait = {
        .buf = frame, .topic = scope->topic, .lane = SG_LANE_BULK, .droppable = true};
    sg_link_send(core, &f->peer, &wait);
}

/* As many parts as may be under way. */
static void push(struct sg_core *core, const struct sg_scope *scope, struct sg_doc_flow *f)
{
    for (; f->message != NULL && f->sent < f->end && f->sent - f->taken < SG_DOC_WINDOW; f->sent++)
        send_part(core, scope, f, f->sent);
    f->resend_at = f->message == NULL ? SG_TIME_NEVER : sg_time_add(core->now, f->resend_pause_ns);
}

static void resend(struct sg_core *core, const struct sg_scope *scope, struct sg_doc_flow *f)
{
    f->resend_pause_ns = sg_time_min(2 * f->resend_pause_ns, RESEND_MAX_NS);
    f->sent = f->taken;
    push(core, scope, f);
}

static struct sg_doc_flow *by_handle(const struct sg_core *core, const struct sg_core_in *in,
                                     struct sg_scope **scope)
{
    *scope = sg_scope_find(core, &in->topic);
    struct sg_docflow_state *docs = *scope == NULL ? NULL : (*scope)->docs;
    for (size_t i = 0; docs != NULL && in->job != 0 && i < SG_DOC_FLOWS; i++) {
        if (sg_docflow_at(docs, i)->handle == in->job)
            return sg_docflow_at(docs, i);
    }
    return NULL;
}

sg_err sg_docflow_send(struct sg_core *core, const struct sg_core_in *in)
{
    struct sg_scope *scope;
    struct sg_doc_flow *f = by_handle(core, in, &scope);
    if (f == NULL)
        return SG_ERR_NOT_FOUND;
    if (f->message != NULL)
        return SG_ERR_INVALID_STATE;
    if (in->bytes.len == 0 || in->bytes.len > SG_DOC_MESSAGE_MAX)
        return SG_ERR_TOO_LARGE;
    f->message = sg_buf_copy(core->config.mem, in->bytes);
    if (f->message == NULL)
        return SG_ERR_NO_MEMORY;
    f->first = f->end;
    f->end += (uint32_t)((in->bytes.len + SG_DOC_PART_MAX - 1) / SG_DOC_PART_MAX);
    f->resend_pause_ns = RESEND_NS;
    f->heard_at = core->now;
    push(core, scope, f);
    return SG_OK;
}

static void send_taken(struct sg_core *core, const struct sg_scope *scope,
                       const struct sg_doc_flow *f)
{
    const struct sg_doc_msg msg = {.kind = SG_DOC_TAKEN,
                                   .session = f->number,
                                   .by_opener = f->is_mine,
                                   .number = f->is_full ? f->next - 1 : f->next};
    send_small(core, scope, &f->peer, &msg);
}

/* The program has worked off what was given out. */
sg_err sg_docflow_taken(struct sg_core *core, const struct sg_core_in *in)
{
    struct sg_scope *scope;
    struct sg_doc_flow *f = by_handle(core, in, &scope);
    if (f == NULL || !f->is_full)
        return SG_ERR_NOT_FOUND;
    f->is_full = false;
    f->heard_at = core->now;
    send_taken(core, scope, f);
    return SG_OK;
}

/* The program ends a session: well, and the peer knows, or not. */
sg_err sg_docflow_close(struct sg_core *core, const struct sg_core_in *in)
{
    struct sg_scope *scope;
    struct sg_doc_flow *f = by_handle(core, in, &scope);
    if (f == NULL)
        return SG_ERR_NOT_FOUND;
    struct sg_docflow_state *docs = scope->docs;
    if (in->err != SG_OK)
        sg_docflow_send_close(core, scope, f, SG_DOC_GAVE_UP);
    if (f->is_mine && in->err == SG_OK)
        docs->failures = 0;
    sg_docturn_left(core, docs, f);
    flow_free(core, f);
    return SG_OK;
}

/* ---- receiving ------------------------------------------------------------------------------- */

static struct sg_doc_flow *find(struct sg_docflow_state *docs, const struct sg_peer_id *peer,
                                const struct sg_doc_msg *msg)
{
    for (size_t i = 0; i < SG_DOC_FLOWS; i++) {
        struct sg_doc_flow *f = sg_docflow_at(docs, i);
        if (f->handle != 0 && f->is_mine != msg->by_opener && f->number == msg->session &&
            sg_peer_id_equal(&f->peer, peer))
            return f;
    }
    return NULL;
}

/* Makes room for more of a message. */
static sg_err reserve(struct sg_core *core, struct sg_doc_flow *f, size_t more)
{
    size_t have = f->gathered == NULL ? 0 : f->gathered->len;
    size_t cap = f->gathered == NULL ? 0 : f->gathered->cap;
    if (have + more > SG_DOC_MESSAGE_MAX)
        return SG_ERR_OVERSIZED;
    if (have + more <= cap)
        return SG_OK;
    size_t want = have + more > 2 * cap ? have + more : 2 * cap;
    if (want > SG_DOC_MESSAGE_MAX)
        want = SG_DOC_MESSAGE_MAX;
    if (core->docs_bytes - cap + want > SG_DOC_GATHERED_MAX)
        return SG_ERR_LIMIT;
    struct sg_buf *grown = sg_buf_new(core->config.mem, want);
    if (grown == NULL)
        return SG_ERR_NO_MEMORY;
    if (f->gathered != NULL)
        memcpy(grown->data, f->gathered->data, have);
    grown->len = (uint32_t)have;
    core->docs_bytes += grown->cap - cap;
    sg_buf_unref(f->gathered);
    f->gathered = grown;
    return SG_OK;
}

static sg_err take_part(struct sg_core *core, const struct sg_scope *scope, struct sg_doc_flow *f,
                        const struct sg_doc_msg *msg)
{
    SG_TRY(reserve(core, f, msg->bytes.len));
    memcpy(f->gathered->data + f->gathered->len, msg->bytes.data, msg->bytes.len);
    f->gathered->len += (uint32_t)msg->bytes.len;
    f->next++;
    f->heard_at = core->now;
    if (!msg->is_last) {
        send_taken(core, scope, f);
        return SG_OK;
    }
    struct sg_core_out out = {.doc = SG_CORE_DOC_MESSAGE, .buf = f->gathered};
    core->docs_bytes -= f->gathered->cap;
    f->gathered = NULL;
    f->is_full = true;
    sg_docflow_emit(core, scope, f, &out);
    return SG_OK;
}

static sg_err take_early(struct sg_core *core, const struct sg_scope *scope, struct sg_doc_flow *f)
{
    struct sg_buf *frame = f->early;
    struct sg_frame_head head;
    struct sg_doc_msg msg;
    if (frame == NULL)
        return SG_OK;
    f->early = NULL;
    struct sg_reader r = sg_reader(sg_buf_bytes(frame));
    sg_err err = sg_frame_head_decode(&r, &head);
    if (err == SG_OK)
        err = sg_doc_msg_decode(&r, &msg);
    if (err == SG_OK && f->is_full) /* a message of its own begins before the last one is taken */
        err = SG_ERR_PROTOCOL;
    if (err == SG_OK)
        err = take_part(core, scope, f, &msg);
    sg_buf_unref(frame);
    return err;
}

static sg_err receive_part(struct sg_core *core, struct sg_scope *scope, struct sg_doc_flow *f,
                           const struct sg_doc_msg *msg, const struct sg_core_in *in)
{
    if (msg->number < f->next) { /* it came twice, so TAKEN was late */
        send_taken(core, scope, f);
        return SG_OK;
    }
    if (f->is_full || msg->number - f->next >= SG_DOC_WINDOW)
        return SG_ERR_PROTOCOL;
    if (msg->number > f->next) {
        if (f->early == NULL)
            f->early =
                in->buf != NULL ? sg_buf_ref(in->buf) : sg_buf_copy(core->config.mem, in->bytes);
        return SG_OK;
    }
    SG_TRY(take_part(core, scope, f, msg));
    return take_early(core, scope, f);
}

static sg_err receive_taken(struct sg_core *core, const struct sg_scope *scope,
                            struct sg_doc_flow *f, const struct sg_doc_msg *msg)
{
    struct sg_core_out out = {.doc = SG_CORE_DOC_READY};
    if (msg->number > f->end || (f->message == NULL && msg->number != f->taken))
        return SG_ERR_PROTOCOL;
    if (msg->number <= f->taken)
        return SG_OK;
    f->taken = msg->number;
    f->sent = f->sent < f->taken ? f->taken : f->sent;
    f->heard_at = core->now;
    f->resend_pause_ns = RESEND_NS;
    if (f->taken < f->end) {
        push(core, scope, f);
        return SG_OK;
    }
    sg_buf_unref(f->message);
    f->message = NULL;
    f->resend_at = SG_TIME_NEVER;
    sg_docflow_emit(core, scope, f, &out);
    return SG_OK;
}

/* Nobody waits for this any more, or not yet. */
static void refuse_session(struct sg_core *core, const struct sg_scope *scope,
                           const struct sg_peer_id *peer, const struct sg_doc_msg *msg)
{
    const struct sg_doc_msg close = {.kind = SG_DOC_CLOSE,
                                     .session = msg->session,
                                     .by_opener = !msg->by_opener,
                                     .reason = scope->docs == NULL ? SG_DOC_UNBOUND : SG_DOC_BUSY};
    if (msg->kind == SG_DOC_PART)
        send_small(core, scope, peer, &close);
}

static sg_err receive(struct sg_core *core, struct sg_scope *scope, const struct sg_link *link,
                      const struct sg_doc_msg *msg, const struct sg_core_in *in)
{
    struct sg_doc_flow *f = scope->docs == NULL ? NULL : find(scope->docs, &link->peer, msg);
    bool is_first = msg->kind == SG_DOC_PART && msg->by_opener && msg->number == 0;
    if (f == NULL && scope->docs != NULL && is_first)
        f = sg_docturn_accept(core, scope, &link->peer, msg);
    if (f == NULL) {
        refuse_session(core, scope, &link->peer, msg);
        return SG_OK;
    }
    sg_err err = SG_OK;
    switch (msg->kind) {
    case SG_DOC_PART:
        err = receive_part(core, scope, f, msg, in);
        break;
    case SG_DOC_TAKEN:
        err = receive_taken(core, scope, f, msg);
        break;
    case SG_DOC_CLOSE:
        sg_docflow_end(core, scope, f, SG_ERR_CLOSED);
        return SG_OK;
    }
    if (err != SG_OK) {
        sg_docflow_send_close(core, scope, f, SG_DOC_GAVE_UP);
        sg_docflow_end(core, scope, f, err);
    }
    return err;
}

void sg_docflow_receive(struct sg_core *core, struct sg_link *link, struct sg_scope *scope,
                        struct sg_reader *r, const struct sg_core_in *in)
{
    struct sg_doc_msg msg;
    sg_err err = sg_doc_msg_decode(r, &msg);
    if (err == SG_OK && (msg.kind == SG_DOC_PART) != (in->lane == SG_LANE_BULK))
        err = SG_ERR_PROTOCOL;
    /* what crossed with a DISCONNECT means nothing any more */
    if (err == SG_OK && !sg_hpv_is_active(&scope->hpv, &link->peer))
        return;
    if (err == SG_OK)
        err = receive(core, scope, link, &msg, in);
    if (err == SG_ERR_NO_MEMORY || err == SG_ERR_LIMIT)
        return; /* not the peer's fault */
    if (err != SG_OK)
        sg_refuse(core, link, NULL, err);
}

/* ---- time ------------------------------------------------------------------------------------ */

/* A part found no room in the link. */
void sg_docflow_dropped(struct sg_core *core, const struct sg_core_in *in)
{
    struct sg_scope *scope = sg_scope_find(core, &in->topic);
    for (size_t i = 0; scope != NULL && scope->docs != NULL && i < SG_DOC_FLOWS; i++) {
        struct sg_doc_flow *f = sg_docflow_at(scope->docs, i);
        if (f->handle != 0 && f->message != NULL && sg_peer_id_equal(&f->peer, &in->peer))
            f->resend_at = sg_time_min(f->resend_at, sg_time_add(core->now, DROPPED_NS));
    }
}

static sg_time_ns ends_at(const struct sg_doc_flow *f)
{
    return sg_time_min(sg_time_add(f->heard_at, PATIENCE_NS), sg_time_add(f->begun_at, SESSION_NS));
}

void sg_docflow_timeout(struct sg_core *core, struct sg_scope *scope)
{
    struct sg_docflow_state *docs = scope->docs;
    for (size_t i = 0; docs != NULL && i < SG_DOC_FLOWS; i++) {
        struct sg_doc_flow *f = sg_docflow_at(docs, i);
        if (f->handle == 0)
            continue;
        if (ends_at(f) <= core->now) {
            sg_docflow_send_close(core, scope, f, SG_DOC_GAVE_UP);
            sg_docflow_end(core, scope, f, SG_ERR_TIMEOUT);
        } else if (f->resend_at <= core->now) {
            resend(core, scope, f);
        }
    }
    if (docs != NULL)
        sg_docturn_timeout(core, scope);
}

sg_time_ns sg_docflow_deadline(const struct sg_scope *scope)
{
    struct sg_docflow_state *docs = scope->docs;
    if (docs == NULL)
        return SG_TIME_NEVER;
    sg_time_ns at = sg_docturn_deadline(scope);
    for (size_t i = 0; i < SG_DOC_FLOWS; i++) {
        const struct sg_doc_flow *f = sg_docflow_at(docs, i);
        if (f->handle == 0)
            continue;
        at = sg_time_min(at, ends_at(f));
        at = sg_time_min(at, f->resend_at);
    }
    return at;
}

void sg_docflow_check(const struct sg_core *core)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < core->scope_count; i++) {
        struct sg_docflow_state *docs = core->scopes[i]->docs;
        for (size_t k = 0; docs != NULL && k < SG_DOC_FLOWS; k++) {
            const struct sg_doc_flow *f = sg_docflow_at(docs, k);
            bytes += f->gathered == NULL ? 0 : f->gathered->cap;
            assert(f->handle != 0 || (f->message == NULL && f->gathered == NULL));
            assert(f->taken <= f->sent && f->sent <= f->end && f->first <= f->end);
            assert((f->message != NULL) == (f->taken < f->end));
            assert(f->message == NULL || f->sent - f->taken <= SG_DOC_WINDOW);
            assert(!f->is_full || f->gathered == NULL);
        }
    }
    assert(bytes == core->docs_bytes && bytes <= SG_DOC_GATHERED_MAX);
}
