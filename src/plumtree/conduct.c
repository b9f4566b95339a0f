#include <assert.h>

#include "plumtree/state.h"

/* The neighbours are looked at so often; score.h's limits are multiples of it. */
#define REVIEW_NS (20 * SG_NS_PER_S)
/* GossipSub v1.1: opportunistic grafting once a minute. */
#define MEDIAN_NS (60 * SG_NS_PER_S)
/* GRAFTs at once to a neighbour that has answered none, and as the reward of answers. */
#define ASKS_FIRST 64
#define ASKS_MAX 1024
/* Tokens that answers give. */
#define ASKS_PER_ANSWER 2
/* What its own bucket lets a neighbour ask, twice, because its clock is not ours. */
#define REFUSED_MAX (2 * ASKS_MAX)

struct sg_pt_extra *sg_pt_conduct_extra(struct sg_pt *m, struct sg_pt_peer *peer)
{
    if (peer->extra != NULL)
        return peer->extra;
    struct sg_pt_extra *extra = sg_mem_new(m->config.mem, 1, sizeof(*extra));
    if (extra == NULL)
        return NULL;
    sg_bucket_init(&extra->frames, m->now, 2 * m->config.ihave_frames);
    sg_bucket_init(&extra->ids, m->now, 2 * m->config.ihave_ids);
    sg_bucket_init(&extra->asks, m->now, ASKS_FIRST);
    sg_bucket_init(&extra->refused, m->now, REFUSED_MAX);
    extra->credited = m->total + m->own;
    peer->extra = extra;
    return extra;
}

void sg_pt_conduct_free(struct sg_pt *m, struct sg_pt_peer *peer)
{
    if (peer->extra != NULL) {
        m->promises -= peer->extra->promise_count;
        sg_mem_free(m->config.mem, peer->extra->promises);
        sg_mem_free(m->config.mem, peer->extra->unwanted);
    }
    sg_mem_free(m->config.mem, peer->extra);
    peer->extra = NULL;
}

/* ---- the score ---- */

int32_t sg_pt_conduct_value(const struct sg_pt *m, const struct sg_pt_peer *peer)
{
    struct sg_score now = peer->score;
    sg_score_decay(&now, m->now);
    return sg_score_value(&now, &m->config.weights, m->now);
}

bool sg_pt_conduct_reaches(const struct sg_pt *m, const struct sg_pt_peer *peer, int32_t min)
{
    return !sg_score_is_marked(&peer->score) || sg_pt_conduct_value(m, peer) >= min;
}

/* A contact is what keeps a node linked when all others are attackers: only what proves that it is
 * one of them counts. */
static bool is_to_go(const struct sg_pt *m, const struct sg_pt_peer *peer)
{
    struct sg_score now = peer->score;
    sg_score_decay(&now, m->now);
    if (now.is_trusted)
        now = (struct sg_score){.invalid = now.invalid, .since = SG_TIME_NEVER};
    return sg_score_value(&now, &m->config.weights, m->now) < m->config.weights.accept_min;
}

void sg_pt_conduct_note(struct sg_pt *m, struct sg_pt_peer *peer, enum sg_score_event event,
                        struct sg_pt_outbox *out)
{
    sg_score_note(&peer->score, m->now, event, m->total);
    m->stats.faults += event == SG_SCORE_FAULT ? 1 : 0;
    if (event == SG_SCORE_FIRST || event == SG_SCORE_MISSING || peer->is_put_away)
        return;
    if (!is_to_go(m, peer))
        return;
    peer->is_put_away = true;
    m->stats.put_away++;
    (void)sg_pt_emit(out, SG_PT_OUT_PUT_AWAY, &peer->id);
}

void sg_pt_conduct_crowds(struct sg_pt *m)
{
    for (uint32_t i = 0; i < m->peers_count; i++) {
        struct sg_pt_peer *peer = &m->peers[i];
        peer->score.crowd = 0;
        for (uint32_t k = 0; k < m->peers_count && peer->group != 0; k++)
            peer->score.crowd =
                (uint16_t)(peer->score.crowd + (m->peers[k].group == peer->group ? 1 : 0));
    }
}

/* ---- announcements ---- */

/* Each message that comes from anywhere is announced by each neighbour once, at most. */
static void credit(const struct sg_pt *m, struct sg_pt_extra *extra)
{
    uint64_t came = m->total + m->own - extra->credited;
    uint64_t full = 2000 * (uint64_t)m->config.ihave_ids;
    extra->credited += came;
    came = came > full ? full : came * SG_SCORE_ONE;
    extra->ids.milli += came;
    extra->frames.milli += came;
}

