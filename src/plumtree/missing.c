#include <assert.h>

#include "plumtree/state.h"

/* The timer is so many times the longest lead of late; both make early pulls rare. */
#define LEAD_MARGIN 2
#define LEAD_MEMORY_MS UINT64_C(600000)
/* Somebody was asked in vain: for so long the tree is not waited for longer than a round trip.
 * Where neighbours withhold messages, others repair what they lack, so that leads are long and say
 * nothing; a copy too many costs less than a message late. */
#define WARY_NS (30 * SG_NS_PER_S)
/* For so long after a repair, or after somebody was asked in vain, nobody is taken into the tree
 * for the short path that it tells of: who withholds messages tells of the shortest ones. */
#define STEADY_NS (60 * SG_NS_PER_S)
#define DOUBT_NS (600 * SG_NS_PER_S)
/* A GRAFT that waits for the neighbour's earlier answers is tried again after this. */
#define HOLD_NS (100 * SG_NS_PER_MS)

void sg_pt_missing_init(struct sg_pt *m)
{
    m->missing.free = SG_PT_NONE;
    sg_pt_queue_init(&m->missing.orphans);
    sg_index_init(&m->missing.index, &m->keys, sizeof(*m->missing.entries));
}

void sg_pt_missing_fini(struct sg_pt *m)
{
    sg_mem_free(m->config.mem, m->missing.entries);
    sg_mem_free(m->config.mem, m->missing.heap);
    sg_mem_free(m->config.mem, m->missing.advertisers);
    sg_index_fini(&m->missing.index, m->config.mem);
}

/* Replaces an array by a larger one; false when out of memory. */
static bool enlarge(const struct sg_pt *m, void **array, size_t count, size_t size)
{
    void *larger = sg_mem_resize(m->config.mem, *array, count, size);
    if (larger != NULL)
        *array = larger;
    return larger != NULL;
}

/* Room for more entries, as far as memory and the limit allow. An array that has become larger than
 * the others does no harm. */
static void grow(struct sg_pt *m)
{
    struct sg_pt_missing_set *set = &m->missing;
    uint32_t cap = set->cap;
    if (cap == m->config.missing_max)
        return;
    void *entries = set->entries;
    void *heap = set->heap;
    void *advertisers = set->advertisers;
    cap = cap < 8 ? 8 : cap + cap / 2;
    if (cap > m->config.missing_max)
        cap = m->config.missing_max;
    bool ok = sg_index_reserve(&set->index, m->config.mem, cap) == SG_OK &&
              enlarge(m, &heap, cap, sizeof(*set->heap)) &&
              enlarge(m, &advertisers, (size_t)cap * m->config.advertisers_max,
                      sizeof(*set->advertisers)) &&
              enlarge(m, &entries, cap, sizeof(*set->entries));
    set->entries = entries;
    set->heap = heap;
    set->advertisers = advertisers;
    sg_index_pool(&set->index, entries);
    set->cap = ok ? cap : set->cap;
}

static struct sg_pt_missing *find(struct sg_pt *m, const struct sg_msg_id *id)
{
    uint32_t at = sg_index_get(&m->missing.index, id->b);
    return at == SG_INDEX_NONE ? NULL : &m->missing.entries[at];
}

bool sg_pt_is_missing(const struct sg_pt *m, const struct sg_msg_id *id)
{
    return sg_index_get(&m->missing.index, id->b) != SG_INDEX_NONE;
}

static struct sg_pt_advertiser *advertisers_of(struct sg_pt *m, const struct sg_pt_missing *miss)
{
    size_t at = (size_t)(miss - m->missing.entries);
    return m->missing.advertisers + at * m->config.advertisers_max;
}

static struct sg_pt_queue *queue_of(struct sg_pt *m, const struct sg_pt_missing *miss)
{
    struct sg_pt_peer *owner = sg_pt_peer_by_tag(m, miss->owner);
    return owner == NULL ? &m->missing.orphans : &owner->missing;
}

static void drop(struct sg_pt *m, struct sg_pt_missing *miss)
{
    struct sg_pt_missing_set *set = &m->missing;
    uint32_t at = (uint32_t)(miss - set->entries);
    sg_index_remove(&set->index, at);
    sg_pt_due_remove(set, at);
    sg_pt_queue_remove(set->entries, queue_of(m, miss), at);
    miss->newer = set->free;
    set->free = at;
}

