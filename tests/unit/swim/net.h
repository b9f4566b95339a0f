/* Many SWIM machines wired by an in-memory queue in virtual time, with what the node around the
 * machine does: links, dials, records that everybody reachable gets, closing the link of the dead.
 * Everything follows from one seed. */
#ifndef SG_TESTS_SWIM_NET_H
#define SG_TESTS_SWIM_NET_H

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "swim/internal.h"

#define NET_MAX 64

enum net_kind { NET_PACKET, NET_TABLE, NET_RECORD, NET_LINK_UP, NET_LINK_DOWN };

struct net_event {
    sg_time_ns at;
    uint64_t order;
    enum net_kind kind;
    uint16_t from, to;
    bool is_failure, leaves;
    sg_incarnation incarnation;
    struct sg_swim_packet packet;
    struct sg_swim_table *table;
};

struct net_node {
    struct sg_swim *m;
    bool is_up;
    sg_time_ns stalled_until;
    uint8_t side;
    uint64_t boot;
    /* what its events said */
    uint32_t joins, suspects, refuted, fails, lefts, announces, wakes, sends;
    sg_time_ns failed_at[NET_MAX]; /* its verdict on a peer, 0 = none */
    bool is_linked[NET_MAX];
};

struct net {
    uint16_t count;
    struct net_node node[NET_MAX];
    struct net_event **event; /* [event_count] heap */
    size_t event_count, event_cap;
    uint64_t order;
    sg_time_ns now;
    unsigned loss_percent;
    bool is_paper;
    struct sg_prng prng;
    struct sg_swim_outbox outbox;
};

static inline struct sg_peer_id net_id(uint16_t at)
{
    struct sg_peer_id id = {{0}};
    memset(id.b, 0xa0, sizeof(id.b));
    id.b[0] = (uint8_t)(at >> 8);
    id.b[1] = (uint8_t)at;
    return id;
}

static inline uint16_t net_index(const struct sg_peer_id *id)
{
    return (uint16_t)(id->b[0] << 8 | id->b[1]);
}

static inline bool net_reaches(const struct net *n, uint16_t a, uint16_t b)
{
    return n->node[a].is_up && n->node[b].is_up && n->node[a].side == n->node[b].side;
}

static inline bool net_before(const struct net_event *a, const struct net_event *b)
{
    return a->at < b->at || (a->at == b->at && a->order < b->order);
}

static inline void net_put(struct net *n, struct net_event *event)
{
    if (n->event_count == n->event_cap) {
        n->event_cap = n->event_cap == 0 ? 256 : 2 * n->event_cap;
        n->event = realloc(n->event, n->event_cap * sizeof(*n->event));
        assert(n->event != NULL);
    }
    size_t at = n->event_count++;
    for (; at > 0 && net_before(event, n->event[(at - 1) / 2]); at = (at - 1) / 2)
        n->event[at] = n->event[(at - 1) / 2];
    n->event[at] = event;
}

static inline struct net_event *net_pop(struct net *n)
{
    struct net_event *top = n->event[0];
    struct net_event *last = n->event[--n->event_count];
    size_t at = 0;
    for (size_t child = 1; child < n->event_count; child = 2 * at + 1) {
        if (child + 1 < n->event_count && net_before(n->event[child + 1], n->event[child]))
            child++;
        if (!net_before(n->event[child], last))
            break;
        n->event[at] = n->event[child];
        at = child;
    }
    n->event[at] = last;
    return top;
}

static inline void net_push(struct net *n, struct net_event event, uint64_t after_ns)
{
    uint64_t jitter = sg_prng_below(&n->prng, 5 * SG_NS_PER_MS);
    struct net_event *copy = malloc(sizeof(*copy));
    assert(copy != NULL);
    *copy = event;
    copy->at = n->now + after_ns + jitter;
    copy->order = n->order++;
    net_put(n, copy);
}

static inline void net_input(struct net *n, uint16_t at, const struct sg_swim_in *in);

static inline void net_set_link(struct net *n, uint16_t a, uint16_t b, bool on, bool is_failure)
{
    enum net_kind kind = on ? NET_LINK_UP : NET_LINK_DOWN;
    uint16_t ends[2][2] = {{a, b}, {b, a}};
    for (int i = 0; i < 2; i++) {
        uint16_t at = ends[i][0], peer = ends[i][1];
        if (n->node[at].is_linked[peer] == on)
            continue;
        n->node[at].is_linked[peer] = on;
        net_push(n,
                 (struct net_event){.kind = kind,
                                    .from = peer,
                                    .to = at,
                                    .is_failure = is_failure,
                                    .incarnation = n->node[peer].boot << 32},
                 SG_NS_PER_MS);
    }
}

