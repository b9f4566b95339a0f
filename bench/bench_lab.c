/* Published experiments on our own machines, ours beside the published figures.
 *
 *   bench_lab hpv [seeds]               HyParView at 10 000 nodes, our views at 1 000
 *   bench_lab views [seeds [nodes]]     our views at so many nodes [10 000]: who is left alone
 *   bench_lab first [trials]            SWIM: time to first detection at 10, 100, 1 000 nodes
 *   bench_lab threshold [repeats]       Lifeguard: detection of members that stall once
 *   bench_lab interval [repeats [jobs]] Lifeguard: false positives while members stall again and
 *                                       again; jobs processes at once
 *   bench_lab [all]                     all of it, on one core in about half an hour
 *
 * All is in virtual time and decided by seeds that count from 1. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../sim/lab_hpv.h"
#include "../sim/lab_swim.h"

#define PATH_SOURCES 1000

static double seconds(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void must(sg_err err)
{
    if (err == SG_OK)
        return;
    fprintf(stderr, "bench_lab: %s\n", sg_err_text(err));
    exit(EXIT_FAILURE);
}

/* ---- HyParView ---- */

static struct sg_lab_hpv *settled(const struct sg_lab_hpv_config *config, uint64_t for_ns)
{
    struct sg_lab_hpv *lab;
    must(sg_lab_hpv_new(&lab, config));
    sg_lab_hpv_join(lab);
    sg_lab_hpv_run(lab, for_ns);
    must(lab->net.err);
    return lab;
}

static struct sg_lab_hpv_graph graph_of(struct sg_lab_hpv *lab, uint32_t sources)
{
    struct sg_lab_hpv_graph graph;
    must(sg_lab_hpv_graph(lab, sources, &graph));
    return graph;
}

static void show_graph(const struct sg_lab_hpv *lab, const struct sg_lab_hpv_graph *g)
{
    printf("  %4" PRIu64 "  %6.3f  %7.5f  %7.4f  %6.3f  %4.2f  %2" PRIu32 "..%-2" PRIu32
           "  %4" PRIu32 "  %6" PRIu32 "  %7" PRIu32 "\n",
           lab->config.seed, g->path, g->clustering, g->full, g->degree, g->in_sd, g->in_min,
           g->in_max, g->components, g->isolated, g->one_way);
}

/* Share of the survivors that a flood over the bare graph reaches: each link of a regular random
 * graph of degree k survives with p; u = probability that a link leads nowhere. */
static double percolation(double p, unsigned k)
{
    double u = 0;
    for (int i = 0; i < 100000; i++)
        u = 1 - p + p * pow(u, k - 1);
    double giant = 1 - pow(u, k);
    return giant * giant; /* the origin must be in the giant component as well */
}

/* Floods right after the failure, before any shuffle of most nodes: the first, and what follows
 * each second. */
static void fail_and_flood(struct sg_lab_hpv *lab, unsigned permille, bool is_told)
{
    double bare;
    sg_lab_hpv_kill(lab, permille);
    bare = graph_of(lab, PATH_SOURCES).reach;
    if (is_told)
        sg_lab_hpv_notice(lab, 0, 4 * lab->config.delay_ns);
    printf("  %5.0f %%  %-8s %6.2f (%6.2f)  ", permille / 10.0, is_told ? "reset" : "use",
           100 * bare, 100 * percolation(1 - permille / 1000.0, lab->config.hpv.active_max));
    for (unsigned i = 1; i <= 10; i++) {
        double reach = sg_lab_hpv_flood(lab, true, SG_NS_PER_S);
        if (i <= 3 || i == 10)
            printf("  %6.2f", 100 * reach);
    }
    printf("\n");
}

/* How a link to the dead is found broken: a message or shuffle over it; each end is told by its
 * own machine; by use, with ten broadcasts in each round. */