void sg_pt_missing_orphan(struct sg_pt *m, const struct sg_pt_peer *peer)
{
    sg_pt_queue_splice(m->missing.entries, &m->missing.orphans, &peer->missing);
}

/* Who has the most waiting loses the oldest: a neighbour that announces what nobody ever sends
 * pushes out its own. False when there is no room at all, for want of memory. */
static bool make_room(struct sg_pt *m)
{
    const struct sg_pt_queue *longest = &m->missing.orphans;
    if (m->missing.count == m->missing.cap)
        grow(m);
    if (m->missing.count < m->missing.cap || m->missing.cap == 0)
        return m->missing.cap > 0;
    for (uint32_t i = 0; i < m->peers_count; i++)
        if (longest->count < m->peers[i].missing.count)
            longest = &m->peers[i].missing;
    m->stats.missing_overflow++;
    drop(m, &m->missing.entries[longest->oldest]);
    return true;
}

static uint32_t take_entry(struct sg_pt_missing_set *set)
{
    uint32_t at = set->free;
    if (at == SG_PT_NONE)
        return set->used++;
    set->free = set->entries[at].newer;
    return at;
}

/* yardsticks.md 10.2: max(2 SRTT + 4 var, observed IHAVE lead). A timer shorter than what the tree
 * usually needs after the announcement pulls what is on its way: iroh-gossip's 80 ms on links of
 * 50 ms cost it 0.7 extra copies of each message. */
static uint64_t first_wait(const struct sg_pt *m, const struct sg_pt_peer *peer)
{
    uint64_t wait = sg_pt_peer_patience(m, peer);
    if (m->now < m->wary_until || sg_pt_guard_brings(m))
        return wait;
    if (wait < LEAD_MARGIN * m->lead_ns)
        wait = LEAD_MARGIN * m->lead_ns;
    return sg_time_min(wait, m->config.graft_max_ns);
}

/* Near the longest lead of the last ten minutes, not the mean: each author's messages have a lead
 * of their own, and a message pulled too early costs copies until a link is pruned again, while one
 * pulled too late costs some time, once. Memory goes by time, not by samples: at 100 messages/s an
 * average over samples has forgotten the far authors before it hears of them again. One minute was
 * too short for authors that take turns every five seconds: 0.07 copies a message instead of 0.02
 * (1 000 nodes). */
static void observe_lead(struct sg_pt *m, uint64_t lead)
{
    uint64_t elapsed_ms = sg_time_since(m->now, m->lead_at) / SG_NS_PER_MS;
    lead = sg_time_min(lead, m->config.graft_max_ns);
    if (m->lead_ns < lead) {
        m->lead_ns += (lead - m->lead_ns) / 2;
        m->lead_at = m->now;
    } else if (elapsed_ms > 0) {
        elapsed_ms = sg_time_min(elapsed_ms, LEAD_MEMORY_MS);
        m->lead_ns -= (m->lead_ns - lead) * elapsed_ms / LEAD_MEMORY_MS;
        m->lead_at = m->now;
    }
}

/* NULL when out of memory: as if it had not been announced. */
static struct sg_pt_missing *add(struct sg_pt *m, struct sg_pt_peer *peer,
                                 const struct sg_msg_id *id)
{
    struct sg_pt_missing_set *set = &m->missing;
    if (!make_room(m))
        return NULL;
    uint32_t at = take_entry(set);
    struct sg_pt_missing *miss = &set->entries[at];
    *miss = (struct sg_pt_missing){
        .id = *id, .owner = peer->tag, .since = m->now, .serial = set->serial++};
    miss->due = sg_time_add(m->now, first_wait(m, peer));
    sg_index_add(&set->index, at);
    sg_pt_due_add(set, at);
    sg_pt_queue_append(set->entries, &peer->missing, at);
    return miss;
}

/* Whom to ask first: contacts, those with nothing against them, those in the tree, because asking
 * them adds no link. */
static int rank_of(const struct sg_pt *m, const struct sg_pt_peer *peer)
{
    return (peer->score.is_trusted ? 4 : 0) +
           (sg_pt_conduct_reaches(m, peer, SG_PT_GOOD_MIN) ? 2 : 0) +
           (sg_pt_peer_is_linked(peer) ? 1 : 0);
}

/* Place in a full list for a neighbour of a rank, or count: in the place of one that is gone, of
 * one that was asked in vain, or of a worse one. Those who announce everything first and send
 * nothing must not be all who are asked. */
