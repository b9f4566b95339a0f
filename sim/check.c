/* Checkers. sg_core_check costs about as much as all else together, so runs of more than 256 nodes
 * check only every k-th step, k = nodes / 32: over a run each node still is checked many times. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "internal.h"

void sg_sim_broken(const struct sg_sim *sim, uint32_t node, const char *what)
{
    const struct sg_sim_config *c = &sim->config;
    (void)fflush(stdout);
    fprintf(stderr,
            "sim: BROKEN: %s\nsim: seed %" PRIu64 ", step %" PRIu64 ", virtual time %" PRIu64
            " ns, node %" PRIu32 ", trace hash %016" PRIx64 "\n",
            what, c->seed, sim->steps, sim->now, node, sim->hash);
    if (sim->scenario != NULL) {
        fprintf(stderr, "sim: in a scenario: %s\n", sim->scenario->about);
        abort();
    }
    fprintf(stderr,
            "sim: replay: saorsa sim --nodes %" PRIu32 " --seed %" PRIu64 " --messages %" PRIu32
            " --size %" PRIu32 " --rate %g --warmup %" PRIu32 " --delay-ms %g --jitter %u",
            c->nodes, c->seed, c->messages, c->payload_len, c->rate, c->warmup,
            (double)c->delay_ns / 1e6, c->jitter_percent);
    fprintf(stderr, " --loss %g --duplicate %g --reorder %g%s --kill %g%s", c->loss, c->duplicate,
            c->reorder, c->reorder_within ? " --reorder-within" : "", c->kill,
            c->restart ? " --restart" : "");
    fprintf(stderr, " --partition %g --partition-at %g --partition-for %g --limit %g\n",
            c->partition, (double)c->partition_at_ns / 1e9, (double)c->partition_for_ns / 1e9,
            (double)c->limit_ns / 1e9);
    abort();
}

/* The core's links and ours are the same, unless it is looking at a new one just now. */
static void check_links(const struct sg_sim *sim, uint32_t at)
{
    const struct sg_sim_node *node = &sim->nodes[at];
    struct sg_core_gauges gauges;
    uint32_t up = 0;
    sg_core_gauges(node->core, &gauges);
    for (uint32_t i = 0; i < node->link_count; i++) {
        const struct sg_sim_conn *conn = &sim->conns[node->links[i].conn];
        unsigned end = conn->node[0] == at ? 0 : 1;
        if (conn->node[end] != at || conn->node[1 - end] != node->links[i].peer)
            sg_sim_broken(sim, at, "a link is over a connection of others");
        if (node->links[i].is_opening)
            return;
        up += conn->state[end] == SG_SIM_END_UP ? 1 : 0;
    }
    if (up != gauges.links)
        sg_sim_broken(sim, at, "the core has other links than the simulator");
}

void sg_sim_check_node(struct sg_sim *sim, uint32_t at)
{
    const struct sg_sim_node *node = &sim->nodes[at];
    if (!sim->config.check || sim->steps % sim->check_every != 0 || node->core == NULL)
        return;
    sim->extra->checks++;
    sg_core_check(node->core);
    check_links(sim, at);
}

/* ---- the overlay as a graph ---- */

static uint32_t root_of(uint32_t *parent, uint32_t node)
{
    while (parent[node] != node) {
        parent[node] = parent[parent[node]];
        node = parent[node];
    }
    return node;
}

bool sg_sim_is_neighbor(const struct sg_sim *sim, uint32_t node, const struct sg_topic_id *topic,
                        const struct sg_peer_id *peer)
{
    struct sg_peer_id peers[SG_HPV_ACTIVE_HARD];
    if (sim->nodes[node].core == NULL)
        return false;
    size_t count = sg_core_neighbors(sim->nodes[node].core, topic, peers, SG_HPV_ACTIVE_HARD);
    for (size_t i = 0; i < count; i++) {
        if (sg_peer_id_equal(&peers[i], peer))
            return true;
    }
    return false;
}

static void look_at(struct sg_sim *sim, uint32_t at, const struct sg_topic_id *topic,
                    struct sg_sim_overlay *overlay)
{
    struct sg_peer_id peers[SG_HPV_ACTIVE_HARD];
    const struct sg_sim_node *node = &sim->nodes[at];
    size_t count = sg_core_neighbors(node->core, topic, peers, SG_HPV_ACTIVE_HARD);
    size_t living = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t peer = sg_sim_node_of(sim, &peers[i]);
        assert(peer != SG_MAP_NONE);
        if (!sg_sim_is_neighbor(sim, peer, topic, &node->id)) {
            overlay->asymmetric++;
            continue;
        }
        living++;
        uint32_t a = root_of(sim->union_find, at);
        uint32_t b = root_of(sim->union_find, peer);
        sim->union_find[a] = b;
        overlay->components -= a != b ? 1 : 0;
    }
    overlay->neighbors += count;
    overlay->isolated += living == 0 && sim->alive > 1 ? 1 : 0;
}

void sg_sim_check_overlay(struct sg_sim *sim, const struct sg_topic_id *topic,
                          struct sg_sim_overlay *overlay)
{
    *overlay = (struct sg_sim_overlay){.components = sim->alive};
    for (uint32_t i = 0; i < sim->config.nodes; i++)
        sim->union_find[i] = i;
    for (uint32_t i = 0; i < sim->config.nodes; i++) {
        if (sim->nodes[i].core != NULL)
            look_at(sim, i, topic, overlay);
    }
}