enum found { FOUND_BY_USE, FOUND_BY_RESET, FOUND_BY_MESSAGES, FOUND_COUNT };
static const char *const found_names[] = {"use", "reset", "messages"};

static void ten_messages(struct sg_lab_hpv *lab)
{
    for (unsigned i = 0; i < 10; i++)
        (void)sg_lab_hpv_flood(lab, true, SG_NS_PER_S);
}

/* Shuffle rounds until the survivors are whole again. */
static void fail_and_heal(struct sg_lab_hpv *lab, unsigned permille, enum found found)
{
    unsigned rounds = 0;
    uint64_t round = lab->config.hpv.shuffle_interval_ns * 6 / 5; /* with all its jitter */
    sg_lab_hpv_kill(lab, permille);
    if (found == FOUND_BY_RESET)
        sg_lab_hpv_notice(lab, 0, 4 * lab->config.delay_ns);
    struct sg_lab_hpv_graph graph = graph_of(lab, 1);
    printf("  %5.0f %%  %-8s", permille / 10.0, found_names[found]);
    while (graph.components > 1 && rounds < 10) {
        rounds++;
        if (found == FOUND_BY_MESSAGES)
            ten_messages(lab);
        sg_lab_hpv_run(lab, round);
        graph = graph_of(lab, 200);
        printf("  %6.2f", 100 * graph.reach);
    }
    if (graph.components == 1)
        printf("   whole after %u\n", rounds);
    else
        printf("   %" PRIu32 " components after %u\n", graph.components, rounds);
}

/* Carries out one run on a copy of the settled overlay. The number it returns, up to 255. */
typedef unsigned (*branch_fn)(struct sg_lab_hpv *lab, unsigned permille, unsigned mode);

static unsigned branch(struct sg_lab_hpv *lab, branch_fn run, unsigned permille, unsigned mode)
{
    int status = 0;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        unsigned result = run(lab, permille, mode);
        fflush(stdout);
        _exit(result > 254 ? 254 : (int)result);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) {
        fprintf(stderr, "bench_lab: a run has failed\n");
        exit(EXIT_FAILURE);
    }
    return (unsigned)WEXITSTATUS(status);
}

static unsigned run_flood(struct sg_lab_hpv *lab, unsigned permille, unsigned mode)
{
    fail_and_flood(lab, permille, mode != 0);
    return 0;
}

static unsigned run_heal(struct sg_lab_hpv *lab, unsigned permille, unsigned mode)
{
    fail_and_heal(lab, permille, (enum found)mode);
    return 0;
}

static const unsigned failures[] = {100, 200, 300, 400, 500, 600, 700, 800, 900, 950};
#define FAILURES (sizeof(failures) / sizeof(failures[0]))

static void show_failures(struct sg_lab_hpv *lab)
{
    printf("\nreach in %% of the survivors, seed %" PRIu64
           ". Published: below 90 %% almost no effect, 100 %% within the first few messages\n"
           "  failed  found by  bare   (random graph)  1st     2nd     3rd     10th message\n",
           lab->config.seed);
    for (unsigned told = 0; told < 2; told++)
        for (size_t i = 0; i < FAILURES; i++)
            (void)branch(lab, run_flood, failures[i], told);
    printf("\nreach in %% after shuffle rounds. Published: 1-2 rounds below 80 %%\n");
    for (unsigned found = 0; found < FOUND_COUNT; found++)
        for (size_t i = 0; i < FAILURES; i++)
            (void)branch(lab, run_heal, failures[i], found);
}

