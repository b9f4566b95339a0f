/* Two replicas of a document tell each other what they lack.
 *
 *   1 .. 5    who lacks what: node/doc_compare.c
 *   DATA      6, a bundle: batches that the other one lacks, in pieces
 *   DONE      7
 *   STATE     8, a piece of a state, for those behind the floor: doc_state.c
 *
 * Both sides do the same, and whoever has said a word too early has only decided who decodes. Equal
 * replicas part after their first messages. */
#include "runtime/doc_impl.h"

#include "crypto/random.h"
#include "os/clock.h"

enum { DATA = 6, DONE = 7, STATE = 8 };

/* A piece is full when it has so many bytes. */
#define PIECE 61440

struct sg_doc_session {
    struct sg_doc *doc;
    uint32_t source;
    uint32_t loaded;      /* how often the document had been loaded when it began */
    struct sg_column out; /* the message that was given last */
    struct sg_doc_compare compare;
    bool adopts;
    bool has_compare, has_data, is_done, peer_done;
    bool has_batches, has_state;
    struct sg_doc_state_out state;
    uint32_t from;  /* the next batch to be looked at .. */
    uint64_t after; /* .. and the checkpoint before the next one */
    struct sg_doc_import_result result;
};

static sg_err begin(struct sg_doc_session *s)
{
    uint8_t nonce[SG_DOC_NONCE_LEN];
    SG_TRY(sg_doc_flush(s->doc)); /* nothing leaves that a crash could take back */
    SG_TRY(sg_random(nonce, sizeof(nonce)));
    SG_TRY(sg_doc_compare_init(&s->compare, s->doc->replica, nonce));
    s->has_compare = true;
    s->compare.wish.wants_none = true;
    return SG_OK;
}

sg_err sg_doc_session_new(struct sg_doc *doc, uint32_t source, struct sg_doc_session **out)
{
    if (doc->replica->txn.is_open)
        return SG_ERR_INVALID_STATE;
    SG_TRY(sg_doc_load_history(doc));
    struct sg_doc_session *s = sg_mem_new(doc->mem, 1, sizeof(*s));
    if (s == NULL)
        return SG_ERR_NO_MEMORY;
    *s = (struct sg_doc_session){.doc = doc, .source = source, .loaded = doc->loaded};
    s->out.mem = doc->mem;
    sg_doc_gather_expire(doc, sg_clock_now());
    sg_err err = begin(s);
    if (err != SG_OK) {
        sg_doc_session_free(s);
        return err;
    }
    *out = s;
    return SG_OK;
}

void sg_doc_session_free(struct sg_doc_session *s)
{
    if (s == NULL)
        return;
    sg_column_fini(&s->out);
    sg_doc_state_end(s->doc, &s->state);
    sg_doc_gather_leave(s->doc, s);
    if (s->has_compare)
        sg_doc_compare_fini(&s->compare);
    sg_mem_free(s->doc->mem, s);
}

/* No transaction is open, and chains have the numbers that they had. */
static bool may_go_on(const struct sg_doc_session *s)
{
    return !s->doc->replica->txn.is_open && s->loaded == s->doc->loaded;
}

/* ---- sending --------------------------------------------------------------------------------- */

/* The next part of the state, where one is wanted. */
static sg_err put_state(struct sg_doc_session *s)
{
    bool begins = !s->has_state && s->doc->floor != NULL && s->compare.view.behind > 0;
    s->has_state = true;
    if (begins)
        SG_TRY(sg_doc_state_begin(s->doc, &s->compare.their_wish, &s->state));
    sg_put_u8(&s->out, STATE);
    size_t empty = s->out.len;
    sg_doc_state_put(&s->state, &s->out);
    if (s->out.len == empty) {
        s->out.len = 0;
        sg_doc_state_end(s->doc, &s->state);
    }
    return SG_OK;
}

/* The next piece; has_data is set with the last one. */
static sg_err put_data(struct sg_doc_session *s)
{
    const struct sg_replica *r = s->doc->replica;
    const struct sg_frontier_view *view = &s->compare.view;
    sg_put_u8(&s->out, DATA);
    sg_bundle_begin(r, &s->out);
    size_t empty = s->out.len;
    SG_TRY(sg_bundle_put_missing(r, view, &s->from, PIECE, &s->out));
    s->has_batches = s->has_batches || s->out.len > empty;
    if (s->from < view->end)
        return SG_OK;
    if (s->has_batches)
        SG_TRY(sg_doc_put_checkpoints(s->doc, view, &s->after, PIECE, &s->out));
    s->has_data = !s->has_batches || s->after == UINT64_MAX;
    if (s->out.len == empty) /* nothing at all */
        s->out.len = 0;
    return SG_OK;
}

sg_err sg_doc_session_next(struct sg_doc_session *s, struct sg_bytes *message)
{
    s->out.len = 0;
    if (!may_go_on(s))
        return SG_ERR_INVALID_STATE;
    sg_err err = sg_doc_compare_next(&s->compare, &s->out);
    bool is_ready = s->out.len == 0 && sg_doc_compare_is_ready(&s->compare) && !s->has_data;
    if (err == SG_OK && is_ready)
        err = put_state(s);
    if (err == SG_OK && is_ready && s->out.len == 0)
        err = put_data(s);
    bool is_equal = sg_doc_compare_is_equal(&s->compare);
    if (err == SG_OK && s->out.len == 0 && !s->is_done && (s->has_data || is_equal)) {
        sg_put_u8(&s->out, DONE);
        s->is_done = true;
    }
    *message = sg_column_bytes(&s->out);
    return s->out.has_failed ? SG_ERR_NO_MEMORY : err;
}

