/* The base overlay of the honest living as a graph, and how right their member tables are. */
#include <math.h>
#include <string.h>

#include "metrics.h"

/* Member tables looked at per sample, evenly spread; and sources of the shortest paths. */
#define OBSERVERS 32
#define SOURCES 64
/* Who has started a moment ago is still joining. */
#define JOINING_NS (5 * SG_NS_PER_S)

static bool counts(const struct sg_sim *sim, uint32_t node)
{
    return sim->nodes[node].core != NULL && sim->nodes[node].role == SG_SIM_HONEST &&
           !sim->nodes[node].is_leaving;
}

/* Neighbours of a node: the living honest ones go into adjacent; gives the number of all. */
static uint32_t collect(struct sg_sim *sim, uint32_t at, uint32_t *hostile)
{
    struct sg_peer_id peers[SG_HPV_ACTIVE_HARD];
    struct sg_sim_metrics *m = sim->metrics;
    size_t all = sg_core_neighbors(sim->nodes[at].core, NULL, peers, SG_HPV_ACTIVE_HARD);
    uint32_t *row = &m->adjacent[(size_t)at * SG_HPV_ACTIVE_HARD];
    *hostile = 0;
    for (size_t i = 0; i < all; i++) {
        uint32_t peer = sg_sim_node_of(sim, &peers[i]);
        if (peer == SG_MAP_NONE || sim->nodes[peer].role != SG_SIM_HONEST)
            ++*hostile;
        else if (counts(sim, peer))
            row[m->degree[at]++] = peer;
    }
    return (uint32_t)all;
}

static bool is_adjacent(const struct sg_sim_metrics *m, uint32_t from, uint32_t to)
{
    const uint32_t *row = &m->adjacent[(size_t)from * SG_HPV_ACTIVE_HARD];
    for (uint8_t i = 0; i < m->degree[from]; i++) {
        if (row[i] == to)
            return true;
    }
    return false;
}

static uint32_t root_of(uint32_t *parent, uint32_t node)
{
    while (parent[node] != node) {
        parent[node] = parent[parent[node]];
        node = parent[node];
    }
    return node;
}

/* Joins the parts that the mutual neighbours of a node belong to; gives how many those are. */
static uint32_t unite(struct sg_sim *sim, uint32_t at, struct sg_sim_graph *graph)
{
    struct sg_sim_metrics *m = sim->metrics;
    const uint32_t *row = &m->adjacent[(size_t)at * SG_HPV_ACTIVE_HARD];
    uint32_t mutual = 0;
    for (uint8_t i = 0; i < m->degree[at]; i++) {
        if (!is_adjacent(m, row[i], at) || sg_sim_are_cut(sim, at, row[i])) {
            graph->asymmetric++;
            continue;
        }
        mutual++;
        uint32_t a = root_of(m->parent, at);
        uint32_t b = root_of(m->parent, row[i]);
        m->parent[a] = b;
        graph->components -= a != b ? 1 : 0;
    }
    return mutual;
}

/* ---- shape ---- */

/* Share of the pairs of a node's neighbours that are neighbours of each other. */
static double clustering_of(const struct sg_sim_metrics *m, uint32_t at)
{
    const uint32_t *row = &m->adjacent[(size_t)at * SG_HPV_ACTIVE_HARD];
    uint32_t degree = m->degree[at];
    uint32_t closed = 0;
    for (uint32_t i = 0; i < degree; i++) {
        for (uint32_t j = i + 1; j < degree; j++)
            closed += is_adjacent(m, row[i], row[j]) || is_adjacent(m, row[j], row[i]) ? 1 : 0;
    }
    return degree < 2 ? 0 : 2.0 * closed / ((double)degree * (degree - 1));
}

/* Sum of the distances from one node to all it reaches, and how many those are. parent serves as
 * the distance + 1, scratch as the queue. */