static void hpv_paper(unsigned seeds)
{
    struct sg_lab_hpv_config config = sg_lab_hpv_paper(sg_mem_default());
    printf("HyParView, %" PRIu32 " nodes, active 5, passive 30, 50 shuffle rounds. Published: path "
           "6.39, clustering 0.00092,\nalmost all views full. Random graph: path %.2f, clustering "
           "%.5f\n  seed  path    cluster  full     degree  in-sd  in    comp  isolat.  one-way\n",
           config.nodes, log(config.nodes) / log(4), 5.0 / config.nodes);
    for (unsigned seed = 1; seed <= seeds; seed++) {
        config.seed = seed;
        struct sg_lab_hpv *lab = settled(&config, 50 * config.hpv.shuffle_interval_ns);
        struct sg_lab_hpv_graph graph = graph_of(lab, PATH_SOURCES);
        show_graph(lab, &graph);
        if (seed == seeds)
            show_failures(lab);
        sg_lab_hpv_free(lab);
    }
}

/* ---- our views ---- */

/* The failure detector tells of dead neighbours in 0.7 to 3 s (swim.h); mode: ms until a dial to
 * the dead has failed. */
static unsigned run_ours(struct sg_lab_hpv *lab, unsigned permille, unsigned mode)
{
    lab->config.broken_ns = mode * SG_NS_PER_MS;
    sg_lab_hpv_kill(lab, permille);
    sg_lab_hpv_notice(lab, 700 * SG_NS_PER_MS, 3 * SG_NS_PER_S);
    sg_lab_hpv_run(lab, 60 * SG_NS_PER_S);
    struct sg_lab_hpv_graph graph = graph_of(lab, 1);
    return graph.isolated + (graph.components > 1 ? 100 : 0);
}

static const unsigned ours_failures[] = {500, 800, 900, 950};
static const unsigned ours_broken_ms[] = {20, 1000, 5000};
#define OURS_FAILURES (sizeof(ours_failures) / sizeof(ours_failures[0]))
#define OURS_BROKEN (sizeof(ours_broken_ms) / sizeof(ours_broken_ms[0]))

static void hpv_ours(unsigned seeds, uint32_t nodes)
{
    struct sg_lab_hpv_config config = sg_lab_hpv_ours(sg_mem_default());
    config.nodes = nodes;
    unsigned isolated[OURS_FAILURES][OURS_BROKEN] = {{0}};
    unsigned split[OURS_FAILURES][OURS_BROKEN] = {{0}};
    printf("\nour views (8..12, 64), %" PRIu32 " nodes, settled for 300 s\n"
           "  seed  path    cluster  full     degree  in-sd  in    comp  isolat.  one-way\n",
           config.nodes);
    for (unsigned seed = 1; seed <= seeds; seed++) {
        config.seed = seed;
        struct sg_lab_hpv *lab = settled(&config, 300 * SG_NS_PER_S);
        struct sg_lab_hpv_graph graph = graph_of(lab, PATH_SOURCES / 5);
        if (seed <= 3)
            show_graph(lab, &graph);
        for (size_t f = 0; f < OURS_FAILURES; f++)
            for (size_t b = 0; b < OURS_BROKEN; b++) {
                unsigned got = branch(lab, run_ours, ours_failures[f], ours_broken_ms[b]);
                isolated[f][b] += got % 100;
                split[f][b] += got >= 100;
            }
        sg_lab_hpv_free(lab);
    }
    printf("after 60 s, %u seeds: survivors isolated / seeds with several components\n"
           "  failed  dial fails after 20 ms    1 s        5 s\n",
           seeds);
    for (size_t f = 0; f < OURS_FAILURES; f++) {
        printf("  %5.0f %%         ", ours_failures[f] / 10.0);
        for (size_t b = 0; b < OURS_BROKEN; b++)
            printf("%6u / %-3u", isolated[f][b], split[f][b]);
        printf("\n");
    }
}

static bool hpv(unsigned seeds)
{
    hpv_paper(seeds < 3 ? seeds : 3);
    hpv_ours(seeds, 1000);
    return true;
}

/* ---- SWIM and Lifeguard ---- */

struct variant {
    const char *name;
    unsigned alpha, beta; /* beta 1: SWIM's fixed suspicion time */
    bool lha_probe, lha_suspicion, buddy, is_ours;
    /* published, 0 = not: s; for (4,6) and (2,6) shares of SWIM's times */
    double first_p50, first_p99, full_p50, full_p99;
    double fp, fp_healthy; /* % of SWIM's */
};

