/* What comes by links and frames: links themselves, tables (push/pull), records, hearsay. */
#include "swim/internal.h"

/* A newcomer asks so many of its first links for their table, until one has come. */
#define TABLES_ASKED_MAX 3
/* The first exchange after news comes after so much of a period; a flood misses who had no
 * neighbour at that moment, as many have when all start together. */
#define PULL_DIVISOR 4
/* A table may be several frames. */
#define SETTLE_NS (5 * SG_NS_PER_S)

void sg_swim_ask_table(struct sg_swim *m, const struct sg_peer_id *peer)
{
    sg_swim_emit(m, SG_SWIM_OUT_TABLE, peer);
    m->out->out[m->out->count - 1].wants_reply = true;
}

void sg_swim_push_pull(struct sg_swim *m)
{
    uint16_t slot;
    if (sg_swim_pick(m, SG_SWIM_TO_TABLE, SG_SWIM_NONE, 1, &slot) == 1)
        sg_swim_ask_table(m, &m->member[slot].id);
    sg_swim_timer_set(m, SG_SWIM_T_PUSH_PULL, sg_swim_after(m, m->pull_ns));
    m->pull_ns = 2 * m->pull_ns < m->config.push_pull_ns ? 2 * m->pull_ns : m->config.push_pull_ns;
}

/* While tables or rumors bring members we did not know, others may lack some as well (many join at
 * once): the next exchange comes soon, those after it ever later. */
static void pull_soon(struct sg_swim *m)
{
    uint64_t pause = m->config.period_ns / PULL_DIVISOR;
    sg_time_ns soon = sg_time_add(m->now, pause);
    if (!m->config.proofs || m->config.push_pull_ns <= m->config.period_ns ||
        m->ring_count >= m->config.members_max)
        return;
    m->pull_ns = pause;
    if (sg_swim_timer_get(m, SG_SWIM_T_PUSH_PULL) > soon)
        sg_swim_timer_set(m, SG_SWIM_T_PUSH_PULL, sg_swim_after(m, m->pull_ns));
}

uint16_t sg_swim_learn(struct sg_swim *m, const struct sg_peer_id *id, sg_incarnation incarnation)
{
    const struct sg_swim_gone *gone = sg_swim_gone_find(m, id);
    struct sg_swim_rumor said;
    if (sg_swim_is_stranger_accused(m, id, &said) && incarnation <= said.incarnation)
        return SG_SWIM_NONE;
    /* a later life may be told of by others, a later word of the same life not */
    bool is_same = gone != NULL && (m->config.proofs ? incarnation >> 32 <= gone->incarnation >> 32
                                                     : incarnation <= gone->incarnation);
    if (is_same && gone->why != SG_SWIM_GONE_SILENT)
        return SG_SWIM_NONE;
    uint16_t slot = sg_swim_add(m, id, incarnation, false);
    if (slot == SG_SWIM_NONE)
        return slot;
    if (is_same) {
        m->member[slot].is_doubted = true;
        return SG_SWIM_NONE; /* to be asked, no news */
    }
    m->member[slot].is_told = true;
    sg_swim_event(m, SG_SWIM_OUT_JOIN, slot);
    pull_soon(m);
    return slot;
}

void sg_swim_on_hearsay(struct sg_swim *m, const struct sg_swim_in *in)
{
    for (size_t i = 0; i < in->count && sg_swim_has_room(m); i++) {
        const struct sg_peer_id *id = &in->peers[i];
        if (sg_peer_id_equal(id, &m->self) || sg_swim_slot(m, id) != SG_SWIM_NONE)
            continue;
        if (!m->config.proofs)
            (void)sg_swim_learn(m, id, 0);
        else if (sg_swim_gone_find(m, id) == NULL)
            (void)sg_swim_add(m, id, 0, false); /* JOIN when somebody confirms that it lives */
    }
}

/* ---- links ---- */

/* Its own number is lower than what is known of it, as its boot counter is lost (restored from a
 * backup): let it jump past that. Where there is no link this goes nowhere. */
static void tell_number(struct sg_swim *m, const struct sg_peer_id *peer, sg_incarnation known)
{
    struct sg_swim_rumor rumor = {.kind = SG_SWIM_ALIVE, .member = *peer, .incarnation = known};
    sg_swim_tell_one(m, peer, &rumor);
}

