#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "wire/gossip_msg.h"
#include "wire/pt_msg.h"

static uint8_t out[1024];

static size_t encode(const struct sg_gossip *msg)
{
    struct sg_writer w = sg_writer(out, sizeof(out));
    sg_gossip_encode(&w, msg);
    assert_int_equal(sg_writer_done(&w), SG_OK);
    return w.len;
}

static sg_err decode(size_t len, struct sg_gossip *msg)
{
    struct sg_reader r = sg_reader(sg_bytes(out + 1, len - 1)); /* after the kind byte */
    return sg_gossip_decode(&r, msg);
}

static struct sg_gossip lone(void)
{
    return (struct sg_gossip){.hop = 3,
                              .author = {{0xa1}},
                              .sequence = 0x0000000100000002,
                              .time_ms = 0x0a0b,
                              .expiry_ms = 0x0c0d,
                              .batch_count = 1,
                              .payload = SG_BYTES_LIT("hi")};
}

static void a_lone_message_has_these_bytes(void **state)
{
    static const uint8_t tail[] = {0,    0,    0, 1, 0, 0, 0, 2, 0,    0,    0, 0, 0,   0,
                                   0x0a, 0x0b, 0, 0, 0, 0, 0, 0, 0x0c, 0x0d, 1, 2, 'h', 'i'};
    struct sg_gossip msg = lone();
    (void)state;
    assert_int_equal(encode(&msg), 2 + 32 + sizeof(tail));
    assert_memory_equal(out, "\x04\x03\xa1\x00", 4);
    assert_memory_equal(out + 34, tail, sizeof(tail));
}

static void a_lone_message_comes_back(void **state)
{
    struct sg_gossip msg = lone();
    struct sg_gossip back;
    (void)state;
    assert_int_equal(decode(encode(&msg), &back), SG_OK);
    assert_int_equal(back.hop, 3);
    assert_true(back.sequence == msg.sequence && back.time_ms == msg.time_ms);
    assert_true(back.expiry_ms == msg.expiry_ms);
    assert_int_equal(back.batch_count, 1);
    assert_int_equal(back.path_len, 0);
    assert_true(sg_bytes_equal(back.payload, msg.payload));
}

static void batched_messages_carry_index_root_and_path(void **state)
{
    uint8_t path[3 * SG_ID_LEN];
    struct sg_gossip msg = lone();
    struct sg_gossip back;
    (void)state;
    memset(path, 0x77, sizeof(path));
    msg.batch_count = 5;
    msg.batch_index = 3;
    msg.path = path;
    msg.path_len = sg_batch_path_len(5, 3);
    memset(msg.root, 0x55, sizeof(msg.root));
    assert_int_equal(msg.path_len, 3);
    size_t len = encode(&msg);
    assert_int_equal(len, 2 + 32 + 24 + 1 + 1 + 32 + 96 + 3);
    assert_int_equal(decode(len, &back), SG_OK);
    assert_int_equal(back.batch_index, 3);
    assert_memory_equal(back.root, msg.root, sizeof(msg.root));
    assert_memory_equal(back.path, path, sizeof(path));
}

static void path_lengths_follow_rfc_9162(void **state)
{
    (void)state;
    assert_int_equal(sg_batch_path_len(1, 0), 0);
    assert_int_equal(sg_batch_path_len(2, 1), 1);
    assert_int_equal(sg_batch_path_len(3, 0), 2);
    assert_int_equal(sg_batch_path_len(3, 2), 1);
    assert_int_equal(sg_batch_path_len(5, 4), 1);
    assert_int_equal(sg_batch_path_len(64, 63), SG_BATCH_PATH_MAX);
    for (uint8_t count = 1; count <= SG_BATCH_MAX; count++) {
        for (uint8_t i = 0; i < count; i++)
            assert_true(sg_batch_path_len(count, i) <= SG_BATCH_PATH_MAX);
    }
}

static void bad_messages_have_an_error_each(void **state)
{
    struct sg_gossip msg = lone();
    struct sg_gossip back;
    (void)state;
    size_t len = encode(&msg);
    for (size_t cut = 1; cut < len; cut++)
        assert_int_equal(decode(cut, &back), SG_ERR_TRUNCATED);
    out[len] = 0;
    assert_int_equal(decode(len + 1, &back), SG_ERR_TRAILING);
    out[1] = 0; /* hop 0 */
    assert_int_equal(decode(len, &back), SG_ERR_MALFORMED);
    out[1] = 1;
    out[58] = 0; /* batch of none */
    assert_int_equal(decode(len, &back), SG_ERR_MALFORMED);
    out[58] = 65;
    assert_int_equal(decode(len, &back), SG_ERR_MALFORMED);
    out[58] = 2;
    out[59] = 2; /* index beyond the batch */
    assert_int_equal(decode(len, &back), SG_ERR_MALFORMED);
    len = encode(&msg);
    memcpy(out + 59, "\x80\x01\x00\x01", 4); /* 65 537 bytes of payload */
    assert_int_equal(decode(len + 2, &back), SG_ERR_OVERSIZED);
    memcpy(out + 59, "\x40\x02", 2); /* two bytes where one is enough */
    assert_int_equal(decode(len, &back), SG_ERR_NOT_CANONICAL);
}

static void roots_keys_and_wants_come_back(void **state)
{
    uint8_t root[SG_ID_LEN] = {9};
    uint8_t root_back[SG_ID_LEN];
    struct sg_msg_id id = {{8}};
    struct sg_msg_id id_back;
    struct sg_bytes bytes;
    struct sg_writer w = sg_writer(out, sizeof(out));
    (void)state;
    sg_root_encode(&w, root, SG_BYTES_LIT("sig"));
    assert_int_equal(w.len, 1 + 32 + 1 + 3);
    assert_int_equal(out[0], SG_PT_ROOT);
    struct sg_reader r = sg_reader(sg_bytes(out + 1, w.len - 1));
    assert_int_equal(sg_root_decode(&r, root_back, &bytes), SG_OK);
    assert_memory_equal(root, root_back, sizeof(root));
    assert_true(sg_bytes_equal(bytes, SG_BYTES_LIT("sig")));
    w = sg_writer(out, sizeof(out));
    sg_key_encode(&w, SG_BYTES_LIT("key"));
    assert_memory_equal(out, "\x06\x03key", 5);
    r = sg_reader(sg_bytes(out + 1, 4));
    assert_int_equal(sg_key_decode(&r, &bytes), SG_OK);
    r = sg_reader(sg_bytes("\x00", 1));
    assert_int_equal(sg_key_decode(&r, &bytes), SG_ERR_MALFORMED);
    w = sg_writer(out, sizeof(out));
    sg_proof_want_encode(&w, &id);
    r = sg_reader(sg_bytes(out + 1, w.len - 1));
    assert_int_equal(sg_proof_want_decode(&r, &id_back), SG_OK);
    assert_memory_equal(&id, &id_back, sizeof(id));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lone_message_has_these_bytes),
        cmocka_unit_test(a_lone_message_comes_back),
        cmocka_unit_test(batched_messages_carry_index_root_and_path),
        cmocka_unit_test(path_lengths_follow_rfc_9162),
        cmocka_unit_test(bad_messages_have_an_error_each),
        cmocka_unit_test(roots_keys_and_wants_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
