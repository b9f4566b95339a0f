/* The HyParView lab. Every node is one machine; what it sends arrives after one delay, which is the
 * same for all, so every link keeps order. A crashed node answers nothing; whoever sends to it or
 * dials it is told after broken_ns, as TCP or a handshake would. */
#include "lab_hpv.h"

#include <assert.h>

#define TABLE_BATCH 16

enum {
    EV_MAIL = SG_LAB_EV_FIRST, /* a message arrives */
    EV_BROKEN,                 /* what was sent has failed */
    EV_FLOOD,                  /* the flooded message arrives */
    EV_VERDICT,                /* the failure detector speaks */
    EV_TABLE                   /* index: node. Its member table names some */
};

struct mail {
    uint32_t from, to;
    uint32_t flood;
    uint16_t hop;
    struct sg_hpv_msg msg;
};

struct sg_lab_hpv_config sg_lab_hpv_paper(const struct sg_mem *mem)
{
    struct sg_lab_hpv_config c = {
        .mem = mem,
        .seed = 1,
        .nodes = 10000,
        .hpv = sg_hpv_config_default(mem),
        .delay_ns = SG_NS_PER_MS,
        .broken_ns = 2 * SG_NS_PER_MS,
        .join_ns = 20 * SG_NS_PER_MS,
    };
    c.hpv.active_target = c.hpv.active_max = 5;
    c.hpv.passive_max = 30;
    c.hpv.rotate_interval_ns = 0;
    c.hpv.contact_slots = c.hpv.chosen_min = 0;
    /* the paper tries one candidate after the other; refusals still slow down */
    c.hpv.repair_backoff_ns = SG_NS_PER_MS;
    return c;
}

struct sg_lab_hpv_config sg_lab_hpv_ours(const struct sg_mem *mem)
{
    return (struct sg_lab_hpv_config){
        .mem = mem,
        .seed = 1,
        .nodes = 1000,
        .hpv = sg_hpv_config_default(mem),
        .delay_ns = 10 * SG_NS_PER_MS,
        .broken_ns = 5 * SG_NS_PER_S,
        .join_ns = 20 * SG_NS_PER_MS,
        .table = 256,
        .verdicts = true,
    };
}

/* ---- construction ---- */

static sg_err init_nodes(struct sg_lab_hpv *lab)
{
    const struct sg_lab_hpv_config *c = &lab->config;
    lab->node = sg_mem_new(c->mem, c->nodes, sizeof(*lab->node));
    if (lab->node == NULL)
        return SG_ERR_NO_MEMORY;
    return sg_lab_net_init(&lab->net, c->mem, c->nodes, sizeof(struct mail));
}

sg_err sg_lab_hpv_new(struct sg_lab_hpv **out, const struct sg_lab_hpv_config *config)
{
    struct sg_lab_hpv *lab = sg_mem_new(config->mem, 1, sizeof(*lab));
    *out = lab;
    if (lab == NULL)
        return SG_ERR_NO_MEMORY;
    lab->config = *config;
    sg_prng_init(&lab->prng, config->seed);
    return init_nodes(lab);
}

void sg_lab_hpv_free(struct sg_lab_hpv *lab)
{
    if (lab == NULL)
        return;
    const struct sg_mem *mem = lab->config.mem;
    for (uint32_t i = 0; i < lab->started; i++)
        sg_hpv_fini(&lab->node[i].m);
    sg_lab_net_fini(&lab->net);
    sg_mem_free(mem, lab->node);
    sg_mem_free(mem, lab);
}

/* ---- one node ---- */

static bool is_up(const struct sg_lab_hpv *lab, uint32_t node)
{
    return node < lab->started && lab->node[node].is_up;
}