static const struct variant variants[] = {
    {"SWIM", 5, 1, false, false, false, false, 12.44, 16.96, 12.90, 16.93, 100, 100},
    {"LHA-Probe", 5, 1, true, false, false, false, 12.42, 17.75, 12.90, 17.98, 67.72, 32.88},
    {"LHA-Suspicion", 5, 6, false, true, false, false, 12.42, 17.47, 12.89, 17.33, 3.00, 6.71},
    {"Buddy", 5, 1, false, false, true, false, 12.45, 17.12, 12.92, 17.18, 94.08, 44.57},
    {"Lifeguard", 5, 6, true, true, true, false, 12.45, 17.90, 12.91, 18.05, 1.53, 1.89},
    {"Lifeguard 4,6", 4, 6, true, true, true, false, 12.44 * .8312, 16.96 * .9682, 12.90 * .8442, 0,
     3.18, 4.83},
    {"Lifeguard 2,6", 2, 6, true, true, true, false, 12.44 * .5434, 16.96 * .7553, 12.90 * .5674, 0,
     24.16, 13.65},
    {"ours", 0, 0, true, true, true, true, 0, 0, 0, 0, 0, 0},
};
#define VARIANTS (sizeof(variants) / sizeof(variants[0]))

static const uint32_t stall_members[] = {1, 4, 8, 12, 16, 20, 24, 28, 32};
static const unsigned stall_ms[] = {128, 512, 2048, 8192, 16384, 32768};
static const unsigned interval_ms[] = {1, 4, 16, 64, 256, 1024, 4096, 16384};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const block_names[] = {"probe", "loop", "sends"};

static struct sg_lab_swim_config config_of(const struct variant *v, enum sg_lab_block block)
{
    struct sg_lab_swim_config c = v->is_ours ? sg_lab_swim_ours(sg_mem_default())
                                             : sg_lab_swim_paper(sg_mem_default(), v->beta > 1);
    c.block = block;
    if (v->is_ours)
        return c;
    c.swim.alpha_milli = v->alpha * 1000;
    c.swim.beta_milli = v->beta * 1000;
    c.swim.lha_probe = v->lha_probe;
    c.swim.lha_suspicion = v->lha_suspicion;
    c.swim.buddy = v->buddy;
    return c;
}

static struct sg_lab_stall stall_of(uint32_t members, unsigned ms, unsigned interval)
{
    return (struct sg_lab_stall){.members = members,
                                 .duration_ns = ms * SG_NS_PER_MS,
                                 .interval_ns = interval * SG_NS_PER_MS,
                                 .quiesce_ns = 15 * SG_NS_PER_S,
                                 .run_ns = 120 * SG_NS_PER_S};
}

static double at(const struct sg_lab_values *v, unsigned permille)
{
    return (double)sg_lab_values_at(v, permille) / 1e9;
}

/* Stalls of 32 s, which all are long enough to be detected. */
static void threshold_row(const struct variant *v, unsigned repeats)
{
    struct sg_lab_swim_config config = config_of(v, SG_LAB_BLOCK_PROBE);
    struct sg_lab_swim_result r;
    sg_lab_swim_result_init(&r, sg_mem_default());
    for (size_t c = 0; c < COUNT(stall_members); c++) {
        struct sg_lab_stall stall = stall_of(stall_members[c], 32768, 0);
        for (config.seed = 1; config.seed <= repeats; config.seed++)
            must(sg_lab_swim_stall(&config, &stall, &r));
    }
    must(r.first.err);
    must(r.full.err);
    sg_lab_values_sort(&r.first);
    sg_lab_values_sort(&r.full);
    printf("  %-14s %5.2f (%5.2f)  %5.2f (%5.2f)  %5.2f   %5.2f (%5.2f)  %5.2f (%5.2f)  %5.2f   "
           "%5" PRIu64 "/%" PRIu64 "/%zu\n",
           v->name, at(&r.first, 500), v->first_p50, at(&r.first, 990), v->first_p99,
           at(&r.first, 999), at(&r.full, 500), v->full_p50, at(&r.full, 990), v->full_p99,
           at(&r.full, 999), r.stalled, r.detected, r.full.count);
    fflush(stdout);
    sg_lab_swim_result_fini(&r);
}

