/* Who lacks what (sync.md 2.6).
 *
 *   OPEN     1, document [32], nonce [16], was first u8, chain ends, digest of the frontier [32];
 *            and if there is something to be said: count <= 8, ids of floors [8 each], rising, that
 *            the sender does not take over; u8 count <= 4, of states that it has begun, rising: id
 *            of the floor [8], how many pieces are there, 1 .. 255; or u8 255: it takes no floor
 *            over, and is to be told only that there is one
 *   SYMBOLS  2, messages of reconcile/, each with its length
 *   LIST     3, short ids [8 each], rising
 *   DIFFER   4, count, ids of the receiver's that the sender does not end with, rising; bits: which
 *               of them it knows; count, ids of its own that the receiver does not end with, rising
 *   KNOWN    5, bits: which of the latter are known
 *
 * What is compared is chain ends, one for each author and fork, by the names of their last batches:
 * a name is a hash over document, author, number and all that came before. The side that spoke
 * second makes symbols of its set, or lists it when that is shorter; the other one decodes. So one
 * round trip after the first word both know how they differ, if the first symbols do.
 *
 * What differs from sync.md: entries are never sent in full. Who has more of a chain has the other
 * one's end somewhere in it, and finds it by its short id, for ids are of names and names are in
 * the log: eight bytes for an entry that has moved, and not 68. A short id that fits by chance (one
 * in 2^64 for each batch) spoils one session; the next one has other keys.
 *
 * An end that one side does not know may be ahead of it, or a fork. What it has of that chain is
 * not known before the other side says so: this is what the bits are for. Nothing is sent before,
 * so that nothing goes back where it came from.
 *
 * Keys are a hash of both nonces: neither side alone chooses them, and third parties do not know
 * them as long as the session travels under encryption. A peer can spoil only its own session. */
#include "node/doc_compare.h"

#include <assert.h>

#include "base/sort.h"

/* Room for any message of the reconciliation. */
#define REC_BYTES (SG_REC_IDS_MAX * 8 + 64)
static_assert(SG_REC_PIECE_MAX * 17 + 64 < REC_BYTES, "symbols are shorter than ids");
/* sg_rec asks for 15/8 of an estimate and 16: SG_DOC_SYMBOLS_FIRST of this one. */
#define ESTIMATE 94
static_assert(ESTIMATE + ESTIMATE * 7 / 8 + 16 == SG_DOC_SYMBOLS_FIRST, "as reconcile.c has it");
/* A list takes no more bytes than the first symbols. */
#define LIST_MAX (SG_DOC_SYMBOLS_FIRST * 13 / 8)

/* ---- life ------------------------------------------------------------------------------------ */

/* Ends of all chains; the digest is over what sg_frontier_encode writes. */
static sg_err gather(struct sg_doc_compare *c)
{
    const struct sg_log *log = &c->replica->log;
    struct sg_column frontier = {.mem = c->mem};
    c->ends = sg_mem_new(c->mem, log->chain_count + 1u, sizeof(c->ends[0]));
    if (c->ends == NULL)
        return SG_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < log->chain_count; i++) {
        if (log->chains[i].end_seq > log->chains[i].start_seq)
            c->ends[c->count++].batch = sg_log_find(log, log->chains[i].head);
    }
    if (c->count > SG_DOC_ENTRIES_MAX)
        return SG_ERR_LIMIT;
    sg_err err = sg_frontier_encode(c->replica, &frontier);
    struct sg_bytes bytes = sg_column_bytes(&frontier);
    if (err == SG_OK)
        c->replica->config.suite->hash(&bytes, 1, c->digest);
    sg_column_fini(&frontier);
    return err;
}

sg_err sg_doc_compare_init(struct sg_doc_compare *c, const struct sg_replica *replica,
                           const uint8_t nonce[SG_DOC_NONCE_LEN])
{
    *c = (struct sg_doc_compare){
        .replica = replica, .mem = replica->config.mem, .log_end = replica->log.count};
    c->queue.mem = c->differ.mem = c->mem;
    memcpy(c->nonce, nonce, SG_DOC_NONCE_LEN);
    sg_err err = gather(c);
    if (err != SG_OK)
        sg_doc_compare_fini(c);
    return err;
}

