#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "wire/gossip_msg.h"
#include "wire/pt_msg.h"

static uint8_t out[4096];

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
    static const uint8_t tail[] = {0,    0, 0, 1, 0, 0, 0, 2,    0,    0, 0, 0, 0,   0,  0x0a,
                                   0x0b, 0, 0, 0, 0, 0, 0, 0x0c, 0x0d, 1, 0, 2, 'h', 'i'};
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
    assert_true(sg_bytes_equal(back.payload, msg.payload));
}

static void batched_messages_carry_index_and_root(void **state)
{
    struct sg_gossip msg = lone();
    struct sg_gossip back;
    (void)state;
    msg.batch_count = 5;
    msg.batch_index = 3;
    memset(msg.root, 0x55, sizeof(msg.root));
    size_t len = encode(&msg);
    assert_int_equal(len, 2 + 32 + 24 + 1 + 1 + 32 + 1 + 3);
    assert_memory_equal(out + 58, "\x05\x03\x55\x55", 4);
    assert_int_equal(decode(len, &back), SG_OK);
    assert_int_equal(back.batch_index, 3);
    assert_memory_equal(back.root, msg.root, sizeof(msg.root));
}

static sg_err decode_root(size_t len, struct sg_root *root)
{
    struct sg_reader r = sg_reader(sg_bytes(out + 1, len - 1));
    return sg_root_decode(&r, root);
}

static void roots_carry_the_leaves_of_their_batch(void **state)
{
    uint8_t ids[SG_BATCH_MAX * SG_ID_LEN];
    struct sg_root root = {.root = {9}, .signature = SG_BYTES_LIT("sig"), .count = 1};
    struct sg_root back;
    (void)state;
    for (size_t i = 0; i < sizeof(ids); i++)
        ids[i] = (uint8_t)(i / SG_ID_LEN + 1);
    struct sg_writer w = sg_writer(out, sizeof(out));
    sg_root_encode(&w, &root);
    assert_int_equal(w.len, 1 + 32 + 1 + 3 + 1);
    assert_memory_equal(out, "\x05\x09\x00", 3);
    assert_memory_equal(out + 33, "\x03sig\x00", 5);
    assert_int_equal(decode_root(w.len, &back), SG_OK);
    assert_int_equal(back.count, 1);
    assert_true(sg_bytes_equal(back.signature, root.signature));
    root.ids = ids;
    root.count = 2;
    w = sg_writer(out, sizeof(out));
    sg_root_encode(&w, &root);
    assert_int_equal(w.len, 1 + 32 + 1 + 3 + 2 + 64);
    assert_memory_equal(out + 37, "\x40\x40\x01\x01", 4); /* 64 bytes follow */
    assert_int_equal(decode_root(w.len, &back), SG_OK);
    assert_int_equal(back.count, 2);
    assert_memory_equal(back.ids, ids, 64);
    root.count = SG_BATCH_MAX;
    w = sg_writer(out, sizeof(out));
    sg_root_encode(&w, &root);
    assert_int_equal(decode_root(w.len, &back), SG_OK);
    assert_int_equal(back.count, SG_BATCH_MAX);
}

static void bad_roots_have_an_error_each(void **state)
{
    static const uint8_t one_leaf[] = {1, 's', 32};
    static const uint8_t half[] = {1, 's', 33};
    static const uint8_t unsigned_[] = {0, 0};
    static const uint8_t many[] = {1, 's', 0x48, 0x20}; /* 65 ids */
    struct sg_root root;
    (void)state;
    memset(out, 0, sizeof(out));
    memcpy(out + 33, one_leaf, sizeof(one_leaf));
    assert_int_equal(decode_root(36 + 32, &root), SG_ERR_MALFORMED);
    memcpy(out + 33, half, sizeof(half));
    assert_int_equal(decode_root(36 + 33, &root), SG_ERR_MALFORMED);
    memcpy(out + 33, unsigned_, sizeof(unsigned_));
    assert_int_equal(decode_root(35, &root), SG_ERR_MALFORMED);
    memcpy(out + 33, many, sizeof(many));
    assert_int_equal(decode_root(37 + 65 * 32, &root), SG_ERR_OVERSIZED);
    memcpy(out + 33, "\x01s\x00\x00", 4);
    assert_int_equal(decode_root(37, &root), SG_ERR_TRAILING);
    assert_int_equal(decode_root(35, &root), SG_ERR_TRUNCATED);
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
    memcpy(out + 60, "\x80\x01\x00\x01", 4); /* 65 537 bytes of payload */
    assert_int_equal(decode(len + 2, &back), SG_ERR_OVERSIZED);
    memcpy(out + 60, "\x40\x02", 2); /* two bytes where one is enough */
    assert_int_equal(decode(len, &back), SG_ERR_NOT_CANONICAL);
}

static void keys_and_wants_come_back(void **state)
{
    struct sg_msg_id id = {{8}};
    struct sg_msg_id id_back;
    struct sg_bytes bytes;
    struct sg_writer w = sg_writer(out, sizeof(out));
    (void)state;
    sg_key_encode(&w, SG_BYTES_LIT("key"));
    assert_memory_equal(out, "\x06\x03key", 5);
    struct sg_reader r = sg_reader(sg_bytes(out + 1, 4));
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
        cmocka_unit_test(batched_messages_carry_index_and_root),
        cmocka_unit_test(roots_carry_the_leaves_of_their_batch),
        cmocka_unit_test(bad_roots_have_an_error_each),
        cmocka_unit_test(bad_messages_have_an_error_each),
        cmocka_unit_test(keys_and_wants_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
