/* The member table. Slots grow on demand up to the config's maximum; ids are found by a hash keyed
 * with a secret of this machine, so that nobody can choose ids that collide, or that always get
 * into the sample when more are known than fit. */
#include "swim/internal.h"

#include <assert.h>
#include <stddef.h>

#include "base/prefetch.h"

#define SLOTS_FIRST 16

/* ---- rank: SipHash-1-3 (Aumasson, Bernstein 2012) of 32 bytes ---- */

static uint64_t rotl(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[0] = rotl(v[0], 32);
    v[2] += v[3];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[2] = rotl(v[2], 32);
}

static inline void sip_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
}

uint32_t sg_swim_rank(const struct sg_swim *m, const struct sg_peer_id *id)
{
    uint64_t v[4] = {
        m->key[0] ^ UINT64_C(0x736f6d6570736575), m->key[1] ^ UINT64_C(0x646f72616e646f6d),
        m->key[0] ^ UINT64_C(0x6c7967656e657261), m->key[1] ^ UINT64_C(0x7465646279746573)};
    for (size_t i = 0; i < SG_ID_LEN; i += 8)
        sip_word(v, sg_load64(id->b + i));
    sip_word(v, (uint64_t)SG_ID_LEN << 56);
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return (uint32_t)(v[0] ^ v[1] ^ v[2] ^ v[3]);
}

/* ---- index ---- */

void sg_swim_index_keys(struct sg_swim *m)
{
    /* from the secret of the ranks, which must not be found out through those of the index */
    struct sg_peer_id number = {{0}};
    for (size_t i = 0; i < sizeof(m->index_keys.k) / sizeof(m->index_keys.k[0]); i++) {
        number.b[0] = (uint8_t)(2 * i);
        uint64_t low = sg_swim_rank(m, &number);
        number.b[0]++;
        m->index_keys.k[i] = (uint64_t)sg_swim_rank(m, &number) << 32 | low;
    }
}

/* A place holds slot + 1, and above it a tag of bits of the hash that do not choose the place: who
 * is not in the table, as most are that others tell of in a large network, costs no look at those
 * who are. */
#define TAG_MASK UINT32_C(0xffff0000)

static uint16_t slot_in(uint32_t place)
{
    return (uint16_t)((place & ~TAG_MASK) - 1);
}

/* Where the id is, or the empty place where it would go. */
static uint32_t index_place(const struct sg_swim *m, const struct sg_peer_id *id, uint32_t hash)
{
    uint32_t at = hash & m->index_mask;
    for (; m->index[at] != 0; at = (at + 1) & m->index_mask) {
        if (((m->index[at] ^ hash) & TAG_MASK) == 0 &&
            sg_peer_id_equal(&m->member[slot_in(m->index[at])].id, id))
            break;
    }
    return at;
}

void sg_swim_prefetch(const struct sg_swim *m, unsigned stage)
{
    if (stage > 0) {
        sg_prefetch(m->heap, 1);
        sg_prefetch(m->queued, m->queued_count * sizeof(*m->queued));
        sg_prefetch(m->stranger_tag, m->stranger_count * sizeof(*m->stranger_tag));
        return;
    }
    sg_prefetch(&m->config, offsetof(struct sg_swim, stats));
    sg_prefetch(&m->member, offsetof(struct sg_swim, gone) - offsetof(struct sg_swim, member));
    sg_prefetch(&m->seq, sizeof(*m) - offsetof(struct sg_swim, seq));
}

void sg_swim_prefetch_member(const struct sg_swim *m, const struct sg_peer_id *id, unsigned stage)
{
    uint32_t hash = sg_index_hash(&m->index_keys, id->b);
    uint32_t at = hash & m->index_mask;
    if (stage == 0) {
        sg_prefetch(&m->index[at], 1);
        return;
    }
    while (m->index[at] != 0 && ((m->index[at] ^ hash) & TAG_MASK) != 0)
        at = (at + 1) & m->index_mask;
    if (m->index[at] != 0)
        sg_prefetch(&m->member[slot_in(m->index[at])], sizeof(*m->member));
}

uint16_t sg_swim_slot(const struct sg_swim *m, const struct sg_peer_id *id)
{
    if (m->slot_cap == 0)
        return SG_SWIM_NONE;
    return slot_in(m->index[index_place(m, id, sg_index_hash(&m->index_keys, id->b))]);
}

static void index_put(struct sg_swim *m, uint16_t slot)
{
    const struct sg_swim_member *e = &m->member[slot];
    m->index[index_place(m, &e->id, e->hash)] = (e->hash & TAG_MASK) | (slot + UINT32_C(1));
}

