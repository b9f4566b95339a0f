/* hyparview.c: configuration, verification, time, leaving; properties under random input. */
#include "unit/base/failing_mem.h"
#include "unit/hyparview/fixture.h"

static sg_err init_with(const struct sg_hpv_config *config)
{
    struct sg_hpv m;
    struct sg_peer_id self = peer_named("self");
    sg_err err = sg_hpv_init(&m, config, &self, 0, 1);
    if (err == SG_OK)
        sg_hpv_fini(&m);
    return err;
}

static void test_defaults(void **state)
{
    (void)state;
    struct sg_hpv_config c = sg_hpv_config_default(sg_mem_default());
    assert_int_equal(c.active_target, 8);
    assert_int_equal(c.active_max, 12);
    assert_int_equal(c.passive_max, 64);
    assert_int_equal(c.arwl, 6);
    assert_int_equal(c.prwl, 3);
    assert_int_equal(c.shuffle_interval_ns, 30 * SG_NS_PER_S);
    assert_int_equal(init_with(&c), SG_OK);
}

/* One field of the default is spoilt. */
#define REFUSES(field, wrong)                                                                      \
    do {                                                                                           \
        struct sg_hpv_config c = sg_hpv_config_default(sg_mem_default());                          \
        c.field = (wrong);                                                                         \
        assert_int_equal(init_with(&c), SG_ERR_INVALID_ARGUMENT);                                  \
    } while (0)

static void test_refuses_bad_config(void **state)
{
    (void)state;
    REFUSES(mem, NULL);
    REFUSES(active_target, 0);
    REFUSES(active_target, 13);
    REFUSES(active_max, SG_HPV_ACTIVE_HARD + 1);
    REFUSES(passive_max, 0);
    REFUSES(passive_max, SG_HPV_PASSIVE_HARD + 1);
    REFUSES(arwl, SG_HPV_TTL_MAX + 1);
    REFUSES(prwl, 7);
    REFUSES(shuffle_ttl, SG_HPV_TTL_MAX + 1);
    REFUSES(shuffle_active, SG_HPV_SHUFFLE_MAX);
    REFUSES(shuffle_passive, 255);
    REFUSES(jitter_percent, 101);
    REFUSES(shuffle_interval_ns, 0);
    REFUSES(shuffle_interval_ns, UINT64_MAX);
    REFUSES(rotate_interval_ns, UINT64_MAX);
    REFUSES(neighbor_timeout_ns, 0);
    REFUSES(repair_backoff_ns, 0);
    REFUSES(repair_backoff_ns, 11 * SG_NS_PER_S);
    REFUSES(repair_backoff_max_ns, UINT64_MAX);
}

static void test_largest_config(void **state)
{
    (void)state;
    struct sg_hpv_config c = sg_hpv_config_default(sg_mem_default());
    c.active_target = c.active_max = SG_HPV_ACTIVE_HARD;
    c.passive_max = SG_HPV_PASSIVE_HARD;
    c.arwl = c.prwl = c.shuffle_ttl = SG_HPV_TTL_MAX;
    c.shuffle_active = SG_HPV_SHUFFLE_MAX - 1;
    c.shuffle_passive = 0;
    c.jitter_percent = 100;
    c.rotate_interval_ns = 0;
    assert_int_equal(init_with(&c), SG_OK);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    struct failing_mem f;
    for (size_t n = 1;; n++) {
        struct sg_hpv_config c = sg_hpv_config_default(failing_mem_init(&f, n));
        sg_err err = init_with(&c);
        assert_int_equal(f.live, 0);
        if (err == SG_OK) {
            assert_int_equal(n, 4);
            break;
        }
        assert_int_equal(err, SG_ERR_NO_MEMORY);
    }
}

static void test_allocates_only_in_init(void **state)
{
    (void)state;
    struct failing_mem f;
    struct bench b = {.config = sg_hpv_config_default(failing_mem_init(&f, 0))};
    struct sg_peer_id self = peer_named("self");
    assert_int_equal(sg_hpv_init(&b.m, &b.config, &self, 0, 1), SG_OK);
    size_t calls = f.calls;
    neighbors(&b, "a b c d e f g h i j k l m n");
    candidates(&b, "o p q r");
    for (int i = 0; i < 100; i++)
        next_timeout(&b);
    event(&b, SG_HPV_IN_LEAVE, "");
    assert_int_equal(f.calls, calls);
    bench_close(&b);
    assert_int_equal(f.live, 0);
}

