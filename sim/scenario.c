/* Running a scenario: nodes join and settle, time 0 comes, actions happen during the safety phase,
 * then all faults are healed and convergence is demanded.
 *
 * Invariants are checked all along. Converged means: one part, nobody isolated, neighbours know of
 * each other, nobody alive is held for dead, and every message is where it can be expected. */
#include <math.h>
#include <string.h>

#include "adversary.h"
#include "lab_net.h"
#include "lab_scenario.h"
#include "metrics.h"

/* sg_core_check at every step costs more than all else: a scenario is long. */
#define CHECK_EVERY 61

struct sg_sim_result {
    struct sg_sim_scenario scenario; /* a copy: expectations and their texts */
    struct sg_sim_report report;
    double values[SG_SIM_METRIC_COUNT];
    double *columns; /* [1 + SG_SIM_SER_COUNT][count], times first */
    uint32_t count;
    struct sg_sim_spread known; /* for the chart of detection */
};

/* ---- the run ---- */

static void draw_roles(struct sg_sim *sim, const struct sg_sim_adversary_line *line)
{
    uint32_t first = sim->scenario->first_nodes;
    uint32_t want =
        line->who.kind == SG_SIM_WHO_SHARE ? (uint32_t)(line->who.share * first) : line->who.count;
    uint32_t seeds = 1 + first / 50;
    /* seeds are honest: who joins only through attackers is lost anyway */
    for (uint32_t tries = 100 * first; want > 0 && tries > 0 && seeds < first; tries--) {
        uint32_t pick = seeds + (uint32_t)sg_prng_below(&sim->prng, first - seeds);
        if (sim->nodes[pick].role != SG_SIM_HONEST || pick == line->target)
            continue;
        sim->nodes[pick].role = line->role;
        sim->nodes[pick].line = line;
        want--;
    }
}

/* Honest nodes know each other along random rings: mutual, and all hang together. */
static void draw_ring(struct sg_sim *sim, struct sg_prng *prng, uint32_t *order, uint32_t column)
{
    uint32_t width = sim->scenario->contacts;
    uint32_t count = 0;
    for (uint32_t i = 0; i < sim->scenario->first_nodes; i++) {
        if (sim->nodes[i].role == SG_SIM_HONEST)
            order[count++] = i;
    }
    for (uint32_t i = count; i > 1; i--) {
        uint32_t pick = (uint32_t)sg_prng_below(prng, i);
        uint32_t picked = order[pick];
        order[pick] = order[i - 1];
        order[i - 1] = picked;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t *list = &sim->contacts[(size_t)order[i] * width + column];
        list[0] = order[(i + 1) % count];
        list[1] = order[(i + count - 1) % count];
    }
}

static sg_err draw_contacts(struct sg_sim *sim)
{
    size_t nodes = sim->config.nodes;
    uint32_t width = sim->scenario->contacts;
    struct sg_prng prng;
    if (width == 0)
        return SG_OK;
    uint32_t *order = sg_mem_new(sim->mem, nodes, sizeof(*order));
    sim->contacts = sg_mem_new(sim->mem, nodes * width, sizeof(*sim->contacts));
    if (order == NULL || sim->contacts == NULL) {
        sg_mem_free(sim->mem, order);
        return SG_ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < nodes * width; i++)
        sim->contacts[i] = SG_SIM_NONE;
    sg_prng_init(&prng, sim->config.seed);
    for (uint32_t column = 0; column < width; column += 2)
        draw_ring(sim, &prng, order, column);
    sg_mem_free(sim->mem, order);
    return SG_OK;
}

sg_err sg_sim_scenario_init(struct sg_sim *sim)
{
    const struct sg_sim_scenario *scenario = sim->scenario;
    SG_TRY(sg_sim_metrics_init(sim));
    if (scenario->wants_heap)
        sim->core_mem = &sim->metrics->heap.mem;
    if (sim->check_every < CHECK_EVERY)
        sim->check_every = CHECK_EVERY;
    for (uint32_t i = 0; i < scenario->role_count; i++)
        draw_roles(sim, &scenario->roles[i]);
    SG_TRY(draw_contacts(sim));
    return scenario->role_count > 0 ? sg_sim_adversary_init(sim) : SG_OK;
}

void sg_sim_scenario_fini(struct sg_sim *sim)
{
    sg_sim_adversary_fini(sim);
    sg_sim_metrics_fini(sim);
    sg_mem_free(sim->mem, sim->contacts);
}

static void plan(struct sg_sim *sim, sg_time_ns at, enum sg_sim_event_kind kind, uint32_t index)
{
    sg_sim_push(sim,
                (struct sg_sim_event){.at = sim->zero + at, .kind = (uint8_t)kind, .index = index});
}

