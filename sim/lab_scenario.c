/* Published experiments as scenarios: what the line 'lab' says, and the runs of the laboratories.
 *
 * A lab runs single machines, because the papers measured single protocols: HyParView without a
 * failure detector beside it, SWIM without an overlay below it. Its figures have the names that
 * whole nodes use wherever they mean the same. */
#include "lab_scenario.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "lab_eclipse.h"
#include "lab_hpv.h"
#include "lab_swim.h"
#include "metrics.h"

#define PATH_SOURCES 200
#define HEAL_ROUNDS_MAX 10

/* ---- the line ---- */

enum word_kind { COUNT, TIME, SHARE, FLAG };

static const struct {
    enum sg_sim_lab_kind lab;
    const char *name;
    enum word_kind kind;
    size_t offset;
    uint64_t max; /* of a COUNT */
} words[] = {
#define WORD(lab, name, kind, field, max)                                                          \
    {                                                                                              \
        lab, name, kind, offsetof(struct sg_sim_lab, field), max                                   \
    }
    WORD(SG_SIM_LAB_HYPARVIEW, "shuffles", COUNT, rounds, 10000),
    WORD(SG_SIM_LAB_HYPARVIEW, "fail", SHARE, share, 0),
    WORD(SG_SIM_LAB_HYPARVIEW, "told", FLAG, is_told, 0),
    WORD(SG_SIM_LAB_HYPARVIEW, "ours", FLAG, is_ours, 0),
    WORD(SG_SIM_LAB_SWIM, "crashes", COUNT, rounds, 1000000),
    WORD(SG_SIM_LAB_LIFEGUARD, "alpha", COUNT, alpha, 100),
    WORD(SG_SIM_LAB_LIFEGUARD, "beta", COUNT, beta, 100),
    WORD(SG_SIM_LAB_LIFEGUARD, "stalled", COUNT, members, 4096),
    WORD(SG_SIM_LAB_LIFEGUARD, "for", TIME, duration_ns, 0),
    WORD(SG_SIM_LAB_LIFEGUARD, "pause", TIME, interval_ns, 0),
    WORD(SG_SIM_LAB_LIFEGUARD, "repeats", COUNT, rounds, 1000),
    WORD(SG_SIM_LAB_ECLIPSE, "sybils", SHARE, share, 0),
    WORD(SG_SIM_LAB_ECLIPSE, "slots", COUNT, slots, 8),
    WORD(SG_SIM_LAB_ECLIPSE, "bad", SHARE, bad, 0),
    WORD(SG_SIM_LAB_ECLIPSE, "rounds", COUNT, rounds, 10000),
#undef WORD
};
#define WORD_COUNT (sizeof(words) / sizeof(words[0]))

static const char *const lab_names[] = {"", "hyparview", "swim", "lifeguard", "eclipse"};

static struct sg_sim_lab defaults_of(enum sg_sim_lab_kind kind)
{
    struct sg_sim_lab lab = {.kind = kind, .alpha = 5, .beta = 6, .slots = 2};
    lab.duration_ns = UINT64_C(32768) * SG_NS_PER_MS;
    switch (kind) {
    case SG_SIM_LAB_NONE:
        break;
    case SG_SIM_LAB_HYPARVIEW:
        lab.rounds = 50;
        break;
    case SG_SIM_LAB_SWIM:
        lab.rounds = 500;
        break;
    case SG_SIM_LAB_LIFEGUARD:
        lab.rounds = 1;
        break;
    case SG_SIM_LAB_ECLIPSE:
        lab.rounds = 20;
        lab.share = 0.2;
        break;
    }
    return lab;
}

static bool read_value(size_t at, const char *text, struct sg_sim_lab *lab)
{
    uint8_t *field = (uint8_t *)lab + words[at].offset;
    uint64_t count = 0;
    switch (words[at].kind) {
    case COUNT:
        if (!sg_sim_word_count(text, words[at].max, &count))
            return false;
        *(uint32_t *)(void *)field = (uint32_t)count;
        return true;
    case TIME:
        return sg_sim_word_time(text, (uint64_t *)(void *)field);
    case SHARE:
        return sg_sim_word_share(text, (double *)(void *)field);
    case FLAG:
        *(bool *)(void *)field = strcmp(text, "on") == 0;
        return strcmp(text, "on") == 0 || strcmp(text, "off") == 0;
    }
    return false;
}

