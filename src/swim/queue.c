/* Rumors and the packets that carry them.
 *
 * One rumor per member, the newest. Packets take those sent least, of these the newest first (as
 * memberlist does: fresh news is worth most), until each was sent lambda ceil(log10(n + 1)) times.
 * Where the config floods, news goes to all watched peers at the end of the input that brought it,
 * and then stays in the queue like the rest. */
#include "swim/internal.h"

#include <assert.h>

#include "base/prefetch.h"

#define QUEUE_FIRST 8
/* Each member has at most one rumor; some more for those just gone, and ourselves. */
#define QUEUE_EXTRA 16
#define RUMOR_BYTES SG_SWIM_RUMOR_BYTES
/* Hints come from the caller's address book. */
#define HINTS_LEN_MAX (SG_HINTS_MAX * (1 + SG_HINT_LEN_MAX))
/* A step of TIMEOUT: a period, a gossip round, a verdict with the forgetting of another. */
#define STEP_OUTS 16
#define FLOOD_OUTS (SG_SWIM_FLOOD_PEERS * SG_SWIM_FLOOD_PACKETS)
#define FLOOD_RUMORS (SG_SWIM_FLOOD_PACKETS * SG_SWIM_RUMORS_MAX)

/* TABLE is the longest input: two events for each entry, and a reply */
static_assert(2 * SG_SWIM_TABLE_MAX + 2 * STEP_OUTS + FLOOD_OUTS <= SG_SWIM_OUT_MAX, "TABLE fits");
static_assert(FLOOD_RUMORS + 4 * SG_SWIM_RUMORS_MAX <= SG_SWIM_OUT_RUMORS_MAX, "rumors fit");
static_assert(SG_SWIM_INDIRECT_HARD + 4 <= STEP_OUTS, "a step fits");

/* ---- outputs ---- */

static struct sg_swim_out *push(struct sg_swim *m)
{
    assert(m->out->count < SG_SWIM_OUT_MAX);
    struct sg_swim_out *o = &m->out->out[m->out->count++];
    memset(o, 0, sizeof(*o));
    return o;
}

void sg_swim_emit(struct sg_swim *m, enum sg_swim_out_kind kind, const struct sg_peer_id *peer)
{
    struct sg_swim_out *o = push(m);
    o->kind = kind;
    o->peer = *peer;
}

void sg_swim_event(struct sg_swim *m, enum sg_swim_out_kind kind, uint16_t slot)
{
    struct sg_swim_out *o = push(m);
    o->kind = kind;
    o->peer = m->member[slot].id;
    o->incarnation = m->member[slot].incarnation;
}

bool sg_swim_has_room(const struct sg_swim *m)
{
    return m->out->count + STEP_OUTS + FLOOD_OUTS <= SG_SWIM_OUT_MAX;
}

/* ---- the queue ---- */

static struct sg_swim_rumor *rumor_of(const struct sg_swim *m, uint16_t at)
{
    return &m->said[m->queued[at].said];
}

static uint32_t tag_of(const struct sg_peer_id *member)
{
    return sg_load32(member->b);
}

static uint16_t queue_find(const struct sg_swim *m, const struct sg_peer_id *member)
{
    uint32_t tag = tag_of(member);
    for (uint16_t i = 0; i < m->queued_count; i++)
        if (m->queued[i].tag == tag && sg_peer_id_equal(&rumor_of(m, i)->member, member))
            return i;
    return SG_SWIM_NONE;
}

static void queue_remove(struct sg_swim *m, uint16_t at)
{
    uint16_t said = m->queued[at].said;
    m->news_count = (uint16_t)(m->news_count - m->queued[at].is_news);
    m->queued_count--;
    memmove(&m->queued[at], &m->queued[at + 1],
            (size_t)(m->queued_count - at) * sizeof(*m->queued));
    m->queued[m->queued_count].said = said;
    if (m->queued_count > 0)
        return;
    m->sent_most = 0;
    if (m->queued_cap <= QUEUE_FIRST)
        return;
    /* a storm is over: give its memory back */
    sg_mem_free(m->config.mem, m->queued);
    sg_mem_free(m->config.mem, m->said);
    m->queued = NULL;
    m->said = NULL;
    m->queued_cap = 0;
}

