/* Plumtree machines over links with delay, in virtual time, all from one seed. */
#ifndef SG_TESTS_PT_CLUSTER_H
#define SG_TESTS_PT_CLUSTER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "plumtree/plumtree.h"

#define NODES_MAX 200
#define DEGREE_MAX 8
#define MESSAGES_MAX 1000
#define NOBODY UINT16_MAX
#define CHECK_EACH 32 /* inputs; all nodes at the end */

struct link {
    uint16_t to;
    uint64_t delay_ns;
};

struct node {
    struct sg_pt *pt;
    bool is_dead;
    struct link links[DEGREE_MAX + 4];
    size_t degree;
    sg_time_ns wake_at; /* earliest wake event under way */
};

struct event {
    sg_time_ns at;
    uint64_t serial;
    uint16_t from; /* NOBODY: wake `to` */
    uint16_t to;
    enum sg_pt_out_kind kind;
    bool is_down; /* `from` is gone */
    bool has_id;
    struct sg_msg_id id;
    uint8_t hop;
    struct sg_pt_have *have; /* owned */
    size_t count;
};

struct message {
    uint32_t received; /* the author does not count */
    uint32_t payloads;
    uint32_t last_hop;
    sg_time_ns sent_at;
    sg_time_ns last_at;
};

struct cluster {
    struct sg_prng prng;
    sg_time_ns now;
    size_t nodes_count;
    struct node nodes[NODES_MAX];
    struct event *heap;
    size_t events;
    size_t events_cap;
    uint64_t serial;
    struct message messages[MESSAGES_MAX];
    uint32_t messages_count;
    unsigned loss_percent; /* of GOSSIP */
    unsigned drop_percent; /* of GOSSIP: no room in the lane */
    uint64_t inputs;
    uint64_t control; /* frames that are not payloads */
    uint64_t hash;    /* of everything sent, in order */
    struct sg_pt_outbox out;
};

