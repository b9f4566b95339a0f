/* While neighbours withhold messages, contacts are a second way for them.
 *
 * A tree has one way to each node. Who sits on it and passes on every other message only is not
 * told from a neighbour that has bad ones behind itself; each gap costs an announcement, a timer
 * and a round trip, and gaps on one way add up. Contacts are the neighbours that no stranger can
 * become. So when a node had to pull several of its last messages, it takes up to KEPT_MAX contacts
 * into the tree, and for GUARD_NS their copies do not cut the link: messages flood over contacts
 * beside the tree. An attacker who brings this about costs a node at most so many copies a message;
 * a tree of honest neighbours has no gaps, and pays nothing. */
#include "plumtree/state.h"

/* Share of the last messages, about 16, that had to be pulled, in thousandths: two within eight
 * messages, or every tenth. */
#define GAPS_MEMORY 16
#define GAPS_MANY 100
/* While contacts bring everything there are no gaps to be seen, so it ends by time alone. */
#define GUARD_NS (300 * SG_NS_PER_S)
/* Contacts that are kept: what it costs at most is so many copies a message. */
#define KEPT_MAX 4

bool sg_pt_guard_is_on(const struct sg_pt *m)
{
    return m->now < m->guarded_until;
}

bool sg_pt_guard_brings(const struct sg_pt *m)
{
    for (uint32_t i = 0; sg_pt_guard_is_on(m) && i < m->peers_count; i++)
        if (m->peers[i].score.is_trusted && sg_pt_peer_is_linked(&m->peers[i]))
            return true;
    return false;
}

bool sg_pt_guard_keeps(const struct sg_pt *m, const struct sg_pt_peer *peer)
{
    uint32_t before = 0;
    if (!sg_pt_guard_is_on(m) || !peer->score.is_trusted)
        return false;
    for (const struct sg_pt_peer *p = m->peers; p < peer; p++)
        before += p->score.is_trusted ? 1 : 0;
    return before < KEPT_MAX;
}

void sg_pt_guard_meet(struct sg_pt *m, struct sg_pt_peer *peer, struct sg_pt_outbox *out)
{
    if (sg_pt_peer_is_linked(peer) || !sg_pt_guard_keeps(m, peer))
        return;
    if (!sg_pt_peer_is_in_backoff(m, peer) || sg_pt_peer_may_return(m, peer))
        sg_pt_peer_graft(m, peer, NULL, out);
}

void sg_pt_guard_note(struct sg_pt *m, bool is_pulled, struct sg_pt_outbox *out)
{
    bool was_on = sg_pt_guard_is_on(m);
    m->gaps -= m->gaps / GAPS_MEMORY;
    m->gaps += is_pulled ? 1000 / GAPS_MEMORY : 0;
    if (!is_pulled || m->gaps < GAPS_MANY)
        return;
    m->guarded_until = sg_time_add(m->now, GUARD_NS);
    if (was_on)
        return;
    m->stats.guards++;
    for (uint32_t i = 0; i < m->peers_count; i++)
        sg_pt_guard_meet(m, &m->peers[i], out);
}
