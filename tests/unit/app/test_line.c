#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <unistd.h>

#include "line.h"

static void feed(struct sg_app_line *line, const char *text)
{
    assert_true(sg_app_line_feed(line, text, strlen(text)));
}

static void expect_line(struct sg_app_line *line, const char *expected)
{
    const char *text;
    size_t len;
    assert_int_equal(sg_app_line_next(line, &text, &len), SG_APP_LINE_READY);
    assert_int_equal(len, strlen(expected));
    assert_memory_equal(text, expected, len);
}

static void expect(struct sg_app_line *line, enum sg_app_line_result expected)
{
    const char *text;
    size_t len;
    assert_int_equal(sg_app_line_next(line, &text, &len), expected);
}

static void test_lines_in_pieces(void **state)
{
    struct sg_app_line line;
    (void)state;
    sg_app_line_init(&line, 100);
    expect(&line, SG_APP_LINE_MORE);
    feed(&line, "on");
    expect(&line, SG_APP_LINE_MORE);
    feed(&line, "e\ntwo\n\nthr");
    expect_line(&line, "one");
    expect_line(&line, "two");
    expect_line(&line, "");
    expect(&line, SG_APP_LINE_MORE);
    feed(&line, "ee\n");
    expect_line(&line, "three");
    expect(&line, SG_APP_LINE_MORE);
    sg_app_line_fini(&line);
}

static void test_last_line(void **state)
{
    struct sg_app_line line;
    const char *text;
    size_t len;
    (void)state;
    sg_app_line_init(&line, 100);
    assert_false(sg_app_line_last(&line, &text, &len));
    feed(&line, "a\nb");
    expect_line(&line, "a");
    expect(&line, SG_APP_LINE_MORE);
    assert_true(sg_app_line_last(&line, &text, &len));
    assert_int_equal(len, 1);
    assert_int_equal(text[0], 'b');
    assert_false(sg_app_line_last(&line, &text, &len));
    sg_app_line_fini(&line);
}

static void test_limit(void **state)
{
    struct sg_app_line line;
    (void)state;
    sg_app_line_init(&line, 4);
    feed(&line, "1234\n");
    expect_line(&line, "1234");
    feed(&line, "1234");
    expect(&line, SG_APP_LINE_MORE);
    feed(&line, "5");
    expect(&line, SG_APP_LINE_TOO_LONG);
    expect(&line, SG_APP_LINE_TOO_LONG);
    sg_app_line_fini(&line);
    feed(&line, "12345\n");
    expect(&line, SG_APP_LINE_TOO_LONG);
    sg_app_line_fini(&line);
}

static void test_fill(void **state)
{
    struct sg_app_line line;
    int fds[2];
    (void)state;
    assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
    sg_app_line_init(&line, 100);
    assert_int_equal(sg_app_line_fill(&line, fds[0]), SG_APP_LINE_AGAIN);
    assert_int_equal(write(fds[1], "x\0y\n", 4), 4);
    assert_int_equal(sg_app_line_fill(&line, fds[0]), SG_APP_LINE_FILLED);
    const char *text;
    size_t len;
    assert_int_equal(sg_app_line_next(&line, &text, &len), SG_APP_LINE_READY);
    assert_int_equal(len, 3);
    assert_memory_equal(text, "x\0y", 3);
    close(fds[1]);
    assert_int_equal(sg_app_line_fill(&line, fds[0]), SG_APP_LINE_END);
    close(fds[0]);
    assert_int_equal(sg_app_line_fill(&line, fds[0]), SG_APP_LINE_FAILED);
    sg_app_line_fini(&line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_in_pieces),
        cmocka_unit_test(test_last_line),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_fill),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
