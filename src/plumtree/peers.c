#include <assert.h>

#include "plumtree/state.h"

/* A pruned link may come back into the tree so often at once, then once per back-off: enough for
 * repairs, too little for somebody who wants to shake the tree. */
#define RETURN_BURST 3

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
    while ((m->slots >> peer->slot & 1) != 0)
        peer->slot++;
    m->slots |= UINT32_C(1) << peer->slot;
    sg_score_init(&peer->score, m->now);
    sg_score_linked(&peer->score, m->now, m->total);
    sg_pt_left_restore(m, peer);
    sg_pt_queue_init(&peer->missing);
    m->eager_count++;
    return peer;
}

void sg_pt_peer_remove(struct sg_pt *m, struct sg_pt_peer *peer)
{
    uint32_t at = (uint32_t)(peer - m->peers);
    sg_pt_left_note(m, peer);
    sg_pt_peer_set_eager(m, peer, false);
    sg_pt_missing_orphan(m, peer);
    sg_pt_conduct_free(m, peer);
    sg_pt_seen_clear_slot(m, peer->slot);
    m->slots &= ~(UINT32_C(1) << peer->slot);
    sg_mem_free(m->config.mem, peer->queue);
    m->peers_count--;
    memmove(peer, peer + 1, (m->peers_count - at) * sizeof(*peer));
    memmove(&m->words[at], &m->words[at + 1], (m->peers_count - at) * sizeof(*m->words));
    sg_pt_lazy_rearm(m);
}

void sg_pt_peer_set_eager(struct sg_pt *m, struct sg_pt_peer *peer, bool is_eager)
{
    bool was_linked = sg_pt_peer_is_linked(peer);
    peer->is_eager = is_eager;
    peer->is_fed = false;
    if (is_eager == was_linked)
        return;
    m->eager_count += is_eager ? 1 : UINT32_MAX;
    if (is_eager)
        sg_score_linked(&peer->score, m->now, m->total);
    else
        sg_score_unlinked(&peer->score);
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
    if (!peer->is_fed || id == NULL) /* one that brought nothing has to bring something first */
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
    peer->backoff_until = sg_time_add(m->now, m->config.backoff_ns);
    (void)sg_pt_emit(out, SG_PT_OUT_PRUNE, &peer->id);
    m->stats.prunes_sent++;
}

bool sg_pt_peer_is_in_backoff(const struct sg_pt *m, const struct sg_pt_peer *peer)
{
    return m->now < peer->backoff_until;
}

static bool has_return(const struct sg_pt *m, const struct sg_pt_peer *peer)
{
    return peer->returns_at <= sg_time_add(m->now, (RETURN_BURST - 1) * m->config.backoff_ns);
}

bool sg_pt_peer_may_return(const struct sg_pt *m, struct sg_pt_peer *peer)
{
    uint64_t pause = m->config.backoff_ns;
    if (!has_return(m, peer))
        return false;
    if (peer->returns_at < m->now)
        peer->returns_at = m->now;
    peer->returns_at = sg_time_add(peer->returns_at, pause);
    return true;
}

/* The other end counts from when it sent or heard of the PRUNE: its clock may be ahead of ours by a
 * round trip and a bit. */
static bool is_too_early(const struct sg_pt *m, const struct sg_pt_peer *peer)
{
    uint64_t slack = m->config.backoff_ns / 16 + sg_pt_peer_patience(m, peer);
    return sg_time_add(m->now, slack) < peer->backoff_until;
}

/* It wants to be pushed to, which does not say that it will bring anything. */
static void feed(struct sg_pt *m, struct sg_pt_peer *peer)
{
    sg_pt_peer_set_eager(m, peer, true);
    peer->is_eager = false;
    peer->is_fed = true;
}

void sg_pt_peer_grafts_us(struct sg_pt *m, struct sg_pt_peer *peer, bool lacks,
                          struct sg_pt_outbox *out)
{
    if (sg_pt_peer_is_linked(peer))
        return;
    if (lacks || !is_too_early(m, peer)) {
        feed(m, peer);
        return;
    }
    if (m->now < peer->quiet_until)
        return; /* sent before it heard of our PRUNE, which makes it lazy as well */
    m->stats.grafts_in_backoff++;
    if (sg_pt_peer_may_return(m, peer)) {
        feed(m, peer);
        return;
    }
    sg_pt_conduct_note(m, peer, SG_SCORE_FAULT, out);
    sg_pt_peer_prune(m, peer, out);
}

void sg_pt_peer_prunes_us(struct sg_pt *m, struct sg_pt_peer *peer)
{
    sg_pt_peer_set_eager(m, peer, false);
    peer->backoff_until = sg_time_add(m->now, m->config.backoff_ns);
}

void sg_pt_peer_pushes_us(struct sg_pt *m, struct sg_pt_peer *peer, struct sg_pt_outbox *out)
{
    if (peer->is_fed)
        sg_pt_peer_set_eager(m, peer, true);
    if (peer->is_eager || m->now < peer->quiet_until)
        return;
    if (!sg_pt_peer_is_in_backoff(m, peer))
        sg_pt_peer_graft(m, peer, NULL, out);
    else if (sg_pt_peer_may_return(m, peer))
        sg_pt_peer_set_eager(m, peer, true); /* it knows: it pushes */
    else
        sg_pt_peer_prune(m, peer, out);
}

/* The nth neighbour outside the tree that may be grafted: out of a back-off, or within one if it
 * has a return left. Who is fed is pushed to already and brings nothing. */
static struct sg_pt_peer *nth_choice(struct sg_pt *m, const struct sg_pt_peer *but, bool is_return,
                                     uint64_t nth)
{
    for (uint32_t i = 0; i < m->peers_count; i++) {
        struct sg_pt_peer *peer = &m->peers[i];
        bool may = !sg_pt_peer_is_in_backoff(m, peer) || (is_return && has_return(m, peer));
        if (peer == but || sg_pt_peer_is_linked(peer) || !may)
            continue;
        if (nth-- == 0)
            return peer;
    }
    return NULL;
}

/* One that may be grafted, each with the same chance; NULL = none. */
static struct sg_pt_peer *draw(struct sg_pt *m, const struct sg_pt_peer *but, bool is_return)
{
    uint32_t choices = 0;
    while (nth_choice(m, but, is_return, choices) != NULL)
        choices++;
    if (choices == 0)
        return NULL;
    return nth_choice(m, but, is_return, sg_prng_below(&m->prng, choices));
}

bool sg_pt_peer_rescue(struct sg_pt *m, const struct sg_pt_peer *but, struct sg_pt_outbox *out)
{
    if (sg_pt_sources(m) > 0)
        return false;
    struct sg_pt_peer *peer = draw(m, but, false);
    if (peer == NULL)
        peer = draw(m, but, true);
    if (peer == NULL)
        return true;
    if (sg_pt_peer_is_in_backoff(m, peer))
        (void)sg_pt_peer_may_return(m, peer);
    sg_pt_peer_graft(m, peer, NULL, out);
    m->stats.rescues++;
    return true;
}
