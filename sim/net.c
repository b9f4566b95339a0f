/* Virtual links: delay, loss, order, duplication, partitions.
 *
 * A lane is a reliable stream: a lost frame comes two round trips later, and what was sent after it
 * on the same lane waits for it; other lanes do not. The delay of a pair of nodes is drawn from a
 * hash of both (half to one and a half of the configured one), so it needs no table. What is sent
 * across a partition is held back until that heals, if both ends still have the link then. */
#include <assert.h>

#include "internal.h"

void sg_sim_push(struct sg_sim *sim, struct sg_sim_event event)
{
    sg_sim_queue_push(&sim->queue, &event);
}

/* ---- links of a node ---- */

static uint64_t tag_of(const struct sg_peer_id *id)
{
    uint64_t tag;
    memcpy(&tag, id->b, sizeof(tag));
    return tag;
}

struct sg_sim_link *sg_sim_link_find(const struct sg_sim_node *node, const struct sg_peer_id *id)
{
    uint64_t tag = tag_of(id);
    for (uint32_t i = 0; i < node->link_count; i++) {
        if (node->tags[i] == tag)
            return &node->links[i];
    }
    return NULL;
}

static bool grow_links(struct sg_sim *sim, struct sg_sim_node *node)
{
    uint32_t cap = node->link_cap == 0 ? 16 : node->link_cap * 2;
    void *tags = sg_mem_resize(sim->mem, node->tags, cap, sizeof(*node->tags));
    if (tags != NULL)
        node->tags = tags;
    void *links = sg_mem_resize(sim->mem, node->links, cap, sizeof(*node->links));
    if (links != NULL)
        node->links = links;
    if (tags == NULL || links == NULL) {
        sim->err = SG_ERR_NO_MEMORY;
        return false;
    }
    node->link_cap = cap;
    return true;
}

struct sg_sim_link *sg_sim_link_add(struct sg_sim *sim, uint32_t at, uint32_t peer, uint32_t conn)
{
    struct sg_sim_node *node = &sim->nodes[at];
    if (node->link_count == node->link_cap && !grow_links(sim, node))
        return NULL;
    node->tags[node->link_count] = tag_of(&sim->nodes[peer].id);
    struct sg_sim_link *link = &node->links[node->link_count++];
    *link = (struct sg_sim_link){.conn = conn, .peer = peer};
    return link;
}

void sg_sim_link_remove(struct sg_sim_node *node, struct sg_sim_link *link)
{
    uint32_t at = (uint32_t)(link - node->links);
    node->link_count--;
    node->tags[at] = node->tags[node->link_count];
    node->links[at] = node->links[node->link_count];
}

struct sg_sim_link *sg_sim_link_of_conn(const struct sg_sim *sim, uint32_t conn, unsigned end)
{
    const struct sg_sim_conn *c = &sim->conns[conn];
    const struct sg_peer_id *peer = &sim->nodes[c->node[1 - end]].id;
    struct sg_sim_link *link = sg_sim_link_find(&sim->nodes[c->node[end]], peer);
    return link != NULL && link->conn == conn ? link : NULL;
}

/* ---- connections ---- */

static bool grow_conns(struct sg_sim *sim)
{
    uint32_t cap = sim->conn_cap == 0 ? 1024 : sim->conn_cap * 2;
    void *conns = sg_mem_resize(sim->mem, sim->conns, cap, sizeof(*sim->conns));
    if (conns == NULL) {
        sim->err = SG_ERR_NO_MEMORY;
        return false;
    }
    sim->conns = conns;
    sim->conn_cap = cap;
    return true;
}

/* Half to one and a half of the configured delay, the same in both directions. */
static uint64_t pair_delay(const struct sg_sim *sim, uint32_t a, uint32_t b)
{
    uint64_t pair = a < b ? (uint64_t)a << 32 | b : (uint64_t)b << 32 | a;
    uint64_t hash = sg_sim_mix(sg_sim_mix(sim->config.seed, pair), 0x706169);
    uint64_t delay = sim->config.delay_ns;
    return delay / 2 + (delay >> 10) * (hash >> 54);
}

uint32_t sg_sim_conn_new(struct sg_sim *sim, uint32_t dialler, uint32_t acceptor)
{
    uint32_t at = sim->conn_free;
    if (at != SG_SIM_NONE) {
        sim->conn_free = sim->conns[at].refs;
    } else {
        if (sim->conn_used == sim->conn_cap && !grow_conns(sim))
            return SG_SIM_NONE;
        at = sim->conn_used++;
    }
    struct sg_sim_conn *conn = &sim->conns[at];
    uint64_t delay = pair_delay(sim, dialler, acceptor) / SG_SIM_DELAY_UNIT_NS;
    *conn =
        (struct sg_sim_conn){.node = {dialler, acceptor}, .delay = delay > 0 ? (uint32_t)delay : 1};
    return at;
}