/* Deletion by backward shift. */
static void index_remove(struct sg_swim *m, uint16_t slot)
{
    uint32_t hole = index_place(m, &m->member[slot].id, m->member[slot].hash);
    for (uint32_t at = (hole + 1) & m->index_mask; m->index[at] != 0;
         at = (at + 1) & m->index_mask) {
        uint32_t home = m->member[slot_in(m->index[at])].hash & m->index_mask;
        /* may it move back to the hole without passing its home? */
        if (((at - home) & m->index_mask) >= ((at - hole) & m->index_mask)) {
            m->index[hole] = m->index[at];
            hole = at;
        }
    }
    m->index[hole] = 0;
}

/* ---- growth ---- */

struct grown {
    struct sg_swim_member *member;
    uint16_t *ring, *dead;
    uint32_t *index;
    uint8_t *mark;
    uint32_t index_slots;
};

static void commit_growth(struct sg_swim *m, const struct grown *g, uint16_t cap)
{
    const struct sg_mem *mem = m->config.mem;
    if (m->slot_cap > 0) {
        memcpy(g->member, m->member, m->slot_cap * sizeof(*m->member));
        memcpy(g->ring, m->ring, m->ring_count * sizeof(*m->ring));
        memcpy(g->dead, m->dead, m->dead_count * sizeof(*m->dead));
        memcpy(g->mark, m->mark, m->slot_cap * sizeof(*m->mark));
    }
    sg_mem_free(mem, m->member);
    sg_mem_free(mem, m->ring);
    sg_mem_free(mem, m->dead);
    sg_mem_free(mem, m->index);
    sg_mem_free(mem, m->mark);
    m->member = g->member;
    m->ring = g->ring;
    m->dead = g->dead;
    m->index = g->index;
    m->mark = g->mark;
    m->index_mask = g->index_slots - 1;
    for (uint16_t slot = 0; slot < m->slot_cap; slot++)
        if (m->member[slot].state != 0)
            index_put(m, slot);
    for (uint16_t slot = cap; slot-- > m->slot_cap;) {
        m->member[slot] = (struct sg_swim_member){.place = m->slot_free, .heap_at = SG_SWIM_NONE};
        m->slot_free = slot;
    }
    m->slot_cap = cap;
}

/* Doubles up to the number of living members and some dead; mostly there are few of them. */
static uint32_t next_cap(const struct sg_swim *m)
{
    uint32_t cap = m->slot_cap;
    uint32_t living = m->config.members_max;
    if (cap >= living)
        return cap + cap / 16 + 1;
    cap = cap == 0 ? SLOTS_FIRST : 2 * cap;
    return cap < living ? cap : living + living / 16 + 1;
}

static sg_err grow(struct sg_swim *m)
{
    const struct sg_mem *mem = m->config.mem;
    uint32_t most = (uint32_t)m->config.members_max + m->config.dead_max + 1;
    uint32_t cap = next_cap(m);
    if (cap > most)
        cap = most;
    SG_TRY(sg_swim_timers_reserve(m, m->suspicion_cap, cap));
    struct grown g = {.index_slots = 1};
    while (g.index_slots * 2 / 3 < cap)
        g.index_slots *= 2;
    g.member = sg_mem_new(mem, cap, sizeof(*g.member));
    g.ring = sg_mem_new(mem, cap, sizeof(*g.ring));
    g.dead = sg_mem_new(mem, cap, sizeof(*g.dead));
    g.index = sg_mem_new(mem, g.index_slots, sizeof(*g.index));
    g.mark = sg_mem_new(mem, cap, sizeof(*g.mark));
    if (g.member == NULL || g.ring == NULL || g.dead == NULL || g.index == NULL || g.mark == NULL) {
        sg_mem_free(mem, g.member);
        sg_mem_free(mem, g.ring);
        sg_mem_free(mem, g.dead);
        sg_mem_free(mem, g.index);
        sg_mem_free(mem, g.mark);
        return SG_ERR_NO_MEMORY;
    }
    commit_growth(m, &g, (uint16_t)cap);
    return SG_OK;
}

sg_err sg_swim_reserve(struct sg_swim *m)
{
    /* in a full table one gives way to the other, so it need not double for that */
    bool is_full = m->ring_count == m->config.members_max;
    return m->slot_free == SG_SWIM_NONE && !is_full ? grow(m) : SG_OK;
}

bool sg_swim_floods_alive(const struct sg_swim *m)
{
    return !m->config.proofs || m->ring_count < m->config.members_max;
}

/* ---- ring ---- */

