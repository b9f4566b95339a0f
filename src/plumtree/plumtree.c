/* Plumtree: epidemic broadcast trees.
 *
 * The protocol (Leitao, Pereira, Rodrigues, SRDS 2007; technical report TR-07-14). Neighbours come
 * from the partial view, links are symmetric. Each neighbour is eager (it is pushed every message
 * at once) or lazy (it is told ids, IHAVE). All start eager: the first message floods. A copy of a
 * message already seen means that the link closes a cycle: the receiver makes the sender lazy and
 * says so, PRUNE. What stays is a spanning tree. When an IHAVE names an id and the message does not
 * come within a timer, the tree is broken on this side: the announcer becomes eager and is asked
 * for the message, GRAFT. So links outside the tree carry 33 bytes a message and repair the tree.
 *
 * A machine over ids. The node holds the messages, has verified what it feeds as GOSSIP, and lets a
 * message go at FORGET. Ids seen form a ring by age; its newest part, up to cache_ns and cache_max,
 * is what the node holds; the rest, up to seen_ns and seen_max, only answers "a copy". A late
 * joiner can keep a message alive past seen_ns by serving it to later ones, so the node must
 * refuse by the message's own date before it asks us (protocol.md 4), and says REFUSED, which ends
 * all asking for that id. Nothing has proved such a message, so it takes no place among the seen.
 *
 * What differs from the papers, and why:
 *
 * 1. Only some copies cut a link: those of a message whose id is the smallest of all seen about
 *    the time of a message's way through the tree (sg_pt_peer_window) before it and since. The
 *    copies of one message cut each cycle once. Concurrent messages from several authors meet at
 *    different links of a cycle, and with the papers' rule each cuts one: the tree falls apart, all
 *    border nodes graft at once, close new cycles, and so on for ever. All nodes see the same ids,
 *    so the smallest is a leader that costs no message. 200 nodes, links of 5-60 ms, 100
 *    messages/s from random authors: the papers' rule settles at 0.68 copies a message and 3 s to
 *    the last node, ours at less than 0.01 and 0.4 s. At a low rate each message is its own leader
 *    and the rule is the papers'.
 * 2. Our PRUNE opens a quiet time of one round trip, in which what the peer pushes was sent before
 *    it heard of it: a copy says nothing, and a new message does not make it eager again (with it,
 *    each round of pruning undid half of itself). After that a lazy neighbour that pushes thinks
 *    itself eager, for a PRUNE and a GRAFT may have crossed: a copy is answered by another PRUNE, a
 *    new message makes it eager, as in the papers, and is answered by a GRAFT without id. So both
 *    ends agree on a link one message after they did not.
 * 3. A copy from the neighbour that gave the message first is no cycle (it was asked twice, or
 *    asked while its push was under way): no PRUNE. Nor does a copy cost the last eager neighbour
 *    its place.
 * 4. The timer is measured: max(2 SRTT + 4 var of the announcer, twice the longest lead of IHAVE
 *    over payload of late), see missing.c. Only messages that come by themselves teach the lead. An
 *    announcement by an eager neighbour waits for the round trip alone: it would have pushed. The
 *    announcers are asked in turn, eager ones first, because asking those adds no link; after each
 *    one round trip, then all again with pauses that double, graft_tries_max times; then the id is
 *    forgotten until somebody announces it again.
 * 5. With no eager neighbour left a node is alone in its tree, so that any link can be added
 *    without closing a cycle: a lazy neighbour drawn at random is grafted at once (trap 25) when
 *    the last eager one goes down, when it prunes us (at most once per graft_max_ns: two hostile
 *    neighbours could have us graft them in turn) and when we broadcast. Without this the next
 *    message would wait for IHAVE, timer and GRAFT. Who only takes (13) does not count, but for
 *    our own message, which needs nobody who brings. A rescue is a return as others are (11):
 *    when no neighbour may come back, the next message does wait.
 * 6. IHAVEs wait ihave_flush_ns to share a frame, and after that a node announces nothing for
 *    ihave_pause_ns, half of it more or less: at tens of messages a second each id would cost a
 *    datagram and its acknowledgements. A gap in the tree is still told of soon, because the pauses
 *    of several neighbours end one after the other. A queue belongs to the neighbour, not to
 *    its being lazy: a neighbour that becomes eager still hears of what waits in it, or it would
 *    never learn of these ids. A full queue is sent. An id leaves it unsent only when the neighbour
 *    announces the same one: both ends of a lazy link used to tell each other of every message,
 *    now about half of that is said. Unless the neighbour got it over so many hops more that it
 *    would exchange its parent (8).
 * 7. A new neighbour is told the newest cached ids, so that a late joiner, or the other half of a
 *    healed partition, asks for what it lacks. A push that the lane had no room for leaves an IHAVE
 *    (PUSH_DROPPED). What the node had to let go early (GONE) is announced no more.
 * 8. Optimisation by threshold (TR-07-14 s3.8), on at 3 hops: without it the tree of many senders
 *    keeps the shape that chance and repairs gave it, and the last node waits more than twice as
 *    long (1 000 nodes, links of 50 ms: 1.6 s and 0.67 s). It costs 0.2 GRAFTs and PRUNEs a node
 *    and message while senders change, next to nothing while they do not. Only a message that comes
 *    alone moves anybody: others under way are lost or doubled where a parent is exchanged (100
 *    nodes, 20 messages/s: 0.06 copies a message and 0.5 s to the last node, now 0.008 and 0.17 s).
 *    A hop counts links, so the author's own copy is at 0 and GOSSIP and IHAVE carry the hop at
 *    which their receiver would have the message. We compare both when the message comes after the
 *    IHAVE, as the report does, and when an IHAVE follows a message that came less than
 *    graft_max_ns ago; older hops describe a tree that is gone.
 * 9. Everything is bounded: ids seen, held and missing, advertisers per id, outputs per input. When
 *    too many ids are missing, the neighbour that was first to announce the most of them loses its
 *    oldest: bogus announcements push each other out.
 * 10. A new link to a node that has its place in a tree closes a cycle: it starts lazy. Were it
 *    eager, as in the papers, each link that HyParView rotates would cost a copy and a PRUNE: 0.04
 *    copies a message with 1 000 nodes that exchange a link every two minutes. A node that has seen
 *    no message from an eager neighbour yet, or has lost an eager one since, starts links eager and
 *    says so by a GRAFT; before the first message of all nobody is settled, and it floods.
 * 11. A pruned link stays pruned for backoff_ns at both ends (GossipSub v1.1), but for a
 *    message that is missing: a GRAFT with the id of one that was never sent there always
 *    counts. Other returns, by rescue, by optimisation or by a message that it brings, are
 *    three at once and then one each back-off; a GRAFT beyond that is a fault and is answered
 *    by PRUNE, so that both ends agree. With a strict back-off the tree of many senders cannot
 *    follow them: 15.9 hops in place of 10.8.
 * 12. While a large message is being verified the neighbours in the tree are told that no copy
 *    is wanted (IDONTWANT), if a copy came in the last 30 s and 32 large messages or the machine
 *    is as young, so that the first flood is spared, too. Who is told announces it instead, and
 *    cuts the link as the copy would have done. In a tree without cycles nothing is said.
 * 13. Each neighbour has a score (score.h) for what it does here. In a tree, unlike in a mesh,
 *    most neighbours never bring anything: they are behind us. So silence costs no points. But
 *    who brought nothing for 5 minutes, or for 20 s and 32 messages, is not eager any more,
 *    whatever its score: it is fed, that is pushed to as it asked, and nothing is expected of
 *    it. Points are lost for messages that had to be pulled past an eager neighbour or from it
 *    in vain, promises broken (ids announced and asked for that never came), faults and invalid
 *    messages. Bad neighbours are asked last, are the ones to be cut out of a cycle, are told
 *    nothing, get nothing of our own, and in the end are put away.
 * 14. Optimisation believes what neighbours say of their paths, which is what an attacker
 *    wants. After a repair the tree stays as it is for a minute, after a GRAFT in vain for ten;
 *    in that case the timer is the round trip alone for 30 s. Forty nodes among forty Sybils
 *    that announce all and send nothing: 2.1 s at the 99th percentile without these rules, 0.6
 *    s with them.
 * 15. The lead is long where repairs behind the neighbours make it so. When more than half of
 *    the neighbours have announced a message, the tree is past this node, and one round trip is
 *    waited from then on, not the lead. A node that had to pull several of its last messages
 *    takes its contacts into the tree for five minutes, copies or not (guard.c). Forty nodes among
 *    eighty Sybils that pass on every other message: 1.2 to 1.5 s at the 99th percentile without
 *    these two, 0.4 to 0.5 s with them. Honest nodes gain, too: 1 000 nodes, 0.29 and 0.19 s.
 *
 * Memory: arrays grow as they fill, up to the config's limits, and do not shrink. Without memory a
 * message is refused, an announcement is not taken note of, and a message that could not be
 * announced is pushed. */
