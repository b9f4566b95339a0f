/* Many HyParView machines wired by an in-memory queue in virtual time. Links keep order. A message
 * to a peer that is down or cut off comes back as IN_FAILED. A node that says ISOLATED joins again
 * through its contact, as the node around the machine does. Everything follows from one seed. */
#ifndef SG_TESTS_HPV_CLUSTER_H
#define SG_TESTS_HPV_CLUSTER_H

#include <assert.h>
#include <stdlib.h>

#include "hyparview/hyparview.h"

#define CLUSTER_MAX 256

struct event {
    sg_time_ns at;
    uint64_t sequence;
    bool is_failure; /* from's link is down, as seen by to; else msg */
    uint16_t from;
    uint16_t to;
    struct sg_hpv_msg msg;
};

struct cluster {
    uint16_t count;
    struct sg_hpv node[CLUSTER_MAX];
    bool is_up[CLUSTER_MAX];
    uint8_t side[CLUSTER_MAX];      /* nodes of different sides do not reach each other */
    bool was_isolated[CLUSTER_MAX]; /* has ever said so */
    uint16_t contact[CLUSTER_MAX];  /* of the first join; the node itself = none */
    sg_time_ns deadline[CLUSTER_MAX];
    sg_time_ns last_arrival[CLUSTER_MAX][CLUSTER_MAX];
    sg_time_ns now;
    uint64_t sequence;
    uint64_t hash; /* FNV-1a of all outputs in their order */
    uint64_t sends[SG_HPV_SHUFFLE_REPLY + 1];
    uint64_t lost;
    unsigned loss_percent;
    unsigned duplicate_percent;
    bool keeps_order;
    struct sg_prng prng;
    struct sg_hpv_outbox outbox;
    struct event **heap;
    size_t heap_count;
    size_t heap_cap;
};

static inline struct sg_peer_id cluster_id(uint16_t at)
{
    struct sg_peer_id id = {{0}};
    struct sg_prng prng;
    sg_prng_init(&prng, at);
    for (size_t i = 2; i < SG_ID_LEN; i++)
        id.b[i] = (uint8_t)sg_prng_next(&prng);
    id.b[0] = (uint8_t)(at >> 8);
    id.b[1] = (uint8_t)at;
    return id;
}

static inline uint16_t cluster_index(const struct sg_peer_id *id)
{
    return (uint16_t)(id->b[0] << 8 | id->b[1]);
}

static inline void cluster_hash(struct cluster *c, uint64_t value)
{
    for (int i = 0; i < 8; i++) {
        c->hash ^= (value >> (8 * i)) & 0xff;
        c->hash *= UINT64_C(0x100000001b3);
    }
}

/* ---- event queue ---- */

static inline bool event_before(const struct event *a, const struct event *b)
{
    return a->at < b->at || (a->at == b->at && a->sequence < b->sequence);
}

static inline void event_push(struct cluster *c, const struct event *event)
{
    if (c->heap_count == c->heap_cap) {
        c->heap_cap = c->heap_cap == 0 ? 1024 : 2 * c->heap_cap;
        c->heap = realloc(c->heap, c->heap_cap * sizeof(struct event *));
        assert(c->heap != NULL);
    }
    struct event *copy = malloc(sizeof(*copy));
    assert(copy != NULL);
    *copy = *event;
    copy->sequence = c->sequence++;
    size_t at = c->heap_count++;
    for (; at > 0 && event_before(copy, c->heap[(at - 1) / 2]); at = (at - 1) / 2)
        c->heap[at] = c->heap[(at - 1) / 2];
    c->heap[at] = copy;
}

/* The earliest event; the caller frees it. */
static inline struct event *event_pop(struct cluster *c)
{
    struct event *top = c->heap[0];
    struct event *last = c->heap[--c->heap_count];
    size_t at = 0;
    for (size_t child = 1; child < c->heap_count; child = 2 * at + 1) {
        if (child + 1 < c->heap_count && event_before(c->heap[child + 1], c->heap[child]))
            child++;
        if (!event_before(c->heap[child], last))
            break;
        c->heap[at] = c->heap[child];
        at = child;
    }
    c->heap[at] = last;
    return top;
}

/* ---- nodes ---- */

static inline bool cluster_reaches(const struct cluster *c, uint16_t a, uint16_t b)
{
    return c->is_up[a] && c->is_up[b] && c->side[a] == c->side[b];
}

static inline void cluster_schedule(struct cluster *c, struct event *event)
{
    uint64_t delay = 5 * SG_NS_PER_MS + sg_prng_below(&c->prng, 10 * SG_NS_PER_MS);
    event->at = sg_time_add(c->now, delay);
    sg_time_ns *last = &c->last_arrival[event->from][event->to];
    if (c->keeps_order && event->at < *last)
        event->at = *last;
    *last = event->at;
    event_push(c, event);
}

