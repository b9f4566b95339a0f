/* Back-fill: what the trees did not bring is found by comparing with neighbours.
 *
 * Every node opens a session on each topic with a random neighbour every 30 s +- 20 %, and at once
 * with a new neighbour: who has just joined gets what the topic keeps, and when a partition heals
 * the first link across it carries what either part missed. Compared are whole time slots of the
 * messages' signed time, the last of which ends 5 to 10 s ago: what is newer is the trees' business
 * and mostly under way.
 *
 * Old messages are delivered and kept, but neither pushed nor announced: most nodes have them. Who
 * got some compares with each of its neighbours once, soon, which costs a hundred bytes where
 * nothing differs; so the news of a healed partition reaches every node, over all links, while a
 * late joiner's catching up disturbs nobody. (One session each with a random neighbour until
 * nothing differs left 3 of 20 nodes out.)
 *
 * All bounded: sessions per topic, sessions a peer may open, one fetch at a time, symbols and bytes
 * in a session, bytes per pause when serving. A message counts as old only if it was asked for in a
 * session, and is checked and verified like any other. */
#include "node/backfill.h"

#include <assert.h>

#include "wire/reconcile_msg.h"

/* A new neighbour is asked after this time at most, the next one after news as well. */
#define SOON_NS (250 * SG_NS_PER_MS)
#define REPEAT_NS SG_NS_PER_S
/* Nothing comes that takes a session further. Its peer is left alone then, so that one that answers
 * with words alone cannot keep this node from asking others. */
#define PATIENCE_NS (10 * SG_NS_PER_S)
/* A session, however it goes on: a whole history of 16 MiB comes in an eighth of that, and the next
 * session brings the rest. */
#define SESSION_NS (120 * SG_NS_PER_S)
#define JITTER_PERCENT 20
/* Pauses double from SOON_NS: the last one is 16 s. */
#define RETRIES 5
/* Sessions that a peer may open: two a second for long are many more than anybody needs, for a
 * node of 256 topics that restarts a burst is fair. Each costs a pass over the history. */
#define OPENS_RATE 2
#define OPENS_BURST 64
/* The window ends between one and two slots ago. */
#define SLOTS_TOO_NEW 1

static struct sg_backfill *backfill_of(struct sg_core *core, struct sg_scope *scope)
{
    if (scope->backfill == NULL) {
        scope->backfill = sg_mem_new(core->config.mem, 1, sizeof(*scope->backfill));
        if (scope->backfill != NULL)
            scope->backfill->open_at = SG_TIME_NEVER;
    }
    return scope->backfill;
}

static void session_free(struct sg_core *core, struct sg_session *s)
{
    const struct sg_mem *mem = core->config.mem;
    if (s == NULL)
        return;
    if (s->is_comparing)
        sg_rec_fini(&s->rec);
    sg_mem_free(mem, s->wants);
    sg_mem_free(mem, s->serve);
    sg_mem_free(mem, s->asked);
    memset(&s->keys, 0, sizeof(s->keys));
    sg_mem_free(mem, s);
}

void sg_backfill_free(struct sg_core *core, struct sg_scope *scope)
{
    struct sg_backfill *b = scope->backfill;
    if (b == NULL)
        return;
    session_free(core, b->mine);
    for (size_t i = 0; i < SG_SESSIONS_MAX; i++)
        session_free(core, b->theirs[i]);
    sg_mem_free(core->config.mem, b);
    scope->backfill = NULL;
}

void sg_session_close(struct sg_core *core, struct sg_scope *scope, struct sg_session *s)
{
    struct sg_backfill *b = scope->backfill;
    for (size_t i = 0; i < SG_SESSIONS_MAX; i++) {
        if (b->theirs[i] == s)
            b->theirs[i] = NULL;
    }
    if (b->mine == s)
        b->mine = NULL;
    session_free(core, s);
}

void sg_backfill_soon(struct sg_core *core, struct sg_backfill *b)
{
    uint64_t pause = sg_prng_below(&core->prng, SOON_NS);
    b->open_at = sg_time_min(b->open_at, sg_time_add(core->now, pause));
}

