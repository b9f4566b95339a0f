/* Strangers: members for whom the table has no place.
 *
 * Above members_max a table is a sample, and who crashes is unknown to most. That they hear of it
 * all the same, accusations of strangers are passed on and judged like those of members, with less
 * faith, because a liar can make names up: only where the table is a sample; each link brings few
 * (the caller counts, sg_swim_is_stranger_news); so many places; and no verdict before all k
 * confirmations are there. A stranger is not probed. Its signed record clears it, whatever number
 * it was accused with: a number made up too high must not be out of its reach, and one that is
 * played again from an old record holds off only accusations of lives before that.
 *
 * Places are for suspects. After the verdict or the record a stranger is remembered for a while
 * (settled.c), so that what is still under way starts nothing. */
#include "swim/internal.h"

#define LATER_NS (60 * SG_NS_PER_S)
#define STRANGERS_FIRST 4

bool sg_swim_is_sample(const struct sg_swim *m)
{
    return m->config.proofs && m->config.strangers_max > 0 &&
           m->ring_count + m->ring_count / 8 >= m->config.members_max;
}

static struct sg_swim_stranger *find(const struct sg_swim *m, const struct sg_peer_id *id)
{
    uint32_t tag = sg_load32(id->b);
    for (uint16_t i = 0; i < m->stranger_count; i++)
        if (m->stranger_tag[i] == tag && sg_peer_id_equal(&m->stranger[i].id, id))
            return &m->stranger[i];
    return NULL;
}

static void arm(struct sg_swim *m)
{
    sg_time_ns first = m->settled != NULL ? m->settled_until : SG_TIME_NEVER;
    for (uint16_t i = 0; i < m->stranger_count; i++)
        first = sg_time_min(first, m->stranger[i].due);
    sg_swim_timer_set(m, SG_SWIM_T_STRANGER, first);
}

/* At this time, too: it is new, or earlier than before. */
static void arm_by(struct sg_swim *m, sg_time_ns at)
{
    sg_time_ns first = sg_swim_timer_get(m, SG_SWIM_T_STRANGER);
    if (at < first)
        sg_swim_timer_set(m, SG_SWIM_T_STRANGER, at);
}

static void drop(struct sg_swim *m, struct sg_swim_stranger *s)
{
    uint16_t last = --m->stranger_count;
    m->stranger_tag[s - m->stranger] = m->stranger_tag[last];
    *s = m->stranger[last];
    if (m->stranger_count > 0)
        return;
    sg_mem_free(m->config.mem, m->stranger);
    sg_mem_free(m->config.mem, m->stranger_tag);
    m->stranger = NULL;
    m->stranger_tag = NULL;
    m->stranger_cap = 0;
}

static bool reserve(struct sg_swim *m)
{
    uint32_t cap = m->stranger_cap == 0 ? STRANGERS_FIRST : 2 * (uint32_t)m->stranger_cap;
    if (m->stranger_count < m->stranger_cap)
        return true;
    if (cap > m->config.strangers_max)
        cap = m->config.strangers_max;
    void *tags = sg_mem_resize(m->config.mem, m->stranger_tag, cap, sizeof(*m->stranger_tag));
    if (tags == NULL)
        return false;
    m->stranger_tag = tags;
    void *grown = sg_mem_resize(m->config.mem, m->stranger, cap, sizeof(*m->stranger));
    if (grown == NULL)
        return false;
    m->stranger = grown;
    m->stranger_cap = (uint16_t)cap;
    return true;
}

/* Of the life it leads, or of one that is settled. */
static bool is_stale(const struct sg_swim_settled *settled, const struct sg_swim_rumor *rumor)
{
    if (settled->is_dead)
        return rumor->incarnation >> 32 <= settled->incarnation >> 32;
    return rumor->incarnation < settled->incarnation;
}

static bool has_accused(const struct sg_swim_stranger *s, uint32_t accuser)
{
    for (uint8_t i = 0; i < s->count; i++)
        if (s->accuser[i] == accuser)
            return true;
    return false;
}

/* Of an accusation; s is the accused, NULL = new. */
static bool is_news(const struct sg_swim *m, const struct sg_swim_stranger *s,
                    const struct sg_swim_rumor *rumor)
{
    if (s != NULL)
        return s->count <= m->config.confirmations &&
               !has_accused(s, sg_swim_rank(m, &rumor->accuser));
    const struct sg_swim_settled *settled = sg_swim_settled_find(m, &rumor->member);
    return settled == NULL || !is_stale(settled, rumor);
}

bool sg_swim_is_stranger_news(const struct sg_swim *m, const struct sg_swim_rumor *rumor)
{
    bool is_accusation = rumor->kind == SG_SWIM_SUSPECT || rumor->kind == SG_SWIM_DEAD;
    if (!is_accusation || !sg_swim_is_sample(m) || sg_peer_id_equal(&rumor->member, &m->self) ||
        sg_swim_slot(m, &rumor->member) != SG_SWIM_NONE)
        return false;
    return is_news(m, find(m, &rumor->member), rumor);
}