/* A member known before: its word about itself counts, but not below what it signed. */
static void on_known_link(struct sg_swim *m, uint16_t slot, sg_incarnation incarnation)
{
    struct sg_swim_member *e = &m->member[slot];
    bool is_ghost = e->is_proven && incarnation >> 32 < e->incarnation >> 32;
    struct sg_swim_rumor verdict = {
        .kind = SG_SWIM_DEAD, .member = e->id, .incarnation = e->incarnation, .accuser = m->self};
    bool was_dead = e->state == SG_SWIM_IS_DEAD;
    sg_swim_set_linked(m, slot, true);
    if (!e->is_proven || incarnation > e->incarnation)
        sg_swim_renew(m, slot, incarnation);
    /* restarted: others hold it for dead still, and only its own record clears that */
    if (was_dead && m->config.proofs && e->state == SG_SWIM_IS_ALIVE)
        sg_swim_tell_one(m, &verdict.member, &verdict);
    sg_swim_life(m, slot);
    if (is_ghost)
        tell_number(m, &e->id, e->incarnation);
}

static void on_new_link(struct sg_swim *m, const struct sg_peer_id *peer,
                        sg_incarnation incarnation)
{
    struct sg_swim_gone *gone = sg_swim_gone_find(m, peer);
    if (gone != NULL && gone->why == SG_SWIM_GONE_LEFT && incarnation <= gone->incarnation) {
        tell_number(m, peer, gone->incarnation);
        return;
    }
    struct sg_swim_rumor said;
    if (sg_swim_is_stranger_accused(m, peer, &said))
        sg_swim_tell_one(m, peer, &said); /* so that its record clears it for all */
    bool is_news = sg_swim_floods_alive(m);
    uint16_t slot = sg_swim_add(m, peer, incarnation, true);
    if (slot == SG_SWIM_NONE)
        return;
    if (gone != NULL)
        sg_swim_gone_forget(gone);
    m->member[slot].is_proven = true;
    sg_swim_set_linked(m, slot, true);
    struct sg_swim_rumor rumor = {
        .kind = SG_SWIM_ALIVE, .member = *peer, .incarnation = incarnation};
    sg_swim_tell(m, &rumor, slot, is_news);
    m->member[slot].is_told = true;
    sg_swim_event(m, SG_SWIM_OUT_JOIN, slot);
    sg_swim_life(m, slot);
}

void sg_swim_on_link_up(struct sg_swim *m, const struct sg_swim_in *in)
{
    uint16_t slot = sg_swim_slot(m, &in->peer);
    if (slot == SG_SWIM_NONE)
        on_new_link(m, &in->peer, in->incarnation);
    else
        on_known_link(m, slot, in->incarnation);
    sg_swim_period_soon(m);
    if (!m->has_table && m->tables_asked < TABLES_ASKED_MAX) {
        m->tables_asked++;
        sg_swim_ask_table(m, &in->peer);
    }
}

void sg_swim_on_link_down(struct sg_swim *m, const struct sg_swim_in *in)
{
    uint16_t slot = sg_swim_slot(m, &in->peer);
    if (slot == SG_SWIM_NONE)
        return;
    sg_swim_set_linked(m, slot, false);
    if (m->config.dial_interval_ns == 0)
        return;
    if (in->is_failure)
        sg_swim_probe_unlinked(m, slot);
    else
        sg_swim_probe_cancel(m, slot);
}

/* ---- records ---- */

static void on_goodbye(struct sg_swim *m, uint16_t slot, const struct sg_swim_in *in)
{
    if (slot != SG_SWIM_NONE) {
        struct sg_swim_member *e = &m->member[slot];
        if (e->is_proven && in->incarnation < e->incarnation)
            return;
        /* an old goodbye, or somebody made a later life up: the member knows */
        if (in->incarnation >> 32 < e->incarnation >> 32) {
            sg_swim_ask(m, slot);
            return;
        }
        e->incarnation = in->incarnation;
        if (e->is_told)
            sg_swim_event(m, SG_SWIM_OUT_LEFT, slot);
        sg_swim_untell(m, &in->peer);
        sg_swim_remove(m, slot);
    }
    sg_swim_gone_add(m, &in->peer, in->incarnation, SG_SWIM_GONE_LEFT);
}