static void test_fini_twice(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 2, 3, 4);
    bench_close(&b);
    bench_close(&b);
    assert_string_equal(says(&b, "a", "JOIN"), "");
}

/* ---- verify, then commit ---- */

static void assert_refused(struct bench *b, const struct sg_hpv_in *in, sg_err expected)
{
    struct sg_hpv before = b->m;
    struct sg_hpv_active active[8];
    struct sg_peer_id passive[8];
    memcpy(active, b->m.active, b->m.active_count * sizeof(*active));
    memcpy(passive, b->m.passive, b->m.passive_count * sizeof(*passive));
    b->out.count = 77;
    assert_int_equal(sg_hpv_input(&b->m, b->now + SG_NS_PER_S, in, &b->out), expected);
    assert_int_equal(b->out.count, 77);
    assert_memory_equal(&b->m, &before, sizeof(before));
    assert_memory_equal(active, b->m.active, b->m.active_count * sizeof(*active));
    assert_memory_equal(passive, b->m.passive, b->m.passive_count * sizeof(*passive));
    b->out.count = 0;
}

static void assert_violation(struct bench *b, const char *from, struct sg_hpv_msg msg)
{
    struct sg_hpv_in in = {.kind = SG_HPV_IN_MESSAGE, .peer = peer_named(from), .msg = &msg};
    assert_refused(b, &in, SG_ERR_PROTOCOL);
}

static void test_errors_change_nothing(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 3, 4, 8);
    neighbors(&b, "a b");
    candidates(&b, "p q r");
    struct sg_peer_id self = peer_named("self");
    struct sg_peer_id a = peer_named("a");
    struct sg_hpv_in join_self = {.kind = SG_HPV_IN_JOIN, .peer = self};
    assert_refused(&b, &join_self, SG_ERR_INVALID_ARGUMENT);
    struct sg_hpv_in unknown = {.kind = (enum sg_hpv_in_kind)99, .peer = a};
    assert_refused(&b, &unknown, SG_ERR_INVALID_ARGUMENT);
    assert_violation(&b, "self", (struct sg_hpv_msg){.kind = SG_HPV_JOIN});
    assert_violation(&b, "a", (struct sg_hpv_msg){.kind = (enum sg_hpv_kind)0});
    assert_violation(&b, "a", (struct sg_hpv_msg){.kind = (enum sg_hpv_kind)8});
    assert_violation(&b, "a", (struct sg_hpv_msg){.kind = SG_HPV_FORWARD_JOIN, .count = 0});
    assert_violation(&b, "a", (struct sg_hpv_msg){.kind = SG_HPV_FORWARD_JOIN, .count = 2});
    assert_violation(&b, "a",
                     (struct sg_hpv_msg){.kind = SG_HPV_FORWARD_JOIN, .count = 1, .ttl = 17});
    assert_violation(&b, "a",
                     (struct sg_hpv_msg){.kind = SG_HPV_FORWARD_JOIN, .count = 1, .id = {self}});
    assert_violation(&b, "a",
                     (struct sg_hpv_msg){.kind = SG_HPV_FORWARD_JOIN, .count = 1, .id = {a}});
    assert_violation(&b, "a", (struct sg_hpv_msg){.kind = SG_HPV_SHUFFLE, .count = 0});
    assert_violation(&b, "a", (struct sg_hpv_msg){.kind = SG_HPV_SHUFFLE, .count = 17});
    assert_violation(&b, "a", (struct sg_hpv_msg){.kind = SG_HPV_SHUFFLE, .count = 1, .ttl = 17});
    assert_violation(&b, "a",
                     (struct sg_hpv_msg){.kind = SG_HPV_SHUFFLE, .count = 1, .id = {self}});
    assert_violation(&b, "a", (struct sg_hpv_msg){.kind = SG_HPV_SHUFFLE_REPLY, .count = 0});
    assert_violation(&b, "a", (struct sg_hpv_msg){.kind = SG_HPV_SHUFFLE_REPLY, .count = 17});
    bench_close(&b);
}

/* ---- time ---- */

static void test_first_shuffles_spread(void **state)
{
    (void)state;
    unsigned tenth[10] = {0};
    struct sg_hpv_config c = sg_hpv_config_default(sg_mem_default());
    struct sg_peer_id self = peer_named("self");
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct sg_hpv m;
        assert_int_equal(sg_hpv_init(&m, &c, &self, 0, seed), SG_OK);
        assert_true(m.shuffle_at < 30 * SG_NS_PER_S);
        tenth[m.shuffle_at / (3 * SG_NS_PER_S)]++;
        sg_hpv_fini(&m);
    }
    /* 100 nodes that start together: about 10 shuffle in each tenth of the interval */
    for (int i = 0; i < 10; i++)
        assert_in_range(tenth[i], 3, 20);
}