static inline void cluster_fail(struct cluster *c, uint16_t at, uint16_t peer, uint64_t spread)
{
    uint64_t delay = sg_prng_below(&c->prng, spread);
    struct event event = {.at = c->now + delay, .is_failure = true, .from = peer, .to = at};
    event_push(c, &event);
}

static inline void cluster_send(struct cluster *c, uint16_t from, const struct sg_hpv_out *out)
{
    struct event event = {.from = from, .to = cluster_index(&out->peer), .msg = out->msg};
    assert(event.to < c->count);
    c->sends[out->msg.kind]++;
    if (sg_prng_below(&c->prng, 100) < c->loss_percent) {
        c->lost++;
        return;
    }
    if (!cluster_reaches(c, from, event.to)) {
        cluster_fail(c, from, event.to, SG_NS_PER_S);
        return;
    }
    cluster_schedule(c, &event);
    if (sg_prng_below(&c->prng, 100) < c->duplicate_percent)
        cluster_schedule(c, &event);
}

static inline void cluster_hash_out(struct cluster *c, uint16_t at, const struct sg_hpv_out *out)
{
    cluster_hash(c, c->now);
    cluster_hash(c, (uint64_t)at << 32 | cluster_index(&out->peer));
    cluster_hash(c, (uint64_t)out->kind);
    if (out->kind != SG_HPV_OUT_SEND)
        return;
    cluster_hash(c, (uint64_t)out->msg.kind << 16 | (uint64_t)out->msg.ttl << 8 |
                        (uint64_t)out->msg.accepted);
    for (uint8_t k = 0; k < out->msg.count; k++)
        cluster_hash(c, cluster_index(&out->msg.id[k]));
}

static inline void cluster_input(struct cluster *c, uint16_t at, const struct sg_hpv_in *in)
{
    bool is_isolated = false;
    struct sg_hpv *m = &c->node[at];
    sg_err err = sg_hpv_input(m, c->now, in, &c->outbox);
    assert(err == SG_OK);
    sg_hpv_check(m);
    c->deadline[at] = sg_hpv_deadline(m);
    assert(in->kind != SG_HPV_IN_TIMEOUT || c->deadline[at] > c->now);
    for (size_t i = 0; i < c->outbox.count; i++) {
        const struct sg_hpv_out *out = &c->outbox.out[i];
        cluster_hash_out(c, at, out);
        is_isolated = is_isolated || out->kind == SG_HPV_OUT_ISOLATED;
        if (out->kind == SG_HPV_OUT_SEND)
            cluster_send(c, at, out);
    }
    if (!is_isolated)
        return;
    c->was_isolated[at] = true;
    struct sg_hpv_in join = {.kind = SG_HPV_IN_JOIN, .peer = cluster_id(c->contact[at])};
    if (c->contact[at] != at)
        cluster_input(c, at, &join);
}

static inline void cluster_start(struct cluster *c, uint16_t at, const struct sg_hpv_config *config)
{
    struct sg_peer_id id = cluster_id(at);
    uint64_t seed = sg_prng_next(&c->prng);
    sg_err err = sg_hpv_init(&c->node[at], config, &id, c->now, seed);
    assert(err == SG_OK);
    c->is_up[at] = true;
    c->contact[at] = at;
    c->deadline[at] = sg_hpv_deadline(&c->node[at]);
    if (at >= c->count)
        c->count = (uint16_t)(at + 1);
}

static inline struct cluster *cluster_new(uint64_t seed)
{
    struct cluster *c = calloc(1, sizeof(*c));
    assert(c != NULL);
    c->keeps_order = true;
    c->hash = UINT64_C(0xcbf29ce484222325);
    sg_prng_init(&c->prng, seed);
    return c;
}

static inline void cluster_free(struct cluster *c)
{
    for (uint16_t i = 0; i < c->count; i++)
        if (c->node[i].active != NULL)
            sg_hpv_fini(&c->node[i]);
    while (c->heap_count > 0)
        free(event_pop(c));
    free(c->heap);
    free(c);
}

static inline void cluster_join(struct cluster *c, uint16_t at, uint16_t contact)
{
    struct sg_hpv_in in = {.kind = SG_HPV_IN_JOIN, .peer = cluster_id(contact)};
    c->contact[at] = contact;
    cluster_input(c, at, &in);
}

