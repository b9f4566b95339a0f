/* Figures of the graph that active views make: over nodes that are up, and links to such. */
#include <math.h>

#include "lab_hpv.h"

/* Rows of active_max neighbours each. */
struct graph {
    uint32_t nodes;  /* all, up or not */
    uint32_t stride; /* active_max */
    uint32_t *degree, *link, *in, *distance, *queue, *order;
};

static void release(const struct sg_mem *mem, struct graph *g)
{
    sg_mem_free(mem, g->degree);
    sg_mem_free(mem, g->link);
    sg_mem_free(mem, g->in);
    sg_mem_free(mem, g->distance);
    sg_mem_free(mem, g->queue);
    sg_mem_free(mem, g->order);
}

static sg_err build(const struct sg_lab_hpv *lab, struct graph *g)
{
    const struct sg_mem *mem = lab->config.mem;
    *g = (struct graph){.nodes = lab->started, .stride = lab->config.hpv.active_max};
    g->degree = sg_mem_new(mem, g->nodes, sizeof(uint32_t));
    g->link = sg_mem_new(mem, (size_t)g->nodes * g->stride, sizeof(uint32_t));
    g->in = sg_mem_new(mem, g->nodes, sizeof(uint32_t));
    g->distance = sg_mem_new(mem, g->nodes, sizeof(uint32_t));
    g->queue = sg_mem_new(mem, g->nodes, sizeof(uint32_t));
    g->order = sg_mem_new(mem, g->nodes, sizeof(uint32_t));
    if (g->degree == NULL || g->link == NULL || g->in == NULL || g->distance == NULL ||
        g->queue == NULL || g->order == NULL)
        return SG_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < g->nodes; i++) {
        const struct sg_lab_hpv_node *node = &lab->node[i];
        for (uint16_t k = 0; node->is_up && k < node->m.active_count; k++) {
            uint32_t to = sg_lab_index(&node->m.active[k].id);
            if (to >= g->nodes || !lab->node[to].is_up)
                continue;
            g->link[i * g->stride + g->degree[i]++] = to;
            g->in[to]++;
        }
    }
    return SG_OK;
}

static bool has_link(const struct graph *g, uint32_t from, uint32_t to)
{
    for (uint32_t k = 0; k < g->degree[from]; k++)
        if (g->link[from * g->stride + k] == to)
            return true;
    return false;
}

/* Breadth first from one node; distances + 1, 0 = not reached. The number reached. */
static uint32_t spread(struct graph *g, uint32_t from)
{
    uint32_t head = 0;
    uint32_t tail = 1;
    for (uint32_t i = 0; i < g->nodes; i++)
        g->distance[i] = 0;
    g->queue[0] = from;
    g->distance[from] = 1;
    while (head < tail) {
        uint32_t at = g->queue[head++];
        for (uint32_t k = 0; k < g->degree[at]; k++) {
            uint32_t to = g->link[at * g->stride + k];
            if (g->distance[to] != 0)
                continue;
            g->distance[to] = g->distance[at] + 1;
            g->queue[tail++] = to;
        }
    }
    return tail;
}

static void paths(struct sg_lab_hpv *lab, struct graph *g, uint32_t sources,
                  struct sg_lab_hpv_graph *graph)
{
    uint32_t count = 0;
    uint32_t used = sources;
    uint64_t pairs = 0;
    uint64_t hops = 0;
    for (uint32_t i = 0; i < g->nodes; i++)
        if (lab->node[i].is_up)
            g->order[count++] = i;
    if (used > count)
        used = count;
    sg_lab_sample(&lab->prng, g->order, count, used);
    for (uint32_t i = 0; i < used; i++) {
        uint32_t reached = spread(g, g->order[i]);
        for (uint32_t k = 1; k < reached; k++) {
            uint32_t distance = g->distance[g->queue[k]] - 1;
            hops += distance;
            if (distance > graph->diameter)
                graph->diameter = distance;
        }
        pairs += reached - 1;
    }
    graph->reach = (double)(pairs + used) / ((double)used * count);
    graph->path = pairs == 0 ? 0 : (double)hops / (double)pairs;
}

/* Links among the neighbours of a node, as a share of all pairs. */
static double clustering_of(const struct graph *g, uint32_t at)
{
    const uint32_t *link = &g->link[at * g->stride];
    uint32_t degree = g->degree[at];
    uint32_t found = 0;
    if (degree < 2)
        return 0;
    for (uint32_t a = 0; a < degree; a++)
        for (uint32_t b = a + 1; b < degree; b++)
            found += has_link(g, link[a], link[b]) || has_link(g, link[b], link[a]);
    return (double)found / (degree * (degree - 1) / 2);
}

static uint32_t root_of(uint32_t *parent, uint32_t at)
{
    while (parent[at] != at) {
        parent[at] = parent[parent[at]];
        at = parent[at];
    }
    return at;
}

static uint32_t components(const struct sg_lab_hpv *lab, struct graph *g)
{
    uint32_t *parent = g->queue;
    uint32_t count = 0;
    for (uint32_t i = 0; i < g->nodes; i++)
        parent[i] = i;
    for (uint32_t i = 0; i < g->nodes; i++)
        for (uint32_t k = 0; k < g->degree[i]; k++)
            parent[root_of(parent, i)] = root_of(parent, g->link[i * g->stride + k]);
    for (uint32_t i = 0; i < g->nodes; i++)
        count += lab->node[i].is_up && root_of(parent, i) == i;
    return count;
}

static void degrees(const struct sg_lab_hpv *lab, const struct graph *g,
                    struct sg_lab_hpv_graph *graph)
{
    double links = 0;
    double squares = 0;
    uint32_t full = 0;
    graph->in_min = UINT32_MAX;
    for (uint32_t i = 0; i < g->nodes; i++) {
        if (!lab->node[i].is_up)
            continue;
        links += g->in[i];
        squares += (double)g->in[i] * g->in[i];
        graph->in_min = g->in[i] < graph->in_min ? g->in[i] : graph->in_min;
        graph->in_max = g->in[i] > graph->in_max ? g->in[i] : graph->in_max;
        graph->isolated += g->degree[i] == 0;
        graph->clustering += clustering_of(g, i);
        full += g->degree[i] >= lab->config.hpv.active_target;
        for (uint32_t k = 0; k < g->degree[i]; k++)
            graph->one_way += !has_link(g, g->link[i * g->stride + k], i);
    }
    graph->degree = links / graph->nodes;
    graph->in_sd = sqrt(squares / graph->nodes - graph->degree * graph->degree);
    graph->clustering /= graph->nodes;
    graph->full = (double)full / graph->nodes;
}

sg_err sg_lab_hpv_graph(struct sg_lab_hpv *lab, uint32_t sources, struct sg_lab_hpv_graph *graph)
{
    struct graph g;
    *graph = (struct sg_lab_hpv_graph){.nodes = lab->up};
    sg_err err = build(lab, &g);
    if (err == SG_OK && lab->up > 0) {
        degrees(lab, &g, graph);
        graph->components = components(lab, &g);
        paths(lab, &g, sources, graph);
    }
    release(lab->config.mem, &g);
    return err;
}
