/* Neighbours that do not know of it. In a large overlay some pair is always in between, since a
 * request is on its way for a round trip while one end has the other already: among 20 000 nodes
 * ten at any time. What lasts from one second to the next is a fault. */
#include "internal.h"

void sg_sim_onesided_fini(struct sg_sim *sim, struct sg_sim_onesided *o)
{
    sg_mem_free(sim->mem, o->pairs);
    sg_mem_free(sim->mem, o->before);
    *o = (struct sg_sim_onesided){0};
}

static uint64_t pair_of(uint32_t node, uint32_t peer)
{
    return (uint64_t)node << 32 | peer;
}

/* The pairs of one look are in the order of their nodes. */
static bool was_there(const struct sg_sim_onesided *o, uint32_t node, uint32_t peer)
{
    uint32_t from = 0;
    uint32_t to = o->before_count;
    while (from < to) {
        uint32_t mid = from + (to - from) / 2;
        if (o->before[mid] >> 32 < node)
            from = mid + 1;
        else
            to = mid;
    }
    for (; from < o->before_count && o->before[from] >> 32 == node; from++) {
        if (o->before[from] == pair_of(node, peer))
            return true;
    }
    return false;
}

static void note(struct sg_sim *sim, struct sg_sim_onesided *o, uint32_t node, uint32_t peer)
{
    if (!o->has_before || was_there(o, node, peer))
        o->lasting++;
    if (o->count == o->cap) {
        void *pairs = sg_mem_grow(sim->mem, o->pairs, &o->cap, UINT32_MAX, sizeof(*o->pairs));
        if (pairs == NULL) {
            sim->err = SG_ERR_NO_MEMORY;
            return;
        }
        o->pairs = pairs;
    }
    o->pairs[o->count++] = pair_of(node, peer);
}

static void look_at(struct sg_sim *sim, struct sg_sim_onesided *o, const struct sg_topic_id *topic,
                    uint32_t at)
{
    struct sg_peer_id peers[SG_HPV_ACTIVE_HARD];
    size_t count = sg_core_neighbors(sim->nodes[at].core, topic, peers, SG_HPV_ACTIVE_HARD);
    for (size_t i = 0; i < count; i++) {
        uint32_t peer = sg_sim_node_of(sim, &peers[i]);
        if (peer == SG_MAP_NONE || sim->nodes[peer].role != SG_SIM_HONEST)
            continue;
        if (!sg_sim_is_neighbor(sim, peer, topic, &sim->nodes[at].id) ||
            sg_sim_are_cut(sim, at, peer))
            note(sim, o, at, peer);
    }
}

/* What was seen now becomes what was seen before; the arrays change places. */
static void turn(struct sg_sim_onesided *o, sg_time_ns now)
{
    struct sg_sim_onesided old = *o;
    o->has_before = old.looked && now == old.at + SG_SIM_TICK_NS;
    o->before = old.pairs;
    o->before_count = old.count;
    o->before_cap = old.cap;
    o->pairs = old.before;
    o->cap = old.before_cap;
    o->count = o->lasting = 0;
    o->looked = true;
    o->at = now;
}

uint32_t sg_sim_onesided(struct sg_sim *sim, const struct sg_topic_id *topic)
{
    struct sg_sim_onesided *o = &sim->onesided[topic == NULL ? 0 : 1];
    if (o->looked && o->at == sim->now)
        return o->lasting;
    turn(o, sim->now);
    for (uint32_t i = 0; i < sim->config.nodes; i++) {
        if (sim->nodes[i].core != NULL && sim->nodes[i].role == SG_SIM_HONEST)
            look_at(sim, o, topic, i);
    }
    return o->lasting;
}