void sg_sim_conn_unref(struct sg_sim *sim, uint32_t at)
{
    struct sg_sim_conn *conn = &sim->conns[at];
    assert(conn->refs > 0);
    if (--conn->refs > 0)
        return;
    conn->refs = sim->conn_free;
    conn->node[0] = conn->node[1] = SG_SIM_NONE;
    sim->conn_free = at;
}

void sg_sim_conn_event(struct sg_sim *sim, sg_time_ns at, struct sg_sim_event event)
{
    event.at = at;
    sim->conns[event.index].refs++;
    sg_sim_push(sim, event);
}

static bool is_live(unsigned state)
{
    return state == SG_SIM_END_DIALING || state == SG_SIM_END_WAITING || state == SG_SIM_END_UP;
}

void sg_sim_end_set(struct sg_sim *sim, uint32_t at, unsigned end, enum sg_sim_end_state state)
{
    struct sg_sim_conn *conn = &sim->conns[at];
    bool was = is_live(conn->state[end]);
    bool is = is_live((unsigned)state);
    conn->state[end] = (uint8_t)state;
    if (is && !was)
        conn->refs++;
    if (was && !is)
        sg_sim_conn_unref(sim, at);
}

/* ---- time under way ---- */

uint64_t sg_sim_rtt(const struct sg_sim_conn *conn)
{
    return UINT64_C(2) * conn->delay * SG_SIM_DELAY_UNIT_NS;
}

bool sg_sim_is_cut(const struct sg_sim *sim, const struct sg_sim_conn *conn)
{
    return sim->now >= sim->cut_at && sim->now < sim->cut_until &&
           sim->nodes[conn->node[0]].is_far != sim->nodes[conn->node[1]].is_far;
}

static bool draw(struct sg_sim *sim, uint64_t threshold)
{
    if (threshold == 0)
        return false;
    uint64_t drawn = sg_prng_next(&sim->prng);
    return drawn >> 32 < threshold;
}

/* One way over the link, with jitter and what losses cost. */
static sg_time_ns one_way(struct sg_sim *sim, const struct sg_sim_conn *conn)
{
    uint64_t delay = (uint64_t)conn->delay * SG_SIM_DELAY_UNIT_NS;
    sg_time_ns start = sg_sim_is_cut(sim, conn) ? sim->cut_until : sim->now;
    sg_time_ns at = start;
    while (draw(sim, sim->loss))
        at += 2 * sg_sim_rtt(conn);
    if (sim->config.jitter_percent > 0)
        delay = sg_prng_jitter(&sim->prng, delay, sim->config.jitter_percent);
    at += delay > 0 ? delay : 1;
    if (draw(sim, sim->reorder))
        at += sg_prng_below(&sim->prng, sg_sim_rtt(conn));
    return at;
}

sg_time_ns sg_sim_transit(struct sg_sim *sim, struct sg_sim_conn *conn, unsigned end, unsigned lane)
{
    sg_time_ns at = one_way(sim, conn);
    if (sim->config.reorder_within)
        return at;
    if (at < conn->latest[end][lane])
        at = conn->latest[end][lane];
    conn->latest[end][lane] = at;
    return at;
}

/* ---- frames ---- */

/* Something was sent on a link whose other end cannot answer: it is found out in a while. */
static void watch(struct sg_sim *sim, uint32_t at, unsigned sender)
{
    struct sg_sim_conn *conn = &sim->conns[at];
    bool is_dead = conn->state[1 - sender] == SG_SIM_END_DEAD || sg_sim_is_cut(sim, conn);
    if (!is_dead || conn->watched[sender])
        return;
    conn->watched[sender] = true;
    sg_sim_conn_event(
        sim, sim->now + sim->extra->stall_timeout_ns,
        (struct sg_sim_event){
            .kind = SG_SIM_EV_SILENT, .index = at, .end = (uint8_t)sender, .lane = 1});
}

/* There is no room for a push: the core hears of it, after the outputs at hand. */
static void drop_push(struct sg_sim *sim, uint32_t conn, unsigned end,
                      const struct sg_core_out *out)
{
    struct sg_buf *id = sg_buf_copy(sim->mem, sg_bytes(out->id.b, SG_ID_LEN));
    if (id == NULL) {
        sim->err = SG_ERR_NO_MEMORY;
        return;
    }
    sg_sim_conn_event(
        sim, sim->now,
        (struct sg_sim_event){
            .kind = SG_SIM_EV_PUSH_DROPPED, .index = conn, .end = (uint8_t)end, .buf = id});
}

static void send_copy(struct sg_sim *sim, sg_time_ns at, const struct sg_sim_event *frame)
{
    struct sg_sim_conn *conn = &sim->conns[frame->index];
    if (frame->is_push)
        conn->pushes[frame->end] += frame->buf->len;
    (void)sg_buf_ref(frame->buf);
    sg_sim_conn_event(sim, at, *frame);
}

