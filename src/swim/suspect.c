/* What is said of members, and what we conclude.
 *
 * Two rules of belief. In paper mode as in memberlist: a higher incarnation is the truth, ALIVE and
 * DEAD are taken over as gossiped. With proofs: an accusation only starts or shortens our own
 * suspicion timer, and only the subject (its link, its signed record) sets its incarnation. */
#include "swim/internal.h"

/* Nobody's word: whom others give up must have been dead here for longer than partitions last. */
#define FORGET_AFTER_NS (3600 * SG_NS_PER_S)

#include <assert.h>

/* Time for others to accuse somebody whom we alone could not reach and have never met. */
#define PRIVATE_FACTOR 2
/* What we heard at first hand outweighs hearsay about the same incarnation for so long: time for
 * the member's record to come. Without this the accusations still under way would start the
 * suspicion anew, as news to be flooded, and so on for ever. */
#define CALM_NS (3 * SG_NS_PER_S)
/* Of those who hear an accusation so many for each confirmation ask the accused, on average. */
#define ASKERS 2
#define SUSPICIONS_FIRST 4

/* ---- suspicion records ---- */

static bool suspicion_reserve(struct sg_swim *m)
{
    if (m->suspicion_free != SG_SWIM_NONE)
        return true;
    uint32_t cap = m->suspicion_cap == 0 ? SUSPICIONS_FIRST : 2 * (uint32_t)m->suspicion_cap;
    if (cap > m->config.members_max)
        cap = m->config.members_max;
    if (cap <= m->suspicion_cap || sg_swim_timers_reserve(m, cap, m->slot_cap) != SG_OK)
        return false;
    struct sg_swim_suspicion *grown =
        sg_mem_resize(m->config.mem, m->suspicion, cap, sizeof(*grown));
    if (grown == NULL)
        return false;
    m->suspicion = grown;
    for (uint32_t i = cap; i-- > m->suspicion_cap;) {
        grown[i] = (struct sg_swim_suspicion){.slot = m->suspicion_free, .heap_at = SG_SWIM_NONE};
        m->suspicion_free = (uint16_t)i;
    }
    m->suspicion_cap = (uint16_t)cap;
    return true;
}

static uint16_t timer_of(uint16_t suspicion)
{
    return (uint16_t)(SG_SWIM_T_SUSPICION + suspicion);
}

void sg_swim_suspicion_end(struct sg_swim *m, uint16_t slot)
{
    uint16_t at = m->member[slot].suspicion;
    if (at == SG_SWIM_NONE)
        return;
    m->member[slot].suspicion = SG_SWIM_NONE;
    sg_swim_timer_set(m, timer_of(at), SG_TIME_NEVER);
    m->suspicion[at].is_used = false;
    m->suspicion[at].slot = m->suspicion_free;
    m->suspicion_free = at;
    m->suspicion_count--;
}

/* ---- accusations ---- */

/* k: how many others can confirm, at most as many as the config asks for. */
static uint8_t confirmations_needed(const struct sg_swim *m)
{
    uint32_t others = m->ring_count > 0 ? m->ring_count - UINT32_C(1) : 0;
    if (!m->config.lha_suspicion)
        return 0;
    if (others >= m->config.confirmations)
        return m->config.confirmations;
    /* memberlist gives up waiting altogether where not all k can confirm */
    return m->config.proofs ? (uint8_t)others : 0;
}

static void set_deadline(struct sg_swim *m, uint16_t at)
{
    struct sg_swim_suspicion *s = &m->suspicion[at];
    uint64_t timeout =
        sg_swim_suspicion_timeout(s->min_ns, s->max_ns, (uint8_t)(s->count - 1), s->needed);
    sg_swim_timer_set(m, timer_of(at), sg_time_add(s->start, timeout));
}

static void say_join(struct sg_swim *m, uint16_t slot)
{
    struct sg_swim_member *e = &m->member[slot];
    struct sg_swim_gone *gone = e->is_doubted ? sg_swim_gone_find(m, &e->id) : NULL;
    if (gone != NULL)
        sg_swim_gone_forget(gone);
    e->is_doubted = false;
    if (!e->is_told)
        sg_swim_event(m, SG_SWIM_OUT_JOIN, slot);
    e->is_told = true;
}

/* An accused neighbour is asked at once: it hears of it, and its answer clears it. One that has to
 * be dialled by a few of those who hear of it: who has just come back has hardly a neighbour that
 * could confirm, and an accusation that nobody confirms takes long. */
