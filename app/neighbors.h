/* Who is a neighbour in which overlay, as the node's events tell: a set of (topic, peer) pairs,
 * bounded. The all-zero topic is the base overlay. */
#ifndef SG_APP_NEIGHBORS_H
#define SG_APP_NEIGHBORS_H

#include <jansson.h>
#include <saorsa/gossip.h>

struct sg_app_neighbor {
    struct sg_topic_id topic;
    struct sg_peer_id peer;
};

#define SG_APP_NEIGHBORS_MAX 4096

struct sg_app_neighbors {
    struct sg_app_neighbor *items;
    size_t count, cap;
};

void sg_app_neighbors_fini(struct sg_app_neighbors *neighbors);
/* Follows PEER_UP and PEER_DOWN; other events change nothing. A pair that does not fit is left
 * out. */
void sg_app_neighbors_follow(struct sg_app_neighbors *neighbors, const struct sg_event *event);
size_t sg_app_neighbors_count(const struct sg_app_neighbors *neighbors,
                              const struct sg_topic_id *topic);
/* The ids of a topic's neighbours as an array of texts; NULL when out of memory. */
json_t *sg_app_neighbors_json(const struct sg_app_neighbors *neighbors,
                              const struct sg_topic_id *topic);

#endif
