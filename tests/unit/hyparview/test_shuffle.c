/* shuffle.c: SHUFFLE walks, answers, integration. */
#include "unit/hyparview/fixture.h"

static void open_without_rotation(struct bench *b, uint16_t target, uint16_t max, uint16_t passive)
{
    bench_open(b, target, max, passive);
    b->m.rotate_at = SG_TIME_NEVER;
}

static void test_sample(void **state)
{
    (void)state;
    struct bench b;
    open_without_rotation(&b, 1, 8, 16);
    neighbors(&b, "a b c d e");
    candidates(&b, "p q r s t u");
    for (int i = 0; i < 200; i++) {
        b.now = b.m.shuffle_at;
        event(&b, SG_HPV_IN_TIMEOUT, "");
        assert_int_equal(b.out.count, 1);
        const struct sg_hpv_out *out = &b.out.out[0];
        struct sg_peer_id self = peer_named("self");
        assert_int_equal(out->msg.kind, SG_HPV_SHUFFLE);
        assert_int_equal(out->msg.ttl, 6);
        assert_int_equal(out->msg.count, 1 + 3 + 4);
        assert_memory_equal(&out->msg.id[0], &self, sizeof(self));
        for (int k = 1; k < 8; k++) {
            assert_int_equal(is_active(&b, name_of(&out->msg.id[k])), k <= 3);
            assert_memory_not_equal(&out->msg.id[k], &out->peer, sizeof(self));
            for (int j = 0; j < k; j++)
                assert_memory_not_equal(&out->msg.id[k], &out->msg.id[j], sizeof(self));
        }
    }
    bench_close(&b);
}

/* The shuffle that found a dead neighbour is lost, and others may be dead as well. */
static void test_a_broken_link_brings_the_next_shuffle(void **state)
{
    (void)state;
    struct bench b;
    open_without_rotation(&b, 1, 8, 16);
    neighbors(&b, "a b");
    b.now += SG_NS_PER_MS;
    b.m.shuffle_at = b.now;
    event(&b, SG_HPV_IN_TIMEOUT, ""); /* without an answer so far */
    b.m.shuffle_at = b.now + 20 * SG_NS_PER_S;
    event(&b, SG_HPV_IN_FAILED, "a");
    assert_in_range(b.m.shuffle_at - b.now, 160 * SG_NS_PER_MS, 240 * SG_NS_PER_MS);
    b.now = sg_hpv_deadline(&b.m);
    event(&b, SG_HPV_IN_TIMEOUT, "");
    assert_int_equal(b.out.count, 1);
    assert_int_equal(b.out.out[0].msg.kind, SG_HPV_SHUFFLE);
    assert_string_equal(name_of(&b.out.out[0].peer), "b");
    assert_in_range(b.m.shuffle_at - b.now, 24 * SG_NS_PER_S, 36 * SG_NS_PER_S);
    /* a candidate that cannot be reached was no link */
    sg_time_ns at = b.m.shuffle_at;
    event(&b, SG_HPV_IN_FAILED, "a");
    assert_true(b.m.shuffle_at == at);
    /* nor does a link that breaks lose an answered one */
    neighbors(&b, "c");
    b.m.sent_count = 0;
    event(&b, SG_HPV_IN_FAILED, "c");
    assert_true(b.m.shuffle_at == at);
    bench_close(&b);
}

static void test_sample_is_random(void **state)
{
    (void)state;
    struct bench b;
    unsigned seen[8] = {0};
    open_without_rotation(&b, 1, 8, 16);
    neighbors(&b, "a");
    candidates(&b, "p0 p1 p2 p3 p4 p5 p6 p7");
    for (int i = 0; i < 400; i++) {
        b.now = b.m.shuffle_at;
        event(&b, SG_HPV_IN_TIMEOUT, "");
        for (int k = 1; k < 5; k++)
            seen[b.out.out[0].msg.id[k].b[1] - '0']++;
    }
    for (int k = 0; k < 8; k++)
        assert_in_range(seen[k], 160, 240);
    bench_close(&b);
}

static void test_small_views(void **state)
{
    (void)state;
    struct bench b;
    open_without_rotation(&b, 1, 8, 16);
    neighbors(&b, "a");
    assert_string_equal(next_timeout(&b), "send a SHUFFLE ttl=6 self\n");
    bench_close(&b);
}

static void test_no_neighbor_no_shuffle(void **state)
{
    (void)state;
    struct bench b;
    open_without_rotation(&b, 1, 8, 16);
    b.now = 3600 * SG_NS_PER_S;
    assert_string_equal(event(&b, SG_HPV_IN_TIMEOUT, ""), "isolated\n");
    bench_close(&b);
}

/* ---- the walk ---- */

static void test_walk(void **state)
{
    (void)state;
    struct bench b;
    open_without_rotation(&b, 1, 8, 16);
    neighbors(&b, "a b");
    assert_string_equal(says(&b, "a", "SHUFFLE o x y ttl=6"), "send b SHUFFLE ttl=5 o x y\n");
    assert_string_equal(says(&b, "b", "SHUFFLE o x y ttl=2"), "send a SHUFFLE ttl=1 o x y\n");
    assert_string_equal(says(&b, "b", "SHUFFLE o x y ttl=16"), "send a SHUFFLE ttl=5 o x y\n");
    assert_string_equal(views(&b), "active: a b; passive:; pending:");
    bench_close(&b);
}

