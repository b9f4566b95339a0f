/* The network of the eclipse laboratory. Each pair of names has a delay of its own, 5 to 50 ms, so
 * links keep order without any state. */
#include "lab_eclipse_net.h"

uint16_t sg_lab_draw(struct sg_lab *lab, uint64_t n)
{
    return (uint16_t)sg_prng_below(&lab->prng, n);
}

uint16_t sg_lab_draw_honest(struct sg_lab *lab)
{
    return sg_lab_draw(lab, lab->config.honest);
}

uint16_t sg_lab_draw_sybil(struct sg_lab *lab)
{
    uint16_t at = sg_lab_draw(lab, lab->config.sybils);
    return (uint16_t)(lab->config.honest + at);
}

/* ---- events ---- */

static bool is_before(const struct sg_lab_event *a, const struct sg_lab_event *b)
{
    return a->at < b->at || (a->at == b->at && a->sequence < b->sequence);
}

static bool grow(struct sg_lab *lab)
{
    size_t cap = lab->heap_cap == 0 ? 4096 : 2 * lab->heap_cap;
    struct sg_lab_event *heap = sg_mem_new(lab->config.mem, cap, sizeof(*heap));
    if (heap == NULL) {
        lab->err = SG_ERR_NO_MEMORY;
        return false;
    }
    if (lab->heap_count > 0)
        memcpy(heap, lab->heap, lab->heap_count * sizeof(*heap));
    sg_mem_free(lab->config.mem, lab->heap);
    lab->heap = heap;
    lab->heap_cap = cap;
    return true;
}

void sg_lab_push(struct sg_lab *lab, const struct sg_lab_event *event)
{
    struct sg_lab_event copy = *event;
    if (lab->heap_count == lab->heap_cap && !grow(lab))
        return;
    copy.sequence = lab->sequence++;
    size_t at = lab->heap_count++;
    for (; at > 0 && is_before(&copy, &lab->heap[(at - 1) / 2]); at = (at - 1) / 2)
        lab->heap[at] = lab->heap[(at - 1) / 2];
    lab->heap[at] = copy;
}

bool sg_lab_pop(struct sg_lab *lab, struct sg_lab_event *event)
{
    if (lab->heap_count == 0)
        return false;
    *event = lab->heap[0];
    struct sg_lab_event last = lab->heap[--lab->heap_count];
    size_t at = 0;
    for (size_t child = 1; child < lab->heap_count; child = 2 * at + 1) {
        if (child + 1 < lab->heap_count && is_before(&lab->heap[child + 1], &lab->heap[child]))
            child++;
        if (!is_before(&lab->heap[child], &last))
            break;
        lab->heap[at] = lab->heap[child];
        at = child;
    }
    lab->heap[at] = last;
    return true;
}

static uint64_t delay(uint16_t a, uint16_t b)
{
    uint64_t pair = a < b ? (uint64_t)a << 16 | b : (uint64_t)b << 16 | a;
    uint64_t mixed = (pair + 1) * UINT64_C(0x9e3779b97f4a7c15);
    return 5 * SG_NS_PER_MS + (mixed >> 40) % (45 * 1000) * 1000;
}

static bool is_there(const struct sg_lab *lab, uint16_t name)
{
    return sg_lab_is_honest(lab, name) ? lab->nodes[name].is_up : sg_lab_is_sybil(lab, name);
}

void sg_lab_fail(struct sg_lab *lab, uint16_t node, uint16_t peer, uint64_t within_ns)
{
    uint64_t after = sg_prng_below(&lab->prng, within_ns);
    struct sg_lab_event event = {
        .at = lab->now + after, .kind = SG_LAB_EV_FAILED, .from = peer, .to = node};
    sg_lab_push(lab, &event);
}

void sg_lab_send(struct sg_lab *lab, uint16_t from, uint16_t to, const struct sg_lab_msg *msg)
{
    struct sg_lab_event event = {.at = lab->now + delay(from, to),
                                 .kind = SG_LAB_EV_MESSAGE,
                                 .from = from,
                                 .to = to,
                                 .msg = *msg};
    if (is_there(lab, to))
        sg_lab_push(lab, &event);
    else if (sg_lab_is_honest(lab, from))
        sg_lab_fail(lab, from, to, SG_NS_PER_S);
}

/* ---- honest nodes ---- */

static void compress(const struct sg_hpv_msg *msg, struct sg_lab_msg *to)
{
    to->kind = (uint8_t)msg->kind;
    to->flag = msg->high_priority || msg->accepted || msg->leaving;
    to->ttl = msg->ttl;
    to->count = msg->count;
    for (uint8_t i = 0; i < msg->count; i++)
        to->id[i] = sg_lab_name(&msg->id[i]);
}