/* No result: after a heal many are busy fetching. Another neighbour may have time, a few times. */
static void try_again(struct sg_core *core, struct sg_backfill *b)
{
    core->stats.backfill_failed++;
    if (b->failures == RETRIES)
        return;
    uint64_t pause = sg_prng_jitter(&core->prng, SOON_NS << b->failures, 50);
    b->failures++;
    b->open_at = sg_time_min(b->open_at, sg_time_add(core->now, pause));
}

/* ---- frames ---- */

#define BODY_MAX (64 + 17 * SG_REC_PIECE_MAX)

static void send_msg(struct sg_core *core, const struct sg_scope *scope,
                     const struct sg_peer_id *peer, const struct sg_rec_msg *msg)
{
    struct sg_frame_head head = {.family = SG_FAMILY_RECONCILE, .scope = scope->topic};
    struct sg_writer w;
    struct sg_buf *frame = sg_frame_begin(core, &head, BODY_MAX + 8u * msg->id_count, &w);
    if (frame == NULL)
        return;
    sg_rec_msg_encode(&w, msg);
    sg_frame_send(core, peer, SG_LANE_PUBSUB, &scope->topic, sg_frame_end(frame, &w));
}

void sg_session_send(struct sg_core *core, struct sg_scope *scope, const struct sg_session *s,
                     const struct sg_rec_msg *msg)
{
    struct sg_rec_msg numbered = *msg;
    numbered.session = s->number;
    if (sg_link_find(core, &s->peer) != NULL)
        send_msg(core, scope, &s->peer, &numbered);
}

static void send_done(struct sg_core *core, const struct sg_scope *scope,
                      const struct sg_peer_id *peer, uint32_t number, enum sg_rec_reason reason)
{
    struct sg_rec_msg done = {.kind = SG_REC_DONE, .session = number, .reason = reason};
    send_msg(core, scope, peer, &done);
}

/* ---- the set ---- */

/* K1, K2 = HKDF(link's secret, salt = both nonces, info = label, topic, opener). */
static sg_err make_keys(struct sg_core *core, const struct sg_scope *scope,
                        const struct sg_link *link, struct sg_session *s)
{
    uint8_t bytes[SG_RIBLT_KEYS_LEN];
    uint8_t salt[8];
    uint8_t info[16 + 2 * SG_ID_LEN];
    struct sg_writer w = sg_writer(salt, sizeof(salt));
    sg_write_u32(&w, s->number);
    sg_write_u32(&w, s->nonce);
    w = sg_writer(info, sizeof(info));
    sg_write_bytes(&w, SG_BYTES_LIT("saorsa riblt v1"));
    sg_write_bytes(&w, sg_bytes(scope->topic.b, SG_ID_LEN));
    const struct sg_peer_id *opener = s->is_opener ? &core->config.self : &link->peer;
    sg_write_bytes(&w, sg_bytes(opener->b, SG_ID_LEN));
    SG_TRY(core->config.suite->kdf(sg_bytes(link->secret, sizeof(link->secret)),
                                   sg_bytes(salt, sizeof(salt)), sg_bytes(info, w.len), bytes,
                                   sizeof(bytes)));
    s->keys = sg_riblt_keys(bytes);
    memset(bytes, 0, sizeof(bytes));
    return SG_OK;
}

static sg_err give_set(struct sg_core *core, struct sg_scope *scope, struct sg_session *s)
{
    const struct sg_mem *mem = core->config.mem;
    uint32_t most = sg_history_count(scope);
    uint32_t at = 0;
    struct sg_rec_in set = {.kind = SG_REC_IN_SET, .keys = s->keys};
    uint64_t *ids = sg_mem_new(mem, most > 0 ? most : 1, sizeof(*ids));
    if (ids == NULL)
        return SG_ERR_NO_MEMORY;
    const struct sg_msg_id *id = sg_history_next_id(scope, s->from, s->to, &at);
    for (; id != NULL; id = sg_history_next_id(scope, s->from, s->to, &at))
        ids[set.count++] = sg_siphash_id(&s->keys.id, id->b);
    set.ids = ids;
    s->serve_left = set.count;
    struct sg_rec_outbox none;
    sg_err err = sg_rec_input(&s->rec, core->now, &set, &none);
    sg_mem_free(mem, ids);
    return err;
}

