/* Our own incarnation. Only we raise it: when we are accused, when a ghost of an earlier life is
 * about, when what we say of ourselves changes, when we leave.
 *
 * Boot counter in the high half, so a restart outranks everything said before. A node that lost its
 * boot counter (restored from a backup) hears of its ghost and jumps past it, but by no more than
 * GHOST_BOOTS boots above those it started with: what a liar makes up can then never use the number
 * space up, and as the limit moves with every restart, a ghost made up for an earlier life is
 * always within reach. A low half that runs over counts on into the high one; the next restart then
 * finds a ghost above it and jumps. At the very end the number stays where it is. */
#include "swim/internal.h"

#define GHOST_BOOTS (UINT64_C(1) << 16)
/* An accusation of an incarnation below ours is stale while our last announcement spreads. Is it
 * heard later still, somebody has missed the announcement: make a new one. */
#define SETTLED_NS (2 * SG_NS_PER_S)
/* So many refutations with less than that between them. */
#define REFUTED_OFTEN 4

static sg_incarnation successor(sg_incarnation incarnation)
{
    return incarnation < UINT64_MAX ? incarnation + 1 : incarnation;
}

static sg_incarnation believable(const struct sg_swim *m, sg_incarnation heard)
{
    return heard < m->ghost_limit ? heard : m->ghost_limit;
}

sg_incarnation sg_swim_ghost_limit(sg_incarnation start)
{
    return start > UINT64_MAX - (GHOST_BOOTS << 32) ? UINT64_MAX : start + (GHOST_BOOTS << 32);
}

static void say(struct sg_swim *m, bool leaves)
{
    sg_incarnation above = believable(m, m->heard_of_us);
    m->incarnation = successor(above > m->incarnation ? above : m->incarnation);
    m->heard_of_us = 0;
    if (!m->has_refuted || sg_time_since(m->now, m->announced_at) > SETTLED_NS)
        m->refuted_in_row = 0;
    else if (m->refuted_in_row < REFUTED_OFTEN)
        m->refuted_in_row++;
    m->announced_at = m->now;
    sg_swim_timer_set(m, SG_SWIM_T_ANNOUNCE, SG_TIME_NEVER);
    if (m->has_refuted) {
        m->stats.refutations++;
        /* accusations are free for liars: with proofs only what happened to us counts */
        if (!m->config.proofs)
            sg_swim_health_add(m, 1);
        m->has_refuted = false;
    }
    if (!m->config.proofs && !leaves) {
        struct sg_swim_rumor rumor = {
            .kind = SG_SWIM_ALIVE, .member = m->self, .incarnation = m->incarnation};
        sg_swim_tell(m, &rumor, SG_SWIM_NONE, true);
    }
    sg_swim_emit(m, SG_SWIM_OUT_ANNOUNCE, &m->self);
    struct sg_swim_out *o = &m->out->out[m->out->count - 1];
    o->incarnation = m->incarnation;
    o->leaves = leaves;
}

/* Liars accuse each new incarnation, and all of it floods: who refutes again and again does so as
 * seldom as its suspicion time, with the time that a record needs to everybody, allows. */
static uint64_t announce_pause(const struct sg_swim *m)
{
    return m->refuted_in_row < REFUTED_OFTEN ? SG_SWIM_ANNOUNCE_NS : SG_SWIM_ANNOUNCE_BUSY_NS;
}

void sg_swim_announce(struct sg_swim *m)
{
    sg_time_ns next = sg_time_add(m->announced_at, announce_pause(m));
    if (m->config.proofs && m->announced_at != 0 && next > m->now)
        sg_swim_timer_set(m, SG_SWIM_T_ANNOUNCE, next);
    else
        say(m, false);
}

void sg_swim_announce_due(struct sg_swim *m)
{
    say(m, false);
}

void sg_swim_refute(struct sg_swim *m, sg_incarnation heard)
{
    if (heard > m->heard_of_us)
        m->heard_of_us = heard;
    m->has_refuted = true;
    sg_swim_announce(m);
}

static bool is_accusation(const struct sg_swim *m, const struct sg_swim_rumor *rumor)
{
    if (rumor->kind == SG_SWIM_ALIVE)
        return rumor->incarnation > m->incarnation;
    if (rumor->incarnation >= m->incarnation)
        return true;
    return m->config.proofs && sg_time_since(m->now, m->announced_at) >= SETTLED_NS;
}

void sg_swim_on_own_rumor(struct sg_swim *m, const struct sg_swim_rumor *rumor)
{
    if (!is_accusation(m, rumor))
        return;
    /* a ghost beyond belief is no news each time it is mentioned */
    if (rumor->kind == SG_SWIM_ALIVE && believable(m, rumor->incarnation) <= m->incarnation)
        return;
    sg_swim_refute(m, rumor->incarnation);
}

void sg_swim_leave(struct sg_swim *m)
{
    m->has_refuted = false;
    say(m, true);
    if (!m->config.proofs) {
        /* memberlist: a death that its subject tells is a goodbye */
        struct sg_swim_rumor rumor = {.kind = SG_SWIM_DEAD,
                                      .member = m->self,
                                      .incarnation = m->incarnation,
                                      .accuser = m->self};
        uint16_t slots[SG_SWIM_INDIRECT_HARD];
        uint8_t count =
            sg_swim_pick(m, SG_SWIM_TO_GOSSIP, SG_SWIM_NONE, SG_SWIM_INDIRECT_HARD, slots);
        for (uint8_t i = 0; i < count; i++)
            sg_swim_tell_one(m, &m->member[slots[i]].id, &rumor);
    }
    m->has_left = true;
}
