#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "table.h"

static char *print(const struct sg_app_table *table, const char *indent)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    sg_app_table_print(table, indent, out);
    fclose(out);
    return text;
}

static void test_alignment(void **state)
{
    struct sg_app_table table;
    (void)state;
    sg_app_table_init(&table, 3);
    table.right[1] = true;
    sg_app_table_add(&table, "delivered");
    sg_app_table_add(&table, "%d %%", 100);
    sg_app_table_add(&table, "note");
    sg_app_table_add(&table, "P50");
    sg_app_table_add(&table, "7");
    sg_app_table_add(&table, "%s", "");
    char *text = print(&table, "  ");
    assert_string_equal(text, "  delivered  100 %  note\n"
                              "  P50            7\n");
    free(text);
    sg_app_table_fini(&table);
}

static void test_empty_and_unfinished(void **state)
{
    struct sg_app_table table;
    (void)state;
    sg_app_table_init(&table, 2);
    char *text = print(&table, "");
    assert_string_equal(text, "");
    free(text);
    sg_app_table_add(&table, "alone");
    text = print(&table, "");
    assert_string_equal(text, "alone\n");
    free(text);
    sg_app_table_fini(&table);
}

static void test_many_rows(void **state)
{
    struct sg_app_table table;
    (void)state;
    sg_app_table_init(&table, 2);
    for (int i = 0; i < 100; i++) {
        sg_app_table_add(&table, "%d", i);
        sg_app_table_add(&table, "x");
    }
    assert_int_equal(table.count, 200);
    assert_false(table.failed);
    assert_string_equal(table.cells[198], "99");
    sg_app_table_fini(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alignment),
        cmocka_unit_test(test_empty_and_unfinished),
        cmocka_unit_test(test_many_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