static sg_err bad_lab(struct sg_sim_line *line, enum sg_sim_lab_kind kind)
{
    static const char *const kinds[] = {" N", " TIME", " SHARE", " on|off"};
    char list[160] = "";
    size_t used = 0;
    if (kind == SG_SIM_LAB_NONE)
        return sg_sim_line_bad(line, "write: lab hyparview|swim|lifeguard|eclipse [NAME VALUE]..");
    for (size_t i = 0; i < WORD_COUNT && used < sizeof(list); i++) {
        if (words[i].lab == kind)
            used += (size_t)snprintf(list + used, sizeof(list) - used, " [%s%s]", words[i].name,
                                     kinds[words[i].kind]);
    }
    return sg_sim_line_bad(line, "write: lab %s%s", lab_names[kind], list);
}

sg_err sg_sim_line_lab(struct sg_sim_line *line)
{
    enum sg_sim_lab_kind kind = SG_SIM_LAB_NONE;
    for (size_t i = 1; line->count > 1 && i < sizeof(lab_names) / sizeof(lab_names[0]); i++) {
        if (strcmp(lab_names[i], line->word[1]) == 0)
            kind = (enum sg_sim_lab_kind)i;
    }
    if (kind == SG_SIM_LAB_NONE || line->count % 2 == 1)
        return bad_lab(line, kind);
    /* a later line, such as one of the small scale, changes what it names */
    struct sg_sim_lab lab = line->scenario->lab;
    if (lab.kind != kind)
        lab = defaults_of(kind);
    for (uint32_t i = 2; i < line->count; i += 2) {
        size_t at = 0;
        while (at < WORD_COUNT &&
               (words[at].lab != kind || strcmp(words[at].name, line->word[i]) != 0))
            at++;
        if (at == WORD_COUNT || !read_value(at, line->word[i + 1], &lab))
            return bad_lab(line, kind);
    }
    line->scenario->lab = lab;
    return SG_OK;
}

sg_err sg_sim_lab_finish(struct sg_sim_line *line, const struct sg_sim_scenario *scenario)
{
    if (scenario->action_count > 0 || scenario->role_count > 0 || scenario->knob_count > 0 ||
        scenario->has_publish || scenario->safety_ns > 0 || scenario->converge_ns > 0)
        return sg_sim_line_bad(line, "with 'lab' go only nodes, seeds, let, small and expect");
    /* as the labs have it: lab_hpv.h, lab_swim.h, lab_eclipse.h */
    static const struct {
        uint32_t min, max;
    } limits[] = {{0, 0}, {8, 100000}, {3, 4096}, {36, 4096}, {8, SG_LAB_HONEST_MAX}};
    const struct sg_sim_lab *lab = &scenario->lab;
    if (scenario->first_nodes < limits[lab->kind].min ||
        scenario->first_nodes > limits[lab->kind].max)
        return sg_sim_line_bad(line, "'lab %s' takes %u .. %u nodes", lab_names[lab->kind],
                               limits[lab->kind].min, limits[lab->kind].max);
    if (lab->share > 0.95 || lab->bad > 1 || lab->members > scenario->first_nodes - 2)
        return sg_sim_line_bad(line, "at most 95%% can fail or be Sybils, and all but two stall");
    return SG_OK;
}

/* ---- the runs ---- */

struct run {
    const struct sg_sim_scenario *scenario;
    uint64_t seed;
    void (*progress)(void *user, double share);
    void *user;
    struct sg_sim_lab_result *result;
};

static void tell(const struct run *run, double share)
{
    if (run->progress != NULL)
        run->progress(run->user, share);
}

static void figure(const struct run *run, enum sg_sim_figure_id id, double value)
{
    run->result->values[id] = value;
}

