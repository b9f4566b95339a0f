/* Strangers on whom there is a verdict, or a record that clears them.
 *
 * Accusations are still under way when it is known what they come to. Without a memory each of them
 * would start the suspicion anew, as news for all; when many crash at once, more than there are
 * places for suspects, that goes round without end. So who is settled is kept apart, in few bytes,
 * for as long as accusations last. It is a hash table by rank, which nobody can foresee; those
 * whose time is over go when room is needed, and all together when it is over for the last one. */
#include "swim/internal.h"

#define KEEP_S 60
#define SETTLED_FIRST 32

uint32_t sg_swim_settled_max(const struct sg_swim_config *config)
{
    return SG_SWIM_SETTLED_PER_PLACE * (uint32_t)config->strangers_max;
}

static sg_time_ns until(const struct sg_swim_settled *s)
{
    return s->until_s * SG_NS_PER_S;
}

static bool is_remembered(const struct sg_swim *m, const struct sg_swim_settled *s)
{
    return s->until_s > 0 && until(s) > m->now;
}

/* Where it is, or the free place where it would go. */
static struct sg_swim_settled *place_of(struct sg_swim_settled *table, uint32_t mask, uint32_t rank)
{
    uint32_t at = rank & mask;
    while (table[at].until_s > 0 && table[at].rank != rank)
        at = (at + 1) & mask;
    return &table[at];
}

struct sg_swim_settled *sg_swim_settled_find(const struct sg_swim *m, const struct sg_peer_id *id)
{
    if (m->settled == NULL)
        return NULL;
    struct sg_swim_settled *s = place_of(m->settled, m->settled_mask, sg_swim_rank(m, id));
    return is_remembered(m, s) ? s : NULL;
}

/* A table for so many more, without those whose time is over. */
static bool rebuild(struct sg_swim *m, uint32_t more)
{
    uint32_t slots = SETTLED_FIRST;
    uint32_t kept = 0;
    sg_time_ns first = SG_TIME_NEVER;
    for (uint32_t i = 0; m->settled != NULL && i <= m->settled_mask; i++) {
        if (!is_remembered(m, &m->settled[i]))
            continue;
        first = sg_time_min(first, until(&m->settled[i]));
        kept++;
    }
    while (slots * 2 / 3 < kept + more)
        slots *= 2;
    struct sg_swim_settled *table = sg_mem_new(m->config.mem, slots, sizeof(*table));
    if (table == NULL)
        return false;
    for (uint32_t i = 0; m->settled != NULL && i <= m->settled_mask; i++) {
        const struct sg_swim_settled *s = &m->settled[i];
        if (is_remembered(m, s))
            *place_of(table, slots - 1, s->rank) = *s;
    }
    sg_mem_free(m->config.mem, m->settled);
    m->settled = table;
    m->settled_mask = slots - 1;
    m->settled_count = kept;
    m->settled_first = first;
    return true;
}

bool sg_swim_settled_has_room(struct sg_swim *m)
{
    if (m->settled_count < sg_swim_settled_max(&m->config))
        return true;
    return m->settled_first <= m->now && rebuild(m, 1) &&
           m->settled_count < sg_swim_settled_max(&m->config);
}

void sg_swim_settled_put(struct sg_swim *m, const struct sg_peer_id *id, sg_incarnation incarnation,
                         bool is_dead)
{
    uint32_t rank = sg_swim_rank(m, id);
    if ((m->settled == NULL || m->settled_count + 1 > (m->settled_mask + 1) * 2 / 3) &&
        !rebuild(m, m->settled_count / 2 + 1)) /* the next power of two */
        return;
    struct sg_swim_settled *s = place_of(m->settled, m->settled_mask, rank);
    m->settled_count += s->until_s == 0;
    *s = (struct sg_swim_settled){.incarnation = incarnation,
                                  .rank = rank,
                                  .until_s = (m->now / SG_NS_PER_S + KEEP_S + 1) & INT32_MAX,
                                  .is_dead = is_dead};
    m->settled_first = sg_time_min(m->settled_first, until(s));
    m->settled_until = until(s);
}

void sg_swim_settled_forget(struct sg_swim *m, const struct sg_peer_id *id)
{
    struct sg_swim_settled *s = sg_swim_settled_find(m, id);
    if (s == NULL)
        return;
    s->until_s = 1; /* over, but others may be found behind it */
    m->settled_first = sg_time_min(m->settled_first, m->now);
}

void sg_swim_settled_expire(struct sg_swim *m)
{
    if (m->settled == NULL || m->settled_until > m->now)
        return;
    sg_mem_free(m->config.mem, m->settled);
    m->settled = NULL;
    m->settled_mask = m->settled_count = 0;
    m->settled_first = m->settled_until = SG_TIME_NEVER;
}
