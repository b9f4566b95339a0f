/* saorsa sim: the protocol with many nodes in virtual time. */
#include <stdio.h>
#include <string.h>

#include <saorsa/sim.h>

#include "command.h"
#include "options.h"
#include "progress.h"
#include "report.h"
#include "sim_scenario.h"

/* What the options fill in; the types are those of options.h. */
struct sim_args {
    uint64_t nodes, seed, messages, size, warmup, jitter;
    double rate, delay_ms, limit_s;
    double loss, duplicate, reorder, kill, partition;
    double partition_at_s, partition_for_s;
    bool restart, no_check, reorder_within, json, list;
    const char *show;
    struct sg_app_scenario_args scenario;
};

static struct sim_args defaults(const struct sg_sim_config *config)
{
    return (struct sim_args){
        .nodes = config->nodes,
        .seed = config->seed,
        .messages = config->messages,
        .size = config->payload_len,
        .warmup = config->warmup,
        .jitter = config->jitter_percent,
        .rate = config->rate,
        .delay_ms = (double)config->delay_ns / 1e6,
        .limit_s = (double)config->limit_ns / 1e9,
        .loss = config->loss,
        .duplicate = config->duplicate,
        .reorder = config->reorder,
        .kill = config->kill,
        .partition = config->partition,
        .partition_at_s = (double)config->partition_at_ns / 1e9,
        .partition_for_s = (double)config->partition_for_ns / 1e9,
    };
}

static void configure(struct sg_sim_config *config, const struct sim_args *args)
{
    config->nodes = (uint32_t)args->nodes;
    config->seed = args->seed;
    config->messages = (uint32_t)args->messages;
    config->payload_len = (uint32_t)args->size;
    config->warmup = (uint32_t)args->warmup;
    config->jitter_percent = (unsigned)args->jitter;
    config->rate = args->rate;
    config->delay_ns = (uint64_t)(args->delay_ms * 1e6);
    config->limit_ns = (uint64_t)(args->limit_s * 1e9);
    config->loss = args->loss;
    config->duplicate = args->duplicate;
    config->reorder = args->reorder;
    config->reorder_within = args->reorder_within;
    config->kill = args->kill;
    config->restart = args->restart;
    config->partition = args->partition;
    config->partition_at_ns = (uint64_t)(args->partition_at_s * 1e9);
    config->partition_for_ns = (uint64_t)(args->partition_for_s * 1e9);
    config->check = !args->no_check;
}

static void show_progress(void *user, double share)
{
    struct sg_progress *progress = user;
    if (sg_progress_due(progress))
        sg_progress_show(progress, "simulating: %.0f %%", share * 100);
}

/* The warm-up that 0 stands for. */
static uint64_t warmup_of(const struct sim_args *args)
{
    if (args->warmup > 0)
        return args->warmup;
    return args->messages / 10 > 5 ? args->messages / 10 : 5;
}

static int print(const struct sim_args *args, const struct sg_sim_report *result)
{
    const struct sg_app_report_simulation simulation = {
        .seed = args->seed,
        .trace_hash = result->trace_hash,
        .events = result->events,
        .virtual_s = (double)result->virtual_ns / 1e9,
        .wall_s = result->wall_seconds,
        .control_share = result->control_share,
        .components = result->components,
        .isolated = result->isolated,
        .active_mean = result->active_mean,
    };
    const struct sg_app_report report = {
        .nodes = args->nodes,
        .killed = (uint64_t)(args->kill * (double)args->nodes),
        .messages = args->messages,
        .warmup = warmup_of(args),
        .size_mean = (double)args->size,
        .rate = args->rate,
        .delivered = result->delivered,
        .deliveries = result->deliveries,
        .missing = result->missing,
        .p50_ns = (double)result->latency_p50_ns,
        .p95_ns = (double)result->latency_p95_ns,
        .p99_ns = (double)result->latency_p99_ns,
        .max_ns = (double)result->latency_max_ns,
        .last_p50_ns = (double)result->last_node_p50_ns,
        .last_p99_ns = (double)result->last_node_p99_ns,
        .rmr = result->rmr,
        .hop_mean = result->ldh_mean,
        .hop_max = result->ldh_max,
        .bytes_per_delivery = result->bytes_per_delivery,
        .ok = result->missing == 0,
        .simulation = &simulation,
    };
    bool printed = true;
    if (args->json)
        printed = sg_app_report_print_json(&report);
    else
        sg_app_report_print(&report);
    if (!report.ok)
        sg_complain("%llu deliveries are missing", (unsigned long long)report.missing);
    return report.ok && printed ? SG_EXIT_OK : SG_EXIT_FAILURE;
}