void sg_sim_net_send(struct sg_sim *sim, uint32_t at, const struct sg_core_out *out)
{
    struct sg_sim_node *node = &sim->nodes[at];
    const struct sg_sim_link *link = sg_sim_link_find(node, &out->peer);
    if (link == NULL || out->lane >= SG_FRAME_LANE_COUNT)
        sg_sim_broken(sim, at, "a frame is sent where there is no link or lane");
    struct sg_sim_conn *conn = &sim->conns[link->conn];
    unsigned end = conn->node[0] == at ? 1 : 0;
    if (conn->state[1 - end] != SG_SIM_END_UP)
        sg_sim_broken(sim, at, "a frame is sent over a link that is not up");
    sim->extra->frames++;
    if (out->droppable && conn->pushes[end] + out->buf->len > sim->extra->lane_budget) {
        drop_push(sim, link->conn, 1 - end, out);
        return;
    }
    sg_sim_ledger_bytes(sim, out);
    struct sg_sim_event frame = {.kind = SG_SIM_EV_FRAME,
                                 .index = link->conn,
                                 .end = (uint8_t)end,
                                 .lane = (uint8_t)out->lane,
                                 .is_push = out->droppable,
                                 .buf = out->buf};
    sg_time_ns arrival = sg_sim_transit(sim, conn, end, out->lane);
    send_copy(sim, arrival, &frame);
    if (draw(sim, sim->duplicate)) {
        /* right behind, unless lanes have no order */
        if (sim->config.reorder_within)
            arrival = sg_sim_transit(sim, conn, end, out->lane);
        send_copy(sim, arrival, &frame);
    }
    watch(sim, link->conn, 1 - end);
}

/* A frame for a link that this node does not have: it says so, if it is there. */
static void answer_reset(struct sg_sim *sim, const struct sg_sim_event *event)
{
    struct sg_sim_conn *conn = &sim->conns[event->index];
    sim->extra->frames_lost++;
    bool is_there = sim->nodes[conn->node[event->end]].core != NULL;
    if (!is_there || conn->has_reset || conn->state[1 - event->end] != SG_SIM_END_UP)
        return;
    conn->has_reset = true;
    sim->extra->resets++;
    sg_sim_conn_event(sim, sg_sim_transit(sim, conn, 1u - event->end, SG_LANE_MSHIP),
                      (struct sg_sim_event){.kind = SG_SIM_EV_CLOSE,
                                            .index = event->index,
                                            .end = (uint8_t)(1 - event->end)});
}

void sg_sim_net_frame(struct sg_sim *sim, const struct sg_sim_event *event)
{
    struct sg_sim_conn *conn = &sim->conns[event->index];
    if (event->is_push)
        conn->pushes[event->end] -= event->buf->len;
    if (conn->state[event->end] != SG_SIM_END_UP) {
        answer_reset(sim, event);
        return;
    }
    struct sg_core_in in;
    in.kind = SG_CORE_IN_FRAME;
    in.peer = sim->nodes[conn->node[1 - event->end]].id;
    in.lane = (enum sg_lane)event->lane;
    in.bytes = sg_buf_bytes(event->buf);
    if (sg_sim_feed(sim, conn->node[event->end], &in) != SG_OK)
        sg_sim_broken(sim, conn->node[event->end], "a frame made the core fail");
}

void sg_sim_net_push_dropped(struct sg_sim *sim, const struct sg_sim_event *event)
{
    struct sg_sim_conn *conn = &sim->conns[event->index];
    struct sg_core_in in = {.kind = SG_CORE_IN_PUSH_DROPPED,
                            .peer = sim->nodes[conn->node[1 - event->end]].id,
                            .topic = sim->topic};
    memcpy(in.id.b, event->buf->data, SG_ID_LEN);
    if (sim->nodes[conn->node[event->end]].core != NULL)
        (void)sg_sim_feed(sim, conn->node[event->end], &in);
}

/* ---- silence ---- */

void sg_sim_net_silent(struct sg_sim *sim, const struct sg_sim_event *event)
{
    struct sg_sim_conn *conn = &sim->conns[event->index];
    bool is_stall = event->lane != 0;
    if (is_stall)
        conn->watched[event->end] = false;
    bool is_dead = conn->state[1 - event->end] == SG_SIM_END_DEAD || sg_sim_is_cut(sim, conn);
    if (is_dead && conn->state[event->end] == SG_SIM_END_UP)
        sg_sim_link_lost(sim, event->index, event->end, SG_ERR_TIMEOUT);
}

static void cut_idle_of(struct sg_sim *sim, uint32_t at)
{
    struct sg_sim_node *node = &sim->nodes[at];
    for (uint32_t i = node->link_count; i-- > 0;) {
        uint32_t conn = node->links[i].conn;
        unsigned end = sim->conns[conn].node[0] == at ? 0 : 1;
        if (sim->conns[conn].state[end] == SG_SIM_END_UP && sg_sim_is_cut(sim, &sim->conns[conn]))
            sg_sim_conn_event(sim, sim->now,
                              (struct sg_sim_event){
                                  .kind = SG_SIM_EV_SILENT, .index = conn, .end = (uint8_t)end});
    }
}

void sg_sim_net_cut_idle(struct sg_sim *sim)
{
    for (uint32_t at = 0; at < sim->config.nodes; at++)
        cut_idle_of(sim, at);
}
