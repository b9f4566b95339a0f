/* Collecting: what the cores do becomes counters, and each crash is followed until every survivor
 * that had the node as a member, or that has more members than places, has given its verdict.
 *
 * What counts as wrong: a verdict about an honest node that lives and can be reached. A node that
 * stands still for more than STILL_NS, or is cut off, may rightly be given up, and for a while
 * after that ended, because suspicions run. A pause of 2 s is no excuse. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "metrics.h"

#define STILL_NS (2 * SG_NS_PER_S)
#define AFTER_NS (5 * SG_NS_PER_S)
/* A node was healthy when it has not been stalled for so long. */
#define HEALTHY_NS (10 * SG_NS_PER_S)
#define TENTH_NS (100 * SG_NS_PER_MS)
/* The part of the run in which bursts are looked for. */
#define BURST_NS (60 * SG_NS_PER_S)

/* ---- construction ---- */

sg_err sg_sim_metrics_init(struct sg_sim *sim)
{
    struct sg_sim_metrics *m = sg_mem_new(sim->mem, 1, sizeof(*m));
    size_t nodes = sim->config.nodes;
    if (m == NULL)
        return SG_ERR_NO_MEMORY;
    sim->metrics = m;
    m->words = (nodes + 63) / 64;
    m->death_of = sg_mem_new(sim->mem, nodes, sizeof(*m->death_of));
    m->losses = sg_mem_new(sim->mem, nodes, sizeof(*m->losses));
    m->adjacent = sg_mem_new(sim->mem, nodes * SG_HPV_ACTIVE_HARD, sizeof(*m->adjacent));
    m->degree = sg_mem_new(sim->mem, nodes, sizeof(*m->degree));
    m->parent = sg_mem_new(sim->mem, nodes, sizeof(*m->parent));
    m->scratch = sg_mem_new(sim->mem, nodes, sizeof(*m->scratch));
    if (m->death_of == NULL || m->losses == NULL || m->adjacent == NULL || m->degree == NULL ||
        m->parent == NULL || m->scratch == NULL)
        return SG_ERR_NO_MEMORY;
    for (size_t i = 0; i < nodes; i++) {
        m->death_of[i] = SG_SIM_NONE;
        m->losses[i] = (struct sg_sim_loss_pair){.failed = SG_SIM_NONE, .lost = SG_SIM_NONE};
    }
    for (size_t i = 0; i < SG_SIM_FIG_COUNT; i++)
        m->figures[i] = NAN;
    m->merged_at = m->first_kill_at = SG_TIME_NEVER;
    sg_sim_counter_init(&m->heap);
    return SG_OK;
}

void sg_sim_metrics_fini(struct sg_sim *sim)
{
    struct sg_sim_metrics *m = sim->metrics;
    if (m == NULL)
        return;
    for (uint32_t i = 0; i < m->death_count; i++)
        sg_mem_free(sim->mem, m->deaths[i].waits);
    for (size_t i = 0; i < SG_SIM_SPREAD_COUNT; i++)
        sg_mem_free(sim->mem, m->spreads[i].values);
    sg_mem_free(sim->mem, m->samples);
    sg_mem_free(sim->mem, m->deaths);
    sg_mem_free(sim->mem, m->death_of);
    sg_mem_free(sim->mem, m->losses);
    sg_mem_free(sim->mem, m->adjacent);
    sg_mem_free(sim->mem, m->degree);
    sg_mem_free(sim->mem, m->parent);
    sg_mem_free(sim->mem, m->scratch);
    sg_mem_free(sim->mem, m);
    sim->metrics = NULL;
}

void sg_sim_metrics_begin(struct sg_sim *sim)
{
    struct sg_sim_metrics *m = sim->metrics;
    m->packets = m->packet_bytes = m->frames = m->bytes = m->dials = m->changes = 0;
    m->alive_then = sim->now;
    m->figures[SG_SIM_FIG_JOINED_IN] =
        (double)(sim->now - SG_NS_PER_S - sim->scenario->join_ns) / 1e9;
    static const enum sg_sim_figure_id zeroed[] = {
        SG_SIM_FIG_FAILS,
        SG_SIM_FIG_FAILS_LIVING,
        SG_SIM_FIG_FAILS_LIVING_HEALTHY,
        SG_SIM_FIG_FP,
        SG_SIM_FIG_FP_HEALTHY,
        SG_SIM_FIG_EVICTED,
        SG_SIM_FIG_SUSPECTS_LIVING,
        SG_SIM_FIG_REFUTED,
        SG_SIM_FIG_DIALS_PEAK,
        SG_SIM_FIG_ISOLATED_MAX,
        SG_SIM_FIG_COMPONENTS_MAX,
        SG_SIM_FIG_ECLIPSED_MAX,
        SG_SIM_FIG_WRONG_DEAD_MAX,
    };
    for (size_t i = 0; i < sizeof(zeroed) / sizeof(zeroed[0]); i++)
        m->figures[zeroed[i]] = 0;
}