void sg_doc_compare_fini(struct sg_doc_compare *c)
{
    if (c->has_rec)
        sg_rec_fini(&c->rec);
    c->has_rec = false;
    sg_column_fini(&c->queue);
    sg_column_fini(&c->differ);
    sg_mem_free(c->mem, c->ends);
    sg_mem_free(c->mem, c->ours);
    sg_mem_free(c->mem, c->view.upto);
    c->ends = NULL;
    c->ours = NULL;
    c->view.upto = NULL;
}

/* ---- what the peer has ----------------------------------------------------------------------- */

static sg_err view_new(struct sg_doc_compare *c)
{
    c->view = (struct sg_frontier_view){.end = c->log_end, .chains = c->replica->log.chain_count};
    c->view.behind = c->replica->log.floor_heads > 0;
    c->view.upto = sg_mem_new(c->mem, c->replica->log.chain_count + 1u, sizeof(c->view.upto[0]));
    return c->view.upto == NULL ? SG_ERR_NO_MEMORY : SG_OK;
}

/* The peer has this batch. It lacks the floor when it has nothing above it, and not all it ends
 * with. */
static void see(struct sg_doc_compare *c, uint32_t batch)
{
    const struct sg_log *log = &c->replica->log;
    sg_frontier_see(c->replica, &c->view, batch);
    c->is_above = c->is_above || batch >= log->floor_count;
    c->floor_ends += log->batches[batch].is_floor_head;
    c->view.behind = !c->is_above && c->floor_ends < log->floor_heads;
}

static bool is_ours(const struct sg_doc_compare *c, uint32_t end)
{
    uint32_t low = 0;
    uint32_t high = c->ours_count;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (c->ours[mid] < end)
            low = mid + 1;
        else
            high = mid;
    }
    return low < c->ours_count && c->ours[low] == end;
}

/* Ends that both have. */
static void see_common(struct sg_doc_compare *c)
{
    for (uint32_t i = 0; i < c->count; i++) {
        if (!is_ours(c, i))
            see(c, c->ends[i].batch);
    }
}

/* Finds ids [count], rising, among the batches of chains in which we end differently. found
 * [count]: numbers of batches, or SG_LOG_NONE. */
static void find_ids(const struct sg_doc_compare *c, const uint64_t *ids, uint32_t count,
                     uint32_t *found)
{
    const struct sg_log *log = &c->replica->log;
    uint32_t left = count;
    for (uint32_t i = 0; i < count; i++)
        found[i] = SG_LOG_NONE;
    for (uint32_t i = 0; i < c->ours_count && left > 0; i++) {
        uint32_t end = c->ends[c->ours[i]].batch;
        const struct sg_log_chain *chain = &log->chains[log->batches[end].chain];
        for (uint32_t k = chain->count; k > 0 && left > 0; k--) {
            uint32_t batch = chain->batches[k - 1];
            uint64_t id = sg_siphash_id(&c->keys.id, log->batches[batch].name);
            uint32_t low = 0;
            uint32_t high = count;
            while (low < high) {
                uint32_t mid = (low + high) / 2;
                if (ids[mid] < id)
                    low = mid + 1;
                else
                    high = mid;
            }
            if (low < count && ids[low] == id && batch < c->log_end) {
                found[low] = batch;
                left--;
            }
        }
    }
}

static void see_found(struct sg_doc_compare *c, const uint32_t *found, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (found[i] == SG_LOG_NONE)
            c->view.unknown++;
        else
            see(c, found[i]);
    }
}

/* Of our own ends those that the peer says it has further inside. */
static void see_bits(struct sg_doc_compare *c, struct sg_bytes bits)
{
    for (uint32_t i = 0; i < c->ours_count; i++) {
        if (sg_doc_get_bit(bits, i))
            see(c, c->ends[c->ours[i]].batch);
    }
}

/* ---- DIFFER and KNOWN ------------------------------------------------------------------------ */