/* ---- sessions ---- */

/* The comparison of a session of ours has ended. */
static void compared(struct sg_core *core, struct sg_scope *scope, struct sg_session *s, sg_err err)
{
    struct sg_link *link = sg_link_find(core, &s->peer);
    s->is_comparing = false;
    if (err != SG_OK) {
        try_again(core, scope->backfill);
        sg_rec_fini(&s->rec);
        sg_session_close(core, scope, s);
        return;
    }
    uint64_t difference = (uint64_t)s->rec.theirs_count + s->rec.ours_count;
    core->stats.backfill_sessions++;
    scope->backfill->failures = 0;
    if (link != NULL)
        link->difference = sg_rec_smooth(
            link->difference, difference < UINT32_MAX ? (uint32_t)difference : UINT32_MAX);
    sg_fetch_begin(core, scope, s);
}

/* One step of the machine with all its outputs. The session may be gone afterwards. */
static sg_err feed(struct sg_core *core, struct sg_scope *scope, struct sg_session *s,
                   const struct sg_rec_in *in)
{
    struct sg_rec_outbox box;
    sg_err ended = SG_ERR_NOT_FOUND;
    sg_err err = sg_rec_input(&s->rec, core->now, in, &box);
    for (size_t i = 0; i < box.count; i++) {
        struct sg_rec_out *out = &box.out[i];
        if (out->kind != SG_REC_OUT_SEND) {
            ended = out->err;
            continue;
        }
        if (out->msg.kind == SG_REC_SKETCH) {
            out->msg.from = s->from;
            out->msg.nonce = s->nonce;
        }
        sg_session_send(core, scope, s, &out->msg);
    }
    if (err == SG_ERR_NO_MEMORY)
        ended = err;
    if (ended == SG_ERR_NOT_FOUND)
        return err;
    if (s->is_opener) {
        compared(core, scope, s, ended);
        return SG_OK;
    }
    /* what was offered or wanted is still to come */
    sg_rec_fini(&s->rec);
    s->is_comparing = false;
    if (ended != SG_OK)
        sg_session_close(core, scope, s);
    return SG_OK;
}

static struct sg_session *session_new(struct sg_core *core, const struct sg_link *link,
                                      bool is_opener)
{
    struct sg_rec_config config = sg_rec_config_default(core->config.mem);
    struct sg_session *s = sg_mem_new(core->config.mem, 1, sizeof(*s));
    if (s == NULL)
        return NULL;
    s->peer = link->peer;
    s->is_opener = is_opener;
    s->is_comparing = true;
    s->begun_at = core->now;
    s->heard_at = core->now;
    s->serve_due = SG_TIME_NEVER;
    sg_rec_init(&s->rec, &config, core->now);
    return s;
}

static void open_session(struct sg_core *core, struct sg_scope *scope, struct sg_link *link)
{
    struct sg_backfill *b = scope->backfill;
    struct sg_session *s = session_new(core, link, true);
    uint32_t at = 0;
    if (s == NULL)
        return;
    s->number = ++link->sessions;
    s->from = sg_history_floor(core, scope);
    s->to = sg_slot_of(core->wall_ms) - SLOTS_TOO_NEW;
    if (s->from >= s->to) {
        session_free(core, s);
        return;
    }
    struct sg_rec_in open = {.kind = SG_REC_IN_OPEN,
                             .number = s->number,
                             .from = s->from,
                             .to = s->to,
                             .estimate = link->difference / 4};
    while (sg_history_next_id(scope, s->from, s->to, &at) != NULL)
        open.count++;
    b->mine = s;
    b->last = link->peer;
    (void)feed(core, scope, s, &open);
}

/* A place for a session of a peer: its own earlier one's, a free one, or of one that only lingers.
 * NULL: there is none. */
