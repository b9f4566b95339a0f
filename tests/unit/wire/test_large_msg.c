#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "wire/gossip_msg.h"
#include "wire/large_msg.h"

static uint8_t out[SG_FRAME_BULK_MAX];
static size_t len;

static void encode(const struct sg_large_msg *msg)
{
    struct sg_writer w = sg_writer(out, sizeof(out));
    sg_large_msg_encode(&w, msg);
    assert_int_equal(sg_writer_done(&w), SG_OK);
    len = w.len;
}

static sg_err decode_first(size_t count, struct sg_large_msg *msg)
{
    struct sg_reader r = sg_reader(sg_bytes(out, count));
    return sg_large_msg_decode(&r, msg);
}

static void check_same(const struct sg_large_msg *msg)
{
    static uint8_t before[SG_FRAME_BULK_MAX];
    size_t before_len = len;
    memcpy(before, out, len);
    encode(msg);
    assert_int_equal(len, before_len);
    assert_memory_equal(out, before, len);
}

static struct sg_large_msg have(void)
{
    struct sg_large_msg msg = {
        .kind = SG_LARGE_HAVE, .id = {{0xa1}}, .wants_reply = true, .len = 2};
    sg_chunks_add(&msg.chunks, 0);
    sg_chunks_add(&msg.chunks, 9);
    return msg;
}

static void messages_have_these_bytes(void **state)
{
    struct sg_large_msg msg = have();
    struct sg_large_msg back;
    (void)state;
    encode(&msg);
    assert_int_equal(len, 1 + 32 + 1 + 1 + 2);
    assert_memory_equal(out, "\x01\xa1\x00", 3);
    assert_memory_equal(out + 33, "\x01\x02\x01\x02", 4);
    assert_int_equal(decode_first(len, &back), SG_OK);
    assert_true(back.wants_reply && back.len == 2);
    assert_true(sg_chunks_has(&back.chunks, 9) && sg_chunks_count(&back.chunks) == 2);
    check_same(&back);
    msg.kind = SG_LARGE_ASK;
    encode(&msg);
    assert_int_equal(len, 1 + 32 + 1 + 2);
    assert_memory_equal(out + 33, "\x02\x01\x02", 3);
    assert_int_equal(decode_first(len, &back), SG_OK);
    check_same(&back);
    msg = (struct sg_large_msg){.kind = SG_LARGE_NONE, .id = {{0xa1}}};
    encode(&msg);
    assert_int_equal(len, 33);
    assert_int_equal(decode_first(len, &back), SG_OK);
    assert_int_equal(back.kind, SG_LARGE_NONE);
}

static void chunks_carry_up_to_64_kib(void **state)
{
    static uint8_t bytes[SG_CHUNK_LEN];
    struct sg_large_msg msg = {
        .kind = SG_LARGE_CHUNK, .id = {{0xa1}}, .index = 2, .bytes = SG_BYTES_LIT("hi")};
    struct sg_large_msg back;
    (void)state;
    encode(&msg);
    assert_int_equal(len, 1 + 32 + 2 + 1 + 2);
    assert_memory_equal(out + 33, "\x00\x02\x02hi", 5);
    assert_int_equal(decode_first(len, &back), SG_OK);
    check_same(&back);
    msg.bytes = sg_bytes(bytes, sizeof(bytes));
    encode(&msg);
    assert_true(len + SG_ID_LEN + 3 <= SG_FRAME_BULK_MAX);
    assert_int_equal(decode_first(len, &back), SG_OK);
    assert_int_equal(back.bytes.len, SG_CHUNK_LEN);
}

static void bad_messages_have_an_error_each(void **state)
{
    struct sg_large_msg msg = have();
    struct sg_large_msg back;
    (void)state;
    encode(&msg);
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(decode_first(cut, &back), SG_ERR_TRUNCATED);
    assert_int_equal(decode_first(len + 1, &back), SG_ERR_TRAILING);
    out[33] = 2; /* neither true nor false */
    assert_int_equal(decode_first(len, &back), SG_ERR_MALFORMED);
    encode(&msg);
    out[34] = 0; /* no set */
    assert_int_equal(decode_first(len - 2, &back), SG_ERR_MALFORMED);
    out[34] = 33; /* of more chunks than there can be */
    assert_int_equal(decode_first(len + 31, &back), SG_ERR_OVERSIZED);
    out[0] = 5;
    assert_int_equal(decode_first(len, &back), SG_ERR_MALFORMED);
    msg.kind = SG_LARGE_ASK;
    msg.chunks = (struct sg_chunks){{0}};
    encode(&msg); /* asks for nothing */
    assert_int_equal(decode_first(len, &back), SG_ERR_MALFORMED);
    for (uint16_t i = 0; i < SG_LARGE_ASK_MAX + 1; i++)
        sg_chunks_add(&msg.chunks, i);
    encode(&msg); /* for too much */
    assert_int_equal(decode_first(len, &back), SG_ERR_MALFORMED);
    sg_chunks_remove(&msg.chunks, 0);
    encode(&msg);
    assert_int_equal(decode_first(len, &back), SG_OK);
    msg = (struct sg_large_msg){.kind = SG_LARGE_CHUNK, .index = SG_CHUNKS_MAX};
    msg.bytes = SG_BYTES_LIT("x");
    encode(&msg); /* no such chunk */
    assert_int_equal(decode_first(len, &back), SG_ERR_MALFORMED);
    msg.index = 0;
    msg.bytes.len = 0;
    encode(&msg); /* an empty one */
    assert_int_equal(decode_first(len, &back), SG_ERR_MALFORMED);
}