static int simulate(const struct sim_args *args)
{
    struct sg_sim_config config;
    struct sg_sim_report result;
    struct sg_progress progress;
    sg_sim_config_init(&config);
    configure(&config, args);
    sg_progress_init(&progress, args->json);
    config.progress = show_progress;
    config.user = &progress;
    sg_err err = sg_sim_run(&config, &result);
    sg_progress_clear(&progress);
    if (err == SG_ERR_INVALID_ARGUMENT)
        return sg_opt_usage_error(&sg_cmd_sim, "these options do not go together");
    if (err != SG_OK) {
        sg_complain("the simulation failed: %s", sg_err_text(err));
        return SG_EXIT_FAILURE;
    }
    return print(args, &result);
}

/* Options of a run without a scenario, and what says the same with one: the words before and after
 * the value of the option, or without an end all of it. */
static const struct {
    const char *name, *instead, *end;
} PLAIN[] = {
    {"nodes", "--set nodes=", ""},
    {"seed", "--seeds ", ""},
    {"delay-ms", "--set link.delay=", "ms"},
    {"jitter", "--set link.jitter=", "%"},
    {"loss", "--set link.loss=", ""},
    {"duplicate", "--set link.duplicate=", ""},
    {"reorder", "--set link.reorder=", ""},
    {"messages", "--set 'publish=rate 10 until 30s'", NULL},
    {"rate", "--set 'publish=rate ", "'"},
    {"size", "--set 'publish=rate 10 size ", "'"},
    {"kill", "--set 'at=30s kill 10%'", NULL},
    {"restart", "--set 'at=30s kill 10% for 10s'", NULL},
    {"partition", "--set 'at=30s partition half for 60s'", NULL},
    {"partition-at", "--set 'at=30s partition half for 60s'", NULL},
    {"partition-for", "--set 'at=30s partition half for 60s'", NULL},
    {"limit", "--set 'phase=safety until ", "s'"},
    {"no-check", "--set check=off", NULL},
    {"warmup", NULL, NULL},
    {"reorder-within", NULL, NULL},
};

/* An option that a scenario would pass over in silence is refused with what to write instead. */
static int refuse_plain(const struct sg_opt_set *set, const struct sg_opt_args *given)
{
    for (size_t i = 0; i < SG_COUNT(PLAIN); i++) {
        const char *value = sg_opt_given(set, given, PLAIN[i].name);
        if (value == NULL)
            continue;
        if (PLAIN[i].instead == NULL)
            return sg_opt_usage_error(&sg_cmd_sim, "a scenario knows no --%s: leave it out",
                                      PLAIN[i].name);
        return sg_opt_usage_error(&sg_cmd_sim, "a scenario takes no --%s: write %s%.40s%s",
                                  PLAIN[i].name, PLAIN[i].instead,
                                  PLAIN[i].end != NULL ? value : "",
                                  PLAIN[i].end != NULL ? PLAIN[i].end : "");
    }
    return SG_EXIT_OK;
}

/* What stands beside an option that prints something and takes nothing else. */
static int refuse_beside(const struct sg_opt_set *set, const struct sg_opt_args *given,
                         const char *name)
{
    for (size_t i = 0; i < set->count; i++) {
        const char *other = set->opts[i].name;
        if (given->given[i] != NULL && strcmp(other, name) != 0)
            return sg_opt_usage_error(&sg_cmd_sim, "--%s and --%s do not go together", name, other);
    }
    return SG_EXIT_OK;
}

/* Whether all options that are there have a meaning together. */
static int check_given(const struct sg_opt_set *set, const struct sg_opt_args *given,
                       const struct sim_args *args)
{
    if (args->list)
        return refuse_beside(set, given, "list");
    if (args->show != NULL)
        return refuse_beside(set, given, "show");
    if (args->scenario.name != NULL)
        return refuse_plain(set, given);
    return SG_EXIT_OK;
}

/* What the options ask for. */
static int act(struct sim_args *args)
{
    args->scenario.json = args->json;
    if (args->list)
        return sg_app_scenario_list();
    if (args->show != NULL)
        return sg_app_scenario_show(args->show);
    if (args->scenario.name != NULL)
        return sg_app_scenario_run(&args->scenario);
    if (args->scenario.seeds != NULL || args->scenario.out != NULL || args->scenario.small ||
        args->scenario.setting.count > 0)
        return sg_opt_usage_error(&sg_cmd_sim, "--seeds, --set, --small and --out need --scenario");
    if (args->rate <= 0)
        return sg_opt_usage_error(&sg_cmd_sim, "--rate must be more than 0");
    return simulate(args);
}

