#include "lab_plumtree.h"

#include <assert.h>
#include <string.h>

enum { EV_FRAME = SG_LAB_HPV_EV_RIDER };

/* One frame under way; IHAVEs with more than one id have them apart. */
struct frame {
    uint32_t from, to;
    enum sg_pt_out_kind kind;
    bool has_id;
    uint8_t hop;
    uint32_t count;
    struct sg_msg_id id;
    struct sg_pt_have *have; /* owned; NULL: one id */
};

struct node {
    struct sg_pt *pt; /* NULL = crashed, or not yet there */
};

struct sg_lab_pt {
    struct sg_lab_pt_config config;
    struct sg_lab_hpv *views;
    struct sg_lab_hpv_rider rider;
    struct node *node;       /* [nodes] */
    struct sg_lab_net slots; /* of frames: only its slots are used */
    struct sg_prng prng;
    uint32_t number; /* of the last message */
    struct sg_msg_id id;
    sg_time_ns sent_at;
    struct sg_lab_pt_broadcast now;
};

struct sg_lab_pt_config sg_lab_pt_paper(const struct sg_mem *mem)
{
    struct sg_lab_pt_config c = {.hpv = sg_lab_hpv_paper(mem), .pt = sg_pt_config_default(mem)};
    c.cycle_ns = c.hpv.hpv.shuffle_interval_ns;
    c.pt.peers_max = c.hpv.hpv.active_max;
    c.pt.ihave_queue_max = 1;
    c.pt.ihave_on_up = 1;
    c.pt.optimise_threshold = 0;
    c.pt.seen_max = c.pt.cache_max = c.pt.missing_max = 16;
    return c;
}

struct sg_lab_pt_config sg_lab_pt_ours(const struct sg_mem *mem)
{
    struct sg_lab_pt_config c = {.hpv = sg_lab_hpv_ours(mem), .pt = sg_pt_config_default(mem)};
    c.hpv.delay_ns = 50 * SG_NS_PER_MS;
    c.cycle_ns = 5 * SG_NS_PER_S;
    c.pt.seen_max = c.pt.cache_max = c.pt.missing_max = 64;
    return c;
}

static bool is_up(const struct sg_lab_pt *lab, uint32_t node)
{
    return lab->node[node].pt != NULL && lab->views->node[node].is_up;
}

/* ---- frames ---- */

static void count_arrival(struct sg_lab_pt *lab, const struct frame *f)
{
    lab->now.payloads += f->kind == SG_PT_OUT_GOSSIP;
    lab->now.ihaves += f->kind == SG_PT_OUT_IHAVE;
    lab->now.grafts += f->kind == SG_PT_OUT_GRAFT;
    lab->now.prunes += f->kind == SG_PT_OUT_PRUNE;
}

static bool copy_ids(struct sg_lab_pt *lab, struct frame *f, const struct sg_pt_out *o)
{
    f->count = (uint32_t)o->count;
    f->id = o->have[0].id;
    f->hop = o->have[0].hop;
    if (o->count == 1)
        return true;
    f->have = sg_mem_new(lab->config.hpv.mem, o->count, sizeof(*f->have));
    if (f->have == NULL)
        return false;
    memcpy(f->have, o->have, o->count * sizeof(*f->have));
    return true;
}

static void send(struct sg_lab_pt *lab, uint32_t from, const struct sg_pt_out *o)
{
    struct frame f = {.from = from,
                      .to = sg_lab_index(&o->peer),
                      .kind = o->kind,
                      .has_id = o->has_id,
                      .hop = o->hop,
                      .id = o->id};
    if (!is_up(lab, f.to)) {
        sg_lab_hpv_broken(lab->views, from, f.to);
        return;
    }
    uint32_t slot = sg_lab_net_slot(&lab->slots);
    if (slot == SG_LAB_NONE || (o->kind == SG_PT_OUT_IHAVE && !copy_ids(lab, &f, o))) {
        lab->views->net.err = SG_ERR_NO_MEMORY;
        return;
    }
    *(struct frame *)sg_lab_net_at(&lab->slots, slot) = f;
    sg_lab_net_post(&lab->views->net, lab->config.hpv.delay_ns, EV_FRAME, slot);
}

static sg_err feed(struct sg_lab_pt *lab, uint32_t at, const struct sg_pt_in *in)
{
    struct sg_pt_outbox out;
    sg_err err = sg_pt_input(lab->node[at].pt, lab->views->net.now, in, &out);
    if (err != SG_OK)
        return err;
    for (size_t i = 0; i < out.count; i++) {
        if (out.out[i].kind != SG_PT_OUT_FORGET && out.out[i].kind != SG_PT_OUT_PUT_AWAY)
            send(lab, at, &out.out[i]);
    }
    return SG_OK;
}