/* Places of ids, rising, in our own ends. SG_ERR_PROTOCOL: no such end. */
static sg_err place_ours(struct sg_doc_compare *c, const uint64_t *ids, uint32_t count)
{
    uint32_t at = 0;
    c->ours = sg_mem_new(c->mem, count + 1u, sizeof(c->ours[0]));
    if (c->ours == NULL)
        return SG_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < count; i++, at++) {
        while (at < c->count && c->ends[at].id < ids[i])
            at++;
        if (at == c->count || c->ends[at].id != ids[i])
            return SG_ERR_PROTOCOL;
        c->ours[i] = at;
    }
    c->ours_count = count;
    return SG_OK;
}

/* Both sides, once they know how they differ: ids of the peer's ends that are not ours, and of ours
 * that are not the peer's, rising. */
struct difference {
    const uint64_t *theirs, *ours;
    uint32_t theirs_count, ours_count;
};

/* found [theirs_count]: where the peer's ends are in our log; the caller's memory. */
static sg_err learn(struct sg_doc_compare *c, const struct difference *d, uint32_t **found)
{
    *found = NULL;
    SG_TRY(place_ours(c, d->ours, d->ours_count));
    SG_TRY(view_new(c));
    *found = sg_mem_new(c->mem, d->theirs_count + 1u, sizeof(**found));
    if (*found == NULL)
        return SG_ERR_NO_MEMORY;
    find_ids(c, d->theirs, d->theirs_count, *found);
    see_common(c);
    see_found(c, *found, d->theirs_count);
    c->has_differed = true;
    return SG_OK;
}

/* The decoding side says it. */
static sg_err tell_difference(struct sg_doc_compare *c, const struct difference *d)
{
    uint32_t *found;
    SG_TRY(learn(c, d, &found));
    sg_put_u8(&c->differ, SG_DOC_DIFFER);
    sg_put_uint(&c->differ, d->theirs_count);
    for (uint32_t i = 0; i < d->theirs_count; i++)
        sg_doc_put_id(&c->differ, d->theirs[i]);
    sg_doc_put_bits(&c->differ, found, d->theirs_count);
    sg_put_uint(&c->differ, d->ours_count);
    for (uint32_t i = 0; i < d->ours_count; i++)
        sg_doc_put_id(&c->differ, d->ours[i]);
    sg_mem_free(c->mem, found);
    c->is_ready = c->view.unknown == 0; /* else some may be ahead of ours */
    return c->differ.has_failed ? SG_ERR_NO_MEMORY : SG_OK;
}

/* The other side answers. */
static sg_err take_difference(struct sg_doc_compare *c, const struct difference *d)
{
    uint32_t *found;
    SG_TRY(learn(c, d, &found));
    sg_put_u8(&c->differ, SG_DOC_KNOWN);
    sg_doc_put_bits(&c->differ, found, d->theirs_count);
    sg_mem_free(c->mem, found);
    return c->differ.has_failed ? SG_ERR_NO_MEMORY : SG_OK;
}

static sg_err hear_differ(struct sg_doc_compare *c, struct sg_bytes body)
{
    struct sg_reader r = sg_reader(body);
    struct difference d = {0};
    uint64_t *ours = NULL;
    uint64_t *theirs = NULL;
    struct sg_bytes bits = {0};
    if (!c->has_keys || c->is_decoder || c->has_differed)
        return SG_ERR_PROTOCOL;
    sg_err err = sg_doc_get_ids(c->mem, &r, &ours, &d.ours_count);
    if (err == SG_OK) {
        bits = sg_doc_get_bits(&r, d.ours_count);
        err = sg_doc_get_ids(c->mem, &r, &theirs, &d.theirs_count);
    }
    if (err == SG_OK)
        err = sg_reader_done(&r);
    d.ours = ours;
    d.theirs = theirs;
    if (err == SG_OK)
        err = take_difference(c, &d);
    if (err == SG_OK) {
        see_bits(c, bits);
        c->is_ready = true;
    }
    sg_mem_free(c->mem, ours);
    sg_mem_free(c->mem, theirs);
    return err;
}