static inline void net_send(struct net *n, uint16_t from, const struct sg_swim_out *o)
{
    uint16_t to = net_index(&o->peer);
    struct net_event event = {.kind = NET_PACKET, .from = from, .to = to};
    event.packet = (struct sg_swim_packet){
        .kind = o->packet, .seq = o->seq, .target = o->target, .count = o->rumor_count};
    memcpy(event.packet.rumor, &n->outbox.rumor[o->rumor_at],
           o->rumor_count * sizeof(event.packet.rumor[0]));
    n->node[from].sends++;
    uint64_t delay = 2 * SG_NS_PER_MS;
    if (to >= n->count)
        return;
    if (!n->is_paper && !n->node[from].is_linked[to]) {
        if (o->packet != SG_SWIM_PING)
            return;
        if (!net_reaches(n, from, to)) { /* the dial fails */
            net_push(n,
                     (struct net_event){
                         .kind = NET_LINK_DOWN, .from = to, .to = from, .is_failure = true},
                     300 * SG_NS_PER_MS);
            return;
        }
        net_set_link(n, from, to, true, false);
        delay = 10 * SG_NS_PER_MS;
    }
    if (sg_prng_below(&n->prng, 100) < n->loss_percent)
        return;
    net_push(n, event, delay);
}

static inline void net_send_table(struct net *n, uint16_t from, const struct sg_swim_out *o)
{
    struct sg_swim_table table;
    for (uint32_t part = 0; sg_swim_table(n->node[from].m, part, &table); part++) {
        struct net_event event = {.kind = NET_TABLE, .from = from, .to = net_index(&o->peer)};
        table.wants_reply = o->wants_reply && part == 0;
        event.table = malloc(sizeof(table));
        assert(event.table != NULL);
        *event.table = table;
        net_push(n, event, 3 * SG_NS_PER_MS);
    }
}

static inline void net_output(struct net *n, uint16_t at, const struct sg_swim_out *o)
{
    struct net_node *node = &n->node[at];
    uint16_t peer = net_index(&o->peer);
    switch (o->kind) {
    case SG_SWIM_OUT_SEND:
        net_send(n, at, o);
        break;
    case SG_SWIM_OUT_TABLE:
        net_send_table(n, at, o);
        break;
    case SG_SWIM_OUT_ANNOUNCE:
        node->announces++;
        for (uint16_t i = 0; i < n->count && !n->is_paper; i++)
            if (i != at)
                net_push(n,
                         (struct net_event){.kind = NET_RECORD,
                                            .from = at,
                                            .to = i,
                                            .leaves = o->leaves,
                                            .incarnation = o->incarnation},
                         20 * SG_NS_PER_MS);
        break;
    case SG_SWIM_OUT_JOIN:
        node->joins++;
        if (peer < n->count)
            node->failed_at[peer] = 0;
        break;
    case SG_SWIM_OUT_SUSPECT:
        node->suspects++;
        break;
    case SG_SWIM_OUT_REFUTED:
        node->refuted++;
        break;
    case SG_SWIM_OUT_FAIL:
        node->fails++;
        if (peer < n->count) {
            node->failed_at[peer] = n->now;
            if (!n->is_paper)
                net_set_link(n, at, peer, false, false);
        }
        break;
    case SG_SWIM_OUT_LEFT:
        node->lefts++;
        break;
    case SG_SWIM_OUT_DROPPED:
    case SG_SWIM_OUT_UPDATE:
        break;
    }
}

static inline void net_input(struct net *n, uint16_t at, const struct sg_swim_in *in)
{
    sg_err err = sg_swim_input(n->node[at].m, n->now, in, &n->outbox);
    assert(err == SG_OK);
    sg_swim_check(n->node[at].m);
    for (size_t i = 0; i < n->outbox.count; i++)
        net_output(n, at, &n->outbox.out[i]);
}

static inline void net_deliver(struct net *n, const struct net_event *e)
{
    struct sg_swim_in in = {.peer = net_id(e->from),
                            .incarnation = e->incarnation,
                            .leaves = e->leaves,
                            .is_failure = e->is_failure,
                            .packet = &e->packet,
                            .table = e->table};
    static const enum sg_swim_in_kind kinds[] = {SG_SWIM_IN_PACKET, SG_SWIM_IN_TABLE,
                                                 SG_SWIM_IN_RECORD, SG_SWIM_IN_LINK_UP,
                                                 SG_SWIM_IN_LINK_DOWN};
    in.kind = kinds[e->kind];
    if (!n->node[e->to].is_up || (e->kind != NET_LINK_DOWN && !net_reaches(n, e->from, e->to)))
        return;
    net_input(n, e->to, &in);
    if (e->kind == NET_LINK_UP) {
        in = (struct sg_swim_in){.kind = SG_SWIM_IN_WATCH, .peer = net_id(e->from), .on = true};
        net_input(n, e->to, &in);
    }
}