/* The node is gone at once; those linked to it notice within half a second. */
static inline void cluster_crash(struct cluster *c, uint16_t at)
{
    c->is_up[at] = false;
    c->deadline[at] = SG_TIME_NEVER;
    struct sg_peer_id id = cluster_id(at);
    for (uint16_t i = 0; i < c->count; i++)
        if (c->is_up[i] && sg_hpv_is_active(&c->node[i], &id))
            cluster_fail(c, i, at, SG_NS_PER_S / 2);
}

/* Links between the sides go down; both ends notice within two seconds. */
static inline void cluster_cut(struct cluster *c)
{
    for (uint16_t i = 0; i < c->count; i++)
        for (uint16_t k = 0; k < c->node[i].active_count && c->is_up[i]; k++) {
            uint16_t peer = cluster_index(&c->node[i].active[k].id);
            if (c->side[peer] != c->side[i])
                cluster_fail(c, i, peer, 2 * SG_NS_PER_S);
        }
}

static inline void cluster_deliver(struct cluster *c)
{
    struct event *event = event_pop(c);
    c->now = event->at > c->now ? event->at : c->now;
    struct sg_hpv_in in = {.kind = event->is_failure ? SG_HPV_IN_FAILED : SG_HPV_IN_MESSAGE,
                           .peer = cluster_id(event->from),
                           .msg = &event->msg};
    if (c->is_up[event->to] && (event->is_failure || cluster_reaches(c, event->from, event->to)))
        cluster_input(c, event->to, &in);
    free(event);
}

static inline uint16_t cluster_next_timer(const struct cluster *c)
{
    uint16_t first = 0;
    for (uint16_t i = 1; i < c->count; i++)
        if (c->deadline[i] < c->deadline[first])
            first = i;
    return first;
}

static inline void cluster_run(struct cluster *c, uint64_t duration)
{
    sg_time_ns end = c->now + duration;
    for (;;) {
        uint16_t timer = cluster_next_timer(c);
        sg_time_ns event_at = c->heap_count > 0 ? c->heap[0]->at : SG_TIME_NEVER;
        if (event_at > end && c->deadline[timer] > end)
            break;
        if (event_at <= c->deadline[timer]) {
            cluster_deliver(c);
            continue;
        }
        struct sg_hpv_in in = {.kind = SG_HPV_IN_TIMEOUT};
        c->now = c->deadline[timer] > c->now ? c->deadline[timer] : c->now;
        cluster_input(c, timer, &in);
    }
    c->now = end;
}

/* Delivers what is under way, with all timers stopped. */
static inline void cluster_drain(struct cluster *c)
{
    while (c->heap_count > 0)
        cluster_deliver(c);
}

/* ---- what came of it ---- */

/* Links of living nodes that the other end does not know of. */
static inline unsigned cluster_one_sided(const struct cluster *c)
{
    unsigned found = 0;
    for (uint16_t i = 0; i < c->count; i++)
        for (uint16_t k = 0; c->is_up[i] && k < c->node[i].active_count; k++) {
            uint16_t peer = cluster_index(&c->node[i].active[k].id);
            found += !c->is_up[peer] || !sg_hpv_is_active(&c->node[peer], &c->node[i].self);
        }
    return found;
}

/* Living nodes with at least so many neighbours. */
static inline unsigned cluster_with_degree(const struct cluster *c, uint16_t least)
{
    unsigned found = 0;
    for (uint16_t i = 0; i < c->count; i++)
        found += c->is_up[i] && c->node[i].active_count >= least;
    return found;
}

static inline unsigned cluster_links(const struct cluster *c)
{
    unsigned found = 0;
    for (uint16_t i = 0; i < c->count; i++)
        found += c->is_up[i] ? c->node[i].active_count : 0u;
    return found;
}

static inline unsigned cluster_living(const struct cluster *c)
{
    return cluster_with_degree(c, 0);
}

static inline uint16_t root_of(uint16_t *parent, uint16_t at)
{
    while (parent[at] != at)
        at = parent[at] = parent[parent[at]];
    return at;
}

/* Connected components of the living nodes over their active views. */
static inline unsigned cluster_components(const struct cluster *c)
{
    uint16_t parent[CLUSTER_MAX];
    unsigned components = cluster_living(c);
    for (uint16_t i = 0; i < c->count; i++)
        parent[i] = i;
    for (uint16_t i = 0; i < c->count; i++)
        for (uint16_t k = 0; c->is_up[i] && k < c->node[i].active_count; k++) {
            uint16_t peer = cluster_index(&c->node[i].active[k].id);
            uint16_t a = root_of(parent, i);
            uint16_t b = root_of(parent, peer);
            components -= c->is_up[peer] && a != b;
            if (c->is_up[peer])
                parent[a] = b;
        }
    return components;
}

#endif