static sg_err hear_known(struct sg_doc_compare *c, struct sg_bytes body)
{
    struct sg_reader r = sg_reader(body);
    if (!c->is_decoder || !c->has_differed || c->differ.len > 0 || c->has_known)
        return SG_ERR_PROTOCOL;
    struct sg_bytes bits = sg_doc_get_bits(&r, c->ours_count);
    SG_TRY(sg_reader_done(&r));
    c->has_known = true;
    if (!c->is_ready)
        see_bits(c, bits);
    c->is_ready = true;
    return SG_OK;
}

/* ---- sets ------------------------------------------------------------------------------------ */

static int compare_ends(const void *context, const void *x, const void *y)
{
    const struct sg_doc_end *a = x;
    const struct sg_doc_end *b = y;
    (void)context;
    return a->id < b->id ? -1 : a->id > b->id;
}

/* Both nonces are here. */
static void make_keys(struct sg_doc_compare *c)
{
    const struct sg_bytes ours = sg_bytes(c->nonce, SG_DOC_NONCE_LEN);
    const struct sg_bytes theirs = sg_bytes(c->their_nonce, SG_DOC_NONCE_LEN);
    const struct sg_bytes parts[] = {SG_BYTES_LIT("saorsa riblt v1"),
                                     sg_bytes(c->replica->document, SG_ID_LEN),
                                     c->is_decoder ? ours : theirs, c->is_decoder ? theirs : ours};
    uint8_t keys[SG_HASH_LEN];
    static_assert(SG_HASH_LEN == SG_RIBLT_KEYS_LEN, "one hash gives both keys");
    c->replica->config.suite->hash(parts, 4, keys);
    c->keys = sg_riblt_keys(keys);
    for (uint32_t i = 0; i < c->count; i++)
        c->ends[i].id = sg_siphash_id(&c->keys.id, c->replica->log.batches[c->ends[i].batch].name);
    sg_sort(c->ends, c->count, sizeof(c->ends[0]), compare_ends, NULL);
    c->has_keys = true;
}

/* What the reconciliation gives out. */
static sg_err carry_out(struct sg_doc_compare *c, const struct sg_rec_outbox *out)
{
    uint8_t bytes[REC_BYTES];
    for (size_t i = 0; i < out->count; i++) {
        const struct sg_rec_out *o = &out->out[i];
        if (o->kind == SG_REC_OUT_FAILED)
            return o->err;
        if (o->kind == SG_REC_OUT_DONE) {
            const struct difference d = {c->rec.theirs, c->rec.ours, c->rec.theirs_count,
                                         c->rec.ours_count};
            if (c->is_decoder)
                return tell_difference(c, &d);
            continue;
        }
        if (o->msg.kind == SG_REC_OPEN)
            continue; /* OPEN of the session has said it all */
        struct sg_writer w = sg_writer(bytes, sizeof(bytes));
        sg_rec_msg_encode(&w, &o->msg);
        sg_put_vector(&c->queue, sg_bytes(bytes, w.len));
    }
    return c->queue.has_failed ? SG_ERR_NO_MEMORY : SG_OK;
}

static sg_err feed(struct sg_doc_compare *c, const struct sg_rec_in *in)
{
    struct sg_rec_outbox out;
    SG_TRY(sg_rec_input(&c->rec, 0, in, &out));
    return carry_out(c, &out);
}

static sg_err give_set(struct sg_doc_compare *c)
{
    struct sg_rec_in in = {.kind = SG_REC_IN_SET, .count = c->count, .keys = c->keys};
    uint64_t *ids = sg_mem_new(c->mem, c->count + 1u, sizeof(*ids));
    if (ids == NULL)
        return SG_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < c->count; i++)
        ids[i] = c->ends[i].id;
    in.ids = ids;
    sg_err err = feed(c, &in);
    sg_mem_free(c->mem, ids);
    return err;
}

