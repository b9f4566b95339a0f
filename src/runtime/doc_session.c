/* Two replicas of a document tell each other what they lack.
 *
 *   OPEN      1, document [32], hash of the frontier [32]
 *   FRONTIER  2, entries as sg_frontier_encode has them; only when the hashes differ
 *   DATA      3, a bundle: batches that the other one lacks, in pieces
 *   DONE      4
 *
 * Both sides do the same, so there is no first and second, and nobody waits but for the other's
 * OPEN. Equal replicas part after 65 bytes each way. Frontier entries go as they are: 68 bytes per
 * author chain. Where only few of many have moved, their difference is to be found by rateless IBLT
 * first (sync.md 2.6), which takes the place of FRONTIER. */
#include "runtime/doc_impl.h"

enum { OPEN = 1, FRONTIER = 2, DATA = 3, DONE = 4 };

/* A piece is full when it has so many bytes. */
#define PIECE 61440

struct sg_doc_session {
    struct sg_doc *doc;
    uint32_t source;
    struct sg_column out;                             /* the message that was given last */
    struct sg_column frontier;                        /* ours, when the session began */
    uint8_t digest[SG_ID_LEN];                        /* of it */
    bool has_opened, has_frontier, has_data, is_done; /* what was sent .. */
    bool peer_opened, peer_done, is_equal;            /* .. and heard */
    bool has_view;
    struct sg_frontier_view view; /* what the peer has */
    uint32_t from;                /* the next batch to be looked at */
    struct sg_doc_import_result result;
};

sg_err sg_doc_session_new(struct sg_doc *doc, uint32_t source, struct sg_doc_session **out)
{
    if (doc->replica->txn.is_open)
        return SG_ERR_INVALID_STATE;
    SG_TRY(sg_doc_load_history(doc));
    struct sg_doc_session *s = sg_mem_new(doc->mem, 1, sizeof(*s));
    if (s == NULL)
        return SG_ERR_NO_MEMORY;
    *s = (struct sg_doc_session){.doc = doc, .source = source};
    s->out.mem = doc->mem;
    s->frontier.mem = doc->mem;
    sg_err err = sg_doc_flush(doc);
    if (err == SG_OK)
        err = sg_frontier_encode(doc->replica, &s->frontier);
    if (err != SG_OK) {
        sg_doc_session_free(s);
        return err;
    }
    struct sg_bytes bytes = sg_column_bytes(&s->frontier);
    sg_suite_default()->hash(&bytes, 1, s->digest);
    *out = s;
    return SG_OK;
}

void sg_doc_session_free(struct sg_doc_session *s)
{
    if (s == NULL)
        return;
    sg_column_fini(&s->out);
    sg_column_fini(&s->frontier);
    sg_mem_free(s->doc->mem, s->view.upto);
    sg_mem_free(s->doc->mem, s);
}

/* ---- sending --------------------------------------------------------------------------------- */

static void put_open(struct sg_doc_session *s)
{
    sg_put_u8(&s->out, OPEN);
    sg_put_bytes(&s->out, sg_bytes(s->doc->replica->document, SG_ID_LEN));
    sg_put_bytes(&s->out, sg_bytes(s->digest, SG_ID_LEN));
    s->has_opened = true;
}

static void put_frontier(struct sg_doc_session *s)
{
    sg_put_u8(&s->out, FRONTIER);
    sg_put_bytes(&s->out, sg_column_bytes(&s->frontier));
    s->has_frontier = true;
}

/* The next piece; has_data is set with the last one. */
static sg_err put_data(struct sg_doc_session *s)
{
    const struct sg_replica *r = s->doc->replica;
    sg_put_u8(&s->out, DATA);
    sg_bundle_begin(r, &s->out);
    size_t empty = s->out.len;
    bool is_first = s->from == 0;
    if (is_first && s->doc->floor != NULL && s->view.behind > 0)
        SG_TRY(sg_doc_put_state(s->doc, &s->out));
    SG_TRY(sg_bundle_put_missing(r, &s->view, &s->from, PIECE, &s->out));
    if (s->from < s->view.end)
        return SG_OK;
    s->has_data = true;
    if (s->out.len == empty) { /* nothing at all */
        s->out.len = 0;
        return SG_OK;
    }
    return sg_doc_put_checkpoints(s->doc, &s->out);
}