static struct sg_session **place_for(struct sg_core *core, struct sg_scope *scope,
                                     const struct sg_peer_id *peer)
{
    struct sg_backfill *b = scope->backfill;
    struct sg_session **place = NULL;
    for (size_t i = 0; i < SG_SESSIONS_MAX; i++) {
        struct sg_session *s = b->theirs[i];
        if (s != NULL && sg_peer_id_equal(&s->peer, peer)) {
            place = &b->theirs[i];
            break;
        }
        bool is_idle =
            s == NULL || (!s->is_comparing && !s->is_waiting && s->serve_due == SG_TIME_NEVER);
        if (is_idle && (place == NULL || (*place != NULL && s == NULL)))
            place = &b->theirs[i];
    }
    if (place != NULL && *place != NULL) {
        session_free(core, *place);
        *place = NULL;
    }
    return place;
}

/* The same OPEN twice: see is_repeated. */
static bool is_open(const struct sg_core *core, const struct sg_backfill *b,
                    const struct sg_link *link, const struct sg_rec_msg *msg)
{
    for (size_t i = 0; i < SG_SESSIONS_MAX; i++) {
        const struct sg_session *s = b->theirs[i];
        if (s != NULL && s->number == msg->session && sg_peer_id_equal(&s->peer, &link->peer))
            return sg_time_since(core->now, s->heard_at) < REPEAT_NS;
    }
    return false;
}

static void answer_open(struct sg_core *core, struct sg_link *link, struct sg_scope *scope,
                        const struct sg_rec_msg *msg)
{
    struct sg_backfill *b = backfill_of(core, scope);
    if (b != NULL && is_open(core, b, link, msg))
        return;
    bool may = sg_bucket_take(&link->opens, core->now, OPENS_RATE, OPENS_BURST);
    struct sg_session **place = NULL;
    may = may && sg_hpv_is_active(&scope->hpv, &link->peer);
    if (b != NULL && may && core->config.retention_ns > 0 && !sg_backfill_is_fetching(b))
        place = place_for(core, scope, &link->peer);
    struct sg_session *s = place == NULL ? NULL : session_new(core, link, false);
    if (s == NULL) {
        send_done(core, scope, &link->peer, msg->session, SG_REC_BUSY);
        return;
    }
    *place = s;
    core->stats.backfill_answered++;
    sg_history_trim(core, scope);
    uint32_t floor = sg_history_floor(core, scope);
    s->number = msg->session;
    s->from = msg->from > floor ? msg->from : floor;
    s->to = msg->to;
    s->nonce = ++link->sessions;
    struct sg_rec_in in = {.kind = SG_REC_IN_MESSAGE, .msg = msg};
    sg_err err = make_keys(core, scope, link, s);
    if (err == SG_OK)
        err = give_set(core, scope, s);
    if (err == SG_OK)
        err = feed(core, scope, s, &in);
    if (err == SG_OK)
        return;
    send_done(core, scope, &link->peer, msg->session, SG_REC_GAVE_UP);
    if (*place == s)
        sg_session_close(core, scope, s);
}

/* The answering side keeps less than was asked about: so do we. */
static sg_err take_slots(struct sg_core *core, struct sg_scope *scope, const struct sg_link *link,
                         struct sg_session *s, const struct sg_rec_msg *msg)
{
    if (msg->from < s->from)
        return SG_ERR_PROTOCOL;
    s->from = msg->from;
    s->nonce = msg->nonce;
    s->has_slots = true;
    SG_TRY(make_keys(core, scope, link, s));
    return give_set(core, scope, s);
}

static struct sg_session *find_session(const struct sg_scope *scope, const struct sg_link *link,
                                       const struct sg_rec_msg *msg)
{
    const struct sg_backfill *b = scope->backfill;
    bool of_opener = msg->kind == SG_REC_MORE || msg->kind == SG_REC_LIST || msg->by_opener;
    if (b == NULL)
        return NULL;
    if (!of_opener) {
        bool is_mine = b->mine != NULL && b->mine->number == msg->session &&
                       sg_peer_id_equal(&b->mine->peer, &link->peer);
        return is_mine ? b->mine : NULL;
    }
    for (size_t i = 0; i < SG_SESSIONS_MAX; i++) {
        struct sg_session *s = b->theirs[i];
        if (s != NULL && s->number == msg->session && sg_peer_id_equal(&s->peer, &link->peer))
            return s;
    }
    return NULL;
}