static void test_shuffle_jitter(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 1, 2, 4);
    b.m.config.jitter_percent = 20;
    b.m.config.rotate_interval_ns = 0;
    b.m.rotate_at = SG_TIME_NEVER;
    neighbors(&b, "a");
    sg_time_ns last = 0;
    uint64_t least = UINT64_MAX, most = 0;
    next_timeout(&b);
    for (int i = 0; i < 200; i++) {
        last = b.now;
        assert_string_equal(next_timeout(&b), "send a SHUFFLE ttl=6 self\n");
        least = b.now - last < least ? b.now - last : least;
        most = b.now - last > most ? b.now - last : most;
    }
    assert_in_range(least, 24 * SG_NS_PER_S, 25 * SG_NS_PER_S);
    assert_in_range(most, 35 * SG_NS_PER_S, 36 * SG_NS_PER_S);
    bench_close(&b);
}

static void test_clock_at_its_ends(void **state)
{
    (void)state;
    struct bench b;
    struct sg_peer_id self = peer_named("self");
    bench_open(&b, 2, 3, 4);
    bench_close(&b);
    b.now = SG_TIME_NEVER - SG_NS_PER_S;
    assert_int_equal(sg_hpv_init(&b.m, &b.config, &self, b.now, 1), SG_OK);
    assert_string_equal(event(&b, SG_HPV_IN_JOIN, "a"), "send a JOIN\n");
    assert_true(sg_hpv_deadline(&b.m) >= b.now);
    neighbors(&b, "b c d");
    candidates(&b, "p q");
    event(&b, SG_HPV_IN_FAILED, "b");
    b.now = SG_TIME_NEVER;
    event(&b, SG_HPV_IN_TIMEOUT, "");
    bench_close(&b);
}

static void test_clock_going_back_stands_still(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 2, 3, 4);
    b.now = 100 * SG_NS_PER_S;
    neighbors(&b, "a b");
    b.now = 1;
    candidates(&b, "p");
    assert_string_equal(event(&b, SG_HPV_IN_FAILED, "a"), "down a\nsend p NEIGHBOR low\n");
    assert_int_equal(b.m.pending[0].deadline, 105 * SG_NS_PER_S);
    bench_close(&b);
}

static void test_long_sleep(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 1, 2, 4);
    neighbors(&b, "a");
    b.now = 7 * 24 * 3600 * SG_NS_PER_S;
    /* one shuffle for all that were missed */
    assert_string_equal(event(&b, SG_HPV_IN_TIMEOUT, ""), "send a SHUFFLE ttl=6 self\n");
    assert_true(sg_hpv_deadline(&b.m) > b.now);
    bench_close(&b);
}

/* ---- leaving ---- */

static void test_leave(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 3, 4, 4);
    neighbors(&b, "a b");
    assert_string_equal(candidates(&b, "p"), "send p NEIGHBOR low\n");
    assert_string_equal(event(&b, SG_HPV_IN_LEAVE, ""), "send a DISCONNECT leaving\ndown a\n"
                                                        "send b DISCONNECT leaving\ndown b\n"
                                                        "send p DISCONNECT leaving\n");
    assert_string_equal(views(&b), "active:; passive: p; pending:");
    assert_int_equal(sg_hpv_deadline(&b.m), SG_TIME_NEVER);
    b.now = 3600 * SG_NS_PER_S;
    for (int kind = SG_HPV_IN_TIMEOUT; kind <= SG_HPV_IN_LEAVE; kind++)
        if (kind != SG_HPV_IN_MESSAGE)
            assert_string_equal(event(&b, (enum sg_hpv_in_kind)kind, "self"), "");
    assert_string_equal(says(&b, "a", "JOIN"), "");
    assert_string_equal(says(&b, "p", "NEIGHBOR_REPLY accepted"), "");
    bench_close(&b);
}

static void test_leave_with_full_views(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, SG_HPV_ACTIVE_HARD, SG_HPV_ACTIVE_HARD, 64);
    for (int i = 0; i < SG_HPV_ACTIVE_HARD; i++) {
        char name[16];
        snprintf(name, sizeof(name), "n%d", i);
        neighbors(&b, name);
    }
    /* the largest outbox: a JOIN that evicts and is announced */
    says(&b, "joiner", "JOIN");
    assert_int_equal(b.out.count, 4 + SG_HPV_ACTIVE_HARD - 1);
    event(&b, SG_HPV_IN_LEAVE, "");
    assert_int_equal(b.out.count, 2 * SG_HPV_ACTIVE_HARD);
    bench_close(&b);
}

