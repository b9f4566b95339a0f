/* How a HyParView overlay stands a crowd of Sybils, with and without places for contacts.
 *
 *   bench_eclipse [seeds [few]]      default 100 20
 *
 * 200 honest nodes with 4 contacts each, 20 rounds of 30 s under attack, 1 % of the honest nodes
 * crash and restart each round (see sim/lab_eclipse.h). Rows of the table: means over the seeds,
 * and in brackets in how many seeds the number was not zero. 'few' seeds for what is only reported.
 * Worst: the most at any look, once a second, from the second round on. */
#include <stdio.h>
#include <stdlib.h>

#include "../sim/lab_eclipse.h"

struct row {
    const char *name;
    struct sg_lab_config config;
    unsigned seeds;
};

struct tally {
    unsigned sum, seeds, most;
};

static void add(struct tally *tally, unsigned value)
{
    tally->sum += value;
    tally->seeds += value > 0;
    tally->most = tally->most < value ? value : tally->most;
}

struct outcome {
    struct tally eclipsed_end, eclipsed_worst, outside_end, outside_worst;
    struct tally sybils, connected, honest_changes, flapper_changes;
};

static struct outcome measure(const struct row *row)
{
    struct outcome all = {.connected = {0}};
    for (unsigned seed = 1; seed <= row->seeds; seed++) {
        struct sg_lab_result r;
        sg_err err = sg_lab_run(&row->config, seed, &r);
        if (err != SG_OK) {
            (void)fprintf(stderr, "bench_eclipse: %s\n", sg_err_text(err));
            exit(1);
        }
        add(&all.eclipsed_end, r.eclipsed_end);
        add(&all.eclipsed_worst, r.eclipsed_worst);
        add(&all.outside_end, r.outside_end);
        add(&all.outside_worst, r.outside_worst);
        add(&all.sybils, r.sybil_permille);
        add(&all.connected, r.connected_s);
        add(&all.honest_changes, r.honest_changes);
        add(&all.flapper_changes, r.flapper_changes);
    }
    return all;
}

static void print_tally(const struct tally *tally, unsigned seeds)
{
    (void)printf(" %7.2f (%3u)", (double)tally->sum / seeds, tally->seeds);
}

static void print_row(const struct row *row)
{
    struct outcome all = measure(row);
    (void)printf("%-34s %5u", row->name, row->seeds);
    print_tally(&all.eclipsed_end, row->seeds);
    print_tally(&all.eclipsed_worst, row->seeds);
    print_tally(&all.outside_end, row->seeds);
    print_tally(&all.outside_worst, row->seeds);
    (void)printf(" %6.1f %%\n", (double)all.sybils.sum / row->seeds / 10);
    (void)fflush(stdout);
}

static void print_head(const char *title)
{
    (void)printf("\n%s\n%-34s %5s %13s %13s %13s %13s %8s\n", title, "", "seeds", "eclipsed end",
                 "worst", "outside end", "worst", "Sybils");
}

static struct sg_lab_config crowd(unsigned percent)
{
    struct sg_lab_config config = sg_lab_config_default(sg_mem_default());
    config.sybils = (uint16_t)(config.honest * percent / (100 - percent));
    return config;
}

static const unsigned crowds[] = {20, 50, 80};

static void bench_slots(unsigned seeds)
{
    char name[64];
    print_head("Honest contacts that know each other");
    for (size_t i = 0; i < sizeof(crowds) / sizeof(crowds[0]); i++)
        for (unsigned slots = 0; slots <= 3; slots += slots == 0 ? 2 : 1) {
            struct row row = {name, crowd(crowds[i]), seeds};
            row.config.hpv.contact_slots = (uint8_t)slots;
            (void)snprintf(name, sizeof(name), "%u %% Sybils, %u slots", crowds[i], slots);
            print_row(&row);
        }
}

static void bench_bad_contacts(unsigned seeds)
{
    char name[64];
    print_head("Bad contacts: Sybils among the four");
    for (size_t i = 0; i < sizeof(crowds) / sizeof(crowds[0]); i++)
        for (unsigned slots = 2; slots <= 3; slots++)
            for (unsigned bad = 10; bad <= 30; bad += 10) {
                struct row row = {name, crowd(crowds[i]), seeds};
                row.config.hpv.contact_slots = (uint8_t)slots;
                row.config.bad_percent = (uint8_t)bad;
                (void)snprintf(name, sizeof(name), "%u %% Sybils, %u slots, %u %% bad", crowds[i],
                               slots, bad);
                print_row(&row);
            }
}

static void bench_one_way(unsigned seeds)
{
    char name[64];
    print_head("One-way: contacts do not know whose they are");
    for (size_t i = 0; i < sizeof(crowds) / sizeof(crowds[0]); i++) {
        struct row row = {name, crowd(crowds[i]), seeds};
        row.config.is_one_way = true;
        (void)snprintf(name, sizeof(name), "%u %% Sybils, 2 slots", crowds[i]);
        print_row(&row);
    }
}

