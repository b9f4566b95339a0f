/* Prints the trace hashes of a few runs: tests/sim/determinism.sh compares what different compilers
 * make of them. */
#include <inttypes.h>
#include <stdio.h>

#include <saorsa/sim.h>

static int run(const char *name, const struct sg_sim_config *config)
{
    struct sg_sim_report report;
    sg_err err = sg_sim_run(config, &report);
    if (err != SG_OK) {
        fprintf(stderr, "%s: %s\n", name, sg_err_text(err));
        return 1;
    }
    printf("%s %016" PRIx64 " events %" PRIu64 " missing %" PRIu64 "\n", name, report.trace_hash,
           report.events, report.missing);
    return 0;
}

/* A scenario at its small scale: faults, attackers, SWIM. */
static int run_scenario(const char *name)
{
    const struct sg_sim_builtin *builtin = sg_sim_builtin_find(name);
    const struct sg_sim_settings settings = {.small = true};
    struct sg_sim_scenario *scenario;
    struct sg_sim_problem problem;
    struct sg_sim_result *result;
    if (builtin == NULL ||
        sg_sim_scenario_new(builtin->text, &settings, &scenario, &problem) != SG_OK)
        return 1;
    sg_err err = sg_sim_scenario_run(scenario, 1, NULL, NULL, &result);
    sg_sim_scenario_free(scenario);
    if (err != SG_OK)
        return 1;
    const struct sg_sim_report *report = sg_sim_result_report(result);
    printf("%s %016" PRIx64 " events %" PRIu64 "\n", name, report->trace_hash, report->events);
    sg_sim_result_free(result);
    return 0;
}

int main(void)
{
    struct sg_sim_config plain;
    sg_sim_config_init(&plain);
    plain.nodes = 200;
    plain.messages = 20;
    plain.rate = 20;
    plain.check = false;
    struct sg_sim_config rough = plain;
    rough.nodes = 60;
    rough.seed = 2;
    rough.loss = 0.03;
    rough.duplicate = 0.03;
    rough.reorder = 0.1;
    rough.kill = 0.2;
    rough.restart = true;
    rough.partition = 0.3;
    rough.partition_at_ns = 500000000;
    rough.partition_for_ns = UINT64_C(15000000000);
    struct sg_sim_config wild = rough;
    wild.seed = 3;
    wild.reorder_within = true;
    return run("plain", &plain) | run("rough", &rough) | run("wild", &wild) |
           run_scenario("crash50") | run_scenario("replay");
}
