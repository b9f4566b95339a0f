#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ctl_codec.h"

static sg_err decode(const char *line, struct sg_ctl_request *request)
{
    char text[SG_CTL_TEXT_CAP];
    sg_err err = sg_ctl_request_decode(line, strlen(line), request, text);
    if (err != SG_OK)
        assert_true(strlen(text) > 0);
    return err;
}

static void expect(sg_err expected, const char *line)
{
    struct sg_ctl_request request;
    sg_err err = decode(line, &request);
    if (err != expected)
        print_error("%.200s gave %s\n", line, sg_err_name(err));
    assert_int_equal(err, expected);
    if (err == SG_OK)
        sg_ctl_request_fini(&request);
}

static void test_requests(void **state)
{
    struct sg_ctl_request r;
    (void)state;
    assert_int_equal(decode("{\"op\":\"publish\",\"topic\":\"t\",\"text\":\"h\\u00e9\\n\"}", &r),
                     SG_OK);
    assert_int_equal(r.op, SG_CTL_PUBLISH);
    assert_string_equal(r.topic, "t");
    assert_int_equal(r.payload_len, 4);
    assert_memory_equal(r.payload, "h\xc3\xa9\n", 4);
    sg_ctl_request_fini(&r);

    assert_int_equal(decode(" {\"base64\":\"AP8=\",\"topic\":\"x y\",\"op\":\"publish\"} ", &r),
                     SG_OK);
    assert_int_equal(r.payload_len, 2);
    assert_memory_equal(r.payload, "\0\xff", 2);
    sg_ctl_request_fini(&r);

    assert_int_equal(decode("{\"op\":\"publish\",\"topic\":\"t\",\"text\":\"\"}", &r), SG_OK);
    assert_int_equal(r.payload_len, 0);
    sg_ctl_request_fini(&r);

    assert_int_equal(decode("{\"op\":\"subscribe\",\"topic\":\"t\",\"own\":true}", &r), SG_OK);
    assert_true(r.own);
    assert_int_equal(decode("{\"op\":\"subscribe\",\"topic\":\"t\"}", &r), SG_OK);
    assert_false(r.own);
    assert_int_equal(r.since_ms, 0);
    expect(SG_ERR_MALFORMED, "{\"op\":\"subscribe\",\"topic\":\"t\",\"since_ms\":-1}");
    assert_int_equal(decode("{\"op\":\"subscribe\",\"topic\":\"t\",\"since_ms\":60000}", &r),
                     SG_OK);
    assert_int_equal(r.since_ms, 60000);
    assert_int_equal(decode("{\"op\":\"join\",\"seed\":\"h:1\"}", &r), SG_OK);
    assert_string_equal(r.seed, "h:1");
    expect(SG_OK, "{\"op\":\"events\"}");
    expect(SG_OK, "{\"op\":\"peers\"}");
    expect(SG_OK, "{\"op\":\"status\"}");
    expect(SG_OK, "{\"op\":\"members\"}");
    expect(SG_OK, "{\"op\":\"contacts\"}");
    expect(SG_OK, "{\"op\":\"leave\"}");
    expect(SG_OK, "{\"op\":\"stop\"}");
}

static void test_requests_about_members(void **state)
{
    struct sg_ctl_request r;
    (void)state;
    assert_int_equal(decode("{\"op\":\"force_leave\",\"peer\":\"abcdef\"}", &r), SG_OK);
    assert_int_equal(r.op, SG_CTL_FORCE_LEAVE);
    assert_string_equal(r.peer, "abcdef");
    assert_int_equal(decode("{\"op\":\"contact_add\",\"peer\":\"abcdef@[::1]:7\"}", &r), SG_OK);
    assert_int_equal(r.op, SG_CTL_CONTACT_ADD);
    assert_string_equal(r.peer, "abcdef@[::1]:7");
    assert_int_equal(decode("{\"op\":\"contact_rm\",\"peer\":\"x\"}", &r), SG_OK);
    assert_int_equal(r.op, SG_CTL_CONTACT_RM);
    assert_int_equal(decode("{\"op\":\"meta_set\",\"text\":\"a=b\"}", &r), SG_OK);
    assert_int_equal(r.op, SG_CTL_META_SET);
    assert_int_equal(r.payload_len, 3);
    sg_ctl_request_fini(&r);
    assert_int_equal(decode("{\"op\":\"meta_set\",\"base64\":\"/w==\"}", &r), SG_OK);
    assert_int_equal(r.payload_len, 1);
    sg_ctl_request_fini(&r);
}