#include "plumtree/plumtree.h"

#include <assert.h>
#include <stddef.h>

#include "plumtree/state.h"

/* Who heard nothing for so long has slept, or nobody had anything to say. */
#define SLEPT_NS (2 * SG_NS_PER_S)

/* one TIMEOUT: flushes, grafts, forgotten ids */
static_assert(SG_PT_PEERS_HARD + SG_PT_GRAFT_SLICE + SG_PT_FORGET_SLICE <= SG_PT_OUT_MAX,
              "outbox too small for TIMEOUT");
/* one GOSSIP: forget; per neighbour a push, or a flush and a prune; put away; a parent exchanged;
 * the link it came over; a better one */
static_assert(1 + 2 * SG_PT_PEERS_HARD + 1 + 2 + 1 + 1 <= SG_PT_OUT_MAX,
              "outbox too small for GOSSIP");
static_assert(SG_PT_ADVERTISERS_HARD <= 16, "sg_pt_missing.asked has 16 bits");

static sg_err init(struct sg_pt *m)
{
    m->lazy_at = SG_TIME_NEVER;
    sg_index_keys_init(&m->keys, &m->prng);
    sg_pt_seen_init(m);
    sg_pt_missing_init(m);
    m->peers = sg_mem_new(m->config.mem, m->config.peers_max, sizeof(*m->peers));
    m->words = sg_mem_new(m->config.mem, m->config.peers_max, sizeof(*m->words));
    return m->peers == NULL || m->words == NULL ? SG_ERR_NO_MEMORY : SG_OK;
}

