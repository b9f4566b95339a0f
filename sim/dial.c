/* Opening and closing connections: a handshake of one and a half round trips, dials that cross,
 * HELLO, orderly closes, and ends that vanish.
 *
 * A node has at most one connection per peer in its table, from its dial on. When two dials cross,
 * the one of the smaller id survives, as in the runtime: the other end drops its own when the first
 * flight arrives, and the core, which waits for its dial, gets the link that came instead. */
#include <assert.h>

#include "internal.h"

static struct sg_sim_event about(uint32_t conn, enum sg_sim_event_kind kind, unsigned end)
{
    return (struct sg_sim_event){.kind = (uint8_t)kind, .index = conn, .end = (uint8_t)end};
}

static void watch_handshake(struct sg_sim *sim, uint32_t conn, unsigned end)
{
    sg_sim_conn_event(sim, sim->now + sim->extra->dial_timeout_ns,
                      about(conn, SG_SIM_EV_GIVE_UP, end));
}

/* Sends a flight of the handshake towards an end. */
static void flight(struct sg_sim *sim, uint32_t conn, enum sg_sim_event_kind kind, unsigned end)
{
    sg_time_ns at = sg_sim_transit(sim, &sim->conns[conn], end, SG_LANE_MSHIP);
    sg_time_ns *other = sg_sim_latest(sim, &sim->conns[conn], end, SG_LANE_PUBSUB);
    sg_sim_conn_event(sim, at, about(conn, kind, end));
    /* nothing on the other lane may overtake it */
    *other = *other < at ? at : *other;
}

void sg_sim_dial(struct sg_sim *sim, uint32_t at, uint32_t peer, bool is_seed)
{
    struct sg_sim_link *link = sg_sim_link_find(&sim->nodes[at], &sim->nodes[peer].id);
    if (link == NULL) {
        uint32_t conn = sg_sim_conn_new(sim, at, peer);
        if (conn == SG_SIM_NONE)
            return;
        sg_sim_end_set(sim, conn, 0, SG_SIM_END_DIALING);
        flight(sim, conn, SG_SIM_EV_ARRIVE, 1);
        watch_handshake(sim, conn, 0);
        link = sg_sim_link_add(sim, at, peer, conn);
    }
    if (link == NULL)
        return;
    link->core_waits = link->core_waits || !is_seed;
    link->is_seed = link->is_seed || is_seed;
}

/* A core dials. An id that nobody has is one that an attacker made up: nothing answers. */
void sg_sim_dial_id(struct sg_sim *sim, uint32_t at, const struct sg_peer_id *id)
{
    uint32_t peer = sg_sim_node_of(sim, id);
    if (peer != SG_MAP_NONE) {
        sg_sim_dial(sim, at, peer, false);
        return;
    }
    if (sim->adversaries == NULL)
        sg_sim_broken(sim, at, "the core dials a peer that does not exist");
    struct sg_buf *name = sg_buf_copy(sim->mem, sg_bytes(id->b, SG_ID_LEN));
    if (name == NULL) {
        sim->err = SG_ERR_NO_MEMORY;
        return;
    }
    sg_sim_push(sim, (struct sg_sim_event){.at = sim->now + sim->extra->dial_timeout_ns,
                                           .kind = SG_SIM_EV_NO_PEER,
                                           .index = at,
                                           .buf = name});
}

void sg_sim_dial_no_peer(struct sg_sim *sim, const struct sg_sim_event *event)
{
    struct sg_core_in in = {.kind = SG_CORE_IN_LINK_DOWN, .err = SG_ERR_TIMEOUT};
    memcpy(in.peer.b, event->buf->data, SG_ID_LEN);
    if (sim->nodes[event->index].core != NULL)
        (void)sg_sim_feed(sim, event->index, &in);
    sg_buf_unref(event->buf);
}

/* The acceptor goes on with this connection. */
static void accept(struct sg_sim *sim, uint32_t conn)
{
    sg_sim_end_set(sim, conn, 1, SG_SIM_END_WAITING);
    flight(sim, conn, SG_SIM_EV_REPLY, 0);
    watch_handshake(sim, conn, 1);
}

/* Both have dialled: whether this dial is the one that stays. */
static bool survives(const struct sg_sim *sim, const struct sg_sim_conn *conn)
{
    const struct sg_peer_id *dialler = &sim->nodes[conn->node[0]].id;
    return sg_peer_id_compare(dialler, &sim->nodes[conn->node[1]].id) < 0;
}

