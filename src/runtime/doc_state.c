/* The state of a document on its way to a replica that is behind the floor: giving it, and saying
 * what is wanted. Taking it is doc_gather.c.
 *
 *   STATE: floor [8]; and if not only told: number of the piece; with piece 0: floor (key and
 *   signature), hashes of all pieces [32 each]; the piece
 *
 * A state may be larger than any message, so it goes in pieces, and what has come of it outlives
 * the session: the next one, with whomever, says how far it got with each floor that it has begun,
 * and the rest of the one that is here is sent. Who does not take a floor over says so in the next
 * session, too, and is not sent it again: its signer is not trusted here, or an earlier floor
 * stands for what it lacks, or all that it stands for is here anyway, or it cannot be read. That is
 * forgotten when the document is opened anew, for then others may be trusted, and when its own
 * floor becomes another one. One for which there is no room is put off in the same way, for a
 * minute. Who takes none over at all is told that there is one, and so is who should have one that
 * is too large to go in pieces: it takes it as a file.
 *
 * All sessions give from one copy in memory. While the document is bound it stays for a minute
 * after the last of them: who opens one session after the other does not have all of it unpacked
 * and verified each time. */
#include "base/time.h"
#include "os/clock.h"
#include "runtime/doc_impl.h"

/* What a state may cost of memory: the text of 256 large books. */
#define STATE_MAX ((size_t)SG_DOC_PIECES_MAX * SG_DOC_STATE_PIECE)
/* For so long nothing of a floor is wanted for which there was no room. */
#define PUT_OFF_NS (60 * SG_NS_PER_S)
#define IDLE_NS (60 * SG_NS_PER_S)

uint64_t sg_doc_floor_id(struct sg_bytes floor)
{
    uint8_t hash[SG_HASH_LEN];
    sg_suite_default()->hash(&floor, 1, hash);
    return sg_load64(hash);
}

/* ---- what is wished for ---------------------------------------------------------------------- */

bool sg_doc_is_refused(const struct sg_doc *doc, uint64_t id)
{
    for (uint32_t i = 0; i < doc->refused_count; i++) {
        if (doc->refused[i] == id)
            return true;
    }
    return false;
}

void sg_doc_refuse_floor(struct sg_doc *doc, uint64_t id)
{
    if (sg_doc_is_refused(doc, id))
        return;
    sg_doc_gather_drop(doc, id);
    if (doc->refused_count == SG_DOC_REFUSED_MAX)
        memmove(doc->refused, doc->refused + 1, --doc->refused_count * sizeof(doc->refused[0]));
    doc->refused[doc->refused_count++] = id;
}

void sg_doc_put_off(struct sg_doc *doc, uint64_t id, sg_time_ns now)
{
    doc->put_off = id;
    doc->put_off_until = sg_time_add(now, PUT_OFF_NS);
}

bool sg_doc_is_put_off(const struct sg_doc *doc, uint64_t id, sg_time_ns now)
{
    return doc->put_off == id && now < doc->put_off_until;
}

/* Keeps them rising. */
static void add_refused(struct sg_doc_wish *wish, uint64_t id)
{
    uint32_t at = wish->refused_count++;
    for (; at > 0 && wish->refused[at - 1] > id; at--)
        wish->refused[at] = wish->refused[at - 1];
    wish->refused[at] = id;
}

struct sg_doc_wish sg_doc_state_wish(const struct sg_doc *doc, sg_time_ns now)
{
    struct sg_doc_wish wish = {0};
    for (uint32_t i = 0; i < doc->refused_count; i++)
        add_refused(&wish, doc->refused[i]);
    bool is_off = sg_doc_is_put_off(doc, doc->put_off, now);
    if (is_off && wish.refused_count < SG_DOC_REFUSED_MAX && !sg_doc_is_refused(doc, doc->put_off))
        add_refused(&wish, doc->put_off);
    sg_doc_gather_wish(doc, &wish);
    return wish;
}

/* ---- giving ---------------------------------------------------------------------------------- */

static void giving_free(struct sg_doc *doc, struct sg_doc_giving *giving)
{
    sg_column_fini(&giving->record);
    sg_column_fini(&giving->hashes);
    sg_mem_free(doc->mem, giving);
}

static bool is_idle(const struct sg_doc_giving *giving)
{
    return giving != NULL && giving->refs == 0;
}

void sg_doc_state_forget(struct sg_doc *doc)
{
    if (!is_idle(doc->giving))
        return;
    giving_free(doc, doc->giving);
    doc->giving = NULL;
}

uint64_t sg_doc_state_expire(struct sg_doc *doc, sg_time_ns now)
{
    if (!is_idle(doc->giving))
        return UINT64_MAX;
    uint64_t idle = sg_time_since(now, doc->giving->idle_at);
    if (idle < IDLE_NS)
        return (IDLE_NS - idle) / SG_NS_PER_MS + 1;
    sg_doc_state_forget(doc);
    return UINT64_MAX;
}