sg_err sg_pt_new(struct sg_pt **out, const struct sg_pt_config *config, sg_time_ns now,
                 uint64_t seed)
{
    if (!sg_pt_config_is_valid(config))
        return SG_ERR_INVALID_ARGUMENT;
    struct sg_pt *m = sg_mem_new(config->mem, 1, sizeof(*m));
    if (m == NULL)
        return SG_ERR_NO_MEMORY;
    m->config = *config;
    m->now = now;
    m->copy_at = now;
    sg_prng_init(&m->prng, seed);
    sg_err err = init(m);
    if (err != SG_OK) {
        sg_pt_free(m);
        return err;
    }
    *out = m;
    return SG_OK;
}

static void peer_free(struct sg_pt *m, struct sg_pt_peer *peer)
{
    sg_pt_conduct_free(m, peer);
    sg_mem_free(m->config.mem, peer->queue);
}

void sg_pt_free(struct sg_pt *m)
{
    if (m == NULL)
        return;
    sg_pt_missing_fini(m);
    sg_pt_seen_fini(m);
    sg_pt_refused_fini(m);
    sg_pt_left_fini(m);
    for (uint32_t i = 0; i < m->peers_count; i++)
        peer_free(m, &m->peers[i]);
    sg_mem_free(m->config.mem, m->peers);
    sg_mem_free(m->config.mem, m->words);
    sg_mem_free(m->config.mem, m);
}

struct sg_pt_out *sg_pt_emit(struct sg_pt_outbox *out, enum sg_pt_out_kind kind,
                             const struct sg_peer_id *peer)
{
    assert(out->count < SG_PT_OUT_MAX);
    struct sg_pt_out *o = &out->out[out->count++];
    *o = (struct sg_pt_out){.kind = kind};
    if (peer != NULL)
        o->peer = *peer;
    return o;
}

void sg_pt_push(struct sg_pt *m, const struct sg_pt_peer *peer, struct sg_pt_seen *entry,
                struct sg_pt_outbox *out)
{
    struct sg_pt_out *o = sg_pt_emit(out, SG_PT_OUT_GOSSIP, &peer->id);
    o->id = entry->id;
    o->hop = entry->hop == SG_PT_HOP_MAX ? entry->hop : (uint8_t)(entry->hop + 1);
    sg_pt_seen_count_sent(entry, peer->slot);
    m->stats.payloads_sent++;
}

