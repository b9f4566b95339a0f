/* What a session of back-fill has found to differ is fetched: each side asks for what it lacks, a
 * slice at a time, and gets KEY, ROOT and GOSSIP as the author made them. The one who asks sets the
 * pace. The one who serves has a budget for each link, over all topics, sessions and WANTs: what
 * it sends and what it looks through are both paid from it, and 64 KiB at most go out between two
 * pauses, so that old messages never fill the lane that new ones need. A WANT waits for its turn.
 * No session is served more messages than were compared in it. */
#include "node/backfill.h"

/* Ids in one WANT: what a budget of bytes serves in a second or so. */
#define SLICE_MAX 256
/* Ids this node wants in one session: the next one brings the rest. */
#define WANTS_MAX 16384
/* 64 KiB every 50 ms are 1.3 MB/s, of the order that repair may take (threats.md 13). */
#define SERVE_BYTES 65536
#define SERVE_PAUSE_NS (50 * SG_NS_PER_MS)
/* The same for a link, in KiB, and at once: some turns. A pass over so many messages of the history
 * counts as a KiB sent: over a full one, a millisecond or two, as what goes out between two pauses.
 * A turn begins when all of it can be paid for: a pass, 64 KiB, and a message more. */
#define SERVE_RATE 1280
#define SERVE_BURST 320
#define PASS_PER_KIB 1024
#define TURN_KIB 200

static bool is_fetching(const struct sg_session *s)
{
    return s != NULL && s->is_waiting;
}

bool sg_backfill_is_fetching(const struct sg_backfill *b)
{
    bool any = is_fetching(b->mine);
    for (size_t i = 0; i < SG_SESSIONS_MAX; i++)
        any = any || is_fetching(b->theirs[i]);
    return any;
}

