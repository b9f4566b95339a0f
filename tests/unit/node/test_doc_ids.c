/* node/doc_ids.c: the wish at the end of OPEN, byte for byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "node/doc_ids.h"

#define ONE 1, 0, 0, 0, 0, 0, 0, 0
#define TWO 2, 0, 0, 0, 0, 0, 0, 0

static sg_err get(struct sg_bytes bytes, struct sg_doc_wish *wish)
{
    struct sg_reader r = sg_reader(bytes);
    SG_TRY(sg_doc_get_wish(&r, wish));
    return sg_reader_done(&r);
}

static void test_wish_bytes(void **state)
{
    (void)state;
    static const uint8_t none[] = {0, 0xff};
    static const uint8_t refused[] = {2, ONE, TWO, 0};
    static const uint8_t parts[] = {0, 2, ONE, 7, TWO, 0xff, 1};
    static const uint8_t all[] = {1, TWO, 1, ONE, 3};
    static const struct sg_bytes good[] = {{none, sizeof(none)},
                                           {refused, sizeof(refused)},
                                           {parts, sizeof(parts)},
                                           {all, sizeof(all)}};
    struct sg_doc_wish wish;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct sg_column out = {.mem = sg_mem_default()};
        assert_int_equal(get(good[i], &wish), SG_OK);
        sg_doc_put_wish(&wish, &out);
        assert_int_equal(out.len, good[i].len);
        assert_memory_equal(out.data, good[i].data, out.len);
        sg_column_fini(&out);
        for (size_t len = 0; len < good[i].len; len++)
            assert_int_equal(get(sg_bytes(good[i].data, len), &wish), SG_ERR_TRUNCATED);
    }
    assert_int_equal(get(good[2], &wish), SG_OK);
    assert_int_equal(wish.part_count, 2);
    assert_true(wish.parts[0].floor == 1 && wish.parts[0].pieces == 7);
    assert_true(wish.parts[1].floor == 2 && wish.parts[1].pieces == 255);
}

static void test_bad_wishes(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[48];
        size_t len;
        sg_err err;
    } cases[] = {
        {{0, 0}, 2, SG_ERR_NOT_CANONICAL}, /* would have been left out */
        {{9}, 1, SG_ERR_OVERSIZED},
        {{0, 5}, 2, SG_ERR_OVERSIZED},
        {{2, TWO, ONE, 0}, 18, SG_ERR_NOT_CANONICAL},
        {{0, 2, TWO, 1, ONE, 1}, 20, SG_ERR_NOT_CANONICAL},
        {{0, 2, ONE, 1, ONE, 1}, 20, SG_ERR_NOT_CANONICAL},
        {{0, 1, ONE, 0}, 11, SG_ERR_NOT_CANONICAL},   /* nothing is there */
        {{0, 1, ONE, 0x80, 2}, 12, SG_ERR_OVERSIZED}, /* all that there can be is */
        {{0, 0xff, 0}, 3, SG_ERR_TRAILING},
    };
    struct sg_doc_wish wish;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(get(sg_bytes(cases[i].bytes, cases[i].len), &wish), cases[i].err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wish_bytes),
        cmocka_unit_test(test_bad_wishes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