/* Whether a copy of entry from a neighbour in the tree cuts that link. */
static bool shapes_tree(const struct sg_pt *m, const struct sg_pt_seen *entry)
{
    if (m->eager_count == 1)
        return false;
    return entry == NULL || sg_pt_seen_is_smallest(m, entry, sg_pt_peer_window(m));
}

/* It has the message from elsewhere, so a push would have been a copy, and cut the link there. */
static void spare(struct sg_pt *m, struct sg_pt_peer *peer, struct sg_pt_seen *entry,
                  struct sg_pt_outbox *out)
{
    m->stats.pushes_spared++;
    sg_pt_lazy_queue(m, peer, entry, out);
    if (entry->parent != SG_PT_TAG_NONE && shapes_tree(m, entry) && !sg_pt_guard_keeps(m, peer))
        sg_pt_peer_prune(m, peer, out);
}

static bool may_push(const struct sg_pt *m, const struct sg_pt_peer *peer,
                     const struct sg_pt_seen *entry)
{
    if (!sg_pt_peer_is_linked(peer))
        return false;
    return entry->parent != SG_PT_TAG_NONE ||
           sg_pt_conduct_reaches(m, peer, m->config.weights.publish_min);
}

/* To everybody but the one it came from. */
static void spread(struct sg_pt *m, struct sg_pt_seen *entry, struct sg_pt_outbox *out)
{
    for (uint32_t i = 0; i < m->peers_count; i++) {
        struct sg_pt_peer *peer = &m->peers[i];
        if (peer->tag == entry->parent)
            continue;
        if (peer->extra != NULL && sg_pt_peer_is_linked(peer) &&
            sg_pt_unwanted_has(m, peer, &entry->id))
            spare(m, peer, entry, out);
        else if (may_push(m, peer, entry))
            sg_pt_push(m, peer, entry, out);
        else if (!sg_pt_missing_is_told(m, entry, peer))
            sg_pt_lazy_queue(m, peer, entry, out);
    }
}

/* TR-07-14 s3.8: the lazy neighbour `peer` would have given the message at hop; when that is much
 * better, it becomes the parent. */
static void optimise(struct sg_pt *m, struct sg_pt_seen *entry, struct sg_pt_peer *peer,
                     uint8_t hop, struct sg_pt_outbox *out)
{
    uint32_t threshold = m->config.optimise_threshold;
    if (threshold == 0 || peer == NULL || entry->hop < hop + threshold || m->now < m->steady_at ||
        sg_pt_guard_is_on(m))
        return;
    if (sg_pt_peer_is_linked(peer) || !sg_pt_conduct_reaches(m, peer, SG_PT_PARENT_MIN))
        return;
    struct sg_pt_peer *parent = sg_pt_peer_by_tag(m, entry->parent);
    if (parent == NULL || !sg_pt_peer_is_linked(parent))
        return;
    if (!sg_pt_seen_is_alone(m, entry, sg_pt_peer_window(m)))
        return;
    if (sg_pt_peer_is_in_backoff(m, peer) && !sg_pt_peer_may_return(m, peer))
        return;
    sg_pt_peer_graft(m, peer, NULL, out);
    sg_pt_peer_prune(m, parent, out);
    entry->parent = peer->tag;
    entry->hop = hop;
    m->stats.optimisations++;
}

static void on_broadcast(struct sg_pt *m, const struct sg_pt_in *in, struct sg_pt_outbox *out)
{
    struct sg_pt_seen *entry = sg_pt_seen_add(m, &in->id, true, out);
    entry->parent = SG_PT_TAG_NONE;
    m->own++;
    if (m->eager_count == 0) /* who only takes is enough */
        (void)sg_pt_peer_rescue(m, NULL, out);
    spread(m, entry, out);
    sg_pt_missing_arrived(m, entry, out);
}

