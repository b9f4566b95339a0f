#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "options.h"

struct values {
    bool flag;
    const char *text;
    uint64_t count;
    double number;
    double share;
    uint64_t time_ms;
    struct sg_opt_list list;
};

static int run_nothing(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

static const struct sg_command COMMAND = {.name = "try",
                                          .summary = "Try.",
                                          .usage = "ARG",
                                          .example = "  saorsa try",
                                          .run = run_nothing};

/* Parses up to seven words after the command's name. */
static enum sg_opt_result parse(struct values *values, struct sg_opt_args *args,
                                const char *const words[])
{
    const struct sg_opt opts[] = {
        {"flag", SG_OPT_FLAG, &values->flag, NULL, "a flag", 0, 0},
        {"text", SG_OPT_TEXT, &values->text, "T", "a text\nof two lines", 0, 0},
        {"count", SG_OPT_COUNT, &values->count, "N", "a count", 2, 9},
        {"any", SG_OPT_COUNT, &values->count, "N", "any count", 0, 0},
        {"number", SG_OPT_NUMBER, &values->number, "N", "a number", 0, 10},
        {"share", SG_OPT_SHARE, &values->share, "S", "a share", 0, 0},
        {"time", SG_OPT_TIME, &values->time_ms, "T", "a time", 500, 0},
        {"item", SG_OPT_LIST, &values->list, "I", "an item", 0, 0},
    };
    const struct sg_opt_set set = {&COMMAND, opts, SG_COUNT(opts), 0, 2};
    char *argv[SG_OPT_LIST_MAX + 8] = {(char *)(uintptr_t) "try"};
    int argc = 1;
    for (; words[argc - 1] != NULL; argc++)
        argv[argc] = (char *)(uintptr_t)words[argc - 1];
    return sg_opt_parse(&set, argc, argv, args);
}

#define PARSE(values, args, ...) parse((values), (args), (const char *const[]){__VA_ARGS__, NULL})

static void test_all_kinds(void **state)
{
    struct values v = {.count = 5};
    struct sg_opt_args args;
    (void)state;
    assert_int_equal(PARSE(&v, &args, "--flag", "--text", "a b", "--count=7", "one", "--number",
                           "2.5", "--share=10%", "two"),
                     SG_OPT_OK);
    assert_true(v.flag);
    assert_string_equal(v.text, "a b");
    assert_int_equal(v.count, 7);
    assert_true(v.number == 2.5);
    assert_true(v.share == 0.1);
    assert_int_equal(args.count, 2);
    assert_string_equal(args.items[0], "one");
    assert_string_equal(args.items[1], "two");
}

/* Also an option with its default as its value is given. */
static void test_given(void **state)
{
    struct values v = {.count = 5};
    struct sg_opt_args args;
    const struct sg_opt opts[] = {{"flag", SG_OPT_FLAG, &v.flag, NULL, "a flag", 0, 0},
                                  {"text", SG_OPT_TEXT, &v.text, "T", "a text", 0, 0},
                                  {"count", SG_OPT_COUNT, &v.count, "N", "a count", 2, 9}};
    const struct sg_opt_set set = {&COMMAND, opts, SG_COUNT(opts), 0, 2};
    (void)state;
    assert_int_equal(PARSE(&v, &args, "--count=4", "--count", "5", "--flag"), SG_OPT_OK);
    assert_string_equal(sg_opt_given(&set, &args, "count"), "5");
    assert_string_equal(sg_opt_given(&set, &args, "flag"), "");
    assert_null(sg_opt_given(&set, &args, "text"));
    assert_null(sg_opt_given(&set, &args, "unknown"));
}

static void test_defaults_stay(void **state)
{
    struct values v = {.count = 5, .text = "before"};
    struct sg_opt_args args;
    (void)state;
    assert_int_equal(PARSE(&v, &args, "-"), SG_OPT_OK);
    assert_int_equal(v.count, 5);
    assert_string_equal(v.text, "before");
    assert_false(v.flag);
    assert_int_equal(args.count, 1); /* "-" is an argument */
}

static void test_end_of_options(void **state)
{
    struct values v = {0};
    struct sg_opt_args args;
    (void)state;
    assert_int_equal(PARSE(&v, &args, "--", "--flag", "--help"), SG_OPT_OK);
    assert_false(v.flag);
    assert_string_equal(args.items[1], "--help");
    assert_int_equal(PARSE(&v, &args, "--text="), SG_OPT_OK);
    assert_string_equal(v.text, "");
}

/* As in "pub --topic --dir a". */
static void test_a_value_was_forgotten(void **state)
{
    static const char *const options[] = {"--text",  "--count", "--number",
                                          "--share", "--time",  "--item"};
    struct values v = {0};
    struct sg_opt_args args;
    (void)state;
    for (size_t i = 0; i < SG_COUNT(options); i++) {
        assert_int_equal(PARSE(&v, &args, options[i], "--flag", "a"), SG_OPT_BAD);
        assert_non_null(strstr(args.error, "wants a value, not '--flag'"));
        assert_int_equal(PARSE(&v, &args, options[i], "--", "a"), SG_OPT_BAD);
    }
    assert_null(v.text);
    assert_int_equal(v.list.count, 0);
    assert_int_equal(PARSE(&v, &args, "--text=--flag", "--item=--", "--", "--text"), SG_OPT_OK);
    assert_string_equal(v.text, "--flag");
    assert_string_equal(v.list.items[0], "--");
    assert_string_equal(args.items[0], "--text");
    assert_int_equal(PARSE(&v, &args, "--text", "-"), SG_OPT_OK);
    assert_string_equal(v.text, "-");
}

static void test_list_is_bounded(void **state)
{
    struct values v = {0};
    struct sg_opt_args args;
    const char *words[SG_OPT_LIST_MAX + 2] = {0};
    (void)state;
    for (size_t i = 0; i < SG_OPT_LIST_MAX; i++)
        words[i] = "--item=x";
    assert_int_equal(parse(&v, &args, words), SG_OPT_OK);
    assert_int_equal(v.list.count, SG_OPT_LIST_MAX);
    memset(&v, 0, sizeof(v));
    words[SG_OPT_LIST_MAX] = "--item=x";
    assert_int_equal(parse(&v, &args, words), SG_OPT_BAD);
}

static void expect_bad(const char *expected, const char *const words[])
{
    struct values v = {0};
    struct sg_opt_args args;
    assert_int_equal(parse(&v, &args, words), SG_OPT_BAD);
    assert_non_null(strstr(args.error, expected));
}

#define BAD(expected, ...) expect_bad(expected, (const char *const[]){__VA_ARGS__, NULL})

static void test_errors(void **state)
{
    (void)state;
    BAD("unknown option --zzzzzzz", "--zzzzzzz");
    BAD("did you mean --flag?", "--flog");
    BAD("options begin with --", "-x");
    BAD("--flag takes no value", "--flag=yes");
    BAD("--text wants a value: --text T", "--text");
    BAD("between 2 and 9", "--count", "1");
    BAD("between 2 and 9", "--count", "10");
    BAD("a whole number", "--count", "");
    BAD("a whole number", "--count", "-3");
    BAD("a whole number", "--count", "5x");
    BAD("a whole number", "--count", " 5");
    BAD("at least 0", "--any", "99999999999999999999999");
    BAD("between 0 and 10", "--number", "10.5");
    BAD("wants a number", "--number", "nan");
    BAD("wants a number", "--number", "0x5");
    BAD("wants a number", "--number", "1e999");
    BAD("wants a share", "--share", "1.5");
    BAD("wants a share", "--share", "101%");
    BAD("wants a share", "--share", "5%%");
    BAD("wants a time such as", "--time", "1");
    BAD("wants a time such as", "--time", "h");
    BAD("wants a time such as", "--time", "1w");
    BAD("wants a time such as", "--time", "-1h");
    BAD("wants a time such as", "--time", "1h ");
    BAD("at least", "--time", "499ms");
    BAD("unexpected argument 'c'", "a", "b", "c");
}

static void test_times(void **state)
{
    static const struct {
        const char *text;
        uint64_t ms;
    } TIMES[] = {
        {"500ms", 500}, {"90s", 90000}, {"15m", 900000}, {"1.5h", 5400000}, {"7d", 604800000}};
    (void)state;
    for (size_t i = 0; i < SG_COUNT(TIMES); i++) {
        struct values v = {0};
        struct sg_opt_args args;
        assert_int_equal(PARSE(&v, &args, "--time", TIMES[i].text), SG_OPT_OK);
        assert_int_equal(v.time_ms, TIMES[i].ms);
    }
}

static void test_missing_argument(void **state)
{
    const struct sg_opt_set set = {&COMMAND, NULL, 0, 1, 1};
    struct sg_opt_args args;
    char *argv[] = {(char *)(uintptr_t) "try", NULL};
    (void)state;
    assert_int_equal(sg_opt_parse(&set, 1, argv, &args), SG_OPT_BAD);
    assert_non_null(strstr(args.error, "usage: saorsa try ARG"));
}

static void test_help(void **state)
{
    struct values v = {0};
    struct sg_opt_args args;
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    const struct sg_opt opts[] = {
        {"text", SG_OPT_TEXT, &v.text, "T", "a text\nof two lines", 0, 0}};
    const struct sg_opt_set set = {&COMMAND, opts, SG_COUNT(opts), 0, 0};
    (void)state;
    assert_int_equal(PARSE(&v, &args, "--flag", "-h", "--zzz"), SG_OPT_HELP);
    assert_non_null(out);
    sg_opt_print_help(&set, out);
    fclose(out);
    assert_string_equal(text, "Try.\n\nusage: saorsa try ARG\n\noptions:\n"
                              "  --text T                 a text\n"
                              "                           of two lines\n"
                              "  --help                   this text\n"
                              "\nexample:\n  saorsa try\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_kinds),
        cmocka_unit_test(test_defaults_stay),
        cmocka_unit_test(test_end_of_options),
        cmocka_unit_test(test_list_is_bounded),
        cmocka_unit_test(test_a_value_was_forgotten),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_missing_argument),
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