static void spread(const struct run *run, enum sg_sim_spread_id id, struct sg_lab_values *v)
{
    static const unsigned permilles[] = {500, 950, 990, 1000};
    double *out = run->result->values + SG_SIM_FIG_COUNT + (size_t)id * SG_SIM_STAT_COUNT;
    if (v->count == 0)
        return;
    sg_lab_values_sort(v);
    for (size_t i = 0; i < sizeof(permilles) / sizeof(permilles[0]); i++)
        out[i] = (double)sg_lab_values_at(v, permilles[i]) / 1e9;
    out[SG_SIM_MEAN] = sg_lab_values_mean(v) / 1e9;
}

/* ---- HyParView ---- */

static sg_err look(const struct run *run, struct sg_lab_hpv *lab, uint32_t sources)
{
    struct sg_lab_hpv_graph graph;
    SG_TRY(sg_lab_hpv_graph(lab, sources, &graph));
    figure(run, SG_SIM_FIG_ALIVE, graph.nodes);
    figure(run, SG_SIM_FIG_ISOLATED, graph.isolated);
    figure(run, SG_SIM_FIG_COMPONENTS, graph.components);
    figure(run, SG_SIM_FIG_ASYMMETRIC, graph.one_way);
    figure(run, SG_SIM_FIG_ACTIVE_MEAN, graph.degree);
    figure(run, SG_SIM_FIG_ACTIVE_FULL, graph.full);
    figure(run, SG_SIM_FIG_CLUSTERING, graph.clustering);
    figure(run, SG_SIM_FIG_PATH_MEAN, graph.path);
    /* 1 = as long as in a random graph of this size and degree, ln n / ln(k - 1) */
    figure(run, SG_SIM_FIG_PATH_SHARE,
           graph.path / (log(graph.nodes) / log(lab->config.hpv.active_target - 1)));
    return SG_OK;
}

/* Shuffle rounds until the survivors are one part again. */
static sg_err heal(const struct run *run, struct sg_lab_hpv *lab)
{
    uint64_t round = lab->config.hpv.shuffle_interval_ns * 6 / 5; /* with all its jitter */
    unsigned rounds = 0;
    SG_TRY(look(run, lab, 1));
    while (run->result->values[SG_SIM_FIG_COMPONENTS] > 1 && rounds < HEAL_ROUNDS_MAX) {
        rounds++;
        sg_lab_hpv_run(lab, round);
        SG_TRY(look(run, lab, 1));
    }
    if (run->result->values[SG_SIM_FIG_COMPONENTS] <= 1)
        figure(run, SG_SIM_FIG_HEAL_ROUNDS, rounds);
    return SG_OK;
}

/* DSN 2007 s5.3: messages right after the failure, then shuffles. */
static sg_err fail(const struct run *run, struct sg_lab_hpv *lab)
{
    const struct sg_sim_lab *setup = &run->scenario->lab;
    double least = 1;
    sg_lab_hpv_kill(lab, (unsigned)(setup->share * 1000 + 0.5));
    if (setup->is_ours) {
        /* the failure detector tells of dead neighbours in 0.7 to 3 s (swim.h) */
        sg_lab_hpv_notice(lab, 700 * SG_NS_PER_MS, 3 * SG_NS_PER_S);
        sg_lab_hpv_run(lab, 60 * SG_NS_PER_S);
        return look(run, lab, 1);
    }
    if (setup->is_told)
        sg_lab_hpv_notice(lab, 0, 4 * lab->config.delay_ns);
    for (unsigned i = 0; i < 10; i++) {
        double reach = sg_lab_hpv_flood(lab, true, SG_NS_PER_S);
        least = reach < least ? reach : least;
        if (i == 0)
            figure(run, SG_SIM_FIG_REACH_FIRST, reach);
        figure(run, SG_SIM_FIG_REACH_LAST, reach);
    }
    figure(run, SG_SIM_FIG_REACH_MIN, least);
    return heal(run, lab);
}