/* Whether the same message came just before: no step of a comparison repeats itself. A link that
 * gives a frame twice is nobody's fault. */
static bool is_repeated(struct sg_session *s, const struct sg_rec_msg *msg)
{
    uint64_t mark = (uint64_t)msg->kind + 1;
    const uint64_t parts[] = {msg->upto,     msg->index,
                              msg->nonce,    msg->symbol_count,
                              msg->id_count, msg->id_count > 0 ? msg->ids[0] : 0};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        mark = mark * UINT64_C(0x9e3779b97f4a7c15) + parts[i];
    bool is_same = mark == s->last_mark;
    s->last_mark = mark;
    return is_same;
}

static sg_err compare(struct sg_core *core, struct sg_link *link, struct sg_scope *scope,
                      struct sg_session *s, const struct sg_rec_msg *msg)
{
    struct sg_rec_in in = {.kind = SG_REC_IN_MESSAGE, .msg = msg};
    if (!s->is_comparing || is_repeated(s, msg))
        return SG_OK; /* the former: it crossed our DONE */
    if (s->is_opener && msg->kind == SG_REC_SKETCH && !s->has_slots)
        SG_TRY(take_slots(core, scope, link, s, msg));
    s->heard_at = core->now; /* the machine refuses what does not lead on */
    return feed(core, scope, s, &in);
}

static sg_err session_message(struct sg_core *core, struct sg_link *link, struct sg_scope *scope,
                              struct sg_session *s, const struct sg_rec_msg *msg)
{
    switch (msg->kind) {
    case SG_REC_OFFER:
        sg_fetch_offered(core, scope, s, msg);
        return SG_OK;
    case SG_REC_WANT:
        sg_fetch_wanted(core, scope, s, msg);
        return SG_OK;
    case SG_REC_SENT:
        sg_fetch_sent(core, scope, s);
        return SG_OK;
    case SG_REC_DONE:
        if (s->is_comparing)
            return compare(core, link, scope, s, msg);
        /* the other side has what it wanted */
        s->awaits = false;
        if (s->is_opener && !s->is_waiting)
            sg_session_close(core, scope, s);
        return SG_OK;
    case SG_REC_OPEN:
    case SG_REC_SKETCH:
    case SG_REC_SYMBOLS:
    case SG_REC_MORE:
    case SG_REC_LIST:
    case SG_REC_IDS:
        return compare(core, link, scope, s, msg);
    }
    return SG_OK;
}

void sg_backfill_receive(struct sg_core *core, struct sg_link *link, struct sg_scope *scope,
                         struct sg_reader *r)
{
    struct sg_rec_msg msg;
    struct sg_rec_room room;
    sg_err err = sg_rec_msg_decode(r, &msg, &room);
    if (err != SG_OK) {
        sg_refuse(core, link, NULL, err);
        return;
    }
    if (msg.kind == SG_REC_OPEN) {
        answer_open(core, link, scope, &msg);
        return;
    }
    struct sg_session *s = find_session(scope, link, &msg);
    if (s == NULL)
        return; /* over meanwhile */
    struct sg_backfill *b = scope->backfill;
    err = session_message(core, link, scope, s, &msg);
    if (err == SG_OK)
        return;
    if (sg_err_class_of(err) == SG_ERR_CLASS_PEER)
        sg_refuse(core, link, NULL, err);
    if (s == b->mine)
        try_again(core, b);
    sg_session_close(core, scope, s);
}

/* ---- time ---- */

void sg_backfill_neighbor(struct sg_core *core, struct sg_scope *scope,
                          const struct sg_peer_id *peer)
{
    if (scope->is_base || core->config.retention_ns == 0)
        return;
    struct sg_backfill *b = backfill_of(core, scope);
    if (b == NULL)
        return;
    b->has_news = true;
    b->news = *peer;
    sg_backfill_soon(core, b);
}

