#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"

struct row {
    const char *name;
    sg_err value;
    const char *text;
};

static const struct row rows[] = {
#define ROW_(name, value, text) {#name, value, text},
    SG_ERR_TABLE(ROW_)
#undef ROW_
};

static const size_t count = sizeof(rows) / sizeof(rows[0]);

static void test_names_and_texts_come_from_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(sg_err_name(rows[i].value), rows[i].name);
        assert_string_equal(sg_err_text(rows[i].value), rows[i].text);
    }
}

static void test_values_names_and_texts_are_unique(void **state)
{
    (void)state;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(rows[i].value, rows[j].value);
            assert_string_not_equal(rows[i].name, rows[j].name);
            assert_string_not_equal(rows[i].text, rows[j].text);
        }
    }
}

/* The hundreds are the class. */
static void test_classes(void **state)
{
    static const enum sg_err_class by_hundred[] = {SG_ERR_CLASS_USAGE, SG_ERR_CLASS_RESOURCE,
                                                   SG_ERR_CLASS_PEER, SG_ERR_CLASS_IO,
                                                   SG_ERR_CLASS_CRYPTO};
    (void)state;
    assert_int_equal(sg_err_class_of(SG_OK), SG_ERR_CLASS_NONE);
    for (size_t i = 1; i < count; i++) {
        assert_true(rows[i].value < 0 && rows[i].value > -500);
        assert_int_equal(sg_err_class_of(rows[i].value), by_hundred[-rows[i].value / 100]);
    }
    assert_int_equal(sg_err_class_of(SG_ERR_NOT_FOUND), SG_ERR_CLASS_USAGE);
    assert_int_equal(sg_err_class_of(SG_ERR_NO_MEMORY), SG_ERR_CLASS_RESOURCE);
    assert_int_equal(sg_err_class_of(SG_ERR_BAD_SIGNATURE), SG_ERR_CLASS_PEER);
    assert_int_equal(sg_err_class_of(SG_ERR_CORRUPT), SG_ERR_CLASS_IO);
    assert_int_equal(sg_err_class_of(SG_ERR_ENTROPY), SG_ERR_CLASS_CRYPTO);
}

static void test_unknown_values(void **state)
{
    static const sg_err unknown[] = {1, -99, -100000, INT32_MIN, INT32_MAX};
    (void)state;
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        assert_string_equal(sg_err_name(unknown[i]), "SG_ERR_UNKNOWN");
        assert_string_equal(sg_err_text(unknown[i]), "unknown error");
        assert_int_equal(sg_err_class_of(unknown[i]), SG_ERR_CLASS_NONE);
    }
}

static sg_err pass_on(sg_err first, sg_err second)
{
    SG_TRY(first);
    SG_TRY(second);
    return SG_OK;
}

static void test_try_returns_the_first_error(void **state)
{
    (void)state;
    assert_int_equal(pass_on(SG_OK, SG_OK), SG_OK);
    assert_int_equal(pass_on(SG_OK, SG_ERR_IO), SG_ERR_IO);
    assert_int_equal(pass_on(SG_ERR_FULL, SG_ERR_IO), SG_ERR_FULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_and_texts_come_from_the_table),
        cmocka_unit_test(test_values_names_and_texts_are_unique),
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_unknown_values),
        cmocka_unit_test(test_try_returns_the_first_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