static bool threshold(unsigned repeats)
{
    printf("detection of members that stall for 32.768 s, 1 .. 32 of 128 at once, %u repeats: ours "
           "(published), s\n  %-14s first p50      p99            p99.9   full p50       p99     "
           "       p99.9   stalled/detected/by all\n",
           repeats, "");
    for (size_t i = 0; i < VARIANTS; i++)
        threshold_row(&variants[i], repeats);
    return true;
}

struct totals {
    uint64_t fp, fp_healthy, messages, bytes;
    double cpu;
};

/* C x D x I; the seed differs from cell to cell. */
static void interval_run(const struct variant *v, enum sg_lab_block block, unsigned repeats,
                         struct totals *totals)
{
    struct sg_lab_swim_config config = config_of(v, block);
    struct sg_lab_swim_result r;
    size_t durations = COUNT(stall_ms);
    size_t intervals = COUNT(interval_ms);
    sg_lab_swim_result_init(&r, sg_mem_default());
    for (size_t cell = 0; cell < COUNT(stall_members) * durations * intervals; cell++)
        for (unsigned k = 1; k <= repeats; k++) {
            struct sg_lab_stall stall =
                stall_of(stall_members[cell / intervals / durations],
                         stall_ms[cell / intervals % durations], interval_ms[cell % intervals]);
            config.seed = cell * 1000 + k;
            must(sg_lab_swim_stall(&config, &stall, &r));
        }
    *totals = (struct totals){r.fp, r.fp_healthy, r.messages, r.bytes, seconds()};
    sg_lab_swim_result_fini(&r);
}

struct row {
    const struct variant *variant;
    enum sg_lab_block block;
};

static void show_interval(const struct row *row, const struct totals *t, const struct totals *base)
{
    const struct variant *v = row->variant;
    printf("  %-14s %-6s %8" PRIu64 " %6" PRIu64 "   %6.2f (%6.2f)  %6.2f (%6.2f)  %8.2f %8.3f  "
           "%5.0f\n",
           v->name, block_names[row->block], t->fp, t->fp_healthy,
           100 * (double)t->fp / (double)base->fp, v->fp,
           100 * (double)t->fp_healthy / (double)base->fp_healthy, v->fp_healthy,
           (double)t->messages / 1e6, (double)t->bytes / 1073741824.0, t->cpu);
}

