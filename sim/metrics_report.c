/* Samples over time, and the figures at the end. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "adversary.h"
#include "metrics.h"

#define ROW (1 + SG_SIM_SER_COUNT)

/* ---- samples ---- */

static double *add_row(struct sg_sim *sim)
{
    struct sg_sim_metrics *m = sim->metrics;
    if (m->sample_count == m->sample_cap) {
        uint32_t cap = m->sample_cap == 0 ? 256 : m->sample_cap * 2;
        void *samples = sg_mem_resize(sim->mem, m->samples, cap, ROW * sizeof(*m->samples));
        if (samples == NULL) {
            sim->err = SG_ERR_NO_MEMORY;
            return NULL;
        }
        m->samples = samples;
        m->sample_cap = cap;
    }
    return &m->samples[(size_t)m->sample_count++ * ROW];
}

static void raise_to(double *figure, double value)
{
    if (!(*figure >= value))
        *figure = value;
}

/* Rates since the sample before. */
static void fill_rates(struct sg_sim *sim, double *row)
{
    struct sg_sim_metrics *m = sim->metrics;
    double seconds = (double)(sim->now - m->alive_then) / 1e9;
    double node_seconds = seconds * sim->alive;
    m->node_seconds += node_seconds;
    if (!(node_seconds > 0))
        node_seconds = NAN;
    row[SG_SIM_SER_SWIM_PACKETS] = (double)(m->packets - m->packets_then) / node_seconds;
    row[SG_SIM_SER_BYTES] = (double)(m->bytes - m->bytes_then) / node_seconds;
    row[SG_SIM_SER_DIALS] = (double)(m->dials - m->dials_then) / node_seconds;
    m->packets_then = m->packets;
    m->bytes_then = m->bytes;
    m->dials_then = m->dials;
    m->alive_then = sim->now;
}

void sg_sim_metrics_sample(struct sg_sim *sim)
{
    struct sg_sim_metrics *m = sim->metrics;
    struct sg_sim_graph graph;
    sg_sim_graph_look(sim, sim->scenario->wants_graph, &graph);
    double *row = add_row(sim);
    if (row == NULL)
        return;
    row[0] = (double)(sim->now - sim->zero) / 1e9;
    row++;
    row[SG_SIM_SER_ALIVE] = graph.alive;
    row[SG_SIM_SER_ISOLATED] = graph.isolated;
    row[SG_SIM_SER_COMPONENTS] = graph.components;
    row[SG_SIM_SER_ECLIPSED] = graph.eclipsed;
    row[SG_SIM_SER_ACTIVE] = graph.active_mean;
    row[SG_SIM_SER_PASSIVE] = graph.passive_mean;
    row[SG_SIM_SER_LINKS] = graph.links_mean;
    row[SG_SIM_SER_MEMBERS] = graph.members_mean;
    row[SG_SIM_SER_WRONG_DEAD] = graph.wrong_dead;
    row[SG_SIM_SER_WRONG_ALIVE] = graph.wrong_alive;
    row[SG_SIM_SER_FAILS] = m->figures[SG_SIM_FIG_FAILS];
    row[SG_SIM_SER_CLUSTERING] = graph.clustering;
    row[SG_SIM_SER_PATH] = graph.path_mean;
    row[SG_SIM_SER_HEAP] =
        sim->scenario->wants_heap && sim->alive > 0 ? (double)m->heap.live / sim->alive : NAN;
    fill_rates(sim, row);
    raise_to(&m->figures[SG_SIM_FIG_ISOLATED_MAX], graph.isolated);
    raise_to(&m->figures[SG_SIM_FIG_COMPONENTS_MAX], graph.components);
    raise_to(&m->figures[SG_SIM_FIG_ECLIPSED_MAX], graph.eclipsed);
    raise_to(&m->figures[SG_SIM_FIG_WRONG_DEAD_MAX], graph.wrong_dead);
    if (m->healed_at > 0 && m->merged_at == SG_TIME_NEVER && graph.components <= 1)
        m->merged_at = sim->now;
}