static int run(int argc, char **argv)
{
    struct sg_sim_config config;
    sg_sim_config_init(&config);
    struct sim_args args = defaults(&config);
    const struct sg_opt opts[] = {
        {"scenario", SG_OPT_TEXT, &args.scenario.name, "NAME", "run a scenario: its name or a file",
         0, 0},
        {"list", SG_OPT_FLAG, &args.list, NULL, "name the scenarios", 0, 0},
        {"show", SG_OPT_TEXT, &args.show, "NAME",
         "print the text of a scenario: its name or a file", 0, 0},
        {"seeds", SG_OPT_TEXT, &args.scenario.seeds, "A..B",
         "of a scenario, one run each [as it says]", 0, 0},
        {"set", SG_OPT_LIST, &args.scenario.setting, "KEY=VALUE",
         "of a scenario: a variable, or e.g. nodes=50 or\n'publish=rate 5' (many times)", 0, 0},
        {"small", SG_OPT_FLAG, &args.scenario.small, NULL, "a scenario at its small scale", 0, 0},
        {"out", SG_OPT_TEXT, &args.scenario.out, "DIR",
         "write result.json and charts (SVG) of a scenario", 0, 0},
        {"nodes", SG_OPT_COUNT, &args.nodes, "N", "how many nodes [100]", 1, 100000},
        {"seed", SG_OPT_COUNT, &args.seed, "N", "everything random comes from it [1]", 0, 0},
        {"messages", SG_OPT_COUNT, &args.messages, "N", "published by random nodes [100]", 1,
         1000000},
        {"size", SG_OPT_COUNT, &args.size, "BYTES", "of each payload [256]", 0, 16777216},
        {"rate", SG_OPT_NUMBER, &args.rate, "N", "messages per virtual second [10]", 0, 1000000},
        {"warmup", SG_OPT_COUNT, &args.warmup, "N",
         "messages before those, left out of the redundancy\n[0 = a tenth, at least 5]", 0,
         1000000},
        {"delay-ms", SG_OPT_NUMBER, &args.delay_ms, "MS", "one way over a link [10]", 0, 60000},
        {"jitter", SG_OPT_COUNT, &args.jitter, "PERCENT", "of the delay [10]", 0, 100},
        {"loss", SG_OPT_SHARE, &args.loss, "SHARE", "of the frames, e.g. 0.05 or 5% [0]", 0, 0},
        {"duplicate", SG_OPT_SHARE, &args.duplicate, "SHARE", "of the frames [0]", 0, 0},
        {"reorder", SG_OPT_SHARE, &args.reorder, "SHARE", "of the frames, between lanes [0]", 0, 0},
        {"reorder-within", SG_OPT_FLAG, &args.reorder_within, NULL,
         "reorder and duplicate within a lane, harsher than QUIC", 0, 0},
        {"kill", SG_OPT_SHARE, &args.kill, "SHARE", "of the nodes crash half-way [0]", 0, 0},
        {"restart", SG_OPT_FLAG, &args.restart, NULL, "crashed nodes come back after 10 s", 0, 0},
        {"partition", SG_OPT_SHARE, &args.partition, "SHARE", "of the nodes is cut off [0]", 0, 0},
        {"partition-at", SG_OPT_NUMBER, &args.partition_at_s, "S",
         "when, counted from the first message [0]", 0, 1000000},
        {"partition-for", SG_OPT_NUMBER, &args.partition_for_s, "S", "for how long [0]", 0,
         1000000},
        {"limit", SG_OPT_NUMBER, &args.limit_s, "S", "end of virtual time [600]", 1, 1000000},
        {"no-check", SG_OPT_FLAG, &args.no_check, NULL, "do not check invariants at every step", 0,
         0},
        {"json", SG_OPT_FLAG, &args.json, NULL, "print the report as an object", 0, 0},
    };
    const struct sg_opt_set set = {&sg_cmd_sim, opts, SG_COUNT(opts), 0, 0};
    struct sg_opt_args rest;
    int code;
    if (!sg_opt_begin(&set, argc, argv, &rest, &code))
        return code;
    code = check_given(&set, &rest, &args);
    return code != SG_EXIT_OK ? code : act(&args);
}

const struct sg_command sg_cmd_sim = {
    .name = "sim",
    .summary = "Simulate a network of many nodes in virtual time.",
    .usage = "[--nodes N] [--seed N] [--messages N] [--loss SHARE] [--kill SHARE] [...]",
    .about = "Runs the protocol code of the node without sockets and cryptography. The same seed\n"
             "and options give the same trace hash on every machine. Exit code 1 when a living\n"
             "node misses a message.\n"
             "With --scenario it runs a text of faults, attacks and expectations instead, and the\n"
             "exit code is 1 when a seed does not meet them.",
    .example = "  saorsa sim --nodes 1000 --seed 7\n"
               "  saorsa sim --nodes 200 --loss 5% --kill 10% --json\n"
               "  saorsa sim --scenario halves --seeds 1..20 --out result",
    .run = run,
};
