/* A session of set reconciliation (sync.md 2.4).
 *
 * OPEN says how many symbols the opener wants at once: none when the last sessions with this peer
 * found nothing, since then size and digest, 33 bytes, are probably all that is needed; else a
 * good deal more than the smoothed difference takes on average. SKETCH answers with size, digest
 * and symbols. When they do not suffice, the undecoded symbols themselves tell how much differs
 * (sg_riblt_estimate), and MORE asks for that much: all of it flows back to back, in pieces, and
 * the opener says DONE as soon as it has enough. So a session takes one round trip when the
 * estimate holds, two from nothing but equality, three from nothing.
 *
 * What differs from the design and why: the side that asks is the side that decodes, so both
 * nonces are known when the first symbol is made, without a message more. The first batch is
 * 15/8 e + 16 and not 2 e + 16, or a difference of 50 would cost 2.3 symbols each by that rule
 * alone, and 2.2 are allowed.
 *
 * In the end the digests of the whole sets must agree. If they do not (an item's check was hit by
 * chance, one in 2^32), or a list is shorter than the symbols, all short ids are sent. Everything
 * has a limit: symbols by both sets' sizes and by bytes, peeling by riblt.c, waiting by patience. A
 * peer can spoil its own session and nothing else, for keys are fresh in each. */
#include "reconcile/reconcile.h"

#include <assert.h>
#include <string.h>

/* Sets of a few items vary most: d = 2 took 36 symbols once in 20 000 (sync.md 2.3). */
#define SYMBOLS_LEAST 128
#define SYMBOL_BYTES 13
/* Symbols are decoded a piece at a time at first, then by this share: found items are walked once
 * per batch. */
#define BATCH_SHARE 64
/* A few symbols more than one frame holds: .995 of all differences of 40 are in the first 89. */
#define NOT_WORTH_A_FRAME 8

struct sg_rec_config sg_rec_config_default(const struct sg_mem *mem)
{
    return (struct sg_rec_config){.mem = mem,
                                  .symbols_max = 65536,
                                  .bytes_max = UINT64_C(1) << 20,
                                  .patience_ns = 10 * SG_NS_PER_S};
}

void sg_rec_init(struct sg_rec *m, const struct sg_rec_config *config, sg_time_ns now)
{
    *m = (struct sg_rec){.config = *config, .now = now, .heard_at = now};
    m->encoder.mem = config->mem;
    sg_riblt_decoder_init(&m->decoder, config->mem, &m->keys);
}

void sg_rec_fini(struct sg_rec *m)
{
    const struct sg_mem *mem = m->config.mem;
    sg_riblt_encoder_fini(&m->encoder);
    sg_riblt_decoder_fini(&m->decoder);
    sg_mem_free(mem, m->pending);
    sg_mem_free(mem, m->theirs);
    sg_mem_free(mem, m->ours);
    sg_mem_free(mem, m->piece);
    sg_mem_free(mem, m->id_piece);
    *m = (struct sg_rec){.config = m->config, .state = SG_REC_ENDED};
}

/* ---- outputs ---- */

static struct sg_rec_msg *emit(const struct sg_rec *m, struct sg_rec_outbox *out,
                               enum sg_rec_kind kind)
{
    assert(out->count < SG_REC_OUT_MAX);
    struct sg_rec_out *o = &out->out[out->count++];
    *o = (struct sg_rec_out){.kind = SG_REC_OUT_SEND};
    o->msg.kind = kind;
    o->msg.session = m->number;
    return &o->msg;
}

static void finish(struct sg_rec *m, struct sg_rec_outbox *out, sg_err err)
{
    assert(out->count < SG_REC_OUT_MAX);
    struct sg_rec_out *o = &out->out[out->count++];
    *o =
        (struct sg_rec_out){.kind = err == SG_OK ? SG_REC_OUT_DONE : SG_REC_OUT_FAILED, .err = err};
    m->state = SG_REC_ENDED;
}

static void give_up(struct sg_rec *m, struct sg_rec_outbox *out, sg_err err)
{
    struct sg_rec_msg *done = emit(m, out, SG_REC_DONE);
    done->by_opener = m->state != SG_REC_ANSWERING;
    done->reason = SG_REC_GAVE_UP;
    finish(m, out, err);
}