static bool is_asked(struct sg_swim *m, uint16_t slot)
{
    uint32_t askers = ASKERS * (uint32_t)m->config.confirmations;
    return m->member[slot].is_linked || sg_prng_below(&m->prng, m->ring_count) < askers;
}

static void make_public(struct sg_swim *m, uint16_t slot, const struct sg_swim_rumor *rumor,
                        uint16_t from)
{
    bool is_ours = sg_peer_id_equal(&rumor->accuser, &m->self);
    say_join(m, slot);
    sg_swim_event(m, SG_SWIM_OUT_SUSPECT, slot);
    m->stats.suspicions++;
    sg_swim_alarm(m);
    sg_swim_tell(m, rumor, from, true);
    if (m->config.proofs && !is_ours && is_asked(m, slot))
        sg_swim_ask(m, slot);
}

static void start_timer(struct sg_swim *m, uint16_t at, bool is_private)
{
    struct sg_swim_suspicion *s = &m->suspicion[at];
    s->is_private = is_private;
    s->start = m->now;
    s->min_ns = sg_swim_suspicion_min(&m->config, m->ring_count + UINT32_C(1));
    s->max_ns = s->min_ns / 1000 * m->config.beta_milli;
    if (is_private)
        s->max_ns = s->min_ns *= PRIVATE_FACTOR;
    if (s->max_ns < s->min_ns)
        s->max_ns = s->min_ns;
    s->needed = confirmations_needed(m);
    set_deadline(m, at);
}

static void start_suspicion(struct sg_swim *m, uint16_t slot, const struct sg_swim_rumor *rumor,
                            uint16_t from)
{
    struct sg_swim_member *e = &m->member[slot];
    bool is_ours = sg_peer_id_equal(&rumor->accuser, &m->self);
    if (!suspicion_reserve(m))
        return;
    uint16_t at = m->suspicion_free;
    struct sg_swim_suspicion *s = &m->suspicion[at];
    m->suspicion_free = s->slot;
    m->suspicion_count++;
    *s = (struct sg_swim_suspicion){.slot = slot, .heap_at = SG_SWIM_NONE, .is_used = true};
    s->accuser[s->count++] = sg_swim_rank(m, &rumor->accuser);
    e->suspicion = at;
    sg_swim_set_state(m, slot, SG_SWIM_IS_SUSPECT);
    start_timer(m, at, m->config.proofs && is_ours && !e->is_met);
    if (!s->is_private)
        make_public(m, slot, rumor, from);
}

static void confirm(struct sg_swim *m, uint16_t slot, const struct sg_swim_rumor *rumor,
                    uint16_t from)
{
    uint16_t at = m->member[slot].suspicion;
    struct sg_swim_suspicion *s = &m->suspicion[at];
    if (!s->is_private && s->count > s->needed)
        return; /* most that liars say */
    uint32_t accuser = sg_swim_rank(m, &rumor->accuser);
    for (uint8_t i = 0; i < s->count; i++)
        if (s->accuser[i] == accuser)
            return;
    if (s->is_private) {
        s->accuser[s->count++] = accuser;
        start_timer(m, at, false);
        make_public(m, slot, rumor, from);
        return;
    }
    s->accuser[s->count++] = accuser;
    m->stats.confirmations++;
    set_deadline(m, at);
    sg_swim_tell(m, rumor, from, true);
}

/* Whether the accusation is about the life the member leads now; brings it to our own terms. */
static bool is_current(const struct sg_swim *m, const struct sg_swim_member *e,
                       struct sg_swim_rumor *rumor)
{
    if (m->config.proofs && !e->is_proven)
        return true;
    if (rumor->incarnation < e->incarnation)
        return false;
    /* passed on as made, a number that nobody reached would never go stale */
    if (m->config.proofs)
        rumor->incarnation = e->incarnation;
    return true;
}

void sg_swim_accuse(struct sg_swim *m, uint16_t slot, const struct sg_swim_rumor *rumor,
                    uint16_t from)
{
    struct sg_swim_member *e = &m->member[slot];
    struct sg_swim_rumor said = *rumor;
    bool is_ours = sg_peer_id_equal(&rumor->accuser, &m->self);
    if (e->state == SG_SWIM_IS_DEAD || !is_current(m, e, &said))
        return;
    if (e->is_doubted && !is_ours)
        return; /* we ask it ourselves, and nobody is told of it */
    if (e->suspicion != SG_SWIM_NONE) {
        confirm(m, slot, &said, from);
        return;
    }
    if (!is_ours && e->is_cleared && sg_time_since(m->now, e->since) < CALM_NS)
        return;
    if (!m->config.proofs)
        e->incarnation = said.incarnation;
    start_suspicion(m, slot, &said, from);
}

