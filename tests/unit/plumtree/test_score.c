/* score.c: decay, saturation, and that praise never pays for a fault. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/prng.h"
#include "plumtree/score.h"

#define MINUTE (60 * SG_NS_PER_S)

static const enum sg_score_event bad[] = {SG_SCORE_MISSING, SG_SCORE_INVALID, SG_SCORE_BROKEN,
                                          SG_SCORE_FAULT};

static void note(struct sg_score *s, sg_time_ns now, enum sg_score_event event, int times)
{
    for (int i = 0; i < times; i++)
        sg_score_note(s, now, event, 0);
}

static int32_t value_after(enum sg_score_event event, int times)
{
    const struct sg_score_weights w = sg_score_weights_default();
    struct sg_score s;
    sg_score_init(&s, 0);
    note(&s, 0, event, times);
    return sg_score_value(&s, &w, 0);
}

static void test_defaults(void **state)
{
    (void)state;
    assert_int_equal(value_after(SG_SCORE_FIRST, 7), 7);
    assert_int_equal(value_after(SG_SCORE_FIRST, 1000), 50);
    assert_int_equal(value_after(SG_SCORE_MISSING, 7), -7);
    assert_int_equal(value_after(SG_SCORE_MISSING, 1000), -20);
    assert_int_equal(value_after(SG_SCORE_INVALID, 1), -40);
    assert_int_equal(value_after(SG_SCORE_INVALID, 2), -160);
    assert_int_equal(value_after(SG_SCORE_BROKEN, 1), 0);
    assert_int_equal(value_after(SG_SCORE_BROKEN, 4), -90);
    assert_int_equal(value_after(SG_SCORE_FAULT, 8), 0);
    assert_int_equal(value_after(SG_SCORE_FAULT, 17), -81);
}

/* Who brings four of what it announced may lack one; who brings fewer is put away in the end. */
static void test_kept_promises_count(void **state)
{
    const struct sg_score_weights w = sg_score_weights_default();
    struct sg_score honest, liar;
    (void)state;
    sg_score_init(&honest, 0);
    sg_score_init(&liar, 0);
    for (int i = 0; i < 100; i++) {
        note(&honest, 0, SG_SCORE_BROKEN, 1);
        note(&honest, 0, SG_SCORE_KEPT, 4);
        note(&liar, 0, SG_SCORE_BROKEN, 1);
        note(&liar, 0, SG_SCORE_KEPT, 3);
    }
    assert_int_equal(honest.broken, 0);
    assert_int_equal(sg_score_value(&honest, &w, 0), 0);
    assert_true(sg_score_value(&liar, &w, 0) < w.accept_min);
}

static void test_time_and_crowds(void **state)
{
    const struct sg_score_weights w = sg_score_weights_default();
    struct sg_score s;
    (void)state;
    sg_score_init(&s, 0);
    assert_int_equal(sg_score_value(&s, &w, 5 * MINUTE), 0);
    sg_score_linked(&s, 0, 0);
    assert_int_equal(sg_score_value(&s, &w, 5 * MINUTE), 5);
    assert_int_equal(sg_score_value(&s, &w, 500 * MINUTE), 10);
    s.crowd = 2;
    assert_int_equal(sg_score_value(&s, &w, 5 * MINUTE), 5);
    s.crowd = 3;
    assert_int_equal(sg_score_value(&s, &w, 5 * MINUTE), -5);
    s.crowd = UINT16_MAX;
    assert_int_equal(sg_score_value(&s, &w, 5 * MINUTE), -15);
}

/* Half is left after the half-life, and the same however often it was looked at. */
static void test_decay(void **state)
{
    struct sg_score once, often;
    (void)state;
    sg_score_init(&once, 0);
    for (int i = 0; i < 4; i++)
        note(&once, 0, bad[i], 100);
    note(&once, 0, SG_SCORE_FIRST, 100);
    often = once;
    sg_score_decay(&once, 2 * MINUTE);
    for (sg_time_ns now = 0; now <= 2 * MINUTE; now += SG_NS_PER_S / 3)
        sg_score_decay(&often, now);
    sg_score_decay(&often, 2 * MINUTE);
    assert_memory_equal(&once, &often, sizeof(once));
    assert_in_range(once.first, 49900, 50100);
    assert_in_range(once.broken, 49900, 50100);
    assert_in_range(once.missing, 28200, 28350); /* of 40, where it stops */
    assert_in_range(once.invalid, 86900, 87200);
    assert_in_range(once.fault, 24900, 25100);
    sg_score_decay(&once, 24 * 60 * MINUTE);
    assert_false(sg_score_is_marked(&once));
    assert_int_equal(once.first, 0);
    sg_score_decay(&once, SG_TIME_NEVER);
    sg_score_decay(&once, 0); /* a clock that goes back */
}