static uint32_t place_in_full_list(struct sg_pt *m, const struct sg_pt_missing *miss, int rank)
{
    const struct sg_pt_advertiser *list = advertisers_of(m, miss);
    uint32_t at = miss->count;
    for (uint32_t i = 0; i < miss->count; i++) {
        const struct sg_pt_peer *peer = sg_pt_peer_by_tag(m, list[i].tag);
        if (peer == NULL)
            return i;
        int other = (miss->grafted >> i & 1) != 0 ? -1 : rank_of(m, peer);
        if (other >= rank)
            continue;
        at = i;
        rank = other;
    }
    return at;
}

/* Remembers that peer has it, in the order of announcements. */
static void add_advertiser(struct sg_pt *m, struct sg_pt_missing *miss,
                           const struct sg_pt_peer *peer, uint8_t hop)
{
    struct sg_pt_advertiser *list = advertisers_of(m, miss);
    for (uint32_t i = 0; i < miss->count; i++)
        if (list[i].tag == peer->tag)
            return;
    uint32_t at = miss->count;
    if (at == m->config.advertisers_max)
        at = place_in_full_list(m, miss, rank_of(m, peer));
    if (at == m->config.advertisers_max)
        return;
    list[at] = (struct sg_pt_advertiser){peer->tag, hop};
    miss->asked = (uint16_t)(miss->asked & ~(1U << at));
    miss->grafted = (uint16_t)(miss->grafted & ~(1U << at));
    miss->denied = (uint16_t)(miss->denied & ~(1U << at));
    if (at == miss->count)
        miss->count++;
}

/* An eager neighbour pushes what it has. When it announces, its lane was full, or the message is
 * older than the link: the tree will not bring it from there. */
static void hurry(struct sg_pt *m, struct sg_pt_missing *miss, const struct sg_pt_peer *peer)
{
    sg_time_ns due = sg_time_add(m->now, sg_pt_peer_patience(m, peer));
    if (due >= miss->due)
        return;
    miss->due = due;
    sg_pt_due_moved(&m->missing, (uint32_t)(miss - m->missing.entries));
}

/* More than half of the neighbours have it: the tree is past this node. */
static bool is_all_around(const struct sg_pt *m, const struct sg_pt_missing *miss)
{
    uint32_t count = 0;
    for (uint32_t bits = miss->told; bits != 0; bits &= bits - 1)
        count++;
    return 2 * count > m->peers_count;
}

void sg_pt_missing_announced(struct sg_pt *m, struct sg_pt_peer *peer,
                             const struct sg_pt_have *have)
{
    struct sg_pt_missing *miss = find(m, &have->id);
    sg_pt_conduct_denied(m, peer, &have->id); /* was asked: its answer had no room in the queue */
    if (miss == NULL)
        miss = add(m, peer, &have->id);
    if (miss == NULL)
        return;
    add_advertiser(m, miss, peer, have->hop);
    miss->told |= UINT32_C(1) << peer->slot;
    if (miss->tries == 0 && (sg_pt_peer_is_linked(peer) || is_all_around(m, miss)))
        hurry(m, miss, peer);
}

static bool was_asked(struct sg_pt *m, const struct sg_pt_missing *miss, uint32_t tag)
{
    const struct sg_pt_advertiser *list = advertisers_of(m, miss);
    for (uint32_t i = 0; i < miss->count; i++)
        if (list[i].tag == tag)
            return (miss->grafted >> i & 1) != 0;
    return false;
}

bool sg_pt_missing_is_told(struct sg_pt *m, const struct sg_pt_seen *entry,
                           const struct sg_pt_peer *peer)
{
    const struct sg_pt_missing *miss = m->missing.count > 0 ? find(m, &entry->id) : NULL;
    if (miss == NULL)
        return false;
    const struct sg_pt_advertiser *list = advertisers_of(m, miss);
    for (uint32_t i = 0; i < miss->count; i++)
        if (list[i].tag == peer->tag)
            return !sg_pt_lazy_is_news(m, entry, list[i].hop);
    return false;
}

struct sg_pt_peer *sg_pt_missing_shortest(struct sg_pt *m, const struct sg_msg_id *id, uint8_t *hop)
{
    const struct sg_pt_missing *miss = find(m, id);
    struct sg_pt_peer *best = NULL;
    if (miss == NULL)
        return NULL;
    const struct sg_pt_advertiser *list = advertisers_of(m, miss);
    for (uint32_t i = 0; i < miss->count; i++) {
        struct sg_pt_peer *peer = sg_pt_peer_by_tag(m, list[i].tag);
        if (peer == NULL || sg_pt_peer_is_linked(peer) || (best != NULL && list[i].hop >= *hop))
            continue;
        best = peer;
        *hop = list[i].hop;
    }
    return best;
}