static void expand(const struct sg_lab *lab, const struct sg_lab_msg *msg, struct sg_hpv_msg *to)
{
    to->kind = (enum sg_hpv_kind)msg->kind;
    to->high_priority = to->kind == SG_HPV_NEIGHBOR && msg->flag;
    to->accepted = to->kind == SG_HPV_NEIGHBOR_REPLY && msg->flag;
    to->leaving = to->kind == SG_HPV_DISCONNECT && msg->flag;
    to->ttl = msg->ttl;
    to->count = msg->count;
    for (uint8_t i = 0; i < msg->count; i++)
        to->id[i] = lab->ids[msg->id[i]];
}

static void input(struct sg_lab *lab, uint16_t node, const struct sg_hpv_in *in);

/* The ladder of an isolated node: one of those it knows. */
static void join_again(struct sg_lab *lab, uint16_t at)
{
    const struct sg_lab_node *node = &lab->nodes[at];
    if (node->contact_count == 0)
        return;
    uint16_t contact = node->contacts[sg_lab_draw(lab, node->contact_count)];
    struct sg_hpv_in in = {.kind = SG_HPV_IN_JOIN, .peer = lab->ids[contact]};
    input(lab, at, &in);
}

static void count_change(struct sg_lab *lab, uint16_t node, const struct sg_hpv_out *out)
{
    uint16_t peer = sg_lab_name(&out->peer);
    bool is_down = out->kind == SG_HPV_OUT_NEIGHBOR_DOWN;
    if (is_down && sg_lab_is_honest(lab, peer))
        lab->nodes[node].honest_changes++;
    if (!is_down && peer == lab->config.honest)
        lab->nodes[node].flapper_changes++;
}

static void input(struct sg_lab *lab, uint16_t at, const struct sg_hpv_in *in)
{
    struct sg_lab_node *node = &lab->nodes[at];
    struct sg_lab_msg msg;
    bool is_isolated = false;
    lab->result.inputs++;
    if (sg_hpv_input(&node->hpv, lab->now, in, lab->outbox) != SG_OK)
        return; /* a forged frame that no correct peer sends */
    for (size_t i = 0; i < lab->outbox->count; i++) {
        const struct sg_hpv_out *out = &lab->outbox->out[i];
        switch (out->kind) {
        case SG_HPV_OUT_SEND:
            compress(&out->msg, &msg);
            sg_lab_send(lab, at, sg_lab_name(&out->peer), &msg);
            break;
        case SG_HPV_OUT_NEIGHBOR_UP:
        case SG_HPV_OUT_NEIGHBOR_DOWN:
            count_change(lab, at, out);
            break;
        case SG_HPV_OUT_ISOLATED:
            is_isolated = true;
            break;
        case SG_HPV_OUT_SPARSE: /* no table here to ask */
            break;
        }
    }
    if (is_isolated)
        join_again(lab, at);
    sg_time_ns deadline = sg_hpv_deadline(&node->hpv);
    if (deadline >= node->timer_at)
        return; /* the event under way comes early enough */
    node->timer_at = deadline > lab->now ? deadline : lab->now;
    struct sg_lab_event event = {.at = node->timer_at, .kind = SG_LAB_EV_TIMER, .to = at};
    sg_lab_push(lab, &event);
}

void sg_lab_deliver(struct sg_lab *lab, uint16_t from, uint16_t to, const struct sg_lab_msg *msg)
{
    struct sg_hpv_msg expanded;
    struct sg_hpv_in in = {.kind = SG_HPV_IN_MESSAGE, .peer = lab->ids[from], .msg = &expanded};
    if (!lab->nodes[to].is_up)
        return;
    expand(lab, msg, &expanded);
    input(lab, to, &in);
}

void sg_lab_timer(struct sg_lab *lab, uint16_t at)
{
    struct sg_lab_node *node = &lab->nodes[at];
    struct sg_hpv_in in = {.kind = SG_HPV_IN_TIMEOUT};
    if (!node->is_up || node->timer_at != lab->now)
        return; /* of an earlier life, or overtaken */
    node->timer_at = SG_TIME_NEVER;
    input(lab, at, &in);
}

/* Without places for contacts they are candidates, and the first one is joined. */
static void introduce(struct sg_lab *lab, uint16_t at)
{
    const struct sg_lab_node *node = &lab->nodes[at];
    bool has_slots = lab->config.hpv.contact_slots > 0;
    for (uint8_t i = 0; i < node->contact_count; i++) {
        struct sg_peer_id id = lab->ids[node->contacts[i]];
        struct sg_hpv_in in = {.kind = SG_HPV_IN_CONTACT, .peer = id, .on = true};
        if (!has_slots) {
            in.kind = i == 0 ? SG_HPV_IN_JOIN : SG_HPV_IN_CANDIDATES;
            in.peers = &id;
            in.count = 1;
        }
        input(lab, at, &in);
    }
}