/* What is encoded comes back as it was. */
static void expect_round(const struct sg_ctl_request *request)
{
    struct sg_ctl_request back;
    char *line = sg_ctl_request_encode(request);
    assert_non_null(line);
    assert_int_equal(decode(line, &back), SG_OK);
    assert_int_equal(back.op, request->op);
    assert_string_equal(back.peer, request->peer);
    assert_int_equal(back.payload_len, request->payload_len);
    if (back.payload_len > 0)
        assert_memory_equal(back.payload, request->payload, back.payload_len);
    sg_ctl_request_fini(&back);
    free(line);
}

static void test_round_trips(void **state)
{
    static const uint8_t META[] = {0, 0xff, 'x'};
    (void)state;
    expect_round(&(struct sg_ctl_request){.op = SG_CTL_FORCE_LEAVE, .peer = "abcdef"});
    expect_round(&(struct sg_ctl_request){.op = SG_CTL_CONTACT_ADD, .peer = "abcdef@1.2.3.4:5"});
    expect_round(&(struct sg_ctl_request){.op = SG_CTL_CONTACT_RM, .peer = "abcdef"});
    expect_round(&(struct sg_ctl_request){.op = SG_CTL_MEMBERS});
    expect_round(&(struct sg_ctl_request){.op = SG_CTL_CONTACTS});
    expect_round(&(struct sg_ctl_request){.op = SG_CTL_META_SET});
    expect_round(&(struct sg_ctl_request){
        .op = SG_CTL_META_SET, .payload = META, .payload_len = sizeof(META)});
}