/* Puts mail on its way; who sends to the dead is told so. */
static void post(struct sg_lab_hpv *lab, uint8_t kind, const struct mail *mail)
{
    uint32_t slot = sg_lab_net_slot(&lab->net);
    if (slot == SG_LAB_NONE)
        return;
    *(struct mail *)sg_lab_net_at(&lab->net, slot) = *mail;
    if (is_up(lab, mail->to))
        sg_lab_net_post(&lab->net, lab->config.delay_ns, kind, slot);
    else
        sg_lab_net_post(&lab->net, lab->config.broken_ns, EV_BROKEN, slot);
}

static void post_flood(struct sg_lab_hpv *lab, uint32_t from, const struct sg_peer_id *to)
{
    struct mail mail = {.from = from,
                        .to = sg_lab_index(to),
                        .flood = lab->flood,
                        .hop = (uint16_t)(lab->node[from].hop + 1)};
    post(lab, EV_FLOOD, &mail);
}

static void carry_out(struct sg_lab_hpv *lab, uint32_t from, const struct sg_hpv_out *o)
{
    struct sg_lab_hpv_node *node = &lab->node[from];
    switch (o->kind) {
    case SG_HPV_OUT_SEND: {
        struct mail mail = {.from = from, .to = sg_lab_index(&o->peer), .msg = o->msg};
        lab->sent++;
        post(lab, EV_MAIL, &mail);
        break;
    }
    case SG_HPV_OUT_NEIGHBOR_UP:
        if (lab->rider != NULL)
            lab->rider->neighbor(lab->rider->user, from, &o->peer, true);
        if (lab->resend && node->flood == lab->flood)
            post_flood(lab, from, &o->peer);
        break;
    case SG_HPV_OUT_NEIGHBOR_DOWN:
        if (lab->rider != NULL)
            lab->rider->neighbor(lab->rider->user, from, &o->peer, false);
        break;
    case SG_HPV_OUT_ISOLATED:
        node->isolated++;
        if (lab->config.table > 0)
            sg_lab_net_post(&lab->net, 0, EV_TABLE, from);
        break;
    }
}

static sg_time_ns deadline(const struct sg_lab_hpv *lab, uint32_t node)
{
    sg_time_ns at = sg_hpv_deadline(&lab->node[node].m);
    if (lab->rider == NULL)
        return at;
    return sg_time_min(at, lab->rider->deadline(lab->rider->user, node));
}

static void feed(struct sg_lab_hpv *lab, uint32_t at, const struct sg_hpv_in *in)
{
    struct sg_hpv_outbox out;
    struct sg_hpv *m = &lab->node[at].m;
    sg_err err = sg_hpv_input(m, lab->net.now, in, &out);
    assert(err == SG_OK); /* correct nodes among themselves */
    (void)err;
    for (size_t i = 0; i < out.count; i++)
        carry_out(lab, at, &out.out[i]);
    sg_lab_net_wake(&lab->net, at, deadline(lab, at));
}

void sg_lab_hpv_broken(struct sg_lab_hpv *lab, uint32_t from, uint32_t to)
{
    const struct mail mail = {.from = from, .to = to};
    post(lab, EV_BROKEN, &mail);
}

void sg_lab_hpv_rewake(struct sg_lab_hpv *lab, uint32_t node)
{
    sg_lab_net_wake(&lab->net, node, deadline(lab, node));
}

/* ---- events ---- */

static void flood_on(struct sg_lab_hpv *lab, uint32_t at, uint32_t from)
{
    const struct sg_hpv *m = &lab->node[at].m;
    for (uint16_t i = 0; i < m->active_count; i++)
        if (sg_lab_index(&m->active[i].id) != from)
            post_flood(lab, at, &m->active[i].id);
}

static void reach(struct sg_lab_hpv *lab, uint32_t at, uint32_t from, uint16_t hop)
{
    struct sg_lab_hpv_node *node = &lab->node[at];
    if (node->flood == lab->flood)
        return;
    node->flood = lab->flood;
    node->hop = hop;
    lab->reached++;
    if (hop > lab->last_hop)
        lab->last_hop = hop;
    flood_on(lab, at, from);
}