/* ---- the end ---- */

static void finish_deaths(struct sg_sim *sim)
{
    struct sg_sim_metrics *m = sim->metrics;
    double kills = 0;
    double unknown = 0;
    for (uint32_t i = 0; i < m->death_count; i++) {
        const struct sg_sim_death *death = &m->deaths[i];
        if (death->first_suspect != SG_TIME_NEVER)
            sg_sim_metrics_add(sim, SG_SIM_SPREAD_FIRST_SUSPECT,
                               (double)(death->first_suspect - death->at) / 1e9);
        if (death->first_fail != SG_TIME_NEVER)
            sg_sim_metrics_add(sim, SG_SIM_SPREAD_FIRST_FAIL,
                               (double)(death->first_fail - death->at) / 1e9);
        if (death->knew == 0)
            continue;
        kills++;
        if (death->waiting > 0)
            unknown++;
        else if (death->last_fail > 0)
            sg_sim_metrics_add(sim, SG_SIM_SPREAD_KNOWN_BY_ALL,
                               (double)(death->last_fail - death->at) / 1e9);
    }
    m->figures[SG_SIM_FIG_KILLS] = kills;
    m->figures[SG_SIM_FIG_KILLS_UNKNOWN] = unknown;
}

static void finish_graph(struct sg_sim *sim)
{
    double *figures = sim->metrics->figures;
    struct sg_sim_graph graph;
    sg_sim_graph_look(sim, sim->scenario->wants_graph, &graph);
    figures[SG_SIM_FIG_ALIVE] = graph.alive;
    figures[SG_SIM_FIG_ISOLATED] = graph.isolated;
    figures[SG_SIM_FIG_COMPONENTS] = graph.components;
    figures[SG_SIM_FIG_ASYMMETRIC] = graph.asymmetric;
    figures[SG_SIM_FIG_ACTIVE_MEAN] = graph.active_mean;
    figures[SG_SIM_FIG_ACTIVE_FULL] = graph.alive > 0 ? (double)graph.full / graph.alive : NAN;
    figures[SG_SIM_FIG_PASSIVE_MEAN] = graph.passive_mean;
    figures[SG_SIM_FIG_LINKS_MEAN] = graph.links_mean;
    figures[SG_SIM_FIG_CLUSTERING] = graph.clustering;
    figures[SG_SIM_FIG_PATH_MEAN] = graph.path_mean;
    figures[SG_SIM_FIG_ECLIPSED] = graph.eclipsed;
    figures[SG_SIM_FIG_WRONG_DEAD] = graph.wrong_dead;
    figures[SG_SIM_FIG_WRONG_ALIVE] = graph.wrong_alive;
    figures[SG_SIM_FIG_MEMBERS_MEAN] = graph.members_mean;
}

/* Growth per hour by least squares over the last three quarters, as a share of the mean. */
static double heap_slope(const struct sg_sim_metrics *m)
{
    double n = 0, sum_x = 0, sum_y = 0, sum_xx = 0, sum_xy = 0;
    for (uint32_t i = m->sample_count / 4; i < m->sample_count; i++) {
        const double *row = &m->samples[(size_t)i * ROW];
        double x = row[0] / 3600;
        double y = row[1 + SG_SIM_SER_HEAP];
        n++;
        sum_x += x;
        sum_y += y;
        sum_xx += x * x;
        sum_xy += x * y;
    }
    double spread = n * sum_xx - sum_x * sum_x;
    if (n < 10 || !(spread > 0) || !(sum_y > 0))
        return NAN;
    return (n * sum_xy - sum_x * sum_y) / spread / (sum_y / n);
}

