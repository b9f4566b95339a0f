#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/doc_msg.h"

static void a_message_comes_back(void **state)
{
    static const uint8_t bytes[] = {1, 2, 3};
    const struct sg_doc_msg messages[] = {
        {.kind = SG_DOC_PART,
         .session = 7,
         .by_opener = true,
         .number = 9,
         .is_last = true,
         .bytes = {bytes, 3}},
        {.kind = SG_DOC_TAKEN, .session = 7, .number = 10},
        {.kind = SG_DOC_CLOSE, .session = 7, .by_opener = true, .reason = SG_DOC_UNBOUND},
    };
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        uint8_t buffer[64];
        struct sg_doc_msg got;
        struct sg_writer w = sg_writer(buffer, sizeof(buffer));
        sg_doc_msg_encode(&w, &messages[i]);
        assert_int_equal(w.err, SG_OK);
        for (size_t len = 0; len <= w.len; len++) {
            struct sg_reader r = sg_reader(sg_bytes(buffer, len));
            assert_int_equal(sg_doc_msg_decode(&r, &got), len == w.len ? SG_OK : SG_ERR_TRUNCATED);
        }
        assert_int_equal(got.kind, messages[i].kind);
        assert_int_equal(got.session, 7);
        assert_int_equal(got.by_opener, messages[i].by_opener);
        assert_int_equal(got.number, messages[i].number);
        assert_int_equal(got.is_last, messages[i].is_last);
        assert_int_equal(got.reason, messages[i].reason);
        assert_true(sg_bytes_equal(got.bytes, messages[i].bytes));
        buffer[w.len] = 0;
        struct sg_reader longer = sg_reader(sg_bytes(buffer, w.len + 1));
        assert_int_equal(sg_doc_msg_decode(&longer, &got), SG_ERR_TRAILING);
    }
}

/* The samples of docs/protocol.md. */
static void the_samples(void **state)
{
    static const uint8_t bytes[] = {1, 2, 3};
    static const uint8_t part[] = {1, 0, 0, 0, 7, 1, 0, 0, 0, 9, 1, 3, 1, 2, 3};
    static const uint8_t taken[] = {2, 0, 0, 0, 7, 0, 0, 0, 0, 10};
    static const uint8_t close[] = {3, 0, 0, 0, 7, 1, 2};
    const struct {
        struct sg_doc_msg msg;
        struct sg_bytes want;
    } samples[] = {
        {{.kind = SG_DOC_PART,
          .session = 7,
          .by_opener = true,
          .number = 9,
          .is_last = true,
          .bytes = {bytes, 3}},
         {part, sizeof(part)}},
        {{.kind = SG_DOC_TAKEN, .session = 7, .number = 10}, {taken, sizeof(taken)}},
        {{.kind = SG_DOC_CLOSE, .session = 7, .by_opener = true, .reason = SG_DOC_UNBOUND},
         {close, sizeof(close)}},
    };
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        uint8_t buffer[64];
        struct sg_writer w = sg_writer(buffer, sizeof(buffer));
        sg_doc_msg_encode(&w, &samples[i].msg);
        assert_true(sg_bytes_equal(sg_bytes(buffer, w.len), samples[i].want));
    }
}

static void what_is_wrong_is_refused(void **state)
{
    static const struct {
        uint8_t bytes[16];
        size_t len;
        sg_err err;
    } cases[] = {
        {{0, 0, 0, 0, 0, 0}, 6, SG_ERR_MALFORMED},
        {{4, 0, 0, 0, 0, 0}, 6, SG_ERR_MALFORMED},
        {{2, 0, 0, 0, 0, 2, 0, 0, 0, 0}, 10, SG_ERR_MALFORMED},          /* flag */
        {{3, 0, 0, 0, 0, 0, 3}, 7, SG_ERR_MALFORMED},                    /* reason */
        {{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 12, SG_ERR_MALFORMED},    /* empty part */
        {{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 1}, 13, SG_ERR_MALFORMED}, /* last */
        {{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x80, 1, 0, 1}, 15, SG_ERR_OVERSIZED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sg_reader r = sg_reader(sg_bytes(cases[i].bytes, cases[i].len));
        struct sg_doc_msg got;
        assert_int_equal(sg_doc_msg_decode(&r, &got), cases[i].err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_comes_back),
        cmocka_unit_test(the_samples),
        cmocka_unit_test(what_is_wrong_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
