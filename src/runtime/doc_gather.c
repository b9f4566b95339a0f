/* A state that comes in pieces, from one session after the other.
 *
 * Nobody can keep it from coming. What is gathered is named by its floor, and the first word about
 * it is the floor's signature over the hashes of all pieces: that is verified before anything is
 * kept, and each piece against its hash when it comes. So nothing is kept that a trusted author
 * has not signed, it does not matter from whom a piece comes, and what one session left another one
 * goes on with. Who sends what is not signed ends its session and nothing else.
 *
 * States of several floors are gathered side by side, for a neighbour may send one that is old but
 * was signed: as many as there are sessions, so each session has a place, whatever the others send.
 * A place belongs to whom added to it last, until its session ends or it has added nothing for a
 * minute; then what is there stays for another one to go on with, until somebody needs the place or
 * ten minutes are over: of those the one with the fewest pieces goes. All documents of the process
 * together keep SG_DOC_GATHER_MAX pieces, each of them SG_DOC_GATHER_OWN_MAX. One that is taken
 * over, or refused, is not gathered any more, and what is there of others stays, for any of them
 * may be newer. Compaction of one's own ends it all. */
#include <assert.h>
#include <stdatomic.h>

#include "base/time.h"
#include "runtime/doc_impl.h"

#define SILENCE_NS (60 * SG_NS_PER_S)
#define KEEP_NS (600 * SG_NS_PER_S)

struct sg_doc_gathered {
    uint64_t floor;
    struct sg_column signature; /* the floor */
    struct sg_column hashes;
    uint32_t count;  /* of pieces in all .. */
    uint32_t have;   /* .. of which the first ones are here */
    size_t last_len; /* of the newest one; the others are full */
    const void *by;  /* the session that added to it last, as long as it lasts */
    sg_time_ns moved_at;
    uint8_t *pieces[SG_DOC_PIECES_MAX];
};

static_assert(SG_DOC_PARTS_MAX >= SG_DOC_PLACES_MAX, "a wish says what is there of all of them");

/* Documents are each in a thread of its own. */
static _Atomic uint32_t total;

uint32_t sg_doc_gather_total(void)
{
    return atomic_load_explicit(&total, memory_order_relaxed);
}

/* ---- places ---------------------------------------------------------------------------------- */

static void drop(struct sg_doc *doc, uint32_t at)
{
    struct sg_doc_gathered *g = doc->gathered[at];
    if (g == NULL)
        return;
    for (uint32_t i = 0; i < g->have; i++)
        sg_mem_free(doc->mem, g->pieces[i]);
    atomic_fetch_sub_explicit(&total, g->have, memory_order_relaxed);
    sg_column_fini(&g->signature);
    sg_column_fini(&g->hashes);
    sg_mem_free(doc->mem, g);
    doc->gathered[at] = NULL;
}

void sg_doc_gather_forget(struct sg_doc *doc)
{
    for (uint32_t i = 0; i < SG_DOC_PLACES_MAX; i++)
        drop(doc, i);
}

static uint32_t find(const struct sg_doc *doc, uint64_t floor)
{
    uint32_t i = 0;
    while (i < SG_DOC_PLACES_MAX && (doc->gathered[i] == NULL || doc->gathered[i]->floor != floor))
        i++;
    return i;
}

void sg_doc_gather_drop(struct sg_doc *doc, uint64_t floor)
{
    uint32_t at = find(doc, floor);
    if (at < SG_DOC_PLACES_MAX)
        drop(doc, at);
}

static bool is_idle(const struct sg_doc_gathered *g, sg_time_ns now)
{
    return g->by == NULL || sg_time_since(now, g->moved_at) >= SILENCE_NS;
}

/* Of those that nobody adds to the one with the fewest pieces, but not `but`. */
static uint32_t least(const struct sg_doc *doc, uint32_t but, sg_time_ns now)
{
    uint32_t at = SG_DOC_PLACES_MAX;
    for (uint32_t i = 0; i < SG_DOC_PLACES_MAX; i++) {
        const struct sg_doc_gathered *g = doc->gathered[i];
        if (g == NULL || i == but || !is_idle(g, now))
            continue;
        if (at == SG_DOC_PLACES_MAX || g->have < doc->gathered[at]->have)
            at = i;
    }
    return at;
}

void sg_doc_gather_leave(struct sg_doc *doc, const void *session)
{
    for (uint32_t i = 0; i < SG_DOC_PLACES_MAX; i++) {
        if (doc->gathered[i] != NULL && doc->gathered[i]->by == session)
            doc->gathered[i]->by = NULL;
    }
}

void sg_doc_gather_expire(struct sg_doc *doc, sg_time_ns now)
{
    for (uint32_t i = 0; i < SG_DOC_PLACES_MAX; i++) {
        const struct sg_doc_gathered *g = doc->gathered[i];
        if (g != NULL && sg_time_since(now, g->moved_at) >= KEEP_NS)
            drop(doc, i);
    }
}