void sg_swim_on_record(struct sg_swim *m, const struct sg_swim_in *in)
{
    uint16_t slot = sg_swim_slot(m, &in->peer);
    if (sg_peer_id_equal(&in->peer, &m->self)) {
        /* of an earlier life whose boot counter is lost */
        if (in->incarnation > m->incarnation)
            sg_swim_refute(m, in->incarnation);
        return;
    }
    if (in->leaves) {
        sg_swim_stranger_forget(m, &in->peer);
        on_goodbye(m, slot, in);
        return;
    }
    if (slot == SG_SWIM_NONE) {
        struct sg_swim_gone *gone = sg_swim_gone_find(m, &in->peer);
        sg_swim_stranger_lives(m, &in->peer, in->incarnation);
        if (gone != NULL && in->incarnation <= gone->incarnation) {
            tell_number(m, &in->peer, gone->incarnation);
            return;
        }
        if (gone != NULL)
            sg_swim_gone_forget(gone); /* by its own word, so others' may be believed again */
        slot = sg_swim_add(m, &in->peer, in->incarnation, false);
        if (slot != SG_SWIM_NONE)
            sg_swim_renew(m, slot, in->incarnation);
        return;
    }
    struct sg_swim_member *e = &m->member[slot];
    if (e->state == SG_SWIM_IS_DEAD && in->incarnation >> 32 < e->incarnation >> 32)
        sg_swim_ask(m, slot); /* of an earlier life, perhaps: no sign of this one */
    else if (!e->is_proven || in->incarnation > e->incarnation)
        sg_swim_renew(m, slot, in->incarnation);
}

/* ---- tables ---- */

static void on_accused_entry(struct sg_swim *m, const struct sg_swim_entry *entry,
                             const struct sg_peer_id *from)
{
    /* memberlist takes a foreign verdict for its own suspicion; with proofs it is the sender's */
    struct sg_swim_rumor rumor = {.kind = SG_SWIM_SUSPECT,
                                  .member = entry->member,
                                  .incarnation = entry->incarnation,
                                  .accuser = m->config.proofs ? *from : m->self};
    uint16_t slot = sg_swim_slot(m, &entry->member);
    /* what the sender has from others is no accusation of its own: counted as one, it would be
     * missing at the sender alone, who then waits twice as long; its verdict is one */
    if (m->config.proofs && entry->state == SG_SWIM_IS_SUSPECT)
        return;
    if (slot != SG_SWIM_NONE && !sg_peer_id_equal(&entry->member, from))
        sg_swim_accuse(m, slot, &rumor, sg_swim_slot(m, from));
}

static bool is_newcomer(const struct sg_swim *m)
{
    return m->config.proofs && (!m->has_table || m->now < m->settled_at);
}

static void on_entry(struct sg_swim *m, const struct sg_swim_entry *entry,
                     const struct sg_peer_id *from)
{
    struct sg_swim_rumor rumor = {
        .kind = SG_SWIM_ALIVE, .member = entry->member, .incarnation = entry->incarnation};
    if (sg_peer_id_equal(&entry->member, &m->self)) {
        rumor.kind = entry->state == SG_SWIM_IS_ALIVE ? SG_SWIM_ALIVE : SG_SWIM_SUSPECT;
        sg_swim_on_own_rumor(m, &rumor);
    } else if (entry->state != SG_SWIM_IS_ALIVE) {
        on_accused_entry(m, entry, from);
    } else if (is_newcomer(m) && sg_swim_slot(m, &entry->member) == SG_SWIM_NONE) {
        /* what it learns, the others know already */
        (void)sg_swim_learn(m, &entry->member, entry->incarnation);
    } else {
        sg_swim_on_rumor(m, &rumor, sg_swim_slot(m, from));
    }
}

static bool may_reply(struct sg_swim *m, uint16_t slot)
{
    uint32_t second = (uint32_t)(m->now / SG_NS_PER_S) + 1;
    if (slot == SG_SWIM_NONE)
        return !m->config.proofs;
    if (m->member[slot].replied == second && m->config.proofs)
        return false;
    m->member[slot].replied = second;
    return true;
}

void sg_swim_on_table(struct sg_swim *m, const struct sg_peer_id *from,
                      const struct sg_swim_table *table)
{
    uint16_t slot = sg_swim_slot(m, from);
    if (table->wants_reply && may_reply(m, slot))
        sg_swim_emit(m, SG_SWIM_OUT_TABLE, from);
    /* what it says of itself first: over its own link that is as good as a HELLO */
    if (slot != SG_SWIM_NONE && m->config.proofs &&
        (!m->member[slot].is_proven || table->entry[0].incarnation > m->member[slot].incarnation))
        sg_swim_renew(m, slot, table->entry[0].incarnation);
    for (uint8_t i = m->config.proofs ? 1 : 0; i < table->count; i++)
        on_entry(m, &table->entry[i], from);
    if (!m->has_table)
        m->settled_at = sg_time_add(m->now, SETTLE_NS);
    m->has_table = true;
}