static bool queue_reserve(struct sg_swim *m)
{
    const struct sg_mem *mem = m->config.mem;
    uint32_t most = (uint32_t)m->config.members_max + QUEUE_EXTRA;
    if (m->queued_count < m->queued_cap)
        return true;
    uint32_t cap = m->queued_cap == 0 ? QUEUE_FIRST : 2 * (uint32_t)m->queued_cap;
    if (cap > most)
        cap = most;
    if (cap <= m->queued_cap)
        return false;
    struct sg_swim_queued *queued = sg_mem_resize(mem, m->queued, cap, sizeof(*queued));
    if (queued == NULL)
        return false;
    m->queued = queued;
    struct sg_swim_rumor *said = sg_mem_resize(mem, m->said, cap, sizeof(*said));
    if (said == NULL)
        return false;
    m->said = said;
    for (; m->queued_cap < cap; m->queued_cap++)
        queued[m->queued_cap] = (struct sg_swim_queued){.said = m->queued_cap};
    return true;
}

/* The rumor that was told most gives way. */
static void queue_make_place(struct sg_swim *m)
{
    uint16_t most = 0;
    if (queue_reserve(m) || m->queued_count == 0)
        return;
    for (uint16_t i = 1; i < m->queued_count; i++)
        if (m->queued[i].sent > m->queued[most].sent)
            most = i;
    queue_remove(m, most);
}

void sg_swim_untell(struct sg_swim *m, const struct sg_peer_id *member)
{
    uint16_t at = queue_find(m, member);
    if (at != SG_SWIM_NONE)
        queue_remove(m, at);
}

void sg_swim_tell(struct sg_swim *m, const struct sg_swim_rumor *rumor, uint16_t from, bool is_news)
{
    sg_swim_untell(m, &rumor->member);
    queue_make_place(m);
    if (!queue_reserve(m))
        return;
    if (from != SG_SWIM_NONE && m->member[from].state == 0)
        from = SG_SWIM_NONE; /* it was about the teller, who is forgotten now */
    is_news = is_news && m->config.flood && m->watched_count > 0;
    struct sg_swim_queued *queued = &m->queued[m->queued_count];
    *queued = (struct sg_swim_queued){.order = m->order++,
                                      .tag = tag_of(&rumor->member),
                                      .said = queued->said,
                                      .from = from,
                                      .is_news = is_news};
    *rumor_of(m, m->queued_count++) = *rumor;
    m->news_count = (uint16_t)(m->news_count + is_news);
}

/* ---- packets ---- */

static size_t rumor_bytes(const struct sg_swim_rumor *rumor)
{
    size_t len = sg_swim_rumor_len(rumor, NULL);
    return rumor->kind == SG_SWIM_ALIVE ? len + HINTS_LEN_MAX : len;
}

static bool is_better(const struct sg_swim_queued *a, const struct sg_swim_queued *b)
{
    return a->sent < b->sent || (a->sent == b->sent && a->order > b->order);
}

/* Places of the at most `most` best rumors, best first. */
static uint8_t choose(const struct sg_swim *m, uint8_t most, uint16_t *picks)
{
    uint8_t count = 0;
    for (uint16_t i = 0; i < m->queued_count; i++) {
        if (count == most && (most == 0 || !is_better(&m->queued[i], &m->queued[picks[most - 1]])))
            continue;
        uint8_t at = count < most ? count++ : (uint8_t)(most - 1);
        for (; at > 0 && is_better(&m->queued[i], &m->queued[picks[at - 1]]); at--)
            picks[at] = picks[at - 1];
        picks[at] = i;
    }
    return count;
}

static void drop_exhausted(struct sg_swim *m)
{
    uint8_t limit = sg_swim_transmits(&m->config, m->ring_count + UINT32_C(1));
    uint8_t most = 0;
    if (m->sent_most < limit)
        return;
    for (uint16_t i = m->queued_count; i-- > 0;) {
        if (m->queued[i].sent >= limit)
            queue_remove(m, i);
        else if (m->queued[i].sent > most)
            most = m->queued[i].sent;
    }
    m->sent_most = most;
}