static void finish_load(struct sg_sim *sim)
{
    struct sg_sim_metrics *m = sim->metrics;
    double *figures = m->figures;
    double total = m->node_seconds > 0 ? m->node_seconds : NAN;
    figures[SG_SIM_FIG_SWIM_PACKETS] = (double)m->packets / total;
    figures[SG_SIM_FIG_SWIM_BYTES] = (double)m->packet_bytes / total;
    figures[SG_SIM_FIG_FRAMES] = (double)m->frames / total;
    figures[SG_SIM_FIG_BYTES] = (double)m->bytes / total;
    figures[SG_SIM_FIG_DIALS] = (double)m->dials / total * 60;
    figures[SG_SIM_FIG_VIEW_CHANGES] = (double)m->changes / total * 60;
    double tenths = (double)(sim->scenario->safety_ns < 60 * SG_NS_PER_S ? sim->scenario->safety_ns
                                                                         : 60 * SG_NS_PER_S) /
                    1e8;
    if (m->tenth_sum > 0)
        figures[SG_SIM_FIG_BURST] = (double)m->tenth_peak / ((double)m->tenth_sum / tenths);
    if (sim->scenario->wants_heap && sim->alive > 0) {
        figures[SG_SIM_FIG_HEAP_NODE] = (double)m->heap.live / sim->alive;
        figures[SG_SIM_FIG_HEAP_SLOPE] = heap_slope(m);
    }
}