void sg_sim_scenario_begin(struct sg_sim *sim)
{
    const struct sg_sim_scenario *scenario = sim->scenario;
    sim->zero = sim->now;
    sg_sim_metrics_begin(sim);
    for (uint32_t i = 0; i < scenario->action_count; i++)
        plan(sim, scenario->actions[i].at, SG_SIM_EV_ACTION, i);
    if (scenario->has_publish)
        plan(sim, scenario->publish_from, SG_SIM_EV_PUBLISH, 0);
    for (uint32_t i = 0; i < sim->config.nodes; i++) {
        const struct sg_sim_adversary_line *line = sim->nodes[i].line;
        if (line != NULL)
            plan(sim, sg_sim_is_sybil(line->role) ? 0 : line->from, SG_SIM_EV_ADVERSARY, i);
    }
}

static bool is_topic_well(struct sg_sim *sim)
{
    struct sg_sim_overlay topic;
    if (!sim->scenario->has_publish)
        return true;
    if (sim->ledger.count < sim->ledger.total || !sg_sim_ledger_settle(sim))
        return false;
    /* attackers are part of that overlay: only honest networks can be whole */
    sg_sim_check_overlay(sim, &sim->topic, &topic);
    bool are_mutual = topic.asymmetric == 0 || sg_sim_onesided(sim, &sim->topic) == 0;
    return sim->scenario->role_count > 0 ||
           (topic.components <= 1 && topic.isolated == 0 && are_mutual);
}

static bool is_well(struct sg_sim *sim)
{
    struct sg_sim_graph graph;
    sg_sim_graph_look(sim, false, &graph);
    bool are_mutual = graph.asymmetric == 0 || sg_sim_onesided(sim, NULL) == 0;
    return graph.components <= 1 && graph.isolated == 0 && are_mutual && graph.wrong_dead == 0 &&
           is_topic_well(sim);
}

void sg_sim_scenario_tick(struct sg_sim *sim)
{
    const struct sg_sim_scenario *scenario = sim->scenario;
    uint64_t elapsed = sim->now - sim->zero;
    if (elapsed > 0 && elapsed % scenario->sample_ns == 0)
        sg_sim_metrics_sample(sim);
    if (elapsed < scenario->safety_ns)
        return;
    if (scenario->converge_ns > 0 && is_well(sim))
        sim->converged_at = sim->now;
    if (sim->converged_at != SG_TIME_NEVER ||
        elapsed >= scenario->safety_ns + scenario->converge_ns)
        sim->phase = SG_SIM_DONE;
}

double sg_sim_scenario_share(const struct sg_sim *sim)
{
    if (sim->zero == SG_TIME_NEVER)
        return 0.1 * sim->alive / sim->config.nodes;
    double all = (double)(sim->scenario->safety_ns + sim->scenario->converge_ns);
    double share = 0.1 + 0.9 * (double)(sim->now - sim->zero) / all;
    return share < 1 ? share : 1;
}

/* ---- the result ---- */

static sg_err take_series(struct sg_sim_result *result, const struct sg_sim_metrics *m)
{
    const size_t row = 1 + SG_SIM_SER_COUNT;
    result->columns = sg_mem_new(sg_mem_default(), row * m->sample_count, sizeof(double));
    if (result->columns == NULL && m->sample_count > 0)
        return SG_ERR_NO_MEMORY;
    result->count = m->sample_count;
    for (size_t i = 0; i < m->sample_count; i++) {
        for (size_t k = 0; k < row; k++)
            result->columns[k * m->sample_count + i] = m->samples[i * row + k];
    }
    return SG_OK;
}

sg_err sg_sim_scenario_finish(struct sg_sim *sim, const struct sg_sim_report *report)
{
    struct sg_sim_metrics *m = sim->metrics;
    struct sg_sim_result *result = sg_mem_new(sg_mem_default(), 1, sizeof(*result));
    if (result == NULL)
        return SG_ERR_NO_MEMORY;
    sg_sim_metrics_finish(sim, report);
    result->scenario = *sim->scenario;
    result->report = *report;
    for (uint32_t i = 0; i < SG_SIM_METRIC_COUNT; i++)
        result->values[i] = sg_sim_metric_value(m, i);
    sg_err err = take_series(result, m);
    if (err != SG_OK) {
        sg_sim_result_free(result);
        return err;
    }
    /* the run's memory is the default one, as the result's: taken over */
    result->known = m->spreads[SG_SIM_SPREAD_KNOWN_BY_ALL];
    m->spreads[SG_SIM_SPREAD_KNOWN_BY_ALL] = (struct sg_sim_spread){.values = NULL};
    sim->extra->result = result;
    return SG_OK;
}