void sg_swim_accuse_ourselves(struct sg_swim *m, uint16_t slot)
{
    struct sg_swim_rumor rumor = {.kind = SG_SWIM_SUSPECT,
                                  .member = m->member[slot].id,
                                  .incarnation = m->member[slot].incarnation,
                                  .accuser = m->self};
    sg_swim_accuse(m, slot, &rumor, SG_SWIM_NONE);
}

/* ---- verdicts ---- */

static void die(struct sg_swim *m, uint16_t slot, const struct sg_swim_rumor *rumor, uint16_t from)
{
    sg_swim_suspicion_end(m, slot);
    sg_swim_probe_cancel(m, slot);
    sg_swim_event(m, SG_SWIM_OUT_FAIL, slot);
    m->stats.deaths++;
    sg_swim_bury(m, slot);
    /* with proofs everybody judges alone and has been told of the suspicion: no flood */
    sg_swim_tell(m, rumor, from, !m->config.proofs);
}

void sg_swim_suspicion_due(struct sg_swim *m, uint16_t at)
{
    struct sg_swim_suspicion *s = &m->suspicion[at];
    uint16_t slot = s->slot;
    struct sg_swim_member *e = &m->member[slot];
    if (sg_swim_is_alone(m)) {
        sg_swim_timer_set(m, timer_of(at), sg_time_add(m->now, s->min_ns));
        return;
    }
    if (s->is_private) {
        if (e->is_told)
            sg_swim_event(m, SG_SWIM_OUT_DROPPED, slot);
        if (m->config.proofs)
            sg_swim_gone_add(m, &e->id, e->incarnation, SG_SWIM_GONE_SILENT);
        sg_swim_remove(m, slot);
        return;
    }
    struct sg_swim_rumor rumor = {
        .kind = SG_SWIM_DEAD, .member = e->id, .incarnation = e->incarnation, .accuser = m->self};
    die(m, slot, &rumor, SG_SWIM_NONE);
}

/* Paper mode: a death is believed. */
static void on_death(struct sg_swim *m, uint16_t slot, const struct sg_swim_rumor *rumor,
                     uint16_t from)
{
    struct sg_swim_member *e = &m->member[slot];
    if (rumor->incarnation < e->incarnation || e->state == SG_SWIM_IS_DEAD)
        return;
    e->incarnation = rumor->incarnation;
    if (!sg_peer_id_equal(&rumor->accuser, &rumor->member)) {
        die(m, slot, rumor, from);
        return;
    }
    /* told by itself: a goodbye */
    sg_swim_event(m, SG_SWIM_OUT_LEFT, slot);
    sg_swim_gone_add(m, &rumor->member, rumor->incarnation, SG_SWIM_GONE_LEFT);
    sg_swim_remove(m, slot);
    sg_swim_tell(m, rumor, SG_SWIM_NONE, true);
}

void sg_swim_forget(struct sg_swim *m, uint16_t slot, const struct sg_swim_rumor *rumor,
                    uint16_t from)
{
    sg_swim_event(m, SG_SWIM_OUT_LEFT, slot);
    sg_swim_gone_add(m, &rumor->member, m->member[slot].incarnation, SG_SWIM_GONE_GIVEN_UP);
    sg_swim_remove(m, slot);
    sg_swim_tell(m, rumor, from, true);
}

void sg_swim_expire(struct sg_swim *m)
{
    sg_swim_forget_dead(m, m->dead[0]);
}

/* ---- signs of life ---- */

static bool come_back(struct sg_swim *m, uint16_t slot)
{
    if (!sg_swim_revive(m, slot))
        return false;
    m->member[slot].is_told = true;
    if (m->config.proofs)
        sg_swim_gone_trust(m);
    m->stats.deaths_undone++;
    sg_swim_event(m, SG_SWIM_OUT_JOIN, slot);
    return true;
}

static void clear(struct sg_swim *m, uint16_t slot)
{
    struct sg_swim_member *e = &m->member[slot];
    bool was_public = !m->suspicion[e->suspicion].is_private;
    sg_swim_suspicion_end(m, slot);
    sg_swim_set_state(m, slot, SG_SWIM_IS_ALIVE);
    sg_swim_note_spare(m, slot);
    if (was_public)
        sg_swim_event(m, SG_SWIM_OUT_REFUTED, slot);
}

