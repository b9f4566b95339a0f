#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "node/internal.h"
#include "unit/base/failing_mem.h"

static const struct sg_peer_id alice = {{1}};
static const struct sg_peer_id bob = {{2}};

static uint64_t seq(uint32_t boot, uint32_t counter)
{
    return ((uint64_t)boot << 32) | counter;
}

static void accept_one(struct sg_windows *w, const struct sg_peer_id *author, uint64_t number)
{
    assert_int_equal(sg_windows_accept(w, sg_mem_default(), author, number, 7), SG_OK);
}

static void setup(struct sg_windows *w, uint32_t max)
{
    static const struct sg_index_keys keys = {{1, 3, 5, 7, 9, 11, 13, 15, 17}};
    sg_windows_init(w, max, &keys);
}

static void numbers_are_new_once_in_any_order(void **state)
{
    static const uint32_t order[] = {5, 1, 3, 4000, 2, 4, 3999};
    struct sg_windows w;
    (void)state;
    setup(&w, 4);
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        assert_true(sg_windows_is_new(&w, &alice, seq(1, order[i])));
        accept_one(&w, &alice, seq(1, order[i]));
        assert_false(sg_windows_is_new(&w, &alice, seq(1, order[i])));
    }
    assert_true(sg_windows_is_new(&w, &alice, seq(1, 6)));
    assert_true(sg_windows_is_new(&w, &bob, seq(1, 5)));
    sg_windows_fini(&w, sg_mem_default());
}

/* Bits grow as counters do; at each size numbers are new once. */
static void a_window_grows_with_its_counters(void **state)
{
    struct sg_windows w;
    (void)state;
    setup(&w, 4);
    for (uint32_t i = 1; i < 3 * SG_WINDOW_BITS; i += 1 + i / 7) {
        assert_true(sg_windows_is_new(&w, &alice, seq(1, i)));
        accept_one(&w, &alice, seq(1, i));
        for (uint32_t j = 1, k = 1; j <= i; j++) {
            bool is_old = j == k || i - j >= SG_WINDOW_BITS;
            assert_true(sg_windows_is_new(&w, &alice, seq(1, j)) == !is_old);
            if (j == k)
                k += 1 + k / 7;
        }
    }
    assert_int_equal(w.slots[0].boots[0].words, SG_WINDOW_BITS / 64);
    sg_windows_fini(&w, sg_mem_default());
}

static void a_window_that_cannot_grow_stays(void **state)
{
    struct sg_windows w;
    struct failing_mem f;
    (void)state;
    setup(&w, 4);
    failing_mem_init(&f, 1);
    assert_int_equal(sg_windows_accept(&w, &f.mem, &alice, seq(1, 1), 7), SG_ERR_NO_MEMORY);
    f.fail_at = 2 + 1;
    assert_int_equal(sg_windows_accept(&w, &f.mem, &alice, seq(1, 1), 7), SG_ERR_NO_MEMORY);
    assert_int_equal(sg_windows_accept(&w, &f.mem, &alice, seq(1, 1), 7), SG_OK);
    f.fail_at = f.calls + 1;
    assert_int_equal(sg_windows_accept(&w, &f.mem, &alice, seq(1, 64), 7), SG_ERR_NO_MEMORY);
    assert_true(sg_windows_is_new(&w, &alice, seq(1, 64)));
    assert_false(sg_windows_is_new(&w, &alice, seq(1, 1)));
    assert_int_equal(sg_windows_accept(&w, &f.mem, &alice, seq(1, 64), 7), SG_OK);
    sg_windows_fini(&w, &f.mem);
    assert_int_equal(f.live, 0);
}

static void below_the_window_is_not_new(void **state)
{
    struct sg_windows w;
    (void)state;
    setup(&w, 4);
    accept_one(&w, &alice, seq(1, 10000));
    assert_false(sg_windows_is_new(&w, &alice, seq(1, 10000 - SG_WINDOW_BITS)));
    assert_true(sg_windows_is_new(&w, &alice, seq(1, 10001 - SG_WINDOW_BITS)));
    sg_windows_fini(&w, sg_mem_default());
}

static void a_jump_clears_what_it_passes(void **state)
{
    struct sg_windows w;
    (void)state;
    setup(&w, 4);
    for (uint32_t i = 1; i <= 100; i++)
        accept_one(&w, &alice, seq(1, i));
    accept_one(&w, &alice, seq(1, SG_WINDOW_BITS + 50));
    for (uint32_t i = 51; i <= 100; i++)
        assert_false(sg_windows_is_new(&w, &alice, seq(1, i)));
    for (uint32_t i = 101; i < SG_WINDOW_BITS + 50; i++)
        assert_true(sg_windows_is_new(&w, &alice, seq(1, i)));
    accept_one(&w, &alice, seq(1, UINT32_MAX));
    assert_false(sg_windows_is_new(&w, &alice, seq(1, SG_WINDOW_BITS + 51)));
    assert_true(sg_windows_is_new(&w, &alice, seq(1, UINT32_MAX - 1)));
    sg_windows_fini(&w, sg_mem_default());
}