/* Both sides know how many symbols come first, as if the decoder had asked for them. */
static sg_err begin_symbols(struct sg_doc_compare *c)
{
    struct sg_rec_config config = sg_rec_config_default(c->mem);
    config.symbols_max = SG_DOC_ENTRIES_MAX;
    config.bytes_max = SG_DOC_ENTRIES_MAX * UINT64_C(13);
    sg_rec_init(&c->rec, &config, 0);
    c->has_rec = true;
    if (c->is_decoder) {
        const struct sg_rec_in open = {
            .kind = SG_REC_IN_OPEN, .to = 1, .count = c->count, .estimate = ESTIMATE};
        SG_TRY(feed(c, &open));
        return give_set(c);
    }
    const struct sg_rec_msg msg = {
        .kind = SG_REC_OPEN, .to = 1, .count = c->their_count, .upto = SG_DOC_SYMBOLS_FIRST};
    const struct sg_rec_in open = {.kind = SG_REC_IN_MESSAGE, .msg = &msg};
    SG_TRY(give_set(c));
    return feed(c, &open);
}

/* Both have opened, and are not the same. */
static sg_err begin(struct sg_doc_compare *c)
{
    make_keys(c);
    if (c->count == 0 || c->their_count == 0) { /* nothing to be compared */
        SG_TRY(view_new(c));
        c->view.unknown = c->their_count;
        c->has_differed = true;
        c->is_ready = true;
        return SG_OK;
    }
    uint32_t listed = c->is_decoder ? c->their_count : c->count;
    return listed > LIST_MAX ? begin_symbols(c) : SG_OK;
}

static sg_err hear_symbols(struct sg_doc_compare *c, struct sg_bytes body)
{
    struct sg_reader r = sg_reader(body);
    if (!c->has_rec || body.len == 0)
        return SG_ERR_PROTOCOL;
    while (r.left > 0) {
        struct sg_rec_room room;
        struct sg_rec_msg msg;
        struct sg_reader one = sg_reader(sg_get_vector(&r, REC_BYTES));
        SG_TRY(r.err);
        SG_TRY(sg_rec_msg_decode(&one, &msg, &room));
        if (msg.kind == SG_REC_WANT || msg.kind == SG_REC_OFFER || msg.kind == SG_REC_SENT)
            return SG_ERR_PROTOCOL;
        const struct sg_rec_in in = {.kind = SG_REC_IN_MESSAGE, .msg = &msg};
        SG_TRY(feed(c, &in));
    }
    return SG_OK;
}

/* Both lists are short and sorted. */
static sg_err hear_list(struct sg_doc_compare *c, struct sg_bytes body)
{
    uint64_t theirs[LIST_MAX];
    uint64_t ours[LIST_MAX];
    uint32_t theirs_count = 0;
    uint32_t ours_count = 0;
    uint32_t at = 0;
    if (!c->has_keys || !c->is_decoder || c->has_rec || c->has_differed)
        return SG_ERR_PROTOCOL;
    if (body.len != (size_t)c->their_count * 8)
        return SG_ERR_MALFORMED;
    uint64_t *others = c->count > LIST_MAX ? sg_mem_new(c->mem, c->count, sizeof(*others)) : ours;
    if (others == NULL)
        return SG_ERR_NO_MEMORY;
    uint64_t before = 0;
    sg_err err = SG_OK;
    for (uint32_t i = 0; i < c->their_count && err == SG_OK; i++) {
        uint64_t id = sg_load64(body.data + (size_t)i * 8);
        err = i > 0 && id <= before ? SG_ERR_NOT_CANONICAL : SG_OK;
        before = id;
        while (at < c->count && c->ends[at].id < id)
            others[ours_count++] = c->ends[at++].id;
        if (at < c->count && c->ends[at].id == id)
            at++;
        else
            theirs[theirs_count++] = id;
    }
    while (at < c->count)
        others[ours_count++] = c->ends[at++].id;
    const struct difference d = {theirs, others, theirs_count, ours_count};
    if (err == SG_OK)
        err = tell_difference(c, &d);
    if (others != ours)
        sg_mem_free(c->mem, others);
    return err;
}

/* ---- messages -------------------------------------------------------------------------------- */