static void on_gossip(struct sg_pt *m, struct sg_pt_peer *peer, const struct sg_pt_in *in,
                      struct sg_pt_outbox *out)
{
    uint8_t hop = 0;
    struct sg_pt_peer *shorter = sg_pt_missing_shortest(m, &in->id, &hop);
    struct sg_pt_seen *entry = sg_pt_seen_add(m, &in->id, true, out);
    entry->parent = peer->tag;
    entry->hop = in->hop;
    m->stats.payloads_new++;
    m->total++;
    m->is_settled = m->is_settled || sg_pt_peer_is_linked(peer);
    sg_pt_conduct_note(m, peer, SG_SCORE_FIRST, out);
    spread(m, entry, out);
    sg_pt_missing_arrived(m, entry, out);
    optimise(m, entry, shorter, hop, out);
    if (!peer->is_eager)
        sg_pt_peer_pushes_us(m, peer, out);
    sg_pt_conduct_review(m, out);
}

static void on_refused(struct sg_pt *m, struct sg_pt_peer *peer, const struct sg_pt_in *in,
                       struct sg_pt_outbox *out)
{
    const struct sg_pt_seen entry = {.id = in->id, .parent = peer->tag, .hop = in->hop};
    sg_pt_refused_add(m, &in->id);
    sg_pt_missing_arrived(m, &entry, out);
}

/* A cycle is cut at the link of the copy, unless the neighbour that was first is a bad one and this
 * one is not: who withholds messages must not get rid of others by bringing one now and then. */
static struct sg_pt_peer *worse_of(struct sg_pt *m, const struct sg_pt_seen *entry,
                                   struct sg_pt_peer *peer)
{
    struct sg_pt_peer *first = entry == NULL ? NULL : sg_pt_peer_by_tag(m, entry->parent);
    if (first == NULL || !sg_pt_peer_is_linked(first) ||
        sg_pt_conduct_reaches(m, first, SG_PT_GOOD_MIN) || sg_pt_guard_keeps(m, first) ||
        !sg_pt_conduct_reaches(m, peer, SG_PT_GOOD_MIN))
        return peer;
    m->stats.cut_by_score++;
    return first;
}

static void on_duplicate(struct sg_pt *m, struct sg_pt_peer *peer, const struct sg_pt_in *in,
                         struct sg_pt_outbox *out)
{
    struct sg_pt_seen *entry = sg_pt_seen_find(m, &in->id);
    m->stats.payloads_duplicate++;
    m->copy_at = m->now;
    m->copy_free = 0;
    if (entry == NULL) /* the node has it by back-fill */
        sg_pt_conduct_kept(m, &in->id, peer->tag);
    if (entry != NULL && entry->parent == peer->tag)
        return;
    if (m->now < peer->quiet_until)
        return;
    if (m->eager_count == 0)
        sg_pt_peer_set_eager(m, peer, true); /* it pushes, so to it we are */
    else if (sg_pt_guard_keeps(m, peer))
        return;
    else if (!sg_pt_peer_is_linked(peer))
        sg_pt_peer_prune(m, peer, out);
    else if (shapes_tree(m, entry))
        sg_pt_peer_prune(m, worse_of(m, entry, peer), out);
}

static void on_ihave(struct sg_pt *m, struct sg_pt_peer *peer, const struct sg_pt_in *in,
                     struct sg_pt_outbox *out)
{
    m->stats.ihaves_received += in->count;
    if (in->is_postponed)
        sg_pt_conduct_postponed(m, peer, &in->have->id);
    else if (!sg_pt_conduct_may_announce(m, peer, in->count, out))
        return;
    for (size_t i = 0; i < in->count; i++) {
        const struct sg_pt_have *have = &in->have[i];
        struct sg_pt_seen *entry = sg_pt_seen_find(m, &have->id);
        if (entry == NULL) {
            if (!sg_pt_refused_has(m, &have->id))
                sg_pt_missing_announced(m, peer, have);
            continue;
        }
        sg_pt_lazy_told(m, peer, entry, have->hop);
        if (sg_time_since(m->now, entry->at) < m->config.graft_max_ns)
            optimise(m, entry, peer, have->hop, out);
    }
}