static void put_rumor(struct sg_swim *m, struct sg_swim_out *o, const struct sg_swim_rumor *rumor)
{
    assert(m->out->rumor_count < SG_SWIM_OUT_RUMORS_MAX);
    m->out->rumor[m->out->rumor_count++] = *rumor;
    o->rumor_count++;
    m->stats.rumors_sent++;
}

/* Rumors that may still go into this outbox, apart from those of the flood. */
static size_t rumor_room(const struct sg_swim *m)
{
    size_t used = m->out->rumor_count + (m->config.flood ? FLOOD_RUMORS : 0);
    return used < SG_SWIM_OUT_RUMORS_MAX ? SG_SWIM_OUT_RUMORS_MAX - used : 0;
}

static void piggyback(struct sg_swim *m, struct sg_swim_out *o, size_t bytes)
{
    uint16_t picks[SG_SWIM_RUMORS_MAX];
    size_t most = SG_SWIM_RUMORS_MAX - (size_t)o->rumor_count;
    if (most > rumor_room(m))
        most = rumor_room(m);
    uint8_t count = choose(m, (uint8_t)most, picks);
    for (uint8_t i = 0; i < count; i++) {
        const struct sg_swim_rumor *rumor = rumor_of(m, picks[i]);
        uint8_t *sent = &m->queued[picks[i]].sent;
        if (bytes + rumor_bytes(rumor) > RUMOR_BYTES)
            break;
        bytes += rumor_bytes(rumor);
        put_rumor(m, o, rumor);
        (*sent)++;
        m->sent_most = *sent > m->sent_most ? *sent : m->sent_most;
    }
    if (count > 0)
        drop_exhausted(m);
}

static void count_packet(struct sg_swim *m, enum sg_swim_kind kind)
{
    switch (kind) {
    case SG_SWIM_PING:
        m->stats.pings++;
        break;
    case SG_SWIM_PING_REQ:
        m->stats.ping_reqs++;
        break;
    case SG_SWIM_ACK:
        m->stats.acks++;
        break;
    case SG_SWIM_NACK:
        m->stats.nacks++;
        break;
    case SG_SWIM_GOSSIP:
        m->stats.gossips++;
        break;
    case SG_SWIM_TABLE:
    case SG_SWIM_RECORD:
    case SG_SWIM_WANT:
        break;
    }
}

void sg_swim_send(struct sg_swim *m, const struct sg_swim_to *to)
{
    struct sg_swim_out *o = push(m);
    size_t bytes = 0;
    o->kind = SG_SWIM_OUT_SEND;
    o->packet = to->kind;
    o->peer = *to->peer;
    o->seq = to->seq;
    o->rumor_at = (uint16_t)m->out->rumor_count;
    if (to->target != NULL)
        o->target = *to->target;
    if (to->first != NULL && rumor_room(m) > 0) {
        put_rumor(m, o, to->first);
        bytes = rumor_bytes(to->first);
    }
    if (!to->is_bare)
        piggyback(m, o, bytes);
    count_packet(m, to->kind);
}

void sg_swim_tell_one(struct sg_swim *m, const struct sg_peer_id *peer,
                      const struct sg_swim_rumor *rumor)
{
    struct sg_swim_to to = {.peer = peer, .kind = SG_SWIM_GOSSIP, .first = rumor, .is_bare = true};
    if (rumor_room(m) > 0)
        sg_swim_send(m, &to);
}

void sg_swim_gossip(struct sg_swim *m)
{
    uint16_t slots[SG_SWIM_INDIRECT_HARD];
    uint8_t count =
        sg_swim_pick(m, SG_SWIM_TO_GOSSIP, SG_SWIM_NONE, m->config.gossip_fanout, slots);
    for (uint8_t i = 0; i < count && m->queued_count > 0 && rumor_room(m) > 0; i++) {
        struct sg_swim_to to = {.peer = &m->member[slots[i]].id, .kind = SG_SWIM_GOSSIP};
        sg_swim_send(m, &to);
    }
}

