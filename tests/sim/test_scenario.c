/* The language of scenarios, what its commands do, and what is measured. */
#include <stdio.h>
#include <string.h>

#include "sim_case.h"

static struct sg_bytes text_of(const char *text)
{
    return (struct sg_bytes){(const uint8_t *)text, strlen(text)};
}

static struct sg_sim_scenario *parse(const char *text, const struct sg_sim_settings *settings)
{
    struct sg_sim_scenario *scenario;
    struct sg_sim_problem problem;
    sg_err err = sg_sim_scenario_new(text_of(text), settings, &scenario, &problem);
    if (err != SG_OK)
        fail_msg("line %u: %s", problem.line, problem.text);
    return scenario;
}

/* The text is refused at this line, with these words in the complaint. */
static void refuse(const char *text, uint32_t line, const char *words)
{
    struct sg_sim_scenario *scenario = NULL;
    struct sg_sim_problem problem;
    assert_int_equal(sg_sim_scenario_new(text_of(text), NULL, &scenario, &problem),
                     SG_ERR_MALFORMED);
    assert_null(scenario);
    if (problem.line != line || strstr(problem.text, words) == NULL)
        fail_msg("'%s': line %u: %s", text, problem.line, problem.text);
}

#define END "phase safety until 10s\nexpect isolated == 0\n"

/* The same seed gives the same figures, another one others. */
static void test_labs_are_decided_by_the_seed(void **state)
{
    static const char *const texts[] = {
        "nodes 64\nlab hyparview shuffles 5 fail 50% told on\nexpect reach_first > 0\n",
        "nodes 16\nlab swim crashes 50\nexpect probe_periods > 1\n",
        "nodes 48\nlab lifeguard stalled 4 for 20s\nexpect first_fail p50 > 1s\n",
        "nodes 24\nlab eclipse sybils 30% rounds 2\nexpect sybil_share > 0\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct sg_sim_scenario *scenario = parse(texts[i], NULL);
        uint64_t hash[3];
        for (unsigned k = 0; k < 3; k++) {
            struct sg_sim_result *result;
            assert_int_equal(sg_sim_scenario_run(scenario, k == 2 ? 2 : 1, NULL, NULL, &result),
                             SG_OK);
            assert_true(sg_sim_result_is_met(result));
            hash[k] = sg_sim_result_report(result)->trace_hash;
            sg_sim_result_free(result);
        }
        assert_int_equal(hash[0], hash[1]);
        assert_int_not_equal(hash[0], hash[2]);
        sg_sim_scenario_free(scenario);
    }
}