void sg_sim_metrics_add(struct sg_sim *sim, enum sg_sim_spread_id id, double value)
{
    struct sg_sim_spread *spread = &sim->metrics->spreads[id];
    if (spread->count == spread->cap) {
        uint32_t cap = spread->cap == 0 ? 64 : spread->cap * 2;
        void *values = sg_mem_resize(sim->mem, spread->values, cap, sizeof(*spread->values));
        if (values == NULL) {
            sim->err = SG_ERR_NO_MEMORY;
            return;
        }
        spread->values = values;
        spread->cap = cap;
    }
    spread->values[spread->count++] = value;
}

/* ---- crashes ---- */

/* Whether an honest node is to hear of the crash: the peer is a living member there, or may be one
 * that its table has no place for. */
static bool is_to_hear(const struct sg_sim *sim, uint32_t node, const struct sg_peer_id *peer)
{
    struct sg_core_member member;
    const struct sg_core *core = sim->nodes[node].core;
    if (core == NULL || sim->nodes[node].role != SG_SIM_HONEST)
        return false;
    if (sg_core_member_find(core, peer, &member) == SG_OK)
        return member.view.state != SG_SWIM_IS_DEAD;
    return sg_core_is_sample(core);
}

static void forget_waits(struct sg_sim *sim, struct sg_sim_death *death)
{
    sg_mem_free(sim->mem, death->waits);
    death->waits = NULL;
}

static void stop_waiting(struct sg_sim *sim, struct sg_sim_death *death, uint32_t node)
{
    uint64_t bit = UINT64_C(1) << (node % 64);
    if (death->waits == NULL || (death->waits[node / 64] & bit) == 0)
        return;
    death->waits[node / 64] &= ~bit;
    if (--death->waiting == 0)
        forget_waits(sim, death);
}

static struct sg_sim_death *add_death(struct sg_sim *sim, uint32_t node)
{
    struct sg_sim_metrics *m = sim->metrics;
    if (m->death_count == m->death_cap) {
        uint32_t cap = m->death_cap == 0 ? 64 : m->death_cap * 2;
        void *deaths = sg_mem_resize(sim->mem, m->deaths, cap, sizeof(*m->deaths));
        if (deaths == NULL)
            return NULL;
        m->deaths = deaths;
        m->death_cap = cap;
    }
    struct sg_sim_death *death = &m->deaths[m->death_count];
    *death = (struct sg_sim_death){
        .node = node, .at = sim->now, .first_suspect = SG_TIME_NEVER, .first_fail = SG_TIME_NEVER};
    death->waits = sg_mem_new(sim->mem, m->words, sizeof(*death->waits));
    if (death->waits == NULL)
        return NULL;
    m->death_of[node] = m->death_count++;
    return death;
}

void sg_sim_metrics_crash(struct sg_sim *sim, uint32_t node)
{
    struct sg_sim_metrics *m = sim->metrics;
    for (uint32_t i = 0; i < m->death_count; i++)
        stop_waiting(sim, &m->deaths[i], node);
    if (m->first_kill_at == SG_TIME_NEVER)
        m->first_kill_at = sim->now;
    if (sim->nodes[node].role != SG_SIM_HONEST)
        return;
    struct sg_sim_death *death = add_death(sim, node);
    if (death == NULL) {
        sim->err = SG_ERR_NO_MEMORY;
        return;
    }
    for (uint32_t i = 0; i < sim->config.nodes; i++) {
        if (i == node || !is_to_hear(sim, i, &sim->nodes[node].id))
            continue;
        death->waits[i / 64] |= UINT64_C(1) << (i % 64);
        death->waiting++;
        death->knew++;
    }
    if (death->waiting == 0)
        forget_waits(sim, death);
}