/* It was in the tree when the first announcement came, and should have pushed. Who entered since
 * may have had the message before: what its predecessor did not bring is not its fault. */
static bool has_failed(const struct sg_pt_missing *miss, const struct sg_pt_peer *peer)
{
    return peer->score.since <= miss->since;
}

/* The tree is not optimised for a while. */
static void stay_as_it_is(struct sg_pt *m, uint64_t ns)
{
    if (m->steady_at < sg_time_add(m->now, ns))
        m->steady_at = sg_time_add(m->now, ns);
}

/* Who was asked and did not answer, though there was time, has to be asked last. */
static void blame_silent(struct sg_pt *m, const struct sg_pt_missing *miss, uint32_t parent,
                         struct sg_pt_outbox *out)
{
    const struct sg_pt_advertiser *list = advertisers_of(m, miss);
    for (uint8_t i = 0; i < miss->count; i++) {
        struct sg_pt_peer *peer = sg_pt_peer_by_tag(m, list[i].tag);
        bool is_late = i != miss->last || m->now >= miss->due;
        bool is_silent = ((miss->grafted & ~miss->denied) >> i & 1) != 0;
        if (peer == NULL || peer->tag == parent || !is_late || !is_silent)
            continue;
        m->wary_until = sg_time_add(m->now, WARY_NS);
        stay_as_it_is(m, DOUBT_NS);
        sg_pt_conduct_note(m, peer, SG_SCORE_MISSING, out);
        sg_pt_conduct_note(m, peer, SG_SCORE_MISSING, out);
    }
}

/* A message was pulled: those in the tree who neither brought nor announced it had not done their
 * part, or those behind them had not. */
static void blame(struct sg_pt *m, const struct sg_pt_missing *miss, uint32_t parent,
                  struct sg_pt_outbox *out)
{
    for (uint32_t i = 0; i < m->peers_count; i++) {
        struct sg_pt_peer *peer = &m->peers[i];
        if (peer->tag == parent)
            sg_pt_conduct_answered(m, peer);
        else if (peer->is_eager && has_failed(miss, peer))
            sg_pt_conduct_note(m, peer, SG_SCORE_MISSING, out);
    }
}

static bool is_credible(struct sg_pt *m, const struct sg_pt_missing *miss)
{
    const struct sg_pt_peer *first = sg_pt_peer_by_tag(m, miss->owner);
    return first == NULL || sg_pt_conduct_reaches(m, first, SG_PT_GOOD_MIN);
}

void sg_pt_missing_arrived(struct sg_pt *m, const struct sg_pt_seen *entry,
                           struct sg_pt_outbox *out)
{
    struct sg_pt_missing *miss = find(m, &entry->id);
    /* now: in a storm the id may be forgotten before the time is up */
    sg_pt_conduct_kept(m, &entry->id, entry->is_held ? entry->parent : SG_PT_TAG_NONE);
    sg_pt_guard_note(m, miss != NULL && entry->is_held && was_asked(m, miss, entry->parent), out);
    if (miss == NULL)
        return;
    blame_silent(m, miss, entry->parent, out);
    if (was_asked(m, miss, entry->parent)) {
        stay_as_it_is(m, STEADY_NS);
        if (entry->is_held) /* what nobody has verified is no answer */
            blame(m, miss, entry->parent, out);
    } else {
        /* only what comes by itself tells how late the tree is, and only after those who are to be
         * believed have announced it */
        if (is_credible(m, miss) && !sg_pt_guard_is_on(m))
            observe_lead(m, sg_time_since(m->now, miss->since));
        if (miss->tries > 0)
            m->stats.grafts_early++;
    }
    m->stats.missing_recovered++;
    drop(m, miss);
}

/* Place of the advertiser to ask next in this round, or count: those that have denied it last. */
static uint8_t pick(struct sg_pt *m, const struct sg_pt_missing *miss)
{
    const struct sg_pt_advertiser *list = advertisers_of(m, miss);
    uint8_t best = miss->count;
    int best_rank = -1;
    for (uint8_t i = 0; i < miss->count; i++) {
        struct sg_pt_peer *peer = sg_pt_peer_by_tag(m, list[i].tag);
        if (peer == NULL || (miss->asked >> i & 1) != 0)
            continue;
        int rank = (miss->denied >> i & 1) != 0 ? 0 : 1 + rank_of(m, peer);
        if (rank <= best_rank || !sg_pt_conduct_may_ask(m, peer))
            continue;
        best = i;
        best_rank = rank;
    }
    return best;
}