static inline void hash_in(struct cluster *c, uint64_t value)
{
    c->hash = (c->hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    c->hash ^= c->hash >> 31;
}

static inline struct sg_peer_id peer_id(uint16_t node)
{
    struct sg_peer_id id = {{0}};
    id.b[0] = (uint8_t)(node >> 8);
    id.b[1] = (uint8_t)node;
    return id;
}

static inline uint16_t node_of(const struct sg_peer_id *id)
{
    return (uint16_t)(id->b[0] << 8 | id->b[1]);
}

/* As uniform as a hash value; number_of() reads the last bytes. */
static inline struct sg_msg_id msg_id(uint32_t number)
{
    struct sg_msg_id id = {{0}};
    struct sg_prng mix;
    sg_prng_init(&mix, number);
    for (int i = 0; i < SG_ID_LEN; i++)
        id.b[i] = (uint8_t)sg_prng_next(&mix);
    id.b[SG_ID_LEN - 2] = (uint8_t)(number >> 8);
    id.b[SG_ID_LEN - 1] = (uint8_t)number;
    return id;
}

static inline uint32_t number_of(const struct sg_msg_id *id)
{
    return (uint32_t)id->b[SG_ID_LEN - 2] << 8 | id->b[SG_ID_LEN - 1];
}

/* The queue of events: a binary heap by time, then by order of creation. */
static inline bool is_before(const struct event *a, const struct event *b)
{
    return a->at < b->at || (a->at == b->at && a->serial < b->serial);
}

static inline void swap_events(struct event *a, struct event *b)
{
    struct event t = *a;
    *a = *b;
    *b = t;
}

static inline void event_push(struct cluster *c, struct event e)
{
    if (c->events == c->events_cap) {
        c->events_cap = c->events_cap == 0 ? 1024 : 2 * c->events_cap;
        c->heap = realloc(c->heap, c->events_cap * sizeof(*c->heap));
        assert_non_null(c->heap);
    }
    e.serial = c->serial++;
    size_t i = c->events++;
    c->heap[i] = e;
    for (; i > 0 && is_before(&c->heap[i], &c->heap[(i - 1) / 2]); i = (i - 1) / 2)
        swap_events(&c->heap[i], &c->heap[(i - 1) / 2]);
}

static inline struct event event_pop(struct cluster *c)
{
    struct event e = c->heap[0];
    c->heap[0] = c->heap[--c->events];
    for (size_t i = 0;;) {
        size_t child = 2 * i + 1;
        if (child + 1 < c->events && is_before(&c->heap[child + 1], &c->heap[child]))
            child++;
        if (child >= c->events || !is_before(&c->heap[child], &c->heap[i]))
            return e;
        swap_events(&c->heap[i], &c->heap[child]);
        i = child;
    }
}

static inline uint64_t delay_between(const struct node *node, uint16_t to)
{
    for (size_t i = 0; i < node->degree; i++)
        if (node->links[i].to == to)
            return node->links[i].delay_ns;
    return 0; /* no link any more: the frame is lost */
}

/* False when the lane has no room for a push. */
static inline bool send_out(struct cluster *c, uint16_t from, const struct sg_pt_out *o)
{
    if (o->kind == SG_PT_OUT_FORGET || o->kind == SG_PT_OUT_PUT_AWAY)
        return true;
    uint16_t to = node_of(&o->peer);
    uint64_t delay = delay_between(&c->nodes[from], to);
    struct event e = {.at = c->now + delay, .from = from, .to = to, .kind = o->kind};
    e.has_id = o->has_id;
    e.id = o->id;
    e.hop = o->hop;
    e.count = o->count;
    hash_in(c, (uint64_t)from << 48 | (uint64_t)to << 32 | (uint64_t)o->kind << 24 | o->count);
    hash_in(c, c->now ^ number_of(&o->id) ^ (uint64_t)o->hop << 56);
    bool is_push = o->kind == SG_PT_OUT_GOSSIP;
    if (!is_push)
        c->control++;
    if (is_push && sg_prng_below(&c->prng, 100) < c->drop_percent)
        return false;
    if (delay == 0 || (is_push && sg_prng_below(&c->prng, 100) < c->loss_percent))
        return true; /* lost */
    if (o->kind == SG_PT_OUT_IHAVE) {
        e.have = malloc(o->count * sizeof(*e.have));
        assert_non_null(e.have);
        memcpy(e.have, o->have, o->count * sizeof(*e.have));
    }
    event_push(c, e);
    return true;
}

static inline void wake_later(struct cluster *c, uint16_t at)
{
    struct node *node = &c->nodes[at];
    sg_time_ns deadline = sg_pt_deadline(node->pt);
    if (deadline < c->now)
        deadline = c->now;
    if (deadline >= node->wake_at)
        return;
    node->wake_at = deadline;
    event_push(c, (struct event){.at = deadline, .from = NOBODY, .to = at});
}

static inline struct sg_pt_in drop_of(const struct sg_pt_out *o)
{
    return (struct sg_pt_in){.kind = SG_PT_IN_PUSH_DROPPED, .peer = o->peer, .id = o->id};
}

static inline void feed(struct cluster *c, uint16_t at, const struct sg_pt_in *in)
{
    struct node *node = &c->nodes[at];
    sg_err err = sg_pt_input(node->pt, c->now, in, &c->out);
    assert_true(err == SG_OK || err == SG_ERR_PROTOCOL);
    if (err != SG_OK)
        return;
    if (c->inputs++ % CHECK_EACH == 0)
        sg_pt_check(node->pt);
    struct sg_pt_in dropped[SG_PT_PEERS_HARD];
    size_t count = 0;
    for (size_t i = 0; i < c->out.count; i++)
        if (!send_out(c, at, &c->out.out[i]))
            dropped[count++] = drop_of(&c->out.out[i]);
    for (size_t i = 0; i < count; i++)
        feed(c, at, &dropped[i]);
    wake_later(c, at);
}

static inline void feed_peer(struct cluster *c, uint16_t at, enum sg_pt_in_kind kind, uint16_t peer)
{
    feed(c, at, &(struct sg_pt_in){.kind = kind, .peer = peer_id(peer)});
}

static inline void wake(struct cluster *c, uint16_t at)
{
    struct node *node = &c->nodes[at];
    node->wake_at = SG_TIME_NEVER;
    while (sg_pt_deadline(node->pt) <= c->now)
        feed(c, at, &(struct sg_pt_in){.kind = SG_PT_IN_TIMEOUT});
    wake_later(c, at);
}

static inline void receive_payload(struct cluster *c, struct event *e, struct sg_pt_in *in)
{
    struct message *msg = &c->messages[number_of(&e->id)];
    msg->payloads++;
    in->kind = SG_PT_IN_DUPLICATE;
    if (sg_pt_known(c->nodes[e->to].pt, &e->id) != SG_PT_UNKNOWN)
        return;
    in->kind = SG_PT_IN_GOSSIP;
    msg->received++;
    msg->last_at = c->now;
    if (msg->last_hop < e->hop)
        msg->last_hop = e->hop;
}

static inline void receive(struct cluster *c, struct event *e)
{
    struct sg_pt_in in = {.peer = peer_id(e->from), .id = e->id, .hop = e->hop};
    in.has_id = e->has_id;
    in.have = e->have;
    in.count = e->count;
    switch (e->kind) {
    case SG_PT_OUT_GOSSIP:
        receive_payload(c, e, &in);
        break;
    case SG_PT_OUT_IHAVE:
        in.kind = SG_PT_IN_IHAVE;
        break;
    case SG_PT_OUT_GRAFT:
        in.kind = SG_PT_IN_GRAFT;
        break;
    case SG_PT_OUT_PRUNE:
        in.kind = SG_PT_IN_PRUNE;
        break;
    case SG_PT_OUT_DONTHAVE:
        in.kind = SG_PT_IN_DONTHAVE;
        break;
    case SG_PT_OUT_DONTWANT:
    case SG_PT_OUT_PUT_AWAY:
    case SG_PT_OUT_FORGET:
        fail();
    }
    feed(c, e->to, &in);
}

static inline void happen(struct cluster *c, struct event *e)
{
    if (e->from == NOBODY)
        wake(c, e->to);
    else if (e->is_down)
        feed_peer(c, e->to, SG_PT_IN_NEIGHBOR_DOWN, e->from);
    else
        receive(c, e);
}

static inline void run_until(struct cluster *c, sg_time_ns until)
{
    while (c->events > 0 && c->heap[0].at <= until) {
        struct event e = event_pop(c);
        c->now = e.at;
        if (!c->nodes[e.to].is_dead)
            happen(c, &e);
        free(e.have);
    }
    c->now = until;
}

static inline void run_for(struct cluster *c, uint64_t ns)
{
    run_until(c, c->now + ns);
}

static inline bool are_linked(const struct cluster *c, uint16_t a, uint16_t b)
{
    return a == b || delay_between(&c->nodes[a], b) > 0;
}

static inline void link_nodes(struct cluster *c, uint16_t a, uint16_t b, uint64_t delay_ns)
{
    const uint16_t ends[2] = {a, b};
    for (int i = 0; i < 2; i++) {
        struct node *node = &c->nodes[ends[i]];
        assert_true(node->degree < DEGREE_MAX + 4);
        node->links[node->degree++] = (struct link){ends[1 - i], delay_ns};
    }
    for (int i = 0; i < 2; i++) {
        feed_peer(c, ends[i], SG_PT_IN_NEIGHBOR_UP, ends[1 - i]);
        struct sg_pt_in rtt = {.kind = SG_PT_IN_RTT, .peer = peer_id(ends[1 - i])};
        rtt.srtt_ns = 2 * delay_ns;
        rtt.rttvar_ns = delay_ns / 8;
        feed(c, ends[i], &rtt);
    }
}

static inline void unlink_from(struct cluster *c, uint16_t at, uint16_t gone)
{
    struct node *node = &c->nodes[at];
    for (size_t i = 0; i < node->degree; i++)
        if (node->links[i].to == gone)
            node->links[i--] = node->links[--node->degree];
}

/* The neighbours hear of it after a while, as from a closed connection. */
static inline void kill_node(struct cluster *c, uint16_t at)
{
    struct node *node = &c->nodes[at];
    node->is_dead = true;
    for (size_t i = 0; i < node->degree; i++) {
        struct event down = {.at = c->now + 3 * node->links[i].delay_ns, .is_down = true};
        down.from = at;
        down.to = node->links[i].to;
        event_push(c, down);
        unlink_from(c, down.to, at);
    }
    node->degree = 0;
}

static inline uint64_t random_delay(struct cluster *c)
{
    return (5 + sg_prng_below(&c->prng, 56)) * SG_NS_PER_MS;
}

static inline void add_node(struct cluster *c, uint16_t threshold)
{
    struct sg_pt_config config = sg_pt_config_default(sg_mem_default());
    config.seen_max = 2048;
    config.cache_max = 1024;
    config.optimise_threshold = threshold;
    struct node *node = &c->nodes[c->nodes_count++];
    uint64_t seed = sg_prng_next(&c->prng);
    *node = (struct node){.wake_at = SG_TIME_NEVER};
    assert_int_equal(sg_pt_new(&node->pt, &config, c->now, seed), SG_OK);
}

/* Links nodes [first, end): a ring, so that they are connected, and random links until degrees are
 * 5 .. 8. */
static inline void link_range(struct cluster *c, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++) {
        size_t next = i + 1 < end ? i + 1 : first;
        uint64_t delay = random_delay(c);
        link_nodes(c, (uint16_t)i, (uint16_t)next, delay);
    }
    for (size_t i = first; i < end; i++) {
        for (int tries = 0; c->nodes[i].degree < 5 && tries < 200; tries++) {
            uint16_t other = (uint16_t)(first + sg_prng_below(&c->prng, end - first));
            if (c->nodes[other].degree >= DEGREE_MAX || are_linked(c, (uint16_t)i, other))
                continue;
            uint64_t delay = random_delay(c);
            link_nodes(c, (uint16_t)i, other, delay);
        }
    }
}