static void finish_messages(struct sg_sim *sim, const struct sg_sim_report *report)
{
    struct sg_sim_metrics *m = sim->metrics;
    double *figures = m->figures;
    if (sim->ledger.count == 0)
        return;
    figures[SG_SIM_FIG_DELIVERED] = report->delivered;
    figures[SG_SIM_FIG_MISSING] = (double)report->missing;
    figures[SG_SIM_FIG_LATENCY_P50] = (double)report->latency_p50_ns / 1e9;
    figures[SG_SIM_FIG_LATENCY_P99] = (double)report->latency_p99_ns / 1e9;
    figures[SG_SIM_FIG_LATENCY_MAX] = (double)report->latency_max_ns / 1e9;
    figures[SG_SIM_FIG_RMR] = report->rmr;
    for (uint32_t i = 0; i < sim->ledger.count; i++) {
        double reach = sg_sim_ledger_reach(sim, i);
        if (isnan(reach))
            continue;
        sg_sim_metrics_add(sim, SG_SIM_SPREAD_REACH, reach);
        if (!(figures[SG_SIM_FIG_REACH_MIN] <= reach))
            figures[SG_SIM_FIG_REACH_MIN] = reach;
        if (isnan(figures[SG_SIM_FIG_REACH_FIRST]) && sim->ledger.messages[i].at > m->first_kill_at)
            figures[SG_SIM_FIG_REACH_FIRST] = reach;
    }
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* ---- attacks ---- */

/* The attack is old news after this. */
#define LATE_NS (60 * SG_NS_PER_S)

void sg_sim_metrics_latency(struct sg_sim *sim, sg_time_ns published, double seconds)
{
    if (sim->scenario->role_count == 0 || sim->zero == SG_TIME_NEVER)
        return;
    if (!sg_sim_is_attacked(sim, published)) {
        sg_sim_metrics_add(sim, SG_SIM_SPREAD_LATENCY_CALM, seconds);
        return;
    }
    sg_sim_metrics_add(sim, SG_SIM_SPREAD_LATENCY_ATTACK, seconds);
    if (published >= sg_time_add(sim->zero, LATE_NS) &&
        sg_sim_is_attacked(sim, published - LATE_NS))
        sg_sim_metrics_add(sim, SG_SIM_SPREAD_LATENCY_LATE, seconds);
}

static double spread_value(const struct sg_sim_spread *spread, enum sg_sim_stat stat);

/* Of the neighbours that honest nodes expect messages from. */
static double hostile_share(const struct sg_sim *sim)
{
    struct sg_peer_id peers[SG_HPV_ACTIVE_HARD];
    uint32_t all = 0;
    uint32_t hostile = 0;
    for (uint32_t i = 0; i < sim->config.nodes; i++) {
        if (sim->nodes[i].core == NULL || sim->nodes[i].role != SG_SIM_HONEST)
            continue;
        size_t count = sg_core_sources(sim->nodes[i].core, &sim->topic, peers, SG_HPV_ACTIVE_HARD);
        for (size_t k = 0; k < count; k++) {
            uint32_t peer = sg_sim_node_of(sim, &peers[k]);
            all++;
            hostile += peer != SG_MAP_NONE && sim->nodes[peer].role != SG_SIM_HONEST ? 1 : 0;
        }
    }
    return all > 0 ? (double)hostile / all : NAN;
}

static void finish_attacks(struct sg_sim *sim)
{
    struct sg_sim_metrics *m = sim->metrics;
    if (sim->scenario->role_count == 0)
        return;
    double calm = spread_value(&m->spreads[SG_SIM_SPREAD_LATENCY_CALM], SG_SIM_P99);
    double attack = spread_value(&m->spreads[SG_SIM_SPREAD_LATENCY_ATTACK], SG_SIM_P99);
    double late = spread_value(&m->spreads[SG_SIM_SPREAD_LATENCY_LATE], SG_SIM_P99);
    m->figures[SG_SIM_FIG_ATTACK_SHARE] = attack / calm;
    m->figures[SG_SIM_FIG_LATE_SHARE] = late / calm;
    m->figures[SG_SIM_FIG_EAGER_HOSTILE] = hostile_share(sim);
}

void sg_sim_metrics_finish(struct sg_sim *sim, const struct sg_sim_report *report)
{
    struct sg_sim_metrics *m = sim->metrics;
    if (sim->zero == SG_TIME_NEVER)
        return;
    sg_sim_metrics_sample(sim);
    finish_deaths(sim);
    finish_graph(sim);
    finish_load(sim);
    finish_messages(sim, report);
    m->figures[SG_SIM_FIG_BANNED] = (double)sim->extra->stats.peers_banned;
    m->figures[SG_SIM_FIG_FORGED] = (double)m->forged;
    if (m->merged_at != SG_TIME_NEVER)
        m->figures[SG_SIM_FIG_MERGED_IN] = (double)(m->merged_at - m->healed_at) / 1e9;
    if (sim->converged_at != SG_TIME_NEVER)
        m->figures[SG_SIM_FIG_CONVERGED_IN] =
            (double)sg_time_since(sim->converged_at, sim->zero + sim->scenario->safety_ns) / 1e9;
    for (size_t i = 0; i < SG_SIM_SPREAD_COUNT; i++) {
        if (m->spreads[i].count > 0)
            qsort(m->spreads[i].values, m->spreads[i].count, sizeof(double), compare);
    }
    finish_attacks(sim);
}

static double spread_value(const struct sg_sim_spread *spread, enum sg_sim_stat stat)
{
    static const unsigned percents[] = {50, 95, 99, 100};
    double sum = 0;
    if (spread->count == 0)
        return NAN;
    if (stat <= SG_SIM_MAX)
        return spread->values[((uint64_t)spread->count * percents[stat] + 99) / 100 - 1];
    for (uint32_t i = 0; i < spread->count; i++)
        sum += spread->values[i];
    return sum / spread->count;
}

double sg_sim_metric_value(const struct sg_sim_metrics *m, uint32_t metric)
{
    if (metric < SG_SIM_FIG_COUNT)
        return m->figures[metric];
    uint32_t spread = (metric - SG_SIM_FIG_COUNT) / SG_SIM_STAT_COUNT;
    uint32_t stat = (metric - SG_SIM_FIG_COUNT) % SG_SIM_STAT_COUNT;
    return spread_value(&m->spreads[spread], (enum sg_sim_stat)stat);
}