/* It may have it again, or room for it, in the next round. */
void sg_pt_missing_denied(struct sg_pt *m, struct sg_pt_peer *peer, const struct sg_msg_id *id)
{
    struct sg_pt_missing *miss = find(m, id);
    sg_pt_conduct_denied(m, peer, id);
    if (miss == NULL || !was_asked(m, miss, peer->tag))
        return;
    const struct sg_pt_advertiser *list = advertisers_of(m, miss);
    uint8_t at = 0;
    while (list[at].tag != peer->tag)
        at++;
    miss->denied = (uint16_t)(miss->denied | 1U << at);
    m->stats.donthaves_received++;
    if (at != miss->last || pick(m, miss) == miss->count)
        return;
    miss->due = m->now; /* the next one is asked */
    sg_pt_due_moved(&m->missing, (uint32_t)(miss - m->missing.entries));
}

/* NULL when none is a neighbour any more. */
static struct sg_pt_peer *next_advertiser(struct sg_pt *m, struct sg_pt_missing *miss)
{
    uint8_t at = pick(m, miss);
    if (at == miss->count) {
        miss->asked = 0;
        at = pick(m, miss);
    }
    if (at == miss->count)
        return NULL;
    miss->asked = (uint16_t)(miss->asked | 1U << at);
    miss->grafted = (uint16_t)(miss->grafted | 1U << at);
    miss->last = at;
    return sg_pt_peer_by_tag(m, advertisers_of(m, miss)[at].tag);
}

/* Some advertiser is still there: it has not been asked for want of tokens only. */
static bool has_advertiser(struct sg_pt *m, const struct sg_pt_missing *miss)
{
    const struct sg_pt_advertiser *list = advertisers_of(m, miss);
    for (uint8_t i = 0; i < miss->count; i++)
        if (sg_pt_peer_by_tag(m, list[i].tag) != NULL)
            return true;
    return false;
}

static void hold_back(struct sg_pt *m, struct sg_pt_missing *miss)
{
    m->stats.asks_held++;
    miss->due = sg_time_add(m->now, HOLD_NS);
    sg_pt_due_moved(&m->missing, (uint32_t)(miss - m->missing.entries));
}

/* Asks the next advertiser, or gives up. */
static void ask(struct sg_pt *m, struct sg_pt_missing *miss, struct sg_pt_outbox *out)
{
    struct sg_pt_peer *peer = NULL;
    if (miss->tries < m->config.graft_tries_max)
        peer = next_advertiser(m, miss);
    if (peer == NULL && miss->tries < m->config.graft_tries_max && has_advertiser(m, miss)) {
        hold_back(m, miss);
        return;
    }
    if (peer == NULL) {
        m->stats.missing_given_up++;
        drop(m, miss);
        return;
    }
    /* a try waits for the answer only; each round through the advertisers waits twice as long */
    uint32_t round = (uint32_t)miss->tries / miss->count;
    uint64_t pause = sg_pt_peer_patience(m, peer);
    while (round-- > 0 && pause < m->config.graft_max_ns)
        pause *= 2;
    miss->tries++;
    miss->due = sg_time_add(m->now, sg_time_min(pause, m->config.graft_max_ns));
    sg_pt_due_moved(&m->missing, (uint32_t)(miss - m->missing.entries));
    sg_pt_conduct_asked(m, peer, &miss->id);
    sg_pt_peer_graft(m, peer, &miss->id, out);
}

void sg_pt_missing_timeout(struct sg_pt *m, struct sg_pt_outbox *out)
{
    uint64_t limit = m->stats.grafts_sent + SG_PT_GRAFT_SLICE;
    while (m->missing.count > 0 && m->stats.grafts_sent < limit) {
        struct sg_pt_missing *next = &m->missing.entries[m->missing.heap[0]];
        if (next->due > m->now)
            break;
        ask(m, next, out);
    }
}

sg_time_ns sg_pt_missing_deadline(const struct sg_pt *m)
{
    return m->missing.count == 0 ? SG_TIME_NEVER : m->missing.entries[m->missing.heap[0]].due;
}