static void ring_put(struct sg_swim *m, uint16_t at, uint16_t slot)
{
    m->ring[at] = slot;
    m->member[slot].place = at;
}

static bool may_give_way(const struct sg_swim *m, uint16_t slot)
{
    uint8_t what = SG_SWIM_MARK_ALIVE | SG_SWIM_MARK_LINKED; /* a suspicion is seen to its end */
    return (m->mark[slot] & what) == SG_SWIM_MARK_ALIVE;
}

static void spare_take_out(struct sg_swim *m, uint8_t at)
{
    m->spare_count--;
    memmove(&m->spare[at], &m->spare[at + 1], (m->spare_count - (size_t)at) * sizeof(*m->spare));
}

static uint8_t spare_find(const struct sg_swim *m, uint16_t slot)
{
    uint8_t at = 0;
    while (at < m->spare_count && m->spare[at].slot != slot)
        at++;
    return at;
}

/* Behind those of no lower rank; the last one falls off where there is no room. */
static void spare_put(struct sg_swim *m, uint16_t slot, uint32_t rank)
{
    uint8_t at = m->spare_count < SG_SWIM_SPARES ? m->spare_count++ : SG_SWIM_SPARES - 1;
    for (; at > 0 && m->spare[at - 1].rank < rank; at--)
        m->spare[at] = m->spare[at - 1];
    m->spare[at] = (struct sg_swim_spare){.rank = rank, .slot = slot};
}

void sg_swim_note_spare(struct sg_swim *m, uint16_t slot)
{
    const struct sg_swim_member *e = &m->member[slot];
    if (m->spare_count > 0 && e->rank > m->spare[m->spare_count - 1].rank &&
        may_give_way(m, slot) && spare_find(m, slot) == m->spare_count)
        spare_put(m, slot, e->rank);
}

/* At a random place, as SWIM s4.3 asks: those before ring_next have had their turn. */
static void ring_insert(struct sg_swim *m, uint16_t slot)
{
    uint16_t at = (uint16_t)sg_prng_below(&m->prng, (uint64_t)m->ring_count + 1);
    uint16_t last = m->ring_count++;
    if (at < m->ring_next) {
        if (m->ring_next < last)
            ring_put(m, last, m->ring[m->ring_next]);
        ring_put(m, m->ring_next, m->ring[at]);
        m->ring_next++;
    } else if (at < last) {
        ring_put(m, last, m->ring[at]);
    }
    ring_put(m, at, slot);
    sg_swim_note_spare(m, slot);
}

static void ring_remove(struct sg_swim *m, uint16_t slot)
{
    uint16_t at = m->member[slot].place;
    assert(m->ring[at] == slot);
    uint8_t spare = spare_find(m, slot);
    if (spare < m->spare_count)
        spare_take_out(m, spare);
    if (at < m->ring_next) {
        m->ring_next--;
        ring_put(m, at, m->ring[m->ring_next]);
        at = m->ring_next;
    }
    m->ring_count--;
    if (at < m->ring_count)
        ring_put(m, at, m->ring[m->ring_count]);
}

void sg_swim_ring_shuffle(struct sg_swim *m)
{
    for (uint16_t i = m->ring_count; i > 1; i--) {
        uint16_t k = (uint16_t)sg_prng_below(&m->prng, i);
        uint16_t other = m->ring[k];
        ring_put(m, k, m->ring[i - 1]);
        ring_put(m, (uint16_t)(i - 1), other);
    }
    m->ring_next = 0;
}

/* ---- members ---- */

static void search_spares(struct sg_swim *m)
{
    for (uint16_t i = 0; i < m->ring_count; i++) {
        const struct sg_swim_member *e = &m->member[m->ring[i]];
        bool is_full = m->spare_count == SG_SWIM_SPARES;
        if ((!is_full || e->rank > m->spare[SG_SWIM_SPARES - 1].rank) &&
            may_give_way(m, m->ring[i]))
            spare_put(m, m->ring[i], e->rank);
    }
}

/* Who gives way first: the one of the highest rank, or NONE. Where more are known than fit, most
 * that come are above it and nothing changes; so the first ones are remembered, and the table is
 * only searched when all of them have gone. */
static uint16_t find_worst(struct sg_swim *m)
{
    while (m->spare_count > 0 && !may_give_way(m, m->spare[0].slot))
        spare_take_out(m, 0);
    if (m->spare_count == 0)
        search_spares(m);
    return m->spare_count > 0 ? m->spare[0].slot : SG_SWIM_NONE;
}