/* NULL when there is no place for it, or none for what it comes to. */
static struct sg_swim_stranger *suspect(struct sg_swim *m, const struct sg_swim_rumor *rumor,
                                        uint64_t max_ns)
{
    if (m->stranger_count >= m->config.strangers_max || !sg_swim_settled_has_room(m) || !reserve(m))
        return NULL;
    struct sg_swim_stranger *s = &m->stranger[m->stranger_count++];
    *s = (struct sg_swim_stranger){.id = rumor->member,
                                   .incarnation = rumor->incarnation,
                                   .start = m->now,
                                   .due = sg_time_add(m->now, max_ns)};
    m->stranger_tag[s - m->stranger] = sg_load32(rumor->member.b);
    return s;
}

void sg_swim_stranger_accused(struct sg_swim *m, const struct sg_swim_rumor *rumor, uint16_t from)
{
    uint64_t min_ns = sg_swim_suspicion_min(&m->config, m->ring_count + UINT32_C(1));
    const struct sg_swim_gone *gone = sg_swim_gone_find(m, &rumor->member);
    bool is_accusation = rumor->kind == SG_SWIM_SUSPECT || rumor->kind == SG_SWIM_DEAD;
    struct sg_swim_stranger *s = find(m, &rumor->member);
    if (!is_accusation || !sg_swim_is_sample(m) || !is_news(m, s, rumor) ||
        (gone != NULL && rumor->incarnation >> 32 <= gone->incarnation >> 32))
        return;
    if (s == NULL)
        s = suspect(m, rumor, min_ns / 1000 * m->config.beta_milli);
    if (s == NULL)
        return;
    sg_time_ns due = s->due;
    s->accuser[s->count++] = sg_swim_rank(m, &rumor->accuser);
    if (s->count > m->config.confirmations)
        s->due = sg_time_add(s->start, min_ns);
    /* all others need only be looked at where an earlier time was given up for this one */
    if (s->due <= due)
        arm_by(m, s->due);
    else
        arm(m);
    sg_swim_tell(m, rumor, from, true);
}

static void say(struct sg_swim *m, const struct sg_peer_id *id, sg_incarnation incarnation,
                enum sg_swim_out_kind kind)
{
    sg_swim_emit(m, kind, id);
    m->out->out[m->out->count - 1].incarnation = incarnation;
}

static void due(struct sg_swim *m, struct sg_swim_stranger *s)
{
    if (s->count <= m->config.confirmations) {
        drop(m, s);
        return;
    }
    s->due = sg_time_add(m->now, LATER_NS);
    if (sg_swim_is_alone(m))
        return; /* later, when it is known who can be reached */
    m->stats.deaths++;
    say(m, &s->id, s->incarnation, SG_SWIM_OUT_FAIL);
    sg_swim_settled_put(m, &s->id, s->incarnation, true);
    drop(m, s);
}

void sg_swim_strangers_due(struct sg_swim *m)
{
    for (uint16_t i = m->stranger_count; i-- > 0 && sg_swim_has_room(m);)
        if (m->stranger[i].due <= m->now)
            due(m, &m->stranger[i]);
    sg_swim_settled_expire(m);
    arm(m);
}

void sg_swim_stranger_lives(struct sg_swim *m, const struct sg_peer_id *id,
                            sg_incarnation incarnation)
{
    struct sg_swim_stranger *s = find(m, id);
    const struct sg_swim_settled *settled = sg_swim_settled_find(m, id);
    bool was_dead = s == NULL && settled != NULL && settled->is_dead;
    if (s == NULL && (settled == NULL || incarnation < settled->incarnation ||
                      (was_dead && incarnation == settled->incarnation)))
        return;
    if (s != NULL)
        drop(m, s);
    sg_swim_settled_put(m, id, incarnation, false);
    sg_swim_untell(m, id);
    if (was_dead)
        say(m, id, incarnation, SG_SWIM_OUT_REFUTED);
    arm(m);
}

bool sg_swim_is_stranger_accused(const struct sg_swim *m, const struct sg_peer_id *id,
                                 struct sg_swim_rumor *rumor)
{
    const struct sg_swim_stranger *s = find(m, id);
    const struct sg_swim_settled *settled = s == NULL ? sg_swim_settled_find(m, id) : NULL;
    if (s == NULL && (settled == NULL || !settled->is_dead))
        return false;
    *rumor =
        (struct sg_swim_rumor){.kind = s == NULL ? SG_SWIM_DEAD : SG_SWIM_SUSPECT,
                               .member = *id,
                               .incarnation = s == NULL ? settled->incarnation : s->incarnation,
                               .accuser = m->self};
    return true;
}

void sg_swim_stranger_forget(struct sg_swim *m, const struct sg_peer_id *id)
{
    struct sg_swim_stranger *s = find(m, id);
    sg_swim_settled_forget(m, id);
    if (s == NULL)
        return;
    drop(m, s);
    arm(m);
}

void sg_swim_strangers_forgive(struct sg_swim *m, uint64_t late)
{
    for (uint16_t i = 0; i < m->stranger_count; i++) {
        m->stranger[i].start = sg_time_add(m->stranger[i].start, late);
        m->stranger[i].due = sg_time_add(m->stranger[i].due, late);
    }
    arm(m);
}
