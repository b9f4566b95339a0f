/* What the tests of the simulator share: a small default run, and what must always hold. */
#ifndef SG_TESTS_SIM_CASE_H
#define SG_TESTS_SIM_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../../sim/internal.h"

struct sim_case {
    struct sg_sim_config config;
    struct sg_sim_extra extra;
    struct sg_sim_report report;
};

/* 24 nodes, 30 messages at 20/s, every invariant after every step. */
static inline struct sim_case sim_case(uint64_t seed)
{
    struct sim_case c;
    sg_sim_config_init(&c.config);
    c.config.seed = seed;
    c.config.nodes = 24;
    c.config.messages = 30;
    c.config.rate = 20;
    c.extra = sg_sim_extra_default();
    return c;
}

static inline void sim_case_run(struct sim_case *c)
{
    assert_int_equal(sg_sim_run_with(&c->config, &c->extra, &c->report), SG_OK);
}

/* Safety is asserted inside; this is what has to be true in the end. */
static inline void sim_case_assert_whole(const struct sim_case *c)
{
    assert_int_equal(c->report.missing, 0);
    assert_true(c->report.delivered == 1);
    assert_int_equal(c->report.components, 1);
    assert_int_equal(c->report.isolated, 0);
    assert_int_equal(c->extra.asymmetric, 0);
    assert_int_equal(c->extra.joined_alone, 0);
    assert_true(c->report.virtual_ns < c->config.limit_ns);
    /* nobody was taken for a liar */
    assert_int_equal(c->extra.stats.refused_signature, 0);
    assert_int_equal(c->extra.stats.refused_proof, 0);
    assert_int_equal(c->extra.stats.refused_malformed, 0);
    assert_int_equal(c->extra.stats.refused_version, 0);
    assert_int_equal(c->extra.stats.peers_banned, 0);
    assert_int_equal(c->extra.stats.outbox_lost, 0);
}

#endif
