#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "distance.h"

static void test_distance(void **state)
{
    (void)state;
    assert_int_equal(sg_app_distance("", ""), 0);
    assert_int_equal(sg_app_distance("", "abc"), 3);
    assert_int_equal(sg_app_distance("abc", ""), 3);
    assert_int_equal(sg_app_distance("status", "status"), 0);
    assert_int_equal(sg_app_distance("stauts", "status"), 2);
    assert_int_equal(sg_app_distance("kitten", "sitting"), 3);
    assert_true(sg_app_distance("x", "a word that is longer than thirty-one bytes") == SIZE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_distance)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