static void test_is_active_and_pending(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 2, 3, 4);
    neighbors(&b, "a");
    candidates(&b, "p");
    assert_true(is_active(&b, "a") && !is_active(&b, "p"));
    assert_true(!is_pending(&b, "a") && is_pending(&b, "p"));
    bench_close(&b);
}

/* ---- random input ---- */

static struct sg_peer_id random_peer(struct sg_prng *prng)
{
    char name[16];
    unsigned number = (unsigned)sg_prng_below(prng, 40);
    snprintf(name, sizeof(name), "n%u", number);
    return number == 0 ? peer_named("self") : peer_named(name);
}

static void random_msg(struct sg_prng *prng, struct sg_hpv_msg *msg)
{
    *msg = (struct sg_hpv_msg){0};
    msg->kind = (enum sg_hpv_kind)sg_prng_below(prng, 9);
    msg->high_priority = sg_prng_below(prng, 2) == 1;
    msg->accepted = sg_prng_below(prng, 3) > 0;
    msg->leaving = sg_prng_below(prng, 8) == 0;
    msg->ttl = (uint8_t)sg_prng_below(prng, SG_HPV_TTL_MAX + 2);
    msg->count = (uint8_t)sg_prng_below(prng, SG_HPV_SHUFFLE_MAX + 2);
    if (msg->kind == SG_HPV_FORWARD_JOIN)
        msg->count = 1;
    for (size_t i = 0; i < SG_HPV_SHUFFLE_MAX; i++)
        msg->id[i] = random_peer(prng); /* with duplicates */
}

static void random_input(struct bench *b, struct sg_prng *prng)
{
    struct sg_hpv_msg msg;
    struct sg_peer_id peers[8];
    struct sg_hpv_in in = {.kind = SG_HPV_IN_MESSAGE, .msg = &msg, .peers = peers};
    uint64_t dice = sg_prng_below(prng, 12);
    if (dice < SG_HPV_IN_MESSAGE)
        in.kind = (enum sg_hpv_in_kind)dice;
    in.peer = random_peer(prng);
    random_msg(prng, &msg);
    in.count = sg_prng_below(prng, 8);
    for (size_t i = 0; i < 8; i++)
        peers[i] = random_peer(prng);
    b->now += sg_prng_below(prng, SG_NS_PER_S);
    uint16_t before = b->m.active_count;
    sg_err err = sg_hpv_input(&b->m, b->now, &in, &b->out);
    sg_hpv_check(&b->m);
    if (err != SG_OK)
        return;
    for (size_t i = 0; i < b->out.count; i++) {
        before = (uint16_t)(before + (b->out.out[i].kind == SG_HPV_OUT_NEIGHBOR_UP));
        before = (uint16_t)(before - (b->out.out[i].kind == SG_HPV_OUT_NEIGHBOR_DOWN));
    }
    assert_int_equal(before, b->m.active_count); /* ups and downs tell the truth */
    if (in.kind == SG_HPV_IN_TIMEOUT)
        assert_true(sg_hpv_deadline(&b->m) > b->now);
}

static void test_random_input(void **state)
{
    (void)state;
    struct sg_prng prng;
    sg_prng_init(&prng, 42);
    for (int run = 0; run < 10; run++) {
        struct bench b;
        uint16_t target = (uint16_t)(1 + sg_prng_below(&prng, 8));
        uint16_t more = (uint16_t)sg_prng_below(&prng, 5);
        uint16_t passive = (uint16_t)(1 + sg_prng_below(&prng, 20));
        bench_open(&b, target, (uint16_t)(target + more), passive);
        for (int i = 0; i < 10000; i++)
            random_input(&b, &prng);
        bench_close(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_refuses_bad_config),
        cmocka_unit_test(test_largest_config),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_allocates_only_in_init),
        cmocka_unit_test(test_fini_twice),
        cmocka_unit_test(test_errors_change_nothing),
        cmocka_unit_test(test_first_shuffles_spread),
        cmocka_unit_test(test_shuffle_jitter),
        cmocka_unit_test(test_clock_at_its_ends),
        cmocka_unit_test(test_clock_going_back_stands_still),
        cmocka_unit_test(test_long_sleep),
        cmocka_unit_test(test_leave),
        cmocka_unit_test(test_leave_with_full_views),
        cmocka_unit_test(test_is_active_and_pending),
        cmocka_unit_test(test_random_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
