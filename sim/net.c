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
    void *tags = sg_mem_resize(sim->net_mem, node->tags, cap, sizeof(*node->tags));
    if (tags != NULL)
        node->tags = tags;
    void *links = sg_mem_resize(sim->net_mem, node->links, cap, sizeof(*node->links));
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

static_assert(sizeof(struct sg_sim_conn) == SG_CACHE_LINE, "a connection is one line");
static_assert(SG_SIM_CONN_LANES == SG_LANE_BULK && SG_LANE_BULK + 1 == SG_LANE_COUNT,
              "the other lane is the bulk one");

static bool grow_conns(struct sg_sim *sim)
{
    uint32_t cap = sim->conn_cap == 0 ? 1024 : sim->conn_cap * 2;
    void *conns_memory = NULL;
    void *bulks_memory = NULL;
    void *conns = sg_sim_table_new(sim->mem, cap, sizeof(*sim->conns), &conns_memory);
    void *bulks = sg_sim_table_new(sim->mem, cap, sizeof(*sim->bulks), &bulks_memory);
    if (conns == NULL || bulks == NULL) {
        sg_mem_free(sim->mem, conns_memory);
        sg_mem_free(sim->mem, bulks_memory);
        sim->err = SG_ERR_NO_MEMORY;
        return false;
    }
    if (sim->conn_used > 0) {
        memcpy(conns, sim->conns, sim->conn_used * sizeof(*sim->conns));
        memcpy(bulks, sim->bulks, sim->conn_used * sizeof(*sim->bulks));
    }
    sg_mem_free(sim->mem, sim->conns_memory);
    sg_mem_free(sim->mem, sim->bulks_memory);
    sim->conns = conns;
    sim->bulks = bulks;
    sim->conns_memory = conns_memory;
    sim->bulks_memory = bulks_memory;
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
    uint64_t delay = pair_delay(sim, sim->nodes[dialler].place, sim->nodes[acceptor].place) /
                     SG_SIM_DELAY_UNIT_NS;
    *conn =
        (struct sg_sim_conn){.node = {dialler, acceptor}, .delay = delay > 0 ? (uint32_t)delay : 1};
    sim->bulks[at] = (struct sg_sim_conn_bulk){{0, 0}};
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

sg_time_ns sg_sim_cut_until(const struct sg_sim *sim, uint32_t a, uint32_t b)
{
    if (sim->now >= sim->cut_horizon)
        return 0;
    uint32_t differ = sim->nodes[a].faults.far ^ sim->nodes[b].faults.far;
    sg_time_ns until = 0;
    for (uint32_t i = 0; differ != 0 && i < sim->cut_count; i++) {
        const struct sg_sim_cut *cut = &sim->cuts[i];
        if ((differ >> i & 1) != 0 && sim->now >= cut->from && sim->now < cut->until &&
            until < cut->until)
            until = cut->until;
    }
    return until;
}

bool sg_sim_are_cut(const struct sg_sim *sim, uint32_t a, uint32_t b)
{
    return sg_sim_cut_until(sim, a, b) > 0;
}

bool sg_sim_is_cut(const struct sg_sim *sim, const struct sg_sim_conn *conn)
{
    return sg_sim_are_cut(sim, conn->node[0], conn->node[1]);
}

static bool draw(struct sg_sim *sim, uint64_t threshold)
{
    if (threshold == 0)
        return false;
    uint64_t drawn = sg_prng_next(&sim->prng);
    return drawn >> 32 < threshold;
}

/* Whether what is sent towards an end is lost: on the link, at the sender, at the receiver. */
static bool is_lost(struct sg_sim *sim, const struct sg_sim_conn *conn, unsigned end)
{
    const struct sg_sim_faults *to = &sim->nodes[conn->node[end]].faults;
    const struct sg_sim_faults *from = &sim->nodes[conn->node[1 - end]].faults;
    if (draw(sim, sim->now < sim->loss_until ? sim->loss : sim->loss_base))
        return true;
    if (sim->now >= sim->bad_horizon)
        return false; /* mostly: no look at the nodes */
    if (sim->now < from->loss_until && draw(sim, from->loss[1]))
        return true;
    return sim->now < to->loss_until && draw(sim, to->loss[0]);
}

/* Delay towards an end, with jitter and what slow nodes add. */
static uint64_t draw_delay(struct sg_sim *sim, const struct sg_sim_conn *conn)
{
    uint64_t delay = (uint64_t)conn->delay * SG_SIM_DELAY_UNIT_NS;
    for (unsigned end = 0; end < 2 && sim->now < sim->bad_horizon; end++) {
        const struct sg_sim_faults *faults = &sim->nodes[conn->node[end]].faults;
        delay += sim->now < faults->slow_until ? faults->slow_ns : 0;
    }
    if (sim->config.jitter_percent > 0)
        delay = sg_prng_jitter(&sim->prng, delay, sim->config.jitter_percent);
    return delay > 0 ? delay : 1;
}

/* When something sent now leaves: a mute sender's buffers wait for it. */
static sg_time_ns departure(const struct sg_sim *sim, const struct sg_sim_conn *conn, unsigned end)
{
    uint32_t from = conn->node[1 - end];
    return sg_sim_is_mute(sim, from) ? sim->nodes[from].faults.mute_until : sim->now;
}

/* One way over the link, with jitter and what losses cost. */
static sg_time_ns one_way(struct sg_sim *sim, const struct sg_sim_conn *conn, unsigned end)
{
    sg_time_ns healed = sg_sim_cut_until(sim, conn->node[0], conn->node[1]);
    sg_time_ns at = departure(sim, conn, end);
    if (at < healed)
        at = healed;
    while (is_lost(sim, conn, end))
        at += 2 * sg_sim_rtt(conn);
    at += draw_delay(sim, conn);
    if (draw(sim, sim->reorder))
        at += sg_prng_below(&sim->prng, sg_sim_rtt(conn));
    return at;
}

sg_time_ns sg_sim_transit(struct sg_sim *sim, struct sg_sim_conn *conn, unsigned end, unsigned lane)
{
    sg_time_ns at = one_way(sim, conn, end);
    if (sim->config.reorder_within)
        return at;
    sg_time_ns *latest = sg_sim_latest(sim, conn, end, lane);
    if (at < *latest)
        at = *latest;
    *latest = at;
    return at;
}

/* ---- frames ---- */

/* Whether nothing has come over a link to an end for so long: its peer is dead, cut off, or one of
 * both stands still. */
static bool is_silent(const struct sg_sim *sim, const struct sg_sim_conn *conn, unsigned end,
                      uint64_t since)
{
    if (conn->state[1 - end] == SG_SIM_END_DEAD || sg_sim_is_cut(sim, conn))
        return true;
    for (unsigned i = 0; i < 2 && sim->now < sim->mute_horizon; i++) {
        const struct sg_sim_faults *faults = &sim->nodes[conn->node[i]].faults;
        if (sg_sim_is_mute(sim, conn->node[i]) && sim->now >= faults->mute_since + since)
            return true;
    }
    return false;
}

/* Something was sent on a link whose other end cannot answer: it is found out in a while. */
static void watch(struct sg_sim *sim, uint32_t at, unsigned sender)
{
    struct sg_sim_conn *conn = &sim->conns[at];
    bool is_dead = is_silent(sim, conn, sender, 0);
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
    sg_sim_conn_event(sim, sim->now,
                      (struct sg_sim_event){.kind = SG_SIM_EV_PUSH_DROPPED,
                                            .index = conn,
                                            .end = (uint8_t)end,
                                            .lane = sg_scope_is_base(&out->topic), /* a ROOT */
                                            .buf = id});
}

static void send_copy(struct sg_sim *sim, sg_time_ns at, const struct sg_sim_event *frame)
{
    struct sg_sim_conn *conn = &sim->conns[frame->index];
    if (frame->is_push)
        conn->pushes[frame->end] += frame->buf->len;
    (void)sg_buf_ref(frame->buf);
    sg_sim_conn_event(sim, at, *frame);
}

/* No stream: lost for good, twice, or out of order. */
static void send_datagram(struct sg_sim *sim, uint32_t at, unsigned end, struct sg_buf *buf)
{
    struct sg_sim_conn *conn = &sim->conns[at];
    const struct sg_sim_event frame = {.kind = SG_SIM_EV_FRAME,
                                       .index = at,
                                       .end = (uint8_t)end,
                                       .lane = SG_LANE_DATAGRAM,
                                       .buf = buf};
    unsigned copies = draw(sim, sim->duplicate) ? 2 : 1;
    watch(sim, at, 1 - end);
    for (unsigned i = 0; i < copies; i++) {
        sg_time_ns arrival = departure(sim, conn, end) + draw_delay(sim, conn);
        if (draw(sim, sim->reorder))
            arrival += sg_prng_below(&sim->prng, sg_sim_rtt(conn));
        if (!is_lost(sim, conn, end) && !sg_sim_is_cut(sim, conn))
            send_copy(sim, arrival, &frame);
    }
}

void sg_sim_net_send(struct sg_sim *sim, uint32_t at, const struct sg_core_out *out)
{
    struct sg_sim_node *node = &sim->nodes[at];
    const struct sg_sim_link *link = sg_sim_link_find(node, &out->peer);
    if (link == NULL || out->lane > SG_LANE_DATAGRAM)
        sg_sim_broken(sim, at, "a frame is sent where there is no link or lane");
    struct sg_sim_conn *conn = &sim->conns[link->conn];
    unsigned end = conn->node[0] == at ? 1 : 0;
    if (conn->state[1 - end] != SG_SIM_END_UP)
        sg_sim_broken(sim, at, "a frame is sent over a link that is not up");
    sim->extra->frames++;
    if (sim->nodes[at].role != SG_SIM_HONEST &&
        sg_sim_adversary_sees(sim, at, link->peer, out->lane, sg_buf_bytes(out->buf)))
        return;
    if (out->lane == SG_LANE_DATAGRAM) {
        sg_sim_ledger_bytes(sim, out);
        send_datagram(sim, link->conn, end, out->buf);
        return;
    }
    bool is_push = out->droppable && out->lane != SG_LANE_BULK;
    if (is_push && conn->pushes[end] + out->buf->len > sim->extra->lane_budget) {
        drop_push(sim, link->conn, 1 - end, out);
        return;
    }
    sg_sim_ledger_bytes(sim, out);
    struct sg_sim_event frame = {.kind = SG_SIM_EV_FRAME,
                                 .index = link->conn,
                                 .end = (uint8_t)end,
                                 .lane = (uint8_t)out->lane,
                                 .is_push = is_push,
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

bool sg_sim_net_inject(struct sg_sim *sim, uint32_t at, uint32_t peer, enum sg_lane lane,
                       struct sg_bytes frame)
{
    const struct sg_sim_link *link = sg_sim_link_find(&sim->nodes[at], &sim->nodes[peer].id);
    if (link == NULL)
        return false;
    uint32_t index = link->conn;
    struct sg_sim_conn *conn = &sim->conns[index];
    unsigned end = conn->node[0] == at ? 1 : 0;
    if (conn->state[1 - end] != SG_SIM_END_UP)
        return false;
    struct sg_buf *buf = sg_buf_copy(sim->mem, frame);
    if (buf == NULL) {
        sim->err = SG_ERR_NO_MEMORY;
        return false;
    }
    if (lane == SG_LANE_DATAGRAM) {
        send_datagram(sim, index, end, buf);
    } else {
        const struct sg_sim_event event = {.kind = SG_SIM_EV_FRAME,
                                           .index = index,
                                           .end = (uint8_t)end,
                                           .lane = (uint8_t)lane,
                                           .buf = buf};
        sg_time_ns arrival = sg_sim_transit(sim, conn, end, lane);
        send_copy(sim, arrival, &event);
    }
    sg_buf_unref(buf);
    return true;
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
    if (sim->nodes[conn->node[event->end]].role != SG_SIM_HONEST)
        (void)sg_sim_adversary_sees(sim, conn->node[event->end], SG_SIM_NONE,
                                    (enum sg_lane)event->lane, sg_buf_bytes(event->buf));
    in.kind = SG_CORE_IN_FRAME;
    in.peer = sim->nodes[conn->node[1 - event->end]].id;
    in.lane = (enum sg_lane)event->lane;
    in.bytes = sg_buf_bytes(event->buf);
    in.buf = event->buf;
    if (sg_sim_feed(sim, conn->node[event->end], &in) != SG_OK)
        sg_sim_broken(sim, conn->node[event->end], "a frame made the core fail");
}

void sg_sim_net_push_dropped(struct sg_sim *sim, const struct sg_sim_event *event)
{
    struct sg_sim_conn *conn = &sim->conns[event->index];
    struct sg_core_in in = {.kind = SG_CORE_IN_PUSH_DROPPED,
                            .peer = sim->nodes[conn->node[1 - event->end]].id};
    if (event->lane == 0)
        in.topic = sim->topic;
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
    uint64_t since = is_stall ? sim->extra->stall_timeout_ns : sim->extra->idle_timeout_ns;
    if (is_silent(sim, conn, event->end, since) && conn->state[event->end] == SG_SIM_END_UP)
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