/* ---- hearing --------------------------------------------------------------------------------- */

/* The document is loaded anew by this: the session is over, and the next one goes on. What the
 * floor did not have is kept by the store. */
static sg_err adopt(struct sg_doc_session *s, struct sg_bytes bundle)
{
    struct sg_doc_bytes unsynced = {0};
    sg_err err = sg_doc_adopt(s->doc, bundle, &unsynced);
    sg_doc_bytes_free(&unsynced);
    if (err == SG_OK)
        s->result.has_floor = false;
    return err == SG_ERR_PERMISSION || err == SG_ERR_EXPIRED ? SG_OK : err;
}

void sg_doc_session_adopts(struct sg_doc_session *s)
{
    s->adopts = true;
    s->compare.wish = sg_doc_state_wish(s->doc, sg_clock_now());
}

static sg_err take_bundle(struct sg_doc_session *s, struct sg_bytes body)
{
    struct sg_doc_import_result got = {0};
    struct sg_doc_import_result *sum = &s->result;
    sg_err err = sg_doc_import(s->doc, body, s->source, &got);
    sum->applied += got.applied;
    sum->known += got.known;
    sum->pending = s->doc->replica->pending.count;
    sum->refused += got.refused;
    sum->postponed += got.postponed;
    sum->refusal = sum->refusal == SG_OK ? got.refusal : sum->refusal;
    sum->has_floor = sum->has_floor || got.has_floor;
    return err == SG_OK && got.has_floor && s->adopts ? adopt(s, body) : err;
}

static sg_err hear_data(struct sg_doc_session *s, struct sg_bytes body)
{
    /* before it knows what differs, nobody sends */
    if (!s->compare.has_differed || s->peer_done)
        return SG_ERR_PROTOCOL;
    return sg_doc_is_packed(body) ? SG_ERR_MALFORMED : take_bundle(s, body);
}

/* All of a state is here. */
static sg_err take_state(struct sg_doc_session *s, uint64_t floor)
{
    struct sg_column bundle = {.mem = s->doc->mem};
    uint32_t loaded = s->doc->loaded;
    sg_err err = sg_doc_gather_bundle(s->doc, floor, &bundle);
    if (err == SG_OK)
        err = take_bundle(s, sg_column_bytes(&bundle));
    sg_column_fini(&bundle);
    /* somebody trusted has signed what cannot be read: who brings it is not to blame */
    bool is_broken = sg_err_class_of(err) == SG_ERR_CLASS_PEER;
    if (is_broken || (err == SG_OK && s->doc->loaded == loaded)) /* it brought nothing */
        sg_doc_refuse_floor(s->doc, floor);
    s->result.has_floor = s->result.has_floor || is_broken;
    return is_broken ? SG_OK : err;
}

static sg_err hear_state(struct sg_doc_session *s, struct sg_bytes body)
{
    struct sg_doc_got got;
    if (!s->compare.has_differed || s->peer_done)
        return SG_ERR_PROTOCOL;
    if (!s->adopts) { /* it has said so, and is told that there is one */
        s->result.has_floor = true;
        return SG_OK;
    }
    sg_time_ns now = sg_clock_now();
    sg_err err = sg_doc_gather(s->doc, s, now, body, &got);
    if (err == SG_ERR_LIMIT) { /* it comes later, and what needs no state goes on now */
        sg_doc_put_off(s->doc, got.floor, now);
        got.what = SG_DOC_STATE_UNWANTED;
    } else if (err != SG_OK) {
        return err;
    }
    s->result.has_floor = s->result.has_floor || got.what == SG_DOC_STATE_UNWANTED;
    return got.what == SG_DOC_STATE_WHOLE ? take_state(s, got.floor) : SG_OK;
}

sg_err sg_doc_session_input(struct sg_doc_session *s, struct sg_bytes message)
{
    if (message.len == 0)
        return SG_ERR_TRUNCATED;
    if (!may_go_on(s))
        return SG_ERR_INVALID_STATE;
    struct sg_bytes body = sg_bytes(message.data + 1, message.len - 1);
    uint8_t kind = message.data[0];
    if (kind == DATA)
        return hear_data(s, body);
    if (kind == STATE)
        return hear_state(s, body);
    if (kind == DONE) {
        bool may_end = s->compare.has_differed || sg_doc_compare_is_equal(&s->compare);
        if (!may_end || s->peer_done || body.len > 0)
            return SG_ERR_PROTOCOL;
        s->peer_done = true;
        return SG_OK;
    }
    if (kind < SG_DOC_OPEN || kind > SG_DOC_KNOWN)
        return SG_ERR_MALFORMED;
    return sg_doc_compare_input(&s->compare, (enum sg_doc_compare_kind)kind, body);
}

bool sg_doc_session_is_done(const struct sg_doc_session *s, struct sg_doc_import_result *result)
{
    *result = s->result;
    return s->is_done && s->peer_done;
}