static void on_gossip(struct sg_lab_pt *lab, const struct frame *f, struct sg_pt_in *in)
{
    bool is_new = sg_pt_known(lab->node[f->to].pt, &f->id) == SG_PT_UNKNOWN;
    in->kind = is_new ? SG_PT_IN_GOSSIP : SG_PT_IN_DUPLICATE;
    in->id = f->id;
    in->hop = f->hop;
    if (!is_new || !sg_msg_id_equal(&f->id, &lab->id))
        return;
    lab->now.reached++;
    lab->now.last_ns = lab->views->net.now - lab->sent_at;
    if (f->hop > lab->now.last_hop)
        lab->now.last_hop = f->hop;
}

static void arrive(struct sg_lab_pt *lab, const struct frame *f)
{
    struct sg_pt_have one = {.id = f->id, .hop = f->hop};
    struct sg_pt_in in = {.peer = sg_lab_id(lab->config.hpv.seed, f->from)};
    count_arrival(lab, f);
    switch (f->kind) {
    case SG_PT_OUT_GOSSIP:
        on_gossip(lab, f, &in);
        break;
    case SG_PT_OUT_IHAVE:
        in.kind = SG_PT_IN_IHAVE;
        in.have = f->have == NULL ? &one : f->have;
        in.count = f->count;
        break;
    case SG_PT_OUT_GRAFT:
        in.kind = SG_PT_IN_GRAFT;
        in.has_id = f->has_id;
        in.id = f->id;
        break;
    case SG_PT_OUT_PRUNE:
        in.kind = SG_PT_IN_PRUNE;
        break;
    case SG_PT_OUT_DONTHAVE:
        in.kind = SG_PT_IN_DONTHAVE;
        in.id = f->id;
        break;
    case SG_PT_OUT_DONTWANT:
        in.kind = SG_PT_IN_DONTWANT;
        in.id = f->id;
        break;
    case SG_PT_OUT_FORGET:
    case SG_PT_OUT_PUT_AWAY:
        return;
    }
    sg_err err = feed(lab, f->to, &in);
    if (err == SG_ERR_PROTOCOL && in.kind == SG_PT_IN_GOSSIP) {
        in.kind = SG_PT_IN_BROADCAST; /* of no neighbour any more: as the node does */
        err = feed(lab, f->to, &in);
    }
    assert(err == SG_OK || err == SG_ERR_PROTOCOL); /* crossed with a DISCONNECT */
    sg_lab_hpv_rewake(lab->views, f->to);
}

/* ---- what the views say ---- */

static void on_event(void *user, const struct sg_sim_event *event)
{
    struct sg_lab_pt *lab = user;
    struct frame *slot = sg_lab_net_at(&lab->slots, event->index);
    struct frame f = *slot;
    slot->have = NULL;
    sg_lab_net_drop(&lab->slots, event->index);
    if (is_up(lab, f.to))
        arrive(lab, &f);
    sg_mem_free(lab->config.hpv.mem, f.have);
}

static void on_neighbor(void *user, uint32_t node, const struct sg_peer_id *peer, bool is_new)
{
    struct sg_lab_pt *lab = user;
    struct sg_pt_in in = {.kind = is_new ? SG_PT_IN_NEIGHBOR_UP : SG_PT_IN_NEIGHBOR_DOWN,
                          .peer = *peer,
                          .srtt_ns = 2 * lab->config.hpv.delay_ns,
                          .rttvar_ns = lab->config.hpv.delay_ns / 10};
    sg_err err = feed(lab, node, &in);
    assert(err == SG_OK);
    in.kind = SG_PT_IN_RTT;
    if (is_new)
        err = feed(lab, node, &in);
    assert(err == SG_OK);
    (void)err;
}

static void on_timer(void *user, uint32_t node)
{
    struct sg_lab_pt *lab = user;
    const struct sg_pt_in in = {.kind = SG_PT_IN_TIMEOUT};
    if (sg_pt_deadline(lab->node[node].pt) > lab->views->net.now)
        return;
    sg_err err = feed(lab, node, &in);
    assert(err == SG_OK);
    (void)err;
}

static sg_time_ns deadline(void *user, uint32_t node)
{
    const struct sg_lab_pt *lab = user;
    return sg_pt_deadline(lab->node[node].pt);
}

/* ---- the lab ---- */

