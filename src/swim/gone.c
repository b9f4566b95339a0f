/* Who has gone.
 *
 * By its own word, for as long as the dead are kept, or given up by an operator, for ten minutes:
 * nobody is believed meanwhile who says that it lives, nor who has slept through the goodbye.
 *
 * And who was silent when it was asked: who says that it lives may be right, so it is asked again,
 * but nobody is told of it before it answers. Otherwise those who have not asked it yet and those
 * who have would tell each other of it for ever, long after it has left, or when it never was.
 *
 * When one that was held for dead lives, others may have been cut off as well: all who were silent
 * are believed again.
 *
 * When nodes are stopped one after another there are as many of them as there are members, so the
 * memory may become as large as the table of those; with less, those who left first come back by
 * what is still said of them. It is a hash table by rank, which nobody can foresee: whoever an
 * unknown member is told of is looked for here, in one or two places however many have left. It has
 * places only for those who did. Those whose time is over go when room is needed, and all together
 * when it is over for the last one. */
#include "swim/internal.h"

#include <assert.h>

#define GIVEN_UP_NS (600 * SG_NS_PER_S)
#define GONE_FIRST 16
/* A small table hears of many more nodes than it holds. */
#define GONE_MIN 32

uint32_t sg_swim_gone_max(const struct sg_swim_config *config)
{
    return config->members_max > GONE_MIN ? config->members_max : GONE_MIN;
}

static bool is_remembered(const struct sg_swim *m, const struct sg_swim_gone *gone)
{
    return gone->until > m->now;
}

/* Where it is, or the free place where it would go. */
static struct sg_swim_gone *place_of(struct sg_swim_gone *table, uint32_t mask, uint32_t rank)
{
    uint32_t at = rank & mask;
    while (table[at].until > 0 && table[at].rank != rank)
        at = (at + 1) & mask;
    return &table[at];
}

static void forget_all(struct sg_swim *m)
{
    sg_mem_free(m->config.mem, m->gone);
    m->gone = NULL;
    m->gone_mask = m->gone_used = 0;
}

struct sg_swim_gone *sg_swim_gone_find(struct sg_swim *m, const struct sg_peer_id *id)
{
    if (m->gone == NULL)
        return NULL;
    if (m->gone_until <= m->now) {
        forget_all(m);
        return NULL;
    }
    struct sg_swim_gone *gone = place_of(m->gone, m->gone_mask, sg_swim_rank(m, id));
    return is_remembered(m, gone) ? gone : NULL;
}

void sg_swim_gone_forget(struct sg_swim_gone *gone)
{
    gone->until = 1; /* over, but others may be found behind it */
}

void sg_swim_gone_trust(struct sg_swim *m)
{
    for (uint32_t i = 0; m->gone != NULL && i <= m->gone_mask; i++) {
        struct sg_swim_gone *gone = &m->gone[i];
        if (is_remembered(m, gone) && gone->why == SG_SWIM_GONE_SILENT)
            sg_swim_gone_forget(gone);
    }
}

/* How many are remembered; first: who left before all others, NULL for nobody. */
static uint32_t count(const struct sg_swim *m, struct sg_swim_gone **first)
{
    uint32_t remembered = 0;
    *first = NULL;
    for (uint32_t i = 0; m->gone != NULL && i <= m->gone_mask; i++) {
        struct sg_swim_gone *gone = &m->gone[i];
        if (!is_remembered(m, gone))
            continue;
        remembered++;
        if (*first == NULL || gone->until < (*first)->until)
            *first = gone;
    }
    return remembered;
}

/* A table with room for one more, without those whose time is over. */
static bool rebuild(struct sg_swim *m)
{
    struct sg_swim_gone *first;
    uint32_t kept = count(m, &first), slots = GONE_FIRST;
    while (slots / 2 < kept + 1)
        slots *= 2;
    struct sg_swim_gone *table = sg_mem_new(m->config.mem, slots, sizeof(*table));
    if (table == NULL)
        return false;
    for (uint32_t i = 0; m->gone != NULL && i <= m->gone_mask; i++)
        if (is_remembered(m, &m->gone[i]))
            *place_of(table, slots - 1, m->gone[i].rank) = m->gone[i];
    forget_all(m);
    m->gone = table;
    m->gone_mask = slots - 1;
    m->gone_used = kept;
    return true;
}

/* For one that is not remembered. */
static bool make_room(struct sg_swim *m)
{
    struct sg_swim_gone *first;
    uint32_t most = sg_swim_gone_max(&m->config);
    if (m->gone_used >= most && count(m, &first) >= most)
        sg_swim_gone_forget(first);
    if (m->gone != NULL && m->gone_used + 1 <= (m->gone_mask + 1) * 2 / 3)
        return true;
    return rebuild(m);
}

void sg_swim_gone_add(struct sg_swim *m, const struct sg_peer_id *id, sg_incarnation incarnation,
                      enum sg_swim_gone_why why)
{
    uint32_t rank = sg_swim_rank(m, id);
    struct sg_swim_gone *gone = sg_swim_gone_find(m, id);
    if (gone != NULL && gone->incarnation > incarnation)
        return; /* an older goodbye, played again */
    if (gone == NULL) {
        if (!make_room(m))
            return;
        gone = place_of(m->gone, m->gone_mask, rank);
        m->gone_used += gone->until == 0;
    }
    uint64_t kept_ns = why == SG_SWIM_GONE_GIVEN_UP ? GIVEN_UP_NS : m->config.dead_keep_ns;
    *gone = (struct sg_swim_gone){.incarnation = incarnation,
                                  .until = sg_time_add(m->now, kept_ns),
                                  .rank = rank,
                                  .why = why};
    if (m->gone_until < gone->until)
        m->gone_until = gone->until;
}

void sg_swim_gone_check(const struct sg_swim *m)
{
    struct sg_swim_gone *first;
    uint32_t used = 0;
    assert(count(m, &first) <= sg_swim_gone_max(&m->config));
    for (uint32_t i = 0; m->gone != NULL && i <= m->gone_mask; i++) {
        struct sg_swim_gone *gone = &m->gone[i];
        used += gone->until > 0;
        assert(gone->until <= m->gone_until);
        assert(gone->until == 0 || place_of(m->gone, m->gone_mask, gone->rank) == gone);
    }
    assert(used == m->gone_used);
    assert(m->gone == NULL || used <= m->gone_mask); /* a search ends */
}