/* ---- both sides ---- */

static uint64_t max_of(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t min_of(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The most symbols this session may take. */
static uint32_t cap_of(const struct sg_rec *m)
{
    uint64_t cap = 4 * max_of(m->encoder.count, m->their_count);
    cap = min_of(max_of(cap, SYMBOLS_LEAST), m->config.symbols_max);
    return (uint32_t)min_of(cap, m->config.bytes_max / SYMBOL_BYTES);
}

static sg_err on_set(struct sg_rec *m, const struct sg_rec_in *in)
{
    const struct sg_mem *mem = m->config.mem;
    if (m->has_set || (m->state != SG_REC_NEW && m->state != SG_REC_OPENED))
        return SG_ERR_INVALID_STATE;
    if (in->count > SG_REC_SYMBOLS_MAX)
        return SG_ERR_LIMIT;
    m->piece = sg_mem_new(mem, (size_t)SG_REC_OUT_MAX * SG_REC_PIECE_MAX, sizeof(*m->piece));
    if (m->piece == NULL)
        return SG_ERR_NO_MEMORY;
    SG_TRY(sg_riblt_encoder_init(&m->encoder, mem, in->count));
    m->keys = in->keys;
    for (uint32_t i = 0; i < in->count; i++)
        sg_riblt_encoder_set(&m->encoder, &m->keys, i, in->ids[i]);
    m->has_set = true;
    return SG_OK;
}

static sg_err on_open(struct sg_rec *m, const struct sg_rec_in *in, struct sg_rec_outbox *out)
{
    if (m->state != SG_REC_NEW || m->has_set)
        return SG_ERR_INVALID_STATE;
    uint64_t e = in->estimate;
    uint64_t first = e == 0 ? 0 : max_of(SG_REC_FIRST_MIN, e + e * 7 / 8 + 16);
    if (first > SG_REC_PIECE_MAX && first - SG_REC_PIECE_MAX < NOT_WORTH_A_FRAME)
        first = SG_REC_PIECE_MAX;
    first = min_of(first, m->config.symbols_max);
    m->credit = (uint32_t)min_of(first, m->config.bytes_max / SYMBOL_BYTES);
    m->number = in->number;
    m->from = in->from;
    m->to = in->to;
    m->state = SG_REC_OPENED;
    struct sg_rec_msg *open = emit(m, out, SG_REC_OPEN);
    open->from = in->from;
    open->to = in->to;
    open->count = in->count;
    open->upto = m->credit;
    return SG_OK;
}

static void digest_bytes(const struct sg_riblt_digest *digest, uint8_t out[SG_REC_DIGEST_LEN])
{
    struct sg_writer w = sg_writer(out, SG_REC_DIGEST_LEN);
    sg_write_u64(&w, digest->sum[0]);
    sg_write_u64(&w, digest->sum[1]);
}

/* ---- the answering side ---- */

/* Pieces, as many as fit and are asked for. */
static sg_err send_symbols(struct sg_rec *m, struct sg_rec_outbox *out)
{
    for (size_t piece = 0; m->sent < m->credit && out->count < SG_REC_OUT_MAX; piece++) {
        uint64_t count = min_of(m->credit - m->sent, SG_REC_PIECE_MAX);
        struct sg_rec_symbol *symbols = &m->piece[piece * SG_REC_PIECE_MAX];
        if (m->sent < SG_REC_SHORT_CHECKS)
            count = min_of(count, SG_REC_SHORT_CHECKS - m->sent);
        SG_TRY(sg_riblt_encode(&m->encoder, (uint32_t)count, symbols));
        struct sg_rec_msg *msg = emit(m, out, m->sent == 0 ? SG_REC_SKETCH : SG_REC_SYMBOLS);
        msg->index = m->sent;
        msg->symbols = symbols;
        msg->symbol_count = (uint16_t)count;
        m->sent += (uint32_t)count;
    }
    return SG_OK;
}

static void head_of(const struct sg_rec *m, struct sg_rec_msg *sketch)
{
    sketch->count = m->encoder.count;
    digest_bytes(&m->encoder.digest, sketch->digest);
}

static sg_err answer_open(struct sg_rec *m, const struct sg_rec_msg *msg, struct sg_rec_outbox *out)
{
    if (!m->has_set)
        return SG_ERR_INVALID_STATE;
    m->number = msg->session;
    m->their_count = msg->count;
    /* who asks for more than this set is worth gets the digest, and asks again */
    m->credit = msg->upto <= cap_of(m) ? msg->upto : 0;
    m->state = SG_REC_ANSWERING;
    if (m->credit == 0)
        (void)emit(m, out, SG_REC_SKETCH);
    SG_TRY(send_symbols(m, out));
    head_of(m, &out->out[0].msg);
    return SG_OK;
}

static sg_err send_ids(struct sg_rec *m, struct sg_rec_outbox *out)
{
    if (m->id_piece == NULL)
        m->id_piece = sg_mem_new(m->config.mem, SG_REC_IDS_MAX, sizeof(*m->id_piece));
    if (m->id_piece == NULL)
        return SG_ERR_NO_MEMORY;
    uint32_t count = (uint32_t)min_of(m->encoder.count - m->sent, SG_REC_IDS_MAX);
    for (uint32_t i = 0; i < count; i++)
        m->id_piece[i] = m->encoder.items[m->sent + i].id;
    m->sent += count;
    struct sg_rec_msg *msg = emit(m, out, SG_REC_IDS);
    msg->ids = m->id_piece;
    msg->id_count = (uint16_t)count;
    msg->is_last = m->sent == m->encoder.count;
    m->is_listing = !msg->is_last;
    return SG_OK;
}

static sg_err answer_more(struct sg_rec *m, const struct sg_rec_msg *msg, struct sg_rec_outbox *out)
{
    if (msg->upto <= m->credit || m->has_listed)
        return SG_ERR_PROTOCOL;
    if (msg->upto > cap_of(m)) {
        give_up(m, out, SG_ERR_LIMIT);
        return SG_OK;
    }
    m->credit = msg->upto;
    bool is_first = m->sent == 0;
    SG_TRY(send_symbols(m, out));
    /* the digest has gone ahead: what follows is symbols, from 0 on */
    if (is_first)
        head_of(m, &out->out[0].msg);
    return SG_OK;
}

static sg_err answer(struct sg_rec *m, const struct sg_rec_msg *msg, struct sg_rec_outbox *out)
{
    if (msg->kind == SG_REC_MORE)
        return answer_more(m, msg, out);
    if (msg->kind == SG_REC_DONE) {
        finish(m, out, SG_OK);
        return SG_OK;
    }
    if (msg->kind != SG_REC_LIST || m->has_listed)
        return SG_ERR_PROTOCOL;
    if (m->encoder.count > m->config.bytes_max / sizeof(uint64_t)) {
        give_up(m, out, SG_ERR_LIMIT);
        return SG_OK;
    }
    m->credit = 0; /* no more symbols */
    m->sent = 0;
    m->has_listed = true;
    m->is_listing = true;
    return send_ids(m, out);
}

/* ---- the opener ---- */

static void complete(struct sg_rec *m, struct sg_rec_outbox *out)
{
    struct sg_rec_msg *done = emit(m, out, SG_REC_DONE);
    done->by_opener = true;
    done->reason = SG_REC_COMPLETE;
    finish(m, out, SG_OK);
}

static bool fits_digest(const struct sg_rec *m, const struct sg_riblt_digest *digest)
{
    return digest->sum[0] == m->their_digest.sum[0] && digest->sum[1] == m->their_digest.sum[1];
}

static void ask_list(struct sg_rec *m, struct sg_rec_outbox *out)
{
    if (m->their_count > m->config.bytes_max / sizeof(uint64_t)) {
        give_up(m, out, SG_ERR_LIMIT);
        return;
    }
    m->state = SG_REC_LISTING;
    (void)emit(m, out, SG_REC_LIST);
}

static sg_err reserve(struct sg_rec *m, uint64_t **list, uint32_t *cap, uint32_t count)
{
    if (count <= *cap)
        return SG_OK;
    void *larger = sg_mem_resize(m->config.mem, *list, count, sizeof(**list));
    if (larger == NULL)
        return SG_ERR_NO_MEMORY;
    *list = larger;
    *cap = count;
    return SG_OK;
}

/* Twice in a session: for what symbols gave, and, when that is wrong, for whole lists. */
static sg_err reserve_lists(struct sg_rec *m, uint32_t theirs, uint32_t ours)
{
    SG_TRY(reserve(m, &m->theirs, &m->theirs_cap, theirs));
    return reserve(m, &m->ours, &m->ours_cap, ours);
}

/* As base/sort.h, but for numbers alone: that takes 2 to 8 % off decoding large differences. */
static void sift(uint64_t *a, size_t at, size_t count)
{
    uint64_t value = a[at];
    for (size_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && a[child + 1] > a[child])
            child++;
        if (a[child] <= value)
            break;
        a[at] = a[child];
        at = child;
    }
    a[at] = value;
}

static void sort(uint64_t *a, size_t count)
{
    for (size_t i = count / 2; i-- > 0;)
        sift(a, i, count);
    for (size_t last = count; last-- > 1;) {
        uint64_t top = a[0];
        a[0] = a[last];
        a[last] = top;
        sift(a, 0, last);
    }
}

/* All symbols are peeled: the difference, if the digest agrees. */
static sg_err decoded(struct sg_rec *m, struct sg_rec_outbox *out)
{
    struct sg_riblt_digest digest = m->encoder.digest;
    SG_TRY(reserve_lists(m, m->decoder.found_count, m->decoder.found_count));
    for (uint32_t i = 0; i < m->decoder.found_count; i++) {
        const struct sg_riblt_item *item = &m->decoder.found[i];
        sg_riblt_digest_add(&digest, item, item->sign);
        if (item->sign == 1)
            m->theirs[m->theirs_count++] = item->id;
        else
            m->ours[m->ours_count++] = item->id;
    }
    if (fits_digest(m, &digest)) {
        sort(m->theirs, m->theirs_count);
        sort(m->ours, m->ours_count);
        complete(m, out);
        return SG_OK;
    }
    m->theirs_count = 0;
    m->ours_count = 0;
    ask_list(m, out);
    return SG_OK;
}

/* All that was asked for is here and does not do. A quarter more than an estimate from so few
 * symbols says, times 1.4 symbols each: one round trip is dearer than these bytes. */
static void ask_more(struct sg_rec *m, struct sg_rec_outbox *out)
{
    uint32_t have = m->decoder.count;
    int64_t excess = (int64_t)m->their_count - (int64_t)m->encoder.count;
    uint64_t estimate = have == 0 ? 0 : sg_riblt_estimate(&m->decoder, excess);
    uint64_t wanted = max_of(estimate * 13 / 8 + 24, have + max_of(have / 4, SG_REC_FIRST_MIN));
    if (have == 0)
        wanted = SG_REC_FIRST_MIN;
    bool is_dear = (wanted - have) * SYMBOL_BYTES > (uint64_t)m->their_count * sizeof(uint64_t);
    if (wanted > cap_of(m) || (is_dear && have > 0)) {
        ask_list(m, out);
        return;
    }
    m->credit = (uint32_t)wanted;
    struct sg_rec_msg *more = emit(m, out, SG_REC_MORE);
    more->upto = m->credit;
}

static sg_err decode_pending(struct sg_rec *m, struct sg_rec_outbox *out)
{
    uint32_t received = m->decoder.count + m->pending_count;
    if (received < m->credit && m->pending_count < m->decoder.count / BATCH_SHARE)
        return SG_OK;
    for (uint32_t at = 0; at < m->pending_count;) {
        struct sg_rec_symbol ours[SG_REC_PIECE_MAX];
        uint32_t count = (uint32_t)min_of(m->pending_count - at, SG_REC_PIECE_MAX);
        SG_TRY(sg_riblt_encode(&m->encoder, count, ours));
        sg_err err = sg_riblt_decode(&m->decoder, count, &m->pending[at], ours);
        if (err == SG_ERR_PROTOCOL) { /* no set has such symbols; or a check was hit by chance */
            ask_list(m, out);
            return SG_OK;
        }
        SG_TRY(err);
        at += count;
    }
    m->pending_count = 0;
    if (sg_riblt_is_done(&m->decoder))
        return decoded(m, out);
    if (received == m->credit)
        ask_more(m, out);
    return SG_OK;
}

static sg_err take_symbols(struct sg_rec *m, const struct sg_rec_msg *msg,
                           struct sg_rec_outbox *out)
{
    uint32_t received = m->decoder.count + m->pending_count;
    if (msg->index != received || msg->symbol_count > m->credit - received)
        return SG_ERR_PROTOCOL;
    uint32_t count = m->pending_count + msg->symbol_count;
    if (count > m->pending_cap) {
        void *pending =
            sg_mem_resize(m->config.mem, m->pending, 2 * (size_t)count, sizeof(*m->pending));
        if (pending == NULL)
            return SG_ERR_NO_MEMORY;
        m->pending = pending;
        m->pending_cap = 2 * count;
    }
    if (msg->symbol_count > 0)
        memcpy(&m->pending[m->pending_count], msg->symbols,
               msg->symbol_count * sizeof(*m->pending));
    m->pending_count = count;
    return decode_pending(m, out);
}

static sg_err take_sketch(struct sg_rec *m, const struct sg_rec_msg *msg, struct sg_rec_outbox *out)
{
    bool is_digest = m->state == SG_REC_OPENED;
    if (!m->has_set)
        return SG_ERR_INVALID_STATE;
    /* the second SKETCH brings the symbols that MORE asked for after a digest */
    if (!is_digest && m->decoder.count + m->pending_count > 0)
        return SG_ERR_PROTOCOL;
    if (msg->symbol_count > m->credit || (!is_digest && msg->symbol_count == 0))
        return SG_ERR_PROTOCOL;
    struct sg_reader r = sg_reader(sg_bytes(msg->digest, SG_REC_DIGEST_LEN));
    m->their_digest.sum[0] = sg_read_u64(&r);
    m->their_digest.sum[1] = sg_read_u64(&r);
    m->their_count = msg->count;
    m->state = SG_REC_DECODING;
    if (is_digest && m->their_count == m->encoder.count && fits_digest(m, &m->encoder.digest)) {
        complete(m, out);
        return SG_OK;
    }
    if (msg->symbol_count == 0)
        m->credit = 0;
    return take_symbols(m, msg, out);
}

/* Both lists by value: what only one of them has. */
static void compare_lists(struct sg_rec *m, struct sg_riblt_digest *digest)
{
    uint64_t *mine = m->ours;
    uint32_t n = m->encoder.count;
    uint32_t i = 0;
    uint32_t k = 0;
    uint32_t listed = m->theirs_count;
    m->theirs_count = 0;
    m->ours_count = 0;
    while (i < n || k < listed) {
        if (i < n && k < listed && mine[i] == m->theirs[k]) {
            i++;
            k++;
            continue;
        }
        bool is_ours = k == listed || (i < n && mine[i] < m->theirs[k]);
        struct sg_riblt_item item = {.id = is_ours ? mine[i++] : m->theirs[k++]};
        item.check = sg_siphash_u64(&m->keys.check, item.id);
        sg_riblt_digest_add(digest, &item, is_ours ? 255 : 1);
        if (is_ours)
            mine[m->ours_count++] = item.id;
        else
            m->theirs[m->theirs_count++] = item.id;
    }
}

static sg_err take_ids(struct sg_rec *m, const struct sg_rec_msg *msg, struct sg_rec_outbox *out)
{
    struct sg_riblt_digest digest = m->encoder.digest;
    if (msg->id_count > m->their_count - m->theirs_count)
        return SG_ERR_PROTOCOL;
    SG_TRY(reserve_lists(m, m->their_count, m->encoder.count));
    if (msg->id_count > 0)
        memcpy(&m->theirs[m->theirs_count], msg->ids, msg->id_count * sizeof(*m->theirs));
    m->theirs_count += msg->id_count;
    if (!msg->is_last)
        return SG_OK;
    for (uint32_t i = 0; i < m->encoder.count; i++)
        m->ours[i] = m->encoder.items[i].id;
    sort(m->ours, m->encoder.count);
    sort(m->theirs, m->theirs_count);
    compare_lists(m, &digest);
    if (fits_digest(m, &digest))
        complete(m, out);
    else
        give_up(m, out, SG_ERR_PROTOCOL);
    return SG_OK;
}

static sg_err on_message(struct sg_rec *m, const struct sg_rec_msg *msg, struct sg_rec_outbox *out)
{
    if (m->state == SG_REC_NEW)
        return msg->kind == SG_REC_OPEN ? answer_open(m, msg, out) : SG_ERR_PROTOCOL;
    if (m->state == SG_REC_ANSWERING)
        return answer(m, msg, out);
    if (msg->kind == SG_REC_DONE) {
        finish(m, out, SG_ERR_LIMIT);
        return SG_OK;
    }
    if (m->state == SG_REC_LISTING) {
        /* symbols that were under way when the list was asked for */
        if (msg->kind == SG_REC_SYMBOLS)
            return SG_OK;
        return msg->kind == SG_REC_IDS ? take_ids(m, msg, out) : SG_ERR_PROTOCOL;
    }
    if (msg->kind == SG_REC_SKETCH)
        return take_sketch(m, msg, out);
    bool is_next = m->state == SG_REC_DECODING && msg->kind == SG_REC_SYMBOLS;
    return is_next ? take_symbols(m, msg, out) : SG_ERR_PROTOCOL;
}

static sg_err on_timeout(struct sg_rec *m, struct sg_rec_outbox *out)
{
    if (m->state == SG_REC_ENDED || m->state == SG_REC_NEW)
        return SG_OK;
    if (sg_time_since(m->now, m->heard_at) >= m->config.patience_ns) {
        give_up(m, out, SG_ERR_TIMEOUT);
        return SG_OK;
    }
    if (m->state != SG_REC_ANSWERING)
        return SG_OK;
    return m->is_listing ? send_ids(m, out) : send_symbols(m, out);
}

static sg_err dispatch(struct sg_rec *m, const struct sg_rec_in *in, struct sg_rec_outbox *out)
{
    switch (in->kind) {
    case SG_REC_IN_TIMEOUT:
        return on_timeout(m, out);
    case SG_REC_IN_OPEN:
        return on_open(m, in, out);
    case SG_REC_IN_SET:
        return on_set(m, in);
    case SG_REC_IN_MESSAGE:
        m->heard_at = m->now;
        return on_message(m, in->msg, out);
    }
    return SG_ERR_INVALID_ARGUMENT;
}

sg_err sg_rec_input(struct sg_rec *m, sg_time_ns now, const struct sg_rec_in *in,
                    struct sg_rec_outbox *out)
{
    out->count = 0;
    if (m->state == SG_REC_ENDED)
        return in->kind == SG_REC_IN_SET ? SG_ERR_INVALID_STATE : SG_OK; /* it crossed our DONE */
    m->now = now > m->now ? now : m->now;
    sg_err err = dispatch(m, in, out);
    if (err == SG_ERR_NO_MEMORY)
        m->state = SG_REC_ENDED;
    if (err != SG_OK)
        out->count = 0;
    return err;
}

static bool has_more_to_send(const struct sg_rec *m)
{
    return m->state == SG_REC_ANSWERING && (m->is_listing || m->sent < m->credit);
}

sg_time_ns sg_rec_deadline(const struct sg_rec *m)
{
    if (m->state == SG_REC_ENDED || m->state == SG_REC_NEW)
        return SG_TIME_NEVER;
    return has_more_to_send(m) ? m->now : sg_time_add(m->heard_at, m->config.patience_ns);
}

void sg_rec_check(const struct sg_rec *m)
{
    if (m->state == SG_REC_ENDED)
        return;
    assert(m->credit <= m->config.symbols_max);
    assert(m->pending_count <= m->pending_cap);
    assert(m->state != SG_REC_DECODING || m->decoder.count + m->pending_count <= m->credit);
    assert(m->decoder.found_count <= m->decoder.count);
    assert(m->state != SG_REC_LISTING || m->theirs_count <= m->their_count);
    assert(m->state != SG_REC_ANSWERING || m->has_listed || m->sent <= m->credit);
    assert(!m->is_listing || m->has_listed);
}