/* The member is told what is said of it, so that it refutes for all. */
static void tell_accused(struct sg_swim *m, uint16_t slot, enum sg_swim_rumor_kind kind)
{
    struct sg_swim_rumor rumor = {.kind = kind,
                                  .member = m->member[slot].id,
                                  .incarnation = m->member[slot].incarnation,
                                  .accuser = m->self};
    sg_swim_untell(m, &rumor.member);
    sg_swim_tell_one(m, &rumor.member, &rumor);
}

void sg_swim_life(struct sg_swim *m, uint16_t slot)
{
    struct sg_swim_member *e = &m->member[slot];
    e->heard = m->now > 0 ? m->now : 1;
    e->is_met = true;
    if (!m->config.proofs)
        return;
    say_join(m, slot);
    if (e->probe != 0)
        sg_swim_probe_success(m, (uint8_t)(e->probe - 1));
    sg_swim_watch_heard(m, slot);
    if (e->state == SG_SWIM_IS_SUSPECT) {
        bool was_public = !m->suspicion[e->suspicion].is_private;
        clear(m, slot);
        e->is_cleared = true;
        if (was_public)
            tell_accused(m, slot, SG_SWIM_SUSPECT);
    } else if (e->state == SG_SWIM_IS_DEAD && come_back(m, slot)) {
        e->is_cleared = true;
        tell_accused(m, slot, SG_SWIM_DEAD);
        sg_swim_ask_table(m, &e->id);
    }
}

void sg_swim_renew(struct sg_swim *m, uint16_t slot, sg_incarnation incarnation)
{
    struct sg_swim_member *e = &m->member[slot];
    bool is_new = e->incarnation != incarnation;
    bool was_told = e->is_told;
    e->incarnation = incarnation;
    e->is_proven = true;
    say_join(m, slot);
    if (is_new) {
        sg_swim_untell(m, &e->id);
        e->is_cleared = false;
    }
    switch ((enum sg_swim_state)e->state) {
    case SG_SWIM_IS_ALIVE:
        if (is_new && was_told)
            sg_swim_event(m, SG_SWIM_OUT_UPDATE, slot);
        break;
    case SG_SWIM_IS_SUSPECT:
        clear(m, slot);
        break;
    case SG_SWIM_IS_DEAD:
        (void)come_back(m, slot);
        break;
    }
}

/* ---- rumors ---- */

static void on_alive(struct sg_swim *m, const struct sg_swim_rumor *rumor, uint16_t from)
{
    uint16_t slot = sg_swim_slot(m, &rumor->member);
    if (slot == SG_SWIM_NONE) {
        bool is_news = sg_swim_floods_alive(m);
        if (sg_swim_learn(m, &rumor->member, rumor->incarnation) != SG_SWIM_NONE)
            sg_swim_tell(m, rumor, from, is_news);
        return;
    }
    struct sg_swim_member *e = &m->member[slot];
    if (m->config.proofs) {
        bool is_doubted = e->is_doubted && sg_swim_gone_find(m, &e->id) != NULL;
        if (e->state != SG_SWIM_IS_DEAD && !is_doubted)
            say_join(m, slot);
        return;
    }
    if (rumor->incarnation <= e->incarnation)
        return;
    sg_swim_renew(m, slot, rumor->incarnation);
    sg_swim_tell(m, rumor, from, true);
}

void sg_swim_on_rumor(struct sg_swim *m, const struct sg_swim_rumor *rumor, uint16_t from)
{
    uint16_t slot = sg_swim_slot(m, &rumor->member);
    if (sg_peer_id_equal(&rumor->member, &m->self)) {
        sg_swim_on_own_rumor(m, rumor);
        return;
    }
    if (rumor->kind == SG_SWIM_ALIVE) {
        on_alive(m, rumor, from);
        return;
    }
    /* our own words come back, or are put into our mouth */
    if (sg_peer_id_equal(&rumor->accuser, &m->self))
        return;
    if (slot == SG_SWIM_NONE) {
        sg_swim_stranger_accused(m, rumor, from);
        return;
    }
    if (rumor->kind == SG_SWIM_DEAD && !m->config.proofs)
        on_death(m, slot, rumor, from);
    else if (rumor->kind != SG_SWIM_FORGET)
        sg_swim_accuse(m, slot, rumor, from);
    else if (m->member[slot].state == SG_SWIM_IS_DEAD &&
             rumor->incarnation >= m->member[slot].incarnation &&
             (!m->config.proofs || sg_time_since(m->now, m->member[slot].since) >= FORGET_AFTER_NS))
        sg_swim_forget(m, slot, rumor, from);
}
