#include "neighbors.h"

#include <stdlib.h>
#include <string.h>

#include "json_out.h"

void sg_app_neighbors_fini(struct sg_app_neighbors *neighbors)
{
    free(neighbors->items);
    *neighbors = (struct sg_app_neighbors){0};
}

static size_t find(const struct sg_app_neighbors *neighbors, const struct sg_event *event)
{
    for (size_t i = 0; i < neighbors->count; i++) {
        const struct sg_app_neighbor *item = &neighbors->items[i];
        if (memcmp(item->topic.b, event->topic.b, SG_ID_LEN) == 0 &&
            memcmp(item->peer.b, event->peer.b, SG_ID_LEN) == 0)
            return i;
    }
    return neighbors->count;
}

static void add(struct sg_app_neighbors *neighbors, const struct sg_event *event)
{
    if (neighbors->count == SG_APP_NEIGHBORS_MAX)
        return;
    if (neighbors->count == neighbors->cap) {
        size_t cap = neighbors->cap > 0 ? neighbors->cap * 2 : 16;
        struct sg_app_neighbor *items = realloc(neighbors->items, cap * sizeof(*items));
        if (items == NULL)
            return;
        neighbors->items = items;
        neighbors->cap = cap;
    }
    neighbors->items[neighbors->count++] = (struct sg_app_neighbor){event->topic, event->peer};
}

void sg_app_neighbors_follow(struct sg_app_neighbors *neighbors, const struct sg_event *event)
{
    bool up = event->kind == SG_EVENT_PEER_UP;
    if (!up && event->kind != SG_EVENT_PEER_DOWN)
        return;
    size_t at = find(neighbors, event);
    bool there = at < neighbors->count;
    if (up && !there)
        add(neighbors, event);
    else if (!up && there)
        neighbors->items[at] = neighbors->items[--neighbors->count];
}

size_t sg_app_neighbors_count(const struct sg_app_neighbors *neighbors,
                              const struct sg_topic_id *topic)
{
    size_t count = 0;
    for (size_t i = 0; i < neighbors->count; i++)
        count += memcmp(neighbors->items[i].topic.b, topic->b, SG_ID_LEN) == 0;
    return count;
}

json_t *sg_app_neighbors_json(const struct sg_app_neighbors *neighbors,
                              const struct sg_topic_id *topic)
{
    json_t *array = json_array();
    bool ok = array != NULL;
    for (size_t i = 0; ok && i < neighbors->count; i++) {
        if (memcmp(neighbors->items[i].topic.b, topic->b, SG_ID_LEN) == 0)
            ok = json_array_append_new(array, sg_json_id(neighbors->items[i].peer.b)) == 0;
    }
    if (ok)
        return array;
    json_decref(array);
    return NULL;
}
