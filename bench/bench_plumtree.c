/* The experiments of the Plumtree report (TR-07-14, s4) on our own machines.
 *
 *   bench_plumtree [table|links|churn|all] [seeds] [cycles]     default all, 1 seed, 100 cycles
 *
 * table: messages received after so many cycles at 10 000 nodes, and how copies come to an end.
 * links: our defaults at 1 000 nodes and 50 ms with changing senders.
 * churn: 50 nodes fail in each of 100 cycles; 70 to 95 % fail at once.
 * All is in virtual time and decided by seeds that count from 1. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../sim/lab_plumtree.h"

#define SETTLE 50
#define MEASURED 20

static void must(sg_err err)
{
    if (err == SG_OK)
        return;
    fprintf(stderr, "bench_plumtree: %s\n", sg_err_text(err));
    exit(EXIT_FAILURE);
}

static double rmr(const struct sg_lab_pt_broadcast *b)
{
    return b->up < 2 ? 0 : (double)b->payloads / (b->up - 1) - 1;
}

static struct sg_lab_pt *settled(const struct sg_lab_pt_config *config)
{
    struct sg_lab_pt *lab;
    must(sg_lab_pt_new(&lab, config));
    sg_lab_hpv_run(sg_lab_pt_views(lab), SETTLE * config->cycle_ns);
    must(sg_lab_pt_views(lab)->net.err);
    return lab;
}

static unsigned first_cycle = 100; /* that is measured */

static void table_row(const char *name, bool is_many, unsigned threshold, uint64_t seed)
{
    struct sg_lab_pt_config config = sg_lab_pt_paper(sg_mem_default());
    struct sg_lab_pt_broadcast b = {0};
    double payloads = 0, control = 0, ldh = 0, early[4] = {0};
    uint32_t missed = 0;
    config.hpv.seed = seed;
    config.pt.optimise_threshold = (uint16_t)threshold;
    struct sg_lab_pt *lab = settled(&config);
    for (unsigned cycle = 0; cycle < first_cycle + MEASURED; cycle++) {
        b = sg_lab_pt_cycle(lab, is_many ? SG_LAB_NONE : 7);
        if (cycle < 4)
            early[cycle] = rmr(&b);
        missed += b.up - b.reached;
        if (cycle < first_cycle)
            continue;
        payloads += (double)b.payloads / MEASURED;
        control += (double)(b.ihaves + b.grafts + b.prunes) / MEASURED;
        ldh += (double)b.last_hop / MEASURED;
    }
    printf("%-22s %10.2f %10.2f %10.2f   %5.2f   %.3f %.3f %.3f %.3f   %u\n", name, payloads,
           control, payloads + control, ldh, early[0], early[1], early[2], early[3], missed);
    fflush(stdout);
    sg_lab_pt_free(lab);
}

static void table(unsigned seeds)
{
    puts("10 000 nodes, active view 5, one message per cycle; means of 20 cycles after 50 to "
         "settle.\n"
         "published (cycle 100): s-s 9999.00 29987.33; m-s 9999.00 29990.00;\n"
         "  optimised s-s 9999.00 29989.33; optimised m-s 9999.00 38976.00\n"
         "                         payload    control      total     LDH   RMR of cycles 1-4      "
         "     missed");
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        table_row("Plumtree s-s", false, 0, seed);
        table_row("Plumtree m-s", true, 0, seed);
        table_row("optimised(3) s-s", false, 3, seed);
        table_row("optimised(7) m-s", true, 7, seed);
    }
}

static void links_row(bool is_many, unsigned threshold, uint64_t delay_ms, uint64_t seed)
{
    struct sg_lab_pt_config config = sg_lab_pt_ours(sg_mem_default());
    double sum = 0, ldh = 0, ms = 0;
    struct sg_lab_pt_moves before = {0};
    uint32_t missed = 0;
    config.hpv.seed = seed;
    config.hpv.delay_ns = delay_ms * SG_NS_PER_MS;
    config.pt.optimise_threshold = (uint16_t)threshold;
    struct sg_lab_pt *lab = settled(&config);
    for (unsigned i = 0; i < 110; i++) {
        struct sg_lab_pt_broadcast b = sg_lab_pt_cycle(lab, is_many ? SG_LAB_NONE : 7);
        missed += b.up - b.reached;
        if (i < 10) {
            before = sg_lab_pt_moves(lab);
            continue;
        }
        sum += rmr(&b) / 100;
        ldh += (double)b.last_hop / 100;
        ms += (double)b.last_ns / SG_NS_PER_MS / 100;
    }
    struct sg_lab_pt_moves after = sg_lab_pt_moves(lab);
    printf("%5" PRIu64
           " ms  %-5s  %9u   %7.4f  %6.2f  %7.0f ms   %6u  %6.2f  %5.2f     %5.2f  %5.2f\n",
           delay_ms, is_many ? "many" : "one", threshold, sum, ldh, ms, missed,
           (double)(after.grafts - before.grafts) / 100, (double)(after.early - before.early) / 100,
           (double)(after.exchanged - before.exchanged) / 100,
           (double)(after.rescues - before.rescues) / 100);
    fflush(stdout);
    sg_lab_pt_free(lab);
}