static double distances(struct sg_sim *sim, uint32_t source, uint64_t *reached)
{
    struct sg_sim_metrics *m = sim->metrics;
    double sum = 0;
    uint32_t head = 0;
    uint32_t tail = 0;
    memset(m->parent, 0, sim->config.nodes * sizeof(*m->parent));
    m->parent[source] = 1;
    m->scratch[tail++] = source;
    while (head < tail) {
        uint32_t at = m->scratch[head++];
        const uint32_t *row = &m->adjacent[(size_t)at * SG_HPV_ACTIVE_HARD];
        sum += m->parent[at] - 1;
        for (uint8_t i = 0; i < m->degree[at]; i++) {
            if (m->parent[row[i]] != 0)
                continue;
            m->parent[row[i]] = m->parent[at] + 1;
            m->scratch[tail++] = row[i];
        }
    }
    *reached += tail - 1;
    return sum;
}

static void look_at_shape(struct sg_sim *sim, struct sg_sim_graph *graph)
{
    double clustering = 0;
    double sum = 0;
    uint64_t reached = 0;
    uint32_t seen = 0;
    uint32_t step = graph->alive > SOURCES ? graph->alive / SOURCES : 1;
    for (uint32_t i = 0; i < sim->config.nodes; i++) {
        if (!counts(sim, i))
            continue;
        clustering += clustering_of(sim->metrics, i);
        if (seen++ % step == 0)
            sum += distances(sim, i, &reached);
    }
    graph->clustering = graph->alive > 0 ? clustering / graph->alive : 0;
    graph->path_mean = reached > 0 ? sum / (double)reached : NAN;
}

/* ---- tables ---- */

static void look_at_table(struct sg_sim *sim, uint32_t at, struct sg_sim_graph *graph)
{
    struct sg_core_member member;
    uint32_t place = 0;
    while (sg_core_member(sim->nodes[at].core, &place, &member)) {
        uint32_t node = sg_sim_node_of(sim, &member.view.peer);
        bool is_dead = member.view.state == SG_SWIM_IS_DEAD;
        if (node == SG_MAP_NONE || sim->nodes[node].role != SG_SIM_HONEST)
            continue;
        if (is_dead && counts(sim, node) && !sg_sim_are_cut(sim, at, node))
            graph->wrong_dead++;
        if (!is_dead && !counts(sim, node))
            graph->wrong_alive++;
    }
}

void sg_sim_graph_look(struct sg_sim *sim, bool wants_shape, struct sg_sim_graph *graph)
{
    struct sg_sim_metrics *m = sim->metrics;
    struct sg_core_gauges gauges;
    uint64_t active = 0, passive = 0, links = 0, members = 0;
    *graph = (struct sg_sim_graph){.clustering = NAN, .path_mean = NAN};
    memset(m->degree, 0, sim->config.nodes);
    for (uint32_t i = 0; i < sim->config.nodes; i++) {
        uint32_t hostile;
        m->parent[i] = i;
        if (!counts(sim, i))
            continue;
        uint32_t all = collect(sim, i, &hostile);
        sg_core_gauges(sim->nodes[i].core, &gauges);
        graph->alive++;
        graph->eclipsed += all > 0 && hostile == all ? 1 : 0;
        graph->full += all >= sim->active_target ? 1 : 0;
        active += all;
        passive += gauges.base_passive;
        links += gauges.links;
        members += gauges.members;
    }
    graph->components = graph->alive;
    uint32_t step = graph->alive > OBSERVERS ? graph->alive / OBSERVERS : 1;
    uint32_t seen = 0;
    for (uint32_t i = 0; i < sim->config.nodes; i++) {
        if (!counts(sim, i))
            continue;
        bool is_joining = sim->now < sim->nodes[i].alive_since + JOINING_NS;
        bool is_alone = unite(sim, i, graph) == 0 && graph->alive > 1;
        graph->isolated += is_alone && !is_joining ? 1 : 0;
        graph->components -= is_alone && is_joining ? 1 : 0;
        if (seen++ % step == 0)
            look_at_table(sim, i, graph);
    }
    double alive = graph->alive > 0 ? graph->alive : 1;
    graph->active_mean = (double)active / alive;
    graph->passive_mean = (double)passive / alive;
    graph->links_mean = (double)links / alive;
    graph->members_mean = (double)members / alive;
    if (wants_shape)
        look_at_shape(sim, graph);
}
