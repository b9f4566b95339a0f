/* The eclipse laboratory: what happens when, and what came of it. */
#include "lab_eclipse.h"

#include "lab_eclipse_net.h"

/* Names that nobody answers to, for forged frames. */
#define GHOSTS 200
/* Honest nodes boot within this time; a crashed one stays away so long. */
#define BOOT_NS (10 * SG_NS_PER_S)
#define AWAY_NS (10 * SG_NS_PER_S)
/* Nodes up for less are not counted: they have had no time. */
#define GRACE_NS (10 * SG_NS_PER_S)

struct sg_lab_config sg_lab_config_default(const struct sg_mem *mem)
{
    return (struct sg_lab_config){
        .mem = mem,
        .hpv = sg_hpv_config_default(mem),
        .attack = SG_LAB_SYBILS,
        .honest = 200,
        .contacts = 4,
        .churn_percent = 1,
        .rounds = 20,
        .asks = 5,
        .pushes = 5,
        .frames_per_second = 50,
        .round_ns = 30 * SG_NS_PER_S,
        .settle_ns = 60 * SG_NS_PER_S,
    };
}

static bool is_valid(const struct sg_lab_config *c)
{
    bool needs_sybils = c->attack != SG_LAB_SYBILS;
    return c->honest >= 2 && c->honest <= SG_LAB_HONEST_MAX &&
           c->honest + c->sybils + GHOSTS <= SG_LAB_NAMES_MAX && c->contacts > 0 &&
           c->contacts <= SG_HPV_CONTACTS_MAX / 2 && c->contacts < c->honest &&
           c->bad_percent <= 100 && c->churn_percent <= 100 && c->round_ns >= SG_NS_PER_S &&
           c->frames_per_second > 0 && (!needs_sybils || c->sybils > 0);
}

/* ---- what came of it ---- */

static bool is_counted(const struct sg_lab *lab, uint16_t name)
{
    const struct sg_lab_node *node = &lab->nodes[name];
    return node->is_up && sg_time_since(lab->now, node->up_since) >= GRACE_NS;
}

/* Both ends say so. */
static bool is_linked(const struct sg_lab *lab, uint16_t from, const struct sg_peer_id *to)
{
    uint16_t peer = sg_lab_name(to);
    return sg_lab_is_honest(lab, peer) && lab->nodes[peer].is_up &&
           sg_hpv_is_active(&lab->nodes[peer].hpv, &lab->ids[from]);
}

static uint16_t root_of(uint16_t *parent, uint16_t at)
{
    while (parent[at] != at)
        at = parent[at] = parent[parent[at]];
    return at;
}

struct look {
    uint16_t up, counted, eclipsed, outside;
    bool is_whole; /* all are up and one component */
    uint32_t places, sybils;
    uint16_t parent[SG_LAB_HONEST_MAX];
    uint16_t size[SG_LAB_HONEST_MAX];
};

static void look_at(const struct sg_lab *lab, uint16_t name, struct look *look)
{
    const struct sg_hpv *hpv = &lab->nodes[name].hpv;
    bool is_alone = true;
    for (uint16_t k = 0; k < hpv->active_count; k++) {
        uint16_t peer = sg_lab_name(&hpv->active[k].id);
        look->places++;
        look->sybils += sg_lab_is_sybil(lab, peer);
        if (!is_linked(lab, name, &hpv->active[k].id))
            continue;
        is_alone = false;
        look->parent[root_of(look->parent, name)] = root_of(look->parent, peer);
    }
    look->up++;
    look->counted = (uint16_t)(look->counted + is_counted(lab, name));
    look->eclipsed = (uint16_t)(look->eclipsed + (is_alone && is_counted(lab, name)));
}

static void look_at_all(const struct sg_lab *lab, struct look *look)
{
    uint16_t largest = 0;
    *look = (struct look){0};
    for (uint16_t i = 0; i < lab->config.honest; i++)
        look->parent[i] = i;
    for (uint16_t i = 0; i < lab->config.honest; i++)
        if (lab->nodes[i].is_up)
            look_at(lab, i, look);
    for (uint16_t i = 0; i < lab->config.honest; i++) {
        uint16_t root = root_of(look->parent, i);
        look->size[root] = (uint16_t)(look->size[root] + is_counted(lab, i));
        largest = look->size[root] > largest ? look->size[root] : largest;
    }
    look->outside = (uint16_t)(look->counted - largest);
    look->is_whole = look->up == lab->config.honest;
    for (uint16_t i = 1; i < lab->config.honest && look->is_whole; i++)
        look->is_whole = root_of(look->parent, i) == root_of(look->parent, 0);
}