static sg_err hear_open(struct sg_doc_compare *c, struct sg_bytes body)
{
    struct sg_reader r = sg_reader(body);
    struct sg_bytes document = sg_read_bytes(&r, SG_ID_LEN);
    sg_read_copy(&r, c->their_nonce, SG_DOC_NONCE_LEN);
    uint8_t was_first = sg_read_u8(&r);
    c->their_count = sg_get_u32(&r, SG_DOC_ENTRIES_MAX);
    struct sg_bytes digest = sg_read_bytes(&r, SG_ID_LEN);
    if (r.left > 0)
        SG_TRY(sg_doc_get_wish(&r, &c->their_wish));
    SG_TRY(sg_reader_done(&r));
    if (c->peer_opened || was_first > 1 || (was_first == 0 && !c->has_opened))
        return SG_ERR_PROTOCOL;
    if (memcmp(document.data, c->replica->document, SG_ID_LEN) != 0)
        return SG_ERR_WRONG_PEER;
    c->peer_opened = true;
    c->was_first = c->has_opened;
    /* who spoke first decodes: the other one's symbols come with its answer */
    c->is_decoder = c->was_first;
    if (c->was_first && was_first == 1) { /* both did */
        int order = memcmp(c->nonce, c->their_nonce, SG_DOC_NONCE_LEN);
        if (order == 0)
            return SG_ERR_PROTOCOL;
        c->is_decoder = order > 0;
    }
    c->is_equal = memcmp(digest.data, c->digest, SG_ID_LEN) == 0;
    return c->is_equal ? SG_OK : begin(c);
}

sg_err sg_doc_compare_input(struct sg_doc_compare *c, enum sg_doc_compare_kind kind,
                            struct sg_bytes body)
{
    if (kind != SG_DOC_OPEN && (!c->peer_opened || c->is_equal))
        return SG_ERR_PROTOCOL;
    switch (kind) {
    case SG_DOC_OPEN:
        return hear_open(c, body);
    case SG_DOC_SYMBOLS:
        return hear_symbols(c, body);
    case SG_DOC_LIST:
        return hear_list(c, body);
    case SG_DOC_DIFFER:
        return hear_differ(c, body);
    case SG_DOC_KNOWN:
        return hear_known(c, body);
    }
    return SG_ERR_MALFORMED;
}

static void put_open(struct sg_doc_compare *c, struct sg_column *out)
{
    sg_put_u8(out, SG_DOC_OPEN);
    sg_put_bytes(out, sg_bytes(c->replica->document, SG_ID_LEN));
    sg_put_bytes(out, sg_bytes(c->nonce, SG_DOC_NONCE_LEN));
    sg_put_u8(out, !c->peer_opened);
    sg_put_uint(out, c->count);
    sg_put_bytes(out, sg_bytes(c->digest, SG_ID_LEN));
    sg_doc_put_wish(&c->wish, out);
    c->has_opened = true;
}

static void put_list(struct sg_doc_compare *c, struct sg_column *out)
{
    sg_put_u8(out, SG_DOC_LIST);
    for (uint32_t i = 0; i < c->count; i++)
        sg_doc_put_id(out, c->ends[i].id);
    c->has_listed = true;
}

sg_err sg_doc_compare_next(struct sg_doc_compare *c, struct sg_column *out)
{
    static const struct sg_rec_in timeout = {.kind = SG_REC_IN_TIMEOUT};
    if (!c->has_opened) {
        put_open(c, out);
    } else if (c->queue.len > 0 || (c->has_rec && sg_rec_deadline(&c->rec) == 0)) {
        if (c->queue.len == 0)
            SG_TRY(feed(c, &timeout));
        sg_put_u8(out, SG_DOC_SYMBOLS);
        sg_put_bytes(out, sg_column_bytes(&c->queue));
        c->queue.len = 0;
    } else if (c->differ.len > 0) {
        sg_put_bytes(out, sg_column_bytes(&c->differ));
        sg_column_fini(&c->differ);
    } else if (c->has_keys && !c->is_decoder && !c->has_rec && !c->has_listed && !c->is_ready) {
        put_list(c, out);
    }
    return out->has_failed ? SG_ERR_NO_MEMORY : SG_OK;
}