/* What each rule does without places for contacts, from the paper's on. */
static void bench_rules(unsigned seeds)
{
    static const struct {
        const char *name;
        uint8_t chosen;
        uint64_t evict_s;
        bool youngest;
    } rules[] = {
        {"as in the paper", 0, 0, false},
        {"2 chosen", 2, 0, false},
        {"2 chosen, evict any, 5 s", 2, 5, false},
        {"2 chosen, evict youngest", 2, 0, true},
        {"2 chosen, evict youngest, 5 s", 2, 5, true},
    };
    char name[64];
    print_head("Without slots: which rule does what");
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < sizeof(rules) / sizeof(rules[0]); k++) {
            struct row row = {name, crowd(crowds[i]), seeds};
            row.config.hpv.contact_slots = 0;
            row.config.hpv.chosen_min = rules[k].chosen;
            row.config.hpv.evict_interval_ns = rules[k].evict_s * SG_NS_PER_S;
            row.config.hpv.evict_youngest = rules[k].youngest;
            (void)snprintf(name, sizeof(name), "%u %%, %s", crowds[i], rules[k].name);
            print_row(&row);
        }
}

static void print_dawn(unsigned seeds, unsigned slots, bool is_one_way)
{
    struct row row = {"", sg_lab_config_default(sg_mem_default()), seeds};
    row.config.attack = SG_LAB_DAWN;
    row.config.sybils = (uint16_t)(10 * row.config.honest);
    row.config.rounds = 2;
    row.config.churn_percent = 0;
    row.config.hpv.contact_slots = (uint8_t)slots;
    row.config.is_one_way = is_one_way;
    struct outcome all = measure(&row);
    (void)printf("%u slots%s: %u seeds, eclipsed after 60 s %.2f (%u), outside %.2f (%u)", slots,
                 is_one_way ? ", one-way" : "", seeds, (double)all.eclipsed_end.sum / seeds,
                 all.eclipsed_end.seeds, (double)all.outside_end.sum / seeds,
                 all.outside_end.seeds);
    if (all.connected.most == UINT16_MAX)
        (void)printf(", not one component within 60 s in some\n");
    else
        (void)printf(", one component %u s after the last boot at the latest\n",
                     all.connected.most);
}

static void bench_dawn(unsigned seeds)
{
    (void)printf("\nAttack at dawn: 10 Sybils for each node hold all places from the start\n");
    print_dawn(seeds, 0, false);
    print_dawn(seeds, 2, false);
    print_dawn(seeds, 2, true);
}

static void print_flapper(unsigned seeds, unsigned slots, unsigned sybils)
{
    struct row row = {"", sg_lab_config_default(sg_mem_default()), seeds};
    row.config.attack = sybils > 0 ? SG_LAB_FLAPPER : SG_LAB_SYBILS;
    row.config.sybils = (uint16_t)sybils;
    row.config.churn_percent = 0;
    row.config.hpv.contact_slots = (uint8_t)slots;
    struct outcome all = measure(&row);
    (void)printf("%s, %u slots: %u seeds, most in one minute at one node: %u honest links down, "
                 "flapper up %u times; outside worst %u\n",
                 sybils > 0 ? "flapper" : "nobody", slots, seeds, all.honest_changes.most,
                 all.flapper_changes.most, all.outside_worst.most);
}

static void bench_flapper(unsigned seeds)
{
    (void)printf("\nA flapper: leaves and asks at each node ten times a second, 10 minutes\n");
    print_flapper(seeds, 2, 0);
    print_flapper(seeds, 2, 1);
    print_flapper(seeds, 0, 1);
}

static void bench_storm(unsigned seeds)
{
    print_head("Storm: 22 attackers (10 %) send 50 forged frames a second each, 10 minutes");
    for (unsigned slots = 0; slots <= 2; slots += 2) {
        struct row row = {slots == 0 ? "0 slots" : "2 slots",
                          sg_lab_config_default(sg_mem_default()), seeds};
        row.config.attack = SG_LAB_STORM;
        row.config.sybils = 22;
        row.config.churn_percent = 0;
        row.config.hpv.contact_slots = (uint8_t)slots;
        print_row(&row);
    }
}

int main(int argc, char **argv)
{
    unsigned seeds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 100;
    unsigned few = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 20;
    if (seeds == 0 || few == 0) {
        (void)fprintf(stderr, "usage: bench_eclipse [seeds [few]]\n");
        return 2;
    }
    bench_slots(seeds);
    bench_dawn(seeds);
    bench_bad_contacts(few);
    bench_one_way(few);
    bench_rules(few);
    bench_flapper(few);
    bench_storm(few);
    return 0;
}
