#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "json_out.h"
#include "member_text.h"

static struct sg_member member;

static int setup(void **state)
{
    (void)state;
    member = (struct sg_member){.state = SG_MEMBER_ALIVE, .heard_ms = UINT64_MAX};
    return 0;
}

static void set_meta(const char *data, size_t len)
{
    memcpy(member.meta, data, len);
    member.meta_len = len;
}

static const char *shown(size_t cap)
{
    static char text[2048];
    json_t *object = sg_json_member(&member);
    assert_non_null(object);
    sg_member_meta(text, cap, object);
    json_decref(object);
    return text;
}

static void test_all_fields(void **state)
{
    (void)state;
    member.incarnation = UINT64_MAX;
    member.state_ms = 5;
    json_t *object = sg_json_member(&member);
    char *text = json_dumps(object, SG_JSON_FLAGS);
    assert_string_equal(text, "{\"id\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\","
                              "\"state\":\"alive\",\"incarnation\":\"18446744073709551615\","
                              "\"state_ms\":5,\"heard_ms\":null,\"address\":null,"
                              "\"linked\":false,\"neighbor\":false,\"contact\":false,"
                              "\"meta\":{\"text\":\"\"}}");
    free(text);
    json_decref(object);
}

static void test_states_and_times(void **state)
{
    (void)state;
    member.state = SG_MEMBER_FAILED;
    member.heard_ms = 0;
    strcpy(member.address, "127.0.0.1:7");
    json_t *object = sg_json_member(&member);
    assert_string_equal(sg_json_get_text(object, "state", ""), "failed");
    assert_string_equal(sg_json_get_text(object, "address", ""), "127.0.0.1:7");
    assert_true(json_is_integer(json_object_get(object, "heard_ms")));
    json_decref(object);
    member.state = SG_MEMBER_SUSPECT;
    object = sg_json_member(&member);
    assert_string_equal(sg_json_get_text(object, "state", ""), "suspect");
    json_decref(object);
}

static void test_incarnation(void **state)
{
    char text[SG_FMT_CAP];
    (void)state;
    member.incarnation = UINT64_C(3) << 32 | 17;
    json_t *object = sg_json_member(&member);
    assert_string_equal(sg_member_incarnation(text, object), "3.17");
    json_decref(object);
    member.incarnation = UINT64_MAX;
    object = sg_json_member(&member);
    assert_string_equal(sg_member_incarnation(text, object), "4294967295.4294967295");
    assert_true(sg_json_get_large(object, "incarnation") == UINT64_MAX);
    json_decref(object);
    assert_string_equal(sg_member_incarnation(text, NULL), "0.0");
}

static void test_flags(void **state)
{
    static const struct {
        bool linked, neighbor, contact;
        const char *text;
    } CASES[] = {
        {false, false, false, "-"},
        {true, false, false, "linked"},
        {true, true, false, "neighbour"},
        {false, false, true, "contact"},
        {true, false, true, "linked contact"},
        {true, true, true, "neighbour contact"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        member.is_linked = CASES[i].linked;
        member.is_neighbor = CASES[i].neighbor;
        member.is_contact = CASES[i].contact;
        json_t *object = sg_json_member(&member);
        assert_string_equal(sg_member_flags(object), CASES[i].text);
        json_decref(object);
    }
}

static void test_metadata_as_it_is(void **state)
{
    (void)state;
    assert_string_equal(shown(100), "");
    set_meta("role=printer caf\xc3\xa9", 18);
    assert_string_equal(shown(100), "role=printer caf\xc3\xa9");
    assert_string_equal(shown(19), "role=printer caf\xc3\xa9");
    assert_string_equal(shown(18), "role=printer c...");
    /* Never within a character. */
    set_meta("ab\xc3\xa9\xc3\xa9\xc3\xa9", 8);
    assert_string_equal(shown(8), "ab\xc3\xa9...");
    assert_string_equal(shown(7), "ab...");
}

/* Nothing that a stranger says reaches the terminal as an order. */
static void test_what_a_terminal_would_act_on(void **state)
{
    static const char *const BAD[] = {
        "\x1b[2J",
        "a\nb",
        "a\tb",
        "a\rb",
        "\x7f",
        "\xc2\x9b"
        "2J",
        "\xe2\x80\xae",
        "\xe2\x81\xa6",
        "\xe2\x80\xa8",
        "\xd8\x9c",
        "\xff",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
        set_meta(BAD[i], strlen(BAD[i]));
        assert_false(sg_member_is_printable(BAD[i], strlen(BAD[i])));
        assert_int_equal(strncmp(shown(100), "base64:", 7), 0);
    }
    set_meta("\xff\xff\xff", 3);
    assert_string_equal(shown(100), "base64:////");
    assert_string_equal(shown(11), "base64:...");
    set_meta("\0", 1);
    assert_string_equal(shown(100), "base64:AA==");
    assert_true(sg_member_is_printable("\xe2\x80\xa6 \xe2\x81\xba \xc2\xa0", 10));
}

static void test_the_longest_metadata(void **state)
{
    char data[512];
    (void)state;
    memset(data, '"', sizeof(data));
    set_meta(data, sizeof(data));
    assert_int_equal(strlen(shown(1024)), 512);
    memset(data, 1, sizeof(data));
    set_meta(data, sizeof(data));
    assert_int_equal(strlen(shown(1024)), 7 + 684);
    assert_int_equal(strlen(shown(48)), 47);
}

static void test_nonsense_from_a_node(void **state)
{
    char text[64];
    (void)state;
    assert_string_equal(sg_member_meta(text, sizeof(text), NULL), "");
    json_t *object = json_pack("{s:i}", "meta", 7);
    assert_string_equal(sg_member_meta(text, sizeof(text), object), "");
    assert_string_equal(sg_member_flags(object), "-");
    json_decref(object);
    object = json_pack("{s:{s:s}}", "meta", "base64", "?");
    assert_string_equal(sg_member_meta(text, sizeof(text), object), "");
    json_decref(object);
}

/* Above SG_CTL_META_MAX bytes: cut, not overrun. */
static void test_too_much_from_a_node(void **state)
{
    char text[2048];
    char base64[1 + 4 * 400];
    (void)state;
    memset(base64, 'A', sizeof(base64) - 1);
    base64[sizeof(base64) - 1] = '\0';
    json_t *object = json_pack("{s:{s:s}}", "meta", "base64", base64);
    assert_int_equal(strlen(sg_member_meta(text, sizeof(text), object)), 7 + 684);
    json_decref(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_all_fields, setup),
        cmocka_unit_test_setup(test_states_and_times, setup),
        cmocka_unit_test_setup(test_incarnation, setup),
        cmocka_unit_test_setup(test_flags, setup),
        cmocka_unit_test_setup(test_metadata_as_it_is, setup),
        cmocka_unit_test_setup(test_what_a_terminal_would_act_on, setup),
        cmocka_unit_test_setup(test_the_longest_metadata, setup),
        cmocka_unit_test(test_nonsense_from_a_node),
        cmocka_unit_test(test_too_much_from_a_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