/* One process per row, so many at once; each row depends on its seeds alone. */
static bool interval(unsigned repeats, unsigned jobs)
{
    static const struct row rows[] = {
        {&variants[0], SG_LAB_BLOCK_PROBE}, {&variants[1], SG_LAB_BLOCK_PROBE},
        {&variants[2], SG_LAB_BLOCK_PROBE}, {&variants[3], SG_LAB_BLOCK_PROBE},
        {&variants[4], SG_LAB_BLOCK_PROBE}, {&variants[5], SG_LAB_BLOCK_PROBE},
        {&variants[6], SG_LAB_BLOCK_PROBE}, {&variants[7], SG_LAB_BLOCK_PROBE},
        {&variants[7], SG_LAB_BLOCK_LOOP},
    };
    struct totals *totals = mmap(NULL, sizeof(*totals) * COUNT(rows), PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (totals == MAP_FAILED)
        must(SG_ERR_NO_MEMORY);
    for (size_t i = 0, running = 0; i < COUNT(rows) || running > 0;) {
        if (i < COUNT(rows) && running < jobs) {
            if (fork() == 0) {
                interval_run(rows[i].variant, rows[i].block, repeats, &totals[i]);
                _exit(EXIT_SUCCESS);
            }
            i++;
            running++;
            continue;
        }
        int status;
        if (wait(&status) < 0 || status != 0)
            must(SG_ERR_NO_MEMORY);
        running--;
    }
    printf(
        "false positives over C x D x I, 432 cells, %u repeats (published: 10): ours (published)"
        "\n  %-14s blocks       FP    FP-   FP %%              FP- %%             messages, M  GiB"
        "  CPU s\n",
        repeats, "");
    for (size_t i = 0; i < COUNT(rows); i++)
        show_interval(&rows[i], &totals[i], &totals[0]);
    (void)munmap(totals, sizeof(*totals) * COUNT(rows));
    return true;
}

/* SWIM s5: plain, a period of 1 s against a delay below 1 ms. */
static void first_detection(unsigned trials, uint32_t nodes)
{
    struct sg_lab_swim_config config = sg_lab_swim_paper(sg_mem_default(), false);
    struct sg_lab_values periods = {.mem = sg_mem_default()};
    struct sg_lab_values suspected = {.mem = sg_mem_default()};
    config.nodes = nodes;
    config.swim.members_max = 1024;
    config.swim.dead_max = 1;
    must(sg_lab_swim_crashes(&config, trials, &periods, &suspected));
    must(periods.err);
    must(suspected.err);
    sg_lab_values_sort(&periods);
    double mean = sg_lab_values_mean(&periods);
    double others = nodes - 1;
    printf("  %5" PRIu32
           "  %6zu   %5.3f  %+5.1f %%       %5.3f             %5.3f s   worst %" PRIu64
           " of %" PRIu32 "\n",
           nodes, periods.count, mean, 100 * (mean / (M_E / (M_E - 1)) - 1),
           1 / (1 - pow(1 - 1 / others, others)), sg_lab_values_mean(&suspected) / 1e9,
           sg_lab_values_at(&periods, 1000), 2 * nodes - 1);
    fflush(stdout);
    sg_lab_values_fini(&periods);
    sg_lab_values_fini(&suspected);
}

static bool first(unsigned trials)
{
    printf("period after a crash in which somebody first probes the crashed member; published "
           "e/(e-1) = %.3f\n  nodes  trials   mean   off      random choice      until suspected\n",
           M_E / (M_E - 1));
    first_detection(20 * trials, 10);
    first_detection(5 * trials, 100);
    first_detection(trials, 1000);
    return true;
}

static unsigned number(int argc, char **argv, int which, unsigned otherwise)
{
    unsigned long value = argc > which ? strtoul(argv[which], NULL, 10) : otherwise;
    return value > 0 && value <= 10000 ? (unsigned)value : otherwise;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "all";
    bool is_all = strcmp(what, "all") == 0;
    bool is_known = is_all;
    if (is_all || strcmp(what, "hpv") == 0)
        is_known = hpv(number(argc, argv, 2, 20));
    if (strcmp(what, "views") == 0) {
        hpv_ours(number(argc, argv, 2, 20), number(argc, argv, 3, 10000));
        is_known = true;
    }
    if (is_all || strcmp(what, "first") == 0)
        is_known = first(number(argc, argv, 2, 500));
    if (is_all || strcmp(what, "threshold") == 0)
        is_known = threshold(number(argc, argv, 2, 10));
    if (is_all || strcmp(what, "interval") == 0)
        is_known = interval(number(argc, argv, 2, 1), number(argc, argv, 3, 1));
    if (!is_known) {
        fprintf(stderr, "usage: bench_lab [all | hpv SEEDS | views SEEDS NODES | first TRIALS | "
                        "threshold REPEATS | "
                        "interval REPEATS JOBS]\n");
        return EXIT_FAILURE;
    }
    printf("\n%.0f s of CPU\n", seconds());
    return EXIT_SUCCESS;
}