static inline struct cluster *cluster_unlinked(size_t nodes, uint64_t seed, uint16_t threshold)
{
    struct cluster *c = calloc(1, sizeof(*c));
    assert_non_null(c);
    sg_prng_init(&c->prng, seed);
    for (size_t i = 0; i < nodes; i++)
        add_node(c, threshold);
    return c;
}

static inline struct cluster *cluster_new(size_t nodes, uint64_t seed, uint16_t threshold)
{
    struct cluster *c = cluster_unlinked(nodes, seed, threshold);
    link_range(c, 0, nodes);
    return c;
}

static inline struct cluster *cluster_new_halves(size_t nodes, uint64_t seed)
{
    struct cluster *c = cluster_unlinked(nodes, seed, 0);
    link_range(c, 0, nodes / 2);
    link_range(c, nodes / 2, nodes);
    return c;
}

static inline void cluster_free(struct cluster *c)
{
    for (size_t i = 0; i < c->nodes_count; i++) {
        sg_pt_check(c->nodes[i].pt);
        sg_pt_free(c->nodes[i].pt);
    }
    for (size_t i = 0; i < c->events; i++)
        free(c->heap[i].have);
    free(c->heap);
    free(c);
}

static inline uint32_t broadcast(struct cluster *c, uint16_t from)
{
    uint32_t number = c->messages_count++;
    assert_true(number < MESSAGES_MAX);
    c->messages[number].sent_at = c->now;
    struct sg_pt_in in = {.kind = SG_PT_IN_BROADCAST, .id = msg_id(number)};
    feed(c, from, &in);
    return number;
}

static inline uint16_t random_alive(struct cluster *c)
{
    for (;;) {
        uint16_t at = (uint16_t)sg_prng_below(&c->prng, c->nodes_count);
        if (!c->nodes[at].is_dead)
            return at;
    }
}

/* Relative message redundancy over messages [from, messages_count): copies per delivery. */
static inline double rmr_since(const struct cluster *c, uint32_t from)
{
    double payloads = 0;
    double received = 0;
    for (uint32_t i = from; i < c->messages_count; i++) {
        payloads += c->messages[i].payloads;
        received += c->messages[i].received;
    }
    return payloads / received - 1;
}

static inline double mean_last_hop_since(const struct cluster *c, uint32_t from)
{
    double hops = 0;
    for (uint32_t i = from; i < c->messages_count; i++)
        hops += c->messages[i].last_hop;
    return hops / (c->messages_count - from);
}

static inline double mean_last_ms_since(const struct cluster *c, uint32_t from)
{
    double ns = 0;
    for (uint32_t i = from; i < c->messages_count; i++)
        ns += (double)(c->messages[i].last_at - c->messages[i].sent_at);
    return ns / 1e6 / (c->messages_count - from);
}

#endif