/* Only who still waits for the peer, or believes in the link, learns anything. */
static void on_broken(struct sg_lab_hpv *lab, const struct mail *mail)
{
    struct sg_peer_id peer = sg_lab_id(lab->config.seed, mail->to);
    const struct sg_hpv *m = &lab->node[mail->from].m;
    struct sg_hpv_in in = {.kind = SG_HPV_IN_FAILED, .peer = peer};
    if (is_up(lab, mail->from) && (sg_hpv_is_active(m, &peer) || sg_hpv_is_pending(m, &peer)))
        feed(lab, mail->from, &in);
}

static void on_mail(struct sg_lab_hpv *lab, uint8_t kind, uint32_t slot)
{
    struct mail mail = *(const struct mail *)sg_lab_net_at(&lab->net, slot);
    struct sg_hpv_in in = {.kind = SG_HPV_IN_MESSAGE};
    sg_lab_net_drop(&lab->net, slot);
    if (kind == EV_BROKEN) {
        on_broken(lab, &mail);
        return;
    }
    if (!is_up(lab, mail.to))
        return; /* crashed meanwhile */
    in.peer = sg_lab_id(lab->config.seed, mail.from);
    in.msg = &mail.msg;
    if (kind == EV_FLOOD && mail.flood == lab->flood)
        reach(lab, mail.to, mail.from, mail.hop);
    if (kind == EV_FLOOD)
        return;
    if (kind == EV_VERDICT)
        in.kind = SG_HPV_IN_DEAD;
    feed(lab, mail.to, &in);
}

/* The member that a node remembers at this place: decided by the seed, dead or alive. */
static struct sg_peer_id remembered(const struct sg_lab_hpv *lab, uint32_t node, uint32_t at)
{
    uint64_t place = (uint64_t)node << 32 | at % lab->config.table;
    uint64_t other = sg_lab_mix(lab->config.seed, place) % (lab->config.nodes - 1);
    uint32_t index = (uint32_t)(other < node ? other : other + 1);
    return sg_lab_id(lab->config.seed, index);
}

static void on_table(struct sg_lab_hpv *lab, uint32_t node)
{
    struct sg_peer_id peers[TABLE_BATCH];
    uint32_t first = lab->node[node].batch++ * TABLE_BATCH;
    for (uint32_t i = 0; i < TABLE_BATCH; i++)
        peers[i] = remembered(lab, node, first + i);
    struct sg_hpv_in in = {.kind = SG_HPV_IN_CANDIDATES, .peers = peers, .count = TABLE_BATCH};
    feed(lab, node, &in);
}

static void on_timer(struct sg_lab_hpv *lab, uint32_t node)
{
    const struct sg_hpv_in in = {.kind = SG_HPV_IN_TIMEOUT};
    if (!sg_lab_net_woken(&lab->net, node) || !is_up(lab, node))
        return;
    if (lab->rider != NULL)
        lab->rider->timer(lab->rider->user, node);
    if (sg_hpv_deadline(&lab->node[node].m) <= lab->net.now)
        feed(lab, node, &in);
    else
        sg_lab_hpv_rewake(lab, node);
}

void sg_lab_hpv_run(struct sg_lab_hpv *lab, uint64_t for_ns)
{
    struct sg_sim_event event;
    sg_lab_net_post(&lab->net, for_ns, SG_LAB_EV_STOP, 0);
    while (sg_lab_net_next(&lab->net, &event)) {
        if (event.kind == SG_LAB_EV_TIMER)
            on_timer(lab, event.index);
        else if (event.kind >= SG_LAB_HPV_EV_RIDER)
            lab->rider->event(lab->rider->user, &event);
        else if (event.kind == EV_TABLE && is_up(lab, event.index))
            on_table(lab, event.index);
        else if (event.kind != EV_TABLE)
            on_mail(lab, event.kind, event.index);
    }
}

