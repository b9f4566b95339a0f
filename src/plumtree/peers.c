#include <assert.h>

#include "plumtree/state.h"

struct sg_pt_peer *sg_pt_peer_find(struct sg_pt *m, const struct sg_peer_id *id)
{
    uint64_t word = sg_load64(id->b);
    for (uint32_t i = 0; i < m->peers_count; i++)
        if (m->words[i] == word && sg_peer_id_equal(&m->peers[i].id, id))
            return &m->peers[i];
    return NULL;
}

struct sg_pt_peer *sg_pt_peer_by_tag(struct sg_pt *m, uint32_t tag)
{
    for (uint32_t i = 0; i < m->peers_count; i++)
        if (m->peers[i].tag == tag)
            return &m->peers[i];
    return NULL;
}

struct sg_pt_peer *sg_pt_peer_add(struct sg_pt *m, const struct sg_peer_id *id)
{
    assert(m->peers_count < m->config.peers_max);
    m->last_tag++;
    if (m->last_tag == SG_PT_TAG_NONE)
        m->last_tag++;
    m->words[m->peers_count] = sg_load64(id->b);
    struct sg_pt_peer *peer = &m->peers[m->peers_count++];
    *peer = (struct sg_pt_peer){.id = *id, .tag = m->last_tag, .is_eager = true};
    sg_pt_queue_init(&peer->missing);
    m->eager_count++;
    return peer;
}

void sg_pt_peer_remove(struct sg_pt *m, struct sg_pt_peer *peer)
{
    uint32_t at = (uint32_t)(peer - m->peers);
    sg_pt_peer_set_eager(m, peer, false);
    sg_pt_missing_orphan(m, peer);
    sg_mem_free(m->config.mem, peer->queue);
    m->peers_count--;
    memmove(peer, peer + 1, (m->peers_count - at) * sizeof(*peer));
    memmove(&m->words[at], &m->words[at + 1], (m->peers_count - at) * sizeof(*m->words));
    sg_pt_lazy_rearm(m);
}

void sg_pt_peer_set_eager(struct sg_pt *m, struct sg_pt_peer *peer, bool is_eager)
{
    if (peer->is_eager == is_eager)
        return;
    peer->is_eager = is_eager;
    m->eager_count += is_eager ? 1 : UINT32_MAX;
}

/* Cut to the longest timer, so that sums cannot wrap. */
void sg_pt_peer_set_rtt(struct sg_pt *m, struct sg_pt_peer *peer, const struct sg_pt_in *in)
{
    peer->srtt_ns = sg_time_min(in->srtt_ns, m->config.graft_max_ns);
    peer->rttvar_ns = sg_time_min(in->rttvar_ns, m->config.graft_max_ns);
}

uint64_t sg_pt_peer_patience(const struct sg_pt *m, const struct sg_pt_peer *peer)
{
    uint64_t patience = 2 * peer->srtt_ns + 4 * peer->rttvar_ns;
    if (patience < m->config.graft_min_ns)
        return m->config.graft_min_ns;
    return sg_time_min(patience, m->config.graft_max_ns);
}

uint64_t sg_pt_peer_window(const struct sg_pt *m)
{
    uint64_t window = m->config.graft_min_ns;
    for (uint32_t i = 0; i < m->peers_count; i++) {
        uint64_t patience = sg_pt_peer_patience(m, &m->peers[i]);
        if (window < patience)
            window = patience;
    }
    return 2 * window;
}

void sg_pt_peer_graft(struct sg_pt *m, struct sg_pt_peer *peer, const struct sg_msg_id *id,
                      struct sg_pt_outbox *out)
{
    sg_pt_peer_set_eager(m, peer, true);
    struct sg_pt_out *o = sg_pt_emit(out, SG_PT_OUT_GRAFT, &peer->id);
    if (id != NULL) {
        o->has_id = true;
        o->id = *id;
    }
    m->stats.grafts_sent++;
}

void sg_pt_peer_prune(struct sg_pt *m, struct sg_pt_peer *peer, struct sg_pt_outbox *out)
{
    sg_pt_peer_set_eager(m, peer, false);
    peer->quiet_until = sg_time_add(m->now, sg_pt_peer_patience(m, peer));
    (void)sg_pt_emit(out, SG_PT_OUT_PRUNE, &peer->id);
    m->stats.prunes_sent++;
}

void sg_pt_peer_rescue(struct sg_pt *m, const struct sg_pt_peer *but, struct sg_pt_outbox *out)
{
    uint32_t choices = m->peers_count - (but == NULL ? 0 : 1);
    if (m->eager_count > 0 || choices == 0)
        return;
    uint64_t nth = sg_prng_below(&m->prng, choices);
    struct sg_pt_peer *peer = &m->peers[nth];
    if (but != NULL && peer >= but)
        peer++;
    sg_pt_peer_graft(m, peer, NULL, out);
    m->stats.rescues++;
}