void sg_sim_metrics_start(struct sg_sim *sim, uint32_t node)
{
    struct sg_sim_metrics *m = sim->metrics;
    uint32_t at = m->death_of[node];
    m->death_of[node] = SG_SIM_NONE;
    if (at == SG_SIM_NONE)
        return;
    /* who has not heard of it by now never will: "waiting" stays as it is */
    forget_waits(sim, &m->deaths[at]);
}

void sg_sim_metrics_healed(struct sg_sim *sim)
{
    sim->metrics->healed_at = sim->now;
    sim->metrics->merged_at = SG_TIME_NEVER;
}

/* ---- members ---- */

/* Stalled for long enough to be given up with reason, now or a moment ago. */
static bool is_still(const struct sg_sim *sim, const struct sg_sim_node *node)
{
    const struct sg_sim_faults *f = &node->faults;
    return f->mute_until - f->mute_since > STILL_NS && sim->now > f->mute_since + STILL_NS &&
           sim->now < f->mute_until + AFTER_NS;
}

static bool was_healthy(const struct sg_sim *sim, uint32_t node)
{
    const struct sg_sim_faults *f = &sim->nodes[node].faults;
    return f->mute_until == 0 || sim->now >= f->mute_until + HEALTHY_NS;
}

/* An honest node that lives, and that observer can reach. */
static bool is_living(const struct sg_sim *sim, uint32_t observer, uint32_t node)
{
    const struct sg_sim_node *n = &sim->nodes[node];
    uint64_t healed = sim->metrics->healed_at;
    return n->core != NULL && n->role == SG_SIM_HONEST && !n->is_leaving && !is_still(sim, n) &&
           !is_still(sim, &sim->nodes[observer]) && !sg_sim_are_cut(sim, observer, node) &&
           (healed == 0 || sim->now >= healed + AFTER_NS);
}

static void add(struct sg_sim *sim, enum sg_sim_figure_id id)
{
    sim->metrics->figures[id] += 1;
}

static void count_eviction(struct sg_sim *sim, uint32_t observer)
{
    struct sg_sim_loss_pair *pair = &sim->metrics->losses[observer];
    if (pair->failed == SG_SIM_NONE || pair->failed != pair->lost ||
        pair->failed_at != pair->lost_at)
        return;
    if (is_living(sim, observer, pair->lost))
        add(sim, SG_SIM_FIG_EVICTED);
    pair->failed = SG_SIM_NONE;
}

static void verdict(struct sg_sim *sim, uint32_t observer, uint32_t node)
{
    struct sg_sim_metrics *m = sim->metrics;
    struct sg_sim_death *death =
        m->death_of[node] != SG_SIM_NONE ? &m->deaths[m->death_of[node]] : NULL;
    add(sim, SG_SIM_FIG_FAILS);
    if (death != NULL) {
        death->first_fail = sg_time_min(death->first_fail, sim->now);
        death->last_fail = sim->now;
        stop_waiting(sim, death, observer);
    }
    m->losses[observer].failed = node;
    m->losses[observer].failed_at = sim->now;
    if (is_living(sim, observer, node)) {
        add(sim, SG_SIM_FIG_FAILS_LIVING);
        if (was_healthy(sim, observer))
            add(sim, SG_SIM_FIG_FAILS_LIVING_HEALTHY);
        if (was_healthy(sim, node))
            add(sim, SG_SIM_FIG_FP);
        if (was_healthy(sim, node) && was_healthy(sim, observer))
            add(sim, SG_SIM_FIG_FP_HEALTHY);
    }
    count_eviction(sim, observer);
}

static void suspicion(struct sg_sim *sim, uint32_t observer, uint32_t node)
{
    struct sg_sim_metrics *m = sim->metrics;
    if (m->death_of[node] != SG_SIM_NONE) {
        struct sg_sim_death *death = &m->deaths[m->death_of[node]];
        death->first_suspect = sg_time_min(death->first_suspect, sim->now);
    } else if (is_living(sim, observer, node)) {
        add(sim, SG_SIM_FIG_SUSPECTS_LIVING);
    }
}

