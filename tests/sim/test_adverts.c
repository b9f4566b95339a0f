/* Adverts at small scale: the newcomer finds a topic of five at once, and without them it does not.
 */
#include "sim_case.h"

#include "find_case.h"

#define TOPICS 16

/* Sparse, so that a neighbour rarely knows: as 8 neighbours in 1 000. */
static void sparse(struct sg_core_config *config)
{
    config->hpv.active_target = 3;
    config->hpv.active_max = 4;
    find_with_adverts(config);
}

static void sparse_without(struct sg_core_config *config)
{
    sparse(config);
    find_without_adverts(config);
}

static void run(struct find_case *c, void (*tune)(struct sg_core_config *config),
                uint64_t times[FIND_TOPICS_MAX])
{
    *c = (struct find_case){.topics = TOPICS};
    sg_sim_config_init(&c->config);
    c->config.nodes = 150;
    c->config.delay_ns = 25 * SG_NS_PER_MS;
    c->config.check = false;
    c->extra = sg_sim_extra_default();
    c->extra.tune = tune;
    assert_int_equal(find_run(c, times), SG_OK);
    assert_int_equal(c->report.missing, 0);
}

static void newcomers_find_a_topic_by_its_adverts(void **state)
{
    static struct find_case c;
    uint64_t with[FIND_TOPICS_MAX];
    uint64_t without[FIND_TOPICS_MAX];
    (void)state;
    run(&c, sparse, with);
    /* a dial of one and a half round trips, JOIN and its answer: nobody had to search */
    assert_true(with[TOPICS - 1] < 300 * SG_NS_PER_MS);
    /* each node tells each of its neighbours of a claim once at most, and the topic that everybody
     * has costs no more than others: four claims in half an interval */
    uint64_t claims = (uint64_t)(TOPICS + 1) * 6 * 2;
    assert_true(c.extra.stats.adverts_received > 0);
    assert_true(c.extra.stats.adverts_received < claims * c.config.nodes);
    run(&c, sparse_without, without);
    assert_int_equal(c.extra.stats.adverts_sent, 0);
    assert_true(without[TOPICS - 2] > 2 * with[TOPICS - 2]);
    assert_true(without[TOPICS - 2] > 500 * SG_NS_PER_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(newcomers_find_a_topic_by_its_adverts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
