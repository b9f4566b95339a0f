/* Whether every node has joined: the graph of who is whose neighbour in the demo's topic is one
 * piece. Looked at in the nodes' own status, as often as they answer. */
#include <string.h>

#include "demo.h"

/* The neighbours of a node in the demo's topic, by its newest status; NULL when it has none. */
static const json_t *neighbors_of(const struct sg_demo_node *node)
{
    size_t index;
    json_t *topic;
    json_array_foreach(json_object_get(node->status, "topics"), index, topic)
    {
        const char *name = json_string_value(json_object_get(topic, "name"));
        if (name != NULL && strcmp(name, SG_DEMO_TOPIC) == 0)
            return json_object_get(topic, "neighbors");
    }
    return NULL;
}

static size_t node_of_id(const struct sg_demo *demo, const char *id)
{
    size_t i = 0;
    while (i < demo->started && strcmp(demo->nodes[i].id, id) != 0)
        i++;
    return i;
}

static uint16_t find_root(uint16_t *parent, uint16_t at)
{
    while (parent[at] != at) {
        parent[at] = parent[parent[at]];
        at = parent[at];
    }
    return at;
}

/* Whether the links between neighbours make one piece of all nodes (union and find). */
static bool is_one_piece(const struct sg_demo *demo)
{
    uint16_t parent[SG_DEMO_NODES_MAX];
    size_t pieces = demo->started;
    for (size_t i = 0; i < demo->started; i++)
        parent[i] = (uint16_t)i;
    for (size_t i = 0; i < demo->started; i++) {
        const json_t *ids = neighbors_of(&demo->nodes[i]);
        for (size_t j = 0; j < json_array_size(ids); j++) {
            const char *id = json_string_value(json_array_get(ids, j));
            size_t other = id != NULL ? node_of_id(demo, id) : demo->started;
            if (other == demo->started)
                continue;
            uint16_t a = find_root(parent, (uint16_t)i);
            uint16_t b = find_root(parent, (uint16_t)other);
            pieces -= a != b;
            parent[a] = b;
        }
    }
    return pieces == 1;
}

bool sg_demo_is_joined(struct sg_demo *demo)
{
    const struct sg_ctl_request request = {.op = SG_CTL_STATUS};
    size_t linked = 0;
    bool waiting = false;
    for (size_t i = 0; i < demo->started; i++) {
        linked += json_array_size(neighbors_of(&demo->nodes[i])) > 0;
        waiting = waiting || demo->nodes[i].wants_status;
    }
    if (sg_progress_due(&demo->progress))
        sg_progress_show(&demo->progress, "joining: %zu of %zu nodes have neighbours", linked,
                         demo->started);
    if (linked == demo->started && is_one_piece(demo))
        return true;
    /* The next round of questions, once all of the last one were answered. */
    for (size_t i = 0; i < demo->started && !waiting; i++) {
        demo->nodes[i].wants_status = true;
        if (!sg_demo_send(demo, &demo->nodes[i], &request))
            return false;
    }
    return false;
}