static sg_err hyparview(const struct run *run)
{
    const struct sg_sim_lab *setup = &run->scenario->lab;
    struct sg_lab_hpv_config config =
        setup->is_ours ? sg_lab_hpv_ours(sg_mem_default()) : sg_lab_hpv_paper(sg_mem_default());
    struct sg_lab_hpv *lab = NULL;
    config.nodes = run->scenario->first_nodes;
    config.seed = run->seed;
    sg_err err = sg_lab_hpv_new(&lab, &config);
    if (err == SG_OK) {
        sg_lab_hpv_join(lab);
        for (uint32_t i = 0; i < setup->rounds; i++) {
            tell(run, 0.1 + 0.8 * i / setup->rounds);
            sg_lab_hpv_run(lab, config.hpv.shuffle_interval_ns);
        }
        err = look(run, lab, PATH_SOURCES);
    }
    if (err == SG_OK && setup->share > 0)
        err = fail(run, lab);
    if (err == SG_OK)
        err = lab->net.err;
    if (err == SG_OK) {
        run->result->events = lab->net.events;
        run->result->virtual_ns = lab->net.now;
    }
    sg_lab_hpv_free(lab);
    return err;
}

/* ---- SWIM ---- */

/* DSN 2002 s5: periods until somebody probes a crashed member. */
static sg_err swim(const struct run *run)
{
    struct sg_lab_swim_config config = sg_lab_swim_paper(sg_mem_default(), false);
    struct sg_lab_values periods = {.mem = sg_mem_default()};
    struct sg_lab_values suspected = {.mem = sg_mem_default()};
    config.nodes = run->scenario->first_nodes;
    config.seed = run->seed;
    config.swim.members_max = SG_SWIM_MEMBERS_HARD;
    config.swim.dead_max = 1;
    sg_err err = sg_lab_swim_crashes(&config, run->scenario->lab.rounds, &periods, &suspected);
    if (err == SG_OK)
        err = periods.err != SG_OK ? periods.err : suspected.err;
    if (err == SG_OK && periods.count > 0) {
        double e = exp(1);
        figure(run, SG_SIM_FIG_KILLS, run->scenario->lab.rounds);
        figure(run, SG_SIM_FIG_PROBE_PERIODS, sg_lab_values_mean(&periods));
        figure(run, SG_SIM_FIG_PROBE_SHARE, sg_lab_values_mean(&periods) / (e / (e - 1)));
        spread(run, SG_SIM_SPREAD_FIRST_SUSPECT, &suspected);
        run->result->events = periods.count;
    }
    sg_lab_values_fini(&periods);
    sg_lab_values_fini(&suspected);
    return err;
}

/* ---- Lifeguard ---- */

static sg_err stall(const struct run *run, bool lifeguard, struct sg_lab_swim_result *result)
{
    const struct sg_sim_lab *setup = &run->scenario->lab;
    struct sg_lab_swim_config config = sg_lab_swim_paper(sg_mem_default(), lifeguard);
    struct sg_lab_stall stall = {.members = setup->members,
                                 .duration_ns = setup->duration_ns,
                                 .interval_ns = setup->interval_ns,
                                 .quiesce_ns = 15 * SG_NS_PER_S,
                                 .run_ns = 120 * SG_NS_PER_S};
    config.nodes = run->scenario->first_nodes;
    config.swim.alpha_milli = 1000 * (lifeguard ? setup->alpha : 5);
    config.swim.beta_milli = 1000 * (lifeguard ? setup->beta : 1);
    for (uint32_t i = 0; i < setup->rounds; i++) {
        /* the paper's counts in turn */
        static const uint32_t members[] = {1, 4, 8, 12, 16, 20, 24, 28, 32};
        if (setup->members == 0)
            stall.members = members[i % (sizeof(members) / sizeof(members[0]))];
        tell(run, (lifeguard ? 0.5 : 0) + 0.5 * i / setup->rounds);
        config.seed = sg_lab_mix(run->seed, i);
        SG_TRY(sg_lab_swim_stall(&config, &stall, result));
    }
    return result->first.err != SG_OK ? result->first.err : result->full.err;
}