static bool spend(struct sg_bucket *bucket, sg_time_ns now, uint32_t rate, uint64_t count)
{
    if (sg_bucket_level(bucket, now, rate, 2 * rate) < 1000 * count)
        return false;
    bucket->milli -= 1000 * count;
    return true;
}

/* Takes an id off the list; false: it is not on it. */
static bool unwatch(struct sg_pt *m, struct sg_pt_extra *extra, const struct sg_msg_id *id)
{
    uint8_t i = 0;
    while (i < extra->promise_count && !sg_msg_id_equal(&extra->promises[i].id, id))
        i++;
    if (i == extra->promise_count)
        return false;
    extra->promises[i] = extra->promises[--extra->promise_count];
    m->promises--;
    return true;
}

static void settle(struct sg_pt *m, struct sg_pt_peer *peer, struct sg_pt_outbox *out)
{
    struct sg_pt_extra *extra = peer->extra;
    for (uint8_t i = extra->promise_count; i-- > 0;) {
        if (extra->promises[i].due > m->now)
            continue;
        extra->promises[i] = extra->promises[--extra->promise_count];
        m->promises--;
        m->stats.promises_broken++;
        sg_pt_conduct_note(m, peer, SG_SCORE_BROKEN, out);
    }
}

bool sg_pt_conduct_may_announce(struct sg_pt *m, struct sg_pt_peer *peer, size_t count,
                                struct sg_pt_outbox *out)
{
    struct sg_pt_extra *extra = sg_pt_conduct_extra(m, peer);
    if (extra == NULL)
        return true;
    credit(m, extra);
    if (extra->promise_count > 0)
        settle(m, peer, out);
    /* many small frames are what an honest neighbour sends while nothing comes from elsewhere */
    bool is_slow = spend(&extra->frames, m->now, m->config.ihave_frames, 1);
    if (is_slow && !spend(&extra->ids, m->now, m->config.ihave_ids, count)) {
        is_slow = false;
        sg_pt_conduct_note(m, peer, SG_SCORE_FAULT, out);
    }
    if (is_slow && sg_pt_conduct_reaches(m, peer, m->config.weights.gossip_min))
        return true;
    m->stats.ihaves_refused += count;
    return false;
}

/* Nothing was read meanwhile, so nothing can be held against anybody. */
void sg_pt_conduct_slept(struct sg_pt *m, uint64_t ns)
{
    for (uint32_t i = 0; i < m->peers_count; i++) {
        struct sg_pt_extra *extra = m->peers[i].extra;
        for (uint8_t k = 0; extra != NULL && k < extra->promise_count; k++)
            extra->promises[k].due = sg_time_add(extra->promises[k].due, ns);
    }
}

void sg_pt_came(struct sg_pt *m, const struct sg_msg_id *id)
{
    sg_pt_conduct_kept(m, id, SG_PT_TAG_NONE);
}

/* Its other answers wait behind this one, in vain as well. */
void sg_pt_conduct_postponed(struct sg_pt *m, struct sg_pt_peer *peer, const struct sg_msg_id *id)
{
    sg_time_ns due = sg_time_add(m->now, m->config.promise_ns);
    sg_pt_conduct_kept(m, id, SG_PT_TAG_NONE);
    for (uint8_t k = 0; peer->extra != NULL && k < peer->extra->promise_count; k++)
        peer->extra->promises[k].due = due;
}

void sg_pt_conduct_kept(struct sg_pt *m, const struct sg_msg_id *id, uint32_t by)
{
    for (uint32_t i = 0; i < m->peers_count && m->promises > 0; i++) {
        struct sg_pt_peer *peer = &m->peers[i];
        if (peer->extra == NULL || !unwatch(m, peer->extra, id))
            continue;
        m->stats.promises_kept++;
        if (peer->tag == by)
            sg_score_note(&peer->score, m->now, SG_SCORE_KEPT, m->total);
    }
}

bool sg_pt_conduct_may_ask(struct sg_pt *m, struct sg_pt_peer *peer)
{
    struct sg_pt_extra *extra = sg_pt_conduct_extra(m, peer);
    return extra == NULL || sg_bucket_level(&extra->asks, m->now, m->config.asks, ASKS_MAX) >= 1000;
}

/* An id counts as promised when the neighbour is asked for it: what this node had no time to ask
 * for nobody could keep. Without memory nothing is watched. */
static void watch(struct sg_pt *m, struct sg_pt_extra *extra, const struct sg_msg_id *id)
{
    for (uint8_t i = 0; i < extra->promise_count; i++) {
        if (sg_msg_id_equal(&extra->promises[i].id, id))
            return;
    }
    if (extra->promises == NULL)
        extra->promises = sg_mem_new(m->config.mem, SG_PT_PROMISES_MAX, sizeof(*extra->promises));
    if (extra->promises == NULL || extra->promise_count == SG_PT_PROMISES_MAX)
        return;
    extra->promises[extra->promise_count++] =
        (struct sg_pt_promise){*id, sg_time_add(m->now, m->config.promise_ns)};
    m->promises++;
}