void sg_doc_gather_wish(const struct sg_doc *doc, struct sg_doc_wish *wish)
{
    for (uint32_t i = 0; i < SG_DOC_PLACES_MAX; i++) {
        const struct sg_doc_gathered *g = doc->gathered[i];
        if (g == NULL || g->have == g->count)
            continue;
        uint32_t at = wish->part_count++; /* rising */
        for (; at > 0 && wish->parts[at - 1].floor > g->floor; at--)
            wish->parts[at] = wish->parts[at - 1];
        wish->parts[at] = (struct sg_doc_part){.floor = g->floor, .pieces = g->have};
    }
}

/* ---- messages -------------------------------------------------------------------------------- */

struct part {
    uint64_t floor;
    bool is_told; /* no more than that there is one */
    uint32_t number;
    struct sg_bytes signature, hashes; /* with number 0 */
    struct sg_bytes bytes;
};

static sg_err read_part(struct sg_bytes body, struct part *part)
{
    struct sg_reader in = sg_reader(body);
    struct sg_bytes id = sg_read_bytes(&in, 8);
    *part = (struct part){.is_told = in.left == 0};
    SG_TRY(in.err);
    part->floor = sg_load64(id.data);
    if (part->is_told)
        return SG_OK;
    part->number = sg_get_u32(&in, SG_DOC_PIECES_MAX - 1);
    if (in.err == SG_OK && part->number == 0) {
        part->signature = sg_get_vector(&in, SG_DOC_FLOOR_MAX);
        part->hashes = sg_get_vector(&in, SG_DOC_PIECES_MAX * SG_HASH_LEN);
    }
    part->bytes = sg_read_bytes(&in, in.left);
    SG_TRY(in.err);
    if (part->number == 0 && (part->hashes.len == 0 || part->hashes.len % SG_HASH_LEN != 0))
        return SG_ERR_MALFORMED;
    return part->bytes.len == 0 ? SG_ERR_MALFORMED : SG_OK;
}

/* A place for what has been verified. SG_ERR_LIMIT: others have them all. */
static sg_err take_place(struct sg_doc *doc, const struct part *part, sg_time_ns now, uint32_t *at)
{
    *at = 0;
    while (*at < SG_DOC_PLACES_MAX && doc->gathered[*at] != NULL)
        ++*at;
    if (*at == SG_DOC_PLACES_MAX)
        *at = least(doc, SG_DOC_PLACES_MAX, now);
    if (*at == SG_DOC_PLACES_MAX)
        return SG_ERR_LIMIT;
    struct sg_doc_gathered *g = sg_mem_new(doc->mem, 1, sizeof(*g));
    if (g == NULL)
        return SG_ERR_NO_MEMORY;
    *g = (struct sg_doc_gathered){
        .floor = part->floor, .count = (uint32_t)(part->hashes.len / SG_HASH_LEN), .moved_at = now};
    g->signature.mem = g->hashes.mem = doc->mem;
    sg_put_bytes(&g->signature, part->signature);
    sg_put_bytes(&g->hashes, part->hashes);
    drop(doc, *at);
    doc->gathered[*at] = g;
    if (!g->signature.has_failed && !g->hashes.has_failed)
        return SG_OK;
    drop(doc, *at);
    return SG_ERR_NO_MEMORY;
}

/* Whether bytes are a piece of the state whose pieces have these hashes. */
static sg_err verify_piece(struct sg_bytes hashes, uint32_t number, struct sg_bytes bytes)
{
    uint8_t hash[SG_HASH_LEN];
    size_t at = (size_t)number * SG_HASH_LEN;
    bool is_last = at + SG_HASH_LEN == hashes.len;
    if (bytes.len > SG_DOC_STATE_PIECE || (!is_last && bytes.len < SG_DOC_STATE_PIECE))
        return SG_ERR_MALFORMED;
    sg_suite_default()->hash(&bytes, 1, hash);
    return memcmp(hash, hashes.data + at, SG_HASH_LEN) == 0 ? SG_OK : SG_ERR_BAD_SIGNATURE;
}

/* The first word about a floor: whether it is one that would be taken over. Nobody loses a place
 * before it has brought something. */
static sg_err begin(struct sg_doc *doc, const struct part *part, sg_time_ns now, uint32_t *at)
{
    if (sg_doc_floor_id(part->signature) != part->floor)
        return SG_ERR_MALFORMED;
    sg_err err = sg_doc_verify_floor(doc, part->signature, part->hashes);
    if (err == SG_ERR_PERMISSION)
        sg_doc_refuse_floor(doc, part->floor);
    SG_TRY(err);
    SG_TRY(verify_piece(part->hashes, 0, part->bytes));
    return take_place(doc, part, now, at);
}

static bool has_own_room(const struct sg_doc *doc)
{
    uint32_t own = 0;
    for (uint32_t i = 0; i < SG_DOC_PLACES_MAX; i++)
        own += doc->gathered[i] != NULL ? doc->gathered[i]->have : 0;
    return own < doc->gather_own_max;
}

