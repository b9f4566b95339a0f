/* ladder.c: whom a node asks that has no neighbour, and that the dead cost it no memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "node/internal.h"
#include "support/core_net.h"

static struct net net;

static struct sg_core_in candidate(uint32_t i)
{
    struct sg_core_in in = {.kind = SG_CORE_IN_CANDIDATE, .hints = {.count = 1}};
    in.peer.b[0] = 0xdd;
    in.peer.b[1] = (uint8_t)i;
    in.peer.b[2] = (uint8_t)(i >> 8);
    in.hints.hint[0].len = 7;
    in.hints.hint[0].b[0] = 4;
    in.hints.hint[0].b[1] = (uint8_t)i;
    in.hints.hint[0].b[2] = (uint8_t)(i >> 8);
    return in;
}

/* Seeds at every step, the cache at every other one: 0.2 s doubling to 10 s, for ever. */
static void who_is_alone_asks_all_sources(void **state)
{
    (void)state;
    net_init(&net, 1, NULL);
    net_run(&net, 2 * SG_NS_PER_S);
    assert_in_range(net.need_seeds[0], 3, 5); /* with jitter: 0.1, 0.3, 0.7, 1.5 s */
    assert_in_range(net.need_cache[0], net.need_seeds[0] / 2, net.need_seeds[0] / 2 + 1);
    size_t seeds = net.need_seeds[0];
    net_run(&net, 600 * SG_NS_PER_S);
    assert_in_range(net.need_seeds[0] - seeds, 600 / 12, 600 / 8 + 4);
    net_fini(&net);
}

/* traps.md 19: a thousand dead names, fed again and again by caches and rumors. Links and requests
 * stay few, the passive view and the book have their limits, and dials have the pauses of names. */
static void a_thousand_dead_names(void **state)
{
    struct sg_core_stats stats;
    (void)state;
    net_init(&net, 1, NULL);
    const struct sg_core *core = net.core[0];
    const struct sg_hpv *hpv = &core->scopes[0]->hpv;
    uint32_t links = 0;
    uint16_t requests = 0;
    for (uint32_t i = 0; i < 3000; i++) {
        struct sg_core_in in = candidate(i % 1000);
        assert_int_equal(net_input(&net, 0, &in), SG_OK);
        net_run(&net, 20 * SG_NS_PER_MS);
        links = core->link_count > links ? core->link_count : links;
        requests = hpv->pending_count > requests ? hpv->pending_count : requests;
    }
    assert_true(links <= SG_HPV_PENDING_MAX);
    assert_true(requests <= SG_HPV_PENDING_MAX);
    assert_true(hpv->passive_count <= hpv->config.passive_max);
    assert_true(core->book.count <= 1000);
    uint32_t cap = core->book.cap;
    sg_core_stats(core, &stats);
    uint64_t dials = stats.dials;
    net_run(&net, 60 * SG_NS_PER_S);
    sg_core_stats(core, &stats);
    /* 64 names are left, and each is asked again after 10 s or more */
    assert_in_range(stats.dials - dials, 1, 6 * hpv->config.passive_max + 64);
    assert_int_equal(core->book.cap, cap);
    assert_true(core->link_count <= SG_HPV_PENDING_MAX);
    net_fini(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_alone_asks_all_sources),
        cmocka_unit_test(a_thousand_dead_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
