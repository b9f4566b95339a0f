#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "wire/topic_msg.h"

static uint8_t out[8192];
static struct sg_topic_msg back;

static size_t encode(const struct sg_topic_msg *msg)
{
    struct sg_writer w = sg_writer(out, sizeof(out));
    sg_topic_msg_encode(&w, msg);
    assert_int_equal(sg_writer_done(&w), SG_OK);
    return w.len;
}

static sg_err decode(size_t len)
{
    struct sg_reader r = sg_reader(sg_bytes(out, len));
    return sg_topic_msg_decode(&r, &back);
}

static void topics_have_these_bytes_and_come_back(void **state)
{
    struct sg_topic_msg msg = {.kind = SG_TOPIC_TOPICS, .salt = {0x5a}, .digest_count = 2};
    (void)state;
    msg.digest[0] = 1;
    msg.digest[1] = 0x0203;
    size_t len = encode(&msg);
    assert_int_equal(len, 1 + 16 + 1 + 16);
    assert_memory_equal(out, "\x01\x5a\x00", 3);
    assert_memory_equal(out + 17, "\x10\x00\x00\x00\x00\x00\x00\x00\x01", 9);
    assert_int_equal(decode(len), SG_OK);
    assert_int_equal(back.digest_count, 2);
    assert_true(back.digest[1] == 0x0203);
}

static void full_topics_come_back(void **state)
{
    struct sg_topic_msg msg = {.kind = SG_TOPIC_TOPICS, .digest_count = SG_TOPICS_MAX};
    (void)state;
    assert_int_equal(decode(encode(&msg)), SG_OK);
    assert_int_equal(back.digest_count, SG_TOPICS_MAX);
}

static void walks_carry_their_origin(void **state)
{
    struct sg_topic_msg msg = {
        .kind = SG_TOPIC_FIND, .topic = {{7}}, .ttl = 4, .count = 1, .id = {{{3}}}};
    (void)state;
    msg.hints[0].count = 1;
    msg.hints[0].hint[0].len = 2;
    msg.hints[0].hint[0].b[0] = 9;
    size_t len = encode(&msg);
    assert_int_equal(len, 1 + 32 + 1 + 32 + 1 + 1 + 2);
    assert_int_equal(decode(len), SG_OK);
    assert_int_equal(back.ttl, 4);
    assert_memory_equal(&back.id[0], &msg.id[0], SG_ID_LEN);
    assert_memory_equal(&back.hints[0], &msg.hints[0], sizeof(msg.hints[0]));
    out[33] = SG_TOPIC_FIND_TTL_MAX + 1;
    assert_int_equal(decode(len), SG_ERR_MALFORMED);
}

static void answers_carry_subscribers(void **state)
{
    struct sg_topic_msg msg = {.kind = SG_TOPIC_FOUND, .count = SG_TOPIC_FOUND_MAX};
    (void)state;
    for (uint8_t i = 0; i < msg.count; i++)
        msg.id[i].b[0] = i;
    size_t len = encode(&msg);
    assert_int_equal(decode(len), SG_OK);
    assert_int_equal(back.count, SG_TOPIC_FOUND_MAX);
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(decode(cut), SG_ERR_TRUNCATED);
    out[len] = 0;
    assert_int_equal(decode(len + 1), SG_ERR_TRAILING);
}

static void adverts_have_these_bytes_and_come_back(void **state)
{
    struct sg_topic_msg msg = {.kind = SG_TOPIC_ADVERTS, .count = SG_TOPIC_FOUND_MAX};
    (void)state;
    for (uint8_t i = 0; i < msg.count; i++) {
        msg.tag[i][0] = (uint8_t)(0xa0 + i);
        msg.id[i].b[0] = i;
    }
    size_t len = encode(&msg);
    assert_int_equal(len, 2 + 8 * (16 + 32 + 1));
    assert_memory_equal(out, "\x04\x08\xa0\x00", 4);
    assert_int_equal(out[2 + 49], 0xa1);
    assert_int_equal(decode(len), SG_OK);
    assert_int_equal(back.count, SG_TOPIC_FOUND_MAX);
    assert_memory_equal(back.tag, msg.tag, sizeof(msg.tag));
    assert_memory_equal(back.id, msg.id, sizeof(msg.id));
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(decode(cut), SG_ERR_TRUNCATED);
    out[len] = 0;
    assert_int_equal(decode(len + 1), SG_ERR_TRAILING);
    out[1] = 0;
    assert_int_equal(decode(len), SG_ERR_MALFORMED);
    out[1] = SG_TOPIC_FOUND_MAX + 1;
    assert_int_equal(decode(len), SG_ERR_MALFORMED);
}

static void bad_messages_have_an_error_each(void **state)
{
    struct sg_topic_msg msg = {.kind = SG_TOPIC_FOUND, .count = 1};
    (void)state;
    size_t len = encode(&msg);
    out[0] = 5;
    assert_int_equal(decode(len), SG_ERR_MALFORMED);
    out[0] = SG_TOPIC_FOUND;
    out[33] = 0;
    assert_int_equal(decode(len), SG_ERR_MALFORMED);
    out[33] = SG_TOPIC_FOUND_MAX + 1;
    assert_int_equal(decode(len), SG_ERR_MALFORMED);
    len = encode(&msg);
    out[len - 1] = SG_HINTS_MAX + 1;
    assert_int_equal(decode(len), SG_ERR_MALFORMED);
    out[len - 1] = 1;
    out[len] = 0; /* an empty hint */
    assert_int_equal(decode(len + 1), SG_ERR_MALFORMED);
    out[len] = SG_HINT_LEN_MAX + 1;
    assert_int_equal(decode(len + 1), SG_ERR_OVERSIZED);
    msg = (struct sg_topic_msg){.kind = SG_TOPIC_TOPICS, .digest_count = 1};
    len = encode(&msg);
    out[17] = 7; /* no whole digest */
    assert_int_equal(decode(len - 1), SG_ERR_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(topics_have_these_bytes_and_come_back),
        cmocka_unit_test(full_topics_come_back),
        cmocka_unit_test(walks_carry_their_origin),
        cmocka_unit_test(answers_carry_subscribers),
        cmocka_unit_test(adverts_have_these_bytes_and_come_back),
        cmocka_unit_test(bad_messages_have_an_error_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