static uint16_t larger(uint16_t a, uint16_t b)
{
    return a > b ? a : b;
}

static void count_changes(struct sg_lab *lab)
{
    bool counts = lab->now >= lab->attack_at + 60 * SG_NS_PER_S;
    struct sg_lab_result *r = &lab->result;
    for (uint16_t i = 0; i < lab->config.honest; i++) {
        struct sg_lab_node *node = &lab->nodes[i];
        if (counts) {
            r->honest_changes = larger(r->honest_changes, node->honest_changes);
            r->flapper_changes = larger(r->flapper_changes, node->flapper_changes);
        }
        node->honest_changes = node->flapper_changes = 0;
    }
}

/* Once a second; counts from the second round of the attack on, with it at full strength. */
static void on_look(struct sg_lab *lab)
{
    struct look look;
    struct sg_lab_result *r = &lab->result;
    look_at_all(lab, &look);
    if (lab->connected_at == SG_TIME_NEVER && look.is_whole)
        lab->connected_at = lab->now;
    r->eclipsed_end = look.eclipsed;
    r->outside_end = look.outside;
    r->sybil_permille = (uint16_t)(look.places == 0 ? 0 : 1000 * look.sybils / look.places);
    if (lab->now >= lab->attack_at + lab->config.round_ns) {
        r->eclipsed_worst = larger(r->eclipsed_worst, look.eclipsed);
        r->outside_worst = larger(r->outside_worst, look.outside);
    }
    if (lab->now / SG_NS_PER_S % 60 == 0)
        count_changes(lab);
    sg_lab_push(lab, &(struct sg_lab_event){.at = lab->now + SG_NS_PER_S, .kind = SG_LAB_EV_LOOK});
}

/* ---- what happens ---- */

/* So that the share of the honest nodes crashes each round. */
static uint64_t churn_pause(const struct sg_lab *lab)
{
    return lab->config.round_ns * 100 / lab->config.churn_percent / lab->config.honest;
}

static void on_churn(struct sg_lab *lab)
{
    uint16_t victim = sg_lab_draw_honest(lab);
    struct sg_lab_event next = {.at = lab->now + churn_pause(lab), .kind = SG_LAB_EV_CHURN};
    struct sg_lab_event back = {.at = lab->now + AWAY_NS, .kind = SG_LAB_EV_BOOT, .to = victim};
    if (lab->nodes[victim].is_up) {
        sg_lab_crash(lab, victim);
        sg_lab_push(lab, &back);
    }
    sg_lab_push(lab, &next);
}

static void on_attack(struct sg_lab *lab, uint16_t sybil)
{
    struct sg_lab_event next = {.kind = SG_LAB_EV_ATTACK, .to = sybil};
    next.at = sg_lab_attack(lab, sybil);
    if (next.at != SG_TIME_NEVER)
        sg_lab_push(lab, &next);
}

static void on_failed(struct sg_lab *lab, const struct sg_lab_event *event)
{
    bool is_back = sg_lab_is_honest(lab, event->from) && lab->nodes[event->from].is_up;
    if (!is_back)
        sg_lab_fail_now(lab, event->to, event->from);
}

static void happen(struct sg_lab *lab, const struct sg_lab_event *event)
{
    switch ((enum sg_lab_event_kind)event->kind) {
    case SG_LAB_EV_MESSAGE:
        if (sg_lab_is_honest(lab, event->to))
            sg_lab_deliver(lab, event->from, event->to, &event->msg);
        else
            sg_lab_answer(lab, event->to, event->from, &event->msg);
        break;
    case SG_LAB_EV_FAILED:
        on_failed(lab, event);
        break;
    case SG_LAB_EV_TIMER:
        sg_lab_timer(lab, event->to);
        break;
    case SG_LAB_EV_BOOT:
        sg_lab_boot(lab, event->to);
        break;
    case SG_LAB_EV_ATTACK:
        on_attack(lab, event->to);
        break;
    case SG_LAB_EV_CHURN:
        on_churn(lab);
        break;
    case SG_LAB_EV_LOOK:
        on_look(lab);
        break;
    }
}