static sg_err make_nodes(struct sg_lab_pt *lab)
{
    const struct sg_lab_pt_config *c = &lab->config;
    lab->node = sg_mem_new(c->hpv.mem, c->hpv.nodes, sizeof(*lab->node));
    if (lab->node == NULL)
        return SG_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < c->hpv.nodes; i++)
        SG_TRY(sg_pt_new(&lab->node[i].pt, &c->pt, 0, sg_lab_mix(c->hpv.seed, i)));
    return SG_OK;
}

sg_err sg_lab_pt_new(struct sg_lab_pt **out, const struct sg_lab_pt_config *config)
{
    const struct sg_mem *mem = config->hpv.mem;
    struct sg_lab_pt *lab = sg_mem_new(mem, 1, sizeof(*lab));
    *out = lab;
    if (lab == NULL)
        return SG_ERR_NO_MEMORY;
    lab->config = *config;
    lab->config.pt.mem = mem;
    lab->rider = (struct sg_lab_hpv_rider){lab, on_neighbor, on_event, on_timer, deadline};
    sg_prng_init(&lab->prng, sg_lab_mix(config->hpv.seed, UINT64_C(1) << 40));
    SG_TRY(sg_lab_hpv_new(&lab->views, &config->hpv));
    SG_TRY(sg_lab_net_init(&lab->slots, mem, 1, sizeof(struct frame)));
    SG_TRY(make_nodes(lab));
    lab->views->rider = &lab->rider;
    sg_lab_hpv_join(lab->views);
    return lab->views->net.err;
}

void sg_lab_pt_free(struct sg_lab_pt *lab)
{
    if (lab == NULL)
        return;
    const struct sg_mem *mem = lab->config.hpv.mem;
    for (uint32_t i = 0; i < lab->slots.slot_count; i++)
        sg_mem_free(mem, ((struct frame *)sg_lab_net_at(&lab->slots, i))->have);
    for (uint32_t i = 0; lab->node != NULL && i < lab->config.hpv.nodes; i++)
        sg_pt_free(lab->node[i].pt);
    sg_mem_free(mem, lab->node);
    sg_lab_net_fini(&lab->slots);
    sg_lab_hpv_free(lab->views);
    sg_mem_free(mem, lab);
}

struct sg_lab_hpv *sg_lab_pt_views(struct sg_lab_pt *lab)
{
    return lab->views;
}

void sg_lab_pt_kill(struct sg_lab_pt *lab, uint32_t count)
{
    for (uint32_t i = 0; i < count && lab->views->up > 1; i++) {
        uint32_t victim = sg_lab_hpv_survivor(lab->views);
        lab->views->node[victim].is_up = false;
        lab->views->up--;
    }
}

static struct sg_msg_id next_id(struct sg_lab_pt *lab)
{
    struct sg_msg_id id;
    for (size_t i = 0; i < SG_ID_LEN; i++)
        id.b[i] = (uint8_t)sg_prng_next(&lab->prng);
    lab->number++;
    return id;
}

struct sg_lab_pt_broadcast sg_lab_pt_cycle(struct sg_lab_pt *lab, uint32_t sender)
{
    uint32_t from = sender == SG_LAB_NONE ? sg_lab_hpv_survivor(lab->views) : sender;
    lab->now = (struct sg_lab_pt_broadcast){.reached = 1};
    lab->id = next_id(lab);
    lab->sent_at = lab->views->net.now;
    const struct sg_pt_in in = {.kind = SG_PT_IN_BROADCAST, .id = lab->id};
    sg_err err = feed(lab, from, &in);
    assert(err == SG_OK);
    (void)err;
    sg_lab_hpv_rewake(lab->views, from);
    sg_lab_hpv_run(lab->views, lab->config.cycle_ns);
    lab->now.up = lab->views->up;
    return lab->now;
}

struct sg_lab_pt_moves sg_lab_pt_moves(const struct sg_lab_pt *lab)
{
    struct sg_lab_pt_moves sum = {0};
    for (uint32_t i = 0; i < lab->config.hpv.nodes; i++) {
        const struct sg_pt_stats *stats = sg_pt_stats(lab->node[i].pt);
        sum.grafts += stats->grafts_sent;
        sum.early += stats->grafts_early;
        sum.exchanged += stats->optimisations;
        sum.recovered += stats->missing_recovered;
        sum.rescues += stats->rescues;
    }
    return sum;
}

void sg_lab_pt_check(const struct sg_lab_pt *lab)
{
    for (uint32_t i = 0; i < lab->config.hpv.nodes; i++) {
        size_t eager = 0;
        size_t lazy = 0;
        sg_pt_check(lab->node[i].pt);
        sg_pt_degrees(lab->node[i].pt, &eager, &lazy);
        assert(eager + lazy == lab->views->node[i].m.active_count || !is_up(lab, i));
    }
}