/* Makes room for a member of this rank; false when it is not worth that. */
static bool make_room(struct sg_swim *m, uint32_t rank, bool is_linked)
{
    if (m->ring_count < m->config.members_max)
        return true;
    uint16_t worst = find_worst(m);
    if (worst == SG_SWIM_NONE || (!is_linked && m->spare[0].rank <= rank))
        return false;
    if (m->member[worst].is_told)
        sg_swim_event(m, SG_SWIM_OUT_DROPPED, worst);
    sg_swim_remove(m, worst);
    return true;
}

uint16_t sg_swim_add(struct sg_swim *m, const struct sg_peer_id *id, sg_incarnation incarnation,
                     bool is_linked)
{
    uint32_t rank = sg_swim_rank(m, id);
    if (sg_swim_reserve(m) != SG_OK || !make_room(m, rank, is_linked))
        return SG_SWIM_NONE;
    uint16_t slot = m->slot_free;
    assert(slot != SG_SWIM_NONE);
    struct sg_swim_member *e = &m->member[slot];
    m->slot_free = e->place;
    *e = (struct sg_swim_member){.id = *id,
                                 .incarnation = incarnation,
                                 .due = SG_TIME_NEVER,
                                 .rank = rank,
                                 .hash = sg_index_hash(&m->index_keys, id->b),
                                 .heap_at = SG_SWIM_NONE,
                                 .suspicion = SG_SWIM_NONE};
    sg_swim_set_state(m, slot, SG_SWIM_IS_ALIVE);
    index_put(m, slot);
    ring_insert(m, slot);
    sg_swim_stranger_forget(m, id);
    return slot;
}

static void dead_remove(struct sg_swim *m, uint16_t slot)
{
    uint16_t at = m->member[slot].place;
    m->dead_count--;
    for (; at < m->dead_count; at++) {
        m->dead[at] = m->dead[at + 1];
        m->member[m->dead[at]].place = at;
    }
}

/* Nobody may point to a slot that will be somebody else's. */
static void cut_references(struct sg_swim *m, uint16_t slot)
{
    sg_swim_probe_cancel(m, slot);
    sg_swim_relay_cancel(m, slot);
    for (uint8_t i = 0; i < SG_SWIM_PROBES_MAX; i++)
        for (uint8_t k = 0; k < m->probe[i].asked; k++)
            if (m->probe[i].relay[k] == slot)
                m->probe[i].relay[k] = SG_SWIM_NONE;
    for (uint16_t i = 0; i < m->queued_count; i++)
        if (m->queued[i].from == slot)
            m->queued[i].from = SG_SWIM_NONE;
}

void sg_swim_remove(struct sg_swim *m, uint16_t slot)
{
    struct sg_swim_member *e = &m->member[slot];
    sg_swim_suspicion_end(m, slot);
    cut_references(m, slot);
    sg_swim_set_linked(m, slot, false);
    if (e->state == SG_SWIM_IS_DEAD)
        dead_remove(m, slot);
    else
        ring_remove(m, slot);
    index_remove(m, slot);
    *e = (struct sg_swim_member){.place = m->slot_free, .heap_at = SG_SWIM_NONE};
    m->mark[slot] = 0;
    m->slot_free = slot;
}

/* The dead that is given up for another: the longest dead of those never met, else of all. */
static uint16_t dead_to_forget(const struct sg_swim *m)
{
    for (uint16_t i = 0; i < m->dead_count; i++)
        if (!m->member[m->dead[i]].is_met)
            return m->dead[i];
    return m->dead[0];
}

void sg_swim_forget_dead(struct sg_swim *m, uint16_t slot)
{
    sg_swim_event(m, SG_SWIM_OUT_LEFT, slot);
    if (m->config.proofs)
        sg_swim_gone_add(m, &m->member[slot].id, m->member[slot].incarnation, SG_SWIM_GONE_SILENT);
    sg_swim_remove(m, slot);
}

void sg_swim_bury(struct sg_swim *m, uint16_t slot)
{
    struct sg_swim_member *e = &m->member[slot];
    if (m->dead_count == m->config.dead_max) {
        sg_swim_forget_dead(m, dead_to_forget(m));
    }
    sg_swim_set_watched(m, slot, false);
    ring_remove(m, slot);
    sg_swim_set_state(m, slot, SG_SWIM_IS_DEAD);
    e->place = m->dead_count;
    m->dead[m->dead_count++] = slot;
}

bool sg_swim_revive(struct sg_swim *m, uint16_t slot)
{
    struct sg_swim_member *e = &m->member[slot];
    if (!make_room(m, e->rank, true))
        return false;
    dead_remove(m, slot);
    sg_swim_set_state(m, slot, SG_SWIM_IS_ALIVE);
    ring_insert(m, slot);
    return true;
}

