#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "topic_names.h"

static void names_are_learned_once(void **state)
{
    struct sg_app_topic_names names = {.next = 0};
    struct sg_topic_id a = {{1}};
    struct sg_topic_id b = {{2}};
    (void)state;
    assert_null(sg_app_topic_name(&names, &a));
    sg_app_topic_names_learn(&names, &a, "a");
    sg_app_topic_names_learn(&names, &a, "a");
    assert_int_equal(names.next, 1);
    assert_string_equal(sg_app_topic_name(&names, &a), "a");
    assert_null(sg_app_topic_name(&names, &b));
    sg_app_topic_names_fini(&names);
    assert_null(sg_app_topic_name(&names, &a));
}

static void the_oldest_are_forgotten(void **state)
{
    struct sg_app_topic_names names = {.next = 0};
    struct sg_topic_id id = {{0}};
    char name[16];
    (void)state;
    for (int i = 0; i < SG_APP_TOPIC_NAMES_MAX + 10; i++) {
        id.b[0] = (uint8_t)i;
        id.b[1] = (uint8_t)(i >> 8);
        (void)snprintf(name, sizeof(name), "topic %d", i);
        sg_app_topic_names_learn(&names, &id, name);
        assert_string_equal(sg_app_topic_name(&names, &id), name);
    }
    id.b[0] = 9;
    id.b[1] = 0;
    assert_null(sg_app_topic_name(&names, &id));
    id.b[0] = 10;
    assert_string_equal(sg_app_topic_name(&names, &id), "topic 10");
    sg_app_topic_names_fini(&names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_learned_once),
        cmocka_unit_test(the_oldest_are_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
