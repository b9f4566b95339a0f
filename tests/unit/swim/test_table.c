/* table.c: growth, the index, the sample, random choice; timer.c on the way. */
#include "unit/swim/fixture.h"

static struct sg_peer_id numbered(unsigned i)
{
    struct sg_peer_id id = {{1, (uint8_t)(i >> 8), (uint8_t)i}};
    return id;
}

static void feed_record(struct bench *b, unsigned i)
{
    struct sg_swim_in in = {.kind = SG_SWIM_IN_RECORD, .peer = numbered(i), .incarnation = BOOT(1)};
    assert_int_equal(sg_swim_input(b->m, b->now, &in, &b->out), SG_OK);
}

static void members_come_and_go(void **state)
{
    (void)state;
    struct bench b;
    struct sg_swim_config config = quiet_config();
    struct sg_prng prng;
    bool is_in[300] = {false};
    config.members_max = 300;
    bench_open(&b, &config);
    sg_prng_init(&prng, 5);
    for (int i = 0; i < 3000; i++) {
        unsigned which = (unsigned)sg_prng_below(&prng, 300);
        if (is_in[which]) {
            struct sg_peer_id id = numbered(which);
            uint16_t slot = sg_swim_slot(b.m, &id);
            assert_true(slot != SG_SWIM_NONE);
            sg_swim_remove(b.m, slot);
        } else {
            feed_record(&b, which);
        }
        is_in[which] = !is_in[which];
        if (i % 50 == 0)
            sg_swim_check(b.m);
    }
    for (unsigned i = 0; i < 300; i++) {
        struct sg_peer_id id = numbered(i);
        assert_true((sg_swim_slot(b.m, &id) != SG_SWIM_NONE) == is_in[i]);
    }
    bench_close(&b);
}

/* Whoever is told of last or most often has no better chance; those with links always stay. */
static void the_sample_is_uniform(void **state)
{
    (void)state;
    unsigned kept[64] = {0};
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct sg_swim_config config = quiet_config();
        struct bench b = {.now = 0};
        config.members_max = 16;
        bench_open_at(&b, &config, 1, seed);
        members(&b, "abcd", false);
        for (unsigned round = 0; round < 2; round++)
            for (unsigned i = 0; i < 64; i++)
                feed_record(&b, i);
        assert_int_equal(sg_swim_count(b.m), 16);
        for (const char *name = "abcd"; *name != '\0'; name++)
            assert_int_equal(state_of(&b, (const char[]){*name, '\0'}), SG_SWIM_IS_ALIVE);
        for (unsigned i = 0; i < 64; i++) {
            struct sg_peer_id id = numbered(i);
            kept[i] += sg_swim_slot(b.m, &id) != SG_SWIM_NONE;
        }
        bench_close(&b);
    }
    for (int i = 0; i < 64; i++) /* 200 * 12 / 64 = 37.5 */
        assert_in_range(kept[i], 17, 62);
}

static void a_full_table_of_links_takes_nobody(void **state)
{
    (void)state;
    struct bench b;
    struct sg_swim_config config = quiet_config();
    config.members_max = 3;
    bench_open(&b, &config);
    record(&b, "x", BOOT(1), false);
    assert_null(strstr(link_up(&b, "a"), "dropped"));
    link_up(&b, "b");
    assert_non_null(strstr(link_up(&b, "c"), "dropped x 1.0\n"));
    link_up(&b, "d");
    assert_int_equal(state_of(&b, "d"), 0);
    assert_int_equal(sg_swim_count(b.m), 3);
    bench_close(&b);
}

static void choices_are_random_and_different(void **state)
{
    (void)state;
    struct bench b;
    unsigned picked[8] = {0};
    struct sg_swim_config config = quiet_config();
    bench_open(&b, &config);
    members(&b, "abcdefgh", false);
    record(&b, "unlinked", BOOT(1), false);
    struct sg_peer_id h = peer_named("h");
    for (int i = 0; i < 700; i++) {
        uint16_t slots[3];
        uint8_t count = sg_swim_pick(b.m, SG_SWIM_TO_RELAY, sg_swim_slot(b.m, &h), 3, slots);
        assert_int_equal(count, 3);
        assert_true(slots[0] != slots[1] && slots[1] != slots[2] && slots[0] != slots[2]);
        for (int k = 0; k < 3; k++)
            picked[name_of(&b.m->member[slots[k]].id)[0] - 'a']++;
    }
    assert_int_equal(picked[7], 0);
    for (int i = 0; i < 7; i++)
        assert_in_range(picked[i], 240, 360);
    bench_close(&b);
}

static void views_list_the_living_then_the_dead(void **state)
{
    (void)state;
    struct bench b;
    struct sg_swim_view view;
    struct sg_swim_config config = sg_swim_config_paper(sg_mem_default(), true);
    bench_open(&b, &config);
    members(&b, "abc", false);
    says(&b, "a", SG_SWIM_DEAD, "b", BOOT(1), "a");
    uint32_t i = 0;
    for (; sg_swim_at(b.m, i, &view); i++)
        assert_true((view.state == SG_SWIM_IS_DEAD) == (i == 2));
    assert_int_equal(i, 3);
    assert_int_equal(sg_swim_count(b.m), 2);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_come_and_go),
        cmocka_unit_test(the_sample_is_uniform),
        cmocka_unit_test(a_full_table_of_links_takes_nobody),
        cmocka_unit_test(choices_are_random_and_different),
        cmocka_unit_test(views_list_the_living_then_the_dead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