/* The acceptor already knows a connection to this peer. */
static void arrive_second(struct sg_sim *sim, uint32_t conn, struct sg_sim_link *link)
{
    uint32_t older = link->conn;
    unsigned end = sim->conns[older].node[0] == sim->conns[conn].node[1] ? 0 : 1;
    if (sim->conns[older].state[end] == SG_SIM_END_UP) {
        /* the peer would not dial with a link: it has lost it, and we hear of it now */
        sg_sim_link_lost(sim, older, end, SG_ERR_CLOSED);
        uint32_t acceptor = sim->conns[conn].node[1];
        const struct sg_peer_id *peer = &sim->nodes[sim->conns[conn].node[0]].id;
        link = sg_sim_link_find(&sim->nodes[acceptor], peer);
        if (link == NULL && sg_sim_link_add(sim, acceptor, sim->conns[conn].node[0], conn) != NULL)
            accept(sim, conn);
        else if (link != NULL)
            arrive_second(sim, conn, link); /* it has dialled anew meanwhile */
        return;
    }
    if (end == 0) {
        sim->extra->crossings++;
        if (!survives(sim, &sim->conns[conn]))
            return;
    }
    link->conn = conn;
    sg_sim_end_set(sim, older, end, SG_SIM_END_CLOSED);
    accept(sim, conn);
}

void sg_sim_dial_arrive(struct sg_sim *sim, const struct sg_sim_event *event)
{
    uint32_t conn = event->index;
    uint32_t dialler = sim->conns[conn].node[0];
    uint32_t acceptor = sim->conns[conn].node[1];
    struct sg_sim_node *node = &sim->nodes[acceptor];
    if (node->core == NULL || sim->conns[conn].state[0] != SG_SIM_END_DIALING)
        return; /* nobody there, or nobody waits any more */
    struct sg_sim_link *link = sg_sim_link_find(node, &sim->nodes[dialler].id);
    if (link != NULL)
        arrive_second(sim, conn, link);
    else if (sg_sim_link_add(sim, acceptor, dialler, conn) != NULL)
        accept(sim, conn);
}

/* Closes one end in an orderly way: the other one hears of it after what was sent before. */
static void close_end(struct sg_sim *sim, uint32_t conn, unsigned end)
{
    struct sg_sim_conn *c = &sim->conns[conn];
    unsigned other = 1 - end;
    sg_time_ns at = sg_sim_transit(sim, c, other, SG_LANE_MSHIP);
    for (unsigned lane = 0; lane < SG_LANE_COUNT; lane++) {
        sg_time_ns latest = *sg_sim_latest(sim, c, other, lane);
        at = latest > at ? latest : at;
    }
    sg_sim_conn_event(sim, at, about(conn, SG_SIM_EV_CLOSE, other));
    sg_sim_end_set(sim, conn, end, SG_SIM_END_CLOSED);
}

/* HELLO of the other end. */
static sg_err greet(struct sg_sim *sim, uint32_t conn, unsigned end, uint64_t *boot)
{
    uint8_t hello[SG_HELLO_MAX];
    *boot = 0;
    const struct sg_sim_node *self = &sim->nodes[sim->conns[conn].node[end]];
    const struct sg_sim_node *peer = &sim->nodes[sim->conns[conn].node[1 - end]];
    if (peer->core == NULL) {
        *boot = peer->boot;
        return SG_OK; /* it said so before it crashed */
    }
    size_t len = sg_core_hello(peer->core, hello);
    return sg_core_hello_check(self->core, &peer->id, sg_bytes(hello, len), boot);
}

void sg_sim_hints(const struct sg_sim *sim, uint32_t node, struct sg_hints *hints)
{
    uint32_t place = sim->nodes[node].place;
    *hints = (struct sg_hints){.count = 1};
    hints->hint[0].len = 7;
    hints->hint[0].b[0] = 4;
    for (unsigned i = 0; i < 4; i++)
        hints->hint[0].b[1 + i] = (uint8_t)(place >> (24 - 8 * i));
}

static struct sg_core_in link_up_of(const struct sg_sim *sim, uint32_t conn, unsigned end)
{
    const struct sg_sim_conn *c = &sim->conns[conn];
    uint32_t peer = c->node[1 - end];
    uint64_t rtt = sg_sim_rtt(c);
    struct sg_core_in in = {.kind = SG_CORE_IN_LINK_UP,
                            .peer = sim->nodes[peer].id,
                            .dialled = end == 0,
                            .srtt_ns = rtt,
                            .rttvar_ns = rtt / 100 * sim->config.jitter_percent};
    sg_sim_hints(sim, peer, &in.hints);
    /* both ends agree on it; connections are few enough that it need not differ in each */
    uint64_t low = sg_sim_mix(c->node[0], c->node[1]);
    for (unsigned i = 0; i < 8; i++)
        in.secret[i] = (uint8_t)(low >> (8 * i));
    return in;
}