/* Events for a node that stalls wait until it goes on. */
static inline void net_defer(struct net *n)
{
    while (n->event_count > 0 && n->event[0]->at < n->node[n->event[0]->to].stalled_until) {
        struct net_event *e = net_pop(n);
        e->at = n->node[e->to].stalled_until;
        net_put(n, e);
    }
}

/* The first thing that happens before end: an event or a deadline. */
static inline bool net_step(struct net *n, sg_time_ns end)
{
    uint16_t timer = NET_MAX;
    net_defer(n);
    sg_time_ns at = n->event_count > 0 && n->event[0]->at < end ? n->event[0]->at : end;
    for (uint16_t i = 0; i < n->count; i++) {
        if (!n->node[i].is_up)
            continue;
        sg_time_ns due = sg_swim_deadline(n->node[i].m);
        if (due < n->node[i].stalled_until)
            due = n->node[i].stalled_until;
        if (due < at) {
            at = due;
            timer = i;
        }
    }
    if (at >= end)
        return false;
    n->now = at > n->now ? at : n->now;
    if (timer != NET_MAX) {
        struct sg_swim_in in = {.kind = SG_SWIM_IN_TIMEOUT};
        n->node[timer].wakes++;
        net_input(n, timer, &in);
        return true;
    }
    struct net_event *e = net_pop(n);
    net_deliver(n, e);
    free(e->table);
    free(e);
    return true;
}

static inline void net_run(struct net *n, uint64_t ns)
{
    sg_time_ns end = n->now + ns;
    while (net_step(n, end))
        ;
    n->now = end;
}

static inline void net_start(struct net *n, uint16_t at, const struct sg_swim_config *config)
{
    struct net_node *node = &n->node[at];
    node->boot++;
    struct sg_swim_start start = {.self = net_id(at),
                                  .incarnation = n->is_paper ? 0 : node->boot << 32,
                                  .now = n->now,
                                  .seed = sg_prng_next(&n->prng)};
    sg_err err = sg_swim_new(&node->m, config, &start);
    assert(err == SG_OK);
    node->is_up = true;
}

/* count nodes, each linked to `degree` others (a ring and random chords). */
static inline struct net *net_open(uint16_t count, uint16_t degree,
                                   const struct sg_swim_config *config, uint64_t seed)
{
    struct net *n = calloc(1, sizeof(*n));
    assert(n != NULL && count <= NET_MAX);
    sg_prng_init(&n->prng, seed);
    n->count = count;
    n->is_paper = !config->proofs;
    n->now = SG_NS_PER_S;
    for (uint16_t i = 0; i < count; i++)
        net_start(n, i, config);
    for (uint16_t i = 0; i < count && !n->is_paper; i++) {
        net_set_link(n, i, (uint16_t)((i + 1) % count), true, false);
        for (uint16_t k = 2; k < degree; k += 2) {
            uint16_t other = (uint16_t)sg_prng_below(&n->prng, count);
            if (other != i)
                net_set_link(n, i, other, true, false);
        }
    }
    struct sg_peer_id all[NET_MAX];
    for (uint16_t i = 0; i < count; i++)
        all[i] = net_id(i);
    struct sg_swim_in in = {.kind = SG_SWIM_IN_HEARSAY, .peers = all, .count = count};
    for (uint16_t i = 0; i < count && n->is_paper; i++)
        net_input(n, i, &in);
    return n;
}

/* kill -9: the links are silent. */
static inline void net_kill(struct net *n, uint16_t at)
{
    n->node[at].is_up = false;
}

static inline void net_close(struct net *n)
{
    for (uint16_t i = 0; i < n->count; i++)
        sg_swim_free(n->node[i].m);
    for (size_t i = 0; i < n->event_count; i++) {
        free(n->event[i]->table);
        free(n->event[i]);
    }
    free(n->event);
    free(n);
}

/* How many of those that run hold this peer for dead. */
static inline uint32_t net_dead_count(const struct net *n, uint16_t peer)
{
    uint32_t count = 0;
    struct sg_peer_id id = net_id(peer);
    for (uint16_t i = 0; i < n->count; i++) {
        struct sg_swim_view view;
        if (n->node[i].is_up && i != peer && sg_swim_find(n->node[i].m, &id, &view) == SG_OK &&
            view.state == SG_SWIM_IS_DEAD)
            count++;
    }
    return count;
}

static inline uint32_t net_total(const struct net *n, size_t offset)
{
    uint32_t total = 0;
    for (uint16_t i = 0; i < n->count; i++)
        total += *(const uint32_t *)((const char *)&n->node[i] + offset);
    return total;
}
#define NET_TOTAL(n, field) net_total(n, offsetof(struct net_node, field))

#endif