/* At a random time within a span from the start on. */
static void plan(struct sg_lab *lab, struct sg_lab_event event, sg_time_ns start, uint64_t span)
{
    uint64_t after = sg_prng_below(&lab->prng, span);
    event.at = start + after;
    sg_lab_push(lab, &event);
}

static void plan_all(struct sg_lab *lab)
{
    const struct sg_lab_config *c = &lab->config;
    bool is_dawn = c->attack == SG_LAB_DAWN;
    lab->attack_at = is_dawn ? 0 : BOOT_NS + c->settle_ns;
    lab->end_at = lab->attack_at + c->rounds * c->round_ns;
    if (is_dawn && lab->end_at < BOOT_NS + c->settle_ns)
        lab->end_at = BOOT_NS + c->settle_ns;
    for (uint16_t i = 0; i < c->honest; i++)
        plan(lab, (struct sg_lab_event){.kind = SG_LAB_EV_BOOT, .to = i}, 0, BOOT_NS);
    for (uint16_t i = 0; i < c->sybils; i++) {
        struct sg_lab_event act = {.kind = SG_LAB_EV_ATTACK, .to = (uint16_t)(c->honest + i)};
        plan(lab, act, lab->attack_at, c->round_ns);
    }
    if (c->churn_percent > 0)
        plan(lab, (struct sg_lab_event){.kind = SG_LAB_EV_CHURN}, BOOT_NS + c->settle_ns,
             churn_pause(lab));
    sg_lab_push(lab, &(struct sg_lab_event){.at = SG_NS_PER_S, .kind = SG_LAB_EV_LOOK});
}

/* ---- a run ---- */

static struct sg_peer_id id_of(uint16_t name)
{
    struct sg_peer_id id;
    struct sg_prng prng;
    sg_prng_init(&prng, name);
    for (size_t i = 0; i < SG_ID_LEN; i++)
        id.b[i] = (uint8_t)sg_prng_next(&prng);
    id.b[0] = (uint8_t)(name >> 8);
    id.b[1] = (uint8_t)name;
    return id;
}

static bool open(struct sg_lab *lab, const struct sg_lab_config *config, uint64_t seed)
{
    const struct sg_mem *mem = config->mem;
    *lab = (struct sg_lab){.config = *config, .connected_at = SG_TIME_NEVER};
    lab->config.hpv.mem = mem;
    lab->names = (uint16_t)(config->honest + config->sybils + GHOSTS);
    sg_prng_init(&lab->prng, seed);
    lab->ids = sg_mem_new(mem, lab->names, sizeof(*lab->ids));
    lab->nodes = sg_mem_new(mem, config->honest, sizeof(*lab->nodes));
    lab->outbox = sg_mem_new(mem, 1, sizeof(*lab->outbox));
    if (lab->ids == NULL || lab->nodes == NULL || lab->outbox == NULL)
        return false;
    for (uint16_t i = 0; i < lab->names; i++)
        lab->ids[i] = id_of(i);
    return true;
}

static void close(struct sg_lab *lab)
{
    const struct sg_mem *mem = lab->config.mem;
    for (uint16_t i = 0; lab->nodes != NULL && i < lab->config.honest; i++)
        sg_hpv_fini(&lab->nodes[i].hpv);
    sg_mem_free(mem, lab->ids);
    sg_mem_free(mem, lab->nodes);
    sg_mem_free(mem, lab->outbox);
    sg_mem_free(mem, lab->heap);
}

sg_err sg_lab_run(const struct sg_lab_config *config, uint64_t seed, struct sg_lab_result *result)
{
    struct sg_lab lab;
    struct sg_lab_event event;
    if (!is_valid(config))
        return SG_ERR_INVALID_ARGUMENT;
    if (!open(&lab, config, seed)) {
        close(&lab);
        return SG_ERR_NO_MEMORY;
    }
    sg_lab_draw_contacts(&lab);
    plan_all(&lab);
    while (lab.err == SG_OK && sg_lab_pop(&lab, &event) && event.at <= lab.end_at) {
        lab.now = event.at;
        happen(&lab, &event);
    }
    sg_err err = lab.err;
    *result = lab.result;
    result->connected_s = UINT16_MAX;
    if (lab.connected_at != SG_TIME_NEVER)
        result->connected_s = (uint16_t)(sg_time_since(lab.connected_at, BOOT_NS) / SG_NS_PER_S);
    close(&lab);
    return err;
}