void sg_pt_conduct_asked(struct sg_pt *m, struct sg_pt_peer *peer, const struct sg_msg_id *id)
{
    struct sg_pt_extra *extra = peer->extra;
    if (extra == NULL)
        return;
    if (extra->asks.milli >= 1000)
        extra->asks.milli -= 1000;
    watch(m, extra, id);
}

/* Neither kept nor broken: an honest neighbour under load lets go of what it announced. Who says so
 * of everything gives up what answers earn: it is asked ten times a second, and last. */
void sg_pt_conduct_denied(struct sg_pt *m, struct sg_pt_peer *peer, const struct sg_msg_id *id)
{
    if (peer->extra != NULL)
        (void)unwatch(m, peer->extra, id);
}

void sg_pt_conduct_answered(struct sg_pt *m, struct sg_pt_peer *peer)
{
    (void)m;
    if (peer->extra != NULL && peer->extra->asks.milli < 1000 * (ASKS_MAX - ASKS_PER_ANSWER))
        peer->extra->asks.milli += 1000 * ASKS_PER_ANSWER;
}

void sg_pt_conduct_refused(struct sg_pt *m, struct sg_pt_peer *peer, struct sg_pt_outbox *out)
{
    struct sg_pt_extra *extra = sg_pt_conduct_extra(m, peer);
    if (extra != NULL && !sg_bucket_take(&extra->refused, m->now, 2 * m->config.asks, REFUSED_MAX))
        sg_pt_conduct_note(m, peer, SG_SCORE_FAULT, out);
}

void sg_pt_conduct_served(struct sg_pt_peer *peer)
{
    if (peer->extra != NULL && peer->extra->refused.milli < 1000 * (REFUSED_MAX - ASKS_PER_ANSWER))
        peer->extra->refused.milli += 1000 * ASKS_PER_ANSWER;
}

/* ---- the review ---- */

/* Insertion into a sorted list: a handful of numbers. */
static void insert(int32_t *values, size_t count, int32_t value)
{
    size_t at = count;
    for (; at > 0 && values[at - 1] > value; at--)
        values[at] = values[at - 1];
    values[at] = value;
}

/* The best neighbour outside the tree that is better than min; NULL = none. */
static struct sg_pt_peer *best_outside(struct sg_pt *m, int32_t min)
{
    struct sg_pt_peer *best = NULL;
    for (uint32_t i = 0; i < m->peers_count; i++) {
        struct sg_pt_peer *peer = &m->peers[i];
        if (sg_pt_peer_is_linked(peer) || sg_pt_peer_is_in_backoff(m, peer))
            continue;
        int32_t value = sg_pt_conduct_value(m, peer);
        if (value <= min)
            continue;
        best = peer;
        min = value;
    }
    return best;
}

/* GossipSub v1.1's opportunistic grafting: when the median of the neighbours in the tree is bad,
 * one above it is added. The cycle that it closes is cut at its worst link. */
static void improve(struct sg_pt *m, struct sg_pt_outbox *out)
{
    int32_t values[SG_PT_PEERS_HARD];
    size_t count = 0;
    if (m->now < m->median_at || m->eager_count == 0)
        return;
    for (uint32_t i = 0; i < m->peers_count; i++) {
        if (sg_pt_peer_is_linked(&m->peers[i]))
            insert(values, count++, sg_pt_conduct_value(m, &m->peers[i]));
    }
    assert(count == m->eager_count);
    int32_t median = values[count / 2];
    struct sg_pt_peer *better = median < 0 ? best_outside(m, median) : NULL;
    if (better == NULL)
        return;
    m->median_at = sg_time_add(m->now, MEDIAN_NS);
    m->stats.median_grafts++;
    sg_pt_peer_graft(m, better, NULL, out);
}

void sg_pt_conduct_review(struct sg_pt *m, struct sg_pt_outbox *out)
{
    if (m->now < m->review_at)
        return;
    m->review_at = sg_time_add(m->now, REVIEW_NS);
    for (uint32_t i = 0; i < m->peers_count; i++) {
        struct sg_pt_peer *peer = &m->peers[i];
        if (!peer->is_eager || sg_score_is_source(&peer->score, m->now, m->total))
            continue;
        peer->is_eager = false;
        peer->is_fed = true;
        m->stats.sources_lost++;
    }
    improve(m, out);
}