static void each_boot_has_a_window_of_its_own(void **state)
{
    struct sg_windows w;
    (void)state;
    setup(&w, 4);
    accept_one(&w, &alice, seq(1, 9));
    assert_true(sg_windows_is_new(&w, &alice, seq(2, 9)));
    accept_one(&w, &alice, seq(2, 9));
    assert_false(sg_windows_is_new(&w, &alice, seq(1, 9)));
    assert_false(sg_windows_is_new(&w, &alice, seq(2, 9)));
    sg_windows_fini(&w, sg_mem_default());
}

static void a_full_table_forgets_the_one_unused_for_longest(void **state)
{
    static const struct sg_peer_id carol = {{3}};
    struct sg_windows w;
    (void)state;
    setup(&w, 2);
    accept_one(&w, &alice, seq(1, 1));
    accept_one(&w, &bob, seq(1, 1));
    accept_one(&w, &alice, seq(1, 2));
    accept_one(&w, &carol, seq(1, 1));
    assert_false(sg_windows_is_new(&w, &alice, seq(1, 2)));
    assert_false(sg_windows_is_new(&w, &carol, seq(1, 1)));
    assert_true(sg_windows_is_new(&w, &bob, seq(1, 1)));
    sg_windows_fini(&w, sg_mem_default());
}

/* Which boot it is only the author says: with many it pushes out nobody but itself. */
static void an_author_has_windows_of_two_boots(void **state)
{
    struct sg_windows w;
    (void)state;
    setup(&w, 512);
    accept_one(&w, &alice, seq(1, 9));
    for (uint32_t boot = 1; boot <= 600; boot++)
        accept_one(&w, &bob, seq(boot, 200));
    assert_int_equal(w.index.count, 2);
    assert_false(sg_windows_is_new(&w, &alice, seq(1, 9)));
    assert_false(sg_windows_is_lost(&w, &alice, 0));
    for (uint32_t boot = 1; boot <= 600; boot++) {
        assert_false(sg_windows_is_new(&w, &bob, seq(boot, 200)));
        assert_true(sg_windows_is_below(&w, &bob, seq(boot, 201)) == (boot < 599));
        assert_true(sg_windows_is_new(&w, &bob, seq(boot, 201)) == (boot >= 599));
    }
    accept_one(&w, &bob, seq(3, 201)); /* by back-fill: it takes nobody's place */
    assert_false(sg_windows_is_new(&w, &bob, seq(599, 200)));
    assert_true(sg_windows_is_new(&w, &bob, seq(601, 200)));
    sg_windows_fini(&w, sg_mem_default());
}

static void what_is_below_a_window_stays_there(void **state)
{
    struct sg_windows w;
    (void)state;
    setup(&w, 4);
    accept_one(&w, &alice, seq(1, 2 * SG_WINDOW_BITS));
    accept_one(&w, &alice, seq(1, 5));
    assert_true(sg_windows_is_new(&w, &alice, seq(1, SG_WINDOW_BITS + 5)));
    sg_windows_fini(&w, sg_mem_default());
}

static sg_err accept_at(struct sg_windows *w, const struct sg_peer_id *author, uint32_t slot)
{
    return sg_windows_accept(w, sg_mem_default(), author, seq(1, 1), slot);
}

/* Up to the newest slot of who lost a place, of those who have come since. */
static void what_a_full_table_forgot_may_have_been_accepted(void **state)
{
    static const struct sg_peer_id carol = {{3}};
    struct sg_windows w;
    (void)state;
    setup(&w, 2);
    assert_int_equal(accept_at(&w, &alice, 70), SG_OK);
    assert_int_equal(accept_at(&w, &bob, 50), SG_OK);
    assert_false(sg_windows_is_lost(&w, &carol, 0));
    assert_int_equal(accept_at(&w, &carol, 90), SG_OK); /* alice goes */
    assert_true(sg_windows_is_lost(&w, &alice, 70));
    assert_false(sg_windows_is_lost(&w, &alice, 71));
    assert_true(sg_windows_is_lost(&w, &carol, 70));
    assert_false(sg_windows_is_lost(&w, &bob, 70));
    assert_int_equal(accept_at(&w, &alice, 80), SG_OK); /* bob goes */
    assert_true(sg_windows_is_lost(&w, &alice, 70));
    assert_false(sg_windows_is_lost(&w, &alice, 71));
    assert_true(sg_windows_is_lost(&w, &bob, 70));
    sg_windows_fini(&w, sg_mem_default());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_new_once_in_any_order),
        cmocka_unit_test(a_window_grows_with_its_counters),
        cmocka_unit_test(a_window_that_cannot_grow_stays),
        cmocka_unit_test(below_the_window_is_not_new),
        cmocka_unit_test(a_jump_clears_what_it_passes),
        cmocka_unit_test(each_boot_has_a_window_of_its_own),
        cmocka_unit_test(a_full_table_forgets_the_one_unused_for_longest),
        cmocka_unit_test(an_author_has_windows_of_two_boots),
        cmocka_unit_test(what_is_below_a_window_stays_there),
        cmocka_unit_test(what_a_full_table_forgot_may_have_been_accepted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