static int64_t find(const uint64_t *ids, uint32_t count, uint64_t id)
{
    uint32_t low = 0;
    uint32_t high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (ids[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && ids[low] == id ? (int64_t)low : -1;
}

/* Only what was asked for so far: an answer cannot come before. */
static bool expects(const struct sg_session *s, const struct sg_msg_id *id)
{
    if (s->want_at == 0)
        return false;
    return find(s->wants, s->want_count, sg_siphash_id(&s->keys.id, id->b)) >= 0;
}

/* ---- wanting ---- */

/* Asks for the next slice; at the end of all of them the session may be over. */
static void ask(struct sg_core *core, struct sg_scope *scope, struct sg_session *s)
{
    struct sg_rec_msg msg = {.kind = SG_REC_WANT, .by_opener = s->is_opener};
    uint32_t left = s->want_count - s->want_at;
    if (left > 0) {
        msg.ids = &s->wants[s->want_at];
        msg.id_count = (uint16_t)(left < SLICE_MAX ? left : SLICE_MAX);
        s->want_at += msg.id_count;
        s->is_waiting = true;
        sg_session_send(core, scope, s, &msg);
        return;
    }
    s->is_waiting = false;
    if (s->is_opener) {
        if (!s->awaits)
            sg_session_close(core, scope, s);
        return;
    }
    msg.kind = SG_REC_DONE;
    sg_session_send(core, scope, s, &msg);
}

/* Sorted ids to be fetched; false when out of memory. */
static bool want(struct sg_core *core, struct sg_session *s, const uint64_t *ids, uint32_t count)
{
    uint32_t kept = count < WANTS_MAX ? count : WANTS_MAX;
    if (kept == 0)
        return true;
    s->wants = sg_mem_new(core->config.mem, kept, sizeof(*s->wants));
    if (s->wants == NULL)
        return false;
    memcpy(s->wants, ids, kept * sizeof(*s->wants));
    s->want_count = kept;
    core->stats.backfill_lacking += count;
    return true;
}

static void offer(struct sg_core *core, struct sg_scope *scope, const struct sg_session *s)
{
    const struct sg_rec *rec = &s->rec;
    struct sg_rec_msg msg = {.kind = SG_REC_OFFER, .by_opener = true, .is_last = true};
    /* one frame: the next session brings the rest */
    msg.ids = rec->ours;
    msg.id_count = (uint16_t)(rec->ours_count < SG_REC_IDS_MAX ? rec->ours_count : SG_REC_IDS_MAX);
    core->stats.backfill_offered += msg.id_count;
    sg_session_send(core, scope, s, &msg);
}

void sg_fetch_begin(struct sg_core *core, struct sg_scope *scope, struct sg_session *s)
{
    const struct sg_rec *rec = &s->rec;
    bool may_fetch = !sg_backfill_is_fetching(scope->backfill);
    s->awaits = rec->ours_count > 0;
    if (s->awaits)
        offer(core, scope, s);
    if (may_fetch)
        (void)want(core, s, rec->theirs, rec->theirs_count);
    else if (rec->theirs_count > 0)
        sg_backfill_soon(core, scope->backfill);
    sg_rec_fini(&s->rec);
    ask(core, scope, s);
}

void sg_fetch_offered(struct sg_core *core, struct sg_scope *scope, struct sg_session *s,
                      const struct sg_rec_msg *msg)
{
    if (s->is_opener || s->wants != NULL)
        return;
    /* the search for what has come needs them in order: who sends them otherwise gets nothing */
    const struct sg_backfill *b = scope->backfill;
    if (scope->subscriptions > 0 && !sg_backfill_is_fetching(b) &&
        !sg_backfill_avoids(core, b, &s->peer))
        (void)want(core, s, msg->ids, msg->id_count);
    ask(core, scope, s);
}

void sg_fetch_sent(struct sg_core *core, struct sg_scope *scope, struct sg_session *s)
{
    if (!s->is_waiting)
        return;
    s->heard_at = core->now; /* a slice is done: there are few */
    ask(core, scope, s);
}

/* ---- serving ---- */

void sg_fetch_wanted(struct sg_core *core, struct sg_scope *scope, struct sg_session *s,
                     const struct sg_rec_msg *msg)
{
    if (s->asked_count > 0 || s->serve_at < s->serve_count)
        return; /* one at a time: a second WANT before SENT is nobody's who follows the protocol */
    if (s->serve == NULL)
        s->serve = sg_mem_new(core->config.mem, SG_REC_IDS_MAX, sizeof(*s->serve));
    if (s->asked == NULL)
        s->asked = sg_mem_new(core->config.mem, SG_REC_IDS_MAX, sizeof(*s->asked));
    s->serve_count = 0;
    s->serve_at = 0;
    if (s->serve == NULL || s->asked == NULL)
        return;
    memcpy(s->asked, msg->ids, msg->id_count * sizeof(*s->asked));
    s->asked_count = msg->id_count;
    s->serve_due = s->serve_next > core->now ? s->serve_next : core->now;
    if (s->serve_due == core->now)
        sg_fetch_serve(core, scope, s);
}

static void pay(struct sg_link *link, uint64_t kib)
{
    uint64_t milli = kib * 1000;
    link->serves.milli -= milli < link->serves.milli ? milli : link->serves.milli;
}

/* What is asked for, as far as it is here. */
static void look_up(struct sg_scope *scope, struct sg_link *link, struct sg_session *s)
{
    uint32_t at = 0;
    const struct sg_held *held = sg_history_next(scope, s->from, s->to, &at);
    for (; held != NULL && s->serve_count < s->asked_count && s->serve_count < s->serve_left;
         held = sg_history_next(scope, s->from, s->to, &at)) {
        uint64_t id = sg_siphash_id(&s->keys.id, held->id.b);
        if (find(s->asked, s->asked_count, id) >= 0)
            s->serve[s->serve_count++] = held->id;
    }
    s->serve_left -= s->serve_count;
    s->asked_count = 0;
    pay(link, 1 + at / PASS_PER_KIB);
}

/* Sends as much as goes out between two pauses. */
static void send_some(struct sg_core *core, struct sg_scope *scope, struct sg_link *link,
                      struct sg_session *s)
{
    uint64_t bytes = 0;
    while (s->serve_at < s->serve_count && bytes < SERVE_BYTES) {
        struct sg_held *held = sg_history_get(scope, &s->serve[s->serve_at++]);
        if (held == NULL)
            continue; /* gone for want of room meanwhile */
        bytes += held->gossip->len + held->root->len;
        sg_push_past(core, scope, &s->peer, held);
        core->stats.backfill_served++;
        s->heard_at = core->now;
    }
    pay(link, (bytes + 1023) / 1024);
    core->stats.backfill_bytes_out += bytes;
}

void sg_fetch_serve(struct sg_core *core, struct sg_scope *scope, struct sg_session *s)
{
    struct sg_link *link = sg_link_find(core, &s->peer);
    if (link == NULL)
        return;
    s->serve_next = sg_time_add(core->now, SERVE_PAUSE_NS);
    s->serve_due = s->serve_next;
    if (sg_bucket_level(&link->serves, core->now, SERVE_RATE, SERVE_BURST) < TURN_KIB * 1000)
        return;
    if (s->asked_count > 0)
        look_up(scope, link, s);
    send_some(core, scope, link, s);
    if (s->serve_at < s->serve_count)
        return;
    struct sg_rec_msg sent = {
        .kind = SG_REC_SENT, .by_opener = s->is_opener, .count = s->serve_count};
    s->serve_due = SG_TIME_NEVER;
    sg_session_send(core, scope, s, &sent);
}

/* ---- what comes ---- */

static bool is_awaited(const struct sg_session *s, const struct sg_peer_id *peer,
                       const struct sg_msg_id *id)
{
    return s != NULL && sg_peer_id_equal(&s->peer, peer) && expects(s, id);
}

static struct sg_session *find_awaiting(const struct sg_scope *scope, const struct sg_peer_id *peer,
                                        const struct sg_msg_id *id)
{
    const struct sg_backfill *b = scope->backfill;
    if (b == NULL)
        return NULL;
    if (is_awaited(b->mine, peer, id))
        return b->mine;
    for (size_t i = 0; i < SG_SESSIONS_MAX; i++) {
        if (is_awaited(b->theirs[i], peer, id))
            return b->theirs[i];
    }
    return NULL;
}

bool sg_backfill_expects(const struct sg_scope *scope, const struct sg_peer_id *peer,
                         const struct sg_msg_id *id)
{
    return find_awaiting(scope, peer, id) != NULL;
}

void sg_backfill_again(struct sg_core *core, struct sg_scope *scope)
{
    core->stats.refused_overload++;
    if (scope->backfill != NULL)
        sg_backfill_soon(core, scope->backfill);
}

/* The session may have ended while the signature was checked. */
sg_err sg_backfill_accept(struct sg_core *core, struct sg_scope *scope, const struct sg_copy *from,
                          const struct sg_gossip *msg, struct sg_held *held)
{
    struct sg_session *s = find_awaiting(scope, &from->peer, &held->id);
    if (s != NULL)
        s->heard_at = core->now;
    SG_TRY(sg_windows_accept(&scope->windows, core->config.mem, &held->author, msg->sequence,
                             sg_slot_of(msg->time_ms)));
    core->stats.backfill_received++;
    sg_history_put(core, scope, held);
    sg_past_store(core, scope, held);
    if (held->is_large)
        sg_large_start(core, scope, &from->peer, held);
    else
        sg_deliver(core, scope, &from->peer, held);
    /* announced too: nobody has to be asked for it any more. The others leave no trace in the tree,
     * whose cache is for what is new */
    struct sg_pt_in seen = {
        .kind = SG_PT_IN_REFUSED, .peer = from->peer, .id = held->id, .hop = from->hop};
    if (sg_pt_is_missing(scope->pt, &held->id))
        (void)sg_scope_pt(core, scope, &seen);
    sg_pt_came(scope->pt, &held->id);
    if (scope->backfill == NULL)
        return SG_OK;
    scope->backfill->tell_left = scope->hpv.active_count;
    sg_backfill_soon(core, scope->backfill);
    return SG_OK;
}
