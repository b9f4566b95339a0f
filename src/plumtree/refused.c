/* Ids whose message came and was refused before anybody had proved it: never asked for again.
 *
 * They have a ring of their own, because whoever sends them may have made them up: among the seen
 * ids each would cost a message its place in the cache. A few hundred are enough. Only what was
 * announced here gets in, and its other announcements come within seconds. */
#include "plumtree/state.h"

#define REFUSED_MAX 256

void sg_pt_refused_fini(struct sg_pt *m)
{
    sg_mem_free(m->config.mem, m->refused.ids);
}

bool sg_pt_refused_has(const struct sg_pt *m, const struct sg_msg_id *id)
{
    for (uint32_t i = 0; i < m->refused.count; i++) {
        if (sg_msg_id_equal(&m->refused.ids[i], id))
            return true;
    }
    return false;
}

void sg_pt_refused_add(struct sg_pt *m, const struct sg_msg_id *id)
{
    struct sg_pt_refused *ring = &m->refused;
    if (ring->ids == NULL)
        ring->ids = sg_mem_new(m->config.mem, REFUSED_MAX, sizeof(*ring->ids));
    if (ring->ids == NULL || sg_pt_refused_has(m, id))
        return; /* the former: it may be asked for once more */
    ring->ids[ring->next] = *id;
    ring->next = (ring->next + 1) % REFUSED_MAX;
    ring->count += ring->count < REFUSED_MAX ? 1 : 0;
}
