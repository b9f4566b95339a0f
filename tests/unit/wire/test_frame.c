#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "wire/frame.h"

static const struct sg_topic_id topic = {{0xaa, 0xbb}};

static sg_err decode(const uint8_t *bytes, size_t len, struct sg_frame_head *head)
{
    struct sg_reader r = sg_reader(sg_bytes(bytes, len));
    return sg_frame_head_decode(&r, head);
}

static void heads_have_these_bytes(void **state)
{
    uint8_t out[SG_FRAME_HEAD_MAX];
    struct sg_frame_head head = {.family = SG_FAMILY_HYPARVIEW};
    struct sg_writer w = sg_writer(out, sizeof(out));
    (void)state;
    sg_frame_head_encode(&w, &head);
    assert_int_equal(w.len, 3);
    assert_memory_equal(out, "\x01\x01\x00", 3);
    head = (struct sg_frame_head){.family = SG_FAMILY_PLUMTREE, .scope = topic};
    w = sg_writer(out, sizeof(out));
    sg_frame_head_encode(&w, &head);
    assert_int_equal(w.len, SG_FRAME_HEAD_MAX);
    assert_memory_equal(out, "\x02\x01\x20\xaa\xbb\x00", 6);
}

static void heads_come_back_as_they_went(void **state)
{
    uint8_t out[SG_FRAME_HEAD_MAX];
    struct sg_frame_head back;
    (void)state;
    for (int family = SG_FAMILY_LINK; family <= SG_FAMILY_SWIM; family++) {
        for (int scoped = 0; scoped < 2; scoped++) {
            struct sg_frame_head head = {.family = (enum sg_family)family};
            if (scoped)
                head.scope = topic;
            struct sg_writer w = sg_writer(out, sizeof(out));
            sg_frame_head_encode(&w, &head);
            assert_int_equal(decode(out, w.len, &back), SG_OK);
            assert_int_equal(back.family, head.family);
            assert_memory_equal(&back.scope, &head.scope, sizeof(head.scope));
        }
    }
}

static void bad_heads_have_an_error_each(void **state)
{
    struct sg_frame_head head;
    uint8_t zero[35] = {1, 1, 32};
    (void)state;
    assert_int_equal(decode((const uint8_t *)"", 0, &head), SG_ERR_TRUNCATED);
    assert_int_equal(decode((const uint8_t *)"\x01\x01", 2, &head), SG_ERR_TRUNCATED);
    assert_int_equal(decode((const uint8_t *)"\x08\x01\x00", 3, &head), SG_ERR_VERSION);
    assert_int_equal(decode((const uint8_t *)"\x01\x00\x00", 3, &head), SG_ERR_VERSION);
    assert_int_equal(decode((const uint8_t *)"\x01\x01\x01\x05", 4, &head), SG_ERR_MALFORMED);
    assert_int_equal(decode((const uint8_t *)"\x01\x01\x21\x05", 4, &head), SG_ERR_OVERSIZED);
    assert_int_equal(decode((const uint8_t *)"\x01\x01\x40\x00", 4, &head), SG_ERR_NOT_CANONICAL);
    assert_int_equal(decode(zero, sizeof(zero), &head), SG_ERR_NOT_CANONICAL);
}

static void hello_has_these_bytes_and_comes_back(void **state)
{
    uint8_t out[SG_HELLO_MAX];
    struct sg_hello hello = {.suite = 1, .network = {0x11, 0x22}, .boot = 0x0102030405060708};
    struct sg_hello back;
    struct sg_writer w = sg_writer(out, sizeof(out));
    (void)state;
    sg_hello_encode(&w, &hello);
    assert_int_equal(w.len, 44);
    assert_memory_equal(out, "\x00\x01\x00\x01\x11\x22\x00", 7);
    assert_memory_equal(out + 36, "\x01\x02\x03\x04\x05\x06\x07\x08", 8);
    assert_int_equal(sg_hello_decode(sg_bytes(out, w.len), &back), SG_OK);
    assert_int_equal(back.suite, 1);
    assert_true(back.boot == hello.boot);
    assert_memory_equal(back.network, hello.network, sizeof(hello.network));
    out[0] = SG_FAMILY_TOPIC;
    assert_int_equal(sg_hello_decode(sg_bytes(out, w.len), &back), SG_ERR_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_have_these_bytes),
        cmocka_unit_test(heads_come_back_as_they_went),
        cmocka_unit_test(bad_heads_have_an_error_each),
        cmocka_unit_test(hello_has_these_bytes_and_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