static sg_err keep_known(struct sg_sim_lab_result *result, const struct sg_lab_values *full)
{
    if (full->count == 0)
        return SG_OK;
    result->known = sg_mem_new(sg_mem_default(), full->count, sizeof(double));
    if (result->known == NULL)
        return SG_ERR_NO_MEMORY;
    for (size_t i = 0; i < full->count; i++)
        result->known[i] = (double)full->value[i] / 1e9;
    result->known_count = (uint32_t)full->count;
    return SG_OK;
}

/* arXiv 1707.00788 s5: Lifeguard beside plain SWIM in the same run. */
static sg_err lifeguard(const struct run *run)
{
    struct sg_lab_swim_result base, ours;
    sg_lab_swim_result_init(&base, sg_mem_default());
    sg_lab_swim_result_init(&ours, sg_mem_default());
    sg_err err = stall(run, false, &base);
    if (err == SG_OK)
        err = stall(run, true, &ours);
    if (err == SG_OK) {
        spread(run, SG_SIM_SPREAD_FIRST_FAIL, &ours.first);
        spread(run, SG_SIM_SPREAD_KNOWN_BY_ALL, &ours.full);
        figure(run, SG_SIM_FIG_FP, (double)ours.fp);
        figure(run, SG_SIM_FIG_FP_HEALTHY, (double)ours.fp_healthy);
        if (base.fp > 0)
            figure(run, SG_SIM_FIG_FP_SHARE, (double)ours.fp / (double)base.fp);
        if (base.fp_healthy > 0)
            figure(run, SG_SIM_FIG_FP_HEALTHY_SHARE,
                   (double)ours.fp_healthy / (double)base.fp_healthy);
        run->result->events = base.events + ours.events;
        err = keep_known(run->result, &ours.full);
    }
    sg_lab_swim_result_fini(&base);
    sg_lab_swim_result_fini(&ours);
    return err;
}

/* ---- eclipse ---- */

static sg_err eclipse(const struct run *run)
{
    const struct sg_sim_lab *setup = &run->scenario->lab;
    struct sg_lab_config config = sg_lab_config_default(sg_mem_default());
    struct sg_lab_result out;
    uint32_t honest = run->scenario->first_nodes;
    double sybils = honest * setup->share / (1 - setup->share);
    if (sybils > SG_LAB_NAMES_MAX)
        return SG_ERR_INVALID_ARGUMENT;
    config.honest = (uint16_t)honest;
    config.sybils = (uint16_t)(sybils + 0.5);
    config.rounds = (uint16_t)setup->rounds;
    config.bad_percent = (uint8_t)(setup->bad * 100 + 0.5);
    config.hpv.contact_slots = (uint8_t)setup->slots;
    SG_TRY(sg_lab_run(&config, run->seed, &out));
    figure(run, SG_SIM_FIG_ECLIPSED, out.eclipsed_end);
    figure(run, SG_SIM_FIG_ECLIPSED_MAX, out.eclipsed_worst);
    figure(run, SG_SIM_FIG_OUTSIDE, out.outside_end);
    figure(run, SG_SIM_FIG_SYBIL_SHARE, out.sybil_permille / 1000.0);
    run->result->events = out.inputs;
    return SG_OK;
}

sg_err sg_sim_lab_run(const struct sg_sim_scenario *scenario, uint64_t seed,
                      void (*progress)(void *user, double share), void *user,
                      struct sg_sim_lab_result *result)
{
    const struct run run = {scenario, seed, progress, user, result};
    for (size_t i = 0; i < SG_SIM_METRIC_COUNT; i++)
        result->values[i] = NAN;
    switch (scenario->lab.kind) {
    case SG_SIM_LAB_HYPARVIEW:
        return hyparview(&run);
    case SG_SIM_LAB_SWIM:
        return swim(&run);
    case SG_SIM_LAB_LIFEGUARD:
        return lifeguard(&run);
    case SG_SIM_LAB_ECLIPSE:
        return eclipse(&run);
    case SG_SIM_LAB_NONE:
        break;
    }
    return SG_ERR_INVALID_ARGUMENT;
}