static void test_walk_ends(void **state)
{
    (void)state;
    struct bench b;
    open_without_rotation(&b, 1, 8, 16);
    neighbors(&b, "a b");
    /* nothing to answer with yet */
    assert_string_equal(says(&b, "a", "SHUFFLE o x y self a ttl=1"), "");
    assert_string_equal(views(&b), "active: a b; passive: o x y; pending:");
    says(&b, "a", "SHUFFLE q ttl=0");
    assert_int_equal(b.out.count, 1); /* as many as came */
    assert_int_equal(b.out.out[0].msg.kind, SG_HPV_SHUFFLE_REPLY);
    assert_int_equal(b.out.out[0].msg.count, 1);
    bench_close(&b);
}

static void test_walk_ends_where_it_cannot_go_on(void **state)
{
    (void)state;
    struct bench b;
    open_without_rotation(&b, 1, 8, 16);
    neighbors(&b, "a b");
    assert_string_equal(says(&b, "a", "SHUFFLE b x ttl=6"), ""); /* never back to its origin */
    assert_string_equal(says(&b, "a", "SHUFFLE b y ttl=6"), "send b SHUFFLE_REPLY x\n");
    assert_string_equal(views(&b), "active: a b; passive: x y; pending:");
    bench_close(&b);
}

static void test_origin_is_not_told_of_itself(void **state)
{
    (void)state;
    struct bench b;
    open_without_rotation(&b, 1, 8, 16);
    neighbors(&b, "a");
    candidates(&b, "o p");
    assert_string_equal(says(&b, "a", "SHUFFLE o x y ttl=1"), "send o SHUFFLE_REPLY p\n");
    bench_close(&b);
}

static void test_failed_is_not_recommended(void **state)
{
    (void)state;
    struct bench b;
    open_without_rotation(&b, 1, 8, 16);
    neighbors(&b, "a");
    candidates(&b, "p q");
    event(&b, SG_HPV_IN_FAILED, "p");
    assert_string_equal(says(&b, "a", "SHUFFLE o x y ttl=1"), "send o SHUFFLE_REPLY q\n");
    bench_close(&b);
}

/* A full view gives up what it has just sent. */
static void test_answer_swaps(void **state)
{
    (void)state;
    struct bench b;
    open_without_rotation(&b, 1, 8, 4);
    neighbors(&b, "a");
    candidates(&b, "p q r s");
    says(&b, "a", "SHUFFLE o x ttl=1");
    assert_int_equal(b.out.out[0].msg.count, 2);
    assert_int_equal(b.m.passive_count, 4);
    assert_true(has_passive(&b, "o") && has_passive(&b, "x"));
    for (uint8_t i = 0; i < 2; i++)
        assert_false(has_passive(&b, name_of(&b.out.out[0].msg.id[i])));
    bench_close(&b);
}

/* ---- the answer ---- */

static void test_reply(void **state)
{
    (void)state;
    struct bench b;
    open_without_rotation(&b, 1, 8, 16);
    neighbors(&b, "a");
    next_timeout(&b);
    assert_string_equal(says(&b, "z", "SHUFFLE_REPLY x a self x y"), "");
    assert_string_equal(views(&b), "active: a; passive: z x y; pending:");
    bench_close(&b);
}

static void test_reply_swaps(void **state)
{
    (void)state;
    struct bench b;
    open_without_rotation(&b, 1, 8, 5);
    b.m.config.shuffle_passive = 2;
    neighbors(&b, "a");
    candidates(&b, "p q r s t");
    next_timeout(&b);
    struct sg_hpv_msg sent = b.out.out[0].msg;
    assert_int_equal(sent.count, 3);
    says(&b, "a", "SHUFFLE_REPLY x y");
    for (uint8_t i = 1; i < sent.count; i++)
        assert_false(has_passive(&b, name_of(&sent.id[i])));
    assert_true(has_passive(&b, "x") && has_passive(&b, "y"));
    assert_int_equal(b.m.passive_count, 5);
    bench_close(&b);
}

/* More came than was sent: the rest replaces at random. */
static void test_reply_larger_than_sample(void **state)
{
    (void)state;
    struct bench b;
    open_without_rotation(&b, 1, 8, 4);
    b.m.config.shuffle_passive = 1;
    neighbors(&b, "a");
    candidates(&b, "p q r s");
    next_timeout(&b);
    says(&b, "a", "SHUFFLE_REPLY w x y");
    assert_int_equal(b.m.passive_count, 4);
    assert_true(has_passive(&b, "y"));
    bench_close(&b);
}

static void test_reply_that_nobody_asked_for(void **state)
{
    (void)state;
    struct bench b;
    open_without_rotation(&b, 1, 8, 16);
    neighbors(&b, "a");
    says(&b, "z", "SHUFFLE_REPLY x y");
    assert_string_equal(views(&b), "active: a; passive:; pending:");
    next_timeout(&b);
    says(&b, "z", "SHUFFLE_REPLY x");
    says(&b, "w", "SHUFFLE_REPLY y"); /* one answer per shuffle */
    assert_string_equal(views(&b), "active: a; passive: z x; pending:");
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sample),
        cmocka_unit_test(test_a_broken_link_brings_the_next_shuffle),
        cmocka_unit_test(test_sample_is_random),
        cmocka_unit_test(test_small_views),
        cmocka_unit_test(test_no_neighbor_no_shuffle),
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_walk_ends),
        cmocka_unit_test(test_walk_ends_where_it_cannot_go_on),
        cmocka_unit_test(test_origin_is_not_told_of_itself),
        cmocka_unit_test(test_failed_is_not_recommended),
        cmocka_unit_test(test_answer_swaps),
        cmocka_unit_test(test_reply),
        cmocka_unit_test(test_reply_swaps),
        cmocka_unit_test(test_reply_larger_than_sample),
        cmocka_unit_test(test_reply_that_nobody_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