/* One more piece here and in all documents; what nobody adds to here makes room for it. */
static bool reserve(struct sg_doc *doc, uint32_t at, sg_time_ns now)
{
    for (;;) {
        bool has_room = has_own_room(doc);
        if (has_room &&
            atomic_fetch_add_explicit(&total, 1, memory_order_relaxed) < doc->gather_max)
            return true;
        if (has_room)
            atomic_fetch_sub_explicit(&total, 1, memory_order_relaxed);
        uint32_t other = least(doc, at, now);
        if (other == SG_DOC_PLACES_MAX)
            return false;
        drop(doc, other);
    }
}

static sg_err add(struct sg_doc *doc, uint32_t at, struct sg_bytes bytes, sg_time_ns now)
{
    struct sg_doc_gathered *g = doc->gathered[at];
    SG_TRY(verify_piece(sg_column_bytes(&g->hashes), g->have, bytes));
    if (!reserve(doc, at, now))
        return SG_ERR_LIMIT;
    uint8_t *copy = sg_mem_new(doc->mem, bytes.len, 1);
    if (copy == NULL) {
        atomic_fetch_sub_explicit(&total, 1, memory_order_relaxed);
        return SG_ERR_NO_MEMORY;
    }
    memcpy(copy, bytes.data, bytes.len);
    g->pieces[g->have++] = copy;
    g->last_len = bytes.len;
    g->moved_at = now;
    return SG_OK;
}

sg_err sg_doc_gather(struct sg_doc *doc, const void *session, sg_time_ns now, struct sg_bytes body,
                     struct sg_doc_got *got)
{
    struct part part;
    got->what = SG_DOC_STATE_UNWANTED;
    SG_TRY(read_part(body, &part));
    got->floor = part.floor;
    if (part.is_told)
        return SG_OK;
    /* the rest of it may be under way */
    if (sg_doc_is_refused(doc, part.floor) || sg_doc_is_put_off(doc, part.floor, now))
        return SG_OK;
    uint32_t at = find(doc, part.floor);
    if (at == SG_DOC_PLACES_MAX && part.number == 0) {
        sg_err err = begin(doc, &part, now, &at);
        if (err != SG_OK)
            return err == SG_ERR_PERMISSION ? SG_OK : err;
    }
    got->what = SG_DOC_STATE_MORE;
    if (at == SG_DOC_PLACES_MAX) /* it was forgotten meanwhile */
        return SG_ERR_NOT_FOUND;
    struct sg_doc_gathered *g = doc->gathered[at];
    if (g->have == g->count) { /* there was no memory to take it over */
        got->what = SG_DOC_STATE_WHOLE;
        return SG_OK;
    }
    if (part.number != g->have) /* less: two neighbours send it */
        return part.number < g->have ? SG_OK : SG_ERR_NOT_FOUND;
    sg_err err = add(doc, at, part.bytes, now);
    if (err != SG_OK) {
        if (g->have == 0)
            drop(doc, at);
        return err;
    }
    sg_doc_gather_leave(doc, session); /* one place for each */
    g->by = session;
    if (g->have == g->count)
        got->what = SG_DOC_STATE_WHOLE;
    return SG_OK;
}

/* All that goes into a bundle before the pieces, and room for them. */
static sg_err begin_bundle(struct sg_doc *doc, const struct sg_doc_gathered *g,
                           struct sg_column *bundle)
{
    struct sg_column head = {.mem = doc->mem};
    size_t len = (size_t)(g->count - 1) * SG_DOC_STATE_PIECE + g->last_len;
    sg_put_vector(&head, sg_column_bytes(&g->signature));
    sg_bundle_begin(doc->replica, bundle);
    sg_put_u8(bundle, SG_BUNDLE_STATE);
    sg_put_uint(bundle, head.len + len);
    sg_put_bytes(bundle, sg_column_bytes(&head));
    bool has_failed = head.has_failed || bundle->has_failed;
    sg_column_fini(&head);
    if (has_failed)
        return SG_ERR_NO_MEMORY;
    uint8_t *grown = sg_mem_resize(bundle->mem, bundle->data, bundle->len + len, 1);
    if (grown == NULL)
        return SG_ERR_NO_MEMORY;
    bundle->data = grown;
    bundle->cap = bundle->len + len;
    return SG_OK;
}

sg_err sg_doc_gather_bundle(struct sg_doc *doc, uint64_t floor, struct sg_column *bundle)
{
    uint32_t at = find(doc, floor);
    if (at == SG_DOC_PLACES_MAX || doc->gathered[at]->have < doc->gathered[at]->count)
        return SG_ERR_NOT_FOUND;
    struct sg_doc_gathered *g = doc->gathered[at];
    SG_TRY(begin_bundle(doc, g, bundle));
    for (uint32_t i = 0; i < g->count; i++) {
        size_t len = i + 1 < g->count ? SG_DOC_STATE_PIECE : g->last_len;
        sg_put_bytes(bundle, sg_bytes(g->pieces[i], len));
        sg_mem_free(doc->mem, g->pieces[i]); /* so that it is not there twice */
        g->pieces[i] = NULL;
    }
    drop(doc, at);
    return SG_OK;
}