static void on_graft(struct sg_pt *m, struct sg_pt_peer *peer, const struct sg_pt_in *in,
                     struct sg_pt_outbox *out)
{
    struct sg_pt_seen *entry = in->has_id ? sg_pt_seen_find(m, &in->id) : NULL;
    bool is_held = entry != NULL && (sg_pt_seen_is_held(m, entry) ||
                                     (in->is_kept && sg_pt_seen_is_recent(m, entry)));
    bool lacks = is_held && sg_pt_seen_sent(entry, peer->slot) == 0;
    m->stats.grafts_received++;
    sg_pt_peer_grafts_us(m, peer, lacks, out);
    if (!in->has_id)
        return;
    if (!is_held || in->is_over_budget)
        sg_pt_emit(out, SG_PT_OUT_DONTHAVE, &peer->id)->id = in->id; /* it asks others at once */
    if (!is_held) {
        m->stats.grafts_unanswerable++;
    } else if (in->is_over_budget) {
        sg_pt_conduct_refused(m, peer, out);
    } else if (sg_pt_seen_sent(entry, peer->slot) >= SG_PT_SENT_MAX) {
        m->stats.grafts_refused++;
        sg_pt_conduct_refused(m, peer, out);
    } else {
        sg_pt_push(m, peer, entry, out);
        m->stats.grafts_served++;
        sg_pt_conduct_served(peer);
    }
}

static void on_prune(struct sg_pt *m, struct sg_pt_peer *peer, struct sg_pt_outbox *out)
{
    m->stats.prunes_received++;
    sg_pt_peer_prunes_us(m, peer);
    if (m->now < m->rescue_at)
        return;
    if (sg_pt_peer_rescue(m, peer, out))
        m->rescue_at = sg_time_add(m->now, m->config.graft_max_ns);
}

static void on_neighbor_up(struct sg_pt *m, const struct sg_pt_in *in, struct sg_pt_outbox *out)
{
    struct sg_pt_peer *peer = sg_pt_peer_add(m, &in->peer);
    if (m->is_settled)
        sg_pt_peer_set_eager(m, peer, false);
    else if (m->seen.count > 0)
        sg_pt_peer_graft(m, peer, NULL, out); /* the other end may be settled */
    sg_pt_lazy_queue_recent(m, peer, out);
}

static void on_neighbor_down(struct sg_pt *m, struct sg_pt_peer *peer, struct sg_pt_outbox *out)
{
    bool was_linked = sg_pt_peer_is_linked(peer);
    m->is_settled = m->is_settled && !peer->is_eager;
    sg_pt_peer_remove(m, peer);
    if (was_linked)
        (void)sg_pt_peer_rescue(m, NULL, out);
}

static void on_gone(struct sg_pt *m, const struct sg_msg_id *id)
{
    struct sg_pt_seen *entry = sg_pt_seen_find(m, id);
    if (entry != NULL)
        sg_pt_lazy_gone(m, entry);
}

static void on_push_dropped(struct sg_pt *m, struct sg_pt_peer *peer, const struct sg_pt_in *in,
                            struct sg_pt_outbox *out)
{
    struct sg_pt_seen *entry = sg_pt_seen_find(m, &in->id);
    m->stats.pushes_dropped++;
    if (entry != NULL)
        sg_pt_seen_uncount_sent(entry, peer->slot);
    if (entry != NULL && sg_pt_seen_is_held(m, entry))
        sg_pt_lazy_queue_dropped(m, peer, entry, out);
}

static void on_about(struct sg_pt *m, struct sg_pt_peer *peer, const struct sg_pt_in *in,
                     struct sg_pt_outbox *out)
{
    peer->group = in->group;
    peer->score.is_trusted = in->is_trusted;
    sg_pt_conduct_crowds(m);
    sg_pt_guard_meet(m, peer, out);
}

static void on_timeout(struct sg_pt *m, struct sg_pt_outbox *out)
{
    sg_pt_lazy_timeout(m, out);
    sg_pt_missing_timeout(m, out);
    sg_pt_seen_timeout(m, out);
}

/* What makes an input impossible, want of memory included; peer is the neighbour that it names, or
 * NULL. */
