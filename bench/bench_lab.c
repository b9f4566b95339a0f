/* Published experiments on our own machines, ours beside the published figures.
 *
 *   bench_lab hpv [seeds]              HyParView at 10 000 nodes, our views at 1 000
 *
 * All is in virtual time and decided by the seeds 1 .. seeds. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../sim/lab_hpv.h"

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

/* Shuffle rounds until the survivors are whole again, without any message. */
static void fail_and_heal(struct sg_lab_hpv *lab, unsigned permille, bool is_told)
{
    unsigned rounds = 0;
    uint64_t round = lab->config.hpv.shuffle_interval_ns * 6 / 5; /* with all its jitter */
    sg_lab_hpv_kill(lab, permille);
    if (is_told)
        sg_lab_hpv_notice(lab, 0, 4 * lab->config.delay_ns);
    struct sg_lab_hpv_graph graph = graph_of(lab, 1);
    printf("  %5.0f %%  %-8s", permille / 10.0, is_told ? "reset" : "use");
    while (graph.components > 1 && rounds < 10) {
        rounds++;
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
    fail_and_heal(lab, permille, mode != 0);
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
    printf("\nreach in %% after shuffle rounds, no messages. Published: 1-2 rounds below 80 %%\n");
    for (unsigned told = 0; told < 2; told++)
        for (size_t i = 0; i < FAILURES; i++)
            (void)branch(lab, run_heal, failures[i], told);
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

static void hpv_ours(unsigned seeds)
{
    struct sg_lab_hpv_config config = sg_lab_hpv_ours(sg_mem_default());
    unsigned isolated[OURS_FAILURES][OURS_BROKEN] = {{0}};
    unsigned split[OURS_FAILURES][OURS_BROKEN] = {{0}};
    printf("\nour views (8..12, 64), %" PRIu32 " nodes, settled for 300 s\n"
           "  seed  path    cluster  full     degree  in-sd  in    comp  isolat.  one-way\n",
           config.nodes);
    for (unsigned seed = 1; seed <= seeds; seed++) {
        config.seed = seed;
        struct sg_lab_hpv *lab = settled(&config, 300 * SG_NS_PER_S);
        struct sg_lab_hpv_graph graph = graph_of(lab, PATH_SOURCES);
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

static void hpv(unsigned seeds)
{
    hpv_paper(seeds < 3 ? seeds : 3);
    hpv_ours(seeds);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "hpv";
    unsigned long seeds = argc > 2 ? strtoul(argv[2], NULL, 10) : 20;
    if (strcmp(what, "hpv") != 0 || seeds == 0 || seeds > 1000) {
        fprintf(stderr, "usage: bench_lab hpv [seeds]\n");
        return EXIT_FAILURE;
    }
    hpv((unsigned)seeds);
    printf("\n%.0f s of CPU\n", seconds());
    return EXIT_SUCCESS;
}
