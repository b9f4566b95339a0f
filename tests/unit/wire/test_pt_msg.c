#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "wire/pt_msg.h"

static uint8_t out[SG_PT_IHAVE_MAX * 33 + 16];
static struct sg_pt_have have[SG_PT_IHAVE_MAX];
static struct sg_pt_have back[SG_PT_IHAVE_MAX];

static sg_err decode_ihave(size_t len, size_t *count)
{
    struct sg_reader r = sg_reader(sg_bytes(out, len));
    return sg_pt_ihave_decode(&r, back, count);
}

static size_t encode_ihave(size_t count)
{
    struct sg_writer w = sg_writer(out, sizeof(out));
    sg_pt_ihave_encode(&w, have, count);
    assert_int_equal(sg_writer_done(&w), SG_OK);
    return w.len;
}

static void ihave_has_these_bytes(void **state)
{
    (void)state;
    have[0] = (struct sg_pt_have){.id = {{0xaa}}, .hop = 7};
    assert_int_equal(encode_ihave(1), 34);
    assert_memory_equal(out, "\x21\xaa\x00", 3);
    assert_int_equal(out[33], 7);
}

static void ihave_comes_back_up_to_its_limit(void **state)
{
    static const size_t counts[] = {1, 2, 3, 497, SG_PT_IHAVE_MAX};
    size_t count = 0;
    (void)state;
    for (size_t i = 0; i < SG_PT_IHAVE_MAX; i++)
        have[i] = (struct sg_pt_have){.id = {{(uint8_t)i, (uint8_t)(i >> 8)}},
                                      .hop = (uint8_t)(i % 255 + 1)};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        assert_int_equal(decode_ihave(encode_ihave(counts[i]), &count), SG_OK);
        assert_int_equal(count, counts[i]);
        assert_memory_equal(back, have, counts[i] * sizeof(have[0]));
    }
}

static void bad_ihaves_have_an_error_each(void **state)
{
    size_t count = 0;
    (void)state;
    size_t len = encode_ihave(2);
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(decode_ihave(cut, &count), SG_ERR_TRUNCATED);
    out[len] = 0;
    assert_int_equal(decode_ihave(len + 1, &count), SG_ERR_TRAILING);
    out[0] = 0;
    assert_int_equal(decode_ihave(1, &count), SG_ERR_MALFORMED); /* no ids */
    out[0] = 0x20;
    assert_int_equal(decode_ihave(33, &count), SG_ERR_MALFORMED); /* no whole entry */
    have[0].hop = 0;
    assert_int_equal(decode_ihave(encode_ihave(1), &count), SG_ERR_MALFORMED);
    memcpy(out, "\x80\x00\x84\x21", 4); /* 1 025 entries */
    assert_int_equal(decode_ihave(sizeof(out), &count), SG_ERR_OVERSIZED);
    memcpy(out, "\x40\x21", 2);
    assert_int_equal(decode_ihave(35, &count), SG_ERR_NOT_CANONICAL);
}

static sg_err decode_graft(const void *bytes, size_t len, struct sg_pt_graft *graft)
{
    struct sg_reader r = sg_reader(sg_bytes(bytes, len));
    return sg_pt_graft_decode(&r, graft);
}

static void grafts_come_back_with_and_without_id(void **state)
{
    struct sg_pt_graft graft = {.has_id = true, .id = {{0x42}}};
    struct sg_pt_graft graft_back;
    struct sg_writer w = sg_writer(out, sizeof(out));
    (void)state;
    sg_pt_graft_encode(&w, &graft);
    assert_int_equal(w.len, 33);
    assert_memory_equal(out, "\x01\x42\x00", 3);
    assert_int_equal(decode_graft(out, 33, &graft_back), SG_OK);
    assert_true(graft_back.has_id);
    assert_memory_equal(&graft_back.id, &graft.id, sizeof(graft.id));
    assert_int_equal(decode_graft("\x00", 1, &graft_back), SG_OK);
    assert_false(graft_back.has_id);
}

static void bad_grafts_have_an_error_each(void **state)
{
    struct sg_pt_graft graft;
    (void)state;
    assert_int_equal(decode_graft("", 0, &graft), SG_ERR_TRUNCATED);
    assert_int_equal(decode_graft("\x01\x42", 2, &graft), SG_ERR_TRUNCATED);
    assert_int_equal(decode_graft("\x00\x00", 2, &graft), SG_ERR_TRAILING);
    assert_int_equal(decode_graft("\x02", 1, &graft), SG_ERR_MALFORMED);
}

static sg_err decode_dontwant(size_t len, struct sg_msg_id *ids, size_t *count)
{
    struct sg_reader r = sg_reader(sg_bytes(out, len));
    return sg_pt_ids_decode(&r, ids, count);
}

static size_t encode_dontwant(const struct sg_msg_id *ids, size_t count)
{
    struct sg_writer w = sg_writer(out, sizeof(out));
    sg_pt_ids_encode(&w, ids, count);
    assert_int_equal(sg_writer_done(&w), SG_OK);
    return w.len;
}

static void dontwants_have_these_bytes(void **state)
{
    static struct sg_msg_id ids[SG_PT_IDS_MAX], ids_back[SG_PT_IDS_MAX];
    size_t count = 0;
    (void)state;
    ids[0].b[0] = 0xa1;
    assert_int_equal(encode_dontwant(ids, 1), 33);
    assert_memory_equal(out, "\x20\xa1\x00", 3);
    ids[1].b[31] = 0xb2;
    assert_int_equal(encode_dontwant(ids, 2), 66);
    assert_memory_equal(out, "\x40\x40\xa1\x00", 4);
    assert_int_equal(out[65], 0xb2);
    size_t len = encode_dontwant(ids, SG_PT_IDS_MAX);
    assert_int_equal(decode_dontwant(len, ids_back, &count), SG_OK);
    assert_int_equal(count, SG_PT_IDS_MAX);
    assert_memory_equal(ids, ids_back, sizeof(ids));
}

static void bad_dontwants_have_an_error_each(void **state)
{
    struct sg_msg_id ids[SG_PT_IDS_MAX] = {{{1}}};
    size_t count = 0;
    (void)state;
    size_t len = encode_dontwant(ids, 2);
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(decode_dontwant(cut, ids, &count), SG_ERR_TRUNCATED);
    out[len] = 0;
    assert_int_equal(decode_dontwant(len + 1, ids, &count), SG_ERR_TRAILING);
    out[0] = 0;
    assert_int_equal(decode_dontwant(1, ids, &count), SG_ERR_MALFORMED); /* no ids */
    out[0] = 0x1f;
    assert_int_equal(decode_dontwant(32, ids, &count), SG_ERR_MALFORMED); /* no whole id */
    memcpy(out, "\x48\x20", 2);                                           /* 65 ids */
    assert_int_equal(decode_dontwant(2 + 65 * 32, ids, &count), SG_ERR_OVERSIZED);
    memcpy(out, "\x40\x20", 2);
    assert_int_equal(decode_dontwant(34, ids, &count), SG_ERR_NOT_CANONICAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ihave_has_these_bytes),
        cmocka_unit_test(ihave_comes_back_up_to_its_limit),
        cmocka_unit_test(bad_ihaves_have_an_error_each),
        cmocka_unit_test(grafts_come_back_with_and_without_id),
        cmocka_unit_test(bad_grafts_have_an_error_each),
        cmocka_unit_test(dontwants_have_these_bytes),
        cmocka_unit_test(bad_dontwants_have_an_error_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