static void links(unsigned seeds)
{
    puts("\n1 000 nodes, our defaults, one message per cycle of 5 s, means of 100 after 10\n"
         "   link  senders threshold      RMR     LDH  last node   missed  grafts  early exchanged "
         "rescues");
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        for (int many = 0; many < 2; many++) {
            links_row(many != 0, 0, 50, seed);
            links_row(many != 0, 3, 50, seed);
            links_row(many != 0, 5, 50, seed);
            links_row(many != 0, 0, 5, seed);
        }
    }
}

static void failures(uint64_t seed)
{
    struct sg_lab_pt_config config = sg_lab_pt_paper(sg_mem_default());
    double sum = 0, worst = 0, ldh = 0;
    uint32_t missed = 0, whole = 0;
    config.hpv.seed = seed;
    struct sg_lab_pt *lab = settled(&config);
    for (unsigned i = 0; i < 10; i++)
        (void)sg_lab_pt_cycle(lab, SG_LAB_NONE);
    for (unsigned i = 0; i < 100; i++) {
        sg_lab_pt_kill(lab, 50);
        struct sg_lab_pt_broadcast b = sg_lab_pt_cycle(lab, SG_LAB_NONE);
        missed += b.up - b.reached;
        whole += b.up == b.reached;
        sum += rmr(&b) / 100;
        worst = rmr(&b) > worst ? rmr(&b) : worst;
        ldh += (double)b.last_hop / 100;
    }
    printf("50 failures per cycle, 100 cycles: %u whole, %u deliveries missed, RMR mean %.4f "
           "worst %.4f, LDH %.1f\n",
           whole, missed, sum, worst, ldh);
    fflush(stdout);
    sg_lab_pt_free(lab);
}

static void massive(unsigned percent, uint64_t seed)
{
    struct sg_lab_pt_config config = sg_lab_pt_paper(sg_mem_default());
    config.hpv.seed = seed;
    config.hpv.table = 256; /* the third source of addresses: yardsticks 9 */
    struct sg_lab_pt *lab = settled(&config);
    for (unsigned i = 0; i < 10; i++)
        (void)sg_lab_pt_cycle(lab, SG_LAB_NONE);
    sg_lab_hpv_kill(sg_lab_pt_views(lab), percent * 10);
    printf("%u %% fail at once: reliability", percent);
    for (unsigned i = 0; i < 6; i++) {
        struct sg_lab_pt_broadcast b = sg_lab_pt_cycle(lab, SG_LAB_NONE);
        printf("  %.4f (RMR %.3f)", (double)b.reached / b.up, rmr(&b));
    }
    puts("");
    fflush(stdout);
    sg_lab_pt_free(lab);
}

static void churn(unsigned seeds)
{
    static const unsigned percents[] = {50, 70, 80, 90, 95};
    puts("\n10 000 nodes, the report's settings, many senders");
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        failures(seed);
        for (size_t i = 0; i < sizeof percents / sizeof percents[0]; i++)
            massive(percents[i], seed);
    }
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "all";
    unsigned long seeds = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
    bool is_all = strcmp(what, "all") == 0;
    unsigned long cycles = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
    if (cycles >= 4 && cycles <= 1000)
        first_cycle = (unsigned)cycles;
    if (seeds < 1 || seeds > 100)
        seeds = 1;
    if (is_all || strcmp(what, "table") == 0)
        table((unsigned)seeds);
    if (is_all || strcmp(what, "links") == 0)
        links((unsigned)seeds);
    if (is_all || strcmp(what, "churn") == 0)
        churn((unsigned)seeds);
    printf("\n%.0f s of CPU\n", (double)clock() / CLOCKS_PER_SEC);
    return EXIT_SUCCESS;
}
