/* How long does a newcomer look for the subscribers of a topic? A whole network, in which every
 * node has one topic in common; each of some other topics has five subscribers at random, and half
 * a minute later one more comes. Shared by the test and the benchmark. */
#ifndef SG_TESTS_SIM_FIND_CASE_H
#define SG_TESTS_SIM_FIND_CASE_H

#include <stdlib.h>
#include <string.h>

#include "../../sim/internal.h"

#define FIND_TOPICS_MAX 64
#define FIND_SUBSCRIBERS 5
#define FIND_SPREAD_S 30

struct find_search {
    uint32_t newcomer;
    sg_time_ns at, found; /* SG_TIME_NEVER = not yet */
};

struct find_case {
    struct sg_sim_config config;
    struct sg_sim_extra extra;
    struct sg_sim_report report;
    struct find_search searches[FIND_TOPICS_MAX];
    uint32_t topics, begun;
    sg_time_ns spread_at;
    struct sg_prng prng;
};

static inline struct sg_topic_id find_topic(uint32_t number)
{
    return (struct sg_topic_id){{0xf1, 0x9d, (uint8_t)(number >> 8), (uint8_t)number}};
}

static inline uint32_t find_subscribe(struct find_case *c, struct sg_sim *sim, uint32_t number)
{
    const struct sg_core_in in = {.kind = SG_CORE_IN_SUBSCRIBE, .topic = find_topic(number)};
    uint32_t at;
    do
        at = (uint32_t)sg_prng_below(&c->prng, sim->config.nodes);
    while (sim->nodes[at].core == NULL ||
           sg_core_neighbors(sim->nodes[at].core, &in.topic, NULL, 0) > 0);
    if (number < c->topics) {
        c->searches[number].newcomer = at;
        c->searches[number].at = sim->now;
    }
    (void)sg_sim_feed(sim, at, &in);
    return at;
}

static inline void find_tick(struct sg_sim *sim, void *user)
{
    struct find_case *c = user;
    if (sim->phase != SG_SIM_PUBLISHING)
        return;
    if (c->spread_at == 0) {
        c->spread_at = sim->now;
        for (uint32_t i = 0; i < c->topics * FIND_SUBSCRIBERS; i++)
            (void)find_subscribe(c, sim, i % c->topics);
        for (uint32_t i = 0; i < c->topics; i++)
            c->searches[i] = (struct find_search){SG_SIM_NONE, SG_TIME_NEVER, SG_TIME_NEVER};
        return;
    }
    if (sim->now < c->spread_at + FIND_SPREAD_S * SG_NS_PER_S || c->begun == c->topics)
        return;
    (void)find_subscribe(c, sim, c->begun++);
}

static inline void find_met(struct sg_sim *sim, uint32_t node, const struct sg_core_out *out,
                            void *user)
{
    struct find_case *c = user;
    for (uint32_t i = 0; i < c->topics; i++) {
        const struct sg_topic_id topic = find_topic(i);
        struct find_search *search = &c->searches[i];
        if (search->newcomer == node && search->found == SG_TIME_NEVER &&
            memcmp(&out->topic, &topic, sizeof(topic)) == 0)
            search->found = sim->now;
    }
}

static inline int find_compare(const void *a, const void *b)
{
    const uint64_t *x = a;
    const uint64_t *y = b;
    return (*x > *y) - (*x < *y);
}

/* The times of all searches in order, UINT64_MAX for those that found nobody. */
static inline sg_err find_run(struct find_case *c, uint64_t times[FIND_TOPICS_MAX])
{
    c->extra.tick = find_tick;
    c->extra.met = find_met;
    c->extra.user = c;
    c->config.rate = 1;
    c->config.warmup = 1;
    c->config.messages = FIND_SPREAD_S + c->topics + 15;
    sg_prng_init(&c->prng, c->config.seed);
    SG_TRY(sg_sim_run_with(&c->config, &c->extra, &c->report));
    for (uint32_t i = 0; i < c->topics; i++) {
        const struct find_search *search = &c->searches[i];
        times[i] = search->found == SG_TIME_NEVER ? UINT64_MAX : search->found - search->at;
    }
    qsort(times, c->topics, sizeof(*times), find_compare);
    return SG_OK;
}

/* The simulator's nodes have room for few topics. */
static inline void find_with_adverts(struct sg_core_config *config)
{
    config->scopes_max = FIND_TOPICS_MAX;
}

static inline void find_without_adverts(struct sg_core_config *config)
{
    find_with_adverts(config);
    config->advert_interval_ns = 0;
}

#endif