/* A lab has no series, and its trace is its figures. */
static sg_err run_lab(const struct sg_sim_scenario *scenario, uint64_t seed,
                      void (*progress)(void *user, double share), void *user,
                      struct sg_sim_result **out)
{
    struct sg_sim_result *result = sg_mem_new(sg_mem_default(), 1, sizeof(*result));
    if (result == NULL)
        return SG_ERR_NO_MEMORY;
    struct sg_sim_lab_result lab = {.values = result->values};
    double begin = sg_sim_wall_seconds();
    sg_err err = sg_sim_lab_run(scenario, seed, progress, user, &lab);
    result->known = (struct sg_sim_spread){lab.known, lab.known_count, lab.known_count};
    if (err != SG_OK) {
        sg_sim_result_free(result);
        return err;
    }
    result->scenario = *scenario;
    result->report.events = lab.events;
    result->report.virtual_ns = lab.virtual_ns;
    result->report.wall_seconds = sg_sim_wall_seconds() - begin;
    for (size_t i = 0; i < SG_SIM_METRIC_COUNT; i++) {
        uint64_t bits = 0;
        if (!isnan(result->values[i]))
            memcpy(&bits, &result->values[i], sizeof(bits));
        result->report.trace_hash = sg_lab_mix(result->report.trace_hash, bits);
    }
    *out = result;
    return SG_OK;
}

sg_err sg_sim_scenario_run(const struct sg_sim_scenario *scenario, uint64_t seed,
                           void (*progress)(void *user, double share), void *user,
                           struct sg_sim_result **out)
{
    struct sg_sim_report report;
    if (scenario == NULL || out == NULL)
        return SG_ERR_INVALID_ARGUMENT;
    if (scenario->lab.kind != SG_SIM_LAB_NONE)
        return run_lab(scenario, seed, progress, user, out);
    struct sg_sim_config config = scenario->config;
    struct sg_sim_extra extra = sg_sim_extra_default();
    config.seed = seed;
    config.progress = progress;
    config.user = user;
    extra.scenario = scenario;
    SG_TRY(sg_sim_run_with(&config, &extra, &report));
    *out = extra.result;
    return SG_OK;
}

void sg_sim_result_free(struct sg_sim_result *result)
{
    if (result == NULL)
        return;
    sg_mem_free(sg_mem_default(), result->columns);
    sg_mem_free(sg_mem_default(), result->known.values);
    sg_mem_free(sg_mem_default(), result);
}

const struct sg_sim_report *sg_sim_result_report(const struct sg_sim_result *result)
{
    return &result->report;
}

static bool compare(double value, enum sg_sim_op op, double limit)
{
    switch (op) {
    case SG_SIM_LT:
        return value < limit;
    case SG_SIM_LE:
        return value <= limit;
    case SG_SIM_EQ:
        return value >= limit && value <= limit;
    case SG_SIM_GE:
        return value >= limit;
    case SG_SIM_GT:
        return value > limit;
    case SG_SIM_NE:
        return value < limit || value > limit;
    }
    return false;
}

bool sg_sim_result_expectation(const struct sg_sim_result *result, size_t index,
                               struct sg_sim_expectation *out)
{
    if (index >= result->scenario.expect_count)
        return false;
    const struct sg_sim_expect *expect = &result->scenario.expects[index];
    double value = result->values[expect->metric];
    *out = (struct sg_sim_expectation){.text = expect->text,
                                       .unit = sg_sim_metric_unit(expect->metric),
                                       .value = value,
                                       .limit = expect->limit,
                                       .is_known = !isnan(value)};
    out->is_met = out->is_known && compare(value, expect->op, expect->limit);
    return true;
}

bool sg_sim_result_is_met(const struct sg_sim_result *result)
{
    struct sg_sim_expectation expectation;
    for (size_t i = 0; sg_sim_result_expectation(result, i, &expectation); i++) {
        if (!expectation.is_met)
            return false;
    }
    return true;
}

bool sg_sim_result_figure(const struct sg_sim_result *result, size_t index,
                          struct sg_sim_figure *figure)
{
    if (index >= SG_SIM_METRIC_COUNT)
        return false;
    uint32_t metric = (uint32_t)index;
    *figure = (struct sg_sim_figure){.name = sg_sim_metric_name(metric),
                                     .unit = sg_sim_metric_unit(metric),
                                     .about = sg_sim_metric_about(metric),
                                     .value = result->values[metric],
                                     .is_known = !isnan(result->values[metric])};
    return true;
}

bool sg_sim_result_series(const struct sg_sim_result *result, size_t index,
                          struct sg_sim_series *series)
{
    if (index >= SG_SIM_SER_COUNT)
        return false;
    *series = (struct sg_sim_series){.name = sg_sim_series_name((uint32_t)index),
                                     .unit = sg_sim_series_unit((uint32_t)index),
                                     .times = result->columns,
                                     .values = result->columns + (index + 1) * result->count,
                                     .count = result->count};
    return true;
}

const double *sg_sim_result_known(const struct sg_sim_result *result, uint32_t *count)
{
    *count = result->known.count;
    return result->known.values;
}