static void random_score(struct sg_prng *prng, struct sg_score *s)
{
    sg_score_init(s, 0);
    if (sg_prng_below(prng, 2) == 0)
        sg_score_linked(s, 0, 0);
    s->first = (uint32_t)sg_prng_below(prng, 100000001);
    s->missing =
        (uint32_t)sg_prng_below(prng, 3) == 0 ? (uint32_t)sg_prng_below(prng, 100000001) : 0;
    s->invalid =
        (uint32_t)sg_prng_below(prng, 3) == 0 ? (uint32_t)sg_prng_below(prng, 100000001) : 0;
    s->broken =
        (uint32_t)sg_prng_below(prng, 3) == 0 ? (uint32_t)sg_prng_below(prng, 100000001) : 0;
    s->fault = (uint32_t)sg_prng_below(prng, 3) == 0 ? (uint32_t)sg_prng_below(prng, 100000001) : 0;
    s->crowd = (uint16_t)sg_prng_below(prng, 65536);
}

static int32_t random_weight(struct sg_prng *prng)
{
    return (int32_t)(sg_prng_next(prng) >> (33 + sg_prng_below(prng, 31)));
}

static struct sg_score_weights random_weights(struct sg_prng *prng)
{
    struct sg_score_weights w = {0};
    int32_t *const fields[] = {&w.time,    &w.time_cap,    &w.first,    &w.first_cap,
                               &w.missing, &w.missing_cap, &w.invalid,  &w.broken,
                               &w.fault,   &w.crowd,       &w.crowd_cap};
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        *fields[i] = random_weight(prng);
    return w;
}

/* Whatever the weights: nothing wraps (UBSan), more bad events never give more points, and praise
 * has no say once something is held against the neighbour. */
static void test_praise_never_pays(void **state)
{
    struct sg_prng prng;
    (void)state;
    sg_prng_init(&prng, 1);
    for (int i = 0; i < 20000; i++) {
        struct sg_score_weights w = random_weights(&prng);
        struct sg_score s;
        random_score(&prng, &s);
        sg_time_ns now = sg_prng_next(&prng) >> sg_prng_below(&prng, 64);
        int32_t before = sg_score_value(&s, &w, now);
        struct sg_score worse = s;
        worse.at = now;
        s.at = now;
        sg_score_note(&worse, now, bad[sg_prng_below(&prng, 4)], 0);
        assert_true(sg_score_value(&worse, &w, now) <= before);
        if (before >= 0)
            continue;
        for (int k = 0; k < 5; k++)
            sg_score_note(&s, now, SG_SCORE_FIRST, 0);
        assert_true(sg_score_value(&s, &w, now) <= before);
    }
}

static void test_counters_saturate(void **state)
{
    struct sg_score s;
    (void)state;
    sg_score_init(&s, 0);
    s.fault = s.first = 100000000 - 1;
    note(&s, 0, SG_SCORE_FAULT, 3);
    note(&s, 0, SG_SCORE_FIRST, 3);
    assert_int_equal(s.fault, 100000000);
    assert_int_equal(s.first, 100000000);
}

static void test_sources(void **state)
{
    struct sg_score s;
    (void)state;
    sg_score_init(&s, 0);
    assert_false(sg_score_is_source(&s, 0, 0)); /* not in the tree */
    sg_score_linked(&s, 0, 10);
    assert_true(sg_score_is_source(&s, 10 * MINUTE, 10)); /* nobody brought anything */
    assert_true(sg_score_is_source(&s, 5 * MINUTE - 1, 11));
    assert_false(sg_score_is_source(&s, 5 * MINUTE, 11));
    assert_true(sg_score_is_source(&s, SG_NS_PER_S, 1000)); /* too short a time */
    assert_true(sg_score_is_source(&s, MINUTE, 41));
    assert_false(sg_score_is_source(&s, MINUTE, 42));
    sg_score_note(&s, MINUTE, SG_SCORE_FIRST, 42);
    assert_true(sg_score_is_source(&s, 2 * MINUTE, 73));
    assert_false(sg_score_is_source(&s, 2 * MINUTE, 74));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),          cmocka_unit_test(test_kept_promises_count),
        cmocka_unit_test(test_time_and_crowds),   cmocka_unit_test(test_decay),
        cmocka_unit_test(test_praise_never_pays), cmocka_unit_test(test_counters_saturate),
        cmocka_unit_test(test_sources),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