void sg_swim_set_state(struct sg_swim *m, uint16_t slot, enum sg_swim_state state)
{
    uint8_t mark = state == SG_SWIM_IS_ALIVE  ? SG_SWIM_MARK_ALIVE
                   : state == SG_SWIM_IS_DEAD ? SG_SWIM_MARK_DEAD
                                              : 0;
    m->member[slot].state = (uint8_t)state;
    m->member[slot].since = m->now;
    m->mark[slot] &= SG_SWIM_MARK_LINKED | SG_SWIM_MARK_WATCHED;
    m->mark[slot] |= mark;
}

void sg_swim_set_linked(struct sg_swim *m, uint16_t slot, bool is_linked)
{
    struct sg_swim_member *e = &m->member[slot];
    if (!is_linked) {
        sg_swim_set_watched(m, slot, false);
        m->lossy_count = (uint16_t)(m->lossy_count - e->is_lossy);
        e->is_lossy = false;
    }
    if (e->is_linked == is_linked)
        return;
    e->is_linked = is_linked;
    m->mark[slot] ^= SG_SWIM_MARK_LINKED;
    sg_swim_note_spare(m, slot);
    m->linked_count = (uint16_t)(is_linked ? m->linked_count + 1 : m->linked_count - 1);
}

void sg_swim_set_watched(struct sg_swim *m, uint16_t slot, bool is_watched)
{
    struct sg_swim_member *e = &m->member[slot];
    if (e->is_watched == is_watched)
        return;
    e->is_watched = is_watched;
    m->mark[slot] ^= SG_SWIM_MARK_WATCHED;
    m->watched_count = (uint16_t)(is_watched ? m->watched_count + 1 : m->watched_count - 1);
    if (!is_watched)
        sg_swim_timer_set(m, (uint16_t)(SG_SWIM_T_WATCH + slot), SG_TIME_NEVER);
}

/* ---- random choice ---- */

static bool is_chosen_from(const struct sg_swim *m, enum sg_swim_choice choice, uint16_t slot)
{
    uint8_t mark = m->mark[slot];
    bool needs_link = m->config.dial_interval_ns > 0;
    if (needs_link && (mark & SG_SWIM_MARK_LINKED) == 0)
        return false;
    switch (choice) {
    case SG_SWIM_TO_GOSSIP:
        return (mark & SG_SWIM_MARK_DEAD) == 0 ||
               (!needs_link &&
                sg_time_since(m->now, m->member[slot].since) < m->config.gossip_dead_ns);
    case SG_SWIM_TO_RELAY:
    case SG_SWIM_TO_TABLE:
        return (mark & SG_SWIM_MARK_ALIVE) != 0;
    }
    return false;
}

/* Slots in a fixed order: the ring, then the dead. */
static uint16_t slot_at(const struct sg_swim *m, uint32_t i)
{
    return i < m->ring_count ? m->ring[i] : m->dead[i - m->ring_count];
}

/* Which of n, count different ones, ascending (Floyd 1987). */
static void draw(struct sg_swim *m, uint32_t n, uint8_t count, uint32_t *which)
{
    uint8_t have = 0;
    for (uint32_t j = n - count; j < n; j++) {
        uint32_t pick = (uint32_t)sg_prng_below(&m->prng, (uint64_t)j + 1);
        for (uint8_t i = 0; i < have; i++)
            if (which[i] == pick)
                pick = j;
        uint8_t at = have++;
        for (; at > 0 && which[at - 1] > pick; at--)
            which[at] = which[at - 1];
        which[at] = pick;
    }
}

uint8_t sg_swim_pick(struct sg_swim *m, enum sg_swim_choice choice, uint16_t but, uint8_t count,
                     uint16_t *slots)
{
    uint32_t which[SG_SWIM_INDIRECT_HARD];
    uint32_t total = (uint32_t)m->ring_count + m->dead_count;
    uint32_t n = 0, seen = 0;
    uint8_t got = 0;
    assert(count <= SG_SWIM_INDIRECT_HARD);
    for (uint32_t i = 0; i < total; i++)
        n += slot_at(m, i) != but && is_chosen_from(m, choice, slot_at(m, i));
    if (count > n)
        count = (uint8_t)n;
    draw(m, n, count, which);
    for (uint32_t i = 0; i < total && got < count; i++) {
        if (slot_at(m, i) == but || !is_chosen_from(m, choice, slot_at(m, i)))
            continue;
        if (seen++ == which[got])
            slots[got++] = slot_at(m, i);
    }
    return got;
}