void sg_backfill_subscribed(struct sg_core *core, struct sg_scope *scope)
{
    if (scope->backfill != NULL)
        sg_backfill_soon(core, scope->backfill);
}

static void open_timeout(struct sg_core *core, struct sg_scope *scope)
{
    struct sg_backfill *b = scope->backfill;
    if (core->now < b->open_at || b->mine != NULL || sg_backfill_is_fetching(b))
        return;
    b->open_at = sg_time_add(
        core->now, sg_prng_jitter(&core->prng, core->config.backfill_interval_ns, JITTER_PERCENT));
    sg_history_trim(core, scope);
    if (scope->subscriptions == 0)
        return; /* it has published here, and relays: what others say is not for it */
    struct sg_link *link = sg_backfill_choose(core, scope);
    if (b->tell_left > 0 || b->has_news)
        sg_backfill_soon(core, b);
    if (link != NULL && link->state == SG_LINK_UP)
        open_session(core, scope, link);
}

static sg_time_ns ends_at(const struct sg_session *s)
{
    sg_time_ns limit = sg_time_add(s->begun_at, SESSION_NS);
    /* the pause between two bytes served is this node's own */
    bool is_serving = s->serve_due != SG_TIME_NEVER;
    return is_serving ? limit : sg_time_min(limit, sg_time_add(s->heard_at, PATIENCE_NS));
}

static sg_time_ns session_due(const struct sg_session *s)
{
    sg_time_ns due = sg_time_min(ends_at(s), s->serve_due);
    return s->is_comparing ? sg_time_min(due, sg_rec_deadline(&s->rec)) : due;
}

/* It was this node that waited: another neighbour is asked. Who only stopped asking, or has gone,
 * held nobody up. */
static void give_up(struct sg_core *core, struct sg_scope *scope, struct sg_session *s)
{
    bool has_waited = s->is_waiting || (s->is_opener && (s->is_comparing || s->awaits));
    bool is_news = has_waited && !sg_backfill_avoids(core, scope->backfill, &s->peer);
    if (is_news && sg_link_find(core, &s->peer) != NULL)
        sg_backfill_avoid(core, scope->backfill, &s->peer);
    if (is_news && s->is_waiting)
        sg_backfill_soon(core, scope->backfill);
    if (s->is_opener && s->is_comparing)
        try_again(core, scope->backfill);
    sg_session_close(core, scope, s);
}

static void session_timeout(struct sg_core *core, struct sg_scope *scope, struct sg_session *s)
{
    static const struct sg_rec_in timeout = {.kind = SG_REC_IN_TIMEOUT};
    if (s == NULL || core->now < session_due(s))
        return;
    if (sg_link_find(core, &s->peer) == NULL || core->now >= ends_at(s)) {
        give_up(core, scope, s);
        return;
    }
    if (core->now >= s->serve_due) {
        s->heard_at = core->now;
        sg_fetch_serve(core, scope, s);
    }
    if (s->is_comparing && sg_rec_deadline(&s->rec) <= core->now)
        (void)feed(core, scope, s, &timeout);
}

void sg_backfill_timeout(struct sg_core *core, struct sg_scope *scope)
{
    struct sg_backfill *b = scope->backfill;
    if (b == NULL)
        return;
    session_timeout(core, scope, b->mine);
    for (size_t i = 0; i < SG_SESSIONS_MAX; i++)
        session_timeout(core, scope, b->theirs[i]);
    open_timeout(core, scope);
}

sg_time_ns sg_backfill_deadline(const struct sg_scope *scope)
{
    const struct sg_backfill *b = scope->backfill;
    if (b == NULL)
        return SG_TIME_NEVER;
    bool may_open = b->mine == NULL && !sg_backfill_is_fetching(b);
    sg_time_ns at = may_open ? b->open_at : SG_TIME_NEVER;
    if (b->mine != NULL)
        at = sg_time_min(at, session_due(b->mine));
    for (size_t i = 0; i < SG_SESSIONS_MAX; i++) {
        if (b->theirs[i] != NULL)
            at = sg_time_min(at, session_due(b->theirs[i]));
    }
    return at;
}