static sg_err verify(struct sg_pt *m, const struct sg_pt_in *in, const struct sg_pt_peer *peer)
{
    switch (in->kind) {
    case SG_PT_IN_TIMEOUT:
    case SG_PT_IN_GONE:
        return SG_OK;
    case SG_PT_IN_NEIGHBOR_UP:
        if (peer != NULL)
            return SG_ERR_EXISTS;
        return m->peers_count == m->config.peers_max ? SG_ERR_FULL : SG_OK;
    case SG_PT_IN_BROADCAST:
        return sg_pt_seen_find(m, &in->id) != NULL ? SG_ERR_DUPLICATE : sg_pt_seen_reserve(m);
    case SG_PT_IN_GOSSIP:
        if (peer != NULL && sg_pt_seen_find(m, &in->id) != NULL)
            return SG_ERR_DUPLICATE;
        return peer == NULL ? SG_ERR_PROTOCOL : sg_pt_seen_reserve(m);
    case SG_PT_IN_REFUSED:
        if (peer != NULL && sg_pt_seen_find(m, &in->id) != NULL)
            return SG_ERR_DUPLICATE;
        break;
    case SG_PT_IN_IHAVE:
        if (in->count == 0 || in->count > SG_PT_IHAVE_MAX)
            return SG_ERR_INVALID_ARGUMENT;
        break;
    case SG_PT_IN_NEIGHBOR_DOWN:
    case SG_PT_IN_DUPLICATE:
    case SG_PT_IN_GRAFT:
    case SG_PT_IN_PRUNE:
    case SG_PT_IN_RTT:
    case SG_PT_IN_PUSH_DROPPED:
    case SG_PT_IN_ARRIVING:
    case SG_PT_IN_DONTWANT:
    case SG_PT_IN_DONTHAVE:
    case SG_PT_IN_CONDUCT:
    case SG_PT_IN_ABOUT:
        break;
    }
    return peer == NULL ? SG_ERR_PROTOCOL : SG_OK;
}

sg_err sg_pt_input(struct sg_pt *m, sg_time_ns now, const struct sg_pt_in *in,
                   struct sg_pt_outbox *out)
{
    struct sg_pt_peer *peer = sg_pt_peer_find(m, &in->peer);
    SG_TRY(verify(m, in, peer));
    out->count = 0;
    if (sg_time_since(now, m->now) > SLEPT_NS)
        sg_pt_conduct_slept(m, sg_time_since(now, m->now));
    if (m->now < now)
        m->now = now;
    switch (in->kind) {
    case SG_PT_IN_TIMEOUT:
        on_timeout(m, out);
        break;
    case SG_PT_IN_NEIGHBOR_UP:
        on_neighbor_up(m, in, out);
        break;
    case SG_PT_IN_NEIGHBOR_DOWN:
        on_neighbor_down(m, peer, out);
        break;
    case SG_PT_IN_BROADCAST:
        on_broadcast(m, in, out);
        break;
    case SG_PT_IN_GOSSIP:
        on_gossip(m, peer, in, out);
        break;
    case SG_PT_IN_DUPLICATE:
        on_duplicate(m, peer, in, out);
        break;
    case SG_PT_IN_REFUSED:
        on_refused(m, peer, in, out);
        break;
    case SG_PT_IN_IHAVE:
        on_ihave(m, peer, in, out);
        break;
    case SG_PT_IN_GRAFT:
        on_graft(m, peer, in, out);
        break;
    case SG_PT_IN_PRUNE:
        on_prune(m, peer, out);
        break;
    case SG_PT_IN_RTT:
        sg_pt_peer_set_rtt(m, peer, in);
        break;
    case SG_PT_IN_PUSH_DROPPED:
        on_push_dropped(m, peer, in, out);
        break;
    case SG_PT_IN_ARRIVING:
        sg_pt_unwanted_tell(m, peer, &in->id, out);
        break;
    case SG_PT_IN_DONTWANT:
        sg_pt_unwanted_add(m, peer, &in->id);
        break;
    case SG_PT_IN_DONTHAVE:
        sg_pt_missing_denied(m, peer, &in->id);
        break;
    case SG_PT_IN_CONDUCT:
        sg_pt_conduct_note(m, peer, in->event, out);
        break;
    case SG_PT_IN_ABOUT:
        on_about(m, peer, in, out);
        break;
    case SG_PT_IN_GONE:
        on_gone(m, &in->id);
        break;
    }
    return SG_OK;
}

sg_err sg_pt_reserve(struct sg_pt *m)
{
    return sg_pt_seen_reserve(m);
}

sg_time_ns sg_pt_deadline(const struct sg_pt *m)
{
    sg_time_ns at = sg_time_min(sg_pt_lazy_deadline(m), sg_pt_missing_deadline(m));
    return sg_time_min(at, sg_pt_seen_deadline(m));
}