/* SG_ERR_OVERSIZED: it cannot go in pieces, nor what an older program has signed as a whole. */
static sg_err giving_fill(struct sg_doc *doc, struct sg_doc_giving *giving)
{
    SG_TRY(sg_doc_put_record(doc, &giving->record));
    struct sg_reader in = sg_reader(sg_column_bytes(&giving->record));
    giving->signature = sg_get_vector(&in, SG_DOC_FLOOR_MAX);
    giving->state = sg_read_bytes(&in, in.left);
    SG_TRY(in.err);
    if (giving->state.len > STATE_MAX)
        return SG_ERR_OVERSIZED;
    SG_TRY(sg_doc_put_hashes(giving->state, &giving->hashes));
    sg_err err = sg_doc_verify_floor(doc, giving->signature, sg_column_bytes(&giving->hashes));
    return err == SG_ERR_BAD_SIGNATURE ? SG_ERR_OVERSIZED : err == SG_ERR_PERMISSION ? SG_OK : err;
}

/* The copy that others give from, or a new one; NULL when there is to be none. */
static sg_err giving_get(struct sg_doc *doc, uint64_t id, struct sg_doc_giving **out)
{
    struct sg_doc_giving *giving = doc->giving;
    *out = NULL;
    if (doc->not_given == id)
        return SG_OK;
    if (giving == NULL || giving->loaded != doc->loaded || giving->floor != id) {
        giving = sg_mem_new(doc->mem, 1, sizeof(*giving));
        if (giving == NULL)
            return SG_ERR_NO_MEMORY;
        *giving = (struct sg_doc_giving){.floor = id, .loaded = doc->loaded};
        giving->record.mem = giving->hashes.mem = doc->mem;
        sg_err err = giving_fill(doc, giving);
        if (err != SG_OK) {
            giving_free(doc, giving);
            doc->not_given = err == SG_ERR_OVERSIZED ? id : 0;
            return err == SG_ERR_OVERSIZED ? SG_OK : err;
        }
        sg_doc_state_forget(doc);
        doc->giving = giving; /* an older one goes with its last session */
    }
    giving->refs++;
    *out = giving;
    return SG_OK;
}

static bool is_in(const uint64_t *ids, uint32_t count, uint64_t id)
{
    for (uint32_t i = 0; i < count; i++) {
        if (ids[i] == id)
            return true;
    }
    return false;
}

/* How many pieces of the state of a floor the other one has. */
static uint32_t pieces_of(const struct sg_doc_wish *wish, uint64_t id)
{
    for (uint32_t i = 0; i < wish->part_count; i++) {
        if (wish->parts[i].floor == id)
            return wish->parts[i].pieces;
    }
    return 0;
}

sg_err sg_doc_state_begin(struct sg_doc *doc, const struct sg_doc_wish *wish,
                          struct sg_doc_state_out *out)
{
    uint64_t id = sg_doc_floor_id(sg_bytes(doc->floor, doc->floor_len));
    if (is_in(wish->refused, wish->refused_count, id))
        return SG_OK;
    out->floor = id;
    if (!wish->wants_none)
        SG_TRY(giving_get(doc, id, &out->giving));
    out->is_told = out->giving == NULL;
    out->piece = pieces_of(wish, id);
    if (out->is_told || out->piece < out->giving->hashes.len / SG_HASH_LEN)
        return SG_OK;
    sg_doc_state_end(doc, out);
    return SG_ERR_PROTOCOL;
}

void sg_doc_state_put(struct sg_doc_state_out *s, struct sg_column *out)
{
    const struct sg_doc_giving *giving = s->giving;
    size_t at = (size_t)s->piece * SG_DOC_STATE_PIECE;
    if (!s->is_told && (giving == NULL || at >= giving->state.len))
        return;
    sg_doc_put_id(out, s->floor);
    s->is_told = false;
    if (giving == NULL)
        return;
    size_t left = giving->state.len - at;
    sg_put_uint(out, s->piece);
    if (s->piece == 0) {
        sg_put_vector(out, giving->signature);
        sg_put_vector(out, sg_column_bytes(&giving->hashes));
    }
    sg_put_bytes(out, sg_bytes(giving->state.data + at,
                               left < SG_DOC_STATE_PIECE ? left : SG_DOC_STATE_PIECE));
    s->piece++;
}

void sg_doc_state_end(struct sg_doc *doc, struct sg_doc_state_out *s)
{
    struct sg_doc_giving *giving = s->giving;
    s->giving = NULL;
    if (giving == NULL || --giving->refs > 0)
        return;
    if (doc->giving != giving) {
        giving_free(doc, giving);
        return;
    }
    giving->idle_at = sg_clock_now();
    if (!doc->is_bound) /* nobody would look after it */
        sg_doc_state_forget(doc);
}