/* Every place is an attacker's before the node can do anything. */
static void occupy(struct sg_lab *lab, uint16_t at)
{
    struct sg_lab_msg ask = {.kind = SG_HPV_NEIGHBOR, .flag = true};
    for (uint16_t i = 0; i < lab->config.hpv.active_max; i++) {
        uint16_t sybil = sg_lab_draw_sybil(lab);
        sg_lab_deliver(lab, sybil, at, &ask);
    }
}

void sg_lab_boot(struct sg_lab *lab, uint16_t at)
{
    struct sg_lab_node *node = &lab->nodes[at];
    uint64_t seed = sg_prng_next(&lab->prng);
    sg_hpv_fini(&node->hpv);
    sg_err err = sg_hpv_init(&node->hpv, &lab->config.hpv, &lab->ids[at], lab->now, seed);
    if (err != SG_OK) {
        lab->err = err;
        return;
    }
    node->is_up = true;
    node->up_since = lab->now;
    node->timer_at = SG_TIME_NEVER;
    if (lab->config.attack == SG_LAB_DAWN && lab->config.sybils > 0)
        occupy(lab, at);
    introduce(lab, at);
}

void sg_lab_fail_now(struct sg_lab *lab, uint16_t at, uint16_t peer)
{
    struct sg_hpv_in in = {.kind = SG_HPV_IN_FAILED, .peer = lab->ids[peer]};
    if (lab->nodes[at].is_up)
        input(lab, at, &in);
}

/* Its neighbours notice within two seconds. */
void sg_lab_crash(struct sg_lab *lab, uint16_t at)
{
    lab->nodes[at].is_up = false;
    for (uint16_t i = 0; i < lab->config.honest; i++)
        if (lab->nodes[i].is_up && sg_hpv_is_active(&lab->nodes[i].hpv, &lab->ids[at]))
            sg_lab_fail(lab, i, at, 2 * SG_NS_PER_S);
}

/* ---- contacts ---- */

static void know(struct sg_lab_node *node, uint16_t contact)
{
    for (uint8_t i = 0; i < node->contact_count; i++)
        if (node->contacts[i] == contact)
            return;
    if (node->contact_count < SG_HPV_CONTACTS_MAX)
        node->contacts[node->contact_count++] = contact;
}

static bool is_bad(struct sg_lab *lab)
{
    return lab->config.sybils > 0 && sg_lab_draw(lab, 100) < lab->config.bad_percent;
}

static void spoil_contacts(struct sg_lab *lab)
{
    for (uint16_t i = 0; i < lab->config.honest; i++)
        for (uint8_t k = 0; k < lab->nodes[i].contact_count; k++)
            if (is_bad(lab))
                lab->nodes[i].contacts[k] = sg_lab_draw_sybil(lab);
}

static void name_others(struct sg_lab *lab)
{
    for (uint16_t i = 0; i < lab->config.honest; i++)
        for (uint8_t k = 0; k < lab->config.contacts; k++) {
            uint16_t other = sg_lab_draw(lab, lab->config.honest - 1u);
            know(&lab->nodes[i], other < i ? other : (uint16_t)(other + 1));
        }
}

/* A random graph in which all have as many contacts, but for the few pairs that are no use: each
 * node has so many ends, and ends are paired at random. */
static void pair_all(struct sg_lab *lab)
{
    size_t count = (size_t)lab->config.honest * lab->config.contacts;
    uint16_t *ends = sg_mem_new(lab->config.mem, count + 1, sizeof(*ends));
    if (ends == NULL) {
        lab->err = SG_ERR_NO_MEMORY;
        return;
    }
    for (size_t i = 0; i < count; i++)
        ends[i] = (uint16_t)(i / lab->config.contacts);
    for (size_t i = 0; i < count; i++) {
        size_t other = i + (size_t)sg_prng_below(&lab->prng, count - i);
        uint16_t end = ends[other];
        ends[other] = ends[i];
        ends[i] = end;
    }
    for (size_t i = 0; i + 1 < count; i += 2) {
        if (ends[i] == ends[i + 1])
            continue;
        know(&lab->nodes[ends[i]], ends[i + 1]);
        know(&lab->nodes[ends[i + 1]], ends[i]);
    }
    sg_mem_free(lab->config.mem, ends);
}

void sg_lab_draw_contacts(struct sg_lab *lab)
{
    if (lab->config.is_one_way)
        name_others(lab);
    else
        pair_all(lab);
    spoil_contacts(lab);
}
