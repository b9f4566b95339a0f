#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "node/internal.h"

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
    assert_int_equal(sg_book_init(&book, sg_mem_default(), 4, 1), SG_OK);
    expect(&book, 1, 0);
    learn(&book, 1, 10, false);
    expect(&book, 1, 10);
    learn(&book, 1, 11, false);
    expect(&book, 1, 11);
    learn(&book, 1, 12, true);
    learn(&book, 1, 13, false);
    expect(&book, 1, 12);
    learn(&book, 1, 14, true);
    expect(&book, 1, 14);
    sg_book_learn(&book, &one, &none, true);
    expect(&book, 1, 14);
    sg_book_fini(&book, sg_mem_default());
}

static void a_full_book_forgets_its_oldest_entry(void **state)
{
    struct sg_book book;
    (void)state;
    assert_int_equal(sg_book_init(&book, sg_mem_default(), 2, 1), SG_OK);
    learn(&book, 1, 1, true);
    learn(&book, 2, 2, true);
    learn(&book, 3, 3, false);
    expect(&book, 1, 0);
    expect(&book, 2, 2);
    expect(&book, 3, 3);
    sg_book_fini(&book, sg_mem_default());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hearsay_never_replaces_what_was_observed),
        cmocka_unit_test(a_full_book_forgets_its_oldest_entry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