sg_err sg_doc_session_next(struct sg_doc_session *s, struct sg_bytes *message)
{
    sg_err err = SG_OK;
    s->out.len = 0;
    if (s->doc->replica->txn.is_open)
        return SG_ERR_INVALID_STATE;
    if (!s->has_opened)
        put_open(s);
    else if (s->peer_opened && !s->is_equal && !s->has_frontier)
        put_frontier(s);
    else if (s->has_view && !s->has_data)
        err = put_data(s);
    if (err == SG_OK && s->out.len == 0 && !s->is_done && (s->has_data || s->is_equal)) {
        sg_put_u8(&s->out, DONE);
        s->is_done = true;
    }
    *message = sg_column_bytes(&s->out);
    return s->out.has_failed ? SG_ERR_NO_MEMORY : err;
}

/* ---- hearing --------------------------------------------------------------------------------- */

static sg_err hear_open(struct sg_doc_session *s, struct sg_bytes body)
{
    struct sg_reader r = sg_reader(body);
    struct sg_bytes document = sg_read_bytes(&r, SG_ID_LEN);
    struct sg_bytes digest = sg_read_bytes(&r, SG_ID_LEN);
    SG_TRY(sg_reader_done(&r));
    if (s->peer_opened)
        return SG_ERR_PROTOCOL;
    if (memcmp(document.data, s->doc->replica->document, SG_ID_LEN) != 0)
        return SG_ERR_WRONG_PEER;
    s->peer_opened = true;
    s->is_equal = memcmp(digest.data, s->digest, SG_ID_LEN) == 0;
    return SG_OK;
}

static sg_err hear_frontier(struct sg_doc_session *s, struct sg_bytes body)
{
    if (!s->peer_opened || s->has_view || s->is_equal)
        return SG_ERR_PROTOCOL;
    SG_TRY(sg_doc_flush(s->doc)); /* nothing leaves that a crash could take back */
    SG_TRY(sg_frontier_view(s->doc->replica, body, &s->view));
    s->has_view = true;
    return SG_OK;
}

static sg_err hear_data(struct sg_doc_session *s, struct sg_bytes body)
{
    struct sg_doc_import_result got;
    struct sg_doc_import_result *sum = &s->result;
    if (!s->peer_opened || s->peer_done || s->is_equal)
        return SG_ERR_PROTOCOL;
    SG_TRY(sg_doc_import(s->doc, body, s->source, &got));
    sum->applied += got.applied;
    sum->known += got.known;
    sum->pending = s->doc->replica->pending.count;
    sum->refused += got.refused;
    sum->refusal = sum->refusal == SG_OK ? got.refusal : sum->refusal;
    sum->has_floor = sum->has_floor || got.has_floor;
    return SG_OK;
}

sg_err sg_doc_session_input(struct sg_doc_session *s, struct sg_bytes message)
{
    if (message.len == 0)
        return SG_ERR_TRUNCATED;
    struct sg_bytes body = sg_bytes(message.data + 1, message.len - 1);
    switch (message.data[0]) {
    case OPEN:
        return hear_open(s, body);
    case FRONTIER:
        return hear_frontier(s, body);
    case DATA:
        return hear_data(s, body);
    case DONE:
        if (!s->peer_opened || s->peer_done || body.len > 0)
            return SG_ERR_PROTOCOL;
        s->peer_done = true;
        return SG_OK;
    default:
        return SG_ERR_MALFORMED;
    }
}

bool sg_doc_session_is_done(const struct sg_doc_session *s, struct sg_doc_import_result *result)
{
    *result = s->result;
    return s->is_done && s->peer_done;
}