static void test_complaints_name_line_and_remedy(void **state)
{
    static const struct {
        const char *text;
        uint32_t line;
        const char *words;
    } cases[] = {
        {"", 0, "phase safety"},
        {"phase safety until 10s\n", 0, "expect"},
        {"nodes 5\nbogus 7\n" END, 2, "there are: let small nodes"},
        {"lab moon\n" END, 1, "hyparview|swim"},
        {"lab swim crashes\n" END, 1, "[crashes N]"},
        {"lab eclipse sybils much\n" END, 1, "[sybils SHARE]"},
        {"lab hyparview told maybe\n" END, 1, "[told on|off]"},
        {"lab hyparview slots 3\n" END, 1, "[fail SHARE]"},
        {"nodes 5000\nlab swim\nexpect kills > 0\n", 0, "3 .. 4096"},
        {"lab eclipse sybils 99%\nexpect eclipsed == 0\n", 0, "95%"},
        {"nodes 0\n" END, 1, "1 .. 100000"},
        {"nodes 100001\n" END, 1, "1 .. 100000"},
        {"nodes many\n" END, 1, "1 .. 100000"},
        {"seeds 5..2\n" END, 1, "seeds 1..20"},
        {"link loss 95%\n" END, 1, "at most 90%"},
        {"link colour 5\n" END, 1, "link [delay"},
        {"link delay 61s\n" END, 1, "delay at most 60s"},
        {"link delay -5ms\n" END, 1, "link [delay"},
        {"link delay 1e9s\n" END, 1, "link [delay"},
        {"at 5s\n" END, 1, "at TIME"},
        {"at 5s explode 5\n" END, 1, "there are: kill restart"},
        {"at 5s kill\n" END, 1, "kill WHO"},
        {"at 5s kill 101%\n" END, 1, "kill WHO"},
        {"at 5s kill 5 name x\n" END, 1, "kill WHO"},
        {"at 5s stall 5\n" END, 1, "stall WHO for TIME"},
        {"at 5s kill 5 every 0s\n" END, 1, "kill WHO"},
        {"at 5s kill 5 every 1ns\n" END, 1, "every 1ms"},
        {"at 5s kill 5 every 999us\n" END, 1, "every 1ms"},
        {"at 5s clock 5 by 1h\n" END, 1, "clock WHO by +1h"},
        {"at 5s loss 95%\n" END, 1, "use partition"},
        {"at 5s oneway 5 loss 10% up\n" END, 1, "in|out"},
        {"set hpv.activ 5\n" END, 1, "hpv.active"},
        {"set hpv.active x\n" END, 1, "a whole number"},
        {"set hpv.arwl 256\n" END, 1, "a whole number"},
        {"set swim.flood 1\n" END, 1, "on or off"},
        {"set swim.period 5\n" END, 1, "a time"},
        {"adversary 5 angel\n" END, 1, "liar|ghost"},
        {"expect isolate == 0\n" END, 1, "isolated"},
        {"expect known_by_all p51 < 1s\n" END, 1, "known_by_all p50"},
        {"expect isolated = 0\n" END, 1, "OP one of"},
        {"expect isolated == many\n" END, 1, "VALUE such as"},
        {"publish rate 0\n" END, 1, "publish rate 10"},
        {"publish rate 1000000\n" END, 1, "messages"},
        {"publish rate 0.0001\n" END, 1, "rate 0.001 .. 1000000"},
        {"let x\n" END, 1, "let NAME VALUE"},
        {"nodes $n\n" END, 1, "no 'let n'"},
        {"small\n" END, 1, "small COMMAND"},
        {"sample every 10ms\n" END, 1, "whole seconds"},
        {"phase sleep until 5s\n" END, 1, "phase safety"},
        {"check maybe\n" END, 1, "check on"},
        {"metric everything\n" END, 1, "metric graph"},
        {"a b c d e f g h i j k l m n o p q r s t u\n" END, 1, "at most 20 words"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        refuse(cases[i].text, cases[i].line, cases[i].words);
}

/* What a line asks for is compared with all others, wherever they stand. */
static void test_what_cannot_happen_is_refused(void **state)
{
    static const struct {
        const char *text;
        uint32_t line;
        const char *words;
    } cases[] = {
        {"lab swim\n" END, 0, "go only"},
        {"\n\nat 11s kill 5\n" END, 3, "after the end"},
        {"at 5s kill 50\nnodes 10\n" END, 1, "50 of 10 nodes"},
        {"at 5s stall 10 for 1s\nnodes 10\n" END, 1, "9 can be drawn"},
        {"nodes 10\nadversary 5 liar\nat 5s kill 5\n" END, 3, "4 can be drawn"},
        {"nodes 10\nat 5s kill node:99\n" END, 2, "the last one is node:9"},
        {"nodes 10\nat 5s restart node:10\n" END, 2, "the last one is node:9"},
        {"at 5s heal\n" END, 1, "no 'partition WHO' comes before"},
        {"at 1s partition half name x\nat 5s heal name nope\n" END, 2, "name nope' comes"},
        {"at 6s partition half name x\nat 5s heal name x\n" END, 2, "name x' comes"},
        {"at 1s partition half for 1s every 200ms\n" END, 1, "more than 32 partitions"},
        {"nodes 10\nadversary 50 liar\n" END, 2, "50 attackers of 10 nodes"},
        {"nodes 10\nadversary 50% liar\nadversary 4 ghost\n" END, 3, "here at most 3"},
        {"nodes 10\nadversary 8 sybil at node:3\nadversary 1 ghost\n" END, 3, "here at most 0"},
        {"adversary 5 liar from 10s\n" END, 1, "after the end"},
        {"adversary 5 liar from 5s until 4s\n" END, 1, "ends before it begins"},
        {"nodes 10\nadversary 50% sybil at node:99\n" END, 2, "the last one is node:9"},
        {"adversary 5 censor at node:10\nnodes 10\n" END, 1, "no node:10,"},
        {"nodes 90000\nat 1s kill 20% for 1s lost-disk\n" END, 0, "identities"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        refuse(cases[i].text, cases[i].line, cases[i].words);
}

static void test_variables_small_lines_and_settings(void **state)
{
    static const char text[] = "# Says what it is.\nlet n 30\nnodes $n # a comment\nseeds 3..5\n"
                               "link delay 20ms jitter 5%\nsmall let n 12\nsmall seeds 7\n" END;
    const char *const items[] = {"link.loss=2%", "hpv.active=5"};
    const char *const vars[] = {"n=44"};
    uint64_t first;
    uint64_t last;
    (void)state;
    struct sg_sim_scenario *s = parse(text, NULL);
    assert_string_equal(sg_sim_scenario_about(s), "Says what it is.");
    sg_sim_scenario_seeds(s, &first, &last);
    assert_true(s->config.nodes == 30 && first == 3 && last == 5);
    assert_int_equal(s->config.delay_ns, 20 * SG_NS_PER_MS);
    assert_int_equal(s->config.jitter_percent, 5);
    sg_sim_scenario_free(s);
    s = parse(text, &(struct sg_sim_settings){items, 2, true});
    sg_sim_scenario_seeds(s, &first, &last);
    assert_true(s->config.nodes == 12 && first == 7 && last == 7);
    assert_true(s->config.loss > 0.019 && s->config.loss < 0.021 && s->knob_count == 1);
    sg_sim_scenario_free(s);
    s = parse(text, &(struct sg_sim_settings){vars, 1, true});
    assert_int_equal(s->config.nodes, 44);
    sg_sim_scenario_free(s);
}

/* What nodes do not start with is told by its name: one setting alone, or the last of several that
 * do not go together. */
static void test_settings_that_no_node_starts_with(void **state)
{
    static const struct {
        const char *items[2];
        const char *words;
    } cases[] = {
        {{"hpv.active=0", "swim.period=2s"}, "'hpv.active 0'"},
        {{"swim.period=2s", "swim.period=0s"}, "'swim.period 0s', alone"},
        {{"hpv.active_max=5", "pt.backoff=1s"}, "'hpv.active_max 5'"},
        {{"hpv.active=4", "hpv.active_max=3"}, "'hpv.active_max 3'"},
        {{"links=0", "ban=1m"}, "'links 0'"},
        {{"link.linger=0", "ban=1m"}, "'link.linger 0s'"},
        {{"pt.backoff=300h", "ban=1m"}, "'pt.backoff 1080000s'"},
        {{"hpv.shuffle_interval=1ns", "ban=1m"}, "at least 1ms"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct sg_sim_settings settings = {cases[i].items, 2, false};
        struct sg_sim_scenario *scenario;
        struct sg_sim_problem problem;
        assert_int_equal(sg_sim_scenario_new(text_of(END), &settings, &scenario, &problem),
                         SG_ERR_MALFORMED);
        if (problem.line != 0 || strstr(problem.text, cases[i].words) == NULL)
            fail_msg("line %u: %s", problem.line, problem.text);
    }
    refuse("nodes 10\nset swim.period 0s\nset ban 1m\n" END, 2, "the default is 1s");
}

/* Settings that need each other, in either order. */
static void test_settings_go_together(void **state)
{
    const char *const items[] = {"hpv.active=14", "hpv.active_max=16", "retention=1h"};
    const struct sg_sim_settings settings = {items, 3, false};
    (void)state;
    sg_sim_scenario_free(parse(END, &settings));
    sg_sim_scenario_free(parse("set hpv.active_max 4\nset hpv.active 3\n" END, NULL));
}

/* As far as it makes sense. A lost disk makes one node more, whose number may be named, too. */
static void test_limits_are_allowed(void **state)
{
    static const char *const texts[] = {
        "at 5s kill 9 every 1ms\nnodes 10\n" END,
        "nodes 10\nat 5s kill 100%\nat 5s restart node:9\n" END,
        "nodes 10\nat 5s kill 1 for 1s lost-disk\nat 8s kill node:10\n" END,
        "nodes 10\nadversary 8 sybil at node:0\nat 5s kill 1\n" END,
        "nodes 10\nadversary 5 liar\nadversary 3 ghost always until 1s\n" END,
        "at 1s heal every 1s\nat 7s partition half\n" END,
        "at 1s partition half name x\nat 5s heal name x\n" END,
        "at 100ms partition half for 100ms every 310ms\n" END,
        "nodes 1\nat 5s kill all\n" END,
        "nodes 10\nadversary 5 sybil at node:9\n" END,
        "nodes 10\nadversary 5 sybil at node:10\nat 1s kill 1 for 1s lost-disk\n" END,
    };
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        sg_sim_scenario_free(parse(texts[i], NULL));
}

static void test_every_built_in_scenario_parses(void **state)
{
    size_t count = 0;
    (void)state;
    for (; sg_sim_builtin_at(count) != NULL; count++) {
        const struct sg_sim_builtin *builtin = sg_sim_builtin_at(count);
        const struct sg_sim_settings settings = {.small = true};
        struct sg_sim_scenario *scenario;
        struct sg_sim_problem problem;
        assert_ptr_equal(sg_sim_builtin_find(builtin->name), builtin);
        assert_int_equal(sg_sim_scenario_new(builtin->text, NULL, &scenario, &problem), SG_OK);
        assert_true(strlen(sg_sim_scenario_about(scenario)) > 10);
        sg_sim_scenario_free(scenario);
        assert_int_equal(sg_sim_scenario_new(builtin->text, &settings, &scenario, &problem), SG_OK);
        sg_sim_scenario_free(scenario);
    }
    assert_true(count >= 10);
    assert_null(sg_sim_builtin_find("no such scenario"));
}

/* ---- running ---- */

static struct sg_sim_result *run(const char *text)
{
    struct sg_sim_scenario *scenario = parse(text, NULL);
    struct sg_sim_result *result;
    assert_int_equal(sg_sim_scenario_run(scenario, 1, NULL, NULL, &result), SG_OK);
    sg_sim_scenario_free(scenario);
    return result;
}

/* NAN when unknown. */
static double figure(const struct sg_sim_result *result, const char *name)
{
    struct sg_sim_figure f;
    for (size_t i = 0; sg_sim_result_figure(result, i, &f); i++) {
        if (strcmp(f.name, name) == 0)
            return f.value;
    }
    fail_msg("no figure %s", name);
    return 0;
}

static void assert_figure(const struct sg_sim_result *result, const char *name, double min,
                          double max)
{
    double value = figure(result, name);
    if (!(value >= min && value <= max))
        fail_msg("%s is %g, not %g .. %g", name, value, min, max);
}

#define TEN "nodes 10\njoin over 1s\nsettle 2s\n"

/* Expectations can fail, and unknown values never meet one. */
static void test_expectations_can_fail(void **state)
{
    struct sg_sim_expectation e;
    (void)state;
    struct sg_sim_result *result = run(TEN "phase safety until 3s\nexpect alive == 10\n"
                                           "expect alive > 10\nexpect known_by_all p50 < 3s\n");
    assert_false(sg_sim_result_is_met(result));
    assert_true(sg_sim_result_expectation(result, 0, &e) && e.is_met && e.is_known);
    assert_true(sg_sim_result_expectation(result, 1, &e) && !e.is_met && e.is_known);
    assert_string_equal(e.text, "alive > 10");
    assert_true(sg_sim_result_expectation(result, 2, &e) && !e.is_met && !e.is_known);
    assert_false(sg_sim_result_expectation(result, 3, &e));
    sg_sim_result_free(result);
}

static void test_crashes_are_counted_and_detected(void **state)
{
    (void)state;
    struct sg_sim_result *result =
        run(TEN "at 5s kill node:3\nat 6s kill node:4 for 7s\nphase safety until 20s\n"
                "expect alive == 9\n");
    assert_true(sg_sim_result_is_met(result));
    assert_figure(result, "kills", 2, 2);
    assert_figure(result, "kills_unknown", 0, 0);
    assert_figure(result, "first_fail p50", 0.5, 5);
    assert_figure(result, "known_by_all max", figure(result, "first_fail p50"), 6);
    assert_figure(result, "fails", 2 * 7, 2 * 9);
    assert_figure(result, "fails_living", 0, 0);
    assert_figure(result, "wrong_alive", 0, 0);
    sg_sim_result_free(result);
}

static void test_a_partition_parts_and_merges(void **state)
{
    (void)state;
    struct sg_sim_result *result = run(TEN "at 2s partition half for 40s\nphase safety until 42s\n"
                                           "phase converge within 60s\nexpect components == 1\n");
    assert_true(sg_sim_result_is_met(result));
    assert_figure(result, "components_max", 2, 2);
    assert_figure(result, "merged_in", 0, 60);
    sg_sim_result_free(result);
}

/* A node frozen for a minute is given up, and is back soon after; a pause of 1 s does nothing. */
static void test_frozen_nodes(void **state)
{
    (void)state;
    struct sg_sim_result *result = run(TEN "at 2s freeze node:3 for 1s\nphase safety until 15s\n"
                                           "expect fails == 0\n");
    assert_true(sg_sim_result_is_met(result));
    sg_sim_result_free(result);
    result = run(TEN "at 2s freeze node:3 for 1m\nphase safety until 62s\n"
                     "phase converge within 30s\nexpect fails >= 8\nexpect fp == 0\n");
    if (!sg_sim_result_is_met(result))
        fail_msg("fails %g, fp %g, converged in %g", figure(result, "fails"), figure(result, "fp"),
                 figure(result, "converged_in"));
    sg_sim_result_free(result);
}

/* A lost disk is somebody new: the old one stays dead. */
static void test_a_lost_disk_is_a_new_identity(void **state)
{
    (void)state;
    struct sg_sim_result *result =
        run(TEN "at 2s kill node:3 for 8s lost-disk\nat 2s kill node:4 for 8s\n"
                "phase safety until 30s\nexpect alive == 10\n");
    assert_true(sg_sim_result_is_met(result));
    assert_figure(result, "members_mean", 9, 9);
    assert_figure(result, "wrong_dead", 0, 0);
    sg_sim_result_free(result);
}

/* A share is rounded, and so many new identities there are. */
static void test_all_lost_disks_come_back(void **state)
{
    (void)state;
    struct sg_sim_result *result = run(TEN "at 2s kill 15% for 3s lost-disk\n"
                                           "phase safety until 8s\nexpect alive == 10\n");
    assert_figure(result, "kills", 2, 2);
    assert_true(sg_sim_result_is_met(result));
    sg_sim_result_free(result);
}

static void test_series_and_charts(void **state)
{
    struct sg_sim_series series;
    struct sg_sim_chart chart;
    size_t count = 0;
    (void)state;
    struct sg_sim_result *result =
        run(TEN "at 2s kill 1\nmetric graph\nmetric heap\nphase safety until 12s\n"
                "expect alive == 9\n");
    assert_true(sg_sim_result_series(result, 0, &series));
    assert_string_equal(series.name, "alive");
    assert_int_equal(series.count, 13);
    assert_true(series.values[0] > 9.5 && series.values[12] < 9.5 && series.times[12] > 11.5);
    assert_figure(result, "heap_node", 1000, 1e8);
    assert_figure(result, "path_mean", 1, 2);
    for (; sg_sim_result_chart(result, count, "a < b & c", &chart) == SG_OK; count++) {
        assert_int_equal(strlen(chart.svg), chart.len);
        assert_non_null(strstr(chart.svg, "a &#60; b &#38; c"));
        assert_string_equal(chart.svg + chart.len - 7, "</svg>\n");
        assert_null(strstr(chart.svg, "nan"));
        sg_sim_chart_free(&chart);
    }
    assert_true(count >= 8);
    sg_sim_result_free(result);
}

static void test_the_seed_decides_a_scenario(void **state)
{
    (void)state;
    static const char real[] = TEN "link loss 5%\nadversary 2 replay\nat 2s stall 3 for 1s\n"
                                   "at 4s kill 2 for 3s lost-disk\nphase safety until 12s\n"
                                   "expect forged > 0\n";
    struct sg_sim_result *a = run(real);
    struct sg_sim_result *b = run(real);
    assert_int_equal(sg_sim_result_report(a)->trace_hash, sg_sim_result_report(b)->trace_hash);
    assert_true(sg_sim_result_is_met(a));
    sg_sim_result_free(a);
    sg_sim_result_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_complaints_name_line_and_remedy),
        cmocka_unit_test(test_what_cannot_happen_is_refused),
        cmocka_unit_test(test_labs_are_decided_by_the_seed),
        cmocka_unit_test(test_variables_small_lines_and_settings),
        cmocka_unit_test(test_settings_that_no_node_starts_with),
        cmocka_unit_test(test_settings_go_together),
        cmocka_unit_test(test_limits_are_allowed),
        cmocka_unit_test(test_every_built_in_scenario_parses),
        cmocka_unit_test(test_expectations_can_fail),
        cmocka_unit_test(test_crashes_are_counted_and_detected),
        cmocka_unit_test(test_a_partition_parts_and_merges),
        cmocka_unit_test(test_frozen_nodes),
        cmocka_unit_test(test_a_lost_disk_is_a_new_identity),
        cmocka_unit_test(test_all_lost_disks_come_back),
        cmocka_unit_test(test_series_and_charts),
        cmocka_unit_test(test_the_seed_decides_a_scenario),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