static void test_malformed(void **state)
{
    static const char *const LINES[] = {
        "",
        "{",
        "null",
        "[]",
        "\"op\"",
        "{}",
        "{\"op\":7}",
        "{\"op\":\"peers\"}{}",
        "{\"op\":\"peers\",\"op\":\"peers\"}",
        "{\"op\":\"peers\",\"topic\":\"t\"}",
        "{\"op\":\"peers\",\"\":1}",
        "{\"op\":\"publish\",\"text\":\"x\"}",
        "{\"op\":\"publish\",\"topic\":7,\"text\":\"x\"}",
        "{\"op\":\"publish\",\"topic\":\"\",\"text\":\"x\"}",
        "{\"op\":\"publish\",\"topic\":\"t\"}",
        "{\"op\":\"publish\",\"topic\":\"t\",\"text\":null}",
        "{\"op\":\"publish\",\"topic\":\"t\",\"text\":\"x\",\"base64\":\"\"}",
        "{\"op\":\"publish\",\"topic\":\"t\",\"base64\":\"x\"}",
        "{\"op\":\"publish\",\"topic\":\"t\",\"base64\":[]}",
        "{\"op\":\"publish\",\"topic\":\"t\\u0000\",\"text\":\"x\"}",
        "{\"op\":\"publish\",\"topic\":\"t\",\"text\":\"\\ud800\"}",
        "{\"op\":\"publish\",\"topic\":\"t\",\"text\":\"\xff\"}",
        "{\"op\":\"publish\",\"topic\":\"t\",\"text\":\"x\",\"seed\":\"h:1\"}",
        "{\"op\":\"subscribe\"}",
        "{\"op\":\"subscribe\",\"topic\":\"t\",\"own\":1}",
        "{\"op\":\"subscribe\",\"topic\":\"t\",\"own\":null}",
        "{\"op\":\"join\"}",
        "{\"op\":\"members\",\"peer\":\"abcdef\"}",
        "{\"op\":\"contacts\",\"text\":\"\"}",
        "{\"op\":\"force_leave\"}",
        "{\"op\":\"force_leave\",\"peer\":\"\"}",
        "{\"op\":\"force_leave\",\"peer\":7}",
        "{\"op\":\"force_leave\",\"peer\":\"abcdef\",\"seed\":\"h:1\"}",
        "{\"op\":\"contact_add\"}",
        "{\"op\":\"contact_add\",\"peer\":\"abcdef\\u0000\"}",
        "{\"op\":\"contact_rm\",\"peer\":[]}",
        "{\"op\":\"meta_set\"}",
        "{\"op\":\"meta_set\",\"text\":\"a\",\"base64\":\"YQ==\"}",
        "{\"op\":\"meta_set\",\"base64\":\"YQ=\"}",
        "{\"op\":\"meta_set\",\"topic\":\"t\",\"text\":\"a\"}",
        "{\"op\":\"join\",\"seed\":{}}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(LINES) / sizeof(LINES[0]); i++)
        expect(SG_ERR_MALFORMED, LINES[i]);
    expect(SG_ERR_UNSUPPORTED, "{\"op\":\"fly\"}");
    expect(SG_ERR_UNSUPPORTED, "{\"op\":\"\"}");
}

/* {"op":"publish","topic":"t","<key>":"<length times letter>"}; owned by the caller. */
static char *publish_of(const char *key, char letter, size_t length)
{
    char *line = malloc(length + 80);
    assert_non_null(line);
    int at = sprintf(line, "{\"op\":\"publish\",\"topic\":\"t\",\"%s\":\"", key);
    memset(line + at, letter, length);
    strcpy(line + (size_t)at + length, "\"}");
    return line;
}

static void expect_size(sg_err expected, const char *key, size_t length)
{
    char *line = publish_of(key, 'A', length);
    expect(expected, line);
    free(line);
}

static void test_limits(void **state)
{
    (void)state;
    expect_size(SG_OK, "text", SG_CTL_PAYLOAD_MAX);
    expect_size(SG_ERR_TOO_LARGE, "text", SG_CTL_PAYLOAD_MAX + 1);
    expect_size(SG_OK, "base64", 22369620);            /* 16777215 bytes */
    expect_size(SG_ERR_TOO_LARGE, "base64", 22369624); /* 16777218 */
    expect_size(SG_ERR_TOO_LARGE, "base64", 30000000);
}

/* {"op":"meta_set","text":"AAA..."} */
static void expect_meta(sg_err expected, size_t length)
{
    char line[2048];
    char text[1024];
    memset(text, 'A', sizeof(text));
    assert_true(length < sizeof(text));
    text[length] = '\0';
    snprintf(line, sizeof(line), "{\"op\":\"meta_set\",\"text\":\"%s\"}", text);
    expect(expected, line);
}

static void test_metadata_has_a_limit(void **state)
{
    char *line = malloc(200000);
    (void)state;
    assert_non_null(line);
    expect_meta(SG_OK, SG_CTL_META_MAX);
    expect_meta(SG_ERR_TOO_LARGE, SG_CTL_META_MAX + 1);
    /* More than any payload: the same sentence. */
    int at = sprintf(line, "{\"op\":\"meta_set\",\"text\":\"");
    memset(line + at, 'A', 100000);
    strcpy(line + at + 100000, "\"}");
    struct sg_ctl_request r;
    char text[SG_CTL_TEXT_CAP];
    assert_int_equal(sg_ctl_request_decode(line, strlen(line), &r, text), SG_ERR_TOO_LARGE);
    assert_string_equal(text, "metadata has at most 512 bytes");
    free(line);
}

static void test_names_have_limits(void **state)
{
    char line[1024];
    char name[SG_CTL_SEED_MAX + 2];
    (void)state;
    memset(name, 'x', sizeof(name));
    name[SG_CTL_TOPIC_MAX] = '\0';
    snprintf(line, sizeof(line), "{\"op\":\"subscribe\",\"topic\":\"%s\"}", name);
    expect(SG_OK, line);
    snprintf(line, sizeof(line), "{\"op\":\"subscribe\",\"topic\":\"%sx\"}", name);
    expect(SG_ERR_MALFORMED, line);
    name[SG_CTL_TOPIC_MAX] = 'x';
    name[SG_CTL_SEED_MAX + 1] = '\0';
    snprintf(line, sizeof(line), "{\"op\":\"join\",\"seed\":\"%s\"}", name);
    expect(SG_ERR_MALFORMED, line);
    name[SG_CTL_PEER_MAX + 1] = '\0';
    snprintf(line, sizeof(line), "{\"op\":\"contact_add\",\"peer\":\"%s\"}", name);
    expect(SG_ERR_MALFORMED, line);
    name[SG_CTL_PEER_MAX] = '\0';
    snprintf(line, sizeof(line), "{\"op\":\"contact_add\",\"peer\":\"%s\"}", name);
    expect(SG_OK, line);
}

static void test_the_longest_request_fits_a_line(void **state)
{
    struct sg_ctl_request r = {.op = SG_CTL_PUBLISH, .payload_len = SG_CTL_PAYLOAD_MAX};
    (void)state;
    r.owned = malloc(SG_CTL_PAYLOAD_MAX);
    r.payload = r.owned;
    assert_non_null(r.owned);
    memset(r.owned, '\n', SG_CTL_PAYLOAD_MAX); /* two characters each in JSON */
    memset(r.topic, '"', SG_CTL_TOPIC_MAX);
    char *line = sg_ctl_request_encode(&r);
    assert_non_null(line);
    assert_true(strlen(line) <= SG_CTL_LINE_MAX);
    struct sg_ctl_request back;
    assert_int_equal(decode(line, &back), SG_OK);
    assert_int_equal(back.payload_len, SG_CTL_PAYLOAD_MAX);
    assert_string_equal(back.topic, r.topic);
    sg_ctl_request_fini(&back);
    sg_ctl_request_fini(&r);
    free(line);
}

static void test_what_cannot_be_encoded(void **state)
{
    struct sg_ctl_request r = {.op = SG_CTL_SUBSCRIBE, .topic = "\xff"};
    (void)state;
    assert_null(sg_ctl_request_encode(&r));
}

static void test_answers(void **state)
{
    (void)state;
    json_t *answer = sg_ctl_answer(SG_CTL_PEERS);
    assert_int_equal(sg_ctl_answer_err(answer), SG_OK);
    json_decref(answer);
    answer = sg_ctl_error("publish", SG_ERR_WOULD_BLOCK, NULL);
    assert_int_equal(sg_ctl_answer_err(answer), SG_ERR_WOULD_BLOCK);
    assert_string_equal(json_string_value(json_object_get(answer, "text")),
                        sg_err_text(SG_ERR_WOULD_BLOCK));
    json_decref(answer);
    answer = sg_ctl_error(NULL, SG_ERR_IO, "cut \xc3"); /* no UTF-8: the error's own words */
    assert_null(json_object_get(answer, "op"));
    assert_string_equal(json_string_value(json_object_get(answer, "text")), sg_err_text(SG_ERR_IO));
    json_decref(answer);
    assert_int_equal(sg_ctl_answer_err(NULL), SG_ERR_PROTOCOL);
    answer = sg_ctl_parse("{\"ok\":false,\"error\":\"SG_OK\"}", 28);
    assert_int_equal(sg_ctl_answer_err(answer), SG_ERR_PROTOCOL);
    json_decref(answer);
    assert_null(sg_ctl_parse("[]", 2));
    assert_null(sg_ctl_parse("{", 1));
}

static void test_every_op_has_a_name(void **state)
{
    char line[64];
    (void)state;
    for (int op = SG_CTL_PUBLISH; op <= SG_CTL_STOP; op++) {
        struct sg_ctl_request r;
        const char *name = sg_ctl_op_name((enum sg_ctl_op)op);
        snprintf(line, sizeof(line), "{\"op\":\"%s\"}", name);
        assert_int_not_equal(decode(line, &r), SG_ERR_UNSUPPORTED);
        assert_int_equal(r.op, op);
    }
}

static void test_topics(void **state)
{
    struct sg_ctl_request r;
    (void)state;
    assert_int_equal(decode("{\"op\":\"subscribe\",\"topic\":\"t\"}", &r), SG_OK);
    assert_int_equal(r.full, SG_FULL_DROP_OLDEST);
    static const struct {
        const char *word;
        enum sg_full_policy policy;
    } POLICIES[] = {{"drop-oldest", SG_FULL_DROP_OLDEST},
                    {"drop-newest", SG_FULL_DROP_NEWEST},
                    {"block", SG_FULL_BLOCK},
                    {"disconnect", SG_FULL_CLOSE}};
    for (size_t i = 0; i < sizeof(POLICIES) / sizeof(POLICIES[0]); i++) {
        r = (struct sg_ctl_request){
            .op = SG_CTL_SUBSCRIBE, .topic = "t", .policy = POLICIES[i].word};
        char *line = sg_ctl_request_encode(&r);
        assert_non_null(line);
        assert_int_equal(decode(line, &r), SG_OK);
        assert_int_equal(r.full, POLICIES[i].policy);
        free(line);
    }
    expect(SG_ERR_MALFORMED, "{\"op\":\"subscribe\",\"topic\":\"t\",\"policy\":\"wait\"}");
    expect(SG_ERR_MALFORMED, "{\"op\":\"subscribe\",\"topic\":\"t\",\"policy\":1}");
    expect(SG_ERR_MALFORMED,
           "{\"op\":\"publish\",\"topic\":\"t\",\"text\":\"\",\"policy\":\"block\"}");

    for (int i = SG_PRIORITY_NORMAL; i <= SG_PRIORITY_BULK; i++) {
        r = (struct sg_ctl_request){
            .op = SG_CTL_PRIORITY, .topic = "t", .priority = (enum sg_priority)i};
        char *line = sg_ctl_request_encode(&r);
        assert_non_null(line);
        assert_int_equal(decode(line, &r), SG_OK);
        assert_string_equal(r.topic, "t");
        assert_int_equal(r.priority, i);
        free(line);
    }
    expect(SG_ERR_MALFORMED, "{\"op\":\"priority\",\"topic\":\"t\"}");
    expect(SG_ERR_MALFORMED, "{\"op\":\"priority\",\"topic\":\"t\",\"priority\":\"high\"}");
    expect(SG_ERR_MALFORMED, "{\"op\":\"priority\",\"priority\":\"bulk\"}");

    assert_int_equal(decode("{\"op\":\"trace\"}", &r), SG_OK);
    assert_string_equal(r.message, "");
    assert_int_equal(decode("{\"op\":\"trace\",\"message\":\"\"}", &r), SG_OK);
    assert_int_equal(decode("{\"op\":\"trace\",\"message\":\"abcdef\"}", &r), SG_OK);
    assert_string_equal(r.message, "abcdef");
    char *line = sg_ctl_request_encode(&r);
    assert_non_null(line);
    assert_int_equal(decode(line, &r), SG_OK);
    assert_string_equal(r.message, "abcdef");
    free(line);
    expect(SG_ERR_MALFORMED, "{\"op\":\"trace\",\"message\":7}");
    expect(SG_ERR_MALFORMED,
           "{\"op\":\"trace\",\"message\":"
           "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}"); /* 53 characters */
    assert_int_equal(decode("{\"op\":\"topics\"}", &r), SG_OK);
    expect(SG_ERR_MALFORMED, "{\"op\":\"topics\",\"topic\":\"t\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_requests_about_members),
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_metadata_has_a_limit),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_names_have_limits),
        cmocka_unit_test(test_the_longest_request_fits_a_line),
        cmocka_unit_test(test_what_cannot_be_encoded),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_every_op_has_a_name),
        cmocka_unit_test(test_topics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
