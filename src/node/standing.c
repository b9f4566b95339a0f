/* What a peer has used up and what it is charged with outlives its link: otherwise a new connection
 * would wash both off. Kept is who has points, or less than half of some allowance, when its link
 * goes; the rest takes no place. Buckets fill and points decay by the time since, so that an entry
 * says nothing any more after a few minutes, and the oldest makes room.
 *
 * The table has a place for each of the links a node has by default: to push itself out a peer
 * needs as many others that have spent half an allowance each. What neighbours' conduct on a topic
 * is worth is remembered by the tree (plumtree/left.c), and bans have a list of their own. */
#include <stddef.h>

#include "node/internal.h"

#define STANDINGS_MAX 256
/* See sg_link_may_walk, members.c, backfill.c and fetch.c for the rates. */
#define WALKS 1024
#define NEWS 512
#define STRANGERS 64

#define BUCKETS 9
struct sg_standing {
    struct sg_peer_id peer;
    uint32_t points;
    sg_time_ns points_at;
    struct sg_bucket buckets[BUCKETS], opens, serves;
};

/* Those that are full when a link is new. */
static struct sg_bucket *bucket(struct sg_link *link, size_t i)
{
    struct sg_bucket *const all[BUCKETS] = {&link->verify,    &link->walks,   &link->news,
                                            &link->strangers, &link->adverts, &link->frames,
                                            &link->bytes,     &link->repair,  &link->pubsub};
    return all[i];
}

static void fill(const struct sg_core *core, struct sg_link *link)
{
    const struct sg_core_config *config = &core->config;
    sg_bucket_init(&link->verify, core->now, config->verify_burst);
    sg_bucket_init(&link->walks, core->now, WALKS);
    sg_bucket_init(&link->news, core->now, NEWS);
    sg_bucket_init(&link->strangers, core->now, STRANGERS);
    sg_adverts_link(core, link);
    sg_bucket_init(&link->frames, core->now, 2 * config->frame_rate);
    sg_bucket_init(&link->bytes, core->now, 2 * config->byte_rate);
    sg_bucket_init(&link->repair, core->now, config->repair_burst);
    sg_bucket_init(&link->pubsub, core->now, 2 * config->pubsub_rate);
}

void sg_standings_fini(struct sg_core *core)
{
    sg_mem_free(core->config.mem, core->standings);
}

static struct sg_standing *find(const struct sg_core *core, const struct sg_peer_id *peer)
{
    for (uint32_t i = 0; i < core->standing_count; i++) {
        if (sg_peer_id_equal(&core->standings[i].peer, peer))
            return &core->standings[i];
    }
    return NULL;
}

void sg_standing_restore(const struct sg_core *core, struct sg_link *link)
{
    const struct sg_standing *had = find(core, &link->peer);
    fill(core, link);
    link->points_at = core->now;
    if (had == NULL)
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        *bucket(link, i) = had->buckets[i];
    link->opens = had->opens;
    link->serves = had->serves;
    link->points = had->points;
    link->points_at = had->points_at;
}

static bool is_worth_keeping(const struct sg_core *core, struct sg_link *link)
{
    struct sg_link full = {.peer = link->peer};
    fill(core, &full);
    bool is_spent = false;
    for (size_t i = 0; i < BUCKETS; i++)
        is_spent = is_spent || bucket(link, i)->milli < bucket(&full, i)->milli / 2;
    return is_spent || sg_charge_points(core, link) > 0;
}

/* A place for one more: a new one, or the oldest; NULL when out of memory. */
static struct sg_standing *place(struct sg_core *core)
{
    uint32_t at = core->standing_next;
    if (core->standing_count == core->standing_cap && core->standing_cap < STANDINGS_MAX) {
        void *standings = sg_mem_grow(core->config.mem, core->standings, &core->standing_cap,
                                      STANDINGS_MAX, sizeof(*core->standings));
        if (standings == NULL)
            return NULL;
        core->standings = standings;
    }
    if (core->standing_count < core->standing_cap)
        return &core->standings[core->standing_count++];
    core->standing_next = (at + 1) % STANDINGS_MAX;
    return &core->standings[at];
}

void sg_standing_keep(struct sg_core *core, struct sg_link *link)
{
    struct sg_standing *slot = find(core, &link->peer);
    if (slot == NULL && is_worth_keeping(core, link))
        slot = place(core);
    if (slot == NULL)
        return;
    *slot = (struct sg_standing){.peer = link->peer,
                                 .points = link->points,
                                 .points_at = link->points_at,
                                 .opens = link->opens,
                                 .serves = link->serves};
    for (size_t i = 0; i < BUCKETS; i++)
        slot->buckets[i] = *bucket(link, i);
}