/* ---- what happens ---- */

static sg_err start(struct sg_lab_hpv *lab)
{
    uint32_t at = lab->started;
    struct sg_lab_hpv_node *node = &lab->node[at];
    struct sg_peer_id self = sg_lab_id(lab->config.seed, at);
    uint64_t seed = sg_lab_mix(lab->config.seed, UINT64_C(1) << 32 | at);
    SG_TRY(sg_hpv_init(&node->m, &lab->config.hpv, &self, lab->net.now, seed));
    lab->started++;
    lab->up++;
    node->is_up = true;
    return SG_OK;
}

void sg_lab_hpv_join(struct sg_lab_hpv *lab)
{
    const struct sg_hpv_in in = {.kind = SG_HPV_IN_JOIN, .peer = sg_lab_id(lab->config.seed, 0)};
    while (lab->started < lab->config.nodes && lab->net.err == SG_OK) {
        lab->net.err = start(lab);
        if (lab->net.err == SG_OK && lab->started > 1)
            feed(lab, lab->started - 1, &in);
        sg_lab_hpv_run(lab, lab->config.join_ns);
    }
}

void sg_lab_hpv_kill(struct sg_lab_hpv *lab, unsigned permille)
{
    uint32_t count = lab->started;
    uint32_t victims = (uint32_t)((uint64_t)count * permille / 1000);
    uint32_t *order = sg_mem_new(lab->config.mem, count, sizeof(*order));
    if (order == NULL) {
        lab->net.err = SG_ERR_NO_MEMORY;
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        order[i] = i;
    sg_lab_sample(&lab->prng, order, count, victims);
    for (uint32_t i = 0; i < victims; i++) {
        lab->up -= lab->node[order[i]].is_up;
        lab->node[order[i]].is_up = false;
    }
    sg_mem_free(lab->config.mem, order);
}

static void notice_one(struct sg_lab_hpv *lab, uint32_t node, uint64_t min_ns, uint64_t max_ns)
{
    const struct sg_hpv *m = &lab->node[node].m;
    for (uint16_t i = 0; i < m->active_count; i++) {
        uint32_t peer = sg_lab_index(&m->active[i].id);
        struct mail verdict = {.from = peer, .to = node};
        struct mail reset = {.from = node, .to = peer};
        if (is_up(lab, peer))
            continue;
        uint64_t after = min_ns + sg_prng_below(&lab->prng, max_ns - min_ns + 1);
        uint32_t slot = sg_lab_net_slot(&lab->net);
        if (slot == SG_LAB_NONE)
            return;
        *(struct mail *)sg_lab_net_at(&lab->net, slot) = lab->config.verdicts ? verdict : reset;
        sg_lab_net_post(&lab->net, after, lab->config.verdicts ? EV_VERDICT : EV_BROKEN, slot);
    }
}

void sg_lab_hpv_notice(struct sg_lab_hpv *lab, uint64_t min_ns, uint64_t max_ns)
{
    for (uint32_t i = 0; i < lab->started; i++)
        if (lab->node[i].is_up)
            notice_one(lab, i, min_ns, max_ns);
}

uint32_t sg_lab_hpv_survivor(struct sg_lab_hpv *lab)
{
    for (;;) {
        uint64_t at = sg_prng_below(&lab->prng, lab->started);
        if (lab->node[at].is_up)
            return (uint32_t)at;
    }
}

double sg_lab_hpv_flood(struct sg_lab_hpv *lab, bool resend, uint64_t for_ns)
{
    if (lab->up == 0)
        return 0;
    uint32_t from = sg_lab_hpv_survivor(lab);
    lab->flood++;
    lab->resend = resend;
    lab->reached = 0;
    lab->last_hop = 0;
    reach(lab, from, from, 0);
    sg_lab_hpv_run(lab, for_ns);
    lab->resend = false;
    return (double)lab->reached / lab->up;
}