/* The core or its HELLO check does not want the peer. */
static void refuse(struct sg_sim *sim, uint32_t conn, unsigned end, sg_err err)
{
    uint32_t at = sim->conns[conn].node[end];
    struct sg_sim_link *link = sg_sim_link_of_conn(sim, conn, end);
    if (link == NULL)
        return;
    struct sg_core_in in = {
        .kind = SG_CORE_IN_LINK_DOWN, .peer = sim->nodes[link->peer].id, .err = err};
    bool waits = link->core_waits;
    close_end(sim, conn, end);
    sg_sim_link_remove(&sim->nodes[at], link);
    if (waits)
        (void)sg_sim_feed(sim, at, &in);
}

/* The handshake is over for an end: tells the core, or refuses the peer. */
static void up(struct sg_sim *sim, uint32_t conn, unsigned end)
{
    uint32_t at = sim->conns[conn].node[end];
    struct sg_sim_link *link = sg_sim_link_of_conn(sim, conn, end);
    assert(link != NULL);
    bool is_seed = link->is_seed;
    struct sg_core_in in = link_up_of(sim, conn, end);
    sg_err err = greet(sim, conn, end, &in.boot);
    if (err == SG_OK) {
        sg_sim_end_set(sim, conn, end, SG_SIM_END_UP);
        link->core_waits = true;
        link->is_seed = false;
        link->is_opening = true;
        err = sg_sim_feed(sim, at, &in);
    }
    if (err != SG_OK) {
        refuse(sim, conn, end, err);
        return;
    }
    link = sg_sim_link_of_conn(sim, conn, end);
    if (link == NULL)
        return; /* the core has closed it at once */
    link->is_opening = false;
    if (sim->conns[conn].state[1 - end] == SG_SIM_END_DEAD) {
        sg_time_ns due = sim->now + sim->extra->idle_timeout_ns;
        sg_sim_conn_event(sim, due, about(conn, SG_SIM_EV_SILENT, end));
    }
    in.kind = SG_CORE_IN_SEED;
    if (is_seed)
        (void)sg_sim_feed(sim, at, &in);
}

void sg_sim_dial_reply(struct sg_sim *sim, const struct sg_sim_event *event)
{
    if (sim->conns[event->index].state[0] != SG_SIM_END_DIALING)
        return;
    /* first, so that nothing the core sends overtakes it */
    flight(sim, event->index, SG_SIM_EV_ESTABLISHED, 1);
    up(sim, event->index, 0);
}

void sg_sim_dial_established(struct sg_sim *sim, const struct sg_sim_event *event)
{
    if (sim->conns[event->index].state[1] == SG_SIM_END_WAITING)
        up(sim, event->index, 1);
}

/* The link at an end is no more; the core hears of it if it knew or waited. */
void sg_sim_link_lost(struct sg_sim *sim, uint32_t conn, unsigned end, sg_err err)
{
    struct sg_sim_link *link = sg_sim_link_of_conn(sim, conn, end);
    uint32_t at = sim->conns[conn].node[end];
    assert(link != NULL);
    struct sg_core_in in = {
        .kind = SG_CORE_IN_LINK_DOWN, .peer = sim->nodes[link->peer].id, .err = err};
    bool waits = link->core_waits;
    sg_sim_link_remove(&sim->nodes[at], link);
    sg_sim_end_set(sim, conn, end, SG_SIM_END_DEAD);
    if (waits)
        (void)sg_sim_feed(sim, at, &in);
}

void sg_sim_dial_give_up(struct sg_sim *sim, const struct sg_sim_event *event)
{
    uint8_t state = sim->conns[event->index].state[event->end];
    if (state == SG_SIM_END_DIALING || state == SG_SIM_END_WAITING)
        sg_sim_link_lost(sim, event->index, event->end, SG_ERR_TIMEOUT);
}

void sg_sim_close(struct sg_sim *sim, uint32_t at, const struct sg_core_out *out)
{
    struct sg_sim_node *node = &sim->nodes[at];
    struct sg_sim_link *link = sg_sim_link_find(node, &out->peer);
    if (link == NULL)
        sg_sim_broken(sim, at, "a link is closed that does not exist");
    uint32_t conn = link->conn;
    close_end(sim, conn, sim->conns[conn].node[0] == at ? 0 : 1);
    sg_sim_link_remove(node, link);
}

void sg_sim_closed(struct sg_sim *sim, const struct sg_sim_event *event)
{
    uint8_t state = sim->conns[event->index].state[event->end];
    sim->conns[event->index].has_reset = false; /* a later frame is answered again */
    if (state == SG_SIM_END_UP || state == SG_SIM_END_DIALING || state == SG_SIM_END_WAITING)
        sg_sim_link_lost(sim, event->index, event->end, SG_ERR_CLOSED);
}