/* ---- flood ---- */

struct batch {
    uint16_t from; /* whom the last rumors came from */
    uint8_t own;   /* those of others come after so many */
    uint8_t count;
    uint16_t at[SG_SWIM_RUMORS_MAX];
    size_t bytes;
};

static void batch_take(struct sg_swim *m, struct batch *b, uint16_t from)
{
    for (uint16_t i = 0; i < m->queued_count && b->count < SG_SWIM_RUMORS_MAX; i++) {
        struct sg_swim_queued *queued = &m->queued[i];
        if (!queued->is_news || queued->from != from)
            continue;
        size_t bytes = rumor_bytes(rumor_of(m, i));
        if (b->bytes + bytes > RUMOR_BYTES)
            continue;
        b->at[b->count++] = i;
        b->bytes += bytes;
        queued->is_news = false;
        m->news_count--;
    }
}

static uint16_t first_teller(const struct sg_swim *m)
{
    for (uint16_t i = 0; i < m->queued_count; i++)
        if (m->queued[i].is_news && m->queued[i].from != SG_SWIM_NONE)
            return m->queued[i].from;
    return SG_SWIM_NONE;
}

/* One packet to all watched peers; who told us gets only what came from others. */
static void flood_batch(struct sg_swim *m)
{
    struct batch b = {.from = SG_SWIM_NONE};
    uint8_t peers = 0;
    batch_take(m, &b, SG_SWIM_NONE);
    b.own = b.count;
    b.from = first_teller(m);
    if (b.from != SG_SWIM_NONE)
        batch_take(m, &b, b.from);
    uint16_t rumor_at = (uint16_t)m->out->rumor_count;
    for (uint8_t i = 0; i < b.count; i++) {
        assert(m->out->rumor_count < SG_SWIM_OUT_RUMORS_MAX);
        m->out->rumor[m->out->rumor_count++] = *rumor_of(m, b.at[i]);
    }
    for (uint16_t i = 0; i < m->ring_count; i++)
        if ((m->mark[m->ring[i]] & SG_SWIM_MARK_WATCHED) != 0)
            sg_prefetch(&m->member[m->ring[i]].id, sizeof(struct sg_peer_id));
    for (uint16_t i = 0; i < m->ring_count && peers < SG_SWIM_FLOOD_PEERS; i++) {
        uint8_t count = m->ring[i] == b.from ? b.own : b.count;
        if ((m->mark[m->ring[i]] & SG_SWIM_MARK_WATCHED) == 0 || count == 0)
            continue;
        struct sg_swim_out *o = push(m);
        o->kind = SG_SWIM_OUT_SEND;
        o->packet = SG_SWIM_GOSSIP;
        o->peer = m->member[m->ring[i]].id;
        o->rumor_at = rumor_at;
        o->rumor_count = count;
        m->stats.gossips++;
        m->stats.rumors_sent += count;
        peers++;
    }
}

/* Calm times: at once. Where liars make news all the time it is gathered, some hundredths of a
 * second at each hop. */
static bool may_flood(struct sg_swim *m)
{
    if (!m->config.proofs ||
        sg_bucket_take(&m->floods, m->now, SG_SWIM_FLOOD_RATE, SG_SWIM_FLOOD_BURST))
        return true;
    sg_time_ns at = sg_time_add(m->now, SG_NS_PER_S / SG_SWIM_FLOOD_RATE);
    if (sg_swim_timer_get(m, SG_SWIM_T_FLOOD) > at)
        sg_swim_timer_set(m, SG_SWIM_T_FLOOD, at);
    return false;
}

void sg_swim_flood(struct sg_swim *m)
{
    if (m->news_count > 0 && !may_flood(m))
        return;
    for (int i = 0; i < SG_SWIM_FLOOD_PACKETS && m->news_count > 0; i++)
        flood_batch(m);
    sg_swim_timer_set(m, SG_SWIM_T_FLOOD, m->news_count > 0 ? m->now : SG_TIME_NEVER);
}
