/* Views of the machine: nothing here changes it. */
#include <stddef.h>

#include "base/prefetch.h"
#include "plumtree/state.h"

void sg_pt_prefetch(const struct sg_pt *m, bool is_timeout, unsigned stage)
{
    if (stage == 0) {
        sg_prefetch(m, offsetof(struct sg_pt, config));
    } else if (is_timeout) {
        sg_prefetch(m->peers, m->peers_count * sizeof(*m->peers));
    } else {
        sg_prefetch(m->words, m->peers_count * sizeof(*m->words));
        sg_prefetch(&m->stats.ihaves_received, 1);
    }
}

enum sg_pt_known sg_pt_known(const struct sg_pt *m, const struct sg_msg_id *id)
{
    const struct sg_pt_seen *entry = sg_pt_seen_find(m, id);
    if (entry == NULL)
        return SG_PT_UNKNOWN;
    return sg_pt_seen_is_held(m, entry) ? SG_PT_CACHED : SG_PT_SEEN;
}

const struct sg_pt_stats *sg_pt_stats(const struct sg_pt *m)
{
    return &m->stats;
}

bool sg_pt_is_eager(const struct sg_pt *m, const struct sg_peer_id *peer)
{
    for (uint32_t i = 0; i < m->peers_count; i++) {
        if (sg_peer_id_equal(&m->peers[i].id, peer))
            return m->peers[i].is_eager;
    }
    return false;
}

void sg_pt_degrees(const struct sg_pt *m, size_t *eager, size_t *lazy)
{
    *eager = m->eager_count;
    *lazy = m->peers_count - m->eager_count;
}

size_t sg_pt_sources(const struct sg_pt *m)
{
    size_t count = 0;
    for (uint32_t i = 0; i < m->peers_count; i++)
        count += m->peers[i].is_eager ? 1 : 0;
    return count;
}

static const struct sg_pt_peer *look_up(const struct sg_pt *m, const struct sg_peer_id *id)
{
    for (uint32_t i = 0; i < m->peers_count; i++) {
        if (sg_peer_id_equal(&m->peers[i].id, id))
            return &m->peers[i];
    }
    return NULL;
}

bool sg_pt_is_source(const struct sg_pt *m, const struct sg_peer_id *id)
{
    const struct sg_pt_peer *peer = look_up(m, id);
    return peer != NULL && peer->is_eager;
}

int32_t sg_pt_score(const struct sg_pt *m, const struct sg_peer_id *id)
{
    const struct sg_pt_peer *peer = look_up(m, id);
    return peer == NULL ? 0 : sg_pt_conduct_value(m, peer);
}
