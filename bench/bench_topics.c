/* Topics: how long a newcomer looks for a topic of five subscribers, with adverts and without.
 *
 *   bench_topics [nodes [topics [runs]]]      default 1000 32 3
 *
 * Virtual time from SUBSCRIBE to the first neighbour on the topic, links of 25 ms; what adverts
 * cost is counted over all nodes, the topic that every node has included. */
#include <inttypes.h>
#include <stdio.h>

#include "../tests/sim/find_case.h"

static double ms(uint64_t ns)
{
    return ns == UINT64_MAX ? -1 : (double)ns / (double)SG_NS_PER_MS;
}

static sg_err measure(uint32_t nodes, uint32_t topics, uint64_t seed, bool with)
{
    static struct find_case c;
    uint64_t times[FIND_TOPICS_MAX];
    c = (struct find_case){.topics = topics};
    sg_sim_config_init(&c.config);
    c.config.nodes = nodes;
    c.config.seed = seed;
    c.config.delay_ns = 25 * SG_NS_PER_MS;
    c.config.check = false;
    c.extra = sg_sim_extra_default();
    c.extra.tune = with ? find_with_adverts : find_without_adverts;
    SG_TRY(find_run(&c, times));
    printf("seed %" PRIu64 " %-8s first neighbour after ms: median %.0f  p90 %.0f  longest %.0f  "
           "claims taken in per node %.1f, sent %.1f\n",
           seed, with ? "adverts" : "walks", ms(times[topics / 2]), ms(times[topics * 9 / 10]),
           ms(times[topics - 1]), (double)c.extra.stats.adverts_received / nodes,
           (double)c.extra.stats.adverts_sent / nodes);
    fflush(stdout);
    return SG_OK;
}

int main(int argc, char **argv)
{
    uint32_t nodes = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1000;
    uint32_t topics = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 32;
    uint32_t runs = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 3;
    if (nodes < 10 || topics < 1 || topics > FIND_TOPICS_MAX)
        return 2;
    for (uint64_t seed = 1; seed <= runs; seed++) {
        if (measure(nodes, topics, seed, false) != SG_OK ||
            measure(nodes, topics, seed, true) != SG_OK)
            return 1;
    }
    return 0;
}