static void write_size(uint64_t size)
{
    struct sg_writer w = sg_writer(out, 8);
    sg_write_u64(&w, size);
}

static sg_err decode_announcement(size_t hashes, struct sg_announcement *what)
{
    return sg_announcement_decode(sg_bytes(out, 8 + hashes * SG_ID_LEN), what);
}

static void announcements_have_a_hash_for_each_chunk(void **state)
{
    struct sg_announcement what;
    (void)state;
    memset(out, 0x55, sizeof(out));
    write_size(SG_PAYLOAD_MAX + 1);
    assert_int_equal(decode_announcement(2, &what), SG_OK);
    assert_int_equal(what.count, 2);
    assert_int_equal(sg_chunk_len(&what, 0), SG_CHUNK_LEN);
    assert_int_equal(sg_chunk_len(&what, 1), 1);
    assert_ptr_equal(what.hashes, out + 8);
    assert_int_equal(decode_announcement(1, &what), SG_ERR_TRUNCATED);
    assert_int_equal(decode_announcement(3, &what), SG_ERR_TRAILING);
    write_size(SG_LARGE_MAX);
    assert_int_equal(decode_announcement(SG_CHUNKS_MAX, &what), SG_OK);
    assert_int_equal(sg_chunk_len(&what, SG_CHUNKS_MAX - 1), SG_CHUNK_LEN);
    struct sg_writer w = sg_writer(out + 10000, SG_ANNOUNCEMENT_MAX);
    sg_announcement_encode(&w, &what);
    assert_int_equal(sg_writer_done(&w), SG_OK);
    assert_memory_equal(out, out + 10000, SG_ANNOUNCEMENT_MAX);
    write_size(SG_LARGE_MAX + 1);
    assert_int_equal(decode_announcement(SG_CHUNKS_MAX + 1, &what), SG_ERR_OVERSIZED);
    write_size(UINT64_MAX);
    assert_int_equal(decode_announcement(1, &what), SG_ERR_OVERSIZED);
    write_size(SG_PAYLOAD_MAX); /* is pushed instead */
    assert_int_equal(decode_announcement(1, &what), SG_ERR_MALFORMED);
    assert_int_equal(sg_announcement_decode(sg_bytes(out, 7), &what), SG_ERR_TRUNCATED);
}

static void gossip_says_whether_it_announces(void **state)
{
    static uint8_t announcement[8 + 2 * SG_ID_LEN];
    struct sg_gossip msg = {.hop = 1, .batch_count = 1, .is_large = true};
    struct sg_gossip back;
    struct sg_writer w = sg_writer(announcement, 8);
    (void)state;
    sg_write_u64(&w, SG_PAYLOAD_MAX + 1);
    msg.payload = sg_bytes(announcement, sizeof(announcement));
    w = sg_writer(out, sizeof(out));
    sg_gossip_encode(&w, &msg);
    assert_int_equal(out[59], 1);
    struct sg_reader r = sg_reader(sg_bytes(out + 1, w.len - 1));
    assert_int_equal(sg_gossip_decode(&r, &back), SG_OK);
    assert_true(back.is_large && sg_bytes_equal(back.payload, msg.payload));
    out[59] = 2;
    r = sg_reader(sg_bytes(out + 1, w.len - 1));
    assert_int_equal(sg_gossip_decode(&r, &back), SG_ERR_MALFORMED);
    msg.payload.len--;
    w = sg_writer(out, sizeof(out));
    sg_gossip_encode(&w, &msg);
    r = sg_reader(sg_bytes(out + 1, w.len - 1));
    assert_int_equal(sg_gossip_decode(&r, &back), SG_ERR_TRUNCATED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_have_these_bytes),
        cmocka_unit_test(chunks_carry_up_to_64_kib),
        cmocka_unit_test(bad_messages_have_an_error_each),
        cmocka_unit_test(announcements_have_a_hash_for_each_chunk),
        cmocka_unit_test(gossip_says_whether_it_announces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
