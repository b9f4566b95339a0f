#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "node/internal.h"
#include "unit/base/failing_mem.h"

static const struct sg_index_keys keys = {{1, 3, 5, 7, 9, 11, 13, 15, 17}};

static struct sg_hints hint(uint8_t n)
{
    struct sg_hints hints = {.count = 1};
    hints.hint[0].len = 1;
    hints.hint[0].b[0] = n;
    return hints;
}

static void expect(const struct sg_book *book, uint8_t peer, uint8_t wanted)
{
    struct sg_peer_id id = {{peer}};
    struct sg_hints hints;
    sg_book_get(book, &id, &hints);
    assert_int_equal(hints.count, wanted == 0 ? 0 : 1);
    assert_int_equal(hints.hint[0].b[0], wanted);
}

static void learn(struct sg_book *book, uint8_t peer, uint8_t n, bool first_hand)
{
    struct sg_peer_id id = {{peer}};
    struct sg_hints hints = hint(n);
    sg_book_learn(book, &id, &hints, first_hand);
}

static void hearsay_never_replaces_what_was_observed(void **state)
{
    struct sg_book book;
    struct sg_hints none = {0};
    struct sg_peer_id one = {{1}};
    (void)state;
    sg_book_init(&book, sg_mem_default(), 4, &keys);
    expect(&book, 1, 0);
    learn(&book, 1, 10, false);
    expect(&book, 1, 10);
    learn(&book, 1, 12, true);
    learn(&book, 1, 13, false);
    expect(&book, 1, 12);
    learn(&book, 1, 14, true);
    expect(&book, 1, 14);
    sg_book_learn(&book, &one, &none, true);
    expect(&book, 1, 14);
    sg_book_fini(&book);
}

/* Somebody names another address: it is tried as well, after the first. */
static void hearsay_does_not_turn_addresses(void **state)
{
    struct sg_book book;
    struct sg_peer_id one = {{1}};
    struct sg_hints hints;
    (void)state;
    sg_book_init(&book, sg_mem_default(), 4, &keys);
    for (uint8_t n = 10; n < 15; n++) {
        learn(&book, 1, n, false);
        learn(&book, 1, 10, false);
        sg_book_get(&book, &one, &hints);
        assert_int_equal(hints.count, n == 10 ? 1 : 2);
        assert_int_equal(hints.hint[0].b[0], 10);
        assert_int_equal(hints.hint[hints.count - 1].b[0], n);
    }
    sg_book_doubt(&book, &one); /* neither is right */
    learn(&book, 1, 20, false);
    expect(&book, 1, 20);
    sg_book_fini(&book);
}

static void a_full_book_forgets_its_oldest_entry(void **state)
{
    struct sg_book book;
    (void)state;
    sg_book_init(&book, sg_mem_default(), 2, &keys);
    learn(&book, 1, 1, true);
    learn(&book, 2, 2, true);
    learn(&book, 3, 3, false);
    expect(&book, 1, 0);
    expect(&book, 2, 2);
    expect(&book, 3, 3);
    sg_book_fini(&book);
}

/* One or two hints of any length come back as they were, whatever was there before. */
static void hints_of_every_length_are_kept(void **state)
{
    struct sg_book book;
    struct sg_peer_id one = {{1}};
    (void)state;
    sg_book_init(&book, sg_mem_default(), 4, &keys);
    for (unsigned i = 0; i < 2 * SG_HINT_LEN_MAX * SG_HINT_LEN_MAX; i++) {
        struct sg_hints hints = {.count = (uint8_t)(1 + i % 2)};
        struct sg_hints back;
        hints.hint[0].len = (uint8_t)(1 + i / 2 % SG_HINT_LEN_MAX);
        memset(hints.hint[0].b, (int)i, hints.hint[0].len);
        if (hints.count == 2) {
            hints.hint[1].len = (uint8_t)(1 + i / 2 / SG_HINT_LEN_MAX);
            memset(hints.hint[1].b, (int)i + 1, hints.hint[1].len);
        }
        sg_book_learn(&book, &one, &hints, true);
        sg_book_get(&book, &one, &back);
        assert_memory_equal(&back, &hints, sizeof(back));
    }
    sg_book_fini(&book);
}

/* What there is no memory for is not learnt, what was known stays. */
static void no_memory_for_more(void **state)
{
    struct failing_mem f;
    struct sg_book book;
    struct sg_peer_id one = {{1}};
    struct sg_hints wide = {.count = 1, .hint = {{.len = SG_HINT_LEN_MAX, .b = {9}}}};
    (void)state;
    sg_book_init(&book, failing_mem_init(&f, 1), 100, &keys);
    learn(&book, 1, 7, true); /* no index */
    expect(&book, 1, 0);
    f.fail_at = 3;
    learn(&book, 1, 7, true); /* an index, but no entries */
    expect(&book, 1, 0);
    learn(&book, 1, 7, true);
    expect(&book, 1, 7);
    f.fail_at = f.calls + 1;
    sg_book_learn(&book, &one, &wide, true);
    expect(&book, 1, 7);
    sg_book_learn(&book, &one, &wide, true);
    expect(&book, 1, 9);
    sg_book_fini(&book);
    assert_int_equal(f.live, 0);
}

static uint64_t group4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
    const struct sg_peer_id peer = {{1}};
    struct sg_hints hints = {.count = 1};
    struct sg_book book;
    const uint8_t bytes[] = {4, a, b, c, d, 0x10, 0x00};
    hints.hint[0].len = sizeof(bytes);
    memcpy(hints.hint[0].b, bytes, sizeof(bytes));
    sg_book_init(&book, sg_mem_default(), 8, &keys);
    sg_book_learn(&book, &peer, &hints, true);
    uint64_t group = sg_book_group(&book, &peer);
    sg_book_fini(&book);
    return group;
}

/* Only public networks tell who belongs together. */
static void groups_are_public_networks(void **state)
{
    (void)state;
    assert_int_not_equal(group4(198, 51, 100, 7), 0);
    assert_int_equal(group4(198, 51, 100, 7), group4(198, 51, 100, 99));
    assert_int_not_equal(group4(198, 51, 100, 7), group4(198, 51, 101, 7));
    assert_int_equal(group4(127, 0, 0, 1), 0);
    assert_int_equal(group4(10, 1, 2, 3), 0);
    assert_int_equal(group4(172, 20, 2, 3), 0);
    assert_int_not_equal(group4(172, 32, 2, 3), 0);
    assert_int_equal(group4(192, 168, 2, 3), 0);
    assert_int_equal(group4(169, 254, 2, 3), 0);
    assert_int_equal(group4(100, 64, 2, 3), 0);
    assert_int_equal(group4(0, 0, 2, 3), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hearsay_never_replaces_what_was_observed),
        cmocka_unit_test(hints_of_every_length_are_kept),
        cmocka_unit_test(no_memory_for_more),
        cmocka_unit_test(hearsay_does_not_turn_addresses),
        cmocka_unit_test(a_full_book_forgets_its_oldest_entry),
        cmocka_unit_test(groups_are_public_networks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
