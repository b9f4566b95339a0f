#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "peer_ref.h"

/* An id whose text begins with these characters and goes on with a. */
static struct sg_peer_id id_of(const char *beginning)
{
    struct sg_peer_id id;
    char text[SG_ID_TEXT_LEN + 1];
    memset(text, 'a', SG_ID_TEXT_LEN);
    memcpy(text, beginning, strlen(beginning));
    assert_int_equal(sg_id_from_text(text, SG_ID_TEXT_LEN, id.b), SG_OK);
    return id;
}

static void offer(struct sg_app_ref *ref, const char *beginning)
{
    struct sg_peer_id id = id_of(beginning);
    sg_app_ref_offer(ref, &id);
}

static bool begin(struct sg_app_ref *ref, const char *text)
{
    return sg_app_ref_begin(ref, text, strlen(text));
}

static void test_form(void **state)
{
    static const char *const BAD[] = {
        "",
        "abcde",
        "abcde1",
        "abcde8",
        "abcde ",
        "abc-ef",
        "abcdef@",
        "abcdef\n",
        "\xc3\xa9"
        "abcdef",
        /* 53 characters; 52 whose last bits are not zero */
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
    };
    struct sg_app_ref ref;
    (void)state;
    for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++)
        assert_false(begin(&ref, BAD[i]));
    assert_true(begin(&ref, "abcdef"));
    assert_int_equal(ref.count, 0);
    assert_true(begin(&ref, "ABC234"));
    assert_string_equal(ref.text, "abc234");
    assert_true(begin(&ref, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
    assert_int_equal(ref.count, 0);
}

static void test_a_whole_id_needs_no_candidate(void **state)
{
    struct sg_app_ref ref;
    struct sg_peer_id id = id_of("xyzxyz");
    char text[SG_ID_TEXT_LEN + 1];
    (void)state;
    sg_id_to_text(id.b, text);
    assert_true(begin(&ref, text));
    assert_int_equal(ref.count, 1);
    assert_memory_equal(ref.found[0].b, id.b, SG_ID_LEN);
    offer(&ref, "xyzxyz");
    assert_int_equal(ref.count, 1);
}

static void test_the_only_one_that_fits(void **state)
{
    struct sg_app_ref ref;
    struct sg_peer_id id = id_of("abcdefgh");
    (void)state;
    assert_true(begin(&ref, "abcdefg"));
    offer(&ref, "abcdef");
    offer(&ref, "zbcdefg");
    assert_int_equal(ref.count, 0);
    offer(&ref, "abcdefgh");
    offer(&ref, "abcdefgh"); /* a member and a contact, too */
    assert_int_equal(ref.count, 1);
    assert_memory_equal(ref.found[0].b, id.b, SG_ID_LEN);
    assert_false(ref.is_more);
}

static void test_ambiguous_ones_are_told_apart(void **state)
{
    struct sg_app_ref ref;
    char text[256];
    (void)state;
    assert_true(begin(&ref, "abcdef"));
    offer(&ref, "abcdefg");
    offer(&ref, "abcdefh");
    assert_string_equal(sg_app_ref_list(&ref, text, sizeof(text)), "abcdefgaaa, abcdefhaaa");
    offer(&ref, "abcdefhaaaaab");
    assert_string_equal(sg_app_ref_list(&ref, text, sizeof(text)),
                        "abcdefgaaaaaa, abcdefhaaaaaa, abcdefhaaaaab");
    offer(&ref, "abcdefi");
    assert_false(ref.is_more);
    offer(&ref, "abcdefj");
    assert_int_equal(ref.count, SG_APP_REF_LISTED);
    assert_true(ref.is_more);
    assert_non_null(strstr(sg_app_ref_list(&ref, text, sizeof(text)), " and others"));
    /* Cut where it must be. */
    assert_string_equal(sg_app_ref_list(&ref, text, 8), "abcdefg");
}

/* Four whole ids that differ in their last character still fit what callers have. */
static void test_the_longest_list(void **state)
{
    struct sg_app_ref ref;
    struct sg_peer_id id = id_of("abcdef");
    char text[4 * SG_ID_TEXT_LEN + 32];
    (void)state;
    assert_true(begin(&ref, "abcdef"));
    for (uint8_t i = 0; i < 8; i++) {
        id.b[SG_ID_LEN - 1] = i;
        sg_app_ref_offer(&ref, &id);
    }
    sg_app_ref_list(&ref, text, sizeof(text));
    assert_int_equal(strlen(text), 4 * SG_ID_TEXT_LEN + 3 * 2 + strlen(" and others"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_form),
        cmocka_unit_test(test_a_whole_id_needs_no_candidate),
        cmocka_unit_test(test_the_only_one_that_fits),
        cmocka_unit_test(test_ambiguous_ones_are_told_apart),
        cmocka_unit_test(test_the_longest_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