static void member_event(struct sg_sim *sim, uint32_t observer, const struct sg_core_out *out)
{
    struct sg_sim_metrics *m = sim->metrics;
    uint32_t node = sg_sim_node_of(sim, &out->peer);
    if (node == SG_MAP_NONE || sim->nodes[observer].role != SG_SIM_HONEST)
        return;
    switch (out->member) {
    case SG_CORE_MEMBER_FAIL:
        verdict(sim, observer, node);
        return;
    case SG_CORE_MEMBER_SUSPECT:
        suspicion(sim, observer, node);
        return;
    case SG_CORE_MEMBER_REFUTED:
        add(sim, SG_SIM_FIG_REFUTED);
        return;
    case SG_CORE_MEMBER_DROPPED:
        if (sg_core_is_sample(sim->nodes[observer].core))
            return;
        /* fall through */
    case SG_CORE_MEMBER_LEAVE:
        /* not a member any more: it need not learn of the crash */
        if (m->death_of[node] != SG_SIM_NONE)
            stop_waiting(sim, &m->deaths[m->death_of[node]], observer);
        return;
    case SG_CORE_MEMBER_JOIN:
    case SG_CORE_MEMBER_UPDATE:
        return;
    }
}

/* ---- views and load ---- */

static void view_change(struct sg_sim *sim, uint32_t observer, const struct sg_core_out *out)
{
    struct sg_sim_metrics *m = sim->metrics;
    uint32_t node = sg_sim_node_of(sim, &out->peer);
    if (!sg_scope_is_base(&out->topic) || node == SG_MAP_NONE ||
        sim->nodes[observer].role != SG_SIM_HONEST || sim->nodes[node].role != SG_SIM_HONEST)
        return;
    m->changes++;
    if (out->kind != SG_CORE_OUT_NEIGHBOR_DOWN)
        return;
    m->losses[observer].lost = node;
    m->losses[observer].lost_at = sim->now;
    count_eviction(sim, observer);
}

static void count_frame(struct sg_sim *sim, const struct sg_core_out *out)
{
    struct sg_sim_metrics *m = sim->metrics;
    m->frames++;
    m->bytes += out->buf->len;
    if (out->lane == SG_LANE_DATAGRAM) {
        m->packets++;
        m->packet_bytes += out->buf->len;
    }
    sg_time_ns end = sim->zero + sim->scenario->safety_ns;
    if (sim->now + BURST_NS < end || sim->now >= end)
        return;
    uint64_t tenth = sim->now / TENTH_NS;
    if (tenth != m->tenth) {
        m->tenth = tenth;
        m->tenth_frames = 0;
    }
    m->tenth_sum++;
    if (++m->tenth_frames > m->tenth_peak)
        m->tenth_peak = m->tenth_frames;
}

static void count_dial(struct sg_sim *sim)
{
    struct sg_sim_metrics *m = sim->metrics;
    uint64_t second = sim->now / SG_NS_PER_S;
    m->dials++;
    if (second != m->second) {
        m->second = second;
        m->second_dials = 0;
    }
    double rate = (double)++m->second_dials / (sim->alive > 0 ? sim->alive : 1);
    if (rate > m->figures[SG_SIM_FIG_DIALS_PEAK])
        m->figures[SG_SIM_FIG_DIALS_PEAK] = rate;
}

void sg_sim_metrics_out(struct sg_sim *sim, uint32_t node, const struct sg_core_out *out)
{
    if (sim->zero == SG_TIME_NEVER)
        return;
    switch (out->kind) {
    case SG_CORE_OUT_SEND:
        count_frame(sim, out);
        return;
    case SG_CORE_OUT_DIAL:
        count_dial(sim);
        return;
    case SG_CORE_OUT_NEIGHBOR_UP:
    case SG_CORE_OUT_NEIGHBOR_DOWN:
        view_change(sim, node, out);
        return;
    case SG_CORE_OUT_MEMBER:
        member_event(sim, node, out);
        return;
    case SG_CORE_OUT_CLOSE:
    case SG_CORE_OUT_DELIVER:
    case SG_CORE_OUT_NEED_CACHE:
    case SG_CORE_OUT_NEED_SEEDS:
    case SG_CORE_OUT_TRANSFER:
    case SG_CORE_OUT_SIGN:
    case SG_CORE_OUT_VERIFY:
    case SG_CORE_OUT_STORE:
    case SG_CORE_OUT_DOC:
        return;
    }
}
