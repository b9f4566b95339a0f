/* seen.c: the ring of seen ids and its newest part, the cache. */
#include "unit/plumtree/fixture.h"

static struct sg_pt_seen *add(struct pt_play *p, const char *word, bool is_held)
{
    struct sg_msg_id id = pt_msg(word);
    p->out.count = 0;
    assert_int_equal(sg_pt_seen_reserve(p->pt), SG_OK);
    return sg_pt_seen_add(p->pt, &id, is_held, &p->out);
}

/* Numbers in any order around the ring several times. */
static void test_ring(void **state)
{
    struct pt_play *p = *state;
    char word[16];
    DO(p, "new seen=7 cache=3");
    for (int i = 0; i < 50; i++) {
        snprintf(word, sizeof(word), "m%d", i);
        struct sg_pt_seen *entry = add(p, word, true);
        assert_ptr_equal(sg_pt_seen_recent(p->pt, 0), entry);
        assert_int_equal(p->out.count, i >= 3);
        for (int k = 0; k <= i; k++) {
            snprintf(word, sizeof(word), "m%d", k);
            struct sg_msg_id id = pt_msg(word);
            const struct sg_pt_seen *found = sg_pt_seen_find(p->pt, &id);
            assert_int_equal(found != NULL, k > i - 7);
            if (found != NULL)
                assert_int_equal(sg_pt_seen_is_held(p->pt, found), k > i - 3);
        }
        sg_pt_check(p->pt);
    }
    assert_int_equal(sg_pt_stats(p->pt)->seen_overflow, 43);
}

/* A refused id is in the ring but no payload of it is there to let go. */
static void test_refused_is_not_forgotten_aloud(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new cache=1");
    const struct sg_pt_seen *refused = add(p, "refused", false);
    assert_false(sg_pt_seen_is_held(p->pt, refused));
    add(p, "m", true);
    assert_int_equal(p->out.count, 0);
    add(p, "n", true);
    assert_int_equal(p->out.count, 1);
    assert_int_equal(p->out.out[0].kind, SG_PT_OUT_FORGET);
}

/* When the cache is as large as the ring, an id leaves both at once, and FORGET comes first. */
static void test_cache_as_large_as_the_ring(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new seen=2 cache=2");
    DO(p, "broadcast m1");
    DO(p, "broadcast m2");
    EXPECT(p, "broadcast m3", "forget m1\n");
    EXPECT(p, "known m1 m2 m3", "m1 unknown\nm2 cached\nm3 cached\n");
}

static void test_same_life_in_cache_and_ring(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new cache_ms=640 seen_ms=640");
    DO(p, "broadcast m");
    EXPECT(p, "run 1000", "at 650 ms\nforget m\n");
    EXPECT(p, "known m", "m unknown\n");
    assert_int_equal(sg_pt_deadline(p->pt), SG_TIME_NEVER);
}

static bool is_smallest(const struct pt_play *p, const char *word, uint64_t window_ms)
{
    struct sg_msg_id id = pt_msg(word);
    return sg_pt_seen_is_smallest(p->pt, sg_pt_seen_find(p->pt, &id), window_ms * SG_NS_PER_MS);
}

static void test_smallest(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new");
    DO(p, "broadcast m1");
    DO(p, "wait 100");
    DO(p, "broadcast m3");
    DO(p, "broadcast m2");
    assert_true(is_smallest(p, "m1", 1000));
    assert_true(is_smallest(p, "m2", 100));
    assert_false(is_smallest(p, "m2", 101));
    assert_false(is_smallest(p, "m3", 100)); /* m2 came after it */
    DO(p, "wait 1000");
    DO(p, "broadcast m0");
    assert_false(is_smallest(p, "m2", 100));
    assert_true(is_smallest(p, "m0", 100));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PT_TEST(test_ring),
        PT_TEST(test_refused_is_not_forgotten_aloud),
        PT_TEST(test_cache_as_large_as_the_ring),
        PT_TEST(test_same_life_in_cache_and_ring),
        PT_TEST(test_smallest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
