#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "json_out.h"

static bool is_text(const char *data, size_t len)
{
    return sg_json_is_text((struct sg_bytes){(const uint8_t *)data, len});
}

#define IS_TEXT(s) is_text((s), sizeof(s) - 1)

static void test_what_is_text(void **state)
{
    (void)state;
    assert_true(IS_TEXT(""));
    assert_true(IS_TEXT("plain"));
    assert_true(IS_TEXT("tab\tline\nreturn\r"));
    assert_true(IS_TEXT("caf\xc3\xa9 \xe2\x88\x9e \xf0\x9f\x8c\xb2 \xf4\x8f\xbf\xbf"));
    assert_false(IS_TEXT("nul\0"));
    assert_false(IS_TEXT("escape\x1b[0m"));
    assert_false(IS_TEXT("delete\x7f"));
    assert_false(IS_TEXT("\x80")); /* a continuation alone */
    assert_false(IS_TEXT("\xc3")); /* cut */
    assert_false(IS_TEXT("\xe2\x88"));
    assert_false(IS_TEXT("\xc0\xaf")); /* overlong */
    assert_false(IS_TEXT("\xe0\x80\xaf"));
    assert_false(IS_TEXT("\xf0\x80\x80\xaf"));
    assert_false(IS_TEXT("\xed\xa0\x80"));     /* a surrogate */
    assert_false(IS_TEXT("\xf4\x90\x80\x80")); /* above U+10FFFF */
    assert_false(IS_TEXT("\xf8\x88\x80\x80\x80"));
    assert_false(IS_TEXT("\xff"));
}

/* jansson must take whatever we call text. */
static void test_every_two_bytes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 65536; i++) {
        char data[2] = {(char)(i >> 8), (char)(i & 255)};
        json_t *object = json_object();
        struct sg_bytes bytes = {(const uint8_t *)data, 2};
        assert_true(sg_json_set_payload(object, bytes));
        const char *key = is_text(data, 2) ? "text" : "base64";
        assert_non_null(json_object_get(object, key));
        json_decref(object);
    }
}

static void test_text_is_mended(void **state)
{
    (void)state;
    json_t *string = sg_json_text("a\xff caf\xc3\xa9 \xc3");
    assert_string_equal(json_string_value(string), "a? caf\xc3\xa9 ?");
    json_decref(string);
}

static void test_message(void **state)
{
    const uint8_t payload[] = "hi";
    struct sg_message message = {
        .sequence = 5, .time_ms = 6, .age_us = 1500, .hops = 3, .len = 2, .payload = payload};
    (void)state;
    message.id.b[0] = 0xff;
    json_t *object = sg_json_message(&message, "chat");
    char *text = json_dumps(object, SG_JSON_FLAGS);
    assert_string_equal(
        text, "{\"topic\":\"chat\","
              "\"id\":\"74aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\","
              "\"author\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\","
              "\"last_hop\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\","
              "\"hops\":3,\"sequence\":\"5\",\"time_ms\":6,\"age_ms\":1.5,\"text\":\"hi\"}");
    free(text);
    json_decref(object);
}

static void test_counts(void **state)
{
    const struct sg_stats stats = {.published = 7, .bytes_out = UINT64_MAX};
    (void)state;
    json_t *object = sg_json_stats(&stats);
    assert_int_equal(sg_json_count(object, "published"), 7);
    assert_true(sg_json_count(object, "bytes_out") == INT64_MAX);
    assert_int_equal(sg_json_count(object, "nothing"), 0);
    assert_int_equal(sg_json_count(NULL, "nothing"), 0);
    json_decref(object);
}

/* Each field of the struct in the public header is a member of the object. */
static void test_no_counter_is_forgotten(void **state)
{
    const struct sg_stats stats = {0};
    char line[256];
    char name[64];
    bool inside = false;
    size_t fields = 0;
    FILE *header = fopen(SG_TEST_SOURCE_DIR "/include/saorsa/gossip.h", "r");
    json_t *object = sg_json_stats(&stats);
    (void)state;
    assert_non_null(header);
    while (fgets(line, sizeof(line), header) != NULL) {
        if (strncmp(line, "struct sg_stats {", 17) == 0)
            inside = true;
        if (strncmp(line, "};", 2) == 0)
            inside = false;
        if (!inside || sscanf(line, " uint%*[0-9]_t %63[a-z_0-9];", name) != 1)
            continue;
        fields++;
        if (json_object_get(object, name) == NULL)
            fail_msg("%s is not in json_out.c", name);
    }
    fclose(header);
    assert_true(fields > 40);
    assert_int_equal(json_object_size(object), fields);
    json_decref(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_text),   cmocka_unit_test(test_every_two_bytes),
        cmocka_unit_test(test_text_is_mended), cmocka_unit_test(test_message),
        cmocka_unit_test(test_counts),         cmocka_unit_test(test_no_counter_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
